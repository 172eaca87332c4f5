/*
 * rank.h: the largest of some scores by row: what a top-K query answers, and
 * which rows its filter keeps.
 *
 * The order is total: a larger score comes first, of equal ones (-0.0 and 0.0
 * are) the smaller row, and NaN behind all others. So the first k of n rows are
 * the same set and the same sequence however they are found, as by a stable
 * argsort of the negated scores.
 */
#ifndef WL_STATS_RANK_H
#define WL_STATS_RANK_H

#include "base/base.h"

/*
 * The rows of the k largest scores, ascending. rows: room for min(k, n_rows);
 * *n_kept: that many. Memory for a key a row, freed before it returns; about
 * three passes over the scores, whatever they are.
 */
wl_status wl_rank_keep(const double *scores, uint64_t n_rows, uint64_t k,
                       uint64_t *rows, uint64_t *n_kept, wl_error *error);

/*
 * The rows of the k largest scores, best first. rows as above.
 */
wl_status wl_rank_top(const double *scores, uint64_t n_rows, uint64_t k,
                      uint64_t *rows, uint64_t *n_kept, wl_error *error);

#endif
