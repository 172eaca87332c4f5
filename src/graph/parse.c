/*
 * parse.c: the text form to a graph. One statement a line, one pass, no
 * backtracking; every error names the line. The input is untrusted.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/number.h"
#include "data/field.h"
#include "graph/graph.h"
#include "graph/op.h"

enum { MAX_ATTRS = 64, MAX_INPUTS = 1 << 16 };

typedef struct parser {
  wl_graph *graph;
  const char *at, *end;
  size_t line;
  wl_error *error;
  wl_id *inputs; /* scratch of one statement */
  size_t inputs_capacity;
} parser;

static wl_status fail(parser *p, const char *what) {
  int n = (int)(p->end - p->at < 20 ? p->end - p->at : 20);
  for (int i = 0; i < n; i++)
    if (p->at[i] == '\n')
      n = i;
  return wl_fail(p->error, WL_ERROR_VALUE,
                 "graph text, line %zu: %s, at '%.*s'", p->line, what, n,
                 p->at);
}

/* Puts the line before a message from below. */
static wl_status locate(parser *p, wl_status status) {
  if (status == WL_OK || p->error == NULL || status == WL_ERROR_MEMORY)
    return status;
  char message[WL_ERROR_MESSAGE_SIZE];
  memcpy(message, p->error->message, sizeof message);
  return wl_fail(p->error, status, "graph text, line %zu: %.900s", p->line,
                 message);
}

static void skip_spaces(parser *p) {
  while (p->at < p->end && (*p->at == ' ' || *p->at == '\t' || *p->at == '\r'))
    p->at++;
}

static bool take(parser *p, char c) {
  skip_spaces(p);
  if (p->at < p->end && *p->at == c) {
    p->at++;
    return true;
  }
  return false;
}

static wl_status expect(parser *p, char c) {
  if (take(p, c))
    return WL_OK;
  char what[] = "expected ' '";
  what[10] = c;
  return fail(p, what);
}

static bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
}

static wl_string take_name(parser *p) {
  skip_spaces(p);
  const char *start = p->at;
  while (p->at < p->end && is_name_char(*p->at))
    p->at++;
  return (wl_string){start, (size_t)(p->at - start)};
}

static wl_status take_id(parser *p, wl_id *out) {
  WL_TRY(expect(p, '%'));
  uint64_t value = 0;
  const char *start = p->at;
  while (p->at < p->end && *p->at >= '0' && *p->at <= '9' &&
         value <= UINT32_MAX)
    value = value * 10 + (uint64_t)(*p->at++ - '0');
  if (p->at == start || value > UINT32_MAX)
    return fail(p, "expected a node number");
  *out = (wl_id)value;
  return WL_OK;
}

/* ---- values -------------------------------------------------------------- */

static int hex_digit(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  if (c >= 'A' && c <= 'F')
    return c - 'A' + 10;
  return -1;
}

static size_t put_utf8(uint32_t c, char *out) {
  if (c < 0x80) {
    out[0] = (char)c;
    return 1;
  }
  if (c < 0x800) {
    out[0] = (char)(0xc0 | c >> 6);
    out[1] = (char)(0x80 | (c & 63));
    return 2;
  }
  if (c < 0x10000) {
    out[0] = (char)(0xe0 | c >> 12);
    out[1] = (char)(0x80 | (c >> 6 & 63));
    out[2] = (char)(0x80 | (c & 63));
    return 3;
  }
  out[0] = (char)(0xf0 | c >> 18);
  out[1] = (char)(0x80 | (c >> 12 & 63));
  out[2] = (char)(0x80 | (c >> 6 & 63));
  out[3] = (char)(0x80 | (c & 63));
  return 4;
}

static bool take_hex4(parser *p, uint32_t *out) {
  if (p->end - p->at < 4)
    return false;
  uint32_t value = 0;
  for (int i = 0; i < 4; i++) {
    int digit = hex_digit(p->at[i]);
    if (digit < 0)
      return false;
    value = value << 4 | (uint32_t)digit;
  }
  p->at += 4;
  *out = value;
  return true;
}

/* After a backslash: one escape into out (4 bytes of room); 0 when it is bad.
 */
