/* digest.h: the artifact's digest: XXH3, 128 bits, over every byte of the file
 * with its own digits taken as '0'. It finds damage, not forgery. */
#ifndef WL_ARTIFACT_DIGEST_H
#define WL_ARTIFACT_DIGEST_H

#include "base/base.h"

/* The header begins with this, then the digits: their place is fixed. */
#define WL_DIGEST_PREFIX "{\"__metadata__\":{\"digest\":\"xxh3-128:"
enum {
  WL_DIGEST_DIGITS = 32,
  WL_DIGEST_OFFSET = 8 + sizeof(WL_DIGEST_PREFIX) - 1
};

/* size >= WL_DIGEST_OFFSET + WL_DIGEST_DIGITS */
void wl_digest(const uint8_t *bytes, size_t size,
               char digits[WL_DIGEST_DIGITS + 1]);

#endif
