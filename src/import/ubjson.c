/*
 * ubjson.c: UBJSON (draft 12) into a document: big-endian numbers behind a
 * letter that names their type; arrays and objects may say one type for all
 * elements ("$") and how many there are ("#").
 *
 * A count is believed only as far as there are bytes for it: elements of a type
 * without bytes are refused.
 */
#include <math.h>

#include "base/number.h"
#include "import/document.h"

typedef struct ubj_reader {
  wl_document *document;
  const uint8_t *bytes;
  size_t size, at;
  wl_error *error;
} ubj_reader;

static wl_status fail_at(const ubj_reader *reader, size_t at,
                         const char *what) {
  return wl_fail(reader->error, WL_ERROR_VALUE,
                 "the UBJSON is damaged: %s at byte %zu", what, at);
}

static wl_status fail_end(const ubj_reader *reader) {
  return fail_at(reader, reader->size, "it ends too early");
}

static int peek(const ubj_reader *reader) {
  return reader->at < reader->size ? reader->bytes[reader->at] : -1;
}

/* The next letter, "N" (nothing) left out; it is taken. */
static wl_status read_marker(ubj_reader *reader, int *marker) {
  while (peek(reader) == 'N')
    reader->at++;
  *marker = peek(reader);
  if (*marker < 0)
    return fail_end(reader);
  reader->at++;
  return WL_OK;
}

/* Bytes of a number of that type; 0: not a number. */
static size_t number_size(int marker) {
  switch (marker) {
  case 'i':
  case 'U':
    return 1;
  case 'I':
    return 2;
  case 'l':
  case 'd':
    return 4;
  case 'L':
  case 'D':
    return 8;
  default:
    return 0;
  }
}

static double number_of(const uint8_t *bytes, int marker) {
  uint64_t bits = 0;
  float single;
  double number;
  for (size_t i = 0; i < number_size(marker); i++)
    bits = bits << 8 | bytes[i];
  uint32_t low = (uint32_t)bits;
  switch (marker) {
  case 'i':
    return (double)(int8_t)bits;
  case 'I':
    return (double)(int16_t)bits;
  case 'l':
    return (double)(int32_t)low;
  case 'L':
    return (double)(int64_t)bits;
  case 'd':
    memcpy(&single, &low, sizeof single);
    return (double)single;
  case 'D':
    memcpy(&number, &bits, sizeof number);
    return number;
  default: /* U */
    return (double)bits;
  }
}

static wl_status read_number(ubj_reader *reader, int marker, double *out) {
  size_t size = number_size(marker);
  if (reader->size - reader->at < size)
    return fail_end(reader);
  *out = number_of(reader->bytes + reader->at, marker);
  reader->at += size;
  return WL_OK;
}

/* A length or a count: an integer that is not negative, at most the bytes that
 * are left. */
static wl_status read_length(ubj_reader *reader, size_t *out) {
  int marker;
  double length;
  size_t at = reader->at;
  WL_TRY(read_marker(reader, &marker));
  if (number_size(marker) == 0 || marker == 'd' || marker == 'D')
    return fail_at(reader, at, "a length is malformed");
  WL_TRY(read_number(reader, marker, &length));
  if (length < 0.0 || length > (double)(reader->size - reader->at))
    return fail_at(reader, at, "a length is more than the file has");
  *out = (size_t)length;
  return WL_OK;
}

static wl_status read_text(ubj_reader *reader, size_t *at, size_t *size) {
  WL_TRY(read_length(reader, size));
  *at = reader->document->text_size;
  WL_TRY(wl_doc_add_text(reader->document, reader->bytes + reader->at, *size,
                         reader->error));
  reader->at += *size;
  return WL_OK;
}

/* ---- containers ---------------------------------------------------------- */

static wl_status read_value(ubj_reader *reader, int marker, wl_doc_place *place,
                            int depth);

typedef struct ubj_shape {
  int type; /* of all elements, or 0 */
  bool is_counted;
  size_t n;
} ubj_shape;

