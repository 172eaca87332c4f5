/* graph.c: nodes and constants: checked and typed as they are added. */
#include "graph/graph.h"

#include <inttypes.h>

#include "graph/op.h"

void wl_graph_init(wl_graph *graph) {
  memset(graph, 0, sizeof *graph);
  wl_arena_init(&graph->arena);
}

void wl_graph_deinit(wl_graph *graph) {
  wl_free(graph->nodes);
  wl_free(graph->constants);
  wl_free(graph->names);
  wl_arena_deinit(&graph->arena);
  wl_graph_init(graph);
}

/* ---- constants ----------------------------------------------------------- */

static wl_status check_constant(wl_const *constant, wl_error *error) {
  const char *name = constant->name ? constant->name : "(in place)";
  if (constant->n_dims < 1 || constant->n_dims > WL_TENSOR_MAX_DIMS)
    return wl_fail(error, WL_ERROR_VALUE,
                   "tensor '%s': %" PRIu32 " dimensions; 1 to %d are allowed",
                   name, constant->n_dims, WL_TENSOR_MAX_DIMS);
  if ((unsigned)constant->dtype >= WL_DTYPE_COUNT)
    return wl_fail(error, WL_ERROR_VALUE, "tensor '%s': unknown dtype", name);
  size_t n = 1;
  for (uint32_t d = 0; d < constant->n_dims; d++) {
    if (constant->shape[d] > WL_MAX_COLUMNS ||
        wl_mul_overflows(n, (size_t)constant->shape[d], &n) ||
        n > SIZE_MAX / 64)
      return wl_fail(error, WL_ERROR_VALUE, "tensor '%s' is too large", name);
  }
  constant->n_elements = n;
  if (constant->dtype != WL_STRING)
    return WL_OK;
  if (constant->n_dims != 1 || constant->offsets == NULL)
    return wl_fail(error, WL_ERROR_VALUE,
                   "tensor '%s': strings have one dimension and offsets", name);
  if (constant->offsets[0] != 0)
    return wl_fail(error, WL_ERROR_VALUE, "tensor '%s': offsets start at 0",
                   name);
  for (size_t i = 0; i < n; i++)
    if (constant->offsets[i + 1] < constant->offsets[i])
      return wl_fail(error, WL_ERROR_VALUE,
                     "tensor '%s': offsets go back at %zu", name, i);
  return WL_OK;
}

/* Where a name is in the table, or would be put. The address makes it hard to
 * write a file whose names all meet in one slot. */
static size_t name_slot(const wl_graph *graph, const char *name, size_t size) {
  uint64_t hash = UINT64_C(14695981039346656037) ^ (uintptr_t)graph >> 4;
  for (size_t i = 0; i < size; i++)
    hash = (hash ^ (uint8_t)name[i]) * UINT64_C(1099511628211);
  size_t mask = graph->names_capacity - 1;
  size_t at = (size_t)(hash ^ hash >> 32) & mask;
  for (; graph->names[at] != 0; at = (at + 1) & mask) {
    const char *have = graph->constants[graph->names[at] - 1].name;
    if (strncmp(have, name, size) == 0 && have[size] == '\0')
      break;
  }
  return at;
}

/* Room for one more name, at most half of the slots in use. */
static wl_status grow_names(wl_graph *graph, wl_error *error) {
  if (2 * (graph->n_names + 1) <= graph->names_capacity)
    return WL_OK;
  size_t capacity = graph->names_capacity != 0 ? 2 * graph->names_capacity : 16;
  uint32_t *names = wl_calloc(capacity, sizeof *names);
  if (names == NULL)
    return wl_fail_memory(error, capacity * sizeof *names);
  uint32_t *old = graph->names;
  size_t n_old = graph->names_capacity;
  graph->names = names;
  graph->names_capacity = capacity;
  for (size_t i = 0; i < n_old; i++) {
    if (old[i] == 0)
      continue;
    const char *name = graph->constants[old[i] - 1].name;
    names[name_slot(graph, name, strlen(name))] = old[i];
  }
  wl_free(old);
  return WL_OK;
}

