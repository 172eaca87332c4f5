/* Top-K through the public header: the order of rows, and runs that answer the
 * candidates of a filter only. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "exec/sweep.h"
#include "support.h"
#include "willump/willump.h"

/* ---- the order ------------------------------------------------------------
 */

/* The definition: how many rows come before a row is its place. */
static bool is_before(const double *scores, size_t a, size_t b) {
  if (isnan(scores[a]) || isnan(scores[b]))
    return isnan(scores[a]) == isnan(scores[b]) ? a < b : isnan(scores[b]);
  return scores[a] != scores[b] ? scores[a] > scores[b] : a < b;
}

static double draw(int kind) {
  static const double odd[] = {0.0,       -0.0,   NAN,     1.0,      -1.0,
                               -INFINITY, 5e-324, -5e-324, INFINITY, 1e308};
  if (kind == 0)
    return uniform(-1, 1);
  if (kind == 1)
    return floor(uniform(0, 4));
  if (kind == 2)
    return odd[random_bits() % 10];
  return exp(uniform(-700, 700)) * (random_bits() % 2 ? 1 : -1);
}

static void the_top_is_what_a_stable_sort_puts_first(void **state) {
  (void)state;
  enum { N = 90 };
  double scores[N], top[N];
  int64_t ids[N];
  uint64_t n_top;
  restart_random();
  for (int repeat = 0; repeat < 400; repeat++) {
    size_t n = (size_t)(random_bits() % (N + 1));
    for (size_t i = 0; i < n; i++)
      scores[i] = draw(repeat % 4);
    uint64_t k = 1 + random_bits() % (N + 5);
    assert_int_equal(wl_top_k(scores, n, k, ids, top, &n_top, NULL), WL_OK);
    assert_int_equal(n_top, k < n ? k : n);
    for (uint64_t i = 0; i < n_top; i++) {
      size_t row = (size_t)ids[i], place = 0;
      for (size_t other = 0; other < n; other++)
        place += is_before(scores, other, row);
      assert_int_equal(place, i);
      assert_memory_equal(&top[i], &scores[row], sizeof *top);
    }
  }
}

static void no_rows_asked_for_is_an_error(void **state) {
  (void)state;
  double score = 1;
  int64_t id;
  uint64_t n_top;
  wl_error error;
  assert_int_equal(wl_top_k(&score, 1, 0, &id, NULL, &n_top, &error),
                   WL_ERROR_VALUE);
  assert_string_equal(error.message,
                      "a top-K query asks for at least one row, not 0");
  assert_int_equal(wl_top_k(NULL, 1, 1, &id, NULL, &n_top, NULL),
                   WL_ERROR_VALUE);
  assert_int_equal(wl_top_k(NULL, 0, 1, &id, NULL, &n_top, NULL), WL_OK);
  assert_int_equal(n_top, 0);
}

static void every_failed_allocation_of_a_ranking_is_reported(void **state) {
  (void)state;
  enum { N = 50 };
  double scores[N];
  int64_t ids[N];
  uint64_t n_top;
  for (size_t i = 0; i < N; i++)
    scores[i] = draw(0);
  wl_status status = WL_ERROR_MEMORY;
  for (long n = 0; status != WL_OK; n++) {
    calls_left = n;
    status = wl_top_k(scores, N, 10, ids, NULL, &n_top, NULL);
    assert_true(status == WL_OK ? n == 2 : status == WL_ERROR_MEMORY);
    assert_int_equal(n_live_blocks, 0);
  }
  calls_left = -1;
}

/* ---- candidates -----------------------------------------------------------
 */

/* A filter of one column, an answer of two that shares a scaled column with
 * it, labels, features and a wide output. */
