/*
 * lightgbm.h: the parts of the reader of LightGBM's model text: its lines and
 * numbers (lightgbm_text.c), the header (lightgbm_header.c), a tree
 * (lightgbm_tree.c) and the order of these in the file (lightgbm.c).
 *
 * Only what a prediction reads is looked at. Arrays grow with the numbers that
 * are there, never by a count that the file claims.
 */
#ifndef WL_IMPORT_LIGHTGBM_H
#define WL_IMPORT_LIGHTGBM_H

#include "import/readers.h"

typedef struct wl_lgb_field {
  wl_string value; /* data is NULL when it has not been read */
  size_t line;
} wl_lgb_field;

typedef enum wl_lgb_header {
  WL_LGB_VERSION = 0,
  WL_LGB_NUM_CLASS,
  WL_LGB_TREES_PER_ITERATION,
  WL_LGB_MAX_FEATURE,
  WL_LGB_OBJECTIVE,
  WL_LGB_AVERAGE_OUTPUT,
  WL_LGB_FEATURE_NAMES,
  WL_LGB_TREE_SIZES,
  WL_LGB_HEADER_COUNT
} wl_lgb_header;

typedef enum wl_lgb_tree {
  WL_LGB_NUM_LEAVES = 0,
  WL_LGB_NUM_CAT,
  WL_LGB_SPLIT_FEATURE,
  WL_LGB_THRESHOLD,
  WL_LGB_DECISION_TYPE,
  WL_LGB_LEFT_CHILD,
  WL_LGB_RIGHT_CHILD,
  WL_LGB_LEAF_VALUE,
  WL_LGB_CAT_BOUNDARIES,
  WL_LGB_CAT_THRESHOLD,
  WL_LGB_IS_LINEAR,
  WL_LGB_LEAF_CONST,
  WL_LGB_NUM_FEATURES,
  WL_LGB_LEAF_FEATURES,
  WL_LGB_LEAF_COEFF,
  WL_LGB_TREE_COUNT
} wl_lgb_tree;

/* A field's numbers, for the tree at hand. */
typedef struct wl_lgb_arrays {
  wl_i64_array feature, decision, left, right, boundaries, words;
  wl_f64_array threshold;
  uint8_t *seen; /* splits, then leaves, that have a parent */
  size_t seen_capacity;
} wl_lgb_arrays;

typedef struct wl_lgb_reader {
  const char *at, *end;
  size_t line; /* of the line read last, from 1 */
  size_t n_trees;
  wl_tree_model *model;
  wl_lgb_field header[WL_LGB_HEADER_COUNT];
  wl_lgb_field tree[WL_LGB_TREE_COUNT];
  wl_lgb_arrays arrays;
  wl_error *error;
} wl_lgb_reader;

extern const char *const wl_lgb_header_names[WL_LGB_HEADER_COUNT];
extern const char *const wl_lgb_tree_names[WL_LGB_TREE_COUNT];

/* ---- lines and fields ---------------------------------------------------- */

/* The next line, without its end; false behind the last. */
bool wl_lgb_next_line(wl_lgb_reader *reader, wl_string *line);
bool wl_lgb_begins(wl_string string, const char *text);
/* Keeps the line's value when its name is one of those wanted. */
wl_status wl_lgb_keep_field(wl_lgb_reader *reader, wl_string line,
                            const char *const *names, wl_lgb_field *fields,
                            size_t n_fields);
/* Fails about a field: it is missing, or has that problem. */
wl_status wl_lgb_fail_field(const wl_lgb_reader *reader,
                            const wl_lgb_field *field, const char *name,
                            const char *problem);
wl_status wl_lgb_fail_count(const wl_lgb_reader *reader,
                            const wl_lgb_field *field, const char *name,
                            size_t n, size_t expected);

/* ---- words and numbers --------------------------------------------------- */

/* The next word of `rest`, which moves behind it; false at the end. */
bool wl_lgb_next_word(wl_string *rest, wl_string *word);
bool wl_lgb_parse_integer(wl_string word, int64_t *out);
/* A decimal number, or inf or nan as LightGBM prints them. */
bool wl_lgb_parse_real(wl_string word, double *out);
/* One whole number within [low, high]. */
wl_status wl_lgb_read_integer(const wl_lgb_reader *reader,
                              const wl_lgb_field *field, const char *name,
                              int64_t low, int64_t high, int64_t *out);
/* Exactly n whole numbers within [low, high] of a tree's field, appended. */
wl_status wl_lgb_read_integers(const wl_lgb_reader *reader, wl_lgb_tree which,
                               size_t n, int64_t low, int64_t high,
                               wl_i64_array *out);
wl_status wl_lgb_read_reals(const wl_lgb_reader *reader, wl_lgb_tree which,
                            size_t n, wl_f64_array *out);

/* ---- the file's parts ---------------------------------------------------- */

/* What the fields kept of the header say, to the model. */
wl_status wl_lgb_end_header(wl_lgb_reader *reader);
/* What the fields kept of a tree say, to the model; forgets them. */
wl_status wl_lgb_end_tree(wl_lgb_reader *reader);
void wl_lgb_free_arrays(wl_lgb_arrays *arrays);

#endif
