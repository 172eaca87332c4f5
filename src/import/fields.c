/* fields.c: the members of a document's objects, with messages that name the
 * field and its byte. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/number.h"
#include "import/readers.h"

wl_status wl_doc_fail(const wl_doc_reader *reader, wl_status code,
                      const char *name, uint32_t field, const char *format,
                      ...) {
  char problem[256], at[40] = "";
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(problem, sizeof problem, format, arguments);
  va_end(arguments);
  if (field != 0)
    snprintf(at, sizeof at, " (byte %zu)",
             reader->document->nodes[field].position);
  return wl_fail(reader->error, code, "%s model: %s%s%s %s", reader->library,
                 reader->where, name, at, problem);
}

wl_status wl_doc_fail_missing(const wl_doc_reader *reader, uint32_t object,
                              const char *name) {
  const wl_doc_node *node = &reader->document->nodes[object];
  int n = node->n_keys < 40 ? (int)node->n_keys : 40;
  const char *key = n != 0 ? reader->document->text + node->key : "";
  return wl_doc_fail(reader, WL_ERROR_VALUE, name, 0,
                     "is missing in %.*s%sthe object at byte %zu", n, key,
                     n != 0 ? ", " : "", node->position);
}

wl_status wl_doc_find(const wl_doc_reader *reader, uint32_t object,
                      const char *name, uint32_t *out) {
  size_t n_found;
  *out = wl_doc_member(reader->document, object, name, &n_found);
  if (n_found > 1)
    return wl_doc_fail(reader, WL_ERROR_VALUE, name, *out, "is there %zu times",
                       n_found);
  return WL_OK;
}

wl_status wl_doc_require(const wl_doc_reader *reader, uint32_t object,
                         const char *name, wl_doc_kind kind, uint32_t *out) {
  WL_TRY(wl_doc_find(reader, object, name, out));
  if (*out == 0)
    return wl_doc_fail_missing(reader, object, name);
  const wl_doc_node *node = &reader->document->nodes[*out];
  bool is_empty =
      kind == WL_DOC_NUMBERS && node->kind == WL_DOC_ARRAY && node->n == 0;
  if (node->kind != kind && !is_empty)
    return wl_doc_fail(reader, WL_ERROR_VALUE, name, *out, "is %s, not %s",
                       wl_doc_kind_name(node->kind), wl_doc_kind_name(kind));
  return WL_OK;
}

bool wl_doc_number(const wl_doc_reader *reader, uint32_t node, double *out) {
  const wl_doc_node *from = &reader->document->nodes[node];
  char text[64], *end;
  *out = from->number;
  if (from->kind == WL_DOC_NUMBER)
    return true;
  if (from->kind != WL_DOC_STRING || from->n == 0 || from->n >= sizeof text)
    return false;
  memcpy(text, wl_doc_string(reader->document, node).data, from->n);
  text[from->n] = '\0';
  *out = wl_parse_double(text, &end);
  return end == text + from->n;
}

wl_status wl_doc_integer(const wl_doc_reader *reader, uint32_t object,
                         const char *name, int64_t low, int64_t high,
                         int64_t *out) {
  uint32_t node;
  double number;
  *out = 0;
  WL_TRY(wl_doc_find(reader, object, name, &node));
  if (node == 0)
    return wl_doc_fail_missing(reader, object, name);
  if (!wl_doc_number(reader, node, &number) || !(number >= (double)low) ||
      !(number <= (double)high) || number != floor(number))
    return wl_doc_fail(reader, WL_ERROR_VALUE, name, node,
                       "is not a whole number from %lld to %lld",
                       (long long)low, (long long)high);
  *out = (int64_t)number;
  return WL_OK;
}

wl_status wl_doc_optional_integer(const wl_doc_reader *reader, uint32_t object,
                                  const char *name, int64_t low, int64_t high,
                                  int64_t absent, int64_t *out) {
  *out = absent;
  if (wl_doc_member(reader->document, object, name, NULL) == 0)
    return WL_OK;
  return wl_doc_integer(reader, object, name, low, high, out);
}
