/*
 * scan.c: the portable tokenizer kernels, which specify the others, and the
 * choice between the variants. Blocks of 64 are written so that the compiler
 * vectorizes them.
 */
#include "text/scan.h"

/* 1 for 0-9, A-Z, a-z and _ */
static inline uint8_t is_word_byte(uint8_t c) {
  uint8_t letter = (uint8_t)((c | 0x20) - 'a') < 26;
  uint8_t digit = (uint8_t)(c - '0') < 10;
  return letter | digit | (c == '_');
}

static inline uint8_t to_lower_byte(uint8_t c) {
  return (uint8_t)(c | ((uint8_t)((uint8_t)(c - 'A') < 26) << 5));
}

/* 64 bytes of 0 or 1 as 64 bits; the multiplication gathers eight of them. */
static inline uint64_t pack_bits(const uint8_t flags[64]) {
  uint64_t bits = 0;
  for (unsigned i = 0; i < 8; i++) {
    uint64_t eight = 0;
    for (unsigned k = 0; k < 8; k++)
      eight |= (uint64_t)flags[i * 8 + k] << (8 * k);
    bits |= (eight * 0x0102040810204080u >> 56) << (8 * i);
  }
  return bits;
}

static size_t ascii_portable(const uint8_t *in, size_t size, bool to_lower,
                             uint8_t *out, uint64_t *marks, size_t at) {
  for (size_t done = 0; done < size; done += 64) {
    uint8_t block[64] = {0}, flags[64];
    size_t n = size - done < 64 ? size - done : 64;
    memcpy(block, in + done, n);
    uint8_t high = 0;
    for (unsigned i = 0; i < 64; i++)
      high |= block[i];
    if (high & 0x80) {
      n = 0;
      while (block[n] < 0x80)
        n++;
      memset(block + n, 0, 64 - n);
    }
    for (unsigned i = 0; i < 64; i++)
      flags[i] = is_word_byte(block[i]);
    if (to_lower)
      for (unsigned i = 0; i < 64; i++)
        block[i] = to_lower_byte(block[i]);
    memcpy(out + done, block, 64);
    wl_marks_append(marks, at + done, pack_bits(flags));
    if (high & 0x80)
      return done + n;
  }
  return size;
}

static size_t bounds_portable(const uint64_t *marks, size_t size,
                              bool drop_single, uint32_t *bounds) {
  return wl_scan_bounds_inline(marks, size, drop_single, bounds);
}

static void find_portable(const wl_string_table *table,
                          const wl_scan_keys *keys, size_t n, uint32_t *ids) {
  wl_scan_find_inline(table, keys, n, ids);
}

static const wl_scan portable = {ascii_portable, bounds_portable,
                                 find_portable};

const wl_scan *wl_scan_for(wl_cpu_level level) {
#if defined(__x86_64__)
  if (level >= WL_CPU_AVX512)
    return &wl_scan_avx512;
  if (level >= WL_CPU_AVX2)
    return &wl_scan_avx2;
#endif
  (void)level;
  return &portable;
}
