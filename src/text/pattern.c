/*
 * pattern.c: PCRE2 behind the project's allocator: compiled patterns on the
 * heap, all that a match needs in the caller's arena. (The code that its JIT
 * makes lives in memory of its own.) Steps and memory of a match are limited,
 * so that a hostile pattern ends in an error.
 */
#include "text/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 32
#include <pcre2.h>

#include "text/unicode.h"

enum {
  MATCH_LIMIT = 10000000,  /* steps of one match */
  HEAP_LIMIT_KIB = 1 << 16 /* memory of one match */
};

struct wl_pattern {
  pcre2_code *code;
  bool has_group;
};

static void *heap_allocate(size_t size, void *context) {
  (void)context;
  return wl_alloc(size);
}
static void heap_release(void *block, void *context) {
  (void)context;
  wl_free(block);
}
static void *arena_allocate(size_t size, void *context) {
  return wl_arena_alloc(context, size);
}
static void arena_release(void *block, void *context) {
  (void)block;
  (void)context;
}

/* ---- compiling ----------------------------------------------------------- */

static wl_status decode_pattern(const char *source, size_t size,
                                uint32_t *code_points, size_t *n,
                                wl_error *error) {
  const uint8_t *at = (const uint8_t *)source, *end = at + size;
  *n = 0;
  while (at < end) {
    uint32_t c = wl_utf8_decode(&at, end);
    if (c == UINT32_MAX)
      return wl_fail(error, WL_ERROR_ENCODING,
                     "token pattern: not UTF-8 at byte %zu",
                     size - (size_t)(end - at));
    code_points[(*n)++] = c;
  }
  return WL_OK;
}

static wl_status compile(wl_pattern *pattern, const uint32_t *code_points,
                         size_t n, pcre2_compile_context *context,
                         wl_error *error) {
  const uint32_t options =
      PCRE2_NEVER_UTF | PCRE2_NEVER_UCP | PCRE2_NEVER_BACKSLASH_C;
  int code = 0;
  PCRE2_SIZE offset = 0;
  pattern->code =
      pcre2_compile(code_points, n, options, &code, &offset, context);
  if (pattern->code == NULL) {
    if (code == PCRE2_ERROR_HEAP_FAILED)
      return wl_fail_memory(error, n * sizeof *code_points);
    PCRE2_UCHAR wide[256];
    char text[256];
    int length = pcre2_get_error_message(code, wide, WL_COUNT_OF(wide));
    for (int i = 0; i < length; i++)
      text[i] = (char)wide[i];
    text[length < 0 ? 0 : length] = '\0';
    return wl_fail(error, WL_ERROR_UNSUPPORTED,
                   "token pattern: %s (at character %zu)", text, offset);
  }
  if (pattern->has_group && wl_pattern_n_groups(pattern) == 0)
    return wl_fail(error, WL_ERROR_VALUE,
                   "token pattern: tokens are to be group 1, but it has none");
  /* Without a JIT the pattern is interpreted: slower, the same matches. */
  (void)pcre2_jit_compile(pattern->code, PCRE2_JIT_COMPLETE);
  return WL_OK;
}

wl_status wl_pattern_create(const char *source, size_t size, bool has_group,
                            wl_pattern **out, wl_error *error) {
  wl_status status = WL_OK;
  pcre2_general_context *general = NULL;
  pcre2_compile_context *context = NULL;
  uint32_t *code_points = NULL;
  size_t n;
  *out = NULL;
  wl_pattern *pattern = wl_calloc(1, sizeof *pattern);
  if (pattern == NULL)
    return wl_fail_memory(error, sizeof *pattern);
  pattern->has_group = has_group;
  if (size < SIZE_MAX / sizeof *code_points)
    code_points = wl_alloc(size * sizeof *code_points);
  general = pcre2_general_context_create(heap_allocate, heap_release, NULL);
  if (general != NULL)
    context = pcre2_compile_context_create(general);
  if (code_points == NULL || context == NULL) {
    status = wl_fail_memory(error, size);
    goto done;
  }
  WL_TRY_DONE(status, decode_pattern(source, size, code_points, &n, error));
  WL_TRY_DONE(status, compile(pattern, code_points, n, context, error));
  *out = pattern;
done:
  wl_free(code_points);
  pcre2_compile_context_free(context);
  pcre2_general_context_free(general);
  if (status != WL_OK)
    wl_pattern_free(pattern);
  return status;
}

