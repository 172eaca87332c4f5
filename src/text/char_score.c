/*
 * char_score.c: rows to scores. The sums over the longest matches count every
 * occurrence; what repetition changes (the square of tf under an L2 norm, a
 * binary or sublinear tf) is corrected for the repeated terms alone.
 */
#include <float.h>
#include <math.h>

#include "text/char_loops.h"

enum {
  LANES = WL_CHAR_LANES,
  /* Where tf is not linear: positions summed at a time, and how many roundings
   * of what is taken away are allowed for each occurrence that is kept. */
  BLOCK = 256,
  MOST_ROUNDINGS = 1 << 12
};

typedef struct scorer {
  double *out;
  size_t ld;
  double *accumulators; /* 4 x stride */
  double *totals;       /* stride */
  double *margins;      /* stride: see n_roundings */
  uint32_t highest;     /* count of the row's repeated terms */
  double lanes[LANES];  /* of the norm's correction */
  size_t chunk_row;     /* the next row of the chunk */
  bool has_pairs;
  wl_char_pairs pairs;
  wl_char_filter filter;
} scorer;

static double tf_value(const wl_char_engine *engine, uint32_t count) {
  return count < WL_CHAR_N_TF ? engine->tf_values[count]
                              : wl_char_tf(engine->tf, count);
}

/* ---- corrections ---------------------------------------------------- */

/*
 * The sums hold every occurrence, and the corrections take most of them away
 * again: a term that comes hundreds of times, always rounded the same way, in a
 * row with little else would cost the digits of what stays. All that was added
 * was rounded up to n_roundings times, so what a correction takes away costs as
 * many roundings of itself; `margins` sum up how many fewer than MOST_ROUNDINGS
 * of what is kept these are. If none is negative, the score is within 1e-12 of
 * the absolute values that the definition sums, and else found by the
 * definition. Natural text is far from that. In short rows, the highest count
 * tells it well enough.
 */
static double n_roundings(size_t n) {
  return (n < BLOCK ? (double)n : BLOCK) / 4 + (double)(n / BLOCK) + 2;
}

/* In rows of more than a block, infinite weights are not taken away either. */
static bool is_corrected(const wl_char_engine *engine, const scorer *s,
                         size_t n) {
  if (n <= BLOCK)
    return n_roundings(n) * s->highest <= MOST_ROUNDINGS;
  for (size_t c = 0; c < engine->weights.own_stride; c++)
    if (!(s->margins[c] >= 0 && s->margins[c] <= DBL_MAX))
      return false;
  return true;
}

/*
 * Adds what the terms of the list should weigh, less what they were summed to:
 * n_columns values of each, a norm value last of them if has_norm. is_checked:
 * and what is_corrected asks for.
 */
WL_INLINE void correct_columns(const wl_char_engine *engine,
                               const wl_char_filter *f, size_t n_list, size_t n,
                               size_t n_columns, bool has_norm, bool is_checked,
                               double *totals, double *margins,
                               uint32_t *highest) {
  const wl_char_weights *w = &engine->weights;
  size_t norm_column = has_norm ? n_columns - 1 : n_columns;
  double most = MOST_ROUNDINGS, roundings = n_roundings(n);
  for (size_t i = 0; i < n_list; i++) {
    uint32_t place = wl_char_filter_place(f, i);
    uint32_t slot = wl_char_filter_slot(f, place);
    uint32_t count = wl_char_filter_count(f, place);
    const double *own = w->own + slot * w->own_stride;
    double tf = tf_value(engine, count), more = tf - count;
    *highest = ((count > *highest) & (slot != 0)) ? count : *highest;
    double margin = most * tf + roundings * more;
    for (size_t c = 0; c < norm_column; c++) {
      totals[c] += more * own[c];
      if (is_checked)
        margins[c] += margin * fabs(own[c]);
    }
    if (!has_norm)
      continue;
    if (engine->norm == WL_NORM_L2)
      tf *= tf;
    more = tf - count;
    totals[norm_column] += more * own[norm_column];
    if (is_checked)
      margins[norm_column] += (most * tf + roundings * more) * own[norm_column];
  }
}

