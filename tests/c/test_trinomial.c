/*
 * test_trinomial.c: tails of sums of losses in {-1, 0, +1} against exact
 * integers and against plain convolution, the supremum over the nuisance
 * against a fine grid of it, and the test's level against all outcomes of
 * small samples.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "stats/binomial.h"
#include "stats/trinomial.h"
#include "support.h"

/* ---- references ------------------------------------------------------------
 */

__extension__ typedef unsigned __int128 wide;

/* n! / (i! j! (n - i - j)!) a^i b^j c^(n - i - j), where (a + b + c)^n fits. */
static wide outcome_count(unsigned n, unsigned i, unsigned j, unsigned a,
                          unsigned b, unsigned c) {
  wide count = 1;
  for (unsigned l = 1; l <= i; l++)
    count = count * (n - i + l) / l;
  for (unsigned l = 1; l <= j; l++)
    count = count * (n - i - j + l) / l;
  for (unsigned l = 0; l < i; l++)
    count *= a;
  for (unsigned l = 0; l < j; l++)
    count *= b;
  for (unsigned l = 0; l < n - i - j; l++)
    count *= c;
  return count;
}

enum { MAX_EXACT = 24 };

/* tails[n + t] = P(T <= t) (a + b + c)^n for a, b, c parts of +1, -1 and 0. */
static void exact_tails(unsigned n, unsigned a, unsigned b, unsigned c,
                        wide *tails) {
  memset(tails, 0, (2 * n + 1) * sizeof *tails);
  for (unsigned i = 0; i <= n; i++)
    for (unsigned j = 0; i + j <= n; j++)
      tails[n + i - j] += outcome_count(n, i, j, a, b, c);
  for (unsigned t = 1; t <= 2 * n; t++)
    tails[t] += tails[t - 1];
}

static long double to_long_double(wide x) {
  return ldexpl((long double)(uint64_t)(x >> 64), 64) +
         (long double)(uint64_t)x;
}

enum { MAX_N = 1500 };

/* tails[n + t] = P(T <= t), by adding one loss after the other. */
static void convolve(unsigned n, double p_plus, double p_minus, double *tails) {
  static double p[2 * MAX_N + 3];
  memset(p, 0, sizeof p);
  double *middle = p + MAX_N + 1, zero = 1 - p_plus - p_minus;
  if (zero < 0)
    zero = 0;
  middle[0] = 1;
  for (int m = 1; m <= (int)n; m++) {
    double left = 0; /* the value at t - 1 before this loss */
    for (int t = -m; t <= m; t++) {
      double here = middle[t];
      middle[t] = left * p_plus + here * zero + middle[t + 1] * p_minus;
      left = here;
    }
  }
  double sum = 0;
  for (int t = -(int)n; t <= (int)n; t++)
    tails[(int)n + t] = sum += middle[t];
}

/* ---- tails -----------------------------------------------------------------
 */

static void expect_just_above(double got, long double exact) {
  if (!(got >= exact && got <= exact * (1 + 2e-8L) + 2e-18L))
    fail_msg("%.17g is not just above %.17Lg", got, exact);
}

static void tails_are_just_above_exact_counts(void **state) {
  (void)state;
  for (unsigned bits = 2; bits <= 6; bits++)
    for (unsigned n = 1; n <= 120 / bits && n <= MAX_EXACT; n += 1 + n / 8)
      for (int trial = 0; trial < 8; trial++) {
        unsigned all = 1u << bits;
        unsigned rest = 1 + (unsigned)(random_bits() % (all - 1));
        if (rest < all / 8)
          continue;
        unsigned a = (unsigned)(random_bits() % (all - rest + 1));
        unsigned b = all - rest - a;
        wide tails[2 * MAX_EXACT + 1];
        exact_tails(n, a, b, rest, tails);
        for (int t = -(int)n; t < (int)n; t++)
          expect_just_above(
              wl_trinomial_cdf(t, n, ldexp(a, -(int)bits),
                               ldexp(b, -(int)bits)),
              ldexpl(to_long_double(tails[(int)n + t]), -(int)(n * bits)));
      }
}

