/* common.h: what operator files share: attribute lists, result types, tiles. */
#ifndef WL_OPS_COMMON_H
#define WL_OPS_COMMON_H

#include "graph/op.h"

#define WL_ATTRS(list) .attrs = (list), .n_attrs = WL_COUNT_OF(list)
/* An operator without attributes. */
#define WL_NO_ATTRS .attrs = NULL, .n_attrs = 0

/* What a scaler says to a sparse matrix, before or after it is folded. */
#define WL_CANNOT_CENTER                                                       \
  "Cannot center sparse matrices: pass a dense matrix to a scaler fitted "     \
  "with "                                                                      \
  "with_mean=True"

static inline const wl_type *wl_input_type(const wl_graph *graph,
                                           const wl_node *node, size_t i) {
  return &graph->nodes[node->inputs[i]].type;
}

/* Fails unless every input is a matrix. */
wl_status wl_check_matrices(const wl_graph *graph, const wl_node *node,
                            wl_error *error);
/* Fails unless every input is a dense matrix. */
wl_status wl_check_dense(const wl_graph *graph, const wl_node *node,
                         wl_error *error);
/* The attribute `dtype` (i32, i64, f32, f64), or `absent`. */
wl_status wl_node_dtype(const wl_node *node, wl_dtype absent, wl_dtype *out,
                        wl_error *error);
/* i32, i64 and f32 with f64 are f64; i64 with f32 is f64, as NumPy promotes. */
wl_dtype wl_promote(wl_dtype a, wl_dtype b);
/* Fails unless an absent or numeric tensor has n elements, or 1. */
wl_status wl_check_vector(const wl_graph *graph, const wl_node *node,
                          const char *name, size_t n, wl_error *error);
/* *out: an owned array of n doubles; of `fill` when the tensor is absent, the
 * one element repeated when it has one. */
wl_status wl_copy_vector(const wl_const *constant, size_t n, double fill,
                         double **out, wl_error *error);

/* The attribute `dtype` where a result is not whole: f32 or f64. */
wl_status wl_node_float_dtype(const wl_node *node, wl_dtype absent,
                              wl_dtype *out, wl_error *error);

/* One number a column, or one for all: as large as the tensor, however many
 * columns there are. */
typedef struct wl_columns {
  double *values; /* owned; NULL when the attribute is absent */
  size_t step;
  size_t n;
} wl_columns;

wl_status wl_columns_init(wl_columns *columns, const wl_const *constant,
                          wl_error *error);
void wl_columns_deinit(wl_columns *columns);
/* To numbers of the dtype. */
void wl_columns_round(wl_columns *columns, wl_dtype dtype);
static inline double wl_column(const wl_columns *columns, size_t c) {
  return columns->values[c * columns->step];
}

/* A result that the dtype can hold. */
static inline double wl_round_to(wl_dtype dtype, double value) {
  return dtype == WL_F32 ? (double)(float)value : value;
}

/* A dense tile of the call's arena. */
wl_status wl_new_scratch(const wl_op_call *call, size_t n_columns,
                         wl_value *out, wl_error *error);
/* The same for the call's result, where the executor wants it. */
wl_status wl_new_dense(const wl_op_call *call, size_t n_columns, wl_value *out,
                       wl_error *error);
/* Of a table of n structs of `size` bytes, which begin with their names, the
 * number of the one that a node's attribute names. */
wl_status wl_find_choice(const wl_node *node, const char *attr,
                         const void *table, size_t n, size_t size, size_t *out,
                         wl_error *error);
/* A column of strings of the call's arena, to be filled in through *strings. */
wl_status wl_new_strings(const wl_op_call *call, wl_string **strings,
                         wl_value *out, wl_error *error);
static inline const double *wl_row(const wl_value *value, size_t row) {
  return value->dense + row * value->ld;
}
static inline double *wl_row_mut(wl_value *value, size_t row) {
  return value->dense + row * value->ld;
}
/* The input as a dense tile: itself, or its rows spread out. */
wl_status wl_as_dense(const wl_op_call *call, const wl_value *value,
                      wl_value *out, wl_error *error);
/* A CSR tile with the input's pattern and new data to be filled in. */
wl_status wl_like_csr(const wl_op_call *call, const wl_value *value,
                      wl_value *out, double **data, wl_error *error);

/* infer for elementwise operators over dense rows: the input's own type. */
wl_status wl_infer_same(const wl_graph *graph, const wl_node *node,
                        wl_type *type, wl_error *error);

#endif
