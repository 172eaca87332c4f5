/*
 * tune.c: the tuning job: its requests and answers, the choice of the winner
 * and the certificate (see tune.h). An answer is first evaluated and then
 * recorded, so that a failure changes nothing.
 */
#include <math.h>

#include "base/random.h"
#include "stats/binomial.h"
#include "tune/job.h"

size_t wl_tune_split(size_t n_rows, const uint64_t *groups, double share,
                     uint64_t seed, uint8_t *is_select) {
  size_t n_select = 0;
  for (size_t i = 0; i < n_rows; i++) {
    uint64_t bits = wl_random_bits(seed, groups != NULL ? groups[i] : i);
    is_select[i] = (double)(bits >> 11) * 0x1p-53 < share;
    n_select += is_select[i];
  }
  return n_select;
}

/* ---- creation --------------------------------------------------------------
 */

static wl_status check_sizes(size_t n_blocks, size_t n_rows_fit,
                             size_t n_rows_select, size_t n_rows_certify,
                             wl_error *error) {
  if (n_blocks == 0 || n_blocks > WL_TUNE_MAX_BLOCKS)
    return wl_fail(error, WL_ERROR_VALUE,
                   "tune: the graph has %zu blocks; 1 to %d can be tuned",
                   n_blocks, WL_TUNE_MAX_BLOCKS);
  if (n_rows_fit == 0)
    return wl_fail(error, WL_ERROR_VALUE,
                   "tune: no rows to fit approximate models on; give training "
                   "data");
  if (n_rows_select > WL_BINOMIAL_MAX_N || n_rows_certify > WL_BINOMIAL_MAX_N)
    return wl_fail(error, WL_ERROR_VALUE,
                   "tune: %zu select and %zu certify rows; give at most %llu "
                   "of each",
                   n_rows_select, n_rows_certify,
                   (unsigned long long)WL_BINOMIAL_MAX_N);
  return WL_OK;
}

static wl_status check_options(const wl_tune_options *options,
                               wl_error *error) {
  const wl_tune_kind *kind = wl_tune_kind_of(options->target);
  if (kind == NULL)
    return wl_fail(error, WL_ERROR_VALUE, "tune: %d is no target",
                   (int)options->target);
  if (kind->is_estimated ? !(options->alpha >= 0 && options->alpha <= 1e300)
                         : !(options->alpha > 0 && options->alpha < 1))
    return wl_fail(error, WL_ERROR_VALUE,
                   "tune: the target %s must be above 0 and below 1, not %g",
                   kind->name, kind->figure(options->alpha));
  if (!(options->delta > 0 && options->delta < 1))
    return wl_fail(error, WL_ERROR_VALUE,
                   "tune: the confidence must be above 0 and below 1, not %g",
                   1 - options->delta);
  if (!(options->model_cost >= 0 && options->model_cost <= 1e300))
    return wl_fail(error, WL_ERROR_VALUE,
                   "tune: the full model's cost must be a number of "
                   "nanoseconds a row, not %g",
                   options->model_cost);
  if (!(options->stage_cost >= 0 && options->stage_cost <= 1e300))
    return wl_fail(error, WL_ERROR_VALUE,
                   "tune: the cost of a stage must be a number of nanoseconds "
                   "a row, not %g",
                   options->stage_cost);
  if (options->max_gates > kind->max_gates)
    return wl_fail(error, WL_ERROR_VALUE,
                   "tune: %zu gates; for the target %s there may be %zu",
                   options->max_gates, kind->name, kind->max_gates);
  if (!(options->tolerance_abs >= 0 && options->tolerance_abs <= 1e300 &&
        options->tolerance_rel >= 0 && options->tolerance_rel <= 1e300))
    return wl_fail(error, WL_ERROR_VALUE,
                   "tune: a tolerance must be a number from 0 on, not %g and "
                   "%g",
                   options->tolerance_abs, options->tolerance_rel);
  return WL_OK;
}

static wl_status check_costs(size_t n_blocks, const double *block_costs,
                             wl_error *error) {
  for (size_t i = 0; i < n_blocks; i++)
    if (!(block_costs[i] >= 0 && block_costs[i] <= 1e300))
      return wl_fail(error, WL_ERROR_VALUE,
                     "tune: the cost of block %zu must be a number of "
                     "nanoseconds a row, not %g",
                     i, block_costs[i]);
  return WL_OK;
}

