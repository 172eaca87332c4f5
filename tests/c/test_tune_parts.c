/*
 * test_tune_parts.c: first stages of parts of blocks, other models than the
 * full model's, and the race. A simulated row has a signal for each whole
 * block; what a part or another model sees of it is blurred.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "support.h"
#include "tune/tune.h"

enum { MAX_BLOCKS = 24, MAX_ROWS = 2000, MAX_FITS = 100 };
#define W WL_TUNE_WHOLE

typedef struct world {
  size_t n_blocks;
  double blurs[MAX_BLOCKS]; /* standard deviations; of a whole block 0 */
  double costs[MAX_BLOCKS];
  uint32_t part_of[MAX_BLOCKS];
  wl_tune_options options;
  double model_costs[3], model_blurs[3];
  bool skips_trained; /* the winner of the race cannot be trained on all rows */
} world;

typedef struct drive {
  wl_tune_result result;
  uint32_t blocks[MAX_BLOCKS];
  size_t n_fits, n_certified;
  struct {
    size_t candidate, model, n_rows, n_blocks;
    uint32_t blocks[MAX_BLOCKS];
  } fits[MAX_FITS];
  size_t certified_model;
} drive;

static double normal(void) {
  double u = uniform(0x1p-53, 1), v = uniform(0, 1);
  return sqrt(-2 * log(u)) * cos(2 * 3.14159265358979323846 * v);
}

static uint32_t whole_of(const world *w, uint32_t block) {
  return w->part_of[block] == W ? block : w->part_of[block];
}

static void score(const world *w, const wl_tune_request *request,
                  double *confidence, int64_t *approx, int64_t *full) {
  for (size_t i = 0; i < request->n_rows; i++) {
    double signals[MAX_BLOCKS], part = 0, whole = 0;
    for (size_t block = 0; block < w->n_blocks; block++) {
      signals[block] = normal();
      whole += w->part_of[block] == W ? signals[block] : 0;
    }
    for (size_t j = 0; j < request->n_blocks; j++)
      part += signals[whole_of(w, request->blocks[j])] +
              w->blurs[request->blocks[j]] * normal();
    part += w->model_blurs[request->model] * normal();
    confidence[i] = fabs(part);
    approx[i] = part > 0;
    full[i] = whole > 0;
  }
}

static void record(drive *out, const wl_tune_request *request) {
  assert_true(out->n_fits < MAX_FITS);
  size_t n = out->n_fits++;
  out->fits[n].candidate = request->candidate;
  out->fits[n].model = request->model;
  out->fits[n].n_rows = request->n_rows_fit;
  out->fits[n].n_blocks = request->n_blocks;
  for (size_t i = 0; i < request->n_blocks; i++)
    out->fits[n].blocks[i] = request->blocks[i];
}

static wl_status run(const world *w, drive *out, wl_error *error) {
  static double confidence[MAX_ROWS];
  static int64_t approx[MAX_ROWS], full[MAX_ROWS];
  wl_tune_options options = w->options;
  options.part_of = w->part_of;
  *out = (drive){.n_fits = 0};
  wl_tune *job = NULL;
  wl_status status;
  WL_TRY_DONE(status, wl_tune_create(w->n_blocks, w->costs, 1000, 500, MAX_ROWS,
                                     &options, &job, error));
  for (;;) {
    wl_tune_request request;
    wl_tune_next(job, &request);
    if (request.step == WL_TUNE_FINISHED)
      break;
    if (request.step == WL_TUNE_FIT) {
      record(out, &request);
      if (w->skips_trained && request.n_rows_fit == 1000) {
        WL_TRY_DONE(status, wl_tune_skip(job, error));
        continue;
      }
    } else {
      out->n_certified++;
      out->certified_model = request.model;
      assert_int_equal(request.n_rows_fit, 1000);
    }
    score(w, &request, confidence, approx, full);
    wl_tune_scores scores = {.n_rows = request.n_rows,
                             .confidence = confidence,
                             .approx_labels = approx,
                             .full_labels = full,
                             .model_cost = w->model_costs[request.model]};
    WL_TRY_DONE(status, wl_tune_answer(job, &scores, error));
  }
  WL_TRY_DONE(status, wl_tune_get_result(job, &out->result, error));
  for (size_t i = 0; i < out->result.n_blocks; i++)
    out->blocks[i] = out->result.blocks[i];
done:
  wl_tune_free(job);
  return status;
}

static const wl_tune_options five_percent = {.alpha = 0.05, .delta = 0.05};

/* ---- parts ------------------------------------------------------------------
 */

static void a_part_of_the_only_block_makes_a_cascade(void **state) {
  (void)state;
  world w = {3,         {0, 0.05, 5}, {100, 20, 5},
             {W, 0, 0}, five_percent, .model_costs = {0}};
  drive d;
  assert_int_equal(run(&w, &d, NULL), WL_OK);
  assert_int_equal(d.n_fits, 2);
  assert_int_equal(d.result.outcome, WL_TUNE_CASCADE);
  assert_int_equal(d.result.n_blocks, 1);
  assert_int_equal(d.blocks[0], 1);
  assert_true(d.result.exact_cost == 100);
}

