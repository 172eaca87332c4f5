/*
 * top_k.c: _core.top_k, the best rows of a query, and the functions that choose
 * and certify a filter for such queries (src/tune/topk.h).
 */
#include "ext.h"
#include "tune/topk.h"

#include <string.h>

static bool is_fine(PyObject *module, wl_status status, const wl_error *error) {
  if (status != WL_OK)
    ext_raise(PyModule_GetState(module), status, error);
  return status == WL_OK;
}

static PyObject *top_k(PyObject *module, PyObject *args) {
  PyObject *scores;
  unsigned long long k;
  Py_buffer view;
  if (!PyArg_ParseTuple(args, "OK:top_k", &scores, &k) ||
      !ext_get_vector(scores, "scores", "d", 8, -1, &view))
    return NULL;
  uint64_t n_rows = (uint64_t)view.shape[0], n_top;
  void *data;
  wl_error error;
  PyObject *ids = ext_array_new(PyModule_GetState(module), WL_I64,
                                k < n_rows ? k : n_rows, -1, &data);
  if (ids && !is_fine(module,
                      wl_top_k(view.buf, n_rows, k, data, NULL, &n_top, &error),
                      &error))
    Py_CLEAR(ids);
  PyBuffer_Release(&view);
  return ids;
}

/* ---- what queries need -----------------------------------------------------
 */

static PyObject *needed(PyObject *module, PyObject *args) {
  PyObject *objects[3], *result = NULL;
  double recall;
  Py_buffer views[3] = {{0}};
  if (!PyArg_ParseTuple(args, "OOdO:topk_needed", &objects[0], &objects[1],
                        &recall, &objects[2]))
    return NULL;
  bool ok = ext_get_vector(objects[0], "filter", "d", 8, -1, &views[0]);
  ok = ok &&
       ext_get_vector(objects[1], "full", "d", 8, views[0].shape[0], &views[1]);
  ok = ok && ext_get_vector(objects[2], "ks", "LQ", 8, -1, &views[2]);
  if (ok) {
    void *data;
    wl_error error;
    result = ext_array_new(PyModule_GetState(module), WL_F64,
                           (uint64_t)views[2].shape[0], -1, &data);
    if (result &&
        !is_fine(module,
                 wl_topk_needed(views[0].buf, views[1].buf,
                                (uint64_t)views[0].shape[0], recall,
                                views[2].buf, (size_t)views[2].shape[0], data,
                                &error),
                 &error))
      Py_CLEAR(result);
  }
  for (size_t i = 0; i < 3; i++)
    if (views[i].obj)
      PyBuffer_Release(&views[i]);
  return result;
}

static PyObject *n_select(PyObject *module, PyObject *args) {
  Py_ssize_t n;
  wl_conformal_promise promise;
  (void)module;
  if (!PyArg_ParseTuple(args, "ndd:topk_n_select", &n, &promise.alpha,
                        &promise.delta))
    return NULL;
  return PyLong_FromSize_t(wl_topk_n_select(n > 0 ? (size_t)n : 0, promise));
}

/* Queries by Ks, as a vector. */
static bool get_queries(PyObject *object, const char *name, size_t n_ks,
                        Py_buffer *view, size_t *n_queries) {
  if (!ext_get_vector(object, name, "d", 8, -1, view))
    return false;
  *n_queries = n_ks > 0 ? (size_t)view->shape[0] / n_ks : 0;
  if (n_ks > 0 && *n_queries * n_ks == (size_t)view->shape[0])
    return true;
  PyErr_Format(PyExc_ValueError, "%s must have a number for each K", name);
  PyBuffer_Release(view);
  *view = (Py_buffer){0};
  return false;
}

