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

#include "data/ints.h"
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
 * call that gets it only, but for leaves that are lasting.
 */
typedef struct wl_forest_spec {
  const char *op;   /* the operator's name, for messages */
  size_t n_columns; /* of x */
  size_t n_tests, n_splits, n_leaves, n_trees;
  wl_ints feature, flags;  /* n_tests */
  const double *threshold; /* n_tests */
  wl_ints test;            /* n_splits, or none: split i makes test i */
  wl_ints left, right;     /* n_splits */
  /* n_trees; one of both. With sizes, splits and leaves lie tree by tree, and
   * children are numbered within their tree. */
  wl_ints roots, sizes;
  size_t width;            /* numbers a leaf: 1, or n_outputs */
  const double *leaves;    /* n_leaves x width */
  bool are_leaves_lasting; /* they outlive the forest */
  size_t n_outputs;
  wl_ints output;      /* n_trees, or none: tree i's is i % n_outputs */
  const double *start; /* n_outputs, or NULL: 0 */
  double divide;
  bool is_f32;          /* every sum is rounded to float32 */
  bool is_leaf_numbers; /* the result is a leaf's number for each tree */
  wl_ints ids;          /* n_leaves, or none: answered in place of the number */
  wl_ints sets;         /* words of 32 bits */
  size_t n_set_words;
  wl_ints set_starts; /* n_sets + 1 */
  size_t n_sets;
  wl_ints known;      /* n_columns, or none: -1 */
  bool is_absent_nan; /* what CSR rows do not store is NaN, not 0 */
} wl_forest_spec;

/* The splits and leaves among which children are numbered. */
typedef struct wl_forest_part {
  size_t first_split, n_splits, first_leaf, n_leaves;
} wl_forest_part;

/* Those of a tree, the next after `last`'s ({0} for the first): its own, or,
 * with roots, all. Sizes have been checked. */
static inline wl_forest_part wl_forest_next_part(const wl_forest_spec *spec,
                                                 const wl_forest_part *last,
                                                 size_t tree) {
  if (spec->sizes.data == NULL)
    return (wl_forest_part){0, spec->n_splits, 0, spec->n_leaves};
  size_t n = (size_t)wl_ints_at(&spec->sizes, tree);
  return (wl_forest_part){last->first_split + last->n_splits, n,
                          last->first_leaf + last->n_leaves, n + 1};
}
/* A tree's root within its part. */
static inline int64_t wl_forest_root(const wl_forest_spec *spec,
                                     const wl_forest_part *part, size_t tree) {
  if (spec->sizes.data == NULL)
    return wl_ints_at(&spec->roots, tree);
  return part->n_splits > 0 ? 0 : ~INT64_C(0);
}

/* A tree's splits and leaves in the order of the forest's tables, by which they
 * are best numbered: leaves are then not copied. */
typedef struct wl_forest_order {
  wl_forest_part part;
  size_t n_splits; /* of the tree, which has one leaf more */
  size_t n_others; /* splits but for twigs, whose children are two leaves */
  uint32_t *split; /* the spec's number of each split */
  int32_t *left, *right;   /* its children, numbered in this order */
  uint32_t *leaf;          /* the spec's number of each leaf */
  uint32_t *place, *twigs; /* scratch */
} wl_forest_order;

wl_status wl_forest_order_init(wl_forest_order *order,
                               const wl_forest_spec *spec, wl_error *error);
void wl_forest_order_deinit(wl_forest_order *order);
/* Lists a tree of a forest that has been checked; from the first one on, each
 * after that before it. */
void wl_forest_list_tree(wl_forest_order *order, const wl_forest_spec *spec,
                         size_t tree);

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
