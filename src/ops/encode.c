/*
 * encode.c: categories to what they stand for: a number, or a row of numbers.
 * Encoders put the columns' side by side; a linear model over one-hot columns
 * is their sum, a weight looked up for each column, and nothing is expanded.
 *
 * A value is a category when it is equal to it: strings byte by byte, numbers
 * as doubles. What is none of them has a code of its own, or is the error that
 * scikit-learn's encoders raise.
 */
#include "ops/encode_unknown.h"
#include "ops/table.h"

enum { BATCH = 64 };

static const wl_attr_def attrs[] = {
    {"categories", WL_ATTR_TENSOR, true},  {"sizes", WL_ATTR_TENSOR, true},
    {"codes", WL_ATTR_TENSOR, false},      {"unknown", WL_ATTR_TENSOR, false},
    {"nan", WL_ATTR_TENSOR, false},        {"none", WL_ATTR_TENSOR, false},
    {"sum", WL_ATTR_BOOL, false},          {"names", WL_ATTR_TENSOR, false},
    {"first_column", WL_ATTR_INT, false},  {"warning", WL_ATTR_STRING, false},
    {"warning_group", WL_ATTR_INT, false}, {"dtype", WL_ATTR_STRING, false},
};

static wl_status infer(const wl_graph *graph, const wl_node *node,
                       wl_type *type, wl_error *error) {
  wl_encode_attrs a;
  WL_TRY(wl_encode_attrs_read(graph, node, &a, error));
  bool is_sum = wl_node_bool(node, "sum", false);
  *type = (wl_type){.kind = WL_VALUE_DENSE,
                    .n_columns = is_sum ? a.width : a.n_columns * a.width,
                    .is_bit_equal = !is_sum};
  return wl_node_dtype(node, WL_F64, &type->dtype, error);
}

/* ---- lookups ------------------------------------------------------------- */

static int64_t find_missing(const wl_encode_column *column, size_t kind) {
  switch (kind) {
  case WL_MISSING_NAN:
    return column->nan;
  case WL_MISSING_NONE:
    return column->none;
  case WL_MISSING_ANY:
    return column->nan >= 0 ? column->nan : column->none;
  default:
    return -1;
  }
}

/* The number of the category among all, or -1. */
static int64_t category_of(const wl_encode_column *column, wl_string s,
                           uint32_t id) {
  if (s.data == NULL)
    return find_missing(column, s.size);
  return id == WL_NO_ID ? -1 : (int64_t)column->places[id];
}

static int64_t find_string(const wl_encode_column *column, wl_string s) {
  uint32_t id = s.data == NULL
                    ? WL_NO_ID
                    : wl_string_table_get(&column->strings, s.data, s.size);
  return category_of(column, s, id);
}

static int64_t find_number(const wl_encode_column *column, double v) {
  const double *at = column->numbers;
  size_t n = column->n_numbers;
  if (v != v)
    return column->nan;
  if (n == 0)
    return -1;
  while (n > 1) { /* the last number that is not above v is among n from `at` */
    size_t half = n / 2;
    at = at[half] <= v ? at + half : at;
    n -= half;
  }
  return *at == v ? (int64_t)column->first + (at - column->numbers) : -1;
}

/* ---- running ------------------------------------------------------------- */

static inline void put(const wl_encode_state *s, const double *from,
                       double *to) {
  if (s->width == 1 && !s->is_sum) {
    *to = *from;
    return;
  }
  for (size_t k = 0; k < s->width; k++)
    to[k] = s->is_sum ? to[k] + from[k] : from[k];
}

/* What a category stands for; NULL for an unknown one that is an error. */
static inline const double *codes_of(const wl_encode_state *s,
                                     const wl_op_call *call, size_t column,
                                     int64_t category) {
  if (category >= 0)
    return s->codes + (size_t)category * s->width;
  wl_op_note(call, column);
  return s->unknown == NULL ? NULL : s->unknown + column * s->width;
}

