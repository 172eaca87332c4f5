/*
 * xgboost_tree.c: one tree of an XGBoost model. Its nodes are numbered as it
 * grew, with holes where it was pruned; here they are visited from the root,
 * which numbers a split before those below it and finds what is shared, lost
 * in a cycle or out of bounds.
 *
 * A row goes left where (float)x < split_condition. A category split goes left
 * where the category is not in the node's set, the opposite of the operator:
 * its children change places.
 */
#include <math.h>

#include "import/readers.h"

/* XGBoost knows the categories below 2^24, exact in float32. */
enum { MAX_CATEGORY = (1 << 24) - 1 };

/* Limits of what sets may take in all: words a number of the file. */
enum { SET_WORDS_A_NUMBER = 256, FREE_SET_WORDS = 1 << 14 };

typedef struct xgb_array {
  const double *values;
  size_t n;
  uint32_t field; /* 0: the tree has none */
  const char *name;
} xgb_array;

typedef enum xgb_field {
  LEFT_CHILDREN = 0,
  RIGHT_CHILDREN,
  SPLIT_INDICES,
  SPLIT_CONDITIONS,
  DEFAULT_LEFT,
  SPLIT_TYPE,
  CATEGORIES,
  CATEGORIES_NODES,
  CATEGORIES_SEGMENTS,
  CATEGORIES_SIZES,
  LEAF_WEIGHTS,
  BASE_WEIGHTS,
  LOSS_CHANGES, /* from here on nothing is read, but a damaged list is seen */
  PARENTS,
  SUM_HESSIAN,
  FIELD_COUNT
} xgb_field;
typedef enum xgb_length { ANY = 0, BY_NODE, BY_NODE_AND_OUTPUT } xgb_length;
static const struct xgb_field_def {
  const char *name;
  xgb_length length;
  bool is_required; /* a tree must have it */
} field_defs[FIELD_COUNT] = {
    {"left_children", BY_NODE, true},
    {"right_children", BY_NODE, true},
    {"split_indices", BY_NODE, true},
    {"split_conditions", BY_NODE, true},
    {"default_left", BY_NODE, true},
    {"split_type", BY_NODE, false},
    {"categories", ANY, false},
    {"categories_nodes", ANY, false},
    {"categories_segments", ANY, false},
    {"categories_sizes", ANY, false},
    {"leaf_weights", ANY, false},
    {"base_weights", BY_NODE_AND_OUTPUT, false},
    {"loss_changes", BY_NODE, false},
    {"parents", BY_NODE, false},
    {"sum_hessian", BY_NODE, false},
};

/* The tree at hand. */
typedef struct xgb_tree {
  wl_doc_reader *reader;
  const wl_xgboost_tree *given;
  size_t n_nodes;
  xgb_array fields[FIELD_COUNT];
  int64_t *number; /* by node: its split's or leaf's number as a child; owned;
                      UNSEEN before it was reached */
  uint32_t *queue; /* nodes from the root down; owned */
  size_t n_queued;
  size_t n_splits, n_leaves;
} xgb_tree;

static const int64_t UNSEEN = INT64_MIN;

static wl_status fail_node(const xgb_tree *tree, xgb_field field, size_t node,
                           const char *problem) {
  return wl_doc_fail(tree->reader, WL_ERROR_VALUE, tree->fields[field].name,
                     tree->fields[field].field, "of node %zu %s", node,
                     problem);
}

static double value_of(const xgb_tree *tree, xgb_field field, size_t node) {
  return tree->fields[field].values[node];
}

/* A whole number within [low, high] of a field. */
static wl_status whole_of(const xgb_tree *tree, xgb_field field, size_t i,
                          double low, double high, int64_t *out) {
  double value = value_of(tree, field, i);
  *out = 0;
  if (!(value >= low && value <= high) || value != floor(value))
    return wl_doc_fail(tree->reader, WL_ERROR_VALUE, tree->fields[field].name,
                       tree->fields[field].field,
                       "at %zu is %.17g, not a whole number from %.0f to "
                       "%.0f",
                       i, value, low, high);
  *out = (int64_t)value;
  return WL_OK;
}

