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

/* What a model is as the attributes of `trees` and `tree_leaves`, under their
 * names; empty lists are left out. Memory is the arena's or the model's. */
typedef struct wl_tree_tensors {
  wl_arena arena;
  wl_tensor list[WL_TREE_TENSORS];
  size_t n;
} wl_tree_tensors;

/* Refuses what is not a forest; nothing is to be deinitialised then. */
wl_status wl_tree_tensors_init(wl_tree_tensors *tensors,
                               const wl_tree_model *model, wl_error *error);
void wl_tree_tensors_deinit(wl_tree_tensors *tensors);
bool wl_tree_tensors_have(const wl_tree_tensors *tensors, const char *name);

/*
 * The graph's text, owned (wl_free): one matrix in; out `prediction` (after the
 * link), `raw` (the sums) and `leaves` (the leaf of every tree, as the source
 * numbers them).
 */
wl_status wl_tree_model_graph(const wl_tree_model *model,
                              const wl_tree_tensors *tensors, char **text,
                              size_t *size, wl_error *error);

/* The metadata's text, a JSON object, owned (wl_free). */
wl_status wl_tree_model_metadata(const wl_tree_model *model, char **text,
                                 wl_error *error);

#endif
