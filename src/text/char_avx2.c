/*
 * char_avx2.c: the inner loops with AVX2: gathers look eight narrow or four
 * wide states up at once.
 */
#include <immintrin.h>

#include "text/char_pairs.h"

/* Vectors in flight. More than fit the registers, as a wide table does not fit
 * the second-level cache: 12 are 1.3 times as fast as 4, and 16 no faster. */
enum { NARROW = 8, LABELLED = 8, WIDE = 12 };

#define UNROLLED_NARROW _Pragma("GCC unroll 8") for (int u = 0; u < NARROW; u++)
#define UNROLLED_LABELLED                                                      \
  _Pragma("GCC unroll 8") for (int u = 0; u < LABELLED; u++)
#define UNROLLED_WIDE _Pragma("GCC unroll 12") for (int u = 0; u < WIDE; u++)

/* ---- narrow: 8 states of 32 bits ------------------------------------ */

/* The states one position earlier. `rotated` has its last lane in front. */
WL_INLINE __m256i rotate8(__m256i v) {
  return _mm256_permutevar8x32_epi32(v,
                                     _mm256_setr_epi32(7, 0, 1, 2, 3, 4, 5, 6));
}

WL_INLINE void store8(uint16_t *out, __m256i a, __m256i b) {
  __m256i low = _mm256_set1_epi32(0xffff);
  __m256i packed =
      _mm256_packus_epi32(_mm256_and_si256(a, low), _mm256_and_si256(b, low));
  _mm256_storeu_si256((__m256i *)(void *)out,
                      _mm256_permute4x64_epi64(packed, 0xd8));
}

WL_INLINE __m256i load8(const uint16_t *classes) {
  return _mm256_cvtepu16_epi32(
      _mm_loadu_si128((const __m128i *)(const void *)classes));
}

WL_INLINE __m256i gather8(const void *table, __m256i at) {
  return _mm256_i32gather_epi32((const int *)table, at, 4);
}

static void traverse_narrow(const wl_char_tables *tables,
                            const uint16_t *classes, size_t n, uint16_t *levels,
                            size_t pitch, uint16_t *deepest) {
  const __m256i low = _mm256_set1_epi32(0xffff), zero = _mm256_setzero_si256();
  const __m256i starts = _mm256_set1_epi32(start_mask(tables) & 0xffff);
  uint32_t first = tables->first_level, last = tables->n_levels;
  __m256i carries[WL_CHAR_MAX_LEVELS + 1];
  uint64_t alive = 0; /* bit k: the carry of level k is a match */
  for (uint32_t k = 0; k <= last; k++)
    carries[k] = zero;
  for (size_t at = 0; at < n; at += 8 * NARROW) {
    __m256i c[NARROW], x[NARROW], s[NARROW];
    UNROLLED_NARROW {
      c[u] = load8(classes + at + 8 * (size_t)u);
      __m256i index = c[u];
      if (first == 2)
        index = _mm256_or_si256(
            index, _mm256_slli_epi32(load8(classes + at + 8 * (size_t)u - 1),
                                     (int)tables->pair_shift));
      x[u] = gather8(tables->start, index);
      s[u] = _mm256_and_si256(x[u], starts);
    }
    for (int u = 0; u < NARROW; u += 2)
      store8(levels + at + 8 * (size_t)u, x[u], x[u + 1]);
    bool any = true;
    for (uint32_t k = first + 1; k <= last; k++) {
      uint16_t *level = levels + (k - first) * pitch + at;
      bool is_alive = any || (alive >> (k - 1) & 1);
      alive &= ~(UINT64_C(1) << (k - 1));
      alive |= (uint64_t)(_mm256_extract_epi32(x[NARROW - 1], 7) != 0)
               << (k - 1);
      if (!is_alive) {
        carries[k - 1] = zero;
        for (int u = 0; u < NARROW; u += 2)
          store8(level + 8 * u, zero, zero);
        continue;
      }
      __m256i q[NARROW], r[NARROW], found = zero;
      UNROLLED_NARROW {
        r[u] = rotate8(x[u]);
        q[u] =
            _mm256_blend_epi32(r[u], u ? r[u ? u - 1 : 0] : carries[k - 1], 1);
      }
      carries[k - 1] = r[NARROW - 1];
      UNROLLED_NARROW {
        __m256i index = _mm256_add_epi32(_mm256_srli_epi32(q[u], 16), c[u]);
        __m256i entry = gather8(tables->entries, index);
        __m256i hit = _mm256_cmpeq_epi32(
            _mm256_and_si256(_mm256_xor_si256(entry, q[u]), low), zero);
        x[u] = _mm256_and_si256(hit, _mm256_blend_epi16(entry, index, 0x55));
        s[u] = _mm256_blendv_epi8(s[u], index, hit);
        found = _mm256_or_si256(found, hit);
      }
      any = !_mm256_testz_si256(found, found);
      for (int u = 0; u < NARROW; u += 2)
        store8(level + 8 * u, x[u], x[u + 1]);
    }
    for (int u = 0; u < NARROW; u += 2)
      store8(deepest + at + 8 * (size_t)u, s[u], s[u + 1]);
  }
}

