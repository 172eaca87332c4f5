/*
 * catboost.c: CatBoost's model as its JSON export has it: the columns, the
 * loss, the scale and bias of the sums, and the trees: symmetric ones (one
 * condition a level) in `oblivious_trees`, others in `trees`.
 *
 * A condition holds where (float)x > border, and its rows go right. CatBoost
 * adds the leaves in the order of the trees as doubles, beginning with 0; then
 * come scale and bias.
 */
#include <math.h>
#include <stdio.h>

#include "import/readers.h"

enum { MAX_DEPTH = 30 };

/* A column of numbers, as conditions name it. */
typedef struct cat_column {
  int64_t column;      /* of the caller's rows */
  int64_t flags;       /* of every split on it */
  uint32_t borders;    /* the field, or 0 */
  size_t first_border; /* among the borders of all columns */
} cat_column;

typedef struct cat_reader {
  wl_doc_reader base;
  cat_column *columns; /* owned */
  size_t n_columns;
} cat_reader;

/* ---- columns ------------------------------------------------------------- */

static bool is_text(wl_string string, const char *text) {
  return string.size == strlen(text) &&
         memcmp(string.data, text, string.size) == 0;
}

/* What a feature is called: its id, or its name; empty: it has none. */
static wl_string name_of(const wl_doc_reader *reader, uint32_t feature) {
  static const char *const keys[] = {"feature_id", "feature_name"};
  for (size_t i = 0; i < WL_COUNT_OF(keys); i++) {
    uint32_t name = wl_doc_member(reader->document, feature, keys[i], NULL);
    if (name != 0 && reader->document->nodes[name].kind == WL_DOC_STRING &&
        reader->document->nodes[name].n > 0)
      return wl_doc_string(reader->document, name);
  }
  return (wl_string){"", 0};
}

/* Features that are not numbers are refused, the first of them by name. */
static wl_status refuse_others(const wl_doc_reader *reader, uint32_t info) {
  static const struct {
    const char *field, *what;
  } others[] = {{"categorical_features", "categories"},
                {"text_features", "text"},
                {"embedding_features", "embeddings"},
                {"ctrs", "statistics of categories (CTR)"}};
  for (size_t i = 0; i < WL_COUNT_OF(others); i++) {
    uint32_t list;
    WL_TRY(wl_doc_find(reader, info, others[i].field, &list));
    if (list == 0 || reader->document->nodes[list].n == 0)
      continue;
    uint32_t feature = reader->document->nodes[list].first;
    wl_string name = {"", 0};
    int64_t column = -1;
    if (feature != 0 && reader->document->nodes[feature].kind == WL_DOC_OBJECT)
      name = name_of(reader, feature);
    if (feature != 0)
      WL_TRY(wl_doc_optional_integer(reader, feature, "flat_feature_index", 0,
                                     INT32_MAX, -1, &column));
    return wl_doc_fail(reader, WL_ERROR_UNSUPPORTED, others[i].field, list,
                       "are not supported: feature '%.*s' (column %lld) is of "
                       "%s; train without it, or encode it as numbers before",
                       name.size < 60 ? (int)name.size : 60, name.data,
                       (long long)column, others[i].what);
  }
  return WL_OK;
}

/* Where NaN goes: left, but right where it counts as above all borders. */
static wl_status read_nan(const wl_doc_reader *reader, uint32_t feature,
                          int64_t *flags) {
  uint32_t has_nans, treatment;
  WL_TRY(wl_doc_require(reader, feature, "has_nans", WL_DOC_BOOL, &has_nans));
  WL_TRY(wl_doc_require(reader, feature, "nan_value_treatment", WL_DOC_STRING,
                        &treatment));
  wl_string text = wl_doc_string(reader->document, treatment);
  bool is_above = is_text(text, "AsTrue");
  if (!is_above && !is_text(text, "AsFalse") && !is_text(text, "AsIs"))
    return wl_doc_fail(reader, WL_ERROR_UNSUPPORTED, "nan_value_treatment",
                       treatment,
                       "'%.*s' is not supported; AsIs, AsFalse and AsTrue are",
                       text.size < 40 ? (int)text.size : 40, text.data);
  is_above &= reader->document->nodes[has_nans].number != 0.0;
  *flags = WL_SPLIT_MISSING_NAN | (is_above ? 0 : WL_SPLIT_MISSING_LEFT);
  return WL_OK;
}

/* Of a column without any the list is empty or null. */
static size_t n_borders(const wl_doc_reader *reader, const cat_column *column) {
  return column->borders != 0 ? reader->document->nodes[column->borders].n : 0;
}

