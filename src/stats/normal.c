/* normal.c: the normal distribution by its series near 0 and its continued
 * fraction in the tails (Abramowitz, Stegun, 26.2.11 and 26.2.14). */
#include <math.h>

#include "base/math.h"
#include "stats/normal.h"

static double density(double x) {
  return wl_exp(-x * x / 2) * 0x1.9884533d43651p-2; /* 1 / sqrt(2 pi) */
}

/* P(Z > x) for x >= 0. */
static double upper_tail(double x) {
  if (x > 2) {
    double fraction = x;
    for (double j = 100; j > 0; j--)
      fraction = x + j / fraction;
    return density(x) / fraction;
  }
  double term = x, sum = x;
  for (double j = 3; term > 0x1p-60 * sum; j += 2) {
    term *= x * x / j;
    sum += term;
  }
  return 0.5 - density(x) * sum;
}

double wl_normal_cdf(double x) {
  if (isnan(x))
    return x;
  return x < 0 ? upper_tail(-x) : 1 - upper_tail(x);
}

double wl_normal_quantile(double p) {
  if (!(p >= 0 && p <= 1))
    return (double)NAN;
  if (p == 0 || p == 1)
    return p == 0 ? -(double)INFINITY : (double)INFINITY;
  double low = -40, high = 40;
  for (int i = 0; i < 60; i++) {
    double middle = low + (high - low) / 2;
    if (wl_normal_cdf(middle) < p)
      low = middle;
    else
      high = middle;
  }
  return high;
}
