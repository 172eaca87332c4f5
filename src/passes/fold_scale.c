/*
 * fold_scale.c: a scaler before trees moves into their thresholds:
 *
 *   trees(scale(x), t) = trees(x, T), T the largest double with scaled(T) <= t
 *
 * which is exact. Subtracting a number, dividing by and multiplying by a
 * positive one are monotone, and so is rounding to nearest: scaled(x), each
 * step of which is rounded, never goes down as x goes up, from -inf at -inf. So
 * the doubles with scaled(x) <= t are those up to the largest of them, which a
 * search over the ordered doubles finds. NaN stays NaN; where a split reads NaN
 * as 0, the scaled value decides once and for all, and becomes the side that
 * missing values go to.
 *
 * A scaler that centers refuses a sparse matrix: that check stays. One that
 * keeps the zeros of sparse rows does else with them than with dense ones, and
 * stays where there may be such rows. `affine`
 * spreads sparse rows out, which says what is in their gaps: it stays where the
 * trees would read them as NaN. So does any scaler before a sparse
 * concatenation that such trees read: what it makes of 0 is no gap, and what it
 * makes 0 is.
 */
#include <math.h>

#include "data/ints.h"
#include "passes/passes.h"
#include "passes/rewrite.h"

enum {
  FLAG_LEFT = 1,
  KIND_SHIFT = 1,
  KIND_MASK = 3,
  KIND_NAN_IS_ZERO = 0,
  KIND_ZEROS = 1,
  KIND_NAN = 2,
  FLAG_CATEGORY = 8
};
enum { MAX_DEPTH = 64, MAX_ATTRS = 32 };

/* The tests of the forest's splits, and what they read: the parts of a
 * concatenation, or the one input. */
typedef struct fold {
  const wl_node *trees, *x;
  wl_ints feature, flags;
  const double *threshold;
  size_t n_tests;
  const wl_id *parts;
  size_t n_parts;
} fold;

/* ---- what may be folded -------------------------------------------------- */

/* May a node's rows come as CSR, where its type says dense? */
static bool may_be_sparse(const wl_graph *graph, wl_id id, int depth) {
  const wl_node *node = &graph->nodes[id];
  if (node->op == WL_OP_INPUT)
    return wl_string_is(wl_node_string(node, "kind", ""), "matrix") &&
           wl_node_attr(node, "no_csr") == NULL;
  bool is_settled =
      node->op == WL_OP_CONCAT && wl_node_attr(node, "sparse") != NULL;
  if (is_settled || !wl_op_table[node->op]->keeps_sparse)
    return node->type.kind == WL_VALUE_CSR;
  bool may = depth >= MAX_DEPTH;
  for (uint32_t i = 0; i < node->n_inputs && !may; i++)
    may = may_be_sparse(graph, node->inputs[i], depth + 1);
  return may;
}

/* All numbers finite, or finite and positive. */
static bool are_fine(const wl_const *numbers, bool is_positive) {
  for (size_t i = 0; numbers != NULL && i < numbers->n_elements; i++) {
    double v = wl_const_number(numbers, i);
    if (!isfinite(v) || (is_positive && !(v > 0.0)))
      return false;
  }
  return true;
}

static bool is_monotone(const wl_graph *graph, const wl_node *node) {
  if (node->type.dtype != WL_F64 || node->type.kind != WL_VALUE_DENSE ||
      graph->nodes[node->inputs[0]].type.dtype == WL_F32)
    return false;
  return are_fine(wl_node_tensor(graph, node, "subtract"), false) &&
         are_fine(wl_node_tensor(graph, node, "add"), false) &&
         are_fine(wl_node_tensor(graph, node, "divide"), true) &&
         are_fine(wl_node_tensor(graph, node, "multiply"), true);
}

/* Of CSR rows; which numbers are no gaps, the scaler then decides. */
static bool reads_gaps_as_missing(const fold *f) {
  return wl_node_float(f->trees, "absent", 0.0) != 0.0;
}