static wl_status read_column(cat_reader *reader, uint32_t feature, size_t i) {
  const wl_doc_reader *base = &reader->base;
  cat_column *column = &reader->columns[i];
  int64_t number;
  if (base->document->nodes[feature].kind != WL_DOC_OBJECT)
    return wl_doc_fail(base, WL_ERROR_VALUE, "", feature, "is not an object");
  WL_TRY(wl_doc_integer(base, feature, "feature_index", (int64_t)i, (int64_t)i,
                        &number));
  WL_TRY(wl_doc_integer(base, feature, "flat_feature_index",
                        i > 0 ? column[-1].column + 1 : 0, INT32_MAX - 1,
                        &column->column));
  WL_TRY(wl_doc_find(base, feature, "borders", &column->borders));
  if (i > 0)
    column->first_border =
        column[-1].first_border + n_borders(base, &column[-1]);
  return read_nan(base, feature, &column->flags);
}

/* Names, where every column has one. */
static wl_status read_names(const cat_reader *reader, uint32_t list) {
  const wl_doc_reader *base = &reader->base;
  wl_text_array *names = &base->model->feature_names;
  if (reader->n_columns != base->model->n_features)
    return WL_OK;
  uint32_t feature = base->document->nodes[list].first;
  for (; feature != 0; feature = base->document->nodes[feature].next) {
    wl_string name = name_of(base, feature);
    if (name.size == 0) {
      names->n = names->size = 0;
      return WL_OK;
    }
    WL_TRY(wl_text_push(names, name.data, name.size, base->error));
  }
  return WL_OK;
}

static wl_status read_columns(cat_reader *reader) {
  wl_doc_reader *base = &reader->base;
  uint32_t info, list;
  size_t i = 0;
  WL_TRY(
      wl_doc_require(base, WL_DOC_ROOT, "features_info", WL_DOC_OBJECT, &info));
  snprintf(base->where, sizeof base->where, "features_info.");
  WL_TRY(refuse_others(base, info));
  WL_TRY(wl_doc_require(base, info, "float_features", WL_DOC_ARRAY, &list));
  size_t n = base->document->nodes[list].n;
  reader->columns = wl_calloc(n + 1, sizeof *reader->columns);
  if (reader->columns == NULL)
    return wl_fail_memory(base->error, n * sizeof *reader->columns);
  reader->n_columns = n;
  uint32_t feature = base->document->nodes[list].first;
  for (; feature != 0; feature = base->document->nodes[feature].next, i++) {
    snprintf(base->where, sizeof base->where, "float_features[%zu].", i);
    WL_TRY(read_column(reader, feature, i));
  }
  base->where[0] = '\0';
  base->model->n_features =
      n > 0 ? (size_t)reader->columns[n - 1].column + 1 : 0;
  return read_names(reader, list);
}

/* ---- the loss, the classes, scale and bias ------------------------------- */

/* What a loss's scores go through on the way to a prediction (probabilities
 * for a classifier's loss); those not listed are refused. */
static const struct cat_loss {
  const char *name;
  wl_tree_link link;
} losses[] = {
    {"Logloss", WL_LINK_EXPIT},
    {"CrossEntropy", WL_LINK_EXPIT},
    {"Focal", WL_LINK_EXPIT},
    {"MultiClass", WL_LINK_SOFTMAX},
    {"MultiClassOneVsAll", WL_LINK_EXPIT},
    {"MultiLogloss", WL_LINK_EXPIT},
    {"MultiCrossEntropy", WL_LINK_EXPIT},
    {"Poisson", WL_LINK_EXP},
    {"Tweedie", WL_LINK_EXP},
    {"RMSE", WL_LINK_NONE},
    {"MAE", WL_LINK_NONE},
    {"Quantile", WL_LINK_NONE},
    {"MultiQuantile", WL_LINK_NONE},
    {"LogLinQuantile", WL_LINK_NONE},
    {"GroupQuantile", WL_LINK_NONE},
    {"MAPE", WL_LINK_NONE},
    {"Lq", WL_LINK_NONE},
    {"RMSPE", WL_LINK_NONE},
    {"Huber", WL_LINK_NONE},
    {"Expectile", WL_LINK_NONE},
    {"LogCosh", WL_LINK_NONE},
    {"Cox", WL_LINK_NONE},
    {"SurvivalAft", WL_LINK_NONE},
    {"MultiRMSE", WL_LINK_NONE},
    {"MultiRMSEWithMissingValues", WL_LINK_NONE},
    {"PairLogit", WL_LINK_NONE},
    {"PairLogitPairwise", WL_LINK_NONE},
    {"YetiRank", WL_LINK_NONE},
    {"YetiRankPairwise", WL_LINK_NONE},
    {"LambdaMart", WL_LINK_NONE},
    {"StochasticFilter", WL_LINK_NONE},
    {"StochasticRank", WL_LINK_NONE},
    {"QueryRMSE", WL_LINK_NONE},
    {"QuerySoftMax", WL_LINK_NONE},
    {"QueryCrossEntropy", WL_LINK_NONE},
    {"PythonUserDefinedPerObject", WL_LINK_NONE},
    {"PythonUserDefinedMultiTarget", WL_LINK_NONE},
};

