/*
 * run.c: one computation: directly into an array for dense outputs, or through
 * the run protocol for sparse ones and for Python steps. The GIL is released
 * while the core works, except for small inputs, where handing it over would
 * cost more than the work; then there is no Ctrl-C to wait for either.
 */
#include "ext.h"

#include <stdatomic.h>
#include <string.h>
#include <time.h>

#define GIL_ROWS 8
#define GIL_BYTES ((size_t)8 * 1024)
#define SIGNAL_INTERVAL_NS ((int64_t)50 * 1000 * 1000)
#define STACK_ROWS 32

/* ---- leaving Python ------------------------------------------------------ */

/* The core calls back between chunks, on whichever thread did the chunk; only
 * the one that called may take the GIL again and look for signals. */
typedef struct run_guard {
  PyThreadState *thread_state; /* NULL: the GIL was kept */
  unsigned long thread;
  PyObject *progress; /* callable, or NULL */
  int64_t next_look;  /* nanoseconds */
  atomic_bool is_stopped;
} run_guard;

static int64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static bool look(run_guard *guard, uint64_t rows_done, uint64_t n_rows) {
  bool ok = PyErr_CheckSignals() == 0;
  if (ok && guard->progress) {
    PyObject *answer = PyObject_CallFunction(guard->progress, "KK",
                                             (unsigned long long)rows_done,
                                             (unsigned long long)n_rows);
    ok = answer != NULL;
    Py_XDECREF(answer);
  }
  return ok;
}

static bool on_progress(void *context, uint64_t rows_done, uint64_t n_rows) {
  run_guard *guard = context;
  if (PyThread_get_thread_ident() != guard->thread)
    return !atomic_load_explicit(&guard->is_stopped, memory_order_relaxed);
  int64_t now = now_ns();
  if (now < guard->next_look && rows_done < n_rows)
    return !atomic_load_explicit(&guard->is_stopped, memory_order_relaxed);
  guard->next_look = now + SIGNAL_INTERVAL_NS;
  PyEval_RestoreThread(guard->thread_state);
  bool ok = look(guard, rows_done, n_rows);
  guard->thread_state = PyEval_SaveThread();
  if (!ok)
    atomic_store_explicit(&guard->is_stopped, true, memory_order_relaxed);
  return ok;
}

/* As the original's warning, which a filter may turn into an exception: that is
 * found when the core has returned. */
static void on_warning(void *context, const char *message) {
  run_guard *guard = context;
  PyThreadState *left = guard->thread_state;
  if (left)
    PyEval_RestoreThread(left);
  if (!PyErr_Occurred())
    (void)PyErr_WarnEx(PyExc_UserWarning, message, 1);
  if (left)
    guard->thread_state = PyEval_SaveThread();
}

static bool is_long(const ext_call *call, const ext_compute *compute) {
  return call->n_rows > GIL_ROWS || call->work > GIL_BYTES || compute->progress;
}

static void guard_begin(run_guard *guard, const ext_call *call,
                        const ext_compute *compute, wl_run_options *options) {
  *guard = (run_guard){.progress = compute->progress};
  *options = (wl_run_options){.size = sizeof *options,
                              .n_threads = compute->n_threads,
                              .exact = compute->is_exact,
                              .n_candidates = compute->n_candidates,
                              .filter = compute->filter,
                              .costs = compute->costs,
                              .warning = on_warning,
                              .warning_context = guard};
  if (!is_long(call, compute))
    return;
  guard->thread = PyThread_get_thread_ident();
  guard->next_look = now_ns() + SIGNAL_INTERVAL_NS;
  options->progress = on_progress;
  options->progress_context = guard;
}

static void guard_leave(run_guard *guard, const wl_run_options *options) {
  if (options->progress)
    guard->thread_state = PyEval_SaveThread();
}

static void guard_return(run_guard *guard) {
  if (guard->thread_state)
    PyEval_RestoreThread(guard->thread_state);
  guard->thread_state = NULL;
}

/* ---- errors -------------------------------------------------------------- */

