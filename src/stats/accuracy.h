/*
 * accuracy.h: the certificate of a cascade's gate against lost accuracy: the
 * threshold above which a row may take the approximate model's answer, such
 * that
 *
 *     accuracy(full model) - accuracy(cascade) <= eps
 *
 * with confidence 1 - delta over the draw of the certify rows. It needs their
 * true labels: the loss of a row that leaves is +1 where the full model is
 * right and the approximate one wrong (a harm), -1 the other way round (a
 * gain), and 0 elsewhere and for rows that stay.
 *
 * Two methods; wl_accuracy_choose says which, from the number of rows alone,
 * so before any of them is looked at.
 *
 * WL_ACCURACY_TRINOMIAL: harms are set off against gains. The mean loss need
 * not be monotone in the threshold, so thresholds are tested one after the
 * other, from strict to loose, each at level delta (trinomial.h), up to the
 * first that is not passed; the last passed is the answer. If all thresholds
 * keep the promise nothing can fail; otherwise, a failure needs the first that
 * does not keep it to pass its test: probability at most delta, whatever the
 * number of thresholds. Their values and order must not depend on the certify
 * rows: take quantiles of the confidence on the select rows.
 *
 * WL_ACCURACY_HARM_ONLY: harms alone, P(a row leaves and is harmed) <= eps,
 * which bounds the loss. That is monotone, so the exact order statistic of
 * agreement.h holds, without thresholds to choose from. Better where few
 * losses are permitted at all, and there the only one: the trinomial test pays
 * for the discordant rate that it does not know.
 *
 * Sources: fixed-sequence testing: Maurer, Hothorn, Lehmacher (1995), as in
 * Learn then Test (Angelopoulos et al., 2021); see trinomial.h, agreement.h.
 *
 * Assumption: the rows are drawn independently, as later rows will be, and
 * neither the models nor the thresholds were chosen on them.
 */
#ifndef WL_STATS_ACCURACY_H
#define WL_STATS_ACCURACY_H

#include "base/base.h"

typedef enum wl_accuracy_method {
  WL_ACCURACY_HARM_ONLY = 0,
  WL_ACCURACY_TRINOMIAL,
  WL_ACCURACY_METHOD_COUNT
} wl_accuracy_method;

typedef struct wl_accuracy {
  double eps, delta; /* as asked for */
  wl_accuracy_method method;
  uint64_t n_rows;      /* that count: one for each group */
  uint64_t n_leaving;   /* rows above the threshold */
  uint64_t n_harms;     /* of those, full right and approximate wrong */
  uint64_t n_gains;     /* of those, the reverse */
  double threshold;     /* +infinity: no row leaves */
  double share_leaving; /* n_leaving / n_rows; 0 when there are no rows */
  int64_t k;            /* harm only: harms allowed above it; -1: refused */
  size_t n_passed;      /* trinomial: thresholds that passed */
  double p_value;       /* trinomial: of the last that passed; 1: none did */
  uint64_t rows_needed; /* the smallest n_rows that can certify anything */
} wl_accuracy;

/*
 * Harm only where n_rows * eps < 5/3 log(20 / delta), 10 at a delta of 0.05;
 * trinomial from there on. The logarithm is what the trinomial test needs to
 * see, without one harm, to know that the discordant rate is below eps.
 */
wl_accuracy_method wl_accuracy_choose(uint64_t n_rows, double eps,
                                      double delta);

/*
 * Thresholds for the fixed sequence: above the j-th (from 0) are about
 * (j + 1) / n_thresholds of the rows; they fall, and all rows are above the
 * last, -infinity. confidence: (n_rows,) of *select* rows; NaN counts as
 * -infinity. thresholds: (n_thresholds,), n_thresholds >= 1; 200 serve well.
 */
wl_status wl_accuracy_thresholds(const double *confidence, size_t n_rows,
                                 size_t n_thresholds, double *thresholds,
                                 wl_error *error);

/*
 * Computes the certificate.
 *
 * confidence: (n_rows,) of the approximate model. NaN and -infinity never
 *   leave.
 * losses: (n_rows,) above 0 for a harm, below 0 for a gain, if the row leaves.
 * groups: (n_rows,) or NULL; rows of one group count once, as in agreement.h.
 * thresholds: (n_thresholds,) that do not rise; NULL and 0 are allowed, and
 *   then nothing leaves by the trinomial method.
 *
 * Too few rows are no error: nothing leaves, and rows_needed tells how many it
 * takes. Errors: WL_ERROR_VALUE for eps or delta outside (0, 1), thresholds
 * that rise or are NaN, or more than WL_BINOMIAL_MAX_N rows; WL_ERROR_MEMORY.
 */
wl_status wl_accuracy_certify(const double *confidence, const int8_t *losses,
                              const uint64_t *groups, size_t n_rows,
                              const double *thresholds, size_t n_thresholds,
                              double eps, double delta, wl_accuracy *out,
                              wl_error *error);

/* The same by a method of the caller's, who chose it without these rows. */
wl_status wl_accuracy_certify_by(wl_accuracy_method method,
                                 const double *confidence, const int8_t *losses,
                                 const uint64_t *groups, size_t n_rows,
                                 const double *thresholds, size_t n_thresholds,
                                 double eps, double delta, wl_accuracy *out,
                                 wl_error *error);

#endif
