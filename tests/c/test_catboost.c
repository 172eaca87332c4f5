/* CatBoost's JSON: small files written by hand, their answers, and what is
 * refused. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <jansson.h>

#include "imported.h"

/* Two columns of numbers, of which the second is column 2 of the rows. Values
 * above 0.5 add 1, and 2 where the second is above -1.5; NaN is below all
 * borders in the first and above them in the second. */
static const char symmetric[] =
    "{\"features_info\":{\"float_features\":["
    "{\"borders\":[0.5],\"feature_id\":\"a\",\"feature_index\":0,"
    "\"flat_feature_index\":0,\"has_nans\":true,"
    "\"nan_value_treatment\":\"AsFalse\"},"
    "{\"borders\":[-1.5],\"feature_id\":\"b\",\"feature_index\":1,"
    "\"flat_feature_index\":2,\"has_nans\":true,"
    "\"nan_value_treatment\":\"AsTrue\"}]},"
    "\"model_info\":{\"params\":{\"loss_function\":{\"type\":\"RMSE\","
    "\"params\":{}}},\"class_params\":{\"class_names\":[\"no\",true,7]}},"
    "\"oblivious_trees\":[{\"leaf_values\":[0,1,2,3],\"leaf_weights\":[1,1],"
    "\"splits\":[{\"border\":0.5,\"float_feature_index\":0,"
    "\"split_type\":\"FloatFeature\"},{\"border\":-1.5,"
    "\"float_feature_index\":1,\"split_type\":\"FloatFeature\"}]},"
    "{\"leaf_values\":[8],\"splits\":null}],"
    "\"scale_and_bias\":[2,[0.5]]}";

/* A leaf, then a split: the leaf is number 0 wherever it stands. */
static const char lopsided[] =
    "{\"features_info\":{\"float_features\":["
    "{\"borders\":[0.5],\"feature_id\":\"\",\"feature_index\":0,"
    "\"flat_feature_index\":0,\"has_nans\":false,"
    "\"nan_value_treatment\":\"AsIs\"}]},"
    "\"model_info\":{\"params\":{\"loss_function\":{\"type\":\"MultiClass\"}}},"
    "\"trees\":[{\"split\":{\"border\":3,\"float_feature_index\":0,"
    "\"split_type\":\"FloatFeature\"},\"left\":{\"split\":{\"border\":1,"
    "\"float_feature_index\":0,\"split_type\":\"FloatFeature\"},"
    "\"left\":{\"value\":[1,2],\"weight\":1},"
    "\"right\":{\"value\":[3,4],\"weight\":1}},"
    "\"right\":{\"value\":[5,6],\"weight\":1}}],"
    "\"scale_and_bias\":[1,[0,0]]}";

static void expect(const char *text, double a, double c, double expected) {
  const double row[] = {a, 77.0, c};
  assert_true(answer(text, "raw", row)[0] == 2 * expected + 0.5);
}

static void rows_above_a_border_take_the_set_bit(void **state) {
  (void)state;
  expect(symmetric, 0.5, -1.5, 8 + 0);
  expect(symmetric, 0.50000006, -1.5, 8 + 1);
  expect(symmetric, 0.5, -1.4999999, 8 + 2);
  expect(symmetric, 1, 0, 8 + 3);
  expect(symmetric, INFINITY, -INFINITY, 8 + 1);
  /* Nearer to 0.5 than to the next float32. */
  expect(symmetric, 0.50000001, -1.5, 8 + 0);
}

static void missing_values_are_below_or_above_all_borders(void **state) {
  (void)state;
  expect(symmetric, NAN, NAN, 8 + 2);
  expect(edited(symmetric, "AsFalse", "AsTrue"), NAN, NAN, 8 + 3);
  expect(edited(symmetric, "AsTrue", "AsIs"), NAN, NAN, 8 + 0);
  /* A treatment is for columns that had missing values. */
  expect(edited(symmetric, "true,\"nan_value_treatment\":\"AsTrue",
                "false,\"nan_value_treatment\":\"AsTrue"),
         NAN, NAN, 8 + 0);
}

static void borders_at_the_ends_of_float32_compare_as_such(void **state) {
  (void)state;
  static const char from[] = "\"splits\":[{\"border\":0.5";
  char text[MAX_TEXT];
  snprintf(text, sizeof text, "%s",
           edited(symmetric, from, "\"splits\":[{\"border\":-3.4028235e38"));
  expect(text, -(double)FLT_MAX, -2, 8 + 0);
  expect(text, -3.4e38, -2, 8 + 1);
  snprintf(text, sizeof text, "%s",
           edited(symmetric, from, "\"splits\":[{\"border\":3.4028235e38"));
  expect(text, (double)FLT_MAX, -2, 8 + 0);
  expect(text, INFINITY, -2, 8 + 1);
  snprintf(text, sizeof text, "%s",
           edited(symmetric, from, "\"splits\":[{\"border\":Infinity"));
  expect(text, INFINITY, -2, 8 + 0);
}

