/* The operators `trees` and `tree_leaves`: their attributes, and what they
 * give. */
#include "support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static const char head[] = "willump-graph 1\n"
                           "%0 = input() {kind=\"matrix\", n_features=2}\n"
                           "%1 = ";
static const char tail[] = "\nstage\noutput y = %1\n";

static wl_status compile(const char *op, wl_model **out, wl_error *error) {
  static const double leaves[] = {1, 2, 3, 4, 5, 6};
  static const wl_tensor tensors[] = {
      {"pairs", WL_F64, 2, {3, 2}, leaves, NULL}};
  char text[2048];
  int size = snprintf(text, sizeof text, "%s%s%s", head, op, tail);
  return wl_model_compile(text, (size_t)size, tensors, 1, NULL, NULL, out,
                          error);
}

#define TREES                                                                  \
  "feature=[0, 1], threshold=[0.5, 2.0], left=[1, -1], right=[-2, -3], "       \
  "flags=[0, 4], roots=[0]"

static void predict(const char *op, void *out) {
  static const double x[] = {0, 2, 0.5, 3, 1, 0, NAN, NAN};
  const wl_input input = {.layout = WL_LAYOUT_STRIDED,
                          .dtype = WL_F64,
                          .n_columns = 2,
                          .values = x,
                          .row_stride = 16,
                          .column_stride = 8};
  wl_model *model;
  wl_error error;
  if (compile(op, &model, &error) != WL_OK)
    fail_msg("%s", error.message);
  assert_int_equal(
      wl_model_predict(model, 0, &input, 1, 4, NULL, out, NULL, NULL), WL_OK);
  wl_model_release(model);
}

static void trees_gives_sums_of_the_asked_type(void **state) {
  (void)state;
  static const double sums[] = {1.25, 3.25, 2.25, 3.25};
  static const float halves[] = {0.5f, 1.5f, 1.0f, 1.5f};
  static const double pairs[] = {1, 2, 5, 6, 3, 4, 5, 6};
  double out[8];
  float small[4];
  predict("trees(%0) {" TREES ", leaves=[1.0, 2.0, 3.0], start=[0.25]}", out);
  assert_memory_equal(out, sums, sizeof sums);
  predict("trees(%0) {" TREES
          ", leaves=[1.0, 2.0, 3.0], divide=2, dtype=\"f32\"}",
          small);
  assert_memory_equal(small, halves, sizeof halves);
  predict("trees(%0) {" TREES ", leaves=@pairs, n_outputs=2}", out);
  assert_memory_equal(out, pairs, sizeof pairs);
}

/* Rows that store x[1] = 3, nothing, x[0] = 0.5. */
static void predict_sparse(const char *op, void *out) {
  static const int64_t indptr[] = {0, 1, 1, 2}, indices[] = {1, 0};
  static const double data[] = {3, 0.5};
  const wl_input input = {.layout = WL_LAYOUT_CSR,
                          .dtype = WL_F64,
                          .n_columns = 2,
                          .values = data,
                          .index_dtype = WL_I64,
                          .indptr = indptr,
                          .indices = indices};
  wl_model *model;
  wl_error error;
  if (compile(op, &model, &error) != WL_OK)
    fail_msg("%s", error.message);
  assert_int_equal(
      wl_model_predict(model, 0, &input, 1, 3, NULL, out, NULL, NULL), WL_OK);
  wl_model_release(model);
}

static void absent_says_what_gaps_of_sparse_rows_are(void **state) {
  (void)state;
  static const double zeros[] = {3, 1, 1}, missing[] = {3, 3, 3};
  static const int64_t numbers[] = {2, 2, 2};
  double out[3];
  int64_t leaves[3];
  predict_sparse("trees(%0) {" TREES ", leaves=[1.0, 2.0, 3.0]}", out);
  assert_memory_equal(out, zeros, sizeof zeros);
  predict_sparse("trees(%0) {" TREES ", leaves=[1.0, 2.0, 3.0], absent=nan}",
                 out);
  assert_memory_equal(out, missing, sizeof missing);
  predict_sparse("tree_leaves(%0) {" TREES
                 ", leaves=[1.0, 2.0, 3.0], absent=nan}",
                 leaves);
  assert_memory_equal(leaves, numbers, sizeof numbers);
}

