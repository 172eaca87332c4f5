/*
 * unicode_data.h: the shape of the generated Unicode tables (unicode_data.c).
 * Three-level tries over code points, whose blocks all versions share; a
 * version is its three roots. Only unicode.c reads them.
 */
#ifndef WL_TEXT_UNICODE_DATA_H
#define WL_TEXT_UNICODE_DATA_H

#include <stddef.h>
#include <stdint.h>

enum {
  WL_UNICODE_N_ROOTS = 0x110000 >> 12,
  WL_UNICODE_LOWER_SPECIAL = 255 /* look into wl_unicode_lower_special */
};

struct wl_unicode {
  char version[8];
  uint8_t flags[WL_UNICODE_N_ROOTS];
  uint8_t lower[WL_UNICODE_N_ROOTS];
  uint8_t strip[WL_UNICODE_N_ROOTS];
};

/* A lower-case mapping to several code points. */
struct wl_unicode_special {
  uint32_t code_point;
  uint32_t n;
  uint32_t out[3];
};

/* node = nodes[root[c >> 12] * 64 + (c >> 6 & 63)]; leaves[node * 64 + (c &
 * 63)] */
extern const uint16_t wl_unicode_flags_nodes[], wl_unicode_lower_nodes[],
    wl_unicode_strip_nodes[];
extern const uint8_t wl_unicode_flags_leaves[], wl_unicode_lower_leaves[];
extern const uint16_t wl_unicode_strip_leaves[];
extern const int32_t wl_unicode_lower_deltas[];
/* 0: itself; 1: dropped; else a position of the count and the code points. */
extern const uint32_t wl_unicode_strip_pool[];
extern const struct wl_unicode_special wl_unicode_lower_special[];
extern const size_t wl_unicode_n_lower_special;
extern const struct wl_unicode wl_unicode_versions[];
extern const size_t wl_unicode_n_versions;

#endif