static wl_status read_loss(const wl_doc_reader *reader, uint32_t info) {
  uint32_t parameters, loss, type;
  size_t i = 0;
  WL_TRY(wl_doc_require(reader, info, "params", WL_DOC_OBJECT, &parameters));
  WL_TRY(wl_doc_require(reader, parameters, "loss_function", WL_DOC_OBJECT,
                        &loss));
  WL_TRY(wl_doc_require(reader, loss, "type", WL_DOC_STRING, &type));
  wl_string text = wl_doc_string(reader->document, type);
  while (i < WL_COUNT_OF(losses) && !is_text(text, losses[i].name))
    i++;
  if (i == WL_COUNT_OF(losses))
    return wl_doc_fail(reader, WL_ERROR_UNSUPPORTED, "loss_function", type,
                       "'%.*s' is not supported",
                       text.size < 60 ? (int)text.size : 60, text.data);
  reader->model->link = losses[i].link;
  reader->model->objective = wl_strndup(text.data, text.size);
  return reader->model->objective != NULL
             ? WL_OK
             : wl_fail_memory(reader->error, text.size);
}

static wl_status push_number(const wl_doc_reader *reader, double number) {
  char text[32];
  int size = snprintf(text, sizeof text, "%.17g", number);
  return wl_text_push(&reader->model->class_names, text, (size_t)size,
                      reader->error);
}

static wl_status push_class(const wl_doc_reader *reader, uint32_t name) {
  const wl_doc_node *node = &reader->document->nodes[name];
  wl_string text =
      node->number != 0.0 ? (wl_string){"True", 4} : (wl_string){"False", 5};
  if (node->kind == WL_DOC_NUMBER)
    return push_number(reader, node->number);
  if (node->kind == WL_DOC_STRING)
    text = wl_doc_string(reader->document, name);
  else if (node->kind != WL_DOC_BOOL)
    return wl_doc_fail(reader, WL_ERROR_VALUE, "class_names", name, "holds %s",
                       wl_doc_kind_name(node->kind));
  return wl_text_push(&reader->model->class_names, text.data, text.size,
                      reader->error);
}

/* The names of the classes, as text. */
static wl_status read_classes(const wl_doc_reader *reader, uint32_t info) {
  const wl_document *document = reader->document;
  uint32_t classes, names;
  WL_TRY(wl_doc_find(reader, info, "class_params", &classes));
  if (classes == 0)
    return WL_OK;
  WL_TRY(wl_doc_find(reader, classes, "class_names", &names));
  if (names == 0)
    return WL_OK;
  const wl_doc_node *list = &document->nodes[names];
  for (size_t i = 0; list->kind == WL_DOC_NUMBERS && i < list->n; i++)
    WL_TRY(push_number(reader, document->numbers.values[list->at + i]));
  uint32_t name = list->kind == WL_DOC_ARRAY ? list->first : 0;
  for (; name != 0; name = document->nodes[name].next)
    WL_TRY(push_class(reader, name));
  return WL_OK;
}

