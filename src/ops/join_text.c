/*
 * join_text.c: strings put together, with constant parts before, between and
 * after them. Where one of them is missing, so is the result.
 */
#include "ops/common.h"
#include "ops/table.h"

static const wl_attr_def attrs[] = {
    {"parts", WL_ATTR_TENSOR, false},
};

typedef struct join_state {
  wl_arena memory;
  wl_string *parts; /* one more than inputs */
  size_t n_inputs;
} join_state;

static wl_status infer(const wl_graph *graph, const wl_node *node,
                       wl_type *type, wl_error *error) {
  const wl_const *parts = wl_node_tensor(graph, node, "parts");
  *type = *wl_input_type(graph, node, 0);
  for (uint32_t i = 0; i < node->n_inputs; i++) {
    const wl_type *input = wl_input_type(graph, node, i);
    if (input->kind != WL_VALUE_STRINGS)
      return wl_fail(error, WL_ERROR_TYPE,
                     "operator 'join_text' takes strings; input %u is numbers",
                     i);
    type->has_missing |= input->has_missing;
  }
  if (parts != NULL && (parts->dtype != WL_STRING ||
                        parts->n_elements != (size_t)node->n_inputs + 1))
    return wl_fail(error, WL_ERROR_VALUE,
                   "operator 'join_text': 'parts' are strings, one more than "
                   "there are inputs");
  return WL_OK;
}

static void unbind(void *state) {
  join_state *s = state;
  if (s == NULL)
    return;
  wl_arena_deinit(&s->memory);
  wl_free(s);
}

static wl_status fill(join_state *s, const wl_const *parts, wl_error *error) {
  s->parts = wl_arena_calloc(&s->memory, s->n_inputs + 1, sizeof *s->parts);
  if (s->parts == NULL)
    return wl_fail_memory(error, (s->n_inputs + 1) * sizeof *s->parts);
  for (size_t i = 0; i <= s->n_inputs; i++) {
    wl_string from =
        parts == NULL ? (wl_string){"", 0} : wl_const_string(parts, i);
    char *copy = wl_arena_strndup(&s->memory, from.data, from.size);
    if (copy == NULL)
      return wl_fail_memory(error, from.size);
    s->parts[i] = (wl_string){copy, from.size};
  }
  return WL_OK;
}

static wl_status bind(const wl_graph *graph, const wl_node *node, void **state,
                      wl_error *error) {
  join_state *s = wl_calloc(1, sizeof *s);
  if (s == NULL)
    return wl_fail_memory(error, sizeof *s);
  wl_arena_init(&s->memory);
  s->n_inputs = node->n_inputs;
  wl_status status = fill(s, wl_node_tensor(graph, node, "parts"), error);
  if (status == WL_OK)
    *state = s;
  else
    unbind(s);
  return status;
}

static wl_status join_row(const join_state *s, const wl_op_call *call, size_t r,
                          wl_string *out, wl_error *error) {
  size_t size = s->parts[0].size;
  for (size_t i = 0; i < s->n_inputs; i++) {
    wl_string text = call->inputs[i]->strings[r];
    if (text.data == NULL) {
      *out = (wl_string){NULL, WL_MISSING_NAN};
      return WL_OK;
    }
    if (wl_add_overflows(size, text.size, &size) ||
        wl_add_overflows(size, s->parts[i + 1].size, &size))
      return wl_fail_memory(error, SIZE_MAX);
  }
  char *to = wl_arena_alloc(call->arena, size);
  if (to == NULL)
    return wl_fail_memory(error, size);
  *out = (wl_string){to, size};
  memcpy(to, s->parts[0].data, s->parts[0].size);
  to += s->parts[0].size;
  for (size_t i = 0; i < s->n_inputs; i++) {
    wl_string text = call->inputs[i]->strings[r];
    memcpy(to, text.data, text.size);
    to += text.size;
    memcpy(to, s->parts[i + 1].data, s->parts[i + 1].size);
    to += s->parts[i + 1].size;
  }
  return WL_OK;
}

static wl_status run(const void *state, const wl_op_call *call, wl_value *out,
                     wl_error *error) {
  const join_state *s = state;
  wl_string *strings;
  WL_TRY(wl_new_strings(call, &strings, out, error));
  for (size_t r = 0; r < call->n_rows; r++)
    WL_TRY(join_row(s, call, r, &strings[r], error));
  return WL_OK;
}

const wl_op_def wl_op_join_text = {
    .name = "join_text",
    WL_ATTRS(attrs),
    .min_inputs = 1,
    .max_inputs = 1 << 10,
    .infer = infer,
    .bind = bind,
    .unbind = unbind,
    .run = run,
};
