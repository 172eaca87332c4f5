/*
 * model.c: _core.Model, a compiled model as Python holds it: made from a graph
 * or an artifact, saved, printed, run. It knows nothing of scikit-learn; that
 * is what _core.Interface and the package add.
 */
#include "ext.h"

#include <string.h>

/* ---- tensors ------------------------------------------------------------- */

static bool tensor_of_array(ext_call *call, PyObject *array, wl_tensor *out) {
  const Py_buffer *view =
      PyObject_CheckBuffer(array) ? ext_view(call, array) : NULL;
  if (!view && PyErr_Occurred())
    return false;
  out->dtype = view ? ext_dtype_of(view) : WL_DTYPE_COUNT;
  if (out->dtype == WL_DTYPE_COUNT || view->ndim > WL_TENSOR_MAX_DIMS ||
      !PyBuffer_IsContiguous(view, 'C')) {
    PyErr_Format(PyExc_TypeError,
                 "tensor '%s' must be a C-contiguous array of numbers with at "
                 "most %d dimensions, or a list of str",
                 out->name, WL_TENSOR_MAX_DIMS);
    return false;
  }
  out->n_dims = (uint32_t)view->ndim;
  for (int i = 0; i < view->ndim; i++)
    out->shape[i] = (uint64_t)view->shape[i];
  out->data = view->buf;
  return true;
}

/* Strings one after the other, and where they start. */
static bool tensor_of_strings(ext_call *call, PyObject *list, wl_tensor *out) {
  PyObject *rows = PySequence_Tuple(list);
  if (!ext_call_keep(call, rows))
    return false;
  size_t n = (size_t)PyTuple_GET_SIZE(rows), total = 0;
  uint64_t *offsets = ext_call_alloc(call, n + 1, sizeof *offsets);
  PyObject **encoded = ext_call_alloc(call, n, sizeof *encoded);
  if (!offsets || !encoded)
    return false;
  offsets[0] = 0;
  for (size_t i = 0; i < n; i++) {
    PyObject *text = PyTuple_GET_ITEM(rows, (Py_ssize_t)i);
    if (!PyUnicode_Check(text)) {
      PyErr_Format(PyExc_TypeError, "tensor '%s': item %zu is no str",
                   out->name, i);
      return false;
    }
    encoded[i] = PyUnicode_AsEncodedString(text, "utf-8", "surrogatepass");
    if (!ext_call_keep(call, encoded[i]))
      return false;
    total += (size_t)PyBytes_GET_SIZE(encoded[i]);
    offsets[i + 1] = total;
  }
  char *bytes = ext_call_alloc(call, total, 1);
  if (!bytes)
    return false;
  for (size_t i = 0; i < n; i++)
    memcpy(bytes + offsets[i], PyBytes_AS_STRING(encoded[i]),
           (size_t)(offsets[i + 1] - offsets[i]));
  out->dtype = WL_STRING;
  out->n_dims = 1;
  out->shape[0] = n;
  out->data = bytes;
  out->offsets = offsets;
  return true;
}

static wl_tensor *read_tensors(ext_call *call, PyObject *mapping, size_t *n) {
  PyObject *items = PyMapping_Items(mapping);
  if (!ext_call_keep(call, items))
    return NULL;
  *n = (size_t)PyList_GET_SIZE(items);
  wl_tensor *tensors = ext_call_alloc(call, *n, sizeof *tensors);
  for (size_t i = 0; tensors && i < *n; i++) {
    PyObject *name, *value;
    if (!PyArg_ParseTuple(PyList_GET_ITEM(items, (Py_ssize_t)i), "OO", &name,
                          &value))
      return NULL;
    tensors[i] = (wl_tensor){.name = PyUnicode_AsUTF8(name)};
    if (!tensors[i].name)
      return NULL;
    bool is_list = PyList_Check(value) || PyTuple_Check(value);
    if (!(is_list ? tensor_of_strings(call, value, &tensors[i])
                  : tensor_of_array(call, value, &tensors[i])))
      return NULL;
  }
  return tensors;
}

