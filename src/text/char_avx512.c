/*
 * char_avx512.c: the inner loops with AVX-512 (VBMI2): classes by byte
 * permutes, white space and the level filter by compress, sixteen narrow or
 * eight wide states a gather, several gathers in flight.
 */
#include "text/char_avx512.h"

enum { UNROLL = 8, MANY_LEVELS = 8 };

#define UNROLLED _Pragma("GCC unroll 8") for (size_t u = 0; u < UNROLL; u++)

/* ---- ASCII to classes ----------------------------------------------- */

typedef struct lookup {
  __m512i class_low, class_high, space_low, space_high;
} lookup;

WL_INLINE lookup load_lookup(const wl_char_map *map) {
  return (lookup){_mm512_loadu_si512(map->ascii_class),
                  _mm512_loadu_si512(map->ascii_class + 64),
                  _mm512_loadu_si512(map->ascii_space),
                  _mm512_loadu_si512(map->ascii_space + 64)};
}

WL_INLINE void store_bytes(uint16_t *out, __m512i bytes) {
  _mm512_storeu_si512(out, _mm512_cvtepu8_epi16(_mm512_castsi512_si256(bytes)));
  _mm512_storeu_si512(
      out + 32, _mm512_cvtepu8_epi16(_mm512_extracti64x4_epi64(bytes, 1)));
}

/* Up to `most` ASCII bytes: *n of them, as classes; their white space. */
WL_INLINE __m512i load_ascii(const lookup *l, const uint8_t *at, size_t most,
                             size_t *n, uint64_t *spaces) {
  uint64_t mask = low_bits(most);
  __m512i bytes = _mm512_maskz_loadu_epi8(mask, at);
  uint64_t other = _mm512_movepi8_mask(bytes);
  *n = most < 64 ? most : 64;
  if (WL_UNLIKELY(other != 0)) {
    *n = (size_t)__builtin_ctzll(other);
    mask = low_bits(*n);
  }
  *spaces = mask & _mm512_movepi8_mask(_mm512_permutex2var_epi8(
                       l->space_low, bytes, l->space_high));
  return _mm512_permutex2var_epi8(l->class_low, bytes, l->class_high);
}

static size_t ascii_plain512(const wl_char_map *map, wl_char_cursor *cursor,
                             uint16_t *out, size_t capacity) {
  lookup l = load_lookup(map);
  __m512i space = _mm512_set1_epi8((char)map->space);
  const uint8_t *at = cursor->at, *end = cursor->end;
  uint16_t *o = out, *limit = out + capacity;
  uint64_t carry = cursor->after_space;
  while (at < end && o < limit) {
    size_t most = (size_t)(end - at), n;
    if (most > (size_t)(limit - o))
      most = (size_t)(limit - o);
    uint64_t spaces;
    __m512i classes = load_ascii(&l, at, most, &n, &spaces);
    if (n == 0)
      break;
    uint64_t dropped = spaces & (spaces << 1 | carry);
    if (dropped & 1)
      o[-1] = map->space;
    if (WL_UNLIKELY(dropped != 0)) {
      uint64_t kept = low_bits(n) & ~dropped;
      classes = _mm512_mask_mov_epi8(classes, spaces & (dropped >> 1), space);
      store_bytes(o, _mm512_maskz_compress_epi8(kept, classes));
      o += __builtin_popcountll(kept);
    } else {
      store_bytes(o, classes);
      o += n;
    }
    carry = spaces >> (n - 1) & 1;
    at += n;
  }
  cursor->at = at;
  cursor->after_space = carry != 0;
  return (size_t)(o - out);
}

/* Writes 32 classes with a space put in before each of `starts`. */
WL_INLINE uint16_t *put_words(uint16_t *o, __m256i classes, __m512i space,
                              uint32_t starts, size_t n) {
  uint64_t inserted = 0;
  unsigned n_inserted = 0;
  for (; starts != 0; starts &= starts - 1)
    inserted |= UINT64_C(1) << ((unsigned)__builtin_ctz(starts) + n_inserted++);
  n += n_inserted;
  store_bytes(o, _mm512_mask_expand_epi8(space, low_bits(n) & ~inserted,
                                         _mm512_castsi256_si512(classes)));
  return o + n;
}

/* Each run of white space leaves one space, the end of a word, and the start
 * of the next word puts its own before it. */
