/*
 * forest_walk_avx512.c: walks down the trees with AVX-512, 16 a register: of
 * many rows in one tree, or of one row in many trees.
 */
#include <immintrin.h>

#include "models/forest/forest_route.h"

enum {
  LANES = 16,
  FEW_COLUMNS = 64, /* whose ranks of one row are two registers of words */
  GROUPS = 4,       /* of one row's trees */
  ROW_GROUPS = 6,   /* of one tree's rows: what hides the gathers' latency */
  CROWD = 64,       /* rows at a node that are parted together */
  AHEAD_LINES = 4   /* of the next tree, for every two levels of all groups */
};

/* ---- walks --------------------------------------------------------------- */

/* 16 walks: a lane is at a node of its tree, or has the leaf bit. */
typedef struct walk {
  __m512i at;
  __mmask16 alive; /* lanes that are at a node */
} walk;

/* What nodes hold: `low` is column and rank, `children` left and right, each
 * the upper field. */
typedef struct halves {
  __m512i low, children;
} halves;

WL_INLINE halves gather_nodes(const char *nodes, const walk *w, __m512i index,
                              size_t node_size) {
  const __m512i zero = _mm512_setzero_si512();
  halves h;
  if (node_size == 4) {
    h.low = _mm512_mask_i32gather_epi32(zero, w->alive, index, nodes, 4);
    h.children = _mm512_srli_epi32(h.low, 16);
    return h;
  }
  /* Whole nodes at once: half as many loads as by their halves. */
  const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20,
                                         22, 24, 26, 28, 30);
  const __m512i odd = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21,
                                        23, 25, 27, 29, 31);
  __m512i a = _mm512_mask_i32gather_epi64(
      zero, (__mmask8)w->alive, _mm512_castsi512_si256(index), nodes, 8);
  __m512i b = _mm512_mask_i32gather_epi64(zero, (__mmask8)(w->alive >> 8),
                                          _mm512_extracti64x4_epi64(index, 1),
                                          nodes, 8);
  h.low = _mm512_permutex2var_epi32(a, even, b);
  h.children = _mm512_permutex2var_epi32(a, odd, b);
  return h;
}

WL_INLINE __m512i gather_ranks(const wl_forest_tile *tile, const walk *w,
                               __m512i column, __m512i row, size_t rank_size) {
  const __m512i zero = _mm512_setzero_si512();
  __m512i index = _mm512_add_epi32(
      _mm512_sllv_epi32(column, _mm512_set1_epi32((int)tile->shift)), row);
  if (rank_size == 1)
    return _mm512_mask_i32gather_epi32(zero, w->alive, index, tile->ranks, 1);
  return _mm512_mask_i32gather_epi32(zero, w->alive, index, tile->ranks, 2);
}

/*
 * One level down, from nodes at `index`. `few`: the ranks of all columns, when
 * those of one row are two registers' worth. A rank is compared as the upper
 * field of a lane: what is below it in a node's decides nothing, as a row's has
 * zeros there.
 */
WL_INLINE void step(const wl_forest_tile *tile, const char *nodes, walk *w,
                    __m512i index, __m512i row, const __m512i *few,
                    size_t node_size, size_t rank_size) {
  const unsigned bits = node_size == 4 ? 8 : 16;
  const __m512i field = _mm512_set1_epi32((1 << bits) - 1);
  halves h = gather_nodes(nodes, w, index, node_size);
  __m512i column = _mm512_and_si512(h.low, field), rank;
  if (node_size == 4)
    h.low = _mm512_slli_epi32(h.low, 16);
  if (few != NULL)
    rank = _mm512_permutex2var_epi16(few[0], column, few[1]);
  else
    rank = gather_ranks(tile, w, column, row, rank_size);
  if (rank_size == 1 && bits == 16 && few == NULL)
    rank = _mm512_and_si512(rank, _mm512_set1_epi32(255));
  rank = _mm512_slli_epi32(rank, 32 - bits);
  __mmask16 right = _mm512_cmpgt_epu32_mask(rank, h.low);
  __m512i next = _mm512_mask_srli_epi32(h.children, right, h.children, bits);
  w->at = _mm512_mask_and_epi32(w->at, w->alive, next, field);
  w->alive = _mm512_mask_testn_epi32_mask(
      w->alive, w->at, _mm512_set1_epi32((int)tile->forest->leaf_bit));
}

WL_INLINE __m512i leaf_ids(const wl_forest *forest, const walk *w) {
  return _mm512_andnot_si512(_mm512_set1_epi32((int)forest->leaf_bit), w->at);
}

/* ---- many rows down one tree -------------------------------------------- */

/* Rows of a tile on their way, and those that have arrived. */
typedef struct traffic {
  const wl_forest_tile *tile;
  size_t n_started, n_arrived; /* of those that are listed; of all */
  const char *ahead, *end;     /* what is left to ask for of the next tree */
} traffic;

/* The next tree's nodes, while this one's rows walk; to the second level, as
 * this one's are in the first. */
