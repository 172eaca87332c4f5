/* test_csv.c: the CSV reader against RFC 4180, by hand and by round trips. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "data/csv.h"
#include "data/field.h"
#include "memory_source.h"

/* All fields of a file, each followed by its kind's letter and '|', rows by a
 * line end: "a" -> T, "" -> E, quoted -> Q. */
static wl_status read_options(const char *bytes, size_t size, size_t piece,
                              wl_csv_options options, char *out,
                              size_t out_size, wl_error *error) {
  memory_source memory = {bytes, size, 0, piece};
  wl_csv_reader *reader;
  size_t at = 0;
  out[0] = '\0';
  wl_status status =
      wl_csv_open(memory_source_of(&memory), &options, &reader, error);
  if (status != WL_OK) {
    assert_null(reader);
    return status;
  }
  const wl_table *table = wl_csv_table(reader);
  while ((status = wl_csv_next(reader, error)) == WL_OK && table->n_rows > 0) {
    for (size_t row = 0; row < table->n_rows; row++) {
      for (size_t c = 0; c < table->n_columns; c++) {
        const wl_cell *cell = &table->cells[c * table->max_rows + row];
        assert_true(at + cell->text.size + 4 < out_size);
        if (cell->text.size != 0)
          memcpy(out + at, cell->text.data, cell->text.size);
        at += cell->text.size;
        out[at++] = "?ETQ"[cell->kind];
        out[at++] = '|';
      }
      out[at++] = '\n';
    }
  }
  out[at] = '\0';
  wl_csv_close(reader);
  return status;
}

/* With every way of cutting the input into reads the result is the same. */
static void assert_rows(const char *csv, size_t size, const char *expected) {
  char out[4096];
  wl_error error;
  for (size_t piece = 0; piece <= 9; piece++) {
    for (size_t rows = 1; rows <= 4; rows += 3) {
      const wl_csv_options options = {.max_rows = rows, .buffer_size = 2};
      wl_status status =
          read_options(csv, size, piece, options, out, sizeof out, &error);
      if (status != WL_OK)
        print_error("%s\n", error.message);
      assert_int_equal(status, WL_OK);
      assert_string_equal(out, expected);
    }
  }
}

static void assert_error(const char *csv, const char *message) {
  char out[4096];
  for (size_t piece = 0; piece <= 3; piece++) {
    wl_error error = {.message = ""};
    const wl_csv_options options = {.buffer_size = 2};
    wl_status status =
        read_options(csv, strlen(csv), piece, options, out, sizeof out, &error);
    assert_int_not_equal(status, WL_OK);
    if (strstr(error.message, message) == NULL)
      fail_msg("\"%s\" is not in \"%s\"", message, error.message);
  }
}

#define ROWS(csv, expected) assert_rows(csv, sizeof(csv) - 1, expected)

static void plain_fields_are_split(void **state) {
  (void)state;
  ROWS("a,b\n1,2\n3,4\n", "1T|2T|\n3T|4T|\n");
}

static void the_last_line_needs_no_end(void **state) {
  (void)state;
  ROWS("a,b\n1,2", "1T|2T|\n");
  ROWS("a,b\n1,", "1T|E|\n");
  ROWS("a,b\n1,\"2\"", "1T|2Q|\n");
  ROWS("a,b\n1,\"2\"\r", "1T|2Q|\n");
}

static void crlf_ends_a_line_and_cr_alone_is_data(void **state) {
  (void)state;
  ROWS("a,b\r\n1,2\r\n\"3\",\"4\"\r\n", "1T|2T|\n3Q|4Q|\n");
  ROWS("a,b\n1\r,x\ry\n", "1\rT|x\ryT|\n");
}

/* Else every row of such a file would be part of the header. */
static void a_header_with_cr_alone_is_refused(void **state) {
  (void)state;
  char out[256];
  wl_error error;
  const char *csv = "text\rgood\rbad\r";
  wl_csv_options options = {0};
  assert_int_equal(
      read_options(csv, strlen(csv), 0, options, out, sizeof out, &error),
      WL_ERROR_VALUE);
  assert_non_null(strstr(error.message, "LF or CRLF"));
  ROWS("\"a\rb\"\n1\n", "1T|\n");
}

