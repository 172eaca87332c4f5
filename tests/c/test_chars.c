/*
 * test_chars.c: character n-grams. Hand-made cases, and every variant against
 * a naive reading of the definition on random text and vocabularies.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cpu.h"
#include "base/math.h"
#include "support.h"
#include "text/char_engine.h"
#include "text/char_internal.h"

/* ---- the definition ------------------------------------------------- */

typedef struct document {
  uint32_t *text; /* code points after lowercase, accents and white space */
  size_t n;
} document;

static const wl_unicode *unicode(void) {
  return wl_unicode_find(wl_unicode_version(0));
}

static bool is_space(uint32_t code_point) {
  return wl_unicode_flags(unicode(), code_point) & WL_CHAR_SPACE;
}

/* The code points of one row before white space is looked at. */
static document map_row(wl_string row, unsigned map) {
  document d = {malloc((row.size + 1) * WL_MAP_MAX * sizeof(uint32_t)), 0};
  const uint8_t *begin = (const uint8_t *)row.data, *at = begin;
  const uint8_t *end = begin + row.size;
  while (at < end) {
    const uint8_t *first = at;
    uint32_t code_point = wl_utf8_decode(&at, end);
    unsigned rest = map;
    if (code_point == 0x3A3 && (map & WL_MAP_LOWER)) {
      bool is_final = wl_unicode_final_sigma(unicode(), begin, first, end);
      code_point = is_final ? 0x3C2 : 0x3C3;
      rest &= ~(unsigned)WL_MAP_LOWER;
    }
    d.n += wl_unicode_map(unicode(), rest, code_point, d.text + d.n);
  }
  return d;
}

/* Runs of two or more become one ' '. */
static void collapse(document *d) {
  size_t n = 0;
  for (size_t i = 0; i < d->n;) {
    size_t run = 0;
    while (i + run < d->n && is_space(d->text[i + run]))
      run++;
    if (run > 1)
      d->text[n++] = ' ';
    else
      d->text[n++] = d->text[i];
    i += run > 1 ? run : 1;
  }
  d->n = n;
}

typedef struct vocabulary {
  wl_string *terms;
  size_t n_terms;
  uint32_t *sorted; /* by bytes */
} vocabulary;

static int compare(wl_string a, wl_string b) {
  int order = memcmp(a.data, b.data, a.size < b.size ? a.size : b.size);
  return order ? order : (a.size > b.size) - (a.size < b.size);
}

static const vocabulary *sorting;
static int compare_terms(const void *a, const void *b) {
  return compare(sorting->terms[*(const uint32_t *)a],
                 sorting->terms[*(const uint32_t *)b]);
}

static void sort_vocabulary(vocabulary *v) {
  v->sorted = malloc((v->n_terms + 1) * sizeof(uint32_t));
  for (size_t i = 0; i < v->n_terms; i++)
    v->sorted[i] = (uint32_t)i;
  sorting = v;
  qsort(v->sorted, v->n_terms, sizeof(uint32_t), compare_terms);
}

static void count_gram(const vocabulary *v, const uint32_t *text, size_t n,
                       double *counts) {
  uint8_t bytes[256];
  size_t size = 0;
  for (size_t i = 0; i < n; i++) {
    if (size > sizeof(bytes) - 4)
      return; /* no term of the tests is as long */
    size += wl_utf8_encode(text[i], bytes + size);
  }
  wl_string gram = {(const char *)bytes, size};
  size_t low = 0, high = v->n_terms;
  while (low < high) {
    size_t middle = (low + high) / 2;
    int order = compare(v->terms[v->sorted[middle]], gram);
    if (order == 0) {
      counts[v->sorted[middle]]++;
      return;
    }
    if (order < 0)
      low = middle + 1;
    else
      high = middle;
  }
}

static void count_grams(const wl_vectorizer_params *p, const vocabulary *v,
                        const uint32_t *text, size_t n, double *counts) {
  for (size_t size = p->min_n; size <= p->max_n && size <= n; size++)
    for (size_t i = 0; i + size <= n; i++)
      count_gram(v, text + i, size, counts);
}

