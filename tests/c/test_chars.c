/*
 * test_chars.c: character n-grams. Hand-made cases, and every variant against
 * a naive reading of the definition on random text and vocabularies.
 */
#include "chars.h"

/* ---- hand-made cases ------------------------------------------------ */

static wl_string text(const char *chars) {
  return (wl_string){chars, strlen(chars)};
}

#define MAX_TERMS 8

typedef struct simple_case {
  wl_analyzer analyzer;
  unsigned map;
  uint32_t min_n, max_n;
  const char *row;
  const char *terms[MAX_TERMS];
  double counts[MAX_TERMS];
} simple_case;

static void check_simple(const simple_case *c) {
  wl_string terms[MAX_TERMS];
  size_t n = 0;
  for (; n < MAX_TERMS && c->terms[n] != NULL; n++)
    terms[n] = text(c->terms[n]);
  wl_vectorizer_params p = {.analyzer = c->analyzer,
                            .unicode = unicode(),
                            .map = c->map,
                            .min_n = c->min_n,
                            .max_n = c->max_n,
                            .terms = terms,
                            .n_terms = n};
  wl_cpu_level best = wl_cpu_force(WL_CPU_LEVEL_COUNT - 1);
  for (int level = 0; level <= (int)best; level++) {
    wl_cpu_force((wl_cpu_level)level);
    wl_char_engine *engine = create(&p, NULL);
    double got[MAX_TERMS] = {0};
    wl_string row = text(c->row);
    wl_arena arena;
    wl_csr_builder csr;
    wl_arena_init(&arena);
    assert_int_equal(wl_csr_begin(&csr, &arena, 1, 16, NULL), WL_OK);
    assert_int_equal(wl_char_engine_count(engine, &row, 1, &arena, &csr, NULL),
                     WL_OK);
    for (size_t e = 0; e < csr.n_entries; e++)
      got[csr.indices[e]] = csr.data[e];
    for (size_t t = 0; t < n; t++)
      assert_true(got[t] == c->counts[t]);
    wl_arena_deinit(&arena);
    wl_char_engine_free(engine);
  }
  wl_cpu_force(best);
}

static void overlapping_grams_are_all_counted(void **state) {
  (void)state;
  check_simple(&(simple_case){WL_ANALYZER_CHAR,
                              0,
                              2,
                              3,
                              "aaaabab",
                              {"aa", "aaa", "ab", "bab", "b"},
                              {3, 2, 2, 1, 0}});
}

static void a_run_of_white_space_becomes_one_space(void **state) {
  (void)state;
  check_simple(
      &(simple_case){WL_ANALYZER_CHAR,
                     0,
                     1,
                     3,
                     "a\n\n\tb\nc \xC2\xA0 d\xC2\x85",
                     {"a b", "b\nc", "c d", "\n\n", "\n", " ", "\xC2\x85"},
                     {1, 1, 1, 0, 1, 2, 1}});
}

static void words_are_padded_with_a_space_on_both_sides(void **state) {
  (void)state;
  check_simple(
      &(simple_case){WL_ANALYZER_CHAR_WB,
                     0,
                     1,
                     3,
                     "\n ab\tc ",
                     {" ", " ab", "ab ", " c ", "b c", "  ", "b ", "c"},
                     {4, 1, 1, 1, 0, 0, 1, 1}});
}

static void a_padded_word_shorter_than_min_n_counts_once(void **state) {
  (void)state;
  check_simple(&(simple_case){WL_ANALYZER_CHAR_WB,
                              0,
                              5,
                              6,
                              "ab c abcd",
                              {" ab ", " c ", " abcd", " abcd ", " abc", "c "},
                              {1, 1, 1, 1, 0, 0}});
}

static void terms_longer_than_max_n_never_match(void **state) {
  (void)state;
  check_simple(&(simple_case){
      WL_ANALYZER_CHAR, 0, 2, 2, "abcabc", {"abc", "ab", "c"}, {0, 2, 0}});
}

