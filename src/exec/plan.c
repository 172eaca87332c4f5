/*
 * plan.c: binds operators and lists, for each output and stage, the nodes to
 * compute. Narrow dense values of an earlier stage are carried instead of
 * computed again; checks of the input are made in the first stage, so that a
 * bad row is refused wherever a cascade would have answered it. An output
 * passes by the stages that have it not.
 */
#include <math.h>

#include "exec/plan.h"

enum {
  MAX_CARRIED_COLUMNS = 64, /* of one value */
  MAX_CARRY_WIDTH = 1024,   /* of all */
  /* Of one row, in all dense tiles: 256 MiB. */
  MAX_TILE_COLUMNS = 1 << 25,
  /* Node visits to plan all stages of all outputs. */
  MAX_PLAN_VISITS = 1 << 26
};

static void *plan_alloc(wl_plan *plan, size_t n, size_t size) {
  return wl_arena_calloc(&plan->arena, n ? n : 1, size);
}

/* ---- nodes, inputs, externals -------------------------------------------- */

static wl_status copy_nodes(wl_plan *plan, const wl_graph *graph,
                            wl_error *error) {
  plan->nodes = plan_alloc(plan, graph->n_nodes, sizeof *plan->nodes);
  if (plan->nodes == NULL)
    return wl_fail_memory(error, graph->n_nodes * sizeof *plan->nodes);
  for (size_t id = 0; id < graph->n_nodes; id++) {
    const wl_node *node = &graph->nodes[id];
    wl_plan_node *bound = &plan->nodes[id];
    wl_id *inputs = plan_alloc(plan, node->n_inputs, sizeof *inputs);
    if (inputs == NULL)
      return wl_fail_memory(error, node->n_inputs * sizeof *inputs);
    if (node->n_inputs != 0)
      memcpy(inputs, node->inputs, node->n_inputs * sizeof *inputs);
    *bound = (wl_plan_node){.def = wl_op_table[node->op],
                            .op = node->op,
                            .n_inputs = node->n_inputs,
                            .inputs = inputs,
                            .type = node->type};
    plan->n_nodes = id + 1;
    plan->n_inputs += node->op == WL_OP_INPUT;
    plan->n_externals += node->op == WL_OP_EXTERNAL;
  }
  return WL_OK;
}

/* What may wait: the result of one output among others, in one stage, which no
 * node and no gate reads. */
static void mark_late(wl_plan *plan) {
  for (size_t o = 0; o < plan->n_outputs; o++) {
    wl_plan_node *node = &plan->nodes[plan->outputs[o].stages[0].result];
    node->is_late = plan->n_outputs > 1 && node->def->check_late != NULL;
  }
  for (size_t o = 0; o < plan->n_outputs; o++) {
    const wl_plan_output *output = &plan->outputs[o];
    for (size_t s = 0; s < output->n_stages && output->n_stages > 1; s++) {
      plan->nodes[output->stages[s].result].is_late = false;
      if (output->stages[s].has_gate)
        plan->nodes[output->stages[s].gate].is_late = false;
    }
  }
  for (size_t id = 0; id < plan->n_nodes; id++)
    for (uint32_t i = 0; i < plan->nodes[id].n_inputs; i++)
      plan->nodes[plan->nodes[id].inputs[i]].is_late = false;
}

static wl_status bind_nodes(wl_plan *plan, const wl_graph *graph,
                            wl_error *error) {
  for (size_t id = 0; id < plan->n_nodes; id++) {
    wl_plan_node *node = &plan->nodes[id];
    if (node->is_late) {
      WL_TRY(node->def->check_late(graph, &graph->nodes[id], error));
      continue;
    }
    if (node->def->bind != NULL)
      WL_TRY(node->def->bind(graph, &graph->nodes[id], &node->state, error));
    const wl_op_warning *warning =
        node->def->warning != NULL ? node->def->warning(node->state) : NULL;
    if (warning == NULL || warning->text == NULL)
      continue;
    node->warning = warning;
    node->first_note = plan->n_notes;
    plan->n_notes += warning->n_columns;
  }
  return WL_OK;
}

