/*
 * forest_avx2.c: the loops with AVX2. Select: 32 rows a register. Walks: 4 x 8
 * rows, or trees, by gathers.
 */
#include <immintrin.h>

#include "models/forest/forest_route.h"

enum {
  GROUPS = 4,
  LANES = 8,
  CROWD = 16 /* rows at a node that are parted together */
};

/* ---- select -------------------------------------------------------------- */

WL_INLINE __m256i load32(const uint8_t *from) {
  return _mm256_load_si256((const __m256i *)(const void *)from);
}

/* -1 in each of 32 bytes for a row that goes left. */
WL_INLINE __m256i lefts(const uint8_t *ranks, size_t rank_size, __m256i most) {
  __m256i a = load32(ranks);
  if (rank_size == 1)
    return _mm256_cmpeq_epi8(_mm256_min_epu8(a, most), a);
  __m256i b = load32(ranks + 32);
  a = _mm256_cmpeq_epi16(_mm256_min_epu16(a, most), a);
  b = _mm256_cmpeq_epi16(_mm256_min_epu16(b, most), b);
  /* packs works within halves of 128 bits */
  return _mm256_permute4x64_epi64(_mm256_packs_epi16(a, b), 0xd8);
}

/* A node's fields, and its rank in all rows' places. */
typedef struct split {
  size_t column, left, right;
  __m256i most;
} split;

WL_INLINE split read_split(const void *nodes, size_t i, size_t node_size,
                           size_t rank_size) {
  uint64_t node = node_size == 4 ? ((const uint32_t *)nodes)[i]
                                 : ((const uint64_t *)nodes)[i];
  unsigned bits = node_size == 4 ? 8 : 16;
  uint64_t mask = (UINT64_C(1) << bits) - 1;
  return (split){.column = node & mask,
                 .left = node >> 2 * bits & mask,
                 .right = node >> 3 * bits,
                 .most = rank_size == 1
                             ? _mm256_set1_epi8((char)(node >> bits))
                             : _mm256_set1_epi16((short)(node >> bits))};
}

WL_INLINE void store32(uint8_t *to, __m256i v) {
  _mm256_store_si256((__m256i *)(void *)to, v);
}

WL_INLINE void select_tree(const wl_forest_tile *tile, size_t t,
                           size_t n_blocks, size_t node_size,
                           size_t rank_size) {
  const wl_forest *forest = tile->forest;
  const size_t step = WL_FOREST_BLOCK * n_blocks;
  const __m256i one = _mm256_set1_epi8(1);
  size_t first = forest->first_node[t], i = forest->first_node[t + 1] - first;
  size_t n_others = forest->first_twig[t] - first;
  const char *nodes = (const char *)forest->nodes + first * node_size;
  const uint8_t *ranks = tile->ranks;
  uint8_t *slots = tile->slots;
  while (i-- > n_others) {
    split s = read_split(nodes, i, node_size, rank_size);
    __m256i leaf = _mm256_add_epi8(load32(slots + s.left * step), one);
#pragma GCC unroll 8
    for (size_t at = 0; at < step; at += 32) {
      __m256i m =
          lefts(ranks + (s.column * step + at) * rank_size, rank_size, s.most);
      store32(slots + i * step + at, _mm256_add_epi8(leaf, m));
    }
  }
  for (i = n_others; i-- > 0;) {
    split s = read_split(nodes, i, node_size, rank_size);
#pragma GCC unroll 8
    for (size_t at = 0; at < step; at += 32) {
      __m256i m =
          lefts(ranks + (s.column * step + at) * rank_size, rank_size, s.most);
      __m256i slot = _mm256_blendv_epi8(load32(slots + s.right * step + at),
                                        load32(slots + s.left * step + at), m);
      store32(slots + i * step + at, slot);
    }
  }
}

