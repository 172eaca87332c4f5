/*
 * test_cli.c: the parts of the program that need no model: options, formats,
 * the choice of columns, the text written, and where it goes.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../cli/input.h"
#include "../../cli/options.h"
#include "../../cli/output.h"
#include "../../cli/sink.h"
#include "memory_source.h"

/* ---- options ------------------------------------------------------------- */

#define PARSE(command, arguments, error, ...)                                  \
  parse(command, arguments, error, (const char *[]){__VA_ARGS__, NULL})

static wl_status parse(cli_command_id command, cli_arguments *arguments,
                       wl_error *error, const char **words) {
  static char room[16][64];
  static char *argv[16];
  int argc = 0;
  for (; words[argc] != NULL; argc++) {
    snprintf(room[argc], sizeof room[argc], "%s", words[argc]);
    argv[argc] = room[argc];
  }
  return cli_arguments_parse(&cli_commands[command], argc, argv, arguments,
                             error);
}

static void options_stand_in_every_form(void **state) {
  (void)state;
  cli_arguments arguments;
  assert_int_equal(PARSE(CLI_PREDICT, &arguments, NULL, "-oX", "m", "--column",
                         "a", "--output=proba", "-", "--output", "label",
                         "--exact", "--threads=3", "--delimiter", "tab"),
                   WL_OK);
  assert_int_equal(arguments.n_operands, 2);
  assert_string_equal(arguments.operands[0], "m");
  assert_string_equal(arguments.operands[1], "-");
  assert_string_equal(cli_value(&arguments, "out"), "X");
  assert_string_equal(cli_value(&arguments, "column"), "a");
  assert_string_equal(cli_value(&arguments, "output"), "label");
  assert_int_equal(arguments.n_given, 7);
  assert_string_equal(arguments.given[2].value, "proba");
  assert_true(cli_has(&arguments, "exact"));
  assert_false(cli_has(&arguments, "stages"));
  assert_int_equal(cli_number(&arguments, "threads", 1), 3);
  assert_int_equal(cli_character(&arguments, "delimiter", ','), '\t');
  cli_arguments_deinit(&arguments);
}

static void after_two_dashes_all_are_operands(void **state) {
  (void)state;
  cli_arguments arguments;
  assert_int_equal(PARSE(CLI_PREDICT, &arguments, NULL, "--", "-m", "--exact"),
                   WL_OK);
  assert_string_equal(arguments.operands[0], "-m");
  assert_string_equal(arguments.operands[1], "--exact");
  assert_int_equal(arguments.n_given, 0);
  cli_arguments_deinit(&arguments);
}

static void wrong_command_lines_are_refused(void **state) {
  (void)state;
  static const struct {
    const char *words[4], *message;
  } cases[] = {
      {{"m", "--nope"}, "unknown option '--nope'"},
      {{"m", "-x"}, "unknown option '-x'"},
      {{"m", "--out"}, "a value is missing after '--out'"},
      {{"m", "--exact=1"}, "no value is allowed in '--exact=1'"},
      {{"m", "--threads=x"},
       "--threads takes a whole number of at least 1, not 'x'"},
      {{"m", "--threads=-1"}, "--threads takes a whole number"},
      {{"m", "--threads=0"}, "--threads takes a whole number of at least 1"},
      {{"m", "--threads="}, "--threads takes a whole number"},
      {{"m", "--threads= 1"}, "--threads takes a whole number"},
      {{"m", "--threads=1.5"}, "--threads takes a whole number"},
      {{"m", "--threads=0x2"}, "--threads takes a whole number"},
      {{"m", "--threads=4294967296"}, "--threads takes a whole number"},
      {{"m", "--format=xml"}, "--format takes csv or jsonl, not 'xml'"},
      {{"m", "--delimiter="}, "--delimiter takes one character"},
      {{"m", "i", "x"}, "one argument too many: 'x'"},
      {{"--exact"}, "these arguments are needed: 'MODEL [INPUT|-]'"},
  };
  for (size_t i = 0; i < WL_COUNT_OF(cases); i++) {
    cli_arguments arguments;
    wl_error error;
    const char *words[5] = {0};
    memcpy(words, cases[i].words, sizeof cases[i].words);
    assert_int_equal(parse(CLI_PREDICT, &arguments, &error, words),
                     WL_ERROR_VALUE);
    if (strstr(error.message, cases[i].message) == NULL)
      fail_msg("\"%s\" is not in \"%s\"", cases[i].message, error.message);
    assert_null(arguments.given);
  }
}