static size_t ascii_words512(const wl_char_map *map, wl_char_cursor *cursor,
                             uint16_t *out, size_t capacity) {
  lookup l = load_lookup(map);
  __m512i space = _mm512_set1_epi8((char)map->space);
  const uint8_t *at = cursor->at, *end = cursor->end;
  uint16_t *o = out, *limit = out + capacity;
  uint64_t carry = cursor->after_space;
  while (at < end && limit - o >= 2) {
    size_t most = (size_t)(end - at), n;
    if (most > (size_t)(limit - o) / 2)
      most = (size_t)(limit - o) / 2;
    uint64_t spaces;
    __m512i classes = load_ascii(&l, at, most, &n, &spaces);
    if (n == 0)
      break;
    uint64_t after = spaces << 1 | carry, all = low_bits(n);
    uint64_t kept = all & ~(spaces & after);
    classes = _mm512_mask_mov_epi8(classes, spaces, space);
    classes = _mm512_maskz_compress_epi8(kept, classes);
    uint64_t starts = _pext_u64(all & ~spaces & after, kept);
    size_t n_kept = (size_t)__builtin_popcountll(kept);
    o = put_words(o, _mm512_castsi512_si256(classes), space, (uint32_t)starts,
                  n_kept < 32 ? n_kept : 32);
    if (n_kept > 32)
      o = put_words(o, _mm512_extracti64x4_epi64(classes, 1), space,
                    (uint32_t)(starts >> 32), n_kept - 32);
    carry = spaces >> (n - 1) & 1;
    at += n;
  }
  cursor->at = at;
  cursor->after_space = carry != 0;
  return (size_t)(o - out);
}

static size_t ascii(const wl_char_map *map, wl_char_cursor *cursor,
                    uint16_t *out, size_t capacity) {
  return map->is_words ? ascii_words512(map, cursor, out, capacity)
                       : ascii_plain512(map, cursor, out, capacity);
}

/* ---- narrow: 16 states of 32 bits ----------------------------------- */

static void traverse_narrow(const wl_char_tables *tables,
                            const uint16_t *classes, size_t n, uint16_t *levels,
                            size_t pitch, uint16_t *deepest) {
  const __m512i low = _mm512_set1_epi32(0xffff), zero = _mm512_setzero_si512();
  const __m512i starts = _mm512_set1_epi32(start_mask(tables) & 0xffff);
  uint32_t first = tables->first_level, last = tables->n_levels;
  __m512i carries[WL_CHAR_MAX_LEVELS + 1];
  uint64_t alive = 0; /* bit k: the carry of level k is a match */
  for (uint32_t k = 0; k <= last; k++)
    carries[k] = zero;
  for (size_t at = 0; at < n; at += 16 * UNROLL) {
    __m512i c[UNROLL], x[UNROLL], s[UNROLL];
    UNROLLED {
      c[u] = load16(classes + at + 16 * u);
      __m512i index = c[u];
      if (first == 2)
        index = _mm512_or_si512(
            index, _mm512_slli_epi32(load16(classes + at + 16 * u - 1),
                                     tables->pair_shift));
      x[u] = _mm512_i32gather_epi32(index, tables->start, 4);
    }
    UNROLLED {
      s[u] = _mm512_and_si512(x[u], starts);
      store16(levels + at + 16 * u, x[u]);
    }
    bool any = true;
    for (uint32_t k = first + 1; k <= last; k++) {
      uint16_t *level = levels + (k - first) * pitch + at;
      bool is_alive = any || (alive >> (k - 1) & 1);
      uint64_t top = _mm512_test_epi32_mask(x[UNROLL - 1], x[UNROLL - 1]) >> 15;
      alive = (alive & ~(UINT64_C(1) << (k - 1))) | top << (k - 1);
      if (!is_alive) {
        carries[k - 1] = zero;
        UNROLLED store16(level + 16 * u, zero);
        continue;
      }
      __m512i q[UNROLL];
      UNROLLED q[u] =
          _mm512_alignr_epi32(x[u], u ? x[u ? u - 1 : 0] : carries[k - 1], 15);
      carries[k - 1] = x[UNROLL - 1];
      __mmask16 found = 0;
      UNROLLED {
        __m512i index = _mm512_add_epi32(_mm512_srli_epi32(q[u], 16), c[u]);
        __m512i entry = _mm512_i32gather_epi32(index, tables->entries, 4);
        __mmask16 hit =
            _mm512_testn_epi32_mask(_mm512_xor_si512(entry, q[u]), low);
        /* low ? index : entry */
        x[u] = _mm512_maskz_mov_epi32(
            hit, _mm512_ternarylogic_epi32(low, index, entry, 0xca));
        s[u] = _mm512_mask_mov_epi32(s[u], hit, index);
        found |= hit;
        store16(level + 16 * u, x[u]);
      }
      any = found != 0;
    }
    UNROLLED store16(deepest + at + 16 * u, s[u]);
  }
}

