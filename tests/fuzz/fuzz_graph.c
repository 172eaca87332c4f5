/* The graph's text form: whatever parses prints, and its print parses again to
 * the same print. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "graph/graph.h"

static char *parse_and_print(const char *text, size_t size, size_t *out_size) {
  static const double numbers[6] = {1, 2, 3, 4, 5, 6};
  wl_graph graph;
  char *out = NULL;
  uint32_t id;
  const wl_const matrix = {.name = "w",
                           .dtype = WL_F64,
                           .n_dims = 2,
                           .shape = {2, 3},
                           .data = numbers};
  wl_graph_init(&graph);
  if (wl_graph_add_constant(&graph, &matrix, &id, NULL) == WL_OK &&
      wl_graph_parse(&graph, text, size, NULL) == WL_OK &&
      wl_graph_print(&graph, false, &out, out_size, NULL) != WL_OK)
    out = NULL;
  wl_graph_deinit(&graph);
  return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  size_t once_size, twice_size;
  char *once = parse_and_print((const char *)data, size, &once_size);
  if (once == NULL)
    return 0;
  /* Unnamed tensors too long to print in place do not come back. */
  char *twice = parse_and_print(once, once_size, &twice_size);
  if (twice != NULL &&
      (once_size != twice_size || memcmp(once, twice, once_size) != 0))
    abort();
  wl_free(once);
  wl_free(twice);
  return 0;
}
