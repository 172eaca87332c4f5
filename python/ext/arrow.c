/*
 * arrow.c: columns through the Arrow C data interface: any object with
 * __arrow_c_array__ or __arrow_c_stream__ (polars, pyarrow, the arrays behind
 * pandas, and others). The structures are those of the Arrow specification;
 * what a capsule holds stays alive until the end of the call.
 */
#include "ext.h"

#include <string.h>

struct ArrowSchema {
  const char *format, *name, *metadata;
  int64_t flags, n_children;
  struct ArrowSchema **children;
  struct ArrowSchema *dictionary;
  void (*release)(struct ArrowSchema *);
  void *private_data;
};

struct ArrowArray {
  int64_t length, null_count, offset, n_buffers, n_children;
  const void **buffers;
  struct ArrowArray **children;
  struct ArrowArray *dictionary;
  void (*release)(struct ArrowArray *);
  void *private_data;
};

struct ArrowArrayStream {
  int (*get_schema)(struct ArrowArrayStream *, struct ArrowSchema *);
  int (*get_next)(struct ArrowArrayStream *, struct ArrowArray *);
  const char *(*get_last_error)(struct ArrowArrayStream *);
  void (*release)(struct ArrowArrayStream *);
  void *private_data;
};

/* A column: one schema, any number of chunks, all owned by kept capsules. */
typedef struct column {
  const struct ArrowSchema *schema;
  const struct ArrowArray **chunks;
  size_t n_chunks;
  uint64_t n_rows;
} column;

/* ---- capsules ------------------------------------------------------------ */

static void free_schema(PyObject *capsule) {
  struct ArrowSchema *schema = PyCapsule_GetPointer(capsule, NULL);
  if (schema->release)
    schema->release(schema);
  PyMem_RawFree(schema);
}

static void free_array(PyObject *capsule) {
  struct ArrowArray *array = PyCapsule_GetPointer(capsule, NULL);
  if (array->release)
    array->release(array);
  PyMem_RawFree(array);
}

/* A zeroed structure that a kept capsule releases. */
static void *new_structure(ext_call *call, size_t size,
                           PyCapsule_Destructor destructor) {
  void *memory = PyMem_RawCalloc(1, size);
  if (!memory) {
    PyErr_NoMemory();
    return NULL;
  }
  PyObject *capsule = PyCapsule_New(memory, NULL, destructor);
  if (!capsule)
    PyMem_RawFree(memory);
  return ext_call_keep(call, capsule) ? memory : NULL;
}

static bool add_chunk(ext_call *call, column *out, size_t *capacity,
                      const struct ArrowArray *array) {
  if (array->length < 0 || array->offset < 0) {
    PyErr_SetString(PyExc_ValueError, "an Arrow array has a negative length");
    return false;
  }
  if (out->n_chunks == *capacity) {
    size_t grown = *capacity ? 2 * *capacity : 8;
    const struct ArrowArray **chunks =
        ext_call_alloc(call, grown, sizeof *chunks);
    if (!chunks)
      return false;
    if (out->n_chunks > 0)
      memcpy(chunks, out->chunks, out->n_chunks * sizeof *chunks);
    out->chunks = chunks;
    *capacity = grown;
  }
  out->chunks[out->n_chunks++] = array;
  out->n_rows += (uint64_t)array->length;
  return true;
}

static bool raise_stream_error(struct ArrowArrayStream *stream) {
  const char *text = stream->get_last_error(stream);
  PyErr_Format(PyExc_ValueError, "an Arrow stream failed: %s",
               text ? text : "no reason given");
  return false;
}

static bool read_stream(ext_call *call, PyObject *capsule, column *out) {
  struct ArrowArrayStream *stream =
      PyCapsule_GetPointer(capsule, "arrow_array_stream");
  if (!stream)
    return false;
  if (!stream->release) {
    PyErr_SetString(PyExc_ValueError, "the Arrow stream was already consumed");
    return false;
  }
  struct ArrowSchema *schema = new_structure(call, sizeof *schema, free_schema);
  if (!schema)
    return false;
  if (stream->get_schema(stream, schema) != 0)
    return raise_stream_error(stream);
  out->schema = schema;
  size_t capacity = 0;
  for (;;) {
    struct ArrowArray *array = new_structure(call, sizeof *array, free_array);
    if (!array)
      return false;
    if (stream->get_next(stream, array) != 0)
      return raise_stream_error(stream);
    if (!array->release)
      return true;
    if (!add_chunk(call, out, &capacity, array))
      return false;
  }
}

