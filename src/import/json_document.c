/*
 * json_document.c: JSON into a document. Beyond the standard, NaN, Infinity and
 * -Infinity are numbers, as XGBoost writes them.
 */
#include <math.h>

#include "base/number.h"
#include "import/document.h"

enum { MAX_NUMBER = 64 };

typedef struct json_reader {
  wl_document *document;
  const char *bytes;
  size_t size, at;
  wl_error *error;
} json_reader;

static wl_status fail_at(const json_reader *reader, size_t at,
                         const char *what) {
  return wl_fail(reader->error, WL_ERROR_VALUE,
                 "the JSON is damaged: %s at byte %zu",
                 at < reader->size ? what : "it ends too early", at);
}

static int peek(const json_reader *reader) {
  return reader->at < reader->size ? (unsigned char)reader->bytes[reader->at]
                                   : -1;
}

static int skip_space(json_reader *reader) {
  int c;
  while ((c = peek(reader)) == ' ' || c == '\n' || c == '\r' || c == '\t')
    reader->at++;
  return c;
}

static bool take_word(json_reader *reader, const char *word) {
  size_t size = strlen(word);
  if (reader->size - reader->at < size ||
      memcmp(reader->bytes + reader->at, word, size) != 0)
    return false;
  reader->at += size;
  return true;
}

/* ---- numbers ------------------------------------------------------------- */

static bool is_number_start(int c) {
  return c == '-' || (c >= '0' && c <= '9') || c == 'N' || c == 'I';
}

static size_t n_digits(const char *text) { return strspn(text, "0123456789"); }

/* Whether a text is a number by JSON's grammar: no 01, 1. or .5. */
static bool is_number(const char *text) {
  text += *text == '-';
  size_t n = n_digits(text);
  if (n == 0 || (n > 1 && *text == '0'))
    return false;
  text += n;
  if (*text == '.') {
    n = n_digits(++text);
    if (n == 0)
      return false;
    text += n;
  }
  if (*text == 'e' || *text == 'E') {
    text++;
    text += *text == '-' || *text == '+';
    n = n_digits(text);
    if (n == 0)
      return false;
    text += n;
  }
  return *text == '\0';
}

static wl_status read_number(json_reader *reader, double *out) {
  char text[MAX_NUMBER + 1], *end;
  size_t at = reader->at, n = 0;
  if (take_word(reader, "NaN"))
    return *out = (double)NAN, WL_OK;
  if (take_word(reader, "Infinity"))
    return *out = (double)INFINITY, WL_OK;
  if (take_word(reader, "-Infinity"))
    return *out = -(double)INFINITY, WL_OK;
  for (int c = peek(reader);
       n < MAX_NUMBER && c > 0 && strchr("0123456789+-.eE", c) != NULL;
       c = peek(reader)) {
    text[n++] = (char)c;
    reader->at++;
  }
  text[n] = '\0';
  *out = wl_parse_double(text, &end);
  if (!is_number(text) || *end != '\0')
    return fail_at(reader, at, "a number is malformed");
  return WL_OK;
}

/* ---- strings ------------------------------------------------------------- */

static wl_status read_unit(json_reader *reader, uint32_t *unit) {
  *unit = 0;
  for (int i = 0; i < 4; i++, reader->at++) {
    int c = peek(reader);
    int digit = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;
    if (digit < 0)
      return fail_at(reader, reader->at, "an escape is malformed");
    *unit = *unit * 16 + (uint32_t)digit;
  }
  return WL_OK;
}

/* The code point after "\u"; half a pair of surrogates is refused. */
static wl_status read_code_point(json_reader *reader, uint32_t *code) {
  size_t at = reader->at;
  uint32_t low;
  WL_TRY(read_unit(reader, code));
  if (*code < 0xd800 || *code > 0xdfff)
    return WL_OK;
  if (*code > 0xdbff || !take_word(reader, "\\u"))
    return fail_at(reader, at, "half a pair of surrogates");
  WL_TRY(read_unit(reader, &low));
  if (low < 0xdc00 || low > 0xdfff)
    return fail_at(reader, at, "half a pair of surrogates");
  *code = 0x10000 + ((*code - 0xd800) << 10) + (low - 0xdc00);
  return WL_OK;
}

