/*
 * fill_table.c: row numbers go through the steps in chunks, as rows do at run
 * time; what is kept of a chunk is copied into the tables.
 */
#include "passes/fill_table.h"

#include "ops/common.h"

enum {
  CHUNK_ROWS = 512,
  FEW_ROWS = 8, /* of a chunk of text, that a step may make much longer */
  FIRST_BYTES = 4096,
  MAX_CHUNK_BYTES = 1 << 25
};

typedef struct filler {
  const wl_fill *fill;
  void **states;    /* owned, one a step */
  wl_value *values; /* owned, one a node; of one chunk */
  wl_arena arena;   /* of one chunk */
  wl_id refusing;
} filler;

static bool goes_on(const filler *f) { return f->refusing == WL_NO_NODE; }

static const wl_node *step_node(const filler *f, size_t step) {
  return &f->fill->graph->nodes[f->fill->steps[step]];
}

void wl_filled_deinit(wl_filled *table) {
  wl_free(table->numbers);
  wl_free(table->strings);
  wl_free(table->bytes);
  *table = (wl_filled){0};
}

/* ---- what is kept ---------------------------------------------------------
 */

static wl_status begin_table(wl_filled *table, const wl_node *node,
                             size_t n_rows, wl_error *error) {
  size_t n;
  *table = (wl_filled){.n_rows = n_rows, .width = node->type.n_columns};
  if (wl_mul_overflows(n_rows + 1, table->width, &n))
    return wl_fail_memory(error, SIZE_MAX);
  if (node->type.kind == WL_VALUE_STRINGS)
    table->strings = wl_calloc(n, sizeof *table->strings);
  else
    table->numbers = wl_calloc(n, sizeof *table->numbers);
  return table->strings != NULL || table->numbers != NULL
             ? WL_OK
             : wl_fail_memory(error, n * sizeof *table->numbers);
}

static wl_status make_room(wl_filled *table, size_t size, wl_error *error) {
  if (table->bytes != NULL && size <= table->capacity - table->n_bytes)
    return WL_OK;
  size_t capacity = FIRST_BYTES;
  while (capacity < table->n_bytes + size)
    capacity *= 2;
  char *bytes = wl_realloc(table->bytes, capacity);
  if (bytes == NULL)
    return wl_fail_memory(error, capacity);
  table->bytes = bytes;
  table->capacity = capacity;
  return WL_OK;
}

/* Their places are set when the last one is there (place_strings). */
static wl_status keep_strings(filler *f, size_t step, const wl_value *value,
                              size_t first, wl_error *error) {
  wl_filled *table = f->fill->tables[step];
  for (size_t r = 0; r < value->n_rows; r++) {
    wl_string from = value->strings[r];
    table->strings[first + r] = from;
    if (from.data == NULL)
      continue;
    WL_TRY(make_room(table, from.size, error));
    if (from.size != 0)
      memcpy(table->bytes + table->n_bytes, from.data, from.size);
    table->n_bytes += from.size;
  }
  return WL_OK;
}

static void place_strings(wl_filled *table) {
  const char *at = table->bytes;
  for (size_t r = 0; table->strings != NULL && r <= table->n_rows; r++) {
    if (table->strings[r].data == NULL)
      continue;
    table->strings[r].data = at;
    at += table->strings[r].size;
  }
}

static void keep_numbers(wl_filled *table, const wl_value *value,
                         size_t first) {
  for (size_t r = 0; r < value->n_rows; r++)
    memcpy(table->numbers + (first + r) * table->width, wl_row(value, r),
           table->width * sizeof *table->numbers);
}

/* ---- steps ----------------------------------------------------------------
 */

static wl_status filler_init(filler *f, const wl_fill *fill, wl_error *error) {
  size_t n = fill->graph->n_nodes;
  *f = (filler){.fill = fill, .refusing = WL_NO_NODE};
  wl_arena_init(&f->arena);
  f->arena.limit = MAX_CHUNK_BYTES;
  f->states = wl_calloc(fill->n_steps + 1, sizeof *f->states);
  f->values = wl_calloc(n + 1, sizeof *f->values);
  return f->states != NULL && f->values != NULL
             ? WL_OK
             : wl_fail_memory(error, n * sizeof *f->values);
}

static void filler_deinit(filler *f) {
  for (size_t s = 0; f->states != NULL && s < f->fill->n_steps; s++) {
    const wl_op_def *def = wl_op_table[step_node(f, s)->op];
    if (f->states[s] != NULL && def->unbind != NULL)
      def->unbind(f->states[s]);
  }
  wl_free(f->states);
  wl_free(f->values);
  wl_arena_deinit(&f->arena);
}

/* What a node refuses here, it will refuse when the plan is made or run, with
 * its own message. */
static wl_status settle(filler *f, size_t step, wl_status status,
                        const wl_error *refusal, wl_error *error) {
  if (status == WL_ERROR_MEMORY && !f->arena.is_over) {
    if (error != NULL)
      *error = *refusal;
    return status;
  }
  if (status == WL_OK)
    return WL_OK;
  f->refusing = f->fill->steps[step];
  return WL_OK;
}

static wl_status bind_step(filler *f, size_t step, wl_error *error) {
  const wl_node *node = step_node(f, step);
  const wl_op_def *def = wl_op_table[node->op];
  const wl_op_warning *warning = NULL;
  wl_error refusal = {0};
  wl_status status = WL_OK;
  if (def->bind != NULL)
    status = def->bind(f->fill->graph, node, &f->states[step], &refusal);
  WL_TRY(settle(f, step, status, &refusal, error));
  if (goes_on(f) && def->warning != NULL)
    warning = def->warning(f->states[step]);
  if (warning != NULL && warning->text != NULL)
    f->refusing = f->fill->steps[step];
  if (goes_on(f) && f->fill->tables[step] != NULL)
    return begin_table(f->fill->tables[step], node, f->fill->n_rows, error);
  return WL_OK;
}

