/* Trees: every engine and instruction set against a walk by definition, bit for
 * bit; their size; and memory that fails. */
#include "support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "trees.h"

/* Rows on, below and above the thresholds of the model; and NaN. */
static double *random_rows(const arrays *m, const shape *s, size_t ld) {
  double *x = calloc(MAX_ROWS * ld, sizeof *x);
  for (size_t i = 0; i < MAX_ROWS * ld; i++) {
    x[i] = below(8) == 0 ? NAN : any_value(s->variety);
    if (s->has_floats)
      x[i] = (double)(float)x[i];
    if (m->spec.n_splits != 0 && below(3) == 0 && !s->has_floats) {
      size_t split = below(m->spec.n_splits);
      size_t column = (size_t)m->feature[split];
      x[i / ld * ld + column] = m->threshold[split];
    }
  }
  return x;
}

/* ---- comparing ----------------------------------------------------------- */

/* How a caller's rows may lie. */
enum { IN_ROWS, IN_COLUMNS, IN_ROWS_OF_FLOATS, IN_COLUMNS_OF_FLOATS, N_ORDERS };

/* n rows of `ld` numbers in another order, in memory of n * ld doubles. */
static wl_strided arrange(int order, const double *x, size_t ld, size_t n,
                          void *memory) {
  bool is_f32 = order >= IN_ROWS_OF_FLOATS, in_columns = order & 1;
  int64_t size = is_f32 ? sizeof(float) : sizeof(double);
  for (size_t r = 0; r < n; r++)
    for (size_t c = 0; c < ld; c++) {
      size_t at = in_columns ? c * n + r : r * ld + c;
      if (is_f32)
        ((float *)memory)[at] = (float)x[r * ld + c];
      else
        ((double *)memory)[at] = x[r * ld + c];
    }
  return (wl_strided){.values = memory,
                      .row_stride = in_columns ? size : size * (int64_t)ld,
                      .column_stride = in_columns ? size * (int64_t)n : size,
                      .is_f32 = is_f32};
}

static bool are_floats(const double *x, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (x[i] == x[i] && x[i] != (double)(float)x[i])
      return false;
  return true;
}

static void check_rows(const wl_forest *forest, const double *x, size_t ld,
                       const double *from, size_t from_ld,
                       const double *expected) {
  static const size_t sizes[] = {1, 7, 15, 64, 65, 129, MAX_ROWS};
  size_t k = wl_forest_n_outputs(forest), out_ld = k + 3;
  double *out = malloc(MAX_ROWS * out_ld * sizeof *out);
  int n_orders = are_floats(x, MAX_ROWS * ld) ? N_ORDERS : IN_ROWS_OF_FLOATS;
  wl_arena arena;
  wl_arena_init(&arena);
  for (size_t i = 0; i < WL_COUNT_OF(sizes); i++) {
    size_t n = sizes[i], first = below(MAX_ROWS - n + 1);
    for (size_t at = 0; at < n * out_ld; at++)
      out[at] = 77.0;
    /* Exactly as large as the rows: a sanitizer sees what reads past them. */
    double *memory = malloc(n * ld * sizeof *memory);
    wl_strided rows =
        arrange((int)below((size_t)n_orders), x + first * ld, ld, n, memory);
    assert_int_equal(
        wl_forest_score(forest, &rows,
                        from == NULL ? NULL : from + first * from_ld, from_ld,
                        n, &arena, out, out_ld, NULL),
        WL_OK);
    free(memory);
    for (size_t r = 0; r < n; r++) {
      assert_memory_equal(out + r * out_ld, expected + (first + r) * k,
                          k * sizeof *out);
      for (size_t c = k; c < out_ld; c++)
        assert_true(out[r * out_ld + c] == 77.0);
    }
    wl_arena_reset(&arena);
  }
  wl_arena_deinit(&arena);
  free(out);
}

