/*
 * lead.c: `lead`, by how much the largest of a row's scores stays the largest
 * whatever is still to be added to them: the gate of a lossless cascade.
 *
 * bounds[c][d] is at least as large as what output d can still gain on output
 * c. Where the value is above 0, x[c] - x[d] as a double was above that bound;
 * rounding is monotone and the bound is a double, so the exact difference was
 * as well. The sign is right, whatever the two subtractions rounded.
 */
#include <math.h>

#include "ops/common.h"
#include "ops/table.h"

static const wl_attr_def attrs[] = {
    {"bounds", WL_ATTR_TENSOR, true},
};

typedef struct lead_state {
  size_t n;
  double *bounds; /* n x n */
} lead_state;

static wl_status infer(const wl_graph *graph, const wl_node *node,
                       wl_type *type, wl_error *error) {
  WL_TRY(wl_check_dense(graph, node, error));
  size_t n = wl_input_type(graph, node, 0)->n_columns;
  const wl_const *bounds = wl_node_tensor(graph, node, "bounds");
  if (n < 2)
    return wl_fail(error, WL_ERROR_VALUE,
                   "operator 'lead' takes two columns or more, not %zu", n);
  if (bounds->dtype != WL_F64 || bounds->n_dims != 2 || bounds->shape[0] != n ||
      bounds->shape[1] != n)
    return wl_fail(error, WL_ERROR_VALUE,
                   "operator 'lead': bounds are f64, %zu x %zu, as its input "
                   "has %zu columns",
                   n, n, n);
  *type = (wl_type){.kind = WL_VALUE_DENSE, .n_columns = 1, .dtype = WL_F64};
  return WL_OK;
}

static void unbind(void *state) {
  lead_state *s = state;
  if (s == NULL)
    return;
  wl_free(s->bounds);
  wl_free(s);
}

static wl_status bind(const wl_graph *graph, const wl_node *node, void **state,
                      wl_error *error) {
  const wl_const *bounds = wl_node_tensor(graph, node, "bounds");
  lead_state *s = wl_calloc(1, sizeof *s);
  if (s == NULL)
    return wl_fail_memory(error, sizeof *s);
  s->n = (size_t)bounds->shape[0];
  s->bounds = wl_alloc(bounds->n_elements * sizeof *s->bounds);
  if (s->bounds == NULL) {
    unbind(s);
    return wl_fail_memory(error, bounds->n_elements * sizeof *s->bounds);
  }
  memcpy(s->bounds, bounds->data, bounds->n_elements * sizeof *s->bounds);
  *state = s;
  return WL_OK;
}

/* NaN where any number is: such a row is never decided. */
static double lead_of(const lead_state *s, const double *x) {
  size_t best = 0;
  for (size_t c = 0; c < s->n; c++) {
    if (x[c] != x[c])
      return x[c];
    if (x[c] > x[best])
      best = c;
  }
  const double *bounds = s->bounds + best * s->n;
  double least = INFINITY;
  for (size_t d = 0; d < s->n; d++) {
    double lead = x[best] - x[d] - bounds[d];
    if (d != best && !(lead >= least))
      least = lead;
    if (least != least)
      break;
  }
  return least;
}

static wl_status run(const void *state, const wl_op_call *call, wl_value *out,
                     wl_error *error) {
  WL_TRY(wl_new_dense(call, 1, out, error));
  for (size_t r = 0; r < call->n_rows; r++)
    *wl_row_mut(out, r) = lead_of(state, wl_row(call->inputs[0], r));
  return WL_OK;
}

const wl_op_def wl_op_lead = {
    .name = "lead",
    WL_ATTRS(attrs),
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = infer,
    .bind = bind,
    .unbind = unbind,
    .run = run,
};
