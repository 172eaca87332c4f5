/*
 * normalize.c: rows scaled to norm 1, in the reference's order: a sparse row is
 * summed entry by entry in double and each entry divided, so the result is
 * bit-equal; a dense row's sum of squares is within rounding.
 */
#include "ops/normalize.h"

#include <float.h>
#include <math.h>

#include "ops/table.h"

static const wl_attr_def attrs[] = {
    {"norm", WL_ATTR_STRING, true},
};

wl_status wl_node_norm(const wl_node *node, const char *absent, wl_norm *out,
                       wl_error *error) {
  static const char *const names[] = {"none", "l1", "l2", "max", "occurrences"};
  wl_string name = wl_node_string(node, "norm", absent);
  for (size_t i = 0; i < WL_COUNT_OF(names); i++) {
    if (wl_string_is(name, names[i])) {
      *out = (wl_norm)i;
      return WL_OK;
    }
  }
  return wl_fail(error, WL_ERROR_VALUE,
                 "operator '%s': norm '%.20s' is not one of none, l1, l2, max, "
                 "occurrences",
                 wl_op_table[node->op]->name, name.data);
}

static wl_status infer(const wl_graph *graph, const wl_node *node,
                       wl_type *type, wl_error *error) {
  wl_norm norm;
  WL_TRY(wl_check_matrices(graph, node, error));
  WL_TRY(wl_node_norm(node, "", &norm, error));
  if (norm == WL_NORM_OCCURRENCES)
    return wl_fail(
        error, WL_ERROR_VALUE,
        "operator 'normalize': the norm 'occurrences' is for counts; "
        "use it in 'tfidf'");
  *type = *wl_input_type(graph, node, 0);
  type->dtype = type->dtype == WL_F32 ? WL_F32 : WL_F64;
  type->is_bit_equal &= type->kind == WL_VALUE_CSR;
  return WL_OK;
}

void wl_normalize_csr(const wl_value *x, double *data, wl_norm norm,
                      wl_dtype dtype) {
  for (size_t r = 0; r < x->n_rows; r++) {
    double sum = 0.0;
    int64_t from = x->indptr[r], to = x->indptr[r + 1];
    for (int64_t e = from; e < to; e++) {
      double v = data[e];
      if (norm == WL_NORM_L1)
        sum += fabs(v);
      else if (norm == WL_NORM_L2)
        sum += wl_round_to(dtype, v * v);
      else
        sum = fmax(sum, fabs(v));
    }
    if (norm == WL_NORM_L2)
      sum = sqrt(sum);
    if (sum == 0.0 || norm == WL_NORM_NONE)
      continue;
    for (int64_t e = from; e < to; e++)
      data[e] = wl_round_to(dtype, data[e] / sum);
  }
}

static void normalize_dense_row(double *row, size_t n, wl_norm norm,
                                wl_dtype dtype) {
  double sum = 0.0;
  for (size_t c = 0; c < n; c++) {
    if (norm == WL_NORM_L1)
      sum += fabs(row[c]);
    else if (norm == WL_NORM_L2)
      sum += row[c] * row[c];
    else
      sum = fmax(sum, fabs(row[c]));
  }
  sum = wl_round_to(dtype, sum);
  if (norm == WL_NORM_L2)
    sum = wl_round_to(dtype, sqrt(sum));
  /* scikit-learn leaves rows alone whose norm is nearly 0 */
  if (sum < 10 * (dtype == WL_F32 ? (double)FLT_EPSILON : DBL_EPSILON))
    return;
  for (size_t c = 0; c < n; c++)
    row[c] = wl_round_to(dtype, row[c] / sum);
}

static wl_status run(const void *state, const wl_op_call *call, wl_value *out,
                     wl_error *error) {
  wl_norm norm = *(const wl_norm *)state;
  const wl_value *x = call->inputs[0];
  if (x->kind == WL_VALUE_CSR) {
    double *data;
    WL_TRY(wl_like_csr(call, x, out, &data, error));
    memcpy(data, x->data + x->indptr[0],
           (size_t)out->indptr[x->n_rows] * sizeof *data);
    wl_normalize_csr(out, data, norm, call->type->dtype);
    return WL_OK;
  }
  WL_TRY(wl_new_dense(call, x->n_columns, out, error));
  for (size_t r = 0; r < call->n_rows; r++) {
    memcpy(wl_row_mut(out, r), wl_row(x, r), x->n_columns * sizeof(double));
    if (norm != WL_NORM_NONE)
      normalize_dense_row(wl_row_mut(out, r), x->n_columns, norm,
                          call->type->dtype);
  }
  return WL_OK;
}

static wl_status bind(const wl_graph *graph, const wl_node *node, void **state,
                      wl_error *error) {
  (void)graph;
  *state = wl_alloc(sizeof(wl_norm));
  if (*state == NULL)
    return wl_fail_memory(error, sizeof(wl_norm));
  return wl_node_norm(node, "", *state, error);
}

const wl_op_def wl_op_normalize = {
    .name = "normalize",
    WL_ATTRS(attrs),
    .min_inputs = 1,
    .max_inputs = 1,
    .takes_sparse = true,
    .keeps_sparse = true,
    .infer = infer,
    .bind = bind,
    .unbind = wl_free,
    .run = run,
};
