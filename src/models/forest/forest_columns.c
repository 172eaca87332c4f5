/*
 * forest_columns.c: from tests to columns of ranks: what distinct questions
 * does the forest ask of a feature? Sorting tests by feature and threshold
 * makes equal ones neighbours, so nothing is as large as the number of features
 * that x has.
 */
#include <math.h>
#include <stdlib.h>

#include "models/forest/forest_internal.h"

enum {
  FAN = 16,               /* cuts that the ranks' kernels compare at once */
  MAX_SET_WORDS = 1 << 26 /* there is no category from 2^31 on */
};

/* A test of numbers. */
typedef struct numeric {
  double threshold;
  uint32_t feature, test;
} numeric;

/* A test of categories. */
typedef struct categoric {
  uint32_t feature, test;
  uint32_t set; /* the first of those that are equal */
  bool is_nan_missing, truncates, missing_left;
} categoric;

typedef struct builder {
  wl_forest *forest;
  const wl_forest_spec *spec;
  wl_forest_rank *ranks; /* of each test */
  numeric *numerics;
  size_t n_numerics;
  categoric *categorics;
  size_t n_categorics;
  wl_forest_set *sets; /* within forest->set_words */
  uint32_t *equal;     /* the first set that equals set s */
} builder;

static int by_threshold(const void *a, const void *b) {
  const numeric *x = a, *y = b;
  if (x->feature != y->feature)
    return x->feature < y->feature ? -1 : 1;
  return x->threshold < y->threshold ? -1 : x->threshold > y->threshold;
}

static int compare(uint64_t a, uint64_t b) { return a < b ? -1 : a > b; }

static uint64_t categoric_group(const categoric *c) {
  return (uint64_t)c->feature << 2 | (uint64_t)c->truncates << 1 |
         c->is_nan_missing;
}

static uint64_t categoric_column(const categoric *c) {
  return (uint64_t)c->set << 1 | c->missing_left;
}

static int by_column(const void *a, const void *b) {
  const categoric *x = a, *y = b;
  int group = compare(categoric_group(x), categoric_group(y));
  return group != 0 ? group : compare(categoric_column(x), categoric_column(y));
}

/* ---- sets ---------------------------------------------------------------- */

typedef struct set_key {
  const uint32_t *words;
  size_t n_words;
  uint32_t number;
} set_key;

static int by_content(const void *a, const void *b) {
  const set_key *x = a, *y = b;
  int size = compare(x->n_words, y->n_words);
  if (size != 0)
    return size;
  int content = memcmp(x->words, y->words, x->n_words * sizeof *x->words);
  return content != 0 ? content : compare(x->number, y->number);
}

/* Each set's words without the zeros at its end, and one zero behind them. */
static void copy_sets(builder *b) {
  const wl_forest_spec *spec = b->spec;
  uint32_t *words = b->forest->set_words;
  size_t at = 0;
  for (size_t s = 0; s < spec->n_sets; s++) {
    size_t first = (size_t)wl_ints_at(&spec->set_starts, s);
    size_t end = (size_t)wl_ints_at(&spec->set_starts, s + 1);
    if (end - first > MAX_SET_WORDS)
      end = first + MAX_SET_WORDS;
    while (end > first && wl_ints_at(&spec->sets, end - 1) == 0)
      end--;
    b->sets[s] = (wl_forest_set){at, end - first};
    for (size_t i = first; i < end; i++)
      words[at++] = (uint32_t)wl_ints_at(&spec->sets, i);
    words[at++] = 0;
  }
  b->forest->n_set_words = at;
}

static wl_status make_sets(builder *b, wl_error *error) {
  const wl_forest_spec *spec = b->spec;
  size_t n = spec->n_sets;
  if (n == 0)
    return WL_OK;
  b->forest->set_words =
      wl_calloc(spec->n_set_words + n, sizeof *b->forest->set_words);
  b->sets = wl_calloc(n, sizeof *b->sets);
  b->equal = wl_calloc(n, sizeof *b->equal);
  set_key *keys = wl_calloc(n, sizeof *keys);
  if (b->forest->set_words == NULL || b->sets == NULL || b->equal == NULL ||
      keys == NULL) {
    wl_free(keys);
    return wl_fail_memory(error, n * sizeof *keys);
  }
  copy_sets(b);
  for (size_t s = 0; s < n; s++)
    keys[s] = (set_key){b->forest->set_words + b->sets[s].first,
                        b->sets[s].n_words, (uint32_t)s};
  qsort(keys, n, sizeof *keys, by_content);
  for (size_t i = 0; i < n; i++) {
    bool is_same =
        i > 0 && keys[i].n_words == keys[i - 1].n_words &&
        memcmp(keys[i].words, keys[i - 1].words, keys[i].n_words * 4) == 0;
    b->equal[keys[i].number] =
        is_same ? b->equal[keys[i - 1].number] : keys[i].number;
  }
  wl_free(keys);
  return WL_OK;
}

