/* One row of numbers through the public header: the bits of a batch, without
 * allocation once it is repeated. */
#include "support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "willump/willump.h"

enum { WIDTH = 3, MANY = 24, MOST_VALUES = MANY + WIDTH, N_ROWS = 50 };

/* n_columns numeric columns and a matrix, summed with weights. */
static wl_status compile(size_t n_columns, wl_model **out, wl_error *error) {
  char text[8192], list[2048];
  int at = snprintf(text, sizeof text, "willump-graph 1\n"), to = 0;
  for (size_t c = 0; c < n_columns; c++) {
    at += snprintf(text + at, sizeof text - (size_t)at,
                   "%%%zu = input() {kind=\"numeric\", name=\"c%zu\"}\n", c, c);
    to += snprintf(list + to, sizeof list - (size_t)to, "%%%zu, ", c);
  }
  snprintf(text + at, sizeof text - (size_t)at,
           "%%%zu = input() {kind=\"matrix\", n_features=%d}\n"
           "%%%zu = concat(%s%%%zu)\n%%%zu = linear(%%%zu) {coef=@coef}\n"
           "%%%zu = positive(%%%zu)\nstage\noutput decision = %%%zu\n"
           "output label = %%%zu\n",
           n_columns, WIDTH, n_columns + 1, n_columns != 0 ? list : "",
           n_columns, n_columns + 2, n_columns + 1, n_columns + 3,
           n_columns + 2, n_columns + 2, n_columns + 3);
  double coef[MOST_VALUES];
  for (size_t i = 0; i < MOST_VALUES; i++)
    coef[i] = 1.0 / (double)(i + 3) - 0.1;
  const wl_tensor tensors[1] = {
      {"coef", WL_F64, 2, {1, (uint64_t)n_columns + WIDTH}, coef, NULL}};
  return wl_model_compile(text, strlen(text), tensors, 1, NULL, NULL, out,
                          error);
}

static double values[N_ROWS][MOST_VALUES];

static void make_values(void) {
  for (size_t r = 0; r < N_ROWS; r++)
    for (size_t i = 0; i < MOST_VALUES; i++)
      values[r][i] = uniform(-1, 1);
}

static void as_batch(const wl_model *model, size_t n_columns, double *out) {
  wl_input inputs[MANY + 1];
  for (size_t i = 0; i <= n_columns; i++)
    inputs[i] = (wl_input){.layout = WL_LAYOUT_STRIDED,
                           .dtype = WL_F64,
                           .n_columns = i == n_columns ? WIDTH : 1,
                           .values = values[0] + i,
                           .row_stride = sizeof values[0],
                           .column_stride = sizeof(double)};
  assert_int_equal(wl_model_predict(model, 0, inputs, n_columns + 1, N_ROWS,
                                    NULL, out, NULL, NULL),
                   WL_OK);
}

static void a_row_has_the_bits_of_a_batch_and_allocates_nothing(void **state) {
  (void)state;
  make_values();
  for (size_t n_columns = 0; n_columns <= MANY; n_columns += MANY / 2) {
    wl_model *model;
    double expected[N_ROWS], got;
    int64_t label;
    assert_int_equal(compile(n_columns, &model, NULL), WL_OK);
    as_batch(model, n_columns, expected);
    for (size_t r = 0; r < 2 * N_ROWS; r++) {
      calls_left = r < N_ROWS ? -1 : 0;
      assert_int_equal(wl_model_predict_row(model, 0, values[r % N_ROWS],
                                            n_columns + WIDTH, &got, NULL),
                       WL_OK);
      assert_memory_equal(&got, &expected[r % N_ROWS], sizeof got);
      assert_int_equal(wl_model_predict_row(model, 1, values[r % N_ROWS],
                                            n_columns + WIDTH, &label, NULL),
                       WL_OK);
      assert_int_equal(label, expected[r % N_ROWS] > 0);
    }
    calls_left = -1;
    wl_model_release(model);
  }
}

static void any_allocation_may_fail(void **state) {
  (void)state;
  double got;
  make_values();
  for (long n = 0;; n++) {
    wl_model *model;
    assert_int_equal(compile(MANY, &model, NULL), WL_OK);
    calls_left = n;
    wl_status status =
        wl_model_predict_row(model, 0, values[0], MOST_VALUES, &got, NULL);
    calls_left = -1;
    wl_model_release(model);
    assert_int_equal(n_live_blocks, 0);
    if (status == WL_OK)
      break;
    assert_int_equal(status, WL_ERROR_MEMORY);
    assert_true(n < 1000);
  }
}

static void a_wrong_number_of_values_is_named(void **state) {
  (void)state;
  wl_model *model;
  wl_error error;
  double got;
  assert_int_equal(compile(MANY, &model, NULL), WL_OK);
  assert_int_equal(wl_model_predict_row(model, 0, values[0], 5, &got, &error),
                   WL_ERROR_VALUE);
  assert_string_equal(error.message,
                      "5 values are given, a row of the model has 27");
  assert_int_equal(
      wl_model_predict_row(model, 7, values[0], MOST_VALUES, &got, &error),
      WL_ERROR_VALUE);
  assert_string_equal(error.message, "the model has no output 7");
  wl_model_release(model);
}

static void text_is_refused_by_name(void **state) {
  (void)state;
  static const char text[] =
      "willump-graph 1\n%0 = input() {kind=\"text\", name=\"tweet\"}\n"
      "%1 = count(%0) {analyzer=\"word\", vocabulary=[\"so\"]}\n"
      "%2 = linear(%1) {coef=@coef}\nstage\noutput decision = %2\n";
  const double one = 1;
  const wl_tensor tensors[1] = {{"coef", WL_F64, 2, {1, 1}, &one, NULL}};
  wl_model *model;
  wl_error error;
  double got;
  assert_int_equal(wl_model_compile(text, strlen(text), tensors, 1, NULL, NULL,
                                    &model, NULL),
                   WL_OK);
  assert_int_equal(wl_model_predict_row(model, 0, &one, 1, &got, &error),
                   WL_ERROR_VALUE);
  assert_string_equal(error.message, "input 0 ('tweet') is text, not numbers: "
                                     "use wl_model_predict");
  wl_model_release(model);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      memory_test(a_row_has_the_bits_of_a_batch_and_allocates_nothing),
      memory_test(any_allocation_may_fail),
      memory_test(a_wrong_number_of_values_is_named),
      memory_test(text_is_refused_by_name),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
