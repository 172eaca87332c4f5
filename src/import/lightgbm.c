/*
 * lightgbm.c: LightGBM's model text: lines `name=value`, first of the model,
 * then of each tree behind a line `Tree=N`, until `end of trees`.
 *
 * Only what a prediction reads is looked at. Arrays grow with the numbers that
 * are there, never by a count that the file claims.
 */
#include <math.h>
#include <stdio.h>

#include "base/number.h"
#include "import/readers.h"

enum { MAX_TOKEN = 64 };

/* Bits of decision_type. */
enum {
  DECISION_CATEGORICAL = 1,
  DECISION_DEFAULT_LEFT = 2,
  DECISION_MISSING_SHIFT = 2,
  DECISION_MISSING_NAN = 2, /* 0: none, 1: zero, 2: NaN */
  DECISION_END = 16
};

typedef struct lgb_field {
  wl_string value; /* data is NULL when it has not been read */
  size_t line;
} lgb_field;

typedef enum lgb_header {
  HEADER_VERSION = 0,
  HEADER_NUM_CLASS,
  HEADER_TREES_PER_ITERATION,
  HEADER_MAX_FEATURE,
  HEADER_OBJECTIVE,
  HEADER_AVERAGE_OUTPUT,
  HEADER_FEATURE_NAMES,
  HEADER_TREE_SIZES,
  HEADER_COUNT
} lgb_header;
static const char *const header_names[HEADER_COUNT] = {
    "version",   "num_class",      "num_tree_per_iteration", "max_feature_idx",
    "objective", "average_output", "feature_names",          "tree_sizes",
};

typedef enum lgb_tree {
  TREE_NUM_LEAVES = 0,
  TREE_NUM_CAT,
  TREE_SPLIT_FEATURE,
  TREE_THRESHOLD,
  TREE_DECISION_TYPE,
  TREE_LEFT_CHILD,
  TREE_RIGHT_CHILD,
  TREE_LEAF_VALUE,
  TREE_CAT_BOUNDARIES,
  TREE_CAT_THRESHOLD,
  TREE_IS_LINEAR,
  TREE_LEAF_CONST,
  TREE_NUM_FEATURES,
  TREE_LEAF_FEATURES,
  TREE_LEAF_COEFF,
  TREE_COUNT
} lgb_tree;
static const char *const tree_names[TREE_COUNT] = {
    "num_leaves",     "num_cat",       "split_feature", "threshold",
    "decision_type",  "left_child",    "right_child",   "leaf_value",
    "cat_boundaries", "cat_threshold", "is_linear",     "leaf_const",
    "num_features",   "leaf_features", "leaf_coeff",
};

/* A field's numbers, for the tree at hand. */
typedef struct lgb_arrays {
  wl_i64_array feature, decision, left, right, boundaries, words;
  wl_f64_array threshold;
  uint8_t *seen; /* splits, then leaves, that have a parent */
  size_t seen_capacity;
} lgb_arrays;

typedef struct lgb_reader {
  const char *at, *end;
  size_t line; /* of the line read last, from 1 */
  size_t n_trees;
  wl_tree_model *model;
  lgb_field header[HEADER_COUNT];
  lgb_field tree[TREE_COUNT];
  lgb_arrays arrays;
  wl_error *error;
} lgb_reader;

/* ---- lines and fields ---------------------------------------------------- */

static bool next_line(lgb_reader *reader, wl_string *line) {
  if (reader->at == reader->end)
    return false;
  size_t left = (size_t)(reader->end - reader->at);
  const char *end = memchr(reader->at, '\n', left);
  size_t size = end != NULL ? (size_t)(end - reader->at) : left;
  *line = (wl_string){reader->at, size};
  reader->at += size + (end != NULL);
  reader->line++;
  if (line->size > 0 && line->data[line->size - 1] == '\r')
    line->size--;
  return true;
}

