/*
 * lightgbm_tree.c: one tree of LightGBM's model text: sets of categories,
 * splits, leaves, and leaves that are linear functions.
 */
#include <math.h>

#include "import/lightgbm.h"

/* Bits of decision_type. */
enum {
  DECISION_CATEGORICAL = 1,
  DECISION_DEFAULT_LEFT = 2,
  DECISION_MISSING_SHIFT = 2,
  DECISION_MISSING_NAN = 2, /* 0: none, 1: zero, 2: NaN */
  DECISION_END = 16
};

/* The bit sets of the tree's category splits, appended to the model's;
 * *first is the number of the first of them. */
static wl_status read_sets(wl_lgb_reader *reader, size_t n_sets,
                           int64_t *first) {
  wl_lgb_arrays *arrays = &reader->arrays;
  wl_tree_model *model = reader->model;
  const wl_lgb_field *field = &reader->tree[WL_LGB_CAT_BOUNDARIES];
  WL_TRY(wl_tree_model_begin_sets(model, reader->error));
  *first = (int64_t)model->set_starts.n - 1;
  if (n_sets == 0)
    return WL_OK;
  WL_TRY(wl_lgb_read_integers(reader, WL_LGB_CAT_BOUNDARIES, n_sets + 1, 0,
                              INT32_MAX, &arrays->boundaries));
  const int64_t *bounds = arrays->boundaries.values;
  for (size_t s = 0; s < n_sets; s++)
    if (bounds[0] != 0 || bounds[s + 1] < bounds[s])
      return wl_lgb_fail_field(reader, field,
                               wl_lgb_tree_names[WL_LGB_CAT_BOUNDARIES],
                               "does not rise from 0");
  WL_TRY(wl_lgb_read_integers(reader, WL_LGB_CAT_THRESHOLD,
                              (size_t)bounds[n_sets], 0, UINT32_MAX,
                              &arrays->words));
  for (size_t s = 0; s < n_sets; s++) {
    int64_t number;
    for (int64_t w = bounds[s]; w < bounds[s + 1]; w++)
      WL_TRY(wl_i64_push(&model->sets, arrays->words.values[w], reader->error));
    WL_TRY(wl_tree_model_end_set(model, &number, reader->error));
  }
  return WL_OK;
}

/*
 * LightGBM's prediction takes values within 1e-35f of zero for 0 before it
 * compares. The threshold for which the values themselves take the same way.
 */
static double fold_zeros(double threshold) {
  const double zero = (double)1e-35f;
  if (threshold >= -zero && threshold < 0.0)
    return nextafter(-zero, -INFINITY);
  return threshold >= 0.0 && threshold < zero ? zero : threshold;
}

/* The flags of a split; of a split by categories also the set's number in place
 * of the threshold. */
static wl_status read_decision(const wl_lgb_reader *reader, size_t split,
                               size_t n_sets, int64_t first_set,
                               int64_t *flags) {
  const wl_lgb_arrays *arrays = &reader->arrays;
  int64_t decision = arrays->decision.values[split];
  int64_t missing = decision >> DECISION_MISSING_SHIFT;
  double *threshold = &arrays->threshold.values[split];
  *flags = 0;
  if (missing > DECISION_MISSING_NAN)
    return wl_lgb_fail_field(reader, &reader->tree[WL_LGB_DECISION_TYPE],
                             wl_lgb_tree_names[WL_LGB_DECISION_TYPE],
                             "has an unknown kind of missing values");
  if ((decision & DECISION_CATEGORICAL) == 0) {
    *threshold = fold_zeros(*threshold);
    *flags =
        ((decision & DECISION_DEFAULT_LEFT) != 0 ? WL_SPLIT_MISSING_LEFT : 0) |
        missing << 1;
    return WL_OK;
  }
  if (!(*threshold >= 0.0 && *threshold < (double)n_sets) ||
      *threshold != (double)(int64_t)*threshold)
    return wl_lgb_fail_field(reader, &reader->tree[WL_LGB_THRESHOLD],
                             wl_lgb_tree_names[WL_LGB_THRESHOLD],
                             "names a set of categories that is not there");
  *threshold += (double)first_set;
  /* NaN is in no set, whatever the kind of missing values; other values are
   * cast to int. */
  *flags = WL_SPLIT_IS_CATEGORY | WL_SPLIT_MISSING_NAN | WL_SPLIT_TRUNCATES;
  return WL_OK;
}

