/*
 * forest_score.c: rows through a forest, tile by tile: ranks, leaves, sums. The
 * sums of few outputs are kept output by output, so that 8 rows are added at
 * once; those of many, and leaves that are vectors, go straight to the result.
 */
#include <stdlib.h>

#include "models/forest/forest_internal.h"

/* Rows that lie closer than a line are foreseen without help. */
static wl_status list_lines(wl_forest_tile *tile, const wl_strided *x,
                            wl_arena *arena, wl_error *error) {
  const wl_forest *forest = tile->forest;
  size_t size = forest->n_features * sizeof *tile->lines;
  int64_t last = -WL_FOREST_LINE;
  if (llabs(x->row_stride) < WL_FOREST_LINE)
    return WL_OK;
  tile->lines = wl_arena_alloc(arena, size);
  if (tile->lines == NULL)
    return wl_fail_memory(error, size);
  for (size_t f = 0; f < forest->n_features; f++) {
    uint32_t column = forest->features[f].x_column;
    int64_t at = (int64_t)column * x->column_stride;
    if (llabs(at - last) < WL_FOREST_LINE)
      continue;
    tile->lines[tile->n_lines++] = column;
    last = at;
  }
  return WL_OK;
}

static wl_status make_route(wl_forest_tile *tile, wl_arena *arena,
                            wl_error *error) {
  const size_t n = (size_t)1 << tile->shift;
  const size_t size = (n + WL_FOREST_SLACK) * sizeof(uint32_t);
  wl_forest_route *route = wl_arena_calloc(arena, 1, sizeof *route);
  tile->route = route;
  tile->ids = wl_arena_alloc(arena, size);
  tile->rows = wl_arena_alloc(arena, size);
  if (route == NULL || tile->ids == NULL || tile->rows == NULL)
    return wl_fail_memory(error, size);
  route->rows = wl_arena_alloc(arena, size);
  route->spare = wl_arena_alloc(arena, size);
  route->walk_rows = wl_arena_alloc(arena, size);
  route->walk_from = wl_arena_alloc(arena, size);
  /* Each has rows of its own. */
  route->crowds = wl_arena_alloc(arena, (n / WL_FOREST_LEAST_CROWD + 1) *
                                            sizeof *route->crowds);
  if (route->rows == NULL || route->spare == NULL || route->walk_rows == NULL ||
      route->walk_from == NULL || route->crowds == NULL)
    return wl_fail_memory(error, size);
  return WL_OK;
}

wl_status wl_forest_make_tile(const wl_forest *forest, wl_forest_choice choice,
                              wl_arena *arena, wl_forest_tile *tile,
                              wl_error *error) {
  size_t n = (size_t)1 << choice.shift;
  bool is_select = choice.engine == WL_FOREST_SELECT;
  bool has_sums = choice.engine != WL_FOREST_LOCKSTEP && forest->width == 1 &&
                  forest->n_outputs <= WL_FOREST_SUM_OUTPUTS;
  size_t ranks_size = (forest->n_columns << choice.shift) * forest->rank_size;
  size_t n_slots = is_select ? forest->leaf_bit + forest->max_leaves : 0;
  *tile = (wl_forest_tile){.forest = forest, .shift = choice.shift};
  tile->ranks = wl_arena_calloc(arena, ranks_size + WL_FOREST_SLACK, 1);
  tile->codes = wl_arena_alloc(arena, n * sizeof *tile->codes);
  tile->slots = wl_arena_alloc(arena, n_slots << choice.shift);
  if (has_sums)
    tile->sums =
        wl_arena_alloc(arena, forest->n_outputs * n * sizeof *tile->sums);
  if (tile->ranks == NULL || tile->codes == NULL || tile->slots == NULL ||
      (has_sums && tile->sums == NULL))
    return wl_fail_memory(error, ranks_size);
  if (choice.engine == WL_FOREST_DESCEND)
    WL_TRY(make_route(tile, arena, error));
  for (size_t i = 0; is_select && i < forest->max_leaves; i++)
    memset(tile->slots + ((forest->leaf_bit + i) << choice.shift), (int)i, n);
  return WL_OK;
}

static double start_of(const wl_forest *forest, size_t k) {
  return forest->start != NULL ? forest->start[k] : 0.0;
}

