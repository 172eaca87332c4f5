/* What a hostile or careless graph, tensor or caller asks for is refused, in
 * little time and memory: sizes out of proportion, damaged matrices, calls in
 * the wrong order. */
#include "support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

#include "willump/willump.h"

/* An allocator that gives no more than a limit, for what asks for too much. */
static size_t most_bytes;

static void *limited_allocate(void *context, size_t size) {
  (void)context;
  most_bytes = size > most_bytes ? size : most_bytes;
  return size > (size_t)1 << 30 ? NULL : malloc(size);
}
static void *limited_reallocate(void *context, void *block, size_t size) {
  (void)context;
  most_bytes = size > most_bytes ? size : most_bytes;
  return size > (size_t)1 << 30 ? NULL : realloc(block, size);
}
static void limited_release(void *context, void *block) {
  (void)context;
  free(block);
}
static int use_limit(void **state) {
  (void)state;
  const wl_allocator allocator = {NULL, limited_allocate, limited_reallocate,
                                  limited_release};
  most_bytes = 0;
  wl_set_allocator(&allocator);
  return 0;
}
static int end_limit(void **state) {
  (void)state;
  wl_set_allocator(NULL);
  return 0;
}

static const double numbers[64] = {1, 2, 3, 4};
static const char no_strings[1];
static const uint64_t no_offsets[2];
static const wl_tensor tensors[] = {
    {"w", WL_F64, 2, {1, 2}, numbers, NULL},
    {"one", WL_F64, 2, {1, 1}, numbers, NULL},
    {"nothing", WL_F64, 2, {0x7fffffff, 0}, numbers, NULL},
    {"none", WL_STRING, 1, {0}, no_strings, no_offsets},
};

static wl_status compile(const char *text, wl_model **out, wl_error *error) {
  return wl_model_compile(text, strlen(text), tensors, WL_COUNT_OF(tensors),
                          NULL, NULL, out, error);
}

static void refuse(const char *text, wl_status status, const char *message) {
  wl_model *model;
  wl_error error = {0};
  wl_status have = compile(text, &model, &error);
  if (have != status || strstr(error.message, message) == NULL)
    fail_msg("%s '%s', not '%s'", wl_status_name(have), error.message, message);
  assert_null(model);
}

#define HEAD "willump-graph 1\n"
#define MATRIX(N) HEAD "%0 = input() {kind=\"matrix\", n_features=" #N "}\n"
#define END(N) "stage\noutput y = %" #N "\n"

/* ---- sizes --------------------------------------------------------------- */

static void rows_too_wide_for_memory_are_refused(void **state) {
  (void)state;
  refuse(MATRIX(2147483647) "%1 = affine(%0) {add=[1.0]}\n" END(1),
         WL_ERROR_UNSUPPORTED, "affine");
  refuse(MATRIX(2147483647) "%1 = argmax(%0)\n" END(1), WL_ERROR_UNSUPPORTED,
         "argmax");
  refuse(MATRIX(0) "%1 = linear(%0) {coef=@nothing}\n" END(1),
         WL_ERROR_UNSUPPORTED, "linear");
  refuse(HEAD "%0 = input() {kind=\"text\"}\n"
              "%1 = count(%0) {analyzer=\"char\", vocabulary=@none}\n"
              "%2 = linear(%1) {coef=@nothing}\n"
              "%3 = tfidf(%1)\n"
              "%4 = linear(%3) {coef=@nothing}\n"
              "%5 = select(%4) {indices=[0]}\n"
              "%6 = select(%2) {indices=[0]}\n"
              "%7 = add(%5, %6)\n" END(7),
         WL_ERROR_UNSUPPORTED, "numbers in dense matrices");
  refuse(MATRIX(2147483647) "%1 = concat(%0, %0)\n" END(1), WL_ERROR_VALUE,
         "too many columns");
  assert_true(most_bytes < (size_t)1 << 28);
}

