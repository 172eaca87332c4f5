/*
 * test_topk.c: what a filter needs against the definition, the choice, and how
 * often the certificate fails on simulated queries. Prints a line for each
 * simulation.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "simulation.h"
#include "support.h"
#include "tune/topk.h"

static const wl_conformal_promise on_average = {.05, 0};
static const wl_conformal_promise confident = {.05, .05};

static double normal(void) {
  double u = uniform(0x1p-53, 1), v = uniform(0, 1);
  return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

/* ---- what one query needs --------------------------------------------------
 */

static size_t place_of(const double *scores, size_t n, size_t row) {
  size_t place = 0;
  for (size_t i = 0; i < n; i++)
    place += scores[i] > scores[row] || (scores[i] == scores[row] && i < row);
  return place;
}

/* The first candidates that hold enough of the top K, by trying all numbers. */
static size_t count_by_definition(const double *filter, const double *full,
                                  size_t n, double recall, size_t k) {
  k = k < n ? k : n;
  for (size_t count = 1; count <= n; count++) {
    size_t held = 0;
    for (size_t i = 0; i < n; i++)
      held += place_of(full, n, i) < k && place_of(filter, n, i) < count;
    if ((double)held >= recall * (double)k - 1e-9)
      return count;
  }
  return n;
}

static void what_a_query_needs_is_the_definition(void **state) {
  (void)state;
  enum { N = 24 };
  static const double recalls[] = {1, .95, .5, .05};
  double filter[N], full[N], needed[N + 3];
  uint64_t ks[N + 3];
  restart_random();
  for (int repeat = 0; repeat < 60; repeat++) {
    size_t n = 1 + random_bits() % N;
    double recall = recalls[repeat % 4];
    for (size_t i = 0; i < n; i++) {
      full[i] = repeat % 3 == 0 ? floor(uniform(0, 4)) : normal();
      filter[i] = full[i] + (repeat % 2 ? normal() : 0);
    }
    for (size_t j = 0; j < n + 3; j++)
      ks[j] = j + 1;
    assert_int_equal(
        wl_topk_needed(filter, full, n, recall, ks, n + 3, needed, NULL),
        WL_OK);
    for (size_t j = 0; j < n + 3; j++) {
      size_t count = count_by_definition(filter, full, n, recall, j + 1);
      if (needed[j] == 0)
        assert_true(j + 1 >= n || count <= j + 1);
      else
        assert_true(needed[j] == (double)count / (double)n ||
                    (repeat % 3 == 0 && needed[j] > (double)count / (double)n));
      assert_true(needed[j] == 0 || needed[j] * (double)n > (double)(j + 1));
    }
  }
}

/* In whatever order the rows of a later query come, ties fall. */
static void no_order_of_the_rows_needs_more(void **state) {
  (void)state;
  enum { N = 14 };
  double filter[N], full[N], needed[N];
  uint64_t ks[N];
  size_t n_reached = 0;
  restart_random();
  for (size_t j = 0; j < N; j++)
    ks[j] = j + 1;
  for (int repeat = 0; repeat < 40; repeat++) {
    for (size_t i = 0; i < N; i++) {
      full[i] = repeat % 2 ? floor(uniform(0, 3)) : normal();
      filter[i] = floor(uniform(0, 4));
    }
    assert_int_equal(wl_topk_needed(filter, full, N, .8, ks, N, needed, NULL),
                     WL_OK);
    size_t most[N] = {0};
    for (int order = 0; order < 300; order++) {
      for (size_t i = N - 1; i > 0; i--) {
        size_t other = random_bits() % (i + 1);
        double a = filter[i], b = full[i];
        filter[i] = filter[other], full[i] = full[other];
        filter[other] = a, full[other] = b;
      }
      for (size_t j = 0; j < N; j++) {
        size_t count = count_by_definition(filter, full, N, .8, j + 1);
        most[j] = count > most[j] ? count : most[j];
      }
    }
    for (size_t j = 0; j + 1 < N; j++) {
      double kept = needed[j] > 0 ? needed[j] : (double)(j + 1) / N;
      assert_true((double)most[j] / N <= kept);
      n_reached += repeat % 2 == 0 &&
                   (most[j] <= j + 1 ? needed[j] == 0
                                     : (double)most[j] / N == needed[j]);
    }
  }
  /* Where the full ranking has no ties, some order needs as many. */
  assert_true(n_reached > 20 * N * 3 / 4);
}

