/* test_jsonl.c: the JSON-lines reader, by hand and by round trips. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>
#include <jansson.h>

#include "data/jsonl.h"
#include "memory_source.h"

/* All cells as text: strings in quotes, numbers as %g, '-' for missing, 't'
 * and 'f', '*' for nested; '|' after each, a line end after each row. */
static wl_status read_options(const char *bytes, size_t size, size_t piece,
                              wl_jsonl_options options, char *out,
                              size_t out_size, wl_error *error) {
  memory_source memory = {bytes, size, 0, piece};
  wl_jsonl_reader *reader;
  size_t at = 0;
  out[0] = '\0';
  wl_status status =
      wl_jsonl_open(memory_source_of(&memory), &options, &reader, error);
  if (status != WL_OK) {
    assert_null(reader);
    return status;
  }
  const wl_table *table = wl_jsonl_table(reader);
  while ((status = wl_jsonl_next(reader, error)) == WL_OK &&
         table->n_rows > 0) {
    for (size_t row = 0; row < table->n_rows; row++) {
      for (size_t c = 0; c < table->n_columns; c++) {
        const wl_cell *cell = &table->cells[c * table->max_rows + row];
        assert_true(at + 64 < out_size);
        if (cell->kind == WL_CELL_STRING)
          at += (size_t)snprintf(out + at, out_size - at, "\"%.*s\"",
                                 (int)cell->text.size, cell->text.data);
        else if (cell->kind == WL_CELL_NUMBER)
          at += (size_t)snprintf(out + at, out_size - at, "%g", cell->number);
        else if (cell->kind == WL_CELL_BOOL)
          out[at++] = cell->number != 0 ? 't' : 'f';
        else
          out[at++] = cell->kind == WL_CELL_NESTED ? '*' : '-';
        out[at++] = '|';
      }
      out[at++] = '\n';
    }
  }
  out[at] = '\0';
  wl_jsonl_close(reader);
  return status;
}

static void assert_rows(const char *text, const char *expected) {
  char out[4096];
  wl_error error;
  for (size_t piece = 0; piece <= 9; piece++) {
    for (size_t rows = 1; rows <= 4; rows += 3) {
      const wl_jsonl_options options = {.max_rows = rows, .buffer_size = 2};
      wl_status status = read_options(text, strlen(text), piece, options, out,
                                      sizeof out, &error);
      if (status != WL_OK)
        print_error("%s\n", error.message);
      assert_int_equal(status, WL_OK);
      assert_string_equal(out, expected);
    }
  }
}

static void assert_error(const char *text, const char *message) {
  char out[4096];
  for (size_t piece = 0; piece <= 3; piece++) {
    wl_error error = {.message = ""};
    const wl_jsonl_options options = {.buffer_size = 2};
    wl_status status = read_options(text, strlen(text), piece, options, out,
                                    sizeof out, &error);
    assert_int_not_equal(status, WL_OK);
    if (strstr(error.message, message) == NULL)
      fail_msg("\"%s\" is not in \"%s\"", message, error.message);
  }
}

static void every_kind_of_value_is_read(void **state) {
  (void)state;
  assert_rows("{\"a\": \"x\", \"b\": 1, \"c\": 2.5e3, \"d\": true, \"e\": "
              "false, \"f\": null, \"g\": [1], \"h\": {\"a\": 1}}\n",
              "\"x\"|1|2500|t|f|-|*|*|\n");
}

static void the_first_record_names_the_columns(void **state) {
  (void)state;
  assert_rows("{\"a\": 1, \"b\": 2}\n{\"b\": 3, \"c\": 9, \"a\": 4}\n{}\n",
              "1|2|\n4|3|\n-|-|\n");
}

static void blank_lines_are_skipped(void **state) {
  (void)state;
  assert_rows("\n \t\r\n{\"a\": 1}\r\n\n{\"a\": 2}\n\n", "1|\n2|\n");
}

