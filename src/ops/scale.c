/*
 * scale.c: columns shifted and scaled: StandardScaler, MaxAbsScaler, weights of
 * a union. In the reference's order of operations, so bit-equal: scikit-learn
 * divides the elements of an array, but multiplies those of a sparse matrix by
 * the reciprocal. RobustScaler keeps the zeros of CSR rows: it scales them and
 * does not shift them.
 */
#include "ops/common.h"
#include "ops/table.h"

static const wl_attr_def attrs[] = {
    {"subtract", WL_ATTR_TENSOR, false}, {"divide", WL_ATTR_TENSOR, false},
    {"multiply", WL_ATTR_TENSOR, false}, {"reciprocal", WL_ATTR_TENSOR, false},
    {"narrow", WL_ATTR_BOOL, false},     {"keeps_zeros", WL_ATTR_BOOL, false},
    {"weak", WL_ATTR_BOOL, false},       {"dtype", WL_ATTR_STRING, false},
};

typedef struct scale_state {
  wl_columns subtract, divide, multiply, reciprocal;
  bool keeps_zeros;
} scale_state;

static wl_status infer(const wl_graph *graph, const wl_node *node,
                       wl_type *type, wl_error *error) {
  WL_TRY(wl_check_matrices(graph, node, error));
  *type = *wl_input_type(graph, node, 0);
  WL_TRY(wl_check_vector(graph, node, "subtract", type->n_columns, error));
  WL_TRY(wl_check_vector(graph, node, "divide", type->n_columns, error));
  WL_TRY(wl_check_vector(graph, node, "multiply", type->n_columns, error));
  WL_TRY(wl_check_vector(graph, node, "reciprocal", type->n_columns, error));
  if (type->kind == WL_VALUE_CSR && wl_node_attr(node, "subtract") != NULL)
    return wl_fail(error, WL_ERROR_VALUE,
                   "operator 'scale': 'subtract' needs a dense matrix");
  wl_dtype absent = type->dtype == WL_F32 ? WL_F32 : WL_F64;
  /* Whole numbers stay whole when weights are whole; no quotient is. */
  if (wl_node_attr(node, "divide") == NULL)
    return wl_node_dtype(node, absent, &type->dtype, error);
  return wl_node_float_dtype(node, absent, &type->dtype, error);
}

static void unbind(void *state) {
  scale_state *s = state;
  if (s == NULL)
    return;
  wl_columns_deinit(&s->subtract);
  wl_columns_deinit(&s->divide);
  wl_columns_deinit(&s->multiply);
  wl_columns_deinit(&s->reciprocal);
  wl_free(s);
}

static wl_status bind(const wl_graph *graph, const wl_node *node, void **state,
                      wl_error *error) {
  scale_state *s = wl_calloc(1, sizeof *s);
  if (s == NULL)
    return wl_fail_memory(error, sizeof *s);
  wl_status status;
  WL_TRY_DONE(status,
              wl_columns_init(&s->subtract,
                              wl_node_tensor(graph, node, "subtract"), error));
  WL_TRY_DONE(status,
              wl_columns_init(&s->divide, wl_node_tensor(graph, node, "divide"),
                              error));
  WL_TRY_DONE(status,
              wl_columns_init(&s->multiply,
                              wl_node_tensor(graph, node, "multiply"), error));
  WL_TRY_DONE(status, wl_columns_init(&s->reciprocal,
                                      wl_node_tensor(graph, node, "reciprocal"),
                                      error));
  s->keeps_zeros = wl_node_bool(node, "keeps_zeros", false);
  if (wl_node_bool(node, "narrow", false)) {
    wl_columns_round(&s->subtract, node->type.dtype);
    wl_columns_round(&s->divide, node->type.dtype);
  }
  if (wl_node_bool(node, "weak", false))
    wl_columns_round(&s->multiply, node->type.dtype);
  *state = s;
  return WL_OK;
done:
  unbind(s);
  return status;
}

static inline double scale_one(const scale_state *s, wl_dtype dtype,
                               bool is_sparse, size_t c, double v) {
  if (!is_sparse && s->subtract.values != NULL)
    v = wl_round_to(dtype, v - wl_column(&s->subtract, c));
  if (is_sparse && s->reciprocal.values != NULL)
    v = wl_round_to(dtype, v * wl_column(&s->reciprocal, c));
  else if (s->divide.values != NULL)
    v = wl_round_to(dtype, v / wl_column(&s->divide, c));
  if (s->multiply.values != NULL)
    v = wl_round_to(dtype, v * wl_column(&s->multiply, c));
  return wl_round_to(dtype, v);
}

static wl_status run(const void *state, const wl_op_call *call, wl_value *out,
                     wl_error *error) {
  const scale_state *s = state;
  const wl_value *x = call->inputs[0];
  wl_dtype dtype = call->type->dtype;
  if (x->kind == WL_VALUE_CSR) {
    double *data;
    if (s->subtract.values != NULL && !s->keeps_zeros)
      return wl_fail(error, WL_ERROR_VALUE, WL_CANNOT_CENTER);
    WL_TRY(wl_like_csr(call, x, out, &data, error));
    for (int64_t e = 0; e < out->indptr[x->n_rows]; e++)
      data[e] = scale_one(s, dtype, true, (size_t)out->indices[e],
                          x->data[x->indptr[0] + e]);
    return WL_OK;
  }
  WL_TRY(wl_new_dense(call, x->n_columns, out, error));
  for (size_t r = 0; r < call->n_rows; r++)
    for (size_t c = 0; c < x->n_columns; c++)
      wl_row_mut(out, r)[c] = scale_one(s, dtype, false, c, wl_row(x, r)[c]);
  return WL_OK;
}

const wl_op_def wl_op_scale = {
    .name = "scale",
    WL_ATTRS(attrs),
    .min_inputs = 1,
    .max_inputs = 1,
    .takes_sparse = true,
    .keeps_sparse = true,
    .infer = infer,
    .bind = bind,
    .unbind = unbind,
    .run = run,
};
