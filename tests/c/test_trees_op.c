/* The operators `trees` and `tree_leaves`: their attributes, and what they
 * give. */
#include "support.h"

#include <math.h>
#include <pthread.h>
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

/* ---- memory -------------------------------------------------------------- */

/* A chain of N splits on one threshold, and the sums of its leaves. */
static void a_compiled_model_takes_little_more_than_its_tensors(void **state) {
  (void)state;
  enum { N = 20000, N_TENSORS = 6, NODE_SIZE = 8, REST = 160 * 1024 };
  static uint8_t zeros[N];
  static double thresholds[N], leaves[N + 1];
  static int16_t left[N], right[N];
  static const uint16_t sizes[] = {N};
  const wl_tensor tensors[N_TENSORS] = {
      {"feature", WL_U8, 1, {N}, zeros, NULL},
      {"threshold", WL_F64, 1, {N}, thresholds, NULL},
      {"left", WL_I16, 1, {N}, left, NULL},
      {"right", WL_I16, 1, {N}, right, NULL},
      {"sizes", WL_U16, 1, {1}, sizes, NULL},
      {"leaves", WL_F64, 1, {N + 1}, leaves, NULL}};
  static const char text[] =
      "willump-graph 1\n%0 = input() {kind=\"matrix\", n_features=1}\n"
      "%1 = trees(%0) {feature=@feature, threshold=@threshold, left=@left, "
      "right=@right, flags=@feature, sizes=@sizes, leaves=@leaves}\n"
      "stage\noutput y = %1\n";
  wl_model *model;
  wl_error error = {.message = ""};
  for (size_t i = 0; i < N; i++) {
    left[i] = (int16_t)~i;
    right[i] = (int16_t)(i + 1 < N ? (int)i + 1 : ~N);
  }
  if (wl_model_compile(text, strlen(text), tensors, N_TENSORS, NULL, NULL,
                       &model, &error) != WL_OK)
    fail_msg("%s", error.message);
  long artifact = sizeof zeros + sizeof thresholds + sizeof left +
                  sizeof right + sizeof leaves;
  print_message("%ld bytes besides the tensors' and nodes'\n",
                n_live_bytes - artifact - NODE_SIZE * N);
  assert_true(n_live_bytes <= artifact + NODE_SIZE * N + REST);
  wl_model_release(model);
}

/* ---- leaves that are bound late -------------------------------------------
 */

static const char sums_and_leaves[] =
    "willump-graph 1\n"
    "%0 = input() {kind=\"matrix\", n_features=2}\n"
    "%1 = trees(%0) {" TREES ", leaves=[1.0, 2.0, 3.0]}\n"
    "%2 = tree_leaves(%0) {" TREES ", leaves=[1.0, 2.0, 3.0]}\n"
    "stage\noutput sums = %1\noutput leaves = %2\n";
enum { SUMS, LEAVES };

static wl_status ask(const wl_model *model, size_t output) {
  static const double row[] = {0.5, 3};
  static const double sum = 3;
  static const int64_t leaf = 2;
  int64_t out = -1;
  wl_status status = wl_model_predict_row(model, output, row, 2, &out, NULL);
  if (status == WL_OK)
    assert_memory_equal(&out, output == SUMS ? (const void *)&sum : &leaf, 8);
  return status;
}

static wl_model *compile_both(void) {
  wl_model *model;
  assert_int_equal(wl_model_compile(sums_and_leaves, strlen(sums_and_leaves),
                                    NULL, 0, NULL, NULL, &model, NULL),
                   WL_OK);
  return model;
}

static void leaves_are_bound_when_they_are_asked_for_first(void **state) {
  (void)state;
  wl_model *model = compile_both();
  long blocks[4];
  for (int i = 0; i < 4; i++) {
    assert_int_equal(ask(model, i < 2 ? SUMS : LEAVES), WL_OK);
    blocks[i] = n_live_blocks;
  }
  assert_int_equal(blocks[0], blocks[1]);
  assert_true(blocks[2] > blocks[1] + 5);
  assert_int_equal(blocks[2], blocks[3]);
  wl_model_release(model);
}

static void leaves_that_are_bound_late_are_checked_at_once(void **state) {
  (void)state;
  char text[sizeof sums_and_leaves];
  wl_model *model;
  wl_error error;
  memcpy(text, sums_and_leaves, sizeof text);
  strstr(strstr(text, "tree_leaves"), "roots=[0]")[7] = '1';
  assert_int_equal(
      wl_model_compile(text, strlen(text), NULL, 0, NULL, NULL, &model, &error),
      WL_ERROR_VALUE);
  assert_non_null(strstr(error.message, "operator 'tree_leaves': "));
}

static void leaves_can_be_asked_for_again_after_a_lack_of_memory(void **state) {
  (void)state;
  wl_model *model = compile_both();
  wl_status status = WL_ERROR_MEMORY;
  for (long n = 0; status == WL_ERROR_MEMORY; n++) {
    calls_left = n;
    status = ask(model, LEAVES);
    calls_left = -1;
    assert_int_equal(ask(model, SUMS), WL_OK);
  }
  assert_int_equal(status, WL_OK);
  wl_model_release(model);
}

static void *ask_for_both(void *model) {
  for (int i = 0; i < 20; i++)
    if (ask(model, i % 2 ? SUMS : LEAVES) != WL_OK)
      return model;
  return NULL;
}

static void many_threads_ask_for_leaves_at_once(void **state) {
  (void)state;
  enum { REPEATS = 20, N_THREADS = 4 };
  for (int i = 0; i < REPEATS; i++) {
    wl_model *model = compile_both();
    pthread_t threads[N_THREADS];
    for (int t = 0; t < N_THREADS; t++)
      assert_int_equal(pthread_create(&threads[t], NULL, ask_for_both, model),
                       0);
    for (int t = 0; t < N_THREADS; t++) {
      void *failed = model;
      pthread_join(threads[t], &failed);
      assert_null(failed);
    }
    wl_model_release(model);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(trees_gives_sums_of_the_asked_type),
      cmocka_unit_test(absent_says_what_gaps_of_sparse_rows_are),
      cmocka_unit_test(tree_leaves_gives_numbers),
      cmocka_unit_test(attributes_of_other_shapes_are_refused),
      memory_test(a_compiled_model_takes_little_more_than_its_tensors),
      memory_test(leaves_are_bound_when_they_are_asked_for_first),
      memory_test(leaves_that_are_bound_late_are_checked_at_once),
      memory_test(leaves_can_be_asked_for_again_after_a_lack_of_memory),
      memory_test(many_threads_ask_for_leaves_at_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
