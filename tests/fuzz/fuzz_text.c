/*
 * fuzz_text.c: any rows through any vectorizer: counts and scores of every CPU
 * variant, and of each row by itself, have the bits of the portable one.
 *
 * Input: five bytes of parameters; then pieces, each ended by a zero byte: the
 * vocabulary (as many terms as the fifth byte says), then the rows.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "text/vectorizer.h"

enum { MAX_TERMS = 24, MAX_ROWS = 6, MAX_OUTPUTS = 3, MAX_ENTRIES = 1 << 14 };
enum { N_PARAMETERS = 5, HASH_FEATURES = 37 };

/* What one vectorizer gives: kept to be compared. */
typedef struct answer {
  wl_status count_status, score_status;
  int64_t count_row, score_row;
  size_t n_rows, n_entries;
  int64_t indptr[MAX_ROWS + 1];
  int32_t indices[MAX_ENTRIES];
  double data[MAX_ENTRIES];
  double scores[MAX_ROWS * MAX_OUTPUTS];
} answer;

typedef struct problem {
  wl_vectorizer_params params;
  wl_scoring scoring;
  wl_string terms[MAX_TERMS], rows[MAX_ROWS];
  size_t n_rows;
} problem;

static double weights[(MAX_TERMS + HASH_FEATURES) * MAX_OUTPUTS];
static double norm_values[MAX_TERMS + HASH_FEATURES];
static const wl_string stop_words[] = {{"the", 3}, {"a", 1}, {"\xc3\xa9", 2}};

static void read_parameters(const uint8_t *bytes, problem *p) {
  static const char *const patterns[] = {"[a-z]+", "(\\S)\\S*", "\\d|x*", ""};
  static const unsigned maps[] = {0, WL_MAP_ACCENTS_UNICODE,
                                  WL_MAP_ACCENTS_ASCII, 0};
  wl_vectorizer_params *params = &p->params;
  params->analyzer = (wl_analyzer)((bytes[0] & 15) % 3);
  params->is_hash = bytes[0] & 0x10;
  params->alternate_sign = bytes[0] & 0x20;
  params->n_features = HASH_FEATURES;
  params->unicode = wl_unicode_find("14.0.0");
  params->map = maps[bytes[1] % 4] | (bytes[1] & 0x10 ? WL_MAP_LOWER : 0u);
  params->token_rule = (wl_token_rule)(bytes[1] / 0x40 % 3);
  params->pattern = patterns[bytes[2] % 4];
  params->pattern_size = strlen(params->pattern);
  params->pattern_group = bytes[2] % 4 == 1;
  params->n_stop_words = bytes[2] & 0x10 ? WL_COUNT_OF(stop_words) : 0;
  params->stop_words = stop_words;
  params->min_n = 1 + bytes[3] % 4;
  params->max_n = params->min_n + bytes[3] / 4 % 6;
  p->scoring = (wl_scoring){.n_outputs = 1 + bytes[3] / 0x20 % MAX_OUTPUTS,
                            .weights = weights,
                            .norm = (wl_norm)(bytes[3] / 0x40),
                            .tf = (wl_tf)(bytes[4] / 0x20 % 3)};
  if (bytes[4] & 0x80)
    p->scoring.norm_values = norm_values;
}

/* A block of its own for each piece, so that sanitizers see its ends. */
static bool take_piece(const uint8_t **at, const uint8_t *end, wl_string *out) {
  if (*at >= end)
    return false;
  const uint8_t *zero = memchr(*at, 0, (size_t)(end - *at));
  const uint8_t *stop = zero != NULL ? zero : end;
  size_t size = (size_t)(stop - *at);
  char *own = malloc(size != 0 ? size : 1);
  if (own == NULL)
    abort();
  if (size != 0)
    memcpy(own, *at, size);
  *out = (wl_string){own, size};
  *at = zero != NULL ? zero + 1 : end;
  return true;
}

static void read_pieces(const uint8_t *at, const uint8_t *end, size_t n_terms,
                        problem *p) {
  while (p->params.n_terms < n_terms &&
         take_piece(&at, end, &p->terms[p->params.n_terms]))
    p->params.n_terms++;
  while (p->n_rows < MAX_ROWS && take_piece(&at, end, &p->rows[p->n_rows]))
    p->n_rows++;
  p->params.terms = p->terms;
  if (!p->params.is_hash)
    p->params.n_features = p->params.n_terms;
}

static void free_pieces(const problem *p) {
  for (size_t i = 0; i < p->params.n_terms; i++)
    free((void *)(uintptr_t)p->terms[i].data);
  for (size_t i = 0; i < p->n_rows; i++)
    free((void *)(uintptr_t)p->rows[i].data);
}

