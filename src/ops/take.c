/*
 * take.c: what stands in a row of a constant table, by the row's number, as
 * `match` and `encode` give it: numbers side by side, or one string. Any other
 * number is a row that is not there, whose values are missing, or those that
 * the node names for it.
 */
#include <math.h>

#include "ops/common.h"
#include "ops/table.h"

enum { BATCH = 64 };

static const wl_attr_def attrs[] = {
    {"values", WL_ATTR_TENSOR, true}, {"nan", WL_ATTR_TENSOR, false},
    {"none", WL_ATTR_TENSOR, false},  {"absent", WL_ATTR_FLOAT, false},
    {"dtype", WL_ATTR_STRING, false}, {"others", WL_ATTR_TENSOR, false},
    {"other", WL_ATTR_STRING, false}, {"rounded", WL_ATTR_BOOL, false},
};

typedef struct take_state {
  wl_arena arena;
  size_t n, width;
  wl_string other;          /* of text, the string of a row that is not there */
  const double *numbers;    /* a row's lie side by side; of text: NULL */
  const wl_string *strings; /* missing ones as a wl_missing says */
} take_state;

/* Numbers of rows. */
static wl_status check_rows(const wl_graph *graph, const wl_node *node,
                            const char *name, size_t n, wl_error *error) {
  const wl_const *rows = wl_node_tensor(graph, node, name);
  if (rows != NULL && rows->dtype == WL_STRING)
    return wl_fail(error, WL_ERROR_TYPE,
                   "operator 'take': '%s' is strings, not numbers", name);
  for (size_t i = 0; rows != NULL && i < rows->n_elements; i++) {
    double at = wl_const_number(rows, i);
    if (!(at >= 0.0 && at < (double)n && at == (double)(int64_t)at))
      return wl_fail(error, WL_ERROR_VALUE,
                     "operator 'take': '%s' says %g, which is none of the %zu "
                     "rows",
                     name, at, n);
  }
  return WL_OK;
}

/* Text is whole where the node says so: no row is without, nor one that is not
 * there. */
static bool is_whole_text(const wl_node *node) {
  return wl_node_attr(node, "nan") == NULL &&
         wl_node_attr(node, "none") == NULL &&
         wl_node_attr(node, "other") != NULL;
}

static wl_status check_text(const wl_graph *graph, const wl_node *node,
                            wl_error *error) {
  const wl_const *values = wl_node_tensor(graph, node, "values");
  if (wl_node_attr(node, "absent") != NULL ||
      wl_node_attr(node, "others") != NULL ||
      wl_node_attr(node, "dtype") != NULL)
    return wl_fail(error, WL_ERROR_VALUE,
                   "operator 'take': 'absent', 'others' and 'dtype' are for "
                   "numbers");
  if (values->n_dims != 1)
    return wl_fail(error, WL_ERROR_VALUE,
                   "operator 'take': a row has one string");
  WL_TRY(check_rows(graph, node, "nan", values->n_elements, error));
  return check_rows(graph, node, "none", values->n_elements, error);
}

static wl_status infer(const wl_graph *graph, const wl_node *node,
                       wl_type *type, wl_error *error) {
  const wl_const *values = wl_node_tensor(graph, node, "values");
  WL_TRY(wl_check_dense(graph, node, error));
  if (wl_input_type(graph, node, 0)->n_columns != 1)
    return wl_fail(error, WL_ERROR_TYPE,
                   "operator 'take' takes one column of row numbers");
  bool is_text = values->dtype == WL_STRING;
  *type = (wl_type){.kind = is_text ? WL_VALUE_STRINGS : WL_VALUE_DENSE,
                    .n_columns = 1,
                    .dtype = WL_STRING,
                    .is_bit_equal = !wl_node_bool(node, "rounded", false),
                    .has_missing = is_text && !is_whole_text(node)};
  if (is_text)
    return check_text(graph, node, error);
  if (wl_node_attr(node, "nan") != NULL || wl_node_attr(node, "none") != NULL ||
      wl_node_attr(node, "other") != NULL)
    return wl_fail(error, WL_ERROR_VALUE,
                   "operator 'take': 'nan', 'none' and 'other' are for "
                   "strings");
  if (values->n_dims > 2 || (values->n_dims == 2 && values->shape[1] == 0) ||
      (values->n_dims == 2 && values->shape[1] > WL_MAX_COLUMNS))
    return wl_fail(error, WL_ERROR_VALUE,
                   "operator 'take': 'values' are rows of numbers");
  type->n_columns = values->n_dims == 2 ? (size_t)values->shape[1] : 1;
  WL_TRY(wl_check_vector(graph, node, "others", type->n_columns, error));
  return wl_node_float_dtype(node, WL_F64, &type->dtype, error);
}

static void unbind(void *state) {
  take_state *s = state;
  if (s == NULL)
    return;
  wl_arena_deinit(&s->arena);
  wl_free(s);
}

