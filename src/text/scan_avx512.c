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

/* One of two slots a lane: those of `bits` that agree with the hash. */
static inline __m512i pick(__m512i slots, __mmask16 same) {
  __m512i v = _mm512_maskz_mov_epi32(same, slots);
  return _mm512_mask_blend_epi64(
      (__mmask8)_pext_u32(same, 0x5555), _mm512_srli_epi64(v, 32),
      _mm512_and_si512(v, _mm512_set1_epi64(UINT32_MAX)));
}

/*
 * The first slot with the bits of each hash among those that probing looks at
 * first, or 0; *is_open: a slot of them is empty, so that there is no other.
 * Where the probe ends cannot be foretold: no branch depends on it.
 */
static inline __m256i probe8(const wl_slots *slots, __m512i hash,
                             __mmask8 *is_open) {
  const __m512i other = _mm512_set1_epi32((int)~slots->id_mask);
  __m512i at = _mm512_srl_epi64(hash, _mm_cvtsi32_si128((int)slots->shift));
  __m512i near = _mm512_i64gather_epi64(at, slots->slots, 4),
          far = _mm512_i64gather_epi64(at, slots->slots + 2, 4);
  __m512i bits =
      _mm512_or_si512(_mm512_slli_epi64(hash, 32),
                      _mm512_and_si512(hash, _mm512_set1_epi64(UINT32_MAX)));
  __m512i n = pick(near, _mm512_testn_epi32_mask(_mm512_xor_si512(near, bits),
                                                 other)),
          f = pick(far,
                   _mm512_testn_epi32_mask(_mm512_xor_si512(far, bits), other));
  uint32_t empty =
      _mm512_testn_epi32_mask(near, near) | _mm512_testn_epi32_mask(far, far);
  *is_open = (__mmask8)_pext_u32(empty | empty >> 1, 0x5555);
  return _mm512_cvtepi64_epi32(
      _mm512_mask_mov_epi64(n, _mm512_testn_epi64_mask(n, n), f));
}

static void find_avx512(const wl_string_table *table, const wl_scan_keys *keys,
                        size_t n, uint32_t *ids) {
  const __m256i id_mask = _mm256_set1_epi32((int)table->slots.id_mask);
  const __m256i one = _mm256_set1_epi32(1);
  for (size_t i = 0; i < n; i += 8) {
    __mmask8 inside =
        (__mmask8)_bzhi_u32(0xff, n - i < 8 ? (unsigned)(n - i) : 8);
    __m512i hash = _mm512_maskz_loadu_epi64(inside, keys->hash + i);
    __mmask8 is_open;
    __m256i found = probe8(&table->slots, hash, &is_open);
    __mmask8 some = _mm256_mask_test_epi32_mask(inside, found, found);
    /* without a candidate: none, all bits */
    __m256i id = _mm256_sub_epi32(_mm256_and_si256(found, id_mask), one);
    __m512i at = _mm512_cvtepu32_epi64(_mm256_add_epi32(id, id)), none = at;
    __m512i low =
        _mm512_mask_i64gather_epi64(none, some, at, &table->records[0].low, 8);
    __m512i high =
        _mm512_mask_i64gather_epi64(none, some, at, &table->records[0].high, 8);
    __mmask8 same = _mm512_mask_cmpeq_epi64_mask(
        _mm512_mask_cmpeq_epi64_mask(
            some, low, _mm512_maskz_loadu_epi64(inside, keys->low + i)),
        high, _mm512_maskz_loadu_epi64(inside, keys->high + i));
    _mm256_storeu_si256((__m256i *)(void *)(ids + i), id);
    /* the rare ones that are further on, or whose hash has another's bits */
    for (unsigned rest = inside & (some | ~is_open) & ~same;
         WL_UNLIKELY(rest != 0); rest &= rest - 1) {
      size_t k = i + (size_t)__builtin_ctz(rest);
      ids[k] = wl_scan_find_one(table, keys, k);
    }
  }
}

const wl_scan wl_scan_avx512 = {ascii_avx512, bounds_avx512, find_avx512};
