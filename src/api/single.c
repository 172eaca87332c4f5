/* single.c: plans by which inputs are float32. */
#include "api/single.h"

#include "api/planned.h"
#include "passes/single.h"

/* Frames that change which of their columns are float32 are not what a served
 * model gets: so many, and no more. */
enum { MAX_SINGLES = 16 };

struct wl_single {
  wl_single *next;
  bool *is_single; /* by input; owned */
  bool is_other;   /* else there is no plan, and none is needed */
  wl_plan plan;
  wl_context_list contexts;
};

static void single_free(wl_single *single) {
  wl_context_list_deinit(&single->contexts);
  wl_plan_deinit(&single->plan);
  wl_free(single->is_single);
  wl_free(single);
}

void wl_singles_init(wl_singles *singles) {
  atomic_init(&singles->first, NULL);
}

void wl_singles_deinit(wl_singles *singles) {
  wl_single *single = atomic_load(&singles->first);
  while (single != NULL) {
    wl_single *next = single->next;
    single_free(single);
    single = next;
  }
}

static bool is_f32(const wl_input *input) {
  if (input->layout == WL_LAYOUT_STRINGS)
    return false;
  if (input->layout != WL_LAYOUT_COLUMNS)
    return input->dtype == WL_F32;
  bool all = input->n_columns != 0;
  for (uint64_t c = 0; c < input->n_columns && all; c++)
    all = input->columns[c].dtype == WL_F32;
  return all;
}

static bool is_like(const wl_single *single, const wl_input *inputs,
                    size_t n_inputs) {
  for (size_t i = 0; i < n_inputs; i++)
    if (single->is_single[i] != is_f32(&inputs[i]))
      return false;
  return true;
}

/* The results are given as the caller was told, whatever they were rounded to.
 */
static void keep_dtypes(wl_plan *plan, const wl_plan *as) {
  for (size_t o = 0; o < plan->n_outputs; o++)
    plan->outputs[o].type.dtype = as->outputs[o].type.dtype;
}

static size_t count_inputs(const wl_graph *graph) {
  size_t n = 0;
  for (size_t id = 0; id < graph->n_nodes; id++)
    n += graph->nodes[id].op == WL_OP_INPUT;
  return n;
}

static wl_status make_plan(wl_single *single, const wl_graph *source,
                           const wl_plan *as, wl_error *error) {
  wl_graph graph;
  wl_status status;
  wl_graph_init(&graph);
  if (count_inputs(source) != as->n_inputs)
    return WL_OK; /* passes left some away: no graph of a front end's */
  WL_TRY_DONE(status, wl_graph_single(source, single->is_single, &graph,
                                      &single->is_other, error));
  if (!single->is_other)
    goto done;
  /* The copy has the source's nodes at their numbers: it pays for them. */
  WL_TRY_DONE(status, wl_plan_of_source(&single->plan, &graph, false, error));
  keep_dtypes(&single->plan, as);
done:
  wl_graph_deinit(&graph);
  return status;
}

static wl_status single_create(const wl_graph *source, const wl_plan *as,
                               const wl_input *inputs, size_t n_inputs,
                               wl_single **out, wl_error *error) {
  wl_single *single = wl_calloc(1, sizeof *single);
  if (single == NULL)
    return wl_fail_memory(error, sizeof *single);
  wl_context_list_init(&single->contexts);
  single->is_single = wl_calloc(n_inputs, sizeof *single->is_single);
  wl_status status =
      single->is_single != NULL ? WL_OK : wl_fail_memory(error, n_inputs);
  for (size_t i = 0; status == WL_OK && i < n_inputs; i++)
    single->is_single[i] = is_f32(&inputs[i]);
  if (status == WL_OK)
    status = make_plan(single, source, as, error);
  if (status == WL_OK)
    *out = single;
  else
    single_free(single);
  return status;
}

static wl_single *find(wl_single *single, const wl_input *inputs,
                       size_t n_inputs, size_t *n) {
  for (*n = 0; single != NULL && !is_like(single, inputs, n_inputs); (*n)++)
    single = single->next;
  return single;
}

wl_status wl_singles_choose(wl_singles *singles, const wl_graph *source,
                            const wl_input *inputs, size_t n_inputs,
                            const wl_plan **plan, wl_context_list **contexts,
                            wl_error *error) {
  bool any = false;
  for (size_t i = 0; i < n_inputs && n_inputs == (*plan)->n_inputs; i++)
    any |= is_f32(&inputs[i]);
  if (!any)
    return WL_OK;
  size_t n;
  wl_single *first =
      atomic_load_explicit(&singles->first, memory_order_acquire);
  wl_single *single = find(first, inputs, n_inputs, &n);
  if (single == NULL && n >= MAX_SINGLES)
    return wl_fail(error, WL_ERROR_UNSUPPORTED,
                   "float32 columns came in %d different places: give the "
                   "columns of X the same dtypes in each call",
                   MAX_SINGLES);
  if (single == NULL) {
    WL_TRY(single_create(source, *plan, inputs, n_inputs, &single, error));
    do /* another thread may have made the same, which does no harm */
      single->next = first;
    while (!atomic_compare_exchange_weak_explicit(&singles->first, &first,
                                                  single, memory_order_release,
                                                  memory_order_acquire));
  }
  if (single->is_other) {
    *plan = &single->plan;
    *contexts = &single->contexts;
  }
  return WL_OK;
}