static bool is_leaf(const xgb_tree *tree, size_t node) {
  return value_of(tree, LEFT_CHILDREN, node) == -1.0;
}

static wl_status check_length(const xgb_tree *tree, size_t f) {
  const xgb_array *array = &tree->fields[f];
  size_t width = tree->reader->model->width;
  xgb_length length = field_defs[f].length;
  if (length == BY_NODE && array->n != tree->n_nodes)
    return wl_doc_fail(tree->reader, WL_ERROR_VALUE, array->name, array->field,
                       "has %zu values, but num_nodes is %zu", array->n,
                       tree->n_nodes);
  if (length == BY_NODE_AND_OUTPUT &&
      (array->n % width != 0 || array->n / width != tree->n_nodes))
    return wl_doc_fail(tree->reader, WL_ERROR_VALUE, array->name, array->field,
                       "has %zu values, but there are %zu nodes of %zu "
                       "outputs",
                       array->n, tree->n_nodes, width);
  return WL_OK;
}

static wl_status read_fields(xgb_tree *tree) {
  wl_doc_reader *reader = tree->reader;
  const wl_document *document = reader->document;
  for (size_t f = 0; f < FIELD_COUNT; f++) {
    const char *name = field_defs[f].name;
    xgb_array *array = &tree->fields[f];
    uint32_t field = wl_doc_member(document, tree->given->node, name, NULL);
    array->name = name;
    if (field == 0 && !field_defs[f].is_required)
      continue;
    WL_TRY(wl_doc_require(reader, tree->given->node, name, WL_DOC_NUMBERS,
                          &field));
    const wl_doc_node *node = &document->nodes[field];
    *array =
        (xgb_array){node->n != 0 ? document->numbers.values + node->at : NULL,
                    node->n, field, name};
    WL_TRY(check_length(tree, f));
  }
  return WL_OK;
}

/* ---- numbering ----------------------------------------------------------- */

static wl_status reach(xgb_tree *tree, xgb_field field, size_t parent) {
  int64_t child;
  WL_TRY(whole_of(tree, field, parent, 1.0, (double)tree->n_nodes - 1, &child));
  if (tree->number[child] != UNSEEN)
    return fail_node(tree, field, parent, "is a node that has a parent");
  tree->number[child] = 0;
  tree->queue[tree->n_queued++] = (uint32_t)child;
  return WL_OK;
}

/* Splits in the order of the queue, leaves in that of their nodes, so that a
 * leaf's number says which of the tree's leaves it is. */
static wl_status number_nodes(xgb_tree *tree) {
  wl_tree_model *model = tree->reader->model;
  int64_t first_split = (int64_t)model->feature.n;
  int64_t first_leaf = (int64_t)wl_tree_model_n_leaves(model);
  for (size_t i = 0; i < tree->n_nodes; i++)
    tree->number[i] = UNSEEN;
  tree->number[0] = 0;
  tree->queue[tree->n_queued++] = 0;
  for (size_t i = 0; i < tree->n_queued; i++) {
    size_t node = tree->queue[i];
    if (is_leaf(tree, node))
      continue;
    tree->number[node] = first_split + (int64_t)tree->n_splits++;
    WL_TRY(reach(tree, LEFT_CHILDREN, node));
    WL_TRY(reach(tree, RIGHT_CHILDREN, node));
  }
  for (size_t node = 0; node < tree->n_nodes; node++) {
    if (tree->number[node] == UNSEEN || !is_leaf(tree, node))
      continue;
    tree->number[node] = ~(first_leaf + (int64_t)tree->n_leaves++);
    WL_TRY(wl_i64_push(&model->leaf_ids, (int64_t)node, tree->reader->error));
  }
  return wl_i64_push(&model->roots, tree->number[0], tree->reader->error);
}

/* ---- categories ---------------------------------------------------------- */

/* The segment of a node in `categories`: categories_nodes names the nodes with
 * one, in rising order. */
