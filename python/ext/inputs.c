/*
 * inputs.c: numbers: columns and matrices through the buffer protocol, CSR
 * parts, and what willump._columns adapts; and the reading of all inputs of a
 * call. Whatever the core will read is checked here: shapes, formats, indices.
 */
#include "ext.h"

#include <string.h>

const Py_buffer *ext_view(ext_call *call, PyObject *object) {
  PyObject *view = PyMemoryView_FromObject(object);
  if (!view) {
    if (!PyErr_ExceptionMatches(PyExc_MemoryError))
      PyErr_Clear();
    return NULL;
  }
  return ext_call_keep(call, view) ? PyMemoryView_GET_BUFFER(view) : NULL;
}

/* ---- buffers ------------------------------------------------------------- */

wl_dtype ext_dtype_of(const Py_buffer *view) {
  const char *format = view->format;
  if (*format == '@' || *format == '=' || *format == '<')
    format++;
  if (format[0] == '\0' || format[1] != '\0')
    return WL_DTYPE_COUNT;
  if (*format == '?')
    return view->itemsize == 1 ? WL_BOOL : WL_DTYPE_COUNT;
  bool is_signed = strchr("bhilqn", *format) != NULL;
  if (!is_signed && !strchr("BHILQNfd", *format))
    return WL_DTYPE_COUNT;
  if (*format == 'f' || *format == 'd')
    return view->itemsize == 4   ? WL_F32
           : view->itemsize == 8 ? WL_F64
                                 : WL_DTYPE_COUNT;
  switch (view->itemsize) {
  case 1:
    return is_signed ? WL_I8 : WL_U8;
  case 2:
    return is_signed ? WL_I16 : WL_U16;
  case 4:
    return is_signed ? WL_I32 : WL_U32;
  case 8:
    return is_signed ? WL_I64 : WL_U64;
  default:
    return WL_DTYPE_COUNT;
  }
}

static bool is_aligned(const Py_buffer *view) {
  uintptr_t size = (uintptr_t)view->itemsize, bits = (uintptr_t)view->buf;
  for (int i = 0; i < view->ndim; i++)
    bits |= (uintptr_t)view->strides[i];
  return (bits & (size - 1)) == 0;
}

/* A buffer of numbers with `ndim` dimensions; false without an exception. */
static bool is_numeric(const Py_buffer *view, int ndim) {
  return view->ndim == ndim && !view->suboffsets &&
         ext_dtype_of(view) != WL_DTYPE_COUNT && is_aligned(view);
}

static void use_view(ext_call *call, const Py_buffer *view, wl_input *input,
                     uint64_t *n_rows) {
  input->layout = WL_LAYOUT_STRIDED;
  input->dtype = ext_dtype_of(view);
  input->values = view->buf;
  input->row_stride = view->strides[0];
  input->n_columns = view->ndim == 2 ? (uint64_t)view->shape[1] : 1;
  input->column_stride = view->ndim == 2 ? view->strides[1] : 0;
  *n_rows = (uint64_t)view->shape[0];
  call->work += (size_t)view->len;
}

/* 1: read, 0: not such a buffer, -1: exception. */
static int read_buffer(ext_call *call, PyObject *object, int ndim,
                       wl_input *input, uint64_t *n_rows) {
  if (!PyObject_CheckBuffer(object))
    return 0;
  const Py_buffer *view = ext_view(call, object);
  if (!view)
    return PyErr_Occurred() ? -1 : 0;
  if (!is_numeric(view, ndim))
    return 0;
  use_view(call, view, input, n_rows);
  return 1;
}

/* ---- CSR ----------------------------------------------------------------- */

/* A contiguous vector of numbers; NULL with an exception. */
static const Py_buffer *view_vector(ext_call *call, PyObject *object,
                                    const char *what) {
  const Py_buffer *view =
      PyObject_CheckBuffer(object) ? ext_view(call, object) : NULL;
  if (!view && PyErr_Occurred())
    return NULL;
  if (!view || !is_numeric(view, 1) ||
      (view->shape[0] > 1 && view->strides[0] != view->itemsize)) {
    PyErr_Format(PyExc_TypeError,
                 "the %s of a sparse matrix must be a contiguous array of "
                 "numbers",
                 what);
    return NULL;
  }
  return view;
}

