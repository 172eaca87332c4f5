/* target.c: the targets that a tuning job can certify (see target.h). */
#include <math.h>
#include <stdio.h>

#include "stats/accuracy.h"
#include "stats/binomial.h"
#include "stats/tolerance.h"
#include "tune/target.h"

/* The order statistic with a k in proportion, which promises nothing. */
static wl_status at_share(const wl_tune_sample *s, const uint8_t *events,
                          double permitted, wl_agreement *a, wl_error *error) {
  return wl_agreement_at_k(s->confidence, events, NULL, s->n,
                           (int64_t)(permitted * (double)s->n), a, error);
}

/* ---- agreement -------------------------------------------------------------
 */

static double agreement_figure(double alpha) { return 1 - alpha; }

static void describe_agreement(double figure, char *text, size_t size) {
  (void)snprintf(text, size, "an agreement of at least %g", figure);
}

static bool announce_agreement(wl_tune_certificate *c, uint64_t n_rows,
                               double alpha, double delta) {
  c->method = "exact binomial order statistic";
  c->k = wl_binomial_max_k(n_rows, alpha, delta);
  return c->k >= 0;
}

static const char *lacks_labels(const wl_tune_scores *scores) {
  bool has_both = scores->approx_labels != NULL && scores->full_labels != NULL;
  return has_both ? NULL : "its labels";
}

static wl_status count_agreement(const wl_tune_scores *scores,
                                 const wl_tune_options *options, int8_t *losses,
                                 wl_error *error) {
  (void)options;
  (void)error;
  for (size_t i = 0; i < scores->n_rows; i++)
    losses[i] = scores->approx_labels[i] != scores->full_labels[i];
  return WL_OK;
}

void wl_tune_verdict_agreement(const wl_agreement *a,
                               wl_tune_verdict *verdict) {
  verdict->has_enough_rows = a->k >= 0;
  verdict->threshold = a->threshold;
  wl_tune_certificate *c = &verdict->certificate;
  c->n_rows = a->n_rows;
  c->k = a->k;
  c->n_disagreements = a->n_disagreements;
  c->n_leaving = a->n_leaving;
  c->n_wrong = a->n_wrong;
  c->share_leaving = a->share_leaving;
}

static wl_status certify_agreement(const wl_tune_sample *s,
                                   const wl_tune_options *options,
                                   const wl_tune_sequence *sequence,
                                   wl_tune_verdict *verdict, wl_error *error) {
  (void)sequence;
  wl_agreement a;
  WL_TRY(wl_agreement_certify(s->confidence, (const uint8_t *)s->losses, NULL,
                              s->n, options->alpha, options->delta, &a, error));
  wl_tune_verdict_agreement(&a, verdict);
  return WL_OK;
}

static wl_status compare_agreement(const wl_tune_sample *s,
                                   const wl_tune_options *options,
                                   double permitted, wl_tune_sequence *sequence,
                                   wl_tune_verdict *verdict, wl_error *error) {
  WL_TRY(certify_agreement(s, options, sequence, verdict, error));
  if (verdict->has_enough_rows)
    return WL_OK;
  wl_agreement a;
  WL_TRY(at_share(s, (const uint8_t *)s->losses, permitted, &a, error));
  wl_tune_verdict_agreement(&a, verdict);
  return WL_OK;
}

/* ---- lost accuracy ---------------------------------------------------------
 */

static double accuracy_figure(double alpha) { return alpha; }

static void describe_accuracy(double figure, char *text, size_t size) {
  (void)snprintf(text, size, "a loss of accuracy of at most %g", figure);
}

static const char *accuracy_method_name(wl_accuracy_method method) {
  return method == WL_ACCURACY_HARM_ONLY
             ? "exact binomial order statistic of harms alone"
             : "trinomial test (Berger-Boos) in a fixed sequence of thresholds";
}

static bool announce_accuracy(wl_tune_certificate *c, uint64_t n_rows,
                              double alpha, double delta) {
  wl_accuracy_method method = wl_accuracy_choose(n_rows, alpha, delta);
  bool is_harm_only = method == WL_ACCURACY_HARM_ONLY;
  int64_t k = wl_binomial_max_k(n_rows, alpha, delta);
  c->method = accuracy_method_name(method);
  c->k = is_harm_only ? k : -1;
  c->has_p_value = !is_harm_only;
  c->p_value = 1;
  return k >= 0;
}

