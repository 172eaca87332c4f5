/* context.c: contexts and the list of idle ones. */
#include "exec/context.h"

enum { KEPT_CALL_BYTES = 1 << 20 };

void wl_context_list_init(wl_context_list *list) {
  for (size_t i = 0; i < WL_CONTEXT_SLOTS; i++)
    atomic_init(&list->slots[i], NULL);
}

static void context_free(wl_context *context) {
  if (context == NULL)
    return;
  for (size_t w = 0; w < context->n_workers; w++) {
    wl_arena_deinit(&context->workers[w].arena);
    wl_free(context->workers[w].values);
  }
  wl_arena_deinit(&context->arena);
  wl_free(context->workers);
  wl_free(context);
}

void wl_context_list_deinit(wl_context_list *list) {
  for (size_t i = 0; i < WL_CONTEXT_SLOTS; i++)
    context_free(atomic_exchange(&list->slots[i], NULL));
}

/* Grows a context to n_workers; what it has stays valid on failure. */
static wl_status add_workers(wl_context *context, size_t n_nodes,
                             size_t n_workers, wl_error *error) {
  if (n_workers <= context->n_workers)
    return WL_OK;
  wl_worker *workers =
      wl_realloc(context->workers, n_workers * sizeof *workers);
  if (workers == NULL)
    return wl_fail_memory(error, n_workers * sizeof *workers);
  context->workers = workers;
  while (context->n_workers < n_workers) {
    wl_worker *worker = &workers[context->n_workers];
    wl_arena_init(&worker->arena);
    worker->arena.limit = WL_CHUNK_BYTES;
    worker->values = wl_calloc(n_nodes + 1, sizeof *worker->values);
    if (worker->values == NULL)
      return wl_fail_memory(error, n_nodes * sizeof *worker->values);
    context->n_workers++;
  }
  return WL_OK;
}

wl_status wl_context_take(wl_context_list *list, size_t n_nodes,
                          size_t n_workers, wl_context **out, wl_error *error) {
  wl_context *context = NULL;
  for (size_t i = 0; i < WL_CONTEXT_SLOTS && context == NULL; i++)
    if (atomic_load_explicit(&list->slots[i], memory_order_relaxed) != NULL)
      context =
          atomic_exchange_explicit(&list->slots[i], NULL, memory_order_acquire);
  *out = NULL;
  if (context == NULL) {
    context = wl_calloc(1, sizeof *context);
    if (context == NULL)
      return wl_fail_memory(error, sizeof *context);
    wl_arena_init(&context->arena);
  }
  wl_status status = add_workers(context, n_nodes, n_workers, error);
  if (status != WL_OK) {
    context_free(context);
    return status;
  }
  wl_arena_reset(&context->arena);
  *out = context;
  return WL_OK;
}

void wl_context_return(wl_context_list *list, wl_context *context) {
  if (context == NULL)
    return;
  /* What grows with the number of rows is not kept after a large batch. */
  if (context->arena.total > KEPT_CALL_BYTES)
    wl_arena_deinit(&context->arena);
  for (size_t i = 0; i < WL_CONTEXT_SLOTS; i++) {
    wl_context *empty = NULL;
    if (atomic_compare_exchange_strong_explicit(&list->slots[i], &empty,
                                                context, memory_order_release,
                                                memory_order_relaxed))
      return;
  }
  context_free(context);
}
