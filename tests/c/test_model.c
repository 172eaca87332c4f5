/* A model through the public header: compile, predict, cascade, external steps,
 * save and load; any allocation may fail; many threads share one model. */
#include "support.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "exec/sweep.h"
#include "willump/willump.h"

/* ---- a text model and its reference -------------------------------------- */

static const char text_graph[] =
    "willump-graph 1\n"
    "%0 = input() {kind=\"text\", name=\"text\"}\n"
    "%1 = count(%0) {analyzer=\"word\", vocabulary=[\"bad\", \"good\", "
    "\"so\"]}\n"
    "%2 = tfidf(%1) {idf=[1.5, 1.25, 1.0], norm=\"l2\"}\n"
    "%3 = count(%0) {analyzer=\"char\", ngram_min=1, ngram_max=2, "
    "vocabulary=[\"a\", \"ba\", \"oo\", \"!\"]}\n"
    "%4 = concat(%2, %3)\n"
    "%5 = linear(%4) {coef=@coef, intercept=[0.125]}\n"
    "%6 = positive(%5)\n"
    "%7 = expit(%5)\n"
    "%8 = complement(%7)\n";
static const char plain_stages[] = "stage\n"
                                   "output decision = %5\n"
                                   "output label = %6\n"
                                   "output proba = %8\n"
                                   "output features = %4\n";

static const double coef[7] = {-2.0, 1.5, 0.25, -0.5, -1.0, 0.75, 0.0625};
static const double small_coef[3] = {-2.5, 1.75, 0.125};

static wl_status compile_text(bool is_cascade, wl_model **out,
                              wl_error *error) {
  char text[4096];
  const wl_tensor tensors[2] = {
      {"coef", WL_F64, 2, {1, 7}, coef, NULL},
      {"small", WL_F64, 2, {1, 3}, small_coef, NULL},
  };
  if (is_cascade)
    snprintf(text, sizeof text,
             "%s%%9 = linear(%%2) {coef=@small}\n%%10 = positive(%%9)\n%%11 = "
             "margin(%%9)\nstage {gate=%%11, threshold=0.5}\noutput decision = "
             "%%9\noutput label = %%10\nstage\noutput decision = %%5\noutput "
             "label = %%6\n",
             text_graph);
  else
    snprintf(text, sizeof text, "%s%s", text_graph, plain_stages);
  return wl_model_compile(text, strlen(text), tensors, 2, "{\"a\": 1}", NULL,
                          out, error);
}

enum { N_ROWS = 300 };
static char texts[N_ROWS][64];
static wl_string rows[N_ROWS];

static void make_rows(void) {
  static const char *const words[] = {"bad", "Good", "so", "x", "baa!", "oo"};
  uint64_t seed = 7;
  for (int r = 0; r < N_ROWS; r++) {
    texts[r][0] = '\0';
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    for (uint64_t k = 0; k < (seed >> 60) % 7; k++) {
      strcat(texts[r], words[(seed >> (10 + 5 * k)) % 6]);
      strcat(texts[r], " ");
    }
    rows[r] = (wl_string){texts[r], strlen(texts[r])};
  }
}

static wl_input text_input(size_t first) {
  return (wl_input){.layout = WL_LAYOUT_STRINGS,
                    .dtype = WL_STRING,
                    .n_columns = 1,
                    .strings = rows + first};
}

static void decide(const wl_model *model, size_t first, size_t n,
                   const wl_run_options *options, double *out,
                   uint8_t *stages) {
  wl_input input = text_input(first);
  wl_error error = {0};
  int output = wl_model_find_output(model, "decision");
  assert_true(output >= 0);
  wl_status status = wl_model_predict(model, (size_t)output, &input, 1, n,
                                      options, out, stages, &error);
  if (status != WL_OK)
    fail_msg("%s", error.message);
}