/* Is the node a scaler whose rows come dense, or whose check can be kept? */
static bool is_scaler(const wl_graph *graph, const fold *f,
                      const wl_node *node) {
  if (node->op != WL_OP_SCALE && node->op != WL_OP_AFFINE)
    return false;
  if (!is_monotone(graph, node) ||
      (reads_gaps_as_missing(f) && f->x->type.kind == WL_VALUE_CSR))
    return false;
  if (!may_be_sparse(graph, node->inputs[0], 0))
    return true;
  if (node->op == WL_OP_AFFINE)
    return !reads_gaps_as_missing(f);
  return wl_node_attr(node, "subtract") != NULL &&
         !wl_node_bool(node, "keeps_zeros", false) &&
         graph->nodes[node->inputs[0]].op == WL_OP_CHECK_FINITE;
}

/* Do the tests of columns [first, end) compare numbers, with no zeros missing?
 */
static bool are_comparisons(const fold *f, size_t first, size_t end) {
  for (size_t i = 0; i < f->n_tests; i++) {
    size_t column = (size_t)wl_ints_at(&f->feature, i);
    int64_t flags = wl_ints_at(&f->flags, i), kind = flags >> KIND_SHIFT;
    if (column < first || column >= end)
      continue;
    kind &= KIND_MASK;
    if ((flags & FLAG_CATEGORY) != 0 ||
        (kind != KIND_NAN_IS_ZERO && kind != KIND_NAN) ||
        f->threshold[i] != f->threshold[i])
      return false;
  }
  return true;
}

static bool take_ints(const wl_graph *graph, const wl_node *node,
                      const char *name, wl_ints *out, size_t *n) {
  const wl_const *tensor = wl_node_tensor(graph, node, name);
  if (tensor == NULL || !wl_dtype_is_integer(tensor->dtype))
    return false;
  *out = (wl_ints){tensor->data, tensor->dtype};
  *n = tensor->n_elements;
  return *n != 0;
}

/* Flags that no forest has are left to the operator, which refuses them. */
static bool find(const wl_graph *graph, wl_id id, fold *f) {
  size_t n_flags;
  f->trees = &graph->nodes[id];
  if (f->trees->op != WL_OP_TREES && f->trees->op != WL_OP_TREE_LEAVES)
    return false;
  const wl_const *threshold = wl_node_tensor(graph, f->trees, "threshold");
  if (!take_ints(graph, f->trees, "feature", &f->feature, &f->n_tests) ||
      !take_ints(graph, f->trees, "flags", &f->flags, &n_flags) ||
      threshold->dtype != WL_F64)
    return false;
  f->threshold = threshold->data;
  for (size_t i = 0; i < n_flags; i++)
    if (wl_ints_at(&f->flags, i) < 0 || wl_ints_at(&f->flags, i) > UINT8_MAX)
      return false;
  f->x = &graph->nodes[f->trees->inputs[0]];
  f->parts = f->trees->inputs;
  f->n_parts = 1;
  if (f->x->op == WL_OP_CONCAT && f->x->type.dtype == WL_F64) {
    f->parts = f->x->inputs;
    f->n_parts = f->x->n_inputs;
  }
  return true;
}

/* ---- thresholds ---------------------------------------------------------- */