/* All instruction sets and engines. */
static void check_forest(const wl_forest_spec *spec, const double *x, size_t ld,
                         const double *expected) {
  wl_cpu_level best = wl_cpu_force(WL_CPU_LEVEL_COUNT - 1);
  /* Rows that bring the start themselves. */
  size_t k = spec->n_outputs;
  double *starts = spec->is_leaf_numbers
                       ? NULL
                       : malloc(MAX_ROWS * (k + 1) * sizeof *starts);
  for (size_t i = 0; starts != NULL && i < MAX_ROWS * (k + 1); i++)
    starts[i] =
        spec->start != NULL && i % (k + 1) < k ? spec->start[i % (k + 1)] : 0;
  for (int level = 0; level <= (int)best; level++) {
    wl_forest *forest;
    wl_cpu_force((wl_cpu_level)level);
    assert_int_equal(wl_forest_create(spec, &forest, NULL), WL_OK);
    assert_true(wl_forest_size(forest) > 0);
    for (int engine = 0; engine <= WL_FOREST_ENGINE_COUNT; engine++) {
      wl_forest_force((wl_forest_engine)engine);
      check_rows(forest, x, ld, NULL, 0, expected);
      if (starts != NULL)
        check_rows(forest, x, ld, starts, k + 1, expected);
    }
    wl_forest_free(forest);
  }
  free(starts);
  wl_forest_force(WL_FOREST_ENGINE_COUNT);
  wl_cpu_force(best);
}

static void check_arrays(const arrays *m, const shape *s) {
  const wl_forest_spec *spec = &m->spec;
  size_t ld = s->n_features + below(3), k = spec->n_outputs, n = spec->n_trees;
  double *x = random_rows(m, s, ld);
  double *expected = malloc(MAX_ROWS * (k + n) * sizeof *expected);
  for (size_t r = 0; r < MAX_ROWS; r++)
    score_by_definition(spec, x + r * ld, expected + r * k);
  check_forest(spec, x, ld, expected);
  packed *p = pack(m);
  check_forest(&p->spec, x, ld, expected);
  wl_forest_spec numbers = s->is_vector ? *spec : p->spec;
  numbers.is_leaf_numbers = true;
  numbers.width = 1;
  for (size_t t = 0; t < n; t++) {
    int64_t least = s->is_chain
                        ? -1
                        : smallest_leaf(spec, ints_at(spec->roots, (int64_t)t));
    for (size_t r = 0; r < MAX_ROWS; r++)
      expected[r * n + t] =
          (double)(leaf_of(spec, t, x + r * ld) - (least < 0 ? 0 : least));
  }
  if (!s->is_chain)
    check_forest(&numbers, x, ld, expected);
  free(p);
  free(expected);
  free(x);
}

static void check_shape(shape s, uint64_t seed) {
  random_state = seed;
  arrays *m = random_arrays(&s);
  check_arrays(m, &s);
  free(m);
}

/* ---- tests --------------------------------------------------------------- */

static void small_trees_are_exact(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= 12; seed++)
    check_shape((shape){.n_trees = 1 + seed * 3,
                        .max_leaves = seed % 4 == 0 ? 1 : 31,
                        .n_features = 1 + seed % 7,
                        .n_outputs = 1,
                        .variety = 30,
                        .has_start = seed % 2,
                        .is_f32 = seed % 3 == 0},
                seed);
}

static void floats_are_compared_as_doubles(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= 6; seed++)
    check_shape((shape){.n_trees = 20,
                        .max_leaves = seed % 2 ? 31 : 300,
                        .n_features = 1 + seed % 5,
                        .n_outputs = 1,
                        .variety = seed % 3 ? 30 : 2000,
                        .has_categories = seed % 2,
                        .has_floats = true},
                seed);
}

static void categories_are_exact(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= 8; seed++)
    check_shape((shape){.n_trees = 20,
                        .max_leaves = 20,
                        .n_features = 4,
                        .n_outputs = 1 + seed % 2,
                        .variety = 80,
                        .has_categories = true},
                seed);
}

static void several_outputs_are_exact(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= 8; seed++)
    check_shape((shape){.n_trees = 30,
                        .max_leaves = 16,
                        .n_features = 9,
                        .n_outputs = seed == 8 ? 20 : 1 + seed % 5,
                        .variety = 50,
                        .is_vector = seed % 2,
                        .is_f32 = seed % 4 == 0,
                        .has_output = seed % 3 == 0,
                        .has_start = true},
                seed);
}

