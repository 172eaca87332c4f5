/*
 * char_weights.c: weights by slot. Every slot carries the sum over all terms
 * that are suffixes of its string, so that the longest match at a position
 * stands for all n-grams that end there.
 */
#include "base/math.h"
#include "text/char_internal.h"

double wl_char_tf(wl_tf tf, double count) {
  if (tf == WL_TF_RAW)
    return count;
  return tf == WL_TF_BINARY || count <= 1 ? 1 : 1 + wl_log(count);
}

/* ---- suffix links --------------------------------------------------- */

/* The slot of the longest proper suffix of a node that has a slot itself;
 * those of shallower nodes are known. */
static uint32_t suffix_of(const wl_char_tables *tables,
                          const wl_char_trie *trie, const uint32_t *slots,
                          const uint32_t *suffixes, uint32_t node) {
  const wl_char_node *n = &trie->nodes[node];
  if (n->depth <= tables->first_level)
    return 0;
  for (uint32_t at = suffixes[slots[n->parent]]; at != 0; at = suffixes[at]) {
    uint32_t child = wl_char_child(tables, at, n->class_id);
    if (child != 0)
      return child;
  }
  size_t at = n->class_id;
  if (tables->first_level == 2)
    at |= (size_t)trie->nodes[n->parent].class_id << tables->pair_shift;
  return wl_char_start(tables, at);
}

/* Nodes with slots by rising depth; *out is owned. */
static wl_status order_by_depth(const wl_char_trie *trie, uint32_t first_level,
                                uint32_t **out, size_t *n, wl_error *error) {
  uint32_t *starts = wl_calloc((size_t)trie->max_depth + 2, sizeof(*starts));
  uint32_t *order = wl_alloc(trie->n_nodes * sizeof(*order));
  *out = order;
  if (starts == NULL || order == NULL) {
    wl_free(starts);
    return wl_fail_memory(error, trie->n_nodes * sizeof(*order));
  }
  *n = 0;
  for (size_t i = 1; i < trie->n_nodes; i++)
    if (trie->nodes[i].depth >= first_level) {
      starts[trie->nodes[i].depth + 1]++;
      ++*n;
    }
  for (size_t d = 1; d <= (size_t)trie->max_depth + 1; d++)
    starts[d] += starts[d - 1];
  for (size_t i = 1; i < trie->n_nodes; i++)
    if (trie->nodes[i].depth >= first_level)
      order[starts[trie->nodes[i].depth]++] = (uint32_t)i;
  wl_free(starts);
  return WL_OK;
}

/* ---- layout --------------------------------------------------------- */

static double norm_part(wl_norm norm, double value) {
  if (norm == WL_NORM_L2 || norm == WL_NORM_OCCURRENCES)
    return value * value;
  return value < 0 ? -value : value;
}

static double norm_value(const wl_scoring *scoring, size_t term) {
  return scoring->norm_values ? scoring->norm_values[term] : 1;
}

static wl_status allocate(double **out, size_t n_slots, size_t stride,
                          wl_error *error) {
  size_t count, size;
  if (wl_mul_overflows(n_slots, stride, &count) ||
      wl_mul_overflows(count, sizeof(double), &size))
    return wl_fail_memory(error, SIZE_MAX);
  *out = wl_alloc_table(size);
  if (*out == NULL)
    return wl_fail_memory(error, size);
  memset(*out, 0, size);
  return WL_OK;
}

/* Numbers the terms' slots from 1 on. */
static wl_status fill_rows(wl_char_engine *engine, const wl_char_trie *trie,
                           const uint32_t *slots, wl_error *error) {
  wl_char_weights *w = &engine->weights;
  size_t n = engine->tables.n_slots;
  w->rows = wl_calloc(n, sizeof(*w->rows));
  if (w->rows == NULL)
    return wl_fail_memory(error, n * sizeof(*w->rows));
  w->n_own = 1;
  for (size_t i = 1; i < trie->n_nodes; i++)
    if (trie->nodes[i].term >= 0)
      w->rows[slots[i]] = (uint32_t)w->n_own++;
  return WL_OK;
}

/* Exact engines: {weights, norm value as given}. Others: what a repetition
 * changes. */
