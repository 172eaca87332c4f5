/*
 * output.h: a model's answers as text: CSV or an object a line.
 */
#ifndef WL_CLI_OUTPUT_H
#define WL_CLI_OUTPUT_H

#include "input.h"

/* Growing text. Once memory has run out additions do nothing and has_failed
 * stays set, so that it is looked at once a chunk. */
typedef struct cli_text {
  char *bytes; /* owned */
  size_t size, capacity;
  bool has_failed;
} cli_text;

void cli_text_deinit(cli_text *text);
void cli_text_add(cli_text *text, const char *bytes, size_t size);
/* A CSV field, quoted where it must be. */
void cli_text_add_field(cli_text *text, const char *bytes, size_t size,
                        char delimiter);
/* The text that reads back to the same double. JSON has no number that is not
 * finite: there NaN is null, and infinity is a number that overflows to it. */
void cli_text_add_number(cli_text *text, double number, bool is_json);

/* One output of the model and its values for some rows. */
typedef struct cli_output {
  size_t number; /* the model's number of it */
  wl_output_info info;
  bool has_labels; /* its values are positions in the classes */
  cli_name *names; /* of the columns, one for a sparse output; owned */
  size_t n_names;
  void *values;     /* dense: n_rows x n_columns, as wl_model_predict says */
  wl_result result; /* sparse; borrowed */
} cli_output;

/* Names the columns; values is left to the caller. Deinit also after a
 * failure. */
wl_status cli_output_init(cli_output *output, size_t number,
                          const wl_output_info *info,
                          const cli_metadata *metadata, wl_error *error);
/* values is freed too. */
void cli_output_deinit(cli_output *output);

typedef struct cli_table_out {
  cli_format format;
  const cli_metadata *metadata;
  const cli_output *outputs;
  size_t n_outputs;
  const uint8_t *stages; /* NULL: no such column */
} cli_table_out;

/* The CSV header; nothing for JSON. */
void cli_write_header(cli_text *text, const cli_table_out *table);
wl_status cli_write_rows(cli_text *text, const cli_table_out *table,
                         size_t n_rows, wl_error *error);

#endif
