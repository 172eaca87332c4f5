/*
 * fill_table.h: what nodes of a graph make of each row number of a lookup,
 * computed by their own operators.
 */
#ifndef WL_PASSES_FILL_TABLE_H
#define WL_PASSES_FILL_TABLE_H

#include "graph/graph.h"
#include "graph/op.h"

/* A node's values for the row numbers 0 to n_rows - 1, and one more for all
 * other numbers. */
typedef struct wl_filled {
  size_t n_rows, width;
  double *numbers;    /* owned; (n_rows + 1) * width; of text: NULL */
  wl_string *strings; /* owned; n_rows + 1, missing as a wl_missing says; they
                         lie in `bytes`, which may move until it is filled */
  char *bytes;        /* owned */
  size_t n_bytes, capacity;
} wl_filled;

void wl_filled_deinit(wl_filled *table);

/* Which nodes are computed from the row number `root`, and of which the values
 * are kept. */
typedef struct wl_fill {
  const wl_graph *graph;
  wl_id root;
  size_t n_rows;
  const wl_id *steps; /* in order; a step's inputs are steps, or the root */
  size_t n_steps;
  wl_filled **tables; /* one a step, NULL where nothing is kept; zeroed */
  size_t *budget;     /* bytes that steps may still make and read; less after */
} wl_fill;

/*
 * Fills the tables. A node that refuses a row, may warn, or exceeds the budget
 * is *refusing, with WL_OK; else that is WL_NO_NODE. Fails on memory only.
 */
wl_status wl_fill_tables(const wl_fill *fill, wl_id *refusing, wl_error *error);

#endif
