/*
 * linear_trees.c: `linear_trees`: an ensemble of trees whose leaves are linear
 * functions of the row, as LightGBM's linear_tree fits them. The forest gives
 * the leaf of every tree; a leaf's value is then its constant plus coefficient
 * times feature, one after the other in the order of the leaf, or its plain
 * value where one of those features is NaN. Values are added in the order of
 * the trees.
 *
 * Bit-equal: a value within 1e-35f of zero counts as 0, as LightGBM reads it.
 */
#include <math.h>

#include "models/trees.h"
#include "ops/table.h"

static const wl_attr_def attrs[] = {
    {"feature", WL_ATTR_TENSOR, true},
    {"threshold", WL_ATTR_TENSOR, true},
    {"left", WL_ATTR_TENSOR, true},
    {"right", WL_ATTR_TENSOR, true},
    {"flags", WL_ATTR_TENSOR, true},
    {"test", WL_ATTR_TENSOR, false},
    {"roots", WL_ATTR_TENSOR, false},
    {"sizes", WL_ATTR_TENSOR, false},
    {"leaves", WL_ATTR_TENSOR, true},
    {"output", WL_ATTR_TENSOR, false},
    {"n_outputs", WL_ATTR_INT, false},
    {"start", WL_ATTR_TENSOR, false},
    {"divide", WL_ATTR_FLOAT, false},
    {"sets", WL_ATTR_TENSOR, false},
    {"set_starts", WL_ATTR_TENSOR, false},
    {"known", WL_ATTR_TENSOR, false},
    {"ids", WL_ATTR_TENSOR, false},
    {"linear_constants", WL_ATTR_TENSOR, true},
    {"linear_starts", WL_ATTR_TENSOR, true},
    {"linear_features", WL_ATTR_TENSOR, true},
    {"linear_coefficients", WL_ATTR_TENSOR, true},
};

/* Leaf numbers that are held at once. */
enum { MAX_NUMBERS = 1 << 13, MAX_ROWS = 64 };

/* Linear functions: leaf i has the terms [starts[i], starts[i + 1]). */
typedef struct linear_spec {
  const double *constants, *coefficients;
  wl_ints starts, features;
  size_t n_terms;
} linear_spec;

typedef struct linear_trees {
  wl_forest *forest; /* answers leaves' numbers among all leaves */
  size_t n_trees, n_outputs, n_leaves;
  double divide;
  uint32_t *output; /* n_trees */
  double *start;    /* n_outputs */
  double *values;   /* n_leaves, as are the constants */
  double *constants;
  uint32_t *starts;   /* n_leaves + 1 */
  uint32_t *features; /* n_terms, as are the coefficients */
  double *coefficients;
} linear_trees;

/* ---- attributes ---------------------------------------------------------- */

static wl_status check_n(const char *name, size_t n, size_t expected,
                         wl_error *error) {
  if (n == expected)
    return WL_OK;
  return wl_fail(error, WL_ERROR_VALUE,
                 "operator 'linear_trees': %s has %zu elements, expected %zu",
                 name, n, expected);
}

static wl_status take_doubles(const wl_graph *graph, const wl_node *node,
                              const char *name, size_t expected,
                              const double **out, wl_error *error) {
  size_t n;
  WL_TRY(wl_trees_take_doubles(graph, node, name, out, &n, error));
  return check_n(name, n, expected, error);
}

static wl_status check_terms(const wl_forest_spec *spec,
                             const linear_spec *linear, wl_error *error) {
  if (linear->n_terms > UINT32_MAX)
    return wl_fail(error, WL_ERROR_VALUE,
                   "operator 'linear_trees': more than 2^32 - 1 terms");
  for (size_t i = 0; i <= spec->n_leaves; i++) {
    int64_t start = wl_ints_at(&linear->starts, i);
    int64_t least = i > 0 ? wl_ints_at(&linear->starts, i - 1) : 0;
    int64_t most = i > 0 ? (int64_t)linear->n_terms : 0;
    if (i == spec->n_leaves)
      least = (int64_t)linear->n_terms;
    if (start < least || start > most)
      return wl_fail(error, WL_ERROR_VALUE,
                     "operator 'linear_trees': linear_starts[%zu] is %lld, "
                     "they ascend from 0 to the number of terms, %zu",
                     i, (long long)start, linear->n_terms);
  }
  for (size_t i = 0; i < linear->n_terms; i++) {
    int64_t feature = wl_ints_at(&linear->features, i);
    if (feature < 0 || (uint64_t)feature >= spec->n_columns)
      return wl_fail(error, WL_ERROR_VALUE,
                     "operator 'linear_trees': linear_features[%zu] is %lld, "
                     "its input has %zu columns",
                     i, (long long)feature, spec->n_columns);
  }
  return WL_OK;
}

