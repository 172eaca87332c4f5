/*
 * job.h: the state of a tuning job, shared by tune.c (requests, answers, the
 * choice), propose.c (which subsets to try) and gates.c (several gates). All
 * memory is taken at creation, so that a failed step leaves the job as it was.
 */
#ifndef WL_TUNE_JOB_H
#define WL_TUNE_JOB_H

#include "stats/agreement.h"
#include "tune/target.h"
#include "tune/tune.h"

enum {
  WL_TUNE_EXHAUSTIVE_SUBSETS = 64, /* so that blocks fit a mask of bits */
  WL_TUNE_GREEDY_WIDTH = 3, /* additions tried at each step of the path */
  WL_TUNE_KNAPSACK_STEPS = 1000
};
#define WL_TUNE_NONE SIZE_MAX

typedef enum wl_tune_phase {
  WL_TUNE_PHASE_START = 0,
  WL_TUNE_PHASE_SINGLES,
  WL_TUNE_PHASE_GREEDY,
  WL_TUNE_PHASE_MODELS,
  WL_TUNE_PHASE_LAST
} wl_tune_phase;

/* What candidates, or the gates of a chain, say about the rows that count: the
 * one in slot s from s * capacity on. */
typedef struct wl_tune_rows {
  size_t n, capacity;
  double *confidence;
  uint8_t *differs;
} wl_tune_rows;

/* Gates in the order of their blocks. */
typedef struct wl_tune_chain {
  size_t n;
  size_t candidates[WL_TUNE_MAX_GATES];
  size_t shares[WL_TUNE_MAX_GATES]; /* of the permitted errors */
  double anchors[WL_TUNE_MAX_GATES];
  double cost; /* expected, on the select rows */
} wl_tune_chain;

struct wl_tune {
  size_t n_blocks;
  double *block_costs;
  uint32_t *part_of;   /* WL_TUNE_WHOLE of a whole block */
  uint32_t *next_part; /* of a whole block its first part, of that the next;
                          WL_TUNE_WHOLE at the end */
  size_t n_rows_fit;
  size_t n_rows_select, n_rows_certify;
  wl_tune_options options;
  const wl_tune_kind *kind; /* of the target */
  double exact_cost;

  wl_tune_candidate *candidates; /* max_candidates of them */
  size_t n_candidates, max_candidates;
  uint32_t *block_ids; /* max_candidates + 1 rows of n_blocks; the last row is
                          where a proposal is put together */
  size_t best; /* the answered candidate that costs least, or WL_TUNE_NONE */

  wl_tune_phase phase;
  double baseline;    /* share of the commonest full label on select; 0 where
                         answers have no labels */
  double *importance; /* of a block: agreement alone above the baseline; < 0
                         when it was not measured */
  uint8_t *is_taken;  /* the knapsack's choices, n_blocks x (STEPS + 1) */
  double *knapsack;   /* its best values, STEPS + 1 */
  size_t path;        /* the greedy path's end, or WL_TUNE_NONE at its start */
  size_t extensions[WL_TUNE_GREEDY_WIDTH];
  size_t n_extensions;

  /* With max_gates > 1. */
  wl_tune_rows select, certify;
  wl_tune_chain chain;
  size_t n_certified; /* gates of the chain whose answers are there */
  int64_t select_k;   /* errors that the select rows are permitted */
  double *values;     /* scratch: max(select, certify) rows */
  uint8_t *marks;     /* the same */

  wl_tune_sample sample; /* of an answer: max(select, certify) rows */
  uint8_t *counts;       /* scratch: the same */
  wl_tune_sequence sequence, best_sequence; /* of an answer, and of `best` */
  int64_t *labels;                          /* scratch: n_rows_select */
  bool is_waiting, is_finished;
  wl_tune_request request; /* while waiting */
  wl_tune_result result;   /* when finished */
};

/*
 * Called when every candidate is answered, pruned or skipped: puts more into
 * the queue. false when there is nothing more to try.
 */
bool wl_tune_propose(wl_tune *job);

/* part_of may be NULL (parts.c). */
wl_status wl_tune_parts_check(size_t n_blocks, const uint32_t *part_of,
                              wl_error *error);
/* Fills the job's own part_of and next_part, parts in their order. */
void wl_tune_parts_link(wl_tune *job, const uint32_t *part_of);

/* Of a row that stays to the end, after candidate c. */
double wl_tune_rest_cost(const wl_tune *job, const wl_tune_candidate *c);

/* Ends the job: the outcome and its message (result.c). */
void wl_tune_finish(wl_tune *job, wl_tune_outcome outcome);

/* ---- several gates (gates.c) ----------------------------------------------
 */

wl_status wl_tune_gates_init(wl_tune *job, wl_error *error);
void wl_tune_gates_deinit(wl_tune *job);

/* Keeps an answer, job->sample, in a slot. */
void wl_tune_gates_keep(const wl_tune *job, wl_tune_rows *rows, size_t slot);

/* Finds job->chain from the select rows; of one gate, job->best, where more
 * would not pay. */
void wl_tune_gates_choose(wl_tune *job);

/* The certificate of job->chain by the certify rows kept in its gates' order;
 * gates: WL_TUNE_MAX_GATES of them. */
wl_status wl_tune_gates_certify(wl_tune *job, wl_tune_gate *gates,
                                wl_tune_verdict *verdict, double *cost,
                                wl_error *error);

/* What explains that certificate, into r->curve and r->reliability. */
wl_status wl_tune_gates_trace(wl_tune *job, wl_tune_result *r, wl_error *error);

/* Of n rows; without its cost. */
wl_tune_point wl_tune_point_of(const wl_curve_point *point, size_t n);

/* The least cost that a new candidate has to beat. */
double wl_tune_cost_to_beat(const wl_tune *job);

#endif
