/*
 * source.h: where the readers' bytes come from: a callback, usually over a file
 * descriptor, and a buffer that keeps the bytes still needed while it reads on.
 */
#ifndef WL_DATA_SOURCE_H
#define WL_DATA_SOURCE_H

#include "base/base.h"

/* Reads up to `size` (at least 1) bytes; *n_read is 0 at the end only. */
typedef struct wl_source {
  void *context; /* borrowed */
  wl_status (*read)(void *context, void *bytes, size_t size, size_t *n_read,
                    wl_error *error);
} wl_source;

/* A file descriptor, which stays the caller's to close. */
wl_source wl_source_from_descriptor(int descriptor);
/* Opens a file for reading; *descriptor is owned, closed with close(2), and -1
 * on failure. */
wl_status wl_source_open_path(const char *path, int *descriptor,
                              wl_error *error);

typedef struct wl_read_buffer {
  wl_source source;
  char *bytes; /* owned */
  size_t capacity;
  size_t size;  /* bytes held */
  size_t start; /* the first byte that is still needed */
  bool is_at_end;
} wl_read_buffer;

/* capacity: the first size, a positive number; it doubles when a record does
 * not fit. */
wl_status wl_read_buffer_init(wl_read_buffer *buffer, wl_source source,
                              size_t capacity, wl_error *error);
void wl_read_buffer_deinit(wl_read_buffer *buffer);

/*
 * Moves the needed bytes to the front and reads once. *shift is the number of
 * bytes that positions in the buffer went down by. Pointers into the buffer
 * are no longer valid. At the end of the input only is_at_end changes.
 */
wl_status wl_read_buffer_fill(wl_read_buffer *buffer, size_t *shift,
                              wl_error *error);

#endif
