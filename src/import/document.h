/*
 * document.h: a JSON or UBJSON document in three arrays: nodes in the order of
 * the text, the numbers of arrays of numbers packed as doubles, and the bytes
 * of strings. A model file is nearly all numbers, which a tree of objects would
 * make many times as large; every node keeps its position for messages.
 *
 * Integers beyond 2^53 are rounded. Depth is limited.
 */
#ifndef WL_IMPORT_DOCUMENT_H
#define WL_IMPORT_DOCUMENT_H

#include "import/tree_model.h"

typedef enum wl_doc_kind {
  WL_DOC_NULL = 0,
  WL_DOC_BOOL,
  WL_DOC_NUMBER,
  WL_DOC_STRING,
  WL_DOC_NUMBERS, /* an array of numbers only, not empty */
  WL_DOC_ARRAY,   /* any other, and an empty one */
  WL_DOC_OBJECT,
  WL_DOC_KIND_COUNT
} wl_doc_kind;

enum { WL_DOC_MAX_DEPTH = 64, WL_DOC_ROOT = 0 };

typedef struct wl_doc_node {
  wl_doc_kind kind;
  uint32_t next;   /* the next of the same parent; 0: the last */
  uint32_t first;  /* the first below it; 0: there is none */
  uint32_t n_keys; /* bytes of the key, in an object */
  size_t key;      /* where it is in `text` */
  size_t n;        /* nodes below it, numbers, or bytes of the string */
  size_t at;       /* where they are in `numbers` or `text` */
  double number;   /* a number, or 0 or 1 */
  size_t position; /* of its first byte in the file */
} wl_doc_node;

typedef struct wl_document {
  wl_doc_node *nodes; /* owned */
  size_t n_nodes, nodes_capacity;
  wl_f64_array numbers;
  char *text; /* owned */
  size_t text_size, text_capacity;
} wl_document;

void wl_document_init(wl_document *document);
void wl_document_deinit(wl_document *document);

/* Fill an initialised document. Messages name the byte. */
wl_status wl_document_read_json(wl_document *document, const char *bytes,
                                size_t size, wl_error *error);
wl_status wl_document_read_ubjson(wl_document *document, const uint8_t *bytes,
                                  size_t size, wl_error *error);

/* "an object", "a string" ...; static. */
const char *wl_doc_kind_name(wl_doc_kind kind);
/* The member of that name, 0 when there is none; *n_found, which may be NULL,
 * says how many there are. */
uint32_t wl_doc_member(const wl_document *document, uint32_t object,
                       const char *name, size_t *n_found);
/* The bytes of a string node. Borrowed. */
wl_string wl_doc_string(const wl_document *document, uint32_t node);

/* ---- for the readers ----------------------------------------------------- */

/* Where the next node goes. `parent` is UINT32_MAX for the root. */
typedef struct wl_doc_place {
  uint32_t parent, last; /* last: the parent's last child so far, or 0 */
  size_t key;
  uint32_t key_size;
} wl_doc_place;

/* A new node at a place, which moves behind it. */
wl_status wl_doc_add(wl_document *document, wl_doc_place *place,
                     wl_doc_kind kind, size_t position, uint32_t *out,
                     wl_error *error);
/* Appends bytes to the strings. */
wl_status wl_doc_add_text(wl_document *document, const void *bytes, size_t size,
                          wl_error *error);

#endif
