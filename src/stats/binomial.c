/*
 * binomial.c: binomial tails as the probability of one outcome times a sum of
 * ratios. The outcome's probability is Loader's saddle-point form ("Fast and
 * accurate computation of binomial probabilities", 2000): it has no difference
 * of large logarithms, so its relative accuracy does not fall with n. The sum
 * takes O(sqrt(n)) terms, all positive.
 */
#include <math.h>

#include "base/base.h"
#include "base/math.h"
#include "stats/binomial.h"

/* More than the rounding error of a tail for n <= WL_BINOMIAL_MAX_N: at most
 * 3e5 terms, whose mean error is below 3e4 * 3 * 2^-53. */
static const double safety = 1 + 1e-10;

static const double two_pi = 0x1.921fb54442d18p+2;

/* log(n!) less Stirling's log(sqrt(2 pi n) (n / e)^n). */
static double stirling_error(double n) {
  static const double small[] = {
      0,
      0x1.4c071bcda0a5bp-4,
      0x1.52a9b923ea649p-5,
      0x1.c579a268d80b3p-6,
      0x1.54a2662fd78a9p-6,
      0x1.10b4e513fcbedp-6,
      0x1.c6b167bebdf36p-7,
      0x1.85d4d612e4a86p-7,
      0x1.552805e7b3076p-7,
      0x1.2f4871b12ab64p-7,
      0x1.10f9d4c0743a7p-7,
      0x1.f0593088014f8p-8,
      0x1.c7018733aa9c6p-8,
      0x1.a40514700f36cp-8,
      0x1.86076c002d4a7p-8,
      0x1.6c08f6f194a10p-8,
  };
  if (n < (double)WL_COUNT_OF(small))
    return small[(size_t)n];
  double r = 1.0 / (n * n);
  return (1.0 / 12 -
          r * (1.0 / 360 -
               r * (1.0 / 1260 - r * (1.0 / 1680 - r * (1.0 / 1188))))) /
         n;
}

/* x log(x / mean) - (x - mean) >= 0, for x > 0, given the difference
 * x - mean more exactly than the two have it. */
static double deviance(double x, double mean, double difference) {
  double u = difference / mean;
  if (u > 0.3 || u < -0.3)
    return x * wl_log(x / mean) - difference;
  /* (1 + u) log(1 + u) - u = u^2 / 2 - u^3 / 6 + u^4 / 12 - ... */
  double power = u * u, sum = 0;
  for (double j = 2; j < 40; j++) {
    double term = power / (j * (j - 1));
    sum += term;
    if (fabs(term) <= 0x1p-60 * sum)
      break;
    power *= -u;
  }
  return mean * sum;
}

/* P(Bin(n, p) = k) for 0 <= k <= n and 0 < p < 1. */
static double outcome(double k, double n, double p) {
  if (k == 0)
    return wl_exp(n * wl_log1p(-p));
  if (k == n)
    return wl_exp(n * wl_log(p));
  double mean = n * p;
  double mean_tail = fma(n, p, -mean); /* mean + mean_tail = n p exactly */
  double difference = (k - mean) - mean_tail;
  double d = deviance(k, mean, difference) +
             deviance(n - k, (n - mean) - mean_tail, -difference);
  double s = stirling_error(n) - stirling_error(k) - stirling_error(n - k);
  return wl_exp(s - d) * sqrt(n / (two_pi * k * (n - k)));
}

/* P(Bin <= k) by going down from k: for k below the mean. */
static double lower_tail(double k, double n, double p) {
  double odds = (1 - p) / p, term = 1, sum = 1;
  for (double j = k; j > 0 && term > 0x1p-60 * sum; j--) {
    term *= j / (n - j + 1) * odds;
    sum += term;
  }
  return outcome(k, n, p) * sum;
}

/* P(Bin >= k) by going up from k: for k above the mean. */
static double upper_tail(double k, double n, double p) {
  double odds = p / (1 - p), term = 1, sum = 1;
  for (double j = k; j < n && term > 0x1p-60 * sum; j++) {
    term *= (n - j) / (j + 1) * odds;
    sum += term;
  }
  return outcome(k, n, p) * sum;
}

double wl_binomial_cdf(int64_t k, uint64_t n, double p) {
  if (!(p >= 0 && p <= 1) || n > WL_BINOMIAL_MAX_N)
    return (double)NAN;
  if (k < 0)
    return 0;
  if ((uint64_t)k >= n || p == 0)
    return 1;
  if (p == 1)
    return 0;
  double n_ = (double)n, k_ = (double)k;
  double tail =
      k_ < n_ * p ? lower_tail(k_, n_, p) : 1 - upper_tail(k_ + 1, n_, p);
  return tail < 0 ? 0 : tail > 1 ? 1 : tail;
}

double wl_binomial_pmf(int64_t k, uint64_t n, double p) {
  if (!(p >= 0 && p <= 1) || n > WL_BINOMIAL_MAX_N)
    return (double)NAN;
  if (k < 0 || (uint64_t)k > n)
    return 0;
  if (p == 0 || p == 1)
    return (uint64_t)k == (p == 0 ? 0 : n);
  return outcome((double)k, (double)n, p);
}

/* Surely P(Bin(n, p) <= k) <= delta. */
static bool is_unlikely(int64_t k, uint64_t n, double p, double delta) {
  return wl_binomial_cdf(k, n, p) * safety <= delta;
}

int64_t wl_binomial_max_k(uint64_t n, double alpha, double delta) {
  if (!(alpha > 0 && alpha < 1 && delta > 0 && delta < 1) ||
      n > WL_BINOMIAL_MAX_N || !is_unlikely(0, n, alpha, delta))
    return -1;
  /* Halving [low, high): low is always unlikely, high never; the tail at n is
   * 1. It grows with k, and where rounding makes two neighbours' order doubtful
   * they are within the margin, where either answer is safe. */
  int64_t low = 0, high = (int64_t)n;
  while (high - low > 1) {
    int64_t middle = low + (high - low) / 2;
    if (is_unlikely(middle, n, alpha, delta))
      low = middle;
    else
      high = middle;
  }
  return low;
}

double wl_binomial_upper_bound(uint64_t k, uint64_t n, double delta) {
  if (!(delta > 0 && delta < 1) || n > WL_BINOMIAL_MAX_N)
    return (double)NAN;
  if (k >= n)
    return 1;
  /*
   * Newton's method on the logarithm of the tail. The tail is P(B > p) for a B
   * of a Beta(k + 1, n - k) distribution, whose density is log-concave, so the
   * tail is as well (Prekopa): its tangents lie above it, and each step lands
   * at the root or to the right of it. It aims a little below delta, so that
   * rounding does not take it to the left. High is always unlikely, low never;
   * a step that leaves them, or that no double can take, is halved instead.
   */
  double target = delta * (1 - 2e-10);
  double low = (double)k / (double)n, high = 1, p = low;
  for (int i = 0; i < 200 && high - low > 1e-15 * high; i++) {
    double tail = wl_binomial_cdf((int64_t)k, n, p) * safety;
    if (tail <= delta)
      high = p;
    else
      low = p;
    if (tail <= delta && tail >= delta * (1 - 1e-9))
      break;
    double slope = (double)n * wl_binomial_pmf((int64_t)k, n - 1, p);
    double next = p + wl_log(tail / target) * tail / slope;
    p = next > low && next < high ? next : low + (high - low) / 2;
  }
  return high;
}
