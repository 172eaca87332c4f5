/*
 * forest_loops.h: the loops in plain C, inlined into each instruction set's
 * file, which replaces those that it has something better for. Sizes (of a
 * rank, a node, a leaf's number) are arguments that are constant where the
 * functions are used.
 */
#ifndef WL_MODELS_FOREST_LOOPS_H
#define WL_MODELS_FOREST_LOOPS_H

#include "models/forest/forest_internal.h"

#define WL_INLINE static inline __attribute__((always_inline))

enum {
  WL_FOREST_LANES = 8 /* rows or trees that go down together */
};

/* The float32 constant below which LightGBM takes a number for zero. */
static const double wl_forest_zero = (double)1e-35f;

WL_INLINE double wl_forest_round(bool is_f32, double sum) {
  return is_f32 ? (double)(float)sum : sum;
}

/* ---- ranks --------------------------------------------------------------- */

WL_INLINE void wl_put_rank(void *ranks, size_t size, size_t at, uint32_t rank) {
  if (size == 1)
    ((uint8_t *)ranks)[at] = (uint8_t)rank;
  else if (size == 2)
    ((uint16_t *)ranks)[at] = (uint16_t)rank;
  else
    ((uint32_t *)ranks)[at] = rank;
}

WL_INLINE uint32_t wl_get_rank(const void *ranks, size_t size, size_t at) {
  if (size == 1)
    return ((const uint8_t *)ranks)[at];
  if (size == 2)
    return ((const uint16_t *)ranks)[at];
  return ((const uint32_t *)ranks)[at];
}

/* A feature's values of some rows, padded with zeros to full lanes, and their
 * ranks. */
typedef struct wl_forest_values {
  double v[WL_FOREST_BLOCK];
  uint32_t rank[WL_FOREST_BLOCK];
} wl_forest_values;

WL_INLINE const void *wl_forest_at(const wl_strided *x, size_t row,
                                   size_t column) {
  return (const char *)x->values + (int64_t)row * x->row_stride +
         (int64_t)column * x->column_stride;
}

/* From row `first` on. */
WL_INLINE void wl_load_values(wl_forest_values *values, const wl_strided *x,
                              size_t column, size_t first, size_t n_rows) {
  size_t n = (n_rows + WL_FOREST_LANES - 1) / WL_FOREST_LANES * WL_FOREST_LANES;
  if (x->is_f32)
    for (size_t r = 0; r < n_rows; r++)
      values->v[r] = *(const float *)wl_forest_at(x, first + r, column);
  else
    for (size_t r = 0; r < n_rows; r++)
      values->v[r] = *(const double *)wl_forest_at(x, first + r, column);
  for (size_t r = n_rows; r < n; r++)
    values->v[r] = 0.0;
}

/*
 * While tree t runs, asks for its share of the next tile's values: the machine
 * foresees a column's next row in a neighbouring line, not one far away, and
 * trees leave the memory idle.
 */
WL_INLINE void wl_prefetch_next(const wl_forest_tile *tile, size_t t) {
  size_t n_trees = tile->forest->n_trees;
  size_t end = tile->n_next * (t + 1) / n_trees;
  for (size_t r = tile->n_next * t / n_trees; r < end; r++)
    for (size_t i = 0; i < tile->n_lines; i++)
      __builtin_prefetch(wl_forest_at(&tile->next, r, tile->lines[i]), 0, 2);
}

/* The rank of what is missing. */
WL_INLINE uint32_t wl_missing_code(const wl_forest_feature *feature,
                                   wl_forest_missing missing) {
  if (missing == WL_MISSING_IS_ZERO)
    return feature->rank_of_zero;
  if (missing == WL_MISSING_ZERO_RIGHT || missing == WL_MISSING_NAN_RIGHT)
    return feature->n_cuts;
  return 0;
}

/* Values within this of 0 are missing, as NaN is. */
WL_INLINE double wl_missing_most(wl_forest_missing missing) {
  bool zeros_too =
      missing == WL_MISSING_ZERO_LEFT || missing == WL_MISSING_ZERO_RIGHT;
  return zeros_too ? wl_forest_zero : -1.0;
}

/* The cuts of a part, by the bytes of a rank. */
WL_INLINE uint32_t wl_part_cuts(size_t size) {
  return size == 1 ? WL_FOREST_PART : WL_FOREST_WIDE_PART;
}

