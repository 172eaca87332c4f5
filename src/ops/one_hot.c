/*
 * one_hot.c: each column of codes to as many columns as it has codes, with a 1
 * where the code says, as OneHotEncoder's result. A code that is none of them
 * (-1, NaN) gives no 1 at all.
 */
#include "ops/common.h"
#include "ops/table.h"

static const wl_attr_def attrs[] = {
    {"sizes", WL_ATTR_TENSOR, true},
    {"sparse", WL_ATTR_BOOL, false},
    {"dtype", WL_ATTR_STRING, false},
};

typedef struct one_hot_state {
  double *sizes;  /* one a column; owned */
  size_t *starts; /* the first column that each gives; owned */
} one_hot_state;

static wl_status infer(const wl_graph *graph, const wl_node *node,
                       wl_type *type, wl_error *error) {
  WL_TRY(wl_infer_same(graph, node, type, error));
  const wl_const *sizes = wl_node_tensor(graph, node, "sizes");
  double total = 0.0;
  if (sizes->dtype == WL_STRING || sizes->n_elements != type->n_columns)
    return wl_fail(error, WL_ERROR_VALUE,
                   "operator 'one_hot': 'sizes' has %zu elements, expected %zu "
                   "numbers",
                   sizes->n_elements, type->n_columns);
  for (size_t c = 0; c < sizes->n_elements; c++) {
    double size = wl_const_number(sizes, c);
    total += size;
    if (!(size >= 0.0 && total <= WL_MAX_COLUMNS &&
          size == (double)(int64_t)size))
      return wl_fail(error, WL_ERROR_VALUE,
                     "operator 'one_hot': the size %g of column %zu is out of "
                     "range",
                     size, c);
  }
  type->kind =
      wl_node_bool(node, "sparse", true) ? WL_VALUE_CSR : WL_VALUE_DENSE;
  type->n_columns = (size_t)total;
  return wl_node_dtype(node, WL_F64, &type->dtype, error);
}

static void unbind(void *state) {
  one_hot_state *s = state;
  if (s == NULL)
    return;
  wl_free(s->sizes);
  wl_free(s->starts);
  wl_free(s);
}

static wl_status bind(const wl_graph *graph, const wl_node *node, void **state,
                      wl_error *error) {
  const wl_const *sizes = wl_node_tensor(graph, node, "sizes");
  size_t n = sizes->n_elements, start = 0;
  one_hot_state *s = wl_calloc(1, sizeof *s);
  if (s == NULL)
    return wl_fail_memory(error, sizeof *s);
  wl_status status = wl_copy_vector(sizes, n, 0.0, &s->sizes, error);
  s->starts = wl_calloc(n + 1, sizeof *s->starts);
  if (status == WL_OK && s->starts == NULL)
    status = wl_fail_memory(error, n * sizeof *s->starts);
  if (status != WL_OK) {
    unbind(s);
    return status;
  }
  for (size_t c = 0; c < n; c++) {
    s->starts[c] = start;
    start += (size_t)s->sizes[c];
  }
  *state = s;
  return WL_OK;
}

static wl_status run_dense(const one_hot_state *s, const wl_op_call *call,
                           wl_value *out, wl_error *error) {
  const wl_value *x = call->inputs[0];
  WL_TRY(wl_new_dense(call, call->type->n_columns, out, error));
  memset(out->dense, 0,
         call->n_rows * call->type->n_columns * sizeof *out->dense);
  for (size_t r = 0; r < call->n_rows; r++)
    for (size_t c = 0; c < x->n_columns; c++) {
      double code = wl_row(x, r)[c];
      if (code >= 0.0 && code < s->sizes[c])
        wl_row_mut(out, r)[s->starts[c] + (size_t)code] = 1.0;
    }
  return WL_OK;
}

static wl_status run_sparse(const one_hot_state *s, const wl_op_call *call,
                            wl_value *out, wl_error *error) {
  const wl_value *x = call->inputs[0];
  wl_csr_builder builder;
  WL_TRY(wl_csr_begin(&builder, call->arena, call->n_rows,
                      call->n_rows * x->n_columns, error));
  for (size_t r = 0; r < call->n_rows; r++) {
    WL_TRY(wl_csr_reserve(&builder, x->n_columns, error));
    for (size_t c = 0; c < x->n_columns; c++) {
      double code = wl_row(x, r)[c];
      if (code >= 0.0 && code < s->sizes[c])
        wl_csr_push(&builder, (int32_t)(s->starts[c] + (size_t)code), 1.0);
    }
    wl_csr_end_row(&builder);
  }
  *out = wl_csr_value(&builder, call->type->n_columns);
  return WL_OK;
}

static wl_status run(const void *state, const wl_op_call *call, wl_value *out,
                     wl_error *error) {
  return call->type->kind == WL_VALUE_CSR ? run_sparse(state, call, out, error)
                                          : run_dense(state, call, out, error);
}

const wl_op_def wl_op_one_hot = {
    .name = "one_hot",
    WL_ATTRS(attrs),
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = infer,
    .bind = bind,
    .unbind = unbind,
    .run = run,
};
