/*
 * fuzz.h: what the fuzz targets of the readers share: the input as a source
 * that is read in pieces, and a digest of what was read.
 *
 * Every target reads its input twice, in pieces of different sizes: the cells
 * and the outcome must be the same.
 */
#ifndef WL_TESTS_FUZZ_H
#define WL_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

#include "data/source.h"
#include "data/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

typedef struct fuzz_source {
  const uint8_t *bytes;
  size_t size, at, piece;
} fuzz_source;

static inline wl_status fuzz_read(void *context, void *bytes, size_t size,
                                  size_t *n_read, wl_error *error) {
  fuzz_source *source = context;
  size_t n = source->size - source->at;
  (void)error;
  if (n > size)
    n = size;
  if (n > source->piece)
    n = source->piece;
  if (n != 0)
    memcpy(bytes, source->bytes + source->at, n);
  source->at += n;
  *n_read = n;
  return WL_OK;
}

static inline uint64_t fuzz_digest(uint64_t digest, const void *bytes,
                                   size_t size) {
  const uint8_t *at = bytes;
  for (size_t i = 0; i < size; i++)
    digest = (digest ^ at[i]) * UINT64_C(1099511628211);
  return digest;
}

/* All of a chunk: every byte is touched, numbers are parsed too. */
static inline uint64_t fuzz_table(uint64_t digest, const wl_table *table) {
  wl_error error = {.message = ""};
  static wl_string strings[64];
  static double numbers[64];
  for (size_t c = 0; c < table->n_columns; c++) {
    digest = fuzz_digest(digest, table->names[c].data, table->names[c].size);
    if (wl_table_strings(table, c, strings, &error) == WL_OK)
      for (size_t row = 0; row < table->n_rows; row++)
        digest = fuzz_digest(digest, strings[row].data, strings[row].size);
    if (wl_table_numbers(table, c, numbers, 1, &error) == WL_OK)
      digest = fuzz_digest(digest, numbers, table->n_rows * sizeof *numbers);
    digest = fuzz_digest(digest, error.message, strlen(error.message));
  }
  return fuzz_digest(digest, table->lines,
                     table->n_rows * sizeof *table->lines);
}

#endif
