/*
 * What a loaded model takes of memory, by what keeps it, in a process that has
 * loaded a small model before: pages of the library and the allocator's own are
 * what only a first model costs.
 *
 *   memory WILLUMP.so SMALL.willump MODEL.willump ROWS N_ROWS N_COLUMNS
 *
 * ROWS holds doubles, row by row. Prints bytes: resident of the small model;
 * then of the other: resident once it is loaded, in use (as the allocator
 * counts: the artifact and the plan) once it is loaded, more in use after one
 * row, more after all rows (both scratch of a context), and what the allocator
 * holds at the end beyond what is in use (slack).
 */
#include <dlfcn.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <willump/willump.h>

typedef wl_status (*load_function)(const char *, const wl_options *,
                                   wl_model **, wl_error *);
typedef wl_status (*describe_function)(const wl_model *, size_t,
                                       wl_output_info *, wl_error *);
typedef wl_status (*predict_function)(const wl_model *, size_t,
                                      const wl_input *, size_t, uint64_t,
                                      const wl_run_options *, void *, uint8_t *,
                                      wl_error *);

enum { MOST_COLUMNS = 16 }; /* of a result */

static load_function load_model;
static describe_function describe;
static predict_function predict;

static void give_up(const char *what, const char *why) {
  fprintf(stderr, "memory: %s: %s\n", what, why);
  exit(1);
}

static void *need(void *library, const char *name) {
  void *found = library != NULL ? dlsym(library, name) : NULL;
  if (found == NULL)
    give_up(name, dlerror());
  return found;
}

static long long resident(void) {
  long long pages = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  if (file == NULL || fscanf(file, "%*s %lld", &pages) != 1)
    give_up("/proc/self/statm", "cannot be read");
  fclose(file);
  return pages * sysconf(_SC_PAGESIZE);
}

static long long in_use(void) {
  struct mallinfo2 info = mallinfo2();
  return (long long)(info.uordblks + info.hblkhd);
}

static long long held(void) {
  struct mallinfo2 info = mallinfo2();
  return (long long)(info.arena + info.hblkhd) - in_use();
}

static double *read_rows(const char *path, size_t n) {
  FILE *file = fopen(path, "rb");
  double *rows = malloc(n * sizeof *rows);
  if (file == NULL || rows == NULL || fread(rows, sizeof *rows, n, file) != n)
    give_up(path, "cannot be read");
  fclose(file);
  return rows;
}

static wl_model *load(const char *path) {
  wl_error error;
  wl_model *model;
  if (load_model(path, NULL, &model, &error) != WL_OK)
    give_up(path, error.message);
  return model;
}

/* The first output of n rows. */
static void ask(const wl_model *model, const double *rows, size_t n,
                size_t n_columns, void *out) {
  wl_error error;
  wl_output_info info;
  const wl_input input = {.layout = WL_LAYOUT_STRIDED,
                          .dtype = WL_F64,
                          .n_columns = n_columns,
                          .values = rows,
                          .row_stride = (int64_t)(n_columns * sizeof *rows),
                          .column_stride = sizeof *rows};
  if (describe(model, 0, &info, &error) != WL_OK)
    give_up("describe", error.message);
  if (info.n_columns > MOST_COLUMNS)
    give_up("describe", "the result has too many columns");
  if (predict(model, 0, &input, 1, n, NULL, out, NULL, &error) != WL_OK)
    give_up("predict", error.message);
}

int main(int argc, char **argv) {
  if (argc != 7)
    give_up("usage", "WILLUMP.so SMALL MODEL ROWS N_ROWS N_COLUMNS");
  void *library = dlopen(argv[1], RTLD_NOW);
  load_model = (load_function)need(library, "wl_model_load");
  describe = (describe_function)need(library, "wl_model_output_info");
  predict = (predict_function)need(library, "wl_model_predict");
  size_t n = strtoul(argv[5], NULL, 10), n_columns = strtoul(argv[6], NULL, 10);
  double *rows = read_rows(argv[4], n * n_columns);
  long long at[5];
  void *out = calloc(n * MOST_COLUMNS, sizeof(double));
  at[0] = resident();
  wl_model *small = load(argv[2]);
  ask(small, rows, 1, n_columns, out);
  ask(small, rows, n, n_columns, out);
  printf("%lld", resident() - at[0]);
  at[1] = resident();
  at[2] = in_use();
  wl_model *model = load(argv[3]);
  printf(" %lld %lld", resident() - at[1], in_use() - at[2]);
  at[3] = in_use();
  ask(model, rows, 1, n_columns, out);
  printf(" %lld", in_use() - at[3]);
  at[4] = in_use();
  ask(model, rows, n, n_columns, out);
  printf(" %lld %lld\n", in_use() - at[4], held());
  return 0;
}
