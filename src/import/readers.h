/* readers.h: a function a file format, from bytes to an initialised
 * wl_tree_model. Damage is WL_ERROR_VALUE and names the field and where it is;
 * what is sound but not known is WL_ERROR_UNSUPPORTED. After a failure the
 * model holds whatever was read so far, to be deinitialised. */
#ifndef WL_IMPORT_READERS_H
#define WL_IMPORT_READERS_H

#include "import/document.h"

/* LightGBM's model text, versions v3 and v4. */
wl_status wl_read_lightgbm(const char *bytes, size_t size, wl_tree_model *model,
                           wl_error *error);
/* XGBoost's model, 1.6 to 3.x, from its JSON or UBJSON. */
wl_status wl_read_xgboost(const wl_document *document, wl_tree_model *model,
                          wl_error *error);

/* ---- XGBoost's parts ----------------------------------------------------- */

/* Where a reader is, for messages. */
typedef struct wl_xgboost_reader {
  const wl_document *document;
  wl_tree_model *model;
  wl_error *error;
  char where[48]; /* before the field's name: "trees[3]." */
} wl_xgboost_reader;

/* Fails about a field; `field` may be 0. */
wl_status wl_xgboost_fail(const wl_xgboost_reader *reader, wl_status code,
                          const char *name, uint32_t field, const char *format,
                          ...) __attribute__((format(printf, 5, 6)));
/* The member of an object, of that kind (an empty array is an array of
 * numbers too). */
wl_status wl_xgboost_member(const wl_xgboost_reader *reader, uint32_t object,
                            const char *name, wl_doc_kind kind, uint32_t *out);
/* A whole number within [low, high], also as a string. */
wl_status wl_xgboost_integer(const wl_xgboost_reader *reader, uint32_t object,
                             const char *name, int64_t low, int64_t high,
                             int64_t *out);

/* What one tree needs of the rest. */
typedef struct wl_xgboost_tree {
  uint32_t node;  /* of the document */
  size_t number;  /* among the trees */
  float weight;   /* what its leaves are multiplied with */
  bool is_vector; /* leaves have model->width values */
} wl_xgboost_tree;

wl_status wl_xgboost_read_tree(wl_xgboost_reader *reader,
                               const wl_xgboost_tree *tree);

#endif