/* Text that cannot be encoded: Python's own error, from the row's own text. */
static void raise_encoding(const ext_call *call, const wl_error *error) {
  for (size_t i = 0; error->row >= 0 && i < call->n_inputs; i++) {
    if (call->inputs[i].layout != WL_LAYOUT_STRINGS ||
        (uint64_t)error->row >= call->n_rows)
      continue;
    wl_string row = call->inputs[i].strings[error->row];
    PyObject *text = row.data
                         ? PyUnicode_DecodeUTF8(row.data, (Py_ssize_t)row.size,
                                                "surrogatepass")
                         : NULL;
    if (!text) {
      PyErr_Clear();
      continue;
    }
    PyObject *fine =
        PyObject_CallFunction(call->state->bad_encoding, "OOL", text,
                              call->specs[i].place, (long long)error->row);
    Py_DECREF(text);
    if (!fine)
      return;
    Py_DECREF(fine);
  }
  ext_raise(call->state, WL_ERROR_ENCODING, error);
}

static void raise_failure(const ext_call *call, wl_status status,
                          const wl_error *error) {
  if (PyErr_Occurred())
    return; /* a signal handler or the progress callback raised */
  if (status == WL_ERROR_ENCODING && error->code == status)
    raise_encoding(call, error);
  else
    ext_raise(call->state, status, error);
}

/* ---- stages -------------------------------------------------------------- */

static void count_stages(const ext_compute *compute, const uint8_t *stages,
                         uint64_t n_rows) {
  for (uint64_t i = 0; compute->stage_counts && i < n_rows; i++)
    if (stages[i] < compute->n_stages)
      __atomic_fetch_add(&compute->stage_counts[stages[i]], 1,
                         __ATOMIC_RELAXED);
}

/* ---- dense, without steps ------------------------------------------------ */

/* The core writes other integers as int64. */
static wl_dtype direct_dtype(wl_dtype dtype) {
  return dtype == WL_F64 || dtype == WL_F32 ? dtype : WL_I64;
}

static wl_status predict(const ext_call *call, const ext_compute *compute,
                         void *out, uint8_t *stages, wl_error *error) {
  run_guard guard;
  wl_run_options options;
  guard_begin(&guard, call, compute, &options);
  guard_leave(&guard, &options);
  wl_status status = wl_model_predict(
      compute->model, compute->output, call->inputs, call->n_inputs,
      call->n_rows, &options, out, stages, error);
  guard_return(&guard);
  if (status == WL_OK && PyErr_Occurred())
    status = WL_ERROR_CANCELLED; /* raised in the last look */
  return status;
}

/* Room for the stages: an array that the caller gets, or scratch memory. */
static bool make_stages(ext_call *call, ext_compute *compute,
                        uint8_t **stages) {
  *stages = NULL;
  if (compute->wants_stages) {
    void *data;
    compute->stages =
        ext_array_new(call->state, WL_U8, call->n_rows, -1, &data);
    *stages = compute->stages ? data : NULL;
    return compute->stages != NULL;
  }
  if (compute->n_stages > 1 && compute->stage_counts) {
    *stages = ext_call_alloc(call, (size_t)call->n_rows, 1);
    return *stages != NULL;
  }
  return true;
}

static PyObject *run_labels(ext_call *call, ext_compute *compute,
                            uint8_t *stages) {
  int64_t few[STACK_ROWS];
  int64_t *labels = few;
  if (call->n_rows > STACK_ROWS)
    labels = ext_call_alloc(call, (size_t)call->n_rows, sizeof *labels);
  if (!labels)
    return NULL;
  wl_error error;
  wl_status status = predict(call, compute, labels, stages, &error);
  if (status != WL_OK) {
    raise_failure(call, status, &error);
    return NULL;
  }
  return ext_classes_take(call->state, compute->classes, labels, call->n_rows);
}

