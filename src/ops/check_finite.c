/*
 * check_finite.c: NaN and infinity are refused where scikit-learn refuses them,
 * with its message first, then the column that the value came from. Passes its
 * input through. With dtype f32 a value is infinite that float32 cannot hold:
 * trees cast X to float32 before they check it.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "ops/common.h"
#include "ops/table.h"

static const wl_attr_def attrs[] = {
    {"estimator", WL_ATTR_STRING, true},
    {"allow_nan", WL_ATTR_BOOL, false},
    {"allow_sparse_nan", WL_ATTR_BOOL, false},
    {"centered", WL_ATTR_BOOL, false},
    {"dtype", WL_ATTR_STRING, false},
    {"message", WL_ATTR_STRING, false},
};

enum { MAX_DEPTH = 16, MAX_SOURCES = 4096 };

/* The caller's columns of one input, by the first feature that they give. */
typedef struct source {
  size_t first;
  size_t n_names; /* 0: without names */
  char *names;    /* one behind the other, each terminated; owned */
} source;

typedef struct check_state {
  bool allows_nan, allows_sparse_nan, is_centered;
  wl_dtype dtype; /* f32 or f64: that the values are cast to for the check */
  char estimator[64];
  char message[96]; /* of an infinity; empty: scikit-learn's */
  source *sources;  /* ascending */
  size_t n_sources, capacity;
} check_state;

static wl_status infer(const wl_graph *graph, const wl_node *node,
                       wl_type *type, wl_error *error) {
  WL_TRY(wl_check_matrices(graph, node, error));
  *type = *wl_input_type(graph, node, 0);
  wl_dtype dtype;
  return wl_node_float_dtype(node, WL_F64, &dtype, error);
}

static void unbind(void *state) {
  check_state *s = state;
  if (s == NULL)
    return;
  for (size_t i = 0; i < s->n_sources; i++)
    wl_free(s->sources[i].names);
  wl_free(s->sources);
  wl_free(s);
}

/* Whether an operator leaves every column, and NaN in it, where it is. */
static bool keeps_columns(wl_op op) {
  return op == WL_OP_SCALE || op == WL_OP_CHECK_FINITE || op == WL_OP_CAST;
}

/* The names of an input's columns; of a matrix without names, or of what is
 * computed, there are none. */
static wl_status copy_names(const wl_graph *graph, const wl_node *node,
                            source *out, wl_error *error) {
  if (node->op != WL_OP_INPUT)
    return WL_OK;
  const wl_const *names = wl_node_tensor(graph, node, "names");
  wl_string name = wl_node_string(node, "name", "");
  size_t n = names != NULL ? names->n_elements : name.size != 0, size = n;
  for (size_t i = 0; i < n; i++)
    size += (names != NULL ? wl_const_string(names, i) : name).size;
  char *to = out->names = wl_alloc(size != 0 ? size : 1);
  if (to == NULL)
    return wl_fail_memory(error, size);
  out->n_names = n;
  for (size_t i = 0; i < n; i++) {
    wl_string from = names != NULL ? wl_const_string(names, i) : name;
    for (size_t k = 0; k < from.size; k++)
      *to++ = from.data[k] == '\0' ? '?' : from.data[k];
    *to++ = '\0';
  }
  return WL_OK;
}

/* The inputs below a node, through concatenations. */
static wl_status find_sources(const wl_graph *graph, wl_id id, size_t first,
                              int depth, check_state *s, wl_error *error) {
  const wl_node *node = &graph->nodes[id];
  while (keeps_columns(node->op))
    node = &graph->nodes[node->inputs[0]];
  if (s->n_sources == MAX_SOURCES)
    return WL_OK;
  if (node->op == WL_OP_CONCAT && depth < MAX_DEPTH) {
    for (uint32_t i = 0; i < node->n_inputs; i++) {
      WL_TRY(find_sources(graph, node->inputs[i], first, depth + 1, s, error));
      first += wl_input_type(graph, node, i)->n_columns;
    }
    return WL_OK;
  }
  WL_TRY(wl_grow((void **)&s->sources, &s->capacity, s->n_sources + 1,
                 sizeof *s->sources, error));
  s->sources[s->n_sources] = (source){.first = first};
  return copy_names(graph, node, &s->sources[s->n_sources++], error);
}

