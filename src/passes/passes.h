/*
 * passes.h: from the source graph to the graph that is run. A pass reads one
 * graph and builds the next; pipeline.c is the list of them.
 */
#ifndef WL_PASSES_PASSES_H
#define WL_PASSES_PASSES_H

#include "graph/graph.h"

/* `to` is initialised and empty; it may borrow the memory of `from`. */
typedef wl_status (*wl_pass_function)(const wl_graph *from, wl_graph *to,
                                      wl_error *error);

/* One value a key: equal nodes become one, unused nodes go. */
wl_status wl_pass_simplify(const wl_graph *from, wl_graph *to, wl_error *error);
/* Linear models are pushed through concat, scale, select and project. */
wl_status wl_pass_push_linear(const wl_graph *from, wl_graph *to,
                              wl_error *error);
/* linear(one_hot(encode(x))) becomes a sum of weights that are looked up. */
wl_status wl_pass_fold_encode(const wl_graph *from, wl_graph *to,
                              wl_error *error);
/* trees(scale(x)) becomes trees(x) with other thresholds. */
wl_status wl_pass_fold_scale(const wl_graph *from, wl_graph *to,
                             wl_error *error);
/* Tables that the same columns look up become one lookup. */
wl_status wl_pass_merge_lookups(const wl_graph *from, wl_graph *to,
                                wl_error *error);
/* What is computed from a table's row alone is looked up instead. */
wl_status wl_pass_tabulate(const wl_graph *from, wl_graph *to, wl_error *error);
/* linear(normalize(tfidf(count(text)))) becomes text_score(text). */
wl_status wl_pass_fuse_text(const wl_graph *from, wl_graph *to,
                            wl_error *error);
/* Scores of the same text features are computed in one traversal. */
wl_status wl_pass_merge_scores(const wl_graph *from, wl_graph *to,
                               wl_error *error);

enum { WL_MAX_PASSES = 16 };

/* The graphs that the passes built; the last is the result. */
typedef struct wl_pass_results {
  wl_graph graphs[WL_MAX_PASSES];
  size_t n;
} wl_pass_results;

/*
 * Runs the passes up to and with the one named `after` ("all" or NULL: all of
 * them), verifying between them. The results borrow the source.
 */
wl_status wl_passes_run(const wl_graph *source, const char *after,
                        wl_pass_results *results, wl_error *error);
void wl_passes_deinit(wl_pass_results *results);
/*
 * Which node of the source each node of the last graph is charged to, when it
 * is asked what computing the source's nodes costs: of those that it computes,
 * the first that reads what it reads. `origins`: room for as many as the last
 * graph has nodes.
 */
wl_status wl_passes_origins(const wl_graph *source,
                            const wl_pass_results *results, wl_id *origins,
                            wl_error *error);
/* The last graph. */
const wl_graph *wl_passes_last(const wl_pass_results *results);

#endif