static wl_status add_code_point(json_reader *reader, uint32_t code) {
  char out[4];
  size_t n = 0;
  if (code < 0x80) {
    out[n++] = (char)code;
  } else if (code < 0x800) {
    out[n++] = (char)(0xc0 | code >> 6);
    out[n++] = (char)(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    out[n++] = (char)(0xe0 | code >> 12);
    out[n++] = (char)(0x80 | (code >> 6 & 0x3f));
    out[n++] = (char)(0x80 | (code & 0x3f));
  } else {
    out[n++] = (char)(0xf0 | code >> 18);
    out[n++] = (char)(0x80 | (code >> 12 & 0x3f));
    out[n++] = (char)(0x80 | (code >> 6 & 0x3f));
    out[n++] = (char)(0x80 | (code & 0x3f));
  }
  return wl_doc_add_text(reader->document, out, n, reader->error);
}

static wl_status read_escape(json_reader *reader) {
  static const char letters[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";
  int c = peek(reader);
  const char *found = c > 0 ? strchr(letters, c) : NULL;
  uint32_t code;
  if (c != 'u' && found == NULL)
    return fail_at(reader, reader->at, "an unknown escape");
  reader->at++;
  if (c != 'u')
    return wl_doc_add_text(reader->document, bytes + (found - letters), 1,
                           reader->error);
  WL_TRY(read_code_point(reader, &code));
  return add_code_point(reader, code);
}

/* *at and *size: where it is in the document's text. */
static wl_status read_string(json_reader *reader, size_t *at, size_t *size) {
  *at = reader->document->text_size;
  if (peek(reader) != '"')
    return fail_at(reader, reader->at, "a string is missing");
  reader->at++;
  for (;;) {
    size_t begin = reader->at;
    int c;
    while ((c = peek(reader)) >= ' ' && c != '"' && c != '\\')
      reader->at++;
    WL_TRY(wl_doc_add_text(reader->document, reader->bytes + begin,
                           reader->at - begin, reader->error));
    if (c < ' ')
      return fail_at(reader, reader->at, "a control character in a string");
    reader->at++;
    if (c == '"')
      break;
    WL_TRY(read_escape(reader));
  }
  *size = reader->document->text_size - *at;
  return WL_OK;
}

/* ---- values -------------------------------------------------------------- */

static wl_status read_value(json_reader *reader, wl_doc_place *place,
                            int depth);

/* After an element: a comma, or the end, which is taken. */
static wl_status read_separator(json_reader *reader, char end, bool *is_end) {
  int c = skip_space(reader);
  if (c != ',' && c != end)
    return fail_at(reader, reader->at, "a comma is missing");
  *is_end = c == end;
  reader->at++;
  return WL_OK;
}

/* The elements from here to the end of the array. */
static wl_status read_elements(json_reader *reader, wl_doc_place *place,
                               int depth) {
  bool is_end = false;
  while (!is_end) {
    WL_TRY(read_value(reader, place, depth));
    WL_TRY(read_separator(reader, ']', &is_end));
  }
  return WL_OK;
}

/* An array that began with numbers and goes on with something else: they
 * become values like any other, at the array's own position. */
static wl_status read_mixed(json_reader *reader, uint32_t id, size_t begin,
                            int depth) {
  wl_document *document = reader->document;
  wl_doc_place place = {.parent = id};
  size_t position = document->nodes[id].position;
  for (size_t i = begin; i < document->numbers.n; i++) {
    uint32_t number;
    WL_TRY(wl_doc_add(document, &place, WL_DOC_NUMBER, position, &number,
                      reader->error));
    document->nodes[number].number = document->numbers.values[i];
  }
  document->numbers.n = begin;
  return read_elements(reader, &place, depth);
}

static wl_status read_numbers(json_reader *reader, uint32_t id, int depth) {
  wl_document *document = reader->document;
  size_t begin = document->numbers.n;
  bool is_end = false;
  while (!is_end) {
    double number;
    if (!is_number_start(skip_space(reader)))
      return read_mixed(reader, id, begin, depth);
    WL_TRY(read_number(reader, &number));
    WL_TRY(wl_f64_push(&document->numbers, number, reader->error));
    WL_TRY(read_separator(reader, ']', &is_end));
  }
  document->nodes[id].kind = WL_DOC_NUMBERS;
  document->nodes[id].at = begin;
  document->nodes[id].n = document->numbers.n - begin;
  return WL_OK;
}

static wl_status read_array(json_reader *reader, uint32_t id, int depth) {
  wl_doc_place place = {.parent = id};
  reader->at++;
  int c = skip_space(reader);
  if (is_number_start(c))
    return read_numbers(reader, id, depth);
  if (c == ']') {
    reader->at++;
    return WL_OK;
  }
  return read_elements(reader, &place, depth);
}

static wl_status read_object(json_reader *reader, uint32_t id, int depth) {
  wl_doc_place place = {.parent = id};
  bool is_end = false;
  reader->at++;
  if (skip_space(reader) == '}') {
    reader->at++;
    return WL_OK;
  }
  while (!is_end) {
    size_t key_size, at;
    (void)skip_space(reader);
    at = reader->at;
    WL_TRY(read_string(reader, &place.key, &key_size));
    if (key_size > UINT32_MAX)
      return fail_at(reader, at, "a name is too long");
    place.key_size = (uint32_t)key_size;
    if (skip_space(reader) != ':')
      return fail_at(reader, reader->at, "a colon is missing");
    reader->at++;
    WL_TRY(read_value(reader, &place, depth));
    WL_TRY(read_separator(reader, '}', &is_end));
  }
  return WL_OK;
}

static wl_status read_word(json_reader *reader, wl_doc_node *node) {
  node->kind = WL_DOC_BOOL;
  node->number = 1.0;
  if (take_word(reader, "true"))
    return WL_OK;
  node->number = 0.0;
  if (take_word(reader, "false"))
    return WL_OK;
  node->kind = WL_DOC_NULL;
  if (take_word(reader, "null"))
    return WL_OK;
  return fail_at(reader, reader->at, "a value is malformed");
}

static wl_status read_value(json_reader *reader, wl_doc_place *place,
                            int depth) {
  uint32_t id;
  int c = skip_space(reader);
  size_t position = reader->at;
  if (depth == WL_DOC_MAX_DEPTH)
    return fail_at(reader, position, "values are nested too deep");
  if (c == '"') {
    size_t at, n;
    WL_TRY(wl_doc_add(reader->document, place, WL_DOC_STRING, position, &id,
                      reader->error));
    WL_TRY(read_string(reader, &at, &n));
    reader->document->nodes[id].at = at;
    reader->document->nodes[id].n = n;
    return WL_OK;
  }
  WL_TRY(wl_doc_add(reader->document, place,
                    c == '{'   ? WL_DOC_OBJECT
                    : c == '[' ? WL_DOC_ARRAY
                               : WL_DOC_NUMBER,
                    position, &id, reader->error));
  if (c == '{')
    return read_object(reader, id, depth + 1);
  if (c == '[')
    return read_array(reader, id, depth + 1);
  if (is_number_start(c))
    return read_number(reader, &reader->document->nodes[id].number);
  return read_word(reader, &reader->document->nodes[id]);
}

wl_status wl_document_read_json(wl_document *document, const char *bytes,
                                size_t size, wl_error *error) {
  json_reader reader = {document, bytes, size, 0, error};
  wl_doc_place place = {.parent = UINT32_MAX};
  WL_TRY(read_value(&reader, &place, 0));
  if (skip_space(&reader) != -1)
    return fail_at(&reader, reader.at, "something follows the value");
  return WL_OK;
}