/* Doubles in order: -inf is the smallest key but for NaN, inf the largest. */
static double double_of(int64_t key) {
  uint64_t bits = key < 0 ? ~(uint64_t)key | UINT64_C(1) << 63 : (uint64_t)key;
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static int64_t key_of(double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits >> 63 ? (int64_t) ~(bits & ~(UINT64_C(1) << 63)) : (int64_t)bits;
}

/* One column's scaler; what it does not do is absent. */
typedef struct scaler {
  bool subtracts, divides, multiplies, adds;
  double subtract, divide, multiply, add;
} scaler;

static bool read_number(const wl_graph *graph, const wl_node *node,
                        const char *name, size_t column, double *out) {
  const wl_const *numbers = wl_node_tensor(graph, node, name);
  if (numbers != NULL)
    *out = wl_const_number(numbers, numbers->n_elements == 1 ? 0 : column);
  return numbers != NULL;
}

static scaler scaler_of(const wl_graph *graph, const wl_node *node,
                        size_t column) {
  scaler s = {.subtract = 0.0};
  s.subtracts = read_number(graph, node, "subtract", column, &s.subtract);
  s.divides = read_number(graph, node, "divide", column, &s.divide);
  s.multiplies = read_number(graph, node, "multiply", column, &s.multiply);
  s.adds = read_number(graph, node, "add", column, &s.add);
  return s;
}

/* As scale.c and affine.c, step by step. */
static double scaled(const scaler *s, double v) {
  if (s->subtracts)
    v -= s->subtract;
  if (s->divides)
    v /= s->divide;
  if (s->multiplies)
    v *= s->multiply;
  if (s->adds)
    v += s->add;
  return v;
}

static double moved(const scaler *s, double threshold) {
  int64_t low = key_of(-INFINITY), high = key_of(INFINITY);
  if (scaled(s, INFINITY) <= threshold)
    return INFINITY;
  for (;;) { /* scaled(low) <= threshold < scaled(high) */
    uint64_t distance = (uint64_t)high - (uint64_t)low;
    if (distance <= 1)
      return double_of(low);
    int64_t middle = low + (int64_t)(distance / 2);
    if (scaled(s, double_of(middle)) <= threshold)
      low = middle;
    else
      high = middle;
  }
}

static void move_tests(const wl_graph *graph, const fold *f,
                       const wl_node *node, size_t first, double *threshold,
                       uint8_t *flags) {
  size_t end = first + node->type.n_columns;
  for (size_t i = 0; i < f->n_tests; i++) {
    size_t column = (size_t)wl_ints_at(&f->feature, i);
    if (column < first || column >= end)
      continue;
    scaler s = scaler_of(graph, node, column - first);
    threshold[i] = moved(&s, f->threshold[i]);
    if ((wl_ints_at(&f->flags, i) >> KIND_SHIFT & KIND_MASK) ==
        KIND_NAN_IS_ZERO)
      flags[i] = (uint8_t)(KIND_NAN << KIND_SHIFT |
                           (0.0 <= f->threshold[i] ? FLAG_LEFT : 0));
  }
}

/* ---- rewriting ----------------------------------------------------------- */

/* What the scaler scales; the check before it also refuses sparse rows where
 * the scaler would have. */
static wl_status unscaled(wl_rewrite *rewrite, const wl_node *node,
                          wl_id *out) {
  wl_id id = node->inputs[0];
  const wl_node *x = &rewrite->from->nodes[id];
  *out = rewrite->map[id];
  if (node->op == WL_OP_AFFINE || !may_be_sparse(rewrite->from, id, 0) ||
      x->n_attrs >= MAX_ATTRS)
    return WL_OK;
  wl_attr attrs[MAX_ATTRS + 1];
  memcpy(attrs, x->attrs, x->n_attrs * sizeof *attrs);
  attrs[x->n_attrs] = (wl_attr){.name = "centered", .kind = WL_ATTR_BOOL};
  attrs[x->n_attrs].value.b = true;
  return wl_graph_add_node(rewrite->to, WL_OP_CHECK_FINITE,
                           &rewrite->map[x->inputs[0]], 1, attrs,
                           x->n_attrs + 1, out, rewrite->error);
}

/* The forest's node with other tests over another matrix. */
static wl_status emit_trees(wl_rewrite *rewrite, wl_id id, const fold *f,
                            wl_id x, uint32_t threshold, uint32_t flags) {
  wl_attr attrs[MAX_ATTRS];
  wl_id inputs[2] = {x, 0};
  memcpy(attrs, f->trees->attrs, f->trees->n_attrs * sizeof *attrs);
  for (uint32_t i = 0; i < f->trees->n_attrs; i++) {
    if (strcmp(attrs[i].name, "threshold") == 0)
      attrs[i].value.tensor = threshold;
    if (strcmp(attrs[i].name, "flags") == 0)
      attrs[i].value.tensor = flags;
  }
  if (f->trees->n_inputs == 2)
    inputs[1] = rewrite->map[f->trees->inputs[1]];
  return wl_graph_add_node(rewrite->to, f->trees->op, inputs,
                           f->trees->n_inputs, attrs, f->trees->n_attrs,
                           &rewrite->map[id], rewrite->error);
}

static wl_status new_tests(wl_rewrite *rewrite, const fold *f,
                           uint32_t *threshold, double **thresholds,
                           uint32_t *flags, uint8_t **all_flags) {
  const uint64_t shape[1] = {f->n_tests};
  WL_TRY(wl_graph_new_f64(rewrite->to, 1, shape, threshold, thresholds,
                          rewrite->error));
  memcpy(*thresholds, f->threshold, f->n_tests * sizeof **thresholds);
  *all_flags =
      wl_arena_alloc(&rewrite->to->arena, f->n_tests * sizeof **all_flags);
  if (*all_flags == NULL)
    return wl_fail_memory(rewrite->error, f->n_tests * sizeof **all_flags);
  for (size_t i = 0; i < f->n_tests; i++)
    (*all_flags)[i] = (uint8_t)wl_ints_at(&f->flags, i);
  wl_const constant = {
      .dtype = WL_U8, .n_dims = 1, .shape = {f->n_tests}, .data = *all_flags};
  return wl_graph_add_constant(rewrite->to, &constant, flags, rewrite->error);
}

static wl_status fold_parts(wl_rewrite *rewrite, wl_id id, const fold *f,
                            const bool *folds) {
  uint32_t threshold, flags;
  double *thresholds;
  uint8_t *all_flags;
  wl_id *parts = wl_calloc(f->n_parts, sizeof *parts);
  if (parts == NULL)
    return wl_fail_memory(rewrite->error, f->n_parts * sizeof *parts);
  wl_status status;
  WL_TRY_DONE(status, new_tests(rewrite, f, &threshold, &thresholds, &flags,
                                &all_flags));
  size_t first = 0;
  for (size_t i = 0; i < f->n_parts; i++) {
    const wl_node *part = &rewrite->from->nodes[f->parts[i]];
    parts[i] = rewrite->map[f->parts[i]];
    if (folds[i]) {
      move_tests(rewrite->from, f, part, first, thresholds, all_flags);
      WL_TRY_DONE(status, unscaled(rewrite, part, &parts[i]));
    }
    first += part->type.n_columns;
  }
  wl_id x = parts[0];
  if (f->parts != f->trees->inputs)
    WL_TRY_DONE(status, wl_graph_add_node(rewrite->to, WL_OP_CONCAT, parts,
                                          f->n_parts, f->x->attrs,
                                          f->x->n_attrs, &x, rewrite->error));
  status = emit_trees(rewrite, id, f, x, threshold, flags);
done:
  wl_free(parts);
  return status;
}

static wl_status visit(wl_rewrite *rewrite, wl_id id) {
  fold f;
  if (!find(rewrite->from, id, &f) || f.trees->n_attrs > MAX_ATTRS)
    return wl_rewrite_copy(rewrite, id);
  bool *folds = wl_calloc(f.n_parts, sizeof *folds);
  if (folds == NULL)
    return wl_fail_memory(rewrite->error, f.n_parts * sizeof *folds);
  size_t first = 0;
  bool any = false;
  for (size_t i = 0; i < f.n_parts; i++) {
    const wl_node *part = &rewrite->from->nodes[f.parts[i]];
    size_t end = first + part->type.n_columns;
    folds[i] =
        is_scaler(rewrite->from, &f, part) && are_comparisons(&f, first, end);
    any |= folds[i];
    first = end;
  }
  wl_status status =
      any ? fold_parts(rewrite, id, &f, folds) : wl_rewrite_copy(rewrite, id);
  wl_free(folds);
  return status;
}

wl_status wl_pass_fold_scale(const wl_graph *from, wl_graph *to,
                             wl_error *error) {
  return wl_rewrite_each(from, to, visit, error);
}
