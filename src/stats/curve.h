/*
 * curve.h: what a first stage's confidence is worth on a sample, for people to
 * look at. Nothing here certifies: a bound holds for its own point, and not for
 * one that was picked from the curve.
 */
#ifndef WL_STATS_CURVE_H
#define WL_STATS_CURVE_H

#include "base/base.h"

/* Where the rows with confidence > threshold leave. */
typedef struct wl_curve_point {
  double threshold; /* -infinity: all leave but those of confidence NaN */
  uint64_t n_leaving;
  uint64_t n_wrong; /* of those, with a loss above 0 */
  double bound;     /* of the share of all rows that leave wrongly: the upper
                       Clopper-Pearson limit at confidence 1 - delta */
} wl_curve_point;

/* Rows next to each other in confidence. */
typedef struct wl_curve_bin {
  double low, high; /* the least and the largest confidence */
  uint64_t n_rows, n_wrong;
} wl_curve_bin;

/*
 * confidence, losses: (n_rows,); NaN never leaves, and is in no bin.
 * points: room for max_points; at about equal steps of rows that leave, from
 * few to all. Rows of equal confidence leave together, so there may be fewer.
 * bins: room for max_bins, the surest first, of about as many rows each;
 * equal confidences are not torn apart.
 * n_points, n_bins: how many there are; 0 without rows.
 *
 * Errors: WL_ERROR_VALUE for a delta outside (0, 1), WL_ERROR_MEMORY.
 */
wl_status wl_curve_trace(const double *confidence, const int8_t *losses,
                         size_t n_rows, double delta, wl_curve_point *points,
                         size_t max_points, size_t *n_points,
                         wl_curve_bin *bins, size_t max_bins, size_t *n_bins,
                         wl_error *error);

#endif