/* Few columns are summed in registers. */
WL_INLINE void correct_few(const wl_char_engine *engine, scorer *s,
                           size_t n_list, size_t n, size_t n_columns,
                           bool is_checked) {
  double totals[2] = {0}, margins[2] = {0};
  uint32_t highest = s->highest;
  for (size_t c = 0; c < n_columns; c++) {
    totals[c] = s->totals[c];
    margins[c] = s->margins[c];
  }
  correct_columns(engine, &s->filter, n_list, n, n_columns, n_columns == 2,
                  is_checked, totals, margins, &highest);
  s->highest = highest;
  for (size_t c = 0; c < n_columns; c++) {
    s->totals[c] = totals[c];
    s->margins[c] = margins[c];
  }
}

static void correct_list(const wl_char_engine *engine, scorer *s, size_t n_list,
                         size_t n) {
  const wl_char_weights *w = &engine->weights;
  bool is_checked = n > BLOCK;
  if (w->own_stride == 1 && is_checked)
    correct_few(engine, s, n_list, n, 1, true);
  else if (w->own_stride == 1)
    correct_few(engine, s, n_list, n, 1, false);
  else if (w->n_own_weights == 1 && is_checked)
    correct_few(engine, s, n_list, n, 2, true);
  else if (w->n_own_weights == 1)
    correct_few(engine, s, n_list, n, 2, false);
  else
    correct_columns(engine, &s->filter, n_list, n, w->own_stride,
                    w->has_own_norm, is_checked, s->totals, s->margins,
                    &s->highest);
}

static bool is_square(const wl_char_engine *engine) {
  return engine->tf == WL_TF_RAW;
}

/* false: the row must be scored from its counts. */
static bool correct_row(const wl_char_engine *engine, scorer *s, size_t n) {
  wl_char_filter *f = &s->filter;
  f->level = engine->tables.filter_level;
  f->n_alive = n;
  if (f->base == 0 || f->base + n > UINT16_MAX) {
    /* Not cleared yet, as most chunks of few rows need no filter; or full.
     * Counts of earlier rows are at most the base: as good as zeros. */
    memset(f->counts, 0, (f->n_counts + 2) * sizeof(*f->counts));
    f->base = 1;
  }
  while (f->n_alive != 0) {
    f->is_direct = f->level <= f->direct_level;
    size_t n_list = engine->kernels->filter(f);
    if (is_square(engine)) {
      engine->kernels->squares(f, n_list, engine->weights.own, s->lanes);
      continue;
    }
    correct_list(engine, s, n_list, n);
  }
  f->base += (uint32_t)n;
  return is_square(engine) || is_corrected(engine, s, n);
}

/* Whether rows can be corrected pair by pair: every repeat shows as one of a
 * 2-gram, and a comparison of classes sees the longest terms. */
static bool has_pairs(const wl_char_engine *engine) {
  const wl_char_tables *tables = &engine->tables;
  return !engine->is_exact && !engine->is_walking && is_square(engine) &&
         engine->weights.own_stride != 0 && tables->filter_level == 2 &&
         tables->has_suffixes && tables->n_levels <= WL_CHAR_PAIR_LEVELS &&
         engine->weights.stride <= INT32_MAX / tables->n_slots &&
         tables->n_filter <= WL_CHAR_PAIR_SLOTS;
}

static void pair_chunk(wl_char_run *run, size_t n_rows) {
  scorer *s = run->user;
  s->chunk_row = 0;
  if (!s->has_pairs)
    return;
  s->pairs.classes = run->classes;
  s->pairs.levels = run->levels;
  s->pairs.pitch = run->pitch;
  run->engine->kernels->pairs(&s->pairs, run->starts, n_rows);
}

/* ---- sums to scores ------------------------------------------------- */

static void begin_row(const wl_char_engine *engine, scorer *s) {
  memset(s->totals, 0, engine->weights.stride * sizeof(double));
  memset(s->margins, 0, engine->weights.stride * sizeof(double));
  memset(s->lanes, 0, sizeof(s->lanes));
  s->highest = 0;
}

