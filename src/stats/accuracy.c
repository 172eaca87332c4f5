/* accuracy.c: the certificate against lost accuracy (see accuracy.h). */
#include <math.h>
#include <stdlib.h>

#include "base/math.h"
#include "stats/accuracy.h"
#include "stats/agreement.h"
#include "stats/binomial.h"
#include "stats/trinomial.h"

wl_accuracy_method wl_accuracy_choose(uint64_t n_rows, double eps,
                                      double delta) {
  return (double)n_rows * eps < 5.0 / 3 * wl_log(20 / delta)
             ? WL_ACCURACY_HARM_ONLY
             : WL_ACCURACY_TRINOMIAL;
}

/* ---- the sequence of thresholds --------------------------------------------
 */

static int descending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x < y) - (x > y);
}

wl_status wl_accuracy_thresholds(const double *confidence, size_t n_rows,
                                 size_t n_thresholds, double *thresholds,
                                 wl_error *error) {
  size_t size;
  if (wl_mul_overflows(n_rows, sizeof *confidence, &size))
    return wl_fail_memory(error, SIZE_MAX);
  double *sorted = wl_alloc(size);
  if (sorted == NULL)
    return wl_fail_memory(error, size);
  for (size_t i = 0; i < n_rows; i++)
    sorted[i] = isnan(confidence[i]) ? -(double)INFINITY : confidence[i];
  if (n_rows != 0)
    qsort(sorted, n_rows, sizeof *sorted, descending);
  for (size_t j = 0; j < n_thresholds; j++) {
    double share = (double)(j + 1) / (double)n_thresholds;
    size_t n_above = (size_t)(share * (double)n_rows);
    thresholds[j] = j + 1 < n_thresholds && n_above < n_rows
                        ? sorted[n_above]
                        : -(double)INFINITY;
  }
  wl_free(sorted);
  return WL_OK;
}

static wl_status check_arguments(size_t n_rows, const double *thresholds,
                                 size_t n_thresholds, double eps, double delta,
                                 wl_error *error) {
  if (!(eps > 0 && eps < 1))
    return wl_fail(error, WL_ERROR_VALUE,
                   "accuracy: the permitted loss must be above 0 and below 1, "
                   "not %g",
                   eps);
  if (!(delta > 0 && delta < 1))
    return wl_fail(error, WL_ERROR_VALUE,
                   "accuracy: the confidence must be above 0 and below 1, "
                   "not %g",
                   1 - delta);
  if (n_rows > WL_BINOMIAL_MAX_N)
    return wl_fail(error, WL_ERROR_VALUE,
                   "accuracy: %zu rows are more than the %llu that can be "
                   "certified on; give fewer",
                   n_rows, (unsigned long long)WL_BINOMIAL_MAX_N);
  for (size_t j = 0; j < n_thresholds; j++)
    if (isnan(thresholds[j]) || (j > 0 && thresholds[j] > thresholds[j - 1]))
      return wl_fail(error, WL_ERROR_VALUE,
                     "accuracy: threshold %zu, %g, is not at most the one "
                     "before; give them from strict to loose",
                     j, thresholds[j]);
  return WL_OK;
}

/* ---- the two methods -------------------------------------------------------
 */

typedef struct sample {
  const double *confidence;
  const int8_t *losses;
  const uint64_t *groups;
  const uint8_t *counts; /* of a group, the row that counts; NULL: all do */
  size_t n_rows;
} sample;

static bool has_row(const sample *s, size_t i) {
  return s->counts == NULL || s->counts[i];
}

/* What the threshold does to the sample. */
static void apply_threshold(const sample *s, wl_accuracy *out) {
  for (size_t i = 0; i < s->n_rows; i++)
    if (has_row(s, i) && s->confidence[i] > out->threshold) {
      out->n_leaving++;
      out->n_harms += s->losses[i] > 0;
      out->n_gains += s->losses[i] < 0;
    }
  if (out->n_rows != 0)
    out->share_leaving = (double)out->n_leaving / (double)out->n_rows;
}

static wl_status certify_harm_only(const sample *s, wl_accuracy *out,
                                   wl_error *error) {
  uint8_t *is_harm = wl_alloc(s->n_rows);
  if (is_harm == NULL)
    return wl_fail_memory(error, s->n_rows);
  for (size_t i = 0; i < s->n_rows; i++)
    is_harm[i] = s->losses[i] > 0;
  wl_agreement harms;
  wl_status status =
      wl_agreement_certify(s->confidence, is_harm, s->groups, s->n_rows,
                           out->eps, out->delta, &harms, error);
  wl_free(is_harm);
  WL_TRY(status);
  out->k = harms.k;
  out->threshold = harms.threshold;
  return WL_OK;
}