static void quoted_fields_hold_anything(void **state) {
  (void)state;
  ROWS("a,b\n\"x,y\",\"l1\nl2\r\nl3\"\n", "x,yQ|l1\nl2\r\nl3Q|\n");
  ROWS("a\n\"say \"\"hi\"\", \"\"\"\"!\"\n", "say \"hi\", \"\"!Q|\n");
}

static void a_quote_inside_an_unquoted_field_is_data(void **state) {
  (void)state;
  ROWS("a,b\n5\" disk,x\"\"\n", "5\" diskT|x\"\"T|\n");
}

static void quoted_empty_differs_from_empty(void **state) {
  (void)state;
  ROWS("a,b\n\"\",\n", "Q|E|\n");
}

static void a_byte_order_mark_is_skipped(void **state) {
  (void)state;
  ROWS("\xEF\xBB\xBF\"a\",b\n1,2\n", "1T|2T|\n");
}

static void empty_lines_at_the_end_are_ignored(void **state) {
  (void)state;
  ROWS("a,b\n1,2\n\n\r\n\n", "1T|2T|\n");
}

static void empty_lines_are_rows_of_a_one_column_file(void **state) {
  (void)state;
  ROWS("a\n\n\n\n\n\n1\n\n\n", "E|\nE|\nE|\nE|\nE|\n1T|\nE|\nE|\n");
  ROWS("a\n1\n\n", "1T|\nE|\n");
  ROWS("\n\na\n1\n", "1T|\n");
}

static void a_header_alone_has_no_rows(void **state) {
  (void)state;
  ROWS("a,b", "");
  ROWS("a\n", "");
}

static void nul_bytes_are_kept(void **state) {
  (void)state;
  memory_source memory = {"a\nx\0y\n", 6, 0, 1};
  wl_csv_reader *reader;
  assert_int_equal(wl_csv_open(memory_source_of(&memory), NULL, &reader, NULL),
                   WL_OK);
  assert_int_equal(wl_csv_next(reader, NULL), WL_OK);
  const wl_table *table = wl_csv_table(reader);
  wl_string text;
  assert_int_equal(table->n_rows, 1);
  assert_int_equal(wl_table_strings(table, 0, &text, NULL), WL_OK);
  assert_int_equal(text.size, 3);
  assert_memory_equal(text.data, "x\0y", 3);
  wl_csv_close(reader);
}

static void the_delimiter_is_an_option(void **state) {
  (void)state;
  char out[256];
  wl_csv_options options = {.delimiter = '\t'};
  const char *csv = "a\tb\n1,5\t\"2\t\"\n";
  assert_int_equal(
      read_options(csv, strlen(csv), 0, options, out, sizeof out, NULL), WL_OK);
  assert_string_equal(out, "1,5T|2\tQ|\n");
  options.delimiter = '"';
  assert_int_equal(
      read_options(csv, strlen(csv), 0, options, out, sizeof out, NULL),
      WL_ERROR_VALUE);
}

static void errors_name_the_line(void **state) {
  (void)state;
  assert_error("", "is empty");
  assert_error("\n\n", "is empty");
  assert_error("a,b\n1,2\n\"x\ny\",2\n3\n", "line 5 (record 3): 1 field, but");
  assert_error("a,b\n1,2,3\n", "line 2 (record 1): 3 fields, but");
  assert_error("a,b\n1,2\n\n\n1,2\n", "line 3 (record 2): the line is empty");
  assert_error("a,b\n1,2\n3,\"x\n\n\n", "line 3: a quote is opened");
  assert_error("a,b\n\"x\ny\"z,2\n", "line 3: text follows a closing quote");
  assert_error("a,b\n\"x\"\ry,2\n", "line 2: text follows");
  assert_error("a,b\n1,x\xE9y\n", "line 2: field 2 is not UTF-8: byte 0xE9 at "
                                  "position 1");
  assert_error("a,\xFF\n1,x\n", "line 1: field 2 is not UTF-8");
}

static void a_record_above_the_limit_is_refused(void **state) {
  (void)state;
  char out[256];
  wl_error error;
  const char *csv = "a,b\n1234,6789\n"; /* 10 bytes with the line end */
  for (size_t piece = 0; piece < 4; piece++) {
    wl_csv_options options = {.max_record_size = 10, .buffer_size = 4};
    assert_int_equal(
        read_options(csv, strlen(csv), piece, options, out, sizeof out, &error),
        WL_OK);
    options.max_record_size = 9;
    assert_int_equal(
        read_options(csv, strlen(csv), piece, options, out, sizeof out, &error),
        WL_ERROR_VALUE);
    assert_non_null(strstr(error.message, "line 2: the record is larger"));
  }
}

