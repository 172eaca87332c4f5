/* topk.c: needed candidates, their bounds, and the choice (see topk.h). */
#include <math.h>
#include <string.h>

#include "stats/rank.h"
#include "tune/topk.h"

/* ---- what one query needs --------------------------------------------------
 */

/* Counts over the places 0 ... n - 1 of a ranking, in a Fenwick tree. */
typedef struct places {
  uint64_t *counts; /* 1-based */
  uint64_t n, top;  /* top: the largest power of two up to n */
} places;

static void places_add(const places *p, uint64_t place) {
  for (uint64_t i = place + 1; i <= p->n; i += i & (~i + 1))
    p->counts[i]++;
}

/* The m-th smallest place added, m from 1 on. */
static uint64_t places_find(const places *p, uint64_t m) {
  uint64_t at = 0;
  for (uint64_t step = p->top; step > 0; step /= 2)
    if (at + step <= p->n && p->counts[at + step] < m) {
      at += step;
      m -= p->counts[at];
    }
  return at;
}

/* The smallest m with m / k >= recall; 0.95 * 20 is 19, as it is meant. */
static uint64_t required(double recall, uint64_t k) {
  double m = ceil(recall * (double)k * (1 - 1e-12));
  return m < 1 ? 1 : m < (double)k ? (uint64_t)m : k;
}

static wl_status check_query(uint64_t n_rows, double recall, const uint64_t *ks,
                             size_t n_ks, wl_error *error) {
  if (!(recall > 0 && recall <= 1))
    return wl_fail(error, WL_ERROR_VALUE,
                   "top-K: the recall must be above 0 and at most 1, not %g",
                   recall);
  if (n_rows == 0)
    return wl_fail(error, WL_ERROR_VALUE, "top-K: a query has no rows");
  for (size_t j = 0; j < n_ks; j++)
    if (ks[j] <= (j > 0 ? ks[j - 1] : 0))
      return wl_fail(error, WL_ERROR_VALUE,
                     "top-K: the Ks must ascend from at least 1; number %zu is "
                     "%llu",
                     j, (unsigned long long)ks[j]);
  return WL_OK;
}

/* Room for one query of n rows. */
typedef struct ranks {
  uint64_t *order; /* the rows as the filter ranks them */
  uint64_t *last; /* of each row: the last place among those that tie with it */
  uint64_t *taken; /* by that place: how many of them are in the top so far */
  uint64_t *rows;  /* the first ones of the full ranking */
  double *turned;  /* the full scores, the filter's last row first */
  places found;
} ranks;

static bool is_tie(double a, double b) { return a == b || (a != a && b != b); }

/* How ties fall is the caller's order of rows, and no later query has that of
 * the calibration queries. So the rows of the top come behind all others that
 * tie with them in the filter's ranking, and of rows that tie in the full
 * ranking those come first that the filter finds last: no order needs more
 * candidates. */
static wl_status rank_both(const double *filter, const double *full,
                           uint64_t n_rows, uint64_t k, ranks *r,
                           wl_error *error) {
  uint64_t n;
  WL_TRY(wl_rank_top(filter, n_rows, n_rows, r->order, &n, error));
  for (uint64_t i = n_rows, last = n_rows; i-- > 0;) {
    if (i + 1 == n_rows ||
        !is_tie(filter[r->order[i]], filter[r->order[i + 1]]))
      last = i;
    r->last[r->order[i]] = last;
  }
  for (uint64_t i = 0; i < n_rows; i++)
    r->turned[i] = full[r->order[n_rows - 1 - i]];
  WL_TRY(wl_rank_top(r->turned, n_rows, k, r->rows, &n, error));
  for (uint64_t i = 0; i < n; i++)
    r->rows[i] = r->order[n_rows - 1 - r->rows[i]];
  return WL_OK;
}

