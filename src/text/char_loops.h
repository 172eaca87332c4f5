/*
 * char_loops.h: the inner loops in plain C, compiled into each variant with
 * its flags. They are the specification: the intrinsics of a variant replace
 * some of them and give the same results. Sums are vectorised across outputs
 * only; the order over positions is fixed.
 */
#ifndef WL_TEXT_CHAR_LOOPS_H
#define WL_TEXT_CHAR_LOOPS_H

#include "text/char_internal.h"

#define WL_INLINE static inline __attribute__((always_inline))

/* ---- slots of either width ------------------------------------------ */

WL_INLINE uint32_t slot_at(const void *slots, bool is_wide, size_t i) {
  return is_wide ? ((const uint32_t *)slots)[i] : ((const uint16_t *)slots)[i];
}

WL_INLINE void slot_put(void *slots, bool is_wide, size_t i, uint32_t slot) {
  if (is_wide)
    ((uint32_t *)slots)[i] = slot;
  else
    ((uint16_t *)slots)[i] = (uint16_t)slot;
}

WL_INLINE void *slots_from(void *slots, bool is_wide, size_t i) {
  return is_wide ? (void *)((uint32_t *)slots + i)
                 : (void *)((uint16_t *)slots + i);
}

/* What remains of the first level's slots as matches: see traverse. */
WL_INLINE int32_t start_mask(const wl_char_tables *tables) {
  return tables->filter_level == tables->first_level ? -1 : 0;
}

/* ---- ASCII to classes ----------------------------------------------- */

WL_INLINE size_t ascii_plain(const wl_char_map *map, wl_char_cursor *cursor,
                             uint16_t *out, size_t capacity) {
  const uint8_t *at = cursor->at, *end = cursor->end;
  uint16_t *o = out, space = map->space;
  bool after = cursor->after_space;
  if ((size_t)(end - at) > capacity)
    end = at + capacity;
  /* The second space of a run makes the first a ' ' and is dropped itself. */
  for (; at < end && *at < 0x80; at++) {
    bool is_space = map->ascii_space[*at];
    bool is_dropped = is_space & after;
    o -= is_dropped;
    *o++ = is_dropped ? space : map->ascii_class[*at];
    after = is_space;
  }
  cursor->at = at;
  cursor->after_space = after;
  return (size_t)(o - out);
}

WL_INLINE size_t ascii_words(const wl_char_map *map, wl_char_cursor *cursor,
                             uint16_t *out, size_t capacity) {
  const uint8_t *at = cursor->at, *end = cursor->end;
  uint16_t *o = out, space = map->space;
  bool after = cursor->after_space;
  if ((size_t)(end - at) > capacity / 2)
    end = at + capacity / 2;
  /* A space before a word's first character and after its last. */
  for (; at < end && *at < 0x80; at++) {
    bool is_space = map->ascii_space[*at];
    *o = space;
    o += is_space != after;
    *o = map->ascii_class[*at];
    o += !is_space;
    after = is_space;
  }
  cursor->at = at;
  cursor->after_space = after;
  return (size_t)(o - out);
}

WL_INLINE size_t ascii_loop(const wl_char_map *map, wl_char_cursor *cursor,
                            uint16_t *out, size_t capacity) {
  return map->is_words ? ascii_words(map, cursor, out, capacity)
                       : ascii_plain(map, cursor, out, capacity);
}

/* ---- sums ----------------------------------------------------------- */

typedef double wl_double2
    __attribute__((vector_size(16), aligned(8), may_alias));
typedef double wl_double4
    __attribute__((vector_size(32), aligned(8), may_alias));
typedef double wl_double8
    __attribute__((vector_size(64), aligned(8), may_alias));

/* Adds columns [column, column + width) of the rows to the four accumulators.
 */