static wl_status find_segment(const xgb_tree *tree, size_t node, size_t *begin,
                              size_t *size) {
  const xgb_array *nodes = &tree->fields[CATEGORIES_NODES];
  size_t low = 0, high = nodes->n, n_all = tree->fields[CATEGORIES].n;
  int64_t first, n;
  *begin = *size = 0;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (nodes->values[middle] < (double)node)
      low = middle + 1;
    else
      high = middle;
  }
  if (low == nodes->n || nodes->values[low] != (double)node)
    return fail_node(tree, SPLIT_TYPE, node,
                     "says that it has categories, but "
                     "categories_nodes lacks it");
  if (tree->fields[CATEGORIES_SEGMENTS].n != nodes->n ||
      tree->fields[CATEGORIES_SIZES].n != nodes->n)
    return fail_node(tree, CATEGORIES_NODES, node,
                     "is one of another number than there are segments");
  WL_TRY(whole_of(tree, CATEGORIES_SEGMENTS, low, 0.0, (double)n_all, &first));
  WL_TRY(whole_of(tree, CATEGORIES_SIZES, low, 0.0,
                  (double)(n_all - (size_t)first), &n));
  *begin = (size_t)first;
  *size = (size_t)n;
  return WL_OK;
}

/* The words of a set grow with its largest category. A file that asks for many
 * by few numbers is kept within bounds. */
static bool is_too_long(const xgb_tree *tree, size_t n_words) {
  size_t n_numbers = tree->reader->document->numbers.n;
  return n_words / SET_WORDS_A_NUMBER > n_numbers + FREE_SET_WORDS;
}

static wl_status set_bits(const xgb_tree *tree, size_t begin, size_t size,
                          int64_t *number) {
  const wl_doc_reader *reader = tree->reader;
  wl_tree_model *model = reader->model;
  WL_TRY(wl_tree_model_begin_sets(model, reader->error));
  size_t first = model->sets.n;
  for (size_t i = begin; i < begin + size; i++) {
    int64_t category;
    WL_TRY(whole_of(tree, CATEGORIES, i, 0.0, MAX_CATEGORY, &category));
    size_t word = first + (size_t)category / 32;
    if (is_too_long(tree, word))
      return wl_doc_fail(reader, WL_ERROR_UNSUPPORTED, "categories",
                         tree->fields[CATEGORIES].field,
                         "are so large that their sets would be out of "
                         "proportion to the file");
    while (model->sets.n <= word)
      WL_TRY(wl_i64_push(&model->sets, 0, reader->error));
    model->sets.values[word] |= (int64_t)1 << category % 32;
  }
  return wl_tree_model_end_set(model, number, reader->error);
}

/* ---- splits and leaves --------------------------------------------------- */

static wl_status add_split(xgb_tree *tree, size_t node) {
  wl_doc_reader *reader = tree->reader;
  wl_tree_model *model = reader->model;
  int64_t feature, is_left, type = 0;
  float condition = (float)value_of(tree, SPLIT_CONDITIONS, node);
  int64_t left = tree->number[(size_t)value_of(tree, LEFT_CHILDREN, node)];
  int64_t right = tree->number[(size_t)value_of(tree, RIGHT_CHILDREN, node)];
  WL_TRY(whole_of(tree, SPLIT_INDICES, node, 0.0, (double)model->n_features - 1,
                  &feature));
  WL_TRY(whole_of(tree, DEFAULT_LEFT, node, 0.0, 1.0, &is_left));
  if (tree->fields[SPLIT_TYPE].field != 0)
    WL_TRY(whole_of(tree, SPLIT_TYPE, node, 0.0, 1.0, &type));
  if (type == 0) {
    if (isnan(condition) || condition == -INFINITY)
      return fail_node(tree, SPLIT_CONDITIONS, node,
                       "is nan or -inf, below which there is nothing");
    return wl_tree_model_add_split(model, feature, wl_fold_float32(condition),
                                   WL_SPLIT_MISSING_NAN |
                                       (is_left ? WL_SPLIT_MISSING_LEFT : 0),
                                   left, right, reader->error);
  }
  size_t begin, size;
  int64_t set;
  WL_TRY(find_segment(tree, node, &begin, &size));
  WL_TRY(set_bits(tree, begin, size, &set));
  model->casts_to_f32 = true; /* 2.9999999999 is category 3 */
  return wl_tree_model_add_split(model, feature, (double)set,
                                 WL_SPLIT_IS_CATEGORY | WL_SPLIT_MISSING_NAN |
                                     (is_left ? 0 : WL_SPLIT_MISSING_LEFT),
                                 right, left, reader->error);
}

