/* typed.c: cells as the dtypes of a function's columns. */
#include "typed.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "data/field.h"

static const double largest = 9007199254740992.0; /* 2^53 */

static bool ends_with(const char *name, size_t size, const char *end) {
  size_t n = strlen(end);
  return size >= n && memcmp(name + size - n, end, n) == 0;
}

/* "int8" to "uint64", in either case. */
static bool find_whole(cli_dtype *dtype, const char *name, size_t size) {
  static const struct {
    const char *name;
    double least, most;
  } known[] = {
      {"int8", -128.0, 127.0},
      {"int16", -32768.0, 32767.0},
      {"int32", -2147483648.0, 2147483647.0},
      {"int64", -9007199254740992.0, 9007199254740992.0},
      {"uint8", 0.0, 255.0},
      {"uint16", 0.0, 65535.0},
      {"uint32", 0.0, 4294967295.0},
      {"uint64", 0.0, 9007199254740992.0},
  };
  for (size_t i = 0; i < WL_COUNT_OF(known); i++) {
    if (strlen(known[i].name) != size ||
        strncasecmp(known[i].name, name, size) != 0)
      continue;
    dtype->kind = CLI_WHOLE;
    dtype->least = known[i].least;
    dtype->most = known[i].most;
    return true;
  }
  return false;
}

wl_status cli_dtype_init(cli_dtype *dtype, const char *name, const char *column,
                         wl_error *error) {
  size_t size = strlen(name);
  char shown[WL_QUOTE_SIZE];
  *dtype = (cli_dtype){.name = name};
  dtype->is_nullable = (name[0] >= 'A' && name[0] <= 'Z') ||
                       strncmp(name, "boolean", 7) == 0 ||
                       ends_with(name, size, "[pyarrow]");
  if (ends_with(name, size, "[pyarrow]"))
    size -= strlen("[pyarrow]");
  if (strncmp(name, "datetime[", 9) == 0 || strcmp(name, "timedelta") == 0)
    return wl_fail(error, WL_ERROR_UNSUPPORTED,
                   "column %s was of %s, which the program does not read: "
                   "predict from Python (willump.load)",
                   wl_quote_text(shown, column, strlen(column)), name);
  if (strcmp(name, "datetime") == 0)
    dtype->kind = CLI_MOMENT;
  else if (strncmp(name, "bool", 4) == 0)
    dtype->kind = CLI_BOOL;
  else if (!find_whole(dtype, name, size) &&
           strncasecmp("float", name, 5) == 0 && size >= 5) {
    dtype->kind = CLI_FLOAT;
    dtype->is_single = ends_with(name, size, "32");
  }
  return WL_OK;
}

/* ---- moments ------------------------------------------------------------- */

/* Digits, `n` of them; -1 of what is none. */
static int read_digits(const char **at, const char *end, int n) {
  int found = 0;
  for (int i = 0; i < n; i++, (*at)++) {
    if (*at == end || **at < '0' || **at > '9')
      return -1;
    found = 10 * found + (**at - '0');
  }
  return found;
}

static bool read_mark(const char **at, const char *end, char mark) {
  if (*at == end || **at != mark)
    return false;
  (*at)++;
  return true;
}

/* Days since 1970; years begin in March, so that the leap day is the last. */
static int64_t days_since_1970(int64_t year, int month, int day) {
  static const int before[] = {306, 337, 0,   31,  61,  92,
                               122, 153, 184, 214, 245, 275};
  if (month <= 2)
    year--;
  /* Of four digits, so none is negative but the one before 0. */
  int64_t shifted = year + 400;
  return 365 * shifted + shifted / 4 - shifted / 100 + shifted / 400 +
         before[month - 1] + day - 1 - 719468 - 146097;
}

