/*
 * interface.c: _core.Interface, how a model is presented: which method shows
 * which output and how, how rows of text are read, where the inputs come from,
 * and the counters. Immutable but for the counters, so threads share it.
 */
#include "ext.h"

#include <string.h>

/* ---- input specs --------------------------------------------------------- */

/* The str under a key of an optional dict, or the default. */
static PyObject *get_text(PyObject *dict, const char *key,
                          const char *otherwise) {
  PyObject *value = dict == Py_None ? NULL : PyMapping_GetItemString(dict, key);
  if (!value && PyErr_Occurred()) {
    if (!PyErr_ExceptionMatches(PyExc_KeyError))
      return NULL;
    PyErr_Clear();
  }
  if (!value)
    return PyUnicode_FromString(otherwise);
  if (PyUnicode_Check(value))
    return value;
  PyErr_Format(PyExc_TypeError, "texts: '%s' must be a str", key);
  Py_DECREF(value);
  return NULL;
}

/* What errors call an input: a column by its name or position, or X itself. */
static PyObject *place_of(const wl_input_info *info, PyObject *name) {
  if (info->name[0])
    return PyUnicode_FromFormat("column %R", name);
  if (info->position >= 0)
    return PyUnicode_FromFormat("column %lld", (long long)info->position);
  return PyUnicode_FromString("X");
}

static bool init_spec(ext_input_spec *spec, const wl_input_info *info,
                      PyObject *text) {
  spec->kind = info->kind;
  spec->n_features = info->n_features;
  spec->name = PyUnicode_FromString(info->name[0] ? info->name : "X");
  return spec->name && (spec->place = place_of(info, spec->name)) &&
         (spec->encoding = get_text(text, "encoding", "utf-8")) &&
         (spec->errors = get_text(text, "errors", "strict")) &&
         (spec->first = get_text(text, "first", "lower")) &&
         ((spec->keeps_single = ext_keeps_single(spec->first)), true) &&
         (spec->estimator = get_text(text, "estimator", "the model"));
}

void ext_specs_free(ext_input_spec *specs, size_t n_inputs) {
  for (size_t i = 0; specs && i < n_inputs; i++) {
    Py_XDECREF(specs[i].name);
    Py_XDECREF(specs[i].place);
    Py_XDECREF(specs[i].encoding);
    Py_XDECREF(specs[i].errors);
    Py_XDECREF(specs[i].first);
    Py_XDECREF(specs[i].estimator);
  }
  PyMem_Free(specs);
}

ext_input_spec *ext_specs_new(const wl_model *model, PyObject *texts,
                              size_t *n_inputs) {
  size_t n = *n_inputs = wl_model_n_inputs(model);
  if (texts != Py_None && PySequence_Size(texts) != (Py_ssize_t)n) {
    if (!PyErr_Occurred())
      PyErr_Format(PyExc_ValueError, "texts must have %zu items", n);
    return NULL;
  }
  ext_input_spec *specs = PyMem_Calloc(n ? n : 1, sizeof *specs);
  if (!specs) {
    PyErr_NoMemory();
    return NULL;
  }
  for (size_t i = 0; i < n; i++) {
    wl_input_info info;
    wl_error error;
    PyObject *text = texts == Py_None
                         ? Py_NewRef(Py_None)
                         : PySequence_GetItem(texts, (Py_ssize_t)i);
    bool ok = text != NULL;
    if (ok && wl_model_input_info(model, i, &info, &error) != WL_OK) {
      PyErr_SetString(PyExc_RuntimeError, error.message);
      ok = false;
    }
    ok = ok && init_spec(&specs[i], &info, text);
    Py_XDECREF(text);
    if (!ok) {
      ext_specs_free(specs, n);
      return NULL;
    }
  }
  return specs;
}

/* ---- slots --------------------------------------------------------------- */

/* (output, ravel, classes or None, finish or None, keeps_f32=False) under a
 * method's name. */
static bool init_slot(const ext_state *state, const wl_model *model,
                      ext_slot *slot, PyObject *name, PyObject *value) {
  PyObject *output, *classes, *finish;
  int ravel, keeps_f32 = 0;
  if (!PyArg_ParseTuple(value, "OpOO|p", &output, &ravel, &classes, &finish,
                        &keeps_f32))
    return false;
  int64_t number = ext_find_output(state, model, output, &slot->info);
  if (number < 0)
    return false;
  slot->output = (size_t)number;
  slot->ravel = ravel != 0;
  slot->keeps_f32 = keeps_f32 != 0;
  slot->finish = finish == Py_None ? NULL : Py_NewRef(finish);
  slot->name = Py_NewRef(name);
  PyUnicode_InternInPlace(&slot->name);
  if (classes == Py_None)
    return true;
  if (slot->info.n_columns != 1 || slot->info.is_sparse) {
    PyErr_Format(PyExc_ValueError, "%U: classes need one dense column", name);
    return false;
  }
  return ext_classes_init(&slot->classes, classes);
}

