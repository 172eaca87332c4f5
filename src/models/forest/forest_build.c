/*
 * forest_build.c: the tables of a forest. A tree's splits are written breadth
 * first, but for its twigs: every child is behind its parent, and the splits
 * that most rows see are close together.
 */
#include "models/forest/forest_internal.h"

enum { VALUES_SLACK = 32 * 8 }; /* bytes that may be read past the values */

typedef struct builder {
  wl_forest *forest;
  const wl_forest_spec *spec;
  wl_forest_split *splits;
  uint32_t *order;    /* node -> split */
  uint32_t *place;    /* split -> node within its tree */
  uint32_t *twigs;    /* scratch of a tree */
  uint32_t *leaf;     /* leaf of the forest -> leaf of the spec */
  uint32_t *children; /* left and right of each node: a node or ~leaf */
} builder;

static void *copy(const void *from, size_t size) {
  void *to = wl_alloc(size);
  if (to != NULL && size != 0)
    memcpy(to, from, size);
  return to;
}

static bool is_twig(const wl_forest_spec *spec, uint32_t split) {
  return spec->left[split] < 0 && spec->right[split] < 0;
}

/* A tree's splits from `first` on, breadth first; their number. */
static size_t list_splits(builder *b, int64_t root, size_t first) {
  const wl_forest_spec *spec = b->spec;
  size_t end = first;
  if (root >= 0)
    b->order[end++] = (uint32_t)root;
  for (size_t at = first; at < end; at++) {
    uint32_t split = b->order[at];
    if (spec->left[split] >= 0)
      b->order[end++] = (uint32_t)spec->left[split];
    if (spec->right[split] >= 0)
      b->order[end++] = (uint32_t)spec->right[split];
  }
  return end - first;
}

/* Twigs last, else as they were; returns the number of others. */
static size_t move_twigs(builder *b, size_t first, size_t n) {
  size_t n_others = 0, n_twigs = 0;
  for (size_t i = first; i < first + n; i++) {
    uint32_t split = b->order[i];
    if (is_twig(b->spec, split))
      b->twigs[n_twigs++] = split;
    else
      b->order[first + n_others++] = split;
  }
  memcpy(b->order + first + n_others, b->twigs, n_twigs * sizeof *b->twigs);
  for (size_t i = 0; i < n; i++)
    b->place[b->order[first + i]] = (uint32_t)i;
  return n_others;
}

/* A child's name within its tree; leaves are numbered as they are met. */
static uint32_t enter(builder *b, int64_t child) {
  wl_forest *forest = b->forest;
  if (child >= 0)
    return b->place[child];
  b->leaf[forest->n_leaves] = (uint32_t)~child;
  return ~(uint32_t)forest->n_leaves++;
}

/* Numbers the splits and leaves of all trees. */
static void walk_trees(builder *b) {
  const wl_forest_spec *spec = b->spec;
  wl_forest *forest = b->forest;
  for (size_t t = 0; t < spec->n_trees; t++) {
    size_t first = forest->n_nodes, first_leaf = forest->n_leaves;
    size_t n = list_splits(b, spec->roots[t], first);
    size_t n_others = move_twigs(b, first, n);
    forest->first_node[t] = (uint32_t)first;
    forest->first_twig[t] = (uint32_t)(first + n_others);
    forest->first_leaf[t] = (uint32_t)first_leaf;
    if (n == 0)
      (void)enter(b, spec->roots[t]);
    for (size_t i = first; i < first + n; i++) {
      b->children[2 * i] = enter(b, spec->left[b->order[i]]);
      b->children[2 * i + 1] = enter(b, spec->right[b->order[i]]);
    }
    forest->n_nodes = first + n;
    if (forest->n_leaves - first_leaf > forest->max_leaves)
      forest->max_leaves = forest->n_leaves - first_leaf;
  }
  forest->first_node[spec->n_trees] = (uint32_t)forest->n_nodes;
  forest->first_leaf[spec->n_trees] = (uint32_t)forest->n_leaves;
}