/* What the bound steps of a sequence ask of its chunks. */
static void ask_for_rows(const wl_plan *plan, wl_sequence *sequence) {
  for (size_t i = 0; i < sequence->n_steps; i++) {
    const wl_plan_node *node = &plan->nodes[sequence->steps[i]];
    const void *state = wl_plan_state(node);
    if (node->def->tile_rows == NULL || (node->is_late && state == NULL))
      continue;
    size_t rows = node->def->tile_rows(state);
    if (rows > sequence->tile_rows)
      sequence->tile_rows = rows;
  }
}

static char *copy_name(wl_plan *plan, const wl_node *node) {
  wl_string name = wl_node_string(node, "name", "");
  return wl_arena_strndup(&plan->arena, name.data, name.size);
}

/* CSR rows are an error where the original's steps refuse them, or where the
 * graph would answer them otherwise. */
static wl_status describe_csr(wl_plan *plan, const wl_node *node,
                              wl_plan_input *input, wl_error *error) {
  wl_string why = wl_node_string(node, "no_csr", "");
  wl_string code = wl_node_string(node, "no_csr_error", "type");
  if (why.size == 0)
    return WL_OK;
  input->no_csr_code =
      wl_string_is(code, "value") ? WL_ERROR_VALUE : WL_ERROR_TYPE;
  input->no_csr = wl_arena_strndup(&plan->arena, why.data, why.size);
  return input->no_csr != NULL ? WL_OK : wl_fail_memory(error, why.size);
}

static wl_status describe_sources(wl_plan *plan, const wl_graph *graph,
                                  wl_error *error) {
  plan->inputs = plan_alloc(plan, plan->n_inputs, sizeof *plan->inputs);
  plan->externals =
      plan_alloc(plan, plan->n_externals, sizeof *plan->externals);
  if (plan->inputs == NULL || plan->externals == NULL)
    return wl_fail_memory(error, plan->n_inputs * sizeof *plan->inputs);
  uint32_t n_inputs = 0, n_externals = 0;
  for (size_t id = 0; id < graph->n_nodes; id++) {
    const wl_node *node = &graph->nodes[id];
    if (node->op != WL_OP_INPUT && node->op != WL_OP_EXTERNAL)
      continue;
    char *name = copy_name(plan, node);
    if (name == NULL)
      return wl_fail_memory(error, 1);
    if (node->op == WL_OP_EXTERNAL) {
      plan->nodes[id].source = n_externals;
      plan->externals[n_externals++] =
          (wl_plan_external){wl_node_int(node, "step", 0), name, (wl_id)id};
      continue;
    }
    wl_string kind = wl_node_string(node, "kind", "");
    plan->nodes[id].source = n_inputs;
    plan->inputs[n_inputs++] = (wl_plan_input){
        .name = name,
        .kind = wl_string_is(kind, "text")       ? WL_INPUT_TEXT
                : wl_string_is(kind, "category") ? WL_INPUT_CATEGORY
                : wl_string_is(kind, "numeric")  ? WL_INPUT_NUMERIC
                                                 : WL_INPUT_MATRIX,
        .position = wl_node_int(node, "position", -1),
        .node = (wl_id)id};
    WL_TRY(describe_csr(plan, node, &plan->inputs[n_inputs - 1], error));
  }
  return WL_OK;
}

/* Which nodes are CSR rows where a caller gives such. */
static void mark_csr(const wl_plan *plan) {
  for (size_t id = 0; id < plan->n_nodes; id++) {
    wl_plan_node *node = &plan->nodes[id];
    if (node->op == WL_OP_INPUT) {
      const wl_plan_input *input = &plan->inputs[node->source];
      node->may_be_csr =
          input->kind == WL_INPUT_MATRIX && input->no_csr == NULL;
    }
    for (uint32_t i = 0; i < node->n_inputs && node->def->keeps_sparse; i++)
      node->may_be_csr |= plan->nodes[node->inputs[i]].may_be_csr;
  }
}

