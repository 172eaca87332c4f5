/*
 * warn.h: what a run found that the original warns about, told at its end.
 */
#ifndef WL_EXEC_WARN_H
#define WL_EXEC_WARN_H

#include "exec/plan.h"

/* One call of `warning` for each group of nodes with notes; those are cleared.
 * notes == NULL: none. */
wl_status wl_exec_warn(const wl_plan *plan, uint8_t *notes, wl_warning warning,
                       void *context, wl_error *error);

#endif
