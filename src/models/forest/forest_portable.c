/*
 * forest_portable.c: the loops for any machine; what the other variants do is
 * what these do.
 */
#include "models/forest/forest_route.h"

/* Ranks by binary search without branches, for some rows at once. */
WL_INLINE void search(const double *cuts, uint32_t n_cuts,
                      wl_forest_values *values, size_t n_rows) {
  for (size_t r0 = 0; r0 < n_rows; r0 += WL_FOREST_LANES) {
    uint32_t rank[WL_FOREST_LANES] = {0}, n = n_cuts;
    const double *v = values->v + r0;
    while (n > 1) {
      uint32_t half = n / 2;
      for (size_t u = 0; u < WL_FOREST_LANES; u++)
        rank[u] += half * (uint32_t)(cuts[rank[u] + half - 1] < v[u]);
      n -= half;
    }
    for (size_t u = 0; u < WL_FOREST_LANES; u++)
      values->rank[r0 + u] = rank[u] + (uint32_t)(cuts[rank[u]] < v[u]);
  }
}

WL_INLINE void rank_all(const wl_forest_tile *tile, const wl_strided *x,
                        size_t n_rows, size_t size) {
  const wl_forest *forest = tile->forest;
  wl_forest_values values;
  for (size_t r = 0; r < n_rows; r += WL_FOREST_BLOCK) {
    size_t n = n_rows - r < WL_FOREST_BLOCK ? n_rows - r : WL_FOREST_BLOCK;
    for (size_t f = 0; f < forest->n_features; f++) {
      const wl_forest_feature *feature = &forest->features[f];
      wl_load_values(&values, x, feature->x_column, r, n);
      search(forest->cuts + feature->level[0], feature->n_cuts, &values, n);
      wl_write_columns(tile, feature, r, &values, n, size);
    }
  }
  for (size_t c = 0; c < forest->n_categories; c++)
    wl_rank_category(tile, &forest->categories[c], x, n_rows, size);
}

static void rank(const wl_forest_tile *tile, const wl_strided *x,
                 size_t n_rows) {
  WL_FOREST_BY_RANK(tile->forest, rank_all, tile, x, n_rows);
}

/* ---- select -------------------------------------------------------------- */

/* Vectors of 16 rows, for whatever instructions the machine has. */
typedef uint8_t bytes16 __attribute__((vector_size(16)));
typedef uint16_t words8 __attribute__((vector_size(16)));
typedef int16_t masks8 __attribute__((vector_size(16)));
typedef uint8_t bytes8 __attribute__((vector_size(8)));

WL_INLINE bytes16 load16(const uint8_t *from) {
  bytes16 v;
  memcpy(&v, from, sizeof v);
  return v;
}

/* 255 for each row that goes left. */
WL_INLINE bytes16 lefts(const uint8_t *ranks, size_t rank_size, uint32_t most) {
  if (rank_size == 1)
    return (bytes16)(load16(ranks) <= (uint8_t)most);
  bytes8 half[2];
  for (size_t h = 0; h < 2; h++) {
    words8 v = (words8)load16(ranks + 16 * h);
    half[h] = __builtin_convertvector((masks8)(v <= (uint16_t)most), bytes8);
  }
  bytes16 both;
  memcpy(&both, half, sizeof both);
  return both;
}

/* The leaves that rows find below a node, from those below its children, or
 * from the first of a twig's two leaves. */
WL_INLINE void select_node(const wl_forest_tile *tile, const uint32_t *field,
                           size_t i, size_t rank_size, bool is_twig) {
  unsigned shift = tile->shift;
  const uint8_t *ranks =
      (const uint8_t *)tile->ranks + ((size_t)field[0] << shift) * rank_size;
  const uint8_t *left = tile->slots + ((size_t)field[2] << shift);
  const uint8_t *right = tile->slots + ((size_t)field[3] << shift);
  uint8_t *slot = tile->slots + (i << shift);
  bytes16 leaf = load16(left) + 1;
  for (size_t r = 0; r < (size_t)1 << shift; r += sizeof(bytes16)) {
    bytes16 m = lefts(ranks + r * rank_size, rank_size, field[1]);
    bytes16 v =
        is_twig ? leaf + m : (load16(left + r) & m) | (load16(right + r) & ~m);
    memcpy(slot + r, &v, sizeof v);
  }
}

WL_INLINE void select_nodes(const wl_forest_tile *tile, const void *nodes,
                            size_t from, size_t to, size_t node_size,
                            size_t rank_size, bool is_twig) {
  for (size_t i = to; i-- > from;) {
    uint32_t field[4];
    for (size_t k = 0; k < 4; k++)
      field[k] = node_size == 4 ? ((const uint8_t *)nodes)[4 * i + k]
                                : ((const uint16_t *)nodes)[4 * i + k];
    select_node(tile, field, i, rank_size, is_twig);
  }
}

WL_INLINE void select_all(const wl_forest_tile *tile, size_t node_size,
                          size_t rank_size) {
  const wl_forest *forest = tile->forest;
  for (size_t t = 0; t < forest->n_trees; t++) {
    size_t first = forest->first_node[t];
    size_t n = forest->first_node[t + 1] - first;
    size_t n_others = forest->first_twig[t] - first;
    const char *nodes = (const char *)forest->nodes + first * node_size;
    const double *values =
        forest->values + forest->first_leaf[t] * forest->width;
    wl_prefetch_next(tile, t);
    select_nodes(tile, nodes, n_others, n, node_size, rank_size, true);
    select_nodes(tile, nodes, 0, n_others, node_size, rank_size, false);
    const uint8_t *ids =
        tile->slots + (n == 0 ? (size_t)forest->leaf_bit << tile->shift : 0);
    if (tile->sums != NULL)
      wl_add_to_sums(tile, t, values, ids, 1, (size_t)1 << tile->shift);
    else
      wl_add_to_rows(tile, t, values, ids, 1);
  }
}

static void select_leaves(const wl_forest_tile *tile) {
  if (tile->forest->node_size == 4)
    select_all(tile, 4, 1);
  else if (tile->forest->rank_size == 1)
    select_all(tile, 8, 1);
  else
    select_all(tile, 8, 2);
}

static void descend(const wl_forest_tile *tile) {
  WL_FOREST_BY_WIDTH(tile->forest, wl_descend_all, tile);
}

static void lockstep(const wl_forest_tile *tile) {
  WL_FOREST_BY_WIDTH(tile->forest, wl_lockstep_all, tile, 0);
}

const wl_forest_kernels wl_forest_portable = {
    .level = WL_CPU_PORTABLE,
    .rank = rank,
    .select = select_leaves,
    .descend = descend,
    .lockstep = lockstep,
};
