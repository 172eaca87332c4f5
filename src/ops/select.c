/* select.c: some columns of a matrix, in the order given: feature selection,
 * and single columns of scores. */
#include <stdlib.h>

#include "ops/common.h"
#include "ops/table.h"

static const wl_attr_def attrs[] = {
    {"indices", WL_ATTR_TENSOR, true},
};

/* An input column and a place that it is selected for. */
typedef struct place {
  int32_t column, target;
} place;

typedef struct select_state {
  size_t n;
  int32_t *indices;
  /* For CSR rows: by column. As large as the selection, not as the input, which
   * may have 2^31 columns of a hash. */
  place *places;
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
  wl_free(s->places);
  wl_free(s);
}

static int by_column(const void *left, const void *right) {
  const place *a = left, *b = right;
  if (a->column != b->column)
    return a->column < b->column ? -1 : 1;
  return (a->target > b->target) - (a->target < b->target);
}

static wl_status bind(const wl_graph *graph, const wl_node *node, void **state,
                      wl_error *error) {
  const wl_const *indices = wl_node_tensor(graph, node, "indices");
  select_state *s = wl_calloc(1, sizeof *s);
  if (s == NULL)
    return wl_fail_memory(error, sizeof *s);
  s->n = indices->n_elements;
  s->indices = wl_calloc(s->n, sizeof *s->indices);
  s->places = wl_calloc(s->n, sizeof *s->places);
  if (s->indices == NULL || s->places == NULL) {
    unbind(s);
    return wl_fail_memory(error, indices->n_elements * sizeof *s->places);
  }
  s->is_ascending = true;
  for (size_t i = 0; i < s->n; i++) {
    s->indices[i] = (int32_t)wl_const_number(indices, i);
    s->is_ascending &= i == 0 || s->indices[i] > s->indices[i - 1];
    s->places[i] = (place){s->indices[i], (int32_t)i};
  }
  if (!s->is_ascending)
    qsort(s->places, s->n, sizeof *s->places, by_column);
  *state = s;
  return WL_OK;
}

/* The first place whose column is not below. */
static size_t find_place(const select_state *s, int32_t column) {
  size_t low = 0, high = s->n;
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (s->places[middle].column < column)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

typedef struct entry {
  int32_t target;
  uint32_t order; /* entries of one column stay as they came */
  double value;
} entry;

static int by_target(const void *left, const void *right) {
  const entry *a = left, *b = right;
  if (a->target != b->target)
    return a->target < b->target ? -1 : 1;
  return (a->order > b->order) - (a->order < b->order);
}

/* One CSR row's selected entries to `found`, which has room for `room`; the
 * number that there are. */
static size_t select_row(const select_state *s, const wl_value *x, size_t row,
                         entry *found, size_t room) {
  size_t n = 0;
  for (int64_t e = x->indptr[row]; e < x->indptr[row + 1]; e++) {
    int32_t column = x->indices[e];
    for (size_t at = find_place(s, column);
         at < s->n && s->places[at].column == column; at++, n++)
      if (n < room)
        found[n] = (entry){s->places[at].target, (uint32_t)n, x->data[e]};
  }
  return n;
}

static wl_status run_sparse(const select_state *s, const wl_op_call *call,
                            wl_value *out, wl_error *error) {
  const wl_value *x = call->inputs[0];
  wl_csr_builder builder;
  entry *found = NULL;
  size_t room = 0;
  WL_TRY(wl_csr_begin(&builder, call->arena, call->n_rows, 1024, error));
  for (size_t r = 0; r < call->n_rows; r++) {
    size_t n = select_row(s, x, r, found, room);
    if (n > room) {
      room = 2 * n;
      found = wl_arena_alloc(call->arena, room * sizeof *found);
      if (found == NULL)
        return wl_fail_memory(error, room * sizeof *found);
      (void)select_row(s, x, r, found, room);
    }
    if (!s->is_ascending && n > 1)
      qsort(found, n, sizeof *found, by_target);
    WL_TRY(wl_csr_reserve(&builder, n, error));
    for (size_t i = 0; i < n; i++)
      wl_csr_push(&builder, found[i].target, found[i].value);
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
    return run_sparse(s, call, out, error);
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
    .keeps_sparse = true,
    .infer = infer,
    .bind = bind,
    .unbind = unbind,
    .run = run,
};
