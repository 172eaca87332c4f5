/*
 * trees.c: `trees` and `tree_leaves`: ensembles of decision trees over rows,
 * dense or sparse, bit-equal to sums in the order of the trees. Shapes are
 * checked when the node is typed, and whether it is a forest when it is bound
 * (forest/forest_check.c).
 */
#include "models/trees.h"
#include "ops/table.h"

static const wl_attr_def attrs[] = {
    {"feature", WL_ATTR_TENSOR, true}, {"threshold", WL_ATTR_TENSOR, true},
    {"left", WL_ATTR_TENSOR, true},    {"right", WL_ATTR_TENSOR, true},
    {"flags", WL_ATTR_TENSOR, true},   {"test", WL_ATTR_TENSOR, false},
    {"roots", WL_ATTR_TENSOR, false},  {"sizes", WL_ATTR_TENSOR, false},
    {"leaves", WL_ATTR_TENSOR, true},  {"output", WL_ATTR_TENSOR, false},
    {"n_outputs", WL_ATTR_INT, false}, {"start", WL_ATTR_TENSOR, false},
    {"divide", WL_ATTR_FLOAT, false},  {"dtype", WL_ATTR_STRING, false},
    {"sets", WL_ATTR_TENSOR, false},   {"set_starts", WL_ATTR_TENSOR, false},
    {"known", WL_ATTR_TENSOR, false},  {"ids", WL_ATTR_TENSOR, false},
    {"absent", WL_ATTR_FLOAT, false},
};

/* Where the attributes of a node are read. */
typedef struct reader {
  const wl_graph *graph;
  const wl_node *node;
  wl_error *error;
} reader;

/* A list, of doubles or of integers. */
static wl_status take(const wl_graph *graph, const wl_node *node,
                      const char *name, bool is_integer, const wl_const **out,
                      size_t *n, wl_error *error) {
  const wl_const *tensor = wl_node_tensor(graph, node, name);
  *out = NULL;
  *n = 0;
  if (tensor == NULL || tensor->n_elements == 0)
    return WL_OK;
  bool fits =
      is_integer ? wl_dtype_is_integer(tensor->dtype) : tensor->dtype == WL_F64;
  if (!fits || tensor->n_dims != 1)
    return wl_fail(error, WL_ERROR_VALUE,
                   "operator '%s': %s is a list of %s, not of %s in %u "
                   "dimensions",
                   wl_op_table[node->op]->name, name,
                   is_integer ? "integers" : "f64",
                   wl_dtype_name(tensor->dtype), tensor->n_dims);
  *out = tensor;
  *n = tensor->n_elements;
  return WL_OK;
}

wl_status wl_trees_take_doubles(const wl_graph *graph, const wl_node *node,
                                const char *name, const double **out, size_t *n,
                                wl_error *error) {
  const wl_const *tensor;
  WL_TRY(take(graph, node, name, false, &tensor, n, error));
  *out = tensor != NULL ? tensor->data : NULL;
  return WL_OK;
}

wl_status wl_trees_take_ints(const wl_graph *graph, const wl_node *node,
                             const char *name, wl_ints *out, size_t *n,
                             wl_error *error) {
  const wl_const *tensor;
  WL_TRY(take(graph, node, name, true, &tensor, n, error));
  *out = (wl_ints){.data = NULL};
  if (tensor != NULL)
    *out = (wl_ints){tensor->data, tensor->dtype};
  return WL_OK;
}

static wl_status take_ints(const reader *r, const char *name, wl_ints *out,
                           size_t *n) {
  return wl_trees_take_ints(r->graph, r->node, name, out, n, r->error);
}

static wl_status check_n(const reader *r, const char *name, size_t n,
                         size_t expected, const char *one_a) {
  if (n == expected || wl_node_attr(r->node, name) == NULL)
    return WL_OK;
  return wl_fail(r->error, WL_ERROR_VALUE,
                 "operator '%s': %s has %zu elements, expected %zu, one %s",
                 wl_op_table[r->node->op]->name, name, n, expected, one_a);
}

/* The same, of exactly `expected` elements where it is given. */
static wl_status take_n_ints(const reader *r, const char *name, wl_ints *out,
                             size_t expected, const char *one_a) {
  size_t n;
  WL_TRY(take_ints(r, name, out, &n));
  return check_n(r, name, n, expected, one_a);
}

static wl_status take_n_doubles(const reader *r, const char *name,
                                const double **out, size_t expected,
                                const char *one_a) {
  size_t n;
  WL_TRY(wl_trees_take_doubles(r->graph, r->node, name, out, &n, r->error));
  return check_n(r, name, n, expected, one_a);
}

