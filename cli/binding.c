/*
 * binding.c: which columns of a file are which inputs of a model. A name
 * decides, or a position; else there must be only one column, or only one of
 * text in the first chunk.
 */
#include <stdio.h>

#include "data/field.h"
#include "input.h"

/* The table's columns, for a message: "a", "b", "c"; cut when many. */
static const char *list_columns(const wl_table *table, char room[512]) {
  size_t at = (size_t)snprintf(room, 512, "%s",
                               table->n_columns == 0 ? "no columns" : "");
  for (size_t c = 0; c < table->n_columns; c++) {
    char name[WL_QUOTE_SIZE];
    wl_quote_text(name, table->names[c].data, table->names[c].size);
    if (at + strlen(name) + 8 > 512) {
      memcpy(room + at, ", ...", 6);
      break;
    }
    at +=
        (size_t)snprintf(room + at, 512 - at, "%s%s", at > 0 ? ", " : "", name);
  }
  return room;
}

static wl_status find_named(const wl_table *table, const char *name,
                            size_t *column, wl_error *error) {
  char columns[512];
  size_t n_found = wl_table_find(table, name, strlen(name), column);
  if (n_found == 1)
    return WL_OK;
  if (n_found > 1)
    return wl_fail(error, WL_ERROR_VALUE,
                   "the file has %zu columns named \"%s\": rename all but one",
                   n_found, name);
  return wl_fail(error, WL_ERROR_VALUE,
                 "the file has no column \"%s\"; it has %s", name,
                 list_columns(table, columns));
}

/* Whether a column of the first chunk holds text: in JSON as the first record
 * says, in CSV where a field is neither empty nor a number. */
static wl_status holds_text(const wl_table *table, size_t column, bool *is_text,
                            wl_error *error) {
  const wl_cell *cells = table->cells + column * table->max_rows;
  *is_text = table->n_rows > 0 && cells[0].kind == WL_CELL_STRING;
  for (size_t row = 0; row < table->n_rows && !*is_text; row++) {
    double number;
    bool out_of_memory = false;
    if (cells[row].kind != WL_CELL_TEXT && cells[row].kind != WL_CELL_QUOTED)
      continue;
    *is_text = !wl_number_parse(cells[row].text.data, cells[row].text.size,
                                &number, &out_of_memory);
    if (out_of_memory)
      return wl_fail_memory(error, cells[row].text.size);
  }
  return WL_OK;
}

static wl_status find_only_text(const wl_table *table, size_t *column,
                                wl_error *error) {
  size_t n_found = 0;
  char columns[512];
  for (size_t c = 0; c < table->n_columns; c++) {
    bool is_text;
    WL_TRY(holds_text(table, c, &is_text, error));
    if (is_text && n_found++ == 0)
      *column = c;
  }
  if (n_found == 1)
    return WL_OK;
  if (table->n_columns == 0)
    return wl_fail(error, WL_ERROR_VALUE, "the file has no columns");
  return wl_fail(error, WL_ERROR_VALUE,
                 "the file has several columns%s: pass --column with one of %s",
                 n_found > 1 ? " of text" : ", none of them text",
                 list_columns(table, columns));
}

/* An input that the command line or the file itself may decide. */
static wl_status find_only(const wl_table *table, const wl_input_info *info,
                           const char *asked, size_t *column, wl_error *error) {
  char columns[512];
  if (asked != NULL)
    return find_named(table, asked, column, error);
  if (info->name[0] != '\0' &&
      wl_table_find(table, info->name, strlen(info->name), column) != 0)
    return find_named(table, info->name, column, error);
  *column = 0;
  if (table->n_columns == 1)
    return WL_OK;
  if (table->n_columns > 1 && info->name[0] != '\0')
    return wl_fail(error, WL_ERROR_VALUE,
                   "the file has no column \"%s\", on which the model was "
                   "trained: pass --column with one of %s",
                   info->name, list_columns(table, columns));
  if (table->n_columns > 1 && !cli_is_text(info))
    return wl_fail(error, WL_ERROR_VALUE,
                   "the file has several columns: pass --column with one of %s",
                   list_columns(table, columns));
  return find_only_text(table, column, error);
}

