/*
 * test_tune.c: the choice of a cascade's first stage, with simulated models:
 * a row's full score is the sum of independent normal signals, one for each
 * block; the approximate model of a subset sums the subset's. The true risk of
 * any subset and threshold is an integral, so that the promise of the whole
 * procedure, choice included, can be checked.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "stats/binomial.h"
#include "support.h"
#include "tune/tune.h"

enum { MAX_BLOCKS = 12, MAX_ROWS = 4000 };

typedef struct world {
  size_t n_blocks;
  double signals[MAX_BLOCKS]; /* standard deviations */
  double costs[MAX_BLOCKS];
  size_t n_select, n_certify;
  wl_tune_options options;
} world;

typedef struct rows {
  double signals[MAX_ROWS][MAX_BLOCKS];
} rows;

static double normal(void) {
  double u = uniform(0x1p-53, 1), v = uniform(0, 1);
  return sqrt(-2 * log(u)) * cos(2 * 3.14159265358979323846 * v);
}

static void draw(const world *w, size_t n, rows *out) {
  for (size_t i = 0; i < n; i++)
    for (size_t block = 0; block < w->n_blocks; block++)
      out->signals[i][block] = w->signals[block] * normal();
}

static void score(const world *w, const rows *r, const wl_tune_request *request,
                  double *confidence, int64_t *approx, int64_t *full) {
  for (size_t i = 0; i < request->n_rows; i++) {
    double part = 0, whole = 0;
    for (size_t block = 0; block < w->n_blocks; block++)
      whole += r->signals[i][block];
    for (size_t j = 0; j < request->n_blocks; j++)
      part += r->signals[i][request->blocks[j]];
    confidence[i] = fabs(part);
    approx[i] = part > 0;
    full[i] = whole > 0;
  }
}

/* P(|part| > t and sign(part + rest) != sign(part)), by Simpson's rule. */
static double true_risk(const world *w, const uint32_t *blocks, size_t n_blocks,
                        double t) {
  double part = 0, whole = 0;
  for (size_t block = 0; block < w->n_blocks; block++)
    whole += w->signals[block] * w->signals[block];
  for (size_t j = 0; j < n_blocks; j++)
    part += w->signals[blocks[j]] * w->signals[blocks[j]];
  double sd = sqrt(part), rest_sd = sqrt(whole - part);
  if (t < 0)
    t = 0;
  enum { N = 400 };
  double low = t / sd, high = low + 10, step = (high - low) / N, sum = 0;
  for (int i = 0; i <= N; i++) {
    double z = low + i * step;
    double density = exp(-z * z / 2) * 0.3989422804014327 *
                     erfc(z * sd / rest_sd / sqrt(2)) / 2;
    sum += density * (i == 0 || i == N ? 1 : i % 2 ? 4 : 2);
  }
  return 2 * sum * step / 3;
}

typedef struct drive {
  wl_tune_result result;
  uint32_t blocks[MAX_BLOCKS]; /* the winner's, copied */
  size_t n_fits, n_certified;
} drive;

