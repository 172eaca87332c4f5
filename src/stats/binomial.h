/*
 * binomial.h: exact binomial tails and what certificates need of them. Pure
 * functions; they use only base/math.h and IEEE operations, so an artifact's
 * certificate is the same on every machine.
 *
 * Where a tail is compared with a permitted probability, the comparison errs
 * on the safe side by more than the rounding error of the tail.
 */
#ifndef WL_STATS_BINOMIAL_H
#define WL_STATS_BINOMIAL_H

#include <stdint.h>

/* The largest n that these functions take: beyond it rounding is not bounded
 * well enough, and they answer NaN or -1. */
#define WL_BINOMIAL_MAX_N UINT64_C(4294967296)

/* P(Bin(n, p) <= k), relative error below 1e-11 (about 1e-13 in practice)
 * unless it underflows. 0 for k < 0; NaN for a p outside [0, 1]. */
double wl_binomial_cdf(int64_t k, uint64_t n, double p);

/* P(Bin(n, p) = k), to the same accuracy. 0 for k outside [0, n]. */
double wl_binomial_pmf(int64_t k, uint64_t n, double p);

/*
 * The largest k in [0, n) with P(Bin(n, alpha) <= k) <= delta, or -1 when there
 * is none. A tail that equals delta to within 1e-10 of it counts as above.
 * alpha and delta outside (0, 1) give -1.
 */
int64_t wl_binomial_max_k(uint64_t n, double alpha, double delta);

/*
 * The upper end of the one-sided Clopper-Pearson interval: the smallest p with
 * P(Bin(n, p) <= k) <= delta, rounded up. The rate of an event that came k
 * times in n independent rows is below it with confidence 1 - delta. 1 when
 * k >= n; NaN for a delta outside (0, 1).
 *
 * Source: Clopper, Pearson, Biometrika 26 (1934).
 */
double wl_binomial_upper_bound(uint64_t k, uint64_t n, double delta);

#endif
