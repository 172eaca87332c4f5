/*
 * impute.c: missing values: replaced by a number a column, as SimpleImputer
 * does, or marked, as MissingIndicator does. What counts as missing is one
 * value, by default NaN.
 */
#include <math.h>

#include "ops/common.h"
#include "ops/table.h"

typedef struct impute_state {
  double missing;
  wl_columns fill;
} impute_state;

static inline bool is_missing(const impute_state *s, double v) {
  return v == s->missing || (v != v && s->missing != s->missing);
}

static wl_status infer(const wl_graph *graph, const wl_node *node,
                       wl_type *type, wl_error *error) {
  WL_TRY(wl_infer_same(graph, node, type, error));
  WL_TRY(wl_check_vector(graph, node, "fill", type->n_columns, error));
  type->dtype = type->dtype == WL_F32 ? WL_F32 : WL_F64;
  return WL_OK;
}

static void unbind(void *state) {
  impute_state *s = state;
  if (s == NULL)
    return;
  wl_columns_deinit(&s->fill);
  wl_free(s);
}

static wl_status bind(const wl_graph *graph, const wl_node *node, void **state,
                      wl_error *error) {
  impute_state *s = wl_calloc(1, sizeof *s);
  if (s == NULL)
    return wl_fail_memory(error, sizeof *s);
  s->missing = wl_node_float(node, "missing", (double)NAN);
  wl_status status =
      wl_columns_init(&s->fill, wl_node_tensor(graph, node, "fill"), error);
  if (status == WL_OK)
    *state = s;
  else
    unbind(s);
  return status;
}

/* Where 0 is not missing: neither is what is not stored. */
static wl_status impute_sparse(const impute_state *s, const wl_op_call *call,
                               wl_value *out, wl_error *error) {
  const wl_value *x = call->inputs[0];
  wl_dtype dtype = call->type->dtype;
  double *data;
  WL_TRY(wl_like_csr(call, x, out, &data, error));
  size_t first = (size_t)x->indptr[0], last = (size_t)x->indptr[call->n_rows];
  for (size_t e = first; e < last; e++)
    data[e] =
        is_missing(s, x->data[e])
            ? wl_round_to(dtype, wl_column(&s->fill, (size_t)x->indices[e]))
            : x->data[e];
  return WL_OK;
}

static wl_status run_impute(const void *state, const wl_op_call *call,
                            wl_value *out, wl_error *error) {
  const impute_state *s = state;
  const wl_value *x = call->inputs[0];
  wl_dtype dtype = call->type->dtype;
  wl_value spread;
  if (x->kind == WL_VALUE_CSR && s->missing != 0.0)
    return impute_sparse(s, call, out, error);
  WL_TRY(wl_as_dense(call, x, &spread, error));
  x = &spread;
  WL_TRY(wl_new_dense(call, x->n_columns, out, error));
  for (size_t r = 0; r < call->n_rows; r++) {
    const double *from = wl_row(x, r);
    double *to = wl_row_mut(out, r);
    for (size_t c = 0; c < x->n_columns; c++)
      to[c] = is_missing(s, from[c])
                  ? wl_round_to(dtype, wl_column(&s->fill, c))
                  : from[c];
  }
  return WL_OK;
}

static wl_status run_is_missing(const void *state, const wl_op_call *call,
                                wl_value *out, wl_error *error) {
  const impute_state *s = state;
  const wl_value *x = call->inputs[0];
  WL_TRY(wl_new_dense(call, x->n_columns, out, error));
  for (size_t r = 0; r < call->n_rows; r++)
    for (size_t c = 0; c < x->n_columns; c++)
      wl_row_mut(out, r)[c] = is_missing(s, wl_row(x, r)[c]) ? 1.0 : 0.0;
  return WL_OK;
}

static const wl_attr_def impute_attrs[] = {
    {"fill", WL_ATTR_TENSOR, true},
    {"missing", WL_ATTR_FLOAT, false},
};
static const wl_attr_def is_missing_attrs[] = {
    {"missing", WL_ATTR_FLOAT, false},
};

const wl_op_def wl_op_impute = {
    .name = "impute",
    WL_ATTRS(impute_attrs),
    .min_inputs = 1,
    .max_inputs = 1,
    .takes_sparse = true,
    .keeps_sparse = true,
    .infer = infer,
    .bind = bind,
    .unbind = unbind,
    .run = run_impute,
};

const wl_op_def wl_op_is_missing = {
    .name = "is_missing",
    WL_ATTRS(is_missing_attrs),
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = infer,
    .bind = bind,
    .unbind = unbind,
    .run = run_is_missing,
};
