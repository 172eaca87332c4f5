/*
 * test_bootstrap.c: draws with replacement, the normal distribution, and the
 * intervals against their definition; then how often the intervals miss the
 * truth on simulated metrics. Prints a line for each simulation.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "simulation.h"
#include "stats/bootstrap.h"
#include "stats/normal.h"
#include "support.h"

/* ---- draws -----------------------------------------------------------------
 */

static void draws_are_a_function_of_seed_and_replicate(void **state) {
  (void)state;
  enum { N = 50 };
  int64_t first[N], again[N], first_thousand[1000];
  for (uint64_t seed = 0; seed < 5; seed++)
    for (uint64_t replicate = 0; replicate < 5; replicate++) {
      wl_bootstrap_rows(seed, replicate, N, first);
      wl_bootstrap_rows(seed, replicate, N, again);
      assert_memory_equal(first, again, sizeof first);
      wl_bootstrap_rows(seed, replicate + 1, N, again);
      assert_memory_not_equal(first, again, sizeof first);
      wl_bootstrap_rows(seed + 1, replicate, N, again);
      assert_memory_not_equal(first, again, sizeof first);
    }
  /* A certificate's figures depend on them: they may not change. */
  static const int64_t recorded[] = {578, 910, 842, 48};
  wl_bootstrap_rows(7, 3, 1000, first_thousand);
  assert_memory_equal(first_thousand, recorded, sizeof recorded);
}

static void counts_are_those_of_the_rows_drawn(void **state) {
  (void)state;
  for (size_t n = 0; n <= 300; n += 1 + n / 7) {
    int64_t rows[300];
    uint32_t counts[300], expected[300] = {0};
    wl_bootstrap_rows(1, n, n, rows);
    wl_bootstrap_counts(1, n, n, counts);
    for (size_t i = 0; i < n; i++)
      expected[rows[i]]++;
    assert_memory_equal(counts, expected, n * sizeof *counts);
  }
  wl_bootstrap_counts(1, 1, 0, NULL);
  wl_bootstrap_rows(1, 1, 0, NULL);
}

/* Each row as often as any other, in each place: chi-squared, and no row in
 * about (1 - 1/n)^n of the replicates. */
static void every_row_is_drawn_as_often(void **state) {
  (void)state;
  enum { N = 37, REPLICATES = 20000 };
  static uint64_t counts[N][N];
  int64_t rows[N];
  uint64_t n_absent = 0;
  for (uint64_t r = 0; r < REPLICATES; r++) {
    bool is_present = false;
    wl_bootstrap_rows(99, r, N, rows);
    for (int i = 0; i < N; i++) {
      counts[i][rows[i]]++;
      is_present |= rows[i] == 5;
    }
    n_absent += !is_present;
  }
  double chi = 0, mean = (double)REPLICATES / N;
  for (int i = 0; i < N; i++)
    for (int j = 0; j < N; j++)
      chi +=
          ((double)counts[i][j] - mean) * ((double)counts[i][j] - mean) / mean;
  double freedom = N * (N - 1);
  assert_true(fabs(chi - freedom) < 4 * sqrt(2 * freedom));
  double absent = pow(1 - 1.0 / N, N);
  assert_true(fabs((double)n_absent / REPLICATES - absent) <
              noise(absent, REPLICATES));
}

/* ---- the normal distribution -----------------------------------------------
 */

static void normal_tails_equal_erfc(void **state) {
  (void)state;
  for (double x = -37; x <= 9; x += 0.01) {
    double expected = erfc(-x / sqrt(2)) / 2;
    /* The C library's, whose argument is rounded: x^2 eps in the tail. */
    assert_true(fabs(wl_normal_cdf(x) - expected) <=
                (2e-14 + x * x * 4e-16) * expected);
  }
  assert_true(wl_normal_cdf(0) == .5);
  assert_true(wl_normal_cdf((double)INFINITY) == 1);
  assert_true(wl_normal_cdf(-(double)INFINITY) == 0);
  assert_true(isnan(wl_normal_cdf(nan(""))));
}

static void normal_quantiles_invert_the_distribution(void **state) {
  (void)state;
  assert_true(fabs(wl_normal_quantile(.05) + 1.6448536269514722) < 1e-14);
  assert_true(fabs(wl_normal_quantile(.975) - 1.9599639845400545) < 1e-14);
  for (int i = 0; i < 2000; i++) {
    double p = i % 2 ? pow(10, uniform(-300, -.31)) : uniform(0, 1);
    assert_true(fabs(wl_normal_cdf(wl_normal_quantile(p)) - p) <= 1e-11 * p);
  }
  assert_true(wl_normal_quantile(0) == -(double)INFINITY);
  assert_true(wl_normal_quantile(1) == (double)INFINITY);
  assert_true(isnan(wl_normal_quantile(1.1)) && isnan(wl_normal_quantile(-1)));
  assert_true(isnan(wl_normal_quantile(nan(""))));
}

