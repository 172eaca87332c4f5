/*
 * test_stats.c: binomial tails against exact integers, and the certificates
 * against simulated populations whose true risk is known: how often a bound
 * fails, and how much of the best possible gain it keeps.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "simulation.h"
#include "stats/agreement.h"
#include "stats/binomial.h"
#include "support.h"

/* ---- binomial tails -------------------------------------------------------
 */

__extension__ typedef unsigned __int128 wide;

/* C(n, i) a^i b^(n - i), for a + b = 2^bits and n * bits <= 120. */
static wide outcome_count(unsigned n, unsigned i, unsigned a, unsigned b) {
  wide count = 1;
  for (unsigned j = 1; j <= i; j++)
    count = count * (n - i + j) / j;
  for (unsigned j = 0; j < i; j++)
    count *= a;
  for (unsigned j = 0; j < n - i; j++)
    count *= b;
  return count;
}

static long double to_long_double(wide x) {
  return ldexpl((long double)(uint64_t)(x >> 64), 64) +
         (long double)(uint64_t)x;
}

static void tails_equal_exact_counts(void **state) {
  (void)state;
  for (unsigned bits = 1; bits <= 5; bits++)
    for (unsigned n = 1; n <= 110 / bits && n <= 60; n++)
      for (unsigned a = 1; a < 1u << bits; a += 2) {
        wide sum = 0;
        for (unsigned k = 0; k <= n; k++) {
          sum += outcome_count(n, k, a, (1u << bits) - a);
          long double exact = ldexpl(to_long_double(sum), -(int)(n * bits));
          double p = ldexp(a, -(int)bits);
          double got = wl_binomial_cdf(k, n, p);
          if (fabsl(got - exact) > 2e-13L * exact)
            fail_msg("P(Bin(%u, %g) <= %u) = %.17g, not %.17Lg", n, p, k, got,
                     exact);
        }
      }
}

/* Recorded from a 50-digit evaluation of the same sums. */
static void tails_of_large_samples_keep_their_accuracy(void **state) {
  (void)state;
  static const struct {
    int64_t k;
    uint64_t n;
    double p, cdf;
  } cases[] = {
      {3, 1000, 0.01, 0.010072654772014378},
      {440, 500, 0.9, 0.08098716222703238},
      {4893, 100000, 0.05, 0.060772209832435767},
      {0, 1000000, 1e-05, 4.5397659807612991e-05},
      {9950, 1000000, 0.01, 0.30985623944029472},
      {499931, 10000000, 0.05, 0.46049976212971999},
      {4999, 10000000, 0.0005, 0.49811795510421136},
      {99479, 100000000, 0.001, 0.049707876235099299},
      {4991282, 100000000, 0.05, 3.1551490556845487e-05},
      {1, 100000000, 1e-07, 0.00049939902308767726},
      {15, 100000000, 1e-06, 3.3399554592182805e-26},
  };
  for (size_t i = 0; i < WL_COUNT_OF(cases); i++) {
    double got = wl_binomial_cdf(cases[i].k, cases[i].n, cases[i].p);
    if (!(fabs(got - cases[i].cdf) <= 1e-12 * cases[i].cdf))
      fail_msg("case %zu: %.17g, not %.17g", i, got, cases[i].cdf);
  }
}

static void tails_at_the_ends_are_0_and_1(void **state) {
  (void)state;
  assert_true(wl_binomial_cdf(-1, 10, 0.5) == 0);
  assert_true(wl_binomial_cdf(10, 10, 0.5) == 1);
  assert_true(wl_binomial_cdf(0, 0, 0.5) == 1);
  assert_true(wl_binomial_cdf(3, 10, 0) == 1);
  assert_true(wl_binomial_cdf(3, 10, 1) == 0);
  assert_true(wl_binomial_cdf(0, WL_BINOMIAL_MAX_N, 0.5) == 0);
  assert_true(isnan(wl_binomial_cdf(3, 10, nan(""))));
  assert_true(isnan(wl_binomial_cdf(3, 10, -0.1)));
  assert_true(isnan(wl_binomial_cdf(3, 10, 1.1)));
  assert_true(isnan(wl_binomial_cdf(3, WL_BINOMIAL_MAX_N + 1, 0.5)));
}

