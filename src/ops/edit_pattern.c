/*
 * edit_pattern.c: strings by a regular expression: what a group of its first
 * match holds, or each match replaced by constant parts with groups between
 * them. What is missing stays missing; so is a group that took no part.
 */
#include "ops/common.h"
#include "ops/table.h"
#include "text/pattern.h"

static const wl_attr_def attrs[] = {
    {"pattern", WL_ATTR_STRING, true}, {"function", WL_ATTR_STRING, true},
    {"group", WL_ATTR_INT, false},     {"parts", WL_ATTR_TENSOR, false},
    {"groups", WL_ATTR_TENSOR, false}, {"limit", WL_ATTR_INT, false},
};

typedef struct edit_state edit_state;

/* *out: a part of `text`, or arena memory. */
typedef wl_status (*edit_function)(const edit_state *s, wl_matcher *matcher,
                                   wl_string text, wl_string *out,
                                   wl_error *error);

struct edit_state {
  wl_arena memory;
  wl_pattern *pattern;
  edit_function edit;
  uint32_t group;
  int64_t limit;
  wl_string *parts; /* one more than groups */
  uint32_t *groups;
  size_t n_groups;
};

static wl_status edit_extract(const edit_state *s, wl_matcher *matcher,
                              wl_string text, wl_string *out, wl_error *error) {
  bool found;
  size_t begin, end;
  WL_TRY(wl_matcher_next(matcher, &found, error));
  *out = (wl_string){NULL, WL_MISSING_NAN};
  if (found && wl_matcher_group(matcher, s->group, &begin, &end))
    *out = (wl_string){text.data + begin, end - begin};
  return WL_OK;
}

/* ---- replacing -------------------------------------------------------------
 */

/* A string that grows in the arena. */
typedef struct buffer {
  wl_arena *arena;
  char *data;
  size_t size, capacity;
} buffer;

static wl_status append(buffer *to, const char *data, size_t size,
                        wl_error *error) {
  size_t wanted;
  if (wl_add_overflows(to->size, size, &wanted))
    return wl_fail_memory(error, SIZE_MAX);
  if (wanted > to->capacity) {
    char *grown = wl_arena_alloc(to->arena, 2 * wanted);
    if (grown == NULL)
      return wl_fail_memory(error, 2 * wanted);
    if (to->size != 0)
      memcpy(grown, to->data, to->size);
    to->data = grown;
    to->capacity = 2 * wanted;
  }
  if (size != 0)
    memcpy(to->data + to->size, data, size);
  to->size = wanted;
  return WL_OK;
}

/* What stands for the match that was found last. */
static wl_status append_match(const edit_state *s, const wl_matcher *matcher,
                              const char *text, buffer *to, wl_error *error) {
  WL_TRY(append(to, s->parts[0].data, s->parts[0].size, error));
  for (size_t i = 0; i < s->n_groups; i++) {
    size_t begin, end;
    const wl_string *part = &s->parts[i + 1];
    if (wl_matcher_group(matcher, s->groups[i], &begin, &end))
      WL_TRY(append(to, text + begin, end - begin, error));
    WL_TRY(append(to, part->data, part->size, error));
  }
  return WL_OK;
}

static wl_status edit_replace(const edit_state *s, wl_matcher *matcher,
                              wl_string text, wl_string *out, wl_error *error) {
  buffer to = {.arena = matcher->arena};
  size_t from = 0;
  int64_t n = 0;
  for (; s->limit <= 0 || n < s->limit; n++) {
    bool found;
    size_t begin = 0, end = 0;
    WL_TRY(wl_matcher_next(matcher, &found, error));
    if (!found || !wl_matcher_group(matcher, 0, &begin, &end))
      break;
    WL_TRY(append(&to, text.data + from, begin - from, error));
    WL_TRY(append_match(s, matcher, text.data, &to, error));
    from = end;
  }
  *out = text;
  if (n == 0)
    return WL_OK;
  WL_TRY(append(&to, text.data + from, text.size - from, error));
  *out = (wl_string){to.data == NULL ? "" : to.data, to.size};
  return WL_OK;
}

/* -------------------------------------------------------------------------- */

static const struct {
  const char *name;
  edit_function edit;
} functions[] = {
    {"extract", edit_extract},
    {"replace", edit_replace},
};

static wl_status find(const wl_node *node, size_t *out, wl_error *error) {
  return wl_find_choice(node, "function", functions, WL_COUNT_OF(functions),
                        sizeof *functions, out, error);
}

