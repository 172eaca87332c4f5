/*
 * module.c: the extension module willump._core: its state, and how a failed
 * status becomes a Python exception. There is no static mutable state.
 */
#include "ext.h"

#include <string.h>

ext_state *ext_state_of(PyTypeObject *type) {
  PyObject *module = PyType_GetModuleByDef(type, &ext_module);
  return module ? PyModule_GetState(module) : NULL;
}

void ext_raise(const ext_state *state, wl_status status,
               const wl_error *error) {
  PyObject *type = PyExc_RuntimeError;
  switch (status) {
  case WL_ERROR_VALUE:
  case WL_ERROR_ENCODING:
    type = PyExc_ValueError;
    break;
  case WL_ERROR_TYPE:
    type = PyExc_TypeError;
    break;
  case WL_ERROR_KEY:
    type = PyExc_KeyError;
    break;
  case WL_ERROR_MEMORY:
    type = PyExc_MemoryError;
    break;
  case WL_ERROR_IO:
    type = PyExc_OSError;
    break;
  case WL_ERROR_UNSUPPORTED:
    type = state->unsupported_error;
    break;
  case WL_ERROR_ARTIFACT:
    type = state->artifact_error;
    break;
  case WL_ERROR_CERTIFICATE:
    type = state->certificate_error;
    break;
  case WL_ERROR_CANCELLED:
    type = PyExc_KeyboardInterrupt;
    break;
  case WL_OK:
  case WL_PENDING:
  case WL_ERROR_INTERNAL:
  case WL_STATUS_COUNT:
    break;
  }
  const char *text =
      error && error->code == status ? error->message : wl_status_name(status);
  PyObject *message =
      PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
  if (message) {
    PyErr_SetObject(type, message);
    Py_DECREF(message);
  }
}

/* ---- state --------------------------------------------------------------- */

static PyObject *import_name(const char *module_name, const char *name) {
  PyObject *module = PyImport_ImportModule(module_name);
  if (!module)
    return NULL;
  PyObject *object = PyObject_GetAttrString(module, name);
  Py_DECREF(module);
  return object;
}

static bool init_imports(ext_state *state) {
  const struct {
    PyObject **slot;
    const char *module, *name;
  } imports[] = {
      {&state->unsupported_error, "willump._errors", "UnsupportedError"},
      {&state->artifact_error, "willump._errors", "ArtifactError"},
      {&state->certificate_error, "willump._errors", "CertificateError"},
      {&state->readable, "willump._arrow", "readable"},
      {&state->adapt_text, "willump._columns", "adapt_text"},
      {&state->adapt_numeric, "willump._columns", "adapt_numeric"},
      {&state->adapt_matrix, "willump._columns", "adapt_matrix"},
      {&state->bad_text, "willump._places", "bad_text"},
      {&state->bad_encoding, "willump._places", "bad_encoding"},
      {&state->numpy_empty, "numpy", "empty"},
  };
  for (size_t i = 0; i < sizeof imports / sizeof *imports; i++)
    if (!(*imports[i].slot = import_name(imports[i].module, imports[i].name)))
      return false;
  state->str_X = PyUnicode_InternFromString("X");
  state->str_raw_documents = PyUnicode_InternFromString("raw_documents");
  return state->str_X && state->str_raw_documents;
}

static bool init_dtypes(ext_state *state) {
  static const char *const codes[WL_DTYPE_COUNT] = {
      [WL_BOOL] = "?", [WL_I8] = "i1",  [WL_U8] = "u1",  [WL_I16] = "i2",
      [WL_U16] = "u2", [WL_I32] = "i4", [WL_U32] = "u4", [WL_I64] = "i8",
      [WL_U64] = "u8", [WL_F32] = "f4", [WL_F64] = "f8"};
  PyObject *make = import_name("numpy", "dtype");
  if (!make)
    return false;
  bool ok = true;
  for (size_t i = 0; ok && i < WL_DTYPE_COUNT; i++)
    if (codes[i])
      ok = (state->dtypes[i] = PyObject_CallFunction(make, "s", codes[i]));
  Py_DECREF(make);
  return ok;
}

