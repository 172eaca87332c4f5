/* input.c: opens a file of rows and reads it by chunks. */
#include <stdio.h>
#include <strings.h>
#include <unistd.h>

#include "input.h"

static bool has_ending(const char *path, const char *ending) {
  size_t size = strlen(path), n = strlen(ending);
  return size >= n && strcasecmp(path + size - n, ending) == 0;
}

cli_format cli_format_choose(const char *name, const char *path,
                             cli_format otherwise) {
  cli_format format = otherwise;
  if (path == NULL)
    path = "";
  if (has_ending(path, ".csv"))
    format = (cli_format){false, ','};
  else if (has_ending(path, ".tsv"))
    format = (cli_format){false, '\t'};
  else if (has_ending(path, ".jsonl") || has_ending(path, ".ndjson") ||
           has_ending(path, ".json"))
    format = (cli_format){true, ','};
  if (name != NULL)
    format.is_jsonl = strcmp(name, "jsonl") == 0;
  return format;
}

wl_status cli_reader_fail(const cli_reader *reader, wl_status status,
                          wl_error *error) {
  return wl_fail_file(error, status, reader->path);
}

wl_status cli_reader_open(cli_reader *reader, const char *path,
                          cli_format format, wl_error *error) {
  bool is_standard = strcmp(path, "-") == 0;
  *reader = (cli_reader){.path = is_standard ? "standard input" : path,
                         .descriptor = STDIN_FILENO};
  if (!is_standard) {
    WL_TRY(wl_source_open_path(path, &reader->descriptor, error));
    reader->owns_descriptor = true;
  }
  wl_source source = wl_source_from_descriptor(reader->descriptor);
  wl_status status;
  if (format.is_jsonl) {
    status = wl_jsonl_open(source, NULL, &reader->jsonl, error);
    if (status == WL_OK)
      reader->table = wl_jsonl_table(reader->jsonl);
  } else {
    const wl_csv_options options = {.delimiter = format.delimiter};
    status = wl_csv_open(source, &options, &reader->csv, error);
    if (status == WL_OK)
      reader->table = wl_csv_table(reader->csv);
  }
  return cli_reader_fail(reader, status, error);
}

wl_status cli_reader_next(cli_reader *reader, wl_error *error) {
  wl_status status = reader->jsonl != NULL ? wl_jsonl_next(reader->jsonl, error)
                                           : wl_csv_next(reader->csv, error);
  return cli_reader_fail(reader, status, error);
}

void cli_reader_close(cli_reader *reader) {
  wl_csv_close(reader->csv);
  wl_jsonl_close(reader->jsonl);
  if (reader->owns_descriptor)
    close(reader->descriptor);
  *reader = (cli_reader){.descriptor = -1};
}
