/*
 * op.h: what an operator is: one wl_op_def in one file, listed in table.def.
 * The graph layer only knows this interface; src/ops and src/models fill the
 * table (src/ops/table.c).
 */
#ifndef WL_GRAPH_OP_H
#define WL_GRAPH_OP_H

#include "graph/graph.h"

typedef struct wl_attr_def {
  const char *name;
  wl_attr_kind kind; /* WL_ATTR_FLOAT also takes an int */
  bool is_required;
} wl_attr_def;

/* One chunk of rows to compute. Memory comes from the arena. */
typedef struct wl_op_call {
  const wl_value *const *inputs;
  size_t n_inputs;
  size_t n_rows;
  wl_arena *arena;
  const wl_type *type; /* of the result */
  /* Where the executor wants a dense result, or NULL: of one column, n_rows
   * numbers (wl_new_dense sees to it); of `concat`, n_rows numbers for each
   * column, one column after another. */
  double *target;
  /* One a column of the operator's warning, shared by all chunks: set by
   * wl_op_note. NULL: nobody asks. */
  uint8_t *notes;
} wl_op_call;

/* A column that the run's warning shall name. */
static inline void wl_op_note(const wl_op_call *call, size_t column) {
  if (call->notes != NULL &&
      __atomic_load_n(&call->notes[column], __ATOMIC_RELAXED) == 0)
    __atomic_store_n(&call->notes[column], 1, __ATOMIC_RELAXED);
}

/* What a run says at its end if the operator noted columns: the text, with
 * their numbers in its first "[]". Nodes of one group share a message. */
typedef struct wl_op_warning {
  const char *text; /* NULL: the node never warns */
  int64_t group;
  size_t n_columns, first_column;
} wl_op_warning;

/* How an operator that refused a row tells, after a look at all rows, all that
 * it refuses. Chunks come in order. */
typedef struct wl_op_survey {
  size_t size; /* of the findings, which begin as zeros */
  /* first_row: the chunk's, counted over all chunks. */
  wl_status (*look)(const void *state, const wl_op_call *call,
                    uint64_t first_row, void *findings, wl_error *error);
  /* Fails as run did, with error->row counted over all chunks; WL_OK when
   * nothing was found. */
  wl_status (*tell)(const void *state, const void *findings, wl_error *error);
} wl_op_survey;

typedef struct wl_op_def {
  const char *name;
  const wl_attr_def *attrs;
  size_t n_attrs;
  uint32_t min_inputs, max_inputs;
  /* run copes with CSR where the type says dense (a caller may give a matrix
   * input either way); for the others the executor spreads the rows out. */
  bool takes_sparse;
  /* Of one that takes CSR rows: they are CSR rows still. */
  bool keeps_sparse;
  /* run copes with WL_VALUE_STRIDED where the type says dense. */
  bool takes_strided;
  /* The result is the input, as it came. */
  bool passes_on;
  /* Checks attribute values and input types; gives the result's type. */
  wl_status (*infer)(const wl_graph *graph, const wl_node *node, wl_type *type,
                     wl_error *error);
  /* Attributes -> immutable state, owned, released by unbind. NULL: stateless.
   */
  wl_status (*bind)(const wl_graph *graph, const wl_node *node, void **state,
                    wl_error *error);
  void (*unbind)(void *state);
  /* What bind would refuse, where bind may wait until a result is asked for: an
   * output of its own among others, seldom asked for. NULL: it never waits. */
  wl_status (*check_late)(const wl_graph *graph, const wl_node *node,
                          wl_error *error);
  /* The rows of the step's own tiles: a chunk should have a multiple of them,
   * if that can be. NULL, 0: any number. */
  size_t (*tile_rows)(const void *state);
  /* NULL: the operator never warns. */
  const wl_op_warning *(*warning)(const void *state);
  const wl_op_survey *survey; /* NULL: run's own message is all */
  /* Computes one chunk. A failure that is about a row sets error->row to its
   * number in the chunk. NULL: the executor provides the value (sources). */
  wl_status (*run)(const void *state, const wl_op_call *call, wl_value *out,
                   wl_error *error);
} wl_op_def;

/* Defined in src/ops/table.c. */
extern const wl_op_def *const wl_op_table[WL_OP_COUNT_];
/* WL_OP_COUNT_ when there is none of that name. */
wl_op wl_op_find(const char *name, size_t size);

#endif
