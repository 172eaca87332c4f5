/* imported.h: for tests of the importers: small files, edited, their answers,
 * and what is refused. Included after cmocka. */
#ifndef WL_TESTS_IMPORTED_H
#define WL_TESTS_IMPORTED_H

#include <stdio.h>

#include "support.h"

enum { MAX_TEXT = 4096, MAX_VALUES = 64 };

/* The text with one piece exchanged; static. */
static inline const char *edited(const char *text, const char *from,
                                 const char *to) {
  static char out[MAX_TEXT];
  const char *at = strstr(text, from);
  assert_non_null(at);
  snprintf(out, sizeof out, "%.*s%s%s", (int)(at - text), text, to,
           at + strlen(from));
  return out;
}

static inline wl_model *import(const char *text) {
  wl_error error = {.message = ""};
  wl_model *model;
  if (wl_model_import_memory(text, strlen(text), NULL, &model, &error) != WL_OK)
    fail_msg("%s", error.message);
  return model;
}

/* An output for one row. */
static inline const double *answer(const char *text, const char *output,
                                   const double *row) {
  static double values[MAX_VALUES];
  static union {
    double doubles[MAX_VALUES];
    float singles[MAX_VALUES];
    int64_t integers[MAX_VALUES];
  } out;
  wl_model *model = import(text);
  wl_input_info in;
  wl_output_info info;
  int number = wl_model_find_output(model, output);
  assert_int_equal(wl_model_input_info(model, 0, &in, NULL), WL_OK);
  assert_int_equal(wl_model_output_info(model, (size_t)number, &info, NULL),
                   WL_OK);
  assert_true(info.n_columns <= MAX_VALUES);
  const wl_input input = {.layout = WL_LAYOUT_STRIDED,
                          .dtype = WL_F64,
                          .n_columns = in.n_features,
                          .values = row,
                          .row_stride = 8 * (int64_t)in.n_features,
                          .column_stride = 8};
  assert_int_equal(wl_model_predict(model, (size_t)number, &input, 1, 1, NULL,
                                    &out, NULL, NULL),
                   WL_OK);
  for (size_t i = 0; i < info.n_columns; i++)
    values[i] = info.dtype == WL_F32   ? (double)out.singles[i]
                : info.dtype == WL_I64 ? (double)out.integers[i]
                                       : out.doubles[i];
  wl_model_release(model);
  return values;
}

static inline void expect_refused(const char *bytes, size_t size,
                                  wl_status status, const char *part) {
  wl_error error = {.message = ""};
  wl_model *model;
  wl_status got = wl_model_import_memory(bytes, size, NULL, &model, &error);
  if (got != status || strstr(error.message, part) == NULL)
    fail_msg("%s: %s, expected %s", wl_status_name(got), error.message, part);
  assert_null(model);
}

typedef struct edit {
  const char *from, *to, *message;
  bool is_unsupported;
} edit;

static inline void expect_edits_refused(const char *text, const edit *edits,
                                        size_t n) {
  for (size_t i = 0; i < n; i++) {
    const char *wrong = edited(text, edits[i].from, edits[i].to);
    expect_refused(wrong, strlen(wrong),
                   edits[i].is_unsupported ? WL_ERROR_UNSUPPORTED
                                           : WL_ERROR_VALUE,
                   edits[i].message);
  }
}

static inline void import_at_every_lack_of_memory(const char *text) {
  wl_status status = WL_ERROR_MEMORY;
  for (long n = 0; status == WL_ERROR_MEMORY; n++) {
    wl_model *model;
    calls_left = n;
    status = wl_model_import_memory(text, strlen(text), NULL, &model, NULL);
    calls_left = -1;
    wl_model_release(model);
    assert_true(n_live_blocks == 0);
  }
  assert_int_equal(status, WL_OK);
}

#endif
