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

/* Ours. */
typedef wl_status (*ours_load)(const char *, const wl_options *, wl_model **,
                               wl_error *);
typedef int (*ours_find)(const wl_model *, const char *);
typedef wl_status (*ours_row)(const wl_model *, size_t, const double *, size_t,
                              void *, wl_error *);

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

/* Both libraries' calls, on the same model. */
typedef struct pair {
  lightgbm_row theirs;
  void *fast;
  ours_row ours;
  wl_model *model;
  size_t output;
} pair;

static void load_theirs(pair *p, const char *library, const char *path,
                        size_t n_columns) {
  void *lightgbm = dlopen(library, RTLD_NOW | RTLD_LOCAL), *booster;
  lightgbm_load load =
      (lightgbm_load)need(lightgbm, "LGBM_BoosterCreateFromModelfile");
  lightgbm_init init = (lightgbm_init)need(
      lightgbm, "LGBM_BoosterPredictForMatSingleRowFastInit");
  p->theirs =
      (lightgbm_row)need(lightgbm, "LGBM_BoosterPredictForMatSingleRowFast");
  int n_iterations;
  if (load(path, &n_iterations, &booster) != 0 ||
      init(booster, RAW_SCORE, 0, -1, FLOAT64, (int32_t)n_columns,
           "num_threads=1", &p->fast) != 0) {
    fprintf(stderr, "row: LightGBM cannot load %s\n", path);
    exit(1);
  }
}

static void load_ours(pair *p, const char *library, const char *path) {
  void *willump = dlopen(library, RTLD_NOW | RTLD_LOCAL);
  ours_load load = (ours_load)need(willump, "wl_model_load");
  ours_find find = (ours_find)need(willump, "wl_model_find_output");
  p->ours = (ours_row)need(willump, "wl_model_predict_row");
  wl_error error = {0};
  if (load(path, NULL, &p->model, &error) != WL_OK) {
    fprintf(stderr, "row: %s\n", error.message);
    exit(1);
  }
  int output = find(p->model, "raw");
  if (output < 0)
    output = find(p->model, "decision");
  if (output < 0) {
    fprintf(stderr, "row: %s has no raw scores\n", path);
    exit(1);
  }
  p->output = (size_t)output;
}

/* Times a block of rows with each, and compares the answers. */
static void time_block(const pair *p, const double *rows, size_t n,
                       size_t n_columns, double *their_times,
                       double *our_times) {
  double expected[BLOCK];
  int64_t size;
  wl_error error = {0};
  for (size_t i = 0; i < n; i++) {
    double start = now();
    int failed = p->theirs(p->fast, rows + i * n_columns, &size, &expected[i]);
    their_times[i] = now() - start;
    if (failed != 0)
      exit(1);
  }
  for (size_t i = 0; i < n; i++) {
    double got = 0, start = now();
    wl_status status = p->ours(p->model, p->output, rows + i * n_columns,
                               n_columns, &got, &error);
    our_times[i] = now() - start;
    if (status != WL_OK || memcmp(&got, &expected[i], sizeof got) != 0) {
      fprintf(stderr, "row: %.17g is not %.17g %s\n", got, expected[i],
              error.message);
      exit(1);
    }
  }
}

int main(int argc, char **argv) {
  if (argc != 8)
    return 2;
  size_t n_rows = strtoul(argv[6], NULL, 10);
  size_t n_columns = strtoul(argv[7], NULL, 10);
  double *rows = read_rows(argv[5], n_rows * n_columns);
  double *times[2] = {malloc(ROUNDS * n_rows * sizeof(double)),
                      malloc(ROUNDS * n_rows * sizeof(double))};
  if (times[0] == NULL || times[1] == NULL)
    return 1;
  pair p;
  load_theirs(&p, argv[1], argv[3], n_columns);
  load_ours(&p, argv[2], argv[4]);
  /* Blocks of rows take turns: within one, a library has its caches warm. */
  size_t n_times = 0;
  for (int round = 0; round < ROUNDS; round++)
    for (size_t first = 0; first < n_rows; first += BLOCK) {
      size_t n = n_rows - first < BLOCK ? n_rows - first : BLOCK;
      time_block(&p, rows + first * n_columns, n, n_columns, times[0] + n_times,
                 times[1] + n_times);
      n_times += n;
    }
  printf("%.0f %.0f\n", median(times[0], n_times), median(times[1], n_times));
  return 0;
}
