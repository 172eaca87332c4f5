/*
 * xgboost.c: XGBoost's model of the versions 1.6 to 3.x, as a document: the
 * learner, its objective and base score, and the booster around the trees
 * (xgboost_tree.c).
 *
 * XGBoost computes in float32: sums begin with the base score, which the file
 * holds as a prediction and the objective turns into a margin.
 */
#include <math.h>
#include <stdio.h>

#include "base/math.h"
#include "base/number.h"
#include "import/readers.h"

/* ---- the objective and the base score ------------------------------------ */

typedef enum xgb_margin {
  MARGIN_SAME = 0, /* the base score is a raw score */
  MARGIN_LOG,
  MARGIN_LOGIT
} xgb_margin;

typedef struct xgb_objective {
  const char *name;
  wl_tree_link link;
  xgb_margin margin;
} xgb_objective;

static const xgb_objective objectives[] = {
    {"reg:squarederror", WL_LINK_NONE, MARGIN_SAME},
    {"reg:linear", WL_LINK_NONE, MARGIN_SAME},
    {"reg:squaredlogerror", WL_LINK_NONE, MARGIN_SAME},
    {"reg:pseudohubererror", WL_LINK_NONE, MARGIN_SAME},
    {"reg:absoluteerror", WL_LINK_NONE, MARGIN_SAME},
    {"reg:quantileerror", WL_LINK_NONE, MARGIN_SAME},
    {"reg:logistic", WL_LINK_EXPIT, MARGIN_LOGIT},
    {"reg:gamma", WL_LINK_EXP, MARGIN_LOG},
    {"reg:tweedie", WL_LINK_EXP, MARGIN_LOG},
    {"count:poisson", WL_LINK_EXP, MARGIN_LOG},
    {"survival:cox", WL_LINK_EXP, MARGIN_LOG},
    {"binary:logistic", WL_LINK_EXPIT, MARGIN_LOGIT},
    {"binary:logitraw", WL_LINK_NONE, MARGIN_SAME},
    {"binary:hinge", WL_LINK_POSITIVE, MARGIN_SAME},
    {"multi:softprob", WL_LINK_SOFTMAX, MARGIN_SAME},
    {"multi:softmax", WL_LINK_ARGMAX, MARGIN_SAME},
    {"rank:pairwise", WL_LINK_NONE, MARGIN_SAME},
    {"rank:ndcg", WL_LINK_NONE, MARGIN_SAME},
    {"rank:map", WL_LINK_NONE, MARGIN_SAME},
};

static wl_status read_objective(wl_doc_reader *reader, uint32_t learner,
                                const xgb_objective **out) {
  uint32_t object, name;
  WL_TRY(wl_doc_require(reader, learner, "objective", WL_DOC_OBJECT, &object));
  WL_TRY(wl_doc_require(reader, object, "name", WL_DOC_STRING, &name));
  wl_string text = wl_doc_string(reader->document, name);
  for (size_t i = 0; i < WL_COUNT_OF(objectives); i++)
    if (strlen(objectives[i].name) == text.size &&
        memcmp(objectives[i].name, text.data, text.size) == 0)
      *out = &objectives[i];
  if (*out == NULL)
    return wl_doc_fail(reader, WL_ERROR_UNSUPPORTED, "objective", name,
                       "'%.*s' is not supported",
                       text.size < 60 ? (int)text.size : 60, text.data);
  reader->model->link = (*out)->link;
  reader->model->objective = wl_strndup(text.data, text.size);
  return reader->model->objective != NULL
             ? WL_OK
             : wl_fail_memory(reader->error, text.size);
}

/* As XGBoost computes it, in float32. Probabilities stay this far from 0 and 1,
 * where those of a constant target are; counts of 0 begin at minus infinity. */
static bool margin_of(xgb_margin margin, double base_score, float *out) {
  const float edge = 1e-6f;
  float base = (float)base_score;
  if ((margin != MARGIN_SAME && base < 0.0f) ||
      (margin == MARGIN_LOGIT && base > 1.0f))
    return false;
  *out = base;
  if (margin == MARGIN_LOG)
    *out = base > 0.0f ? (float)wl_log((double)base) : -INFINITY;
  if (margin == MARGIN_LOGIT) {
    base = fminf(fmaxf(base, edge), 1.0f - edge);
    *out = -(float)wl_log((double)(1.0f / base - 1.0f));
  }
  return true;
}

