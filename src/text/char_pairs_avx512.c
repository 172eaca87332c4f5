/*
 * char_pairs_avx512.c: the pairs of char_pairs.h with AVX-512, sixteen at a
 * time, for slots of 16 bits.
 */
#include "text/char_pairs.h"

#include "text/char_avx512.h"

static size_t list_narrow_links(wl_char_pairs *p, const uint16_t *slots,
                                size_t row, size_t begin, size_t end,
                                size_t n_pairs) {
  const __m512i step = _mm512_set1_epi32(16);
  const __m512i start = _mm512_set1_epi32((int)begin);
  __m512i at = _mm512_add_epi32(
      _mm512_set1_epi32((int)(row << 16 | begin)),
      _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0));
  for (size_t i = begin; i < end; i += 16) {
    __m512i before = load16(p->before + i), here = load16(slots + i);
    __mmask16 mask = (__mmask16)low_bits(end - i);
    __mmask16 some = _mm512_mask_cmpgt_epu32_mask(
        _mm512_mask_test_epi32_mask(mask, here, here), before, start);
    _mm512_mask_cvtepi32_storeu_epi16(p->before + i, mask,
                                      _mm512_maskz_mov_epi32(some, before));
    _mm512_storeu_si512(p->at + n_pairs, _mm512_maskz_compress_epi32(some, at));
    store16(p->seen + n_pairs, _mm512_maskz_compress_epi32(some, before));
    n_pairs += (size_t)__builtin_popcount(some);
    at = _mm512_add_epi32(at, step);
  }
  return n_pairs;
}

static inline size_t list_steps(wl_char_pairs *p, const void *slots,
                                bool is_wide, size_t row, size_t begin,
                                size_t end, size_t n_pairs) {
  return is_wide ? list_links(p, slots, true, row, begin, end, n_pairs)
                 : list_narrow_links(p, slots, row, begin, end, n_pairs);
}

/* 16 of a table of 16 bits. */
WL_INLINE __m512i gather16(const uint16_t *table, __m512i at) {
  return _mm512_and_si512(_mm512_i32gather_epi32(at, table, 2),
                          _mm512_set1_epi32(0xffff));
}

/* common_classes of 8 pairs */
WL_INLINE __m256i common8(const uint16_t *classes, __m256i i, __m256i j) {
  __m512i differ = _mm512_xor_si512(_mm512_i32gather_epi64(i, classes - 5, 2),
                                    _mm512_i32gather_epi64(j, classes - 5, 2));
  return _mm512_cvtepi64_epi32(
      _mm512_srli_epi64(_mm512_lzcnt_epi64(differ), 4));
}

static size_t add_narrow(wl_char_pairs *p, size_t n_pairs) {
  size_t first = p->tables->first_level, n = 0;
  const uint16_t *levels = (uint16_t *)p->levels + (2 - first) * p->pitch;
  const __m512i pitch = _mm512_set1_epi32((int)p->pitch);
  const __m512i most = _mm512_set1_epi32((int)p->tables->n_levels - 2);
  const __m256i stride = _mm256_set1_epi32((int)p->stride);
  double *lanes = p->lanes;
  for (size_t k = 0; k < n_pairs; k += 16) {
    __mmask16 mask = (__mmask16)low_bits(n_pairs - k);
    __m512i at = _mm512_maskz_loadu_epi32(mask, p->at + k),
            i = _mm512_and_si512(at, _mm512_set1_epi32(0xffff)),
            j = _mm512_maskz_mov_epi32(mask, load16(p->seen + k));
    __m256i low = common8(p->classes, _mm512_castsi512_si256(i),
                          _mm512_castsi512_si256(j));
    __m256i high = common8(p->classes, _mm512_extracti64x4_epi64(i, 1),
                           _mm512_extracti64x4_epi64(j, 1));
    __m512i level = _mm512_min_epu32(
        most, _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1));
    __m512i places = _mm512_add_epi32(_mm512_mullo_epi32(level, pitch), i);
    __m512i slots = gather16(levels, places);
    __mmask16 none = _mm512_mask_testn_epi32_mask(mask, slots, slots);
    while (none != 0) {
      places = _mm512_sub_epi32(places, pitch);
      slots = _mm512_mask_i32gather_epi32(slots, none, places, levels, 2);
      slots = _mm512_and_si512(slots, _mm512_set1_epi32(0xffff));
      none = _mm512_mask_testn_epi32_mask(mask, slots, slots);
    }
    double values[16];
    _mm512_storeu_pd(
        values, _mm512_i32gather_pd(
                    _mm256_mullo_epi32(_mm512_castsi512_si256(slots), stride),
                    p->norms, 8));
    _mm512_storeu_pd(
        values + 8,
        _mm512_i32gather_pd(
            _mm256_mullo_epi32(_mm512_extracti64x4_epi64(slots, 1), stride),
            p->norms, 8));
    uint32_t place[16];
    _mm512_storeu_si512(
        place, _mm512_add_epi32(_mm512_slli_epi32(_mm512_srli_epi32(at, 16), 3),
                                _mm512_and_si512(i, _mm512_set1_epi32(7))));
    __m512i before = gather16(p->before, j);
    __mmask16 some = _mm512_mask_test_epi32_mask(mask, before, before);
    _mm512_storeu_si512(p->at + n, _mm512_maskz_compress_epi32(some, at));
    store16(p->seen + n, _mm512_maskz_compress_epi32(some, before));
    n += (size_t)__builtin_popcount(some);
    size_t m = n_pairs - k < 16 ? n_pairs - k : 16;
    for (size_t l = 0; l < m; l++)
      lanes[place[l]] += values[l];
  }
  return n;
}

static inline size_t add_steps(wl_char_pairs *p, bool is_wide, size_t n_pairs) {
  return is_wide ? add_pairs(p, true, n_pairs) : add_narrow(p, n_pairs);
}

void wl_char_pairs_avx512(wl_char_pairs *p, const uint32_t *starts,
                          size_t n_rows) {
  pairs_loop(p, starts, n_rows, (wl_pair_steps){list_steps, add_steps});
}
