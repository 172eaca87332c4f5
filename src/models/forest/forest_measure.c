/*
 * forest_measure.c: from how many rows on a block of 64 is faster than row by
 * row, measured when the forest is made. It depends on the machine, on the
 * depth of paths and on the number of features, which no rule from a tree's
 * leaves sees. All engines give the same bits, so the answer changes nothing
 * but time; a fraction of a millisecond, and small forests keep the rule.
 *
 * Not measured: whether to select or to descend. Select wins wherever it can
 * run at all, up to 256 leaves, with every instruction set; and it is needed
 * for a block to be of use.
 */
#include "base/clock.h"
#include "models/forest/forest_internal.h"

enum {
  MIN_SPLITS = 1024, /* below, the difference is a microsecond */
  MAX_FEATURES = 1024,
  MAX_SPLITS = 32768, /* of the trees that are run */
  N_ROUNDS = 3,
  SHIFT = 6,
  BLOCK = 1 << SHIFT
};

/* Times of a part of the work, the least of all rounds. */
typedef struct least {
  uint64_t rank, trees;
} least;

typedef struct bench {
  const wl_forest *forest;
  wl_forest_tile block, row;
  least of_block, of_row;
  uint32_t random;
} bench;

static uint32_t next_random(bench *b) {
  b->random = b->random * 1664525 + 1013904223;
  return b->random >> 8;
}

static void put(const wl_forest *forest, void *ranks, size_t at,
                uint32_t rank) {
  if (forest->rank_size == 1)
    ((uint8_t *)ranks)[at] = (uint8_t)rank;
  else
    ((uint16_t *)ranks)[at] = (uint16_t)rank;
}

/* Any ranks: paths as uneven as the trees are. Columns beyond the features'
 * are of categories. */
static void fill_ranks(bench *b, const wl_forest_tile *tile) {
  const wl_forest *forest = b->forest;
  const wl_forest_feature *feature = forest->features;
  for (size_t c = 0; c < forest->n_columns; c++) {
    const wl_forest_feature *end = forest->features + forest->n_features;
    while (feature + 1 < end && feature[1].first_column <= c)
      feature++;
    uint32_t most = forest->rank_size == 1 ? UINT8_MAX : UINT16_MAX;
    if (forest->n_features != 0 && feature->n_cuts < most)
      most = feature->n_cuts;
    for (size_t r = 0; r < (size_t)1 << tile->shift; r++)
      put(forest, tile->ranks, c << tile->shift | r,
          next_random(b) % (most + 1));
  }
}

static void keep_less(uint64_t *kept, uint64_t start) {
  uint64_t time = wl_clock_ns() - start;
  if (time < *kept)
    *kept = time;
}

static void run_round(bench *b, const wl_strided *x) {
  const wl_forest_kernels *kernels = b->forest->kernels;
  uint64_t start = wl_clock_ns();
  kernels->rank(&b->block, x, BLOCK);
  keep_less(&b->of_block.rank, start);
  fill_ranks(b, &b->block);
  start = wl_clock_ns();
  kernels->select(&b->block);
  keep_less(&b->of_block.trees, start);

  start = wl_clock_ns();
  kernels->rank(&b->row, x, 1);
  keep_less(&b->of_row.rank, start);
  start = wl_clock_ns();
  for (size_t i = 0; i < 4; i++) {
    fill_ranks(b, &b->row);
    start = wl_clock_ns();
    kernels->lockstep(&b->row);
    keep_less(&b->of_row.trees, start);
  }
}

void wl_forest_measure(wl_forest *forest) {
  static const double some[BLOCK] = {0.0, 1.0, -1.0, 0.5};
  double out[BLOCK * WL_FOREST_SUM_OUTPUTS] = {0};
  const wl_strided x = {.values = some, .row_stride = sizeof(double)};
  if (!wl_forest_can_select(forest) || forest->n_nodes < MIN_SPLITS ||
      forest->n_features > MAX_FEATURES ||
      forest->n_outputs > WL_FOREST_SUM_OUTPUTS)
    return;
  wl_forest part = *forest;
  while (forest->first_node[part.n_trees] > MAX_SPLITS)
    part.n_trees--;
  wl_arena arena;
  wl_arena_init(&arena);
  bench b = {.forest = &part,
             .of_block = {UINT64_MAX, UINT64_MAX},
             .of_row = {UINT64_MAX, UINT64_MAX}};
  wl_forest_choice select = {WL_FOREST_SELECT, SHIFT};
  wl_forest_choice lockstep = {WL_FOREST_LOCKSTEP, 0};
  if (wl_forest_make_tile(&part, select, &arena, &b.block, NULL) == WL_OK &&
      wl_forest_make_tile(&part, lockstep, &arena, &b.row, NULL) == WL_OK) {
    b.block.n_rows = BLOCK;
    b.row.n_rows = 1;
    b.block.out = b.row.out = out;
    b.block.out_ld = b.row.out_ld = forest->n_outputs;
    for (int round = 0; round < N_ROUNDS; round++)
      run_round(&b, &x);
    /* What was run of the trees: a block's work is splits, a row's paths. */
    double trees = (double)forest->n_trees / (double)part.n_trees;
    double splits =
        (double)forest->n_nodes / (double)forest->first_node[part.n_trees];
    double block = (double)b.of_block.rank + splits * (double)b.of_block.trees;
    double row = (double)b.of_row.rank + trees * (double)b.of_row.trees;
    double few = row > 0.0 ? 1.0 + block / row : 1.0;
    forest->few_rows = few < BLOCK ? (uint32_t)few : BLOCK;
  }
  wl_arena_deinit(&arena);
}