static wl_status run_strings(const wl_encode_state *s, const wl_op_call *call,
                             size_t column, const wl_value *x, size_t at,
                             wl_value *out, wl_error *error) {
  uint32_t ids[BATCH];
  for (size_t r = 0; r < x->n_rows; r++) {
    wl_string value = x->strings[r];
    if (r % BATCH == 0)
      wl_string_table_get_many(&s->columns[column].strings, x->strings + r,
                               x->n_rows - r < BATCH ? x->n_rows - r : BATCH,
                               ids);
    int64_t category = category_of(&s->columns[column], value, ids[r % BATCH]);
    const double *codes = codes_of(s, call, column, category);
    if (WL_UNLIKELY(codes == NULL)) {
      wl_unknowns one = {.n = 0};
      wl_unknowns_add_string(&one, column, r, value);
      return wl_unknowns_fail(&one, s, error);
    }
    put(s, codes, wl_row_mut(out, r) + at);
  }
  return WL_OK;
}

static wl_status run_numbers(const wl_encode_state *s, const wl_op_call *call,
                             size_t column, const wl_value *x, size_t x_column,
                             size_t at, wl_value *out, wl_error *error) {
  for (size_t r = 0; r < x->n_rows; r++) {
    double value = wl_row(x, r)[x_column];
    int64_t category = find_number(&s->columns[column], value);
    const double *codes = codes_of(s, call, column, category);
    if (WL_UNLIKELY(codes == NULL)) {
      wl_unknowns one = {.n = 0};
      wl_unknowns_add_number(&one, column, r, value);
      return wl_unknowns_fail(&one, s, error);
    }
    put(s, codes, wl_row_mut(out, r) + at);
  }
  return WL_OK;
}

static wl_status run(const void *state, const wl_op_call *call, wl_value *out,
                     wl_error *error) {
  const wl_encode_state *s = state;
  size_t n_out = call->type->n_columns, column = 0;
  WL_TRY(wl_new_dense(call, n_out, out, error));
  if (s->is_sum)
    memset(out->dense, 0, call->n_rows * n_out * sizeof(double));
  for (size_t i = 0; i < call->n_inputs; i++) {
    const wl_value *x = call->inputs[i];
    for (size_t c = 0; c < x->n_columns; c++, column++) {
      size_t at = s->is_sum ? 0 : column * s->width;
      WL_TRY(x->kind == WL_VALUE_STRINGS
                 ? run_strings(s, call, column, x, at, out, error)
                 : run_numbers(s, call, column, x, c, at, out, error));
    }
  }
  for (size_t i = 0; s->is_sum && i < call->n_rows * n_out; i++)
    out->dense[i] = wl_round_to(call->type->dtype, out->dense[i]);
  return WL_OK;
}

/* ---- a refusal told in full ---------------------------------------------- */

static void look_at(const wl_encode_state *s, size_t column, const wl_value *x,
                    size_t x_column, uint64_t first_row,
                    wl_unknowns *unknowns) {
  const wl_encode_column *known = &s->columns[column];
  bool is_text = x->kind == WL_VALUE_STRINGS;
  for (size_t r = 0; r < x->n_rows && wl_unknowns_want(unknowns, column); r++) {
    if (is_text && find_string(known, x->strings[r]) < 0)
      wl_unknowns_add_string(unknowns, column, first_row + r, x->strings[r]);
    else if (!is_text && find_number(known, wl_row(x, r)[x_column]) < 0)
      wl_unknowns_add_number(unknowns, column, first_row + r,
                             wl_row(x, r)[x_column]);
  }
}

static wl_status look(const void *state, const wl_op_call *call,
                      uint64_t first_row, void *findings, wl_error *error) {
  const wl_encode_state *s = state;
  size_t column = 0;
  (void)error;
  for (size_t i = 0; s->unknown == NULL && i < call->n_inputs; i++)
    for (size_t c = 0; c < call->inputs[i]->n_columns; c++, column++)
      look_at(s, column, call->inputs[i], c, first_row, findings);
  return WL_OK;
}

static wl_status tell(const void *state, const void *findings,
                      wl_error *error) {
  const wl_unknowns *unknowns = findings;
  return unknowns->n == 0 ? WL_OK : wl_unknowns_fail(unknowns, state, error);
}

static const wl_op_survey survey = {sizeof(wl_unknowns), look, tell};

/* -------------------------------------------------------------------------- */

static const wl_op_warning *warning(const void *state) {
  const wl_encode_state *s = state;
  return &s->warning;
}

const wl_op_def wl_op_encode = {
    .name = "encode",
    WL_ATTRS(attrs),
    .min_inputs = 1,
    .max_inputs = 1 << 16,
    .infer = infer,
    .bind = wl_encode_bind,
    .unbind = wl_encode_unbind,
    .warning = warning,
    .survey = &survey,
    .run = run,
};
