/*
 * elementwise.c: operators that map each number by itself. They share one
 * shape, so each is its function and a line of the definition; results are
 * dense, but for `binarize` and `cast`, which keep a sparse matrix sparse.
 */
#include <math.h>

#include "base/math.h"
#include "ops/common.h"
#include "ops/table.h"

typedef double (*map_function)(const double *parameters, double x);

static wl_status run_map(const wl_op_call *call, map_function map,
                         const double *parameters, wl_value *out,
                         wl_error *error) {
  const wl_value *x = call->inputs[0];
  wl_dtype dtype = call->type->dtype;
  WL_TRY(wl_new_dense(call, x->n_columns, out, error));
  for (size_t r = 0; r < call->n_rows; r++) {
    const double *from = wl_row(x, r);
    double *to = wl_row_mut(out, r);
    for (size_t c = 0; c < x->n_columns; c++)
      to[c] = wl_round_to(dtype, map(parameters, from[c]));
  }
  return WL_OK;
}

static wl_status infer_rounded(const wl_graph *graph, const wl_node *node,
                               wl_type *type, wl_error *error) {
  WL_TRY(wl_infer_same(graph, node, type, error));
  type->is_bit_equal = false;
  type->dtype = type->dtype == WL_F32 ? WL_F32 : WL_F64;
  return WL_OK;
}

/* ---- without parameters ----------------------------------------------------
 */

static double map_exp(const double *p, double x) {
  (void)p;
  return wl_exp(x);
}
static double map_log(const double *p, double x) {
  (void)p;
  return wl_log(x);
}
/* A mean of probabilities may exceed 1 by rounding: scikit-learn's own bound.
 */
static double map_at_most_one(const double *p, double x) {
  (void)p;
  return x > 1.0 && x <= 1.0 + 1e-5 ? 1.0 : x;
}
static double map_signed_square(const double *p, double x) {
  (void)p;
  return fabs(x) * x;
}

#define WL_MAP_OPERATOR(NAME, INFER)                                           \
  static wl_status run_##NAME(const void *state, const wl_op_call *call,       \
                              wl_value *out, wl_error *error) {                \
    (void)state;                                                               \
    return run_map(call, map_##NAME, NULL, out, error);                        \
  }                                                                            \
  const wl_op_def wl_op_##NAME = {                                             \
      .name = #NAME,                                                           \
      WL_NO_ATTRS,                                                             \
      .min_inputs = 1,                                                         \
      .max_inputs = 1,                                                         \
      .infer = INFER,                                                          \
      .run = run_##NAME,                                                       \
  }

WL_MAP_OPERATOR(exp, infer_rounded);
WL_MAP_OPERATOR(log, infer_rounded);
WL_MAP_OPERATOR(at_most_one, wl_infer_same);
WL_MAP_OPERATOR(signed_square, wl_infer_same);

static wl_status run_expit(const void *state, const wl_op_call *call,
                           wl_value *out, wl_error *error) {
  (void)state;
  const wl_value *x = call->inputs[0];
  size_t n_columns = x->n_columns, n_rows = call->n_rows;
  WL_TRY(wl_new_dense(call, n_columns, out, error));
  if (x->ld == n_columns && out->ld == n_columns) { /* all in one */
    n_columns *= n_rows;
    n_rows = n_columns != 0;
  }
  for (size_t r = 0; r < n_rows; r++) {
    double *to = wl_row_mut(out, r);
    wl_expit_many(wl_row(x, r), to, n_columns);
    for (size_t c = 0; call->type->dtype == WL_F32 && c < n_columns; c++)
      to[c] = wl_round_to(WL_F32, to[c]);
  }
  return WL_OK;
}

const wl_op_def wl_op_expit = {
    .name = "expit",
    WL_NO_ATTRS,
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = infer_rounded,
    .run = run_expit,
};

/* ---- with scalar parameters ------------------------------------------------
 */

static wl_status bind_scalars(const double *values, size_t n, void **state,
                              wl_error *error) {
  *state = wl_alloc(n * sizeof *values);
  if (*state == NULL)
    return wl_fail_memory(error, n * sizeof *values);
  memcpy(*state, values, n * sizeof *values);
  return WL_OK;
}

static const wl_attr_def threshold_attrs[] = {
    {"threshold", WL_ATTR_FLOAT, false},
};
static const wl_attr_def clip_attrs[] = {
    {"min", WL_ATTR_FLOAT, true},
    {"max", WL_ATTR_FLOAT, true},
};

static wl_status bind_threshold(const wl_graph *graph, const wl_node *node,
                                void **state, wl_error *error) {
  (void)graph;
  /* NumPy compares float32 with a Python number in float32. */
  double threshold =
      wl_round_to(node->type.dtype, wl_node_float(node, "threshold", 0.0));
  return bind_scalars(&threshold, 1, state, error);
}

static wl_status bind_clip(const wl_graph *graph, const wl_node *node,
                           void **state, wl_error *error) {
  (void)graph;
  double range[2] = {wl_node_float(node, "min", 0.0),
                     wl_node_float(node, "max", 0.0)};
  return bind_scalars(range, 2, state, error);
}

