/*
 * input.h: a file of rows in either format, and the model's inputs made of its
 * columns.
 */
#ifndef WL_CLI_INPUT_H
#define WL_CLI_INPUT_H

#include "data/csv.h"
#include "data/jsonl.h"
#include "metadata.h"
#include "typed.h"

typedef struct cli_format {
  bool is_jsonl;
  char delimiter; /* of CSV */
} cli_format;

/*
 * The format that `name` ("csv" or "jsonl") says or, when it is NULL, the end
 * of the path's name; `otherwise` when that says nothing or path is NULL.
 */
cli_format cli_format_choose(const char *name, const char *path,
                             cli_format otherwise);

typedef struct cli_reader {
  const char *path; /* for messages; borrowed */
  int descriptor;
  bool owns_descriptor;
  wl_csv_reader *csv; /* one of the two */
  wl_jsonl_reader *jsonl;
  const wl_table *table;
} cli_reader;

/* path: "-" for the standard input. Close also after a failure. */
wl_status cli_reader_open(cli_reader *reader, const char *path,
                          cli_format format, wl_error *error);
/* The next chunk, in reader->table. Messages begin with the path. */
wl_status cli_reader_next(cli_reader *reader, wl_error *error);
/* Puts the path before the message of a failure, and returns its status. */
wl_status cli_reader_fail(const cli_reader *reader, wl_status status,
                          wl_error *error);
void cli_reader_close(cli_reader *reader);

/* Which columns of the file make an input. */
typedef struct cli_binding {
  wl_input_info info;
  size_t *columns; /* n_columns; owned */
  size_t n_columns;
  cli_dtype dtype; /* of a function's column of numbers */
  void *values; /* wl_string[max_rows] or double[max_rows * n_columns]; owned */
} cli_binding;

/* Is it read as strings? */
static inline bool cli_is_text(const wl_input_info *info) {
  return info->kind == WL_INPUT_TEXT || info->kind == WL_INPUT_CATEGORY;
}

typedef struct cli_inputs {
  cli_binding *bindings; /* owned */
  wl_input *inputs;      /* what a run takes; owned */
  size_t n_inputs;
} cli_inputs;

/*
 * Finds every input's columns. `column` is --column, or NULL; without it and
 * without a recorded name the first chunk, which the table holds, tells which
 * column is text. Deinit also after a failure.
 */
wl_status cli_inputs_init(cli_inputs *inputs, const wl_input_info *infos,
                          size_t n_inputs, const cli_metadata *metadata,
                          const wl_table *table, const char *column,
                          wl_error *error);
void cli_inputs_deinit(cli_inputs *inputs);
/* Makes inputs->inputs of the table's chunk; they borrow from both. */
wl_status cli_inputs_fill(cli_inputs *inputs, const wl_table *table,
                          wl_error *error);

#endif
