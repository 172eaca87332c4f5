/* test_words.c: words, word n-grams, token patterns and hashing, as
 * scikit-learn counts them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/math.h"
#include "support.h"
#include "text/murmurhash.h"
#include "text/scan.h"
#include "text/vectorizer.h"

#define S(literal)                                                             \
  { literal, sizeof(literal) - 1 }
enum { MAX_STRINGS = 16 };

/* The parameters of a test, and a vocabulary of literals. */
static wl_vectorizer_params params_of(const wl_string *terms, size_t n_terms) {
  return (wl_vectorizer_params){.unicode = wl_unicode_find("14.0.0"),
                                .map = WL_MAP_LOWER,
                                .min_n = 1,
                                .max_n = 1,
                                .terms = terms,
                                .n_terms = n_terms,
                                .n_features = n_terms};
}

static wl_vectorizer_params hash_params(size_t n_features) {
  wl_vectorizer_params params = params_of(NULL, 0);
  params.is_hash = true;
  params.n_features = n_features;
  params.alternate_sign = true;
  return params;
}

static void set_pattern(wl_vectorizer_params *params, const char *pattern,
                        bool has_group) {
  params->token_rule = WL_TOKENS_PATTERN;
  params->pattern = pattern;
  params->pattern_size = strlen(pattern);
  params->pattern_group = has_group;
}

/* Counts one row as "column:count column:count ", or the error's message. */
static wl_status count_row(const wl_vectorizer_params *params, wl_string row,
                           char *text, size_t size) {
  wl_vectorizer *vectorizer;
  wl_error error = {0};
  wl_arena arena;
  wl_csr_builder out;
  wl_arena_init(&arena);
  wl_status status = wl_vectorizer_create(params, NULL, &vectorizer, &error);
  if (status == WL_OK)
    status = wl_csr_begin(&out, &arena, 1, 0, &error);
  if (status == WL_OK)
    status = wl_vectorizer_count(vectorizer, &row, 1, &arena, &out, &error);
  text[0] = '\0';
  size_t at = 0;
  if (status == WL_OK)
    for (size_t i = 0; i < out.n_entries && at < size; i++)
      at += (size_t)snprintf(text + at, size - at, "%d:%g ", out.indices[i],
                             out.data[i]);
  else
    snprintf(text, size, "%s", error.message);
  wl_vectorizer_free(vectorizer);
  wl_arena_deinit(&arena);
  return status;
}

static void assert_counts(const wl_vectorizer_params *params, wl_string row,
                          const char *expected) {
  char text[1024];
  assert_int_equal(count_row(params, row, text, sizeof text), WL_OK);
  assert_string_equal(text, expected);
}

static void assert_fails(const wl_vectorizer_params *params, wl_string row,
                         wl_status code, const char *part) {
  char text[1024];
  assert_int_equal(count_row(params, row, text, sizeof text), code);
  assert_non_null(strstr(text, part));
}

/* ---- the vector kernels ---------------------------------------------------
 */

static void every_scan_variant_gives_the_same_marks(void **state) {
  (void)state;
  const wl_scan *portable = wl_scan_for(WL_CPU_PORTABLE);
  for (int level = WL_CPU_PORTABLE; level <= (int)wl_cpu(); level++) {
    const wl_scan *scan = wl_scan_for((wl_cpu_level)level);
    for (int round = 0; round < 3000; round++) {
      uint8_t text[200], out[2][300];
      uint64_t marks[2][8] = {{0}};
      size_t size = random_bits() % sizeof text, at = random_bits() % 130;
      for (size_t i = 0; i < size; i++)
        text[i] = (uint8_t)(random_bits() % (round % 3 ? 128 : 132));
      bool to_lower = round & 1;
      size_t n = portable->ascii(text, size, to_lower, out[0], marks[0], at);
      assert_int_equal(scan->ascii(text, size, to_lower, out[1], marks[1], at),
                       n);
      assert_memory_equal(out[0], out[1], n);
      assert_memory_equal(marks[0], marks[1], (at + n) / 64 * 8 + 8);
      uint32_t bounds[2][300 + WL_SCAN_OVERRUN];
      size_t n_bounds =
          portable->bounds(marks[0], at + n, round & 2, bounds[0]);
      assert_int_equal(scan->bounds(marks[1], at + n, round & 2, bounds[1]),
                       n_bounds);
      assert_memory_equal(bounds[0], bounds[1], n_bounds * sizeof(uint32_t));
    }
  }
}

