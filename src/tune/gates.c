/*
 * gates.c: several gates as a chain of candidates, certified as one: prefixes
 * of one ensemble, or models on different blocks.
 *
 * A chain has an anchor for each gate: the confidences that are as strict as
 * each other. A row's score at a gate is its confidence there over the gate's
 * anchor, and it leaves at the first gate where its score is above t, one
 * number for the whole chain. Anchors are chosen on the select rows; t is
 * proven on the certify rows.
 *
 * As t falls a row leaves earlier, and what it then answers may differ from the
 * full model's, or agree again. Let S be the largest score of a row at a gate
 * where it differs and where it comes at all for some t, that is, where its
 * score is above those of all gates before; -infinity without one. For every
 * t >= S the row agrees. So P(a row differs under t) <= P(S > t), which is
 * monotone in t: S takes the place of the confidence in the order statistic of
 * one gate (stats/agreement.h), whose proof asks for nothing else.
 *
 * Division by a positive number is monotone as it is rounded, so that "score
 * above t" is "confidence above a threshold", to the bit.
 */
#include <math.h>

#include "stats/binomial.h"
#include "tune/job.h"

enum {
  SHARES = 8, /* that the permitted errors are dealt out in */
  /* Select rows that differ at a gate beside others. Of fewer there is nothing
   * to learn about its confidences; a certificate would still hold. */
  LEAST_DIFFERING = 16
};

/* Of anchors and of t, so that neither their products nor quotients leave what
 * a double holds. Raising t breaks no promise. */
static const double smallest = 1e-100, largest = 1e100;
/* What another gate has to gain, for the work that stages are by themselves. */
static const double least_gain = 0.06;

/* ---- the rows ---------------------------------------------------------------
 */

static size_t n_slots(const wl_tune *job) {
  size_t n = job->n_blocks - 1;
  return job->options.is_nested && n < job->max_candidates
             ? n
             : job->max_candidates;
}

static wl_status rows_init(wl_tune_rows *rows, size_t n_slots_wanted,
                           size_t capacity, wl_error *error) {
  size_t n;
  if (wl_mul_overflows(n_slots_wanted, capacity, &n))
    return wl_fail_memory(error, SIZE_MAX);
  rows->capacity = capacity;
  rows->confidence = wl_calloc(n, sizeof *rows->confidence);
  rows->differs = wl_calloc(n, 1);
  if (rows->confidence == NULL || rows->differs == NULL)
    return wl_fail_memory(error, n * sizeof *rows->confidence);
  return WL_OK;
}

wl_status wl_tune_gates_init(wl_tune *job, wl_error *error) {
  if (job->options.max_gates < 2)
    return WL_OK;
  size_t n = job->n_rows_select > job->n_rows_certify ? job->n_rows_select
                                                      : job->n_rows_certify;
  WL_TRY(rows_init(&job->select, n_slots(job), job->n_rows_select, error));
  WL_TRY(
      rows_init(&job->certify, WL_TUNE_MAX_GATES, job->n_rows_certify, error));
  job->values = wl_calloc(n, sizeof *job->values);
  job->marks = wl_calloc(n, 1);
  if (job->values == NULL || job->marks == NULL)
    return wl_fail_memory(error, n * sizeof *job->values);
  return WL_OK;
}

void wl_tune_gates_deinit(wl_tune *job) {
  wl_free(job->select.confidence);
  wl_free(job->select.differs);
  wl_free(job->certify.confidence);
  wl_free(job->certify.differs);
  wl_free(job->values);
  wl_free(job->marks);
}

void wl_tune_gates_keep(const wl_tune *job, wl_tune_rows *rows, size_t slot) {
  const wl_tune_sample *s = &job->sample;
  size_t from = slot * rows->capacity;
  rows->n = s->n;
  memcpy(rows->confidence + from, s->confidence, s->n * sizeof *s->confidence);
  memcpy(rows->differs + from, s->losses, s->n);
}

/* ---- costs ------------------------------------------------------------------
 */

/* Of a row that comes to gate g, there; past the last, in the full model. A
 * block that an earlier gate has is there. */