static void tree_leaves_gives_numbers(void **state) {
  (void)state;
  static const int64_t numbers[] = {0, 2, 1, 2};
  int64_t out[4];
  predict("tree_leaves(%0) {" TREES ", leaves=[1.0, 2.0, 3.0]}", out);
  assert_memory_equal(out, numbers, sizeof numbers);
  predict("tree_leaves(%0) {" TREES ", leaves=@pairs}", out);
  assert_memory_equal(out, numbers, sizeof numbers);
}

static void attributes_of_other_shapes_are_refused(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"trees(%0) {" TREES ", leaves=[1.0, 2.0]}", "right[1] is -3"},
      {"trees(%0) {" TREES ", leaves=[1.0, 2.0, 3.0, 4.0]}", "3 of 4 leaves"},
      {"trees(%0) {" TREES ", leaves=@pairs}", "leaves are f64"},
      {"trees(%0) {" TREES ", leaves=[1, 2, 3]}", "leaves are f64"},
      {"trees(%0) {" TREES ", leaves=[1.0, 2.0, 3.0], n_outputs=0}",
       "n_outputs is 0"},
      {"trees(%0) {" TREES ", leaves=[1.0, 2.0, 3.0], n_outputs=2147483647}",
       "operator 'trees'"},
      {"trees(%0) {" TREES ", leaves=[1.0, 2.0, 3.0], divide=0.0}",
       "divide is 0"},
      {"trees(%0) {" TREES ", leaves=[1.0, 2.0, 3.0], dtype=\"i64\"}",
       "dtype 'i64'"},
      {"trees(%0) {" TREES ", leaves=[1.0, 2.0, 3.0], start=[1.0, 2.0]}",
       "start has 2 elements"},
      {"trees(%0) {" TREES ", leaves=[1.0, 2.0, 3.0], known=[0]}",
       "known has 1 elements"},
      {"trees(%0) {" TREES ", leaves=[1.0, 2.0, 3.0], output=[0.5]}",
       "output is a list of integers"},
      {"trees(%0) {" TREES ", leaves=[1.0, 2.0, 3.0], absent=1.0}",
       "absent is 1, expected 0 or nan"},
      {"trees(%0) {feature=[0], threshold=[], left=[-1], right=[-2], "
       "flags=[0], roots=[0], leaves=[1.0, 2.0]}",
       "threshold has 0 elements"},
      {"tree_leaves(%0) {" TREES ", leaves=[1.0, 2.0]}",
       "operator 'tree_leaves': right[1]"},
      {"trees(%0) {" TREES ", sizes=[2], leaves=[1.0, 2.0, 3.0]}",
       "one of the attributes 'roots' and 'sizes'"},
      {"trees(%0) {feature=[0], threshold=[0.5], left=[-1], right=[-2], "
       "flags=[0], leaves=[1.0, 2.0]}",
       "one of the attributes 'roots' and 'sizes'"},
      {"trees(%0) {feature=[0], threshold=[0.5], left=[-1], right=[-2], "
       "flags=[0], test=[0, 0], sizes=[1], leaves=[1.0, 2.0]}",
       "left has 1 elements, expected 2"},
  };
  for (size_t i = 0; i < WL_COUNT_OF(cases); i++) {
    wl_model *model;
    wl_error error;
    wl_status status = compile(cases[i][0], &model, &error);
    assert_true(status == WL_ERROR_VALUE || status == WL_ERROR_UNSUPPORTED);
    if (strstr(error.message, cases[i][1]) == NULL)
      fail_msg("'%s' is not in '%s'", cases[i][1], error.message);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(trees_gives_sums_of_the_asked_type),
      cmocka_unit_test(absent_says_what_gaps_of_sparse_rows_are),
      cmocka_unit_test(tree_leaves_gives_numbers),
      cmocka_unit_test(attributes_of_other_shapes_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