static bool is_text(wl_string string, const char *text) {
  return string.size == strlen(text) &&
         memcmp(string.data, text, string.size) == 0;
}

static bool begins(wl_string string, const char *text) {
  size_t size = strlen(text);
  return string.size >= size && memcmp(string.data, text, size) == 0;
}

/* Keeps the line's value when its name is one of those wanted. */
static wl_status keep_field(lgb_reader *reader, wl_string line,
                            const char *const *names, lgb_field *fields,
                            size_t n_fields) {
  const char *equals = memchr(line.data, '=', line.size);
  wl_string name = {line.data,
                    equals != NULL ? (size_t)(equals - line.data) : line.size};
  for (size_t i = 0; i < n_fields; i++) {
    if (!is_text(name, names[i]))
      continue;
    if (fields[i].value.data != NULL)
      return wl_fail(reader->error, WL_ERROR_VALUE,
                     "LightGBM model, line %zu: %s is there twice, first in "
                     "line %zu",
                     reader->line, names[i], fields[i].line);
    size_t skipped = name.size + (equals != NULL);
    fields[i].value = (wl_string){line.data + skipped, line.size - skipped};
    fields[i].line = reader->line;
  }
  return WL_OK;
}

static wl_status fail_field(const lgb_reader *reader, const lgb_field *field,
                            const char *name, const char *problem) {
  if (field->value.data == NULL)
    return wl_fail(reader->error, WL_ERROR_VALUE,
                   "LightGBM model, before line %zu: %s is missing",
                   reader->line, name);
  return wl_fail(reader->error, WL_ERROR_VALUE,
                 "LightGBM model, line %zu: %s %s", field->line, name, problem);
}

/* ---- numbers ------------------------------------------------------------- */

/* The next word of `rest`, which moves behind it; false at the end. */
static bool next_word(wl_string *rest, wl_string *word) {
  while (rest->size > 0 && *rest->data == ' ') {
    rest->data++;
    rest->size--;
  }
  const char *end = memchr(rest->data, ' ', rest->size);
  *word = (wl_string){rest->data,
                      end != NULL ? (size_t)(end - rest->data) : rest->size};
  rest->data += word->size;
  rest->size -= word->size;
  return word->size > 0;
}

static bool parse_integer(wl_string word, int64_t *out) {
  bool is_negative = word.size > 0 && word.data[0] == '-';
  size_t i = is_negative;
  int64_t value = 0;
  if (word.size == i || word.size > 18)
    return false;
  for (; i < word.size; i++) {
    if (word.data[i] < '0' || word.data[i] > '9')
      return false;
    value = value * 10 + (word.data[i] - '0');
  }
  *out = is_negative ? -value : value;
  return true;
}

/* A decimal number, or inf or nan as LightGBM prints them. */
static bool parse_real(wl_string word, double *out) {
  char text[MAX_TOKEN + 1], *end;
  if (word.size == 0 || word.size > MAX_TOKEN)
    return false;
  memcpy(text, word.data, word.size);
  text[word.size] = '\0';
  const char *digits = text + (text[0] == '-' || text[0] == '+');
  if (strspn(digits, "0123456789+-.eE") != strlen(digits) &&
      strcmp(digits, "inf") != 0 && strcmp(digits, "nan") != 0)
    return false;
  *out = wl_parse_double(text, &end);
  return *end == '\0';
}

static wl_status fail_value(const lgb_reader *reader, const lgb_field *field,
                            const char *name, size_t i, wl_string word,
                            const char *wanted) {
  return wl_fail(reader->error, WL_ERROR_VALUE,
                 "LightGBM model, line %zu: value %zu of %s is '%.*s', not %s",
                 field->line, i, name, word.size < 40 ? (int)word.size : 40,
                 word.data, wanted);
}

