/*
 * session.h: what predict and bench share: a loaded model, the outputs asked
 * for, and an open file of rows with its columns bound to the model's inputs.
 */
#ifndef WL_CLI_SESSION_H
#define WL_CLI_SESSION_H

#include "input.h"
#include "options.h"
#include "output.h"

typedef struct cli_session {
  wl_model *model;
  cli_metadata metadata;
  cli_format format; /* of the input */
  cli_reader reader; /* with its first chunk read */
  cli_inputs inputs; /* of no bindings when the input has no rows or columns */
  uint32_t n_threads;
  bool is_exact;
  char *warned; /* the last warning; owned */
} cli_session;

/* Loads a model with its metadata, which are released and deinitialised also
 * after a failure. */
wl_status cli_model_load(const char *path, const wl_options *options,
                         wl_model **model, cli_metadata *metadata,
                         wl_error *error);

/* Close also after a failure. */
wl_status cli_session_open(cli_session *session, const cli_arguments *arguments,
                           wl_error *error);
void cli_session_close(cli_session *session);

wl_run_options cli_session_run_options(const cli_session *session);

/* A wl_warning, whose context is the session: prints what it does not repeat,
 * as later pieces of a file mostly have the same to say. */
void cli_session_warn(void *session, const char *message);

/* Puts the line of the row that an error names before its message; `lines` are
 * those of the n_rows that were run. Returns the status. */
wl_status cli_session_fail_row(const cli_session *session, wl_status status,
                               const uint64_t *lines, size_t n_rows,
                               wl_error *error);

/* cli_inputs_init for the inputs of a model. */
wl_status cli_inputs_init_model(cli_inputs *inputs, const wl_model *model,
                                const cli_metadata *metadata,
                                const wl_table *table, const char *column,
                                wl_error *error);

/* The inputs from a row of the chunk on: borrowed as theirs are. */
void cli_inputs_from(const cli_inputs *inputs, size_t row, wl_input *out);

/* What is computed when no output is asked for: a name, or NULL. */
const char *cli_default_output(const wl_model *model);
/* Finds an output that the program can compute. */
wl_status cli_find_output(const wl_model *model, const char *name,
                          size_t *number, wl_output_info *info,
                          wl_error *error);

#endif