static void uppercase_terms_never_match_lowered_text(void **state) {
  (void)state;
  check_simple(&(simple_case){WL_ANALYZER_CHAR,
                              WL_MAP_LOWER,
                              2,
                              2,
                              "ABab",
                              {"AB", "ab", "Ab", "ba"},
                              {0, 2, 0, 1}});
}

static void unknown_characters_break_grams(void **state) {
  (void)state;
  check_simple(&(simple_case){WL_ANALYZER_CHAR,
                              0,
                              2,
                              2,
                              "a\xE6\x97\xA5"
                              "bzab",
                              {"ab"},
                              {1}});
}

static void capital_sigma_is_final_at_the_end_of_a_word(void **state) {
  (void)state;
  check_simple(&(simple_case){
      WL_ANALYZER_CHAR,
      WL_MAP_LOWER,
      2,
      2,
      "\xCE\x91\xCE\xA3\xCE\x91\xCE\xA3 \xCE\xA3",
      {"\xCE\xB1\xCF\x83", "\xCE\xB1\xCF\x82", " \xCF\x83", " \xCF\x82"},
      {1, 1, 1, 0}});
}

static void one_character_may_become_two(void **state) {
  (void)state;
  check_simple(&(simple_case){WL_ANALYZER_CHAR,
                              WL_MAP_LOWER,
                              3,
                              3,
                              "x\xC4\xB0y",
                              {"xi\xCC\x87", "i\xCC\x87y"},
                              {1, 1}});
}

static void dropped_accents_join_their_neighbours(void **state) {
  (void)state;
  check_simple(&(simple_case){WL_ANALYZER_CHAR,
                              WL_MAP_ACCENTS_UNICODE,
                              2,
                              2,
                              "\xC3\xA9"
                              "e\xCC\x81x \xC2\xA8y",
                              {"ee", "ex", "x ", " y", "  "},
                              {1, 1, 1, 1, 0}});
}

static void a_vocabulary_without_possible_terms_counts_nothing(void **state) {
  (void)state;
  check_simple(
      &(simple_case){WL_ANALYZER_CHAR, 0, 2, 2, "abc", {"a", "abc"}, {0, 0}});
  check_simple(&(simple_case){WL_ANALYZER_CHAR, 0, 2, 2, "abc", {NULL}, {0}});
}

/* ---- errors --------------------------------------------------------- */

static wl_status try_create(const wl_vectorizer_params *p, wl_error *error) {
  wl_char_engine *engine;
  wl_status status = wl_char_engine_create(p, NULL, &engine, error);
  assert_true((status == WL_OK) == (engine != NULL));
  wl_char_engine_free(engine);
  return status;
}

static void equal_terms_are_refused_by_their_numbers(void **state) {
  (void)state;
  wl_string terms[] = {text("ab"), text("c"), text("ab")};
  wl_vectorizer_params p = params_of(terms, 3);
  wl_error error;
  assert_int_equal(try_create(&p, &error), WL_ERROR_VALUE);
  assert_non_null(strstr(error.message, "0 and 2"));
}

static void terms_that_are_not_utf8_are_refused(void **state) {
  (void)state;
  wl_string terms[] = {text("ab"), text("\xC3")};
  wl_vectorizer_params p = params_of(terms, 2);
  wl_error error;
  assert_int_equal(try_create(&p, &error), WL_ERROR_VALUE);
  assert_non_null(strstr(error.message, "term 1"));
}

static void a_range_below_one_is_refused(void **state) {
  (void)state;
  wl_string terms[] = {text("ab")};
  wl_vectorizer_params p = params_of(terms, 1);
  p.min_n = 0;
  assert_int_equal(try_create(&p, NULL), WL_ERROR_VALUE);
  p.min_n = 4;
  assert_int_equal(try_create(&p, NULL), WL_ERROR_VALUE);
}

