/*
 * test_tune_accuracy.c: the tuning job with the target of lost accuracy. A row
 * has three signals; its true label is the sign of their sum with noise, the
 * full model weighs them in its own way, the approximate model of a subset sums
 * the subset's. Select and certify rows are drawn from a finite population with
 * replacement, so that what a cascade loses is counted, over all of it.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "simulation.h"
#include "stats/binomial.h"
#include "stats/trinomial.h"
#include "support.h"
#include "tune/tune.h"

enum { BLOCKS = 3, POPULATION = 20000, MAX_ROWS = 4000, N_FIT = 1000 };

typedef struct world {
  double scales[BLOCKS], weights[BLOCKS]; /* of the signals; the full model's */
  double noise;
  double costs[BLOCKS];
  size_t n_select, n_certify;
  wl_tune_options options;
} world;

static double signals[POPULATION][BLOCKS];
static int64_t full[POPULATION], truth[POPULATION];

static void draw_population(const world *w) {
  restart_random();
  for (size_t i = 0; i < POPULATION; i++) {
    double sum = 0, score = 0;
    for (size_t b = 0; b < BLOCKS; b++) {
      double bell = uniform(-1, 1) + uniform(-1, 1) + uniform(-1, 1);
      signals[i][b] = w->scales[b] * bell;
      sum += signals[i][b];
      score += w->weights[b] * signals[i][b];
    }
    full[i] = score > 0;
    truth[i] = sum + w->noise * (uniform(-1, 1) + uniform(-1, 1)) > 0;
  }
}

typedef struct sample {
  size_t n;
  uint32_t rows[MAX_ROWS];
} sample;

static void draw(sample *out, size_t n) {
  out->n = n;
  for (size_t i = 0; i < n; i++)
    out->rows[i] = (uint32_t)(random_bits() % POPULATION);
}

static double part_of(size_t row, const uint32_t *blocks, size_t n_blocks) {
  double part = 0;
  for (size_t j = 0; j < n_blocks; j++)
    part += signals[row][blocks[j]];
  return part;
}

/* NaN near nothing, as of scores that are missing. */
static double confidence_of(double part) {
  return fabs(part) < 1e-3 ? (double)NAN : fabs(part);
}

static int loss_of(size_t row, int64_t approx) {
  return (full[row] == truth[row]) - (approx == truth[row]);
}

typedef struct drive {
  wl_tune_result result;
  uint32_t blocks[BLOCKS]; /* the winner's, copied */
  size_t n_fits, n_certified, n_skipped, skipped;
} drive;

static wl_status answer(wl_tune *job, const wl_tune_request *request,
                        const sample *s, const uint64_t *groups,
                        wl_error *error) {
  static double confidence[MAX_ROWS];
  static int64_t approx[MAX_ROWS], exact[MAX_ROWS], labels[MAX_ROWS];
  for (size_t i = 0; i < s->n; i++) {
    size_t row = s->rows[i];
    double part = part_of(row, request->blocks, request->n_blocks);
    confidence[i] = confidence_of(part);
    approx[i] = part > 0;
    exact[i] = full[row];
    labels[i] = truth[row];
  }
  wl_tune_scores scores = {.n_rows = s->n,
                           .confidence = confidence,
                           .approx_labels = approx,
                           .full_labels = exact,
                           .groups = groups,
                           .true_labels = labels};
  return wl_tune_answer(job, &scores, error);
}

/* Whether the first to be trained on all rows cannot be. */
static bool skips_a_winner;

