/* encode_state.c: the attributes of `encode`, checked, and made into tables. */
#include "ops/encode.h"
#include "ops/table.h"

/* ---- attributes ---------------------------------------------------------- */

static wl_status check_size(const char *name, size_t n, size_t expected,
                            wl_error *error) {
  if (n == expected)
    return WL_OK;
  return wl_fail(error, WL_ERROR_VALUE,
                 "operator 'encode': '%s' has %zu elements, expected %zu", name,
                 n, expected);
}

static wl_status check_kind(const wl_const *constant, const char *name,
                            bool is_string, wl_error *error) {
  if (constant == NULL || (constant->dtype == WL_STRING) == is_string)
    return WL_OK;
  return wl_fail(error, WL_ERROR_TYPE, "operator 'encode': '%s' is %s", name,
                 is_string ? "numbers, not strings" : "strings, not numbers");
}

static wl_status count_columns(const wl_graph *graph, const wl_node *node,
                               bool *is_text, size_t *n, wl_error *error) {
  *is_text = wl_input_type(graph, node, 0)->kind == WL_VALUE_STRINGS;
  *n = 0;
  for (uint32_t i = 0; i < node->n_inputs; i++) {
    const wl_type *type = wl_input_type(graph, node, i);
    if ((type->kind == WL_VALUE_STRINGS) != *is_text ||
        type->kind == WL_VALUE_CSR)
      return wl_fail(error, WL_ERROR_TYPE,
                     "operator 'encode' takes strings only, or dense matrices "
                     "only; input %u is another",
                     i);
    *n += type->n_columns;
  }
  return WL_OK;
}

/* Every column's number of categories, which add up to all there are. */
static wl_status check_sizes(const wl_encode_attrs *a, wl_error *error) {
  WL_TRY(check_size("sizes", a->sizes->n_elements, a->n_columns, error));
  size_t left = a->categories->n_elements;
  for (size_t c = 0; c < a->n_columns; c++) {
    double size = wl_const_number(a->sizes, c);
    if (!(size >= 0.0 && size <= (double)left && size == (double)(size_t)size))
      return wl_fail(error, WL_ERROR_VALUE,
                     "operator 'encode': column %zu has %g of the %zu "
                     "categories that are left",
                     c, size, left);
    left -= (size_t)size;
  }
  return check_size("categories", a->categories->n_elements,
                    a->categories->n_elements - left, error);
}

/* The numbers, within each column, of the categories that stand for missing
 * values. */
static wl_status check_missing(const wl_encode_attrs *a,
                               const wl_const *missing, const char *name,
                               wl_error *error) {
  if (missing == NULL)
    return WL_OK;
  WL_TRY(check_kind(missing, name, false, error));
  WL_TRY(check_size(name, missing->n_elements, a->n_columns, error));
  for (size_t c = 0; c < a->n_columns; c++) {
    double at = wl_const_number(missing, c);
    if (!(at >= -1.0 && at < wl_const_number(a->sizes, c) &&
          at == (double)(int64_t)at))
      return wl_fail(error, WL_ERROR_VALUE,
                     "operator 'encode': '%s' says %g, which column %zu has "
                     "no category for",
                     name, at, c);
  }
  return WL_OK;
}

/* It has a place for the columns' numbers. */
static wl_status check_warning(const wl_node *node, const wl_encode_attrs *a,
                               wl_error *error) {
  wl_string text = wl_node_string(node, "warning", "[]");
  if (memmem(text.data, text.size, "[]", 2) == NULL ||
      memchr(text.data, '\0', text.size) != NULL ||
      (wl_node_attr(node, "warning") != NULL && a->unknown == NULL))
    return wl_fail(error, WL_ERROR_VALUE,
                   "operator 'encode': 'warning' is a text with '[]' in it, "
                   "for columns with 'unknown'");
  return WL_OK;
}

