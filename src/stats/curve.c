#include <math.h>
#include <stdlib.h>

#include "stats/binomial.h"
#include "stats/curve.h"

typedef struct curve_row {
  double confidence;
  uint8_t is_wrong;
} curve_row;

static int surest_first(const void *a, const void *b) {
  double left = ((const curve_row *)a)->confidence;
  double right = ((const curve_row *)b)->confidence;
  return (left < right) - (left > right);
}

/* Where a part ends that begins at `at`: at a step's share of the n rows, and
 * behind the rows that are as sure as its last; `at` where there is none. */
static size_t end_of_step(const curve_row *rows, size_t n, size_t at,
                          size_t step, size_t n_steps) {
  size_t end = step == n_steps
                   ? n
                   : (size_t)((double)n * (double)step / (double)n_steps);
  if (end <= at)
    return at;
  while (end < n && rows[end].confidence == rows[end - 1].confidence)
    end++;
  return end;
}

static uint64_t count_wrong(const curve_row *rows, size_t from, size_t to) {
  uint64_t n = 0;
  for (size_t i = from; i < to; i++)
    n += rows[i].is_wrong;
  return n;
}

/* rows: the n that may leave, the surest first, of n_all. */
static size_t trace_points(const curve_row *rows, size_t n, size_t n_all,
                           double delta, wl_curve_point *points,
                           size_t max_points) {
  size_t n_points = 0, at = 0;
  uint64_t n_wrong = 0;
  for (size_t step = 1; step <= max_points; step++) {
    size_t end = end_of_step(rows, n, at, step, max_points);
    if (end == at)
      continue;
    n_wrong += count_wrong(rows, at, end);
    at = end;
    points[n_points++] = (wl_curve_point){
        .threshold = at < n ? rows[at].confidence : -(double)INFINITY,
        .n_leaving = at,
        .n_wrong = n_wrong,
        .bound = wl_binomial_upper_bound(n_wrong, n_all, delta)};
  }
  return n_points;
}

/* The surest first. */
static size_t trace_bins(const curve_row *rows, size_t n, wl_curve_bin *bins,
                         size_t max_bins) {
  size_t n_bins = 0, at = 0;
  for (size_t step = 1; step <= max_bins; step++) {
    size_t end = end_of_step(rows, n, at, step, max_bins);
    if (end == at)
      continue;
    bins[n_bins++] = (wl_curve_bin){.low = rows[end - 1].confidence,
                                    .high = rows[at].confidence,
                                    .n_rows = end - at,
                                    .n_wrong = count_wrong(rows, at, end)};
    at = end;
  }
  return n_bins;
}

wl_status wl_curve_trace(const double *confidence, const int8_t *losses,
                         size_t n_rows, double delta, wl_curve_point *points,
                         size_t max_points, size_t *n_points,
                         wl_curve_bin *bins, size_t max_bins, size_t *n_bins,
                         wl_error *error) {
  *n_points = *n_bins = 0;
  if (!(delta > 0 && delta < 1))
    return wl_fail(error, WL_ERROR_VALUE,
                   "curve: delta must be above 0 and below 1, not %g", delta);
  if (n_rows == 0)
    return WL_OK;
  size_t size;
  if (wl_mul_overflows(n_rows, sizeof(curve_row), &size))
    return wl_fail_memory(error, SIZE_MAX);
  curve_row *rows = wl_alloc(size);
  if (rows == NULL)
    return wl_fail_memory(error, size);
  size_t n = 0;
  for (size_t i = 0; i < n_rows; i++)
    if (!isnan(confidence[i]))
      rows[n++] = (curve_row){confidence[i], losses[i] > 0};
  qsort(rows, n, sizeof *rows, surest_first);
  *n_points = trace_points(rows, n, n_rows, delta, points, max_points);
  *n_bins = trace_bins(rows, n, bins, max_bins);
  wl_free(rows);
  return WL_OK;
}