static void a_few_columns_of_a_wide_sparse_matrix_cost_little(void **state) {
  (void)state;
  const char *text = MATRIX(2147483647) "%1 = scale(%0) {multiply=[2.0]}\n"
                                        "%2 = select(%0) {indices=[2147483646, "
                                        "5]}\n%3 = linear(%2) {coef=@w}\n"
                                        "stage\noutput y = %3\n";
  const int32_t indptr[3] = {0, 2, 3}, indices[3] = {5, 2147483646, 7};
  const double values[3] = {10, 100, 1000};
  wl_input input = {.layout = WL_LAYOUT_CSR,
                    .dtype = WL_F64,
                    .n_columns = 2147483647,
                    .values = values,
                    .index_dtype = WL_I32,
                    .indptr = indptr,
                    .indices = indices};
  double out[2];
  wl_model *model;
  assert_int_equal(compile(text, &model, NULL), WL_OK);
  assert_int_equal(
      wl_model_predict(model, 0, &input, 1, 2, NULL, out, NULL, NULL), WL_OK);
  assert_true(out[0] == 100.0 + 2 * 10.0 && out[1] == 0.0);
  assert_true(most_bytes < (size_t)1 << 24);
  wl_model_release(model);
}

/* The nodes of a long term take no outputs' weights, walked or not. */
static void a_long_term_and_many_outputs_cost_what_they_hold(void **state) {
  (void)state;
  enum { LENGTH = 10000, N_OUTPUTS = 30000 };
  static char term[LENGTH];
  static double coef[N_OUTPUTS], out[N_OUTPUTS];
  static const size_t lengths[] = {LENGTH, 32};
  for (size_t i = 0; i < LENGTH; i++)
    term[i] = "ab"[i % 2];
  for (size_t i = 0; i < N_OUTPUTS; i++)
    coef[i] = (double)i;
  for (size_t i = 0; i < WL_COUNT_OF(lengths); i++) {
    const uint64_t offsets[2] = {0, lengths[i]};
    const wl_tensor given[] = {
        {"t", WL_STRING, 1, {1}, term, offsets},
        {"c", WL_F64, 2, {N_OUTPUTS, 1}, coef, NULL},
    };
    const char *text = HEAD "%0 = input() {kind=\"text\"}\n"
                            "%1 = count(%0) {analyzer=\"char\", ngram_min=1, "
                            "ngram_max=10000, vocabulary=@t}\n"
                            "%2 = linear(%1) {coef=@c}\n" END(2);
    most_bytes = 0;
    wl_model *model;
    wl_error error;
    if (wl_model_compile(text, strlen(text), given, WL_COUNT_OF(given), NULL,
                         NULL, &model, &error) != WL_OK)
      fail_msg("%s", error.message);
    wl_string row = {term, lengths[i]};
    wl_input input = {
        .layout = WL_LAYOUT_STRINGS, .n_columns = 1, .strings = &row};
    assert_int_equal(
        wl_model_predict(model, 0, &input, 1, 1, NULL, out, NULL, NULL), WL_OK);
    for (size_t k = 0; k < N_OUTPUTS; k++)
      assert_true(out[k] == coef[k]);
    assert_true(most_bytes < (size_t)1 << 25);
    wl_model_release(model);
  }
}

/* Unions of selections of unions: each level would be pushed through anew. */
static void unions_of_unions_do_not_blow_up(void **state) {
  (void)state;
  static char text[1 << 16];
  size_t at = (size_t)snprintf(text, sizeof text, "%s",
                               HEAD "%0 = input() {kind=\"numeric\"}\n");
  unsigned node = 0;
  for (int level = 0; level < 20; level++) {
    at += (size_t)snprintf(text + at, sizeof text - at, "%%%u = concat(",
                           node + 1);
    for (int i = 0; i < 200; i++)
      at += (size_t)snprintf(text + at, sizeof text - at, "%s%%%u",
                             i ? ", " : "", node);
    at += (size_t)snprintf(text + at, sizeof text - at,
                           ")\n%%%u = select(%%%u) {indices=[7]}\n", node + 2,
                           node + 1);
    node += 2;
  }
  snprintf(text + at, sizeof text - at,
           "%%%u = linear(%%%u) {coef=@one}\nstage\noutput y = %%%u\n",
           node + 1, node, node + 1);
  wl_model *model;
  wl_error error = {0};
  const double x[2] = {3.0, -4.0};
  double out[2];
  wl_input input = {.layout = WL_LAYOUT_STRIDED,
                    .dtype = WL_F64,
                    .n_columns = 1,
                    .values = x,
                    .row_stride = 8,
                    .column_stride = 8};
  if (compile(text, &model, &error) != WL_OK)
    fail_msg("%s", error.message);
  assert_int_equal(
      wl_model_predict(model, 0, &input, 1, 2, NULL, out, NULL, NULL), WL_OK);
  assert_true(out[0] == 3.0 && out[1] == -4.0);
  wl_model_release(model);
}

