/*
 * trees.c: _core.read_trees and Model.import_bytes: the tree ensembles that
 * other libraries saved (src/import), as arrays for a converter or as a model.
 */
#include "ext.h"
#include "import/import.h"

#include <string.h>

/* A format by its name; None: as the bytes look. */
static bool get_format(const char *name, wl_import_format *out) {
  *out = WL_IMPORT_DETECT;
  if (!name)
    return true;
  for (int f = 0; f < WL_IMPORT_FORMAT_COUNT; f++) {
    *out = (wl_import_format)f;
    if (strcmp(wl_import_format_name(*out), name) == 0)
      return true;
  }
  PyErr_Format(PyExc_ValueError,
               "format='%s' is not one of 'lightgbm', 'xgboost-json', "
               "'xgboost-ubj', 'catboost-json', or None to look at the bytes",
               name);
  return false;
}

/* ---- arrays -------------------------------------------------------------- */

/* Sets an item; takes the reference over, and NULL as a failure. */
static bool set(PyObject *dict, const char *key, PyObject *value) {
  bool ok = value && PyDict_SetItemString(dict, key, value) == 0;
  Py_XDECREF(value);
  return ok;
}

static PyObject *array_of(const ext_state *state, const wl_tensor *tensor) {
  void *data;
  bool is_matrix = tensor->n_dims == 2;
  PyObject *array =
      ext_array_new(state, tensor->dtype, tensor->shape[0],
                    is_matrix ? (int64_t)tensor->shape[1] : -1, &data);
  uint64_t n = tensor->shape[0] * (is_matrix ? tensor->shape[1] : 1);
  if (array && n != 0)
    memcpy(data, tensor->data, (size_t)n * wl_dtype_size(tensor->dtype));
  return array;
}

static PyObject *dict_of(const ext_state *state,
                         const wl_tree_tensors *tensors) {
  PyObject *dict = PyDict_New();
  for (size_t i = 0; dict && i < tensors->n; i++)
    if (!set(dict, tensors->list[i].name, array_of(state, &tensors->list[i])))
      Py_CLEAR(dict);
  return dict;
}

static PyObject *names_of(const wl_text_array *names) {
  if (names->n == 0)
    return Py_NewRef(Py_None);
  PyObject *list = PyList_New((Py_ssize_t)names->n);
  for (size_t i = 0; list && i < names->n; i++) {
    wl_string name = wl_text_at(names, i);
    PyObject *text =
        PyUnicode_DecodeUTF8(name.data, (Py_ssize_t)name.size, "strict");
    if (text)
      PyList_SET_ITEM(list, (Py_ssize_t)i, text);
    else
      Py_CLEAR(list);
  }
  return list;
}

static PyObject *optional_number(int64_t number) {
  return number < 0 ? Py_NewRef(Py_None) : PyLong_FromLongLong(number);
}

static PyObject *optional_text(const char *text) {
  return text ? PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "strict")
              : Py_NewRef(Py_None);
}

static bool fill(PyObject *dict, const ext_state *state,
                 const wl_tree_model *trees, const wl_tree_tensors *tensors) {
  const wl_tensor bias = {.dtype = WL_F64,
                          .n_dims = 1,
                          .shape = {trees->bias.n},
                          .data = trees->bias.values};
  return set(dict, "tensors", dict_of(state, tensors)) &&
         set(dict, "library", PyUnicode_FromString(trees->library)) &&
         set(dict, "objective", optional_text(trees->objective)) &&
         set(dict, "link",
             PyUnicode_FromString(wl_tree_link_name(trees->link))) &&
         set(dict, "link_scale", PyFloat_FromDouble(trees->link_scale)) &&
         set(dict, "is_average", PyBool_FromLong(trees->is_average)) &&
         set(dict, "dtype",
             PyUnicode_FromString(trees->is_f32 ? "f32" : "f64")) &&
         set(dict, "casts_to_f32", PyBool_FromLong(trees->casts_to_f32)) &&
         set(dict, "is_absent_nan", PyBool_FromLong(trees->is_absent_nan)) &&
         set(dict, "n_features", PyLong_FromSize_t(trees->n_features)) &&
         set(dict, "n_outputs", PyLong_FromSize_t(trees->n_outputs)) &&
         set(dict, "n_iterations", PyLong_FromSize_t(trees->n_iterations)) &&
         set(dict, "best_iteration", optional_number(trees->best_iteration)) &&
         set(dict, "feature_names", names_of(&trees->feature_names)) &&
         set(dict, "class_names", names_of(&trees->class_names)) &&
         set(dict, "scale", PyFloat_FromDouble(trees->scale)) &&
         set(dict, "bias", array_of(state, &bias));
}

