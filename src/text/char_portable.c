/*
 * char_portable.c: the inner loops for any machine.
 */
#include "text/char_loops.h"

/* Positions of a block, whose states stay in the first-level cache. */
enum { BLOCK = 256 };

typedef struct carry {
  uint64_t states[WL_CHAR_MAX_LEVELS + 1]; /* at the last position */
} carry;

WL_INLINE uint64_t state_at(const void *table, bool is_wide, size_t i) {
  return is_wide ? ((const uint64_t *)table)[i] : ((const uint32_t *)table)[i];
}

/* The first level's states of a block, behind one place for the carry. */
WL_INLINE void start_block(const wl_char_tables *tables, bool is_wide,
                           const uint16_t *classes, size_t n,
                           uint64_t *states) {
  for (size_t i = 0; i < n; i++) {
    size_t at = classes[i];
    if (tables->first_level == 2)
      at |= (size_t)(classes + i)[-1] << tables->pair_shift;
    states[i + 1] = state_at(tables->start, is_wide, at);
  }
}

WL_INLINE bool step_block(const wl_char_tables *tables, bool is_wide,
                          const uint16_t *classes, size_t n,
                          const uint64_t *from, uint64_t *to, void *level,
                          void *deepest) {
  const void *entries = tables->entries;
  unsigned half = is_wide ? 32 : 16;
  uint64_t low = (UINT64_C(1) << half) - 1;
  uint64_t any = 0;
  for (size_t i = 0; i < n; i++) {
    uint64_t state = from[i], at = (state >> half) + classes[i];
    uint64_t entry = state_at(entries, is_wide, at);
    bool is_child = ((entry ^ state) & low) == 0;
    uint64_t next = is_child ? (entry & ~low) | at : 0;
    to[i + 1] = next;
    any |= next;
    slot_put(level, is_wide, i, (uint32_t)(next & low));
    uint32_t deeper = slot_at(deepest, is_wide, i);
    slot_put(deepest, is_wide, i, is_child ? (uint32_t)at : deeper);
  }
  return any != 0;
}

WL_INLINE void traverse_loop(const wl_char_tables *tables, bool is_wide,
                             const uint16_t *classes, size_t n, void *levels,
                             size_t pitch, void *deepest) {
  uint64_t buffers[2][BLOCK + 1];
  carry last = {{0}};
  uint32_t first = tables->first_level;
  for (size_t at = 0; at < n; at += BLOCK) {
    size_t m = n - at < BLOCK ? n - at : BLOCK;
    uint64_t *from = buffers[0], *to = buffers[1];
    void *level = slots_from(levels, is_wide, at);
    void *deep = slots_from(deepest, is_wide, at);
    start_block(tables, is_wide, classes + at, m, from);
    for (size_t i = 0; i < m; i++) {
      slot_put(level, is_wide, i, (uint32_t)from[i + 1]);
      slot_put(deep, is_wide, i, (uint32_t)from[i + 1]);
    }
    bool is_alive = true;
    for (uint32_t k = first + 1; k <= tables->n_levels; k++) {
      level = slots_from(levels, is_wide, (k - first) * pitch + at);
      from[0] = last.states[k - 1];
      last.states[k - 1] = from[m];
      if (is_alive || from[0] != 0) {
        is_alive =
            step_block(tables, is_wide, classes + at, m, from, to, level, deep);
      } else {
        memset(to, 0, sizeof(buffers[0]));
        memset(level, 0, m * (is_wide ? 4 : 2));
      }
      uint64_t *swapped = from;
      from = to;
      to = swapped;
    }
  }
}

static void traverse(const wl_char_tables *tables, const uint16_t *classes,
                     size_t n, void *levels, size_t pitch, void *deepest) {
  if (tables->is_wide)
    traverse_loop(tables, true, classes, n, levels, pitch, deepest);
  else
    traverse_loop(tables, false, classes, n, levels, pitch, deepest);
}

static size_t ascii(const wl_char_map *map, wl_char_cursor *cursor,
                    uint16_t *out, size_t capacity) {
  return ascii_loop(map, cursor, out, capacity);
}

static void sum(const wl_char_weights *weights, bool is_wide, const void *slots,
                size_t n, double *accumulators) {
  sum_loop(weights, is_wide, slots, n, accumulators);
}

static size_t filter(wl_char_filter *f) {
  return f->tables->is_wide ? filter_loop(f, true) : filter_loop(f, false);
}

static void squares(const wl_char_filter *f, size_t n_list, const double *own,
                    double *lanes) {
  squares_loop(f, n_list, own, lanes);
}

const wl_char_kernels wl_char_portable = {ascii, traverse, sum, filter,
                                          squares};
