/*
 * test_curve.c: the trade-off and the reliability of a sample, against a count
 * of each point's and each bin's rows.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "stats/binomial.h"
#include "stats/curve.h"
#include "support.h"

enum { ROWS = 400, POINTS = 20, BINS = 10 };

typedef struct curve {
  double confidence[ROWS];
  int8_t losses[ROWS];
  size_t n;
  wl_curve_point points[POINTS];
  wl_curve_bin bins[BINS];
  size_t n_points, n_bins;
} curve;

static wl_status trace(curve *c) {
  return wl_curve_trace(c->confidence, c->losses, c->n, .05, c->points, POINTS,
                        &c->n_points, c->bins, BINS, &c->n_bins, NULL);
}

/* kinds: different confidences; some are NaN, some infinite. */
static void draw(curve *c, size_t n, size_t kinds) {
  c->n = n;
  for (size_t i = 0; i < n; i++) {
    double value = (double)(random_bits() % kinds) / 8;
    uint64_t odd = random_bits() % 40;
    c->confidence[i] = odd == 0   ? (double)NAN
                       : odd == 1 ? (double)INFINITY
                       : odd == 2 ? -(double)INFINITY
                                  : value;
    c->losses[i] = (int8_t)((int)(random_bits() % 3) - 1);
  }
}

static void check_points(const curve *c) {
  size_t last = 0;
  for (size_t p = 0; p < c->n_points; p++) {
    size_t n = 0, n_wrong = 0;
    for (size_t i = 0; i < c->n; i++)
      if (c->confidence[i] > c->points[p].threshold ||
          (p + 1 == c->n_points && !isnan(c->confidence[i]))) {
        n++;
        n_wrong += c->losses[i] > 0;
      }
    assert_int_equal(c->points[p].n_leaving, n);
    assert_int_equal(c->points[p].n_wrong, n_wrong);
    assert_true(c->points[p].bound ==
                wl_binomial_upper_bound(n_wrong, c->n, .05));
    assert_true(n > last);
    last = n;
  }
}

static void check_bins(const curve *c) {
  size_t n_all = 0, n_counted = 0;
  for (size_t b = 0; b < c->n_bins; b++) {
    const wl_curve_bin *bin = &c->bins[b];
    size_t n = 0, n_wrong = 0;
    for (size_t i = 0; i < c->n; i++)
      if (c->confidence[i] >= bin->low && c->confidence[i] <= bin->high) {
        n++;
        n_wrong += c->losses[i] > 0;
      }
    assert_int_equal(bin->n_rows, n);
    assert_int_equal(bin->n_wrong, n_wrong);
    assert_true(b == 0 || bin->high < c->bins[b - 1].low);
    n_all += n;
  }
  for (size_t i = 0; i < c->n; i++)
    n_counted += isnan(c->confidence[i]) ? 0 : 1;
  assert_int_equal(n_all, n_counted);
}

static void points_and_bins_count_their_rows(void **state) {
  (void)state;
  for (int i = 0; i < 500; i++) {
    curve c;
    draw(&c, random_bits() % ROWS, 1 + random_bits() % 60);
    assert_int_equal(trace(&c), WL_OK);
    check_points(&c);
    check_bins(&c);
  }
}

static void distinct_confidences_give_steps_of_a_size(void **state) {
  (void)state;
  curve c = {.n = ROWS};
  for (size_t i = 0; i < ROWS; i++)
    c.confidence[i] = (double)(i * 37 % ROWS);
  assert_int_equal(trace(&c), WL_OK);
  assert_int_equal(c.n_points, POINTS);
  assert_int_equal(c.n_bins, BINS);
  for (size_t p = 0; p < POINTS; p++)
    assert_int_equal(c.points[p].n_leaving, (p + 1) * ROWS / POINTS);
  for (size_t b = 0; b < BINS; b++)
    assert_int_equal(c.bins[b].n_rows, ROWS / BINS);
  assert_true(c.points[POINTS - 1].threshold == -(double)INFINITY);
}

static void without_rows_there_is_nothing(void **state) {
  (void)state;
  curve c = {.n = 0};
  assert_int_equal(trace(&c), WL_OK);
  assert_int_equal(c.n_points + c.n_bins, 0);
  c.n = 1;
  c.confidence[0] = (double)NAN;
  assert_int_equal(trace(&c), WL_OK);
  assert_int_equal(c.n_points + c.n_bins, 0);
}

static void a_delta_out_of_range_is_an_error(void **state) {
  (void)state;
  static const double deltas[] = {0, 1, -1, (double)NAN};
  curve c = {.n = 3};
  for (size_t i = 0; i < WL_COUNT_OF(deltas); i++)
    assert_int_equal(wl_curve_trace(c.confidence, c.losses, c.n, deltas[i],
                                    c.points, POINTS, &c.n_points, c.bins, BINS,
                                    &c.n_bins, NULL),
                     WL_ERROR_VALUE);
}

static void a_failed_allocation_is_reported(void **state) {
  (void)state;
  curve c = {.n = 3};
  calls_left = 0;
  assert_int_equal(trace(&c), WL_ERROR_MEMORY);
  calls_left = -1;
  assert_int_equal(n_live_blocks, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(points_and_bins_count_their_rows),
      cmocka_unit_test(distinct_confidences_give_steps_of_a_size),
      cmocka_unit_test(without_rows_there_is_nothing),
      cmocka_unit_test(a_delta_out_of_range_is_an_error),
      memory_test(a_failed_allocation_is_reported),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
