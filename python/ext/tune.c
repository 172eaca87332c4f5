/*
 * tune.c: _core.TuneJob, the choice and the certificate of a cascade as a
 * resumable job (src/tune/tune.h): Python asks what to do next, trains and
 * scores, and answers; every choice is made in C.
 */
#include "tune/tune.h"
#include "ext.h"

#include <string.h>

typedef struct ext_tune {
  PyObject_HEAD wl_tune *job; /* owned */
} ext_tune;

/* ---- arrays -------------------------------------------------------------- */

bool ext_get_vector(PyObject *object, const char *name, const char *formats,
                    Py_ssize_t size, Py_ssize_t n, Py_buffer *view) {
  if (PyObject_GetBuffer(object, view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT) < 0)
    return false;
  const char *format = view->format ? view->format : "B";
  if (view->ndim == 1 && view->itemsize == size && strlen(format) == 1 &&
      strchr(formats, format[0]) && (n < 0 || view->shape[0] == n))
    return true;
  PyErr_Format(PyExc_ValueError,
               "%s must be a contiguous vector of %zd items of %zd bytes "
               "(format %s), not of format %s",
               name, n < 0 ? view->len / size : n, size, formats, format);
  PyBuffer_Release(view);
  return false;
}

/* The same of (n_rows, any number) float64 items. */
static bool get_matrix(PyObject *object, const char *name, Py_ssize_t n_rows,
                       Py_buffer *view) {
  if (PyObject_GetBuffer(object, view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT) < 0)
    return false;
  if (view->ndim == 2 && view->format && strcmp(view->format, "d") == 0 &&
      view->shape[0] == n_rows)
    return true;
  PyErr_Format(PyExc_ValueError,
               "%s must be a contiguous matrix of float64 with %zd rows", name,
               n_rows);
  PyBuffer_Release(view);
  return false;
}

/* ---- the type ------------------------------------------------------------ */

static bool target_of(const char *name, wl_tune_target *target) {
  for (unsigned i = 0; i < WL_TUNE_TARGET_COUNT; i++)
    if (strcmp(name, wl_tune_target_name((wl_tune_target)i)) == 0) {
      *target = (wl_tune_target)i;
      return true;
    }
  return false;
}

static PyObject *tune_new(PyTypeObject *type, PyObject *args, PyObject *kwds) {
  static char *names[] = {
      "block_costs", "n_rows_fit",    "n_rows_select", "n_rows_certify",
      "alpha",       "delta",         "seed",          "model_cost",
      "max_fits",    "is_nested",     "max_gates",     "stage_cost",
      "target",      "tolerance_abs", "tolerance_rel", "part_of",
      "n_models",    "search_model",  "n_rows_race",   NULL};
  const char *target = wl_tune_target_name(WL_TUNE_AGREEMENT);
  PyObject *costs, *part_of = Py_None;
  Py_ssize_t n_fit, n_select, n_certify, max_fits = 0, max_gates = 1;
  Py_ssize_t n_models = 1, search_model = 0, n_race = 0;
  unsigned long long seed;
  int is_nested = 0;
  wl_tune_options options = {0};
  if (!PyArg_ParseTupleAndKeywords(
          args, kwds, "OnnnddKd|npndsddOnnn:TuneJob", names, &costs, &n_fit,
          &n_select, &n_certify, &options.alpha, &options.delta, &seed,
          &options.model_cost, &max_fits, &is_nested, &max_gates,
          &options.stage_cost, &target, &options.tolerance_abs,
          &options.tolerance_rel, &part_of, &n_models, &search_model, &n_race))
    return NULL;
  if (!target_of(target, &options.target)) {
    PyErr_Format(PyExc_ValueError, "TuneJob: there is no target '%s'", target);
    return NULL;
  }
  if (n_fit < 0 || n_select < 0 || n_certify < 0 || max_fits < 0 ||
      max_gates < 0 || n_models < 0 || search_model < 0 || n_race < 0) {
    PyErr_SetString(PyExc_ValueError, "TuneJob: a count is negative");
    return NULL;
  }
  ext_state *state = ext_state_of(type);
  Py_buffer view, parts = {0};
  if (!state || !ext_get_vector(costs, "block_costs", "d", 8, -1, &view))
    return NULL;
  if (part_of != Py_None &&
      !ext_get_vector(part_of, "part_of", "I", 4, view.shape[0], &parts)) {
    PyBuffer_Release(&view);
    return NULL;
  }
  options.seed = seed;
  options.max_fits = (size_t)max_fits;
  options.is_nested = is_nested != 0;
  options.max_gates = (size_t)max_gates;
  options.part_of = parts.buf;
  options.n_models = (size_t)n_models;
  options.search_model = (size_t)search_model;
  options.n_rows_race = (size_t)n_race;
  wl_error error;
  wl_tune *job = NULL;
  wl_status status = wl_tune_create((size_t)view.shape[0], view.buf,
                                    (size_t)n_fit, (size_t)n_select,
                                    (size_t)n_certify, &options, &job, &error);
  PyBuffer_Release(&view);
  PyBuffer_Release(&parts);
  if (status != WL_OK) {
    ext_raise(state, status, &error);
    return NULL;
  }
  allocfunc allocate = (allocfunc)(uintptr_t)PyType_GetSlot(type, Py_tp_alloc);
  ext_tune *self = (ext_tune *)allocate(type, 0);
  if (!self) {
    wl_tune_free(job);
    return NULL;
  }
  self->job = job;
  return (PyObject *)self;
}

