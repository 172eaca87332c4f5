/*
 * csv.h: reads CSV (RFC 4180) from a source, a chunk of rows at a time.
 *
 * The first record is the header. Fields may be quoted; a quoted field may
 * hold delimiters, line ends and doubled quotes. Lines end in LF or CRLF; a CR
 * alone is data, but not in the header: there it is a file whose lines end in
 * CR. A byte order mark is skipped; NUL bytes are kept. Refused with the line:
 * a record with another number of fields than the header, an open quote, text
 * after a closing quote, and what is not UTF-8.
 *
 * Empty lines are no records, except in a file of one column, where each is a
 * row with an empty field.
 */
#ifndef WL_DATA_CSV_H
#define WL_DATA_CSV_H

#include "data/source.h"
#include "data/table.h"

typedef struct wl_csv_options {
  char delimiter;         /* 0: a comma */
  size_t max_rows;        /* of a chunk; 0: 4096 */
  size_t max_record_size; /* bytes; 0: 1 GiB */
  size_t buffer_size;     /* the first size of the buffer; 0: 4 MiB */
} wl_csv_options;

typedef struct wl_csv_reader wl_csv_reader;

/* Reads the header. *out is owned, NULL on failure; the source is borrowed.
 * options: NULL for all defaults. */
wl_status wl_csv_open(wl_source source, const wl_csv_options *options,
                      wl_csv_reader **out, wl_error *error);
void wl_csv_close(wl_csv_reader *reader); /* NULL allowed */

/* The columns' names, and the current chunk. Borrowed. */
const wl_table *wl_csv_table(const wl_csv_reader *reader);

/*
 * Reads the next chunk into the table, which has no rows when the input has
 * ended. Rows that have arrived are not held back until a chunk is full. After
 * an error the reader can only be closed.
 */
wl_status wl_csv_next(wl_csv_reader *reader, wl_error *error);

#endif