static wl_status fail_count(const lgb_reader *reader, const lgb_field *field,
                            const char *name, size_t n, size_t expected) {
  return wl_fail(reader->error, WL_ERROR_VALUE,
                 "LightGBM model, line %zu: %s has %zu values, not %zu",
                 field->line, name, n, expected);
}

/* One whole number within [low, high]. */
static wl_status read_integer(const lgb_reader *reader, const lgb_field *field,
                              const char *name, int64_t low, int64_t high,
                              int64_t *out) {
  char problem[96];
  *out = 0;
  if (field->value.data == NULL)
    return fail_field(reader, field, name, "");
  if (parse_integer(field->value, out) && *out >= low && *out <= high)
    return WL_OK;
  snprintf(problem, sizeof problem, "is not a whole number from %lld to %lld",
           (long long)low, (long long)high);
  return fail_field(reader, field, name, problem);
}

/* Exactly n whole numbers within [low, high], appended. */
static wl_status read_integers(const lgb_reader *reader, lgb_tree which,
                               size_t n, int64_t low, int64_t high,
                               wl_i64_array *out) {
  const lgb_field *field = &reader->tree[which];
  const char *name = tree_names[which];
  wl_string rest = field->value, word;
  size_t n_read = 0;
  if (rest.data == NULL)
    return fail_field(reader, field, name, "");
  for (; next_word(&rest, &word); n_read++) {
    int64_t value;
    if (n_read == n)
      return fail_count(reader, field, name, n + 1, n);
    if (!parse_integer(word, &value))
      return fail_value(reader, field, name, n_read, word, "a whole number");
    if (value < low || value > high) {
      char wanted[64];
      snprintf(wanted, sizeof wanted, "from %lld to %lld", (long long)low,
               (long long)high);
      return fail_value(reader, field, name, n_read, word, wanted);
    }
    WL_TRY(wl_i64_push(out, value, reader->error));
  }
  return n_read == n ? WL_OK : fail_count(reader, field, name, n_read, n);
}

static wl_status read_reals(const lgb_reader *reader, lgb_tree which, size_t n,
                            wl_f64_array *out) {
  const lgb_field *field = &reader->tree[which];
  const char *name = tree_names[which];
  wl_string rest = field->value, word;
  size_t n_read = 0;
  if (rest.data == NULL)
    return fail_field(reader, field, name, "");
  for (; next_word(&rest, &word); n_read++) {
    double value;
    if (n_read == n)
      return fail_count(reader, field, name, n + 1, n);
    if (!parse_real(word, &value))
      return fail_value(reader, field, name, n_read, word, "a number");
    WL_TRY(wl_f64_push(out, value, reader->error));
  }
  return n_read == n ? WL_OK : fail_count(reader, field, name, n_read, n);
}

/* ---- a tree -------------------------------------------------------------- */

/* The bit sets of the tree's category splits, appended to the model's;
 * *first is the number of the first of them. */
static wl_status read_sets(lgb_reader *reader, size_t n_sets, int64_t *first) {
  lgb_arrays *arrays = &reader->arrays;
  wl_tree_model *model = reader->model;
  const lgb_field *field = &reader->tree[TREE_CAT_BOUNDARIES];
  WL_TRY(wl_tree_model_begin_sets(model, reader->error));
  *first = (int64_t)model->set_starts.n - 1;
  if (n_sets == 0)
    return WL_OK;
  WL_TRY(read_integers(reader, TREE_CAT_BOUNDARIES, n_sets + 1, 0, INT32_MAX,
                       &arrays->boundaries));
  const int64_t *bounds = arrays->boundaries.values;
  for (size_t s = 0; s < n_sets; s++)
    if (bounds[0] != 0 || bounds[s + 1] < bounds[s])
      return fail_field(reader, field, tree_names[TREE_CAT_BOUNDARIES],
                        "does not rise from 0");
  WL_TRY(read_integers(reader, TREE_CAT_THRESHOLD, (size_t)bounds[n_sets], 0,
                       UINT32_MAX, &arrays->words));
  for (size_t s = 0; s < n_sets; s++) {
    int64_t number;
    for (int64_t w = bounds[s]; w < bounds[s + 1]; w++)
      WL_TRY(wl_i64_push(&model->sets, arrays->words.values[w], reader->error));
    WL_TRY(wl_tree_model_end_set(model, &number, reader->error));
  }
  return WL_OK;
}

