/*
 * methods.c: what makes a compiled object's methods cheap. CompiledBase holds
 * the interface; output_method is a decorator that turns a method into a call
 * of the slot of its name. It is a method descriptor, so calling it makes no
 * bound method, and an object whose model lacks the output has no such
 * attribute. A call with more than X goes to the object's `_with_options`.
 */
#include "ext.h"

#include <stddef.h>
#include <structmember.h>

/* ---- CompiledBase -------------------------------------------------------- */

/* A new reference, or NULL without an exception: the interface may be replaced
 * by a fit in another thread. */
static ext_interface *interface_of(PyObject *object) {
  ext_base *self = (ext_base *)object;
  PyObject *interface;
  Py_BEGIN_CRITICAL_SECTION(object);
  interface = Py_XNewRef(self->interface);
  Py_END_CRITICAL_SECTION();
  return (ext_interface *)interface;
}

static PyObject *base_get_interface(PyObject *self, void *Py_UNUSED(closure)) {
  PyObject *interface = (PyObject *)interface_of(self);
  return interface ? interface : Py_NewRef(Py_None);
}

static int base_set_interface(PyObject *object, PyObject *value,
                              void *Py_UNUSED(closure)) {
  ext_base *self = (ext_base *)object;
  ext_state *state = ext_state_of(Py_TYPE(object));
  if (!state)
    return -1;
  if (!value || value == Py_None) {
    value = NULL;
  } else if (!Py_IS_TYPE(value, state->interface_type)) {
    PyErr_SetString(PyExc_TypeError, "_interface must be an Interface");
    return -1;
  }
  PyObject *old;
  Py_BEGIN_CRITICAL_SECTION(object);
  old = self->interface;
  self->interface = Py_XNewRef(value);
  Py_END_CRITICAL_SECTION();
  Py_XDECREF(old);
  return 0;
}

static int base_traverse(PyObject *self, visitproc visit, void *arg) {
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(((ext_base *)self)->interface);
  return 0;
}

static int base_clear(PyObject *self) {
  Py_CLEAR(((ext_base *)self)->interface);
  return 0;
}

static void base_dealloc(PyObject *self) {
  PyTypeObject *type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  base_clear(self);
  type->tp_free(self);
  Py_DECREF(type);
}