/* Bytes of a value. */
static size_t size_of(const wl_value *value) {
  size_t size = 0;
  if (value->kind == WL_VALUE_DENSE)
    return value->n_rows * value->n_columns * sizeof *value->dense;
  for (size_t r = 0; value->kind == WL_VALUE_STRINGS && r < value->n_rows; r++)
    size += value->strings[r].data != NULL ? value->strings[r].size : 0;
  return size;
}

/* What a step made and read comes off the budget; without, it refuses. */
static void pay(filler *f, size_t step) {
  const wl_node *node = step_node(f, step);
  size_t cost = size_of(&f->values[f->fill->steps[step]]);
  for (uint32_t i = 0; i < node->n_inputs; i++)
    cost += size_of(&f->values[node->inputs[i]]);
  if (cost > *f->fill->budget)
    f->refusing = f->fill->steps[step];
  else
    *f->fill->budget -= cost;
}

static wl_status run_step(filler *f, size_t step, size_t n_rows,
                          wl_error *error) {
  const wl_node *node = step_node(f, step);
  const wl_op_def *def = wl_op_table[node->op];
  const wl_value **inputs =
      wl_arena_alloc(&f->arena, (node->n_inputs + 1) * sizeof *inputs);
  if (inputs == NULL)
    return wl_fail_memory(error, node->n_inputs * sizeof *inputs);
  const wl_op_call call = {.inputs = inputs,
                           .n_inputs = node->n_inputs,
                           .n_rows = n_rows,
                           .arena = &f->arena,
                           .type = &node->type};
  for (uint32_t i = 0; i < node->n_inputs; i++) {
    wl_value *input = &f->values[node->inputs[i]], dense;
    inputs[i] = input;
    if (input->kind != WL_VALUE_CSR || def->takes_sparse)
      continue;
    WL_TRY(wl_as_dense(&call, input, &dense, error));
    *input = dense;
  }
  wl_error refusal = {0};
  wl_value *out = &f->values[f->fill->steps[step]];
  wl_status status = def->run(f->states[step], &call, out, &refusal);
  WL_TRY(settle(f, step, status, &refusal, error));
  if (goes_on(f))
    pay(f, step);
  return WL_OK;
}

/* The row numbers from `first` on; -1, behind them, stands for all others. */
static wl_status begin_chunk(filler *f, size_t first, size_t n,
                             wl_error *error) {
  wl_value *root = &f->values[f->fill->root];
  wl_arena_reset(&f->arena);
  *root =
      (wl_value){.kind = WL_VALUE_DENSE, .n_rows = n, .n_columns = 1, .ld = 1};
  root->dense = wl_arena_alloc(&f->arena, n * sizeof *root->dense);
  if (root->dense == NULL)
    return wl_fail_memory(error, n * sizeof *root->dense);
  for (size_t r = 0; r < n; r++)
    root->dense[r] = first + r < f->fill->n_rows ? (double)(first + r) : -1.0;
  return WL_OK;
}

static wl_status keep(filler *f, size_t step, size_t first, wl_error *error) {
  wl_filled *table = f->fill->tables[step];
  const wl_value *value = &f->values[f->fill->steps[step]];
  if (table == NULL)
    return WL_OK;
  if (table->strings != NULL)
    return keep_strings(f, step, value, first, error);
  if (value->kind == WL_VALUE_DENSE)
    keep_numbers(table, value, first);
  else
    f->refusing = f->fill->steps[step];
  return WL_OK;
}

static wl_status run_chunk(filler *f, size_t first, size_t n, wl_error *error) {
  WL_TRY(begin_chunk(f, first, n, error));
  for (size_t s = 0; s < f->fill->n_steps && goes_on(f); s++) {
    WL_TRY(run_step(f, s, n, error));
    if (goes_on(f))
      WL_TRY(keep(f, s, first, error));
  }
  return WL_OK;
}

/* Do steps make strings, other than those of tables? */
static bool makes_text(const filler *f) {
  for (size_t s = 0; s < f->fill->n_steps; s++)
    if (step_node(f, s)->type.kind == WL_VALUE_STRINGS &&
        step_node(f, s)->op != WL_OP_TAKE)
      return true;
  return false;
}

wl_status wl_fill_tables(const wl_fill *fill, wl_id *refusing,
                         wl_error *error) {
  filler f;
  wl_status status;
  size_t n_rows = fill->n_rows + 1, most;
  WL_TRY_DONE(status, filler_init(&f, fill, error));
  most = makes_text(&f) ? FEW_ROWS : CHUNK_ROWS;
  for (size_t s = 0; s < fill->n_steps && goes_on(&f); s++)
    WL_TRY_DONE(status, bind_step(&f, s, error));
  for (size_t r = 0; r < n_rows && goes_on(&f); r += most) {
    size_t n = n_rows - r < most ? n_rows - r : most;
    WL_TRY_DONE(status, run_chunk(&f, r, n, error));
  }
  for (size_t s = 0; s < fill->n_steps && goes_on(&f); s++)
    if (fill->tables[s] != NULL)
      place_strings(fill->tables[s]);
done:
  *refusing = f.refusing;
  filler_deinit(&f);
  return status;
}
