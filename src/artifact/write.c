/* write.c: a graph and its metadata to the bytes of an artifact. */
#include <stdio.h>

#include "artifact/artifact.h"
#include "artifact/digest.h"
#include "artifact/json.h"

enum { ALIGN = 64 };

/* One tensor of the file: its bytes are written in this order. */
typedef struct part {
  char *name; /* owned */
  const char *dtype;
  uint32_t n_dims;
  uint64_t shape[WL_TENSOR_MAX_DIMS];
  const void *data;
  void *owned; /* data, when it was made here */
  size_t size;
} part;

typedef struct writer {
  part *parts;
  size_t n_parts, capacity;
  size_t data_size;
  size_t n_pads;
  wl_error *error;
} writer;

static const char *dtype_name(wl_dtype dtype) {
  static const char *const names[] = {"BOOL", "I8",  "U8",  "I16", "U16", "I32",
                                      "U32",  "I64", "U64", "F32", "F64", "U8"};
  _Static_assert(WL_COUNT_OF(names) == WL_DTYPE_COUNT, "a name for each");
  return names[dtype];
}

static wl_status push(writer *w, part p) {
  wl_status status = wl_grow((void **)&w->parts, &w->capacity, w->n_parts + 1,
                             sizeof *w->parts, w->error);
  if (status == WL_OK && p.name == NULL)
    status = wl_fail_memory(w->error, 64);
  if (status != WL_OK) {
    wl_free(p.name);
    wl_free(p.owned);
    return status;
  }
  w->parts[w->n_parts++] = p;
  w->data_size += p.size;
  return WL_OK;
}

/* Filler up to the next aligned place. */
static wl_status pad(writer *w) {
  static const char zeros[ALIGN];
  size_t size = (ALIGN - w->data_size % ALIGN) % ALIGN;
  if (size == 0)
    return WL_OK;
  char name[32];
  int n = snprintf(name, sizeof name, "_pad_%zu", w->n_pads++);
  return push(w, (part){.name = wl_strndup(name, (size_t)n),
                        .dtype = "U8",
                        .n_dims = 1,
                        .shape = {size},
                        .data = zeros,
                        .size = size});
}

/* The lengths of strings, in a byte each when they fit. */
static wl_status push_sizes(writer *w, const wl_const *c) {
  bool is_narrow = true;
  for (size_t i = 0; i < c->n_elements; i++)
    is_narrow &= c->offsets[i + 1] - c->offsets[i] <= UINT8_MAX;
  size_t width = is_narrow ? 1 : 4, length = strlen(c->name);
  part p = {.dtype = is_narrow ? "U8" : "U32",
            .n_dims = 1,
            .shape = {c->n_elements},
            .size = c->n_elements * width};
  p.owned = wl_alloc(p.size);
  p.name = wl_alloc(length + sizeof "#sizes");
  if (p.owned == NULL || p.name == NULL) {
    wl_free(p.owned);
    wl_free(p.name);
    return wl_fail_memory(w->error, p.size);
  }
  memcpy(p.name, c->name, length);
  memcpy(p.name + length, "#sizes", sizeof "#sizes");
  for (size_t i = 0; i < c->n_elements; i++) {
    uint32_t size = c->offsets[i + 1] - c->offsets[i];
    if (is_narrow)
      ((uint8_t *)p.owned)[i] = (uint8_t)size;
    else
      ((uint32_t *)p.owned)[i] = size;
  }
  p.data = p.owned;
  return push(w, p);
}

static wl_status push_constant(writer *w, const wl_const *c) {
  part p = {.name = wl_strndup(c->name, strlen(c->name)),
            .dtype = dtype_name(c->dtype),
            .n_dims = c->n_dims,
            .data = c->data};
  memcpy(p.shape, c->shape, sizeof p.shape);
  p.size = c->n_elements * wl_dtype_size(c->dtype);
  if (c->dtype == WL_STRING) {
    p.n_dims = 1;
    p.size = c->offsets[c->n_elements];
    p.shape[0] = p.size;
  }
  WL_TRY(push(w, p));
  WL_TRY(pad(w));
  if (c->dtype != WL_STRING)
    return WL_OK;
  WL_TRY(push_sizes(w, c));
  return pad(w);
}