/* With the tail as an exact fraction: tail(k) <= delta < tail(k + 1). */
static void max_k_is_exact(void **state) {
  (void)state;
  for (unsigned n = 1; n <= 36; n++)
    for (unsigned a = 1; a < 8; a++)
      for (unsigned d = 1; d < 1024; d += 2) {
        wide limit = (wide)d << (3 * n);
        wide sum = 0;
        int64_t expected = -1;
        for (unsigned k = 0; k < n; k++) {
          sum += outcome_count(n, k, a, 8 - a) << 10;
          /* A tail equal to delta counts as above it. */
          if (sum < limit)
            expected = k;
        }
        assert_int_equal(wl_binomial_max_k(n, a / 8.0, d / 1024.0), expected);
      }
}

static void max_k_never_permits_a_larger_tail_and_is_the_largest(void **state) {
  (void)state;
  for (int i = 0; i < 2000; i++) {
    uint64_t n = 1 + random_bits() % (i % 2 ? 200 : 200000);
    double alpha = pow(10, uniform(-4, -0.01));
    double delta = pow(10, uniform(-6, -0.01));
    int64_t k = wl_binomial_max_k(n, alpha, delta);
    assert_true(wl_binomial_cdf(k, n, alpha) <= delta);
    assert_true(wl_binomial_cdf(k + 1, n, alpha) > delta * (1 - 1e-9));
  }
}

static void max_k_refuses_what_is_no_rate(void **state) {
  (void)state;
  static const double bad[] = {0, 1, -0.1, 1.5, (double)NAN};
  for (size_t i = 0; i < WL_COUNT_OF(bad); i++) {
    assert_int_equal(wl_binomial_max_k(1000, bad[i], 0.05), -1);
    assert_int_equal(wl_binomial_max_k(1000, 0.05, bad[i]), -1);
    assert_true(wl_agreement_rows_needed(bad[i], 0.05) == UINT64_MAX);
    assert_true(wl_agreement_rows_needed(0.05, bad[i]) == UINT64_MAX);
  }
  assert_int_equal(wl_binomial_max_k(0, 0.05, 0.05), -1);
  assert_int_equal(wl_binomial_max_k(WL_BINOMIAL_MAX_N + 1, 0.05, 0.05), -1);
}

static void rows_needed_is_the_first_sample_that_certifies(void **state) {
  (void)state;
  assert_int_equal(wl_agreement_rows_needed(0.001, 0.05), 2995);
  assert_int_equal(wl_agreement_rows_needed(0.005, 0.05), 598);
  assert_int_equal(wl_agreement_rows_needed(0.01, 0.05), 299);
  assert_int_equal(wl_agreement_rows_needed(0.9, 0.5), 1);
  assert_true(wl_agreement_rows_needed(1e-12, 0.05) == UINT64_MAX);
  for (int i = 0; i < 300; i++) {
    double alpha = pow(10, uniform(-6, -0.01));
    double delta = pow(10, uniform(-6, -0.01));
    uint64_t n = wl_agreement_rows_needed(alpha, delta);
    assert_true(wl_binomial_max_k(n, alpha, delta) >= 0);
    assert_int_equal(wl_binomial_max_k(n - 1, alpha, delta), -1);
  }
}

static void upper_bound_is_where_the_tail_is_delta(void **state) {
  (void)state;
  assert_true(fabs(wl_binomial_upper_bound(0, 100, 0.05) -
                   (1 - pow(0.05, 1 / 100.0))) < 1e-11);
  assert_true(wl_binomial_upper_bound(100, 100, 0.05) == 1);
  assert_true(wl_binomial_upper_bound(0, 0, 0.05) == 1);
  assert_true(isnan(wl_binomial_upper_bound(1, 100, 1.5)));
  for (int i = 0; i < 300; i++) {
    uint64_t n = 1 + random_bits() % 100000, k = random_bits() % n;
    double p = wl_binomial_upper_bound(k, n, 0.05);
    double tail = wl_binomial_cdf((int64_t)k, n, p);
    assert_true(tail <= 0.05 && tail > 0.05 * (1 - 1e-8));
  }
}

/* ---- the agreement certificate --------------------------------------------
 */

enum { N_SMALL = 10 };
static const double small_confidence[N_SMALL] = {.9, .8, .7, .6, .5,
                                                 .4, .3, .2, .1, .0};

static void threshold_is_the_next_largest_disagreement(void **state) {
  (void)state;
  const uint8_t differs[N_SMALL] = {0, 1, 0, 1, 0, 0, 2, 0, 0, 1};
  static const double thresholds[] = {.8, .6, .3, .0};
  static const uint64_t leaving[] = {1, 3, 6, 9};
  wl_agreement a;
  for (int k = 0; k < 4; k++) {
    assert_int_equal(wl_agreement_at_k(small_confidence, differs, NULL, N_SMALL,
                                       k, &a, NULL),
                     WL_OK);
    assert_true(a.threshold == thresholds[k]);
    assert_int_equal(a.n_leaving, leaving[k]);
    assert_int_equal(a.n_wrong, k);
    assert_int_equal(a.n_disagreements, 4);
    assert_true(a.share_leaving == (double)leaving[k] / N_SMALL);
  }
}