void wl_pattern_free(wl_pattern *pattern) {
  if (pattern == NULL)
    return;
  pcre2_code_free(pattern->code);
  wl_free(pattern);
}

uint32_t wl_pattern_n_groups(const wl_pattern *pattern) {
  uint32_t n = 0;
  pcre2_pattern_info(pattern->code, PCRE2_INFO_CAPTURECOUNT, &n);
  return n;
}

size_t wl_pattern_size(const wl_pattern *pattern) {
  size_t size = 0, jit_size = 0;
  pcre2_pattern_info(pattern->code, PCRE2_INFO_SIZE, &size);
  pcre2_pattern_info(pattern->code, PCRE2_INFO_JITSIZE, &jit_size);
  return sizeof *pattern + size + jit_size;
}

/* ---- matching ------------------------------------------------------------ */

wl_status wl_matcher_init(wl_matcher *matcher, const wl_pattern *pattern,
                          wl_arena *arena, wl_error *error) {
  *matcher = (wl_matcher){.pattern = pattern, .arena = arena};
  pcre2_general_context *general =
      pcre2_general_context_create(arena_allocate, arena_release, arena);
  if (general != NULL) {
    matcher->data =
        pcre2_match_data_create_from_pattern(pattern->code, general);
    matcher->context = pcre2_match_context_create(general);
  }
  if (matcher->data == NULL || matcher->context == NULL)
    return wl_fail_memory(error, 0);
  pcre2_set_match_limit(matcher->context, MATCH_LIMIT);
  pcre2_set_heap_limit(matcher->context, HEAP_LIMIT_KIB);
  return WL_OK;
}

static wl_status decode_text(wl_matcher *matcher, const uint8_t *text,
                             size_t size, wl_error *error) {
  if (size > INT32_MAX)
    return wl_fail_row(error, WL_ERROR_VALUE, (int64_t)matcher->row,
                       "a text of %zu bytes is too long for a pattern", size);
  if (size + 1 > matcher->capacity) {
    size_t wanted = size + 1 + matcher->capacity;
    uint32_t *both = wl_arena_alloc(matcher->arena, 2 * wanted * sizeof *both);
    if (both == NULL)
      return wl_fail_memory(error, 2 * wanted * sizeof *both);
    matcher->code_points = both;
    matcher->positions = both + wanted;
    matcher->capacity = wanted;
  }
  const uint8_t *at = text, *end = text + size;
  size_t n = 0;
  while (at < end) {
    matcher->positions[n] = (uint32_t)(at - text);
    uint32_t point = wl_utf8_decode(&at, end);
    if (point == UINT32_MAX)
      return wl_fail_row(error, WL_ERROR_ENCODING, (int64_t)matcher->row,
                         "a string is not UTF-8");
    matcher->code_points[n++] = point;
  }
  matcher->positions[n] = (uint32_t)size;
  matcher->n = n;
  return WL_OK;
}

/* In bytes. */
static wl_status push_match(wl_matcher *matcher, size_t begin, size_t end,
                            wl_error *error) {
  if (matcher->n_bounds + 2 > matcher->bounds_capacity) {
    size_t wanted = 2 * matcher->bounds_capacity + 128;
    uint32_t *bounds = wl_arena_alloc(matcher->arena, wanted * sizeof *bounds);
    if (bounds == NULL)
      return wl_fail_memory(error, wanted * sizeof *bounds);
    if (matcher->n_bounds != 0)
      memcpy(bounds, matcher->bounds, matcher->n_bounds * sizeof *bounds);
    matcher->bounds = bounds;
    matcher->bounds_capacity = wanted;
  }
  matcher->bounds[matcher->n_bounds++] = (uint32_t)begin;
  matcher->bounds[matcher->n_bounds++] = (uint32_t)end;
  return WL_OK;
}

