/*
 * normal.h: the standard normal distribution, with the same bits on every
 * machine.
 */
#ifndef WL_STATS_NORMAL_H
#define WL_STATS_NORMAL_H

/* P(Z <= x), relative error below 1e-12 unless it underflows. NaN for NaN. */
double wl_normal_cdf(double x);

/* The x with P(Z <= x) = p, to about 1e-12 of max(1, |x|) for p below one half
 * (and as exactly as 1 - p is known above); -infinity for 0, infinity for 1,
 * NaN outside [0, 1]. */
double wl_normal_quantile(double p);

#endif
