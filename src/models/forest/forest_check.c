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
  if (spec->n_tests > max_count || spec->n_splits > max_count ||
      spec->n_leaves > max_count || spec->n_trees > max_count)
    return wl_fail(error, WL_ERROR_VALUE,
                   "operator '%s': more than 2^31 - 1 splits, tests, leaves or "
                   "trees",
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
  for (size_t i = 0; i <= spec->n_sets && spec->set_starts.data != NULL; i++) {
    int64_t at = wl_ints_at(&spec->set_starts, i);
    if (at < last || (uint64_t)at > spec->n_set_words)
      return bad_int(spec, "set_starts", i, at,
                     "starts ascend and lie within sets", error);
    last = at;
  }
  for (size_t i = 0; i < spec->n_set_words; i++) {
    int64_t word = wl_ints_at(&spec->sets, i);
    if (word < 0 || word > UINT32_MAX)
      return bad_int(spec, "sets", i, word, "expected a word of 32 bits",
                     error);
  }
  for (size_t i = 0; i < spec->n_columns && spec->known.data != NULL; i++) {
    int64_t set = wl_ints_at(&spec->known, i);
    if (set < -1 || (set >= 0 && (uint64_t)set >= spec->n_sets))
      return bad_int(spec, "known", i, set,
                     "expected the number of a set, or -1", error);
  }
  return WL_OK;
}

static wl_status check_test(const wl_forest_spec *spec, size_t i,
                            wl_error *error) {
  double threshold = spec->threshold[i];
  int64_t feature = wl_ints_at(&spec->feature, i);
  int64_t flags = wl_ints_at(&spec->flags, i);
  bool is_category = flags & WL_SPLIT_IS_CATEGORY;
  int64_t kind = flags >> WL_SPLIT_KIND_SHIFT & 3;
  if (feature < 0 || (uint64_t)feature >= spec->n_columns)
    return wl_fail(error, WL_ERROR_VALUE,
                   "operator '%s': feature[%zu] is %" PRId64
                   ", its input has %zu columns",
                   spec->op, i, feature, spec->n_columns);
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

/* What splits, trees and leaves have besides. */
static wl_status check_numbers(const wl_forest_spec *spec, wl_error *error) {
  for (size_t i = 0; i < spec->n_splits && spec->test.data != NULL; i++) {
    int64_t test = wl_ints_at(&spec->test, i);
    if (test < 0 || (uint64_t)test >= spec->n_tests)
      return bad_int(spec, "test", i, test, "there is no such test", error);
  }
  for (size_t i = 0; i < spec->n_trees && spec->output.data != NULL; i++) {
    int64_t output = wl_ints_at(&spec->output, i);
    if (output < 0 || (uint64_t)output >= spec->n_outputs)
      return bad_int(spec, "output", i, output, "there is no such output",
                     error);
  }
  for (size_t i = 0; i < spec->n_leaves && spec->ids.data != NULL; i++) {
    int64_t id = wl_ints_at(&spec->ids, i);
    if (id < -max_id || id > max_id)
      return bad_int(spec, "ids", i, id, "it is beyond 2^53", error);
  }
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

static wl_status name_child(names *n, const wl_forest_part *part,
                            const char *name, size_t i, int64_t child,
                            wl_error *error) {
  const wl_forest_spec *spec = n->spec;
  if (child >= 0) {
    if ((uint64_t)child >= part->n_splits)
      return bad_int(spec, name, i, child, "there is no such split", error);
    if (mark(n->splits, part->first_split + (size_t)child))
      return bad_int(spec, name, i, child, "the split has two parents", error);
    n->n_splits++;
    return WL_OK;
  }
  if ((uint64_t)~child >= part->n_leaves)
    return bad_int(spec, name, i, child, "there is no such leaf", error);
  if (mark(n->leaves, part->first_leaf + (size_t)~child))
    return bad_int(spec, name, i, child, "the leaf has two parents", error);
  n->n_leaves++;
  return WL_OK;
}

/* Names the children of a part's splits. */
static wl_status check_children(names *n, const wl_forest_part *part,
                                wl_error *error) {
  const wl_forest_spec *spec = n->spec;
  for (size_t own = 0; own < part->n_splits; own++) {
    size_t i = part->first_split + own;
    int64_t left = wl_ints_at(&spec->left, i);
    int64_t right = wl_ints_at(&spec->right, i);
    if (left >= 0 && (uint64_t)left <= own)
      return bad_int(spec, "left", i, left,
                     "a child's number is larger than its parent's", error);
    if (right >= 0 && (uint64_t)right <= own)
      return bad_int(spec, "right", i, right,
                     "a child's number is larger than its parent's", error);
    WL_TRY(name_child(n, part, "left", i, left, error));
    WL_TRY(name_child(n, part, "right", i, right, error));
  }
  return WL_OK;
}

static wl_status check_roots(names *n, wl_error *error) {
  const wl_forest_spec *spec = n->spec;
  const wl_forest_part all = {0, spec->n_splits, 0, spec->n_leaves};
  for (size_t t = 0; t < spec->n_trees; t++)
    WL_TRY(name_child(n, &all, "roots", t, wl_ints_at(&spec->roots, t), error));
  return check_children(n, &all, error);
}

/* Trees that lie one behind the other. */
static wl_status check_sizes(names *n, wl_error *error) {
  const wl_forest_spec *spec = n->spec;
  wl_forest_part part = {0};
  for (size_t t = 0; t < spec->n_trees; t++) {
    int64_t size = wl_ints_at(&spec->sizes, t);
    size_t split = part.first_split + part.n_splits;
    size_t leaf = part.first_leaf + part.n_leaves;
    if (size < 0 || (uint64_t)size > spec->n_splits - split ||
        (uint64_t)size >= spec->n_leaves - leaf)
      return bad_int(spec, "sizes", t, size,
                     "there are not as many splits and one leaf more", error);
    part = wl_forest_next_part(spec, &part, t);
    WL_TRY(name_child(n, &part, "sizes", t, wl_forest_root(spec, &part, t),
                      error));
    WL_TRY(check_children(n, &part, error));
  }
  return WL_OK;
}

static wl_status check_trees(names *n, wl_error *error) {
  const wl_forest_spec *spec = n->spec;
  WL_TRY(spec->sizes.data != NULL ? check_sizes(n, error)
                                  : check_roots(n, error));
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
  for (size_t i = 0; i < spec->n_tests; i++)
    WL_TRY(check_test(spec, i, error));
  WL_TRY(check_numbers(spec, error));
  n.splits = wl_calloc(spec->n_splits / 8 + 1, 1);
  n.leaves = wl_calloc(spec->n_leaves / 8 + 1, 1);
  status = n.splits != NULL && n.leaves != NULL
               ? check_trees(&n, error)
               : wl_fail_memory(error, spec->n_splits / 8);
  wl_free(n.splits);
  wl_free(n.leaves);
  return status;
}