/* ---- labelled: 16 entries of 32 bits, slots beside them ------------- */

WL_INLINE __m512i find_starts(const wl_char_tables *tables,
                              const uint16_t *classes) {
  __m512i index = load16(classes);
  if (tables->first_level == 2)
    index = _mm512_or_si512(
        index, _mm512_slli_epi32(load16(classes - 1), tables->pair_shift));
  return _mm512_i32gather_epi32(index, tables->start, 4);
}

static void traverse_labelled(const wl_char_tables *tables,
                              const uint16_t *classes, size_t n,
                              uint32_t *levels, size_t pitch,
                              uint32_t *deepest) {
  const __m512i starts = _mm512_set1_epi32(start_mask(tables));
  const __m512i label = _mm512_set1_epi32((int)wl_char_no_label(tables)),
                zero = _mm512_setzero_si512();
  uint32_t first = tables->first_level, last = tables->n_levels;
  __m512i carries[WL_CHAR_MAX_LEVELS + 1];
  uint64_t alive = 0;
  for (uint32_t k = 0; k <= last; k++)
    carries[k] = zero;
  for (size_t at = 0; at < n; at += 16 * UNROLL) {
    __m512i c[UNROLL], x[UNROLL], s[UNROLL];
    UNROLLED {
      c[u] = load16(classes + at + 16 * u);
      s[u] = find_starts(tables, classes + at + 16 * u);
      _mm512_storeu_si512(levels + at + 16 * u, s[u]);
    }
    UNROLLED {
      x[u] = _mm512_i32gather_epi32(s[u], tables->entries, 4);
      s[u] = _mm512_and_si512(s[u], starts);
    }
    bool any = true;
    for (uint32_t k = first + 1; k <= last; k++) {
      uint32_t *level = levels + (k - first) * pitch + at;
      bool is_alive = any || (alive >> (k - 1) & 1);
      uint64_t top = _mm512_test_epi32_mask(x[UNROLL - 1], x[UNROLL - 1]) >> 15;
      alive = (alive & ~(UINT64_C(1) << (k - 1))) | top << (k - 1);
      if (!is_alive) {
        carries[k - 1] = zero;
        UNROLLED _mm512_storeu_si512(level + 16 * u, zero);
        continue;
      }
      __m512i q[UNROLL];
      UNROLLED q[u] =
          _mm512_alignr_epi32(x[u], u ? x[u ? u - 1 : 0] : carries[k - 1], 15);
      carries[k - 1] = x[UNROLL - 1];
      __mmask16 found = 0;
      UNROLLED {
        __m512i index =
            _mm512_add_epi32(_mm512_srli_epi32(q[u], tables->label_bits), c[u]);
        __m512i entry = _mm512_i32gather_epi32(index, tables->entries, 4);
        __mmask16 hit =
            _mm512_testn_epi32_mask(_mm512_xor_si512(entry, c[u]), label);
        x[u] = _mm512_maskz_mov_epi32(hit, entry);
        s[u] = _mm512_mask_mov_epi32(s[u], hit, index);
        found |= hit;
        _mm512_storeu_si512(level + 16 * u, _mm512_maskz_mov_epi32(hit, index));
      }
      any = found != 0;
    }
    UNROLLED _mm512_storeu_si512(deepest + at + 16 * u, s[u]);
  }
}

/* ---- wide: 8 states of 64 bits -------------------------------------- */

WL_INLINE __m512i load8(const uint16_t *classes) {
  return _mm512_cvtepu16_epi64(
      _mm_loadu_si128((const __m128i *)(const void *)classes));
}

WL_INLINE void store8(uint32_t *out, __m512i states) {
  _mm256_storeu_si256((__m256i *)(void *)out, _mm512_cvtepi64_epi32(states));
}

