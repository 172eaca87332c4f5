/*
 * forest_rank_avx2.c: ranks with AVX2, a feature of 64 rows at once. The
 * highest level of cuts (at most 16) is compared with 4 rows a register, cut by
 * cut; below, a row has its own 16 cuts, which are compared at once.
 */
#include <immintrin.h>

#include "models/forest/forest_loops.h"

/* Two registers of four 64-bit lanes as one of eight, lane by lane; both halves
 * of a lane are alike, or the upper is 0. */
WL_INLINE __m256i narrow8(__m256i a, __m256i b) {
  __m256 both =
      _mm256_shuffle_ps(_mm256_castsi256_ps(a), _mm256_castsi256_ps(b), 0x88);
  return _mm256_permute4x64_epi64(_mm256_castps_si256(both), 0xd8);
}

/* -1 in each of four lanes for a cut below v. */
WL_INLINE __m256i is_below(__m256d cut, __m256d v) {
  return _mm256_castpd_si256(_mm256_cmp_pd(cut, v, _CMP_LT_OQ));
}

static void search_top(const double *cuts, size_t n_cuts,
                       wl_forest_values *values, size_t n_rows) {
  for (size_t r = 0; r < n_rows; r += WL_FOREST_LANES) {
    __m256d v = _mm256_loadu_pd(values->v + r);
    __m256d w = _mm256_loadu_pd(values->v + r + 4);
    __m256i a = _mm256_setzero_si256(), b = a;
    for (size_t c = 0; c < n_cuts; c++) {
      __m256d cut = _mm256_broadcast_sd(cuts + c);
      a = _mm256_sub_epi64(a, is_below(cut, v));
      b = _mm256_sub_epi64(b, is_below(cut, w));
    }
    _mm256_storeu_si256((__m256i *)(void *)(values->rank + r), narrow8(a, b));
  }
}

WL_INLINE __m256i below4(const double *cuts, __m256d v) {
  return is_below(_mm256_load_pd(cuts), v);
}

/* Of 16 cuts, two bits each. */
WL_INLINE uint32_t below16(const double *cuts, __m256d v) {
  __m256i low = _mm256_packs_epi32(below4(cuts, v), below4(cuts + 4, v));
  __m256i high = _mm256_packs_epi32(below4(cuts + 8, v), below4(cuts + 12, v));
  __m256i all = _mm256_packs_epi16(low, high);
  return (uint32_t)_mm_popcnt_u32((uint32_t)_mm256_movemask_epi8(all)) / 2;
}

static void search_level(const double *cuts, wl_forest_values *values,
                         size_t n_rows) {
  for (size_t r = 0; r < n_rows; r++) {
    size_t at = 16 * (size_t)values->rank[r];
    __m256d v = _mm256_broadcast_sd(values->v + r);
    values->rank[r] = (uint32_t)at + below16(cuts + at, v);
  }
}

static void search(const wl_forest *forest, const wl_forest_feature *feature,
                   wl_forest_values *values, size_t n_rows) {
  uint32_t l = feature->n_levels - 1;
  search_top(forest->cuts + feature->level[l], feature->n_highest, values,
             n_rows);
  while (l-- > 0)
    search_level(forest->cuts + feature->level[l], values, n_rows);
}

/* 8 ranks in bytes. */
WL_INLINE __m128i narrow_ranks(__m256i ranks) {
  const __m256i low = _mm256_set1_epi32(0x0c080400);
  __m256i bytes = _mm256_shuffle_epi8(ranks, low);
  return _mm_unpacklo_epi32(_mm256_castsi256_si128(bytes),
                            _mm256_extracti128_si256(bytes, 1));
}

/* wl_write_columns for bytes and tiles of full blocks. */
static void write_part(const wl_forest_tile *tile,
                       const wl_forest_feature *feature, size_t n_before,
                       wl_forest_missing missing, size_t first,
                       const wl_forest_values *values, size_t n_rows) {
  const __m256d sign = _mm256_set1_pd(-0.0);
  const __m256i zero = _mm256_setzero_si256();
  const __m256i last = _mm256_set1_epi32(WL_FOREST_PART);
  for (uint32_t part = 0; part < feature->n_parts; part++) {
    const __m256i base = _mm256_set1_epi32((int)(part * WL_FOREST_PART));
    size_t column = feature->first_column + n_before * feature->n_parts + part;
    const __m256d most = _mm256_set1_pd(wl_missing_most(missing));
    const __m256i code =
        _mm256_set1_epi32((int)wl_missing_code(feature, missing));
    uint8_t *to = (uint8_t *)tile->ranks + (column << tile->shift) + first;
    for (size_t r = 0; r < n_rows; r += WL_FOREST_LANES) {
      __m256d v = _mm256_andnot_pd(sign, _mm256_loadu_pd(values->v + r));
      __m256d w = _mm256_andnot_pd(sign, _mm256_loadu_pd(values->v + r + 4));
      __m256i is_missing =
          narrow8(_mm256_castpd_si256(_mm256_cmp_pd(v, most, _CMP_NGT_UQ)),
                  _mm256_castpd_si256(_mm256_cmp_pd(w, most, _CMP_NGT_UQ)));
      __m256i rank =
          _mm256_loadu_si256((const __m256i *)(const void *)(values->rank + r));
      rank = _mm256_blendv_epi8(rank, code, is_missing);
      if (feature->n_parts > 1)
        rank = _mm256_min_epi32(
            _mm256_max_epi32(_mm256_sub_epi32(rank, base), zero), last);
      _mm_storel_epi64((__m128i *)(void *)(to + r), narrow_ranks(rank));
    }
  }
}

static void write_columns(const wl_forest_tile *tile,
                          const wl_forest_feature *feature, size_t first,
                          const wl_forest_values *values, size_t n_rows) {
  size_t n_before = 0;
  for (unsigned set = feature->missing; set != 0; set &= set - 1)
    write_part(tile, feature, n_before++, (wl_forest_missing)__builtin_ctz(set),
               first, values, n_rows);
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
      search(forest, feature, &values, n);
      if (size == 1 && tile->shift >= 6)
        write_columns(tile, feature, r, &values, n);
      else
        wl_write_columns(tile, feature, r, &values, n, size);
    }
  }
  for (size_t c = 0; c < forest->n_categories; c++)
    wl_rank_category(tile, &forest->categories[c], x, n_rows, size);
}

void wl_forest_rank_avx2(const wl_forest_tile *tile, const wl_strided *x,
                         size_t n_rows) {
  WL_FOREST_BY_RANK(tile->forest, rank_all, tile, x, n_rows);
}
