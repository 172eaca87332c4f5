/*
 * linear.c: `linear` and `project`: a matrix times transposed coefficients,
 * plus an intercept. Sums run in the order of the entries, one accumulator an
 * output, so that a row's bits depend on the row alone.
 */
#include "ops/common.h"
#include "ops/table.h"

static const wl_attr_def linear_attrs[] = {
    {"coef", WL_ATTR_TENSOR, true},
    {"intercept", WL_ATTR_TENSOR, false},
    {"dtype", WL_ATTR_STRING, false},
};
static const wl_attr_def project_attrs[] = {
    {"components", WL_ATTR_TENSOR, true},
};

typedef struct linear_state {
  size_t n_features, n_outputs;
  double *weights;   /* n_features x n_outputs: an entry's lie side by side */
  double *intercept; /* n_outputs */
} linear_state;

static const char *coef_name(const wl_node *node) {
  return node->op == WL_OP_LINEAR ? "coef" : "components";
}

static wl_status infer(const wl_graph *graph, const wl_node *node,
                       wl_type *type, wl_error *error) {
  WL_TRY(wl_check_matrices(graph, node, error));
  const wl_type *input = wl_input_type(graph, node, 0);
  const wl_const *coef = wl_node_tensor(graph, node, coef_name(node));
  if (coef->dtype == WL_STRING || coef->n_dims != 2 || coef->shape[0] < 1 ||
      coef->shape[1] != input->n_columns)
    return wl_fail(error, WL_ERROR_VALUE,
                   "operator '%s': %s is k x %zu, as its input has %zu columns",
                   wl_op_table[node->op]->name, coef_name(node),
                   input->n_columns, input->n_columns);
  *type =
      (wl_type){.kind = WL_VALUE_DENSE, .n_columns = (size_t)coef->shape[0]};
  WL_TRY(wl_check_vector(graph, node, "intercept", type->n_columns, error));
  bool is_f32 = node->op == WL_OP_PROJECT && input->dtype == WL_F32;
  return wl_node_float_dtype(node, is_f32 ? WL_F32 : WL_F64, &type->dtype,
                             error);
}

static void unbind(void *state) {
  linear_state *s = state;
  if (s == NULL)
    return;
  wl_free(s->weights);
  wl_free(s->intercept);
  wl_free(s);
}

static wl_status bind(const wl_graph *graph, const wl_node *node, void **state,
                      wl_error *error) {
  const wl_const *coef = wl_node_tensor(graph, node, coef_name(node));
  linear_state *s = wl_calloc(1, sizeof *s);
  if (s == NULL)
    return wl_fail_memory(error, sizeof *s);
  wl_status status;
  s->n_outputs = (size_t)coef->shape[0];
  s->n_features = (size_t)coef->shape[1];
  WL_TRY_DONE(status, wl_copy_vector(wl_node_tensor(graph, node, "intercept"),
                                     s->n_outputs, 0.0, &s->intercept, error));
  s->weights = wl_calloc(s->n_features * s->n_outputs + 1, sizeof *s->weights);
  if (s->weights == NULL) {
    status = wl_fail_memory(error, s->n_features * s->n_outputs * 8);
    goto done;
  }
  for (size_t k = 0; k < s->n_outputs; k++)
    for (size_t f = 0; f < s->n_features; f++)
      s->weights[f * s->n_outputs + k] =
          wl_const_number(coef, k * s->n_features + f);
  *state = s;
  return WL_OK;
done:
  unbind(s);
  return status;
}

static void score_sparse(const linear_state *s, const wl_value *x, size_t row,
                         double *to) {
  for (int64_t e = x->indptr[row]; e < x->indptr[row + 1]; e++) {
    const double *w = s->weights + (size_t)x->indices[e] * s->n_outputs;
    for (size_t k = 0; k < s->n_outputs; k++)
      to[k] += x->data[e] * w[k];
  }
}

static void score_dense(const linear_state *s, const double *x, double *to) {
  for (size_t f = 0; f < s->n_features; f++) {
    const double *w = s->weights + f * s->n_outputs;
    for (size_t k = 0; k < s->n_outputs; k++)
      to[k] += x[f] * w[k];
  }
}

/* Rows whose sums run beside one another: each is as it is alone, and none
 * waits for its own last addition. */
enum { ROWS = 4 };

