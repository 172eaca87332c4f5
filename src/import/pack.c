/*
 * pack.c: a tree model as tensors, small: integers as narrow as they are, each
 * distinct test once where that is shorter, children numbered within their
 * trees, and trees in the order of the tables that will be made of them, so
 * that those need no leaves of their own. Leaves that are linear functions stay
 * as they are: their tables hold other numbers.
 */
#include <stdlib.h>

#include "import/import.h"

/* Scratch is the tensors' arena's. */
typedef struct packer {
  const wl_tree_model *model;
  wl_tree_tensors *out;
  size_t n_splits, n_trees, n_leaves;
  const uint32_t *split; /* which the i-th is; NULL: that itself */
  wl_error *error;
} packer;

static wl_status new_array(packer *p, size_t n, size_t size, void *out) {
  void *made = wl_arena_calloc(&p->out->arena, n + 1, size);
  memcpy(out, &made, sizeof made);
  return made != NULL ? WL_OK : wl_fail_memory(p->error, n * size);
}

/* ---- tensors ------------------------------------------------------------- */

static wl_tensor *add(packer *p, const char *name, wl_dtype dtype,
                      const void *data, size_t n) {
  wl_tensor *tensor = &p->out->list[p->out->n++];
  *tensor = (wl_tensor){
      .name = name, .dtype = dtype, .n_dims = 1, .shape = {n}, .data = data};
  return tensor;
}

static void put_doubles(packer *p, const char *name, const wl_f64_array *from) {
  if (from->n != 0)
    add(p, name, WL_F64, from->values, from->n);
}

static wl_dtype narrowest(const int64_t *values, size_t n) {
  int64_t least = 0, most = 0;
  for (size_t i = 0; i < n; i++) {
    least = values[i] < least ? values[i] : least;
    most = values[i] > most ? values[i] : most;
  }
  if (least >= 0)
    return most <= UINT8_MAX    ? WL_U8
           : most <= UINT16_MAX ? WL_U16
           : most <= UINT32_MAX ? WL_U32
                                : WL_I64;
  if (least >= INT8_MIN && most <= INT8_MAX)
    return WL_I8;
  if (least >= INT16_MIN && most <= INT16_MAX)
    return WL_I16;
  return least >= INT32_MIN && most <= INT32_MAX ? WL_I32 : WL_I64;
}

static wl_status put_ints(packer *p, const char *name, const int64_t *values,
                          size_t n) {
  wl_dtype dtype = narrowest(values, n);
  size_t size = wl_dtype_size(dtype);
  char *data;
  if (n == 0)
    return WL_OK;
  WL_TRY(new_array(p, n, size, &data));
  for (size_t i = 0; i < n; i++) /* little-endian: its first bytes */
    memcpy(data + i * size, &values[i], size);
  add(p, name, dtype, data, n);
  return WL_OK;
}

static wl_status put_list(packer *p, const char *name,
                          const wl_i64_array *from) {
  return put_ints(p, name, from->values, from->n);
}

/* ---- tests --------------------------------------------------------------- */

typedef struct test {
  double threshold;
  int64_t feature, flags;
  size_t split;
} test;

static int by_test(const void *a, const void *b) {
  const test *x = a, *y = b;
  if (x->feature != y->feature)
    return x->feature < y->feature ? -1 : 1;
  if (x->threshold != y->threshold)
    return x->threshold < y->threshold ? -1 : 1;
  return (x->flags > y->flags) - (x->flags < y->flags);
}

/* Each distinct test once, and which of them a split makes; *pays where that
 * is shorter. Returns their number, the first in `tests`. */
static size_t number_tests(const packer *p, test *tests, int64_t *test_of,
                           bool *pays) {
  enum { TEST_SIZE = 8 + 1 + 1 }; /* a threshold, a feature, flags */
  size_t n = 0;
  qsort(tests, p->n_splits, sizeof *tests, by_test);
  for (size_t i = 0; i < p->n_splits; i++) {
    size_t split = tests[i].split;
    if (n == 0 || by_test(&tests[n - 1], &tests[i]) != 0)
      tests[n++] = tests[i];
    test_of[split] = (int64_t)n - 1;
  }
  size_t width = n <= UINT8_MAX + 1 ? 1 : n <= UINT16_MAX + 1 ? 2 : 4;
  *pays = n * TEST_SIZE + p->n_splits * width < p->n_splits * TEST_SIZE;
  return n;
}

