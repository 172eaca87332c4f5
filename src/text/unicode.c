/*
 * unicode.c: looks characters up in the generated tables, and UTF-8. Every
 * answer is the one that CPython's str gives for the same Unicode version.
 */
#include "text/unicode.h"

#include "text/unicode_data.h"

enum {
  CAPITAL_SIGMA = 0x3A3,
  HANGUL_FIRST = 0xAC00,
  HANGUL_COUNT = 11172,
  HANGUL_L = 0x1100,
  HANGUL_V = 0x1161,
  HANGUL_T = 0x11A7,
  HANGUL_N_T = 28,
  HANGUL_N_VT = 588
};

const wl_unicode *wl_unicode_find(const char *version) {
  if (version == NULL)
    return NULL;
  for (size_t i = 0; i < wl_unicode_n_versions; i++)
    if (strcmp(wl_unicode_versions[i].version, version) == 0)
      return &wl_unicode_versions[i];
  return NULL;
}

const char *wl_unicode_version(size_t i) {
  return i < wl_unicode_n_versions ? wl_unicode_versions[i].version : NULL;
}

/* The leaf's position of a code point in one of the tries. */
static inline size_t leaf_of(const uint8_t *root, const uint16_t *nodes,
                             uint32_t code_point) {
  size_t node = (size_t)root[code_point >> 12] * 64 + (code_point >> 6 & 63);
  return (size_t)nodes[node] * 64 + (code_point & 63);
}

unsigned wl_unicode_flags(const wl_unicode *tables, uint32_t code_point) {
  return wl_unicode_flags_leaves[leaf_of(tables->flags, wl_unicode_flags_nodes,
                                         code_point)];
}

static size_t map_lower(const wl_unicode *tables, uint32_t code_point,
                        uint32_t out[3]) {
  unsigned index = wl_unicode_lower_leaves[leaf_of(
      tables->lower, wl_unicode_lower_nodes, code_point)];
  if (WL_LIKELY(index != WL_UNICODE_LOWER_SPECIAL)) {
    out[0] = code_point + (uint32_t)wl_unicode_lower_deltas[index];
    return 1;
  }
  for (size_t i = 0; i < wl_unicode_n_lower_special; i++) {
    const struct wl_unicode_special *special = &wl_unicode_lower_special[i];
    if (special->code_point == code_point) {
      memcpy(out, special->out, special->n * sizeof(*out));
      return special->n;
    }
  }
  out[0] = code_point;
  return 1;
}

/* NFKD without combining marks; at most 18 code points. */
static size_t map_strip(const wl_unicode *tables, uint32_t code_point,
                        uint32_t *out) {
  if (code_point - HANGUL_FIRST < HANGUL_COUNT) {
    uint32_t index = code_point - HANGUL_FIRST;
    out[0] = HANGUL_L + index / HANGUL_N_VT;
    out[1] = HANGUL_V + index % HANGUL_N_VT / HANGUL_N_T;
    out[2] = HANGUL_T + index % HANGUL_N_T;
    return index % HANGUL_N_T == 0 ? 2 : 3;
  }
  unsigned index = wl_unicode_strip_leaves[leaf_of(
      tables->strip, wl_unicode_strip_nodes, code_point)];
  if (index == 0) {
    out[0] = code_point;
    return 1;
  }
  if (index == 1)
    return 0;
  const uint32_t *entry = &wl_unicode_strip_pool[index];
  memcpy(out, entry + 1, entry[0] * sizeof(*out));
  return entry[0];
}

size_t wl_unicode_map(const wl_unicode *tables, unsigned map,
                      uint32_t code_point, uint32_t out[WL_MAP_MAX]) {
  uint32_t lowered[3] = {code_point, 0, 0};
  size_t n_lowered = 1;
  if (map & WL_MAP_LOWER)
    n_lowered = map_lower(tables, code_point, lowered);
  if (!(map & (WL_MAP_ACCENTS_UNICODE | WL_MAP_ACCENTS_ASCII))) {
    memcpy(out, lowered, n_lowered * sizeof(*out));
    return n_lowered;
  }
  size_t n = 0;
  for (size_t i = 0; i < n_lowered; i++)
    n += map_strip(tables, lowered[i], out + n);
  if (!(map & WL_MAP_ACCENTS_ASCII))
    return n;
  size_t n_ascii = 0;
  for (size_t i = 0; i < n; i++)
    if (out[i] < 0x80)
      out[n_ascii++] = out[i];
  return n_ascii;
}

