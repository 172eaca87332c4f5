/*
 * table.c: the readers' chunk. Cells stay as the file has them; here a column
 * becomes strings or doubles, with errors that name the line and the column.
 */
#include "data/table.h"

#include "data/field.h"

/* Cells of a chunk at most, unless one row has more. */
enum { MAX_CELLS = 1 << 20 };

wl_status wl_table_init(wl_table *table, const wl_string *names,
                        size_t n_columns, size_t max_rows, wl_error *error) {
  *table = (wl_table){.first_record = 1};
  size_t most = MAX_CELLS / (n_columns == 0 ? 1 : n_columns);
  if (max_rows > most)
    max_rows = most;
  if (max_rows == 0)
    max_rows = 1;
  table->names = wl_calloc(n_columns, sizeof *table->names);
  if (table->names == NULL)
    return wl_fail_memory(error, n_columns * sizeof *table->names);
  table->n_columns = n_columns;
  for (size_t c = 0; c < n_columns; c++) {
    table->names[c].data = wl_strndup(names[c].data, names[c].size);
    if (table->names[c].data == NULL)
      return wl_fail_memory(error, names[c].size);
    table->names[c].size = names[c].size;
  }
  /* n_columns * max_rows is at most MAX_CELLS or n_columns. */
  table->cells = wl_calloc(n_columns * max_rows, sizeof *table->cells);
  table->lines = wl_calloc(max_rows, sizeof *table->lines);
  if (table->cells == NULL || table->lines == NULL)
    return wl_fail_memory(error, n_columns * max_rows * sizeof *table->cells);
  table->max_rows = max_rows;
  return WL_OK;
}

void wl_table_deinit(wl_table *table) {
  for (size_t c = 0; c < table->n_columns; c++)
    wl_free((void *)(uintptr_t)table->names[c].data);
  wl_free(table->names);
  wl_free(table->cells);
  wl_free(table->lines);
  *table = (wl_table){0};
}

size_t wl_table_find(const wl_table *table, const char *name, size_t name_size,
                     size_t *column) {
  size_t n_found = 0;
  for (size_t c = 0; c < table->n_columns; c++) {
    const wl_string *have = &table->names[c];
    if (have->size != name_size || memcmp(have->data, name, name_size) != 0)
      continue;
    if (n_found++ == 0)
      *column = c;
  }
  return n_found;
}

static const char *const kind_words[] = {
    "a missing value", "an empty field", "text",      "quoted text",
    "a string",        "a number",       "a boolean", "an object or array"};
_Static_assert(WL_COUNT_OF(kind_words) == WL_CELL_KIND_COUNT,
               "a word for every kind");

static wl_status fail_kind(const wl_table *table, size_t column, size_t row,
                           const char *wanted, wl_error *error) {
  char name[WL_QUOTE_SIZE];
  const wl_cell *cell = &table->cells[column * table->max_rows + row];
  return wl_fail_row(
      error, WL_ERROR_TYPE, (int64_t)row,
      "line %llu: column %s is %s, but the model wants %s",
      (unsigned long long)table->lines[row],
      wl_quote_text(name, table->names[column].data, table->names[column].size),
      kind_words[cell->kind], wanted);
}

wl_status wl_table_strings(const wl_table *table, size_t column, wl_string *out,
                           wl_error *error) {
  const wl_cell *cells = table->cells + column * table->max_rows;
  for (size_t row = 0; row < table->n_rows; row++) {
    switch (cells[row].kind) {
    case WL_CELL_EMPTY:
    case WL_CELL_TEXT:
    case WL_CELL_QUOTED:
    case WL_CELL_STRING:
      out[row] = cells[row].text;
      break;
    case WL_CELL_MISSING:
      out[row] = (wl_string){NULL, 0};
      break;
    default:
      return fail_kind(table, column, row, "text", error);
    }
  }
  return WL_OK;
}

wl_status wl_table_categories(const wl_table *table, size_t column,
                              wl_string *out, wl_error *error) {
  const wl_cell *cells = table->cells + column * table->max_rows;
  WL_TRY(wl_table_strings(table, column, out, error));
  for (size_t row = 0; row < table->n_rows; row++)
    if (cells[row].kind == WL_CELL_EMPTY)
      out[row] = (wl_string){NULL, WL_MISSING_ANY};
  return WL_OK;
}

wl_status wl_table_numbers(const wl_table *table, size_t column, double *out,
                           size_t stride, wl_error *error) {
  const wl_cell *cells = table->cells + column * table->max_rows;
  for (size_t row = 0; row < table->n_rows; row++) {
    const wl_cell *cell = &cells[row];
    double *number = &out[row * stride];
    bool out_of_memory = false;
    switch (cell->kind) {
    case WL_CELL_MISSING:
    case WL_CELL_EMPTY:
      *number = __builtin_nan("");
      break;
    case WL_CELL_NUMBER:
    case WL_CELL_BOOL:
      *number = cell->number;
      break;
    case WL_CELL_TEXT:
    case WL_CELL_QUOTED:
      if (cell->text.size == 0) { /* "", as pandas writes it alone on a line */
        *number = __builtin_nan("");
        break;
      }
      if (wl_number_parse(cell->text.data, cell->text.size, number,
                          &out_of_memory))
        break;
      if (out_of_memory)
        return wl_fail_memory(error, cell->text.size);
      char name[WL_QUOTE_SIZE], value[WL_QUOTE_SIZE];
      return wl_fail_row(
          error, WL_ERROR_VALUE, (int64_t)row,
          "line %llu: column %s: could not convert string to float: %s",
          (unsigned long long)table->lines[row],
          wl_quote_text(name, table->names[column].data,
                        table->names[column].size),
          wl_quote_text(value, cell->text.data, cell->text.size));
    default:
      return fail_kind(table, column, row, "numbers", error);
    }
  }
  return WL_OK;
}
