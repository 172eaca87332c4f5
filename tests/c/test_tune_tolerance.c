/*
 * test_tune_tolerance.c: the tuning job with the target of a tolerance. Its
 * event is another than agreement's, its certificate the same: on outputs that
 * are far apart exactly where labels differ, both jobs end alike.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "support.h"
#include "tune/tune.h"

enum { BLOCKS = 3, MAX_ROWS = 2000, OUTPUTS = 2 };

static const double costs[BLOCKS] = {1, 40, 60};

typedef struct rows {
  double signals[MAX_ROWS][BLOCKS];
  uint64_t groups[MAX_ROWS];
} rows;

static rows select_rows, certify_rows;

static void draw(rows *out) {
  for (size_t i = 0; i < MAX_ROWS; i++) {
    out->groups[i] = i / 2;
    for (size_t b = 0; b < BLOCKS; b++)
      out->signals[i][b] = (b == 0 ? 3 : 1) * uniform(-1, 1);
  }
}

/* An answer by labels, and by outputs that are 2 apart where those differ. */
typedef struct answers {
  double confidence[MAX_ROWS];
  int64_t approx[MAX_ROWS], full[MAX_ROWS];
  double approx_outputs[MAX_ROWS * OUTPUTS], full_outputs[MAX_ROWS * OUTPUTS];
} answers;

static void fill(const rows *r, const wl_tune_request *request, answers *a) {
  for (size_t i = 0; i < request->n_rows; i++) {
    double part = 0, whole = 0;
    for (size_t b = 0; b < BLOCKS; b++)
      whole += r->signals[i][b];
    for (size_t j = 0; j < request->n_blocks; j++)
      part += r->signals[i][request->blocks[j]];
    a->confidence[i] = fabs(part) < 1e-3 ? (double)NAN : fabs(part);
    a->approx[i] = part > 0;
    a->full[i] = whole > 0;
    for (size_t j = 0; j < OUTPUTS; j++) {
      double base = whole > 0 ? 5 : -5;
      a->full_outputs[i * OUTPUTS + j] = base;
      a->approx_outputs[i * OUTPUTS + j] = base + uniform(-1, 1);
    }
    if (a->approx[i] != a->full[i]) /* in one of them; NaN is far as well */
      a->approx_outputs[i * OUTPUTS + i % OUTPUTS] = i % 3 ? 7.5 : (double)NAN;
  }
}

static wl_status run(const wl_tune_options *options, bool has_groups,
                     wl_tune_result *result, wl_error *error) {
  static answers a;
  wl_tune *job = NULL;
  wl_status status;
  bool is_tolerance = options->target == WL_TUNE_TOLERANCE;
  WL_TRY_DONE(status, wl_tune_create(BLOCKS, costs, 100, MAX_ROWS, MAX_ROWS,
                                     options, &job, error));
  for (;;) {
    wl_tune_request request;
    wl_tune_next(job, &request);
    if (request.step == WL_TUNE_FINISHED)
      break;
    const rows *r = request.step == WL_TUNE_FIT ? &select_rows : &certify_rows;
    fill(r, &request, &a);
    wl_tune_scores scores = {.n_rows = request.n_rows,
                             .confidence = a.confidence,
                             .groups = has_groups ? r->groups : NULL};
    if (is_tolerance) {
      scores.approx_outputs = a.approx_outputs;
      scores.full_outputs = a.full_outputs;
      scores.n_outputs = OUTPUTS;
    } else {
      scores.approx_labels = a.approx;
      scores.full_labels = a.full;
    }
    WL_TRY_DONE(status, wl_tune_answer(job, &scores, error));
  }
  WL_TRY_DONE(status, wl_tune_get_result(job, result, error));
  result->blocks = NULL; /* the job's own */
done:
  wl_tune_free(job);
  return status;
}

/* 1 = 0.5 + 0.1 * |5| */
static const wl_tune_options close_by = {.target = WL_TUNE_TOLERANCE,
                                         .alpha = 0.02,
                                         .delta = 0.05,
                                         .tolerance_abs = 0.5,
                                         .tolerance_rel = 0.1};

