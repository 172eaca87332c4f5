/*
 * word_engine.c: words and word n-grams against a vocabulary, in one of three
 * ways, each of which turns a row into *states*:
 *
 * - words: a token is looked up as it is; the state is its id.
 * - n-grams: tokens that occur in some term have ids, and the terms form a
 *   trie over them. The state of the k-gram that ends at a token is the child
 *   of the (k-1)-gram's that ended before it, so a token costs one lookup for
 *   each length, and one without an id breaks every n-gram.
 * - joined n-grams, when tokens may contain spaces and a term can be cut into
 *   tokens in several ways: every n-gram's string is looked up.
 *
 * A state with a term has its feature in `columns`, and a record of weights.
 */
#include "text/word_engine.h"

#include "text/string_table.h"
#include "text/tally.h"
#include "text/tokenizer.h"
#include "text/word_batch.h"

typedef enum engine_mode { MODE_WORDS, MODE_NGRAMS, MODE_JOINED } engine_mode;

/* The trie's edges; node ids continue the token ids (the nodes of depth 1). */
typedef struct edges {
  wl_slots slots; /* ids: position in the arrays below */
  uint32_t *parents, *tokens;
  uint32_t n;
  uint32_t first_node; /* of edge 0 */
  uint32_t depth;      /* of the longest term */
} edges;

struct wl_word_engine {
  wl_tokenizer tokenizer;
  engine_mode mode;
  uint32_t min_n, max_n;
  wl_string_table strings; /* tokens, or whole terms */
  uint32_t n_stop_ids;     /* ids below are stop words; 0 when joined */
  edges edges;
  uint32_t *columns; /* of a state, or WL_NO_ID */
  size_t n_states;
  wl_weights weights;
};

/* ---- the trie ------------------------------------------------------------ */

static inline uint64_t edge_hash(uint32_t parent, uint32_t token) {
  return wl_mix_64(((uint64_t)parent << 32 | token) ^ 0x9e3779b97f4a7c15u,
                   0xd1b54a32d192ed03u);
}

static inline uint32_t find_child(const edges *e, uint32_t parent,
                                  uint32_t token) {
  uint64_t hash = edge_hash(parent, token);
  size_t at = (size_t)(hash >> e->slots.shift);
  for (;;) {
    uint32_t id = wl_slots_next(&e->slots, hash, &at);
    if (id == WL_NO_ID)
      return WL_NO_ID;
    if (e->parents[id] == parent && e->tokens[id] == token)
      return e->first_node + id;
  }
}

static inline void prefetch_child(const edges *e, uint32_t parent,
                                  uint32_t token) {
  __builtin_prefetch(
      &e->slots.slots[edge_hash(parent, token) >> e->slots.shift]);
}

static uint32_t add_child(edges *e, uint32_t parent, uint32_t token) {
  uint32_t child = find_child(e, parent, token);
  if (child != WL_NO_ID)
    return child;
  uint32_t id = e->n++;
  e->parents[id] = parent;
  e->tokens[id] = token;
  wl_slots_put(&e->slots, edge_hash(parent, token), id);
  return e->first_node + id;
}

/* ---- creation ------------------------------------------------------------ */

/* Takes the token that starts at *at of a term; false behind the last one. */
static bool next_part(wl_string term, size_t *at, wl_string *part) {
  if (*at > term.size)
    return false;
  const char *begin = term.data + *at;
  const char *space = memchr(begin, ' ', term.size - *at);
  size_t size = space == NULL ? term.size - *at : (size_t)(space - begin);
  *part = (wl_string){begin, size};
  *at += size + 1;
  return true;
}

static size_t count_parts(wl_string term) {
  size_t n = 0, at = 0;
  wl_string part;
  while (next_part(term, &at, &part))
    n++;
  return n;
}

/* Can the term be an n-gram of tokens, of an allowed length? */
static bool can_occur(const wl_word_engine *engine, wl_string term) {
  size_t n = 0, at = 0;
  wl_string part;
  while (next_part(term, &at, &part)) {
    if (part.size == 0)
      return false;
    n++;
  }
  return n >= engine->min_n && n <= engine->max_n;
}

