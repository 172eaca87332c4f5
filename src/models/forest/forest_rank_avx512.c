/*
 * forest_rank_avx512.c: ranks with AVX-512: eight rows a register, down a
 * balanced tree of a feature's cuts. The first six levels (63 cuts) stay in
 * registers, where a permutation picks each row's next cut; the levels below
 * are gathered from the sorted cuts. 64 rows of a feature at once share the
 * registers, and lie in the first-level cache.
 */
#include <immintrin.h>

#include "models/forest/forest_loops.h"

enum { LANES = 8, VECTORS = WL_FOREST_BLOCK / LANES };

/* ---- values -------------------------------------------------------------- */

/* 8 rows of a column, steps[i] bytes from `at`; 0.0 where there is no row. */
WL_INLINE __m512d load_rows(const char *at, __m512i steps, __mmask8 rows,
                            bool is_f32) {
  if (is_f32)
    return _mm512_cvtps_pd(
        _mm512_mask_i64gather_ps(_mm256_setzero_ps(), rows, steps, at, 1));
  return _mm512_mask_i64gather_pd(_mm512_setzero_pd(), rows, steps, at, 1);
}

WL_INLINE void load_strided(const wl_strided *x, const char *at, size_t n_rows,
                            double *values, bool is_f32) {
  const __m512i steps =
      _mm512_mullo_epi64(_mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7),
                         _mm512_set1_epi64(x->row_stride));
  for (size_t r = 0; r < n_rows; r += LANES) {
    __mmask8 rows =
        n_rows - r < LANES ? (__mmask8)((1u << (n_rows - r)) - 1) : 0xff;
    _mm512_store_pd(values + r, load_rows(at + (ptrdiff_t)r * x->row_stride,
                                          steps, rows, is_f32));
  }
}

static void load_column(const char *at, size_t n_rows, double *values) {
  for (size_t r = 0; r < n_rows; r += LANES) {
    __mmask8 rows =
        n_rows - r < LANES ? (__mmask8)((1u << (n_rows - r)) - 1) : 0xff;
    _mm512_store_pd(values + r,
                    _mm512_maskz_loadu_pd(rows, at + r * sizeof(double)));
  }
}

/* n_rows <= 64 values of a column, from row `first` on, and zeros to full
 * vectors. */
static void load_values(const wl_strided *x, size_t column, size_t first,
                        size_t n_rows, double *values) {
  const char *at = wl_forest_at(x, first, column);
  if (!x->is_f32 && x->row_stride == (int64_t)sizeof(double))
    load_column(at, n_rows, values);
  else if (x->is_f32)
    load_strided(x, at, n_rows, values, true);
  else
    load_strided(x, at, n_rows, values, false);
}

/* ---- rows of neighbouring columns ---------------------------------------- */

/* Columns that one vector of a row holds, by column. */
typedef struct neighbours {
  _Alignas(64) double v[LANES][WL_FOREST_BLOCK];
} neighbours;

WL_INLINE void transpose(__m512d *r) {
  __m512d a[LANES], b[LANES];
#pragma GCC unroll 4
  for (size_t i = 0; i < LANES; i += 2) {
    a[i] = _mm512_unpacklo_pd(r[i], r[i + 1]);
    a[i + 1] = _mm512_unpackhi_pd(r[i], r[i + 1]);
  }
#pragma GCC unroll 2
  for (size_t i = 0; i < LANES; i += 4)
#pragma GCC unroll 2
    for (size_t k = 0; k < 2; k++) {
      b[i + k] = _mm512_shuffle_f64x2(a[i + k], a[i + k + 2], 0x88);
      b[i + k + 2] = _mm512_shuffle_f64x2(a[i + k], a[i + k + 2], 0xdd);
    }
#pragma GCC unroll 4
  for (size_t i = 0; i < 4; i++) {
    r[i] = _mm512_shuffle_f64x2(b[i], b[i + 4], 0x88);
    r[i + 4] = _mm512_shuffle_f64x2(b[i], b[i + 4], 0xdd);
  }
}

/* The first n_columns values from `at` on of n_rows rows, and zeros to full
 * vectors. */
static void load_neighbours(const char *at, ptrdiff_t row_stride,
                            size_t n_columns, size_t n_rows, neighbours *to) {
  __mmask8 columns = (__mmask8)((1u << n_columns) - 1);
  for (size_t row = 0; row < n_rows; row += LANES) {
    __m512d r[LANES];
#pragma GCC unroll 8
    for (size_t i = 0; i < LANES; i++)
      r[i] = _mm512_maskz_loadu_pd(
          row + i < n_rows ? columns : 0,
          at + (ptrdiff_t)(row + i < n_rows ? row + i : 0) * row_stride);
    transpose(r);
#pragma GCC unroll 8
    for (size_t i = 0; i < LANES; i++)
      _mm512_store_pd(to->v[i] + row, r[i]);
  }
}

