/*
 * rewrite.h: what passes share: a new graph that starts with all constants of
 * the old one at the same numbers, a map from old nodes to new ones, and the
 * stages copied at the end.
 */
#ifndef WL_PASSES_REWRITE_H
#define WL_PASSES_REWRITE_H

#include "graph/graph.h"
#include "graph/op.h"

typedef struct wl_rewrite {
  const wl_graph *from;
  wl_graph *to;
  wl_id *map;    /* old node -> new node, or WL_NO_NODE */
  size_t budget; /* of numbers that the pass may still make: so many times those
                    that were given; it takes from it what it makes */
  wl_error *error;
} wl_rewrite;

wl_status wl_rewrite_begin(wl_rewrite *rewrite, const wl_graph *from,
                           wl_graph *to, wl_error *error);
/* Copies an old node as it is; its inputs must be mapped. Sets its map entry.
 */
wl_status wl_rewrite_copy(wl_rewrite *rewrite, wl_id id);
/* Copies the stages and outputs. */
wl_status wl_rewrite_finish(wl_rewrite *rewrite);
void wl_rewrite_deinit(wl_rewrite *rewrite);

/* The usual pass: each node in order through `visit`, which sets its entry. */
wl_status wl_rewrite_each(const wl_graph *from, wl_graph *to,
                          wl_status (*visit)(wl_rewrite *rewrite, wl_id id),
                          wl_error *error);

/* Adds a node with one input and at most one tensor attribute. */
wl_status wl_rewrite_unary(wl_rewrite *rewrite, wl_op op, wl_id input,
                           const char *attr, uint32_t tensor, wl_id *out);

/* What is left of an old `linear` node once `sum` has its products: intercept
 * and dtype. Sets its map entry. */
wl_status wl_rewrite_end_linear(wl_rewrite *rewrite, wl_id id, wl_id sum);

#endif
