/*
 * fold_encode.c: a linear model over one-hot columns is a weight looked up for
 * each column:
 *
 *   linear(one_hot(encode(x)), W, b) = affine(encode(x) {codes=W', sum}, b)
 *
 * where the row of W' of a category holds the weights of the one-hot column
 * that its code stands for, and zeros where it stands for none. Nothing is
 * expanded, however many categories there are.
 */
#include "passes/passes.h"
#include "passes/rewrite.h"

enum { MAX_ATTRS = 10 };

/* linear(one_hot(encode)) */
typedef struct fold {
  const wl_node *linear, *one_hot, *encode;
  const wl_const *coef, *widths; /* of one_hot: its columns for each column */
  const wl_const *sizes;         /* of encode: its categories for each column */
  size_t n_columns, n_categories, k;
} fold;

static bool find(const wl_rewrite *rewrite, wl_id id, fold *f) {
  const wl_graph *graph = rewrite->from;
  f->linear = &graph->nodes[id];
  if (f->linear->op != WL_OP_LINEAR)
    return false;
  f->one_hot = &graph->nodes[f->linear->inputs[0]];
  if (f->one_hot->op != WL_OP_ONE_HOT)
    return false;
  f->encode = &graph->nodes[f->one_hot->inputs[0]];
  if (f->encode->op != WL_OP_ENCODE || wl_node_bool(f->encode, "sum", false))
    return false;
  f->coef = wl_node_tensor(graph, f->linear, "coef");
  f->widths = wl_node_tensor(graph, f->one_hot, "sizes");
  f->sizes = wl_node_tensor(graph, f->encode, "sizes");
  f->n_columns = f->sizes->n_elements;
  f->n_categories = wl_node_tensor(graph, f->encode, "categories")->n_elements;
  f->k = (size_t)f->coef->shape[0];
  /* A category that stands for several codes is several columns to one_hot. */
  return f->encode->type.n_columns == f->n_columns;
}

/* Many categories may share a code, so W' can be larger than W: it is made
 * as long as the rewrite's budget allows. */
static bool afford(wl_rewrite *rewrite, const fold *f) {
  size_t rows, cost;
  if (wl_add_overflows(f->n_categories, f->n_columns, &rows) ||
      wl_mul_overflows(rows, f->k, &cost) || cost > rewrite->budget)
    return false;
  rewrite->budget -= cost;
  return true;
}

/* The weights of the column that a code of `column` stands for. */
static void put_weights(const fold *f, size_t column, size_t start, double code,
                        double *to) {
  if (!(code >= 0.0 && code < wl_const_number(f->widths, column)))
    return;
  size_t at = start + (size_t)code, n = (size_t)f->coef->shape[1];
  for (size_t k = 0; k < f->k; k++)
    to[k] = wl_const_number(f->coef, k * n + at);
}

/* The codes are as encode rounds them: whole numbers of any float dtype. */
static double code_at(const fold *f, const wl_const *codes, size_t i) {
  double code = wl_const_number(codes, codes->n_elements == 1 ? 0 : i);
  return f->encode->type.dtype == WL_F32 ? (double)(float)code : code;
}

/* W', and what an unknown category of each column gives. */
static wl_status fold_weights(wl_rewrite *rewrite, const fold *f,
                              uint32_t *codes_out, uint32_t *unknown_out) {
  const wl_const *codes = wl_node_tensor(rewrite->from, f->encode, "codes");
  const wl_const *unknown = wl_node_tensor(rewrite->from, f->encode, "unknown");
  const uint64_t shape[2] = {f->n_categories, f->k};
  const uint64_t flat[1] = {f->n_columns * f->k};
  double *weights, *others = NULL;
  WL_TRY(wl_graph_new_f64(rewrite->to, 2, shape, codes_out, &weights,
                          rewrite->error));
  memset(weights, 0, f->n_categories * f->k * sizeof *weights);
  if (unknown != NULL) {
    WL_TRY(wl_graph_new_f64(rewrite->to, 1, flat, unknown_out, &others,
                            rewrite->error));
    memset(others, 0, f->n_columns * f->k * sizeof *others);
  }
  size_t start = 0, category = 0;
  for (size_t c = 0; c < f->n_columns; c++) {
    size_t size = (size_t)wl_const_number(f->sizes, c);
    for (size_t i = 0; i < size; i++, category++)
      put_weights(f, c, start,
                  codes == NULL ? (double)i : code_at(f, codes, category),
                  weights + category * f->k);
    if (unknown != NULL)
      put_weights(f, c, start, code_at(f, unknown, c), others + c * f->k);
    start += (size_t)wl_const_number(f->widths, c);
  }
  return WL_OK;
}

static wl_status emit_encode(wl_rewrite *rewrite, const fold *f, wl_id *out) {
  wl_attr attrs[MAX_ATTRS + 2];
  size_t n = 0;
  uint32_t codes, unknown = 0;
  WL_TRY(fold_weights(rewrite, f, &codes, &unknown));
  for (uint32_t i = 0; i < f->encode->n_attrs && n < MAX_ATTRS; i++) {
    wl_attr attr = f->encode->attrs[i];
    if (strcmp(attr.name, "codes") == 0 || strcmp(attr.name, "sum") == 0 ||
        strcmp(attr.name, "dtype") == 0)
      continue;
    if (strcmp(attr.name, "unknown") == 0)
      attr.value.tensor = unknown;
    attrs[n++] = attr;
  }
  attrs[n] = (wl_attr){.name = "codes", .kind = WL_ATTR_TENSOR};
  attrs[n++].value.tensor = codes;
  attrs[n] = (wl_attr){.name = "sum", .kind = WL_ATTR_BOOL};
  attrs[n++].value.b = true;
  wl_id *inputs = wl_calloc(f->encode->n_inputs, sizeof *inputs);
  if (inputs == NULL)
    return wl_fail_memory(rewrite->error, f->encode->n_inputs * sizeof *inputs);
  for (uint32_t i = 0; i < f->encode->n_inputs; i++)
    inputs[i] = rewrite->map[f->encode->inputs[i]];
  wl_status status =
      wl_graph_add_node(rewrite->to, WL_OP_ENCODE, inputs, f->encode->n_inputs,
                        attrs, n, out, rewrite->error);
  wl_free(inputs);
  return status;
}

static wl_status visit(wl_rewrite *rewrite, wl_id id) {
  fold f;
  if (!find(rewrite, id, &f) || !afford(rewrite, &f))
    return wl_rewrite_copy(rewrite, id);
  wl_id sum;
  WL_TRY(emit_encode(rewrite, &f, &sum));
  return wl_rewrite_end_linear(rewrite, id, sum);
}

wl_status wl_pass_fold_encode(const wl_graph *from, wl_graph *to,
                              wl_error *error) {
  return wl_rewrite_each(from, to, visit, error);
}
