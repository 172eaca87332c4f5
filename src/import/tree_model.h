/*
 * tree_model.h: an ensemble of trees as it comes out of a model file, in the
 * arrays that the operators `trees` and `tree_leaves` take (docs/graph.md says
 * what each means), with what else a prediction needs: the columns, the number
 * of outputs and the function from raw scores to predictions.
 *
 * A reader has checked all it puts here: numbers of columns, splits, leaves and
 * sets are within bounds, a split comes before those below it, and every split
 * and leaf has one parent.
 */
#ifndef WL_IMPORT_TREE_MODEL_H
#define WL_IMPORT_TREE_MODEL_H

#include "models/forest/forest.h"

typedef struct wl_i64_array {
  int64_t *values; /* owned */
  size_t n, capacity;
} wl_i64_array;

typedef struct wl_f64_array {
  double *values; /* owned */
  size_t n, capacity;
} wl_f64_array;

/* Strings one behind the other; string i is [offsets[i], offsets[i + 1]). */
typedef struct wl_text_array {
  char *bytes; /* owned */
  size_t size, bytes_capacity;
  uint64_t *offsets; /* owned; NULL while n is 0 */
  size_t n, offsets_capacity;
} wl_text_array;

wl_status wl_i64_push(wl_i64_array *array, int64_t value, wl_error *error);
wl_status wl_f64_push(wl_f64_array *array, double value, wl_error *error);
wl_status wl_text_push(wl_text_array *array, const char *text, size_t size,
                       wl_error *error);
wl_string wl_text_at(const wl_text_array *array, size_t i);

/* Of `flags`, what is missing (forest.h has the bits). */
enum {
  WL_SPLIT_MISSING_ZERO = WL_SPLIT_KIND_ZERO << WL_SPLIT_KIND_SHIFT,
  WL_SPLIT_MISSING_NAN = WL_SPLIT_KIND_NAN << WL_SPLIT_KIND_SHIFT
};

/* From raw scores to predictions. */
typedef enum wl_tree_link {
  WL_LINK_NONE = 0,
  WL_LINK_EXP,
  WL_LINK_EXPIT, /* of link_scale times the score */
  WL_LINK_SOFTMAX,
  WL_LINK_ARGMAX,        /* the class's number */
  WL_LINK_POSITIVE,      /* 1 above 0, else 0 */
  WL_LINK_SIGNED_SQUARE, /* the score times its magnitude */
  WL_LINK_SOFTPLUS,      /* log(1 + exp(score)) */
  WL_LINK_COUNT
} wl_tree_link;

/* "none", "exp", "expit", "softmax", "argmax", "positive", "signed_square",
 * "softplus". Static. */
const char *wl_tree_link_name(wl_tree_link link);

enum { WL_MAX_TREE_OUTPUTS = 1 << 16, WL_MAX_SPLITS = 0x7fffffff };

typedef struct wl_tree_model {
  const char *library; /* "lightgbm", "xgboost", "catboost"; static */
  char *objective;     /* as the file says it; owned, NULL when it says none */
  size_t n_features, n_outputs, n_iterations;
  int64_t best_iteration;      /* counted from 0; -1: the file says none */
  wl_text_array feature_names; /* n_features, or none */
  wl_text_array class_names;   /* of a classifier, or none */
  const char *categories; /* the field that lists the values behind the codes of
                             category columns; static, NULL: none does */

  wl_i64_array feature, left, right, flags; /* one a split */
  wl_f64_array threshold;
  wl_i64_array roots;  /* one a tree */
  wl_i64_array output; /* one a tree, or none: tree i adds to i % n_outputs */
  wl_f64_array leaves; /* n_leaves x width */
  size_t width;
  wl_i64_array leaf_ids; /* how the source numbers a leaf within its tree, one a
                            leaf, or none: in order */
  wl_f64_array start;    /* n_outputs, or none: 0 */
  wl_i64_array sets, set_starts;
  double scale;      /* raw scores are sums * scale + bias */
  wl_f64_array bias; /* n_outputs, or none: 0 */

  /* Leaves that are linear functions, where there are any: constant plus
   * coefficients times features, or the leaf's value where one is NaN. Leaf i
   * has the terms [linear_starts[i], linear_starts[i + 1]). */
  wl_f64_array linear_constants; /* n_leaves, or none */
  wl_i64_array linear_starts;    /* n_leaves + 1, or none */
  wl_i64_array linear_features;
  wl_f64_array linear_coefficients;

  bool is_f32;       /* sums are rounded to float32 */
  bool casts_to_f32; /* columns are read as float32 first (only where category
                        splits need it: thresholds hold the cast already) */
  bool refuses_infinity; /* and what float32 cannot hold */
  bool is_absent_nan;    /* what sparse rows do not store is missing, not 0 */
  bool is_average; /* predictions are of the mean over iterations; raw scores
                      are sums */
  wl_tree_link link;
  double link_scale;
} wl_tree_model;

/* All zero but width, n_outputs, scale and link_scale (1), best_iteration (-1).
 */
void wl_tree_model_init(wl_tree_model *model);
void wl_tree_model_deinit(wl_tree_model *model);

static inline size_t wl_tree_model_n_leaves(const wl_tree_model *model) {
  return model->leaves.n / model->width;
}

/* Adds a split below which nothing is known yet. */
wl_status wl_tree_model_add_split(wl_tree_model *model, int64_t feature,
                                  double threshold, int64_t flags, int64_t left,
                                  int64_t right, wl_error *error);

/*
 * A set of categories, from words of 32 bits; set_starts begins with 0 and has
 * one more entry than there are sets.
 */
wl_status wl_tree_model_begin_sets(wl_tree_model *model, wl_error *error);
/* Ends the set of the words pushed to `sets` since the last; *number is its
 * number. */
wl_status wl_tree_model_end_set(wl_tree_model *model, int64_t *number,
                                wl_error *error);

/* Gives the leaves since the last linear one, up to the n_leaves first, no
 * terms and their values as constants. */
wl_status wl_tree_model_fill_linear(wl_tree_model *model, size_t n_leaves,
                                    wl_error *error);

/*
 * The largest double whose nearest float32 (ties to even) is below `threshold`:
 * for every double x, (float)x < threshold just when x <= the result. The
 * threshold is neither NaN nor -infinity, below which there is nothing.
 */
double wl_fold_float32(float threshold);

#endif
