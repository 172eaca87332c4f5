/*
 * char_run.c: takes rows to classes, classes to chunks of a size that stays in
 * the second-level cache, and chunks through the trie's levels. Which way a
 * row goes depends on its own length only, so its answer does too.
 */
#include "text/char_internal.h"

enum {
  FULL_CAPACITY = WL_CHAR_CHUNK + WL_CHAR_ROW_MAX + WL_CHAR_ROW_MARGIN,
  LEAST_CAPACITY = 2 * WL_CHAR_ROW_MARGIN
};

/* Room for `capacity` classes and all that is computed from them. */
static wl_status take_scratch(wl_char_run *run, size_t capacity, size_t n_rows,
                              const wl_char_consumer *consumer,
                              wl_error *error) {
  const wl_char_tables *tables = &run->engine->tables;
  size_t unit = tables->is_wide ? sizeof(uint32_t) : sizeof(uint16_t);
  size_t n_levels =
      run->engine->is_walking ? 0 : tables->n_levels - tables->first_level + 1;
  run->capacity = capacity;
  /* An odd number of cache lines, so that levels do not share cache sets. */
  run->pitch = ((capacity + WL_CHAR_SLACK + 63) & ~(size_t)63) + 32;
  run->max_starts = n_rows < capacity ? n_rows : capacity;
  size_t n_classes = WL_CHAR_FRONT + capacity + 2 * WL_CHAR_SLACK;
  uint16_t *classes = wl_arena_alloc(run->arena, n_classes * sizeof(uint16_t));
  run->levels = wl_arena_alloc(run->arena, n_levels * run->pitch * unit);
  run->deepest = wl_arena_alloc(run->arena, run->pitch * unit);
  run->starts =
      wl_arena_alloc(run->arena, (run->max_starts + 1) * sizeof(uint32_t));
  if (classes == NULL || run->levels == NULL || run->deepest == NULL ||
      run->starts == NULL)
    return wl_fail_memory(error, (n_levels + 2) * run->pitch * unit);
  memset(classes, 0, WL_CHAR_FRONT * sizeof(uint16_t));
  run->classes = classes + WL_CHAR_FRONT;
  size_t longest = capacity < WL_CHAR_ROW_MAX ? capacity : WL_CHAR_ROW_MAX;
  return consumer->resize(run, longest, error);
}

wl_status wl_char_run_count(wl_char_run *run, size_t start, size_t n,
                            wl_error *error) {
  const wl_char_engine *engine = run->engine;
  if (engine->is_walking)
    return wl_char_counter_walk(&run->counter, &engine->tables,
                                run->classes + start, n, run->arena, error);
  return wl_char_counter_levels(&run->counter, &engine->tables, run->levels,
                                run->pitch, start, n, run->arena, error);
}

/* The rows of the chunk; the last row's end is `used` - 1. */
static wl_status finish_chunk(wl_char_run *run,
                              const wl_char_consumer *consumer, size_t row,
                              size_t n_rows, size_t used, wl_error *error) {
  const wl_char_engine *engine = run->engine;
  memset(run->classes + used, 0, WL_CHAR_SLACK * sizeof(uint16_t));
  if (!engine->is_walking)
    engine->kernels->traverse(&engine->tables, run->classes, used, run->levels,
                              run->pitch, run->deepest);
  run->starts[n_rows] = (uint32_t)used;
  run->n_used = used;
  if (consumer->chunk != NULL)
    consumer->chunk(run, n_rows);
  for (size_t i = 0; i < n_rows; i++) {
    size_t start = run->starts[i], end = run->starts[i + 1] - 1;
    WL_TRY(consumer->row(run, row + i, start, end - start, error));
  }
  return WL_OK;
}

/* ---- long rows ------------------------------------------------------ */

/* The classes of a whole row in the arena. */
static wl_status prepare_long(wl_char_run *run, wl_string text, size_t row,
                              uint16_t **out, size_t *n, wl_error *error) {
  const wl_char_engine *engine = run->engine;
  wl_char_cursor cursor;
  wl_char_cursor_init(&cursor, &engine->map, text);
  size_t capacity = text.size + text.size / 2 + 2 * WL_CHAR_ROW_MARGIN;
  uint16_t *classes = NULL;
  *n = 0;
  for (;; capacity *= 2) {
    size_t size = (WL_CHAR_FRONT + capacity + 2 * WL_CHAR_SLACK) * 2;
    uint16_t *grown = wl_arena_alloc(run->arena, size);
    if (grown == NULL)
      return wl_fail_memory(error, size);
    memset(grown, 0, WL_CHAR_FRONT * sizeof(uint16_t));
    grown += WL_CHAR_FRONT;
    if (*n != 0)
      memcpy(grown, classes, *n * sizeof(uint16_t));
    classes = grown;
    size_t written;
    bool is_valid = wl_char_prepare(&engine->map, engine->kernels, &cursor,
                                    classes + *n, capacity - *n, &written);
    *n += written;
    if (!is_valid)
      return wl_char_fail_encoding(&cursor, row, error);
    if (cursor.is_done)
      break;
  }
  memset(classes + *n, 0, 2 * WL_CHAR_SLACK * sizeof(uint16_t));
  *out = classes;
  return WL_OK;
}

