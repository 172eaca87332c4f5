/* hash_weights.c: a model on hashed features has a weight for each of a
 * million features or more, most of which no training text ever reached. */
#include "text/hash_weights.h"

enum { DIRECT_MAX = 1 << 13, BLOCK_BITS = 512 };

static double norm_value(const wl_scoring *scoring, size_t feature) {
  return scoring->norm_values == NULL ? 1 : scoring->norm_values[feature];
}

/* Has the feature a zero weight for each output and the common norm value? */
static bool is_common(const wl_scoring *scoring, size_t feature,
                      double common) {
  const double *w = scoring->weights + feature * scoring->n_outputs;
  for (size_t k = 0; k < scoring->n_outputs; k++)
    if (w[k] != 0)
      return false;
  return norm_value(scoring, feature) == common;
}

/* The norm value that most features have, if any has a majority. */
static double majority_norm_value(const wl_scoring *scoring,
                                  size_t n_features) {
  double value = 1;
  size_t votes = 0;
  for (size_t i = 0; i < n_features; i++) {
    double other = norm_value(scoring, i);
    if (votes == 0)
      value = other;
    votes = value == other ? votes + 1 : votes - 1;
  }
  return value;
}

wl_status wl_hash_weights_init(wl_hash_weights *weights,
                               const wl_scoring *scoring, size_t n_features,
                               wl_error *error) {
  *weights = (wl_hash_weights){.n_features = n_features};
  if (n_features <= DIRECT_MAX || scoring->weights == NULL) {
    WL_TRY(wl_weights_init(&weights->weights, scoring, n_features, error));
    for (size_t i = 0; i < n_features; i++)
      wl_weights_set(&weights->weights, i, scoring, i);
    return WL_OK;
  }
  size_t n_blocks = (n_features + BLOCK_BITS - 1) / BLOCK_BITS;
  weights->blocks = wl_calloc(n_blocks, sizeof *weights->blocks);
  weights->ranks = wl_calloc(n_blocks, sizeof *weights->ranks);
  if (weights->blocks == NULL || weights->ranks == NULL) {
    wl_hash_weights_deinit(weights);
    return wl_fail_memory(error, n_blocks * sizeof *weights->blocks);
  }
  double common = majority_norm_value(scoring, n_features);
  uint32_t n = 1;
  for (size_t i = 0; i < n_features; i++) {
    if (i % BLOCK_BITS == 0)
      weights->ranks[i / BLOCK_BITS] = n;
    if (is_common(scoring, i, common))
      continue;
    weights->blocks[i / BLOCK_BITS].bits[i % BLOCK_BITS / 64] |= UINT64_C(1)
                                                                 << i % 64;
    n++;
  }
  wl_status status = wl_weights_init(&weights->weights, scoring, n, error);
  if (status != WL_OK) {
    wl_hash_weights_deinit(weights);
    return status;
  }
  weights->weights.records[scoring->n_outputs] =
      wl_weights_norm_value(scoring->norm, common);
  for (size_t i = 0, record = 1; i < n_features; i++)
    if (!is_common(scoring, i, common))
      wl_weights_set(&weights->weights, record++, scoring, i);
  return WL_OK;
}

void wl_hash_weights_deinit(wl_hash_weights *weights) {
  wl_weights_deinit(&weights->weights);
  wl_free(weights->blocks);
  wl_free(weights->ranks);
  *weights = (wl_hash_weights){0};
}

size_t wl_hash_weights_size(const wl_hash_weights *weights) {
  size_t n_blocks = weights->blocks == NULL
                        ? 0
                        : (weights->n_features + BLOCK_BITS - 1) / BLOCK_BITS;
  return wl_weights_size(&weights->weights) +
         n_blocks * (sizeof *weights->blocks + sizeof *weights->ranks);
}

void wl_hash_weights_find(const wl_hash_weights *weights, uint32_t *features,
                          size_t n) {
  if (weights->blocks == NULL)
    return;
  for (size_t i = 0; i < n; i++) {
    uint32_t feature = features[i];
    const uint64_t *bits = weights->blocks[feature / BLOCK_BITS].bits;
    unsigned word = feature % BLOCK_BITS / 64;
    uint64_t bit = UINT64_C(1) << feature % 64;
    if (!(bits[word] & bit)) {
      features[i] = 0;
      continue;
    }
    uint32_t rank = weights->ranks[feature / BLOCK_BITS];
    for (unsigned k = 0; k < word; k++)
      rank += (uint32_t)__builtin_popcountll(bits[k]);
    features[i] = rank + (uint32_t)__builtin_popcountll(bits[word] & (bit - 1));
  }
}