/*
 * LightGBM's prediction takes values within 1e-35f of zero for 0 before it
 * compares. The threshold for which the values themselves take the same way.
 */
static double fold_zeros(double threshold) {
  const double zero = (double)1e-35f;
  if (threshold >= -zero && threshold < 0.0)
    return nextafter(-zero, -INFINITY);
  return threshold >= 0.0 && threshold < zero ? zero : threshold;
}

/* The flags of a split; of a split by categories also the set's number in place
 * of the threshold. */
static wl_status read_decision(const lgb_reader *reader, size_t split,
                               size_t n_sets, int64_t first_set,
                               int64_t *flags) {
  const lgb_arrays *arrays = &reader->arrays;
  int64_t decision = arrays->decision.values[split];
  int64_t missing = decision >> DECISION_MISSING_SHIFT;
  double *threshold = &arrays->threshold.values[split];
  *flags = 0;
  if (missing > DECISION_MISSING_NAN)
    return fail_field(reader, &reader->tree[TREE_DECISION_TYPE],
                      tree_names[TREE_DECISION_TYPE],
                      "has an unknown kind of missing values");
  if ((decision & DECISION_CATEGORICAL) == 0) {
    *threshold = fold_zeros(*threshold);
    *flags =
        ((decision & DECISION_DEFAULT_LEFT) != 0 ? WL_SPLIT_MISSING_LEFT : 0) |
        missing << 1;
    return WL_OK;
  }
  if (!(*threshold >= 0.0 && *threshold < (double)n_sets) ||
      *threshold != (double)(int64_t)*threshold)
    return fail_field(reader, &reader->tree[TREE_THRESHOLD],
                      tree_names[TREE_THRESHOLD],
                      "names a set of categories that is not there");
  *threshold += (double)first_set;
  /* NaN is in no set, whatever the kind of missing values; other values are
   * cast to int. */
  *flags = WL_SPLIT_IS_CATEGORY | WL_SPLIT_MISSING_NAN | WL_SPLIT_TRUNCATES;
  return WL_OK;
}

/* A child as the model numbers it; every one has one parent. */
static wl_status take_child(const lgb_reader *reader, lgb_tree which,
                            size_t split, size_t n_splits, int64_t *out) {
  const lgb_arrays *arrays = &reader->arrays;
  const wl_i64_array *children =
      which == TREE_LEFT_CHILD ? &arrays->left : &arrays->right;
  int64_t child = children->values[split];
  const wl_tree_model *model = reader->model;
  if (child >= 0 && child <= (int64_t)split)
    return fail_field(reader, &reader->tree[which], tree_names[which],
                      "has a split below itself");
  size_t place = child >= 0 ? (size_t)child : n_splits + (size_t)~child;
  if (arrays->seen[place]++ != 0)
    return fail_field(reader, &reader->tree[which], tree_names[which],
                      "has a node that another split has as well");
  *out = child >= 0 ? child + (int64_t)model->feature.n - (int64_t)split
                    : child - (int64_t)wl_tree_model_n_leaves(model);
  return WL_OK;
}

static void forget_tree(lgb_reader *reader) {
  lgb_arrays *arrays = &reader->arrays;
  memset(reader->tree, 0, sizeof reader->tree);
  arrays->feature.n = arrays->decision.n = arrays->threshold.n = 0;
  arrays->left.n = arrays->right.n = 0;
  arrays->boundaries.n = arrays->words.n = 0;
}

