/*
 * sweep.c: chunks are cut by bytes so that their intermediates stay in the
 * second-level cache; a row's bits do not depend on the cut.
 */
#include "exec/sweep.h"

#include "base/clock.h"
#include "base/pool.h"
#include "exec/survey.h"
#include "ops/common.h"

enum {
  CHUNK_BYTES = 128 * 1024,
  LEAST_BYTES = 8 * 1024,        /* below, what a chunk costs by itself shows */
  MOST_BYTES = 16 * CHUNK_BYTES, /* where a step's tile has more rows */
  CHUNK_ROWS = 4096,
  WORKER_CHUNKS = 4, /* so that no worker waits long for the last one */
  TEXT_CHUNKS = 12,  /* the same; cheap to begin, and harder to foretell */
  SHARE_ROWS = 256,
  BLOCK_ROWS = 64,        /* whose sizes are found together */
  FEW_CHUNKS = 64,        /* that there is room for at first */
  FEW_INPUTS = 8,         /* of a step, that the stack has room for */
  TILE_NUMBERS = 1 << 15, /* of a chunk in dense tiles: 256 KiB */
  MOST_NUMBERS = 1 << 19  /* where a step's own tile has more rows */
};

/* What the rows from..from + n of the selection bring, n of at most
 * BLOCK_ROWS. */
static void size_rows(const wl_sweep *sweep, uint64_t from, size_t n,
                      size_t *sizes) {
  for (size_t i = 0; i < n; i++)
    sizes[i] = 16;
  for (size_t i = 0; i < sweep->sequence->n_inputs; i++) {
    uint32_t source = sweep->plan->nodes[sweep->sequence->inputs[i]].source;
    wl_source_add_sizes(&sweep->inputs[source], &sweep->selection, from, n,
                        sizes);
  }
}

static bool are_rows_alike(const wl_sweep *sweep) {
  for (size_t i = 0; i < sweep->sequence->n_inputs; i++) {
    uint32_t source = sweep->plan->nodes[sweep->sequence->inputs[i]].source;
    wl_layout layout = sweep->inputs[source].layout;
    if (layout != WL_LAYOUT_STRIDED && layout != WL_LAYOUT_COLUMNS)
      return false;
  }
  return true;
}

static _Atomic size_t forced_rows;

void wl_sweep_force_rows(size_t max_rows) { forced_rows = max_rows; }

/* How many rows a chunk may have, for its tiles to stay small. */
static size_t most_rows(const wl_sweep *sweep) {
  size_t width = sweep->sequence->tile_columns;
  size_t forced = atomic_load_explicit(&forced_rows, memory_order_relaxed);
  if (forced != 0)
    return forced;
  if (width <= TILE_NUMBERS / CHUNK_ROWS)
    return CHUNK_ROWS;
  size_t tile = wl_plan_tile_rows(sweep->sequence), n = TILE_NUMBERS / width;
  if (tile > 1)
    n = (n + tile - 1) / tile * tile;
  if (n > MOST_NUMBERS / width)
    n = MOST_NUMBERS / width;
  return n != 0 ? n : 1;
}

/* Full tiles of the step that works in the largest, if they fit at all. */
static size_t rows_of_chunk(const wl_sweep *sweep, size_t size) {
  size_t most = most_rows(sweep), tile = wl_plan_tile_rows(sweep->sequence);
  size_t n = CHUNK_BYTES / size + 1;
  if (tile > 1)
    n = (n + tile - 1) / tile * tile;
  if (n > MOST_BYTES / size + 1)
    n = MOST_BYTES / size + 1;
  if (sweep->n_threads > 1) {
    /* Some chunks a worker, so that all end at about the same time. */
    uint64_t share = sweep->selection.n_rows / sweep->n_threads / WORKER_CHUNKS;
    share = (share + SHARE_ROWS) / SHARE_ROWS * SHARE_ROWS;
    n = n < share ? n : (size_t)share;
  }
  return n < most ? n : most;
}