static void rows_that_stay_pay_for_the_whole_block(void **state) {
  (void)state;
  world w = {2, {0, 0.3}, {100, 20}, {W, 0}, five_percent, .model_costs = {0}};
  drive d;
  assert_int_equal(run(&w, &d, NULL), WL_OK);
  double share = d.result.certificate.share_leaving;
  assert_true(share > 0.5 && share < 1);
  assert_true(fabs(d.result.expected_cost - (20 + (1 - share) * 100)) < 1e-9);
}

static void few_subsets_of_parts_are_all_asked_for(void **state) {
  (void)state;
  /* (1 + 3) * (1 + 2) but nothing and everything; and no cascade prunes. */
  world w = {5,
             {0, 0, 9, 9, 9},
             {100, 100, 1, 2, 3},
             {W, W, 0, 0, 1},
             five_percent,
             .model_costs = {0}};
  w.model_costs[0] = 300;
  drive d;
  assert_int_equal(run(&w, &d, NULL), WL_OK);
  assert_int_equal(d.n_fits, 10);
}

static void at_most_one_of_a_block_and_its_parts_is_taken(void **state) {
  (void)state;
  for (int i = 0; i < 60; i++) {
    world w = {
        .n_blocks = MAX_BLOCKS, .options = five_percent, .model_costs = {0}};
    w.options.max_fits = 40;
    uint32_t n_whole = 3 + (uint32_t)(random_bits() % 4);
    for (uint32_t block = 0; block < MAX_BLOCKS; block++) {
      w.part_of[block] = block < n_whole ? W : block % n_whole;
      w.costs[block] = (block < n_whole ? 100 : 20) * uniform(0.1, 1);
      w.blurs[block] = block < n_whole ? 0 : uniform(0, 1);
    }
    drive d;
    assert_int_equal(run(&w, &d, NULL), WL_OK);
    assert_true(d.n_fits <= 40);
    for (size_t f = 0; f < d.n_fits; f++) {
      uint8_t seen[MAX_BLOCKS] = {0};
      assert_in_range(d.fits[f].n_blocks, 1, n_whole);
      for (size_t j = 0; j < d.fits[f].n_blocks; j++) {
        assert_int_equal(seen[whole_of(&w, d.fits[f].blocks[j])]++, 0);
        assert_true(j == 0 || d.fits[f].blocks[j] > d.fits[f].blocks[j - 1]);
      }
    }
    assert_true((d.result.outcome == WL_TUNE_CASCADE) ==
                (d.result.expected_cost < d.result.exact_cost));
  }
}

static void good_parts_are_found_among_many_blocks(void **state) {
  (void)state;
  world w = {.n_blocks = 12, .options = five_percent, .model_costs = {0}};
  for (uint32_t block = 0; block < 12; block++) {
    bool is_whole = block < 4;
    w.part_of[block] = is_whole ? W : block % 4;
    w.costs[block] = is_whole ? 100 : block < 8 ? 10 : 11;
    w.blurs[block] = is_whole ? 0 : block < 8 ? 3 : 0.1;
  }
  drive d;
  assert_int_equal(run(&w, &d, NULL), WL_OK);
  assert_int_equal(d.result.outcome, WL_TUNE_CASCADE);
  assert_int_equal(d.result.n_blocks, 4);
  for (size_t i = 0; i < 4; i++)
    assert_in_range(d.blocks[i], 8, 11);
}

/* ---- models -----------------------------------------------------------------
 */

static void a_cheap_model_may_read_all_blocks(void **state) {
  (void)state;
  world w = {1, {0}, {10}, {W}, five_percent, {900, 1, 0}, {0, 0.1, 0}, false};
  w.options.model_cost = 900;
  w.options.n_models = 2;
  w.options.search_model = 1;
  drive d;
  assert_int_equal(run(&w, &d, NULL), WL_OK);
  assert_int_equal(d.n_fits, 1); /* the full model's own would be all of it */
  assert_int_equal(d.result.outcome, WL_TUNE_CASCADE);
  assert_int_equal(d.certified_model, 1);
  double share = d.result.certificate.share_leaving;
  assert_true(fabs(d.result.expected_cost - (11 + (1 - share) * 900)) < 1e-9);
}

static void other_models_are_tried_on_the_best_subset_alone(void **state) {
  (void)state;
  world w = {2,         {0, 0},      {10, 12}, {W, W}, five_percent,
             {5, 1, 3}, {0, 2, 0.1}, false};
  w.options.model_cost = 900;
  w.options.n_models = 3;
  w.options.search_model = 1;
  drive d;
  assert_int_equal(run(&w, &d, NULL), WL_OK);
  assert_int_equal(d.n_fits, 4); /* three subsets, and one more model of all */
  for (size_t f = 0; f < 3; f++)
    assert_int_equal(d.fits[f].model, 1);
  assert_int_equal(d.fits[3].model, 2);
  assert_int_equal(d.fits[3].n_blocks, 2);
  assert_int_equal(d.certified_model, 2);
}

