/*
 * results.c: results as NumPy arrays, without NumPy's headers: numpy.empty
 * makes the array and its buffer is written before anyone else sees it.
 */
#include "ext.h"

#include <string.h>

/* A new array of any dtype; its address with *data. */
static PyObject *array_new(const ext_state *state, PyObject *dtype,
                           uint64_t n_rows, int64_t n_columns, void **data) {
  if (n_rows > (uint64_t)PY_SSIZE_T_MAX)
    return PyErr_NoMemory();
  PyObject *shape = n_columns < 0 ? PyLong_FromUnsignedLongLong(n_rows)
                                  : Py_BuildValue("(nL)", (Py_ssize_t)n_rows,
                                                  (long long)n_columns);
  if (!shape)
    return NULL;
  PyObject *args[2] = {shape, dtype};
  PyObject *array = PyObject_Vectorcall(state->numpy_empty, args, 2, NULL);
  Py_DECREF(shape);
  Py_buffer view;
  if (!array)
    return NULL;
  if (PyObject_GetBuffer(array, &view, PyBUF_C_CONTIGUOUS | PyBUF_WRITABLE) <
      0) {
    Py_DECREF(array);
    return NULL;
  }
  *data = view.buf; /* stays where it is: the array owns it */
  PyBuffer_Release(&view);
  return array;
}

PyObject *ext_array_new(const ext_state *state, wl_dtype dtype, uint64_t n_rows,
                        int64_t n_columns, void **data) {
  PyObject *type =
      (unsigned)dtype < WL_DTYPE_COUNT ? state->dtypes[dtype] : NULL;
  if (!type) {
    PyErr_SetString(PyExc_TypeError, "strings have no NumPy array");
    return NULL;
  }
  return array_new(state, type, n_rows, n_columns, data);
}

/* ---- copies of a result -------------------------------------------------- */

/* From what the core stores (f64, f32, i64, i32) to the dtype that Python sees.
 */
static bool copy_values(void *to, wl_dtype to_dtype, const void *from,
                        wl_dtype from_dtype, uint64_t n) {
  if (n == 0)
    return true;
  if (to_dtype == from_dtype) {
    memcpy(to, from, (size_t)n * wl_dtype_size(to_dtype));
    return true;
  }
  const double *doubles = from;
  if (from_dtype == WL_F64 && to_dtype == WL_F32) {
    for (uint64_t i = 0; i < n; i++)
      ((float *)to)[i] = (float)doubles[i];
    return true;
  }
  if (from_dtype == WL_F64 && to_dtype == WL_I64) {
    for (uint64_t i = 0; i < n; i++)
      ((int64_t *)to)[i] = (int64_t)doubles[i];
    return true;
  }
  if (from_dtype == WL_F64 && to_dtype == WL_I32) {
    for (uint64_t i = 0; i < n; i++)
      ((int32_t *)to)[i] = (int32_t)doubles[i];
    return true;
  }
  if (from_dtype == WL_I64 && to_dtype == WL_I32) {
    for (uint64_t i = 0; i < n; i++)
      ((int32_t *)to)[i] = (int32_t)((const int64_t *)from)[i];
    return true;
  }
  if (from_dtype == WL_I64 && to_dtype == WL_F64) {
    for (uint64_t i = 0; i < n; i++)
      ((double *)to)[i] = (double)((const int64_t *)from)[i];
    return true;
  }
  PyErr_Format(PyExc_RuntimeError, "no conversion of a result from %s to %s",
               wl_dtype_name(from_dtype), wl_dtype_name(to_dtype));
  return false;
}

static PyObject *copy_array(const ext_state *state, const void *from,
                            wl_dtype from_dtype, wl_dtype dtype,
                            uint64_t n_rows, int64_t n_columns) {
  void *data;
  PyObject *array = ext_array_new(state, dtype, n_rows, n_columns, &data);
  uint64_t n = n_columns < 0 ? n_rows : n_rows * (uint64_t)n_columns;
  if (array && !copy_values(data, dtype, from, from_dtype, n))
    Py_CLEAR(array);
  return array;
}

/* SciPy wants indices and indptr of one type: int32 where they fit. */
static PyObject *copy_indices(const ext_state *state, const int32_t *indices,
                              uint64_t n, bool is_wide) {
  if (!is_wide)
    return copy_array(state, indices, WL_I32, WL_I32, n, -1);
  void *data;
  PyObject *array = ext_array_new(state, WL_I64, n, -1, &data);
  for (uint64_t i = 0; array && i < n; i++)
    ((int64_t *)data)[i] = indices[i];
  return array;
}

static PyObject *copy_indptr(const ext_state *state, const int64_t *indptr,
                             uint64_t n, bool is_wide) {
  void *data;
  PyObject *array =
      ext_array_new(state, is_wide ? WL_I64 : WL_I32, n, -1, &data);
  for (uint64_t i = 0; array && i < n; i++) {
    if (is_wide)
      ((int64_t *)data)[i] = indptr[i] - indptr[0];
    else
      ((int32_t *)data)[i] = (int32_t)(indptr[i] - indptr[0]);
  }
  return array;
}