static void a_row_has_the_same_bits_in_any_batch(void **state) {
  (void)state;
  wl_model *model;
  double all[N_ROWS], part[N_ROWS];
  make_rows();
  assert_int_equal(compile_text(false, &model, NULL), WL_OK);
  decide(model, 0, N_ROWS, NULL, all, NULL);
  for (size_t batch = 1; batch <= 64; batch += 7)
    for (size_t at = 0; at < N_ROWS; at += batch) {
      size_t n = at + batch < N_ROWS ? batch : N_ROWS - at;
      decide(model, at, n, NULL, part, NULL);
      assert_memory_equal(part, all + at, n * sizeof *part);
    }
  wl_run_options two = {.size = sizeof two, .n_threads = 2};
  wl_sweep_force_rows(7);
  decide(model, 0, N_ROWS, &two, part, NULL);
  wl_sweep_force_rows(0);
  assert_memory_equal(part, all, sizeof all);
  wl_model_release(model);
}

/* The fused score against features and weights multiplied out. */
static void a_fused_score_is_the_features_times_the_weights(void **state) {
  (void)state;
  wl_model *model;
  wl_run *run;
  wl_result features;
  double all[N_ROWS];
  make_rows();
  assert_int_equal(compile_text(false, &model, NULL), WL_OK);
  decide(model, 0, N_ROWS, NULL, all, NULL);
  wl_input input = text_input(0);
  int output = wl_model_find_output(model, "features");
  assert_int_equal(
      wl_run_create(model, (size_t)output, &input, 1, N_ROWS, NULL, &run, NULL),
      WL_OK);
  assert_int_equal(wl_run_advance(run, NULL), WL_OK);
  assert_int_equal(wl_run_result(run, &features, NULL), WL_OK);
  assert_true(features.is_sparse);
  assert_int_equal(features.n_columns, 7);
  for (size_t r = 0; r < N_ROWS; r++) {
    double sum = 0.125;
    for (int64_t e = features.indptr[r]; e < features.indptr[r + 1]; e++)
      sum += ((double *)features.values)[e] * coef[features.indices[e]];
    assert_true(sum - all[r] < 1e-12 && all[r] - sum < 1e-12);
  }
  wl_run_free(run);
  wl_model_release(model);
}

/* ---- cascades ------------------------------------------------------------ */

static void
rows_that_leave_have_the_first_answer_and_others_the_full(void **state) {
  (void)state;
  wl_model *plain, *cascade;
  double full[N_ROWS], fast[N_ROWS], exact[N_ROWS];
  uint8_t stages[N_ROWS];
  size_t n_left = 0;
  make_rows();
  assert_int_equal(compile_text(false, &plain, NULL), WL_OK);
  assert_int_equal(compile_text(true, &cascade, NULL), WL_OK);
  assert_int_equal(wl_model_n_stages(cascade), 2);
  decide(plain, 0, N_ROWS, NULL, full, NULL);
  decide(cascade, 0, N_ROWS, NULL, fast, stages);
  for (size_t r = 0; r < N_ROWS; r++) {
    double margin = fast[r] < 0 ? -fast[r] : fast[r];
    n_left += stages[r] == 0;
    if (stages[r] == 0)
      assert_true(margin > 0.5);
    else /* the bits of the plain model, though its block was computed early */
      assert_memory_equal(&fast[r], &full[r], sizeof full[r]);
  }
  assert_in_range(n_left, 1, N_ROWS - 1);
  wl_run_options options = {.size = sizeof options, .exact = true};
  decide(cascade, 0, N_ROWS, &options, exact, NULL);
  assert_memory_equal(exact, full, sizeof full);
  wl_model_release(plain);
  wl_model_release(cascade);
}

/* Labels leave after the first stage, probabilities after the second, decisions
 * and features after none. The second input is read by the last stage only. */
