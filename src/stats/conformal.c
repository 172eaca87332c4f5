/* conformal.c: conformal quantiles and tolerance bounds (see conformal.h). */
#include <math.h>

#include "stats/agreement.h"
#include "stats/binomial.h"
#include "stats/conformal.h"
#include "stats/order.h"

static bool is_rate(double x) { return x > 0 && x < 1; }

static bool is_promise(wl_conformal_promise promise) {
  return is_rate(promise.alpha) &&
         (promise.delta == 0 || is_rate(promise.delta));
}

/* The bound is the j-th largest of n values; 0: there is none. */
static size_t rank_from_above(size_t n, wl_conformal_promise promise) {
  if (promise.delta != 0)
    return (size_t)(wl_binomial_max_k(n, promise.alpha, promise.delta) + 1);
  return wl_rank_from_above(n, promise.alpha);
}

uint64_t wl_conformal_sets_needed(wl_conformal_promise promise) {
  if (!is_promise(promise))
    return UINT64_MAX;
  if (promise.delta != 0)
    return wl_agreement_rows_needed(promise.alpha, promise.delta);
  double estimate = 1 / promise.alpha;
  if (!(estimate < (double)WL_BINOMIAL_MAX_N - 2))
    return UINT64_MAX;
  /* The quotient is rounded: settle its neighbours by the rule itself. */
  size_t n = estimate > 3 ? (size_t)estimate - 3 : 1;
  while (rank_from_above(n, promise) == 0)
    n++;
  return n;
}

static wl_status check_promise(wl_conformal_promise promise, size_t n_sets,
                               wl_error *error) {
  if (!is_rate(promise.alpha))
    return wl_fail(error, WL_ERROR_VALUE,
                   "conformal: the permitted share of sets above the bound "
                   "must be above 0 and below 1, not %g",
                   promise.alpha);
  if (!is_promise(promise))
    return wl_fail(error, WL_ERROR_VALUE,
                   "conformal: the confidence must be above 0 and below 1, or "
                   "1 - confidence 0 for a promise on average, not %g",
                   1 - promise.delta);
  if (n_sets > WL_BINOMIAL_MAX_N)
    return wl_fail(error, WL_ERROR_VALUE,
                   "conformal: %zu sets are more than the %llu that can be "
                   "used; give fewer",
                   n_sets, (unsigned long long)WL_BINOMIAL_MAX_N);
  return WL_OK;
}

wl_status wl_conformal_bound(const double *values, size_t n_sets,
                             wl_conformal_promise promise, double *out,
                             wl_error *error) {
  *out = (double)INFINITY;
  WL_TRY(check_promise(promise, n_sets, error));
  size_t j = rank_from_above(n_sets, promise);
  if (j == 0)
    return WL_OK;
  return wl_kth_smallest(values, n_sets, n_sets - j + 1, out, error);
}

/* ---- every K at once -------------------------------------------------------
 */

static wl_status allocate(size_t n, double **out, wl_error *error) {
  size_t size;
  if (wl_mul_overflows(n, sizeof **out, &size))
    return wl_fail_memory(error, SIZE_MAX);
  *out = wl_alloc(size);
  return *out == NULL ? wl_fail_memory(error, size) : WL_OK;
}

wl_status wl_conformal_scales(const double *values, size_t n_sets,
                              size_t n_columns, double *scales,
                              wl_error *error) {
  for (size_t j = 0; j < n_columns; j++)
    scales[j] = 1;
  if (n_sets == 0)
    return WL_OK;
  double *column, median;
  WL_TRY(allocate(n_sets, &column, error));
  wl_status status = WL_OK;
  for (size_t j = 0; j < n_columns; j++) {
    for (size_t i = 0; i < n_sets; i++)
      column[i] = values[i * n_columns + j];
    WL_TRY_DONE(status, wl_kth_smallest(column, n_sets, n_sets / 2 + 1, &median,
                                        error));
    if (median > 0 && isfinite(median))
      scales[j] = median;
  }
done:
  wl_free(column);
  return status;
}

static double largest_ratio(const double *values, const double *scales,
                            size_t n_columns) {
  double largest = -(double)INFINITY;
  for (size_t j = 0; j < n_columns; j++) {
    double ratio = values[j] / scales[j];
    if (isnan(ratio))
      return (double)INFINITY;
    if (ratio > largest)
      largest = ratio;
  }
  return largest;
}

/* At least every R whose rounded R / scale is at most the ratio: 2^-50 is above
 * what the two roundings can take, and a larger bound is never wrong. */
static double scale_up(double ratio, double scale) {
  double bound = ratio * scale;
  return bound + fabs(bound) * 0x1p-50;
}

wl_status wl_conformal_joint_bounds(const double *values, size_t n_sets,
                                    size_t n_columns, const double *scales,
                                    wl_conformal_promise promise,
                                    double *bounds, wl_error *error) {
  for (size_t j = 0; j < n_columns; j++)
    bounds[j] = (double)INFINITY;
  for (size_t j = 0; j < n_columns; j++)
    if (!(scales[j] > 0 && isfinite(scales[j])))
      return wl_fail(error, WL_ERROR_VALUE,
                     "conformal: scale %zu must be positive and finite, not %g",
                     j, scales[j]);
  double *largest, ratio;
  WL_TRY(allocate(n_sets, &largest, error));
  for (size_t i = 0; i < n_sets; i++)
    largest[i] = largest_ratio(values + i * n_columns, scales, n_columns);
  wl_status status;
  WL_TRY_DONE(status,
              wl_conformal_bound(largest, n_sets, promise, &ratio, error));
  for (size_t j = 0; j < n_columns; j++)
    bounds[j] = scale_up(ratio, scales[j]);
done:
  wl_free(largest);
  return status;
}