static void a_query_that_is_wrong_is_refused(void **state) {
  (void)state;
  double one = 1, needed[2];
  const uint64_t twice[2] = {1, 1}, none = 0, k = 1;
  assert_int_equal(wl_topk_needed(&one, &one, 1, 0, &k, 1, needed, NULL),
                   WL_ERROR_VALUE);
  assert_int_equal(wl_topk_needed(&one, &one, 1, 1.5, &k, 1, needed, NULL),
                   WL_ERROR_VALUE);
  assert_int_equal(wl_topk_needed(&one, &one, 0, 1, &k, 1, needed, NULL),
                   WL_ERROR_VALUE);
  assert_int_equal(wl_topk_needed(&one, &one, 1, 1, &none, 1, needed, NULL),
                   WL_ERROR_VALUE);
  assert_int_equal(wl_topk_needed(&one, &one, 1, 1, twice, 2, needed, NULL),
                   WL_ERROR_VALUE);
}

/* ---- bounds ----------------------------------------------------------------
 */

static void a_bound_counts_whole_rows(void **state) {
  (void)state;
  /* The largest of 59 is the bound; as many rows as it counts are kept. */
  double certify[59];
  const uint64_t k = 7;
  wl_topk_bounds bounds;
  for (uint64_t n = 8; n < 3000; n += 61)
    for (uint64_t most = 8; most < n; most += 1 + n / 7) {
      for (size_t i = 0; i < 59; i++)
        certify[i] = (double)(i == 20 ? most : 8) / (double)n;
      assert_int_equal(wl_topk_certify(certify, 1, certify, 59, &k, 1,
                                       confident, &bounds, NULL),
                       WL_OK);
      bounds.n_rows_min = bounds.n_rows_max = n;
      assert_true(bounds.is_certified);
      assert_int_equal(wl_topk_candidates(&bounds, n, 7), most);
    }
}

static void fewer_queries_than_needed_are_an_estimate(void **state) {
  (void)state;
  double shares[58];
  const uint64_t k = 1;
  wl_topk_bounds bounds;
  for (size_t i = 0; i < 58; i++)
    shares[i] = (double)(i + 1) / 100;
  assert_int_equal(
      wl_topk_certify(shares, 3, shares, 58, &k, 1, confident, &bounds, NULL),
      WL_OK);
  assert_false(bounds.is_certified);
  assert_int_equal(bounds.queries_needed, 59);
  bounds.n_rows_min = bounds.n_rows_max = 100;
  assert_int_equal(wl_topk_candidates(&bounds, 100, 1), 58);
  assert_int_equal(
      wl_topk_certify(shares, 1, shares, 0, &k, 1, confident, &bounds, NULL),
      WL_OK);
  assert_int_equal(
      wl_topk_certify(shares, 0, shares, 0, &k, 1, confident, &bounds, NULL),
      WL_ERROR_VALUE);
  assert_int_equal(wl_topk_certify(shares, 1, shares, 58, &k, 1,
                                   (wl_conformal_promise){2, 0}, &bounds, NULL),
                   WL_ERROR_VALUE);
}

static void a_scale_rises_where_small_ks_need_nothing(void **state) {
  (void)state;
  enum { N = 59, K = 8 };
  double select[K] = {0, 0, 0, 0, .4, .5, .6, .7}, certify[N * K] = {0};
  uint64_t ks[K];
  wl_topk_bounds bounds;
  for (size_t j = 0; j < K; j++)
    ks[j] = j + 1;
  certify[4 * K + 5] = .5;
  assert_int_equal(
      wl_topk_certify(select, 1, certify, N, ks, K, confident, &bounds, NULL),
      WL_OK);
  assert_true(bounds.is_certified && bounds.shares[0] < .2);
  for (size_t i = 1; i < bounds.n_knots; i++)
    assert_true(bounds.shares[i] >= bounds.shares[i - 1]);
  bounds.n_rows_min = bounds.n_rows_max = 100;
  assert_in_range(wl_topk_candidates(&bounds, 100, 6), 50, 60);
  /* Nothing is needed anywhere: K candidates do. */
  memset(certify, 0, sizeof certify);
  assert_int_equal(
      wl_topk_certify(certify, 1, certify, N, ks, K, confident, &bounds, NULL),
      WL_OK);
  assert_true(bounds.is_certified);
  bounds.n_rows_min = bounds.n_rows_max = 100;
  for (uint64_t k = 1; k <= K; k++)
    assert_int_equal(wl_topk_candidates(&bounds, 100, k), k);
}