static wl_status compile_partial(wl_model **out) {
  char text[4096];
  const wl_tensor tensors[2] = {
      {"coef", WL_F64, 2, {1, 7}, coef, NULL},
      {"small", WL_F64, 2, {1, 3}, small_coef, NULL},
  };
  snprintf(text, sizeof text,
           "%s%%9 = linear(%%2) {coef=@small}\n%%10 = positive(%%9)\n"
           "%%11 = margin(%%9)\n%%12 = input() {kind=\"text\", name=\"b\"}\n"
           "%%13 = hash(%%12) {analyzer=\"word\", n_features=7}\n"
           "%%14 = linear(%%13) {coef=@coef}\n%%15 = add(%%5, %%14)\n"
           "%%16 = positive(%%15)\n"
           "stage {gate=%%11, threshold=0.5}\noutput label = %%10\n"
           "stage {gate=%%11, threshold=0.25}\noutput proba = %%8\n"
           "stage\noutput decision = %%15\noutput label = %%16\n"
           "output proba = %%8\noutput features = %%4\noutput gate = %%11\n",
           text_graph);
  return wl_model_compile(text, strlen(text), tensors, 2, NULL, NULL, out,
                          NULL);
}

static void predict_partial(const wl_model *model, const char *name,
                            const wl_run_options *options, void *out,
                            uint8_t *stages) {
  wl_input inputs[2] = {text_input(0), text_input(0)};
  wl_error error = {0};
  wl_status status =
      wl_model_predict(model, (size_t)wl_model_find_output(model, name), inputs,
                       2, N_ROWS, options, out, stages, &error);
  if (status != WL_OK)
    fail_msg("%s", error.message);
}

static uint64_t stages_of_output(const wl_model *model, const char *name) {
  wl_output_info info;
  int output = wl_model_find_output(model, name);
  assert_int_equal(wl_model_output_info(model, (size_t)output, &info, NULL),
                   WL_OK);
  return info.n_stages;
}

static void an_output_passes_the_stages_by_that_have_it_not(void **state) {
  (void)state;
  wl_model *model;
  static double decision[N_ROWS], gate[N_ROWS], proba[N_ROWS][2];
  static int64_t label[N_ROWS], exact[N_ROWS];
  uint8_t stages[N_ROWS];
  size_t n_left = 0;
  wl_run_options full = {.size = sizeof full, .exact = true};
  make_rows();
  assert_int_equal(compile_partial(&model), WL_OK);
  assert_int_equal(wl_model_n_stages(model), 3);
  assert_int_equal(stages_of_output(model, "label"), 2);
  assert_int_equal(stages_of_output(model, "proba"), 2);
  assert_int_equal(stages_of_output(model, "decision"), 1);
  assert_int_equal(stages_of_output(model, "features"), 1);
  predict_partial(model, "gate", NULL, gate, NULL);
  predict_partial(model, "decision", NULL, decision, stages);
  for (size_t r = 0; r < N_ROWS; r++)
    assert_int_equal(stages[r], 2);
  predict_partial(model, "proba", NULL, proba, stages);
  for (size_t r = 0; r < N_ROWS; r++)
    assert_int_equal(stages[r], gate[r] > 0.25 ? 1 : 2);
  predict_partial(model, "label", &full, exact, stages);
  for (size_t r = 0; r < N_ROWS; r++) {
    assert_int_equal(stages[r], 2);
    assert_int_equal(exact[r], decision[r] > 0);
  }
  predict_partial(model, "label", NULL, label, stages);
  for (size_t r = 0; r < N_ROWS; r++) {
    assert_int_equal(stages[r], gate[r] > 0.5 ? 0 : 2);
    n_left += stages[r] == 0;
    if (stages[r] != 0)
      assert_int_equal(label[r], exact[r]);
  }
  assert_in_range(n_left, 1, N_ROWS - 1);
  wl_model_release(model);
}

static void
text_that_is_missing_is_an_error_also_of_rows_that_leave(void **state) {
  (void)state;
  wl_model *model;
  wl_error error = {0};
  static int64_t label[N_ROWS];
  static wl_string second[N_ROWS];
  make_rows();
  memcpy(second, rows, sizeof second);
  assert_int_equal(compile_partial(&model), WL_OK);
  wl_input inputs[2] = {text_input(0), text_input(0)};
  inputs[1].strings = second;
  for (int r = 0; r < N_ROWS; r += 7) {
    second[r] = (wl_string){NULL, WL_MISSING_NAN};
    wl_sweep_force_rows(10);
    assert_int_equal(wl_model_predict(model, 1, inputs, 2, N_ROWS, NULL, label,
                                      NULL, &error),
                     WL_ERROR_VALUE);
    wl_sweep_force_rows(0);
    assert_int_equal(error.row, r);
    second[r] = rows[r];
  }
  wl_model_release(model);
}