static double step_cost(const wl_tune *job, const wl_tune_chain *chain,
                        size_t g) {
  uint8_t is_there[WL_TUNE_MAX_BLOCKS] = {0};
  for (size_t h = 0; h < g; h++) {
    const wl_tune_candidate *c = &job->candidates[chain->candidates[h]];
    for (size_t i = 0; i < c->n_blocks; i++)
      is_there[c->blocks[i]] = 1;
  }
  double cost = g > 0 ? job->options.stage_cost : 0;
  if (g == chain->n) {
    for (size_t block = 0; block < job->n_blocks; block++)
      if (!is_there[block] && job->part_of[block] == WL_TUNE_WHOLE)
        cost += job->block_costs[block];
    return cost + job->options.model_cost;
  }
  const wl_tune_candidate *c = &job->candidates[chain->candidates[g]];
  for (size_t i = 0; i < c->n_blocks; i++)
    cost += is_there[c->blocks[i]] ? 0 : job->block_costs[c->blocks[i]];
  return cost + c->model_cost;
}

/* ---- anchors ----------------------------------------------------------------
 */

static void swap(double *a, double *b) {
  double kept = *a;
  *a = *b;
  *b = kept;
}

/* The (k + 1)-th largest of n > k numbers, none of them NaN; reorders them. */
static double pick_largest(double *v, size_t n, size_t k) {
  size_t low = 0, high = n - 1;
  while (low < high) {
    double pivot = v[low + (high - low) / 2];
    size_t i = low, j = high;
    for (;;) {
      while (v[i] > pivot)
        i++;
      while (v[j] < pivot)
        j--;
      if (i >= j)
        break;
      swap(&v[i++], &v[j--]);
    }
    /* v[low..j] >= pivot >= v[j + 1..high] */
    if (k <= j)
      high = j;
    else
      low = j + 1;
  }
  return v[k];
}

/*
 * The confidence above which at most k of the rows that came to a gate differ.
 * Where all of them may leave, the least positive one, so that there is a
 * scale.
 */
static double find_anchor(wl_tune *job, size_t candidate, size_t k) {
  const double *confidence =
      job->select.confidence + candidate * job->select.capacity;
  const uint8_t *differs =
      job->select.differs + candidate * job->select.capacity;
  size_t n = 0;
  double least = (double)INFINITY;
  for (size_t i = 0; i < job->select.n; i++)
    if (job->marks[i] && !isnan(confidence[i])) {
      if (differs[i])
        job->values[n++] = confidence[i];
      if (confidence[i] > 0 && confidence[i] < least)
        least = confidence[i];
    }
  return n > k ? pick_largest(job->values, n, k) : least;
}

/*
 * Sets the anchors by the shares, gate by gate: what a gate does not spend, the
 * next ones may. The cost of a row goes to chain->cost, infinite where the
 * chain has no scale.
 */
static void weigh(wl_tune *job, wl_tune_chain *chain) {
  const wl_tune_rows *rows = &job->select;
  size_t n_left = rows->n, n_wrong = 0, n_shares = 0;
  double cost = 0;
  memset(job->marks, 1, rows->n);
  for (size_t g = 0; g < chain->n; g++) {
    size_t candidate = chain->candidates[g];
    const double *confidence = rows->confidence + candidate * rows->capacity;
    const uint8_t *differs = rows->differs + candidate * rows->capacity;
    cost += (double)n_left * step_cost(job, chain, g);
    n_shares += chain->shares[g];
    size_t k = (size_t)job->select_k * n_shares / SHARES;
    double anchor = find_anchor(job, candidate, k > n_wrong ? k - n_wrong : 0);
    if (!(anchor >= smallest && anchor <= largest)) {
      chain->cost = (double)INFINITY;
      return;
    }
    chain->anchors[g] = anchor;
    for (size_t i = 0; i < rows->n; i++)
      if (job->marks[i] && confidence[i] > anchor) {
        job->marks[i] = 0;
        n_wrong += differs[i];
        n_left--;
      }
  }
  cost += (double)n_left * step_cost(job, chain, chain->n);
  chain->cost = cost / (double)rows->n;
}

