/*
 * forest_route.h: many rows down one large tree.
 *
 * While many rows are at a node they are parted together: its column of ranks
 * is read from end to end, and what it sends left and right stays side by side.
 * A tree's nodes are then visited once each, in order. Below, where a node has
 * a handful of rows, they walk one by one (each instruction set in its own
 * way), but begin at that node; those that walk at the same time are close
 * together in the tree, and so are the nodes and leaves that they read.
 */
#ifndef WL_MODELS_FOREST_ROUTE_H
#define WL_MODELS_FOREST_ROUTE_H

#include "models/forest/forest_loops.h"

/* Node i's fields. */
typedef struct wl_forest_node {
  uint32_t column, rank, left, right;
} wl_forest_node;

WL_INLINE wl_forest_node wl_get_node(const void *nodes, size_t node_size,
                                     size_t i) {
  if (node_size == 16)
    return ((const wl_forest_node *)nodes)[i];
  unsigned bits = node_size == 4 ? 8 : 16;
  uint64_t node = node_size == 4 ? ((const uint32_t *)nodes)[i]
                                 : ((const uint64_t *)nodes)[i];
  uint64_t field = (1u << bits) - 1;
  return (wl_forest_node){
      (uint32_t)(node & field), (uint32_t)(node >> bits & field),
      (uint32_t)(node >> 2 * bits & field), (uint32_t)(node >> 3 * bits)};
}

/*
 * Orders route->rows[begin, end) so that the rows that `node` sends left come
 * first, otherwise as they were, and returns where the others begin.
 */
typedef uint32_t wl_forest_part_function(const wl_forest_tile *tile,
                                         wl_forest_node node, uint32_t begin,
                                         uint32_t end, size_t rank_size);

WL_INLINE uint32_t wl_part_rows(const wl_forest_tile *tile, wl_forest_node node,
                                uint32_t begin, uint32_t end,
                                size_t rank_size) {
  uint32_t *rows = tile->route->rows, *spare = tile->route->spare;
  size_t column = (size_t)node.column << tile->shift;
  uint32_t n_left = begin, n_right = 0;
  for (uint32_t i = begin; i < end; i++) {
    uint32_t row = rows[i];
    bool right = wl_get_rank(tile->ranks, rank_size, column + row) > node.rank;
    rows[n_left] = row;
    spare[n_right] = row;
    n_left += !right;
    n_right += right;
  }
  memcpy(rows + n_left, spare, n_right * sizeof *rows);
  return n_left;
}

/* Rows [begin, end) have come to `at`: a leaf, or a node with few or many. */
WL_INLINE void wl_route_settle(const wl_forest_tile *tile, uint32_t at,
                               uint32_t begin, uint32_t end, uint32_t crowd) {
  wl_forest_route *route = tile->route;
  const uint32_t leaf_bit = tile->forest->leaf_bit, n = end - begin;
  if (at & leaf_bit) {
    memcpy(tile->rows + route->n_arrived, route->rows + begin,
           n * sizeof *tile->rows);
    for (uint32_t i = 0; i < n; i++)
      tile->ids[route->n_arrived + i] = at & ~leaf_bit;
    route->n_arrived += n;
  } else if (n >= crowd) {
    route->crowds[route->n_crowds++] = (wl_forest_crowd){at, begin, end};
  } else {
    /* Whole vectors; what is too much is written over. */
    memcpy(route->walk_rows + route->n_walks, route->rows + begin,
           crowd * sizeof *route->rows);
    for (uint32_t i = 0; i < crowd; i++)
      route->walk_from[route->n_walks + i] = at;
    route->n_walks += n;
  }
}

/*
 * Parts the tile's rows in tree t, while they are `crowd` or more at a node: a
 * number from WL_FOREST_LEAST_CROWD up to WL_FOREST_SLACK, and a multiple of
 * the rows of a vector. Those that reach a leaf have arrived; the others are
 * listed, to walk from where they are. Behind the list come WL_FOREST_SLACK
 * places of no row, at a leaf.
 */
WL_INLINE void wl_route_tree(const wl_forest_tile *tile, size_t t,
                             size_t node_size, size_t rank_size, uint32_t crowd,
                             wl_forest_part_function *part) {
  const wl_forest *forest = tile->forest;
  wl_forest_route *route = tile->route;
  const uint32_t n_rows = (uint32_t)tile->n_rows;
  const uint32_t first = forest->first_node[t];
  route->n_arrived = route->n_walks = route->n_crowds = 0;
  for (uint32_t r = 0; r < n_rows; r++)
    route->rows[r] = r;
  wl_route_settle(tile,
                  first == forest->first_node[t + 1] ? forest->leaf_bit : 0, 0,
                  n_rows, crowd);
  while (route->n_crowds != 0) {
    wl_forest_crowd at = route->crowds[--route->n_crowds];
    wl_forest_node node =
        wl_get_node(forest->nodes, node_size, first + (size_t)at.at);
    uint32_t middle = part(tile, node, at.begin, at.end, rank_size);
    wl_route_settle(tile, node.right, middle, at.end, crowd);
    wl_route_settle(tile, node.left, at.begin, middle, crowd);
  }
  for (size_t i = 0; i < WL_FOREST_SLACK; i++) {
    route->walk_rows[route->n_walks + i] = UINT32_MAX;
    route->walk_from[route->n_walks + i] = forest->leaf_bit;
  }
}

/* The listed rows' walks, eight at a time. */
WL_INLINE void wl_route_walk(const wl_forest_tile *tile, size_t t,
                             size_t node_size, size_t rank_size) {
  const wl_forest *forest = tile->forest;
  const wl_forest_route *route = tile->route;
  const uint32_t leaf_bit = forest->leaf_bit;
  uint32_t *ids = tile->ids + route->n_arrived;
  memcpy(tile->rows + route->n_arrived, route->walk_rows,
         route->n_walks * sizeof *tile->rows);
  for (size_t i = 0; i < route->n_walks; i += WL_FOREST_LANES) {
    uint32_t at[WL_FOREST_LANES], row[WL_FOREST_LANES], all;
    for (size_t u = 0; u < WL_FOREST_LANES; u++) {
      at[u] = route->walk_from[i + u];
      row[u] = at[u] & leaf_bit ? 0 : route->walk_rows[i + u];
    }
    do {
      all = leaf_bit;
#pragma GCC unroll 8
      for (size_t u = 0; u < WL_FOREST_LANES; u++) {
        at[u] = wl_walk_step(forest->nodes, node_size, forest->first_node[t],
                             leaf_bit, at[u], tile->ranks, rank_size,
                             tile->shift, row[u]);
        all &= at[u];
      }
    } while (!(all & leaf_bit));
    for (size_t u = 0; u < WL_FOREST_LANES; u++)
      ids[i + u] = at[u] & ~leaf_bit;
  }
}

WL_INLINE void wl_descend_all(const wl_forest_tile *tile, size_t node_size,
                              size_t rank_size) {
  for (size_t t = 0; t < tile->forest->n_trees; t++) {
    wl_route_tree(tile, t, node_size, rank_size, WL_FOREST_LEAST_CROWD,
                  wl_part_rows);
    wl_route_walk(tile, t, node_size, rank_size);
    wl_add_arrived(tile, t);
  }
}

#endif
