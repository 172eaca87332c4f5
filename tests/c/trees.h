/* trees.h: for tests of trees: a forest by definition, random ones in both
 * forms, and values for their rows. Included after cmocka. */
#ifndef WL_TESTS_TREES_H
#define WL_TESTS_TREES_H

#include <math.h>

#include "base/cpu.h"
#include "models/forest/forest.h"
#include "support.h"

enum {
  MAX_SPLITS = 1 << 17,
  MAX_TREES = 64,
  MAX_OUTPUTS = 24,
  MAX_FEATURES = 40,
  MAX_SETS = 64,
  MAX_WORDS = 256,
  MAX_ROWS = 1000
};

/* ---- a forest by definition ---------------------------------------------- */

typedef struct arrays {
  int64_t feature[MAX_SPLITS], left[MAX_SPLITS], right[MAX_SPLITS];
  int64_t flags[MAX_SPLITS], roots[MAX_TREES], output[MAX_TREES];
  double threshold[MAX_SPLITS];
  double leaves[2 * MAX_SPLITS], start[MAX_OUTPUTS];
  int64_t sets[MAX_WORDS], set_starts[MAX_SETS + 1], known[MAX_FEATURES];
  wl_forest_spec spec;
} arrays;

static inline int64_t ints_at(wl_ints list, int64_t i) {
  return wl_ints_at(&list, (size_t)i);
}

static inline bool in_set(const wl_forest_spec *s, int64_t set, bool truncates,
                          double x) {
  if (!(x >= 0.0 || (truncates && x > -1.0)) || x >= 0x1p31)
    return false;
  int64_t c = (int64_t)x, at = ints_at(s->set_starts, set) + c / 32;
  return at < ints_at(s->set_starts, set + 1) &&
         (ints_at(s->sets, at) >> (c % 32) & 1);
}

static inline bool goes_left(const wl_forest_spec *s, int64_t i,
                             const double *x) {
  int64_t feature = ints_at(s->feature, i), flags = ints_at(s->flags, i);
  double v = x[feature], t = s->threshold[i];
  int kind = (int)(flags >> 1 & 3);
  bool missing_left = flags & 1;
  if (isnan(v) && kind == 0)
    v = 0.0;
  if (isnan(v))
    return missing_left;
  if (flags & 8) {
    if (s->known.data != NULL && ints_at(s->known, feature) >= 0 &&
        !in_set(s, ints_at(s->known, feature), flags & 16, v))
      return missing_left;
    return in_set(s, (int64_t)t, flags & 16, v);
  }
  if (kind == 1 && fabs(v) <= (double)1e-35f)
    return missing_left;
  return v <= t;
}

static inline int64_t leaf_of(const wl_forest_spec *s, size_t tree,
                              const double *x) {
  int64_t at = ints_at(s->roots, (int64_t)tree);
  while (at >= 0)
    at = ints_at(goes_left(s, at, x) ? s->left : s->right, at);
  return ~at;
}

static inline int64_t smallest_leaf(const wl_forest_spec *s, int64_t at) {
  if (at < 0)
    return ~at;
  int64_t a = smallest_leaf(s, ints_at(s->left, at));
  int64_t b = smallest_leaf(s, ints_at(s->right, at));
  return a < b ? a : b;
}

static inline void score_by_definition(const wl_forest_spec *s, const double *x,
                                       double *out) {
  for (size_t k = 0; k < s->n_outputs; k++)
    out[k] = s->start != NULL ? s->start[k] : 0.0;
  for (size_t t = 0; t < s->n_trees; t++) {
    int64_t leaf = leaf_of(s, t, x);
    for (size_t w = 0; w < s->width; w++) {
      size_t k = w;
      if (s->width == 1)
        k = s->output.data != NULL ? (size_t)ints_at(s->output, (int64_t)t)
                                   : t % s->n_outputs;
      out[k] += s->leaves[(size_t)leaf * s->width + w];
      if (s->is_f32)
        out[k] = (double)(float)out[k];
    }
  }
  for (size_t k = 0; k < s->n_outputs; k++) {
    out[k] /= s->divide;
    if (s->is_f32)
      out[k] = (double)(float)out[k];
  }
}

/* ---- random forests ------------------------------------------------------ */

static inline size_t below(size_t n) { return (size_t)(random_bits() % n); }

