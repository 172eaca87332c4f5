/*
 * require.c: a value as it is, where a condition holds; a row where it does not
 * is an error that says why, and what the row's keys are. So a function that
 * would leave a row out, or raise, is refused by name for that row only.
 */
#include <stdio.h>

#include "base/number.h"
#include "ops/common.h"
#include "ops/table.h"

static const wl_attr_def attrs[] = {
    {"message", WL_ATTR_STRING, true},
    {"error", WL_ATTR_STRING, false},
    {"names", WL_ATTR_TENSOR, false},
};

static const struct {
  const char *name;
  wl_status status;
} errors[] = {
    {"value", WL_ERROR_VALUE},
    {"type", WL_ERROR_TYPE},
    {"key", WL_ERROR_KEY},
};

enum { N_GIVEN = 2 /* the condition and the value, before what is shown */ };

typedef struct require_state {
  wl_arena memory;
  wl_status status;
  const char *message;
  const char **names; /* of the inputs that an error shows */
} require_state;

static wl_status find_error(const wl_node *node, size_t *out, wl_error *error) {
  *out = 0;
  if (wl_node_attr(node, "error") == NULL)
    return WL_OK;
  return wl_find_choice(node, "error", errors, WL_COUNT_OF(errors),
                        sizeof *errors, out, error);
}

static wl_status infer(const wl_graph *graph, const wl_node *node,
                       wl_type *type, wl_error *error) {
  size_t choice;
  const wl_const *names = wl_node_tensor(graph, node, "names");
  const wl_type *condition = wl_input_type(graph, node, 0);
  WL_TRY(find_error(node, &choice, error));
  if (condition->kind != WL_VALUE_DENSE || condition->n_columns != 1)
    return wl_fail(error, WL_ERROR_TYPE,
                   "operator 'require' takes a condition of one column");
  for (uint32_t i = 1; i < node->n_inputs; i++) {
    const wl_type *input = wl_input_type(graph, node, i);
    bool is_shown = i >= N_GIVEN;
    if (input->kind != WL_VALUE_STRINGS &&
        (input->kind != WL_VALUE_DENSE || (is_shown && input->n_columns != 1)))
      return wl_fail(error, WL_ERROR_TYPE,
                     "operator 'require': input %u is no column of strings or "
                     "numbers",
                     i);
  }
  size_t n_names = names == NULL ? 0 : names->n_elements;
  if (n_names != node->n_inputs - N_GIVEN ||
      (names != NULL && names->dtype != WL_STRING))
    return wl_fail(error, WL_ERROR_VALUE,
                   "operator 'require': 'names' are strings, one for each "
                   "input that is shown");
  *type = *wl_input_type(graph, node, 1);
  return WL_OK;
}

static void unbind(void *state) {
  require_state *s = state;
  if (s == NULL)
    return;
  wl_arena_deinit(&s->memory);
  wl_free(s);
}

static wl_status fill(require_state *s, const wl_graph *graph,
                      const wl_node *node, wl_error *error) {
  size_t choice;
  const wl_const *names = wl_node_tensor(graph, node, "names");
  wl_string message = wl_node_string(node, "message", "");
  WL_TRY(find_error(node, &choice, error));
  s->status = errors[choice].status;
  s->message = wl_arena_strndup(&s->memory, message.data, message.size);
  size_t n = names == NULL ? 0 : names->n_elements;
  s->names = wl_arena_alloc(&s->memory, n * sizeof *s->names);
  if (s->message == NULL || s->names == NULL)
    return wl_fail_memory(error, message.size + n * sizeof *s->names);
  for (size_t i = 0; i < n; i++) {
    wl_string name = wl_const_string(names, i);
    s->names[i] = wl_arena_strndup(&s->memory, name.data, name.size);
    if (s->names[i] == NULL)
      return wl_fail_memory(error, name.size);
  }
  return WL_OK;
}

static wl_status bind(const wl_graph *graph, const wl_node *node, void **state,
                      wl_error *error) {
  require_state *s = wl_calloc(1, sizeof *s);
  if (s == NULL)
    return wl_fail_memory(error, sizeof *s);
  wl_arena_init(&s->memory);
  wl_status status = fill(s, graph, node, error);
  if (status == WL_OK)
    *state = s;
  else
    unbind(s);
  return status;
}

/* The row's values as "name: value, ...", cut where there is no more room. */
static void show_row(const require_state *s, const wl_op_call *call, size_t row,
                     char *to, size_t room) {
  size_t at = 0;
  to[0] = '\0';
  for (size_t i = N_GIVEN; i < call->n_inputs && at < room; i++) {
    const wl_value *x = call->inputs[i];
    char number[WL_NUMBER_SIZE];
    const char *text = number;
    int size;
    if (x->kind == WL_VALUE_STRINGS) {
      wl_string cell = x->strings[row];
      text = cell.data == NULL ? "missing" : cell.data;
      size = cell.data == NULL ? 7 : cell.size < 80 ? (int)cell.size : 80;
    } else {
      size = (int)wl_print_double(*wl_row(x, row), number);
    }
    int n = snprintf(to + at, room - at, "%s%s: %.*s", at == 0 ? "" : ", ",
                     s->names[i - N_GIVEN], size, text);
    at += n < 0 ? room : (size_t)n;
  }
}

static wl_status run(const void *state, const wl_op_call *call, wl_value *out,
                     wl_error *error) {
  const require_state *s = state;
  for (size_t r = 0; r < call->n_rows; r++) {
    if (*wl_row(call->inputs[0], r) != 0.0)
      continue;
    char shown[400];
    show_row(s, call, r, shown, sizeof shown);
    return wl_fail_row(error, s->status, (int64_t)r, "%s%s%s%s", s->message,
                       shown[0] == '\0' ? "" : " (", shown,
                       shown[0] == '\0' ? "" : ")");
  }
  *out = *call->inputs[1];
  return WL_OK;
}

const wl_op_def wl_op_require = {
    .name = "require",
    WL_ATTRS(attrs),
    .min_inputs = N_GIVEN,
    .max_inputs = 1 << 10,
    .infer = infer,
    .bind = bind,
    .unbind = unbind,
    .run = run,
};