static wl_status find_one_of_many(const wl_table *table,
                                  const wl_input_info *info, size_t *column,
                                  wl_error *error) {
  if (info->name[0] != '\0')
    return find_named(table, info->name, column, error);
  if (info->position < 0)
    return wl_fail(error, WL_ERROR_UNSUPPORTED,
                   "the model has several inputs and one without a name; run "
                   "it from Python");
  if ((uint64_t)info->position >= table->n_columns)
    return wl_fail(error, WL_ERROR_VALUE,
                   "the model takes the file's column number %lld, but the "
                   "file has only %zu",
                   (long long)info->position + 1, table->n_columns);
  *column = (size_t)info->position;
  return WL_OK;
}

/* All columns of a matrix: by their recorded names, or all of the file's. */
static wl_status find_matrix(const wl_table *table, const wl_input_info *info,
                             const cli_metadata *metadata, size_t *columns,
                             wl_error *error) {
  size_t n = (size_t)info->n_features;
  const json_t *names = cli_metadata_feature_names(metadata, n);
  if (names == NULL && table->n_columns != n)
    return wl_fail(error, WL_ERROR_VALUE,
                   "the model takes a matrix of %zu columns, but the file has "
                   "%zu",
                   n, table->n_columns);
  for (size_t c = 0; c < n; c++) {
    columns[c] = c;
    if (names != NULL)
      WL_TRY(find_named(table, json_string_value(json_array_get(names, c)),
                        &columns[c], error));
  }
  return WL_OK;
}

static wl_status binding_allocate(cli_binding *binding, const wl_table *table,
                                  wl_error *error) {
  const wl_input_info *info = &binding->info;
  uint64_t n = info->kind == WL_INPUT_MATRIX ? info->n_features : 1;
  size_t element = cli_is_text(info) ? sizeof(wl_string) : sizeof(double);
  size_t n_values, size;
  if (n > SIZE_MAX / sizeof *binding->columns ||
      wl_mul_overflows((size_t)n, table->max_rows, &n_values) ||
      wl_mul_overflows(n_values, element, &size))
    return wl_fail_memory(error, SIZE_MAX);
  binding->columns = wl_calloc((size_t)n, sizeof *binding->columns);
  if (binding->columns == NULL)
    return wl_fail_memory(error, (size_t)n * sizeof *binding->columns);
  binding->n_columns = (size_t)n;
  binding->values = wl_alloc(size);
  if (binding->values == NULL)
    return wl_fail_memory(error, size);
  return WL_OK;
}

/* All are one column of the caller's: the model has one input to people. */
static bool are_one(const wl_input_info *infos, size_t n_inputs) {
  for (size_t i = 1; i < n_inputs; i++)
    if (infos[i].position != infos[0].position ||
        strcmp(infos[i].name, infos[0].name) != 0)
      return false;
  return n_inputs > 0 && infos[0].kind != WL_INPUT_MATRIX;
}

static bool holds_name(const json_t *names, const wl_string *name) {
  for (size_t i = 0; i < json_array_size(names); i++) {
    const json_t *one = json_array_get(names, i);
    if (json_is_string(one) && json_string_length(one) == name->size &&
        memcmp(json_string_value(one), name->data, name->size) == 0)
      return true;
  }
  return false;
}

/* A function that asks which columns there are answers for those of the sample
 * alone: every one of `all_columns` and no other, in any order; none of
 * `absent`, each of `present`. */
static wl_status check_asked(const cli_metadata *metadata,
                             const wl_table *table, wl_error *error) {
  const json_t *function = json_object_get(metadata->root, "function");
  const json_t *all = json_object_get(function, "all_columns");
  const json_t *absent = json_object_get(function, "absent");
  const char *const needed[] = {"all_columns", "present"};
  for (size_t c = 0; c < table->n_columns; c++) {
    char name[WL_QUOTE_SIZE];
    const wl_string *own = &table->names[c];
    if (holds_name(absent, own) ||
        (json_is_array(all) && !holds_name(all, own)))
      return wl_fail(
          error, WL_ERROR_VALUE,
          "the file has a column %s, and the function asks which columns there "
          "are: it was compiled without this one",
          wl_quote_text(name, own->data, own->size));
  }
  for (size_t k = 0; k < WL_COUNT_OF(needed); k++) {
    const json_t *names = json_object_get(function, needed[k]);
    for (size_t i = 0; i < json_array_size(names); i++) {
      size_t column;
      const json_t *name = json_array_get(names, i);
      if (json_is_string(name))
        WL_TRY(find_named(table, json_string_value(name), &column, error));
    }
  }
  return WL_OK;
}

