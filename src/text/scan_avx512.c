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

/* wl_scan_bounds_inline, but the positions of a word's turns are packed
 * together at once and widened 16 at a time. */
static size_t bounds_avx512(const uint64_t *marks, size_t size,
                            bool drop_single, uint32_t *bounds) {
  __m512i iota = _mm512_set_epi64(0x3f3e3d3c3b3a3938, 0x3736353433323130,
                                  0x2f2e2d2c2b2a2928, 0x2726252423222120,
                                  0x1f1e1d1c1b1a1918, 0x1716151413121110,
                                  0x0f0e0d0c0b0a0908, 0x0706050403020100);
  uint32_t *out = bounds;
  uint64_t before = 0, carry = 0;
  size_t last = size / 64;
  for (size_t i = 0; i <= last; i++) {
    uint64_t kept = marks[i];
    if (drop_single) {
      uint64_t raw = kept;
      uint64_t after = i < last ? marks[i + 1] << 63 : 0;
      kept &= (raw << 1 | before) | (raw >> 1 | after);
      before = raw >> 63;
    }
    uint64_t turns = kept ^ (kept << 1 | carry);
    carry = kept >> 63;
    __m512i base = _mm512_set1_epi32((int)(i * 64));
    __m512i packed = _mm512_maskz_compress_epi8(turns, iota);
    int n = __builtin_popcountll(turns);
    _mm512_storeu_si512(
        out, _mm512_add_epi32(
                 base, _mm512_cvtepu8_epi32(_mm512_castsi512_si128(packed))));
    if (n > 16)
      _mm512_storeu_si512(
          out + 16,
          _mm512_add_epi32(base, _mm512_cvtepu8_epi32(
                                     _mm512_extracti32x4_epi32(packed, 1))));
    if (WL_UNLIKELY(n > 32)) {
      _mm512_storeu_si512(
          out + 32,
          _mm512_add_epi32(base, _mm512_cvtepu8_epi32(
                                     _mm512_extracti32x4_epi32(packed, 2))));
      _mm512_storeu_si512(
          out + 48,
          _mm512_add_epi32(base, _mm512_cvtepu8_epi32(
                                     _mm512_extracti32x4_epi32(packed, 3))));
    }
    out += n;
  }
  return (size_t)(out - bounds);
}

const wl_scan wl_scan_avx512 = {ascii_avx512, bounds_avx512};
