/*
 * rank.c: selection by radix over scores as integers, then a sort of what was
 * selected (see rank.h). A quickselect would be as short, but is quadratic on
 * some orders of rows; this never is.
 */
#include <math.h>
#include <string.h>

#include "stats/rank.h"

enum { DIGIT = 8, N_DIGITS = 1 << DIGIT };

/* Ascending where scores descend; NaN is the largest. */
static uint64_t key_of(double score) {
  if (isnan(score))
    return UINT64_MAX;
  double plain = score + 0.0; /* -0.0 is 0.0 */
  uint64_t bits;
  memcpy(&bits, &plain, sizeof bits);
  return bits >> 63 ? bits : ~(bits | UINT64_C(1) << 63);
}

/*
 * The k-th smallest key, k from 1 to n; *n_below: keys smaller than it. The
 * keys are moved about. Each round looks at the highest bits in which the
 * remaining keys may differ and keeps those of one digit.
 */
static uint64_t select_key(uint64_t *keys, size_t n, size_t k,
                           size_t *n_below) {
  uint64_t spread = 0;
  *n_below = 0;
  for (size_t i = 1; i < n; i++)
    spread |= keys[i] ^ keys[0];
  unsigned bits = spread != 0 ? 64 - (unsigned)__builtin_clzll(spread) : 0;
  while (bits > 0 && n > 1) {
    unsigned shift = bits > DIGIT ? bits - DIGIT : 0;
    size_t counts[N_DIGITS] = {0}, digit = 0, n_left = 0;
    for (size_t i = 0; i < n; i++)
      counts[keys[i] >> shift & (N_DIGITS - 1)]++;
    /* Below 256 in order: bits above the digit are the same in all keys. */
    uint64_t high = shift + DIGIT < 64 ? keys[0] >> (shift + DIGIT) : 0;
    while (k > counts[digit]) {
      k -= counts[digit];
      *n_below += counts[digit++];
    }
    uint64_t wanted = high << DIGIT | digit;
    for (size_t i = 0; i < n; i++)
      if (keys[i] >> shift == wanted)
        keys[n_left++] = keys[i];
    n = n_left;
    bits = shift;
  }
  return keys[0];
}

wl_status wl_rank_keep(const double *scores, uint64_t n_rows, uint64_t k,
                       uint64_t *rows, uint64_t *n_kept, wl_error *error) {
  size_t n = (size_t)n_rows, size, n_below, at = 0;
  *n_kept = k < n_rows ? k : n_rows;
  if (k == 0)
    return WL_OK;
  if (k >= n_rows) {
    for (uint64_t row = 0; row < n_rows; row++)
      rows[row] = row;
    return WL_OK;
  }
  if (n_rows > SIZE_MAX || wl_mul_overflows(n, sizeof(uint64_t), &size))
    return wl_fail_memory(error, SIZE_MAX);
  uint64_t *keys = wl_alloc(size);
  if (keys == NULL)
    return wl_fail_memory(error, size);
  for (size_t i = 0; i < n; i++)
    keys[i] = key_of(scores[i]);
  uint64_t last = select_key(keys, n, (size_t)k, &n_below);
  wl_free(keys);
  size_t n_equal = (size_t)k - n_below; /* the first of those that tie */
  for (size_t i = 0; i < n; i++) {
    uint64_t key = key_of(scores[i]);
    if (key < last)
      rows[at++] = i;
    else if (key == last && n_equal > 0) {
      rows[at++] = i;
      n_equal--;
    }
  }
  return WL_OK;
}

/* ---- in order --------------------------------------------------------------
 */

typedef struct entry {
  uint64_t key, row;
} entry;

static bool is_before(const entry *a, const entry *b) {
  return a->key != b->key ? a->key < b->key : a->row < b->row;
}

/* Moves entries[at] down a heap whose root comes last. */
static void sift_down(entry *entries, size_t n, size_t at) {
  entry moved = entries[at];
  for (size_t child = 2 * at + 1; child < n; child = 2 * at + 1) {
    if (child + 1 < n && is_before(&entries[child], &entries[child + 1]))
      child++;
    if (!is_before(&moved, &entries[child]))
      break;
    entries[at] = entries[child];
    at = child;
  }
  entries[at] = moved;
}

/* In place, and without the C library's own memory. */
static void sort_entries(entry *entries, size_t n) {
  for (size_t i = n / 2; i-- > 0;)
    sift_down(entries, n, i);
  for (size_t i = n; i-- > 1;) {
    entry last = entries[0];
    entries[0] = entries[i];
    entries[i] = last;
    sift_down(entries, i, 0);
  }
}

wl_status wl_rank_top(const double *scores, uint64_t n_rows, uint64_t k,
                      uint64_t *rows, uint64_t *n_kept, wl_error *error) {
  size_t size;
  WL_TRY(wl_rank_keep(scores, n_rows, k, rows, n_kept, error));
  size_t n = (size_t)*n_kept;
  if (n == 0)
    return WL_OK;
  if (wl_mul_overflows(n, sizeof(entry), &size))
    return wl_fail_memory(error, SIZE_MAX);
  entry *entries = wl_alloc(size);
  if (entries == NULL)
    return wl_fail_memory(error, size);
  for (size_t i = 0; i < n; i++)
    entries[i] = (entry){key_of(scores[rows[i]]), rows[i]};
  sort_entries(entries, n);
  for (size_t i = 0; i < n; i++)
    rows[i] = entries[i].row;
  wl_free(entries);
  return WL_OK;
}