static PyTypeObject *add_type(PyObject *module, PyType_Spec *spec) {
  PyObject *type = PyType_FromModuleAndSpec(module, spec, NULL);
  if (type && PyModule_AddType(module, (PyTypeObject *)type) < 0)
    Py_CLEAR(type);
  return (PyTypeObject *)type;
}

static bool add_names(PyObject *module, const char *attribute,
                      const char *(*name_of)(size_t)) {
  PyObject *list = PyList_New(0);
  const char *name;
  for (size_t i = 0; list && (name = name_of(i)); i++) {
    PyObject *text = PyUnicode_FromString(name);
    if (!text || PyList_Append(list, text) < 0)
      Py_CLEAR(list);
    Py_XDECREF(text);
  }
  PyObject *tuple = list ? PyList_AsTuple(list) : NULL;
  Py_XDECREF(list);
  bool ok = tuple && PyModule_AddObjectRef(module, attribute, tuple) == 0;
  Py_XDECREF(tuple);
  return ok;
}

static int module_exec(PyObject *module) {
  ext_state *state = PyModule_GetState(module);
  if (!init_imports(state) || !init_dtypes(state))
    return -1;
  if (!(state->model_type = add_type(module, &ext_model_spec)) ||
      !(state->interface_type = add_type(module, &ext_interface_spec)) ||
      !(state->base_type = add_type(module, &ext_base_spec)) ||
      !(state->output_method_type = add_type(module, &ext_output_method_spec)))
    return -1;
  if (PyModule_AddStringConstant(module, "version", wl_version()) < 0 ||
      !add_names(module, "passes", wl_pass_name) ||
      !add_names(module, "operators", wl_op_name) || !ext_add_tune(module) ||
      !ext_add_trees(module) || !ext_add_top_k(module) ||
      !ext_add_bootstrap(module))
    return -1;
  return 0;
}

#define FOR_EACH_REFERENCE(state, DO)                                          \
  do {                                                                         \
    DO((state)->model_type);                                                   \
    DO((state)->interface_type);                                               \
    DO((state)->base_type);                                                    \
    DO((state)->output_method_type);                                           \
    DO((state)->unsupported_error);                                            \
    DO((state)->artifact_error);                                               \
    DO((state)->certificate_error);                                            \
    DO((state)->readable);                                                     \
    DO((state)->adapt_text);                                                   \
    DO((state)->adapt_numeric);                                                \
    DO((state)->adapt_matrix);                                                 \
    DO((state)->bad_text);                                                     \
    DO((state)->bad_encoding);                                                 \
    DO((state)->numpy_empty);                                                  \
    DO((state)->str_X);                                                        \
    DO((state)->str_raw_documents);                                            \
  } while (0)

static int module_traverse(PyObject *module, visitproc visit, void *arg) {
  ext_state *state = PyModule_GetState(module);
  if (!state)
    return 0;
  FOR_EACH_REFERENCE(state, Py_VISIT);
  for (size_t i = 0; i < WL_DTYPE_COUNT; i++)
    Py_VISIT(state->dtypes[i]);
  return 0;
}

static int module_clear(PyObject *module) {
  ext_state *state = PyModule_GetState(module);
  if (!state)
    return 0;
  FOR_EACH_REFERENCE(state, Py_CLEAR);
  for (size_t i = 0; i < WL_DTYPE_COUNT; i++)
    Py_CLEAR(state->dtypes[i]);
  return 0;
}

static void module_free(void *module) { module_clear(module); }

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, EXT_SLOT(module_exec)},
#ifdef Py_mod_multiple_interpreters
    /* NumPy cannot be loaded by several interpreters of a process. */
    {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED},
#endif
#ifdef Py_mod_gil
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL},
};

struct PyModuleDef ext_module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "willump._core",
    .m_doc = "The Willump core as Python sees it; use the willump package.",
    .m_size = sizeof(ext_state),
    .m_slots = module_slots,
    .m_traverse = module_traverse,
    .m_clear = module_clear,
    .m_free = module_free,
};

PyMODINIT_FUNC PyInit__core(void);
PyMODINIT_FUNC PyInit__core(void) { return PyModuleDef_Init(&ext_module); }