/* ---- labelled: 8 entries of 32 bits, slots beside them -------------- */

WL_INLINE void store_slots(uint32_t *out, __m256i slots) {
  _mm256_storeu_si256((__m256i *)(void *)out, slots);
}

WL_INLINE __m256i find_starts(const wl_char_tables *tables,
                              const uint16_t *classes) {
  __m256i index = load8(classes);
  if (tables->first_level == 2)
    index = _mm256_or_si256(
        index, _mm256_slli_epi32(load8(classes - 1), (int)tables->pair_shift));
  return gather8(tables->start, index);
}

static void traverse_labelled(const wl_char_tables *tables,
                              const uint16_t *classes, size_t n,
                              uint32_t *levels, size_t pitch,
                              uint32_t *deepest) {
  const __m256i starts = _mm256_set1_epi32(start_mask(tables));
  const __m256i label = _mm256_set1_epi32((int)wl_char_no_label(tables)),
                zero = _mm256_setzero_si256();
  uint32_t first = tables->first_level, last = tables->n_levels;
  __m256i carries[WL_CHAR_MAX_LEVELS + 1];
  uint64_t alive = 0;
  for (uint32_t k = 0; k <= last; k++)
    carries[k] = zero;
  for (size_t at = 0; at < n; at += 8 * LABELLED) {
    __m256i c[LABELLED], x[LABELLED], s[LABELLED];
    UNROLLED_LABELLED {
      c[u] = load8(classes + at + 8 * (size_t)u);
      s[u] = find_starts(tables, classes + at + 8 * (size_t)u);
      store_slots(levels + at + 8 * (size_t)u, s[u]);
    }
    UNROLLED_LABELLED {
      x[u] = gather8(tables->entries, s[u]);
      s[u] = _mm256_and_si256(starts, s[u]);
    }
    bool any = true;
    for (uint32_t k = first + 1; k <= last; k++) {
      uint32_t *level = levels + (k - first) * pitch + at;
      bool is_alive = any || (alive >> (k - 1) & 1);
      alive &= ~(UINT64_C(1) << (k - 1));
      alive |= (uint64_t)(_mm256_extract_epi32(x[LABELLED - 1], 7) != 0)
               << (k - 1);
      if (!is_alive) {
        carries[k - 1] = zero;
        UNROLLED_LABELLED store_slots(level + 8 * u, zero);
        continue;
      }
      __m256i q[LABELLED], r[LABELLED], found = zero;
      UNROLLED_LABELLED {
        r[u] = rotate8(x[u]);
        q[u] =
            _mm256_blend_epi32(r[u], u ? r[u ? u - 1 : 0] : carries[k - 1], 1);
      }
      carries[k - 1] = r[LABELLED - 1];
      UNROLLED_LABELLED {
        __m256i index = _mm256_add_epi32(
            _mm256_srli_epi32(q[u], (int)tables->label_bits), c[u]);
        __m256i entry = gather8(tables->entries, index);
        __m256i hit = _mm256_cmpeq_epi32(_mm256_and_si256(entry, label), c[u]);
        x[u] = _mm256_and_si256(hit, entry);
        s[u] = _mm256_blendv_epi8(s[u], index, hit);
        found = _mm256_or_si256(found, hit);
        store_slots(level + 8 * u, _mm256_and_si256(hit, index));
      }
      any = !_mm256_testz_si256(found, found);
    }
    UNROLLED_LABELLED store_slots(deepest + at + 8 * (size_t)u, s[u]);
  }
}

