/*
 * run.c: the state machine behind wl_run_*. Stages are breakers: the rows that
 * stay after a stage's gate are collected from all chunks before the next one
 * starts. External steps are asked for before the stage that reads them, for
 * the rows that reached it.
 */
#include "exec/run.h"

#include "base/clock.h"
#include "exec/sweep.h"
#include "exec/warn.h"
#include "stats/rank.h"

typedef enum run_phase { PHASE_STAGE, PHASE_WAIT, PHASE_DONE } run_phase;

struct wl_run {
  const wl_plan *plan;
  wl_context_list *contexts;
  wl_context *context;
  void *owner;
  const wl_plan_output *output;
  size_t n_stages;        /* of the output, or of the ranking */
  uint64_t n_candidates;  /* 0: all rows are answered */
  wl_plan_output ranking; /* the output, with candidates */
  wl_input *inputs; /* owned copies of the structs; the memory is borrowed */
  uint64_t n_rows;
  size_t n_threads;
  wl_progress progress;
  void *progress_context;
  wl_warning warning;
  void *warning_context;
  run_phase phase;
  size_t stage, n_asked; /* externals of this stage that were asked for */
  wl_sequence full;      /* `exact` in a cascade: the last stage by itself */
  bool is_full;
  wl_selection selection;
  /* Of the context's call arena: */
  uint64_t *rows; /* the selection, once it is not simply all rows */
  bool *stays;    /* by position */
  double *carry;  /* by row */
  double *gates;  /* by row; of a filter */
  wl_answer *answers;
  uint8_t *notes;    /* of the nodes that may warn; NULL: nobody listens */
  uint64_t *costs;   /* the caller's, by node of the source; may be NULL */
  uint64_t asked_at; /* when the external that is due was asked for, in ns */
  wl_result result;  /* owned arrays */
  uint8_t *stages;
  bool owns_buffers; /* false: result.values and stages are the caller's */
  wl_result *request_inputs;
  int64_t *request_numbers;
  size_t n_request_inputs;
};

static wl_dtype stored_dtype(wl_dtype dtype) {
  return dtype == WL_F64 ? WL_F64 : dtype == WL_F32 ? WL_F32 : WL_I64;
}

static void free_result(wl_result *result) {
  wl_free(result->values);
  wl_free(result->indptr);
  wl_free(result->indices);
  memset(result, 0, sizeof *result);
}

static void free_request(wl_run *run) {
  for (size_t i = 0; i < run->n_request_inputs; i++)
    free_result(&run->request_inputs[i]);
  wl_free(run->request_inputs);
  wl_free(run->request_numbers);
  run->request_inputs = NULL;
  run->request_numbers = NULL;
  run->n_request_inputs = 0;
}

static void run_deinit(wl_run *run) {
  free_request(run);
  for (size_t i = 0; run->answers != NULL && i < run->plan->n_externals; i++)
    wl_free(run->answers[i].position);
  wl_free(run->answers);
  wl_free(run->inputs);
  if (run->owns_buffers) {
    free_result(&run->result);
    wl_free(run->stages);
  }
  wl_context_return(run->contexts, run->context);
}

/* The filter over all rows, then the output for the candidates. Where these are
 * all rows, no filter is needed. */
static wl_status rank_first(wl_run *run, size_t output,
                            const wl_run_options *options, wl_error *error) {
  const wl_plan *plan = run->plan;
  size_t filter = options->filter;
  if (run->n_stages > 1 ||
      (filter < plan->n_outputs && plan->outputs[filter].n_stages > 1))
    return wl_fail(error, WL_ERROR_VALUE,
                   "a cascade answers all rows, and takes no candidates");
  if (filter >= plan->n_outputs || plan->outputs[filter].type.n_columns != 1 ||
      plan->outputs[filter].type.kind != WL_VALUE_DENSE ||
      plan->outputs[output].type.kind != WL_VALUE_DENSE)
    return wl_fail(error, WL_ERROR_VALUE,
                   "candidates need a dense output, and a filter that is an "
                   "output of one column; output %zu is none",
                   filter);
  if (options->n_candidates >= run->n_rows)
    return WL_OK;
  WL_TRY(wl_plan_ranking(plan, filter, output, &run->context->arena,
                         &run->ranking, error));
  run->gates = wl_arena_alloc(&run->context->arena,
                              (size_t)run->n_rows * sizeof *run->gates);
  if (run->gates == NULL)
    return wl_fail_memory(error, (size_t)run->n_rows * sizeof *run->gates);
  run->output = &run->ranking;
  run->n_stages = 2;
  run->n_candidates = options->n_candidates;
  return WL_OK;
}

