/*
 * word_batch.c: single words to scores. Tokens of many rows are looked up
 * together, and a row's sums take each occurrence as it comes: tf * tf of a
 * term is the sum of 2 k + 1 over its occurrences, k of which came before. No
 * table of distinct terms is needed, only where each was seen last.
 */
#include "text/word_batch.h"

enum {
  CHUNK = 512,       /* tokens or rows after which a chunk is scored */
  MAX_IDS = 1 << 16, /* of a table of last places */
  SEARCHED = 64      /* terms of a chunk whose rows are searched instead */
};

typedef struct batch {
  const wl_word_lookup *lookup;
  wl_arena *arena;
  wl_tokens tokens;
  /* tokens of the chunk, in order; keys of those not yet looked up */
  uint32_t *ids;
  size_t n_tokens, capacity;
  wl_scan_keys keys;
  size_t n_keys;
  /* where the chunk's rows end among its tokens */
  uint32_t ends[CHUNK];
  size_t n_rows;
  /* Of long tokens, which are looked up while their text is there. */
  uint32_t *long_at, *long_ids;
  size_t n_long;
  /* By id: the place after its last occurrence, base more than its index
   * among the chunk's terms; and by that index, how often the term had come in
   * its row. NULL while rows are searched instead. */
  uint32_t *last, *before;
  uint32_t base;
  size_t before_capacity;
  double *odd; /* sums of every second occurrence, by output */
} batch;

bool wl_word_batch_supports(const wl_word_lookup *lookup) {
  const wl_weights *weights = lookup->weights;
  return weights->tf == WL_TF_RAW &&
         (weights->norm == WL_NORM_L2 || weights->norm == WL_NORM_NONE ||
          weights->norm == WL_NORM_OCCURRENCES) &&
         lookup->strings->n <= MAX_IDS;
}

/* ---- tokens to ids -------------------------------------------------- */

/* Room for n more tokens. */
static wl_status reserve_tokens(batch *b, size_t n, wl_error *error) {
  if (n <= b->capacity - b->n_tokens)
    return WL_OK;
  size_t wanted = 2 * (b->n_tokens + n) + CHUNK,
         size = (wanted + WL_SCAN_FIND_OVERRUN) * sizeof(*b->ids);
  uint32_t *arrays[3];
  for (size_t i = 0; i < WL_COUNT_OF(arrays); i++) {
    arrays[i] = wl_arena_alloc(b->arena, size);
    if (arrays[i] == NULL)
      return wl_fail_memory(error, size);
  }
  if (b->n_tokens != 0)
    memcpy(arrays[0], b->ids, b->n_tokens * sizeof(*b->ids));
  if (b->n_long != 0) {
    memcpy(arrays[1], b->long_at, b->n_long * sizeof(*b->long_at));
    memcpy(arrays[2], b->long_ids, b->n_long * sizeof(*b->long_ids));
  }
  b->ids = arrays[0];
  b->long_at = arrays[1];
  b->long_ids = arrays[2];
  b->capacity = wanted;
  return WL_OK;
}

static void find_keys(batch *b) {
  const wl_word_lookup *l = b->lookup;
  if (b->n_keys == 0)
    return;
  l->tokenizer->preparer.scan->find(l->strings, &b->keys, b->n_keys,
                                    b->ids + b->n_tokens - b->n_keys);
  b->n_keys = 0;
}

/* Takes the row's tokens; those of more than WL_SHORT_STRING bytes are looked
 * up here, and their keys fit nothing. */
static wl_status take_tokens(batch *b, wl_error *error) {
  const wl_word_lookup *l = b->lookup;
  const wl_tokens *tokens = &b->tokens;
  WL_TRY(reserve_tokens(b, tokens->n, error));
  for (size_t i = 0; i < tokens->n; i++) {
    const uint8_t *token = tokens->text + tokens->bounds[2 * i];
    size_t size = tokens->bounds[2 * i + 1] - tokens->bounds[2 * i];
    if (wl_scan_put_key(&b->keys, b->n_keys++, l->strings, token, size,
                        &b->long_ids[b->n_long]))
      b->long_at[b->n_long++] = (uint32_t)b->n_tokens;
    b->n_tokens++;
    if (b->n_keys == WL_SCAN_BATCH)
      find_keys(b);
  }
  b->ends[b->n_rows++] = (uint32_t)b->n_tokens;
  return WL_OK;
}

/* Leaves the ids of terms, and their ends; whether a token is one cannot be
 * foretold. */
static void keep_terms(batch *b) {
  uint32_t n_stop_ids = b->lookup->n_stop_ids, *ids = b->ids;
  size_t n = 0, at = 0;
  find_keys(b);
  for (size_t i = 0; i < b->n_long; i++)
    ids[b->long_at[i]] = b->long_ids[i];
  for (size_t r = 0; r < b->n_rows; r++) {
    for (; at < b->ends[r]; at++) {
      uint32_t id = ids[at];
      ids[n] = id;
      n += (id >= n_stop_ids) & (id != WL_NO_ID);
    }
    b->ends[r] = (uint32_t)n;
  }
  b->n_tokens = n;
}

/* ---- ids to scores -------------------------------------------------- */

/* Whether what came before counts. */
static bool is_square(const batch *b) {
  return b->lookup->weights->norm == WL_NORM_L2;
}

/* Rows together with few terms are searched: clearing a place for each of the
 * vocabulary's would cost more. */
