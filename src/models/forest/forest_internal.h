/*
 * forest_internal.h: what the files of the forest share.
 *
 * Splits read *columns* of ranks, not features. A feature with numeric splits
 * has one list of cuts (its distinct thresholds, ascending; a value's rank is
 * the number of cuts below it) and a column for each way in which its splits
 * take missing values: rank 0 goes left everywhere, rank n_cuts right. A
 * category split's column is 0 for what goes left and 1 for the rest.
 *
 * Bytes are half the work of the select engine, and two of them half the memory
 * of four. Ranks that do not fit are cut into parts of 255 or 65,535, a column
 * each: a row's rank in a part is 0 below it and 255 or 65,535 above it, so a
 * split needs only the part that its threshold is in.
 *
 * A tree's nodes lie breadth first, but for the *twigs*, whose children are two
 * leaves, numbered one after the other: they come last. Nodes of trees with
 * more than 256 leaves lie depth first, the left before the right.
 *
 * A node is four unsigned fields of 1, 2 or 4 bytes: column, rank, left, right.
 * A row goes left where its rank in the column is <= the node's. A child is a
 * node of the same tree (always a later one), or has the bit `leaf_bit` set and
 * names a leaf of the tree below it.
 */
#ifndef WL_MODELS_FOREST_INTERNAL_H
#define WL_MODELS_FOREST_INTERNAL_H

#include "base/cpu.h"
#include "models/forest/forest.h"

enum {
  WL_FOREST_BLOCK = 64,          /* rows of a block */
  WL_FOREST_LINE = 64,           /* bytes of a cache's line */
  WL_FOREST_PART = 255,          /* cuts of a part, in bytes */
  WL_FOREST_WIDE_PART = 65535,   /* ... and in more */
  WL_FOREST_BYTE_COLUMNS = 256,  /* most columns, where ranks are in parts */
  WL_FOREST_SELECT_LEAVES = 256, /* a tree's most, for the select engine */
  WL_FOREST_MAX_LEVELS = 8,      /* 16^8 = 2^32 cuts */
  WL_FOREST_TOP_LEVELS = 6,      /* of a balanced tree of cuts: 63 */
  WL_FOREST_SUM_OUTPUTS = 16,    /* most outputs that are summed in columns */
  WL_FOREST_LEAST_CROWD = 8,     /* rows at a node that are parted together */
  WL_FOREST_SLACK = 128          /* places that loops may read past an array */
};

/* The ways in which numeric splits take missing values. */
typedef enum wl_forest_missing {
  WL_MISSING_IS_ZERO = 0, /* NaN is read as 0 */
  WL_MISSING_ZERO_LEFT,   /* NaN and zeros go left */
  WL_MISSING_ZERO_RIGHT,
  WL_MISSING_NAN_LEFT,
  WL_MISSING_NAN_RIGHT,
  WL_MISSING_COUNT
} wl_forest_missing;

/*
 * A feature with numeric splits. Level 0 of `level` is the cuts, padded with
 * infinity to full 16s (8 when there are fewer); each level above holds the
 * last cut of every 16 of the level below. `top` is the upper levels of a
 * balanced tree over the cuts, breadth first from 1 on. Each instruction set
 * has the tables that it reads: all have level 0, AVX2 the levels above,
 * AVX-512 the top. Offsets into wl_forest.cuts.
 */
typedef struct wl_forest_feature {
  uint32_t x_column;
  uint32_t n_cuts;
  uint32_t first_column; /* the columns follow each other, by `missing` */
  uint32_t n_parts;      /* columns of each */
  uint32_t missing;      /* a bit for each wl_forest_missing */
  uint32_t rank_of_zero;
  uint32_t n_levels;
  uint32_t n_highest; /* cuts of the highest level, without the padding */
  uint32_t n_top_levels;
  size_t top;
  size_t level[WL_FOREST_MAX_LEVELS];
} wl_forest_feature;

/* A set of categories: words of 32 bits and one more that is 0, in
 * wl_forest.set_words. */
typedef struct wl_forest_set {
  size_t first;
  size_t n_words;
} wl_forest_set;