static PyObject *share(PyObject *module, PyObject *args) {
  PyObject *of, *sizes, *ks, *result = NULL;
  Py_buffer view = {0}, sizes_view = {0}, ks_view;
  size_t n;
  (void)module;
  if (!PyArg_ParseTuple(args, "OOO:topk_share", &of, &sizes, &ks) ||
      !ext_get_vector(ks, "ks", "LQ", 8, -1, &ks_view))
    return NULL;
  if (get_queries(of, "needed", (size_t)ks_view.shape[0], &view, &n) &&
      ext_get_vector(sizes, "n_rows", "LQ", 8, (Py_ssize_t)n, &sizes_view))
    result = PyFloat_FromDouble(wl_topk_share(
        view.buf, sizes_view.buf, n, ks_view.buf, (size_t)ks_view.shape[0]));
  if (sizes_view.obj)
    PyBuffer_Release(&sizes_view);
  if (view.obj)
    PyBuffer_Release(&view);
  PyBuffer_Release(&ks_view);
  return result;
}

/* ---- the certificate -------------------------------------------------------
 */

static PyObject *knots_dict(const wl_topk_bounds *bounds) {
  PyObject *ks = PyList_New((Py_ssize_t)bounds->n_knots);
  PyObject *shares = PyList_New((Py_ssize_t)bounds->n_knots);
  for (size_t i = 0; ks && shares && i < bounds->n_knots; i++) {
    PyObject *k = PyLong_FromUnsignedLongLong(bounds->ks[i]);
    PyObject *bound = PyFloat_FromDouble(bounds->shares[i]);
    if (!k || !bound) {
      Py_XDECREF(k);
      Py_XDECREF(bound);
      Py_CLEAR(ks);
      break;
    }
    PyList_SET_ITEM(ks, (Py_ssize_t)i, k);
    PyList_SET_ITEM(shares, (Py_ssize_t)i, bound);
  }
  if (ks && shares)
    return Py_BuildValue(
        "{sNsNsOsK}", "ks", ks, "shares", shares, "is_certified",
        bounds->is_certified ? Py_True : Py_False, "queries_needed",
        (unsigned long long)bounds->queries_needed);
  Py_XDECREF(ks);
  Py_XDECREF(shares);
  return NULL;
}

static PyObject *certify(PyObject *module, PyObject *args) {
  PyObject *objects[3], *result = NULL;
  Py_buffer views[3] = {{0}};
  size_t n[2] = {0};
  wl_conformal_promise promise;
  if (!PyArg_ParseTuple(args, "OOOdd:topk_certify", &objects[0], &objects[1],
                        &objects[2], &promise.alpha, &promise.delta))
    return NULL;
  bool ok = ext_get_vector(objects[2], "ks", "LQ", 8, -1, &views[2]);
  size_t n_ks = ok ? (size_t)views[2].shape[0] : 0;
  ok = ok && get_queries(objects[0], "select", n_ks, &views[0], &n[0]);
  ok = ok && get_queries(objects[1], "certify", n_ks, &views[1], &n[1]);
  if (ok) {
    wl_error error;
    wl_topk_bounds bounds;
    wl_status status =
        wl_topk_certify(views[0].buf, n[0], views[1].buf, n[1], views[2].buf,
                        n_ks, promise, &bounds, &error);
    if (is_fine(module, status, &error))
      result = knots_dict(&bounds);
  }
  for (size_t i = 0; i < 3; i++)
    if (views[i].obj)
      PyBuffer_Release(&views[i]);
  return result;
}

static PyObject *candidates(PyObject *module, PyObject *args) {
  PyObject *ks, *shares;
  unsigned long long n_min, n_max, n_rows, k;
  Py_buffer ks_view, view;
  (void)module;
  if (!PyArg_ParseTuple(args, "OOKKKK:topk_candidates", &ks, &shares, &n_min,
                        &n_max, &n_rows, &k) ||
      !ext_get_vector(ks, "ks", "LQ", 8, -1, &ks_view))
    return NULL;
  wl_topk_bounds bounds = {.n_rows_min = n_min, .n_rows_max = n_max};
  size_t n = (size_t)ks_view.shape[0];
  bool ok = ext_get_vector(shares, "shares", "d", 8, (Py_ssize_t)n, &view);
  if (ok && (n == 0 || n > WL_TOPK_MAX_KNOTS)) {
    PyErr_SetString(PyExc_ValueError, "there are no knots, or too many");
    PyBuffer_Release(&view);
    ok = false;
  }
  if (ok) {
    bounds.n_knots = n;
    memcpy(bounds.ks, ks_view.buf, n * sizeof *bounds.ks);
    memcpy(bounds.shares, view.buf, n * sizeof *bounds.shares);
    PyBuffer_Release(&view);
  }
  PyBuffer_Release(&ks_view);
  return ok ? PyLong_FromUnsignedLongLong(
                  wl_topk_candidates(&bounds, n_rows, k))
            : NULL;
}

