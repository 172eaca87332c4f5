/*
 * bench.c: `willump bench`: the speed of the model alone, on rows that are in
 * memory: whole passes in batches, and calls with one row.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "commands.h"
#include "rows.h"

/* Passes and calls at most, so that the lists of times stay small. */
enum { MAX_PASSES = 10000, MAX_CALLS = 200000, WARM_CALLS = 20 };

typedef struct bench_job {
  cli_session session;
  cli_rows rows;
  wl_input *inputs; /* from some row on; owned */
  size_t output;
  void *answers; /* of one batch; owned */
  size_t batch;
  double *times; /* seconds; owned */
  size_t n_times;
} bench_job;

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* ---- rows in memory ------------------------------------------------------ */

static wl_status read_rows(bench_job *bench, const cli_arguments *arguments,
                           wl_error *error) {
  cli_session *session = &bench->session;
  if (session->reader.table->n_rows == 0)
    return wl_fail(error, WL_ERROR_VALUE, "%s has no rows to measure on",
                   session->reader.path);
  return cli_rows_read(&bench->rows, session, cli_value(arguments, "column"),
                       error);
}

/* ---- measuring ----------------------------------------------------------- */

static wl_status call(bench_job *bench, size_t row, size_t n_rows,
                      wl_error *error) {
  const wl_run_options options = cli_session_run_options(&bench->session);
  cli_inputs_from(&bench->rows.inputs, row, bench->inputs);
  return wl_model_predict(bench->session.model, bench->output, bench->inputs,
                          bench->rows.inputs.n_inputs, n_rows, &options,
                          bench->answers, NULL, error);
}

static wl_status pass_rows(bench_job *bench, wl_error *error) {
  for (size_t row = 0; row < bench->rows.n_rows; row += bench->batch) {
    size_t n_rows = bench->rows.n_rows - row;
    WL_TRY(
        call(bench, row, n_rows < bench->batch ? n_rows : bench->batch, error));
  }
  return WL_OK;
}

static int compare_times(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void sort_times(bench_job *bench) {
  qsort(bench->times, bench->n_times, sizeof *bench->times, compare_times);
}

/* The smallest time that a share of all is at or below; times are sorted. */
static double quantile(const bench_job *bench, double share) {
  size_t at = (size_t)(share * (double)(bench->n_times - 1) + 0.5);
  return bench->times[at];
}

static wl_status measure_passes(bench_job *bench, double seconds,
                                wl_error *error) {
  WL_TRY(pass_rows(bench, error)); /* warms caches and contexts */
  double begin = now(), last = begin;
  bench->n_times = 0;
  while (bench->n_times < MAX_PASSES &&
         (bench->n_times < 3 || last - begin < seconds)) {
    WL_TRY(pass_rows(bench, error));
    double end = now();
    bench->times[bench->n_times++] = end - last;
    last = end;
  }
  sort_times(bench);
  return WL_OK;
}

static wl_status measure_calls(bench_job *bench, double seconds,
                               wl_error *error) {
  for (size_t i = 0; i < WARM_CALLS; i++)
    WL_TRY(call(bench, i % bench->rows.n_rows, 1, error));
  double begin = now(), end = begin;
  bench->n_times = 0;
  for (size_t i = 0; bench->n_times < MAX_CALLS && end - begin < seconds; i++) {
    double start = now();
    WL_TRY(call(bench, i % bench->rows.n_rows, 1, error));
    end = now();
    bench->times[bench->n_times++] = end - start;
  }
  sort_times(bench);
  return WL_OK;
}

static void print_line(const char *name, double number, const char *unit) {
  printf("%-24s %14.6g %s\n", name, number, unit);
}

static wl_status measure(bench_job *bench, double seconds, wl_error *error) {
  double n_rows = (double)bench->rows.n_rows;
  print_line("rows", n_rows, "");
  double n_megabytes = 1e-6 * (double)bench->rows.n_bytes;
  print_line("size", n_megabytes, "MB");
  print_line("batch", (double)bench->batch, "rows");
  WL_TRY(measure_passes(bench, seconds, error));
  double median = quantile(bench, 0.5);
  print_line("passes", (double)bench->n_times, "");
  print_line("throughput, median", n_rows / median, "rows/s");
  print_line("", n_megabytes / median, "MB/s");
  print_line("throughput, slowest", n_rows / quantile(bench, 1), "rows/s");
  print_line("throughput, fastest", n_rows / quantile(bench, 0), "rows/s");
  WL_TRY(measure_calls(bench, seconds, error));
  print_line("calls of one row", (double)bench->n_times, "");
  print_line("latency, p50", 1e6 * quantile(bench, 0.5), "us");
  print_line("latency, p90", 1e6 * quantile(bench, 0.9), "us");
  print_line("latency, p99", 1e6 * quantile(bench, 0.99), "us");
  print_line("latency, max", 1e6 * quantile(bench, 1), "us");
  return WL_OK;
}

static wl_status prepare(bench_job *bench, const cli_arguments *arguments,
                         wl_error *error) {
  wl_output_info info;
  const char *name = cli_value(arguments, "output");
  WL_TRY(cli_session_open(&bench->session, arguments, error));
  const wl_model *model = bench->session.model;
  WL_TRY(cli_find_output(model, name != NULL ? name : cli_default_output(model),
                         &bench->output, &info, error));
  if (info.is_sparse)
    return wl_fail(error, WL_ERROR_UNSUPPORTED,
                   "the output '%s' is sparse: bench measures dense outputs",
                   info.name);
  WL_TRY(read_rows(bench, arguments, error));
  bench->batch = cli_number(arguments, "batch", 4096);
  if (bench->batch > bench->rows.n_rows)
    bench->batch = bench->rows.n_rows;
  size_t size;
  if (info.n_columns > SIZE_MAX / sizeof(double) ||
      wl_mul_overflows(bench->batch, (size_t)info.n_columns * sizeof(double),
                       &size))
    return wl_fail_memory(error, SIZE_MAX);
  bench->answers = wl_alloc(size);
  bench->inputs = wl_calloc(bench->rows.inputs.n_inputs, sizeof *bench->inputs);
  bench->times = wl_calloc(MAX_CALLS, sizeof *bench->times);
  if (bench->answers == NULL || bench->inputs == NULL || bench->times == NULL)
    return wl_fail_memory(error, size);
  return WL_OK;
}

wl_status cli_bench(const cli_arguments *arguments, wl_error *error) {
  bench_job bench = {.n_times = 0};
  wl_status status = prepare(&bench, arguments, error);
  if (status == WL_OK)
    status = measure(&bench, cli_seconds(arguments, "seconds", 2), error);
  wl_free(bench.answers);
  wl_free(bench.inputs);
  wl_free(bench.times);
  cli_rows_deinit(&bench.rows);
  cli_session_close(&bench.session);
  return status;
}