static void the_last_line_needs_no_end(void **state) {
  (void)state;
  assert_rows("{\"a\": 1}\n{\"a\": 2}", "1|\n2|\n");
}

static void an_empty_input_has_no_rows(void **state) {
  (void)state;
  assert_rows("", "");
  assert_rows("\n\n", "");
  assert_rows("{}\n{}", "\n\n");
}

static void a_byte_order_mark_is_skipped(void **state) {
  (void)state;
  assert_rows("\xEF\xBB\xBF{\"a\": 1}", "1|\n");
}

static void nul_and_escapes_are_kept(void **state) {
  (void)state;
  const char *text = "{\"a\": \"x\\u0000\\u00e9\\ud83d\\ude00\\n\"}";
  memory_source memory = {text, strlen(text), 0, 1};
  wl_jsonl_reader *reader;
  assert_int_equal(
      wl_jsonl_open(memory_source_of(&memory), NULL, &reader, NULL), WL_OK);
  assert_int_equal(wl_jsonl_next(reader, NULL), WL_OK);
  wl_string string;
  assert_int_equal(wl_table_strings(wl_jsonl_table(reader), 0, &string, NULL),
                   WL_OK);
  assert_int_equal(string.size, 9);
  assert_memory_equal(string.data, "x\0\xC3\xA9\xF0\x9F\x98\x80\n", 9);
  wl_jsonl_close(reader);
}

static void what_python_writes_is_read(void **state) {
  (void)state;
  assert_rows("{\"a\": NaN, \"b\": Infinity, \"c\": -Infinity, \"d\": 1e999, "
              "\"e\": -1.5E+400, \"f\": 7, \"g\": -0}\n",
              "nan|inf|-inf|inf|-inf|7|-0|\n");
  assert_rows("{\"a\":NaN,\"b\":[NaN,{\"c\":1e999}],\"c\":\"NaN\"}\n",
              "nan|*|\"NaN\"|\n");
  assert_rows("{\"NaN\":12,\"b\":NaN}\n{\"b\":0.5,\"NaN\":1e-999}",
              "12|nan|\n0|0.5|\n");
}

static void lone_surrogates_are_kept(void **state) {
  (void)state;
  static const struct {
    const char *json, *bytes;
    size_t size;
  } cases[] = {
      {"\\ud800", "\xed\xa0\x80", 3},
      {"\\uDFFFx", "\xed\xbf\xbfx", 4},
      {"\\ud83d\\ud83d\\ude00", "\xed\xa0\xbd\xf0\x9f\x98\x80", 7},
      {"\\ude00\\ud83d", "\xed\xb8\x80\xed\xa0\xbd", 6},
      {"\\ud800\\u0000\\ue800\\ue001\xee\xa0\x80",
       "\xed\xa0\x80\0\xee\xa0\x80\xee\x80\x81\xee\xa0\x80", 13},
      {"\\\\ud800\\udc00\\\"", "\\ud800\xed\xb0\x80\"", 10},
  };
  for (size_t i = 0; i < WL_COUNT_OF(cases); i++) {
    char text[128];
    snprintf(text, sizeof text, "{\"a\": \"%s\", \"\\u00e9\": 1}\n",
             cases[i].json);
    memory_source memory = {text, strlen(text), 0, 1};
    wl_jsonl_reader *reader;
    wl_error error = {.message = ""};
    if (wl_jsonl_open(memory_source_of(&memory), NULL, &reader, &error) !=
        WL_OK)
      fail_msg("%s", error.message);
    assert_int_equal(wl_jsonl_next(reader, NULL), WL_OK);
    wl_string string;
    assert_int_equal(wl_table_strings(wl_jsonl_table(reader), 0, &string, NULL),
                     WL_OK);
    assert_int_equal(string.size, cases[i].size);
    assert_memory_equal(string.data, cases[i].bytes, string.size);
    wl_jsonl_close(reader);
  }
}

