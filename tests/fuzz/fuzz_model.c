/*
 * fuzz_model.c: any graph text through the compiler and all that a model does.
 * What compiles gives the same bits row by row, on two threads, as a run and as
 * a call, and after it was saved and loaded.
 *
 * Graphs may name: @w (2 x 3), @c (3 x 2), @v (1 x 4) and @one (1 x 1) of f64,
 * @i (i64, 3), @h (f32, 4), @t (4 strings). The input's digest chooses how
 * matrices come: dense or CSR, f64 or f32.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "willump/willump.h"

enum { MAX_INPUTS = 8, MAX_WIDTH = 256, MAX_CELLS = 1 << 14, N_ROWS = 5 };

static double numbers[N_ROWS * MAX_WIDTH];
static float singles[N_ROWS * MAX_WIDTH];
static const int32_t indptr[N_ROWS + 1] = {0, 2, 2, 3, 5, 5};
static const wl_string rows[N_ROWS] = {{"good and bad, so-so", 19},
                                       {"", 0},
                                       {"\xce\xa3\xce\xa3 \xed\xa0\x80", 8},
                                       {"ab a b ab", 9},
                                       {"a", 1}};

typedef struct options {
  bool is_csr, is_f32, is_exact;
} options;

static wl_status compile(const char *text, size_t size, wl_model **out) {
  static const double values[6] = {1, -2, 3, 0.5, 5, -6};
  static const float halves[4] = {0.5f, 1.5f, 2.5f, 3.5f};
  static const int64_t integers[3] = {2, 0, 1};
  static const uint64_t offsets[5] = {0, 1, 3, 7, 8};
  static const wl_tensor tensors[] = {
      {"w", WL_F64, 2, {2, 3}, values, NULL},
      {"c", WL_F64, 2, {3, 2}, values, NULL},
      {"v", WL_F64, 2, {1, 4}, values, NULL},
      {"one", WL_F64, 2, {1, 1}, values, NULL},
      {"i", WL_I64, 1, {3}, integers, NULL},
      {"h", WL_F32, 1, {4}, halves, NULL},
      {"t", WL_STRING, 1, {4}, "aabgoodb", offsets},
  };
  return wl_model_compile(text, size, tensors, WL_COUNT_OF(tensors), NULL, NULL,
                          out, NULL);
}

/* Row `first` and on of the model's inputs; false when it takes too many. */
static bool make_inputs(const wl_model *model, const options *o, size_t first,
                        int32_t *indices, wl_input *inputs) {
  size_t size = o->is_f32 ? sizeof(float) : sizeof(double);
  if (wl_model_n_inputs(model) > MAX_INPUTS)
    return false;
  for (size_t i = 0; i < wl_model_n_inputs(model); i++) {
    wl_input_info info;
    if (wl_model_input_info(model, i, &info, NULL) != WL_OK)
      abort();
    if (info.n_features > MAX_WIDTH && !o->is_csr)
      return false;
    const char *values =
        o->is_f32 ? (const char *)singles : (const char *)numbers;
    inputs[i] = (wl_input){.layout = WL_LAYOUT_STRIDED,
                           .dtype = o->is_f32 ? WL_F32 : WL_F64,
                           .n_columns = info.n_features,
                           .values = values + first * MAX_WIDTH * size,
                           .row_stride = (int64_t)(MAX_WIDTH * size),
                           .column_stride = (int64_t)size};
    if (info.kind == WL_INPUT_TEXT) {
      inputs[i].layout = WL_LAYOUT_STRINGS;
      inputs[i].strings = rows + first;
    } else if (o->is_csr && info.n_features != 0) {
      inputs[i].layout = WL_LAYOUT_CSR;
      inputs[i].index_dtype = WL_I32;
      inputs[i].indptr = indptr + first;
      inputs[i].values = values;
      inputs[i].indices = indices;
      /* The narrowest matrix decides. */
      for (int e = 0; e < indptr[N_ROWS]; e++)
        if ((uint64_t)indices[e] >= info.n_features)
          indices[e] = (int32_t)info.n_features - 1;
    } else if (info.n_features > MAX_WIDTH) {
      return false;
    }
  }
  return true;
}

/* An answer of numbers to a step; steps that want CSR get an empty matrix. */
static wl_status supply(wl_run *run, const wl_request *request) {
  static const int64_t zeros[N_ROWS + 1];
  wl_input answer = {.layout = WL_LAYOUT_STRIDED,
                     .dtype = WL_F64,
                     .values = numbers,
                     .index_dtype = WL_I64,
                     .indptr = zeros,
                     .indices = zeros};
  wl_status status = WL_ERROR_VALUE;
  if (request->n_rows > N_ROWS)
    abort();
  /* The graph's text says how wide it is; try what is likely. */
  for (answer.n_columns = 0; answer.n_columns < 5; answer.n_columns++) {
    answer.layout = WL_LAYOUT_STRIDED;
    if ((status = wl_run_supply(run, &answer, NULL)) == WL_OK)
      break;
    answer.layout = WL_LAYOUT_CSR;
    if ((status = wl_run_supply(run, &answer, NULL)) == WL_OK)
      break;
  }
  return status;
}

