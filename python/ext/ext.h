/*
 * ext.h: what the files of the extension share. The extension stands on the
 * public header only: it turns Python objects into wl_input, runs the model
 * without the GIL, and makes NumPy arrays of the results.
 *
 * All state hangs off the module (sub-interpreters, free-threaded builds); all
 * memory of one call hangs off its ext_call.
 */
#ifndef WILLUMP_EXT_H
#define WILLUMP_EXT_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "willump/willump.h"

/*
 * Built for one Python version rather than the stable ABI: borrowing the bytes
 * of an ASCII str, and reading other text without leaving UTF-8 cached in the
 * user's objects, needs PyUnicode_KIND and PyUnicode_DATA.
 */

/* ISO C has no conversion from a function to an object pointer. */
#define EXT_SLOT(function) ((void *)(uintptr_t)(function))
#define EXT_METHOD(function) ((PyCFunction)(uintptr_t)(function))

#ifndef Py_BEGIN_CRITICAL_SECTION
#define Py_BEGIN_CRITICAL_SECTION(object) {
#define Py_END_CRITICAL_SECTION() }
#endif

typedef struct ext_state {
  PyTypeObject *model_type;         /* _core.Model */
  PyTypeObject *interface_type;     /* _core.Interface */
  PyTypeObject *base_type;          /* _core.CompiledBase */
  PyTypeObject *output_method_type; /* _core.output_method */
  PyObject *unsupported_error, *artifact_error, *certificate_error;
  /* functions of willump._arrow, _columns and _places: see there */
  PyObject *readable, *adapt_text, *adapt_numeric, *adapt_matrix, *bad_text;
  PyObject *bad_encoding;
  PyObject *numpy_empty;
  PyObject *dtypes[WL_DTYPE_COUNT]; /* numpy.dtype, NULL for strings */
  PyObject *str_X, *str_raw_documents;
} ext_state;

extern struct PyModuleDef ext_module;

/* ---- module.c: errors ---------------------------------------------------- */

/* Sets the Python exception that belongs to a failed status. */
void ext_raise(const ext_state *state, wl_status status, const wl_error *error);

/* ---- tune.c: adds TuneJob and tune_split; false with an exception ------- */

bool ext_add_bootstrap(PyObject *module);
bool ext_add_tune(PyObject *module);
/* A C-contiguous vector of n items (-1: any number) of `size` bytes and one of
 * the formats; released by the caller when true, an exception when false. */
bool ext_get_vector(PyObject *object, const char *name, const char *formats,
                    Py_ssize_t size, Py_ssize_t n, Py_buffer *view);

/* ---- top_k.c: adds top_k and the certificate of a filter ----------------- */

bool ext_add_top_k(PyObject *module);

/* ---- trees.c: other libraries' models ------------------------------------ */

/* Adds read_trees; false with an exception. */
bool ext_add_trees(PyObject *module);
/* import_bytes(data, format=None, metadata=None, n_threads=0). WL_PENDING: a
 * Python exception is set. */
wl_status ext_import(PyObject *args, PyObject *kwargs, wl_model **out,
                     wl_error *error);

/* ---- call.c: the memory of one call -------------------------------------- */

typedef struct ext_block ext_block;

#define EXT_INLINE_REFS 16
#define EXT_INLINE_BYTES 1024

/* How the rows of a text input are read. */
typedef struct ext_input_spec {
  wl_input_kind kind;
  uint64_t n_features;
  PyObject *name;     /* str, owned */
  PyObject *place;    /* str, owned: what errors call it: "column 'age'" */
  PyObject *encoding; /* str, owned: of rows that are bytes */
  PyObject *errors;   /* str, owned */
  PyObject *first;    /* str, owned: what the original does first, which decides
                         its errors: to a row of text "lower", "encode",
                         "normalize" or "match"; to a matrix "convert", or
                         anything else where it refuses text in it; to a column
                         of numbers "category" where it refuses text in it; to
                         both "single_tables" where float32 of what has no dtype
                         stays float32 */
  bool keeps_single;  /* the last of these */
  PyObject *estimator; /* str, owned: who complains about a matrix's width */
} ext_input_spec;