static void what_is_kept_is_k_at_least(void **state) {
  (void)state;
  const uint64_t k = 10, sizes[3] = {8, 20, 100};
  const double needed[3] = {0, 0, .2}, nothing[3] = {0};
  /* 20 of 100 and 10 of 20: a query of 8 has no filter. */
  assert_true(wl_topk_share(needed, sizes, 3, &k, 1) == 30. / 120);
  assert_true(wl_topk_share(nothing, sizes, 3, &k, 1) == 20. / 120);
  assert_true(wl_topk_share(nothing, sizes, 1, &k, 1) == 1);
}

static void candidates_are_at_least_k_and_at_most_all(void **state) {
  (void)state;
  wl_topk_bounds b = {.n_knots = 2,
                      .ks = {1, 100},
                      .shares = {.001, .101},
                      .n_rows_min = 1000,
                      .n_rows_max = 1000};
  assert_int_equal(wl_topk_candidates(&b, 1000, 1), 1);
  assert_int_equal(wl_topk_candidates(&b, 1000, 50), 50);
  assert_int_equal(wl_topk_candidates(&b, 1000, 100), 101);
  assert_int_equal(wl_topk_candidates(&b, 1000, 200), 202);
  assert_int_equal(wl_topk_candidates(&b, 1000, 999), 1000);
  assert_int_equal(wl_topk_candidates(&b, 1000, 5000), 1000);
  /* Ten times the rows: 100 of them are as 10 of the queries'. */
  assert_int_equal(wl_topk_candidates(&b, 10000, 100), 100);
  assert_int_equal(wl_topk_candidates(&b, 10000, 1000), 1010);
  /* A tenth: 1 of them is as 10, of which 1.1 are kept, and 2 * 1.04. */
  assert_int_equal(wl_topk_candidates(&b, 100, 1), 3);
  assert_int_equal(wl_topk_candidates(&b, 0, 10), 0);
}

static void
a_fifth_of_the_queries_chooses_unless_the_rest_is_too_few(void **state) {
  (void)state;
  assert_int_equal(wl_topk_n_select(0, confident), 0);
  assert_int_equal(wl_topk_n_select(1, confident), 1);
  assert_int_equal(wl_topk_n_select(59, confident), 12);
  assert_int_equal(wl_topk_n_select(60, confident), 1);
  assert_int_equal(wl_topk_n_select(65, confident), 6);
  assert_int_equal(wl_topk_n_select(500, confident), 100);
  assert_int_equal(wl_topk_n_select(20, on_average), 1);
}

/* ---- the choice ------------------------------------------------------------
 */

static void subsets_are_tried_cheapest_first_until_none_can_win(void **state) {
  (void)state;
  const double costs[3] = {1, 2, 4};
  uint8_t tried[8 * 3], flags[3];
  double expected[8];
  /* {0} 1, {1} 2, {0, 1} 3, {2} 4; the third costs 3.5 in all. */
  static const uint8_t want[3][3] = {{1, 0, 0}, {0, 1, 0}, {1, 1, 0}};
  static const double cost[3] = {9, (double)INFINITY, 3.5};
  size_t n = 0;
  while (wl_topk_propose(costs, 3, false, tried, expected, n, 7, flags)) {
    assert_true(n < 3);
    assert_memory_equal(flags, want[n], 3);
    memcpy(tried + 3 * n, flags, 3);
    expected[n] = cost[n];
    n++;
  }
  assert_int_equal(n, 3);
}

static void nested_blocks_are_tried_by_their_number(void **state) {
  (void)state;
  const double costs[3] = {1, 1, 1};
  uint8_t tried[2 * 3] = {1, 0, 0, 1, 1, 0}, flags[3];
  const double expected[2] = {5, 5};
  assert_true(wl_topk_propose(costs, 3, true, tried, expected, 0, 9, flags));
  assert_memory_equal(flags, tried, 3);
  assert_true(wl_topk_propose(costs, 3, true, tried, expected, 1, 9, flags));
  assert_memory_equal(flags, tried + 3, 3);
  assert_false(wl_topk_propose(costs, 3, true, tried, expected, 2, 9, flags));
  assert_false(wl_topk_propose(costs, 1, true, tried, expected, 0, 9, flags));
}

