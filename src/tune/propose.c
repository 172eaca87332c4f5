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

static bool is_whole(const wl_tune *job, size_t block) {
  return job->part_of[block] == WL_TUNE_WHOLE;
}

/* The whole block of which this is one, or a part. */
static uint32_t whole_of(const wl_tune *job, uint32_t block) {
  return is_whole(job, block) ? block : job->part_of[block];
}

/* Insertion: few are out of order. */
static void sort_blocks(uint32_t *blocks, size_t n) {
  for (size_t i = 1; i < n; i++) {
    uint32_t block = blocks[i];
    size_t at = i;
    for (; at > 0 && blocks[at - 1] > block; at--)
      blocks[at] = blocks[at - 1];
    blocks[at] = block;
  }
}

/* What a candidate has of a block or its parts, or WL_TUNE_WHOLE. */
static uint32_t held_of(const wl_tune *job, const wl_tune_candidate *c,
                        uint32_t block) {
  for (size_t i = 0; i < c->n_blocks; i++)
    if (whole_of(job, c->blocks[i]) == whole_of(job, block))
      return c->blocks[i];
  return WL_TUNE_WHOLE;
}

/* Whether a first stage of these blocks would spare a row anything. */
static bool leaves_something_out(const wl_tune *job, const uint32_t *blocks,
                                 size_t n, size_t model) {
  size_t n_whole = 0, n_all = 0;
  for (size_t i = 0; i < n; i++)
    n_whole += is_whole(job, blocks[i]);
  for (size_t block = 0; block < job->n_blocks; block++)
    n_all += is_whole(job, block);
  return model != 0 || n_whole < n_all;
}

/*
 * The number of the candidate with the draft's n blocks, which joins the queue
 * if it is new. WL_TUNE_NONE when it leaves nothing out or there is no more
 * room.
 */
static size_t add_draft(wl_tune *job, size_t n, size_t model) {
  uint32_t *blocks = draft(job);
  sort_blocks(blocks, n);
  if (n == 0 || !leaves_something_out(job, blocks, n, model))
    return WL_TUNE_NONE;
  for (size_t i = 0; i < job->n_candidates; i++)
    if (job->candidates[i].n_blocks == n && job->candidates[i].model == model &&
        memcmp(job->candidates[i].blocks, blocks, n * sizeof *blocks) == 0)
      return i;
  if (job->n_candidates == job->max_candidates)
    return WL_TUNE_NONE;
  size_t number = job->n_candidates++;
  wl_tune_candidate *c = &job->candidates[number];
  *c = (wl_tune_candidate){.blocks = job->block_ids + number * job->n_blocks,
                           .n_blocks = n,
                           .model = model,
                           .state = WL_TUNE_QUEUED};
  memcpy(c->blocks, blocks, n * sizeof *blocks);
  size_t at = 0;
  for (size_t block = 0; block < job->n_blocks; block++) {
    bool is_in = at < n && blocks[at] == block;
    at += is_in;
    if (is_in)
      c->set_cost += job->block_costs[block];
    else if (is_whole(job, block))
      c->rest_cost += job->block_costs[block];
  }
  return number;
}

/* With the model that subsets are searched with. */
static size_t add_searched(wl_tune *job, size_t n) {
  return add_draft(job, n, job->options.search_model);
}

/* ---- few subsets: all of them ----------------------------------------------
 */

/* The subsets of blocks, none and all among them; more than the limit: only
 * that. */
static size_t count_subsets(const wl_tune *job) {
  size_t n = 1;
  for (uint32_t whole = 0; whole < job->n_blocks; whole++) {
    if (!is_whole(job, whole))
      continue;
    size_t n_ways = 1;
    for (uint32_t block = whole; block != WL_TUNE_WHOLE;
         block = job->next_part[block])
      n_ways++;
    n *= n_ways;
    if (n > WL_TUNE_EXHAUSTIVE_SUBSETS)
      return n;
  }
  return n;
}

static double mask_cost(const wl_tune *job, uint64_t mask) {
  double cost = 0;
  for (size_t block = 0; block < job->n_blocks; block++)
    if (mask >> block & 1u)
      cost += job->block_costs[block];
  return cost;
}