static void a_row_that_is_not_utf8_is_named(void **state) {
  (void)state;
  static const char *const bad[] = {"\xFF",     "ab\xC3",           "\xE2\x82",
                                    "\xC0\x80", "\xF5\x80\x80\x80", "x\x80y"};
  wl_string terms[] = {text("ab")};
  wl_vectorizer_params p = params_of(terms, 1);
  wl_char_engine *engine = create(&p, NULL);
  for (size_t i = 0; i < WL_COUNT_OF(bad); i++) {
    wl_string rows[] = {text("abc"), text(""), text(bad[i])};
    wl_error error;
    wl_arena arena;
    wl_csr_builder csr;
    wl_arena_init(&arena);
    assert_int_equal(wl_csr_begin(&csr, &arena, 3, 16, NULL), WL_OK);
    assert_int_equal(
        wl_char_engine_count(engine, rows, 3, &arena, &csr, &error),
        WL_ERROR_ENCODING);
    assert_int_equal(error.row, 2);
    wl_arena_deinit(&arena);
  }
  wl_char_engine_free(engine);
}

/* ---- random text ---------------------------------------------------- */

static void check_random(wl_analyzer analyzer, uint32_t min_n, uint32_t max_n,
                         size_t alphabet, size_t long_row) {
  wl_vectorizer_params p = {.analyzer = analyzer,
                            .unicode = unicode(),
                            .map =
                                (unsigned)(below(3) ? WL_MAP_LOWER : 0) |
                                (unsigned)(below(4)   ? 0
                                           : below(2) ? WL_MAP_ACCENTS_UNICODE
                                                      : WL_MAP_ACCENTS_ASCII),
                            .min_n = min_n,
                            .max_n = max_n};
  texts rows = texts_create(400000, 64), terms = texts_create(400000, 512);
  for (size_t r = 0; r < 20; r++)
    add_text(&rows, below(r + 1) * below(20), alphabet);
  if (long_row)
    add_text(&rows, long_row, alphabet);
  add_text(&rows, 30, alphabet);
  vocabulary v = random_vocabulary(&p, &terms, &rows, 1 + below(300));
  sort_vocabulary(&v);
  p.terms = v.terms;
  p.n_terms = v.n_terms;
  wl_scoring s = {.n_outputs = 1 + below(3) * below(6),
                  .norm = (wl_norm)below(5),
                  .tf = (wl_tf)below(3)};
  double *weights = random_doubles(v.n_terms * s.n_outputs);
  double *norm_values = random_doubles(v.n_terms);
  s.weights = weights;
  s.norm_values = below(3) ? norm_values : NULL;
  check_all(&p, &v, &s, rows.strings, rows.n);
  free(weights);
  free(norm_values);
  free(v.sorted);
  texts_free(&rows);
  texts_free(&terms);
}

static void random_text_is_counted_and_scored_by_the_definition(void **state) {
  (void)state;
  static const size_t alphabets[] = {2, 5, 26, 300, 5000};
  for (size_t i = 0; i < 60; i++) {
    uint32_t min_n = 1 + (uint32_t)below(4);
    check_random(i % 2 ? WL_ANALYZER_CHAR : WL_ANALYZER_CHAR_WB, min_n,
                 min_n + (uint32_t)below(5), alphabets[below(5)], 0);
  }
}

static void long_rows_are_taken_in_segments(void **state) {
  (void)state;
  check_random(WL_ANALYZER_CHAR, 1, 4, 3, 40000);
  check_random(WL_ANALYZER_CHAR_WB, 2, 5, 20, 30000);
}

static void long_terms_are_found_by_walking(void **state) {
  (void)state;
  for (size_t i = 0; i < 6; i++)
    check_random(i % 2 ? WL_ANALYZER_CHAR : WL_ANALYZER_CHAR_WB, 2, 45, 2,
                 i == 0 ? 20000 : 0);
}

static void levels_up_to_the_limit_are_traversed(void **state) {
  (void)state;
  for (size_t i = 0; i < 4; i++)
    check_random(WL_ANALYZER_CHAR, 1, 20, 2, 0);
}

