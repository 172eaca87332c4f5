/*
 * fill_text.c: a column of strings whose missing values are replaced by one
 * string, as SimpleImputer does. What counts as missing is NaN, None, or a
 * string; where it is not NaN, NaN is the error of scikit-learn's check_array.
 * With "any", all that is no string is, as in pandas' fillna.
 */
#include "ops/common.h"
#include "ops/table.h"

static const wl_attr_def attrs[] = {
    {"value", WL_ATTR_STRING, true},
    {"missing", WL_ATTR_STRING, true},
    {"equal", WL_ATTR_STRING, false},
};

typedef enum missing_kind {
  MISSING_NAN,
  MISSING_NONE,
  MISSING_EQUAL,
  MISSING_ANY
} missing_kind;

typedef struct fill_state {
  missing_kind kind;
  wl_string value, equal; /* owned */
} fill_state;

static wl_status read_kind(const wl_node *node, missing_kind *kind,
                           wl_error *error) {
  static const char *const names[] = {"nan", "none", "equal", "any"};
  wl_string name = wl_node_string(node, "missing", "");
  for (size_t i = 0; i < WL_COUNT_OF(names); i++) {
    *kind = (missing_kind)i;
    if (wl_string_is(name, names[i]))
      return WL_OK;
  }
  return wl_fail(error, WL_ERROR_VALUE,
                 "operator 'fill_text': missing='%.20s' is not one of nan, "
                 "none, equal, any",
                 name.data);
}

static wl_status infer(const wl_graph *graph, const wl_node *node,
                       wl_type *type, wl_error *error) {
  missing_kind kind;
  WL_TRY(read_kind(node, &kind, error));
  *type = *wl_input_type(graph, node, 0);
  if (type->kind != WL_VALUE_STRINGS)
    return wl_fail(error, WL_ERROR_TYPE, "operator 'fill_text' takes strings");
  type->has_missing &= kind != MISSING_ANY;
  return WL_OK;
}

static void unbind(void *state) {
  fill_state *s = state;
  if (s == NULL)
    return;
  wl_free((void *)(uintptr_t)s->value.data);
  wl_free((void *)(uintptr_t)s->equal.data);
  wl_free(s);
}

static wl_status copy_string(const wl_node *node, const char *name,
                             wl_string *out, wl_error *error) {
  wl_string string = wl_node_string(node, name, "");
  out->size = string.size;
  out->data = wl_strndup(string.data, string.size);
  return out->data != NULL ? WL_OK : wl_fail_memory(error, string.size);
}

static wl_status bind(const wl_graph *graph, const wl_node *node, void **state,
                      wl_error *error) {
  (void)graph;
  fill_state *s = wl_calloc(1, sizeof *s);
  if (s == NULL)
    return wl_fail_memory(error, sizeof *s);
  wl_status status;
  WL_TRY_DONE(status, read_kind(node, &s->kind, error));
  WL_TRY_DONE(status, copy_string(node, "value", &s->value, error));
  WL_TRY_DONE(status, copy_string(node, "equal", &s->equal, error));
done:
  if (status == WL_OK)
    *state = s;
  else
    unbind(s);
  return status;
}

static bool is_missing(const fill_state *s, wl_string value) {
  if (value.data != NULL)
    return s->kind == MISSING_EQUAL && value.size == s->equal.size &&
           memcmp(value.data, s->equal.data, value.size) == 0;
  if (s->kind == MISSING_ANY)
    return true;
  if (value.size == WL_MISSING_ANY)
    return s->kind != MISSING_EQUAL;
  return (s->kind == MISSING_NAN && value.size == WL_MISSING_NAN) ||
         (s->kind == MISSING_NONE && value.size == WL_MISSING_NONE);
}

/* NaN that is not what counts as missing. */
static bool is_refused(const fill_state *s, wl_string value) {
  return value.data == NULL && s->kind != MISSING_ANY &&
         ((s->kind != MISSING_NAN && value.size == WL_MISSING_NAN) ||
          (s->kind == MISSING_EQUAL && value.size == WL_MISSING_ANY));
}

static wl_status run(const void *state, const wl_op_call *call, wl_value *out,
                     wl_error *error) {
  const fill_state *s = state;
  const wl_value *x = call->inputs[0];
  wl_string *strings;
  WL_TRY(wl_new_strings(call, &strings, out, error));
  for (size_t r = 0; r < call->n_rows; r++) {
    wl_string value = x->strings[r];
    strings[r] = is_missing(s, value) ? s->value : value;
    if (is_refused(s, value))
      return wl_fail_row(error, WL_ERROR_VALUE, (int64_t)r,
                         "Input contains NaN, which is not what this imputer "
                         "replaces");
  }
  return WL_OK;
}

const wl_op_def wl_op_fill_text = {
    .name = "fill_text",
    WL_ATTRS(attrs),
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = infer,
    .bind = bind,
    .unbind = unbind,
    .run = run,
};