static void traverse_wide(const wl_char_tables *tables, const uint16_t *classes,
                          size_t n, uint32_t *levels, size_t pitch,
                          uint32_t *deepest) {
  const __m512i zero = _mm512_setzero_si512();
  const __m512i low = _mm512_set1_epi64(0xffffffff);
  const __m512i starts = _mm512_set1_epi64(start_mask(tables));
  uint32_t first = tables->first_level, last = tables->n_levels;
  __m512i carries[WL_CHAR_MAX_LEVELS + 1];
  uint64_t alive = 0;
  for (uint32_t k = 0; k <= last; k++)
    carries[k] = zero;
  for (size_t at = 0; at < n; at += 8 * UNROLL) {
    __m512i c[UNROLL], x[UNROLL], s[UNROLL];
    UNROLLED {
      c[u] = load8(classes + at + 8 * u);
      __m512i index = c[u];
      if (first == 2)
        index = _mm512_or_si512(
            index, _mm512_slli_epi64(load8(classes + at + 8 * u - 1),
                                     tables->pair_shift));
      x[u] = _mm512_i64gather_epi64(index, tables->start, 8);
    }
    UNROLLED {
      s[u] = _mm512_and_si512(x[u], starts);
      store8(levels + at + 8 * u, x[u]);
    }
    bool any = true;
    for (uint32_t k = first + 1; k <= last; k++) {
      uint32_t *level = levels + (k - first) * pitch + at;
      bool is_alive = any || (alive >> (k - 1) & 1);
      uint64_t top = _mm512_test_epi64_mask(x[UNROLL - 1], x[UNROLL - 1]) >> 7;
      alive = (alive & ~(UINT64_C(1) << (k - 1))) | top << (k - 1);
      if (!is_alive) {
        carries[k - 1] = zero;
        UNROLLED store8(level + 8 * u, zero);
        continue;
      }
      __m512i q[UNROLL];
      UNROLLED q[u] =
          _mm512_alignr_epi64(x[u], u ? x[u ? u - 1 : 0] : carries[k - 1], 7);
      carries[k - 1] = x[UNROLL - 1];
      __mmask8 found = 0;
      UNROLLED {
        __m512i index = _mm512_add_epi64(_mm512_srli_epi64(q[u], 32), c[u]);
        __m512i entry = _mm512_i64gather_epi64(index, tables->entries, 8);
        __mmask8 hit =
            _mm512_testn_epi64_mask(_mm512_xor_si512(entry, q[u]), low);
        x[u] = _mm512_maskz_mov_epi64(
            hit, _mm512_ternarylogic_epi64(low, index, entry, 0xca));
        s[u] = _mm512_mask_mov_epi64(s[u], hit, index);
        found |= hit;
        store8(level + 8 * u, x[u]);
      }
      any = found != 0;
    }
    UNROLLED store8(deepest + at + 8 * u, s[u]);
  }
}

static void traverse(const wl_char_tables *tables, const uint16_t *classes,
                     size_t n, void *levels, size_t pitch, void *deepest) {
  if (tables->label_bits != 0)
    traverse_labelled(tables, classes, n, levels, pitch, deepest);
  else if (tables->is_wide)
    traverse_wide(tables, classes, n, levels, pitch, deepest);
  else
    traverse_narrow(tables, classes, n, levels, pitch, deepest);
}

/* ---- sums ----------------------------------------------------------- */

static void sum(const wl_char_weights *weights, bool is_wide, const void *slots,
                size_t n, double *accumulators) {
  sum_loop(weights, is_wide, slots, n, accumulators);
}

/* ---- the level filter ----------------------------------------------- */

/* The counts at where[0 .. 32) for the lanes of `mask`: more than one? */
WL_INLINE uint32_t find_repeats(const wl_char_filter *f, const uint16_t *where,
                                uint32_t mask) {
  __m512i at = _mm512_maskz_loadu_epi16(mask, where);
  __m512i low = _mm512_cvtepu16_epi32(_mm512_castsi512_si256(at));
  __m512i high = _mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(at, 1));
  __m512i a, b;
  if (f->is_direct) {
    a = _mm512_i32gather_epi32(low, f->counts, 2);
    b = _mm512_i32gather_epi32(high, f->counts, 2);
  } else {
    a = _mm512_i32gather_epi32(low, f->hash, 4);
    b = _mm512_i32gather_epi32(high, f->hash, 4);
  }
  __m512i counts =
      _mm512_inserti64x4(_mm512_castsi256_si512(_mm512_cvtepi32_epi16(a)),
                         _mm512_cvtepi32_epi16(b), 1);
  uint32_t once = f->is_direct ? f->base + 1 : 1;
  return _mm512_mask_cmpgt_epu16_mask(mask, counts,
                                      _mm512_set1_epi16((short)once));
}

