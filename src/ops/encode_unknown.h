/*
 * encode_unknown.h: the values of one column that are no category, for the
 * message that refuses them: the first ones as they print, and how many there
 * are. Of fixed size: what is refused may be any number of values.
 */
#ifndef WL_OPS_ENCODE_UNKNOWN_H
#define WL_OPS_ENCODE_UNKNOWN_H

#include "ops/encode.h"

enum {
  WL_UNKNOWNS_COUNTED = 256, /* there may be more */
  WL_UNKNOWNS_SHOWN = 20,
  WL_UNKNOWN_BYTES = 60, /* shown of a string */
  WL_UNKNOWN_SIZE = 4 * WL_UNKNOWN_BYTES + 8
};

typedef struct wl_unknowns {
  size_t n; /* different ones, up to WL_UNKNOWNS_COUNTED; 0: none yet */
  size_t column;
  uint64_t row; /* of the first */
  uint64_t hashes[WL_UNKNOWNS_COUNTED];
  char shown[WL_UNKNOWNS_SHOWN][WL_UNKNOWN_SIZE];
} wl_unknowns;

/* Whether another value of the column could change the message: the first
 * column with unknown values is the one that is named. */
static inline bool wl_unknowns_want(const wl_unknowns *unknowns,
                                    size_t column) {
  return unknowns->n == 0 || column < unknowns->column ||
         (column == unknowns->column && unknowns->n < WL_UNKNOWNS_COUNTED);
}

void wl_unknowns_add_string(wl_unknowns *unknowns, size_t column, uint64_t row,
                            wl_string value);
void wl_unknowns_add_number(wl_unknowns *unknowns, size_t column, uint64_t row,
                            double value);

/* The error that scikit-learn's encoders raise. */
wl_status wl_unknowns_fail(const wl_unknowns *unknowns,
                           const wl_encode_state *state, wl_error *error);

#endif