/* As scikit-learn's _char_ngrams and _char_wb_ngrams. */
static void count_by_definition(const wl_vectorizer_params *p,
                                const vocabulary *v, wl_string row,
                                double *counts) {
  memset(counts, 0, v->n_terms * sizeof(double));
  document d = map_row(row, p->map);
  collapse(&d);
  if (p->analyzer == WL_ANALYZER_CHAR) {
    count_grams(p, v, d.text, d.n, counts);
    free(d.text);
    return;
  }
  uint32_t *word = malloc((d.n + 2) * sizeof(uint32_t));
  for (size_t i = 0; i < d.n; i++) {
    size_t n = 0;
    word[n++] = ' ';
    for (; i < d.n && !is_space(d.text[i]); i++)
      word[n++] = d.text[i];
    word[n++] = ' ';
    if (n == 2)
      continue;
    if (n < p->min_n)
      count_gram(v, word, n, counts);
    count_grams(p, v, word, n, counts);
  }
  free(word);
  free(d.text);
}

static void score_by_definition(const wl_scoring *s, size_t n_terms,
                                const double *counts, double *out,
                                double *scale) {
  double norm = 0;
  memset(out, 0, s->n_outputs * sizeof(double));
  *scale = 0;
  for (size_t t = 0; t < n_terms; t++) {
    if (counts[t] == 0)
      continue;
    double f = s->tf == WL_TF_RAW      ? counts[t]
               : s->tf == WL_TF_BINARY ? 1
                                       : 1 + wl_log(counts[t]);
    double value = fabs(f * (s->norm_values ? s->norm_values[t] : 1));
    if (s->norm == WL_NORM_MAX)
      norm = value > norm ? value : norm;
    else
      norm += s->norm == WL_NORM_L2 ? value * value : value;
    for (size_t k = 0; k < s->n_outputs; k++) {
      out[k] += f * s->weights[t * s->n_outputs + k];
      *scale += fabs(f * s->weights[t * s->n_outputs + k]);
    }
  }
  if (s->norm == WL_NORM_NONE)
    return;
  if (s->norm == WL_NORM_L2)
    norm = sqrt(norm);
  for (size_t k = 0; k < s->n_outputs; k++)
    out[k] = norm == 0 ? 0 : out[k] / norm;
  *scale = norm == 0 ? 0 : *scale / norm;
}

/* ---- running the engine --------------------------------------------- */

static wl_char_engine *create(const wl_vectorizer_params *p,
                              const wl_scoring *s) {
  wl_char_engine *engine;
  wl_error error;
  if (wl_char_engine_create(p, s, &engine, &error) != WL_OK)
    fail_msg("%s", error.message);
  return engine;
}

static void check_counts(const wl_vectorizer_params *p, const vocabulary *v,
                         const wl_string *rows, size_t n_rows, size_t step) {
  wl_char_engine *engine = create(p, NULL);
  double *counts = malloc((v->n_terms + 1) * sizeof(double));
  wl_arena arena;
  wl_arena_init(&arena);
  for (size_t r = 0; r < n_rows; r += step) {
    size_t n = n_rows - r < step ? n_rows - r : step;
    wl_csr_builder csr;
    wl_arena_reset(&arena);
    assert_int_equal(wl_csr_begin(&csr, &arena, n, 16, NULL), WL_OK);
    assert_int_equal(
        wl_char_engine_count(engine, rows + r, n, &arena, &csr, NULL), WL_OK);
    assert_int_equal(csr.n_rows, n);
    for (size_t i = 0; i < n; i++) {
      count_by_definition(p, v, rows[r + i], counts);
      for (int64_t e = csr.indptr[i]; e < csr.indptr[i + 1]; e++) {
        if (e > csr.indptr[i])
          assert_true(csr.indices[e] > csr.indices[e - 1]);
        assert_true(counts[csr.indices[e]] == csr.data[e]);
        counts[csr.indices[e]] = 0;
      }
      for (size_t t = 0; t < v->n_terms; t++)
        assert_true(counts[t] == 0);
    }
  }
  wl_arena_deinit(&arena);
  wl_char_engine_free(engine);
  free(counts);
}