/* ---- sequences ----------------------------------------------------------- */

/* Marks what `id` needs; stops at what is available. The list of marks is
 * walked from the back, as inputs come before their users. */
static void mark_needed(const wl_plan *plan, const bool *available,
                        bool *needed) {
  for (size_t id = plan->n_nodes; id-- > 0;) {
    if (!needed[id] || (available != NULL && available[id]))
      continue;
    const wl_plan_node *node = &plan->nodes[id];
    for (uint32_t i = 0; i < node->n_inputs; i++)
      needed[node->inputs[i]] = true;
  }
}

/* The dense numbers of a row that a step makes: its result, and the sources
 * that are spread out for it when they come as CSR. */
static size_t step_columns(const wl_plan *plan, const wl_plan_node *node) {
  size_t n = node->type.kind == WL_VALUE_DENSE ? node->type.n_columns : 0;
  for (uint32_t i = 0; i < node->n_inputs && !node->def->takes_sparse; i++) {
    const wl_plan_node *input = &plan->nodes[node->inputs[i]];
    if (input->type.kind == WL_VALUE_DENSE &&
        (input->op == WL_OP_INPUT || input->op == WL_OP_EXTERNAL))
      n += input->type.n_columns;
  }
  return n;
}

static wl_status count_steps(const wl_plan *plan, const bool *needed,
                             const bool *available, wl_sequence *out,
                             wl_error *error) {
  for (size_t id = 0; id < plan->n_nodes; id++) {
    const wl_plan_node *node = &plan->nodes[id];
    if (!needed[id] || (available != NULL && available[id]))
      continue;
    out->n_externals += node->op == WL_OP_EXTERNAL;
    out->n_inputs += node->op == WL_OP_INPUT;
    if (node->op == WL_OP_EXTERNAL || node->op == WL_OP_INPUT)
      continue;
    out->n_steps++;
    out->tile_columns += step_columns(plan, node);
    if (out->tile_columns > MAX_TILE_COLUMNS)
      return wl_fail(error, WL_ERROR_UNSUPPORTED,
                     "operator '%s': with it, one row takes more than %d "
                     "numbers in dense matrices; keep wide features sparse",
                     node->def->name, MAX_TILE_COLUMNS);
  }
  return WL_OK;
}

/* The columns of a matrix that single steps make, and that are kept as they
 * are, are written where the matrix has them. */
static void give_slots(const wl_plan *plan, wl_sequence *out, size_t step) {
  const wl_plan_node *node = &plan->nodes[out->steps[step]];
  uint32_t matrix = (uint32_t)++out->n_matrices;
  size_t column = 0;
  out->slots[step] = (wl_slot){matrix, 0};
  out->widths[matrix - 1] = node->type.n_columns;
  for (uint32_t i = 0; i < node->n_inputs; i++) {
    const wl_type *type = &plan->nodes[node->inputs[i]].type;
    size_t from = wl_find_sorted(out->steps, out->n_steps, node->inputs[i]);
    if (from != SIZE_MAX && out->slots[from].matrix == 0 &&
        type->kind == WL_VALUE_DENSE && type->n_columns == 1 &&
        (type->dtype == node->type.dtype || node->type.dtype == WL_F64))
      out->slots[from] = (wl_slot){matrix, (uint32_t)column};
    column += type->n_columns;
  }
}

/* Matrices that are only read by steps that take strided rows are made column
 * by column: nothing is copied, and the columns are read in order. */
static wl_status mark_columns(const wl_plan *plan, const bool *takes_strided,
                              wl_arena *arena, wl_sequence *out,
                              wl_error *error) {
  size_t n_matrices = 0;
  for (size_t s = 0; s < out->n_steps; s++)
    n_matrices += plan->nodes[out->steps[s]].op == WL_OP_CONCAT;
  out->slots = wl_arena_calloc(arena, out->n_steps, sizeof *out->slots);
  out->widths = wl_arena_calloc(arena, n_matrices, sizeof *out->widths);
  if (out->slots == NULL || out->widths == NULL)
    return wl_fail_memory(error, out->n_steps * sizeof *out->slots);
  for (size_t s = 0; s < out->n_steps; s++) {
    const wl_plan_node *node = &plan->nodes[out->steps[s]];
    if (node->op == WL_OP_CONCAT && node->type.kind == WL_VALUE_DENSE &&
        takes_strided[out->steps[s]] && out->slots[s].matrix == 0)
      give_slots(plan, out, s);
  }
  return WL_OK;
}

