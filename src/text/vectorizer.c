/*
 * vectorizer.c: checks the parameters once and hands the work to one of three
 * engines: words, characters, or hashing of either.
 */
#include "text/vectorizer.h"

#include "text/char_engine.h"
#include "text/hash_engine.h"
#include "text/word_engine.h"

typedef enum engine_kind { ENGINE_WORD, ENGINE_CHAR, ENGINE_HASH } engine_kind;

struct wl_vectorizer {
  engine_kind kind;
  bool is_scoring;
  union {
    wl_word_engine *word;
    wl_char_engine *chars;
    wl_hash_engine *hash;
  } engine;
};

static wl_status check_strings(const char *what, const wl_string *strings,
                               size_t n, wl_error *error) {
  if (n != 0 && strings == NULL)
    return wl_fail(error, WL_ERROR_VALUE, "vectorizer: %s are missing", what);
  for (size_t i = 0; i < n; i++)
    if (strings[i].data == NULL && strings[i].size != 0)
      return wl_fail(error, WL_ERROR_VALUE,
                     "vectorizer: %s: string %zu has no data", what, i);
  return WL_OK;
}

static wl_status check_params(const wl_vectorizer_params *params,
                              wl_error *error) {
  const unsigned all_maps =
      WL_MAP_LOWER | WL_MAP_ACCENTS_UNICODE | WL_MAP_ACCENTS_ASCII;
  if (params->unicode == NULL)
    return wl_fail(error, WL_ERROR_VALUE,
                   "vectorizer: the Unicode version is not known");
  if ((unsigned)params->analyzer > WL_ANALYZER_CHAR_WB)
    return wl_fail(error, WL_ERROR_VALUE,
                   "vectorizer: analyzer %d is not known",
                   (int)params->analyzer);
  if (params->map & ~all_maps)
    return wl_fail(error, WL_ERROR_VALUE,
                   "vectorizer: character map %u is not known", params->map);
  if (params->min_n < 1 || params->min_n > params->max_n)
    return wl_fail(error, WL_ERROR_VALUE,
                   "vectorizer: ngram_range (%u, %u) is not supported; use 1 "
                   "<= min_n <= max_n",
                   params->min_n, params->max_n);
  if ((unsigned)params->token_rule > WL_TOKENS_PATTERN)
    return wl_fail(error, WL_ERROR_VALUE,
                   "vectorizer: token rule %d is not known",
                   (int)params->token_rule);
  if (params->token_rule == WL_TOKENS_PATTERN && params->pattern == NULL)
    return wl_fail(error, WL_ERROR_VALUE,
                   "vectorizer: the token pattern is missing");
  if (params->n_terms > INT32_MAX)
    return wl_fail(error, WL_ERROR_VALUE,
                   "vectorizer: a vocabulary of %zu terms is too large",
                   params->n_terms);
  WL_TRY(check_strings("stop words", params->stop_words, params->n_stop_words,
                       error));
  return check_strings("terms", params->terms,
                       params->is_hash ? 0 : params->n_terms, error);
}

wl_status wl_vectorizer_create(const wl_vectorizer_params *params,
                               const wl_scoring *scoring, wl_vectorizer **out,
                               wl_error *error) {
  *out = NULL;
  WL_TRY(check_params(params, error));
  wl_vectorizer *vectorizer = wl_calloc(1, sizeof *vectorizer);
  if (vectorizer == NULL)
    return wl_fail_memory(error, sizeof *vectorizer);
  vectorizer->is_scoring = scoring != NULL;
  wl_status status;
  if (params->is_hash) {
    vectorizer->kind = ENGINE_HASH;
    status =
        wl_hash_engine_create(params, scoring, &vectorizer->engine.hash, error);
  } else if (params->analyzer == WL_ANALYZER_WORD) {
    vectorizer->kind = ENGINE_WORD;
    status =
        wl_word_engine_create(params, scoring, &vectorizer->engine.word, error);
  } else {
    vectorizer->kind = ENGINE_CHAR;
    status = wl_char_engine_create(params, scoring, &vectorizer->engine.chars,
                                   error);
  }
  if (status != WL_OK) {
    wl_free(vectorizer);
    return status;
  }
  *out = vectorizer;
  return WL_OK;
}

void wl_vectorizer_free(wl_vectorizer *vectorizer) {
  if (vectorizer == NULL)
    return;
  switch (vectorizer->kind) {
  case ENGINE_WORD:
    wl_word_engine_free(vectorizer->engine.word);
    break;
  case ENGINE_CHAR:
    wl_char_engine_free(vectorizer->engine.chars);
    break;
  case ENGINE_HASH:
    wl_hash_engine_free(vectorizer->engine.hash);
    break;
  }
  wl_free(vectorizer);
}

wl_status wl_vectorizer_score(const wl_vectorizer *vectorizer,
                              const wl_string *rows, size_t n_rows,
                              wl_arena *arena, double *out, size_t ld,
                              wl_error *error) {
  if (!vectorizer->is_scoring)
    return wl_fail(error, WL_ERROR_INTERNAL,
                   "vectorizer: it was made for counting, not for scores");
  switch (vectorizer->kind) {
  case ENGINE_WORD:
    return wl_word_engine_score(vectorizer->engine.word, rows, n_rows, arena,
                                out, ld, error);
  case ENGINE_CHAR:
    return wl_char_engine_score(vectorizer->engine.chars, rows, n_rows, arena,
                                out, ld, error);
  case ENGINE_HASH:
    break;
  }
  return wl_hash_engine_score(vectorizer->engine.hash, rows, n_rows, arena, out,
                              ld, error);
}

wl_status wl_vectorizer_count(const wl_vectorizer *vectorizer,
                              const wl_string *rows, size_t n_rows,
                              wl_arena *arena, wl_csr_builder *out,
                              wl_error *error) {
  if (vectorizer->is_scoring)
    return wl_fail(error, WL_ERROR_INTERNAL,
                   "vectorizer: it was made for scores, not for counting");
  switch (vectorizer->kind) {
  case ENGINE_WORD:
    return wl_word_engine_count(vectorizer->engine.word, rows, n_rows, arena,
                                out, error);
  case ENGINE_CHAR:
    return wl_char_engine_count(vectorizer->engine.chars, rows, n_rows, arena,
                                out, error);
  case ENGINE_HASH:
    break;
  }
  return wl_hash_engine_count(vectorizer->engine.hash, rows, n_rows, arena, out,
                              error);
}

size_t wl_vectorizer_size(const wl_vectorizer *vectorizer) {
  size_t size = sizeof *vectorizer;
  switch (vectorizer->kind) {
  case ENGINE_WORD:
    return size + wl_word_engine_size(vectorizer->engine.word);
  case ENGINE_CHAR:
    return size + wl_char_engine_size(vectorizer->engine.chars);
  case ENGINE_HASH:
    break;
  }
  return size + wl_hash_engine_size(vectorizer->engine.hash);
}
