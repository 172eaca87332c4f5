/*
 * map_chars.c: strings, character by character: those in the table become what
 * it says, the others stay. Case mappings of any library are such tables, which
 * the front end takes from the library itself. What is missing stays missing.
 *
 * With `first` the first character of a string, or each that stands behind none
 * of the `cased` ones, has a table of its own: capitals and titles.
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
    {"first", WL_ATTR_STRING, false},
    {"first_chars", WL_ATTR_TENSOR, false},
    {"first_values", WL_ATTR_TENSOR, false},
    {"cased", WL_ATTR_TENSOR, false},
    {"final_sigma", WL_ATTR_BOOL, false},
    {"unicode", WL_ATTR_STRING, false},
};

enum { N_ASCII = 128, CAPITAL_SIGMA = 0x3a3, BATCH = 16 };

typedef struct char_table {
  size_t n;
  uint32_t *chars;          /* ascending */
  wl_string *values;        /* a char's stands for it */
  wl_string ascii[N_ASCII]; /* what an ASCII character becomes */
  /* Where `is_shift`, those from `low` on, so many, are moved and others stay,
   * as in case mappings. */
  bool is_shift;
  uint8_t low, n_moved, delta;
} char_table;

typedef struct map_state {
  wl_arena arena;
  char_table all, first;
  bool has_first, is_by_word;
  size_t n_cased; /* ranges */
  uint32_t *cased;
  char own[N_ASCII];
  size_t max_growth; /* bytes that a byte may become, at most */
  /* The tables by which a sigma is a final one; NULL: it does not matter. */
  const wl_unicode *sigma;
} map_state;

static wl_status check_points(const wl_const *points, bool is_strict,
                              const char *name, wl_error *error) {
  double before = -1.0;
  for (size_t i = 0; i < points->n_elements; i++) {
    double at = wl_const_number(points, i);
    if (!(at >= before + is_strict && at >= 0.0 && at < 0x110000) ||
        at != (double)(uint32_t)at)
      return wl_fail(error, WL_ERROR_VALUE,
                     "operator 'map_chars': '%s' are ascending code points; "
                     "number %zu is %g",
                     name, i, at);
    before = at;
  }
  return WL_OK;
}

static wl_status check_table(const wl_const *chars, const wl_const *values,
                             const char *name, wl_error *error) {
  if (chars == NULL || values == NULL || chars->dtype == WL_STRING ||
      values->dtype != WL_STRING || chars->n_elements != values->n_elements)
    return wl_fail(error, WL_ERROR_VALUE,
                   "operator 'map_chars': '%s' are code points, with as many "
                   "strings as values",
                   name);
  return check_points(chars, true, name, error);
}

static wl_status infer(const wl_graph *graph, const wl_node *node,
                       wl_type *type, wl_error *error) {
  const wl_const *cased = wl_node_tensor(graph, node, "cased");
  wl_string first = wl_node_string(node, "first", "");
  *type = *wl_input_type(graph, node, 0);
  if (type->kind != WL_VALUE_STRINGS)
    return wl_fail(error, WL_ERROR_TYPE, "operator 'map_chars' takes strings");
  WL_TRY(check_table(wl_node_tensor(graph, node, "chars"),
                     wl_node_tensor(graph, node, "values"), "chars", error));
  if (first.size != 0) {
    bool is_by_word = wl_string_is(first, "word");
    if (!is_by_word && !wl_string_is(first, "string"))
      return wl_fail(error, WL_ERROR_VALUE,
                     "operator 'map_chars': 'first' is \"string\" or "
                     "\"word\", not \"%.20s\"",
                     first.data);
    WL_TRY(check_table(wl_node_tensor(graph, node, "first_chars"),
                       wl_node_tensor(graph, node, "first_values"),
                       "first_chars", error));
    if (is_by_word && (cased == NULL || cased->dtype == WL_STRING ||
                       cased->n_elements % 2 != 0))
      return wl_fail(error, WL_ERROR_VALUE,
                     "operator 'map_chars': 'cased' are the first and the last "
                     "of ranges of code points");
    if (is_by_word)
      WL_TRY(check_points(cased, false, "cased", error));
  }
  wl_string version = wl_node_string(node, "unicode", "14.0.0");
  if (wl_unicode_find(version.data) == NULL)
    return wl_fail(error, WL_ERROR_UNSUPPORTED,
                   "operator 'map_chars': Unicode %.20s is not built in",
                   version.data);
  return WL_OK;
}

static void unbind(void *state) {
  map_state *s = state;
  if (s == NULL)
    return;
  wl_arena_deinit(&s->arena);
  wl_free(s);
}

static void find_shift(char_table *table) {
  size_t first = N_ASCII, last = 0;
  table->is_shift = true;
  for (size_t i = 0; i < N_ASCII; i++) {
    wl_string value = table->ascii[i];
    if (value.size != 1) {
      table->is_shift = false;
      return;
    }
    uint8_t delta = (uint8_t)((uint8_t)value.data[0] - i);
    if (delta == 0)
      continue;
    if (first == N_ASCII) {
      first = i;
      table->delta = delta;
    }
    table->is_shift &= delta == table->delta && (last == 0 || i == last + 1);
    last = i;
  }
  table->low = (uint8_t)first;
  table->n_moved = (uint8_t)(first == N_ASCII ? 0 : last - first + 1);
}

