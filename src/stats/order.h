/*
 * order.h: the k-th largest of some values, without sorting them all: what
 * order-statistic bounds are made of.
 */
#ifndef WL_STATS_ORDER_H
#define WL_STATS_ORDER_H

#include "base/base.h"

/* The `capacity` largest of the values pushed, the smallest of them first. */
typedef struct wl_largest {
  double *values; /* owned; values[0] is the capacity-th largest once full */
  size_t n, capacity;
} wl_largest;

/* Before the first push; released by wl_largest_deinit also when it fails. */
wl_status wl_largest_init(wl_largest *largest, size_t capacity,
                          wl_error *error);
void wl_largest_deinit(wl_largest *largest);

/* value: not NaN. */
void wl_largest_push(wl_largest *largest, double value);

/*
 * The largest j <= n with j / (n + 1) <= share: of n + 1 values in random order
 * the last is above the j-th largest of the others with a probability of at
 * most `share`. A share (n + 1) that is short of an integer by less than 1e-12
 * of it counts as that integer: 1 - 0.95 is not 0.05. 0: n is too small.
 */
size_t wl_rank_from_above(size_t n, double share);

/*
 * The k-th smallest of values, k from 1 to n_values; NaN counts as +infinity:
 * as a bound, a value that is not known must be above every other.
 */
wl_status wl_kth_smallest(const double *values, size_t n_values, size_t k,
                          double *out, wl_error *error);

#endif
