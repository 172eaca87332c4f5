/*
 * csv.c: a state machine over the read buffer that can stop at any byte and go
 * on after more has been read, so that no byte is looked at twice. Quoted
 * fields are unescaped in place; a field is an offset from its record's first
 * byte until the record is complete, since the buffer may move before that.
 */
#include "data/csv.h"

#include "data/field.h"

enum { DEFAULT_ROWS = 4096, DEFAULT_BUFFER = 4 << 20 };
static const size_t default_record_size = (size_t)1 << 30;

typedef enum scan_state {
  AT_FIELD,    /* before a field's first byte */
  IN_PLAIN,    /* in an unquoted field */
  IN_QUOTES,   /* between quotes */
  AFTER_QUOTE, /* a quote in a quoted field: doubled, or the closing one */
} scan_state;

typedef struct field {
  size_t begin, size; /* begin: from the record's first byte */
  bool is_quoted;
} field;

struct wl_csv_reader {
  wl_read_buffer buffer; /* buffer.start: the record's first byte */
  wl_table table;
  size_t max_record_size;
  char delimiter;

  scan_state state;
  size_t at;           /* the next byte to look at */
  size_t begin, write; /* of the field: its first byte, the unescaped end */
  uint64_t line;       /* where `at` is, from 1 */
  uint64_t record_line, quote_line;

  field *fields; /* of the record, as far as it was read; owned */
  size_t n_fields, field_capacity;

  uint64_t n_blank, blank_line; /* empty lines not yet known to be rows */
  bool has_record; /* a whole record is in `fields` and not yet in a chunk */
  bool has_ended;
};

static wl_status push_field(wl_csv_reader *reader, size_t end, bool is_quoted,
                            wl_error *error) {
  void *fields = reader->fields;
  wl_status status =
      wl_grow(&fields, &reader->field_capacity, reader->n_fields + 1,
              sizeof *reader->fields, error);
  reader->fields = fields;
  if (status != WL_OK)
    return status;
  reader->fields[reader->n_fields++] = (field){
      reader->begin - reader->buffer.start, end - reader->begin, is_quoted};
  return WL_OK;
}

/* After a field: the delimiter or line end at `at`. */
static void end_field(wl_csv_reader *reader) {
  reader->state = AT_FIELD;
  if (reader->buffer.bytes[reader->at++] == '\n') {
    reader->line++;
    reader->has_record = true;
  }
}

static wl_status scan_plain(wl_csv_reader *reader, wl_error *error) {
  const char *bytes = reader->buffer.bytes;
  size_t at = reader->at, size = reader->buffer.size;
  const char delimiter = reader->delimiter;
  while (at < size && bytes[at] != delimiter && bytes[at] != '\n')
    at++;
  reader->at = at;
  if (at == size)
    return WL_OK;
  size_t end = at;
  if (bytes[at] == '\n' && end > reader->begin && bytes[end - 1] == '\r')
    end--;
  WL_TRY(push_field(reader, end, false, error));
  end_field(reader);
  return WL_OK;
}

static void scan_quoted(wl_csv_reader *reader) {
  char *bytes = reader->buffer.bytes;
  size_t left = reader->buffer.size - reader->at;
  const char *from = bytes + reader->at;
  const char *quote = memchr(from, '"', left);
  size_t n = quote != NULL ? (size_t)(quote - from) : left;
  for (const char *p = from; (p = memchr(p, '\n', (size_t)(from + n - p))); p++)
    reader->line++;
  if (reader->write != reader->at)
    memmove(bytes + reader->write, from, n);
  reader->write += n;
  reader->at += n;
  if (quote != NULL) {
    reader->at++;
    reader->state = AFTER_QUOTE;
  }
}

static wl_status fail_after_quote(const wl_csv_reader *reader,
                                  wl_error *error) {
  return wl_fail(error, WL_ERROR_VALUE,
                 "line %llu: text follows a closing quote, where only a "
                 "delimiter or the line's end may; a quote within a quoted "
                 "field is written twice",
                 (unsigned long long)reader->line);
}

