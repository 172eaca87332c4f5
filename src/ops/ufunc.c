/*
 * ufunc.c: NumPy's functions of one number, element by element. The first ones
 * are correctly rounded in any library, so they are bit-equal; the others are
 * within rounding of NumPy's, whose own bits hang on the processor.
 */
#include <math.h>

#include "base/math.h"
#include "ops/common.h"
#include "ops/table.h"

static double map_same(double x) { return x; }
static double map_negative(double x) { return -x; }
static double map_square(double x) { return x * x; }
static double map_reciprocal(double x) { return 1.0 / x; }
static double map_sign(double x) {
  return x > 0 ? 1 : x < 0 ? -1 : x == 0 ? 0 : x;
}
static double map_log2(double x) { return wl_log(x) * 1.4426950408889634; }
static double map_log10(double x) { return wl_log(x) * 0.4342944819032518; }

static const struct {
  const char *name;
  double (*map)(double x);
  bool is_bit_equal;
} functions[] = {
    {"positive", map_same, true},
    {"negative", map_negative, true},
    {"absolute", fabs, true},
    {"fabs", fabs, true},
    {"square", map_square, true},
    {"sqrt", sqrt, true},
    {"reciprocal", map_reciprocal, true},
    {"sign", map_sign, true},
    {"floor", floor, true},
    {"ceil", ceil, true},
    {"trunc", trunc, true},
    {"rint", rint, true},
    {"exp", wl_exp, false},
    {"exp2", wl_exp2, false},
    {"expm1", wl_expm1, false},
    {"log", wl_log, false},
    {"log1p", wl_log1p, false},
    {"log2", map_log2, false},
    {"log10", map_log10, false},
};

static const wl_attr_def attrs[] = {
    {"function", WL_ATTR_STRING, true},
};

static wl_status find(const wl_node *node, size_t *out, wl_error *error) {
  return wl_find_choice(node, "function", functions, WL_COUNT_OF(functions),
                        sizeof *functions, out, error);
}

static wl_status infer(const wl_graph *graph, const wl_node *node,
                       wl_type *type, wl_error *error) {
  size_t function;
  WL_TRY(wl_infer_same(graph, node, type, error));
  WL_TRY(find(node, &function, error));
  type->is_bit_equal &= functions[function].is_bit_equal;
  type->dtype = type->dtype == WL_F32 ? WL_F32 : WL_F64;
  return WL_OK;
}

static wl_status bind(const wl_graph *graph, const wl_node *node, void **state,
                      wl_error *error) {
  (void)graph;
  size_t *function = wl_alloc(sizeof *function);
  if (function == NULL)
    return wl_fail_memory(error, sizeof *function);
  wl_status status = find(node, function, error);
  if (status == WL_OK)
    *state = function;
  else
    wl_free(function);
  return status;
}

/* Without the zeros, -0.0 among them. */
static wl_status drop_zeros(const wl_op_call *call, wl_value *value,
                            wl_error *error) {
  wl_csr_builder builder;
  size_t n = 0, width = value->n_columns;
  for (size_t i = 0; i < value->n_rows * width; i++)
    n += value->dense[i] != 0.0;
  WL_TRY(wl_csr_begin(&builder, call->arena, call->n_rows, n, error));
  for (size_t r = 0; r < value->n_rows; r++) {
    const double *row = wl_row(value, r);
    for (size_t c = 0; c < width; c++)
      if (row[c] != 0.0)
        wl_csr_push(&builder, (int32_t)c, row[c]);
    wl_csr_end_row(&builder);
  }
  *value = wl_csr_value(&builder, width);
  return WL_OK;
}

/* CSR rows, entries of a column added up, stay CSR where 0 stays 0, as SciPy's
 * do: what follows may tell the layouts apart. */
static wl_status run(const void *state, const wl_op_call *call, wl_value *out,
                     wl_error *error) {
  double (*map)(double) = functions[*(const size_t *)state].map;
  wl_dtype dtype = call->type->dtype;
  wl_value x = *call->inputs[0];
  bool is_csr = x.kind == WL_VALUE_CSR;
  if (is_csr)
    WL_TRY(wl_as_dense(call, call->inputs[0], &x, error));
  WL_TRY(wl_new_dense(call, x.n_columns, out, error));
  for (size_t r = 0; r < call->n_rows; r++) {
    const double *from = wl_row(&x, r);
    double *to = wl_row_mut(out, r);
    for (size_t c = 0; c < x.n_columns; c++)
      to[c] = wl_round_to(dtype, map(from[c]));
  }
  return is_csr && map(0.0) == 0.0 ? drop_zeros(call, out, error) : WL_OK;
}

const wl_op_def wl_op_ufunc = {
    .name = "ufunc",
    WL_ATTRS(attrs),
    .min_inputs = 1,
    .max_inputs = 1,
    .takes_sparse = true,
    .keeps_sparse = true,
    .infer = infer,
    .bind = bind,
    .unbind = wl_free,
    .run = run,
};