/* A feature with category splits of one kind; its columns follow each other. */
typedef struct wl_forest_category {
  uint32_t x_column;
  bool is_nan_missing;
  double above; /* values up to here are no category: -1, or next to 0 */
  bool has_known;
  wl_forest_set known;
  uint32_t first_column; /* of ranks */
  uint32_t n_columns;
  size_t first_set; /* of the columns, in wl_forest.category_columns */
} wl_forest_category;

typedef struct wl_forest_category_column {
  wl_forest_set set;
  bool missing_left;
} wl_forest_category_column;

/* What reads a column of x: a feature or a category, with the columns of ranks
 * that its value decides. */
typedef struct wl_forest_target {
  uint32_t x_column;
  uint32_t number; /* of the feature or category */
  uint32_t first_column, n_columns;
  bool is_category;
} wl_forest_target;

typedef struct wl_forest_place {
  uint32_t column; /* of x */
  int32_t target;  /* the first that reads it; -1: the place is empty */
} wl_forest_place;

/* For sparse rows: from columns of x to those of ranks, by a hash table, and
 * the ranks of a row that stores nothing; see forest_sparse.c. */
typedef struct wl_forest_sparse {
  wl_forest_target *targets; /* by x_column */
  size_t n_targets;
  wl_forest_place *places;
  size_t n_places; /* a power of two */
  unsigned places_shift;
  void *absent; /* n_columns ranks */
} wl_forest_sparse;

typedef struct wl_forest_kernels wl_forest_kernels;

struct wl_forest {
  const wl_forest_kernels *kernels;
  bool is_f32;
  double divide;
  size_t n_outputs;
  size_t width; /* numbers a leaf: 1, or n_outputs */
  double *start;

  /* columns of ranks */
  size_t n_columns;
  size_t rank_size; /* bytes: 1, 2 or 4 */
  wl_forest_feature *features;
  size_t n_features;
  double *cuts; /* aligned to 64 bytes */
  size_t n_cuts;
  wl_forest_category *categories;
  size_t n_categories;
  wl_forest_category_column *category_columns;
  size_t n_category_columns;
  uint32_t *set_words;
  size_t n_set_words;
  wl_forest_sparse sparse;

  /* trees */
  size_t n_trees, n_nodes, n_leaves;
  uint32_t *first_node; /* n_trees + 1 */
  uint32_t *first_twig; /* n_trees: from it on, both children are leaves */
  uint32_t *first_leaf; /* n_trees + 1 */
  uint32_t *output;     /* n_trees; width 1 only */
  size_t node_size;     /* bytes: 4, 8 or 16 */
  uint32_t leaf_bit;
  size_t max_leaves;    /* of a tree */
  uint32_t few_rows;    /* fewer are taken one by one */
  void *nodes;          /* aligned to 64 bytes; tree by tree */
  const double *values; /* n_leaves x width */
  double *own_values;   /* the same; NULL where they are the spec's */
};

/* ---- columns ------------------------------------------------------------- */

/* What forest_columns.c makes of each test; scratch of wl_forest_create. */
typedef struct wl_forest_rank {
  uint32_t column, rank;
} wl_forest_rank;

/* Fills the forest's columns of ranks, and a test's part in them. */
wl_status wl_forest_make_columns(wl_forest *forest, const wl_forest_spec *spec,
                                 wl_forest_rank *ranks, wl_error *error);

/* The largest of the features' n_cuts; 1 with category columns. */
size_t wl_forest_max_rank(const wl_forest *forest);

/* ---- running ------------------------------------------------------------- */

/* Rows of a tile that are at a node; [begin, end) of a route's. */
typedef struct wl_forest_crowd {
  uint32_t at, begin, end;
} wl_forest_crowd;

/* Descend: a tile's rows on their way down a tree; see forest_route.h. */
typedef struct wl_forest_route {
  uint32_t *rows; /* those at a node side by side */
  uint32_t *spare;
  wl_forest_crowd *crowds; /* to be parted, the last first */
  size_t n_crowds;
  uint32_t *walk_rows, *walk_from; /* that walk, and their first node */
  size_t n_walks;
  size_t n_arrived; /* in the tile's `rows` and `ids` */
} wl_forest_route;

