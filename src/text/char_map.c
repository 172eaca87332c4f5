/*
 * char_map.c: from text to classes: what lowercasing, accents and white space
 * make of each character. ASCII runs are left to the kernels; everything else
 * is decoded here, with the white-space state carried across.
 */
#include "text/char_internal.h"

enum {
  CAPITAL_SIGMA = 0x3A3,
  SMALL_SIGMA = 0x3C3,
  FINAL_SIGMA = 0x3C2,
  /* Blocks below this are filled whether the vocabulary has characters there
   * or not: here is nearly everything that changes when lowercased. */
  EAGER_BLOCKS = 0x3400 / WL_CHAR_BLOCK,
  /* The most classes that one character becomes, with the spaces around. */
  MOST_CLASSES = 2 * WL_MAP_MAX + 2
};

/* ---- construction --------------------------------------------------- */

static uint32_t class_of(const wl_char_map *map, uint32_t code_point) {
  size_t low = 0, high = map->n_classes;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (map->code_points[middle] < code_point)
      low = middle + 1;
    else
      high = middle;
  }
  return low < map->n_classes && map->code_points[low] == code_point
             ? (uint32_t)low + 1
             : 0;
}

static uint32_t code_of(const wl_char_map *map, const uint16_t *class_ids,
                        size_t n_class_ids, uint32_t code_point) {
  uint32_t out[WL_MAP_MAX];
  if (code_point == CAPITAL_SIGMA && (map->transform & WL_MAP_LOWER))
    return WL_CHAR_IS_SPECIAL;
  size_t n = wl_unicode_map(map->unicode, map->transform, code_point, out);
  if (n == 0)
    return WL_CHAR_IS_DROPPED;
  if (n > 1)
    return WL_CHAR_IS_SPECIAL;
  uint32_t code = out[0] < n_class_ids ? class_ids[out[0]] : 0;
  if (wl_unicode_flags(map->unicode, out[0]) & WL_CHAR_SPACE)
    code |= WL_CHAR_IS_SPACE;
  return code;
}

/* Block 0 means that nothing is known: each character is looked up as it
 * comes; block 1 holds characters that are not in the vocabulary. */
static wl_status fill_blocks(wl_char_map *map, const uint16_t *class_ids,
                             size_t n_class_ids, wl_error *error) {
  size_t wanted = EAGER_BLOCKS, last = SIZE_MAX;
  for (size_t i = 0; i < map->n_classes; i++) {
    size_t block = map->code_points[i] / WL_CHAR_BLOCK;
    wanted += block >= EAGER_BLOCKS && block != last;
    last = block;
  }
  size_t size;
  if (wl_mul_overflows(wanted + 2, WL_CHAR_BLOCK * sizeof(uint32_t), &size) ||
      (map->blocks = wl_alloc(size)) == NULL)
    return wl_fail_memory(error, size);
  for (size_t i = 0; i < WL_CHAR_BLOCK; i++) {
    map->blocks[i] = WL_CHAR_IS_SPECIAL;
    map->blocks[WL_CHAR_BLOCK + i] = 0;
  }
  map->n_blocks = 2;
  size_t next = 0;
  for (size_t b = 0; b < WL_CHAR_N_BLOCKS; b++) {
    bool has_class = false;
    for (; next < map->n_classes && map->code_points[next] / WL_CHAR_BLOCK == b;
         next++)
      has_class = true;
    if (b >= EAGER_BLOCKS && !has_class)
      continue;
    uint32_t *block = map->blocks + map->n_blocks * WL_CHAR_BLOCK;
    uint32_t any = 0;
    for (size_t i = 0; i < WL_CHAR_BLOCK; i++) {
      uint32_t code_point = (uint32_t)(b * WL_CHAR_BLOCK + i);
      block[i] = code_of(map, class_ids, n_class_ids, code_point);
      any |= block[i];
    }
    map->index[b] = any ? (uint16_t)map->n_blocks++ : 1;
  }
  /* The blocks stay where they are when there is no smaller place for them. */
  uint32_t *fitted =
      wl_realloc(map->blocks, map->n_blocks * WL_CHAR_BLOCK * sizeof(uint32_t));
  if (fitted != NULL)
    map->blocks = fitted;
  return WL_OK;
}

