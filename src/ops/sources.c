/* sources.c: `input` and `external`: values that the executor provides. */
#include "ops/common.h"
#include "ops/table.h"

static const wl_attr_def input_attrs[] = {
    {"kind", WL_ATTR_STRING, true},          {"name", WL_ATTR_STRING, false},
    {"position", WL_ATTR_INT, false},        {"n_features", WL_ATTR_INT, false},
    {"dtype", WL_ATTR_STRING, false},        {"no_csr", WL_ATTR_STRING, false},
    {"no_csr_error", WL_ATTR_STRING, false}, {"names", WL_ATTR_TENSOR, false},
};

static wl_status check_width(const wl_node *node, int64_t width,
                             wl_error *error) {
  if (width < 0 || width > WL_MAX_COLUMNS)
    return wl_fail(error, WL_ERROR_VALUE,
                   "operator '%s': n_features=%lld is out of range",
                   wl_op_table[node->op]->name, (long long)width);
  return WL_OK;
}

/* The names of a matrix's columns are only for messages. */
static wl_status check_names(const wl_graph *graph, const wl_node *node,
                             bool is_matrix, int64_t width, wl_error *error) {
  const wl_const *names = wl_node_tensor(graph, node, "names");
  if (names == NULL)
    return WL_OK;
  if (!is_matrix || names->dtype != WL_STRING || names->n_dims != 1 ||
      names->n_elements != (uint64_t)width)
    return wl_fail(error, WL_ERROR_VALUE,
                   "operator 'input': names are strings, one a column of a "
                   "matrix");
  return WL_OK;
}

static wl_status infer_input(const wl_graph *graph, const wl_node *node,
                             wl_type *type, wl_error *error) {
  wl_string kind = wl_node_string(node, "kind", "");
  int64_t width = wl_node_int(node, "n_features", 1);
  WL_TRY(check_width(node, width, error));
  WL_TRY(check_names(graph, node, wl_string_is(kind, "matrix"), width, error));
  if (wl_string_is(kind, "text")) {
    *type = (wl_type){WL_VALUE_STRINGS, 1, WL_STRING, true, false};
    return WL_OK;
  }
  if (wl_string_is(kind, "category")) {
    *type = (wl_type){WL_VALUE_STRINGS, 1, WL_STRING, true, true};
    return WL_OK;
  }
  if (!wl_string_is(kind, "numeric") && !wl_string_is(kind, "matrix"))
    return wl_fail(error, WL_ERROR_VALUE,
                   "operator 'input': kind '%.20s' is not one of text, "
                   "category, numeric, matrix",
                   kind.data);
  wl_string code = wl_node_string(node, "no_csr_error", "type");
  if (!wl_string_is(code, "type") && !wl_string_is(code, "value"))
    return wl_fail(error, WL_ERROR_VALUE,
                   "operator 'input': no_csr_error is not one of type, value");
  if (wl_string_is(kind, "numeric"))
    width = 1;
  type->kind = WL_VALUE_DENSE;
  type->n_columns = (size_t)width;
  type->is_bit_equal = true;
  return wl_node_dtype(node, WL_F64, &type->dtype, error);
}

const wl_op_def wl_op_input = {
    .name = "input",
    WL_ATTRS(input_attrs),
    .max_inputs = 0,
    .infer = infer_input,
};

static const wl_attr_def external_attrs[] = {
    {"step", WL_ATTR_INT, true},     {"n_features", WL_ATTR_INT, true},
    {"sparse", WL_ATTR_BOOL, false}, {"dtype", WL_ATTR_STRING, false},
    {"name", WL_ATTR_STRING, false},
};

static wl_status infer_external(const wl_graph *graph, const wl_node *node,
                                wl_type *type, wl_error *error) {
  (void)graph;
  int64_t width = wl_node_int(node, "n_features", 0);
  WL_TRY(check_width(node, width, error));
  if (wl_node_int(node, "step", 0) < 0)
    return wl_fail(error, WL_ERROR_VALUE,
                   "operator 'external': step is negative");
  type->kind =
      wl_node_bool(node, "sparse", false) ? WL_VALUE_CSR : WL_VALUE_DENSE;
  type->n_columns = (size_t)width;
  type->is_bit_equal = true;
  return wl_node_dtype(node, WL_F64, &type->dtype, error);
}

const wl_op_def wl_op_external = {
    .name = "external",
    WL_ATTRS(external_attrs),
    .max_inputs = 1 << 16,
    .infer = infer_external,
};