/* The scores of all rows, `step` rows a call. Owned. */
static double *scores(const wl_vectorizer_params *p, const wl_scoring *s,
                      const wl_string *rows, size_t n_rows, size_t step) {
  wl_char_engine *engine = create(p, s);
  size_t k = s->n_outputs;
  double *out = malloc((n_rows * k + 1) * sizeof(double));
  wl_arena arena;
  wl_arena_init(&arena);
  for (size_t r = 0; r < n_rows; r += step) {
    size_t n = n_rows - r < step ? n_rows - r : step;
    wl_arena_reset(&arena);
    assert_int_equal(
        wl_char_engine_score(engine, rows + r, n, &arena, out + r * k, k, NULL),
        WL_OK);
  }
  wl_arena_deinit(&arena);
  wl_char_engine_free(engine);
  return out;
}

/* Every variant and batch size: counts exact, scores right, equal bits. */
static void check_all(const wl_vectorizer_params *p, const vocabulary *v,
                      const wl_scoring *s, const wl_string *rows,
                      size_t n_rows) {
  static const size_t steps[] = {SIZE_MAX / 2, 1, 3};
  size_t k = s->n_outputs;
  double *first = NULL, *wanted = malloc(k * sizeof(double)), scale;
  double *counts = malloc((v->n_terms + 1) * sizeof(double));
  wl_cpu_level best = wl_cpu_force(WL_CPU_LEVEL_COUNT - 1);
  for (int level = 0; level <= (int)best; level++) {
    wl_cpu_force((wl_cpu_level)level);
    for (size_t i = 0; i < WL_COUNT_OF(steps); i++) {
      check_counts(p, v, rows, n_rows, steps[i]);
      double *got = scores(p, s, rows, n_rows, steps[i]);
      if (first == NULL)
        first = got;
      assert_memory_equal(got, first, n_rows * k * sizeof(double));
      if (got != first)
        free(got);
    }
  }
  wl_cpu_force(best);
  for (size_t r = 0; r < n_rows; r++) {
    count_by_definition(p, v, rows[r], counts);
    score_by_definition(s, v->n_terms, counts, wanted, &scale);
    for (size_t c = 0; c < k; c++)
      assert_true(fabs(first[r * k + c] - wanted[c]) <= 1e-12 * scale);
  }
  free(first);
  free(wanted);
  free(counts);
}

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

static wl_vectorizer_params params_of(const wl_string *terms, size_t n) {
  return (wl_vectorizer_params){.analyzer = WL_ANALYZER_CHAR,
                                .unicode = unicode(),
                                .min_n = 1,
                                .max_n = 3,
                                .terms = terms,
                                .n_terms = n};
}

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

typedef struct texts {
  char *bytes;
  size_t used, capacity;
  wl_string *strings;
  size_t n;
} texts;

static texts texts_create(size_t capacity, size_t max_strings) {
  return (texts){malloc(capacity), 0, capacity,
                 malloc(max_strings * sizeof(wl_string)), 0};
}

static void texts_free(texts *t) {
  free(t->bytes);
  free(t->strings);
}

static size_t below(size_t n) { return (size_t)(random_bits() % n); }

/* Mostly a small alphabet and spaces, some of everything else. */
static uint32_t random_character(size_t alphabet) {
  static const uint32_t odd[] = {
      0x3A3,  0x3C3,  0x130, 0x307,  0x301,    0xE9,    0xDF,    0xFDFA, 0xD55C,
      0x65E5, 0x672C, 0xA0,  0x85,   0x1C,     0x2003,  0x3000,  0x200B, 0xD800,
      0xDFFF, 0x345,  0xAD,  0x212A, 0x10FFFF, 0x1F600, 0x10400, 0,      0xA8};
  size_t kind = below(20);
  if (kind == 0)
    return odd[below(WL_COUNT_OF(odd))];
  if (kind < 3)
    return (uint8_t) "  \n\t"[below(4)];
  if (alphabet > 60)
    return 0x4E00 + (uint32_t)below(alphabet);
  return (kind == 3 ? 'A' : 'a') +
         (uint32_t)below(alphabet < 26 ? alphabet : 26);
}