static void scans_do_not_read_past_the_text(void **state) {
  (void)state;
  for (int level = WL_CPU_PORTABLE; level <= (int)wl_cpu(); level++)
    for (size_t size = 0; size < 130; size++) {
      uint8_t *text = malloc(size ? size : 1), out[256];
      uint64_t marks[6] = {0};
      memset(text, 'A', size);
      const wl_scan *scan = wl_scan_for((wl_cpu_level)level);
      assert_int_equal(scan->ascii(text, size, true, out, marks, 0), size);
      free(text);
    }
}

/* ---- words ----------------------------------------------------------------
 */

static const wl_string animals[] = {S("cat"),         S("dog"),
                                    S("x"),           S("a cat"),
                                    S("caf\xC3\xA9"), S("\xCF\x83\xCF\x82")};

static void words_of_two_characters_and_more_are_counted(void **state) {
  (void)state;
  wl_vectorizer_params params = params_of(animals, WL_COUNT_OF(animals));
  assert_counts(&params, (wl_string)S("Cat, dog; CAT x a cat."), "0:3 1:1 ");
}

static void the_other_rule_counts_single_characters_too(void **state) {
  (void)state;
  wl_vectorizer_params params = params_of(animals, WL_COUNT_OF(animals));
  params.token_rule = WL_TOKENS_WORD1;
  assert_counts(&params, (wl_string)S("x X cat-x"), "0:1 2:3 ");
}

static void a_single_character_of_several_bytes_is_no_word2(void **state) {
  (void)state;
  static const wl_string terms[] = {S("\xC3\xA9"), S("\xE6\x97\xA5"),
                                    S("\xC3\xA9t")};
  wl_vectorizer_params params = params_of(terms, 3);
  assert_counts(&params, (wl_string)S("\xC3\xA9 \xE6\x97\xA5 \xC3\xA9t"),
                "2:1 ");
}

static void words_of_any_length_are_told_apart(void **state) {
  (void)state;
  char letters[2][80];
  memset(letters, 'b', sizeof letters);
  for (size_t size = 2; size < 70; size++) {
    letters[1][size - 1] = 'c';
    const wl_string terms[] = {{letters[0], size}, {letters[1], size}};
    wl_vectorizer_params params = params_of(terms, 2);
    assert_counts(&params, (wl_string){letters[0], size}, "0:1 ");
    assert_counts(&params, (wl_string){letters[1], size}, "1:1 ");
    assert_counts(&params, (wl_string){letters[0], size + 1}, "");
    letters[1][size - 1] = 'b';
  }
}

static void other_scripts_are_lowered_too(void **state) {
  (void)state;
  wl_vectorizer_params params = params_of(animals, WL_COUNT_OF(animals));
  assert_counts(&params, (wl_string)S("CAF\xC3\x89 \xCE\xA3\xCE\xA3"),
                "4:1 5:1 ");
}

static void accents_are_stripped_before_words_are_cut(void **state) {
  (void)state;
  static const wl_string terms[] = {S("cafe"), S("cafes")};
  wl_vectorizer_params params = params_of(terms, 2);
  params.map |= WL_MAP_ACCENTS_UNICODE;
  /* composed, and with a combining mark that would cut the word */
  assert_counts(&params, (wl_string)S("Caf\xC3\xA9 cafe\xCC\x81s"), "0:1 1:1 ");
}

static void characters_that_grow_find_room(void **state) {
  (void)state;
  char row[3 * 400];
  for (size_t i = 0; i < 400; i++)
    memcpy(row + 3 * i, "\xEF\xB7\xBA", 3); /* becomes 18 characters */
  static const wl_string terms[] = {S("none")};
  wl_vectorizer_params params = params_of(terms, 1);
  params.map |= WL_MAP_ACCENTS_UNICODE;
  assert_counts(&params, (wl_string){row, sizeof row}, "");
}

