/*
 * parse_number.c: strings to numbers, as Python's float and int read them, or
 * as pandas' to_numeric. Correctly rounded; what is missing is NaN.
 *
 * Digits and blanks of other scripts are what `chars` and `values` say, and
 * count as Python has it: by itself an ASCII string is read as it is.
 */
#include <math.h>

#include "base/number.h"
#include "ops/common.h"
#include "ops/table.h"
#include "text/unicode.h"

static const wl_attr_def attrs[] = {
    {"function", WL_ATTR_STRING, true},
    {"coerce", WL_ATTR_BOOL, false},
    {"chars", WL_ATTR_TENSOR, false},
    {"values", WL_ATTR_TENSOR, false},
};

/* What a function takes beyond [sign] digits [. digits] [e [sign] digits]. */
typedef struct grammar {
  const char *name;
  bool is_whole;        /* digits alone */
  bool has_underscores; /* between two digits */
  bool has_nan;
  bool is_strict;    /* no blank beside infinity */
  bool takes_empty;  /* "" is missing */
  const char *error; /* with the string behind it */
} grammar;

static const grammar grammars[] = {
    {"float", false, true, true, false, false,
     "could not convert string to float: "},
    {"int", true, true, false, false, false,
     "invalid literal for int() with base 10: "},
    {"numeric", false, false, false, true, true, "Unable to parse string "},
};

typedef struct parse_state {
  const grammar *grammar;
  bool is_coerced;
  size_t n_chars;
  uint32_t *chars;
  char *values;
} parse_state;

enum {
  N_ASCII = 128,
  SHOWN = 40,
  MAX_EXACT_DIGITS = 15, /* a whole number of these is a double */
  MAX_EXACT_POWER = 22,  /* and so is this power of ten */
};

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/* ---- reading ---------------------------------------------------------------
 */

/* What is read of a string: the same without underscores. */
typedef struct numeral {
  const char *at, *end; /* what is left of the string */
  char *to;             /* NUL-terminated when it is done */
  size_t size;
  size_t n_digits;            /* before the exponent */
  int64_t whole;              /* those digits, where they are few */
  size_t n_behind;            /* of them behind the point */
  bool is_negative, is_plain; /* no exponent */
  bool is_whole;              /* no point either */
} numeral;

static void push(numeral *n) { n->to[n->size++] = *n->at++; }

static size_t read_digits(numeral *n, bool has_underscores, bool is_counted) {
  size_t count = 0;
  while (n->at < n->end) {
    if (is_digit(*n->at)) {
      if (is_counted && n->n_digits++ < MAX_EXACT_DIGITS)
        n->whole = 10 * n->whole + (*n->at - '0');
      push(n);
      count++;
    } else if (has_underscores && *n->at == '_' && count != 0 &&
               n->end - n->at > 1 && is_digit(n->at[1])) {
      n->at++;
    } else {
      break;
    }
  }
  return count;
}

static bool read_sign(numeral *n) {
  if (n->at == n->end || (*n->at != '-' && *n->at != '+'))
    return false;
  bool is_negative = *n->at == '-';
  push(n);
  return is_negative;
}

/* Whether the rest is a number, which is in n->to then. */
static bool read_number(const grammar *g, numeral *n) {
  n->is_plain = n->is_whole = true;
  n->is_negative = read_sign(n);
  size_t n_digits = read_digits(n, g->has_underscores, true);
  if (!g->is_whole && n->at < n->end && *n->at == '.') {
    push(n);
    n->n_behind = read_digits(n, g->has_underscores, true);
    n_digits += n->n_behind;
    n->is_whole = false;
  }
  if (n_digits == 0)
    return false;
  if (!g->is_whole && n->at < n->end && (*n->at | 0x20) == 'e') {
    push(n);
    (void)read_sign(n);
    if (read_digits(n, g->has_underscores, false) == 0)
      return false;
    n->is_plain = n->is_whole = false;
  }
  n->to[n->size] = '\0';
  return n->at == n->end;
}

static bool is_word(const char *at, const char *end, const char *word) {
  for (; at < end && *word != '\0'; at++, word++)
    if ((*at | 0x20) != *word)
      return false;
  return at == end && *word == '\0';
}

/* inf, infinity and nan, with a sign before them. */
static bool read_word(const grammar *g, const char *at, const char *end,
                      double *out) {
  double sign = 1.0;
  if (at < end && (*at == '-' || *at == '+'))
    sign = *at++ == '-' ? -1.0 : 1.0;
  if (is_word(at, end, "inf") || is_word(at, end, "infinity"))
    *out = sign * (double)INFINITY;
  else if (g->has_nan && is_word(at, end, "nan"))
    *out = (double)NAN;
  else
    return false;
  return !g->is_whole;
}

