/*
 * tabulate.c: what is computed from the row of a constant table alone is
 * computed once for each row of the table, and looked up from then on. A join
 * finds the row (`match`, or `encode`); what `take` fetches from it, and all
 * that is computed from that until other columns come in, becomes a table of
 * its own: a text of a thousand products is scored a thousand times, not once
 * a question.
 *
 * The table is filled by the operators themselves, so its bits are those of the
 * nodes that it replaces. A number that is no row's stands for all others, as
 * in `take`. What refuses or warns about a row of the table stays as it is, and
 * so does what would take too much time or memory.
 */
#include "ops/common.h"
#include "passes/fill_table.h"
#include "passes/passes.h"
#include "passes/rewrite.h"

enum {
  MAX_WIDTH = 16,      /* of a table's row: computing may cost less than more */
  MAX_WORK = 1 << 25,  /* numbers and bytes that are computed, foreseen */
  MAX_BYTES = 1 << 28, /* that steps make and read */
  BLOCK_WORK = 1024,   /* of a model's row: what an engine's may cost */
  MAX_TRIES = 8,       /* a root whose nodes refuse so often stays */
  MAX_VISITS = 1 << 26,
  MAX_ATTRS = 4
};

/* A node's place among what hangs on one row number. */
typedef struct place {
  wl_id root;      /* the row number's node; WL_NO_NODE: it hangs on more */
  size_t n_rows;   /* of the root: how many rows its numbers may name */
  bool is_refused; /* cannot be computed beforehand */
  bool is_wanted;  /* somebody reads it at run time */
  bool is_table;   /* it shall become a table */
  wl_id filled_by; /* the root that its table is by; where it has one */
} place;

typedef struct tabulation {
  wl_rewrite rewrite;
  place *places;     /* owned, one a node */
  wl_filled *tables; /* owned, one a node; those that are filled have a width */
  size_t visits;     /* of nodes that may still be made */
  size_t work, bytes; /* that may still be done */
} tabulation;

/* ---- what hangs on a row number alone ------------------------------------ */

static size_t rows_of_table(const wl_graph *graph, const wl_node *node) {
  const wl_const *values = wl_node_tensor(graph, node, "values");
  return values->n_elements / node->type.n_columns;
}

static size_t rows_of_keys(const wl_graph *graph, const wl_node *node) {
  const wl_const *keys = wl_node_tensor(graph, node, "keys");
  size_t width = keys->n_dims == 2 ? (size_t)keys->shape[1] : 1;
  return keys->n_elements / width;
}

/* The root that all inputs have in common. `match` is its own row number;
 * another node is one for the takes that read it, and for nothing else, since
 * only a take makes all numbers that are no row's alike. */
static wl_id common_root(const tabulation *t, const wl_node *node) {
  const wl_graph *graph = t->rewrite.from;
  wl_id root = WL_NO_NODE;
  for (uint32_t i = 0; i < node->n_inputs; i++) {
    wl_id input = node->inputs[i], own = t->places[input].root;
    if (own == WL_NO_NODE &&
        (node->op == WL_OP_TAKE || graph->nodes[input].op == WL_OP_MATCH))
      own = input;
    if (own == WL_NO_NODE || (i > 0 && own != root))
      return WL_NO_NODE;
    root = own;
  }
  return root;
}

static void find_roots(tabulation *t) {
  const wl_graph *graph = t->rewrite.from;
  for (size_t id = 0; id < graph->n_nodes; id++) {
    const wl_node *node = &graph->nodes[id];
    place *at = &t->places[id];
    at->root = WL_NO_NODE;
    if (node->op == WL_OP_MATCH)
      at->n_rows = rows_of_keys(graph, node);
    if (wl_op_table[node->op]->run == NULL || at->is_refused)
      continue;
    at->root = common_root(t, node);
    if (at->root == WL_NO_NODE || node->op != WL_OP_TAKE)
      continue;
    place *root = &t->places[at->root];
    if (node->inputs[0] == at->root &&
        rows_of_table(graph, node) > root->n_rows)
      root->n_rows = rows_of_table(graph, node);
  }
}

/* ---- what becomes a table ------------------------------------------------ */

static bool is_table_already(const tabulation *t, wl_id id) {
  const wl_node *node = &t->rewrite.from->nodes[id];
  return node->op == WL_OP_TAKE && node->inputs[0] == t->places[id].root;
}

static bool may_be_table(const tabulation *t, wl_id id) {
  const wl_type *type = &t->rewrite.from->nodes[id].type;
  if (t->places[id].root == WL_NO_NODE || is_table_already(t, id))
    return false;
  if (type->kind == WL_VALUE_STRINGS)
    return true;
  return type->kind == WL_VALUE_DENSE && type->n_columns <= MAX_WIDTH &&
         (type->dtype == WL_F64 || type->dtype == WL_F32);
}

