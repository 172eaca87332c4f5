/* document.c: the arrays of a document, whatever its syntax. */
#include "import/document.h"

void wl_document_init(wl_document *document) {
  *document = (wl_document){.nodes = NULL};
}

void wl_document_deinit(wl_document *document) {
  wl_free(document->nodes);
  wl_free(document->numbers.values);
  wl_free(document->text);
  wl_document_init(document);
}

const char *wl_doc_kind_name(wl_doc_kind kind) {
  static const char *const names[] = {
      "null",     "true or false",       "a number",
      "a string", "an array of numbers", "an array",
      "an object"};
  _Static_assert(WL_COUNT_OF(names) == WL_DOC_KIND_COUNT,
                 "a name for every kind");
  return (unsigned)kind < WL_DOC_KIND_COUNT ? names[kind] : "?";
}

wl_status wl_doc_add(wl_document *document, wl_doc_place *place,
                     wl_doc_kind kind, size_t position, uint32_t *out,
                     wl_error *error) {
  void *grown = document->nodes;
  if (document->n_nodes >= UINT32_MAX - 1)
    return wl_fail(error, WL_ERROR_UNSUPPORTED,
                   "the file has more than 2^32 values");
  WL_TRY(wl_grow(&grown, &document->nodes_capacity, document->n_nodes + 1,
                 sizeof *document->nodes, error));
  document->nodes = grown;
  uint32_t id = (uint32_t)document->n_nodes++;
  document->nodes[id] = (wl_doc_node){.kind = kind,
                                      .key = place->key,
                                      .n_keys = place->key_size,
                                      .position = position};
  if (place->parent != UINT32_MAX) {
    wl_doc_node *parent = &document->nodes[place->parent];
    if (place->last == 0)
      parent->first = id;
    else
      document->nodes[place->last].next = id;
    parent->n++;
  }
  place->last = id;
  *out = id;
  return WL_OK;
}

wl_status wl_doc_add_text(wl_document *document, const void *bytes, size_t size,
                          wl_error *error) {
  void *grown = document->text;
  size_t needed;
  if (size == 0)
    return WL_OK;
  if (wl_add_overflows(document->text_size, size, &needed))
    return wl_fail_memory(error, size);
  WL_TRY(wl_grow(&grown, &document->text_capacity, needed, 1, error));
  document->text = grown;
  memcpy(document->text + document->text_size, bytes, size);
  document->text_size = needed;
  return WL_OK;
}

uint32_t wl_doc_member(const wl_document *document, uint32_t object,
                       const char *name, size_t *n_found) {
  size_t size = strlen(name), n = 0;
  uint32_t found = 0;
  uint32_t child = document->nodes[object].first;
  for (; child != 0; child = document->nodes[child].next) {
    const wl_doc_node *node = &document->nodes[child];
    if (node->n_keys != size ||
        (size != 0 && memcmp(document->text + node->key, name, size) != 0))
      continue;
    if (n++ == 0)
      found = child;
  }
  if (n_found != NULL)
    *n_found = n;
  return found;
}

wl_string wl_doc_string(const wl_document *document, uint32_t node) {
  const wl_doc_node *from = &document->nodes[node];
  return (wl_string){from->n != 0 ? document->text + from->at : "", from->n};
}
