/* check_finite.c: NaN and infinity are refused where scikit-learn refuses them,
 * with its message first. Passes its input through. */
#include <math.h>

#include "ops/common.h"
#include "ops/table.h"

static const wl_attr_def attrs[] = {
    {"estimator", WL_ATTR_STRING, true},
    {"allow_nan", WL_ATTR_BOOL, false},
};

typedef struct check_state {
  bool allows_nan;
  char estimator[64];
} check_state;

static wl_status infer(const wl_graph *graph, const wl_node *node,
                       wl_type *type, wl_error *error) {
  WL_TRY(wl_check_matrices(graph, node, error));
  *type = *wl_input_type(graph, node, 0);
  return WL_OK;
}

static wl_status bind(const wl_graph *graph, const wl_node *node, void **state,
                      wl_error *error) {
  (void)graph;
  check_state *s = wl_calloc(1, sizeof *s);
  if (s == NULL)
    return wl_fail_memory(error, sizeof *s);
  wl_string name = wl_node_string(node, "estimator", "");
  s->allows_nan = wl_node_bool(node, "allow_nan", false);
  memcpy(s->estimator, name.data,
         name.size < sizeof s->estimator ? name.size : sizeof s->estimator - 1);
  *state = s;
  return WL_OK;
}

static wl_status refuse(const check_state *s, double value, size_t row,
                        size_t column, wl_error *error) {
  if (value != value)
    return wl_fail_row(error, WL_ERROR_VALUE, (int64_t)row,
                       "Input X contains NaN.\n%s does not accept missing "
                       "values encoded as NaN natively: impute them, or drop "
                       "the rows (feature %zu)",
                       s->estimator, column);
  return wl_fail_row(error, WL_ERROR_VALUE, (int64_t)row,
                     "Input X contains infinity or a value too large for "
                     "dtype('float64') (%s, feature %zu)",
                     s->estimator, column);
}

static wl_status run(const void *state, const wl_op_call *call, wl_value *out,
                     wl_error *error) {
  const check_state *s = state;
  const wl_value *x = call->inputs[0];
  *out = *x;
  for (size_t r = 0; r < call->n_rows; r++) {
    bool is_sparse = x->kind == WL_VALUE_CSR;
    const double *row = is_sparse ? x->data + x->indptr[r] : wl_row(x, r);
    size_t n =
        is_sparse ? (size_t)(x->indptr[r + 1] - x->indptr[r]) : x->n_columns;
    for (size_t c = 0; c < n; c++)
      if (!isfinite(row[c]) && !(s->allows_nan && row[c] != row[c]))
        return refuse(s, row[c], r,
                      is_sparse ? (size_t)x->indices[(size_t)x->indptr[r] + c]
                                : c,
                      error);
  }
  return WL_OK;
}

const wl_op_def wl_op_check_finite = {
    .name = "check_finite",
    WL_ATTRS(attrs),
    .min_inputs = 1,
    .max_inputs = 1,
    .takes_sparse = true,
    .infer = infer,
    .bind = bind,
    .unbind = wl_free,
    .run = run,
};
