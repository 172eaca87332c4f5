/*
 * edit_text.c: strings to parts of themselves, or with parts replaced: slices,
 * stripped ends, one piece of a split, another word for a word. Positions count
 * code points, as Python's do. What is missing stays missing; a piece that is
 * not there is missing.
 */
#include "ops/common.h"
#include "ops/table.h"
#include "text/unicode.h"

static const wl_attr_def attrs[] = {
    {"function", WL_ATTR_STRING, true}, {"start", WL_ATTR_INT, false},
    {"stop", WL_ATTR_INT, false},       {"chars", WL_ATTR_TENSOR, false},
    {"left", WL_ATTR_BOOL, false},      {"right", WL_ATTR_BOOL, false},
    {"text", WL_ATTR_STRING, false},    {"value", WL_ATTR_STRING, false},
    {"index", WL_ATTR_INT, false},      {"limit", WL_ATTR_INT, false},
};

typedef struct edit_state edit_state;

/* *out: a part of `text`, or arena memory. */
typedef wl_status (*edit_function)(const edit_state *s, wl_string text,
                                   wl_arena *arena, wl_string *out,
                                   wl_error *error);

struct edit_state {
  wl_arena memory;
  edit_function edit;
  bool has_stop, is_left, is_right;
  int64_t start, stop, index, limit;
  uint32_t *chars;
  size_t n_chars;
  wl_string text, value;
};

/* ---- slices ---------------------------------------------------------------
 */

static inline bool is_first_byte(char byte) {
  return ((uint8_t)byte & 0xc0) != 0x80;
}

static int64_t count_points(wl_string text) {
  int64_t n = 0;
  for (size_t i = 0; i < text.size; i++)
    n += is_first_byte(text.data[i]);
  return n;
}

/* The byte at which code point number `n` begins, or the end. */
static size_t byte_of(wl_string text, int64_t n) {
  if (n >= (int64_t)text.size) /* none is shorter than a byte */
    return text.size;
  for (size_t i = 0; i < text.size; i++)
    if (is_first_byte(text.data[i]) && n-- == 0)
      return i;
  return text.size;
}

static int64_t within(int64_t at, int64_t n) {
  at = at < 0 ? at + n : at;
  return at < 0 ? 0 : at > n ? n : at;
}

static wl_status edit_slice(const edit_state *s, wl_string text,
                            wl_arena *arena, wl_string *out, wl_error *error) {
  (void)arena;
  (void)error;
  /* Only positions from the end need the length: texts may be long. */
  bool is_relative = s->start < 0 || (s->has_stop && s->stop < 0);
  int64_t n = is_relative ? count_points(text) : (int64_t)text.size;
  int64_t start = within(s->start, n);
  int64_t stop = s->has_stop ? within(s->stop, n) : n;
  size_t from = byte_of(text, start);
  size_t to = stop <= start ? from : byte_of(text, stop);
  *out = (wl_string){text.data + from, to - from};
  return WL_OK;
}

/* One character, missing where there is none. */
static wl_status edit_char(const edit_state *s, wl_string text, wl_arena *arena,
                           wl_string *out, wl_error *error) {
  (void)arena;
  (void)error;
  int64_t n = count_points(text), at = s->index < 0 ? s->index + n : s->index;
  *out = (wl_string){NULL, WL_MISSING_NAN};
  if (at < 0 || at >= n)
    return WL_OK;
  size_t from = byte_of(text, at);
  *out = (wl_string){text.data + from, byte_of(text, at + 1) - from};
  return WL_OK;
}

/* ---- ends -----------------------------------------------------------------
 */

static bool is_stripped(const edit_state *s, uint32_t point) {
  return wl_find_sorted(s->chars, s->n_chars, point) != SIZE_MAX;
}

static wl_status edit_strip(const edit_state *s, wl_string text,
                            wl_arena *arena, wl_string *out, wl_error *error) {
  (void)arena;
  const uint8_t *begin = (const uint8_t *)text.data, *end = begin + text.size;
  while (s->is_left && begin < end) {
    const uint8_t *at = begin;
    uint32_t point = wl_utf8_decode(&at, end);
    if (point == UINT32_MAX)
      return wl_fail(error, WL_ERROR_ENCODING, "a string is not UTF-8");
    if (!is_stripped(s, point))
      break;
    begin = at;
  }
  while (s->is_right && begin < end) {
    const uint8_t *last = end - 1;
    while (last > begin && !is_first_byte((char)*last))
      last--;
    const uint8_t *at = last;
    uint32_t point = wl_utf8_decode(&at, end);
    if (point == UINT32_MAX)
      return wl_fail(error, WL_ERROR_ENCODING, "a string is not UTF-8");
    if (!is_stripped(s, point))
      break;
    end = last;
  }
  *out = (wl_string){(const char *)begin, (size_t)(end - begin)};
  return WL_OK;
}