static wl_status push_start(wl_doc_reader *reader, uint32_t field,
                            xgb_margin margin, double base_score) {
  float start;
  if (!isfinite((float)base_score))
    return wl_doc_fail(reader, WL_ERROR_VALUE, "base_score", field,
                       "is %g, not a finite number", base_score);
  if (!margin_of(margin, base_score, &start))
    return wl_doc_fail(reader, WL_ERROR_UNSUPPORTED, "base_score", field,
                       "is %g, not within the objective's range", base_score);
  return wl_f64_push(&reader->model->start, (double)start, reader->error);
}

/* A number, or as of 3.1 "[a,b,...]" with one for each output. */
static wl_status read_base_score(wl_doc_reader *reader, uint32_t parameters,
                                 xgb_margin margin) {
  wl_f64_array *start = &reader->model->start;
  uint32_t field;
  double number;
  WL_TRY(wl_doc_find(reader, parameters, "base_score", &field));
  if (field == 0)
    return wl_doc_fail_missing(reader, parameters, "base_score");
  if (wl_doc_number(reader, field, &number)) {
    WL_TRY(push_start(reader, field, margin, number));
  } else {
    wl_string text = wl_doc_string(reader->document, field);
    if (reader->document->nodes[field].kind != WL_DOC_STRING || text.size < 2 ||
        text.data[0] != '[' || text.data[text.size - 1] != ']')
      return wl_doc_fail(reader, WL_ERROR_VALUE, "base_score", field,
                         "is neither a number nor a list of them");
    const char *at = text.data + 1, *end = text.data + text.size;
    while (at < end) {
      char room[64], *stop;
      size_t n = 0;
      while (at < end - 1 && *at != ',' && n + 1 < sizeof room)
        room[n++] = *at++;
      room[n] = '\0';
      number = wl_parse_double(room, &stop);
      if (n == 0 || *stop != '\0' || (*at != ',' && at != end - 1))
        return wl_doc_fail(reader, WL_ERROR_VALUE, "base_score", field,
                           "holds something that is not a number");
      at++;
      WL_TRY(push_start(reader, field, margin, number));
    }
  }
  if (start->n != 1 && start->n != reader->model->n_outputs)
    return wl_doc_fail(reader, WL_ERROR_VALUE, "base_score", field,
                       "has %zu values, but the model has %zu outputs",
                       start->n, reader->model->n_outputs);
  while (start->n < reader->model->n_outputs)
    WL_TRY(wl_f64_push(start, start->values[0], reader->error));
  return WL_OK;
}

/* ---- the learner --------------------------------------------------------- */

static wl_status read_version(wl_doc_reader *reader) {
  uint32_t field;
  WL_TRY(
      wl_doc_require(reader, WL_DOC_ROOT, "version", WL_DOC_NUMBERS, &field));
  const wl_doc_node *node = &reader->document->nodes[field];
  const double *version = reader->document->numbers.values + node->at;
  if (node->kind != WL_DOC_NUMBERS || node->n != 3)
    return wl_doc_fail(reader, WL_ERROR_VALUE, "version", field,
                       "is not three numbers");
  bool is_known = version[0] == 2.0 || version[0] == 3.0 ||
                  (version[0] == 1.0 && version[1] >= 6.0);
  if (!is_known)
    return wl_doc_fail(reader, WL_ERROR_UNSUPPORTED, "version", field,
                       "%g.%g.%g is not supported; 1.6 to 3.x are", version[0],
                       version[1], version[2]);
  return WL_OK;
}