/* ---- wide: 4 states of 64 bits -------------------------------------- */

WL_INLINE __m256i load4(const uint16_t *classes) {
  return _mm256_cvtepu16_epi64(
      _mm_loadl_epi64((const __m128i *)(const void *)classes));
}

WL_INLINE __m256i gather4(const void *table, __m256i at) {
  return _mm256_i64gather_epi64((const long long *)table, at, 8);
}

WL_INLINE void store4(uint32_t *out, __m256i v) {
  __m256i packed =
      _mm256_permutevar8x32_epi32(v, _mm256_setr_epi32(0, 2, 4, 6, 0, 2, 4, 6));
  _mm_storeu_si128((__m128i *)(void *)out, _mm256_castsi256_si128(packed));
}

static void traverse_wide(const wl_char_tables *tables, const uint16_t *classes,
                          size_t n, uint32_t *levels, size_t pitch,
                          uint32_t *deepest) {
  const __m256i zero = _mm256_setzero_si256();
  const __m256i starts = _mm256_set1_epi64x(start_mask(tables));
  uint32_t first = tables->first_level, last = tables->n_levels;
  __m256i carries[WL_CHAR_MAX_LEVELS + 1];
  uint64_t alive = 0;
  for (uint32_t k = 0; k <= last; k++)
    carries[k] = zero;
  for (size_t at = 0; at < n; at += 4 * WIDE) {
    __m256i c[WIDE], x[WIDE], s[WIDE];
    UNROLLED_WIDE {
      c[u] = load4(classes + at + 4 * (size_t)u);
      __m256i index = c[u];
      if (first == 2)
        index = _mm256_or_si256(
            index, _mm256_slli_epi64(load4(classes + at + 4 * (size_t)u - 1),
                                     (int)tables->pair_shift));
      x[u] = gather4(tables->start, index);
      s[u] = _mm256_and_si256(x[u], starts);
      store4(levels + at + 4 * (size_t)u, x[u]);
    }
    bool any = true;
    for (uint32_t k = first + 1; k <= last; k++) {
      uint32_t *level = levels + (k - first) * pitch + at;
      bool is_alive = any || (alive >> (k - 1) & 1);
      alive &= ~(UINT64_C(1) << (k - 1));
      alive |= (uint64_t)(_mm256_extract_epi64(x[WIDE - 1], 3) != 0) << (k - 1);
      if (!is_alive) {
        carries[k - 1] = zero;
        UNROLLED_WIDE store4(level + 4 * u, zero);
        continue;
      }
      __m256i q[WIDE], r[WIDE], found = zero;
      UNROLLED_WIDE {
        r[u] = _mm256_permute4x64_epi64(x[u], 0x93);
        q[u] =
            _mm256_blend_epi32(r[u], u ? r[u ? u - 1 : 0] : carries[k - 1], 3);
      }
      carries[k - 1] = r[WIDE - 1];
      UNROLLED_WIDE {
        __m256i index = _mm256_add_epi64(_mm256_srli_epi64(q[u], 32), c[u]);
        __m256i entry = gather4(tables->entries, index);
        __m256i same = _mm256_cmpeq_epi32(entry, q[u]);
        __m256i hit = _mm256_shuffle_epi32(same, 0xa0);
        x[u] = _mm256_and_si256(hit, _mm256_blend_epi32(entry, index, 0x55));
        s[u] = _mm256_blendv_epi8(s[u], index, hit);
        found = _mm256_or_si256(found, hit);
        store4(level + 4 * u, x[u]);
      }
      any = !_mm256_testz_si256(found, found);
    }
    UNROLLED_WIDE store4(deepest + at + 4 * (size_t)u, s[u]);
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

const wl_char_kernels wl_char_avx2 = {ascii,  traverse, sum,
                                      filter, squares,  pairs};
