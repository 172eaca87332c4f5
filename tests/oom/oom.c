/*
 * oom.c: a model's whole life with one allocation failing, for every one of
 * them in turn, until all succeed: each time the status is WL_ERROR_MEMORY and
 * every block is freed; in the end the results have the bits of an undisturbed
 * life.
 *
 * oom FILE...: graphs that may name the tensors of any_model.h. Together they
 * hold every operator, which is checked.
 */
#include "../any_model.h"

#include <jansson.h>
#include <stdio.h>
#include <unistd.h>

#include "../c/support.h"
#include "exec/sweep.h"

enum { MAX_TEXT = 1 << 14, MAX_LIVES = 100000 };

/* What the results of a life add up to. */
static uint64_t mix(uint64_t digest, const void *bytes, size_t size) {
  const uint8_t *at = bytes;
  for (size_t i = 0; i < size; i++)
    digest = (digest ^ at[i]) * UINT64_C(1099511628211);
  return digest;
}

static uint64_t mix_result(uint64_t digest, const wl_result *result) {
  size_t n = (size_t)(result->n_rows * result->n_columns);
  if (result->is_sparse) {
    n = (size_t)result->indptr[result->n_rows];
    digest = mix(digest, result->indices, n * sizeof *result->indices);
  }
  return mix(digest, result->values, n * (result->dtype == WL_F32 ? 4 : 8));
}

static void listen(void *digest, const char *message) {
  *(uint64_t *)digest = mix(*(uint64_t *)digest, message, strlen(message));
}

static wl_status run_output(const wl_model *model, size_t output,
                            const any_options *o, uint32_t n_threads,
                            uint64_t *digest) {
  int32_t indices[5] = {0, 3, 2, 1, 0};
  wl_input inputs[MAX_INPUTS] = {{0}};
  wl_run_options options = {.size = sizeof options,
                            .n_threads = n_threads,
                            .exact = o->is_exact,
                            .warning = listen,
                            .warning_context = digest};
  wl_run *run;
  wl_result result;
  static double out[MAX_CELLS];
  wl_output_info info;
  size_t n = wl_model_n_inputs(model);
  if (!any_inputs(model, o, 0, indices, inputs))
    return WL_ERROR_INTERNAL;
  WL_TRY(wl_model_output_info(model, output, &info, NULL));
  WL_TRY(wl_run_create(model, output, inputs, n, N_ROWS, &options, &run, NULL));
  wl_status status = any_finish(run, &result);
  bool is_dense = status == WL_OK && !result.is_sparse;
  if (status == WL_OK)
    *digest = mix_result(*digest, &result);
  wl_run_free(run);
  if (is_dense && !info.has_external)
    status = wl_model_predict(model, output, inputs, n, N_ROWS, &options, out,
                              NULL, NULL);
  return status;
}

/* Of outputs without gates: the three rows that an output ranks first. */
static wl_status run_ranked(const wl_model *model, size_t output, size_t filter,
                            const any_options *o, uint64_t *digest) {
  int32_t indices[5] = {0, 3, 2, 1, 0};
  wl_input inputs[MAX_INPUTS] = {{0}};
  wl_run_options options = {
      .size = sizeof options, .n_candidates = 3, .filter = filter};
  wl_output_info of, by;
  wl_run *run;
  wl_result result;
  if (filter >= wl_model_n_outputs(model))
    return WL_OK;
  WL_TRY(wl_model_output_info(model, output, &of, NULL));
  WL_TRY(wl_model_output_info(model, filter, &by, NULL));
  if (of.n_stages > 1 || by.n_stages > 1 || of.is_sparse || by.is_sparse ||
      by.n_columns != 1)
    return WL_OK;
  if (!any_inputs(model, o, 0, indices, inputs))
    return WL_ERROR_INTERNAL;
  WL_TRY(wl_run_create(model, output, inputs, wl_model_n_inputs(model), N_ROWS,
                       &options, &run, NULL));
  wl_status status = any_finish(run, &result);
  if (status == WL_OK) {
    *digest = mix_result(*digest, &result);
    *digest = mix(*digest, wl_run_rows(run), 3 * sizeof(uint64_t));
  }
  wl_run_free(run);
  return status;
}