/* The narrowest nodes and ranks that hold the forest. */
static void choose_widths(wl_forest *forest) {
  size_t max_rank = wl_forest_max_rank(forest);
  forest->rank_size = max_rank <= UINT8_MAX ? 1 : 2;
  if (max_rank <= UINT8_MAX && forest->n_columns <= 256 &&
      forest->max_leaves <= 128) {
    forest->node_size = 4;
    forest->leaf_bit = 128;
  } else if (max_rank <= UINT16_MAX && forest->n_columns <= 65536 &&
             forest->max_leaves <= 32768) {
    forest->node_size = 8;
    forest->leaf_bit =
        forest->max_leaves <= WL_FOREST_SELECT_LEAVES ? 256 : 32768;
  } else {
    forest->node_size = 16;
    forest->rank_size = 4;
    forest->leaf_bit = UINT32_C(1) << 31;
  }
}

static void put_node(wl_forest *forest, size_t i, const uint32_t field[4]) {
  for (int k = 0; k < 4; k++) {
    if (forest->node_size == 4)
      ((uint8_t *)forest->nodes)[4 * i + (size_t)k] = (uint8_t)field[k];
    else if (forest->node_size == 8)
      ((uint16_t *)forest->nodes)[4 * i + (size_t)k] = (uint16_t)field[k];
    else
      ((uint32_t *)forest->nodes)[4 * i + (size_t)k] = field[k];
  }
}

static wl_status write_nodes(builder *b, wl_error *error) {
  wl_forest *forest = b->forest;
  size_t size = forest->n_nodes * forest->node_size + 64;
  forest->nodes = wl_alloc_aligned(64, size);
  if (forest->nodes == NULL)
    return wl_fail_memory(error, size);
  memset(forest->nodes, 0, size);
  for (size_t t = 0; t < forest->n_trees; t++) {
    for (size_t i = forest->first_node[t]; i < forest->first_node[t + 1]; i++) {
      const wl_forest_split *split = &b->splits[b->order[i]];
      uint32_t field[4] = {split->column, split->rank};
      for (size_t side = 0; side < 2; side++) {
        uint32_t child = b->children[2 * i + side];
        field[2 + side] =
            child < UINT32_C(1) << 31
                ? child
                : forest->leaf_bit | (~child - forest->first_leaf[t]);
      }
      put_node(forest, i, field);
    }
  }
  return WL_OK;
}

/* A leaf's number within its tree in place of its value. */
static void number_leaves(const builder *b) {
  wl_forest *forest = b->forest;
  for (size_t t = 0; t < forest->n_trees; t++) {
    uint32_t least = UINT32_MAX;
    for (size_t i = forest->first_leaf[t]; i < forest->first_leaf[t + 1]; i++)
      least = b->leaf[i] < least ? b->leaf[i] : least;
    for (size_t i = forest->first_leaf[t]; i < forest->first_leaf[t + 1]; i++)
      forest->values[i] = b->spec->ids != NULL
                              ? (double)b->spec->ids[b->leaf[i]]
                              : (double)(b->leaf[i] - least);
    forest->output[t] = (uint32_t)t;
  }
}

static wl_status write_values(builder *b, wl_error *error) {
  const wl_forest_spec *spec = b->spec;
  wl_forest *forest = b->forest;
  size_t width = forest->width;
  size_t size = forest->n_leaves * width * sizeof(double) + VALUES_SLACK;
  forest->values = wl_alloc_aligned(64, size);
  forest->output = wl_calloc(forest->n_trees + 1, sizeof *forest->output);
  if (forest->values == NULL || forest->output == NULL)
    return wl_fail_memory(error, size);
  memset(forest->values, 0, size);
  if (spec->is_leaf_numbers) {
    number_leaves(b);
    return WL_OK;
  }
  for (size_t i = 0; i < forest->n_leaves; i++)
    memcpy(forest->values + i * width, spec->leaves + b->leaf[i] * width,
           width * sizeof(double));
  for (size_t t = 0; t < forest->n_trees; t++)
    forest->output[t] = spec->output != NULL ? (uint32_t)spec->output[t]
                                             : (uint32_t)(t % spec->n_outputs);
  if (spec->start != NULL) {
    forest->start = copy(spec->start, spec->n_outputs * sizeof *spec->start);
    if (forest->start == NULL)
      return wl_fail_memory(error, spec->n_outputs * sizeof *spec->start);
  }
  return WL_OK;
}