static PyGetSetDef base_getset[] = {
    {"_interface", base_get_interface, base_set_interface,
     "The _core.Interface, or None before a fit.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot base_slots[] = {
    {Py_tp_doc, "What a compiled object's methods read in C."},
    {Py_tp_dealloc, EXT_SLOT(base_dealloc)},
    {Py_tp_traverse, EXT_SLOT(base_traverse)},
    {Py_tp_clear, EXT_SLOT(base_clear)},
    {Py_tp_getset, base_getset},
    {0, NULL},
};

PyType_Spec ext_base_spec = {
    .name = "willump._core.CompiledBase",
    .basicsize = sizeof(ext_base),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE,
    .slots = base_slots,
};

/* ---- output_method ------------------------------------------------------- */

typedef struct output_method {
  PyObject_HEAD PyObject
      *function;  /* the decorated function: name, doc, signature */
  PyObject *name; /* interned */
  PyObject *dict; /* __doc__, __name__, __wrapped__ ... */
  vectorcallfunc vectorcall;
} output_method;

/* Asks the object why it cannot; always NULL with an exception. */
static PyObject *refuse(PyObject *object, PyObject *name) {
  PyObject *answer = PyObject_CallMethod(object, "_refuse", "O", name);
  if (answer) {
    Py_DECREF(answer);
    PyErr_Format(PyExc_AttributeError, "there is no method '%U'", name);
  }
  return NULL;
}

/* Options of the original's method, which C does not know: the object's
 * `_with_options` answers the call. */
static PyObject *call_with_options(PyObject *name, PyObject *const *args,
                                   Py_ssize_t n_args, PyObject *kwnames) {
  PyObject *given = PyTuple_New(n_args - 1), *options = PyDict_New();
  bool ok = given && options;
  for (Py_ssize_t i = 1; ok && i < n_args; i++)
    PyTuple_SET_ITEM(given, i - 1, Py_NewRef(args[i]));
  for (Py_ssize_t i = 0; ok && kwnames && i < PyTuple_GET_SIZE(kwnames); i++)
    ok = PyDict_SetItem(options, PyTuple_GET_ITEM(kwnames, i),
                        args[n_args + i]) == 0;
  PyObject *result = ok ? PyObject_CallMethod(args[0], "_with_options", "OOO",
                                              name, given, options)
                        : NULL;
  Py_XDECREF(given);
  Py_XDECREF(options);
  return result;
}

/* X of (self, X), also by name; NULL without an exception. */
static PyObject *find_x(const ext_state *state, PyObject *const *args,
                        Py_ssize_t n_args, PyObject *kwnames) {
  Py_ssize_t n_named = kwnames ? PyTuple_GET_SIZE(kwnames) : 0;
  if (n_args + n_named != 2)
    return NULL;
  if (n_named == 0)
    return args[1];
  PyObject *name = PyTuple_GET_ITEM(kwnames, 0);
  bool is_x = PyUnicode_Compare(name, state->str_X) == 0 ||
              PyUnicode_Compare(name, state->str_raw_documents) == 0;
  return is_x ? args[n_args] : NULL;
}

static PyObject *output_method_call(PyObject *callable, PyObject *const *args,
                                    size_t nargsf, PyObject *kwnames) {
  output_method *self = (output_method *)callable;
  Py_ssize_t n_args = PyVectorcall_NARGS(nargsf);
  ext_state *state = PyType_GetModuleState(Py_TYPE(callable));
  if (!state)
    return NULL;
  if (n_args < 1 || !PyObject_TypeCheck(args[0], state->base_type)) {
    PyErr_Format(PyExc_TypeError, "%U() takes one argument: 'X'", self->name);
    return NULL;
  }
  if (n_args == 1 && !kwnames) {
    PyErr_Format(PyExc_TypeError,
                 "%U() missing 1 required positional argument: 'X'",
                 self->name);
    return NULL;
  }
  PyObject *x = find_x(state, args, n_args, kwnames);
  ext_interface *interface = interface_of(args[0]);
  ext_slot *slot = interface ? ext_interface_find(interface, self->name) : NULL;
  PyObject *result;
  if (!slot)
    result = refuse(args[0], self->name);
  else if (x)
    result = ext_interface_call(state, interface, slot, x);
  else
    result = call_with_options(self->name, args, n_args, kwnames);
  Py_XDECREF(interface);
  return result;
}

/* Without an interface (before a fit) the method is there, and calling it says
 * that the model is not fitted. */
static PyObject *output_method_get(PyObject *self, PyObject *object,
                                   PyObject *Py_UNUSED(type)) {
  if (!object || object == Py_None)
    return Py_NewRef(self);
  ext_state *state = PyType_GetModuleState(Py_TYPE(self));
  if (state && PyObject_TypeCheck(object, state->base_type)) {
    PyObject *name = ((output_method *)self)->name;
    ext_interface *interface = interface_of(object);
    bool is_there = !interface || ext_interface_find(interface, name);
    Py_XDECREF(interface);
    if (!is_there)
      return refuse(object, name);
  }
  return PyMethod_New(self, object);
}

static PyObject *output_method_new(PyTypeObject *type, PyObject *args,
                                   PyObject *kwargs) {
  static char *names[] = {"function", NULL};
  PyObject *function;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O", names, &function))
    return NULL;
  output_method *self = (output_method *)type->tp_alloc(type, 0);
  if (!self)
    return NULL;
  self->vectorcall = output_method_call;
  self->function = Py_NewRef(function);
  self->name = PyObject_GetAttrString(function, "__name__");
  self->dict = PyDict_New();
  bool ok = self->name && self->dict && PyUnicode_Check(self->name) &&
            PyDict_SetItemString(self->dict, "__wrapped__", function) == 0;
  static const char *const copied[] = {"__doc__", "__name__", "__qualname__",
                                       "__module__"};
  for (size_t i = 0; ok && i < sizeof copied / sizeof *copied; i++) {
    PyObject *value = PyObject_GetAttrString(function, copied[i]);
    ok = value && PyDict_SetItemString(self->dict, copied[i], value) == 0;
    Py_XDECREF(value);
  }
  if (!ok) {
    if (!PyErr_Occurred())
      PyErr_SetString(PyExc_TypeError, "output_method needs a function");
    Py_DECREF(self);
    return NULL;
  }
  PyUnicode_InternInPlace(&self->name);
  return (PyObject *)self;
}

static int output_method_traverse(output_method *self, visitproc visit,
                                  void *arg) {
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(self->function);
  Py_VISIT(self->dict);
  return 0;
}

static int output_method_clear(output_method *self) {
  Py_CLEAR(self->function);
  Py_CLEAR(self->dict);
  return 0;
}

static void output_method_dealloc(output_method *self) {
  PyTypeObject *type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  output_method_clear(self);
  Py_CLEAR(self->name);
  type->tp_free(self);
  Py_DECREF(type);
}

static PyMemberDef output_method_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(output_method, vectorcall),
     READONLY, NULL},
    {"__dictoffset__", T_PYSSIZET, offsetof(output_method, dict), READONLY,
     NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot output_method_slots[] = {
    {Py_tp_new, EXT_SLOT(output_method_new)},
    {Py_tp_dealloc, EXT_SLOT(output_method_dealloc)},
    {Py_tp_traverse, EXT_SLOT(output_method_traverse)},
    {Py_tp_clear, EXT_SLOT(output_method_clear)},
    {Py_tp_call, EXT_SLOT(PyVectorcall_Call)},
    {Py_tp_descr_get, EXT_SLOT(output_method_get)},
    {Py_tp_members, output_method_members},
    {0, NULL},
};

PyType_Spec ext_output_method_spec = {
    .name = "willump._core.output_method",
    .basicsize = sizeof(output_method),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC |
             Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_HAVE_VECTORCALL |
             Py_TPFLAGS_METHOD_DESCRIPTOR,
    .slots = output_method_slots,
};