static const char graph[] =
    "willump-graph 1\n"
    "%0 = input() {kind=\"matrix\", n_features=3}\n"
    "%1 = check_finite(%0) {estimator=\"Model\", allow_nan=true}\n"
    "%2 = select(%1) {indices=[0]}\n"
    "%3 = scale(%2) {multiply=[2.0]}\n"
    "%4 = linear(%1) {coef=@coef, intercept=[0.5, -0.25]}\n"
    "%5 = positive(%3)\n"
    "stage\n"
    "output filter = %3\n"
    "output scores = %4\n"
    "output label = %5\n";

enum { N_ROWS = 500 };
static double x[N_ROWS * 3];

static wl_model *make_model(void) {
  static const double coef[6] = {1.5, -2.0, 0.5, 0.25, 0.125, 1.0};
  const wl_tensor tensor = {"coef", WL_F64, 2, {2, 3}, coef, NULL};
  wl_model *model;
  wl_error error;
  if (wl_model_compile(graph, sizeof graph - 1, &tensor, 1, NULL, NULL, &model,
                       &error) != WL_OK)
    fail_msg("%s", error.message);
  restart_random();
  for (size_t i = 0; i < N_ROWS * 3; i++)
    x[i] = i % 3 == 0 ? floor(uniform(0, 40)) : uniform(-1, 1);
  return model;
}

static wl_input matrix(void) {
  return (wl_input){.layout = WL_LAYOUT_STRIDED,
                    .dtype = WL_F64,
                    .n_columns = 3,
                    .values = x,
                    .row_stride = 3 * sizeof *x,
                    .column_stride = sizeof *x};
}

static wl_status start(const wl_model *model, const char *output,
                       const char *filter, uint64_t n, uint32_t n_threads,
                       wl_run **run, wl_error *error) {
  wl_input input = matrix();
  wl_run_options options = {.size = sizeof options,
                            .n_threads = n_threads,
                            .n_candidates = n,
                            .filter =
                                (size_t)wl_model_find_output(model, filter)};
  return wl_run_create(model, (size_t)wl_model_find_output(model, output),
                       &input, 1, N_ROWS, &options, run, error);
}

static void candidates_have_the_bits_that_all_rows_have(void **state) {
  (void)state;
  static double all[N_ROWS * 2], filter[N_ROWS];
  static int64_t first[N_ROWS];
  uint64_t n_first;
  wl_model *model = make_model();
  wl_input input = matrix();
  assert_int_equal(
      wl_model_predict(model, 1, &input, 1, N_ROWS, NULL, all, NULL, NULL),
      WL_OK);
  assert_int_equal(
      wl_model_predict(model, 0, &input, 1, N_ROWS, NULL, filter, NULL, NULL),
      WL_OK);
  for (uint64_t n = 1; n < N_ROWS; n += 1 + n / 3)
    for (uint32_t n_threads = 1; n_threads <= 2; n_threads++) {
      wl_run *run;
      wl_result result;
      bool is_first[N_ROWS] = {false};
      wl_sweep_force_rows(n_threads == 2 ? 7 : 0);
      assert_int_equal(
          start(model, "scores", "filter", n, n_threads, &run, NULL), WL_OK);
      assert_int_equal(wl_run_advance(run, NULL), WL_OK);
      assert_int_equal(wl_run_result(run, &result, NULL), WL_OK);
      const uint64_t *rows = wl_run_rows(run);
      assert_int_equal(result.n_rows, n);
      assert_int_equal(wl_top_k(filter, N_ROWS, n, first, NULL, &n_first, NULL),
                       WL_OK);
      for (uint64_t i = 0; i < n; i++)
        is_first[first[i]] = true;
      for (uint64_t i = 0; i < n; i++) {
        assert_true(is_first[rows[i]] && (i == 0 || rows[i] > rows[i - 1]));
        assert_memory_equal((double *)result.values + 2 * i, all + 2 * rows[i],
                            2 * sizeof *all);
      }
      wl_run_free(run);
    }
  wl_sweep_force_rows(0);
  wl_model_release(model);
}

