/* select.c: some columns of a matrix, in the order given: feature selection,
 * and single columns of scores. */
#include "ops/common.h"
#include "ops/table.h"

static const wl_attr_def attrs[] = {
    {"indices", WL_ATTR_TENSOR, true},
};

typedef struct select_state {
  size_t n;
  int32_t *indices;
  /* For CSR rows: where each input column goes, -1: nowhere. */
  int32_t *target;
  bool is_ascending; /* then a sorted row stays sorted */
} select_state;

static wl_status infer(const wl_graph *graph, const wl_node *node,
                       wl_type *type, wl_error *error) {
  WL_TRY(wl_check_matrices(graph, node, error));
  *type = *wl_input_type(graph, node, 0);
  const wl_const *indices = wl_node_tensor(graph, node, "indices");
  if (indices->n_dims != 1 || indices->dtype == WL_STRING)
    return wl_fail(error, WL_ERROR_TYPE,
                   "operator 'select': indices are a list of integers");
  for (size_t i = 0; i < indices->n_elements; i++) {
    double at = wl_const_number(indices, i);
    if (!(at >= 0 && at < (double)type->n_columns) || at != (double)(int64_t)at)
      return wl_fail(error, WL_ERROR_VALUE,
                     "operator 'select': index %g is outside 0 to %zu", at,
                     type->n_columns);
  }
  type->n_columns = indices->n_elements;
  return WL_OK;
}

static void unbind(void *state) {
  select_state *s = state;
  if (s == NULL)
    return;
  wl_free(s->indices);
  wl_free(s->target);
  wl_free(s);
}

static wl_status bind(const wl_graph *graph, const wl_node *node, void **state,
                      wl_error *error) {
  const wl_const *indices = wl_node_tensor(graph, node, "indices");
  size_t width = wl_input_type(graph, node, 0)->n_columns;
  select_state *s = wl_calloc(1, sizeof *s);
  if (s == NULL)
    return wl_fail_memory(error, sizeof *s);
  s->n = indices->n_elements;
  s->indices = wl_calloc(s->n + 1, sizeof *s->indices);
  s->target = wl_calloc(width + 1, sizeof *s->target);
  if (s->indices == NULL || s->target == NULL) {
    unbind(s);
    return wl_fail_memory(error, width * sizeof *s->target);
  }
  s->is_ascending = true;
  memset(s->target, 0xff, width * sizeof *s->target);
  for (size_t i = 0; i < s->n; i++) {
    s->indices[i] = (int32_t)wl_const_number(indices, i);
    s->is_ascending &= i == 0 || s->indices[i] > s->indices[i - 1];
    s->target[s->indices[i]] = (int32_t)i;
  }
  *state = s;
  return WL_OK;
}

/* Columns that are not ascending (or repeat) go through a dense row. */
static wl_status run_general(const select_state *s, const wl_op_call *call,
                             wl_value *out, wl_error *error) {
  wl_value dense;
  wl_csr_builder builder;
  WL_TRY(wl_as_dense(call, call->inputs[0], &dense, error));
  WL_TRY(wl_csr_begin(&builder, call->arena, call->n_rows, s->n, error));
  for (size_t r = 0; r < call->n_rows; r++) {
    WL_TRY(wl_csr_reserve(&builder, s->n, error));
    for (size_t i = 0; i < s->n; i++)
      if (wl_row(&dense, r)[s->indices[i]] != 0.0)
        wl_csr_push(&builder, (int32_t)i, wl_row(&dense, r)[s->indices[i]]);
    wl_csr_end_row(&builder);
  }
  *out = wl_csr_value(&builder, s->n);
  return WL_OK;
}

static wl_status run_sparse(const select_state *s, const wl_op_call *call,
                            wl_value *out, wl_error *error) {
  const wl_value *x = call->inputs[0];
  wl_csr_builder builder;
  size_t n = (size_t)(x->indptr[x->n_rows] - x->indptr[0]);
  WL_TRY(wl_csr_begin(&builder, call->arena, call->n_rows, n, error));
  for (size_t r = 0; r < call->n_rows; r++) {
    for (int64_t e = x->indptr[r]; e < x->indptr[r + 1]; e++)
      if (s->target[x->indices[e]] >= 0)
        wl_csr_push(&builder, s->target[x->indices[e]], x->data[e]);
    wl_csr_end_row(&builder);
  }
  *out = wl_csr_value(&builder, s->n);
  return WL_OK;
}

static wl_status run(const void *state, const wl_op_call *call, wl_value *out,
                     wl_error *error) {
  const select_state *s = state;
  const wl_value *x = call->inputs[0];
  if (x->kind == WL_VALUE_CSR)
    return s->is_ascending ? run_sparse(s, call, out, error)
                           : run_general(s, call, out, error);
  WL_TRY(wl_new_dense(call, s->n, out, error));
  for (size_t r = 0; r < call->n_rows; r++)
    for (size_t i = 0; i < s->n; i++)
      wl_row_mut(out, r)[i] = wl_row(x, r)[s->indices[i]];
  return WL_OK;
}

const wl_op_def wl_op_select = {
    .name = "select",
    WL_ATTRS(attrs),
    .min_inputs = 1,
    .max_inputs = 1,
    .takes_sparse = true,
    .infer = infer,
    .bind = bind,
    .unbind = unbind,
    .run = run,
};
