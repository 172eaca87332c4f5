/* survey.c: the refusing node's inputs for all rows, shown to its survey. */
#include "exec/survey.h"

/* The steps before the node, on the chunks of the sweep that failed. */
static wl_status look(const wl_sweep *failed, wl_id node, wl_survey *survey,
                      wl_error *error) {
  wl_sequence sequence;
  WL_TRY(wl_plan_sequence(failed->plan, node, &failed->context->arena,
                          &sequence, error));
  sequence.n_steps--; /* the node itself */
  wl_sweep sweep = {.plan = failed->plan,
                    .sequence = &sequence,
                    .context = failed->context,
                    .inputs = failed->inputs,
                    .answers = failed->answers,
                    .selection = failed->selection,
                    .n_threads = 1,
                    .survey = survey,
                    .bounds = failed->bounds,
                    .n_chunks = failed->n_chunks};
  return wl_sweep_run(&sweep, error);
}

wl_status wl_sweep_survey(const wl_sweep *failed, wl_id node, wl_status status,
                          wl_error *error) {
  const wl_plan_node *refusing = &failed->plan->nodes[node];
  const wl_op_survey *how = refusing->def->survey;
  if (how == NULL || status != WL_ERROR_VALUE || error == NULL ||
      error->row < 0)
    return status;
  wl_error first = *error;
  wl_survey survey = {refusing,
                      wl_arena_calloc(&failed->context->arena, 1, how->size)};
  if (survey.findings == NULL)
    return wl_fail_memory(error, how->size);
  /* An earlier step that refuses any row speaks first, as the original runs a
   * step over all rows before the next one. */
  WL_TRY(look(failed, node, &survey, error));
  if (how->tell(refusing->state, survey.findings, error) == WL_OK) {
    *error = first;
    return status;
  }
  return wl_sweep_locate(failed, 0, failed->selection.n_rows, status, error);
}