static wl_status count_term_bytes(const wl_vectorizer_params *params,
                                  size_t *n_bytes, wl_error *error) {
  *n_bytes = 0;
  for (size_t i = 0; i < params->n_terms; i++)
    if (wl_add_overflows(*n_bytes, params->terms[i].size, n_bytes))
      return wl_fail(error, WL_ERROR_VALUE, "the vocabulary is too large");
  return WL_OK;
}

static wl_status allocate_columns(wl_word_engine *engine, size_t n,
                                  wl_error *error) {
  size_t size;
  if (wl_mul_overflows(n, sizeof *engine->columns, &size))
    return wl_fail_memory(error, SIZE_MAX);
  engine->columns = wl_alloc(size);
  if (engine->columns == NULL)
    return wl_fail_memory(error, size);
  memset(engine->columns, 0xFF, size); /* WL_NO_ID */
  engine->n_states = n;
  return WL_OK;
}

static wl_status fail_duplicate(size_t term, wl_error *error) {
  return wl_fail(error, WL_ERROR_VALUE,
                 "vocabulary: term %zu occurs twice; terms must be distinct",
                 term);
}

/* Stop words come first, so that one lookup tells them from terms too. */
static void add_stop_words(wl_word_engine *engine,
                           const wl_vectorizer_params *params) {
  for (size_t i = 0; i < params->n_stop_words; i++)
    wl_string_table_add(&engine->strings, params->stop_words[i].data,
                        params->stop_words[i].size);
  engine->n_stop_ids = engine->strings.n;
}

/* Words and joined n-grams: the strings are the terms. A word that is a stop
 * word never occurs. */
static wl_status build_strings(wl_word_engine *engine,
                               const wl_vectorizer_params *params,
                               wl_error *error) {
  const wl_string_table *stop = &engine->tokenizer.stop_words;
  wl_string_table *strings = &engine->strings;
  size_t n_bytes;
  WL_TRY(count_term_bytes(params, &n_bytes, error));
  WL_TRY(wl_string_table_init(strings, params->n_terms + stop->n,
                              n_bytes + stop->max_bytes, error));
  WL_TRY(allocate_columns(engine, params->n_terms + stop->n, error));
  if (engine->mode == MODE_WORDS)
    add_stop_words(engine, params);
  for (size_t i = 0; i < params->n_terms; i++) {
    uint32_t n_before = strings->n;
    uint32_t id = wl_string_table_add(strings, params->terms[i].data,
                                      params->terms[i].size);
    if (id < engine->n_stop_ids)
      continue;
    if (id != n_before)
      return fail_duplicate(i, error);
    engine->columns[id] = (uint32_t)i;
  }
  return WL_OK;
}

/* Tokens of terms that can occur, after the stop words. */
static wl_status build_token_ids(wl_word_engine *engine,
                                 const wl_vectorizer_params *params,
                                 size_t *n_parts, wl_error *error) {
  const wl_string_table *stop = &engine->tokenizer.stop_words;
  size_t n_bytes;
  WL_TRY(count_term_bytes(params, &n_bytes, error));
  *n_parts = 0;
  for (size_t i = 0; i < params->n_terms; i++)
    if (can_occur(engine, params->terms[i]))
      *n_parts += count_parts(params->terms[i]);
  WL_TRY(wl_string_table_init(&engine->strings, *n_parts + stop->n,
                              n_bytes + stop->max_bytes, error));
  add_stop_words(engine, params);
  for (size_t i = 0; i < params->n_terms; i++) {
    size_t at = 0;
    wl_string part;
    if (can_occur(engine, params->terms[i]))
      while (next_part(params->terms[i], &at, &part))
        wl_string_table_add(&engine->strings, part.data, part.size);
  }
  return WL_OK;
}

