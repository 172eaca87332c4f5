/*
 * test_tune_choice.c: what a tuning job's caller chooses with its help: which
 * of a model's confidences to answer with, a first stage of all blocks by a
 * model of its own, and the threshold of a metric that only the caller
 * computes.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "support.h"
#include "tune/tune.h"

enum { N_SELECT = 600, N_CERTIFY = 2000, MAX_BLOCKS = 8 };

static const double costs[MAX_BLOCKS] = {1, 2, 3, 4, 5, 6, 7, 8};

static const wl_tune_options agreement = {
    .target = WL_TUNE_AGREEMENT, .alpha = 0.05, .delta = 0.05};

/* Labels that differ less often the larger `good` is; `bad` says nothing. */
static struct {
  double good[N_CERTIFY], bad[N_CERTIFY];
  int64_t approx[N_CERTIFY], full[N_CERTIFY];
} rows;

static void draw(void) {
  for (size_t i = 0; i < N_CERTIFY; i++) {
    rows.good[i] = uniform(0, 1);
    rows.bad[i] = uniform(0, 1);
    rows.full[i] = uniform(0, 1) < 0.5;
    bool differs = uniform(0, 1) < 0.6 * (1 - rows.good[i]);
    rows.approx[i] = differs ? 1 - rows.full[i] : rows.full[i];
  }
}

static wl_tune_scores scores_of(size_t n_rows, const double *confidence) {
  return (wl_tune_scores){.n_rows = n_rows,
                          .confidence = confidence,
                          .approx_labels = rows.approx,
                          .full_labels = rows.full,
                          .threshold = (double)NAN};
}

static wl_tune *created(size_t n_blocks, const wl_tune_options *options) {
  wl_tune *job;
  assert_int_equal(wl_tune_create(n_blocks, costs, 100, N_SELECT, N_CERTIFY,
                                  options, &job, NULL),
                   WL_OK);
  return job;
}

static void weighing_tells_the_cost_and_records_nothing(void **state) {
  (void)state;
  draw();
  wl_tune *job = created(2, &agreement);
  wl_tune_request request, again;
  wl_tune_next(job, &request);
  double good, bad;
  wl_tune_scores by_good = scores_of(N_SELECT, rows.good),
                 by_bad = scores_of(N_SELECT, rows.bad);
  assert_int_equal(wl_tune_weigh(job, &by_good, &good, NULL), WL_OK);
  assert_int_equal(wl_tune_weigh(job, &by_bad, &bad, NULL), WL_OK);
  assert_true(good < bad);
  const wl_tune_candidate *c = wl_tune_get_candidate(job, request.candidate);
  assert_int_equal(c->state, WL_TUNE_QUEUED);
  wl_tune_next(job, &again);
  assert_int_equal(again.candidate, request.candidate);
  assert_int_equal(wl_tune_answer(job, &by_good, NULL), WL_OK);
  assert_true(c->expected_cost == good);
  wl_tune_free(job);
}

static void a_failed_allocation_of_weighing_leaves_the_request(void **state) {
  (void)state;
  draw();
  wl_tune *job = created(2, &agreement);
  wl_tune_request request;
  wl_tune_next(job, &request);
  wl_tune_scores scores = scores_of(N_SELECT, rows.good);
  double wanted, cost;
  wl_error error;
  assert_int_equal(wl_tune_weigh(job, &scores, &wanted, NULL), WL_OK);
  long n_failed = 0, n_blocks = n_live_blocks;
  for (;; n_failed++) {
    calls_left = n_failed;
    wl_status status = wl_tune_weigh(job, &scores, &cost, &error);
    calls_left = -1;
    assert_true(n_failed < 100);
    assert_int_equal(n_live_blocks, n_blocks);
    assert_int_equal(wl_tune_get_candidate(job, request.candidate)->state,
                     WL_TUNE_QUEUED);
    if (status == WL_OK)
      break;
    assert_int_equal(status, WL_ERROR_MEMORY);
    assert_int_equal(error.code, WL_ERROR_MEMORY);
    assert_true(isinf(cost));
  }
  assert_true(n_failed > 0); /* or nothing is allocated, and nothing tested */
  assert_true(cost == wanted);
  assert_int_equal(wl_tune_answer(job, &scores, NULL), WL_OK);
  wl_tune_free(job);
}

static void only_answers_to_a_request_to_fit_are_weighed(void **state) {
  (void)state;
  draw();
  wl_tune *job = created(2, &agreement);
  wl_tune_request request;
  wl_error error;
  double cost;
  wl_tune_scores select = scores_of(N_SELECT, rows.good),
                 certify = scores_of(N_CERTIFY, rows.good);
  assert_int_equal(wl_tune_weigh(job, &select, &cost, &error), WL_ERROR_VALUE);
  assert_non_null(strstr(error.message, "without a request"));
  wl_tune_next(job, &request);
  assert_int_equal(wl_tune_weigh(job, &certify, &cost, &error), WL_ERROR_VALUE);
  assert_true(isinf(cost));
  while (request.step == WL_TUNE_FIT) {
    assert_int_equal(wl_tune_answer(job, &select, NULL), WL_OK);
    wl_tune_next(job, &request);
  }
  assert_int_equal(request.step, WL_TUNE_CERTIFY);
  assert_int_equal(wl_tune_weigh(job, &certify, &cost, &error), WL_ERROR_VALUE);
  assert_non_null(strstr(error.message, "request to fit"));
  wl_tune_free(job);
}