wl_status wl_encode_attrs_read(const wl_graph *graph, const wl_node *node,
                               wl_encode_attrs *a, wl_error *error) {
  bool is_text;
  *a =
      (wl_encode_attrs){.categories = wl_node_tensor(graph, node, "categories"),
                        .sizes = wl_node_tensor(graph, node, "sizes"),
                        .codes = wl_node_tensor(graph, node, "codes"),
                        .unknown = wl_node_tensor(graph, node, "unknown"),
                        .nan = wl_node_tensor(graph, node, "nan"),
                        .none = wl_node_tensor(graph, node, "none"),
                        .names = wl_node_tensor(graph, node, "names"),
                        .width = 1};
  WL_TRY(count_columns(graph, node, &is_text, &a->n_columns, error));
  WL_TRY(check_kind(a->categories, "categories", is_text, error));
  WL_TRY(check_kind(a->sizes, "sizes", false, error));
  WL_TRY(check_kind(a->codes, "codes", false, error));
  WL_TRY(check_kind(a->unknown, "unknown", false, error));
  WL_TRY(check_kind(a->names, "names", true, error));
  WL_TRY(check_sizes(a, error));
  if (!is_text && (a->nan != NULL || a->none != NULL))
    return wl_fail(error, WL_ERROR_VALUE,
                   "operator 'encode': 'nan' and 'none' are for strings");
  WL_TRY(check_missing(a, a->nan, "nan", error));
  WL_TRY(check_missing(a, a->none, "none", error));
  if (a->codes != NULL && a->codes->n_dims == 2)
    a->width = (size_t)a->codes->shape[1];
  if (a->codes != NULL)
    WL_TRY(check_size("codes", a->codes->n_elements,
                      a->categories->n_elements * a->width, error));
  size_t n_unknown;
  if (a->width < 1 || a->width > WL_MAX_COLUMNS ||
      wl_mul_overflows(a->n_columns, a->width, &n_unknown) ||
      n_unknown > WL_MAX_COLUMNS)
    return wl_fail(error, WL_ERROR_VALUE,
                   "operator 'encode': %zu numbers for each of %zu columns are "
                   "out of range",
                   a->width, a->n_columns);
  if (a->names != NULL)
    WL_TRY(check_size("names", a->names->n_elements, a->n_columns, error));
  WL_TRY(check_warning(node, a, error));
  if (a->unknown == NULL || a->unknown->n_elements == 1)
    return WL_OK;
  return check_size("unknown", a->unknown->n_elements, n_unknown, error);
}

/* ---- state --------------------------------------------------------------- */

void wl_encode_unbind(void *state) {
  wl_encode_state *s = state;
  if (s == NULL)
    return;
  for (size_t c = 0; c < s->n_made; c++)
    wl_string_table_deinit(&s->columns[c].strings);
  wl_arena_deinit(&s->arena);
  wl_free(s);
}

static wl_status add_strings(wl_encode_state *s, wl_encode_column *column,
                             const wl_const *categories, size_t n,
                             wl_error *error) {
  size_t n_bytes = (size_t)(categories->offsets[column->first + n] -
                            categories->offsets[column->first]);
  uint32_t *places = wl_arena_alloc(&s->arena, n * sizeof *places);
  if (places == NULL)
    return wl_fail_memory(error, n * sizeof *places);
  column->places = places;
  WL_TRY(wl_string_table_init(&column->strings, n, n_bytes, error));
  s->n_made++;
  for (size_t i = column->first; i < column->first + n; i++) {
    if ((int64_t)i == column->nan || (int64_t)i == column->none)
      continue;
    wl_string string = wl_const_string(categories, i);
    uint32_t id = column->strings.n;
    if (wl_string_table_add(&column->strings, string.data, string.size) != id)
      return wl_fail(error, WL_ERROR_VALUE,
                     "operator 'encode': category %zu of '%s' is there twice",
                     i - column->first, column->name);
    places[id] = (uint32_t)i;
  }
  return WL_OK;
}

/* Ascending, and NaN after all others. */
static wl_status add_numbers(wl_encode_column *column, const double *numbers,
                             size_t n, wl_error *error) {
  column->numbers = numbers + column->first;
  column->n_numbers = n;
  if (n != 0 && column->numbers[n - 1] != column->numbers[n - 1]) {
    column->n_numbers--;
    column->nan = (int64_t)(column->first + n - 1);
  }
  for (size_t i = 0; i < column->n_numbers; i++)
    if (!(i == 0 ? column->numbers[i] == column->numbers[i]
                 : column->numbers[i - 1] < column->numbers[i]))
      return wl_fail(error, WL_ERROR_VALUE,
                     "operator 'encode': the categories of '%s' do not ascend",
                     column->name);
  return WL_OK;
}

/* The category's number among all, from that within its column. */
static int64_t number_of(const wl_const *missing, size_t column, size_t first) {
  double at = missing == NULL ? -1.0 : wl_const_number(missing, column);
  return at < 0.0 ? -1 : (int64_t)first + (int64_t)at;
}