static void an_empty_text_has_no_terms(void **state) {
  (void)state;
  wl_vectorizer_params params = params_of(animals, WL_COUNT_OF(animals));
  assert_counts(&params, (wl_string)S(""), "");
}

static void stop_words_do_not_count(void **state) {
  (void)state;
  static const wl_string stop[] = {S("cat"), S("the")};
  wl_vectorizer_params params = params_of(animals, WL_COUNT_OF(animals));
  params.stop_words = stop;
  params.n_stop_words = 2;
  assert_counts(&params, (wl_string)S("the cat dog"), "1:1 ");
}

/* ---- n-grams --------------------------------------------------------------
 */

static const wl_string phrases[] = {S("new york"),       S("new"),
                                    S("york city hall"), S("  new"),
                                    S("york  city"),     S("hall")};

static void ngrams_are_counted_along_with_words(void **state) {
  (void)state;
  wl_vectorizer_params params = params_of(phrases, WL_COUNT_OF(phrases));
  params.max_n = 3;
  assert_counts(&params, (wl_string)S("New York, New  York city hall"),
                "0:2 1:2 2:1 5:1 ");
}

static void shorter_ngrams_than_asked_for_do_not_count(void **state) {
  (void)state;
  wl_vectorizer_params params = params_of(phrases, WL_COUNT_OF(phrases));
  params.min_n = 2;
  params.max_n = 3;
  assert_counts(&params, (wl_string)S("new york city hall"), "0:1 2:1 ");
}

static void unknown_words_break_ngrams(void **state) {
  (void)state;
  wl_vectorizer_params params = params_of(phrases, WL_COUNT_OF(phrases));
  params.max_n = 3;
  assert_counts(&params, (wl_string)S("new old york city town hall"),
                "1:1 5:1 ");
}

static void stop_words_close_the_gap_in_ngrams(void **state) {
  (void)state;
  static const wl_string stop[] = {S("of"), S("city")};
  wl_vectorizer_params params = params_of(phrases, WL_COUNT_OF(phrases));
  params.max_n = 3;
  params.stop_words = stop;
  params.n_stop_words = 2;
  assert_counts(&params, (wl_string)S("new of york city hall"), "0:1 1:1 5:1 ");
}

/* ---- patterns -------------------------------------------------------------
 */

static void patterns_may_match_spaces_in_tokens(void **state) {
  (void)state;
  static const wl_string terms[] = {S("a b"), S("a b c d"), S("b c")};
  wl_vectorizer_params params = params_of(terms, 3);
  params.max_n = 2;
  set_pattern(&params, "[a-z] [a-z]", false);
  assert_counts(&params, (wl_string)S("a b c d"), "0:1 1:1 ");
}

static void empty_matches_are_tokens_as_in_python(void **state) {
  (void)state;
  static const wl_string terms[] = {S(""), S("ab"), S("b")};
  wl_vectorizer_params params = params_of(terms, 3);
  set_pattern(&params, "[a-z]*", false);
  /* re.findall("[a-z]*", "ab-b") == ["ab", "", "b", ""] */
  assert_counts(&params, (wl_string)S("ab-b"), "0:2 1:1 2:1 ");
}

static void tokens_may_be_a_group(void **state) {
  (void)state;
  static const wl_string terms[] = {S("tag"), S("#tag"), S("")};
  wl_vectorizer_params params = params_of(terms, 3);
  set_pattern(&params, "#([a-z]+)|@[a-z]+", true);
  assert_counts(&params, (wl_string)S("#tag @who tag"), "0:1 2:1 ");
}

static void lone_surrogates_are_characters_of_patterns(void **state) {
  (void)state;
  static const wl_string terms[] = {S("\xED\xA0\x80")};
  wl_vectorizer_params params = params_of(terms, 1);
  set_pattern(&params, "[\\x{d800}-\\x{dfff}]", false);
  assert_counts(&params, (wl_string)S("a\xED\xA0\x80"), "0:1 ");
}

static void a_pattern_that_never_ends_is_an_error(void **state) {
  (void)state;
  static const wl_string terms[] = {S("a")};
  wl_vectorizer_params params = params_of(terms, 1);
  set_pattern(&params, "(?:a+)+(?:a+)+b", false);
  assert_fails(
      &params,
      (wl_string)S("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaacb"),
      WL_ERROR_VALUE, "the token pattern needs too many steps");
}