static wl_status read_splits(lgb_reader *reader, size_t n_splits, size_t n_sets,
                             int64_t first_set) {
  lgb_arrays *arrays = &reader->arrays;
  wl_tree_model *model = reader->model;
  int64_t last = (int64_t)n_splits - 1;
  void *seen = arrays->seen;
  WL_TRY(read_integers(reader, TREE_SPLIT_FEATURE, n_splits, 0,
                       (int64_t)model->n_features - 1, &arrays->feature));
  WL_TRY(read_integers(reader, TREE_DECISION_TYPE, n_splits, 0,
                       DECISION_END - 1, &arrays->decision));
  WL_TRY(read_integers(reader, TREE_LEFT_CHILD, n_splits, ~(last + 1), last,
                       &arrays->left));
  WL_TRY(read_integers(reader, TREE_RIGHT_CHILD, n_splits, ~(last + 1), last,
                       &arrays->right));
  WL_TRY(read_reals(reader, TREE_THRESHOLD, n_splits, &arrays->threshold));
  WL_TRY(wl_grow(&seen, &arrays->seen_capacity, 2 * n_splits + 1, 1,
                 reader->error));
  arrays->seen = seen;
  memset(arrays->seen, 0, 2 * n_splits + 1);
  for (size_t i = 0; i < n_splits; i++) {
    int64_t flags, left, right;
    if (arrays->threshold.values[i] != arrays->threshold.values[i])
      return fail_field(reader, &reader->tree[TREE_THRESHOLD],
                        tree_names[TREE_THRESHOLD], "has a value nan");
    WL_TRY(read_decision(reader, i, n_sets, first_set, &flags));
    WL_TRY(take_child(reader, TREE_LEFT_CHILD, i, n_splits, &left));
    WL_TRY(take_child(reader, TREE_RIGHT_CHILD, i, n_splits, &right));
    WL_TRY(wl_tree_model_add_split(model, arrays->feature.values[i],
                                   arrays->threshold.values[i], flags, left,
                                   right, reader->error));
  }
  /* n_splits twice taken, none before its parent: with every child taken once,
   * nothing but the root is left without a parent. */
  return WL_OK;
}

/* A linear function a leaf: how many features each has, then those of all and
 * their coefficients. */
static wl_status read_linear(lgb_reader *reader, size_t n_leaves,
                             size_t first_leaf) {
  wl_tree_model *model = reader->model;
  wl_i64_array *starts = &model->linear_starts;
  size_t n_before = model->linear_features.n, n_terms = 0;
  WL_TRY(wl_tree_model_fill_linear(model, first_leaf, reader->error));
  WL_TRY(
      read_reals(reader, TREE_LEAF_CONST, n_leaves, &model->linear_constants));
  WL_TRY(
      read_integers(reader, TREE_NUM_FEATURES, n_leaves, 0, INT32_MAX, starts));
  for (size_t i = starts->n - n_leaves; i < starts->n; i++) {
    n_terms += (size_t)starts->values[i];
    starts->values[i] = (int64_t)(n_before + n_terms);
  }
  WL_TRY(read_integers(reader, TREE_LEAF_FEATURES, n_terms, 0,
                       (int64_t)model->n_features - 1,
                       &model->linear_features));
  return read_reals(reader, TREE_LEAF_COEFF, n_terms,
                    &model->linear_coefficients);
}