/* ---- intervals -------------------------------------------------------------
 */

static wl_bootstrap interval(const double *replicates, size_t n,
                             double observed, const double *left,
                             size_t n_parts) {
  const wl_bootstrap_values values = {replicates, n, observed, left, n_parts};
  wl_bootstrap out;
  assert_int_equal(wl_bootstrap_interval(&values, .05, &out, NULL), WL_OK);
  return out;
}

static void percentiles_are_the_replicates_at_their_ranks(void **state) {
  (void)state;
  double values[999];
  for (int i = 0; i < 999; i++)
    values[i] = (i * 7919) % 999; /* each number once */
  wl_bootstrap b = interval(values, 999, 0, NULL, 0);
  assert_true(b.lower == 49 && b.upper == 949 && b.has_spread);
  for (int i = 0; i < 999; i++)
    values[i] = i;
  b = interval(values, 19, 0, NULL, 0);
  assert_true(b.lower == 0 && b.upper == 18);
  for (size_t n = 0; n < 19; n++) {
    b = interval(values, n, 0, NULL, 0);
    assert_true(b.lower == -(double)INFINITY && b.upper == (double)INFINITY);
    assert_true(b.has_spread == (n > 1));
  }
}

/* Without bias and skewness, BCa is the percentile interval. */
static void corrections_of_nothing_change_nothing(void **state) {
  (void)state;
  double values[999];
  for (int i = 0; i < 999; i++)
    values[i] = i;
  const double left[] = {1, 2, 3, 4};
  wl_bootstrap plain = interval(values, 999, 499, NULL, 0);
  wl_bootstrap corrected = interval(values, 999, 499, left, 4);
  assert_true(plain.lower == corrected.lower && plain.upper == corrected.upper);
}

/* Efron's formula, with the C library's functions. */
static void corrections_are_those_of_bca(void **state) {
  (void)state;
  double values[9999], left[50];
  for (int trial = 0; trial < 20; trial++) {
    double shift = uniform(-.2, .2), mean = 0, squares = 0, cubes = 0;
    for (int i = 0; i < 9999; i++)
      values[i] = (i + 1) / 10000.0;
    for (int i = 0; i < 50; i++)
      mean += (left[i] = uniform(0, 1) * uniform(0, 1)) / 50;
    for (int i = 0; i < 50; i++) {
      squares += pow(mean - left[i], 2);
      cubes += pow(mean - left[i], 3);
    }
    double observed = .5 + shift, z0 = wl_normal_quantile(observed);
    double a = cubes / (6 * pow(squares, 1.5)), z = 1.6448536269514722;
    double upper = erfc(-(z0 + (z0 + z) / (1 - a * (z0 + z))) / sqrt(2)) / 2;
    double lower = erfc(-(z0 + (z0 - z) / (1 - a * (z0 - z))) / sqrt(2)) / 2;
    wl_bootstrap b = interval(values, 9999, observed, left, 50);
    assert_true(fabs(b.upper - upper) < 3e-4);
    assert_true(fabs(b.lower - lower) < 3e-4);
  }
}

static void unknown_replicates_count_as_the_worst(void **state) {
  (void)state;
  double values[999];
  for (int i = 0; i < 999; i++)
    values[i] = i < 49 ? nan("") : i;
  wl_bootstrap b = interval(values, 999, 0, NULL, 0);
  assert_int_equal(b.n_undefined, 49);
  assert_true(b.upper == 998 && b.lower == 49);
  values[100] = nan("");
  b = interval(values, 999, 0, NULL, 0);
  assert_true(b.upper == (double)INFINITY && b.lower == -(double)INFINITY);
  const double left[] = {1, nan(""), 2}, fine[] = {1, 2, 4};
  for (int i = 0; i < 999; i++)
    values[i] = i;
  b = interval(values, 999, 500, left, 3);
  assert_true(b.upper == (double)INFINITY && b.lower == -(double)INFINITY);
  b = interval(values, 999, nan(""), fine, 3);
  assert_true(b.upper == (double)INFINITY && b.lower == -(double)INFINITY);
}

