/*
 * read.c: an artifact's bytes, verified, to a graph. The input is untrusted: a
 * length, a place or a type is believed only after it was checked.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "artifact/artifact.h"
#include "artifact/digest.h"
#include "artifact/json.h"

#define BAD(error, ...) wl_fail((error), WL_ERROR_ARTIFACT, __VA_ARGS__)

typedef struct reader {
  const uint8_t *data; /* after the header */
  size_t data_size;
  size_t at; /* tensors lie side by side, in the header's order */
  wl_graph *graph;
  wl_error *error;
} reader;

/* ---- tensors ------------------------------------------------------------- */

static bool find_dtype(const char *name, wl_dtype *out) {
  static const char *const names[] = {"BOOL", "I8",  "U8",  "I16", "U16", "I32",
                                      "U32",  "I64", "U64", "F32", "F64"};
  for (size_t i = 0; i < WL_COUNT_OF(names); i++) {
    if (strcmp(names[i], name) == 0) {
      *out = (wl_dtype)i;
      return true;
    }
  }
  return false;
}

static bool read_size(const json_t *value, uint64_t *out) {
  if (!json_is_integer(value) || json_integer_value(value) < 0)
    return false;
  *out = (uint64_t)json_integer_value(value);
  return true;
}

/* dtype, shape and data_offsets; the bytes follow the tensor before. */
static wl_status read_tensor(reader *r, const char *name, json_t *value,
                             wl_const *out) {
  /* json_unpack would need memory, and not say so when there is none. */
  const char *dtype = json_string_value(json_object_get(value, "dtype"));
  const json_t *shape = json_object_get(value, "shape");
  const json_t *offsets = json_object_get(value, "data_offsets");
  uint64_t from = 0, to = 0;
  if (json_object_size(value) != 3 || dtype == NULL || !json_is_array(shape) ||
      json_array_size(offsets) != 2 ||
      !read_size(json_array_get(offsets, 0), &from) ||
      !read_size(json_array_get(offsets, 1), &to))
    return BAD(r->error, "tensor '%.100s' is not described as it should be",
               name);
  *out = (wl_const){.name = name, .n_dims = (uint32_t)json_array_size(shape)};
  if (!find_dtype(dtype, &out->dtype))
    return BAD(r->error, "tensor '%.100s' has the unknown dtype '%.20s'", name,
               dtype);
  if (json_array_size(shape) < 1 || json_array_size(shape) > WL_TENSOR_MAX_DIMS)
    return BAD(r->error, "tensor '%.100s' has %zu dimensions", name,
               json_array_size(shape));
  size_t size = wl_dtype_size(out->dtype);
  for (uint32_t d = 0; d < out->n_dims; d++) {
    if (!read_size(json_array_get(shape, d), &out->shape[d]) ||
        wl_mul_overflows(size, (size_t)out->shape[d], &size))
      return BAD(r->error, "tensor '%.100s' has a bad shape", name);
  }
  if (from != r->at || to < from || to > r->data_size || to - from != size)
    return BAD(r->error,
               "tensor '%.100s' lies at %" PRIu64 " to %" PRIu64
               ", not %zu bytes from %zu",
               name, from, to, size, r->at);
  /* The data begins at a multiple of 64, and elements are read in place. */
  if (from % wl_dtype_size(out->dtype) != 0)
    return BAD(r->error, "tensor '%.100s' is not aligned, at %" PRIu64, name,
               from);
  out->data = r->data + from;
  r->at = (size_t)to;
  return WL_OK;
}