static wl_status end_tree(lgb_reader *reader) {
  wl_tree_model *model = reader->model;
  int64_t n_leaves, n_sets = 0, is_linear = 0, first_set;
  const lgb_field *linear = &reader->tree[TREE_IS_LINEAR];
  WL_TRY(read_integer(reader, &reader->tree[TREE_NUM_LEAVES],
                      tree_names[TREE_NUM_LEAVES], 1, WL_MAX_SPLITS,
                      &n_leaves));
  if (reader->tree[TREE_NUM_CAT].value.data != NULL)
    WL_TRY(read_integer(reader, &reader->tree[TREE_NUM_CAT],
                        tree_names[TREE_NUM_CAT], 0, WL_MAX_SPLITS, &n_sets));
  if (linear->value.data != NULL)
    WL_TRY(read_integer(reader, linear, tree_names[TREE_IS_LINEAR], 0, 1,
                        &is_linear));
  size_t root = model->feature.n, first_leaf = model->leaves.n;
  WL_TRY(read_sets(reader, (size_t)n_sets, &first_set));
  if (n_leaves > 1)
    WL_TRY(
        read_splits(reader, (size_t)n_leaves - 1, (size_t)n_sets, first_set));
  WL_TRY(read_reals(reader, TREE_LEAF_VALUE, (size_t)n_leaves, &model->leaves));
  WL_TRY(wl_i64_push(&model->roots,
                     n_leaves > 1 ? (int64_t)root : ~(int64_t)first_leaf,
                     reader->error));
  if (is_linear)
    WL_TRY(read_linear(reader, (size_t)n_leaves, first_leaf));
  else if (model->linear_constants.n > 0)
    WL_TRY(wl_tree_model_fill_linear(model, model->leaves.n, reader->error));
  forget_tree(reader);
  return WL_OK;
}

/* ---- the header ---------------------------------------------------------- */

/* What an objective's scores go through; those not listed are refused. */
static const struct lgb_objective {
  const char *name;
  wl_tree_link link;
} objectives[] = {
    {"regression", WL_LINK_NONE},
    {"regression_l1", WL_LINK_NONE},
    {"huber", WL_LINK_NONE},
    {"fair", WL_LINK_NONE},
    {"quantile", WL_LINK_NONE},
    {"mape", WL_LINK_NONE},
    {"poisson", WL_LINK_EXP},
    {"gamma", WL_LINK_EXP},
    {"tweedie", WL_LINK_EXP},
    {"binary", WL_LINK_EXPIT},
    {"multiclass", WL_LINK_SOFTMAX},
    {"multiclassova", WL_LINK_EXPIT},
    {"cross_entropy", WL_LINK_EXPIT},
    {"cross_entropy_lambda", WL_LINK_SOFTPLUS},
    {"lambdarank", WL_LINK_NONE},
    {"rank_xendcg", WL_LINK_NONE},
    {"custom", WL_LINK_NONE},
    {"none", WL_LINK_NONE},
};

/* "sigmoid:0.5" and the like; what only training reads is passed over. */
static wl_status read_parameter(lgb_reader *reader, wl_string word) {
  const lgb_field *field = &reader->header[HEADER_OBJECTIVE];
  wl_tree_model *model = reader->model;
  int64_t n_classes;
  if (is_text(word, "sqrt") && model->link == WL_LINK_NONE)
    model->link = WL_LINK_SIGNED_SQUARE;
  if (begins(word, "sigmoid:") && model->link == WL_LINK_EXPIT) {
    if (!parse_real((wl_string){word.data + 8, word.size - 8},
                    &model->link_scale) ||
        !(model->link_scale > 0.0) || model->link_scale > 1e300)
      return fail_field(reader, field, "objective",
                        "has a sigmoid that is not a number above 0");
  }
  if (begins(word, "num_class:") &&
      (!parse_integer((wl_string){word.data + 10, word.size - 10},
                      &n_classes) ||
       n_classes != (int64_t)model->n_outputs))
    return fail_field(reader, field, "objective",
                      "has another num_class than the model");
  return WL_OK;
}

