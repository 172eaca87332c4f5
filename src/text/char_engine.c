/*
 * char_engine.c: builds the tables of a character n-gram vectorizer. An engine
 * is immutable once built and keeps the kernels that it was built with.
 */
#include "text/char_internal.h"

enum { LARGE_WEIGHTS = 1 << 22 };

static const wl_char_kernels *choose_kernels(void) {
#if defined(__x86_64__)
  switch (wl_cpu()) {
  case WL_CPU_AVX512:
    return &wl_char_avx512;
  case WL_CPU_AVX512_BW: /* its loops need VBMI */
  case WL_CPU_AVX2:
    return &wl_char_avx2;
  default:
    break;
  }
#endif
  return &wl_char_portable;
}

static wl_status check(const wl_vectorizer_params *params,
                       const wl_scoring *scoring, wl_error *error) {
  if (params->analyzer != WL_ANALYZER_CHAR &&
      params->analyzer != WL_ANALYZER_CHAR_WB)
    return wl_fail(error, WL_ERROR_INTERNAL,
                   "count: the character engine got another analyzer");
  if (params->is_hash)
    return wl_fail(error, WL_ERROR_UNSUPPORTED,
                   "count: character n-grams are not hashed here; use a "
                   "vocabulary");
  if (params->unicode == NULL)
    return wl_fail(error, WL_ERROR_VALUE,
                   "count: the Unicode version is "
                   "missing");
  if (params->min_n < 1 || params->max_n < params->min_n)
    return wl_fail(error, WL_ERROR_VALUE,
                   "count: ngram_range (%u, %u) must have 1 <= min_n <= max_n",
                   params->min_n, params->max_n);
  if (params->n_terms > INT32_MAX)
    return wl_fail(error, WL_ERROR_UNSUPPORTED,
                   "count: a vocabulary of %zu terms; at most %d are supported",
                   params->n_terms, INT32_MAX);
  if (scoring == NULL)
    return WL_OK;
  if (scoring->n_outputs < 1 ||
      (scoring->weights == NULL && params->n_terms > 0))
    return wl_fail(error, WL_ERROR_VALUE,
                   "count: scoring needs weights for at least one output");
  if ((unsigned)scoring->norm > WL_NORM_OCCURRENCES ||
      (unsigned)scoring->tf > WL_TF_SUBLINEAR)
    return wl_fail(error, WL_ERROR_VALUE,
                   "count: norm %d or tf %d is not known", (int)scoring->norm,
                   (int)scoring->tf);
  return WL_OK;
}

/* For counting: which term a slot is. */
static wl_status fill_terms(wl_char_engine *engine, const wl_char_trie *trie,
                            const uint32_t *slots, wl_error *error) {
  size_t n = engine->tables.n_slots;
  engine->terms = wl_alloc(n * sizeof(*engine->terms));
  if (engine->terms == NULL)
    return wl_fail_memory(error, n * sizeof(*engine->terms));
  for (size_t i = 0; i < n; i++)
    engine->terms[i] = -1;
  for (size_t i = 1; i < trie->n_nodes; i++)
    if (slots[i] != 0)
      engine->terms[slots[i]] = trie->nodes[i].term;
  return WL_OK;
}

/* Whether sums for each slot would take far more memory than the weights that
 * are given: few long terms, and many outputs. Of a usual vocabulary, more than
 * every second slot is a term. */
static bool is_out_of_proportion(const wl_char_engine *engine,
                                 const wl_scoring *scoring) {
  size_t n_slots = engine->tables.n_slots;
  return n_slots / 8 > engine->n_features &&
         n_slots > LARGE_WEIGHTS / scoring->n_outputs;
}

static wl_status build(wl_char_engine *engine,
                       const wl_vectorizer_params *params,
                       const wl_scoring *scoring, wl_error *error) {
  wl_char_trie trie = {.nodes = NULL};
  uint32_t *slots = NULL;
  wl_status status;
  WL_TRY_DONE(status, wl_char_trie_build(params, &engine->map, &trie, error));
  slots = wl_alloc(trie.n_nodes * sizeof(*slots));
  if (slots == NULL) {
    status = wl_fail_memory(error, trie.n_nodes * sizeof(*slots));
    goto done;
  }
  WL_TRY_DONE(status,
              wl_char_tables_build(&engine->tables, &trie,
                                   engine->map.n_classes, slots, error));
  engine->is_walking = engine->tables.n_levels > WL_CHAR_MAX_LEVELS;
  if (scoring == NULL) {
    engine->is_exact = true;
    status = fill_terms(engine, &trie, slots, error);
    goto done;
  }
  engine->norm = scoring->norm;
  engine->tf = scoring->tf;
  /* Of a single level, all counts are found sooner than the repeated ones. */
  bool is_level = engine->tables.n_levels == engine->tables.filter_level;
  engine->is_exact = engine->is_walking || scoring->norm == WL_NORM_MAX ||
                     (is_level && scoring->tf != WL_TF_RAW) ||
                     is_out_of_proportion(engine, scoring);
  for (size_t i = 0; i < WL_CHAR_N_TF; i++)
    engine->tf_values[i] = wl_char_tf(scoring->tf, (double)i);
  status = wl_char_weights_build(engine, scoring, &trie, slots, error);
done:
  wl_free(trie.nodes);
  wl_free(slots);
  return status;
}

wl_status wl_char_engine_create(const wl_vectorizer_params *params,
                                const wl_scoring *scoring, wl_char_engine **out,
                                wl_error *error) {
  *out = NULL;
  WL_TRY(check(params, scoring, error));
  wl_char_engine *engine = wl_calloc(1, sizeof(*engine));
  if (engine == NULL)
    return wl_fail_memory(error, sizeof(*engine));
  engine->kernels = choose_kernels();
  engine->n_features = params->n_terms;
  wl_status status = build(engine, params, scoring, error);
  if (status != WL_OK) {
    wl_char_engine_free(engine);
    return status;
  }
  *out = engine;
  return WL_OK;
}

void wl_char_engine_free(wl_char_engine *engine) {
  if (engine == NULL)
    return;
  wl_char_map_deinit(&engine->map);
  wl_char_tables_deinit(&engine->tables);
  wl_char_weights_deinit(&engine->weights);
  wl_free(engine->terms);
  wl_free(engine);
}

size_t wl_char_engine_size(const wl_char_engine *engine) {
  const wl_char_tables *tables = &engine->tables;
  const wl_char_weights *w = &engine->weights;
  size_t unit = wl_char_entry_size(tables);
  return sizeof(*engine) +
         engine->map.n_blocks * WL_CHAR_BLOCK * sizeof(uint32_t) +
         engine->map.n_classes * sizeof(uint32_t) +
         (tables->n_start + tables->n_entries) * unit +
         (w->n_own * w->own_stride +
          (w->sums ? tables->n_slots * w->stride : 0)) *
             sizeof(double) +
         tables->n_slots * ((engine->terms ? sizeof(*engine->terms) : 0) +
                            (w->rows ? sizeof(*w->rows) : 0));
}