static bool init_slots(const ext_state *state, ext_interface *self,
                       PyObject *methods) {
  self->slots =
      PyMem_Calloc((size_t)PyDict_GET_SIZE(methods) + 1, sizeof *self->slots);
  if (!self->slots) {
    PyErr_NoMemory();
    return false;
  }
  Py_ssize_t position = 0;
  PyObject *name, *value;
  while (PyDict_Next(methods, &position, &name, &value)) {
    if (!PyUnicode_Check(name)) {
      PyErr_SetString(PyExc_TypeError, "a method's name must be a str");
      return false;
    }
    ext_slot *slot = &self->slots[self->n_slots++];
    if (!init_slot(state, self->model->model, slot, name, value))
      return false;
  }
  return true;
}

ext_slot *ext_interface_find(ext_interface *interface, PyObject *name) {
  for (size_t i = 0; i < interface->n_slots; i++)
    if (interface->slots[i].name == name)
      return &interface->slots[i];
  for (size_t i = 0; i < interface->n_slots; i++)
    if (PyUnicode_Compare(interface->slots[i].name, name) == 0)
      return &interface->slots[i];
  return NULL;
}

/* Whether X itself is the column that every input reads. */
static bool is_column(const wl_model *model) {
  size_t n_inputs = wl_model_n_inputs(model);
  wl_input_info info;
  for (size_t i = 0; i < n_inputs; i++)
    if (wl_model_input_info(model, i, &info, NULL) != WL_OK ||
        info.kind == WL_INPUT_MATRIX || info.position >= 0 || info.name[0])
      return false;
  return n_inputs > 0;
}

static PyObject *interface_new(PyTypeObject *type, PyObject *args,
                               PyObject *kwargs) {
  static char *names[] = {"model",  "methods", "texts", "extract",
                          "direct", "steps",   "empty", NULL};
  PyObject *model, *methods, *texts = Py_None, *extract = Py_None,
                             *steps = Py_None, *empty = Py_None;
  int is_direct = 0;
  ext_state *state = ext_state_of(type);
  if (!state ||
      !PyArg_ParseTupleAndKeywords(
          args, kwargs, "O!O!|OOpOO", names, state->model_type, &model,
          &PyDict_Type, &methods, &texts, &extract, &is_direct, &steps, &empty))
    return NULL;
  ext_interface *self = (ext_interface *)type->tp_alloc(type, 0);
  if (!self)
    return NULL;
  self->model = (ext_model *)Py_NewRef(model);
  self->extract = extract == Py_None ? NULL : Py_NewRef(extract);
  self->steps = steps == Py_None ? NULL : PySequence_Tuple(steps);
  self->empty = empty == Py_None ? NULL : Py_NewRef(empty);
  self->n_stages = wl_model_n_stages(self->model->model);
  self->stage_counts =
      PyMem_Calloc(self->n_stages + 1, sizeof *self->stage_counts);
  if (!self->stage_counts)
    PyErr_NoMemory();
  bool ok = self->stage_counts && (steps == Py_None || self->steps) &&
            init_slots(state, self, methods);
  if (ok)
    self->inputs = ext_specs_new(self->model->model, texts, &self->n_inputs);
  ok = ok && self->inputs;
  if (ok && empty != Py_None && !PyUnicode_Check(empty)) {
    PyErr_SetString(PyExc_TypeError, "empty must be a str");
    ok = false;
  }
  self->is_direct = is_direct && self->n_inputs == 1;
  self->is_column = ok && is_column(self->model->model);
  if (ok && !self->is_direct && !self->extract) {
    PyErr_SetString(PyExc_TypeError, "extract is needed unless direct");
    ok = false;
  }
  if (!ok)
    Py_CLEAR(self);
  return (PyObject *)self;
}

/* ---- calls --------------------------------------------------------------- */

/* What C reads by itself; the rest goes through `extract`, which knows frames
 * and their column names. */
static bool reads_directly(const ext_interface *interface, PyObject *x) {
  if (!interface->is_direct)
    return false;
  return interface->inputs[0].kind == WL_INPUT_TEXT || !interface->extract ||
         PyList_CheckExact(x) || PyObject_CheckBuffer(x);
}