static const char *with_split_indices(const char *first, const char *second) {
  static char text[MAX_TEXT];
  char from[80];
  snprintf(from, sizeof from, "{\"split_index\":%s,\"border\":0.5,", first);
  snprintf(text, sizeof text, "%s",
           edited(symmetric, "{\"border\":0.5,", from));
  snprintf(from, sizeof from, "{\"split_index\":%s,\"border\":-1.5,", second);
  return edited(text, "{\"border\":-1.5,", from);
}

static void a_split_index_is_of_the_split_s_border(void **state) {
  (void)state;
  char text[MAX_TEXT];
  snprintf(text, sizeof text, "%s", with_split_indices("0", "1"));
  expect(text, 1, 0, 8 + 3);
  /* The second column's borders come behind the first's. */
  snprintf(text, sizeof text, "%s", with_split_indices("1", "3"));
  snprintf(text, sizeof text, "%s", edited(text, "[0.5]", "[0.25,0.5]"));
  snprintf(text, sizeof text, "%s", edited(text, "[-1.5]", "[-2,-1.5]"));
  expect(text, 1, 0, 8 + 3);
  const edit edits[] = {
      {"[0.25,0.5]", "[0.5,0.75]", "oblivious_trees[0].border (byte", false},
      {"[-2,-1.5]", "[-2,-1.25]", "split_index 3", false},
      {"[-2,-1.5]", "[-2]", "oblivious_trees[0].split_index (byte", false},
      {"[-2,-1.5]", "null", "split_index (byte", false},
      {"[-2,-1.5]", "[\"-2\",\"-1.5\"]", "border (byte", false},
      {"\"borders\":[-2,-1.5],", "", "split_index (byte", false},
      {"\"split_index\":3", "\"split_index\":1", "split_index (byte", false},
      {"\"split_index\":3", "\"split_index\":4", "split_index (byte", false},
      {"\"split_index\":3", "\"split_index\":-1", "split_index (byte", false},
      {"\"split_index\":3", "\"split_index\":0.5", "split_index (byte", false},
      {"\"split_index\":1", "\"split_index\":2", "split_index (byte", false},
      {"\"border\":-1.5", "\"border\":-2", "border (byte", false},
  };
  expect_edits_refused(text, edits, WL_COUNT_OF(edits));
}

static void leaves_are_numbered_as_catboost_does(void **state) {
  (void)state;
  const double row[] = {1, 0, 0};
  assert_true(answer(symmetric, "leaves", row)[0] == 3);
  assert_true(answer(symmetric, "leaves", row)[1] == 0);
  const double below[] = {1}, between[] = {3}, above[] = {4};
  assert_true(answer(lopsided, "leaves", above)[0] == 0);
  assert_true(answer(lopsided, "leaves", below)[0] == 1);
  assert_true(answer(lopsided, "leaves", between)[0] == 2);
  assert_true(answer(lopsided, "raw", above)[1] == 6);
  assert_true(answer(lopsided, "raw", below)[0] == 1);
  assert_true(answer(lopsided, "raw", between)[1] == 4);
}

static void losses_have_their_functions(void **state) {
  (void)state;
  static const struct loss {
    const char *name;
    double expected; /* of a raw score of 0 */
  } all[] = {{"\"Logloss\"", 0.5},
             {"\"Poisson\"", 1.0},
             {"\"MAE\"", 0.0},
             {"\"YetiRank\"", 0.0}};
  const double row[] = {1, 0, 0};
  for (size_t i = 0; i < WL_COUNT_OF(all); i++) {
    char text[MAX_TEXT];
    snprintf(text, sizeof text, "%s",
             edited(symmetric, "\"RMSE\"", all[i].name));
    const double *value =
        answer(edited(text, "[2,[0.5]]", "[0,0]"), "prediction", row);
    assert_true(value[0] == all[i].expected);
  }
  const double one[] = {0};
  double first = answer(lopsided, "prediction", one)[0];
  assert_true(fabs(first - 1 / (1 + exp(1))) < 1e-15);
}

static void metadata_tell_names_and_classes(void **state) {
  (void)state;
  wl_model *model = import(symmetric);
  const char *metadata = wl_model_metadata(model);
  assert_non_null(strstr(metadata, "\"catboost\""));
  assert_non_null(strstr(metadata, "\"class_names\":[\"no\",\"True\",\"7\"]"));
  /* Column 1 has no name. */
  assert_null(strstr(metadata, "feature_names_in"));
  wl_model_release(model);
}

