/*
 * predict.c: `willump predict`: reads a chunk, computes every output asked for,
 * writes the answers, and so on: memory does not grow with the file.
 */
#include "commands.h"
#include "session.h"
#include "sink.h"

/* Values of one output held at a time; a chunk with more is computed in
 * pieces. */
enum { MAX_VALUES = 1 << 22 };

typedef struct predict_job {
  cli_session session;
  cli_output *outputs; /* owned */
  wl_run **runs;       /* of sparse outputs, for the current piece; owned */
  size_t n_outputs;
  size_t max_rows;  /* of a piece */
  wl_input *inputs; /* from the piece's first row on; owned */
  uint8_t *stages;  /* owned; NULL unless asked for */
  cli_table_out table;
  cli_text text;
  cli_sink sink;
} predict_job;

static wl_status add_output(predict_job *prediction, const char *name,
                            wl_error *error) {
  size_t number;
  wl_output_info info;
  WL_TRY(
      cli_find_output(prediction->session.model, name, &number, &info, error));
  for (size_t o = 0; o < prediction->n_outputs; o++)
    if (prediction->outputs[o].number == number)
      return WL_OK;
  if (info.is_sparse && !prediction->table.format.is_jsonl)
    return wl_fail(error, WL_ERROR_UNSUPPORTED,
                   "the output '%s' is sparse, which CSV cannot hold: pass "
                   "--output-format jsonl",
                   name);
  cli_output *output = &prediction->outputs[prediction->n_outputs++];
  return cli_output_init(output, number, &info, &prediction->session.metadata,
                         error);
}

static wl_status choose_outputs(predict_job *prediction,
                                const cli_arguments *arguments,
                                wl_error *error) {
  size_t most = arguments->n_given + 1;
  prediction->outputs = wl_calloc(most, sizeof *prediction->outputs);
  prediction->runs = wl_calloc(most, sizeof *prediction->runs);
  if (prediction->outputs == NULL || prediction->runs == NULL)
    return wl_fail_memory(error, most * sizeof *prediction->outputs);
  for (size_t i = 0; i < arguments->n_given; i++) {
    const cli_given *given = &arguments->given[i];
    const char *name = given->option->name;
    if (strcmp(name, "output") == 0)
      WL_TRY(add_output(prediction, given->value, error));
    else if (strcmp(name, "proba") == 0 || strcmp(name, "decision") == 0)
      WL_TRY(add_output(prediction, name, error));
  }
  if (prediction->n_outputs == 0)
    WL_TRY(add_output(prediction, cli_default_output(prediction->session.model),
                      error));
  return WL_OK;
}

static wl_status allocate(predict_job *prediction, bool has_stages,
                          wl_error *error) {
  size_t n_rows = prediction->session.reader.table->max_rows;
  for (size_t o = 0; o < prediction->n_outputs; o++) {
    uint64_t n_columns = prediction->outputs[o].info.n_columns;
    if (!prediction->outputs[o].info.is_sparse && n_columns > 0 &&
        n_rows > MAX_VALUES / n_columns)
      n_rows = (size_t)(MAX_VALUES / n_columns);
  }
  prediction->max_rows = n_rows = n_rows > 0 ? n_rows : 1;
  for (size_t o = 0; o < prediction->n_outputs; o++) {
    cli_output *output = &prediction->outputs[o];
    size_t size;
    if (output->info.is_sparse)
      continue;
    if (wl_mul_overflows(n_rows, output->n_names, &size) ||
        wl_mul_overflows(size, sizeof(double), &size))
      return wl_fail_memory(error, SIZE_MAX);
    output->values = wl_alloc(size);
    if (output->values == NULL)
      return wl_fail_memory(error, size);
  }
  size_t n_inputs = prediction->session.inputs.n_inputs;
  prediction->inputs = wl_calloc(n_inputs, sizeof *prediction->inputs);
  if (has_stages)
    prediction->stages = wl_calloc(n_rows, 1);
  if (prediction->inputs == NULL || (has_stages && prediction->stages == NULL))
    return wl_fail_memory(error, n_rows);
  return WL_OK;
}

static void free_runs(predict_job *prediction) {
  for (size_t o = 0; o < prediction->n_outputs; o++) {
    wl_run_free(prediction->runs[o]);
    prediction->runs[o] = NULL;
  }
}

