/*
 * hash_engine.c: n-grams to features by MurmurHash3, as HashingVectorizer does
 * it: the sign of the hash is the sign of the count. Every n-gram is a piece of
 * one buffer, so that longer ones go on hashing where shorter ones ended.
 */
#include "text/hash_engine.h"

#include "text/hash_weights.h"
#include "text/murmurhash.h"
#include "text/tokenizer.h"

struct wl_hash_engine {
  wl_tokenizer tokenizer;
  wl_analyzer analyzer;
  uint32_t min_n, max_n;
  uint32_t n_features;
  bool alternate_sign;
  wl_hash_weights weights;
};

wl_status wl_hash_engine_create(const wl_vectorizer_params *params,
                                const wl_scoring *scoring, wl_hash_engine **out,
                                wl_error *error) {
  *out = NULL;
  if (params->n_features == 0 || params->n_features > INT32_MAX)
    return wl_fail(error, WL_ERROR_VALUE,
                   "hash: n_features is %zu; it must be between 1 and 2^31 - 1",
                   params->n_features);
  wl_hash_engine *engine = wl_calloc(1, sizeof *engine);
  if (engine == NULL)
    return wl_fail_memory(error, sizeof *engine);
  engine->analyzer = params->analyzer;
  engine->min_n = params->min_n;
  engine->max_n = params->max_n;
  engine->n_features = (uint32_t)params->n_features;
  engine->alternate_sign = params->alternate_sign;
  wl_vectorizer_params own = *params;
  if (params->analyzer != WL_ANALYZER_WORD) {
    /* characters know neither tokens nor stop words */
    own.token_rule = WL_TOKENS_WORD1;
    own.n_stop_words = 0;
  }
  wl_status status = wl_tokenizer_init(&engine->tokenizer, &own, error);
  if (status == WL_OK && scoring != NULL)
    status = wl_hash_weights_init(&engine->weights, scoring, params->n_features,
                                  error);
  if (status != WL_OK) {
    wl_hash_engine_free(engine);
    return status;
  }
  *out = engine;
  return WL_OK;
}

void wl_hash_engine_free(wl_hash_engine *engine) {
  if (engine == NULL)
    return;
  wl_tokenizer_deinit(&engine->tokenizer);
  wl_hash_weights_deinit(&engine->weights);
  wl_free(engine);
}

size_t wl_hash_engine_size(const wl_hash_engine *engine) {
  return sizeof *engine + wl_tokenizer_size(&engine->tokenizer) +
         wl_hash_weights_size(&engine->weights);
}

/* ---- a row as pieces ----------------------------------------------------- */

/*
 * What a call works with, in the caller's arena. A row is cut into *units*,
 * tokens or characters: unit i is text[begins[i], ends[i]). N-grams do not
 * cross the ends of *segments*: the whole row, or padded words (char_wb).
 */
typedef struct worker {
  const wl_hash_engine *engine;
  wl_arena *arena;
  wl_tokens tokens;
  wl_hits hits;
  wl_tally tally;
  uint8_t *text;      /* characters only: with white space as n-grams see it */
  uint32_t *begins;   /* characters only: of each one, and the end */
  uint32_t *segments; /* char_wb: the first character of each word, the end */
  size_t n_chars, n_segments;
  size_t capacity; /* bytes of prepared text that fit */
} worker;

/* A view of the units: token i begins at units[stride * i]. */
typedef struct units {
  const uint8_t *text;
  const uint32_t *at;
  bool is_pairs; /* tokens: begin, end; characters: begin, next begin */
} units;

static inline uint32_t unit_begin(const units *u, size_t i) {
  return u->at[u->is_pairs ? 2 * i : i];
}
static inline uint32_t unit_end(const units *u, size_t i) {
  return u->at[u->is_pairs ? 2 * i + 1 : i + 1];
}

