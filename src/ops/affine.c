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

typedef struct affine_state {
  wl_columns multiply, add;
} affine_state;

static void unbind(void *state) {
  affine_state *s = state;
  if (s == NULL)
    return;
  wl_columns_deinit(&s->multiply);
  wl_columns_deinit(&s->add);
  wl_free(s);
}

static wl_status bind(const wl_graph *graph, const wl_node *node, void **state,
                      wl_error *error) {
  affine_state *s = wl_calloc(1, sizeof *s);
  if (s == NULL)
    return wl_fail_memory(error, sizeof *s);
  wl_status status;
  WL_TRY_DONE(status,
              wl_columns_init(&s->multiply,
                              wl_node_tensor(graph, node, "multiply"), error));
  WL_TRY_DONE(status, wl_columns_init(
                          &s->add, wl_node_tensor(graph, node, "add"), error));
  *state = s;
  return WL_OK;
done:
  unbind(s);
  return status;
}

static wl_status run(const void *state, const wl_op_call *call, wl_value *out,
                     wl_error *error) {
  const affine_state *s = state;
  const wl_value *x = call->inputs[0];
  wl_dtype dtype = call->type->dtype;
  WL_TRY(wl_new_dense(call, x->n_columns, out, error));
  for (size_t r = 0; r < call->n_rows; r++) {
    const double *from = wl_row(x, r);
    double *to = wl_row_mut(out, r);
    for (size_t c = 0; c < x->n_columns; c++) {
      double v = from[c];
      if (s->multiply.values != NULL)
        v = wl_round_to(dtype, v * wl_column(&s->multiply, c));
      if (s->add.values != NULL)
        v += wl_column(&s->add, c);
      to[c] = wl_round_to(dtype, v);
    }
  }
  return WL_OK;
}

const wl_op_def wl_op_affine = {
    .name = "affine",
    WL_ATTRS(attrs),
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = infer,
    .bind = bind,
    .unbind = unbind,
    .run = run,
};
