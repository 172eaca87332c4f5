/*
 * origins.c: from the nodes that run back to the nodes that were given. A pass
 * says where it put each node's value; what a run's node computes lies in the
 * source between its own image and those of its inputs: its region. A node that
 * passes made in between, such as one of the sums that a model was cut into,
 * lies in the region of the node that reads it.
 */
#include "passes/passes.h"
#include "passes/rewrite.h"

enum { VISITS = 8 }; /* of nodes for each node; then a node is its own region */

typedef struct origins {
  const wl_graph *source, *last;
  wl_id *image; /* owned, of each node of the source: of the last graph */
  wl_id *home;  /* owned, of each node of the last: the first that it is the
                   image of, or WL_NO_NODE */
  wl_id *owner; /* owned, of each node of the last: itself, where it has a home,
                   or the node whose region it lies in */
  bool *is_seen;  /* owned, one a node of the source */
  bool *is_input; /* owned, one a node of the last graph */
  wl_id *stack;   /* owned, as many: the region, in the order of its visit */
  size_t visits;
} origins;

static void origins_deinit(origins *o) {
  wl_free(o->image);
  wl_free(o->home);
  wl_free(o->owner);
  wl_free(o->is_seen);
  wl_free(o->is_input);
  wl_free(o->stack);
}

static wl_status origins_init(origins *o, wl_error *error) {
  size_t n = o->source->n_nodes + 1, n_last = o->last->n_nodes + 1;
  o->image = wl_calloc(n, sizeof *o->image);
  o->is_seen = wl_calloc(n, sizeof *o->is_seen);
  o->stack = wl_calloc(n, sizeof *o->stack);
  o->is_input = wl_calloc(n_last, sizeof *o->is_input);
  o->home = wl_calloc(n_last, sizeof *o->home);
  o->owner = wl_calloc(n_last, sizeof *o->owner);
  o->visits = VISITS * (n + n_last);
  if (o->image == NULL || o->is_seen == NULL || o->stack == NULL ||
      o->is_input == NULL || o->home == NULL || o->owner == NULL)
    return wl_fail_memory(error, n * sizeof *o->image);
  return WL_OK;
}

/* Through all passes. */
static void find_images(origins *o, const wl_pass_results *results) {
  for (wl_id id = 0; id < o->last->n_nodes; id++)
    o->home[id] = WL_NO_NODE;
  for (wl_id id = (wl_id)o->source->n_nodes; id-- > 0;) {
    wl_id at = id;
    for (size_t g = 0; g < results->n && at != WL_NO_NODE; g++)
      at = results->graphs[g].images[at];
    o->image[id] = at;
    if (at != WL_NO_NODE)
      o->home[at] = id;
  }
}

/* Readers come behind what they read. */
static void find_owners(origins *o) {
  const wl_graph *last = o->last;
  for (wl_id id = 0; id < last->n_nodes; id++)
    o->owner[id] = o->home[id] != WL_NO_NODE ? id : WL_NO_NODE;
  for (wl_id id = (wl_id)last->n_nodes; id-- > 0;)
    for (uint32_t i = 0; i < last->nodes[id].n_inputs; i++)
      if (o->owner[last->nodes[id].inputs[i]] == WL_NO_NODE)
        o->owner[last->nodes[id].inputs[i]] = o->owner[id];
}

/* The source's nodes that an owner computes: its own, and what they read until
 * another node's value. */
static size_t region_of(origins *o, wl_id owner) {
  size_t n = 0;
  o->stack[n++] = o->home[owner];
  o->is_seen[o->home[owner]] = true;
  for (size_t at = 0; at < n; at++) {
    const wl_node *node = &o->source->nodes[o->stack[at]];
    for (uint32_t i = 0; i < node->n_inputs && o->visits > 0; i++) {
      wl_id input = node->inputs[i], image = o->image[input];
      o->visits--;
      if (o->is_seen[input] || (image != WL_NO_NODE && image != owner))
        continue;
      o->is_seen[input] = true;
      o->stack[n++] = input;
    }
  }
  for (size_t i = 0; i < n; i++)
    o->is_seen[o->stack[i]] = false;
  return n;
}

/* Does a node of the source read a value that is marked? */
static bool reads_input(origins *o, wl_id id) {
  const wl_node *node = &o->source->nodes[id];
  for (uint32_t i = 0; i < node->n_inputs && o->visits > 0; i++) {
    wl_id image = o->image[node->inputs[i]];
    o->visits--;
    if (image != WL_NO_NODE && o->is_input[image])
      return true;
  }
  return false;
}

static wl_id origin_of(origins *o, wl_id id) {
  const wl_node *node = &o->last->nodes[id];
  wl_id owner = o->owner[id], origin = WL_NO_NODE;
  if (owner == WL_NO_NODE)
    return 0; /* nobody reads it */
  size_t n = region_of(o, owner);
  if (n == 1)
    return o->home[owner];
  for (uint32_t i = 0; i < node->n_inputs; i++)
    o->is_input[node->inputs[i]] = true;
  for (size_t i = 0; i < n; i++)
    if (o->stack[i] < origin && reads_input(o, o->stack[i]))
      origin = o->stack[i];
  for (uint32_t i = 0; i < node->n_inputs; i++)
    o->is_input[node->inputs[i]] = false;
  return origin != WL_NO_NODE ? origin : o->home[owner];
}

wl_status wl_passes_origins(const wl_graph *source,
                            const wl_pass_results *results, wl_id *out,
                            wl_error *error) {
  origins o = {.source = source, .last = wl_passes_last(results)};
  wl_status status = origins_init(&o, error);
  if (status == WL_OK) {
    find_images(&o, results);
    find_owners(&o);
    for (wl_id id = 0; id < o.last->n_nodes; id++)
      out[id] = origin_of(&o, id);
  }
  origins_deinit(&o);
  return status;
}