/*
 * Which inputs the steps take as the caller has them. Readers come behind what
 * they read: from the back, a step is settled before its inputs.
 */
static wl_status mark_strided(const wl_plan *plan, wl_arena *arena,
                              wl_sequence *out, wl_error *error) {
  bool *takes = wl_arena_alloc(arena, plan->n_nodes * sizeof *takes);
  out->takes_strided =
      wl_arena_alloc(arena, out->n_inputs * sizeof *out->takes_strided);
  if (takes == NULL || out->takes_strided == NULL)
    return wl_fail_memory(error, plan->n_nodes);
  memset(takes, 1, plan->n_nodes);
  takes[out->result] = false;
  if (out->has_gate)
    takes[out->gate] = false;
  for (size_t s = out->n_steps; s-- > 0;) {
    const wl_plan_node *node = &plan->nodes[out->steps[s]];
    bool can = node->def->takes_strided &&
               (!node->def->passes_on || takes[out->steps[s]]);
    for (uint32_t i = 0; i < node->n_inputs && !can; i++)
      takes[node->inputs[i]] = false;
  }
  for (size_t i = 0; i < out->n_inputs; i++)
    out->takes_strided[i] = takes[out->inputs[i]];
  return mark_columns(plan, takes, arena, out, error);
}

static wl_status list_steps(const wl_plan *plan, const bool *needed,
                            const bool *available, wl_arena *arena,
                            wl_sequence *out, wl_error *error) {
  WL_TRY(count_steps(plan, needed, available, out, error));
  out->steps = wl_arena_alloc(arena, out->n_steps * sizeof *out->steps);
  out->externals =
      wl_arena_alloc(arena, out->n_externals * sizeof *out->externals);
  out->inputs = wl_arena_alloc(arena, out->n_inputs * sizeof *out->inputs);
  if (out->steps == NULL || out->externals == NULL || out->inputs == NULL)
    return wl_fail_memory(error, out->n_steps * sizeof *out->steps);
  size_t n_steps = 0, n_externals = 0, n_inputs = 0;
  for (size_t id = 0; id < plan->n_nodes; id++) {
    if (!needed[id] || (available != NULL && available[id]))
      continue;
    if (plan->nodes[id].op == WL_OP_EXTERNAL)
      out->externals[n_externals++] = (wl_id)id;
    else if (plan->nodes[id].op == WL_OP_INPUT)
      out->inputs[n_inputs++] = (wl_id)id;
    else
      out->steps[n_steps++] = (wl_id)id;
  }
  return mark_strided(plan, arena, out, error);
}

wl_status wl_plan_sequence(const wl_plan *plan, wl_id node, wl_arena *arena,
                           wl_sequence *out, wl_error *error) {
  bool *needed = wl_arena_calloc(arena, plan->n_nodes, sizeof *needed);
  if (needed == NULL)
    return wl_fail_memory(error, plan->n_nodes);
  needed[node] = true;
  mark_needed(plan, NULL, needed);
  *out = (wl_sequence){.result = node};
  return list_steps(plan, needed, NULL, arena, out, error);
}

/* What is an input as it came lies where the caller has it: that is read again.
 * What may be CSR rows is made again, as steps may tell the layouts apart. */
static bool may_carry(const wl_plan_node *node) {
  return node->type.kind == WL_VALUE_DENSE && !node->may_be_csr &&
         node->op != WL_OP_INPUT && node->op != WL_OP_EXTERNAL &&
         !node->def->passes_on && node->type.n_columns <= MAX_CARRIED_COLUMNS;
}

