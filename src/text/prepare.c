/*
 * prepare.c: maps a row character by character. Invariant of the loops: the
 * buffer always has room for the rest of the input one to one and SLACK more,
 * so that only a character that grows has to ask for room.
 */
#include "text/prepare.h"

enum {
  CAPITAL_SIGMA = 0x3A3,
  FINAL_SIGMA = 0x3C2,
  SMALL_SIGMA = 0x3C3,
  /* the longest mapping of a character, and a vector's overrun */
  SLACK = 4 * WL_MAP_MAX + 128
};

typedef struct writer {
  const wl_preparer *preparer;
  wl_arena *arena;
  wl_prepared *out;
  const uint8_t *begin, *end; /* the input */
  wl_error *error;
} writer;

/* Writes n code points and their marks at the end of the buffer. */
static void append_code_points(const wl_unicode *unicode,
                               const uint32_t *code_points, size_t n,
                               wl_prepared *out) {
  for (size_t i = 0; i < n; i++) {
    uint32_t c = code_points[i];
    size_t size = wl_utf8_encode(c, out->bytes + out->size);
    bool is_word = (wl_unicode_flags(unicode, c) & WL_CHAR_WORD) != 0;
    wl_marks_append(out->marks, out->size, is_word ? (1u << size) - 1 : 0);
    out->size += size;
    out->is_ascii &= c < 0x80;
    out->has_surrogate |= c >= 0xD800 && c < 0xE000;
  }
}

void wl_preparer_init(wl_preparer *preparer, const wl_unicode *unicode,
                      unsigned map) {
  preparer->unicode = unicode;
  preparer->scan = wl_scan_for(wl_cpu());
  preparer->map = map;
  for (uint32_t c = 0; c < WL_PREPARE_SHORT; c++) {
    wl_prepared_char *entry = &preparer->table[c];
    *entry = (wl_prepared_char){.size = WL_PREPARE_ASK};
    uint32_t mapped[WL_MAP_MAX];
    size_t n = wl_unicode_map(unicode, map, c, mapped);
    if (n > 1 || (c == CAPITAL_SIGMA && (map & WL_MAP_LOWER)))
      continue;
    uint8_t bytes[WL_MAP_MAX * 4 + 8];
    uint64_t marks[2] = {0};
    wl_prepared out = {.bytes = bytes, .marks = marks};
    append_code_points(unicode, mapped, n, &out);
    entry->size = (uint8_t)out.size;
    entry->marks = (uint8_t)marks[0];
    memcpy(entry->bytes, bytes, out.size);
  }
}

wl_status wl_prepared_reserve(wl_prepared *prepared, wl_arena *arena,
                              size_t size, wl_error *error) {
  size_t wanted = size + SLACK;
  if (prepared->capacity >= wanted)
    return WL_OK;
  if (wanted < 2 * prepared->capacity)
    wanted = 2 * prepared->capacity;
  size_t n_words = wanted / 64 + 2;
  uint8_t *bytes = wl_arena_alloc(arena, wanted);
  uint64_t *marks = wl_arena_alloc(arena, n_words * sizeof *marks);
  if (bytes == NULL || marks == NULL)
    return wl_fail_memory(error, wanted + n_words * sizeof *marks);
  if (prepared->bytes != NULL) {
    memcpy(bytes, prepared->bytes, prepared->size);
    memcpy(marks, prepared->marks, (prepared->size / 64 + 1) * sizeof *marks);
  }
  prepared->bytes = bytes;
  prepared->marks = marks;
  prepared->capacity = wanted;
  return WL_OK;
}

/* Restores the invariant before the character at `at`. */
static inline wl_status make_room(const writer *w, size_t row,
                                  const uint8_t *at) {
  size_t needed = w->out->size + (size_t)(w->end - at);
  if (WL_LIKELY(needed + SLACK <= w->out->capacity))
    return WL_OK;
  if (needed >= WL_PREPARE_MAX)
    return wl_fail_row(w->error, WL_ERROR_VALUE, (int64_t)row,
                       "a text is longer than 2 GB after lower-casing and "
                       "stripping accents; split it");
  return wl_prepared_reserve(w->out, w->arena, needed, w->error);
}

