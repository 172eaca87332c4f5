/*
 * test_word_batch.c: words scored many rows at a time: lookups of every
 * variant, and scores against the definition, with the same bits whatever the
 * variant and the number of rows in a call.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "support.h"
#include "text/scan.h"
#include "text/vectorizer.h"

enum { N_WORDS = 700, MAX_WORD = 24, N_ROWS = 90, ROW_SIZE = 8192 };

static char words[N_WORDS][MAX_WORD];
static wl_string terms[N_WORDS];

/* Distinct words of 2 to 20 letters; few letters, so that hashes are all that
 * tells them apart early. */
static void make_words(void) {
  for (size_t i = 0; i < N_WORDS; i++) {
    size_t size = 0, pad = random_bits() % 16;
    for (size_t n = i + 1; n != 0; n /= 5)
      words[i][size++] = (char)('a' + n % 5);
    words[i][size++] = 'x';
    while (size < pad)
      words[i][size++] = 'y';
    terms[i] = (wl_string){words[i], size};
  }
}

/* ---- lookups -------------------------------------------------------- */

static wl_string_key padded_key(wl_string word) {
  uint8_t text[MAX_WORD + 32] = {0};
  memcpy(text, word.data, word.size);
  return wl_string_key_of(text, word.size);
}

static void every_variant_finds_the_same_ids(void **state) {
  (void)state;
  make_words();
  /* Small tables are crowded, and their windows go past the end. */
  for (size_t n_known = 0; n_known < N_WORDS / 2; n_known += 1 + n_known / 3) {
    wl_string_table table;
    assert_int_equal(
        wl_string_table_init(&table, n_known, n_known * MAX_WORD, NULL), WL_OK);
    for (size_t i = 0; i < n_known; i++)
      wl_string_table_add(&table, terms[i].data, terms[i].size);
    for (int level = 0; level <= (int)wl_cpu(); level++) {
      const wl_scan *scan = wl_scan_for((wl_cpu_level)level);
      for (size_t first = 0; first < 2 * n_known + 9; first++) {
        wl_scan_keys keys;
        size_t n = 1 + random_bits() % WL_SCAN_BATCH, at[WL_SCAN_BATCH];
        uint32_t ids[WL_SCAN_BATCH];
        for (size_t i = 0; i < n; i++) {
          at[i] = random_bits() % (2 * n_known + 9);
          wl_string_key key = padded_key(terms[at[i]]);
          bool is_long = terms[at[i]].size > WL_SHORT_STRING;
          keys.hash[i] = key.hash;
          keys.low[i] = key.record.low;
          keys.high[i] = is_long ? WL_SCAN_LONG : key.record.high;
        }
        scan->find(&table, &keys, n, ids);
        for (size_t i = 0; i < n; i++)
          assert_int_equal(ids[i], at[i] < n_known &&
                                           terms[at[i]].size <= WL_SHORT_STRING
                                       ? at[i]
                                       : WL_NO_ID);
      }
    }
    wl_string_table_deinit(&table);
  }
}

/* ---- scores --------------------------------------------------------- */

static char texts[N_ROWS][ROW_SIZE];
static wl_string rows[N_ROWS];
static size_t counts[N_ROWS][N_WORDS];

/* Rows of words; few different ones make many repeats. */
static void make_rows(size_t n_known) {
  memset(counts, 0, sizeof counts);
  for (size_t r = 0; r < N_ROWS; r++) {
    size_t size = 0, n = random_bits() % (random_bits() % 8 ? 30 : 300);
    size_t n_different = 1 + random_bits() % N_WORDS;
    for (size_t i = 0; i < n; i++) {
      size_t word = random_bits() % n_different;
      memcpy(texts[r] + size, terms[word].data, terms[word].size);
      size += terms[word].size;
      texts[r][size++] = " \n,"[random_bits() % 3];
      counts[r][word] += word < n_known;
    }
    rows[r] = (wl_string){texts[r], size};
  }
}

/* Of the first words. */
static wl_vectorizer_params params_of(size_t n_known) {
  return (wl_vectorizer_params){.unicode = wl_unicode_find("14.0.0"),
                                .map = WL_MAP_LOWER,
                                .min_n = 1,
                                .max_n = 1,
                                .terms = terms,
                                .n_terms = n_known,
                                .n_features = n_known};
}

