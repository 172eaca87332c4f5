/*
 * tally.c: distinct keys of a row by a small hash table that is cleared for
 * each row, sorted rows, and the sums of scores. The order of every sum is
 * fixed here, the same for all instruction sets.
 */
#include "text/tally.h"

#include <math.h>

#include "base/math.h"

enum { INSERTION_SORT_MAX = 40, MIN_HITS = 64, MAX_HITS = 1 << 29 };

wl_status wl_hits_grow(wl_hits *hits, wl_arena *arena, size_t more,
                       wl_error *error) {
  size_t wanted = hits->n + more + MIN_HITS;
  if (wanted < 2 * hits->capacity)
    wanted = 2 * hits->capacity;
  size_t size;
  uint32_t *keys = NULL;
  if (!wl_mul_overflows(wanted, sizeof *keys, &size))
    keys = wl_arena_alloc(arena, size);
  if (keys == NULL)
    return wl_fail_memory(error, size);
  if (hits->n != 0)
    memcpy(keys, hits->keys, hits->n * sizeof *keys);
  hits->keys = keys;
  hits->capacity = wanted;
  return WL_OK;
}

/* The number of slots for n hits: a power of two, at most a quarter in use. */
static size_t n_slots_for(size_t n) {
  size_t n_slots = 128;
  while (n_slots < 4 * n)
    n_slots *= 2;
  return n_slots;
}

static wl_status reserve(wl_tally *tally, wl_arena *arena, size_t n,
                         wl_error *error) {
  if (n <= tally->capacity)
    return WL_OK;
  size_t wanted = n < 2 * tally->capacity ? 2 * tally->capacity : n;
  wanted = wanted < MIN_HITS ? MIN_HITS : wanted;
  size_t n_slots = n_slots_for(wanted);
  uint32_t *slots = wl_arena_alloc(arena, n_slots * sizeof *slots);
  uint32_t *keys = wl_arena_alloc(arena, wanted * sizeof *keys);
  double *sums = wl_arena_alloc(arena, wanted * sizeof *sums);
  if (slots == NULL || keys == NULL || sums == NULL)
    return wl_fail_memory(error, n_slots * sizeof *slots +
                                     wanted * (sizeof *keys + sizeof *sums));
  tally->slots = slots;
  tally->keys = keys;
  tally->sums = sums;
  tally->capacity = wanted;
  return WL_OK;
}

wl_status wl_tally_row(wl_tally *tally, const wl_hits *hits, wl_arena *arena,
                       wl_error *error) {
  tally->n = 0;
  if (hits->n == 0)
    return WL_OK;
  if (hits->n > MAX_HITS)
    return wl_fail(error, WL_ERROR_VALUE,
                   "a row has %zu terms, which is too many; split its text",
                   hits->n);
  WL_TRY(reserve(tally, arena, hits->n, error));
  size_t n_slots = n_slots_for(hits->n);
  unsigned shift = 32 - (unsigned)__builtin_ctzll(n_slots);
  uint32_t *slots = tally->slots, *keys = tally->keys, n = 0;
  double *sums = tally->sums;
  memset(slots, 0, n_slots * sizeof *slots);
  for (size_t i = 0; i < hits->n; i++) {
    uint32_t key = hits->keys[i] & ~WL_HIT_MINUS;
    double sign = hits->keys[i] & WL_HIT_MINUS ? -1 : 1;
    size_t at = (key * UINT32_C(0x9e3779b1)) >> shift;
    while (WL_UNLIKELY(slots[at] != 0 && keys[slots[at] - 1] != key))
      at = (at + 1) & (n_slots - 1);
    /* Whether it is new cannot be foretold: no branch depends on it. */
    uint32_t is_new = slots[at] == 0, place = is_new ? n : slots[at] - 1;
    sums[n] = 0;
    sums[place] += sign;
    keys[place] = key;
    slots[at] = place + 1;
    n += is_new;
  }
  tally->n = n;
  return WL_OK;
}

/* ---- sorted rows --------------------------------------------------------- */