static void rows_arrive_without_waiting_for_a_full_chunk(void **state) {
  (void)state;
  memory_source memory = {"a\n1\n2\n", 6, 0, 2};
  wl_csv_reader *reader;
  assert_int_equal(wl_csv_open(memory_source_of(&memory), NULL, &reader, NULL),
                   WL_OK);
  assert_int_equal(wl_csv_next(reader, NULL), WL_OK);
  assert_int_equal(wl_csv_table(reader)->n_rows, 1);
  assert_int_equal(memory.at, 4);
  wl_csv_close(reader);
}

static wl_status failing_read(void *context, void *bytes, size_t size,
                              size_t *n_read, wl_error *error) {
  int *n_left = context;
  (void)size;
  if ((*n_left)-- == 0)
    return wl_fail(error, WL_ERROR_IO, "the disk is gone");
  memcpy(bytes, "a\n", 2);
  *n_read = 2;
  return WL_OK;
}

static void a_read_error_is_passed_on(void **state) {
  (void)state;
  for (int n = 0; n < 4; n++) {
    int n_left = n;
    wl_csv_reader *reader;
    wl_error error = {.message = ""};
    wl_status status =
        wl_csv_open((wl_source){&n_left, failing_read}, NULL, &reader, &error);
    while (status == WL_OK)
      status = wl_csv_next(reader, &error);
    assert_int_equal(status, WL_ERROR_IO);
    assert_string_equal(error.message, "the disk is gone");
    wl_csv_close(reader);
  }
}

/* ---- columns ------------------------------------------------------------- */

static wl_csv_reader *open_text(memory_source *memory, const char *csv) {
  wl_csv_reader *reader;
  *memory = (memory_source){csv, strlen(csv), 0, 0};
  assert_int_equal(wl_csv_open(memory_source_of(memory), NULL, &reader, NULL),
                   WL_OK);
  assert_int_equal(wl_csv_next(reader, NULL), WL_OK);
  return reader;
}

static void columns_are_found_by_name(void **state) {
  (void)state;
  memory_source memory;
  wl_csv_reader *reader = open_text(&memory, "a,b,a,\n1,2,3,4\n");
  const wl_table *table = wl_csv_table(reader);
  size_t column = 99;
  assert_int_equal(wl_table_find(table, "b", 1, &column), 1);
  assert_int_equal(column, 1);
  assert_int_equal(wl_table_find(table, "a", 1, &column), 2);
  assert_int_equal(column, 0);
  assert_int_equal(wl_table_find(table, "", 0, &column), 1);
  assert_int_equal(wl_table_find(table, "ab", 2, &column), 0);
  wl_csv_close(reader);
}

static void numbers_are_parsed_with_a_stride(void **state) {
  (void)state;
  memory_source memory;
  wl_csv_reader *reader =
      open_text(&memory, "x,t\n 1.5 ,a\n,b\n\"-2e3\",c\nNA,\nTrue,d\n\"\",e\n");
  double out[12];
  wl_error error;
  assert_int_equal(wl_table_numbers(wl_csv_table(reader), 0, out, 2, &error),
                   WL_OK);
  assert_true(out[0] == 1.5);
  assert_true(isnan(out[2]));
  assert_true(out[4] == -2000);
  assert_true(isnan(out[6]));
  assert_true(out[8] == 1);
  assert_true(isnan(out[10]));
  assert_int_equal(wl_table_numbers(wl_csv_table(reader), 1, out, 2, &error),
                   WL_ERROR_VALUE);
  assert_int_equal(error.row, 0);
  assert_string_equal(error.message,
                      "line 2: column \"t\": could not convert string to "
                      "float: \"a\"");
  wl_csv_close(reader);
}