static void want_results(tabulation *t) {
  const wl_graph *graph = t->rewrite.from;
  for (size_t s = 0; s < graph->n_stages; s++) {
    const wl_stage *stage = &graph->stages[s];
    if (stage->has_gate)
      t->places[stage->gate].is_wanted = true;
    for (size_t o = 0; o < stage->n_outputs; o++)
      t->places[stage->outputs[o].node].is_wanted = true;
  }
}

/* From the results back: what is wanted of a root becomes a table, if it can;
 * else its inputs are wanted. */
static void choose_tables(tabulation *t) {
  const wl_graph *graph = t->rewrite.from;
  for (size_t id = 0; id < graph->n_nodes; id++)
    t->places[id].is_wanted = t->places[id].is_table = false;
  want_results(t);
  for (size_t id = graph->n_nodes; id-- > 0;) {
    const wl_node *node = &graph->nodes[id];
    if (!t->places[id].is_wanted)
      continue;
    t->places[id].is_table = may_be_table(t, (wl_id)id);
    for (uint32_t i = 0; !t->places[id].is_table && i < node->n_inputs; i++)
      t->places[node->inputs[i]].is_wanted = true;
  }
}

/* ---- filling the tables of one root ---------------------------------------
 */

/* The bytes of all rows of a take of text. */
static size_t text_size(const wl_graph *graph, const wl_node *node) {
  const wl_const *values = wl_node_tensor(graph, node, "values");
  size_t n = values->n_elements;
  return n == 0 ? 0 : values->offsets[n] - values->offsets[0];
}

/* About what computing a node for all rows costs. */
static size_t work_of(const wl_graph *graph, const wl_node *node, size_t n_rows,
                      size_t n_bytes) {
  const wl_op_def *def = wl_op_table[node->op];
  size_t width = node->type.kind == WL_VALUE_DENSE ? node->type.n_columns : 1;
  size_t work;
  if (def->tile_rows != NULL)
    width += BLOCK_WORK;
  for (uint32_t i = 0; i < node->n_inputs; i++)
    if (graph->nodes[node->inputs[i]].type.kind == WL_VALUE_DENSE)
      width += graph->nodes[node->inputs[i]].type.n_columns;
  if (wl_mul_overflows(n_rows + 1, width, &work) ||
      wl_add_overflows(work, n_bytes, &work))
    return SIZE_MAX;
  return work;
}

typedef struct job {
  wl_fill fill;
  wl_id *steps; /* owned; fill.steps */
  wl_filled **tables;
  bool *is_step; /* owned, one a node */
} job;

static void job_deinit(job *j) {
  wl_free(j->steps);
  wl_free(j->tables);
  wl_free(j->is_step);
}

static wl_status job_init(job *j, tabulation *t, wl_id root) {
  const wl_graph *graph = t->rewrite.from;
  size_t n = graph->n_nodes + 1;
  *j = (job){.steps = wl_calloc(n, sizeof *j->steps),
             .tables = wl_calloc(n, sizeof *j->tables),
             .is_step = wl_calloc(n, sizeof *j->is_step)};
  j->fill = (wl_fill){.graph = graph,
                      .root = root,
                      .n_rows = t->places[root].n_rows,
                      .steps = j->steps,
                      .tables = j->tables,
                      .budget = &t->bytes};
  return j->steps != NULL && j->tables != NULL && j->is_step != NULL
             ? WL_OK
             : wl_fail_memory(t->rewrite.error, n * sizeof *j->steps);
}

static bool is_due(const tabulation *t, wl_id id, wl_id root) {
  return t->places[id].is_table && t->places[id].root == root &&
         t->tables[id].width == 0;
}

/* The steps that fill a root's tables, if there are any, and the dearest one if
 * they are too much work: else WL_NO_NODE. */
static void list_steps(tabulation *t, job *j, wl_id *dearest) {
  const wl_graph *graph = t->rewrite.from;
  size_t n_bytes = 0, total = 0, most = 0;
  for (size_t id = graph->n_nodes; id-- > 0;) {
    const wl_node *node = &graph->nodes[id];
    j->is_step[id] |= is_due(t, (wl_id)id, j->fill.root);
    for (uint32_t i = 0; j->is_step[id] && i < node->n_inputs; i++)
      j->is_step[node->inputs[i]] |= node->inputs[i] != j->fill.root;
    if (j->is_step[id] && node->op == WL_OP_TAKE &&
        node->type.kind == WL_VALUE_STRINGS)
      n_bytes += text_size(graph, node);
  }
  *dearest = WL_NO_NODE;
  for (wl_id id = 0; id < graph->n_nodes; id++) {
    if (!j->is_step[id])
      continue;
    size_t work = work_of(graph, &graph->nodes[id], j->fill.n_rows, n_bytes);
    if (wl_add_overflows(total, work, &total))
      total = SIZE_MAX;
    if (work >= most) {
      most = work;
      *dearest = id;
    }
    if (is_due(t, id, j->fill.root))
      j->tables[j->fill.n_steps] = &t->tables[id];
    j->steps[j->fill.n_steps++] = id;
  }
  if (total > t->work)
    return;
  t->work -= total;
  *dearest = WL_NO_NODE;
}