static void seconds_are_above_zero(void **state) {
  (void)state;
  cli_arguments arguments;
  assert_int_equal(
      PARSE(CLI_BENCH, &arguments, NULL, "m", "i", "--seconds", "0.5"), WL_OK);
  assert_true(cli_seconds(&arguments, "seconds", 2) == 0.5);
  cli_arguments_deinit(&arguments);
  static const char *const wrong[] = {"0",  "-1", "nan", "inf",  "0x1p1",
                                      " 1", "1s", "",    "86401"};
  for (size_t i = 0; i < WL_COUNT_OF(wrong); i++)
    assert_int_equal(
        PARSE(CLI_BENCH, &arguments, NULL, "m", "i", "--seconds", wrong[i]),
        WL_ERROR_VALUE);
  assert_int_equal(PARSE(CLI_BENCH, &arguments, NULL, "m", "i", "--batch", "0"),
                   WL_ERROR_VALUE);
}

static void help_needs_no_operands(void **state) {
  (void)state;
  cli_arguments arguments;
  assert_int_equal(PARSE(CLI_BENCH, &arguments, NULL, "-h"), WL_OK);
  assert_true(cli_has(&arguments, "help"));
  cli_arguments_deinit(&arguments);
}

static void help_and_manual_show_every_option(void **state) {
  (void)state;
  char *manual = NULL, *help = NULL;
  size_t size;
  FILE *to = open_memstream(&manual, &size);
  cli_print_manual(to);
  fclose(to);
  for (size_t i = 0; i < CLI_COMMAND_COUNT; i++) {
    const cli_command *command = &cli_commands[i];
    assert_ptr_equal(cli_command_find(command->name), command);
    to = open_memstream(&help, &size);
    cli_print_help(to, command);
    fclose(to);
    for (size_t o = 0; o < command->n_options; o++) {
      char word[64], troff[128];
      size_t at = 0;
      snprintf(word, sizeof word, "--%s", command->options[o].name);
      assert_non_null(strstr(help, word));
      for (const char *c = word; *c != '\0'; c++) {
        if (*c == '-')
          troff[at++] = '\\';
        troff[at++] = *c;
      }
      troff[at] = '\0';
      assert_non_null(strstr(manual, troff));
    }
    for (const char *line = help; line != NULL;) {
      const char *end = strchr(line, '\n');
      assert_true(end == NULL || end - line < 80);
      line = end != NULL ? end + 1 : NULL;
    }
    free(help);
    help = NULL;
  }
  free(manual);
  assert_null(cli_command_find("nope"));
}

/* ---- formats and columns ------------------------------------------------- */

static void the_ending_decides_the_format(void **state) {
  (void)state;
  const cli_format csv = {false, ','}, semicolon = {false, ';'};
  assert_false(cli_format_choose(NULL, "x.csv", csv).is_jsonl);
  assert_int_equal(cli_format_choose(NULL, "x.TSV", csv).delimiter, '\t');
  assert_true(cli_format_choose(NULL, "x.jsonl", csv).is_jsonl);
  assert_true(cli_format_choose(NULL, "x.ndjson", csv).is_jsonl);
  assert_true(cli_format_choose("jsonl", "x.csv", csv).is_jsonl);
  assert_false(cli_format_choose("csv", "x.json", csv).is_jsonl);
  assert_int_equal(cli_format_choose(NULL, "-", semicolon).delimiter, ';');
  assert_int_equal(cli_format_choose(NULL, NULL, semicolon).delimiter, ';');
}

