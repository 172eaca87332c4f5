/* affine.c: dense rows times a number plus a number, column by column: the
 * intercepts and the calibrators' slopes. */
#include "ops/common.h"
#include "ops/table.h"

static const wl_attr_def attrs[] = {
    {"multiply", WL_ATTR_TENSOR, false},
    {"add", WL_ATTR_TENSOR, false},
};

static wl_status infer(const wl_graph *graph, const wl_node *node,
                       wl_type *type, wl_error *error) {
  WL_TRY(wl_infer_same(graph, node, type, error));
  WL_TRY(wl_check_vector(graph, node, "multiply", type->n_columns, error));
  WL_TRY(wl_check_vector(graph, node, "add", type->n_columns, error));
  type->dtype = type->dtype == WL_F32 ? WL_F32 : WL_F64;
  return WL_OK;
}

/* multiply, then add: n_columns each */
static wl_status bind(const wl_graph *graph, const wl_node *node, void **state,
                      wl_error *error) {
  size_t n = wl_input_type(graph, node, 0)->n_columns;
  const wl_const *multiply = wl_node_tensor(graph, node, "multiply");
  const wl_const *add = wl_node_tensor(graph, node, "add");
  double *both = wl_calloc(2 * n + 1, sizeof *both);
  if (both == NULL)
    return wl_fail_memory(error, 2 * n * sizeof *both);
  for (size_t c = 0; c < n; c++) {
    both[c] =
        multiply == NULL
            ? 1.0
            : wl_const_number(multiply, multiply->n_elements == 1 ? 0 : c);
    both[n + c] =
        add == NULL ? 0.0 : wl_const_number(add, add->n_elements == 1 ? 0 : c);
  }
  *state = both;
  return WL_OK;
}

static wl_status run(const void *state, const wl_op_call *call, wl_value *out,
                     wl_error *error) {
  const wl_value *x = call->inputs[0];
  size_t n = x->n_columns;
  const double *multiply = state, *add = multiply + n;
  wl_dtype dtype = call->type->dtype;
  WL_TRY(wl_new_dense(call, n, out, error));
  for (size_t r = 0; r < call->n_rows; r++)
    for (size_t c = 0; c < n; c++)
      wl_row_mut(out, r)[c] = wl_round_to(
          dtype, wl_round_to(dtype, wl_row(x, r)[c] * multiply[c]) + add[c]);
  return WL_OK;
}

const wl_op_def wl_op_affine = {
    .name = "affine",
    WL_ATTRS(attrs),
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = infer,
    .bind = bind,
    .unbind = wl_free,
    .run = run,
};