static wl_status check_name(const wl_graph *graph, const char *name,
                            size_t size, wl_error *error) {
  if (size == 0)
    return wl_fail(error, WL_ERROR_VALUE, "a tensor's name is empty");
  if (size > WL_MAX_TENSOR_NAME)
    return wl_fail(error, WL_ERROR_VALUE,
                   "tensor '%.100s...': a name has at most %d characters", name,
                   WL_MAX_TENSOR_NAME);
  for (size_t i = 0; i < size; i++) {
    char c = name[i];
    bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
    if (!ok)
      return wl_fail(error, WL_ERROR_VALUE,
                     "tensor '%.200s': names are letters, digits, '_', '.' "
                     "and '-'",
                     name);
  }
  /* What artifacts call their own parts. */
  if (strncmp(name, "_pad_", 5) == 0 || strcmp(name, "__metadata__") == 0)
    return wl_fail(error, WL_ERROR_VALUE,
                   "tensor '%.200s': names that begin with '_pad_' and "
                   "'__metadata__' are taken",
                   name);
  if (wl_graph_find_constant(graph, name, size) >= 0)
    return wl_fail(error, WL_ERROR_VALUE, "two tensors are named '%.200s'",
                   name);
  return WL_OK;
}

wl_status wl_graph_add_constant(wl_graph *graph, const wl_const *constant,
                                uint32_t *out, wl_error *error) {
  wl_const copy = *constant;
  size_t size = copy.name != NULL ? strlen(copy.name) : 0;
  WL_TRY(check_constant(&copy, error));
  if (graph->n_constants >= WL_MAX_NODES)
    return wl_fail(error, WL_ERROR_VALUE, "too many tensors");
  WL_TRY(wl_grow((void **)&graph->constants, &graph->constants_capacity,
                 graph->n_constants + 1, sizeof *graph->constants, error));
  if (copy.name != NULL) {
    WL_TRY(check_name(graph, copy.name, size, error));
    WL_TRY(grow_names(graph, error));
    copy.name = wl_arena_strndup(&graph->arena, copy.name, size);
    if (copy.name == NULL)
      return wl_fail_memory(error, size);
  }
  *out = (uint32_t)graph->n_constants;
  graph->constants[graph->n_constants++] = copy;
  if (copy.name != NULL) {
    graph->names[name_slot(graph, copy.name, size)] = *out + 1;
    graph->n_names++;
  }
  return WL_OK;
}

wl_status wl_graph_new_f64(wl_graph *graph, uint32_t n_dims,
                           const uint64_t *shape, uint32_t *out, double **data,
                           wl_error *error) {
  wl_const constant = {.dtype = WL_F64, .n_dims = n_dims};
  memcpy(constant.shape, shape, n_dims * sizeof *shape);
  WL_TRY(check_constant(&constant, error));
  *data = wl_arena_alloc(&graph->arena, constant.n_elements * sizeof(double));
  if (*data == NULL)
    return wl_fail_memory(error, constant.n_elements * sizeof(double));
  constant.data = *data;
  return wl_graph_add_constant(graph, &constant, out, error);
}

int64_t wl_graph_find_constant(const wl_graph *graph, const char *name,
                               size_t size) {
  if (graph->n_names == 0)
    return -1;
  return (int64_t)graph->names[name_slot(graph, name, size)] - 1;
}

wl_string wl_const_string(const wl_const *constant, size_t i) {
  return (wl_string){(const char *)constant->data + constant->offsets[i],
                     constant->offsets[i + 1] - constant->offsets[i]};
}