static wl_status bind(const char *csv, const wl_input_info *infos,
                      size_t n_inputs, const char *metadata_text,
                      const char *column, size_t *columns, wl_error *error) {
  memory_source memory = {csv, strlen(csv), 0, 0};
  wl_csv_reader *reader;
  cli_metadata metadata;
  cli_inputs inputs;
  size_t at = 0;
  const wl_csv_options options = {.buffer_size = 64};
  assert_int_equal(
      wl_csv_open(memory_source_of(&memory), &options, &reader, NULL), WL_OK);
  assert_int_equal(wl_csv_next(reader, NULL), WL_OK);
  assert_int_equal(cli_metadata_init(&metadata, metadata_text, NULL), WL_OK);
  wl_status status = cli_inputs_init(&inputs, infos, n_inputs, &metadata,
                                     wl_csv_table(reader), column, error);
  if (status == WL_OK)
    for (size_t i = 0; i < n_inputs; i++)
      for (size_t c = 0; c < inputs.bindings[i].n_columns; c++)
        columns[at++] = inputs.bindings[i].columns[c];
  cli_inputs_deinit(&inputs);
  cli_metadata_deinit(&metadata);
  wl_csv_close(reader);
  return status;
}

static void one_unnamed_input_takes_the_only_column_of_text(void **state) {
  (void)state;
  const wl_input_info text = {"", WL_INPUT_TEXT, -1, 1};
  const wl_input_info number = {"", WL_INPUT_NUMERIC, -1, 1};
  size_t column = 99;
  wl_error error;
  assert_int_equal(bind("a,t\n1,\n,x\n", &text, 1, "{}", NULL, &column, NULL),
                   WL_OK);
  assert_int_equal(column, 1);
  assert_int_equal(
      bind("t,a\n\"x\",\"1\"\n", &text, 1, "{}", NULL, &column, NULL), WL_OK);
  assert_int_equal(column, 0);
  assert_int_equal(bind("a,b\nx,y\n", &text, 1, "{}", NULL, &column, &error),
                   WL_ERROR_VALUE);
  assert_string_equal(error.message,
                      "the file has several columns of text: pass --column "
                      "with one of \"a\", \"b\"");
  assert_int_equal(bind("a,b\n1,2\n", &text, 1, "{}", NULL, &column, &error),
                   WL_ERROR_VALUE);
  assert_non_null(strstr(error.message, "none of them text"));
  assert_int_equal(bind("a,t\n1,x\n", &number, 1, "{}", NULL, &column, &error),
                   WL_ERROR_VALUE);
  assert_string_equal(error.message, "the file has several columns: pass "
                                     "--column with one of \"a\", \"t\"");
}

static void one_input_takes_its_name_or_the_only_column(void **state) {
  (void)state;
  const wl_input_info named = {"t", WL_INPUT_TEXT, -1, 1};
  const wl_input_info unnamed = {"", WL_INPUT_TEXT, -1, 1};
  size_t column = 99;
  wl_error error;
  assert_int_equal(bind("a,t\n", &named, 1, "{}", NULL, &column, NULL), WL_OK);
  assert_int_equal(column, 1);
  assert_int_equal(bind("a\n", &named, 1, "{}", NULL, &column, NULL), WL_OK);
  assert_int_equal(column, 0);
  assert_int_equal(bind("a,t,b\n", &named, 1, "{}", "b", &column, NULL), WL_OK);
  assert_int_equal(column, 2);
  assert_int_equal(bind("a\n", &unnamed, 1, "{}", NULL, &column, NULL), WL_OK);
  assert_int_equal(bind("a,b\n", &unnamed, 1, "{}", NULL, &column, &error),
                   WL_ERROR_VALUE);
  assert_string_equal(error.message,
                      "the file has several columns, none of them text: pass "
                      "--column with one of \"a\", \"b\"");
  assert_int_equal(bind("a,b\n", &named, 1, "{}", NULL, &column, &error),
                   WL_ERROR_VALUE);
  assert_non_null(strstr(error.message, "no column \"t\", on which"));
  assert_int_equal(bind("a\n", &named, 1, "{}", "t", &column, &error),
                   WL_ERROR_VALUE);
  assert_non_null(strstr(error.message, "no column \"t\"; it has \"a\""));
  assert_int_equal(bind("t,t\n", &named, 1, "{}", NULL, &column, &error),
                   WL_ERROR_VALUE);
  assert_non_null(strstr(error.message, "2 columns named \"t\""));
}