static wl_status read_shape(ubj_reader *reader, ubj_shape *shape) {
  size_t at = reader->at;
  *shape = (ubj_shape){0, false, 0};
  if (peek(reader) == '$') {
    reader->at++;
    shape->type = peek(reader);
    if (shape->type < 0)
      return fail_end(reader);
    reader->at++;
    if (peek(reader) != '#')
      return fail_at(reader, at, "a type without a count");
    if (number_size(shape->type) == 0 && shape->type != 'S' &&
        shape->type != '[' && shape->type != '{')
      return fail_at(reader, at, "an unknown type of elements");
  }
  if (peek(reader) != '#')
    return WL_OK;
  reader->at++;
  shape->is_counted = true;
  return read_length(reader, &shape->n);
}

/* One type for all: at most the bytes that are left. */
static wl_status read_packed(ubj_reader *reader, uint32_t id, int type,
                             size_t n) {
  wl_document *document = reader->document;
  size_t begin = document->numbers.n;
  if (n > (reader->size - reader->at) / number_size(type))
    return fail_end(reader);
  for (size_t i = 0; i < n; i++) {
    double number;
    WL_TRY(read_number(reader, type, &number));
    WL_TRY(wl_f64_push(&document->numbers, number, reader->error));
  }
  document->nodes[id].kind = WL_DOC_NUMBERS;
  document->nodes[id].at = begin;
  document->nodes[id].n = n;
  return WL_OK;
}

/* Is there another element? An uncounted container's end is taken. */
static wl_status has_next(ubj_reader *reader, const ubj_shape *shape,
                          size_t n_read, int end, bool *out) {
  *out = false;
  if (shape->is_counted) {
    *out = n_read < shape->n;
    return WL_OK;
  }
  while (peek(reader) == 'N')
    reader->at++;
  if (peek(reader) < 0)
    return fail_end(reader);
  *out = peek(reader) != end;
  if (!*out)
    reader->at++;
  return WL_OK;
}

/* Numbers with a letter each; the first letter has been seen. */
static wl_status read_numbers(ubj_reader *reader, uint32_t id,
                              const ubj_shape *shape) {
  wl_document *document = reader->document;
  size_t begin = document->numbers.n, n = 0;
  bool is_more = true;
  while (is_more) {
    int marker;
    double number;
    size_t at = reader->at;
    WL_TRY(read_marker(reader, &marker));
    if (number_size(marker) == 0)
      return fail_at(reader, at, "an array of numbers holds something else");
    WL_TRY(read_number(reader, marker, &number));
    WL_TRY(wl_f64_push(&document->numbers, number, reader->error));
    WL_TRY(has_next(reader, shape, ++n, ']', &is_more));
  }
  document->nodes[id].kind = WL_DOC_NUMBERS;
  document->nodes[id].at = begin;
  document->nodes[id].n = n;
  return WL_OK;
}

static wl_status read_array(ubj_reader *reader, uint32_t id, int depth) {
  wl_doc_place place = {.parent = id};
  ubj_shape shape;
  bool is_more;
  WL_TRY(read_shape(reader, &shape));
  if (number_size(shape.type) != 0)
    return shape.n == 0 ? WL_OK : read_packed(reader, id, shape.type, shape.n);
  WL_TRY(has_next(reader, &shape, 0, ']', &is_more));
  while (peek(reader) == 'N')
    reader->at++;
  if (is_more && shape.type == 0 && number_size(peek(reader)) != 0)
    return read_numbers(reader, id, &shape);
  for (size_t n = 0; is_more; n++) {
    int marker = shape.type;
    if (marker == 0)
      WL_TRY(read_marker(reader, &marker));
    WL_TRY(read_value(reader, marker, &place, depth));
    WL_TRY(has_next(reader, &shape, n + 1, ']', &is_more));
  }
  return WL_OK;
}