static void number_spellings(void **state) {
  (void)state;
  static const struct {
    const char *text;
    double number;
  } good[] = {{"0", 0},
              {"-0.0", -0.0},
              {"+1", 1},
              {".5", .5},
              {"5.", 5},
              {"1e400", INFINITY},
              {"-inf", -INFINITY},
              {"Infinity", INFINITY},
              {"123456789012345678", 123456789012345678.0},
              {"0.1", 0.1},
              {"123456.789012345", 123456.789012345},
              {"4.9406564584124654e-324", 4.9406564584124654e-324},
              {"\t7\r", 7},
              {"FALSE", 0}};
  static const char *const bad[] = {"",       " ",    ".",   "-",
                                    "1 2",    "0x10", "1,5", "abc",
                                    "nan(1)", "1e",   "--1", "1.2.3"};
  bool out_of_memory;
  double number;
  for (size_t i = 0; i < WL_COUNT_OF(good); i++) {
    assert_true(wl_number_parse(good[i].text, strlen(good[i].text), &number,
                                &out_of_memory));
    assert_memory_equal(&number, &good[i].number, sizeof number);
  }
  for (size_t i = 0; i < WL_COUNT_OF(bad); i++)
    assert_false(
        wl_number_parse(bad[i], strlen(bad[i]), &number, &out_of_memory));
  assert_true(wl_number_parse("nan", 3, &number, &out_of_memory));
  assert_true(isnan(number));
  assert_false(wl_number_parse("1\0002", 3, &number, &out_of_memory));
}

static uint64_t random_state = 12345;
static uint64_t next_random(void) {
  random_state =
      random_state * UINT64_C(6364136223846793005) + 1442695040888963407;
  return random_state >> 33;
}

static void random_numbers_parse_as_strtod_does(void **state) {
  (void)state;
  for (int i = 0; i < 20000; i++) {
    char text[400];
    double number, value = ldexp((double)next_random() - 1e9,
                                 (int)(next_random() % 120) - 60);
    bool out_of_memory;
    int size = 0;
    switch (next_random() % 4) {
    case 0:
      size = snprintf(text, sizeof text, "%.3f", value);
      break;
    case 1:
      size = snprintf(text, sizeof text, "%.15g", value);
      break;
    case 2:
      size = snprintf(text, sizeof text, "%.17g", value);
      break;
    default:
      size = snprintf(text, sizeof text, "%.6e", value);
      break;
    }
    assert_true(wl_number_parse(text, (size_t)size, &number, &out_of_memory));
    double expected = strtod(text, NULL);
    assert_memory_equal(&number, &expected, sizeof number);
  }
}

static void utf8_is_checked(void **state) {
  (void)state;
  static const char *const good[] = {"",
                                     "abc",
                                     "\xC3\xA9",
                                     "\xE2\x82\xAC",
                                     "\xF0\x9F\x98\x80",
                                     "0123456789\xC3\xA9 0123456789"};
  static const struct {
    const char *text;
    size_t valid;
  } bad[] = {
      {"\x80", 0},         {"a\xC0\x80", 1},        {"\xC3", 0},
      {"\xED\xA0\x80", 0}, {"\xE0\x80\x80", 0},     {"\xF4\x90\x80\x80", 0},
      {"abcdefgh\xFF", 8}, {"\xF0\x8F\xBF\xBF", 0}, {"\xE2\x82", 0}};
  for (size_t i = 0; i < WL_COUNT_OF(good); i++)
    assert_int_equal(wl_utf8_valid_size(good[i], strlen(good[i])),
                     strlen(good[i]));
  for (size_t i = 0; i < WL_COUNT_OF(bad); i++)
    assert_int_equal(wl_utf8_valid_size(bad[i].text, strlen(bad[i].text)),
                     bad[i].valid);
}

static void quotations_are_cut_between_characters(void **state) {
  (void)state;
  char room[WL_QUOTE_SIZE], text[200];
  for (size_t size = 0; size < sizeof text; size++) {
    for (size_t i = 0; i < sizeof text; i++)
      text[i] = "\xE2\x82\xAC"[i % 3];
    const char *quoted = wl_quote_text(room, text, size / 3 * 3);
    assert_true(strlen(quoted) < WL_QUOTE_SIZE);
    assert_int_equal(wl_utf8_valid_size(quoted, strlen(quoted)),
                     strlen(quoted));
  }
  assert_string_equal(wl_quote_text(room, "a\nb", 3), "\"a?b\"");
}

/* ---- random round trips and memory --------------------------------------- */

enum { MAX_TEXT = 1 << 16 };