static void all_leave_when_disagreements_are_fewer_than_allowed(void **state) {
  (void)state;
  const uint8_t differs[N_SMALL] = {0, 1, 0, 1};
  wl_agreement a;
  for (int k = 2; k < 5; k++) {
    assert_int_equal(wl_agreement_at_k(small_confidence, differs, NULL, N_SMALL,
                                       k, &a, NULL),
                     WL_OK);
    assert_true(a.threshold == -(double)INFINITY);
    assert_int_equal(a.n_leaving, N_SMALL);
    assert_int_equal(a.n_wrong, 2);
  }
}

static void rows_tied_with_the_threshold_stay(void **state) {
  (void)state;
  const double confidence[] = {.9, .5, .5, .5, .5, .1};
  const uint8_t differs[] = {0, 1, 0, 1, 0, 0};
  wl_agreement a;
  assert_int_equal(wl_agreement_at_k(confidence, differs, NULL, 6, 0, &a, NULL),
                   WL_OK);
  assert_true(a.threshold == .5 && a.n_leaving == 1 && a.n_wrong == 0);
  assert_int_equal(wl_agreement_at_k(confidence, differs, NULL, 6, 1, &a, NULL),
                   WL_OK);
  assert_true(a.threshold == .5 && a.n_leaving == 1 && a.n_wrong == 0);
}

static void rows_without_a_confidence_never_leave(void **state) {
  (void)state;
  double inf = (double)INFINITY, none = nan("");
  const double confidence[] = {none, -inf, .2, none, .3, inf};
  const uint8_t differs[] = {1, 1, 0, 0, 0, 0};
  wl_agreement a;
  assert_int_equal(wl_agreement_at_k(confidence, differs, NULL, 6, 0, &a, NULL),
                   WL_OK);
  assert_true(a.threshold == -inf);
  assert_int_equal(a.n_rows, 6);
  assert_int_equal(a.n_leaving, 3);
  assert_int_equal(a.n_wrong, 0);
  const uint8_t sure_and_wrong[] = {0, 0, 0, 0, 0, 1};
  assert_int_equal(
      wl_agreement_at_k(confidence, sure_and_wrong, NULL, 6, 0, &a, NULL),
      WL_OK);
  assert_true(a.threshold == inf);
  assert_int_equal(a.n_leaving, 0);
}

static void too_few_rows_are_refused_with_the_number_needed(void **state) {
  (void)state;
  static double confidence[299];
  static uint8_t differs[299];
  for (int i = 0; i < 299; i++)
    confidence[i] = i;
  wl_agreement a;
  assert_int_equal(wl_agreement_certify(confidence, differs, NULL, 298, 0.01,
                                        0.05, &a, NULL),
                   WL_OK);
  assert_int_equal(a.k, -1);
  assert_true(a.threshold == (double)INFINITY && a.share_leaving == 0);
  assert_int_equal(a.rows_needed, 299);
  assert_int_equal(wl_agreement_certify(confidence, differs, NULL, 299, 0.01,
                                        0.05, &a, NULL),
                   WL_OK);
  assert_int_equal(a.k, 0);
  assert_true(a.share_leaving == 1);
  assert_int_equal(
      wl_agreement_certify(NULL, NULL, NULL, 0, 0.01, 0.05, &a, NULL), WL_OK);
  assert_int_equal(a.k, -1);
}

static void rates_outside_0_and_1_are_errors(void **state) {
  (void)state;
  wl_agreement a;
  wl_error error;
  assert_int_equal(
      wl_agreement_certify(NULL, NULL, NULL, 0, 1.0, 0.05, &a, &error),
      WL_ERROR_VALUE);
  assert_non_null(strstr(error.message, "disagreement"));
  assert_true(a.threshold == (double)INFINITY);
  assert_int_equal(
      wl_agreement_certify(NULL, NULL, NULL, 0, 0.01, (double)NAN, &a, &error),
      WL_ERROR_VALUE);
  assert_non_null(strstr(error.message, "confidence"));
}

