/*
 * propose.c: which subsets of blocks a tuning job tries. Every function here
 * only looks at costs and select results, so the certify rows stay untouched.
 */
#include "tune/job.h"

/* ---- the list of candidates ------------------------------------------------
 */

static uint32_t *draft(const wl_tune *job) {
  return job->block_ids + job->max_candidates * job->n_blocks;
}

static bool contains(const wl_tune_candidate *c, uint32_t block) {
  for (size_t i = 0; i < c->n_blocks; i++)
    if (c->blocks[i] == block)
      return true;
  return false;
}

/*
 * The number of the candidate with the draft's n ascending blocks, which joins
 * the queue if it is new. WL_TUNE_NONE when there is no more room, or when it
 * is no subset to be tried: none of the blocks, or all of them where only the
 * full model's own cost would be left.
 */
static size_t add_draft(wl_tune *job, size_t n) {
  const uint32_t *blocks = draft(job);
  if (n == 0 || n >= job->n_blocks + job->options.takes_all)
    return WL_TUNE_NONE;
  for (size_t i = 0; i < job->n_candidates; i++)
    if (job->candidates[i].n_blocks == n &&
        memcmp(job->candidates[i].blocks, blocks, n * sizeof *blocks) == 0)
      return i;
  if (job->n_candidates == job->max_candidates)
    return WL_TUNE_NONE;
  size_t number = job->n_candidates++;
  wl_tune_candidate *c = &job->candidates[number];
  *c = (wl_tune_candidate){.blocks = job->block_ids + number * job->n_blocks,
                           .n_blocks = n,
                           .state = WL_TUNE_QUEUED};
  memcpy(c->blocks, blocks, n * sizeof *blocks);
  size_t at = 0;
  for (size_t block = 0; block < job->n_blocks; block++) {
    bool is_in = at < n && blocks[at] == block;
    at += is_in;
    *(is_in ? &c->set_cost : &c->rest_cost) += job->block_costs[block];
  }
  return number;
}

/* ---- few blocks: all subsets ------------------------------------------------
 */

static double mask_cost(const wl_tune *job, unsigned mask) {
  double cost = 0;
  for (size_t block = 0; block < job->n_blocks; block++)
    if (mask >> block & 1u)
      cost += job->block_costs[block];
  return cost;
}

/* Cheapest first, so that the bound on costs prunes the rest early. */
static void propose_all(wl_tune *job) {
  unsigned masks[1u << WL_TUNE_EXHAUSTIVE_BLOCKS];
  size_t n_masks = 0;
  for (unsigned mask = 1; mask + 1 < 1u << job->n_blocks; mask++) {
    size_t at = n_masks++;
    for (; at > 0 && mask_cost(job, masks[at - 1]) > mask_cost(job, mask); at--)
      masks[at] = masks[at - 1];
    masks[at] = mask;
  }
  for (size_t i = 0; i < n_masks; i++) {
    size_t n = 0;
    for (uint32_t block = 0; block < job->n_blocks; block++)
      if (masks[i] >> block & 1u)
        draft(job)[n++] = block;
    (void)add_draft(job, n);
  }
}

/* All blocks, for a model of its own. */
static void propose_whole(wl_tune *job) {
  for (uint32_t block = 0; block < job->n_blocks; block++)
    draft(job)[block] = block;
  (void)add_draft(job, job->n_blocks);
}

/* Prefixes, which come cheapest first. */
static void propose_nested(wl_tune *job) {
  for (uint32_t n = 1; n < job->n_blocks; n++) {
    draft(job)[n - 1] = n - 1;
    (void)add_draft(job, n);
  }
}

/* ---- many blocks: each alone, then knapsacks, then a path -------------------
 */