/* n nodes of which line `format` is made, each with its number and that of its
 * input; seconds to compile. */
static double seconds_to_compile(const char *first, const char *format,
                                 unsigned n, wl_status *status) {
  size_t size = (size_t)n * 120 + 400, at;
  char *text = malloc(size);
  struct timespec from, to;
  wl_model *model;
  at = (size_t)snprintf(text, size, "%s", first);
  for (unsigned i = 1; i <= n; i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    at += (size_t)snprintf(text + at, size - at, format, i, i);
#pragma GCC diagnostic pop
  }
  snprintf(text + at, size - at, "%%%u = add(%%%u)\nstage\noutput y = %%%u\n",
           n + 1, n, n + 1);
  clock_gettime(CLOCK_MONOTONIC, &from);
  *status = compile(text, &model, NULL);
  clock_gettime(CLOCK_MONOTONIC, &to);
  wl_model_release(model);
  free(text);
  return (double)(to.tv_sec - from.tv_sec) +
         1e-9 * (double)(to.tv_nsec - from.tv_nsec);
}

/* A quadratic pass would take minutes. */
static void many_nodes_compile_in_linear_time(void **state) {
  (void)state;
  wl_status status;
  double seconds =
      seconds_to_compile(HEAD "%0 = input() {kind=\"numeric\"}\n",
                         "%%%u = affine(%%0) {add=[%u.5]}\n", 100000, &status);
  assert_int_equal(status, WL_OK);
  assert_true(seconds < 60);
  seconds = seconds_to_compile(HEAD "%0 = input() {kind=\"numeric\"}\n",
                               "%%%u = input() {kind=\"numeric\", name=\"%u\"}"
                               "\n",
                               100000, &status);
  assert_int_equal(status, WL_OK);
  assert_true(seconds < 60);
}

static void many_tensors_are_found_by_name_in_linear_time(void **state) {
  (void)state;
  enum { N = 100000 };
  wl_tensor *many = calloc(N, sizeof *many);
  char(*names)[16] = calloc(N, sizeof *names);
  const char *text = MATRIX(1) "%1 = scale(%0) {divide=@t99999}\n" END(1);
  wl_model *model;
  for (int i = 0; i < N; i++) {
    snprintf(names[i], sizeof names[i], "t%d", i);
    many[i] = (wl_tensor){names[i], WL_F64, 1, {1}, numbers, NULL};
  }
  assert_int_equal(
      wl_model_compile(text, strlen(text), many, N, NULL, NULL, &model, NULL),
      WL_OK);
  wl_model_release(model);
  memcpy(names[5], "t4", 3);
  assert_int_equal(
      wl_model_compile(text, strlen(text), many, N, NULL, NULL, &model, NULL),
      WL_ERROR_VALUE);
  free(many);
  free(names);
}

static void a_tensor_named_a_million_times_is_refused(void **state) {
  (void)state;
  static double big[1 << 16];
  const wl_tensor tensor = {"big", WL_F64, 1, {1 << 16}, big, NULL};
  size_t size = 1 << 20, at;
  char *text = malloc(size);
  wl_error error = {0};
  wl_model *model;
  at = (size_t)snprintf(text, size, "%s", MATRIX(65536));
  for (unsigned i = 1; i <= 2000; i++)
    at += (size_t)snprintf(text + at, size - at,
                           "%%%u = scale(%%%u) {divide=@big}\n", i, i - 1);
  snprintf(text + at, size - at, "stage\noutput y = %%2000\n");
  assert_int_equal(wl_model_compile(text, strlen(text), &tensor, 1, NULL, NULL,
                                    &model, &error),
                   WL_ERROR_UNSUPPORTED);
  assert_non_null(strstr(error.message, "again and again"));
  free(text);
}

/* ---- tensors ------------------------------------------------------------- */

static void names_that_artifacts_use_are_refused(void **state) {
  (void)state;
  static char longest[300];
  const char *names[] = {"_pad_0", "__metadata__", "",
                         "a b",    "#sizes",       longest};
  memset(longest, 'a', sizeof longest - 1);
  for (size_t i = 0; i < WL_COUNT_OF(names); i++) {
    const wl_tensor tensor = {names[i], WL_F64, 1, {1}, numbers, NULL};
    const char *text = MATRIX(1) END(0);
    wl_model *model;
    assert_int_equal(wl_model_compile(text, strlen(text), &tensor, 1, NULL,
                                      NULL, &model, NULL),
                     WL_ERROR_VALUE);
  }
}

