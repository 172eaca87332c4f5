/* tokenizer.c: runs of word characters by the marks of the prepared text, or
 * the matches of a pattern. */
#include "text/tokenizer.h"

wl_status wl_tokenizer_init(wl_tokenizer *tokenizer,
                            const wl_vectorizer_params *params,
                            wl_error *error) {
  wl_preparer_init(&tokenizer->preparer, params->unicode, params->map);
  tokenizer->rule = params->token_rule;
  tokenizer->pattern = NULL;
  tokenizer->stop_words = (wl_string_table){0};
  size_t n_bytes = 0;
  for (size_t i = 0; i < params->n_stop_words; i++)
    if (wl_add_overflows(n_bytes, params->stop_words[i].size, &n_bytes))
      return wl_fail(error, WL_ERROR_VALUE, "stop words are too long");
  WL_TRY(wl_string_table_init(&tokenizer->stop_words, params->n_stop_words,
                              n_bytes, error));
  for (size_t i = 0; i < params->n_stop_words; i++)
    wl_string_table_add(&tokenizer->stop_words, params->stop_words[i].data,
                        params->stop_words[i].size);
  if (params->token_rule != WL_TOKENS_PATTERN)
    return WL_OK;
  wl_status status =
      wl_pattern_create(params->pattern, params->pattern_size,
                        params->pattern_group, &tokenizer->pattern, error);
  if (status != WL_OK)
    wl_tokenizer_deinit(tokenizer);
  return status;
}

void wl_tokenizer_deinit(wl_tokenizer *tokenizer) {
  wl_pattern_free(tokenizer->pattern);
  tokenizer->pattern = NULL;
  wl_string_table_deinit(&tokenizer->stop_words);
}

size_t wl_tokenizer_size(const wl_tokenizer *tokenizer) {
  size_t pattern =
      tokenizer->pattern == NULL ? 0 : wl_pattern_size(tokenizer->pattern);
  return pattern + wl_string_table_size(&tokenizer->stop_words);
}

wl_status wl_tokens_init(wl_tokens *tokens, const wl_tokenizer *tokenizer,
                         const wl_string *rows, size_t n_rows, wl_arena *arena,
                         wl_error *error) {
  *tokens = (wl_tokens){.arena = arena};
  size_t longest = 0;
  for (size_t i = 0; i < n_rows; i++)
    longest = rows[i].size > longest ? rows[i].size : longest;
  if (longest < WL_PREPARE_MAX)
    WL_TRY(wl_prepared_reserve(&tokens->prepared, arena, longest, error));
  if (tokenizer->pattern != NULL)
    WL_TRY(wl_matcher_init(&tokens->matcher, tokenizer->pattern, arena, error));
  return WL_OK;
}

/* Tokens of one character: at most four bytes, all but the first of which
 * continue it. */
static bool is_single(const uint8_t *token, size_t size) {
  if (size > 4 || token[0] < 0x80)
    return false;
  for (size_t i = 1; i < size; i++)
    if ((token[i] & 0xC0) != 0x80)
      return false;
  return true;
}

static size_t drop_single(const uint8_t *text, uint32_t *bounds, size_t n) {
  size_t kept = 0;
  for (size_t i = 0; i < n; i++) {
    uint32_t begin = bounds[2 * i], end = bounds[2 * i + 1];
    bounds[2 * kept] = begin;
    bounds[2 * kept + 1] = end;
    kept += !is_single(text + begin, end - begin);
  }
  return kept;
}

static wl_status find_runs(const wl_tokenizer *tokenizer, wl_tokens *tokens,
                           wl_error *error) {
  const wl_prepared *prepared = &tokens->prepared;
  if (prepared->size + 2 + WL_SCAN_OVERRUN > tokens->bounds_capacity) {
    size_t wanted = prepared->capacity + 2 + WL_SCAN_OVERRUN;
    tokens->own_bounds =
        wl_arena_alloc(tokens->arena, wanted * sizeof *tokens->own_bounds);
    tokens->bounds_capacity = tokens->own_bounds == NULL ? 0 : wanted;
    if (tokens->own_bounds == NULL)
      return wl_fail_memory(error, wanted * sizeof *tokens->own_bounds);
  }
  bool is_word2 = tokenizer->rule == WL_TOKENS_WORD2;
  tokens->bounds = tokens->own_bounds;
  tokens->n = tokenizer->preparer.scan->bounds(prepared->marks, prepared->size,
                                               is_word2, tokens->bounds) /
              2;
  if (is_word2 && !prepared->is_ascii)
    tokens->n = drop_single(prepared->bytes, tokens->bounds, tokens->n);
  return WL_OK;
}

wl_status wl_tokenize(const wl_tokenizer *tokenizer, wl_string text, size_t row,
                      wl_tokens *tokens, wl_error *error) {
  WL_TRY(wl_prepare(&tokenizer->preparer, text, row, tokens->arena,
                    &tokens->prepared, error));
  tokens->text = tokens->prepared.bytes;
  if (tokenizer->pattern == NULL)
    return find_runs(tokenizer, tokens, error);
  WL_TRY(wl_matcher_find_all(&tokens->matcher, tokens->text,
                             tokens->prepared.size, row, error));
  tokens->bounds = tokens->matcher.bounds;
  tokens->n = tokens->matcher.n_bounds / 2;
  return WL_OK;
}

void wl_tokens_drop_stop_words(const wl_tokenizer *tokenizer,
                               wl_tokens *tokens) {
  if (tokenizer->stop_words.n == 0)
    return;
  size_t kept = 0;
  for (size_t i = 0; i < tokens->n; i++) {
    uint32_t begin = tokens->bounds[2 * i], end = tokens->bounds[2 * i + 1];
    tokens->bounds[2 * kept] = begin;
    tokens->bounds[2 * kept + 1] = end;
    kept += wl_string_table_find(&tokenizer->stop_words, tokens->text + begin,
                                 end - begin) == WL_NO_ID;
  }
  tokens->n = kept;
}

wl_status wl_tokens_join(wl_tokens *tokens, wl_error *error) {
  size_t size = 64;
  for (size_t i = 0; i < tokens->n; i++)
    size += tokens->bounds[2 * i + 1] - tokens->bounds[2 * i] + 1;
  if (size > UINT32_MAX)
    return wl_fail(error, WL_ERROR_VALUE,
                   "a row's tokens are longer than 4 GB; split its text");
  if (size > tokens->joined_capacity) {
    size_t wanted =
        size < 2 * tokens->joined_capacity ? 2 * tokens->joined_capacity : size;
    tokens->joined = wl_arena_alloc(tokens->arena, wanted);
    tokens->joined_capacity = tokens->joined == NULL ? 0 : wanted;
    if (tokens->joined == NULL)
      return wl_fail_memory(error, wanted);
  }
  uint32_t at = 0;
  for (size_t i = 0; i < tokens->n; i++) {
    uint32_t begin = tokens->bounds[2 * i], end = tokens->bounds[2 * i + 1];
    memcpy(tokens->joined + at, tokens->text + begin, end - begin);
    tokens->bounds[2 * i] = at;
    tokens->bounds[2 * i + 1] = at += end - begin;
    tokens->joined[at++] = ' ';
  }
  tokens->text = tokens->joined;
  return WL_OK;
}
