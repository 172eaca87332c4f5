/*
 * tally.h: the distinct keys of a row, in order of their first occurrence,
 * with their sums; and scoring them. Memory is sized to the row, never to the
 * vocabulary, so that a short text costs little.
 */
#ifndef WL_TEXT_TALLY_H
#define WL_TEXT_TALLY_H

#include "text/vectorizer.h"

/* What a row's traversal found: keys below 2^31, one for each occurrence;
 * WL_HIT_MINUS set counts it as -1. Arena memory, used again for each row. */
#define WL_HIT_MINUS (UINT32_C(1) << 31)

typedef struct wl_hits {
  uint32_t *keys;
  size_t n, capacity;
} wl_hits;

/* Room for `more` pushes. */
wl_status wl_hits_grow(wl_hits *hits, wl_arena *arena, size_t more,
                       wl_error *error);
static inline wl_status wl_hits_reserve(wl_hits *hits, wl_arena *arena,
                                        size_t more, wl_error *error) {
  if (WL_LIKELY(hits->capacity - hits->n >= more))
    return WL_OK;
  return wl_hits_grow(hits, arena, more, error);
}
static inline void wl_hits_push(wl_hits *hits, uint32_t key) {
  hits->keys[hits->n++] = key;
}

typedef struct wl_tally {
  uint32_t *slots; /* 0: empty; else the position in keys + 1 */
  uint32_t *keys;
  double *sums;
  uint64_t *sorted, *spare; /* of wl_tally_push_row */
  size_t n;
  size_t capacity; /* hits that fit */
  size_t sort_capacity;
} wl_tally;

/* The distinct keys of the hits and their sums. */
wl_status wl_tally_row(wl_tally *tally, const wl_hits *hits, wl_arena *arena,
                       wl_error *error);

/* Ends the row in `out`: its keys, sorted, as columns. */
wl_status wl_tally_push_row(wl_tally *tally, wl_arena *arena,
                            wl_csr_builder *out, wl_error *error);

/* ---- scores -------------------------------------------------------------- */

enum { WL_SUBLINEAR_TABLE = 64 };

/*
 * The weights of a term beside each other and its norm value behind them:
 * record r is records[r * (n_outputs + 1)].
 */
typedef struct wl_weights {
  double *records; /* owned */
  size_t n_records;
  size_t n_outputs;
  wl_norm norm;
  wl_tf tf;
  double sublinear[WL_SUBLINEAR_TABLE]; /* 1 + log(tf) */
} wl_weights;

/* What is added up of a norm value: its square, for the norm that is linear in
 * tf. */
double wl_weights_norm_value(wl_norm norm, double value);
/* Checks the scoring and makes n_records zeroed records. */
wl_status wl_weights_init(wl_weights *weights, const wl_scoring *scoring,
                          size_t n_records, wl_error *error);
void wl_weights_deinit(wl_weights *weights);
/* Record r takes the weights and norm value of a feature. */
void wl_weights_set(wl_weights *weights, size_t record,
                    const wl_scoring *scoring, size_t feature);
size_t wl_weights_size(const wl_weights *weights);

/* Ends a row: outputs through the norm, whose sum (L2: of squares) it is. */
void wl_weights_divide(const wl_weights *weights, double sum, double *out);

/*
 * Scores a row from n distinct records and their term frequencies (which it
 * overwrites), summing in their order: numerator[k] += f(tf) * w[k], and the
 * norm's sum likewise, one accumulator each.
 */
void wl_weights_score(const wl_weights *weights, const uint32_t *records,
                      double *tf, size_t n, double *out);

#endif
