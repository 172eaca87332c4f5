/*
 * topk.h: how many candidates a filter must keep for top-K queries, which
 * filter to take, and the certificate. Pure functions on arrays.
 *
 * A query is a set of rows. The full model ranks them (stats/rank.h), a filter
 * ranks them more cheaply; the candidates are the first of the filter's
 * ranking. Of one query
 *
 *     R(K) = the smallest number of candidates that holds the required share
 *            of the true top K,
 *
 * as a part of the query's rows, in whatever order these come: ties of either
 * ranking fall by the order of rows, so R(K) counts the worst that they may do.
 * A query gets K candidates in any case, so that one which is content with K
 * needs nothing of a bound: its R(K) counts as 0.
 * Over queries drawn like later ones, the bound
 * of R(K) is a conformal quantile or a tolerance bound (stats/conformal.h).
 *
 * For every K at once, a query's statistic is its largest R(K) / scale(K) over
 * all K up to the query's size. The scale is linear between knots and comes
 * from the select queries: the largest R(K) seen there for the Ks around a
 * knot, so that the slack goes where it is needed. Whatever the scale, the
 * promise holds: it is fixed before the certify queries are looked at.
 *
 * Assumption: the certify queries are drawn independently, as later ones will
 * be. Queries cut from one sample of independent rows are, and so are real
 * queries of independent users.
 */
#ifndef WL_TUNE_TOPK_H
#define WL_TUNE_TOPK_H

#include "stats/conformal.h"

enum { WL_TOPK_MAX_KNOTS = 128, WL_TOPK_MAX_BLOCKS = 1024 };

/*
 * needed[j] = R(ks[j]) / n_rows of one query; 0 where ks[j] candidates do, or
 * it has no more rows, which all are candidates then. ks: ascending, at
 * least 1. full, filter: (n_rows,), at least one row. Errors: WL_ERROR_VALUE
 * for a recall that is not above 0 and at most 1, no rows, or other ks;
 * WL_ERROR_MEMORY.
 */
wl_status wl_topk_needed(const double *filter, const double *full,
                         uint64_t n_rows, double recall, const uint64_t *ks,
                         size_t n_ks, double *needed, wl_error *error);

/* Of n_queries, how many choose the filter: a fifth, rounded up, or fewer where
 * the others would be too few to certify; at least one. */
size_t wl_topk_n_select(size_t n_queries, wl_conformal_promise promise);

/* The share of the rows that a filter is likely to keep, of queries that have
 * more than K: what the select queries needed at most, and K at least, averaged
 * over the Ks; of more than one K, of those up to a tenth of the largest, at
 * geometric steps. needed: (n_queries, n_ks), row-major; at least one of each.
 * n_rows: (n_queries,). 1 where no query has more rows. */
double wl_topk_share(const double *needed, const uint64_t *n_rows,
                     size_t n_queries, const uint64_t *ks, size_t n_ks);

/* Shares of a query's rows by K: `shares` at `ks`, linear in between. */
typedef struct wl_topk_bounds {
  size_t n_knots;
  uint64_t ks[WL_TOPK_MAX_KNOTS];
  double shares[WL_TOPK_MAX_KNOTS];
  uint64_t n_rows_min, n_rows_max; /* of the queries; set by the caller */
  bool is_certified;
  uint64_t queries_needed; /* that certify */
} wl_topk_bounds;

/*
 * The bounds for one K (n_ks 1: for that alone) or all of 1 ... n_ks at once:
 * ks[j] = j + 1. Too few certify queries: is_certified is false, and the bounds
 * are the largest that any of the queries needed, an estimate.
 * select, certify: (n, n_ks), row-major; at least one query in all.
 * Errors: WL_ERROR_VALUE for a promise out of range, no queries or other ks;
 * WL_ERROR_MEMORY.
 */
wl_status wl_topk_certify(const double *select, size_t n_select,
                          const double *certify, size_t n_certify,
                          const uint64_t *ks, size_t n_ks,
                          wl_conformal_promise promise, wl_topk_bounds *out,
                          wl_error *error);

/*
 * The candidates that a top-K query over n_rows rows takes: at least k, at most
 * n_rows. Where the rows are more or fewer than the queries had, K counts in
 * proportion, and of fewer rows two standard deviations more are kept (of K at
 * least): an estimate; so it is for a K that is not a knot where there is one
 * knot alone.
 */
uint64_t wl_topk_candidates(const wl_topk_bounds *bounds, uint64_t n_rows,
                            uint64_t k);

/* ---- which filters to try --------------------------------------------------
 */

/*
 * The next subset of the features' blocks to train a filter on, as flags in
 * out (n_blocks,); false: no other may be cheaper than what was tried. Up to 6
 * blocks, every proper subset, cheapest first; beyond, each block alone, then
 * the best subset so far with one block more. Nested blocks: the first 1, 2 ...
 * of them. Subsets whose blocks alone cost as much as the best filter's
 * queries, or the full ranking, are not tried.
 *
 * block_costs: (n_blocks,). tried: (n_tried, n_blocks) flags, row-major;
 * expected: (n_tried,), what wl_topk_expected gave, infinity where a filter
 * could not be trained. full_cost: of the full ranking, ns a row.
 */
bool wl_topk_propose(const double *block_costs, size_t n_blocks, bool is_nested,
                     const uint8_t *tried, const double *expected,
                     size_t n_tried, double full_cost, uint8_t *out);

/* ns a row: the filter for every row, and beyond it the rest of the full model
 * for the share of the candidates. */
static inline double wl_topk_expected(double filter_cost, double share,
                                      double rest_cost) {
  return filter_cost + (share < 1 ? share : 1) * rest_cost;
}

#endif