/* The job on those samples; groups: of both, or NULL. */
static wl_status run(const world *w, const sample *select,
                     const sample *certify, const uint64_t *groups, drive *out,
                     wl_error *error) {
  *out = (drive){.n_fits = 0};
  wl_tune *job = NULL;
  wl_status status;
  WL_TRY_DONE(status, wl_tune_create(BLOCKS, w->costs, N_FIT, select->n,
                                     certify->n, &w->options, &job, error));
  for (;;) {
    wl_tune_request request;
    wl_tune_next(job, &request);
    if (request.step == WL_TUNE_FINISHED)
      break;
    bool is_fit = request.step == WL_TUNE_FIT;
    if (is_fit && skips_a_winner && request.n_rows_fit == N_FIT &&
        out->n_skipped == 0) {
      out->skipped = request.candidate;
      out->n_skipped++;
      WL_TRY_DONE(status, wl_tune_skip(job, error));
      continue;
    }
    WL_TRY_DONE(status, answer(job, &request, is_fit ? select : certify, groups,
                               error));
    *(is_fit ? &out->n_fits : &out->n_certified) += 1;
  }
  WL_TRY_DONE(status, wl_tune_get_result(job, &out->result, error));
  for (size_t i = 0; i < out->result.n_blocks; i++)
    out->blocks[i] = out->result.blocks[i];
  out->result.blocks = out->blocks;
done:
  wl_tune_free(job);
  return status;
}

static wl_status draw_and_run(const world *w, drive *out) {
  static sample select, certify;
  draw(&select, w->n_select);
  draw(&certify, w->n_certify);
  return run(w, &select, &certify, NULL, out, NULL);
}

#define ACCURACY(loss)                                                         \
  { .target = WL_TUNE_ACCURACY, .alpha = (loss), .delta = 0.05 }

/* The first block tells most, at little cost. */
static const world plain = {{3, 1, 1}, {1, 1, 1}, 0.3,           {1, 40, 60},
                            800,       3000,      ACCURACY(0.02)};

/* ---- the certificate --------------------------------------------------------
 */

typedef struct seen {
  uint64_t n_leaving, n_harms, n_gains, n_disagreements;
} seen;

/* What a result's gate does to a sample, by its definition. */
static seen count(const sample *s, const drive *d) {
  seen n = {0};
  for (size_t i = 0; i < s->n; i++) {
    double part = part_of(s->rows[i], d->blocks, d->result.n_blocks);
    int64_t approx = part > 0;
    n.n_disagreements += approx != full[s->rows[i]];
    if (!(confidence_of(part) > d->result.threshold))
      continue;
    n.n_leaving++;
    n.n_harms += loss_of(s->rows[i], approx) > 0;
    n.n_gains += loss_of(s->rows[i], approx) < 0;
  }
  return n;
}

static void check_seen(const world *w, const sample *certify, const drive *d) {
  const wl_tune_certificate *c = &d->result.certificate;
  seen n = count(certify, d);
  assert_int_equal(d->result.outcome, WL_TUNE_CASCADE);
  assert_int_equal(c->kind, WL_TUNE_ACCURACY);
  assert_true(c->target == w->options.alpha && c->confidence == 0.95);
  assert_int_equal(c->n_rows, certify->n);
  assert_int_equal(c->n_leaving, n.n_leaving);
  assert_int_equal(c->n_harms, n.n_harms);
  assert_int_equal(c->n_gains, n.n_gains);
  assert_int_equal(c->n_disagreements, n.n_disagreements);
  assert_true(c->share_leaving == (double)n.n_leaving / (double)certify->n);
}

static void the_trinomial_certificate_states_what_was_seen(void **state) {
  (void)state;
  static sample select, certify;
  draw_population(&plain);
  draw(&select, plain.n_select);
  draw(&certify, plain.n_certify);
  drive d;
  assert_int_equal(run(&plain, &select, &certify, NULL, &d, NULL), WL_OK);
  check_seen(&plain, &certify, &d);
  const wl_tune_certificate *c = &d.result.certificate;
  assert_true(c->has_p_value && c->p_value <= 0.05);
  assert_true(c->p_value == wl_trinomial_p_value(c->n_harms, c->n_gains,
                                                 c->n_rows, 0.02, 0.05));
  assert_int_equal(c->k, -1);
  assert_non_null(strstr(c->method, "trinomial"));
  assert_non_null(
      strstr(d.result.message, "a loss of accuracy of at most 0.02"));
}

static bool is_a_confidence_of(const sample *select, const drive *d) {
  for (size_t i = 0; i < select->n; i++)
    if (confidence_of(part_of(select->rows[i], d->blocks,
                              d->result.n_blocks)) == d->result.threshold)
      return true;
  return false;
}

