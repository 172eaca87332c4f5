/*
 * value.h: what flows between the steps of a plan: a tile of rows, as strings,
 * a dense row-major matrix, or CSR. Numbers are held as doubles whatever the
 * logical dtype: float32 results are rounded to float32 after each operation
 * (which equals float32 arithmetic), integers are exact up to 2^53.
 */
#ifndef WL_DATA_VALUE_H
#define WL_DATA_VALUE_H

#include "base/base.h"

typedef enum wl_value_kind {
  WL_VALUE_STRINGS = 0,
  WL_VALUE_DENSE,
  WL_VALUE_CSR,
  WL_VALUE_STRIDED, /* where a type says dense, for steps that take it */
  WL_VALUE_KIND_COUNT
} wl_value_kind;

/* Doubles or floats in a caller's order, aligned; strides are bytes. */
typedef struct wl_strided {
  const void *values;
  int64_t row_stride, column_stride;
  bool is_f32;
} wl_strided;

static inline double wl_strided_at(const wl_strided *x, size_t row,
                                   size_t column) {
  const char *at = (const char *)x->values + (int64_t)row * x->row_stride +
                   (int64_t)column * x->column_stride;
  return x->is_f32 ? (double)*(const float *)(const void *)at
                   : *(const double *)(const void *)at;
}

/*
 * A tile: borrowed memory, usually of a worker's arena. `dense` has `ld`
 * doubles from one row to the next (ld >= n_columns). CSR rows are
 * [indptr[r], indptr[r + 1]) of indices and data; indptr[0] need not be 0.
 */
typedef struct wl_value {
  wl_value_kind kind;
  size_t n_rows;
  size_t n_columns;
  const wl_string *strings;
  double *dense;
  size_t ld;
  wl_strided strided;
  const int64_t *indptr;
  const int32_t *indices;
  double *data;
} wl_value;

/*
 * Builds CSR rows in an arena: begin, then for each row any number of pushes
 * and one end_row. The arrays grow inside the arena.
 */
typedef struct wl_csr_builder {
  wl_arena *arena;
  size_t n_rows; /* rows ended so far */
  size_t max_rows;
  int64_t *indptr;
  int32_t *indices;
  double *data;
  size_t n_entries, capacity;
} wl_csr_builder;

wl_status wl_csr_begin(wl_csr_builder *builder, wl_arena *arena,
                       size_t max_rows, size_t entries_hint, wl_error *error);
/* Room for `more` entries past n_entries; then write indices/data directly and
 * add to n_entries, or call push. */
wl_status wl_csr_reserve(wl_csr_builder *builder, size_t more, wl_error *error);
static inline void wl_csr_push(wl_csr_builder *builder, int32_t column,
                               double value) {
  builder->indices[builder->n_entries] = column;
  builder->data[builder->n_entries++] = value;
}
static inline void wl_csr_end_row(wl_csr_builder *builder) {
  builder->indptr[++builder->n_rows] = (int64_t)builder->n_entries;
}
/* The tile that was built; it borrows the arena. */
wl_value wl_csr_value(const wl_csr_builder *builder, size_t n_columns);

#endif
