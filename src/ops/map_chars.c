/*
 * map_chars.c: strings, character by character: those in the table become what
 * it says, the others stay. Case mappings of any library are such tables, which
 * the front end takes from the library itself. What is missing stays missing.
 *
 * With `final_sigma` a capital sigma becomes a small one, whose form hangs on
 * what stands beside it, as in Python's str.lower.
 */
#include "ops/common.h"
#include "ops/table.h"
#include "text/unicode.h"

static const wl_attr_def attrs[] = {
    {"chars", WL_ATTR_TENSOR, true},
    {"values", WL_ATTR_TENSOR, true},
    {"final_sigma", WL_ATTR_BOOL, false},
    {"unicode", WL_ATTR_STRING, false},
};

enum { N_ASCII = 128, CAPITAL_SIGMA = 0x3a3 };

typedef struct map_state {
  wl_arena arena;
  size_t n;
  uint32_t *chars;          /* ascending */
  wl_string *values;        /* a char's stands for it */
  wl_string ascii[N_ASCII]; /* what an ASCII character becomes */
  char own[N_ASCII];
  size_t max_growth; /* bytes that a byte may become, at most */
  /* The tables by which a sigma is a final one; NULL: it does not matter. */
  const wl_unicode *sigma;
} map_state;

static wl_status infer(const wl_graph *graph, const wl_node *node,
                       wl_type *type, wl_error *error) {
  const wl_const *chars = wl_node_tensor(graph, node, "chars");
  const wl_const *values = wl_node_tensor(graph, node, "values");
  *type = *wl_input_type(graph, node, 0);
  if (type->kind != WL_VALUE_STRINGS)
    return wl_fail(error, WL_ERROR_TYPE, "operator 'map_chars' takes strings");
  if (chars->dtype == WL_STRING || values->dtype != WL_STRING ||
      chars->n_elements != values->n_elements)
    return wl_fail(error, WL_ERROR_VALUE,
                   "operator 'map_chars': 'chars' are code points, 'values' as "
                   "many strings");
  wl_string version = wl_node_string(node, "unicode", "14.0.0");
  if (wl_unicode_find(version.data) == NULL)
    return wl_fail(error, WL_ERROR_UNSUPPORTED,
                   "operator 'map_chars': Unicode %.20s is not built in",
                   version.data);
  double before = -1.0;
  for (size_t i = 0; i < chars->n_elements; i++) {
    double at = wl_const_number(chars, i);
    if (!(at > before && at < 0x110000) || at != (double)(uint32_t)at)
      return wl_fail(error, WL_ERROR_VALUE,
                     "operator 'map_chars': 'chars' are ascending code points; "
                     "number %zu is %g",
                     i, at);
    before = at;
  }
  return WL_OK;
}

static void unbind(void *state) {
  map_state *s = state;
  if (s == NULL)
    return;
  wl_arena_deinit(&s->arena);
  wl_free(s);
}

static wl_status fill(map_state *s, const wl_const *chars,
                      const wl_const *values, wl_error *error) {
  s->n = chars->n_elements;
  s->chars = wl_arena_alloc(&s->arena, s->n * sizeof *s->chars);
  s->values = wl_arena_alloc(&s->arena, s->n * sizeof *s->values);
  if (s->chars == NULL || s->values == NULL)
    return wl_fail_memory(error, s->n * sizeof *s->values);
  s->max_growth = 1;
  for (size_t i = 0; i < N_ASCII; i++) {
    s->own[i] = (char)i;
    s->ascii[i] = (wl_string){&s->own[i], 1};
  }
  for (size_t i = 0; i < s->n; i++) {
    wl_string value = wl_const_string(values, i);
    uint32_t at = (uint32_t)wl_const_number(chars, i);
    char *copy = wl_arena_strndup(&s->arena, value.data, value.size);
    if (copy == NULL)
      return wl_fail_memory(error, value.size);
    s->chars[i] = at;
    s->values[i] = (wl_string){copy, value.size};
    if (at < N_ASCII)
      s->ascii[at] = s->values[i];
    if (value.size > s->max_growth)
      s->max_growth = value.size;
  }
  return WL_OK;
}

static wl_status bind(const wl_graph *graph, const wl_node *node, void **state,
                      wl_error *error) {
  map_state *s = wl_calloc(1, sizeof *s);
  if (s == NULL)
    return wl_fail_memory(error, sizeof *s);
  wl_arena_init(&s->arena);
  wl_status status = fill(s, wl_node_tensor(graph, node, "chars"),
                          wl_node_tensor(graph, node, "values"), error);
  if (wl_node_bool(node, "final_sigma", false))
    s->sigma = wl_unicode_find(wl_node_string(node, "unicode", "14.0.0").data);
  if (status == WL_OK)
    *state = s;
  else
    unbind(s);
  return status;
}

/* What stands for a code point, or NULL. */
static const wl_string *find(const map_state *s, uint32_t code_point) {
  size_t low = 0, high = s->n;
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (s->chars[middle] < code_point)
      low = middle + 1;
    else
      high = middle;
  }
  return low < s->n && s->chars[low] == code_point ? &s->values[low] : NULL;
}

/* The mapped string in `to`, which has room; its size, or SIZE_MAX where it is
 * not UTF-8. */
static size_t map_string(const map_state *s, wl_string text, char *to) {
  const uint8_t *begin = (const uint8_t *)text.data, *at = begin,
                *end = at + text.size;
  char *first = to;
  while (at < end) {
    const uint8_t *from = at;
    wl_string value;
    if (*at < N_ASCII) {
      value = s->ascii[*at++];
    } else {
      uint32_t code_point = wl_utf8_decode(&at, end);
      if (code_point == UINT32_MAX)
        return SIZE_MAX;
      const wl_string *found = find(s, code_point);
      value = (wl_string){(const char *)from, (size_t)(at - from)};
      if (code_point == CAPITAL_SIGMA && s->sigma != NULL)
        value = (wl_string){wl_unicode_final_sigma(s->sigma, begin, from, end)
                                ? "\u03c2"
                                : "\u03c3",
                            2};
      else if (found != NULL)
        value = *found;
    }
    memcpy(to, value.data, value.size);
    to += value.size;
  }
  return (size_t)(to - first);
}

static wl_status run(const void *state, const wl_op_call *call, wl_value *out,
                     wl_error *error) {
  const map_state *s = state;
  const wl_value *x = call->inputs[0];
  wl_string *strings;
  WL_TRY(wl_new_strings(call, &strings, out, error));
  for (size_t r = 0; r < call->n_rows; r++) {
    wl_string text = x->strings[r];
    strings[r] = text;
    if (text.data == NULL || text.size == 0)
      continue;
    size_t room;
    if (wl_mul_overflows(text.size, s->max_growth, &room))
      return wl_fail_memory(error, SIZE_MAX);
    char *to = wl_arena_alloc(call->arena, room);
    if (to == NULL)
      return wl_fail_memory(error, room);
    size_t size = map_string(s, text, to);
    if (size == SIZE_MAX)
      return wl_fail_row(error, WL_ERROR_ENCODING, (int64_t)r,
                         "a string is not UTF-8");
    strings[r] = (wl_string){to, size};
  }
  return WL_OK;
}

const wl_op_def wl_op_map_chars = {
    .name = "map_chars",
    WL_ATTRS(attrs),
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = infer,
    .bind = bind,
    .unbind = unbind,
    .run = run,
};
