/*
 * char_avx512.h: what the AVX-512 files of the character engine share.
 */
#ifndef WL_TEXT_CHAR_AVX512_H
#define WL_TEXT_CHAR_AVX512_H

#include <immintrin.h>

#include "text/char_loops.h"

WL_INLINE uint64_t low_bits(size_t n) {
  return n >= 64 ? ~UINT64_C(0) : (UINT64_C(1) << n) - 1;
}

WL_INLINE __m512i load16(const uint16_t *classes) {
  return _mm512_cvtepu16_epi32(
      _mm256_loadu_si256((const __m256i *)(const void *)classes));
}

WL_INLINE void store16(uint16_t *out, __m512i states) {
  _mm256_storeu_si256((__m256i *)(void *)out, _mm512_cvtepi32_epi16(states));
}

/* The kernel `pairs`. */
void wl_char_pairs_avx512(wl_char_pairs *p, const uint32_t *starts,
                          size_t n_rows);

#endif
