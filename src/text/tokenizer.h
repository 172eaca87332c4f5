/*
 * tokenizer.h: from a row to its tokens: prepared text and the bounds of the
 * tokens in it. Shared by the vocabulary and the hashing engine.
 */
#ifndef WL_TEXT_TOKENIZER_H
#define WL_TEXT_TOKENIZER_H

#include "text/pattern.h"
#include "text/prepare.h"
#include "text/string_table.h"
#include "text/vectorizer.h"

/* Immutable, shared by threads. */
typedef struct wl_tokenizer {
  wl_preparer preparer;
  wl_token_rule rule;
  wl_pattern *pattern;        /* owned; NULL unless the rule is a pattern */
  wl_string_table stop_words; /* may be empty */
} wl_tokenizer;

/* Takes the map, the token rule and the stop words of the parameters. */
wl_status wl_tokenizer_init(wl_tokenizer *tokenizer,
                            const wl_vectorizer_params *params,
                            wl_error *error);
void wl_tokenizer_deinit(wl_tokenizer *tokenizer);
size_t wl_tokenizer_size(const wl_tokenizer *tokenizer);

/* A row's tokens: token i is text[bounds[2i], bounds[2i + 1]), where 16 bytes
 * past a token's end may be read. Arena memory, used again for each row. */
typedef struct wl_tokens {
  wl_arena *arena;
  wl_prepared prepared;
  wl_matcher matcher;
  const uint8_t *text;
  uint32_t *bounds;
  size_t n;
  uint32_t *own_bounds; /* bounds, unless a matcher made them */
  size_t bounds_capacity;
  uint8_t *joined;
  size_t joined_capacity;
} wl_tokens;

/* Room for the longest of the rows. */
wl_status wl_tokens_init(wl_tokens *tokens, const wl_tokenizer *tokenizer,
                         const wl_string *rows, size_t n_rows, wl_arena *arena,
                         wl_error *error);

/* The tokens of a row; stop words are still there. */
wl_status wl_tokenize(const wl_tokenizer *tokenizer, wl_string text, size_t row,
                      wl_tokens *tokens, wl_error *error);

/* Takes out the stop words. */
void wl_tokens_drop_stop_words(const wl_tokenizer *tokenizer,
                               wl_tokens *tokens);

/* Joins the tokens by single spaces: text and bounds are then of the joined
 * string, in which tokens i to k are text[bounds[2i], bounds[2k + 1]). */
wl_status wl_tokens_join(wl_tokens *tokens, wl_error *error);

#endif