/* A child as the model numbers it; every one has one parent. */
static wl_status take_child(const wl_lgb_reader *reader, wl_lgb_tree which,
                            size_t split, size_t n_splits, int64_t *out) {
  const wl_lgb_arrays *arrays = &reader->arrays;
  const wl_i64_array *children =
      which == WL_LGB_LEFT_CHILD ? &arrays->left : &arrays->right;
  int64_t child = children->values[split];
  const wl_tree_model *model = reader->model;
  if (child >= 0 && child <= (int64_t)split)
    return wl_lgb_fail_field(reader, &reader->tree[which],
                             wl_lgb_tree_names[which],
                             "has a split below itself");
  size_t place = child >= 0 ? (size_t)child : n_splits + (size_t)~child;
  if (arrays->seen[place]++ != 0)
    return wl_lgb_fail_field(reader, &reader->tree[which],
                             wl_lgb_tree_names[which],
                             "has a node that another split has as well");
  *out = child >= 0 ? child + (int64_t)model->feature.n - (int64_t)split
                    : child - (int64_t)wl_tree_model_n_leaves(model);
  return WL_OK;
}

static void forget_tree(wl_lgb_reader *reader) {
  wl_lgb_arrays *arrays = &reader->arrays;
  memset(reader->tree, 0, sizeof reader->tree);
  arrays->feature.n = arrays->decision.n = arrays->threshold.n = 0;
  arrays->left.n = arrays->right.n = 0;
  arrays->boundaries.n = arrays->words.n = 0;
}

static wl_status read_splits(wl_lgb_reader *reader, size_t n_splits,
                             size_t n_sets, int64_t first_set) {
  wl_lgb_arrays *arrays = &reader->arrays;
  wl_tree_model *model = reader->model;
  int64_t last = (int64_t)n_splits - 1;
  void *seen = arrays->seen;
  WL_TRY(wl_lgb_read_integers(reader, WL_LGB_SPLIT_FEATURE, n_splits, 0,
                              (int64_t)model->n_features - 1,
                              &arrays->feature));
  WL_TRY(wl_lgb_read_integers(reader, WL_LGB_DECISION_TYPE, n_splits, 0,
                              DECISION_END - 1, &arrays->decision));
  WL_TRY(wl_lgb_read_integers(reader, WL_LGB_LEFT_CHILD, n_splits, ~(last + 1),
                              last, &arrays->left));
  WL_TRY(wl_lgb_read_integers(reader, WL_LGB_RIGHT_CHILD, n_splits, ~(last + 1),
                              last, &arrays->right));
  WL_TRY(wl_lgb_read_reals(reader, WL_LGB_THRESHOLD, n_splits,
                           &arrays->threshold));
  WL_TRY(wl_grow(&seen, &arrays->seen_capacity, 2 * n_splits + 1, 1,
                 reader->error));
  arrays->seen = seen;
  memset(arrays->seen, 0, 2 * n_splits + 1);
  for (size_t i = 0; i < n_splits; i++) {
    int64_t flags, left, right;
    if (arrays->threshold.values[i] != arrays->threshold.values[i])
      return wl_lgb_fail_field(reader, &reader->tree[WL_LGB_THRESHOLD],
                               wl_lgb_tree_names[WL_LGB_THRESHOLD],
                               "has a value nan");
    WL_TRY(read_decision(reader, i, n_sets, first_set, &flags));
    WL_TRY(take_child(reader, WL_LGB_LEFT_CHILD, i, n_splits, &left));
    WL_TRY(take_child(reader, WL_LGB_RIGHT_CHILD, i, n_splits, &right));
    WL_TRY(wl_tree_model_add_split(model, arrays->feature.values[i],
                                   arrays->threshold.values[i], flags, left,
                                   right, reader->error));
  }
  /* n_splits twice taken, none before its parent: with every child taken once,
   * nothing but the root is left without a parent. */
  return WL_OK;
}