static bool read_inputs(ext_call *call, ext_interface *interface,
                        PyObject *const *x) {
  PyObject *const *objects = x;
  if (!reads_directly(interface, *x)) {
    PyObject *columns = PyObject_CallOneArg(interface->extract, *x);
    if (!ext_call_keep(call, columns))
      return false;
    if (!PyTuple_Check(columns) ||
        (size_t)PyTuple_GET_SIZE(columns) != interface->n_inputs) {
      PyErr_Format(PyExc_TypeError, "extract must return a tuple of %zu inputs",
                   interface->n_inputs);
      return false;
    }
    objects = ((PyTupleObject *)columns)->ob_item;
  }
  if (!ext_call_read(call, interface->inputs, interface->n_inputs, objects, *x))
    return false;
  if (call->n_rows == 0 && interface->empty) {
    PyErr_SetObject(PyExc_ValueError, interface->empty);
    return false;
  }
  return true;
}

/* Whether X is nothing but an exporter of Arrow data, by its type: cheap, and
 * asked of what C does not read by itself. */
static bool may_only_export(PyObject *x) {
  PyObject *type = (PyObject *)Py_TYPE(x);
  return !PyDict_CheckExact(x) && !PyList_CheckExact(x) &&
         !PyObject_CheckBuffer(x) && !PyObject_HasAttrString(type, "shape") &&
         (PyObject_HasAttrString(type, "__arrow_c_stream__") ||
          PyObject_HasAttrString(type, "__arrow_c_array__"));
}

/* X as what the inputs and the steps may each read: what only exports Arrow
 * data becomes a table, and before steps an iterator a list. A new reference,
 * NULL with an exception. */
static PyObject *make_readable(const ext_state *state,
                               const ext_interface *interface, PyObject *x) {
  bool has_steps = interface->steps != NULL;
  if ((has_steps || !reads_directly(interface, x)) && may_only_export(x)) {
    PyObject *is_column = interface->is_column ? Py_True : Py_False;
    x = PyObject_CallFunctionObjArgs(state->readable, x, is_column, NULL);
  } else {
    Py_INCREF(x);
  }
  if (x && has_steps && PyIter_Check(x))
    Py_SETREF(x, PySequence_List(x));
  return x;
}

/* What the slot makes of a result, which it takes over. */
static PyObject *finish_result(const ext_slot *slot, PyObject *result,
                               PyObject *x, bool is_f32) {
  if (result && slot->finish)
    Py_SETREF(result, PyObject_CallFunctionObjArgs(slot->finish, result, x,
                                                   (PyObject *)NULL));
  if (result && slot->keeps_f32 && is_f32)
    Py_SETREF(result, PyObject_CallMethod(result, "astype", "s", "f4"));
  return result;
}

static PyObject *compute_slot(ext_state *state, ext_interface *interface,
                              ext_slot *slot, PyObject *x,
                              ext_compute *compute) {
  compute->model = interface->model->model;
  compute->output = slot->output;
  compute->info = slot->info;
  compute->n_stages = interface->n_stages;
  compute->ravel = slot->ravel;
  compute->classes = slot->classes.array ? &slot->classes : NULL;
  compute->steps = interface->steps;
  compute->stage_counts =
      slot->info.n_stages > 1 ? interface->stage_counts : NULL;
  ext_call call;
  ext_call_begin(&call, state);
  PyObject *result = NULL, *given = x;
  x = compute->x = make_readable(state, interface, x);
  if (ext_call_keep(&call, x) && read_inputs(&call, interface, &x))
    result = ext_run(&call, compute);
  if (result) {
    __atomic_fetch_add(&slot->n_calls, 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&slot->n_rows, call.n_rows, __ATOMIC_RELAXED);
  }
  bool is_f32 = result && slot->keeps_f32 &&
                wl_model_shows_single(compute->model, slot->output, call.inputs,
                                      call.n_inputs);
  ext_call_end(&call);
  return finish_result(slot, result, given, is_f32);
}

PyObject *ext_interface_call(ext_state *state, ext_interface *interface,
                             ext_slot *slot, PyObject *x) {
  ext_compute compute = {0};
  return compute_slot(state, interface, slot, x, &compute);
}

static ext_slot *find_or_raise(ext_interface *self, PyObject *method) {
  ext_slot *slot = ext_interface_find(self, method);
  if (!slot)
    PyErr_Format(PyExc_AttributeError, "there is no method '%U'", method);
  return slot;
}

