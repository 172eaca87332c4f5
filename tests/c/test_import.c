/* Importing other libraries' models: small files written by hand, their
 * answers, and what is refused. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>
#include <jansson.h>

#include "import/import.h"
#include "import/readers.h"
#include "imported.h"

/* ---- float32 thresholds -------------------------------------------------- */

static float float_of(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static void expect_fold(float threshold) {
  double fold = wl_fold_float32(threshold);
  double next = nextafter(fold, INFINITY);
  assert_true(isfinite(fold));
  assert_true((float)fold < threshold);
  assert_false((float)next < threshold);
}

static void folded_thresholds_split_doubles_as_their_float32_do(void **state) {
  (void)state;
  for (uint32_t exponent = 0; exponent <= 255; exponent++) {
    static const uint32_t significands[] = {
        0, 1, 2, 3, 0x3fffff, 0x400000, 0x400001, 0x7ffffe, 0x7fffff};
    for (size_t i = 0; i < WL_COUNT_OF(significands); i++) {
      uint32_t bits = exponent << 23 | significands[i];
      if (exponent < 255)
        expect_fold(float_of(bits | UINT32_C(1) << 31));
      if (exponent < 255 || significands[i] == 0) /* not NaN */
        expect_fold(float_of(bits));
    }
  }
  for (int i = 0; i < 200000; i++) {
    float value = float_of((uint32_t)random_bits());
    if (isfinite(value))
      expect_fold(value);
  }
}

/* ---- models -------------------------------------------------------------- */

static const char lightgbm[] =
    "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\n"
    "max_feature_idx=2\nobjective=regression\nfeature_names=a b c\n"
    "feature_infos=[0:1] [0:1] 0:1\ntree_sizes=1 1 1\n\n"
    "Tree=0\nnum_leaves=3\nnum_cat=0\nsplit_feature=0 1\nsplit_gain=1 1\n"
    "threshold=0.5 -1.5\ndecision_type=2 8\nleft_child=1 -1\n"
    "right_child=-2 -3\nleaf_value=1 2 4\nshrinkage=1\nis_linear=0\n\n\n"
    "Tree=1\nnum_leaves=2\nnum_cat=1\nsplit_feature=2\nthreshold=0\n"
    "decision_type=1\nleft_child=-1\nright_child=-2\nleaf_value=8 16\n"
    "cat_boundaries=0 2\ncat_threshold=5 2\nshrinkage=1\n\n\n"
    "Tree=2\nnum_leaves=1\nnum_cat=0\nsplit_feature=\nthreshold=\n"
    "leaf_value=32\nshrinkage=1\n\n\nend of trees\n\nparameters:\n";

static const char xgboost[] =
    "{\"learner\":{\"attributes\":{\"best_iteration\":\"1\"},"
    "\"feature_names\":[\"x\",\"\\u00e9\"],"
    "\"gradient_booster\":{\"model\":{"
    "\"gbtree_model_param\":{\"num_parallel_tree\":\"1\",\"num_trees\":\"2\"},"
    "\"tree_info\":[0,0],\"trees\":["
    "{\"tree_param\":{\"num_nodes\":\"6\",\"size_leaf_vector\":\"1\"},"
    "\"left_children\":[5,-1,-1,-1,-1,1],\"right_children\":[4,-1,-1,-1,-1,2],"
    "\"split_indices\":[0,0,0,0,0,1],"
    "\"split_conditions\":[5E-1,1E0,2E0,9E9,4E0,-1.5E0],"
    "\"default_left\":[1,0,0,0,0,0]},"
    "{\"tree_param\":{\"num_nodes\":\"3\",\"size_leaf_vector\":\"1\"},"
    "\"left_children\":[1,-1,-1],\"right_children\":[2,-1,-1],"
    "\"split_indices\":[1,0,0],\"split_conditions\":[0E0,8E0,1.6E1],"
    "\"default_left\":[0,0,0],\"split_type\":[1,0,0],\"categories\":[1,33],"
    "\"categories_nodes\":[0],\"categories_segments\":[0],"
    "\"categories_sizes\":[2]}]},\"name\":\"gbtree\"},"
    "\"learner_model_param\":{\"base_score\":\"[1E0]\",\"num_class\":\"0\","
    "\"num_feature\":\"2\",\"num_target\":\"1\"},"
    "\"objective\":{\"name\":\"reg:squarederror\"}},\"version\":[3,2,0]}";

static void expect(const char *text, double a, double b, double c,
                   double expected) {
  const double row[] = {a, b, c};
  assert_true(answer(text, "prediction", row)[0] == expected);
}

static void lightgbm_rows_take_the_branches_of_the_file(void **state) {
  (void)state;
  expect(lightgbm, 0.5, -1.5, 0, 1 + 8 + 32);
  expect(lightgbm, nextafter(0.5, 1), 0, 1, 2 + 16 + 32);
  expect(lightgbm, 0, -1.4, 2, 4 + 8 + 32);
  /* Split 0 has no missing values: NaN is 0. Split 1's go right. */
  expect(lightgbm, NAN, NAN, NAN, 4 + 16 + 32);
  expect(lightgbm, -INFINITY, -INFINITY, 33, 1 + 8 + 32);
  expect(lightgbm, 0, 0, 34, 4 + 16 + 32);
  expect(lightgbm, 0, 0, 1e300, 4 + 16 + 32);
}

static void lightgbm_values_next_to_zero_are_zero(void **state) {
  (void)state;
  static const char *const thresholds[] = {
      "threshold=-1.0000000180025095e-35 1", "threshold=-1e-36 1",
      "threshold=0 1", "threshold=1e-36 1",
      "threshold=1.0000000180025095e-35 1"};
  const double zero = (double)1e-35f;
  for (size_t i = 0; i < WL_COUNT_OF(thresholds); i++) {
    const char *text = edited(lightgbm, "threshold=0.5 -1.5", thresholds[i]);
    double inside = i < 2 ? 2 : 1;
    expect(text, nextafter(-zero, -1), 0, 1, 1 + 16 + 32);
    expect(text, -zero, 0, 1, inside + 16 + 32);
    expect(text, 0, 0, 1, inside + 16 + 32);
    expect(text, zero, 0, 1, inside + 16 + 32);
    expect(text, nextafter(zero, 1), 0, 1, 2 + 16 + 32);
  }
}

static void lightgbm_leaves_are_numbered_as_in_the_file(void **state) {
  (void)state;
  const double row[] = {0, 0, 1};
  const double *leaves = answer(lightgbm, "leaves", row);
  assert_true(leaves[0] == 2 && leaves[1] == 1 && leaves[2] == 0);
}

static void
lightgbm_rf_answers_the_mean_and_its_raw_score_the_sum(void **state) {
  (void)state;
  const double row[] = {0, 0, 1};
  const char *text =
      edited(lightgbm, "feature_names", "average_output\nfeature_names");
  assert_true(answer(text, "prediction", row)[0] == (4.0 + 16 + 32) / 3);
  assert_true(answer(text, "raw", row)[0] == 4.0 + 16 + 32);
}

static void lightgbm_objectives_have_their_functions(void **state) {
  (void)state;
  static const struct {
    const char *objective;
    double expected;
  } all[] = {
      {"regression sqrt", 52.0 * 52.0},
      {"poisson", 3.831008000716577e22},
      {"binary sigmoid:0.0625", 0.9626731126558706},
      {"cross_entropy_lambda", 52},
      {"rank_xendcg", 52},
      {"custom", 52},
  };
  const double row[] = {0, 0, 1};
  for (size_t i = 0; i < WL_COUNT_OF(all); i++) {
    double got = answer(edited(lightgbm, "regression", all[i].objective),
                        "prediction", row)[0];
    assert_true(fabs(got - all[i].expected) <= 1e-12 * all[i].expected);
  }
}

static void lightgbm_classes_take_trees_in_turn(void **state) {
  (void)state;
  const double row[] = {0, 0, 1};
  char text[MAX_TEXT];
  snprintf(text, sizeof text, "%s",
           edited(lightgbm, "num_class=1\nnum_tree_per_iteration=1",
                  "num_class=3\nnum_tree_per_iteration=3"));
  const double *raw =
      answer(edited(text, "regression", "multiclass num_class:3"), "raw", row);
  assert_true(raw[0] == 4 && raw[1] == 16 && raw[2] == 32);
  const double *proba =
      answer(edited(text, "regression", "multiclassova num_class:3 sigmoid:1"),
             "prediction", row);
  assert_true(fabs(proba[0] - 0.9820137900379085) < 1e-15);
}

static void lightgbm_reads_lines_that_end_as_on_windows(void **state) {
  (void)state;
  char text[MAX_TEXT];
  size_t n = 0;
  for (const char *c = lightgbm; *c != '\0'; c++) {
    if (*c == '\n')
      text[n++] = '\r';
    text[n++] = *c;
  }
  text[n] = '\0';
  expect(text, 0, 0, 1, 4 + 16 + 32);
}

static void xgboost_rows_take_the_branches_of_the_file(void **state) {
  (void)state;
  /* Below 0.5 as float32; category 1 is in the set and goes right. */
  expect(xgboost, 0.5, -2, 0, 1 + 4 + 8);
  expect(xgboost, 0.49999999, 1, 0, 1 + 4 + 16); /* rounds up to 0.5 */
  expect(xgboost, 0.4999999, 1, 0, 1 + 2 + 16);
  expect(xgboost, NAN, -2, 0, 1 + 1 + 8);
  expect(xgboost, NAN, NAN, 0, 1 + 2 + 16);
  expect(xgboost, NAN, 32.99999999999, 0, 1 + 2 + 16); /* rounds up to 33 */
  expect(xgboost, NAN, 32.9, 0, 1 + 2 + 8);
}

static void xgboost_leaves_are_the_nodes_of_the_file(void **state) {
  (void)state;
  const double row[] = {0, 0};
  const double *leaves = answer(xgboost, "leaves", row);
  assert_true(leaves[0] == 2 && leaves[1] == 1);
}

static void xgboost_base_scores_become_margins(void **state) {
  (void)state;
  static const struct {
    const char *objective, *base;
    double expected;
  } all[] = {
      {"reg:squarederror", "5E-1", 0.5},
      {"binary:logitraw", "[5E-1]", 0.5},
      {"binary:logistic", "[7.5E-1]", 1.0986123085021973},
      {"count:poisson", "2E0", 0.6931471824645996},
      {"binary:logistic", "0E0", -13.815509796142578},
      {"reg:logistic", "1E-9", -13.815509796142578},
      {"reg:logistic", "1E0", 13.745160102844238},
      {"survival:cox", "[0E0]", -INFINITY},
  };
  const double row[] = {NAN, -2};
  char text[MAX_TEXT];
  for (size_t i = 0; i < WL_COUNT_OF(all); i++) {
    snprintf(text, sizeof text, "%s",
             edited(xgboost, "reg:squarederror", all[i].objective));
    double raw = answer(edited(text, "[1E0]", all[i].base), "raw", row)[0];
    float sum = (float)all[i].expected + 1.0f;
    assert_true((float)raw == sum + 8.0f);
  }
}

static void dart_weighs_its_trees(void **state) {
  (void)state;
  char text[MAX_TEXT];
  snprintf(text, sizeof text, "%s",
           edited(xgboost, "\"gradient_booster\":{",
                  "\"gradient_booster\":{\"name\":\"dart\",\"weight_drop\":"
                  "[2E0,5E-1],\"gbtree\":{"));
  expect(edited(text, "\"name\":\"gbtree\"}", "\"name\":\"gbtree\"}}"), NAN, -2,
         0, 1 + 2 * 1 + 8 * 0.5);
}

/* ---- what is refused ----------------------------------------------------- */

static const edit lightgbm_edits[] = {
    {"version=v4", "version=v2", "line 2: version 'v2'", true},
    {"version=v4\n", "", "version is missing", false},
    {"version=v4", "version=v4\nversion=v4", "line 3: version is there twice",
     false},
    {"num_class=1", "num_class=0", "line 3: num_class", false},
    {"num_class=1", "num_class=2", "num_tree_per_iteration is not", false},
    {"num_class=1", "num_class=99999999999999999999", "num_class", false},
    {"max_feature_idx=2", "max_feature_idx=1", "feature_names has 3", false},
    {"max_feature_idx=2", "max_feature_idx=3", "feature_names has 3", false},
    {"feature_names=a b c", "feature_names=a b c d", "feature_names has 4",
     false},
    {"objective=regression", "objective=mystery",
     "line 7: objective "
     "'mystery'",
     true},
    {"objective=regression", "objective=", "objective is empty", false},
    {"objective=regression", "objective=binary sigmoid:0", "sigmoid", false},
    {"objective=regression", "objective=multiclass num_class:3", "num_class",
     false},
    {"tree_sizes=1 1 1", "tree_sizes=1 1", "tree_sizes has 2 values", false},
    {"tree_sizes=1 1 1", "tree_sizes=1 inf 1", "no number of bytes", false},
    {"Tree=1", "Tree=2", "is not Tree=1", false},
    {"num_leaves=3", "num_leaves=4", "split_feature has 2 values, not 3",
     false},
    {"num_leaves=3", "num_leaves=2147483647", "split_feature has 2", false},
    {"num_leaves=3", "num_leaves=-3", "num_leaves", false},
    {"num_leaves=3", "num_leaves=3\nnum_leaves=3", "there twice", false},
    {"num_leaves=3\n", "", "num_leaves is missing", false},
    {"split_feature=0 1", "split_feature=0 3", "value 1 of split_feature",
     false},
    {"split_feature=0 1", "split_feature=0 1 2", "split_feature has 3", false},
    {"threshold=0.5 -1.5", "threshold=0.5 -1.5x", "'-1.5x', not a number",
     false},
    {"threshold=0.5 -1.5", "threshold=0x5 -1.5", "'0x5', not a number", false},
    {"threshold=0.5 -1.5", "threshold=nan 1", "nan", false},
    {"decision_type=2 8", "decision_type=2 12", "missing values", false},
    {"decision_type=2 8", "decision_type=2 16", "decision_type", false},
    {"decision_type", "odd\ndecision_type", "'odd' is neither name=value",
     false},
    {"left_child=1 -1", "left_child=0 -1", "a split below itself", false},
    {"left_child=1 -1", "left_child=1 1", "a split below itself", false},
    {"left_child=1 -1", "left_child=1 -2", "another split has", false},
    {"left_child=1 -1", "left_child=1 -4", "left_child", false},
    {"right_child=-2 -3", "right_child=2 -3", "right_child", false},
    {"leaf_value=1 2 4", "leaf_value=1 2", "leaf_value has 2", false},
    {"leaf_value=1 2 4\n", "", "leaf_value is missing", false},
    {"is_linear=0", "is_linear=1", "leaf_const is missing", false},
    {"threshold=0\n", "threshold=1\n", "a set of categories", false},
    {"threshold=0\n", "threshold=0.5\n", "a set of categories", false},
    {"cat_boundaries=0 2", "cat_boundaries=0 3", "cat_threshold has 2", false},
    {"cat_boundaries=0 2", "cat_boundaries=1 2", "cat_boundaries", false},
    {"cat_boundaries=0 2", "cat_boundaries=0", "cat_boundaries has 1", false},
    {"cat_threshold=5 2", "cat_threshold=5 4294967296", "cat_threshold", false},
    {"end of trees", "", "nor 'end of trees'", false},
};

static void edited_lightgbm_files_are_refused_by_field_and_line(void **state) {
  (void)state;
  expect_edits_refused(lightgbm, lightgbm_edits, WL_COUNT_OF(lightgbm_edits));
}

static const edit xgboost_edits[] = {
    {"[3,2,0]", "[4,0,0]", "4.0.0 is not supported", true},
    {"[3,2,0]", "[1,5,0]", "1.5.0 is not supported", true},
    {"[3,2,0]", "3", "version", false},
    {"\"version\"", "\"conversion\"", "version is missing", false},
    {"\"learner\"", "\"teacher\"", "learner is missing", false},
    {"reg:squarederror", "reg:mystery", "'reg:mystery' is not supported", true},
    {"\"name\":\"gbtree\"", "\"name\":\"gblinear\"", "'gblinear'", true},
    {"\"num_trees\":\"2\"", "\"num_trees\":\"3\"", "num_trees", false},
    {"\"num_trees\":\"2\"", "\"num_trees\":\"two\"", "num_trees", false},
    {"\"tree_info\":[0,0]", "\"tree_info\":[0]", "tree_info", false},
    {"\"tree_info\"", "\"iteration_indptr\":[1,1,2],\"tree_info\"",
     "iteration_indptr", true},
    {"\"tree_info\"", "\"iteration_indptr\":[0,1,3],\"tree_info\"",
     "iteration_indptr", true},
    {"\"tree_info\"", "\"iteration_indptr\":[0],\"tree_info\"",
     "iteration_indptr", false},
    {"\"tree_info\"", "\"iteration_indptr\":\"ab\",\"tree_info\"",
     "iteration_indptr", false},
    {"\"tree_info\":[0,0]", "\"tree_info\":[0,1]", "tree_info", false},
    {"\"tree_info\":[0,0]", "\"tree_info\":{}", "an object, not an array of",
     false},
    {"\"num_feature\":\"2\"", "\"num_feature\":\"1\"", "feature_names", false},
    {"\"x\",", "", "feature_names", false},
    {"\"x\",", "[1],", "feature_names", false},
    {"[1E0]", "[1E0,2E0]", "base_score", false},
    {"[1E0]", "[1E0", "base_score", false},
    {"[1E0]", "[]", "base_score", false},
    {"[1E0]", "nan", "base_score", false},
    {"\"num_nodes\":\"6\"", "\"num_nodes\":\"5\"", "trees[0].left_children",
     false},
    {"\"num_nodes\":\"6\"", "\"num_nodes\":\"2147483647\"",
     "trees[0].left_children", false},
    {"\"left_children\":[5,", "\"left_children\":[0,", "left_children", false},
    {"\"left_children\":[5,", "\"left_children\":[6,", "left_children", false},
    {"\"left_children\":[5,", "\"left_children\":[4,", "has a parent", false},
    {"\"left_children\":[5,", "\"left_children\":[1.5,", "left_children",
     false},
    {"\"left_children\":[5,-1,-1,-1,-1,1]",
     "\"left_children\":[5,-1,-1,-1,-1,5]", "has a parent", false},
    {"\"split_indices\":[0,", "\"split_indices\":[2,", "split_indices", false},
    {"\"split_conditions\":[5E-1,", "\"split_conditions\":[NaN,",
     "split_conditions", false},
    {"\"split_conditions\":[5E-1,", "\"split_conditions\":[\"5\",",
     "an array of", false},
    {"\"default_left\":[1,", "\"default_left\":[2,", "default_left", false},
    {"\"split_type\":[1,", "\"split_type\":[2,", "trees[1].split_type", false},
    {"\"categories\":[1,33]", "\"categories\":[1,-1]", "categories", false},
    {"\"categories\":[1,33]", "\"categories\":[1,16777216]", "categories",
     false},
    {"\"categories\":[1,33]", "\"categories\":[1]", "categories_sizes", false},
    {"\"categories_nodes\":[0]", "\"categories_nodes\":[1]", "split_type",
     false},
    {"\"categories_nodes\":[0]", "\"categories_nodes\":[0,1]",
     "categories_nodes", false},
    {"\"size_leaf_vector\":\"1\"", "\"size_leaf_vector\":\"2\"",
     "size_leaf_vector", false},
    {"\"tree_info\":[0,0]", "\"tree_info\":[0,0],\"tree_info\":[0,0]",
     "2 times", false},
    {"\\u00e9", "\\ud800", "surrogates at byte", false},
    {"\\u00e9", "\\x", "escape", false},
    {"\\u00e9", "\xff", "UTF-8", false},
    {"\"x\"", "\"\n\"", "control character", false},
    {"5E-1", "5E", "number is malformed at byte", false},
    {"5E-1", "nul", "malformed", false},
    {"5E-1", "05E-1", "number is malformed at byte", false},
    {"5E-1", "5.E-1", "number is malformed at byte", false},
    {"5E-1", "5.", "number is malformed at byte", false},
    {"5E-1", "-", "number is malformed at byte", false},
    {"5E-1", "-.5", "number is malformed at byte", false},
    {"\"tree_info\":[0,0]", "\"tree_info\":[0,00]",
     "number is malformed at byte", false},
    {"\"left_children\":[5,", "\"parents\":[1],\"left_children\":[5,",
     "has 1 values, but num_nodes is 6", false},
    {"\"left_children\":[5,", "\"base_weights\":[1],\"left_children\":[5,",
     "has 1 values, but there are 6 nodes", false},
    {"\"left_children\":[5,", "\"sum_hessian\":null,\"left_children\":[5,",
     "is null, not an array of numbers", false},
    {"\"base_score\"", "\"base_store\"",
     "base_score is missing in learner_model_param, the object at byte", false},
    {"\"learner_model_param\"", "\"learner_params\"",
     "learner_model_param is missing in learner, the object at byte", false},
};

static void edited_xgboost_files_are_refused_by_field_and_byte(void **state) {
  (void)state;
  expect_edits_refused(xgboost, xgboost_edits, WL_COUNT_OF(xgboost_edits));
}

static void every_cut_of_a_file_is_refused(void **state) {
  (void)state;
  size_t end = (size_t)(strstr(lightgbm, "end of trees") - lightgbm);
  for (size_t n = 0; n < end + strlen("end of trees"); n++)
    expect_refused(lightgbm, n, WL_ERROR_VALUE, "");
  for (size_t n = 0; n + 1 < sizeof xgboost; n++)
    expect_refused(xgboost, n, WL_ERROR_VALUE, "");
}

static void other_formats_are_refused_by_name(void **state) {
  (void)state;
  static const edit all[] = {
      {"binf....", "", "old binary format", true},
      {"CBM1....", "", "CatBoost", true},
      {"\x80\x04", "", "pickle", true},
      {"PK\x03\x04", "", "zip", true},
      {"<xml>", "", "not known", false},
      {"", "", "not known", false},
      {"[1, 2]", "", "not known", false},
  };
  for (size_t i = 0; i < WL_COUNT_OF(all); i++)
    expect_refused(all[i].from, strlen(all[i].from),
                   all[i].is_unsupported ? WL_ERROR_UNSUPPORTED
                                         : WL_ERROR_VALUE,
                   all[i].message);
}

/* ---- documents ----------------------------------------------------------- */

static void deep_json_is_refused(void **state) {
  (void)state;
  char text[MAX_TEXT];
  memset(text, '[', sizeof text);
  memcpy(text, "{\"a\":", 5);
  expect_refused(text, sizeof text, WL_ERROR_VALUE, "nested too deep");
}

static wl_status read_ubjson(const char *bytes, size_t size,
                             wl_document *document) {
  wl_document_init(document);
  return wl_document_read_ubjson(document, (const uint8_t *)bytes, size, NULL);
}
#define UBJSON(bytes, document) read_ubjson(bytes, sizeof(bytes) - 1, document)

static void ubjson_numbers_have_their_types(void **state) {
  (void)state;
  wl_document document;
  assert_int_equal(UBJSON("[i\xffU\xffI\xff\xfel\x80\0\0\0L\0\0\0\1\0\0\0\0N"
                          "d\x3f\xc0\0\0D\xc0\0\0\0\0\0\0\0]",
                          &document),
                   WL_OK);
  static const double expected[] = {-1,           255, -2, -2147483648.0,
                                    4294967296.0, 1.5, -2};
  assert_int_equal(document.nodes[0].kind, WL_DOC_NUMBERS);
  assert_int_equal(document.nodes[0].n, WL_COUNT_OF(expected));
  for (size_t i = 0; i < WL_COUNT_OF(expected); i++)
    assert_true(document.numbers.values[i] == expected[i]);
  wl_document_deinit(&document);
}

static void ubjson_containers_may_be_typed_and_counted(void **state) {
  (void)state;
  wl_document document;
  assert_int_equal(
      UBJSON("{#i\2i\1a[$d#i\1\x3f\x80\0\0i\1b[$S#i\2i\1xi\0", &document),
      WL_OK);
  uint32_t a = wl_doc_member(&document, WL_DOC_ROOT, "a", NULL);
  uint32_t b = wl_doc_member(&document, WL_DOC_ROOT, "b", NULL);
  assert_true(document.numbers.values[document.nodes[a].at] == 1.0);
  assert_int_equal(document.nodes[b].n, 2);
  wl_string x = wl_doc_string(&document, document.nodes[b].first);
  assert_true(x.size == 1 && x.data[0] == 'x');
  wl_document_deinit(&document);
}

static void ubjson_counts_are_not_believed(void **state) {
  (void)state;
  static const struct {
    const char *bytes;
    size_t size;
  } all[] = {
#define BAD(text) {text, sizeof(text) - 1}
      BAD("[$d#L\x7f\xff\xff\xff\xff\xff\xff\xff"),
      BAD("[$d#i\2\0\0\0\0"),
      BAD("[$Z#L\0\0\0\0\x7f\xff\xff\xff"),
      BAD("[$T#i\1"),
      BAD("[#i\xff"),
      BAD("[#i\2i\1"),
      BAD("[#d\0\0\0\0"),
      BAD("[$i"),
      BAD("["),
      BAD("{i"),
      BAD("{i\1a"),
      BAD("{i\5a"),
      BAD("[i\1S"),
      BAD("Si\1a]"),
      BAD("q"),
      BAD(""),
#undef BAD
  };
  for (size_t i = 0; i < WL_COUNT_OF(all); i++) {
    wl_document document;
    assert_int_equal(read_ubjson(all[i].bytes, all[i].size, &document),
                     WL_ERROR_VALUE);
    wl_document_deinit(&document);
  }
}

static void a_large_category_is_in_its_set(void **state) {
  (void)state;
  const char *text = edited(xgboost, "[1,33]", "[1,16777215]");
  expect(text, NAN, 16777215.0, 0, 1 + 2 + 16);
}

static void sets_out_of_proportion_to_the_file_are_refused(void **state) {
  (void)state;
  enum { N_TREES = 12 };
  static char text[N_TREES * MAX_TEXT];
  size_t n = (size_t)snprintf(
      text, sizeof text,
      "{\"version\":[3,0,0],\"learner\":{\"objective\":{\"name\":"
      "\"reg:squarederror\"},\"learner_model_param\":{\"base_score\":\"0\","
      "\"num_feature\":\"1\"},\"gradient_booster\":{\"name\":\"gbtree\","
      "\"model\":{\"gbtree_model_param\":{\"num_trees\":\"%d\"},"
      "\"tree_info\":[0,0,0,0,0,0,0,0,0,0,0,0],\"trees\":[",
      N_TREES);
  for (int i = 0; i < N_TREES; i++)
    n += (size_t)snprintf(
        text + n, sizeof text - n,
        "%s{\"tree_param\":{\"num_nodes\":\"3\"},\"left_children\":[1,-1,-1],"
        "\"right_children\":[2,-1,-1],\"split_indices\":[0,0,0],"
        "\"split_conditions\":[0,1,2],\"default_left\":[0,0,0],"
        "\"split_type\":[1,0,0],\"categories\":[16777215],"
        "\"categories_nodes\":[0],\"categories_segments\":[0],"
        "\"categories_sizes\":[1]}",
        i > 0 ? "," : "");
  n += (size_t)snprintf(text + n, sizeof text - n, "]}}}}");
  expect_refused(text, n, WL_ERROR_UNSUPPORTED, "proportion");
}

/* ---- memory -------------------------------------------------------------- */

static void a_lack_of_memory_is_reported_and_leaks_nothing(void **state) {
  (void)state;
  json_set_alloc_funcs(wl_alloc, wl_free);
  import_at_every_lack_of_memory(lightgbm);
  import_at_every_lack_of_memory(xgboost);
}

/* ---- options ------------------------------------------------------------- */

static void metadata_tell_the_source_or_what_is_given(void **state) {
  (void)state;
  wl_model *model = import(lightgbm);
  assert_non_null(strstr(wl_model_metadata(model), "\"lightgbm\""));
  assert_non_null(strstr(wl_model_metadata(model), "[\"a\",\"b\",\"c\"]"));
  wl_model_release(model);
  wl_import_options options = {.size = sizeof options,
                               .format = WL_IMPORT_LIGHTGBM,
                               .metadata = "{\"mine\": 1}"};
  assert_int_equal(wl_model_import_memory(lightgbm, strlen(lightgbm), &options,
                                          &model, NULL),
                   WL_OK);
  assert_string_equal(wl_model_metadata(model), "{\"mine\": 1}");
  wl_model_release(model);
  /* A caller that knows of the first field only. */
  options.size = offsetof(wl_import_options, metadata);
  assert_int_equal(wl_model_import_memory(lightgbm, strlen(lightgbm), &options,
                                          &model, NULL),
                   WL_OK);
  assert_non_null(strstr(wl_model_metadata(model), "\"lightgbm\""));
  wl_model_release(model);
  options.format = (wl_import_format)77;
  assert_int_equal(wl_model_import_memory(lightgbm, strlen(lightgbm), &options,
                                          &model, NULL),
                   WL_ERROR_VALUE);
}

/* ---- a frame's categories ------------------------------------------------ */

static const char *with_pandas_categorical(const char *value) {
  static char text[MAX_TEXT];
  snprintf(text, sizeof text, "%s\nend of parameters\n\n%s\n", lightgbm, value);
  return text;
}

static const char *with_cats(const char *value) {
  char cats[256];
  snprintf(cats, sizeof cats, "\"model\":{\"cats\":%s,", value);
  return edited(xgboost, "\"model\":{", cats);
}

static void expect_categories_refused(const char *text, const char *field) {
  expect_refused(text, strlen(text), WL_ERROR_UNSUPPORTED, field);
  expect_refused(text, strlen(text), WL_ERROR_UNSUPPORTED, "willump.compile");
}

static void a_frame_s_categories_are_refused_by_field(void **state) {
  (void)state;
  static const char *const lines[] = {
      "pandas_categorical:[[10, 20]]", "pandas_categorical:[[], [\"a\"]]\r\n",
      "  pandas_categorical: [[null]]", "pandas_categorical:[null, [1]]"};
  static const char *const cats[] = {
      "{\"enc\":[{\"offsets\":[],\"values\":[]},{\"type\":15,"
      "\"values\":[10,20]}]}",
      "{\"enc\":[{\"offsets\":[0,0],\"values\":[]}]}"};
  for (size_t i = 0; i < WL_COUNT_OF(lines); i++)
    expect_categories_refused(with_pandas_categorical(lines[i]),
                              "pandas_categorical");
  for (size_t i = 0; i < WL_COUNT_OF(cats); i++)
    expect_categories_refused(with_cats(cats[i]), "cats");
}

static void a_frame_without_categories_is_imported(void **state) {
  (void)state;
  static const char *const lines[] = {
      "pandas_categorical:null", "pandas_categorical:null \r\n",
      "pandas_categorical:[]", "pandas_categorical:[[], []]",
      "pandas_categorical:"};
  static const char *const cats[] = {
      "{\"enc\":[],\"feature_segments\":[],\"sorted_idx\":[]}",
      "{\"enc\":[{\"offsets\":[],\"values\":[]}]}", "{}"};
  for (size_t i = 0; i < WL_COUNT_OF(lines); i++)
    wl_model_release(import(with_pandas_categorical(lines[i])));
  for (size_t i = 0; i < WL_COUNT_OF(cats); i++)
    wl_model_release(import(with_cats(cats[i])));
}

static void metadata_with_categories_let_them_in(void **state) {
  (void)state;
  const char *text = with_pandas_categorical("pandas_categorical:[[10, 20]]");
  const struct {
    const char *metadata;
    wl_status status;
  } cases[] = {{"{\"categories\":{\"by_order\":true}}", WL_OK},
               {"{\"categories\":null}", WL_ERROR_UNSUPPORTED},
               {"{\"mine\":1}", WL_ERROR_UNSUPPORTED},
               {"[", WL_ERROR_VALUE}};
  for (size_t i = 0; i < WL_COUNT_OF(cases); i++) {
    const wl_import_options options = {.size = sizeof options,
                                       .metadata = cases[i].metadata};
    wl_model *model;
    assert_int_equal(
        wl_model_import_memory(text, strlen(text), &options, &model, NULL),
        cases[i].status);
    wl_model_release(model);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(folded_thresholds_split_doubles_as_their_float32_do),
      cmocka_unit_test(lightgbm_rows_take_the_branches_of_the_file),
      cmocka_unit_test(lightgbm_values_next_to_zero_are_zero),
      cmocka_unit_test(lightgbm_leaves_are_numbered_as_in_the_file),
      cmocka_unit_test(lightgbm_rf_answers_the_mean_and_its_raw_score_the_sum),
      cmocka_unit_test(lightgbm_objectives_have_their_functions),
      cmocka_unit_test(lightgbm_classes_take_trees_in_turn),
      cmocka_unit_test(lightgbm_reads_lines_that_end_as_on_windows),
      cmocka_unit_test(xgboost_rows_take_the_branches_of_the_file),
      cmocka_unit_test(xgboost_leaves_are_the_nodes_of_the_file),
      cmocka_unit_test(xgboost_base_scores_become_margins),
      cmocka_unit_test(dart_weighs_its_trees),
      memory_test(edited_lightgbm_files_are_refused_by_field_and_line),
      memory_test(edited_xgboost_files_are_refused_by_field_and_byte),
      memory_test(every_cut_of_a_file_is_refused),
      memory_test(other_formats_are_refused_by_name),
      memory_test(deep_json_is_refused),
      memory_test(ubjson_numbers_have_their_types),
      memory_test(ubjson_containers_may_be_typed_and_counted),
      memory_test(ubjson_counts_are_not_believed),
      cmocka_unit_test(a_large_category_is_in_its_set),
      memory_test(sets_out_of_proportion_to_the_file_are_refused),
      cmocka_unit_test(metadata_tell_the_source_or_what_is_given),
      memory_test(a_frame_s_categories_are_refused_by_field),
      memory_test(a_frame_without_categories_is_imported),
      memory_test(metadata_with_categories_let_them_in),
      memory_test(a_lack_of_memory_is_reported_and_leaks_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