/* *needs_more: the next byte decides, and has not been read yet. */
static wl_status scan_after_quote(wl_csv_reader *reader, bool *needs_more,
                                  wl_error *error) {
  char *bytes = reader->buffer.bytes;
  char c = bytes[reader->at];
  if (c == '"') {
    bytes[reader->write++] = '"';
    reader->at++;
    reader->state = IN_QUOTES;
    return WL_OK;
  }
  if (c == '\r') {
    bool is_last = reader->at + 1 == reader->buffer.size;
    if (is_last && !reader->buffer.is_at_end) {
      *needs_more = true;
      return WL_OK;
    }
    if (!is_last && bytes[reader->at + 1] != '\n')
      return fail_after_quote(reader, error);
    WL_TRY(push_field(reader, reader->write, true, error));
    reader->at++;
    if (is_last) {
      reader->state = AT_FIELD;
      reader->has_record = true;
    } else {
      end_field(reader);
    }
    return WL_OK;
  }
  if (c != reader->delimiter && c != '\n')
    return fail_after_quote(reader, error);
  WL_TRY(push_field(reader, reader->write, true, error));
  end_field(reader);
  return WL_OK;
}

/* Goes on until a record is complete or the buffer's bytes are used up. */
static wl_status scan_record(wl_csv_reader *reader, wl_error *error) {
  bool needs_more = false;
  while (!reader->has_record && !needs_more &&
         reader->at < reader->buffer.size) {
    switch (reader->state) {
    case AT_FIELD:
      reader->begin = reader->write = reader->at;
      reader->state = IN_PLAIN;
      if (reader->buffer.bytes[reader->at] == '"') {
        reader->begin = reader->write = ++reader->at;
        reader->quote_line = reader->line;
        reader->state = IN_QUOTES;
      }
      break;
    case IN_PLAIN:
      WL_TRY(scan_plain(reader, error));
      break;
    case IN_QUOTES:
      scan_quoted(reader);
      break;
    case AFTER_QUOTE:
      WL_TRY(scan_after_quote(reader, &needs_more, error));
      break;
    }
  }
  return WL_OK;
}

/* The input has ended: what was begun is the last record. */
static wl_status end_input(wl_csv_reader *reader, wl_error *error) {
  reader->has_ended = true;
  if (reader->state == IN_QUOTES)
    return wl_fail(error, WL_ERROR_VALUE,
                   "line %llu: a quote is opened here and never closed",
                   (unsigned long long)reader->quote_line);
  if (reader->state == AT_FIELD && reader->n_fields == 0)
    return WL_OK;
  bool is_quoted = reader->state == AFTER_QUOTE;
  if (reader->state == AT_FIELD)
    reader->begin = reader->write = reader->at;
  WL_TRY(push_field(reader, is_quoted ? reader->write : reader->at, is_quoted,
                    error));
  reader->has_record = true;
  return WL_OK;
}

static wl_status check_record_size(const wl_csv_reader *reader,
                                   wl_error *error) {
  if (reader->at - reader->buffer.start <= reader->max_record_size)
    return WL_OK;
  return wl_fail(error, WL_ERROR_VALUE,
                 "line %llu: the record is larger than %zu bytes; is a quote "
                 "left open?",
                 (unsigned long long)reader->record_line,
                 reader->max_record_size);
}

/* Reads on in the middle of a record. */
static wl_status fill(wl_csv_reader *reader, wl_error *error) {
  WL_TRY(check_record_size(reader, error));
  size_t shift;
  WL_TRY(wl_read_buffer_fill(&reader->buffer, &shift, error));
  reader->at -= shift;
  reader->begin -= shift;
  reader->write -= shift;
  if (reader->buffer.is_at_end)
    WL_TRY(scan_record(reader, error)); /* a CR may have waited for more */
  if (reader->buffer.is_at_end && !reader->has_record)
    WL_TRY(end_input(reader, error));
  return WL_OK;
}

/* Forgets the record: the next one begins at `at`. */
static void begin_record(wl_csv_reader *reader) {
  reader->has_record = false;
  reader->n_fields = 0;
  reader->buffer.start = reader->begin = reader->write = reader->at;
  reader->record_line = reader->line;
}