static wl_status add_columns(wl_encode_state *s, const wl_encode_attrs *a,
                             const double *numbers, wl_error *error) {
  size_t first = 0;
  for (size_t c = 0; c < a->n_columns; c++) {
    wl_encode_column *column = &s->columns[c];
    size_t n = (size_t)wl_const_number(a->sizes, c);
    wl_string name =
        a->names == NULL ? (wl_string){"", 0} : wl_const_string(a->names, c);
    column->first = first;
    column->nan = number_of(a->nan, c, first);
    column->none = number_of(a->none, c, first);
    column->name = wl_arena_strndup(&s->arena, name.data, name.size);
    if (column->name == NULL)
      return wl_fail_memory(error, name.size);
    WL_TRY(numbers == NULL ? add_strings(s, column, a->categories, n, error)
                           : add_numbers(column, numbers, n, error));
    first += n;
  }
  return WL_OK;
}

/* n numbers of the tensor, its only one repeated; positions within the columns
 * when there is no tensor. */
static wl_status copy_numbers(wl_encode_state *s, const wl_const *from,
                              size_t n, wl_dtype dtype, const double **out,
                              wl_error *error) {
  double *copy = wl_arena_alloc(&s->arena, n * sizeof *copy);
  if (copy == NULL)
    return wl_fail_memory(error, n * sizeof *copy);
  for (size_t i = 0; i < n; i++) {
    copy[i] = wl_round_to(dtype,
                          wl_const_number(from, from->n_elements == 1 ? 0 : i));
    bool is_whole = copy[i] >= -0x1p62 && copy[i] <= 0x1p62 &&
                    copy[i] == (double)(int64_t)copy[i];
    if ((dtype == WL_I32 || dtype == WL_I64) && !is_whole)
      return wl_fail(error, WL_ERROR_VALUE,
                     "operator 'encode': dtype '%s' cannot hold the code %g",
                     wl_dtype_name(dtype), copy[i]);
  }
  *out = copy;
  return WL_OK;
}

static wl_status default_codes(wl_encode_state *s, const wl_encode_attrs *a,
                               wl_error *error) {
  size_t n = a->categories->n_elements, i = 0;
  double *codes = wl_arena_alloc(&s->arena, n * sizeof *codes);
  if (codes == NULL)
    return wl_fail_memory(error, n * sizeof *codes);
  for (size_t c = 0; c < a->n_columns; c++)
    for (double at = 0.0; at < wl_const_number(a->sizes, c); at++)
      codes[i++] = at;
  s->codes = codes;
  return WL_OK;
}

static wl_status fill(wl_encode_state *s, const wl_encode_attrs *a,
                      wl_dtype dtype, wl_error *error) {
  const double *numbers = NULL;
  size_t n = a->categories->n_elements;
  s->n_columns = a->n_columns;
  s->width = a->width;
  s->columns = wl_arena_calloc(&s->arena, a->n_columns, sizeof *s->columns);
  if (s->columns == NULL)
    return wl_fail_memory(error, a->n_columns * sizeof *s->columns);
  if (a->categories->dtype != WL_STRING)
    WL_TRY(copy_numbers(s, a->categories, n, WL_F64, &numbers, error));
  WL_TRY(add_columns(s, a, numbers, error));
  if (a->codes == NULL)
    WL_TRY(default_codes(s, a, error));
  else
    WL_TRY(copy_numbers(s, a->codes, n * a->width, dtype, &s->codes, error));
  if (a->unknown == NULL)
    return WL_OK;
  return copy_numbers(s, a->unknown, a->n_columns * a->width, dtype,
                      &s->unknown, error);
}

static wl_status fill_warning(wl_encode_state *s, const wl_node *node,
                              wl_error *error) {
  wl_string text = wl_node_string(node, "warning", "");
  s->warning = (wl_op_warning){.group = wl_node_int(node, "warning_group", 0),
                               .n_columns = s->n_columns,
                               .first_column = s->first_column};
  if (text.size == 0)
    return WL_OK;
  s->warning.text = wl_arena_strndup(&s->arena, text.data, text.size);
  return s->warning.text != NULL ? WL_OK : wl_fail_memory(error, text.size);
}

wl_status wl_encode_bind(const wl_graph *graph, const wl_node *node,
                         void **state, wl_error *error) {
  wl_encode_attrs attrs;
  WL_TRY(wl_encode_attrs_read(graph, node, &attrs, error));
  wl_encode_state *s = wl_calloc(1, sizeof *s);
  if (s == NULL)
    return wl_fail_memory(error, sizeof *s);
  wl_arena_init(&s->arena);
  s->is_sum = wl_node_bool(node, "sum", false);
  int64_t first = wl_node_int(node, "first_column", 0);
  s->first_column = first < 0 ? 0 : (size_t)first;
  wl_status status = fill(s, &attrs, node->type.dtype, error);
  if (status == WL_OK)
    status = fill_warning(s, node, error);
  if (status == WL_OK)
    *state = s;
  else
    wl_encode_unbind(s);
  return status;
}
