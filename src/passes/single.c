/*
 * single.c: the graph for rows of which some inputs are float32. scikit-learn's
 * scalers compute in the dtype that they are given, and models go on in
 * float64: types follow from those of the inputs, and operators round as their
 * types say. Columns that come as one matrix but have dtypes of their own, and
 * narrow integers beside float32, are cast where they are picked or joined; so
 * are the inputs of nodes that were one operator over a concatenation
 * (attribute `joint`), and the results of those that give float32 for float32
 * though they compute otherwise (`keeps`).
 */
#include "passes/single.h"
#include "passes/rewrite.h"

#include <stdlib.h>

enum { MAX_ATTRS = 16 };

/* A node that was part of one over a concatenation, and what it knows of all.
 */
typedef struct joint_node {
  int64_t joint;
  wl_id id;
  bool is_known;
  uint8_t width, shown; /* wl_width */
} joint_node;

typedef struct narrowing {
  wl_rewrite rewrite;
  const wl_input_widths *inputs;
  uint8_t *widths; /* of old nodes, wl_width */
  uint8_t *shown;  /* the caller's */
  /* 1 + the input whose columns an old node has as they are, or 0 */
  size_t *origin;
  size_t n_inputs;   /* met so far */
  joint_node *joint; /* by number, then node */
  size_t n_joint;
} narrowing;

wl_width wl_width_promote(wl_width a, wl_width b) {
  if (a == b)
    return a;
  return a == WL_WIDTH_DOUBLE || b == WL_WIDTH_DOUBLE ? WL_WIDTH_DOUBLE
                                                      : WL_WIDTH_SINGLE;
}

wl_width wl_width_of(wl_dtype dtype) {
  switch (dtype) {
  case WL_F32:
    return WL_WIDTH_SINGLE;
  case WL_BOOL:
  case WL_I8:
  case WL_U8:
  case WL_I16:
  case WL_U16:
    return WL_WIDTH_NARROW;
  default:
    return WL_WIDTH_DOUBLE;
  }
}

static wl_attr f32_attr(void) {
  wl_attr attr = {.name = "dtype", .kind = WL_ATTR_STRING};
  attr.value.s = (wl_string){"f32", 3};
  return attr;
}

static wl_status add_cast(wl_rewrite *rewrite, bool is_single, wl_id *id) {
  wl_attr attr = f32_attr();
  if (!is_single)
    attr.value.s = (wl_string){"f64", 3};
  return wl_graph_add_node(rewrite->to, WL_OP_CAST, id, 1, &attr, 1, id,
                           rewrite->error);
}

static wl_status copy_input(wl_rewrite *rewrite, wl_id id) {
  const wl_node *node = &rewrite->from->nodes[id];
  wl_attr attrs[MAX_ATTRS + 1];
  size_t n = 0;
  for (uint32_t i = 0; i < node->n_attrs && n < MAX_ATTRS; i++)
    if (strcmp(node->attrs[i].name, "dtype") != 0)
      attrs[n++] = node->attrs[i];
  attrs[n++] = f32_attr();
  return wl_graph_add_node(rewrite->to, WL_OP_INPUT, NULL, 0, attrs, n,
                           &rewrite->map[id], rewrite->error);
}

static wl_status visit_input(narrowing *n, wl_id id) {
  const wl_input_widths *input = &n->inputs[n->n_inputs];
  wl_width width = input->n != 0 ? input->widths[0] : WL_WIDTH_DOUBLE;
  for (size_t c = 1; c < input->n; c++)
    width = wl_width_promote(width, input->widths[c]);
  n->widths[id] = n->shown[id] = (uint8_t)width;
  n->origin[id] = ++n->n_inputs;
  return width == WL_WIDTH_SINGLE ? copy_input(&n->rewrite, id)
                                  : wl_rewrite_copy(&n->rewrite, id);
}