static void add_text(texts *t, size_t n_characters, size_t alphabet) {
  size_t begin = t->used;
  for (size_t i = 0; i < n_characters && t->used + 4 <= t->capacity; i++)
    t->used += wl_utf8_encode(random_character(alphabet),
                              (uint8_t *)t->bytes + t->used);
  t->strings[t->n++] = (wl_string){t->bytes + begin, t->used - begin};
}

/* Pieces of the rows as the analyzer would cut them, and some that it would
 * not; distinct. */
static vocabulary random_vocabulary(const wl_vectorizer_params *p, texts *t,
                                    const texts *rows, size_t wanted) {
  vocabulary v = {.terms = t->strings};
  for (size_t tries = 0; tries < 3 * wanted; tries++) {
    document d = map_row(rows->strings[below(rows->n)], p->map);
    collapse(&d);
    size_t length = p->min_n + below(p->max_n - p->min_n + 1);
    length += below(12) == 0;
    size_t begin = t->used;
    if (d.n >= length && length <= 50 && v.n_terms < wanted) {
      size_t from = below(d.n - length + 1);
      for (size_t i = 0; i < length; i++)
        t->used +=
            wl_utf8_encode(d.text[from + i], (uint8_t *)t->bytes + t->used);
      wl_string term = {t->bytes + begin, t->used - begin};
      bool is_new = true;
      for (size_t i = 0; i < v.n_terms && is_new; i++)
        is_new = compare(v.terms[i], term) != 0;
      if (is_new)
        v.terms[v.n_terms++] = term;
    }
    free(d.text);
  }
  return v;
}

static double *random_doubles(size_t n) {
  double *values = malloc((n + 1) * sizeof(double));
  for (size_t i = 0; i < n; i++)
    values[i] = uniform(-1, 2);
  return values;
}

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
                  .norm = (wl_norm)below(4),
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

/* All strings of three characters: more slots than 16 bits can name. */
static void wide_tables_give_the_same_answers(void **state) {
  (void)state;
  enum { N = 44, N_TERMS = N * N * N };
  texts terms = texts_create(N_TERMS * 9, N_TERMS);
  texts rows = texts_create(20000, 16);
  for (size_t i = 0; i < N_TERMS; i++) {
    size_t begin = terms.used, rest = i;
    for (size_t k = 0; k < 3; k++, rest /= N)
      terms.used += wl_utf8_encode(0x4E00 + (uint32_t)(rest % N),
                                   (uint8_t *)terms.bytes + terms.used);
    terms.strings[terms.n++] =
        (wl_string){terms.bytes + begin, terms.used - begin};
  }
  for (size_t r = 0; r < 6; r++)
    add_text(&rows, 200 * r, r % 2 ? 61 : 5);
  for (uint32_t min_n = 1; min_n <= 3; min_n += 2) {
    vocabulary v = {.terms = terms.strings, .n_terms = terms.n};
    sort_vocabulary(&v);
    wl_vectorizer_params p = params_of(v.terms, v.n_terms);
    p.min_n = min_n;
    wl_scoring s = {.n_outputs = 2, .norm = WL_NORM_L2};
    double *weights = random_doubles(v.n_terms * 2);
    s.weights = weights;
    check_all(&p, &v, &s, rows.strings, rows.n);
    s.tf = WL_TF_SUBLINEAR;
    check_all(&p, &v, &s, rows.strings, rows.n);
    free(weights);
    free(v.sorted);
  }
  texts_free(&terms);
  texts_free(&rows);
}

/* ---- the formats of tables ------------------------------------------ */