static PyObject *interface_candidates(ext_interface *self, PyObject *args,
                                      PyObject *kwargs) {
  static char *names[] = {"method", "X", "filter", "n", "n_threads", NULL};
  PyObject *method, *x, *filter;
  Py_ssize_t n;
  ext_compute compute = {0};
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "UOUn|I", names, &method, &x,
                                   &filter, &n, &compute.n_threads))
    return NULL;
  ext_state *state = ext_state_of(Py_TYPE(self));
  ext_slot *slot = find_or_raise(self, method);
  ext_slot *by = slot ? find_or_raise(self, filter) : NULL;
  if (!state || !by)
    return NULL;
  if (n < 1) {
    PyErr_SetString(PyExc_ValueError, "n must be at least 1");
    return NULL;
  }
  compute.n_candidates = (uint64_t)n;
  compute.filter = by->output;
  PyObject *result = compute_slot(state, self, slot, x, &compute);
  PyObject *pair = result ? PyTuple_Pack(2, compute.rows, result) : NULL;
  Py_XDECREF(result);
  Py_XDECREF(compute.rows);
  return pair;
}

static PyObject *interface_run(ext_interface *self, PyObject *args,
                               PyObject *kwargs) {
  static char *names[] = {"method", "X",        "n_threads", "exact",
                          "stages", "progress", NULL};
  PyObject *method, *x, *progress = Py_None;
  int is_exact = 0, wants_stages = 0;
  ext_compute compute = {0};
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "UO|IppO", names, &method, &x,
                                   &compute.n_threads, &is_exact, &wants_stages,
                                   &progress))
    return NULL;
  compute.is_exact = is_exact != 0;
  compute.wants_stages = wants_stages != 0;
  compute.progress = progress == Py_None ? NULL : progress;
  ext_state *state = ext_state_of(Py_TYPE(self));
  ext_slot *slot = find_or_raise(self, method);
  if (!state || !slot)
    return NULL;
  PyObject *result = compute_slot(state, self, slot, x, &compute);
  if (result && wants_stages) {
    PyObject *stages = compute.stages ? compute.stages : Py_None;
    PyObject *pair = PyTuple_Pack(2, result, stages);
    Py_DECREF(result);
    result = pair;
  }
  Py_XDECREF(compute.stages);
  return result;
}

static PyObject *interface_costs(ext_interface *self, PyObject *args) {
  PyObject *method, *x;
  if (!PyArg_ParseTuple(args, "UO", &method, &x))
    return NULL;
  ext_state *state = ext_state_of(Py_TYPE(self));
  ext_slot *slot = find_or_raise(self, method);
  if (!state || !slot)
    return NULL;
  size_t n = wl_model_n_nodes(self->model->model);
  void *data;
  PyObject *costs = ext_array_new(state, WL_I64, n, -1, &data);
  if (!costs)
    return NULL;
  memset(data, 0, n * sizeof(uint64_t));
  ext_compute compute = {.costs = data};
  PyObject *result = compute_slot(state, self, slot, x, &compute);
  if (!result)
    Py_CLEAR(costs);
  Py_XDECREF(result);
  return costs;
}

static PyObject *interface_stats(ext_interface *self,
                                 PyObject *Py_UNUSED(ignored)) {
  PyObject *methods = PyDict_New();
  for (size_t i = 0; methods && i < self->n_slots; i++) {
    ext_slot *slot = &self->slots[i];
    PyObject *pair = Py_BuildValue(
        "KK",
        (unsigned long long)__atomic_load_n(&slot->n_calls, __ATOMIC_RELAXED),
        (unsigned long long)__atomic_load_n(&slot->n_rows, __ATOMIC_RELAXED));
    if (!pair || PyDict_SetItem(methods, slot->name, pair) < 0)
      Py_CLEAR(methods);
    Py_XDECREF(pair);
  }
  PyObject *stages = PyList_New((Py_ssize_t)self->n_stages);
  for (size_t i = 0; stages && i < self->n_stages; i++) {
    PyObject *count = PyLong_FromUnsignedLongLong(
        __atomic_load_n(&self->stage_counts[i], __ATOMIC_RELAXED));
    if (!count)
      Py_CLEAR(stages);
    else
      PyList_SET_ITEM(stages, (Py_ssize_t)i, count);
  }
  PyObject *result =
      methods && stages ? PyTuple_Pack(2, methods, stages) : NULL;
  Py_XDECREF(methods);
  Py_XDECREF(stages);
  return result;
}

static PyObject *interface_model(ext_interface *self,
                                 void *Py_UNUSED(closure)) {
  return Py_NewRef(self->model);
}

