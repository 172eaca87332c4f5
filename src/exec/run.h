/*
 * run.h: one computation of one output: stages one after another over the rows
 * that stay, stopping where an external (Python) step is due.
 */
#ifndef WL_EXEC_RUN_H
#define WL_EXEC_RUN_H

#include "exec/context.h"
#include "exec/sources.h"

/*
 * Computes a dense output without externals into `out` (as wl_model_predict).
 */
wl_status wl_exec_predict(const wl_plan *plan, wl_context_list *contexts,
                          size_t output, const wl_input *inputs,
                          size_t n_inputs, uint64_t n_rows, size_t n_threads,
                          const wl_run_options *options, void *out,
                          uint8_t *stage_out, wl_error *error);

/* The same for one row of numbers (as wl_model_predict_row). */
wl_status wl_exec_predict_row(const wl_plan *plan, wl_context_list *contexts,
                              size_t output, const double *values,
                              size_t n_values, void *out, wl_error *error);

/* `plan` and `contexts` must outlive the run. */
wl_status wl_exec_create(const wl_plan *plan, wl_context_list *contexts,
                         size_t output, const wl_input *inputs, size_t n_inputs,
                         uint64_t n_rows, size_t n_threads,
                         const wl_run_options *options, wl_run **out,
                         wl_error *error);
/* As wl_run_free, but for what the API keeps beside it. */
void wl_exec_free(wl_run *run);
/* For the API: an owner to release with the run. */
void wl_exec_set_owner(wl_run *run, void *owner);
void *wl_exec_owner(const wl_run *run);

#endif
