/*
 * pattern.h: regular expressions by PCRE2, over code points (the 32-bit library
 * without its UTF mode, so that lone surrogates are characters like others).
 * The patterns were translated from Python's syntax: all classes explicit.
 */
#ifndef WL_TEXT_PATTERN_H
#define WL_TEXT_PATTERN_H

#include "base/base.h"

/* A compiled pattern: immutable, shared by threads. */
typedef struct wl_pattern wl_pattern;

/* `source` is UTF-8. WL_ERROR_UNSUPPORTED with the place when it does not
 * compile; has_group: matches are those of group 1. *out is owned. */
wl_status wl_pattern_create(const char *source, size_t size, bool has_group,
                            wl_pattern **out, wl_error *error);
void wl_pattern_free(wl_pattern *pattern); /* NULL allowed */
size_t wl_pattern_size(const wl_pattern *pattern);
uint32_t wl_pattern_n_groups(const wl_pattern *pattern);

/* The state of one call: arena memory only. */
typedef struct wl_matcher {
  const wl_pattern *pattern;
  wl_arena *arena;
  struct pcre2_real_match_data_32 *data;
  struct pcre2_real_match_context_32 *context;
  uint32_t *code_points, *positions; /* of each one in the bytes, and the end */
  size_t capacity;
  size_t n, at, row; /* code points, where the next match begins, for errors */
  uint32_t options;  /* of the next match */
  uint32_t *bounds;  /* begin, end of each match, in bytes */
  size_t n_bounds, bounds_capacity;
} wl_matcher;

wl_status wl_matcher_init(wl_matcher *matcher, const wl_pattern *pattern,
                          wl_arena *arena, wl_error *error);

/*
 * Begins on a text, which is read here: matches are those of Python's
 * re.finditer, empty ones included. WL_ERROR_ENCODING where it is not UTF-8,
 * WL_ERROR_VALUE where it has 2^31 bytes or more.
 */
wl_status wl_matcher_begin(wl_matcher *matcher, const uint8_t *text,
                           size_t size, size_t row, wl_error *error);
/* *found: whether there is another match, whose groups wl_matcher_group gives.
 * WL_ERROR_VALUE with the row when the pattern needs too many steps. */
wl_status wl_matcher_next(wl_matcher *matcher, bool *found, wl_error *error);
/* The bytes of a group (0: the whole) of the match that was found last; false
 * where it took no part. */
bool wl_matcher_group(const wl_matcher *matcher, uint32_t group, size_t *begin,
                      size_t *end);

/*
 * All matches in a text as Python's re.findall
 * has them, empty ones included. A group that took no part gives an empty one.
 */
wl_status wl_matcher_find_all(wl_matcher *matcher, const uint8_t *text,
                              size_t size, size_t row, wl_error *error);

#endif
