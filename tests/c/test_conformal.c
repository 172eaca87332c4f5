/*
 * test_conformal.c: bounds from calibration sets: their ranks against the
 * definition, then how often they fail on simulated sets and how far above the
 * oracle's they are. Prints a line for each simulation.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "simulation.h"
#include "stats/binomial.h"
#include "stats/conformal.h"
#include "support.h"

static const wl_conformal_promise on_average = {.05, 0};
static const wl_conformal_promise confident = {.05, .05};

static double bound(const double *values, size_t n,
                    wl_conformal_promise promise) {
  double out;
  assert_int_equal(wl_conformal_bound(values, n, promise, &out, NULL), WL_OK);
  return out;
}

/* ---- ranks -----------------------------------------------------------------
 */

static void sets_needed_are_19_on_average_and_59_with_confidence(void **state) {
  (void)state;
  assert_int_equal(wl_conformal_sets_needed(on_average), 19);
  assert_int_equal(wl_conformal_sets_needed(confident), 59);
  /* Also where the share was computed as 1 - rate. */
  for (int percent = 1; percent < 100; percent++) {
    wl_conformal_promise p = {1 - percent / 100.0, 0};
    uint64_t expected = (uint64_t)((100 + 99 - percent) / (100 - percent)) - 1;
    assert_int_equal(wl_conformal_sets_needed(p), expected == 0 ? 1 : expected);
  }
  assert_true(wl_conformal_sets_needed((wl_conformal_promise){1e-12, 0}) ==
              UINT64_MAX);
}