static int64_t index_at(wl_dtype dtype, const void *values, uint64_t i) {
  return dtype == WL_I32 ? ((const int32_t *)values)[i]
                         : ((const int64_t *)values)[i];
}

/* Whether the columns of a row lie within the matrix. */
static bool check_row(const wl_input *input, uint64_t row, uint64_t start,
                      uint64_t end) {
  for (uint64_t i = start; i < end; i++) {
    int64_t column = index_at(input->index_dtype, input->indices, i);
    if (column < 0 || (uint64_t)column >= input->n_columns) {
      PyErr_Format(PyExc_ValueError,
                   "row %llu of a sparse matrix has the column index %lld, "
                   "outside of its %llu columns",
                   (unsigned long long)row, (long long)column,
                   (unsigned long long)input->n_columns);
      return false;
    }
  }
  return true;
}

/* Everything that the core would otherwise have to trust. */
static bool check_csr(const wl_input *input, uint64_t n_rows,
                      uint64_t n_stored) {
  int64_t start = index_at(input->index_dtype, input->indptr, 0);
  bool ok = start == 0;
  for (uint64_t row = 0; ok && row < n_rows; row++) {
    int64_t end = index_at(input->index_dtype, input->indptr, row + 1);
    ok = end >= start && (uint64_t)end <= n_stored;
    if (ok && !check_row(input, row, (uint64_t)start, (uint64_t)end))
      return false;
    start = end;
  }
  if (!ok)
    PyErr_SetString(PyExc_ValueError, "the indptr of a sparse matrix must "
                                      "start at 0, ascend, and end within its "
                                      "data");
  return ok;
}

bool ext_read_csr(ext_call *call, PyObject *parts, wl_input *input,
                  uint64_t *n_rows) {
  PyObject *data, *indices, *indptr;
  Py_ssize_t rows, columns;
  if (!PyArg_ParseTuple(parts, "OOO(nn)", &data, &indices, &indptr, &rows,
                        &columns))
    return false;
  const Py_buffer *values = view_vector(call, data, "data");
  const Py_buffer *index =
      values ? view_vector(call, indices, "indices") : NULL;
  const Py_buffer *starts = index ? view_vector(call, indptr, "indptr") : NULL;
  if (!starts)
    return false;
  wl_dtype index_dtype = ext_dtype_of(index);
  if (index_dtype != ext_dtype_of(starts) ||
      (index_dtype != WL_I32 && index_dtype != WL_I64)) {
    PyErr_SetString(PyExc_TypeError,
                    "the indices and indptr of a sparse matrix "
                    "must both be int32 or int64");
    return false;
  }
  if (rows < 0 || columns < 0 || starts->shape[0] - 1 != rows ||
      values->shape[0] != index->shape[0]) {
    PyErr_SetString(PyExc_ValueError,
                    "the parts of a sparse matrix do not fit each other");
    return false;
  }
  *input = (wl_input){.layout = WL_LAYOUT_CSR,
                      .dtype = ext_dtype_of(values),
                      .n_columns = (uint64_t)columns,
                      .values = values->buf,
                      .index_dtype = index_dtype,
                      .indptr = starts->buf,
                      .indices = index->buf};
  *n_rows = (uint64_t)rows;
  call->work += (size_t)(values->len + index->len + starts->len);
  return check_csr(input, *n_rows, (uint64_t)values->shape[0]);
}

/* ---- columns and matrices ------------------------------------------------ */

/* A column of float32 as a matrix of one that is read as float64. */
static bool read_as_double(ext_call *call, wl_input *input) {
  wl_number_column *column = ext_call_alloc(call, 1, sizeof *column);
  if (!column)
    return false;
  *column = (wl_number_column){input->dtype, input->values, input->row_stride};
  *input = (wl_input){.layout = WL_LAYOUT_COLUMNS,
                      .dtype = WL_F64,
                      .n_columns = 1,
                      .columns = column};
  return true;
}

/* A list of nothing but Python's floats, as a row in a dict is given: 1; else
 * 0, or -1 with an exception. */