#define WL_DEFINE_SUM(NAME, TYPE)                                              \
  WL_INLINE void NAME(const double *table, size_t stride, const void *slots,   \
                      bool is_wide, size_t n, double *accumulators,            \
                      size_t column) {                                         \
    const double *columns = table + column;                                    \
    double *into = accumulators + column;                                      \
    TYPE a = *(const TYPE *)(into), b = *(const TYPE *)(into + stride);        \
    TYPE c = *(const TYPE *)(into + 2 * stride);                               \
    TYPE d = *(const TYPE *)(into + 3 * stride);                               \
    size_t i = 0;                                                              \
    for (; i + 4 <= n; i += 4) {                                               \
      a += *(const TYPE *)(columns + slot_at(slots, is_wide, i) * stride);     \
      b += *(const TYPE *)(columns + slot_at(slots, is_wide, i + 1) * stride); \
      c += *(const TYPE *)(columns + slot_at(slots, is_wide, i + 2) * stride); \
      d += *(const TYPE *)(columns + slot_at(slots, is_wide, i + 3) * stride); \
    }                                                                          \
    if (i < n)                                                                 \
      a += *(const TYPE *)(columns + slot_at(slots, is_wide, i) * stride);     \
    if (i + 1 < n)                                                             \
      b += *(const TYPE *)(columns + slot_at(slots, is_wide, i + 1) * stride); \
    if (i + 2 < n)                                                             \
      c += *(const TYPE *)(columns + slot_at(slots, is_wide, i + 2) * stride); \
    *(TYPE *)(into) = a;                                                       \
    *(TYPE *)(into + stride) = b;                                              \
    *(TYPE *)(into + 2 * stride) = c;                                          \
    *(TYPE *)(into + 3 * stride) = d;                                          \
  }

WL_DEFINE_SUM(sum_1, double)
WL_DEFINE_SUM(sum_2, wl_double2)
WL_DEFINE_SUM(sum_4, wl_double4)
WL_DEFINE_SUM(sum_8, wl_double8)
#undef WL_DEFINE_SUM

WL_INLINE void sum_columns(const double *table, size_t stride,
                           const void *slots, bool is_wide, size_t n,
                           double *accumulators) {
  size_t c = 0;
  for (; c + 8 <= stride; c += 8)
    sum_8(table, stride, slots, is_wide, n, accumulators, c);
  if (c + 4 <= stride) {
    sum_4(table, stride, slots, is_wide, n, accumulators, c);
    c += 4;
  }
  if (c + 2 <= stride)
    sum_2(table, stride, slots, is_wide, n, accumulators, c);
}

/* The usual strides get loops of their own. */
WL_INLINE void sum_any(const wl_char_weights *weights, bool is_wide,
                       const void *slots, size_t n, double *accumulators) {
  const double *table = weights->sums;
  if (weights->stride == 2)
    sum_2(table, 2, slots, is_wide, n, accumulators, 0);
  else if (weights->stride == 1)
    sum_1(table, 1, slots, is_wide, n, accumulators, 0);
  else if (weights->stride == 4)
    sum_4(table, 4, slots, is_wide, n, accumulators, 0);
  else
    sum_columns(table, weights->stride, slots, is_wide, n, accumulators);
}

WL_INLINE void sum_loop(const wl_char_weights *weights, bool is_wide,
                        const void *slots, size_t n, double *accumulators) {
  if (is_wide)
    sum_any(weights, true, slots, n, accumulators);
  else
    sum_any(weights, false, slots, n, accumulators);
}

/* ---- the level filter ----------------------------------------------- */

/* log2 of the hash table's places for n keys: at most a quarter full. */
WL_INLINE unsigned filter_bits(size_t n) {
  unsigned bits = 6;
  while (((size_t)1 << bits) < 4 * n)
    bits++;
  return bits;
}

/*
 * The two ways to count: is_listing lists the slots that come for the second
 * time, otherwise `seen` is filled, from which vectors make the list. A list
 * made here costs a data-dependent address a slot, which loads of counts wait
 * for.
 */