/* Values that are on, or next to, what a threshold may be. */
static inline double any_value(size_t variety) {
  static const double special[] = {0.0,
                                   -0.0,
                                   1e-35,
                                   (double)1e-35f,
                                   -(double)1e-35f,
                                   1.01e-35,
                                   -1.01e-35,
                                   5e-324,
                                   -5e-324,
                                   INFINITY,
                                   -INFINITY,
                                   0x1p31,
                                   0x1.fffffffcp30,
                                   -1.0,
                                   -0.5,
                                   1e300,
                                   -1e300,
                                   0.5,
                                   31.0,
                                   32.0};
  size_t kind = below(10);
  if (kind == 0)
    return special[below(WL_COUNT_OF(special))];
  double v = (double)below(variety) * 0.75 - 3.0;
  if (kind == 1)
    v = nextafter(v, INFINITY);
  if (kind == 2)
    v = nextafter(v, -INFINITY);
  return v;
}

/* What a random forest is like. */
typedef struct shape {
  size_t n_trees, max_leaves, n_features, n_outputs, variety;
  bool is_vector, is_f32, has_floats, has_categories, has_start, has_output,
      is_chain;
} shape;

static inline void random_sets(arrays *m, const shape *s) {
  size_t at = 0;
  m->spec.n_sets = s->has_categories ? 12 : 0;
  for (size_t i = 0; i < m->spec.n_sets; i++) {
    m->set_starts[i] = (int64_t)at;
    for (size_t n = below(4); n > 0; n--)
      m->sets[at++] = below(3) == 0 ? 0 : (int64_t)(random_bits() >> 32);
    /* The same set under another number. */
    if (i % 3 == 2) {
      at = (size_t)m->set_starts[i];
      for (int64_t w = m->set_starts[i - 1]; w < m->set_starts[i]; w++)
        m->sets[at++] = m->sets[w];
    }
  }
  m->set_starts[m->spec.n_sets] = (int64_t)at;
  m->spec.n_set_words = at;
  m->spec.sets = wl_ints_of(m->sets);
  m->spec.set_starts = wl_ints_of(s->has_categories ? m->set_starts : NULL);
  for (size_t f = 0; f < s->n_features; f++)
    m->known[f] = below(2) ? -1 : (int64_t)below(12);
  m->spec.known = wl_ints_of(s->has_categories && below(2) ? m->known : NULL);
}

static inline void random_split(arrays *m, const shape *s, size_t i) {
  static const int64_t kinds[] = {0, 1, 2, 2, 4, 5};
  m->feature[i] = (int64_t)below(s->n_features);
  m->threshold[i] = any_value(s->variety);
  m->flags[i] = kinds[below(WL_COUNT_OF(kinds))] | (int64_t)below(2);
  if (s->has_categories && below(3) == 0) {
    m->threshold[i] = (double)below(m->spec.n_sets);
    m->flags[i] =
        8 | (below(2) ? 4 : 0) | (int64_t)below(2) | (below(4) == 0 ? 16 : 0);
  }
}

/* Appends a tree of n leaves: open children are closed one by one. */
static inline void random_tree(arrays *m, const shape *s, size_t tree,
                               size_t n) {
  static int64_t *open[MAX_SPLITS];
  size_t n_open = 1;
  open[0] = &m->roots[tree];
  for (size_t splits = n - 1; splits > 0; splits--) {
    size_t at = s->is_chain ? n_open - 1 : below(n_open);
    size_t i = m->spec.n_splits++;
    m->spec.n_tests = m->spec.n_splits;
    random_split(m, s, i);
    *open[at] = (int64_t)i;
    open[at] = &m->left[i];
    open[n_open++] = &m->right[i];
  }
  while (n_open > 0) {
    size_t at = below(n_open);
    *open[at] = ~(int64_t)m->spec.n_leaves++;
    open[at] = open[--n_open];
  }
}

