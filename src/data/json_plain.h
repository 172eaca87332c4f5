/*
 * json_plain.h: a line of what Python's json writes and jansson does not read,
 * as plain JSON that stands for it: NaN, Infinity, -Infinity, reals too large
 * for a double, and lone surrogates in strings.
 *
 * In the plain line every number of the original is a real, so that an integer
 * stands for what is not finite; and a NUL in a string begins an escape, which
 * wl_json_restore undoes. Everything else comes through as it is, also what is
 * wrong with it.
 */
#ifndef WL_DATA_JSON_PLAIN_H
#define WL_DATA_JSON_PLAIN_H

#include <jansson.h>

#include "base/base.h"

typedef struct wl_json_plain {
  char *bytes; /* owned; kept from line to line */
  size_t size, capacity;
  bool is_other; /* than the line */
} wl_json_plain;

/* Writes a line's plain form into `plain`, which is zeroed before its first
 * use. */
wl_status wl_json_plain_make(wl_json_plain *plain, const char *line,
                             size_t size, wl_error *error);
void wl_json_plain_deinit(wl_json_plain *plain);

/* The byte of the line that a byte of its plain form came from; for errors. */
size_t wl_json_plain_origin(const char *line, size_t size, size_t position);

/* What an integer of a plain line stands for: NaN or an infinity. */
double wl_json_special(json_int_t number);

/* Undoes the escapes in a string of a plain line. */
wl_status wl_json_restore(json_t *string, wl_error *error);

#endif
