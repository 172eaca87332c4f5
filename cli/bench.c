/*
 * bench.c: `willump bench`: the speed of the model alone, on rows that are in
 * memory: whole passes in batches, and calls with one row.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "commands.h"
#include "session.h"

/* Passes and calls at most, so that the lists of times stay small. */
enum { MAX_PASSES = 10000, MAX_CALLS = 200000, WARM_CALLS = 20 };

typedef struct bench_job {
  cli_session session;
  wl_arena arena;  /* the strings' bytes */
  cli_inputs rows; /* all rows; its bindings own the values */
  size_t n_rows, capacity;
  double n_megabytes; /* of the values read */
  wl_input *inputs;   /* from some row on; owned */
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

static wl_status grow_rows(bench_job *bench, size_t n_rows, wl_error *error) {
  size_t capacity = bench->capacity;
  if (n_rows <= capacity)
    return WL_OK;
  for (size_t i = 0; i < bench->rows.n_inputs; i++) {
    cli_binding *binding = &bench->rows.bindings[i];
    size_t row_size = cli_is_text(&binding->info)
                          ? sizeof(wl_string)
                          : binding->n_columns * sizeof(double);
    /* The same growth for every input. */
    capacity = bench->capacity;
    WL_TRY(wl_grow(&binding->values, &capacity, n_rows, row_size, error));
  }
  bench->capacity = capacity;
  return WL_OK;
}

/* Copies the session's chunk behind the rows in memory. */
static wl_status keep_chunk(bench_job *bench, size_t n_rows, wl_error *error) {
  const cli_inputs *chunk = &bench->session.inputs;
  WL_TRY(grow_rows(bench, bench->n_rows + n_rows, error));
  for (size_t i = 0; i < chunk->n_inputs; i++) {
    const cli_binding *from = &chunk->bindings[i];
    cli_binding *to = &bench->rows.bindings[i];
    if (!cli_is_text(&from->info)) {
      size_t row_size = from->n_columns * sizeof(double);
      memcpy((char *)to->values + bench->n_rows * row_size, from->values,
             n_rows * row_size);
      bench->n_megabytes += 1e-6 * (double)(n_rows * row_size);
      continue;
    }
    const wl_string *texts = from->values;
    wl_string *out = (wl_string *)to->values + bench->n_rows;
    for (size_t row = 0; row < n_rows; row++) {
      out[row] = texts[row];
      bench->n_megabytes += 1e-6 * (double)texts[row].size;
      if (texts[row].data == NULL)
        continue;
      out[row].data =
          wl_arena_strndup(&bench->arena, texts[row].data, texts[row].size);
      if (out[row].data == NULL)
        return wl_fail_memory(error, texts[row].size);
    }
  }
  bench->n_rows += n_rows;
  return WL_OK;
}

static wl_status read_rows(bench_job *bench, const cli_arguments *arguments,
                           wl_error *error) {
  cli_session *session = &bench->session;
  const wl_table *table = session->reader.table;
  if (table->n_rows == 0)
    return wl_fail(error, WL_ERROR_VALUE, "%s has no rows to measure on",
                   session->reader.path);
  WL_TRY(cli_inputs_init_model(&bench->rows, session->model, &session->metadata,
                               table, cli_value(arguments, "column"), error));
  bench->capacity = table->max_rows;
  while (table->n_rows > 0) {
    WL_TRY(cli_reader_fail(&session->reader,
                           cli_inputs_fill(&session->inputs, table, error),
                           error));
    WL_TRY(keep_chunk(bench, table->n_rows, error));
    WL_TRY(cli_reader_next(&session->reader, error));
  }
  for (size_t i = 0; i < bench->rows.n_inputs; i++) {
    wl_input *input = &bench->rows.inputs[i];
    *input = session->inputs.inputs[i];
    if (input->layout == WL_LAYOUT_STRINGS)
      input->strings = bench->rows.bindings[i].values;
    else
      input->values = bench->rows.bindings[i].values;
  }
  return WL_OK;
}

/* ---- measuring ----------------------------------------------------------- */

static wl_status call(bench_job *bench, size_t row, size_t n_rows,
                      wl_error *error) {
  const wl_run_options options = cli_session_run_options(&bench->session);
  cli_inputs_from(&bench->rows, row, bench->inputs);
  return wl_model_predict(bench->session.model, bench->output, bench->inputs,
                          bench->rows.n_inputs, n_rows, &options,
                          bench->answers, NULL, error);
}

static wl_status pass_rows(bench_job *bench, wl_error *error) {
  for (size_t row = 0; row < bench->n_rows; row += bench->batch) {
    size_t n_rows = bench->n_rows - row;
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
    WL_TRY(call(bench, i % bench->n_rows, 1, error));
  double begin = now(), end = begin;
  bench->n_times = 0;
  for (size_t i = 0; bench->n_times < MAX_CALLS && end - begin < seconds; i++) {
    double start = now();
    WL_TRY(call(bench, i % bench->n_rows, 1, error));
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
  double n_rows = (double)bench->n_rows;
  print_line("rows", n_rows, "");
  print_line("size", bench->n_megabytes, "MB");
  print_line("batch", (double)bench->batch, "rows");
  WL_TRY(measure_passes(bench, seconds, error));
  double median = quantile(bench, 0.5);
  print_line("passes", (double)bench->n_times, "");
  print_line("throughput, median", n_rows / median, "rows/s");
  print_line("", bench->n_megabytes / median, "MB/s");
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
  if (bench->batch == 0 || bench->batch > bench->n_rows)
    bench->batch = bench->n_rows;
  size_t size;
  if (info.n_columns > SIZE_MAX / sizeof(double) ||
      wl_mul_overflows(bench->batch, (size_t)info.n_columns * sizeof(double),
                       &size))
    return wl_fail_memory(error, SIZE_MAX);
  bench->answers = wl_alloc(size);
  bench->inputs = wl_calloc(bench->rows.n_inputs, sizeof *bench->inputs);
  bench->times = wl_calloc(MAX_CALLS, sizeof *bench->times);
  if (bench->answers == NULL || bench->inputs == NULL || bench->times == NULL)
    return wl_fail_memory(error, size);
  return WL_OK;
}

wl_status cli_bench(const cli_arguments *arguments, wl_error *error) {
  bench_job bench = {.n_rows = 0};
  wl_arena_init(&bench.arena);
  wl_status status = prepare(&bench, arguments, error);
  if (status == WL_OK)
    status = measure(&bench, cli_seconds(arguments, "seconds", 2), error);
  wl_free(bench.answers);
  wl_free(bench.inputs);
  wl_free(bench.times);
  cli_inputs_deinit(&bench.rows);
  wl_arena_deinit(&bench.arena);
  cli_session_close(&bench.session);
  return status;
}
