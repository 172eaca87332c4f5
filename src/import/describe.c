/*
 * describe.c: a tree model in words: the graph's text, which names the tensors
 * that pack.c makes, and the metadata.
 */
#include <jansson.h>
#include <stdio.h>

#include "base/number.h"
#include "data/field.h"
#include "import/import.h"

/* ---- the graph's text ---------------------------------------------------- */

typedef struct graph_text {
  char *bytes; /* owned */
  size_t size, capacity;
  int n_nodes;
  wl_status status; /* of what was added so far */
  wl_error *error;
} graph_text;

static void put(graph_text *text, const char *piece) {
  void *grown = text->bytes;
  size_t size = strlen(piece);
  if (text->status == WL_OK)
    text->status =
        wl_grow(&grown, &text->capacity, text->size + size + 1, 1, text->error);
  if (text->status != WL_OK)
    return;
  text->bytes = grown;
  memcpy(text->bytes + text->size, piece, size + 1);
  text->size += size;
}

static void put_integer(graph_text *text, long long number) {
  char room[32];
  snprintf(room, sizeof room, "%lld", number);
  put(text, room);
}

/* A float as the text form wants it: with a point or an exponent. */
static void put_real(graph_text *text, double number) {
  char room[WL_NUMBER_SIZE + 2];
  size_t size = wl_print_double(number, room);
  if (strcspn(room, ".einf") == size)
    memcpy(room + size, ".0", 3);
  put(text, room);
}

/* "%N = OPERATOR(%FROM)"; the attributes and a line end follow. */
static int put_node(graph_text *text, const char *operator, int from) {
  put(text, "%");
  put_integer(text, text->n_nodes);
  put(text, " = ");
  put(text, operator);
  put(text, "(");
  if (from >= 0) {
    put(text, "%");
    put_integer(text, from);
  }
  put(text, ")");
  return text->n_nodes++;
}

static int put_plain(graph_text *text, const char *operator, int from,
                     const char *attributes) {
  int node = put_node(text, operator, from);
  put(text, attributes);
  put(text, "\n");
  return node;
}

static int put_scaled(graph_text *text, const char *operator,
                      const char * attribute, int from, double number) {
  int node = put_node(text, operator, from);
  put(text, " {");
  put(text, attribute);
  put(text, "=[");
  put_real(text, number);
  put(text, "]}\n");
  return node;
}

/* Where a model has no splits, say, it has no tensors for them. */
static void put_tensor(graph_text *text, const char *name,
                       const wl_tree_tensors *tensors) {
  bool is_there = wl_tree_tensors_have(tensors, name);
  put(text, name);
  put(text, is_there ? "=@" : "=[]");
  put(text, is_there ? name : "");
}

static bool is_linear(const wl_tree_model *model) {
  return model->linear_constants.n > 0;
}

/* `operator` is "trees", "linear_trees" or "tree_leaves". */
static int put_trees(graph_text *text, const wl_tree_model *model,
                     const wl_tree_tensors *tensors, const char *operator,
                     int from, bool is_sum) {
  static const char *const needed[] = {"feature",
                                       "threshold",
                                       "left",
                                       "right",
                                       "flags",
                                       "leaves",
                                       "linear_starts",
                                       "linear_constants",
                                       "linear_features",
                                       "linear_coefficients"};
  enum { N_PLAIN = 6 };
  size_t n_needed =
      is_sum && is_linear(model) ? WL_COUNT_OF(needed) : (size_t)N_PLAIN;
  int node = put_node(text, operator, from);
  put(text, " {");
  for (size_t i = 0; i < n_needed; i++) {
    put_tensor(text, needed[i], tensors);
    put(text, ", ");
  }
  put_tensor(text, is_linear(model) ? "roots" : "sizes", tensors);
  if (wl_tree_tensors_have(tensors, "test"))
    put(text, ", test=@test");
  if (model->set_starts.n > 1)
    put(text, ", sets=@sets, set_starts=@set_starts");
  put(text, model->is_absent_nan ? ", absent=nan" : "");
  if (is_sum) {
    put(text, ", n_outputs=");
    put_integer(text, (long long)model->n_outputs);
    put(text, model->output.n > 0 ? ", output=@output" : "");
    put(text, model->start.n > 0 ? ", start=@start" : "");
    put(text, model->is_f32 ? ", dtype=\"f32\"" : "");
  } else {
    put(text, wl_tree_tensors_have(tensors, "ids") ? ", ids=@ids" : "");
  }
  put(text, "}\n");
  return node;
}