WL_INLINE size_t count_direct(wl_char_filter *f, const void *current,
                              bool is_wide, bool is_listing, size_t n) {
  uint16_t *counts = f->counts;
  void *list = f->list;
  uint32_t base = f->base;
  size_t n_list = 0;
  const double *sums = f->weights->sums;
  size_t stride = f->weights->stride, n_ahead = f->n_ahead;
  bool is_asking =
      is_wide && n_ahead != 0 && f->level == f->tables->filter_level;
  /* Slot 0 is the only one that several levels share: each counts its own. */
  counts[0] = 0;
#pragma GCC unroll 4
  for (size_t i = 0; i < n; i++) {
    uint32_t slot = slot_at(current, is_wide, i), count = counts[slot];
    count = count < base ? base : count;
    counts[slot] = (uint16_t)(count + 1);
    if (is_asking)
      __builtin_prefetch(
          sums + slot_at(f->ahead, is_wide, i < n_ahead ? i : 0) * stride);
    if (is_listing) {
      slot_put(list, is_wide, n_list, slot);
      n_list += count == base + 1;
    } else {
      f->seen[i] = (uint16_t)(count + 1);
    }
  }
  return n_list;
}

/* Where the hash table is first looked at: vectors do this for all at once. */
WL_INLINE void hash_slots(const void *slots, bool is_wide, size_t n,
                          unsigned bits, void *where) {
  const uint32_t *wide = slots;
  const uint16_t *narrow = slots;
  if (is_wide)
    for (size_t i = 0; i < n; i++)
      ((uint32_t *)where)[i] = wide[i] * UINT32_C(0x9E3779B1) >> (32 - bits);
  else
    for (size_t i = 0; i < n; i++)
      ((uint16_t *)where)[i] =
          (uint16_t)((uint16_t)(narrow[i] * 0x9E35u) >> (16 - bits));
}

/* An entry of 0 is empty; slot 0 fits one as well as any. Whether a slot is
 * new cannot be foretold: no branch depends on it, only on collisions. */
WL_INLINE size_t count_hashed(wl_char_filter *f, const void *current,
                              bool is_wide, bool is_listing, size_t n) {
  unsigned bits = filter_bits(n), half = is_wide ? 32 : 16;
  uint32_t mask = (UINT32_C(1) << bits) - 1;
  uint32_t *narrow = f->hash;
  uint64_t *wide = f->hash;
  void *where = f->where, *list = f->list;
  size_t n_list = 0;
  memset(f->hash, 0, ((size_t)1 << bits) * (is_wide ? 8 : 4));
  hash_slots(current, is_wide, n, bits, where);
  for (size_t i = 0; i < n; i++) {
    uint32_t slot = slot_at(current, is_wide, i);
    uint32_t place = slot_at(where, is_wide, i);
    uint64_t entry = is_wide ? wide[place] : narrow[place];
    while (
        WL_UNLIKELY(((entry >> half ^ slot) & -(uint64_t)(entry != 0)) != 0)) {
      place = (place + 1) & mask;
      slot_put(where, is_wide, i, place);
      entry = is_wide ? wide[place] : narrow[place];
    }
    /* Rows are too short for a count to reach the slot above it. */
    entry = (entry | (uint64_t)slot << half) + 1;
    if (is_wide)
      wide[place] = entry;
    else
      narrow[place] = (uint32_t)entry;
    if (is_listing) {
      slot_put(list, is_wide, n_list, place);
      n_list += (is_wide ? (uint32_t)entry : (uint16_t)entry) == 2;
    } else {
      f->seen[i] = (uint16_t)entry;
    }
  }
  return n_list;
}

/* Counts the slots current[0 .. n) and, is_listing, lists the repeated ones;
 * *where is the place of each one's count. */
WL_INLINE size_t count_level(wl_char_filter *f, const void *current,
                             bool is_wide, bool is_listing, size_t n,
                             const void **where) {
  *where = f->is_direct ? current : f->where;
  return f->is_direct ? count_direct(f, current, is_wide, is_listing, n)
                      : count_hashed(f, current, is_wide, is_listing, n);
}

