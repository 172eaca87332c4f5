/* count.c: `count` and `hash`: text to sparse term counts. */
#include "ops/table.h"
#include "ops/text.h"

static const wl_attr_def count_attrs[] = {
    WL_TEXT_ATTRS,
    {"vocabulary", WL_ATTR_TENSOR, true},
};
static const wl_attr_def hash_attrs[] = {
    WL_TEXT_ATTRS,
    {"n_features", WL_ATTR_INT, true},
    {"alternate_sign", WL_ATTR_BOOL, false},
};

typedef struct count_state {
  wl_vectorizer *vectorizer;
  size_t n_features;
  bool is_binary;
} count_state;

static wl_status infer(const wl_graph *graph, const wl_node *node,
                       wl_type *type, wl_error *error) {
  bool is_hash = node->op == WL_OP_HASH;
  *type = (wl_type){.kind = WL_VALUE_CSR, .is_bit_equal = true};
  WL_TRY(wl_text_check(graph, node, is_hash, &type->n_columns, error));
  return wl_node_dtype(node, is_hash ? WL_F64 : WL_I64, &type->dtype, error);
}

static void unbind(void *state) {
  count_state *s = state;
  if (s == NULL)
    return;
  wl_vectorizer_free(s->vectorizer);
  wl_free(s);
}

static wl_status bind(const wl_graph *graph, const wl_node *node, void **state,
                      wl_error *error) {
  wl_vectorizer_params params;
  wl_string *strings = NULL;
  count_state *s = wl_calloc(1, sizeof *s);
  if (s == NULL)
    return wl_fail_memory(error, sizeof *s);
  wl_status status;
  WL_TRY_DONE(status, wl_text_params(graph, node, node->op == WL_OP_HASH,
                                     &params, &strings, error));
  s->n_features = params.n_features;
  s->is_binary = wl_node_bool(node, "binary", false);
  WL_TRY_DONE(status,
              wl_vectorizer_create(&params, NULL, &s->vectorizer, error));
  *state = s;
  s = NULL;
done:
  wl_free(strings);
  unbind(s);
  return status;
}

static wl_status run(const void *state, const wl_op_call *call, wl_value *out,
                     wl_error *error) {
  const count_state *s = state;
  wl_csr_builder builder;
  WL_TRY(wl_csr_begin(&builder, call->arena, call->n_rows, 1024, error));
  WL_TRY(wl_vectorizer_count(s->vectorizer, call->inputs[0]->strings,
                             call->n_rows, call->arena, &builder, error));
  *out = wl_csr_value(&builder, s->n_features);
  if (s->is_binary)
    for (size_t e = 0; e < builder.n_entries; e++)
      builder.data[e] = 1.0;
  return WL_OK;
}

const wl_op_def wl_op_count = {
    .name = "count",
    WL_ATTRS(count_attrs),
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = infer,
    .bind = bind,
    .unbind = unbind,
    .run = run,
};

const wl_op_def wl_op_hash = {
    .name = "hash",
    WL_ATTRS(hash_attrs),
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = infer,
    .bind = bind,
    .unbind = unbind,
    .run = run,
};