/* Raw scores: the sums, and what is done to them. */
static int put_raw(graph_text *text, const wl_tree_model *model, int sums) {
  bool is_plain = model->scale == 1.0;
  for (size_t i = 0; i < model->bias.n; i++)
    is_plain &= model->bias.values[i] == 0.0;
  if (is_plain)
    return sums;
  int node = put_node(text, "affine", sums);
  put(text, " {multiply=[");
  put_real(text, model->scale);
  put(text, "], add=[");
  for (size_t i = 0; i < model->bias.n; i++) {
    put(text, i > 0 ? ", " : "");
    put_real(text, model->bias.values[i]);
  }
  put(text, model->bias.n > 0 ? "]}\n" : "0.0]}\n");
  return node;
}

/* The prediction's node. */
static int put_link(graph_text *text, const wl_tree_model *model, int raw) {
  int node = raw;
  if (model->is_average) /* NaN of none */
    node =
        put_scaled(text, "scale", "divide", node, (double)model->n_iterations);
  switch (model->link) {
  case WL_LINK_EXP:
    return put_plain(text, "exp", node, "");
  case WL_LINK_EXPIT:
    if (model->link_scale != 1.0)
      node = put_scaled(text, "affine", "multiply", node, model->link_scale);
    return put_plain(text, "expit", node, "");
  case WL_LINK_SOFTMAX:
    return put_plain(text, "softmax", node, "");
  case WL_LINK_ARGMAX:
    node = put_plain(text, "argmax", node, "");
    return put_plain(text, "cast", node,
                     model->is_f32 ? " {dtype=\"f32\"}" : " {dtype=\"f64\"}");
  case WL_LINK_POSITIVE:
    node = put_plain(text, "positive", node, "");
    return put_plain(text, "cast", node,
                     model->is_f32 ? " {dtype=\"f32\"}" : " {dtype=\"f64\"}");
  case WL_LINK_SIGNED_SQUARE:
    return put_plain(text, "signed_square", node, "");
  case WL_LINK_SOFTPLUS: /* within 1e-16 of log1p(exp(x)) */
    node = put_plain(text, "exp", node, "");
    node = put_scaled(text, "affine", "add", node, 1.0);
    return put_plain(text, "log", node, "");
  case WL_LINK_NONE:
  case WL_LINK_COUNT:
    break;
  }
  return node;
}

static void put_output(graph_text *text, const char *name, int node) {
  put(text, "output ");
  put(text, name);
  put(text, " = %");
  put_integer(text, node);
  put(text, "\n");
}

wl_status wl_tree_model_graph(const wl_tree_model *model,
                              const wl_tree_tensors *tensors, char **text,
                              size_t *size, wl_error *error) {
  graph_text out = {.status = WL_OK, .error = error};
  put(&out, "willump-graph 1\n");
  int x = put_node(&out, "input", -1);
  put(&out, " {kind=\"matrix\", n_features=");
  put_integer(&out, (long long)model->n_features);
  put(&out, "}\n");
  if (model->refuses_infinity)
    x = put_plain(&out, "check_finite", x,
                  " {estimator=\"\", allow_nan=true, dtype=\"f32\", "
                  "message=\"Input data contains `inf` or a value too large, "
                  "while `missing` is not set\"}");
  if (model->casts_to_f32)
    x = put_plain(&out, "cast", x, " {dtype=\"f32\"}");
  const char *sums = is_linear(model) ? "linear_trees" : "trees";
  int raw =
      put_raw(&out, model, put_trees(&out, model, tensors, sums, x, true));
  int prediction = put_link(&out, model, raw);
  int leaves = put_trees(&out, model, tensors, "tree_leaves", x, false);
  put(&out, "stage\n");
  put_output(&out, "prediction", prediction);
  put_output(&out, "raw", raw);
  put_output(&out, "leaves", leaves);
  *text = out.bytes;
  *size = out.size;
  if (out.status != WL_OK) {
    wl_free(out.bytes);
    *text = NULL;
  }
  return out.status;
}

