/*
 * warn.c: notes of columns as messages. An encoder may be several nodes, by
 * groups of its columns: their notes make one message, in the columns' order.
 */
#include "exec/warn.h"

#include <stdio.h>

enum { NUMBER_SIZE = 24 }; /* of a column's number and what parts it */

static bool has_notes(const wl_plan_node *node, const uint8_t *notes) {
  return node->warning != NULL &&
         memchr(notes + node->first_note, 1, node->warning->n_columns) != NULL;
}

static bool is_same(const wl_op_warning *a, const wl_op_warning *b) {
  return a->group == b->group && strcmp(a->text, b->text) == 0;
}

/* Appends the columns that are noted, and forgets them. */
static char *take_columns(const wl_plan_node *node, uint8_t *notes,
                          const char *start, char *at) {
  for (size_t c = 0; c < node->warning->n_columns; c++) {
    uint8_t *note = &notes[node->first_note + c];
    if (*note == 0)
      continue;
    *note = 0;
    at += snprintf(at, NUMBER_SIZE, "%s%zu", at == start ? "" : ", ",
                   node->warning->first_column + c);
  }
  return at;
}

/* The message of node `first` and those behind it in its group. */
static wl_status warn_group(const wl_plan *plan, size_t first, uint8_t *notes,
                            wl_warning warning, void *context,
                            wl_error *error) {
  const wl_op_warning *said = plan->nodes[first].warning;
  size_t size = strlen(said->text) + 1;
  for (size_t id = first; id < plan->n_nodes; id++)
    if (has_notes(&plan->nodes[id], notes))
      size += plan->nodes[id].warning->n_columns * NUMBER_SIZE;
  char *message = wl_alloc(size);
  if (message == NULL)
    return wl_fail_memory(error, size);
  size_t n_before = (size_t)(strstr(said->text, "[]") - said->text) + 1;
  memcpy(message, said->text, n_before);
  char *start = message + n_before, *at = start;
  for (size_t id = first; id < plan->n_nodes; id++)
    if (has_notes(&plan->nodes[id], notes) &&
        is_same(plan->nodes[id].warning, said))
      at = take_columns(&plan->nodes[id], notes, start, at);
  memcpy(at, said->text + n_before, strlen(said->text + n_before) + 1);
  warning(context, message);
  wl_free(message);
  return WL_OK;
}

wl_status wl_exec_warn(const wl_plan *plan, uint8_t *notes, wl_warning warning,
                       void *context, wl_error *error) {
  if (notes == NULL || memchr(notes, 1, plan->n_notes) == NULL)
    return WL_OK;
  for (size_t id = 0; id < plan->n_nodes; id++)
    if (has_notes(&plan->nodes[id], notes))
      WL_TRY(warn_group(plan, id, notes, warning, context, error));
  return WL_OK;
}
