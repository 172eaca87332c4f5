/*
 * rows.h: all rows of a file in memory, as a model's inputs.
 */
#ifndef WL_CLI_ROWS_H
#define WL_CLI_ROWS_H

#include "base/base.h"
#include "session.h"

typedef struct cli_rows {
  wl_arena arena;    /* the strings' bytes */
  cli_inputs inputs; /* of all rows; its bindings own the values */
  uint64_t *lines;   /* where each row begins, from 1; owned */
  size_t n_rows, capacity;
  size_t n_bytes; /* of the values read */
} cli_rows;

/* Reads what is left of the session's file, from its current chunk on, which
 * has rows. Deinit also after a failure; it borrows from the session. */
wl_status cli_rows_read(cli_rows *rows, cli_session *session,
                        const char *column, wl_error *error);
void cli_rows_deinit(cli_rows *rows);

#endif
