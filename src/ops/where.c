/*
 * where.c: one number or another by a condition, element by element, as NumPy's
 * where. What is given as an attribute is one number for all; the inputs after
 * the condition are those that are not.
 */
#include "ops/common.h"
#include "ops/table.h"

static const wl_attr_def attrs[] = {
    {"then", WL_ATTR_FLOAT, false},
    {"otherwise", WL_ATTR_FLOAT, false},
    {"dtype", WL_ATTR_STRING, false},
};

/* The place of each among the inputs, or -1 where it is a number. */
typedef struct where_state {
  int then_at, otherwise_at;
  double then, otherwise;
} where_state;

static where_state read(const wl_node *node) {
  bool has_then = wl_node_attr(node, "then") != NULL;
  bool has_otherwise = wl_node_attr(node, "otherwise") != NULL;
  return (where_state){.then_at = has_then ? -1 : 1,
                       .otherwise_at = has_otherwise ? -1
                                       : has_then    ? 1
                                                     : 2,
                       .then = wl_node_float(node, "then", 0.0),
                       .otherwise = wl_node_float(node, "otherwise", 0.0)};
}

static wl_status infer(const wl_graph *graph, const wl_node *node,
                       wl_type *type, wl_error *error) {
  WL_TRY(wl_infer_same(graph, node, type, error));
  uint32_t n_given = wl_node_attr(node, "then") != NULL ? 1 : 0;
  n_given += wl_node_attr(node, "otherwise") != NULL ? 1 : 0;
  if (node->n_inputs + n_given != 3)
    return wl_fail(error, WL_ERROR_VALUE,
                   "operator 'where' takes a condition and two choices, as "
                   "inputs or as 'then' and 'otherwise'");
  wl_dtype common = WL_F64;
  for (uint32_t i = 1; i < node->n_inputs; i++) {
    const wl_type *choice = wl_input_type(graph, node, i);
    if (choice->n_columns != type->n_columns)
      return wl_fail(error, WL_ERROR_VALUE,
                     "operator 'where': input %u has %zu columns, the "
                     "condition %zu",
                     i, choice->n_columns, type->n_columns);
    type->is_bit_equal &= choice->is_bit_equal;
    common = i == 1 ? choice->dtype : wl_promote(common, choice->dtype);
  }
  return wl_node_float_dtype(node, common == WL_F32 ? WL_F32 : WL_F64,
                             &type->dtype, error);
}

static wl_status bind(const wl_graph *graph, const wl_node *node, void **state,
                      wl_error *error) {
  (void)graph;
  where_state *s = wl_alloc(sizeof *s);
  if (s == NULL)
    return wl_fail_memory(error, sizeof *s);
  *s = read(node);
  *state = s;
  return WL_OK;
}

static wl_status run(const void *state, const wl_op_call *call, wl_value *out,
                     wl_error *error) {
  const where_state *s = state;
  const wl_value *x = call->inputs[0];
  WL_TRY(wl_new_dense(call, x->n_columns, out, error));
  for (size_t r = 0; r < call->n_rows; r++) {
    const double *condition = wl_row(x, r);
    const double *then =
        s->then_at < 0 ? NULL : wl_row(call->inputs[s->then_at], r);
    const double *otherwise =
        s->otherwise_at < 0 ? NULL : wl_row(call->inputs[s->otherwise_at], r);
    double *to = wl_row_mut(out, r);
    for (size_t c = 0; c < x->n_columns; c++) {
      double found = condition[c] != 0.0
                         ? (then == NULL ? s->then : then[c])
                         : (otherwise == NULL ? s->otherwise : otherwise[c]);
      to[c] = wl_round_to(call->type->dtype, found);
    }
  }
  return WL_OK;
}

const wl_op_def wl_op_where = {
    .name = "where",
    WL_ATTRS(attrs),
    .min_inputs = 1,
    .max_inputs = 3,
    .infer = infer,
    .bind = bind,
    .unbind = wl_free,
    .run = run,
};
