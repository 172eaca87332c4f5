/* bootstrap.c: draws with replacement, percentile and BCa intervals (see
 * bootstrap.h). */
#include <math.h>

#include "base/random.h"
#include "stats/bootstrap.h"
#include "stats/normal.h"
#include "stats/order.h"

__extension__ typedef unsigned __int128 wide;

/* The i-th row that a replicate draws. */
static size_t draw(uint64_t replicate_seed, size_t i, size_t n_rows) {
  return (size_t)(((wide)wl_random_bits(replicate_seed, i) * n_rows) >> 64);
}

void wl_bootstrap_rows(uint64_t seed, uint64_t replicate, size_t n_rows,
                       int64_t *rows) {
  uint64_t replicate_seed = wl_random_bits(seed, replicate);
  for (size_t i = 0; i < n_rows; i++)
    rows[i] = (int64_t)draw(replicate_seed, i, n_rows);
}

void wl_bootstrap_counts(uint64_t seed, uint64_t replicate, size_t n_rows,
                         uint32_t *counts) {
  uint64_t replicate_seed = wl_random_bits(seed, replicate);
  if (n_rows != 0)
    memset(counts, 0, n_rows * sizeof *counts);
  for (size_t i = 0; i < n_rows; i++) {
    uint32_t *count = &counts[draw(replicate_seed, i, n_rows)];
    *count += *count != UINT32_MAX;
  }
}

/* ---- intervals -------------------------------------------------------------
 */

/* A sixth of the skewness of what the parts add; 0 where they add nothing. */
static double acceleration(const double *left, size_t n_parts) {
  double mean = 0, squares = 0, cubes = 0;
  for (size_t i = 0; i < n_parts; i++)
    mean += left[i] / (double)n_parts;
  for (size_t i = 0; i < n_parts; i++) {
    double d = mean - left[i];
    squares += d * d;
    cubes += d * d * d;
  }
  return squares == 0 ? 0 : cubes / (6 * squares * sqrt(squares));
}

/* The normal score of the share of replicates below what was observed. */
static double bias(const wl_bootstrap_values *values) {
  double below = 0, n = (double)values->n_replicates;
  for (size_t i = 0; i < values->n_replicates; i++) {
    double v = values->replicates[i];
    below += v < values->observed ? 1 : v == values->observed ? 0.5 : 0;
  }
  double least = 0.5 / n;
  double share = below / n;
  share = share < least ? least : share > 1 - least ? 1 - least : share;
  return wl_normal_quantile(share);
}

/* The share of replicates below the end that has the normal score z without a
 * correction. NaN: unknown. */
static double corrected_share(const wl_bootstrap_values *values, double z) {
  double a = acceleration(values->left, values->n_parts);
  if (!isfinite(a) || !isfinite(values->observed))
    return (double)NAN;
  double z0 = bias(values), stretch = 1 - a * (z0 + z);
  if (!(stretch > 0)) /* more skewed than the correction can follow */
    return (double)NAN;
  return wl_normal_cdf(z0 + (z0 + z) / stretch);
}

wl_status wl_bootstrap_interval(const wl_bootstrap_values *values, double delta,
                                wl_bootstrap *out, wl_error *error) {
  *out = (wl_bootstrap){.lower = -(double)INFINITY, .upper = (double)INFINITY};
  if (!(delta > 0 && delta < 1))
    return wl_fail(error, WL_ERROR_VALUE,
                   "bootstrap: the confidence must be above 0 and below 1, "
                   "not %g",
                   1 - delta);
  const double *v = values->replicates;
  size_t n = values->n_replicates;
  for (size_t i = 0; i < n; i++) {
    out->n_undefined += isnan(v[i]) ? 1 : 0;
    out->has_spread |= !(v[i] == v[0]);
  }
  double below = delta, above = delta; /* the ends */
  if (values->n_parts != 0) {
    double z = wl_normal_quantile(delta);
    below = corrected_share(values, z);
    above = 1 - corrected_share(values, -z);
  }
  size_t low = isnan(below) ? 0 : wl_rank_from_above(n, below);
  size_t high = isnan(above) ? 0 : wl_rank_from_above(n, above);
  double lower = out->lower, upper = out->upper;
  /* NaNs are at the top for the upper end, at the bottom for the lower. */
  if (high != 0)
    WL_TRY(wl_kth_smallest(v, n, n - high + 1, &upper, error));
  if (low > out->n_undefined)
    WL_TRY(wl_kth_smallest(v, n, low - out->n_undefined, &lower, error));
  out->lower = lower;
  out->upper = upper;
  return WL_OK;
}