/* All blocks, or the cheapest when the fits would not leave room for more. */
static void propose_singles(wl_tune *job) {
  size_t n = job->n_blocks;
  size_t n_wanted =
      n <= job->max_candidates / 2 ? n : (job->max_candidates + 1) / 2;
  double last_cost = -1;
  uint32_t last_block = 0;
  for (size_t i = 0; i < n_wanted; i++) {
    /* The next in the order of (cost, number). */
    uint32_t next = UINT32_MAX;
    for (uint32_t block = 0; block < n; block++) {
      double cost = job->block_costs[block];
      if ((cost > last_cost || (cost == last_cost && block > last_block)) &&
          (next == UINT32_MAX || cost < job->block_costs[next]))
        next = block;
    }
    last_cost = job->block_costs[next];
    last_block = next;
    draft(job)[0] = next;
    (void)add_draft(job, 1);
  }
}

static void measure_importance(wl_tune *job) {
  for (size_t block = 0; block < job->n_blocks; block++)
    job->importance[block] = -1;
  for (size_t i = 0; i < job->n_candidates; i++) {
    const wl_tune_candidate *c = &job->candidates[i];
    if (c->n_blocks == 1 && c->state == WL_TUNE_ANSWERED) {
      double gain = c->agreement - job->baseline;
      job->importance[c->blocks[0]] = gain > 0 ? gain : 0;
    }
  }
}

/* A block's cost in steps of the whole, rounded up: a limit is never passed. */
static size_t cost_in_steps(const wl_tune *job, size_t block, double total) {
  if (!(total > 0))
    return 0;
  double steps = job->block_costs[block] / total * WL_TUNE_KNAPSACK_STEPS;
  size_t whole = (size_t)steps;
  return whole + ((double)whole < steps);
}

/*
 * The subsets with the largest summed importance at several limits of cost:
 * the 0/1 knapsack by dynamic programming over 1000 steps of cost.
 */
static void propose_knapsacks(wl_tune *job) {
  static const size_t limits[] = {20, 50, 100, 200, 350, 500, 700};
  const size_t width = WL_TUNE_KNAPSACK_STEPS + 1;
  double total = 0;
  for (size_t block = 0; block < job->n_blocks; block++)
    total += job->block_costs[block];
  memset(job->is_taken, 0, job->n_blocks * width);
  memset(job->knapsack, 0, width * sizeof *job->knapsack);
  for (size_t block = 0; block < job->n_blocks; block++) {
    double gain = job->importance[block];
    size_t cost = cost_in_steps(job, block, total);
    if (!(gain > 0))
      continue;
    for (size_t limit = width; limit-- > cost;)
      if (job->knapsack[limit - cost] + gain > job->knapsack[limit]) {
        job->knapsack[limit] = job->knapsack[limit - cost] + gain;
        job->is_taken[block * width + limit] = 1;
      }
  }
  for (size_t i = 0; i < WL_COUNT_OF(limits); i++) {
    size_t n = 0, left = limits[i];
    /* The last block's choice first; then turned into ascending order. */
    for (size_t block = job->n_blocks; block-- > 0;)
      if (job->is_taken[block * width + left]) {
        draft(job)[n++] = (uint32_t)block;
        left -= cost_in_steps(job, block, total);
      }
    for (size_t a = 0, b = n; a + 1 < b; a++) {
      uint32_t swapped = draft(job)[a];
      draft(job)[a] = draft(job)[--b];
      draft(job)[b] = swapped;
    }
    (void)add_draft(job, n);
  }
}

/* gain_a / cost_a > gain_b / cost_b, for costs that may be 0. */
static bool is_denser(double gain_a, double cost_a, double gain_b,
                      double cost_b) {
  double a = gain_a * cost_b, b = gain_b * cost_a;
  return a > b || (a == b && gain_a > gain_b);
}

static size_t best_single(const wl_tune *job) {
  size_t best = WL_TUNE_NONE;
  for (size_t i = 0; i < job->n_candidates; i++) {
    const wl_tune_candidate *c = &job->candidates[i];
    if (c->n_blocks != 1 || c->state != WL_TUNE_ANSWERED)
      continue;
    double gain = job->importance[c->blocks[0]];
    if (best == WL_TUNE_NONE ||
        is_denser(gain, c->set_cost,
                  job->importance[job->candidates[best].blocks[0]],
                  job->candidates[best].set_cost))
      best = i;
  }
  return best;
}

/* Of the extensions tried, the one with the most agreement for its cost, if
 * any has gained. */
