/*
 * json.h: JSON text read with jansson, which does not always say when it was
 * memory that it lacked: inside a string it takes a lack of memory for bad
 * syntax.
 */
#ifndef WL_ARTIFACT_JSON_H
#define WL_ARTIFACT_JSON_H

#include <jansson.h>

#include "base/base.h"

/*
 * *out: an object, owned (json_decref), NULL on failure: WL_ERROR_MEMORY, or
 * `code` with a message that begins with `what`.
 */
wl_status wl_json_read(const char *text, size_t size, const char *what,
                       wl_status code, json_t **out, wl_error *error);
/* Frees what json_dumps gave, as the program has told jansson to. */
void wl_json_free_text(char *text);

#endif
