/*
 * conformal.h: upper bounds of a statistic of a later set, from the statistics
 * R_1 ... R_m of calibration sets: for top-K queries, R is the smallest number
 * of candidates whose filter ranking holds the required share of the true top
 * K. Bounds are inclusive: a later set keeps the promise when R <= bound.
 *
 * Two promises:
 *
 *   on average      P(R > bound) <= alpha, over the draw of the calibration
 *                   sets and the later one together: the conformal quantile,
 *                   the j-th largest R with j = floor(alpha (m + 1)). The rank
 *                   of the later set among all m + 1 is uniform (ties in its
 *                   favour), so it is above the j-th largest of the others
 *                   with probability at most j / (m + 1).
 *   with confidence with probability 1 - delta over the draw of the calibration
 *                   sets, at most alpha of all later sets have R > bound: the
 *                   order-statistic tolerance bound, the (k + 1)-th largest R,
 *                   k the largest integer with P(Bin(m, alpha) <= k) <= delta.
 *                   With q the smallest value with P(R > q) <= alpha, it fails
 *                   only if at most k sets have R >= q, and P(R >= q) >= alpha.
 *
 * No distribution is assumed; ties only make the promise safer. A NaN counts
 * as +infinity, and where m is too small the bound is +infinity: filter
 * nothing.
 *
 * For every K at once: a set's statistic is its largest R(K) / scale(K), which
 * is one number, so either bound holds for it, and R(K) <= bound * scale(K) for
 * all K together. The scales decide how the slack is shared among the Ks, not
 * whether the promise holds; they must come from other sets (the select sets).
 *
 * Sources: Papadopoulos et al., ECML (2002), and Lei et al., JASA 113 (2018),
 * split conformal prediction; Wilks, Ann. Math. Statist. 12 (1941), tolerance
 * limits.
 *
 * Assumption: the sets are drawn independently of each other and as later sets
 * will be (exchangeable is enough on average); sets that share rows are not.
 */
#ifndef WL_STATS_CONFORMAL_H
#define WL_STATS_CONFORMAL_H

#include "base/base.h"

/* delta = 0 asks for the promise on average. */
typedef struct wl_conformal_promise {
  double alpha; /* permitted share of later sets above the bound, in (0, 1) */
  double delta; /* 1 - confidence, in (0, 1); or 0: on average */
} wl_conformal_promise;

/*
 * The fewest sets with a finite bound: 19 for alpha = 0.05 on average, 59 for
 * alpha = 0.05 with delta = 0.05. UINT64_MAX for an alpha or delta out of range
 * or more sets than WL_BINOMIAL_MAX_N.
 */
uint64_t wl_conformal_sets_needed(wl_conformal_promise promise);

/*
 * values: (n_sets,). Errors: WL_ERROR_VALUE for an alpha or delta out of range
 * or more than WL_BINOMIAL_MAX_N sets, WL_ERROR_MEMORY; *out is then +infinity.
 */
wl_status wl_conformal_bound(const double *values, size_t n_sets,
                             wl_conformal_promise promise, double *out,
                             wl_error *error);

/*
 * The scales of the joint promise: for each of n_columns Ks the median over the
 * *select* sets, the upper of the two middle ones; 1 where that is not a
 * positive finite number, as with no sets.
 * values: (n_sets, n_columns), row-major. scales: (n_columns,).
 */
wl_status wl_conformal_scales(const double *values, size_t n_sets,
                              size_t n_columns, double *scales,
                              wl_error *error);

/*
 * The joint promise: bounds (n_columns,) such that all of R(K) <= bound(K) hold
 * together. values: (n_sets, n_columns), row-major, of the certify sets;
 * scales: (n_columns,), positive and finite. Errors as above, and
 * WL_ERROR_VALUE for other scales; bounds are then +infinity.
 */
wl_status wl_conformal_joint_bounds(const double *values, size_t n_sets,
                                    size_t n_columns, const double *scales,
                                    wl_conformal_promise promise,
                                    double *bounds, wl_error *error);

#endif