static void equal_replicates_are_told(void **state) {
  (void)state;
  double values[99] = {0};
  const double left[] = {0, 0, 0};
  for (size_t n_parts = 0; n_parts <= 3; n_parts += 3) {
    wl_bootstrap b = interval(values, 99, 0, left, n_parts);
    assert_true(b.lower == 0 && b.upper == 0 && !b.has_spread);
  }
  /* All on one side of what was observed: as far as they reach, or unknown. */
  wl_bootstrap b = interval(values, 99, 1, left, 3);
  assert_true(b.upper == 0 || b.upper == (double)INFINITY);
}

static void intervals_report_errors_and_failed_allocations(void **state) {
  (void)state;
  double replicates[40];
  for (int i = 0; i < 40; i++)
    replicates[i] = i;
  const wl_bootstrap_values values = {.replicates = replicates,
                                      .n_replicates = 40};
  const double bad[] = {0, 1, -1, (double)NAN};
  wl_bootstrap b;
  wl_error error;
  for (size_t i = 0; i < WL_COUNT_OF(bad); i++) {
    assert_int_equal(wl_bootstrap_interval(&values, bad[i], &b, &error),
                     WL_ERROR_VALUE);
    assert_non_null(strstr(error.message, "confidence"));
    assert_true(b.upper == (double)INFINITY);
  }
  for (long n = 0; n <= 2; n++) {
    calls_left = n;
    assert_int_equal(wl_bootstrap_interval(&values, .05, &b, NULL),
                     n < 2 ? WL_ERROR_MEMORY : WL_OK);
    assert_true(n == 2 || b.upper == (double)INFINITY);
  }
  calls_left = -1;
}

/* ---- simulated metrics -----------------------------------------------------
 */

/* A row: the truth and two models' answers, numbers or 0/1 labels. */
typedef struct row {
  double y, full, cascade;
} row;

typedef struct metric {
  const char *name;
  row (*draw)(void);
  double (*loss)(const row *rows, const int64_t *drawn, size_t n);
  double truth; /* of the loss */
} metric;