/* ---- construction -------------------------------------------------------- */

static PyObject *wrap(PyTypeObject *type, wl_model *model) {
  ext_model *self = (ext_model *)type->tp_alloc(type, 0);
  if (self)
    self->model = model;
  else
    wl_model_release(model);
  return (PyObject *)self;
}

static PyObject *model_compile(PyTypeObject *type, PyObject *args,
                               PyObject *kwargs) {
  static char *names[] = {"text", "tensors", "metadata", "n_threads", NULL};
  const char *text, *metadata = NULL;
  Py_ssize_t text_size;
  PyObject *tensors;
  wl_options options = {.size = sizeof options};
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "s#O|zI", names, &text,
                                   &text_size, &tensors, &metadata,
                                   &options.n_threads))
    return NULL;
  ext_state *state = ext_state_of(type);
  if (!state)
    return NULL;
  ext_call call;
  ext_call_begin(&call, state);
  PyObject *self = NULL;
  size_t n_tensors;
  wl_tensor *list = read_tensors(&call, tensors, &n_tensors);
  if (list) {
    wl_error error;
    wl_model *model = NULL;
    wl_status status;
    Py_BEGIN_ALLOW_THREADS;
    status = wl_model_compile(text, (size_t)text_size, list, n_tensors,
                              metadata, &options, &model, &error);
    Py_END_ALLOW_THREADS;
    if (status == WL_OK)
      self = wrap(type, model);
    else
      ext_raise(state, status, &error);
  }
  ext_call_end(&call);
  return self;
}

static PyObject *model_load(PyTypeObject *type, PyObject *args,
                            PyObject *kwargs) {
  static char *names[] = {"path", "mmap", "n_threads", NULL};
  PyObject *path;
  int use_mmap = 0;
  wl_options options = {.size = sizeof options};
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O&|pI", names,
                                   PyUnicode_FSConverter, &path, &use_mmap,
                                   &options.n_threads))
    return NULL;
  options.use_mmap = use_mmap != 0;
  ext_state *state = ext_state_of(type);
  wl_error error;
  wl_model *model = NULL;
  wl_status status;
  Py_BEGIN_ALLOW_THREADS;
  status = wl_model_load(PyBytes_AS_STRING(path), &options, &model, &error);
  Py_END_ALLOW_THREADS;
  Py_DECREF(path);
  if (status == WL_OK)
    return wrap(type, model);
  if (state)
    ext_raise(state, status, &error);
  return NULL;
}

static PyObject *model_from_bytes(PyTypeObject *type, PyObject *args,
                                  PyObject *kwargs) {
  static char *names[] = {"bytes", "n_threads", NULL};
  Py_buffer bytes;
  wl_options options = {.size = sizeof options};
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "y*|I", names, &bytes,
                                   &options.n_threads))
    return NULL;
  ext_state *state = ext_state_of(type);
  wl_error error;
  wl_model *model = NULL;
  wl_status status;
  Py_BEGIN_ALLOW_THREADS;
  status = wl_model_load_memory(bytes.buf, (size_t)bytes.len, &options, &model,
                                &error);
  Py_END_ALLOW_THREADS;
  PyBuffer_Release(&bytes);
  if (status == WL_OK)
    return wrap(type, model);
  if (state)
    ext_raise(state, status, &error);
  return NULL;
}

static PyObject *model_import_bytes(PyTypeObject *type, PyObject *args,
                                    PyObject *kwargs) {
  ext_state *state = ext_state_of(type);
  wl_error error;
  wl_model *model = NULL;
  wl_status status = ext_import(args, kwargs, &model, &error);
  if (status == WL_OK)
    return wrap(type, model);
  if (state && status != WL_PENDING)
    ext_raise(state, status, &error);
  return NULL;
}

