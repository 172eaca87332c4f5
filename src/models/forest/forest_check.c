/*
 * forest_check.c: is it a forest? A child's number is larger than its parent's,
 * and every split and leaf is named once, by a parent or as a root: so each
 * belongs to one tree, and no walk goes round in circles. The rest of the files
 * rely on all that is checked here.
 */
#include <inttypes.h>

#include "models/forest/forest.h"

static const size_t max_count = 0x7fffffff;
static const int64_t max_id = INT64_C(1) << 53; /* exact in a double */
static const size_t free_outputs = 1024;        /* that no tree adds to */

static wl_status bad_int(const wl_forest_spec *spec, const char *name, size_t i,
                         int64_t value, const char *why, wl_error *error) {
  return wl_fail(error, WL_ERROR_VALUE,
                 "operator '%s': %s[%zu] is %" PRId64 ", %s", spec->op, name, i,
                 value, why);
}

static wl_status check_counts(const wl_forest_spec *spec, wl_error *error) {
  const char *op = spec->op;
  size_t n;
  if (spec->n_splits > max_count || spec->n_leaves > max_count ||
      spec->n_trees > max_count)
    return wl_fail(error, WL_ERROR_VALUE,
                   "operator '%s': more than 2^31 - 1 splits, leaves or trees",
                   op);
  if (spec->n_outputs < 1 || spec->n_outputs > max_count)
    return wl_fail(error, WL_ERROR_VALUE,
                   "operator '%s': n_outputs is %zu, it is at least 1", op,
                   spec->n_outputs);
  if (spec->width != 1 && spec->width != spec->n_outputs)
    return wl_fail(error, WL_ERROR_VALUE,
                   "operator '%s': leaves have %zu numbers, expected 1 or "
                   "n_outputs, %zu",
                   op, spec->width, spec->n_outputs);
  /* Work is in proportion to the tensors. */
  if (spec->n_outputs > free_outputs &&
      spec->n_outputs - free_outputs > spec->n_trees && spec->start == NULL &&
      (spec->width == 1 || spec->n_leaves == 0))
    return wl_fail(error, WL_ERROR_VALUE,
                   "operator '%s': n_outputs is %zu, there are %zu trees and "
                   "no start",
                   op, spec->n_outputs, spec->n_trees);
  if (wl_mul_overflows(spec->n_leaves, spec->width, &n) || n > SIZE_MAX / 16)
    return wl_fail(error, WL_ERROR_VALUE, "operator '%s': too many leaves", op);
  return WL_OK;
}

static wl_status check_sets(const wl_forest_spec *spec, wl_error *error) {
  int64_t last = 0;
  for (size_t i = 0; i <= spec->n_sets && spec->set_starts != NULL; i++) {
    int64_t at = spec->set_starts[i];
    if (at < last || (uint64_t)at > spec->n_set_words)
      return bad_int(spec, "set_starts", i, at,
                     "starts ascend and lie within sets", error);
    last = at;
  }
  for (size_t i = 0; i < spec->n_set_words; i++)
    if (spec->sets[i] < 0 || spec->sets[i] > UINT32_MAX)
      return bad_int(spec, "sets", i, spec->sets[i],
                     "expected a word of 32 bits", error);
  for (size_t i = 0; i < spec->n_columns && spec->known != NULL; i++)
    if (spec->known[i] < -1 ||
        (spec->known[i] >= 0 && (uint64_t)spec->known[i] >= spec->n_sets))
      return bad_int(spec, "known", i, spec->known[i],
                     "expected the number of a set, or -1", error);
  return WL_OK;
}

static wl_status check_split(const wl_forest_spec *spec, size_t i,
                             wl_error *error) {
  double threshold = spec->threshold[i];
  int64_t flags = spec->flags[i];
  bool is_category = flags & WL_SPLIT_IS_CATEGORY;
  int64_t kind = flags >> WL_SPLIT_KIND_SHIFT & 3;
  if (spec->feature[i] < 0 || (uint64_t)spec->feature[i] >= spec->n_columns)
    return wl_fail(error, WL_ERROR_VALUE,
                   "operator '%s': feature[%zu] is %" PRId64
                   ", its input has %zu columns",
                   spec->op, i, spec->feature[i], spec->n_columns);
  if (flags < 0 || flags > 31 || kind > WL_SPLIT_KIND_NAN)
    return bad_int(spec, "flags", i, flags, "no such flags", error);
  if (flags & WL_SPLIT_TRUNCATES && !is_category)
    return bad_int(spec, "flags", i, flags,
                   "only a category split truncates values", error);
  if (is_category && kind == WL_SPLIT_KIND_ZERO)
    return bad_int(spec, "flags", i, flags,
                   "a category split cannot take zeros as missing", error);
  if (is_category && !(threshold >= 0.0 && threshold < (double)spec->n_sets &&
                       threshold == (double)(size_t)threshold))
    return wl_fail(error, WL_ERROR_VALUE,
                   "operator '%s': threshold[%zu] is %g, expected the number "
                   "of one of %zu sets",
                   spec->op, i, threshold, spec->n_sets);
  if (threshold != threshold)
    return wl_fail(error, WL_ERROR_VALUE,
                   "operator '%s': threshold[%zu] is NaN", spec->op, i);
  return WL_OK;
}