static void list_tests(const packer *p, test *tests) {
  const wl_tree_model *model = p->model;
  for (size_t i = 0; i < p->n_splits; i++) {
    size_t split = p->split != NULL ? p->split[i] : i;
    tests[i] = (test){.threshold = model->threshold.values[split],
                      .feature = model->feature.values[split],
                      .flags = model->flags.values[split],
                      .split = i};
  }
}

static wl_status put_tests(packer *p) {
  test *tests;
  double *threshold;
  int64_t *feature, *flags, *test_of;
  size_t n = p->n_splits;
  bool pays;
  WL_TRY(new_array(p, n, sizeof *tests, &tests));
  WL_TRY(new_array(p, n, sizeof *test_of, &test_of));
  list_tests(p, tests);
  n = number_tests(p, tests, test_of, &pays);
  if (!pays) {
    list_tests(p, tests);
    n = p->n_splits;
  }
  WL_TRY(new_array(p, n, sizeof *threshold, &threshold));
  WL_TRY(new_array(p, n, sizeof *feature, &feature));
  WL_TRY(new_array(p, n, sizeof *flags, &flags));
  for (size_t i = 0; i < n; i++) {
    threshold[i] = tests[i].threshold;
    feature[i] = tests[i].feature;
    flags[i] = tests[i].flags;
  }
  if (n != 0)
    add(p, "threshold", WL_F64, threshold, n);
  WL_TRY(put_ints(p, "feature", feature, n));
  WL_TRY(put_ints(p, "flags", flags, n));
  return pays ? put_ints(p, "test", test_of, p->n_splits) : WL_OK;
}

/* ---- trees --------------------------------------------------------------- */

static wl_forest_spec spec_of(const packer *p) {
  const wl_tree_model *model = p->model;
  return (wl_forest_spec){
      .op = "trees",
      .n_columns = model->n_features,
      .n_tests = p->n_splits,
      .n_splits = p->n_splits,
      .n_leaves = p->n_leaves,
      .n_trees = p->n_trees,
      .feature = wl_ints_of(model->feature.values),
      .flags = wl_ints_of(model->flags.values),
      .threshold = model->threshold.values,
      .left = wl_ints_of(model->left.values),
      .right = wl_ints_of(model->right.values),
      .roots = wl_ints_of(model->roots.values),
      .width = model->width,
      .leaves = model->leaves.values,
      .n_outputs = model->n_outputs,
      .output = wl_ints_of(model->output.values),
      .start = model->start.values,
      .divide = 1.0,
      .sets = wl_ints_of(model->sets.values),
      .n_set_words = model->sets.n,
      .set_starts = wl_ints_of(model->set_starts.values),
      .n_sets = model->set_starts.n > 0 ? model->set_starts.n - 1 : 0};
}

/* The source's numbers of leaves: they are as they are where trees begin at 0
 * and count on, which needs no telling. */
static wl_status put_ids(packer *p, const uint32_t *leaf,
                         const int64_t *sizes) {
  const wl_i64_array *own = &p->model->leaf_ids;
  int64_t *ids;
  bool is_told = false;
  WL_TRY(new_array(p, p->n_leaves, sizeof *ids, &ids));
  for (size_t t = 0, first = 0; t < p->n_trees; t++) {
    size_t n = (size_t)sizes[t] + 1;
    uint32_t least = UINT32_MAX;
    for (size_t i = first; i < first + n; i++)
      least = leaf[i] < least ? leaf[i] : least;
    for (size_t i = first; i < first + n; i++) {
      ids[i] = own->n > 0 ? own->values[leaf[i]] : (int64_t)(leaf[i] - least);
      is_told |= ids[i] != (int64_t)(i - first);
    }
    first += n;
  }
  return is_told ? put_ints(p, "ids", ids, p->n_leaves) : WL_OK;
}

static wl_status put_leaves(packer *p, const uint32_t *leaf) {
  size_t width = p->model->width;
  const double *from = p->model->leaves.values;
  double *leaves;
  WL_TRY(new_array(p, p->n_leaves * width, sizeof *leaves, &leaves));
  for (size_t i = 0; i < p->n_leaves; i++)
    memcpy(leaves + i * width, from + (leaf != NULL ? leaf[i] : i) * width,
           width * sizeof *leaves);
  wl_tensor *tensor = add(p, "leaves", WL_F64, leaves, p->n_leaves);
  tensor->n_dims = 2;
  tensor->shape[1] = width;
  return WL_OK;
}