/* A rank in a part of its feature's columns. */
WL_INLINE uint32_t wl_rank_in_part(uint32_t rank, uint32_t part, size_t size) {
  const uint32_t n_cuts = wl_part_cuts(size), first = part * n_cuts;
  uint32_t above = rank > first ? rank - first : 0;
  return above < n_cuts ? above : n_cuts;
}

/* One of a feature's columns: ranks, but for what is missing. */
WL_INLINE void wl_write_column(const wl_forest_feature *feature,
                               wl_forest_missing missing, uint32_t part,
                               const wl_forest_values *values, size_t n_rows,
                               void *ranks, size_t size) {
  double most = wl_missing_most(missing);
  uint32_t code = wl_missing_code(feature, missing);
  bool is_part = feature->n_parts > 1;
  for (size_t r = 0; r < n_rows; r++) {
    double v = values->v[r];
    bool is_missing = !(__builtin_fabs(v) > most);
    uint32_t rank = is_missing ? code : values->rank[r];
    wl_put_rank(ranks, size, r,
                is_part ? wl_rank_in_part(rank, part, size) : rank);
  }
}

WL_INLINE void wl_write_columns(const wl_forest_tile *tile,
                                const wl_forest_feature *feature, size_t first,
                                const wl_forest_values *values, size_t n_rows,
                                size_t size) {
  size_t column = feature->first_column;
  for (unsigned set = feature->missing; set != 0; set &= set - 1)
    for (uint32_t part = 0; part < feature->n_parts; part++)
      wl_write_column(
          feature, (wl_forest_missing)__builtin_ctz(set), part, values, n_rows,
          (char *)tile->ranks + ((column++ << tile->shift) + first) * size,
          size);
}

/* A word of a set that may end before it. */
WL_INLINE bool wl_in_set(const uint32_t *words, wl_forest_set set, int32_t c) {
  uint32_t u = (uint32_t)c;
  size_t at = u >> 5 < set.n_words ? u >> 5 : set.n_words;
  return words[set.first + at] >> (u & 31) & 1;
}

enum { WL_CODE_NONE = -1, WL_CODE_MISSING = -2 }; /* no category */

/* A row's category, for all columns of one source. Both codes above are beyond
 * any set, as sets have less than 2^26 words. */
WL_INLINE int32_t wl_category_code(const wl_forest *forest,
                                   const wl_forest_category *category,
                                   double v) {
  if (v != v) {
    if (category->is_nan_missing)
      return WL_CODE_MISSING;
    v = 0.0;
  }
  int32_t code = v > category->above && v < 0x1p31 ? (int32_t)v : WL_CODE_NONE;
  if (category->has_known &&
      !wl_in_set(forest->set_words, category->known, code))
    return WL_CODE_MISSING;
  return code;
}

WL_INLINE void wl_rank_category(const wl_forest_tile *tile,
                                const wl_forest_category *category,
                                const wl_strided *x, size_t n_rows,
                                size_t size) {
  const wl_forest *forest = tile->forest;
  int32_t *codes = tile->codes;
  for (size_t r = 0; r < n_rows; r++)
    codes[r] = wl_category_code(forest, category,
                                wl_strided_at(x, r, category->x_column));
  for (size_t c = 0; c < category->n_columns; c++) {
    const wl_forest_category_column *column =
        &forest->category_columns[category->first_set + c];
    size_t at = (size_t)(category->first_column + c) << tile->shift;
    char *ranks = (char *)tile->ranks + at * size;
    for (size_t r = 0; r < n_rows; r++) {
      bool left = codes[r] == WL_CODE_MISSING
                      ? column->missing_left
                      : wl_in_set(forest->set_words, column->set, codes[r]);
      wl_put_rank(ranks, size, r, !left);
    }
  }
}

/* ---- leaves -------------------------------------------------------------- */

WL_INLINE uint32_t wl_get_id(const void *ids, size_t size, size_t r) {
  return size == 1 ? ((const uint8_t *)ids)[r] : ((const uint32_t *)ids)[r];
}

/* Loads before stores, for one instruction each. */
WL_INLINE void wl_add_pair(double *sum, const double *leaf) {
  double a = sum[0] + leaf[0], b = sum[1] + leaf[1];
  sum[0] = a;
  sum[1] = b;
}