typedef struct marks {
  bool *available; /* carried from an earlier stage, if needed */
  bool *computed, *needed, *scratch;
  wl_carried *carried; /* what the stages of an output carry */
  bool *is_carried;
} marks;

/* Checks of inputs that the last stage makes are made by the first as well; not
 * those of what an external step answers, which few rows may reach. */
static void mark_checks(const wl_plan *plan, wl_id result, const marks *m) {
  bool *is_used = m->scratch, *is_external = m->is_carried;
  memset(is_used, 0, plan->n_nodes);
  memset(is_external, 0, plan->n_nodes);
  is_used[result] = true;
  mark_needed(plan, NULL, is_used);
  for (size_t id = 0; id < plan->n_nodes; id++) {
    const wl_plan_node *node = &plan->nodes[id];
    is_external[id] = node->op == WL_OP_EXTERNAL;
    for (uint32_t i = 0; i < node->n_inputs; i++)
      is_external[id] |= is_external[node->inputs[i]];
    if (is_used[id] && !is_external[id] && node->op == WL_OP_CHECK_FINITE)
      m->needed[id] = true;
  }
  memset(is_external, 0, plan->n_nodes);
}

/* Text that steps of the last stage read, where all that `mark_checks` found to
 * be used is still marked. */
static wl_status list_checked(const wl_plan *plan, const marks *m,
                              wl_arena *arena, wl_sequence *out,
                              wl_error *error) {
  out->checked = wl_arena_alloc(arena, plan->n_inputs * sizeof *out->checked);
  if (out->checked == NULL)
    return wl_fail_memory(error, plan->n_inputs * sizeof *out->checked);
  memset(m->computed, 0, plan->n_nodes);
  for (size_t id = 0; id < plan->n_nodes; id++) {
    const wl_plan_node *node = &plan->nodes[id];
    for (uint32_t i = 0; i < node->n_inputs; i++)
      m->computed[node->inputs[i]] |=
          m->scratch[id] && node->op != WL_OP_EXTERNAL;
  }
  for (size_t i = 0; i < plan->n_inputs; i++) {
    wl_id id = plan->inputs[i].node;
    const wl_type *type = &plan->nodes[id].type;
    if (type->kind == WL_VALUE_STRINGS && !type->has_missing &&
        m->computed[id] && !m->needed[id])
      out->checked[out->n_checked++] = id;
  }
  memset(m->computed, 0, plan->n_nodes);
  return WL_OK;
}

/* What a stage leaves to the next: as many narrow values as have room. */
static void mark_available(const wl_plan *plan, const marks *m) {
  size_t width = 0;
  for (size_t id = 0; id < plan->n_nodes; id++) {
    const wl_plan_node *node = &plan->nodes[id];
    m->available[id] = m->computed[id] && may_carry(node) &&
                       width + node->type.n_columns <= MAX_CARRY_WIDTH;
    width += m->available[id] ? node->type.n_columns : 0;
  }
}

/* A stage whose gate and result are set. */
static wl_status plan_stage(const wl_plan *plan, wl_plan_output *out,
                            size_t stage, const marks *m, wl_arena *arena,
                            wl_error *error) {
  wl_sequence *sequence = &out->stages[stage];
  memset(m->needed, 0, plan->n_nodes);
  m->needed[sequence->result] = true;
  if (sequence->has_gate)
    m->needed[sequence->gate] = true;
  if (stage == 0 && out->n_stages > 1)
    mark_checks(plan, out->stages[out->n_stages - 1].result, m);
  mark_needed(plan, m->available, m->needed);
  WL_TRY(list_steps(plan, m->needed, m->available, arena, sequence, error));
  if (stage == 0 && out->n_stages > 1)
    WL_TRY(list_checked(plan, m, arena, sequence, error));
  out->has_external |= sequence->n_externals != 0;
  for (size_t id = 0; id < plan->n_nodes; id++) {
    if (!m->needed[id])
      continue;
    if (m->available[id] && !m->is_carried[id]) {
      m->is_carried[id] = true;
      m->carried[out->n_carried++] = (wl_carried){(wl_id)id, out->carry_width};
      out->carry_width += plan->nodes[id].type.n_columns;
    }
    m->computed[id] = true;
  }
  mark_available(plan, m);
  return WL_OK;
}

