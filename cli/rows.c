/* rows.c: copies chunk after chunk behind the rows in memory. */
#include "rows.h"

static wl_status grow(cli_rows *rows, size_t n_rows, wl_error *error) {
  size_t capacity = rows->capacity;
  if (n_rows <= capacity)
    return WL_OK;
  for (size_t i = 0; i < rows->inputs.n_inputs; i++) {
    cli_binding *binding = &rows->inputs.bindings[i];
    size_t row_size = cli_is_text(&binding->info)
                          ? sizeof(wl_string)
                          : binding->n_columns * sizeof(double);
    /* The same growth for every input. */
    capacity = rows->capacity;
    WL_TRY(wl_grow(&binding->values, &capacity, n_rows, row_size, error));
  }
  capacity = rows->capacity;
  WL_TRY(wl_grow((void **)&rows->lines, &capacity, n_rows, sizeof *rows->lines,
                 error));
  rows->capacity = capacity;
  return WL_OK;
}

static wl_status copy_texts(cli_rows *rows, const wl_string *from,
                            wl_string *to, size_t n_rows, wl_error *error) {
  for (size_t row = 0; row < n_rows; row++) {
    to[row] = from[row];
    if (from[row].data == NULL)
      continue;
    rows->n_bytes += from[row].size;
    to[row].data =
        wl_arena_strndup(&rows->arena, from[row].data, from[row].size);
    if (to[row].data == NULL)
      return wl_fail_memory(error, from[row].size);
  }
  return WL_OK;
}

/* Copies the session's chunk behind the rows in memory. */
static wl_status keep_chunk(cli_rows *rows, const cli_session *session,
                            wl_error *error) {
  const wl_table *table = session->reader.table;
  size_t n_rows = table->n_rows;
  WL_TRY(grow(rows, rows->n_rows + n_rows, error));
  memcpy(rows->lines + rows->n_rows, table->lines,
         n_rows * sizeof *rows->lines);
  for (size_t i = 0; i < session->inputs.n_inputs; i++) {
    const cli_binding *from = &session->inputs.bindings[i];
    cli_binding *to = &rows->inputs.bindings[i];
    if (cli_is_text(&from->info)) {
      WL_TRY(copy_texts(rows, from->values,
                        (wl_string *)to->values + rows->n_rows, n_rows, error));
      continue;
    }
    size_t row_size = from->n_columns * sizeof(double);
    memcpy((char *)to->values + rows->n_rows * row_size, from->values,
           n_rows * row_size);
    rows->n_bytes += n_rows * row_size;
  }
  rows->n_rows += n_rows;
  return WL_OK;
}

wl_status cli_rows_read(cli_rows *rows, cli_session *session,
                        const char *column, wl_error *error) {
  const wl_table *table = session->reader.table;
  *rows = (cli_rows){.n_rows = 0};
  wl_arena_init(&rows->arena);
  WL_TRY(cli_inputs_init_model(&rows->inputs, session->model,
                               &session->metadata, table, column, error));
  rows->lines = wl_calloc(table->max_rows, sizeof *rows->lines);
  if (rows->lines == NULL)
    return wl_fail_memory(error, table->max_rows * sizeof *rows->lines);
  rows->capacity = table->max_rows;
  while (table->n_rows > 0) {
    WL_TRY(cli_reader_fail(&session->reader,
                           cli_inputs_fill(&session->inputs, table, error),
                           error));
    WL_TRY(keep_chunk(rows, session, error));
    WL_TRY(cli_reader_next(&session->reader, error));
  }
  for (size_t i = 0; i < rows->inputs.n_inputs; i++) {
    wl_input *input = &rows->inputs.inputs[i];
    *input = session->inputs.inputs[i];
    if (input->layout == WL_LAYOUT_STRINGS)
      input->strings = rows->inputs.bindings[i].values;
    else
      input->values = rows->inputs.bindings[i].values;
  }
  return WL_OK;
}

void cli_rows_deinit(cli_rows *rows) {
  cli_inputs_deinit(&rows->inputs);
  wl_free(rows->lines);
  wl_arena_deinit(&rows->arena);
}