static void tensors_that_are_not_there_are_refused(void **state) {
  (void)state;
  const uint64_t backwards[3] = {0, 2, 1};
  const wl_tensor bad[] = {
      {"a", WL_F64, 1, {2}, NULL, NULL},
      {NULL, WL_F64, 1, {2}, numbers, NULL},
      {"a", WL_F64, 0, {2}, numbers, NULL},
      {"a", WL_F64, 5, {2}, numbers, NULL},
      {"a", (wl_dtype)77, 1, {2}, numbers, NULL},
      {"a", WL_STRING, 1, {2}, "ab", NULL},
      {"a", WL_STRING, 1, {2}, "ab", backwards},
      {"a", WL_F64, 2, {UINT64_MAX, 2}, numbers, NULL},
  };
  const char *text = MATRIX(1) END(0);
  for (size_t i = 0; i < WL_COUNT_OF(bad); i++) {
    wl_model *model;
    assert_int_equal(wl_model_compile(text, strlen(text), &bad[i], 1, NULL,
                                      NULL, &model, NULL),
                     WL_ERROR_VALUE);
  }
}

static void text_that_is_not_utf8_is_refused(void **state) {
  (void)state;
  refuse(HEAD "%0 = input() {kind=\"numeric\", name=\"a\xff\"}\n" END(0),
         WL_ERROR_VALUE, "UTF-8");
  refuse(HEAD "%0 = input() {kind=\"numeric\", name=\"\xed\xa0\x80\"}\n" END(0),
         WL_ERROR_VALUE, "UTF-8");
}

/* ---- callers ------------------------------------------------------------- */

static void damaged_csr_matrices_are_refused(void **state) {
  (void)state;
  static const int32_t bounds[][3] = {{0, 900, 2}, {-1, 1, 2}, {0, 2, 1}};
  const int32_t good[3] = {0, 1, 2}, inside[2] = {0, 1}, outside[2] = {0, 4};
  const int32_t negative[2] = {0, -1};
  const double values[2] = {1, 2};
  double out[2];
  wl_model *model;
  wl_error error = {0};
  wl_input input = {.layout = WL_LAYOUT_CSR,
                    .dtype = WL_F64,
                    .n_columns = 2,
                    .values = values,
                    .index_dtype = WL_I32,
                    .indices = inside};
  assert_int_equal(
      compile(MATRIX(2) "%1 = linear(%0) {coef=@w}\n" END(1), &model, NULL),
      WL_OK);
  for (size_t i = 0; i < WL_COUNT_OF(bounds); i++) {
    input.indptr = bounds[i];
    assert_int_equal(
        wl_model_predict(model, 0, &input, 1, 2, NULL, out, NULL, &error),
        WL_ERROR_VALUE);
  }
  input.indptr = good;
  for (int i = 0; i < 2; i++) {
    input.indices = i ? negative : outside;
    assert_int_equal(
        wl_model_predict(model, 0, &input, 1, 2, NULL, out, NULL, &error),
        WL_ERROR_VALUE);
    assert_int_equal(error.row, 1);
  }
  input.indices = inside;
  input.index_dtype = WL_U8;
  assert_int_equal(
      wl_model_predict(model, 0, &input, 1, 2, NULL, out, NULL, NULL),
      WL_ERROR_TYPE);
  wl_model_release(model);
}

static void inputs_of_the_wrong_kind_are_refused(void **state) {
  (void)state;
  double out[2];
  wl_model *model;
  wl_input input = {.layout = WL_LAYOUT_STRIDED,
                    .dtype = WL_F64,
                    .n_columns = 3,
                    .values = numbers};
  assert_int_equal(
      compile(MATRIX(2) "%1 = linear(%0) {coef=@w}\n" END(1), &model, NULL),
      WL_OK);
#define PREDICT(OUTPUT, N)                                                     \
  wl_model_predict(model, OUTPUT, &input, N, 1, NULL, out, NULL, NULL)
  assert_int_equal(PREDICT(0, 1), WL_ERROR_VALUE); /* three columns */
  input.n_columns = 2;
  assert_int_equal(PREDICT(1, 1), WL_ERROR_VALUE); /* no such output */
  assert_int_equal(PREDICT(0, 2), WL_ERROR_VALUE); /* one input too many */
  assert_int_equal(PREDICT(0, 0), WL_ERROR_VALUE);
  assert_int_equal(
      wl_model_predict(model, 0, NULL, 1, 1, NULL, out, NULL, NULL),
      WL_ERROR_VALUE);
  assert_int_equal(
      wl_model_predict(model, 0, &input, 1, 1, NULL, NULL, NULL, NULL),
      WL_ERROR_VALUE);
  assert_int_equal(wl_model_find_output(model, NULL), -1);
  input.dtype = WL_STRING;
  assert_int_equal(PREDICT(0, 1), WL_ERROR_TYPE);
  input.layout = WL_LAYOUT_STRINGS;
  assert_int_equal(PREDICT(0, 1), WL_ERROR_TYPE);
  input.layout = (wl_layout)9;
  assert_int_equal(PREDICT(0, 1), WL_ERROR_VALUE);
  wl_model_release(model);
}

