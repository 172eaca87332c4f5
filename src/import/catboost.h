/*
 * catboost.h: the parts of the reader of CatBoost's models: the columns
 * (catboost_columns.c), the trees (catboost_tree.c), and the loss, the classes
 * and the scale (catboost.c).
 */
#ifndef WL_IMPORT_CATBOOST_H
#define WL_IMPORT_CATBOOST_H

#include "import/readers.h"

/* A column of numbers, as conditions name it. */
typedef struct wl_cat_column {
  int64_t column;      /* of the caller's rows */
  int64_t flags;       /* of every split on it */
  uint32_t borders;    /* the field, or 0 */
  size_t first_border; /* among the borders of all columns */
} wl_cat_column;

typedef struct wl_cat_reader {
  wl_doc_reader base;
  wl_cat_column *columns; /* owned */
  size_t n_columns;
} wl_cat_reader;

/* The columns and their names; those that are not of numbers are refused. */
wl_status wl_cat_read_columns(wl_cat_reader *reader);
/* How many borders there are: of a column without any the list is empty or
 * null. */
size_t wl_cat_n_borders(const wl_doc_reader *reader,
                        const wl_cat_column *column);
/* The trees of a model whose columns and width are known. */
wl_status wl_cat_read_trees(wl_cat_reader *reader);

#endif