static PyObject *csr_of_result(const ext_state *state, const wl_result *result,
                               wl_dtype dtype) {
  int64_t start = result->indptr[0];
  uint64_t n_stored = (uint64_t)(result->indptr[result->n_rows] - start);
  bool is_wide = n_stored > INT32_MAX;
  const char *values = (const char *)result->values +
                       (size_t)start * wl_dtype_size(result->dtype);
  PyObject *data =
      copy_array(state, values, result->dtype, dtype, n_stored, -1);
  PyObject *indices =
      data ? copy_indices(state, result->indices + start, n_stored, is_wide)
           : NULL;
  PyObject *indptr =
      indices ? copy_indptr(state, result->indptr, result->n_rows + 1, is_wide)
              : NULL;
  PyObject *parts = indptr
                        ? Py_BuildValue("OOO(KK)", data, indices, indptr,
                                        (unsigned long long)result->n_rows,
                                        (unsigned long long)result->n_columns)
                        : NULL;
  Py_XDECREF(data);
  Py_XDECREF(indices);
  Py_XDECREF(indptr);
  return parts;
}

PyObject *ext_array_of_result(const ext_state *state, const wl_result *result,
                              wl_dtype dtype, bool ravel) {
  if (result->is_sparse)
    return csr_of_result(state, result, dtype);
  bool is_flat = ravel && result->n_columns == 1;
  return copy_array(state, result->values, result->dtype, dtype, result->n_rows,
                    is_flat ? -1 : (int64_t)result->n_columns);
}

/* ---- classes ------------------------------------------------------------- */

bool ext_classes_init(ext_classes *classes, PyObject *array) {
  *classes = (ext_classes){0};
  classes->dtype = PyObject_GetAttrString(array, "dtype");
  if (!classes->dtype)
    return false;
  classes->array = Py_NewRef(array);
  classes->n_classes = PyObject_Length(array);
  if (classes->n_classes < 0)
    return false;
  PyObject *memory = PyMemoryView_FromObject(array);
  if (!memory) {
    PyErr_Clear(); /* dates and the like export no buffer: array.take serves */
    return true;
  }
  const Py_buffer *view = PyMemoryView_GET_BUFFER(memory);
  if (view->ndim != 1) {
    Py_DECREF(memory);
    PyErr_SetString(PyExc_ValueError, "classes must be one-dimensional");
    return false;
  }
  classes->are_objects = strcmp(view->format, "O") == 0;
  if (!classes->are_objects && strchr(view->format, 'O')) {
    Py_DECREF(memory);
    return true;
  }
  classes->view = memory;
  classes->items = view->buf;
  classes->item_size = view->itemsize;
  classes->stride = view->strides[0];
  return true;
}

void ext_classes_clear(ext_classes *classes) {
  Py_CLEAR(classes->view);
  Py_CLEAR(classes->array);
  Py_CLEAR(classes->dtype);
}

/* Sizes known to the compiler make the copies single moves. */
static void take_items(const ext_classes *classes, const int64_t *indices,
                       uint64_t n_rows, char *out) {
  const char *items = classes->items;
  Py_ssize_t stride = classes->stride;
  if (classes->item_size == 8) {
    for (uint64_t i = 0; i < n_rows; i++)
      memcpy(out + 8 * i, items + indices[i] * stride, 8);
    return;
  }
  size_t size = (size_t)classes->item_size;
  for (uint64_t i = 0; i < n_rows; i++)
    memcpy(out + size * i, items + indices[i] * stride, size);
}

/* References, in an array that numpy.empty filled with None. */
static void take_objects(const ext_classes *classes, const int64_t *indices,
                         uint64_t n_rows, PyObject **out) {
  for (uint64_t i = 0; i < n_rows; i++) {
    PyObject *item, *before = out[i];
    memcpy(&item, classes->items + indices[i] * classes->stride, sizeof item);
    out[i] = Py_XNewRef(item);
    Py_XDECREF(before);
  }
}

PyObject *ext_classes_take(const ext_state *state, const ext_classes *classes,
                           const int64_t *indices, uint64_t n_rows) {
  for (uint64_t i = 0; i < n_rows; i++)
    if (indices[i] < 0 || indices[i] >= classes->n_classes) {
      PyErr_Format(state->artifact_error,
                   "row %llu has class %lld, but the metadata name %zd classes",
                   (unsigned long long)i, (long long)indices[i],
                   classes->n_classes);
      return NULL;
    }
  void *data;
  if (classes->view) {
    PyObject *array = array_new(state, classes->dtype, n_rows, -1, &data);
    if (array && classes->are_objects)
      take_objects(classes, indices, n_rows, data);
    else if (array)
      take_items(classes, indices, n_rows, data);
    return array;
  }
  PyObject *numbers = ext_array_new(state, WL_I64, n_rows, -1, &data);
  if (!numbers)
    return NULL;
  if (n_rows > 0)
    memcpy(data, indices, (size_t)n_rows * sizeof *indices);
  PyObject *taken = PyObject_CallMethod(classes->array, "take", "O", numbers);
  Py_DECREF(numbers);
  return taken;
}
