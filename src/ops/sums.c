/* sums.c: `add` and `difference` of dense matrices of one shape. */
#include "ops/common.h"
#include "ops/table.h"

static wl_status infer(const wl_graph *graph, const wl_node *node,
                       wl_type *type, wl_error *error) {
  WL_TRY(wl_check_dense(graph, node, error));
  *type = *wl_input_type(graph, node, 0);
  for (uint32_t i = 1; i < node->n_inputs; i++) {
    const wl_type *input = wl_input_type(graph, node, i);
    if (input->n_columns != type->n_columns)
      return wl_fail(error, WL_ERROR_VALUE,
                     "operator '%s': input %u has %zu columns, the first has "
                     "%zu",
                     wl_op_table[node->op]->name, i, input->n_columns,
                     type->n_columns);
    type->dtype = wl_promote(type->dtype, input->dtype);
    type->is_bit_equal &= input->is_bit_equal;
  }
  return WL_OK;
}

/* Left to right: this order is part of a model's bits. */
static wl_status run_signed(const wl_op_call *call, double sign, wl_value *out,
                            wl_error *error) {
  size_t n = call->type->n_columns;
  WL_TRY(wl_new_dense(call, n, out, error));
  for (size_t r = 0; r < call->n_rows; r++) {
    double *to = wl_row_mut(out, r);
    memcpy(to, wl_row(call->inputs[0], r), n * sizeof *to);
    for (size_t i = 1; i < call->n_inputs; i++) {
      const double *from = wl_row(call->inputs[i], r);
      for (size_t c = 0; c < n; c++)
        to[c] = wl_round_to(call->type->dtype, to[c] + sign * from[c]);
    }
  }
  return WL_OK;
}

static wl_status run_add(const void *state, const wl_op_call *call,
                         wl_value *out, wl_error *error) {
  (void)state;
  return run_signed(call, 1.0, out, error);
}

static wl_status run_difference(const void *state, const wl_op_call *call,
                                wl_value *out, wl_error *error) {
  (void)state;
  return run_signed(call, -1.0, out, error);
}

const wl_op_def wl_op_add = {
    .name = "add",
    WL_NO_ATTRS,
    .min_inputs = 1,
    .max_inputs = 1 << 16,
    .infer = infer,
    .run = run_add,
};

const wl_op_def wl_op_difference = {
    .name = "difference",
    WL_NO_ATTRS,
    .min_inputs = 2,
    .max_inputs = 2,
    .infer = infer,
    .run = run_difference,
};
