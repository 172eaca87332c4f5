/*
 * trinomial.c: the distribution of a sum of losses in {-1, 0, +1}, and the
 * Berger-Boos test (see trinomial.h, which has the proofs).
 */
#include <math.h>
#include <stdbool.h>

#include "base/math.h"
#include "stats/binomial.h"
#include "stats/trinomial.h"

/* More than the rounding errors of a tail (at most 1e6 steps of ten roundings
 * each, and that of the rates on a tail of 1e-18 or more), */
static const double safety = 1 + 1e-8;
/* and more than all that is left out of it. */
static const double left_out = 1e-18;

/*
 * Of N = n - b losses that are not -1, the number A that are +1:
 * at_most = P(A <= k) and next = P(A = k + 1), for k = t + b.
 */
typedef struct plus_tail {
  double rate, odds; /* of +1 among the losses that are not -1 */
  double n, k;
  double at_most, next;
} plus_tail;

static double next_outcome(const plus_tail *a) {
  return wl_binomial_pmf((int64_t)a->k + 1, (uint64_t)a->n, a->rate);
}

/*
 * From b to b + 1: k goes up and n goes down. With one loss less,
 *   P(A_n <= k + 1) = (1 - rate) P(A_{n-1} <= k + 1) + rate P(A_{n-1} <= k),
 * so P(A_{n-1} <= k + 1) = P(A_n <= k + 1) + rate P(A_{n-1} = k + 1): sums of
 * positive terms only, which lose no accuracy.
 */
static void plus_tail_step(plus_tail *a) {
  if (a->k + 1 >= a->n - 1) {
    a->at_most = 1;
    a->next = 0;
  } else {
    double fewer = a->next * ((a->n - a->k - 1) / a->n) / (1 - a->rate);
    a->at_most += a->next + a->rate * fewer;
    a->next = fewer * ((a->n - a->k - 2) / (a->k + 2)) * a->odds;
  }
  a->k++;
  a->n--;
  /* Below the mean it is still to rise: take it anew while it is so small that
   * its digits, or all of it, may have been lost. */
  if (a->next < 1e-280 && a->k + 1 < a->n * a->rate)
    a->next = next_outcome(a);
}

/* The sum over b, the number of -1, of P(b) P(A <= t + b | b). */
static double sum_tail(int64_t t, double n, double p_plus, double p_minus) {
  /* P(b < mean - x) <= exp(-x^2 / (2 mean)) < left_out / 10: from there on. */
  double mean = n * p_minus, b = floor(mean - sqrt(88 * mean));
  if (b < -(double)t) /* below it, A <= t + b < 0 is impossible */
    b = -(double)t;
  if (b < 0)
    b = 0;
  double zeros = 1 - p_plus - p_minus;
  double odds_minus = p_minus / (1 - p_minus);
  double weight = wl_binomial_pmf((int64_t)b, (uint64_t)n, p_minus), sum = 0;
  plus_tail a = {.rate = p_plus / (zeros + p_plus),
                 .odds = p_plus / zeros,
                 .n = n - b,
                 .k = (double)t + b};
  a.at_most = wl_binomial_cdf((int64_t)a.k, (uint64_t)a.n, a.rate);
  a.next = next_outcome(&a);
  for (;; b++) {
    sum += weight * a.at_most;
    double ratio = (n - b) / (b + 1) * odds_minus;
    weight *= ratio;
    /* The ratios fall, so the rest is less than a geometric series. */
    if (ratio < 1 && weight <= left_out / 4 * (1 - ratio))
      return sum;
    plus_tail_step(&a);
  }
}

double wl_trinomial_cdf(int64_t t, uint64_t n, double p_plus, double p_minus) {
  if (!(p_plus >= 0 && p_minus >= 0 &&
        p_plus + p_minus <= WL_TRINOMIAL_MAX_RATE) ||
      n > WL_BINOMIAL_MAX_N)
    return (double)NAN;
  if (t >= (int64_t)n)
    return 1;
  if (t < -(int64_t)n)
    return 0;
  double tail = sum_tail(t, (double)n, p_plus, p_minus) * safety + left_out;
  return tail > 1 ? 1 : tail;
}

/* log of exp(x t) E(exp(-x T)). */
static double log_chernoff(double x, double t, double n, double q, double eps) {
  double up = wl_exp(x), down = wl_exp(-x);
  double mean = (1 - q) + (q - eps) / 2 * up + (q + eps) / 2 * down;
  return x * t + n * wl_log(mean);
}

/* At least P(T <= t) for every discordant rate from eps to q; t below the mean.
 * Any x gives a bound, so a coarse search for a good one is enough. */
static double chernoff_bound(double t, double n, double q, double eps) {
  double low = 0, high = 40;
  for (int i = 0; i < 60; i++) { /* the logarithm is convex in x */
    double third = (high - low) / 3;
    if (log_chernoff(low + third, t, n, q, eps) <
        log_chernoff(high - third, t, n, q, eps))
      high -= third;
    else
      low += third;
  }
  double bound = wl_exp(log_chernoff(low, t, n, q, eps)) * safety;
  return bound > 1 ? 1 : bound;
}

/* The largest P(T <= t) over discordant rates from eps to q_max. */
static double largest_tail(int64_t t, uint64_t n, double eps, double q_max) {
  double t_ = (double)t, n_ = (double)n;
  if (!(t_ + 1 <= (n_ - 1) * eps * (1 - 0x1p-50)))
    return 1;
  double q_monotone = (1 + eps * eps) / 2;
  if (q_monotone > WL_TRINOMIAL_MAX_RATE)
    return chernoff_bound(t_, n_, q_max, eps);
  double q = q_max < q_monotone ? q_max : q_monotone;
  double p_minus = (q - eps) / 2;
  double tail = wl_trinomial_cdf(t, n, p_minus + eps, p_minus);
  if (q_max > q_monotone) {
    double beyond = chernoff_bound(t_, n_, q_max, eps);
    if (beyond > tail)
      return beyond;
  }
  return tail;
}

double wl_trinomial_p_value(uint64_t n_plus, uint64_t n_minus, uint64_t n,
                            double eps, double delta) {
  if (!(eps > 0 && eps < 1 && delta > 0 && delta < 1) ||
      n > WL_BINOMIAL_MAX_N || n_plus > n || n_minus > n - n_plus)
    return (double)NAN;
  if (n == 0)
    return 1;
  double beta = delta / 20;
  double q_max = wl_binomial_upper_bound(n_plus + n_minus, n, beta);
  /* A mean above eps needs a discordant rate above it. */
  double tail = q_max <= eps ? 0
                             : largest_tail((int64_t)n_plus - (int64_t)n_minus,
                                            n, eps, q_max);
  return tail + beta > 1 ? 1 : tail + beta;
}
