/*
 * replay.c: feeds files to a fuzz target, so that the corpus is a test with
 * every compiler: replay FILE...
 */
#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"

static int replay(const char *path) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) {
    perror(path);
    return 1;
  }
  size_t size = 0, capacity = 0;
  uint8_t *bytes = NULL;
  do {
    capacity = capacity * 2 + 4096;
    uint8_t *grown = realloc(bytes, capacity);
    if (grown == NULL)
      abort();
    bytes = grown;
    size += fread(bytes + size, 1, capacity - size, file);
  } while (size == capacity);
  fclose(file);
  /* A block of just this size, so that sanitizers see reads past its end. */
  uint8_t *exact = malloc(size != 0 ? size : 1);
  if (exact == NULL)
    abort();
  if (size != 0)
    memcpy(exact, bytes, size);
  free(bytes);
  LLVMFuzzerTestOneInput(exact, size);
  free(exact);
  return 0;
}

int main(int argc, char **argv) {
  int n_failed = 0;
  for (int i = 1; i < argc; i++)
    n_failed += replay(argv[i]);
  printf("%d files\n", argc - 1);
  return n_failed != 0 || argc < 2;
}