static wl_status make_tables(builder *b, wl_error *error) {
  const wl_forest_spec *spec = b->spec;
  wl_forest *forest = b->forest;
  size_t n = spec->n_splits;
  forest->first_node = wl_calloc(spec->n_trees + 1, sizeof(uint32_t));
  forest->first_leaf = wl_calloc(spec->n_trees + 1, sizeof(uint32_t));
  b->splits = wl_calloc(n + 1, sizeof *b->splits);
  forest->first_twig = wl_calloc(spec->n_trees + 1, sizeof(uint32_t));
  b->order = wl_calloc(n + 1, sizeof *b->order);
  b->place = wl_calloc(n + 1, sizeof *b->place);
  b->twigs = wl_calloc(n + 1, sizeof *b->twigs);
  b->leaf = wl_calloc(spec->n_leaves + 1, sizeof *b->leaf);
  b->children = wl_calloc(n + 1, 2 * sizeof *b->children);
  if (forest->first_node == NULL || forest->first_leaf == NULL ||
      forest->first_twig == NULL || b->splits == NULL || b->order == NULL ||
      b->place == NULL || b->twigs == NULL || b->leaf == NULL ||
      b->children == NULL)
    return wl_fail_memory(error, n * sizeof *b->splits);
  walk_trees(b);
  WL_TRY(wl_forest_make_columns(forest, spec, b->splits, error));
  choose_widths(forest);
  WL_TRY(wl_forest_make_sparse(forest, spec->is_absent_nan, error));
  WL_TRY(write_nodes(b, error));
  return write_values(b, error);
}

static const wl_forest_kernels *kernels_of(wl_cpu_level level) {
#if defined(__x86_64__)
  if (level >= WL_CPU_AVX512_BW)
    return &wl_forest_avx512;
  if (level >= WL_CPU_AVX2)
    return &wl_forest_avx2;
#endif
  (void)level;
  return &wl_forest_portable;
}

wl_status wl_forest_create(const wl_forest_spec *spec, wl_forest **out,
                           wl_error *error) {
  *out = NULL;
  WL_TRY(wl_forest_check(spec, error));
  wl_forest *forest = wl_calloc(1, sizeof *forest);
  if (forest == NULL)
    return wl_fail_memory(error, sizeof *forest);
  builder b = {.forest = forest, .spec = spec};
  forest->kernels = kernels_of(wl_cpu());
  forest->is_f32 = spec->is_f32 && !spec->is_leaf_numbers;
  forest->divide = spec->is_leaf_numbers ? 1.0 : spec->divide;
  forest->n_outputs = spec->is_leaf_numbers ? spec->n_trees : spec->n_outputs;
  forest->width = spec->is_leaf_numbers ? 1 : spec->width;
  forest->n_trees = spec->n_trees;
  wl_status status = make_tables(&b, error);
  wl_free(b.splits);
  wl_free(b.order);
  wl_free(b.place);
  wl_free(b.twigs);
  wl_free(b.leaf);
  wl_free(b.children);
  if (status == WL_OK) {
    wl_forest_set_few_rows(forest);
    *out = forest;
  } else
    wl_forest_free(forest);
  return status;
}

void wl_forest_free(wl_forest *forest) {
  if (forest == NULL)
    return;
  wl_free(forest->start);
  wl_free(forest->features);
  wl_free_aligned(forest->cuts);
  wl_free(forest->categories);
  wl_free(forest->category_columns);
  wl_free(forest->set_words);
  wl_forest_free_sparse(forest);
  wl_free(forest->first_node);
  wl_free(forest->first_twig);
  wl_free(forest->first_leaf);
  wl_free(forest->output);
  wl_free_aligned(forest->nodes);
  wl_free_aligned(forest->values);
  wl_free(forest);
}

size_t wl_forest_size(const wl_forest *f) {
  size_t start = f->start != NULL ? f->n_outputs * sizeof *f->start : 0;
  return sizeof *f + start + f->n_features * sizeof *f->features +
         f->n_cuts * sizeof *f->cuts + f->n_categories * sizeof *f->categories +
         f->n_category_columns * sizeof *f->category_columns +
         f->n_set_words * sizeof *f->set_words + wl_forest_sparse_size(f) +
         f->n_trees * 4 * sizeof(uint32_t) + f->n_nodes * f->node_size +
         f->n_leaves * f->width * sizeof *f->values;
}

size_t wl_forest_n_outputs(const wl_forest *forest) {
  return forest->n_outputs;
}