/* NaN stays NaN, as NumPy's clip. */
static double map_clip(const double *p, double x) {
  return x < p[0] ? p[0] : x > p[1] ? p[1] : x;
}
static double map_above(const double *p, double x) {
  return x > p[0] ? 1.0 : 0.0;
}

static wl_status run_clip(const void *state, const wl_op_call *call,
                          wl_value *out, wl_error *error) {
  return run_map(call, map_clip, state, out, error);
}
static wl_status run_positive(const void *state, const wl_op_call *call,
                              wl_value *out, wl_error *error) {
  return run_map(call, map_above, state, out, error);
}

static wl_status infer_labels(const wl_graph *graph, const wl_node *node,
                              wl_type *type, wl_error *error) {
  WL_TRY(wl_infer_same(graph, node, type, error));
  type->dtype = WL_I64;
  return WL_OK;
}

const wl_op_def wl_op_clip = {
    .name = "clip",
    WL_ATTRS(clip_attrs),
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = wl_infer_same,
    .bind = bind_clip,
    .unbind = wl_free,
    .run = run_clip,
};

const wl_op_def wl_op_positive = {
    .name = "positive",
    WL_ATTRS(threshold_attrs),
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = infer_labels,
    .bind = bind_threshold,
    .unbind = wl_free,
    .run = run_positive,
};

/* ---- binarize and cast: sparse stays sparse ---------------------------------
 */

static wl_status infer_binarize(const wl_graph *graph, const wl_node *node,
                                wl_type *type, wl_error *error) {
  WL_TRY(wl_check_matrices(graph, node, error));
  *type = *wl_input_type(graph, node, 0);
  if (type->kind == WL_VALUE_CSR && wl_node_float(node, "threshold", 0.0) < 0.0)
    return wl_fail(error, WL_ERROR_VALUE,
                   "Cannot binarize a sparse matrix with threshold < 0");
  return WL_OK;
}

static wl_status run_binarize(const void *state, const wl_op_call *call,
                              wl_value *out, wl_error *error) {
  const wl_value *x = call->inputs[0];
  double threshold = *(const double *)state;
  if (x->kind != WL_VALUE_CSR)
    return run_map(call, map_above, state, out, error);
  if (threshold < 0.0)
    return wl_fail(error, WL_ERROR_VALUE,
                   "Cannot binarize a sparse matrix with threshold < 0");
  wl_csr_builder builder;
  size_t n = (size_t)(x->indptr[x->n_rows] - x->indptr[0]);
  WL_TRY(wl_csr_begin(&builder, call->arena, call->n_rows, n, error));
  for (size_t r = 0; r < call->n_rows; r++) {
    for (int64_t e = x->indptr[r]; e < x->indptr[r + 1]; e++)
      if (x->data[e] > threshold)
        wl_csr_push(&builder, x->indices[e], 1.0);
    wl_csr_end_row(&builder);
  }
  *out = wl_csr_value(&builder, x->n_columns);
  return WL_OK;
}

const wl_op_def wl_op_binarize = {
    .name = "binarize",
    WL_ATTRS(threshold_attrs),
    .min_inputs = 1,
    .max_inputs = 1,
    .takes_sparse = true,
    .keeps_sparse = true,
    .infer = infer_binarize,
    .bind = bind_threshold,
    .unbind = wl_free,
    .run = run_binarize,
};

static const wl_attr_def cast_attrs[] = {
    {"dtype", WL_ATTR_STRING, true},
};

static wl_status infer_cast(const wl_graph *graph, const wl_node *node,
                            wl_type *type, wl_error *error) {
  WL_TRY(wl_check_matrices(graph, node, error));
  *type = *wl_input_type(graph, node, 0);
  WL_TRY(wl_node_dtype(node, type->dtype, &type->dtype, error));
  if (type->dtype == WL_I32 || type->dtype == WL_I64)
    return wl_fail(error, WL_ERROR_UNSUPPORTED,
                   "operator 'cast': to integers is not supported");
  return WL_OK;
}

static double map_same(const double *p, double x) {
  (void)p;
  return x;
}

static wl_status run_cast(const void *state, const wl_op_call *call,
                          wl_value *out, wl_error *error) {
  (void)state;
  const wl_value *x = call->inputs[0];
  if (x->kind != WL_VALUE_CSR)
    return run_map(call, map_same, NULL, out, error);
  double *data;
  WL_TRY(wl_like_csr(call, x, out, &data, error));
  for (int64_t e = 0; e < out->indptr[x->n_rows]; e++)
    data[e] = wl_round_to(call->type->dtype, x->data[x->indptr[0] + e]);
  return WL_OK;
}

const wl_op_def wl_op_cast = {
    .name = "cast",
    WL_ATTRS(cast_attrs),
    .min_inputs = 1,
    .max_inputs = 1,
    .takes_sparse = true,
    .keeps_sparse = true,
    .infer = infer_cast,
    .run = run_cast,
};