static void thresholds_are_confidences_of_select_rows(void **state) {
  (void)state;
  static sample select, certify;
  draw_population(&plain);
  draw(&select, plain.n_select);
  draw(&certify, plain.n_certify);
  drive d;
  assert_int_equal(run(&plain, &select, &certify, NULL, &d, NULL), WL_OK);
  assert_true(is_a_confidence_of(&select, &d) ||
              d.result.threshold == -(double)INFINITY);
}

/* Its thresholds are those of its own confidences, not of the winner's. */
static void behind_a_winner_that_is_skipped_comes_the_next_best(void **state) {
  (void)state;
  static sample select, certify;
  world w = {{2, 3, 1}, {1, 1, 1}, 0.3,           {10, 12, 200},
             800,       3000,      ACCURACY(0.02)};
  w.options.n_rows_race = 300;
  draw_population(&w);
  draw(&select, w.n_select);
  draw(&certify, w.n_certify);
  drive d;
  skips_a_winner = true;
  wl_status status = run(&w, &select, &certify, NULL, &d, NULL);
  skips_a_winner = false;
  assert_int_equal(status, WL_OK);
  assert_int_equal(d.n_skipped, 1);
  assert_true(d.result.candidate != d.skipped);
  check_seen(&w, &certify, &d);
  assert_true(is_a_confidence_of(&select, &d));
}

static void harms_alone_are_bounded_where_rows_are_few(void **state) {
  (void)state;
  static sample select, certify;
  draw_population(&plain);
  draw(&select, 100);
  draw(&certify, 400);
  drive d;
  assert_int_equal(run(&plain, &select, &certify, NULL, &d, NULL), WL_OK);
  check_seen(&plain, &certify, &d);
  const wl_tune_certificate *c = &d.result.certificate;
  assert_false(c->has_p_value);
  assert_int_equal(c->k, wl_binomial_max_k(400, 0.02, 0.05));
  assert_true(c->n_harms <= (uint64_t)c->k);
  assert_non_null(strstr(c->method, "harms alone"));
}

static void the_method_depends_on_the_number_of_rows_alone(void **state) {
  (void)state;
  for (size_t n = 490; n <= 510; n++) {
    wl_tune *job;
    wl_tune_result result;
    wl_tune_request request;
    /* One block: refused before any answer. */
    assert_int_equal(
        wl_tune_create(1, plain.costs, 1, 100, n, &plain.options, &job, NULL),
        WL_OK);
    wl_tune_next(job, &request);
    assert_int_equal(wl_tune_get_result(job, &result, NULL), WL_OK);
    assert_int_equal(result.certificate.has_p_value, n >= 500);
    wl_tune_free(job);
  }
}

/* A full model that listens to noise: without a block it is more often right.
 */
static const world deaf = {{2, .5, 2}, {1, 1, -1}, 0.2,           {1, 40, 60},
                           200,        1000,       ACCURACY(0.02)};

static void where_the_first_stage_is_better_all_rows_may_leave(void **state) {
  (void)state;
  draw_population(&deaf);
  drive d;
  assert_int_equal(draw_and_run(&deaf, &d), WL_OK);
  assert_int_equal(d.result.outcome, WL_TUNE_CASCADE);
  assert_true(d.result.certificate.n_gains > d.result.certificate.n_harms);
  assert_true(d.result.certificate.share_leaving > 0.98);
}