wl_status wl_char_map_init(wl_char_map *map, const wl_vectorizer_params *params,
                           uint16_t *class_ids, size_t n_class_ids,
                           wl_error *error) {
  *map = (wl_char_map){.unicode = params->unicode,
                       .transform = params->map,
                       .is_words = params->analyzer == WL_ANALYZER_CHAR_WB};
  size_t n = 0;
  for (size_t i = 0; i < n_class_ids; i++)
    n += class_ids[i] != 0;
  if (n > WL_CHAR_MAX_CLASSES)
    return wl_fail(error, WL_ERROR_UNSUPPORTED,
                   "count: a character vocabulary with %zu different "
                   "characters; at most %d are supported",
                   n, WL_CHAR_MAX_CLASSES);
  map->code_points = wl_alloc(n * sizeof(uint32_t));
  if (map->code_points == NULL)
    return wl_fail_memory(error, n * sizeof(uint32_t));
  for (size_t i = 0; i < n_class_ids; i++)
    if (class_ids[i] != 0) {
      map->code_points[map->n_classes++] = (uint32_t)i;
      class_ids[i] = (uint16_t)map->n_classes;
    }
  map->space = ' ' < n_class_ids ? class_ids[' '] : 0;
  WL_TRY(fill_blocks(map, class_ids, n_class_ids, error));
  for (size_t i = 0; i < 128; i++) {
    uint32_t code = map->blocks[(size_t)map->index[0] * WL_CHAR_BLOCK + i];
    map->ascii_class[i] = (uint8_t)(code & WL_CHAR_CLASS);
    map->ascii_space[i] = (uint8_t)(code & WL_CHAR_IS_SPACE ? 0x80 : 0);
  }
  return WL_OK;
}

void wl_char_map_deinit(wl_char_map *map) {
  wl_free(map->blocks);
  wl_free(map->code_points);
  map->blocks = NULL;
  map->code_points = NULL;
}

/* ---- preparation ---------------------------------------------------- */

void wl_char_cursor_init(wl_char_cursor *cursor, const wl_char_map *map,
                         wl_string row) {
  const uint8_t *begin = (const uint8_t *)(row.size ? row.data : "");
  /* Words: as if white space went before, so that it is dropped in front. */
  *cursor =
      (wl_char_cursor){begin, begin, begin + row.size, map->is_words, false};
}

static inline uint16_t *put(const wl_char_map *map, wl_char_cursor *cursor,
                            uint16_t *out, uint32_t code) {
  bool is_space = code & WL_CHAR_IS_SPACE;
  if (!map->is_words) {
    if (is_space && cursor->after_space)
      out[-1] = map->space;
    else
      *out++ = (uint16_t)(code & WL_CHAR_CLASS);
  } else if (is_space) {
    if (!cursor->after_space)
      *out++ = map->space;
  } else {
    if (cursor->after_space)
      *out++ = map->space;
    *out++ = (uint16_t)(code & WL_CHAR_CLASS);
  }
  cursor->after_space = is_space;
  return out;
}

/* A character that the blocks do not tell; `at` is its first byte. */
static uint16_t *put_special(const wl_char_map *map, wl_char_cursor *cursor,
                             uint16_t *out, uint32_t code_point,
                             const uint8_t *at) {
  uint32_t mapped[WL_MAP_MAX];
  unsigned transform = map->transform;
  if (code_point == CAPITAL_SIGMA && (transform & WL_MAP_LOWER)) {
    code_point =
        wl_unicode_final_sigma(map->unicode, cursor->begin, at, cursor->end)
            ? FINAL_SIGMA
            : SMALL_SIGMA;
    transform &= ~(unsigned)WL_MAP_LOWER;
  }
  size_t n = wl_unicode_map(map->unicode, transform, code_point, mapped);
  for (size_t i = 0; i < n; i++) {
    uint32_t code = class_of(map, mapped[i]);
    if (wl_unicode_flags(map->unicode, mapped[i]) & WL_CHAR_SPACE)
      code |= WL_CHAR_IS_SPACE;
    out = put(map, cursor, out, code);
  }
  return out;
}