static void several_inputs_are_taken_by_their_names(void **state) {
  (void)state;
  const wl_input_info infos[] = {{"t", WL_INPUT_TEXT, 0, 1},
                                 {"n", WL_INPUT_NUMERIC, 1, 1},
                                 {"", WL_INPUT_NUMERIC, 2, 1}};
  size_t columns[3];
  wl_error error;
  assert_int_equal(bind("n,x,y,t\n", infos, 3, "{}", NULL, columns, &error),
                   WL_OK);
  assert_int_equal(columns[0], 3);
  assert_int_equal(columns[1], 0);
  assert_int_equal(columns[2], 2);
  assert_int_equal(bind("x,y,t\n", infos, 3, "{}", NULL, columns, &error),
                   WL_ERROR_VALUE);
  assert_string_equal(error.message, "the file has no column \"n\"; it has "
                                     "\"x\", \"y\", \"t\"");
  assert_int_equal(bind("n,t\n", infos, 3, "{}", NULL, columns, &error),
                   WL_ERROR_VALUE);
  assert_non_null(strstr(error.message, "column number 3"));
  assert_int_equal(bind("n,x,t\n", infos, 3, "{}", "t", columns, &error),
                   WL_ERROR_VALUE);
  assert_non_null(strstr(error.message, "--column is for"));
}

static void inputs_of_the_same_column_count_as_one(void **state) {
  (void)state;
  const wl_input_info infos[] = {{"", WL_INPUT_TEXT, -1, 1},
                                 {"", WL_INPUT_TEXT, -1, 1}};
  size_t columns[2];
  assert_int_equal(bind("a,b\n", infos, 2, "{}", "b", columns, NULL), WL_OK);
  assert_int_equal(columns[0], 1);
  assert_int_equal(columns[1], 1);
}

static void a_matrix_is_taken_by_training_names_or_whole(void **state) {
  (void)state;
  const wl_input_info info = {"", WL_INPUT_MATRIX, -1, 2};
  const char *metadata = "{\"feature_names_in\": [\"b\", \"a\"]}";
  size_t columns[2];
  wl_error error;
  assert_int_equal(bind("a,x,b\n", &info, 1, metadata, NULL, columns, NULL),
                   WL_OK);
  assert_int_equal(columns[0], 2);
  assert_int_equal(columns[1], 0);
  assert_int_equal(bind("a,b\n", &info, 1, "{}", NULL, columns, NULL), WL_OK);
  assert_int_equal(columns[0], 0);
  assert_int_equal(columns[1], 1);
  assert_int_equal(bind("a,b,c\n", &info, 1, "{}", NULL, columns, &error),
                   WL_ERROR_VALUE);
  assert_non_null(strstr(error.message, "a matrix of 2 columns"));
}