static void outputs_of_one_stage_may_be_ranked_beside_gates(void **state) {
  (void)state;
  wl_model *model;
  wl_run *run;
  wl_error error = {0};
  wl_result result;
  static double decision[N_ROWS];
  make_rows();
  assert_int_equal(compile_partial(&model), WL_OK);
  predict_partial(model, "decision", NULL, decision, NULL);
  wl_input inputs[2] = {text_input(0), text_input(0)};
  wl_run_options best = {.size = sizeof best,
                         .n_candidates = 9,
                         .filter = (size_t)wl_model_find_output(model, "gate")};
  assert_int_equal(
      wl_run_create(model, 0, inputs, 2, N_ROWS, &best, &run, &error), WL_OK);
  assert_int_equal(wl_run_advance(run, &error), WL_OK);
  assert_int_equal(wl_run_result(run, &result, &error), WL_OK);
  assert_int_equal(result.n_rows, 9);
  for (size_t i = 0; i < 9; i++)
    assert_memory_equal((double *)result.values + i,
                        &decision[wl_run_rows(run)[i]], sizeof *decision);
  wl_run_free(run);
  size_t label = (size_t)wl_model_find_output(model, "label");
  assert_int_equal(
      wl_run_create(model, label, inputs, 2, N_ROWS, &best, &run, &error),
      WL_ERROR_VALUE);
  wl_model_release(model);
}

/* ---- artifacts ----------------------------------------------------------- */

static void
a_loaded_model_has_the_same_bits_and_saves_the_same_bytes(void **state) {
  (void)state;
  wl_model *model, *loaded;
  void *bytes, *again;
  size_t size, size_again;
  double a[N_ROWS], b[N_ROWS];
  make_rows();
  assert_int_equal(compile_text(true, &model, NULL), WL_OK);
  assert_int_equal(wl_model_to_memory(model, &bytes, &size, NULL), WL_OK);
  assert_int_equal(wl_model_load_memory(bytes, size, NULL, &loaded, NULL),
                   WL_OK);
  assert_string_equal(wl_model_metadata(loaded), "{\"a\": 1}");
  decide(model, 0, N_ROWS, NULL, a, NULL);
  decide(loaded, 0, N_ROWS, NULL, b, NULL);
  assert_memory_equal(a, b, sizeof a);
  assert_int_equal(wl_model_to_memory(loaded, &again, &size_again, NULL),
                   WL_OK);
  assert_int_equal(size, size_again);
  assert_memory_equal(bytes, again, size);
  wl_free_bytes(bytes);
  wl_free_bytes(again);
  wl_model_release(model);
  wl_model_release(loaded);
}

static void every_flipped_missing_or_appended_byte_is_refused(void **state) {
  (void)state;
  wl_model *model, *loaded;
  void *bytes;
  size_t size;
  assert_int_equal(compile_text(false, &model, NULL), WL_OK);
  assert_int_equal(wl_model_to_memory(model, &bytes, &size, NULL), WL_OK);
  uint8_t *copy = malloc(size + 1);
  for (size_t i = 0; i < size; i++) {
    memcpy(copy, bytes, size);
    copy[i] ^= (uint8_t)(1u << (i % 8));
    assert_int_equal(wl_model_load_memory(copy, size, NULL, &loaded, NULL),
                     WL_ERROR_ARTIFACT);
    assert_null(loaded);
  }
  memcpy(copy, bytes, size);
  copy[size] = 0;
  assert_int_equal(wl_model_load_memory(copy, size + 1, NULL, &loaded, NULL),
                   WL_ERROR_ARTIFACT);
  for (size_t n = 0; n < size; n++)
    assert_int_equal(wl_model_load_memory(copy, n, NULL, &loaded, NULL),
                     WL_ERROR_ARTIFACT);
  free(copy);
  wl_free_bytes(bytes);
  wl_model_release(model);
}

