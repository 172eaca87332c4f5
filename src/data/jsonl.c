/*
 * jsonl.c: splits the read buffer into lines and hands each to jansson; what it
 * does not take, though Python's json does, as plain JSON that stands for it.
 * The parsed objects are kept for as long as the chunk, since the cells are
 * views of their strings.
 */
#include <jansson.h>

#include "data/jsonl.h"

#include "data/field.h"
#include "data/json_plain.h"

enum { DEFAULT_ROWS = 4096, DEFAULT_BUFFER = 4 << 20 };
static const size_t default_record_size = (size_t)1 << 30;

struct wl_jsonl_reader {
  wl_read_buffer buffer; /* buffer.start: the line's first byte */
  wl_table table;
  size_t max_record_size;

  size_t at;     /* no line end before this */
  uint64_t line; /* of buffer.start, from 1 */
  bool has_ended;

  json_t *record; /* parsed and not yet in a chunk; owned */
  uint64_t record_line;
  json_t **roots; /* the chunk's records, table.n_rows of them; owned */
  json_t *index;  /* name -> column number; owned */
  wl_json_plain plain;
};

static _Thread_local bool has_run_out;

static void *json_allocate(size_t size) {
  void *block = wl_alloc(size);
  if (block == NULL)
    has_run_out = true;
  return block;
}

void wl_jsonl_guard_memory(void) {
  json_set_alloc_funcs(json_allocate, wl_free);
}

static bool is_blank(const char *text, size_t size) {
  for (size_t i = 0; i < size; i++)
    if (text[i] != ' ' && text[i] != '\t' && text[i] != '\r')
      return false;
  return true;
}

static wl_status check_record_size(const wl_jsonl_reader *reader, size_t size,
                                   wl_error *error) {
  if (size <= reader->max_record_size)
    return WL_OK;
  return wl_fail(error, WL_ERROR_VALUE,
                 "line %llu: the record is larger than %zu bytes; JSON lines "
                 "have one object a line",
                 (unsigned long long)reader->line, reader->max_record_size);
}

/* *record is NULL where the text is no JSON; `problem` says why. */
static wl_status load(const char *text, size_t size, size_t flags,
                      json_t **record, json_error_t *problem, wl_error *error) {
  has_run_out = false;
  problem->text[0] = '\0';
  *record = json_loadb(text, size,
                       JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL |
                           JSON_DECODE_ANY | flags,
                       problem);
  if (!has_run_out && (*record != NULL || problem->text[0] != '\0'))
    return WL_OK;
  json_decref(*record);
  *record = NULL;
  return wl_fail_memory(error, size);
}

/* Undoes the escapes in the cells of a record that came from a plain line. */
static wl_status restore(json_t *record, wl_error *error) {
  json_t *value;
  const char *key;
  json_object_foreach(record, key, value) {
    if (json_is_string(value))
      WL_TRY(wl_json_restore(value, error));
  }
  return WL_OK;
}

/* A line that jansson did not take, as plain JSON: a record where that is other
 * than the line and is taken. */
static wl_status load_plain(wl_jsonl_reader *reader, const char *text,
                            size_t size, json_t **record, json_error_t *problem,
                            wl_error *error) {
  wl_json_plain *plain = &reader->plain;
  WL_TRY(wl_json_plain_make(plain, text, size, error));
  if (!plain->is_other)
    return WL_OK;
  WL_TRY(load(plain->bytes, plain->size, 0, record, problem, error));
  if (*record == NULL && problem->position > 0)
    problem->position =
        (int)wl_json_plain_origin(text, size, (size_t)problem->position);
  wl_status status = restore(*record, error);
  if (status != WL_OK) {
    json_decref(*record);
    *record = NULL;
  }
  return status;
}