/* ---- the choice -------------------------------------------------------------
 */

static bool is_known(const wl_tune *job, size_t candidate) {
  const uint8_t *differs =
      job->select.differs + candidate * job->select.capacity;
  size_t n = 0;
  if (job->candidates[candidate].state != WL_TUNE_ANSWERED)
    return false;
  for (size_t i = 0; i < job->select.n && n < LEAST_DIFFERING; i++)
    n += differs[i];
  return n == LEAST_DIFFERING;
}

static bool has_gate(const wl_tune_chain *chain, size_t candidate) {
  for (size_t g = 0; g < chain->n; g++)
    if (chain->candidates[g] == candidate)
      return true;
  return false;
}

/* The order of gates: the cheaper blocks first. */
static bool comes_later(const wl_tune *job, size_t a, size_t b) {
  double left = job->candidates[a].set_cost,
         right = job->candidates[b].set_cost;
  return left > right || (left == right && a > b);
}

/* The chain with one gate more, of no share of its own yet. */
static wl_tune_chain extended(const wl_tune *job, const wl_tune_chain *chain,
                              size_t candidate) {
  wl_tune_chain longer = *chain;
  size_t g = longer.n++;
  for (; g > 0 && comes_later(job, longer.candidates[g - 1], candidate); g--) {
    longer.candidates[g] = longer.candidates[g - 1];
    longer.shares[g] = longer.shares[g - 1];
  }
  longer.candidates[g] = candidate;
  longer.shares[g] = 0;
  return longer;
}

/* Moves shares from gate to gate for as long as that gains. */
static void deal_shares(wl_tune *job, wl_tune_chain *chain) {
  for (bool has_gained = true; has_gained;) {
    const wl_tune_chain before = *chain;
    has_gained = false;
    for (size_t from = 0; from < chain->n; from++)
      for (size_t to = 0; to < chain->n; to++) {
        if (from == to || before.shares[from] == 0)
          continue;
        wl_tune_chain moved = before;
        moved.shares[from]--;
        moved.shares[to]++;
        weigh(job, &moved);
        if (moved.cost < chain->cost) {
          *chain = moved;
          has_gained = true;
        }
      }
  }
}

void wl_tune_gates_choose(wl_tune *job) {
  wl_tune_chain *chain = &job->chain;
  *chain = (wl_tune_chain){.n = 1,
                           .candidates = {job->best},
                           .shares = {SHARES},
                           .cost = job->candidates[job->best].expected_cost};
  if (job->options.max_gates < 2 || !is_known(job, job->best))
    return;
  while (chain->n < job->options.max_gates) {
    wl_tune_chain best = {.cost = (double)INFINITY};
    for (size_t i = 0; i < job->n_candidates; i++) {
      if (!is_known(job, i) || has_gate(chain, i))
        continue;
      wl_tune_chain longer = extended(job, chain, i);
      weigh(job, &longer);
      if (longer.cost < best.cost)
        best = longer;
    }
    if (best.n == 0)
      return;
    deal_shares(job, &best);
    if (!(best.cost < (1 - least_gain) * chain->cost))
      return;
    *chain = best;
  }
}

/* ---- the certificate --------------------------------------------------------
 */

/*
 * A row's S where it differs at some gate that it may leave at, and the largest
 * of its scores where it does not: it leaves where that is above t.
 */
static void find_scores(wl_tune *job) {
  const wl_tune_rows *rows = &job->certify;
  for (size_t i = 0; i < rows->n; i++) {
    double best = -(double)INFINITY, worst = best;
    for (size_t g = 0; g < job->chain.n; g++) {
      double score =
          rows->confidence[g * rows->capacity + i] / job->chain.anchors[g];
      if (!(score > best)) /* as NaN is not */
        continue;
      best = score;
      if (rows->differs[g * rows->capacity + i])
        worst = score;
    }
    job->marks[i] = worst > -(double)INFINITY;
    job->values[i] = job->marks[i] ? worst : best;
  }
}

