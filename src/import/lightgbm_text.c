/*
 * lightgbm_text.c: the lines `name=value` of LightGBM's model text, and the
 * numbers of a value. Messages name the line, the field and the value.
 */
#include <stdio.h>

#include "base/number.h"
#include "import/lightgbm.h"

enum { MAX_TOKEN = 64 };

const char *const wl_lgb_header_names[WL_LGB_HEADER_COUNT] = {
    "version",   "num_class",      "num_tree_per_iteration", "max_feature_idx",
    "objective", "average_output", "feature_names",          "tree_sizes",
};

const char *const wl_lgb_tree_names[WL_LGB_TREE_COUNT] = {
    "num_leaves",     "num_cat",       "split_feature", "threshold",
    "decision_type",  "left_child",    "right_child",   "leaf_value",
    "cat_boundaries", "cat_threshold", "is_linear",     "leaf_const",
    "num_features",   "leaf_features", "leaf_coeff",
};

/* ---- lines and fields ---------------------------------------------------- */

bool wl_lgb_next_line(wl_lgb_reader *reader, wl_string *line) {
  if (reader->at == reader->end)
    return false;
  size_t left = (size_t)(reader->end - reader->at);
  const char *end = memchr(reader->at, '\n', left);
  size_t size = end != NULL ? (size_t)(end - reader->at) : left;
  *line = (wl_string){reader->at, size};
  reader->at += size + (end != NULL);
  reader->line++;
  if (line->size > 0 && line->data[line->size - 1] == '\r')
    line->size--;
  return true;
}

bool wl_lgb_begins(wl_string string, const char *text) {
  size_t size = strlen(text);
  return string.size >= size && memcmp(string.data, text, size) == 0;
}

wl_status wl_lgb_keep_field(wl_lgb_reader *reader, wl_string line,
                            const char *const *names, wl_lgb_field *fields,
                            size_t n_fields) {
  const char *equals = memchr(line.data, '=', line.size);
  wl_string name = {line.data,
                    equals != NULL ? (size_t)(equals - line.data) : line.size};
  for (size_t i = 0; i < n_fields; i++) {
    if (!wl_string_is(name, names[i]))
      continue;
    if (fields[i].value.data != NULL)
      return wl_fail(reader->error, WL_ERROR_VALUE,
                     "LightGBM model, line %zu: %s is there twice, first in "
                     "line %zu",
                     reader->line, names[i], fields[i].line);
    size_t skipped = name.size + (equals != NULL);
    fields[i].value = (wl_string){line.data + skipped, line.size - skipped};
    fields[i].line = reader->line;
  }
  return WL_OK;
}

wl_status wl_lgb_fail_field(const wl_lgb_reader *reader,
                            const wl_lgb_field *field, const char *name,
                            const char *problem) {
  if (field->value.data == NULL)
    return wl_fail(reader->error, WL_ERROR_VALUE,
                   "LightGBM model, before line %zu: %s is missing",
                   reader->line, name);
  return wl_fail(reader->error, WL_ERROR_VALUE,
                 "LightGBM model, line %zu: %s %s", field->line, name, problem);
}

/* ---- numbers ------------------------------------------------------------- */

bool wl_lgb_next_word(wl_string *rest, wl_string *word) {
  while (rest->size > 0 && *rest->data == ' ') {
    rest->data++;
    rest->size--;
  }
  const char *end = memchr(rest->data, ' ', rest->size);
  *word = (wl_string){rest->data,
                      end != NULL ? (size_t)(end - rest->data) : rest->size};
  rest->data += word->size;
  rest->size -= word->size;
  return word->size > 0;
}

bool wl_lgb_parse_integer(wl_string word, int64_t *out) {
  bool is_negative = word.size > 0 && word.data[0] == '-';
  size_t i = is_negative;
  int64_t value = 0;
  if (word.size == i || word.size > 18)
    return false;
  for (; i < word.size; i++) {
    if (word.data[i] < '0' || word.data[i] > '9')
      return false;
    value = value * 10 + (word.data[i] - '0');
  }
  *out = is_negative ? -value : value;
  return true;
}