/* As much as there is room for. */
static void copy_text(char *room, size_t size, wl_string text) {
  memcpy(room, text.data, text.size < size ? text.size : size - 1);
}

static wl_status bind(const wl_graph *graph, const wl_node *node, void **state,
                      wl_error *error) {
  check_state *s = wl_calloc(1, sizeof *s);
  if (s == NULL)
    return wl_fail_memory(error, sizeof *s);
  s->allows_nan = wl_node_bool(node, "allow_nan", false);
  s->is_centered = wl_node_bool(node, "centered", false);
  s->allows_sparse_nan = wl_node_bool(node, "allow_sparse_nan", s->allows_nan);
  copy_text(s->estimator, sizeof s->estimator,
            wl_node_string(node, "estimator", ""));
  copy_text(s->message, sizeof s->message, wl_node_string(node, "message", ""));
  wl_status status = wl_node_float_dtype(node, WL_F64, &s->dtype, error);
  if (status == WL_OK)
    status = find_sources(graph, node->inputs[0], 0, 0, s, error);
  if (status == WL_OK)
    *state = s;
  else
    unbind(s);
  return status;
}

/* What the caller calls a feature; "" when that is not known. */
static const char *name_of(const check_state *s, size_t feature) {
  size_t i = s->n_sources;
  while (i > 0 && s->sources[i - 1].first > feature)
    i--;
  if (i == 0 || feature - s->sources[i - 1].first >= s->sources[i - 1].n_names)
    return "";
  const char *name = s->sources[i - 1].names;
  for (size_t n = feature - s->sources[i - 1].first; n > 0; n--)
    name += strlen(name) + 1;
  return name;
}

static wl_status refuse(const check_state *s, double value, size_t row,
                        size_t column, wl_error *error) {
  char where[160];
  const char *name = name_of(s, column);
  if (name[0] != '\0')
    (void)snprintf(where, sizeof where, "column '%.120s'", name);
  else
    (void)snprintf(where, sizeof where, "feature %zu", column);
  bool has_name = s->estimator[0] != '\0';
  if (value != value)
    return wl_fail_row(error, WL_ERROR_VALUE, (int64_t)row,
                       "Input%s contains NaN.\n%s does not accept missing "
                       "values encoded as NaN natively: impute them, or drop "
                       "the rows (%s)",
                       has_name ? " X" : "",
                       has_name ? s->estimator : "The model", where);
  if (s->message[0] != '\0')
    return wl_fail_row(error, WL_ERROR_VALUE, (int64_t)row, "%s (%s)",
                       s->message, where);
  return wl_fail_row(error, WL_ERROR_VALUE, (int64_t)row,
                     "Input%s contains infinity or a value too large for "
                     "dtype('%s'). (%s%s%s)",
                     has_name ? " X" : "",
                     s->dtype == WL_F32 ? "float32" : "float64", s->estimator,
                     has_name ? ", " : "", where);
}

/* What is finite in the dtype is below: half an ulp above its largest. */
static double first_infinite(wl_dtype dtype) {
  return dtype == WL_F32 ? 0x1.ffffffp127 : INFINITY;
}

/* Whether some numbers may have one to refuse: loops for vectors. */
static bool is_suspect(const double *values, size_t n, double limit) {
  uint64_t n_finite = 0;
  for (size_t i = 0; i < n; i++)
    n_finite += fabs(values[i]) < limit;
  return n_finite != n;
}