static wl_status read_spec(const wl_graph *graph, const wl_node *node,
                           wl_forest_spec *spec, linear_spec *linear,
                           wl_error *error) {
  wl_dtype dtype;
  WL_TRY(wl_trees_read(graph, node, spec, &dtype, error));
  if (spec->width != 1)
    return wl_fail(error, WL_ERROR_VALUE,
                   "operator 'linear_trees': leaves have %zu numbers, "
                   "expected 1",
                   spec->width);
  size_t n = spec->n_leaves;
  size_t n_starts;
  WL_TRY(take_doubles(graph, node, "linear_constants", n, &linear->constants,
                      error));
  WL_TRY(wl_trees_take_ints(graph, node, "linear_starts", &linear->starts,
                            &n_starts, error));
  WL_TRY(check_n("linear_starts", n_starts, n + 1, error));
  WL_TRY(wl_trees_take_ints(graph, node, "linear_features", &linear->features,
                            &linear->n_terms, error));
  WL_TRY(take_doubles(graph, node, "linear_coefficients", linear->n_terms,
                      &linear->coefficients, error));
  return check_terms(spec, linear, error);
}

static wl_status infer(const wl_graph *graph, const wl_node *node,
                       wl_type *type, wl_error *error) {
  wl_forest_spec spec;
  linear_spec linear;
  WL_TRY(wl_check_dense(graph, node, error));
  WL_TRY(read_spec(graph, node, &spec, &linear, error));
  *type =
      (wl_type){.kind = WL_VALUE_DENSE,
                .n_columns = spec.n_outputs,
                .dtype = WL_F64,
                .is_bit_equal = wl_input_type(graph, node, 0)->is_bit_equal};
  return WL_OK;
}

/* ---- state --------------------------------------------------------------- */

static void unbind(void *state) {
  linear_trees *s = state;
  if (s == NULL)
    return;
  wl_forest_free(s->forest);
  wl_free(s->output);
  wl_free(s->start);
  wl_free(s->values);
  wl_free(s->constants);
  wl_free(s->starts);
  wl_free(s->features);
  wl_free(s->coefficients);
  wl_free(s);
}

/* n numbers, or zeros where there are none to copy. */
static wl_status copy(const double *from, size_t n, double **out,
                      wl_error *error) {
  *out = wl_calloc(n + 1, sizeof **out);
  if (*out == NULL)
    return wl_fail_memory(error, n * sizeof **out);
  if (from != NULL && n > 0)
    memcpy(*out, from, n * sizeof **out);
  return WL_OK;
}

/* The same of integers, all below 2^32. */
static wl_status copy_ints(const wl_ints *from, size_t n, uint32_t **out,
                           wl_error *error) {
  *out = wl_calloc(n + 1, sizeof **out);
  if (*out == NULL)
    return wl_fail_memory(error, n * sizeof **out);
  for (size_t i = 0; i < n && from->data != NULL; i++)
    (*out)[i] = (uint32_t)wl_ints_at(from, i);
  return WL_OK;
}

/* The forest of the leaves' numbers, counted over all trees. */
static wl_status make_forest(linear_trees *s, const wl_forest_spec *spec,
                             wl_error *error) {
  wl_forest_spec leaves = *spec;
  int64_t *ids = wl_calloc(spec->n_leaves + 1, sizeof *ids);
  if (ids == NULL)
    return wl_fail_memory(error, spec->n_leaves * sizeof *ids);
  for (size_t i = 0; i < spec->n_leaves; i++)
    ids[i] = (int64_t)i;
  leaves.is_leaf_numbers = true;
  leaves.ids = wl_ints_of(ids);
  leaves.n_outputs = 1;
  leaves.output = (wl_ints){.data = NULL};
  leaves.start = NULL;
  leaves.divide = 1.0;
  wl_status status = wl_forest_create(&leaves, &s->forest, error);
  wl_free(ids);
  return status;
}

