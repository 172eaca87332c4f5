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

/* CatBoost's model, 1.x, from its JSON. */
wl_status wl_read_catboost(const wl_document *document, wl_tree_model *model,
                           wl_error *error);

/* ---- fields of a document ------------------------------------------------ */

/* Where a reader is, for messages. */
typedef struct wl_doc_reader {
  const char *library; /* whose model it is; static */
  const wl_document *document;
  wl_tree_model *model;
  wl_error *error;
  char where[48]; /* before the field's name: "trees[3]." */
} wl_doc_reader;

/* Fails about a field; `field` may be 0. */
wl_status wl_doc_fail(const wl_doc_reader *reader, wl_status code,
                      const char *name, uint32_t field, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
/* Fails about a member that an object lacks. */
wl_status wl_doc_fail_missing(const wl_doc_reader *reader, uint32_t object,
                              const char *name);
/* A member that is there once, or 0. */
wl_status wl_doc_find(const wl_doc_reader *reader, uint32_t object,
                      const char *name, uint32_t *out);
/* The member of an object, of that kind (an empty array is an array of
 * numbers too). */
wl_status wl_doc_require(const wl_doc_reader *reader, uint32_t object,
                         const char *name, wl_doc_kind kind, uint32_t *out);
/* A number that is written as one or as a string; false: it is neither. */
bool wl_doc_number(const wl_doc_reader *reader, uint32_t node, double *out);
/* A whole number within [low, high], also as a string. */
wl_status wl_doc_integer(const wl_doc_reader *reader, uint32_t object,
                         const char *name, int64_t low, int64_t high,
                         int64_t *out);
/* The same, or `absent` where there is no such member. */
wl_status wl_doc_optional_integer(const wl_doc_reader *reader, uint32_t object,
                                  const char *name, int64_t low, int64_t high,
                                  int64_t absent, int64_t *out);

/* ---- XGBoost's parts ----------------------------------------------------- */

/* What one tree needs of the rest. */
typedef struct wl_xgboost_tree {
  uint32_t node;  /* of the document */
  size_t number;  /* among the trees */
  float weight;   /* what its leaves are multiplied with */
  bool is_vector; /* leaves have model->width values */
} wl_xgboost_tree;

wl_status wl_xgboost_read_tree(wl_doc_reader *reader,
                               const wl_xgboost_tree *tree);

#endif
