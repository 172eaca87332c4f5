/*
 * tfidf.c: TfidfTransformer.transform on counts: 1 + log(tf), times idf, row
 * norm, each step in the reference's order; rows that are not finite have no
 * norm and are refused. Plans for linear models fuse it away
 * (passes/fuse_text.c); this is what transform returns.
 */
#include <math.h>

#include "base/math.h"
#include "ops/normalize.h"
#include "ops/table.h"

static const wl_attr_def attrs[] = {
    {"sublinear_tf", WL_ATTR_BOOL, false},
    {"idf", WL_ATTR_TENSOR, false},
    {"norm", WL_ATTR_STRING, false},
    {"dtype", WL_ATTR_STRING, false},
};

typedef struct tfidf_state {
  bool is_sublinear;
  wl_norm norm;
  double *idf; /* NULL: none */
} tfidf_state;

static wl_status infer(const wl_graph *graph, const wl_node *node,
                       wl_type *type, wl_error *error) {
  wl_norm norm;
  WL_TRY(wl_check_matrices(graph, node, error));
  *type = *wl_input_type(graph, node, 0);
  WL_TRY(wl_node_norm(node, "l2", &norm, error));
  const wl_const *idf = wl_node_tensor(graph, node, "idf");
  if (idf != NULL && (idf->dtype == WL_STRING || idf->n_dims != 1 ||
                      idf->n_elements != type->n_columns))
    return wl_fail(error, WL_ERROR_VALUE,
                   "operator 'tfidf': idf has %zu elements, expected %zu",
                   idf->n_elements, type->n_columns);
  type->kind = WL_VALUE_CSR;
  type->is_bit_equal &= !wl_node_bool(node, "sublinear_tf", false);
  return wl_node_float_dtype(node, type->dtype == WL_F32 ? WL_F32 : WL_F64,
                             &type->dtype, error);
}

static void unbind(void *state) {
  tfidf_state *s = state;
  if (s == NULL)
    return;
  wl_free(s->idf);
  wl_free(s);
}

static wl_status bind(const wl_graph *graph, const wl_node *node, void **state,
                      wl_error *error) {
  tfidf_state *s = wl_calloc(1, sizeof *s);
  if (s == NULL)
    return wl_fail_memory(error, sizeof *s);
  const wl_const *idf = wl_node_tensor(graph, node, "idf");
  wl_status status;
  s->is_sublinear = wl_node_bool(node, "sublinear_tf", false);
  WL_TRY_DONE(status, wl_node_norm(node, "l2", &s->norm, error));
  if (idf != NULL)
    WL_TRY_DONE(status,
                wl_copy_vector(idf, idf->n_elements, 0, &s->idf, error));
  *state = s;
  return WL_OK;
done:
  unbind(s);
  return status;
}

/* A dense matrix of counts as CSR, as the reference converts it. */
static wl_status sparse_copy(const wl_op_call *call, wl_value *out,
                             wl_error *error) {
  const wl_value *x = call->inputs[0];
  wl_csr_builder builder;
  WL_TRY(wl_csr_begin(&builder, call->arena, call->n_rows, 256, error));
  for (size_t r = 0; r < call->n_rows; r++) {
    WL_TRY(wl_csr_reserve(&builder, x->n_columns, error));
    for (size_t c = 0; c < x->n_columns; c++)
      if (wl_row(x, r)[c] != 0.0)
        wl_csr_push(&builder, (int32_t)c, wl_row(x, r)[c]);
    wl_csr_end_row(&builder);
  }
  *out = wl_csr_value(&builder, x->n_columns);
  return WL_OK;
}

/* By the norm that a row would have if each occurrence were a term. */
static void divide_by_occurrences(const wl_value *x, double *data,
                                  const double *idf, wl_dtype dtype) {
  for (size_t r = 0; r < x->n_rows; r++) {
    double sum = 0.0;
    for (int64_t e = x->indptr[r]; e < x->indptr[r + 1]; e++)
      sum += fabs(idf != NULL ? data[e] * idf[x->indices[e]] : data[e]);
    sum = sqrt(sum);
    for (int64_t e = x->indptr[r]; sum != 0.0 && e < x->indptr[r + 1]; e++)
      data[e] = wl_round_to(dtype, data[e] / sum);
  }
}