static int read_floats(ext_call *call, PyObject *object, wl_input *input,
                       uint64_t *n_rows) {
  Py_ssize_t n = PyList_CheckExact(object) ? PyList_GET_SIZE(object) : 0;
  if (n == 0)
    return 0;
  for (Py_ssize_t i = 0; i < n; i++)
    if (!PyFloat_CheckExact(PyList_GET_ITEM(object, i)))
      return 0;
  double *values = ext_call_alloc(call, (size_t)n, sizeof *values);
  if (!values)
    return -1;
  for (Py_ssize_t i = 0; i < n; i++)
    values[i] = PyFloat_AS_DOUBLE(PyList_GET_ITEM(object, i));
  *input = (wl_input){.layout = WL_LAYOUT_STRIDED,
                      .dtype = WL_F64,
                      .n_columns = 1,
                      .values = values,
                      .row_stride = sizeof *values,
                      .column_stride = sizeof *values};
  *n_rows = (uint64_t)n;
  return 1;
}

static bool read_numeric(ext_call *call, const ext_input_spec *spec,
                         PyObject *object, wl_input *input, uint64_t *n_rows) {
  int found = read_floats(call, object, input, n_rows);
  if (found == 0)
    found = read_buffer(call, object, 1, input, n_rows);
  if (found != 0)
    return found > 0;
  PyObject *adapted = PyObject_CallFunctionObjArgs(
      call->state->adapt_numeric, object, spec->place, spec->first, NULL);
  if (!ext_call_keep(call, adapted))
    return false;
  found = read_buffer(call, adapted, 1, input, n_rows);
  if (found == 0) {
    found = ext_arrow_numeric(call, adapted, input, n_rows);
    if (found > 0 && input->dtype == WL_F32 && !spec->keeps_single &&
        !read_as_double(call, input))
      return false;
  }
  if (found == 0)
    PyErr_Format(PyExc_TypeError, "%U: expected one column of numbers, not %s",
                 spec->place, Py_TYPE(object)->tp_name);
  return found > 0;
}

/* A matrix as a list of columns: one-dimensional buffers and Arrow exporters.
 * keeps_single: float32 of the latter stays what it is. */
static bool read_columns(ext_call *call, PyObject *list, bool keeps_single,
                         wl_input *input, uint64_t *n_rows) {
  size_t n = (size_t)PyList_GET_SIZE(list);
  wl_number_column *columns = ext_call_alloc(call, n, sizeof *columns);
  bool is_double = false;
  if (!columns)
    return false;
  for (size_t c = 0; c < n; c++) {
    PyObject *object = PyList_GET_ITEM(list, (Py_ssize_t)c);
    wl_input column = {0};
    uint64_t n_own;
    int found = read_buffer(call, object, 1, &column, &n_own);
    if (found == 0) {
      found = ext_arrow_numeric(call, object, &column, &n_own);
      is_double |= !keeps_single;
    }
    if (found == 0 || (found > 0 && c > 0 && n_own != *n_rows))
      PyErr_Format(PyExc_TypeError, "column %zu of X is no column of numbers",
                   c);
    if (PyErr_Occurred())
      return false;
    *n_rows = n_own;
    columns[c] =
        (wl_number_column){column.dtype, column.values, column.row_stride};
  }
  *input = (wl_input){.layout = WL_LAYOUT_COLUMNS,
                      .dtype = is_double ? WL_F64 : WL_F32,
                      .n_columns = n,
                      .columns = columns};
  return true;
}

bool ext_keeps_single(PyObject *first) {
  const char *words = first ? PyUnicode_AsUTF8(first) : NULL;
  if (!words && first)
    PyErr_Clear(); /* no words of ours */
  return words && strstr(words, "single_tables");
}