/* How many features from f on lie in one vector of a row, where loading it
 * pays: less than that many are gathered faster. Features ascend. */
WL_INLINE size_t count_neighbours(const wl_forest *forest, const wl_strided *x,
                                  size_t f) {
  enum { LEAST = 3 };
  const wl_forest_feature *features = forest->features;
  size_t n = 1;
  if (x->is_f32 || x->column_stride != (int64_t)sizeof(double))
    return 1;
  while (f + n < forest->n_features &&
         features[f + n].x_column > features[f + n - 1].x_column &&
         features[f + n].x_column < (size_t)features[f].x_column + LANES)
    n++;
  return n < LEAST ? 1 : n;
}

/* ---- the search ---------------------------------------------------------- */

/* The cuts of a level, for places that are 2^level to 2^(level + 1) - 1. */
WL_INLINE __m512d cuts_at(const __m512d *top, __m512i at, unsigned level) {
  if (level == 0)
    return _mm512_permutexvar_pd(_mm512_set1_epi64(1), top[0]);
  if (level < 3)
    return _mm512_permutexvar_pd(at, top[0]);
  if (level == 3)
    return _mm512_permutexvar_pd(at, top[1]);
  if (level == 4)
    return _mm512_permutex2var_pd(top[2], at, top[3]);
  __mmask8 high = _mm512_test_epi64_mask(at, _mm512_set1_epi64(16));
  return _mm512_mask_blend_pd(high, _mm512_permutex2var_pd(top[4], at, top[5]),
                              _mm512_permutex2var_pd(top[6], at, top[7]));
}

/* Up to 2^n_levels - 1 cuts. */
WL_INLINE void search_top(const double *cuts, unsigned n_levels,
                          const double *values, size_t n_rows, int64_t *ranks) {
  const __m512i one = _mm512_set1_epi64(1);
  const __m512i first = _mm512_set1_epi64((long long)1 << n_levels);
  __m512d top[8];
#pragma GCC unroll 8
  for (size_t i = 0; i < (((size_t)1 << n_levels) + 7) / 8; i++)
    top[i] = _mm512_load_pd(cuts + 8 * i);
  for (size_t r = 0; r < n_rows; r += LANES) {
    __m512d v = _mm512_load_pd(values + r);
    __m512i at = one;
#pragma GCC unroll 6
    for (unsigned l = 0; l < n_levels; l++) {
      __mmask8 m = _mm512_cmp_pd_mask(cuts_at(top, at, l), v, _CMP_LT_OQ);
      at = _mm512_add_epi64(at, at);
      at = _mm512_mask_add_epi64(at, m, at, one);
    }
    _mm512_store_si512(ranks + r, _mm512_sub_epi64(at, first));
  }
}

/* More cuts than the registers hold. */
static void search_many(const double *cuts, const double *top_cuts,
                        uint32_t n_cuts, const double *values, size_t n_rows,
                        int64_t *ranks) {
  const __m512i one = _mm512_set1_epi64(1);
  __m512d top[8];
#pragma GCC unroll 8
  for (size_t i = 0; i < 8; i++)
    top[i] = _mm512_load_pd(top_cuts + 8 * i);
  for (size_t r = 0; r < n_rows; r += LANES) {
    __m512d v = _mm512_load_pd(values + r);
    __m512i at = one, rank = _mm512_setzero_si512();
    uint32_t n = n_cuts;
#pragma GCC unroll 6
    for (unsigned l = 0; l < WL_FOREST_TOP_LEVELS; l++) {
      __mmask8 m = _mm512_cmp_pd_mask(cuts_at(top, at, l), v, _CMP_LT_OQ);
      at = _mm512_add_epi64(at, at);
      at = _mm512_mask_add_epi64(at, m, at, one);
      rank = _mm512_mask_add_epi64(rank, m, rank, _mm512_set1_epi64(n / 2));
      n -= n / 2;
    }
    for (; n > 1; n -= n / 2) {
      const double *from = cuts + n / 2 - 1;
      __m512d cut = _mm512_i64gather_pd(rank, from, 8);
      __mmask8 m = _mm512_cmp_pd_mask(cut, v, _CMP_LT_OQ);
      rank = _mm512_mask_add_epi64(rank, m, rank, _mm512_set1_epi64(n / 2));
    }
    __m512d last = _mm512_i64gather_pd(rank, cuts, 8);
    __mmask8 m = _mm512_cmp_pd_mask(last, v, _CMP_LT_OQ);
    _mm512_store_si512(ranks + r, _mm512_mask_add_epi64(rank, m, rank, one));
  }
}