static void broken_patterns_are_refused(void **state) {
  (void)state;
  wl_vectorizer_params params = params_of(animals, 1);
  set_pattern(&params, "(a", false);
  assert_fails(&params, (wl_string)S(""), WL_ERROR_UNSUPPORTED,
               "token pattern: missing closing parenthesis");
  set_pattern(&params, "(*UTF)a", false);
  assert_fails(&params, (wl_string)S(""), WL_ERROR_UNSUPPORTED,
               "token pattern");
  set_pattern(&params, "a", true);
  assert_fails(&params, (wl_string)S(""), WL_ERROR_VALUE, "group");
  set_pattern(&params, "\xFF", false);
  assert_fails(&params, (wl_string)S(""), WL_ERROR_ENCODING, "UTF-8");
}

/* ---- hashing --------------------------------------------------------------
 */

static void murmurhash_has_its_known_values(void **state) {
  (void)state;
  static const struct {
    const char *text;
    uint32_t hash;
  } facts[] = {{"", 0},
               {"a", 0x3c2569b2},
               {"test", 0xba6bd213},
               {"Hello, world!", 0xc0363e43},
               {"The quick brown fox jumps over the lazy dog", 0x2e4ff723}};
  for (size_t i = 0; i < WL_COUNT_OF(facts); i++)
    assert_int_equal(
        wl_murmur_hash((const uint8_t *)facts[i].text, strlen(facts[i].text)),
        facts[i].hash);
}

static void hashed_counts_have_the_sign_of_the_hash(void **state) {
  (void)state;
  wl_vectorizer_params params = hash_params(1000);
  /* 0xba6bd213 is -1167338989 */
  assert_counts(&params, (wl_string)S("test TEST"), "989:-2 ");
  params.alternate_sign = false;
  assert_counts(&params, (wl_string)S("test TEST"), "989:2 ");
}

static void the_smallest_hash_has_a_feature(void **state) {
  (void)state;
  /* MurmurHash3 of this word is -2^31, which has no absolute value */
  wl_vectorizer_params params = hash_params(1000);
  assert_counts(&params, (wl_string)S("gjzdx5bj"), "648:-1 ");
  params.n_features = INT32_MAX;
  assert_counts(&params, (wl_string)S("gjzdx5bj"), "1:-1 ");
}

static void cancelled_features_stay_as_zeros(void **state) {
  (void)state;
  wl_vectorizer_params params = hash_params(1);
  assert_counts(&params, (wl_string)S("test hello"), "0:0 ");
}

static void character_ngrams_see_collapsed_white_space(void **state) {
  (void)state;
  char one[256], other[256];
  wl_vectorizer_params params = hash_params(1 << 20);
  params.analyzer = WL_ANALYZER_CHAR;
  params.max_n = 3;
  count_row(&params, (wl_string)S("a b"), one, sizeof one);
  assert_counts(&params, (wl_string)S("a\t\xC2\xA0\n b"), one);
  count_row(&params, (wl_string)S("a\tb"), other, sizeof other);
  assert_string_not_equal(one, other); /* one alone stays what it is */
}

static void short_padded_words_count_once(void **state) {
  (void)state;
  wl_vectorizer_params params = hash_params(1);
  params.analyzer = WL_ANALYZER_CHAR_WB;
  params.alternate_sign = false;
  params.min_n = 5;
  params.max_n = 7;
  assert_counts(&params, (wl_string)S(" a  b\n"), "0:2 ");
  params.min_n = 2; /* " ab ": 3 of two, 2 of three, 1 of four */
  assert_counts(&params, (wl_string)S("ab"), "0:6 ");
}

static void a_lone_surrogate_in_a_hashed_term_is_pythons_error(void **state) {
  (void)state;
  wl_vectorizer_params params = hash_params(1000);
  params.analyzer = WL_ANALYZER_CHAR;
  params.min_n = params.max_n = 3;
  assert_fails(&params, (wl_string)S("abc\xED\xB2\x80"), WL_ERROR_ENCODING,
               "'utf-8' codec can't encode character '\\udc80' in position 2: "
               "surrogates not allowed");
  assert_fails(&params, (wl_string)S("a\xED\xB2\x80\xED\xB2\x81"),
               WL_ERROR_ENCODING,
               "can't encode characters in position 1-2: surrogates");
}

