/*
 * rows.c: operators that map a dense row to a row: probabilities out of scores,
 * labels, votes and the gate's confidence. Each is a function over one row.
 */
#include <math.h>

#include "base/math.h"
#include "ops/common.h"
#include "ops/table.h"

/* One row of n numbers; `to` has the result's width. */
typedef void (*row_function)(const void *state, const double *x, size_t n,
                             double *to);

static wl_status run_rows(const wl_op_call *call, row_function map,
                          const void *state, wl_value *out, wl_error *error) {
  const wl_value *x = call->inputs[0];
  size_t width = call->type->n_columns;
  WL_TRY(wl_new_dense(call, width, out, error));
  for (size_t r = 0; r < call->n_rows; r++) {
    double *to = wl_row_mut(out, r);
    map(state, wl_row(x, r), x->n_columns, to);
    if (call->type->dtype == WL_F32)
      for (size_t c = 0; c < width; c++)
        to[c] = wl_round_to(WL_F32, to[c]);
  }
  return WL_OK;
}

/* ---- types ------------------------------------------------------------------
 */

static wl_status infer_rounded(const wl_graph *graph, const wl_node *node,
                               wl_type *type, wl_error *error) {
  WL_TRY(wl_infer_same(graph, node, type, error));
  if (type->n_columns == 0)
    return wl_fail(error, WL_ERROR_VALUE, "operator '%s' needs a column",
                   wl_op_table[node->op]->name);
  type->is_bit_equal = false;
  type->dtype = type->dtype == WL_F32 ? WL_F32 : WL_F64;
  return WL_OK;
}

static wl_status infer_two(const wl_graph *graph, const wl_node *node,
                           wl_type *type, wl_error *error) {
  WL_TRY(wl_infer_same(graph, node, type, error));
  if (type->n_columns != 1)
    return wl_fail(error, WL_ERROR_VALUE,
                   "operator '%s' takes one column, not %zu",
                   wl_op_table[node->op]->name, type->n_columns);
  type->n_columns = 2;
  return WL_OK;
}

static wl_status infer_one(const wl_graph *graph, const wl_node *node,
                           wl_type *type, wl_error *error) {
  WL_TRY(infer_rounded(graph, node, type, error));
  type->n_columns = 1;
  return WL_OK;
}

static wl_status infer_label(const wl_graph *graph, const wl_node *node,
                             wl_type *type, wl_error *error) {
  bool is_bit_equal = wl_input_type(graph, node, 0)->is_bit_equal;
  WL_TRY(infer_one(graph, node, type, error));
  type->dtype = WL_I64;
  type->is_bit_equal = is_bit_equal;
  return WL_OK;
}

/* ---- the functions ------------------------------------------------------- */

static double largest(const double *x, size_t n) {
  double max = x[0];
  for (size_t c = 1; c < n; c++)
    max = x[c] > max || x[c] != x[c] ? x[c] : max;
  return max;
}

static void row_softmax(const void *state, const double *x, size_t n,
                        double *to) {
  (void)state;
  double max = largest(x, n), sum = 0.0;
  for (size_t c = 0; c < n; c++)
    sum += to[c] = wl_exp(x[c] - max);
  for (size_t c = 0; c < n; c++)
    to[c] /= sum;
}

static void row_log_softmax(const void *state, const double *x, size_t n,
                            double *to) {
  (void)state;
  double max = largest(x, n), sum = 0.0;
  if (!isfinite(max))
    max = 0.0;
  for (size_t c = 0; c < n; c++)
    sum += wl_exp(x[c] - max);
  double all = wl_log(sum) + max;
  for (size_t c = 0; c < n; c++)
    to[c] = x[c] - all;
}

static void row_normalize_rows(const void *state, const double *x, size_t n,
                               double *to) {
  bool is_uniform = *(const bool *)state;
  double sum = 0.0;
  for (size_t c = 0; c < n; c++)
    sum += x[c];
  for (size_t c = 0; c < n; c++)
    to[c] = sum != 0.0 ? x[c] / sum : is_uniform ? 1.0 / (double)n : x[c];
}

