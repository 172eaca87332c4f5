/*
 * jsonl.h: reads JSON lines (one object a line) from a source, a chunk of rows
 * at a time.
 *
 * The first record names the columns, as a header does: a later record may lack
 * a key (the value is missing, as with null), and keys that the first does not
 * have are ignored. Blank lines are skipped, and so is a byte order mark. As
 * Python's json writes and reads them, NaN, Infinity and -Infinity are numbers,
 * a real that is too large for a double is infinite, and the escape of a lone
 * surrogate may be in a string (as wl_string has it), but not in a key.
 * Refused with the line and the byte: what else is not JSON in UTF-8, a key
 * twice in one object, an integer that is too large for a double.
 */
#ifndef WL_DATA_JSONL_H
#define WL_DATA_JSONL_H

#include "data/source.h"
#include "data/table.h"

typedef struct wl_jsonl_options {
  size_t max_rows;        /* of a chunk; 0: 4096 */
  size_t max_record_size; /* bytes; 0: 1 GiB */
  size_t buffer_size;     /* the first size of the buffer; 0: 4 MiB */
} wl_jsonl_options;

typedef struct wl_jsonl_reader wl_jsonl_reader;

/*
 * Makes jansson take its memory from wl_alloc, for the whole process: for
 * programs that own theirs, at their start. Without it jansson drops a
 * character, unnoticed, when memory runs out while it reads a long string; with
 * it every such failure is reported as WL_ERROR_MEMORY.
 */
void wl_jsonl_guard_memory(void);

/* Reads the first record; an input without one has no columns. *out is owned,
 * NULL on failure; the source is borrowed. options: NULL for all defaults. */
wl_status wl_jsonl_open(wl_source source, const wl_jsonl_options *options,
                        wl_jsonl_reader **out, wl_error *error);
void wl_jsonl_close(wl_jsonl_reader *reader); /* NULL allowed */

/* The columns' names, and the current chunk. Borrowed. */
const wl_table *wl_jsonl_table(const wl_jsonl_reader *reader);

/* Reads the next chunk, as wl_csv_next does. */
wl_status wl_jsonl_next(wl_jsonl_reader *reader, wl_error *error);

#endif