static wl_status finish(wl_run *run, wl_result *result) {
  wl_status status;
  while ((status = wl_run_advance(run, NULL)) == WL_PENDING) {
    wl_request request;
    if (wl_run_request(run, &request, NULL) != WL_OK)
      abort();
    if (supply(run, &request) != WL_OK)
      return WL_ERROR_VALUE;
  }
  return status == WL_OK ? wl_run_result(run, result, NULL) : status;
}

/* The same, but that any NaN is like any other. */
static bool same_values(wl_dtype dtype, const void *a, const void *b,
                        size_t n) {
  for (size_t i = 0; i < n; i++) {
    if (dtype == WL_F64) {
      double x = ((const double *)a)[i], y = ((const double *)b)[i];
      if (memcmp(&x, &y, sizeof x) != 0 && (x == x || y == y))
        return false;
    } else if (dtype == WL_F32) {
      float x = ((const float *)a)[i], y = ((const float *)b)[i];
      if (memcmp(&x, &y, sizeof x) != 0 && (x == x || y == y))
        return false;
    } else if (((const int64_t *)a)[i] != ((const int64_t *)b)[i]) {
      return false;
    }
  }
  return true;
}

/* A dense result against calls of other shapes. */
static void compare(const wl_model *model, size_t output, const options *o,
                    const wl_result *result) {
  static double out[MAX_CELLS];
  int32_t indices[5] = {0, 3, 2, 1, 0};
  wl_input inputs[MAX_INPUTS] = {{0}};
  size_t n = wl_model_n_inputs(model), width = (size_t)result->n_columns;
  wl_run_options two = {
      .size = sizeof two, .n_threads = 2, .exact = o->is_exact};
  if (!make_inputs(model, o, 0, indices, inputs) ||
      wl_model_predict(model, output, inputs, n, N_ROWS, &two, out, NULL,
                       NULL) != WL_OK ||
      !same_values(result->dtype, out, result->values, N_ROWS * width))
    abort();
  for (size_t r = 0; r < N_ROWS; r++) {
    size_t size = result->dtype == WL_F32 ? 4 : 8;
    if (!make_inputs(model, o, r, indices, inputs) ||
        wl_model_predict(model, output, inputs, n, 1, &two, out, NULL, NULL) !=
            WL_OK ||
        !same_values(result->dtype, out,
                     (const char *)result->values + r * width * size, width))
      abort();
  }
}

static bool same_result(const wl_result *a, const wl_result *b) {
  if (a->is_sparse != b->is_sparse || a->dtype != b->dtype ||
      a->n_rows != b->n_rows || a->n_columns != b->n_columns)
    return false;
  size_t n = (size_t)(a->n_rows * a->n_columns);
  if (a->is_sparse) {
    n = (size_t)a->indptr[a->n_rows];
    if (memcmp(a->indptr, b->indptr, (a->n_rows + 1) * sizeof *a->indptr) !=
            0 ||
        memcmp(a->indices, b->indices, n * sizeof *a->indices) != 0)
      return false;
  }
  return same_values(a->dtype, a->values, b->values, n);
}

static void run_output(const wl_model *model, const wl_model *again,
                       size_t output, const options *o) {
  int32_t indices[5] = {0, 3, 2, 1, 0};
  wl_input inputs[MAX_INPUTS] = {{0}};
  wl_output_info info;
  wl_run *run = NULL, *other = NULL;
  wl_result result, repeated;
  size_t n = wl_model_n_inputs(model);
  wl_run_options run_options = {.size = sizeof run_options,
                                .exact = o->is_exact};
  if (wl_model_output_info(model, output, &info, NULL) != WL_OK)
    abort();
  if ((info.n_columns > MAX_CELLS / N_ROWS && !info.is_sparse) ||
      !make_inputs(model, o, 0, indices, inputs))
    return;
  if (wl_run_create(model, output, inputs, n, N_ROWS, &run_options, &run,
                    NULL) != WL_OK)
    return;
  if (finish(run, &result) == WL_OK) {
    if (!result.is_sparse && !info.has_external)
      compare(model, output, o, &result);
    if (wl_run_create(again, output, inputs, n, N_ROWS, &run_options, &other,
                      NULL) != WL_OK ||
        finish(other, &repeated) != WL_OK || !same_result(&result, &repeated))
      abort();
  }
  wl_run_free(run);
  wl_run_free(other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  wl_model *model = NULL, *again = NULL;
  void *bytes = NULL;
  char *text = NULL;
  size_t bytes_size;
  uint64_t digest = fuzz_digest(0, data, size);
  options o = {digest & 1, digest & 2, digest & 4};
  for (size_t i = 0; i < WL_COUNT_OF(numbers); i++) {
    singles[i] = (float)(i * 7 % 11) * 0.75f - 3.0f;
    numbers[i] = (double)singles[i];
  }
  if (compile((const char *)data, size, &model) == WL_OK) {
    if (wl_model_to_memory(model, &bytes, &bytes_size, NULL) != WL_OK ||
        wl_model_load_memory(bytes, bytes_size, NULL, &again, NULL) != WL_OK ||
        wl_model_print(again, "all", &text, NULL) != WL_OK)
      abort();
    for (size_t i = 0; i < wl_model_n_outputs(model); i++)
      run_output(model, again, i, &o);
  }
  wl_free_bytes(bytes);
  wl_free_bytes(text);
  wl_model_release(model);
  wl_model_release(again);
  return 0;
}