/* ---- tests by kind ------------------------------------------------------- */

static wl_status sort_tests(builder *b, wl_error *error) {
  const wl_forest_spec *spec = b->spec;
  size_t n = spec->n_tests, n_categorics = 0;
  for (size_t i = 0; i < n; i++)
    n_categorics += (wl_ints_at(&spec->flags, i) & WL_SPLIT_IS_CATEGORY) != 0;
  b->numerics = wl_calloc(n - n_categorics + 1, sizeof *b->numerics);
  b->categorics = wl_calloc(n_categorics + 1, sizeof *b->categorics);
  if (b->numerics == NULL || b->categorics == NULL)
    return wl_fail_memory(error, n * sizeof *b->numerics);
  for (size_t i = 0; i < n; i++) {
    uint32_t feature = (uint32_t)wl_ints_at(&spec->feature, i);
    int64_t flags = wl_ints_at(&spec->flags, i);
    if (flags & WL_SPLIT_IS_CATEGORY)
      b->categorics[b->n_categorics++] =
          (categoric){.feature = feature,
                      .test = (uint32_t)i,
                      .set = b->equal[(size_t)spec->threshold[i]],
                      .is_nan_missing = (flags >> WL_SPLIT_KIND_SHIFT & 3) ==
                                        WL_SPLIT_KIND_NAN,
                      .truncates = flags & WL_SPLIT_TRUNCATES,
                      .missing_left = flags & WL_SPLIT_MISSING_LEFT};
    else
      b->numerics[b->n_numerics++] =
          (numeric){spec->threshold[i], feature, (uint32_t)i};
  }
  qsort(b->numerics, b->n_numerics, sizeof *b->numerics, by_threshold);
  qsort(b->categorics, b->n_categorics, sizeof *b->categorics, by_column);
  return WL_OK;
}

/* ---- numeric features ---------------------------------------------------- */

static wl_forest_missing missing_of(int64_t flags) {
  bool left = flags & WL_SPLIT_MISSING_LEFT;
  switch (flags >> WL_SPLIT_KIND_SHIFT & 3) {
  case WL_SPLIT_KIND_ZERO:
    return left ? WL_MISSING_ZERO_LEFT : WL_MISSING_ZERO_RIGHT;
  case WL_SPLIT_KIND_NAN:
    return left ? WL_MISSING_NAN_LEFT : WL_MISSING_NAN_RIGHT;
  default:
    return WL_MISSING_IS_ZERO;
  }
}

static size_t padded(size_t n) {
  return n <= FAN / 2 ? FAN / 2 : (n + FAN - 1) / FAN * FAN;
}

/* The upper levels that the cuts fill, for AVX-512. */
static uint32_t top_levels(uint32_t n_cuts) {
  uint32_t n = 1;
  while (n < WL_FOREST_TOP_LEVELS && n_cuts >> n != 0)
    n++;
  return n;
}

/* How many doubles the tables of n cuts take; sets them in `feature`. */
static size_t lay_levels(wl_forest_feature *feature, wl_cpu_level level,
                         size_t n, size_t at) {
  size_t begin = at;
  feature->n_levels = 0;
  if (level == WL_CPU_AVX512_BW) {
    feature->top = at;
    feature->n_top_levels = top_levels(feature->n_cuts);
    at += padded((size_t)1 << feature->n_top_levels);
  }
  for (;;) {
    feature->level[feature->n_levels++] = at;
    at += padded(n);
    feature->n_highest = (uint32_t)n - (feature->n_levels > 1);
    if (n <= FAN || level != WL_CPU_AVX2)
      break;
    n = (n + FAN - 1) / FAN;
  }
  return at - begin;
}

/* The features' records and ranks: cuts are counted, not yet written. */
static void rank_tests(builder *b) {
  wl_forest *forest = b->forest;
  wl_forest_feature *feature = NULL;
  for (size_t i = 0; i < b->n_numerics; i++) {
    const numeric *n = &b->numerics[i];
    bool is_new = i == 0 || n->feature != n[-1].feature;
    if (is_new) {
      feature = &forest->features[forest->n_features++];
      *feature = (wl_forest_feature){.x_column = n->feature, .n_cuts = 1};
    } else {
      feature->n_cuts += n->threshold != n[-1].threshold;
    }
    feature->missing |= 1u << missing_of(wl_ints_at(&b->spec->flags, n->test));
    b->ranks[n->test].rank = feature->n_cuts - 1;
  }
}

