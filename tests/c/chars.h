/*
 * chars.h: what the tests of character n-grams share: a naive reading of the
 * definition, an engine run beside it, and random text and vocabularies.
 */
#ifndef TESTS_C_CHARS_H
#define TESTS_C_CHARS_H

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
    else if (s->norm == WL_NORM_OCCURRENCES)
      norm += value * (s->norm_values ? fabs(s->norm_values[t]) : 1);
    else
      norm += s->norm == WL_NORM_L2 ? value * value : value;
    for (size_t k = 0; k < s->n_outputs; k++) {
      out[k] += f * s->weights[t * s->n_outputs + k];
      *scale += fabs(f * s->weights[t * s->n_outputs + k]);
    }
  }
  if (s->norm == WL_NORM_NONE)
    return;
  if (s->norm == WL_NORM_L2 || s->norm == WL_NORM_OCCURRENCES)
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

static wl_vectorizer_params params_of(const wl_string *terms, size_t n) {
  return (wl_vectorizer_params){.analyzer = WL_ANALYZER_CHAR,
                                .unicode = unicode(),
                                .min_n = 1,
                                .max_n = 3,
                                .terms = terms,
                                .n_terms = n};
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

#endif