static wl_status read_names(wl_doc_reader *reader, uint32_t learner) {
  const wl_document *document = reader->document;
  wl_tree_model *model = reader->model;
  uint32_t list;
  WL_TRY(wl_doc_find(reader, learner, "feature_names", &list));
  if (list == 0 || document->nodes[list].n == 0)
    return WL_OK;
  WL_TRY(wl_doc_require(reader, learner, "feature_names", WL_DOC_ARRAY, &list));
  uint32_t name = document->nodes[list].first;
  for (; name != 0; name = document->nodes[name].next) {
    wl_string text = wl_doc_string(document, name);
    if (document->nodes[name].kind != WL_DOC_STRING)
      return wl_doc_fail(reader, WL_ERROR_VALUE, "feature_names", name,
                         "holds what is not a string");
    WL_TRY(wl_text_push(&model->feature_names, text.data, text.size,
                        reader->error));
  }
  if (model->feature_names.n != model->n_features)
    return wl_doc_fail(reader, WL_ERROR_VALUE, "feature_names", list,
                       "has %zu names, but num_feature is %zu",
                       model->feature_names.n, model->n_features);
  return WL_OK;
}

static wl_status read_learner(wl_doc_reader *reader, uint32_t learner) {
  wl_tree_model *model = reader->model;
  const xgb_objective *objective = NULL;
  uint32_t parameters, attributes;
  int64_t n_features, n_classes, n_targets;
  WL_TRY(wl_doc_require(reader, learner, "learner_model_param", WL_DOC_OBJECT,
                        &parameters));
  WL_TRY(wl_doc_integer(reader, parameters, "num_feature", 0, INT32_MAX,
                        &n_features));
  WL_TRY(wl_doc_optional_integer(reader, parameters, "num_class", 0,
                                 WL_MAX_TREE_OUTPUTS, 0, &n_classes));
  WL_TRY(wl_doc_optional_integer(reader, parameters, "num_target", 0,
                                 WL_MAX_TREE_OUTPUTS, 1, &n_targets));
  if (n_classes > 1 && n_targets > 1)
    return wl_doc_fail(reader, WL_ERROR_UNSUPPORTED, "num_target", 0,
                       "together with num_class is not supported");
  model->n_features = (size_t)n_features;
  if (n_classes > 1)
    model->n_outputs = (size_t)n_classes;
  if (n_targets > 1)
    model->n_outputs = (size_t)n_targets;
  model->is_f32 = true;
  WL_TRY(read_names(reader, learner));
  WL_TRY(read_objective(reader, learner, &objective));
  WL_TRY(read_base_score(reader, parameters, objective->margin));
  WL_TRY(wl_doc_find(reader, learner, "attributes", &attributes));
  if (attributes != 0)
    WL_TRY(wl_doc_optional_integer(reader, attributes, "best_iteration", -1,
                                   INT32_MAX, -1, &model->best_iteration));
  return WL_OK;
}

/* ---- the booster --------------------------------------------------------- */

/* The list of numbers at `field`, of that length. */
static wl_status check_length(const wl_doc_reader *reader, const char *name,
                              uint32_t field, size_t n) {
  if (reader->document->nodes[field].n == n)
    return WL_OK;
  return wl_doc_fail(reader, WL_ERROR_VALUE, name, field,
                     "has %zu values, but there are %zu trees",
                     reader->document->nodes[field].n, n);
}

/* Which output a tree adds to. */
static wl_status read_tree_info(wl_doc_reader *reader, uint32_t field) {
  const wl_doc_node *node = &reader->document->nodes[field];
  wl_tree_model *model = reader->model;
  for (size_t i = 0; i < node->n; i++) {
    double output = reader->document->numbers.values[node->at + i];
    if (!(output >= 0.0 && output < (double)model->n_outputs) ||
        output != floor(output))
      return wl_doc_fail(reader, WL_ERROR_VALUE, "tree_info", field,
                         "of tree %zu is no output of the model", i);
    if (model->width == 1 && model->n_outputs > 1)
      WL_TRY(wl_i64_push(&model->output, (int64_t)output, reader->error));
  }
  return WL_OK;
}