WL_INLINE void select_blocks(const wl_forest_tile *tile, size_t n_blocks,
                             size_t node_size, size_t rank_size) {
  const wl_forest *forest = tile->forest;
  for (size_t t = 0; t < forest->n_trees; t++) {
    bool is_leaf = forest->first_node[t] == forest->first_node[t + 1];
    const double *values =
        forest->values + forest->first_leaf[t] * forest->width;
    wl_prefetch_next(tile, t);
    select_tree(tile, t, n_blocks, node_size, rank_size);
    const uint8_t *ids =
        tile->slots + (is_leaf ? (size_t)forest->leaf_bit << tile->shift : 0);
    if (tile->sums != NULL)
      wl_add_to_sums(tile, t, values, ids, 1, n_blocks * WL_FOREST_BLOCK);
    else
      wl_add_to_rows(tile, t, values, ids, 1);
  }
}

static void select_leaves(const wl_forest_tile *tile) {
  WL_FOREST_SELECT(tile, select_blocks);
}

/* ---- walks --------------------------------------------------------------- */

/* 8 walks: a lane is at a node of its tree, or has the leaf bit. */
typedef struct walk {
  __m256i at, first; /* the tree's first node */
  __m256i is_leaf;   /* -1: the lane has the leaf bit */
} walk;

WL_INLINE __m256i gather(const void *from, __m256i index, int scale) {
  if (scale == 1)
    return _mm256_i32gather_epi32((const int *)from, index, 1);
  if (scale == 2)
    return _mm256_i32gather_epi32((const int *)from, index, 2);
  if (scale == 4)
    return _mm256_i32gather_epi32((const int *)from, index, 4);
  return _mm256_i32gather_epi32((const int *)from, index, 8);
}

/* One level down; lanes at a leaf look at their tree's first node. */
WL_INLINE void step(const wl_forest_tile *tile, walk *w, __m256i row,
                    size_t node_size, size_t rank_size) {
  const char *nodes = tile->forest->nodes;
  const __m256i low = _mm256_set1_epi32(rank_size == 1 ? 255 : 65535);
  const __m256i field = _mm256_set1_epi32(node_size == 4 ? 255 : 65535);
  __m256i index =
      _mm256_add_epi32(w->first, _mm256_andnot_si256(w->is_leaf, w->at));
  __m256i node = gather(nodes, index, node_size == 4 ? 4 : 8), children, most;
  if (node_size == 4) {
    children = _mm256_srli_epi32(node, 16);
    most = _mm256_and_si256(_mm256_srli_epi32(node, 8), field);
  } else {
    children = gather(nodes + 4, index, 8);
    most = _mm256_srli_epi32(node, 16);
  }
  __m256i column = _mm256_sll_epi32(_mm256_and_si256(node, field),
                                    _mm_cvtsi32_si128((int)tile->shift));
  __m256i rank = _mm256_and_si256(
      low, gather(tile->ranks, _mm256_add_epi32(column, row), (int)rank_size));
  __m256i right = _mm256_cmpgt_epi32(rank, most);
  __m256i shift =
      _mm256_and_si256(right, _mm256_set1_epi32(node_size == 4 ? 8 : 16));
  __m256i next = _mm256_and_si256(_mm256_srlv_epi32(children, shift), field);
  __m256i leaf_bit = _mm256_set1_epi32((int)tile->forest->leaf_bit);
  w->at = _mm256_blendv_epi8(next, w->at, w->is_leaf);
  w->is_leaf = _mm256_cmpeq_epi32(_mm256_and_si256(w->at, leaf_bit), leaf_bit);
}

WL_INLINE bool all_leaves(const walk *w) {
  __m256i all = w[0].is_leaf;
#pragma GCC unroll 4
  for (size_t g = 1; g < GROUPS; g++)
    all = _mm256_and_si256(all, w[g].is_leaf);
  return _mm256_movemask_epi8(all) == -1;
}

WL_INLINE void store_ids(const wl_forest *forest, const walk *w,
                         uint32_t *ids) {
  __m256i leaf_bit = _mm256_set1_epi32((int)forest->leaf_bit);
#pragma GCC unroll 4
  for (size_t g = 0; g < GROUPS; g++)
    _mm256_storeu_si256((__m256i *)(void *)(ids + LANES * g),
                        _mm256_andnot_si256(leaf_bit, w[g].at));
}

