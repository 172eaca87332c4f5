/*
 * push_linear.c: a linear model moves towards the features' sources:
 *
 *   linear(concat(a, b), W)   = add(linear(a, W_a), linear(b, W_b))
 *   linear(scale(x, s), W)    = linear(x, W * s)
 *   linear(select(x, i), W)   = linear(x, W scattered to i)
 *   linear(project(x, C), W)  = linear(x, W C)
 *
 * so that the union is never materialised and scalers cost nothing. Only
 * float64 features are pushed through (float32 ones are rounded on the way),
 * and only scalings without a shift: taking a large mean off the sum instead of
 * off each feature would cancel digits.
 */
#include "passes/passes.h"
#include "passes/rewrite.h"

/*
 * A selection spreads coefficients to all columns, and a union that many models
 * read is cut for each of them: what is made could be far larger than what was
 * given. A model is pushed as long as the rewrite's budget allows, and
 * otherwise left where it is: slower, the same answer.
 */
enum { MAX_DEPTH = 64, NODE_COST = 256 };
/* Multiplications to push a model through one projection: a few seconds. */
static const size_t max_products = (size_t)1 << 33;

/* Takes k x n numbers, and nodes, from the budget; not when they are too many.
 */
static bool afford(wl_rewrite *rewrite, size_t k, size_t n, size_t n_nodes) {
  size_t cost;
  if (wl_mul_overflows(k, n, &cost) ||
      wl_add_overflows(cost, n_nodes * NODE_COST, &cost) ||
      cost > rewrite->budget)
    return false;
  rewrite->budget -= cost;
  return true;
}

/* k x n coefficients in the new graph's arena */
typedef struct coefs {
  size_t k, n;
  double *data;
} coefs;

static wl_status new_coefs(wl_rewrite *rewrite, size_t k, size_t n,
                           coefs *out) {
  size_t total;
  out->k = k;
  out->n = n;
  if (wl_mul_overflows(k, n, &total))
    return wl_fail_memory(rewrite->error, SIZE_MAX);
  out->data = wl_arena_calloc(&rewrite->to->arena, total, sizeof *out->data);
  return out->data != NULL ? WL_OK : wl_fail_memory(rewrite->error, total * 8);
}

static wl_status lower(wl_rewrite *rewrite, wl_id x, coefs w, int depth,
                       wl_id *out);

static wl_status lower_leaf(wl_rewrite *rewrite, wl_id x, coefs w, wl_id *out) {
  wl_const constant = {
      .dtype = WL_F64, .n_dims = 2, .shape = {w.k, w.n}, .data = w.data};
  uint32_t tensor;
  WL_TRY(
      wl_graph_add_constant(rewrite->to, &constant, &tensor, rewrite->error));
  return wl_rewrite_unary(rewrite, WL_OP_LINEAR, rewrite->map[x], "coef",
                          tensor, out);
}

static wl_status lower_concat(wl_rewrite *rewrite, const wl_node *node, coefs w,
                              int depth, wl_id *out) {
  wl_id *parts = wl_calloc(node->n_inputs, sizeof *parts);
  if (parts == NULL)
    return wl_fail_memory(rewrite->error, node->n_inputs * sizeof *parts);
  wl_status status = WL_OK;
  size_t at = 0, n_parts = 0;
  for (uint32_t i = 0; i < node->n_inputs; i++) {
    size_t width = rewrite->from->nodes[node->inputs[i]].type.n_columns;
    coefs part;
    if (width == 0)
      continue;
    WL_TRY_DONE(status, new_coefs(rewrite, w.k, width, &part));
    for (size_t k = 0; k < w.k; k++)
      memcpy(part.data + k * width, w.data + k * w.n + at,
             width * sizeof *part.data);
    at += width;
    WL_TRY_DONE(status, lower(rewrite, node->inputs[i], part, depth + 1,
                              &parts[n_parts++]));
  }
  status = wl_graph_add_node(rewrite->to, WL_OP_ADD, parts, n_parts, NULL, 0,
                             out, rewrite->error);
done:
  wl_free(parts);
  return status;
}

static wl_status lower_scale(wl_rewrite *rewrite, const wl_node *node, coefs w,
                             int depth, wl_id *out) {
  const wl_const *divide = wl_node_tensor(rewrite->from, node, "divide");
  const wl_const *multiply = wl_node_tensor(rewrite->from, node, "multiply");
  coefs scaled;
  WL_TRY(new_coefs(rewrite, w.k, w.n, &scaled));
  for (size_t f = 0; f < w.n; f++) {
    double by = 1.0;
    if (multiply != NULL)
      by = wl_const_number(multiply, multiply->n_elements == 1 ? 0 : f);
    if (divide != NULL)
      by /= wl_const_number(divide, divide->n_elements == 1 ? 0 : f);
    for (size_t k = 0; k < w.k; k++)
      scaled.data[k * w.n + f] = w.data[k * w.n + f] * by;
  }
  return lower(rewrite, node->inputs[0], scaled, depth + 1, out);
}

static wl_status lower_select(wl_rewrite *rewrite, const wl_node *node, coefs w,
                              int depth, wl_id *out) {
  const wl_const *indices = wl_node_tensor(rewrite->from, node, "indices");
  size_t width = rewrite->from->nodes[node->inputs[0]].type.n_columns;
  coefs wide;
  WL_TRY(new_coefs(rewrite, w.k, width, &wide));
  for (size_t f = 0; f < w.n; f++)
    for (size_t k = 0; k < w.k; k++)
      wide.data[k * width + (size_t)wl_const_number(indices, f)] +=
          w.data[k * w.n + f];
  return lower(rewrite, node->inputs[0], wide, depth + 1, out);
}