static void trees_of_up_to_600_leaves_are_exact(void **state) {
  (void)state;
  static const size_t leaves[] = {64, 65, 127, 128, 129, 200, 256, 257, 600};
  for (size_t i = 0; i < WL_COUNT_OF(leaves); i++)
    check_shape((shape){.n_trees = 9,
                        .max_leaves = leaves[i],
                        .n_features = 12,
                        .n_outputs = 1,
                        .variety = 100},
                i + 1);
}

/* More than 255 thresholds a feature, in more columns than bytes are cut into.
 */
static void ranks_of_16_bits_are_selected_exactly(void **state) {
  (void)state;
  check_shape((shape){.n_trees = MAX_TREES,
                      .max_leaves = 250,
                      .n_features = MAX_FEATURES,
                      .n_outputs = 2,
                      .variety = 20000},
              3);
}

/* More than 255 thresholds a feature: ranks in parts, or of 16 bits. */
static void many_thresholds_are_exact(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= 3; seed++)
    check_shape((shape){.n_trees = 40,
                        .max_leaves = seed == 3 ? 700 : 200,
                        .n_features = 3,
                        .n_outputs = 1,
                        .variety = seed == 1 ? 350 : 20000},
                seed);
}

/* Trees of so many leaves each. */
static void check_leaves(shape s, size_t n_leaves, uint64_t seed) {
  s.max_leaves = 1; /* until there are larger ones */
  random_state = seed;
  arrays *m = random_arrays(&s);
  m->spec.n_tests = m->spec.n_splits = m->spec.n_leaves = 0;
  for (size_t t = 0; t < s.n_trees; t++)
    random_tree(m, &s, t, n_leaves);
  check_arrays(m, &s);
  free(m);
}

/* More than 256 columns of ranks, and more than fit the nodes of 8 bytes. */
static void more_than_32768_leaves_are_exact(void **state) {
  (void)state;
  check_leaves(
      (shape){
          .n_trees = 1, .n_features = 3, .n_outputs = 1, .variety = 1000000},
      40000, 5);
}

/* Ranks of 16 bits in parts: more than 65,535 thresholds of one feature. */
static void more_than_65535_thresholds_are_exact(void **state) {
  (void)state;
  check_leaves(
      (shape){
          .n_trees = 4, .n_features = 1, .n_outputs = 1, .variety = 1000000},
      30000, 6);
}

static void chains_are_walked_without_recursion(void **state) {
  (void)state;
  static const size_t leaves[] = {21, 250, 2000, 40000};
  for (size_t i = 0; i < WL_COUNT_OF(leaves); i++) {
    shape s = {.n_trees = 2,
               .max_leaves = 1,
               .n_features = 3,
               .n_outputs = 1,
               .variety = 50,
               .is_chain = true};
    random_state = i + 1;
    arrays *m = random_arrays(&s);
    m->spec.n_tests = m->spec.n_splits = m->spec.n_leaves = 0;
    random_tree(m, &s, 0, leaves[i]);
    random_tree(m, &s, 1, 3);
    check_arrays(m, &s);
    free(m);
  }
}

static void wide_rows_are_exact(void **state) {
  (void)state;
  check_shape((shape){.n_trees = 60,
                      .max_leaves = 31,
                      .n_features = 40,
                      .n_outputs = 1,
                      .variety = 500},
              3);
  check_shape((shape){.n_trees = 60,
                      .max_leaves = 100,
                      .n_features = 40,
                      .n_outputs = 2,
                      .variety = 9,
                      .has_categories = true},
              4);
}