static bool begins_with(wl_string text, wl_string start) {
  return text.size >= start.size &&
         memcmp(text.data, start.data, start.size) == 0;
}

static wl_status edit_remove(const edit_state *s, wl_string text,
                             wl_arena *arena, wl_string *out, wl_error *error) {
  (void)arena;
  (void)error;
  *out = text;
  if (s->is_left && begins_with(text, s->text))
    *out = (wl_string){text.data + s->text.size, text.size - s->text.size};
  wl_string end = *out;
  if (s->is_right && end.size >= s->text.size &&
      memcmp(end.data + end.size - s->text.size, s->text.data, s->text.size) ==
          0)
    out->size -= s->text.size;
  return WL_OK;
}

/* ---- pieces ---------------------------------------------------------------
 */

/* The next place of the word from `from` on, or SIZE_MAX. */
static size_t find_word(wl_string text, size_t from, wl_string word) {
  const char *at = from > text.size ? NULL
                                    : memmem(text.data + from, text.size - from,
                                             word.data, word.size);
  return at == NULL ? SIZE_MAX : (size_t)(at - text.data);
}

static int64_t count_pieces(const edit_state *s, wl_string text) {
  int64_t n = 1;
  for (size_t at = find_word(text, 0, s->text);
       at != SIZE_MAX && (s->limit <= 0 || n <= s->limit);
       at = find_word(text, at + s->text.size, s->text))
    n++;
  return n;
}

static wl_status edit_split(const edit_state *s, wl_string text,
                            wl_arena *arena, wl_string *out, wl_error *error) {
  (void)arena;
  (void)error;
  int64_t n = s->index < 0 || s->limit > 0 ? count_pieces(s, text) : INT64_MAX;
  int64_t wanted = s->index < 0 ? s->index + n : s->index;
  *out = (wl_string){NULL, WL_MISSING_NAN};
  if (wanted < 0 || wanted >= n)
    return WL_OK;
  size_t begin = 0;
  for (int64_t piece = 0;; piece++) {
    size_t end = piece == n - 1 ? SIZE_MAX : find_word(text, begin, s->text);
    if (piece == wanted) {
      end = end == SIZE_MAX ? text.size : end;
      *out = (wl_string){text.data + begin, end - begin};
      return WL_OK;
    }
    if (end == SIZE_MAX)
      return WL_OK;
    begin = end + s->text.size;
  }
}

/* The last place of the word that ends at `to` or before, or SIZE_MAX. */
static size_t find_last(wl_string text, size_t to, wl_string word) {
  if (word.size > to)
    return SIZE_MAX;
  for (size_t at = to - word.size + 1; at-- > 0;)
    if (memcmp(text.data + at, word.data, word.size) == 0)
      return at;
  return SIZE_MAX;
}

/* Split from the end: a piece's number from the end decides when to stop. */
static wl_status edit_rsplit(const edit_state *s, wl_string text,
                             wl_arena *arena, wl_string *out, wl_error *error) {
  (void)arena;
  (void)error;
  int64_t n = 1;
  size_t end = text.size;
  while ((s->limit <= 0 || n <= s->limit) &&
         (end = find_last(text, end, s->text)) != SIZE_MAX)
    n++;
  int64_t wanted = s->index < 0 ? s->index + n : s->index;
  *out = (wl_string){NULL, WL_MISSING_NAN};
  if (wanted < 0 || wanted >= n)
    return WL_OK;
  end = text.size;
  for (int64_t piece = n - 1; piece > wanted; piece--)
    end = find_last(text, end, s->text);
  size_t begin = wanted == 0 ? 0 : find_last(text, end, s->text) + s->text.size;
  *out = (wl_string){text.data + begin, end - begin};
  return WL_OK;
}

/* The next piece between blanks from *at on, and what is past it; the last of
 * `limit` + 1 goes to the end of the text. Missing where there is none. */
static wl_status next_piece(const edit_state *s, const uint8_t **at,
                            const uint8_t *end, bool is_last, wl_string *out,
                            wl_error *error) {
  const uint8_t *begin = NULL;
  while (*at < end) {
    const uint8_t *from = *at;
    uint32_t point = wl_utf8_decode(at, end);
    if (point == UINT32_MAX)
      return wl_fail(error, WL_ERROR_ENCODING, "a string is not UTF-8");
    bool is_between = is_stripped(s, point);
    if (!is_between && begin == NULL) {
      begin = from;
      if (is_last)
        *at = end;
    } else if (is_between && begin != NULL) {
      *out = (wl_string){(const char *)begin, (size_t)(from - begin)};
      return WL_OK;
    }
  }
  *out = begin == NULL
             ? (wl_string){NULL, WL_MISSING_NAN}
             : (wl_string){(const char *)begin, (size_t)(end - begin)};
  return WL_OK;
}