static wl_status run_init(wl_run *run, const wl_plan *plan,
                          wl_context_list *contexts, size_t output,
                          const wl_input *inputs, size_t n_inputs,
                          uint64_t n_rows, size_t n_threads,
                          const wl_run_options *options, wl_error *error) {
  *run = (wl_run){.plan = plan,
                  .contexts = contexts,
                  .n_rows = n_rows,
                  .n_threads = n_threads ? n_threads : 1};
  if (output >= plan->n_outputs)
    return wl_fail(error, WL_ERROR_VALUE, "the model has no output %zu",
                   output);
  if (n_inputs != plan->n_inputs)
    return wl_fail(error, WL_ERROR_VALUE,
                   "%zu inputs are given, the model takes %zu", n_inputs,
                   plan->n_inputs);
  if (n_rows > SIZE_MAX / 64)
    return wl_fail(error, WL_ERROR_VALUE, "too many rows");
  for (size_t i = 0; i < n_inputs; i++)
    WL_TRY(
        wl_source_check(plan, plan->inputs[i].node, &inputs[i], n_rows, error));
  run->output = &plan->outputs[output];
  run->n_stages = run->output->n_stages;
  run->selection.n_rows = n_rows;
  if (options != NULL) {
    run->progress = options->progress;
    run->progress_context = options->progress_context;
    run->warning = options->warning;
    run->warning_context = options->warning_context;
    run->costs = options->costs;
  }
  WL_TRY(wl_context_take(contexts, plan->n_nodes, run->n_threads, &run->context,
                         error));
  if (run->warning != NULL && plan->n_notes != 0) {
    run->notes = wl_arena_calloc(&run->context->arena, plan->n_notes, 1);
    if (run->notes == NULL)
      return wl_fail_memory(error, plan->n_notes);
  }
  if (options != NULL && options->n_candidates != 0)
    return rank_first(run, output, options, error);
  if (options == NULL || !options->exact || run->n_stages == 1)
    return WL_OK;
  /* The last stage alone: nothing is carried to it. */
  run->is_full = true;
  run->stage = run->n_stages - 1;
  const wl_sequence *last = &run->output->stages[run->stage];
  WL_TRY(wl_plan_sequence(plan, last->result, &run->context->arena, &run->full,
                          error));
  run->full.number = last->number;
  return WL_OK;
}

/* ---- a stage ------------------------------------------------------------- */

static const wl_sequence *current_sequence(const wl_run *run) {
  return run->is_full ? &run->full : &run->output->stages[run->stage];
}

static wl_sweep make_sweep(wl_run *run, const wl_sequence *sequence) {
  return (wl_sweep){.plan = run->plan,
                    .sequence = sequence,
                    .context = run->context,
                    .inputs = run->inputs,
                    .answers = run->answers,
                    .is_staged = run->n_stages > 1,
                    .notes = run->notes,
                    .costs = run->costs,
                    .selection = run->selection,
                    .n_threads = run->n_threads,
                    .progress = run->progress,
                    .progress_context = run->progress_context,
                    .rows_before = run->n_rows - run->selection.n_rows,
                    .rows_total = run->n_rows};
}

/* Chunks' CSR rows in one matrix. */
static wl_status stitch(const wl_sweep *sweep, size_t n_columns, wl_result *out,
                        wl_error *error) {
  size_t n_entries = 0, n_rows = (size_t)sweep->selection.n_rows;
  for (size_t i = 0; i < sweep->n_chunks; i++)
    n_entries += (size_t)sweep->pieces[i].indptr[sweep->pieces[i].n_rows];
  out->is_sparse = true;
  out->dtype = WL_F64;
  out->n_rows = n_rows;
  out->n_columns = n_columns;
  out->indptr = wl_alloc((n_rows + 1) * sizeof *out->indptr);
  out->indices = wl_alloc(n_entries * sizeof *out->indices);
  double *values = out->values = wl_alloc(n_entries * sizeof *values);
  if (out->indptr == NULL || out->indices == NULL || values == NULL) {
    free_result(out);
    return wl_fail_memory(error, n_entries * sizeof *values);
  }
  size_t row = 0, at = 0;
  out->indptr[0] = 0;
  for (size_t i = 0; i < sweep->n_chunks; i++) {
    const wl_piece *piece = &sweep->pieces[i];
    size_t n = (size_t)piece->indptr[piece->n_rows];
    for (size_t r = 1; r <= piece->n_rows; r++)
      out->indptr[++row] = (int64_t)at + piece->indptr[r];
    if (n != 0) {
      memcpy(out->indices + at, piece->indices, n * sizeof *out->indices);
      memcpy(values + at, piece->data, n * sizeof *values);
    }
    at += n;
  }
  return WL_OK;
}