/* Sorts by the upper 32 bits; the result is in either array. */
static uint64_t *radix_sort(uint64_t *items, uint64_t *spare, size_t n) {
  for (unsigned shift = 32; shift < 64; shift += 8) {
    size_t starts[256] = {0}, at = 0;
    for (size_t i = 0; i < n; i++)
      starts[items[i] >> shift & 255]++;
    for (unsigned digit = 0; digit < 256; digit++) {
      size_t count = starts[digit];
      starts[digit] = at;
      at += count;
    }
    for (size_t i = 0; i < n; i++)
      spare[starts[items[i] >> shift & 255]++] = items[i];
    uint64_t *sorted = spare;
    spare = items;
    items = sorted;
  }
  return items;
}

static void insertion_sort(uint64_t *items, size_t n) {
  for (size_t i = 1; i < n; i++) {
    uint64_t item = items[i];
    size_t k = i;
    for (; k > 0 && items[k - 1] > item; k--)
      items[k] = items[k - 1];
    items[k] = item;
  }
}

wl_status wl_tally_push_row(wl_tally *tally, wl_arena *arena,
                            wl_csr_builder *out, wl_error *error) {
  size_t n = tally->n;
  WL_TRY(wl_csr_reserve(out, n, error));
  if (n > tally->sort_capacity) {
    size_t size = 2 * n * sizeof *tally->sorted;
    tally->sorted = wl_arena_alloc(arena, size);
    tally->spare = wl_arena_alloc(arena, size);
    if (tally->sorted == NULL || tally->spare == NULL) {
      tally->sort_capacity = 0;
      return wl_fail_memory(error, 2 * size);
    }
    tally->sort_capacity = 2 * n;
  }
  uint64_t *items = tally->sorted;
  for (size_t i = 0; i < n; i++)
    items[i] = (uint64_t)tally->keys[i] << 32 | i;
  if (n <= INSERTION_SORT_MAX)
    insertion_sort(items, n);
  else
    items = radix_sort(items, tally->spare, n);
  for (size_t i = 0; i < n; i++)
    wl_csr_push(out, (int32_t)(items[i] >> 32),
                tally->sums[(uint32_t)items[i]]);
  wl_csr_end_row(out);
  return WL_OK;
}

/* ---- scores -------------------------------------------------------------- */

wl_status wl_weights_init(wl_weights *weights, const wl_scoring *scoring,
                          size_t n_records, wl_error *error) {
  *weights = (wl_weights){.n_records = n_records,
                          .n_outputs = scoring->n_outputs,
                          .norm = scoring->norm,
                          .tf = scoring->tf};
  if (scoring->n_outputs == 0 || scoring->weights == NULL)
    return wl_fail(error, WL_ERROR_VALUE,
                   "scoring: weights for at least one output are needed");
  if ((unsigned)scoring->norm > WL_NORM_OCCURRENCES)
    return wl_fail(error, WL_ERROR_VALUE, "scoring: norm %d is not known",
                   (int)scoring->norm);
  if ((unsigned)scoring->tf > WL_TF_SUBLINEAR)
    return wl_fail(error, WL_ERROR_VALUE, "scoring: tf %d is not known",
                   (int)scoring->tf);
  size_t stride, n;
  if (wl_add_overflows(scoring->n_outputs, 1, &stride) ||
      wl_mul_overflows(n_records, stride, &n) ||
      n > SIZE_MAX / sizeof *weights->records)
    return wl_fail(error, WL_ERROR_VALUE,
                   "scoring: %zu features with %zu outputs are too many",
                   n_records, scoring->n_outputs);
  weights->records = wl_calloc(n, sizeof *weights->records);
  if (weights->records == NULL)
    return wl_fail_memory(error, n * sizeof *weights->records);
  for (int tf = 0; tf < WL_SUBLINEAR_TABLE; tf++)
    weights->sublinear[tf] = 1 + wl_log(tf);
  return WL_OK;
}

void wl_weights_deinit(wl_weights *weights) {
  wl_free(weights->records);
  *weights = (wl_weights){0};
}

double wl_weights_norm_value(wl_norm norm, double value) {
  return norm == WL_NORM_OCCURRENCES ? value * value : value;
}