/* A vector leaf's values are at its number among the leaves, which stands in
 * place of its right child; before 3.2 at its node's number. */
static wl_status add_leaf(xgb_tree *tree, size_t node) {
  wl_tree_model *model = tree->reader->model;
  xgb_field field = SPLIT_CONDITIONS;
  size_t begin = node;
  if (tree->given->is_vector && tree->fields[LEAF_WEIGHTS].field == 0) {
    field = BASE_WEIGHTS;
    begin = node * model->width;
  } else if (tree->given->is_vector) {
    int64_t leaf;
    double n_vectors = (double)(tree->fields[LEAF_WEIGHTS].n / model->width);
    field = LEAF_WEIGHTS;
    WL_TRY(whole_of(tree, RIGHT_CHILDREN, node, 0.0, n_vectors - 1, &leaf));
    begin = (size_t)leaf * model->width;
  }
  for (size_t k = 0; k < model->width; k++) {
    float value = (float)value_of(tree, field, begin + k);
    value *= tree->given->weight;
    WL_TRY(wl_f64_push(&model->leaves, (double)value, tree->reader->error));
  }
  return WL_OK;
}

static wl_status read_nodes(xgb_tree *tree) {
  WL_TRY(number_nodes(tree));
  for (size_t i = 0; i < tree->n_queued; i++)
    if (!is_leaf(tree, tree->queue[i]))
      WL_TRY(add_split(tree, tree->queue[i]));
  for (size_t node = 0; node < tree->n_nodes; node++)
    if (tree->number[node] != UNSEEN && is_leaf(tree, node))
      WL_TRY(add_leaf(tree, node));
  return WL_OK;
}

/* The number of nodes and the leaves' width, as tree_param says. */
static wl_status read_parameters(xgb_tree *tree) {
  wl_doc_reader *reader = tree->reader;
  uint32_t parameters;
  int64_t n_nodes, width = 1;
  WL_TRY(wl_doc_require(reader, tree->given->node, "tree_param", WL_DOC_OBJECT,
                        &parameters));
  WL_TRY(
      wl_doc_integer(reader, parameters, "num_nodes", 1, INT32_MAX, &n_nodes));
  if (wl_doc_member(reader->document, parameters, "size_leaf_vector", NULL) !=
      0)
    WL_TRY(wl_doc_integer(reader, parameters, "size_leaf_vector", 0,
                          WL_MAX_TREE_OUTPUTS, &width));
  if ((width == 0 ? 1 : (size_t)width) != reader->model->width)
    return wl_doc_fail(reader, WL_ERROR_UNSUPPORTED, "size_leaf_vector",
                       parameters, "differs from that of the first tree");
  tree->n_nodes = (size_t)n_nodes;
  return WL_OK;
}

wl_status wl_xgboost_read_tree(wl_doc_reader *reader,
                               const wl_xgboost_tree *given) {
  xgb_tree tree = {.reader = reader, .given = given};
  wl_status status;
  WL_TRY(read_parameters(&tree));
  WL_TRY(read_fields(&tree));
  const xgb_array *base = &tree.fields[BASE_WEIGHTS];
  if (given->is_vector && tree.fields[LEAF_WEIGHTS].field == 0 &&
      base->field == 0)
    return wl_doc_fail_missing(reader, given->node, base->name);
  tree.number = wl_calloc(tree.n_nodes, sizeof *tree.number);
  tree.queue = wl_calloc(tree.n_nodes, sizeof *tree.queue);
  if (tree.number == NULL || tree.queue == NULL)
    status = wl_fail_memory(reader->error, tree.n_nodes * 8);
  else
    status = read_nodes(&tree);
  wl_free(tree.number);
  wl_free(tree.queue);
  return status;
}
