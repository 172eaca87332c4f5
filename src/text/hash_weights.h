/*
 * hash_weights.h: the records of hashed features: direct when there are few
 * features; otherwise only those that differ from the most common record are
 * stored, found by a bitmap with ranks.
 */
#ifndef WL_TEXT_HASH_WEIGHTS_H
#define WL_TEXT_HASH_WEIGHTS_H

#include "text/tally.h"

/* 512 features: their bits, and how many are set before them. */
typedef struct wl_hash_block {
  uint64_t bits[8];
} wl_hash_block;

typedef struct wl_hash_weights {
  wl_weights weights;    /* record 0: of every feature without a bit */
  wl_hash_block *blocks; /* NULL: record i is feature i */
  uint32_t *ranks;       /* of a block's first bit */
  size_t n_features;
} wl_hash_weights;

wl_status wl_hash_weights_init(wl_hash_weights *weights,
                               const wl_scoring *scoring, size_t n_features,
                               wl_error *error);
void wl_hash_weights_deinit(wl_hash_weights *weights);
size_t wl_hash_weights_size(const wl_hash_weights *weights);
/* Turns features into record numbers, in place. */
void wl_hash_weights_find(const wl_hash_weights *weights, uint32_t *features,
                          size_t n);

#endif