static void surrogates_outside_of_terms_do_no_harm(void **state) {
  (void)state;
  wl_vectorizer_params params = hash_params(1000);
  assert_counts(&params, (wl_string)S("test \xED\xB2\x80"), "989:-1 ");
}

/* ---- errors ---------------------------------------------------------------
 */

static void text_that_is_not_utf8_is_an_error(void **state) {
  (void)state;
  wl_vectorizer_params params = params_of(animals, WL_COUNT_OF(animals));
  assert_fails(&params, (wl_string)S("cat\xFF"), WL_ERROR_ENCODING,
               "the text is not UTF-8 at byte 3 (0xff)");
  assert_fails(&params, (wl_string)S("cat\xC3"), WL_ERROR_ENCODING, "byte 3");
}

static void an_error_names_its_row(void **state) {
  (void)state;
  static const double weights[6] = {1};
  const wl_scoring scoring = {.n_outputs = 1, .weights = weights};
  const wl_string rows[] = {S("cat"), S("dog"), S("\x80")};
  wl_vectorizer_params params = params_of(animals, WL_COUNT_OF(animals));
  wl_vectorizer *vectorizer;
  wl_error error;
  wl_arena arena;
  double out[3];
  wl_arena_init(&arena);
  assert_int_equal(wl_vectorizer_create(&params, &scoring, &vectorizer, NULL),
                   WL_OK);
  assert_int_equal(
      wl_vectorizer_score(vectorizer, rows, 3, &arena, out, 1, &error),
      WL_ERROR_ENCODING);
  assert_int_equal(error.row, 2);
  wl_vectorizer_free(vectorizer);
  wl_arena_deinit(&arena);
}

static void a_missing_text_is_an_error(void **state) {
  (void)state;
  wl_vectorizer_params params = params_of(animals, WL_COUNT_OF(animals));
  assert_fails(&params, (wl_string){NULL, 0}, WL_ERROR_VALUE,
               "a text is missing");
}

static void bad_parameters_are_refused(void **state) {
  (void)state;
  wl_vectorizer_params params = params_of(animals, WL_COUNT_OF(animals));
  params.min_n = 0;
  assert_fails(&params, (wl_string)S(""), WL_ERROR_VALUE, "ngram_range (0, 1)");
  params.min_n = 2;
  assert_fails(&params, (wl_string)S(""), WL_ERROR_VALUE, "ngram_range (2, 1)");
  params = params_of(animals, WL_COUNT_OF(animals));
  params.unicode = NULL;
  assert_fails(&params, (wl_string)S(""), WL_ERROR_VALUE, "Unicode");
  params = hash_params(0);
  assert_fails(&params, (wl_string)S(""), WL_ERROR_VALUE, "n_features");
  params = hash_params((size_t)INT32_MAX + 1);
  assert_fails(&params, (wl_string)S(""), WL_ERROR_VALUE, "n_features");
}

static void equal_terms_are_refused(void **state) {
  (void)state;
  static const wl_string twice[] = {S("a b"), S("c"), S("a b")};
  wl_vectorizer_params params = params_of(twice, 3);
  assert_fails(&params, (wl_string)S(""), WL_ERROR_VALUE, "term 2");
  params.max_n = 2;
  assert_fails(&params, (wl_string)S(""), WL_ERROR_VALUE, "term 2");
}

/* ---- scores ---------------------------------------------------------------
 */

static void assert_scores(const wl_vectorizer_params *params,
                          const wl_scoring *scoring, wl_string row,
                          const double *expected) {
  wl_vectorizer *vectorizer;
  wl_arena arena;
  double out[MAX_STRINGS];
  wl_arena_init(&arena);
  assert_int_equal(wl_vectorizer_create(params, scoring, &vectorizer, NULL),
                   WL_OK);
  assert_true(wl_vectorizer_size(vectorizer) > 0);
  assert_int_equal(
      wl_vectorizer_score(vectorizer, &row, 1, &arena, out, 0, NULL), WL_OK);
  for (size_t k = 0; k < scoring->n_outputs; k++)
    assert_true(fabs(out[k] - expected[k]) <= 1e-15 * fabs(expected[k]));
  wl_vectorizer_free(vectorizer);
  wl_arena_deinit(&arena);
}