static wl_status fill(linear_trees *s, const wl_forest_spec *spec,
                      const linear_spec *linear, wl_error *error) {
  size_t n = spec->n_leaves;
  s->n_trees = spec->n_trees;
  s->n_outputs = spec->n_outputs;
  s->n_leaves = n;
  s->divide = spec->divide;
  WL_TRY(wl_forest_check(spec, error));
  WL_TRY(make_forest(s, spec, error));
  WL_TRY(copy_ints(&spec->output, s->n_trees, &s->output, error));
  for (size_t t = 0; t < s->n_trees && spec->output.data == NULL; t++)
    s->output[t] = (uint32_t)(t % s->n_outputs);
  WL_TRY(copy(spec->start, s->n_outputs, &s->start, error));
  WL_TRY(copy(spec->leaves, n, &s->values, error));
  WL_TRY(copy(linear->constants, n, &s->constants, error));
  WL_TRY(copy_ints(&linear->starts, n + 1, &s->starts, error));
  WL_TRY(copy_ints(&linear->features, linear->n_terms, &s->features, error));
  return copy(linear->coefficients, linear->n_terms, &s->coefficients, error);
}

static wl_status bind(const wl_graph *graph, const wl_node *node, void **state,
                      wl_error *error) {
  wl_forest_spec spec;
  linear_spec linear;
  WL_TRY(read_spec(graph, node, &spec, &linear, error));
  linear_trees *s = wl_calloc(1, sizeof *s);
  if (s == NULL)
    return wl_fail_memory(error, sizeof *s);
  wl_status status = fill(s, &spec, &linear, error);
  if (status != WL_OK)
    unbind(s);
  else
    *state = s;
  return status;
}

static size_t tile_rows(const void *state) {
  return wl_forest_tile_rows(((const linear_trees *)state)->forest);
}

/* ---- rows ---------------------------------------------------------------- */

static double leaf_value(const linear_trees *s, size_t leaf, const double *x) {
  const double zero = (double)1e-35f;
  double value = s->constants[leaf];
  for (uint32_t i = s->starts[leaf]; i < s->starts[leaf + 1]; i++) {
    double v = x[s->features[i]];
    if (isnan(v))
      return s->values[leaf];
    value += s->coefficients[i] * (fabs(v) <= zero ? 0.0 : v);
  }
  return value;
}

static void add_row(const linear_trees *s, const double *leaves,
                    const double *x, double *out) {
  memcpy(out, s->start, s->n_outputs * sizeof *out);
  for (size_t t = 0; t < s->n_trees; t++)
    out[s->output[t]] += leaf_value(s, (size_t)leaves[t], x);
  for (size_t k = 0; k < s->n_outputs; k++)
    out[k] /= s->divide;
}

static wl_status run(const void *state, const wl_op_call *call, wl_value *out,
                     wl_error *error) {
  const linear_trees *s = state;
  const wl_value *x = call->inputs[0];
  size_t step = s->n_trees > 0 ? MAX_NUMBERS / s->n_trees : MAX_ROWS;
  step = step < 1 ? 1 : step > MAX_ROWS ? MAX_ROWS : step;
  WL_TRY(wl_new_dense(call, s->n_outputs, out, error));
  wl_arena_mark mark = wl_arena_save(call->arena);
  double *leaves =
      wl_arena_alloc(call->arena, (s->n_trees * step + 1) * sizeof *leaves);
  if (leaves == NULL)
    return wl_fail_memory(error, s->n_trees * step * sizeof *leaves);
  for (size_t r = 0; r < call->n_rows; r += step) {
    size_t n = call->n_rows - r < step ? call->n_rows - r : step;
    const wl_strided rows = {.values = wl_row(x, r),
                             .row_stride = (int64_t)(x->ld * sizeof(double)),
                             .column_stride = sizeof(double)};
    WL_TRY(wl_forest_score(s->forest, &rows, NULL, 0, n, call->arena, leaves,
                           s->n_trees, error));
    for (size_t i = 0; i < n; i++)
      add_row(s, leaves + i * s->n_trees, wl_row(x, r + i),
              wl_row_mut(out, r + i));
  }
  wl_arena_restore(call->arena, mark);
  return WL_OK;
}

const wl_op_def wl_op_linear_trees = {
    .name = "linear_trees",
    WL_ATTRS(attrs),
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = infer,
    .bind = bind,
    .unbind = unbind,
    .tile_rows = tile_rows,
    .run = run,
};
