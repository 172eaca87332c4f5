/*
 * ints.h: a list of integers of any width, read as int64_t: tensors are as
 * narrow as what they hold, and their readers need not know.
 */
#ifndef WL_DATA_INTS_H
#define WL_DATA_INTS_H

#include "base/base.h"

/* Borrowed; `data` is NULL where there is no list. */
typedef struct wl_ints {
  const void *data;
  wl_dtype dtype;
} wl_ints;

static inline bool wl_dtype_is_integer(wl_dtype dtype) {
  return dtype >= WL_I8 && dtype <= WL_U64;
}

static inline wl_ints wl_ints_of(const int64_t *values) {
  return (wl_ints){values, WL_I64};
}

/* Element i; what is above all of int64_t is read as its largest. */
static inline int64_t wl_ints_at(const wl_ints *list, size_t i) {
  const void *data = list->data;
  switch (list->dtype) {
  case WL_I8:
    return ((const int8_t *)data)[i];
  case WL_U8:
    return ((const uint8_t *)data)[i];
  case WL_I16:
    return ((const int16_t *)data)[i];
  case WL_U16:
    return ((const uint16_t *)data)[i];
  case WL_I32:
    return ((const int32_t *)data)[i];
  case WL_U32:
    return ((const uint32_t *)data)[i];
  case WL_U64: {
    uint64_t value = ((const uint64_t *)data)[i];
    return value > INT64_MAX ? INT64_MAX : (int64_t)value;
  }
  default:
    return ((const int64_t *)data)[i];
  }
}

#endif