static size_t take_escape(parser *p, char *out) {
  if (p->at >= p->end)
    return 0;
  static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
  char c = *p->at++;
  if (c != '\0') {
    const char *found = strchr(from, c);
    if (found != NULL) {
      out[0] = to[found - from];
      return 1;
    }
  }
  uint32_t code = 0, low = 0;
  if (c != 'u' || !take_hex4(p, &code))
    return 0;
  const char *mark = p->at;
  if (code >= 0xd800 && code < 0xdc00 && p->end - p->at >= 2 &&
      p->at[0] == '\\' && p->at[1] == 'u') {
    p->at += 2;
    if (take_hex4(p, &low) && low >= 0xdc00 && low < 0xe000)
      code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    else
      p->at = mark;
  }
  return put_utf8(code, out);
}

/* A string in double quotes, into the graph's arena. */
static wl_status take_string(parser *p, wl_string *out) {
  WL_TRY(expect(p, '"'));
  const char *close = p->at;
  while (close < p->end && *close != '"' && *close != '\n')
    close += *close == '\\' && close + 1 < p->end ? 2 : 1;
  if (close >= p->end || *close != '"')
    return fail(p, "a string without its closing quote");
  /* Lone surrogates are written as escapes, so that the text is UTF-8. */
  size_t raw_size = (size_t)(close - p->at);
  size_t valid_size = wl_utf8_valid_size(p->at, raw_size);
  if (valid_size != raw_size) {
    p->at += valid_size;
    return fail(p, "a string that is not UTF-8");
  }
  /* An escape never grows: \u is six bytes for at most three. */
  char *text = wl_arena_alloc(&p->graph->arena, raw_size + 1);
  if (text == NULL)
    return wl_fail_memory(p->error, raw_size);
  size_t size = 0;
  while (p->at < close) {
    if (*p->at != '\\') {
      text[size++] = *p->at++;
      continue;
    }
    p->at++;
    size_t n = take_escape(p, text + size);
    if (n == 0)
      return fail(p, "a bad escape in a string");
    size += n;
  }
  p->at = close + 1;
  text[size] = '\0';
  *out = (wl_string){text, size};
  return WL_OK;
}

