/* trees.h: how the operators of trees read their attributes. */
#ifndef WL_MODELS_TREES_H
#define WL_MODELS_TREES_H

#include "models/forest/forest.h"
#include "ops/common.h"

/* The attributes of a forest, with the shapes that they should have; memory is
 * the graph's. *dtype is the result's. */
wl_status wl_trees_read(const wl_graph *graph, const wl_node *node,
                        wl_forest_spec *spec, wl_dtype *dtype, wl_error *error);

/* A list of doubles, or of integers of any width; absent or empty it is NULL,
 * of no elements. Borrowed. */
wl_status wl_trees_take_doubles(const wl_graph *graph, const wl_node *node,
                                const char *name, const double **out, size_t *n,
                                wl_error *error);
wl_status wl_trees_take_ints(const wl_graph *graph, const wl_node *node,
                             const char *name, wl_ints *out, size_t *n,
                             wl_error *error);

#endif