static bool is_blank(const wl_csv_reader *reader) {
  return reader->n_fields == 1 && reader->fields[0].size == 0 &&
         !reader->fields[0].is_quoted;
}

/*
 * Brings the next record that is not an empty line into `fields`, counting the
 * empty ones. Without may_fill it stops where it would have to read. At the end
 * of the input has_ended is set and there may be no record.
 */
static wl_status next_record(wl_csv_reader *reader, bool may_fill,
                             wl_error *error) {
  while (!reader->has_record && !reader->has_ended) {
    WL_TRY(scan_record(reader, error));
    if (!reader->has_record) {
      if (!may_fill)
        return WL_OK;
      WL_TRY(fill(reader, error));
    }
    if (reader->has_record && is_blank(reader)) {
      if (reader->n_blank++ == 0)
        reader->blank_line = reader->record_line;
      begin_record(reader);
    }
  }
  if (reader->has_record)
    return check_record_size(reader, error);
  return WL_OK;
}

static wl_status check_utf8(const wl_csv_reader *reader, const wl_string *text,
                            size_t column, wl_error *error) {
  size_t valid = wl_utf8_valid_size(text->data, text->size);
  if (WL_LIKELY(valid == text->size))
    return WL_OK;
  return wl_fail(error, WL_ERROR_ENCODING,
                 "line %llu: field %zu is not UTF-8: byte 0x%02X at position "
                 "%zu; convert the file first, for example with iconv",
                 (unsigned long long)reader->record_line, column + 1,
                 (unsigned)(unsigned char)text->data[valid], valid);
}

static wl_string field_text(const wl_csv_reader *reader, size_t column) {
  const field *from = &reader->fields[column];
  return (wl_string){reader->buffer.bytes + reader->buffer.start + from->begin,
                     from->size};
}

static wl_status store_record(wl_csv_reader *reader, wl_error *error) {
  wl_table *table = &reader->table;
  if (reader->n_fields != table->n_columns)
    return wl_fail(error, WL_ERROR_VALUE,
                   "line %llu (record %llu): %zu field%s, but the header has "
                   "%zu",
                   (unsigned long long)reader->record_line,
                   (unsigned long long)(table->first_record + table->n_rows),
                   reader->n_fields, reader->n_fields == 1 ? "" : "s",
                   table->n_columns);
  for (size_t c = 0; c < table->n_columns; c++) {
    wl_cell *cell = &table->cells[c * table->max_rows + table->n_rows];
    cell->text = field_text(reader, c);
    cell->kind = reader->fields[c].is_quoted ? WL_CELL_QUOTED
                 : cell->text.size == 0      ? WL_CELL_EMPTY
                                             : WL_CELL_TEXT;
    WL_TRY(check_utf8(reader, &cell->text, c, error));
  }
  table->lines[table->n_rows++] = reader->record_line;
  begin_record(reader);
  return WL_OK;
}

/* The empty lines before the record, or before the end, become rows, as far as
 * there is room. */
static wl_status store_blank(wl_csv_reader *reader, wl_error *error) {
  wl_table *table = &reader->table;
  if (table->n_columns != 1 && !reader->has_record)
    reader->n_blank = 0;
  if (table->n_columns != 1 && reader->n_blank > 0)
    return wl_fail(error, WL_ERROR_VALUE,
                   "line %llu (record %llu): the line is empty, but the "
                   "header has %zu fields",
                   (unsigned long long)reader->blank_line,
                   (unsigned long long)(table->first_record + table->n_rows),
                   table->n_columns);
  for (; reader->n_blank > 0 && table->n_rows < table->max_rows;
       reader->n_blank--) {
    table->cells[table->n_rows] =
        (wl_cell){.kind = WL_CELL_EMPTY, .text = {"", 0}};
    table->lines[table->n_rows++] = reader->blank_line++;
  }
  return WL_OK;
}

