/*
 * golden.c: runs one pass on a text graph, drops what it left unused
 * (simplify), and compares the print of the result. A file is: a graph, a line
 * `=> PASS`, the graph expected. Tensors that files may name: @w4 and @v4 (1 x
 * 4), @c4 and @d4 (4 x 1), @terms (4 strings).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "passes/passes.h"

static const struct {
  const char *name;
  wl_pass_function run;
} passes[] = {
    {"simplify", wl_pass_simplify},
    {"push_linear", wl_pass_push_linear},
    {"fold_encode", wl_pass_fold_encode},
    {"fold_scale", wl_pass_fold_scale},
    {"fuse_text", wl_pass_fuse_text},
    {"merge_scores", wl_pass_merge_scores},
    {"merge_lookups", wl_pass_merge_lookups},
    {"tabulate", wl_pass_tabulate},
};

static wl_status add_tensors(wl_graph *graph, wl_error *error) {
  static const double numbers[4] = {1.0, -2.0, 3.0, 0.5};
  static const double others[4] = {2.0, 1.0, -1.0, 4.0};
  static const uint32_t offsets[5] = {0, 1, 2, 3, 4};
  const wl_const constants[] = {
      {.name = "w4",
       .dtype = WL_F64,
       .n_dims = 2,
       .shape = {1, 4},
       .data = numbers},
      {.name = "v4",
       .dtype = WL_F64,
       .n_dims = 2,
       .shape = {1, 4},
       .data = others},
      {.name = "c4",
       .dtype = WL_F64,
       .n_dims = 2,
       .shape = {4, 1},
       .data = numbers},
      {.name = "d4",
       .dtype = WL_F64,
       .n_dims = 2,
       .shape = {4, 1},
       .data = others},
      {.name = "terms",
       .dtype = WL_STRING,
       .n_dims = 1,
       .shape = {4},
       .data = "abcd",
       .offsets = offsets},
  };
  uint32_t id;
  for (size_t i = 0; i < WL_COUNT_OF(constants); i++)
    WL_TRY(wl_graph_add_constant(graph, &constants[i], &id, error));
  return WL_OK;
}

static char *read_file(const char *path) {
  FILE *file = fopen(path, "rb");
  char *text = calloc(1, 1 << 16);
  if (file == NULL || text == NULL)
    exit(2);
  if (fread(text, 1, (1 << 16) - 1, file) == 0)
    exit(2);
  fclose(file);
  return text;
}

static int check(const char *path) {
  char *text = read_file(path), *printed = NULL;
  char *arrow = strstr(text, "=> ");
  char *name_end = arrow != NULL ? strchr(arrow, '\n') : NULL;
  wl_graph from, raw, to;
  wl_error error = {0};
  wl_pass_function run = NULL;
  size_t size;
  int failed = 1;
  wl_graph_init(&from);
  wl_graph_init(&raw);
  wl_graph_init(&to);
  if (name_end == NULL) {
    fprintf(stderr, "%s: no line '=> PASS'\n", path);
    goto done;
  }
  for (size_t i = 0; i < WL_COUNT_OF(passes); i++)
    if (strncmp(passes[i].name, arrow + 3, (size_t)(name_end - arrow - 3)) == 0)
      run = passes[i].run;
  if (run == NULL || add_tensors(&from, &error) != WL_OK ||
      wl_graph_parse(&from, text, (size_t)(arrow - text), &error) != WL_OK ||
      run(&from, &raw, &error) != WL_OK ||
      wl_graph_verify(&raw, &error) != WL_OK ||
      wl_pass_simplify(&raw, &to, &error) != WL_OK ||
      wl_graph_verify(&to, &error) != WL_OK ||
      wl_graph_print(&to, false, &printed, &size, &error) != WL_OK) {
    fprintf(stderr, "%s: %s\n", path, error.message);
    goto done;
  }
  failed = strcmp(printed, name_end + 1) != 0;
  if (failed)
    fprintf(stderr, "%s: got\n%s", path, printed);
done:
  wl_free(printed);
  wl_graph_deinit(&to);
  wl_graph_deinit(&raw);
  wl_graph_deinit(&from);
  free(text);
  return failed;
}

int main(int argc, char **argv) {
  int n_failed = 0;
  for (int i = 1; i < argc; i++)
    n_failed += check(argv[i]);
  printf("%d passed, %d failed\n", argc - 1 - n_failed, n_failed);
  return n_failed != 0;
}