/* Fills a root's tables, but for what cannot be filled: *refusing. */
static wl_status try_root(tabulation *t, wl_id root, wl_id *refusing) {
  job j;
  *refusing = WL_NO_NODE;
  wl_status status = job_init(&j, t, root);
  if (status == WL_OK)
    list_steps(t, &j, refusing);
  if (status == WL_OK && j.fill.n_steps != 0 && *refusing == WL_NO_NODE)
    status = wl_fill_tables(&j.fill, refusing, t->rewrite.error);
  for (size_t s = 0; s < j.fill.n_steps; s++) {
    if (j.tables[s] == NULL)
      continue;
    if (status != WL_OK || *refusing != WL_NO_NODE)
      wl_filled_deinit(j.tables[s]);
    else
      t->places[j.steps[s]].filled_by = root;
  }
  job_deinit(&j);
  return status;
}

/* What refuses is left to the run, and so is what reads it. */
static wl_status fill_root(tabulation *t, wl_id root) {
  size_t n_nodes = t->rewrite.from->n_nodes;
  for (int i = 0; i < MAX_TRIES && t->visits >= n_nodes; i++) {
    wl_id refusing;
    t->visits -= n_nodes;
    WL_TRY(try_root(t, root, &refusing));
    if (refusing == WL_NO_NODE)
      break;
    t->places[refusing].is_refused = true;
    find_roots(t);
    choose_tables(t);
  }
  return WL_OK;
}

/* ---- rewriting ------------------------------------------------------------
 */

static wl_status add_numbers(wl_rewrite *rewrite, const wl_filled *table,
                             wl_attr *values, wl_attr *others) {
  const uint64_t shape[2] = {table->n_rows, table->width};
  size_t n = table->n_rows * table->width;
  double *data;
  *values = (wl_attr){.name = "values", .kind = WL_ATTR_TENSOR};
  *others = (wl_attr){.name = "others", .kind = WL_ATTR_TENSOR};
  WL_TRY(wl_graph_new_f64(rewrite->to, table->width == 1 ? 1 : 2, shape,
                          &values->value.tensor, &data, rewrite->error));
  memcpy(data, table->numbers, n * sizeof *data);
  WL_TRY(wl_graph_new_f64(rewrite->to, 1, &shape[1], &others->value.tensor,
                          &data, rewrite->error));
  memcpy(data, table->numbers + n, table->width * sizeof *data);
  return WL_OK;
}

/* The rows whose string is missing in one way. */
static wl_status add_missing(wl_rewrite *rewrite, const wl_filled *table,
                             size_t kind, const char *name, wl_attr *attrs,
                             size_t *n_attrs) {
  uint64_t n = 0;
  double *data;
  for (size_t r = 0; r < table->n_rows; r++)
    n += table->strings[r].data == NULL && table->strings[r].size == kind;
  if (n == 0)
    return WL_OK;
  wl_attr *attr = &attrs[(*n_attrs)++];
  *attr = (wl_attr){.name = name, .kind = WL_ATTR_TENSOR};
  WL_TRY(wl_graph_new_f64(rewrite->to, 1, &n, &attr->value.tensor, &data,
                          rewrite->error));
  for (size_t r = 0; r < table->n_rows; r++)
    if (table->strings[r].data == NULL && table->strings[r].size == kind)
      *data++ = (double)r;
  return WL_OK;
}

/* The strings one after another; the table's bytes already lie so. */
static wl_status add_strings(wl_rewrite *rewrite, const wl_filled *table,
                             uint32_t *out) {
  wl_graph *to = rewrite->to;
  size_t n = table->n_rows;
  wl_const constant = {.dtype = WL_STRING, .n_dims = 1, .shape = {n}};
  uint32_t *offsets = wl_arena_alloc(&to->arena, (n + 1) * sizeof *offsets);
  char *bytes = wl_arena_alloc(&to->arena, table->n_bytes + 1);
  if (offsets == NULL || bytes == NULL)
    return wl_fail_memory(rewrite->error, table->n_bytes);
  if (table->n_bytes != 0)
    memcpy(bytes, table->bytes, table->n_bytes);
  offsets[0] = 0;
  for (size_t r = 0; r < n; r++)
    offsets[r + 1] =
        offsets[r] +
        (table->strings[r].data != NULL ? (uint32_t)table->strings[r].size : 0);
  constant.data = bytes;
  constant.offsets = offsets;
  return wl_graph_add_constant(to, &constant, out, rewrite->error);
}