static void as_many_candidates_as_rows_need_no_filter(void **state) {
  (void)state;
  wl_run *run;
  wl_result result;
  wl_model *model = make_model();
  assert_int_equal(start(model, "scores", "filter", N_ROWS, 1, &run, NULL),
                   WL_OK);
  assert_int_equal(wl_run_advance(run, NULL), WL_OK);
  assert_int_equal(wl_run_result(run, &result, NULL), WL_OK);
  assert_null(wl_run_rows(run));
  assert_int_equal(result.n_rows, N_ROWS);
  wl_run_free(run);
  wl_model_release(model);
}

static void labels_of_candidates_are_integers(void **state) {
  (void)state;
  wl_run *run;
  wl_result result;
  wl_model *model = make_model();
  assert_int_equal(start(model, "label", "filter", 20, 1, &run, NULL), WL_OK);
  assert_int_equal(wl_run_advance(run, NULL), WL_OK);
  assert_int_equal(wl_run_result(run, &result, NULL), WL_OK);
  assert_int_equal(result.dtype, WL_I64);
  for (size_t i = 0; i < 20; i++)
    assert_int_equal(((int64_t *)result.values)[i], 1);
  wl_run_free(run);
  wl_model_release(model);
}

static void
a_row_that_is_refused_is_refused_before_it_is_filtered(void **state) {
  (void)state;
  wl_run *run;
  wl_error error;
  wl_model *model = make_model();
  x[3 * 17] = -1; /* would be the last candidate */
  x[3 * 17 + 2] = (double)INFINITY;
  assert_int_equal(start(model, "scores", "filter", 5, 1, &run, NULL), WL_OK);
  assert_int_equal(wl_run_advance(run, &error), WL_ERROR_VALUE);
  assert_non_null(strstr(error.message, "infinity"));
  wl_run_free(run);
  wl_model_release(model);
}

static void what_cannot_filter_is_refused(void **state) {
  (void)state;
  wl_run *run;
  wl_error error;
  double out[N_ROWS * 2];
  wl_model *model = make_model();
  wl_input input = matrix();
  assert_int_equal(start(model, "scores", "scores", 5, 1, &run, &error),
                   WL_ERROR_VALUE);
  assert_non_null(strstr(error.message, "an output of one column"));
  assert_null(run);
  assert_int_equal(start(model, "scores", "nothing", 5, 1, &run, &error),
                   WL_ERROR_VALUE);
  wl_run_options options = {.size = sizeof options, .n_candidates = 5};
  assert_int_equal(wl_model_predict(model, 1, &input, 1, N_ROWS, &options, out,
                                    NULL, &error),
                   WL_ERROR_VALUE);
  assert_non_null(strstr(error.message, "wl_run_create"));
  wl_model_release(model);
}

static void options_of_an_older_caller_ask_for_all_rows(void **state) {
  (void)state;
  wl_run *run;
  wl_result result;
  wl_model *model = make_model();
  wl_input input = matrix();
  wl_run_options options = {.size = offsetof(wl_run_options, n_candidates),
                            .n_candidates = 5};
  assert_int_equal(
      wl_run_create(model, 1, &input, 1, N_ROWS, &options, &run, NULL), WL_OK);
  assert_int_equal(wl_run_advance(run, NULL), WL_OK);
  assert_int_equal(wl_run_result(run, &result, NULL), WL_OK);
  assert_int_equal(result.n_rows, N_ROWS);
  wl_run_free(run);
  wl_model_release(model);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      memory_test(the_top_is_what_a_stable_sort_puts_first),
      memory_test(no_rows_asked_for_is_an_error),
      memory_test(every_failed_allocation_of_a_ranking_is_reported),
      memory_test(candidates_have_the_bits_that_all_rows_have),
      memory_test(as_many_candidates_as_rows_need_no_filter),
      memory_test(labels_of_candidates_are_integers),
      memory_test(a_row_that_is_refused_is_refused_before_it_is_filtered),
      memory_test(what_cannot_filter_is_refused),
      memory_test(options_of_an_older_caller_ask_for_all_rows),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