static wl_status parse_line(wl_jsonl_reader *reader, const char *text,
                            size_t size, wl_error *error) {
  json_error_t problem;
  json_t *record;
  WL_TRY(check_record_size(reader, size, error));
  WL_TRY(load(text, size, JSON_DECODE_INT_AS_REAL, &record, &problem, error));
  if (record == NULL)
    WL_TRY(load_plain(reader, text, size, &record, &problem, error));
  if (record == NULL)
    return wl_fail(error, WL_ERROR_VALUE, "line %llu, byte %d: not JSON: %s",
                   (unsigned long long)reader->line, problem.position,
                   problem.text);
  if (!json_is_object(record)) {
    json_decref(record);
    return wl_fail(error, WL_ERROR_VALUE,
                   "line %llu: a JSON object is needed on every line, such as "
                   "{\"text\": \"...\"}",
                   (unsigned long long)reader->line);
  }
  reader->record = record;
  reader->record_line = reader->line;
  return WL_OK;
}

/*
 * Parses the next line that is not blank into `record`. Without may_fill it
 * stops where it would have to read. At the end of the input has_ended is set
 * and there may be no record.
 */
static wl_status next_record(wl_jsonl_reader *reader, bool may_fill,
                             wl_error *error) {
  wl_read_buffer *buffer = &reader->buffer;
  while (reader->record == NULL && !reader->has_ended) {
    const char *begin = buffer->bytes + buffer->start;
    const char *from = buffer->bytes + reader->at;
    const char *end = memchr(from, '\n', buffer->size - reader->at);
    if (end == NULL && !buffer->is_at_end) {
      reader->at = buffer->size;
      if (!may_fill)
        return WL_OK;
      WL_TRY(check_record_size(reader, buffer->size - buffer->start, error));
      size_t shift;
      WL_TRY(wl_read_buffer_fill(buffer, &shift, error));
      reader->at -= shift;
      continue;
    }
    reader->has_ended = end == NULL;
    if (end == NULL)
      end = buffer->bytes + buffer->size;
    size_t size = (size_t)(end - begin);
    if (!is_blank(begin, size))
      WL_TRY(parse_line(reader, begin, size, error));
    buffer->start += size + !reader->has_ended;
    reader->at = buffer->start;
    reader->line++;
  }
  return WL_OK;
}

static wl_cell cell_of(const json_t *value) {
  switch (json_typeof(value)) {
  case JSON_STRING:
    return (wl_cell){
        .kind = WL_CELL_STRING,
        .text = {json_string_value(value), json_string_length(value)}};
  case JSON_INTEGER: /* of a plain line */
    return (wl_cell){.kind = WL_CELL_NUMBER,
                     .number = wl_json_special(json_integer_value(value))};
  case JSON_REAL:
    return (wl_cell){.kind = WL_CELL_NUMBER,
                     .number = json_number_value(value)};
  case JSON_TRUE:
  case JSON_FALSE:
    return (wl_cell){.kind = WL_CELL_BOOL, .number = json_is_true(value)};
  case JSON_OBJECT:
  case JSON_ARRAY:
    return (wl_cell){.kind = WL_CELL_NESTED};
  case JSON_NULL:
    break;
  }
  return (wl_cell){.kind = WL_CELL_MISSING};
}

/* The key's column, or n_columns. Records mostly have their keys in the same
 * order, so `guess`, the next one, comes before the index. */
static size_t column_of(const wl_jsonl_reader *reader, const char *key,
                        size_t guess) {
  const wl_table *table = &reader->table;
  if (guess < table->n_columns && strcmp(table->names[guess].data, key) == 0)
    return guess;
  const json_t *number = json_object_get(reader->index, key);
  return number != NULL ? (size_t)json_integer_value(number) : table->n_columns;
}

static void store_record(wl_jsonl_reader *reader) {
  wl_table *table = &reader->table;
  size_t row = table->n_rows++;
  for (size_t c = 0; c < table->n_columns; c++)
    table->cells[c * table->max_rows + row] =
        (wl_cell){.kind = WL_CELL_MISSING};
  size_t column = 0;
  for (void *i = json_object_iter(reader->record); i != NULL;
       i = json_object_iter_next(reader->record, i)) {
    column = column_of(reader, json_object_iter_key(i), column);
    if (column < table->n_columns) {
      table->cells[column * table->max_rows + row] =
          cell_of(json_object_iter_value(i));
      column++;
    }
  }
  table->lines[row] = reader->record_line;
  reader->roots[row] = reader->record;
  reader->record = NULL;
}