/* `from` is the rows' own beginning, NULL where the forest's is all rows'. */
static void begin(const wl_forest_tile *tile, const double *from,
                  size_t from_ld) {
  const wl_forest *forest = tile->forest;
  for (size_t k = 0; k < forest->n_outputs; k++)
    for (size_t r = 0; r < tile->n_rows; r++) {
      double sum = from != NULL ? from[r * from_ld + k] : start_of(forest, k);
      if (tile->sums != NULL)
        tile->sums[k << tile->shift | r] = sum;
      else
        tile->out[r * tile->out_ld + k] = sum;
    }
}

static void finish(const wl_forest_tile *tile) {
  const wl_forest *forest = tile->forest;
  for (size_t r = 0; r < tile->n_rows; r++)
    for (size_t k = 0; k < forest->n_outputs; k++) {
      double *out = tile->out + r * tile->out_ld + k;
      double sum = tile->sums != NULL ? tile->sums[k << tile->shift | r] : *out;
      sum /= forest->divide;
      *out = forest->is_f32 ? (double)(float)sum : sum;
    }
}

static wl_strided rows_from(const wl_strided *x, size_t row) {
  wl_strided rows = *x;
  rows.values = (const char *)x->values + (int64_t)row * x->row_stride;
  return rows;
}

/* The ranks of a tile's rows, the caller's from `first` on; and which come
 * next. Without `x` the rows are `csr`. */
static void rank_tile(wl_forest_tile *tile, const wl_strided *x,
                      wl_forest_csr *csr, size_t first, size_t n_left) {
  size_t step = (size_t)1 << tile->shift;
  if (x == NULL) {
    wl_forest_rank_sparse(csr, tile, first);
    return;
  }
  wl_strided rows = rows_from(x, first);
  tile->forest->kernels->rank(tile, &rows, tile->n_rows);
  tile->n_next = n_left < step ? n_left : step;
  tile->next = rows_from(&rows, tile->n_rows);
}

/* wl_forest_score, of the rows of x, or where that is NULL of `csr`. */
static wl_status score(const wl_forest *forest, const wl_strided *x,
                       wl_forest_csr *csr, const double *from, size_t from_ld,
                       size_t n_rows, wl_arena *arena, double *out,
                       size_t out_ld, wl_error *error) {
  const wl_forest_kernels *kernels = forest->kernels;
  wl_forest_choice choice = wl_forest_choose(forest, n_rows);
  wl_forest_tile tile;
  if (n_rows == 0)
    return WL_OK;
  wl_arena_mark mark = wl_arena_save(arena);
  WL_TRY(wl_forest_make_tile(forest, choice, arena, &tile, error));
  if (x == NULL)
    WL_TRY(wl_forest_begin_sparse(csr, &tile, n_rows, arena, error));
  else if (choice.engine == WL_FOREST_SELECT)
    WL_TRY(list_lines(&tile, x, arena, error));
  size_t step = (size_t)1 << choice.shift;
  for (size_t r = 0; r < n_rows; r += step) {
    tile.n_rows = n_rows - r < step ? n_rows - r : step;
    tile.out = out + r * out_ld;
    tile.out_ld = out_ld;
    begin(&tile, from == NULL ? NULL : from + r * from_ld, from_ld);
    rank_tile(&tile, x, csr, r, n_rows - r - tile.n_rows);
    if (choice.engine == WL_FOREST_SELECT)
      kernels->select(&tile);
    else if (choice.engine == WL_FOREST_DESCEND)
      kernels->descend(&tile);
    else
      kernels->lockstep(&tile);
    finish(&tile);
  }
  wl_arena_restore(arena, mark);
  return WL_OK;
}

wl_status wl_forest_score(const wl_forest *forest, const wl_strided *x,
                          const double *from, size_t from_ld, size_t n_rows,
                          wl_arena *arena, double *out, size_t out_ld,
                          wl_error *error) {
  return score(forest, x, NULL, from, from_ld, n_rows, arena, out, out_ld,
               error);
}

wl_status wl_forest_score_sparse(const wl_forest *forest, const wl_value *x,
                                 const double *from, size_t from_ld,
                                 size_t n_rows, wl_arena *arena, double *out,
                                 size_t out_ld, wl_error *error) {
  wl_forest_csr csr = {.x = x};
  return score(forest, NULL, &csr, from, from_ld, n_rows, arena, out, out_ld,
               error);
}
