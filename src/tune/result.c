/*
 * result.c: how a tuning job ends, in figures and words, and what it tried.
 */
#include <stdio.h>

#include "tune/job.h"

static const char *const outcome_names[] = {
    "cascade", "too few rows", "not cheaper", "one block", "no model"};
_Static_assert(WL_COUNT_OF(outcome_names) == WL_TUNE_OUTCOME_COUNT,
               "a name for every outcome");

const char *wl_tune_outcome_name(wl_tune_outcome outcome) {
  if ((unsigned)outcome >= WL_TUNE_OUTCOME_COUNT)
    return "unknown";
  return outcome_names[outcome];
}

wl_tune_point wl_tune_point_of(const wl_curve_point *point, size_t n) {
  return (wl_tune_point){.share_leaving = (double)point->n_leaving / (double)n,
                         .share_wrong = (double)point->n_wrong / (double)n,
                         .bound = point->bound};
}

void wl_tune_finish(wl_tune *job, wl_tune_outcome outcome) {
  wl_tune_result *r = &job->result;
  const wl_tune_certificate *c = &r->certificate;
  job->is_finished = true;
  r->outcome = outcome;
  char *text = r->message, promise[64];
  size_t size = sizeof r->message;
  job->kind->describe(c->target, promise, sizeof promise);
  switch (outcome) {
  case WL_TUNE_CASCADE:
    (void)snprintf(text, size,
                   "%s with confidence %g, certified on %llu rows; %.1f %% of "
                   "them leave before the last stage",
                   promise, c->confidence, (unsigned long long)c->n_rows,
                   100 * c->share_leaving);
    break;
  case WL_TUNE_TOO_FEW_ROWS:
    (void)snprintf(text, size,
                   "%llu rows are too few to certify %s with confidence %g: "
                   "it takes %llu%s",
                   (unsigned long long)c->n_rows, promise, c->confidence,
                   (unsigned long long)c->rows_needed, job->kind->rows_note);
    break;
  case WL_TUNE_NOT_CHEAPER:
    (void)snprintf(
        text, size,
        "no cascade at %s is cheaper than the exact pipeline (a cost "
        "of %g a row); a weaker target may allow one",
        promise, r->exact_cost);
    break;
  case WL_TUNE_ONE_BLOCK:
    (void)snprintf(text, size,
                   "the pipeline has one block of features: there is nothing "
                   "that a first stage could leave out");
    break;
  case WL_TUNE_NO_MODEL:
  case WL_TUNE_OUTCOME_COUNT:
    (void)snprintf(text, size, "no approximate model could be trained");
    break;
  }
}

wl_status wl_tune_get_result(const wl_tune *job, wl_tune_result *result,
                             wl_error *error) {
  if (!job->is_finished)
    return wl_fail(error, WL_ERROR_VALUE,
                   "tune: the job is not finished; answer its requests first");
  *result = job->result;
  return WL_OK;
}

size_t wl_tune_n_candidates(const wl_tune *job) { return job->n_candidates; }

const wl_tune_candidate *wl_tune_get_candidate(const wl_tune *job, size_t i) {
  return i < job->n_candidates ? &job->candidates[i] : NULL;
}