/* A unit of a few characters up to a length, and others behind it. */
static void add_repetition(texts *t, size_t unit, size_t length, size_t more) {
  size_t begin = t->used;
  for (size_t i = 0; i < length; i++, t->used++)
    t->bytes[t->used] = (char)(i < unit ? (size_t)'a' + below(3)
                                        : (size_t)t->bytes[t->used - unit]);
  add_text(t, more, 26);
  t->strings[t->n - 1] = (wl_string){t->bytes + begin, t->used - begin};
}

/* Scores stay within 1e-12 of their parts' sizes: see check_all. */
static void repetitive_rows_lose_no_digits(void **state) {
  (void)state;
  static const size_t lengths[] = {20,   185,  191,  192,   255,  400,
                                   1000, 4096, 8191, 16384, 16400};
  for (size_t i = 0; i < 12; i++) {
    wl_vectorizer_params p = params_of(NULL, 0);
    p.min_n = 1 + (uint32_t)below(2);
    p.max_n = p.min_n + (uint32_t)below(5);
    texts rows = texts_create(400000, 64), terms = texts_create(20000, 128);
    for (size_t r = 0; r < 6; r++)
      add_repetition(&rows, 1 + below(3) * below(8),
                     lengths[below(WL_COUNT_OF(lengths))],
                     below(2) * below(100));
    vocabulary v =
        random_vocabulary(&p, &terms, &rows, 1 + below(i < 6 ? 4 : 90));
    sort_vocabulary(&v);
    p.terms = v.terms;
    p.n_terms = v.n_terms;
    wl_scoring s = {.n_outputs = 1 + below(3) * below(2),
                    .norm = i % 3 == 0 ? WL_NORM_L2
                            : i % 2    ? (wl_norm)below(5)
                                       : WL_NORM_NONE,
                    .tf = (wl_tf)(i % 3)};
    double *weights = random_doubles(v.n_terms * s.n_outputs);
    s.weights = weights;
    check_all(&p, &v, &s, rows.strings, rows.n);
    free(weights);
    free(v.sorted);
    texts_free(&rows);
    texts_free(&terms);
  }
}

/* Rows that the pairs of 2-grams are found in, or left while they are. */
static void
short_rows_that_repeat_in_part_are_scored_by_the_definition(void **state) {
  (void)state;
  static const size_t lengths[] = {20, 60, 120, 190, 191, 192};
  for (size_t i = 0; i < 12; i++) {
    wl_vectorizer_params p = params_of(NULL, 0);
    p.min_n = 2 + (uint32_t)below(2);
    p.max_n = p.min_n + (uint32_t)below(4);
    texts rows = texts_create(400000, 64), terms = texts_create(40000, 512);
    for (size_t r = 0; r < 40; r++) {
      size_t length = lengths[below(WL_COUNT_OF(lengths))];
      size_t run = 8 + below(length - 8);
      add_repetition(&rows, 1 + below(2) * below(3), run, length - run);
    }
    vocabulary v = random_vocabulary(&p, &terms, &rows, 1 + below(300));
    sort_vocabulary(&v);
    p.terms = v.terms;
    p.n_terms = v.n_terms;
    wl_scoring s = {.n_outputs = 1 + below(3), .norm = WL_NORM_L2};
    double *weights = random_doubles(v.n_terms * s.n_outputs);
    s.weights = weights;
    check_all(&p, &v, &s, rows.strings, rows.n);
    free(weights);
    free(v.sorted);
    texts_free(&rows);
    texts_free(&terms);
  }
}

/* ---- memory --------------------------------------------------------- */

