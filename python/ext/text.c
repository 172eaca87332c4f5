/*
 * text.c: columns of str. ASCII is borrowed from the str objects, which the
 * call keeps alive; other text is encoded into the call's memory, so that no
 * UTF-8 stays cached in the user's objects. Lone surrogates are carried, three
 * bytes each, as Python's "surrogatepass" does.
 */
#include "ext.h"

#include <string.h>

/* ---- encoding ------------------------------------------------------------ */

static char *put_code_point(char *at, Py_UCS4 c) {
  if (c < 0x80) {
    *at++ = (char)c;
  } else if (c < 0x800) {
    *at++ = (char)(0xc0 | (c >> 6));
    *at++ = (char)(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    *at++ = (char)(0xe0 | (c >> 12));
    *at++ = (char)(0x80 | ((c >> 6) & 0x3f));
    *at++ = (char)(0x80 | (c & 0x3f));
  } else {
    *at++ = (char)(0xf0 | (c >> 18));
    *at++ = (char)(0x80 | ((c >> 12) & 0x3f));
    *at++ = (char)(0x80 | ((c >> 6) & 0x3f));
    *at++ = (char)(0x80 | (c & 0x3f));
  }
  return at;
}

static bool encode(ext_call *call, PyObject *text, wl_string *out) {
  size_t n = (size_t)PyUnicode_GET_LENGTH(text);
  const void *data = PyUnicode_DATA(text);
  int kind = (int)PyUnicode_KIND(text);
  /* the most that one code point of this kind takes: U+00FF, U+FFFF, U+10FFFF
   */
  size_t widest = kind == PyUnicode_1BYTE_KIND   ? 2
                  : kind == PyUnicode_2BYTE_KIND ? 3
                                                 : 4;
  char *start = ext_call_alloc(call, n, widest), *at = start;
  if (!start)
    return false;
  if (kind == PyUnicode_1BYTE_KIND) {
    const Py_UCS1 *units = data;
    for (size_t i = 0; i < n; i++)
      at = put_code_point(at, units[i]);
  } else if (kind == PyUnicode_2BYTE_KIND) {
    const Py_UCS2 *units = data;
    for (size_t i = 0; i < n; i++)
      at = put_code_point(at, units[i]);
  } else {
    const Py_UCS4 *units = data;
    for (size_t i = 0; i < n; i++)
      at = put_code_point(at, units[i]);
  }
  size_t size = (size_t)(at - start);
  /* gives back what was not needed: nothing was allocated in between */
  size_t reserved = (n * widest + 15) & ~(size_t)15;
  size_t needed = (size + 15) & ~(size_t)15;
  call->free_bytes -= reserved - needed;
  call->n_free += reserved - needed;
  *out = (wl_string){.data = start, .size = size};
  return true;
}

static bool view_str(ext_call *call, PyObject *text, wl_string *out) {
#if PY_VERSION_HEX < 0x030c0000
  if (PyUnicode_READY(text) < 0)
    return false;
#endif
  if (!PyUnicode_IS_ASCII(text))
    return encode(call, text, out);
  *out = (wl_string){.data = PyUnicode_DATA(text),
                     .size = (size_t)PyUnicode_GET_LENGTH(text)};
  return true;
}

/* ---- rows ---------------------------------------------------------------- */

PyObject *ext_bad_text(ext_call *call, const ext_input_spec *spec,
                       PyObject *row, uint64_t number) {
  PyObject *text = PyObject_CallFunction(
      call->state->bad_text, "OOOOOK", row, spec->first, spec->encoding,
      spec->errors, spec->place, (unsigned long long)number);
  if (text && !PyUnicode_Check(text)) {
    PyErr_Format(PyExc_TypeError, "row %llu: expected a string, not %s",
                 (unsigned long long)number, Py_TYPE(text)->tp_name);
    Py_CLEAR(text);
  }
  return text;
}

/* A row that is no str: bytes are decoded as the original does. */
static PyObject *text_of_row(ext_call *call, const ext_input_spec *spec,
                             PyObject *row, uint64_t number) {
  if (!PyBytes_Check(row))
    return ext_bad_text(call, spec, row, number);
  const char *encoding = PyUnicode_AsUTF8(spec->encoding);
  const char *errors = PyUnicode_AsUTF8(spec->errors);
  if (!encoding || !errors)
    return NULL;
  PyObject *text = PyUnicode_Decode(PyBytes_AS_STRING(row),
                                    PyBytes_GET_SIZE(row), encoding, errors);
  if (text || PyErr_ExceptionMatches(PyExc_MemoryError))
    return text;
  PyErr_Clear(); /* the same error again, with its place */
  return ext_bad_text(call, spec, row, number);
}

/* What a cell that is no str is among categories, which a C program would say
 * by its wl_missing. */
wl_string ext_missing_category(PyObject *cell) {
  wl_missing kind = WL_MISSING_OTHER;
  if (cell == Py_None) {
    kind = WL_MISSING_NONE;
  } else if (PyFloat_Check(cell)) {
    double number = PyFloat_AS_DOUBLE(cell);
    kind = number != number ? WL_MISSING_NAN : WL_MISSING_OTHER;
  } else if (PyNumber_Check(cell) && !PyIndex_Check(cell)) {
    PyObject *number = PyNumber_Float(cell); /* NumPy's other floats */
    if (number && PyFloat_AS_DOUBLE(number) != PyFloat_AS_DOUBLE(number))
      kind = WL_MISSING_NAN;
    Py_XDECREF(number);
    PyErr_Clear();
  }
  return (wl_string){NULL, kind};
}

/* `rows` is a tuple that the call keeps: it holds one reference a row. */
static bool read_rows(ext_call *call, const ext_input_spec *spec,
                      PyObject *rows, wl_input *input, uint64_t *n_rows) {
  size_t n = (size_t)PyTuple_GET_SIZE(rows);
  wl_string *strings = ext_call_alloc(call, n, sizeof *strings);
  if (!strings)
    return false;
  size_t total = 0;
  for (size_t i = 0; i < n; i++) {
    PyObject *row = PyTuple_GET_ITEM(rows, (Py_ssize_t)i);
    if (!PyUnicode_Check(row)) {
      if (spec->kind == WL_INPUT_CATEGORY) {
        strings[i] = ext_missing_category(row);
        continue;
      }
      row = text_of_row(call, spec, row, i);
      if (!ext_call_keep(call, row))
        return false;
    }
    if (!view_str(call, row, &strings[i]))
      return false;
    total += strings[i].size;
  }
  call->work += total + n * sizeof *strings;
  input->strings = strings;
  *n_rows = n;
  return true;
}

/* The items of a one-dimensional buffer of objects, as a tuple. */
static PyObject *tuple_of_objects(const Py_buffer *view) {
  Py_ssize_t n = view->shape[0];
  PyObject *rows = PyTuple_New(n);
  for (Py_ssize_t i = 0; rows && i < n; i++) {
    PyObject *row;
    memcpy(&row, (const char *)view->buf + i * view->strides[0], sizeof row);
    PyTuple_SET_ITEM(rows, i, Py_NewRef(row ? row : Py_None));
  }
  return rows;
}

static bool is_tuple_of(PyObject *object, Py_ssize_t n) {
  return PyTuple_Check(object) && PyTuple_GET_SIZE(object) == n;
}

static int64_t code_at(const Py_buffer *codes, Py_ssize_t i) {
  const char *at = (const char *)codes->buf + i * codes->strides[0];
  switch (codes->itemsize) {
  case 1:
    return *(const int8_t *)at;
  case 2:
    return *(const int16_t *)at;
  case 4:
    return *(const int32_t *)at;
  default:
    return *(const int64_t *)at;
  }
}

/* What stands for no code: a category, or what the original says to it. */
static bool view_missing(ext_call *call, const ext_input_spec *spec,
                         PyObject *missing, uint64_t number, wl_string *out) {
  if (spec->kind == WL_INPUT_CATEGORY) {
    *out = ext_missing_category(missing);
    return true;
  }
  PyObject *text = text_of_row(call, spec, missing, number);
  return ext_call_keep(call, text) && view_str(call, text, out);
}

static bool take_words(ext_call *call, const ext_input_spec *spec,
                       const Py_buffer *codes, const wl_string *words,
                       uint64_t n_words, PyObject *missing,
                       wl_string *strings) {
  wl_string none = {NULL, 0};
  bool has_none = false;
  for (Py_ssize_t i = 0; i < codes->shape[0]; i++) {
    int64_t code = code_at(codes, i);
    if (code >= 0 && (uint64_t)code < n_words) {
      strings[i] = words[code];
    } else {
      if (!has_none && !view_missing(call, spec, missing, (uint64_t)i, &none))
        return false;
      has_none = true;
      strings[i] = none;
    }
    call->work += strings[i].size;
  }
  return true;
}

/* A column as (codes, words, what stands for no code): each word is looked at
 * once, however many rows have it. */
static bool read_codes(ext_call *call, const ext_input_spec *spec,
                       PyObject *parts, wl_input *input, uint64_t *n_rows) {
  wl_input words = {.layout = WL_LAYOUT_STRINGS};
  uint64_t n_words;
  PyObject *list = PySequence_Tuple(PyTuple_GET_ITEM(parts, 1));
  if (!ext_call_keep(call, list) ||
      !read_rows(call, spec, list, &words, &n_words))
    return false;
  const Py_buffer *codes = ext_view(call, PyTuple_GET_ITEM(parts, 0));
  wl_dtype dtype =
      codes && codes->ndim == 1 ? ext_dtype_of(codes) : WL_DTYPE_COUNT;
  if (dtype != WL_I8 && dtype != WL_I16 && dtype != WL_I32 && dtype != WL_I64) {
    if (!PyErr_Occurred())
      PyErr_SetString(PyExc_TypeError, "codes of categories are integers");
    return false;
  }
  *n_rows = (uint64_t)codes->shape[0];
  wl_string *strings = ext_call_alloc(call, (size_t)*n_rows, sizeof *strings);
  input->strings = strings;
  return strings && take_words(call, spec, codes, words.strings, n_words,
                               PyTuple_GET_ITEM(parts, 2), strings);
}

/* What willump._columns makes of a column that C does not know by itself: a
 * list, (an exporter of Arrow data, what stands for a null), or (codes, words,
 * what stands for no code). */
static bool read_adapted(ext_call *call, const ext_input_spec *spec,
                         PyObject *object, wl_input *input, uint64_t *n_rows) {
  PyObject *adapted = PyObject_CallFunctionObjArgs(
      call->state->adapt_text, object,
      spec->kind == WL_INPUT_CATEGORY ? Py_True : Py_False, spec->first, NULL);
  if (!ext_call_keep(call, adapted))
    return false;
  if (is_tuple_of(adapted, 3))
    return read_codes(call, spec, adapted, input, n_rows);
  if (is_tuple_of(adapted, 2)) {
    int found = ext_arrow_text(call, spec, PyTuple_GET_ITEM(adapted, 0),
                               PyTuple_GET_ITEM(adapted, 1), input, n_rows);
    if (found != 0)
      return found > 0;
    PyErr_Format(PyExc_TypeError,
                 "input '%U' expects text; its Arrow type is not a string",
                 spec->name);
    return false;
  }
  PyObject *rows = PySequence_Tuple(adapted);
  return ext_call_keep(call, rows) &&
         read_rows(call, spec, rows, input, n_rows);
}

bool ext_read_text(ext_call *call, const ext_input_spec *spec, PyObject *object,
                   wl_input *input, uint64_t *n_rows) {
  input->layout = WL_LAYOUT_STRINGS;
  input->dtype = WL_STRING;
  input->n_columns = 1;
  PyObject *rows = NULL;
  if (PyUnicode_Check(object)) {
    PyErr_SetString(PyExc_ValueError, "Iterable over raw text documents "
                                      "expected, string object received.");
    return false;
  }
  if (PyList_CheckExact(object) || PyTuple_CheckExact(object)) {
    rows = PySequence_Tuple(object);
  } else if (PyObject_CheckBuffer(object) && !PyBytes_Check(object)) {
    const Py_buffer *view = ext_view(call, object);
    if (view && view->ndim == 1 && strcmp(view->format, "O") == 0)
      rows = tuple_of_objects(view);
    else if (PyErr_Occurred())
      return false;
    else
      return read_adapted(call, spec, object, input, n_rows);
  } else {
    return read_adapted(call, spec, object, input, n_rows);
  }
  return ext_call_keep(call, rows) &&
         read_rows(call, spec, rows, input, n_rows);
}
