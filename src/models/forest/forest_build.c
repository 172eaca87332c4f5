/*
 * forest_build.c: the tables of a forest, tree by tree (forest_order.c: in
 * which order). Leaves that the caller has in this order, and keeps, are not
 * copied.
 */
#include "models/forest/forest_internal.h"

typedef struct builder {
  wl_forest *forest;
  const wl_forest_spec *spec;
  wl_forest_rank *ranks; /* of each test */
  wl_forest_order tree;  /* the one at hand */
} builder;

static void *copy(const void *from, size_t size) {
  void *to = wl_alloc(size);
  if (to != NULL && size != 0)
    memcpy(to, from, size);
  return to;
}

/* How many nodes and leaves each tree has. *is_in_order: the spec has the
 * leaves in the tables' order. */
static void measure_trees(builder *b, bool *is_in_order) {
  wl_forest *forest = b->forest;
  *is_in_order = true;
  for (size_t t = 0; t < forest->n_trees; t++) {
    wl_forest_list_tree(&b->tree, b->spec, t);
    size_t n_leaves = b->tree.n_splits + 1;
    for (size_t i = 0; i < n_leaves; i++)
      *is_in_order &= b->tree.leaf[i] == forest->n_leaves + i;
    forest->first_node[t] = (uint32_t)forest->n_nodes;
    forest->first_twig[t] = (uint32_t)(forest->n_nodes + b->tree.n_others);
    forest->first_leaf[t] = (uint32_t)forest->n_leaves;
    forest->n_nodes += b->tree.n_splits;
    forest->n_leaves += n_leaves;
    if (n_leaves > forest->max_leaves)
      forest->max_leaves = n_leaves;
  }
  forest->first_node[forest->n_trees] = (uint32_t)forest->n_nodes;
  forest->first_leaf[forest->n_trees] = (uint32_t)forest->n_leaves;
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

static uint32_t name_of(const wl_forest *forest, int64_t child) {
  return child >= 0 ? (uint32_t)child : forest->leaf_bit | (uint32_t)~child;
}

static void write_nodes(const builder *b, size_t t) {
  wl_forest *forest = b->forest;
  const wl_forest_order *tree = &b->tree;
  for (size_t i = 0; i < tree->n_splits; i++) {
    size_t test = tree->split[i];
    if (b->spec->test.data != NULL)
      test = (size_t)wl_ints_at(&b->spec->test, test);
    const uint32_t field[4] = {b->ranks[test].column, b->ranks[test].rank,
                               name_of(forest, tree->left[i]),
                               name_of(forest, tree->right[i])};
    put_node(forest, forest->first_node[t] + i, field);
  }
}

/* A leaf's number within its tree, or its id, in place of its value. */
static void number_leaves(const builder *b, double *values, size_t n) {
  uint32_t least = UINT32_MAX;
  for (size_t i = 0; i < n; i++)
    least = b->tree.leaf[i] < least ? b->tree.leaf[i] : least;
  for (size_t i = 0; i < n; i++)
    values[i] = b->spec->ids.data != NULL
                    ? (double)wl_ints_at(&b->spec->ids, b->tree.leaf[i])
                    : (double)(b->tree.leaf[i] - least);
}

static void write_values(const builder *b, size_t t) {
  const wl_forest *forest = b->forest;
  size_t first = forest->first_leaf[t], width = forest->width;
  size_t n = forest->first_leaf[t + 1] - first;
  double *values = forest->own_values + first * width;
  if (b->spec->is_leaf_numbers) {
    number_leaves(b, values, n);
    return;
  }
  for (size_t i = 0; i < n; i++)
    memcpy(values + i * width, b->spec->leaves + b->tree.leaf[i] * width,
           width * sizeof(double));
}

/* The memory of nodes and of values, unless the spec's can stay. */
static wl_status make_room(builder *b, bool is_in_order, wl_error *error) {
  const wl_forest_spec *spec = b->spec;
  wl_forest *forest = b->forest;
  size_t size = forest->n_nodes * forest->node_size + 64;
  forest->nodes = wl_alloc_aligned(64, size);
  if (forest->nodes == NULL)
    return wl_fail_memory(error, size);
  memset(forest->nodes, 0, size);
  forest->values = spec->leaves;
  if (is_in_order && spec->are_leaves_lasting && !spec->is_leaf_numbers)
    return WL_OK;
  size = forest->n_leaves * forest->width * sizeof(double);
  forest->own_values = wl_alloc_aligned(64, size);
  forest->values = forest->own_values;
  return forest->own_values != NULL ? WL_OK : wl_fail_memory(error, size);
}

static wl_status write_trees(builder *b, bool is_in_order, wl_error *error) {
  wl_forest *forest = b->forest;
  WL_TRY(make_room(b, is_in_order, error));
  for (size_t t = 0; t < forest->n_trees; t++) {
    wl_forest_list_tree(&b->tree, b->spec, t);
    write_nodes(b, t);
    if (forest->own_values != NULL)
      write_values(b, t);
  }
  return WL_OK;
}

/* Where sums begin, and where trees add. */
static wl_status write_sums(const builder *b, wl_error *error) {
  const wl_forest_spec *spec = b->spec;
  wl_forest *forest = b->forest;
  size_t size = spec->n_outputs * sizeof *spec->start;
  for (size_t t = 0; t < forest->n_trees; t++) {
    if (spec->is_leaf_numbers)
      forest->output[t] = (uint32_t)t;
    else if (spec->output.data != NULL)
      forest->output[t] = (uint32_t)wl_ints_at(&spec->output, t);
    else
      forest->output[t] = (uint32_t)(t % spec->n_outputs);
  }
  if (spec->start == NULL || spec->is_leaf_numbers)
    return WL_OK;
  forest->start = copy(spec->start, size);
  return forest->start != NULL ? WL_OK : wl_fail_memory(error, size);
}

static wl_status make_tables(builder *b, wl_error *error) {
  const wl_forest_spec *spec = b->spec;
  wl_forest *forest = b->forest;
  bool is_in_order;
  forest->first_node = wl_calloc(spec->n_trees + 1, sizeof(uint32_t));
  forest->first_leaf = wl_calloc(spec->n_trees + 1, sizeof(uint32_t));
  forest->first_twig = wl_calloc(spec->n_trees + 1, sizeof(uint32_t));
  forest->output = wl_calloc(spec->n_trees + 1, sizeof(uint32_t));
  b->ranks = wl_calloc(spec->n_tests + 1, sizeof *b->ranks);
  if (forest->first_node == NULL || forest->first_leaf == NULL ||
      forest->first_twig == NULL || forest->output == NULL || b->ranks == NULL)
    return wl_fail_memory(error, spec->n_tests * sizeof *b->ranks);
  WL_TRY(wl_forest_order_init(&b->tree, spec, error));
  measure_trees(b, &is_in_order);
  WL_TRY(wl_forest_make_columns(forest, spec, b->ranks, error));
  choose_widths(forest);
  WL_TRY(wl_forest_make_sparse(forest, spec->is_absent_nan, error));
  WL_TRY(write_trees(b, is_in_order, error));
  return write_sums(b, error);
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
  wl_free(b.ranks);
  wl_forest_order_deinit(&b.tree);
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
  wl_free_aligned(forest->own_values);
  wl_free(forest);
}

size_t wl_forest_size(const wl_forest *f) {
  size_t start = f->start != NULL ? f->n_outputs * sizeof *f->start : 0;
  return sizeof *f + start + f->n_features * sizeof *f->features +
         f->n_cuts * sizeof *f->cuts + f->n_categories * sizeof *f->categories +
         f->n_category_columns * sizeof *f->category_columns +
         f->n_set_words * sizeof *f->set_words + wl_forest_sparse_size(f) +
         f->n_trees * 4 * sizeof(uint32_t) + f->n_nodes * f->node_size +
         (f->own_values != NULL ? f->n_leaves * f->width * sizeof *f->values
                                : 0);
}

size_t wl_forest_n_outputs(const wl_forest *forest) {
  return forest->n_outputs;
}
