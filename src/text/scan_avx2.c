/* scan_avx2.c: the tokenizer kernels of scan.h, 64 bytes in two vectors. */
#include <immintrin.h>

#include "text/scan.h"

/* Signed comparisons are right here: bytes above 0x7F are cut off before. */
static inline __m256i between(__m256i v, char low, char high) {
  return _mm256_and_si256(
      _mm256_cmpgt_epi8(v, _mm256_set1_epi8((char)(low - 1))),
      _mm256_cmpgt_epi8(_mm256_set1_epi8((char)(high + 1)), v));
}

static inline uint32_t word_mask(__m256i v) {
  __m256i folded = _mm256_or_si256(v, _mm256_set1_epi8(0x20));
  __m256i word = _mm256_or_si256(
      _mm256_or_si256(between(folded, 'a', 'z'), between(v, '0', '9')),
      _mm256_cmpeq_epi8(v, _mm256_set1_epi8('_')));
  return (uint32_t)_mm256_movemask_epi8(word);
}

static inline __m256i lower(__m256i v) {
  return _mm256_or_si256(
      v, _mm256_and_si256(between(v, 'A', 'Z'), _mm256_set1_epi8(0x20)));
}

static size_t ascii_avx2(const uint8_t *in, size_t size, bool to_lower,
                         uint8_t *out, uint64_t *marks, size_t at) {
  for (size_t done = 0; done < size; done += 64) {
    uint8_t tail[64];
    const uint8_t *block = in + done;
    size_t n = 64;
    if (size - done < 64) {
      n = size - done;
      memset(tail, 0, sizeof tail);
      memcpy(tail, block, n);
      block = tail;
    }
    __m256i a = _mm256_loadu_si256((const __m256i *)(const void *)block);
    __m256i b = _mm256_loadu_si256((const __m256i *)(const void *)(block + 32));
    uint64_t other = (uint32_t)_mm256_movemask_epi8(a) |
                     (uint64_t)(uint32_t)_mm256_movemask_epi8(b) << 32;
    uint64_t word = word_mask(a) | (uint64_t)word_mask(b) << 32;
    if (to_lower) {
      a = lower(a);
      b = lower(b);
    }
    _mm256_storeu_si256((__m256i *)(void *)(out + done), a);
    _mm256_storeu_si256((__m256i *)(void *)(out + done + 32), b);
    if (WL_UNLIKELY(other != 0)) {
      n = (size_t)__builtin_ctzll(other);
      wl_marks_append(marks, at + done, _bzhi_u64(word, (unsigned)n));
      return done + n;
    }
    wl_marks_append(marks, at + done, word);
  }
  return size;
}

static size_t bounds_avx2(const uint64_t *marks, size_t size, bool drop_single,
                          uint32_t *bounds) {
  return wl_scan_bounds_inline(marks, size, drop_single, bounds);
}

static void find_avx2(const wl_string_table *table, const wl_scan_keys *keys,
                      size_t n, uint32_t *ids) {
  wl_scan_find_inline(table, keys, n, ids);
}

const wl_scan wl_scan_avx2 = {ascii_avx2, bounds_avx2, find_avx2};