double wl_const_convert(const wl_const *constant, size_t i) {
  switch (constant->dtype) {
  case WL_BOOL:
  case WL_U8:
    return ((const uint8_t *)constant->data)[i];
  case WL_I8:
    return ((const int8_t *)constant->data)[i];
  case WL_I16:
    return ((const int16_t *)constant->data)[i];
  case WL_U16:
    return ((const uint16_t *)constant->data)[i];
  case WL_I32:
    return ((const int32_t *)constant->data)[i];
  case WL_U32:
    return ((const uint32_t *)constant->data)[i];
  case WL_I64:
    return (double)((const int64_t *)constant->data)[i];
  case WL_U64:
    return (double)((const uint64_t *)constant->data)[i];
  case WL_F32:
    return (double)((const float *)constant->data)[i];
  case WL_F64:
    return ((const double *)constant->data)[i];
  case WL_STRING:
  case WL_DTYPE_COUNT:
    break;
  }
  return 0.0;
}

/* ---- nodes --------------------------------------------------------------- */

static const char *const attr_kind_names[] = {
    "an integer", "a float", "true or false", "a string", "a tensor"};
_Static_assert(WL_COUNT_OF(attr_kind_names) == WL_ATTR_KIND_COUNT,
               "a name for each kind");

/* Attributes that every operator may have, for rows of float32
 * (passes/single.h): nodes with the same number `joint` were one operator over
 * matrices side by side, and read them in their common dtype; what `keeps`
 * gives float32 for float32. */
static const wl_attr_def common_attrs[] = {
    {"joint", WL_ATTR_INT, false},
    {"keeps", WL_ATTR_BOOL, false},
};

static const wl_attr_def *find_attr(const wl_attr_def *attrs, size_t n_attrs,
                                    const char *name) {
  for (size_t i = 0; i < n_attrs; i++)
    if (strcmp(attrs[i].name, name) == 0)
      return &attrs[i];
  return NULL;
}

static wl_status check_attrs(const wl_graph *graph, const wl_op_def *def,
                             wl_attr *attrs, size_t n_attrs, wl_error *error) {
  for (size_t i = 0; i < n_attrs; i++) {
    const wl_attr_def *known =
        find_attr(def->attrs, def->n_attrs, attrs[i].name);
    if (known == NULL)
      known = find_attr(common_attrs, WL_COUNT_OF(common_attrs), attrs[i].name);
    if (known == NULL)
      return wl_fail(error, WL_ERROR_UNSUPPORTED,
                     "operator '%s' has no attribute '%.100s'", def->name,
                     attrs[i].name);
    if (known->kind == WL_ATTR_FLOAT && attrs[i].kind == WL_ATTR_INT) {
      attrs[i].kind = WL_ATTR_FLOAT;
      attrs[i].value.f = (double)attrs[i].value.i;
    }
    if (known->kind != attrs[i].kind)
      return wl_fail(error, WL_ERROR_TYPE,
                     "operator '%s': attribute '%s' is %s, not %s", def->name,
                     known->name, attr_kind_names[known->kind],
                     attr_kind_names[attrs[i].kind]);
    if (attrs[i].kind == WL_ATTR_TENSOR &&
        attrs[i].value.tensor >= graph->n_constants)
      return wl_fail(error, WL_ERROR_INTERNAL, "a tensor that is not there");
    for (size_t j = 0; j < i; j++)
      if (strcmp(attrs[i].name, attrs[j].name) == 0)
        return wl_fail(error, WL_ERROR_VALUE,
                       "operator '%s': attribute '%s' is given twice",
                       def->name, attrs[i].name);
  }
  for (size_t j = 0; j < def->n_attrs; j++) {
    if (!def->attrs[j].is_required)
      continue;
    bool found = false;
    for (size_t i = 0; i < n_attrs && !found; i++)
      found = strcmp(attrs[i].name, def->attrs[j].name) == 0;
    if (!found)
      return wl_fail(error, WL_ERROR_VALUE,
                     "operator '%s' needs the attribute '%s'", def->name,
                     def->attrs[j].name);
  }
  return WL_OK;
}

