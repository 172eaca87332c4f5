/* json_plain.c: one pass over a line, token by token. */
#include <math.h>

#include "data/json_plain.h"

#include "data/field.h"

/* ---- the parts of a line ------------------------------------------------- */

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* Past the string's closing quote, or the end. */
static const char *string_end(const char *at, const char *end) {
  for (at++; at < end && *at != '"'; at++)
    if (*at == '\\' && end - at > 1)
      at++;
  return at < end ? at + 1 : end;
}

/* Whether the string that ends here is an object's key. */
static bool is_key(const char *at, const char *end) {
  while (at < end && (*at == ' ' || *at == '\t' || *at == '\r'))
    at++;
  return at < end && *at == ':';
}

static const char *digits_end(const char *at, const char *end) {
  while (at < end && is_digit(*at))
    at++;
  return at;
}

/* Past a number as JSON writes it, NULL where there is none. */
static const char *number_end(const char *at, const char *end, bool *is_real) {
  *is_real = false;
  at += at < end && *at == '-';
  const char *whole = at;
  at = digits_end(at, end);
  if (at == whole || (*whole == '0' && at - whole > 1))
    return NULL;
  if (at < end && *at == '.') {
    const char *fraction = ++at;
    *is_real = true;
    at = digits_end(at, end);
    if (at == fraction)
      return NULL;
  }
  if (at < end && (*at == 'e' || *at == 'E')) {
    at++;
    at += at < end && (*at == '+' || *at == '-');
    const char *exponent = at;
    *is_real = true;
    at = digits_end(at, end);
    if (at == exponent)
      return NULL;
  }
  return at;
}

/* The code unit of \uXXXX at `at`, or -1. */
static int32_t code_unit(const char *at, const char *end) {
  int32_t unit = 0;
  if (end - at < 6 || at[0] != '\\' || at[1] != 'u')
    return -1;
  for (int i = 2; i < 6; i++) {
    char c = at[i];
    int digit = is_digit(c)            ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;
    if (digit < 0)
      return -1;
    unit = unit << 4 | digit;
  }
  return unit;
}

static bool is_high(int32_t unit) { return unit >= 0xD800 && unit <= 0xDBFF; }
static bool is_low(int32_t unit) { return unit >= 0xDC00 && unit <= 0xDFFF; }

/* ---- the plain form ------------------------------------------------------ */

/* Where it goes; without room the bytes are only counted, up to `limit`. */
typedef struct writer {
  wl_json_plain *plain;
  size_t size;
  wl_status status;
  wl_error *error;
} writer;

static void put(writer *w, const char *bytes, size_t size) {
  if (w->plain != NULL && w->status == WL_OK)
    w->status = wl_grow((void **)&w->plain->bytes, &w->plain->capacity,
                        w->size + size, 1, w->error);
  if (w->plain != NULL && w->status == WL_OK)
    memcpy(w->plain->bytes + w->size, bytes, size);
  w->size += size;
}

static void put_other(writer *w, const char *text) {
  put(w, text, strlen(text));
  if (w->plain != NULL)
    w->plain->is_other = true;
}

/* The escape of a NUL is NUL and U+E800; of a surrogate NUL and a character of
 * the private use area, by its place among surrogates. */
static const char *put_escape(writer *w, const char *at, const char *end) {
  static const char hex[] = "0123456789abcdef";
  int32_t unit = code_unit(at, end);
  if (unit < 0) {
    size_t size = end - at > 1 ? 2 : 1;
    put(w, at, size);
    return at + size;
  }
  if (is_high(unit) && is_low(code_unit(at + 6, end))) {
    put(w, at, 12);
    return at + 12;
  }
  if (unit == 0) {
    put(w, "\\u0000\\ue800", 12);
  } else if (is_high(unit) || is_low(unit)) {
    int32_t to = unit - 0xD800 + 0xE000;
    const char escape[] = {
        '\\',         'u', hex[to >> 12], hex[to >> 8 & 15], hex[to >> 4 & 15],
        hex[to & 15], '\0'};
    put_other(w, "\\u0000");
    put_other(w, escape);
  } else {
    put(w, at, 6);
  }
  return at + 6;
}

