/*
 * text_score.c: text to a linear model's scores in one traversal; features are
 * never materialised. Front ends do not write it: passes/fuse_text.c makes it
 * of linear(normalize(tfidf(count(text)))) and its shorter forms.
 *
 * Attributes: those of `count` or `hash`, `weights` (n_features x k: the
 * model's, with the idf multiplied in), `norm_values` (the idf that the norm
 * sees), `norm`, `tf` ("raw", "binary", "sublinear"), `intercept` is not here:
 * `affine` adds it.
 */
#include "ops/normalize.h"
#include "ops/table.h"
#include "ops/text.h"

static const wl_attr_def attrs[] = {
    WL_TEXT_ATTRS,
    {"vocabulary", WL_ATTR_TENSOR, false},
    {"n_features", WL_ATTR_INT, false},
    {"alternate_sign", WL_ATTR_BOOL, false},
    {"weights", WL_ATTR_TENSOR, true},
    {"norm_values", WL_ATTR_TENSOR, false},
    {"norm", WL_ATTR_STRING, false},
    {"tf", WL_ATTR_STRING, false},
};

typedef struct score_state {
  wl_vectorizer *vectorizer;
  size_t n_outputs;
} score_state;

static wl_status read_tf(const wl_node *node, wl_tf *out, wl_error *error) {
  static const char *const names[] = {"raw", "binary", "sublinear"};
  wl_string name = wl_node_string(node, "tf", "raw");
  for (size_t i = 0; i < WL_COUNT_OF(names); i++) {
    if (wl_string_is(name, names[i])) {
      *out = (wl_tf)i;
      return WL_OK;
    }
  }
  return wl_fail(error, WL_ERROR_VALUE,
                 "operator 'text_score': tf '%.20s' is not one of raw, binary, "
                 "sublinear",
                 name.data);
}

static bool is_hash(const wl_node *node) {
  return wl_node_attr(node, "vocabulary") == NULL;
}

static wl_status infer(const wl_graph *graph, const wl_node *node,
                       wl_type *type, wl_error *error) {
  size_t n_features;
  wl_norm norm;
  wl_tf tf;
  WL_TRY(wl_text_check(graph, node, is_hash(node), &n_features, error));
  WL_TRY(wl_node_norm(node, "none", &norm, error));
  WL_TRY(read_tf(node, &tf, error));
  const wl_const *weights = wl_node_tensor(graph, node, "weights");
  const wl_const *values = wl_node_tensor(graph, node, "norm_values");
  if (weights->dtype != WL_F64 || weights->n_dims != 2 ||
      weights->shape[0] != n_features || weights->shape[1] < 1)
    return wl_fail(error, WL_ERROR_VALUE,
                   "operator 'text_score': weights are f64, %zu x k",
                   n_features);
  if (values != NULL && (values->dtype != WL_F64 || values->n_dims != 1 ||
                         values->n_elements != n_features))
    return wl_fail(error, WL_ERROR_VALUE,
                   "operator 'text_score': norm_values are f64, %zu",
                   n_features);
  *type =
      (wl_type){.kind = WL_VALUE_DENSE, .n_columns = (size_t)weights->shape[1]};
  return wl_node_float_dtype(node, WL_F64, &type->dtype, error);
}

static void unbind(void *state) {
  score_state *s = state;
  if (s == NULL)
    return;
  wl_vectorizer_free(s->vectorizer);
  wl_free(s);
}

static wl_status bind(const wl_graph *graph, const wl_node *node, void **state,
                      wl_error *error) {
  wl_vectorizer_params params;
  wl_string *strings = NULL;
  const wl_const *weights = wl_node_tensor(graph, node, "weights");
  const wl_const *values = wl_node_tensor(graph, node, "norm_values");
  wl_scoring scoring = {.n_outputs = (size_t)weights->shape[1],
                        .weights = weights->data,
                        .norm_values = values != NULL ? values->data : NULL};
  score_state *s = wl_calloc(1, sizeof *s);
  if (s == NULL)
    return wl_fail_memory(error, sizeof *s);
  wl_status status;
  s->n_outputs = scoring.n_outputs;
  WL_TRY_DONE(status, wl_node_norm(node, "none", &scoring.norm, error));
  WL_TRY_DONE(status, read_tf(node, &scoring.tf, error));
  WL_TRY_DONE(status, wl_text_params(graph, node, is_hash(node), &params,
                                     &strings, error));
  WL_TRY_DONE(status,
              wl_vectorizer_create(&params, &scoring, &s->vectorizer, error));
  *state = s;
  s = NULL;
done:
  wl_free(strings);
  unbind(s);
  return status;
}

static wl_status run(const void *state, const wl_op_call *call, wl_value *out,
                     wl_error *error) {
  const score_state *s = state;
  WL_TRY(wl_new_dense(call, s->n_outputs, out, error));
  WL_TRY(wl_vectorizer_score(s->vectorizer, call->inputs[0]->strings,
                             call->n_rows, call->arena, out->dense, out->ld,
                             error));
  if (call->type->dtype == WL_F32)
    for (size_t i = 0; i < call->n_rows * s->n_outputs; i++)
      out->dense[i] = wl_round_to(WL_F32, out->dense[i]);
  return WL_OK;
}

const wl_op_def wl_op_text_score = {
    .name = "text_score",
    WL_ATTRS(attrs),
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = infer,
    .bind = bind,
    .unbind = unbind,
    .run = run,
};