void wl_weights_set(wl_weights *weights, size_t record,
                    const wl_scoring *scoring, size_t feature) {
  size_t n = weights->n_outputs;
  double *to = weights->records + record * (n + 1);
  memcpy(to, scoring->weights + feature * n, n * sizeof *to);
  double value =
      scoring->norm_values == NULL ? 1 : scoring->norm_values[feature];
  to[n] = wl_weights_norm_value(scoring->norm, value);
}

size_t wl_weights_size(const wl_weights *weights) {
  return weights->n_records * (weights->n_outputs + 1) *
         sizeof *weights->records;
}

static void apply_tf(const wl_weights *weights, double *tf, size_t n) {
  if (weights->tf == WL_TF_RAW)
    return;
  if (weights->tf == WL_TF_BINARY) {
    for (size_t i = 0; i < n; i++)
      tf[i] = 1;
    return;
  }
  for (size_t i = 0; i < n; i++) {
    bool is_small = tf[i] >= 0 && tf[i] < WL_SUBLINEAR_TABLE;
    tf[i] = is_small ? weights->sublinear[(int)tf[i]] : 1 + wl_log(tf[i]);
  }
}

/* One term more in the sum that becomes the norm. */
static inline double add_to_norm(wl_norm norm, double sum, double value) {
  switch (norm) {
  case WL_NORM_L1:
  case WL_NORM_OCCURRENCES: /* its values are squares */
    return sum + fabs(value);
  case WL_NORM_L2:
    return sum + value * value;
  case WL_NORM_MAX:
    return fabs(value) > sum ? fabs(value) : sum;
  case WL_NORM_NONE:
    break;
  }
  return sum;
}

/* The common case in registers; inlined for each norm. */
static inline void score_one(const double *records, const uint32_t *ids,
                             const double *tf, size_t n, wl_norm norm,
                             double *out, double *norm_sum) {
  double score = 0, sum = 0;
  for (size_t i = 0; i < n; i++) {
    const double *record = records + (size_t)ids[i] * 2;
    score += tf[i] * record[0];
    sum = add_to_norm(norm, sum, tf[i] * record[1]);
  }
  *out = score;
  *norm_sum = sum;
}

static void score_many(const wl_weights *weights, const uint32_t *ids,
                       const double *tf, size_t n, double *out,
                       double *norm_sum) {
  size_t n_outputs = weights->n_outputs;
  double sum = 0;
  memset(out, 0, n_outputs * sizeof *out);
  for (size_t i = 0; i < n; i++) {
    const double *record = weights->records + ids[i] * (n_outputs + 1);
    for (size_t k = 0; k < n_outputs; k++)
      out[k] += tf[i] * record[k];
    sum = add_to_norm(weights->norm, sum, tf[i] * record[n_outputs]);
  }
  *norm_sum = sum;
}

void wl_weights_divide(const wl_weights *weights, double sum, double *out) {
  if (weights->norm == WL_NORM_NONE)
    return;
  bool is_root =
      weights->norm == WL_NORM_L2 || weights->norm == WL_NORM_OCCURRENCES;
  double norm = is_root ? sqrt(sum) : sum;
  for (size_t k = 0; k < weights->n_outputs; k++)
    out[k] = norm == 0 ? 0 : out[k] / norm;
}

void wl_weights_score(const wl_weights *weights, const uint32_t *records,
                      double *tf, size_t n, double *out) {
  double sum = 0;
  apply_tf(weights, tf, n);
  if (weights->n_outputs != 1)
    score_many(weights, records, tf, n, out, &sum);
  else if (weights->norm == WL_NORM_L2)
    score_one(weights->records, records, tf, n, WL_NORM_L2, out, &sum);
  else if (weights->norm == WL_NORM_L1)
    score_one(weights->records, records, tf, n, WL_NORM_L1, out, &sum);
  else if (weights->norm == WL_NORM_MAX)
    score_one(weights->records, records, tf, n, WL_NORM_MAX, out, &sum);
  else if (weights->norm == WL_NORM_OCCURRENCES)
    score_one(weights->records, records, tf, n, WL_NORM_OCCURRENCES, out, &sum);
  else
    score_one(weights->records, records, tf, n, WL_NORM_NONE, out, &sum);
  wl_weights_divide(weights, sum, out);
}
