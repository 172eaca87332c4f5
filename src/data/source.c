/* source.c: reading from descriptors, and the readers' buffer. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "data/source.h"

static wl_status read_descriptor(void *context, void *bytes, size_t size,
                                 size_t *n_read, wl_error *error) {
  int descriptor = (int)(intptr_t)context;
  ssize_t n;
  do {
    n = read(descriptor, bytes, size);
  } while (n < 0 && errno == EINTR);
  *n_read = n < 0 ? 0 : (size_t)n;
  if (n < 0)
    return wl_fail(error, WL_ERROR_IO, "cannot read: %s", strerror(errno));
  return WL_OK;
}

wl_source wl_source_from_descriptor(int descriptor) {
  return (wl_source){(void *)(intptr_t)descriptor, read_descriptor};
}

wl_status wl_source_open_path(const char *path, int *descriptor,
                              wl_error *error) {
  *descriptor = open(path, O_RDONLY | O_CLOEXEC);
  if (*descriptor < 0)
    return wl_fail(error, WL_ERROR_IO, "cannot open %s: %s", path,
                   strerror(errno));
  return WL_OK;
}

wl_status wl_read_buffer_init(wl_read_buffer *buffer, wl_source source,
                              size_t capacity, wl_error *error) {
  *buffer = (wl_read_buffer){.source = source};
  buffer->bytes = wl_alloc(capacity);
  if (buffer->bytes == NULL)
    return wl_fail_memory(error, capacity);
  buffer->capacity = capacity;
  return WL_OK;
}

void wl_read_buffer_deinit(wl_read_buffer *buffer) {
  wl_free(buffer->bytes);
  *buffer = (wl_read_buffer){0};
}

wl_status wl_read_buffer_fill(wl_read_buffer *buffer, size_t *shift,
                              wl_error *error) {
  size_t kept = buffer->size - buffer->start;
  *shift = buffer->start;
  if (*shift != 0 && kept != 0)
    memmove(buffer->bytes, buffer->bytes + *shift, kept);
  buffer->start = 0;
  buffer->size = kept;
  if (kept > buffer->capacity / 2) {
    size_t capacity;
    if (wl_mul_overflows(buffer->capacity, 2, &capacity))
      return wl_fail_memory(error, SIZE_MAX);
    char *bytes = wl_realloc(buffer->bytes, capacity);
    if (bytes == NULL)
      return wl_fail_memory(error, capacity);
    buffer->bytes = bytes;
    buffer->capacity = capacity;
  }
  size_t n_read;
  WL_TRY(buffer->source.read(buffer->source.context, buffer->bytes + kept,
                             buffer->capacity - kept, &n_read, error));
  buffer->size += n_read;
  buffer->is_at_end = n_read == 0;
  return WL_OK;
}