/* An integer, or a float when it has a point, an exponent, inf or nan. */
static wl_status take_number(parser *p, wl_attr *attr) {
  skip_spaces(p);
  char text[64];
  size_t n = 0;
  bool is_float = false;
  while (p->at + n < p->end && n < sizeof text - 1) {
    char c = p->at[n];
    bool ok = (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' ||
              (c >= 'a' && c <= 'z') || c == 'E';
    if (!ok)
      break;
    is_float |= c == '.' || c == 'E' || (c >= 'a' && c <= 'z');
    text[n++] = c;
  }
  text[n] = '\0';
  char *end = text;
  errno = 0;
  if (is_float) {
    attr->kind = WL_ATTR_FLOAT;
    attr->value.f = wl_parse_double(text, &end);
  } else {
    attr->kind = WL_ATTR_INT;
    attr->value.i = strtoll(text, &end, 10);
    if (errno == ERANGE)
      return fail(p, "an integer that does not fit 64 bits");
  }
  if (n == 0 || *end != '\0')
    return fail(p, "expected a number");
  p->at += n;
  return WL_OK;
}

/* An item of a list of numbers, which may yet turn out to hold a float. */
typedef struct list_number {
  int64_t i;
  double f;
} list_number;

typedef struct list {
  list_number *numbers;
  wl_string *strings;
  size_t n, numbers_capacity, strings_capacity;
  bool all_ints;
} list;

static wl_status take_list_items(parser *p, list *items) {
  for (;;) {
    skip_spaces(p);
    if (p->at < p->end && *p->at == '"') {
      if (items->n != 0 && items->strings == NULL)
        return fail(p, "strings and numbers in one list");
      WL_TRY(wl_grow((void **)&items->strings, &items->strings_capacity,
                     items->n + 1, sizeof *items->strings, p->error));
      WL_TRY(take_string(p, &items->strings[items->n]));
    } else {
      if (items->strings != NULL)
        return fail(p, "strings and numbers in one list");
      wl_attr value;
      WL_TRY(take_number(p, &value));
      WL_TRY(wl_grow((void **)&items->numbers, &items->numbers_capacity,
                     items->n + 1, sizeof *items->numbers, p->error));
      bool is_int = value.kind == WL_ATTR_INT;
      items->all_ints &= is_int;
      items->numbers[items->n] =
          is_int ? (list_number){value.value.i, (double)value.value.i}
                 : (list_number){0, value.value.f};
    }
    items->n++;
    if (take(p, ']'))
      return WL_OK;
    WL_TRY(expect(p, ','));
  }
}

static wl_status list_constant(parser *p, const list *items, wl_const *out) {
  wl_arena *arena = &p->graph->arena;
  *out = (wl_const){.n_dims = 1, .shape = {items->n}};
  if (items->strings != NULL) {
    size_t size = 0;
    for (size_t i = 0; i < items->n; i++)
      size += items->strings[i].size;
    if (size > UINT32_MAX)
      return fail(p, "strings of more than 4 GiB");
    char *bytes = wl_arena_alloc(arena, size);
    uint32_t *offsets = wl_arena_alloc(arena, (items->n + 1) * sizeof *offsets);
    if (bytes == NULL || offsets == NULL)
      return wl_fail_memory(p->error, size);
    size_t at = 0;
    for (size_t i = 0; i < items->n; i++) {
      offsets[i] = (uint32_t)at;
      memcpy(bytes + at, items->strings[i].data, items->strings[i].size);
      at += items->strings[i].size;
    }
    offsets[items->n] = (uint32_t)at;
    out->dtype = WL_STRING;
    out->data = bytes;
    out->offsets = offsets;
    return WL_OK;
  }
  bool as_int = items->all_ints && items->n != 0;
  void *data = wl_arena_alloc(arena, items->n * 8);
  if (data == NULL)
    return wl_fail_memory(p->error, items->n * 8);
  for (size_t i = 0; i < items->n; i++) {
    if (as_int)
      ((int64_t *)data)[i] = items->numbers[i].i;
    else
      ((double *)data)[i] = items->numbers[i].f;
  }
  out->dtype = as_int ? WL_I64 : WL_F64;
  out->data = data;
  return WL_OK;
}

static wl_status take_list(parser *p, wl_attr *attr) {
  list items = {.all_ints = true};
  wl_const constant;
  wl_status status = WL_OK;
  if (!take(p, ']'))
    WL_TRY_DONE(status, take_list_items(p, &items));
  WL_TRY_DONE(status, list_constant(p, &items, &constant));
  attr->kind = WL_ATTR_TENSOR;
  status =
      wl_graph_add_constant(p->graph, &constant, &attr->value.tensor, p->error);
done:
  wl_free(items.numbers);
  wl_free(items.strings);
  return status;
}

static wl_status take_value(parser *p, wl_attr *attr) {
  skip_spaces(p);
  if (p->at >= p->end)
    return fail(p, "expected a value");
  if (*p->at == '"') {
    attr->kind = WL_ATTR_STRING;
    return take_string(p, &attr->value.s);
  }
  if (take(p, '['))
    return take_list(p, attr);
  if (take(p, '@')) {
    wl_string name = take_name(p);
    int64_t found = wl_graph_find_constant(p->graph, name.data, name.size);
    if (name.size == 0 || found < 0) {
      p->at = name.data;
      return fail(p, "no tensor of that name");
    }
    attr->kind = WL_ATTR_TENSOR;
    attr->value.tensor = (uint32_t)found;
    return WL_OK;
  }
  const char *start = p->at;
  wl_string word = take_name(p);
  attr->kind = WL_ATTR_BOOL;
  attr->value.b = wl_string_is(word, "true");
  if (attr->value.b || wl_string_is(word, "false"))
    return WL_OK;
  p->at = start;
  return take_number(p, attr);
}

/* {name=value, ...} or nothing */
static wl_status take_attrs(parser *p, wl_attr *attrs, size_t *n_attrs) {
  *n_attrs = 0;
  if (!take(p, '{') || take(p, '}'))
    return WL_OK;
  for (;;) {
    if (*n_attrs == MAX_ATTRS)
      return fail(p, "too many attributes");
    wl_attr *attr = &attrs[*n_attrs];
    wl_string name = take_name(p);
    if (name.size == 0)
      return fail(p, "expected an attribute's name");
    WL_TRY(expect(p, '='));
    attr->name = wl_arena_strndup(&p->graph->arena, name.data, name.size);
    if (attr->name == NULL)
      return wl_fail_memory(p->error, name.size);
    WL_TRY(take_value(p, attr));
    ++*n_attrs;
    if (take(p, '}'))
      return WL_OK;
    WL_TRY(expect(p, ','));
  }
}

/* ---- statements ---------------------------------------------------------- */

static wl_status parse_node(parser *p) {
  wl_id id, made;
  WL_TRY(take_id(p, &id));
  if (id != p->graph->n_nodes)
    return fail(p, "nodes are numbered in order from %0");
  WL_TRY(expect(p, '='));
  wl_string name = take_name(p);
  wl_op op = wl_op_find(name.data, name.size);
  if (op == WL_OP_COUNT_)
    return wl_fail(p->error, WL_ERROR_UNSUPPORTED,
                   "graph text, line %zu: no operator is named '%.*s'", p->line,
                   (int)(name.size < 100 ? name.size : 100), name.data);
  WL_TRY(expect(p, '('));
  size_t n_inputs = 0;
  if (!take(p, ')')) {
    do {
      if (n_inputs == MAX_INPUTS)
        return fail(p, "too many inputs");
      WL_TRY(wl_grow((void **)&p->inputs, &p->inputs_capacity, n_inputs + 1,
                     sizeof *p->inputs, p->error));
      WL_TRY(take_id(p, &p->inputs[n_inputs]));
      n_inputs++;
    } while (take(p, ','));
    WL_TRY(expect(p, ')'));
  }
  wl_attr attrs[MAX_ATTRS];
  size_t n_attrs;
  WL_TRY(take_attrs(p, attrs, &n_attrs));
  return locate(p, wl_graph_add_node(p->graph, op, p->inputs, n_inputs, attrs,
                                     n_attrs, &made, p->error));
}

static wl_status parse_stage(parser *p) {
  bool has_gate = false, has_threshold = false;
  wl_id gate = 0;
  double threshold = 0.0;
  if (take(p, '{')) {
    do {
      wl_string name = take_name(p);
      WL_TRY(expect(p, '='));
      if (wl_string_is(name, "gate") && !has_gate) {
        has_gate = true;
        WL_TRY(take_id(p, &gate));
      } else if (wl_string_is(name, "threshold") && !has_threshold) {
        wl_attr number;
        has_threshold = true;
        WL_TRY(take_number(p, &number));
        threshold = number.kind == WL_ATTR_INT ? (double)number.value.i
                                               : number.value.f;
      } else {
        return fail(p, "a stage has one gate and one threshold");
      }
    } while (take(p, ','));
    WL_TRY(expect(p, '}'));
    if (!has_gate || !has_threshold)
      return fail(p, "a gate needs its threshold");
  }
  return locate(
      p, wl_graph_add_stage(p->graph, has_gate, gate, threshold, p->error));
}

static wl_status parse_output(parser *p) {
  wl_string name = take_name(p);
  if (name.size == 0 || name.size > 100)
    return fail(p, "expected an output's name, at most 100 characters");
  WL_TRY(expect(p, '='));
  wl_id node;
  WL_TRY(take_id(p, &node));
  return locate(
      p, wl_graph_add_output(p->graph, name.data, name.size, node, p->error));
}

static wl_status parse_statement(parser *p) {
  if (*p->at == '%')
    return parse_node(p);
  wl_string word = take_name(p);
  if (wl_string_is(word, "stage"))
    return parse_stage(p);
  if (wl_string_is(word, "output"))
    return parse_output(p);
  p->at = word.data;
  return fail(p, "expected a node, 'stage' or 'output'");
}

static wl_status parse_version(parser *p) {
  wl_string word = take_name(p);
  wl_attr version = {0};
  if (!wl_string_is(word, "willump-graph"))
    return fail(p, "expected 'willump-graph 1'");
  WL_TRY(take_number(p, &version));
  if (version.kind != WL_ATTR_INT || version.value.i != 1)
    return wl_fail(p->error, WL_ERROR_UNSUPPORTED,
                   "graph text: version 1 is supported, not another");
  return WL_OK;
}

wl_status wl_graph_parse(wl_graph *graph, const char *text, size_t size,
                         wl_error *error) {
  parser p = {.graph = graph, .at = text, .end = text + size, .error = error};
  bool has_version = false;
  wl_status status = WL_OK;
  while (p.at < p.end) {
    p.line++;
    skip_spaces(&p);
    if (p.at < p.end && *p.at != '\n' && *p.at != '#') {
      if (has_version)
        WL_TRY_DONE(status, parse_statement(&p));
      else
        WL_TRY_DONE(status, parse_version(&p));
      has_version = true;
      skip_spaces(&p);
    }
    if (p.at < p.end && *p.at == '#')
      while (p.at < p.end && *p.at != '\n')
        p.at++;
    if (p.at < p.end && *p.at++ != '\n') {
      p.at--;
      status = fail(&p, "more than one statement on the line");
      goto done;
    }
  }
  if (!has_version)
    status = fail(&p, "expected 'willump-graph 1'");
  else
    status = wl_graph_verify(graph, error);
done:
  wl_free(p.inputs);
  return status;
}
