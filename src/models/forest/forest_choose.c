/*
 * forest_choose.c: which engine runs which forest on how many rows.
 *
 * `select` computes every split of a tree for 64 rows at once, without a branch
 * or a gather: its cost is linear in a tree's leaves and does not depend on the
 * data. `descend` costs a chain of dependent loads for each row, as long as the
 * path, and wins where trees have many hundred leaves. Both starve on a few
 * rows, which `lockstep` takes one by one; how many are few is measured where a
 * forest is large enough for that (forest_measure.c).
 */
#include <stdatomic.h>

#include "models/forest/forest_internal.h"

enum {
  MOST_ROWS_SHIFT = 12,    /* of a tile */
  MAX_TILE_BYTES = 1 << 18 /* of ranks: they are read again for each tree */
};

static _Atomic int forced = WL_FOREST_ENGINE_COUNT;

void wl_forest_force(wl_forest_engine engine) {
  atomic_store(&forced, (int)engine);
}

bool wl_forest_can_select(const wl_forest *forest) {
  return forest->max_leaves <= WL_FOREST_SELECT_LEAVES &&
         forest->node_size <= 8;
}

/*
 * How many rows are too few for blocks, from measurements: a block costs the
 * same for one row and 64, by the leaves of a tree, and walks cost by the row.
 */
static size_t few_by_rule(const wl_forest *forest) {
  static const size_t walks[] = {
      [WL_CPU_PORTABLE] = 8, [WL_CPU_AVX2] = 24, [WL_CPU_AVX512_BW] = 48};
  static const size_t leaves_a_row[] = {
      [WL_CPU_PORTABLE] = 8, [WL_CPU_AVX2] = 8, [WL_CPU_AVX512_BW] = 5};
  _Static_assert(WL_COUNT_OF(walks) == WL_COUNT_OF(leaves_a_row),
                 "a number for every variant");
  wl_cpu_level level = forest->kernels->level;
  size_t leaves = forest->n_leaves / (forest->n_trees + 1);
  return wl_forest_can_select(forest) ? 4 + leaves / leaves_a_row[level]
                                      : walks[level];
}

void wl_forest_set_few_rows(wl_forest *forest) {
  forest->few_rows = (uint32_t)few_by_rule(forest);
  wl_forest_measure(forest);
}

/* Blocks of 64 rows side by side hide the latency of a split; with too many the
 * slots of a tree leave the first-level cache. */
static unsigned select_shift(const wl_forest *forest, size_t n_rows) {
  unsigned shift = forest->max_leaves <= 64    ? 8
                   : forest->max_leaves <= 128 ? 7
                                               : 6;
  while (shift > 6 && (size_t)1 << (shift - 1) >= n_rows)
    shift--;
  return shift;
}

/* A forest is read from memory once a tile, a tree at a time: the more rows go
 * down a tree while it is in a cache, the better. */
static unsigned descend_shift(size_t n_rows) {
  unsigned shift = 8;
  while (shift < MOST_ROWS_SHIFT && (size_t)1 << shift < n_rows)
    shift++;
  return shift;
}

wl_forest_choice wl_forest_choose(const wl_forest *forest, size_t n_rows) {
  wl_forest_choice choice = {.engine = WL_FOREST_DESCEND, .shift = 8};
  int wanted = atomic_load_explicit(&forced, memory_order_relaxed);
  if (n_rows < forest->few_rows)
    choice.engine = WL_FOREST_LOCKSTEP;
  else if (wl_forest_can_select(forest))
    choice.engine = WL_FOREST_SELECT;
  if (wanted != WL_FOREST_ENGINE_COUNT &&
      (wanted != WL_FOREST_SELECT || wl_forest_can_select(forest)))
    choice.engine = (wl_forest_engine)wanted;
  if (choice.engine == WL_FOREST_LOCKSTEP)
    choice.shift = 0;
  else if (choice.engine == WL_FOREST_SELECT)
    choice.shift = select_shift(forest, n_rows);
  else
    choice.shift = descend_shift(n_rows);
  while (choice.shift > 6 &&
         forest->n_columns << choice.shift > MAX_TILE_BYTES / forest->rank_size)
    choice.shift--;
  return choice;
}

size_t wl_forest_tile_rows(const wl_forest *forest) {
  wl_forest_choice choice = wl_forest_choose(forest, SIZE_MAX);
  return choice.engine == WL_FOREST_LOCKSTEP ? 0 : (size_t)1 << choice.shift;
}