static wl_status fill_table(map_state *s, const wl_const *chars,
                            const wl_const *values, char_table *table,
                            wl_error *error) {
  table->n = chars->n_elements;
  table->chars = wl_arena_alloc(&s->arena, table->n * sizeof *table->chars);
  table->values = wl_arena_alloc(&s->arena, table->n * sizeof *table->values);
  if (table->chars == NULL || table->values == NULL)
    return wl_fail_memory(error, table->n * sizeof *table->values);
  for (size_t i = 0; i < N_ASCII; i++)
    table->ascii[i] = (wl_string){&s->own[i], 1};
  for (size_t i = 0; i < table->n; i++) {
    wl_string value = wl_const_string(values, i);
    uint32_t at = (uint32_t)wl_const_number(chars, i);
    char *copy = wl_arena_strndup(&s->arena, value.data, value.size);
    if (copy == NULL)
      return wl_fail_memory(error, value.size);
    table->chars[i] = at;
    table->values[i] = (wl_string){copy, value.size};
    if (at < N_ASCII)
      table->ascii[at] = table->values[i];
    if (value.size > s->max_growth)
      s->max_growth = value.size;
  }
  find_shift(table);
  return WL_OK;
}

static wl_status fill(map_state *s, const wl_graph *graph, const wl_node *node,
                      wl_error *error) {
  const wl_const *cased = wl_node_tensor(graph, node, "cased");
  wl_string first = wl_node_string(node, "first", "");
  s->max_growth = 1;
  for (size_t i = 0; i < N_ASCII; i++)
    s->own[i] = (char)i;
  if (wl_node_bool(node, "final_sigma", false))
    s->sigma = wl_unicode_find(wl_node_string(node, "unicode", "14.0.0").data);
  WL_TRY(fill_table(s, wl_node_tensor(graph, node, "chars"),
                    wl_node_tensor(graph, node, "values"), &s->all, error));
  s->has_first = first.size != 0;
  s->is_by_word = wl_string_is(first, "word");
  if (s->has_first)
    WL_TRY(fill_table(s, wl_node_tensor(graph, node, "first_chars"),
                      wl_node_tensor(graph, node, "first_values"), &s->first,
                      error));
  if (!s->is_by_word)
    return WL_OK;
  s->n_cased = cased->n_elements / 2;
  s->cased = wl_arena_alloc(&s->arena, cased->n_elements * sizeof *s->cased);
  if (s->cased == NULL)
    return wl_fail_memory(error, cased->n_elements * sizeof *s->cased);
  for (size_t i = 0; i < cased->n_elements; i++)
    s->cased[i] = (uint32_t)wl_const_number(cased, i);
  return WL_OK;
}

static wl_status bind(const wl_graph *graph, const wl_node *node, void **state,
                      wl_error *error) {
  map_state *s = wl_calloc(1, sizeof *s);
  if (s == NULL)
    return wl_fail_memory(error, sizeof *s);
  wl_arena_init(&s->arena);
  wl_status status = fill(s, graph, node, error);
  if (status == WL_OK)
    *state = s;
  else
    unbind(s);
  return status;
}

/* What stands for a code point, or NULL. */
static const wl_string *find(const char_table *table, uint32_t code_point) {
  size_t at = wl_find_sorted(table->chars, table->n, code_point);
  return at != SIZE_MAX ? &table->values[at] : NULL;
}

static bool is_cased(const map_state *s, uint32_t code_point) {
  size_t low = 0, high = s->n_cased;
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (s->cased[2 * middle + 1] < code_point)
      low = middle + 1;
    else
      high = middle;
  }
  return low < s->n_cased && s->cased[2 * low] <= code_point;
}

static bool are_ascii(const uint8_t *at) {
  uint8_t all = 0;
  for (size_t i = 0; i < BATCH; i++)
    all |= at[i];
  return all < N_ASCII;
}

/* A run of ASCII, of which a range is moved: how many bytes it has. */
static size_t shift_ascii(const char_table *table, const uint8_t *at,
                          size_t size, char *to) {
  size_t n = 0;
  uint8_t low = table->low, n_moved = table->n_moved, delta = table->delta;
  for (; n + BATCH <= size && are_ascii(at + n); n += BATCH)
    for (size_t i = n; i < n + BATCH; i++) {
      uint8_t moves = (uint8_t)(at[i] - low) < n_moved ? delta : 0;
      to[i] = (char)(uint8_t)(at[i] + moves);
    }
  for (; n < size && at[n] < N_ASCII; n++) {
    uint8_t moves = (uint8_t)(at[n] - low) < n_moved ? delta : 0;
    to[n] = (char)(uint8_t)(at[n] + moves);
  }
  return n;
}

/* The mapped string in `to`, which has room; its size, or SIZE_MAX where it is
 * not UTF-8. */
static size_t map_string(const map_state *s, wl_string text, char *to) {
  const uint8_t *begin = (const uint8_t *)text.data, *at = begin,
                *end = at + text.size;
  char *first = to;
  bool is_first = s->has_first;
  while (at < end) {
    const char_table *table = is_first ? &s->first : &s->all;
    const uint8_t *from = at;
    uint32_t code_point = *at;
    wl_string value;
    if (code_point < N_ASCII && table->is_shift && !s->is_by_word &&
        !is_first) {
      size_t n = shift_ascii(table, at, (size_t)(end - at), to);
      at += n;
      to += n;
      continue;
    }
    if (code_point < N_ASCII) {
      value = table->ascii[*at++];
    } else {
      code_point = wl_utf8_decode(&at, end);
      if (code_point == UINT32_MAX)
        return SIZE_MAX;
      const wl_string *found = find(table, code_point);
      value = (wl_string){(const char *)from, (size_t)(at - from)};
      if (code_point == CAPITAL_SIGMA && s->sigma != NULL && !is_first)
        value = (wl_string){wl_unicode_final_sigma(s->sigma, begin, from, end)
                                ? "\u03c2"
                                : "\u03c3",
                            2};
      else if (found != NULL)
        value = *found;
    }
    is_first = s->is_by_word && !is_cased(s, code_point);
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
