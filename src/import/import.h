/*
 * import.h: what the layer is for: from the bytes of another library's model to
 * its arrays, and from those to a graph that answers what the library's own
 * Booster does.
 */
#ifndef WL_IMPORT_IMPORT_H
#define WL_IMPORT_IMPORT_H

#include "import/tree_model.h"

/* Reads into an initialised model, which is deinitialised also after a failure.
 * WL_IMPORT_DETECT looks at the bytes. */
wl_status wl_import_read(const void *bytes, size_t size,
                         wl_import_format format, wl_tree_model *model,
                         wl_error *error);

enum { WL_TREE_TENSORS = 18 };

/*
 * The arrays of a model under their names: the attributes of `trees` and
 * `tree_leaves`. Borrowed; returns how many.
 */
size_t wl_tree_model_tensors(const wl_tree_model *model,
                             wl_tensor tensors[WL_TREE_TENSORS]);

/*
 * The graph's text, owned (wl_free): one matrix in; out `prediction` (after the
 * link), `raw` (the sums) and `leaves` (the leaf of every tree, as the source
 * numbers them).
 */
wl_status wl_tree_model_graph(const wl_tree_model *model, char **text,
                              size_t *size, wl_error *error);

/* The metadata's text, a JSON object, owned (wl_free). */
wl_status wl_tree_model_metadata(const wl_tree_model *model, char **text,
                                 wl_error *error);

#endif