/* Which splits and leaves have been named, a bit each. */
typedef struct names {
  const wl_forest_spec *spec;
  uint8_t *splits, *leaves;
  size_t n_splits, n_leaves; /* named so far */
} names;

static bool mark(uint8_t *bits, size_t i) {
  uint8_t bit = (uint8_t)(1u << (i & 7));
  bool was = bits[i >> 3] & bit;
  bits[i >> 3] |= bit;
  return was;
}

static wl_status name_child(names *n, const char *name, size_t i, int64_t child,
                            wl_error *error) {
  const wl_forest_spec *spec = n->spec;
  if (child >= 0) {
    if ((uint64_t)child >= spec->n_splits)
      return bad_int(spec, name, i, child, "there is no such split", error);
    if (mark(n->splits, (size_t)child))
      return bad_int(spec, name, i, child, "the split has two parents", error);
    n->n_splits++;
    return WL_OK;
  }
  if ((uint64_t)~child >= spec->n_leaves)
    return bad_int(spec, name, i, child, "there is no such leaf", error);
  if (mark(n->leaves, (size_t)~child))
    return bad_int(spec, name, i, child, "the leaf has two parents", error);
  n->n_leaves++;
  return WL_OK;
}

static wl_status check_children(names *n, wl_error *error) {
  const wl_forest_spec *spec = n->spec;
  for (size_t i = 0; i < spec->n_trees; i++)
    WL_TRY(name_child(n, "roots", i, spec->roots[i], error));
  for (size_t i = 0; i < spec->n_splits; i++) {
    int64_t left = spec->left[i], right = spec->right[i];
    if (left >= 0 && (uint64_t)left <= i)
      return bad_int(spec, "left", i, left,
                     "a child's number is larger than its parent's", error);
    if (right >= 0 && (uint64_t)right <= i)
      return bad_int(spec, "right", i, right,
                     "a child's number is larger than its parent's", error);
    WL_TRY(name_child(n, "left", i, left, error));
    WL_TRY(name_child(n, "right", i, right, error));
  }
  if (n->n_splits != spec->n_splits || n->n_leaves != spec->n_leaves)
    return wl_fail(error, WL_ERROR_VALUE,
                   "operator '%s': %zu of %zu splits and %zu of %zu leaves are "
                   "in a tree",
                   spec->op, n->n_splits, spec->n_splits, n->n_leaves,
                   spec->n_leaves);
  return WL_OK;
}

wl_status wl_forest_check(const wl_forest_spec *spec, wl_error *error) {
  wl_status status;
  names n = {.spec = spec};
  WL_TRY(check_counts(spec, error));
  WL_TRY(check_sets(spec, error));
  for (size_t i = 0; i < spec->n_splits; i++)
    WL_TRY(check_split(spec, i, error));
  for (size_t i = 0; i < spec->n_trees && spec->output != NULL; i++)
    if (spec->output[i] < 0 || (uint64_t)spec->output[i] >= spec->n_outputs)
      return bad_int(spec, "output", i, spec->output[i],
                     "there is no such output", error);
  for (size_t i = 0; i < spec->n_leaves && spec->ids != NULL; i++)
    if (spec->ids[i] < -max_id || spec->ids[i] > max_id)
      return bad_int(spec, "ids", i, spec->ids[i], "it is beyond 2^53", error);
  n.splits = wl_calloc(spec->n_splits / 8 + 1, 1);
  n.leaves = wl_calloc(spec->n_leaves / 8 + 1, 1);
  status = n.splits != NULL && n.leaves != NULL
               ? check_children(&n, error)
               : wl_fail_memory(error, spec->n_splits / 8);
  wl_free(n.splits);
  wl_free(n.leaves);
  return status;
}
