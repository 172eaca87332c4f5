/*
 * typed.h: columns of a compiled function, which are read as the dtype that its
 * sample had: other values are refused, as Python refuses them.
 */
#ifndef WL_CLI_TYPED_H
#define WL_CLI_TYPED_H

#include "data/table.h"

typedef enum cli_dtype_kind {
  CLI_ANY_NUMBER = 0, /* whatever is a number */
  CLI_FLOAT,          /* rounded to its width */
  CLI_WHOLE,          /* within its range */
  CLI_BOOL,
  CLI_MOMENT, /* since 1970, in microseconds */
  CLI_DTYPE_KIND_COUNT
} cli_dtype_kind;

typedef struct cli_dtype {
  cli_dtype_kind kind;
  const char *name; /* borrowed */
  bool is_nullable; /* whether whole numbers and truths may be missing */
  bool is_single;   /* float32 */
  double least, most;
} cli_dtype;

/* What a dtype's name (pandas') stands for. A WL_ERROR_UNSUPPORTED for those
 * that the program does not read: moments with a zone, and times between. */
wl_status cli_dtype_init(cli_dtype *dtype, const char *name, const char *column,
                         wl_error *error);

/* A table's column as numbers of the dtype, one each `stride` doubles. */
wl_status cli_typed_numbers(const wl_table *table, size_t column,
                            const cli_dtype *dtype, double *out, size_t stride,
                            wl_error *error);

/*
 * Microseconds since 1970 of a date as ISO 8601 writes it: "2026-01-31", and
 * behind a space or T "07:05", "07:05:30" or "07:05:30.123456" (more digits
 * only if they are 0). false: it is none.
 */
bool cli_moment_parse(const char *text, size_t size, double *out);

#endif