static bool read_array(ext_call *call, PyObject *pair, column *out) {
  if (!PyTuple_Check(pair) || PyTuple_GET_SIZE(pair) != 2) {
    PyErr_SetString(PyExc_TypeError,
                    "__arrow_c_array__ must return two capsules");
    return false;
  }
  out->schema = PyCapsule_GetPointer(PyTuple_GET_ITEM(pair, 0), "arrow_schema");
  if (!out->schema)
    return false;
  const struct ArrowArray *array =
      PyCapsule_GetPointer(PyTuple_GET_ITEM(pair, 1), "arrow_array");
  size_t capacity = 0;
  return array && add_chunk(call, out, &capacity, array);
}

/* 1: read, 0: no Arrow exporter, -1: exception. */
static int export_column(ext_call *call, PyObject *object, column *out) {
  static const char *const names[] = {"__arrow_c_array__",
                                      "__arrow_c_stream__"};
  *out = (column){0};
  for (size_t i = 0; i < 2; i++) {
    PyObject *method = PyObject_GetAttrString(object, names[i]);
    if (!method) {
      if (!PyErr_ExceptionMatches(PyExc_AttributeError))
        return -1;
      PyErr_Clear();
      continue;
    }
    PyObject *exported = PyObject_CallNoArgs(method);
    Py_DECREF(method);
    if (!ext_call_keep(call, exported))
      return -1;
    bool ok = i == 0 ? read_array(call, exported, out)
                     : read_stream(call, exported, out);
    if (!ok)
      return -1;
    if (!out->schema->format) {
      PyErr_SetString(PyExc_ValueError, "an Arrow schema has no format");
      return -1;
    }
    return 1;
  }
  return 0;
}

/* ---- cells --------------------------------------------------------------- */

static bool is_bit_set(const void *bits, uint64_t i) {
  return (((const uint8_t *)bits)[i / 8] >> (i % 8)) & 1;
}

static const uint8_t *validity(const struct ArrowArray *array) {
  return array->null_count != 0 && array->n_buffers > 0 && array->buffers
             ? array->buffers[0]
             : NULL;
}

static const void *buffer(const struct ArrowArray *array, int64_t i) {
  return i < array->n_buffers && array->buffers ? array->buffers[i] : NULL;
}

typedef struct view16 { /* an element of a string view array */
  int32_t size;
  union {
    char inlined[12];
    struct {
      char prefix[4];
      int32_t buffer, offset;
    } reference;
  } as;
} view16;

static bool bad_offsets(void) {
  PyErr_SetString(PyExc_ValueError, "an Arrow string array has bad offsets");
  return false;
}

static bool view_cell(const struct ArrowArray *array, uint64_t at,
                      wl_string *out) {
  const view16 *views = buffer(array, 1);
  const view16 *view = views ? &views[at] : NULL;
  if (!view || view->size < 0)
    return bad_offsets();
  if (view->size <= 12) {
    *out = (wl_string){view->as.inlined, (size_t)view->size};
    return true;
  }
  const char *data = buffer(array, 2 + (int64_t)view->as.reference.buffer);
  if (!data || view->as.reference.buffer < 0 || view->as.reference.offset < 0)
    return bad_offsets();
  *out = (wl_string){data + view->as.reference.offset, (size_t)view->size};
  return true;
}

/* Strings with offsets of a type: each in `out`, data NULL where it is null. */
#define READ_OFFSETS(NAME, T)                                                  \
  static bool NAME(const struct ArrowArray *array, wl_string *out) {           \
    const T *offsets = buffer(array, 1);                                       \
    const char *data = buffer(array, 2);                                       \
    const uint8_t *valid = validity(array);                                    \
    uint64_t first = (uint64_t)array->offset;                                  \
    if (!offsets)                                                              \
      return array->length == 0 || bad_offsets();                              \
    offsets += first;                                                          \
    for (uint64_t i = 0; i < (uint64_t)array->length; i++) {                   \
      T start = offsets[i], end = offsets[i + 1];                              \
      if (valid && !is_bit_set(valid, first + i)) {                            \
        out[i] = (wl_string){NULL, 0};                                         \
        continue;                                                              \
      }                                                                        \
      if (start < 0 || end < start || (!data && end > start))                  \
        return bad_offsets();                                                  \
      /* missing means NULL, so an empty string needs an address */            \
      out[i].data = data ? data + start : "";                                  \
      out[i].size = (size_t)(end - start);                                     \
    }                                                                          \
    return true;                                                               \
  }
READ_OFFSETS(read_small, int32_t)
READ_OFFSETS(read_large, int64_t)
#undef READ_OFFSETS

static bool read_views(const struct ArrowArray *array, wl_string *out) {
  const uint8_t *valid = validity(array);
  for (uint64_t i = 0; i < (uint64_t)array->length; i++) {
    uint64_t at = i + (uint64_t)array->offset;
    out[i] = (wl_string){NULL, 0};
    if ((!valid || is_bit_set(valid, at)) && !view_cell(array, at, &out[i]))
      return false;
  }
  return true;
}