/* Ranks of some rows, column by column, and where their results go. */
typedef struct wl_forest_tile {
  const wl_forest *forest;
  size_t n_rows;
  /* Rank of row r in column c: element c << shift | r. */
  void *ranks;
  unsigned shift;
  int32_t *codes; /* a row's category: scratch of the ranks' kernel */
  /* Sums by output: sums[k << shift | r]; NULL: added to `out` directly. */
  double *sums;
  double *out;
  size_t out_ld;
  uint8_t *slots; /* select: the leaves reached below a node */
  /* Select: the rows of the next tile, and a column for each line of a row
   * that has values of the forest's. */
  wl_strided next;
  size_t n_next;
  uint32_t *lines;
  size_t n_lines;
  wl_forest_route *route;
  uint32_t *ids;  /* descend: the leaf reached */
  uint32_t *rows; /* ... and by which row */
} wl_forest_tile;

typedef struct wl_forest_choice {
  wl_forest_engine engine;
  unsigned shift; /* rows of a tile: 1 << shift */
} wl_forest_choice;

/* A tile for that choice, of the arena's memory; rows and results are not yet
 * set. */
wl_status wl_forest_make_tile(const wl_forest *forest, wl_forest_choice choice,
                              wl_arena *arena, wl_forest_tile *tile,
                              wl_error *error);

/* One implementation of the loops for each instruction set. */
struct wl_forest_kernels {
  wl_cpu_level level;
  /* The ranks of n rows (at most 1 << shift). */
  void (*rank)(const wl_forest_tile *tile, const wl_strided *x, size_t n_rows);
  /* Adds all trees to a tile of (1 << shift) rows. */
  void (*select)(const wl_forest_tile *tile);
  void (*descend)(const wl_forest_tile *tile);
  /* Adds all trees to the one row of a tile of shift 0, to `out`. */
  void (*lockstep)(const wl_forest_tile *tile);
};

extern const wl_forest_kernels wl_forest_portable;
#if defined(__x86_64__)
extern const wl_forest_kernels wl_forest_avx2;
extern const wl_forest_kernels wl_forest_avx512;
void wl_forest_rank_avx2(const wl_forest_tile *tile, const wl_strided *x,
                         size_t n_rows);
void wl_forest_descend_avx512(const wl_forest_tile *tile);
void wl_forest_lockstep_avx512(const wl_forest_tile *tile);
void wl_forest_rank_avx512(const wl_forest_tile *tile, const wl_strided *x,
                           size_t n_rows);
#endif

/* ---- sparse rows (forest_sparse.c) ----------------------------------------
 */

wl_status wl_forest_make_sparse(wl_forest *forest, bool is_absent_nan,
                                wl_error *error);
void wl_forest_free_sparse(wl_forest *forest);
size_t wl_forest_sparse_size(const wl_forest *forest);

/* A column of a tile's row that is not as in `absent`. */
typedef struct wl_forest_entry {
  uint32_t target, row;
} wl_forest_entry;

/* CSR rows on their way into tiles; scratch of the arena's but for x. */
typedef struct wl_forest_csr {
  const wl_value *x;
  wl_forest_entry *entries; /* of the tile */
  size_t n_entries;
  double *sums; /* by target: all 0 between rows */
} wl_forest_csr;

/* Readies the rest of `csr` and the tile for n_rows rows of x. */
wl_status wl_forest_begin_sparse(wl_forest_csr *csr, const wl_forest_tile *tile,
                                 size_t n_rows, wl_arena *arena,
                                 wl_error *error);
/* The ranks of the tile's rows, the rows of x from `from` on. */
void wl_forest_rank_sparse(wl_forest_csr *csr, const wl_forest_tile *tile,
                           size_t from);

/* ---- choices (forest_choose.c) ------------------------------------------- */

bool wl_forest_can_select(const wl_forest *forest);
/* Sets few_rows: by the rule, and by a measurement where that pays
 * (forest_measure.c; without the memory for it the rule stays). */
void wl_forest_set_few_rows(wl_forest *forest);
void wl_forest_measure(wl_forest *forest);
wl_forest_choice wl_forest_choose(const wl_forest *forest, size_t n_rows);

#endif