static wl_status read_object(ubj_reader *reader, uint32_t id, int depth) {
  wl_doc_place place = {.parent = id};
  ubj_shape shape;
  bool is_more;
  WL_TRY(read_shape(reader, &shape));
  WL_TRY(has_next(reader, &shape, 0, '}', &is_more));
  for (size_t n = 0; is_more; n++) {
    size_t key_size, at = reader->at;
    int marker = shape.type;
    WL_TRY(read_text(reader, &place.key, &key_size));
    if (key_size > UINT32_MAX)
      return fail_at(reader, at, "a name is too long");
    place.key_size = (uint32_t)key_size;
    if (marker == 0)
      WL_TRY(read_marker(reader, &marker));
    WL_TRY(read_value(reader, marker, &place, depth));
    WL_TRY(has_next(reader, &shape, n + 1, '}', &is_more));
  }
  return WL_OK;
}

/* ---- values -------------------------------------------------------------- */

/* A number as text: 'H'. */
static wl_status read_long_number(ubj_reader *reader, double *out) {
  char text[64], *end;
  size_t size, at = reader->at;
  WL_TRY(read_length(reader, &size));
  if (size == 0 || size >= sizeof text)
    return fail_at(reader, at, "a number is malformed");
  memcpy(text, reader->bytes + reader->at, size);
  text[size] = '\0';
  *out = wl_parse_double(text, &end);
  if (end != text + size)
    return fail_at(reader, at, "a number is malformed");
  reader->at += size;
  return WL_OK;
}

static wl_status read_string(ubj_reader *reader, int marker, uint32_t id) {
  size_t at = reader->document->text_size, size = 1;
  if (marker == 'C') { /* one character */
    if (peek(reader) < 0)
      return fail_end(reader);
    WL_TRY(wl_doc_add_text(reader->document, reader->bytes + reader->at, 1,
                           reader->error));
    reader->at++;
  } else {
    WL_TRY(read_text(reader, &at, &size));
  }
  reader->document->nodes[id].at = at;
  reader->document->nodes[id].n = size;
  return WL_OK;
}

static wl_status read_value(ubj_reader *reader, int marker, wl_doc_place *place,
                            int depth) {
  wl_document *document = reader->document;
  size_t position = reader->at - (reader->at > 0);
  wl_doc_kind kind = WL_DOC_NUMBER;
  uint32_t id;
  switch (marker) {
  case '{':
    kind = WL_DOC_OBJECT;
    break;
  case '[':
    kind = WL_DOC_ARRAY;
    break;
  case 'S':
  case 'C':
    kind = WL_DOC_STRING;
    break;
  case 'T':
  case 'F':
    kind = WL_DOC_BOOL;
    break;
  case 'Z':
    kind = WL_DOC_NULL;
    break;
  default:
    if (number_size(marker) == 0 && marker != 'H')
      return fail_at(reader, position, "an unknown type");
  }
  if (depth == WL_DOC_MAX_DEPTH)
    return fail_at(reader, position, "values are nested too deep");
  WL_TRY(wl_doc_add(document, place, kind, position, &id, reader->error));
  if (kind == WL_DOC_OBJECT)
    return read_object(reader, id, depth + 1);
  if (kind == WL_DOC_ARRAY)
    return read_array(reader, id, depth + 1);
  if (kind == WL_DOC_STRING)
    return read_string(reader, marker, id);
  if (marker == 'H')
    return read_long_number(reader, &document->nodes[id].number);
  if (kind == WL_DOC_NUMBER)
    return read_number(reader, marker, &document->nodes[id].number);
  document->nodes[id].number = marker == 'T' ? 1.0 : 0.0;
  return WL_OK;
}

wl_status wl_document_read_ubjson(wl_document *document, const uint8_t *bytes,
                                  size_t size, wl_error *error) {
  ubj_reader reader = {document, bytes, size, 0, error};
  wl_doc_place place = {.parent = UINT32_MAX};
  int marker;
  WL_TRY(read_marker(&reader, &marker));
  WL_TRY(read_value(&reader, marker, &place, 0));
  while (peek(&reader) == 'N')
    reader.at++;
  if (reader.at != size)
    return fail_at(&reader, reader.at, "something follows the value");
  return WL_OK;
}