/* Asks for the own values that the list's terms have. */
WL_INLINE void prefetch_own(const wl_char_filter *f, size_t n_list) {
  const double *own = f->weights->own;
  size_t stride = f->weights->own_stride;
  const uint32_t *list = f->list;
  const uint64_t *hash = f->hash;
  if (f->level < f->tables->min_depth)
    return;
  if (f->is_direct)
    for (size_t i = 0; i < n_list; i++)
      __builtin_prefetch(own + list[i] * stride);
  else
    for (size_t i = 0; i < n_list; i++)
      __builtin_prefetch(own + (hash[list[i]] >> 32) * stride);
}

/* Ends a level whose list has n_list places. */
WL_INLINE size_t end_level(wl_char_filter *f, size_t n_kept, size_t n_list) {
  bool is_listed = f->level >= f->tables->min_depth;
  f->n_alive = n_kept;
  f->level++;
  return is_listed ? n_list : 0;
}

WL_INLINE void *level_of(const wl_char_filter *f, bool is_wide,
                         uint32_t level) {
  return slots_from(f->levels, is_wide,
                    (level - f->tables->first_level) * f->pitch);
}

/*
 * Keeps the positions where the match goes deeper and the suffix repeats or is
 * not known. All positions still looked at have a match of at least this
 * level, but for the first level.
 */
WL_INLINE size_t keep_loop(const wl_char_filter *f, const void *current,
                           bool is_wide, bool is_direct, bool is_first,
                           const void *where, size_t n) {
  const void *deepest = f->deepest;
  const uint16_t *counts = f->counts;
  const uint32_t *narrow = f->hash;
  const uint64_t *wide = f->hash;
  uint16_t *positions = f->positions;
  uint32_t once = is_direct ? f->base + 1 : 1;
  size_t n_kept = 0;
  for (size_t i = 0; i < n; i++) {
    uint32_t slot = slot_at(current, is_wide, i);
    uint32_t place = slot_at(where, is_wide, i);
    uint32_t count = is_direct ? counts[place]
                     : is_wide ? (uint32_t)wide[place]
                               : (uint16_t)narrow[place];
    uint32_t position = is_first ? (uint32_t)i : positions[i];
    positions[n_kept] = (uint16_t)position;
    n_kept += ((count > once) | (slot == 0)) &
              (slot != slot_at(deepest, is_wide, position));
  }
  return n_kept;
}

WL_INLINE size_t filter_loop(wl_char_filter *f, bool is_wide) {
  size_t n = f->n_alive, n_kept = 0;
  bool is_first = f->level == f->tables->filter_level;
  const void *current = level_of(f, is_wide, f->level);
  if (!is_first) {
    for (size_t i = 0; i < n; i++)
      slot_put(f->current, is_wide, i,
               slot_at(current, is_wide, f->positions[i]));
    current = f->current;
  }
  const void *where;
  size_t n_list = count_level(f, current, is_wide, true, n, &where);
  if (is_wide)
    prefetch_own(f, n_list);
  if (f->level == f->tables->n_levels)
    n_kept = 0;
  else if (f->is_direct && is_first)
    n_kept = keep_loop(f, current, is_wide, true, true, where, n);
  else if (f->is_direct)
    n_kept = keep_loop(f, current, is_wide, true, false, where, n);
  else
    n_kept = keep_loop(f, current, is_wide, false, is_first, where, n);
  return end_level(f, n_kept, n_list);
}

WL_INLINE void squares_loop(const wl_char_filter *f, size_t n_list,
                            const double *own, double *lanes) {
  for (size_t i = 0; i < n_list; i++) {
    uint32_t place = wl_char_filter_place(f, i);
    double count = wl_char_filter_count(f, place);
    lanes[i % 8] += count * (count - 1) * own[wl_char_filter_slot(f, place)];
  }
}

#endif
