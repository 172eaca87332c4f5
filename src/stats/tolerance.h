/*
 * tolerance.h: the 0/1 event that certificates of regressors and of
 * probabilities are made on (agreement.h): an approximate output is not within
 * the tolerance of the full model's.
 */
#ifndef WL_STATS_TOLERANCE_H
#define WL_STATS_TOLERANCE_H

#include "base/base.h"

/*
 * differs[i] = 1 where in some column |approx - full| > abs + rel * |full|,
 * else 0: numpy.isclose with equal_nan=True, the other way round.
 *
 * NaN is within any tolerance of NaN, an infinity of the same infinity; each is
 * outside every tolerance of all else. A difference or a tolerance that
 * overflows is compared as halves, so finite outputs are compared as they are.
 *
 * approx, full: (n_rows, n_columns), row-major; differs: (n_rows,). Errors:
 * WL_ERROR_VALUE for an abs or rel that is negative, infinite or NaN; differs
 * is then untouched.
 */
wl_status wl_tolerance_differs(const double *approx, const double *full,
                               size_t n_rows, size_t n_columns, double abs,
                               double rel, uint8_t *differs, wl_error *error);

#endif