static wl_status fill_text(take_state *s, const wl_graph *graph,
                           const wl_node *node, wl_error *error) {
  const wl_const *values = wl_node_tensor(graph, node, "values");
  const wl_const *missing[2] = {wl_node_tensor(graph, node, "nan"),
                                wl_node_tensor(graph, node, "none")};
  size_t n_bytes =
      values->n_elements == 0 ? 0 : values->offsets[s->n] - values->offsets[0];
  wl_string *strings = wl_arena_alloc(&s->arena, s->n * sizeof *strings);
  char *bytes = wl_arena_alloc(&s->arena, n_bytes);
  if (strings == NULL || bytes == NULL)
    return wl_fail_memory(error, s->n * sizeof *strings + n_bytes);
  for (size_t i = 0; i < s->n; i++) {
    wl_string from = wl_const_string(values, i);
    if (from.size != 0)
      memcpy(bytes, from.data, from.size);
    strings[i] = (wl_string){bytes, from.size};
    bytes += from.size;
  }
  for (size_t m = 0; m < 2; m++)
    for (size_t i = 0; missing[m] != NULL && i < missing[m]->n_elements; i++)
      strings[(size_t)wl_const_number(missing[m], i)] =
          (wl_string){NULL, m == 0 ? WL_MISSING_NAN : WL_MISSING_NONE};
  s->strings = strings;
  s->other = (wl_string){NULL, WL_MISSING_NAN};
  const wl_attr *other = wl_node_attr(node, "other");
  if (other == NULL)
    return WL_OK;
  s->other = other->value.s;
  s->other.data = wl_arena_strndup(&s->arena, s->other.data, s->other.size);
  return s->other.data != NULL ? WL_OK : wl_fail_memory(error, s->other.size);
}

/* The table's rows, and behind them the one for rows that are not there. */
static wl_status fill_numbers(take_state *s, const wl_graph *graph,
                              const wl_node *node, wl_error *error) {
  const wl_const *values = wl_node_tensor(graph, node, "values");
  const wl_const *others = wl_node_tensor(graph, node, "others");
  double absent = wl_node_float(node, "absent", (double)NAN);
  wl_dtype dtype = node->type.dtype;
  size_t n = values->n_elements;
  double *numbers = wl_arena_alloc(&s->arena, (n + s->width) * sizeof *numbers);
  if (numbers == NULL)
    return wl_fail_memory(error, n * sizeof *numbers);
  for (size_t i = 0; i < n; i++)
    numbers[i] = wl_round_to(dtype, wl_const_number(values, i));
  for (size_t c = 0; c < s->width; c++) {
    double value = absent;
    if (others != NULL)
      value = wl_const_number(others, others->n_elements == 1 ? 0 : c);
    numbers[n + c] = wl_round_to(dtype, value);
  }
  s->numbers = numbers;
  return WL_OK;
}

static wl_status bind(const wl_graph *graph, const wl_node *node, void **state,
                      wl_error *error) {
  const wl_const *values = wl_node_tensor(graph, node, "values");
  take_state *s = wl_calloc(1, sizeof *s);
  if (s == NULL)
    return wl_fail_memory(error, sizeof *s);
  wl_arena_init(&s->arena);
  s->width = node->type.n_columns;
  s->n = values->n_elements / s->width;
  wl_status status = values->dtype == WL_STRING
                         ? fill_text(s, graph, node, error)
                         : fill_numbers(s, graph, node, error);
  if (status == WL_OK)
    *state = s;
  else
    unbind(s);
  return status;
}

/* The row's number, or n. Below 2^53 a number is whole if its cast gives it
 * back; a table has fewer rows. */
static inline size_t row_at(const take_state *s, const wl_value *x, size_t r) {
  double at = *wl_row(x, r), n = (double)s->n;
  at = at >= 0.0 && at < n ? at : n;
  int64_t row = (int64_t)at;
  return (double)row == at ? (size_t)row : s->n;
}

static wl_status run_text(const take_state *s, const wl_op_call *call,
                          wl_value *out, wl_error *error) {
  wl_string *strings;
  WL_TRY(wl_new_strings(call, &strings, out, error));
  for (size_t r = 0; r < call->n_rows; r++) {
    size_t at = row_at(s, call->inputs[0], r);
    strings[r] = at == s->n ? s->other : s->strings[at];
  }
  return WL_OK;
}

/* The rows' numbers first, so that the reads of the table overlap. */
static void take_numbers(const take_state *s, const wl_value *x, size_t n,
                         double *to) {
  size_t at[BATCH];
  for (size_t first = 0; first < n; first += BATCH) {
    size_t end = n - first < BATCH ? n - first : BATCH;
    for (size_t i = 0; i < end; i++)
      at[i] = row_at(s, x, first + i);
    for (size_t i = 0; i < end; i++)
      to[first + i] = s->numbers[at[i]];
  }
}

static wl_status run(const void *state, const wl_op_call *call, wl_value *out,
                     wl_error *error) {
  const take_state *s = state;
  if (s->numbers == NULL)
    return run_text(s, call, out, error);
  WL_TRY(wl_new_dense(call, s->width, out, error));
  if (s->width == 1) {
    take_numbers(s, call->inputs[0], call->n_rows, out->dense);
    return WL_OK;
  }
  for (size_t r = 0; r < call->n_rows; r++)
    memcpy(wl_row_mut(out, r),
           s->numbers + row_at(s, call->inputs[0], r) * s->width,
           s->width * sizeof *s->numbers);
  return WL_OK;
}

const wl_op_def wl_op_take = {
    .name = "take",
    WL_ATTRS(attrs),
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = infer,
    .bind = bind,
    .unbind = unbind,
    .run = run,
};