static wl_status infer(const wl_graph *graph, const wl_node *node,
                       wl_type *type, wl_error *error) {
  size_t function;
  const wl_const *parts = wl_node_tensor(graph, node, "parts");
  const wl_const *groups = wl_node_tensor(graph, node, "groups");
  size_t n_groups = groups == NULL ? 0 : groups->n_elements;
  *type = *wl_input_type(graph, node, 0);
  if (type->kind != WL_VALUE_STRINGS)
    return wl_fail(error, WL_ERROR_TYPE,
                   "operator 'edit_pattern' takes strings");
  WL_TRY(find(node, &function, error));
  bool is_replace = functions[function].edit == edit_replace;
  if ((parts != NULL) != is_replace ||
      (parts != NULL &&
       (parts->dtype != WL_STRING || parts->n_elements != n_groups + 1)))
    return wl_fail(error, WL_ERROR_VALUE,
                   "operator 'edit_pattern': 'replace' has 'parts', strings, "
                   "one more than 'groups'");
  if (groups != NULL && groups->dtype == WL_STRING)
    return wl_fail(error, WL_ERROR_TYPE,
                   "operator 'edit_pattern': 'groups' are numbers");
  type->has_missing |= !is_replace;
  return WL_OK;
}

static void unbind(void *state) {
  edit_state *s = state;
  if (s == NULL)
    return;
  wl_pattern_free(s->pattern);
  wl_arena_deinit(&s->memory);
  wl_free(s);
}

/* A group that the pattern has. */
static wl_status check_group(const edit_state *s, double number, uint32_t *out,
                             wl_error *error) {
  uint32_t n = wl_pattern_n_groups(s->pattern);
  if (!(number >= 0.0 && number <= (double)n && number == (uint32_t)number))
    return wl_fail(error, WL_ERROR_VALUE,
                   "operator 'edit_pattern': there is no group %g among the "
                   "pattern's %u",
                   number, (unsigned)n);
  *out = (uint32_t)number;
  return WL_OK;
}

static wl_status fill_parts(edit_state *s, const wl_const *parts,
                            const wl_const *groups, wl_error *error) {
  s->n_groups = groups == NULL ? 0 : groups->n_elements;
  s->parts = wl_arena_alloc(&s->memory, (s->n_groups + 1) * sizeof *s->parts);
  s->groups = wl_arena_alloc(&s->memory, s->n_groups * sizeof *s->groups);
  if (s->parts == NULL || s->groups == NULL)
    return wl_fail_memory(error, (s->n_groups + 1) * sizeof *s->parts);
  for (size_t i = 0; i < s->n_groups; i++)
    WL_TRY(check_group(s, wl_const_number(groups, i), &s->groups[i], error));
  for (size_t i = 0; i <= s->n_groups; i++) {
    wl_string from = wl_const_string(parts, i);
    char *copy = wl_arena_strndup(&s->memory, from.data, from.size);
    if (copy == NULL)
      return wl_fail_memory(error, from.size);
    s->parts[i] = (wl_string){copy, from.size};
  }
  return WL_OK;
}

static wl_status fill(edit_state *s, const wl_graph *graph, const wl_node *node,
                      wl_error *error) {
  size_t function;
  const wl_const *parts = wl_node_tensor(graph, node, "parts");
  wl_string pattern = wl_node_string(node, "pattern", "");
  WL_TRY(find(node, &function, error));
  s->edit = functions[function].edit;
  s->limit = wl_node_int(node, "limit", 0);
  WL_TRY(
      wl_pattern_create(pattern.data, pattern.size, false, &s->pattern, error));
  WL_TRY(
      check_group(s, (double)wl_node_int(node, "group", 0), &s->group, error));
  if (parts == NULL)
    return WL_OK;
  return fill_parts(s, parts, wl_node_tensor(graph, node, "groups"), error);
}

static wl_status bind(const wl_graph *graph, const wl_node *node, void **state,
                      wl_error *error) {
  edit_state *s = wl_calloc(1, sizeof *s);
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

static wl_status run(const void *state, const wl_op_call *call, wl_value *out,
                     wl_error *error) {
  const edit_state *s = state;
  wl_matcher matcher;
  wl_string *strings;
  WL_TRY(wl_matcher_init(&matcher, s->pattern, call->arena, error));
  WL_TRY(wl_new_strings(call, &strings, out, error));
  for (size_t r = 0; r < call->n_rows; r++) {
    wl_string text = call->inputs[0]->strings[r];
    strings[r] = text;
    if (text.data == NULL)
      continue;
    WL_TRY(wl_matcher_begin(&matcher, (const uint8_t *)text.data, text.size, r,
                            error));
    WL_TRY(s->edit(s, &matcher, text, &strings[r], error));
  }
  return WL_OK;
}

const wl_op_def wl_op_edit_pattern = {
    .name = "edit_pattern",
    WL_ATTRS(attrs),
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = infer,
    .bind = bind,
    .unbind = unbind,
    .run = run,
};