/* How many blocks the largest candidate has. */
static size_t largest_candidate(size_t n_blocks, bool has_own_model,
                                double model_cost, wl_tune_outcome *outcome) {
  wl_tune_options options = agreement;
  options.n_models = 1 + (size_t)has_own_model;
  options.search_model = has_own_model;
  options.model_cost = model_cost;
  wl_tune *job = created(n_blocks, &options);
  size_t largest = 0;
  for (;;) {
    wl_tune_request request;
    wl_tune_next(job, &request);
    if (request.step == WL_TUNE_FINISHED)
      break;
    if (request.n_blocks > largest)
      largest = request.n_blocks;
    wl_tune_scores scores = scores_of(request.n_rows, rows.good);
    assert_int_equal(wl_tune_answer(job, &scores, NULL), WL_OK);
  }
  wl_tune_result result;
  assert_int_equal(wl_tune_get_result(job, &result, NULL), WL_OK);
  *outcome = result.outcome;
  wl_tune_free(job);
  return largest;
}

static void a_model_of_its_own_may_read_all_blocks(void **state) {
  (void)state;
  wl_tune_outcome outcome;
  draw();
  static const size_t sizes[] = {1, 3, 6, MAX_BLOCKS};
  for (size_t i = 0; i < WL_COUNT_OF(sizes); i++) {
    size_t n = sizes[i];
    assert_int_equal(largest_candidate(n, true, 1000, &outcome), n);
    assert_int_equal(outcome, WL_TUNE_CASCADE);
    assert_true(largest_candidate(n, false, 1000, &outcome) < n);
    assert_int_equal(outcome == WL_TUNE_ONE_BLOCK, n == 1);
  }
  /* With nothing left to save it is not tried. */
  assert_int_equal(largest_candidate(1, true, 0, &outcome), 0);
  assert_int_equal(outcome, WL_TUNE_NOT_CHEAPER);
}

static wl_status run_estimated(double threshold, size_t n_certify,
                               wl_tune_result *result, wl_error *error) {
  const wl_tune_options options = {
      .target = WL_TUNE_ESTIMATED, .alpha = 2.5, .delta = 0.05};
  wl_tune *job = NULL;
  wl_status status;
  WL_TRY_DONE(status, wl_tune_create(2, costs, 100, N_SELECT, n_certify,
                                     &options, &job, error));
  for (;;) {
    wl_tune_request request;
    wl_tune_next(job, &request);
    if (request.step == WL_TUNE_FINISHED)
      break;
    wl_tune_scores scores = scores_of(request.n_rows, rows.good);
    scores.threshold = request.step == WL_TUNE_FIT ? 0.25 : threshold;
    if (request.step == WL_TUNE_FIT) /* as of numbers, which have no labels */
      scores.approx_labels = scores.full_labels = NULL;
    WL_TRY_DONE(status, wl_tune_answer(job, &scores, error));
  }
  WL_TRY_DONE(status, wl_tune_get_result(job, result, error));
  result->blocks = NULL; /* the job's own */
done:
  wl_tune_free(job);
  return status;
}

static void the_callers_threshold_is_taken(void **state) {
  (void)state;
  draw();
  wl_tune_result r;
  wl_error error;
  assert_int_equal(run_estimated(0.25, N_CERTIFY, &r, NULL), WL_OK);
  size_t n_leaving = 0, n_wrong = 0;
  for (size_t i = 0; i < N_CERTIFY; i++)
    if (rows.good[i] > 0.25) {
      n_leaving++;
      n_wrong += rows.approx[i] != rows.full[i];
    }
  assert_int_equal(r.outcome, WL_TUNE_CASCADE);
  assert_true(r.threshold == 0.25 && r.certificate.target == 2.5);
  assert_int_equal(r.certificate.n_leaving, n_leaving);
  assert_int_equal(r.certificate.n_wrong, n_wrong);
  assert_non_null(strstr(r.certificate.method, "not certified"));
  assert_non_null(strstr(r.message, "an estimated loss of at most 2.5"));
  assert_int_equal(run_estimated((double)INFINITY, N_CERTIFY, &r, NULL), WL_OK);
  assert_int_equal(r.outcome, WL_TUNE_NOT_CHEAPER);
  assert_int_equal(run_estimated(0.25, 99, &r, NULL), WL_OK);
  assert_int_equal(r.outcome, WL_TUNE_TOO_FEW_ROWS);
  assert_int_equal(r.certificate.rows_needed, 100);
  assert_int_equal(run_estimated((double)NAN, N_CERTIFY, &r, &error),
                   WL_ERROR_VALUE);
  assert_non_null(strstr(error.message, "lacks its threshold"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      memory_test(weighing_tells_the_cost_and_records_nothing),
      memory_test(a_failed_allocation_of_weighing_leaves_the_request),
      memory_test(only_answers_to_a_request_to_fit_are_weighed),
      memory_test(a_model_of_its_own_may_read_all_blocks),
      memory_test(the_callers_threshold_is_taken),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