static void scores_are_weighted_counts(void **state) {
  (void)state;
  static const double weights[6] = {2, 3, 0, 0, 0, 0};
  const wl_scoring scoring = {.n_outputs = 1, .weights = weights};
  wl_vectorizer_params params = params_of(animals, WL_COUNT_OF(animals));
  assert_scores(&params, &scoring, (wl_string)S("cat dog cat"),
                (const double[]){7});
}

static void scores_are_divided_by_the_norm(void **state) {
  (void)state;
  static const double weights[6] = {2, 3, 0, 0, 0, 0};
  static const double idf[6] = {1.5, 2, 1, 1, 1, 1};
  wl_scoring scoring = {.n_outputs = 1, .weights = weights, .norm_values = idf};
  wl_vectorizer_params params = params_of(animals, WL_COUNT_OF(animals));
  const wl_string row = S("cat dog cat"); /* values 3 and 2 */
  scoring.norm = WL_NORM_L2;
  assert_scores(&params, &scoring, row, (const double[]){7 / sqrt(13)});
  scoring.norm = WL_NORM_L1;
  assert_scores(&params, &scoring, row, (const double[]){7 / 5.0});
  scoring.norm = WL_NORM_MAX;
  assert_scores(&params, &scoring, row, (const double[]){7 / 3.0});
  scoring.norm = WL_NORM_OCCURRENCES; /* 1.5, 2, 1.5 */
  assert_scores(&params, &scoring, row, (const double[]){7 / sqrt(8.5)});
}

static void a_row_without_terms_scores_zero(void **state) {
  (void)state;
  static const double weights[6] = {2, 3, 0, 0, 0, 0};
  const wl_scoring scoring = {
      .n_outputs = 1, .weights = weights, .norm = WL_NORM_L2};
  wl_vectorizer_params params = params_of(animals, WL_COUNT_OF(animals));
  assert_scores(&params, &scoring, (wl_string)S("bird"), (const double[]){0});
}

static void term_frequencies_may_be_damped(void **state) {
  (void)state;
  static const double weights[6] = {2, 3, 0, 0, 0, 0};
  wl_scoring scoring = {.n_outputs = 1, .weights = weights};
  wl_vectorizer_params params = params_of(animals, WL_COUNT_OF(animals));
  scoring.tf = WL_TF_BINARY;
  assert_scores(&params, &scoring, (wl_string)S("cat dog cat"),
                (const double[]){5});
  scoring.tf = WL_TF_SUBLINEAR;
  assert_scores(&params, &scoring, (wl_string)S("cat dog cat"),
                (const double[]){2 * (1 + wl_log(2)) + 3});
}

static void several_outputs_are_scored_at_once(void **state) {
  (void)state;
  static const double weights[12] = {2, 20, 3, 30};
  const wl_scoring scoring = {.n_outputs = 2, .weights = weights};
  wl_vectorizer_params params = params_of(animals, WL_COUNT_OF(animals));
  assert_scores(&params, &scoring, (wl_string)S("cat dog cat"),
                (const double[]){7, 70});
}

static void a_large_hash_stores_only_what_differs(void **state) {
  (void)state;
  enum { N_FEATURES = 1 << 20 };
  double *weights = calloc(N_FEATURES, sizeof *weights);
  double *idf = calloc(N_FEATURES, sizeof *idf);
  for (size_t i = 0; i < N_FEATURES; i++)
    idf[i] = 4;
  size_t test = 1167338989 % N_FEATURES; /* of "test", negative */
  weights[test] = 5;
  idf[test] = 3;
  const wl_scoring scoring = {.n_outputs = 1,
                              .weights = weights,
                              .norm_values = idf,
                              .norm = WL_NORM_L2};
  wl_vectorizer_params params = hash_params(N_FEATURES);
  wl_vectorizer *vectorizer;
  assert_int_equal(wl_vectorizer_create(&params, &scoring, &vectorizer, NULL),
                   WL_OK);
  assert_true(wl_vectorizer_size(vectorizer) < N_FEATURES);
  wl_vectorizer_free(vectorizer);
  assert_scores(&params, &scoring, (wl_string)S("test unseen"),
                (const double[]){-1});
  free(weights);
  free(idf);
}