static void add_up(const wl_char_engine *engine, scorer *s) {
  size_t stride = engine->weights.stride;
  const double *a = s->accumulators;
  for (size_t c = 0; c < stride; c++)
    s->totals[c] +=
        (a[c] + a[stride + c]) + (a[2 * stride + c] + a[3 * stride + c]);
}

/* Sums n positions in blocks: many equal values are all rounded the same way,
 * the less the smaller their sums. The blocks are short where most of it is
 * taken away again, and else cost ordinary rows nothing. */
static void sum_positions(const wl_char_run *run, scorer *s, size_t start,
                          size_t n) {
  const wl_char_engine *engine = run->engine;
  const wl_char_tables *tables = &engine->tables;
  size_t size = 4 * engine->weights.stride * sizeof(double);
  size_t block = is_square(engine) ? WL_CHAR_CHUNK : BLOCK;
  for (size_t done = 0; done < n; done += block) {
    size_t length = n - done < block ? n - done : block;
    memset(s->accumulators, 0, size);
    engine->kernels->sum(&engine->weights, tables->is_wide,
                         wl_char_slots(tables, run->deepest, start + done),
                         length, s->accumulators);
    add_up(engine, s);
  }
}

static void end_row(const wl_char_engine *engine, scorer *s, size_t row) {
  size_t k = engine->weights.n_outputs;
  double *out = s->out + row * s->ld;
  if (engine->norm == WL_NORM_NONE) {
    memcpy(out, s->totals, k * sizeof(*out));
    return;
  }
  const double *l = s->lanes;
  double norm = s->totals[k] + (((l[0] + l[4]) + (l[2] + l[6])) +
                                ((l[1] + l[5]) + (l[3] + l[7])));
  if (engine->norm == WL_NORM_L2 || engine->norm == WL_NORM_OCCURRENCES)
    norm = sqrt(norm);
  for (size_t c = 0; c < k; c++)
    out[c] = norm == 0 ? 0 : s->totals[c] / norm;
}

/* All counts are known: the definition itself, in order of occurrence. */
static void score_counts(wl_char_run *run, scorer *s, size_t row) {
  const wl_char_engine *engine = run->engine;
  const wl_char_weights *w = &engine->weights;
  memset(s->totals, 0, w->stride * sizeof(double));
  double norm = 0;
  for (size_t i = 0; i < run->counter.n_touched; i++) {
    uint32_t place = run->counter.touched[i];
    uint32_t slot = wl_char_counter_slot(&run->counter, place);
    if (slot == 0)
      continue;
    size_t at = w->rows ? w->rows[slot] : slot;
    const double *own = w->own + at * w->own_stride;
    double tf = tf_value(engine, run->counter.counts[place]);
    for (size_t c = 0; c < w->n_outputs; c++)
      s->totals[c] += tf * own[c];
    if (!w->has_own_norm)
      continue;
    double part = tf * own[w->n_outputs];
    if (engine->norm == WL_NORM_MAX)
      norm = part > norm ? part : norm;
    else
      norm += engine->norm == WL_NORM_L2 ? tf * part : part;
  }
  if (w->has_norm)
    s->totals[w->n_outputs] = norm;
  memset(s->lanes, 0, sizeof(s->lanes));
  end_row(engine, s, row);
  wl_char_counter_clear(&run->counter);
}

/* ---- the consumer --------------------------------------------------- */

static wl_status need_counter(wl_char_run *run, size_t n, wl_error *error) {
  if (run->has_counter)
    return WL_OK;
  run->has_counter = true;
  return wl_char_counter_init(&run->counter, run->engine, n, run->arena, error);
}

static wl_status score_exactly(wl_char_run *run, size_t row, size_t start,
                               size_t n, wl_error *error) {
  WL_TRY(need_counter(run, run->n_bytes, error));
  WL_TRY(wl_char_run_count(run, start, n, error));
  score_counts(run, run->user, row);
  return WL_OK;
}

/* The row's levels anew, which the filter may have overwritten. What this
 * writes past the row is what is there already: rows are apart. */
