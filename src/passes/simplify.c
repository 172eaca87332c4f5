/*
 * simplify.c: nodes that compute the same become one, nodes that nothing uses
 * go. Equal means: the same operator, inputs and attributes; tensors count as
 * equal when they are the same, or short and equal, and the coefficients of
 * linear models whenever they are equal: a first stage's are cut from the
 * model's own.
 */
#include "passes/passes.h"
#include "passes/rewrite.h"

enum { SHORT_TENSOR = 64, MAX_PROBES = 64 };

static bool same_tensor(const wl_graph *graph, uint32_t a, uint32_t b,
                        bool is_read) {
  if (a == b)
    return true;
  const wl_const *x = &graph->constants[a], *y = &graph->constants[b];
  if (x->dtype != y->dtype || x->n_dims != y->n_dims ||
      x->n_elements != y->n_elements ||
      (x->n_elements > SHORT_TENSOR && !is_read) ||
      memcmp(x->shape, y->shape, x->n_dims * sizeof *x->shape) != 0)
    return false;
  if (x->data == y->data)
    return true;
  if (x->dtype != WL_STRING)
    return memcmp(x->data, y->data, x->n_elements * wl_dtype_size(x->dtype)) ==
           0;
  size_t n = x->n_elements;
  return memcmp(x->offsets, y->offsets, (n + 1) * sizeof *x->offsets) == 0 &&
         memcmp(x->data, y->data, x->offsets[n]) == 0;
}

/* Whether a node's long tensors are compared by what they hold. */
static bool reads_long(const wl_node *node) { return node->op == WL_OP_LINEAR; }

static bool same_attr(const wl_graph *graph, const wl_attr *a, const wl_attr *b,
                      bool is_read) {
  if (a->kind != b->kind || strcmp(a->name, b->name) != 0)
    return false;
  switch (a->kind) {
  case WL_ATTR_INT:
    return a->value.i == b->value.i;
  case WL_ATTR_FLOAT: /* by bits: NaN equals itself, -0.0 is not 0.0 */
    return memcmp(&a->value.f, &b->value.f, sizeof a->value.f) == 0;
  case WL_ATTR_BOOL:
    return a->value.b == b->value.b;
  case WL_ATTR_STRING:
    return a->value.s.size == b->value.s.size &&
           memcmp(a->value.s.data, b->value.s.data, a->value.s.size) == 0;
  case WL_ATTR_TENSOR:
    return same_tensor(graph, a->value.tensor, b->value.tensor, is_read);
  case WL_ATTR_KIND_COUNT:
    break;
  }
  return false;
}

static bool same_node(const wl_rewrite *rewrite, const wl_node *old,
                      const wl_node *made) {
  if (old->op != made->op || old->n_inputs != made->n_inputs ||
      old->n_attrs != made->n_attrs)
    return false;
  for (uint32_t i = 0; i < old->n_inputs; i++)
    if (rewrite->map[old->inputs[i]] != made->inputs[i])
      return false;
  for (uint32_t i = 0; i < old->n_attrs; i++)
    if (!same_attr(rewrite->to, &old->attrs[i], &made->attrs[i],
                   reads_long(old)))
      return false;
  return true;
}

static uint64_t mix(uint64_t h, uint64_t value) {
  h = (h ^ value) * 0x9e3779b97f4a7c15u;
  return h ^ h >> 29;
}

static uint64_t mix_bytes(uint64_t h, const void *bytes, size_t size) {
  const unsigned char *at = bytes;
  for (size_t i = 0; i < size; i++)
    h = mix(h, at[i]);
  return h;
}

/* Long numbers, a word at a time. */
static uint64_t mix_doubles(uint64_t h, const double *values, size_t n) {
  for (size_t i = 0; i < n; i++) {
    uint64_t word;
    memcpy(&word, &values[i], sizeof word);
    h = mix(h, word);
  }
  return h;
}