static void write_levels(wl_forest *forest, wl_forest_feature *feature) {
  double *cuts = forest->cuts;
  size_t n = feature->n_cuts;
  for (uint32_t l = 0; l < feature->n_levels; l++) {
    double *level = cuts + feature->level[l];
    for (size_t i = 0; i + 1 < n && l > 0; i++)
      level[i] = cuts[feature->level[l - 1] + FAN * i + FAN - 1];
    /* The last 16 of a level are where all larger values end up. */
    for (size_t i = l > 0 ? n - 1 : n; i < padded(n); i++)
      level[i] = INFINITY;
    n = (n + FAN - 1) / FAN;
  }
  while (feature->rank_of_zero < feature->n_cuts &&
         cuts[feature->level[0] + feature->rank_of_zero] < 0.0)
    feature->rank_of_zero++;
}

/*
 * The upper levels of a binary search, in which n cuts are halved as
 * `n -= n / 2`. Where the levels are all there are, the cuts count as one less
 * than a power of two, the last being infinite.
 */
static void write_top(wl_forest *forest, const wl_forest_feature *feature) {
  const double *cuts = forest->cuts + feature->level[0];
  double *top = forest->cuts + feature->top;
  size_t below[1 << WL_FOREST_TOP_LEVELS]; /* the cuts below a place's */
  size_t n = feature->n_cuts, n_levels = feature->n_top_levels;
  if (n_levels == 0)
    return;
  if (n < (size_t)1 << n_levels)
    n = (size_t)1 << n_levels;
  below[1] = 0;
  top[0] = INFINITY;
  for (size_t l = 0, i = 1; l < n_levels; l++, n -= n / 2)
    for (; i < (size_t)2 << l; i++) {
      size_t at = below[i] + n / 2 - 1;
      top[i] = at < feature->n_cuts ? cuts[at] : INFINITY;
      if (l + 1 < n_levels) {
        below[2 * i] = below[i];
        below[2 * i + 1] = below[i] + n / 2;
      }
    }
  for (size_t i = (size_t)1 << n_levels; i < padded(i); i++)
    top[i] = INFINITY;
}

static uint32_t count_parts(const wl_forest_feature *feature, uint32_t part) {
  return (feature->n_cuts - 1) / part + 1;
}

/* Whether ranks in bytes are worth it: the select engine reads them, and there
 * are few enough columns. */
static bool are_bytes(const builder *b) {
  const wl_forest *forest = b->forest;
  size_t n = b->n_categorics; /* at least as many as their columns */
  for (size_t f = 0; f < forest->n_features; f++)
    n += (size_t)__builtin_popcount(forest->features[f].missing) *
         count_parts(&forest->features[f], WL_FOREST_PART);
  return n <= WL_FOREST_BYTE_COLUMNS &&
         forest->max_leaves <= WL_FOREST_SELECT_LEAVES;
}

static void place_columns(builder *b) {
  wl_forest *forest = b->forest;
  const uint32_t most = are_bytes(b) ? WL_FOREST_PART : WL_FOREST_WIDE_PART;
  for (size_t f = 0; f < forest->n_features; f++) {
    wl_forest_feature *feature = &forest->features[f];
    feature->first_column = (uint32_t)forest->n_columns;
    feature->n_parts = count_parts(feature, most);
    forest->n_columns +=
        (size_t)__builtin_popcount(feature->missing) * feature->n_parts;
  }
  const wl_forest_feature *feature = forest->features;
  for (size_t i = 0; i < b->n_numerics; i++) {
    const numeric *n = &b->numerics[i];
    feature += i > 0 && n->feature != n[-1].feature;
    unsigned missing = missing_of(wl_ints_at(&b->spec->flags, n->test));
    uint32_t before = feature->missing & ((1u << missing) - 1);
    uint32_t rank = b->ranks[n->test].rank;
    uint32_t part = rank / most;
    forest->cuts[feature->level[0] + rank] = n->threshold;
    b->ranks[n->test].rank = rank - part * most;
    b->ranks[n->test].column =
        feature->first_column +
        (uint32_t)__builtin_popcount(before) * feature->n_parts + part;
  }
}