/* Adds the leaves that rows reached in tree t straight to the result. */
WL_INLINE void wl_add_to_rows(const wl_forest_tile *tile, size_t t,
                              const double *values, const void *ids,
                              size_t id_size) {
  const wl_forest *forest = tile->forest;
  size_t width = forest->width;
  bool is_f32 = forest->is_f32;
  if (width == 2 && !is_f32) { /* two classes: the most frequent forest */
    for (size_t r = 0; r < tile->n_rows; r++)
      wl_add_pair(tile->out + r * tile->out_ld,
                  values + 2 * (size_t)wl_get_id(ids, id_size, r));
    return;
  }
  for (size_t r = 0; r < tile->n_rows; r++) {
    double *out = tile->out + r * tile->out_ld;
    const double *leaf = values + wl_get_id(ids, id_size, r) * width;
    if (width == 1) {
      out += forest->output[t];
      *out = wl_forest_round(is_f32, *out + *leaf);
    } else {
      for (size_t k = 0; k < width; k++)
        out[k] = wl_forest_round(is_f32, out[k] + leaf[k]);
    }
  }
}

/* ... or to the sums of its output, for `n` rows. */
WL_INLINE void wl_add_to_sums(const wl_forest_tile *tile, size_t t,
                              const double *values, const void *ids,
                              size_t id_size, size_t n) {
  const wl_forest *forest = tile->forest;
  double *sums = tile->sums + ((size_t)forest->output[t] << tile->shift);
  if (forest->is_f32)
    for (size_t r = 0; r < n; r++)
      sums[r] = (double)(float)(sums[r] + values[wl_get_id(ids, id_size, r)]);
  else
    for (size_t r = 0; r < n; r++)
      sums[r] += values[wl_get_id(ids, id_size, r)];
}

/* Adds where a tile's rows have arrived in tree t, in any order of rows. */
WL_INLINE void wl_add_arrived(const wl_forest_tile *tile, size_t t) {
  const wl_forest *forest = tile->forest;
  const uint32_t *rows = tile->rows, *ids = tile->ids;
  const double *values = forest->values + forest->first_leaf[t] * forest->width;
  size_t width = forest->width, ld = tile->out_ld;
  bool is_f32 = forest->is_f32;
  double *to = tile->out + (width == 1 ? forest->output[t] : 0);
  if (tile->sums != NULL) {
    to = tile->sums + ((size_t)forest->output[t] << tile->shift);
    ld = 1;
  }
  if (width == 2 && !is_f32)
    for (size_t i = 0; i < tile->n_rows; i++)
      wl_add_pair(to + rows[i] * ld, values + 2 * (size_t)ids[i]);
  else
    for (size_t i = 0; i < tile->n_rows; i++)
      for (size_t k = 0; k < width; k++) {
        double *sum = to + rows[i] * ld + k;
        *sum = wl_forest_round(is_f32, *sum + values[ids[i] * width + k]);
      }
}

/* ---- walking ------------------------------------------------------------- */

/* Node i's column, rank, left and right in the four quarters of a word. */
WL_INLINE uint32_t wl_node_next(const void *nodes, size_t node_size, size_t i,
                                const void *ranks, size_t rank_size,
                                unsigned shift, size_t row) {
  if (node_size == 4) {
    uint32_t node = ((const uint32_t *)nodes)[i];
    size_t at = (size_t)(node & 255) << shift | row;
    bool right = wl_get_rank(ranks, rank_size, at) > (node >> 8 & 255);
    return node >> (16 + 8 * (unsigned)right) & 255;
  }
  if (node_size == 8) {
    uint64_t node = ((const uint64_t *)nodes)[i];
    size_t at = (size_t)(node & 65535) << shift | row;
    bool right = wl_get_rank(ranks, rank_size, at) > (node >> 16 & 65535);
    return (uint32_t)(node >> (32 + 16 * (unsigned)right) & 65535);
  }
  const uint32_t *node = (const uint32_t *)nodes + 4 * i;
  size_t at = (size_t)node[0] << shift | row;
  return node[2 + (wl_get_rank(ranks, rank_size, at) > node[1])];
}

/*
 * A step of a walk that stays where it is when it has reached a leaf, without a
 * branch: which of eight walks ends first cannot be foretold.
 */
WL_INLINE uint32_t wl_walk_step(const void *nodes, size_t node_size,
                                size_t first, uint32_t leaf_bit, uint32_t at,
                                const void *ranks, size_t rank_size,
                                unsigned shift, size_t row) {
  uint32_t is_leaf = at & leaf_bit ? UINT32_MAX : 0;
  uint32_t next = wl_node_next(nodes, node_size, first + (at & ~is_leaf), ranks,
                               rank_size, shift, row);
  return (at & is_leaf) | (next & ~is_leaf);
}