static void search(const wl_forest *forest, const wl_forest_feature *feature,
                   const double *values, size_t n_rows, int64_t *ranks) {
  const double *top = forest->cuts + feature->top;
  switch (feature->n_top_levels) {
  case 1:
    search_top(top, 1, values, n_rows, ranks);
    return;
  case 2:
    search_top(top, 2, values, n_rows, ranks);
    return;
  case 3:
    search_top(top, 3, values, n_rows, ranks);
    return;
  case 4:
    search_top(top, 4, values, n_rows, ranks);
    return;
  case 5:
    search_top(top, 5, values, n_rows, ranks);
    return;
  default:
    if (feature->n_cuts < 1u << WL_FOREST_TOP_LEVELS)
      search_top(top, 6, values, n_rows, ranks);
    else
      search_many(forest->cuts + feature->level[0], top, feature->n_cuts,
                  values, n_rows, ranks);
  }
}

/* ---- columns ------------------------------------------------------------- */

/* 8 rows' ranks, of which the first n are wanted. */
WL_INLINE void store_ranks(char *to, size_t n, __m512i rank, size_t size) {
  if (n < LANES) {
    __mmask8 rows = (__mmask8)((1u << n) - 1);
    if (size == 1)
      _mm512_mask_cvtepi64_storeu_epi8(to, rows, rank);
    else if (size == 2)
      _mm512_mask_cvtepi64_storeu_epi16(to, rows, rank);
    else
      _mm512_mask_cvtepi64_storeu_epi32(to, rows, rank);
  } else if (size == 1) {
    _mm_storel_epi64((__m128i *)(void *)to, _mm512_cvtepi64_epi8(rank));
  } else if (size == 2) {
    _mm_storeu_si128((__m128i *)(void *)to, _mm512_cvtepi64_epi16(rank));
  } else {
    _mm256_storeu_si256((__m256i *)(void *)to, _mm512_cvtepi64_epi32(rank));
  }
}

/* A feature's columns from row `first` on. */
WL_INLINE void write_columns(const wl_forest_tile *tile,
                             const wl_forest_feature *feature, size_t first,
                             const double *values, size_t n_rows,
                             const int64_t *ranks, size_t size) {
  size_t column = feature->first_column, part = 0;
  for (unsigned set = feature->missing; set != 0;) {
    wl_forest_missing missing = (wl_forest_missing)__builtin_ctz(set);
    const __m512i base = _mm512_set1_epi64((int64_t)part * wl_part_cuts(size));
    const __m512d most = _mm512_set1_pd(wl_missing_most(missing));
    const __m512i code = _mm512_set1_epi64(wl_missing_code(feature, missing));
    char *to = (char *)tile->ranks + ((column++ << tile->shift) + first) * size;
    for (size_t r = 0; r < n_rows; r += LANES) {
      __m512d magnitude = _mm512_abs_pd(_mm512_load_pd(values + r));
      __mmask8 is_missing = _mm512_cmp_pd_mask(magnitude, most, _CMP_NGT_UQ);
      __m512i rank =
          _mm512_mask_mov_epi64(_mm512_load_si512(ranks + r), is_missing, code);
      if (feature->n_parts > 1)
        rank = _mm512_min_epi64(_mm512_max_epi64(_mm512_sub_epi64(rank, base),
                                                 _mm512_setzero_si512()),
                                _mm512_set1_epi64(wl_part_cuts(size)));
      store_ranks(to + r * size, n_rows - r, rank, size);
    }
    if (++part == feature->n_parts) {
      set &= set - 1;
      part = 0;
    }
  }
}

WL_INLINE void rank_all(const wl_forest_tile *tile, const wl_strided *x,
                        size_t n_rows, size_t size) {
  const wl_forest *forest = tile->forest;
  neighbours near;
  _Alignas(64) int64_t ranks[WL_FOREST_BLOCK];
  for (size_t r = 0; r < n_rows; r += WL_FOREST_BLOCK) {
    size_t n = n_rows - r < WL_FOREST_BLOCK ? n_rows - r : WL_FOREST_BLOCK;
    for (size_t f = 0, n_near; f < forest->n_features; f += n_near) {
      const wl_forest_feature *features = forest->features + f;
      size_t column = features[0].x_column;
      n_near = count_neighbours(forest, x, f);
      if (n_near == 1)
        load_values(x, column, r, n, near.v[0]);
      else
        load_neighbours(wl_forest_at(x, r, column), (ptrdiff_t)x->row_stride,
                        features[n_near - 1].x_column - column + 1, n, &near);
      for (size_t i = 0; i < n_near; i++) {
        const double *values = near.v[features[i].x_column - column];
        search(forest, &features[i], values, n, ranks);
        write_columns(tile, &features[i], r, values, n, ranks, size);
      }
    }
  }
  for (size_t c = 0; c < forest->n_categories; c++)
    wl_rank_category(tile, &forest->categories[c], x, n_rows, size);
}

void wl_forest_rank_avx512(const wl_forest_tile *tile, const wl_strided *x,
                           size_t n_rows) {
  WL_FOREST_BY_RANK(tile->forest, rank_all, tile, x, n_rows);
}