static void tune_dealloc(PyObject *object) {
  PyTypeObject *type = Py_TYPE(object);
  wl_tune_free(((ext_tune *)object)->job);
  freefunc release = (freefunc)(uintptr_t)PyType_GetSlot(type, Py_tp_free);
  release(object);
  Py_DECREF(type);
}

static PyObject *tuple_of_blocks(const uint32_t *blocks, size_t n) {
  PyObject *tuple = PyTuple_New((Py_ssize_t)n);
  for (size_t i = 0; tuple && i < n; i++) {
    PyObject *number = PyLong_FromUnsignedLong(blocks[i]);
    if (!number)
      Py_CLEAR(tuple);
    else
      PyTuple_SET_ITEM(tuple, (Py_ssize_t)i, number);
  }
  return tuple;
}

/* ---- methods ------------------------------------------------------------- */

static PyObject *tune_next(PyObject *self, PyObject *unused) {
  static const char *const steps[] = {"fit", "certify", "finished"};
  (void)unused;
  wl_tune_request request = {0};
  wl_tune_next(((ext_tune *)self)->job, &request);
  PyObject *blocks = tuple_of_blocks(request.blocks, request.n_blocks);
  if (!blocks)
    return NULL;
  return Py_BuildValue(
      "(snNnKnn)", steps[request.step], (Py_ssize_t)request.candidate, blocks,
      (Py_ssize_t)request.n_rows, (unsigned long long)request.seed,
      (Py_ssize_t)request.model, (Py_ssize_t)request.n_rows_fit);
}

/* Calls with the scores given; what it gives, NULL on failure. */
typedef PyObject *(*score_function)(ext_tune *self,
                                    const wl_tune_scores *scores);

static PyObject *with_scores(PyObject *self, PyObject *args, PyObject *kwds,
                             score_function call) {
  enum { N_VECTORS = 5, N_VIEWS = N_VECTORS + 2 };
  static char *names[] = {
      "confidence",  "approx_labels",  "full_labels",  "model_cost", "groups",
      "true_labels", "approx_outputs", "full_outputs", "threshold",  NULL};
  PyObject *objects[N_VIEWS] = {NULL,    NULL,    NULL,   Py_None,
                                Py_None, Py_None, Py_None};
  static const struct {
    const char *name, *formats;
  } kinds[] = {{"confidence", "d"},   {"approx_labels", "lq"},
               {"full_labels", "lq"}, {"groups", "LQ"},
               {"true_labels", "lq"}, {"approx_outputs", "d"},
               {"full_outputs", "d"}};
  wl_tune_scores scores = {.threshold = Py_NAN};
  if (!PyArg_ParseTupleAndKeywords(args, kwds, "OOOd|OOOOd:answer", names,
                                   &objects[0], &objects[1], &objects[2],
                                   &scores.model_cost, &objects[3], &objects[4],
                                   &objects[5], &objects[6], &scores.threshold))
    return NULL;
  Py_buffer views[N_VIEWS] = {{0}};
  bool ok = true;
  Py_ssize_t n_rows = -1;
  for (size_t i = 0; ok && i < N_VIEWS; i++) {
    if (objects[i] == Py_None && i >= 3)
      continue;
    ok = i < N_VECTORS
             ? ext_get_vector(objects[i], kinds[i].name, kinds[i].formats, 8,
                              n_rows, &views[i])
             : get_matrix(objects[i], kinds[i].name, n_rows, &views[i]);
    if (!ok)
      views[i] = (Py_buffer){0};
    else
      n_rows = views[i].shape[0];
  }
  if (ok && views[5].obj && views[6].obj &&
      views[5].shape[1] != views[6].shape[1]) {
    PyErr_SetString(PyExc_ValueError,
                    "approx_outputs and full_outputs differ in their columns");
    ok = false;
  }
  PyObject *result = NULL;
  if (ok) {
    scores.n_rows = (size_t)n_rows;
    scores.confidence = views[0].buf;
    scores.approx_labels = views[1].buf;
    scores.full_labels = views[2].buf;
    scores.groups = views[3].buf;
    scores.true_labels = views[4].buf;
    scores.approx_outputs = views[5].buf;
    scores.full_outputs = views[6].buf;
    scores.n_outputs = views[5].obj ? (size_t)views[5].shape[1] : 0;
    result = call((ext_tune *)self, &scores);
  }
  for (size_t i = 0; i < N_VIEWS; i++)
    PyBuffer_Release(&views[i]);
  return result;
}