/* Adds a term to the trie; a term with a stop word never occurs. */
static wl_status add_term(wl_word_engine *engine, wl_string term,
                          uint32_t feature, wl_error *error) {
  uint32_t state = WL_NO_ID, depth = 0;
  size_t at = 0;
  wl_string part;
  while (next_part(term, &at, &part)) {
    uint32_t id = wl_string_table_add(&engine->strings, part.data, part.size);
    if (id < engine->n_stop_ids)
      return WL_OK;
    state = state == WL_NO_ID ? id : add_child(&engine->edges, state, id);
    depth++;
  }
  if (engine->columns[state] != WL_NO_ID)
    return fail_duplicate(feature, error);
  engine->columns[state] = feature;
  if (depth > engine->edges.depth)
    engine->edges.depth = depth;
  return WL_OK;
}

static wl_status build_trie(wl_word_engine *engine,
                            const wl_vectorizer_params *params,
                            wl_error *error) {
  edges *e = &engine->edges;
  size_t n_parts;
  WL_TRY(build_token_ids(engine, params, &n_parts, error));
  WL_TRY(wl_slots_init(&e->slots, n_parts, error));
  e->parents = wl_alloc(n_parts * sizeof *e->parents);
  e->tokens = wl_alloc(n_parts * sizeof *e->tokens);
  if (e->parents == NULL || e->tokens == NULL)
    return wl_fail_memory(error, 2 * n_parts * sizeof *e->parents);
  e->first_node = engine->strings.n;
  WL_TRY(allocate_columns(engine, engine->strings.n + n_parts, error));
  for (size_t i = 0; i < params->n_terms; i++)
    if (can_occur(engine, params->terms[i]))
      WL_TRY(add_term(engine, params->terms[i], (uint32_t)i, error));
  engine->n_states = (size_t)engine->strings.n + e->n;
  wl_slots slots;
  WL_TRY(wl_slots_init(&slots, e->n, error));
  for (uint32_t id = 0; id < e->n; id++)
    wl_slots_put(&slots, edge_hash(e->parents[id], e->tokens[id]), id);
  wl_slots_deinit(&e->slots);
  e->slots = slots;
  return wl_string_table_shrink(&engine->strings, error);
}

static wl_status build_weights(wl_word_engine *engine,
                               const wl_scoring *scoring, wl_error *error) {
  WL_TRY(wl_weights_init(&engine->weights, scoring, engine->n_states, error));
  for (size_t state = 0; state < engine->n_states; state++)
    if (engine->columns[state] != WL_NO_ID)
      wl_weights_set(&engine->weights, state, scoring, engine->columns[state]);
  return WL_OK;
}

wl_status wl_word_engine_create(const wl_vectorizer_params *params,
                                const wl_scoring *scoring, wl_word_engine **out,
                                wl_error *error) {
  *out = NULL;
  wl_word_engine *engine = wl_calloc(1, sizeof *engine);
  if (engine == NULL)
    return wl_fail_memory(error, sizeof *engine);
  engine->min_n = params->min_n;
  engine->max_n = params->max_n;
  if (params->max_n == 1)
    engine->mode = MODE_WORDS;
  else if (params->token_rule == WL_TOKENS_PATTERN)
    engine->mode = MODE_JOINED;
  else
    engine->mode = MODE_NGRAMS;
  wl_status status = wl_tokenizer_init(&engine->tokenizer, params, error);
  if (status == WL_OK)
    status = engine->mode == MODE_NGRAMS ? build_trie(engine, params, error)
                                         : build_strings(engine, params, error);
  if (status == WL_OK && scoring != NULL)
    status = build_weights(engine, scoring, error);
  if (status != WL_OK) {
    wl_word_engine_free(engine);
    return status;
  }
  *out = engine;
  return WL_OK;
}

void wl_word_engine_free(wl_word_engine *engine) {
  if (engine == NULL)
    return;
  wl_tokenizer_deinit(&engine->tokenizer);
  wl_string_table_deinit(&engine->strings);
  wl_slots_deinit(&engine->edges.slots);
  wl_free(engine->edges.parents);
  wl_free(engine->edges.tokens);
  wl_free(engine->columns);
  wl_weights_deinit(&engine->weights);
  wl_free(engine);
}

size_t wl_word_engine_size(const wl_word_engine *engine) {
  return sizeof *engine + wl_tokenizer_size(&engine->tokenizer) +
         wl_string_table_size(&engine->strings) +
         wl_slots_size(&engine->edges.slots) +
         2 * (size_t)engine->edges.n * sizeof(uint32_t) +
         (engine->columns == NULL
              ? 0
              : engine->n_states * sizeof *engine->columns) +
         wl_weights_size(&engine->weights);
}

