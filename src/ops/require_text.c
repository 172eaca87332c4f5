/*
 * require_text.c: strings, of which none may be missing: before what reads text
 * the missing one is the error that scikit-learn's vectorizers raise.
 */
#include "ops/common.h"
#include "ops/table.h"

static wl_status infer(const wl_graph *graph, const wl_node *node,
                       wl_type *type, wl_error *error) {
  *type = *wl_input_type(graph, node, 0);
  if (type->kind != WL_VALUE_STRINGS)
    return wl_fail(error, WL_ERROR_TYPE,
                   "operator 'require_text' takes strings");
  type->has_missing = false;
  return WL_OK;
}

static wl_status run(const void *state, const wl_op_call *call, wl_value *out,
                     wl_error *error) {
  (void)state;
  const wl_value *x = call->inputs[0];
  for (size_t r = 0; r < call->n_rows; r++)
    if (x->strings[r].data == NULL)
      return wl_fail_row(error, WL_ERROR_VALUE, (int64_t)r,
                         "np.nan is an invalid document, expected byte or "
                         "unicode string.");
  *out = *x;
  return WL_OK;
}

const wl_op_def wl_op_require_text = {
    .name = "require_text",
    WL_NO_ATTRS,
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = infer,
    .run = run,
};