static void fewer_sets_than_needed_have_no_bound(void **state) {
  (void)state;
  double values[59];
  for (int i = 0; i < 59; i++)
    values[i] = i;
  assert_true(bound(values, 18, on_average) == (double)INFINITY);
  assert_true(bound(values, 19, on_average) == 18);
  assert_true(bound(values, 58, confident) == (double)INFINITY);
  assert_true(bound(values, 59, confident) == 58);
  assert_true(bound(NULL, 0, on_average) == (double)INFINITY);
  assert_true(bound(NULL, 0, confident) == (double)INFINITY);
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* In integers, alpha = a / 64: the j-th largest with j the largest that has
 * j / (n + 1) <= alpha; and the tail that the tolerance bound may not pass. */
static void bounds_have_the_rank_that_the_promise_asks_for(void **state) {
  (void)state;
  double values[400], sorted[400];
  for (int trial = 0; trial < 1000; trial++) {
    size_t n = 1 + random_bits() % 400, a = 1 + random_bits() % 63;
    int n_levels = trial % 2 ? 10 : 1000000;
    for (size_t i = 0; i < n; i++)
      sorted[i] = values[i] = floor(uniform(0, n_levels));
    qsort(sorted, n, sizeof *sorted, ascending);
    double alpha = (double)a / 64;
    size_t j = a * (n + 1) / 64;
    double expected = j == 0 ? (double)INFINITY : sorted[n - (j > n ? n : j)];
    assert_true(bound(values, n, (wl_conformal_promise){alpha, 0}) == expected);
    int64_t k = -1;
    while ((uint64_t)k + 1 < n && wl_binomial_cdf(k + 1, n, alpha) <= .1)
      k++;
    expected = k < 0 ? (double)INFINITY : sorted[n - 1 - (size_t)k];
    assert_true(bound(values, n, (wl_conformal_promise){alpha, .1}) ==
                expected);
  }
}

static void unknown_values_are_above_all_others(void **state) {
  (void)state;
  double values[59];
  for (int i = 0; i < 59; i++)
    values[i] = i;
  values[3] = nan("");
  assert_true(bound(values, 59, confident) == (double)INFINITY);
  assert_true(bound(values, 59, on_average) == 57); /* the third largest */
  values[4] = -(double)INFINITY;
  assert_true(bound(values, 59, on_average) == 57);
  for (int i = 0; i < 59; i++)
    values[i] = nan("");
  assert_true(bound(values, 59, on_average) == (double)INFINITY);
}

static void shares_out_of_range_are_errors(void **state) {
  (void)state;
  static const wl_conformal_promise bad[] = {
      {0, 0},   {1, 0},    {-.1, 0}, {(double)NAN, .05},
      {.05, 1}, {.05, -1}, {.05, 2}, {.05, (double)NAN}};
  const double values[] = {1, 2}, scales[] = {1};
  for (size_t i = 0; i < WL_COUNT_OF(bad); i++) {
    double out = 0;
    wl_error error;
    assert_int_equal(wl_conformal_bound(values, 2, bad[i], &out, &error),
                     WL_ERROR_VALUE);
    assert_non_null(strstr(error.message, i < 4 ? "share" : "confidence"));
    assert_true(out == (double)INFINITY);
    assert_true(wl_conformal_sets_needed(bad[i]) == UINT64_MAX);
    out = 0;
    assert_int_equal(
        wl_conformal_joint_bounds(values, 2, 1, scales, bad[i], &out, &error),
        WL_ERROR_VALUE);
    assert_true(out == (double)INFINITY);
  }
}

/* ---- every K at once -------------------------------------------------------
 */

static void scales_are_medians(void **state) {
  (void)state;
  double inf = (double)INFINITY;
  const double values[] = {5, 0, inf, 1, 0, inf, 3, 7, inf,
                           4, 0, 2,   2, 9, 1,   9, 0, inf};
  double scales[3];
  assert_int_equal(wl_conformal_scales(values, 5, 3, scales, NULL), WL_OK);
  assert_true(scales[0] == 3 && scales[1] == 1 && scales[2] == 1);
  assert_int_equal(wl_conformal_scales(values, 6, 3, scales, NULL), WL_OK);
  assert_true(scales[0] == 4);
  assert_int_equal(wl_conformal_scales(NULL, 0, 3, scales, NULL), WL_OK);
  assert_true(scales[0] == 1 && scales[1] == 1 && scales[2] == 1);
}

/* The share of sets that keep all bounds is the share whose largest ratio is at
 * most the bound of it: none is lost by rounding. */
static void
joint_bounds_hold_for_the_sets_that_they_were_taken_from(void **state) {
  (void)state;
  enum { N = 199, COLUMNS = 7 };
  static double values[N * COLUMNS];
  for (int trial = 0; trial < 1000; trial++) {
    double scales[COLUMNS], bounds[COLUMNS];
    for (int j = 0; j < COLUMNS; j++)
      scales[j] = trial % 2 ? floor(uniform(1, 100)) : exp(uniform(-20, 20));
    for (int i = 0; i < N; i++) {
      double u = uniform(0, 1);
      for (int j = 0; j < COLUMNS; j++)
        values[i * COLUMNS + j] =
            trial % 2 ? floor(scales[j] * (u + uniform(0, 1)))
                      : scales[j] * (u + uniform(-.5, 1.5)) * uniform(.9, 1);
    }
    assert_int_equal(wl_conformal_joint_bounds(values, N, COLUMNS, scales,
                                               on_average, bounds, NULL),
                     WL_OK);
    int n_above = 0;
    for (int i = 0; i < N; i++) {
      bool is_above = false;
      for (int j = 0; j < COLUMNS; j++)
        is_above |= values[i * COLUMNS + j] > bounds[j];
      n_above += is_above;
    }
    /* The tenth largest of 199: nine are above it, fewer with ties. */
    assert_true(n_above <= 9 && (trial % 2 || n_above == 9));
  }
}

static void joint_bounds_without_enough_sets_are_infinite(void **state) {
  (void)state;
  double values[2 * 19], scales[] = {1, 2}, bounds[2];
  for (int i = 0; i < 38; i++)
    values[i] = i;
  for (size_t n = 0; n <= 19; n++) {
    assert_int_equal(wl_conformal_joint_bounds(values, n, 2, scales, on_average,
                                               bounds, NULL),
                     WL_OK);
    assert_true(isfinite(bounds[0]) == (n == 19));
    assert_true(isfinite(bounds[1]) == (n == 19));
  }
  values[1] = nan("");
  assert_int_equal(wl_conformal_joint_bounds(values, 19, 2, scales, on_average,
                                             bounds, NULL),
                   WL_OK);
  assert_true(bounds[0] == (double)INFINITY && bounds[1] == (double)INFINITY);
}

static void scales_that_are_none_are_errors(void **state) {
  (void)state;
  const double values[] = {1, 2};
  const double bad[] = {0, -1, (double)INFINITY, (double)NAN};
  for (size_t i = 0; i < WL_COUNT_OF(bad); i++) {
    double scales[] = {1, bad[i]}, bounds[2];
    wl_error error;
    assert_int_equal(wl_conformal_joint_bounds(values, 1, 2, scales, on_average,
                                               bounds, &error),
                     WL_ERROR_VALUE);
    assert_non_null(strstr(error.message, "scale 1"));
    assert_true(bounds[0] == (double)INFINITY);
  }
}

static void bounds_report_every_failed_allocation(void **state) {
  (void)state;
  double values[40], scales[2], bounds[2];
  for (int i = 0; i < 40; i++)
    values[i] = i;
  wl_status status = WL_ERROR_MEMORY;
  for (long n = 0; status != WL_OK; n++) {
    calls_left = n;
    status = wl_conformal_scales(values, 20, 2, scales, NULL);
    if (status == WL_OK)
      status = wl_conformal_joint_bounds(values, 20, 2, scales, on_average,
                                         bounds, NULL);
    assert_true(status == WL_OK ? n == 5 : status == WL_ERROR_MEMORY);
    assert_true(status == WL_OK || n < 3 || bounds[0] == (double)INFINITY);
    assert_int_equal(n_live_blocks, 0);
  }
  calls_left = -1;
}

/* ---- simulated query sets --------------------------------------------------
 */

/*
 * The statistic of a set at K: ceil(K e^(z + y_K)), z the same for all Ks of a
 * set and y_K its own, both normal; a share of the sets is hard (z is raised).
 * With n_levels, the counts are rounded up to that many levels: ties.
 */
typedef struct queries {
  const char *name;
  double spread, own_spread, hard_share, hard_rise;
  int step;
} queries;

enum { N_K = 4 };
static const double ks[N_K] = {5, 20, 50, 100};

static double normal(void) {
  double u = uniform(0x1p-53, 1), v = uniform(0, 1);
  return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

static void draw_set(const queries *q, double *values) {
  double z = q->spread * normal();
  if (uniform(0, 1) < q->hard_share)
    z += q->hard_rise;
  for (int j = 0; j < N_K; j++) {
    double r = ceil(ks[j] * exp(z + q->own_spread * normal()));
    values[j] = ceil(r / q->step) * q->step;
  }
}

/* The joint promise looks at the first N_JOINT of the later sets. */
enum { N_TRUTH = 200000, N_JOINT = 20000, MAX_SETS = 200, REPEATS = 2000 };
static double truth[N_TRUTH][N_K], largest_alone[N_TRUTH];

static void draw_truth(const queries *q) {
  for (int i = 0; i < N_TRUTH; i++) {
    draw_set(q, truth[i]);
    largest_alone[i] = truth[i][1];
  }
  qsort(largest_alone, N_TRUTH, sizeof *largest_alone, ascending);
}

/* Of later sets, the share above the bound for K = 20. */
static double share_above(double limit) {
  size_t low = 0, high = N_TRUTH;
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (largest_alone[middle] > limit)
      high = middle;
    else
      low = middle + 1;
  }
  return 1 - (double)low / N_TRUTH;
}

/*
 * What the truth's own sampling adds to a rate of failures: the share above is
 * known to within its standard error, so the promise is checked that much above
 * alpha, a bound at the limit of which counts as kept.
 */
static void check_one_k(const queries *q, size_t n_sets,
                        wl_conformal_promise promise, double most_above) {
  restart_random();
  draw_truth(q);
  double values[MAX_SETS], set[N_K], mean = 0, excess = 0;
  int n_failures = 0;
  double slack = noise(promise.alpha, N_TRUTH);
  size_t at = (size_t)(N_TRUTH * (1 - promise.alpha));
  for (int repeat = 0; repeat < REPEATS; repeat++) {
    for (size_t i = 0; i < n_sets; i++) {
      draw_set(q, set);
      values[i] = set[1];
    }
    double limit = bound(values, n_sets, promise), above = share_above(limit);
    mean += above / REPEATS;
    n_failures += above > promise.alpha + slack;
    excess += limit / largest_alone[at] / REPEATS;
  }
  double rate = (double)n_failures / REPEATS;
  print_message("%-12s m=%-3zu %s: above on average %.4f, in %.3f of draws "
                "above %g, %.2f times the oracle's candidates\n",
                q->name, n_sets,
                promise.delta == 0 ? "on average     " : "with confidence",
                mean, rate, promise.alpha, excess);
  if (promise.delta == 0)
    assert_true(mean <= promise.alpha + noise(promise.alpha, REPEATS) / 3);
  else
    assert_true(rate <= promise.delta + noise(promise.delta, REPEATS));
  assert_true(excess <= most_above);
}

static void check_all_ks(const queries *q, size_t n_sets,
                         wl_conformal_promise promise) {
  enum { N_SELECT = 50 };
  static double values[MAX_SETS * N_K], select[N_SELECT * N_K];
  double scales[N_K], bounds[N_K], mean = 0, each_alone = 0;
  int n_failures = 0;
  restart_random();
  draw_truth(q);
  for (int repeat = 0; repeat < REPEATS; repeat++) {
    for (int i = 0; i < N_SELECT; i++)
      draw_set(q, select + i * N_K);
    for (size_t i = 0; i < n_sets; i++)
      draw_set(q, values + i * N_K);
    assert_int_equal(wl_conformal_scales(select, N_SELECT, N_K, scales, NULL),
                     WL_OK);
    assert_int_equal(wl_conformal_joint_bounds(values, n_sets, N_K, scales,
                                               promise, bounds, NULL),
                     WL_OK);
    double alone[N_K], column[MAX_SETS];
    for (int j = 0; j < N_K; j++) {
      for (size_t i = 0; i < n_sets; i++)
        column[i] = values[i * N_K + (size_t)j];
      alone[j] = bound(column, n_sets, promise);
    }
    int n_above = 0, n_alone = 0;
    for (int i = 0; i < N_JOINT; i++) {
      bool is_above = false, is_above_alone = false;
      for (int j = 0; j < N_K; j++) {
        is_above |= truth[i][j] > bounds[j];
        is_above_alone |= truth[i][j] > alone[j];
      }
      n_above += is_above;
      n_alone += is_above_alone;
    }
    double above = (double)n_above / N_JOINT;
    mean += above / REPEATS;
    each_alone += (double)n_alone / N_JOINT / REPEATS;
    n_failures += above > promise.alpha + noise(promise.alpha, N_JOINT);
  }
  double rate = (double)n_failures / REPEATS;
  print_message("%-12s m=%-3zu %s, all K: above on average %.4f, in %.3f of "
                "draws above %g; of bounds for each K alone %.4f\n",
                q->name, n_sets,
                promise.delta == 0 ? "on average     " : "with confidence",
                mean, rate, promise.alpha, each_alone);
  if (promise.delta == 0)
    assert_true(mean <= promise.alpha + noise(promise.alpha, REPEATS) / 3);
  else
    assert_true(rate <= promise.delta + noise(promise.delta, REPEATS));
  /* The very thing that the joint promise is for. */
  assert_true(each_alone > 1.3 * mean);
}

static const queries plain = {"plain", .2, .1, 0, 0, 1};
static const queries mixed = {"some hard", .2, .1, .1, 1, 1};
static const queries tied = {"ties", .2, .1, 0, 0, 10};
static const queries apart = {"Ks apart", .05, .3, 0, 0, 1};

static void the_quantile_holds_on_average(void **state) {
  (void)state;
  check_one_k(&plain, 19, on_average, 1.2);
  check_one_k(&plain, 20, on_average, 1.2);
  check_one_k(&plain, 100, on_average, 1.1);
  check_one_k(&mixed, 19, on_average, 1.4);
  check_one_k(&mixed, 100, on_average, 1.1);
  check_one_k(&tied, 19, on_average, 1.2);
}
static void the_tolerance_bound_holds_with_confidence(void **state) {
  (void)state;
  check_one_k(&plain, 59, confident, 1.25);
  check_one_k(&plain, 200, confident, 1.15);
  check_one_k(&mixed, 59, confident, 1.5);
  check_one_k(&mixed, 200, confident, 1.3);
  check_one_k(&tied, 59, confident, 1.35);
}
static void the_joint_promise_holds_for_all_ks_together(void **state) {
  (void)state;
  check_all_ks(&plain, 19, on_average);
  check_all_ks(&apart, 100, on_average);
  check_all_ks(&mixed, 59, confident);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sets_needed_are_19_on_average_and_59_with_confidence),
      cmocka_unit_test(fewer_sets_than_needed_have_no_bound),
      cmocka_unit_test(bounds_have_the_rank_that_the_promise_asks_for),
      cmocka_unit_test(unknown_values_are_above_all_others),
      cmocka_unit_test(shares_out_of_range_are_errors),
      cmocka_unit_test(scales_are_medians),
      cmocka_unit_test(
          joint_bounds_hold_for_the_sets_that_they_were_taken_from),
      cmocka_unit_test(joint_bounds_without_enough_sets_are_infinite),
      cmocka_unit_test(scales_that_are_none_are_errors),
      memory_test(bounds_report_every_failed_allocation),
      cmocka_unit_test(the_quantile_holds_on_average),
      cmocka_unit_test(the_tolerance_bound_holds_with_confidence),
      cmocka_unit_test(the_joint_promise_holds_for_all_ks_together),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
