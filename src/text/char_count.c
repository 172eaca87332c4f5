/*
 * char_count.c: rows to CSR counts, columns sorted.
 */
#include "text/char_internal.h"

/* Entries below which insertion beats the passes of a radix sort. */
enum { SMALL_SORT = 48 };

typedef struct counts {
  wl_csr_builder *out;
  uint64_t *entries[2]; /* term << 32 | count */
  size_t capacity;
} counts;

static void sort_small(uint64_t *entries, size_t n) {
  for (size_t i = 1; i < n; i++) {
    uint64_t entry = entries[i];
    size_t at = i;
    for (; at > 0 && entries[at - 1] > entry; at--)
      entries[at] = entries[at - 1];
    entries[at] = entry;
  }
}

/* Sorts by term, a byte a pass; returns which of the two arrays has it. */
static uint64_t *sort_entries(counts *c, size_t n, size_t n_features) {
  uint64_t *from = c->entries[0], *to = c->entries[1];
  if (n < SMALL_SORT) {
    sort_small(from, n);
    return from;
  }
  for (unsigned shift = 0; shift < 32 && (n_features - 1) >> shift != 0;
       shift += 8) {
    uint32_t starts[257] = {0};
    for (size_t i = 0; i < n; i++)
      starts[(from[i] >> (32 + shift) & 0xff) + 1]++;
    for (size_t b = 1; b < 257; b++)
      starts[b] += starts[b - 1];
    for (size_t i = 0; i < n; i++)
      to[starts[from[i] >> (32 + shift) & 0xff]++] = from[i];
    uint64_t *swapped = from;
    from = to;
    to = swapped;
  }
  return from;
}

static wl_status reserve_entries(wl_char_run *run, counts *c, size_t n,
                                 wl_error *error) {
  if (n <= c->capacity)
    return WL_OK;
  size_t capacity = 2 * n + 256;
  for (size_t k = 0; k < 2; k++) {
    c->entries[k] = wl_arena_alloc(run->arena, capacity * sizeof(uint64_t));
    if (c->entries[k] == NULL)
      return wl_fail_memory(error, capacity * sizeof(uint64_t));
  }
  c->capacity = capacity;
  return WL_OK;
}

static wl_status write_row(wl_char_run *run, wl_error *error) {
  counts *c = run->user;
  const wl_char_counter *counter = &run->counter;
  const int32_t *terms = run->engine->terms;
  WL_TRY(reserve_entries(run, c, counter->n_touched, error));
  size_t n = 0;
  for (size_t i = 0; i < counter->n_touched; i++) {
    uint32_t place = counter->touched[i];
    int32_t term = terms[wl_char_counter_slot(counter, place)];
    c->entries[0][n] = (uint64_t)(uint32_t)term << 32 | counter->counts[place];
    n += term >= 0;
  }
  wl_char_counter_clear(&run->counter);
  const uint64_t *sorted = sort_entries(c, n, run->engine->n_features);
  WL_TRY(wl_csr_reserve(c->out, n, error));
  for (size_t i = 0; i < n; i++)
    wl_csr_push(c->out, (int32_t)(sorted[i] >> 32),
                (double)(uint32_t)sorted[i]);
  wl_csr_end_row(c->out);
  return WL_OK;
}

static wl_status count_row(wl_char_run *run, size_t row, size_t start, size_t n,
                           wl_error *error) {
  (void)row;
  WL_TRY(wl_char_run_count(run, start, n, error));
  return write_row(run, error);
}

static wl_status count_segment(wl_char_run *run, size_t row, size_t start,
                               size_t n, bool is_first, bool is_last,
                               wl_error *error) {
  (void)row;
  (void)is_first;
  WL_TRY(wl_char_run_count(run, start, n, error));
  return is_last ? write_row(run, error) : WL_OK;
}

static wl_status resize(wl_char_run *run, size_t n, wl_error *error) {
  (void)n;
  if (run->has_counter)
    return WL_OK;
  run->has_counter = true;
  return wl_char_counter_init(&run->counter, run->engine, run->n_bytes,
                              run->arena, error);
}

static const wl_char_consumer counting = {
    .row = count_row, .segment = count_segment, .resize = resize};

wl_status wl_char_engine_count(const wl_char_engine *engine,
                               const wl_string *rows, size_t n_rows,
                               wl_arena *arena, wl_csr_builder *out,
                               wl_error *error) {
  if (engine->terms == NULL)
    return wl_fail(error, WL_ERROR_INTERNAL,
                   "count: this vectorizer was built for scoring");
  counts c = {.out = out};
  wl_char_run run = {.engine = engine, .arena = arena, .user = &c};
  return wl_char_run_rows(&run, &counting, rows, n_rows, error);
}
