/*
 * forest_sparse.c: CSR rows to ranks, without spreading them out. A tile begins
 * with the ranks of a row that stores nothing; what a row stores is ranked and
 * written over them, and taken back when the tile is done. So the cost of a row
 * follows what it stores, not the forest's columns.
 *
 * The result is that of spread-out rows to the bit: equal columns of a row are
 * summed from 0 on, in their order, and a number's rank does not depend on who
 * searches for it.
 */
#include <math.h>
#include <stdlib.h>

#include "models/forest/forest_loops.h"

enum { NO_TARGET = -1 };

/* ---- the forest's part --------------------------------------------------- */

static int by_x_column(const void *left, const void *right) {
  const wl_forest_target *a = left, *b = right;
  if (a->x_column != b->x_column)
    return a->x_column < b->x_column ? -1 : 1;
  return (a->first_column > b->first_column) -
         (a->first_column < b->first_column);
}

static void list_targets(wl_forest *forest) {
  wl_forest_sparse *sparse = &forest->sparse;
  size_t n = 0;
  for (size_t f = 0; f < forest->n_features; f++) {
    const wl_forest_feature *feature = &forest->features[f];
    uint32_t n_kinds = (uint32_t)__builtin_popcount(feature->missing);
    sparse->targets[n++] =
        (wl_forest_target){.x_column = feature->x_column,
                           .number = (uint32_t)f,
                           .first_column = feature->first_column,
                           .n_columns = n_kinds * feature->n_parts};
  }
  for (size_t c = 0; c < forest->n_categories; c++) {
    const wl_forest_category *category = &forest->categories[c];
    sparse->targets[n++] =
        (wl_forest_target){.x_column = category->x_column,
                           .number = (uint32_t)c,
                           .first_column = category->first_column,
                           .n_columns = category->n_columns,
                           .is_category = true};
  }
  qsort(sparse->targets, n, sizeof *sparse->targets, by_x_column);
}

static size_t place_of(const wl_forest_sparse *sparse, uint32_t column) {
  return (uint32_t)(column * 2654435761u) >> sparse->places_shift;
}

/* The first target of a column of x. */
static int64_t find(const wl_forest_sparse *sparse, uint32_t column) {
  size_t mask = sparse->n_places - 1;
  for (size_t at = place_of(sparse, column);; at = (at + 1) & mask) {
    if (sparse->places[at].target == NO_TARGET)
      return NO_TARGET;
    if (sparse->places[at].column == column)
      return sparse->places[at].target;
  }
}

static void fill_places(wl_forest_sparse *sparse) {
  size_t mask = sparse->n_places - 1;
  for (size_t i = 0; i < sparse->n_places; i++)
    sparse->places[i].target = NO_TARGET;
  for (size_t t = 0; t < sparse->n_targets; t++) {
    uint32_t column = sparse->targets[t].x_column;
    if (t > 0 && sparse->targets[t - 1].x_column == column)
      continue;
    size_t at = place_of(sparse, column);
    while (sparse->places[at].target != NO_TARGET)
      at = (at + 1) & mask;
    sparse->places[at] = (wl_forest_place){column, (int32_t)t};
  }
}

static uint32_t rank_of(const wl_forest *forest,
                        const wl_forest_feature *feature, double v) {
  const double *cuts = forest->cuts + feature->level[0];
  uint32_t rank = 0;
  for (uint32_t n = feature->n_cuts; n > 0;) {
    uint32_t half = n / 2;
    bool is_above = cuts[rank + half] < v;
    rank = is_above ? rank + half + 1 : rank;
    n = is_above ? n - half - 1 : half;
  }
  return rank;
}

/* Writes the ranks of row r's value of a target. */
WL_INLINE void put_value(const wl_forest_tile *tile,
                         const wl_forest_target *target, size_t r, double v,
                         size_t size) {
  const wl_forest *forest = tile->forest;
  if (!target->is_category) {
    const wl_forest_feature *feature = &forest->features[target->number];
    wl_forest_values values;
    values.v[0] = v;
    values.rank[0] = rank_of(forest, feature, v);
    wl_write_columns(tile, feature, r, &values, 1, size);
    return;
  }
  wl_forest_tile row = *tile;
  row.ranks = (char *)tile->ranks + r * size;
  wl_rank_category(&row, &forest->categories[target->number],
                   &(wl_strided){.values = &v}, 1, size);
}

WL_INLINE void put_absent(const wl_forest_tile *tile, double absent,
                          size_t size) {
  const wl_forest_sparse *sparse = &tile->forest->sparse;
  for (size_t t = 0; t < sparse->n_targets; t++)
    put_value(tile, &sparse->targets[t], 0, absent, size);
}

