/*
 * catboost_tree.c: the trees of a CatBoost model: symmetric ones (one condition
 * a level) in `oblivious_trees`, others in `trees`.
 *
 * A condition holds where (float)x > border, and its rows go right.
 */
#include <math.h>
#include <stdio.h>

#include "import/catboost.h"

enum { MAX_DEPTH = 30 };

/* A condition as a split without children. */
typedef struct cat_split {
  int64_t feature, flags;
  double threshold;
} cat_split;

/* (float)x <= border for doubles x. */
static double fold_border(float border) {
  if (border == INFINITY)
    return (double)INFINITY;
  return wl_fold_float32(nextafterf(border, INFINITY));
}

/* CatBoost goes by split_index, which counts the borders of all columns: what
 * the split says itself must be the same. */
static wl_status check_split_index(const wl_cat_reader *reader, uint32_t split,
                                   const wl_cat_column *column, float border) {
  const wl_doc_reader *base = &reader->base;
  const wl_document *document = base->document;
  uint32_t field;
  int64_t index;
  WL_TRY(wl_doc_find(base, split, "split_index", &field));
  if (field == 0)
    return WL_OK;
  WL_TRY(wl_doc_integer(base, split, "split_index", 0, INT32_MAX, &index));
  const wl_doc_node *borders = &document->nodes[column->borders];
  size_t first = column->first_border, at = (size_t)index - first;
  if ((size_t)index < first || at >= wl_cat_n_borders(base, column))
    return wl_doc_fail(base, WL_ERROR_VALUE, "split_index", field,
                       "is no border of the split's float_feature_index");
  if (borders->kind != WL_DOC_NUMBERS ||
      (float)document->numbers.values[borders->at + at] != border)
    return wl_doc_fail(base, WL_ERROR_VALUE, "border", split,
                       "is not the one in float_features[].borders that "
                       "split_index %lld says",
                       (long long)index);
  return WL_OK;
}

static wl_status read_split(const wl_cat_reader *reader, uint32_t node,
                            cat_split *out) {
  const wl_doc_reader *base = &reader->base;
  uint32_t type, border;
  int64_t number;
  double value;
  if (base->document->nodes[node].kind != WL_DOC_OBJECT)
    return wl_doc_fail(base, WL_ERROR_VALUE, "split", node, "is not an object");
  WL_TRY(wl_doc_require(base, node, "split_type", WL_DOC_STRING, &type));
  wl_string text = wl_doc_string(base->document, type);
  if (!wl_string_is(text, "FloatFeature"))
    return wl_doc_fail(base, WL_ERROR_UNSUPPORTED, "split_type", type,
                       "'%.*s' is not supported; FloatFeature is",
                       text.size < 40 ? (int)text.size : 40, text.data);
  WL_TRY(wl_doc_integer(base, node, "float_feature_index", 0,
                        (int64_t)reader->n_columns - 1, &number));
  WL_TRY(wl_doc_find(base, node, "border", &border));
  if (border == 0)
    return wl_doc_fail_missing(base, node, "border");
  if (!wl_doc_number(base, border, &value) || isnan((float)value))
    return wl_doc_fail(base, WL_ERROR_VALUE, "border", border,
                       "is not a number");
  const wl_cat_column *column = &reader->columns[number];
  *out = (cat_split){.feature = column->column,
                     .flags = column->flags,
                     .threshold = fold_border((float)value)};
  return check_split_index(reader, node, column, (float)value);
}

static wl_status push_leaves(wl_tree_model *model, const double *values,
                             size_t n, wl_error *error) {
  for (size_t i = 0; i < n; i++)
    WL_TRY(wl_f64_push(&model->leaves, values[i], error));
  return WL_OK;
}

/*
 * A symmetric tree written out: the last condition at the root, which makes a
 * leaf's place from the left the number whose bit i is condition i.
 */
static wl_status add_levels(const wl_cat_reader *reader,
                            const cat_split *splits, size_t depth) {
  wl_tree_model *model = reader->base.model;
  int64_t first_leaf = (int64_t)wl_tree_model_n_leaves(model);
  for (size_t level = 0; level < depth; level++) {
    const cat_split *split = &splits[depth - 1 - level];
    int64_t width = (int64_t)1 << level, next = (int64_t)model->feature.n;
    next += width; /* the first split of the level below */
    for (int64_t i = 0; i < width; i++) {
      bool is_last = level + 1 == depth;
      int64_t left = is_last ? ~(first_leaf + 2 * i) : next + 2 * i;
      int64_t right = is_last ? left - 1 : left + 1;
      WL_TRY(wl_tree_model_add_split(model, split->feature, split->threshold,
                                     split->flags, left, right,
                                     reader->base.error));
    }
  }
  return WL_OK;
}