/* ---- external steps ------------------------------------------------------ */

static void an_external_step_is_asked_for_and_its_answer_used(void **state) {
  (void)state;
  const char *text = "willump-graph 1\n"
                     "%0 = input() {kind=\"numeric\"}\n"
                     "%1 = affine(%0) {multiply=[2.0]}\n"
                     "%2 = external(%1, %0) {step=5, n_features=2}\n"
                     "%3 = linear(%2) {coef=@c}\n"
                     "stage\noutput decision = %3\n";
  const double c[2] = {1.0, 10.0};
  const wl_tensor tensor = {"c", WL_F64, 2, {1, 2}, c, NULL};
  const float x[3] = {1.0f, 2.0f, 3.0f};
  wl_model *model;
  wl_run *run;
  wl_request request;
  wl_result result;
  wl_error error = {0};
  assert_int_equal(wl_model_compile(text, strlen(text), &tensor, 1, NULL, NULL,
                                    &model, &error),
                   WL_OK);
  wl_input input = {.layout = WL_LAYOUT_STRIDED,
                    .dtype = WL_F32,
                    .n_columns = 1,
                    .values = x,
                    .row_stride = 4,
                    .column_stride = 4};
  assert_int_equal(wl_run_create(model, 0, &input, 1, 3, NULL, &run, NULL),
                   WL_OK);
  assert_int_equal(wl_run_advance(run, NULL), WL_PENDING);
  assert_int_equal(wl_run_request(run, &request, NULL), WL_OK);
  assert_int_equal(request.step, 5);
  assert_int_equal(request.n_rows, 3);
  assert_int_equal(request.n_inputs, 2);
  assert_int_equal(request.model_inputs[0], -1);
  assert_int_equal(request.model_inputs[1], 0);
  assert_int_equal(request.inputs[0].dtype, WL_F32); /* as it is computed */
  double answer[6];
  for (int r = 0; r < 3; r++) {
    answer[2 * r] = (double)((float *)request.inputs[0].values)[r];
    answer[2 * r + 1] = (double)request.rows[r];
  }
  wl_input supplied = {.layout = WL_LAYOUT_STRIDED,
                       .dtype = WL_F64,
                       .n_columns = 2,
                       .values = answer,
                       .row_stride = 16,
                       .column_stride = 8};
  assert_int_equal(wl_run_supply(run, &supplied, NULL), WL_OK);
  assert_int_equal(wl_run_advance(run, NULL), WL_OK);
  assert_int_equal(wl_run_result(run, &result, NULL), WL_OK);
  for (int r = 0; r < 3; r++)
    assert_true(((double *)result.values)[r] ==
                2.0 * (double)x[r] + 10.0 * (double)r);
  wl_run_free(run);
  wl_model_release(model);
}

/* ---- errors -------------------------------------------------------------- */

static void an_error_names_the_callers_row(void **state) {
  (void)state;
  wl_model *model;
  wl_error error = {0};
  double out[N_ROWS];
  make_rows();
  rows[200].data = NULL;
  wl_input input = text_input(0);
  assert_int_equal(compile_text(false, &model, NULL), WL_OK);
  assert_int_equal(
      wl_model_predict(model, 0, &input, 1, N_ROWS, NULL, out, NULL, &error),
      WL_ERROR_VALUE);
  assert_int_equal(error.row, 200);
  rows[200] = (wl_string){"\xff", 1};
  assert_int_equal(
      wl_model_predict(model, 0, &input, 1, N_ROWS, NULL, out, NULL, &error),
      WL_ERROR_ENCODING);
  assert_int_equal(error.row, 200);
  wl_model_release(model);
}