static const char *lacks_true_labels(const wl_tune_scores *scores) {
  return scores->true_labels == NULL ? "the true labels" : lacks_labels(scores);
}

static wl_status count_accuracy(const wl_tune_scores *scores,
                                const wl_tune_options *options, int8_t *losses,
                                wl_error *error) {
  (void)options;
  (void)error;
  for (size_t i = 0; i < scores->n_rows; i++) {
    int64_t truth = scores->true_labels[i];
    losses[i] = (int8_t)((scores->full_labels[i] == truth) -
                         (scores->approx_labels[i] == truth));
  }
  return WL_OK;
}

static wl_status certify_accuracy(const wl_tune_sample *s,
                                  const wl_tune_options *options,
                                  const wl_tune_sequence *sequence,
                                  wl_tune_verdict *verdict, wl_error *error) {
  wl_accuracy a;
  WL_TRY(wl_accuracy_certify(s->confidence, s->losses, NULL, s->n,
                             sequence->values, WL_TUNE_THRESHOLDS,
                             options->alpha, options->delta, &a, error));
  bool is_harm_only = a.method == WL_ACCURACY_HARM_ONLY;
  verdict->has_enough_rows = !is_harm_only || a.k >= 0;
  verdict->threshold = a.threshold;
  wl_tune_certificate *c = &verdict->certificate;
  c->method = accuracy_method_name(a.method);
  c->n_rows = a.n_rows;
  c->k = a.k;
  c->has_p_value = !is_harm_only;
  c->p_value = a.p_value;
  c->n_disagreements = s->n_differing;
  c->n_leaving = a.n_leaving;
  c->n_harms = a.n_harms;
  c->n_gains = a.n_gains;
  c->share_leaving = a.share_leaving;
  return WL_OK;
}

static wl_status compare_accuracy(const wl_tune_sample *s,
                                  const wl_tune_options *options,
                                  double permitted, wl_tune_sequence *sequence,
                                  wl_tune_verdict *verdict, wl_error *error) {
  WL_TRY(wl_accuracy_thresholds(s->confidence, s->n, WL_TUNE_THRESHOLDS,
                                sequence->values, error));
  WL_TRY(certify_accuracy(s, options, sequence, verdict, error));
  if (verdict->has_enough_rows)
    return WL_OK;
  uint8_t *is_harm = wl_alloc(s->n);
  if (is_harm == NULL)
    return wl_fail_memory(error, s->n);
  for (size_t i = 0; i < s->n; i++)
    is_harm[i] = s->losses[i] > 0;
  wl_agreement a;
  wl_status status = at_share(s, is_harm, permitted, &a, error);
  wl_free(is_harm);
  WL_TRY(status);
  verdict->threshold = a.threshold;
  verdict->certificate.share_leaving = a.share_leaving;
  return WL_OK;
}

/* ---- outputs that are close
 * --------------------------------------------------
 */

static void describe_tolerance(double figure, char *text, size_t size) {
  (void)snprintf(text, size, "a share of at least %g within the tolerance",
                 figure);
}

static const char *lacks_outputs(const wl_tune_scores *scores) {
  bool has_both = scores->approx_outputs != NULL &&
                  scores->full_outputs != NULL && scores->n_outputs != 0;
  return has_both ? NULL : "its outputs";
}

static wl_status count_tolerance(const wl_tune_scores *scores,
                                 const wl_tune_options *options, int8_t *losses,
                                 wl_error *error) {
  return wl_tolerance_differs(scores->approx_outputs, scores->full_outputs,
                              scores->n_rows, scores->n_outputs,
                              options->tolerance_abs, options->tolerance_rel,
                              (uint8_t *)losses, error);
}

/* ---- a metric of the caller's ----------------------------------------------
 */

/* The fewest rows that a bootstrap is asked about. */
enum { ESTIMATED_ROWS = 100 };

static uint64_t estimated_rows_needed(double alpha, double delta) {
  (void)alpha;
  (void)delta;
  return ESTIMATED_ROWS;
}

static void describe_estimated(double figure, char *text, size_t size) {
  (void)snprintf(text, size, "an estimated loss of at most %g", figure);
}