static void rows_of_a_group_count_once_with_the_first_rows_label(void **state) {
  (void)state;
  static sample select, certify, first_select, first_certify;
  static uint64_t groups[MAX_ROWS];
  draw_population(&plain);
  draw(&select, 2000);
  draw(&certify, 4000);
  for (size_t i = 0; i < MAX_ROWS; i++)
    groups[i] = i < 2000 ? i / 2 : 1000 + i % 1000;
  sample *all[] = {&select, &certify},
         *first[] = {&first_select, &first_certify};
  for (size_t s = 0; s < 2; s++)
    for (size_t i = first[s]->n = 0; i < all[s]->n; i++)
      if (i < 2000 ? i % 2 == 0 : i < 3000)
        first[s]->rows[first[s]->n++] = all[s]->rows[i];
  drive grouped, alone;
  assert_int_equal(run(&plain, &select, &certify, groups, &grouped, NULL),
                   WL_OK);
  assert_int_equal(
      run(&plain, &first_select, &first_certify, NULL, &alone, NULL), WL_OK);
  check_seen(&plain, &first_certify, &grouped);
  assert_true(grouped.result.certificate.is_per_group);
  assert_true(grouped.result.threshold == alone.result.threshold);
  assert_true(grouped.result.certificate.p_value ==
              alone.result.certificate.p_value);
}

/* ---- no cascade -------------------------------------------------------------
 */

static void too_few_rows_are_refused_with_the_number(void **state) {
  (void)state;
  world w = plain;
  w.n_certify = 148;
  drive d;
  draw_population(&w);
  assert_int_equal(draw_and_run(&w, &d), WL_OK);
  assert_int_equal(d.result.outcome, WL_TUNE_TOO_FEW_ROWS);
  assert_int_equal(d.result.certificate.rows_needed, 149);
  assert_int_equal(d.n_fits, 0);
  assert_non_null(strstr(d.result.message, "148 rows"));
  assert_non_null(strstr(d.result.message, "takes 149 (with their labels)"));
}

static void groups_can_be_too_few(void **state) {
  (void)state;
  static sample select, certify;
  static uint64_t groups[MAX_ROWS];
  draw_population(&plain);
  draw(&select, 800);
  draw(&certify, 3000);
  for (size_t i = 0; i < MAX_ROWS; i++)
    groups[i] = i % 100;
  drive d;
  assert_int_equal(run(&plain, &select, &certify, groups, &d, NULL), WL_OK);
  assert_int_equal(d.result.outcome, WL_TUNE_TOO_FEW_ROWS);
  assert_int_equal(d.result.certificate.n_rows, 100);
}

/* Answers by hand: everything one vector of zeros but what is set. */
typedef struct answers {
  double confidence[1000];
  int64_t approx[1000], full[1000], truth[1000];
} answers;

static wl_tune_scores scores_of(const answers *a, size_t n) {
  return (wl_tune_scores){.n_rows = n,
                          .confidence = a->confidence,
                          .approx_labels = a->approx,
                          .full_labels = a->full,
                          .true_labels = a->truth};
}

static void finish(wl_tune *job, const answers *a, wl_tune_result *result) {
  wl_tune_request request;
  for (wl_tune_next(job, &request); request.step != WL_TUNE_FINISHED;
       wl_tune_next(job, &request)) {
    wl_tune_scores scores = scores_of(a, request.n_rows);
    assert_int_equal(wl_tune_answer(job, &scores, NULL), WL_OK);
  }
  assert_int_equal(wl_tune_get_result(job, result, NULL), WL_OK);
}

static void rows_without_a_confidence_never_leave(void **state) {
  (void)state;
  static answers a;
  const double costs[] = {1, 99};
  wl_tune_result result;
  for (int n_known = 0; n_known <= 500; n_known += 500) {
    for (int i = 0; i < 1000; i++)
      a.confidence[i] = i % 1000 < n_known ? 1 + i : (double)NAN;
    wl_tune *job;
    assert_int_equal(
        wl_tune_create(2, costs, 1, 1000, 1000, &plain.options, &job, NULL),
        WL_OK);
    finish(job, &a, &result);
    assert_int_equal(result.outcome,
                     n_known ? WL_TUNE_CASCADE : WL_TUNE_NOT_CHEAPER);
    assert_int_equal(result.certificate.n_leaving, n_known);
    wl_tune_free(job);
  }
}

