/*
 * char_exact.c: the counts of all terms of a row: for count matrices, for
 * scores that need every count, and for rows too long for the level filter.
 * Terms are kept in the order of their first occurrence.
 */
#include "text/char_internal.h"

enum { HASH_FIRST_BITS = 10 };

static uint32_t hash_place(const wl_char_counter *counter, uint32_t slot) {
  uint32_t mask = (UINT32_C(1) << counter->bits) - 1;
  uint32_t place = slot * UINT32_C(0x9E3779B1) >> (32 - counter->bits);
  while (counter->keys[place] != slot && counter->keys[place] != 0)
    place = (place + 1) & mask;
  return place;
}

static wl_status allocate_hash(wl_char_counter *counter, unsigned bits,
                               wl_arena *arena, wl_error *error) {
  size_t n = (size_t)1 << bits;
  counter->bits = bits;
  counter->n_touched = 0;
  counter->keys = wl_arena_calloc(arena, n, sizeof(uint32_t));
  counter->counts = wl_arena_calloc(arena, n, sizeof(uint32_t));
  counter->touched = wl_arena_alloc(arena, (n / 2 + 2) * sizeof(uint32_t));
  if (counter->keys == NULL || counter->counts == NULL ||
      counter->touched == NULL)
    return wl_fail_memory(error, 3 * n * sizeof(uint32_t));
  return WL_OK;
}

wl_status wl_char_counter_init(wl_char_counter *counter,
                               const wl_char_engine *engine,
                               size_t n_characters, wl_arena *arena,
                               wl_error *error) {
  size_t n = engine->tables.n_slots;
  *counter = (wl_char_counter){.is_direct = n_characters >= n / 4};
  if (!counter->is_direct)
    return allocate_hash(counter, HASH_FIRST_BITS, arena, error);
  counter->counts = wl_arena_calloc(arena, n, sizeof(uint32_t));
  counter->touched = wl_arena_alloc(arena, (n + 1) * sizeof(uint32_t));
  if (counter->counts == NULL || counter->touched == NULL)
    return wl_fail_memory(error, 2 * n * sizeof(uint32_t));
  return WL_OK;
}

/* Twice the places; the order of the terms stays. */
static wl_status grow_hash(wl_char_counter *counter, wl_arena *arena,
                           wl_error *error) {
  wl_char_counter old = *counter;
  WL_TRY(allocate_hash(counter, old.bits + 1, arena, error));
  for (size_t i = 0; i < old.n_touched; i++) {
    uint32_t slot = old.keys[old.touched[i]];
    uint32_t place = hash_place(counter, slot);
    counter->keys[place] = slot;
    counter->counts[place] = old.counts[old.touched[i]];
    counter->touched[counter->n_touched++] = place;
  }
  return WL_OK;
}

static wl_status add_hashed(wl_char_counter *counter, uint32_t slot,
                            wl_arena *arena, wl_error *error) {
  uint32_t place = hash_place(counter, slot);
  if (counter->keys[place] == 0) {
    if (counter->n_touched >= (size_t)1 << (counter->bits - 1)) {
      WL_TRY(grow_hash(counter, arena, error));
      place = hash_place(counter, slot);
    }
    counter->keys[place] = slot;
    counter->touched[counter->n_touched++] = place;
  }
  counter->counts[place]++;
  return WL_OK;
}

/* Slot 0 is counted too, without a branch, and skipped by the readers. */
static inline void add_direct(wl_char_counter *counter, uint32_t slot) {
  uint32_t count = counter->counts[slot];
  counter->touched[counter->n_touched] = slot;
  counter->n_touched += count == 0;
  counter->counts[slot] = count + 1;
}

static inline uint32_t slot_of(const wl_char_tables *tables, const void *levels,
                               size_t i) {
  return tables->is_wide ? ((const uint32_t *)levels)[i]
                         : ((const uint16_t *)levels)[i];
}

wl_status wl_char_counter_levels(wl_char_counter *counter,
                                 const wl_char_tables *tables,
                                 const void *levels, size_t pitch, size_t from,
                                 size_t n, wl_arena *arena, wl_error *error) {
  uint32_t first = tables->first_level;
  uint32_t k = tables->min_depth > first ? tables->min_depth : first;
  for (; k <= tables->n_levels; k++) {
    size_t at = (k - first) * pitch + from;
    for (size_t i = at; i < at + n; i++) {
      uint32_t slot = slot_of(tables, levels, i);
      if (counter->is_direct)
        add_direct(counter, slot);
      else if (slot != 0)
        WL_TRY(add_hashed(counter, slot, arena, error));
    }
  }
  return WL_OK;
}

wl_status wl_char_counter_walk(wl_char_counter *counter,
                               const wl_char_tables *tables,
                               const uint16_t *classes, size_t n,
                               wl_arena *arena, wl_error *error) {
  uint32_t first = tables->first_level;
  for (size_t begin = 0; begin + first <= n; begin++) {
    size_t at = classes[begin];
    if (first == 2)
      at = at << tables->pair_shift | classes[begin + 1];
    uint32_t slot = wl_char_start(tables, at);
    for (size_t next = begin + first; slot != 0; next++) {
      if (counter->is_direct)
        add_direct(counter, slot);
      else
        WL_TRY(add_hashed(counter, slot, arena, error));
      if (next >= n)
        break;
      slot = wl_char_child(tables, slot, classes[next]);
    }
  }
  return WL_OK;
}

void wl_char_counter_clear(wl_char_counter *counter) {
  for (size_t i = 0; i < counter->n_touched; i++) {
    uint32_t place = counter->touched[i];
    counter->counts[place] = 0;
    if (!counter->is_direct)
      counter->keys[place] = 0;
  }
  counter->n_touched = 0;
}