/* One output of a piece; the first one's stages are those that are shown. */
static wl_status compute(predict_job *prediction, size_t o, size_t n_rows,
                         wl_error *error) {
  cli_session *session = &prediction->session;
  cli_output *output = &prediction->outputs[o];
  wl_run_options options = cli_session_run_options(session);
  uint8_t *stages = o == 0 ? prediction->stages : NULL;
  options.warning = cli_session_warn;
  options.warning_context = session;
  if (!output->info.is_sparse)
    return wl_model_predict(session->model, output->number, prediction->inputs,
                            session->inputs.n_inputs, n_rows, &options,
                            output->values, stages, error);
  wl_run **run = &prediction->runs[o];
  WL_TRY(wl_run_create(session->model, output->number, prediction->inputs,
                       session->inputs.n_inputs, n_rows, &options, run, error));
  WL_TRY(wl_run_advance(*run, error));
  WL_TRY(wl_run_result(*run, &output->result, error));
  if (!output->result.is_sparse || output->result.n_rows != n_rows)
    return wl_fail(error, WL_ERROR_INTERNAL,
                   "the output '%s' did not come as a sparse matrix",
                   output->info.name);
  if (stages != NULL)
    memcpy(stages, wl_run_stages(*run), n_rows);
  return WL_OK;
}

static wl_status answer_chunk(predict_job *prediction, wl_error *error) {
  cli_session *session = &prediction->session;
  const wl_table *table = session->reader.table;
  wl_status status = cli_reader_fail(
      &session->reader, cli_inputs_fill(&session->inputs, table, error), error);
  if (status != WL_OK)
    return status;
  for (size_t first = 0; first < table->n_rows;) {
    size_t n_rows = table->n_rows - first;
    if (n_rows > prediction->max_rows)
      n_rows = prediction->max_rows;
    cli_inputs_from(&session->inputs, first, prediction->inputs);
    for (size_t o = 0; o < prediction->n_outputs; o++) {
      error->row = -1;
      status = compute(prediction, o, n_rows, error);
      if (status != WL_OK)
        return cli_session_fail_row(session, status, table->lines + first,
                                    n_rows, error);
    }
    WL_TRY(
        cli_write_rows(&prediction->text, &prediction->table, n_rows, error));
    WL_TRY(cli_sink_write(&prediction->sink, prediction->text.bytes,
                          prediction->text.size, error));
    prediction->text.size = 0;
    free_runs(prediction);
    first += n_rows;
  }
  return WL_OK;
}

static wl_status predict(predict_job *prediction,
                         const cli_arguments *arguments, wl_error *error) {
  const char *path = cli_value(arguments, "out");
  cli_session *session = &prediction->session;
  WL_TRY(cli_session_open(session, arguments, error));
  prediction->table = (cli_table_out){.metadata = &session->metadata};
  prediction->table.format = cli_format_choose(
      cli_value(arguments, "output-format"), path, session->format);
  WL_TRY(choose_outputs(prediction, arguments, error));
  WL_TRY(allocate(prediction, cli_has(arguments, "stages"), error));
  prediction->table.outputs = prediction->outputs;
  prediction->table.n_outputs = prediction->n_outputs;
  prediction->table.stages = prediction->stages;
  WL_TRY(cli_sink_open(&prediction->sink, path, error));
  cli_write_header(&prediction->text, &prediction->table);
  while (session->reader.table->n_rows > 0) {
    WL_TRY(answer_chunk(prediction, error));
    WL_TRY(cli_reader_next(&session->reader, error));
  }
  /* A header without rows. */
  WL_TRY(cli_write_rows(&prediction->text, &prediction->table, 0, error));
  WL_TRY(cli_sink_write(&prediction->sink, prediction->text.bytes,
                        prediction->text.size, error));
  return cli_sink_commit(&prediction->sink, error);
}

wl_status cli_predict(const cli_arguments *arguments, wl_error *error) {
  if (cli_has(arguments, "top-k"))
    return cli_top_k(arguments, error);
  if (cli_has(arguments, "class-label"))
    return wl_fail(error, WL_ERROR_VALUE,
                   "--class-label says by which class --top-k ranks: it goes "
                   "with it");
  predict_job prediction = {.n_outputs = 0, .sink.descriptor = -1};
  wl_status status = predict(&prediction, arguments, error);
  cli_sink_discard(&prediction.sink);
  cli_text_deinit(&prediction.text);
  free_runs(&prediction);
  for (size_t o = 0; o < prediction.n_outputs; o++)
    cli_output_deinit(&prediction.outputs[o]);
  wl_free(prediction.outputs);
  wl_free(prediction.runs);
  wl_free(prediction.inputs);
  wl_free(prediction.stages);
  cli_session_close(&prediction.session);
  return status;
}
