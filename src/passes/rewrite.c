/* rewrite.c: building one graph out of another. */
#include "passes/rewrite.h"

enum { MAX_GROWTH = 8, FREE_NUMBERS = 1 << 22 };

wl_status wl_rewrite_begin(wl_rewrite *rewrite, const wl_graph *from,
                           wl_graph *to, wl_error *error) {
  *rewrite = (wl_rewrite){.from = from, .to = to, .error = error};
  rewrite->map = wl_calloc(from->n_nodes + 1, sizeof *rewrite->map);
  if (rewrite->map == NULL)
    return wl_fail_memory(error, from->n_nodes * sizeof *rewrite->map);
  for (size_t id = 0; id < from->n_nodes; id++)
    rewrite->map[id] = WL_NO_NODE;
  /* Copied whole: adding them one by one would look for each name again. */
  size_t size = from->n_constants * sizeof *to->constants;
  to->constants = wl_alloc(size);
  if (to->constants == NULL)
    return wl_fail_memory(error, size);
  if (size != 0)
    memcpy(to->constants, from->constants, size);
  to->n_constants = to->constants_capacity = from->n_constants;
  rewrite->budget = FREE_NUMBERS;
  for (size_t i = 0; i < from->n_constants; i++)
    rewrite->budget += MAX_GROWTH * from->constants[i].n_elements;
  return WL_OK;
}

void wl_rewrite_deinit(wl_rewrite *rewrite) { wl_free(rewrite->map); }

wl_status wl_rewrite_copy(wl_rewrite *rewrite, wl_id id) {
  const wl_node *node = &rewrite->from->nodes[id];
  wl_id few[8] = {0};
  wl_id *inputs = few;
  if (node->n_inputs > WL_COUNT_OF(few)) {
    inputs = wl_alloc(node->n_inputs * sizeof *inputs);
    if (inputs == NULL)
      return wl_fail_memory(rewrite->error, node->n_inputs * sizeof *inputs);
  }
  for (uint32_t i = 0; i < node->n_inputs; i++)
    inputs[i] = rewrite->map[node->inputs[i]];
  wl_status status = wl_graph_add_node(
      rewrite->to, node->op, inputs, node->n_inputs, node->attrs, node->n_attrs,
      &rewrite->map[id], rewrite->error);
  if (inputs != few)
    wl_free(inputs);
  return status;
}

static wl_status keep_images(const wl_rewrite *rewrite) {
  size_t size = rewrite->from->n_nodes * sizeof(wl_id);
  wl_id *images = wl_arena_alloc(&rewrite->to->arena, size);
  if (images == NULL)
    return wl_fail_memory(rewrite->error, size);
  if (size != 0)
    memcpy(images, rewrite->map, size);
  rewrite->to->images = images;
  return WL_OK;
}

wl_status wl_rewrite_finish(wl_rewrite *rewrite) {
  const wl_graph *from = rewrite->from;
  WL_TRY(keep_images(rewrite));
  for (size_t s = 0; s < from->n_stages; s++) {
    const wl_stage *stage = &from->stages[s];
    wl_id gate = stage->has_gate ? rewrite->map[stage->gate] : 0;
    WL_TRY(wl_graph_add_stage(rewrite->to, stage->has_gate, gate,
                              stage->threshold, rewrite->error));
    for (size_t o = 0; o < stage->n_outputs; o++)
      WL_TRY(wl_graph_add_output(
          rewrite->to, stage->outputs[o].name, strlen(stage->outputs[o].name),
          rewrite->map[stage->outputs[o].node], rewrite->error));
  }
  return WL_OK;
}

wl_status wl_rewrite_each(const wl_graph *from, wl_graph *to,
                          wl_status (*visit)(wl_rewrite *rewrite, wl_id id),
                          wl_error *error) {
  wl_rewrite rewrite;
  wl_status status;
  WL_TRY_DONE(status, wl_rewrite_begin(&rewrite, from, to, error));
  for (size_t id = 0; id < from->n_nodes; id++)
    WL_TRY_DONE(status, visit(&rewrite, (wl_id)id));
  status = wl_rewrite_finish(&rewrite);
done:
  wl_rewrite_deinit(&rewrite);
  return status;
}

wl_status wl_rewrite_unary(wl_rewrite *rewrite, wl_op op, wl_id input,
                           const char *name, uint32_t tensor, wl_id *out) {
  wl_attr attr = {.name = name, .kind = WL_ATTR_TENSOR};
  attr.value.tensor = tensor;
  return wl_graph_add_node(rewrite->to, op, &input, 1, &attr, name != NULL, out,
                           rewrite->error);
}

wl_status wl_rewrite_end_linear(wl_rewrite *rewrite, wl_id id, wl_id sum) {
  const wl_node *node = &rewrite->from->nodes[id];
  const wl_attr *intercept = wl_node_attr(node, "intercept");
  if (intercept != NULL)
    WL_TRY(wl_rewrite_unary(rewrite, WL_OP_AFFINE, sum, "add",
                            intercept->value.tensor, &sum));
  if (node->type.dtype == WL_F32) {
    wl_attr f32 = {.name = "dtype", .kind = WL_ATTR_STRING};
    f32.value.s = (wl_string){"f32", 3};
    WL_TRY(wl_graph_add_node(rewrite->to, WL_OP_CAST, &sum, 1, &f32, 1, &sum,
                             rewrite->error));
  }
  rewrite->map[id] = sum;
  return WL_OK;
}