WL_INLINE void prefetch_ahead(traffic *all) {
  for (size_t i = 0; i < AHEAD_LINES && all->ahead < all->end; i++) {
    _mm_prefetch(all->ahead, _MM_HINT_T1);
    all->ahead += WL_FOREST_LINE;
  }
}

/* Lanes `in` take the next rows that are listed. */
WL_INLINE void let_in(traffic *all, walk *w, __m512i *row, __mmask16 in) {
  const wl_forest_route *route = all->tile->route;
  *row = _mm512_mask_expandloadu_epi32(*row, in,
                                       route->walk_rows + all->n_started);
  w->at = _mm512_mask_expandloadu_epi32(w->at, in,
                                        route->walk_from + all->n_started);
  all->n_started += (size_t)_mm_popcnt_u32(in);
}

/* Writes down where rows have arrived, and lets the next ones in. Behind the
 * last come places of no row. */
WL_INLINE void refill(traffic *all, walk *w, __m512i *row) {
  const wl_forest_tile *tile = all->tile;
  const __m512i n_rows = _mm512_set1_epi32((int)tile->n_rows);
  __mmask16 arrived =
      _mm512_mask_cmplt_epu32_mask(_knot_mask16(w->alive), *row, n_rows);
  _mm512_storeu_si512(tile->rows + all->n_arrived,
                      _mm512_maskz_compress_epi32(arrived, *row));
  _mm512_storeu_si512(
      tile->ids + all->n_arrived,
      _mm512_maskz_compress_epi32(arrived, leaf_ids(tile->forest, w)));
  all->n_arrived += (size_t)_mm_popcnt_u32(arrived);
  let_in(all, w, row, arrived);
  w->alive = _mm512_mask_cmplt_epu32_mask(_kor_mask16(w->alive, arrived), *row,
                                          n_rows);
}

/*
 * The leaves of the listed rows in tree t, as they arrive. Paths differ in
 * length by half: were 64 rows to wait for the longest of them, most lanes
 * would idle. Two levels between refills halve their cost.
 */
WL_INLINE void walk_rows(const wl_forest_tile *of, size_t t, size_t node_size,
                         size_t rank_size) {
  /* Copies, which no store can change. */
  const wl_forest copy = *of->forest, *forest = &copy;
  wl_forest_tile tile_copy = *of;
  const wl_forest_tile *tile = &tile_copy;
  tile_copy.forest = forest;
  const __m512i n_rows = _mm512_set1_epi32((int)tile->n_rows);
  traffic all = {.tile = tile, .n_arrived = tile->route->n_arrived};
  __m512i row[ROW_GROUPS];
  walk w[ROW_GROUPS];
  const char *nodes =
      (const char *)forest->nodes + forest->first_node[t] * node_size;
#pragma GCC unroll 8
  for (size_t g = 0; g < ROW_GROUPS; g++) {
    row[g] = w[g].at = _mm512_setzero_si512();
    let_in(&all, &w[g], &row[g], 0xffff);
    w[g].alive = _mm512_cmplt_epu32_mask(row[g], n_rows);
  }
  if (t + 1 < forest->n_trees) {
    const char *first = forest->nodes;
    all.ahead = first + forest->first_node[t + 1] * node_size;
    all.end = first + forest->first_node[t + 2] * node_size;
  }
  while (all.n_arrived < tile->n_rows) {
    prefetch_ahead(&all);
#pragma GCC unroll 8
    for (size_t g = 0; g < ROW_GROUPS; g++)
      step(tile, nodes, &w[g], w[g].at, row[g], NULL, node_size, rank_size);
#pragma GCC unroll 8
    for (size_t g = 0; g < ROW_GROUPS; g++) {
      step(tile, nodes, &w[g], w[g].at, row[g], NULL, node_size, rank_size);
      refill(&all, &w[g], &row[g]);
    }
  }
}

/* The first n lanes; all where n is more. */
WL_INLINE __mmask16 first_lanes(uint32_t n) {
  return (__mmask16)_bzhi_u32(0xffff, n < LANES ? n : LANES);
}

/* The ranks of 16 rows in a column; of rows i, i + 1, ... where `is_all`. */
WL_INLINE __m512i load_ranks(const char *ranks, __m512i row, __mmask16 lanes,
                             size_t i, bool is_all, size_t rank_size) {
  const __m512i zero = _mm512_setzero_si512();
  if (is_all && rank_size == 1)
    return _mm512_cvtepu8_epi32(_mm_loadu_si128((const void *)(ranks + i)));
  if (is_all)
    return _mm512_cvtepu16_epi32(
        _mm256_loadu_si256((const void *)(ranks + 2 * i)));
  if (rank_size == 1)
    return _mm512_and_si512(
        _mm512_mask_i32gather_epi32(zero, lanes, row, ranks, 1),
        _mm512_set1_epi32(255));
  return _mm512_and_si512(
      _mm512_mask_i32gather_epi32(zero, lanes, row, ranks, 2),
      _mm512_set1_epi32(65535));
}