/* [scale, [bias of each output]], or [scale, bias] where there is one. */
static wl_status read_scale_and_bias(const wl_doc_reader *reader) {
  static const char name[] = "scale_and_bias";
  const wl_document *document = reader->document;
  wl_tree_model *model = reader->model;
  uint32_t field;
  WL_TRY(wl_doc_find(reader, WL_DOC_ROOT, name, &field));
  if (field == 0)
    return wl_doc_fail(reader, WL_ERROR_VALUE, name, 0, "is missing");
  const wl_doc_node *pair = &document->nodes[field];
  const double *numbers = NULL;
  size_t n = 0;
  if (pair->kind == WL_DOC_NUMBERS && pair->n == 2) {
    model->scale = document->numbers.values[pair->at];
    numbers = document->numbers.values + pair->at + 1;
    n = 1;
  } else if (pair->kind == WL_DOC_ARRAY && pair->n == 2) {
    const wl_doc_node *scale = &document->nodes[pair->first];
    const wl_doc_node *bias = &document->nodes[scale->next];
    model->scale = scale->kind == WL_DOC_NUMBER ? scale->number : (double)NAN;
    n = bias->kind == WL_DOC_NUMBERS ? bias->n : 0;
    numbers = document->numbers.values + bias->at;
  }
  if (n == 0 || n > WL_MAX_TREE_OUTPUTS || !isfinite(model->scale))
    return wl_doc_fail(reader, WL_ERROR_VALUE, name, field,
                       "is not a number and a list of 1 to %d numbers",
                       WL_MAX_TREE_OUTPUTS);
  model->n_outputs = model->width = n;
  for (size_t i = 0; i < n; i++) {
    if (!isfinite(numbers[i]))
      return wl_doc_fail(reader, WL_ERROR_VALUE, name, field,
                         "has a bias that is not finite");
    WL_TRY(wl_f64_push(&model->bias, numbers[i], reader->error));
  }
  return WL_OK;
}

/* ---- trees --------------------------------------------------------------- */

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
static wl_status check_split_index(const cat_reader *reader, uint32_t split,
                                   const cat_column *column, float border) {
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
  if ((size_t)index < first || at >= n_borders(base, column))
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

static wl_status read_split(const cat_reader *reader, uint32_t node,
                            cat_split *out) {
  const wl_doc_reader *base = &reader->base;
  uint32_t type, border;
  int64_t number;
  double value;
  if (base->document->nodes[node].kind != WL_DOC_OBJECT)
    return wl_doc_fail(base, WL_ERROR_VALUE, "split", node, "is not an object");
  WL_TRY(wl_doc_require(base, node, "split_type", WL_DOC_STRING, &type));
  wl_string text = wl_doc_string(base->document, type);
  if (!is_text(text, "FloatFeature"))
    return wl_doc_fail(base, WL_ERROR_UNSUPPORTED, "split_type", type,
                       "'%.*s' is not supported; FloatFeature is",
                       text.size < 40 ? (int)text.size : 40, text.data);
  WL_TRY(wl_doc_integer(base, node, "float_feature_index", 0,
                        (int64_t)reader->n_columns - 1, &number));
  WL_TRY(wl_doc_find(base, node, "border", &border));
  if (border == 0 || !wl_doc_number(base, border, &value) ||
      isnan((float)value))
    return wl_doc_fail(base, WL_ERROR_VALUE, "border", border,
                       border == 0 ? "is missing" : "is not a number");
  const cat_column *column = &reader->columns[number];
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
static wl_status add_levels(const cat_reader *reader, const cat_split *splits,
                            size_t depth) {
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

static wl_status read_symmetric(cat_reader *reader, uint32_t tree) {
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

static wl_status add_leaf(const cat_reader *reader, uint32_t node,
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

static bool has_split(const cat_reader *reader, uint32_t node) {
  return wl_doc_member(reader->base.document, node, "split", NULL) != 0;
}

/*
 * A node and all below it; the document limits how deep. CatBoost numbers the
 * leaves from left to right, but a leaf before the subtree beside it.
 */
static wl_status add_node(const cat_reader *reader, uint32_t node,
                          int64_t *number) {
  const wl_doc_reader *base = &reader->base;
  wl_tree_model *model = base->model;
  uint32_t split, left, right;
  cat_split read;
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

static wl_status read_trees(cat_reader *reader) {
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

static wl_status read_model(cat_reader *reader) {
  wl_doc_reader *base = &reader->base;
  uint32_t info;
  if (base->document->nodes[WL_DOC_ROOT].kind != WL_DOC_OBJECT)
    return wl_doc_fail(
        base, WL_ERROR_VALUE, "it", 0, "is %s, not an object",
        wl_doc_kind_name(base->document->nodes[WL_DOC_ROOT].kind));
  WL_TRY(read_columns(reader));
  WL_TRY(wl_doc_require(base, WL_DOC_ROOT, "model_info", WL_DOC_OBJECT, &info));
  snprintf(base->where, sizeof base->where, "model_info.");
  WL_TRY(read_loss(base, info));
  WL_TRY(read_classes(base, info));
  base->where[0] = '\0';
  WL_TRY(read_scale_and_bias(base));
  return read_trees(reader);
}

wl_status wl_read_catboost(const wl_document *document, wl_tree_model *model,
                           wl_error *error) {
  cat_reader reader = {.base = {"CatBoost", document, model, error, ""}};
  model->library = "catboost";
  wl_status status = read_model(&reader);
  wl_free(reader.columns);
  return status;
}