wl_status wl_forest_make_sparse(wl_forest *forest, bool is_absent_nan,
                                wl_error *error) {
  wl_forest_sparse *sparse = &forest->sparse;
  size_t n = forest->n_features + forest->n_categories, n_places = 2;
  unsigned shift = 31;
  int32_t code;
  for (; n_places < 2 * n; n_places *= 2)
    shift--;
  sparse->n_targets = n;
  sparse->n_places = n_places;
  sparse->places_shift = shift;
  sparse->targets = wl_calloc(n + 1, sizeof *sparse->targets);
  sparse->places = wl_calloc(n_places, sizeof *sparse->places);
  sparse->absent = wl_calloc(forest->n_columns + 1, forest->rank_size);
  if (sparse->targets == NULL || sparse->places == NULL ||
      sparse->absent == NULL)
    return wl_fail_memory(error, n_places * sizeof *sparse->places);
  list_targets(forest);
  fill_places(sparse);
  wl_forest_tile tile = {
      .forest = forest, .n_rows = 1, .ranks = sparse->absent, .codes = &code};
  double absent = is_absent_nan ? (double)NAN : 0.0;
  WL_FOREST_BY_RANK(forest, put_absent, &tile, absent);
  return WL_OK;
}

void wl_forest_free_sparse(wl_forest *forest) {
  wl_free(forest->sparse.targets);
  wl_free(forest->sparse.places);
  wl_free(forest->sparse.absent);
}

size_t wl_forest_sparse_size(const wl_forest *forest) {
  const wl_forest_sparse *sparse = &forest->sparse;
  return sparse->n_targets * sizeof *sparse->targets +
         sparse->n_places * sizeof *sparse->places +
         forest->n_columns * forest->rank_size;
}

/* ---- rows ---------------------------------------------------------------- */

WL_INLINE void fill_ranks(const wl_forest_tile *tile, size_t size) {
  const wl_forest *forest = tile->forest;
  size_t n = (size_t)1 << tile->shift;
  for (size_t c = 0; c < forest->n_columns; c++) {
    uint32_t rank = wl_get_rank(forest->sparse.absent, size, c);
    char *column = (char *)tile->ranks + c * n * size;
    for (size_t r = 0; r < n; r++)
      wl_put_rank(column, size, r, rank);
  }
}

wl_status wl_forest_begin_sparse(wl_forest_csr *csr, const wl_forest_tile *tile,
                                 size_t n_rows, wl_arena *arena,
                                 wl_error *error) {
  const wl_forest *forest = tile->forest;
  const int64_t *indptr = csr->x->indptr;
  size_t step = (size_t)1 << tile->shift;
  int64_t most = 0;
  for (size_t r = 0; r < n_rows; r += step) {
    size_t end = n_rows - r < step ? n_rows : r + step;
    most = indptr[end] - indptr[r] > most ? indptr[end] - indptr[r] : most;
  }
  size_t n_entries = (size_t)most;
  csr->n_entries = 0;
  csr->entries = wl_arena_alloc(arena, n_entries * sizeof *csr->entries);
  csr->sums =
      wl_arena_calloc(arena, forest->sparse.n_targets, sizeof *csr->sums);
  if (csr->entries == NULL || csr->sums == NULL)
    return wl_fail_memory(error, n_entries * sizeof *csr->entries);
  WL_FOREST_BY_RANK(forest, fill_ranks, tile);
  return WL_OK;
}

/* Row `from` of x to row r of the tile. */
WL_INLINE void rank_row(wl_forest_csr *csr, const wl_forest_tile *tile,
                        size_t from, size_t r, size_t size) {
  const wl_forest_sparse *sparse = &tile->forest->sparse;
  const wl_value *x = csr->x;
  size_t first = csr->n_entries, end = first;
  for (int64_t e = x->indptr[from]; e < x->indptr[from + 1]; e++) {
    int64_t target = find(sparse, (uint32_t)x->indices[e]);
    if (target == NO_TARGET)
      continue;
    csr->entries[end++] = (wl_forest_entry){(uint32_t)target, (uint32_t)r};
    csr->sums[target] += x->data[e];
  }
  for (size_t i = first; i < end; i++) {
    size_t t = csr->entries[i].target;
    uint32_t column = sparse->targets[t].x_column;
    double v = csr->sums[t];
    for (; t < sparse->n_targets && sparse->targets[t].x_column == column; t++)
      put_value(tile, &sparse->targets[t], r, v, size);
  }
  for (size_t i = first; i < end; i++)
    csr->sums[csr->entries[i].target] = 0.0;
  csr->n_entries = end;
}

WL_INLINE void take_back(const wl_forest_csr *csr, const wl_forest_tile *tile,
                         size_t size) {
  const wl_forest_sparse *sparse = &tile->forest->sparse;
  for (size_t i = 0; i < csr->n_entries; i++) {
    size_t t = csr->entries[i].target, r = csr->entries[i].row;
    uint32_t column = sparse->targets[t].x_column;
    for (; t < sparse->n_targets && sparse->targets[t].x_column == column;
         t++) {
      size_t c = sparse->targets[t].first_column;
      size_t end = c + sparse->targets[t].n_columns;
      for (; c < end; c++)
        wl_put_rank(tile->ranks, size, c << tile->shift | r,
                    wl_get_rank(sparse->absent, size, c));
    }
  }
}

WL_INLINE void rank_rows(wl_forest_csr *csr, const wl_forest_tile *tile,
                         size_t from, size_t size) {
  take_back(csr, tile, size);
  csr->n_entries = 0;
  for (size_t r = 0; r < tile->n_rows; r++)
    rank_row(csr, tile, from + r, r, size);
}

void wl_forest_rank_sparse(wl_forest_csr *csr, const wl_forest_tile *tile,
                           size_t from) {
  WL_FOREST_BY_RANK(tile->forest, rank_rows, csr, tile, from);
}
