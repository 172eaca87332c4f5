/*
 * One row at a time through the C APIs: LightGBM's SingleRowFast call against
 * wl_model_predict_row, on the same model and rows, each row once a round.
 *
 *   row LIGHTGBM.so WILLUMP.so MODEL.txt MODEL.willump ROWS N_ROWS N_COLUMNS
 *
 * ROWS holds doubles, row by row. Compares raw scores first, bit for bit, then
 * prints the median nanoseconds of a call: LightGBM's, ours.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <willump/willump.h>

enum { ROUNDS = 5, BLOCK = 50, RAW_SCORE = 1, FLOAT64 = 1 };

/* LightGBM's C API, as its documentation declares it. */
typedef int (*lightgbm_load)(const char *, int *, void **);
typedef int (*lightgbm_init)(void *, int, int, int, int, int32_t, const char *,
                             void **);
typedef int (*lightgbm_row)(void *, const void *, int64_t *, double *);

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median(double *times, size_t n) {
  qsort(times, n, sizeof *times, compare);
  return times[n / 2];
}

static void *need(void *library, const char *name) {
  void *found = library != NULL ? dlsym(library, name) : NULL;
  if (found == NULL) {
    fprintf(stderr, "row: %s: %s\n", name, dlerror());
    exit(1);
  }
  return found;
}

static double *read_rows(const char *path, size_t n) {
  FILE *file = fopen(path, "rb");
  double *rows = malloc(n * sizeof *rows);
  if (file == NULL || rows == NULL || fread(rows, sizeof *rows, n, file) != n) {
    fprintf(stderr, "row: cannot read %s\n", path);
    exit(1);
  }
  fclose(file);
  return rows;
}

int main(int argc, char **argv) {
  if (argc != 8)
    return 2;
  size_t n_rows = strtoul(argv[6], NULL, 10);
  size_t n_columns = strtoul(argv[7], NULL, 10);
  double *rows = read_rows(argv[5], n_rows * n_columns);

  void *lightgbm = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL), *booster, *fast;
  lightgbm_load load =
      (lightgbm_load)need(lightgbm, "LGBM_BoosterCreateFromModelfile");
  lightgbm_init init = (lightgbm_init)need(
      lightgbm, "LGBM_BoosterPredictForMatSingleRowFastInit");
  lightgbm_row theirs =
      (lightgbm_row)need(lightgbm, "LGBM_BoosterPredictForMatSingleRowFast");
  int n_iterations;
  if (load(argv[3], &n_iterations, &booster) != 0 ||
      init(booster, RAW_SCORE, 0, -1, FLOAT64, (int32_t)n_columns,
           "num_threads=1", &fast) != 0) {
    fprintf(stderr, "row: LightGBM cannot load %s\n", argv[3]);
    return 1;
  }

  void *willump = dlopen(argv[2], RTLD_NOW | RTLD_LOCAL);
  wl_status (*load_ours)(const char *, const wl_options *, wl_model **,
                         wl_error *) =
      (wl_status(*)(const char *, const wl_options *, wl_model **,
                    wl_error *))need(willump, "wl_model_load");
  int (*find)(const wl_model *, const char *) =
      (int (*)(const wl_model *, const char *))need(willump,
                                                    "wl_model_find_output");
  wl_status (*ours)(const wl_model *, size_t, const double *, size_t, void *,
                    wl_error *) =
      (wl_status(*)(const wl_model *, size_t, const double *, size_t, void *,
                    wl_error *))need(willump, "wl_model_predict_row");
  wl_model *model;
  wl_error error = {0};
  if (load_ours(argv[4], NULL, &model, &error) != WL_OK) {
    fprintf(stderr, "row: %s\n", error.message);
    return 1;
  }
  int output = find(model, "raw");
  if (output < 0)
    output = find(model, "decision");
  if (output < 0)
    return 1;

  double *times[2] = {malloc(ROUNDS * n_rows * sizeof(double)),
                      malloc(ROUNDS * n_rows * sizeof(double))};
  size_t n_times = 0;
  if (times[0] == NULL || times[1] == NULL)
    return 1;
  /* Blocks of rows take turns: within one, a library has its caches warm. */
  for (int round = 0; round < ROUNDS; round++)
    for (size_t first = 0; first < n_rows; first += BLOCK) {
      size_t n = n_rows - first < BLOCK ? n_rows - first : BLOCK;
      double expected[BLOCK];
      int64_t size;
      for (size_t i = 0; i < n; i++) {
        double start = now();
        int failed =
            theirs(fast, rows + (first + i) * n_columns, &size, &expected[i]);
        times[0][n_times + i] = now() - start;
        if (failed != 0)
          return 1;
      }
      for (size_t i = 0; i < n; i++) {
        double got = 0, start = now();
        wl_status status =
            ours(model, (size_t)output, rows + (first + i) * n_columns,
                 n_columns, &got, &error);
        times[1][n_times + i] = now() - start;
        if (status != WL_OK || memcmp(&got, &expected[i], sizeof got) != 0) {
          fprintf(stderr, "row %zu: %.17g is not %.17g %s\n", first + i, got,
                  expected[i], error.message);
          return 1;
        }
      }
      n_times += n;
    }
  printf("%.0f %.0f\n", median(times[0], n_times), median(times[1], n_times));
  return 0;
}