/* Harms and gains among the rows above one threshold and not the one before. */
typedef struct step {
  uint64_t n_harms, n_gains;
} step;

/* The first threshold that the confidence is above; n_thresholds: none. */
static size_t first_below(const double *thresholds, size_t n_thresholds,
                          double confidence) {
  size_t low = 0, high = n_thresholds;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (confidence > thresholds[middle])
      high = middle;
    else
      low = middle + 1;
  }
  return low;
}

static wl_status certify_trinomial(const sample *s, const double *thresholds,
                                   size_t n_thresholds, wl_accuracy *out,
                                   wl_error *error) {
  step *steps = wl_calloc(n_thresholds, sizeof *steps);
  if (steps == NULL)
    return wl_fail_memory(error, n_thresholds * sizeof *steps);
  for (size_t i = 0; i < s->n_rows; i++) {
    if (s->losses[i] == 0 || !has_row(s, i))
      continue;
    size_t j = first_below(thresholds, n_thresholds, s->confidence[i]);
    if (j == n_thresholds)
      continue;
    steps[j].n_harms += s->losses[i] > 0;
    steps[j].n_gains += s->losses[i] < 0;
  }
  uint64_t n_harms = 0, n_gains = 0;
  for (size_t j = 0; j < n_thresholds; j++) {
    n_harms += steps[j].n_harms;
    n_gains += steps[j].n_gains;
    bool is_new = j == 0 || steps[j].n_harms + steps[j].n_gains != 0;
    double p = is_new ? wl_trinomial_p_value(n_harms, n_gains, out->n_rows,
                                             out->eps, out->delta)
                      : out->p_value;
    if (!(p <= out->delta))
      break;
    out->p_value = p;
    out->threshold = thresholds[j];
    out->n_passed = j + 1;
  }
  wl_free(steps);
  return WL_OK;
}

/* ---- the certificate -------------------------------------------------------
 */

/* With `method` NULL, chosen by the number of rows that count. */
static wl_status certify(sample s, const wl_accuracy_method *method,
                         const double *thresholds, size_t n_thresholds,
                         double eps, double delta, wl_accuracy *out,
                         wl_error *error) {
  *out = (wl_accuracy){.eps = eps,
                       .delta = delta,
                       .threshold = (double)INFINITY,
                       .k = -1,
                       .p_value = 1};
  WL_TRY(
      check_arguments(s.n_rows, thresholds, n_thresholds, eps, delta, error));
  out->rows_needed = wl_agreement_rows_needed(eps, delta);
  uint8_t *counts = NULL;
  wl_status status = WL_OK;
  if (s.groups != NULL) {
    counts = wl_alloc(s.n_rows);
    if (counts == NULL)
      return wl_fail_memory(error, s.n_rows);
    s.counts = counts;
    WL_TRY_DONE(status,
                wl_agreement_first_rows(s.groups, s.n_rows, counts, error));
  }
  for (size_t i = 0; i < s.n_rows; i++)
    out->n_rows += has_row(&s, i);
  out->method =
      method != NULL ? *method : wl_accuracy_choose(out->n_rows, eps, delta);
  if (out->method == WL_ACCURACY_HARM_ONLY)
    WL_TRY_DONE(status, certify_harm_only(&s, out, error));
  else
    WL_TRY_DONE(status,
                certify_trinomial(&s, thresholds, n_thresholds, out, error));
  apply_threshold(&s, out);
done:
  wl_free(counts);
  return status;
}

wl_status wl_accuracy_certify(const double *confidence, const int8_t *losses,
                              const uint64_t *groups, size_t n_rows,
                              const double *thresholds, size_t n_thresholds,
                              double eps, double delta, wl_accuracy *out,
                              wl_error *error) {
  return certify((sample){confidence, losses, groups, NULL, n_rows}, NULL,
                 thresholds, n_thresholds, eps, delta, out, error);
}

wl_status wl_accuracy_certify_by(wl_accuracy_method method,
                                 const double *confidence, const int8_t *losses,
                                 const uint64_t *groups, size_t n_rows,
                                 const double *thresholds, size_t n_thresholds,
                                 double eps, double delta, wl_accuracy *out,
                                 wl_error *error) {
  return certify((sample){confidence, losses, groups, NULL, n_rows}, &method,
                 thresholds, n_thresholds, eps, delta, out, error);
}
