/* concat.c: matrices side by side. Passes cut a linear model along it, so that
 * in most plans it is never run. */
#include "ops/common.h"
#include "ops/table.h"

static const wl_attr_def attrs[] = {
    {"sparse", WL_ATTR_BOOL, false},
    {"dtype", WL_ATTR_STRING, false},
};

static wl_status infer(const wl_graph *graph, const wl_node *node,
                       wl_type *type, wl_error *error) {
  WL_TRY(wl_check_matrices(graph, node, error));
  *type = *wl_input_type(graph, node, 0);
  bool any_sparse = false;
  type->n_columns = 0;
  for (uint32_t i = 0; i < node->n_inputs; i++) {
    const wl_type *input = wl_input_type(graph, node, i);
    any_sparse |= input->kind == WL_VALUE_CSR;
    type->n_columns += input->n_columns; /* each below 2^31 */
    type->dtype = wl_promote(type->dtype, input->dtype);
    type->is_bit_equal &= input->is_bit_equal;
  }
  type->kind =
      wl_node_bool(node, "sparse", any_sparse) ? WL_VALUE_CSR : WL_VALUE_DENSE;
  wl_dtype common = type->dtype;
  WL_TRY(wl_node_dtype(node, common, &type->dtype, error));
  if ((type->dtype == WL_I32 || type->dtype == WL_I64) &&
      (common == WL_F32 || common == WL_F64))
    return wl_fail(error, WL_ERROR_UNSUPPORTED,
                   "operator 'concat': dtype '%s' cannot hold its inputs' %s",
                   wl_dtype_name(type->dtype), wl_dtype_name(common));
  return WL_OK;
}

/* Column after column, for a reader that takes them so. What its step has
 * written to its place already stays there. */
static wl_status run_columns(const wl_op_call *call, wl_value *out,
                             wl_error *error) {
  size_t n = call->n_rows;
  double *to = call->target;
  for (size_t i = 0; i < call->n_inputs; i++) {
    wl_value input;
    WL_TRY(wl_as_dense(call, call->inputs[i], &input, error));
    if (input.dense != to)
      for (size_t c = 0; c < input.n_columns; c++)
        for (size_t r = 0; r < n; r++)
          to[c * n + r] = wl_round_to(call->type->dtype, wl_row(&input, r)[c]);
    to += input.n_columns * n;
  }
  *out =
      (wl_value){.kind = WL_VALUE_STRIDED,
                 .n_rows = n,
                 .n_columns = call->type->n_columns,
                 .strided = {.values = call->target,
                             .row_stride = sizeof(double),
                             .column_stride = (int64_t)(n * sizeof(double))}};
  return WL_OK;
}

static wl_status run_dense(const wl_op_call *call, wl_value *out,
                           wl_error *error) {
  WL_TRY(wl_new_dense(call, call->type->n_columns, out, error));
  size_t at = 0;
  for (size_t i = 0; i < call->n_inputs; i++) {
    wl_value input;
    WL_TRY(wl_as_dense(call, call->inputs[i], &input, error));
    for (size_t r = 0; r < call->n_rows; r++) {
      const double *from = wl_row(&input, r);
      double *to = wl_row_mut(out, r) + at;
      for (size_t c = 0; c < input.n_columns; c++)
        to[c] = wl_round_to(call->type->dtype, from[c]);
    }
    at += input.n_columns;
  }
  return WL_OK;
}

static wl_status run_sparse(const wl_op_call *call, wl_value *out,
                            wl_error *error) {
  wl_csr_builder builder;
  WL_TRY(wl_csr_begin(&builder, call->arena, call->n_rows, 1024, error));
  for (size_t r = 0; r < call->n_rows; r++) {
    int32_t at = 0;
    for (size_t i = 0; i < call->n_inputs; i++) {
      const wl_value *input = call->inputs[i];
      if (input->kind == WL_VALUE_CSR) {
        size_t first = (size_t)input->indptr[r];
        size_t n = (size_t)input->indptr[r + 1] - first;
        WL_TRY(wl_csr_reserve(&builder, n, error));
        for (size_t e = first; e < first + n; e++)
          wl_csr_push(&builder, at + input->indices[e],
                      wl_round_to(call->type->dtype, input->data[e]));
      } else {
        WL_TRY(wl_csr_reserve(&builder, input->n_columns, error));
        for (size_t c = 0; c < input->n_columns; c++)
          if (wl_row(input, r)[c] != 0.0)
            wl_csr_push(&builder, at + (int32_t)c,
                        wl_round_to(call->type->dtype, wl_row(input, r)[c]));
      }
      at += (int32_t)input->n_columns;
    }
    wl_csr_end_row(&builder);
  }
  *out = wl_csr_value(&builder, call->type->n_columns);
  return WL_OK;
}

/* Without `sparse`, the caller's CSR rows make CSR rows, as hstack does. */
static bool follows;

static wl_status bind(const wl_graph *graph, const wl_node *node, void **state,
                      wl_error *error) {
  (void)graph;
  (void)error;
  *state = wl_node_attr(node, "sparse") == NULL ? &follows : NULL;
  return WL_OK;
}

static wl_status run(const void *state, const wl_op_call *call, wl_value *out,
                     wl_error *error) {
  bool is_sparse = call->type->kind == WL_VALUE_CSR;
  for (size_t i = 0; state == &follows && i < call->n_inputs; i++)
    is_sparse |= call->inputs[i]->kind == WL_VALUE_CSR;
  if (is_sparse)
    return run_sparse(call, out, error);
  return call->target != NULL ? run_columns(call, out, error)
                              : run_dense(call, out, error);
}

const wl_op_def wl_op_concat = {
    .name = "concat",
    WL_ATTRS(attrs),
    .min_inputs = 1,
    .max_inputs = 1 << 16,
    .takes_sparse = true,
    .keeps_sparse = true,
    .infer = infer,
    .bind = bind,
    .run = run,
};