static double normal(void) {
  double u = uniform(0x1p-53, 1), v = uniform(0, 1);
  return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

/* One class in ten or in two; the full model is right on 90 %, the cascade
 * answers 6 % of the rows by chance. */
static row draw_labels(double rate) {
  row r = {.y = uniform(0, 1) < rate};
  r.full = uniform(0, 1) < .9 ? r.y : 1 - r.y;
  r.cascade = uniform(0, 1) < .06 ? uniform(0, 1) < rate : r.full;
  return r;
}
static row draw_rare(void) { return draw_labels(.1); }
static row draw_even(void) { return draw_labels(.5); }

/* Heavy tails; the cascade adds an error of 0.7 to every tenth row. */
static row draw_numbers(void) {
  double x = normal() * (uniform(0, 1) < .1 ? 3 : 1);
  row r = {.y = x + normal() / 2, .full = x};
  r.cascade = uniform(0, 1) < .1 ? x + .7 * normal() : x;
  return r;
}

static double accuracy_loss(const row *rows, const int64_t *drawn, size_t n) {
  double loss = 0;
  for (size_t i = 0; i < n; i++) {
    const row *r = &rows[drawn[i]];
    loss += (r->full == r->y) - (r->cascade == r->y);
  }
  return loss / (double)n;
}

static double f1_loss(const row *rows, const int64_t *drawn, size_t n) {
  double both = 0, both_less = 0, all = 0, all_less = 0;
  for (size_t i = 0; i < n; i++) {
    const row *r = &rows[drawn[i]];
    both += r->y * r->full;
    all += r->y + r->full;
    both_less += r->y * r->cascade;
    all_less += r->y + r->cascade;
  }
  return 2 * both / all - 2 * both_less / all_less;
}

static double r2_loss(const row *rows, const int64_t *drawn, size_t n) {
  double sum = 0, squares = 0, worse = 0;
  for (size_t i = 0; i < n; i++) {
    const row *r = &rows[drawn[i]];
    sum += r->y;
    squares += r->y * r->y;
    worse += (r->y - r->cascade) * (r->y - r->cascade) -
             (r->y - r->full) * (r->y - r->full);
  }
  return worse / (squares - sum * sum / (double)n);
}

/* With a the share of positives among the rows answered by chance: of the full
 * model's F1, 2 * .9 a / (a + .9 a + .1 (1 - a)); of the cascade's, 6 % of the
 * true and of the found positives are drawn anew. */
static double true_f1_loss(double a) {
  double found = .9 * a, answered = .9 * a + .1 * (1 - a);
  double found_less = .94 * found + .06 * a * a;
  double answered_less = .94 * answered + .06 * a;
  return 2 * found / (a + answered) - 2 * found_less / (a + answered_less);
}

static double true_accuracy_loss(double a) {
  return .06 * (.9 - a * a - (1 - a) * (1 - a));
}

enum { MAX_ROWS = 1000, REPLICATES = 299, REPEATS = 1000, PARTS = 50 };

typedef struct misses {
  double upper, lower;
} misses;

static double leave_part_out(const metric *m, const row *rows, size_t n,
                             size_t part) {
  int64_t kept[MAX_ROWS];
  size_t n_kept = 0;
  for (size_t i = 0; i < n; i++)
    if (i % PARTS != part)
      kept[n_kept++] = (int64_t)i;
  return m->loss(rows, kept, n_kept);
}

static void simulate(const metric *m, size_t n, misses *percentile,
                     misses *bca) {
  static row rows[MAX_ROWS];
  static int64_t drawn[MAX_ROWS];
  double replicates[REPLICATES], left[PARTS];
  *percentile = *bca = (misses){0, 0};
  restart_random();
  for (uint64_t repeat = 0; repeat < REPEATS; repeat++) {
    for (size_t i = 0; i < n; i++) {
      rows[i] = m->draw();
      drawn[i] = (int64_t)i;
    }
    double observed = m->loss(rows, drawn, n);
    for (uint64_t r = 0; r < REPLICATES; r++) {
      wl_bootstrap_rows(repeat, r, n, drawn);
      replicates[r] = m->loss(rows, drawn, n);
    }
    for (size_t part = 0; part < PARTS; part++)
      left[part] = leave_part_out(m, rows, n, part);
    wl_bootstrap b = interval(replicates, REPLICATES, 0, NULL, 0);
    percentile->upper += (b.upper < m->truth) / (double)REPEATS;
    percentile->lower += (b.lower > m->truth) / (double)REPEATS;
    b = interval(replicates, REPLICATES, observed, left, PARTS);
    bca->upper += (b.upper < m->truth) / (double)REPEATS;
    bca->lower += (b.lower > m->truth) / (double)REPEATS;
  }
}

/* `most`: misses at the upper end of BCa, measured, since nothing is proven. */
static void check(const metric *m, size_t n, double most) {
  misses percentile, bca;
  simulate(m, n, &percentile, &bca);
  print_message("%-16s n=%-4zu above the upper end: percentile %.3f, BCa %.3f; "
                "below the lower: %.3f, %.3f\n",
                m->name, n, percentile.upper, bca.upper, percentile.lower,
                bca.lower);
  assert_true(bca.upper <= most);
  assert_true(bca.upper <= percentile.upper + noise(.05, REPEATS));
}

static void intervals_of_accuracy_miss_about_as_often_as_asked(void **state) {
  (void)state;
  const metric even = {"accuracy", draw_even, accuracy_loss,
                       true_accuracy_loss(.5)};
  check(&even, 200, .1);
  check(&even, 1000, .05 + noise(.05, REPEATS));
}
static void intervals_of_f1_miss_about_as_often_as_asked(void **state) {
  (void)state;
  const metric even = {"F1", draw_even, f1_loss, true_f1_loss(.5)};
  const metric rare = {"F1, a rare class", draw_rare, f1_loss,
                       true_f1_loss(.1)};
  check(&even, 1000, .05 + noise(.05, REPEATS));
  check(&rare, 200, .25);
  check(&rare, 1000, .1);
}
static void intervals_of_r2_miss_about_as_often_as_asked(void **state) {
  (void)state;
  const metric r2 = {"R2", draw_numbers, r2_loss, .1 * .49 / (1.8 + .25)};
  check(&r2, 200, .1);
  check(&r2, 1000, .05 + noise(.05, REPEATS));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(draws_are_a_function_of_seed_and_replicate),
      cmocka_unit_test(counts_are_those_of_the_rows_drawn),
      cmocka_unit_test(every_row_is_drawn_as_often),
      cmocka_unit_test(normal_tails_equal_erfc),
      cmocka_unit_test(normal_quantiles_invert_the_distribution),
      cmocka_unit_test(percentiles_are_the_replicates_at_their_ranks),
      cmocka_unit_test(corrections_of_nothing_change_nothing),
      cmocka_unit_test(corrections_are_those_of_bca),
      cmocka_unit_test(unknown_replicates_count_as_the_worst),
      cmocka_unit_test(equal_replicates_are_told),
      memory_test(intervals_report_errors_and_failed_allocations),
      cmocka_unit_test(intervals_of_accuracy_miss_about_as_often_as_asked),
      cmocka_unit_test(intervals_of_f1_miss_about_as_often_as_asked),
      cmocka_unit_test(intervals_of_r2_miss_about_as_often_as_asked),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