/* Sweeps with both sinks there, so that a result may turn out sparse. */
static wl_status sweep_to_result(wl_sweep *sweep, size_t n_columns,
                                 wl_result *result, wl_error *error) {
  WL_TRY(wl_sweep_prepare(sweep, error));
  sweep->pieces = wl_calloc(sweep->n_chunks + 1, sizeof *sweep->pieces);
  if (sweep->pieces == NULL)
    return wl_fail_memory(error, sweep->n_chunks * sizeof *sweep->pieces);
  wl_status status;
  WL_TRY_DONE(status, wl_sweep_run(sweep, error));
  bool is_sparse = sweep->out == NULL || sweep->pieces[0].indptr != NULL;
  if (is_sparse) {
    wl_free(result->values);
    result->values = NULL;
    status = stitch(sweep, n_columns, result, error);
  }
done:
  for (size_t i = 0; i < sweep->n_chunks; i++) {
    wl_free(sweep->pieces[i].indptr);
    wl_free(sweep->pieces[i].indices);
    wl_free(sweep->pieces[i].data);
  }
  wl_free(sweep->pieces);
  sweep->pieces = NULL;
  return status;
}

static wl_status take_rows(wl_run *run, wl_error *error) {
  size_t size = (size_t)run->n_rows * sizeof *run->rows;
  if (run->rows == NULL)
    run->rows = wl_arena_alloc(&run->context->arena, size);
  return run->rows != NULL ? WL_OK : wl_fail_memory(error, size);
}

/* The rows that stay become the selection. */
static wl_status keep_stayers(wl_run *run, wl_error *error) {
  uint64_t n = 0;
  bool was_all = run->selection.rows == NULL;
  if (was_all)
    WL_TRY(take_rows(run, error));
  for (uint64_t i = 0; i < run->selection.n_rows; i++)
    if (run->stays[i])
      run->rows[n++] = was_all ? i : run->rows[i];
  run->selection = (wl_selection){run->rows, n};
  return WL_OK;
}

/* The rows that the filter ranks first become the selection. */
static wl_status keep_candidates(wl_run *run, wl_error *error) {
  uint64_t n;
  WL_TRY(take_rows(run, error));
  WL_TRY(wl_rank_keep(run->gates, run->n_rows, run->n_candidates, run->rows, &n,
                      error));
  run->selection = (wl_selection){run->rows, n};
  return WL_OK;
}

static wl_status prepare_cascade(wl_run *run, wl_error *error) {
  size_t n = (size_t)run->n_rows, carry_size;
  if (wl_mul_overflows(n, run->output->carry_width * 8, &carry_size))
    return wl_fail_memory(error, SIZE_MAX);
  if (run->stays == NULL) {
    run->stays = wl_arena_alloc(&run->context->arena, n * sizeof *run->stays);
    if (run->stays == NULL)
      return wl_fail_memory(error, n);
  }
  if (run->carry == NULL && run->output->carry_width != 0) {
    /* Not cleared: a row's carry is written before its next stage reads it. */
    run->carry = wl_arena_alloc(&run->context->arena, carry_size);
    if (run->carry == NULL)
      return wl_fail_memory(error, carry_size);
  }
  return WL_OK;
}

