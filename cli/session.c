/* session.c: opens what a command works with. */
#include <stdio.h>

#include "session.h"

wl_status cli_inputs_init_model(cli_inputs *inputs, const wl_model *model,
                                const cli_metadata *metadata,
                                const wl_table *table, const char *column,
                                wl_error *error) {
  size_t n_inputs = wl_model_n_inputs(model);
  *inputs = (cli_inputs){.n_inputs = 0};
  wl_input_info *infos = wl_calloc(n_inputs, sizeof *infos);
  if (infos == NULL)
    return wl_fail_memory(error, n_inputs * sizeof *infos);
  wl_status status = WL_OK;
  for (size_t i = 0; i < n_inputs && status == WL_OK; i++)
    status = wl_model_input_info(model, i, &infos[i], error);
  if (status == WL_OK)
    status = cli_inputs_init(inputs, infos, n_inputs, metadata, table, column,
                             error);
  wl_free(infos);
  return status;
}

wl_status cli_model_load(const char *path, const wl_options *options,
                         wl_model **model, cli_metadata *metadata,
                         wl_error *error) {
  *metadata = (cli_metadata){.root = NULL};
  WL_TRY(wl_model_load(path, options, model, error));
  return wl_fail_file(
      error, cli_metadata_init(metadata, wl_model_metadata(*model), error),
      path);
}

static wl_status load_model(cli_session *session,
                            const cli_arguments *arguments, wl_error *error) {
  session->n_threads = cli_number(arguments, "threads", 0);
  session->is_exact = cli_has(arguments, "exact");
  const wl_options options = {.size = sizeof options,
                              .n_threads = session->n_threads};
  WL_TRY(cli_model_load(arguments->operands[0], &options, &session->model,
                        &session->metadata, error));
  return wl_fail_file(error,
                      cli_metadata_check_categories(&session->metadata, error),
                      arguments->operands[0]);
}

wl_status cli_session_open(cli_session *session, const cli_arguments *arguments,
                           wl_error *error) {
  const char *path = arguments->n_operands > 1 ? arguments->operands[1] : "-";
  *session = (cli_session){.model = NULL, .reader.descriptor = -1};
  session->format = cli_format_choose(cli_value(arguments, "format"), path,
                                      (cli_format){false, ','});
  session->format.delimiter =
      cli_character(arguments, "delimiter", session->format.delimiter);
  WL_TRY(load_model(session, arguments, error));
  WL_TRY(cli_reader_open(&session->reader, path, session->format, error));
  WL_TRY(cli_reader_next(&session->reader, error));
  const wl_table *table = session->reader.table;
  if (table->n_columns == 0 && table->n_rows == 0)
    return WL_OK; /* JSON lines without a line name no columns */
  return cli_inputs_init_model(&session->inputs, session->model,
                               &session->metadata, table,
                               cli_value(arguments, "column"), error);
}

void cli_session_close(cli_session *session) {
  cli_inputs_deinit(&session->inputs);
  cli_reader_close(&session->reader);
  cli_metadata_deinit(&session->metadata);
  wl_model_release(session->model);
  session->model = NULL;
  wl_free(session->warned);
  session->warned = NULL;
}

void cli_session_warn(void *context, const char *message) {
  cli_session *session = context;
  if (session->warned != NULL && strcmp(session->warned, message) == 0)
    return;
  fprintf(stderr, "willump: warning: %s\n", message);
  wl_free(session->warned);
  session->warned = wl_strndup(message, strlen(message));
}

wl_status cli_session_fail_row(const cli_session *session, wl_status status,
                               const uint64_t *lines, size_t n_rows,
                               wl_error *error) {
  if (error->row < 0 || (uint64_t)error->row >= n_rows)
    return status;
  /* The message names the row of the run at its end. */
  char message[WL_ERROR_MESSAGE_SIZE], ending[40];
  memcpy(message, error->message, sizeof message);
  size_t n = (size_t)snprintf(ending, sizeof ending, " (row %lld)",
                              (long long)error->row);
  size_t size = strlen(message);
  if (size >= n && strcmp(message + size - n, ending) == 0)
    message[size - n] = '\0';
  return wl_fail(error, status, "%s: line %llu: %s", session->reader.path,
                 (unsigned long long)lines[error->row], message);
}

wl_run_options cli_session_run_options(const cli_session *session) {
  return (wl_run_options){.size = sizeof(wl_run_options),
                          .n_threads = session->n_threads,
                          .exact = session->is_exact};
}

void cli_inputs_from(const cli_inputs *inputs, size_t row, wl_input *out) {
  for (size_t i = 0; i < inputs->n_inputs; i++) {
    out[i] = inputs->inputs[i];
    if (out[i].strings != NULL)
      out[i].strings += row;
    if (out[i].values != NULL)
      out[i].values =
          (const char *)out[i].values + out[i].row_stride * (int64_t)row;
  }
}

/* ---- outputs ------------------------------------------------------------- */

const char *cli_default_output(const wl_model *model) {
  static const char *const names[] = {"label", "decision", "prediction"};
  for (size_t i = 0; i < WL_COUNT_OF(names); i++)
    if (wl_model_find_output(model, names[i]) >= 0)
      return names[i];
  wl_output_info info;
  for (size_t i = 0; i < wl_model_n_outputs(model); i++)
    if (wl_model_output_info(model, i, &info, NULL) == WL_OK && !info.is_sparse)
      return info.name;
  return NULL;
}

static wl_status fail_output(const wl_model *model, const char *name,
                             wl_error *error) {
  char names[512] = "";
  size_t at = 0;
  wl_output_info info;
  for (size_t i = 0; i < wl_model_n_outputs(model); i++) {
    if (wl_model_output_info(model, i, &info, NULL) != WL_OK ||
        at + strlen(info.name) + 3 > sizeof names)
      break;
    at += (size_t)snprintf(names + at, sizeof names - at, "%s%s",
                           at > 0 ? ", " : "", info.name);
  }
  return wl_fail(error, WL_ERROR_VALUE,
                 "the model has no output '%s'; it has %s", name, names);
}

wl_status cli_find_output(const wl_model *model, const char *name,
                          size_t *number, wl_output_info *info,
                          wl_error *error) {
  if (name == NULL)
    return wl_fail(error, WL_ERROR_VALUE,
                   "the model has sparse outputs only: name one with --output");
  int found = wl_model_find_output(model, name);
  if (found < 0)
    return fail_output(model, name, error);
  *number = (size_t)found;
  WL_TRY(wl_model_output_info(model, *number, info, error));
  if (info->has_external)
    return wl_fail(error, WL_ERROR_UNSUPPORTED,
                   "the output '%s' needs a Python step: run this model from "
                   "Python",
                   name);
  return WL_OK;
}
