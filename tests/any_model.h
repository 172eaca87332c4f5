/*
 * any_model.h: what runs a model whatever its graph is: tensors that the graph
 * may name, inputs of every kind, answers to external steps.
 *
 * Graphs may name: @w (2 x 3), @c (3 x 2), @v (1 x 4), @one (1 x 1) and @s
 * (2 x 2) of f64, @i (i64, 3), @h (f32, 4), @t (4 strings).
 */
#ifndef WL_TESTS_ANY_MODEL_H
#define WL_TESTS_ANY_MODEL_H

#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "willump/willump.h"

enum { MAX_INPUTS = 8, MAX_WIDTH = 256, MAX_CELLS = 1 << 14, N_ROWS = 5 };

static double any_numbers[N_ROWS * MAX_WIDTH];
static float any_singles[N_ROWS * MAX_WIDTH];
static const int32_t any_indptr[N_ROWS + 1] = {0, 2, 2, 3, 5, 5};
static const wl_string any_rows[N_ROWS] = {{"good and bad, so-so", 19},
                                           {"", 0},
                                           {"\xce\xa3\xce\xa3 \xed\xa0\x80", 8},
                                           {"ab a b ab", 9},
                                           {"a", 1}};
static const wl_string any_categories[N_ROWS] = {{"a", 1},
                                                 {NULL, WL_MISSING_NAN},
                                                 {"a longer category", 17},
                                                 {NULL, WL_MISSING_OTHER},
                                                 {"", 0}};

/* How matrices come, and whether cascades are skipped. */
typedef struct any_options {
  bool is_csr, is_f32, is_exact;
} any_options;

static inline const wl_tensor *any_tensors(size_t *n) {
  static const double values[6] = {1, -2, 3, 0.5, 5, -6};
  static const float halves[4] = {0.5f, 1.5f, 2.5f, 3.5f};
  static const int64_t integers[3] = {2, 0, 1};
  static const uint64_t offsets[5] = {0, 1, 3, 7, 8};
  static const wl_tensor tensors[] = {
      {"w", WL_F64, 2, {2, 3}, values, NULL},
      {"c", WL_F64, 2, {3, 2}, values, NULL},
      {"v", WL_F64, 2, {1, 4}, values, NULL},
      {"one", WL_F64, 2, {1, 1}, values, NULL},
      {"s", WL_F64, 2, {2, 2}, values, NULL},
      {"i", WL_I64, 1, {3}, integers, NULL},
      {"h", WL_F32, 1, {4}, halves, NULL},
      {"t", WL_STRING, 1, {4}, "aabgoodb", offsets},
  };
  *n = WL_COUNT_OF(tensors);
  return tensors;
}

static inline wl_status any_compile(const char *text, size_t size,
                                    wl_model **out) {
  size_t n;
  const wl_tensor *tensors = any_tensors(&n);
  return wl_model_compile(text, size, tensors, n, NULL, NULL, out, NULL);
}

/* Row `first` and on of the model's inputs; false when it takes too many. */
static inline bool any_inputs(const wl_model *model, const any_options *o,
                              size_t first, int32_t *indices,
                              wl_input *inputs) {
  for (size_t i = 0; i < WL_COUNT_OF(any_numbers); i++) {
    any_singles[i] = (float)(i * 7 % 11) * 0.75f - 3.0f;
    any_numbers[i] = (double)any_singles[i];
  }
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
        o->is_f32 ? (const char *)any_singles : (const char *)any_numbers;
    inputs[i] = (wl_input){.layout = WL_LAYOUT_STRIDED,
                           .dtype = o->is_f32 ? WL_F32 : WL_F64,
                           .n_columns = info.n_features,
                           .values = values + first * MAX_WIDTH * size,
                           .row_stride = (int64_t)(MAX_WIDTH * size),
                           .column_stride = (int64_t)size};
    if (info.kind == WL_INPUT_TEXT || info.kind == WL_INPUT_CATEGORY) {
      inputs[i].layout = WL_LAYOUT_STRINGS;
      inputs[i].strings =
          (info.kind == WL_INPUT_TEXT ? any_rows : any_categories) + first;
    } else if (o->is_csr && info.n_features != 0) {
      inputs[i].layout = WL_LAYOUT_CSR;
      inputs[i].index_dtype = WL_I32;
      inputs[i].indptr = any_indptr + first;
      inputs[i].values = values;
      inputs[i].indices = indices;
      /* The narrowest matrix decides. */
      for (int e = 0; e < any_indptr[N_ROWS]; e++)
        if ((uint64_t)indices[e] >= info.n_features)
          indices[e] = (int32_t)info.n_features - 1;
    } else if (info.n_features > MAX_WIDTH) {
      return false;
    }
  }
  return true;
}

/* An answer of numbers to a step; steps that want CSR get an empty matrix. */
static inline wl_status any_supply(wl_run *run, const wl_request *request) {
  static const int64_t zeros[N_ROWS + 1];
  wl_input answer = {.layout = WL_LAYOUT_STRIDED,
                     .dtype = WL_F64,
                     .values = any_numbers,
                     .index_dtype = WL_I64,
                     .indptr = zeros,
                     .indices = zeros};
  wl_status status = WL_ERROR_VALUE;
  if (request->n_rows > N_ROWS)
    abort();
  /* The graph's text says how wide it is; try what is likely. */
  for (answer.n_columns = 0; answer.n_columns < 5; answer.n_columns++) {
    for (int is_csr = 0; is_csr < 2; is_csr++) {
      answer.layout = is_csr ? WL_LAYOUT_CSR : WL_LAYOUT_STRIDED;
      status = wl_run_supply(run, &answer, NULL);
      if (status == WL_OK || status == WL_ERROR_MEMORY)
        return status;
    }
  }
  return status;
}

static inline wl_status any_finish(wl_run *run, wl_result *result) {
  wl_status status;
  while ((status = wl_run_advance(run, NULL)) == WL_PENDING) {
    wl_request request;
    if (wl_run_request(run, &request, NULL) != WL_OK)
      abort();
    WL_TRY(any_supply(run, &request));
  }
  return status == WL_OK ? wl_run_result(run, result, NULL) : status;
}

#endif