static wl_status run_stage(wl_run *run, wl_error *error) {
  const wl_sequence *sequence = current_sequence(run);
  if (sequence->has_gate)
    WL_TRY(prepare_cascade(run, error));
  wl_sweep sweep = make_sweep(run, sequence);
  sweep.out = run->result.values;
  sweep.out_dtype = stored_dtype(run->output->type.dtype);
  sweep.stages = run->stages;
  sweep.stage = (uint8_t)sequence->number;
  sweep.is_first = run->stage == 0;
  sweep.stays = run->stays;
  if (!run->is_full && run->n_stages > 1) {
    sweep.carried = run->output->carried;
    sweep.n_carried = run->output->n_carried;
    sweep.carry_width = run->output->carry_width;
    sweep.carry = run->carry;
  }
  sweep.gates = sequence->has_gate ? run->gates : NULL;
  sweep.is_by_position = run->n_candidates != 0;
  if (run->n_stages > 1 || !run->owns_buffers) {
    WL_TRY(wl_sweep_prepare(&sweep, error));
    WL_TRY(wl_sweep_run(&sweep, error));
  } else {
    WL_TRY(sweep_to_result(&sweep, run->output->type.n_columns, &run->result,
                           error));
  }
  if (sequence->has_gate)
    WL_TRY(run->n_candidates != 0 ? keep_candidates(run, error)
                                  : keep_stayers(run, error));
  run->stage++;
  run->n_asked = 0;
  return WL_OK;
}

/* ---- external steps ------------------------------------------------------ */

/* CSR rows are kept as doubles: those of float32 in their own dtype. */
static void narrow_values(wl_result *result) {
  double *values = result->values;
  size_t n = (size_t)result->indptr[result->n_rows];
  for (size_t i = 0; i < n; i++) {
    float narrow = (float)values[i];
    memcpy((char *)values + i * sizeof narrow, &narrow, sizeof narrow);
  }
  result->dtype = WL_F32;
}

/* A computed input of an external step, for the rows of the selection: of
 * float32 where the graph computes in it, else of doubles. */
static wl_status compute_input(wl_run *run, wl_id id, wl_result *out,
                               wl_error *error) {
  const wl_type *type = &run->plan->nodes[id].type;
  wl_sequence sequence;
  WL_TRY(
      wl_plan_sequence(run->plan, id, &run->context->arena, &sequence, error));
  wl_sweep sweep = make_sweep(run, &sequence);
  sweep.is_by_position = true;
  sweep.out_dtype = type->dtype == WL_F32 ? WL_F32 : WL_F64;
  if (type->kind == WL_VALUE_DENSE) {
    size_t total;
    if (wl_mul_overflows((size_t)run->selection.n_rows, type->n_columns,
                         &total) ||
        total > SIZE_MAX / 8)
      return wl_fail_memory(error, SIZE_MAX);
    out->values = wl_alloc(total * 8);
    if (out->values == NULL)
      return wl_fail_memory(error, total * 8);
    sweep.out = out->values;
    out->dtype = sweep.out_dtype;
    out->n_rows = run->selection.n_rows;
    out->n_columns = type->n_columns;
  }
  WL_TRY(sweep_to_result(&sweep, type->n_columns, out, error));
  if (out->is_sparse && type->dtype == WL_F32)
    narrow_values(out);
  return WL_OK;
}

static wl_status prepare_request(wl_run *run, wl_id external, wl_error *error) {
  const wl_plan_node *node = &run->plan->nodes[external];
  free_request(run);
  run->request_inputs =
      wl_calloc(node->n_inputs + 1, sizeof *run->request_inputs);
  run->request_numbers =
      wl_calloc(node->n_inputs + 1, sizeof *run->request_numbers);
  if (run->request_inputs == NULL || run->request_numbers == NULL)
    return wl_fail_memory(error, node->n_inputs * sizeof *run->request_inputs);
  run->n_request_inputs = node->n_inputs;
  for (uint32_t i = 0; i < node->n_inputs; i++) {
    const wl_plan_node *input = &run->plan->nodes[node->inputs[i]];
    run->request_numbers[i] =
        input->op == WL_OP_INPUT ? (int64_t)input->source : -1;
    if (input->op != WL_OP_INPUT)
      WL_TRY(
          compute_input(run, node->inputs[i], &run->request_inputs[i], error));
  }
  return WL_OK;
}

/* The rows as numbers, also when all are selected. */
static wl_status list_rows(wl_run *run, wl_error *error) {
  if (run->selection.rows != NULL)
    return WL_OK;
  size_t n = (size_t)run->n_rows;
  WL_TRY(take_rows(run, error));
  for (size_t i = 0; i < n; i++)
    run->rows[i] = i;
  return WL_OK;
}