/* All stages, and what they carry. */
static wl_status plan_stages(const wl_plan *plan, wl_plan_output *out,
                             const marks *m, wl_arena *arena, wl_error *error) {
  memset(m->available, 0, plan->n_nodes);
  memset(m->computed, 0, plan->n_nodes);
  memset(m->is_carried, 0, plan->n_nodes);
  for (size_t s = 0; s < out->n_stages; s++)
    WL_TRY(plan_stage(plan, out, s, m, arena, error));
  size_t size = out->n_carried * sizeof *out->carried;
  out->carried = wl_arena_alloc(arena, size);
  if (out->carried == NULL)
    return wl_fail_memory(error, size);
  if (size != 0)
    memcpy(out->carried, m->carried, size);
  return WL_OK;
}

static wl_status plan_output(wl_plan *plan, const wl_graph *graph,
                             size_t output, const marks *m, wl_error *error) {
  const wl_stage *last = &graph->stages[graph->n_stages - 1];
  wl_plan_output *out = &plan->outputs[output];
  const char *name = last->outputs[output].name;
  out->name = wl_arena_strndup(&plan->arena, name, strlen(name));
  out->type = graph->nodes[last->outputs[output].node].type;
  out->stages = plan_alloc(plan, plan->n_stages, sizeof *out->stages);
  if (out->name == NULL || out->stages == NULL)
    return wl_fail_memory(error, plan->n_stages * sizeof *out->stages);
  for (size_t s = 0; s < plan->n_stages; s++) {
    const wl_stage *from = &graph->stages[s];
    const wl_output *own = wl_stage_output(from, name);
    if (own == NULL) /* the stage's gate is about other outputs */
      continue;
    out->stages[out->n_stages++] = (wl_sequence){.number = s,
                                                 .has_gate = from->has_gate,
                                                 .gate = from->gate,
                                                 .threshold = from->threshold,
                                                 .result = own->node};
  }
  return plan_stages(plan, out, m, &plan->arena, error);
}

/* Owned memory: marks_deinit, also after a failure. */
static wl_status marks_init(const wl_plan *plan, marks *m, wl_error *error) {
  size_t n = plan->n_nodes + 1;
  bool *all = wl_calloc(5 * n, sizeof *all);
  *m = (marks){.available = all, .carried = wl_calloc(n, sizeof *m->carried)};
  if (all == NULL || m->carried == NULL)
    return wl_fail_memory(error, n * sizeof *m->carried);
  m->computed = all + n;
  m->needed = all + 2 * n;
  m->scratch = all + 3 * n;
  m->is_carried = all + 4 * n;
  return WL_OK;
}

static void marks_deinit(marks *m) {
  wl_free(m->available);
  wl_free(m->carried);
}

static wl_status plan_outputs(wl_plan *plan, const wl_graph *graph,
                              wl_error *error) {
  plan->n_stages = graph->n_stages;
  plan->n_outputs = graph->stages[graph->n_stages - 1].n_outputs;
  plan->outputs = plan_alloc(plan, plan->n_outputs, sizeof *plan->outputs);
  if (plan->outputs == NULL)
    return wl_fail_memory(error, plan->n_outputs * sizeof *plan->outputs);
  /* Below 2^20 nodes, 2^6 stages and 2^8 outputs: no overflow. */
  if (plan->n_nodes * plan->n_stages * plan->n_outputs > MAX_PLAN_VISITS)
    return wl_fail(error, WL_ERROR_UNSUPPORTED,
                   "%zu nodes in %zu stages of %zu outputs are too many",
                   plan->n_nodes, plan->n_stages, plan->n_outputs);
  marks m;
  wl_status status = marks_init(plan, &m, error);
  for (size_t o = 0; o < plan->n_outputs && status == WL_OK; o++)
    status = plan_output(plan, graph, o, &m, error);
  marks_deinit(&m);
  return status;
}