/* The dtype that a function's column had. */
static wl_status find_dtype(const cli_metadata *metadata, cli_binding *binding,
                            wl_error *error) {
  const char *name = binding->info.name;
  const json_t *function = json_object_get(metadata->root, "function");
  const json_t *dtype =
      json_object_get(json_object_get(function, "columns"), name);
  if (binding->info.kind == WL_INPUT_MATRIX || cli_is_text(&binding->info) ||
      !json_is_string(dtype))
    return WL_OK;
  return cli_dtype_init(&binding->dtype, json_string_value(dtype), name, error);
}

wl_status cli_inputs_init(cli_inputs *inputs, const wl_input_info *infos,
                          size_t n_inputs, const cli_metadata *metadata,
                          const wl_table *table, const char *column,
                          wl_error *error) {
  bool is_one = are_one(infos, n_inputs);
  *inputs = (cli_inputs){.n_inputs = 0};
  if (column != NULL && !is_one)
    return wl_fail(error, WL_ERROR_VALUE,
                   "--column is for models with one input column; this one "
                   "takes its columns by the names that it was trained on");
  inputs->bindings = wl_calloc(n_inputs, sizeof *inputs->bindings);
  inputs->inputs = wl_calloc(n_inputs, sizeof *inputs->inputs);
  if (inputs->bindings == NULL || inputs->inputs == NULL)
    return wl_fail_memory(error, n_inputs * sizeof *inputs->bindings);
  inputs->n_inputs = n_inputs;
  WL_TRY(check_asked(metadata, table, error));
  for (size_t i = 0; i < n_inputs; i++) {
    cli_binding *binding = &inputs->bindings[i];
    binding->info = infos[i];
    WL_TRY(find_dtype(metadata, binding, error));
    WL_TRY(binding_allocate(binding, table, error));
    if (infos[i].kind == WL_INPUT_MATRIX)
      WL_TRY(find_matrix(table, &infos[i], metadata, binding->columns, error));
    else if (is_one)
      WL_TRY(find_only(table, &infos[i], column, binding->columns, error));
    else
      WL_TRY(find_one_of_many(table, &infos[i], binding->columns, error));
  }
  return WL_OK;
}

void cli_inputs_deinit(cli_inputs *inputs) {
  for (size_t i = 0; i < inputs->n_inputs; i++) {
    wl_free(inputs->bindings[i].columns);
    wl_free(inputs->bindings[i].values);
  }
  wl_free(inputs->bindings);
  wl_free(inputs->inputs);
  *inputs = (cli_inputs){.n_inputs = 0};
}

/* Models take no missing text; here the line is known. */
static wl_status check_present(const wl_table *table, size_t column,
                               const wl_string *texts, wl_error *error) {
  char name[WL_QUOTE_SIZE];
  for (size_t row = 0; row < table->n_rows; row++)
    if (texts[row].data == NULL)
      return wl_fail(error, WL_ERROR_VALUE,
                     "line %llu: column %s is null or not there, but the "
                     "model wants text",
                     (unsigned long long)table->lines[row],
                     wl_quote_text(name, table->names[column].data,
                                   table->names[column].size));
  return WL_OK;
}

static wl_status fill_text(const cli_binding *binding, const wl_table *table,
                           wl_error *error) {
  size_t column = binding->columns[0];
  if (binding->info.kind == WL_INPUT_CATEGORY)
    return wl_table_categories(table, column, binding->values, error);
  WL_TRY(wl_table_strings(table, column, binding->values, error));
  return check_present(table, column, binding->values, error);
}

wl_status cli_inputs_fill(cli_inputs *inputs, const wl_table *table,
                          wl_error *error) {
  for (size_t i = 0; i < inputs->n_inputs; i++) {
    const cli_binding *binding = &inputs->bindings[i];
    size_t n = binding->n_columns;
    wl_input *input = &inputs->inputs[i];
    if (cli_is_text(&binding->info)) {
      WL_TRY(fill_text(binding, table, error));
      *input = (wl_input){.layout = WL_LAYOUT_STRINGS,
                          .dtype = WL_STRING,
                          .n_columns = 1,
                          .strings = binding->values};
      continue;
    }
    double *values = binding->values;
    for (size_t c = 0; c < n; c++)
      WL_TRY(cli_typed_numbers(table, binding->columns[c], &binding->dtype,
                               values + c, n, error));
    *input = (wl_input){.layout = WL_LAYOUT_STRIDED,
                        .dtype = WL_F64,
                        .n_columns = n,
                        .values = values,
                        .row_stride = (int64_t)(n * sizeof(double)),
                        .column_stride = sizeof(double)};
  }
  return WL_OK;
}