static void errors_name_the_line_and_the_byte(void **state) {
  (void)state;
  assert_error("{\"a\": 1}\n\n{\"a\": tru}\n", "line 3, byte 9: not JSON: ");
  assert_error("{\"a\": 1}\n{\"a\": 1} x\n", "line 2, byte ");
  assert_error("{\"a\": 1, \"a\": 2}\n", "line 1, byte ");
  assert_error("{\"\\ud800\": 1}\n", "line 1, byte ");
  assert_error("{\"a\": \"\xE9\"}\n", "line 1, byte ");
  assert_error("{\"a\": NaN, \"b\": 12, \"c\": tru}\n",
               "line 1, byte 28: not JSON: ");
  static const char *const wrong[] = {"nan",
                                      "-NaN",
                                      "+Infinity",
                                      "NaN1",
                                      "1NaN",
                                      "Infinity0",
                                      "-Infinity0",
                                      "1Infinity",
                                      ".5e999",
                                      "01e999",
                                      "1e",
                                      "-",
                                      "1.e999",
                                      "NaN NaN",
                                      "[1e999, 01]",
                                      "\"\\ud800\\u00\"",
                                      "\"\\ud800\xff\""};
  for (size_t i = 0; i < WL_COUNT_OF(wrong); i++) {
    char text[64];
    snprintf(text, sizeof text, "{\"a\": %s, \"b\": NaN}\n", wrong[i]);
    assert_error(text, "line 1, byte ");
  }
  char text[512];
  snprintf(text, sizeof text, "{\"a\": %0400d}\n", 7);
  text[6] = '1';
  assert_error(text, "number overflow");
  assert_error("{\"a\": 1}\n[1]\n", "line 2: a JSON object is needed");
  assert_error("\"a\"\n", "line 1: a JSON object is needed");
  assert_error("[\n{\"a\": 1}\n]\n", "line 1, byte ");
}

static void deep_nesting_is_refused(void **state) {
  (void)state;
  static char text[20000];
  memset(text, '[', sizeof text - 1);
  memcpy(text, "{\"a\":", 5);
  assert_error(text, "line 1, byte ");
}

static void a_record_above_the_limit_is_refused(void **state) {
  (void)state;
  char out[256];
  const char *text = "{\"a\": 1}\n{\"a\": \"xx\"}\n";
  for (size_t piece = 0; piece < 4; piece++) {
    wl_error error;
    wl_jsonl_options options = {.max_record_size = 11, .buffer_size = 4};
    assert_int_equal(read_options(text, strlen(text), piece, options, out,
                                  sizeof out, &error),
                     WL_OK);
    options.max_record_size = 10;
    assert_int_equal(read_options(text, strlen(text), piece, options, out,
                                  sizeof out, &error),
                     WL_ERROR_VALUE);
    assert_non_null(strstr(error.message, "line 2: the record is larger"));
  }
}

static void columns_have_the_wanted_type_or_fail(void **state) {
  (void)state;
  const char *text = "{\"t\": \"x\", \"n\": 1}\n{\"t\": null, \"n\": "
                     "null}\n{\"t\": 3, \"n\": \"4\"}\n";
  memory_source memory = {text, strlen(text), 0, 0};
  wl_jsonl_reader *reader;
  wl_error error;
  wl_string strings[3];
  double numbers[3];
  assert_int_equal(
      wl_jsonl_open(memory_source_of(&memory), NULL, &reader, NULL), WL_OK);
  assert_int_equal(wl_jsonl_next(reader, NULL), WL_OK);
  const wl_table *table = wl_jsonl_table(reader);
  assert_int_equal(wl_table_strings(table, 0, strings, &error), WL_ERROR_TYPE);
  assert_int_equal(error.row, 2);
  assert_string_equal(error.message, "line 3: column \"t\" is a number, but "
                                     "the model wants text");
  assert_null(strings[1].data);
  assert_int_equal(wl_table_numbers(table, 1, numbers, 1, &error),
                   WL_ERROR_TYPE);
  assert_true(numbers[0] == 1);
  assert_true(isnan(numbers[1]));
  assert_string_equal(error.message, "line 3: column \"n\" is a string, but "
                                     "the model wants numbers");
  wl_jsonl_close(reader);
}

