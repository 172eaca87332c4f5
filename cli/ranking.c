/* ranking.c: reads the model's outputs, classes and metadata "top_k". */
#include <stdio.h>

#include "data/field.h"
#include "ranking.h"
#include "session.h"

/* ---- which class --------------------------------------------------------- */

/* The classes, for a message; cut when many. */
static const char *list_classes(const cli_metadata *metadata, char room[512]) {
  size_t at = 0;
  room[0] = '\0';
  for (size_t i = 0; i < metadata->n_classes && at < 400; i++) {
    char name[WL_QUOTE_SIZE];
    wl_quote_text(name, metadata->classes[i].text, metadata->classes[i].size);
    at +=
        (size_t)snprintf(room + at, 512 - at, "%s%s", i > 0 ? ", " : "", name);
  }
  return room;
}

/* A class as it is written into either format, or as another spelling of the
 * same number. */
static bool is_class(const cli_name *class_name, const char *label) {
  size_t size = strlen(label);
  double wanted, number;
  bool out_of_memory[2] = {false, false};
  if (size == class_name->size && memcmp(label, class_name->text, size) == 0)
    return true;
  if (class_name->json[0] == '"')
    return false;
  return strcmp(label, class_name->json) == 0 ||
         (wl_number_parse(label, size, &wanted, &out_of_memory[0]) &&
          wl_number_parse(class_name->text, class_name->size, &number,
                          &out_of_memory[1]) &&
          wanted == number);
}

static wl_status find_class(const cli_metadata *metadata, const char *label,
                            size_t *found, wl_error *error) {
  char classes[512];
  if (label == NULL && (metadata->n_classes != 2 || metadata->is_multilabel))
    return wl_fail(error, WL_ERROR_VALUE,
                   "--top-k ranks rows by the score of one class: pass "
                   "--class-label, one of %s",
                   list_classes(metadata, classes));
  *found = 1;
  if (label == NULL)
    return WL_OK;
  for (size_t i = 0; i < metadata->n_classes; i++) {
    *found = i;
    if (is_class(&metadata->classes[i], label))
      return WL_OK;
  }
  return wl_fail(error, WL_ERROR_VALUE,
                 "--class-label '%.100s' is none of the classes %s", label,
                 list_classes(metadata, classes));
}

/* ---- which output -------------------------------------------------------- */

static bool has_output(const wl_model *model, const char *name) {
  return wl_model_find_output(model, name) >= 0;
}

static wl_status take_output(cli_ranking *ranking, const wl_model *model,
                             const char *name, wl_error *error) {
  return cli_find_output(model, name, &ranking->output, &ranking->info, error);
}

static wl_status rank_by_class(cli_ranking *ranking, const wl_model *model,
                               const cli_metadata *metadata, const char *label,
                               wl_error *error) {
  WL_TRY(find_class(metadata, label, &ranking->column, error));
  ranking->is_chosen = true;
  if (has_output(model, "proba"))
    return take_output(ranking, model, "proba", error);
  if (!has_output(model, "decision"))
    return wl_fail(error, WL_ERROR_UNSUPPORTED,
                   "--top-k needs a score to rank rows by: the model has "
                   "neither of the outputs proba and decision");
  if (metadata->n_classes == 2 && !metadata->is_multilabel) {
    if (ranking->column == 0)
      return wl_fail(error, WL_ERROR_VALUE,
                     "--class-label '%.100s': the model's decision is the "
                     "score of the other class, and it has no output proba",
                     label);
    ranking->is_chosen = false;
  }
  return take_output(ranking, model, "decision", error);
}

/* Of regressors, boosters and outlier detectors, whose prediction is a label.
 */
static wl_status rank_without_classes(cli_ranking *ranking,
                                      const wl_model *model, const char *label,
                                      wl_error *error) {
  static const char *const names[] = {"decision", "score", "prediction"};
  uint64_t width = 0;
  double number = -1;
  bool out_of_memory;
  if (has_output(model, "prediction")) {
    WL_TRY(take_output(ranking, model, "prediction", error));
    width = ranking->info.n_columns;
  }
  if (width > 1) {
    ranking->is_chosen = true;
    if (label != NULL)
      (void)wl_number_parse(label, strlen(label), &number, &out_of_memory);
    if (!(number >= 0 && number < (double)width &&
          number == (double)(size_t)number))
      return wl_fail(error, WL_ERROR_VALUE,
                     "--top-k ranks rows by one number, and prediction has "
                     "%llu: pass --class-label, the number of the column from "
                     "0",
                     (unsigned long long)width);
    ranking->column = (size_t)number;
    return WL_OK;
  }
  size_t i = 0;
  while (i < WL_COUNT_OF(names) && !has_output(model, names[i]))
    i++;
  if (i == WL_COUNT_OF(names))
    return wl_fail(error, WL_ERROR_UNSUPPORTED,
                   "--top-k needs a score to rank rows by: the model has none "
                   "of the outputs proba, decision, score and prediction");
  if (label != NULL)
    return wl_fail(error, WL_ERROR_VALUE,
                   "--class-label '%.100s': the model has no classes", label);
  return take_output(ranking, model, names[i], error);
}