static wl_status fill_own(wl_char_engine *engine, const wl_scoring *scoring,
                          const wl_char_trie *trie, const uint32_t *slots,
                          wl_error *error) {
  wl_char_weights *w = &engine->weights;
  bool is_linear = engine->tf == WL_TF_RAW;
  w->n_own_weights = engine->is_exact || !is_linear ? w->n_outputs : 0;
  w->has_own_norm = w->has_norm && (engine->is_exact || !is_linear ||
                                    engine->norm == WL_NORM_L2);
  w->own_stride = w->n_own_weights + w->has_own_norm;
  if (w->own_stride == 0)
    return WL_OK;
  w->n_own = engine->tables.n_slots;
  if (engine->is_exact && w->n_own / 8 > engine->n_features)
    WL_TRY(fill_rows(engine, trie, slots, error));
  WL_TRY(allocate(&w->own, w->n_own, w->own_stride, error));
  for (size_t i = 1; i < trie->n_nodes; i++) {
    if (trie->nodes[i].term < 0)
      continue;
    size_t term = (size_t)trie->nodes[i].term;
    size_t row = w->rows ? w->rows[slots[i]] : slots[i];
    double *own = w->own + row * w->own_stride;
    if (w->n_own_weights != 0)
      memcpy(own, scoring->weights + term * w->n_outputs,
             w->n_outputs * sizeof(*own));
    if (w->has_own_norm)
      own[w->n_own_weights] =
          norm_part(engine->norm, norm_value(scoring, term));
  }
  return WL_OK;
}

static wl_status fill_sums(wl_char_engine *engine, const wl_scoring *scoring,
                           const wl_char_trie *trie, const uint32_t *slots,
                           wl_error *error) {
  wl_char_weights *w = &engine->weights;
  const wl_char_tables *tables = &engine->tables;
  wl_status status;
  uint32_t *order = NULL;
  size_t n_ordered = 0;
  uint32_t *suffixes = wl_calloc(tables->n_slots, sizeof(*suffixes));
  if (suffixes == NULL) {
    status = wl_fail_memory(error, tables->n_slots * sizeof(*suffixes));
    goto done;
  }
  WL_TRY_DONE(status, order_by_depth(trie, tables->first_level, &order,
                                     &n_ordered, error));
  WL_TRY_DONE(status, allocate(&w->sums, tables->n_slots, w->stride, error));
  for (size_t i = 0; i < n_ordered; i++) {
    uint32_t node = order[i], slot = slots[node];
    uint32_t suffix = suffix_of(tables, trie, slots, suffixes, node);
    suffixes[slot] = suffix;
    double *sums = w->sums + slot * w->stride;
    const double *rest = w->sums + suffix * w->stride;
    for (size_t c = 0; c < w->stride; c++)
      sums[c] = rest[c];
    if (trie->nodes[node].term < 0)
      continue;
    size_t term = (size_t)trie->nodes[node].term;
    const double *weights = scoring->weights + term * w->n_outputs;
    for (size_t c = 0; c < w->n_outputs; c++)
      sums[c] += weights[c];
    if (w->has_norm)
      sums[w->n_outputs] += norm_part(engine->norm, norm_value(scoring, term));
  }
done:
  wl_free(suffixes);
  wl_free(order);
  return status;
}

wl_status wl_char_weights_build(wl_char_engine *engine,
                                const wl_scoring *scoring,
                                const wl_char_trie *trie, const uint32_t *slots,
                                wl_error *error) {
  wl_char_weights *w = &engine->weights;
  w->n_outputs = scoring->n_outputs;
  w->has_norm = scoring->norm != WL_NORM_NONE;
  if (w->n_outputs > SIZE_MAX / 64)
    return wl_fail_memory(error, SIZE_MAX);
  w->stride = w->n_outputs + w->has_norm;
  if (w->stride > 1)
    w->stride += w->stride & 1;
  WL_TRY(fill_own(engine, scoring, trie, slots, error));
  return engine->is_exact ? WL_OK
                          : fill_sums(engine, scoring, trie, slots, error);
}

void wl_char_weights_deinit(wl_char_weights *weights) {
  wl_free_aligned(weights->sums);
  wl_free_aligned(weights->own);
  wl_free(weights->rows);
  weights->sums = NULL;
  weights->own = NULL;
  weights->rows = NULL;
}