/* Ends a chunk at a position of the selection. */
static wl_status end_chunk(wl_sweep *sweep, size_t *capacity, uint64_t at,
                           wl_error *error) {
  if (sweep->n_chunks + 1 == *capacity) {
    size_t n_bytes = *capacity * sizeof(uint64_t);
    uint64_t *more = wl_arena_alloc(&sweep->context->arena, 2 * n_bytes);
    if (more == NULL)
      return wl_fail_memory(error, 2 * n_bytes);
    memcpy(more, sweep->bounds, n_bytes);
    sweep->bounds = more;
    *capacity *= 2;
  }
  sweep->bounds[++sweep->n_chunks] = at;
  return WL_OK;
}

static wl_status cut_alike(wl_sweep *sweep, size_t *capacity, wl_error *error) {
  uint64_t n = sweep->selection.n_rows;
  size_t size;
  size_rows(sweep, 0, 1, &size);
  size_t step = rows_of_chunk(sweep, size);
  for (uint64_t i = 0; i < n; i += step)
    WL_TRY(end_chunk(sweep, capacity, n - i < step ? n : i + step, error));
  return WL_OK;
}

/* What ends a chunk. */
typedef struct limits {
  size_t n_bytes, n_rows;
  size_t wanted; /* rows that a chunk may exceed n_bytes for */
} limits;

/* Several threads want several chunks each, of like size. */
static limits choose_limits(const wl_sweep *sweep) {
  limits chosen = {CHUNK_BYTES, most_rows(sweep),
                   wl_plan_tile_rows(sweep->sequence)};
  uint64_t n = sweep->selection.n_rows;
  size_t n_threads = sweep->n_threads;
  if (n_threads <= 1)
    return chosen;
  size_t total = 0, sizes[BLOCK_ROWS];
  for (uint64_t from = 0; from < n; from += BLOCK_ROWS) {
    size_t n_rows = n - from < BLOCK_ROWS ? (size_t)(n - from) : BLOCK_ROWS;
    size_rows(sweep, from, n_rows, sizes);
    for (size_t i = 0; i < n_rows; i++)
      total += sizes[i];
  }
  size_t share = total / (n_threads * TEXT_CHUNKS);
  if (share < LEAST_BYTES)
    share = LEAST_BYTES;
  if (share < chosen.n_bytes)
    chosen.n_bytes = share;
  if (chosen.wanted != 0) {
    uint64_t round = (uint64_t)chosen.wanted * n_threads;
    uint64_t n_chunks = (n + round - 1) / round * n_threads;
    if (n_chunks != 0)
      chosen.wanted = (size_t)((n + n_chunks - 1) / n_chunks);
  }
  return chosen;
}

static wl_status cut_unlike(wl_sweep *sweep, size_t *capacity,
                            wl_error *error) {
  limits most = choose_limits(sweep);
  uint64_t n = sweep->selection.n_rows;
  size_t size = 0, n_rows = 0, sizes[BLOCK_ROWS];
  for (uint64_t i = 0; i < n; i++) {
    size_t at = i % BLOCK_ROWS;
    if (at == 0)
      size_rows(sweep, i, n - i < BLOCK_ROWS ? (size_t)(n - i) : BLOCK_ROWS,
                sizes);
    size += sizes[at];
    n_rows++;
    size_t n_bytes = n_rows < most.wanted ? MOST_BYTES : most.n_bytes;
    if (size < n_bytes && n_rows < most.n_rows && i + 1 < n)
      continue;
    WL_TRY(end_chunk(sweep, capacity, i + 1, error));
    size = n_rows = 0;
  }
  return WL_OK;
}

wl_status wl_sweep_prepare(wl_sweep *sweep, wl_error *error) {
  size_t capacity = FEW_CHUNKS;
  sweep->n_chunks = 0;
  sweep->bounds =
      wl_arena_alloc(&sweep->context->arena, capacity * sizeof *sweep->bounds);
  if (sweep->bounds == NULL)
    return wl_fail_memory(error, capacity * sizeof *sweep->bounds);
  sweep->bounds[0] = 0;
  if (sweep->selection.n_rows != 0 && are_rows_alike(sweep))
    return cut_alike(sweep, &capacity, error);
  return cut_unlike(sweep, &capacity, error);
}