static PyObject *run_direct(ext_call *call, ext_compute *compute) {
  uint8_t *stages;
  if (!make_stages(call, compute, &stages))
    return NULL;
  PyObject *result;
  if (compute->classes) {
    result = run_labels(call, compute, stages);
  } else {
    bool is_flat = compute->ravel && compute->info.n_columns == 1;
    void *data;
    result = ext_array_new(
        call->state, direct_dtype(compute->info.dtype), call->n_rows,
        is_flat ? -1 : (int64_t)compute->info.n_columns, &data);
    wl_error error;
    wl_status status =
        result ? predict(call, compute, data, stages, &error) : WL_OK;
    if (status != WL_OK) {
      raise_failure(call, status, &error);
      Py_CLEAR(result);
    }
  }
  if (result && stages)
    count_stages(compute, stages, call->n_rows);
  return result;
}

/* ---- Python steps -------------------------------------------------------- */

/* The rows that a step must answer: None where they are all, in order. */
static PyObject *rows_of_request(const ext_call *call,
                                 const wl_request *request) {
  bool is_all = request->n_rows == call->n_rows;
  for (uint64_t i = 0; is_all && i < request->n_rows; i++)
    is_all = request->rows[i] == i;
  if (is_all)
    Py_RETURN_NONE;
  void *data;
  PyObject *rows =
      ext_array_new(call->state, WL_I64, request->n_rows, -1, &data);
  for (uint64_t i = 0; rows && i < request->n_rows; i++)
    ((int64_t *)data)[i] = (int64_t)request->rows[i];
  return rows;
}

/* The inputs that a step is called with: the model's own inputs as they were
 * passed, with all rows; computed ones as arrays, or CSR parts, of the rows
 * asked for. */
static PyObject *inputs_of_request(const ext_call *call,
                                   const wl_request *request) {
  PyObject *list = PyList_New((Py_ssize_t)request->n_inputs);
  for (size_t i = 0; list && i < request->n_inputs; i++) {
    int64_t own = request->model_inputs[i];
    PyObject *item = NULL;
    if (own < 0)
      item = ext_array_of_result(call->state, &request->inputs[i],
                                 request->inputs[i].dtype, false);
    else if ((uint64_t)own < call->n_inputs)
      item = Py_NewRef(call->objects[own]);
    else
      PyErr_SetString(PyExc_RuntimeError, "a step asks for an unknown input");
    if (!item)
      Py_CLEAR(list);
    else
      PyList_SET_ITEM(list, (Py_ssize_t)i, item);
  }
  return list;
}

static PyObject *call_step(const ext_call *call, const ext_compute *compute,
                           const wl_request *request) {
  Py_ssize_t n_steps = compute->steps ? PyTuple_GET_SIZE(compute->steps) : 0;
  if (request->step >= (uint64_t)n_steps) {
    PyErr_Format(PyExc_RuntimeError,
                 "the model needs Python step %llu, which is not here",
                 (unsigned long long)request->step);
    return NULL;
  }
  PyObject *rows = rows_of_request(call, request);
  PyObject *inputs = rows ? inputs_of_request(call, request) : NULL;
  PyObject *answer =
      inputs ? PyObject_CallFunctionObjArgs(
                   PyTuple_GET_ITEM(compute->steps, (Py_ssize_t)request->step),
                   inputs, rows, compute->x, NULL)
             : NULL;
  Py_XDECREF(rows);
  Py_XDECREF(inputs);
  return answer;
}

static bool answer_request(ext_call *call, const ext_compute *compute,
                           wl_run *run) {
  wl_error error;
  wl_request request;
  wl_status status = wl_run_request(run, &request, &error);
  if (status != WL_OK) {
    raise_failure(call, status, &error);
    return false;
  }
  PyObject *answer = call_step(call, compute, &request);
  if (!ext_call_keep(call, answer))
    return false;
  wl_input matrix = {0};
  uint64_t n_rows;
  if (!ext_read_matrix(call, NULL, answer, &matrix, &n_rows))
    return false;
  if (n_rows != request.n_rows) {
    PyErr_Format(PyExc_ValueError,
                 "Python step %llu gave %llu rows for the %llu that it got",
                 (unsigned long long)request.step, (unsigned long long)n_rows,
                 (unsigned long long)request.n_rows);
    return false;
  }
  status = wl_run_supply(run, &matrix, &error);
  if (status != WL_OK)
    raise_failure(call, status, &error);
  return status == WL_OK;
}

