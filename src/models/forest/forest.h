/*
 * forest.h: an ensemble of decision trees, made once from flat arrays and then
 * immutable. Whatever engine and instruction set runs it, a row's result has
 * the same bits: leaf values are added in the order of the trees.
 *
 * A value is compared through its rank among the model's own thresholds for
 * its feature: rank(v) <= rank(t) exactly when v <= t.
 */
#ifndef WL_MODELS_FOREST_FOREST_H
#define WL_MODELS_FOREST_FOREST_H

#include "data/value.h"

/* Bits of a split's flags. */
enum {
  WL_SPLIT_MISSING_LEFT = 1, /* where missing values go */
  WL_SPLIT_KIND_SHIFT = 1,   /* two bits: what is missing */
  WL_SPLIT_KIND_NONE = 0,    /* nothing: NaN is read as 0 */
  WL_SPLIT_KIND_ZERO = 1,    /* NaN and |x| <= 1e-35f */
  WL_SPLIT_KIND_NAN = 2,
  WL_SPLIT_IS_CATEGORY = 8, /* left where x is in set number `threshold` */
  WL_SPLIT_TRUNCATES = 16   /* values in (-1, 0) are category 0 */
};

/*
 * The attributes of docs/graph.md's `trees`. All memory is borrowed, by the
 * call that gets it only.
 */
typedef struct wl_forest_spec {
  const char *op;   /* the operator's name, for messages */
  size_t n_columns; /* of x */
  size_t n_splits, n_leaves, n_trees;
  const int64_t *feature, *left, *right, *flags; /* n_splits */
  const double *threshold;                       /* n_splits */
  const int64_t *roots;                          /* n_trees */
  size_t width;         /* numbers a leaf: 1, or n_outputs */
  const double *leaves; /* n_leaves x width */
  size_t n_outputs;
  const int64_t *output; /* n_trees, or NULL: tree i's is i % n_outputs */
  const double *start;   /* n_outputs, or NULL: 0 */
  double divide;
  bool is_f32;          /* every sum is rounded to float32 */
  bool is_leaf_numbers; /* the result is a leaf's number for each tree */
  const int64_t *ids;   /* n_leaves: answered in place of the number; or NULL */
  const int64_t *sets;  /* words of 32 bits */
  size_t n_set_words;
  const int64_t *set_starts; /* n_sets + 1 */
  size_t n_sets;
  const int64_t *known; /* n_columns, or NULL: -1 */
  bool is_absent_nan;   /* what CSR rows do not store is NaN, not 0 */
} wl_forest_spec;

typedef struct wl_forest wl_forest;

/* Refuses with WL_ERROR_VALUE whatever is not a forest, naming the attribute,
 * the index and the value. */
wl_status wl_forest_check(const wl_forest_spec *spec, wl_error *error);
/* Checks, and makes. *out is owned: wl_forest_free. */
wl_status wl_forest_create(const wl_forest_spec *spec, wl_forest **out,
                           wl_error *error);
void wl_forest_free(wl_forest *forest);
/* Bytes of heap memory that the forest holds. */
size_t wl_forest_size(const wl_forest *forest);
/* Columns of a result: n_outputs, or n_trees where leaves' numbers are asked.
 */
size_t wl_forest_n_outputs(const wl_forest *forest);

/* The rows of a tile, when there are enough: a call should have a multiple of
 * them. 0: any number serves. */
size_t wl_forest_tile_rows(const wl_forest *forest);

/*
 * Scores n_rows rows of x into rows of `out`, `out_ld` doubles apart. Sums
 * begin with the rows of `from`, of n_outputs numbers each, or with the
 * forest's own start where it is NULL. Scratch memory is the arena's.
 */
wl_status wl_forest_score(const wl_forest *forest, const wl_strided *x,
                          const double *from, size_t from_ld, size_t n_rows,
                          wl_arena *arena, double *out, size_t out_ld,
                          wl_error *error);

/* The same for n_rows CSR rows of x. */
wl_status wl_forest_score_sparse(const wl_forest *forest, const wl_value *x,
                                 const double *from, size_t from_ld,
                                 size_t n_rows, wl_arena *arena, double *out,
                                 size_t out_ld, wl_error *error);

/* How rows meet trees; see forest_choose.c. */
typedef enum wl_forest_engine {
  WL_FOREST_SELECT = 0, /* all splits of a tree, for blocks of 64 rows */
  WL_FOREST_DESCEND,    /* some rows at once down one tree */
  WL_FOREST_LOCKSTEP,   /* one row down some trees at once */
  WL_FOREST_ENGINE_COUNT
} wl_forest_engine;

/* Tests only: the engine to take where it can run the forest;
 * WL_FOREST_ENGINE_COUNT: let the forest choose. */
void wl_forest_force(wl_forest_engine engine);

#endif