/* ---- one chunk ----------------------------------------------------------- */

typedef struct chunk {
  wl_sweep *sweep;
  wl_worker *worker;
  size_t number;
  uint64_t from, to; /* positions in the selection */
  size_t n_rows;
} chunk;

static inline uint64_t chunk_row(const chunk *c, size_t i) {
  return wl_selection_row(&c->sweep->selection, c->from + i);
}

/* ---- what it costs ------------------------------------------------------- */

static inline uint64_t begin_cost(const chunk *c) {
  return c->sweep->costs != NULL ? wl_clock_ns() : 0;
}

static inline void end_cost(const chunk *c, wl_id id, uint64_t begin) {
  if (c->sweep->costs != NULL)
    __atomic_fetch_add(&c->sweep->costs[c->sweep->plan->nodes[id].origin],
                       wl_clock_ns() - begin, __ATOMIC_RELAXED);
}

/* The carried values of earlier stages as dense tiles. */
static wl_status load_carried(const chunk *c, wl_error *error) {
  const wl_sweep *sweep = c->sweep;
  if (sweep->is_first)
    return WL_OK;
  for (size_t i = 0; i < sweep->n_carried; i++) {
    wl_id id = sweep->carried[i].node;
    size_t width = sweep->plan->nodes[id].type.n_columns;
    wl_value *value = &c->worker->values[id];
    *value = (wl_value){.kind = WL_VALUE_DENSE,
                        .n_rows = c->n_rows,
                        .n_columns = width,
                        .ld = width};
    value->dense =
        wl_arena_alloc(&c->worker->arena, c->n_rows * width * sizeof(double));
    if (value->dense == NULL)
      return wl_fail_memory(error, c->n_rows * width * sizeof(double));
    for (size_t r = 0; r < c->n_rows; r++)
      memcpy(value->dense + r * width,
             sweep->carry + chunk_row(c, r) * sweep->carry_width +
                 sweep->carried[i].column,
             width * sizeof(double));
  }
  return WL_OK;
}

static wl_status load_sources(const chunk *c, wl_error *error) {
  const wl_sweep *sweep = c->sweep;
  const wl_sequence *sequence = sweep->sequence;
  for (size_t i = 0; i < sequence->n_inputs; i++) {
    wl_id id = sequence->inputs[i];
    uint32_t source = sweep->plan->nodes[id].source;
    uint64_t begin = begin_cost(c);
    WL_TRY(wl_source_tile(
        &sweep->inputs[source], &sweep->selection, NULL, c->from, c->to,
        (wl_readers_take){.strided = sequence->takes_strided[i],
                          .missing = sweep->plan->nodes[id].type.has_missing},
        &c->worker->arena, &c->worker->values[id], error));
    end_cost(c, id, begin);
  }
  for (size_t i = 0; i < sequence->n_externals; i++) {
    wl_id id = sequence->externals[i];
    const wl_answer *answer = &sweep->answers[sweep->plan->nodes[id].source];
    if (!answer->is_there)
      return wl_fail(error, WL_ERROR_INTERNAL, "an external step unanswered");
    WL_TRY(wl_source_tile(&answer->matrix, &sweep->selection, answer->position,
                          c->from, c->to, (wl_readers_take){0},
                          &c->worker->arena, &c->worker->values[id], error));
  }
  for (size_t i = 0; i < sequence->n_checked; i++) {
    uint32_t source = sweep->plan->nodes[sequence->checked[i]].source;
    WL_TRY(wl_source_check_text(&sweep->inputs[source], &sweep->selection,
                                c->from, c->to, error));
  }
  return load_carried(c, error);
}

/* A matrix input may come as CSR where its type says dense, and a matrix that
 * only strided readers read is kept by columns. */