static void row_complement(const void *state, const double *x, size_t n,
                           double *to) {
  (void)state;
  (void)n;
  to[0] = 1.0 - x[0];
  to[1] = x[0];
}

static void row_mirror(const void *state, const double *x, size_t n,
                       double *to) {
  (void)state;
  (void)n;
  to[0] = -x[0];
  to[1] = x[0];
}

/* The first largest, or the first NaN, as NumPy's argmax. */
static void row_argmax(const void *state, const double *x, size_t n,
                       double *to) {
  (void)state;
  size_t best = 0;
  if (n == 2) { /* cannot be foretold: no branch */
    to[0] = (x[0] == x[0]) & ((x[1] > x[0]) | (x[1] != x[1]));
    return;
  }
  for (size_t c = 1; c < n && x[best] == x[best]; c++)
    if (x[c] > x[best] || x[c] != x[c])
      best = c;
  to[0] = (double)best;
}

static void row_margin(const void *state, const double *x, size_t n,
                       double *to) {
  (void)state;
  if (n == 1) {
    to[0] = fabs(x[0]);
    return;
  }
  double first = -INFINITY, second = -INFINITY;
  for (size_t c = 0; c < n; c++) {
    if (x[c] != x[c]) { /* no confidence at all: the row stays */
      to[0] = x[c];
      return;
    }
    if (x[c] > first) {
      second = first;
      first = x[c];
    } else if (x[c] > second) {
      second = x[c];
    }
  }
  to[0] = first - second;
}

/* The smallest of the columns' own margins, for labels that are all to be the
 * same. */
static void row_smallest(const void *state, const double *x, size_t n,
                         double *to) {
  (void)state;
  to[0] = fabs(x[0]);
  for (size_t c = 1; c < n && to[0] == to[0]; c++)
    if (fabs(x[c]) < to[0] || x[c] != x[c])
      to[0] = fabs(x[c]);
}

typedef struct ovo_state {
  size_t n_classes;
  double threshold;
} ovo_state;

#define WL_ROW_OPERATOR(NAME, INFER)                                           \
  static wl_status run_##NAME(const void *state, const wl_op_call *call,       \
                              wl_value *out, wl_error *error) {                \
    return run_rows(call, row_##NAME, state, out, error);                      \
  }                                                                            \
  const wl_op_def wl_op_##NAME = {                                             \
      .name = #NAME,                                                           \
      WL_NO_ATTRS,                                                             \
      .min_inputs = 1,                                                         \
      .max_inputs = 1,                                                         \
      .infer = INFER,                                                          \
      .run = run_##NAME,                                                       \
  }

WL_ROW_OPERATOR(softmax, infer_rounded);
WL_ROW_OPERATOR(log_softmax, infer_rounded);
WL_ROW_OPERATOR(complement, infer_two);
WL_ROW_OPERATOR(mirror, infer_two);
WL_ROW_OPERATOR(argmax, infer_label);

/* ---- those with attributes ----------------------------------------------- */

static const wl_attr_def normalize_attrs[] = {
    {"zero", WL_ATTR_STRING, false},
};

static wl_status infer_normalize(const wl_graph *graph, const wl_node *node,
                                 wl_type *type, wl_error *error) {
  wl_string zero = wl_node_string(node, "zero", "keep");
  if (!wl_string_is(zero, "keep") && !wl_string_is(zero, "uniform"))
    return wl_fail(error, WL_ERROR_VALUE,
                   "operator 'normalize_rows': zero='%.20s' is not one of "
                   "keep, uniform",
                   zero.data);
  return infer_rounded(graph, node, type, error);
}

static wl_status bind_normalize(const wl_graph *graph, const wl_node *node,
                                void **state, wl_error *error) {
  (void)graph;
  bool *is_uniform = wl_alloc(sizeof *is_uniform);
  if (is_uniform == NULL)
    return wl_fail_memory(error, sizeof *is_uniform);
  *is_uniform = wl_string_is(wl_node_string(node, "zero", "keep"), "uniform");
  *state = is_uniform;
  return WL_OK;
}

