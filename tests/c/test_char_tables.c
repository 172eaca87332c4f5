/*
 * test_char_tables.c: the formats of the tables that character n-grams are
 * looked up in. All give the same answers.
 */
#include "chars.h"
#include "text/char_internal.h"

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

static void every_failed_allocation_of_a_large_table_is_reported(void **state) {
  (void)state;
  enum { N = 66000 };
  texts terms = texts_create(N * 12, N);
  for (size_t i = 0; i < N; i++)
    add_filler(&terms, i, 60);
  wl_vectorizer_params p = params_of(terms.strings, N);
  wl_status status = WL_ERROR_MEMORY;
  for (long n = 0; status != WL_OK; n++) {
    assert_true(n < 1000);
    wl_char_engine *engine;
    calls_left = n;
    status = wl_char_engine_create(&p, NULL, &engine, NULL);
    calls_left = -1;
    assert_true(status == WL_OK || status == WL_ERROR_MEMORY);
    wl_char_engine_free(engine);
  }
  texts_free(&terms);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(wide_tables_give_the_same_answers),
      cmocka_unit_test(labels_have_room_for_all_classes_and_one_more),
      cmocka_unit_test(every_format_gives_the_same_bits),
      cmocka_unit_test(long_terms_are_walked_in_every_format),
      memory_test(every_failed_allocation_of_a_large_table_is_reported),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
