/*
 * survey.h: after an operator refused a row, a second look at all rows, so that
 * the message lists all that it would refuse, as the original's does.
 */
#ifndef WL_EXEC_SURVEY_H
#define WL_EXEC_SURVEY_H

#include "exec/sweep.h"

/* A survey in progress: what run_chunk does in place of the node's own step. */
struct wl_survey {
  const wl_plan_node *node;
  void *findings;
};

/* `status`, or a fuller account of it, when the sweep failed at `node`. */
wl_status wl_sweep_survey(const wl_sweep *failed, wl_id node, wl_status status,
                          wl_error *error);

#endif