static wl_status reserve_chars(worker *w, wl_error *error) {
  size_t size = w->tokens.prepared.size;
  if (size <= w->capacity && w->text != NULL)
    return WL_OK;
  /* Padding adds two spaces to a word, which has at least one character and
   * one separator of its own, but for the last one. */
  size_t wanted = 2 * (size < 1024 ? 1024 : size);
  size_t n_bytes = 2 * wanted + 64, n_numbers = 2 * wanted + 4;
  w->text = wl_arena_alloc(w->arena, n_bytes);
  w->begins = wl_arena_alloc(w->arena, n_numbers * sizeof *w->begins);
  w->segments = wl_arena_alloc(w->arena, n_numbers * sizeof *w->segments);
  if (w->text == NULL || w->begins == NULL || w->segments == NULL) {
    w->text = NULL;
    return wl_fail_memory(error, n_bytes + 2 * n_numbers * sizeof *w->begins);
  }
  w->capacity = wanted;
  return WL_OK;
}

/* Reads a character's size and whether it is white space. */
static inline size_t read_char(const wl_unicode *unicode, const uint8_t *at,
                               const uint8_t *end, bool *is_space) {
  if (*at < 0x80) {
    *is_space =
        *at == ' ' || (*at >= 9 && *at <= 13) || (*at >= 0x1C && *at <= 0x1F);
    return 1;
  }
  const uint8_t *next = at;
  uint32_t c = wl_utf8_decode(&next, end);
  *is_space = (wl_unicode_flags(unicode, c) & WL_CHAR_SPACE) != 0;
  return (size_t)(next - at);
}

static inline uint32_t push_char(worker *w, uint32_t at, const uint8_t *bytes,
                                 size_t size) {
  w->begins[w->n_chars++] = at;
  memcpy(w->text + at, bytes, size);
  return at + (uint32_t)size;
}

/* char: runs of two or more white spaces become one space. */
static void cut_chars(worker *w, const wl_unicode *unicode) {
  const uint8_t *at = w->tokens.prepared.bytes;
  const uint8_t *end = at + w->tokens.prepared.size;
  uint32_t size = 0;
  while (at < end) {
    bool is_space;
    size_t n = read_char(unicode, at, end, &is_space);
    if (is_space) {
      const uint8_t *next = at + n;
      while (next < end) {
        size_t more = read_char(unicode, next, end, &is_space);
        if (!is_space)
          break;
        next += more;
      }
      bool is_run = next != at + n;
      size = push_char(w, size, is_run ? (const uint8_t *)" " : at,
                       is_run ? 1 : n);
      at = next;
      continue;
    }
    size = push_char(w, size, at, n);
    at += n;
  }
  w->begins[w->n_chars] = size;
  w->segments[0] = 0;
  w->segments[1] = (uint32_t)w->n_chars;
  w->n_segments = 1;
}

/* char_wb: words between white space, a space on either side. */
static void cut_padded_words(worker *w, const wl_unicode *unicode) {
  const uint8_t *at = w->tokens.prepared.bytes;
  const uint8_t *end = at + w->tokens.prepared.size;
  const uint8_t *space = (const uint8_t *)" ";
  uint32_t size = 0;
  bool is_inside = false;
  while (at < end) {
    bool is_space;
    size_t n = read_char(unicode, at, end, &is_space);
    if (is_space == is_inside) {
      if (!is_inside)
        w->segments[w->n_segments++] = (uint32_t)w->n_chars;
      size = push_char(w, size, space, 1);
      is_inside = !is_inside;
    }
    if (is_inside)
      size = push_char(w, size, at, n);
    at += n;
  }
  if (is_inside)
    size = push_char(w, size, space, 1);
  w->begins[w->n_chars] = size;
  w->segments[w->n_segments] = (uint32_t)w->n_chars;
}

/* ---- hashing ------------------------------------------------------------- */

static inline void push_hash(worker *w, uint32_t hash) {
  const wl_hash_engine *engine = w->engine;
  bool is_minus = hash >> 31;
  /* |h|; that of -2^31 is 2^31, which agrees with scikit-learn's remainder */
  uint32_t magnitude = is_minus ? 0u - hash : hash;
  uint32_t key = magnitude % engine->n_features;
  wl_hits_push(&w->hits,
               is_minus && engine->alternate_sign ? key | WL_HIT_MINUS : key);
}

