/*
 * sources.h: the caller's borrowed memory as tiles: strings, strided numbers
 * and CSR, for any selection of rows. Checks what it reads; never trusts an
 * index.
 */
#ifndef WL_EXEC_SOURCES_H
#define WL_EXEC_SOURCES_H

#include "exec/plan.h"

/* A selection: `rows`, ascending, or 0 .. n_rows - 1 when rows is NULL. */
typedef struct wl_selection {
  const uint64_t *rows;
  uint64_t n_rows;
} wl_selection;

static inline uint64_t wl_selection_row(const wl_selection *selection,
                                        uint64_t i) {
  return selection->rows != NULL ? selection->rows[i] : i;
}

/* The answer to an external node: a matrix, and where each of the run's rows
 * stands in it. */
typedef struct wl_answer {
  bool is_there;
  wl_input matrix;
  uint64_t n_rows;
  uint64_t *position; /* owned; by the run's row */
} wl_answer;

/* Checks that an input has the kind and the width that the node declares, and
 * that the rows of a CSR matrix lie one behind the other. */
wl_status wl_source_check(const wl_plan *plan, wl_id node,
                          const wl_input *input, uint64_t n_rows,
                          wl_error *error);

/* What all readers of a tile take: strided numbers (WL_VALUE_STRIDED), and
 * missing strings, which are an error otherwise. */
typedef struct wl_readers_take {
  bool strided, missing;
} wl_readers_take;

/*
 * A tile of the rows [from, to) of the selection, whose place in the matrix is
 * position[row] (NULL: row). Memory from the arena, or borrowed. Strided, and
 * with missing strings, only if its readers take that.
 */
wl_status wl_source_tile(const wl_input *input, const wl_selection *selection,
                         const uint64_t *position, uint64_t from, uint64_t to,
                         wl_readers_take readers, wl_arena *arena,
                         wl_value *out, wl_error *error);

/* Text of which none may be missing: what wl_source_tile fails with. */
wl_status wl_source_check_text(const wl_input *input,
                               const wl_selection *selection, uint64_t from,
                               uint64_t to, wl_error *error);

/* Adds the bytes that each of the rows from..from + n of the selection brings,
 * for sizing chunks. */
void wl_source_add_sizes(const wl_input *input, const wl_selection *selection,
                         uint64_t from, size_t n, size_t *sizes);

#endif