/* The places of what is counted for the second time, in that order. */
static size_t list_narrow(const wl_char_filter *f, const uint16_t *where,
                          size_t n) {
  const __m512i second =
      _mm512_set1_epi16((short)(f->is_direct ? f->base + 2 : 2));
  const uint16_t *seen = f->seen;
  uint16_t *list = f->list;
  size_t n_list = 0;
  if (f->level < f->tables->min_depth)
    return 0;
  for (size_t i = 0; i < n; i += 32) {
    __mmask32 listed = _mm512_mask_cmpeq_epi16_mask(
        (__mmask32)low_bits(n - i), _mm512_loadu_si512(seen + i), second);
    _mm512_storeu_si512(
        list + n_list,
        _mm512_maskz_compress_epi16(listed, _mm512_loadu_si512(where + i)));
    n_list += (size_t)__builtin_popcount(listed);
  }
  return n_list;
}

/* The levels below the one that is counted, and the deepest match. */
typedef struct narrow_rows {
  uint16_t *rows[MANY_LEVELS];
  size_t n_rows;
} narrow_rows;

/* Moves the lanes of `kept` in all rows together to place `to`. What a whole
 * block overwrites was read before; the last one must spare the next row. */
WL_INLINE void keep_narrow(const narrow_rows *r, size_t from, size_t to,
                           uint32_t kept, bool is_last) {
  uint32_t stored = (uint32_t)low_bits((size_t)__builtin_popcount(kept));
  for (size_t k = 0; k < r->n_rows; k++) {
    __m512i moved = _mm512_maskz_compress_epi16(
        kept, _mm512_loadu_si512(r->rows[k] + from));
    if (is_last)
      _mm512_mask_storeu_epi16(r->rows[k] + to, stored, moved);
    else
      _mm512_storeu_si512(r->rows[k] + to, moved);
  }
}

static size_t filter_narrow(wl_char_filter *f) {
  size_t n = f->n_alive, n_kept = 0;
  const uint16_t *current = level_of(f, false, f->level);
  const void *places;
  (void)count_level(f, current, false, false, n, &places);
  const uint16_t *where = places;
  size_t n_list = list_narrow(f, where, n);
  if (f->level == f->tables->n_levels)
    return end_level(f, 0, n_list);
  narrow_rows r = {.n_rows = 0};
  for (uint32_t k = f->level + 1; k <= f->tables->n_levels; k++)
    r.rows[r.n_rows++] = level_of(f, false, k);
  const uint16_t *deepest = r.rows[r.n_rows++] = f->deepest;
  for (size_t i = 0; i < n; i += 32) {
    uint32_t mask = (uint32_t)low_bits(n - i);
    __m512i slots = _mm512_maskz_loadu_epi16(mask, current + i);
    uint32_t kept = _mm512_mask_cmpneq_epi16_mask(
        mask, slots, _mm512_loadu_si512(deepest + i));
    kept &= find_repeats(f, where + i, mask) |
            _mm512_testn_epi16_mask(slots, slots);
    keep_narrow(&r, i, n_kept, kept, WL_UNLIKELY(i + 32 > n));
    n_kept += (size_t)__builtin_popcount(kept);
  }
  return end_level(f, n_kept, n_list);
}

static size_t list_wide(const wl_char_filter *f, const uint32_t *where,
                        size_t n) {
  const __m512i second =
      _mm512_set1_epi32((int)(f->is_direct ? f->base + 2 : 2));
  uint32_t *list = f->list;
  size_t n_list = 0;
  if (f->level < f->tables->min_depth)
    return 0;
  for (size_t i = 0; i < n; i += 16) {
    __mmask16 listed = _mm512_mask_cmpeq_epi32_mask(
        (__mmask16)low_bits(n - i), load16(f->seen + i), second);
    _mm512_storeu_si512(
        list + n_list,
        _mm512_maskz_compress_epi32(listed, _mm512_loadu_si512(where + i)));
    n_list += (size_t)__builtin_popcount((unsigned)listed);
  }
  return n_list;
}

typedef struct wide_rows {
  uint32_t *rows[MANY_LEVELS];
  size_t n_rows;
} wide_rows;

WL_INLINE void keep_wide(const wide_rows *r, size_t from, size_t to,
                         __mmask16 kept, bool is_last) {
  __mmask16 stored =
      (__mmask16)low_bits((size_t)__builtin_popcount((unsigned)kept));
  for (size_t k = 0; k < r->n_rows; k++) {
    __m512i moved = _mm512_maskz_compress_epi32(
        kept, _mm512_loadu_si512(r->rows[k] + from));
    if (is_last)
      _mm512_mask_storeu_epi32(r->rows[k] + to, stored, moved);
    else
      _mm512_storeu_si512(r->rows[k] + to, moved);
  }
}