static wl_status read_objective(lgb_reader *reader) {
  const lgb_field *field = &reader->header[HEADER_OBJECTIVE];
  wl_string rest = field->value, word;
  wl_tree_model *model = reader->model;
  size_t i = 0;
  if (rest.data == NULL) /* trained with a function of the user's */
    return WL_OK;
  if (!next_word(&rest, &word))
    return fail_field(reader, field, "objective", "is empty");
  while (i < WL_COUNT_OF(objectives) && !is_text(word, objectives[i].name))
    i++;
  if (i == WL_COUNT_OF(objectives))
    return wl_fail(
        reader->error, WL_ERROR_UNSUPPORTED,
        "LightGBM model, line %zu: objective '%.*s' is not supported",
        field->line, word.size < 60 ? (int)word.size : 60, word.data);
  model->link = objectives[i].link;
  while (next_word(&rest, &word))
    WL_TRY(read_parameter(reader, word));
  model->objective = wl_strndup(field->value.data, field->value.size);
  return model->objective != NULL ? WL_OK
                                  : wl_fail_memory(reader->error, rest.size);
}

static wl_status read_names(lgb_reader *reader) {
  const lgb_field *field = &reader->header[HEADER_FEATURE_NAMES];
  wl_string rest = field->value, word;
  wl_tree_model *model = reader->model;
  if (rest.data == NULL)
    return fail_field(reader, field, "feature_names", "");
  while (next_word(&rest, &word))
    WL_TRY(wl_text_push(&model->feature_names, word.data, word.size,
                        reader->error));
  if (model->feature_names.n != model->n_features)
    return fail_count(reader, field, "feature_names", model->feature_names.n,
                      model->n_features);
  return WL_OK;
}

/* The names that LightGBM gives where the user gave none say nothing. */
static void drop_own_names(wl_tree_model *model) {
  for (size_t i = 0; i < model->feature_names.n; i++) {
    char own[32];
    snprintf(own, sizeof own, "Column_%zu", i);
    if (!is_text(wl_text_at(&model->feature_names, i), own))
      return;
  }
  model->feature_names.n = model->feature_names.size = 0;
}

static wl_status end_header(lgb_reader *reader) {
  const lgb_field *header = reader->header;
  wl_tree_model *model = reader->model;
  wl_string version = header[HEADER_VERSION].value;
  int64_t n_classes, n_trees, max_feature;
  if (version.data == NULL)
    return fail_field(reader, &header[HEADER_VERSION], "version", "");
  if (!is_text(version, "v3") && !is_text(version, "v4"))
    return wl_fail(reader->error, WL_ERROR_UNSUPPORTED,
                   "LightGBM model, line %zu: version '%.*s' is not supported; "
                   "v3 and v4 are",
                   header[HEADER_VERSION].line,
                   version.size < 20 ? (int)version.size : 20, version.data);
  WL_TRY(read_integer(reader, &header[HEADER_NUM_CLASS], "num_class", 1,
                      WL_MAX_TREE_OUTPUTS, &n_classes));
  WL_TRY(read_integer(reader, &header[HEADER_TREES_PER_ITERATION],
                      "num_tree_per_iteration", 1, WL_MAX_TREE_OUTPUTS,
                      &n_trees));
  if (n_trees != n_classes)
    return fail_field(reader, &header[HEADER_TREES_PER_ITERATION],
                      "num_tree_per_iteration", "is not num_class");
  WL_TRY(read_integer(reader, &header[HEADER_MAX_FEATURE], "max_feature_idx", 0,
                      INT32_MAX - 1, &max_feature));
  model->n_outputs = (size_t)n_trees;
  model->n_features = (size_t)max_feature + 1;
  model->is_average = header[HEADER_AVERAGE_OUTPUT].value.data != NULL;
  WL_TRY(read_names(reader));
  drop_own_names(model);
  return read_objective(reader);
}

/* ---- the file ------------------------------------------------------------ */

/* `Tree=N`: N counts from 0. */
static wl_status begin_tree(lgb_reader *reader, wl_string line) {
  int64_t number;
  if (!parse_integer((wl_string){line.data + 5, line.size - 5}, &number) ||
      number != (int64_t)reader->n_trees)
    return wl_fail(reader->error, WL_ERROR_VALUE,
                   "LightGBM model, line %zu: '%.*s' is not Tree=%zu",
                   reader->line, line.size < 40 ? (int)line.size : 40,
                   line.data, reader->n_trees);
  reader->n_trees++;
  return WL_OK;
}

