/*
 * measure_pattern.c: a number for each string: whether, or how often, a regular
 * expression matches in it. What is missing has a number of its own.
 */
#include <math.h>

#include "ops/common.h"
#include "ops/table.h"
#include "text/pattern.h"

static const wl_attr_def attrs[] = {
    {"pattern", WL_ATTR_STRING, true},
    {"function", WL_ATTR_STRING, true},
    {"missing", WL_ATTR_FLOAT, false},
};

static const struct {
  const char *name;
  double most; /* matches that are counted */
} functions[] = {
    {"contains", 1.0},
    {"count", INFINITY},
};

typedef struct measure_state {
  wl_pattern *pattern;
  double most, missing;
} measure_state;

static wl_status find(const wl_node *node, size_t *out, wl_error *error) {
  return wl_find_choice(node, "function", functions, WL_COUNT_OF(functions),
                        sizeof *functions, out, error);
}

static wl_status infer(const wl_graph *graph, const wl_node *node,
                       wl_type *type, wl_error *error) {
  size_t function;
  WL_TRY(find(node, &function, error));
  if (wl_input_type(graph, node, 0)->kind != WL_VALUE_STRINGS)
    return wl_fail(error, WL_ERROR_TYPE,
                   "operator 'measure_pattern' takes strings");
  *type = (wl_type){.kind = WL_VALUE_DENSE,
                    .n_columns = 1,
                    .dtype = WL_F64,
                    .is_bit_equal = true};
  return WL_OK;
}

static void unbind(void *state) {
  measure_state *s = state;
  if (s == NULL)
    return;
  wl_pattern_free(s->pattern);
  wl_free(s);
}

static wl_status bind(const wl_graph *graph, const wl_node *node, void **state,
                      wl_error *error) {
  (void)graph;
  size_t function = 0;
  wl_string pattern = wl_node_string(node, "pattern", "");
  WL_TRY(find(node, &function, error));
  measure_state *s = wl_calloc(1, sizeof *s);
  if (s == NULL)
    return wl_fail_memory(error, sizeof *s);
  s->most = functions[function].most;
  s->missing = wl_node_float(node, "missing", (double)NAN);
  wl_status status =
      wl_pattern_create(pattern.data, pattern.size, false, &s->pattern, error);
  if (status == WL_OK)
    *state = s;
  else
    unbind(s);
  return status;
}

static wl_status count(const measure_state *s, wl_matcher *matcher,
                       wl_string text, size_t row, double *out,
                       wl_error *error) {
  bool found = true;
  WL_TRY(wl_matcher_begin(matcher, (const uint8_t *)text.data, text.size, row,
                          error));
  for (*out = 0.0; *out < s->most; *out += 1.0) {
    WL_TRY(wl_matcher_next(matcher, &found, error));
    if (!found)
      break;
  }
  return WL_OK;
}

static wl_status run(const void *state, const wl_op_call *call, wl_value *out,
                     wl_error *error) {
  const measure_state *s = state;
  wl_matcher matcher;
  WL_TRY(wl_matcher_init(&matcher, s->pattern, call->arena, error));
  WL_TRY(wl_new_dense(call, 1, out, error));
  for (size_t r = 0; r < call->n_rows; r++) {
    wl_string text = call->inputs[0]->strings[r];
    out->dense[r] = s->missing;
    if (text.data != NULL)
      WL_TRY(count(s, &matcher, text, r, &out->dense[r], error));
  }
  return WL_OK;
}

const wl_op_def wl_op_measure_pattern = {
    .name = "measure_pattern",
    WL_ATTRS(attrs),
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = infer,
    .bind = bind,
    .unbind = unbind,
    .run = run,
};