uint32_t wl_utf8_decode(const uint8_t **at, const uint8_t *end) {
  const uint8_t *p = *at;
  size_t left = (size_t)(end - p);
  uint32_t lead = p[0];
  if (lead < 0x80) {
    *at = p + 1;
    return lead;
  }
  if (lead < 0xE0) {
    if (lead < 0xC2 || left < 2 || (p[1] & 0xC0) != 0x80)
      return UINT32_MAX;
    *at = p + 2;
    return (lead & 0x1F) << 6 | (p[1] & 0x3Fu);
  }
  if (lead < 0xF0) {
    if (left < 3 || (p[1] & 0xC0) != 0x80 || (p[2] & 0xC0) != 0x80)
      return UINT32_MAX;
    uint32_t code = (lead & 0x0F) << 12 | (p[1] & 0x3Fu) << 6 | (p[2] & 0x3Fu);
    if (code < 0x800)
      return UINT32_MAX;
    *at = p + 3;
    return code;
  }
  if (lead > 0xF4 || left < 4 || (p[1] & 0xC0) != 0x80 ||
      (p[2] & 0xC0) != 0x80 || (p[3] & 0xC0) != 0x80)
    return UINT32_MAX;
  uint32_t code = (lead & 0x07) << 18 | (p[1] & 0x3Fu) << 12 |
                  (p[2] & 0x3Fu) << 6 | (p[3] & 0x3Fu);
  if (code < 0x10000 || code > 0x10FFFF)
    return UINT32_MAX;
  *at = p + 4;
  return code;
}

size_t wl_utf8_encode(uint32_t code_point, uint8_t out[4]) {
  if (code_point < 0x80) {
    out[0] = (uint8_t)code_point;
    return 1;
  }
  if (code_point < 0x800) {
    out[0] = (uint8_t)(0xC0 | code_point >> 6);
    out[1] = (uint8_t)(0x80 | (code_point & 0x3F));
    return 2;
  }
  if (code_point < 0x10000) {
    out[0] = (uint8_t)(0xE0 | code_point >> 12);
    out[1] = (uint8_t)(0x80 | (code_point >> 6 & 0x3F));
    out[2] = (uint8_t)(0x80 | (code_point & 0x3F));
    return 3;
  }
  out[0] = (uint8_t)(0xF0 | code_point >> 18);
  out[1] = (uint8_t)(0x80 | (code_point >> 12 & 0x3F));
  out[2] = (uint8_t)(0x80 | (code_point >> 6 & 0x3F));
  out[3] = (uint8_t)(0x80 | (code_point & 0x3F));
  return 4;
}

/* A sigma is cased and not ignorable, so that each of these walks ends at the
 * next one: a text full of sigmas still costs linear time. Bytes that are not
 * UTF-8 end the walk as uncased. */
bool wl_unicode_final_sigma(const wl_unicode *tables, const uint8_t *begin,
                            const uint8_t *at, const uint8_t *end) {
  bool is_after_cased = false;
  for (const uint8_t *p = at; p > begin;) {
    const uint8_t *start = p - 1;
    while (start > begin && (*start & 0xC0) == 0x80)
      start--;
    const uint8_t *next = start;
    uint32_t code_point = wl_utf8_decode(&next, p);
    if (code_point == UINT32_MAX || next != p)
      break;
    unsigned flags = wl_unicode_flags(tables, code_point);
    if (!(flags & WL_CHAR_CASE_IGNORABLE)) {
      is_after_cased = (flags & WL_CHAR_CASED) != 0;
      break;
    }
    p = start;
  }
  if (!is_after_cased)
    return false;
  const uint8_t *p = at;
  wl_utf8_decode(&p, end); /* the sigma itself */
  while (p < end) {
    uint32_t code_point = wl_utf8_decode(&p, end);
    if (code_point == UINT32_MAX)
      return true;
    unsigned flags = wl_unicode_flags(tables, code_point);
    if (!(flags & WL_CHAR_CASE_IGNORABLE))
      return !(flags & WL_CHAR_CASED);
  }
  return true;
}
