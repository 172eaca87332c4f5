/*
 * merge_lookups.c: several tables that are looked up by the same columns are
 * looked up once: in the union of their keys, which says for each of them the
 * row that has the key, if one has. What is computed from those rows, and from
 * several of the tables at once, is then `tabulate`'s.
 */
#include <stdlib.h>

#include "ops/common.h"
#include "passes/passes.h"
#include "passes/rewrite.h"

enum { LEAST = 2 }; /* lookups by the same columns, to be worth a union */

/* One lookup of a group, and where its rows are in the union. */
typedef struct member {
  wl_id id;
  size_t n;     /* rows of its table */
  double *rows; /* owned: of each key of the union, the row, or -1 */
} member;

typedef struct group {
  member *members; /* owned */
  size_t n_members;
  size_t width, n_most; /* numbers of a key; keys of all members */
  double *keys;         /* owned, the union's */
  size_t n;
} group;

/* By what they read, then as they stand in the graph. */
static int compare(const void *a, const void *b) {
  const wl_node *x = *(const wl_node *const *)a,
                *y = *(const wl_node *const *)b;
  if (x->n_inputs != y->n_inputs)
    return x->n_inputs < y->n_inputs ? -1 : 1;
  for (uint32_t i = 0; i < x->n_inputs; i++)
    if (x->inputs[i] != y->inputs[i])
      return x->inputs[i] < y->inputs[i] ? -1 : 1;
  return x < y ? -1 : x > y;
}

static bool reads_the_same(const wl_node *a, const wl_node *b) {
  return a->n_inputs == b->n_inputs &&
         memcmp(a->inputs, b->inputs, a->n_inputs * sizeof *a->inputs) == 0;
}

static void group_deinit(group *g) {
  for (size_t m = 0; m < g->n_members; m++)
    wl_free(g->members[m].rows);
  wl_free(g->members);
  wl_free(g->keys);
}

static wl_status group_init(group *g, const wl_graph *graph,
                            const wl_node *const *lookups, size_t n,
                            wl_error *error) {
  const wl_const *keys = wl_node_tensor(graph, lookups[0], "keys");
  *g = (group){.width = keys->n_dims == 2 ? (size_t)keys->shape[1] : 1};
  g->members = wl_calloc(n, sizeof *g->members);
  if (g->members == NULL)
    return wl_fail_memory(error, n * sizeof *g->members);
  for (size_t i = 0; i < n; i++) {
    keys = wl_node_tensor(graph, lookups[i], "keys");
    size_t n_rows = keys->n_elements / g->width;
    g->members[g->n_members++] =
        (member){.id = (wl_id)(lookups[i] - graph->nodes), .n = n_rows};
    g->n_most += n_rows;
  }
  return WL_OK;
}

/* Where the union's keys, as far as there are some, stand in a member's table,
 * as the operator itself finds them; its other keys are added to the union. */
static wl_status add_member(group *g, member *m, const wl_graph *graph,
                            wl_arena *arena, wl_error *error) {
  const wl_node *node = &graph->nodes[m->id];
  const wl_op_def *def = wl_op_table[WL_OP_MATCH];
  const wl_const *own = wl_node_tensor(graph, node, "keys");
  const wl_value known = {.kind = WL_VALUE_DENSE,
                          .n_rows = g->n,
                          .n_columns = g->width,
                          .dense = g->keys,
                          .ld = g->width};
  const wl_value *inputs[1] = {&known};
  const wl_op_call call = {.inputs = inputs,
                           .n_inputs = 1,
                           .n_rows = g->n,
                           .arena = arena,
                           .type = &node->type};
  wl_value found = {0};
  void *state = NULL;
  bool *is_known = wl_calloc(m->n + 1, sizeof *is_known);
  wl_status status = WL_OK;
  if (is_known == NULL)
    WL_TRY_DONE(status, wl_fail_memory(error, m->n + 1));
  WL_TRY_DONE(status, def->bind(graph, node, &state, error));
  WL_TRY_DONE(status, def->run(state, &call, &found, error));
  for (size_t i = 0; i < g->n; i++) {
    m->rows[i] = found.dense[i * found.ld];
    if (m->rows[i] >= 0.0)
      is_known[(size_t)m->rows[i]] = true;
  }
  for (size_t i = 0; i < m->n; i++) {
    if (is_known[i])
      continue;
    m->rows[g->n] = (double)i;
    for (size_t c = 0; c < g->width; c++)
      g->keys[g->n * g->width + c] = wl_const_number(own, i * g->width + c);
    g->n++;
  }
done:
  def->unbind(state);
  wl_free(is_known);
  return status;
}

static wl_status unite(group *g, const wl_graph *graph, wl_error *error) {
  wl_arena arena;
  wl_status status = WL_OK;
  wl_arena_init(&arena);
  g->keys = wl_calloc(g->n_most * g->width + 1, sizeof *g->keys);
  if (g->keys == NULL)
    WL_TRY_DONE(status, wl_fail_memory(error, g->n_most * sizeof *g->keys));
  for (size_t i = 0; i < g->n_members; i++) {
    member *m = &g->members[i];
    m->rows = wl_calloc(g->n_most + 1, sizeof *m->rows);
    if (m->rows == NULL)
      WL_TRY_DONE(status, wl_fail_memory(error, g->n_most * sizeof *m->rows));
    for (size_t k = 0; k < g->n_most; k++)
      m->rows[k] = -1.0;
    wl_arena_reset(&arena);
    WL_TRY_DONE(status, add_member(g, m, graph, &arena, error));
  }
done:
  wl_arena_deinit(&arena);
  return status;
}