static wl_status spread_out(const chunk *c, wl_id id, wl_error *error) {
  wl_value *value = &c->worker->values[id];
  wl_op_call call = {.n_rows = c->n_rows, .arena = &c->worker->arena};
  wl_value dense;
  WL_TRY(wl_as_dense(&call, value, &dense, error));
  *value = dense;
  return WL_OK;
}

static uint8_t *notes_of(const wl_sweep *sweep, const wl_plan_node *node) {
  return sweep->notes != NULL && node->warning != NULL
             ? sweep->notes + node->first_note
             : NULL;
}

/* A step's call; `few` has room for most steps' inputs. */
static wl_status prepare_call(const chunk *c, const wl_plan_node *node,
                              const wl_value **few, wl_op_call *call,
                              wl_error *error) {
  wl_value *values = c->worker->values;
  const wl_value **inputs = few;
  if (node->n_inputs > FEW_INPUTS) {
    inputs = wl_arena_alloc(&c->worker->arena, node->n_inputs * sizeof *inputs);
    if (inputs == NULL)
      return wl_fail_memory(error, node->n_inputs * sizeof *inputs);
  }
  for (uint32_t i = 0; i < node->n_inputs; i++) {
    inputs[i] = &values[node->inputs[i]];
    if (inputs[i]->kind == WL_VALUE_CSR && !node->def->takes_sparse)
      WL_TRY(spread_out(c, node->inputs[i], error));
  }
  *call = (wl_op_call){.inputs = inputs,
                       .n_inputs = node->n_inputs,
                       .n_rows = c->n_rows,
                       .arena = &c->worker->arena,
                       .type = &node->type,
                       .notes = notes_of(c->sweep, node)};
  return WL_OK;
}

/* The first chunk's counts, as its error does. */
static void note_refusal(wl_sweep *sweep, size_t number, wl_id node) {
  uint64_t refused = (uint64_t)number << 32 | node;
  uint64_t before = atomic_load_explicit(&sweep->refused, memory_order_relaxed);
  while (refused < before && !atomic_compare_exchange_weak_explicit(
                                 &sweep->refused, &before, refused,
                                 memory_order_relaxed, memory_order_relaxed))
    ;
}

/* Room for the matrices that are made column by column. */
static wl_status make_matrices(const chunk *c, double ***out, wl_error *error) {
  const wl_sequence *sequence = c->sweep->sequence;
  wl_arena *arena = &c->worker->arena;
  size_t n = sequence->n_matrices;
  double **matrices = *out = wl_arena_alloc(arena, n * sizeof *matrices);
  if (matrices == NULL)
    return wl_fail_memory(error, n * sizeof *matrices);
  for (size_t m = 0; m < n; m++) {
    size_t size = sequence->widths[m] * c->n_rows * sizeof **matrices;
    matrices[m] = wl_arena_alloc(arena, size);
    if (matrices[m] == NULL)
      return wl_fail_memory(error, size);
  }
  return WL_OK;
}

static wl_status run_steps(const chunk *c, wl_error *error) {
  const wl_sequence *sequence = c->sweep->sequence;
  double **matrices = NULL;
  if (sequence->n_matrices != 0)
    WL_TRY(make_matrices(c, &matrices, error));
  for (size_t s = 0; s < sequence->n_steps; s++) {
    wl_id id = sequence->steps[s];
    const wl_plan_node *node = &c->sweep->plan->nodes[id];
    const wl_value *few[FEW_INPUTS];
    wl_op_call call;
    wl_slot slot = sequence->slots[s];
    uint64_t begin = begin_cost(c);
    WL_TRY(prepare_call(c, node, few, &call, error));
    if (slot.matrix != 0)
      call.target = matrices[slot.matrix - 1] + slot.column * c->n_rows;
    wl_status status = node->def->run(wl_plan_state(node), &call,
                                      &c->worker->values[id], error);
    if (WL_UNLIKELY(status != WL_OK)) {
      note_refusal(c->sweep, c->number, id);
      return status;
    }
    end_cost(c, id, begin);
  }
  return WL_OK;
}