/* Numbers of thresholds around the steps of the search. */
static void every_number_of_thresholds_is_exact(void **state) {
  (void)state;
  static const size_t counts[] = {1,   2,   7,   8,   9,    15,   16,  17,
                                  31,  32,  33,  48,  128,  239,  240, 241,
                                  254, 255, 256, 257, 4095, 4096, 4097};
  for (size_t i = 0; i < WL_COUNT_OF(counts); i++) {
    size_t n = counts[i];
    shape s = {.n_trees = 1,
               .max_leaves = 1,
               .n_features = 1,
               .n_outputs = 1,
               .variety = n + 5};
    random_state = i + 1;
    arrays *m = random_arrays(&s);
    m->spec.n_tests = m->spec.n_splits = m->spec.n_leaves = 0;
    random_tree(m, &s, 0, n + 1);
    for (size_t t = 0; t < n; t++)
      m->threshold[t] = (double)(t * 7919 % n) * 0.75 - 3.0;
    check_arrays(m, &s);
    free(m);
  }
}

static void a_forest_of_nothing_is_its_start(void **state) {
  (void)state;
  shape s = {.n_features = 1, .n_outputs = 3, .has_start = true, .variety = 3};
  arrays *m = random_arrays(&s);
  check_arrays(m, &s);
  free(m);
}

/* ---- size -----------------------------------------------------------------
 */

/* Where thresholds repeat: each distinct one takes 8 bytes besides. */
static void a_split_takes_at_most_12_bytes_besides_leaf_values(void **state) {
  (void)state;
  static const size_t leaves[] = {31, 63, 128, 256, 600};
  static const size_t a_feature = 1024, a_forest = 1024;
  wl_cpu_level best = wl_cpu_force(WL_CPU_LEVEL_COUNT - 1);
  for (int level = 0; level <= (int)best; level++)
    for (size_t i = 0; i < WL_COUNT_OF(leaves); i++) {
      shape s = {.n_trees = 60,
                 .max_leaves = leaves[i],
                 .n_features = 4,
                 .n_outputs = 1,
                 .variety = leaves[i] < 200 ? 40 : 200};
      random_state = i + 1;
      wl_cpu_force((wl_cpu_level)level);
      arrays *m = random_arrays(&s);
      wl_forest *forest;
      assert_int_equal(wl_forest_create(&m->spec, &forest, NULL), WL_OK);
      size_t size = wl_forest_size(forest) - m->spec.n_leaves * sizeof(double);
      assert_true(size <= 12 * m->spec.n_splits + 4 * a_feature + a_forest);
      wl_forest_free(forest);
      free(m);
    }
  wl_cpu_force(WL_CPU_LEVEL_COUNT - 1);
}

/* Thresholds that are all distinct, as of trees that are not pruned: 8 bytes
 * for a node and 8 for a threshold, and as much as that is taken of the heap.
 */
static void a_forest_takes_no_more_than_it_says(void **state) {
  (void)state;
  wl_cpu_level best = wl_cpu_force(WL_CPU_LEVEL_COUNT - 1);
  for (int level = 0; level <= (int)best; level++) {
    shape s = {.n_trees = 2,
               .max_leaves = 1,
               .n_features = 4,
               .n_outputs = 1,
               .variety = 1};
    random_state = 1;
    wl_cpu_force((wl_cpu_level)level);
    arrays *m = random_arrays(&s);
    m->spec.n_tests = m->spec.n_splits = m->spec.n_leaves = 0;
    m->spec.are_leaves_lasting = true;
    for (size_t t = 0; t < 2; t++)
      random_tree(m, &s, t, 8000);
    for (size_t i = 0; i < m->spec.n_splits; i++)
      m->threshold[i] = (double)i;
    wl_forest *forest;
    long before = n_live_bytes;
    assert_int_equal(wl_forest_create(&m->spec, &forest, NULL), WL_OK);
    size_t leaves = m->spec.n_leaves * sizeof(double);
    size_t taken = (size_t)(n_live_bytes - before);
    assert_true(taken >= wl_forest_size(forest));
    assert_true(taken <= wl_forest_size(forest) + 2048);
    assert_true(taken - leaves <= 17 * m->spec.n_splits + 4096);
    wl_forest_free(forest);
    free(m);
  }
  wl_cpu_force(WL_CPU_LEVEL_COUNT - 1);
}