static wl_status check_models(const wl_tune_options *options, wl_error *error) {
  size_t n_models = options->n_models != 0 ? options->n_models : 1;
  if (options->search_model >= n_models)
    return wl_fail(error, WL_ERROR_VALUE,
                   "tune: subsets cannot be searched with model %zu of %zu",
                   options->search_model, n_models);
  if (options->is_nested &&
      (options->part_of != NULL || n_models > 1 || options->n_rows_race != 0))
    return wl_fail(error, WL_ERROR_VALUE,
                   "tune: nested blocks have no parts, no other models and no "
                   "race");
  return WL_OK;
}

static size_t default_fits(size_t n_blocks) {
  size_t n = 16 + 2 * n_blocks;
  return n < 63 ? 63 : n;
}

static wl_status allocate(wl_tune *job, wl_error *error) {
  const size_t n = job->n_blocks, width = WL_TUNE_KNAPSACK_STEPS + 1;
  const size_t n_rows = job->n_rows_select > job->n_rows_certify
                            ? job->n_rows_select
                            : job->n_rows_certify;
  size_t n_ids;
  if (wl_mul_overflows(job->max_candidates + 1, n, &n_ids))
    return wl_fail_memory(error, SIZE_MAX);
  job->block_costs = wl_calloc(n, sizeof *job->block_costs);
  job->part_of = wl_calloc(n, sizeof *job->part_of);
  job->next_part = wl_calloc(n, sizeof *job->next_part);
  job->importance = wl_calloc(n, sizeof *job->importance);
  job->candidates = wl_calloc(job->max_candidates, sizeof *job->candidates);
  job->block_ids = wl_calloc(n_ids, sizeof *job->block_ids);
  job->is_taken = wl_calloc(n, width);
  job->knapsack = wl_calloc(width, sizeof *job->knapsack);
  job->sample.confidence = wl_calloc(n_rows, sizeof *job->sample.confidence);
  job->sample.losses = wl_calloc(n_rows, 1);
  job->counts = wl_calloc(n_rows, 1);
  job->labels = wl_calloc(job->n_rows_select, sizeof *job->labels);
  if (job->block_costs == NULL || job->part_of == NULL ||
      job->next_part == NULL || job->importance == NULL ||
      job->candidates == NULL || job->block_ids == NULL ||
      job->is_taken == NULL || job->knapsack == NULL ||
      job->sample.confidence == NULL || job->sample.losses == NULL ||
      job->counts == NULL || job->labels == NULL)
    return wl_fail_memory(error, n_ids * sizeof *job->block_ids + n_rows * 18);
  return wl_tune_gates_init(job, error);
}

/* Ends the job at once where no answer could change the outcome. */
static wl_status refuse_early(wl_tune *job, wl_error *error) {
  const wl_tune_options *o = &job->options;
  wl_tune_certificate *c = &job->result.certificate;
  c->n_rows = job->n_rows_certify;
  if (!job->kind->announce(c, c->n_rows, o->alpha, o->delta))
    wl_tune_finish(job, WL_TUNE_TOO_FEW_ROWS);
  else if (job->n_blocks == 1 && job->options.search_model == 0)
    wl_tune_finish(job, WL_TUNE_ONE_BLOCK);
  else if (job->n_rows_select == 0)
    return wl_fail(error, WL_ERROR_VALUE,
                   "tune: %zu certify rows but no select rows; share some of "
                   "them out to choose among the models",
                   job->n_rows_certify);
  return WL_OK;
}