static PyObject *answer(ext_tune *self, const wl_tune_scores *scores) {
  wl_error error;
  wl_status status = wl_tune_answer(self->job, scores, &error);
  if (status == WL_OK)
    Py_RETURN_NONE;
  ext_raise(ext_state_of(Py_TYPE(self)), status, &error);
  return NULL;
}

static PyObject *tune_answer(PyObject *self, PyObject *args, PyObject *kwds) {
  return with_scores(self, args, kwds, answer);
}

static PyObject *weigh(ext_tune *self, const wl_tune_scores *scores) {
  wl_error error;
  double cost;
  wl_status status = wl_tune_weigh(self->job, scores, &cost, &error);
  if (status == WL_OK)
    return PyFloat_FromDouble(cost);
  ext_raise(ext_state_of(Py_TYPE(self)), status, &error);
  return NULL;
}

static PyObject *tune_weigh(PyObject *self, PyObject *args, PyObject *kwds) {
  return with_scores(self, args, kwds, weigh);
}

static PyObject *tune_skip(PyObject *self, PyObject *unused) {
  (void)unused;
  wl_error error;
  wl_status status = wl_tune_skip(((ext_tune *)self)->job, &error);
  if (status == WL_OK)
    Py_RETURN_NONE;
  ext_raise(ext_state_of(Py_TYPE(self)), status, &error);
  return NULL;
}

/* What a target counts, as a dict. */
static PyObject *counts_dict(const wl_tune_certificate *c) {
  if (c->kind == WL_TUNE_ESTIMATED)
    return Py_BuildValue("{sK}", "n_wrong", (unsigned long long)c->n_wrong);
  if (c->kind != WL_TUNE_ACCURACY)
    return Py_BuildValue("{sLsK}", "k", (long long)c->k, "n_wrong",
                         (unsigned long long)c->n_wrong);
  PyObject *counts =
      Py_BuildValue("{sKsKsK}", "n_leaving", (unsigned long long)c->n_leaving,
                    "n_harms", (unsigned long long)c->n_harms, "n_gains",
                    (unsigned long long)c->n_gains);
  PyObject *figure = c->has_p_value ? PyFloat_FromDouble(c->p_value)
                                    : PyLong_FromLongLong(c->k);
  if (!counts || !figure ||
      PyDict_SetItemString(counts, c->has_p_value ? "p_value" : "k", figure) <
          0)
    Py_CLEAR(counts);
  Py_XDECREF(figure);
  return counts;
}

static PyObject *certificate_dict(const wl_tune_certificate *c) {
  PyObject *counts = counts_dict(c);
  if (!counts)
    return NULL;
  PyObject *dict = Py_BuildValue(
      "{sssssssdsdsKsKsKsdsO}", "kind", wl_tune_target_name(c->kind), "method",
      c->method, "assumption", c->assumption, "target", c->target, "confidence",
      c->confidence, "n_rows", (unsigned long long)c->n_rows, "rows_needed",
      (unsigned long long)c->rows_needed, "n_disagreements",
      (unsigned long long)c->n_disagreements, "share_leaving", c->share_leaving,
      "is_per_group", c->is_per_group ? Py_True : Py_False);
  if (dict && PyDict_Update(dict, counts) < 0)
    Py_CLEAR(dict);
  Py_DECREF(counts);
  return dict;
}