static wl_status copy_attrs(wl_graph *graph, const wl_attr *attrs,
                            size_t n_attrs, wl_attr **out, wl_error *error) {
  *out = wl_arena_alloc(&graph->arena, n_attrs * sizeof **out);
  if (*out == NULL)
    return wl_fail_memory(error, n_attrs * sizeof **out);
  for (size_t i = 0; i < n_attrs; i++) {
    wl_attr *attr = &(*out)[i];
    *attr = attrs[i];
    attr->name =
        wl_arena_strndup(&graph->arena, attrs[i].name, strlen(attrs[i].name));
    if (attr->name == NULL)
      return wl_fail_memory(error, strlen(attrs[i].name));
    if (attr->kind != WL_ATTR_STRING)
      continue;
    attr->value.s.data =
        wl_arena_strndup(&graph->arena, attr->value.s.data, attr->value.s.size);
    if (attr->value.s.data == NULL)
      return wl_fail_memory(error, attr->value.s.size);
  }
  return WL_OK;
}

wl_status wl_graph_add_node(wl_graph *graph, wl_op op, const wl_id *inputs,
                            size_t n_inputs, const wl_attr *attrs,
                            size_t n_attrs, wl_id *out, wl_error *error) {
  if ((unsigned)op >= WL_OP_COUNT_)
    return wl_fail(error, WL_ERROR_INTERNAL, "an operator that is not there");
  const wl_op_def *def = wl_op_table[op];
  if (n_inputs < def->min_inputs || n_inputs > def->max_inputs)
    return wl_fail(error, WL_ERROR_VALUE,
                   "operator '%s' takes %" PRIu32 " to %" PRIu32
                   " inputs, not %zu",
                   def->name, def->min_inputs, def->max_inputs, n_inputs);
  if (graph->n_nodes >= WL_MAX_NODES)
    return wl_fail(error, WL_ERROR_VALUE, "too many nodes");
  for (size_t i = 0; i < n_inputs; i++)
    if (inputs[i] >= graph->n_nodes)
      return wl_fail(error, WL_ERROR_VALUE,
                     "operator '%s': input %%%" PRIu32
                     " is not an earlier node",
                     def->name, inputs[i]);
  wl_attr *own_attrs;
  WL_TRY(copy_attrs(graph, attrs, n_attrs, &own_attrs, error));
  WL_TRY(check_attrs(graph, def, own_attrs, n_attrs, error));
  wl_id *own_inputs =
      wl_arena_alloc(&graph->arena, n_inputs * sizeof *own_inputs);
  if (own_inputs == NULL)
    return wl_fail_memory(error, n_inputs * sizeof *own_inputs);
  if (n_inputs != 0)
    memcpy(own_inputs, inputs, n_inputs * sizeof *own_inputs);
  wl_node node = {.op = op,
                  .n_inputs = (uint32_t)n_inputs,
                  .inputs = own_inputs,
                  .n_attrs = (uint32_t)n_attrs,
                  .attrs = own_attrs};
  WL_TRY(def->infer(graph, &node, &node.type, error));
  if (node.type.n_columns > WL_MAX_COLUMNS)
    return wl_fail(error, WL_ERROR_VALUE, "operator '%s': too many columns",
                   def->name);
  WL_TRY(wl_grow((void **)&graph->nodes, &graph->nodes_capacity,
                 graph->n_nodes + 1, sizeof *graph->nodes, error));
  *out = (wl_id)graph->n_nodes;
  graph->nodes[graph->n_nodes++] = node;
  return WL_OK;
}

wl_status wl_graph_add_stage(wl_graph *graph, bool has_gate, wl_id gate,
                             double threshold, wl_error *error) {
  if (graph->n_stages >= WL_MAX_STAGES)
    return wl_fail(error, WL_ERROR_VALUE, "more than %d stages", WL_MAX_STAGES);
  if (has_gate) {
    if (gate >= graph->n_nodes)
      return wl_fail(error, WL_ERROR_VALUE,
                     "the gate %%%" PRIu32 " is not a node", gate);
    const wl_type *type = &graph->nodes[gate].type;
    if (type->kind != WL_VALUE_DENSE || type->n_columns != 1)
      return wl_fail(error, WL_ERROR_TYPE,
                     "a gate is one dense column; %%%" PRIu32 " is not", gate);
    if (threshold != threshold)
      return wl_fail(error, WL_ERROR_VALUE, "a gate's threshold is NaN");
  }
  wl_stage *stage = &graph->stages[graph->n_stages];
  *stage =
      (wl_stage){.has_gate = has_gate, .gate = gate, .threshold = threshold};
  stage->outputs =
      wl_arena_alloc(&graph->arena, WL_MAX_OUTPUTS * sizeof *stage->outputs);
  if (stage->outputs == NULL)
    return wl_fail_memory(error, WL_MAX_OUTPUTS * sizeof *stage->outputs);
  graph->n_stages++;
  return WL_OK;
}

