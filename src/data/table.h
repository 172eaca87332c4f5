/*
 * table.h: what the CSV and JSON-lines readers produce: a chunk of rows with
 * named columns, as cells of text or numbers, and its columns as strings or
 * doubles on demand.
 */
#ifndef WL_DATA_TABLE_H
#define WL_DATA_TABLE_H

#include "base/base.h"

/* What the file says, before a column's use decides what it means. */
typedef enum wl_cell_kind {
  WL_CELL_MISSING = 0, /* JSON: null, or the record has no such key */
  WL_CELL_EMPTY,       /* CSV: nothing between two delimiters */
  WL_CELL_TEXT,        /* CSV: an unquoted field */
  WL_CELL_QUOTED,      /* CSV: a quoted field, also one that holds nothing */
  WL_CELL_STRING,      /* JSON: a string */
  WL_CELL_NUMBER,      /* JSON: a number, in `number` */
  WL_CELL_BOOL,        /* JSON: true or false, 1 or 0 in `number` */
  WL_CELL_NESTED,      /* JSON: an object or array */
  WL_CELL_KIND_COUNT
} wl_cell_kind;

typedef struct wl_cell {
  wl_cell_kind kind;
  union {
    wl_string text; /* the four of text; valid until the next chunk */
    double number;
  };
} wl_cell;

typedef struct wl_table {
  size_t n_columns;
  wl_string *names; /* n_columns; owned */
  size_t n_rows;    /* of this chunk; 0: the input has ended */
  size_t max_rows;
  uint64_t first_record; /* the number of row 0 in the file, from 1 */
  wl_cell *cells;        /* column c is cells[c * max_rows ...]; owned */
  uint64_t *lines;       /* the line where each row begins, from 1; owned */
} wl_table;

/*
 * Memory for `names` (copied) and chunks of up to max_rows rows; fewer when
 * there are so many columns that the cells would take more than some tens of
 * megabytes. Deinit also after a failure.
 */
wl_status wl_table_init(wl_table *table, const wl_string *names,
                        size_t n_columns, size_t max_rows, wl_error *error);
void wl_table_deinit(wl_table *table);

/* How many columns have this name; *column is the first of them. */
size_t wl_table_find(const wl_table *table, const char *name, size_t name_size,
                     size_t *column);

/* The column as n_rows strings, views of the chunk. An empty CSV field is an
 * empty string; a missing JSON value is a missing string (data == NULL). */
wl_status wl_table_strings(const wl_table *table, size_t column, wl_string *out,
                           wl_error *error);

/* The same, but that an empty CSV field that is not quoted is missing too. */
wl_status wl_table_categories(const wl_table *table, size_t column,
                              wl_string *out, wl_error *error);

/*
 * The column as numbers, one every `stride` doubles. NaN for what is empty or
 * missing, and for the spellings of "not available" that pandas knows ("NA",
 * "null" ...). A JSON string is an error, whatever it holds.
 */
wl_status wl_table_numbers(const wl_table *table, size_t column, double *out,
                           size_t stride, wl_error *error);

#endif