static wl_status run_all(const wl_model *model, uint64_t *digest) {
  for (size_t output = 0; output < wl_model_n_outputs(model); output++)
    for (unsigned way = 0; way < 6; way++) {
      any_options o = {way & 1, false, way & 2};
      WL_TRY(run_output(model, output, &o, way < 4 ? 1 : 2, digest));
      WL_TRY(run_ranked(model, output, way % 2, &o, digest));
    }
  return WL_OK;
}

static wl_status live(const char *text, const char *path, uint64_t *digest) {
  wl_model *model = NULL, *copied = NULL, *read = NULL, *mapped = NULL;
  void *bytes = NULL;
  char *printed = NULL;
  size_t size;
  wl_options use_mmap = {.size = sizeof use_mmap, .use_mmap = true};
  wl_status status;
  *digest = 0;
  WL_TRY_DONE(status, any_compile(text, strlen(text), &model));
  WL_TRY_DONE(status, run_all(model, digest));
  WL_TRY_DONE(status, wl_model_print(model, "all", &printed, NULL));
  WL_TRY_DONE(status, wl_model_to_memory(model, &bytes, &size, NULL));
  WL_TRY_DONE(status, wl_model_load_memory(bytes, size, NULL, &copied, NULL));
  *digest = mix(*digest, bytes, size);
  WL_TRY_DONE(status, wl_model_save(model, path, NULL));
  WL_TRY_DONE(status, wl_model_load(path, NULL, &read, NULL));
  WL_TRY_DONE(status, wl_model_load(path, &use_mmap, &mapped, NULL));
  status = run_all(mapped, digest);
done:
  wl_free_bytes(bytes);
  wl_free_bytes(printed);
  wl_model_release(model);
  wl_model_release(copied);
  wl_model_release(read);
  wl_model_release(mapped);
  return status;
}

static bool survives(const char *name, const char *text) {
  char path[64];
  uint64_t expected, digest;
  snprintf(path, sizeof path, "oom-%ld.willump", (long)getpid());
  wl_status status = live(text, path, &expected);
  long n = 0;
  if (status != WL_OK) {
    fprintf(stderr, "%s: %s\n", name, wl_status_name(status));
    return false;
  }
  do {
    calls_left = n++;
    status = live(text, path, &digest);
    calls_left = -1;
    if (n_live_blocks != 0 || n > MAX_LIVES ||
        (status != WL_OK && status != WL_ERROR_MEMORY)) {
      fprintf(stderr, "%s: allocation %ld fails: %s, %ld blocks are left\n",
              name, n - 1, wl_status_name(status), (long)n_live_blocks);
      return false;
    }
  } while (status != WL_OK);
  (void)unlink(path);
  printf("%s: %ld allocations\n", name, n - 1);
  if (digest != expected)
    fprintf(stderr, "%s: other results\n", name);
  return digest == expected;
}

static char *read_text(const char *path) {
  static char text[MAX_TEXT];
  FILE *file = fopen(path, "rb");
  size_t size = file != NULL ? fread(text, 1, sizeof text - 1, file) : 0;
  if (file != NULL)
    fclose(file);
  text[size] = '\0';
  return text;
}

/* Marks the operators of a graph, as written or after the passes. */
static void mark_operators(const char *text, bool *seen) {
  char call[64];
  for (size_t op = 0; wl_op_name(op) != NULL; op++) {
    snprintf(call, sizeof call, " = %s(", wl_op_name(op));
    seen[op] |= strstr(text, call) != NULL;
  }
}

static void mark_all(const char *text, bool *seen) {
  wl_model *model = NULL;
  char *printed = NULL;
  mark_operators(text, seen);
  if (any_compile(text, strlen(text), &model) == WL_OK &&
      wl_model_print(model, "all", &printed, NULL) == WL_OK)
    mark_operators(printed, seen);
  wl_free_bytes(printed);
  wl_model_release(model);
}

int main(int argc, char **argv) {
  bool seen[256] = {false};
  int n_failed = 0;
  (void)use_test_allocator(NULL);
  json_set_alloc_funcs(wl_alloc, wl_free);
  wl_sweep_force_rows(2); /* several chunks, for two threads */
  for (int i = 1; i < argc; i++) {
    const char *text = read_text(argv[i]);
    mark_all(text, seen);
    n_failed += !survives(argv[i], text);
  }
  for (size_t op = 0; wl_op_name(op) != NULL; op++) {
    if (seen[op])
      continue;
    fprintf(stderr, "no graph has the operator '%s'\n", wl_op_name(op));
    n_failed++;
  }
  return n_failed != 0;
}
