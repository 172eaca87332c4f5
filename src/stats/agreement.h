/*
 * agreement.h: the certificate of a cascade's gate: the threshold above which
 * a row may take the approximate model's answer, such that
 *
 *     P(a row leaves and its answer differs from the full model's) <= alpha
 *
 * with confidence 1 - delta over the draw of the certify rows.
 *
 * Method: an exact order statistic. S_i = confidence_i where the answers of
 * row i differ, -infinity elsewhere; k = the largest integer with
 * P(Bin(n, alpha) <= k) <= delta; the threshold t is the (k + 1)-th largest
 * S, and a row leaves when its confidence is strictly above t.
 *
 * Why it holds: let q be the smallest t whose risk P(S > t) is at most alpha.
 * The certificate fails only if t < q, that is, if at most k rows have S >= q;
 * but P(S >= q) >= alpha, so that happens with probability at most
 * P(Bin(n, alpha) <= k) <= delta. No distribution is assumed, ties are safe,
 * and as the risk is monotone in t there is neither a grid of thresholds nor
 * a correction for trying many.
 *
 * Sources: the order-statistic rule of Neyman-Pearson classification (Tong,
 * Feng, Li, Science Advances 4:2, 2018, "umbrella algorithm"), as the exact
 * monotone case of Learn then Test (Angelopoulos et al., 2021).
 *
 * Assumption: the rows are drawn independently, as later rows will be, and
 * neither model was fitted, chosen or tuned on them.
 */
#ifndef WL_STATS_AGREEMENT_H
#define WL_STATS_AGREEMENT_H

#include "base/base.h"

typedef struct wl_agreement {
  double alpha, delta;      /* as asked for */
  uint64_t n_rows;          /* that count: one for each group */
  int64_t k;                /* disagreements allowed above t; -1: refused */
  uint64_t n_disagreements; /* among n_rows, at any confidence */
  uint64_t n_leaving;       /* rows above the threshold */
  uint64_t n_wrong;         /* of those, the ones that disagree: at most k */
  double threshold;         /* +infinity when refused: no row leaves */
  double share_leaving;     /* n_leaving / n_rows; 0 when there are no rows */
  uint64_t rows_needed;     /* the smallest n_rows that is not refused */
} wl_agreement;

/*
 * The fewest rows that certify anything: the smallest n with
 * (1 - alpha)^n <= delta, which is ceil(log(delta) / log(1 - alpha)).
 * UINT64_MAX when alpha or delta is outside (0, 1), or n beyond what the
 * binomial functions take.
 */
uint64_t wl_agreement_rows_needed(double alpha, double delta);

/*
 * Computes the certificate.
 *
 * confidence: (n_rows,) of the approximate model. NaN and -infinity never
 *   leave, so such rows count among n_rows but can do no harm.
 * differs: (n_rows,) nonzero where the approximate answer is not the full
 *   model's. Any 0/1 event serves: |approximate - full| > tolerance, say.
 * groups: (n_rows,) or NULL. Rows of one group (equal rows, say) count once:
 *   the first of each group is kept, the others are ignored entirely. The
 *   promise is then per distinct row, not per request.
 *
 * Too few rows are no error: k is -1, nothing leaves and rows_needed tells how
 * many it takes. Errors: WL_ERROR_VALUE for alpha or delta outside (0, 1) or
 * more than WL_BINOMIAL_MAX_N rows, WL_ERROR_MEMORY.
 */
wl_status wl_agreement_certify(const double *confidence, const uint8_t *differs,
                               const uint64_t *groups, size_t n_rows,
                               double alpha, double delta, wl_agreement *out,
                               wl_error *error);

/* counts[i] = 1 for the first row of each group, 0 for the others. */
wl_status wl_agreement_first_rows(const uint64_t *groups, size_t n_rows,
                                  uint8_t *counts, wl_error *error);

/*
 * The same rule with a k of the caller's (-1: nothing leaves), which promises
 * nothing: for choosing among models on a select sample.
 */
wl_status wl_agreement_at_k(const double *confidence, const uint8_t *differs,
                            const uint64_t *groups, size_t n_rows, int64_t k,
                            wl_agreement *out, wl_error *error);

#endif
