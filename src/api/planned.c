/* planned.c: the passes, the plan, and which node of the source pays. */
#include "api/planned.h"

#include "passes/passes.h"

static wl_status charge(wl_plan *plan, const wl_graph *source,
                        const wl_pass_results *results, wl_error *error) {
  wl_id *origins = wl_calloc(plan->n_nodes + 1, sizeof *origins);
  if (origins == NULL)
    return wl_fail_memory(error, plan->n_nodes * sizeof *origins);
  wl_status status = wl_passes_origins(source, results, origins, error);
  for (size_t id = 0; status == WL_OK && id < plan->n_nodes; id++)
    plan->nodes[id].origin = origins[id];
  wl_free(origins);
  return status;
}

wl_status wl_plan_of_source(wl_plan *plan, const wl_graph *source, bool is_lazy,
                            wl_error *error) {
  wl_pass_results *results = wl_calloc(1, sizeof *results);
  if (results == NULL)
    return wl_fail_memory(error, sizeof *results);
  wl_status status = wl_passes_run(source, NULL, results, error);
  if (status == WL_OK)
    status = wl_plan_init(plan, wl_passes_last(results), is_lazy, error);
  if (status == WL_OK)
    status = charge(plan, source, results, error);
  wl_passes_deinit(results);
  wl_free(results);
  return status;
}

wl_status wl_plan_bind_source(wl_plan *plan, const wl_graph *source,
                              size_t output, wl_error *error) {
  wl_pass_results *results = wl_calloc(1, sizeof *results);
  if (results == NULL)
    return wl_fail_memory(error, sizeof *results);
  wl_status status = wl_passes_run(source, NULL, results, error);
  if (status == WL_OK)
    status = wl_plan_bind_late(plan, wl_passes_last(results), output, error);
  wl_passes_deinit(results);
  wl_free(results);
  return status;
}
