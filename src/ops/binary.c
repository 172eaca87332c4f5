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

/* Numbers one after another, or one for all. */
typedef struct operand {
  const double *x;
  bool is_one;
} operand;

typedef void (*binary_function)(operand a, operand b, double *to, size_t n);

/* FUNCTION_many: n results, in loops that a compiler turns into vectors. */
#define MANY(function)                                                         \
  static void function##_many(operand a, operand b, double *to, size_t n) {    \
    const double *x = a.x, *y = b.x;                                           \
    if (a.is_one)                                                              \
      for (size_t i = 0; i < n; i++)                                           \
        to[i] = function(*x, y[i]);                                            \
    else if (b.is_one)                                                         \
      for (size_t i = 0; i < n; i++)                                           \
        to[i] = function(x[i], *y);                                            \
    else                                                                       \
      for (size_t i = 0; i < n; i++)                                           \
        to[i] = function(x[i], y[i]);                                          \
  }

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

/* Of float32, whose steps on the way are rounded too. */
static double floor_divide_single(double a, double b) {
  if (b == 0.0)
    return a / b;
  double rest = fmod(a, b);
  float whole = (float)((double)(float)(a - rest) / b);
  if (rest != 0.0 && (b < 0.0) != (rest < 0.0))
    whole -= 1.0F;
  if (whole == 0.0F)
    return copysign(0.0, a / b);
  float floored = floorf(whole);
  return whole - floored > 0.5F ? floored + 1.0F : floored;
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

MANY(add)
MANY(subtract)
MANY(multiply)
MANY(divide)
MANY(floor_divide)
MANY(floor_divide_single)
MANY(remainder_of)
MANY(maximum)
MANY(minimum)
MANY(fmax_of)
MANY(fmin_of)
MANY(less)
MANY(less_equal)
MANY(greater)
MANY(greater_equal)
MANY(equal)
MANY(not_equal)
MANY(logical_and)
MANY(logical_or)
MANY(logical_xor)

static const struct {
  const char *name;
  binary_function function;
  bool is_truth; /* gives 0 or 1 */
} functions[] = {
    {"add", add_many, false},
    {"subtract", subtract_many, false},
    {"multiply", multiply_many, false},
    {"divide", divide_many, false},
    {"floor_divide", floor_divide_many, false},
    {"remainder", remainder_of_many, false},
    {"maximum", maximum_many, false},
    {"minimum", minimum_many, false},
    {"fmax", fmax_of_many, false},
    {"fmin", fmin_of_many, false},
    {"less", less_many, true},
    {"less_equal", less_equal_many, true},
    {"greater", greater_many, true},
    {"greater_equal", greater_equal_many, true},
    {"equal", equal_many, true},
    {"not_equal", not_equal_many, true},
    {"logical_and", logical_and_many, true},
    {"logical_or", logical_or_many, true},
    {"logical_xor", logical_xor_many, true},
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
  bool is_f32; /* of the result */
  int bits;    /* of whole results, that may not be beyond; else 0 */
  double most;
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
  *s =
      (binary_state){.function = functions[function].function,
                     .has_value = node->n_inputs == 1,
                     .is_reversed = wl_node_bool(node, "reverse", false),
                     .value = wl_node_float(node, "value", 0.0),
                     .bits = node->type.dtype == WL_I32   ? 31
                             : node->type.dtype == WL_I64 ? 53
                                                          : 0,
                     .most = node->type.dtype == WL_I32 ? 0x1p31 - 1.0 : 0x1p53,
                     .is_f32 = node->type.dtype == WL_F32};
  if (s->is_f32 && s->function == floor_divide_many)
    s->function = floor_divide_single_many;
  *state = s;
  return WL_OK;
}

/* Whole results that are not exact, or NULL. */
static const double *find_inexact(const double *x, size_t n, double most) {
  bool all = true;
  for (size_t i = 0; i < n; i++)
    all &= !(fabs(x[i]) > most);
  for (size_t i = 0; i < n && !all; i++)
    if (fabs(x[i]) > most)
      return &x[i];
  return NULL;
}

/* n numbers one after another. */
static wl_status run_many(const binary_state *s, const double *a,
                          const double *b, double *to, size_t n,
                          wl_error *error) {
  operand x = {a, false}, y = {s->has_value ? &s->value : b, s->has_value};
  s->function(s->is_reversed ? y : x, s->is_reversed ? x : y, to, n);
  for (size_t i = 0; i < n && s->is_f32; i++)
    to[i] = (double)(float)to[i];
  const double *found = s->bits != 0 ? find_inexact(to, n, s->most) : NULL;
  if (WL_LIKELY(found == NULL))
    return WL_OK;
  wl_fail(error, WL_ERROR_VALUE,
          "the result %g of whole numbers is beyond 2^%d, where not all are "
          "exact; cast them to float64 first",
          *found, s->bits);
  if (error != NULL)
    error->row = found - to; /* a number's, until run knows the rows */
  return WL_ERROR_VALUE;
}

static bool is_flat(const wl_value *value) {
  return value->ld == value->n_columns;
}

static wl_status run(const void *state, const wl_op_call *call, wl_value *out,
                     wl_error *error) {
  const binary_state *s = state;
  const wl_value *a = call->inputs[0];
  const wl_value *b = s->has_value ? a : call->inputs[1];
  size_t width = a->n_columns;
  WL_TRY(wl_new_dense(call, width, out, error));
  if (is_flat(a) && is_flat(b)) {
    wl_status status = run_many(s, a->dense, b->dense, out->dense,
                                call->n_rows * width, error);
    if (WL_UNLIKELY(status != WL_OK) && error != NULL)
      error->row /= (int64_t)width;
    return status;
  }
  for (size_t r = 0; r < call->n_rows; r++) {
    wl_status status = run_many(s, wl_row(a, r), wl_row(b, r),
                                wl_row_mut(out, r), width, error);
    if (WL_UNLIKELY(status != WL_OK) && error != NULL)
      error->row = (int64_t)r;
    WL_TRY(status);
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
