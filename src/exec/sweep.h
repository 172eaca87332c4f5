/*
 * sweep.h: one pass over a selection of rows, chunk by chunk, on one or more
 * workers: computes a sequence and hands each chunk's result to a sink.
 */
#ifndef WL_EXEC_SWEEP_H
#define WL_EXEC_SWEEP_H

#include "exec/context.h"
#include "exec/sources.h"

/* CSR rows of one chunk, owned. */
typedef struct wl_piece {
  size_t n_rows;
  int64_t *indptr; /* from 0 */
  int32_t *indices;
  double *data;
} wl_piece;

typedef struct wl_survey wl_survey;

typedef struct wl_sweep {
  const wl_plan *plan;
  const wl_sequence *sequence;
  wl_context *context;
  const wl_input *inputs;   /* by input number */
  const wl_answer *answers; /* by external number */
  wl_selection selection;
  size_t n_threads;
  wl_progress progress;
  void *progress_context;
  uint64_t rows_before, rows_total; /* for progress */
  uint8_t *notes;                   /* of the run, NULL: nobody asks */
  uint64_t *costs;   /* by node of the source, in ns; NULL: nobody asks */
  wl_survey *survey; /* looks at the rows in place of all sinks; else NULL */

  /* Sinks. A dense result is written by the run's row at out_index(row). */
  void *out;          /* NULL: results are kept as pieces */
  wl_dtype out_dtype; /* WL_F64, WL_F32 or WL_I64 */
  uint8_t *stages;    /* NULL, or takes `stage` for each row that leaves */
  uint8_t stage;
  bool is_first;       /* of the run's stages: nothing was carried to it */
  bool is_by_position; /* out is by position in the selection, not by row */
  bool is_staged;      /* results are dense, whatever the steps make */
  bool *stays;         /* by position; written when the sequence has a gate */
  double *gates;       /* NULL, or takes the gate's value, by the run's row */
  const wl_carried *carried;
  size_t n_carried, carry_width;
  double *carry;    /* by the run's row */
  wl_piece *pieces; /* one a chunk, owned by the caller, zeroed */

  /* Set by wl_sweep_prepare. */
  uint64_t *bounds; /* n_chunks + 1 positions, in the context's arena */
  size_t n_chunks;
  /* Of the first chunk that failed in a step: its number in the upper half,
   * the step's node in the lower. Set by wl_sweep_run. */
  _Atomic uint64_t refused;
} wl_sweep;

/* Cuts the selection into chunks; pieces may be allocated afterwards. */
wl_status wl_sweep_prepare(wl_sweep *sweep, wl_error *error);
wl_status wl_sweep_run(wl_sweep *sweep, wl_error *error);
/* An error about a row of the positions from..to becomes one about the
 * caller's row. */
wl_status wl_sweep_locate(const wl_sweep *sweep, uint64_t from, uint64_t to,
                          wl_status status, wl_error *error);

/* Tests only: chunks of at most so many rows, so that a few rows are several
 * chunks; 0: as usual. */
void wl_sweep_force_rows(size_t max_rows);

#endif
