/*
 * top_k.c: `willump predict --top-k`: the best rows of a file. Without a filter
 * only the scores are kept; with one the rows are, as how many of them are
 * candidates hangs on how many there are.
 */
#include <stdio.h>

#include "commands.h"
#include "ranking.h"
#include "rows.h"
#include "sink.h"

typedef struct top_k_job {
  cli_session session;
  cli_ranking ranking;
  cli_rows rows;  /* with a filter */
  double *scores; /* owned */
  size_t n_scores, capacity;
  uint64_t *candidates; /* the rows of the scores, NULL: all; owned */
  int64_t *ids;         /* owned */
  double *top;          /* owned */
} top_k_job;

static double score_at(const top_k_job *job, const wl_result *result,
                       uint64_t row) {
  uint64_t at = row * result->n_columns + job->ranking.column;
  double score;
  if (result->dtype == WL_I64)
    score = (double)((const int64_t *)result->values)[at];
  else if (result->dtype == WL_F32) /* XGBoost's */
    score = (double)((const float *)result->values)[at];
  else
    score = ((const double *)result->values)[at];
  return job->ranking.rounds ? (double)(float)score : score;
}

static wl_status keep_result(top_k_job *job, const wl_run *run,
                             wl_error *error) {
  wl_result result;
  WL_TRY(wl_run_result(run, &result, error));
  size_t n = (size_t)result.n_rows;
  const uint64_t *rows = wl_run_rows(run);
  WL_TRY(wl_grow((void **)&job->scores, &job->capacity, job->n_scores + n,
                 sizeof *job->scores, error));
  for (size_t row = 0; row < n; row++)
    job->scores[job->n_scores++] = score_at(job, &result, row);
  if (rows == NULL)
    return WL_OK;
  job->candidates = wl_calloc(n, sizeof *rows);
  if (job->candidates == NULL)
    return wl_fail_memory(error, n * sizeof *rows);
  memcpy(job->candidates, rows, n * sizeof *rows);
  return WL_OK;
}

/* Some rows' scores, behind those that are there. */
static wl_status score(top_k_job *job, const wl_input *inputs,
                       const uint64_t *lines, size_t n_rows,
                       const wl_run_options *options, wl_error *error) {
  wl_run *run = NULL;
  error->row = -1;
  wl_status status =
      wl_run_create(job->session.model, job->ranking.output, inputs,
                    job->session.inputs.n_inputs, n_rows, options, &run, error);
  if (status == WL_OK)
    status = wl_run_advance(run, error);
  if (status != WL_OK)
    status = cli_session_fail_row(&job->session, status, lines, n_rows, error);
  else
    status = keep_result(job, run, error);
  wl_run_free(run);
  return status;
}

static wl_run_options run_options(top_k_job *job) {
  wl_run_options options = cli_session_run_options(&job->session);
  options.warning = cli_session_warn;
  options.warning_context = &job->session;
  return options;
}

static wl_status score_chunks(top_k_job *job, wl_error *error) {
  cli_session *session = &job->session;
  const wl_table *table = session->reader.table;
  wl_run_options options = run_options(job);
  options.exact = true;
  while (table->n_rows > 0) {
    WL_TRY(cli_reader_fail(&session->reader,
                           cli_inputs_fill(&session->inputs, table, error),
                           error));
    WL_TRY(score(job, session->inputs.inputs, table->lines, table->n_rows,
                 &options, error));
    WL_TRY(cli_reader_next(&session->reader, error));
  }
  return WL_OK;
}

static wl_status score_candidates(top_k_job *job, const char *column,
                                  uint64_t k, int filter,
                                  const wl_topk_bounds *bounds,
                                  wl_error *error) {
  WL_TRY(cli_rows_read(&job->rows, &job->session, column, error));
  size_t n_rows = job->rows.n_rows;
  uint64_t n = wl_topk_candidates(bounds, n_rows, k);
  wl_run_options options = run_options(job);
  options.exact = n >= n_rows;
  options.n_candidates = n < n_rows ? n : 0;
  options.filter = (size_t)filter;
  return score(job, job->rows.inputs.inputs, job->rows.lines, n_rows, &options,
               error);
}

/* ---- the answer ---------------------------------------------------------- */