static void tails_equal_those_of_a_convolution(void **state) {
  (void)state;
  static double tails[2 * MAX_N + 1];
  for (int trial = 0; trial < 40; trial++) {
    unsigned n = 1 + (unsigned)(random_bits() % (trial % 4 ? 200 : MAX_N));
    double q = pow(10, uniform(-4, -0.05)), p_plus = q * uniform(0, 1);
    double p_minus = trial % 5 == 0 ? 0 : q - p_plus;
    convolve(n, p_plus, p_minus, tails);
    for (int t = -(int)n; t <= (int)n; t++) {
      double exact = tails[(int)n + t];
      double got = wl_trinomial_cdf(t, n, p_plus, p_minus);
      if (!(got >= exact * (1 - 1e-12) && got <= exact * (1 + 2e-8) + 1e-17))
        fail_msg("P(T <= %d) of %u at %g, %g: %.17g, not %.17g", t, n, p_plus,
                 p_minus, got, exact);
    }
  }
}

/* Without losses of -1 the sum is binomial; with as many of them, what is not
 * the middle is halved. Also where the tails are far out and underflow. */
static void tails_of_large_samples_keep_their_accuracy(void **state) {
  (void)state;
  static const uint64_t sizes[] = {1000, 100000, 100000000};
  for (size_t i = 0; i < WL_COUNT_OF(sizes); i++) {
    uint64_t n = sizes[i];
    for (int trial = 0; trial < 20; trial++) {
      double p = pow(10, uniform(-3, -0.4));
      int64_t t = (int64_t)((double)n * p +
                            uniform(-7, 3) * sqrt((double)n * p * (1 - p)));
      double exact = wl_binomial_cdf(t, n, p);
      double got = wl_trinomial_cdf(t, n, p, 0);
      assert_true(got >= exact && got <= exact * (1 + 2e-8) + 2e-18);
      double below = wl_trinomial_cdf(-1, n, p, p);
      double up_to = wl_trinomial_cdf(0, n, p, p);
      assert_true(fabs(below + up_to - 1) < 4e-8);
      assert_true(wl_trinomial_cdf(-(int64_t)n / 2, n, p, p) < 3e-18 ||
                  p > 0.35);
    }
  }
}

/* T of (p_plus, p_minus) is distributed like -T of (p_minus, p_plus): also
 * where one rate is a small part of the other. */
static void tails_of_mirrored_rates_add_up_to_1(void **state) {
  (void)state;
  for (int trial = 0; trial < 400; trial++) {
    uint64_t n = (uint64_t)pow(10, uniform(2, 6.5));
    double p = pow(10, uniform(-5, -0.4)), r = pow(10, uniform(-5, -0.4));
    double mean = (double)n * (p - r), width = sqrt((double)n * (p + r));
    int64_t t = (int64_t)(mean + uniform(-7, 7) * width);
    double sum = wl_trinomial_cdf(t, n, p, r);
    sum += wl_trinomial_cdf(-t - 1, n, r, p);
    if (!(sum >= 1 - 1e-10 && sum <= 1 + 4e-8))
      fail_msg("n=%llu t=%lld %g %g: sum %.12g", (unsigned long long)n,
               (long long)t, p, r, sum);
  }
}

static void tails_at_the_ends_are_0_and_1(void **state) {
  (void)state;
  assert_true(wl_trinomial_cdf(0, 0, .1, .1) == 1);
  assert_true(wl_trinomial_cdf(-1, 0, .1, .1) == 0);
  assert_true(wl_trinomial_cdf(10, 10, .1, .1) == 1);
  assert_true(wl_trinomial_cdf(-11, 10, .1, .1) == 0);
  assert_true(fabs(wl_trinomial_cdf(-10, 10, .1, .1) - 1e-10) < 1e-17);
  assert_true(fabs(wl_trinomial_cdf(0, 10, 0, 0) - 1) < 1e-15);
  static const double bad[] = {-.1, .95, (double)NAN, (double)INFINITY};
  for (size_t i = 0; i < WL_COUNT_OF(bad); i++) {
    assert_true(isnan(wl_trinomial_cdf(0, 10, bad[i], .1)));
    assert_true(isnan(wl_trinomial_cdf(0, 10, .1, bad[i])));
  }
  assert_true(isnan(wl_trinomial_cdf(0, WL_BINOMIAL_MAX_N + 1, .1, .1)));
}