wl_status wl_plan_ranking(const wl_plan *plan, size_t filter, size_t output,
                          wl_arena *arena, wl_plan_output *out,
                          wl_error *error) {
  const wl_plan_output *ranked = &plan->outputs[output];
  wl_id by = plan->outputs[filter].stages[0].result;
  *out = (wl_plan_output){
      .name = ranked->name, .type = ranked->type, .n_stages = 2};
  out->stages = wl_arena_calloc(arena, 2, sizeof *out->stages);
  if (out->stages == NULL)
    return wl_fail_memory(error, 2 * sizeof *out->stages);
  /* No row's answer is the filter's. */
  out->stages[0] = (wl_sequence){.has_gate = true,
                                 .gate = by,
                                 .threshold = (double)INFINITY,
                                 .result = by};
  out->stages[1] =
      (wl_sequence){.number = 1, .result = ranked->stages[0].result};
  marks m;
  wl_status status = marks_init(plan, &m, error);
  if (status == WL_OK)
    status = plan_stages(plan, out, &m, arena, error);
  marks_deinit(&m);
  for (size_t s = 0; s < 2 && status == WL_OK; s++)
    ask_for_rows(plan, &out->stages[s]);
  return status;
}

wl_status wl_plan_init(wl_plan *plan, const wl_graph *graph, bool is_lazy,
                       wl_error *error) {
  memset(plan, 0, sizeof *plan);
  wl_arena_init(&plan->arena);
  wl_status status;
  WL_TRY_DONE(status, copy_nodes(plan, graph, error));
  WL_TRY_DONE(status, describe_sources(plan, graph, error));
  mark_csr(plan);
  /* Before binding: it is refused what would take too much memory. */
  WL_TRY_DONE(status, plan_outputs(plan, graph, error));
  if (is_lazy)
    mark_late(plan);
  WL_TRY_DONE(status, bind_nodes(plan, graph, error));
  for (size_t o = 0; o < plan->n_outputs; o++)
    for (size_t stage = 0; stage < plan->outputs[o].n_stages; stage++)
      ask_for_rows(plan, &plan->outputs[o].stages[stage]);
done:
  if (status != WL_OK)
    wl_plan_deinit(plan);
  return status;
}

bool wl_plan_is_late(const wl_plan *plan, size_t output) {
  if (output >= plan->n_outputs || plan->outputs[output].n_stages > 1)
    return false;
  wl_id result = plan->outputs[output].stages[0].result;
  const wl_plan_node *node = &plan->nodes[result];
  return node->is_late &&
         __atomic_load_n(&node->state, __ATOMIC_ACQUIRE) == NULL;
}

wl_status wl_plan_bind_late(wl_plan *plan, const wl_graph *graph, size_t output,
                            wl_error *error) {
  wl_sequence *sequence = &plan->outputs[output].stages[0];
  wl_plan_node *node = &plan->nodes[sequence->result];
  void *state = NULL, *nothing = NULL;
  WL_TRY(
      node->def->bind(graph, &graph->nodes[sequence->result], &state, error));
  /* Another thread may do the same. Who sees the state sees the rows. */
  size_t rows = node->def->tile_rows != NULL ? node->def->tile_rows(state) : 0;
  if (rows > wl_plan_tile_rows(sequence))
    __atomic_store_n(&sequence->tile_rows, rows, __ATOMIC_RELAXED);
  if (!__atomic_compare_exchange_n(&node->state, &nothing, state, false,
                                   __ATOMIC_RELEASE, __ATOMIC_ACQUIRE))
    node->def->unbind(state);
  return WL_OK;
}

void wl_plan_deinit(wl_plan *plan) {
  for (size_t id = 0; id < plan->n_nodes; id++)
    if (plan->nodes[id].def->unbind != NULL && plan->nodes[id].state != NULL)
      plan->nodes[id].def->unbind(plan->nodes[id].state);
  wl_arena_deinit(&plan->arena);
  memset(plan, 0, sizeof *plan);
}