/* A random file and what assert_rows shows for it. */
static size_t random_file(char *csv, char *expected) {
  static const char letters[] = "ab,\"\n\r x\t";
  size_t n_columns = 1 + next_random() % 4, n_rows = next_random() % 20;
  size_t at = 0, out = 0;
  for (size_t c = 0; c < n_columns; c++) {
    csv[at++] = c == 0 ? 'h' : ',';
    csv[at++] = 'k';
  }
  csv[at++] = '\n';
  for (size_t r = 0; r < n_rows; r++) {
    for (size_t c = 0; c < n_columns; c++) {
      if (c > 0)
        csv[at++] = ',';
      size_t size = next_random() % 8;
      csv[at++] = '"';
      for (size_t i = 0; i < size; i++) {
        char letter = letters[next_random() % (sizeof letters - 1)];
        if (letter == '"')
          csv[at++] = '"';
        csv[at++] = expected[out++] = letter;
      }
      csv[at++] = '"';
      expected[out++] = 'Q';
      expected[out++] = '|';
    }
    if (next_random() % 2 == 0)
      csv[at++] = '\r';
    csv[at++] = '\n';
    expected[out++] = '\n';
  }
  expected[out] = '\0';
  return at;
}

static void random_files_read_back(void **state) {
  (void)state;
  static char csv[MAX_TEXT], expected[MAX_TEXT], out[MAX_TEXT];
  for (int i = 0; i < 3000; i++) {
    size_t size = random_file(csv, expected);
    const wl_csv_options options = {.max_rows = 1 + next_random() % 30,
                                    .buffer_size = 1 + next_random() % 64};
    wl_error error;
    wl_status status = read_options(csv, size, next_random() % 20, options, out,
                                    sizeof out, &error);
    assert_int_equal(status, WL_OK);
    assert_string_equal(out, expected);
  }
}

static void every_failed_allocation_is_reported(void **state) {
  (void)state;
  const char *csv = "a,b,c\n1,\"x\"\"y\nz\",3.14159265358979311599796346854418"
                    "51\n4,5,6\n";
  failing_allocator failing = {0};
  failing_allocator_install(&failing);
  wl_status status = WL_ERROR_MEMORY;
  for (size_t n = 1; status != WL_OK; n++) {
    assert_true(n < 1000);
    failing.n_calls = 0;
    failing.fail_at = n;
    memory_source memory = {csv, strlen(csv), 0, 7};
    const wl_csv_options options = {.buffer_size = 2};
    wl_csv_reader *reader;
    status = wl_csv_open(memory_source_of(&memory), &options, &reader, NULL);
    while (status == WL_OK) {
      double numbers[8];
      const wl_table *table = wl_csv_table(reader);
      status = wl_csv_next(reader, NULL);
      if (status != WL_OK || table->n_rows == 0)
        break;
      status = wl_table_numbers(table, 2, numbers, 1, NULL);
    }
    assert_true(status == WL_OK || status == WL_ERROR_MEMORY);
    wl_csv_close(reader);
    assert_int_equal(failing.n_live, 0);
  }
  wl_set_allocator(NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(plain_fields_are_split),
      cmocka_unit_test(the_last_line_needs_no_end),
      cmocka_unit_test(crlf_ends_a_line_and_cr_alone_is_data),
      cmocka_unit_test(a_header_with_cr_alone_is_refused),
      cmocka_unit_test(quoted_fields_hold_anything),
      cmocka_unit_test(a_quote_inside_an_unquoted_field_is_data),
      cmocka_unit_test(quoted_empty_differs_from_empty),
      cmocka_unit_test(a_byte_order_mark_is_skipped),
      cmocka_unit_test(empty_lines_at_the_end_are_ignored),
      cmocka_unit_test(empty_lines_are_rows_of_a_one_column_file),
      cmocka_unit_test(a_header_alone_has_no_rows),
      cmocka_unit_test(nul_bytes_are_kept),
      cmocka_unit_test(the_delimiter_is_an_option),
      cmocka_unit_test(errors_name_the_line),
      cmocka_unit_test(a_record_above_the_limit_is_refused),
      cmocka_unit_test(rows_arrive_without_waiting_for_a_full_chunk),
      cmocka_unit_test(a_read_error_is_passed_on),
      cmocka_unit_test(columns_are_found_by_name),
      cmocka_unit_test(numbers_are_parsed_with_a_stride),
      cmocka_unit_test(number_spellings),
      cmocka_unit_test(random_numbers_parse_as_strtod_does),
      cmocka_unit_test(utf8_is_checked),
      cmocka_unit_test(quotations_are_cut_between_characters),
      cmocka_unit_test(random_files_read_back),
      cmocka_unit_test(every_failed_allocation_is_reported),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
