/*
 * catboost_columns.c: the columns of a CatBoost model: which of the caller's
 * they are, where NaN goes, their borders and names.
 */
#include <stdio.h>

#include "import/catboost.h"

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
  bool is_above = wl_string_is(text, "AsTrue");
  if (!is_above && !wl_string_is(text, "AsFalse") &&
      !wl_string_is(text, "AsIs"))
    return wl_doc_fail(reader, WL_ERROR_UNSUPPORTED, "nan_value_treatment",
                       treatment,
                       "'%.*s' is not supported; AsIs, AsFalse and AsTrue are",
                       text.size < 40 ? (int)text.size : 40, text.data);
  is_above &= reader->document->nodes[has_nans].number != 0.0;
  *flags = WL_SPLIT_MISSING_NAN | (is_above ? 0 : WL_SPLIT_MISSING_LEFT);
  return WL_OK;
}

size_t wl_cat_n_borders(const wl_doc_reader *reader,
                        const wl_cat_column *column) {
  return column->borders != 0 ? reader->document->nodes[column->borders].n : 0;
}

static wl_status read_column(wl_cat_reader *reader, uint32_t feature,
                             size_t i) {
  const wl_doc_reader *base = &reader->base;
  wl_cat_column *column = &reader->columns[i];
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
        column[-1].first_border + wl_cat_n_borders(base, &column[-1]);
  return read_nan(base, feature, &column->flags);
}

/* Names, where every column has one. */
static wl_status read_names(const wl_cat_reader *reader, uint32_t list) {
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

wl_status wl_cat_read_columns(wl_cat_reader *reader) {
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