/* Columns of an input have the dtype of those alone. */
static wl_status visit_select(narrowing *n, wl_id id) {
  wl_rewrite *rewrite = &n->rewrite;
  const wl_node *node = &rewrite->from->nodes[id];
  wl_id of = node->inputs[0];
  n->widths[id] = n->widths[of];
  n->shown[id] = n->shown[of];
  WL_TRY(wl_rewrite_copy(rewrite, id));
  const wl_input_widths *input =
      n->origin[of] != 0 ? &n->inputs[n->origin[of] - 1] : NULL;
  const wl_const *indices = wl_node_tensor(rewrite->from, node, "indices");
  if (input == NULL || input->n <= 1 || indices->n_elements == 0)
    return WL_OK;
  wl_width width = input->widths[(size_t)wl_const_number(indices, 0)];
  for (size_t i = 1; i < indices->n_elements; i++)
    width = wl_width_promote(
        width, input->widths[(size_t)wl_const_number(indices, i)]);
  n->widths[id] = n->shown[id] = (uint8_t)width;
  bool is_single = width == WL_WIDTH_SINGLE;
  if (is_single == (rewrite->to->nodes[rewrite->map[id]].type.dtype == WL_F32))
    return WL_OK;
  return add_cast(rewrite, is_single, &rewrite->map[id]);
}

static uint8_t promote_all(const wl_node *node, const uint8_t *widths) {
  wl_width width = node->n_inputs != 0 ? widths[node->inputs[0]] : 0;
  for (uint32_t i = 1; i < node->n_inputs; i++)
    width = wl_width_promote(width, widths[node->inputs[i]]);
  return (uint8_t)width;
}

static wl_status visit_concat(narrowing *n, wl_id id) {
  wl_rewrite *rewrite = &n->rewrite;
  const wl_node *node = &rewrite->from->nodes[id];
  n->widths[id] = promote_all(node, n->widths);
  n->shown[id] = promote_all(node, n->shown);
  if (n->widths[id] != WL_WIDTH_SINGLE)
    return wl_rewrite_copy(rewrite, id);
  wl_id *inputs = wl_alloc(node->n_inputs * sizeof *inputs);
  if (inputs == NULL)
    return wl_fail_memory(rewrite->error, node->n_inputs * sizeof *inputs);
  wl_status status = WL_OK;
  for (uint32_t i = 0; i < node->n_inputs && status == WL_OK; i++) {
    inputs[i] = rewrite->map[node->inputs[i]];
    if (n->widths[node->inputs[i]] == WL_WIDTH_NARROW)
      status = add_cast(rewrite, true, &inputs[i]);
  }
  if (status == WL_OK)
    status = wl_graph_add_node(rewrite->to, node->op, inputs, node->n_inputs,
                               node->attrs, node->n_attrs, &rewrite->map[id],
                               rewrite->error);
  wl_free(inputs);
  return status;
}

/* What keeps its dtype whatever it is given has that; else as its inputs. */
static uint8_t shown_by(const narrowing *n, wl_id id) {
  const wl_graph *from = n->rewrite.from;
  const wl_node *node = &from->nodes[id];
  bool has_numbers = false;
  wl_width width = WL_WIDTH_DOUBLE;
  for (uint32_t i = 0; i < node->n_inputs && node->op != WL_OP_CAST; i++) {
    if (from->nodes[node->inputs[i]].type.kind == WL_VALUE_STRINGS)
      continue;
    wl_width next = n->shown[node->inputs[i]];
    width = has_numbers ? wl_width_promote(width, next) : next;
    has_numbers = true;
  }
  bool is_single = node->type.dtype == WL_F32 || width == WL_WIDTH_SINGLE;
  /* NumPy's numbers, unlike Python's, decide the dtype of what they scale. */
  if (node->op == WL_OP_SCALE && wl_node_attr(node, "dtype") != NULL)
    is_single = node->type.dtype == WL_F32;
  /* Small integers times coefficients of float32; of others no caller asks. */
  is_single |= node->op == WL_OP_LINEAR && width == WL_WIDTH_NARROW;
  return is_single ? WL_WIDTH_SINGLE : WL_WIDTH_DOUBLE;
}

/* A Python step that gives float32 for float32 has that dtype. */
static wl_status copy_external(wl_rewrite *rewrite, wl_id id) {
  const wl_node *node = &rewrite->from->nodes[id];
  wl_attr attrs[MAX_ATTRS + 1];
  wl_id inputs[1] = {rewrite->map[node->inputs[0]]};
  size_t n = 0;
  for (uint32_t i = 0; i < node->n_attrs && n < MAX_ATTRS; i++)
    if (strcmp(node->attrs[i].name, "dtype") != 0)
      attrs[n++] = node->attrs[i];
  attrs[n++] = f32_attr();
  return wl_graph_add_node(rewrite->to, WL_OP_EXTERNAL, inputs, 1, attrs, n,
                           &rewrite->map[id], rewrite->error);
}

