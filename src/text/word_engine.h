/*
 * word_engine.h: word n-grams against a vocabulary. Internal to src/text;
 * wl_vectorizer_* in vectorizer.h dispatches to it, and says what it does.
 */
#ifndef WL_TEXT_WORD_ENGINE_H
#define WL_TEXT_WORD_ENGINE_H

#include "text/vectorizer.h"

typedef struct wl_word_engine wl_word_engine;

wl_status wl_word_engine_create(const wl_vectorizer_params *params,
                                const wl_scoring *scoring, wl_word_engine **out,
                                wl_error *error);
void wl_word_engine_free(wl_word_engine *engine);
wl_status wl_word_engine_score(const wl_word_engine *engine,
                               const wl_string *rows, size_t n_rows,
                               wl_arena *arena, double *out, size_t ld,
                               wl_error *error);
wl_status wl_word_engine_count(const wl_word_engine *engine,
                               const wl_string *rows, size_t n_rows,
                               wl_arena *arena, wl_csr_builder *out,
                               wl_error *error);
size_t wl_word_engine_size(const wl_word_engine *engine);

#endif
