/*
 * single.h: a graph whose inputs are float32, some of them, as scikit-learn
 * computes with them: in the dtype that NumPy gives columns side by side.
 */
#ifndef WL_PASSES_SINGLE_H
#define WL_PASSES_SINGLE_H

#include "graph/graph.h"

/* How a column counts beside others: with float32, narrow ones (bool, integers
 * of at most 16 bits) are float32, and doubles make doubles of all. */
typedef enum wl_width {
  WL_WIDTH_DOUBLE = 0,
  WL_WIDTH_SINGLE,
  WL_WIDTH_NARROW
} wl_width;

/* Of an input: one for all its columns (n is 1), or one a column; borrowed. */
typedef struct wl_input_widths {
  const uint8_t *widths; /* wl_width */
  size_t n;
} wl_input_widths;

wl_width wl_width_promote(wl_width a, wl_width b);
wl_width wl_width_of(wl_dtype dtype);

/* `to` is initialised and empty, and borrows the memory of `from`. inputs: in
 * the order of their nodes; shown: one a node of `from`, what NumPy's dtype of
 * its numbers would be, were every operator to keep that of its inputs;
 * *is_other: some number may be another than in `from`. */
wl_status wl_graph_single(const wl_graph *from, const wl_input_widths *inputs,
                          wl_graph *to, uint8_t *shown, bool *is_other,
                          wl_error *error);

#endif