/* The largest confidence whose score is at most t. */
static double threshold_of(double anchor, double t) {
  if (!(t <= largest))
    return (double)INFINITY;
  double low = 0, high = 2 * anchor * t;
  for (;;) {
    double middle = low + (high - low) / 2;
    if (!(middle > low && middle < high))
      return low;
    *(middle / anchor <= t ? &low : &high) = middle;
  }
}

/* The gates that let rows of a score above t leave. */
static void open_gates(const wl_tune *job, double t, wl_tune_gate *gates) {
  const wl_tune_chain *chain = &job->chain;
  for (size_t g = 0; g < chain->n; g++)
    gates[g] = (wl_tune_gate){
        .candidate = chain->candidates[g],
        .blocks = job->candidates[chain->candidates[g]].blocks,
        .n_blocks = job->candidates[chain->candidates[g]].n_blocks,
        .threshold = threshold_of(chain->anchors[g], t),
        .cost = step_cost(job, chain, g)};
}

/* Counts the certify rows that leave at each gate; the cost of a row. */
static double count_leaving(const wl_tune *job, wl_tune_gate *gates,
                            wl_agreement *a) {
  const wl_tune_rows *rows = &job->certify;
  size_t counts[WL_TUNE_MAX_GATES] = {0};
  a->n_leaving = a->n_wrong = 0;
  for (size_t i = 0; i < rows->n; i++)
    for (size_t g = 0; g < job->chain.n; g++)
      if (rows->confidence[g * rows->capacity + i] > gates[g].threshold) {
        counts[g]++;
        a->n_leaving++;
        a->n_wrong += rows->differs[g * rows->capacity + i];
        break;
      }
  a->share_leaving = (double)a->n_leaving / (double)rows->n;
  double reach = 1, cost = 0;
  for (size_t g = 0; g < job->chain.n; reach -= gates[g++].share_leaving) {
    gates[g].share_leaving = (double)counts[g] / (double)rows->n;
    cost += reach * gates[g].cost;
  }
  return cost + reach * step_cost(job, &job->chain, job->chain.n);
}

wl_status wl_tune_gates_certify(wl_tune *job, wl_tune_gate *gates,
                                wl_tune_verdict *verdict, double *cost,
                                wl_error *error) {
  wl_agreement a;
  find_scores(job);
  WL_TRY(wl_agreement_certify(job->values, job->marks, NULL, job->certify.n,
                              job->options.alpha, job->options.delta, &a,
                              error));
  open_gates(job, a.threshold > smallest ? a.threshold : smallest, gates);
  *cost = count_leaving(job, gates, &a);
  wl_tune_verdict_agreement(&a, verdict);
  return WL_OK;
}

wl_status wl_tune_gates_trace(wl_tune *job, wl_tune_result *r,
                              wl_error *error) {
  const wl_tune_rows *rows = &job->certify;
  double delta = job->options.delta;
  wl_curve_point points[WL_TUNE_POINTS];
  wl_curve_bin unused[1];
  size_t n_unused;
  /* A row's loss is 1 or 0, as it differs or does not. */
  WL_TRY(wl_curve_trace(job->values, (const int8_t *)job->marks, rows->n, delta,
                        points, WL_TUNE_POINTS, &r->n_curve, unused, 0,
                        &n_unused, error));
  for (size_t i = 0; i < r->n_curve; i++) {
    wl_tune_gate gates[WL_TUNE_MAX_GATES];
    wl_agreement a;
    double t = points[i].threshold;
    open_gates(job, t > smallest ? t : smallest, gates);
    double cost = count_leaving(job, gates, &a);
    points[i].n_leaving = a.n_leaving;
    points[i].n_wrong = a.n_wrong;
    points[i].bound = wl_binomial_upper_bound(a.n_wrong, rows->n, delta);
    r->curve[i] = wl_tune_point_of(&points[i], rows->n);
    r->curve[i].cost = cost;
  }
  return wl_curve_trace(rows->confidence, (const int8_t *)rows->differs,
                        rows->n, delta, points, 0, &n_unused, r->reliability,
                        WL_TUNE_BINS, &r->n_reliability, error);
}
