/*
 * encode.h: what `encode` looks values up in: for each column its categories,
 * as strings or as ascending numbers, and the row of numbers that each category
 * stands for.
 */
#ifndef WL_OPS_ENCODE_H
#define WL_OPS_ENCODE_H

#include "ops/common.h"
#include "text/string_table.h"

/* A column's categories are numbered from 0 through all columns. */
typedef struct wl_encode_column {
  wl_string_table strings;
  const uint32_t *places; /* of a string's id: the category's number */
  const double *numbers;  /* ascending: the first of n_numbers is `first` */
  size_t n_numbers;
  size_t first;
  int64_t nan, none; /* the category of a missing value, or -1 */
  const char *name;  /* for messages; "" when it has none */
} wl_encode_column;

typedef struct wl_encode_state {
  wl_arena arena; /* what is not the string tables' own */
  wl_encode_column *columns;
  size_t n_columns, n_made; /* string tables that are there */
  size_t width;             /* numbers that a category stands for */
  const double *codes;      /* a category's lie side by side */
  const double *unknown;    /* a column's side by side; NULL: an error */
  bool is_sum;
  size_t first_column; /* the number of column 0 in messages */
  wl_op_warning warning;
} wl_encode_state;

/* A node's attributes, found and checked as far as that needs no state. */
typedef struct wl_encode_attrs {
  const wl_const *categories, *sizes, *codes, *unknown, *nan, *none, *names;
  size_t n_columns, width;
} wl_encode_attrs;

wl_status wl_encode_attrs_read(const wl_graph *graph, const wl_node *node,
                               wl_encode_attrs *attrs, wl_error *error);

wl_status wl_encode_bind(const wl_graph *graph, const wl_node *node,
                         void **state, wl_error *error);
void wl_encode_unbind(void *state);

#endif