/* One character by way of the tables; advances *at. */
static wl_status append_slowly(const writer *w, size_t row,
                               const uint8_t **at) {
  const wl_preparer *preparer = w->preparer;
  const uint8_t *start = *at;
  uint32_t c = wl_utf8_decode(at, w->end);
  if (c == UINT32_MAX)
    return wl_fail_row(w->error, WL_ERROR_ENCODING, (int64_t)row,
                       "the text is not UTF-8 at byte %zu (0x%02x)",
                       (size_t)(start - w->begin), *start);
  uint32_t mapped[WL_MAP_MAX];
  unsigned map = preparer->map;
  if (c == CAPITAL_SIGMA && (map & WL_MAP_LOWER)) {
    bool is_final =
        wl_unicode_final_sigma(preparer->unicode, w->begin, start, w->end);
    c = is_final ? FINAL_SIGMA : SMALL_SIGMA;
    map &= ~(unsigned)WL_MAP_LOWER;
  }
  size_t n = wl_unicode_map(preparer->unicode, map, c, mapped);
  append_code_points(preparer->unicode, mapped, n, w->out);
  return WL_OK;
}

static inline bool is_ascii_8(const uint8_t *at) {
  uint64_t eight;
  memcpy(&eight, at, 8);
  return (eight & 0x8080808080808080u) == 0;
}

/*
 * Characters of one or two bytes by the table, as far as it decides: up to a
 * character that needs append_slowly, or room, or up to eight ASCII bytes in a
 * row; shorter pieces of ASCII are cheaper one by one. The word of marks being
 * filled stays in a register.
 */
static const uint8_t *append_by_table(const writer *w, const uint8_t *at) {
  const wl_prepared_char *table = w->preparer->table;
  uint8_t *bytes = w->out->bytes;
  uint64_t *marks = w->out->marks + w->out->size / 64;
  uint64_t word = *marks;
  size_t size = w->out->size, widest = 1;
  while (at < w->end) {
    size_t left = (size_t)(w->end - at), n = 1;
    uint32_t c = *at;
    if (c < 0x80) {
      if (left >= 8 && is_ascii_8(at))
        break;
    } else if (c >= 0xC2 && c < 0xE0 && left > 1 && (at[1] & 0xC0) == 0x80) {
      c = (c & 0x1F) << 6 | (at[1] & 0x3Fu);
      n = 2;
    } else {
      break;
    }
    const wl_prepared_char *entry = &table[c];
    if (entry->size == WL_PREPARE_ASK || size + left + SLACK > w->out->capacity)
      break;
    memcpy(bytes + size, entry->bytes, sizeof entry->bytes);
    unsigned shift = size & 63;
    word |= (uint64_t)entry->marks << shift;
    size += entry->size;
    widest |= entry->size;
    if (shift + entry->size >= 64) {
      *marks++ = word;
      word = (uint64_t)entry->marks >> 1 >> (63 - shift);
    }
    at += n;
  }
  *marks = word;
  w->out->size = size;
  w->out->is_ascii &= widest == 1;
  return at;
}

/* From a character that is not ASCII to the next eight ASCII bytes in a row. */
static wl_status append_mixed(const writer *w, size_t row,
                              const uint8_t **input) {
  while (*input < w->end) {
    WL_TRY(make_room(w, row, *input));
    const uint8_t *at = *input = append_by_table(w, *input);
    if (at == w->end || ((size_t)(w->end - at) >= 8 && is_ascii_8(at)))
      break;
    WL_TRY(make_room(w, row, at));
    WL_TRY(append_slowly(w, row, input));
  }
  return WL_OK;
}

wl_status wl_prepare(const wl_preparer *preparer, wl_string text, size_t row,
                     wl_arena *arena, wl_prepared *prepared, wl_error *error) {
  if (text.data == NULL)
    return wl_fail_row(
        error, WL_ERROR_VALUE, (int64_t)row,
        "a text is missing (None or NaN); fill missing texts first");
  const uint8_t *at = (const uint8_t *)text.data;
  const uint8_t *end = at + text.size;
  writer w = {preparer, arena, prepared, at, end, error};
  prepared->size = 0;
  prepared->is_ascii = true;
  prepared->has_surrogate = false;
  WL_TRY(make_room(&w, row, at));
  prepared->marks[0] = 0;
  bool to_lower = (preparer->map & WL_MAP_LOWER) != 0;
  while (at < end) {
    size_t n = preparer->scan->ascii(at, (size_t)(end - at), to_lower,
                                     prepared->bytes + prepared->size,
                                     prepared->marks, prepared->size);
    prepared->size += n;
    at += n;
    if (at < end)
      WL_TRY(append_mixed(&w, row, &at));
  }
  return WL_OK;
}
