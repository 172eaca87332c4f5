/*
 * fuzz_tables.c: any graph with and without the passes that make tables of what
 * hangs on lookups. They must not change a bit, nor which rows are refused.
 */
#include "../any_model.h"
#include "exec/run.h"
#include "fuzz.h"
#include "passes/passes.h"

typedef struct side {
  wl_graph graphs[3];
  wl_plan plan;
  wl_context_list contexts;
  bool has_plan;
} side;

static wl_status add_tensors(wl_graph *graph) {
  static const uint32_t offsets[5] = {0, 1, 3, 7, 8};
  size_t n;
  uint32_t number;
  const wl_tensor *tensors = any_tensors(&n);
  for (size_t i = 0; i < n; i++) {
    wl_const constant = {.name = tensors[i].name,
                         .dtype = tensors[i].dtype,
                         .n_dims = tensors[i].n_dims,
                         .data = tensors[i].data};
    memcpy(constant.shape, tensors[i].shape, sizeof constant.shape);
    if (tensors[i].offsets != NULL)
      constant.offsets = offsets;
    WL_TRY(wl_graph_add_constant(graph, &constant, &number, NULL));
  }
  return WL_OK;
}

static void side_init(side *s) {
  memset(s, 0, sizeof *s);
  for (size_t i = 0; i < WL_COUNT_OF(s->graphs); i++)
    wl_graph_init(&s->graphs[i]);
  wl_context_list_init(&s->contexts);
}

static void side_deinit(side *s) {
  wl_context_list_deinit(&s->contexts);
  wl_plan_deinit(&s->plan);
  for (size_t i = WL_COUNT_OF(s->graphs); i-- > 0;)
    wl_graph_deinit(&s->graphs[i]);
}

static wl_status make_plan(side *s, const wl_graph *source, bool has_tables) {
  const wl_graph *last = &s->graphs[0];
  WL_TRY(wl_pass_simplify(source, &s->graphs[0], NULL));
  if (has_tables) {
    WL_TRY(wl_pass_merge_lookups(&s->graphs[0], &s->graphs[1], NULL));
    WL_TRY(wl_pass_tabulate(&s->graphs[1], &s->graphs[2], NULL));
    last = &s->graphs[2];
  }
  WL_TRY(wl_graph_verify(last, NULL));
  s->has_plan = wl_plan_init(&s->plan, last, false, NULL) == WL_OK;
  return WL_OK;
}

/* Columns of what is dense and needs no steps. */
static size_t cells_of(const wl_plan *plan, size_t output) {
  const wl_plan_output *out = &plan->outputs[output];
  if (out->has_external || out->type.kind != WL_VALUE_DENSE)
    return 0;
  return out->type.n_columns * N_ROWS;
}

static void compare(side *a, side *b, const wl_model *model, size_t output,
                    const any_options *o) {
  static double first[MAX_CELLS], second[MAX_CELLS];
  int32_t indices[5] = {0, 3, 2, 1, 0};
  wl_input inputs[MAX_INPUTS] = {{0}};
  size_t n = cells_of(&a->plan, output);
  if (n == 0 || n > MAX_CELLS || !any_inputs(model, o, 0, indices, inputs))
    return;
  memset(first, 0, n * sizeof *first);
  memset(second, 0, n * sizeof *second);
  wl_run_options options = {.size = sizeof options, .exact = o->is_exact};
  wl_status expected =
      wl_exec_predict(&a->plan, &a->contexts, output, inputs, a->plan.n_inputs,
                      N_ROWS, 1, &options, first, NULL, NULL);
  wl_status found =
      wl_exec_predict(&b->plan, &b->contexts, output, inputs, b->plan.n_inputs,
                      N_ROWS, 1, &options, second, NULL, NULL);
  if (expected != found)
    abort();
  for (size_t i = 0; i < n && found == WL_OK; i++)
    if (memcmp(&first[i], &second[i], sizeof *first) != 0 &&
        !(first[i] != first[i] && second[i] != second[i]))
      abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  uint64_t digest = fuzz_digest(0, data, size);
  any_options o = {digest & 1, digest & 2, digest & 4};
  wl_model *model = NULL;
  wl_graph source;
  side a, b;
  wl_graph_init(&source);
  side_init(&a);
  side_init(&b);
  if (any_compile((const char *)data, size, &model) == WL_OK &&
      add_tensors(&source) == WL_OK &&
      wl_graph_parse(&source, (const char *)data, size, NULL) == WL_OK &&
      make_plan(&a, &source, false) == WL_OK && a.has_plan) {
    if (make_plan(&b, &source, true) != WL_OK || !b.has_plan)
      abort();
    /* Passes leave inputs away that no output reads. */
    if (a.plan.n_inputs == b.plan.n_inputs &&
        a.plan.n_inputs == wl_model_n_inputs(model))
      for (size_t i = 0; i < a.plan.n_outputs; i++)
        compare(&a, &b, model, i, &o);
  }
  side_deinit(&b);
  side_deinit(&a);
  wl_graph_deinit(&source);
  wl_model_release(model);
  return 0;
}