static PyObject *list_of_gates(const wl_tune_result *result) {
  PyObject *list = PyList_New(0);
  for (size_t g = 0; list && g < result->n_gates; g++) {
    const wl_tune_gate *gate = &result->gates[g];
    PyObject *blocks = tuple_of_blocks(gate->blocks, gate->n_blocks);
    PyObject *item =
        blocks ? Py_BuildValue("{snsNsdsdsd}", "candidate",
                               (Py_ssize_t)gate->candidate, "blocks", blocks,
                               "threshold", gate->threshold, "share_leaving",
                               gate->share_leaving, "cost", gate->cost)
               : NULL;
    if (!item || PyList_Append(list, item) < 0)
      Py_CLEAR(list);
    Py_XDECREF(item);
  }
  return list;
}

static PyObject *list_of_points(const wl_tune_result *result) {
  PyObject *list = PyList_New(0);
  for (size_t i = 0; list && i < result->n_curve; i++) {
    const wl_tune_point *point = &result->curve[i];
    PyObject *item = Py_BuildValue(
        "{sdsdsdsd}", "share_leaving", point->share_leaving, "share_wrong",
        point->share_wrong, "bound", point->bound, "cost", point->cost);
    if (!item || PyList_Append(list, item) < 0)
      Py_CLEAR(list);
    Py_XDECREF(item);
  }
  return list;
}

static PyObject *list_of_bins(const wl_tune_result *result) {
  PyObject *list = PyList_New(0);
  for (size_t i = 0; list && i < result->n_reliability; i++) {
    const wl_curve_bin *bin = &result->reliability[i];
    PyObject *item =
        Py_BuildValue("{sdsdsKsK}", "low", bin->low, "high", bin->high,
                      "n_rows", (unsigned long long)bin->n_rows, "n_wrong",
                      (unsigned long long)bin->n_wrong);
    if (!item || PyList_Append(list, item) < 0)
      Py_CLEAR(list);
    Py_XDECREF(item);
  }
  return list;
}

static PyObject *tune_result(PyObject *self, PyObject *unused) {
  (void)unused;
  wl_error error;
  wl_tune_result result;
  wl_status status =
      wl_tune_get_result(((ext_tune *)self)->job, &result, &error);
  if (status != WL_OK) {
    ext_raise(ext_state_of(Py_TYPE(self)), status, &error);
    return NULL;
  }
  PyObject *blocks = tuple_of_blocks(result.blocks, result.n_blocks);
  PyObject *gates = blocks ? list_of_gates(&result) : NULL;
  PyObject *curve = gates ? list_of_points(&result) : NULL;
  PyObject *reliability = curve ? list_of_bins(&result) : NULL;
  PyObject *certificate =
      reliability ? certificate_dict(&result.certificate) : NULL;
  if (!certificate) {
    Py_XDECREF(blocks);
    Py_XDECREF(gates);
    Py_XDECREF(curve);
    Py_XDECREF(reliability);
    return NULL;
  }
  return Py_BuildValue(
      "{sssssnsNsdsNsdsdsNsNsN}", "outcome",
      wl_tune_outcome_name(result.outcome), "message", result.message,
      "candidate", (Py_ssize_t)result.candidate, "blocks", blocks, "threshold",
      result.threshold, "gates", gates, "expected_cost", result.expected_cost,
      "exact_cost", result.exact_cost, "certificate", certificate, "curve",
      curve, "reliability", reliability);
}

static PyObject *tune_candidates(PyObject *self, PyObject *unused) {
  static const char *const states[] = {"queued", "pruned", "skipped",
                                       "answered"};
  (void)unused;
  const wl_tune *job = ((ext_tune *)self)->job;
  PyObject *list = PyList_New(0);
  for (size_t i = 0; list && i < wl_tune_n_candidates(job); i++) {
    const wl_tune_candidate *c = wl_tune_get_candidate(job, i);
    PyObject *blocks = tuple_of_blocks(c->blocks, c->n_blocks);
    PyObject *item =
        blocks
            ? Py_BuildValue("{sNsnsssdsdsdsdsdsd}", "blocks", blocks, "model",
                            (Py_ssize_t)c->model, "state", states[c->state],
                            "set_cost", c->set_cost, "rest_cost", c->rest_cost,
                            "model_cost", c->model_cost, "agreement",
                            c->agreement, "share_leaving", c->share_leaving,
                            "expected_cost", c->expected_cost)
            : NULL;
    if (!item || PyList_Append(list, item) < 0)
      Py_CLEAR(list);
    Py_XDECREF(item);
  }
  return list;
}

