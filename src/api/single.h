/*
 * single.h: a model's plans for rows of which some inputs are float32, made
 * when such rows come first, and kept.
 */
#ifndef WL_API_SINGLE_H
#define WL_API_SINGLE_H

#include <stdatomic.h>

#include "exec/run.h"

typedef struct wl_single wl_single;

/* Pushed at the front by whoever made one; freed with the model. */
typedef struct wl_singles {
  _Atomic(wl_single *) first;
} wl_singles;

void wl_singles_init(wl_singles *singles);
void wl_singles_deinit(wl_singles *singles);

/*
 * The plan for these inputs, with its contexts: `*plan` and `*contexts` stay as
 * they are where none is float32, or where that changes no number. `source` is
 * the graph that `*plan` was made of.
 */
wl_status wl_singles_choose(wl_singles *singles, const wl_graph *source,
                            const wl_input *inputs, size_t n_inputs,
                            const wl_plan **plan, wl_context_list **contexts,
                            wl_error *error);

/* Whether NumPy's dtype of an output is float32 for such inputs, of which a run
 * was made, where its operators keep that of their own. */
bool wl_singles_show(const wl_singles *singles, size_t output,
                     const wl_input *inputs, size_t n_inputs);

#endif