static wl_status new_tensor(wl_rewrite *rewrite, const char *name,
                            const double *values, size_t n, size_t width,
                            wl_attr *out) {
  const uint64_t shape[2] = {n, width};
  double *data;
  *out = (wl_attr){.name = name, .kind = WL_ATTR_TENSOR};
  WL_TRY(wl_graph_new_f64(rewrite->to, width == 1 ? 1 : 2, shape,
                          &out->value.tensor, &data, rewrite->error));
  if (n != 0)
    memcpy(data, values, n * width * sizeof *data);
  return WL_OK;
}

/* The union's lookup, and each member's row by it. */
static wl_status emit(wl_rewrite *rewrite, const group *g) {
  const wl_node *node = &rewrite->from->nodes[g->members[0].id];
  wl_attr keys, attrs[2];
  wl_id shared;
  wl_id *inputs = wl_calloc(node->n_inputs, sizeof *inputs);
  if (inputs == NULL)
    return wl_fail_memory(rewrite->error, node->n_inputs * sizeof *inputs);
  for (uint32_t i = 0; i < node->n_inputs; i++)
    inputs[i] = rewrite->map[node->inputs[i]];
  wl_status status;
  WL_TRY_DONE(status,
              new_tensor(rewrite, "keys", g->keys, g->n, g->width, &keys));
  WL_TRY_DONE(status, wl_graph_add_node(rewrite->to, WL_OP_MATCH, inputs,
                                        node->n_inputs, &keys, 1, &shared,
                                        rewrite->error));
  attrs[1] = (wl_attr){.name = "absent", .kind = WL_ATTR_FLOAT};
  attrs[1].value.f = -1.0;
  for (size_t i = 0; i < g->n_members; i++) {
    const member *m = &g->members[i];
    WL_TRY_DONE(status,
                new_tensor(rewrite, "values", m->rows, g->n, 1, &attrs[0]));
    WL_TRY_DONE(status,
                wl_graph_add_node(rewrite->to, WL_OP_TAKE, &shared, 1, attrs, 2,
                                  &rewrite->map[m->id], rewrite->error));
  }
done:
  wl_free(inputs);
  return status;
}

/* The union is at most as large as its members together. */
static bool afford(wl_rewrite *rewrite, const group *g) {
  size_t cost;
  if (g->n_members < LEAST || g->n_most >= INT32_MAX ||
      wl_mul_overflows(g->n_most, g->width + g->n_members, &cost) ||
      cost > rewrite->budget)
    return false;
  rewrite->budget -= cost;
  return true;
}

/* Those that read the same columns, into one. */
static wl_status merge(wl_rewrite *rewrite, const wl_node *const *lookups,
                       size_t n) {
  group g;
  wl_status status = group_init(&g, rewrite->from, lookups, n, rewrite->error);
  if (status == WL_OK && afford(rewrite, &g)) {
    status = unite(&g, rewrite->from, rewrite->error);
    if (status == WL_OK)
      status = emit(rewrite, &g);
  }
  group_deinit(&g);
  return status;
}

typedef struct lookups {
  const wl_node **sorted; /* owned; those of a group follow each other */
  size_t n;
  uint32_t *group; /* owned, of each node: 1 + where its group begins, if it is
                      the first of one; 0 */
} lookups;

static wl_status find_groups(lookups *found, const wl_graph *graph,
                             wl_error *error) {
  size_t n_nodes = graph->n_nodes;
  found->sorted = wl_calloc(n_nodes + 1, sizeof *found->sorted);
  found->group = wl_calloc(n_nodes + 1, sizeof *found->group);
  if (found->sorted == NULL || found->group == NULL)
    return wl_fail_memory(error, n_nodes * sizeof *found->sorted);
  for (size_t id = 0; id < n_nodes; id++)
    if (graph->nodes[id].op == WL_OP_MATCH)
      found->sorted[found->n++] = &graph->nodes[id];
  qsort(found->sorted, found->n, sizeof *found->sorted, compare);
  for (size_t i = 0; i < found->n; i++)
    if (i == 0 || !reads_the_same(found->sorted[i - 1], found->sorted[i]))
      found->group[found->sorted[i] - graph->nodes] = (uint32_t)i + 1;
  return WL_OK;
}

static wl_status visit(wl_rewrite *rewrite, const lookups *found, wl_id id) {
  if (found->group[id] != 0) {
    size_t first = found->group[id] - 1, end = first + 1;
    while (end < found->n &&
           reads_the_same(found->sorted[first], found->sorted[end]))
      end++;
    WL_TRY(merge(rewrite, found->sorted + first, end - first));
  }
  return rewrite->map[id] != WL_NO_NODE ? WL_OK : wl_rewrite_copy(rewrite, id);
}

wl_status wl_pass_merge_lookups(const wl_graph *from, wl_graph *to,
                                wl_error *error) {
  wl_rewrite rewrite;
  lookups found = {0};
  wl_status status;
  WL_TRY_DONE(status, wl_rewrite_begin(&rewrite, from, to, error));
  WL_TRY_DONE(status, find_groups(&found, from, error));
  for (size_t id = 0; id < from->n_nodes; id++)
    WL_TRY_DONE(status, visit(&rewrite, &found, (wl_id)id));
  status = wl_rewrite_finish(&rewrite);
done:
  wl_free(found.sorted);
  wl_free(found.group);
  wl_rewrite_deinit(&rewrite);
  return status;
}