static bool is_suspect_f32(const float *values, size_t n) {
  uint32_t n_finite = 0; /* of a chunk */
  for (size_t i = 0; i < n; i++)
    n_finite += fabsf(values[i]) < INFINITY;
  return n_finite != n;
}

static wl_status check_one(const check_state *s, bool allows_nan, double value,
                           size_t row, size_t column, wl_error *error) {
  if (isfinite(wl_round_to(s->dtype, value)) || (allows_nan && value != value))
    return WL_OK;
  return refuse(s, value, row, column, error);
}

static wl_status check_row(const check_state *s, bool allows_nan,
                           const double *row, size_t n, const int32_t *columns,
                           size_t r, wl_error *error) {
  if (!is_suspect(row, n, first_infinite(s->dtype)))
    return WL_OK;
  for (size_t i = 0; i < n; i++)
    WL_TRY(check_one(s, allows_nan, row[i], r,
                     columns != NULL ? (size_t)columns[i] : i, error));
  return WL_OK;
}

/* Looks at the numbers in the order in which they lie. */
static bool has_suspect(const check_state *s, const wl_value *x) {
  double limit = first_infinite(s->dtype);
  const wl_strided *m = &x->strided;
  bool by_column = llabs(m->row_stride) < llabs(m->column_stride);
  int64_t step = by_column ? m->row_stride : m->column_stride;
  size_t n = by_column ? x->n_rows : x->n_columns;
  size_t n_runs = by_column ? x->n_columns : x->n_rows;
  bool any = false;
  for (size_t run = 0; run < n_runs; run++) {
    const void *first =
        (const char *)m->values +
        (int64_t)run * (by_column ? m->column_stride : m->row_stride);
    if (m->is_f32 && step == sizeof(float))
      any |= is_suspect_f32(first, n);
    else if (!m->is_f32 && step == sizeof(double))
      any |= is_suspect(first, n, limit);
    else
      for (size_t i = 0; i < n; i++)
        any |= !(fabs(wl_strided_at(m, by_column ? i : run,
                                    by_column ? run : i)) < limit);
  }
  return any;
}

static wl_status check_strided(const check_state *s, const wl_value *x,
                               wl_error *error) {
  if (!has_suspect(s, x))
    return WL_OK;
  for (size_t r = 0; r < x->n_rows; r++)
    for (size_t c = 0; c < x->n_columns; c++)
      WL_TRY(check_one(s, s->allows_nan, wl_strided_at(&x->strided, r, c), r, c,
                       error));
  return WL_OK;
}

static wl_status run(const void *state, const wl_op_call *call, wl_value *out,
                     wl_error *error) {
  const check_state *s = state;
  const wl_value *x = call->inputs[0];
  *out = *x;
  if (x->kind == WL_VALUE_STRIDED)
    return check_strided(s, x, error);
  bool is_sparse = x->kind == WL_VALUE_CSR;
  if (s->is_centered && is_sparse)
    return wl_fail(error, WL_ERROR_VALUE, WL_CANNOT_CENTER);
  for (size_t r = 0; r < call->n_rows; r++) {
    if (!is_sparse) {
      WL_TRY(check_row(s, s->allows_nan, wl_row(x, r), x->n_columns, NULL, r,
                       error));
      continue;
    }
    size_t first = (size_t)x->indptr[r];
    WL_TRY(check_row(s, s->allows_sparse_nan, x->data + first,
                     (size_t)x->indptr[r + 1] - first, x->indices + first, r,
                     error));
  }
  return WL_OK;
}

const wl_op_def wl_op_check_finite = {
    .name = "check_finite",
    WL_ATTRS(attrs),
    .min_inputs = 1,
    .max_inputs = 1,
    .takes_sparse = true,
    .keeps_sparse = true,
    .takes_strided = true,
    .passes_on = true,
    .infer = infer,
    .bind = bind,
    .unbind = unbind,
    .run = run,
};