/* Neither model is right on them, whatever they answer. */
static void labels_that_no_model_knows_cost_nothing(void **state) {
  (void)state;
  static answers a;
  const double costs[] = {1, 99};
  for (int i = 0; i < 1000; i++) {
    a.confidence[i] = i;
    a.approx[i] = i % 2;
    a.truth[i] = -1;
  }
  wl_tune *job;
  wl_tune_result result;
  assert_int_equal(
      wl_tune_create(2, costs, 1, 1000, 1000, &plain.options, &job, NULL),
      WL_OK);
  finish(job, &a, &result);
  assert_int_equal(result.outcome, WL_TUNE_CASCADE);
  assert_int_equal(result.certificate.n_harms, 0);
  assert_int_equal(result.certificate.n_gains, 0);
  assert_int_equal(result.certificate.n_disagreements, 500);
  wl_tune_free(job);
}

/* ---- misuse and memory ------------------------------------------------------
 */

static void an_answer_without_true_labels_is_refused(void **state) {
  (void)state;
  static answers a;
  const double costs[] = {1, 99};
  wl_tune *job;
  wl_error error;
  wl_tune_request request, again;
  assert_int_equal(
      wl_tune_create(2, costs, 1, 100, 1000, &plain.options, &job, NULL),
      WL_OK);
  wl_tune_next(job, &request);
  wl_tune_scores scores = scores_of(&a, 100);
  scores.true_labels = NULL;
  assert_int_equal(wl_tune_answer(job, &scores, &error), WL_ERROR_VALUE);
  assert_non_null(strstr(error.message, "true labels"));
  scores = scores_of(&a, 99);
  assert_int_equal(wl_tune_answer(job, &scores, &error), WL_ERROR_VALUE);
  assert_non_null(strstr(error.message, "99 rows, not 100"));
  wl_tune_next(job, &again);
  assert_int_equal(again.candidate, request.candidate);
  scores = scores_of(&a, 100);
  assert_int_equal(wl_tune_answer(job, &scores, &error), WL_OK);
  wl_tune_free(job);
}

static void create_refuses_what_the_target_cannot_be(void **state) {
  (void)state;
  wl_tune *job;
  wl_error error;
  wl_tune_options o = plain.options;
  o.is_nested = true;
  o.max_gates = 2;
  assert_int_equal(wl_tune_create(3, plain.costs, 1, 9, 900, &o, &job, &error),
                   WL_ERROR_VALUE);
  assert_non_null(strstr(error.message, "2 gates"));
  o = plain.options;
  o.alpha = 1.5;
  assert_int_equal(wl_tune_create(3, plain.costs, 1, 9, 900, &o, &job, &error),
                   WL_ERROR_VALUE);
  assert_non_null(strstr(error.message, "accuracy"));
  assert_non_null(strstr(error.message, "not 1.5"));
  o = plain.options;
  o.target = WL_TUNE_TARGET_COUNT;
  assert_int_equal(wl_tune_create(3, plain.costs, 1, 9, 900, &o, &job, &error),
                   WL_ERROR_VALUE);
  assert_null(job);
  assert_string_equal(wl_tune_target_name(WL_TUNE_ACCURACY), "accuracy");
  assert_string_equal(wl_tune_target_name(WL_TUNE_TARGET_COUNT), "unknown");
}

static void every_failed_allocation_is_reported(void **state) {
  (void)state;
  static sample select, certify;
  static uint64_t groups[MAX_ROWS];
  draw_population(&plain);
  draw(&select, 600);
  for (size_t i = 0; i < MAX_ROWS; i++)
    groups[i] = i;
  for (size_t size = 300; size <= 900; size += 600) { /* by either method */
    draw(&certify, size);
    wl_status status = WL_ERROR_MEMORY;
    for (long n = 0; status != WL_OK; n++) {
      drive d;
      calls_left = n;
      status = run(&plain, &select, &certify, groups, &d, NULL);
      assert_true(status == WL_OK ? n > 9 : status == WL_ERROR_MEMORY);
      assert_int_equal(n_live_blocks, 0);
    }
    calls_left = -1;
  }
}

/* ---- the promise ------------------------------------------------------------
 */