/* Two trees of one split, whose leaves are numbered as tables number them. */
static void lasting_leaves_in_order_are_not_copied(void **state) {
  (void)state;
  static const int64_t feature[] = {0, 0}, flags[] = {4, 4}, sizes[] = {1, 1};
  static const int64_t left[] = {-1, -1}, right[] = {-2, -2};
  static const double threshold[] = {0.5, 1.5}, leaves[] = {1, 2, 3, 4};
  static const double x[] = {0, 1, 2}, expected[] = {4, 5, 6};
  wl_forest_spec spec = {.op = "trees",
                         .n_columns = 1,
                         .n_tests = 2,
                         .n_splits = 2,
                         .n_leaves = 4,
                         .n_trees = 2,
                         .feature = wl_ints_of(feature),
                         .flags = wl_ints_of(flags),
                         .threshold = threshold,
                         .left = wl_ints_of(left),
                         .right = wl_ints_of(right),
                         .sizes = wl_ints_of(sizes),
                         .width = 1,
                         .leaves = leaves,
                         .n_outputs = 1,
                         .divide = 1.0};
  size_t size[2];
  for (size_t i = 0; i < 2; i++) {
    wl_forest *forest;
    double out[3];
    wl_arena arena;
    wl_strided rows = {.values = x, .row_stride = 8, .column_stride = 8};
    spec.are_leaves_lasting = i == 1;
    assert_int_equal(wl_forest_create(&spec, &forest, NULL), WL_OK);
    size[i] = wl_forest_size(forest);
    wl_arena_init(&arena);
    assert_int_equal(
        wl_forest_score(forest, &rows, NULL, 0, 3, &arena, out, 1, NULL),
        WL_OK);
    assert_memory_equal(out, expected, sizeof expected);
    wl_arena_deinit(&arena);
    wl_forest_free(forest);
  }
  assert_int_equal(size[0] - size[1], sizeof leaves);
}

/* ---- memory -------------------------------------------------------------- */

static void every_allocation_may_fail(void **state) {
  (void)state;
  static const double x[3 * 20];
  static double out[2 * 20];
  static const int64_t indptr[20 + 1];
  const wl_value empty = {
      .kind = WL_VALUE_CSR, .n_rows = 20, .n_columns = 3, .indptr = indptr};
  arrays *m = plain_arrays();
  for (long n = 0;; n++) {
    wl_forest *forest = NULL;
    wl_arena arena;
    wl_arena_init(&arena);
    calls_left = n;
    wl_status status = wl_forest_create(&m->spec, &forest, NULL);
    wl_strided rows = {.values = x, .row_stride = 24, .column_stride = 8};
    if (status == WL_OK)
      status =
          wl_forest_score(forest, &rows, NULL, 0, 20, &arena, out, 2, NULL);
    if (status == WL_OK)
      status = wl_forest_score_sparse(forest, &empty, NULL, 0, 20, &arena, out,
                                      2, NULL);
    calls_left = -1;
    wl_forest_free(forest);
    wl_arena_deinit(&arena);
    assert_int_equal(n_live_blocks, 0);
    if (status == WL_OK)
      break;
    assert_int_equal(status, WL_ERROR_MEMORY);
  }
  free(m);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(small_trees_are_exact),
      cmocka_unit_test(floats_are_compared_as_doubles),
      cmocka_unit_test(categories_are_exact),
      cmocka_unit_test(several_outputs_are_exact),
      cmocka_unit_test(trees_of_up_to_600_leaves_are_exact),
      cmocka_unit_test(many_thresholds_are_exact),
      cmocka_unit_test(ranks_of_16_bits_are_selected_exactly),
      cmocka_unit_test(more_than_32768_leaves_are_exact),
      cmocka_unit_test(more_than_65535_thresholds_are_exact),
      cmocka_unit_test(chains_are_walked_without_recursion),
      cmocka_unit_test(wide_rows_are_exact),
      cmocka_unit_test(every_number_of_thresholds_is_exact),
      cmocka_unit_test(a_split_takes_at_most_12_bytes_besides_leaf_values),
      cmocka_unit_test(a_forest_of_nothing_is_its_start),
      memory_test(a_forest_takes_no_more_than_it_says),
      cmocka_unit_test(lasting_leaves_in_order_are_not_copied),
      memory_test(every_allocation_may_fail),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
