/* Trees: every engine and instruction set against a walk by definition, bit for
 * bit; what is refused; and memory that fails. */
#include "support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/cpu.h"
#include "models/forest/forest.h"

enum {
  MAX_SPLITS = 1 << 16,
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

static int64_t ints_at(wl_ints list, int64_t i) {
  return wl_ints_at(&list, (size_t)i);
}

static bool in_set(const wl_forest_spec *s, int64_t set, bool truncates,
                   double x) {
  if (!(x >= 0.0 || (truncates && x > -1.0)) || x >= 0x1p31)
    return false;
  int64_t c = (int64_t)x, at = ints_at(s->set_starts, set) + c / 32;
  return at < ints_at(s->set_starts, set + 1) &&
         (ints_at(s->sets, at) >> (c % 32) & 1);
}

static bool goes_left(const wl_forest_spec *s, int64_t i, const double *x) {
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

static int64_t leaf_of(const wl_forest_spec *s, size_t tree, const double *x) {
  int64_t at = ints_at(s->roots, (int64_t)tree);
  while (at >= 0)
    at = ints_at(goes_left(s, at, x) ? s->left : s->right, at);
  return ~at;
}

static int64_t smallest_leaf(const wl_forest_spec *s, int64_t at) {
  if (at < 0)
    return ~at;
  int64_t a = smallest_leaf(s, ints_at(s->left, at));
  int64_t b = smallest_leaf(s, ints_at(s->right, at));
  return a < b ? a : b;
}

static void score_by_definition(const wl_forest_spec *s, const double *x,
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

static size_t below(size_t n) { return (size_t)(random_bits() % n); }

/* Values that are on, or next to, what a threshold may be. */
static double any_value(size_t variety) {
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

static void random_sets(arrays *m, const shape *s) {
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

static void random_split(arrays *m, const shape *s, size_t i) {
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
static void random_tree(arrays *m, const shape *s, size_t tree, size_t n) {
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

static arrays *random_arrays(const shape *s) {
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

/* Rows on, below and above the thresholds of the model; and NaN. */
static double *random_rows(const arrays *m, const shape *s, size_t ld) {
  double *x = calloc(MAX_ROWS * ld, sizeof *x);
  for (size_t i = 0; i < MAX_ROWS * ld; i++) {
    x[i] = below(8) == 0 ? NAN : any_value(s->variety);
    if (s->has_floats)
      x[i] = (double)(float)x[i];
    if (m->spec.n_splits != 0 && below(3) == 0 && !s->has_floats) {
      size_t split = below(m->spec.n_splits);
      size_t column = (size_t)m->feature[split];
      x[i / ld * ld + column] = m->threshold[split];
    }
  }
  return x;
}

/* ---- comparing ----------------------------------------------------------- */

/* How a caller's rows may lie. */
enum { IN_ROWS, IN_COLUMNS, IN_ROWS_OF_FLOATS, IN_COLUMNS_OF_FLOATS, N_ORDERS };

/* n rows of `ld` numbers in another order, in memory of n * ld doubles. */
static wl_strided arrange(int order, const double *x, size_t ld, size_t n,
                          void *memory) {
  bool is_f32 = order >= IN_ROWS_OF_FLOATS, in_columns = order & 1;
  int64_t size = is_f32 ? sizeof(float) : sizeof(double);
  for (size_t r = 0; r < n; r++)
    for (size_t c = 0; c < ld; c++) {
      size_t at = in_columns ? c * n + r : r * ld + c;
      if (is_f32)
        ((float *)memory)[at] = (float)x[r * ld + c];
      else
        ((double *)memory)[at] = x[r * ld + c];
    }
  return (wl_strided){.values = memory,
                      .row_stride = in_columns ? size : size * (int64_t)ld,
                      .column_stride = in_columns ? size * (int64_t)n : size,
                      .is_f32 = is_f32};
}

static bool are_floats(const double *x, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (x[i] == x[i] && x[i] != (double)(float)x[i])
      return false;
  return true;
}

static void check_rows(const wl_forest *forest, const double *x, size_t ld,
                       const double *from, size_t from_ld,
                       const double *expected) {
  static const size_t sizes[] = {1, 7, 15, 64, 65, 129, MAX_ROWS};
  size_t k = wl_forest_n_outputs(forest), out_ld = k + 3;
  double *out = malloc(MAX_ROWS * out_ld * sizeof *out);
  int n_orders = are_floats(x, MAX_ROWS * ld) ? N_ORDERS : IN_ROWS_OF_FLOATS;
  wl_arena arena;
  wl_arena_init(&arena);
  for (size_t i = 0; i < WL_COUNT_OF(sizes); i++) {
    size_t n = sizes[i], first = below(MAX_ROWS - n + 1);
    for (size_t at = 0; at < n * out_ld; at++)
      out[at] = 77.0;
    /* Exactly as large as the rows: a sanitizer sees what reads past them. */
    double *memory = malloc(n * ld * sizeof *memory);
    wl_strided rows =
        arrange((int)below((size_t)n_orders), x + first * ld, ld, n, memory);
    assert_int_equal(
        wl_forest_score(forest, &rows,
                        from == NULL ? NULL : from + first * from_ld, from_ld,
                        n, &arena, out, out_ld, NULL),
        WL_OK);
    free(memory);
    for (size_t r = 0; r < n; r++) {
      assert_memory_equal(out + r * out_ld, expected + (first + r) * k,
                          k * sizeof *out);
      for (size_t c = k; c < out_ld; c++)
        assert_true(out[r * out_ld + c] == 77.0);
    }
    wl_arena_reset(&arena);
  }
  wl_arena_deinit(&arena);
  free(out);
}

/* ---- sparse rows --------------------------------------------------------- */

typedef struct sparse_rows {
  int64_t indptr[MAX_ROWS + 1];
  int32_t *indices;
  double *data;
} sparse_rows;

/*
 * MAX_ROWS rows of n columns: sorted or not, with columns that come twice,
 * zeros and NaN that are stored, and rows of nothing; and what they are when
 * spread out, with `absent` in the gaps.
 */
static sparse_rows *random_sparse(size_t n, double absent, size_t variety,
                                  double *dense) {
  sparse_rows *s = calloc(1, sizeof *s);
  s->indices = malloc((2 * n * MAX_ROWS + 1) * sizeof *s->indices);
  s->data = malloc((2 * n * MAX_ROWS + 1) * sizeof *s->data);
  int64_t at = 0;
  for (size_t r = 0; r < MAX_ROWS; r++) {
    size_t most = below(4) == 0 ? 0 : below(2 * n + 1);
    bool is_sorted = below(2) == 0;
    double *row = dense + r * n;
    bool *is_stored = calloc(n, sizeof *is_stored);
    for (size_t c = 0; c < n; c++)
      row[c] = absent;
    for (size_t i = 0; i < most; i++) {
      size_t c = is_sorted ? i * n / most : below(n);
      double v = below(5) == 0 ? 0.0 : below(9) == 0 ? NAN : any_value(variety);
      s->indices[at] = (int32_t)c;
      s->data[at++] = v;
      row[c] = is_stored[c] ? row[c] + v : 0.0 + v;
      is_stored[c] = true;
    }
    free(is_stored);
    s->indptr[r + 1] = at;
  }
  return s;
}

static void free_sparse(sparse_rows *s) {
  free(s->indices);
  free(s->data);
  free(s);
}

static void check_sparse_rows(const wl_forest *forest, const sparse_rows *s,
                              size_t n_columns, const double *expected) {
  static const size_t sizes[] = {1, 2, 7, 64, 65, 300, MAX_ROWS};
  size_t k = wl_forest_n_outputs(forest);
  double *out = malloc(MAX_ROWS * k * sizeof *out);
  wl_arena arena;
  wl_arena_init(&arena);
  for (size_t i = 0; i < WL_COUNT_OF(sizes); i++) {
    size_t n = sizes[i], first = below(MAX_ROWS - n + 1);
    const wl_value x = {.kind = WL_VALUE_CSR,
                        .n_rows = n,
                        .n_columns = n_columns,
                        .indptr = s->indptr + first,
                        .indices = s->indices,
                        .data = s->data};
    assert_int_equal(
        wl_forest_score_sparse(forest, &x, NULL, 0, n, &arena, out, k, NULL),
        WL_OK);
    assert_memory_equal(out, expected + first * k, n * k * sizeof *out);
    wl_arena_reset(&arena);
  }
  wl_arena_deinit(&arena);
  free(out);
}

/* Of all instruction sets and engines, and both meanings of a gap. */
static void check_sparse(const shape *s, uint64_t seed) {
  wl_cpu_level best = wl_cpu_force(WL_CPU_LEVEL_COUNT - 1);
  random_state = seed;
  arrays *m = random_arrays(s);
  wl_forest_spec spec = m->spec;
  size_t n = spec.n_columns, k = spec.n_outputs;
  double *dense = malloc(MAX_ROWS * n * sizeof *dense);
  double *expected = malloc(MAX_ROWS * k * sizeof *expected);
  for (int nan = 0; nan < 2; nan++) {
    sparse_rows *x = random_sparse(n, nan ? NAN : 0.0, s->variety, dense);
    spec.is_absent_nan = nan;
    for (size_t r = 0; r < MAX_ROWS; r++)
      score_by_definition(&spec, dense + r * n, expected + r * k);
    for (int level = 0; level <= (int)best; level++) {
      wl_forest *forest;
      wl_cpu_force((wl_cpu_level)level);
      assert_int_equal(wl_forest_create(&spec, &forest, NULL), WL_OK);
      for (int engine = 0; engine <= WL_FOREST_ENGINE_COUNT; engine++) {
        wl_forest_force((wl_forest_engine)engine);
        check_sparse_rows(forest, x, n, expected);
      }
      wl_forest_free(forest);
    }
    wl_forest_force(WL_FOREST_ENGINE_COUNT);
    wl_cpu_force(best);
    free_sparse(x);
  }
  free(expected);
  free(dense);
  free(m);
}

/* All instruction sets and engines. */
static void check_forest(const wl_forest_spec *spec, const double *x, size_t ld,
                         const double *expected) {
  wl_cpu_level best = wl_cpu_force(WL_CPU_LEVEL_COUNT - 1);
  /* Rows that bring the start themselves. */
  size_t k = spec->n_outputs;
  double *starts = spec->is_leaf_numbers
                       ? NULL
                       : malloc(MAX_ROWS * (k + 1) * sizeof *starts);
  for (size_t i = 0; starts != NULL && i < MAX_ROWS * (k + 1); i++)
    starts[i] =
        spec->start != NULL && i % (k + 1) < k ? spec->start[i % (k + 1)] : 0;
  for (int level = 0; level <= (int)best; level++) {
    wl_forest *forest;
    wl_cpu_force((wl_cpu_level)level);
    assert_int_equal(wl_forest_create(spec, &forest, NULL), WL_OK);
    assert_true(wl_forest_size(forest) > 0);
    for (int engine = 0; engine <= WL_FOREST_ENGINE_COUNT; engine++) {
      wl_forest_force((wl_forest_engine)engine);
      check_rows(forest, x, ld, NULL, 0, expected);
      if (starts != NULL)
        check_rows(forest, x, ld, starts, k + 1, expected);
    }
    wl_forest_free(forest);
  }
  free(starts);
  wl_forest_force(WL_FOREST_ENGINE_COUNT);
  wl_cpu_force(best);
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

static int32_t in_tree(int64_t child, size_t split, size_t leaf) {
  return (int32_t)(child >= 0 ? child - (int64_t)split
                              : ~(~child - (int64_t)leaf));
}

static packed *pack(const arrays *m) {
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

static void check_arrays(const arrays *m, const shape *s) {
  const wl_forest_spec *spec = &m->spec;
  size_t ld = s->n_features + below(3), k = spec->n_outputs, n = spec->n_trees;
  double *x = random_rows(m, s, ld);
  double *expected = malloc(MAX_ROWS * (k + n) * sizeof *expected);
  for (size_t r = 0; r < MAX_ROWS; r++)
    score_by_definition(spec, x + r * ld, expected + r * k);
  check_forest(spec, x, ld, expected);
  packed *p = pack(m);
  check_forest(&p->spec, x, ld, expected);
  wl_forest_spec numbers = s->is_vector ? *spec : p->spec;
  numbers.is_leaf_numbers = true;
  numbers.width = 1;
  for (size_t t = 0; t < n; t++) {
    int64_t least = s->is_chain
                        ? -1
                        : smallest_leaf(spec, ints_at(spec->roots, (int64_t)t));
    for (size_t r = 0; r < MAX_ROWS; r++)
      expected[r * n + t] =
          (double)(leaf_of(spec, t, x + r * ld) - (least < 0 ? 0 : least));
  }
  if (!s->is_chain)
    check_forest(&numbers, x, ld, expected);
  free(p);
  free(expected);
  free(x);
}

static void check_shape(shape s, uint64_t seed) {
  random_state = seed;
  arrays *m = random_arrays(&s);
  check_arrays(m, &s);
  free(m);
}

/* ---- tests --------------------------------------------------------------- */

static void small_trees_are_exact(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= 12; seed++)
    check_shape((shape){.n_trees = 1 + seed * 3,
                        .max_leaves = seed % 4 == 0 ? 1 : 31,
                        .n_features = 1 + seed % 7,
                        .n_outputs = 1,
                        .variety = 30,
                        .has_start = seed % 2,
                        .is_f32 = seed % 3 == 0},
                seed);
}

static void floats_are_compared_as_doubles(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= 6; seed++)
    check_shape((shape){.n_trees = 20,
                        .max_leaves = seed % 2 ? 31 : 300,
                        .n_features = 1 + seed % 5,
                        .n_outputs = 1,
                        .variety = seed % 3 ? 30 : 2000,
                        .has_categories = seed % 2,
                        .has_floats = true},
                seed);
}

static void categories_are_exact(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= 8; seed++)
    check_shape((shape){.n_trees = 20,
                        .max_leaves = 20,
                        .n_features = 4,
                        .n_outputs = 1 + seed % 2,
                        .variety = 80,
                        .has_categories = true},
                seed);
}

static void several_outputs_are_exact(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= 8; seed++)
    check_shape((shape){.n_trees = 30,
                        .max_leaves = 16,
                        .n_features = 9,
                        .n_outputs = seed == 8 ? 20 : 1 + seed % 5,
                        .variety = 50,
                        .is_vector = seed % 2,
                        .is_f32 = seed % 4 == 0,
                        .has_output = seed % 3 == 0,
                        .has_start = true},
                seed);
}

static void trees_of_up_to_600_leaves_are_exact(void **state) {
  (void)state;
  static const size_t leaves[] = {64, 65, 127, 128, 129, 200, 256, 257, 600};
  for (size_t i = 0; i < WL_COUNT_OF(leaves); i++)
    check_shape((shape){.n_trees = 9,
                        .max_leaves = leaves[i],
                        .n_features = 12,
                        .n_outputs = 1,
                        .variety = 100},
                i + 1);
}

/* More than 255 thresholds a feature, in more columns than bytes are cut into.
 */
static void ranks_of_16_bits_are_selected_exactly(void **state) {
  (void)state;
  check_shape((shape){.n_trees = MAX_TREES,
                      .max_leaves = 250,
                      .n_features = MAX_FEATURES,
                      .n_outputs = 2,
                      .variety = 20000},
              3);
}

/* More than 255 thresholds a feature: ranks in parts, or of 16 bits. */
static void many_thresholds_are_exact(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= 3; seed++)
    check_shape((shape){.n_trees = 40,
                        .max_leaves = seed == 3 ? 700 : 200,
                        .n_features = 3,
                        .n_outputs = 1,
                        .variety = seed == 1 ? 350 : 20000},
                seed);
}

/* More than 256 columns of ranks, and more than fit the nodes of 8 bytes. */
static void more_than_32768_leaves_are_exact(void **state) {
  (void)state;
  shape s = {.n_trees = 1,
             .max_leaves = 1,
             .n_features = 3,
             .n_outputs = 1,
             .variety = 1000000};
  random_state = 5;
  arrays *m = random_arrays(&s);
  m->spec.n_tests = m->spec.n_splits = m->spec.n_leaves = 0;
  random_tree(m, &s, 0, 40000);
  check_arrays(m, &s);
  free(m);
}

static void chains_are_walked_without_recursion(void **state) {
  (void)state;
  static const size_t leaves[] = {21, 250, 2000, 40000};
  for (size_t i = 0; i < WL_COUNT_OF(leaves); i++) {
    shape s = {.n_trees = 2,
               .max_leaves = 1,
               .n_features = 3,
               .n_outputs = 1,
               .variety = 50,
               .is_chain = true};
    random_state = i + 1;
    arrays *m = random_arrays(&s);
    m->spec.n_tests = m->spec.n_splits = m->spec.n_leaves = 0;
    random_tree(m, &s, 0, leaves[i]);
    random_tree(m, &s, 1, 3);
    check_arrays(m, &s);
    free(m);
  }
}

static void wide_rows_are_exact(void **state) {
  (void)state;
  check_shape((shape){.n_trees = 60,
                      .max_leaves = 31,
                      .n_features = 40,
                      .n_outputs = 1,
                      .variety = 500},
              3);
  check_shape((shape){.n_trees = 60,
                      .max_leaves = 100,
                      .n_features = 40,
                      .n_outputs = 2,
                      .variety = 9,
                      .has_categories = true},
              4);
}

/* Numbers of thresholds around the steps of the search. */
static void every_number_of_thresholds_is_exact(void **state) {
  (void)state;
  static const size_t counts[] = {1,   2,   7,   8,   9,    15,   16,  17,
                                  31,  32,  33,  48,  128,  239,  240, 241,
                                  254, 255, 256, 257, 4095, 4096, 4097};
  for (size_t i = 0; i < WL_COUNT_OF(counts); i++) {
    size_t n = counts[i];
    shape s = {.n_trees = 1,
               .max_leaves = 1,
               .n_features = 1,
               .n_outputs = 1,
               .variety = n + 5};
    random_state = i + 1;
    arrays *m = random_arrays(&s);
    m->spec.n_tests = m->spec.n_splits = m->spec.n_leaves = 0;
    random_tree(m, &s, 0, n + 1);
    for (size_t t = 0; t < n; t++)
      m->threshold[t] = (double)(t * 7919 % n) * 0.75 - 3.0;
    check_arrays(m, &s);
    free(m);
  }
}

static void sparse_rows_are_as_spread_out(void **state) {
  (void)state;
  static const size_t leaves[] = {1, 8, 60, 300, 2500};
  for (uint64_t seed = 1; seed <= 15; seed++)
    check_sparse(&(shape){.n_trees = 1 + seed,
                          .max_leaves = leaves[seed % 5],
                          .n_features = 1 + 5 * (seed % 8),
                          .n_outputs = 1 + seed % 3,
                          .is_vector = seed % 2 == 0,
                          .has_categories = seed % 3 == 0,
                          .variety = seed % 4 == 0 ? 400 : 12},
                 seed);
}

static void a_forest_of_nothing_is_its_start(void **state) {
  (void)state;
  shape s = {.n_features = 1, .n_outputs = 3, .has_start = true, .variety = 3};
  arrays *m = random_arrays(&s);
  check_arrays(m, &s);
  free(m);
}

/* ---- refusals ------------------------------------------------------------ */

static void expect_refusal(const arrays *m, const char *part) {
  wl_error error;
  wl_forest *forest;
  assert_int_equal(wl_forest_create(&m->spec, &forest, &error), WL_ERROR_VALUE);
  assert_null(forest);
  assert_non_null(strstr(error.message, "operator 'trees'"));
  if (strstr(error.message, part) == NULL)
    fail_msg("'%s' is not in '%s'", part, error.message);
}

/* Two trees of 3 splits and 4 leaves; the second's children can be spoilt. */
static arrays *plain_arrays(void) {
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

static void what_is_not_a_forest_is_refused(void **state) {
  (void)state;
  static const struct {
    size_t offset;
    int64_t value;
    const char *part;
  } cases[] = {
      {offsetof(arrays, feature[2]), 3, "feature[2] is 3"},
      {offsetof(arrays, feature[2]), -1, "feature[2] is -1"},
      {offsetof(arrays, flags[1]), 16, "flags[1] is 16"},
      {offsetof(arrays, flags[1]), 6, "flags[1] is 6"},
      {offsetof(arrays, flags[1]), -1, "flags[1] is -1"},
      {offsetof(arrays, flags[1]), 10, "flags[1] is 10"},
      {offsetof(arrays, left[3]), 3, "left[3] is 3"},
      {offsetof(arrays, left[3]), 1, "left[3] is 1"},
      {offsetof(arrays, left[3]), 6, "left[3] is 6"},
      {offsetof(arrays, right[3]), 4, "right[3] is 4, the split has two"},
      {offsetof(arrays, right[3]), INT64_MAX,
       "right[3] is 9223372036854775807"},
      {offsetof(arrays, right[3]), INT64_MIN,
       "right[3] is -9223372036854775808"},
      {offsetof(arrays, right[5]), ~INT64_C(8), "right[5] is -9"},
      {offsetof(arrays, right[5]), ~INT64_C(0), "the leaf has two parents"},
      {offsetof(arrays, roots[1]), 6, "roots[1] is 6"},
      {offsetof(arrays, roots[1]), 0, "roots[1] is 0, the split has two"},
      {offsetof(arrays, roots[1]), 1, "the split has two parents"},
      {offsetof(arrays, output[1]), 2, "output[1] is 2"},
      {offsetof(arrays, output[0]), -1, "output[0] is -1"},
      {offsetof(arrays, sets[0]), -1, "sets[0] is -1"},
      {offsetof(arrays, sets[0]), INT64_C(1) << 32, "sets[0] is 4294967296"},
      {offsetof(arrays, set_starts[1]), 1000, "set_starts[1] is 1000"},
      {offsetof(arrays, set_starts[1]), -1, "set_starts[1] is -1"},
      {offsetof(arrays, known[0]), 12, "known[0] is 12"},
      {offsetof(arrays, known[0]), -2, "known[0] is -2"},
  };
  arrays *m = plain_arrays();
  wl_forest *forest;
  assert_int_equal(wl_forest_create(&m->spec, &forest, NULL), WL_OK);
  wl_forest_free(forest);
  free(m);
  for (size_t i = 0; i < WL_COUNT_OF(cases); i++) {
    m = plain_arrays();
    *(int64_t *)(void *)((char *)m + cases[i].offset) = cases[i].value;
    expect_refusal(m, cases[i].part);
    free(m);
  }
}

static void sizes_that_do_not_fit_are_refused(void **state) {
  (void)state;
  static const struct {
    size_t offset;
    int32_t value;
    const char *part;
  } cases[] = {
      {offsetof(packed, sizes[0]), -1, "sizes[0] is -1"},
      {offsetof(packed, sizes[0]), 7, "sizes[0] is 7"},
      {offsetof(packed, sizes[1]), 4, "sizes[1] is 4"},
      {offsetof(packed, sizes[1]), 2, "right[3] is 2, there is no such split"},
      {offsetof(packed, sizes[1]), 0, "3 of 6 splits and 5 of 8 leaves"},
      {offsetof(packed, left[3]), 3, "left[3] is 3, there is no such split"},
      {offsetof(packed, left[3]), 0, "left[3] is 0, a child's number"},
      {offsetof(packed, right[5]), ~4, "right[5] is -5, there is no such leaf"},
      {offsetof(packed, right[3]), 1, "right[3] is 1, the split has two"},
      {offsetof(packed, test[2]), 6, "test[2] is 6, there is no such test"},
      {offsetof(packed, test[2]), -1, "test[2] is 4294967295"},
  };
  for (size_t i = 0; i < WL_COUNT_OF(cases); i++) {
    arrays *m = plain_arrays();
    packed *p = pack(m);
    memcpy((char *)p + cases[i].offset, &cases[i].value, sizeof cases[i].value);
    m->spec = p->spec;
    expect_refusal(m, cases[i].part);
    free(p);
    free(m);
  }
}

static void thresholds_that_mean_nothing_are_refused(void **state) {
  (void)state;
  static const double sets[] = {-1.0, 12.0, 0.5, NAN, INFINITY, -INFINITY};
  arrays *m = plain_arrays();
  m->flags[4] = 0;
  m->threshold[4] = NAN;
  expect_refusal(m, "threshold[4] is NaN");
  m->flags[4] = 8;
  for (size_t i = 0; i < WL_COUNT_OF(sets); i++) {
    m->threshold[4] = sets[i];
    expect_refusal(m, "threshold[4] is ");
  }
  free(m);
}

static void what_no_tree_reaches_is_refused(void **state) {
  (void)state;
  arrays *m = plain_arrays();
  m->spec.n_leaves = 9;
  expect_refusal(m, "8 of 9 leaves");
  m->spec.n_leaves = 8;
  m->spec.n_trees = 1;
  expect_refusal(m, "5 of 6 splits");
  m->spec.n_trees = 2;
  m->spec.width = 3;
  expect_refusal(m, "leaves have 3 numbers");
  m->spec.width = 1;
  m->spec.n_outputs = (size_t)1 << 40;
  expect_refusal(m, "n_outputs is 1099511627776");
  free(m);
}

/* ---- size -----------------------------------------------------------------
 */

/* Where thresholds repeat: each distinct one takes 8 bytes besides. */
static void a_split_takes_at_most_12_bytes_besides_leaf_values(void **state) {
  (void)state;
  static const size_t leaves[] = {31, 63, 128, 256, 600};
  static const size_t a_feature = 1024, a_forest = 1024;
  wl_cpu_level best = wl_cpu_force(WL_CPU_LEVEL_COUNT - 1);
  for (int level = 0; level <= (int)best; level++)
    for (size_t i = 0; i < WL_COUNT_OF(leaves); i++) {
      shape s = {.n_trees = 60,
                 .max_leaves = leaves[i],
                 .n_features = 4,
                 .n_outputs = 1,
                 .variety = leaves[i] < 200 ? 40 : 200};
      random_state = i + 1;
      wl_cpu_force((wl_cpu_level)level);
      arrays *m = random_arrays(&s);
      wl_forest *forest;
      assert_int_equal(wl_forest_create(&m->spec, &forest, NULL), WL_OK);
      size_t size = wl_forest_size(forest) - m->spec.n_leaves * sizeof(double);
      assert_true(size <= 12 * m->spec.n_splits + 4 * a_feature + a_forest);
      wl_forest_free(forest);
      free(m);
    }
  wl_cpu_force(WL_CPU_LEVEL_COUNT - 1);
}

/* Two trees of one split, whose leaves are numbered as tables number them. */
static void lasting_leaves_in_order_are_not_copied(void **state) {
  (void)state;
  static const int64_t feature[] = {0, 0}, flags[] = {4, 4}, sizes[] = {1, 1};
  static const int64_t left[] = {-1, -1}, right[] = {-2, -2};
  static const double threshold[] = {0.5, 1.5}, leaves[] = {1, 2, 3, 4};
  static const double x[] = {0, 1, 2}, expected[] = {4, 5, 6};
  wl_forest_spec spec = {.op = "trees",
                         .n_columns = 1,
                         .n_tests = 2,
                         .n_splits = 2,
                         .n_leaves = 4,
                         .n_trees = 2,
                         .feature = wl_ints_of(feature),
                         .flags = wl_ints_of(flags),
                         .threshold = threshold,
                         .left = wl_ints_of(left),
                         .right = wl_ints_of(right),
                         .sizes = wl_ints_of(sizes),
                         .width = 1,
                         .leaves = leaves,
                         .n_outputs = 1,
                         .divide = 1.0};
  size_t size[2];
  for (size_t i = 0; i < 2; i++) {
    wl_forest *forest;
    double out[3];
    wl_arena arena;
    wl_strided rows = {.values = x, .row_stride = 8, .column_stride = 8};
    spec.are_leaves_lasting = i == 1;
    assert_int_equal(wl_forest_create(&spec, &forest, NULL), WL_OK);
    size[i] = wl_forest_size(forest);
    wl_arena_init(&arena);
    assert_int_equal(
        wl_forest_score(forest, &rows, NULL, 0, 3, &arena, out, 1, NULL),
        WL_OK);
    assert_memory_equal(out, expected, sizeof expected);
    wl_arena_deinit(&arena);
    wl_forest_free(forest);
  }
  assert_int_equal(size[0] - size[1], sizeof leaves);
}

/* ---- memory -------------------------------------------------------------- */

static void every_allocation_may_fail(void **state) {
  (void)state;
  static const double x[3 * 20];
  static double out[2 * 20];
  static const int64_t indptr[20 + 1];
  const wl_value empty = {
      .kind = WL_VALUE_CSR, .n_rows = 20, .n_columns = 3, .indptr = indptr};
  arrays *m = plain_arrays();
  for (long n = 0;; n++) {
    wl_forest *forest = NULL;
    wl_arena arena;
    wl_arena_init(&arena);
    calls_left = n;
    wl_status status = wl_forest_create(&m->spec, &forest, NULL);
    wl_strided rows = {.values = x, .row_stride = 24, .column_stride = 8};
    if (status == WL_OK)
      status =
          wl_forest_score(forest, &rows, NULL, 0, 20, &arena, out, 2, NULL);
    if (status == WL_OK)
      status = wl_forest_score_sparse(forest, &empty, NULL, 0, 20, &arena, out,
                                      2, NULL);
    calls_left = -1;
    wl_forest_free(forest);
    wl_arena_deinit(&arena);
    assert_int_equal(n_live_blocks, 0);
    if (status == WL_OK)
      break;
    assert_int_equal(status, WL_ERROR_MEMORY);
  }
  free(m);
}

/* ---- the operators ------------------------------------------------------- */

static const char head[] = "willump-graph 1\n"
                           "%0 = input() {kind=\"matrix\", n_features=2}\n"
                           "%1 = ";
static const char tail[] = "\nstage\noutput y = %1\n";

static wl_status compile(const char *op, wl_model **out, wl_error *error) {
  static const double leaves[] = {1, 2, 3, 4, 5, 6};
  static const wl_tensor tensors[] = {
      {"pairs", WL_F64, 2, {3, 2}, leaves, NULL}};
  char text[2048];
  int size = snprintf(text, sizeof text, "%s%s%s", head, op, tail);
  return wl_model_compile(text, (size_t)size, tensors, 1, NULL, NULL, out,
                          error);
}

#define TREES                                                                  \
  "feature=[0, 1], threshold=[0.5, 2.0], left=[1, -1], right=[-2, -3], "       \
  "flags=[0, 4], roots=[0]"

static void predict(const char *op, void *out) {
  static const double x[] = {0, 2, 0.5, 3, 1, 0, NAN, NAN};
  const wl_input input = {.layout = WL_LAYOUT_STRIDED,
                          .dtype = WL_F64,
                          .n_columns = 2,
                          .values = x,
                          .row_stride = 16,
                          .column_stride = 8};
  wl_model *model;
  wl_error error;
  if (compile(op, &model, &error) != WL_OK)
    fail_msg("%s", error.message);
  assert_int_equal(
      wl_model_predict(model, 0, &input, 1, 4, NULL, out, NULL, NULL), WL_OK);
  wl_model_release(model);
}

static void trees_gives_sums_of_the_asked_type(void **state) {
  (void)state;
  static const double sums[] = {1.25, 3.25, 2.25, 3.25};
  static const float halves[] = {0.5f, 1.5f, 1.0f, 1.5f};
  static const double pairs[] = {1, 2, 5, 6, 3, 4, 5, 6};
  double out[8];
  float small[4];
  predict("trees(%0) {" TREES ", leaves=[1.0, 2.0, 3.0], start=[0.25]}", out);
  assert_memory_equal(out, sums, sizeof sums);
  predict("trees(%0) {" TREES
          ", leaves=[1.0, 2.0, 3.0], divide=2, dtype=\"f32\"}",
          small);
  assert_memory_equal(small, halves, sizeof halves);
  predict("trees(%0) {" TREES ", leaves=@pairs, n_outputs=2}", out);
  assert_memory_equal(out, pairs, sizeof pairs);
}

/* Rows that store x[1] = 3, nothing, x[0] = 0.5. */
static void predict_sparse(const char *op, void *out) {
  static const int64_t indptr[] = {0, 1, 1, 2}, indices[] = {1, 0};
  static const double data[] = {3, 0.5};
  const wl_input input = {.layout = WL_LAYOUT_CSR,
                          .dtype = WL_F64,
                          .n_columns = 2,
                          .values = data,
                          .index_dtype = WL_I64,
                          .indptr = indptr,
                          .indices = indices};
  wl_model *model;
  wl_error error;
  if (compile(op, &model, &error) != WL_OK)
    fail_msg("%s", error.message);
  assert_int_equal(
      wl_model_predict(model, 0, &input, 1, 3, NULL, out, NULL, NULL), WL_OK);
  wl_model_release(model);
}

static void absent_says_what_gaps_of_sparse_rows_are(void **state) {
  (void)state;
  static const double zeros[] = {3, 1, 1}, missing[] = {3, 3, 3};
  static const int64_t numbers[] = {2, 2, 2};
  double out[3];
  int64_t leaves[3];
  predict_sparse("trees(%0) {" TREES ", leaves=[1.0, 2.0, 3.0]}", out);
  assert_memory_equal(out, zeros, sizeof zeros);
  predict_sparse("trees(%0) {" TREES ", leaves=[1.0, 2.0, 3.0], absent=nan}",
                 out);
  assert_memory_equal(out, missing, sizeof missing);
  predict_sparse("tree_leaves(%0) {" TREES
                 ", leaves=[1.0, 2.0, 3.0], absent=nan}",
                 leaves);
  assert_memory_equal(leaves, numbers, sizeof numbers);
}

static void tree_leaves_gives_numbers(void **state) {
  (void)state;
  static const int64_t numbers[] = {0, 2, 1, 2};
  int64_t out[4];
  predict("tree_leaves(%0) {" TREES ", leaves=[1.0, 2.0, 3.0]}", out);
  assert_memory_equal(out, numbers, sizeof numbers);
  predict("tree_leaves(%0) {" TREES ", leaves=@pairs}", out);
  assert_memory_equal(out, numbers, sizeof numbers);
}

static void attributes_of_other_shapes_are_refused(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"trees(%0) {" TREES ", leaves=[1.0, 2.0]}", "right[1] is -3"},
      {"trees(%0) {" TREES ", leaves=[1.0, 2.0, 3.0, 4.0]}", "3 of 4 leaves"},
      {"trees(%0) {" TREES ", leaves=@pairs}", "leaves are f64"},
      {"trees(%0) {" TREES ", leaves=[1, 2, 3]}", "leaves are f64"},
      {"trees(%0) {" TREES ", leaves=[1.0, 2.0, 3.0], n_outputs=0}",
       "n_outputs is 0"},
      {"trees(%0) {" TREES ", leaves=[1.0, 2.0, 3.0], n_outputs=2147483647}",
       "operator 'trees'"},
      {"trees(%0) {" TREES ", leaves=[1.0, 2.0, 3.0], divide=0.0}",
       "divide is 0"},
      {"trees(%0) {" TREES ", leaves=[1.0, 2.0, 3.0], dtype=\"i64\"}",
       "dtype 'i64'"},
      {"trees(%0) {" TREES ", leaves=[1.0, 2.0, 3.0], start=[1.0, 2.0]}",
       "start has 2 elements"},
      {"trees(%0) {" TREES ", leaves=[1.0, 2.0, 3.0], known=[0]}",
       "known has 1 elements"},
      {"trees(%0) {" TREES ", leaves=[1.0, 2.0, 3.0], output=[0.5]}",
       "output is a list of integers"},
      {"trees(%0) {" TREES ", leaves=[1.0, 2.0, 3.0], absent=1.0}",
       "absent is 1, expected 0 or nan"},
      {"trees(%0) {feature=[0], threshold=[], left=[-1], right=[-2], "
       "flags=[0], roots=[0], leaves=[1.0, 2.0]}",
       "threshold has 0 elements"},
      {"tree_leaves(%0) {" TREES ", leaves=[1.0, 2.0]}",
       "operator 'tree_leaves': right[1]"},
      {"trees(%0) {" TREES ", sizes=[2], leaves=[1.0, 2.0, 3.0]}",
       "one of the attributes 'roots' and 'sizes'"},
      {"trees(%0) {feature=[0], threshold=[0.5], left=[-1], right=[-2], "
       "flags=[0], leaves=[1.0, 2.0]}",
       "one of the attributes 'roots' and 'sizes'"},
      {"trees(%0) {feature=[0], threshold=[0.5], left=[-1], right=[-2], "
       "flags=[0], test=[0, 0], sizes=[1], leaves=[1.0, 2.0]}",
       "left has 1 elements, expected 2"},
  };
  for (size_t i = 0; i < WL_COUNT_OF(cases); i++) {
    wl_model *model;
    wl_error error;
    wl_status status = compile(cases[i][0], &model, &error);
    assert_true(status == WL_ERROR_VALUE || status == WL_ERROR_UNSUPPORTED);
    if (strstr(error.message, cases[i][1]) == NULL)
      fail_msg("'%s' is not in '%s'", cases[i][1], error.message);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(small_trees_are_exact),
      cmocka_unit_test(floats_are_compared_as_doubles),
      cmocka_unit_test(categories_are_exact),
      cmocka_unit_test(several_outputs_are_exact),
      cmocka_unit_test(trees_of_up_to_600_leaves_are_exact),
      cmocka_unit_test(many_thresholds_are_exact),
      cmocka_unit_test(ranks_of_16_bits_are_selected_exactly),
      cmocka_unit_test(more_than_32768_leaves_are_exact),
      cmocka_unit_test(chains_are_walked_without_recursion),
      cmocka_unit_test(wide_rows_are_exact),
      cmocka_unit_test(sparse_rows_are_as_spread_out),
      cmocka_unit_test(every_number_of_thresholds_is_exact),
      cmocka_unit_test(a_split_takes_at_most_12_bytes_besides_leaf_values),
      cmocka_unit_test(a_forest_of_nothing_is_its_start),
      cmocka_unit_test(what_is_not_a_forest_is_refused),
      cmocka_unit_test(sizes_that_do_not_fit_are_refused),
      cmocka_unit_test(lasting_leaves_in_order_are_not_copied),
      cmocka_unit_test(thresholds_that_mean_nothing_are_refused),
      cmocka_unit_test(what_no_tree_reaches_is_refused),
      memory_test(every_allocation_may_fail),
      cmocka_unit_test(trees_gives_sums_of_the_asked_type),
      cmocka_unit_test(absent_says_what_gaps_of_sparse_rows_are),
      cmocka_unit_test(tree_leaves_gives_numbers),
      cmocka_unit_test(attributes_of_other_shapes_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