wl_status wl_tune_create(size_t n_blocks, const double *block_costs,
                         size_t n_rows_fit, size_t n_rows_select,
                         size_t n_rows_certify, const wl_tune_options *options,
                         wl_tune **out, wl_error *error) {
  *out = NULL;
  WL_TRY(
      check_sizes(n_blocks, n_rows_fit, n_rows_select, n_rows_certify, error));
  WL_TRY(check_options(options, error));
  WL_TRY(check_costs(n_blocks, block_costs, error));
  WL_TRY(check_models(options, error));
  WL_TRY(wl_tune_parts_check(n_blocks, options->part_of, error));
  wl_tune *job = wl_calloc(1, sizeof *job);
  if (job == NULL)
    return wl_fail_memory(error, sizeof *job);
  wl_status status;
  job->n_blocks = n_blocks;
  job->n_rows_fit = n_rows_fit;
  job->n_rows_select = n_rows_select;
  job->n_rows_certify = n_rows_certify;
  job->options = *options;
  job->options.part_of = NULL; /* the caller's */
  job->kind = wl_tune_kind_of(options->target);
  job->max_candidates =
      options->max_fits != 0 ? options->max_fits : default_fits(n_blocks);
  job->best = job->path = WL_TUNE_NONE;
  WL_TRY_DONE(status, allocate(job, error));
  memcpy(job->block_costs, block_costs, n_blocks * sizeof *block_costs);
  wl_tune_parts_link(job, options->part_of);
  job->exact_cost = options->model_cost;
  for (size_t i = 0; i < n_blocks; i++)
    if (job->part_of[i] == WL_TUNE_WHOLE)
      job->exact_cost += block_costs[i];
  job->result = (wl_tune_result){
      .threshold = (double)INFINITY,
      .expected_cost = job->exact_cost,
      .exact_cost = job->exact_cost,
      .certificate = {.kind = options->target,
                      .assumption =
                          "later rows are drawn independently, as the certify "
                          "rows were",
                      .target = job->kind->figure(options->alpha),
                      .confidence = 1 - options->delta,
                      .rows_needed = job->kind->rows_needed(options->alpha,
                                                            options->delta)}};
  status = refuse_early(job, error);
done:
  if (status == WL_OK)
    *out = job;
  else
    wl_tune_free(job);
  return status;
}

void wl_tune_free(wl_tune *job) {
  if (job == NULL)
    return;
  wl_free(job->block_costs);
  wl_free(job->part_of);
  wl_free(job->next_part);
  wl_free(job->importance);
  wl_free(job->candidates);
  wl_free(job->block_ids);
  wl_free(job->is_taken);
  wl_free(job->knapsack);
  wl_free(job->sample.confidence);
  wl_free(job->sample.losses);
  wl_free(job->counts);
  wl_free(job->labels);
  wl_tune_gates_deinit(job);
  wl_free(job);
}

/* ---- requests --------------------------------------------------------------
 */

double wl_tune_cost_to_beat(const wl_tune *job) {
  if (job->best == WL_TUNE_NONE)
    return job->exact_cost;
  double best = job->candidates[job->best].expected_cost;
  return best < job->exact_cost ? best : job->exact_cost;
}

/* The next candidate in the queue that can still win, or WL_TUNE_NONE: a
 * cascade costs at least its own blocks. */
static size_t next_in_queue(wl_tune *job) {
  for (size_t i = 0; i < job->n_candidates; i++) {
    wl_tune_candidate *c = &job->candidates[i];
    if (c->state != WL_TUNE_QUEUED)
      continue;
    /* Nested blocks, which need no training, are all asked for: a later gate
     * may pay for the few rows that come there. */
    if (c->set_cost < (job->options.is_nested && job->options.max_gates > 1
                           ? job->exact_cost
                           : wl_tune_cost_to_beat(job)))
      return i;
    c->state = WL_TUNE_PRUNED;
  }
  return WL_TUNE_NONE;
}

static bool is_raced(const wl_tune *job) {
  return job->options.n_rows_race != 0 &&
         job->options.n_rows_race < job->n_rows_fit;
}

/* A candidate that has answered and is asked for again is trained on all rows.
 */
static void ask(wl_tune *job, wl_tune_step step, size_t candidate) {
  bool is_racing = is_raced(job) && step == WL_TUNE_FIT &&
                   job->candidates[candidate].state == WL_TUNE_QUEUED;
  job->is_waiting = true;
  job->request = (wl_tune_request){
      .step = step,
      .candidate = candidate,
      .blocks = job->candidates[candidate].blocks,
      .n_blocks = job->candidates[candidate].n_blocks,
      .n_rows = step == WL_TUNE_FIT ? job->n_rows_select : job->n_rows_certify,
      .seed = wl_random_bits(job->options.seed, candidate),
      .model = job->candidates[candidate].model,
      .n_rows_fit = is_racing ? job->options.n_rows_race : job->n_rows_fit};
}

static bool has_answers(const wl_tune *job) {
  return job->best != WL_TUNE_NONE;
}