static const char *put_string(writer *w, const char *at, const char *end) {
  const char *stop = string_end(at, end);
  if (is_key(stop, end)) {
    put(w, at, (size_t)(stop - at));
    return stop;
  }
  while (at < stop) {
    const char *escape = memchr(at, '\\', (size_t)(stop - at));
    size_t n = (size_t)((escape != NULL ? escape : stop) - at);
    put(w, at, n);
    at += n;
    if (escape != NULL)
      at = put_escape(w, at, stop);
  }
  return stop;
}

/* Spaces keep what is wrong around a word wrong. */
static const char *put_word(writer *w, const char *at, const char *end) {
  static const char *const words[] = {"NaN", "Infinity", "-Infinity"};
  static const char *const plain[] = {" 0 ", " 1 ", " 2 "};
  for (size_t i = 0; i < WL_COUNT_OF(words); i++) {
    size_t size = strlen(words[i]);
    if ((size_t)(end - at) >= size && memcmp(at, words[i], size) == 0) {
      put_other(w, plain[i]);
      return at + size;
    }
  }
  return NULL;
}

static const char *put_number(writer *w, const char *at, const char *end) {
  bool is_real, out_of_memory = false;
  double number;
  const char *stop = number_end(at, end, &is_real);
  if (stop == NULL) { /* an error, whatever follows */
    put(w, at, 1);
    return at + 1;
  }
  size_t size = (size_t)(stop - at);
  if (is_real && wl_number_parse(at, size, &number, &out_of_memory) &&
      isinf(number)) {
    put_other(w, number > 0 ? " 1 " : " 2 ");
    return stop;
  }
  if (out_of_memory)
    w->status = wl_fail_memory(w->error, size);
  put(w, at, size);
  if (!is_real)
    put(w, "e0", 2);
  return stop;
}

/* As much of the line as makes `limit` bytes; where it stopped. */
static const char *write_line(writer *w, const char *at, const char *end,
                              size_t limit) {
  while (at < end && w->size < limit && w->status == WL_OK) {
    const char *next = NULL;
    if (*at == '"')
      next = put_string(w, at, end);
    else if (*at == 'N' || *at == 'I' || *at == '-')
      next = put_word(w, at, end);
    if (next == NULL && (*at == '-' || is_digit(*at)))
      next = put_number(w, at, end);
    if (next == NULL) {
      put(w, at, 1);
      next = at + 1;
    }
    at = next;
  }
  return at;
}

wl_status wl_json_plain_make(wl_json_plain *plain, const char *line,
                             size_t size, wl_error *error) {
  writer w = {.plain = plain, .status = WL_OK, .error = error};
  plain->is_other = false;
  (void)write_line(&w, line, line + size, SIZE_MAX);
  plain->size = w.size;
  return w.status;
}

void wl_json_plain_deinit(wl_json_plain *plain) {
  wl_free(plain->bytes);
  *plain = (wl_json_plain){.bytes = NULL};
}

size_t wl_json_plain_origin(const char *line, size_t size, size_t position) {
  writer w = {.status = WL_OK};
  return (size_t)(write_line(&w, line, line + size, position) - line);
}

/* ---- back ---------------------------------------------------------------- */

double wl_json_special(json_int_t number) {
  return number == 1   ? (double)INFINITY
         : number == 2 ? (double)-INFINITY
                       : (double)NAN;
}

wl_status wl_json_restore(json_t *string, wl_error *error) {
  const char *from = json_string_value(string);
  size_t size = json_string_length(string), n = 0;
  if (memchr(from, '\0', size) == NULL)
    return WL_OK;
  char *to = wl_alloc(size);
  if (to == NULL)
    return wl_fail_memory(error, size);
  for (size_t i = 0; i < size; i++) {
    to[n++] = from[i];
    if (from[i] != '\0' || size - i < 4)
      continue;
    /* U+E000 to U+E7FF, or U+E800, in UTF-8 */
    uint32_t unit =
        ((uint32_t)from[i + 2] & 63) << 6 | ((uint32_t)from[i + 3] & 63);
    unit |= ((uint32_t)from[i + 1] & 15) << 12;
    if (unit != 0xE800) { /* a surrogate, as Python's surrogatepass writes it */
      unit = unit - 0xE000 + 0xD800;
      n--;
      to[n++] = (char)(0xE0 | unit >> 12);
      to[n++] = (char)(0x80 | (unit >> 6 & 63));
      to[n++] = (char)(0x80 | (unit & 63));
    }
    i += 3;
  }
  int failed = json_string_setn_nocheck(string, to, n);
  wl_free(to);
  return failed != 0 ? wl_fail_memory(error, n) : WL_OK;
}