static void a_matrix_is_filled_row_by_row(void **state) {
  (void)state;
  const wl_input_info info = {"", WL_INPUT_MATRIX, -1, 2};
  const char *csv = "a,b\n1,2\n3,\n";
  memory_source memory = {csv, strlen(csv), 0, 0};
  wl_csv_reader *reader;
  cli_metadata metadata = {.root = NULL};
  cli_inputs inputs;
  assert_int_equal(wl_csv_open(memory_source_of(&memory), NULL, &reader, NULL),
                   WL_OK);
  assert_int_equal(wl_csv_next(reader, NULL), WL_OK);
  const wl_table *table = wl_csv_table(reader);
  assert_int_equal(
      cli_inputs_init(&inputs, &info, 1, &metadata, table, NULL, NULL), WL_OK);
  assert_int_equal(cli_inputs_fill(&inputs, table, NULL), WL_OK);
  const double *values = inputs.inputs[0].values;
  assert_int_equal(inputs.inputs[0].n_columns, 2);
  assert_int_equal(inputs.inputs[0].row_stride, 16);
  assert_true(values[0] == 1 && values[1] == 2 && values[2] == 3);
  assert_true(isnan(values[3]));
  cli_inputs_deinit(&inputs);
  wl_csv_close(reader);
}

/* ---- metadata and text --------------------------------------------------- */

static const char classes_text[] =
    "{\"classes\": [\"a,b\", 3, 2.0, 0.1, true]}";

static void classes_are_of_any_kind(void **state) {
  (void)state;
  static const char *const texts[] = {"a,b", "3", "2.0", "0.1", "True"};
  static const char *const jsons[] = {"\"a,b\"", "3", "2.0", "0.1", "true"};
  cli_metadata metadata;
  wl_error error;
  assert_int_equal(cli_metadata_init(&metadata, classes_text, NULL), WL_OK);
  assert_int_equal(metadata.n_classes, 5);
  for (size_t i = 0; i < 5; i++) {
    assert_string_equal(metadata.classes[i].text, texts[i]);
    assert_string_equal(metadata.classes[i].json, jsons[i]);
  }
  cli_metadata_deinit(&metadata);
  assert_int_equal(cli_metadata_init(&metadata, "{\"classes\": [[]]}", &error),
                   WL_ERROR_ARTIFACT);
  cli_metadata_deinit(&metadata);
  assert_int_equal(cli_metadata_init(&metadata, "[]", &error),
                   WL_ERROR_ARTIFACT);
  cli_metadata_deinit(&metadata);
}

static const char *field_of(cli_text *text, const char *bytes) {
  text->size = 0;
  cli_text_add_field(text, bytes, strlen(bytes), ',');
  cli_text_add(text, "", 1);
  return text->bytes;
}

static void fields_are_quoted_where_they_must_be(void **state) {
  (void)state;
  cli_text text = {.bytes = NULL};
  assert_string_equal(field_of(&text, "a b;c"), "a b;c");
  assert_string_equal(field_of(&text, ""), "\"\"");
  assert_string_equal(field_of(&text, "a,b"), "\"a,b\"");
  assert_string_equal(field_of(&text, "\"a\"b"), "\"\"\"a\"\"b\"");
  assert_string_equal(field_of(&text, "a\nb"), "\"a\nb\"");
  assert_string_equal(field_of(&text, "a\rb"), "\"a\rb\"");
  cli_text_deinit(&text);
}

static void numbers_read_back_to_the_same_bits(void **state) {
  (void)state;
  cli_text text = {.bytes = NULL};
  uint64_t bits = 88172645463325252u;
  for (int i = 0; i < 5000; i++) {
    double number;
    bits ^= bits << 13;
    bits ^= bits >> 7;
    bits ^= bits << 17;
    memcpy(&number, &bits, sizeof number);
    if (!isfinite(number))
      continue;
    text.size = 0;
    cli_text_add_number(&text, number, i % 2 == 0);
    cli_text_add(&text, "", 1);
    double back = strtod(text.bytes, NULL);
    assert_memory_equal(&back, &number, sizeof back);
  }
  cli_text_deinit(&text);
}

