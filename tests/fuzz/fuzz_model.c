/*
 * fuzz_model.c: any graph text through the compiler and all that a model does.
 * What compiles gives the same bits row by row, on two threads, as a run and as
 * a call, and after it was saved and loaded.
 *
 * The input's digest chooses how matrices come: dense or CSR, f64 or f32.
 */
#include "../any_model.h"
#include "exec/sweep.h"
#include "fuzz.h"

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
static void compare(const wl_model *model, size_t output, const any_options *o,
                    const wl_result *result) {
  static double out[MAX_CELLS];
  int32_t indices[5] = {0, 3, 2, 1, 0};
  wl_input inputs[MAX_INPUTS] = {{0}};
  size_t n = wl_model_n_inputs(model), width = (size_t)result->n_columns;
  wl_run_options two = {
      .size = sizeof two, .n_threads = 2, .exact = o->is_exact};
  if (!any_inputs(model, o, 0, indices, inputs) ||
      wl_model_predict(model, output, inputs, n, N_ROWS, &two, out, NULL,
                       NULL) != WL_OK ||
      !same_values(result->dtype, out, result->values, N_ROWS * width))
    abort();
  for (size_t r = 0; r < N_ROWS; r++) {
    size_t size = result->dtype == WL_F32 ? 4 : 8;
    if (!any_inputs(model, o, r, indices, inputs) ||
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

static void listen(void *heard, const char *message) {
  *(size_t *)heard += strlen(message);
}

static void run_output(const wl_model *model, const wl_model *again,
                       size_t output, const any_options *o) {
  int32_t indices[5] = {0, 3, 2, 1, 0};
  wl_input inputs[MAX_INPUTS] = {{0}};
  wl_output_info info;
  wl_run *run = NULL, *other = NULL;
  wl_result result, repeated;
  size_t n = wl_model_n_inputs(model);
  size_t heard = 0;
  wl_run_options run_options = {.size = sizeof run_options,
                                .exact = o->is_exact,
                                .warning = listen,
                                .warning_context = &heard};
  if (wl_model_output_info(model, output, &info, NULL) != WL_OK)
    abort();
  if ((info.n_columns > MAX_CELLS / N_ROWS && !info.is_sparse) ||
      !any_inputs(model, o, 0, indices, inputs))
    return;
  if (wl_run_create(model, output, inputs, n, N_ROWS, &run_options, &run,
                    NULL) != WL_OK)
    return;
  if (any_finish(run, &result) == WL_OK) {
    if (!result.is_sparse && !info.has_external)
      compare(model, output, o, &result);
    if (wl_run_create(again, output, inputs, n, N_ROWS, &run_options, &other,
                      NULL) != WL_OK ||
        any_finish(other, &repeated) != WL_OK ||
        !same_result(&result, &repeated))
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
  any_options o = {digest & 1, digest & 2, digest & 4};
  wl_sweep_force_rows(2); /* several chunks, for several threads */
  if (any_compile((const char *)data, size, &model) == WL_OK) {
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