/* Segments of a chunk's size, each with as many characters before it as the
 * longest term needs. */
static wl_status run_long(wl_char_run *run, const wl_char_consumer *consumer,
                          wl_string text, size_t row, wl_error *error) {
  const wl_char_engine *engine = run->engine;
  uint16_t *classes = NULL, *own_classes = run->classes;
  size_t n = 0;
  WL_TRY(prepare_long(run, text, row, &classes, &n, error));
  size_t step = engine->is_walking ? n : WL_CHAR_CHUNK, at = 0;
  do {
    size_t length = n - at < step ? n - at : step;
    size_t before = engine->tables.n_levels - 1;
    if (engine->is_walking || before > at)
      before = at;
    run->classes = classes + at - before;
    if (!engine->is_walking)
      engine->kernels->traverse(&engine->tables, run->classes, before + length,
                                run->levels, run->pitch, run->deepest);
    wl_status status = consumer->segment(run, row, before, length, at == 0,
                                         at + length == n, error);
    run->classes = own_classes;
    WL_TRY(status);
    at += length;
  } while (at < n);
  return WL_OK;
}

/* ---- all rows ------------------------------------------------------- */

static size_t first_capacity(const wl_char_run *run, size_t n_rows) {
  size_t wanted = run->n_bytes;
  if (wanted >= FULL_CAPACITY || n_rows >= FULL_CAPACITY)
    return FULL_CAPACITY;
  if (run->engine->map.is_words)
    wanted += wanted / 2;
  wanted += n_rows + LEAST_CAPACITY;
  return wanted < FULL_CAPACITY ? wanted : FULL_CAPACITY;
}

wl_status wl_char_run_rows(wl_char_run *run, const wl_char_consumer *consumer,
                           const wl_string *rows, size_t n_rows,
                           wl_error *error) {
  const wl_char_engine *engine = run->engine;
  for (size_t r = 0; r < n_rows; r++) {
    if (rows[r].size > WL_CHAR_ROW_LIMIT)
      return wl_fail_row(error, WL_ERROR_UNSUPPORTED, (int64_t)r,
                         "count: row %zu has %zu bytes of text; at most %d are "
                         "supported",
                         r, rows[r].size, WL_CHAR_ROW_LIMIT);
    if (run->n_bytes < SIZE_MAX / 2)
      run->n_bytes += rows[r].size;
  }
  if (n_rows == 0)
    return WL_OK;
  WL_TRY(
      take_scratch(run, first_capacity(run, n_rows), n_rows, consumer, error));
  size_t used = 0, n_chunk = 0, r = 0;
  while (r < n_rows) {
    size_t room = run->capacity - used - 1, written = 0;
    if (room > WL_CHAR_ROW_MAX + WL_CHAR_ROW_MARGIN)
      room = WL_CHAR_ROW_MAX + WL_CHAR_ROW_MARGIN;
    wl_char_cursor cursor;
    wl_char_cursor_init(&cursor, &engine->map, rows[r]);
    bool is_tried = rows[r].size <= room * 8 && n_chunk < run->max_starts;
    if (is_tried && !wl_char_prepare(&engine->map, engine->kernels, &cursor,
                                     run->classes + used, room, &written))
      return wl_char_fail_encoding(&cursor, r, error);
    if (is_tried && cursor.is_done && written <= WL_CHAR_ROW_MAX) {
      run->starts[n_chunk++] = (uint32_t)used;
      used += written;
      run->classes[used++] = 0;
      r++;
      if (used < WL_CHAR_CHUNK && r < n_rows &&
          used + LEAST_CAPACITY < run->capacity)
        continue;
    } else if (n_chunk == 0 && run->capacity < FULL_CAPACITY) {
      WL_TRY(take_scratch(run, FULL_CAPACITY, n_rows, consumer, error));
      continue;
    } else if (n_chunk == 0) {
      WL_TRY(run_long(run, consumer, rows[r], r, error));
      r++;
      continue;
    }
    WL_TRY(finish_chunk(run, consumer, r - n_chunk, n_chunk, used, error));
    used = n_chunk = 0;
  }
  return WL_OK;
}