/* Adds leaf `id` of tree t to the one row of a tile. */
WL_INLINE void wl_add_leaf(const wl_forest_tile *tile, size_t t, size_t id) {
  const wl_forest *forest = tile->forest;
  size_t width = forest->width;
  const double *leaf = forest->values + (forest->first_leaf[t] + id) * width;
  double *out = tile->out + (width == 1 ? forest->output[t] : 0);
  for (size_t k = 0; k < width; k++)
    out[k] = wl_forest_round(forest->is_f32, out[k] + leaf[k]);
}

/* One row, eight trees at once. */
WL_INLINE void wl_lockstep_all(const wl_forest_tile *tile, size_t t,
                               size_t node_size, size_t rank_size) {
  const wl_forest *forest = tile->forest;
  const uint32_t leaf_bit = forest->leaf_bit;
  const uint32_t *first = forest->first_node;
  while (t < forest->n_trees) {
    uint32_t at[WL_FOREST_LANES], from[WL_FOREST_LANES], all;
    size_t n = forest->n_trees - t;
    n = n < WL_FOREST_LANES ? n : WL_FOREST_LANES;
    for (size_t u = 0; u < WL_FOREST_LANES; u++) {
      /* Lanes without a tree are at a leaf; their node is never used. */
      bool is_leaf = u >= n || first[t + u] == first[t + u + 1];
      at[u] = is_leaf ? leaf_bit : 0;
      from[u] = is_leaf ? 0 : first[t + u];
    }
    do {
      all = leaf_bit;
#pragma GCC unroll 8
      for (size_t u = 0; u < WL_FOREST_LANES; u++) {
        at[u] = wl_walk_step(forest->nodes, node_size, from[u], leaf_bit, at[u],
                             tile->ranks, rank_size, 0, 0);
        all &= at[u];
      }
    } while (!(all & leaf_bit));
    for (size_t u = 0; u < n; u++)
      wl_add_leaf(tile, t + u, at[u] & ~leaf_bit);
    t += n;
  }
}

/* ---- dispatch on the forest's widths ------------------------------------- */

#define WL_FOREST_BY_WIDTH(forest, function, ...)                              \
  do {                                                                         \
    if ((forest)->node_size == 4)                                              \
      function(__VA_ARGS__, 4, 1);                                             \
    else if ((forest)->node_size == 8 && (forest)->rank_size == 1)             \
      function(__VA_ARGS__, 8, 1);                                             \
    else if ((forest)->node_size == 8)                                         \
      function(__VA_ARGS__, 8, 2);                                             \
    else                                                                       \
      function(__VA_ARGS__, 16, 4);                                            \
  } while (0)

/* The select engine takes nodes of 4 and 8 bytes, and tiles of 64, 128 or 256
 * rows: function(tile, n_blocks, node_size, rank_size). */
#define WL_FOREST_BY_BLOCKS(tile, function, ...)                               \
  do {                                                                         \
    if ((tile)->shift == 8)                                                    \
      function(tile, 4, __VA_ARGS__);                                          \
    else if ((tile)->shift == 7)                                               \
      function(tile, 2, __VA_ARGS__);                                          \
    else                                                                       \
      function(tile, 1, __VA_ARGS__);                                          \
  } while (0)

#define WL_FOREST_SELECT(tile, function)                                       \
  do {                                                                         \
    if ((tile)->forest->node_size == 4)                                        \
      WL_FOREST_BY_BLOCKS(tile, function, 4, 1);                               \
    else if ((tile)->forest->rank_size == 1)                                   \
      WL_FOREST_BY_BLOCKS(tile, function, 8, 1);                               \
    else                                                                       \
      WL_FOREST_BY_BLOCKS(tile, function, 8, 2);                               \
  } while (0)

/* function(..., rank_size) */
#define WL_FOREST_BY_RANK(forest, function, ...)                               \
  do {                                                                         \
    if ((forest)->rank_size == 1)                                              \
      function(__VA_ARGS__, 1);                                                \
    else if ((forest)->rank_size == 2)                                         \
      function(__VA_ARGS__, 2);                                                \
    else                                                                       \
      function(__VA_ARGS__, 4);                                                \
  } while (0)

#endif
