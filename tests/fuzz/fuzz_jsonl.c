/* fuzz_jsonl.c: any bytes through the JSON-lines reader. */
#include <stdlib.h>

#include "data/jsonl.h"
#include "fuzz.h"

/* One row a chunk, so that chunks do not depend on the pieces. */
static uint64_t read_all(const uint8_t *bytes, size_t size, size_t piece) {
  fuzz_source memory = {bytes, size, 0, piece};
  const wl_jsonl_options options = {
      .max_rows = 1, .max_record_size = 1 << 16, .buffer_size = 1 + piece % 64};
  wl_error error = {.message = ""};
  wl_jsonl_reader *reader;
  uint64_t digest = UINT64_C(14695981039346656037);
  wl_status status =
      wl_jsonl_open((wl_source){&memory, fuzz_read}, &options, &reader, &error);
  while (status == WL_OK) {
    status = wl_jsonl_next(reader, &error);
    if (status == WL_OK && wl_jsonl_table(reader)->n_rows == 0)
      break;
    if (status == WL_OK)
      digest = fuzz_table(digest, wl_jsonl_table(reader));
  }
  wl_jsonl_close(reader);
  return fuzz_digest(digest, error.message, strlen(error.message));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  uint64_t whole = read_all(bytes, size, 1 << 20);
  if (read_all(bytes, size, 1) != whole || read_all(bytes, size, 7) != whole)
    abort();
  return 0;
}