/* The two tensors of a strings constant become one. */
static wl_status join_strings(reader *r, wl_const *bytes,
                              const wl_const *sizes) {
  size_t n = (size_t)sizes->shape[0];
  if (bytes->dtype != WL_U8 || bytes->n_dims != 1 || sizes->n_dims != 1 ||
      (sizes->dtype != WL_U8 && sizes->dtype != WL_U32))
    return BAD(r->error, "tensor '%.100s': its sizes are not its own",
               bytes->name);
  uint32_t *offsets =
      wl_arena_alloc(&r->graph->arena, (n + 1) * sizeof *offsets);
  if (offsets == NULL)
    return wl_fail_memory(r->error, (n + 1) * sizeof *offsets);
  uint64_t at = 0;
  for (size_t i = 0; i < n; i++) {
    offsets[i] = (uint32_t)at;
    at += sizes->dtype == WL_U8 ? ((const uint8_t *)sizes->data)[i]
                                : ((const uint32_t *)sizes->data)[i];
  }
  offsets[n] = (uint32_t)at;
  if (at != bytes->shape[0] || at > UINT32_MAX)
    return BAD(r->error, "tensor '%.100s': its sizes do not add up",
               bytes->name);
  bytes->dtype = WL_STRING;
  bytes->shape[0] = n;
  bytes->offsets = offsets;
  return WL_OK;
}

static bool has_suffix(const char *name, const char *suffix) {
  size_t n = strlen(name), m = strlen(suffix);
  return n > m && strcmp(name + n - m, suffix) == 0;
}

static wl_status add_constant(reader *r, const wl_const *constant) {
  uint32_t number;
  wl_status status =
      wl_graph_add_constant(r->graph, constant, &number, r->error);
  if (status == WL_OK || status == WL_ERROR_MEMORY)
    return status;
  if (r->error != NULL)
    r->error->code = WL_ERROR_ARTIFACT;
  return WL_ERROR_ARTIFACT;
}

static wl_status read_tensors(reader *r, json_t *header) {
  const char *name;
  json_t *value;
  wl_const bytes = {0}; /* a tensor that waits whether its sizes follow */
  json_object_foreach(header, name, value) {
    if (strcmp(name, "__metadata__") == 0)
      continue;
    wl_const tensor;
    WL_TRY(read_tensor(r, name, value, &tensor));
    if (strncmp(name, "_pad_", 5) == 0)
      continue;
    if (has_suffix(name, "#sizes")) {
      size_t stem = strlen(name) - strlen("#sizes");
      if (bytes.name == NULL || strlen(bytes.name) != stem ||
          memcmp(bytes.name, name, stem) != 0)
        return BAD(r->error, "tensor '%.100s' does not follow its bytes", name);
      WL_TRY(join_strings(r, &bytes, &tensor));
      continue;
    }
    if (bytes.name != NULL)
      WL_TRY(add_constant(r, &bytes));
    bytes = tensor;
  }
  if (bytes.name != NULL)
    WL_TRY(add_constant(r, &bytes));
  if (r->at != r->data_size)
    return BAD(r->error, "%zu bytes at the end belong to no tensor",
               r->data_size - r->at);
  return WL_OK;
}

/* ---- header -------------------------------------------------------------- */

static wl_status check_digest(const uint8_t *bytes, size_t size,
                              wl_error *error) {
  char digits[WL_DIGEST_DIGITS + 1];
  if (size < WL_DIGEST_OFFSET + WL_DIGEST_DIGITS + 2 ||
      memcmp(bytes + 8, WL_DIGEST_PREFIX, WL_DIGEST_OFFSET - 8) != 0)
    return BAD(error, "this is not a willump artifact (%zu bytes)", size);
  wl_digest(bytes, size, digits);
  if (memcmp(bytes + WL_DIGEST_OFFSET, digits, WL_DIGEST_DIGITS) != 0)
    return BAD(error,
               "the artifact is damaged: its digest is %s, it should "
               "be %.32s",
               digits, (const char *)bytes + WL_DIGEST_OFFSET);
  return WL_OK;
}