static void random_objects_read_back(void **state) {
  (void)state;
  srand(7);
  for (int i = 0; i < 500; i++) {
    char text[8192] = "", expected[8192] = "", out[8192];
    size_t at = 0, e = 0;
    int n_rows = rand() % 20;
    for (int r = 0; r < n_rows; r++) {
      int a = rand() % 1000, is_swapped = r > 0 && rand() % 2;
      const char *b = rand() % 3 == 0 ? "\"\\n\\\"\"" : "\"\xC3\xA9z\"";
      if (is_swapped)
        at += (size_t)snprintf(text + at, sizeof text - at,
                               "{\"b\":%s,\"a\":%d}\n", b, a);
      else
        at += (size_t)snprintf(text + at, sizeof text - at,
                               "{\"a\":%d,\"b\":%s}\n", a, b);
      e += (size_t)snprintf(expected + e, sizeof expected - e, "%d|%s|\n", a,
                            b[1] == '\\' ? "\"\n\"\"" : b);
    }
    const wl_jsonl_options options = {.max_rows = 1 + (size_t)rand() % 30,
                                      .buffer_size = 1 + (size_t)rand() % 64};
    assert_int_equal(read_options(text, at, (size_t)rand() % 20, options, out,
                                  sizeof out, NULL),
                     WL_OK);
    assert_string_equal(out, expected);
  }
}

static void every_failed_allocation_is_reported(void **state) {
  (void)state;
  const char *text = "{\"a\": \"x\\u00e9\", \"b\": 1.5}\n{\"b\": 2, \"c\": "
                     "[1, {\"d\": null}]}\n{\"a\": \"\\ud800\", \"b\": "
                     "NaN}\n{\"a\": \"long enough to grow the "
                     "lexer's buffer, which starts small\"}";
  failing_allocator failing = {0};
  failing_allocator_install(&failing);
  wl_jsonl_guard_memory();
  wl_status status = WL_ERROR_MEMORY;
  for (size_t n = 1; status != WL_OK; n++) {
    assert_true(n < 1000);
    failing.n_calls = 0;
    failing.fail_at = n;
    memory_source memory = {text, strlen(text), 0, 7};
    const wl_jsonl_options options = {.buffer_size = 2};
    wl_jsonl_reader *reader;
    status = wl_jsonl_open(memory_source_of(&memory), &options, &reader, NULL);
    while (status == WL_OK) {
      status = wl_jsonl_next(reader, NULL);
      if (status != WL_OK || wl_jsonl_table(reader)->n_rows == 0)
        break;
    }
    assert_true(status == WL_OK || status == WL_ERROR_MEMORY);
    wl_jsonl_close(reader);
    assert_int_equal(failing.n_live, 0);
  }
  json_set_alloc_funcs(malloc, free);
  wl_set_allocator(NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_kind_of_value_is_read),
      cmocka_unit_test(the_first_record_names_the_columns),
      cmocka_unit_test(blank_lines_are_skipped),
      cmocka_unit_test(the_last_line_needs_no_end),
      cmocka_unit_test(an_empty_input_has_no_rows),
      cmocka_unit_test(a_byte_order_mark_is_skipped),
      cmocka_unit_test(nul_and_escapes_are_kept),
      cmocka_unit_test(what_python_writes_is_read),
      cmocka_unit_test(lone_surrogates_are_kept),
      cmocka_unit_test(errors_name_the_line_and_the_byte),
      cmocka_unit_test(deep_nesting_is_refused),
      cmocka_unit_test(a_record_above_the_limit_is_refused),
      cmocka_unit_test(columns_have_the_wanted_type_or_fail),
      cmocka_unit_test(random_objects_read_back),
      cmocka_unit_test(every_failed_allocation_is_reported),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