/* A linear function a leaf: how many features each has, then those of all and
 * their coefficients. */
static wl_status read_linear(wl_lgb_reader *reader, size_t n_leaves,
                             size_t first_leaf) {
  wl_tree_model *model = reader->model;
  wl_i64_array *starts = &model->linear_starts;
  size_t n_before = model->linear_features.n, n_terms = 0;
  WL_TRY(wl_tree_model_fill_linear(model, first_leaf, reader->error));
  WL_TRY(wl_lgb_read_reals(reader, WL_LGB_LEAF_CONST, n_leaves,
                           &model->linear_constants));
  WL_TRY(wl_lgb_read_integers(reader, WL_LGB_NUM_FEATURES, n_leaves, 0,
                              INT32_MAX, starts));
  for (size_t i = starts->n - n_leaves; i < starts->n; i++) {
    n_terms += (size_t)starts->values[i];
    starts->values[i] = (int64_t)(n_before + n_terms);
  }
  WL_TRY(wl_lgb_read_integers(reader, WL_LGB_LEAF_FEATURES, n_terms, 0,
                              (int64_t)model->n_features - 1,
                              &model->linear_features));
  return wl_lgb_read_reals(reader, WL_LGB_LEAF_COEFF, n_terms,
                           &model->linear_coefficients);
}

wl_status wl_lgb_end_tree(wl_lgb_reader *reader) {
  wl_tree_model *model = reader->model;
  int64_t n_leaves, n_sets = 0, is_linear = 0, first_set;
  const wl_lgb_field *linear = &reader->tree[WL_LGB_IS_LINEAR];
  WL_TRY(wl_lgb_read_integer(reader, &reader->tree[WL_LGB_NUM_LEAVES],
                             wl_lgb_tree_names[WL_LGB_NUM_LEAVES], 1,
                             WL_MAX_SPLITS, &n_leaves));
  if (reader->tree[WL_LGB_NUM_CAT].value.data != NULL)
    WL_TRY(wl_lgb_read_integer(reader, &reader->tree[WL_LGB_NUM_CAT],
                               wl_lgb_tree_names[WL_LGB_NUM_CAT], 0,
                               WL_MAX_SPLITS, &n_sets));
  if (linear->value.data != NULL)
    WL_TRY(wl_lgb_read_integer(
        reader, linear, wl_lgb_tree_names[WL_LGB_IS_LINEAR], 0, 1, &is_linear));
  size_t root = model->feature.n, first_leaf = model->leaves.n;
  WL_TRY(read_sets(reader, (size_t)n_sets, &first_set));
  if (n_leaves > 1)
    WL_TRY(
        read_splits(reader, (size_t)n_leaves - 1, (size_t)n_sets, first_set));
  WL_TRY(wl_lgb_read_reals(reader, WL_LGB_LEAF_VALUE, (size_t)n_leaves,
                           &model->leaves));
  WL_TRY(wl_i64_push(&model->roots,
                     n_leaves > 1 ? (int64_t)root : ~(int64_t)first_leaf,
                     reader->error));
  if (is_linear)
    WL_TRY(read_linear(reader, (size_t)n_leaves, first_leaf));
  else if (model->linear_constants.n > 0)
    WL_TRY(wl_tree_model_fill_linear(model, model->leaves.n, reader->error));
  forget_tree(reader);
  return WL_OK;
}

void wl_lgb_free_arrays(wl_lgb_arrays *arrays) {
  wl_free(arrays->feature.values);
  wl_free(arrays->decision.values);
  wl_free(arrays->left.values);
  wl_free(arrays->right.values);
  wl_free(arrays->boundaries.values);
  wl_free(arrays->words.values);
  wl_free(arrays->threshold.values);
  wl_free(arrays->seen);
}