/* Units first to end - 1: all n-grams, in order of their first unit. */
static wl_status hash_units(worker *w, const units *u, size_t first, size_t end,
                            wl_error *error) {
  const size_t min_n = w->engine->min_n, max_n = w->engine->max_n;
  for (size_t i = first; i < end && end - i >= min_n; i++) {
    size_t longest = end - i < max_n ? end - i : max_n;
    uint32_t begin = unit_begin(u, i);
    const uint8_t *text = u->text + begin;
    wl_murmur murmur = {0, 0};
    WL_TRY(wl_hits_reserve(&w->hits, w->arena, longest - min_n + 1, error));
    for (size_t n = min_n; n <= longest; n++) {
      size_t size = unit_end(u, i + n - 1) - begin;
      wl_murmur_extend(&murmur, text, size);
      push_hash(w, wl_murmur_finish(&murmur, text, size));
    }
  }
  return WL_OK;
}

/* A padded word shorter than some n counts once for all of these. */
static wl_status hash_padded_word(worker *w, const units *u, size_t first,
                                  size_t end, wl_error *error) {
  WL_TRY(hash_units(w, u, first, end, error));
  if (end - first >= w->engine->min_n)
    return WL_OK;
  uint32_t begin = unit_begin(u, first);
  WL_TRY(wl_hits_reserve(&w->hits, w->arena, 1, error));
  push_hash(w, wl_murmur_hash(u->text + begin, unit_begin(u, end) - begin));
  return WL_OK;
}

/* ---- lone surrogates ----------------------------------------------------- */

/* The first surrogate in a piece of UTF-8: its byte, or `size`. */
static size_t find_surrogate(const uint8_t *text, size_t size) {
  for (size_t i = 0; i + 2 < size; i++)
    if (text[i] == 0xED && text[i + 1] >= 0xA0)
      return i;
  return size;
}

/* Python's words for the first run of surrogates in a term. */
static wl_status fail_surrogate(const uint8_t *term, size_t size, size_t row,
                                wl_error *error) {
  size_t begin = find_surrogate(term, size), position = 0, n = 0;
  for (size_t i = 0; i < begin; i++)
    position += (term[i] & 0xC0) != 0x80;
  for (size_t i = begin; i + 2 < size; i += 3, n++)
    if (term[i] != 0xED || term[i + 1] < 0xA0)
      break;
  const uint8_t *at = term + begin;
  uint32_t c = wl_utf8_decode(&at, term + size);
  if (n == 1)
    return wl_fail_row(error, WL_ERROR_ENCODING, (int64_t)row,
                       "'utf-8' codec can't encode character '\\u%04x' in "
                       "position %zu: surrogates not allowed",
                       c, position);
  return wl_fail_row(error, WL_ERROR_ENCODING, (int64_t)row,
                     "'utf-8' codec can't encode characters in position "
                     "%zu-%zu: surrogates not allowed",
                     position, position + n - 1);
}

/* Fails at the first n-gram with a surrogate in scikit-learn's order: by n,
 * then by place, one segment after the other. */
static wl_status check_surrogates(const worker *w, const units *u, size_t first,
                                  size_t end, size_t row, wl_error *error) {
  size_t n_units = end - first, min_n = w->engine->min_n;
  if (n_units == 0)
    return WL_OK;
  if (min_n > n_units) {
    if (w->engine->analyzer != WL_ANALYZER_CHAR_WB)
      return WL_OK;
    min_n = n_units;
  }
  /* A surrogate in some n-gram is in a shortest one too. */
  for (size_t i = first; i + min_n <= end; i++) {
    const uint8_t *term = u->text + unit_begin(u, i);
    size_t size = unit_end(u, i + min_n - 1) - unit_begin(u, i);
    if (find_surrogate(term, size) < size)
      return fail_surrogate(term, size, row, error);
  }
  return WL_OK;
}

/* ---- rows ---------------------------------------------------------------- */

