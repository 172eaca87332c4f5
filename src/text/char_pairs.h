/*
 * char_pairs.h: what raw counts add to the squares of an L2 norm, for all
 * short rows of a chunk at once. Compiled into each variant with its flags.
 *
 * tf * tf of a term is tf plus two for each pair of its occurrences. Two
 * positions of a row that end in the same 2-gram end in the same suffix of
 * some length, and all terms that are suffixes of that are such pairs: their
 * norm values have been summed up by slot already. So each 2-gram remembers
 * where it was seen last, positions are paired with those before them along
 * these links, and a pair is one comparison of four classes and one addition.
 * Loops run over the chunk, not over rows or levels, whose short lengths could
 * not be foretold. Pairs grow with the square of the repeats, so that a row
 * is left to the filter as soon as it shows that it has too many.
 */
#ifndef WL_TEXT_CHAR_PAIRS_H
#define WL_TEXT_CHAR_PAIRS_H

#include "text/char_loops.h"

/* Positions to a 2-gram of the tables, from which on it costs less to clear all
 * 2-grams than those that the positions end in. */
enum { FEW_POSITIONS = 16 };

/* Nothing was seen yet: of a chunk of a row or two, not even looked at. */
WL_INLINE void forget_positions(wl_char_pairs *p, const void *slots,
                                bool is_wide, size_t begin, size_t end) {
  size_t n = p->tables->n_filter;
  if ((end - begin) * FEW_POSITIONS < n)
    for (size_t i = begin; i < end; i++)
      p->last[slot_at(slots, is_wide, i)] = 0;
  else
    memset(p->last, 0, n * sizeof(*p->last));
}

/* Where each position's 2-gram was seen last, in whatever row. */
WL_INLINE void link_positions(wl_char_pairs *p, const void *slots, bool is_wide,
                              size_t begin, size_t end) {
  uint16_t *last = p->last, *before = p->before;
#pragma GCC unroll 4
  for (size_t i = begin; i < end; i++) {
    uint32_t slot = slot_at(slots, is_wide, i);
    before[i] = last[slot];
    last[slot] = (uint16_t)i;
  }
}

/* Undoes the links of no 2-gram, and those out of the row [begin, end). Whole
 * vectors: what follows the row keeps the links that it may have. */
WL_INLINE void cut_links(wl_char_pairs *p, const void *slots, bool is_wide,
                         size_t begin, size_t end) {
  enum { WIDTH = 16 };
  uint16_t start = (uint16_t)begin;
  for (size_t i = begin; i < end; i += WIDTH) {
    uint16_t *before = p->before + i;
    for (size_t k = 0; k < WIDTH; k++) {
      uint32_t slot = slot_at(slots, is_wide, i + k);
      uint16_t link = slot != 0 ? before[k] : 0;
      before[k] = link > start ? link : 0;
    }
  }
}

/* Appends the positions of a row, [begin, end), that have a link, as pairs. */
WL_INLINE size_t list_links(wl_char_pairs *p, const void *slots, bool is_wide,
                            size_t row, size_t begin, size_t end,
                            size_t n_pairs) {
  const uint16_t *before = p->before;
  uint32_t *at = p->at;
  uint16_t *seen = p->seen;
  cut_links(p, slots, is_wide, begin, end);
#pragma GCC unroll 4
  for (size_t i = begin; i < end; i++) {
    at[n_pairs] = (uint32_t)(row << 16 | i);
    seen[n_pairs] = before[i];
    n_pairs += before[i] != 0;
  }
  return n_pairs;
}

/* common_classes takes the last of four classes for the highest bits. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "classes are compared as little-endian words");

WL_INLINE uint64_t load_classes(const uint16_t *at) {
  uint64_t classes;
  memcpy(&classes, at, sizeof(classes));
  return classes;
}

/* How many classes before the last two of a and of b are the same, at most 4.
 */
WL_INLINE size_t common_classes(const uint16_t *a, const uint16_t *b) {
  uint64_t differ = load_classes(a - 5) ^ load_classes(b - 5);
  return differ == 0 ? 4 : (size_t)__builtin_clzll(differ) / 16;
}

/* The longest match that ends at i and has at most level + 2 characters. Some
 * suffix may be no prefix of a term, so that deeper matches tell nothing. */
WL_INLINE uint32_t match_up_to(const void *levels, bool is_wide, size_t pitch,
                               size_t level, size_t i) {
  uint32_t slot = slot_at(levels, is_wide, level * pitch + i);
  while (WL_UNLIKELY(slot == 0))
    slot = slot_at(levels, is_wide, --level * pitch + i);
  return slot;
}

/*
 * Adds the pairs' values to their rows' lanes (a pair's lane does not depend
 * on other rows), and goes on to the pairs of the same positions with those
 * seen before; returns how many there are.
 */
WL_INLINE size_t add_pairs(wl_char_pairs *p, bool is_wide, size_t n_pairs) {
  const uint16_t *classes = p->classes, *before = p->before;
  uint32_t *at = p->at;
  uint16_t *seen = p->seen;
  const double *norms = p->norms;
  double *lanes = p->lanes;
  size_t pitch = p->pitch, stride = p->stride, n = 0;
  size_t most = p->tables->n_levels - 2;
  const void *levels =
      slots_from(p->levels, is_wide, (2 - p->tables->first_level) * pitch);
  for (size_t k = 0; k < n_pairs; k++) {
    size_t i = (uint16_t)at[k], row = at[k] >> 16, j = seen[k];
    size_t level = common_classes(classes + i, classes + j);
    level = level < most ? level : most;
    uint32_t slot = match_up_to(levels, is_wide, pitch, level, i);
    lanes[row * WL_CHAR_LANES + i % WL_CHAR_LANES] += norms[slot * stride];
    at[n] = at[k];
    seen[n] = before[j];
    n += before[j] != 0;
  }
  return n;
}

