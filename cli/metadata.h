/*
 * metadata.h: what the program reads from a model's metadata (docs/graph.md):
 * the classes' names and the training columns' names.
 */
#ifndef WL_CLI_METADATA_H
#define WL_CLI_METADATA_H

#include <stdio.h>

#include <jansson.h>

#include "willump/willump.h"

/* A class or a column's name as it is written into either format. */
typedef struct cli_name {
  char *text; /* as in CSV; may hold NUL; owned */
  size_t size;
  char *json; /* a JSON value, terminated; owned */
} cli_name;

void cli_name_deinit(cli_name *name);

typedef struct cli_metadata {
  json_t *root;      /* the object; owned */
  cli_name *classes; /* NULL when there are none; owned */
  size_t n_classes;
  bool is_multilabel; /* labels are a 0 or 1 for every class */
} cli_metadata;

/* text: a JSON object. Deinit also after a failure. */
wl_status cli_metadata_init(cli_metadata *metadata, const char *text,
                            wl_error *error);
void cli_metadata_deinit(cli_metadata *metadata);

/* Refuses a model that was fitted on categories of a frame, whose columns it
 * reads as codes: only Python puts codes in place of values. */
wl_status cli_metadata_check_categories(const cli_metadata *metadata,
                                        wl_error *error);

/* A name that is a string; json is it quoted. Deinit also after a failure. */
wl_status cli_name_init(cli_name *name, const char *text, size_t size,
                        wl_error *error);

/* Prints a value of the metadata, indented; numbers with the fewest digits that
 * read back. */
wl_status cli_json_print(FILE *to, const json_t *value, wl_error *error);

/* The training column names: NULL when they are not n_names strings. */
const json_t *cli_metadata_feature_names(const cli_metadata *metadata,
                                         size_t n_names);

#endif