static wl_status fail_match(int code, size_t row, wl_error *error) {
  switch (code) {
  case PCRE2_ERROR_NOMEMORY:
    return wl_fail_memory(error, 0);
  case PCRE2_ERROR_MATCHLIMIT:
  case PCRE2_ERROR_DEPTHLIMIT:
  case PCRE2_ERROR_HEAPLIMIT:
    return wl_fail_row(error, WL_ERROR_VALUE, (int64_t)row,
                       "the token pattern needs too many steps for this text; "
                       "simplify the pattern");
  default:
    return wl_fail_row(error, WL_ERROR_INTERNAL, (int64_t)row,
                       "token pattern: PCRE2 fails with %d", code);
  }
}

wl_status wl_matcher_begin(wl_matcher *matcher, const uint8_t *text,
                           size_t size, size_t row, wl_error *error) {
  matcher->row = row;
  matcher->at = 0;
  matcher->options = 0;
  return decode_text(matcher, text, size, error);
}

wl_status wl_matcher_next(wl_matcher *matcher, bool *found, wl_error *error) {
  const pcre2_code *pattern = matcher->pattern->code;
  size_t n = matcher->n, at = matcher->at;
  *found = false;
  if (at > n)
    return WL_OK;
  int code = pcre2_match(pattern, matcher->code_points, n, at, matcher->options,
                         matcher->data, matcher->context);
  if (code == PCRE2_ERROR_JIT_STACKLIMIT)
    code = pcre2_match(pattern, matcher->code_points, n, at,
                       matcher->options | PCRE2_NO_JIT, matcher->data,
                       matcher->context);
  if (code == PCRE2_ERROR_NOMATCH)
    return WL_OK;
  if (code < 0)
    return fail_match(code, matcher->row, error);
  const PCRE2_SIZE *pair = pcre2_get_ovector_pointer(matcher->data);
  size_t begin = pair[0], end = pair[1];
  if (begin > end || end < at || end > n) /* \K can do this */
    return wl_fail_row(error, WL_ERROR_VALUE, (int64_t)matcher->row,
                       "the token pattern's matches go backwards");
  /* After an empty match the next one must not be empty at the same place;
   * an empty one right behind another match counts (Python 3.7). */
  matcher->options = begin == end ? PCRE2_NOTEMPTY_ATSTART : 0;
  matcher->at = end;
  *found = true;
  return WL_OK;
}

bool wl_matcher_group(const wl_matcher *matcher, uint32_t group, size_t *begin,
                      size_t *end) {
  const PCRE2_SIZE *pair =
      pcre2_get_ovector_pointer(matcher->data) + 2 * (size_t)group;
  if (pair[0] > pair[1] || pair[1] > matcher->n) /* UNSET */
    return false;
  *begin = matcher->positions[pair[0]];
  *end = matcher->positions[pair[1]];
  return true;
}

wl_status wl_matcher_find_all(wl_matcher *matcher, const uint8_t *text,
                              size_t size, size_t row, wl_error *error) {
  uint32_t group = matcher->pattern->has_group ? 1 : 0;
  matcher->n_bounds = 0;
  WL_TRY(wl_matcher_begin(matcher, text, size, row, error));
  for (;;) {
    bool found;
    size_t begin, end;
    WL_TRY(wl_matcher_next(matcher, &found, error));
    if (!found)
      return WL_OK;
    if (!wl_matcher_group(matcher, group, &begin, &end))
      begin = end = matcher->positions[matcher->at];
    WL_TRY(push_match(matcher, begin, end, error));
  }
}
