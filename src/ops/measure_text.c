/*
 * measure_text.c: a number for each string: how long it is in code points, or
 * whether, how often or where it holds one of some words. What is missing has
 * a number of its own.
 */
#include <math.h>

#include "ops/common.h"
#include "ops/table.h"

static const wl_attr_def attrs[] = {
    {"function", WL_ATTR_STRING, true},
    {"words", WL_ATTR_TENSOR, false},
    {"missing", WL_ATTR_FLOAT, false},
};

typedef struct measure_state measure_state;
typedef double (*measure_function)(const measure_state *s, wl_string text);

struct measure_state {
  wl_arena memory;
  measure_function measure;
  wl_string *words;
  size_t n_words;
  double missing;
};

static double length(const measure_state *s, wl_string text) {
  size_t n = 0;
  (void)s;
  for (size_t i = 0; i < text.size; i++)
    n += ((uint8_t)text.data[i] & 0xc0) != 0x80;
  return (double)n;
}

static double contains(const measure_state *s, wl_string text) {
  for (size_t w = 0; w < s->n_words; w++)
    if (s->words[w].size == 0 || memmem(text.data, text.size, s->words[w].data,
                                        s->words[w].size) != NULL)
      return 1.0;
  return 0.0;
}

static double starts_with(const measure_state *s, wl_string text) {
  for (size_t w = 0; w < s->n_words; w++)
    if (s->words[w].size <= text.size &&
        memcmp(text.data, s->words[w].data, s->words[w].size) == 0)
      return 1.0;
  return 0.0;
}

static double ends_with(const measure_state *s, wl_string text) {
  for (size_t w = 0; w < s->n_words; w++)
    if (s->words[w].size <= text.size &&
        memcmp(text.data + text.size - s->words[w].size, s->words[w].data,
               s->words[w].size) == 0)
      return 1.0;
  return 0.0;
}

/* How often the first word stands there without overlap; an empty one between
 * all code points and at both ends. */
static double count(const measure_state *s, wl_string text) {
  wl_string word = s->words[0];
  const char *at = text.data, *end = text.data + text.size;
  double n = 0.0;
  if (word.size == 0)
    return length(s, text) + 1.0;
  while ((at = memmem(at, (size_t)(end - at), word.data, word.size)) != NULL) {
    n += 1.0;
    at += word.size;
  }
  return n;
}

/* The code point at which the first word stands first; -1: nowhere. */
static double find_first(const measure_state *s, wl_string text) {
  wl_string word = s->words[0];
  const char *at = word.size == 0
                       ? text.data
                       : memmem(text.data, text.size, word.data, word.size);
  if (at == NULL)
    return -1.0;
  return length(s, (wl_string){text.data, (size_t)(at - text.data)});
}

static double find_last(const measure_state *s, wl_string text) {
  wl_string word = s->words[0];
  if (word.size > text.size)
    return -1.0;
  for (size_t at = text.size - word.size + 1; at-- > 0;)
    if (word.size == 0 || memcmp(text.data + at, word.data, word.size) == 0)
      return length(s, (wl_string){text.data, at});
  return -1.0;
}

static const struct {
  const char *name;
  measure_function measure;
  bool has_one_word;
} functions[] = {
    {"length", length, false},
    {"contains", contains, false},
    {"starts_with", starts_with, false},
    {"ends_with", ends_with, false},
    {"count", count, true},
    {"find", find_first, true},
    {"rfind", find_last, true},
};

static wl_status find(const wl_node *node, size_t *out, wl_error *error) {
  return wl_find_choice(node, "function", functions, WL_COUNT_OF(functions),
                        sizeof *functions, out, error);
}

static wl_status infer(const wl_graph *graph, const wl_node *node,
                       wl_type *type, wl_error *error) {
  size_t function;
  const wl_const *words = wl_node_tensor(graph, node, "words");
  WL_TRY(find(node, &function, error));
  if (wl_input_type(graph, node, 0)->kind != WL_VALUE_STRINGS)
    return wl_fail(error, WL_ERROR_TYPE,
                   "operator 'measure_text' takes strings");
  bool needs_words = functions[function].measure != length;
  if ((words != NULL) != needs_words ||
      (words != NULL && words->dtype != WL_STRING) ||
      (functions[function].has_one_word && words->n_elements != 1))
    return wl_fail(error, WL_ERROR_VALUE,
                   "operator 'measure_text': '%s' has other 'words'",
                   functions[function].name);
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
  wl_arena_deinit(&s->memory);
  wl_free(s);
}

static wl_status fill(measure_state *s, const wl_graph *graph,
                      const wl_node *node, wl_error *error) {
  size_t function;
  const wl_const *words = wl_node_tensor(graph, node, "words");
  WL_TRY(find(node, &function, error));
  s->measure = functions[function].measure;
  s->missing = wl_node_float(node, "missing", (double)NAN);
  s->n_words = words == NULL ? 0 : words->n_elements;
  s->words = wl_arena_alloc(&s->memory, s->n_words * sizeof *s->words);
  if (s->words == NULL)
    return wl_fail_memory(error, s->n_words * sizeof *s->words);
  for (size_t w = 0; w < s->n_words; w++) {
    wl_string from = wl_const_string(words, w);
    char *copy = wl_arena_strndup(&s->memory, from.data, from.size);
    if (copy == NULL)
      return wl_fail_memory(error, from.size);
    s->words[w] = (wl_string){copy, from.size};
  }
  return WL_OK;
}

static wl_status bind(const wl_graph *graph, const wl_node *node, void **state,
                      wl_error *error) {
  measure_state *s = wl_calloc(1, sizeof *s);
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
  const measure_state *s = state;
  const wl_value *x = call->inputs[0];
  WL_TRY(wl_new_dense(call, 1, out, error));
  for (size_t r = 0; r < call->n_rows; r++)
    out->dense[r] =
        x->strings[r].data == NULL ? s->missing : s->measure(s, x->strings[r]);
  return WL_OK;
}

const wl_op_def wl_op_measure_text = {
    .name = "measure_text",
    WL_ATTRS(attrs),
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = infer,
    .bind = bind,
    .unbind = unbind,
    .run = run,
};