static bool announce_estimated(wl_tune_certificate *c, uint64_t n_rows,
                               double alpha, double delta) {
  (void)alpha;
  (void)delta;
  c->method = "paired bootstrap: estimated, not certified";
  c->k = -1;
  return n_rows >= ESTIMATED_ROWS;
}

static const char *lacks_threshold(const wl_tune_scores *scores) {
  return isnan(scores->threshold) ? "its threshold" : NULL;
}

static wl_status count_estimated(const wl_tune_scores *scores,
                                 const wl_tune_options *options, int8_t *losses,
                                 wl_error *error) {
  if (lacks_labels(scores) == NULL)
    return count_agreement(scores, options, losses, error);
  memset(losses, 0, scores->n_rows);
  return WL_OK;
}

static wl_status take_threshold(const wl_tune_sample *s,
                                const wl_tune_options *options,
                                const wl_tune_sequence *sequence,
                                wl_tune_verdict *verdict, wl_error *error) {
  (void)options;
  (void)sequence;
  (void)error;
  verdict->has_enough_rows = true;
  verdict->threshold = s->threshold;
  wl_tune_certificate *c = &verdict->certificate;
  c->n_rows = s->n;
  c->k = -1;
  c->n_disagreements = s->n_differing;
  c->n_leaving = c->n_wrong = 0;
  for (size_t i = 0; i < s->n; i++)
    if (s->confidence[i] > s->threshold) {
      c->n_leaving++;
      c->n_wrong += s->losses[i] != 0;
    }
  c->share_leaving = (double)c->n_leaving / (double)s->n;
  return WL_OK;
}

static wl_status compare_estimated(const wl_tune_sample *s,
                                   const wl_tune_options *options,
                                   double permitted, wl_tune_sequence *sequence,
                                   wl_tune_verdict *verdict, wl_error *error) {
  (void)permitted;
  return take_threshold(s, options, sequence, verdict, error);
}

/* ---- the table -------------------------------------------------------------
 */

static const wl_tune_kind kinds[] = {
    [WL_TUNE_AGREEMENT] =
        {
            .name = "agreement",
            .max_gates = WL_TUNE_MAX_GATES,
            .has_labels = true,
            .rows_note = " (labels are not needed)",
            .rows_needed = wl_agreement_rows_needed,
            .figure = agreement_figure,
            .describe = describe_agreement,
            .announce = announce_agreement,
            .lacks = lacks_labels,
            .count = count_agreement,
            .compare = compare_agreement,
            .certify = certify_agreement,
        },
    [WL_TUNE_ACCURACY] =
        {
            .name = "accuracy",
            .max_gates = 1,
            .has_labels = true,
            .rows_note = " (with their labels)",
            .rows_needed = wl_agreement_rows_needed,
            .figure = accuracy_figure,
            .describe = describe_accuracy,
            .announce = announce_accuracy,
            .lacks = lacks_true_labels,
            .count = count_accuracy,
            .compare = compare_accuracy,
            .certify = certify_accuracy,
        },
    [WL_TUNE_TOLERANCE] =
        {
            .name = "tolerance",
            .max_gates = WL_TUNE_MAX_GATES,
            .rows_note = " (labels are not needed)",
            .rows_needed = wl_agreement_rows_needed,
            .figure = agreement_figure,
            .describe = describe_tolerance,
            .announce = announce_agreement,
            .lacks = lacks_outputs,
            .count = count_tolerance,
            .compare = compare_agreement,
            .certify = certify_agreement,
        },
    [WL_TUNE_ESTIMATED] =
        {
            .name = "estimated",
            .max_gates = 1,
            .is_estimated = true,
            .rows_note = " (with their labels)",
            .rows_needed = estimated_rows_needed,
            .figure = accuracy_figure,
            .describe = describe_estimated,
            .announce = announce_estimated,
            .lacks = lacks_threshold,
            .count = count_estimated,
            .compare = compare_estimated,
            .certify = take_threshold,
        },
};
_Static_assert(WL_COUNT_OF(kinds) == WL_TUNE_TARGET_COUNT,
               "an entry for every target");

const wl_tune_kind *wl_tune_kind_of(wl_tune_target target) {
  return (unsigned)target < WL_TUNE_TARGET_COUNT ? &kinds[target] : NULL;
}

const char *wl_tune_target_name(wl_tune_target target) {
  const wl_tune_kind *kind = wl_tune_kind_of(target);
  return kind != NULL ? kind->name : "unknown";
}