/* Everything that one row with a label and two probabilities becomes. */
static void write_all(bool is_jsonl, const uint8_t *stages,
                      const char *expected) {
  cli_metadata metadata;
  cli_output outputs[3];
  int64_t labels[] = {1, 0};
  double proba[] = {0.25, 0.75, NAN, -INFINITY};
  float prediction[] = {0.1F, 2};
  const wl_output_info infos[] = {{"label", WL_I64, false, 1, false, 1},
                                  {"proba", WL_F64, false, 2, false, 1},
                                  {"prediction", WL_F32, false, 1, false, 1}};
  void *values[] = {labels, proba, prediction};
  cli_text text = {.bytes = NULL};
  assert_int_equal(
      cli_metadata_init(&metadata, "{\"classes\": [\"a\\\"\", true]}", NULL),
      WL_OK);
  for (size_t o = 0; o < 3; o++) {
    assert_int_equal(
        cli_output_init(&outputs[o], o, &infos[o], &metadata, NULL), WL_OK);
    outputs[o].values = values[o];
  }
  const cli_table_out table = {{is_jsonl, ','}, &metadata, outputs, 3, stages};
  cli_write_header(&text, &table);
  assert_int_equal(cli_write_rows(&text, &table, 2, NULL), WL_OK);
  cli_text_add(&text, "", 1);
  assert_string_equal(text.bytes, expected);
  wl_error error;
  labels[1] = 2;
  assert_int_equal(cli_write_rows(&text, &table, 2, &error), WL_ERROR_ARTIFACT);
  cli_text_deinit(&text);
  for (size_t o = 0; o < 3; o++) {
    outputs[o].values = NULL;
    cli_output_deinit(&outputs[o]);
  }
  cli_metadata_deinit(&metadata);
}

static void answers_are_written_as_csv(void **state) {
  (void)state;
  const uint8_t stages[] = {0, 3};
  write_all(false, NULL,
            "label,\"proba_a\"\"\",proba_True,prediction\n"
            "True,0.25,0.75,0.10000000149011612\n"
            "\"a\"\"\",nan,-inf,2\n");
  write_all(false, stages,
            "label,\"proba_a\"\"\",proba_True,prediction,stage\n"
            "True,0.25,0.75,0.10000000149011612,0\n"
            "\"a\"\"\",nan,-inf,2,3\n");
}

static void answers_are_written_as_json(void **state) {
  (void)state;
  const uint8_t stages[] = {0, 3};
  write_all(true, stages,
            "{\"label\": true, \"proba_a\\\"\": 0.25, \"proba_True\": 0.75, "
            "\"prediction\": 0.10000000149011612, \"stage\": 0}\n"
            "{\"label\": \"a\\\"\", \"proba_a\\\"\": null, \"proba_True\": "
            "-1e999, \"prediction\": 2, \"stage\": 3}\n");
}

static void sparse_rows_are_written_as_json(void **state) {
  (void)state;
  const wl_output_info info = {"features", WL_F64, true, 10, false, 1};
  const cli_metadata metadata = {.root = NULL};
  int64_t indptr[] = {0, 0, 2};
  int32_t indices[] = {3, 7};
  double values[] = {0.5, 1};
  cli_output output;
  cli_text text = {.bytes = NULL};
  assert_int_equal(cli_output_init(&output, 0, &info, &metadata, NULL), WL_OK);
  output.result = (wl_result){true, WL_F64, 2, 10, values, indptr, indices};
  const cli_table_out table = {{true, ','}, &metadata, &output, 1, NULL};
  assert_int_equal(cli_write_rows(&text, &table, 2, NULL), WL_OK);
  cli_text_add(&text, "", 1);
  assert_string_equal(text.bytes,
                      "{\"features\": {\"indices\": [], \"values\": []}}\n"
                      "{\"features\": {\"indices\": [3, 7], \"values\": [0.5, "
                      "1]}}\n");
  cli_text_deinit(&text);
  cli_output_deinit(&output);
}