static void edited_files_are_refused_by_field_and_byte(void **state) {
  (void)state;
  static const edit edits[] = {
      {"\"float_features\"", "\"f\"", "features_info.float_features", false},
      {"\"feature_index\":0", "\"feature_index\":1", "feature_index (byte",
       false},
      {"\"flat_feature_index\":2", "\"flat_feature_index\":0",
       "float_features[1].flat_feature_index (byte", false},
      {"\"has_nans\":true", "\"has_nans\":1", "has_nans (byte", false},
      {"AsFalse", "AsAbove", "'AsAbove' is not supported", true},
      {"{\"borders\":[0.5]", "7,{\"borders\":[0.5]", "is not an object", false},
      {"\"float_features\"",
       "\"categorical_features\":[{\"feature_id\":\"colour\","
       "\"flat_feature_index\":1}],\"float_features\"",
       "feature 'colour' (column 1) is of categories", true},
      {"\"float_features\"", "\"ctrs\":[1],\"float_features\"", "CTR", true},
      {"\"float_features\"",
       "\"text_features\":[{\"flat_feature_index\":3}],\"float_features\"",
       "feature '' (column 3) is of text", true},
      {"\"float_features\"", "\"embedding_features\":[{}],\"float_features\"",
       "embeddings", true},
      {"\"model_info\"", "\"m\"", "model_info is missing", false},
      {"\"RMSE\"", "\"Secret\"", "'Secret' is not supported", true},
      {"\"RMSE\"", "[]", "type (byte", false},
      {"[\"no\",true,7]", "[null]", "class_names (byte", false},
      {"\"oblivious_trees\"", "\"o\"", "oblivious_trees is missing", false},
      {"\"float_feature_index\":1", "\"float_feature_index\":2",
       "oblivious_trees[0].float_feature_index (byte", false},
      {"\"border\":0.5", "\"border\":NaN", "border (byte", false},
      {"\"border\":0.5,", "", "border is missing", false},
      {"\"FloatFeature\"", "\"OnlineCtr\"", "'OnlineCtr' is not supported",
       true},
      {"[0,1,2,3]", "[0,1,2]", "leaf_values (byte", false},
      {"[0,1,2,3]", "[0,1,2,3,4]", "4", false},
      {"[2,[0.5]]", "[2,[]]", "scale_and_bias (byte", false},
      {"[2,[0.5]]", "[NaN,[1]]", "scale_and_bias (byte", false},
      {"[2,[0.5]]", "[2,[Infinity]]", "not finite", false},
      {",\"scale_and_bias\":[2,[0.5]]", "", "scale_and_bias is missing", false},
      {"[2,[0.5]]", "[2,[0.5,1]]", "leaf_values (byte", false},
  };
  static const edit others[] = {
      {"\"left\":{\"value\"", "\"l\":{\"value\"", "trees[0].left is missing",
       false},
      {"\"value\":[3,4]", "\"v\":[3,4]", "value is missing", false},
      {"\"value\":[3,4]", "\"value\":3", "value (byte", false},
      {"\"split\":{\"border\":1", "\"split\":[],\"s\":{\"border\":1",
       "split (byte", false},
      {"\"trees\":[", "\"trees\":[0,", "trees[0].", false},
      {"\"trees\":[", "\"trees\":[],\"t\":[", "is empty", true},
  };
  expect_edits_refused(symmetric, edits, WL_COUNT_OF(edits));
  expect_edits_refused(lopsided, others, WL_COUNT_OF(others));
}

static void every_cut_of_a_file_is_refused(void **state) {
  (void)state;
  for (size_t n = 0; n + 1 < sizeof symmetric; n++)
    expect_refused(symmetric, n, WL_ERROR_VALUE, "");
}

static void a_lack_of_memory_is_reported_and_leaks_nothing(void **state) {
  (void)state;
  json_set_alloc_funcs(wl_alloc, wl_free);
  import_at_every_lack_of_memory(symmetric);
  import_at_every_lack_of_memory(lopsided);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rows_above_a_border_take_the_set_bit),
      cmocka_unit_test(missing_values_are_below_or_above_all_borders),
      cmocka_unit_test(borders_at_the_ends_of_float32_compare_as_such),
      memory_test(a_split_index_is_of_the_split_s_border),
      cmocka_unit_test(leaves_are_numbered_as_catboost_does),
      cmocka_unit_test(losses_have_their_functions),
      cmocka_unit_test(metadata_tell_names_and_classes),
      cmocka_unit_test(edited_files_are_refused_by_field_and_byte),
      cmocka_unit_test(every_cut_of_a_file_is_refused),
      cmocka_unit_test(a_lack_of_memory_is_reported_and_leaks_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
