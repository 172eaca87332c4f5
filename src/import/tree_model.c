/* tree_model.c: the growing arrays of tree_model.h, and float32 thresholds. */
#include "import/tree_model.h"

#include <math.h>

wl_status wl_i64_push(wl_i64_array *array, int64_t value, wl_error *error) {
  if (array->n == array->capacity) {
    void *grown = array->values;
    WL_TRY(
        wl_grow(&grown, &array->capacity, array->n + 1, sizeof value, error));
    array->values = grown;
  }
  array->values[array->n++] = value;
  return WL_OK;
}

wl_status wl_f64_push(wl_f64_array *array, double value, wl_error *error) {
  if (array->n == array->capacity) {
    void *grown = array->values;
    WL_TRY(
        wl_grow(&grown, &array->capacity, array->n + 1, sizeof value, error));
    array->values = grown;
  }
  array->values[array->n++] = value;
  return WL_OK;
}

wl_status wl_text_push(wl_text_array *array, const char *text, size_t size,
                       wl_error *error) {
  void *bytes = array->bytes, *offsets = array->offsets;
  size_t needed;
  if (wl_add_overflows(array->size, size, &needed))
    return wl_fail_memory(error, size);
  WL_TRY(wl_grow(&bytes, &array->bytes_capacity, needed + 1, 1, error));
  array->bytes = bytes;
  WL_TRY(wl_grow(&offsets, &array->offsets_capacity, array->n + 2,
                 sizeof *array->offsets, error));
  array->offsets = offsets;
  if (size != 0)
    memcpy(array->bytes + array->size, text, size);
  array->offsets[array->n++] = array->size;
  array->offsets[array->n] = needed;
  array->size = needed;
  return WL_OK;
}

wl_string wl_text_at(const wl_text_array *array, size_t i) {
  return (wl_string){array->bytes + array->offsets[i],
                     (size_t)(array->offsets[i + 1] - array->offsets[i])};
}

const char *wl_tree_link_name(wl_tree_link link) {
  static const char *const names[] = {"none",          "exp",     "expit",
                                      "softmax",       "argmax",  "positive",
                                      "signed_square", "softplus"};
  _Static_assert(WL_COUNT_OF(names) == WL_LINK_COUNT, "a name for every link");
  return (unsigned)link < WL_LINK_COUNT ? names[link] : "unknown";
}

void wl_tree_model_init(wl_tree_model *model) {
  *model = (wl_tree_model){.library = "",
                           .n_outputs = 1,
                           .best_iteration = -1,
                           .width = 1,
                           .scale = 1.0,
                           .link_scale = 1.0};
}

void wl_tree_model_deinit(wl_tree_model *model) {
  wl_free(model->objective);
  wl_free(model->feature_names.bytes);
  wl_free(model->feature_names.offsets);
  wl_free(model->class_names.bytes);
  wl_free(model->class_names.offsets);
  wl_free(model->feature.values);
  wl_free(model->left.values);
  wl_free(model->right.values);
  wl_free(model->flags.values);
  wl_free(model->threshold.values);
  wl_free(model->roots.values);
  wl_free(model->output.values);
  wl_free(model->leaves.values);
  wl_free(model->leaf_ids.values);
  wl_free(model->start.values);
  wl_free(model->bias.values);
  wl_free(model->linear_constants.values);
  wl_free(model->linear_starts.values);
  wl_free(model->linear_features.values);
  wl_free(model->linear_coefficients.values);
  wl_free(model->sets.values);
  wl_free(model->set_starts.values);
  wl_tree_model_init(model);
}

wl_status wl_tree_model_add_split(wl_tree_model *model, int64_t feature,
                                  double threshold, int64_t flags, int64_t left,
                                  int64_t right, wl_error *error) {
  if (model->feature.n >= WL_MAX_SPLITS)
    return wl_fail(error, WL_ERROR_UNSUPPORTED,
                   "the model has more than %d splits", WL_MAX_SPLITS);
  WL_TRY(wl_i64_push(&model->feature, feature, error));
  WL_TRY(wl_f64_push(&model->threshold, threshold, error));
  WL_TRY(wl_i64_push(&model->flags, flags, error));
  WL_TRY(wl_i64_push(&model->left, left, error));
  return wl_i64_push(&model->right, right, error);
}

wl_status wl_tree_model_begin_sets(wl_tree_model *model, wl_error *error) {
  return model->set_starts.n != 0 ? WL_OK
                                  : wl_i64_push(&model->set_starts, 0, error);
}

wl_status wl_tree_model_end_set(wl_tree_model *model, int64_t *number,
                                wl_error *error) {
  *number = (int64_t)model->set_starts.n - 1;
  return wl_i64_push(&model->set_starts, (int64_t)model->sets.n, error);
}

wl_status wl_tree_model_fill_linear(wl_tree_model *model, size_t n_leaves,
                                    wl_error *error) {
  int64_t n_terms = (int64_t)model->linear_features.n;
  if (model->linear_starts.n == 0)
    WL_TRY(wl_i64_push(&model->linear_starts, 0, error));
  for (size_t i = model->linear_constants.n; i < n_leaves; i++) {
    WL_TRY(
        wl_f64_push(&model->linear_constants, model->leaves.values[i], error));
    WL_TRY(wl_i64_push(&model->linear_starts, n_terms, error));
  }
  return WL_OK;
}

/*
 * The next float32 below the threshold rounds to itself, and so does what lies
 * between the two up to their midpoint. The midpoint goes to the one with the
 * even significand. Beyond the largest finite float32 the neighbour is 2^128,
 * which stands for infinity: rounding treats it so. Midpoints are exact doubles
 * (denormal float32 numbers are normal doubles).
 */
double wl_fold_float32(float threshold) {
  float below = nextafterf(threshold, -INFINITY);
  double high = isinf(threshold) ? 0x1p128 : (double)threshold;
  double low = isinf(below) ? -0x1p128 : (double)below;
  double middle = low + (high - low) / 2;
  uint32_t bits;
  memcpy(&bits, &below, sizeof bits);
  return bits % 2 == 0 ? middle : nextafter(middle, -INFINITY);
}
