/*
 * fuzz_text.c: any rows through any vectorizer: counts and scores of every CPU
 * variant, and of each row by itself, have the bits of the portable one.
 *
 * Input: five bytes of parameters; then pieces, each ended by a zero byte: the
 * vocabulary (as many terms as the fifth byte says), then the rows.
 */
#include "fuzz.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "text/vectorizer.h"

enum { MAX_TERMS = 24, MAX_ROWS = 32, MAX_OUTPUTS = 3, MAX_SIZE = 4096 };
enum { N_PARAMETERS = 5, HASH_FEATURES = 37 };
/* A row has no more entries than there are features. */
enum { MAX_ENTRIES = MAX_ROWS * (HASH_FEATURES + MAX_TERMS) };

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

/* The two vectorizers of one variant: building them takes the longest. */
typedef struct engines {
  wl_vectorizer *counter, *scorer;
  wl_status count_status, score_status;
} engines;

static engines build(const problem *p, wl_cpu_level level) {
  engines e = {NULL, NULL, WL_OK, WL_OK};
  (void)wl_cpu_force(level);
  e.count_status = wl_vectorizer_create(&p->params, NULL, &e.counter, NULL);
  e.score_status =
      wl_vectorizer_create(&p->params, &p->scoring, &e.scorer, NULL);
  return e;
}

static void release(const engines *e) {
  wl_vectorizer_free(e->counter);
  wl_vectorizer_free(e->scorer);
}

static void count(const engines *e, const wl_string *rows, size_t n,
                  wl_arena *arena, answer *out) {
  wl_csr_builder builder;
  wl_error error = {.row = -1};
  out->count_status = e->count_status;
  if (out->count_status == WL_OK)
    out->count_status = wl_csr_begin(&builder, arena, n, 0, &error);
  if (out->count_status == WL_OK)
    out->count_status =
        wl_vectorizer_count(e->counter, rows, n, arena, &builder, &error);
  out->count_row = error.row;
  if (out->count_status != WL_OK)
    return;
  out->n_rows = builder.n_rows;
  out->n_entries = builder.n_entries;
  if (builder.n_rows != n || builder.n_entries > MAX_ENTRIES)
    abort();
  memcpy(out->indptr, builder.indptr, (n + 1) * sizeof *out->indptr);
  memcpy(out->indices, builder.indices,
         builder.n_entries * sizeof *out->indices);
  memcpy(out->data, builder.data, builder.n_entries * sizeof *out->data);
}

static void score(const engines *e, const wl_string *rows, size_t n, size_t k,
                  wl_arena *arena, answer *out) {
  wl_error error = {.row = -1};
  out->score_status = e->score_status;
  if (out->score_status == WL_OK)
    out->score_status =
        wl_vectorizer_score(e->scorer, rows, n, arena, out->scores, k, &error);
  out->score_row = error.row;
  if (out->score_status != WL_OK)
    memset(out->scores, 0, sizeof out->scores);
}

static void compute(const engines *e, const problem *p, size_t first, size_t n,
                    answer *out) {
  wl_arena arena;
  memset(out, 0, offsetof(answer, indices));
  memset(out->scores, 0, sizeof out->scores);
  wl_arena_init(&arena);
  count(e, p->rows + first, n, &arena, out);
  score(e, p->rows + first, n, p->scoring.n_outputs, &arena, out);
  wl_arena_deinit(&arena);
}

static bool same(const answer *a, const answer *b) {
  return memcmp(a, b, offsetof(answer, indices)) == 0 &&
         memcmp(a->indices, b->indices, a->n_entries * sizeof *a->indices) ==
             0 &&
         memcmp(a->data, b->data, a->n_entries * sizeof *a->data) == 0 &&
         memcmp(a->scores, b->scores, sizeof a->scores) == 0;
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
  if (size < N_PARAMETERS || size > MAX_SIZE)
    return 0;
  for (size_t i = 0; i < WL_COUNT_OF(weights); i++)
    weights[i] = (double)(i * i % 29) * 0.37 - 3.1;
  for (size_t i = 0; i < WL_COUNT_OF(norm_values); i++)
    norm_values[i] = 1.0 + (double)(i % 7) * 0.11;
  read_parameters(data, &p);
  read_pieces(data + N_PARAMETERS, data + size, data[4] % MAX_TERMS, &p);
  for (int level = WL_CPU_PORTABLE; level < WL_CPU_LEVEL_COUNT; level++) {
    if (wl_cpu_force((wl_cpu_level)level) != (wl_cpu_level)level)
      break;
    engines e = build(&p, (wl_cpu_level)level);
    answer *batch = level == WL_CPU_PORTABLE ? &portable : &other;
    compute(&e, &p, 0, p.n_rows, batch);
    check_entries(&p, batch);
    if (!same(batch, &portable))
      abort();
    for (size_t row = 0; row < p.n_rows; row++) {
      compute(&e, &p, row, 1, &other);
      check_alone(&p, &portable, &other, row);
    }
    release(&e);
  }
  free_pieces(&p);
  return 0;
}
