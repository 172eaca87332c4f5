/*
 * fuzz_import.c: any bytes as another library's model. What is read compiles,
 * unless a limit of graphs forbids it, and answers rows of every kind of number
 * with the same bits after it was saved and loaded.
 */
#include <math.h>
#include <stdlib.h>

#include "fuzz.h"
#include "import/import.h"

enum { MAX_COLUMNS = 64, MAX_VALUES = 4096 };

static const double odd[] = {0.0,
                             -0.0,
                             1.0,
                             -1.5,
                             33.0,
                             1e-36,
                             1e300,
                             (double)NAN,
                             (double)INFINITY,
                             -(double)INFINITY};
enum { N_ROWS = sizeof odd / sizeof *odd };

/* A result's bits, any NaN like any other. */
static uint64_t answer(const wl_model *model, size_t output) {
  static double rows[N_ROWS * MAX_COLUMNS], out[MAX_VALUES];
  wl_input_info in;
  wl_output_info info;
  if (wl_model_input_info(model, 0, &in, NULL) != WL_OK ||
      wl_model_output_info(model, output, &info, NULL) != WL_OK)
    abort();
  if (in.n_features > MAX_COLUMNS || info.n_columns > MAX_VALUES / N_ROWS)
    return 0;
  for (size_t i = 0; i < N_ROWS * MAX_COLUMNS; i++)
    rows[i] = odd[i * 7 % N_ROWS];
  const wl_input input = {.layout = WL_LAYOUT_STRIDED,
                          .dtype = WL_F64,
                          .n_columns = in.n_features,
                          .values = rows,
                          .row_stride = (MAX_COLUMNS - 3) * 8,
                          .column_stride = 8};
  memset(out, 0, sizeof out);
  wl_status status =
      wl_model_predict(model, output, &input, 1, N_ROWS, NULL, out, NULL, NULL);
  if (status == WL_ERROR_VALUE) { /* XGBoost's refuse infinities */
    for (size_t i = 0; i < N_ROWS * MAX_COLUMNS; i++)
      rows[i] = rows[i] < 1e30 && rows[i] > -1e30 ? rows[i] : 0.0;
    status = wl_model_predict(model, output, &input, 1, N_ROWS, NULL, out, NULL,
                              NULL);
  }
  if (status != WL_OK)
    abort();
  if (info.dtype == WL_F64)
    for (size_t i = 0; i < N_ROWS * info.n_columns; i++)
      out[i] = out[i] != out[i] ? 0.0 : out[i];
  if (info.dtype == WL_F32)
    for (size_t i = 0; i < N_ROWS * info.n_columns; i++) {
      float *single = (float *)(void *)out + i;
      *single = *single != *single ? 0.0f : *single;
    }
  return fuzz_digest(1, out, sizeof out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  wl_tree_model trees;
  wl_model *model = NULL, *again = NULL;
  void *saved = NULL;
  size_t saved_size;
  wl_error error = {.code = WL_OK};
  wl_tree_model_init(&trees);
  wl_status read =
      wl_import_read(bytes, size, WL_IMPORT_DETECT, &trees, &error);
  wl_tree_model_deinit(&trees);
  wl_status made = wl_model_import_memory(bytes, size, NULL, &model, &error);
  if (read != WL_OK &&
      (made == WL_OK || read == WL_ERROR_INTERNAL || error.message[0] == '\0'))
    abort();
  if (made == WL_OK) {
    if (wl_model_to_memory(model, &saved, &saved_size, NULL) != WL_OK ||
        wl_model_load_memory(saved, saved_size, NULL, &again, NULL) != WL_OK)
      abort();
    for (size_t i = 0; i < wl_model_n_outputs(model); i++)
      if (answer(model, i) != answer(again, i))
        abort();
  }
  wl_free_bytes(saved);
  wl_model_release(model);
  wl_model_release(again);
  return 0;
}