static wl_status lower_project(wl_rewrite *rewrite, const wl_node *node,
                               coefs w, int depth, wl_id *out) {
  const wl_const *components =
      wl_node_tensor(rewrite->from, node, "components");
  size_t width = (size_t)components->shape[1];
  coefs wide;
  WL_TRY(new_coefs(rewrite, w.k, width, &wide));
  double *row = wl_alloc(width * sizeof *row);
  if (row == NULL)
    return wl_fail_memory(rewrite->error, width * sizeof *row);
  for (size_t c = 0; c < w.n; c++) {
    for (size_t f = 0; f < width; f++)
      row[f] = wl_const_number(components, c * width + f);
    for (size_t k = 0; k < w.k; k++) {
      double *to = wide.data + k * width, by = w.data[k * w.n + c];
      for (size_t f = 0; f < width; f++)
        to[f] += by * row[f];
    }
  }
  wl_free(row);
  return lower(rewrite, node->inputs[0], wide, depth + 1, out);
}

/* Any input that has columns? A sum of no parts is not a node. */
static bool has_columns(const wl_graph *graph, const wl_node *node) {
  for (uint32_t i = 0; i < node->n_inputs; i++)
    if (graph->nodes[node->inputs[i]].type.n_columns != 0)
      return true;
  return false;
}

static bool may_project(const wl_type *from, const wl_type *to, size_t k) {
  size_t products;
  return k <= to->n_columns && from->dtype != WL_F32 &&
         !wl_mul_overflows(k * to->n_columns, from->n_columns, &products) &&
         products <= max_products;
}

/* A sparse matrix is multiplied by what an array is divided by: may one number
 * stand for both? Not where the reciprocals were rounded to float32. */
static bool is_same_for_sparse(const wl_graph *graph, const wl_node *node) {
  const wl_const *divide = wl_node_tensor(graph, node, "divide");
  const wl_const *reciprocal = wl_node_tensor(graph, node, "reciprocal");
  if (reciprocal == NULL)
    return true;
  bool is_same = divide != NULL && divide->n_elements == reciprocal->n_elements;
  for (size_t i = 0; is_same && i < divide->n_elements; i++)
    is_same =
        1.0 / wl_const_number(divide, i) == wl_const_number(reciprocal, i);
  return is_same;
}

/* May the model move through this node? */
static bool is_transparent(const wl_graph *graph, const wl_node *node,
                           size_t k) {
  if (node->type.dtype == WL_F32)
    return false;
  switch (node->op) {
  case WL_OP_CONCAT:
    return has_columns(graph, node);
  case WL_OP_SELECT:
    return node->type.n_columns != 0;
  case WL_OP_SCALE:
    return wl_node_attr(node, "subtract") == NULL &&
           is_same_for_sparse(graph, node) &&
           graph->nodes[node->inputs[0]].type.dtype != WL_F32;
  case WL_OP_PROJECT:
    return may_project(&graph->nodes[node->inputs[0]].type, &node->type, k);
  default:
    return false;
  }
}

/* Is the node transparent, and is there the room for the coefficients of what
 * is behind it? They are as many as all its inputs have columns. */
static bool may_pass(wl_rewrite *rewrite, const wl_node *node, size_t k) {
  if (!is_transparent(rewrite->from, node, k))
    return false;
  size_t n = 0;
  for (uint32_t i = 0; i < node->n_inputs; i++)
    n += rewrite->from->nodes[node->inputs[i]].type.n_columns;
  return afford(rewrite, k, n, node->n_inputs);
}

static wl_status lower(wl_rewrite *rewrite, wl_id x, coefs w, int depth,
                       wl_id *out) {
  const wl_node *node = &rewrite->from->nodes[x];
  if (depth >= MAX_DEPTH || !may_pass(rewrite, node, w.k))
    return lower_leaf(rewrite, x, w, out);
  switch (node->op) {
  case WL_OP_CONCAT:
    return lower_concat(rewrite, node, w, depth, out);
  case WL_OP_SCALE:
    return lower_scale(rewrite, node, w, depth, out);
  case WL_OP_SELECT:
    return lower_select(rewrite, node, w, depth, out);
  case WL_OP_PROJECT:
    return lower_project(rewrite, node, w, depth, out);
  default:
    return lower_leaf(rewrite, x, w, out);
  }
}

static wl_status visit(wl_rewrite *rewrite, wl_id id) {
  const wl_node *node = &rewrite->from->nodes[id];
  if (node->op != WL_OP_LINEAR ||
      !is_transparent(rewrite->from, &rewrite->from->nodes[node->inputs[0]],
                      node->type.n_columns))
    return wl_rewrite_copy(rewrite, id);
  const wl_const *coef = wl_node_tensor(rewrite->from, node, "coef");
  if (!afford(rewrite, (size_t)coef->shape[0], (size_t)coef->shape[1], 1))
    return wl_rewrite_copy(rewrite, id);
  coefs w;
  WL_TRY(
      new_coefs(rewrite, (size_t)coef->shape[0], (size_t)coef->shape[1], &w));
  for (size_t i = 0; i < coef->n_elements; i++)
    w.data[i] = wl_const_number(coef, i);
  wl_id sum;
  WL_TRY(lower(rewrite, node->inputs[0], w, 0, &sum));
  return wl_rewrite_end_linear(rewrite, id, sum);
}

wl_status wl_pass_push_linear(const wl_graph *from, wl_graph *to,
                              wl_error *error) {
  return wl_rewrite_each(from, to, visit, error);
}