static void an_empty_batch_gives_an_empty_result(void **state) {
  (void)state;
  wl_model *model;
  double out = 5.0;
  wl_input input = text_input(0);
  assert_int_equal(compile_text(true, &model, NULL), WL_OK);
  assert_int_equal(
      wl_model_predict(model, 0, &input, 1, 0, NULL, &out, NULL, NULL), WL_OK);
  assert_true(out == 5.0);
  wl_model_release(model);
}

/* ---- memory -------------------------------------------------------------- */

/* Everything a model does; WL_OK, or the first failure. */
static wl_status live(double *out) {
  wl_model *model = NULL, *loaded = NULL;
  wl_run *run = NULL;
  void *bytes = NULL;
  char *text = NULL;
  size_t size;
  wl_input input = text_input(0);
  wl_status status = compile_text(true, &model, NULL);
  if (status == WL_OK)
    status = wl_model_predict(model, 0, &input, 1, 40, NULL, out, NULL, NULL);
  if (status == WL_OK)
    status = wl_model_to_memory(model, &bytes, &size, NULL);
  if (status == WL_OK)
    status = wl_model_load_memory(bytes, size, NULL, &loaded, NULL);
  if (status == WL_OK)
    status = wl_run_create(loaded, 1, &input, 1, 40, NULL, &run, NULL);
  if (status == WL_OK)
    status = wl_run_advance(run, NULL);
  if (status == WL_OK)
    status = wl_model_print(loaded, "all", &text, NULL);
  wl_free_bytes(bytes);
  wl_free_bytes(text);
  wl_run_free(run);
  wl_model_release(model);
  wl_model_release(loaded);
  return status;
}

static void any_allocation_may_fail(void **state) {
  (void)state;
  double out[40];
  make_rows();
  for (long n = 0;; n++) {
    calls_left = n;
    wl_status status = live(out);
    calls_left = -1;
    assert_int_equal(n_live_blocks, 0);
    if (status == WL_OK)
      break;
    assert_int_equal(status, WL_ERROR_MEMORY);
    assert_true(n < 100000);
  }
}

static void a_repeated_point_query_allocates_nothing(void **state) {
  (void)state;
  wl_model *model;
  double out;
  make_rows();
  assert_int_equal(compile_text(true, &model, NULL), WL_OK);
  for (size_t r = 0; r < N_ROWS; r++)
    decide(model, r, 1, NULL, &out, NULL);
  calls_left = 0;
  for (size_t r = 0; r < N_ROWS; r++)
    decide(model, r, 1, NULL, &out, NULL);
  calls_left = -1;
  wl_model_release(model);
}

/* ---- threads ------------------------------------------------------------- */

typedef struct job {
  const wl_model *model;
  const double *expected;
  uint32_t n_threads;
  bool is_right;
} job;

static void *work(void *context) {
  job *j = context;
  double out[N_ROWS];
  wl_run_options options = {.size = sizeof options, .n_threads = j->n_threads};
  wl_input input = text_input(0);
  j->is_right = true;
  for (int round = 0; round < 20; round++) {
    wl_status status = wl_model_predict(j->model, 0, &input, 1, N_ROWS,
                                        &options, out, NULL, NULL);
    j->is_right &= status == WL_OK && memcmp(out, j->expected, sizeof out) == 0;
  }
  return NULL;
}

static void many_threads_share_one_model(void **state) {
  (void)state;
  wl_model *model;
  double expected[N_ROWS];
  pthread_t threads[8];
  job jobs[8];
  make_rows();
  assert_int_equal(compile_text(true, &model, NULL), WL_OK);
  decide(model, 0, N_ROWS, NULL, expected, NULL);
  wl_sweep_force_rows(16); /* several chunks */
  for (uint32_t i = 0; i < 8; i++) {
    jobs[i] = (job){model, expected, 1 + i % 3, false};
    assert_int_equal(pthread_create(&threads[i], NULL, work, &jobs[i]), 0);
  }
  for (int i = 0; i < 8; i++) {
    pthread_join(threads[i], NULL);
    assert_true(jobs[i].is_right);
  }
  wl_sweep_force_rows(0);
  wl_model_release(model);
}

