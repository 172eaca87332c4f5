/*
 * single.c: the graph for rows of which some inputs are float32. scikit-learn's
 * scalers compute in the dtype that they are given, and models go on in
 * float64: types follow from those of the inputs, and operators round as their
 * types say.
 */
#include "passes/single.h"
#include "passes/rewrite.h"

enum { MAX_ATTRS = 16 };

static wl_status copy_input(wl_rewrite *rewrite, wl_id id) {
  const wl_node *node = &rewrite->from->nodes[id];
  wl_attr attrs[MAX_ATTRS + 1];
  size_t n = 0;
  for (uint32_t i = 0; i < node->n_attrs && n < MAX_ATTRS; i++)
    if (strcmp(node->attrs[i].name, "dtype") != 0)
      attrs[n++] = node->attrs[i];
  attrs[n] = (wl_attr){.name = "dtype", .kind = WL_ATTR_STRING};
  attrs[n++].value.s = (wl_string){"f32", 3};
  return wl_graph_add_node(rewrite->to, WL_OP_INPUT, NULL, 0, attrs, n,
                           &rewrite->map[id], rewrite->error);
}

/* Whether a node's numbers may be others in float32: these are passed on. */
static bool computes(wl_op op) {
  return op != WL_OP_INPUT && op != WL_OP_CHECK_FINITE && op != WL_OP_SELECT &&
         op != WL_OP_CONCAT && op != WL_OP_CAST;
}

wl_status wl_graph_single(const wl_graph *from, const bool *is_single,
                          wl_graph *to, bool *is_other, wl_error *error) {
  wl_rewrite rewrite;
  wl_status status;
  size_t n_inputs = 0;
  *is_other = false;
  WL_TRY_DONE(status, wl_rewrite_begin(&rewrite, from, to, error));
  for (wl_id id = 0; id < from->n_nodes; id++) {
    const wl_node *node = &from->nodes[id];
    bool narrows = node->op == WL_OP_INPUT && is_single[n_inputs++];
    WL_TRY_DONE(status, narrows ? copy_input(&rewrite, id)
                                : wl_rewrite_copy(&rewrite, id));
    *is_other |= computes(node->op) &&
                 to->nodes[rewrite.map[id]].type.dtype != node->type.dtype;
  }
  status = wl_rewrite_finish(&rewrite);
done:
  wl_rewrite_deinit(&rewrite);
  return status;
}