static wl_status rank(top_k_job *job, uint64_t k, uint64_t *n_top,
                      wl_error *error) {
  size_t n = k < job->n_scores ? (size_t)k : job->n_scores;
  job->ids = wl_calloc(n, sizeof *job->ids);
  job->top = wl_calloc(n, sizeof *job->top);
  if (job->ids == NULL || job->top == NULL)
    return wl_fail_memory(error, n * sizeof *job->ids);
  return wl_top_k(job->scores, job->n_scores, k, job->ids, job->top, n_top,
                  error);
}

static void write_rows(cli_text *text, const top_k_job *job, cli_format format,
                       uint64_t n_top) {
  char room[32];
  if (!format.is_jsonl) {
    cli_text_add(text, "row", 3);
    cli_text_add(text, &format.delimiter, 1);
    cli_text_add(text, "score\n", 6);
  }
  for (uint64_t i = 0; i < n_top; i++) {
    uint64_t row = (uint64_t)job->ids[i];
    if (job->candidates != NULL)
      row = job->candidates[row];
    int size =
        snprintf(room, sizeof room, format.is_jsonl ? "{\"row\": %llu" : "%llu",
                 (unsigned long long)row);
    cli_text_add(text, room, (size_t)size);
    if (format.is_jsonl)
      cli_text_add(text, ", \"score\": ", 11);
    else
      cli_text_add(text, &format.delimiter, 1);
    cli_text_add_number(text, job->top[i], format.is_jsonl);
    cli_text_add(text, format.is_jsonl ? "}\n" : "\n", format.is_jsonl ? 2 : 1);
  }
}

static wl_status write_answer(const top_k_job *job,
                              const cli_arguments *arguments, uint64_t n_top,
                              wl_error *error) {
  const char *path = cli_value(arguments, "out");
  cli_text text = {.bytes = NULL};
  cli_sink sink = {.descriptor = -1};
  write_rows(&text, job,
             cli_format_choose(cli_value(arguments, "output-format"), path,
                               job->session.format),
             n_top);
  wl_status status = text.has_failed ? wl_fail_memory(error, text.size)
                                     : cli_sink_open(&sink, path, error);
  if (status == WL_OK)
    status = cli_sink_write(&sink, text.bytes, text.size, error);
  if (status == WL_OK)
    status = cli_sink_commit(&sink, error);
  cli_sink_discard(&sink);
  cli_text_deinit(&text);
  return status;
}

static wl_status check_options(const cli_arguments *arguments,
                               wl_error *error) {
  static const char *const others[] = {"output", "proba", "decision", "stages"};
  for (size_t i = 0; i < WL_COUNT_OF(others); i++)
    if (cli_has(arguments, others[i]))
      return wl_fail(error, WL_ERROR_VALUE,
                     "--top-k writes the numbers of rows and their scores: it "
                     "goes without --%s",
                     others[i]);
  return WL_OK;
}

static wl_status find_top_k(top_k_job *job, const cli_arguments *arguments,
                            wl_error *error) {
  cli_session *session = &job->session;
  uint64_t k = cli_number(arguments, "top-k", 1), n_top;
  wl_topk_bounds bounds;
  int filter = -1;
  WL_TRY(check_options(arguments, error));
  WL_TRY(cli_session_open(session, arguments, error));
  WL_TRY(cli_ranking_choose(&job->ranking, session->model, &session->metadata,
                            cli_value(arguments, "class-label"), error));
  if (!session->is_exact)
    WL_TRY(cli_ranking_filter(&job->ranking, session->model, &session->metadata,
                              &filter, &bounds, error));
  if (filter >= 0 && session->reader.table->n_rows > 0)
    WL_TRY(score_candidates(job, cli_value(arguments, "column"), k, filter,
                            &bounds, error));
  else
    WL_TRY(score_chunks(job, error));
  WL_TRY(rank(job, k, &n_top, error));
  return write_answer(job, arguments, n_top, error);
}

wl_status cli_top_k(const cli_arguments *arguments, wl_error *error) {
  top_k_job job = {.n_scores = 0};
  wl_status status = find_top_k(&job, arguments, error);
  wl_free(job.scores);
  wl_free(job.candidates);
  wl_free(job.ids);
  wl_free(job.top);
  cli_rows_deinit(&job.rows);
  cli_session_close(&job.session);
  return status;
}