wl_status wl_topk_needed(const double *filter, const double *full,
                         uint64_t n_rows, double recall, const uint64_t *ks,
                         size_t n_ks, double *needed, wl_error *error) {
  WL_TRY(check_query(n_rows, recall, ks, n_ks, error));
  size_t size, each = 5 * sizeof(uint64_t) + sizeof(double);
  if (wl_mul_overflows((size_t)n_rows + 1, each, &size))
    return wl_fail_memory(error, SIZE_MAX);
  uint64_t *room = wl_calloc((size_t)n_rows + 1, each);
  if (room == NULL)
    return wl_fail_memory(error, size);
  uint64_t n = n_rows + 1;
  ranks r = {.order = room,
             .last = room + n,
             .taken = room + 2 * n,
             .rows = room + 3 * n,
             .turned = (double *)(room + 5 * n),
             .found = {.counts = room + 4 * n, .n = n_rows, .top = 1}};
  while (r.found.top * 2 <= n_rows)
    r.found.top *= 2;
  uint64_t last = n_ks > 0 && ks[n_ks - 1] < n_rows ? ks[n_ks - 1] : n_rows;
  wl_status status;
  WL_TRY_DONE(status, rank_both(filter, full, n_rows, last, &r, error));
  uint64_t k = 0;
  for (size_t j = 0; j < n_ks; j++) {
    uint64_t wanted = ks[j] < n_rows ? ks[j] : n_rows;
    for (; k < wanted; k++) {
      uint64_t place = r.last[r.rows[k]];
      places_add(&r.found, place - r.taken[place]++);
    }
    uint64_t count = places_find(&r.found, required(recall, k)) + 1;
    /* K rows are candidates whatever is promised, and all where K are. */
    bool is_met = k == n_rows || count <= k;
    needed[j] = is_met ? 0 : (double)count / (double)n_rows;
  }
done:
  wl_free(room);
  return status;
}

/* ---- knots -----------------------------------------------------------------
 */

/* 1, 2, 3, 4, 6, 9 ... and the last K; or the one K. As positions in ks. */
static size_t find_knots(size_t n_ks, size_t *knots) {
  size_t n = 0;
  for (size_t k = 1; k < n_ks && n + 1 < WL_TOPK_MAX_KNOTS;
       k += k / 2 > 1 ? k / 2 : 1)
    knots[n++] = k - 1;
  knots[n++] = n_ks - 1;
  return n;
}

/* Linear between the knots, in proportion behind the last. */
static double share_at(const wl_topk_bounds *b, uint64_t k) {
  size_t last = b->n_knots - 1, low = 0, high = last;
  if (k <= b->ks[0])
    return b->shares[0];
  if (k >= b->ks[last])
    return b->shares[last] * ((double)k / (double)b->ks[last]);
  while (high - low > 1) {
    size_t middle = (low + high) / 2;
    *(b->ks[middle] <= k ? &low : &high) = middle;
  }
  double part = (double)(k - b->ks[low]) / (double)(b->ks[high] - b->ks[low]);
  return b->shares[low] + part * (b->shares[high] - b->shares[low]);
}

/* What the select queries needed at most for the Ks from the knot before to the
 * knot behind, and no less than for smaller Ks. Where they needed nothing, for
 * small Ks, in proportion to K: there must be some scale. */
static void set_scales(const double *needed, size_t n_queries, size_t n_ks,
                       const size_t *knots, wl_topk_bounds *scale) {
  double before = 0;
  size_t n_free = 0; /* knots without a need */
  for (size_t i = 0; i < scale->n_knots; i++) {
    size_t from = i > 0 ? knots[i - 1] : 0;
    size_t to = i + 1 < scale->n_knots ? knots[i + 1] : n_ks - 1;
    for (size_t q = 0; q < n_queries; q++)
      for (size_t j = from; j <= to; j++)
        if (needed[q * n_ks + j] > before)
          before = needed[q * n_ks + j];
    scale->shares[i] = before;
    n_free += !(before > 0);
  }
  size_t last = n_free < scale->n_knots ? n_free : scale->n_knots - 1;
  double share = n_free < scale->n_knots ? scale->shares[last] : 1;
  for (size_t i = 0; i < n_free; i++)
    scale->shares[i] = share * ((double)scale->ks[i] / (double)scale->ks[last]);
}

/* Each query's largest R(K) / scale(K). */
static void set_ratios(const double *needed, size_t n_queries,
                       const double *scales, size_t n_ks, double *ratios) {
  for (size_t q = 0; q < n_queries; q++) {
    ratios[q] = 0;
    for (size_t j = 0; j < n_ks; j++) {
      double ratio = needed[q * n_ks + j] / scales[j];
      if (ratio > ratios[q])
        ratios[q] = ratio;
    }
  }
}

