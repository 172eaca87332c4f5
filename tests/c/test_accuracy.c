/*
 * test_accuracy.c: the certificate against lost accuracy, rule by rule. How
 * often it fails is in test_accuracy_simulation.c.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "stats/accuracy.h"
#include "stats/agreement.h"
#include "stats/trinomial.h"
#include "support.h"

enum { N = 3000, N_THRESHOLDS = 50 };

typedef struct rows {
  double confidence[N];
  int8_t losses[N];
  double thresholds[N_THRESHOLDS];
} rows;

/* Losses grow more frequent as the confidence falls. */
static rows draw_rows(double rate) {
  rows r;
  for (int i = 0; i < N; i++) {
    r.confidence[i] = uniform(0, 1);
    double u = uniform(0, 1), p = rate * (1 - r.confidence[i]);
    r.losses[i] = u < p ? 1 : u < 1.4 * p ? -1 : 0;
  }
  for (int j = 0; j < N_THRESHOLDS; j++)
    r.thresholds[j] = 1 - (j + 1.0) / N_THRESHOLDS;
  return r;
}

static wl_accuracy certify_by(wl_accuracy_method method, const rows *r,
                              size_t n, double eps) {
  wl_accuracy a;
  assert_int_equal(wl_accuracy_certify_by(method, r->confidence, r->losses,
                                          NULL, n, r->thresholds, N_THRESHOLDS,
                                          eps, .05, &a, NULL),
                   WL_OK);
  return a;
}

static void expect_same(const wl_accuracy *a, const wl_accuracy *b) {
  assert_true(a->eps == b->eps && a->delta == b->delta);
  assert_int_equal(a->method, b->method);
  assert_int_equal(a->n_rows, b->n_rows);
  assert_int_equal(a->n_leaving, b->n_leaving);
  assert_int_equal(a->n_harms, b->n_harms);
  assert_int_equal(a->n_gains, b->n_gains);
  assert_true(a->threshold == b->threshold && a->p_value == b->p_value);
  assert_true(a->share_leaving == b->share_leaving && a->k == b->k);
  assert_int_equal(a->n_passed, b->n_passed);
  assert_int_equal(a->rows_needed, b->rows_needed);
}

static void few_permitted_losses_take_harms_alone(void **state) {
  (void)state;
  assert_true(wl_accuracy_choose(998, .01, .05) == WL_ACCURACY_HARM_ONLY);
  assert_true(wl_accuracy_choose(999, .01, .05) == WL_ACCURACY_TRINOMIAL);
  assert_true(wl_accuracy_choose(999, .01, .001) == WL_ACCURACY_HARM_ONLY);
  assert_true(wl_accuracy_choose(0, .01, .05) == WL_ACCURACY_HARM_ONLY);
  rows r = draw_rows(.1);
  wl_accuracy a;
  for (size_t n = 500; n <= N; n *= 2) {
    assert_int_equal(wl_accuracy_certify(r.confidence, r.losses, NULL, n,
                                         r.thresholds, N_THRESHOLDS, .01, .05,
                                         &a, NULL),
                     WL_OK);
    wl_accuracy same = certify_by(wl_accuracy_choose(n, .01, .05), &r, n, .01);
    expect_same(&a, &same);
  }
}

static void harms_alone_are_agreement_on_harms(void **state) {
  (void)state;
  for (int trial = 0; trial < 20; trial++) {
    rows r = draw_rows(.1);
    uint8_t is_harm[N];
    for (int i = 0; i < N; i++)
      is_harm[i] = r.losses[i] > 0;
    wl_agreement expected;
    assert_int_equal(wl_agreement_certify(r.confidence, is_harm, NULL, N, .01,
                                          .05, &expected, NULL),
                     WL_OK);
    wl_accuracy a = certify_by(WL_ACCURACY_HARM_ONLY, &r, N, .01);
    assert_true(a.threshold == expected.threshold && a.k == expected.k);
    assert_int_equal(a.n_leaving, expected.n_leaving);
    assert_int_equal(a.n_harms, expected.n_wrong);
    assert_true(a.n_harms <= (uint64_t)a.k);
    assert_true(a.share_leaving == expected.share_leaving);
    assert_int_equal(a.rows_needed, 299);
  }
}

/* The definition, threshold by threshold. */
static double passed_in_sequence(const rows *r, double eps, size_t *n_passed) {
  double threshold = (double)INFINITY;
  *n_passed = 0;
  for (int j = 0; j < N_THRESHOLDS; j++) {
    uint64_t n_harms = 0, n_gains = 0;
    for (int i = 0; i < N; i++)
      if (r->confidence[i] > r->thresholds[j]) {
        n_harms += r->losses[i] == 1;
        n_gains += r->losses[i] == -1;
      }
    if (wl_trinomial_p_value(n_harms, n_gains, N, eps, .05) > .05)
      break;
    threshold = r->thresholds[j];
    ++*n_passed;
  }
  return threshold;
}