static wl_status add_text(wl_rewrite *rewrite, const wl_filled *table,
                          wl_attr *attrs, size_t *n_attrs) {
  wl_string other = table->strings[table->n_rows];
  attrs[*n_attrs] = (wl_attr){.name = "values", .kind = WL_ATTR_TENSOR};
  WL_TRY(add_strings(rewrite, table, &attrs[*n_attrs].value.tensor));
  ++*n_attrs;
  WL_TRY(add_missing(rewrite, table, WL_MISSING_NAN, "nan", attrs, n_attrs));
  WL_TRY(add_missing(rewrite, table, WL_MISSING_NONE, "none", attrs, n_attrs));
  if (other.data != NULL) {
    attrs[*n_attrs] = (wl_attr){.name = "other", .kind = WL_ATTR_STRING};
    attrs[(*n_attrs)++].value.s = other;
  }
  return WL_OK;
}

static wl_status emit(tabulation *t, wl_id id) {
  const wl_node *node = &t->rewrite.from->nodes[id];
  const wl_filled *table = &t->tables[id];
  wl_attr attrs[MAX_ATTRS];
  size_t n = 0;
  if (table->strings != NULL) {
    WL_TRY(add_text(&t->rewrite, table, attrs, &n));
  } else {
    WL_TRY(add_numbers(&t->rewrite, table, &attrs[0], &attrs[1]));
    n = 2;
    if (node->type.dtype == WL_F32) {
      attrs[n] = (wl_attr){.name = "dtype", .kind = WL_ATTR_STRING};
      attrs[n++].value.s = (wl_string){"f32", 3};
    }
    if (!node->type.is_bit_equal) {
      attrs[n] = (wl_attr){.name = "rounded", .kind = WL_ATTR_BOOL};
      attrs[n++].value.b = true;
    }
  }
  return wl_graph_add_node(t->rewrite.to, WL_OP_TAKE,
                           &t->rewrite.map[t->places[id].filled_by], 1, attrs,
                           n, &t->rewrite.map[id], t->rewrite.error);
}

/* A table that keeps less than its strings can say, or more than the rewrite
 * affords, is none. */
static bool afford(tabulation *t, const wl_filled *table) {
  size_t cost;
  if (table->width == 0)
    return false;
  if (table->strings != NULL && table->strings[table->n_rows].data == NULL &&
      table->strings[table->n_rows].size != WL_MISSING_NAN)
    return false;
  if (wl_mul_overflows(table->n_rows + 1, table->width, &cost) ||
      wl_add_overflows(cost, table->n_bytes, &cost) || cost > t->rewrite.budget)
    return false;
  t->rewrite.budget -= cost;
  return true;
}

static wl_status run(tabulation *t) {
  size_t n_nodes = t->rewrite.from->n_nodes;
  find_roots(t);
  choose_tables(t);
  for (wl_id id = 0; id < n_nodes; id++)
    if (t->places[id].n_rows != 0)
      WL_TRY(fill_root(t, id));
  for (wl_id id = 0; id < n_nodes; id++)
    WL_TRY(afford(t, &t->tables[id]) ? emit(t, id)
                                     : wl_rewrite_copy(&t->rewrite, id));
  return wl_rewrite_finish(&t->rewrite);
}

wl_status wl_pass_tabulate(const wl_graph *from, wl_graph *to,
                           wl_error *error) {
  tabulation t = {.visits = MAX_VISITS, .work = MAX_WORK, .bytes = MAX_BYTES};
  wl_status status;
  WL_TRY_DONE(status, wl_rewrite_begin(&t.rewrite, from, to, error));
  t.places = wl_calloc(from->n_nodes + 1, sizeof *t.places);
  t.tables = wl_calloc(from->n_nodes + 1, sizeof *t.tables);
  status = t.places != NULL && t.tables != NULL
               ? run(&t)
               : wl_fail_memory(error, from->n_nodes * sizeof *t.tables);
done:
  for (size_t id = 0; t.tables != NULL && id < from->n_nodes; id++)
    wl_filled_deinit(&t.tables[id]);
  wl_free(t.tables);
  wl_free(t.places);
  wl_rewrite_deinit(&t.rewrite);
  return status;
}