static bool is_string_format(const char *format) {
  return strcmp(format, "u") == 0 || strcmp(format, "U") == 0 ||
         strcmp(format, "vu") == 0;
}

static bool is_integer_format(const char *format) {
  return format[0] != '\0' && format[1] == '\0' &&
         strchr("cCsSiIlL", format[0]);
}

static int64_t integer_cell(char format, const void *data, uint64_t at) {
  switch (format) {
  case 'c':
    return ((const int8_t *)data)[at];
  case 'C':
    return ((const uint8_t *)data)[at];
  case 's':
    return ((const int16_t *)data)[at];
  case 'S':
    return ((const uint16_t *)data)[at];
  case 'i':
    return ((const int32_t *)data)[at];
  case 'I':
    return ((const uint32_t *)data)[at];
  default: /* 'l', 'L' */
    return ((const int64_t *)data)[at];
  }
}

static bool read_strings(const struct ArrowSchema *schema,
                         const struct ArrowArray *array, wl_string *out) {
  switch (schema->format[0]) {
  case 'u':
    return read_small(array, out);
  case 'U':
    return read_large(array, out);
  default:
    return read_views(array, out);
  }
}

static bool read_dictionary(ext_call *call, const struct ArrowSchema *schema,
                            const struct ArrowArray *array, wl_string *out) {
  const struct ArrowArray *words = array->dictionary;
  if (!words || words->length < 0 || words->offset < 0 ||
      !schema->dictionary->format ||
      !is_string_format(schema->dictionary->format))
    return bad_offsets();
  wl_string *decoded =
      ext_call_alloc(call, (size_t)words->length, sizeof *decoded);
  if (!decoded || !read_strings(schema->dictionary, words, decoded))
    return false;
  const uint8_t *valid = validity(array);
  const void *codes = buffer(array, 1);
  for (uint64_t i = 0; i < (uint64_t)array->length; i++) {
    uint64_t at = i + (uint64_t)array->offset;
    out[i] = (wl_string){NULL, 0};
    if (valid && !is_bit_set(valid, at))
      continue;
    int64_t code = codes ? integer_cell(schema->format[0], codes, at) : -1;
    if (code < 0 || code >= words->length)
      return bad_offsets();
    out[i] = decoded[code];
  }
  return true;
}

/* Nulls become what the original would see, which for text most often is an
 * error. */
static bool fill_nulls(ext_call *call, const ext_input_spec *spec,
                       PyObject *missing, wl_string *strings, uint64_t n) {
  bool is_category = spec->kind == WL_INPUT_CATEGORY;
  wl_string category =
      is_category ? ext_missing_category(missing) : (wl_string){NULL, 0};
  for (uint64_t i = 0; i < n; i++) {
    call->work += strings[i].size;
    if (strings[i].data)
      continue;
    if (is_category) {
      strings[i] = category;
      continue;
    }
    PyObject *text = ext_bad_text(call, spec, missing, i);
    if (!ext_call_keep(call, text))
      return false;
    Py_ssize_t size;
    strings[i].data = PyUnicode_AsUTF8AndSize(text, &size);
    if (!strings[i].data)
      return false;
    strings[i].size = (size_t)size;
  }
  return true;
}

int ext_arrow_text(ext_call *call, const ext_input_spec *spec, PyObject *object,
                   PyObject *missing, wl_input *input, uint64_t *n_rows) {
  column source;
  int found = export_column(call, object, &source);
  if (found <= 0)
    return found;
  const struct ArrowSchema *schema = source.schema;
  bool is_dictionary = schema->dictionary != NULL;
  bool is_null = strcmp(schema->format, "n") == 0;
  if (is_dictionary ? !is_integer_format(schema->format)
                    : !is_null && !is_string_format(schema->format))
    return 0;
  wl_string *strings =
      ext_call_alloc(call, (size_t)source.n_rows, sizeof *strings);
  if (!strings)
    return -1;
  uint64_t at = 0;
  for (size_t i = 0; i < source.n_chunks; i++) {
    const struct ArrowArray *chunk = source.chunks[i];
    if (is_null)
      memset(&strings[at], 0, (size_t)chunk->length * sizeof *strings);
    else if (!(is_dictionary
                   ? read_dictionary(call, schema, chunk, &strings[at])
                   : read_strings(schema, chunk, &strings[at])))
      return -1;
    at += (uint64_t)chunk->length;
  }
  if (!fill_nulls(call, spec, missing, strings, source.n_rows))
    return -1;
  input->strings = strings;
  *n_rows = source.n_rows;
  return 1;
}

