/* digest.c: see digest.h. */
#include "artifact/digest.h"

#include <inttypes.h>
#include <stdio.h>

/* The library's code is compiled in: no symbols, no run-time dependency. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wcast-qual"
#define XXH_INLINE_ALL
#include <xxhash.h>
#pragma GCC diagnostic pop

void wl_digest(const uint8_t *bytes, size_t size,
               char digits[WL_DIGEST_DIGITS + 1]) {
  XXH3_state_t state __attribute__((aligned(64)));
  char zeros[WL_DIGEST_DIGITS];
  memset(zeros, '0', sizeof zeros);
  size_t after = WL_DIGEST_OFFSET + WL_DIGEST_DIGITS;
  XXH3_INITSTATE(&state);
  (void)XXH3_128bits_reset(&state);
  (void)XXH3_128bits_update(&state, bytes, WL_DIGEST_OFFSET);
  (void)XXH3_128bits_update(&state, zeros, sizeof zeros);
  (void)XXH3_128bits_update(&state, bytes + after, size - after);
  XXH128_hash_t hash = XXH3_128bits_digest(&state);
  (void)snprintf(digits, WL_DIGEST_DIGITS + 1, "%016" PRIx64 "%016" PRIx64,
                 (uint64_t)hash.high64, (uint64_t)hash.low64);
}
