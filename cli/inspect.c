/* inspect.c: `willump inspect`: what is inside a model, for people. */
#include <stdio.h>

#include "commands.h"
#include "data/field.h"
#include "session.h"

static const char *kind_name(const wl_input_info *info) {
  static const char *const names[] = {"text", "numeric", "matrix", "category"};
  _Static_assert(WL_COUNT_OF(names) == WL_INPUT_KIND_COUNT,
                 "a name for every kind");
  return (unsigned)info->kind < WL_INPUT_KIND_COUNT ? names[info->kind] : "?";
}

static wl_status print_inputs(const wl_model *model, wl_error *error) {
  size_t n_inputs = wl_model_n_inputs(model);
  printf("inputs\n");
  for (size_t i = 0; i < n_inputs; i++) {
    wl_input_info info;
    char name[WL_QUOTE_SIZE];
    WL_TRY(wl_model_input_info(model, i, &info, error));
    printf("  %-8s", kind_name(&info));
    if (info.name[0] != '\0')
      printf(" %s", wl_quote_text(name, info.name, strlen(info.name)));
    if (info.position >= 0)
      printf(" (column %lld)", (long long)info.position + 1);
    if (info.kind == WL_INPUT_MATRIX)
      printf(" %llu columns", (unsigned long long)info.n_features);
    printf("\n");
  }
  return WL_OK;
}

static wl_status print_outputs(const wl_model *model, wl_error *error) {
  size_t n_outputs = wl_model_n_outputs(model);
  printf("outputs\n");
  for (size_t i = 0; i < n_outputs; i++) {
    wl_output_info info;
    WL_TRY(wl_model_output_info(model, i, &info, error));
    printf("  %-10s %s, %llu column%s%s%s\n", info.name,
           wl_dtype_name(info.dtype), (unsigned long long)info.n_columns,
           info.n_columns == 1 ? "" : "s", info.is_sparse ? ", sparse" : "",
           info.has_external ? ", with Python steps" : "");
  }
  return WL_OK;
}

static wl_status print_json(const char *title, const json_t *value,
                            wl_error *error) {
  if (value == NULL)
    return WL_OK;
  if (title != NULL)
    printf("%s\n", title);
  WL_TRY(cli_json_print(stdout, value, error));
  printf("\n");
  return WL_OK;
}

static wl_status print_graph(const wl_model *model, const char *after,
                             wl_error *error) {
  char *text;
  WL_TRY(wl_model_print(model, after, &text, error));
  fputs(text, stdout);
  wl_free_bytes(text);
  return WL_OK;
}

static wl_status print_all(const wl_model *model, const cli_metadata *metadata,
                           wl_error *error) {
  WL_TRY(print_inputs(model, error));
  WL_TRY(print_outputs(model, error));
  printf("stages\n  %zu\n", wl_model_n_stages(model));
  WL_TRY(
      print_json("classes", json_object_get(metadata->root, "classes"), error));
  WL_TRY(print_json("certificate",
                    json_object_get(metadata->root, "certificate"), error));
  WL_TRY(print_json("lossless", json_object_get(metadata->root, "lossless"),
                    error));
  WL_TRY(
      print_json("blocks", json_object_get(metadata->root, "blocks"), error));
  printf("graph\n");
  return print_graph(model, NULL, error);
}

/* The passes' names, when one is asked for that does not exist. */
static wl_status check_pass(const char *after, wl_error *error) {
  char names[512] = "all";
  size_t at = strlen(names);
  const char *name;
  if (after == NULL || strcmp(after, "all") == 0)
    return WL_OK;
  for (size_t i = 0; (name = wl_pass_name(i)) != NULL; i++) {
    if (strcmp(name, after) == 0)
      return WL_OK;
    if (at + strlen(name) + 3 <= sizeof names)
      at += (size_t)snprintf(names + at, sizeof names - at, ", %s", name);
  }
  return wl_fail(error, WL_ERROR_VALUE, "there is no pass '%s'; there are %s",
                 after, names);
}

wl_status cli_inspect(const cli_arguments *arguments, wl_error *error) {
  const char *after = cli_value(arguments, "after");
  bool is_graph = cli_has(arguments, "graph") || after != NULL;
  bool is_metadata = cli_has(arguments, "metadata");
  const wl_options options = {.size = sizeof options};
  wl_model *model = NULL;
  cli_metadata metadata;
  wl_status status;
  WL_TRY(check_pass(after, error));
  WL_TRY_DONE(status, cli_model_load(arguments->operands[0], &options, &model,
                                     &metadata, error));
  if (is_metadata)
    WL_TRY_DONE(status, print_json(NULL, metadata.root, error));
  if (is_graph)
    WL_TRY_DONE(status, print_graph(model, after, error));
  if (!is_metadata && !is_graph)
    status = print_all(model, &metadata, error);
done:
  cli_metadata_deinit(&metadata);
  wl_model_release(model);
  return status;
}