/* ---- numbers ------------------------------------------------------------- */

typedef struct primitive {
  char format;
  wl_dtype dtype;
} primitive;

static const primitive primitives[] = {
    {'b', WL_BOOL}, {'c', WL_I8},  {'C', WL_U8},  {'s', WL_I16},
    {'S', WL_U16},  {'i', WL_I32}, {'I', WL_U32}, {'l', WL_I64},
    {'L', WL_U64},  {'f', WL_F32}, {'g', WL_F64}};

static double number_cell(char format, const void *data, uint64_t at) {
  switch (format) {
  case 'b':
    return is_bit_set(data, at);
  case 'f':
    return ((const float *)data)[at];
  case 'g':
    return ((const double *)data)[at];
  case 'L':
    return (double)((const uint64_t *)data)[at];
  default:
    return (double)integer_cell(format, data, at);
  }
}

static bool has_nulls(const column *source) {
  for (size_t i = 0; i < source->n_chunks; i++) {
    const struct ArrowArray *chunk = source->chunks[i];
    const uint8_t *valid = validity(chunk);
    for (uint64_t row = 0; valid && row < (uint64_t)chunk->length; row++)
      if (!is_bit_set(valid, row + (uint64_t)chunk->offset))
        return true;
  }
  return false;
}

/* As what a column is copied: with float32, small integers stay small, which
 * have no NaN for nulls. */
static wl_dtype copied_dtype(const column *source, wl_dtype dtype) {
  switch (dtype) {
  case WL_F32:
    return WL_F32;
  case WL_BOOL:
  case WL_I8:
  case WL_U8:
  case WL_I16:
    return has_nulls(source) ? WL_F64 : WL_I16;
  case WL_U16:
    return has_nulls(source) ? WL_F64 : WL_U16;
  default:
    return WL_F64;
  }
}

static void store_number(wl_dtype dtype, void *out, uint64_t at, double value) {
  if (dtype == WL_F32)
    ((float *)out)[at] = (float)value;
  else if (dtype == WL_I16)
    ((int16_t *)out)[at] = (int16_t)value;
  else if (dtype == WL_U16)
    ((uint16_t *)out)[at] = (uint16_t)value;
  else
    ((double *)out)[at] = value;
}

static bool copy_numbers(char format, const struct ArrowArray *array,
                         wl_dtype dtype, void *out, uint64_t first) {
  const uint8_t *valid = validity(array);
  const void *data = buffer(array, 1);
  if (!data && array->length > 0) {
    PyErr_SetString(PyExc_ValueError, "an Arrow array has no data");
    return false;
  }
  for (uint64_t i = 0; i < (uint64_t)array->length; i++) {
    uint64_t at = i + (uint64_t)array->offset;
    bool is_null = valid && !is_bit_set(valid, at);
    store_number(dtype, out, first + i,
                 is_null ? (double)Py_NAN : number_cell(format, data, at));
  }
  return true;
}

int ext_arrow_numeric(ext_call *call, PyObject *object, wl_input *input,
                      uint64_t *n_rows) {
  column source;
  int found = export_column(call, object, &source);
  if (found <= 0)
    return found;
  const char *format = source.schema->format;
  const primitive *type = NULL;
  for (size_t i = 0; i < sizeof primitives / sizeof *primitives; i++)
    if (format[0] == primitives[i].format && format[1] == '\0')
      type = &primitives[i];
  if (!type || source.schema->dictionary)
    return 0;
  input->layout = WL_LAYOUT_STRIDED;
  input->n_columns = 1;
  input->column_stride = 0;
  *n_rows = source.n_rows;
  const struct ArrowArray *first = source.n_chunks ? source.chunks[0] : NULL;
  if (source.n_chunks == 1 && !validity(first) && type->dtype != WL_BOOL &&
      buffer(first, 1)) {
    size_t size = wl_dtype_size(type->dtype);
    input->dtype = type->dtype;
    input->row_stride = (int64_t)size;
    input->values =
        (const char *)buffer(first, 1) + (size_t)first->offset * size;
    return 1;
  }
  input->dtype = copied_dtype(&source, type->dtype);
  size_t size = wl_dtype_size(input->dtype);
  void *values = ext_call_alloc(call, (size_t)source.n_rows, size);
  if (!values)
    return -1;
  uint64_t at = 0;
  for (size_t i = 0; i < source.n_chunks; i++) {
    if (!copy_numbers(type->format, source.chunks[i], input->dtype, values, at))
      return -1;
    at += (uint64_t)source.chunks[i]->length;
  }
  input->row_stride = (int64_t)size;
  input->values = values;
  return 1;
}
