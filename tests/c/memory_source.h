/*
 * memory_source.h: for tests of the readers: a source over bytes in memory that
 * hands them out in pieces of a given size, and an allocator that fails the
 * Nth call.
 */
#ifndef WL_TESTS_MEMORY_SOURCE_H
#define WL_TESTS_MEMORY_SOURCE_H

#include <stdlib.h>

#include "data/source.h"

typedef struct memory_source {
  const char *bytes;
  size_t size, at;
  size_t piece; /* bytes of one read at most; 0: no limit */
} memory_source;

static inline wl_status memory_read(void *context, void *bytes, size_t size,
                                    size_t *n_read, wl_error *error) {
  memory_source *source = context;
  size_t n = source->size - source->at;
  (void)error;
  if (n > size)
    n = size;
  if (source->piece != 0 && n > source->piece)
    n = source->piece;
  if (n != 0)
    memcpy(bytes, source->bytes + source->at, n);
  source->at += n;
  *n_read = n;
  return WL_OK;
}

static inline wl_source memory_source_of(memory_source *source) {
  return (wl_source){source, memory_read};
}

typedef struct failing_allocator {
  size_t n_calls, fail_at; /* fail_at: from 1; 0 never */
  size_t n_live;
} failing_allocator;

static inline void *failing_allocate(void *context, size_t size) {
  failing_allocator *state = context;
  if (++state->n_calls == state->fail_at)
    return NULL;
  state->n_live++;
  return malloc(size);
}

static inline void *failing_reallocate(void *context, void *block,
                                       size_t size) {
  failing_allocator *state = context;
  if (++state->n_calls == state->fail_at)
    return NULL;
  state->n_live += block == NULL;
  return realloc(block, size);
}

static inline void failing_release(void *context, void *block) {
  failing_allocator *state = context;
  state->n_live -= block != NULL;
  free(block);
}

static inline void failing_allocator_install(failing_allocator *state) {
  const wl_allocator allocator = {state, failing_allocate, failing_reallocate,
                                  failing_release};
  wl_set_allocator(&allocator);
}

#endif
