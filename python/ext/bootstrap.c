/*
 * bootstrap.c: the paired bootstrap of src/stats/bootstrap.h for metrics that
 * Python computes: which rows a replicate draws, and the interval that the
 * replicates give.
 */
#include "stats/bootstrap.h"
#include "ext.h"

#include <string.h>

/* (seed, replicate, n_rows) -> n_rows row numbers as the bytes of int64. */
static PyObject *bootstrap_rows(PyObject *module, PyObject *args) {
  (void)module;
  unsigned long long seed, replicate;
  Py_ssize_t n_rows;
  if (!PyArg_ParseTuple(args, "KKn:bootstrap_rows", &seed, &replicate, &n_rows))
    return NULL;
  if (n_rows < 1 || n_rows > PY_SSIZE_T_MAX / 8) {
    PyErr_SetString(PyExc_ValueError, "bootstrap_rows: n_rows is out of range");
    return NULL;
  }
  PyObject *bytes = PyByteArray_FromStringAndSize(NULL, n_rows * 8);
  if (bytes)
    wl_bootstrap_rows(seed, replicate, (size_t)n_rows,
                      (int64_t *)(void *)PyByteArray_AsString(bytes));
  return bytes;
}

static bool get_doubles(PyObject *object, const char *name, Py_buffer *view) {
  if (PyObject_GetBuffer(object, view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT) < 0)
    return false;
  if (view->ndim == 1 && view->format && strcmp(view->format, "d") == 0)
    return true;
  PyErr_Format(PyExc_ValueError, "%s must be a contiguous vector of float64",
               name);
  PyBuffer_Release(view);
  return false;
}

/* (replicates, observed, left, delta) -> (lower, upper, n_undefined,
 * has_spread). */
static PyObject *bootstrap_interval(PyObject *module, PyObject *args) {
  PyObject *replicates, *left;
  double observed, delta;
  if (!PyArg_ParseTuple(args, "OdOd:bootstrap_interval", &replicates, &observed,
                        &left, &delta))
    return NULL;
  Py_buffer drawn, parts;
  if (!get_doubles(replicates, "replicates", &drawn))
    return NULL;
  if (!get_doubles(left, "left", &parts)) {
    PyBuffer_Release(&drawn);
    return NULL;
  }
  wl_bootstrap_values values = {.replicates = drawn.buf,
                                .n_replicates = (size_t)drawn.shape[0],
                                .observed = observed,
                                .left = parts.buf,
                                .n_parts = (size_t)parts.shape[0]};
  wl_bootstrap found;
  wl_error error;
  wl_status status = wl_bootstrap_interval(&values, delta, &found, &error);
  PyBuffer_Release(&drawn);
  PyBuffer_Release(&parts);
  if (status != WL_OK) {
    ext_raise(PyModule_GetState(module), status, &error);
    return NULL;
  }
  return Py_BuildValue("(ddnO)", found.lower, found.upper,
                       (Py_ssize_t)found.n_undefined,
                       found.has_spread ? Py_True : Py_False);
}

static PyMethodDef functions[] = {
    {"bootstrap_rows", bootstrap_rows, METH_VARARGS,
     PyDoc_STR(
         "bootstrap_rows(seed, replicate, n_rows, /)\n--\n\nThe rows that "
         "a replicate draws, as the bytes of int64.")},
    {"bootstrap_interval", bootstrap_interval, METH_VARARGS,
     PyDoc_STR(
         "bootstrap_interval(replicates, observed, left, delta, "
         "/)\n--\n\nThe interval's ends, how many replicates are NaN, and "
         "whether any two differ.")},
    {NULL, NULL, 0, NULL},
};

bool ext_add_bootstrap(PyObject *module) {
  return PyModule_AddFunctions(module, functions) == 0;
}
