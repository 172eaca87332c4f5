/*
 * forest_order.c: the order of a tree's splits and leaves. Every child is
 * behind its parent. Splits go breadth first, but for the twigs, which come
 * last: the select engine takes these together. The splits of trees that are
 * too large for it go depth first, as rows that are parted come to them. Leaves
 * are numbered as the splits name them, so that a twig's follow each other.
 */
#include "models/forest/forest_internal.h"

/* The splits of the largest tree; with roots, at most those of all. */
static size_t most_splits(const wl_forest_spec *spec) {
  size_t most = 0;
  if (spec->sizes.data == NULL)
    return spec->n_splits;
  for (size_t t = 0; t < spec->n_trees; t++) {
    size_t n = (size_t)wl_ints_at(&spec->sizes, t);
    most = n > most ? n : most;
  }
  return most;
}

wl_status wl_forest_order_init(wl_forest_order *order,
                               const wl_forest_spec *spec, wl_error *error) {
  size_t n = most_splits(spec) + 1;
  *order = (wl_forest_order){.split = wl_alloc(n * sizeof *order->split),
                             .left = wl_alloc(n * sizeof *order->left),
                             .right = wl_alloc(n * sizeof *order->right),
                             .leaf = wl_alloc(n * sizeof *order->leaf),
                             .place = wl_alloc(n * sizeof *order->place),
                             .twigs = wl_alloc(n * sizeof *order->twigs)};
  if (order->split != NULL && order->left != NULL && order->right != NULL &&
      order->leaf != NULL && order->place != NULL && order->twigs != NULL)
    return WL_OK;
  wl_forest_order_deinit(order);
  return wl_fail_memory(error, n * sizeof *order->split);
}

void wl_forest_order_deinit(wl_forest_order *order) {
  wl_free(order->split);
  wl_free(order->left);
  wl_free(order->right);
  wl_free(order->leaf);
  wl_free(order->place);
  wl_free(order->twigs);
  *order = (wl_forest_order){.n_splits = 0};
}

static int64_t child_of(const wl_ints *side, const wl_forest_part *part,
                        uint32_t split) {
  return wl_ints_at(side, part->first_split + split);
}

/* Splits of the part, each before what is below it on its left, and that
 * before what is on its right. */
static void list_in_depth(wl_forest_order *order, const wl_forest_spec *spec,
                          const wl_forest_part *part, int64_t root) {
  uint32_t *pending = order->place; /* not yet in use */
  size_t n_pending = 0, n = 0;
  if (root >= 0)
    pending[n_pending++] = (uint32_t)root;
  while (n_pending != 0) {
    uint32_t split = pending[--n_pending];
    int64_t left = child_of(&spec->left, part, split);
    int64_t right = child_of(&spec->right, part, split);
    order->split[n++] = split;
    if (right >= 0)
      pending[n_pending++] = (uint32_t)right;
    if (left >= 0)
      pending[n_pending++] = (uint32_t)left;
  }
}

/* Splits of the part, breadth first. */
static void list_splits(wl_forest_order *order, const wl_forest_spec *spec,
                        const wl_forest_part *part, int64_t root) {
  size_t end = 0;
  if (root >= 0)
    order->split[end++] = (uint32_t)root;
  for (size_t at = 0; at < end; at++) {
    int64_t left = child_of(&spec->left, part, order->split[at]);
    int64_t right = child_of(&spec->right, part, order->split[at]);
    if (left >= 0)
      order->split[end++] = (uint32_t)left;
    if (right >= 0)
      order->split[end++] = (uint32_t)right;
  }
  order->n_splits = end;
}

/* Twigs last, else as they were. */
static void move_twigs(wl_forest_order *order, const wl_forest_spec *spec,
                       const wl_forest_part *part) {
  size_t n_others = 0, n_twigs = 0;
  for (size_t i = 0; i < order->n_splits; i++) {
    uint32_t split = order->split[i];
    if (child_of(&spec->left, part, split) < 0 &&
        child_of(&spec->right, part, split) < 0)
      order->twigs[n_twigs++] = split;
    else
      order->split[n_others++] = split;
  }
  memcpy(order->split + n_others, order->twigs, n_twigs * sizeof *order->twigs);
  order->n_others = n_others;
}

/* A child's number in the order; leaves are numbered as they are met. */
static int32_t name_child(wl_forest_order *order, int64_t child,
                          size_t first_leaf, int32_t *n_leaves) {
  if (child >= 0)
    return (int32_t)order->place[child];
  order->leaf[*n_leaves] = (uint32_t)(first_leaf + (size_t)~child);
  return ~(*n_leaves)++;
}

void wl_forest_list_tree(wl_forest_order *order, const wl_forest_spec *spec,
                         size_t tree) {
  int32_t n_leaves = 0;
  if (tree == 0)
    order->part = (wl_forest_part){.n_splits = 0};
  order->part = wl_forest_next_part(spec, &order->part, tree);
  const wl_forest_part part = order->part;
  int64_t root = wl_forest_root(spec, &part, tree);
  list_splits(order, spec, &part, root);
  if (order->n_splits >= WL_FOREST_SELECT_LEAVES) {
    list_in_depth(order, spec, &part, root);
    order->n_others = order->n_splits;
  } else {
    move_twigs(order, spec, &part);
  }
  for (size_t i = 0; i < order->n_splits; i++)
    order->place[order->split[i]] = (uint32_t)i;
  if (root < 0)
    (void)name_child(order, root, part.first_leaf, &n_leaves);
  for (size_t i = 0; i < order->n_splits; i++) {
    uint32_t split = order->split[i];
    order->left[i] = name_child(order, child_of(&spec->left, &part, split),
                                part.first_leaf, &n_leaves);
    order->right[i] = name_child(order, child_of(&spec->right, &part, split),
                                 part.first_leaf, &n_leaves);
    order->split[i] = (uint32_t)(part.first_split + split);
  }
}