/* Is an external due? Those answered in an earlier stage are there already. */
static wl_status next_external(wl_run *run, bool *is_due, wl_error *error) {
  const wl_sequence *sequence = current_sequence(run);
  *is_due = false;
  for (; run->n_asked < sequence->n_externals; run->n_asked++) {
    wl_id id = sequence->externals[run->n_asked];
    if (run->answers[run->plan->nodes[id].source].is_there)
      continue;
    WL_TRY(list_rows(run, error));
    WL_TRY(prepare_request(run, id, error));
    *is_due = true;
    return WL_OK;
  }
  return WL_OK;
}

wl_status wl_run_advance(wl_run *run, wl_error *error) {
  if (run == NULL)
    return wl_fail(error, WL_ERROR_VALUE, "wl_run_advance: no run");
  if (run->phase == PHASE_WAIT)
    return wl_fail(error, WL_ERROR_VALUE,
                   "wl_run_advance: an answer is due first");
  while (run->phase == PHASE_STAGE) {
    bool is_due;
    /* A stage that no row reaches asks for nothing. */
    if (run->selection.rows != NULL && run->selection.n_rows == 0)
      run->stage = run->n_stages;
    if (run->stage >= run->n_stages) {
      WL_TRY(wl_exec_warn(run->plan, run->notes, run->warning,
                          run->warning_context, error));
      run->phase = PHASE_DONE;
      break;
    }
    WL_TRY(next_external(run, &is_due, error));
    if (is_due) {
      run->phase = PHASE_WAIT;
      run->asked_at = run->costs != NULL ? wl_clock_ns() : 0;
      return WL_PENDING;
    }
    WL_TRY(run_stage(run, error));
  }
  return WL_OK;
}

wl_status wl_run_request(const wl_run *run, wl_request *request,
                         wl_error *error) {
  if (run == NULL || request == NULL || run->phase != PHASE_WAIT)
    return wl_fail(error, WL_ERROR_VALUE, "no external step is due");
  const wl_sequence *sequence = current_sequence(run);
  wl_id id = sequence->externals[run->n_asked];
  *request = (wl_request){
      .step = (uint64_t)run->plan->externals[run->plan->nodes[id].source].step,
      .n_rows = run->selection.n_rows,
      .rows = run->rows,
      .n_inputs = run->n_request_inputs,
      .inputs = run->request_inputs,
      .model_inputs = run->request_numbers};
  return WL_OK;
}

wl_status wl_run_supply(wl_run *run, const wl_input *given, wl_error *error) {
  if (run == NULL || given == NULL || run->phase != PHASE_WAIT)
    return wl_fail(error, WL_ERROR_VALUE, "no external step is due");
  wl_id id = current_sequence(run)->externals[run->n_asked];
  const wl_plan_node *node = &run->plan->nodes[id];
  wl_answer *answer = &run->answers[node->source];
  WL_TRY(wl_source_check(run->plan, id, given, run->selection.n_rows, error));
  bool is_csr = given->layout == WL_LAYOUT_CSR;
  if (is_csr != (node->type.kind == WL_VALUE_CSR))
    return wl_fail(error, WL_ERROR_TYPE,
                   "step '%s' declared a %s matrix and answered another",
                   run->plan->externals[node->source].name,
                   is_csr ? "dense" : "sparse");
  wl_free(answer->position);
  answer->position = wl_calloc((size_t)run->n_rows + 1, sizeof(uint64_t));
  if (answer->position == NULL)
    return wl_fail_memory(error, (size_t)run->n_rows * sizeof(uint64_t));
  for (uint64_t i = 0; i < run->selection.n_rows; i++)
    answer->position[wl_selection_row(&run->selection, i)] = i;
  answer->matrix = *given;
  answer->n_rows = run->selection.n_rows;
  answer->is_there = true;
  if (run->costs != NULL)
    run->costs[node->origin] += wl_clock_ns() - run->asked_at;
  free_request(run);
  run->phase = PHASE_STAGE;
  return WL_OK;
}

