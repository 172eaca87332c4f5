/*
 * choose_text.c: one string or another by a condition: `where` for strings.
 * What is given as an attribute is one string for all; the inputs after the
 * condition are those that are not. Missing strings are chosen like others.
 */
#include "ops/common.h"
#include "ops/table.h"

static const wl_attr_def attrs[] = {
    {"then", WL_ATTR_STRING, false},
    {"otherwise", WL_ATTR_STRING, false},
    {"missing", WL_ATTR_STRING, false},
};

/* A choice: an input, or one string for all. */
typedef struct choice {
  int input; /* 0: none */
  wl_string text;
} choice;

typedef struct choose_state {
  wl_arena memory;
  choice then, otherwise;
} choose_state;

static wl_status infer(const wl_graph *graph, const wl_node *node,
                       wl_type *type, wl_error *error) {
  const wl_type *condition = wl_input_type(graph, node, 0);
  wl_string missing = wl_node_string(node, "missing", "");
  bool is_then = wl_string_is(missing, "then");
  bool is_otherwise = wl_string_is(missing, "otherwise");
  uint32_t n_given = wl_node_attr(node, "then") != NULL ? 1 : 0;
  n_given += wl_node_attr(node, "otherwise") != NULL ? 1 : 0;
  if (condition->kind != WL_VALUE_DENSE || condition->n_columns != 1)
    return wl_fail(error, WL_ERROR_TYPE,
                   "operator 'choose_text' takes a condition of one column");
  if (node->n_inputs + n_given != 3)
    return wl_fail(error, WL_ERROR_VALUE,
                   "operator 'choose_text' takes a condition and two choices, "
                   "as inputs or as 'then' and 'otherwise'");
  if ((missing.size != 0 && !is_then && !is_otherwise) ||
      (is_then && wl_node_attr(node, "then") == NULL) ||
      (is_otherwise && wl_node_attr(node, "otherwise") == NULL))
    return wl_fail(error, WL_ERROR_VALUE,
                   "operator 'choose_text': 'missing' names the attribute that "
                   "stands for a missing string");
  *type = (wl_type){.kind = WL_VALUE_STRINGS,
                    .n_columns = 1,
                    .dtype = WL_STRING,
                    .is_bit_equal = true,
                    .has_missing = missing.size != 0};
  for (uint32_t i = 1; i < node->n_inputs; i++) {
    const wl_type *input = wl_input_type(graph, node, i);
    if (input->kind != WL_VALUE_STRINGS)
      return wl_fail(error, WL_ERROR_TYPE,
                     "operator 'choose_text': input %u is no strings", i);
    type->has_missing |= input->has_missing;
  }
  return WL_OK;
}

static void unbind(void *state) {
  choose_state *s = state;
  if (s == NULL)
    return;
  wl_arena_deinit(&s->memory);
  wl_free(s);
}

static wl_status fill(choose_state *s, const wl_node *node, const char *name,
                      int *next_input, choice *out, wl_error *error) {
  if (wl_node_attr(node, name) == NULL) {
    out->input = (*next_input)++;
    return WL_OK;
  }
  out->text = (wl_string){NULL, WL_MISSING_NAN};
  if (wl_string_is(wl_node_string(node, "missing", ""), name))
    return WL_OK;
  wl_string from = wl_node_string(node, name, "");
  out->text.size = from.size;
  out->text.data = wl_arena_strndup(&s->memory, from.data, from.size);
  return out->text.data == NULL ? wl_fail_memory(error, from.size) : WL_OK;
}

static wl_status bind(const wl_graph *graph, const wl_node *node, void **state,
                      wl_error *error) {
  (void)graph;
  int next_input = 1;
  choose_state *s = wl_calloc(1, sizeof *s);
  if (s == NULL)
    return wl_fail_memory(error, sizeof *s);
  wl_arena_init(&s->memory);
  wl_status status = fill(s, node, "then", &next_input, &s->then, error);
  if (status == WL_OK)
    status = fill(s, node, "otherwise", &next_input, &s->otherwise, error);
  if (status == WL_OK)
    *state = s;
  else
    unbind(s);
  return status;
}

static wl_status run(const void *state, const wl_op_call *call, wl_value *out,
                     wl_error *error) {
  const choose_state *s = state;
  wl_string *strings;
  WL_TRY(wl_new_strings(call, &strings, out, error));
  for (size_t r = 0; r < call->n_rows; r++) {
    const choice *chosen =
        *wl_row(call->inputs[0], r) != 0.0 ? &s->then : &s->otherwise;
    strings[r] = chosen->input == 0 ? chosen->text
                                    : call->inputs[chosen->input]->strings[r];
  }
  return WL_OK;
}

const wl_op_def wl_op_choose_text = {
    .name = "choose_text",
    WL_ATTRS(attrs),
    .min_inputs = 1,
    .max_inputs = 3,
    .infer = infer,
    .bind = bind,
    .unbind = unbind,
    .run = run,
};
