/*
 * context.h: what changes during a call: a scratch arena and a table of values
 * for each worker, kept between calls on a lock-free list so that a repeated
 * call allocates nothing.
 */
#ifndef WL_EXEC_CONTEXT_H
#define WL_EXEC_CONTEXT_H

#include <stdatomic.h>

#include "exec/plan.h"

typedef struct wl_worker {
  wl_arena arena;   /* reset for each chunk */
  wl_value *values; /* one a node */
} wl_worker;

typedef struct wl_context {
  wl_worker *workers;
  size_t n_workers;
  wl_arena arena; /* of the call: selections, chunk bounds */
} wl_context;

enum { WL_CONTEXT_SLOTS = 16 };

/* What a worker's arena may hold: a small artifact can ask for any amount, by
 * texts that grow from step to step. */
static const size_t WL_CHUNK_BYTES = (size_t)1 << 30;

/* Idle contexts: a slot is taken by exchanging it for NULL, so there is no
 * ABA problem; when all are full a context is freed. */
typedef struct wl_context_list {
  _Atomic(wl_context *) slots[WL_CONTEXT_SLOTS];
} wl_context_list;

void wl_context_list_init(wl_context_list *list);
void wl_context_list_deinit(wl_context_list *list);
/* *out: for wl_context_return; its call arena is empty. */
wl_status wl_context_take(wl_context_list *list, size_t n_nodes,
                          size_t n_workers, wl_context **out, wl_error *error);
void wl_context_return(wl_context_list *list, wl_context *context);

#endif