/* ---- the supremum ----------------------------------------------------------
 */

/* In exact integers: for every n, eps and t of the proof, the tail does not
 * fall as both rates grow by the same part. */
static void exact_tails_rise_with_the_discordant_rate(void **state) {
  (void)state;
  enum { BITS = 5, ALL = 1 << BITS };
  size_t n_compared = 0;
  for (unsigned n = 2; n <= MAX_EXACT; n += 1 + n / 6)
    for (unsigned e = 1; e < ALL; e++) {
      wide before[2 * MAX_EXACT + 1] = {0}, tails[2 * MAX_EXACT + 1];
      /* q = (e + 2 j) / ALL <= (1 + (e / ALL)^2) / 2 */
      for (unsigned j = 0; 2 * ALL * (e + 2 * j) <= ALL * ALL + e * e; j++) {
        exact_tails(n, e + j, j, ALL - e - 2 * j, tails);
        for (int t = -(int)n; (t + 1) * ALL <= (int)(n - 1) * (int)e; t++) {
          assert_true(tails[(int)n + t] >= before[(int)n + t]);
          n_compared++;
        }
        memcpy(before, tails, sizeof before);
      }
    }
  assert_true(n_compared > 10000);
}

/* On a grid of 2,000 rates, also beyond one half. */
static void p_value_is_above_the_tail_at_every_rate(void **state) {
  (void)state;
  static double tails[2 * MAX_N + 1];
  for (int trial = 0; trial < 30; trial++) {
    unsigned n = 5 + (unsigned)(random_bits() % 60);
    double eps = pow(10, uniform(-2, -0.2)), delta = pow(10, uniform(-2, -.5));
    unsigned n_plus = (unsigned)(random_bits() % (n / 2));
    unsigned n_minus = (unsigned)(random_bits() % (n - n_plus));
    double p = wl_trinomial_p_value(n_plus, n_minus, n, eps, delta);
    double q_max = wl_binomial_upper_bound(n_plus + n_minus, n, delta / 20);
    double largest = 0;
    for (int i = 0; i <= 2000; i++) {
      double q = eps + (q_max - eps) * i / 2000;
      if (q < eps || q > 1)
        continue;
      convolve(n, (q + eps) / 2, (q - eps) / 2, tails);
      largest = fmax(largest, tails[(int)n + (int)n_plus - (int)n_minus]);
    }
    assert_true(p >= fmin(1, (delta / 20 + largest) * (1 - 1e-12)));
    /* And it is that, where the proof gives the place of the supremum. */
    if (q_max <= (1 + eps * eps) / 2 && p < 1)
      assert_true(p <= (delta / 20 + largest) * (1 + 1e-6));
  }
}

static void p_value_rises_with_harms_and_falls_with_gains(void **state) {
  (void)state;
  for (int trial = 0; trial < 200; trial++) {
    uint64_t n = 100 + random_bits() % 20000;
    double eps = pow(10, uniform(-3, -1));
    uint64_t n_plus = random_bits() % (n / 20),
             n_minus = random_bits() % (n / 20);
    double p = wl_trinomial_p_value(n_plus, n_minus, n, eps, .05);
    assert_true(p >= .0025 && p <= 1);
    assert_true(wl_trinomial_p_value(n_plus + 1, n_minus, n, eps, .05) >= p);
    assert_true(wl_trinomial_p_value(n_plus, n_minus, n, eps * 1.1, .05) <= p);
  }
}

/* ---- the level -------------------------------------------------------------
 */

enum { MAX_SMALL = 26 };
typedef struct decisions {
  unsigned n;
  bool rejects[MAX_SMALL + 1][MAX_SMALL + 1]; /* by the counts of +1 and -1 */
} decisions;