static wl_status create_and_use(bool is_scoring) {
  static const char *const all[] = {" a", "ab",           "b c",
                                    "b",  "\xE6\x97\xA5", "a"};
  wl_string terms[6],
      rows[] = {text("abc ab \xE6\x97\xA5 "), text("bbb"), {NULL, 0}};
  for (size_t i = 0; i < 6; i++)
    terms[i] = text(all[i]);
  char *long_text = calloc(1, 40000);
  memset(long_text, 'b', 39999);
  rows[2] = text(long_text);
  static const double weights[6] = {1, 2, 3, 4, 5, 6};
  wl_vectorizer_params p = params_of(terms, 6);
  wl_scoring s = {.n_outputs = 1, .weights = weights, .norm = WL_NORM_L2};
  wl_char_engine *engine;
  wl_arena arena;
  double out[3];
  wl_arena_init(&arena);
  wl_status status =
      wl_char_engine_create(&p, is_scoring ? &s : NULL, &engine, NULL);
  if (status == WL_OK && is_scoring) {
    status = wl_char_engine_score(engine, rows, 3, &arena, out, 1, NULL);
  } else if (status == WL_OK) {
    wl_csr_builder csr;
    status = wl_csr_begin(&csr, &arena, 3, 16, NULL);
    if (status == WL_OK)
      status = wl_char_engine_count(engine, rows, 3, &arena, &csr, NULL);
  }
  wl_char_engine_free(engine);
  wl_arena_deinit(&arena);
  free(long_text);
  return status;
}

static void every_failed_allocation_is_reported(void **state) {
  (void)state;
  for (int is_scoring = 0; is_scoring < 2; is_scoring++) {
    wl_status status = WL_ERROR_MEMORY;
    for (long n = 0; status != WL_OK; n++) {
      assert_true(n < 1000);
      calls_left = n;
      status = create_and_use(is_scoring != 0);
      calls_left = -1;
      assert_true(status == WL_OK || status == WL_ERROR_MEMORY);
    }
  }
}

static void a_repeated_call_allocates_nothing(void **state) {
  (void)state;
  static const double weights[1] = {1};
  wl_string terms[] = {text("ab")}, row = text("ab abab");
  wl_vectorizer_params p = params_of(terms, 1);
  wl_scoring s = {.n_outputs = 1, .weights = weights, .norm = WL_NORM_L2};
  wl_char_engine *engine = create(&p, &s);
  wl_arena arena;
  wl_arena_init(&arena);
  double out;
  for (int i = 0; i < 4; i++) {
    wl_arena_reset(&arena);
    calls_left = i < 2 ? -1 : 0;
    assert_int_equal(
        wl_char_engine_score(engine, &row, 1, &arena, &out, 1, NULL), WL_OK);
    assert_true(out == 1);
  }
  calls_left = -1;
  wl_arena_deinit(&arena);
  wl_char_engine_free(engine);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(overlapping_grams_are_all_counted),
      cmocka_unit_test(a_run_of_white_space_becomes_one_space),
      cmocka_unit_test(words_are_padded_with_a_space_on_both_sides),
      cmocka_unit_test(a_padded_word_shorter_than_min_n_counts_once),
      cmocka_unit_test(terms_longer_than_max_n_never_match),
      cmocka_unit_test(uppercase_terms_never_match_lowered_text),
      cmocka_unit_test(unknown_characters_break_grams),
      cmocka_unit_test(capital_sigma_is_final_at_the_end_of_a_word),
      cmocka_unit_test(one_character_may_become_two),
      cmocka_unit_test(dropped_accents_join_their_neighbours),
      cmocka_unit_test(a_vocabulary_without_possible_terms_counts_nothing),
      cmocka_unit_test(equal_terms_are_refused_by_their_numbers),
      cmocka_unit_test(terms_that_are_not_utf8_are_refused),
      cmocka_unit_test(a_range_below_one_is_refused),
      cmocka_unit_test(a_row_that_is_not_utf8_is_named),
      cmocka_unit_test(random_text_is_counted_and_scored_by_the_definition),
      cmocka_unit_test(long_rows_are_taken_in_segments),
      cmocka_unit_test(repetitive_rows_lose_no_digits),
      cmocka_unit_test(
          short_rows_that_repeat_in_part_are_scored_by_the_definition),
      cmocka_unit_test(long_terms_are_found_by_walking),
      cmocka_unit_test(levels_up_to_the_limit_are_traversed),
      memory_test(every_failed_allocation_is_reported),
      memory_test(a_repeated_call_allocates_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