static wl_status run_normalize_rows(const void *state, const wl_op_call *call,
                                    wl_value *out, wl_error *error) {
  return run_rows(call, row_normalize_rows, state, out, error);
}

const wl_op_def wl_op_normalize_rows = {
    .name = "normalize_rows",
    WL_ATTRS(normalize_attrs),
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = infer_normalize,
    .bind = bind_normalize,
    .unbind = wl_free,
    .run = run_normalize_rows,
};

static const wl_attr_def margin_attrs[] = {
    {"each", WL_ATTR_BOOL, false},
};

static wl_status bind_margin(const wl_graph *graph, const wl_node *node,
                             void **state, wl_error *error) {
  (void)graph;
  bool *is_each = wl_alloc(sizeof *is_each);
  if (is_each == NULL)
    return wl_fail_memory(error, sizeof *is_each);
  *is_each = wl_node_bool(node, "each", false);
  *state = is_each;
  return WL_OK;
}

static wl_status run_margin(const void *state, const wl_op_call *call,
                            wl_value *out, wl_error *error) {
  bool is_each = *(const bool *)state;
  return run_rows(call, is_each ? row_smallest : row_margin, NULL, out, error);
}

const wl_op_def wl_op_margin = {
    .name = "margin",
    WL_ATTRS(margin_attrs),
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = infer_one,
    .bind = bind_margin,
    .unbind = wl_free,
    .run = run_margin,
};

static const wl_attr_def ovo_attrs[] = {
    {"n_classes", WL_ATTR_INT, true},
    {"threshold", WL_ATTR_FLOAT, false},
};

static wl_status infer_ovo(const wl_graph *graph, const wl_node *node,
                           wl_type *type, wl_error *error) {
  int64_t n = wl_node_int(node, "n_classes", 0);
  WL_TRY(infer_rounded(graph, node, type, error));
  if (n < 2 || n > 4096 || (size_t)(n * (n - 1) / 2) != type->n_columns)
    return wl_fail(error, WL_ERROR_VALUE,
                   "operator 'ovo': %zu columns are not the pairs of %lld "
                   "classes",
                   type->n_columns, (long long)n);
  type->n_columns = (size_t)n;
  type->dtype = WL_F64;
  return WL_OK;
}

static wl_status bind_ovo(const wl_graph *graph, const wl_node *node,
                          void **state, wl_error *error) {
  (void)graph;
  ovo_state *s = wl_alloc(sizeof *s);
  if (s == NULL)
    return wl_fail_memory(error, sizeof *s);
  s->n_classes = (size_t)wl_node_int(node, "n_classes", 2);
  s->threshold = wl_node_float(node, "threshold", 0.0);
  *state = s;
  return WL_OK;
}

/* Votes, ties broken by the confidences squashed into (-1/3, 1/3). A class's
 * sums run over its pairs in their order. */
static wl_status run_ovo(const void *state, const wl_op_call *call,
                         wl_value *out, wl_error *error) {
  const ovo_state *s = state;
  size_t n = s->n_classes;
  double *confidences = wl_arena_alloc(call->arena, n * sizeof *confidences);
  if (confidences == NULL)
    return wl_fail_memory(error, n * sizeof *confidences);
  WL_TRY(wl_new_dense(call, n, out, error));
  for (size_t r = 0; r < call->n_rows; r++) {
    const double *x = wl_row(call->inputs[0], r);
    double *votes = wl_row_mut(out, r);
    memset(votes, 0, n * sizeof *votes);
    memset(confidences, 0, n * sizeof *confidences);
    for (size_t a = 0; a < n; a++) {
      for (size_t b = a + 1; b < n; b++, x++) {
        confidences[a] -= *x;
        confidences[b] += *x;
        votes[*x > s->threshold ? b : a] += 1.0;
      }
    }
    for (size_t i = 0; i < n; i++)
      votes[i] += confidences[i] / (3.0 * (fabs(confidences[i]) + 1.0));
  }
  return WL_OK;
}

const wl_op_def wl_op_ovo = {
    .name = "ovo",
    WL_ATTRS(ovo_attrs),
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = infer_ovo,
    .bind = bind_ovo,
    .unbind = wl_free,
    .run = run_ovo,
};