wl_status wl_csv_next(wl_csv_reader *reader, wl_error *error) {
  wl_table *table = &reader->table;
  table->first_record += table->n_rows;
  table->n_rows = 0;
  while (table->n_rows < table->max_rows) {
    WL_TRY(next_record(reader, table->n_rows == 0, error));
    if (!reader->has_record && !reader->has_ended)
      break;
    WL_TRY(store_blank(reader, error));
    if (table->n_rows == table->max_rows || !reader->has_record)
      break;
    WL_TRY(store_record(reader, error));
  }
  return WL_OK;
}

const wl_table *wl_csv_table(const wl_csv_reader *reader) {
  return &reader->table;
}

static wl_status skip_byte_order_mark(wl_csv_reader *reader, wl_error *error) {
  wl_read_buffer *buffer = &reader->buffer;
  size_t shift;
  while (buffer->size < 3 && !buffer->is_at_end)
    WL_TRY(wl_read_buffer_fill(buffer, &shift, error));
  if (buffer->size >= 3 && memcmp(buffer->bytes, "\xEF\xBB\xBF", 3) == 0)
    reader->at = 3;
  begin_record(reader);
  return WL_OK;
}

static wl_status read_header(wl_csv_reader *reader, size_t max_rows,
                             wl_error *error) {
  WL_TRY(skip_byte_order_mark(reader, error));
  WL_TRY(next_record(reader, true, error));
  if (!reader->has_record)
    return wl_fail(error, WL_ERROR_VALUE,
                   "the CSV input is empty: its first line must name the "
                   "columns");
  size_t size;
  if (wl_mul_overflows(reader->n_fields, sizeof(wl_string), &size))
    return wl_fail_memory(error, SIZE_MAX);
  wl_string *names = wl_alloc(size);
  if (names == NULL)
    return wl_fail_memory(error, size);
  wl_status status = WL_OK;
  for (size_t c = 0; c < reader->n_fields && status == WL_OK; c++) {
    names[c] = field_text(reader, c);
    status = check_utf8(reader, &names[c], c, error);
    if (status == WL_OK && !reader->fields[c].is_quoted &&
        memchr(names[c].data, '\r', names[c].size) != NULL)
      status = wl_fail(error, WL_ERROR_VALUE,
                       "line 1: the header holds a carriage return without a "
                       "line feed: lines must end in LF or CRLF, and a name "
                       "that has one must be quoted");
  }
  if (status == WL_OK)
    status =
        wl_table_init(&reader->table, names, reader->n_fields, max_rows, error);
  wl_free(names);
  reader->n_blank = 0; /* before the header there are no rows */
  begin_record(reader);
  return status;
}

wl_status wl_csv_open(wl_source source, const wl_csv_options *options,
                      wl_csv_reader **out, wl_error *error) {
  static const wl_csv_options defaults = {0};
  *out = NULL;
  if (options == NULL)
    options = &defaults;
  char delimiter = options->delimiter != 0 ? options->delimiter : ',';
  if (delimiter == '"' || delimiter == '\n' || delimiter == '\r' ||
      (unsigned char)delimiter >= 0x80)
    return wl_fail(error, WL_ERROR_VALUE,
                   "the delimiter must be an ASCII character other than a "
                   "quote or a line end");
  wl_csv_reader *reader = wl_calloc(1, sizeof *reader);
  if (reader == NULL)
    return wl_fail_memory(error, sizeof *reader);
  reader->delimiter = delimiter;
  reader->max_record_size = options->max_record_size != 0
                                ? options->max_record_size
                                : default_record_size;
  reader->line = 1;
  size_t buffer_size =
      options->buffer_size != 0 ? options->buffer_size : DEFAULT_BUFFER;
  wl_status status =
      wl_read_buffer_init(&reader->buffer, source, buffer_size, error);
  if (status == WL_OK)
    status = read_header(
        reader, options->max_rows != 0 ? options->max_rows : DEFAULT_ROWS,
        error);
  if (status != WL_OK) {
    wl_csv_close(reader);
    return status;
  }
  *out = reader;
  return WL_OK;
}

void wl_csv_close(wl_csv_reader *reader) {
  if (reader == NULL)
    return;
  wl_read_buffer_deinit(&reader->buffer);
  wl_table_deinit(&reader->table);
  wl_free(reader->fields);
  wl_free(reader);
}
