/*
 * merge_scores.c: text_score nodes that differ in their weights alone (the
 * approximate and the full model of a cascade, the estimators of an ensemble)
 * become one with all the weights side by side, and each takes its columns: one
 * traversal of the text serves them all.
 */
#include "passes/passes.h"
#include "passes/rewrite.h"

static bool same_but_weights(const wl_node *a, const wl_node *b) {
  if (a->op != WL_OP_TEXT_SCORE || b->op != WL_OP_TEXT_SCORE ||
      a->inputs[0] != b->inputs[0] || a->n_attrs != b->n_attrs)
    return false;
  for (uint32_t i = 0; i < a->n_attrs; i++) {
    const wl_attr *x = &a->attrs[i], *y = &b->attrs[i];
    if (x->kind != y->kind || strcmp(x->name, y->name) != 0)
      return false;
    bool is_same = false;
    switch (x->kind) {
    case WL_ATTR_INT:
      is_same = x->value.i == y->value.i;
      break;
    case WL_ATTR_BOOL:
      is_same = x->value.b == y->value.b;
      break;
    case WL_ATTR_STRING:
      is_same = x->value.s.size == y->value.s.size &&
                memcmp(x->value.s.data, y->value.s.data, x->value.s.size) == 0;
      break;
    case WL_ATTR_TENSOR:
      is_same =
          x->value.tensor == y->value.tensor || strcmp(x->name, "weights") == 0;
      break;
    case WL_ATTR_FLOAT:
    case WL_ATTR_KIND_COUNT:
      break;
    }
    if (!is_same)
      return false;
  }
  return true;
}

/* A node's place in its group: the group's first node, and its first column. */
typedef struct place {
  wl_id first;
  size_t column;
} place;

static void find_groups(const wl_graph *graph, place *places, size_t *widths) {
  for (size_t id = 0; id < graph->n_nodes; id++) {
    const wl_node *node = &graph->nodes[id];
    places[id] = (place){(wl_id)id, 0};
    widths[id] = node->type.n_columns;
    if (node->op != WL_OP_TEXT_SCORE)
      continue;
    for (size_t other = 0; other < id; other++) {
      if (places[other].first != other ||
          !same_but_weights(&graph->nodes[other], node))
        continue;
      places[id] = (place){(wl_id)other, widths[other]};
      widths[other] += node->type.n_columns;
      break;
    }
  }
}

/* The group's node, with everybody's weights. */
static wl_status emit_group(wl_rewrite *rewrite, const place *places, wl_id id,
                            size_t width, wl_id *out) {
  const wl_graph *from = rewrite->from;
  const wl_node *node = &from->nodes[id];
  size_t n = (size_t)wl_node_tensor(from, node, "weights")->shape[0];
  uint64_t shape[2] = {n, width};
  uint32_t tensor;
  double *weights;
  WL_TRY(wl_graph_new_f64(rewrite->to, 2, shape, &tensor, &weights,
                          rewrite->error));
  for (size_t other = id; other < from->n_nodes; other++) {
    if (places[other].first != id)
      continue;
    const wl_const *part = wl_node_tensor(from, &from->nodes[other], "weights");
    size_t k = (size_t)part->shape[1];
    for (size_t f = 0; f < n; f++)
      memcpy(weights + f * width + places[other].column,
             (const double *)part->data + f * k, k * sizeof *weights);
  }
  wl_attr *attrs =
      wl_arena_alloc(&rewrite->to->arena, node->n_attrs * sizeof *attrs);
  if (attrs == NULL)
    return wl_fail_memory(rewrite->error, node->n_attrs * sizeof *attrs);
  memcpy(attrs, node->attrs, node->n_attrs * sizeof *attrs);
  for (uint32_t i = 0; i < node->n_attrs; i++)
    if (strcmp(attrs[i].name, "weights") == 0)
      attrs[i].value.tensor = tensor;
  wl_id text = rewrite->map[node->inputs[0]];
  return wl_graph_add_node(rewrite->to, WL_OP_TEXT_SCORE, &text, 1, attrs,
                           node->n_attrs, out, rewrite->error);
}

static wl_status take_columns(wl_rewrite *rewrite, wl_id group, size_t first,
                              size_t n, wl_id *out) {
  int64_t *columns = wl_arena_alloc(&rewrite->to->arena, n * sizeof *columns);
  if (columns == NULL)
    return wl_fail_memory(rewrite->error, n * sizeof *columns);
  for (size_t i = 0; i < n; i++)
    columns[i] = (int64_t)(first + i);
  wl_const constant = {
      .dtype = WL_I64, .n_dims = 1, .shape = {n}, .data = columns};
  uint32_t tensor;
  WL_TRY(
      wl_graph_add_constant(rewrite->to, &constant, &tensor, rewrite->error));
  return wl_rewrite_unary(rewrite, WL_OP_SELECT, group, "indices", tensor, out);
}

static wl_status rewrite_nodes(wl_rewrite *rewrite, const place *places,
                               const size_t *widths, wl_id *groups) {
  const wl_graph *from = rewrite->from;
  for (size_t i = 0; i < from->n_nodes; i++) {
    wl_id id = (wl_id)i, first = places[i].first;
    size_t own = from->nodes[id].type.n_columns;
    if (widths[first] == from->nodes[first].type.n_columns) {
      WL_TRY(wl_rewrite_copy(rewrite, id));
      continue;
    }
    if (first == id)
      WL_TRY(emit_group(rewrite, places, id, widths[id], &groups[id]));
    WL_TRY(take_columns(rewrite, groups[first], places[i].column, own,
                        &rewrite->map[id]));
  }
  return wl_rewrite_finish(rewrite);
}

wl_status wl_pass_merge_scores(const wl_graph *from, wl_graph *to,
                               wl_error *error) {
  wl_rewrite rewrite;
  size_t n = from->n_nodes + 1;
  place *places = wl_calloc(n, sizeof *places);
  size_t *widths = wl_calloc(n, sizeof *widths);
  wl_id *groups = wl_calloc(n, sizeof *groups);
  wl_status status = wl_rewrite_begin(&rewrite, from, to, error);
  if (status == WL_OK && (places == NULL || widths == NULL || groups == NULL))
    status = wl_fail_memory(error, n * sizeof *places);
  if (status == WL_OK) {
    find_groups(from, places, widths);
    status = rewrite_nodes(&rewrite, places, widths, groups);
  }
  wl_rewrite_deinit(&rewrite);
  wl_free(places);
  wl_free(widths);
  wl_free(groups);
  return status;
}
