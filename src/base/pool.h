/*
 * pool.h: one process-wide pool of worker threads, started at first use and
 * rebuilt after fork (preloading servers, joblib).
 */
#ifndef WL_BASE_POOL_H
#define WL_BASE_POOL_H

#include "base/base.h"

/* Called once for each task number in [0, n_tasks); `worker` is in
 * [0, n_threads) and never runs two tasks at once. Anything but WL_OK stops
 * further tasks from starting. `error` is the worker's own. */
typedef wl_status (*wl_task)(void *context, size_t task, size_t worker,
                             wl_error *error);

/*
 * Runs the tasks on up to n_threads threads, the caller being worker 0, and
 * returns when all are done: WL_OK, or the failure of the lowest-numbered task
 * that failed. n_threads <= 1 runs them here, in order, without locks. When
 * threads cannot be had the caller does all the work. Nested calls run here.
 */
wl_status wl_pool_run(size_t n_threads, size_t n_tasks, wl_task task,
                      void *context, wl_error *error);

#endif
