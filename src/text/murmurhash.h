/*
 * murmurhash.h: MurmurHash3_x86_32 (Austin Appleby's algorithm, seed 0) as the
 * hashing vectorizer uses it, also step by step over texts that share their
 * beginning.
 */
#ifndef WL_TEXT_MURMURHASH_H
#define WL_TEXT_MURMURHASH_H

#include "base/base.h"

/* The hash of a growing text: whole blocks of four bytes so far. */
typedef struct wl_murmur {
  uint32_t state;
  size_t done; /* bytes, a multiple of 4 */
} wl_murmur;

static inline uint32_t wl_murmur_scramble(uint32_t k) {
  k *= 0xcc9e2d51u;
  k = k << 15 | k >> 17;
  return k * 0x1b873593u;
}

/* Takes the whole blocks of text[0, size); size must not shrink. */
static inline void wl_murmur_extend(wl_murmur *murmur, const uint8_t *text,
                                    size_t size) {
  for (; murmur->done + 4 <= size; murmur->done += 4) {
    const uint8_t *p = text + murmur->done;
    uint32_t k = p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
                 (uint32_t)p[3] << 24;
    uint32_t h = murmur->state ^ wl_murmur_scramble(k);
    murmur->state = (h << 13 | h >> 19) * 5 + 0xe6546b64u;
  }
}

/* The hash of text[0, size), whose whole blocks have been taken. */
static inline uint32_t wl_murmur_finish(const wl_murmur *murmur,
                                        const uint8_t *text, size_t size) {
  uint32_t k = 0;
  for (size_t i = size; i > murmur->done; i--)
    k = k << 8 | text[i - 1];
  uint32_t h = murmur->state ^ wl_murmur_scramble(k);
  h ^= (uint32_t)size;
  h = (h ^ h >> 16) * 0x85ebca6bu;
  h = (h ^ h >> 13) * 0xc2b2ae35u;
  return h ^ h >> 16;
}

static inline uint32_t wl_murmur_hash(const uint8_t *text, size_t size) {
  wl_murmur murmur = {0, 0};
  wl_murmur_extend(&murmur, text, size);
  return wl_murmur_finish(&murmur, text, size);
}

#endif
