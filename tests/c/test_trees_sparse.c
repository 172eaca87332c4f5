/* Trees over CSR rows: every engine and instruction set against a walk over the
 * rows spread out, bit for bit. */
#include "support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "trees.h"

typedef struct sparse_rows {
  int64_t indptr[MAX_ROWS + 1];
  int32_t *indices;
  double *data;
} sparse_rows;

/*
 * MAX_ROWS rows of n columns: sorted or not, with columns that come twice,
 * zeros and NaN that are stored, and rows of nothing; and what they are when
 * spread out, with `absent` in the gaps.
 */
static sparse_rows *random_sparse(size_t n, double absent, size_t variety,
                                  double *dense) {
  sparse_rows *s = calloc(1, sizeof *s);
  s->indices = malloc((2 * n * MAX_ROWS + 1) * sizeof *s->indices);
  s->data = malloc((2 * n * MAX_ROWS + 1) * sizeof *s->data);
  int64_t at = 0;
  for (size_t r = 0; r < MAX_ROWS; r++) {
    size_t most = below(4) == 0 ? 0 : below(2 * n + 1);
    bool is_sorted = below(2) == 0;
    double *row = dense + r * n;
    bool *is_stored = calloc(n, sizeof *is_stored);
    for (size_t c = 0; c < n; c++)
      row[c] = absent;
    for (size_t i = 0; i < most; i++) {
      size_t c = is_sorted ? i * n / most : below(n);
      double v = below(5) == 0 ? 0.0 : below(9) == 0 ? NAN : any_value(variety);
      s->indices[at] = (int32_t)c;
      s->data[at++] = v;
      row[c] = is_stored[c] ? row[c] + v : 0.0 + v;
      is_stored[c] = true;
    }
    free(is_stored);
    s->indptr[r + 1] = at;
  }
  return s;
}

static void free_sparse(sparse_rows *s) {
  free(s->indices);
  free(s->data);
  free(s);
}

static void check_sparse_rows(const wl_forest *forest, const sparse_rows *s,
                              size_t n_columns, const double *expected) {
  static const size_t sizes[] = {1, 2, 7, 64, 65, 300, MAX_ROWS};
  size_t k = wl_forest_n_outputs(forest);
  double *out = malloc(MAX_ROWS * k * sizeof *out);
  wl_arena arena;
  wl_arena_init(&arena);
  for (size_t i = 0; i < WL_COUNT_OF(sizes); i++) {
    size_t n = sizes[i], first = below(MAX_ROWS - n + 1);
    const wl_value x = {.kind = WL_VALUE_CSR,
                        .n_rows = n,
                        .n_columns = n_columns,
                        .indptr = s->indptr + first,
                        .indices = s->indices,
                        .data = s->data};
    assert_int_equal(
        wl_forest_score_sparse(forest, &x, NULL, 0, n, &arena, out, k, NULL),
        WL_OK);
    assert_memory_equal(out, expected + first * k, n * k * sizeof *out);
    wl_arena_reset(&arena);
  }
  wl_arena_deinit(&arena);
  free(out);
}

/* Of all instruction sets and engines, and both meanings of a gap. */
static void check_sparse(const shape *s, uint64_t seed) {
  wl_cpu_level best = wl_cpu_force(WL_CPU_LEVEL_COUNT - 1);
  random_state = seed;
  arrays *m = random_arrays(s);
  wl_forest_spec spec = m->spec;
  size_t n = spec.n_columns, k = spec.n_outputs;
  double *dense = malloc(MAX_ROWS * n * sizeof *dense);
  double *expected = malloc(MAX_ROWS * k * sizeof *expected);
  for (int nan = 0; nan < 2; nan++) {
    sparse_rows *x = random_sparse(n, nan ? NAN : 0.0, s->variety, dense);
    spec.is_absent_nan = nan;
    for (size_t r = 0; r < MAX_ROWS; r++)
      score_by_definition(&spec, dense + r * n, expected + r * k);
    for (int level = 0; level <= (int)best; level++) {
      wl_forest *forest;
      wl_cpu_force((wl_cpu_level)level);
      assert_int_equal(wl_forest_create(&spec, &forest, NULL), WL_OK);
      for (int engine = 0; engine <= WL_FOREST_ENGINE_COUNT; engine++) {
        wl_forest_force((wl_forest_engine)engine);
        check_sparse_rows(forest, x, n, expected);
      }
      wl_forest_free(forest);
    }
    wl_forest_force(WL_FOREST_ENGINE_COUNT);
    wl_cpu_force(best);
    free_sparse(x);
  }
  free(expected);
  free(dense);
  free(m);
}

static void sparse_rows_are_as_spread_out(void **state) {
  (void)state;
  static const size_t leaves[] = {1, 8, 60, 300, 2500};
  for (uint64_t seed = 1; seed <= 15; seed++)
    check_sparse(&(shape){.n_trees = 1 + seed,
                          .max_leaves = leaves[seed % 5],
                          .n_features = 1 + 5 * (seed % 8),
                          .n_outputs = 1 + seed % 3,
                          .is_vector = seed % 2 == 0,
                          .has_categories = seed % 3 == 0,
                          .variety = seed % 4 == 0 ? 400 : 12},
                 seed);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sparse_rows_are_as_spread_out),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
