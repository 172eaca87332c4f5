/*
 * predict.c: a saved model from C. Reads lines of text, prints the decision of
 * each.
 *
 *   cc predict.c $(pkg-config --cflags --libs willump) -o predict
 *   ./predict model.willump < lines.txt
 */
#include <stdio.h>
#include <string.h>

#include <willump/willump.h>

int main(int argc, char **argv) {
  wl_model *model;
  wl_error error;
  if (argc != 2) {
    fprintf(stderr, "usage: %s MODEL < LINES\n", argv[0]);
    return 2;
  }
  if (wl_model_load(argv[1], NULL, &model, &error) != WL_OK) {
    fprintf(stderr, "%s\n", error.message);
    return 1;
  }
  int output = wl_model_find_output(model, "decision");
  wl_output_info info;
  if (output < 0 ||
      wl_model_output_info(model, (size_t)output, &info, &error) != WL_OK ||
      info.n_columns != 1 || wl_model_n_inputs(model) != 1) {
    fprintf(stderr, "the model has no single decision of a single text\n");
    wl_model_release(model);
    return 1;
  }
  char line[65536];
  int status = 0;
  while (status == 0 && fgets(line, sizeof line, stdin) != NULL) {
    wl_string row = {line, strcspn(line, "\n")};
    wl_input input = {.layout = WL_LAYOUT_STRINGS,
                      .dtype = WL_STRING,
                      .n_columns = 1,
                      .strings = &row};
    double decision;
    if (wl_model_predict(model, (size_t)output, &input, 1, 1, NULL, &decision,
                         NULL, &error) == WL_OK) {
      printf("%.17g\n", decision);
    } else {
      fprintf(stderr, "%s\n", error.message);
      status = 1;
    }
  }
  wl_model_release(model);
  return status;
}