static PyObject *fail(ext_model *self, wl_status status,
                      const wl_error *error) {
  ext_state *state = ext_state_of(Py_TYPE(self));
  if (state)
    ext_raise(state, status, error);
  return NULL;
}

/* ---- artifacts and text -------------------------------------------------- */

static PyObject *model_save(ext_model *self, PyObject *argument) {
  PyObject *path;
  if (!PyUnicode_FSConverter(argument, &path))
    return NULL;
  wl_error error;
  wl_status status;
  Py_BEGIN_ALLOW_THREADS;
  status = wl_model_save(self->model, PyBytes_AS_STRING(path), &error);
  Py_END_ALLOW_THREADS;
  Py_DECREF(path);
  if (status != WL_OK)
    return fail(self, status, &error);
  Py_RETURN_NONE;
}

static PyObject *model_to_bytes(ext_model *self, PyObject *Py_UNUSED(ignored)) {
  wl_error error;
  void *bytes;
  size_t size;
  wl_status status = wl_model_to_memory(self->model, &bytes, &size, &error);
  if (status != WL_OK)
    return fail(self, status, &error);
  PyObject *result = PyBytes_FromStringAndSize(bytes, (Py_ssize_t)size);
  wl_free_bytes(bytes);
  return result;
}

static PyObject *model_print(ext_model *self, PyObject *args,
                             PyObject *kwargs) {
  static char *names[] = {"after", NULL};
  const char *after = NULL;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|z", names, &after))
    return NULL;
  wl_error error;
  char *text;
  wl_status status = wl_model_print(self->model, after, &text, &error);
  if (status != WL_OK)
    return fail(self, status, &error);
  PyObject *result =
      PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "surrogatepass");
  wl_free_bytes(text);
  return result;
}

/* ---- what a model is ----------------------------------------------------- */

static PyObject *model_metadata(ext_model *self, void *Py_UNUSED(closure)) {
  const char *text = wl_model_metadata(self->model);
  return PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "surrogatepass");
}

static PyObject *model_inputs(ext_model *self, void *Py_UNUSED(closure)) {
  static const char *const kinds[WL_INPUT_KIND_COUNT] = {"text", "numeric",
                                                         "matrix", "category"};
  size_t n = wl_model_n_inputs(self->model);
  PyObject *list = PyList_New((Py_ssize_t)n);
  for (size_t i = 0; list && i < n; i++) {
    wl_input_info info;
    wl_error error;
    wl_status status = wl_model_input_info(self->model, i, &info, &error);
    PyObject *item = status == WL_OK
                         ? Py_BuildValue("ssLK", info.name, kinds[info.kind],
                                         (long long)info.position,
                                         (unsigned long long)info.n_features)
                         : fail(self, status, &error);
    if (!item)
      Py_CLEAR(list);
    else
      PyList_SET_ITEM(list, (Py_ssize_t)i, item);
  }
  return list;
}

static PyObject *model_outputs(ext_model *self, void *Py_UNUSED(closure)) {
  size_t n = wl_model_n_outputs(self->model);
  PyObject *list = PyList_New((Py_ssize_t)n);
  for (size_t i = 0; list && i < n; i++) {
    wl_output_info info;
    wl_error error;
    wl_status status = wl_model_output_info(self->model, i, &info, &error);
    PyObject *item =
        status == WL_OK
            ? Py_BuildValue("ssOKO", info.name, wl_dtype_name(info.dtype),
                            info.is_sparse ? Py_True : Py_False,
                            (unsigned long long)info.n_columns,
                            info.has_external ? Py_True : Py_False)
            : fail(self, status, &error);
    if (!item)
      Py_CLEAR(list);
    else
      PyList_SET_ITEM(list, (Py_ssize_t)i, item);
  }
  return list;
}

static PyObject *model_n_stages(ext_model *self, void *Py_UNUSED(closure)) {
  return PyLong_FromSize_t(wl_model_n_stages(self->model));
}