/* The i-th of many terms over n_characters that no random text has. */
static void add_filler(texts *t, size_t i, size_t n_characters) {
  size_t begin = t->used;
  for (size_t k = 0; k < 3; k++, i /= n_characters)
    t->used += wl_utf8_encode(0x20000 + (uint32_t)(i % n_characters),
                              (uint8_t *)t->bytes + t->used);
  t->strings[t->n++] = (wl_string){t->bytes + begin, t->used - begin};
}

/* Fails when two slots have children at the same base, or a child is not found
 * from its parent. */
static void check_bases(const wl_char_tables *tables) {
  assert_int_not_equal(tables->label_bits, 0);
  uint8_t *is_used = calloc(tables->n_slots, 1);
  const uint32_t *entries = tables->entries;
  for (size_t i = 0; i < tables->n_slots; i++) {
    uint32_t base = entries[i] >> tables->label_bits;
    if (base == 0)
      continue;
    assert_true(base < tables->n_slots);
    assert_false(is_used[base]);
    is_used[base] = 1;
    bool has_child = false;
    for (uint32_t c = 1; c <= tables->n_classes; c++)
      has_child |= wl_char_child(tables, (uint32_t)i, c) != 0;
    assert_true(has_child);
    assert_int_equal(wl_char_child(tables, (uint32_t)i, 0), 0);
  }
  free(is_used);
}

typedef enum table_format { NARROW, LABELLED, WIDE } table_format;

static table_format format_of(const wl_vectorizer_params *p) {
  wl_char_engine *engine = create(p, NULL);
  const wl_char_tables *tables = &engine->tables;
  assert_true(tables->is_wide == (tables->n_slots > 65535));
  table_format format = !tables->is_wide     ? NARROW
                        : tables->label_bits ? LABELLED
                                             : WIDE;
  if (format == LABELLED)
    check_bases(tables);
  wl_char_engine_free(engine);
  return format;
}

static void labels_have_room_for_all_classes_and_one_more(void **state) {
  (void)state;
  enum { N = 70000 };
  static const struct {
    size_t n_characters;
    unsigned label_bits;
  } cases[] = {{126, 7}, {127, 8}, {254, 8}, {255, 9}, {256, 9}, {3000, 12}};
  for (size_t i = 0; i < WL_COUNT_OF(cases); i++) {
    texts terms = texts_create(N * 12, N), rows = texts_create(40000, 16);
    for (size_t t = 0; t < N; t++)
      add_filler(&terms, t, cases[i].n_characters);
    for (size_t r = 0; r < 12; r++) {
      size_t begin = rows.used;
      for (size_t k = 0; k < 20 * r; k++) {
        wl_string term = terms.strings[below(k % 2 ? N : 40)];
        memcpy(rows.bytes + rows.used, term.data, term.size);
        rows.used += term.size;
      }
      rows.strings[rows.n++] =
          (wl_string){rows.bytes + begin, rows.used - begin};
    }
    vocabulary v = {.terms = terms.strings, .n_terms = N};
    sort_vocabulary(&v);
    wl_vectorizer_params p = params_of(v.terms, N);
    wl_char_engine *engine = create(&p, NULL);
    assert_int_equal(engine->map.n_classes, cases[i].n_characters);
    assert_int_equal(engine->tables.label_bits, cases[i].label_bits);
    check_bases(&engine->tables);
    wl_char_engine_free(engine);
    wl_cpu_level best = wl_cpu_force(WL_CPU_LEVEL_COUNT - 1);
    for (int level = 0; level <= (int)best; level++) {
      wl_cpu_force((wl_cpu_level)level);
      check_counts(&p, &v, rows.strings, rows.n, rows.n);
    }
    wl_cpu_force(best);
    free(v.sorted);
    texts_free(&terms);
    texts_free(&rows);
  }
}

