/* single.c: plans by which inputs, or columns of one, are float32. */
#include "api/single.h"

#include "api/planned.h"
#include "passes/single.h"

/* Frames that change which of their columns are float32 are not what a served
 * model gets: so many, and no more. */
enum { MAX_SINGLES = 16 };

struct wl_single {
  wl_single *next;
  wl_input_widths *inputs; /* owned, as is `widths` that they borrow */
  uint8_t *widths;
  bool *is_shown; /* by output: float32 where its operators keep that; owned */
  bool is_other;  /* else there is no plan, and none is needed */
  wl_plan plan;
  wl_context_list contexts;
};

static void single_free(wl_single *single) {
  wl_context_list_deinit(&single->contexts);
  wl_plan_deinit(&single->plan);
  wl_free(single->inputs);
  wl_free(single->widths);
  wl_free(single->is_shown);
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

/* ---- what is given --------------------------------------------------------
 */

static bool has_own_widths(const wl_input *input) {
  return input->layout == WL_LAYOUT_COLUMNS && input->dtype != WL_F64;
}

static size_t count_widths(const wl_input *input) {
  return has_own_widths(input) ? (size_t)input->n_columns : 1;
}

static wl_width width_at(const wl_input *input, size_t i) {
  if (input->layout == WL_LAYOUT_STRINGS)
    return WL_WIDTH_DOUBLE;
  return wl_width_of(has_own_widths(input) ? input->columns[i].dtype
                                           : input->dtype);
}

static bool has_width(const wl_input *inputs, size_t n_inputs, wl_width width) {
  for (size_t i = 0; i < n_inputs; i++)
    for (size_t c = 0; c < count_widths(&inputs[i]); c++)
      if (width_at(&inputs[i], c) == width)
        return true;
  return false;
}

/* Of small integers alone a model of float32 gives float32, too. */
static bool may_be_single(const wl_input *inputs, size_t n_inputs) {
  return has_width(inputs, n_inputs, WL_WIDTH_SINGLE) ||
         has_width(inputs, n_inputs, WL_WIDTH_NARROW);
}

static bool is_like(const wl_single *single, const wl_input *inputs,
                    size_t n_inputs) {
  for (size_t i = 0; i < n_inputs; i++) {
    size_t n = count_widths(&inputs[i]);
    if (single->inputs[i].n != n)
      return false;
    for (size_t c = 0; c < n; c++)
      if (single->inputs[i].widths[c] != width_at(&inputs[i], c))
        return false;
  }
  return true;
}

static wl_single *find(wl_single *single, const wl_input *inputs,
                       size_t n_inputs, size_t *n) {
  for (*n = 0; single != NULL && !is_like(single, inputs, n_inputs); (*n)++)
    single = single->next;
  return single;
}

/* ---- making a plan --------------------------------------------------------
 */

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

/* By each output of `as`, in whichever stages it is. */
static wl_status find_shown(wl_single *single, const wl_graph *source,
                            const wl_plan *as, const uint8_t *shown,
                            wl_error *error) {
  single->is_shown = wl_calloc(as->n_outputs + 1, sizeof *single->is_shown);
  if (single->is_shown == NULL)
    return wl_fail_memory(error, as->n_outputs);
  for (size_t s = 0; s < source->n_stages; s++)
    for (size_t i = 0; i < source->stages[s].n_outputs; i++) {
      const wl_output *output = &source->stages[s].outputs[i];
      for (size_t o = 0; o < as->n_outputs; o++)
        if (strcmp(as->outputs[o].name, output->name) == 0)
          single->is_shown[o] = shown[output->node] == WL_WIDTH_SINGLE;
    }
  return WL_OK;
}

/* The nodes of the copy that the source has not are casts, before or behind one
 * that it has: this pays for them. */
static wl_status charge(wl_plan *plan, const wl_graph *source,
                        const wl_graph *copy, wl_error *error) {
  wl_id *home = wl_calloc(copy->n_nodes + 1, sizeof *home);
  if (home == NULL)
    return wl_fail_memory(error, copy->n_nodes * sizeof *home);
  for (size_t id = 0; id < copy->n_nodes; id++)
    home[id] = WL_NO_NODE;
  for (wl_id id = 0; id < source->n_nodes; id++)
    home[copy->images[id]] = id;
  for (size_t id = copy->n_nodes; id-- > 0;)
    if (home[id] == WL_NO_NODE)
      home[id] = home[id + 1];
  for (size_t n = 0; n < plan->n_nodes; n++)
    if (plan->nodes[n].origin < copy->n_nodes)
      plan->nodes[n].origin = home[plan->nodes[n].origin];
  wl_free(home);
  return WL_OK;
}

static wl_status bind_plan(wl_single *single, const wl_graph *source,
                           const wl_graph *copy, const wl_plan *as,
                           wl_error *error) {
  WL_TRY(wl_plan_of_source(&single->plan, copy, false, error));
  keep_dtypes(&single->plan, as);
  return charge(&single->plan, source, copy, error);
}

static wl_status make_plan(wl_single *single, const wl_graph *source,
                           const wl_plan *as, wl_error *error) {
  wl_graph graph;
  wl_status status;
  wl_graph_init(&graph);
  uint8_t *shown = wl_calloc(source->n_nodes + 1, sizeof *shown);
  if (shown == NULL)
    WL_TRY_DONE(status, wl_fail_memory(error, source->n_nodes));
  if (count_inputs(source) == as->n_inputs)
    WL_TRY_DONE(status, wl_graph_single(source, single->inputs, &graph, shown,
                                        &single->is_other, error));
  /* Otherwise passes left some away: no graph of a front end's. */
  WL_TRY_DONE(status, find_shown(single, source, as, shown, error));
  if (single->is_other)
    status = bind_plan(single, source, &graph, as, error);
done:
  wl_free(shown);
  wl_graph_deinit(&graph);
  return status;
}

static wl_status copy_widths(wl_single *single, const wl_input *inputs,
                             size_t n_inputs, wl_error *error) {
  size_t total = 0, at = 0;
  for (size_t i = 0; i < n_inputs; i++)
    total += count_widths(&inputs[i]);
  single->inputs = wl_calloc(n_inputs + 1, sizeof *single->inputs);
  single->widths = wl_calloc(total + 1, sizeof *single->widths);
  if (single->inputs == NULL || single->widths == NULL)
    return wl_fail_memory(error, n_inputs * sizeof *single->inputs + total);
  for (size_t i = 0; i < n_inputs; i++) {
    size_t n = count_widths(&inputs[i]);
    single->inputs[i] = (wl_input_widths){&single->widths[at], n};
    for (size_t c = 0; c < n; c++)
      single->widths[at++] = (uint8_t)width_at(&inputs[i], c);
  }
  return WL_OK;
}

static wl_status single_create(const wl_graph *source, const wl_plan *as,
                               const wl_input *inputs, size_t n_inputs,
                               wl_single **out, wl_error *error) {
  wl_single *single = wl_calloc(1, sizeof *single);
  if (single == NULL)
    return wl_fail_memory(error, sizeof *single);
  wl_context_list_init(&single->contexts);
  wl_status status = copy_widths(single, inputs, n_inputs, error);
  if (status == WL_OK)
    status = make_plan(single, source, as, error);
  if (status == WL_OK)
    *out = single;
  else
    single_free(single);
  return status;
}

wl_status wl_singles_choose(wl_singles *singles, const wl_graph *source,
                            const wl_input *inputs, size_t n_inputs,
                            const wl_plan **plan, wl_context_list **contexts,
                            wl_error *error) {
  if (n_inputs != (*plan)->n_inputs || !may_be_single(inputs, n_inputs))
    return WL_OK;
  size_t n;
  wl_single *first =
      atomic_load_explicit(&singles->first, memory_order_acquire);
  wl_single *single = find(first, inputs, n_inputs, &n);
  if (single == NULL && n >= MAX_SINGLES) {
    if (!has_width(inputs, n_inputs, WL_WIDTH_SINGLE))
      return WL_OK;
    return wl_fail(error, WL_ERROR_UNSUPPORTED,
                   "float32 columns came in %d different places: give the "
                   "columns of X the same dtypes in each call",
                   MAX_SINGLES);
  }
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

bool wl_singles_show(const wl_singles *singles, size_t output,
                     const wl_input *inputs, size_t n_inputs) {
  size_t n;
  if (!may_be_single(inputs, n_inputs))
    return false;
  const wl_single *single =
      find(atomic_load_explicit(&singles->first, memory_order_acquire), inputs,
           n_inputs, &n);
  return single != NULL && single->is_shown[output];
}