static wl_status end_model(lgb_reader *reader) {
  wl_tree_model *model = reader->model;
  const lgb_field *sizes = &reader->header[HEADER_TREE_SIZES];
  wl_string rest = sizes->value, word;
  size_t n_sizes = 0;
  while (rest.data != NULL && next_word(&rest, &word))
    n_sizes++;
  if (sizes->value.data != NULL && n_sizes != reader->n_trees)
    return fail_count(reader, sizes, "tree_sizes", n_sizes, reader->n_trees);
  if (reader->n_trees % model->n_outputs != 0)
    return wl_fail(reader->error, WL_ERROR_VALUE,
                   "LightGBM model, line %zu: %zu trees are not a multiple of "
                   "num_tree_per_iteration=%zu",
                   reader->line, reader->n_trees, model->n_outputs);
  model->n_iterations = reader->n_trees / model->n_outputs;
  return WL_OK;
}

/* Whether a list of lists, or null, holds any value. */
static bool holds_values(wl_string json) {
  while (json.size > 0 && strchr(" \t", json.data[json.size - 1]) != NULL)
    json.size--;
  while (json.size > 0 && strchr("[], \t", *json.data) != NULL) {
    json.data++;
    json.size--;
  }
  return json.size > 0 && !is_text(json, "null");
}

/* Behind the trees and parameters: the categories of a frame's columns, in the
 * order of their codes. */
static void read_categories(lgb_reader *reader) {
  static const char name[] = "pandas_categorical:";
  wl_string line;
  while (next_line(reader, &line)) {
    while (line.size > 0 && (*line.data == ' ' || *line.data == '\t')) {
      line.data++;
      line.size--;
    }
    size_t skipped = sizeof name - 1;
    if (begins(line, name) &&
        holds_values((wl_string){line.data + skipped, line.size - skipped}))
      reader->model->categories = "pandas_categorical";
  }
}

static wl_status read_lines(lgb_reader *reader) {
  wl_string line;
  while (next_line(reader, &line)) {
    bool is_tree = begins(line, "Tree=");
    if (is_tree || is_text(line, "end of trees")) {
      WL_TRY(reader->n_trees == 0 ? end_header(reader) : end_tree(reader));
      if (!is_tree) {
        read_categories(reader);
        return end_model(reader);
      }
      WL_TRY(begin_tree(reader, line));
    } else if (reader->n_trees == 0) {
      WL_TRY(
          keep_field(reader, line, header_names, reader->header, HEADER_COUNT));
    } else {
      WL_TRY(keep_field(reader, line, tree_names, reader->tree, TREE_COUNT));
    }
  }
  return wl_fail(reader->error, WL_ERROR_VALUE,
                 "LightGBM model: it ends after line %zu without 'end of "
                 "trees'",
                 reader->line);
}

wl_status wl_read_lightgbm(const char *bytes, size_t size, wl_tree_model *model,
                           wl_error *error) {
  lgb_reader *reader = wl_calloc(1, sizeof *reader);
  if (reader == NULL)
    return wl_fail_memory(error, sizeof *reader);
  reader->at = bytes;
  reader->end = bytes + size;
  reader->model = model;
  reader->error = error;
  model->library = "lightgbm";
  wl_status status = read_lines(reader);
  lgb_arrays *arrays = &reader->arrays;
  wl_free(arrays->feature.values);
  wl_free(arrays->decision.values);
  wl_free(arrays->left.values);
  wl_free(arrays->right.values);
  wl_free(arrays->boundaries.values);
  wl_free(arrays->words.values);
  wl_free(arrays->threshold.values);
  wl_free(arrays->seen);
  wl_free(reader);
  return status;
}