static wl_status check_ks(const uint64_t *ks, size_t n_ks, wl_error *error) {
  bool is_right = n_ks > 0 && ks[0] > 0;
  for (size_t j = 0; j < n_ks && n_ks > 1; j++)
    is_right &= ks[j] == j + 1;
  return is_right ? WL_OK
                  : wl_fail(error, WL_ERROR_VALUE,
                            "top-K: give one K, or all from 1 on");
}

wl_status wl_topk_certify(const double *select, size_t n_select,
                          const double *certify, size_t n_certify,
                          const uint64_t *ks, size_t n_ks,
                          wl_conformal_promise promise, wl_topk_bounds *out,
                          wl_error *error) {
  size_t knots[WL_TOPK_MAX_KNOTS];
  *out = (wl_topk_bounds){.n_knots = 0};
  WL_TRY(check_ks(ks, n_ks, error));
  if (n_select + n_certify == 0)
    return wl_fail(error, WL_ERROR_VALUE, "top-K: there are no queries");
  out->n_knots = find_knots(n_ks, knots);
  for (size_t i = 0; i < out->n_knots; i++)
    out->ks[i] = ks[knots[i]];
  set_scales(select, n_select, n_ks, knots, out);
  size_t n = n_ks + n_select + n_certify, size;
  if (wl_mul_overflows(n, sizeof(double), &size))
    return wl_fail_memory(error, SIZE_MAX);
  double *scales = wl_alloc(size), ratio;
  if (scales == NULL)
    return wl_fail_memory(error, size);
  double *ratios = scales + n_ks;
  for (size_t j = 0; j < n_ks; j++)
    scales[j] = share_at(out, ks[j]);
  set_ratios(certify, n_certify, scales, n_ks, ratios);
  wl_status status =
      wl_conformal_bound(ratios, n_certify, promise, &ratio, error);
  out->queries_needed = wl_conformal_sets_needed(promise);
  out->is_certified = status == WL_OK && isfinite(ratio);
  if (status == WL_OK && !out->is_certified) {
    set_ratios(select, n_select, scales, n_ks, ratios + n_certify);
    ratio = 0;
    for (size_t q = 0; q < n_select + n_certify; q++)
      ratio = ratios[q] > ratio ? ratios[q] : ratio;
  }
  /* More than all roundings, here and in share_at, can take: shares count
   * whole rows, so this adds none. */
  for (size_t i = 0; i < out->n_knots; i++)
    out->shares[i] *= ratio * (1 + 0x1p-46);
  wl_free(scales);
  return status;
}

uint64_t wl_topk_candidates(const wl_topk_bounds *bounds, uint64_t n_rows,
                            uint64_t k) {
  if (k >= n_rows)
    return n_rows;
  uint64_t size = n_rows < bounds->n_rows_min   ? bounds->n_rows_min
                  : n_rows > bounds->n_rows_max ? bounds->n_rows_max
                                                : n_rows;
  double alike = (double)k;
  if (size != n_rows)
    alike = ceil(alike * ((double)size / (double)n_rows));
  double share = share_at(bounds, alike < 1 ? 1 : (uint64_t)alike);
  double count = share * (double)n_rows;
  if (n_rows < size && share < 1) { /* fewer rows scatter more */
    count = count > (double)k ? count : (double)k;
    count += 2 * sqrt(count * (1 - count / (double)n_rows));
  }
  count = floor(count);
  if (!(count < (double)n_rows))
    return n_rows;
  return count > (double)k ? (uint64_t)count : k;
}

/* ---- the choice ------------------------------------------------------------
 */

size_t wl_topk_n_select(size_t n_queries, wl_conformal_promise promise) {
  uint64_t needed = wl_conformal_sets_needed(promise);
  size_t n = n_queries / 5 + (n_queries % 5 != 0);
  if (needed < n_queries && n_queries - n < needed)
    n = n_queries - (size_t)needed;
  return n;
}

/* Of the rows of the queries that have more than k, the part that is kept. */
static double kept_of(const uint64_t *n_rows, size_t n_queries, double share,
                      uint64_t k) {
  double rows = 0, kept = 0;
  for (size_t q = 0; q < n_queries; q++) {
    if (n_rows[q] <= k)
      continue;
    double own = floor(share * (double)n_rows[q] * (1 + 0x1p-46));
    rows += (double)n_rows[q];
    kept += own > (double)k ? own : (double)k;
  }
  return rows > 0 ? kept / rows : 1;
}

