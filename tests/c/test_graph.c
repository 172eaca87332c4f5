/* The graph and its text form: what parses prints back to itself, what is wrong
 * is refused with the line. */
#include "support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "graph/graph.h"
#include "graph/op.h"

static char *round_trip(const char *text) {
  wl_graph graph;
  wl_error error = {0};
  char *out = NULL;
  size_t size;
  wl_graph_init(&graph);
  assert_int_equal(wl_graph_parse(&graph, text, strlen(text), &error), WL_OK);
  assert_int_equal(wl_graph_print(&graph, false, &out, &size, &error), WL_OK);
  wl_graph_deinit(&graph);
  return out;
}

static void refuse(const char *text, wl_status status, const char *message) {
  wl_graph graph;
  wl_error error = {0};
  wl_graph_init(&graph);
  assert_int_equal(wl_graph_parse(&graph, text, strlen(text), &error), status);
  if (strstr(error.message, message) == NULL)
    fail_msg("'%s' does not say '%s'", error.message, message);
  wl_graph_deinit(&graph);
}

static const char two_stages[] =
    "willump-graph 1\n"
    "%0 = input() {kind=\"matrix\", name=\"x \\\"q\\\"\", n_features=2}\n"
    "%1 = linear(%0) {coef=@w}\n"
    "stage\n"
    "output decision = %1\n";

static void printing_what_was_parsed_gives_the_same_text(void **state) {
  (void)state;
  const char *text = "willump-graph 1\n"
                     "%0 = input() {kind=\"matrix\", "
                     "name=\"a\\u0001\\\"b\\\\\", n_features=2}\n"
                     "%1 = scale(%0) {multiply=[0.5, 1e-09], divide=[2.0]}\n"
                     "%2 = select(%1) {indices=[1]}\n"
                     "%3 = affine(%2) {multiply=[1.0], add=[nan]}\n"
                     "%4 = positive(%3) {threshold=-inf}\n"
                     "stage {gate=%3, threshold=0.25}\n"
                     "output label = %4\n"
                     "stage\n"
                     "output label = %4\n";
  char *out = round_trip(text);
  assert_string_equal(out, text);
  wl_free(out);
}

static void a_stage_may_have_some_of_the_outputs(void **state) {
  (void)state;
  const char *text = "willump-graph 1\n"
                     "%0 = input() {kind=\"matrix\", n_features=2}\n"
                     "%1 = margin(%0)\n"
                     "%2 = argmax(%0)\n"
                     "stage {gate=%1, threshold=0.25}\n"
                     "output label = %2\n"
                     "stage {gate=%1, threshold=0.5}\n"
                     "output margin = %1\n"
                     "stage\n"
                     "output decision = %0\n"
                     "output margin = %1\n"
                     "output label = %2\n";
  char *out = round_trip(text);
  assert_string_equal(out, text);
  wl_free(out);
}

/* A stage before the last, with this output. */
static void refuse_stage(const char *output, const char *message) {
  char text[1024];
  snprintf(text, sizeof text,
           "willump-graph 1\n"
           "%%0 = input() {kind=\"matrix\", n_features=2}\n"
           "%%1 = margin(%%0)\n"
           "%%2 = argmax(%%0)\n"
           "%%3 = concat(%%0) {sparse=true}\n"
           "stage {gate=%%1, threshold=0.25}\n%s"
           "stage\noutput decision = %%0\noutput label = %%2\n"
           "output features = %%3\n",
           output);
  refuse(text, WL_ERROR_VALUE, message);
}

static void a_stages_outputs_are_like_those_of_the_last(void **state) {
  (void)state;
  refuse_stage("", "stage 1 of 2 has no output");
  refuse_stage("output other = %2\n",
               "output 'other' of stage 1 is none of the last stage's");
  refuse_stage("output decision = %1\n",
               "output 'decision' of stage 1 is not like that of the last");
  refuse_stage("output label = %1\n", "'label' of stage 1 is not like");
  refuse_stage("output features = %3\n",
               "output 'features': what rows leave with is dense");
}

static void comments_and_blanks_are_ignored(void **state) {
  (void)state;
  char *out = round_trip("# a\n\nwillump-graph 1 # v\n  %0 = input( ) { kind = "
                         "\"numeric\" } # x\r\nstage\noutput y=%0");
  assert_string_equal(out, "willump-graph 1\n%0 = input() {kind=\"numeric\"}\n"
                           "stage\noutput y = %0\n");
  wl_free(out);
}

static void what_is_wrong_is_refused_with_its_line(void **state) {
  (void)state;
  refuse("", WL_ERROR_VALUE, "willump-graph 1");
  refuse("willump-graph 2\n", WL_ERROR_UNSUPPORTED, "version");
  refuse("willump-graph 1\n%1 = input()\n", WL_ERROR_VALUE, "line 2");
  refuse("willump-graph 1\n%0 = nothing()\n", WL_ERROR_UNSUPPORTED, "nothing");
  refuse("willump-graph 1\n%0 = input()\n", WL_ERROR_VALUE, "kind");
  refuse("willump-graph 1\n%0 = input() {kind=1}\n", WL_ERROR_TYPE, "kind");
  refuse("willump-graph 1\n%0 = input() {kind=\"text\", a=1}\n",
         WL_ERROR_UNSUPPORTED, "'a'");
  refuse("willump-graph 1\n%0 = input() {kind=\"numeric\"}\n%1 = expit(%7)\n",
         WL_ERROR_VALUE, "%7");
  refuse("willump-graph 1\n%0 = input() {kind=\"text\"}\n%1 = expit(%0)\n",
         WL_ERROR_TYPE, "dense");
  refuse("willump-graph 1\n%0 = input() {kind=\"text\n", WL_ERROR_VALUE,
         "quote");
  refuse("willump-graph 1\n%0 = input() {kind=\"\\q\"}\n", WL_ERROR_VALUE,
         "escape");
  refuse("willump-graph 1\n%0 = input() {kind=\"numeric\"}\n", WL_ERROR_VALUE,
         "no stage");
  refuse("willump-graph 1\n%0 = input() {kind=\"numeric\"}\noutput a = %0\n",
         WL_ERROR_VALUE, "before the first stage");
  refuse(
      "willump-graph 1\n%0 = input() {kind=\"numeric\"}\n%1 = expit(%0) %2\n",
      WL_ERROR_VALUE, "more than one statement");
  refuse(two_stages, WL_ERROR_VALUE, "no tensor");
}

static void every_operator_is_in_the_table_once(void **state) {
  (void)state;
  for (int op = 0; op < WL_OP_COUNT_; op++) {
    const wl_op_def *def = wl_op_table[op];
    assert_non_null(def->name);
    assert_int_equal(wl_op_find(def->name, strlen(def->name)), op);
    assert_non_null(def->infer);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(printing_what_was_parsed_gives_the_same_text),
      cmocka_unit_test(a_stage_may_have_some_of_the_outputs),
      cmocka_unit_test(a_stages_outputs_are_like_those_of_the_last),
      cmocka_unit_test(comments_and_blanks_are_ignored),
      cmocka_unit_test(what_is_wrong_is_refused_with_its_line),
      cmocka_unit_test(every_operator_is_in_the_table_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