static void of_many_blocks_the_best_subset_grows(void **state) {
  (void)state;
  enum { N = 8, MAX = 100 };
  double costs[N], expected[MAX];
  uint8_t tried[MAX * N], flags[N];
  size_t n = 0;
  for (size_t b = 0; b < N; b++)
    costs[b] = 1;
  /* Blocks 2 and 5 are what a filter needs. */
  while (wl_topk_propose(costs, N, false, tried, expected, n, 100, flags)) {
    assert_true(n < MAX);
    size_t size = 0;
    for (size_t b = 0; b < N; b++)
      size += flags[b];
    assert_true(n < N ? size == 1 : size > 1);
    memcpy(tried + n * N, flags, N);
    expected[n++] = (double)size + (flags[2] ? 0 : 20) + (flags[5] ? 0 : 20);
  }
  size_t best = 0;
  for (size_t t = 0; t < n; t++)
    best = expected[t] < expected[best] ? t : best;
  assert_true(expected[best] == 2);
}

/* ---- simulated queries -----------------------------------------------------
 */

enum {
  N_ROWS = 60,
  N_POOL = 4000,
  MAX_CERTIFY = 120,
  N_SELECT = 12,
  REPEATS = 2000
};
static double pool[N_POOL * N_ROWS], select_needed[N_SELECT * N_ROWS],
    certify_needed[MAX_CERTIFY * N_ROWS];
static uint64_t all_ks[N_ROWS], pool_rows[N_POOL];

/* Queries of one filter: normal scores and noise, larger in hard queries, of
 * which every other one has n_few rows. */
static void draw_pool(double noise_size, double hard_share, size_t n_few) {
  double full[N_ROWS], filter[N_ROWS];
  restart_random();
  for (size_t j = 0; j < N_ROWS; j++)
    all_ks[j] = j + 1;
  for (size_t q = 0; q < N_POOL; q++) {
    double size = noise_size * (uniform(0, 1) < hard_share ? 3 : 1);
    pool_rows[q] = q % 2 ? N_ROWS : n_few;
    for (size_t i = 0; i < pool_rows[q]; i++) {
      full[i] = normal();
      filter[i] = full[i] + size * normal();
    }
    assert_int_equal(wl_topk_needed(filter, full, pool_rows[q], .9, all_ks,
                                    N_ROWS, pool + q * N_ROWS, NULL),
                     WL_OK);
  }
}

/* The pool is the population: queries are drawn from it with replacement. */
static void draw_queries(double *to, size_t n, size_t from, size_t width) {
  for (size_t q = 0; q < n; q++)
    memcpy(to + q * width, pool + random_bits() % N_POOL * N_ROWS + from,
           width * sizeof *to);
}

/* The share of the population that breaks the promise, and the mean share of
 * candidates over the Ks. */
static double broken(wl_topk_bounds *bounds, size_t from, size_t width,
                     size_t n_few, double *candidates) {
  uint64_t counts[2][N_ROWS];
  size_t n_broken = 0;
  double kept = 0, rows = 0;
  bounds->n_rows_min = n_few;
  bounds->n_rows_max = N_ROWS;
  for (size_t j = 0; j < width; j++)
    for (size_t i = 0; i < 2; i++) {
      uint64_t n = i ? N_ROWS : n_few;
      counts[i][j] = wl_topk_candidates(bounds, n, all_ks[from + j]);
      kept += (double)counts[i][j];
      rows += (double)n;
    }
  *candidates = kept / rows;
  for (size_t q = 0; q < N_POOL; q++) {
    bool is_broken = false;
    for (size_t j = 0; j < width && !is_broken; j++)
      is_broken = pool[q * N_ROWS + from + j] * (double)pool_rows[q] >
                  (double)counts[q % 2][j] + 1e-6;
    n_broken += is_broken;
  }
  return (double)n_broken / N_POOL;
}

/* The share of the rows that is kept. */
static double simulate(double noise_size, double hard_share, size_t n_few,
                       size_t from, size_t width, size_t n_certify,
                       wl_conformal_promise promise) {
  draw_pool(noise_size, hard_share, n_few);
  double mean = 0, kept = 0, candidates;
  int n_failures = 0;
  for (int repeat = 0; repeat < REPEATS; repeat++) {
    wl_topk_bounds bounds;
    draw_queries(select_needed, N_SELECT, from, width);
    draw_queries(certify_needed, n_certify, from, width);
    assert_int_equal(wl_topk_certify(select_needed, N_SELECT, certify_needed,
                                     n_certify, all_ks + from, width, promise,
                                     &bounds, NULL),
                     WL_OK);
    assert_true(bounds.is_certified);
    double share = broken(&bounds, from, width, n_few, &candidates);
    mean += share / REPEATS;
    kept += candidates / REPEATS;
    n_failures += share > promise.alpha;
  }
  double rate = (double)n_failures / REPEATS;
  print_message(
      "noise %.1f, %2.0f %% hard, %zu rows, %s, m=%-3zu %s: broken on average "
      "%.4f, in %.3f of draws above %g; %.2f of the rows kept\n",
      noise_size, hard_share * 100, n_few, width == 1 ? "one K   " : "every K ",
      n_certify, promise.delta == 0 ? "on average     " : "with confidence",
      mean, rate, promise.alpha, kept);
  if (promise.delta == 0)
    assert_true(mean <= promise.alpha + noise(promise.alpha, REPEATS) / 3);
  else
    assert_true(rate <= promise.delta + noise(promise.delta, REPEATS));
  assert_true(kept < 1);
  return kept;
}