double wl_topk_share(const double *needed, const uint64_t *n_rows,
                     size_t n_queries, const uint64_t *ks, size_t n_ks) {
  size_t knots[WL_TOPK_MAX_KNOTS], n = find_knots(n_ks, knots), n_used = 0;
  double sum = 0;
  for (size_t i = 0; i < n; i++) {
    if (i > 0 && ks[knots[i]] > ks[n_ks - 1] / 10)
      break;
    double most = 0;
    for (size_t q = 0; q < n_queries; q++)
      if (needed[q * n_ks + knots[i]] > most)
        most = needed[q * n_ks + knots[i]];
    sum += kept_of(n_rows, n_queries, most, ks[knots[i]]);
    n_used++;
  }
  return sum / (double)n_used;
}

enum { ALL_SUBSETS = 6 };

static double cost_of(const double *block_costs, size_t n_blocks,
                      const uint8_t *flags) {
  double cost = 0;
  for (size_t b = 0; b < n_blocks; b++)
    cost += flags[b] ? block_costs[b] : 0;
  return cost;
}

static bool is_tried(const uint8_t *tried, size_t n_tried, size_t n_blocks,
                     const uint8_t *flags) {
  for (size_t t = 0; t < n_tried; t++)
    if (memcmp(tried + t * n_blocks, flags, n_blocks) == 0)
      return true;
  return false;
}

/* Keeps the cheapest subset that was offered and not tried. */
typedef struct offers {
  const double *block_costs;
  const uint8_t *tried;
  size_t n_blocks, n_tried;
  double best; /* cost */
  bool is_found;
  uint8_t *out;
} offers;

static void offer(offers *o, const uint8_t *flags) {
  double cost = cost_of(o->block_costs, o->n_blocks, flags);
  if (!(cost < o->best) || is_tried(o->tried, o->n_tried, o->n_blocks, flags))
    return;
  o->best = cost;
  o->is_found = true;
  memcpy(o->out, flags, o->n_blocks);
}

/* `flags`: room for n_blocks. */
static void offer_all(offers *o, uint8_t *flags) {
  for (unsigned set = 1; set + 1 < 1u << o->n_blocks; set++) {
    for (size_t b = 0; b < o->n_blocks; b++)
      flags[b] = set >> b & 1;
    offer(o, flags);
  }
}

static void offer_prefixes(offers *o, uint8_t *flags) {
  memset(flags, 0, o->n_blocks);
  for (size_t b = 0; b + 1 < o->n_blocks; b++) {
    flags[b] = 1;
    offer(o, flags);
  }
}

/* Of `from`, every subset with one block more, but not all blocks. */
static void offer_grown(offers *o, const uint8_t *from, uint8_t *flags) {
  size_t n = 0;
  for (size_t b = 0; b < o->n_blocks; b++)
    n += from[b];
  for (size_t b = 0; b < o->n_blocks && n + 1 < o->n_blocks; b++) {
    if (from[b])
      continue;
    memcpy(flags, from, o->n_blocks);
    flags[b] = 1;
    offer(o, flags);
  }
}

bool wl_topk_propose(const double *block_costs, size_t n_blocks, bool is_nested,
                     const uint8_t *tried, const double *expected,
                     size_t n_tried, double full_cost, uint8_t *out) {
  uint8_t flags[WL_TOPK_MAX_BLOCKS] = {0};
  offers o = {.block_costs = block_costs,
              .tried = tried,
              .n_blocks = n_blocks,
              .n_tried = n_tried,
              .best = full_cost,
              .out = out};
  size_t winner = n_tried;
  if (n_blocks < 2 || n_blocks > WL_TOPK_MAX_BLOCKS)
    return false;
  for (size_t t = 0; t < n_tried; t++)
    if (expected[t] < o.best) {
      o.best = expected[t];
      winner = t;
    }
  if (is_nested)
    offer_prefixes(&o, flags);
  else if (n_blocks <= ALL_SUBSETS)
    offer_all(&o, flags);
  else {
    const uint8_t none[WL_TOPK_MAX_BLOCKS] = {0};
    offer_grown(&o, none, flags);
    if (!o.is_found && winner < n_tried)
      offer_grown(&o, tried + winner * n_blocks, flags);
  }
  return o.is_found;
}