static wl_status take_leaves(const reader *r, wl_forest_spec *spec) {
  const wl_const *leaves = wl_node_tensor(r->graph, r->node, "leaves");
  spec->width = leaves->n_dims == 2 ? (size_t)leaves->shape[1] : 1;
  spec->n_leaves = leaves->n_dims > 0 ? (size_t)leaves->shape[0] : 0;
  spec->leaves = leaves->data;
  spec->are_leaves_lasting = leaves->is_lasting;
  if (leaves->dtype != WL_F64 || leaves->n_dims < 1 || leaves->n_dims > 2 ||
      (spec->width != 1 && spec->width != spec->n_outputs &&
       !spec->is_leaf_numbers))
    return wl_fail(r->error, WL_ERROR_VALUE,
                   "operator '%s': leaves are f64, n_leaves x 1 or x n_outputs "
                   "(%zu)",
                   spec->op, spec->n_outputs);
  return WL_OK;
}

static wl_status take_sets(const reader *r, wl_forest_spec *spec) {
  size_t n;
  WL_TRY(take_ints(r, "sets", &spec->sets, &spec->n_set_words));
  WL_TRY(take_ints(r, "set_starts", &spec->set_starts, &n));
  spec->n_sets = n != 0 ? n - 1 : 0;
  return take_n_ints(r, "known", &spec->known, spec->n_columns,
                     "a column of its input");
}

/* Sums: n_outputs, start, divide, dtype. */
static wl_status take_sums(const reader *r, wl_forest_spec *spec,
                           wl_dtype *dtype) {
  int64_t n_outputs = wl_node_int(r->node, "n_outputs", 1);
  spec->n_outputs = 1;
  spec->divide = 1.0;
  *dtype = WL_I64;
  if (spec->is_leaf_numbers)
    return WL_OK;
  if (n_outputs < 1 || n_outputs > WL_MAX_COLUMNS)
    return wl_fail(r->error, WL_ERROR_VALUE,
                   "operator '%s': n_outputs is %lld, expected 1 to 2^31 - 1",
                   spec->op, (long long)n_outputs);
  spec->n_outputs = (size_t)n_outputs;
  WL_TRY(take_n_ints(r, "output", &spec->output, spec->n_trees, "a tree"));
  WL_TRY(
      take_n_doubles(r, "start", &spec->start, spec->n_outputs, "an output"));
  spec->divide = wl_node_float(r->node, "divide", 1.0);
  if (!(spec->divide > 0.0 || spec->divide < 0.0))
    return wl_fail(r->error, WL_ERROR_VALUE,
                   "operator '%s': divide is %g, it is neither 0 nor NaN",
                   spec->op, spec->divide);
  WL_TRY(wl_node_float_dtype(r->node, WL_F64, dtype, r->error));
  spec->is_f32 = *dtype == WL_F32;
  return WL_OK;
}

static wl_status take_absent(const reader *r, wl_forest_spec *spec) {
  double absent = wl_node_float(r->node, "absent", 0.0);
  if (absent != 0.0 && absent == absent)
    return wl_fail(r->error, WL_ERROR_VALUE,
                   "operator '%s': absent is %g, expected 0 or nan", spec->op,
                   absent);
  spec->is_absent_nan = absent != absent;
  return WL_OK;
}

/* Tests, and splits, which without `test` are the same. */
static wl_status take_splits(const reader *r, wl_forest_spec *spec) {
  WL_TRY(take_ints(r, "feature", &spec->feature, &spec->n_tests));
  size_t n = spec->n_tests;
  WL_TRY(take_n_doubles(r, "threshold", &spec->threshold, n, "a feature"));
  WL_TRY(take_n_ints(r, "flags", &spec->flags, n, "a feature"));
  spec->n_splits = n;
  if (wl_node_attr(r->node, "test") != NULL)
    WL_TRY(take_ints(r, "test", &spec->test, &spec->n_splits));
  n = spec->n_splits;
  WL_TRY(take_n_ints(r, "left", &spec->left, n, "a split"));
  return take_n_ints(r, "right", &spec->right, n, "a split");
}

static wl_status take_trees(const reader *r, wl_forest_spec *spec) {
  bool has_roots = wl_node_attr(r->node, "roots") != NULL;
  if (has_roots == (wl_node_attr(r->node, "sizes") != NULL))
    return wl_fail(r->error, WL_ERROR_VALUE,
                   "operator '%s' needs one of the attributes 'roots' and "
                   "'sizes'",
                   spec->op);
  if (has_roots)
    return take_ints(r, "roots", &spec->roots, &spec->n_trees);
  return take_ints(r, "sizes", &spec->sizes, &spec->n_trees);
}