static uint64_t hash_attr(const wl_graph *graph, const wl_attr *attr,
                          bool is_read) {
  uint64_t h = mix_bytes(0, attr->name, strlen(attr->name));
  switch (attr->kind) {
  case WL_ATTR_INT:
  case WL_ATTR_FLOAT:
    return mix_bytes(h, &attr->value, sizeof attr->value.i);
  case WL_ATTR_BOOL:
    return mix(h, attr->value.b);
  case WL_ATTR_STRING:
    return mix_bytes(h, attr->value.s.data, attr->value.s.size);
  case WL_ATTR_TENSOR: {
    const wl_const *tensor = &graph->constants[attr->value.tensor];
    if (tensor->n_elements > SHORT_TENSOR && is_read && tensor->dtype == WL_F64)
      return mix_doubles(h, tensor->data, tensor->n_elements);
    if (tensor->n_elements > SHORT_TENSOR)
      return mix(h, attr->value.tensor);
    size_t n = tensor->n_elements;
    if (tensor->dtype == WL_STRING)
      return mix_bytes(h, tensor->data, (size_t)tensor->offsets[n]);
    return mix_bytes(h, tensor->data, n * wl_dtype_size(tensor->dtype));
  }
  case WL_ATTR_KIND_COUNT:
    break;
  }
  return h;
}

static uint64_t hash_node(const wl_rewrite *rewrite, const wl_node *node) {
  uint64_t h = mix(0, (uint64_t)node->op + 1);
  for (uint32_t i = 0; i < node->n_inputs; i++)
    h = mix(h, rewrite->map[node->inputs[i]]);
  for (uint32_t i = 0; i < node->n_attrs; i++)
    h = mix(h, hash_attr(rewrite->to, &node->attrs[i], reads_long(node)));
  return h;
}

static void mark_live(const wl_graph *graph, bool *live) {
  for (size_t s = 0; s < graph->n_stages; s++) {
    const wl_stage *stage = &graph->stages[s];
    if (stage->has_gate)
      live[stage->gate] = true;
    for (size_t o = 0; o < stage->n_outputs; o++)
      live[stage->outputs[o].node] = true;
  }
  for (size_t id = graph->n_nodes; id-- > 0;) {
    const wl_node *node = &graph->nodes[id];
    /* A model keeps its inputs, and reports bad values in all of them. */
    live[id] |= node->op == WL_OP_INPUT;
    if (live[id])
      for (uint32_t i = 0; i < node->n_inputs; i++)
        live[node->inputs[i]] = true;
  }
}

/*
 * `table` holds new node + 1 by the hash of what it computes. A node that does
 * not find a place near its own is not remembered: nodes made to meet in one
 * place are computed twice rather than searched for long.
 */
static wl_status place(wl_rewrite *rewrite, wl_id id, wl_id *table,
                       size_t mask) {
  const wl_node *node = &rewrite->from->nodes[id];
  /* Inputs are one each, whatever they look like. */
  if (node->op == WL_OP_INPUT)
    return wl_rewrite_copy(rewrite, id);
  size_t at = (size_t)hash_node(rewrite, node) & mask;
  int probes = 0;
  for (; table[at] != 0 && probes < MAX_PROBES; at = (at + 1) & mask) {
    probes++;
    if (same_node(rewrite, node, &rewrite->to->nodes[table[at] - 1])) {
      rewrite->map[id] = table[at] - 1;
      return WL_OK;
    }
  }
  WL_TRY(wl_rewrite_copy(rewrite, id));
  if (table[at] == 0)
    table[at] = rewrite->map[id] + 1;
  return WL_OK;
}

wl_status wl_pass_simplify(const wl_graph *from, wl_graph *to,
                           wl_error *error) {
  wl_rewrite rewrite;
  size_t capacity = 16;
  while (capacity < 2 * from->n_nodes + 2)
    capacity *= 2;
  bool *live = wl_calloc(from->n_nodes + 1, sizeof *live);
  wl_id *table = wl_calloc(capacity, sizeof *table);
  wl_status status = wl_rewrite_begin(&rewrite, from, to, error);
  if (status == WL_OK && (live == NULL || table == NULL))
    status = wl_fail_memory(error, capacity * sizeof *table);
  if (status != WL_OK)
    goto done;
  mark_live(from, live);
  for (size_t id = 0; id < from->n_nodes; id++)
    if (live[id])
      WL_TRY_DONE(status, place(&rewrite, (wl_id)id, table, capacity - 1));
  status = wl_rewrite_finish(&rewrite);
done:
  wl_rewrite_deinit(&rewrite);
  wl_free(live);
  wl_free(table);
  return status;
}