static void every_variant_scores_the_same_bits(void **state) {
  (void)state;
  static const char *const pieces[] = {
      "cat",         "Dog",          " ", ", ",   "\n",  "new", "york",
      "CAF\xC3\x89", "\xE2\x80\xA6", "x", "city", "hall"};
  double weights[6], norms[6];
  for (size_t i = 0; i < 6; i++) {
    weights[i] = uniform(-1, 1);
    norms[i] = uniform(1, 2);
  }
  const wl_scoring scoring = {1, weights, norms, WL_NORM_L2, WL_TF_SUBLINEAR};
  wl_vectorizer_params params = params_of(phrases, WL_COUNT_OF(phrases));
  params.max_n = 3;
  wl_cpu_level best = wl_cpu();
  wl_vectorizer *variants[WL_CPU_LEVEL_COUNT];
  for (int level = 0; level <= (int)best; level++) {
    wl_cpu_force((wl_cpu_level)level);
    assert_int_equal(
        wl_vectorizer_create(&params, &scoring, &variants[level], NULL), WL_OK);
  }
  wl_arena arena;
  wl_arena_init(&arena);
  for (int round = 0; round < 500; round++) {
    char text[1024] = "";
    for (uint64_t n = random_bits() % 60; n > 0; n--)
      strcat(strcat(text, pieces[random_bits() % WL_COUNT_OF(pieces)]),
             random_bits() & 1 ? " " : "");
    const wl_string row = {text, strlen(text)};
    double first = 0;
    for (int level = 0; level <= (int)best; level++) {
      double score;
      assert_int_equal(wl_vectorizer_score(variants[level], &row, 1, &arena,
                                           &score, 1, NULL),
                       WL_OK);
      if (level == 0)
        first = score;
      assert_memory_equal(&first, &score, sizeof score);
    }
    wl_arena_reset(&arena);
  }
  wl_arena_deinit(&arena);
  for (int level = 0; level <= (int)best; level++)
    wl_vectorizer_free(variants[level]);
}

/* ---- memory ---------------------------------------------------------------
 */

/* Fails the Nth allocation of a create and a call, for every N. */
static void fail_each_allocation(const wl_vectorizer_params *params,
                                 const wl_scoring *scoring) {
  static const wl_string rows[] = {S("New York city hall, the cat"),
                                   S("caf\xC3\xA9 \xEF\xB7\xBA test")};
  wl_status status = WL_ERROR_MEMORY;
  for (long n = 0; status != WL_OK; n++) {
    assert_true(n < 1000);
    wl_vectorizer *vectorizer = NULL;
    wl_arena arena;
    wl_csr_builder out;
    double scores[2 * MAX_STRINGS];
    wl_arena_init(&arena);
    calls_left = n;
    status = wl_vectorizer_create(params, scoring, &vectorizer, NULL);
    if (status == WL_OK && scoring != NULL)
      status =
          wl_vectorizer_score(vectorizer, rows, 2, &arena, scores, 1, NULL);
    if (status == WL_OK && scoring == NULL)
      status = wl_csr_begin(&out, &arena, 2, 0, NULL);
    if (status == WL_OK && scoring == NULL)
      status = wl_vectorizer_count(vectorizer, rows, 2, &arena, &out, NULL);
    calls_left = -1;
    assert_true(status == WL_OK || status == WL_ERROR_MEMORY);
    wl_vectorizer_free(vectorizer);
    wl_arena_deinit(&arena);
    assert_int_equal(n_live_blocks, 0);
  }
}