wl_status wl_trees_read(const wl_graph *graph, const wl_node *node,
                        wl_forest_spec *spec, wl_dtype *dtype,
                        wl_error *error) {
  reader r = {graph, node, error};
  *spec =
      (wl_forest_spec){.op = wl_op_table[node->op]->name,
                       .is_leaf_numbers = node->op == WL_OP_TREE_LEAVES,
                       .n_columns = wl_input_type(graph, node, 0)->n_columns};
  WL_TRY(take_splits(&r, spec));
  WL_TRY(take_trees(&r, spec));
  WL_TRY(take_sums(&r, spec, dtype));
  WL_TRY(take_leaves(&r, spec));
  if (spec->is_leaf_numbers)
    WL_TRY(take_n_ints(&r, "ids", &spec->ids, spec->n_leaves, "a leaf"));
  WL_TRY(take_absent(&r, spec));
  return take_sets(&r, spec);
}

static wl_status infer(const wl_graph *graph, const wl_node *node,
                       wl_type *type, wl_error *error) {
  wl_forest_spec spec;
  wl_dtype dtype;
  WL_TRY(wl_check_matrices(graph, node, error));
  WL_TRY(wl_trees_read(graph, node, &spec, &dtype, error));
  bool is_bit_equal = wl_input_type(graph, node, 0)->is_bit_equal;
  if (node->n_inputs == 2) {
    const wl_type *from = wl_input_type(graph, node, 1);
    if (from->kind != WL_VALUE_DENSE || from->n_columns != spec.n_outputs ||
        from->dtype != dtype || spec.start != NULL)
      return wl_fail(error, WL_ERROR_VALUE,
                     "operator '%s': the sums that it continues have %zu "
                     "columns of %s, expected %zu of %s, and no start",
                     spec.op, from->n_columns, wl_dtype_name(from->dtype),
                     spec.n_outputs, wl_dtype_name(dtype));
    is_bit_equal &= from->is_bit_equal;
  }
  *type = (wl_type){.kind = WL_VALUE_DENSE,
                    .n_columns =
                        spec.is_leaf_numbers ? spec.n_trees : spec.n_outputs,
                    .dtype = dtype,
                    .is_bit_equal = is_bit_equal};
  return WL_OK;
}

static wl_status bind(const wl_graph *graph, const wl_node *node, void **state,
                      wl_error *error) {
  wl_forest_spec spec;
  wl_dtype dtype;
  wl_forest *forest;
  WL_TRY(wl_trees_read(graph, node, &spec, &dtype, error));
  if (spec.is_leaf_numbers)
    spec.width = 1;
  WL_TRY(wl_forest_create(&spec, &forest, error));
  *state = forest;
  return WL_OK;
}

static wl_status check_late(const wl_graph *graph, const wl_node *node,
                            wl_error *error) {
  wl_forest_spec spec;
  wl_dtype dtype;
  WL_TRY(wl_trees_read(graph, node, &spec, &dtype, error));
  spec.width = 1;
  return wl_forest_check(&spec, error);
}

static void unbind(void *state) { wl_forest_free(state); }

static size_t tile_rows(const void *state) {
  return wl_forest_tile_rows(state);
}

static wl_status run(const void *state, const wl_op_call *call, wl_value *out,
                     wl_error *error) {
  const wl_value *x = call->inputs[0];
  wl_value sums = {.dense = NULL};
  wl_strided rows = x->strided;
  if (call->n_inputs == 2)
    WL_TRY(wl_as_dense(call, call->inputs[1], &sums, error));
  WL_TRY(wl_new_dense(call, wl_forest_n_outputs(state), out, error));
  if (x->kind == WL_VALUE_CSR)
    return wl_forest_score_sparse(state, x, sums.dense, sums.ld, call->n_rows,
                                  call->arena, out->dense, out->ld, error);
  if (x->kind == WL_VALUE_DENSE)
    rows = (wl_strided){.values = x->dense,
                        .row_stride = (int64_t)(x->ld * sizeof(double)),
                        .column_stride = sizeof(double)};
  return wl_forest_score(state, &rows, sums.dense, sums.ld, call->n_rows,
                         call->arena, out->dense, out->ld, error);
}

const wl_op_def wl_op_trees = {
    .name = "trees",
    WL_ATTRS(attrs),
    .min_inputs = 1,
    .max_inputs = 2,
    .takes_sparse = true,
    .takes_strided = true,
    .infer = infer,
    .bind = bind,
    .unbind = unbind,
    .tile_rows = tile_rows,
    .run = run,
};

const wl_op_def wl_op_tree_leaves = {
    .name = "tree_leaves",
    WL_ATTRS(attrs),
    .min_inputs = 1,
    .max_inputs = 1,
    .takes_sparse = true,
    .takes_strided = true,
    .infer = infer,
    .bind = bind,
    .unbind = unbind,
    .check_late = check_late,
    .tile_rows = tile_rows,
    .run = run,
};