/* Four ASCII characters in a row are worth a return to the kernel. */
static inline bool is_ascii_run(const uint8_t *at, const uint8_t *end) {
  uint32_t word;
  if ((size_t)(end - at) < sizeof(word))
    return false;
  memcpy(&word, at, sizeof(word));
  return (word & 0x80808080u) == 0;
}

/* Two and three bytes inline; the rest, and what is wrong, by the decoder. */
static inline uint32_t decode(const uint8_t **at, const uint8_t *end) {
  const uint8_t *p = *at;
  if (end - p >= 3) {
    uint32_t a = p[0], b = p[1] ^ 0x80u, c = p[2] ^ 0x80u;
    if (a >= 0xC2 && a < 0xE0 && b < 0x40) {
      *at = p + 2;
      return (a & 0x1F) << 6 | b;
    }
    if (a > 0xE0 && a < 0xF0 && (b | c) < 0x40) {
      *at = p + 3;
      return (a & 0x0F) << 12 | b << 6 | c;
    }
  }
  return wl_utf8_decode(at, end);
}

/* Characters one by one until an ASCII run or the end of the row or room. */
static bool prepare_mixed(const wl_char_map *map, wl_char_cursor *cursor,
                          uint16_t **out, const uint16_t *limit) {
  const uint8_t *at = cursor->at, *end = cursor->end;
  uint16_t *o = *out;
  bool is_valid = true;
  while (at < end && o < limit) {
    const uint8_t *first = at;
    uint32_t code_point;
    if (*at < 0x80) {
      if (is_ascii_run(at, end))
        break;
      code_point = *at++;
    } else {
      code_point = decode(&at, end);
    }
    if (WL_UNLIKELY(code_point == UINT32_MAX)) {
      is_valid = false;
      break;
    }
    uint32_t code = map->blocks[(size_t)map->index[code_point / WL_CHAR_BLOCK] *
                                    WL_CHAR_BLOCK +
                                code_point % WL_CHAR_BLOCK];
    if (WL_LIKELY(code < WL_CHAR_IS_DROPPED))
      o = put(map, cursor, o, code);
    else if (code & WL_CHAR_IS_SPECIAL)
      o = put_special(map, cursor, o, code_point, first);
  }
  cursor->at = at;
  *out = o;
  return is_valid;
}

bool wl_char_prepare(const wl_char_map *map, const wl_char_kernels *kernels,
                     wl_char_cursor *cursor, uint16_t *out, size_t capacity,
                     size_t *n_written) {
  uint16_t *o = out, *end = out + capacity;
  bool is_valid = true;
  while (is_valid && cursor->at < cursor->end) {
    o += kernels->ascii(map, cursor, o, (size_t)(end - o));
    if (cursor->at == cursor->end || end - o <= MOST_CLASSES)
      break;
    is_valid = prepare_mixed(map, cursor, &o, end - MOST_CLASSES);
    if (end - o <= MOST_CLASSES)
      break;
  }
  if (is_valid && cursor->at == cursor->end && o < end) {
    if (map->is_words && !cursor->after_space) {
      *o++ = map->space;
      cursor->after_space = true;
    }
    cursor->is_done = true;
  }
  *n_written = (size_t)(o - out);
  return is_valid;
}

wl_status wl_char_fail_encoding(const wl_char_cursor *cursor, size_t row,
                                wl_error *error) {
  return wl_fail_row(error, WL_ERROR_ENCODING, (int64_t)row,
                     "count: row %zu is not UTF-8 at byte %zu (0x%02x); decode "
                     "it first",
                     row, (size_t)(cursor->at - cursor->begin), *cursor->at);
}