/* Cheapest first, so that the bound on costs prunes the rest early. */
static void propose_all(wl_tune *job) {
  uint64_t masks[WL_TUNE_EXHAUSTIVE_SUBSETS] = {0};
  size_t n_masks = 1;
  for (uint32_t whole = 0; whole < job->n_blocks; whole++) {
    if (!is_whole(job, whole))
      continue;
    const size_t n_without = n_masks;
    for (uint32_t block = whole; block != WL_TUNE_WHOLE;
         block = job->next_part[block])
      for (size_t i = 0; i < n_without; i++)
        masks[n_masks++] = masks[i] | (uint64_t)1 << block;
  }
  for (size_t i = 1; i < n_masks; i++) {
    uint64_t mask = masks[i];
    size_t at = i;
    for (; at > 0 && mask_cost(job, masks[at - 1]) > mask_cost(job, mask); at--)
      masks[at] = masks[at - 1];
    masks[at] = mask;
  }
  for (size_t i = 0; i < n_masks; i++) {
    size_t n = 0;
    for (uint32_t block = 0; block < job->n_blocks; block++)
      if (masks[i] >> block & 1u)
        draft(job)[n++] = block;
    (void)add_searched(job, n);
  }
}

/* All whole blocks, where the model that is searched with is not the full one:
 * that cost is then left to save. */
static void propose_whole(wl_tune *job) {
  size_t n = 0;
  for (uint32_t block = 0; block < job->n_blocks; block++)
    if (is_whole(job, block))
      draft(job)[n++] = block;
  (void)add_searched(job, n);
}