/* The numbers of a row, and whether all are finite. */
static bool weigh_row(const tfidf_state *s, const int32_t *features,
                      double *data, size_t n, wl_dtype dtype) {
  size_t n_finite = 0;
  for (size_t i = 0; i < n; i++) {
    double v = data[i];
    if (s->is_sublinear)
      v = wl_round_to(dtype, wl_round_to(dtype, wl_log(v)) + 1.0);
    if (s->idf != NULL)
      v = wl_round_to(dtype, v * s->idf[features[i]]);
    data[i] = wl_round_to(dtype, v);
    n_finite += isfinite(data[i]) != 0;
  }
  return n_finite == n;
}

/* A row that is not finite, as the reference's norm refuses it: for its NaN, or
 * its infinity. Without a norm it is returned as it is. */
static wl_status refuse_row(const tfidf_state *s, const wl_value *x, size_t row,
                            const int32_t *features, const double *data,
                            size_t n, wl_dtype dtype, wl_error *error) {
  size_t at = 0;
  while (at < n && data[at] == data[at])
    at++;
  bool is_nan = at < n;
  if (!is_nan)
    for (at = 0; isfinite(data[at]);)
      at++;
  size_t feature = (size_t)features[at];
  double count = x->kind == WL_VALUE_CSR ? x->data[(size_t)x->indptr[row] + at]
                                         : wl_row(x, row)[feature];
  const char *what = dtype == WL_F32
                         ? "infinity or a value too large for dtype('float32')"
                         : "infinity or a value too large for dtype('float64')";
  if (is_nan)
    what = "NaN";
  if (s->is_sublinear && !(count > 0.0))
    return wl_fail_row(error, WL_ERROR_VALUE, (int64_t)row,
                       "Input contains %s.\nsublinear_tf=True takes the "
                       "logarithm of feature %zu, which is %g: only counts "
                       "above 0 have one (hashes with alternate_sign=False do)",
                       what, feature, count);
  return wl_fail_row(error, WL_ERROR_VALUE, (int64_t)row,
                     "Input contains %s.\nfeature %zu, which is %g, times its "
                     "idf is %g",
                     what, feature, count, data[at]);
}

static wl_status run(const void *state, const wl_op_call *call, wl_value *out,
                     wl_error *error) {
  const tfidf_state *s = state;
  const wl_value *x = call->inputs[0];
  double *data;
  if (x->kind == WL_VALUE_CSR) {
    WL_TRY(wl_like_csr(call, x, out, &data, error));
    memcpy(data, x->data + x->indptr[0],
           (size_t)out->indptr[x->n_rows] * sizeof *data);
  } else {
    WL_TRY(sparse_copy(call, out, error));
    data = out->data;
  }
  wl_dtype dtype = call->type->dtype;
  for (size_t r = 0; r < call->n_rows; r++) {
    size_t first = (size_t)out->indptr[r];
    size_t n = (size_t)out->indptr[r + 1] - first;
    const int32_t *features = out->indices + first;
    if (!weigh_row(s, features, data + first, n, dtype) &&
        s->norm != WL_NORM_NONE)
      return refuse_row(s, x, r, features, data + first, n, dtype, error);
  }
  if (s->norm == WL_NORM_OCCURRENCES)
    divide_by_occurrences(out, data, s->idf, dtype);
  else if (s->norm != WL_NORM_NONE)
    wl_normalize_csr(out, data, s->norm, dtype);
  return WL_OK;
}

const wl_op_def wl_op_tfidf = {
    .name = "tfidf",
    WL_ATTRS(attrs),
    .min_inputs = 1,
    .max_inputs = 1,
    .takes_sparse = true,
    .keeps_sparse = true,
    .infer = infer,
    .bind = bind,
    .unbind = unbind,
    .run = run,
};