/* Leaves of all trees have one value, or one for each output. */
static wl_status read_leaf_width(wl_doc_reader *reader, uint32_t tree) {
  wl_tree_model *model = reader->model;
  uint32_t parameters;
  int64_t width;
  WL_TRY(
      wl_doc_require(reader, tree, "tree_param", WL_DOC_OBJECT, &parameters));
  WL_TRY(wl_doc_optional_integer(reader, parameters, "size_leaf_vector", 0,
                                 WL_MAX_TREE_OUTPUTS, 1, &width));
  width = width == 0 ? 1 : width; /* as 1.x writes it */
  if (width != 1 && width != (int64_t)model->n_outputs)
    return wl_doc_fail(reader, WL_ERROR_VALUE, "size_leaf_vector", 0,
                       "is %lld, but the model has %zu outputs",
                       (long long)width, model->n_outputs);
  model->width = (size_t)width;
  return WL_OK;
}

/* Where each iteration's trees begin, and where the last one's end: all of them
 * have equally many, which the ranges of a prediction rest on. */
static wl_status check_starts(wl_doc_reader *reader, uint32_t starts,
                              size_t n_trees) {
  const wl_doc_node *node = &reader->document->nodes[starts];
  if (node->kind != WL_DOC_NUMBERS || node->n < 2)
    return wl_doc_fail(reader, WL_ERROR_VALUE, "iteration_indptr", starts,
                       "is not a list of where iterations begin");
  size_t n_each = n_trees / (node->n - 1);
  for (size_t i = 0; i < node->n; i++) {
    double start = reader->document->numbers.values[node->at + i];
    size_t expected = i + 1 < node->n ? i * n_each : n_trees;
    if (start != (double)expected)
      return wl_doc_fail(reader, WL_ERROR_UNSUPPORTED, "iteration_indptr",
                         starts,
                         "has %g as value %zu, not %zu: iterations of unlike "
                         "size, or a damaged file",
                         start, i, expected);
  }
  return WL_OK;
}

/* Without its starts every iteration has num_parallel_tree trees for each
 * output. */
static wl_status count_iterations(wl_doc_reader *reader, uint32_t object,
                                  size_t n_trees) {
  wl_tree_model *model = reader->model;
  uint32_t parameters, starts;
  int64_t n_parallel;
  WL_TRY(wl_doc_require(reader, object, "gbtree_model_param", WL_DOC_OBJECT,
                        &parameters));
  WL_TRY(wl_doc_optional_integer(reader, parameters, "num_parallel_tree", 0,
                                 INT32_MAX, 1, &n_parallel));
  WL_TRY(wl_doc_find(reader, object, "iteration_indptr", &starts));
  if (starts != 0 && reader->document->nodes[starts].n > 0) {
    model->n_iterations = reader->document->nodes[starts].n - 1;
    return check_starts(reader, starts, n_trees);
  }
  size_t n_together = model->width == 1 ? model->n_outputs : 1;
  n_together *= n_parallel > 0 ? (size_t)n_parallel : 1;
  model->n_iterations = n_trees / n_together;
  return WL_OK;
}

/* weights: what `dart` multiplies a tree's leaves with, or 0. */
static wl_status read_trees(wl_doc_reader *reader, uint32_t object,
                            uint32_t weights) {
  const wl_document *document = reader->document;
  uint32_t parameters, info, trees;
  int64_t n_trees;
  WL_TRY(wl_doc_require(reader, object, "gbtree_model_param", WL_DOC_OBJECT,
                        &parameters));
  WL_TRY(wl_doc_require(reader, object, "trees", WL_DOC_ARRAY, &trees));
  WL_TRY(wl_doc_require(reader, object, "tree_info", WL_DOC_NUMBERS, &info));
  WL_TRY(
      wl_doc_integer(reader, parameters, "num_trees", 0, INT32_MAX, &n_trees));
  WL_TRY(check_length(reader, "num_trees", trees, (size_t)n_trees));
  WL_TRY(check_length(reader, "tree_info", info, (size_t)n_trees));
  if (weights != 0)
    WL_TRY(check_length(reader, "weight_drop", weights, (size_t)n_trees));
  if (n_trees == 0) /* XGBoost's base score is then not what it says */
    return wl_doc_fail(reader, WL_ERROR_UNSUPPORTED, "num_trees", 0,
                       "is 0: a model without trees is not supported");
  wl_xgboost_tree tree = {.node = document->nodes[trees].first, .weight = 1.0f};
  if (tree.node != 0 && document->nodes[tree.node].kind == WL_DOC_OBJECT)
    WL_TRY(read_leaf_width(reader, tree.node));
  tree.is_vector = reader->model->width > 1;
  WL_TRY(count_iterations(reader, object, (size_t)n_trees));
  WL_TRY(read_tree_info(reader, info));
  for (; tree.node != 0; tree.node = document->nodes[tree.node].next) {
    if (weights != 0)
      tree.weight = (float)document->numbers
                        .values[document->nodes[weights].at + tree.number];
    snprintf(reader->where, sizeof reader->where, "trees[%zu]", tree.number);
    if (document->nodes[tree.node].kind != WL_DOC_OBJECT)
      return wl_doc_fail(reader, WL_ERROR_VALUE, "", tree.node,
                         "is not an object");
    snprintf(reader->where, sizeof reader->where, "trees[%zu].", tree.number);
    WL_TRY(wl_xgboost_read_tree(reader, &tree));
    tree.number++;
  }
  reader->where[0] = '\0';
  return WL_OK;
}