/* ---- rows ---------------------------------------------------------------- */

/* What a call works with; all of it in the caller's arena. */
typedef struct worker {
  const wl_word_engine *engine;
  wl_arena *arena;
  wl_tokens tokens;
  wl_hits hits;
  wl_hits ids; /* of a row's tokens; n-grams only */
  wl_tally tally;
  uint32_t *live; /* live[k]: the state of the (k+1)-gram that ended last */
} worker;

static wl_status worker_init(worker *w, const wl_word_engine *engine,
                             const wl_string *rows, size_t n_rows,
                             wl_arena *arena, wl_error *error) {
  *w = (worker){.engine = engine, .arena = arena};
  size_t size = ((size_t)engine->edges.depth + 1) * sizeof *w->live;
  w->live = wl_arena_alloc(arena, size);
  if (w->live == NULL)
    return wl_fail_memory(error, size);
  return wl_tokens_init(&w->tokens, &engine->tokenizer, rows, n_rows, arena,
                        error);
}

/*
 * The ids of all tokens but stop words, WL_NO_ID for unknown ones, which
 * `only_known` leaves out too. Tokens are looked up in batches: first all keys,
 * so that the slots are on their way from memory, then the slots.
 */
static size_t find_ids(const wl_word_engine *engine, const wl_tokens *tokens,
                       bool only_known, uint32_t *ids) {
  const wl_string_table *strings = &engine->strings;
  const wl_scan *scan = engine->tokenizer.preparer.scan;
  const uint32_t n_stop_ids = engine->n_stop_ids;
  wl_scan_keys keys;
  uint32_t found[WL_SCAN_BATCH], long_ids[WL_SCAN_BATCH];
  size_t long_at[WL_SCAN_BATCH];
  size_t n_ids = 0;
  for (size_t first = 0; first < tokens->n; first += WL_SCAN_BATCH) {
    const uint32_t *bounds = tokens->bounds + 2 * first;
    size_t n = tokens->n - first;
    n = n < WL_SCAN_BATCH ? n : WL_SCAN_BATCH;
    size_t n_long = 0;
    for (size_t i = 0; i < n; i++) {
      const uint8_t *token = tokens->text + bounds[2 * i];
      size_t size = bounds[2 * i + 1] - bounds[2 * i];
      if (wl_scan_put_key(&keys, i, strings, token, size, &long_ids[n_long]))
        long_at[n_long++] = i;
    }
    scan->find(strings, &keys, n, found);
    for (size_t i = 0; i < n_long; i++)
      found[long_at[i]] = long_ids[i];
    for (size_t i = 0; i < n; i++) {
      ids[n_ids] = found[i];
      n_ids +=
          (found[i] >= n_stop_ids) & !(only_known & (found[i] == WL_NO_ID));
    }
  }
  return n_ids;
}

static wl_status find_words(worker *w, wl_error *error) {
  WL_TRY(wl_hits_reserve(&w->hits, w->arena, w->tokens.n, error));
  w->hits.n = find_ids(w->engine, &w->tokens, true, w->hits.keys);
  return WL_OK;
}

/* Order of the terms that end at one token: longest first. */
static wl_status find_ngrams(worker *w, wl_error *error) {
  enum { AHEAD = 8 };
  const wl_word_engine *engine = w->engine;
  const edges *e = &engine->edges;
  uint32_t *live = w->live, n_live = 0;
  if (e->depth == 0)
    return WL_OK;
  WL_TRY(wl_hits_reserve(&w->ids, w->arena, w->tokens.n, error));
  const uint32_t *ids = w->ids.keys;
  size_t n = find_ids(engine, &w->tokens, false, w->ids.keys);
  for (size_t i = 0; i < n; i++) {
    uint32_t id = ids[i];
    if (i + AHEAD < n)
      prefetch_child(e, ids[i + AHEAD - 1], ids[i + AHEAD]);
    if (id == WL_NO_ID) {
      n_live = 0;
      continue;
    }
    n_live += n_live < e->depth;
    WL_TRY(wl_hits_reserve(&w->hits, w->arena, n_live, error));
    for (uint32_t k = n_live - 1; k > 0; k--) {
      live[k] =
          live[k - 1] == WL_NO_ID ? WL_NO_ID : find_child(e, live[k - 1], id);
      if (live[k] != WL_NO_ID && engine->columns[live[k]] != WL_NO_ID)
        wl_hits_push(&w->hits, live[k]);
    }
    live[0] = id;
    if (engine->columns[id] != WL_NO_ID)
      wl_hits_push(&w->hits, id);
  }
  return WL_OK;
}