/*
 * Inputs of one call: what was passed, what the core sees, and everything that
 * must stay alive for it. Lives on the stack; begin and end pair up.
 */
typedef struct ext_call {
  ext_state *state;
  const ext_input_spec *specs; /* n_inputs */
  size_t n_inputs;
  PyObject *const *objects; /* n_inputs, borrowed */
  wl_input *inputs;         /* n_inputs */
  uint64_t n_rows;
  size_t work; /* a rough size of the inputs in bytes: keep the GIL if small */
  PyObject **refs;
  size_t n_refs, refs_capacity;
  ext_block *blocks;
  char *free_bytes;
  size_t n_free;
  PyObject *inline_refs[EXT_INLINE_REFS];
  _Alignas(64) char inline_bytes[EXT_INLINE_BYTES];
} ext_call;

void ext_call_begin(ext_call *call, ext_state *state);
void ext_call_end(ext_call *call);
/* Memory until the end of the call, 16-byte aligned. NULL with MemoryError. */
void *ext_call_alloc(ext_call *call, size_t count, size_t size);
/* Keeps an object (a moved reference) alive; takes NULL as a failure. */
bool ext_call_keep(ext_call *call, PyObject *object);

/* ---- inputs.c, text.c, arrow.c: Python objects to wl_input ----------------
 */

/* Reads all inputs; false with an exception set. `x` is what the caller passed:
 * it tells the number of rows where the model itself reads nothing. */
bool ext_call_read(ext_call *call, const ext_input_spec *specs, size_t n_inputs,
                   PyObject *const *objects, PyObject *x);
/* Whether the words of a `first` have single_tables. */
bool ext_keeps_single(PyObject *first);
/* One matrix: a 2-D buffer, CSR parts, or what willump._columns adapts. `first`
 * is that of the input, NULL for none. */
bool ext_read_matrix(ext_call *call, PyObject *first, PyObject *object,
                     wl_input *input, uint64_t *n_rows);
/* Adopts what was adapted: (data, indices, indptr, shape). */
bool ext_read_csr(ext_call *call, PyObject *parts, wl_input *input,
                  uint64_t *n_rows);
bool ext_read_text(ext_call *call, const ext_input_spec *spec, PyObject *object,
                   wl_input *input, uint64_t *n_rows);
/* A memoryview of the object's buffer, kept; NULL without an exception when
 * it exports none that can be read. */
const Py_buffer *ext_view(ext_call *call, PyObject *object);
/* The element type of a buffer in native byte order; WL_DTYPE_COUNT for what
 * the core does not know. */
wl_dtype ext_dtype_of(const Py_buffer *view);
/* A category that is no str, as its wl_missing. */
wl_string ext_missing_category(PyObject *cell);
/* Raises, or returns the str that stands for a row that was no str. */
PyObject *ext_bad_text(ext_call *call, const ext_input_spec *spec,
                       PyObject *row, uint64_t number);

/* 1: read, 0: exports no Arrow data of a kind known here, -1: exception.
 * `missing` is what the original would see in place of a null. */
int ext_arrow_text(ext_call *call, const ext_input_spec *spec, PyObject *object,
                   PyObject *missing, wl_input *input, uint64_t *n_rows);
int ext_arrow_numeric(ext_call *call, PyObject *object, wl_input *input,
                      uint64_t *n_rows);

/* ---- results.c: NumPy arrays --------------------------------------------- */

/* A new array; n_columns < 0: one-dimensional. *data is valid with the array.
 */
PyObject *ext_array_new(const ext_state *state, wl_dtype dtype, uint64_t n_rows,
                        int64_t n_columns, void **data);
/* (data, indices, indptr, shape) or a dense array: copies of a result. `dtype`
 * is the one wanted. */
PyObject *ext_array_of_result(const ext_state *state, const wl_result *result,
                              wl_dtype dtype, bool ravel);

/*
 * The labels of a classifier: index -> class. Items of fixed size are copied
 * directly, or as references; others (dates) are taken by the array itself.
 */