static wl_status read_symmetric(wl_cat_reader *reader, uint32_t tree) {
  const wl_doc_reader *base = &reader->base;
  const wl_document *document = base->document;
  wl_tree_model *model = base->model;
  cat_split splits[MAX_DEPTH];
  uint32_t list, leaves;
  size_t depth = 0;
  WL_TRY(wl_doc_find(base, tree, "splits", &list));
  uint32_t split = list != 0 ? document->nodes[list].first : 0;
  for (; split != 0; split = document->nodes[split].next) {
    if (depth == MAX_DEPTH)
      return wl_doc_fail(base, WL_ERROR_UNSUPPORTED, "splits", list,
                         "are more than %d", MAX_DEPTH);
    WL_TRY(read_split(reader, split, &splits[depth++]));
  }
  WL_TRY(wl_doc_require(base, tree, "leaf_values", WL_DOC_NUMBERS, &leaves));
  const wl_doc_node *values = &document->nodes[leaves];
  size_t n_wanted = model->width << depth;
  if (values->n != n_wanted)
    return wl_doc_fail(base, WL_ERROR_VALUE, "leaf_values", leaves,
                       "has %zu values, but %zu splits and %zu outputs need "
                       "%zu",
                       values->n, depth, model->width, n_wanted);
  int64_t root = depth > 0 ? (int64_t)model->feature.n
                           : ~(int64_t)wl_tree_model_n_leaves(model);
  WL_TRY(wl_i64_push(&model->roots, root, base->error));
  WL_TRY(add_levels(reader, splits, depth));
  return push_leaves(model, document->numbers.values + values->at, n_wanted,
                     base->error);
}

static wl_status add_leaf(const wl_cat_reader *reader, uint32_t node,
                          int64_t *number) {
  const wl_doc_reader *base = &reader->base;
  wl_tree_model *model = base->model;
  uint32_t field;
  WL_TRY(wl_doc_find(base, node, "value", &field));
  if (field == 0)
    return wl_doc_fail(base, WL_ERROR_VALUE, "value", 0,
                       "is missing, and split (byte %zu)",
                       base->document->nodes[node].position);
  const wl_doc_node *value = &base->document->nodes[field];
  bool is_one = value->kind == WL_DOC_NUMBER && model->width == 1;
  bool is_list = value->kind == WL_DOC_NUMBERS && value->n == model->width;
  if (!is_one && !is_list)
    return wl_doc_fail(base, WL_ERROR_VALUE, "value", field,
                       "is not one number for each of %zu outputs",
                       model->width);
  *number = ~(int64_t)wl_tree_model_n_leaves(model);
  return push_leaves(model,
                     is_one ? &value->number
                            : base->document->numbers.values + value->at,
                     model->width, base->error);
}

static bool has_split(const wl_cat_reader *reader, uint32_t node) {
  return wl_doc_member(reader->base.document, node, "split", NULL) != 0;
}

/*
 * A node and all below it; the document limits how deep. CatBoost numbers the
 * leaves from left to right, but a leaf before the subtree beside it.
 */
static wl_status add_node(const wl_cat_reader *reader, uint32_t node,
                          int64_t *number) {
  const wl_doc_reader *base = &reader->base;
  wl_tree_model *model = base->model;
  uint32_t split, left, right;
  cat_split read = {.feature = 0};
  int64_t below[2];
  WL_TRY(wl_doc_find(base, node, "split", &split));
  if (split == 0)
    return add_leaf(reader, node, number);
  WL_TRY(read_split(reader, split, &read));
  WL_TRY(wl_doc_require(base, node, "left", WL_DOC_OBJECT, &left));
  WL_TRY(wl_doc_require(base, node, "right", WL_DOC_OBJECT, &right));
  size_t own = model->feature.n;
  *number = (int64_t)own;
  WL_TRY(wl_tree_model_add_split(model, read.feature, read.threshold,
                                 read.flags, 0, 0, base->error));
  bool is_right_first = has_split(reader, left) && !has_split(reader, right);
  for (int i = 0; i < 2; i++) {
    bool is_right = (i == 1) != is_right_first;
    WL_TRY(add_node(reader, is_right ? right : left, &below[is_right]));
  }
  model->left.values[own] = below[0];
  model->right.values[own] = below[1];
  return WL_OK;
}

wl_status wl_cat_read_trees(wl_cat_reader *reader) {
  wl_doc_reader *base = &reader->base;
  const wl_document *document = base->document;
  uint32_t list, other;
  WL_TRY(wl_doc_find(base, WL_DOC_ROOT, "trees", &other));
  const char *name = other != 0 ? "trees" : "oblivious_trees";
  WL_TRY(wl_doc_require(base, WL_DOC_ROOT, name, WL_DOC_ARRAY, &list));
  size_t n = document->nodes[list].n, i = 0;
  if (n == 0)
    return wl_doc_fail(base, WL_ERROR_UNSUPPORTED, name, list,
                       "is empty: a model without trees is not supported");
  uint32_t tree = document->nodes[list].first;
  for (; tree != 0; tree = document->nodes[tree].next, i++) {
    snprintf(base->where, sizeof base->where, "%s[%zu].", name, i);
    if (document->nodes[tree].kind != WL_DOC_OBJECT)
      return wl_doc_fail(base, WL_ERROR_VALUE, "", tree, "is not an object");
    if (other == 0) {
      WL_TRY(read_symmetric(reader, tree));
      continue;
    }
    int64_t root;
    WL_TRY(add_node(reader, tree, &root));
    WL_TRY(wl_i64_push(&base->model->roots, root, base->error));
  }
  base->where[0] = '\0';
  base->model->n_iterations = n;
  return WL_OK;
}
