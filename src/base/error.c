/* error.c: messages go into the caller's struct; nothing is printed. */
#include <stdio.h>

#include "base/base.h"

static const char *const status_names[] = {
    "WL_OK",
    "WL_PENDING",
    "WL_ERROR_VALUE",
    "WL_ERROR_TYPE",
    "WL_ERROR_KEY",
    "WL_ERROR_MEMORY",
    "WL_ERROR_IO",
    "WL_ERROR_ENCODING",
    "WL_ERROR_UNSUPPORTED",
    "WL_ERROR_ARTIFACT",
    "WL_ERROR_CERTIFICATE",
    "WL_ERROR_CANCELLED",
    "WL_ERROR_INTERNAL",
};
_Static_assert(WL_COUNT_OF(status_names) == WL_STATUS_COUNT,
               "a name for every status");

const char *wl_status_name(wl_status status) {
  if ((unsigned)status >= WL_STATUS_COUNT)
    return "WL_STATUS_UNKNOWN";
  return status_names[status];
}

const char *wl_version(void) { return WL_VERSION; }

__attribute__((format(printf, 4, 0))) static void
set_message(wl_error *error, wl_status code, int64_t row, const char *format,
            va_list args) {
  if (error == NULL)
    return;
  error->code = code;
  error->row = row;
  int n = vsnprintf(error->message, sizeof error->message, format, args);
  if (n < 0)
    error->message[0] = '\0';
  else if ((size_t)n >= sizeof error->message)
    memcpy(error->message + sizeof error->message - 4, "...", 4);
}

wl_status wl_fail(wl_error *error, wl_status code, const char *format, ...) {
  va_list args;
  va_start(args, format);
  set_message(error, code, -1, format, args);
  va_end(args);
  return code;
}

wl_status wl_fail_row(wl_error *error, wl_status code, int64_t row,
                      const char *format, ...) {
  va_list args;
  va_start(args, format);
  set_message(error, code, row, format, args);
  va_end(args);
  return code;
}

wl_status wl_fail_memory(wl_error *error, size_t size) {
  return wl_fail(error, WL_ERROR_MEMORY, "out of memory: %zu bytes asked for",
                 size);
}

wl_status wl_fail_file(wl_error *error, wl_status status, const char *path) {
  char message[WL_ERROR_MESSAGE_SIZE];
  if (error == NULL || status == WL_OK)
    return status;
  memcpy(message, error->message, sizeof message);
  return wl_fail(error, status, "%.500s: %s", path, message);
}