/* Each row three times over, shuffled ids: only the first copies count. */
static void equal_rows_in_a_group_count_once(void **state) {
  (void)state;
  enum { N = 500 };
  double confidence[3 * N];
  uint8_t differs[3 * N];
  uint64_t groups[3 * N];
  for (int i = 0; i < N; i++) {
    confidence[i] = uniform(0, 1);
    differs[i] = uniform(0, 1) < 0.1;
    groups[i] = random_bits();
    for (int copy = 1; copy < 3; copy++) {
      confidence[copy * N + i] = 2; /* ignored, whatever they hold */
      differs[copy * N + i] = 1;
      groups[copy * N + i] = groups[i];
    }
  }
  wl_agreement once, thrice;
  assert_int_equal(wl_agreement_certify(confidence, differs, NULL, N, 0.02,
                                        0.05, &once, NULL),
                   WL_OK);
  assert_int_equal(wl_agreement_certify(confidence, differs, groups, 3 * N,
                                        0.02, 0.05, &thrice, NULL),
                   WL_OK);
  assert_memory_equal(&once, &thrice, sizeof once);
}

static void certificate_reports_every_failed_allocation(void **state) {
  (void)state;
  enum { N = 400 };
  double confidence[N];
  uint8_t differs[N];
  uint64_t groups[N];
  for (int i = 0; i < N; i++) {
    confidence[i] = uniform(0, 1);
    differs[i] = 1;
    groups[i] = (uint64_t)i;
  }
  wl_status status = WL_ERROR_MEMORY;
  for (long n = 0; status != WL_OK; n++) {
    wl_agreement a;
    calls_left = n;
    status = wl_agreement_certify(confidence, differs, groups, N, .01, .05, &a,
                                  NULL);
    assert_true(status == WL_OK ? n > 2 : status == WL_ERROR_MEMORY);
    assert_true(status == WL_OK || a.threshold == (double)INFINITY);
    assert_int_equal(n_live_blocks, 0);
  }
  calls_left = -1;
}

/* ---- simulated populations ------------------------------------------------
 */

/*
 * Confidences are uniform on [0, 1], rounded down to a grid of `n_levels`
 * (0: not at all); a row of confidence u before rounding disagrees with
 * probability rate * (1 - u)^power.
 */
typedef struct population {
  double rate;
  int power, n_levels;
} population;

/* P(confidence > t and differs). */
static double true_risk(const population *p, double t) {
  if (t < 0)
    t = 0;
  else if (p->n_levels != 0) /* the rows above t start at the next level */
    t = (floor(t * p->n_levels + 0.5) + 1) / p->n_levels;
  if (t >= 1)
    return 0;
  return p->rate * pow(1 - t, p->power + 1) / (p->power + 1);
}

/* The largest share that may leave at a risk of alpha. */
static double oracle_share(const population *p, double alpha) {
  double share = pow(alpha * (p->power + 1) / p->rate, 1.0 / (p->power + 1));
  if (share > 1)
    return 1;
  return p->n_levels == 0 ? share : floor(share * p->n_levels) / p->n_levels;
}

static double true_share(const population *p, double t) {
  if (t < 0)
    return 1;
  if (t > 1)
    return 0;
  return p->n_levels == 0
             ? 1 - t
             : 1 - (floor(t * p->n_levels + 0.5) + 1) / p->n_levels;
}

typedef struct outcome {
  double failure_rate, share_of_oracle;
} outcome;

enum { MAX_ROWS = 10000 };

static outcome simulate(const population *p, size_t n, double alpha,
                        double delta, int n_repeats) {
  static double confidence[MAX_ROWS];
  static uint8_t differs[MAX_ROWS];
  restart_random();
  int n_failures = 0;
  double share = 0;
  for (int repeat = 0; repeat < n_repeats; repeat++) {
    for (size_t i = 0; i < n; i++) {
      double u = uniform(0, 1);
      differs[i] = uniform(0, 1) < p->rate * pow(1 - u, p->power);
      confidence[i] = p->n_levels ? floor(u * p->n_levels) / p->n_levels : u;
    }
    wl_agreement a;
    assert_int_equal(wl_agreement_certify(confidence, differs, NULL, n, alpha,
                                          delta, &a, NULL),
                     WL_OK);
    assert_true(a.n_wrong <= (uint64_t)(a.k < 0 ? 0 : a.k));
    n_failures += true_risk(p, a.threshold) > alpha * (1 + 1e-12);
    share += true_share(p, a.threshold);
  }
  return (outcome){(double)n_failures / n_repeats,
                   share / n_repeats / oracle_share(p, alpha)};
}