static void dot_dense(const linear_state *s, const double *const rows[ROWS],
                      double sums[ROWS]) {
  double a = 0.0, b = 0.0, c = 0.0, d = 0.0;
  for (size_t f = 0; f < s->n_features; f++) {
    double w = s->weights[f];
    a += rows[0][f] * w;
    b += rows[1][f] * w;
    c += rows[2][f] * w;
    d += rows[3][f] * w;
  }
  sums[0] = a;
  sums[1] = b;
  sums[2] = c;
  sums[3] = d;
}

static void dot_sparse(const linear_state *s, const wl_value *x, size_t row,
                       double sums[ROWS]) {
  const int64_t *at = x->indptr + row;
  const double *weights = s->weights;
  int64_t n = at[1] - at[0];
  for (size_t i = 1; i < ROWS; i++)
    n = at[i + 1] - at[i] < n ? at[i + 1] - at[i] : n;
  const int32_t *i0 = x->indices + at[0], *i1 = x->indices + at[1],
                *i2 = x->indices + at[2], *i3 = x->indices + at[3];
  const double *d0 = x->data + at[0], *d1 = x->data + at[1],
               *d2 = x->data + at[2], *d3 = x->data + at[3];
  double a = 0.0, b = 0.0, c = 0.0, d = 0.0;
  for (int64_t e = 0; e < n; e++) {
    a += d0[e] * weights[i0[e]];
    b += d1[e] * weights[i1[e]];
    c += d2[e] * weights[i2[e]];
    d += d3[e] * weights[i3[e]];
  }
  sums[0] = a;
  sums[1] = b;
  sums[2] = c;
  sums[3] = d;
  for (size_t i = 0; i < ROWS; i++) {
    double sum = sums[i];
    for (int64_t e = at[i] + n; e < at[i + 1]; e++)
      sum += x->data[e] * weights[x->indices[e]];
    sums[i] = sum;
  }
}

static void score_row(const linear_state *s, const wl_value *x, size_t row,
                      double *to) {
  memset(to, 0, s->n_outputs * sizeof *to);
  if (x->kind == WL_VALUE_CSR)
    score_sparse(s, x, row, to);
  else
    score_dense(s, wl_row(x, row), to);
}

/* One output: several rows at once. The number of rows that are done. */
static size_t score_blocks(const linear_state *s, const wl_value *x,
                           size_t n_rows, wl_value *out) {
  size_t r = 0;
  for (; r + ROWS <= n_rows; r += ROWS) {
    double sums[ROWS];
    if (x->kind == WL_VALUE_CSR) {
      dot_sparse(s, x, r, sums);
    } else {
      const double *rows[ROWS] = {wl_row(x, r), wl_row(x, r + 1),
                                  wl_row(x, r + 2), wl_row(x, r + 3)};
      dot_dense(s, rows, sums);
    }
    for (size_t i = 0; i < ROWS; i++)
      *wl_row_mut(out, r + i) = sums[i];
  }
  return r;
}

static wl_status run(const void *state, const wl_op_call *call, wl_value *out,
                     wl_error *error) {
  const linear_state *s = state;
  const wl_value *x = call->inputs[0];
  WL_TRY(wl_new_dense(call, s->n_outputs, out, error));
  size_t n_done = 0;
  if (s->n_outputs == 1)
    n_done = score_blocks(s, x, call->n_rows, out);
  for (size_t r = n_done; r < call->n_rows; r++)
    score_row(s, x, r, wl_row_mut(out, r));
  for (size_t r = 0; r < call->n_rows; r++) {
    double *to = wl_row_mut(out, r);
    for (size_t k = 0; k < s->n_outputs; k++)
      to[k] = wl_round_to(call->type->dtype, to[k] + s->intercept[k]);
  }
  return WL_OK;
}

const wl_op_def wl_op_linear = {
    .name = "linear",
    WL_ATTRS(linear_attrs),
    .min_inputs = 1,
    .max_inputs = 1,
    .takes_sparse = true,
    .infer = infer,
    .bind = bind,
    .unbind = unbind,
    .run = run,
};

const wl_op_def wl_op_project = {
    .name = "project",
    WL_ATTRS(project_attrs),
    .min_inputs = 1,
    .max_inputs = 1,
    .takes_sparse = true,
    .infer = infer,
    .bind = bind,
    .unbind = unbind,
    .run = run,
};