/* ---- the header ---------------------------------------------------------- */

/* NULL when there is no memory. */
static json_t *describe(const part *p, size_t offset) {
  json_t *shape = json_array();
  for (uint32_t d = 0; d < p->n_dims; d++) {
    if (json_array_append_new(shape, json_integer((json_int_t)p->shape[d])) !=
        0) {
      json_decref(shape);
      return NULL;
    }
  }
  return json_pack("{s:s,s:o,s:[I,I]}", "dtype", p->dtype, "shape", shape,
                   "data_offsets", (json_int_t)offset,
                   (json_int_t)(offset + p->size));
}

static json_t *make_header(const writer *w, const char *graph,
                           const char *metadata) {
  char digest[9 + WL_DIGEST_DIGITS + 1] = "xxh3-128:";
  memset(digest + 9, '0', WL_DIGEST_DIGITS);
  char sizes[2][24];
  (void)snprintf(sizes[0], sizeof sizes[0], "%zu", strlen(graph));
  (void)snprintf(sizes[1], sizeof sizes[1], "%zu", strlen(metadata));
  json_t *header =
      json_pack("{s:{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s}}", "__metadata__",
                "digest", digest, "format", "willump", "format_version", "1",
                "version", WL_VERSION, "graph_size", sizes[0], "metadata_size",
                sizes[1], "graph", graph, "metadata", metadata);
  size_t offset = 0;
  for (size_t i = 0; i < w->n_parts && header != NULL; i++) {
    if (json_object_set_new(header, w->parts[i].name,
                            describe(&w->parts[i], offset)) != 0) {
      json_decref(header);
      header = NULL;
    }
    offset += w->parts[i].size;
  }
  return header;
}

static wl_status assemble(const writer *w, const char *header, void **bytes,
                          size_t *size) {
  size_t length = strlen(header);
  size_t padded = (length + 8 + ALIGN - 1) / ALIGN * ALIGN - 8;
  *size = 8 + padded + w->data_size;
  uint8_t *to = wl_alloc(*size);
  if (to == NULL)
    return wl_fail_memory(w->error, *size);
  for (int i = 0; i < 8; i++)
    to[i] = (uint8_t)((uint64_t)padded >> (8 * i));
  memcpy(to + 8, header, length);
  memset(to + 8 + length, ' ', padded - length);
  size_t at = 8 + padded;
  for (size_t i = 0; i < w->n_parts; i++) {
    if (w->parts[i].size != 0)
      memcpy(to + at, w->parts[i].data, w->parts[i].size);
    at += w->parts[i].size;
  }
  char digits[WL_DIGEST_DIGITS + 1];
  wl_digest(to, *size, digits);
  memcpy(to + WL_DIGEST_OFFSET, digits, WL_DIGEST_DIGITS);
  *bytes = to;
  return WL_OK;
}

wl_status wl_artifact_write(const wl_graph *graph, const char *metadata,
                            void **bytes, size_t *size, wl_error *error) {
  writer w = {.error = error};
  char *text = NULL, *header_text = NULL;
  json_t *header = NULL;
  size_t text_size;
  wl_status status = WL_OK;
  *bytes = NULL;
  for (size_t i = 0; i < graph->n_constants; i++)
    if (graph->constants[i].name != NULL)
      WL_TRY_DONE(status, push_constant(&w, &graph->constants[i]));
  WL_TRY_DONE(status, wl_graph_print(graph, false, &text, &text_size, error));
  header = make_header(&w, text, metadata);
  header_text = header ? json_dumps(header, JSON_COMPACT) : NULL;
  if (header_text == NULL)
    status = wl_fail(error, WL_ERROR_MEMORY,
                     "the header cannot be written: out of memory, or text "
                     "that is not UTF-8");
  else
    status = assemble(&w, header_text, bytes, size);
done:
  wl_json_free_text(header_text);
  json_decref(header);
  wl_free(text);
  for (size_t i = 0; i < w.n_parts; i++) {
    wl_free(w.parts[i].name);
    wl_free(w.parts[i].owned);
  }
  wl_free(w.parts);
  return status;
}