static void release_rows(wl_jsonl_reader *reader) {
  for (size_t row = 0; row < reader->table.n_rows; row++)
    json_decref(reader->roots[row]);
  reader->table.n_rows = 0;
}

wl_status wl_jsonl_next(wl_jsonl_reader *reader, wl_error *error) {
  wl_table *table = &reader->table;
  table->first_record += table->n_rows;
  release_rows(reader);
  while (table->n_rows < table->max_rows) {
    WL_TRY(next_record(reader, table->n_rows == 0, error));
    if (reader->record == NULL)
      break;
    store_record(reader);
  }
  return WL_OK;
}

const wl_table *wl_jsonl_table(const wl_jsonl_reader *reader) {
  return &reader->table;
}

static wl_status skip_byte_order_mark(wl_jsonl_reader *reader,
                                      wl_error *error) {
  wl_read_buffer *buffer = &reader->buffer;
  size_t shift;
  while (buffer->size < 3 && !buffer->is_at_end)
    WL_TRY(wl_read_buffer_fill(buffer, &shift, error));
  if (buffer->size >= 3 && memcmp(buffer->bytes, "\xEF\xBB\xBF", 3) == 0)
    reader->at = buffer->start = 3;
  return WL_OK;
}

static wl_status make_columns(wl_jsonl_reader *reader, size_t max_rows,
                              wl_error *error) {
  json_t *first = reader->record; /* NULL: an empty input */
  size_t n_columns = json_object_size(first), c = 0;
  wl_string *names = wl_calloc(n_columns, sizeof *names);
  reader->index = json_object();
  if (names == NULL || reader->index == NULL) {
    wl_free(names);
    return wl_fail_memory(error, n_columns * sizeof *names);
  }
  wl_status status = WL_OK;
  for (void *i = json_object_iter(first); i != NULL && status == WL_OK;
       i = json_object_iter_next(first, i)) {
    const char *key = json_object_iter_key(i);
    names[c] = (wl_string){key, strlen(key)};
    if (json_object_set_new_nocheck(reader->index, key,
                                    json_integer((json_int_t)c)) != 0)
      status = wl_fail_memory(error, names[c].size);
    c++;
  }
  if (status == WL_OK)
    status = wl_table_init(&reader->table, names, n_columns, max_rows, error);
  wl_free(names);
  WL_TRY(status);
  reader->roots = wl_calloc(reader->table.max_rows, sizeof *reader->roots);
  if (reader->roots == NULL)
    return wl_fail_memory(error,
                          reader->table.max_rows * sizeof *reader->roots);
  return WL_OK;
}

wl_status wl_jsonl_open(wl_source source, const wl_jsonl_options *options,
                        wl_jsonl_reader **out, wl_error *error) {
  static const wl_jsonl_options defaults = {0};
  *out = NULL;
  if (options == NULL)
    options = &defaults;
  wl_jsonl_reader *reader = wl_calloc(1, sizeof *reader);
  if (reader == NULL)
    return wl_fail_memory(error, sizeof *reader);
  reader->max_record_size = options->max_record_size != 0
                                ? options->max_record_size
                                : default_record_size;
  reader->line = 1;
  wl_status status = wl_read_buffer_init(
      &reader->buffer, source,
      options->buffer_size != 0 ? options->buffer_size : DEFAULT_BUFFER, error);
  if (status == WL_OK)
    status = skip_byte_order_mark(reader, error);
  if (status == WL_OK)
    status = next_record(reader, true, error);
  if (status == WL_OK)
    status = make_columns(
        reader, options->max_rows != 0 ? options->max_rows : DEFAULT_ROWS,
        error);
  if (status != WL_OK) {
    wl_jsonl_close(reader);
    return status;
  }
  *out = reader;
  return WL_OK;
}

void wl_jsonl_close(wl_jsonl_reader *reader) {
  if (reader == NULL)
    return;
  release_rows(reader);
  json_decref(reader->record);
  json_decref(reader->index);
  wl_free(reader->roots);
  wl_json_plain_deinit(&reader->plain);
  wl_table_deinit(&reader->table);
  wl_read_buffer_deinit(&reader->buffer);
  wl_free(reader);
}