static void check_alike(wl_tune_options options, bool has_groups) {
  wl_tune_result by_outputs, by_labels;
  draw(&select_rows);
  draw(&certify_rows);
  options.target = WL_TUNE_TOLERANCE;
  assert_int_equal(run(&options, has_groups, &by_outputs, NULL), WL_OK);
  options.target = WL_TUNE_AGREEMENT;
  assert_int_equal(run(&options, has_groups, &by_labels, NULL), WL_OK);
  assert_int_equal(by_outputs.outcome, WL_TUNE_CASCADE);
  assert_int_equal(by_outputs.candidate, by_labels.candidate);
  assert_int_equal(by_outputs.n_gates, by_labels.n_gates);
  assert_int_equal(by_labels.n_gates > 1, options.max_gates > 1);
  for (size_t g = 0; g < by_labels.n_gates; g++)
    assert_true(by_outputs.gates[g].threshold == by_labels.gates[g].threshold);
  const wl_tune_certificate *c = &by_outputs.certificate,
                            *d = &by_labels.certificate;
  assert_int_equal(c->kind, WL_TUNE_TOLERANCE);
  assert_true(c->target == d->target);
  assert_int_equal(c->n_rows, d->n_rows);
  assert_int_equal(c->k, d->k);
  assert_int_equal(c->n_wrong, d->n_wrong);
  assert_int_equal(c->n_disagreements, d->n_disagreements);
  assert_true(c->n_wrong > 0 && c->n_disagreements > c->n_wrong);
  assert_non_null(strstr(by_outputs.message, "0.98 within the tolerance"));
}

static void outputs_that_are_far_count_as_other_labels_do(void **state) {
  (void)state;
  check_alike(close_by, false);
}

static void rows_of_a_group_count_once(void **state) {
  (void)state;
  check_alike(close_by, true);
}

static void several_gates_count_them_as_well(void **state) {
  (void)state;
  wl_tune_options options = close_by;
  options.is_nested = true;
  options.max_gates = WL_TUNE_MAX_GATES;
  check_alike(options, false);
}

static void answers_and_options_without_outputs_are_refused(void **state) {
  (void)state;
  static answers a;
  wl_tune *job;
  wl_error error;
  wl_tune_request request;
  assert_int_equal(
      wl_tune_create(BLOCKS, costs, 1, 100, 1000, &close_by, &job, NULL),
      WL_OK);
  wl_tune_next(job, &request);
  wl_tune_scores scores = {.n_rows = 100,
                           .confidence = a.confidence,
                           .approx_labels = a.approx,
                           .full_labels = a.full,
                           .approx_outputs = a.approx_outputs};
  assert_int_equal(wl_tune_answer(job, &scores, &error), WL_ERROR_VALUE);
  assert_non_null(strstr(error.message, "lacks its outputs"));
  scores.full_outputs = a.full_outputs;
  assert_int_equal(wl_tune_answer(job, &scores, &error), WL_ERROR_VALUE);
  scores.n_outputs = OUTPUTS;
  assert_int_equal(wl_tune_answer(job, &scores, &error), WL_OK);
  wl_tune_free(job);
  wl_tune_options options = close_by;
  options.tolerance_rel = (double)NAN;
  assert_int_equal(
      wl_tune_create(BLOCKS, costs, 1, 100, 1000, &options, &job, &error),
      WL_ERROR_VALUE);
  assert_non_null(strstr(error.message, "tolerance"));
}

static void every_failed_allocation_is_reported(void **state) {
  (void)state;
  draw(&select_rows);
  draw(&certify_rows);
  wl_status status = WL_ERROR_MEMORY;
  for (long n = 0; status != WL_OK; n++) {
    wl_tune_result result;
    calls_left = n;
    status = run(&close_by, true, &result, NULL);
    assert_true(status == WL_OK ? n > 9 : status == WL_ERROR_MEMORY);
    assert_int_equal(n_live_blocks, 0);
  }
  calls_left = -1;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      memory_test(outputs_that_are_far_count_as_other_labels_do),
      memory_test(rows_of_a_group_count_once),
      memory_test(several_gates_count_them_as_well),
      memory_test(answers_and_options_without_outputs_are_refused),
      memory_test(every_failed_allocation_is_reported),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