/* Every variant: counts exact, scores of the given bits. */
static void check_same(const wl_vectorizer_params *p, const vocabulary *v,
                       const wl_scoring *s, const texts *rows,
                       const double *wanted) {
  wl_cpu_level best = wl_cpu_force(WL_CPU_LEVEL_COUNT - 1);
  for (int level = 0; level <= (int)best; level++) {
    wl_cpu_force((wl_cpu_level)level);
    check_counts(p, v, rows->strings, rows->n, rows->n);
    for (size_t step = 1; step <= rows->n; step += rows->n - 1) {
      double *got = scores(p, s, rows->strings, rows->n, step);
      assert_memory_equal(got, wanted, rows->n * s->n_outputs * sizeof(double));
      free(got);
    }
  }
  wl_cpu_force(best);
}

/* The same terms, alone and beside many that do not occur: the others' number
 * and characters make the table labelled or wide. */
static void check_formats(wl_analyzer analyzer, uint32_t min_n, uint32_t max_n,
                          size_t alphabet, size_t long_row,
                          const wl_scoring *scoring) {
  enum { FILLERS = 70000, KEPT = 512 };
  static const size_t n_characters[] = {0, 300, 33000};
  wl_vectorizer_params p = {.analyzer = analyzer,
                            .unicode = unicode(),
                            .min_n = min_n,
                            .max_n = max_n};
  texts rows = texts_create(400000, 32);
  texts terms = texts_create(FILLERS * 12 + 400000, FILLERS + KEPT);
  for (size_t r = 0; r < 16; r++)
    add_text(&rows, below(40) * r, alphabet);
  add_text(&rows, long_row, alphabet);
  vocabulary v = random_vocabulary(&p, &terms, &rows, 300);
  size_t n_kept = v.n_terms, used = terms.used;
  double *weights = random_doubles((FILLERS + KEPT) * scoring->n_outputs);
  wl_scoring s = *scoring;
  s.weights = weights;
  double *first = NULL;
  for (size_t i = 0; i < WL_COUNT_OF(n_characters); i++) {
    terms.n = n_kept;
    terms.used = used;
    for (size_t t = 0; t < FILLERS && n_characters[i] != 0; t++)
      add_filler(&terms, t, n_characters[i]);
    v.n_terms = p.n_terms = terms.n;
    p.terms = v.terms;
    sort_vocabulary(&v);
    assert_int_equal(format_of(&p), (table_format)i);
    if (first == NULL) {
      check_all(&p, &v, &s, rows.strings, rows.n);
      first = scores(&p, &s, rows.strings, rows.n, rows.n);
    } else {
      check_same(&p, &v, &s, &rows, first);
    }
    free(v.sorted);
  }
  free(first);
  free(weights);
  texts_free(&rows);
  texts_free(&terms);
}

static void every_format_gives_the_same_bits(void **state) {
  (void)state;
  check_formats(WL_ANALYZER_CHAR, 1, 4, 26, 0,
                &(wl_scoring){.n_outputs = 1, .norm = WL_NORM_L2});
  check_formats(WL_ANALYZER_CHAR, 2, 5, 5, 17000,
                &(wl_scoring){.n_outputs = 3, .norm = WL_NORM_L2});
  check_formats(WL_ANALYZER_CHAR_WB, 2, 4, 26, 0,
                &(wl_scoring){.n_outputs = 1, .norm = WL_NORM_L2});
  check_formats(
      WL_ANALYZER_CHAR, 3, 6, 2, 0,
      &(wl_scoring){.n_outputs = 2, .norm = WL_NORM_L1, .tf = WL_TF_SUBLINEAR});
}

static void long_terms_are_walked_in_every_format(void **state) {
  (void)state;
  check_formats(WL_ANALYZER_CHAR, 2, 45, 2, 0,
                &(wl_scoring){.n_outputs = 1, .norm = WL_NORM_L2});
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
      cmocka_unit_test(long_terms_are_found_by_walking),
      cmocka_unit_test(levels_up_to_the_limit_are_traversed),
      cmocka_unit_test(wide_tables_give_the_same_answers),
      cmocka_unit_test(labels_have_room_for_all_classes_and_one_more),
      cmocka_unit_test(every_format_gives_the_same_bits),
      cmocka_unit_test(long_terms_are_walked_in_every_format),
      memory_test(every_failed_allocation_is_reported),
      memory_test(a_repeated_call_allocates_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