static wl_status check_version(json_t *metadata, wl_error *error) {
  const char *version =
      json_string_value(json_object_get(metadata, "format_version"));
  char *end = NULL;
  long number = version != NULL ? strtol(version, &end, 10) : 0;
  if (version == NULL || end == version || *end != '\0' || number < 1)
    return BAD(error, "the artifact has no format version");
  if (number > WL_ARTIFACT_VERSION)
    return BAD(error,
               "the artifact has format %ld, this version reads up to %d: "
               "upgrade willump",
               number, WL_ARTIFACT_VERSION);
  return WL_OK;
}

/* The JSON reader drops characters without a word when memory runs out inside a
 * long string, so the texts' sizes are written beside them. */
static wl_status check_size(const json_t *metadata, const char *name,
                            const json_t *text, wl_error *error) {
  const char *written = json_string_value(json_object_get(metadata, name));
  char *end = NULL;
  unsigned long long size = written != NULL ? strtoull(written, &end, 10) : 0;
  if (written == NULL || end == written || *end != '\0')
    return BAD(error, "the artifact does not say its %s", name);
  if (json_string_length(text) < size)
    return wl_fail_memory(error, (size_t)size);
  if (json_string_length(text) > size)
    return BAD(error, "the artifact's %s is wrong", name);
  return WL_OK;
}

static wl_status read_graph(reader *r, json_t *header, char **metadata_out) {
  json_t *metadata = json_object_get(header, "__metadata__");
  if (!json_is_object(metadata))
    return BAD(r->error, "the artifact has no metadata");
  WL_TRY(check_version(metadata, r->error));
  json_t *text = json_object_get(metadata, "graph");
  json_t *own = json_object_get(metadata, "metadata");
  if (!json_is_string(text) || !json_is_string(own))
    return BAD(r->error, "the artifact has no graph, or no metadata of its "
                         "model");
  WL_TRY(check_size(metadata, "graph_size", text, r->error));
  WL_TRY(check_size(metadata, "metadata_size", own, r->error));
  WL_TRY(read_tensors(r, header));
  wl_status status = wl_graph_parse(r->graph, json_string_value(text),
                                    json_string_length(text), r->error);
  if (status == WL_ERROR_VALUE || status == WL_ERROR_TYPE) {
    if (r->error != NULL)
      r->error->code = WL_ERROR_ARTIFACT;
    status = WL_ERROR_ARTIFACT;
  }
  if (status != WL_OK)
    return status;
  *metadata_out = wl_strndup(json_string_value(own), json_string_length(own));
  return *metadata_out != NULL
             ? WL_OK
             : wl_fail_memory(r->error, json_string_length(own));
}

wl_status wl_artifact_read(const void *bytes, size_t size, wl_artifact *out,
                           wl_error *error) {
  const uint8_t *at = bytes;
  wl_graph_init(&out->graph);
  out->metadata = NULL;
  if (size < 8)
    return BAD(error, "this is not a willump artifact (%zu bytes)", size);
  WL_TRY(check_digest(at, size, error));
  uint64_t header_size = 0;
  for (int i = 0; i < 8; i++)
    header_size |= (uint64_t)at[i] << (8 * i);
  if (header_size > size - 8 || (header_size + 8) % 64 != 0)
    return BAD(error, "the artifact's header cannot be %" PRIu64 " bytes",
               header_size);
  reader r = {.data = at + 8 + header_size,
              .data_size = size - 8 - (size_t)header_size,
              .graph = &out->graph,
              .error = error};
  json_t *header = NULL;
  wl_status status =
      wl_json_read((const char *)at + 8, (size_t)header_size,
                   "the artifact's header", WL_ERROR_ARTIFACT, &header, error);
  if (status == WL_OK)
    status = read_graph(&r, header, &out->metadata);
  json_decref(header);
  if (status != WL_OK)
    wl_artifact_deinit(out);
  return status;
}

void wl_artifact_deinit(wl_artifact *artifact) {
  wl_graph_deinit(&artifact->graph);
  wl_free(artifact->metadata);
  artifact->metadata = NULL;
}