/* ---- the race ---------------------------------------------------------------
 */

static void the_winner_of_a_race_is_trained_on_all_rows(void **state) {
  (void)state;
  world w = {3,         {0, 0.05, 5}, {100, 20, 5},
             {W, 0, 0}, five_percent, .model_costs = {0}};
  w.options.n_rows_race = 300;
  drive d;
  assert_int_equal(run(&w, &d, NULL), WL_OK);
  assert_int_equal(d.n_fits, 3);
  assert_int_equal(d.fits[0].n_rows, 300);
  assert_int_equal(d.fits[1].n_rows, 300);
  assert_int_equal(d.fits[2].n_rows, 1000);
  assert_int_equal(d.fits[2].candidate, d.result.candidate);
  assert_int_equal(d.n_certified, 1);
}

static void a_race_of_all_rows_is_none(void **state) {
  (void)state;
  world w = {3,         {0, 0.05, 5}, {100, 20, 5},
             {W, 0, 0}, five_percent, .model_costs = {0}};
  w.options.n_rows_race = 1000;
  drive d;
  assert_int_equal(run(&w, &d, NULL), WL_OK);
  assert_int_equal(d.n_fits, 2);
}

static void a_winner_that_cannot_be_trained_is_passed_over(void **state) {
  (void)state;
  world w = {3,         {0, 0.05, 0.6}, {100, 16, 15},
             {W, 0, 0}, five_percent,   .model_costs = {0}};
  w.options.n_rows_race = 300;
  w.skips_trained = true;
  drive d;
  assert_int_equal(run(&w, &d, NULL), WL_OK);
  assert_int_equal(d.n_fits, 4);
  assert_true(d.fits[2].candidate != d.fits[3].candidate);
  assert_int_equal(d.result.outcome, WL_TUNE_NO_MODEL);
}

/* ---- misuse and memory ------------------------------------------------------
 */

static void parts_of_no_whole_block_are_refused(void **state) {
  (void)state;
  const double costs[] = {3, 2, 1};
  const uint32_t of_a_part[] = {W, 0, 1}, of_itself[] = {W, 1, W},
                 of_none[] = {W, 3, W};
  const uint32_t *all[] = {of_a_part, of_itself, of_none};
  wl_tune_options o = five_percent;
  wl_tune *job;
  wl_error error;
  for (size_t i = 0; i < WL_COUNT_OF(all); i++) {
    o.part_of = all[i];
    assert_int_equal(wl_tune_create(3, costs, 1, 9, 900, &o, &job, &error),
                     WL_ERROR_VALUE);
    assert_non_null(strstr(error.message, "no whole block"));
  }
  const uint32_t good[] = {W, 0, 0};
  o.part_of = good;
  o.is_nested = true;
  assert_int_equal(wl_tune_create(3, costs, 1, 9, 900, &o, &job, &error),
                   WL_ERROR_VALUE);
  o.is_nested = false;
  o.search_model = 1;
  assert_int_equal(wl_tune_create(3, costs, 1, 9, 900, &o, &job, &error),
                   WL_ERROR_VALUE);
  assert_non_null(strstr(error.message, "model 1 of 1"));
}

static void every_failed_allocation_is_reported(void **state) {
  (void)state;
  world w = {3,         {0, 0.05, 5}, {100, 20, 5},
             {W, 0, 0}, five_percent, .model_costs = {0}};
  wl_status status = WL_ERROR_MEMORY;
  for (long n = 0; status != WL_OK; n++) {
    drive d;
    calls_left = n;
    status = run(&w, &d, NULL);
    assert_true(status == WL_OK ? n > 9 : status == WL_ERROR_MEMORY);
    assert_int_equal(n_live_blocks, 0);
  }
  calls_left = -1;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      memory_test(a_part_of_the_only_block_makes_a_cascade),
      memory_test(rows_that_stay_pay_for_the_whole_block),
      memory_test(few_subsets_of_parts_are_all_asked_for),
      memory_test(at_most_one_of_a_block_and_its_parts_is_taken),
      memory_test(good_parts_are_found_among_many_blocks),
      memory_test(a_cheap_model_may_read_all_blocks),
      memory_test(other_models_are_tried_on_the_best_subset_alone),
      memory_test(the_winner_of_a_race_is_trained_on_all_rows),
      memory_test(a_race_of_all_rows_is_none),
      memory_test(a_winner_that_cannot_be_trained_is_passed_over),
      memory_test(parts_of_no_whole_block_are_refused),
      memory_test(every_failed_allocation_is_reported),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