static wl_status worker_init(worker *w, const wl_hash_engine *engine,
                             const wl_string *rows, size_t n_rows,
                             wl_arena *arena, wl_error *error) {
  *w = (worker){.engine = engine, .arena = arena};
  return wl_tokens_init(&w->tokens, &engine->tokenizer, rows, n_rows, arena,
                        error);
}

static wl_status hash_words(worker *w, wl_string text, size_t row,
                            wl_error *error) {
  const wl_hash_engine *engine = w->engine;
  WL_TRY(wl_tokenize(&engine->tokenizer, text, row, &w->tokens, error));
  wl_tokens_drop_stop_words(&engine->tokenizer, &w->tokens);
  if (engine->max_n > 1)
    WL_TRY(wl_tokens_join(&w->tokens, error));
  units u = {w->tokens.text, w->tokens.bounds, true};
  if (w->tokens.prepared.has_surrogate)
    WL_TRY(check_surrogates(w, &u, 0, w->tokens.n, row, error));
  return hash_units(w, &u, 0, w->tokens.n, error);
}

static wl_status hash_chars(worker *w, wl_string text, size_t row,
                            wl_error *error) {
  const wl_hash_engine *engine = w->engine;
  const wl_preparer *preparer = &engine->tokenizer.preparer;
  WL_TRY(wl_prepare(preparer, text, row, w->arena, &w->tokens.prepared, error));
  WL_TRY(reserve_chars(w, error));
  bool is_padded = engine->analyzer == WL_ANALYZER_CHAR_WB;
  w->n_chars = w->n_segments = 0;
  if (is_padded)
    cut_padded_words(w, preparer->unicode);
  else
    cut_chars(w, preparer->unicode);
  units u = {w->text, w->begins, false};
  for (size_t i = 0; i < w->n_segments; i++) {
    size_t first = w->segments[i], end = w->segments[i + 1];
    if (w->tokens.prepared.has_surrogate)
      WL_TRY(check_surrogates(w, &u, first, end, row, error));
    if (is_padded)
      WL_TRY(hash_padded_word(w, &u, first, end, error));
    else
      WL_TRY(hash_units(w, &u, first, end, error));
  }
  return WL_OK;
}

/* The distinct features of a row and their sums, in w->tally. */
static wl_status tally_row(worker *w, wl_string text, size_t row,
                           wl_error *error) {
  w->hits.n = 0;
  if (w->engine->analyzer == WL_ANALYZER_WORD)
    WL_TRY(hash_words(w, text, row, error));
  else
    WL_TRY(hash_chars(w, text, row, error));
  return wl_tally_row(&w->tally, &w->hits, w->arena, error);
}

wl_status wl_hash_engine_score(const wl_hash_engine *engine,
                               const wl_string *rows, size_t n_rows,
                               wl_arena *arena, double *out, size_t ld,
                               wl_error *error) {
  worker w;
  wl_arena_mark mark = wl_arena_save(arena);
  wl_status status = worker_init(&w, engine, rows, n_rows, arena, error);
  for (size_t row = 0; row < n_rows && status == WL_OK; row++) {
    status = tally_row(&w, rows[row], row, error);
    if (status != WL_OK)
      break;
    wl_hash_weights_find(&engine->weights, w.tally.keys, w.tally.n);
    wl_weights_score(&engine->weights.weights, w.tally.keys, w.tally.sums,
                     w.tally.n, out + row * ld);
  }
  wl_arena_restore(arena, mark);
  return status;
}

wl_status wl_hash_engine_count(const wl_hash_engine *engine,
                               const wl_string *rows, size_t n_rows,
                               wl_arena *arena, wl_csr_builder *out,
                               wl_error *error) {
  worker w;
  WL_TRY(worker_init(&w, engine, rows, n_rows, arena, error));
  for (size_t row = 0; row < n_rows; row++) {
    WL_TRY(tally_row(&w, rows[row], row, error));
    WL_TRY(wl_tally_push_row(&w.tally, arena, out, error));
  }
  return WL_OK;
}
