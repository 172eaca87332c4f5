/* output.c: writes rows of answers into a growing text. */
#include <math.h>
#include <stdio.h>

#include "base/number.h"
#include "output.h"

/* ---- text ---------------------------------------------------------------- */

void cli_text_deinit(cli_text *text) {
  wl_free(text->bytes);
  *text = (cli_text){.bytes = NULL};
}

void cli_text_add(cli_text *text, const char *bytes, size_t size) {
  size_t needed;
  void *grown = text->bytes;
  if (text->has_failed || size == 0)
    return;
  if (wl_add_overflows(text->size, size, &needed) ||
      wl_grow(&grown, &text->capacity, needed, 1, NULL) != WL_OK) {
    text->has_failed = true;
    return;
  }
  text->bytes = grown;
  memcpy(text->bytes + text->size, bytes, size);
  text->size = needed;
}

static void add_char(cli_text *text, char c) { cli_text_add(text, &c, 1); }

static void add_terminated(cli_text *text, const char *word) {
  cli_text_add(text, word, strlen(word));
}

void cli_text_add_field(cli_text *text, const char *bytes, size_t size,
                        char delimiter) {
  /* An empty field alone on its line would be an empty line. */
  bool is_quoted = size == 0;
  for (size_t i = 0; i < size && !is_quoted; i++)
    is_quoted = bytes[i] == delimiter || bytes[i] == '"' || bytes[i] == '\n' ||
                bytes[i] == '\r';
  if (!is_quoted) {
    cli_text_add(text, bytes, size);
    return;
  }
  add_char(text, '"');
  while (size > 0) {
    const char *quote = memchr(bytes, '"', size);
    size_t n = quote != NULL ? (size_t)(quote - bytes) + 1 : size;
    cli_text_add(text, bytes, n);
    if (quote != NULL)
      add_char(text, '"');
    bytes += n;
    size -= n;
  }
  add_char(text, '"');
}

void cli_text_add_number(cli_text *text, double number, bool is_json) {
  char room[WL_NUMBER_SIZE];
  if (is_json && isnan(number))
    add_terminated(text, "null");
  else if (is_json && isinf(number))
    add_terminated(text, number > 0 ? "1e999" : "-1e999");
  else
    cli_text_add(text, room, wl_print_double(number, room));
}

static void add_integer(cli_text *text, int64_t number) {
  char room[32];
  int size = snprintf(room, sizeof room, "%lld", (long long)number);
  cli_text_add(text, room, (size_t)size);
}

/* ---- outputs ------------------------------------------------------------- */

/* "proba_spam": the output and the class, or the column's number. */
static wl_status name_column(cli_name *name, const wl_output_info *info,
                             size_t column, const cli_name *class_name,
                             wl_error *error) {
  cli_text text = {.bytes = NULL};
  add_terminated(&text, info->name);
  add_char(&text, '_');
  if (class_name != NULL)
    cli_text_add(&text, class_name->text, class_name->size);
  else
    add_integer(&text, (int64_t)column);
  wl_status status = text.has_failed
                         ? wl_fail_memory(error, text.size)
                         : cli_name_init(name, text.bytes, text.size, error);
  cli_text_deinit(&text);
  return status;
}

wl_status cli_output_init(cli_output *output, size_t number,
                          const wl_output_info *info,
                          const cli_metadata *metadata, wl_error *error) {
  *output = (cli_output){.number = number, .info = *info};
  bool is_label = strcmp(info->name, "label") == 0;
  bool is_by_class = metadata->n_classes == info->n_columns &&
                     (is_label || strcmp(info->name, "proba") == 0 ||
                      strcmp(info->name, "log_proba") == 0 ||
                      strcmp(info->name, "decision") == 0);
  bool is_single =
      info->is_sparse || (info->n_columns == 1 && !metadata->is_multilabel);
  output->has_labels = is_label && info->n_columns == 1 &&
                       metadata->n_classes > 0 && !metadata->is_multilabel;
  if (info->n_columns > SIZE_MAX / sizeof *output->names)
    return wl_fail_memory(error, SIZE_MAX);
  size_t n_names = is_single ? 1 : (size_t)info->n_columns;
  output->names = wl_calloc(n_names, sizeof *output->names);
  if (output->names == NULL)
    return wl_fail_memory(error, n_names * sizeof *output->names);
  output->n_names = n_names;
  if (is_single)
    return cli_name_init(&output->names[0], info->name, strlen(info->name),
                         error);
  for (size_t c = 0; c < n_names; c++)
    WL_TRY(name_column(&output->names[c], info, c,
                       is_by_class ? &metadata->classes[c] : NULL, error));
  return WL_OK;
}