static void count(const problem *p, size_t first, size_t n, wl_arena *arena,
                  answer *out) {
  wl_vectorizer *vectorizer = NULL;
  wl_csr_builder builder;
  wl_error error = {.row = -1};
  out->count_status =
      wl_vectorizer_create(&p->params, NULL, &vectorizer, &error);
  if (out->count_status == WL_OK)
    out->count_status = wl_csr_begin(&builder, arena, n, 0, &error);
  if (out->count_status == WL_OK)
    out->count_status = wl_vectorizer_count(vectorizer, p->rows + first, n,
                                            arena, &builder, &error);
  out->count_row = error.row;
  if (out->count_status == WL_OK) {
    out->n_rows = builder.n_rows;
    out->n_entries = builder.n_entries;
    if (builder.n_rows != n || builder.n_entries > MAX_ENTRIES)
      abort();
    memcpy(out->indptr, builder.indptr, (n + 1) * sizeof *out->indptr);
    memcpy(out->indices, builder.indices,
           builder.n_entries * sizeof *out->indices);
    memcpy(out->data, builder.data, builder.n_entries * sizeof *out->data);
  }
  wl_vectorizer_free(vectorizer);
}

static void score(const problem *p, size_t first, size_t n, wl_arena *arena,
                  answer *out) {
  wl_vectorizer *vectorizer = NULL;
  wl_error error = {.row = -1};
  out->score_status =
      wl_vectorizer_create(&p->params, &p->scoring, &vectorizer, &error);
  if (out->score_status == WL_OK)
    out->score_status =
        wl_vectorizer_score(vectorizer, p->rows + first, n, arena, out->scores,
                            p->scoring.n_outputs, &error);
  out->score_row = error.row;
  wl_vectorizer_free(vectorizer);
}

static void compute(const problem *p, wl_cpu_level level, size_t first,
                    size_t n, answer *out) {
  wl_arena arena;
  memset(out, 0, sizeof *out);
  (void)wl_cpu_force(level);
  wl_arena_init(&arena);
  count(p, first, n, &arena, out);
  score(p, first, n, &arena, out);
  wl_arena_deinit(&arena);
}

/* Columns are inside the vocabulary, ascending in each row. */
static void check_entries(const problem *p, const answer *a) {
  if (a->count_status != WL_OK)
    return;
  for (size_t r = 0; r < a->n_rows; r++)
    for (int64_t e = a->indptr[r]; e < a->indptr[r + 1]; e++)
      if (a->indices[e] < 0 || (size_t)a->indices[e] >= p->params.n_features ||
          (e > a->indptr[r] && a->indices[e] <= a->indices[e - 1]))
        abort();
}

/* Row `row` of a batch against the same row alone. */
static void check_alone(const problem *p, const answer *batch,
                        const answer *alone, size_t row) {
  size_t k = p->scoring.n_outputs;
  if (batch->count_status == WL_OK) {
    size_t from = (size_t)batch->indptr[row];
    size_t n = (size_t)batch->indptr[row + 1] - from;
    if (alone->count_status != WL_OK || alone->n_entries != n ||
        memcmp(alone->indices, batch->indices + from,
               n * sizeof *alone->indices) != 0 ||
        memcmp(alone->data, batch->data + from, n * sizeof *alone->data) != 0)
      abort();
  }
  if (batch->score_status == WL_OK &&
      (alone->score_status != WL_OK ||
       memcmp(alone->scores, batch->scores + row * k,
              k * sizeof *alone->scores) != 0))
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static answer portable, other;
  problem p = {.n_rows = 0};
  if (size < N_PARAMETERS || size > MAX_ENTRIES / MAX_ROWS / 8)
    return 0;
  for (size_t i = 0; i < WL_COUNT_OF(weights); i++)
    weights[i] = (double)(i * i % 29) * 0.37 - 3.1;
  for (size_t i = 0; i < WL_COUNT_OF(norm_values); i++)
    norm_values[i] = 1.0 + (double)(i % 7) * 0.11;
  read_parameters(data, &p);
  read_pieces(data + N_PARAMETERS, data + size, data[4] % MAX_TERMS, &p);
  compute(&p, WL_CPU_PORTABLE, 0, p.n_rows, &portable);
  check_entries(&p, &portable);
  for (int level = WL_CPU_AVX2; level < WL_CPU_LEVEL_COUNT; level++) {
    compute(&p, (wl_cpu_level)level, 0, p.n_rows, &other);
    if (memcmp(&other, &portable, sizeof other) != 0)
      abort();
  }
  for (size_t row = 0; row < p.n_rows; row++) {
    compute(&p, WL_CPU_LEVEL_COUNT - 1, row, 1, &other);
    check_alone(&p, &portable, &other, row);
  }
  free_pieces(&p);
  return 0;
}
