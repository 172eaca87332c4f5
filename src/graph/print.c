/*
 * print.c: a graph to its text form. What it prints parses back to the same
 * graph, with two exceptions: unnamed matrices, which only graphs between
 * passes have, are shown by their shape; and so are long lists in the print for
 * people (with types).
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/number.h"
#include "data/ints.h"
#include "graph/graph.h"
#include "graph/op.h"

enum { INLINE_ELEMENTS = 16 };

typedef struct printer {
  bool for_people;
  char *text;
  size_t size, capacity;
  wl_error *error;
} printer;

static wl_status put(printer *p, const char *text, size_t size) {
  WL_TRY(wl_grow((void **)&p->text, &p->capacity, p->size + size + 1, 1,
                 p->error));
  memcpy(p->text + p->size, text, size);
  p->size += size;
  p->text[p->size] = '\0';
  return WL_OK;
}

static wl_status put_format(printer *p, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static wl_status put_format(printer *p, const char *format, ...) {
  char text[512];
  va_list args;
  va_start(args, format);
  int n = vsnprintf(text, sizeof text, format, args);
  va_end(args);
  if (n < 0 || (size_t)n >= sizeof text)
    return wl_fail(p->error, WL_ERROR_INTERNAL, "a name is too long to print");
  return put(p, text, (size_t)n);
}

/* A float always shows that it is one. */
static wl_status put_float(printer *p, double value) {
  char text[WL_NUMBER_SIZE];
  size_t n = wl_print_double(value, text);
  WL_TRY(put(p, text, n));
  bool is_marked = strpbrk(text, ".en") != NULL; /* n: nan and inf */
  return is_marked ? WL_OK : put(p, ".0", 2);
}

static wl_status put_string(printer *p, wl_string string) {
  WL_TRY(put(p, "\"", 1));
  size_t start = 0;
  for (size_t i = 0; i < string.size; i++) {
    unsigned char c = (unsigned char)string.data[i];
    bool is_surrogate = c == 0xed && i + 2 < string.size &&
                        ((unsigned char)string.data[i + 1] & 0x20) != 0;
    if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f && !is_surrogate)
      continue;
    WL_TRY(put(p, string.data + start, i - start));
    if (is_surrogate) { /* lone: the text stays valid UTF-8 */
      WL_TRY(put_format(p, "\\u%04x",
                        0xd000u |
                            ((unsigned char)string.data[i + 1] & 63u) << 6 |
                            ((unsigned char)string.data[i + 2] & 63u)));
      i += 2;
      start = i + 1;
      continue;
    }
    start = i + 1;
    if (c == '"' || c == '\\')
      WL_TRY(put_format(p, "\\%c", c));
    else
      WL_TRY(put_format(p, "\\u%04x", (unsigned)c));
  }
  WL_TRY(put(p, string.data + start, string.size - start));
  return put(p, "\"", 1);
}

static wl_status put_tensor(printer *p, const wl_const *constant) {
  if (constant->name != NULL)
    return put_format(p, "@%s", constant->name);
  if (constant->n_dims != 1 ||
      (p->for_people && constant->n_elements > INLINE_ELEMENTS)) {
    WL_TRY(put_format(p, "<%s", wl_dtype_name(constant->dtype)));
    for (uint32_t d = 0; d < constant->n_dims; d++)
      WL_TRY(
          put_format(p, "%s%" PRIu64, d == 0 ? " " : "x", constant->shape[d]));
    return put(p, ">", 1);
  }
  const wl_ints integers = {constant->data, constant->dtype};
  WL_TRY(put(p, "[", 1));
  for (size_t i = 0; i < constant->n_elements; i++) {
    if (i != 0)
      WL_TRY(put(p, ", ", 2));
    if (constant->dtype == WL_STRING)
      WL_TRY(put_string(p, wl_const_string(constant, i)));
    else if (wl_dtype_is_integer(constant->dtype))
      WL_TRY(put_format(p, "%" PRId64, wl_ints_at(&integers, i)));
    else
      WL_TRY(put_float(p, wl_const_number(constant, i)));
  }
  return put(p, "]", 1);
}

