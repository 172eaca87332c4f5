/*
 * isotonic.c: linear interpolation between fixed points, clipped at both ends:
 * IsotonicRegression.predict with out_of_bounds="clip", as calibrators use it.
 * It asks NumPy's interp, operation by operation, so that equal scores of the
 * original are equal here: the value at a point is that point's own, and a
 * plateau is flat. (It counts as within rounding all the same: some builds of
 * NumPy fuse the multiplication and the addition.)
 */
#include "ops/common.h"
#include "ops/table.h"

static const wl_attr_def attrs[] = {
    {"x", WL_ATTR_TENSOR, true},
    {"y", WL_ATTR_TENSOR, true},
};

typedef struct isotonic_state {
  size_t n;
  double *x, *y;
} isotonic_state;

static wl_status infer(const wl_graph *graph, const wl_node *node,
                       wl_type *type, wl_error *error) {
  const wl_const *x = wl_node_tensor(graph, node, "x");
  const wl_const *y = wl_node_tensor(graph, node, "y");
  WL_TRY(wl_infer_same(graph, node, type, error));
  if (x->dtype == WL_STRING || y->dtype == WL_STRING || x->n_dims != 1 ||
      y->n_dims != 1 || x->n_elements != y->n_elements || x->n_elements == 0)
    return wl_fail(error, WL_ERROR_VALUE,
                   "operator 'isotonic': x and y are numbers, as many of one "
                   "as of the other");
  for (size_t i = 1; i < x->n_elements; i++)
    if (!(wl_const_number(x, i) > wl_const_number(x, i - 1)))
      return wl_fail(error, WL_ERROR_VALUE,
                     "operator 'isotonic': x does not ascend at %zu", i);
  type->is_bit_equal = false;
  type->dtype = type->dtype == WL_F32 ? WL_F32 : WL_F64;
  return WL_OK;
}

static void unbind(void *state) {
  isotonic_state *s = state;
  if (s == NULL)
    return;
  wl_free(s->x);
  wl_free(s->y);
  wl_free(s);
}

static wl_status bind(const wl_graph *graph, const wl_node *node, void **state,
                      wl_error *error) {
  const wl_const *x = wl_node_tensor(graph, node, "x");
  const wl_const *y = wl_node_tensor(graph, node, "y");
  isotonic_state *s = wl_calloc(1, sizeof *s);
  if (s == NULL)
    return wl_fail_memory(error, sizeof *s);
  wl_status status;
  s->n = x->n_elements;
  WL_TRY_DONE(status, wl_copy_vector(x, s->n, 0.0, &s->x, error));
  WL_TRY_DONE(status, wl_copy_vector(y, s->n, 0.0, &s->y, error));
  *state = s;
  return WL_OK;
done:
  unbind(s);
  return status;
}

/* The segment that begins at the last point not above v. */
static double interpolate(const isotonic_state *s, double v) {
  if (v != v)
    return v;
  if (v <= s->x[0])
    return s->y[0];
  if (v >= s->x[s->n - 1])
    return s->y[s->n - 1];
  size_t low = 0, high = s->n - 1;
  while (high - low > 1) {
    size_t middle = (low + high) / 2;
    if (s->x[middle] <= v)
      low = middle;
    else
      high = middle;
  }
  if (s->x[low] == v)
    return s->y[low];
  double slope = (s->y[high] - s->y[low]) / (s->x[high] - s->x[low]);
  double found = slope * (v - s->x[low]) + s->y[low];
  if (found == found)
    return found;
  /* Infinities: NumPy goes from the other side. */
  found = slope * (v - s->x[high]) + s->y[high];
  return found != found && s->y[low] == s->y[high] ? s->y[low] : found;
}

static wl_status run(const void *state, const wl_op_call *call, wl_value *out,
                     wl_error *error) {
  const wl_value *x = call->inputs[0];
  WL_TRY(wl_new_dense(call, x->n_columns, out, error));
  for (size_t r = 0; r < call->n_rows; r++)
    for (size_t c = 0; c < x->n_columns; c++)
      wl_row_mut(out, r)[c] =
          wl_round_to(call->type->dtype, interpolate(state, wl_row(x, r)[c]));
  return WL_OK;
}

const wl_op_def wl_op_isotonic = {
    .name = "isotonic",
    WL_ATTRS(attrs),
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = infer,
    .bind = bind,
    .unbind = unbind,
    .run = run,
};