static void calls_in_the_wrong_order_are_refused(void **state) {
  (void)state;
  const char *text = HEAD "%0 = input() {kind=\"numeric\"}\n"
                          "%1 = external(%0) {step=1, n_features=2}\n"
                          "%2 = linear(%1) {coef=@w}\n" END(2);
  wl_input input = {.layout = WL_LAYOUT_STRIDED,
                    .dtype = WL_F64,
                    .n_columns = 1,
                    .values = numbers};
  wl_input answer = {.layout = WL_LAYOUT_STRIDED,
                     .dtype = WL_F64,
                     .n_columns = 2,
                     .values = numbers};
  wl_model *model;
  wl_run *run;
  wl_request request;
  wl_result result;
  double out[2];
  assert_int_equal(compile(text, &model, NULL), WL_OK);
  assert_int_equal(
      wl_model_predict(model, 0, &input, 1, 2, NULL, out, NULL, NULL),
      WL_ERROR_VALUE); /* it has an external step */
  assert_int_equal(wl_run_create(model, 0, &input, 1, 2, NULL, &run, NULL),
                   WL_OK);
  assert_int_equal(wl_run_request(run, &request, NULL), WL_ERROR_VALUE);
  assert_int_equal(wl_run_supply(run, &answer, NULL), WL_ERROR_VALUE);
  assert_int_equal(wl_run_result(run, &result, NULL), WL_ERROR_VALUE);
  assert_null(wl_run_stages(run));
  assert_int_equal(wl_run_advance(run, NULL), WL_PENDING);
  assert_int_equal(wl_run_advance(run, NULL), WL_ERROR_VALUE);
  assert_int_equal(wl_run_result(run, &result, NULL), WL_ERROR_VALUE);
  answer.n_columns = 3;
  assert_int_equal(wl_run_supply(run, &answer, NULL), WL_ERROR_VALUE);
  answer.n_columns = 2;
  assert_int_equal(wl_run_supply(run, &answer, NULL), WL_OK);
  assert_int_equal(wl_run_supply(run, &answer, NULL), WL_ERROR_VALUE);
  assert_int_equal(wl_run_advance(run, NULL), WL_OK);
  assert_int_equal(wl_run_advance(run, NULL), WL_OK);
  assert_int_equal(wl_run_supply(run, &answer, NULL), WL_ERROR_VALUE);
  assert_int_equal(wl_run_result(run, &result, NULL), WL_OK);
  assert_non_null(wl_run_stages(run));
  wl_run_free(run);
  assert_int_equal(wl_run_advance(NULL, NULL), WL_ERROR_VALUE);
  assert_null(wl_run_stages(NULL));
  wl_run_free(NULL);
  wl_model_release(model);
}