static PyObject *interface_methods(ext_interface *self,
                                   void *Py_UNUSED(closure)) {
  PyObject *names = PyTuple_New((Py_ssize_t)self->n_slots);
  for (size_t i = 0; names && i < self->n_slots; i++)
    PyTuple_SET_ITEM(names, (Py_ssize_t)i, Py_NewRef(self->slots[i].name));
  return names;
}

/* ---- the type ------------------------------------------------------------ */

static int interface_traverse(ext_interface *self, visitproc visit, void *arg) {
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(self->model);
  Py_VISIT(self->extract);
  Py_VISIT(self->steps);
  for (size_t i = 0; i < self->n_slots; i++) {
    Py_VISIT(self->slots[i].finish);
    Py_VISIT(self->slots[i].classes.array);
  }
  return 0;
}

static int interface_clear(ext_interface *self) {
  Py_CLEAR(self->extract);
  Py_CLEAR(self->steps);
  for (size_t i = 0; i < self->n_slots; i++)
    Py_CLEAR(self->slots[i].finish);
  return 0;
}

static void interface_dealloc(ext_interface *self) {
  PyTypeObject *type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  interface_clear(self);
  for (size_t i = 0; i < self->n_slots; i++) {
    Py_XDECREF(self->slots[i].name);
    ext_classes_clear(&self->slots[i].classes);
  }
  PyMem_Free(self->slots);
  PyMem_Free(self->stage_counts);
  ext_specs_free(self->inputs, self->n_inputs);
  Py_XDECREF(self->model);
  Py_XDECREF(self->empty);
  type->tp_free(self);
  Py_DECREF(type);
}

PyDoc_STRVAR(
    interface_doc,
    "Interface(model, methods, texts=None, extract=None, direct=False,\n"
    "          steps=None, empty=None)\n--\n\n"
    "How a model is presented. methods: a dict from a method's name to\n"
    "(output, ravel, classes or None, finish or None, keeps_f32=False). texts: "
    "for each input\n"
    "None or a dict (encoding, errors, first, estimator).\n"
    "extract: from X to a tuple of inputs; direct: the one input is X itself.\n"
    "steps: the Python steps by number, called with (inputs, rows, X). empty: "
    "the error for zero rows.");
PyDoc_STRVAR(interface_run_doc,
             "run($self, method, X, n_threads=0, exact=False, stages=False,\n"
             "    progress=None)\n--\n\n"
             "Call a method with options; progress(rows_done, n_rows).");
PyDoc_STRVAR(interface_costs_doc,
             "costs($self, method, X, /)\n--\n\n"
             "Calls a method: what each node of the graph as given took, in\n"
             "nanoseconds (int64, one a node).");
PyDoc_STRVAR(interface_stats_doc,
             "stats($self, /)\n--\n\n"
             "({method: (calls, rows)}, [rows answered by each stage]).");

PyDoc_STRVAR(
    interface_candidates_doc,
    "candidates($self, method, X, filter, n, n_threads=0)\n--\n\n"
    "(rows, result): the method for the n rows whose `filter`, a method\n"
    "of one number, is largest, ascending; rows None: for all.");

static PyMethodDef interface_method_defs[] = {
    {"candidates", EXT_METHOD(interface_candidates),
     METH_VARARGS | METH_KEYWORDS, interface_candidates_doc},
    {"costs", EXT_METHOD(interface_costs), METH_VARARGS, interface_costs_doc},
    {"run", EXT_METHOD(interface_run), METH_VARARGS | METH_KEYWORDS,
     interface_run_doc},
    {"stats", EXT_METHOD(interface_stats), METH_NOARGS, interface_stats_doc},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef interface_getset[] = {
    {"model", (getter)interface_model, NULL, "The _core.Model.", NULL},
    {"methods", (getter)interface_methods, NULL, "The methods' names.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot interface_slots[] = {
    {Py_tp_doc, (char *)(uintptr_t)interface_doc},
    {Py_tp_new, EXT_SLOT(interface_new)},
    {Py_tp_dealloc, EXT_SLOT(interface_dealloc)},
    {Py_tp_traverse, EXT_SLOT(interface_traverse)},
    {Py_tp_clear, EXT_SLOT(interface_clear)},
    {Py_tp_methods, interface_method_defs},
    {Py_tp_getset, interface_getset},
    {0, NULL},
};

PyType_Spec ext_interface_spec = {
    .name = "willump._core.Interface",
    .basicsize = sizeof(ext_interface),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = interface_slots,
};
