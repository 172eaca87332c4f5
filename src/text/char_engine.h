/*
 * char_engine.h: character n-grams (char and char_wb) against a vocabulary.
 * Internal to src/text; wl_vectorizer_* in vectorizer.h dispatches to it.
 */
#ifndef WL_TEXT_CHAR_ENGINE_H
#define WL_TEXT_CHAR_ENGINE_H

#include "text/vectorizer.h"

typedef struct wl_char_engine wl_char_engine;

wl_status wl_char_engine_create(const wl_vectorizer_params *params,
                                const wl_scoring *scoring, wl_char_engine **out,
                                wl_error *error);
void wl_char_engine_free(wl_char_engine *engine);
wl_status wl_char_engine_score(const wl_char_engine *engine,
                               const wl_string *rows, size_t n_rows,
                               wl_arena *arena, double *out, size_t ld,
                               wl_error *error);
wl_status wl_char_engine_count(const wl_char_engine *engine,
                               const wl_string *rows, size_t n_rows,
                               wl_arena *arena, wl_csr_builder *out,
                               wl_error *error);
size_t wl_char_engine_size(const wl_char_engine *engine);

#endif