static void thresholds_pass_up_to_the_first_that_does_not(void **state) {
  (void)state;
  bool has_stopped = false;
  for (int trial = 0; trial < 20; trial++) {
    rows r = draw_rows(trial % 2 ? .1 : .05);
    for (int j = 1; j < N_THRESHOLDS && trial % 3 == 0; j += 2)
      r.thresholds[j] = r.thresholds[j - 1]; /* twice the same */
    size_t n_passed;
    double threshold = passed_in_sequence(&r, .01, &n_passed);
    wl_accuracy a = certify_by(WL_ACCURACY_TRINOMIAL, &r, N, .01);
    assert_true(a.threshold == threshold);
    assert_int_equal(a.n_passed, n_passed);
    assert_true(n_passed == 0 ? a.p_value == 1 : a.p_value <= .05);
    has_stopped |= n_passed > 0 && n_passed < N_THRESHOLDS;
    uint64_t n_leaving = 0;
    for (int i = 0; i < N; i++)
      n_leaving += r.confidence[i] > threshold;
    assert_int_equal(a.n_leaving, n_leaving);
  }
  assert_true(has_stopped);
}

/* A later threshold that would pass does not count. */
static void a_threshold_behind_a_failed_one_is_not_taken(void **state) {
  (void)state;
  rows r = draw_rows(0);
  for (int i = 0; i < N; i++) {
    if (r.confidence[i] > .8 && r.confidence[i] < .9)
      r.losses[i] = i % 2 ? 1 : 0; /* a harm of about 0.05 */
    if (r.confidence[i] > .4 && r.confidence[i] < .6)
      r.losses[i] = -1;
  }
  wl_accuracy a = certify_by(WL_ACCURACY_TRINOMIAL, &r, N, .01);
  assert_true(a.threshold > .8 && a.threshold <= .9);
  wl_accuracy all = {0};
  const double only_last = -(double)INFINITY;
  assert_int_equal(wl_accuracy_certify_by(WL_ACCURACY_TRINOMIAL, r.confidence,
                                          r.losses, NULL, N, &only_last, 1, .01,
                                          .05, &all, NULL),
                   WL_OK);
  assert_true(all.share_leaving == 1);
}

static void rows_without_a_confidence_never_leave(void **state) {
  (void)state;
  rows r = draw_rows(0);
  for (int i = 0; i < N; i += 2) {
    r.confidence[i] = i % 4 ? nan("") : -(double)INFINITY;
    r.losses[i] = 1;
  }
  r.thresholds[N_THRESHOLDS - 1] = -(double)INFINITY;
  for (int method = 0; method < WL_ACCURACY_METHOD_COUNT; method++) {
    wl_accuracy a = certify_by((wl_accuracy_method)method, &r, N, .01);
    assert_int_equal(a.n_rows, N);
    assert_int_equal(a.n_leaving, N / 2);
    assert_int_equal(a.n_harms, 0);
  }
}

static void no_rows_and_no_thresholds_let_nothing_leave(void **state) {
  (void)state;
  wl_accuracy a;
  for (int method = 0; method < WL_ACCURACY_METHOD_COUNT; method++) {
    const double threshold = .5;
    assert_int_equal(wl_accuracy_certify_by((wl_accuracy_method)method, NULL,
                                            NULL, NULL, 0, &threshold, 1, .01,
                                            .05, &a, NULL),
                     WL_OK);
    assert_true(a.threshold == (double)INFINITY && a.share_leaving == 0);
    assert_int_equal(a.rows_needed, 299);
  }
  rows r = draw_rows(0);
  assert_int_equal(wl_accuracy_certify(r.confidence, r.losses, NULL, N, NULL, 0,
                                       .01, .05, &a, NULL),
                   WL_OK);
  assert_true(a.threshold == (double)INFINITY && a.n_leaving == 0);
}

static void rows_needed_is_the_first_sample_that_certifies(void **state) {
  (void)state;
  rows r = draw_rows(0);
  wl_accuracy a;
  for (size_t n = 298; n <= 299; n++) {
    assert_int_equal(wl_accuracy_certify(r.confidence, r.losses, NULL, n,
                                         r.thresholds, N_THRESHOLDS, .01, .05,
                                         &a, NULL),
                     WL_OK);
    assert_int_equal(a.rows_needed, 299);
    assert_true(n < a.rows_needed ? a.n_leaving == 0 : a.n_leaving == n);
  }
}

static void expect_error(double eps, double delta, const double *thresholds,
                         size_t n_thresholds, const char *what) {
  wl_accuracy a;
  wl_error error;
  assert_int_equal(wl_accuracy_certify(NULL, NULL, NULL, 0, thresholds,
                                       n_thresholds, eps, delta, &a, &error),
                   WL_ERROR_VALUE);
  assert_non_null(strstr(error.message, what));
  assert_true(a.threshold == (double)INFINITY);
}

static void rates_and_thresholds_out_of_order_are_errors(void **state) {
  (void)state;
  expect_error(0, .05, NULL, 0, "loss");
  expect_error((double)NAN, .05, NULL, 0, "loss");
  expect_error(.01, 1, NULL, 0, "confidence");
  expect_error(.01, (double)NAN, NULL, 0, "confidence");
  const double rising[] = {.9, .8, .85}, unknown[] = {nan("")};
  expect_error(.01, .05, rising, 3, "threshold 2");
  expect_error(.01, .05, unknown, 1, "threshold 0");
}