static void multilabel_columns_are_named_by_class(void **state) {
  (void)state;
  const wl_output_info info = {"label", WL_I64, false, 2, false, 1};
  cli_metadata metadata;
  cli_output output;
  assert_int_equal(
      cli_metadata_init(&metadata,
                        "{\"classes\": [\"x\", \"y\"], \"multilabel\": true}",
                        NULL),
      WL_OK);
  assert_int_equal(cli_output_init(&output, 0, &info, &metadata, NULL), WL_OK);
  assert_false(output.has_labels);
  assert_string_equal(output.names[0].text, "label_x");
  assert_string_equal(output.names[1].text, "label_y");
  cli_output_deinit(&output);
  cli_metadata_deinit(&metadata);
}

/* ---- sinks --------------------------------------------------------------- */

static char folder[256];

static const char *path_of(const char *name) {
  static char path[512];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  return path;
}

static int make_folder(void **state) {
  (void)state;
  const char *parent = getenv("TMPDIR");
  snprintf(folder, sizeof folder, "%s/willump-cli-XXXXXX",
           parent != NULL ? parent : P_tmpdir);
  return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state) {
  (void)state;
  unlink(path_of("out"));
  unlink(path_of("link"));
  return rmdir(folder); /* fails when a temporary file was left */
}

static void assert_file(const char *name, const char *expected) {
  char room[64] = "";
  FILE *file = fopen(path_of(name), "r");
  assert_non_null(file);
  assert_int_equal(fread(room, 1, sizeof room - 1, file), strlen(expected));
  fclose(file);
  assert_string_equal(room, expected);
}

static void write_file(const char *name, const char *text, bool is_complete) {
  cli_sink sink;
  assert_int_equal(cli_sink_open(&sink, path_of(name), NULL), WL_OK);
  assert_int_equal(cli_sink_write(&sink, text, strlen(text), NULL), WL_OK);
  if (is_complete)
    assert_int_equal(cli_sink_commit(&sink, NULL), WL_OK);
  cli_sink_discard(&sink);
}

static void a_file_appears_when_it_is_complete(void **state) {
  (void)state;
  write_file("out", "first", true);
  assert_file("out", "first");
  write_file("out", "second", false);
  assert_file("out", "first");
  write_file("out", "third", true);
  assert_file("out", "third");
}

static void a_link_and_a_mode_are_kept(void **state) {
  (void)state;
  struct stat info;
  char target[512];
  write_file("out", "x", true);
  snprintf(target, sizeof target, "%s", path_of("out"));
  assert_int_equal(chmod(target, 0640), 0);
  assert_int_equal(symlink("out", path_of("link")), 0);
  write_file("link", "y", true);
  assert_file("out", "y");
  assert_int_equal(lstat(path_of("link"), &info), 0);
  assert_true(S_ISLNK(info.st_mode));
  assert_int_equal(stat(target, &info), 0);
  assert_int_equal(info.st_mode & 0777, 0640);
}

static void a_device_is_written_to_directly(void **state) {
  (void)state;
  cli_sink sink;
  wl_error error;
  assert_int_equal(cli_sink_open(&sink, "/dev/full", &error), WL_OK);
  assert_int_equal(cli_sink_write(&sink, "x", 1, &error), WL_ERROR_IO);
  cli_sink_discard(&sink);
}

static void a_missing_folder_is_an_error(void **state) {
  (void)state;
  cli_sink sink;
  wl_error error;
  assert_int_equal(cli_sink_open(&sink, path_of("no/out"), &error),
                   WL_ERROR_IO);
  assert_non_null(strstr(error.message, "cannot create a file beside"));
  cli_sink_discard(&sink);
}

/* ---- memory -------------------------------------------------------------- */