/* A quotient of two doubles is rounded once. */
static double value_of(const numeral *n) {
  static const double powers[] = {
      1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
      1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
  if (!n->is_plain || n->n_digits > MAX_EXACT_DIGITS ||
      n->n_behind > MAX_EXACT_POWER)
    return wl_parse_double(n->to, NULL);
  double value = (double)n->whole / powers[n->n_behind];
  return n->is_negative ? -value : value;
}

/* 2^53 + 1 is the one whole number beyond 2^53 that rounds to it. */
static bool is_beyond_exact(const numeral *n, double value) {
  return fabs(value) > 0x1p53 ||
         (fabs(value) == 0x1p53 && n->to[n->size - 1] == '3');
}

/* ---- other scripts --------------------------------------------------------
 */

static char value_of_char(const parse_state *s, uint32_t point) {
  size_t at = wl_find_sorted(s->chars, s->n_chars, point);
  return at != SIZE_MAX ? s->values[at] : '?';
}

static bool is_ascii(wl_string text) {
  for (size_t i = 0; i < text.size; i++)
    if ((uint8_t)text.data[i] >= N_ASCII)
      return false;
  return true;
}

/* The text in ASCII, in `to`, which has room for it. */
static bool to_ascii(const parse_state *s, wl_string text, char *to,
                     wl_string *out) {
  const uint8_t *at = (const uint8_t *)text.data, *end = at + text.size;
  *out = (wl_string){to, 0};
  while (at < end) {
    if (*at < N_ASCII) {
      to[out->size++] = (char)*at++;
      continue;
    }
    uint32_t point = wl_utf8_decode(&at, end);
    if (point == UINT32_MAX)
      return false;
    to[out->size++] = value_of_char(s, point);
  }
  return true;
}

/* -------------------------------------------------------------------------- */

static wl_status bad(const parse_state *s, wl_string text, size_t row,
                     double *out, wl_error *error) {
  *out = (double)NAN;
  if (s->is_coerced)
    return WL_OK;
  size_t size = text.size > SHOWN ? SHOWN : text.size;
  while (size < text.size && size > 0 &&
         ((uint8_t)text.data[size] & 0xc0) == 0x80)
    size--;
  return wl_fail_row(error, WL_ERROR_VALUE, (int64_t)row, "%s'%.*s'%s",
                     s->grammar->error, (int)size, text.data,
                     size < text.size ? "..." : "");
}

static wl_status parse(const parse_state *s, wl_string text, size_t row,
                       char *memory, double *out, wl_error *error) {
  const grammar *g = s->grammar;
  wl_string ascii = text;
  if (!is_ascii(text)) {
    if (s->n_chars == 0)
      return bad(s, text, row, out, error);
    if (!to_ascii(s, text, memory, &ascii))
      return wl_fail_row(error, WL_ERROR_ENCODING, (int64_t)row,
                         "a string is not UTF-8");
    memory += ascii.size;
  }
  const char *at = ascii.data, *end = at + ascii.size;
  if (at == end && g->takes_empty) {
    *out = (double)NAN;
    return WL_OK;
  }
  if (g->is_strict && read_word(g, at, end, out))
    return WL_OK;
  while (at < end && is_blank(*at))
    at++;
  while (end > at && is_blank(end[-1]))
    end--;
  if (!g->is_strict && read_word(g, at, end, out))
    return WL_OK;
  numeral n = {.at = at, .end = end, .to = memory};
  if (!read_number(g, &n))
    return bad(s, text, row, out, error);
  *out = value_of(&n);
  if (!g->is_whole && !(g->is_strict && n.is_whole))
    return WL_OK;
  if (is_beyond_exact(&n, *out))
    return wl_fail_row(error, WL_ERROR_VALUE, (int64_t)row,
                       "the whole number %.*s is beyond 2^53, where not all "
                       "are exact",
                       SHOWN, n.to);
  if (*out == 0.0 && n.is_negative && !g->is_whole)
    return wl_fail_row(error, WL_ERROR_VALUE, (int64_t)row,
                       "-0 is an int or a float, as the other rows are");
  *out += 0.0; /* no int is -0 */
  return WL_OK;
}

static wl_status run(const void *state, const wl_op_call *call, wl_value *out,
                     wl_error *error) {
  const parse_state *s = state;
  const wl_value *x = call->inputs[0];
  char small[256], *memory = small;
  size_t room = sizeof small;
  WL_TRY(wl_new_dense(call, 1, out, error));
  for (size_t r = 0; r < call->n_rows; r++) {
    wl_string text = x->strings[r];
    out->dense[r] = (double)NAN;
    if (text.data == NULL) {
      if (!s->grammar->is_whole)
        continue;
      if (text.size != WL_MISSING_NAN)
        return wl_fail_row(error, WL_ERROR_TYPE, (int64_t)r,
                           "int() argument must be a string, and is None");
      return wl_fail_row(error, WL_ERROR_VALUE, (int64_t)r,
                         "cannot convert float NaN to integer");
    }
    size_t needed; /* the text in ASCII, and as it is read, with its NUL */
    if (wl_mul_overflows(text.size, 2, &needed) ||
        wl_add_overflows(needed, 1, &needed))
      return wl_fail_memory(error, SIZE_MAX);
    if (needed > room) {
      memory = wl_arena_alloc(call->arena, needed);
      if (memory == NULL)
        return wl_fail_memory(error, needed);
      room = needed;
    }
    WL_TRY(parse(s, text, r, memory, &out->dense[r], error));
  }
  return WL_OK;
}

/* -------------------------------------------------------------------------- */

static wl_status find(const wl_node *node, size_t *out, wl_error *error) {
  return wl_find_choice(node, "function", grammars, WL_COUNT_OF(grammars),
                        sizeof *grammars, out, error);
}

static wl_status infer(const wl_graph *graph, const wl_node *node,
                       wl_type *type, wl_error *error) {
  size_t function;
  const wl_const *chars = wl_node_tensor(graph, node, "chars");
  const wl_const *values = wl_node_tensor(graph, node, "values");
  WL_TRY(find(node, &function, error));
  if (wl_input_type(graph, node, 0)->kind != WL_VALUE_STRINGS)
    return wl_fail(error, WL_ERROR_TYPE,
                   "operator 'parse_number' takes strings");
  size_t n_chars = chars == NULL ? 0 : chars->n_elements;
  size_t n_values = values == NULL ? 0 : values->n_elements;
  bool is_text = n_chars != 0 && n_chars == n_values &&
                 (chars->dtype == WL_STRING || values->dtype == WL_STRING);
  if (n_chars != n_values || is_text)
    return wl_fail(error, WL_ERROR_VALUE,
                   "operator 'parse_number': 'chars' are code points, 'values' "
                   "as many of ASCII");
  double before = N_ASCII - 1;
  for (size_t i = 0; i < n_chars; i++) {
    double at = wl_const_number(chars, i), value = wl_const_number(values, i);
    if (!(at > before && at < 0x110000) || at != (double)(uint32_t)at ||
        !(value >= 0.0 && value < N_ASCII))
      return wl_fail(error, WL_ERROR_VALUE,
                     "operator 'parse_number': 'chars' are ascending code "
                     "points beyond ASCII, 'values' of ASCII; number %zu is "
                     "%g to %g",
                     i, at, value);
    before = at;
  }
  *type = (wl_type){.kind = WL_VALUE_DENSE,
                    .n_columns = 1,
                    .dtype = WL_F64,
                    .is_bit_equal = true};
  return WL_OK;
}

static void unbind(void *state) {
  parse_state *s = state;
  if (s == NULL)
    return;
  wl_free(s->chars);
  wl_free(s->values);
  wl_free(s);
}

static wl_status bind(const wl_graph *graph, const wl_node *node, void **state,
                      wl_error *error) {
  const wl_const *chars = wl_node_tensor(graph, node, "chars");
  const wl_const *values = wl_node_tensor(graph, node, "values");
  size_t function;
  WL_TRY(find(node, &function, error));
  parse_state *s = wl_calloc(1, sizeof *s);
  if (s == NULL)
    return wl_fail_memory(error, sizeof *s);
  s->grammar = &grammars[function];
  s->is_coerced = wl_node_bool(node, "coerce", false);
  s->n_chars = chars == NULL ? 0 : chars->n_elements;
  if (s->n_chars != 0) {
    s->chars = wl_calloc(s->n_chars, sizeof *s->chars);
    s->values = wl_calloc(s->n_chars, 1);
    if (s->chars == NULL || s->values == NULL) {
      wl_status status = wl_fail_memory(error, s->n_chars * sizeof *s->chars);
      unbind(s);
      return status;
    }
  }
  for (size_t i = 0; i < s->n_chars; i++) {
    s->chars[i] = (uint32_t)wl_const_number(chars, i);
    s->values[i] = (char)wl_const_number(values, i);
  }
  *state = s;
  return WL_OK;
}

const wl_op_def wl_op_parse_number = {
    .name = "parse_number",
    WL_ATTRS(attrs),
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = infer,
    .bind = bind,
    .unbind = unbind,
    .run = run,
};
