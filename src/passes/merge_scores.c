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

/* A node's place in its group. */
typedef struct place {
  wl_id first;   /* the group's first node */
  size_t column; /* the node's first column in the group's scores */
  wl_id next;    /* the group's next node, or 0: none */
} place;

/* By node; width and last are those of the group that begins there. */
typedef struct groups {
  place *places;
  size_t *widths;
  wl_id *last;
  wl_id *merged; /* the group's node in the new graph */
  wl_id *table;  /* first nodes + 1, by hash */
  size_t mask;
} groups;

/* Groups stay narrow enough for weights in one block; a node that does not find
 * its group within so many places of the table has one of its own. */
enum { MAX_WIDTH = 1 << 16, MAX_PROBES = 64 };

static uint64_t hash_node(const wl_node *node) {
  uint64_t h = node->inputs[0];
  for (uint32_t i = 0; i < node->n_attrs; i++) {
    const wl_attr *attr = &node->attrs[i];
    uint64_t value = 0;
    if (attr->kind == WL_ATTR_INT)
      value = (uint64_t)attr->value.i;
    else if (attr->kind == WL_ATTR_TENSOR && strcmp(attr->name, "weights") != 0)
      value = attr->value.tensor;
    h = (h ^ value) * 0x9e3779b97f4a7c15u;
    h ^= h >> 29;
  }
  return h;
}

static void find_group(const wl_graph *graph, wl_id id, const groups *g) {
  const wl_node *node = &graph->nodes[id];
  size_t width = node->type.n_columns;
  size_t at = (size_t)hash_node(node) & g->mask;
  int probes = 0;
  for (; g->table[at] != 0 && probes < MAX_PROBES; at = (at + 1) & g->mask) {
    wl_id first = g->table[at] - 1;
    probes++;
    if (g->widths[first] + width > MAX_WIDTH ||
        !same_but_weights(&graph->nodes[first], node))
      continue;
    g->places[id] = (place){.first = first, .column = g->widths[first]};
    g->places[g->last[first]].next = id;
    g->last[first] = id;
    g->widths[first] += width;
    return;
  }
  if (g->table[at] == 0)
    g->table[at] = id + 1;
}

static void find_groups(const wl_graph *graph, const groups *g) {
  for (size_t i = 0; i < graph->n_nodes; i++) {
    wl_id id = (wl_id)i;
    g->places[id] = (place){.first = id};
    g->widths[id] = graph->nodes[id].type.n_columns;
    g->last[id] = id;
    if (graph->nodes[id].op == WL_OP_TEXT_SCORE)
      find_group(graph, id, g);
  }
}

/* The group's node, with everybody's weights. */
static wl_status emit_group(wl_rewrite *rewrite, const groups *g, wl_id id) {
  const wl_graph *from = rewrite->from;
  const wl_node *node = &from->nodes[id];
  size_t width = g->widths[id];
  size_t n = (size_t)wl_node_tensor(from, node, "weights")->shape[0];
  uint64_t shape[2] = {n, width};
  uint32_t tensor;
  double *weights;
  WL_TRY(wl_graph_new_f64(rewrite->to, 2, shape, &tensor, &weights,
                          rewrite->error));
  wl_id other = id;
  do {
    const wl_const *part = wl_node_tensor(from, &from->nodes[other], "weights");
    size_t k = (size_t)part->shape[1];
    for (size_t f = 0; f < n; f++)
      memcpy(weights + f * width + g->places[other].column,
             (const double *)part->data + f * k, k * sizeof *weights);
    other = g->places[other].next;
  } while (other != 0);
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
                           node->n_attrs, &g->merged[id], rewrite->error);
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

static wl_status rewrite_nodes(wl_rewrite *rewrite, const groups *g) {
  const wl_graph *from = rewrite->from;
  for (size_t i = 0; i < from->n_nodes; i++) {
    wl_id id = (wl_id)i, first = g->places[i].first;
    if (first == id && g->places[i].next == 0) {
      WL_TRY(wl_rewrite_copy(rewrite, id));
      continue;
    }
    if (first == id)
      WL_TRY(emit_group(rewrite, g, id));
    WL_TRY(take_columns(rewrite, g->merged[first], g->places[i].column,
                        from->nodes[id].type.n_columns, &rewrite->map[id]));
  }
  return wl_rewrite_finish(rewrite);
}

wl_status wl_pass_merge_scores(const wl_graph *from, wl_graph *to,
                               wl_error *error) {
  wl_rewrite rewrite;
  size_t n = from->n_nodes + 1, capacity = 16;
  while (capacity < 2 * n)
    capacity *= 2;
  groups g = {.places = wl_calloc(n, sizeof *g.places),
              .widths = wl_calloc(n, sizeof *g.widths),
              .last = wl_calloc(n, sizeof *g.last),
              .merged = wl_calloc(n, sizeof *g.merged),
              .table = wl_calloc(capacity, sizeof *g.table),
              .mask = capacity - 1};
  wl_status status = wl_rewrite_begin(&rewrite, from, to, error);
  if (status == WL_OK &&
      (g.places == NULL || g.widths == NULL || g.last == NULL ||
       g.merged == NULL || g.table == NULL))
    status = wl_fail_memory(error, n * sizeof *g.places);
  if (status == WL_OK) {
    find_groups(from, &g);
    status = rewrite_nodes(&rewrite, &g);
  }
  wl_rewrite_deinit(&rewrite);
  wl_free(g.places);
  wl_free(g.widths);
  wl_free(g.last);
  wl_free(g.merged);
  wl_free(g.table);
  return status;
}
