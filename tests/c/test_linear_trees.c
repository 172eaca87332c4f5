/* Trees with linear leaves: a LightGBM file written by hand, the operator's
 * checks. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <jansson.h>

#include "imported.h"

/* A plain tree of one leaf, then a split on `a` at 0.5: below it 10 + 2 b + 3 a
 * (or 7 where one is missing), above it 20 (without terms). */
static const char linear[] =
    "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\n"
    "max_feature_idx=1\nobjective=regression\nfeature_names=a b\n"
    "tree_sizes=1 1\n\n"
    "Tree=0\nnum_leaves=1\nnum_cat=0\nleaf_value=100\nis_linear=0\n\n\n"
    "Tree=1\nnum_leaves=2\nnum_cat=0\nsplit_feature=0\nthreshold=0.5\n"
    "decision_type=10\nleft_child=-1\nright_child=-2\nleaf_value=7 8\n"
    "is_linear=1\nleaf_const=10 20\nnum_features=2 0\nleaf_features=1 0  \n"
    "leaf_coeff=2 3  \n\nend of trees\n";

static double raw_of(double a, double b) {
  const double row[] = {a, b};
  return answer(linear, "raw", row)[0];
}

static void leaves_are_functions_of_the_row(void **state) {
  (void)state;
  assert_true(raw_of(0, 1) == 100 + 12);
  assert_true(raw_of(0.5, -1) == 100 + 9.5);
  assert_true(raw_of(1, 1e9) == 100 + 20);
}

static void a_missing_value_gives_the_leaf_s_plain_value(void **state) {
  (void)state;
  assert_true(raw_of(0, NAN) == 100 + 7);
  assert_true(raw_of(NAN, 1) == 100 + 7);
  assert_true(raw_of(1, NAN) == 100 + 20);
}

static void values_next_to_zero_are_zero(void **state) {
  (void)state;
  const double row[] = {0, 1e-36};
  const double *raw = answer(
      edited(linear, "leaf_const=10 20", "leaf_const=-100 20"), "raw", row);
  assert_true(raw[0] == 0.0);
}

static void edited_files_are_refused_by_field(void **state) {
  (void)state;
  static const edit edits[] = {
      {"leaf_const=10 20\n", "", "leaf_const is missing", false},
      {"leaf_const=10 20", "leaf_const=10", "leaf_const has 1", false},
      {"num_features=2 0", "num_features=2", "num_features has 1", false},
      {"num_features=2 0", "num_features=2 -1", "num_features", false},
      {"num_features=2 0", "num_features=2 1", "leaf_features has 2", false},
      {"leaf_features=1 0", "leaf_features=1 2", "leaf_features", false},
      {"leaf_coeff=2 3", "leaf_coeff=2 x", "leaf_coeff", false},
      {"leaf_coeff=2 3", "leaf_coeff=2", "leaf_coeff has 1", false},
  };
  expect_edits_refused(linear, edits, WL_COUNT_OF(edits));
}

static const char graph[] =
    "willump-graph 1\n%0 = input() {kind=\"matrix\", n_features=2}\n"
    "%1 = linear_trees(%0) {feature=[0], threshold=[0.5], left=[-1], "
    "right=[-2], flags=[4], roots=[0], leaves=[7.0, 8.0], "
    "linear_constants=[1.0, 2.0], linear_starts=[0, 1, 1], "
    "linear_features=[1], linear_coefficients=[2.0]}\n"
    "stage\noutput prediction = %1\n";

static void what_is_no_linear_leaf_is_refused_by_attribute(void **state) {
  (void)state;
  static const struct {
    const char *from, *to, *message;
  } all[] = {
      {"[0, 1, 1]", "[0, 1]", "linear_starts has 2 elements, expected 3"},
      {"[0, 1, 1]", "[1, 1, 1]", "linear_starts[0] is 1"},
      {"[0, 1, 1]", "[0, 2, 1]", "linear_starts[1] is 2"},
      {"[0, 1, 1]", "[0, 1, 0]", "linear_starts[2] is 0"},
      {"[0, 1, 1]", "[0, -1, 1]", "linear_starts[1] is -1"},
      {"linear_features=[1]", "linear_features=[2]", "linear_features[0] is 2"},
      {"linear_features=[1]", "linear_features=[-1]", "linear_features[0]"},
      {"linear_coefficients=[2.0]", "linear_coefficients=[]",
       "linear_coefficients has 0 elements, expected 1"},
      {"linear_constants=[1.0, 2.0]", "linear_constants=[1.0]",
       "linear_constants has 1 elements, expected 2"},
      {"linear_constants=[1.0, 2.0]", "linear_constants=[1, 2]",
       "linear_constants is a list of f64"},
      {"roots=[0]", "roots=[0, 0]", "roots[1]"},
  };
  wl_model *model;
  wl_error error = {.message = ""};
  assert_int_equal(wl_model_compile(graph, strlen(graph), NULL, 0, NULL, NULL,
                                    &model, &error),
                   WL_OK);
  wl_model_release(model);
  for (size_t i = 0; i < WL_COUNT_OF(all); i++) {
    const char *wrong = edited(graph, all[i].from, all[i].to);
    wl_status status = wl_model_compile(wrong, strlen(wrong), NULL, 0, NULL,
                                        NULL, &model, &error);
    if (status != WL_ERROR_VALUE ||
        strstr(error.message, all[i].message) == NULL)
      fail_msg("%s: %s, expected %s", wl_status_name(status), error.message,
               all[i].message);
  }
}

static void a_lack_of_memory_is_reported_and_leaks_nothing(void **state) {
  (void)state;
  json_set_alloc_funcs(wl_alloc, wl_free);
  import_at_every_lack_of_memory(linear);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(leaves_are_functions_of_the_row),
      cmocka_unit_test(a_missing_value_gives_the_leaf_s_plain_value),
      cmocka_unit_test(values_next_to_zero_are_zero),
      cmocka_unit_test(edited_files_are_refused_by_field),
      cmocka_unit_test(what_is_no_linear_leaf_is_refused_by_attribute),
      cmocka_unit_test(a_lack_of_memory_is_reported_and_leaks_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