bool wl_lgb_parse_real(wl_string word, double *out) {
  char text[MAX_TOKEN + 1], *end;
  if (word.size == 0 || word.size > MAX_TOKEN)
    return false;
  memcpy(text, word.data, word.size);
  text[word.size] = '\0';
  const char *digits = text + (text[0] == '-' || text[0] == '+');
  if (strspn(digits, "0123456789+-.eE") != strlen(digits) &&
      strcmp(digits, "inf") != 0 && strcmp(digits, "nan") != 0)
    return false;
  *out = wl_parse_double(text, &end);
  return *end == '\0';
}

static wl_status fail_value(const wl_lgb_reader *reader,
                            const wl_lgb_field *field, const char *name,
                            size_t i, wl_string word, const char *wanted) {
  return wl_fail(reader->error, WL_ERROR_VALUE,
                 "LightGBM model, line %zu: value %zu of %s is '%.*s', not %s",
                 field->line, i, name, word.size < 40 ? (int)word.size : 40,
                 word.data, wanted);
}

wl_status wl_lgb_fail_count(const wl_lgb_reader *reader,
                            const wl_lgb_field *field, const char *name,
                            size_t n, size_t expected) {
  return wl_fail(reader->error, WL_ERROR_VALUE,
                 "LightGBM model, line %zu: %s has %zu values, not %zu",
                 field->line, name, n, expected);
}

wl_status wl_lgb_read_integer(const wl_lgb_reader *reader,
                              const wl_lgb_field *field, const char *name,
                              int64_t low, int64_t high, int64_t *out) {
  char problem[96];
  *out = 0;
  if (field->value.data == NULL)
    return wl_lgb_fail_field(reader, field, name, "");
  if (wl_lgb_parse_integer(field->value, out) && *out >= low && *out <= high)
    return WL_OK;
  snprintf(problem, sizeof problem, "is not a whole number from %lld to %lld",
           (long long)low, (long long)high);
  return wl_lgb_fail_field(reader, field, name, problem);
}

wl_status wl_lgb_read_integers(const wl_lgb_reader *reader, wl_lgb_tree which,
                               size_t n, int64_t low, int64_t high,
                               wl_i64_array *out) {
  const wl_lgb_field *field = &reader->tree[which];
  const char *name = wl_lgb_tree_names[which];
  wl_string rest = field->value, word;
  size_t n_read = 0;
  if (rest.data == NULL)
    return wl_lgb_fail_field(reader, field, name, "");
  for (; wl_lgb_next_word(&rest, &word); n_read++) {
    int64_t value;
    if (n_read == n)
      return wl_lgb_fail_count(reader, field, name, n + 1, n);
    if (!wl_lgb_parse_integer(word, &value))
      return fail_value(reader, field, name, n_read, word, "a whole number");
    if (value < low || value > high) {
      char wanted[64];
      snprintf(wanted, sizeof wanted, "from %lld to %lld", (long long)low,
               (long long)high);
      return fail_value(reader, field, name, n_read, word, wanted);
    }
    WL_TRY(wl_i64_push(out, value, reader->error));
  }
  return n_read == n ? WL_OK
                     : wl_lgb_fail_count(reader, field, name, n_read, n);
}

wl_status wl_lgb_read_reals(const wl_lgb_reader *reader, wl_lgb_tree which,
                            size_t n, wl_f64_array *out) {
  const wl_lgb_field *field = &reader->tree[which];
  const char *name = wl_lgb_tree_names[which];
  wl_string rest = field->value, word;
  size_t n_read = 0;
  if (rest.data == NULL)
    return wl_lgb_fail_field(reader, field, name, "");
  for (; wl_lgb_next_word(&rest, &word); n_read++) {
    double value;
    if (n_read == n)
      return wl_lgb_fail_count(reader, field, name, n + 1, n);
    if (!wl_lgb_parse_real(word, &value))
      return fail_value(reader, field, name, n_read, word, "a number");
    WL_TRY(wl_f64_push(out, value, reader->error));
  }
  return n_read == n ? WL_OK
                     : wl_lgb_fail_count(reader, field, name, n_read, n);
}
