/* import.c: `willump import`: another library's model file to an artifact. */
#include "base/base.h"
#include "commands.h"
#include "sink.h"

static wl_status write_model(const wl_model *model, const char *path,
                             wl_error *error) {
  void *bytes = NULL;
  size_t size;
  cli_sink sink = {.descriptor = -1};
  WL_TRY(wl_model_to_memory(model, &bytes, &size, error));
  wl_status status = cli_sink_open(&sink, path, error);
  if (status == WL_OK)
    status = cli_sink_write(&sink, bytes, size, error);
  if (status == WL_OK)
    status = cli_sink_commit(&sink, error);
  cli_sink_discard(&sink);
  wl_free_bytes(bytes);
  return status;
}

wl_status cli_import(const cli_arguments *arguments, wl_error *error) {
  const char *path = arguments->operands[0], *out = cli_value(arguments, "out");
  const wl_import_options options = {.size = sizeof options,
                                     .format = cli_source(arguments, "from")};
  wl_model *model;
  if (out == NULL)
    return wl_fail(error, WL_ERROR_VALUE,
                   "where to write the model is missing: pass --out FILE");
  wl_status status = wl_model_import(path, &options, &model, error);
  if (status == WL_OK)
    status = write_model(model, out, error);
  wl_model_release(model);
  return status;
}
