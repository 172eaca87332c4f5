/*
 * test_gates.c: several gates in one cascade. A row's full score is the sum of
 * normal signals, one a block; a candidate sums its blocks'. Select and certify
 * rows are drawn from a finite population with replacement, so that what a
 * cascade risks is counted, over all of it.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "support.h"
#include "tune/tune.h"

enum { BLOCKS = 6, POPULATION = 20000, MAX_ROWS = 4000 };

static double signals[POPULATION][BLOCKS];
static const uint32_t all_blocks[BLOCKS] = {0, 1, 2, 3, 4, 5};

static const double costs[BLOCKS] = {2, 2, 4, 8, 16, 68};

static double normal(void) {
  double u = uniform(0x1p-53, 1), v = uniform(0, 1);
  return sqrt(-2 * log(u)) * cos(2 * 3.14159265358979323846 * v);
}

/* Signals that shrink: the first prefixes tell most. */
static void draw_population(void) {
  static const double sds[BLOCKS] = {2, .9, .6, .4, .3, .3};
  for (size_t i = 0; i < POPULATION; i++)
    for (size_t block = 0; block < BLOCKS; block++)
      signals[i][block] = sds[block] * normal();
}

static double sum_of(const uint32_t *blocks, size_t n, size_t row) {
  double sum = 0;
  for (size_t i = 0; i < n; i++)
    sum += signals[row][blocks[i]];
  return sum;
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

/* Labels of three kinds, so that a row may differ at one gate and agree again
 * at the next. */
static int64_t label(double sum) { return sum > 1 ? 2 : sum > 0; }

/* NaN near nothing, as of scores that are missing. */
static double confidence(double sum) {
  double c = fmin(fabs(sum), fabs(sum - 1));
  return c < 1e-4 ? (double)NAN : c;
}

typedef struct drive {
  wl_tune_result result;
  size_t n_wrong; /* certify rows that leave wrongly, counted here */
  size_t n_left[WL_TUNE_MAX_GATES];
  double added[WL_TUNE_MAX_GATES]; /* costs of blocks that no gate before has */
  double risk;                     /* of the population */
} drive;

/* The gate that a row leaves at, or n_gates. */
static size_t gate_of(const wl_tune_result *r, size_t row) {
  size_t g = 0;
  while (g < r->n_gates &&
         !(confidence(sum_of(r->gates[g].blocks, r->gates[g].n_blocks, row)) >
           r->gates[g].threshold))
    g++;
  return g;
}

static bool is_wrong(const wl_tune_result *r, size_t g, size_t row) {
  return g < r->n_gates &&
         label(sum_of(r->gates[g].blocks, r->gates[g].n_blocks, row)) !=
             label(sum_of(all_blocks, BLOCKS, row));
}

static void observe(const sample *certify, drive *d) {
  size_t n_wrong = 0;
  bool is_there[BLOCKS] = {false};
  for (size_t g = 0; g < d->result.n_gates; g++)
    for (size_t i = 0; i < d->result.gates[g].n_blocks; i++) {
      uint32_t block = d->result.gates[g].blocks[i];
      d->added[g] += is_there[block] ? 0 : costs[block];
      is_there[block] = true;
    }
  for (size_t i = 0; i < certify->n; i++) {
    size_t row = certify->rows[i], g = gate_of(&d->result, row);
    d->n_wrong += is_wrong(&d->result, g, row);
    if (g < d->result.n_gates)
      d->n_left[g]++;
  }
  for (size_t i = 0; i < POPULATION; i++)
    n_wrong += is_wrong(&d->result, gate_of(&d->result, i), i);
  d->risk = (double)n_wrong / POPULATION;
}

static wl_status answer(wl_tune *job, const wl_tune_request *request,
                        const sample *s, const uint64_t *groups,
                        wl_error *error) {
  static double confidences[MAX_ROWS];
  static int64_t approx[MAX_ROWS], full[MAX_ROWS];
  for (size_t i = 0; i < s->n; i++) {
    double sum = sum_of(request->blocks, request->n_blocks, s->rows[i]);
    confidences[i] = confidence(sum);
    approx[i] = label(sum);
    full[i] = label(sum_of(all_blocks, BLOCKS, s->rows[i]));
  }
  wl_tune_scores scores = {.n_rows = s->n,
                           .confidence = confidences,
                           .approx_labels = approx,
                           .full_labels = full,
                           .groups = groups};
  return wl_tune_answer(job, &scores, error);
}

static wl_status run(const wl_tune_options *options, size_t n_select,
                     size_t n_certify, const uint64_t *groups, drive *out,
                     wl_error *error) {
  static sample select, certify;
  *out = (drive){.n_wrong = 0};
  draw(&select, n_select);
  draw(&certify, n_certify);
  wl_tune *job = NULL;
  wl_status status;
  WL_TRY_DONE(status, wl_tune_create(BLOCKS, costs, 1, n_select, n_certify,
                                     options, &job, error));
  for (;;) {
    wl_tune_request request;
    wl_tune_next(job, &request);
    if (request.step == WL_TUNE_FINISHED)
      break;
    const sample *s = request.step == WL_TUNE_FIT ? &select : &certify;
    WL_TRY_DONE(status, answer(job, &request, s, groups, error));
  }
  WL_TRY_DONE(status, wl_tune_get_result(job, &out->result, error));
  observe(&certify, out);
done:
  wl_tune_free(job);
  return status;
}

static const wl_tune_options several = {.alpha = 0.02,
                                        .delta = 0.05,
                                        .is_nested = true,
                                        .max_gates = WL_TUNE_MAX_GATES,
                                        .stage_cost = 1};

/* ---- the promise ------------------------------------------------------------
 */

static double mean_cost(bool is_nested, size_t max_gates, size_t n_select,
                        size_t n_certify, double *failures, double *gates) {
  enum { REPEATS = 1500 };
  wl_tune_options options = several;
  options.is_nested = is_nested;
  options.max_gates = max_gates;
  double cost = 0;
  *failures = *gates = 0;
  for (int i = 0; i < REPEATS; i++) {
    drive d;
    assert_int_equal(run(&options, n_select, n_certify, NULL, &d, NULL), WL_OK);
    cost += d.result.expected_cost / REPEATS;
    *failures += (d.risk > options.alpha) / (double)REPEATS;
    *gates += (double)d.result.n_gates / REPEATS;
  }
  print_message("%s, %zu gates at most: failures %.4f, gates %.2f, cost %.1f\n",
                is_nested ? "prefixes" : "blocks", max_gates, *failures, *gates,
                cost);
  double delta = options.delta;
  assert_true(*failures <= delta + 3 * sqrt(delta * (1 - delta) / REPEATS));
  return cost;
}

static void several_gates_keep_the_promise_and_cost_less(void **state) {
  (void)state;
  double failures, gates;
  double one = mean_cost(true, 1, 400, 1600, &failures, &gates);
  double many = mean_cost(true, 4, 400, 1600, &failures, &gates);
  assert_true(gates > 2);
  assert_true(many < 0.9 * one);
  /* Not much looser than it need be: one certificate, no halves of it. */
  assert_true(failures > 0.005);
}

static void gates_of_any_blocks_keep_the_promise_and_cost_less(void **state) {
  (void)state;
  double failures, gates;
  double one = mean_cost(false, 1, 400, 1600, &failures, &gates);
  double many = mean_cost(false, 4, 400, 1600, &failures, &gates);
  assert_true(gates > 1.5);
  assert_true(many < 0.95 * one);
}

static void few_select_rows_break_no_promise(void **state) {
  (void)state;
  double failures, gates;
  (void)mean_cost(true, 4, 150, 500, &failures, &gates);
  assert_true(gates > 1.2);
  /* Nothing is known of too few. */
  (void)mean_cost(true, 4, 40, 500, &failures, &gates);
  assert_true(gates < 1.01);
}

/* ---- what is stated ---------------------------------------------------------
 */

static void the_certificate_states_what_the_gates_do(void **state) {
  (void)state;
  for (int i = 0; i < 100; i++) {
    drive d;
    assert_int_equal(run(&several, 300, 1000, NULL, &d, NULL), WL_OK);
    const wl_tune_result *r = &d.result;
    assert_int_equal(r->outcome, WL_TUNE_CASCADE);
    assert_int_equal(r->certificate.n_wrong, d.n_wrong);
    assert_true(d.n_wrong <= (size_t)r->certificate.k);
    double cost = 0, reach = 1;
    size_t n_left = 0;
    for (size_t g = 0; g < r->n_gates; g++) {
      assert_true(g == 0 || r->gates[g].n_blocks > r->gates[g - 1].n_blocks);
      assert_true(r->gates[g].share_leaving == (double)d.n_left[g] / 1000);
      cost += reach * r->gates[g].cost;
      reach -= r->gates[g].share_leaving;
      n_left += d.n_left[g];
    }
    assert_true(r->certificate.share_leaving == (double)n_left / 1000);
    size_t n_last = r->gates[r->n_gates - 1].n_blocks;
    double rest = several.stage_cost;
    for (size_t block = n_last; block < BLOCKS; block++)
      rest += costs[block];
    assert_true(fabs(cost + reach * rest - r->expected_cost) < 1e-9);
    assert_true(r->threshold == r->gates[0].threshold);
    assert_int_equal(r->n_blocks, r->gates[0].n_blocks);
  }
}

static void the_curve_goes_from_strict_to_loose_past_the_choice(void **state) {
  (void)state;
  for (int i = 0; i < 100; i++) {
    drive d;
    assert_int_equal(run(&several, 300, 1000, NULL, &d, NULL), WL_OK);
    const wl_tune_result *r = &d.result;
    size_t n_binned = 0, n_before = 0;
    for (size_t p = 0; p < r->n_curve; p++) {
      const wl_tune_point *point = &r->curve[p];
      assert_true(p == 0 ||
                  point->share_leaving >= r->curve[p - 1].share_leaving);
      assert_true(point->bound > point->share_wrong);
      n_before += point->share_leaving <= r->certificate.share_leaving;
      assert_true(point->cost > 0);
    }
    assert_true(n_before > 0);
    for (size_t b = 0; b < r->n_reliability; b++)
      n_binned += r->reliability[b].n_rows;
    assert_in_range(n_binned, 980, 1000); /* but those of confidence NaN */
    assert_true(r->reliability[0].low >
                r->reliability[r->n_reliability - 1].high);
  }
}

/* Blocks that an earlier gate has are there. */
static void a_gate_of_any_blocks_costs_what_it_adds(void **state) {
  (void)state;
  wl_tune_options options = several;
  options.is_nested = false;
  for (int i = 0; i < 100; i++) {
    drive d;
    assert_int_equal(run(&options, 300, 1000, NULL, &d, NULL), WL_OK);
    const wl_tune_result *r = &d.result;
    double cost = 0, reach = 1, rest = options.stage_cost;
    for (size_t block = 0; block < BLOCKS; block++)
      rest += costs[block];
    for (size_t g = 0; g < r->n_gates; g++) {
      assert_true(r->gates[g].share_leaving == (double)d.n_left[g] / 1000);
      assert_true(fabs(r->gates[g].cost - d.added[g] -
                       (g > 0 ? options.stage_cost : 0)) < 1e-9);
      cost += reach * r->gates[g].cost;
      reach -= r->gates[g].share_leaving;
      rest -= d.added[g];
    }
    assert_true(fabs(cost + reach * rest - r->expected_cost) < 1e-9);
  }
}

static void a_stage_that_costs_much_leaves_one_gate(void **state) {
  (void)state;
  wl_tune_options options = several;
  options.stage_cost = 60;
  drive d;
  assert_int_equal(run(&options, 400, 1600, NULL, &d, NULL), WL_OK);
  assert_int_equal(d.result.n_gates, 1);
}

/* 1,000 groups of 2 are enough, 100 of 20 are not. */
static void rows_of_a_group_count_once(void **state) {
  (void)state;
  static const struct {
    size_t size;
    wl_tune_outcome outcome;
  } cases[] = {{2, WL_TUNE_CASCADE}, {20, WL_TUNE_TOO_FEW_ROWS}};
  static uint64_t groups[MAX_ROWS];
  for (size_t c = 0; c < WL_COUNT_OF(cases); c++) {
    for (uint64_t i = 0; i < MAX_ROWS; i++)
      groups[i] = i / cases[c].size;
    drive d;
    assert_int_equal(run(&several, 600, 2000, groups, &d, NULL), WL_OK);
    assert_int_equal(d.result.outcome, cases[c].outcome);
    bool is_certified = cases[c].outcome == WL_TUNE_CASCADE;
    assert_int_equal(d.result.n_gates > 1, is_certified);
    assert_true(is_certified || d.result.n_gates == 0);
    assert_true(!is_certified || d.result.certificate.is_per_group);
    assert_true(!is_certified || d.result.certificate.n_rows == 1000);
  }
}

/* ---- misuse and memory ------------------------------------------------------
 */

static void create_refuses_gates_that_it_cannot_place(void **state) {
  (void)state;
  wl_tune_options options = several;
  wl_tune *job;
  wl_error error;
  options.max_gates = WL_TUNE_MAX_GATES + 1;
  assert_int_equal(
      wl_tune_create(BLOCKS, costs, 1, 300, 900, &options, &job, &error),
      WL_ERROR_VALUE);
  assert_non_null(strstr(error.message, "5 gates"));
  options = several;
  options.target = WL_TUNE_ACCURACY;
  assert_int_equal(
      wl_tune_create(BLOCKS, costs, 1, 300, 900, &options, &job, &error),
      WL_ERROR_VALUE);
  options = several;
  options.stage_cost = (double)NAN;
  assert_int_equal(
      wl_tune_create(BLOCKS, costs, 1, 300, 900, &options, &job, &error),
      WL_ERROR_VALUE);
}

static void every_failed_allocation_is_reported(void **state) {
  (void)state;
  static uint64_t groups[MAX_ROWS];
  for (uint64_t i = 0; i < MAX_ROWS; i++)
    groups[i] = i;
  wl_status status = WL_ERROR_MEMORY;
  for (long n = 0; status != WL_OK; n++) {
    drive d;
    calls_left = n;
    status = run(&several, 200, 500, groups, &d, NULL);
    assert_true(status == WL_OK ? n > 15 : status == WL_ERROR_MEMORY);
    assert_int_equal(n_live_blocks, 0);
  }
  calls_left = -1;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(gates_of_any_blocks_keep_the_promise_and_cost_less),
      cmocka_unit_test(several_gates_keep_the_promise_and_cost_less),
      cmocka_unit_test(few_select_rows_break_no_promise),
      memory_test(the_certificate_states_what_the_gates_do),
      memory_test(a_gate_of_any_blocks_costs_what_it_adds),
      memory_test(the_curve_goes_from_strict_to_loose_past_the_choice),
      memory_test(a_stage_that_costs_much_leaves_one_gate),
      memory_test(rows_of_a_group_count_once),
      memory_test(create_refuses_gates_that_it_cannot_place),
      memory_test(every_failed_allocation_is_reported),
  };
  draw_population();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