static inline arrays *random_arrays(const shape *s) {
  arrays *m = calloc(1, sizeof *m);
  m->spec = (wl_forest_spec){.op = "trees",
                             .n_columns = s->n_features,
                             .n_trees = s->n_trees,
                             .feature = wl_ints_of(m->feature),
                             .left = wl_ints_of(m->left),
                             .right = wl_ints_of(m->right),
                             .flags = wl_ints_of(m->flags),
                             .threshold = m->threshold,
                             .roots = wl_ints_of(m->roots),
                             .width = s->is_vector ? s->n_outputs : 1,
                             .leaves = m->leaves,
                             .n_outputs = s->n_outputs,
                             .divide = below(2) ? 1.0 : 3.0,
                             .is_f32 = s->is_f32};
  random_sets(m, s);
  for (size_t t = 0; t < s->n_trees; t++) {
    random_tree(m, s, t, 1 + below(s->max_leaves));
    m->output[t] = (int64_t)below(s->n_outputs);
  }
  for (size_t i = 0; i < m->spec.n_leaves * m->spec.width; i++)
    m->leaves[i] = (double)(float)uniform(-1.0, 1.0);
  for (size_t k = 0; k < s->n_outputs; k++)
    m->start[k] = (double)(float)uniform(-1.0, 1.0);
  m->spec.start = s->has_start ? m->start : NULL;
  m->spec.output = wl_ints_of(s->has_output ? m->output : NULL);
  return m;
}

/* The same forest in narrow integers, with tests in another order than splits
 * and children numbered within their trees. */
typedef struct packed {
  uint16_t feature[MAX_SPLITS];
  uint8_t flags[MAX_SPLITS], output[MAX_TREES];
  double threshold[MAX_SPLITS];
  uint32_t test[MAX_SPLITS];
  int32_t left[MAX_SPLITS], right[MAX_SPLITS];
  int32_t sizes[MAX_TREES];
  wl_forest_spec spec;
} packed;

static inline int32_t in_tree(int64_t child, size_t split, size_t leaf) {
  return (int32_t)(child >= 0 ? child - (int64_t)split
                              : ~(~child - (int64_t)leaf));
}

static inline packed *pack(const arrays *m) {
  packed *p = calloc(1, sizeof *p);
  size_t n = m->spec.n_splits, split = 0;
  p->spec = m->spec;
  for (size_t i = 0; i < n; i++) {
    size_t test = n - 1 - i;
    p->test[i] = (uint32_t)test;
    p->feature[test] = (uint16_t)m->feature[i];
    p->flags[test] = (uint8_t)m->flags[i];
    p->threshold[test] = m->threshold[i];
  }
  for (size_t t = 0; t < m->spec.n_trees; t++) {
    size_t first = split, leaf = split + t, end = n;
    for (size_t next = t + 1; next < m->spec.n_trees && end == n; next++)
      end = m->roots[next] >= 0 ? (size_t)m->roots[next] : n;
    for (; m->roots[t] >= 0 && split < end; split++) {
      p->left[split] = in_tree(m->left[split], first, leaf);
      p->right[split] = in_tree(m->right[split], first, leaf);
    }
    p->sizes[t] = (int32_t)(split - first);
    p->output[t] = (uint8_t)m->output[t];
  }
  p->spec.feature = (wl_ints){p->feature, WL_U16};
  p->spec.flags = (wl_ints){p->flags, WL_U8};
  p->spec.threshold = p->threshold;
  p->spec.test = (wl_ints){p->test, WL_U32};
  p->spec.left = (wl_ints){p->left, WL_I32};
  p->spec.right = (wl_ints){p->right, WL_I32};
  p->spec.roots = (wl_ints){.data = NULL};
  p->spec.sizes = (wl_ints){p->sizes, WL_I32};
  if (m->spec.output.data != NULL)
    p->spec.output = (wl_ints){p->output, WL_U8};
  return p;
}

/* Two trees of 3 splits and 4 leaves; the second's children can be spoilt. */
static inline arrays *plain_arrays(void) {
  static const int64_t left[] = {1, ~0, ~1, 4, ~4, ~5};
  static const int64_t right[] = {2, ~2, ~3, 5, ~6, ~7};
  shape s = {.n_trees = 2,
             .max_leaves = 1,
             .n_features = 3,
             .n_outputs = 2,
             .variety = 4,
             .has_categories = true,
             .has_output = true};
  random_state = 1;
  arrays *m = random_arrays(&s);
  m->spec.n_tests = m->spec.n_splits = 6;
  m->spec.n_leaves = 8;
  m->spec.known = wl_ints_of(m->known);
  for (size_t i = 0; i < 6; i++) {
    m->feature[i] = (int64_t)i % 3;
    m->left[i] = left[i];
    m->right[i] = right[i];
  }
  m->roots[0] = 0;
  m->roots[1] = 3;
  return m;
}

#endif