/* As of 3.1: for each column the values behind the codes, empty where it has
 * none. */
static wl_status read_categories(wl_doc_reader *reader, uint32_t object) {
  static const char *const lists[] = {"values", "offsets"};
  const wl_document *document = reader->document;
  uint32_t categories, columns, list;
  WL_TRY(wl_doc_find(reader, object, "cats", &categories));
  if (categories == 0)
    return WL_OK;
  WL_TRY(wl_doc_find(reader, categories, "enc", &columns));
  uint32_t column = columns != 0 ? document->nodes[columns].first : 0;
  for (; column != 0; column = document->nodes[column].next)
    for (size_t i = 0; i < WL_COUNT_OF(lists); i++) {
      WL_TRY(wl_doc_find(reader, column, lists[i], &list));
      if (list != 0 && document->nodes[list].n > 0)
        reader->model->categories = "cats";
    }
  return WL_OK;
}

static wl_status read_booster(wl_doc_reader *reader, uint32_t learner) {
  uint32_t booster, name, model, weights = 0;
  WL_TRY(wl_doc_require(reader, learner, "gradient_booster", WL_DOC_OBJECT,
                        &booster));
  WL_TRY(wl_doc_require(reader, booster, "name", WL_DOC_STRING, &name));
  wl_string text = wl_doc_string(reader->document, name);
  bool is_dart = text.size == 4 && memcmp(text.data, "dart", 4) == 0;
  bool is_gbtree = text.size == 6 && memcmp(text.data, "gbtree", 6) == 0;
  if (!is_dart && !is_gbtree)
    return wl_doc_fail(reader, WL_ERROR_UNSUPPORTED, "gradient_booster", name,
                       "'%.*s' is not supported; gbtree and dart are",
                       text.size < 40 ? (int)text.size : 40, text.data);
  if (is_dart) {
    WL_TRY(wl_doc_require(reader, booster, "weight_drop", WL_DOC_NUMBERS,
                          &weights));
    WL_TRY(wl_doc_require(reader, booster, "gbtree", WL_DOC_OBJECT, &booster));
  }
  WL_TRY(wl_doc_require(reader, booster, "model", WL_DOC_OBJECT, &model));
  WL_TRY(read_categories(reader, model));
  return read_trees(reader, model, weights);
}

wl_status wl_read_xgboost(const wl_document *document, wl_tree_model *model,
                          wl_error *error) {
  wl_doc_reader reader = {"XGBoost", document, model, error, ""};
  uint32_t learner;
  model->library = "xgboost";
  model->is_absent_nan = true;
  model->refuses_infinity = true; /* as a DMatrix does */
  if (document->nodes[WL_DOC_ROOT].kind != WL_DOC_OBJECT)
    return wl_fail(error, WL_ERROR_VALUE, "XGBoost model: it is %s, not %s",
                   wl_doc_kind_name(document->nodes[WL_DOC_ROOT].kind),
                   wl_doc_kind_name(WL_DOC_OBJECT));
  WL_TRY(read_version(&reader));
  WL_TRY(
      wl_doc_require(&reader, WL_DOC_ROOT, "learner", WL_DOC_OBJECT, &learner));
  WL_TRY(read_learner(&reader, learner));
  return read_booster(&reader, learner);
}