/* Trees one behind the other. */
static wl_status put_ordered(packer *p, wl_forest_order *order,
                             const wl_forest_spec *spec) {
  int64_t *left, *right, *sizes;
  uint32_t *split, *leaf;
  size_t n = 0, n_leaves = 0;
  WL_TRY(new_array(p, p->n_splits, sizeof *left, &left));
  WL_TRY(new_array(p, p->n_splits, sizeof *right, &right));
  WL_TRY(new_array(p, p->n_splits, sizeof *split, &split));
  WL_TRY(new_array(p, p->n_trees, sizeof *sizes, &sizes));
  WL_TRY(new_array(p, p->n_leaves, sizeof *leaf, &leaf));
  for (size_t t = 0; t < p->n_trees; t++) {
    wl_forest_list_tree(order, spec, t);
    sizes[t] = (int64_t)order->n_splits;
    for (size_t i = 0; i < order->n_splits; i++, n++) {
      left[n] = order->left[i];
      right[n] = order->right[i];
      split[n] = order->split[i];
    }
    for (size_t i = 0; i <= order->n_splits; i++)
      leaf[n_leaves++] = order->leaf[i];
  }
  p->split = split;
  WL_TRY(put_ints(p, "left", left, n));
  WL_TRY(put_ints(p, "right", right, n));
  WL_TRY(put_ints(p, "sizes", sizes, p->n_trees));
  WL_TRY(put_ids(p, leaf, sizes));
  return put_leaves(p, leaf);
}

static wl_status put_trees(packer *p) {
  const wl_tree_model *model = p->model;
  const wl_forest_spec spec = spec_of(p);
  wl_forest_order order;
  WL_TRY(wl_forest_check(&spec, p->error));
  if (model->linear_constants.n > 0) {
    WL_TRY(put_list(p, "left", &model->left));
    WL_TRY(put_list(p, "right", &model->right));
    WL_TRY(put_list(p, "roots", &model->roots));
    WL_TRY(put_list(p, "ids", &model->leaf_ids));
    return put_leaves(p, NULL);
  }
  WL_TRY(wl_forest_order_init(&order, &spec, p->error));
  wl_status status = put_ordered(p, &order, &spec);
  wl_forest_order_deinit(&order);
  return status;
}

static wl_status put_all(packer *p) {
  const wl_tree_model *model = p->model;
  WL_TRY(put_trees(p));
  WL_TRY(put_tests(p));
  WL_TRY(put_list(p, "output", &model->output));
  WL_TRY(put_list(p, "sets", &model->sets));
  WL_TRY(put_list(p, "set_starts", &model->set_starts));
  WL_TRY(put_list(p, "linear_starts", &model->linear_starts));
  WL_TRY(put_list(p, "linear_features", &model->linear_features));
  put_doubles(p, "linear_constants", &model->linear_constants);
  put_doubles(p, "linear_coefficients", &model->linear_coefficients);
  put_doubles(p, "start", &model->start);
  return WL_OK;
}

wl_status wl_tree_tensors_init(wl_tree_tensors *tensors,
                               const wl_tree_model *model, wl_error *error) {
  packer p = {.model = model,
              .out = tensors,
              .n_splits = model->feature.n,
              .n_trees = model->roots.n,
              .n_leaves = wl_tree_model_n_leaves(model),
              .error = error};
  *tensors = (wl_tree_tensors){.n = 0};
  wl_arena_init(&tensors->arena);
  wl_status status = put_all(&p);
  if (status != WL_OK)
    wl_tree_tensors_deinit(tensors);
  return status;
}

void wl_tree_tensors_deinit(wl_tree_tensors *tensors) {
  wl_arena_deinit(&tensors->arena);
  tensors->n = 0;
}

bool wl_tree_tensors_have(const wl_tree_tensors *tensors, const char *name) {
  for (size_t t = 0; t < tensors->n; t++)
    if (strcmp(tensors->list[t].name, name) == 0)
      return true;
  return false;
}
