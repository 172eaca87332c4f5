/*
 * plan.h: what runs. A plan is the optimised graph bound to immutable operator
 * states, with the list of nodes that each stage of each output computes. It
 * is shared by all threads; what changes during a call lives in a context.
 */
#ifndef WL_EXEC_PLAN_H
#define WL_EXEC_PLAN_H

#include "graph/graph.h"
#include "graph/op.h"

typedef struct wl_plan_node {
  const wl_op_def *def;
  wl_op op;
  void *state;
  bool is_late; /* bound by wl_plan_bind_late */
  uint32_t n_inputs;
  const wl_id *inputs;
  wl_type type;
  bool may_be_csr; /* where a caller gives CSR rows, whatever `type` says */
  uint32_t source; /* of an input or external: its number among its kind */
  const wl_op_warning *warning; /* NULL: it never warns */
  size_t first_note;            /* of a run's notes, those of this node */
  wl_id origin; /* the node of the source graph that its costs are charged to */
} wl_plan_node;

typedef struct wl_plan_input {
  const char *name;
  wl_input_kind kind;
  int64_t position;
  wl_id node;
  const char *no_csr; /* why rows that come as CSR are refused, or NULL */
  wl_status no_csr_code;
} wl_plan_input;

typedef struct wl_plan_external {
  int64_t step;
  const char *name;
  wl_id node;
} wl_plan_external;

/* A node whose rows are kept for later stages, at `column` of the carry. */
typedef struct wl_carried {
  wl_id node;
  size_t column;
} wl_carried;

/* Of a step: the matrix of columns that its result is a column of, or that it
 * makes whole. */
typedef struct wl_slot {
  uint32_t matrix; /* 1 + its number among the sequence's; 0: none */
  uint32_t column;
} wl_slot;

/* What one stage of one output computes. */
typedef struct wl_sequence {
  wl_id *steps; /* in order; sources are not among them */
  size_t n_steps;
  wl_id *inputs; /* the model's inputs that the steps read */
  size_t n_inputs;
  bool *takes_strided; /* by input: all that read it do */
  wl_slot *slots;      /* by step */
  size_t *widths;      /* of the matrices that are made column by column */
  size_t n_matrices;
  wl_id *checked; /* text that later stages read, and none may be missing */
  size_t n_checked;
  wl_id *externals; /* nodes to be asked for before the steps, in order */
  size_t n_externals;
  size_t tile_columns; /* numbers that a row takes in the steps' dense tiles */
  size_t tile_rows;    /* of a chunk: a multiple; 0: any. wl_plan_tile_rows */
  size_t number;       /* of the stage among the model's */
  bool has_gate;
  wl_id gate;
  double threshold;
  wl_id result;
} wl_sequence;

typedef struct wl_plan_output {
  const char *name;
  wl_type type;
  wl_sequence *stages; /* of the model's, those that have this output */
  size_t n_stages;
  wl_carried *carried;
  size_t n_carried, carry_width;
  bool has_external;
} wl_plan_output;

typedef struct wl_plan {
  wl_arena arena;
  wl_plan_node *nodes;
  size_t n_nodes;
  wl_plan_input *inputs;
  size_t n_inputs;
  wl_plan_external *externals;
  size_t n_externals;
  wl_plan_output *outputs;
  size_t n_outputs;
  size_t n_stages;
  size_t n_notes; /* of all nodes that may warn */
} wl_plan;

/* Binds an optimised graph; the plan does not borrow it. Lazily: outputs that
 * are seldom asked for are checked, and bound later. */
wl_status wl_plan_init(wl_plan *plan, const wl_graph *graph, bool is_lazy,
                       wl_error *error);
void wl_plan_deinit(wl_plan *plan);

/* Whether an output cannot run before wl_plan_bind_late has bound it, to a
 * graph equal to the plan's. By any thread, also while other outputs run. */
bool wl_plan_is_late(const wl_plan *plan, size_t output);
wl_status wl_plan_bind_late(wl_plan *plan, const wl_graph *graph, size_t output,
                            wl_error *error);
/* What binding late may set. */
static inline const void *wl_plan_state(const wl_plan_node *node) {
  return __atomic_load_n(&node->state, __ATOMIC_RELAXED);
}
static inline size_t wl_plan_tile_rows(const wl_sequence *sequence) {
  return __atomic_load_n(&sequence->tile_rows, __ATOMIC_RELAXED);
}

/* An output of one stage in two, in the arena: the first computes
 * the output `filter` of one column, by which no row leaves, the second what
 * `output` takes beyond that. */
wl_status wl_plan_ranking(const wl_plan *plan, size_t filter, size_t output,
                          wl_arena *arena, wl_plan_output *out,
                          wl_error *error);

/* The sequence that computes one node from the sources (for an external's
 * computed inputs), in the arena. */
wl_status wl_plan_sequence(const wl_plan *plan, wl_id node, wl_arena *arena,
                           wl_sequence *out, wl_error *error);

#endif