static void restore_levels(wl_char_run *run, size_t start, size_t n) {
  const wl_char_tables *tables = &run->engine->tables;
  run->engine->kernels->traverse(tables, run->classes + start, n,
                                 wl_char_slots(tables, run->levels, start),
                                 run->pitch,
                                 wl_char_slots(tables, run->deepest, start));
}

static wl_status score_row(wl_char_run *run, size_t row, size_t start, size_t n,
                           wl_error *error) {
  const wl_char_engine *engine = run->engine;
  scorer *s = run->user;
  if (engine->is_exact)
    return score_exactly(run, row, start, n, error);
  begin_row(engine, s);
  sum_positions(run, s, start, n);
  size_t at = s->chunk_row++;
  if (s->has_pairs && !s->pairs.is_left[at]) {
    for (size_t l = 0; l < LANES; l++)
      s->lanes[l] = 2 * s->pairs.lanes[at * LANES + (start + l) % LANES];
  } else if (engine->weights.own_stride != 0) {
    s->filter.levels = wl_char_slots(&engine->tables, run->levels, start);
    s->filter.pitch = run->pitch;
    s->filter.deepest = wl_char_slots(&engine->tables, run->deepest, start);
    s->filter.ahead =
        wl_char_slots(&engine->tables, run->deepest, start + n + 1);
    s->filter.n_ahead =
        start + n + 1 < run->n_used ? run->n_used - start - n - 1 : 0;
    if (!correct_row(engine, s, n)) {
      restore_levels(run, start, n);
      return score_exactly(run, row, start, n, error);
    }
  }
  end_row(engine, s, row);
  return WL_OK;
}

/* Raw tf under an L2 norm: the squares of a long row. */
static void correct_counts(wl_char_run *run, scorer *s) {
  size_t n_repeated = 0;
  for (size_t i = 0; i < run->counter.n_touched; i++) {
    uint32_t place = run->counter.touched[i];
    uint32_t slot = wl_char_counter_slot(&run->counter, place);
    double count = run->counter.counts[place];
    if (slot != 0 && count > 1)
      s->lanes[n_repeated++ % LANES] +=
          count * (count - 1) * run->engine->weights.own[slot];
  }
  wl_char_counter_clear(&run->counter);
}

/* Where tf is not linear, a long row is scored from its counts. */
static wl_status score_segment(wl_char_run *run, size_t row, size_t start,
                               size_t n, bool is_first, bool is_last,
                               wl_error *error) {
  const wl_char_engine *engine = run->engine;
  scorer *s = run->user;
  bool is_exact = engine->is_exact || engine->tf != WL_TF_RAW;
  bool has_counts = is_exact || engine->weights.own_stride != 0;
  if (has_counts) {
    WL_TRY(need_counter(run, run->n_bytes, error));
    WL_TRY(wl_char_run_count(run, start, n, error));
  }
  if (is_exact) {
    if (is_last)
      score_counts(run, s, row);
    return WL_OK;
  }
  if (is_first)
    begin_row(engine, s);
  sum_positions(run, s, start, n);
  if (!is_last)
    return WL_OK;
  if (has_counts)
    correct_counts(run, s);
  end_row(engine, s, row);
  return WL_OK;
}

static wl_status resize_pairs(wl_char_run *run, wl_error *error) {
  const wl_char_engine *engine = run->engine;
  scorer *s = run->user;
  wl_char_pairs *p = &s->pairs;
  s->has_pairs = has_pairs(engine);
  if (!s->has_pairs)
    return WL_OK;
  wl_arena *arena = run->arena;
  size_t n = run->capacity + WL_CHAR_SLACK, n_rows = run->max_starts;
  *p = (wl_char_pairs){
      .tables = &engine->tables,
      .norms = engine->weights.sums + engine->weights.n_outputs,
      .stride = engine->weights.stride,
      .last = wl_arena_alloc(arena, engine->tables.n_filter * sizeof(*p->last)),
      .before = wl_arena_alloc(arena, n * sizeof(*p->before)),
      .at = wl_arena_alloc(arena, n * sizeof(*p->at)),
      .seen = wl_arena_alloc(arena, n * sizeof(*p->seen)),
      .ends = wl_arena_alloc(arena, n_rows * sizeof(*p->ends)),
      .lanes = wl_arena_alloc(arena, n_rows * LANES * sizeof(*p->lanes)),
      .n_foretold = wl_arena_alloc(arena, n_rows * sizeof(*p->n_foretold)),
      .is_left = wl_arena_alloc(arena, n_rows * sizeof(*p->is_left))};
  if (p->last == NULL || p->before == NULL || p->at == NULL ||
      p->seen == NULL || p->ends == NULL || p->lanes == NULL ||
      p->n_foretold == NULL || p->is_left == NULL)
    return wl_fail_memory(error, n * sizeof(*p->before));
  return WL_OK;
}

