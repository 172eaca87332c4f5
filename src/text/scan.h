/*
 * scan.h: the vectorized part of the word engines: lower-casing ASCII while
 * marking its word characters, turning marks into token bounds, and looking
 * tokens up. Every variant gives the same answer; the portable one is the
 * specification.
 */
#ifndef WL_TEXT_SCAN_H
#define WL_TEXT_SCAN_H

#include "base/base.h"
#include "base/cpu.h"
#include "text/string_table.h"

/*
 * Marks: one bit for each byte of a text, set in word characters. Bits from
 * the end of what is written up to the end of that word are zero.
 */
static inline void wl_marks_append(uint64_t *marks, size_t at, uint64_t more) {
  unsigned shift = at & 63;
  marks[at >> 6] |= more << shift;
  marks[(at >> 6) + 1] = more >> 1 >> (63 - shift);
}

/*
 * Copies ASCII from `in` to `out` until another byte or the end, as lower case
 * if asked, and appends its marks at bit `at`. Returns the bytes copied. May
 * write 64 bytes past the end of `out`, never reads past in + size.
 */
typedef size_t wl_scan_ascii_fn(const uint8_t *in, size_t size, bool to_lower,
                                uint8_t *out, uint64_t *marks, size_t at);

/*
 * The bounds of the runs of marks: begin, end, begin, end ... (two for each
 * run). drop_single leaves out runs of one byte. Returns how many numbers there
 * are, at most size + 1 rounded up to even; WL_SCAN_OVERRUN more may be
 * written.
 */
enum { WL_SCAN_OVERRUN = 64 };
typedef size_t wl_scan_bounds_fn(const uint64_t *marks, size_t size,
                                 bool drop_single, uint32_t *bounds);

/* The keys of a batch of tokens. */
enum { WL_SCAN_BATCH = 32 };
typedef struct wl_scan_keys {
  uint64_t hash[WL_SCAN_BATCH], low[WL_SCAN_BATCH], high[WL_SCAN_BATCH];
} wl_scan_keys;

/* What stands for `high` of a token above WL_SHORT_STRING, which its key does
 * not tell: the id is WL_NO_ID. */
#define WL_SCAN_LONG UINT64_MAX

/* Key i becomes a token's, of which 16 bytes past the end may be read, and its
 * slot is asked for. True for a long one, whose id is then *id. */
static inline bool wl_scan_put_key(wl_scan_keys *keys, size_t i,
                                   const wl_string_table *table,
                                   const uint8_t *token, size_t size,
                                   uint32_t *id) {
  wl_string_key key = wl_string_key_of(token, size);
  wl_string_table_prefetch(table, &key);
  keys->hash[i] = key.hash;
  keys->low[i] = key.record.low;
  keys->high[i] = key.record.high;
  if (WL_LIKELY(size <= WL_SHORT_STRING))
    return false;
  *id = wl_string_table_find_key(table, &key, token);
  keys->high[i] = WL_SCAN_LONG;
  return true;
}

/* The ids of the n tokens that have these keys, or WL_NO_ID. The first slots
 * have been asked for. Whole vectors: up to WL_SCAN_FIND_OVERRUN ids more may
 * be written. */
enum { WL_SCAN_FIND_OVERRUN = 7 };
typedef void wl_scan_find_fn(const wl_string_table *table,
                             const wl_scan_keys *keys, size_t n, uint32_t *ids);

typedef struct wl_scan {
  wl_scan_ascii_fn *ascii;
  wl_scan_bounds_fn *bounds;
  wl_scan_find_fn *find;
} wl_scan;

/* The variant of a level, or of a lower one. */
const wl_scan *wl_scan_for(wl_cpu_level level);

extern const wl_scan wl_scan_avx2, wl_scan_avx512;

static inline uint32_t wl_scan_find_one(const wl_string_table *table,
                                        const wl_scan_keys *keys, size_t i) {
  wl_string_key key = {keys->hash[i], {keys->low[i], keys->high[i]}};
  return wl_string_table_find_key(table, &key, NULL);
}

/* wl_scan_find_fn in plain C */
static inline void wl_scan_find_inline(const wl_string_table *table,
                                       const wl_scan_keys *keys, size_t n,
                                       uint32_t *ids) {
  for (size_t i = 0; i < n; i++)
    ids[i] = wl_scan_find_one(table, keys, i);
}

/* wl_scan_bounds_fn in plain C; each variant compiles it with its own flags. */
static inline size_t wl_scan_bounds_inline(const uint64_t *marks, size_t size,
                                           bool drop_single, uint32_t *bounds) {
  uint32_t *out = bounds;
  uint64_t before = 0; /* the last mark of the word before, as it was */
  uint64_t carry = 0;  /* the last mark of the word before, as it was kept */
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
    uint32_t base = (uint32_t)(i * 64);
    while (turns != 0) {
      *out++ = base + (uint32_t)__builtin_ctzll(turns);
      turns &= turns - 1;
    }
  }
  return (size_t)(out - bounds);
}

#endif