static bool has_skipped_all(const wl_tune *job) {
  for (size_t i = 0; i < job->n_candidates; i++)
    if (job->candidates[i].state == WL_TUNE_SKIPPED)
      return !has_answers(job);
  return false;
}

/* A gate of the chain that has only raced, or WL_TUNE_NONE. */
static size_t untrained_gate(const wl_tune *job) {
  for (size_t g = 0; g < job->chain.n; g++)
    if (!job->candidates[job->chain.candidates[g]].is_trained)
      return job->chain.candidates[g];
  return WL_TUNE_NONE;
}

static void choose(wl_tune *job) {
  if (has_skipped_all(job))
    wl_tune_finish(job, WL_TUNE_NO_MODEL);
  else if (!has_answers(job))
    wl_tune_finish(job, WL_TUNE_NOT_CHEAPER);
  else if (job->n_certified != 0) /* the gates behind the first */
    ask(job, WL_TUNE_CERTIFY, job->chain.candidates[job->n_certified]);
  else {
    wl_tune_gates_choose(job);
    size_t raced = untrained_gate(job);
    if (!(job->chain.cost < job->exact_cost))
      wl_tune_finish(job, WL_TUNE_NOT_CHEAPER);
    else if (raced != WL_TUNE_NONE)
      ask(job, WL_TUNE_FIT, raced);
    else
      ask(job, WL_TUNE_CERTIFY, job->chain.candidates[0]);
  }
}

void wl_tune_next(wl_tune *job, wl_tune_request *request) {
  while (!job->is_waiting && !job->is_finished) {
    size_t next = next_in_queue(job);
    if (next != WL_TUNE_NONE)
      ask(job, WL_TUNE_FIT, next);
    else if (!wl_tune_propose(job))
      choose(job);
  }
  if (job->is_waiting)
    *request = job->request;
  else
    *request = (wl_tune_request){.step = WL_TUNE_FINISHED};
}

/* ---- answers ---------------------------------------------------------------
 */

static wl_status check_scores(const wl_tune *job, const wl_tune_scores *scores,
                              wl_error *error) {
  if (!job->is_waiting)
    return wl_fail(error, WL_ERROR_VALUE,
                   "tune: an answer without a request; call next first");
  if (scores->n_rows != job->request.n_rows)
    return wl_fail(error, WL_ERROR_VALUE,
                   "tune: the answer for candidate %zu has %zu rows, not %zu",
                   job->request.candidate, scores->n_rows, job->request.n_rows);
  const char *missing =
      scores->confidence == NULL ? "its confidences" : job->kind->lacks(scores);
  if (missing != NULL)
    return wl_fail(
        error, WL_ERROR_VALUE,
        "tune: the answer for candidate %zu lacks %s, which a target "
        "of %s needs",
        job->request.candidate, missing, job->kind->name);
  if (!(scores->model_cost >= 0 && scores->model_cost <= 1e300))
    return wl_fail(error, WL_ERROR_VALUE,
                   "tune: the measured cost of candidate %zu must be a number "
                   "of nanoseconds a row, not %g",
                   job->request.candidate, scores->model_cost);
  return WL_OK;
}

double wl_tune_rest_cost(const wl_tune *job, const wl_tune_candidate *c) {
  return c->rest_cost + job->options.model_cost + job->options.stage_cost;
}

static double cascade_cost(const wl_tune *job, const wl_tune_candidate *c,
                           double model_cost, double share_leaving) {
  return c->set_cost + model_cost +
         (1 - share_leaving) * wl_tune_rest_cost(job, c);
}

/* Shellsort: in place, and fast enough for labels. */
static void sort_labels(int64_t *labels, size_t n) {
  size_t gap = 1;
  while (gap < n / 3)
    gap = 3 * gap + 1;
  for (; gap > 0; gap /= 3)
    for (size_t i = gap; i < n; i++) {
      int64_t label = labels[i];
      size_t at = i;
      for (; at >= gap && labels[at - gap] > label; at -= gap)
        labels[at] = labels[at - gap];
      labels[at] = label;
    }
}

/* The agreement of always answering the full model's commonest label. */
static double share_of_commonest(int64_t *scratch, const int64_t *labels,
                                 size_t n) {
  memcpy(scratch, labels, n * sizeof *labels);
  sort_labels(scratch, n);
  size_t longest = 0, run = 0;
  for (size_t i = 0; i < n; i++) {
    run = i > 0 && scratch[i] == scratch[i - 1] ? run + 1 : 1;
    if (run > longest)
      longest = run;
  }
  return (double)longest / (double)n;
}