bool ext_read_matrix(ext_call *call, PyObject *first, PyObject *object,
                     wl_input *input, uint64_t *n_rows) {
  /* numpy.matrix is refused as scikit-learn does, in Python. */
  bool is_buffer = strcmp(Py_TYPE(object)->tp_name, "matrix") != 0;
  int found = is_buffer ? read_buffer(call, object, 2, input, n_rows) : 0;
  if (found != 0)
    return found > 0;
  PyObject *adapted = PyObject_CallFunctionObjArgs(call->state->adapt_matrix,
                                                   object, first, NULL);
  if (!ext_call_keep(call, adapted))
    return false;
  if (PyTuple_Check(adapted))
    return ext_read_csr(call, adapted, input, n_rows);
  if (PyList_CheckExact(adapted))
    return read_columns(call, adapted, ext_keeps_single(first), input, n_rows);
  found = read_buffer(call, adapted, 2, input, n_rows);
  if (found == 0)
    PyErr_Format(PyExc_TypeError, "expected a matrix of numbers, not %s",
                 Py_TYPE(object)->tp_name);
  return found > 0;
}

static bool read_one(ext_call *call, const ext_input_spec *spec,
                     PyObject *object, wl_input *input, uint64_t *n_rows) {
  if (spec->kind == WL_INPUT_TEXT || spec->kind == WL_INPUT_CATEGORY)
    return ext_read_text(call, spec, object, input, n_rows);
  if (spec->kind == WL_INPUT_NUMERIC)
    return read_numeric(call, spec, object, input, n_rows);
  if (!ext_read_matrix(call, spec->first, object, input, n_rows))
    return false;
  if (input->n_columns == spec->n_features)
    return true;
  PyErr_Format(PyExc_ValueError,
               "X has %llu features, but %U is expecting %llu features as "
               "input.",
               (unsigned long long)input->n_columns, spec->estimator,
               (unsigned long long)spec->n_features);
  return false;
}

/* ---- all inputs of a call ------------------------------------------------ */

/* The length of x, or of the first axis of its shape; -1 with an error. */
static Py_ssize_t length_of(PyObject *x) {
  PyObject *shape = PyObject_GetAttrString(x, "shape");
  Py_ssize_t n = -1;
  if (shape && PyTuple_Check(shape) && PyTuple_GET_SIZE(shape) > 0) {
    n = PyNumber_AsSsize_t(PyTuple_GET_ITEM(shape, 0), PyExc_OverflowError);
  } else {
    PyErr_Clear();
    n = PyObject_Length(x);
  }
  Py_XDECREF(shape);
  return n;
}

/* The rows of what was passed to a model that reads nothing itself: also of
   what is no array, but makes one. */
static bool count_rows(PyObject *x, uint64_t *n_rows) {
  bool makes_array = !PyObject_HasAttrString(x, "__len__") &&
                     PyObject_HasAttrString(x, "__array__");
  PyObject *array =
      makes_array ? PyObject_CallMethod(x, "__array__", NULL) : Py_NewRef(x);
  Py_ssize_t n = array ? length_of(array) : -1;
  Py_XDECREF(array);
  *n_rows = (uint64_t)n;
  return n >= 0;
}

static bool agree_on_rows(const ext_call *call, size_t i, uint64_t n_rows) {
  if (n_rows == call->n_rows)
    return true;
  PyErr_Format(PyExc_ValueError,
               "the inputs differ in length: '%U' has %llu rows, '%U' has %llu",
               call->specs[0].name, (unsigned long long)call->n_rows,
               call->specs[i].name, (unsigned long long)n_rows);
  return false;
}

bool ext_call_read(ext_call *call, const ext_input_spec *specs, size_t n_inputs,
                   PyObject *const *objects, PyObject *x) {
  call->specs = specs;
  call->n_inputs = n_inputs;
  call->objects = objects;
  call->inputs = ext_call_alloc(call, n_inputs, sizeof *call->inputs);
  if (!call->inputs)
    return false;
  if (n_inputs == 0)
    return count_rows(x, &call->n_rows);
  memset(call->inputs, 0, n_inputs * sizeof *call->inputs);
  for (size_t i = 0; i < n_inputs; i++) {
    uint64_t n_rows;
    if (!read_one(call, &specs[i], objects[i], &call->inputs[i], &n_rows))
      return false;
    if (i == 0)
      call->n_rows = n_rows;
    if (!agree_on_rows(call, i, n_rows))
      return false;
  }
  return true;
}