static void no_rows_ask_a_step_for_no_rows(void **state) {
  (void)state;
  const char *text = HEAD "%0 = input() {kind=\"numeric\"}\n"
                          "%1 = affine(%0) {add=[1.0]}\n"
                          "%2 = external(%1) {step=1, n_features=2}\n"
                          "%3 = linear(%2) {coef=@w}\n" END(3);
  wl_input input = {.layout = WL_LAYOUT_STRIDED,
                    .dtype = WL_F64,
                    .n_columns = 1,
                    .values = numbers};
  wl_input answer = {.layout = WL_LAYOUT_STRIDED,
                     .dtype = WL_F64,
                     .n_columns = 2,
                     .values = numbers};
  wl_model *model;
  wl_run *run;
  wl_request request;
  wl_result result;
  assert_int_equal(compile(text, &model, NULL), WL_OK);
  assert_int_equal(wl_run_create(model, 0, &input, 1, 0, NULL, &run, NULL),
                   WL_OK);
  assert_int_equal(wl_run_advance(run, NULL), WL_PENDING);
  assert_int_equal(wl_run_request(run, &request, NULL), WL_OK);
  assert_int_equal(request.n_rows, 0);
  assert_int_equal(request.inputs[0].n_rows, 0);
  assert_int_equal(request.inputs[0].n_columns, 1);
  assert_int_equal(wl_run_supply(run, &answer, NULL), WL_OK);
  assert_int_equal(wl_run_advance(run, NULL), WL_OK);
  assert_int_equal(wl_run_result(run, &result, NULL), WL_OK);
  assert_int_equal(result.n_rows, 0);
  wl_run_free(run);
  wl_model_release(model);
}

/* An older caller's struct is shorter: what it lacks has its default. */
static void option_structs_may_be_short(void **state) {
  (void)state;
  wl_options options;
  wl_run_options run_options;
  double out[2];
  wl_model *model;
  const char *text = MATRIX(2) "%1 = linear(%0) {coef=@w}\n" END(1);
  wl_input input = {.layout = WL_LAYOUT_STRIDED,
                    .dtype = WL_F64,
                    .n_columns = 2,
                    .values = numbers,
                    .column_stride = 8};
  memset(&options, 0xff, sizeof options);
  memset(&run_options, 0xff, sizeof run_options);
  options.size = run_options.size = sizeof(size_t);
  assert_int_equal(wl_model_compile(text, strlen(text), tensors, 1, NULL,
                                    &options, &model, NULL),
                   WL_OK);
  assert_int_equal(
      wl_model_predict(model, 0, &input, 1, 2, &run_options, out, NULL, NULL),
      WL_OK);
  assert_true(out[0] == 5.0 && out[1] == 5.0);
  wl_model_release(model);
}

static bool refuse_to_go_on(void *context, uint64_t done, uint64_t n) {
  (void)done;
  (void)n;
  ++*(int *)context;
  return false;
}

static void a_run_that_was_cancelled_may_be_taken_up_again(void **state) {
  (void)state;
  int n_calls = 0;
  wl_run_options options = {.size = sizeof options,
                            .progress = refuse_to_go_on,
                            .progress_context = &n_calls};
  wl_model *model;
  wl_run *run;
  wl_input input = {.layout = WL_LAYOUT_STRIDED,
                    .dtype = WL_F64,
                    .n_columns = 2,
                    .values = numbers};
  assert_int_equal(
      compile(MATRIX(2) "%1 = normalize(%0) {norm=\"l1\"}\n" END(1), &model,
              NULL),
      WL_OK);
  assert_int_equal(wl_run_create(model, 0, &input, 1, 2, &options, &run, NULL),
                   WL_OK);
  assert_int_equal(wl_run_advance(run, NULL), WL_ERROR_CANCELLED);
  assert_int_equal(wl_run_advance(run, NULL), WL_ERROR_CANCELLED);
  assert_int_equal(n_calls, 2);
  wl_run_free(run);
  wl_model_release(model);
}

int main(void) {
#define LIMITED(f) cmocka_unit_test_setup_teardown(f, use_limit, end_limit)
  const struct CMUnitTest tests[] = {
      LIMITED(rows_too_wide_for_memory_are_refused),
      LIMITED(a_few_columns_of_a_wide_sparse_matrix_cost_little),
      LIMITED(a_long_term_and_many_outputs_cost_what_they_hold),
      LIMITED(unions_of_unions_do_not_blow_up),
      LIMITED(many_nodes_compile_in_linear_time),
      LIMITED(many_tensors_are_found_by_name_in_linear_time),
      LIMITED(a_tensor_named_a_million_times_is_refused),
      memory_test(names_that_artifacts_use_are_refused),
      memory_test(tensors_that_are_not_there_are_refused),
      memory_test(text_that_is_not_utf8_is_refused),
      memory_test(damaged_csr_matrices_are_refused),
      memory_test(inputs_of_the_wrong_kind_are_refused),
      memory_test(calls_in_the_wrong_order_are_refused),
      memory_test(no_rows_ask_a_step_for_no_rows),
      memory_test(option_structs_may_be_short),
      memory_test(a_run_that_was_cancelled_may_be_taken_up_again),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
