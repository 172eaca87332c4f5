/* field.c: numbers, UTF-8 and quotations. */
#include "data/field.h"

#include "base/number.h"

/* ---- numbers ------------------------------------------------------------- */

static bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* Sorted as ASCII. Words that pandas reads as missing or as booleans, besides
 * those that strtod knows. */
static const struct {
  const char *text;
  double number;
} words[] = {
    {"#N/A", __builtin_nan("")},
    {"#N/A N/A", __builtin_nan("")},
    {"#NA", __builtin_nan("")},
    {"<NA>", __builtin_nan("")},
    {"FALSE", 0},
    {"False", 0},
    {"N/A", __builtin_nan("")},
    {"NA", __builtin_nan("")},
    {"NULL", __builtin_nan("")},
    {"None", __builtin_nan("")},
    {"TRUE", 1},
    {"True", 1},
    {"false", 0},
    {"n/a", __builtin_nan("")},
    {"null", __builtin_nan("")},
    {"true", 1},
};

static bool parse_word(const char *text, size_t size, double *out) {
  for (size_t i = 0; i < WL_COUNT_OF(words); i++) {
    if (strlen(words[i].text) == size &&
        memcmp(words[i].text, text, size) == 0) {
      *out = words[i].number;
      return true;
    }
  }
  return false;
}

/*
 * Most numbers in files are short: at most 15 digits and a small power of ten
 * are both exact doubles, so that one multiplication or division rounds
 * correctly (Clinger, "How to read floating point numbers accurately", 1990).
 */
static bool parse_short(const char *text, size_t size, double *out) {
  static const double powers[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                  1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
  const char *end = text + size;
  bool is_negative = *text == '-';
  text += is_negative;
  if (end - text > 16) /* 15 digits and a point */
    return false;
  int64_t digits = 0;
  size_t n_digits = 0, n_fraction = 0;
  bool has_point = false;
  for (; text < end; text++) {
    if (is_digit(*text)) {
      digits = digits * 10 + (*text - '0');
      n_digits++;
      n_fraction += has_point;
    } else if (*text == '.' && !has_point) {
      has_point = true;
    } else {
      return false;
    }
  }
  if (n_digits == 0 || n_digits > 15)
    return false;
  double number = (double)digits / powers[n_fraction];
  *out = is_negative ? -number : number;
  return true;
}

/* strtod also takes hexadecimal and nan(...), which no data file means. */
static bool is_decimal(const char *text, size_t size) {
  for (size_t i = 0; i < size; i++)
    if (text[i] == 'x' || text[i] == 'X' || text[i] == '(' || text[i] == '\0')
      return false;
  return true;
}

static bool parse_any(const char *terminated, size_t size, double *out) {
  char *end;
  *out = wl_parse_double(terminated, &end);
  return end == terminated + size;
}

bool wl_number_parse(const char *text, size_t size, double *out,
                     bool *out_of_memory) {
  *out_of_memory = false;
  while (size > 0 && is_space(text[0])) {
    text++;
    size--;
  }
  while (size > 0 && is_space(text[size - 1]))
    size--;
  if (size == 0)
    return false;
  if (parse_short(text, size, out))
    return true;
  if (!is_decimal(text, size))
    return false;
  /* A field is not terminated. */
  char room[128];
  if (size < sizeof room) {
    memcpy(room, text, size);
    room[size] = '\0';
    return parse_any(room, size, out) || parse_word(text, size, out);
  }
  char *copy = wl_strndup(text, size);
  if (copy == NULL) {
    *out_of_memory = true;
    return false;
  }
  bool is_number = parse_any(copy, size, out);
  wl_free(copy);
  return is_number;
}

/* ---- UTF-8 --------------------------------------------------------------- */

/* The size of the character at `at`, 0 when it is none. */
static size_t character_size(const unsigned char *at, size_t left) {
  unsigned char first = at[0], low = 0x80, high = 0xBF;
  size_t size;
  if (first < 0x80)
    return 1;
  if (first < 0xC2 || first > 0xF4)
    return 0;
  size = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  if (first == 0xE0)
    low = 0xA0; /* else overlong */
  else if (first == 0xED)
    high = 0x9F; /* else a surrogate */
  else if (first == 0xF0)
    low = 0x90;
  else if (first == 0xF4)
    high = 0x8F; /* else above U+10FFFF */
  if (left < size || at[1] < low || at[1] > high)
    return 0;
  for (size_t i = 2; i < size; i++)
    if ((at[i] & 0xC0) != 0x80)
      return 0;
  return size;
}

size_t wl_utf8_valid_size(const char *text, size_t size) {
  const unsigned char *bytes = (const unsigned char *)text;
  size_t at = 0;
  while (at < size) {
    uint64_t eight;
    while (size - at >= sizeof eight) {
      memcpy(&eight, bytes + at, sizeof eight);
      if ((eight & UINT64_C(0x8080808080808080)) != 0)
        break;
      at += sizeof eight;
    }
    if (at == size)
      break;
    size_t step = character_size(bytes + at, size - at);
    if (step == 0)
      return at;
    at += step;
  }
  return size;
}

/* ---- quotations ---------------------------------------------------------- */

const char *wl_quote_text(char room[WL_QUOTE_SIZE], const char *text,
                          size_t size) {
  enum { SHOWN = WL_QUOTE_SIZE - 6 }; /* two quotes, "...", the end */
  size_t shown = size <= SHOWN ? size : SHOWN;
  if (shown < size) /* not within a character */
    while (shown > 0 && ((unsigned char)text[shown] & 0xC0) == 0x80)
      shown--;
  char *at = room;
  *at++ = '"';
  for (size_t i = 0; i < shown; i++)
    *at++ = (unsigned char)text[i] < 0x20 || text[i] == 0x7F ? '?' : text[i];
  if (shown < size) {
    memcpy(at, "...", 3);
    at += 3;
  }
  *at++ = '"';
  *at = '\0';
  return room;
}
