/* single.h: a graph whose inputs are float32, some of them. */
#ifndef WL_PASSES_SINGLE_H
#define WL_PASSES_SINGLE_H

#include "graph/graph.h"

/* `to` is initialised and empty, and borrows the memory of `from`. is_single:
 * by input, in the order of their nodes; *is_other: some number may be another
 * than in `from`. */
wl_status wl_graph_single(const wl_graph *from, const bool *is_single,
                          wl_graph *to, bool *is_other, wl_error *error);

#endif