/* ---- the run protocol ---------------------------------------------------- */

static bool run_to_end(ext_call *call, const ext_compute *compute, wl_run *run,
                       run_guard *guard, const wl_run_options *options) {
  for (;;) {
    wl_error error;
    guard_leave(guard, options);
    wl_status status = wl_run_advance(run, &error);
    guard_return(guard);
    if (status != WL_PENDING && status != WL_OK)
      raise_failure(call, status, &error);
    if (PyErr_Occurred())
      return false;
    if (status == WL_OK)
      return true;
    if (!answer_request(call, compute, run))
      return false;
  }
}

/* The rows that a run with candidates answered; None: all. */
static PyObject *rows_of_run(const ext_call *call, const wl_run *run,
                             uint64_t n_rows) {
  const uint64_t *rows = wl_run_rows(run);
  if (!rows)
    Py_RETURN_NONE;
  void *data;
  PyObject *array = ext_array_new(call->state, WL_I64, n_rows, -1, &data);
  if (array && n_rows > 0)
    memcpy(data, rows, (size_t)n_rows * sizeof *rows);
  return array;
}

static PyObject *result_of_run(ext_call *call, ext_compute *compute,
                               const wl_run *run) {
  wl_error error;
  wl_result result;
  wl_status status = wl_run_result(run, &result, &error);
  if (status != WL_OK) {
    raise_failure(call, status, &error);
    return NULL;
  }
  const uint8_t *stages = wl_run_stages(run);
  if (stages) {
    if (compute->n_stages > 1)
      count_stages(compute, stages, call->n_rows);
    void *data;
    if (compute->wants_stages) {
      compute->stages =
          ext_array_new(call->state, WL_U8, call->n_rows, -1, &data);
      if (!compute->stages)
        return NULL;
      if (call->n_rows > 0)
        memcpy(data, stages, (size_t)call->n_rows);
    }
  }
  if (compute->n_candidates != 0) {
    compute->rows = rows_of_run(call, run, result.n_rows);
    if (!compute->rows)
      return NULL;
  }
  if (!compute->classes || result.is_sparse)
    return ext_array_of_result(call->state, &result, compute->info.dtype,
                               compute->ravel);
  PyObject *labels = ext_array_of_result(call->state, &result, WL_I64, true);
  PyObject *view = labels ? PyMemoryView_FromObject(labels) : NULL;
  PyObject *taken =
      view ? ext_classes_take(call->state, compute->classes,
                              PyMemoryView_GET_BUFFER(view)->buf, result.n_rows)
           : NULL;
  Py_XDECREF(view);
  Py_XDECREF(labels);
  return taken;
}

static PyObject *run_protocol(ext_call *call, ext_compute *compute) {
  run_guard guard;
  wl_run_options options;
  wl_error error;
  wl_run *run = NULL;
  guard_begin(&guard, call, compute, &options);
  wl_status status =
      wl_run_create(compute->model, compute->output, call->inputs,
                    call->n_inputs, call->n_rows, &options, &run, &error);
  if (status != WL_OK) {
    raise_failure(call, status, &error);
    return NULL;
  }
  PyObject *result = NULL;
  if (run_to_end(call, compute, run, &guard, &options))
    result = result_of_run(call, compute, run);
  wl_run_free(run);
  return result;
}

/* Of a sparse matrix, a result may be sparse whatever the model's type says. */
static bool may_be_sparse(const ext_call *call, const ext_compute *compute) {
  bool may = compute->info.is_sparse;
  for (size_t i = 0; i < call->n_inputs && !compute->classes; i++)
    may |= call->inputs[i].layout == WL_LAYOUT_CSR;
  return may;
}

PyObject *ext_run(ext_call *call, ext_compute *compute) {
  bool is_run = may_be_sparse(call, compute) || compute->info.has_external ||
                compute->n_candidates != 0;
  PyObject *result =
      is_run ? run_protocol(call, compute) : run_direct(call, compute);
  if (!result) {
    Py_CLEAR(compute->stages);
    Py_CLEAR(compute->rows);
  }
  return result;
}