/* Each row three times over: only the first copies count. */
static void equal_rows_in_a_group_count_once(void **state) {
  (void)state;
  static rows r;
  r = draw_rows(.1);
  static double confidence[3 * N];
  static int8_t losses[3 * N];
  static uint64_t groups[3 * N];
  for (int i = 0; i < N; i++) {
    confidence[i] = r.confidence[i];
    losses[i] = r.losses[i];
    groups[i] = random_bits();
    for (int copy = 1; copy < 3; copy++) {
      confidence[copy * N + i] = 2;
      losses[copy * N + i] = 1;
      groups[copy * N + i] = groups[i];
    }
  }
  for (int method = 0; method < WL_ACCURACY_METHOD_COUNT; method++) {
    wl_accuracy once = certify_by((wl_accuracy_method)method, &r, N, .01);
    wl_accuracy thrice;
    assert_int_equal(wl_accuracy_certify_by((wl_accuracy_method)method,
                                            confidence, losses, groups, 3 * N,
                                            r.thresholds, N_THRESHOLDS, .01,
                                            .05, &thrice, NULL),
                     WL_OK);
    expect_same(&once, &thrice);
  }
}

static void certificate_reports_every_failed_allocation(void **state) {
  (void)state;
  static rows r;
  r = draw_rows(.1);
  static uint64_t groups[N];
  for (int i = 0; i < N; i++)
    groups[i] = (uint64_t)i;
  for (int method = 0; method < WL_ACCURACY_METHOD_COUNT; method++) {
    wl_status status = WL_ERROR_MEMORY;
    for (long n = 0; status != WL_OK; n++) {
      wl_accuracy a;
      calls_left = n;
      status = wl_accuracy_certify_by((wl_accuracy_method)method, r.confidence,
                                      r.losses, groups, N, r.thresholds,
                                      N_THRESHOLDS, .01, .05, &a, NULL);
      assert_true(status == WL_OK ? n > 2 : status == WL_ERROR_MEMORY);
      assert_true(status == WL_OK || a.threshold == (double)INFINITY);
      assert_int_equal(n_live_blocks, 0);
    }
    calls_left = -1;
  }
}

/* ---- thresholds ------------------------------------------------------------
 */

static void thresholds_let_equal_shares_leave(void **state) {
  (void)state;
  double confidence[1000], thresholds[20];
  for (int i = 0; i < 1000; i++)
    confidence[i] = (i * 7919) % 1000; /* each number once */
  assert_int_equal(
      wl_accuracy_thresholds(confidence, 1000, 20, thresholds, NULL), WL_OK);
  for (int j = 0; j < 20; j++) {
    int n_above = 0;
    for (int i = 0; i < 1000; i++)
      n_above += confidence[i] > thresholds[j];
    assert_int_equal(n_above, 50 * (j + 1));
  }
  assert_true(thresholds[19] == -(double)INFINITY);
}

static void thresholds_of_any_sample_are_accepted(void **state) {
  (void)state;
  double inf = (double)INFINITY, none = nan("");
  const double samples[][6] = {{1, 1, 1, 1, 1, 1},
                               {none, none, none, none, none, none},
                               {none, 2, inf, -inf, 2, none}};
  double thresholds[10];
  wl_accuracy a;
  for (size_t s = 0; s < WL_COUNT_OF(samples); s++)
    for (size_t n = 0; n <= 6; n++) {
      assert_int_equal(
          wl_accuracy_thresholds(samples[s], n, 10, thresholds, NULL), WL_OK);
      assert_true(thresholds[9] == -inf);
      assert_int_equal(wl_accuracy_certify(NULL, NULL, NULL, 0, thresholds, 10,
                                           .01, .05, &a, NULL),
                       WL_OK);
    }
}

static void thresholds_report_a_failed_allocation(void **state) {
  (void)state;
  const double confidence[] = {1, 2};
  double thresholds[3];
  calls_left = 0;
  assert_int_equal(wl_accuracy_thresholds(confidence, 2, 3, thresholds, NULL),
                   WL_ERROR_MEMORY);
  calls_left = -1;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(few_permitted_losses_take_harms_alone),
      cmocka_unit_test(harms_alone_are_agreement_on_harms),
      cmocka_unit_test(thresholds_pass_up_to_the_first_that_does_not),
      cmocka_unit_test(a_threshold_behind_a_failed_one_is_not_taken),
      cmocka_unit_test(rows_without_a_confidence_never_leave),
      cmocka_unit_test(no_rows_and_no_thresholds_let_nothing_leave),
      cmocka_unit_test(rows_needed_is_the_first_sample_that_certifies),
      cmocka_unit_test(rates_and_thresholds_out_of_order_are_errors),
      memory_test(equal_rows_in_a_group_count_once),
      memory_test(certificate_reports_every_failed_allocation),
      cmocka_unit_test(thresholds_let_equal_shares_leave),
      cmocka_unit_test(thresholds_of_any_sample_are_accepted),
      memory_test(thresholds_report_a_failed_allocation),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
