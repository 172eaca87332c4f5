/*
 * fuse_text.c: linear(normalize(tfidf(count(text)))), with or without its
 * middle parts, becomes text_score(text): the idf goes into the weights, and
 * the norm is taken in the same traversal. Fused sums are float64, so it is
 * done where the features are (or where the score is rounded to float32
 * anyway).
 */
#include "passes/passes.h"
#include "passes/rewrite.h"

/* What lies between the text and the model. */
typedef struct chain {
  const wl_node *text; /* the count or hash node */
  wl_string norm, tf;
  const wl_const *idf;
  const wl_attr *idf_attr;
  bool is_f32;
} chain;

static bool match(const wl_graph *graph, wl_id x, chain *out) {
  const wl_node *node = &graph->nodes[x];
  *out = (chain){.norm = {"none", 4}, .tf = {"raw", 3}};
  out->is_f32 = node->type.dtype == WL_F32;
  bool is_sublinear = false, is_binarized = false;
  /* Counts are whole numbers: above a threshold below 1 is to be there. */
  if (node->op == WL_OP_BINARIZE) {
    double threshold = wl_node_float(node, "threshold", 0.0);
    node = &graph->nodes[node->inputs[0]];
    is_binarized = threshold >= 0.0 && threshold < 1.0;
    if (!is_binarized || node->op != WL_OP_COUNT)
      return false;
    out->is_f32 |= node->type.dtype == WL_F32;
  }
  if (node->op == WL_OP_NORMALIZE) {
    out->norm = wl_node_string(node, "norm", "none");
    node = &graph->nodes[node->inputs[0]];
    out->is_f32 |= node->type.dtype == WL_F32;
  }
  /* Two norms in a row are left as they are. */
  if (node->op == WL_OP_TFIDF && wl_string_is(out->norm, "none")) {
    out->norm = wl_node_string(node, "norm", "l2");
    out->idf_attr = wl_node_attr(node, "idf");
    out->idf = wl_node_tensor(graph, node, "idf");
    is_sublinear = wl_node_bool(node, "sublinear_tf", false);
    node = &graph->nodes[node->inputs[0]];
    out->is_f32 |= node->type.dtype == WL_F32;
  }
  if (node->op != WL_OP_COUNT && node->op != WL_OP_HASH)
    return false;
  /* The log of a hash's negative sums is the reference's NaN: run it plainly.
   */
  if (is_sublinear && node->op == WL_OP_HASH)
    return false;
  if (is_binarized || wl_node_bool(node, "binary", false))
    out->tf = (wl_string){"binary", 6};
  else if (is_sublinear)
    out->tf = (wl_string){"sublinear", 9};
  out->text = node;
  return true;
}

static wl_attr string_attr(const char *name, wl_string value) {
  wl_attr attr = {.name = name, .kind = WL_ATTR_STRING};
  attr.value.s = value;
  return attr;
}

static wl_attr tensor_attr(const char *name, uint32_t tensor) {
  wl_attr attr = {.name = name, .kind = WL_ATTR_TENSOR};
  attr.value.tensor = tensor;
  return attr;
}

/* n_features x k: the coefficients transposed, times the idf */
static wl_status make_weights(wl_rewrite *rewrite, const wl_const *coef,
                              const chain *c, uint32_t *out) {
  size_t k = (size_t)coef->shape[0], n = (size_t)coef->shape[1];
  double *weights;
  uint64_t shape[2] = {n, k};
  WL_TRY(
      wl_graph_new_f64(rewrite->to, 2, shape, out, &weights, rewrite->error));
  for (size_t f = 0; f < n; f++) {
    double idf = c->idf != NULL ? wl_const_number(c->idf, f) : 1.0;
    for (size_t o = 0; o < k; o++)
      weights[f * k + o] = wl_const_number(coef, o * n + f) * idf;
  }
  return WL_OK;
}

/* The idf as float64, which the norm's terms are multiplied by. */
static wl_status make_norm_values(wl_rewrite *rewrite, const chain *c,
                                  uint32_t *out) {
  if (c->idf->dtype == WL_F64) {
    *out = c->idf_attr->value.tensor;
    return WL_OK;
  }
  double *values;
  uint64_t shape[1] = {c->idf->n_elements};
  WL_TRY(wl_graph_new_f64(rewrite->to, 1, shape, out, &values, rewrite->error));
  for (size_t f = 0; f < c->idf->n_elements; f++)
    values[f] = wl_const_number(c->idf, f);
  return WL_OK;
}

enum { MAX_ATTRS = 32 };

static wl_status emit(wl_rewrite *rewrite, const wl_node *linear,
                      const chain *c, wl_id *out) {
  wl_attr attrs[MAX_ATTRS];
  size_t n = 0;
  uint32_t weights, values;
  for (uint32_t i = 0; i < c->text->n_attrs && n < MAX_ATTRS - 6; i++) {
    const char *name = c->text->attrs[i].name;
    if (strcmp(name, "dtype") != 0 && strcmp(name, "binary") != 0)
      attrs[n++] = c->text->attrs[i];
  }
  WL_TRY(make_weights(rewrite, wl_node_tensor(rewrite->from, linear, "coef"), c,
                      &weights));
  attrs[n++] = tensor_attr("weights", weights);
  if (!wl_string_is(c->norm, "none")) {
    attrs[n++] = string_attr("norm", c->norm);
    if (c->idf != NULL) {
      WL_TRY(make_norm_values(rewrite, c, &values));
      attrs[n++] = tensor_attr("norm_values", values);
    }
  }
  if (!wl_string_is(c->tf, "raw"))
    attrs[n++] = string_attr("tf", c->tf);
  wl_id text = rewrite->map[c->text->inputs[0]];
  return wl_graph_add_node(rewrite->to, WL_OP_TEXT_SCORE, &text, 1, attrs, n,
                           out, rewrite->error);
}

static wl_status visit(wl_rewrite *rewrite, wl_id id) {
  const wl_node *node = &rewrite->from->nodes[id];
  chain c;
  if (node->op != WL_OP_LINEAR || !match(rewrite->from, node->inputs[0], &c) ||
      (c.is_f32 && node->type.dtype != WL_F32))
    return wl_rewrite_copy(rewrite, id);
  const wl_attr *intercept = wl_node_attr(node, "intercept");
  wl_id score;
  WL_TRY(emit(rewrite, node, &c, &score));
  if (intercept != NULL)
    WL_TRY(wl_rewrite_unary(rewrite, WL_OP_AFFINE, score, "add",
                            intercept->value.tensor, &score));
  if (node->type.dtype == WL_F32) {
    wl_attr f32 = string_attr("dtype", (wl_string){"f32", 3});
    WL_TRY(wl_graph_add_node(rewrite->to, WL_OP_CAST, &score, 1, &f32, 1,
                             &score, rewrite->error));
  }
  rewrite->map[id] = score;
  return WL_OK;
}

wl_status wl_pass_fuse_text(const wl_graph *from, wl_graph *to,
                            wl_error *error) {
  return wl_rewrite_each(from, to, visit, error);
}