/* The graph and metadata that an import would make, for a converter to build
 * upon. */
static wl_status fill_texts(PyObject *dict, const wl_tree_model *trees,
                            const wl_tree_tensors *tensors, bool *has_failed,
                            wl_error *error) {
  char *graph = NULL, *metadata = NULL;
  size_t size;
  wl_status status = wl_tree_model_graph(trees, tensors, &graph, &size, error);
  if (status == WL_OK)
    status = wl_tree_model_metadata(trees, &metadata, error);
  *has_failed =
      status == WL_OK && !(set(dict, "graph", optional_text(graph)) &&
                           set(dict, "metadata", optional_text(metadata)));
  wl_free_bytes(graph);
  wl_free_bytes(metadata);
  return status;
}

static PyObject *read_trees(PyObject *module, PyObject *args,
                            PyObject *kwargs) {
  static char *names[] = {"data", "format", NULL};
  ext_state *state = PyModule_GetState(module);
  Py_buffer bytes;
  const char *name = NULL;
  wl_import_format format;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "y*|z:read_trees", names,
                                   &bytes, &name))
    return NULL;
  if (!get_format(name, &format)) {
    PyBuffer_Release(&bytes);
    return NULL;
  }
  wl_tree_model trees;
  wl_tree_tensors tensors = {.n = 0};
  wl_error error;
  wl_status status;
  bool has_failed = false;
  PyObject *dict = NULL;
  wl_tree_model_init(&trees);
  Py_BEGIN_ALLOW_THREADS;
  status = wl_import_read(bytes.buf, (size_t)bytes.len, format, &trees, &error);
  if (status == WL_OK)
    status = wl_tree_tensors_init(&tensors, &trees, &error);
  Py_END_ALLOW_THREADS;
  PyBuffer_Release(&bytes);
  if (status == WL_OK && (dict = PyDict_New())) {
    status = fill_texts(dict, &trees, &tensors, &has_failed, &error);
    if (status != WL_OK || has_failed || !fill(dict, state, &trees, &tensors))
      Py_CLEAR(dict);
  }
  wl_tree_tensors_deinit(&tensors);
  wl_tree_model_deinit(&trees);
  if (status != WL_OK)
    ext_raise(state, status, &error);
  return dict;
}

/* ---- Model.import_bytes -------------------------------------------------- */

wl_status ext_import(PyObject *args, PyObject *kwargs, wl_model **out,
                     wl_error *error) {
  static char *names[] = {"data", "format", "metadata", "n_threads", NULL};
  Py_buffer bytes;
  const char *name = NULL;
  wl_import_options options = {.size = sizeof options};
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "y*|zzI:import_bytes", names,
                                   &bytes, &name, &options.metadata,
                                   &options.n_threads))
    return WL_PENDING;
  wl_status status = WL_PENDING;
  if (get_format(name, &options.format)) {
    Py_BEGIN_ALLOW_THREADS;
    status = wl_model_import_memory(bytes.buf, (size_t)bytes.len, &options, out,
                                    error);
    Py_END_ALLOW_THREADS;
  }
  PyBuffer_Release(&bytes);
  return status;
}

PyDoc_STRVAR(
    read_trees_doc,
    "read_trees(data, format=None)\n--\n\n"
    "Read the tree ensemble that another library saved, without compiling\n"
    "it: a dict with the arrays of the operator `trees` (`tensors`), the\n"
    "graph and the metadata (JSON) that `Model.import_bytes` would make, and\n"
    "what else the file tells. `ids` are the source's own leaf numbers.");

static PyMethodDef functions[] = {
    {"read_trees", EXT_METHOD(read_trees), METH_VARARGS | METH_KEYWORDS,
     read_trees_doc},
    {NULL, NULL, 0, NULL},
};

bool ext_add_trees(PyObject *module) {
  return PyModule_AddFunctions(module, functions) == 0;
}