/* The listed rows of a tree, 32 at a time. */
WL_INLINE void walk_rows(const wl_forest_tile *tile, size_t t, size_t node_size,
                         size_t rank_size) {
  const wl_forest *forest = tile->forest;
  const wl_forest_route *route = tile->route;
  const __m256i leaf_bit = _mm256_set1_epi32((int)forest->leaf_bit);
  memcpy(tile->rows + route->n_arrived, route->walk_rows,
         route->n_walks * sizeof *tile->rows);
  for (size_t i = 0; i < route->n_walks; i += GROUPS * LANES) {
    walk w[GROUPS];
    __m256i row[GROUPS];
#pragma GCC unroll 4
    for (size_t g = 0; g < GROUPS; g++) {
      const uint32_t *rows = route->walk_rows + i + LANES * g;
      const uint32_t *from = route->walk_from + i + LANES * g;
      w[g].first = _mm256_set1_epi32((int)forest->first_node[t]);
      w[g].at = _mm256_loadu_si256((const __m256i *)(const void *)from);
      w[g].is_leaf =
          _mm256_cmpeq_epi32(_mm256_and_si256(w[g].at, leaf_bit), leaf_bit);
      row[g] = _mm256_andnot_si256(
          w[g].is_leaf,
          _mm256_loadu_si256((const __m256i *)(const void *)rows));
    }
    while (!all_leaves(w)) {
#pragma GCC unroll 4
      for (size_t g = 0; g < GROUPS; g++)
        step(tile, &w[g], row[g], node_size, rank_size);
    }
    store_ids(forest, w, tile->ids + route->n_arrived + i);
  }
}

WL_INLINE void descend_all(const wl_forest_tile *tile, size_t node_size,
                           size_t rank_size) {
  if (node_size == 16) {
    wl_descend_all(tile, node_size, rank_size);
    return;
  }
  for (size_t t = 0; t < tile->forest->n_trees; t++) {
    wl_route_tree(tile, t, node_size, rank_size, CROWD, wl_part_rows);
    walk_rows(tile, t, node_size, rank_size);
    wl_add_arrived(tile, t);
  }
}

static void descend(const wl_forest_tile *tile) {
  WL_FOREST_BY_WIDTH(tile->forest, descend_all, tile);
}

/* One row; full groups of trees. */
WL_INLINE void lockstep_all(const wl_forest_tile *tile, size_t node_size,
                            size_t rank_size) {
  const wl_forest *forest = tile->forest;
  const uint32_t *first = forest->first_node;
  const __m256i zero = _mm256_setzero_si256();
  __m256i leaf_bit = _mm256_set1_epi32((int)forest->leaf_bit);
  size_t t = 0;
  for (; node_size < 16 && t + GROUPS * LANES <= forest->n_trees;
       t += GROUPS * LANES) {
    uint32_t ids[GROUPS * LANES];
    walk w[GROUPS];
#pragma GCC unroll 4
    for (size_t g = 0; g < GROUPS; g++) {
      const uint32_t *from = first + t + LANES * g;
      w[g].first = _mm256_loadu_si256((const __m256i *)(const void *)from);
      /* A tree without nodes ends where it begins. */
      w[g].is_leaf = _mm256_cmpeq_epi32(
          w[g].first,
          _mm256_loadu_si256((const __m256i *)(const void *)(from + 1)));
      w[g].at = _mm256_and_si256(w[g].is_leaf, leaf_bit);
    }
    while (!all_leaves(w)) {
#pragma GCC unroll 4
      for (size_t g = 0; g < GROUPS; g++)
        step(tile, &w[g], zero, node_size, rank_size);
    }
    store_ids(forest, w, ids);
    for (size_t u = 0; u < GROUPS * LANES; u++)
      wl_add_leaf(tile, t + u, ids[u]);
  }
  wl_lockstep_all(tile, t, node_size, rank_size);
}

static void lockstep(const wl_forest_tile *tile) {
  WL_FOREST_BY_WIDTH(tile->forest, lockstep_all, tile);
}

const wl_forest_kernels wl_forest_avx2 = {
    .level = WL_CPU_AVX2,
    .rank = wl_forest_rank_avx2,
    .select = select_leaves,
    .descend = descend,
    .lockstep = lockstep,
};