static double true_loss(const drive *d) {
  int64_t sum = 0;
  for (size_t row = 0; row < POPULATION; row++) {
    double part = part_of(row, d->blocks, d->result.n_blocks);
    if (confidence_of(part) > d->result.threshold)
      sum += loss_of(row, part > 0);
  }
  return (double)sum / POPULATION;
}

/* Choice and certificate together, over fresh select and certify rows. */
static void check_promise(const char *name, const world *w,
                          double floor_share) {
  enum { REPEATS = 2000 };
  int n_failures = 0;
  double share = 0, delta = w->options.delta;
  draw_population(w);
  for (int i = 0; i < REPEATS; i++) {
    drive d;
    assert_int_equal(draw_and_run(w, &d), WL_OK);
    if (d.result.outcome != WL_TUNE_CASCADE)
      continue;
    share += d.result.certificate.share_leaving / REPEATS;
    n_failures += true_loss(&d) > w->options.alpha;
  }
  double rate = (double)n_failures / REPEATS;
  print_message("%s: failures %.4f, share leaving %.3f\n", name, rate, share);
  assert_true(rate <= delta + noise(delta, REPEATS));
  assert_true(share >= floor_share);
}

/* Six candidates much alike: where choosing on the certify rows would show. */
static void the_promise_holds_for_the_whole_procedure(void **state) {
  (void)state;
  const world w = {{1, 1, 1}, {1, 1, 1}, 0.5,           {10, 10, 10},
                   200,       800,       ACCURACY(0.02)};
  check_promise("alike", &w, 0.33);
}
static void the_promise_holds_with_harms_alone(void **state) {
  (void)state;
  const world w = {{1, 1, 1}, {1, 1, 1}, 0.5,           {10, 10, 10},
                   100,       400,       ACCURACY(0.02)};
  check_promise("harms alone", &w, 0.26);
}
static void the_promise_holds_with_a_clear_winner(void **state) {
  (void)state;
  const world w = {{2, .5, .5}, {1, 1, 1}, 0.5,           {1, 20, 40},
                   200,         800,       ACCURACY(0.02)};
  check_promise("clear winner", &w, 0.72);
}
static void the_promise_holds_where_gains_come_near_harms(void **state) {
  (void)state;
  const world w = {{1.2, 1, 1}, {1, 1, 2.2},   1, {10, 10, 10}, 200,
                   800,         ACCURACY(0.02)};
  check_promise("gains", &w, 0.42);
}
static void the_promise_holds_with_nested_blocks(void **state) {
  (void)state;
  const world w = {
      {2, 1, .5},
      {1, 1, 1.5},
      0.5,
      {1, 10, 40},
      200,
      800,
      {WL_TUNE_ACCURACY, .alpha = 0.02, .delta = 0.05, .is_nested = true}};
  check_promise("nested", &w, 0.82);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      memory_test(the_trinomial_certificate_states_what_was_seen),
      memory_test(thresholds_are_confidences_of_select_rows),
      memory_test(behind_a_winner_that_is_skipped_comes_the_next_best),
      memory_test(harms_alone_are_bounded_where_rows_are_few),
      memory_test(the_method_depends_on_the_number_of_rows_alone),
      memory_test(where_the_first_stage_is_better_all_rows_may_leave),
      memory_test(rows_of_a_group_count_once_with_the_first_rows_label),
      memory_test(too_few_rows_are_refused_with_the_number),
      memory_test(groups_can_be_too_few),
      memory_test(rows_without_a_confidence_never_leave),
      memory_test(labels_that_no_model_knows_cost_nothing),
      memory_test(an_answer_without_true_labels_is_refused),
      memory_test(create_refuses_what_the_target_cannot_be),
      memory_test(every_failed_allocation_is_reported),
      cmocka_unit_test(the_promise_holds_for_the_whole_procedure),
      cmocka_unit_test(the_promise_holds_with_harms_alone),
      cmocka_unit_test(the_promise_holds_with_a_clear_winner),
      cmocka_unit_test(the_promise_holds_where_gains_come_near_harms),
      cmocka_unit_test(the_promise_holds_with_nested_blocks),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
