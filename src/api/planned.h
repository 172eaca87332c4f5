/* planned.h: from a source graph to the plan that runs. */
#ifndef WL_API_PLANNED_H
#define WL_API_PLANNED_H

#include "exec/plan.h"

/* Runs the passes, and binds what they made. Each step of the plan knows the
 * node of the source that it is charged to. `is_lazy` as for wl_plan_init. */
wl_status wl_plan_of_source(wl_plan *plan, const wl_graph *source, bool is_lazy,
                            wl_error *error);
/* Binds an output of it that was left for later. */
wl_status wl_plan_bind_source(wl_plan *plan, const wl_graph *source,
                              size_t output, wl_error *error);

#endif
