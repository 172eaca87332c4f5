/* text.c: node attributes to the text engine's parameters, checked. */
#include "ops/text.h"

static wl_status choose(const wl_node *node, const char *name,
                        const char *absent, const char *const *names,
                        size_t n_names, size_t *out, wl_error *error) {
  wl_string value = wl_node_string(node, name, absent);
  for (size_t i = 0; i < n_names; i++) {
    if (wl_string_is(value, names[i])) {
      *out = i;
      return WL_OK;
    }
  }
  return wl_fail(error, WL_ERROR_UNSUPPORTED,
                 "operator '%s': %s='%.40s' is not supported",
                 wl_op_table[node->op]->name, name, value.data);
}

static wl_status check_strings(const wl_graph *graph, const wl_node *node,
                               const char *name, size_t *n, wl_error *error) {
  const wl_const *strings = wl_node_tensor(graph, node, name);
  *n = strings != NULL ? strings->n_elements : 0;
  if (strings != NULL && strings->dtype != WL_STRING)
    return wl_fail(error, WL_ERROR_TYPE, "operator '%s': '%s' is not strings",
                   wl_op_table[node->op]->name, name);
  return WL_OK;
}

static wl_status read_scalars(const wl_node *node, wl_vectorizer_params *params,
                              wl_error *error) {
  static const char *const analyzers[] = {"word", "char", "char_wb"};
  static const char *const accents[] = {"none", "unicode", "ascii"};
  static const char *const rules[] = {"word2", "word1", "pattern"};
  static const unsigned accent_maps[] = {0, WL_MAP_ACCENTS_UNICODE,
                                         WL_MAP_ACCENTS_ASCII};
  size_t choice = 0;
  WL_TRY(choose(node, "analyzer", "", analyzers, 3, &choice, error));
  params->analyzer = (wl_analyzer)choice;
  WL_TRY(choose(node, "strip_accents", "none", accents, 3, &choice, error));
  params->map = accent_maps[choice];
  if (wl_node_bool(node, "lowercase", true))
    params->map |= WL_MAP_LOWER;
  WL_TRY(choose(node, "token_rule", "word2", rules, 3, &choice, error));
  params->token_rule = (wl_token_rule)choice;
  wl_string pattern = wl_node_string(node, "pattern", "");
  params->pattern = pattern.data;
  params->pattern_size = pattern.size;
  params->pattern_group = wl_node_bool(node, "pattern_group", false);
  int64_t low = wl_node_int(node, "ngram_min", 1);
  int64_t high = wl_node_int(node, "ngram_max", low > 1 ? low : 1);
  if (low < 1 || high < low || high > 10000)
    return wl_fail(error, WL_ERROR_VALUE,
                   "operator '%s': Invalid value for ngram_range=(%lld, %lld) "
                   "lower boundary larger than the upper boundary, or out of "
                   "range",
                   wl_op_table[node->op]->name, (long long)low,
                   (long long)high);
  params->min_n = (uint32_t)low;
  params->max_n = (uint32_t)high;
  wl_string version = wl_node_string(node, "unicode", "14.0.0");
  params->unicode = wl_unicode_find(version.data);
  if (params->unicode == NULL)
    return wl_fail(error, WL_ERROR_UNSUPPORTED,
                   "operator '%s': Unicode %.20s is not built in",
                   wl_op_table[node->op]->name, version.data);
  return WL_OK;
}

wl_status wl_text_check(const wl_graph *graph, const wl_node *node,
                        bool is_hash, size_t *n_features, wl_error *error) {
  wl_vectorizer_params params = {0};
  size_t n_stop_words;
  const char *name = wl_op_table[node->op]->name;
  if (wl_input_type(graph, node, 0)->kind != WL_VALUE_STRINGS)
    return wl_fail(error, WL_ERROR_TYPE, "operator '%s' takes strings", name);
  if (wl_input_type(graph, node, 0)->has_missing)
    return wl_fail(error, WL_ERROR_TYPE,
                   "operator '%s' takes text, not categories: they may be "
                   "missing",
                   name);
  WL_TRY(read_scalars(node, &params, error));
  WL_TRY(check_strings(graph, node, "stop_words", &n_stop_words, error));
  WL_TRY(check_strings(graph, node, "vocabulary", n_features, error));
  bool has_vocabulary = wl_node_attr(node, "vocabulary") != NULL;
  const wl_attr *width = wl_node_attr(node, "n_features");
  if (has_vocabulary == is_hash || (width != NULL) != is_hash)
    return wl_fail(error, WL_ERROR_VALUE,
                   "operator '%s' takes a vocabulary, or n_features of a hash",
                   name);
  if (is_hash) {
    if (width->value.i < 1 || width->value.i > WL_MAX_COLUMNS)
      return wl_fail(error, WL_ERROR_VALUE,
                     "operator '%s': n_features=%lld is out of range", name,
                     (long long)width->value.i);
    *n_features = (size_t)width->value.i;
  }
  return WL_OK;
}

wl_status wl_text_params(const wl_graph *graph, const wl_node *node,
                         bool is_hash, wl_vectorizer_params *params,
                         wl_string **strings, wl_error *error) {
  const wl_const *terms = wl_node_tensor(graph, node, "vocabulary");
  const wl_const *stops = wl_node_tensor(graph, node, "stop_words");
  *strings = NULL;
  memset(params, 0, sizeof *params);
  WL_TRY(read_scalars(node, params, error));
  params->is_hash = is_hash;
  params->alternate_sign = wl_node_bool(node, "alternate_sign", true);
  params->n_terms = terms != NULL ? terms->n_elements : 0;
  params->n_stop_words = stops != NULL ? stops->n_elements : 0;
  params->n_features =
      is_hash ? (size_t)wl_node_int(node, "n_features", 1) : params->n_terms;
  size_t n = params->n_terms + params->n_stop_words;
  if (n == 0)
    return WL_OK;
  wl_string *views = wl_calloc(n, sizeof *views);
  if (views == NULL)
    return wl_fail_memory(error, n * sizeof *views);
  for (size_t i = 0; i < params->n_terms; i++)
    views[i] = wl_const_string(terms, i);
  for (size_t i = 0; i < params->n_stop_words; i++)
    views[params->n_terms + i] = wl_const_string(stops, i);
  params->terms = views;
  params->stop_words = views + params->n_terms;
  *strings = views;
  return WL_OK;
}