/* One of the pieces between runs of `chars`. */
static wl_status edit_split_blank(const edit_state *s, wl_string text,
                                  wl_arena *arena, wl_string *out,
                                  wl_error *error) {
  (void)arena;
  int64_t wanted = s->index;
  const uint8_t *begin = (const uint8_t *)text.data, *end = begin + text.size;
  if (wanted < 0) {
    const uint8_t *at = begin;
    int64_t n = 0;
    for (;; n++) {
      WL_TRY(
          next_piece(s, &at, end, s->limit > 0 && n == s->limit, out, error));
      if (out->data == NULL)
        break;
    }
    wanted += n;
  }
  *out = (wl_string){NULL, WL_MISSING_NAN};
  for (int64_t piece = 0; piece <= wanted; piece++) {
    WL_TRY(next_piece(s, &begin, end, s->limit > 0 && piece == s->limit, out,
                      error));
    if (out->data == NULL)
      return WL_OK;
  }
  return WL_OK;
}

static wl_status edit_replace(const edit_state *s, wl_string text,
                              wl_arena *arena, wl_string *out,
                              wl_error *error) {
  size_t n = 0, size, at = find_word(text, 0, s->text);
  *out = text;
  if (at == SIZE_MAX)
    return WL_OK;
  for (size_t next = at; next != SIZE_MAX;
       next = find_word(text, next + s->text.size, s->text))
    n++;
  if (wl_mul_overflows(n, s->value.size, &size) ||
      wl_add_overflows(size, text.size, &size))
    return wl_fail_memory(error, SIZE_MAX);
  char *to = wl_arena_alloc(arena, size), *begin = to;
  if (to == NULL)
    return wl_fail_memory(error, size);
  size_t from = 0;
  for (; at != SIZE_MAX; at = find_word(text, from, s->text)) {
    memcpy(to, text.data + from, at - from);
    to += at - from;
    if (s->value.size != 0)
      memcpy(to, s->value.data, s->value.size);
    to += s->value.size;
    from = at + s->text.size;
  }
  memcpy(to, text.data + from, text.size - from);
  to += text.size - from;
  *out = (wl_string){begin, (size_t)(to - begin)};
  return WL_OK;
}

/* ---- widths ---------------------------------------------------------------
 */

/* `text` with `n_before` times the fill before what is past its first `kept`
 * bytes, and `n_behind` times behind. */
static wl_status pad(wl_string text, size_t kept, wl_string fill,
                     size_t n_before, size_t n_behind, wl_arena *arena,
                     wl_string *out, wl_error *error) {
  size_t size = text.size + (n_before + n_behind) * fill.size;
  char *to = wl_arena_alloc(arena, size);
  if (to == NULL)
    return wl_fail_memory(error, size);
  *out = (wl_string){to, size};
  memcpy(to, text.data, kept);
  to += kept;
  for (size_t i = 0; i < n_before; i++, to += fill.size)
    memcpy(to, fill.data, fill.size);
  memcpy(to, text.data + kept, text.size - kept);
  to += text.size - kept;
  for (size_t i = 0; i < n_behind; i++, to += fill.size)
    memcpy(to, fill.data, fill.size);
  return WL_OK;
}

static wl_status edit_pad(const edit_state *s, wl_string text, wl_arena *arena,
                          wl_string *out, wl_error *error) {
  int64_t n = s->index - count_points(text);
  *out = text;
  if (n <= 0)
    return WL_OK;
  /* In the middle, as Python's str.center has it. */
  size_t both = (size_t)n, before = both / 2 + (both & (size_t)s->index & 1);
  if (!s->is_right || !s->is_left)
    before = s->is_left ? both : 0;
  return pad(text, 0, s->text, before, both - before, arena, out, error);
}

static wl_status edit_zfill(const edit_state *s, wl_string text,
                            wl_arena *arena, wl_string *out, wl_error *error) {
  int64_t n = s->index - count_points(text);
  *out = text;
  if (n <= 0)
    return WL_OK;
  size_t sign =
      text.size != 0 && (text.data[0] == '-' || text.data[0] == '+') ? 1 : 0;
  return pad(text, sign, (wl_string){"0", 1}, (size_t)n, 0, arena, out, error);
}

/* -------------------------------------------------------------------------- */

enum { MAX_WIDTH = 1 << 20 };