/* Runs a job to its end; model_cost is answered for every candidate. */
static wl_status run(const world *w, double model_cost, drive *out,
                     wl_error *error) {
  static rows select, certify;
  static double confidence[MAX_ROWS];
  static int64_t approx[MAX_ROWS], full[MAX_ROWS];
  *out = (drive){.n_fits = 0};
  wl_tune *job = NULL;
  wl_status status;
  WL_TRY_DONE(status, wl_tune_create(w->n_blocks, w->costs, 1000, w->n_select,
                                     w->n_certify, &w->options, &job, error));
  draw(w, w->n_select, &select);
  draw(w, w->n_certify, &certify);
  for (;;) {
    wl_tune_request request;
    wl_tune_next(job, &request);
    if (request.step == WL_TUNE_FINISHED)
      break;
    bool is_fit = request.step == WL_TUNE_FIT;
    score(w, is_fit ? &select : &certify, &request, confidence, approx, full);
    wl_tune_scores scores = {.n_rows = request.n_rows,
                             .confidence = confidence,
                             .approx_labels = approx,
                             .full_labels = full,
                             .model_cost = model_cost};
    WL_TRY_DONE(status, wl_tune_answer(job, &scores, error));
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

static const wl_tune_options two_percent = {.alpha = 0.02, .delta = 0.05};

/* ---- choices that are plain to see -----------------------------------------
 */

static void a_cheap_block_that_tells_nearly_all_is_chosen(void **state) {
  (void)state;
  world w = {3, {0.1, 3, 0.1}, {50, 1, 49}, 800, 3200, two_percent};
  drive d;
  assert_int_equal(run(&w, 0, &d, NULL), WL_OK);
  assert_int_equal(d.result.outcome, WL_TUNE_CASCADE);
  assert_int_equal(d.result.n_blocks, 1);
  assert_int_equal(d.blocks[0], 1);
  assert_true(d.result.expected_cost < 0.2 * d.result.exact_cost);
  assert_true(d.result.exact_cost == 100);
  assert_int_equal(d.n_certified, 1);
}

static void two_cheap_blocks_are_chosen_when_it_takes_both(void **state) {
  (void)state;
  world w = {4, {2, 2, 0.2, 0.2}, {1, 1, 50, 50}, 800, 3200, two_percent};
  drive d;
  assert_int_equal(run(&w, 0, &d, NULL), WL_OK);
  assert_int_equal(d.result.outcome, WL_TUNE_CASCADE);
  assert_int_equal(d.result.n_blocks, 2);
  assert_int_equal(d.blocks[0], 0);
  assert_int_equal(d.blocks[1], 1);
}

static void the_certificate_states_what_was_seen(void **state) {
  (void)state;
  world w = {2, {3, 0.5}, {1, 99}, 800, 3200, two_percent};
  drive d;
  assert_int_equal(run(&w, 2, &d, NULL), WL_OK);
  const wl_tune_certificate *c = &d.result.certificate;
  assert_true(c->target == 0.98 && c->confidence == 0.95);
  assert_int_equal(c->n_rows, 3200);
  assert_int_equal(c->k, wl_binomial_max_k(3200, 0.02, 0.05));
  assert_true(c->n_wrong <= (uint64_t)c->k);
  assert_true(c->n_disagreements > c->n_wrong);
  assert_int_equal(c->rows_needed, 149);
  assert_true(fabs(d.result.expected_cost -
                   (1 + 2 + (1 - c->share_leaving) * 99)) < 1e-9);
  assert_non_null(strstr(d.result.message, "3200 rows"));
  assert_false(c->is_per_group);
}

static void the_curve_holds_what_each_threshold_would_cost(void **state) {
  (void)state;
  world w = {2, {3, 0.5}, {1, 99}, 800, 3200, two_percent};
  drive d;
  assert_int_equal(run(&w, 2, &d, NULL), WL_OK);
  const wl_tune_result *r = &d.result;
  assert_int_equal(r->n_curve, WL_TUNE_POINTS);
  for (size_t p = 0; p < r->n_curve; p++) {
    const wl_tune_point *point = &r->curve[p];
    double rest = (1 - point->share_leaving) * 99;
    assert_true(fabs(point->share_leaving - (double)(p + 1) / WL_TUNE_POINTS) <
                1e-9);
    assert_true(fabs(point->cost - (1 + 2 + rest)) < 1e-9);
    assert_true(point->share_wrong < point->bound);
  }
  const wl_tune_point *all = &r->curve[r->n_curve - 1];
  assert_true(all->share_wrong ==
              (double)r->certificate.n_disagreements / 3200);
  size_t n_wrong = 0;
  for (size_t b = 0; b < r->n_reliability; b++)
    n_wrong += r->reliability[b].n_wrong;
  assert_int_equal(n_wrong, r->certificate.n_disagreements);
}

static void subsets_that_cannot_win_are_not_asked_for(void **state) {
  (void)state;
  world w = {
      6,          {5, .1, .1, .1, .1, .1}, {1, 90, 90, 90, 90, 90}, 800, 3200,
      two_percent};
  drive d;
  assert_int_equal(run(&w, 0, &d, NULL), WL_OK);
  assert_int_equal(d.result.n_blocks, 1);
  assert_true(d.n_fits <= 3);
}

/* ---- many blocks ------------------------------------------------------------
 */

static void few_good_blocks_are_found_among_many(void **state) {
  (void)state;
  world w = {12,
             {2, .2, .2, 2, .2, .2, .2, 2, .2, .2, .2, .2},
             {2, 30, 30, 2, 30, 30, 30, 2, 30, 30, 30, 30},
             1000,
             3000,
             two_percent};
  drive d;
  assert_int_equal(run(&w, 0, &d, NULL), WL_OK);
  assert_int_equal(d.result.outcome, WL_TUNE_CASCADE);
  assert_int_equal(d.result.n_blocks, 3);
  assert_int_equal(d.blocks[0], 0);
  assert_int_equal(d.blocks[1], 3);
  assert_int_equal(d.blocks[2], 7);
  assert_true(d.n_fits <= 40);
}

static void fits_are_limited_to_what_was_allowed(void **state) {
  (void)state;
  world w = {12,
             {2, .2, .2, 2, .2, .2, .2, 2, .2, .2, .2, .2},
             {2, 30, 30, 2, 30, 30, 30, 2, 30, 30, 30, 30},
             1000,
             3000,
             two_percent};
  for (size_t max_fits = 1; max_fits <= 20; max_fits++) {
    w.options.max_fits = max_fits;
    drive d;
    assert_int_equal(run(&w, 0, &d, NULL), WL_OK);
    assert_true(d.n_fits <= max_fits);
  }
}

/* Random worlds of any kind end, with a result that adds up. */
static void every_job_ends(void **state) {
  (void)state;
  for (int i = 0; i < 200; i++) {
    world w = {.n_select = 1 + random_bits() % 300,
               .n_certify = 200 + random_bits() % 300,
               .options = two_percent};
    w.n_blocks = 2 + random_bits() % 11;
    w.options.max_fits = random_bits() % 3 ? 0 : 1 + random_bits() % 30;
    w.options.model_cost = random_bits() % 2 ? 0 : 30;
    for (size_t block = 0; block < w.n_blocks; block++) {
      w.signals[block] = 0.01 + pow(uniform(0, 1), 3);
      w.costs[block] = random_bits() % 4 ? floor(uniform(0, 5)) * 10 : 0;
    }
    drive d;
    assert_int_equal(run(&w, uniform(0, 5), &d, NULL), WL_OK);
    assert_true((d.result.outcome == WL_TUNE_CASCADE) ==
                (d.result.expected_cost < d.result.exact_cost));
    if (d.result.outcome == WL_TUNE_CASCADE)
      assert_true(d.result.n_blocks > 0 && d.result.n_blocks < w.n_blocks);
    else
      assert_true(d.result.threshold == (double)INFINITY);
    assert_true(d.n_certified <= 1);
  }
}

static void the_same_answers_give_the_same_choice(void **state) {
  (void)state;
  world w = {9,
             {1, .8, .6, .4, .2, .1, 1, 1, 1},
             {1, 2, 3, 4, 5, 6, 7, 8, 9},
             500,
             2000,
             two_percent};
  drive first, second;
  random_state = 99;
  assert_int_equal(run(&w, 1, &first, NULL), WL_OK);
  random_state = 99;
  assert_int_equal(run(&w, 1, &second, NULL), WL_OK);
  assert_int_equal(first.n_fits, second.n_fits);
  assert_int_equal(first.result.n_blocks, second.result.n_blocks);
  assert_true(first.result.threshold == second.result.threshold);
}

/* ---- no cascade -------------------------------------------------------------
 */

static void too_few_certify_rows_are_refused_before_any_fit(void **state) {
  (void)state;
  world w = {3, {3, 1, 1}, {1, 50, 50}, 40, 148, two_percent};
  drive d;
  assert_int_equal(run(&w, 0, &d, NULL), WL_OK);
  assert_int_equal(d.result.outcome, WL_TUNE_TOO_FEW_ROWS);
  assert_int_equal(d.result.certificate.rows_needed, 149);
  assert_non_null(strstr(d.result.message, "148 rows"));
  assert_non_null(strstr(d.result.message, "149"));
  assert_int_equal(d.n_fits, 0);
}

static void rows_that_are_equal_can_be_too_few(void **state) {
  (void)state;
  enum { N = 400 };
  const double costs[] = {1, 99};
  double confidence[N];
  int64_t labels[N];
  uint64_t groups[N];
  for (int i = 0; i < N; i++) {
    confidence[i] = i;
    labels[i] = i % 3;
    groups[i] = (uint64_t)i / 4; /* 100 distinct rows */
  }
  wl_tune *job;
  assert_int_equal(wl_tune_create(2, costs, 1, N, N, &two_percent, &job, NULL),
                   WL_OK);
  wl_tune_request request;
  for (wl_tune_next(job, &request); request.step != WL_TUNE_FINISHED;
       wl_tune_next(job, &request)) {
    wl_tune_scores scores = {.n_rows = N,
                             .confidence = confidence,
                             .approx_labels = labels,
                             .full_labels = labels,
                             .groups = groups};
    assert_int_equal(wl_tune_answer(job, &scores, NULL), WL_OK);
  }
  wl_tune_result result;
  assert_int_equal(wl_tune_get_result(job, &result, NULL), WL_OK);
  assert_int_equal(result.outcome, WL_TUNE_TOO_FEW_ROWS);
  assert_int_equal(result.certificate.n_rows, 100);
  assert_true(result.certificate.is_per_group);
  wl_tune_free(job);
}

static void a_cascade_that_would_not_pay_is_not_made(void **state) {
  (void)state;
  /* Approximate models that cost as much as they could save. */
  world w = {2, {1, 1}, {50, 50}, 800, 3200, two_percent};
  drive d;
  assert_int_equal(run(&w, 60, &d, NULL), WL_OK);
  assert_int_equal(d.result.outcome, WL_TUNE_NOT_CHEAPER);
  assert_int_equal(d.n_certified, 0);
  assert_true(d.result.expected_cost == 100);
}

static void one_block_leaves_nothing_out(void **state) {
  (void)state;
  world w = {1, {1}, {50}, 800, 3200, two_percent};
  drive d;
  assert_int_equal(run(&w, 0, &d, NULL), WL_OK);
  assert_int_equal(d.result.outcome, WL_TUNE_ONE_BLOCK);
}

static void a_select_sample_too_small_to_certify_still_chooses(void **state) {
  (void)state;
  world w = {2, {3, 0.3}, {1, 99}, 60, 1000, two_percent};
  drive d;
  assert_int_equal(run(&w, 0, &d, NULL), WL_OK);
  assert_int_equal(d.result.outcome, WL_TUNE_CASCADE);
}

static void models_that_cannot_be_trained_are_passed_over(void **state) {
  (void)state;
  const double costs[] = {1, 2, 3};
  wl_tune *job;
  assert_int_equal(
      wl_tune_create(3, costs, 1, 100, 400, &two_percent, &job, NULL), WL_OK);
  wl_tune_request request;
  size_t n = 0;
  for (wl_tune_next(job, &request); request.step != WL_TUNE_FINISHED;
       wl_tune_next(job, &request), n++)
    assert_int_equal(wl_tune_skip(job, NULL), WL_OK);
  assert_int_equal(n, 6);
  wl_tune_result result;
  assert_int_equal(wl_tune_get_result(job, &result, NULL), WL_OK);
  assert_int_equal(result.outcome, WL_TUNE_NO_MODEL);
  assert_int_equal(wl_tune_n_candidates(job), 6);
  assert_int_equal(wl_tune_get_candidate(job, 5)->state, WL_TUNE_SKIPPED);
  assert_null(wl_tune_get_candidate(job, 6));
  wl_tune_free(job);
}

/* ---- misuse and memory ------------------------------------------------------
 */

static void
answers_of_another_shape_are_refused_and_may_be_repeated(void **state) {
  (void)state;
  const double costs[] = {1, 99};
  static double confidence[400];
  static int64_t labels[400];
  wl_tune *job;
  wl_error error;
  assert_int_equal(
      wl_tune_create(2, costs, 1, 100, 400, &two_percent, &job, NULL), WL_OK);
  wl_tune_scores scores = {.n_rows = 100,
                           .confidence = confidence,
                           .approx_labels = labels,
                           .full_labels = labels};
  wl_tune_result result;
  assert_int_equal(wl_tune_answer(job, &scores, &error), WL_ERROR_VALUE);
  assert_int_equal(wl_tune_get_result(job, &result, &error), WL_ERROR_VALUE);
  wl_tune_request request, again;
  wl_tune_next(job, &request);
  scores.n_rows = 99;
  assert_int_equal(wl_tune_answer(job, &scores, &error), WL_ERROR_VALUE);
  assert_non_null(strstr(error.message, "99 rows, not 100"));
  scores.n_rows = 100;
  scores.model_cost = (double)NAN;
  assert_int_equal(wl_tune_answer(job, &scores, &error), WL_ERROR_VALUE);
  scores.model_cost = 0;
  scores.full_labels = NULL;
  assert_int_equal(wl_tune_answer(job, &scores, &error), WL_ERROR_VALUE);
  scores.full_labels = labels;
  wl_tune_next(job, &again);
  assert_int_equal(again.candidate, request.candidate);
  assert_int_equal(wl_tune_answer(job, &scores, &error), WL_OK);
  wl_tune_free(job);
  wl_tune_free(NULL);
}

static void create_refuses_what_makes_no_sense(void **state) {
  (void)state;
  const double costs[] = {1, -1}, good[] = {1, 1};
  wl_tune *job;
  wl_error error;
  wl_tune_options o = two_percent;
  assert_int_equal(wl_tune_create(2, costs, 1, 9, 900, &o, &job, &error),
                   WL_ERROR_VALUE);
  assert_non_null(strstr(error.message, "block 1"));
  assert_null(job);
  assert_int_equal(wl_tune_create(0, good, 1, 9, 900, &o, &job, &error),
                   WL_ERROR_VALUE);
  assert_int_equal(wl_tune_create(5000, good, 1, 9, 900, &o, &job, &error),
                   WL_ERROR_VALUE);
  assert_int_equal(wl_tune_create(2, good, 0, 9, 900, &o, &job, &error),
                   WL_ERROR_VALUE);
  assert_int_equal(wl_tune_create(2, good, 1, 0, 900, &o, &job, &error),
                   WL_ERROR_VALUE);
  o.alpha = 1;
  assert_int_equal(wl_tune_create(2, good, 1, 9, 900, &o, &job, &error),
                   WL_ERROR_VALUE);
  o.alpha = 0.02;
  o.delta = 0;
  assert_int_equal(wl_tune_create(2, good, 1, 9, 900, &o, &job, &error),
                   WL_ERROR_VALUE);
  o.delta = 0.05;
  o.model_cost = (double)INFINITY;
  assert_int_equal(wl_tune_create(2, good, 1, 9, 900, &o, &job, &error),
                   WL_ERROR_VALUE);
}

static void every_failed_allocation_is_reported(void **state) {
  (void)state;
  world w = {8,
             {1, .8, .6, .4, .2, .1, 1, 1},
             {1, 2, 3, 4, 5, 6, 7, 8},
             200,
             400,
             two_percent};
  wl_status status = WL_ERROR_MEMORY;
  for (long n = 0; status != WL_OK; n++) {
    drive d;
    calls_left = n;
    status = run(&w, 0, &d, NULL);
    assert_true(status == WL_OK ? n > 9 : status == WL_ERROR_MEMORY);
    assert_int_equal(n_live_blocks, 0);
  }
  calls_left = -1;
}

static void a_split_keeps_groups_together_and_the_share(void **state) {
  (void)state;
  enum { N = 20000 };
  static uint8_t is_select[N], again[N];
  static uint64_t groups[N];
  for (uint64_t i = 0; i < N; i++)
    groups[i] = i % 5000;
  size_t n = wl_tune_split(N, groups, 0.2, 1, is_select);
  assert_in_range(n, 3600, 4400);
  size_t counted = 0;
  for (size_t i = 0; i < N; i++) {
    counted += is_select[i];
    assert_int_equal(is_select[i], is_select[i % 5000]);
  }
  assert_int_equal(counted, n);
  assert_int_equal(wl_tune_split(N, groups, 0.2, 1, again), n);
  assert_memory_equal(is_select, again, N);
  assert_in_range(wl_tune_split(N, NULL, 0.2, 2, again), 3800, 4200);
  assert_int_equal(wl_tune_split(N, NULL, 0, 2, again), 0);
}

/* ---- the promise ------------------------------------------------------------
 */

/* Choice and certificate together, over fresh select and certify rows. */
static void check_promise(const world *w, double floor_share) {
  enum { REPEATS = 1500 };
  int n_failures = 0, n_cascades = 0;
  double share = 0;
  for (int i = 0; i < REPEATS; i++) {
    drive d;
    assert_int_equal(run(w, 0, &d, NULL), WL_OK);
    if (d.result.outcome != WL_TUNE_CASCADE)
      continue;
    n_cascades++;
    share += d.result.certificate.share_leaving;
    n_failures += true_risk(w, d.blocks, d.result.n_blocks,
                            d.result.threshold) > w->options.alpha;
  }
  double rate = (double)n_failures / REPEATS, delta = w->options.delta;
  print_message("failures %.4f, cascades %.3f, share leaving %.3f\n", rate,
                (double)n_cascades / REPEATS, share / REPEATS);
  assert_true(rate <= delta + 3 * sqrt(delta * (1 - delta) / REPEATS));
  assert_true(share / REPEATS >= floor_share);
}

/* Six candidates much alike: where choosing on the certify rows would show. */
static void the_promise_holds_for_the_whole_procedure(void **state) {
  (void)state;
  const world w = {3, {1, 1, 1}, {10, 10, 10}, 200, 800, two_percent};
  check_promise(&w, 0.30);
}
static void the_promise_holds_with_a_clear_winner(void **state) {
  (void)state;
  const world w = {3, {2, .5, .5}, {1, 20, 40}, 200, 800, two_percent};
  check_promise(&w, 0.66);
}
static void the_promise_holds_with_many_blocks(void **state) {
  (void)state;
  const world w = {8,
                   {1, 1, 1, .5, .5, .5, .3, .3},
                   {5, 5, 5, 20, 20, 20, 20, 20},
                   150,
                   450,
                   two_percent};
  check_promise(&w, 0.48);
}
static void the_promise_holds_with_nested_blocks(void **state) {
  (void)state;
  const world w = {6,
                   {2, 1, .5, .5, .3, .3},
                   {1, 2, 4, 8, 16, 32},
                   200,
                   800,
                   {.alpha = 0.02, .delta = 0.05, .is_nested = true}};
  check_promise(&w, 0.6);
}

/* The prefixes in their order, whatever the blocks cost. */
static void nested_blocks_are_asked_for_as_prefixes(void **state) {
  (void)state;
  const double costs[] = {4, 3, 2, 1};
  wl_tune_options options = {.alpha = 0.02, .delta = 0.05, .is_nested = true};
  wl_tune *job;
  wl_error error;
  assert_int_equal(
      wl_tune_create(4, costs, 100, 200, 800, &options, &job, &error), WL_OK);
  wl_tune_request request;
  for (uint32_t n = 1; n < 4; n++) {
    wl_tune_next(job, &request);
    assert_int_equal(request.step, WL_TUNE_FIT);
    assert_int_equal(request.n_blocks, n);
    for (uint32_t i = 0; i < n; i++)
      assert_int_equal(request.blocks[i], i);
    assert_int_equal(wl_tune_skip(job, &error), WL_OK);
  }
  wl_tune_next(job, &request);
  assert_int_equal(request.step, WL_TUNE_FINISHED);
  wl_tune_free(job);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      memory_test(a_cheap_block_that_tells_nearly_all_is_chosen),
      memory_test(two_cheap_blocks_are_chosen_when_it_takes_both),
      memory_test(the_certificate_states_what_was_seen),
      memory_test(the_curve_holds_what_each_threshold_would_cost),
      memory_test(subsets_that_cannot_win_are_not_asked_for),
      memory_test(few_good_blocks_are_found_among_many),
      memory_test(fits_are_limited_to_what_was_allowed),
      memory_test(every_job_ends),
      memory_test(the_same_answers_give_the_same_choice),
      memory_test(too_few_certify_rows_are_refused_before_any_fit),
      memory_test(rows_that_are_equal_can_be_too_few),
      memory_test(a_cascade_that_would_not_pay_is_not_made),
      memory_test(one_block_leaves_nothing_out),
      memory_test(a_select_sample_too_small_to_certify_still_chooses),
      memory_test(models_that_cannot_be_trained_are_passed_over),
      memory_test(answers_of_another_shape_are_refused_and_may_be_repeated),
      memory_test(create_refuses_what_makes_no_sense),
      memory_test(every_failed_allocation_is_reported),
      cmocka_unit_test(a_split_keeps_groups_together_and_the_share),
      cmocka_unit_test(the_promise_holds_for_the_whole_procedure),
      cmocka_unit_test(the_promise_holds_with_a_clear_winner),
      cmocka_unit_test(the_promise_holds_with_many_blocks),
      cmocka_unit_test(the_promise_holds_with_nested_blocks),
      memory_test(nested_blocks_are_asked_for_as_prefixes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