typedef struct wl_pair_steps {
  size_t (*list)(wl_char_pairs *p, const void *slots, bool is_wide, size_t row,
                 size_t begin, size_t end, size_t n_pairs);
  size_t (*add)(wl_char_pairs *p, bool is_wide, size_t n_pairs);
} wl_pair_steps;

/* Rows end with one break. */
WL_INLINE bool is_short(const uint32_t *starts, size_t row) {
  return starts[row + 1] - 1 - starts[row] <= WL_CHAR_PAIR_ROW;
}

/* Lists the links of the rows [first, last), all of them short. */
WL_INLINE size_t list_rows(wl_char_pairs *p, const void *slots, bool is_wide,
                           const uint32_t *starts, size_t first, size_t last,
                           size_t n_pairs, wl_pair_steps steps) {
  link_positions(p, slots, is_wide, starts[first], starts[last]);
  for (size_t r = first; r < last; r++) {
    size_t begin = starts[r], end = starts[r + 1] - 1;
    size_t listed = steps.list(p, slots, is_wide, r, begin, end, n_pairs);
    size_t n_links = listed - n_pairs;
    p->is_left[r] = 100 * n_links > WL_CHAR_LINK_PERCENT * (end - begin);
    p->n_foretold[r] = (uint32_t)n_links;
    n_pairs = p->is_left[r] ? n_pairs : listed;
  }
  return n_pairs;
}

/* Where the pairs of each row that has some end, in order; returns of how many
 * rows. */
WL_INLINE size_t find_ends(wl_char_pairs *p, size_t n_pairs) {
  uint32_t *at = p->at, *ends = p->ends;
  size_t n_ends = 0;
  at[n_pairs] = UINT32_MAX;
  for (size_t k = 0; k < n_pairs; k++) {
    ends[n_ends] = (uint32_t)k + 1;
    n_ends += at[k] >> 16 != at[k + 1] >> 16;
  }
  return n_ends;
}

/* Takes the pairs of the rows that are left off the list. */
WL_INLINE size_t drop_left(wl_char_pairs *p, size_t n_pairs) {
  size_t n = 0;
  for (size_t k = 0; k < n_pairs; k++) {
    p->at[n] = p->at[k];
    p->seen[n] = p->seen[k];
    n += !p->is_left[p->at[k] >> 16];
  }
  return n;
}

/* Foretells n_rounds rounds of as many pairs as each row has now: they cannot
 * have more each. A row that this makes too many of is left, and its
 * pairs are dropped. */
WL_INLINE size_t leave_rows(wl_char_pairs *p, const uint32_t *starts,
                            size_t n_rounds, size_t n_pairs) {
  size_t n_ends = find_ends(p, n_pairs), begin = 0;
  bool is_any_left = false;
  for (size_t e = 0; e < n_ends; e++) {
    size_t end = p->ends[e], row = p->at[begin] >> 16;
    size_t n = starts[row + 1] - 1 - starts[row];
    p->n_foretold[row] += (uint32_t)(n_rounds * (end - begin));
    p->is_left[row] = 100 * p->n_foretold[row] > WL_CHAR_PAIR_PERCENT * n;
    is_any_left |= p->is_left[row];
    begin = end;
  }
  return is_any_left ? drop_left(p, n_pairs) : n_pairs;
}

/* A check costs ordinary rows least where few of their pairs are left: the
 * first comes after the second round. */
WL_INLINE void add_rounds(wl_char_pairs *p, bool is_wide,
                          const uint32_t *starts, size_t n_pairs,
                          wl_pair_steps steps) {
  size_t check = 2, foretold = 1;
  for (size_t round = 1; n_pairs != 0; round++) {
    n_pairs = steps.add(p, is_wide, n_pairs);
    if (round < check)
      continue;
    check = 2 * round;
    n_pairs = leave_rows(p, starts, check - foretold, n_pairs);
    foretold = check;
  }
}

WL_INLINE void pairs_any(wl_char_pairs *p, bool is_wide, const uint32_t *starts,
                         size_t n_rows, wl_pair_steps steps) {
  size_t level = p->tables->filter_level - p->tables->first_level;
  const void *slots = slots_from(p->levels, is_wide, level * p->pitch);
  size_t n_pairs = 0, r = 0;
  forget_positions(p, slots, is_wide, starts[0], starts[n_rows]);
  memset(p->lanes, 0, n_rows * WL_CHAR_LANES * sizeof(*p->lanes));
  while (r < n_rows) {
    size_t first = r;
    while (r < n_rows && is_short(starts, r))
      r++;
    if (r > first)
      n_pairs = list_rows(p, slots, is_wide, starts, first, r, n_pairs, steps);
    else
      p->is_left[r++] = true;
  }
  add_rounds(p, is_wide, starts, n_pairs, steps);
}

WL_INLINE void pairs_loop(wl_char_pairs *p, const uint32_t *starts,
                          size_t n_rows, wl_pair_steps steps) {
  if (p->tables->is_wide)
    pairs_any(p, true, starts, n_rows, steps);
  else
    pairs_any(p, false, starts, n_rows, steps);
}

#endif