static wl_status run_survey(const chunk *c, wl_error *error) {
  const wl_survey *survey = c->sweep->survey;
  const wl_value *few[FEW_INPUTS];
  wl_op_call call;
  WL_TRY(prepare_call(c, survey->node, few, &call, error));
  return survey->node->def->survey->look(survey->node->state, &call, c->from,
                                         survey->findings, error);
}

/* ---- sinks --------------------------------------------------------------- */

/* The cast of a number that does not fit is not defined in C: the lowest
 * integer, as x86 and NumPy have it. */
static inline int64_t to_integer(double value) {
  return value >= -0x1p63 && value < 0x1p63 ? (int64_t)value : INT64_MIN;
}

/* Steps are ascending. */
static bool is_step(const wl_sequence *sequence, wl_id id) {
  return wl_find_sorted(sequence->steps, sequence->n_steps, id) != SIZE_MAX;
}

static void write_dense_row(const chunk *c, const wl_value *result, size_t r) {
  const wl_sweep *sweep = c->sweep;
  size_t width = result->n_columns;
  const double *from = result->dense + r * result->ld;
  uint64_t at = sweep->is_by_position ? c->from + r : chunk_row(c, r);
  if (sweep->out_dtype == WL_F64) {
    memcpy((double *)sweep->out + at * width, from, width * sizeof(double));
  } else if (sweep->out_dtype == WL_F32) {
    float *to = (float *)sweep->out + at * width;
    for (size_t i = 0; i < width; i++)
      to[i] = (float)from[i];
  } else {
    int64_t *to = (int64_t *)sweep->out + at * width;
    for (size_t i = 0; i < width; i++)
      to[i] = to_integer(from[i]);
  }
}

/* Keeps what later stages read, for the rows that stay. */
static void save_carried(const chunk *c) {
  const wl_sweep *sweep = c->sweep;
  for (size_t i = 0; i < sweep->n_carried; i++) {
    const wl_carried *carried = &sweep->carried[i];
    const wl_value *value = &c->worker->values[carried->node];
    if (!is_step(sweep->sequence, carried->node))
      continue;
    for (size_t r = 0; r < c->n_rows; r++)
      if (sweep->stays[c->from + r])
        memcpy(sweep->carry + chunk_row(c, r) * sweep->carry_width +
                   carried->column,
               value->dense + r * value->ld, value->n_columns * sizeof(double));
  }
}

static void sink_dense(const chunk *c) {
  const wl_sweep *sweep = c->sweep;
  const wl_sequence *sequence = sweep->sequence;
  const wl_value *result = &c->worker->values[sequence->result];
  const wl_value *gate =
      sequence->has_gate ? &c->worker->values[sequence->gate] : NULL;
  for (size_t r = 0; r < c->n_rows; r++) {
    /* NaN compares false: the row stays. */
    bool leaves =
        gate == NULL || gate->dense[r * gate->ld] > sequence->threshold;
    if (gate != NULL)
      sweep->stays[c->from + r] = !leaves;
    if (gate != NULL && sweep->gates != NULL)
      sweep->gates[chunk_row(c, r)] = gate->dense[r * gate->ld];
    if (!leaves)
      continue;
    write_dense_row(c, result, r);
    if (sweep->stages != NULL)
      sweep->stages[chunk_row(c, r)] = sweep->stage;
  }
  if (gate != NULL)
    save_carried(c);
}

static wl_status sink_piece(const chunk *c, wl_error *error) {
  const wl_value *x = &c->worker->values[c->sweep->sequence->result];
  wl_piece *piece = &c->sweep->pieces[c->number];
  size_t first = (size_t)x->indptr[0];
  size_t n = (size_t)x->indptr[c->n_rows] - first;
  piece->n_rows = c->n_rows;
  piece->indptr = wl_alloc((c->n_rows + 1) * sizeof *piece->indptr);
  piece->indices = wl_alloc(n * sizeof *piece->indices);
  piece->data = wl_alloc(n * sizeof *piece->data);
  if (piece->indptr == NULL || piece->indices == NULL || piece->data == NULL)
    return wl_fail_memory(error, n * sizeof *piece->data);
  for (size_t r = 0; r <= c->n_rows; r++)
    piece->indptr[r] = x->indptr[r] - (int64_t)first;
  if (n != 0) {
    memcpy(piece->indices, x->indices + first, n * sizeof *piece->indices);
    memcpy(piece->data, x->data + first, n * sizeof *piece->data);
  }
  return WL_OK;
}

