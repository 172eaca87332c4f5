/* scan_avx512.c: the tokenizer kernels of scan.h, 64 bytes in one vector. */
#include <immintrin.h>

#include "text/scan.h"

static inline __mmask64 between(__m512i v, char low, char high) {
  return _mm512_cmple_epu8_mask(_mm512_sub_epi8(v, _mm512_set1_epi8(low)),
                                _mm512_set1_epi8((char)(high - low)));
}

static size_t ascii_avx512(const uint8_t *in, size_t size, bool to_lower,
                           uint8_t *out, uint64_t *marks, size_t at) {
  const __m512i bit5 = _mm512_set1_epi8(0x20);
  for (size_t done = 0; done < size; done += 64) {
    __mmask64 inside = ~(__mmask64)0;
    if (size - done < 64)
      inside = _bzhi_u64(inside, (unsigned)(size - done));
    __m512i v = _mm512_maskz_loadu_epi8(inside, in + done);
    __mmask64 other = _mm512_movepi8_mask(v);
    __mmask64 letter = between(_mm512_or_si512(v, bit5), 'a', 'z');
    __mmask64 word = letter | between(v, '0', '9') |
                     _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('_'));
    if (to_lower)
      v = _mm512_or_si512(v, _mm512_maskz_mov_epi8(letter, bit5));
    _mm512_storeu_si512(out + done, v);
    if (WL_UNLIKELY(other != 0)) {
      size_t n = (size_t)__builtin_ctzll(other);
      wl_marks_append(marks, at + done, _bzhi_u64(word, (unsigned)n));
      return done + n;
    }
    wl_marks_append(marks, at + done, word);
  }
  return size;
}

static size_t bounds_avx512(const uint64_t *marks, size_t size,
                            bool drop_single, uint32_t *bounds) {
  return wl_scan_bounds_inline(marks, size, drop_single, bounds);
}

const wl_scan wl_scan_avx512 = {ascii_avx512, bounds_avx512};