static wl_status make_features(builder *b, wl_error *error) {
  wl_forest *forest = b->forest;
  size_t n_features = 0;
  for (size_t i = 0; i < b->n_numerics; i++)
    n_features +=
        i == 0 || b->numerics[i].feature != b->numerics[i - 1].feature;
  forest->features = wl_calloc(n_features + 1, sizeof *forest->features);
  if (forest->features == NULL)
    return wl_fail_memory(error, n_features * sizeof *forest->features);
  rank_tests(b);
  for (size_t f = 0; f < n_features; f++)
    forest->n_cuts += lay_levels(&forest->features[f], forest->kernels->level,
                                 forest->features[f].n_cuts, forest->n_cuts);
  forest->cuts = wl_alloc_aligned(64, (forest->n_cuts + 1) * sizeof(double));
  if (forest->cuts == NULL)
    return wl_fail_memory(error, forest->n_cuts * sizeof(double));
  place_columns(b);
  for (size_t f = 0; f < n_features; f++) {
    write_levels(forest, &forest->features[f]);
    write_top(forest, &forest->features[f]);
  }
  return WL_OK;
}

/* ---- category features --------------------------------------------------- */

static wl_forest_category new_category(const builder *b, const categoric *c) {
  const wl_forest *forest = b->forest;
  const wl_ints *known = &b->spec->known;
  int64_t set = known->data != NULL ? wl_ints_at(known, c->feature) : -1;
  wl_forest_category category = {.x_column = c->feature,
                                 .is_nan_missing = c->is_nan_missing,
                                 .above = c->truncates ? -1.0 : -0x1p-1074,
                                 .first_column = (uint32_t)forest->n_columns,
                                 .first_set = forest->n_category_columns,
                                 .has_known = set >= 0};
  if (category.has_known)
    category.known = b->sets[set];
  return category;
}

static wl_status make_categories(builder *b, wl_error *error) {
  wl_forest *forest = b->forest;
  size_t n = 0, n_columns = 0;
  for (size_t i = 0; i < b->n_categorics; i++) {
    const categoric *c = &b->categorics[i];
    bool is_group = i == 0 || categoric_group(c) != categoric_group(c - 1);
    n += is_group;
    n_columns += is_group || categoric_column(c) != categoric_column(c - 1);
  }
  forest->categories = wl_calloc(n + 1, sizeof *forest->categories);
  forest->category_columns =
      wl_calloc(n_columns + 1, sizeof *forest->category_columns);
  if (forest->categories == NULL || forest->category_columns == NULL)
    return wl_fail_memory(error, n_columns * sizeof *forest->category_columns);
  wl_forest_category *category = NULL;
  for (size_t i = 0; i < b->n_categorics; i++) {
    const categoric *c = &b->categorics[i];
    bool is_group = i == 0 || categoric_group(c) != categoric_group(c - 1);
    if (is_group) {
      category = &forest->categories[forest->n_categories++];
      *category = new_category(b, c);
    }
    if (is_group || categoric_column(c) != categoric_column(c - 1)) {
      category->n_columns++;
      forest->n_columns++;
      forest->category_columns[forest->n_category_columns++] =
          (wl_forest_category_column){b->sets[c->set], c->missing_left};
    }
    b->ranks[c->test] =
        (wl_forest_rank){.column = (uint32_t)forest->n_columns - 1, .rank = 0};
  }
  return WL_OK;
}

wl_status wl_forest_make_columns(wl_forest *forest, const wl_forest_spec *spec,
                                 wl_forest_rank *ranks, wl_error *error) {
  builder b = {.forest = forest, .spec = spec, .ranks = ranks};
  wl_status status;
  WL_TRY_DONE(status, make_sets(&b, error));
  WL_TRY_DONE(status, sort_tests(&b, error));
  WL_TRY_DONE(status, make_features(&b, error));
  WL_TRY_DONE(status, make_categories(&b, error));
done:
  wl_free(b.numerics);
  wl_free(b.categorics);
  wl_free(b.sets);
  wl_free(b.equal);
  return status;
}

size_t wl_forest_max_rank(const wl_forest *forest) {
  size_t most = forest->n_category_columns != 0;
  for (size_t f = 0; f < forest->n_features; f++) {
    const wl_forest_feature *feature = &forest->features[f];
    size_t n = feature->n_cuts;
    if (feature->n_parts > 1)
      n = n > (size_t)feature->n_parts * WL_FOREST_PART ? WL_FOREST_WIDE_PART
                                                        : WL_FOREST_PART;
    most = n > most ? n : most;
  }
  return most;
}
