/* import.c: another library's model file to a compiled model: read, described
 * as a graph with its tensors, compiled. */
#include "import/import.h"
#include "artifact/artifact.h"
#include "artifact/json.h"

/* A shorter struct of an older caller, widened. */
static wl_import_options full_options(const wl_import_options *options) {
  wl_import_options full = {.size = sizeof full};
  if (options != NULL)
    memcpy(&full, options,
           options->size < sizeof full ? options->size : sizeof full);
  return full;
}

static wl_status compile(const wl_tree_model *trees,
                         const wl_import_options *options, wl_model **out,
                         wl_error *error) {
  const wl_options compile_options = {.size = sizeof compile_options,
                                      .n_threads = options->n_threads};
  wl_tree_tensors tensors;
  size_t size;
  char *text = NULL, *metadata = NULL;
  WL_TRY(wl_tree_tensors_init(&tensors, trees, error));
  wl_status status = wl_tree_model_graph(trees, &tensors, &text, &size, error);
  if (status == WL_OK && options->metadata == NULL)
    status = wl_tree_model_metadata(trees, &metadata, error);
  if (status == WL_OK)
    status = wl_model_compile(text, size, tensors.list, tensors.n,
                              metadata != NULL ? metadata : options->metadata,
                              &compile_options, out, error);
  wl_tree_tensors_deinit(&tensors);
  wl_free(metadata);
  wl_free(text);
  return status;
}

/*
 * The trees compare codes. A graph would take the values of a frame's
 * categories for them, so that such a model is refused, but from a caller whose
 * metadata say what the codes stand for.
 */
static wl_status check_categories(const wl_tree_model *trees,
                                  const char *metadata, wl_error *error) {
  json_t *root = NULL;
  if (trees->categories == NULL)
    return WL_OK;
  if (metadata != NULL)
    WL_TRY(wl_json_read(metadata, strlen(metadata), "the metadata",
                        WL_ERROR_VALUE, &root, error));
  bool is_known = json_is_object(json_object_get(root, "categories"));
  json_decref(root);
  if (is_known)
    return WL_OK;
  return wl_fail(error, WL_ERROR_UNSUPPORTED,
                 "the model's field %s is not supported: it was trained on a "
                 "frame's categories; compile it from Python "
                 "(willump.compile), whose artifact knows the categories, or "
                 "fit on codes",
                 trees->categories);
}

wl_status wl_model_import_memory(const void *bytes, size_t size,
                                 const wl_import_options *options,
                                 wl_model **out, wl_error *error) {
  wl_import_options full = full_options(options);
  wl_tree_model trees;
  *out = NULL;
  wl_tree_model_init(&trees);
  wl_status status = wl_import_read(bytes, size, full.format, &trees, error);
  if (status == WL_OK)
    status = check_categories(&trees, full.metadata, error);
  if (status == WL_OK)
    status = compile(&trees, &full, out, error);
  wl_tree_model_deinit(&trees);
  return status;
}

wl_status wl_model_import(const char *path, const wl_import_options *options,
                          wl_model **out, wl_error *error) {
  wl_file file;
  *out = NULL;
  WL_TRY(wl_file_read(path, false, &file, error));
  wl_status status =
      wl_model_import_memory(file.bytes, file.size, options, out, error);
  wl_file_deinit(&file);
  return status == WL_ERROR_MEMORY ? status : wl_fail_file(error, status, path);
}
