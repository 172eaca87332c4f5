/*
 * row.c: one row of numbers through a model: the row becomes the inputs of an
 * ordinary run, in memory that a repeated call finds ready.
 */
#include "exec/run.h"

enum { FEW = 16 }; /* inputs that the stack has room for */

static wl_status check_row(const wl_plan *plan, size_t n_values,
                           wl_error *error) {
  uint64_t n_wanted = 0;
  for (size_t i = 0; i < plan->n_inputs; i++) {
    const wl_plan_input *from = &plan->inputs[i];
    if (plan->nodes[from->node].type.kind == WL_VALUE_STRINGS)
      return wl_fail(error, WL_ERROR_VALUE,
                     "input %zu ('%s') is text, not numbers: use "
                     "wl_model_predict",
                     i, from->name);
    n_wanted += plan->nodes[from->node].type.n_columns;
  }
  if (n_values != n_wanted)
    return wl_fail(error, WL_ERROR_VALUE,
                   "%zu values are given, a row of the model has %llu",
                   n_values, (unsigned long long)n_wanted);
  return WL_OK;
}

static void split_row(const wl_plan *plan, const double *values,
                      wl_input *inputs) {
  for (size_t i = 0; i < plan->n_inputs; i++) {
    size_t width = plan->nodes[plan->inputs[i].node].type.n_columns;
    inputs[i] = (wl_input){.layout = WL_LAYOUT_STRIDED,
                           .dtype = WL_F64,
                           .n_columns = width,
                           .values = values,
                           .row_stride = (int64_t)(width * sizeof *values),
                           .column_stride = sizeof *values};
    values += width;
  }
}

wl_status wl_exec_predict_row(const wl_plan *plan, wl_context_list *contexts,
                              size_t output, const double *values,
                              size_t n_values, void *out, wl_error *error) {
  wl_input few[FEW], *inputs = few;
  wl_context *room = NULL;
  WL_TRY(check_row(plan, n_values, error));
  if (plan->n_inputs > FEW) {
    size_t size = plan->n_inputs * sizeof *inputs;
    WL_TRY(wl_context_take(contexts, plan->n_nodes, 1, &room, error));
    inputs = wl_arena_alloc(&room->arena, size);
    if (inputs == NULL) {
      wl_context_return(contexts, room);
      return wl_fail_memory(error, size);
    }
  }
  split_row(plan, values, inputs);
  wl_status status =
      wl_exec_predict(plan, contexts, output, inputs, plan->n_inputs, 1, 1,
                      NULL, out, NULL, error);
  wl_context_return(contexts, room);
  return status;
}