static wl_status visit_external(narrowing *n, wl_id id) {
  wl_rewrite *rewrite = &n->rewrite;
  const wl_node *node = &rewrite->from->nodes[id];
  bool is_single = node->n_inputs == 1 && wl_node_bool(node, "keeps", false) &&
                   n->widths[node->inputs[0]] == WL_WIDTH_SINGLE;
  is_single |= node->type.dtype == WL_F32;
  WL_TRY(is_single && node->type.dtype != WL_F32
             ? copy_external(rewrite, id)
             : wl_rewrite_copy(rewrite, id));
  n->widths[id] = n->shown[id] = is_single ? WL_WIDTH_SINGLE : WL_WIDTH_DOUBLE;
  return WL_OK;
}

static wl_status visit_other(narrowing *n, wl_id id) {
  const wl_node *node = &n->rewrite.from->nodes[id];
  WL_TRY(wl_rewrite_copy(&n->rewrite, id));
  wl_id *made = &n->rewrite.map[id];
  if (node->n_inputs == 1 && wl_node_bool(node, "keeps", false) &&
      n->rewrite.to->nodes[n->rewrite.map[node->inputs[0]]].type.dtype ==
          WL_F32 &&
      n->rewrite.to->nodes[*made].type.dtype == WL_F64)
    WL_TRY(add_cast(&n->rewrite, true, made));
  bool is_single = n->rewrite.to->nodes[*made].type.dtype == WL_F32;
  n->widths[id] = is_single ? WL_WIDTH_SINGLE : WL_WIDTH_DOUBLE;
  n->shown[id] = shown_by(n, id);
  /* These make whole numbers of whole ones; front ends refuse others. */
  if ((node->op == WL_OP_BINARIZE || node->op == WL_OP_UFUNC) &&
      n->widths[node->inputs[0]] == WL_WIDTH_NARROW)
    n->widths[id] = n->shown[id] = WL_WIDTH_NARROW;
  return WL_OK;
}

/* Does a node cast a part of a concatenation to the dtype of all? */
static bool is_joint_cast(const wl_node *node) {
  return node->op == WL_OP_CAST && wl_node_int(node, "joint", -1) >= 0 &&
         wl_node_bool(node, "keeps", false);
}

static int by_joint(const void *a, const void *b) {
  const joint_node *x = a, *y = b;
  if (x->joint != y->joint)
    return x->joint < y->joint ? -1 : 1;
  return x->id < y->id ? -1 : x->id > y->id;
}

/* The nodes with inputs that have a number, those of one side by side. */
static wl_status list_joint(narrowing *n, const wl_graph *from,
                            wl_error *error) {
  n->joint = wl_alloc((from->n_nodes + 1) * sizeof *n->joint);
  if (n->joint == NULL)
    return wl_fail_memory(error, from->n_nodes * sizeof *n->joint);
  for (wl_id id = 0; id < from->n_nodes; id++) {
    const wl_node *node = &from->nodes[id];
    int64_t joint = wl_node_int(node, "joint", -1);
    if (joint >= 0 && node->n_inputs != 0)
      n->joint[n->n_joint++] = (joint_node){.joint = joint, .id = id};
  }
  qsort(n->joint, n->n_joint, sizeof *n->joint, by_joint);
  return WL_OK;
}

/* The width of what all nodes of a number read, but for such casts. It is asked
 * for at the first of them, before which all that they read comes, and kept. */
static joint_node *joint_of(narrowing *n, wl_id id, int64_t joint) {
  const wl_graph *from = n->rewrite.from;
  joint_node key = {.joint = joint, .id = id};
  joint_node *found =
      bsearch(&key, n->joint, n->n_joint, sizeof *n->joint, by_joint);
  if (found->is_known)
    return found;
  joint_node *first = found, *end = n->joint + n->n_joint;
  while (first > n->joint && first[-1].joint == joint)
    first--;
  wl_width width = WL_WIDTH_NARROW, shown = WL_WIDTH_NARROW;
  for (joint_node *at = first; at < end && at->joint == joint; at++) {
    wl_id of = from->nodes[at->id].inputs[0];
    if (is_joint_cast(&from->nodes[of]))
      continue;
    width = wl_width_promote(width, n->widths[of]);
    shown = wl_width_promote(shown, n->shown[of]);
  }
  for (joint_node *at = first; at < end && at->joint == joint; at++) {
    at->is_known = true;
    at->width = (uint8_t)width;
    at->shown = (uint8_t)shown;
  }
  return found;
}