/* ---- metadata ------------------------------------------------------------ */

static wl_status set(json_t *object, const char *key, json_t *value,
                     wl_error *error) {
  if (value == NULL || json_object_set_new(object, key, value) != 0)
    return wl_fail_memory(error, strlen(key));
  return WL_OK;
}

static wl_status set_names(json_t *object, const char *key,
                           const wl_text_array *names, wl_error *error) {
  json_t *list = json_array();
  WL_TRY(set(object, key, list, error));
  for (size_t i = 0; i < names->n; i++) {
    wl_string name = wl_text_at(names, i);
    if (wl_utf8_valid_size(name.data, name.size) != name.size)
      return wl_fail(error, WL_ERROR_VALUE, "%s: name %zu is not UTF-8", key,
                     i);
    if (json_array_append_new(list, json_stringn(name.data, name.size)) != 0)
      return wl_fail_memory(error, name.size);
  }
  return WL_OK;
}

static wl_status fill(json_t *object, const wl_tree_model *model,
                      wl_error *error) {
  bool is_column = model->n_outputs == 1 || model->link == WL_LINK_ARGMAX;
  json_t *ravel = json_array();
  WL_TRY(
      set(object, "ravel", ravel, error)); /* it owns the list from here on */
  WL_TRY(set(object, "estimator", json_string("Booster"), error));
  WL_TRY(set(object, "kind", json_string("regressor"), error));
  WL_TRY(set(object, "library", json_string(model->library), error));
  if (model->objective != NULL) {
    size_t size = strlen(model->objective);
    if (wl_utf8_valid_size(model->objective, size) != size)
      return wl_fail(error, WL_ERROR_VALUE, "objective is not UTF-8");
    WL_TRY(
        set(object, "objective", json_stringn(model->objective, size), error));
  }
  if (is_column && json_array_append_new(ravel, json_string("prediction")) != 0)
    return wl_fail_memory(error, 0);
  if (model->n_outputs == 1 &&
      json_array_append_new(ravel, json_string("raw")) != 0)
    return wl_fail_memory(error, 0);
  WL_TRY(set(object, "n_iterations",
             json_integer((json_int_t)model->n_iterations), error));
  if (model->best_iteration >= 0)
    WL_TRY(set(object, "best_iteration", json_integer(model->best_iteration),
               error));
  WL_TRY(set(object, "n_features_in",
             json_integer((json_int_t)model->n_features), error));
  if (model->feature_names.n > 0)
    WL_TRY(set_names(object, "feature_names_in", &model->feature_names, error));
  if (model->class_names.n > 0)
    WL_TRY(set_names(object, "class_names", &model->class_names, error));
  return WL_OK;
}

wl_status wl_tree_model_metadata(const wl_tree_model *model, char **text,
                                 wl_error *error) {
  json_t *object = json_object();
  char *dumped = NULL;
  json_free_t release;
  *text = NULL;
  wl_status status =
      object != NULL ? fill(object, model, error) : wl_fail_memory(error, 0);
  if (status == WL_OK) {
    dumped = json_dumps(object, JSON_COMPACT);
    if (dumped != NULL)
      *text = wl_strndup(dumped, strlen(dumped));
    if (*text == NULL)
      status = wl_fail_memory(error, 0);
  }
  json_get_alloc_funcs(NULL, &release);
  if (dumped != NULL)
    release(dumped);
  json_decref(object);
  return status;
}