static size_t best_extension(const wl_tune *job) {
  const wl_tune_candidate *path = &job->candidates[job->path];
  size_t best = WL_TUNE_NONE;
  double best_gain = 0, best_cost = 0;
  for (size_t i = 0; i < job->n_extensions; i++) {
    const wl_tune_candidate *c = &job->candidates[job->extensions[i]];
    double gain = c->agreement - path->agreement;
    double cost = c->set_cost - path->set_cost;
    if (c->state == WL_TUNE_ANSWERED && gain > 0 &&
        (best == WL_TUNE_NONE || is_denser(gain, cost, best_gain, best_cost))) {
      best = job->extensions[i];
      best_gain = gain;
      best_cost = cost;
    }
  }
  return best;
}

/* Adds the path with one more block to the candidates. */
static size_t add_extension(wl_tune *job, uint32_t block) {
  const wl_tune_candidate *path = &job->candidates[job->path];
  uint32_t *blocks = draft(job);
  size_t n = 0;
  while (n < path->n_blocks && path->blocks[n] < block) {
    blocks[n] = path->blocks[n];
    n++;
  }
  blocks[n] = block;
  memcpy(blocks + n + 1, path->blocks + n,
         (path->n_blocks - n) * sizeof *blocks);
  return add_draft(job, path->n_blocks + 1);
}

/* Queues the path with each of the densest blocks that can still pay. */
static void extend_path(wl_tune *job) {
  uint32_t chosen[WL_TUNE_GREEDY_WIDTH];
  size_t n_chosen = 0;
  job->n_extensions = 0;
  const wl_tune_candidate *path = &job->candidates[job->path];
  double to_beat = wl_tune_cost_to_beat(job);
  for (uint32_t block = 0; block < job->n_blocks; block++) {
    double gain = job->importance[block], cost = job->block_costs[block];
    if (gain < 0 || contains(path, block) || path->set_cost + cost >= to_beat)
      continue;
    size_t at = n_chosen;
    while (at > 0 && is_denser(gain, cost, job->importance[chosen[at - 1]],
                               job->block_costs[chosen[at - 1]]))
      at--;
    if (at == WL_TUNE_GREEDY_WIDTH)
      continue;
    size_t n_kept =
        n_chosen < WL_TUNE_GREEDY_WIDTH ? n_chosen : WL_TUNE_GREEDY_WIDTH - 1;
    memmove(chosen + at + 1, chosen + at, (n_kept - at) * sizeof *chosen);
    chosen[at] = block;
    n_chosen = n_kept + 1;
  }
  for (size_t i = 0; i < n_chosen; i++) {
    size_t number = add_extension(job, chosen[i]);
    if (number != WL_TUNE_NONE)
      job->extensions[job->n_extensions++] = number;
  }
}

static bool propose_path(wl_tune *job) {
  size_t next =
      job->path == WL_TUNE_NONE ? best_single(job) : best_extension(job);
  if (next == WL_TUNE_NONE)
    return false;
  job->path = next;
  extend_path(job);
  return job->n_extensions != 0;
}

bool wl_tune_propose(wl_tune *job) {
  switch (job->phase) {
  case WL_TUNE_PHASE_START:
    propose_whole(job);
    if (job->options.is_nested) {
      propose_nested(job);
      job->phase = WL_TUNE_PHASE_LAST;
    } else if (job->n_blocks <= WL_TUNE_EXHAUSTIVE_BLOCKS &&
               (1u << job->n_blocks) - 2 + job->options.takes_all <=
                   job->max_candidates) {
      propose_all(job);
      job->phase = WL_TUNE_PHASE_LAST;
    } else {
      propose_singles(job);
      job->phase = WL_TUNE_PHASE_SINGLES;
    }
    return true;
  case WL_TUNE_PHASE_SINGLES:
    measure_importance(job);
    propose_knapsacks(job);
    job->phase = WL_TUNE_PHASE_GREEDY;
    return true;
  case WL_TUNE_PHASE_GREEDY:
    if (propose_path(job))
      return true;
    job->phase = WL_TUNE_PHASE_LAST;
    return false;
  case WL_TUNE_PHASE_LAST:
    break;
  }
  return false;
}
