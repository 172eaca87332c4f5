/*
 * prepare.h: a row's text as the tokenizers want it: lower-cased and stripped
 * of accents as UTF-8, with a mark on every byte of a word character. ASCII
 * goes through the vector kernels, other characters piecewise through tables,
 * so that a few of them never slow the rest of the row.
 */
#ifndef WL_TEXT_PREPARE_H
#define WL_TEXT_PREPARE_H

#include "text/scan.h"
#include "text/unicode.h"

/* Code points below this have their mapping ready. */
enum { WL_PREPARE_SHORT = 0x800 };

/* What a character becomes: `size` bytes, whose marks are `marks`. */
typedef struct wl_prepared_char {
  uint8_t size; /* WL_PREPARE_ASK: not decided by itself, or too long */
  uint8_t marks;
  uint8_t bytes[6];
} wl_prepared_char;
enum { WL_PREPARE_ASK = 255 };

typedef struct wl_preparer {
  const wl_unicode *unicode;
  const wl_scan *scan;
  unsigned map;
  wl_prepared_char table[WL_PREPARE_SHORT];
} wl_preparer;

/* A prepared row: arena memory that is used again for the next row. */
typedef struct wl_prepared {
  uint8_t *bytes; /* 64 more than size may be read */
  size_t size;    /* below WL_PREPARE_MAX */
  uint64_t *marks;
  size_t capacity;
  bool is_ascii;
  bool has_surrogate;
} wl_prepared;

/* Positions in a prepared row fit 31 bits. */
#define WL_PREPARE_MAX ((size_t)1 << 31)

void wl_preparer_init(wl_preparer *preparer, const wl_unicode *unicode,
                      unsigned map);

/* Room for rows of `size` bytes; only characters that grow need more. */
wl_status wl_prepared_reserve(wl_prepared *prepared, wl_arena *arena,
                              size_t size, wl_error *error);

/*
 * Prepares row number `row`. `prepared` starts zeroed. Errors carry the row:
 * WL_ERROR_ENCODING (not UTF-8), WL_ERROR_VALUE (missing, or too long).
 */
wl_status wl_prepare(const wl_preparer *preparer, wl_string text, size_t row,
                     wl_arena *arena, wl_prepared *prepared, wl_error *error);

#endif