static wl_status find_joined(worker *w, wl_error *error) {
  const wl_word_engine *engine = w->engine;
  const wl_tokens *tokens = &w->tokens;
  wl_tokens_drop_stop_words(&engine->tokenizer, &w->tokens);
  WL_TRY(wl_tokens_join(&w->tokens, error));
  for (size_t i = 0; i < tokens->n; i++) {
    size_t longest = i + 1 < engine->max_n ? i + 1 : engine->max_n;
    for (size_t n = longest; n >= engine->min_n; n--) {
      uint32_t begin = tokens->bounds[2 * (i + 1 - n)];
      uint32_t id = wl_string_table_find(&engine->strings, tokens->text + begin,
                                         tokens->bounds[2 * i + 1] - begin);
      if (id == WL_NO_ID)
        continue;
      WL_TRY(wl_hits_reserve(&w->hits, w->arena, 1, error));
      wl_hits_push(&w->hits, id);
    }
  }
  return WL_OK;
}

/* The distinct states of a row and how often each occurs, in w->tally. */
static wl_status tally_row(worker *w, wl_string text, size_t row,
                           wl_error *error) {
  const wl_word_engine *engine = w->engine;
  WL_TRY(wl_tokenize(&engine->tokenizer, text, row, &w->tokens, error));
  w->hits.n = 0;
  switch (engine->mode) {
  case MODE_WORDS:
    WL_TRY(find_words(w, error));
    break;
  case MODE_NGRAMS:
    WL_TRY(find_ngrams(w, error));
    break;
  case MODE_JOINED:
    WL_TRY(find_joined(w, error));
    break;
  }
  return wl_tally_row(&w->tally, &w->hits, w->arena, error);
}

wl_status wl_word_engine_score(const wl_word_engine *engine,
                               const wl_string *rows, size_t n_rows,
                               wl_arena *arena, double *out, size_t ld,
                               wl_error *error) {
  worker w;
  wl_arena_mark mark = wl_arena_save(arena);
  wl_status status;
  wl_word_lookup lookup = {&engine->tokenizer, &engine->strings,
                           engine->n_stop_ids, &engine->weights};
  if (engine->mode == MODE_WORDS && wl_word_batch_supports(&lookup)) {
    status = wl_word_batch_score(&lookup, rows, n_rows, arena, out, ld, error);
    wl_arena_restore(arena, mark);
    return status;
  }
  status = worker_init(&w, engine, rows, n_rows, arena, error);
  for (size_t row = 0; row < n_rows && status == WL_OK; row++) {
    status = tally_row(&w, rows[row], row, error);
    if (status == WL_OK)
      wl_weights_score(&engine->weights, w.tally.keys, w.tally.sums, w.tally.n,
                       out + row * ld);
  }
  wl_arena_restore(arena, mark);
  return status;
}

wl_status wl_word_engine_count(const wl_word_engine *engine,
                               const wl_string *rows, size_t n_rows,
                               wl_arena *arena, wl_csr_builder *out,
                               wl_error *error) {
  worker w;
  WL_TRY(worker_init(&w, engine, rows, n_rows, arena, error));
  for (size_t row = 0; row < n_rows; row++) {
    WL_TRY(tally_row(&w, rows[row], row, error));
    for (size_t i = 0; i < w.tally.n; i++)
      w.tally.keys[i] = engine->columns[w.tally.keys[i]];
    WL_TRY(wl_tally_push_row(&w.tally, arena, out, error));
  }
  return WL_OK;
}