static double *score_all(const wl_vectorizer_params *params,
                         const wl_scoring *scoring, size_t step) {
  wl_vectorizer *vectorizer;
  wl_arena arena;
  size_t k = scoring->n_outputs;
  double *out = malloc(N_ROWS * k * sizeof *out);
  wl_arena_init(&arena);
  assert_int_equal(wl_vectorizer_create(params, scoring, &vectorizer, NULL),
                   WL_OK);
  for (size_t r = 0; r < N_ROWS; r += step) {
    size_t n = N_ROWS - r < step ? N_ROWS - r : step;
    assert_int_equal(wl_vectorizer_score(vectorizer, rows + r, n, &arena,
                                         out + r * k, k, NULL),
                     WL_OK);
  }
  wl_vectorizer_free(vectorizer);
  wl_arena_deinit(&arena);
  return out;
}

static void check_row(const wl_scoring *scoring, size_t n_known, size_t row,
                      const double *got) {
  double squares = 0;
  for (size_t t = 0; t < n_known; t++)
    squares += pow(scoring->norm_values[t], 2) *
               pow((double)counts[row][t], scoring->norm == WL_NORM_L2 ? 2 : 1);
  double norm = scoring->norm == WL_NORM_NONE ? 1 : sqrt(squares);
  for (size_t k = 0; k < scoring->n_outputs; k++) {
    double sum = 0, scale = 0;
    for (size_t t = 0; t < n_known; t++) {
      double part =
          (double)counts[row][t] * scoring->weights[t * scoring->n_outputs + k];
      sum += part;
      scale += fabs(part);
    }
    double wanted = norm == 0 ? 0 : sum / norm;
    assert_true(fabs(got[k] - wanted) <=
                1e-13 * (norm == 0 ? 1 : scale / norm));
  }
}

static void scores_are_the_definitions_with_the_same_bits(void **state) {
  (void)state;
  static const size_t steps[] = {N_ROWS, 1, 7};
  static const wl_norm norms[] = {WL_NORM_L2, WL_NORM_OCCURRENCES, WL_NORM_L2,
                                  WL_NORM_NONE};
  make_words();
  wl_cpu_level best = wl_cpu();
  double weights[3 * N_WORDS], norm_values[N_WORDS];
  for (int round = 0; round < 12; round++) {
    size_t n_known = 1 + random_bits() % N_WORDS;
    make_rows(n_known);
    for (size_t i = 0; i < 3 * N_WORDS; i++)
      weights[i] = uniform(-1, 1);
    for (size_t i = 0; i < N_WORDS; i++)
      norm_values[i] = uniform(1, 9);
    wl_scoring scoring = {round % 3 == 2 ? 3 : 1, weights, norm_values,
                          norms[round % 4], WL_TF_RAW};
    wl_vectorizer_params params = params_of(n_known);
    double *first = NULL;
    size_t size = N_ROWS * scoring.n_outputs * sizeof *first;
    for (int level = 0; level <= (int)best; level++) {
      wl_cpu_force((wl_cpu_level)level);
      for (size_t s = 0; s < WL_COUNT_OF(steps); s++) {
        double *got = score_all(&params, &scoring, steps[s]);
        first = first == NULL ? got : first;
        assert_memory_equal(got, first, size);
        if (got != first)
          free(got);
      }
    }
    for (size_t r = 0; r < N_ROWS; r++)
      check_row(&scoring, n_known, r, first + r * scoring.n_outputs);
    free(first);
  }
}

static void an_output_has_the_bits_that_it_has_alone(void **state) {
  (void)state;
  enum { K = 3 };
  make_words();
  make_rows(N_WORDS);
  double weights[K * N_WORDS], alone[N_WORDS], norm_values[N_WORDS];
  for (size_t i = 0; i < K * N_WORDS; i++)
    weights[i] = uniform(-1, 1);
  for (size_t i = 0; i < N_WORDS; i++)
    norm_values[i] = uniform(1, 9);
  wl_scoring scoring = {K, weights, norm_values, WL_NORM_L2, WL_TF_RAW};
  wl_vectorizer_params params = params_of(N_WORDS);
  double *together = score_all(&params, &scoring, N_ROWS);
  for (size_t k = 0; k < K; k++) {
    for (size_t t = 0; t < N_WORDS; t++)
      alone[t] = weights[t * K + k];
    wl_scoring one = {1, alone, norm_values, WL_NORM_L2, WL_TF_RAW};
    double *got = score_all(&params, &one, N_ROWS);
    for (size_t r = 0; r < N_ROWS; r++)
      assert_memory_equal(&got[r], &together[r * K + k], sizeof *got);
    free(got);
  }
  free(together);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_variant_finds_the_same_ids),
      cmocka_unit_test(scores_are_the_definitions_with_the_same_bits),
      cmocka_unit_test(an_output_has_the_bits_that_it_has_alone),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