typedef struct ext_classes {
  PyObject *array; /* owned; NULL: no classes */
  PyObject *dtype;
  PyObject *view; /* memoryview, or NULL */
  Py_ssize_t n_classes, item_size, stride;
  const char *items;
  bool are_objects; /* items are PyObject pointers */
} ext_classes;
bool ext_classes_init(ext_classes *classes, PyObject *array);
void ext_classes_clear(ext_classes *classes);
PyObject *ext_classes_take(const ext_state *state, const ext_classes *classes,
                           const int64_t *indices, uint64_t n_rows);

/* ---- run.c: a computation ------------------------------------------------ */

typedef struct ext_compute {
  wl_model *model;
  size_t output;
  wl_output_info info;
  size_t n_stages;
  uint32_t n_threads;
  bool is_exact;
  bool ravel;                 /* one column: a one-dimensional array */
  const ext_classes *classes; /* may be NULL */
  PyObject *steps;            /* tuple of callables, or NULL */
  PyObject *x;                /* what the caller passed: for steps */
  PyObject *progress;         /* callable, or NULL */
  uint64_t n_candidates;      /* not 0: so many rows, by the output `filter` */
  size_t filter;
  PyObject *rows; /* out, owned: of candidates, those answered; None: all */
  bool wants_stages;
  PyObject *stages;       /* out, owned: uint8 array, when wanted */
  uint64_t *stage_counts; /* n_stages counters, or NULL */
  uint64_t *costs;        /* as wl_run_options has them, or NULL */
} ext_compute;

/* The result as Python sees it; NULL with an exception. */
PyObject *ext_run(ext_call *call, ext_compute *compute);

/* ---- model.c, interface.c, methods.c: the types ---------------------------
 */

typedef struct ext_model {
  PyObject_HEAD wl_model *model; /* counted */
} ext_model;

/* A method's name and what it presents. */
typedef struct ext_slot {
  PyObject *name; /* interned */
  size_t output;
  wl_output_info info;
  bool ravel;
  ext_classes classes;
  PyObject *finish; /* called with the result and X, or NULL */
  bool keeps_f32;   /* of float32 where all its operators' inputs are that */
  uint64_t n_calls, n_rows;
} ext_slot;

/* How a model is presented: immutable but for its counters. */
typedef struct ext_interface {
  PyObject_HEAD ext_model *model; /* owned reference */
  ext_input_spec *inputs;
  size_t n_inputs;
  ext_slot *slots;
  size_t n_slots;
  size_t n_stages;
  uint64_t *stage_counts;
  PyObject *extract; /* X -> tuple of inputs */
  PyObject *steps;   /* tuple */
  PyObject *empty;   /* str: the error for zero rows, or NULL */
  bool is_direct;    /* the one input is X itself, when C can read it */
  bool is_column;    /* X is the column that every input reads */
} ext_interface;

/* The base of willump.CompiledModel: what its methods read in C. */
typedef struct ext_base {
  PyObject_HEAD PyObject *interface; /* ext_interface, or NULL before a fit */
} ext_base;

extern PyType_Spec ext_model_spec;
extern PyType_Spec ext_interface_spec;
extern PyType_Spec ext_base_spec;
extern PyType_Spec ext_output_method_spec;

ext_state *ext_state_of(PyTypeObject *type);
/* Owned specs from an optional sequence of dicts (None: defaults); NULL with
 * an exception. */
ext_input_spec *ext_specs_new(const wl_model *model, PyObject *texts,
                              size_t *n_inputs);
void ext_specs_free(ext_input_spec *specs, size_t n_inputs);
/* The output's number from a name or a number; -1 with an exception. */
int64_t ext_find_output(const ext_state *state, const wl_model *model,
                        PyObject *key, wl_output_info *info);
/* Presents a slot for X: what the methods of a compiled object call. */
PyObject *ext_interface_call(ext_state *state, ext_interface *interface,
                             ext_slot *slot, PyObject *x);
ext_slot *ext_interface_find(ext_interface *interface, PyObject *name);

#endif