/* Runs with external steps and sparse results, two threads each, of one model.
 */
static const char shared_graph[] =
    "willump-graph 1\n"
    "%0 = input() {kind=\"text\"}\n"
    "%1 = count(%0) {analyzer=\"word\", vocabulary=[\"bad\", \"good\", "
    "\"so\"]}\n"
    "%2 = external(%1) {step=1, n_features=1}\n"
    "%3 = concat(%1, %2)\n"
    "stage\noutput features = %3\n";

static void *work_in_runs(void *context) {
  job *j = context;
  wl_run_options options = {.size = sizeof options, .n_threads = j->n_threads};
  wl_input input = text_input(0);
  wl_input answer = {.layout = WL_LAYOUT_STRIDED,
                     .dtype = WL_F64,
                     .n_columns = 1,
                     .values = j->expected,
                     .row_stride = 8};
  wl_request request;
  wl_result result;
  j->is_right = true;
  for (int round = 0; round < 10; round++) {
    wl_run *run;
    bool is_right = wl_run_create(j->model, 0, &input, 1, N_ROWS, &options,
                                  &run, NULL) == WL_OK &&
                    wl_run_advance(run, NULL) == WL_PENDING &&
                    wl_run_request(run, &request, NULL) == WL_OK &&
                    request.inputs[0].is_sparse &&
                    wl_run_supply(run, &answer, NULL) == WL_OK &&
                    wl_run_advance(run, NULL) == WL_OK &&
                    wl_run_result(run, &result, NULL) == WL_OK;
    for (size_t r = 0; is_right && r < N_ROWS; r++)
      is_right =
          ((double *)result.values)[result.indptr[r + 1] - 1] == j->expected[r];
    j->is_right &= is_right;
    wl_run_free(run);
  }
  return NULL;
}

static void many_threads_run_one_model_with_external_steps(void **state) {
  (void)state;
  wl_model *model;
  double answers[N_ROWS];
  pthread_t threads[4];
  job jobs[4];
  make_rows();
  wl_sweep_force_rows(16);
  for (size_t r = 0; r < N_ROWS; r++)
    answers[r] = (double)r + 1.0;
  assert_int_equal(wl_model_compile(shared_graph, strlen(shared_graph), NULL, 0,
                                    NULL, NULL, &model, NULL),
                   WL_OK);
  for (uint32_t i = 0; i < 4; i++) {
    jobs[i] = (job){model, answers, 1 + i % 2, false};
    assert_int_equal(pthread_create(&threads[i], NULL, work_in_runs, &jobs[i]),
                     0);
  }
  for (int i = 0; i < 4; i++) {
    pthread_join(threads[i], NULL);
    assert_true(jobs[i].is_right);
  }
  wl_sweep_force_rows(0);
  wl_model_release(model);
}

int main(void) {
#define T(f)                                                                   \
  cmocka_unit_test_setup_teardown(f, use_test_allocator, expect_no_leak)
  const struct CMUnitTest tests[] = {
      T(a_row_has_the_same_bits_in_any_batch),
      T(a_fused_score_is_the_features_times_the_weights),
      T(rows_that_leave_have_the_first_answer_and_others_the_full),
      memory_test(an_output_passes_the_stages_by_that_have_it_not),
      memory_test(text_that_is_missing_is_an_error_also_of_rows_that_leave),
      memory_test(outputs_of_one_stage_may_be_ranked_beside_gates),
      T(a_loaded_model_has_the_same_bits_and_saves_the_same_bytes),
      T(every_flipped_missing_or_appended_byte_is_refused),
      T(an_external_step_is_asked_for_and_its_answer_used),
      T(an_error_names_the_callers_row),
      T(an_empty_batch_gives_an_empty_result),
      T(any_allocation_may_fail),
      T(a_repeated_point_query_allocates_nothing),
      cmocka_unit_test(many_threads_share_one_model),
      cmocka_unit_test(many_threads_run_one_model_with_external_steps),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