/* Where all are float32, it is none. */
static wl_status visit_joint_cast(narrowing *n, wl_id id, int64_t joint) {
  const wl_graph *from = n->rewrite.from;
  wl_id of = from->nodes[id].inputs[0];
  if (joint_of(n, id, joint)->width != WL_WIDTH_SINGLE)
    return visit_other(n, id);
  n->rewrite.map[id] = n->rewrite.map[of];
  n->widths[id] = n->widths[of];
  n->shown[id] = n->shown[of];
  return WL_OK;
}

static wl_status visit_joint(narrowing *n, wl_id id, int64_t joint) {
  wl_rewrite *rewrite = &n->rewrite;
  const wl_graph *from = rewrite->from;
  wl_id of = from->nodes[id].inputs[0], own = rewrite->map[of];
  const joint_node *all = joint_of(n, id, joint);
  bool is_single = all->width == WL_WIDTH_SINGLE;
  wl_id input = own;
  if ((rewrite->to->nodes[own].type.dtype == WL_F32) != is_single)
    WL_TRY(add_cast(rewrite, is_single, &input));
  rewrite->map[of] = input;
  wl_status status = visit_other(n, id);
  rewrite->map[of] = own;
  if (from->nodes[id].type.dtype != WL_F32)
    n->shown[id] =
        all->shown == WL_WIDTH_SINGLE ? WL_WIDTH_SINGLE : WL_WIDTH_DOUBLE;
  return status;
}

static wl_status visit(narrowing *n, wl_id id) {
  const wl_node *node = &n->rewrite.from->nodes[id];
  int64_t joint = wl_node_int(node, "joint", -1);
  if (joint >= 0 && node->n_inputs != 0)
    return is_joint_cast(node) ? visit_joint_cast(n, id, joint)
                               : visit_joint(n, id, joint);
  switch (node->op) {
  case WL_OP_INPUT:
    return visit_input(n, id);
  case WL_OP_SELECT:
    return visit_select(n, id);
  case WL_OP_CONCAT:
    return visit_concat(n, id);
  case WL_OP_CHECK_FINITE:
    n->widths[id] = n->widths[node->inputs[0]];
    n->shown[id] = n->shown[node->inputs[0]];
    n->origin[id] = n->origin[node->inputs[0]];
    return wl_rewrite_copy(&n->rewrite, id);
  case WL_OP_EXTERNAL:
    return visit_external(n, id);
  default:
    return visit_other(n, id);
  }
}

/* Whether a node's numbers may be others in float32: these are passed on. */
static bool computes(wl_op op) {
  return op != WL_OP_INPUT && op != WL_OP_CHECK_FINITE && op != WL_OP_SELECT &&
         op != WL_OP_CONCAT && op != WL_OP_CAST;
}

static wl_status narrowing_alloc(narrowing *n, size_t n_nodes,
                                 wl_error *error) {
  n->widths = wl_calloc(n_nodes + 1, sizeof *n->widths);
  n->origin = wl_calloc(n_nodes + 1, sizeof *n->origin);
  return n->widths != NULL && n->origin != NULL
             ? WL_OK
             : wl_fail_memory(error, n_nodes * sizeof *n->origin);
}

wl_status wl_graph_single(const wl_graph *from, const wl_input_widths *inputs,
                          wl_graph *to, uint8_t *shown, bool *is_other,
                          wl_error *error) {
  narrowing n = {.inputs = inputs, .shown = shown};
  wl_rewrite *rewrite = &n.rewrite;
  wl_status status;
  *is_other = false;
  WL_TRY_DONE(status, wl_rewrite_begin(rewrite, from, to, error));
  WL_TRY_DONE(status, narrowing_alloc(&n, from->n_nodes, error));
  WL_TRY_DONE(status, list_joint(&n, from, error));
  for (wl_id id = 0; id < from->n_nodes; id++) {
    const wl_node *node = &from->nodes[id];
    WL_TRY_DONE(status, visit(&n, id));
    *is_other |= computes(node->op) &&
                 to->nodes[rewrite->map[id]].type.dtype != node->type.dtype;
  }
  status = wl_rewrite_finish(rewrite);
done:
  wl_rewrite_deinit(rewrite);
  wl_free(n.widths);
  wl_free(n.origin);
  wl_free(n.joint);
  return status;
}
