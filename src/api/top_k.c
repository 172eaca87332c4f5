/* top_k.c: the public top-K over scores (see stats/rank.h). */
#include "stats/rank.h"
#include "willump/willump.h"

wl_status wl_top_k(const double *scores, uint64_t n_rows, uint64_t k,
                   int64_t *ids, double *top, uint64_t *n_top,
                   wl_error *error) {
  *n_top = 0;
  if (k == 0)
    return wl_fail(error, WL_ERROR_VALUE,
                   "a top-K query asks for at least one row, not 0");
  if (scores == NULL && n_rows != 0)
    return wl_fail(error, WL_ERROR_VALUE, "the pointer to the scores is NULL");
  /* The same type but for its sign; rows are below 2^63. */
  uint64_t *rows = (uint64_t *)ids;
  WL_TRY(wl_rank_top(scores, n_rows, k, rows, n_top, error));
  for (uint64_t i = 0; top != NULL && i < *n_top; i++)
    top[i] = scores[rows[i]];
  return WL_OK;
}
