/* common.c: checks, types and tiles that operator files share. */
#include "ops/common.h"

wl_status wl_check_matrices(const wl_graph *graph, const wl_node *node,
                            wl_error *error) {
  for (uint32_t i = 0; i < node->n_inputs; i++)
    if (wl_input_type(graph, node, i)->kind == WL_VALUE_STRINGS)
      return wl_fail(error, WL_ERROR_TYPE,
                     "operator '%s' takes matrices; input %u is strings",
                     wl_op_table[node->op]->name, i);
  return WL_OK;
}

wl_status wl_check_dense(const wl_graph *graph, const wl_node *node,
                         wl_error *error) {
  for (uint32_t i = 0; i < node->n_inputs; i++)
    if (wl_input_type(graph, node, i)->kind != WL_VALUE_DENSE)
      return wl_fail(error, WL_ERROR_TYPE,
                     "operator '%s' takes dense matrices; input %u is not one",
                     wl_op_table[node->op]->name, i);
  return WL_OK;
}

wl_status wl_node_dtype(const wl_node *node, wl_dtype absent, wl_dtype *out,
                        wl_error *error) {
  static const wl_dtype allowed[] = {WL_I32, WL_I64, WL_F32, WL_F64};
  const wl_attr *attr = wl_node_attr(node, "dtype");
  *out = absent;
  if (attr == NULL)
    return WL_OK;
  for (size_t i = 0; i < WL_COUNT_OF(allowed); i++) {
    if (wl_string_is(attr->value.s, wl_dtype_name(allowed[i]))) {
      *out = allowed[i];
      return WL_OK;
    }
  }
  return wl_fail(
      error, WL_ERROR_UNSUPPORTED,
      "operator '%s': dtype '%.20s' is not one of i32, i64, f32, f64",
      wl_op_table[node->op]->name, attr->value.s.data);
}

wl_status wl_node_float_dtype(const wl_node *node, wl_dtype absent,
                              wl_dtype *out, wl_error *error) {
  WL_TRY(wl_node_dtype(node, absent, out, error));
  if (*out == WL_F32 || *out == WL_F64)
    return WL_OK;
  return wl_fail(error, WL_ERROR_UNSUPPORTED,
                 "operator '%s': its result is not whole, dtype '%s' cannot "
                 "hold it",
                 wl_op_table[node->op]->name, wl_dtype_name(*out));
}

wl_dtype wl_promote(wl_dtype a, wl_dtype b) {
  if (a == b)
    return a;
  if ((a == WL_I32 && b == WL_I64) || (a == WL_I64 && b == WL_I32))
    return WL_I64;
  return WL_F64;
}

wl_status wl_check_vector(const wl_graph *graph, const wl_node *node,
                          const char *name, size_t n, wl_error *error) {
  const wl_const *constant = wl_node_tensor(graph, node, name);
  if (constant == NULL)
    return WL_OK;
  if (constant->dtype == WL_STRING || constant->n_dims != 1 ||
      (constant->n_elements != n && constant->n_elements != 1))
    return wl_fail(error, WL_ERROR_VALUE,
                   "operator '%s': '%s' has %zu elements, expected %zu or 1",
                   wl_op_table[node->op]->name, name, constant->n_elements, n);
  return WL_OK;
}

wl_status wl_copy_vector(const wl_const *constant, size_t n, double fill,
                         double **out, wl_error *error) {
  *out = wl_calloc(n ? n : 1, sizeof **out);
  if (*out == NULL)
    return wl_fail_memory(error, n * sizeof **out);
  bool is_one = constant != NULL && constant->n_elements == 1;
  for (size_t i = 0; i < n; i++)
    (*out)[i] =
        constant == NULL ? fill : wl_const_number(constant, is_one ? 0 : i);
  return WL_OK;
}

wl_status wl_columns_init(wl_columns *columns, const wl_const *constant,
                          wl_error *error) {
  *columns = (wl_columns){0};
  if (constant == NULL)
    return WL_OK;
  columns->step = constant->n_elements != 1;
  columns->n = constant->n_elements;
  return wl_copy_vector(constant, constant->n_elements, 0.0, &columns->values,
                        error);
}

void wl_columns_deinit(wl_columns *columns) { wl_free(columns->values); }

void wl_columns_round(wl_columns *columns, wl_dtype dtype) {
  for (size_t i = 0; i < columns->n; i++)
    columns->values[i] = wl_round_to(dtype, columns->values[i]);
}

