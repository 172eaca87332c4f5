/* test_tolerance.c: which outputs count as different. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "stats/tolerance.h"
#include "support.h"

static int differs(double approx, double full, double abs, double rel) {
  uint8_t flag = 7;
  assert_int_equal(
      wl_tolerance_differs(&approx, &full, 1, 1, abs, rel, &flag, NULL), WL_OK);
  return flag;
}

static void distance_above_the_tolerance_differs(void **state) {
  (void)state;
  assert_int_equal(differs(1.5, 1, .5, 0), 0); /* at the tolerance */
  assert_int_equal(differs(1.5000001, 1, .5, 0), 1);
  assert_int_equal(differs(.5, 1, .5, 0), 0);
  assert_int_equal(differs(.25, -.25, .5, 0), 0);
  assert_int_equal(differs(0, -0.0, 0, 0), 0);
  assert_int_equal(differs(1, 1 + 0x1p-52, 0, 0), 1);
  /* Relative to the full model's output, not to the approximate one. */
  assert_int_equal(differs(6, 4, 0, .5), 0);
  assert_int_equal(differs(4, 6.5, 0, .375), 1);
  assert_int_equal(differs(-6, -4, 0, .5), 0);
  assert_int_equal(differs(-6, 4, 0, .5), 1);
  assert_int_equal(differs(7, 4, 1, .5), 0);
  assert_int_equal(differs(7.001, 4, 1, .5), 1);
}

static void nan_is_within_the_tolerance_of_nan_only(void **state) {
  (void)state;
  double inf = (double)INFINITY, none = nan("");
  assert_int_equal(differs(none, none, 0, 0), 0);
  assert_int_equal(differs(-none, none, 1, 1), 0);
  assert_int_equal(differs(none, 1, 1e300, 1e300), 1);
  assert_int_equal(differs(1, none, 1e300, 1e300), 1);
  assert_int_equal(differs(inf, none, 1e300, 0), 1);
}

static void infinity_is_within_the_tolerance_of_itself_only(void **state) {
  (void)state;
  double inf = (double)INFINITY;
  for (double rel = 0; rel < 3; rel++) {
    assert_int_equal(differs(inf, inf, 0, rel), 0);
    assert_int_equal(differs(-inf, -inf, 0, rel), 0);
    assert_int_equal(differs(inf, -inf, 1, rel), 1);
    assert_int_equal(differs(1, inf, 1e308, rel), 1);
    assert_int_equal(differs(inf, 1, 1e308, rel), 1);
  }
}

static void differences_that_overflow_are_still_compared(void **state) {
  (void)state;
  double most = 0x1.fffffffffffffp1023;
  assert_int_equal(differs(most, -most, most, 0), 1);
  assert_int_equal(differs(most, -most, most, 1), 0);
  assert_int_equal(differs(most, -most, 0, 1.9), 1);
  assert_int_equal(differs(most, -most, 0, 2), 0);
  assert_int_equal(differs(0, most, most, 1), 0);
  assert_int_equal(differs(-most, most, most, 1e300), 0);
}

static void a_row_differs_where_one_of_its_columns_does(void **state) {
  (void)state;
  const double approx[] = {1, 2, 3, 1, 2, 4, 0, 2, 3};
  const double full[] = {1, 2, 3, 1, 2, 3, 1, 2, 3};
  uint8_t flags[3];
  assert_int_equal(wl_tolerance_differs(approx, full, 3, 3, .5, 0, flags, NULL),
                   WL_OK);
  assert_true(flags[0] == 0 && flags[1] == 1 && flags[2] == 1);
  assert_int_equal(wl_tolerance_differs(NULL, NULL, 0, 3, .5, 0, NULL, NULL),
                   WL_OK);
  assert_int_equal(wl_tolerance_differs(approx, full, 3, 0, .5, 0, flags, NULL),
                   WL_OK);
  assert_true(flags[0] == 0 && flags[1] == 0 && flags[2] == 0);
}

static void tolerances_that_are_none_are_errors(void **state) {
  (void)state;
  const double bad[] = {-1, (double)INFINITY, (double)NAN};
  wl_error error;
  for (size_t i = 0; i < WL_COUNT_OF(bad); i++) {
    assert_int_equal(
        wl_tolerance_differs(NULL, NULL, 0, 1, bad[i], 0, NULL, &error),
        WL_ERROR_VALUE);
    assert_non_null(strstr(error.message, "abs"));
    assert_int_equal(
        wl_tolerance_differs(NULL, NULL, 0, 1, 0, bad[i], NULL, &error),
        WL_ERROR_VALUE);
    assert_non_null(strstr(error.message, "rel"));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(distance_above_the_tolerance_differs),
      cmocka_unit_test(nan_is_within_the_tolerance_of_nan_only),
      cmocka_unit_test(infinity_is_within_the_tolerance_of_itself_only),
      cmocka_unit_test(differences_that_overflow_are_still_compared),
      cmocka_unit_test(a_row_differs_where_one_of_its_columns_does),
      cmocka_unit_test(tolerances_that_are_none_are_errors),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
