/*
 * lightgbm.c: LightGBM's model text: lines `name=value`, first of the model,
 * then of each tree behind a line `Tree=N`, until `end of trees`.
 */
#include "import/lightgbm.h"

/* `Tree=N`: N counts from 0. */
static wl_status begin_tree(wl_lgb_reader *reader, wl_string line) {
  int64_t number;
  if (!wl_lgb_parse_integer((wl_string){line.data + 5, line.size - 5},
                            &number) ||
      number != (int64_t)reader->n_trees)
    return wl_fail(reader->error, WL_ERROR_VALUE,
                   "LightGBM model, line %zu: '%.*s' is not Tree=%zu",
                   reader->line, line.size < 40 ? (int)line.size : 40,
                   line.data, reader->n_trees);
  reader->n_trees++;
  return WL_OK;
}

static wl_status end_model(wl_lgb_reader *reader) {
  wl_tree_model *model = reader->model;
  const wl_lgb_field *sizes = &reader->header[WL_LGB_TREE_SIZES];
  wl_string rest = sizes->value, word;
  size_t n_sizes = 0;
  int64_t size;
  for (; rest.data != NULL && wl_lgb_next_word(&rest, &word); n_sizes++)
    if (!wl_lgb_parse_integer(word, &size) || size < 0)
      return wl_lgb_fail_field(reader, sizes, "tree_sizes",
                               "has a value that is no number of bytes");
  if (sizes->value.data != NULL && n_sizes != reader->n_trees)
    return wl_lgb_fail_count(reader, sizes, "tree_sizes", n_sizes,
                             reader->n_trees);
  if (reader->n_trees % model->n_outputs != 0)
    return wl_fail(reader->error, WL_ERROR_VALUE,
                   "LightGBM model, line %zu: %zu trees are not a multiple of "
                   "num_tree_per_iteration=%zu",
                   reader->line, reader->n_trees, model->n_outputs);
  model->n_iterations = reader->n_trees / model->n_outputs;
  return WL_OK;
}

/* Whether a list of lists, or null, holds any value. */
static bool holds_values(wl_string json) {
  while (json.size > 0 && strchr(" \t", json.data[json.size - 1]) != NULL)
    json.size--;
  while (json.size > 0 && strchr("[], \t", *json.data) != NULL) {
    json.data++;
    json.size--;
  }
  return json.size > 0 && !wl_string_is(json, "null");
}

/* Behind the trees and parameters: the categories of a frame's columns, in the
 * order of their codes. */
static void read_categories(wl_lgb_reader *reader) {
  static const char name[] = "pandas_categorical:";
  wl_string line;
  while (wl_lgb_next_line(reader, &line)) {
    while (line.size > 0 && (*line.data == ' ' || *line.data == '\t')) {
      line.data++;
      line.size--;
    }
    size_t skipped = sizeof name - 1;
    if (wl_lgb_begins(line, name) &&
        holds_values((wl_string){line.data + skipped, line.size - skipped}))
      reader->model->categories = "pandas_categorical";
  }
}

static wl_status read_lines(wl_lgb_reader *reader) {
  wl_string line;
  while (wl_lgb_next_line(reader, &line)) {
    bool is_tree = wl_lgb_begins(line, "Tree=");
    if (is_tree || wl_string_is(line, "end of trees")) {
      WL_TRY(reader->n_trees == 0 ? wl_lgb_end_header(reader)
                                  : wl_lgb_end_tree(reader));
      if (!is_tree) {
        read_categories(reader);
        return end_model(reader);
      }
      WL_TRY(begin_tree(reader, line));
    } else if (reader->n_trees == 0) {
      WL_TRY(wl_lgb_keep_field(reader, line, wl_lgb_header_names,
                               reader->header, WL_LGB_HEADER_COUNT));
    } else {
      if (line.size > 0 && memchr(line.data, '=', line.size) == NULL)
        return wl_fail(
            reader->error, WL_ERROR_VALUE,
            "LightGBM model, line %zu: '%.*s' is neither name=value nor "
            "'end of trees'",
            reader->line, line.size < 40 ? (int)line.size : 40, line.data);
      WL_TRY(wl_lgb_keep_field(reader, line, wl_lgb_tree_names, reader->tree,
                               WL_LGB_TREE_COUNT));
    }
  }
  return wl_fail(reader->error, WL_ERROR_VALUE,
                 "LightGBM model: it ends after line %zu without 'end of "
                 "trees'",
                 reader->line);
}

wl_status wl_read_lightgbm(const char *bytes, size_t size, wl_tree_model *model,
                           wl_error *error) {
  wl_lgb_reader *reader = wl_calloc(1, sizeof *reader);
  if (reader == NULL)
    return wl_fail_memory(error, sizeof *reader);
  reader->at = bytes;
  reader->end = bytes + size;
  reader->model = model;
  reader->error = error;
  model->library = "lightgbm";
  wl_status status = read_lines(reader);
  wl_lgb_free_arrays(&reader->arrays);
  wl_free(reader);
  return status;
}
