/*
 * bootstrap.h: an interval for the difference of a metric between two models
 * on the same rows, for metrics without a certificate of their own (F1, AUC,
 * R2). Estimated, not certified: the interval's confidence is right in the
 * limit of many rows, and a metric that few rows decide (a rare class, few rows
 * on which the models differ) has more failures than asked for. Where both
 * models give the same answers on all rows of a sample, all replicates are
 * equal and say nothing of later rows: has_spread tells.
 *
 * The metric may be anyone's, so the work is shared: for each replicate r the
 * caller takes the rows drawn, or how often each was, computes both metrics on
 * them, and keeps the difference; wl_bootstrap_interval reads the interval off.
 * A draw is a pure function of (seed, r): replicates may be computed in any
 * order, in several goes, or on several threads. Rows that are not independent
 * are drawn by their groups: draw groups, and take all rows of each.
 *
 * Methods: the bias-corrected and accelerated (BCa) interval where the metric
 * is also given with each of some parts of the rows left out (a jackknife, from
 * which comes the acceleration), the percentile interval where it is not. BCa
 * misses less often at the upper end, the one that a promise of little loss
 * needs, and by a little more at the lower (test_bootstrap.c prints both).
 *
 * Source: Efron, Tibshirani, "An Introduction to the Bootstrap" (1993), ch. 13.
 *
 * Assumption: the rows (or groups) are drawn independently, as later ones will
 * be, and neither model was fitted or chosen on them.
 */
#ifndef WL_STATS_BOOTSTRAP_H
#define WL_STATS_BOOTSTRAP_H

#include "base/base.h"

/* rows: (n_rows,) row numbers, drawn from 0 to n_rows - 1 with replacement (the
 * chances of two rows differ by less than n_rows / 2^64). */
void wl_bootstrap_rows(uint64_t seed, uint64_t replicate, size_t n_rows,
                       int64_t *rows);

/* counts: (n_rows,) how often wl_bootstrap_rows draws each row; saturated at
 * UINT32_MAX. */
void wl_bootstrap_counts(uint64_t seed, uint64_t replicate, size_t n_rows,
                         uint32_t *counts);

/* What the caller computed: the metric of the full model less that of the
 * cascade. */
typedef struct wl_bootstrap_values {
  const double *replicates; /* (n_replicates,) on drawn rows */
  size_t n_replicates;
  /* For BCa; n_parts = 0: percentile, and observed is not read. */
  double observed;    /* on all rows */
  const double *left; /* (n_parts,) on all rows i but those whose part i mod
                         n_parts it is; rows in random order. 50 to 200 parts */
  size_t n_parts;
} wl_bootstrap_values;

typedef struct wl_bootstrap {
  double lower, upper; /* each alone holds with confidence 1 - delta */
  size_t n_undefined;  /* replicates that are NaN */
  bool has_spread;     /* false: no two replicates differ */
} wl_bootstrap;

/*
 * A replicate that is NaN (some draws do not define a metric) counts as
 * +infinity for the upper end and as -infinity for the lower. Ends that the
 * replicates are too few for are infinite: 1,000 or more serve well, 1 / delta
 * - 1 is the least for percentiles. So are both ends of BCa where observed or
 * left has a value that is not finite. Errors: WL_ERROR_VALUE for a delta
 * outside (0, 1), WL_ERROR_MEMORY.
 */
wl_status wl_bootstrap_interval(const wl_bootstrap_values *values, double delta,
                                wl_bootstrap *out, wl_error *error);

#endif