int64_t ext_find_output(const ext_state *state, const wl_model *model,
                        PyObject *key, wl_output_info *info) {
  int64_t number;
  if (PyUnicode_Check(key)) {
    const char *name = PyUnicode_AsUTF8(key);
    if (!name)
      return -1;
    number = wl_model_find_output(model, name);
    if (number < 0) {
      PyErr_Format(PyExc_KeyError, "the model has no output '%U'", key);
      return -1;
    }
  } else {
    number = PyLong_AsLongLong(key);
    if (number == -1 && PyErr_Occurred())
      return -1;
    if (number < 0 || (uint64_t)number >= wl_model_n_outputs(model)) {
      PyErr_Format(PyExc_IndexError, "the model has no output %lld",
                   (long long)number);
      return -1;
    }
  }
  wl_error error;
  wl_status status = wl_model_output_info(model, (size_t)number, info, &error);
  if (status != WL_OK) {
    ext_raise(state, status, &error);
    return -1;
  }
  return number;
}

/* ---- run ----------------------------------------------------------------- */

static PyObject *model_run(ext_model *self, PyObject *args, PyObject *kwargs) {
  static char *names[] = {"output", "inputs",   "n_threads", "exact",
                          "stages", "progress", "ravel",     "steps",
                          "texts",  "X",        NULL};
  PyObject *output, *inputs, *progress = Py_None, *steps = Py_None,
                             *texts = Py_None, *x = NULL;
  int is_exact = 0, wants_stages = 0, ravel = 0;
  unsigned n_threads = 0;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO!|IppOpOOO", names, &output,
                                   &PyTuple_Type, &inputs, &n_threads,
                                   &is_exact, &wants_stages, &progress, &ravel,
                                   &steps, &texts, &x))
    return NULL;
  ext_state *state = ext_state_of(Py_TYPE(self));
  if (!state)
    return NULL;
  x = x ? x : inputs;
  ext_compute compute = {.model = self->model,
                         .n_threads = n_threads,
                         .n_stages = wl_model_n_stages(self->model),
                         .is_exact = is_exact != 0,
                         .ravel = ravel != 0,
                         .x = x,
                         .wants_stages = wants_stages != 0,
                         .progress = progress == Py_None ? NULL : progress};
  int64_t number = ext_find_output(state, self->model, output, &compute.info);
  if (number < 0)
    return NULL;
  compute.output = (size_t)number;
  size_t n_inputs;
  ext_input_spec *specs = ext_specs_new(self->model, texts, &n_inputs);
  if (!specs)
    return NULL;
  ext_call call;
  ext_call_begin(&call, state);
  PyObject *result = NULL;
  if ((size_t)PyTuple_GET_SIZE(inputs) != n_inputs)
    PyErr_Format(PyExc_ValueError, "the model has %zu inputs, not %zd",
                 n_inputs, PyTuple_GET_SIZE(inputs));
  else if (steps == Py_None ||
           ext_call_keep(&call, compute.steps = PySequence_Tuple(steps)))
    if (ext_call_read(&call, specs, n_inputs,
                      ((PyTupleObject *)inputs)->ob_item, x))
      result = ext_run(&call, &compute);
  ext_call_end(&call);
  ext_specs_free(specs, n_inputs);
  if (result && wants_stages) {
    PyObject *pair =
        PyTuple_Pack(2, result, compute.stages ? compute.stages : Py_None);
    Py_DECREF(result);
    Py_XDECREF(compute.stages);
    return pair;
  }
  return result;
}

static void model_dealloc(ext_model *self) {
  PyTypeObject *type = Py_TYPE(self);
  wl_model_release(self->model);
  type->tp_free(self);
  Py_DECREF(type);
}