/* ---- which filters to try --------------------------------------------------
 */

static PyObject *propose(PyObject *module, PyObject *args) {
  PyObject *objects[3], *result = NULL;
  int is_nested;
  double full_cost;
  Py_buffer views[3] = {{0}};
  (void)module;
  if (!PyArg_ParseTuple(args, "OpOOd:topk_propose", &objects[0], &is_nested,
                        &objects[1], &objects[2], &full_cost))
    return NULL;
  bool ok = ext_get_vector(objects[0], "block_costs", "d", 8, -1, &views[0]);
  ok = ok && ext_get_vector(objects[2], "expected", "d", 8, -1, &views[2]);
  Py_ssize_t n = ok ? views[0].shape[0] : 0;
  ok = ok && ext_get_vector(objects[1], "tried", "B", 1, n * views[2].shape[0],
                            &views[1]);
  uint8_t flags[WL_TOPK_MAX_BLOCKS];
  if (ok) {
    bool is_found = wl_topk_propose(
        views[0].buf, (size_t)n, is_nested != 0, views[1].buf, views[2].buf,
        (size_t)views[2].shape[0], full_cost, flags);
    result = is_found ? PyBytes_FromStringAndSize((const char *)flags, n)
                      : Py_NewRef(Py_None);
  }
  for (size_t i = 0; i < 3; i++)
    if (views[i].obj)
      PyBuffer_Release(&views[i]);
  return result;
}

static PyMethodDef functions[] = {
    {"top_k", top_k, METH_VARARGS,
     PyDoc_STR("top_k(scores, k, /)\n--\n\nThe rows of the k largest scores "
               "(float64), best first, as int64: equal ones in the order of "
               "rows, NaN last.")},
    {"topk_needed", needed, METH_VARARGS,
     PyDoc_STR("topk_needed(filter, full, recall, ks, /)\n--\n\nFor each K the "
               "share of the rows that the filter must keep.")},
    {"topk_n_select", n_select, METH_VARARGS,
     PyDoc_STR("topk_n_select(n_queries, alpha, delta, /)\n--\n\nHow many of "
               "the queries choose the filter.")},
    {"topk_share", share, METH_VARARGS,
     PyDoc_STR("topk_share(needed, n_rows, ks, /)\n--\n\nThe share of the rows "
               "that a filter is likely to keep; needed: queries by Ks, flat; "
               "n_rows: of each query.")},
    {"topk_certify", certify, METH_VARARGS,
     PyDoc_STR("topk_certify(select, certify, ks, alpha, delta, /)\n--\n\nThe "
               "bounds as a dict; queries by Ks, flat.")},
    {"topk_candidates", candidates, METH_VARARGS,
     PyDoc_STR("topk_candidates(ks, shares, n_min, n_max, n_rows, k, /)\n--\n\n"
               "How many rows a filter keeps.")},
    {"topk_propose", propose, METH_VARARGS,
     PyDoc_STR("topk_propose(block_costs, is_nested, tried, expected, "
               "full_cost, /)\n--\n\nThe next blocks to train a filter on, a "
               "flag each, or None.")},
    {NULL, NULL, 0, NULL},
};

bool ext_add_top_k(PyObject *module) {
  return PyModule_AddFunctions(module, functions) == 0;
}
