/*
 * weighted_median.c: `weighted_median`: of a row's numbers the first, in rising
 * order, up to which the weights are at least half of their sum, as
 * AdaBoostRegressor chooses among its members' predictions. Weights are added
 * in that order, equal numbers by their column; NaN comes last.
 */
#include "ops/common.h"
#include "ops/table.h"

static const wl_attr_def attrs[] = {{"weights", WL_ATTR_TENSOR, true}};

typedef struct median_state {
  size_t n;
  double *weights; /* n */
} median_state;

static wl_status infer(const wl_graph *graph, const wl_node *node,
                       wl_type *type, wl_error *error) {
  const wl_const *weights = wl_node_tensor(graph, node, "weights");
  WL_TRY(wl_check_dense(graph, node, error));
  const wl_type *input = wl_input_type(graph, node, 0);
  if (weights->dtype != WL_F64 || weights->n_dims != 1 ||
      weights->n_elements == 0 || weights->n_elements != input->n_columns)
    return wl_fail(error, WL_ERROR_VALUE,
                   "operator 'weighted_median': weights are f64, one a column "
                   "of its input (%zu)",
                   input->n_columns);
  *type = (wl_type){.kind = WL_VALUE_DENSE,
                    .n_columns = 1,
                    .dtype = input->dtype,
                    .is_bit_equal = input->is_bit_equal};
  return WL_OK;
}

static void unbind(void *state) {
  median_state *s = state;
  if (s == NULL)
    return;
  wl_free(s->weights);
  wl_free(s);
}

static wl_status bind(const wl_graph *graph, const wl_node *node, void **state,
                      wl_error *error) {
  const wl_const *weights = wl_node_tensor(graph, node, "weights");
  median_state *s = wl_calloc(1, sizeof *s);
  if (s == NULL)
    return wl_fail_memory(error, sizeof *s);
  s->n = weights->n_elements;
  wl_status status = wl_copy_vector(weights, s->n, 0.0, &s->weights, error);
  if (status != WL_OK)
    unbind(s);
  else
    *state = s;
  return status;
}

static bool is_after(double a, double b) { return a > b || (a != a && b == b); }

/* Sorts column numbers by the row's values, equal ones as they are: runs of
 * doubled length are merged, from one array into the other. Returns the one
 * that holds the result. */
static const uint32_t *sort(const double *row, size_t n, uint32_t *order,
                            uint32_t *room) {
  for (size_t i = 0; i < n; i++)
    order[i] = (uint32_t)i;
  for (size_t width = 1; width < n; width *= 2) {
    for (size_t begin = 0; begin < n; begin += 2 * width) {
      size_t middle = n - begin < width ? n : begin + width;
      size_t end = n - begin < 2 * width ? n : begin + 2 * width;
      size_t a = begin, b = middle;
      for (size_t i = begin; i < end; i++) {
        bool takes_b =
            a == middle || (b < end && is_after(row[order[a]], row[order[b]]));
        room[i] = takes_b ? order[b++] : order[a++];
      }
    }
    uint32_t *sorted = room;
    room = order;
    order = sorted;
  }
  return order;
}

static double median_of(const median_state *s, const double *row,
                        const uint32_t *order) {
  double sum = 0.0, half = 0.0;
  for (size_t i = 0; i < s->n; i++)
    half += s->weights[order[i]];
  half *= 0.5;
  for (size_t i = 0; i < s->n; i++) {
    sum += s->weights[order[i]];
    if (sum >= half)
      return row[order[i]];
  }
  return row[order[0]];
}

static wl_status run(const void *state, const wl_op_call *call, wl_value *out,
                     wl_error *error) {
  const median_state *s = state;
  const wl_value *x = call->inputs[0];
  WL_TRY(wl_new_dense(call, 1, out, error));
  wl_arena_mark mark = wl_arena_save(call->arena);
  uint32_t *room = wl_arena_alloc(call->arena, 2 * s->n * sizeof *room);
  if (room == NULL)
    return wl_fail_memory(error, 2 * s->n * sizeof *room);
  for (size_t r = 0; r < call->n_rows; r++) {
    const double *row = wl_row(x, r);
    *wl_row_mut(out, r) = median_of(s, row, sort(row, s->n, room, room + s->n));
  }
  wl_arena_restore(call->arena, mark);
  return WL_OK;
}

const wl_op_def wl_op_weighted_median = {
    .name = "weighted_median",
    WL_ATTRS(attrs),
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = infer,
    .bind = bind,
    .unbind = unbind,
    .run = run,
};