static wl_status put_attr(printer *p, const wl_graph *graph,
                          const wl_attr *attr) {
  WL_TRY(put(p, attr->name, strlen(attr->name)));
  WL_TRY(put(p, "=", 1));
  switch (attr->kind) {
  case WL_ATTR_INT:
    return put_format(p, "%" PRId64, attr->value.i);
  case WL_ATTR_FLOAT:
    return put_float(p, attr->value.f);
  case WL_ATTR_BOOL:
    return put_format(p, "%s", attr->value.b ? "true" : "false");
  case WL_ATTR_STRING:
    return put_string(p, attr->value.s);
  case WL_ATTR_TENSOR:
    return put_tensor(p, &graph->constants[attr->value.tensor]);
  case WL_ATTR_KIND_COUNT:
    break;
  }
  return wl_fail(p->error, WL_ERROR_INTERNAL, "an attribute of no kind");
}

static wl_status put_type(printer *p, const wl_type *type) {
  static const char *const kinds[] = {"strings", "dense", "sparse"};
  if (type->kind == WL_VALUE_STRINGS)
    return put(p, "  # strings", 11);
  return put_format(p, "  # %s %s x %zu, %s", kinds[type->kind],
                    wl_dtype_name(type->dtype), type->n_columns,
                    type->is_bit_equal ? "bit-equal" : "within rounding");
}

static wl_status put_node(printer *p, const wl_graph *graph, wl_id id,
                          bool with_types) {
  const wl_node *node = &graph->nodes[id];
  WL_TRY(put_format(p, "%%%" PRIu32 " = %s(", id, wl_op_table[node->op]->name));
  for (uint32_t i = 0; i < node->n_inputs; i++)
    WL_TRY(put_format(p, "%s%%%" PRIu32, i == 0 ? "" : ", ", node->inputs[i]));
  WL_TRY(put(p, ")", 1));
  for (uint32_t i = 0; i < node->n_attrs; i++) {
    WL_TRY(put(p, i == 0 ? " {" : ", ", 2));
    WL_TRY(put_attr(p, graph, &node->attrs[i]));
  }
  if (node->n_attrs != 0)
    WL_TRY(put(p, "}", 1));
  if (with_types)
    WL_TRY(put_type(p, &node->type));
  return put(p, "\n", 1);
}

static wl_status put_graph(printer *p, const wl_graph *graph, bool with_types) {
  WL_TRY(put_format(p, "willump-graph 1\n"));
  for (size_t i = 0; i < graph->n_nodes; i++)
    WL_TRY(put_node(p, graph, (wl_id)i, with_types));
  for (size_t s = 0; s < graph->n_stages; s++) {
    const wl_stage *stage = &graph->stages[s];
    WL_TRY(put_format(p, "stage"));
    if (stage->has_gate) {
      WL_TRY(put_format(p, " {gate=%%%" PRIu32 ", threshold=", stage->gate));
      WL_TRY(put_float(p, stage->threshold));
      WL_TRY(put(p, "}", 1));
    }
    WL_TRY(put(p, "\n", 1));
    for (size_t o = 0; o < stage->n_outputs; o++)
      WL_TRY(put_format(p, "output %s = %%%" PRIu32 "\n",
                        stage->outputs[o].name, stage->outputs[o].node));
  }
  return WL_OK;
}

wl_status wl_graph_print(const wl_graph *graph, bool with_types, char **text,
                         size_t *size, wl_error *error) {
  printer p = {.for_people = with_types, .error = error};
  wl_status status = put_graph(&p, graph, with_types);
  if (status != WL_OK) {
    wl_free(p.text);
    *text = NULL;
    return status;
  }
  *text = p.text;
  *size = p.size;
  return WL_OK;
}
