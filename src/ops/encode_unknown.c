/* encode_unknown.c: unknown categories collected and told. */
#include "ops/encode_unknown.h"

#include <stdio.h>

#include "base/number.h"

enum { LIST_SIZE = 640 }; /* of a message, for the values */

/* ---- collecting ---------------------------------------------------------- */

static uint64_t hash_of(const void *bytes, size_t size) {
  const uint8_t *at = bytes;
  uint64_t hash = UINT64_C(14695981039346656037) ^ size;
  for (size_t i = 0; i < size; i++)
    hash = (hash ^ at[i]) * UINT64_C(1099511628211);
  return hash;
}

/* Nearly Python's repr: a category that cannot be printed is rare. */
static void show_string(wl_string s, char room[WL_UNKNOWN_SIZE]) {
  bool has_single = memchr(s.data, '\'', s.size) != NULL;
  bool has_double = memchr(s.data, '"', s.size) != NULL;
  char quote = has_single && !has_double ? '"' : '\'', *at = room;
  size_t shown = s.size <= WL_UNKNOWN_BYTES ? s.size : WL_UNKNOWN_BYTES;
  while (shown < s.size && shown > 0 &&
         ((unsigned char)s.data[shown] & 0xC0) == 0x80)
    shown--; /* not within a character */
  *at++ = quote;
  for (size_t i = 0; i < shown; i++) {
    unsigned char c = (unsigned char)s.data[i];
    if (c == '\n' || c == '\r' || c == '\t') {
      *at++ = '\\';
      *at++ = c == '\n' ? 'n' : c == '\r' ? 'r' : 't';
    } else if (c < 0x20 || c == 0x7F) {
      at += snprintf(at, 5, "\\x%02x", c);
    } else {
      if (c == '\\' || c == (unsigned char)quote)
        *at++ = '\\';
      *at++ = (char)c;
    }
  }
  *at++ = quote;
  memcpy(at, shown < s.size ? "..." : "", shown < s.size ? 4 : 1);
}

/* Where to print the value, or NULL: it is there already, or beyond those that
 * are shown. */
static char *add(wl_unknowns *u, size_t column, uint64_t row, uint64_t hash) {
  if (!wl_unknowns_want(u, column))
    return NULL;
  if (u->n == 0 || column < u->column) {
    u->n = 0;
    u->column = column;
    u->row = row;
  }
  for (size_t i = 0; i < u->n; i++)
    if (u->hashes[i] == hash)
      return NULL;
  u->hashes[u->n++] = hash;
  return u->n <= WL_UNKNOWNS_SHOWN ? u->shown[u->n - 1] : NULL;
}

void wl_unknowns_add_string(wl_unknowns *u, size_t column, uint64_t row,
                            wl_string value) {
  if (value.data != NULL) {
    char *room = add(u, column, row, hash_of(value.data, value.size));
    if (room != NULL)
      show_string(value, room);
    return;
  }
  const char *shown = value.size == WL_MISSING_NAN ? "nan"
                      : value.size == WL_MISSING_OTHER
                          ? "<a value that is no text>"
                          : "None";
  char *room = add(u, column, row, value.size);
  if (room != NULL)
    memcpy(room, shown, strlen(shown) + 1);
}

void wl_unknowns_add_number(wl_unknowns *u, size_t column, uint64_t row,
                            double value) {
  double one = value != value ? __builtin_nan("") : value + 0.0; /* no -0 */
  uint64_t bits;
  memcpy(&bits, &one, sizeof bits);
  _Static_assert((int)WL_NUMBER_SIZE <= (int)WL_UNKNOWN_SIZE,
                 "a number has room");
  char *room = add(u, column, row, bits);
  if (room != NULL)
    wl_print_double(value, room);
}

/* ---- telling ------------------------------------------------------------- */

/* As many as there is room for, and how many more there are. */
static void list(const wl_unknowns *u, char room[LIST_SIZE + 64]) {
  size_t n_shown = 0, size = 0;
  while (n_shown < u->n && n_shown < WL_UNKNOWNS_SHOWN) {
    const char *shown = u->shown[n_shown];
    size_t more = strlen(shown) + 2;
    if (size + more > LIST_SIZE)
      break;
    size += (size_t)snprintf(room + size, more + 1, "%s%s",
                             n_shown == 0 ? "" : ", ", shown);
    n_shown++;
  }
  if (n_shown < u->n)
    (void)snprintf(room + size, 64, ", and %zu%s more", u->n - n_shown,
                   u->n == WL_UNKNOWNS_COUNTED ? " or" : "");
}

wl_status wl_unknowns_fail(const wl_unknowns *u, const wl_encode_state *s,
                           wl_error *error) {
  char values[LIST_SIZE + 64] = "";
  const char *name = s->columns[u->column].name;
  list(u, values);
  return wl_fail_row(error, WL_ERROR_VALUE, (int64_t)u->row,
                     "Found unknown categories [%s] in column %zu during "
                     "transform%s%.120s%s",
                     values, s->first_column + u->column,
                     name[0] != '\0' ? " (column '" : "", name,
                     name[0] != '\0' ? "')" : "");
}