static wl_status prepare_last(batch *b, wl_error *error) {
  size_t n = b->n_tokens + 2, n_ids = b->lookup->strings->n;
  if (!is_square(b))
    return WL_OK;
  if (b->last == NULL && b->n_tokens <= SEARCHED)
    return WL_OK;
  if (n > b->before_capacity) {
    b->before = wl_arena_alloc(b->arena, 2 * n * sizeof(*b->before));
    b->before_capacity = 2 * n;
    if (b->before == NULL)
      return wl_fail_memory(error, 2 * n * sizeof(*b->before));
    b->before[0] = 0; /* read where no occurrence came before */
  }
  if (b->last == NULL)
    b->last = wl_arena_calloc(b->arena, n_ids, sizeof(*b->last));
  else if (b->base > INT32_MAX - n)
    memset(b->last, 0, n_ids * sizeof(*b->last));
  else
    return WL_OK;
  b->base = 0;
  return b->last != NULL ? WL_OK
                         : wl_fail_memory(error, n_ids * sizeof(*b->last));
}

/* How often the term at `at` came before in its row, which begins at `begin`.
 */
static inline uint32_t count_before(batch *b, bool has_last, size_t begin,
                                    size_t at) {
  uint32_t id = b->ids[at], n = 0;
  if (!has_last) {
    for (size_t i = begin; i < at; i++)
      n += b->ids[i] == id;
    return n;
  }
  uint32_t found = b->last[id], first = b->base + (uint32_t)begin;
  uint32_t is_seen = -(uint32_t)(found > first);
  n = b->before[(found - b->base) & is_seen] & is_seen;
  b->last[id] = b->base + (uint32_t)at + 1;
  b->before[at + 1] = n + 1;
  return n;
}

typedef double pair __attribute__((vector_size(16), aligned(8), may_alias));

/* One output: {weight, norm value} of each occurrence, whatever came before. */
static inline double add_one(batch *b, size_t begin, size_t end, double *out) {
  const double *records = b->lookup->weights->records;
  pair even = {0, 0}, odd = {0, 0};
  for (size_t at = begin; at < end; at++) {
    pair sum = even + *(const pair *)(records + (size_t)b->ids[at] * 2);
    even = odd;
    odd = sum;
  }
  *out = even[0] + odd[0];
  return even[1] + odd[1];
}

/* The same where the norm value is squared. */
static inline double score_one(batch *b, bool has_last, size_t begin,
                               size_t end, double *out) {
  const double *records = b->lookup->weights->records;
  pair even = {0, 0}, odd = {0, 0};
  for (size_t at = begin; at < end; at++) {
    double times = 2 * (double)count_before(b, has_last, begin, at) + 1;
    pair record = *(const pair *)(records + (size_t)b->ids[at] * 2);
    pair factor = {1, record[1] * times};
    pair sum = even + record * factor;
    even = odd;
    odd = sum;
  }
  *out = even[0] + odd[0];
  return even[1] + odd[1];
}

/* The same order of additions, so that an output has the bits that it has
 * alone. */
static double score_many(batch *b, bool is_squared, bool has_last, size_t begin,
                         size_t end, double *out) {
  const wl_weights *weights = b->lookup->weights;
  size_t n_outputs = weights->n_outputs;
  double squares[2] = {0, 0}, *sums[2] = {out, b->odd};
  memset(out, 0, n_outputs * sizeof(*out));
  memset(b->odd, 0, n_outputs * sizeof(*out));
  for (size_t at = begin; at < end; at++) {
    const double *record = weights->records + b->ids[at] * (n_outputs + 1);
    size_t is_odd = (at - begin) % 2;
    for (size_t k = 0; k < n_outputs; k++)
      sums[is_odd][k] += record[k];
    double part = record[n_outputs];
    if (is_squared)
      part *= part * (2 * (double)count_before(b, has_last, begin, at) + 1);
    squares[is_odd] += part;
  }
  for (size_t k = 0; k < n_outputs; k++)
    out[k] += b->odd[k];
  return squares[0] + squares[1];
}

static wl_status score_chunk(batch *b, double *out, size_t ld,
                             wl_error *error) {
  const wl_weights *weights = b->lookup->weights;
  keep_terms(b);
  WL_TRY(prepare_last(b, error));
  bool has_last = b->last != NULL;
  size_t begin = 0;
  for (size_t r = 0; r < b->n_rows; r++, out += ld) {
    size_t end = b->ends[r];
    double squares;
    if (weights->n_outputs != 1)
      squares = score_many(b, is_square(b), has_last, begin, end, out);
    else if (!is_square(b))
      squares = add_one(b, begin, end, out);
    else if (has_last)
      squares = score_one(b, true, begin, end, out);
    else
      squares = score_one(b, false, begin, end, out);
    wl_weights_divide(weights, squares, out);
    begin = end;
  }
  b->base += (uint32_t)b->n_tokens + 1;
  b->n_tokens = b->n_rows = b->n_long = 0;
  return WL_OK;
}

wl_status wl_word_batch_score(const wl_word_lookup *lookup,
                              const wl_string *rows, size_t n_rows,
                              wl_arena *arena, double *out, size_t ld,
                              wl_error *error) {
  batch b = {.lookup = lookup, .arena = arena};
  size_t done = 0, size = lookup->weights->n_outputs * sizeof(*b.odd);
  b.odd = wl_arena_alloc(arena, size);
  if (b.odd == NULL)
    return wl_fail_memory(error, size);
  WL_TRY(
      wl_tokens_init(&b.tokens, lookup->tokenizer, rows, n_rows, arena, error));
  for (size_t row = 0; row < n_rows; row++) {
    WL_TRY(wl_tokenize(lookup->tokenizer, rows[row], row, &b.tokens, error));
    WL_TRY(take_tokens(&b, error));
    if (b.n_tokens < CHUNK && b.n_rows < CHUNK && row + 1 < n_rows)
      continue;
    WL_TRY(score_chunk(&b, out + done * ld, ld, error));
    done = row + 1;
  }
  return WL_OK;
}
