/*
 * word_batch.h: scores of single words with raw counts, many rows together.
 * Internal to src/text.
 */
#ifndef WL_TEXT_WORD_BATCH_H
#define WL_TEXT_WORD_BATCH_H

#include "text/string_table.h"
#include "text/tally.h"
#include "text/tokenizer.h"

/* What a word engine scores with: a token's id is its record, and ids below
 * n_stop_ids are stop words. */
typedef struct wl_word_lookup {
  const wl_tokenizer *tokenizer;
  const wl_string_table *strings;
  uint32_t n_stop_ids;
  const wl_weights *weights;
} wl_word_lookup;

/* Whether wl_word_batch_score knows the scoring; the answer does not depend on
 * rows. */
bool wl_word_batch_supports(const wl_word_lookup *lookup);

wl_status wl_word_batch_score(const wl_word_lookup *lookup,
                              const wl_string *rows, size_t n_rows,
                              wl_arena *arena, double *out, size_t ld,
                              wl_error *error);

#endif
