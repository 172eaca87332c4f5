/*
 * catboost.c: CatBoost's model as its JSON export has it: the columns, the
 * loss, the classes, the scale and bias of the sums, and the trees.
 *
 * CatBoost adds the leaves in the order of the trees as doubles, beginning with
 * 0; then come scale and bias.
 */
#include <math.h>
#include <stdio.h>

#include "import/catboost.h"

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
  while (i < WL_COUNT_OF(losses) && !wl_string_is(text, losses[i].name))
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
    return wl_doc_fail_missing(reader, WL_DOC_ROOT, name);
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

static wl_status read_model(wl_cat_reader *reader) {
  wl_doc_reader *base = &reader->base;
  uint32_t info;
  if (base->document->nodes[WL_DOC_ROOT].kind != WL_DOC_OBJECT)
    return wl_doc_fail(
        base, WL_ERROR_VALUE, "it", 0, "is %s, not an object",
        wl_doc_kind_name(base->document->nodes[WL_DOC_ROOT].kind));
  WL_TRY(wl_cat_read_columns(reader));
  WL_TRY(wl_doc_require(base, WL_DOC_ROOT, "model_info", WL_DOC_OBJECT, &info));
  snprintf(base->where, sizeof base->where, "model_info.");
  WL_TRY(read_loss(base, info));
  WL_TRY(read_classes(base, info));
  base->where[0] = '\0';
  WL_TRY(read_scale_and_bias(base));
  return wl_cat_read_trees(reader);
}

wl_status wl_read_catboost(const wl_document *document, wl_tree_model *model,
                           wl_error *error) {
  wl_cat_reader reader = {.base = {"CatBoost", document, model, error, ""}};
  model->library = "catboost";
  wl_status status = read_model(&reader);
  wl_free(reader.columns);
  return status;
}