static wl_status use_memory(void) {
  const wl_input_info info = {"", WL_INPUT_MATRIX, -1, 2};
  const wl_output_info proba = {"proba", WL_F64, false, 5, false, 1};
  const double values[] = {1, 2, 3, 4, 5};
  const char *csv = "a,b\n1,2\n";
  memory_source memory = {csv, strlen(csv), 0, 0};
  const wl_csv_options options = {.buffer_size = 64};
  wl_csv_reader *reader = NULL;
  cli_metadata metadata = {.root = NULL};
  cli_inputs inputs = {.n_inputs = 0};
  cli_output output = {.number = 0};
  cli_text text = {.bytes = NULL};
  cli_arguments arguments = {.n_operands = 0};
  wl_status status;
  WL_TRY_DONE(status, PARSE(CLI_HELP, &arguments, NULL, "-h"));
  WL_TRY_DONE(status,
              wl_csv_open(memory_source_of(&memory), &options, &reader, NULL));
  WL_TRY_DONE(status, wl_csv_next(reader, NULL));
  WL_TRY_DONE(status, cli_metadata_init(&metadata, classes_text, NULL));
  WL_TRY_DONE(status, cli_inputs_init(&inputs, &info, 1, &metadata,
                                      wl_csv_table(reader), NULL, NULL));
  WL_TRY_DONE(status, cli_inputs_fill(&inputs, wl_csv_table(reader), NULL));
  WL_TRY_DONE(status, cli_output_init(&output, 0, &proba, &metadata, NULL));
  output.values = wl_alloc(sizeof values);
  if (output.values == NULL) {
    status = WL_ERROR_MEMORY;
    goto done;
  }
  memcpy(output.values, values, sizeof values);
  const cli_table_out table = {{true, ','}, &metadata, &output, 1, NULL};
  cli_write_header(&text, &table);
  status = cli_write_rows(&text, &table, 1, NULL);
done:
  cli_text_deinit(&text);
  cli_output_deinit(&output);
  cli_inputs_deinit(&inputs);
  cli_metadata_deinit(&metadata);
  wl_csv_close(reader);
  cli_arguments_deinit(&arguments);
  return status;
}

static void every_failed_allocation_is_reported(void **state) {
  (void)state;
  failing_allocator failing = {0};
  wl_status status = WL_ERROR_MEMORY;
  failing_allocator_install(&failing);
  wl_jsonl_guard_memory();
  for (size_t n = 1; status != WL_OK; n++) {
    assert_true(n < 1000);
    failing.n_calls = 0;
    failing.fail_at = n;
    status = use_memory();
    assert_int_equal(failing.n_live, 0);
  }
  assert_true(failing.n_calls < failing.fail_at);
  json_set_alloc_funcs(malloc, free);
  wl_set_allocator(NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(options_stand_in_every_form),
      cmocka_unit_test(after_two_dashes_all_are_operands),
      cmocka_unit_test(wrong_command_lines_are_refused),
      cmocka_unit_test(seconds_are_above_zero),
      cmocka_unit_test(help_needs_no_operands),
      cmocka_unit_test(help_and_manual_show_every_option),
      cmocka_unit_test(the_ending_decides_the_format),
      cmocka_unit_test(one_unnamed_input_takes_the_only_column_of_text),
      cmocka_unit_test(one_input_takes_its_name_or_the_only_column),
      cmocka_unit_test(several_inputs_are_taken_by_their_names),
      cmocka_unit_test(inputs_of_the_same_column_count_as_one),
      cmocka_unit_test(a_matrix_is_taken_by_training_names_or_whole),
      cmocka_unit_test(a_matrix_is_filled_row_by_row),
      cmocka_unit_test(classes_are_of_any_kind),
      cmocka_unit_test(fields_are_quoted_where_they_must_be),
      cmocka_unit_test(numbers_read_back_to_the_same_bits),
      cmocka_unit_test(answers_are_written_as_csv),
      cmocka_unit_test(answers_are_written_as_json),
      cmocka_unit_test(sparse_rows_are_written_as_json),
      cmocka_unit_test(multilabel_columns_are_named_by_class),
      cmocka_unit_test(a_file_appears_when_it_is_complete),
      cmocka_unit_test(a_link_and_a_mode_are_kept),
      cmocka_unit_test(a_device_is_written_to_directly),
      cmocka_unit_test(a_missing_folder_is_an_error),
      cmocka_unit_test(every_failed_allocation_is_reported),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
