/*
 * sink.h: where the program writes: the standard output, or a file that appears
 * under its name only when it is complete.
 */
#ifndef WL_CLI_SINK_H
#define WL_CLI_SINK_H

#include "willump/willump.h"

typedef struct cli_sink {
  int descriptor;
  bool owns_descriptor;
  char *path;      /* of the file to be; owned, NULL when written to directly */
  char *temporary; /* owned */
} cli_sink;

/* path: NULL or "-" for the standard output. What is no regular file (a pipe, a
 * device) is written to directly. Discard after a failure of anything. */
wl_status cli_sink_open(cli_sink *sink, const char *path, wl_error *error);
wl_status cli_sink_write(cli_sink *sink, const char *bytes, size_t size,
                         wl_error *error);
/* Syncs and renames; the sink is closed. */
wl_status cli_sink_commit(cli_sink *sink, wl_error *error);
/* Removes the temporary file. Harmless after a commit. */
void cli_sink_discard(cli_sink *sink);

#endif
