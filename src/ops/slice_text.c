/*
 * slice_text.c: a part of each string, from one code point up to another, as
 * Python's text[start:stop] for positions that are not negative. The result
 * lies inside the input's strings.
 */
#include "ops/common.h"

static const wl_attr_def attrs[] = {
    {"start", WL_ATTR_INT, false},
    {"stop", WL_ATTR_INT, true},
};

typedef struct slice_state {
  size_t start, stop; /* code points; start <= stop */
} slice_state;

static wl_status read_slice(const wl_node *node, slice_state *slice,
                            wl_error *error) {
  int64_t start = wl_node_int(node, "start", 0);
  int64_t stop = wl_node_int(node, "stop", 0);
  if (start < 0 || stop < start)
    return wl_fail(error, WL_ERROR_VALUE,
                   "operator 'slice_text': start=%lld and stop=%lld are not "
                   "0 <= start <= stop",
                   (long long)start, (long long)stop);
  *slice = (slice_state){(size_t)start, (size_t)stop};
  return WL_OK;
}

static wl_status infer(const wl_graph *graph, const wl_node *node,
                       wl_type *type, wl_error *error) {
  slice_state slice;
  WL_TRY(read_slice(node, &slice, error));
  *type = *wl_input_type(graph, node, 0);
  if (type->kind != WL_VALUE_STRINGS)
    return wl_fail(error, WL_ERROR_TYPE, "operator 'slice_text' takes strings");
  return WL_OK;
}

static wl_status bind(const wl_graph *graph, const wl_node *node, void **state,
                      wl_error *error) {
  (void)graph;
  slice_state *s = wl_calloc(1, sizeof *s);
  if (s == NULL)
    return wl_fail_memory(error, sizeof *s);
  wl_status status = read_slice(node, s, error);
  if (status == WL_OK)
    *state = s;
  else
    wl_free(s);
  return status;
}

/* The byte at which code point n begins, or the text's size. */
static size_t offset_of(wl_string text, size_t n) {
  if (n >= text.size) /* none is shorter than a byte */
    return text.size;
  size_t at = 0;
  while (at < text.size) {
    bool begins = ((uint8_t)text.data[at] & 0xC0) != 0x80;
    if (begins && n-- == 0)
      break;
    at++;
  }
  return at;
}

static wl_status run(const void *state, const wl_op_call *call, wl_value *out,
                     wl_error *error) {
  const slice_state *s = state;
  const wl_value *x = call->inputs[0];
  wl_string *strings =
      wl_arena_alloc(call->arena, call->n_rows * sizeof *strings);
  if (strings == NULL)
    return wl_fail_memory(error, call->n_rows * sizeof *strings);
  for (size_t r = 0; r < call->n_rows; r++) {
    wl_string text = x->strings[r];
    strings[r] = text;
    if (text.data == NULL) /* missing stays missing */
      continue;
    size_t start = s->start == 0 ? 0 : offset_of(text, s->start);
    size_t stop = offset_of(text, s->stop);
    strings[r] = (wl_string){text.data + start, stop - start};
  }
  *out = (wl_value){.kind = WL_VALUE_STRINGS,
                    .n_rows = call->n_rows,
                    .n_columns = 1,
                    .strings = strings};
  return WL_OK;
}

const wl_op_def wl_op_slice_text = {
    .name = "slice_text",
    WL_ATTRS(attrs),
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = infer,
    .bind = bind,
    .unbind = wl_free,
    .run = run,
};
