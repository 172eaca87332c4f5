/*
 * forest_avx512.c: the loops with AVX-512. Select: 64 rows a register, a split
 * being one comparison and one masked load. Walks: 4 x 16 rows, or trees, by
 * gathers.
 */
#include <immintrin.h>

#include "models/forest/forest_loops.h"

/* ---- adding leaves ------------------------------------------------------- */

WL_INLINE void add8(double *sums, __m512d values, bool is_f32) {
  __m512d sum = _mm512_add_pd(_mm512_loadu_pd(sums), values);
  if (is_f32)
    sum = _mm512_cvtps_pd(_mm512_cvtpd_ps(sum));
  _mm512_storeu_pd(sums, sum);
}

WL_INLINE __m128i load_ids8(const uint8_t *ids) {
  return _mm_loadl_epi64((const __m128i *)(const void *)ids);
}

/* Of n values the eight from `first` on, zeros past the end. */
WL_INLINE __m512d load_values(const double *values, size_t n, size_t first) {
  __mmask8 is_there = (__mmask8)(((UINT64_C(1) << n) - 1) >> first);
  return _mm512_maskz_loadu_pd(is_there, values + first);
}

/* Up to 32 leaves' values from registers, more from memory. */
WL_INLINE void add_block(double *sums, const double *values, size_t n_leaves,
                         const uint8_t *ids, bool is_f32) {
  if (n_leaves <= 16) {
    __m512d a = load_values(values, n_leaves, 0);
    __m512d b = load_values(values, n_leaves, 8);
#pragma GCC unroll 8
    for (size_t r = 0; r < WL_FOREST_BLOCK; r += 8)
      add8(sums + r,
           _mm512_permutex2var_pd(a, _mm512_cvtepu8_epi64(load_ids8(ids + r)),
                                  b),
           is_f32);
  } else if (n_leaves <= 32) {
    __m512d a = load_values(values, n_leaves, 0);
    __m512d b = load_values(values, n_leaves, 8);
    __m512d c = load_values(values, n_leaves, 16);
    __m512d d = load_values(values, n_leaves, 24);
#pragma GCC unroll 8
    for (size_t r = 0; r < WL_FOREST_BLOCK; r += 8) {
      __m512i id = _mm512_cvtepu8_epi64(load_ids8(ids + r));
      __mmask8 high = _mm512_test_epi64_mask(id, _mm512_set1_epi64(16));
      add8(sums + r,
           _mm512_mask_blend_pd(high, _mm512_permutex2var_pd(a, id, b),
                                _mm512_permutex2var_pd(c, id, d)),
           is_f32);
    }
  } else {
#pragma GCC unroll 8
    for (size_t r = 0; r < WL_FOREST_BLOCK; r += 8)
      add8(sums + r,
           _mm512_i32gather_pd(_mm256_cvtepu8_epi32(load_ids8(ids + r)), values,
                               8),
           is_f32);
  }
}

WL_INLINE void add_ids(const wl_forest_tile *tile, size_t t, size_t n_blocks,
                       const uint8_t *ids) {
  const wl_forest *forest = tile->forest;
  size_t first = forest->first_leaf[t];
  size_t n_leaves = forest->first_leaf[t + 1] - first;
  const double *values = forest->values + first * forest->width;
  if (tile->sums == NULL) {
    wl_add_to_rows(tile, t, values, ids, 1);
    return;
  }
  double *sums = tile->sums + ((size_t)forest->output[t] << tile->shift);
  for (size_t b = 0; b < n_blocks; b++) {
    size_t r = b * WL_FOREST_BLOCK;
    if (forest->is_f32)
      add_block(sums + r, values, n_leaves, ids + r, true);
    else
      add_block(sums + r, values, n_leaves, ids + r, false);
  }
}

/* ---- select -------------------------------------------------------------- */

/* Which of 64 rows go right. */
WL_INLINE __mmask64 rights(const uint8_t *ranks, size_t rank_size,
                           __m512i most) {
  __m512i a = _mm512_load_si512(ranks);
  if (rank_size == 1)
    return _mm512_cmpgt_epu8_mask(a, most);
  __m512i b = _mm512_load_si512(ranks + 64);
  return _mm512_kunpackd(_mm512_cmpgt_epu16_mask(b, most),
                         _mm512_cmpgt_epu16_mask(a, most));
}

/* A node's fields, and its rank in all rows' places. */
typedef struct split {
  size_t column, left, right;
  __m512i most;
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
                             ? _mm512_set1_epi8((char)(node >> bits))
                             : _mm512_set1_epi16((short)(node >> bits))};
}

WL_INLINE void select_tree(const wl_forest_tile *tile, size_t t,
                           size_t n_blocks, size_t node_size,
                           size_t rank_size) {
  const wl_forest *forest = tile->forest;
  const size_t step = WL_FOREST_BLOCK * n_blocks;
  const __m512i one = _mm512_set1_epi8(1);
  size_t first = forest->first_node[t], i = forest->first_node[t + 1] - first;
  size_t n_others = forest->first_twig[t] - first;
  const char *nodes = (const char *)forest->nodes + first * node_size;
  const uint8_t *ranks = tile->ranks;
  uint8_t *slots = tile->slots;
  while (i-- > n_others) {
    split s = read_split(nodes, i, node_size, rank_size);
    __m512i leaf = _mm512_load_si512(slots + s.left * step);
#pragma GCC unroll 4
    for (size_t k = 0; k < n_blocks; k++) {
      size_t at = WL_FOREST_BLOCK * k;
      __mmask64 m =
          rights(ranks + (s.column * step + at) * rank_size, rank_size, s.most);
      _mm512_store_si512(slots + i * step + at,
                         _mm512_mask_add_epi8(leaf, m, leaf, one));
    }
  }
  for (i = n_others; i-- > 0;) {
    split s = read_split(nodes, i, node_size, rank_size);
#pragma GCC unroll 4
    for (size_t k = 0; k < n_blocks; k++) {
      size_t at = WL_FOREST_BLOCK * k;
      __mmask64 m =
          rights(ranks + (s.column * step + at) * rank_size, rank_size, s.most);
      __m512i slot = _mm512_load_si512(slots + s.left * step + at);
      slot = _mm512_mask_loadu_epi8(slot, m, slots + s.right * step + at);
      _mm512_store_si512(slots + i * step + at, slot);
    }
  }
}

WL_INLINE void select_blocks(const wl_forest_tile *tile, size_t n_blocks,
                             size_t node_size, size_t rank_size) {
  const wl_forest *forest = tile->forest;
  for (size_t t = 0; t < forest->n_trees; t++) {
    bool is_leaf = forest->first_node[t] == forest->first_node[t + 1];
    wl_prefetch_next(tile, t);
    select_tree(tile, t, n_blocks, node_size, rank_size);
    size_t root = is_leaf ? (size_t)forest->leaf_bit << tile->shift : 0;
    add_ids(tile, t, n_blocks, tile->slots + root);
  }
}

static void select_leaves(const wl_forest_tile *tile) {
  WL_FOREST_SELECT(tile, select_blocks);
}

const wl_forest_kernels wl_forest_avx512 = {
    .level = WL_CPU_AVX512_BW,
    .rank = wl_forest_rank_avx512,
    .select = select_leaves,
    .descend = wl_forest_descend_avx512,
    .lockstep = wl_forest_lockstep_avx512,
};