wl_status wl_sweep_locate(const wl_sweep *sweep, uint64_t from, uint64_t to,
                          wl_status status, wl_error *error) {
  if (error == NULL || error->row < 0 || (uint64_t)error->row >= to - from)
    return status;
  char message[WL_ERROR_MESSAGE_SIZE];
  uint64_t row =
      wl_selection_row(&sweep->selection, from + (uint64_t)error->row);
  memcpy(message, error->message, sizeof message);
  return wl_fail_row(error, status, (int64_t)row, "%.960s (row %llu)", message,
                     (unsigned long long)row);
}

/* What a gate reads and keeps is dense, and so are the results of a cascade. */
static wl_status spread_out_results(const chunk *c, wl_error *error) {
  const wl_sweep *sweep = c->sweep;
  const wl_sequence *sequence = sweep->sequence;
  if (sweep->is_staged && sweep->pieces == NULL)
    WL_TRY(spread_out(c, sequence->result, error));
  if (!sequence->has_gate)
    return WL_OK;
  WL_TRY(spread_out(c, sequence->gate, error));
  for (size_t i = 0; i < sweep->n_carried; i++)
    if (is_step(sequence, sweep->carried[i].node))
      WL_TRY(spread_out(c, sweep->carried[i].node, error));
  return WL_OK;
}

static wl_status run_chunk(void *context, size_t task, size_t worker,
                           wl_error *error) {
  wl_sweep *sweep = context;
  chunk c = {.sweep = sweep,
             .worker = &sweep->context->workers[worker],
             .number = task,
             .from = sweep->bounds[task],
             .to = sweep->bounds[task + 1]};
  c.n_rows = (size_t)(c.to - c.from);
  wl_arena_reset(&c.worker->arena);
  c.worker->arena.is_over = false;
  wl_status status = load_sources(&c, error);
  if (status == WL_OK)
    status = run_steps(&c, error);
  if (status == WL_ERROR_MEMORY && c.worker->arena.is_over)
    status = wl_fail(error, WL_ERROR_VALUE,
                     "what the model computes of %zu rows takes more than %zu "
                     "MiB: texts that grow from step to step",
                     c.n_rows, WL_CHUNK_BYTES >> 20);
  if (status != WL_OK)
    return wl_sweep_locate(sweep, c.from, c.to, status, error);
  if (sweep->survey != NULL)
    return run_survey(&c, error);
  WL_TRY(spread_out_results(&c, error));
  const wl_value *result = &c.worker->values[sweep->sequence->result];
  if (result->kind == WL_VALUE_CSR && sweep->pieces == NULL)
    return wl_fail(error, WL_ERROR_VALUE,
                   "the result is sparse; ask for it through wl_run_create");
  if (result->kind == WL_VALUE_CSR)
    WL_TRY(sink_piece(&c, error));
  else
    sink_dense(&c);
  if (sweep->progress != NULL && worker == 0 &&
      !sweep->progress(sweep->progress_context, sweep->rows_before + c.to,
                       sweep->rows_total))
    return wl_fail(error, WL_ERROR_CANCELLED, "cancelled");
  return WL_OK;
}

wl_status wl_sweep_run(wl_sweep *sweep, wl_error *error) {
  atomic_init(&sweep->refused, UINT64_MAX);
  wl_status status =
      wl_pool_run(sweep->n_threads, sweep->n_chunks, run_chunk, sweep, error);
  if (status == WL_OK || sweep->survey != NULL || sweep->refused == UINT64_MAX)
    return status;
  return wl_sweep_survey(sweep, (wl_id)sweep->refused, status, error);
}