PyDoc_STRVAR(model_doc, "A compiled model: immutable, shared by threads.");
PyDoc_STRVAR(compile_doc,
             "compile(text, tensors, metadata=None, n_threads=0)\n--\n\n"
             "Compile a graph in its text form with its tensors: a mapping\n"
             "from names to C-contiguous arrays or lists of str.");
PyDoc_STRVAR(load_doc, "load(path, mmap=False, n_threads=0)\n--\n\n"
                       "Load an artifact, verified first.");
PyDoc_STRVAR(from_bytes_doc, "from_bytes(bytes, n_threads=0)\n--\n\n"
                             "Load an artifact from memory.");
PyDoc_STRVAR(
    import_bytes_doc,
    "import_bytes(data, format=None, metadata=None, n_threads=0)\n"
    "--\n\n"
    "Compile the tree ensemble that LightGBM, XGBoost or CatBoost saved:\n"
    "`prediction`, `raw` and `leaves` of a matrix. The format is 'lightgbm',\n"
    "'xgboost-json', 'xgboost-ubj' or 'catboost-json', or None to look\n"
    "at the bytes.");
PyDoc_STRVAR(save_doc, "save($self, path, /)\n--\n\n"
                       "Write an artifact: synced, then renamed.");
PyDoc_STRVAR(to_bytes_doc, "to_bytes($self, /)\n--\n\nThe artifact's bytes.");
PyDoc_STRVAR(print_doc, "print($self, after=None)\n--\n\n"
                        "The graph's text form, as given or after a pass.");
PyDoc_STRVAR(
    run_doc,
    "run($self, output, inputs, n_threads=0, exact=False, stages=False,\n"
    "    progress=None, ravel=False, steps=None, texts=None, X=None)\n--\n\n"
    "Compute an output, by name or number, from a tuple with one object for\n"
    "each of the model's inputs: an array (n_rows, n_columns), or for a "
    "sparse\n"
    "output (data, indices, indptr, shape). With stages, a pair: the result\n"
    "and the stage that answered each row.");

static PyMethodDef model_methods[] = {
    {"compile", EXT_METHOD(model_compile),
     METH_VARARGS | METH_KEYWORDS | METH_CLASS, compile_doc},
    {"load", EXT_METHOD(model_load), METH_VARARGS | METH_KEYWORDS | METH_CLASS,
     load_doc},
    {"from_bytes", EXT_METHOD(model_from_bytes),
     METH_VARARGS | METH_KEYWORDS | METH_CLASS, from_bytes_doc},
    {"import_bytes", EXT_METHOD(model_import_bytes),
     METH_VARARGS | METH_KEYWORDS | METH_CLASS, import_bytes_doc},
    {"save", EXT_METHOD(model_save), METH_O, save_doc},
    {"to_bytes", EXT_METHOD(model_to_bytes), METH_NOARGS, to_bytes_doc},
    {"print", EXT_METHOD(model_print), METH_VARARGS | METH_KEYWORDS, print_doc},
    {"run", EXT_METHOD(model_run), METH_VARARGS | METH_KEYWORDS, run_doc},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef model_getset[] = {
    {"metadata", (getter)model_metadata, NULL, "The metadata, as JSON.", NULL},
    {"inputs", (getter)model_inputs, NULL,
     "The inputs: tuples (name, kind, position, n_features).", NULL},
    {"outputs", (getter)model_outputs, NULL,
     "The outputs: tuples (name, dtype, is_sparse, n_columns, has_external).",
     NULL},
    {"n_stages", (getter)model_n_stages, NULL,
     "The number of stages: 1 for a model that is no cascade.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot model_slots[] = {
    {Py_tp_doc, (char *)(uintptr_t)model_doc},
    {Py_tp_dealloc, EXT_SLOT(model_dealloc)},
    {Py_tp_methods, model_methods},
    {Py_tp_getset, model_getset},
    {0, NULL},
};

PyType_Spec ext_model_spec = {
    .name = "willump._core.Model",
    .basicsize = sizeof(ext_model),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE |
             Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = model_slots,
};