/* The rows of an answer that count, and what they count as. */
static wl_status take_sample(wl_tune *job, const wl_tune_scores *scores,
                             wl_error *error) {
  wl_tune_sample *s = &job->sample;
  memset(job->counts, 1, scores->n_rows);
  if (scores->groups != NULL)
    WL_TRY(wl_agreement_first_rows(scores->groups, scores->n_rows, job->counts,
                                   error));
  WL_TRY(job->kind->count(scores, &job->options, s->losses, error));
  s->n = s->n_differing = 0;
  s->threshold = scores->threshold;
  for (size_t i = 0; i < scores->n_rows; i++)
    if (job->counts[i]) {
      s->n_differing += job->kind->has_labels
                            ? scores->approx_labels[i] != scores->full_labels[i]
                            : s->losses[i] != 0;
      s->confidence[s->n] = scores->confidence[i];
      s->losses[s->n] = s->losses[i];
      s->n++;
    }
  return WL_OK;
}

/* What the certificate would do with an answer to a request to fit. */
static wl_status compare(wl_tune *job, wl_tune_verdict *verdict,
                         wl_error *error) {
  const wl_tune_options *o = &job->options;
  double permitted =
      job->kind->is_estimated
          ? 0
          : (double)wl_binomial_max_k(job->n_rows_certify, o->alpha, o->delta) /
                (double)job->n_rows_certify;
  return job->kind->compare(&job->sample, o, permitted, &job->sequence, verdict,
                            error);
}

static wl_status take_select_scores(wl_tune *job, const wl_tune_scores *scores,
                                    wl_error *error) {
  wl_tune_verdict verdict = {0};
  WL_TRY(compare(job, &verdict, error));
  if (job->options.max_gates > 1)
    wl_tune_gates_keep(job, &job->select, job->request.candidate);
  job->select_k = verdict.certificate.k;
  wl_tune_candidate *c = &job->candidates[job->request.candidate];
  c->state = WL_TUNE_ANSWERED;
  c->is_trained = job->request.n_rows_fit == job->n_rows_fit;
  c->model_cost = scores->model_cost;
  c->share_leaving = verdict.certificate.share_leaving;
  c->agreement = 1 - (double)job->sample.n_differing / (double)job->sample.n;
  c->expected_cost = cascade_cost(job, c, c->model_cost, c->share_leaving);
  if (job->best == WL_TUNE_NONE && job->kind->has_labels) /* alike for all */
    job->baseline =
        share_of_commonest(job->labels, scores->full_labels, scores->n_rows);
  if (job->best == WL_TUNE_NONE || job->best == job->request.candidate ||
      c->expected_cost < job->candidates[job->best].expected_cost) {
    job->best = job->request.candidate;
    job->best_sequence = job->sequence;
  }
  return WL_OK;
}

/* The certificate of one gate. */
static wl_status certify_gate(const wl_tune *job, wl_tune_gate *gate,
                              wl_tune_verdict *verdict, double *cost,
                              wl_error *error) {
  const wl_tune_candidate *c = &job->candidates[job->request.candidate];
  WL_TRY(job->kind->certify(&job->sample, &job->options, &job->best_sequence,
                            verdict, error));
  double share_leaving = verdict->certificate.share_leaving;
  *cost = cascade_cost(job, c, c->model_cost, share_leaving);
  *gate = (wl_tune_gate){.candidate = job->request.candidate,
                         .blocks = c->blocks,
                         .n_blocks = c->n_blocks,
                         .threshold = verdict->threshold,
                         .share_leaving = share_leaving,
                         .cost = c->set_cost + c->model_cost};
  return WL_OK;
}

/* What explains a certificate: the trade-off, and the first gate's rows. */
static wl_status trace(wl_tune *job, wl_tune_result *r, wl_error *error) {
  const wl_tune_sample *s = &job->sample;
  double delta = job->options.delta;
  wl_curve_point points[WL_TUNE_POINTS];
  if (job->chain.n > 1)
    return wl_tune_gates_trace(job, r, error);
  WL_TRY(wl_curve_trace(s->confidence, s->losses, s->n, delta, points,
                        WL_TUNE_POINTS, &r->n_curve, r->reliability,
                        WL_TUNE_BINS, &r->n_reliability, error));
  const wl_tune_candidate *c = &job->candidates[job->request.candidate];
  for (size_t i = 0; i < r->n_curve; i++) {
    r->curve[i] = wl_tune_point_of(&points[i], s->n);
    r->curve[i].cost =
        cascade_cost(job, c, c->model_cost, r->curve[i].share_leaving);
  }
  return WL_OK;
}