static void decide(decisions *d, unsigned n, double eps, double delta) {
  d->n = n;
  for (unsigned i = 0; i <= n; i++)
    for (unsigned j = 0; i + j <= n; j++)
      d->rejects[i][j] = wl_trinomial_p_value(i, j, n, eps, delta) <= delta;
}

/* The probability, over all outcomes, that these rates are rejected. */
static double rejection_rate(const decisions *d, double p_plus,
                             double p_minus) {
  double rate = 0;
  for (unsigned i = 0; i <= d->n; i++)
    for (unsigned j = 0; i + j <= d->n; j++)
      if (d->rejects[i][j])
        rate += wl_binomial_pmf(i, d->n, p_plus) *
                wl_binomial_pmf(j, d->n - i, p_minus / (1 - p_plus));
  return rate;
}

static void level_holds_over_all_outcomes_of_small_samples(void **state) {
  (void)state;
  static const double deltas[] = {.01, .05, .2, .5};
  static decisions d;
  double largest = 0;
  for (unsigned n = 2; n <= MAX_SMALL; n += 4)
    for (size_t l = 0; l < WL_COUNT_OF(deltas); l++)
      for (double eps = .05; eps < .7; eps += .15) {
        decide(&d, n, eps, deltas[l]);
        for (double mean = eps; mean < .9; mean += .1)
          for (double q = mean; q <= 1; q += .1) {
            double rate = rejection_rate(&d, (q + mean) / 2, (q - mean) / 2);
            assert_true(rate <= deltas[l] * (1 + 1e-9));
            largest = fmax(largest, rate / deltas[l]);
          }
      }
  print_message("largest share of delta used: %.3f\n", largest);
  assert_true(largest > .5);
}

static void no_losses_are_enough_where_they_bound_the_rate(void **state) {
  (void)state;
  /* (1 - 0.01)^n <= 0.0025 first holds at n = 597. */
  assert_true(wl_trinomial_p_value(0, 0, 597, .01, .05) == .05 / 20);
  assert_true(wl_trinomial_p_value(0, 0, 299, .01, .05) > .05);
}

static void p_value_refuses_what_is_no_sample(void **state) {
  (void)state;
  assert_true(wl_trinomial_p_value(0, 0, 0, .01, .05) == 1);
  assert_true(isnan(wl_trinomial_p_value(6, 5, 10, .01, .05)));
  assert_true(isnan(wl_trinomial_p_value(UINT64_MAX, 2, 10, .01, .05)));
  assert_true(isnan(wl_trinomial_p_value(0, 0, UINT64_MAX, .01, .05)));
  static const double bad[] = {0, 1, -.1, (double)NAN};
  for (size_t i = 0; i < WL_COUNT_OF(bad); i++) {
    assert_true(isnan(wl_trinomial_p_value(0, 0, 10, bad[i], .05)));
    assert_true(isnan(wl_trinomial_p_value(0, 0, 10, .01, bad[i])));
  }
  assert_true(wl_trinomial_p_value(0, 100, 100, .95, .05) <= .05);
  assert_true(wl_trinomial_p_value(100, 0, 100, .5, .05) == 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(tails_are_just_above_exact_counts),
      cmocka_unit_test(tails_equal_those_of_a_convolution),
      cmocka_unit_test(tails_of_large_samples_keep_their_accuracy),
      cmocka_unit_test(tails_of_mirrored_rates_add_up_to_1),
      cmocka_unit_test(tails_at_the_ends_are_0_and_1),
      cmocka_unit_test(exact_tails_rise_with_the_discordant_rate),
      cmocka_unit_test(p_value_is_above_the_tail_at_every_rate),
      cmocka_unit_test(p_value_rises_with_harms_and_falls_with_gains),
      cmocka_unit_test(level_holds_over_all_outcomes_of_small_samples),
      cmocka_unit_test(no_losses_are_enough_where_they_bound_the_rate),
      cmocka_unit_test(p_value_refuses_what_is_no_sample),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