wl_status wl_new_scratch(const wl_op_call *call, size_t n_columns,
                         wl_value *out, wl_error *error) {
  size_t n;
  if (wl_mul_overflows(call->n_rows, n_columns, &n) ||
      wl_mul_overflows(n, sizeof(double), &n))
    return wl_fail_memory(error, SIZE_MAX);
  *out = (wl_value){.kind = WL_VALUE_DENSE,
                    .n_rows = call->n_rows,
                    .n_columns = n_columns,
                    .ld = n_columns};
  out->dense = wl_arena_alloc(call->arena, n);
  return out->dense != NULL ? WL_OK : wl_fail_memory(error, n);
}

wl_status wl_new_dense(const wl_op_call *call, size_t n_columns, wl_value *out,
                       wl_error *error) {
  if (call->target == NULL || n_columns != 1)
    return wl_new_scratch(call, n_columns, out, error);
  *out = (wl_value){.kind = WL_VALUE_DENSE,
                    .n_rows = call->n_rows,
                    .n_columns = 1,
                    .ld = 1,
                    .dense = call->target};
  return WL_OK;
}

wl_status wl_find_choice(const wl_node *node, const char *attr,
                         const void *table, size_t n, size_t size, size_t *out,
                         wl_error *error) {
  wl_string wanted = wl_node_string(node, attr, "");
  for (*out = 0; *out < n; (*out)++) {
    const char *name;
    memcpy(&name, (const char *)table + *out * size, sizeof name);
    if (wl_string_is(wanted, name))
      return WL_OK;
  }
  return wl_fail(error, WL_ERROR_UNSUPPORTED,
                 "operator '%s': %s '%.40s' is not supported",
                 wl_op_name(node->op), attr, wanted.data);
}

wl_status wl_new_strings(const wl_op_call *call, wl_string **strings,
                         wl_value *out, wl_error *error) {
  size_t size;
  if (wl_mul_overflows(call->n_rows, sizeof **strings, &size))
    return wl_fail_memory(error, SIZE_MAX);
  *strings = wl_arena_alloc(call->arena, size);
  if (*strings == NULL)
    return wl_fail_memory(error, size);
  *out = (wl_value){.kind = WL_VALUE_STRINGS,
                    .n_rows = call->n_rows,
                    .n_columns = 1,
                    .strings = *strings};
  return WL_OK;
}

wl_status wl_as_dense(const wl_op_call *call, const wl_value *value,
                      wl_value *out, wl_error *error) {
  if (value->kind == WL_VALUE_DENSE) {
    *out = *value;
    return WL_OK;
  }
  WL_TRY(wl_new_scratch(call, value->n_columns, out, error));
  if (value->kind == WL_VALUE_STRIDED) {
    for (size_t r = 0; r < call->n_rows; r++)
      for (size_t c = 0; c < value->n_columns; c++)
        wl_row_mut(out, r)[c] = wl_strided_at(&value->strided, r, c);
    return WL_OK;
  }
  memset(out->dense, 0, call->n_rows * value->n_columns * sizeof(double));
  for (size_t r = 0; r < call->n_rows; r++) {
    double *row = wl_row_mut(out, r);
    /* += as scipy's toarray sums duplicates of a caller's matrix */
    for (int64_t i = value->indptr[r]; i < value->indptr[r + 1]; i++)
      row[value->indices[i]] += value->data[i];
  }
  return WL_OK;
}

wl_status wl_like_csr(const wl_op_call *call, const wl_value *value,
                      wl_value *out, double **data, wl_error *error) {
  size_t first = (size_t)value->indptr[0];
  size_t n = (size_t)value->indptr[value->n_rows] - first;
  double *own = wl_arena_alloc(call->arena, n * sizeof *own);
  int64_t *indptr =
      wl_arena_alloc(call->arena, (value->n_rows + 1) * sizeof *indptr);
  if (own == NULL || indptr == NULL)
    return wl_fail_memory(error, n * sizeof *own);
  for (size_t r = 0; r <= value->n_rows; r++)
    indptr[r] = value->indptr[r] - (int64_t)first;
  *out = *value;
  out->indptr = indptr;
  out->indices = value->indices + first;
  out->data = own;
  *data = own;
  return WL_OK;
}

wl_status wl_infer_same(const wl_graph *graph, const wl_node *node,
                        wl_type *type, wl_error *error) {
  WL_TRY(wl_check_dense(graph, node, error));
  *type = *wl_input_type(graph, node, 0);
  return WL_OK;
}