static void running_out_of_memory_is_an_error(void **state) {
  (void)state;
  static const double weights[1 << 14] = {1};
  const wl_scoring scoring = {
      .n_outputs = 1, .weights = weights, .norm = WL_NORM_L2};
  static const wl_string stop[] = {S("the")};
  wl_vectorizer_params params = params_of(phrases, WL_COUNT_OF(phrases));
  params.stop_words = stop;
  params.n_stop_words = 1;
  params.map |= WL_MAP_ACCENTS_UNICODE;
  for (uint32_t max_n = 1; max_n <= 3; max_n++) {
    params.max_n = max_n;
    fail_each_allocation(&params, NULL);
    fail_each_allocation(&params, &scoring);
  }
  set_pattern(&params, "[a-z]+", false);
  fail_each_allocation(&params, NULL);
  params = hash_params(1 << 14);
  fail_each_allocation(&params, &scoring);
  params.analyzer = WL_ANALYZER_CHAR_WB;
  params.max_n = 4;
  fail_each_allocation(&params, NULL);
}

static void a_repeated_call_allocates_nothing(void **state) {
  (void)state;
  static const double weights[6] = {1};
  const wl_scoring scoring = {.n_outputs = 1, .weights = weights};
  wl_vectorizer_params params = params_of(phrases, WL_COUNT_OF(phrases));
  set_pattern(&params, "[a-z]+", false);
  params.max_n = 2;
  wl_vectorizer *vectorizer;
  wl_arena arena;
  double score;
  const wl_string row = S("New York city hall");
  wl_arena_init(&arena);
  assert_int_equal(wl_vectorizer_create(&params, &scoring, &vectorizer, NULL),
                   WL_OK);
  for (int call = 0; call < 5; call++) {
    calls_left = call < 2 ? -1 : 0;
    assert_int_equal(
        wl_vectorizer_score(vectorizer, &row, 1, &arena, &score, 1, NULL),
        WL_OK);
    wl_arena_reset(&arena);
  }
  calls_left = -1;
  wl_vectorizer_free(vectorizer);
  wl_arena_deinit(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_scan_variant_gives_the_same_marks),
      cmocka_unit_test(scans_do_not_read_past_the_text),
      memory_test(words_of_two_characters_and_more_are_counted),
      memory_test(the_other_rule_counts_single_characters_too),
      memory_test(a_single_character_of_several_bytes_is_no_word2),
      memory_test(words_of_any_length_are_told_apart),
      memory_test(other_scripts_are_lowered_too),
      memory_test(accents_are_stripped_before_words_are_cut),
      memory_test(characters_that_grow_find_room),
      memory_test(an_empty_text_has_no_terms),
      memory_test(stop_words_do_not_count),
      memory_test(ngrams_are_counted_along_with_words),
      memory_test(shorter_ngrams_than_asked_for_do_not_count),
      memory_test(unknown_words_break_ngrams),
      memory_test(stop_words_close_the_gap_in_ngrams),
      memory_test(patterns_may_match_spaces_in_tokens),
      memory_test(empty_matches_are_tokens_as_in_python),
      memory_test(tokens_may_be_a_group),
      memory_test(lone_surrogates_are_characters_of_patterns),
      memory_test(a_pattern_that_never_ends_is_an_error),
      memory_test(broken_patterns_are_refused),
      cmocka_unit_test(murmurhash_has_its_known_values),
      memory_test(hashed_counts_have_the_sign_of_the_hash),
      memory_test(the_smallest_hash_has_a_feature),
      memory_test(cancelled_features_stay_as_zeros),
      memory_test(character_ngrams_see_collapsed_white_space),
      memory_test(short_padded_words_count_once),
      memory_test(a_lone_surrogate_in_a_hashed_term_is_pythons_error),
      memory_test(surrogates_outside_of_terms_do_no_harm),
      memory_test(text_that_is_not_utf8_is_an_error),
      memory_test(an_error_names_its_row),
      memory_test(a_missing_text_is_an_error),
      memory_test(bad_parameters_are_refused),
      memory_test(equal_terms_are_refused),
      memory_test(scores_are_weighted_counts),
      memory_test(scores_are_divided_by_the_norm),
      memory_test(a_row_without_terms_scores_zero),
      memory_test(term_frequencies_may_be_damped),
      memory_test(several_outputs_are_scored_at_once),
      memory_test(a_large_hash_stores_only_what_differs),
      memory_test(every_variant_scores_the_same_bits),
      memory_test(running_out_of_memory_is_an_error),
      memory_test(a_repeated_call_allocates_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
