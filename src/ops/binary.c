/*
 * binary.c: NumPy's functions of two numbers, element by element; the second,
 * or with `reverse` the first, may be one number for all. Bit-equal to NumPy.
 *
 * With dtype i64 both are whole, or NaN: a result beyond 2^53 would not be
 * exact, and is refused; with i32 so is one beyond 2^31, which wraps around
 * where no row is missing, and does not where one is.
 */
#include <math.h>

#include "ops/common.h"
#include "ops/table.h"

typedef double (*binary_function)(double a, double b);

static double add(double a, double b) { return a + b; }
static double subtract(double a, double b) { return a - b; }
static double multiply(double a, double b) { return a * b; }
static double divide(double a, double b) { return a / b; }

/* The sign of a remainder is the divisor's. */
static double remainder_of(double a, double b) {
  double rest = fmod(a, b);
  if (b == 0.0)
    return rest; /* NaN */
  if (rest == 0.0)
    return copysign(0.0, b);
  return (b < 0.0) != (rest < 0.0) ? rest + b : rest;
}

static double floor_divide(double a, double b) {
  if (b == 0.0)
    return a / b;
  double rest = fmod(a, b), whole = (a - rest) / b;
  if (rest != 0.0 && (b < 0.0) != (rest < 0.0))
    whole -= 1.0;
  if (whole == 0.0)
    return copysign(0.0, a / b);
  double floored = floor(whole);
  return whole - floored > 0.5 ? floored + 1.0 : floored;
}

/* NaN when one of them is. */
static double maximum(double a, double b) { return a >= b || a != a ? a : b; }
static double minimum(double a, double b) { return a <= b || a != a ? a : b; }
/* The other one when one is NaN. */
static double fmax_of(double a, double b) { return a >= b || b != b ? a : b; }
static double fmin_of(double a, double b) { return a <= b || b != b ? a : b; }

static double less(double a, double b) { return a < b; }
static double less_equal(double a, double b) { return a <= b; }
static double greater(double a, double b) { return a > b; }
static double greater_equal(double a, double b) { return a >= b; }
static double equal(double a, double b) { return a == b; }
static double not_equal(double a, double b) { return a != b; }
static double logical_and(double a, double b) { return a != 0.0 && b != 0.0; }
static double logical_or(double a, double b) { return a != 0.0 || b != 0.0; }
static double logical_xor(double a, double b) {
  return (a != 0.0) != (b != 0.0);
}

static const struct {
  const char *name;
  binary_function function;
  bool is_truth; /* gives 0 or 1 */
} functions[] = {
    {"add", add, false},
    {"subtract", subtract, false},
    {"multiply", multiply, false},
    {"divide", divide, false},
    {"floor_divide", floor_divide, false},
    {"remainder", remainder_of, false},
    {"maximum", maximum, false},
    {"minimum", minimum, false},
    {"fmax", fmax_of, false},
    {"fmin", fmin_of, false},
    {"less", less, true},
    {"less_equal", less_equal, true},
    {"greater", greater, true},
    {"greater_equal", greater_equal, true},
    {"equal", equal, true},
    {"not_equal", not_equal, true},
    {"logical_and", logical_and, true},
    {"logical_or", logical_or, true},
    {"logical_xor", logical_xor, true},
};

static const wl_attr_def attrs[] = {
    {"function", WL_ATTR_STRING, true},
    {"value", WL_ATTR_FLOAT, false},
    {"reverse", WL_ATTR_BOOL, false},
    {"dtype", WL_ATTR_STRING, false},
};

typedef struct binary_state {
  binary_function function;
  bool has_value, is_reversed;
  double value;
} binary_state;

static wl_status find(const wl_node *node, size_t *out, wl_error *error) {
  return wl_find_choice(node, "function", functions, WL_COUNT_OF(functions),
                        sizeof *functions, out, error);
}

static wl_status infer(const wl_graph *graph, const wl_node *node,
                       wl_type *type, wl_error *error) {
  size_t function;
  WL_TRY(wl_infer_same(graph, node, type, error));
  WL_TRY(find(node, &function, error));
  bool has_value = wl_node_attr(node, "value") != NULL;
  if (has_value == (node->n_inputs == 2))
    return wl_fail(error, WL_ERROR_VALUE,
                   "operator 'binary' takes two inputs, or one and a 'value'");
  wl_dtype common = type->dtype;
  if (node->n_inputs == 2) {
    const wl_type *other = wl_input_type(graph, node, 1);
    if (other->n_columns != type->n_columns)
      return wl_fail(error, WL_ERROR_VALUE,
                     "operator 'binary': its inputs have %zu and %zu columns",
                     type->n_columns, other->n_columns);
    type->is_bit_equal &= other->is_bit_equal;
    common = wl_promote(common, other->dtype);
  }
  if (functions[function].is_truth)
    common = WL_I64;
  else if (common != WL_F32)
    common = WL_F64;
  return wl_node_dtype(node, common, &type->dtype, error);
}

static wl_status bind(const wl_graph *graph, const wl_node *node, void **state,
                      wl_error *error) {
  (void)graph;
  size_t function;
  WL_TRY(find(node, &function, error));
  binary_state *s = wl_calloc(1, sizeof *s);
  if (s == NULL)
    return wl_fail_memory(error, sizeof *s);
  *s = (binary_state){.function = functions[function].function,
                      .has_value = node->n_inputs == 1,
                      .is_reversed = wl_node_bool(node, "reverse", false),
                      .value = wl_node_float(node, "value", 0.0)};
  *state = s;
  return WL_OK;
}

static wl_status run_row(const binary_state *s, const double *a,
                         const double *b, size_t n, wl_dtype dtype, double *to,
                         wl_error *error) {
  bool is_whole = dtype == WL_I32 || dtype == WL_I64;
  int bits = dtype == WL_I32 ? 31 : 53;
  double most = dtype == WL_I32 ? 0x1p31 - 1.0 : 0x1p53;
  for (size_t c = 0; c < n; c++) {
    double left = a[c], right = s->has_value ? s->value : b[c];
    double found =
        s->is_reversed ? s->function(right, left) : s->function(left, right);
    if (is_whole && WL_UNLIKELY(fabs(found) > most))
      return wl_fail(error, WL_ERROR_VALUE,
                     "the result %g of whole numbers is beyond 2^%d, where "
                     "not all are exact; cast them to float64 first",
                     found, bits);
    to[c] = wl_round_to(dtype, found);
  }
  return WL_OK;
}

static wl_status run(const void *state, const wl_op_call *call, wl_value *out,
                     wl_error *error) {
  const binary_state *s = state;
  const wl_value *a = call->inputs[0];
  const wl_value *b = s->has_value ? a : call->inputs[1];
  WL_TRY(wl_new_dense(call, a->n_columns, out, error));
  for (size_t r = 0; r < call->n_rows; r++) {
    wl_status status = run_row(s, wl_row(a, r), wl_row(b, r), a->n_columns,
                               call->type->dtype, wl_row_mut(out, r), error);
    if (WL_UNLIKELY(status != WL_OK)) {
      if (error != NULL)
        error->row = (int64_t)r;
      return status;
    }
  }
  return WL_OK;
}

const wl_op_def wl_op_binary = {
    .name = "binary",
    WL_ATTRS(attrs),
    .min_inputs = 1,
    .max_inputs = 2,
    .infer = infer,
    .bind = bind,
    .unbind = wl_free,
    .run = run,
};