wl_status wl_graph_add_output(wl_graph *graph, const char *name, size_t size,
                              wl_id node, wl_error *error) {
  if (graph->n_stages == 0)
    return wl_fail(error, WL_ERROR_VALUE, "an output before the first stage");
  wl_stage *stage = &graph->stages[graph->n_stages - 1];
  if (node >= graph->n_nodes)
    return wl_fail(error, WL_ERROR_VALUE,
                   "output '%.*s': %%%" PRIu32 " is not a node",
                   (int)(size < 100 ? size : 100), name, node);
  if (graph->nodes[node].type.kind == WL_VALUE_STRINGS)
    return wl_fail(error, WL_ERROR_TYPE,
                   "output '%.*s': strings cannot be an output",
                   (int)(size < 100 ? size : 100), name);
  for (size_t i = 0; i < stage->n_outputs; i++)
    if (strncmp(stage->outputs[i].name, name, size) == 0 &&
        stage->outputs[i].name[size] == '\0')
      return wl_fail(error, WL_ERROR_VALUE, "two outputs are named '%s'",
                     stage->outputs[i].name);
  if (stage->n_outputs >= WL_MAX_OUTPUTS)
    return wl_fail(error, WL_ERROR_VALUE, "more than %d outputs",
                   WL_MAX_OUTPUTS);
  char *own = wl_arena_strndup(&graph->arena, name, size);
  if (own == NULL)
    return wl_fail_memory(error, size);
  stage->outputs[stage->n_outputs++] = (wl_output){own, node};
  return WL_OK;
}

static size_t const_size(const wl_const *constant) {
  return constant->dtype == WL_STRING
             ? constant->offsets[constant->n_elements] +
                   constant->n_elements * sizeof *constant->offsets
             : constant->n_elements * sizeof(double);
}

/*
 * What is made of a graph, by passes and by binding, is a few times as large as
 * the tensors that its nodes name. They may share tensors, within reason: a
 * small file in which a million nodes name the same one would else be a large
 * model. The loop ends as soon as it is too much, so `named` cannot overflow.
 */
static wl_status check_proportion(const wl_graph *graph, wl_error *error) {
  static const size_t max_ratio = 64, free_size = (size_t)1 << 28;
  static const size_t text_node_size = 1 << 15; /* tables of characters */
  size_t held = 0, named = 0;
  for (size_t i = 0; i < graph->n_constants; i++)
    held += const_size(&graph->constants[i]);
  for (size_t id = 0; id < graph->n_nodes; id++) {
    const wl_node *node = &graph->nodes[id];
    for (uint32_t i = 0; i < node->n_attrs; i++)
      if (node->attrs[i].kind == WL_ATTR_TENSOR)
        named += const_size(&graph->constants[node->attrs[i].value.tensor]);
    if (node->n_inputs == 1 &&
        graph->nodes[node->inputs[0]].type.kind == WL_VALUE_STRINGS)
      named += text_node_size;
    if (named > free_size && (named - free_size) / max_ratio > held)
      return wl_fail(
          error, WL_ERROR_UNSUPPORTED,
          "the graph names its %zu bytes of tensors again and again, "
          "as if they were %zu (up to node %%%zu)",
          held, named, id);
  }
  return WL_OK;
}

const wl_output *wl_stage_output(const wl_stage *stage, const char *name) {
  for (size_t o = 0; o < stage->n_outputs; o++)
    if (strcmp(stage->outputs[o].name, name) == 0)
      return &stage->outputs[o];
  return NULL;
}