wl_status wl_run_result(const wl_run *run, wl_result *result, wl_error *error) {
  if (run == NULL || result == NULL || run->phase != PHASE_DONE)
    return wl_fail(error, WL_ERROR_VALUE, "the run has no result yet");
  *result = run->result;
  return WL_OK;
}

const uint8_t *wl_run_stages(const wl_run *run) {
  return run != NULL && run->phase == PHASE_DONE ? run->stages : NULL;
}

const uint64_t *wl_run_rows(const wl_run *run) {
  return run != NULL && run->phase == PHASE_DONE && run->n_candidates != 0
             ? run->selection.rows
             : NULL;
}

/* ---- entries ------------------------------------------------------------- */

static wl_status create_buffers(wl_run *run, const wl_input *inputs,
                                size_t n_inputs, wl_error *error) {
  const wl_type *type = &run->output->type;
  size_t n = (size_t)run->n_rows, total;
  size_t n_answers = run->n_candidates != 0 ? (size_t)run->n_candidates : n;
  run->owns_buffers = true;
  run->inputs = wl_calloc(n_inputs + 1, sizeof *run->inputs);
  run->answers = wl_calloc(run->plan->n_externals + 1, sizeof *run->answers);
  run->stages = wl_calloc(n + 1, 1);
  if (run->inputs == NULL || run->answers == NULL || run->stages == NULL)
    return wl_fail_memory(error, n);
  if (n_inputs != 0)
    memcpy(run->inputs, inputs, n_inputs * sizeof *inputs);
  run->result = (wl_result){.dtype = stored_dtype(type->dtype),
                            .n_rows = n_answers,
                            .n_columns = type->n_columns};
  if (type->kind != WL_VALUE_DENSE)
    return WL_OK;
  if (wl_mul_overflows(n_answers, type->n_columns, &total) ||
      total > SIZE_MAX / 8)
    return wl_fail_memory(error, SIZE_MAX);
  run->result.values = wl_alloc(total * 8);
  return run->result.values != NULL ? WL_OK : wl_fail_memory(error, total * 8);
}

wl_status wl_exec_create(const wl_plan *plan, wl_context_list *contexts,
                         size_t output, const wl_input *inputs, size_t n_inputs,
                         uint64_t n_rows, size_t n_threads,
                         const wl_run_options *options, wl_run **out,
                         wl_error *error) {
  *out = NULL;
  wl_run *run = wl_calloc(1, sizeof *run);
  if (run == NULL)
    return wl_fail_memory(error, sizeof *run);
  wl_status status = run_init(run, plan, contexts, output, inputs, n_inputs,
                              n_rows, n_threads, options, error);
  if (status == WL_OK)
    status = create_buffers(run, inputs, n_inputs, error);
  if (status == WL_OK)
    *out = run;
  else
    wl_exec_free(run);
  return status;
}

void wl_exec_free(wl_run *run) {
  if (run == NULL)
    return;
  run_deinit(run);
  wl_free(run);
}

void wl_exec_set_owner(wl_run *run, void *owner) { run->owner = owner; }
void *wl_exec_owner(const wl_run *run) { return run->owner; }

wl_status wl_exec_predict(const wl_plan *plan, wl_context_list *contexts,
                          size_t output, const wl_input *inputs,
                          size_t n_inputs, uint64_t n_rows, size_t n_threads,
                          const wl_run_options *options, void *out,
                          uint8_t *stage_out, wl_error *error) {
  wl_run run;
  wl_status status;
  WL_TRY_DONE(status, run_init(&run, plan, contexts, output, inputs, n_inputs,
                               n_rows, n_threads, options, error));
  if (run.output->has_external || run.output->type.kind != WL_VALUE_DENSE) {
    status = wl_fail(error, WL_ERROR_VALUE,
                     "output '%s' is sparse or has external steps: use "
                     "wl_run_create",
                     run.output->name);
    goto done;
  }
  /* Borrowed: nothing is written through the inputs. */
  run.inputs = (wl_input *)(uintptr_t)inputs;
  run.result.values = out;
  run.stages = stage_out;
  while (run.stage < run.n_stages &&
         (run.selection.rows == NULL || run.selection.n_rows != 0))
    WL_TRY_DONE(status, run_stage(&run, error));
  status =
      wl_exec_warn(plan, run.notes, run.warning, run.warning_context, error);
done:
  run.inputs = NULL;
  run_deinit(&run);
  return status;
}
