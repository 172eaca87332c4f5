/*
 * print_whole.c: whole numbers as text, as Python's str has them, with zeros
 * before them up to a width. NaN is missing.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "ops/common.h"
#include "ops/table.h"

static const wl_attr_def attrs[] = {
    {"width", WL_ATTR_INT, false},
};

enum { MAX_WIDTH = 1000, MAX_DIGITS = 24 };

static wl_status infer(const wl_graph *graph, const wl_node *node,
                       wl_type *type, wl_error *error) {
  int64_t width = wl_node_int(node, "width", 0);
  WL_TRY(wl_check_dense(graph, node, error));
  if (wl_input_type(graph, node, 0)->n_columns != 1)
    return wl_fail(error, WL_ERROR_TYPE,
                   "operator 'print_whole' takes one column of numbers");
  if (width < 0 || width > MAX_WIDTH)
    return wl_fail(error, WL_ERROR_VALUE,
                   "operator 'print_whole': 'width' is %lld, none of 0 to %d",
                   (long long)width, MAX_WIDTH);
  *type = (wl_type){.kind = WL_VALUE_STRINGS,
                    .n_columns = 1,
                    .dtype = WL_STRING,
                    .is_bit_equal = true,
                    .has_missing = true};
  return WL_OK;
}

static wl_status bind(const wl_graph *graph, const wl_node *node, void **state,
                      wl_error *error) {
  (void)graph;
  int64_t *width = wl_alloc(sizeof *width);
  if (width == NULL)
    return wl_fail_memory(error, sizeof *width);
  *width = wl_node_int(node, "width", 0);
  *state = width;
  return WL_OK;
}

static wl_status run(const void *state, const wl_op_call *call, wl_value *out,
                     wl_error *error) {
  int width = (int)*(const int64_t *)state;
  size_t room = (size_t)width + MAX_DIGITS;
  wl_string *strings;
  WL_TRY(wl_new_strings(call, &strings, out, error));
  for (size_t r = 0; r < call->n_rows; r++) {
    double value = *wl_row(call->inputs[0], r);
    strings[r] = (wl_string){NULL, WL_MISSING_NAN};
    if (value != value)
      continue;
    if (value != floor(value) || fabs(value) > 9007199254740992.0)
      return wl_fail_row(error, WL_ERROR_VALUE, (int64_t)r,
                         "%g is no whole number up to 2^53, which is put into "
                         "text",
                         value);
    char *to = wl_arena_alloc(call->arena, room);
    if (to == NULL)
      return wl_fail_memory(error, room);
    int size = snprintf(to, room, "%0*" PRId64, width, (int64_t)value);
    strings[r] = (wl_string){to, (size_t)size};
  }
  return WL_OK;
}

const wl_op_def wl_op_print_whole = {
    .name = "print_whole",
    WL_ATTRS(attrs),
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = infer,
    .bind = bind,
    .unbind = wl_free,
    .run = run,
};