/* `floor_share`: the part of the oracle's early answers that must be kept. */
static void check(population p, size_t n, double alpha, double floor_share) {
  enum { REPEATS = 2000 };
  const double delta = 0.05;
  outcome o = simulate(&p, n, alpha, delta, REPEATS);
  print_message("power %d%s, n=%zu alpha=%g: failures %.3f, share %.3f\n",
                p.power, p.n_levels != 0 ? ", tied" : "", n, alpha,
                o.failure_rate, o.share_of_oracle);
  assert_true(o.failure_rate <= delta + noise(delta, REPEATS));
  assert_true(o.share_of_oracle >= floor_share);
  if (p.n_levels == 0) {
    /* No looser than the discreteness of k forces it to be. */
    double exact =
        wl_binomial_cdf(wl_binomial_max_k(n, alpha, delta), n, alpha);
    assert_true(o.failure_rate >= exact - noise(exact, REPEATS));
  }
}

/* Disagreements fade slowly (power 2) or fast (power 8, like the confidences
 * of linear text models). */
static void agreement_holds_and_keeps_the_gain_at_500_rows(void **state) {
  (void)state;
  check((population){.3, 2, 0}, 500, 0.01, 0.68);
  check((population){.3, 8, 0}, 500, 0.01, 0.87);
}
static void agreement_holds_and_keeps_the_gain_at_2000_rows(void **state) {
  (void)state;
  check((population){.3, 2, 0}, 2000, 0.005, 0.76);
  check((population){.3, 2, 0}, 2000, 0.01, 0.85);
  check((population){.3, 8, 0}, 2000, 0.01, 0.94);
}
static void agreement_holds_and_keeps_the_gain_at_5000_rows(void **state) {
  (void)state;
  check((population){.3, 2, 0}, 5000, 0.01, 0.9);
  check((population){.3, 8, 0}, 5000, 0.01, 0.93);
}
static void agreement_holds_and_keeps_the_gain_at_10000_rows(void **state) {
  (void)state;
  check((population){.3, 2, 0}, 10000, 0.001, 0.75);
  check((population){.3, 2, 0}, 10000, 0.01, 0.93);
}
/* The least that a certificate can keep: a confidence that says nothing. */
static void agreement_holds_for_a_useless_confidence(void **state) {
  (void)state;
  check((population){.1, 0, 0}, 2000, 0.01, 0.63);
}
static void agreement_holds_at_the_smallest_sample(void **state) {
  (void)state;
  check((population){.3, 2, 0}, 299, 0.01, 0.59);
}
static void agreement_holds_for_tied_confidences(void **state) {
  (void)state;
  check((population){.3, 2, 20}, 2000, 0.01, 0.81);
  check((population){.3, 2, 7}, 500, 0.02, 0.65);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(tails_equal_exact_counts),
      cmocka_unit_test(tails_of_large_samples_keep_their_accuracy),
      cmocka_unit_test(tails_at_the_ends_are_0_and_1),
      cmocka_unit_test(max_k_is_exact),
      cmocka_unit_test(max_k_never_permits_a_larger_tail_and_is_the_largest),
      cmocka_unit_test(max_k_refuses_what_is_no_rate),
      cmocka_unit_test(rows_needed_is_the_first_sample_that_certifies),
      cmocka_unit_test(upper_bound_is_where_the_tail_is_delta),
      cmocka_unit_test(threshold_is_the_next_largest_disagreement),
      cmocka_unit_test(all_leave_when_disagreements_are_fewer_than_allowed),
      cmocka_unit_test(rows_tied_with_the_threshold_stay),
      cmocka_unit_test(rows_without_a_confidence_never_leave),
      cmocka_unit_test(too_few_rows_are_refused_with_the_number_needed),
      cmocka_unit_test(rates_outside_0_and_1_are_errors),
      memory_test(equal_rows_in_a_group_count_once),
      memory_test(certificate_reports_every_failed_allocation),
      cmocka_unit_test(agreement_holds_and_keeps_the_gain_at_500_rows),
      cmocka_unit_test(agreement_holds_and_keeps_the_gain_at_2000_rows),
      cmocka_unit_test(agreement_holds_and_keeps_the_gain_at_5000_rows),
      cmocka_unit_test(agreement_holds_and_keeps_the_gain_at_10000_rows),
      cmocka_unit_test(agreement_holds_for_a_useless_confidence),
      cmocka_unit_test(agreement_holds_at_the_smallest_sample),
      cmocka_unit_test(agreement_holds_for_tied_confidences),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