wl_status cli_ranking_choose(cli_ranking *ranking, const wl_model *model,
                             const cli_metadata *metadata,
                             const char *class_label, wl_error *error) {
  *ranking = (cli_ranking){.output = 0};
  WL_TRY(metadata->n_classes > 0
             ? rank_by_class(ranking, model, metadata, class_label, error)
             : rank_without_classes(ranking, model, class_label, error));
  uint64_t width = ranking->info.n_columns;
  if (ranking->info.is_sparse || width == 0 ||
      (ranking->is_chosen ? ranking->column >= width : width != 1))
    return wl_fail(error, WL_ERROR_VALUE,
                   "--top-k ranks rows by one number, and the output '%s' has "
                   "%llu, none of them that class's own",
                   ranking->info.name, (unsigned long long)width);
  if (!ranking->is_chosen)
    ranking->column = 0;
  const char *dtype =
      json_string_value(json_object_get(metadata->root, "prediction_dtype"));
  ranking->rounds = strcmp(ranking->info.name, "prediction") == 0 &&
                    dtype != NULL && strcmp(dtype, "<f4") == 0;
  return WL_OK;
}

/* ---- the filter ---------------------------------------------------------- */

static bool is_count(const json_t *value, uint64_t *out) {
  *out = json_is_integer(value) ? (uint64_t)json_integer_value(value) : 0;
  return json_is_integer(value) && json_integer_value(value) >= 0;
}

static bool read_bounds(const json_t *rule, wl_topk_bounds *bounds) {
  const json_t *ks = json_object_get(rule, "ks");
  const json_t *shares = json_object_get(rule, "shares");
  const json_t *n_rows = json_object_get(rule, "n_rows");
  size_t n = json_array_size(ks);
  *bounds = (wl_topk_bounds){.n_knots = n};
  if (n == 0 || n > WL_TOPK_MAX_KNOTS || json_array_size(shares) != n ||
      json_array_size(n_rows) != 2 ||
      !is_count(json_array_get(n_rows, 0), &bounds->n_rows_min) ||
      !is_count(json_array_get(n_rows, 1), &bounds->n_rows_max))
    return false;
  for (size_t i = 0; i < n; i++) {
    if (!is_count(json_array_get(ks, i), &bounds->ks[i]) ||
        !json_is_number(json_array_get(shares, i)))
      return false;
    bounds->shares[i] = json_number_value(json_array_get(shares, i));
  }
  return true;
}

/* The output that a method of Python shows. */
static const char *output_of(const char *method) {
  static const char *const pairs[][2] = {
      {"predict", "prediction"},
      {"predict_proba", "proba"},
      {"decision_function", "decision"},
      {"score_samples", "score"},
  };
  for (size_t i = 0; i < WL_COUNT_OF(pairs); i++)
    if (method != NULL && strcmp(pairs[i][0], method) == 0)
      return pairs[i][1];
  return "";
}

wl_status cli_ranking_filter(const cli_ranking *ranking, const wl_model *model,
                             const cli_metadata *metadata, int *filter,
                             wl_topk_bounds *bounds, wl_error *error) {
  const json_t *rule = json_object_get(metadata->root, "top_k");
  *filter = -1;
  if (rule == NULL || json_is_null(rule))
    return WL_OK;
  const json_t *column = json_object_get(rule, "column");
  const char *method = json_string_value(json_object_get(rule, "method"));
  int output = wl_model_find_output(model, "filter");
  wl_output_info info;
  if (output < 0 || !read_bounds(rule, bounds))
    return wl_fail(error, WL_ERROR_ARTIFACT,
                   "the model's metadata is wrong: its top_k is no rule of a "
                   "filter");
  bool is_alike = strcmp(output_of(method), ranking->info.name) == 0 &&
                  json_is_integer(column) == ranking->is_chosen &&
                  (!ranking->is_chosen ||
                   json_integer_value(column) == (json_int_t)ranking->column);
  if (!is_alike)
    return WL_OK;
  WL_TRY(wl_model_output_info(model, (size_t)output, &info, error));
  if (info.has_external)
    return wl_fail(error, WL_ERROR_UNSUPPORTED,
                   "the model's filter needs a Python step: run this model "
                   "from Python, or pass --exact");
  *filter = output;
  return WL_OK;
}
