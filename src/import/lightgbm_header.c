/*
 * lightgbm_header.c: the header of LightGBM's model text: the version, counts,
 * names, and the objective with its parameters.
 */
#include <stdio.h>

#include "import/lightgbm.h"

/* What an objective's scores go through; those not listed are refused. */
static const struct lgb_objective {
  const char *name;
  wl_tree_link link;
} objectives[] = {
    {"regression", WL_LINK_NONE},
    {"regression_l1", WL_LINK_NONE},
    {"huber", WL_LINK_NONE},
    {"fair", WL_LINK_NONE},
    {"quantile", WL_LINK_NONE},
    {"mape", WL_LINK_NONE},
    {"poisson", WL_LINK_EXP},
    {"gamma", WL_LINK_EXP},
    {"tweedie", WL_LINK_EXP},
    {"binary", WL_LINK_EXPIT},
    {"multiclass", WL_LINK_SOFTMAX},
    {"multiclassova", WL_LINK_EXPIT},
    {"cross_entropy", WL_LINK_EXPIT},
    {"cross_entropy_lambda", WL_LINK_SOFTPLUS},
    {"lambdarank", WL_LINK_NONE},
    {"rank_xendcg", WL_LINK_NONE},
    {"custom", WL_LINK_NONE},
    {"none", WL_LINK_NONE},
};

/* "sigmoid:0.5" and the like; what only training reads is passed over. */
static wl_status read_parameter(wl_lgb_reader *reader, wl_string word) {
  const wl_lgb_field *field = &reader->header[WL_LGB_OBJECTIVE];
  wl_tree_model *model = reader->model;
  int64_t n_classes;
  if (wl_string_is(word, "sqrt") && model->link == WL_LINK_NONE)
    model->link = WL_LINK_SIGNED_SQUARE;
  if (wl_lgb_begins(word, "sigmoid:") && model->link == WL_LINK_EXPIT) {
    if (!wl_lgb_parse_real((wl_string){word.data + 8, word.size - 8},
                           &model->link_scale) ||
        !(model->link_scale > 0.0) || model->link_scale > 1e300)
      return wl_lgb_fail_field(reader, field, "objective",
                               "has a sigmoid that is not a number above 0");
  }
  if (wl_lgb_begins(word, "num_class:") &&
      (!wl_lgb_parse_integer((wl_string){word.data + 10, word.size - 10},
                             &n_classes) ||
       n_classes != (int64_t)model->n_outputs))
    return wl_lgb_fail_field(reader, field, "objective",
                             "has another num_class than the model");
  return WL_OK;
}

static wl_status read_objective(wl_lgb_reader *reader) {
  const wl_lgb_field *field = &reader->header[WL_LGB_OBJECTIVE];
  wl_string rest = field->value, word;
  wl_tree_model *model = reader->model;
  size_t i = 0;
  if (rest.data == NULL) /* trained with a function of the user's */
    return WL_OK;
  if (!wl_lgb_next_word(&rest, &word))
    return wl_lgb_fail_field(reader, field, "objective", "is empty");
  while (i < WL_COUNT_OF(objectives) && !wl_string_is(word, objectives[i].name))
    i++;
  if (i == WL_COUNT_OF(objectives))
    return wl_fail(
        reader->error, WL_ERROR_UNSUPPORTED,
        "LightGBM model, line %zu: objective '%.*s' is not supported",
        field->line, word.size < 60 ? (int)word.size : 60, word.data);
  model->link = objectives[i].link;
  while (wl_lgb_next_word(&rest, &word))
    WL_TRY(read_parameter(reader, word));
  model->objective = wl_strndup(field->value.data, field->value.size);
  return model->objective != NULL ? WL_OK
                                  : wl_fail_memory(reader->error, rest.size);
}

static wl_status read_names(wl_lgb_reader *reader) {
  const wl_lgb_field *field = &reader->header[WL_LGB_FEATURE_NAMES];
  wl_string rest = field->value, word;
  wl_tree_model *model = reader->model;
  if (rest.data == NULL)
    return wl_lgb_fail_field(reader, field, "feature_names", "");
  while (wl_lgb_next_word(&rest, &word))
    WL_TRY(wl_text_push(&model->feature_names, word.data, word.size,
                        reader->error));
  if (model->feature_names.n != model->n_features)
    return wl_lgb_fail_count(reader, field, "feature_names",
                             model->feature_names.n, model->n_features);
  return WL_OK;
}

/* The names that LightGBM gives where the user gave none say nothing. */
static void drop_own_names(wl_tree_model *model) {
  for (size_t i = 0; i < model->feature_names.n; i++) {
    char own[32];
    snprintf(own, sizeof own, "Column_%zu", i);
    if (!wl_string_is(wl_text_at(&model->feature_names, i), own))
      return;
  }
  model->feature_names.n = model->feature_names.size = 0;
}

wl_status wl_lgb_end_header(wl_lgb_reader *reader) {
  const wl_lgb_field *header = reader->header;
  wl_tree_model *model = reader->model;
  wl_string version = header[WL_LGB_VERSION].value;
  int64_t n_classes, n_trees, max_feature;
  if (version.data == NULL)
    return wl_lgb_fail_field(reader, &header[WL_LGB_VERSION], "version", "");
  if (!wl_string_is(version, "v3") && !wl_string_is(version, "v4"))
    return wl_fail(reader->error, WL_ERROR_UNSUPPORTED,
                   "LightGBM model, line %zu: version '%.*s' is not supported; "
                   "v3 and v4 are",
                   header[WL_LGB_VERSION].line,
                   version.size < 20 ? (int)version.size : 20, version.data);
  WL_TRY(wl_lgb_read_integer(reader, &header[WL_LGB_NUM_CLASS], "num_class", 1,
                             WL_MAX_TREE_OUTPUTS, &n_classes));
  WL_TRY(wl_lgb_read_integer(reader, &header[WL_LGB_TREES_PER_ITERATION],
                             "num_tree_per_iteration", 1, WL_MAX_TREE_OUTPUTS,
                             &n_trees));
  if (n_trees != n_classes)
    return wl_lgb_fail_field(reader, &header[WL_LGB_TREES_PER_ITERATION],
                             "num_tree_per_iteration", "is not num_class");
  WL_TRY(wl_lgb_read_integer(reader, &header[WL_LGB_MAX_FEATURE],
                             "max_feature_idx", 0, INT32_MAX - 1,
                             &max_feature));
  model->n_outputs = (size_t)n_trees;
  model->n_features = (size_t)max_feature + 1;
  model->is_average = header[WL_LGB_AVERAGE_OUTPUT].value.data != NULL;
  WL_TRY(read_names(reader));
  drop_own_names(model);
  return read_objective(reader);
}
