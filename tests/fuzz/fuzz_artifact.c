/* The artifact reader, past its digest: the target recomputes it first. What
 * loads is run on a few rows, saved, and loaded again. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "artifact/digest.h"
#include "willump/willump.h"

enum { MAX_INPUTS = 8, MAX_CELLS = 4096, N_ROWS = 3 };

static void run(const wl_model *model) {
  static const wl_string rows[N_ROWS] = {{"good and bad, so-so", 19},
                                         {"", 0},
                                         {"\xce\xa3\xce\xa3 \xed\xa0\x80", 8}};
  static const double numbers[64];
  static double out[MAX_CELLS];
  wl_input inputs[MAX_INPUTS] = {{0}};
  size_t n = wl_model_n_inputs(model);
  if (n > MAX_INPUTS)
    return;
  for (size_t i = 0; i < n; i++) {
    wl_input_info info;
    if (wl_model_input_info(model, i, &info, NULL) != WL_OK)
      abort();
    bool is_text = info.kind == WL_INPUT_TEXT || info.kind == WL_INPUT_CATEGORY;
    inputs[i].layout = is_text ? WL_LAYOUT_STRINGS : WL_LAYOUT_STRIDED;
    inputs[i].dtype = is_text ? WL_STRING : WL_F64;
    inputs[i].n_columns = info.n_features;
    inputs[i].strings = rows;
    inputs[i].values = numbers; /* strides 0: every cell is the first */
  }
  for (size_t o = 0; o < wl_model_n_outputs(model); o++) {
    wl_output_info info;
    if (wl_model_output_info(model, o, &info, NULL) != WL_OK)
      abort();
    if (!info.has_external && !info.is_sparse &&
        info.n_columns <= MAX_CELLS / N_ROWS)
      (void)wl_model_predict(model, o, inputs, n, N_ROWS, NULL, out, NULL,
                             NULL);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  wl_model *model = NULL, *again = NULL;
  void *bytes = NULL;
  size_t bytes_size;
  uint8_t *copy = malloc(size + 1);
  if (copy == NULL)
    return 0;
  memcpy(copy, data, size);
  if (size >= WL_DIGEST_OFFSET + WL_DIGEST_DIGITS) {
    char digits[WL_DIGEST_DIGITS + 1];
    wl_digest(copy, size, digits);
    memcpy(copy + WL_DIGEST_OFFSET, digits, WL_DIGEST_DIGITS);
  }
  if (wl_model_load_memory(copy, size, NULL, &model, NULL) == WL_OK) {
    run(model);
    if (wl_model_to_memory(model, &bytes, &bytes_size, NULL) == WL_OK &&
        wl_model_load_memory(bytes, bytes_size, NULL, &again, NULL) != WL_OK)
      abort();
  }
  wl_free_bytes(bytes);
  wl_model_release(model);
  wl_model_release(again);
  free(copy);
  return 0;
}