void cli_output_deinit(cli_output *output) {
  for (size_t c = 0; c < output->n_names; c++)
    cli_name_deinit(&output->names[c]);
  wl_free(output->names);
  wl_free(output->values);
  *output = (cli_output){.number = 0};
}

/* ---- tables -------------------------------------------------------------- */

void cli_write_header(cli_text *text, const cli_table_out *table) {
  char delimiter = table->format.delimiter;
  if (table->format.is_jsonl)
    return;
  size_t n_written = 0;
  for (size_t o = 0; o < table->n_outputs; o++) {
    const cli_output *output = &table->outputs[o];
    for (size_t c = 0; c < output->n_names; c++) {
      if (n_written++ > 0)
        add_char(text, delimiter);
      cli_text_add_field(text, output->names[c].text, output->names[c].size,
                         delimiter);
    }
  }
  if (table->stages != NULL) {
    if (n_written > 0)
      add_char(text, delimiter);
    add_terminated(text, "stage");
  }
  add_char(text, '\n');
}

static wl_status add_value(cli_text *text, const cli_table_out *table,
                           const cli_output *output, size_t at,
                           wl_error *error) {
  bool is_json = table->format.is_jsonl;
  if (output->info.dtype == WL_F64) {
    cli_text_add_number(text, ((const double *)output->values)[at], is_json);
    return WL_OK;
  }
  if (output->info.dtype == WL_F32) {
    cli_text_add_number(text, (double)((const float *)output->values)[at],
                        is_json);
    return WL_OK;
  }
  int64_t number = ((const int64_t *)output->values)[at];
  if (!output->has_labels) {
    add_integer(text, number);
    return WL_OK;
  }
  if (number < 0 || (uint64_t)number >= table->metadata->n_classes)
    return wl_fail(error, WL_ERROR_ARTIFACT,
                   "the model answered class number %lld, but its metadata "
                   "names %zu classes",
                   (long long)number, table->metadata->n_classes);
  const cli_name *class_name = &table->metadata->classes[number];
  if (is_json)
    add_terminated(text, class_name->json);
  else
    cli_text_add_field(text, class_name->text, class_name->size,
                       table->format.delimiter);
  return WL_OK;
}

/* {"indices": [...], "values": [...]} */
static void add_sparse_row(cli_text *text, const wl_result *result,
                           size_t row) {
  int64_t begin = result->indptr[row], end = result->indptr[row + 1];
  add_terminated(text, "{\"indices\": [");
  for (int64_t i = begin; i < end; i++) {
    if (i > begin)
      add_terminated(text, ", ");
    add_integer(text, result->indices[i]);
  }
  add_terminated(text, "], \"values\": [");
  for (int64_t i = begin; i < end; i++) {
    if (i > begin)
      add_terminated(text, ", ");
    if (result->dtype == WL_I64)
      add_integer(text, ((const int64_t *)result->values)[i]);
    else
      cli_text_add_number(text, ((const double *)result->values)[i], true);
  }
  add_terminated(text, "]}");
}

/* What stands between two values: a delimiter, or a JSON key. */
static void begin_value(cli_text *text, const cli_table_out *table,
                        const char *key, size_t n_written) {
  if (!table->format.is_jsonl) {
    if (n_written > 0)
      add_char(text, table->format.delimiter);
    return;
  }
  add_terminated(text, n_written > 0 ? ", " : "{");
  add_terminated(text, key);
  add_terminated(text, ": ");
}

wl_status cli_write_rows(cli_text *text, const cli_table_out *table,
                         size_t n_rows, wl_error *error) {
  for (size_t row = 0; row < n_rows; row++) {
    size_t n_written = 0;
    for (size_t o = 0; o < table->n_outputs; o++) {
      const cli_output *output = &table->outputs[o];
      for (size_t c = 0; c < output->n_names; c++) {
        begin_value(text, table, output->names[c].json, n_written++);
        if (output->info.is_sparse)
          add_sparse_row(text, &output->result, row);
        else
          WL_TRY(
              add_value(text, table, output, row * output->n_names + c, error));
      }
    }
    if (table->stages != NULL) {
      begin_value(text, table, "\"stage\"", n_written++);
      add_integer(text, table->stages[row]);
    }
    add_terminated(text, table->format.is_jsonl ? "}\n" : "\n");
  }
  return text->has_failed ? wl_fail_memory(error, text->size) : WL_OK;
}