static bool read_date(const char **at, const char *end, int64_t *days) {
  static const int sizes[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  int year = read_digits(at, end, 4);
  if (year < 1 || !read_mark(at, end, '-'))
    return false;
  int month = read_digits(at, end, 2);
  if (month < 1 || month > 12 || !read_mark(at, end, '-'))
    return false;
  int day = read_digits(at, end, 2);
  bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  if (day < 1 || day > sizes[month - 1] + (month == 2 && is_leap))
    return false;
  *days = days_since_1970(year, month, day);
  return true;
}

/* Seconds may have a fraction; only whole microseconds are held. */
static bool read_time(const char **at, const char *end, int64_t *microseconds) {
  int hour = read_digits(at, end, 2);
  if (hour < 0 || hour > 23 || !read_mark(at, end, ':'))
    return false;
  int minute = read_digits(at, end, 2), second = 0;
  if (minute < 0 || minute > 59)
    return false;
  int64_t fraction = 0;
  if (read_mark(at, end, ':')) {
    second = read_digits(at, end, 2);
    if (second < 0 || second > 59)
      return false;
    if (read_mark(at, end, '.')) {
      int64_t unit = 100000;
      if (*at == end)
        return false;
      for (; *at < end; (*at)++, unit /= 10) {
        if (**at < '0' || **at > '9' || (unit == 0 && **at != '0'))
          return false;
        fraction += unit * (**at - '0');
      }
    }
  }
  *microseconds =
      ((hour * 60 + minute) * 60 + second) * INT64_C(1000000) + fraction;
  return true;
}

bool cli_moment_parse(const char *text, size_t size, double *out) {
  const char *at = text, *end = text + size;
  int64_t days, rest = 0;
  while (at < end && *at == ' ')
    at++;
  while (end > at && end[-1] == ' ')
    end--;
  if (!read_date(&at, end, &days))
    return false;
  if (at < end && *at != ' ' && *at != 'T')
    return false;
  if (at < end) {
    at++;
    if (!read_time(&at, end, &rest))
      return false;
  }
  double found = (double)(days * INT64_C(86400000000) + rest);
  if (at != end || fabs(found) > largest)
    return false;
  *out = found;
  return true;
}

/* ---- columns ------------------------------------------------------------- */

static wl_status fail_cell(const wl_table *table, size_t column, size_t row,
                           const cli_dtype *dtype, wl_error *error) {
  const wl_cell *cell = &table->cells[column * table->max_rows + row];
  char name[WL_QUOTE_SIZE], value[WL_QUOTE_SIZE] = "a record or list";
  if (cell->kind == WL_CELL_MISSING || cell->kind == WL_CELL_EMPTY)
    snprintf(value, sizeof value, "nothing");
  else if (cell->kind == WL_CELL_NUMBER)
    snprintf(value, sizeof value, "%.17g", cell->number);
  else if (cell->kind == WL_CELL_BOOL)
    snprintf(value, sizeof value, "%s", cell->number != 0.0 ? "true" : "false");
  else if (cell->kind != WL_CELL_NESTED)
    wl_quote_text(value, cell->text.data, cell->text.size);
  return wl_fail_row(
      error, WL_ERROR_VALUE, (int64_t)row,
      "line %llu: column %s holds %s; the function was compiled "
      "for %s",
      (unsigned long long)table->lines[row],
      wl_quote_text(name, table->names[column].data, table->names[column].size),
      value, dtype->name);
}

/* Whether a cell's text is a word for a truth, not a number. */
static bool is_truth(const wl_cell *cell) {
  if (cell->kind != WL_CELL_TEXT && cell->kind != WL_CELL_QUOTED)
    return cell->kind == WL_CELL_BOOL;
  const char *text = cell->text.data, *end = text + cell->text.size;
  while (text < end && *text == ' ')
    text++;
  return text < end && strchr("tTfF", *text) != NULL;
}

static bool is_of(const cli_dtype *dtype, const wl_cell *cell, double value) {
  if (isnan(value) && (dtype->is_nullable || dtype->kind == CLI_FLOAT))
    return true;
  switch (dtype->kind) {
  case CLI_FLOAT:
    return !is_truth(cell);
  case CLI_WHOLE:
    return !is_truth(cell) && floor(value) == value && value >= dtype->least &&
           value <= dtype->most;
  case CLI_BOOL:
    return is_truth(cell);
  default:
    return true;
  }
}

static wl_status read_moments(const wl_table *table, size_t column,
                              const cli_dtype *dtype, double *out,
                              size_t stride, wl_error *error) {
  const wl_cell *cells = table->cells + column * table->max_rows;
  for (size_t row = 0; row < table->n_rows; row++) {
    const wl_cell *cell = &cells[row];
    double *to = &out[row * stride];
    bool is_text = cell->kind == WL_CELL_TEXT || cell->kind == WL_CELL_QUOTED;
    bool out_of_memory = false;
    *to = (double)NAN;
    if (cell->kind == WL_CELL_MISSING || cell->kind == WL_CELL_EMPTY)
      continue;
    if ((is_text || cell->kind == WL_CELL_STRING) &&
        cli_moment_parse(cell->text.data, cell->text.size, to))
      continue;
    if (is_text && cell->text.size == 3 &&
        memcmp(cell->text.data, "NaT", 3) == 0)
      continue;
    /* The spellings of "not available" that pandas knows. */
    if (is_text &&
        wl_number_parse(cell->text.data, cell->text.size, to, &out_of_memory) &&
        isnan(*to))
      continue;
    if (out_of_memory)
      return wl_fail_memory(error, cell->text.size);
    return fail_cell(table, column, row, dtype, error);
  }
  return WL_OK;
}

wl_status cli_typed_numbers(const wl_table *table, size_t column,
                            const cli_dtype *dtype, double *out, size_t stride,
                            wl_error *error) {
  if (dtype->kind == CLI_MOMENT)
    return read_moments(table, column, dtype, out, stride, error);
  WL_TRY(wl_table_numbers(table, column, out, stride, error));
  const wl_cell *cells = table->cells + column * table->max_rows;
  for (size_t row = 0; row < table->n_rows && dtype->kind != CLI_ANY_NUMBER;
       row++) {
    double *value = &out[row * stride];
    double given = *value;
    if (dtype->is_single)
      *value = (double)(float)given;
    if (!is_of(dtype, &cells[row], *value) || isinf(*value) != isinf(given))
      return fail_cell(table, column, row, dtype, error);
  }
  return WL_OK;
}