/* wl_part_rows, 16 at a time. */
WL_INLINE uint32_t part_rows(const wl_forest_tile *tile, wl_forest_node node,
                             uint32_t begin, uint32_t end, size_t rank_size) {
  uint32_t *rows = tile->route->rows, *spare = tile->route->spare;
  const char *ranks = (const char *)tile->ranks +
                      ((size_t)node.column << tile->shift) * rank_size;
  const __m512i most = _mm512_set1_epi32((int)node.rank);
  /* Rows stay in order, so all of them are as they were. */
  const bool is_all = end - begin == tile->n_rows;
  uint32_t n_left = begin, n_right = 0;
  for (uint32_t i = begin; i < end; i += LANES) {
    __mmask16 lanes = first_lanes(end - i);
    __m512i row = _mm512_loadu_si512(rows + i);
    __m512i rank = load_ranks(ranks, row, lanes, i, is_all, rank_size);
    __mmask16 right = _mm512_mask_cmpgt_epu32_mask(lanes, rank, most);
    __mmask16 left = _kandn_mask16(right, lanes);
    uint32_t n = (uint32_t)_mm_popcnt_u32(left);
    /* Not a lane more: behind `end` there are other rows. */
    _mm512_mask_storeu_epi32(rows + n_left, first_lanes(n),
                             _mm512_maskz_compress_epi32(left, row));
    _mm512_storeu_si512(spare + n_right,
                        _mm512_maskz_compress_epi32(right, row));
    n_left += n;
    n_right += (uint32_t)_mm_popcnt_u32(right);
  }
  for (uint32_t i = 0; i < n_right; i += LANES)
    _mm512_mask_storeu_epi32(rows + n_left + i, first_lanes(n_right - i),
                             _mm512_loadu_si512(spare + i));
  return n_left;
}

WL_INLINE void descend_all(const wl_forest_tile *tile, size_t node_size,
                           size_t rank_size) {
  if (node_size == 16) {
    wl_descend_all(tile, node_size, rank_size);
    return;
  }
  for (size_t t = 0; t < tile->forest->n_trees; t++) {
    wl_route_tree(tile, t, node_size, rank_size, CROWD, part_rows);
    walk_rows(tile, t, node_size, rank_size);
    wl_add_arrived(tile, t);
  }
}

void wl_forest_descend_avx512(const wl_forest_tile *tile) {
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
    __m512i roots[GROUPS];
    walk w[GROUPS];
    size_t n = forest->n_trees - t;
    n = n < GROUPS * LANES ? n : GROUPS * LANES;
    uint64_t lanes = ~UINT64_C(0) >> (GROUPS * LANES - n);
    __mmask16 any = 0;
#pragma GCC unroll 4
    for (size_t g = 0; g < GROUPS; g++) {
      __mmask16 mask = (__mmask16)(lanes >> (LANES * g));
      const uint32_t *from = first + t + LANES * g;
      roots[g] = _mm512_maskz_loadu_epi32(mask, from);
      /* A tree without nodes ends where it begins. */
      w[g].alive = _mm512_mask_cmpneq_epu32_mask(
          mask, roots[g], _mm512_maskz_loadu_epi32(mask, from + 1));
      w[g].at = _mm512_mask_mov_epi32(_mm512_set1_epi32((int)forest->leaf_bit),
                                      w[g].alive, zero);
      any |= w[g].alive;
    }
    while (any != 0) {
      any = 0;
#pragma GCC unroll 4
      for (size_t g = 0; g < GROUPS; g++) {
        step(tile, forest->nodes, &w[g], _mm512_add_epi32(roots[g], w[g].at),
             zero, few, node_size, rank_size);
        any |= w[g].alive;
      }
    }
    add_lockstep(tile, t, n, w);
  }
}

/* The ranks of up to 64 columns of one row, in words. */
WL_INLINE void widen_ranks(const wl_forest_tile *tile, __m512i *few,
                           size_t rank_size) {
  const char *ranks = tile->ranks;
  size_t n = tile->forest->n_columns * rank_size;
  __mmask64 low = n < 64 ? (UINT64_C(1) << n) - 1 : ~UINT64_C(0);
  __mmask64 high = n > 64 ? ~UINT64_C(0) >> (128 - n) : 0;
  __m512i a = _mm512_maskz_loadu_epi8(low, ranks);
  few[0] = rank_size == 1 ? _mm512_cvtepu8_epi16(_mm512_castsi512_si256(a)) : a;
  few[1] = rank_size == 1
               ? _mm512_cvtepu8_epi16(_mm512_extracti64x4_epi64(a, 1))
               : _mm512_maskz_loadu_epi8(high, ranks + 64);
}

WL_INLINE void lockstep_all(const wl_forest_tile *tile, size_t node_size,
                            size_t rank_size) {
  if (node_size == 16) {
    wl_lockstep_all(tile, 0, node_size, rank_size);
  } else if (tile->forest->n_columns <= FEW_COLUMNS) {
    __m512i few[2];
    widen_ranks(tile, few, rank_size);
    lockstep_trees(tile, few, node_size, rank_size);
  } else {
    lockstep_trees(tile, NULL, node_size, rank_size);
  }
}

void wl_forest_lockstep_avx512(const wl_forest_tile *tile) {
  WL_FOREST_BY_WIDTH(tile->forest, lockstep_all, tile);
}