static void
a_certificate_for_one_k_fails_at_most_as_often_as_it_says(void **state) {
  (void)state;
  simulate(.3, 0, N_ROWS, 4, 1, 59, confident);
  simulate(.3, .1, N_ROWS, 4, 1, 59, confident);
  simulate(.3, .1, N_ROWS, 4, 1, 120, confident);
  simulate(.3, .1, N_ROWS, 4, 1, 19, on_average);
  simulate(.3, .1, N_ROWS, 4, 1, 100, on_average);
}

static void
a_certificate_for_every_k_fails_at_most_as_often_as_it_says(void **state) {
  (void)state;
  simulate(.3, 0, N_ROWS, 0, N_ROWS, 59, confident);
  simulate(.3, .1, N_ROWS, 0, N_ROWS, 59, confident);
  simulate(.3, .1, N_ROWS, 0, N_ROWS, 120, confident);
  simulate(.1, .1, N_ROWS, 0, N_ROWS, 59, confident);
  simulate(.3, .1, N_ROWS, 0, N_ROWS, 19, on_average);
  simulate(.3, .1, N_ROWS, 0, N_ROWS, 100, on_average);
}

/* A query of 12 rows needs no other bound than its 10 candidates, and decides
 * none for those of 60. */
static void queries_of_few_rows_cost_the_others_nothing(void **state) {
  (void)state;
  double alike = simulate(.1, 0, N_ROWS, 9, 1, 59, confident);
  double mixed = simulate(.1, 0, 12, 9, 1, 59, confident);
  double n_rows = 12 + N_ROWS;
  assert_true(mixed * n_rows <= alike * N_ROWS + 12);
  simulate(.3, .1, 12, 9, 1, 59, confident);
  simulate(.3, .1, 12, 9, 1, 100, on_average);
  simulate(.3, .1, 12, 0, N_ROWS, 59, confident);
}

static void every_failed_allocation_is_reported(void **state) {
  (void)state;
  const double full[6] = {1, 2, 3, 4, 5, 6}, filter[6] = {2, 1, 4, 3, 6, 5};
  const uint64_t ks[3] = {1, 2, 3};
  double needed[3];
  wl_topk_bounds bounds;
  wl_status status = WL_ERROR_MEMORY;
  for (long n = 0; status != WL_OK; n++) {
    calls_left = n;
    status = wl_topk_needed(filter, full, 6, 1, ks, 3, needed, NULL);
    if (status == WL_OK)
      status = wl_topk_certify(needed, 1, needed, 1, ks, 3,
                               (wl_conformal_promise){.5, .5}, &bounds, NULL);
    assert_true(status == WL_OK ? n > 3 : status == WL_ERROR_MEMORY);
    assert_int_equal(n_live_blocks, 0);
  }
  calls_left = -1;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      memory_test(what_a_query_needs_is_the_definition),
      memory_test(no_order_of_the_rows_needs_more),
      memory_test(a_query_that_is_wrong_is_refused),
      memory_test(a_bound_counts_whole_rows),
      memory_test(fewer_queries_than_needed_are_an_estimate),
      memory_test(a_scale_rises_where_small_ks_need_nothing),
      memory_test(what_is_kept_is_k_at_least),
      memory_test(candidates_are_at_least_k_and_at_most_all),
      memory_test(a_fifth_of_the_queries_chooses_unless_the_rest_is_too_few),
      memory_test(subsets_are_tried_cheapest_first_until_none_can_win),
      memory_test(nested_blocks_are_tried_by_their_number),
      memory_test(of_many_blocks_the_best_subset_grows),
      memory_test(a_certificate_for_one_k_fails_at_most_as_often_as_it_says),
      memory_test(a_certificate_for_every_k_fails_at_most_as_often_as_it_says),
      memory_test(queries_of_few_rows_cost_the_others_nothing),
      memory_test(every_failed_allocation_is_reported),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