static const struct {
  const char *name;
  edit_function edit;
  bool needs_text;
  bool is_piece; /* one that may not be there */
} functions[] = {
    {"slice", edit_slice, false, false},
    {"char", edit_char, false, true},
    {"strip", edit_strip, false, false},
    {"remove", edit_remove, true, false},
    {"split", edit_split, true, true},
    {"replace", edit_replace, true, false},
    {"pad", edit_pad, true, false},
    {"zfill", edit_zfill, false, false},
    {"rsplit", edit_rsplit, true, true},
    {"split_blank", edit_split_blank, false, true},
};

static wl_status find(const wl_node *node, size_t *out, wl_error *error) {
  return wl_find_choice(node, "function", functions, WL_COUNT_OF(functions),
                        sizeof *functions, out, error);
}

static wl_status infer(const wl_graph *graph, const wl_node *node,
                       wl_type *type, wl_error *error) {
  size_t function;
  *type = *wl_input_type(graph, node, 0);
  if (type->kind != WL_VALUE_STRINGS)
    return wl_fail(error, WL_ERROR_TYPE, "operator 'edit_text' takes strings");
  WL_TRY(find(node, &function, error));
  if (functions[function].needs_text &&
      wl_node_string(node, "text", "").size == 0)
    return wl_fail(error, WL_ERROR_VALUE,
                   "operator 'edit_text': '%s' needs a 'text' that is not "
                   "empty",
                   functions[function].name);
  bool has_width = functions[function].edit == edit_pad ||
                   functions[function].edit == edit_zfill;
  if (has_width && wl_node_int(node, "index", 0) > MAX_WIDTH)
    return wl_fail(error, WL_ERROR_VALUE,
                   "operator 'edit_text': a width above %d", MAX_WIDTH);
  const wl_const *chars = wl_node_tensor(graph, node, "chars");
  double before = -1.0;
  for (size_t i = 0; chars != NULL && i < chars->n_elements; i++) {
    double at = chars->dtype == WL_STRING ? -1.0 : wl_const_number(chars, i);
    if (!(at > before && at < 0x110000) || at != (double)(uint32_t)at)
      return wl_fail(error, WL_ERROR_VALUE,
                     "operator 'edit_text': 'chars' are ascending code points");
    before = at;
  }
  type->has_missing |= functions[function].is_piece;
  return WL_OK;
}

static void unbind(void *state) {
  edit_state *s = state;
  if (s == NULL)
    return;
  wl_arena_deinit(&s->memory);
  wl_free(s);
}

static wl_status copy_text(edit_state *s, const wl_node *node, const char *name,
                           wl_string *out, wl_error *error) {
  wl_string from = wl_node_string(node, name, "");
  out->size = from.size;
  out->data = wl_arena_strndup(&s->memory, from.data, from.size);
  return out->data != NULL ? WL_OK : wl_fail_memory(error, from.size);
}

static wl_status fill(edit_state *s, const wl_graph *graph, const wl_node *node,
                      wl_error *error) {
  size_t function;
  const wl_const *chars = wl_node_tensor(graph, node, "chars");
  WL_TRY(find(node, &function, error));
  s->edit = functions[function].edit;
  s->start = wl_node_int(node, "start", 0);
  s->has_stop = wl_node_attr(node, "stop") != NULL;
  s->stop = wl_node_int(node, "stop", 0);
  s->index = wl_node_int(node, "index", 0);
  s->limit = wl_node_int(node, "limit", 0);
  s->is_left = wl_node_bool(node, "left", true);
  s->is_right = wl_node_bool(node, "right", true);
  WL_TRY(copy_text(s, node, "text", &s->text, error));
  WL_TRY(copy_text(s, node, "value", &s->value, error));
  if (chars == NULL)
    return WL_OK;
  s->n_chars = chars->n_elements;
  s->chars = wl_arena_alloc(&s->memory, s->n_chars * sizeof *s->chars);
  if (s->chars == NULL)
    return wl_fail_memory(error, s->n_chars * sizeof *s->chars);
  for (size_t i = 0; i < s->n_chars; i++)
    s->chars[i] = (uint32_t)wl_const_number(chars, i);
  return WL_OK;
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
  const wl_value *x = call->inputs[0];
  wl_string *strings;
  WL_TRY(wl_new_strings(call, &strings, out, error));
  for (size_t r = 0; r < call->n_rows; r++) {
    strings[r] = x->strings[r];
    if (strings[r].data == NULL)
      continue;
    wl_status status =
        s->edit(s, x->strings[r], call->arena, &strings[r], error);
    if (status != WL_OK) {
      if (error != NULL)
        error->row = (int64_t)r;
      return status;
    }
  }
  return WL_OK;
}

const wl_op_def wl_op_edit_text = {
    .name = "edit_text",
    WL_ATTRS(attrs),
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = infer,
    .bind = bind,
    .unbind = unbind,
    .run = run,
};