/* A stage before the last: some of the last one's outputs, behind a gate. */
static wl_status check_stage(const wl_graph *graph, size_t number,
                             wl_error *error) {
  const wl_stage *stage = &graph->stages[number];
  const wl_stage *last = &graph->stages[graph->n_stages - 1];
  if (!stage->has_gate)
    return wl_fail(error, WL_ERROR_VALUE, "stage %zu of %zu has no gate",
                   number + 1, graph->n_stages);
  if (stage->n_outputs == 0)
    return wl_fail(error, WL_ERROR_VALUE, "stage %zu of %zu has no output",
                   number + 1, graph->n_stages);
  for (size_t o = 0; o < stage->n_outputs; o++) {
    const wl_output *early = &stage->outputs[o];
    const wl_output *full = wl_stage_output(last, early->name);
    if (full == NULL)
      return wl_fail(error, WL_ERROR_VALUE,
                     "output '%s' of stage %zu is none of the last stage's",
                     early->name, number + 1);
    const wl_type *a = &graph->nodes[early->node].type;
    const wl_type *b = &graph->nodes[full->node].type;
    if (a->kind != b->kind || a->n_columns != b->n_columns ||
        a->dtype != b->dtype)
      return wl_fail(error, WL_ERROR_VALUE,
                     "output '%s' of stage %zu is not like that of the last",
                     early->name, number + 1);
    if (a->kind != WL_VALUE_DENSE)
      return wl_fail(error, WL_ERROR_VALUE,
                     "output '%s': what rows leave with is dense", early->name);
  }
  return WL_OK;
}

wl_status wl_graph_verify(const wl_graph *graph, wl_error *error) {
  if (graph->n_stages == 0)
    return wl_fail(error, WL_ERROR_VALUE, "the graph has no stage");
  const wl_stage *last = &graph->stages[graph->n_stages - 1];
  if (last->has_gate)
    return wl_fail(error, WL_ERROR_VALUE, "the last stage has a gate");
  if (last->n_outputs == 0)
    return wl_fail(error, WL_ERROR_VALUE, "the graph has no output");
  for (size_t s = 0; s + 1 < graph->n_stages; s++)
    WL_TRY(check_stage(graph, s, error));
  return check_proportion(graph, error);
}

/* ---- attributes ---------------------------------------------------------- */

const wl_attr *wl_node_attr(const wl_node *node, const char *name) {
  for (uint32_t i = 0; i < node->n_attrs; i++)
    if (strcmp(node->attrs[i].name, name) == 0)
      return &node->attrs[i];
  return NULL;
}

int64_t wl_node_int(const wl_node *node, const char *name, int64_t absent) {
  const wl_attr *attr = wl_node_attr(node, name);
  return attr != NULL ? attr->value.i : absent;
}

double wl_node_float(const wl_node *node, const char *name, double absent) {
  const wl_attr *attr = wl_node_attr(node, name);
  return attr != NULL ? attr->value.f : absent;
}

bool wl_node_bool(const wl_node *node, const char *name, bool absent) {
  const wl_attr *attr = wl_node_attr(node, name);
  return attr != NULL ? attr->value.b : absent;
}

wl_string wl_node_string(const wl_node *node, const char *name,
                         const char *absent) {
  const wl_attr *attr = wl_node_attr(node, name);
  return attr != NULL ? attr->value.s : (wl_string){absent, strlen(absent)};
}

const wl_const *wl_node_tensor(const wl_graph *graph, const wl_node *node,
                               const char *name) {
  const wl_attr *attr = wl_node_attr(node, name);
  return attr != NULL ? &graph->constants[attr->value.tensor] : NULL;
}

wl_op wl_op_find(const char *name, size_t size) {
  for (int op = 0; op < WL_OP_COUNT_; op++)
    if (strlen(wl_op_table[op]->name) == size &&
        memcmp(wl_op_table[op]->name, name, size) == 0)
      return (wl_op)op;
  return WL_OP_COUNT_;
}

const char *wl_op_name(size_t i) {
  return i < WL_OP_COUNT_ ? wl_op_table[i]->name : NULL;
}