static wl_status take_certify_scores(wl_tune *job, const wl_tune_scores *scores,
                                     wl_error *error) {
  wl_tune_gate gates[WL_TUNE_MAX_GATES] = {{0}};
  wl_tune_verdict verdict = {.certificate = job->result.certificate};
  double cost;
  if (job->chain.n == 1) {
    WL_TRY(certify_gate(job, gates, &verdict, &cost, error));
  } else {
    wl_tune_gates_keep(job, &job->certify, job->n_certified);
    if (job->n_certified + 1 < job->chain.n) {
      job->n_certified++;
      return WL_OK;
    }
    WL_TRY(wl_tune_gates_certify(job, gates, &verdict, &cost, error));
  }
  wl_tune_result *r = &job->result;
  WL_TRY(trace(job, r, error));
  r->certificate = verdict.certificate;
  r->certificate.is_per_group = scores->groups != NULL;
  if (!verdict.has_enough_rows) {
    wl_tune_finish(job, WL_TUNE_TOO_FEW_ROWS);
  } else if (!(cost < job->exact_cost)) {
    wl_tune_finish(job, WL_TUNE_NOT_CHEAPER);
  } else {
    r->candidate = gates[0].candidate;
    r->blocks = gates[0].blocks;
    r->n_blocks = gates[0].n_blocks;
    r->threshold = gates[0].threshold;
    memcpy(r->gates, gates, sizeof gates);
    r->n_gates = job->chain.n;
    r->expected_cost = cost;
    wl_tune_finish(job, WL_TUNE_CASCADE);
  }
  return WL_OK;
}

wl_status wl_tune_answer(wl_tune *job, const wl_tune_scores *scores,
                         wl_error *error) {
  WL_TRY(check_scores(job, scores, error));
  WL_TRY(take_sample(job, scores, error));
  if (job->request.step == WL_TUNE_FIT)
    WL_TRY(take_select_scores(job, scores, error));
  else
    WL_TRY(take_certify_scores(job, scores, error));
  job->is_waiting = false;
  return WL_OK;
}

static size_t cheapest_answered(const wl_tune *job) {
  size_t best = WL_TUNE_NONE;
  for (size_t i = 0; i < job->n_candidates; i++)
    if (job->candidates[i].state == WL_TUNE_ANSWERED &&
        (best == WL_TUNE_NONE || job->candidates[i].expected_cost <
                                     job->candidates[best].expected_cost))
      best = i;
  return best;
}

wl_status wl_tune_weigh(wl_tune *job, const wl_tune_scores *scores,
                        double *expected_cost, wl_error *error) {
  *expected_cost = (double)INFINITY;
  WL_TRY(check_scores(job, scores, error));
  if (job->request.step != WL_TUNE_FIT)
    return wl_fail(error, WL_ERROR_VALUE,
                   "tune: only answers to a request to fit are compared");
  WL_TRY(take_sample(job, scores, error));
  wl_tune_verdict verdict = {0};
  WL_TRY(compare(job, &verdict, error));
  *expected_cost =
      cascade_cost(job, &job->candidates[job->request.candidate],
                   scores->model_cost, verdict.certificate.share_leaving);
  return WL_OK;
}

wl_status wl_tune_skip(wl_tune *job, wl_error *error) {
  if (!job->is_waiting || job->request.step != WL_TUNE_FIT)
    return wl_fail(error, WL_ERROR_VALUE,
                   "tune: only a request to fit can be skipped");
  job->candidates[job->request.candidate].state = WL_TUNE_SKIPPED;
  if (job->best == job->request.candidate) { /* it won the race */
    job->best = cheapest_answered(job);
    /* Only the best one's sequence is kept: this one answers once more. */
    if (job->best != WL_TUNE_NONE)
      job->candidates[job->best].is_trained = false;
  }
  job->is_waiting = false;
  return WL_OK;
}