/* ---- the split of rows --------------------------------------------------- */

static PyObject *tune_split(PyObject *module, PyObject *args) {
  (void)module;
  Py_ssize_t n_rows;
  PyObject *groups;
  double share;
  unsigned long long seed;
  if (!PyArg_ParseTuple(args, "nOdK:tune_split", &n_rows, &groups, &share,
                        &seed))
    return NULL;
  if (n_rows < 0) {
    PyErr_SetString(PyExc_ValueError, "tune_split: n_rows is negative");
    return NULL;
  }
  Py_buffer view = {0};
  bool has_groups = groups != Py_None;
  if (has_groups && !ext_get_vector(groups, "groups", "LQ", 8, n_rows, &view))
    return NULL;
  PyObject *bytes = PyBytes_FromStringAndSize(NULL, n_rows);
  if (bytes)
    wl_tune_split((size_t)n_rows, has_groups ? view.buf : NULL, share, seed,
                  (uint8_t *)PyBytes_AsString(bytes));
  if (has_groups)
    PyBuffer_Release(&view);
  return bytes;
}

/* ---- registration -------------------------------------------------------- */

static PyMethodDef tune_methods[] = {
    {"next", tune_next, METH_NOARGS,
     PyDoc_STR("next($self, /)\n--\n\nThe step that is due: ('fit' | 'certify' "
               "| 'finished', candidate, blocks, n_rows, seed).")},
    {"answer", EXT_METHOD(tune_answer), METH_VARARGS | METH_KEYWORDS,
     PyDoc_STR(
         "answer($self, confidence, approx_labels, full_labels, "
         "model_cost, groups=None, true_labels=None, approx_outputs=None, "
         "full_outputs=None, threshold=nan)\n--\n\nThe scores of the rows "
         "asked for: float64, int64, int64, ns a row, uint64, int64, matrices "
         "of float64; the threshold of an estimated target.")},
    {"weigh", EXT_METHOD(tune_weigh), METH_VARARGS | METH_KEYWORDS,
     PyDoc_STR(
         "weigh($self, confidence, approx_labels, full_labels, "
         "model_cost, groups=None, true_labels=None, approx_outputs=None, "
         "full_outputs=None, threshold=nan)\n--\n\nWhat a row would cost if "
         "these scores were the answer to a request to fit; records nothing.")},
    {"skip", tune_skip, METH_NOARGS,
     PyDoc_STR("skip($self, /)\n--\n\nThis model cannot be trained.")},
    {"result", tune_result, METH_NOARGS,
     PyDoc_STR("result($self, /)\n--\n\nThe outcome and its certificate.")},
    {"candidates", tune_candidates, METH_NOARGS,
     PyDoc_STR("candidates($self, /)\n--\n\nWhat was tried, as dicts.")},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot tune_slots[] = {
    {Py_tp_new, EXT_SLOT(tune_new)},
    {Py_tp_dealloc, EXT_SLOT(tune_dealloc)},
    {Py_tp_methods, tune_methods},
    {Py_tp_doc,
     (void *)(uintptr_t)("TuneJob(block_costs, n_rows_fit, n_rows_select, "
                         "n_rows_certify, alpha, delta, seed, model_cost, "
                         "max_fits=0, is_nested=False, max_gates=1, "
                         "stage_cost=0.0, target='agreement', "
                         "tolerance_abs=0.0, tolerance_rel=0.0, part_of=None, "
                         "n_models=1, search_model=0, n_rows_race=0)\n--\n\n"
                         "Chooses and certifies the first stage of a cascade; "
                         "not thread-safe.")},
    {0, NULL},
};

static PyType_Spec tune_spec = {
    .name = "willump._core.TuneJob",
    .basicsize = sizeof(ext_tune),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = tune_slots,
};

static PyMethodDef tune_functions[] = {
    {"tune_split", tune_split, METH_VARARGS,
     PyDoc_STR("tune_split(n_rows, groups, share, seed, /)\n--\n\nOne byte a "
               "row: 1 for about `share` of the rows, groups kept together.")},
    {NULL, NULL, 0, NULL},
};

bool ext_add_tune(PyObject *module) {
  PyObject *type = PyType_FromModuleAndSpec(module, &tune_spec, NULL);
  bool ok = type && PyModule_AddType(module, (PyTypeObject *)type) == 0 &&
            PyModule_AddFunctions(module, tune_functions) == 0;
  Py_XDECREF(type);
  return ok;
}