/* Prefixes, which come cheapest first. */
static void propose_nested(wl_tune *job) {
  for (uint32_t n = 1; n < job->n_blocks; n++) {
    draft(job)[n - 1] = n - 1;
    (void)add_searched(job, n);
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
    (void)add_searched(job, 1);
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
  if (!(steps <= WL_TUNE_KNAPSACK_STEPS)) /* a part may cost more */
    return WL_TUNE_KNAPSACK_STEPS + 1;
  size_t whole = (size_t)steps;
  return whole + ((double)whole < steps);
}

/* One whole block more, or one of its parts, where that gains. */
static void fill_knapsack(wl_tune *job, uint32_t whole, double total) {
  const size_t width = WL_TUNE_KNAPSACK_STEPS + 1;
  for (size_t limit = width; limit-- > 0;) {
    double best = job->knapsack[limit];
    uint32_t taken = WL_TUNE_WHOLE;
    for (uint32_t block = whole; block != WL_TUNE_WHOLE;
         block = job->next_part[block]) {
      double gain = job->importance[block];
      size_t cost = cost_in_steps(job, block, total);
      if (gain > 0 && cost <= limit &&
          job->knapsack[limit - cost] + gain > best) {
        best = job->knapsack[limit - cost] + gain;
        taken = block;
      }
    }
    if (taken != WL_TUNE_WHOLE) {
      job->knapsack[limit] = best;
      job->is_taken[taken * width + limit] = 1;
    }
  }
}

/*
 * The subsets with the largest summed importance at several limits of cost: the
 * knapsack that holds one of a block and its parts at most, by dynamic
 * programming over 1000 steps of cost.
 */
static void propose_knapsacks(wl_tune *job) {
  static const size_t limits[] = {20, 50, 100, 200, 350, 500, 700};
  const size_t width = WL_TUNE_KNAPSACK_STEPS + 1;
  double total = 0;
  for (size_t block = 0; block < job->n_blocks; block++)
    if (is_whole(job, block))
      total += job->block_costs[block];
  memset(job->is_taken, 0, job->n_blocks * width);
  memset(job->knapsack, 0, width * sizeof *job->knapsack);
  for (uint32_t whole = 0; whole < job->n_blocks; whole++)
    if (is_whole(job, whole))
      fill_knapsack(job, whole, total);
  for (size_t i = 0; i < WL_COUNT_OF(limits); i++) {
    size_t n = 0, left = limits[i];
    /* The last whole block's choice first, or its parts'. */
    for (uint32_t whole = (uint32_t)job->n_blocks; whole-- > 0;) {
      uint32_t block = is_whole(job, whole) ? whole : WL_TUNE_WHOLE;
      while (block != WL_TUNE_WHOLE && !job->is_taken[block * width + left])
        block = job->next_part[block];
      if (block != WL_TUNE_WHOLE) {
        draft(job)[n++] = block;
        left -= cost_in_steps(job, block, total);
      }
    }
    (void)add_searched(job, n);
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

/* Adds the path with one more block, which takes the place of a part. */
static size_t add_extension(wl_tune *job, uint32_t block) {
  const wl_tune_candidate *path = &job->candidates[job->path];
  const uint32_t replaced = held_of(job, path, block);
  uint32_t *blocks = draft(job);
  size_t n = 0;
  for (size_t i = 0; i < path->n_blocks; i++)
    if (path->blocks[i] != replaced)
      blocks[n++] = path->blocks[i];
  blocks[n++] = block;
  return add_searched(job, n);
}

/* Queues the path with each of the densest blocks that can still pay. */
static void extend_path(wl_tune *job) {
  uint32_t chosen[WL_TUNE_GREEDY_WIDTH];
  double gains[WL_TUNE_GREEDY_WIDTH], costs[WL_TUNE_GREEDY_WIDTH];
  size_t n_chosen = 0;
  job->n_extensions = 0;
  const wl_tune_candidate *path = &job->candidates[job->path];
  double to_beat = wl_tune_cost_to_beat(job);
  for (uint32_t block = 0; block < job->n_blocks; block++) {
    double gain = job->importance[block], cost = job->block_costs[block];
    const uint32_t replaced = held_of(job, path, block);
    if (gain < 0 || replaced == block)
      continue;
    if (replaced != WL_TUNE_WHOLE) {
      gain -= job->importance[replaced];
      cost -= job->block_costs[replaced];
    }
    if (gain < 0 || cost < 0 || path->set_cost + cost >= to_beat)
      continue;
    size_t at = n_chosen;
    while (at > 0 && is_denser(gain, cost, gains[at - 1], costs[at - 1]))
      at--;
    if (at == WL_TUNE_GREEDY_WIDTH)
      continue;
    size_t n_kept =
        n_chosen < WL_TUNE_GREEDY_WIDTH ? n_chosen : WL_TUNE_GREEDY_WIDTH - 1;
    memmove(chosen + at + 1, chosen + at, (n_kept - at) * sizeof *chosen);
    memmove(gains + at + 1, gains + at, (n_kept - at) * sizeof *gains);
    memmove(costs + at + 1, costs + at, (n_kept - at) * sizeof *costs);
    chosen[at] = block;
    gains[at] = gain;
    costs[at] = cost;
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

/* ---- the best subset, with the other models ---------------------------------
 */

static void propose_models(wl_tune *job) {
  if (job->best == WL_TUNE_NONE)
    return;
  const size_t n = job->candidates[job->best].n_blocks;
  memcpy(draft(job), job->candidates[job->best].blocks, n * sizeof *draft(job));
  for (size_t model = 0; model < job->options.n_models; model++)
    (void)add_draft(job, n, model);
}

bool wl_tune_propose(wl_tune *job) {
  const size_t n_subsets = count_subsets(job);
  switch (job->phase) {
  case WL_TUNE_PHASE_START:
    if (job->options.is_nested) {
      propose_nested(job);
      job->phase = WL_TUNE_PHASE_LAST;
    } else if (n_subsets <= WL_TUNE_EXHAUSTIVE_SUBSETS &&
               n_subsets - 2 <= job->max_candidates) {
      propose_all(job);
      job->phase = WL_TUNE_PHASE_MODELS;
    } else {
      propose_whole(job);
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
    job->phase = WL_TUNE_PHASE_MODELS;
    return true;
  case WL_TUNE_PHASE_MODELS:
    propose_models(job);
    job->phase = WL_TUNE_PHASE_LAST;
    return true;
  case WL_TUNE_PHASE_LAST:
    break;
  }
  return false;
}