static size_t filter_wide(wl_char_filter *f) {
  size_t n = f->n_alive, n_kept = 0;
  const uint32_t *current = level_of(f, true, f->level);
  const void *places;
  (void)count_level(f, current, true, false, n, &places);
  const uint32_t *where = places;
  size_t n_list = list_wide(f, where, n);
  prefetch_own(f, n_list);
  if (f->level == f->tables->n_levels)
    return end_level(f, 0, n_list);
  wide_rows r = {.n_rows = 0};
  for (uint32_t k = f->level + 1; k <= f->tables->n_levels; k++)
    r.rows[r.n_rows++] = level_of(f, true, k);
  const uint32_t *deepest = r.rows[r.n_rows++] = f->deepest;
  uint32_t once = f->is_direct ? f->base + 1 : 1;
  const __m512i zero = _mm512_setzero_si512(), low = _mm512_set1_epi32(0xffff);
  for (size_t i = 0; i < n; i += 16) {
    __mmask16 mask = (__mmask16)low_bits(n - i);
    __m512i slots = _mm512_maskz_loadu_epi32(mask, current + i);
    __m512i at = _mm512_maskz_loadu_epi32(mask, where + i), counts;
    if (f->is_direct)
      counts = _mm512_and_si512(
          low, _mm512_mask_i32gather_epi32(zero, mask, at, f->counts, 2));
    else
      counts = _mm512_mask_i32gather_epi32(zero, mask, at, f->hash, 8);
    __mmask16 kept = _mm512_mask_cmpneq_epi32_mask(
        mask, slots, _mm512_loadu_si512(deepest + i));
    kept &= (__mmask16)(_mm512_cmpgt_epu32_mask(counts,
                                                _mm512_set1_epi32((int)once)) |
                        _mm512_testn_epi32_mask(slots, slots));
    keep_wide(&r, i, n_kept, kept, WL_UNLIKELY(i + 16 > n));
    n_kept += (size_t)__builtin_popcount((unsigned)kept);
  }
  return end_level(f, n_kept, n_list);
}

/* Moving the deeper levels together pays while there are few of them. */
static size_t filter(wl_char_filter *f) {
  const wl_char_tables *tables = f->tables;
  if (tables->n_levels - tables->first_level >= MANY_LEVELS)
    return tables->is_wide ? filter_loop(f, true) : filter_loop(f, false);
  return tables->is_wide ? filter_wide(f) : filter_narrow(f);
}

static void squares(const wl_char_filter *f, size_t n_list, const double *own,
                    double *lanes) {
  if (f->tables->is_wide) {
    squares_loop(f, n_list, own, lanes);
    return;
  }
  __m512d total = _mm512_loadu_pd(lanes);
  const __m512d one = _mm512_set1_pd(1);
  const __m256i low = _mm256_set1_epi32(0xffff), zero = _mm256_setzero_si256();
  for (size_t i = 0; i < n_list; i += 8) {
    __mmask8 mask = (__mmask8)low_bits(n_list - i);
    __m256i places = _mm256_cvtepu16_epi32(
        _mm_maskz_loadu_epi16(mask, (const uint16_t *)f->list + i));
    __m256i slots = places, counts;
    if (f->is_direct) {
      counts = _mm256_mmask_i32gather_epi32(zero, mask, places, f->counts, 2);
      counts = _mm256_sub_epi32(_mm256_and_si256(counts, low),
                                _mm256_set1_epi32((int)f->base));
    } else {
      counts = _mm256_mmask_i32gather_epi32(zero, mask, places, f->hash, 4);
      slots = _mm256_srli_epi32(counts, 16);
      counts = _mm256_and_si256(counts, low);
    }
    __m512d count = _mm512_cvtepi32_pd(counts);
    __m512d value =
        _mm512_mask_i32gather_pd(_mm512_setzero_pd(), mask, slots, own, 8);
    value =
        _mm512_mul_pd(_mm512_mul_pd(count, _mm512_sub_pd(count, one)), value);
    total = _mm512_mask_add_pd(total, mask, total, value);
  }
  _mm512_storeu_pd(lanes, total);
}

const wl_char_kernels wl_char_avx512 = {ascii,  traverse, sum,
                                        filter, squares,  wl_char_pairs_avx512};
