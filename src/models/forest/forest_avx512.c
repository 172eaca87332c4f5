/*
 * forest_avx512.c: the loops with AVX-512. Select: 64 rows a register, a split
 * being one comparison and one masked load. Walks: 4 x 16 rows, or trees, by
 * gathers.
 */
#include <immintrin.h>

#include "models/forest/forest_loops.h"

enum { GROUPS = 4, LANES = 16 };

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

/* Up to 32 leaves' values from registers, more from memory. */
WL_INLINE void add_block(double *sums, const double *values, size_t n_leaves,
                         const uint8_t *ids, bool is_f32) {
  if (n_leaves <= 16) {
    __m512d a = _mm512_loadu_pd(values), b = _mm512_loadu_pd(values + 8);
#pragma GCC unroll 8
    for (size_t r = 0; r < WL_FOREST_BLOCK; r += 8)
      add8(sums + r,
           _mm512_permutex2var_pd(a, _mm512_cvtepu8_epi64(load_ids8(ids + r)),
                                  b),
           is_f32);
  } else if (n_leaves <= 32) {
    __m512d a = _mm512_loadu_pd(values), b = _mm512_loadu_pd(values + 8);
    __m512d c = _mm512_loadu_pd(values + 16), d = _mm512_loadu_pd(values + 24);
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

/* ---- walks --------------------------------------------------------------- */

/* 16 walks: a lane is at a node of its tree, or has the leaf bit. */
typedef struct walk {
  __m512i at, first; /* the tree's first node */
  __mmask16 alive;   /* lanes that are at a node */
} walk;

typedef struct field_pairs {
  __m512i column, rank, children;
} field_pairs;

WL_INLINE field_pairs gather_nodes(const wl_forest *forest, const walk *w,
                                   size_t node_size) {
  const __m512i zero = _mm512_setzero_si512();
  __m512i index = _mm512_add_epi32(w->first, w->at);
  const int *nodes = forest->nodes;
  field_pairs f;
  if (node_size == 4) {
    const __m512i byte = _mm512_set1_epi32(255);
    __m512i node = _mm512_mask_i32gather_epi32(zero, w->alive, index, nodes, 4);
    f.column = _mm512_and_si512(node, byte);
    f.rank = _mm512_and_si512(_mm512_srli_epi32(node, 8), byte);
    f.children = _mm512_srli_epi32(node, 16);
  } else {
    __m512i low = _mm512_mask_i32gather_epi32(zero, w->alive, index, nodes, 8);
    f.children =
        _mm512_mask_i32gather_epi32(zero, w->alive, index, nodes + 1, 8);
    f.column = _mm512_and_si512(low, _mm512_set1_epi32(65535));
    f.rank = _mm512_srli_epi32(low, 16);
  }
  return f;
}

/*
 * One level down. `few`: the ranks of all columns, when those of one row are a
 * register's worth.
 */
WL_INLINE void step(const wl_forest_tile *tile, walk *w, __m512i row,
                    const __m512i *few, size_t node_size, size_t rank_size) {
  const __m512i low = _mm512_set1_epi32(rank_size == 1 ? 255 : 65535);
  const int bits = node_size == 4 ? 8 : 16;
  field_pairs f = gather_nodes(tile->forest, w, node_size);
  __m512i rank;
  if (few != NULL) {
    rank = _mm512_permutexvar_epi8(f.column, *few);
  } else {
    __m512i index = _mm512_add_epi32(
        _mm512_sllv_epi32(f.column, _mm512_set1_epi32((int)tile->shift)), row);
    const __m512i zero = _mm512_setzero_si512();
    rank = rank_size == 1 ? _mm512_mask_i32gather_epi32(zero, w->alive, index,
                                                        tile->ranks, 1)
                          : _mm512_mask_i32gather_epi32(zero, w->alive, index,
                                                        tile->ranks, 2);
  }
  rank = _mm512_and_si512(rank, low);
  __mmask16 right = _mm512_cmpgt_epu32_mask(rank, f.rank);
  __m512i next =
      _mm512_mask_srli_epi32(f.children, right, f.children, (unsigned)bits);
  next = _mm512_and_si512(next, _mm512_set1_epi32((1 << bits) - 1));
  w->at = _mm512_mask_mov_epi32(w->at, w->alive, next);
  w->alive = _mm512_mask_testn_epi32_mask(
      w->alive, next, _mm512_set1_epi32((int)tile->forest->leaf_bit));
}

WL_INLINE __m512i leaf_ids(const wl_forest *forest, const walk *w) {
  return _mm512_andnot_si512(_mm512_set1_epi32((int)forest->leaf_bit), w->at);
}

WL_INLINE void descend_rows(const wl_forest_tile *tile, size_t t, size_t row,
                            size_t node_size, size_t rank_size) {
  const wl_forest *forest = tile->forest;
  const __m512i count =
      _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  __mmask16 any =
      forest->first_node[t] != forest->first_node[t + 1] ? 0xffff : 0;
  walk w[GROUPS];
#pragma GCC unroll 4
  for (size_t g = 0; g < GROUPS; g++) {
    w[g].first = _mm512_set1_epi32((int)forest->first_node[t]);
    w[g].at = any != 0 ? _mm512_setzero_si512()
                       : _mm512_set1_epi32((int)forest->leaf_bit);
    w[g].alive = any;
  }
  while (any != 0) {
    any = 0;
#pragma GCC unroll 4
    for (size_t g = 0; g < GROUPS; g++) {
      __m512i rows =
          _mm512_add_epi32(count, _mm512_set1_epi32((int)(row + LANES * g)));
      step(tile, &w[g], rows, NULL, node_size, rank_size);
      any |= w[g].alive;
    }
  }
#pragma GCC unroll 4
  for (size_t g = 0; g < GROUPS; g++)
    _mm512_storeu_si512(tile->ids + row + LANES * g, leaf_ids(forest, &w[g]));
}

WL_INLINE void add_gathered(const wl_forest_tile *tile, size_t t,
                            const double *values) {
  const wl_forest *forest = tile->forest;
  double *sums = tile->sums + ((size_t)forest->output[t] << tile->shift);
  bool is_f32 = forest->is_f32;
  for (size_t r = 0; r < tile->n_rows; r += 8) {
    __m256i ids =
        _mm256_loadu_si256((const __m256i *)(const void *)(tile->ids + r));
    add8(sums + r, _mm512_i32gather_pd(ids, values, 8), is_f32);
  }
}

WL_INLINE void descend_all(const wl_forest_tile *tile, size_t node_size,
                           size_t rank_size) {
  const wl_forest *forest = tile->forest;
  if (node_size == 16) {
    wl_descend_all(tile, node_size, rank_size);
    return;
  }
  for (size_t t = 0; t < forest->n_trees; t++) {
    const double *values =
        forest->values + forest->first_leaf[t] * forest->width;
    for (size_t r = 0; r < tile->n_rows; r += GROUPS * LANES)
      descend_rows(tile, t, r, node_size, rank_size);
    if (tile->sums != NULL)
      add_gathered(tile, t, values);
    else
      wl_add_to_rows(tile, t, values, tile->ids, 4);
  }
}

static void descend(const wl_forest_tile *tile) {
  WL_FOREST_BY_WIDTH(tile->forest, descend_all, tile);
}

/* ---- one row ------------------------------------------------------------- */

/* The leaves of up to 64 trees from t on, one after the other. */
WL_INLINE void add_lockstep(const wl_forest_tile *tile, size_t t, size_t n,
                            const walk *w) {
  const wl_forest *forest = tile->forest;
  uint32_t ids[GROUPS * LANES];
  double values[GROUPS * LANES];
#pragma GCC unroll 4
  for (size_t g = 0; g < GROUPS; g++)
    _mm512_storeu_si512(ids + LANES * g, leaf_ids(forest, &w[g]));
  if (forest->width > 1) {
    for (size_t u = 0; u < n; u++)
      wl_add_leaf(tile, t + u, ids[u]);
    return;
  }
  for (size_t u = 0; u < n; u++)
    values[u] = forest->values[forest->first_leaf[t + u] + ids[u]];
  if (forest->n_outputs == 1 && !forest->is_f32) {
    double sum = *tile->out;
    for (size_t u = 0; u < n; u++)
      sum += values[u];
    *tile->out = sum;
    return;
  }
  for (size_t u = 0; u < n; u++) {
    double *out = tile->out + forest->output[t + u];
    *out = wl_forest_round(forest->is_f32, *out + values[u]);
  }
}

WL_INLINE void lockstep_trees(const wl_forest_tile *tile, const __m512i *few,
                              size_t node_size, size_t rank_size) {
  const wl_forest *forest = tile->forest;
  const uint32_t *first = forest->first_node;
  const __m512i zero = _mm512_setzero_si512();
  for (size_t t = 0; t < forest->n_trees; t += GROUPS * LANES) {
    walk w[GROUPS];
    size_t n = forest->n_trees - t;
    n = n < GROUPS * LANES ? n : GROUPS * LANES;
    uint64_t lanes = ~UINT64_C(0) >> (GROUPS * LANES - n);
    __mmask16 any = 0;
#pragma GCC unroll 4
    for (size_t g = 0; g < GROUPS; g++) {
      __mmask16 mask = (__mmask16)(lanes >> (LANES * g));
      const uint32_t *from = first + t + LANES * g;
      w[g].first = _mm512_maskz_loadu_epi32(mask, from);
      /* A tree without nodes ends where it begins. */
      w[g].alive = _mm512_mask_cmpneq_epu32_mask(
          mask, w[g].first, _mm512_maskz_loadu_epi32(mask, from + 1));
      w[g].at = _mm512_mask_mov_epi32(_mm512_set1_epi32((int)forest->leaf_bit),
                                      w[g].alive, zero);
      any |= w[g].alive;
    }
    while (any != 0) {
      any = 0;
#pragma GCC unroll 4
      for (size_t g = 0; g < GROUPS; g++) {
        step(tile, &w[g], zero, few, node_size, rank_size);
        any |= w[g].alive;
      }
    }
    add_lockstep(tile, t, n, w);
  }
}

WL_INLINE void lockstep_all(const wl_forest_tile *tile, size_t node_size,
                            size_t rank_size) {
  if (node_size == 16) {
    wl_lockstep_all(tile, 0, node_size, rank_size);
  } else if (rank_size == 1 && tile->forest->n_columns <= 64) {
    __m512i few = _mm512_loadu_si512(tile->ranks);
    lockstep_trees(tile, &few, node_size, rank_size);
  } else {
    lockstep_trees(tile, NULL, node_size, rank_size);
  }
}

static void lockstep(const wl_forest_tile *tile) {
  WL_FOREST_BY_WIDTH(tile->forest, lockstep_all, tile);
}

const wl_forest_kernels wl_forest_avx512 = {
    .level = WL_CPU_AVX512,
    .rank = wl_forest_rank_avx512,
    .select = select_leaves,
    .descend = descend,
    .lockstep = lockstep,
};