/* The filter's arrays for rows of up to n characters. */
static wl_status resize(wl_char_run *run, size_t n, wl_error *error) {
  const wl_char_engine *engine = run->engine;
  WL_TRY(resize_pairs(run, error));
  const wl_char_tables *tables = &engine->tables;
  scorer *s = run->user;
  wl_char_filter *f = &s->filter;
  *f = (wl_char_filter){.tables = tables, .weights = &engine->weights};
  if (engine->is_exact || engine->weights.own_stride == 0)
    return WL_OK;
  /* Clearing the counts must be small beside the rows; those of a large
   * vocabulary lie too far from the processor, and hashing is as fast. */
  if (run->n_bytes >= tables->n_slots / 32 && !tables->is_wide) {
    f->n_counts = tables->n_slots;
    f->direct_level = tables->n_levels;
  } else if (run->n_bytes >= tables->n_low / 32) {
    f->n_counts = tables->n_low;
    f->direct_level = tables->low_level;
  } else if (run->n_bytes >= tables->n_filter / 32) {
    f->n_counts = tables->n_filter;
    f->direct_level = tables->filter_level;
  }
  size_t unit = tables->is_wide ? sizeof(uint32_t) : sizeof(uint16_t);
  size_t places = 64;
  while (places < 4 * n)
    places *= 2;
  size_t size = (n + WL_CHAR_SLACK) * sizeof(uint16_t);
  wl_arena *arena = run->arena;
  f->counts = wl_arena_alloc(arena, (f->n_counts + 2) * sizeof(uint16_t));
  f->hash = wl_arena_alloc(
      arena, f->direct_level >= tables->n_levels ? 1 : places * 2 * unit);
  f->where = wl_arena_alloc(arena, (n + WL_CHAR_SLACK) * unit);
  f->positions = wl_arena_alloc(arena, size);
  f->seen = wl_arena_alloc(arena, size);
  f->list = wl_arena_alloc(arena, (n + WL_CHAR_SLACK) * unit);
  f->current = wl_arena_alloc(arena, (n + WL_CHAR_SLACK) * unit);
  if (f->counts == NULL || f->hash == NULL || f->where == NULL ||
      f->positions == NULL || f->list == NULL || f->current == NULL ||
      f->seen == NULL)
    return wl_fail_memory(error, size);
  return WL_OK;
}

static const wl_char_consumer scoring = {pair_chunk, score_row, score_segment,
                                         resize};

wl_status wl_char_engine_score(const wl_char_engine *engine,
                               const wl_string *rows, size_t n_rows,
                               wl_arena *arena, double *out, size_t ld,
                               wl_error *error) {
  if (engine->terms != NULL)
    return wl_fail(error, WL_ERROR_INTERNAL,
                   "count: this vectorizer was built for counting");
  scorer s = {.out = out, .ld = ld};
  wl_char_run run = {.engine = engine, .arena = arena, .user = &s};
  size_t stride = engine->weights.stride;
  s.accumulators = wl_arena_alloc(arena, 4 * stride * sizeof(double));
  s.totals = wl_arena_alloc(arena, stride * sizeof(double));
  s.margins = wl_arena_alloc(arena, stride * sizeof(double));
  if (s.accumulators == NULL || s.totals == NULL || s.margins == NULL)
    return wl_fail_memory(error, 4 * stride * sizeof(double));
  return wl_char_run_rows(&run, &scoring, rows, n_rows, error);
}
