/*
 * char_portable.c: the inner loops for any machine.
 */
#include "text/char_pairs.h"

/* Positions of a block, whose states stay in the first-level cache. */
enum { BLOCK = 256 };

/* Whether there is a child cannot be foretold: masks, no branches. */
WL_INLINE bool step_narrow(const wl_char_tables *tables,
                           const uint16_t *classes, size_t n,
                           const uint32_t *from, uint32_t *to, uint16_t *level,
                           uint16_t *deepest) {
  const uint32_t *entries = tables->entries;
  uint32_t any = 0;
  for (size_t i = 0; i < n; i++) {
    uint32_t state = from[i], at = (state >> 16) + classes[i];
    uint32_t entry = entries[at];
    uint32_t mask = -(uint32_t)((uint16_t)(entry ^ state) == 0);
    uint32_t next = ((entry & 0xffff0000u) | at) & mask;
    uint32_t deeper = deepest[i];
    to[i + 1] = next;
    any |= next;
    level[i] = (uint16_t)next;
    deepest[i] = (uint16_t)(deeper ^ ((deeper ^ at) & mask));
  }
  return any != 0;
}

/* Large tables are not in the second-level cache, and few steps are in flight
 * at a time: each asks for the entry that the next level looks at. Past the
 * block's end that is the break, or what follows: any address will do. */
WL_INLINE bool step_labelled(const wl_char_tables *tables,
                             const uint16_t *classes, size_t n,
                             const uint32_t *from, uint32_t *to,
                             uint32_t *level, uint32_t *deepest) {
  const uint32_t *entries = tables->entries;
  uint32_t any = 0, bits = tables->label_bits, label = wl_char_no_label(tables);
  for (size_t i = 0; i < n; i++) {
    uint32_t class_id = classes[i], at = (from[i] >> bits) + class_id;
    uint32_t entry = entries[at];
    uint32_t mask = -(uint32_t)((entry & label) == class_id);
    uint32_t deeper = deepest[i];
    uint32_t next = entry & mask;
    __builtin_prefetch(entries + (next >> bits) + classes[i + 1]);
    to[i + 1] = next;
    any |= mask;
    level[i] = at & mask;
    deepest[i] = deeper ^ ((deeper ^ at) & mask);
  }
  return any != 0;
}

WL_INLINE bool step_wide(const wl_char_tables *tables, const uint16_t *classes,
                         size_t n, const uint64_t *from, uint64_t *to,
                         uint32_t *level, uint32_t *deepest) {
  const uint64_t *entries = tables->entries;
  uint64_t any = 0;
  for (size_t i = 0; i < n; i++) {
    uint64_t state = from[i], at = (state >> 32) + classes[i];
    uint64_t entry = entries[at];
    uint64_t mask = -(uint64_t)((uint32_t)(entry ^ state) == 0);
    uint64_t next = ((entry & 0xffffffff00000000u) | at) & mask;
    uint32_t deeper = deepest[i];
    __builtin_prefetch(entries + (next >> 32) + classes[i + 1]);
    to[i + 1] = next;
    any |= next;
    level[i] = (uint32_t)next;
    deepest[i] = deeper ^ ((deeper ^ (uint32_t)at) & (uint32_t)mask);
  }
  return any != 0;
}

/* How a table is held: see wl_char_tables. */
typedef enum format { NARROW, LABELLED, WIDE } format;

WL_INLINE bool step_block(const wl_char_tables *tables, format form,
                          const uint16_t *classes, size_t n, const void *from,
                          void *to, void *level, void *deepest) {
  if (form == NARROW)
    return step_narrow(tables, classes, n, from, to, level, deepest);
  if (form == LABELLED)
    return step_labelled(tables, classes, n, from, to, level, deepest);
  return step_wide(tables, classes, n, from, to, level, deepest);
}

WL_INLINE uint64_t get_state(const void *states, format form, size_t i) {
  return form == WIDE ? ((const uint64_t *)states)[i]
                      : ((const uint32_t *)states)[i];
}

WL_INLINE void put_state(void *states, format form, size_t i, uint64_t state) {
  if (form == WIDE)
    ((uint64_t *)states)[i] = state;
  else
    ((uint32_t *)states)[i] = (uint32_t)state;
}

/* The first level's states of a block, behind one place for the carry. */
WL_INLINE void start_block(const wl_char_tables *tables, format form,
                           const uint16_t *classes, size_t n, void *states,
                           void *level, void *deepest) {
  uint32_t mask = (uint32_t)start_mask(tables);
  for (size_t i = 0; i < n; i++) {
    size_t at = classes[i];
    if (tables->first_level == 2)
      at |= (size_t)(classes + i)[-1] << tables->pair_shift;
    uint64_t state = get_state(tables->start, form, at);
    uint32_t slot = (uint32_t)state;
    if (form == LABELLED)
      state = get_state(tables->entries, form, slot);
    put_state(states, form, i + 1, state);
    slot_put(level, form != NARROW, i, slot);
    slot_put(deepest, form != NARROW, i, slot & mask);
  }
}

WL_INLINE void traverse_loop(const wl_char_tables *tables, format form,
                             const uint16_t *classes, size_t n, void *levels,
                             size_t pitch, void *deepest) {
  uint64_t buffers[2][BLOCK + 1];
  uint64_t last[WL_CHAR_MAX_LEVELS + 1] = {0}; /* before the block */
  uint32_t first = tables->first_level;
  bool is_wide = form != NARROW;
  for (size_t at = 0; at < n; at += BLOCK) {
    size_t m = n - at < BLOCK ? n - at : BLOCK;
    void *from = buffers[0], *to = buffers[1];
    void *level = slots_from(levels, is_wide, at);
    void *deep = slots_from(deepest, is_wide, at);
    start_block(tables, form, classes + at, m, from, level, deep);
    bool is_alive = true;
    for (uint32_t k = first + 1; k <= tables->n_levels; k++) {
      uint64_t before = last[k - 1];
      level = slots_from(levels, is_wide, (k - first) * pitch + at);
      put_state(from, form, 0, before);
      last[k - 1] = get_state(from, form, m);
      if (is_alive || before != 0) {
        is_alive =
            step_block(tables, form, classes + at, m, from, to, level, deep);
      } else {
        memset(to, 0, sizeof(buffers[0]));
        memset(level, 0, m * (is_wide ? 4 : 2));
      }
      void *swapped = from;
      from = to;
      to = swapped;
    }
  }
}

static void traverse(const wl_char_tables *tables, const uint16_t *classes,
                     size_t n, void *levels, size_t pitch, void *deepest) {
  if (tables->label_bits != 0)
    traverse_loop(tables, LABELLED, classes, n, levels, pitch, deepest);
  else if (tables->is_wide)
    traverse_loop(tables, WIDE, classes, n, levels, pitch, deepest);
  else
    traverse_loop(tables, NARROW, classes, n, levels, pitch, deepest);
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

static void pairs(wl_char_pairs *p, const uint32_t *starts, size_t n_rows) {
  pairs_loop(p, starts, n_rows, (wl_pair_steps){list_links, add_pairs});
}

const wl_char_kernels wl_char_portable = {ascii,  traverse, sum,
                                          filter, squares,  pairs};
