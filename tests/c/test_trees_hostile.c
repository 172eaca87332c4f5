/* Trees that are none: specifications which lie about sizes, children, features
 * and sets are refused, by the attribute and the index. */
#include "support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "trees.h"

static void expect_refusal(const arrays *m, const char *part) {
  wl_error error;
  wl_forest *forest;
  assert_int_equal(wl_forest_create(&m->spec, &forest, &error), WL_ERROR_VALUE);
  assert_null(forest);
  assert_non_null(strstr(error.message, "operator 'trees'"));
  if (strstr(error.message, part) == NULL)
    fail_msg("'%s' is not in '%s'", part, error.message);
}

static void what_is_not_a_forest_is_refused(void **state) {
  (void)state;
  static const struct {
    size_t offset;
    int64_t value;
    const char *part;
  } cases[] = {
      {offsetof(arrays, feature[2]), 3, "feature[2] is 3"},
      {offsetof(arrays, feature[2]), -1, "feature[2] is -1"},
      {offsetof(arrays, flags[1]), 16, "flags[1] is 16"},
      {offsetof(arrays, flags[1]), 6, "flags[1] is 6"},
      {offsetof(arrays, flags[1]), -1, "flags[1] is -1"},
      {offsetof(arrays, flags[1]), 10, "flags[1] is 10"},
      {offsetof(arrays, left[3]), 3, "left[3] is 3"},
      {offsetof(arrays, left[3]), 1, "left[3] is 1"},
      {offsetof(arrays, left[3]), 6, "left[3] is 6"},
      {offsetof(arrays, right[3]), 4, "right[3] is 4, the split has two"},
      {offsetof(arrays, right[3]), INT64_MAX,
       "right[3] is 9223372036854775807"},
      {offsetof(arrays, right[3]), INT64_MIN,
       "right[3] is -9223372036854775808"},
      {offsetof(arrays, right[5]), ~INT64_C(8), "right[5] is -9"},
      {offsetof(arrays, right[5]), ~INT64_C(0), "the leaf has two parents"},
      {offsetof(arrays, roots[1]), 6, "roots[1] is 6"},
      {offsetof(arrays, roots[1]), 0, "roots[1] is 0, the split has two"},
      {offsetof(arrays, roots[1]), 1, "the split has two parents"},
      {offsetof(arrays, output[1]), 2, "output[1] is 2"},
      {offsetof(arrays, output[0]), -1, "output[0] is -1"},
      {offsetof(arrays, sets[0]), -1, "sets[0] is -1"},
      {offsetof(arrays, sets[0]), INT64_C(1) << 32, "sets[0] is 4294967296"},
      {offsetof(arrays, set_starts[1]), 1000, "set_starts[1] is 1000"},
      {offsetof(arrays, set_starts[1]), -1, "set_starts[1] is -1"},
      {offsetof(arrays, known[0]), 12, "known[0] is 12"},
      {offsetof(arrays, known[0]), -2, "known[0] is -2"},
  };
  arrays *m = plain_arrays();
  wl_forest *forest;
  assert_int_equal(wl_forest_create(&m->spec, &forest, NULL), WL_OK);
  wl_forest_free(forest);
  free(m);
  for (size_t i = 0; i < WL_COUNT_OF(cases); i++) {
    m = plain_arrays();
    *(int64_t *)(void *)((char *)m + cases[i].offset) = cases[i].value;
    expect_refusal(m, cases[i].part);
    free(m);
  }
}

static void sizes_that_do_not_fit_are_refused(void **state) {
  (void)state;
  static const struct {
    size_t offset;
    int32_t value;
    const char *part;
  } cases[] = {
      {offsetof(packed, sizes[0]), -1, "sizes[0] is -1"},
      {offsetof(packed, sizes[0]), 7, "sizes[0] is 7"},
      {offsetof(packed, sizes[1]), 4, "sizes[1] is 4"},
      {offsetof(packed, sizes[1]), 2, "right[3] is 2, there is no such split"},
      {offsetof(packed, sizes[1]), 0, "3 of 6 splits and 5 of 8 leaves"},
      {offsetof(packed, left[3]), 3, "left[3] is 3, there is no such split"},
      {offsetof(packed, left[3]), 0, "left[3] is 0, a child's number"},
      {offsetof(packed, right[5]), ~4, "right[5] is -5, there is no such leaf"},
      {offsetof(packed, right[3]), 1, "right[3] is 1, the split has two"},
      {offsetof(packed, test[2]), 6, "test[2] is 6, there is no such test"},
      {offsetof(packed, test[2]), -1, "test[2] is 4294967295"},
  };
  for (size_t i = 0; i < WL_COUNT_OF(cases); i++) {
    arrays *m = plain_arrays();
    packed *p = pack(m);
    memcpy((char *)p + cases[i].offset, &cases[i].value, sizeof cases[i].value);
    m->spec = p->spec;
    expect_refusal(m, cases[i].part);
    free(p);
    free(m);
  }
}

static void thresholds_that_mean_nothing_are_refused(void **state) {
  (void)state;
  static const double sets[] = {-1.0, 12.0, 0.5, NAN, INFINITY, -INFINITY};
  arrays *m = plain_arrays();
  m->flags[4] = 0;
  m->threshold[4] = NAN;
  expect_refusal(m, "threshold[4] is NaN");
  m->flags[4] = 8;
  for (size_t i = 0; i < WL_COUNT_OF(sets); i++) {
    m->threshold[4] = sets[i];
    expect_refusal(m, "threshold[4] is ");
  }
  free(m);
}

static void what_no_tree_reaches_is_refused(void **state) {
  (void)state;
  arrays *m = plain_arrays();
  m->spec.n_leaves = 9;
  expect_refusal(m, "8 of 9 leaves");
  m->spec.n_leaves = 8;
  m->spec.n_trees = 1;
  expect_refusal(m, "5 of 6 splits");
  m->spec.n_trees = 2;
  m->spec.width = 3;
  expect_refusal(m, "leaves have 3 numbers");
  m->spec.width = 1;
  m->spec.n_outputs = (size_t)1 << 40;
  expect_refusal(m, "n_outputs is 1099511627776");
  free(m);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_not_a_forest_is_refused),
      cmocka_unit_test(sizes_that_do_not_fit_are_refused),
      cmocka_unit_test(thresholds_that_mean_nothing_are_refused),
      cmocka_unit_test(what_no_tree_reaches_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
