/* test_unicode.c: characters as Python's str has them, and UTF-8. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "text/unicode.h"

static const wl_unicode *oldest(void) { return wl_unicode_find("14.0.0"); }

static void assert_maps_to(unsigned map, uint32_t code_point, size_t n,
                           const uint32_t *expected) {
  uint32_t out[WL_MAP_MAX];
  assert_int_equal(wl_unicode_map(oldest(), map, code_point, out), n);
  for (size_t i = 0; i < n; i++)
    assert_int_equal(out[i], expected[i]);
}

static void every_version_is_found_by_its_name(void **state) {
  (void)state;
  size_t n = 0;
  for (const char *name; (name = wl_unicode_version(n)) != NULL; n++)
    assert_non_null(wl_unicode_find(name));
  assert_true(n >= 1);
  assert_string_equal(wl_unicode_version(0), "14.0.0");
}

static void unknown_versions_are_not_found(void **state) {
  (void)state;
  assert_null(wl_unicode_find("1.0.0"));
  assert_null(wl_unicode_find(""));
  assert_null(wl_unicode_find(NULL));
}

static void flags_are_those_of_python(void **state) {
  (void)state;
  static const struct {
    uint32_t code_point;
    unsigned flags;
  } facts[] = {
      {'a', WL_CHAR_WORD | WL_CHAR_CASED},
      {'_', WL_CHAR_WORD},
      {'7', WL_CHAR_WORD | WL_CHAR_DIGIT},
      {' ', WL_CHAR_SPACE},
      {0x1C, WL_CHAR_SPACE}, /* isspace(), though no Unicode white space */
      {0x85, WL_CHAR_SPACE},
      {0xA0, WL_CHAR_SPACE},
      {0x200B, WL_CHAR_CASE_IGNORABLE}, /* zero width space is none */
      {'\'', WL_CHAR_CASE_IGNORABLE},
      {'-', 0},
      {0xB2, WL_CHAR_WORD}, /* superscript two: a digit but not decimal */
      {0x663, WL_CHAR_WORD | WL_CHAR_DIGIT}, /* Arabic three */
      {0x301, WL_CHAR_CASE_IGNORABLE},       /* combining acute */
      {0x65E5, WL_CHAR_WORD},
      {0xD800, 0},
      {0x10FFFF, 0},
  };
  for (size_t i = 0; i < WL_COUNT_OF(facts); i++)
    assert_int_equal(wl_unicode_flags(oldest(), facts[i].code_point),
                     facts[i].flags);
}

static void lower_case_may_be_two_characters(void **state) {
  (void)state;
  assert_maps_to(WL_MAP_LOWER, 0x130, 2, (const uint32_t[]){'i', 0x307});
  assert_maps_to(WL_MAP_LOWER | WL_MAP_ACCENTS_UNICODE, 0x130, 1,
                 (const uint32_t[]){'i'});
  assert_maps_to(WL_MAP_LOWER, 0x1E9E, 1, (const uint32_t[]){0xDF});
  assert_maps_to(WL_MAP_LOWER, 0x3A3, 1, (const uint32_t[]){0x3C3});
}

static void accents_are_stripped_by_decomposition(void **state) {
  (void)state;
  assert_maps_to(WL_MAP_ACCENTS_UNICODE, 0xE9, 1, (const uint32_t[]){'e'});
  assert_maps_to(WL_MAP_ACCENTS_UNICODE, 0x301, 0, NULL);
  assert_maps_to(WL_MAP_ACCENTS_UNICODE, 0xFB01, 2,
                 (const uint32_t[]){'f', 'i'});
  assert_maps_to(WL_MAP_ACCENTS_UNICODE, 0xAC01, 3,
                 (const uint32_t[]){0x1100, 0x1161, 0x11A8});
  assert_maps_to(WL_MAP_ACCENTS_UNICODE, 0x65E5, 1, (const uint32_t[]){0x65E5});
}

static void ascii_accents_drop_what_is_left_over(void **state) {
  (void)state;
  assert_maps_to(WL_MAP_ACCENTS_ASCII, 0xE9, 1, (const uint32_t[]){'e'});
  assert_maps_to(WL_MAP_ACCENTS_ASCII, 0x65E5, 0, NULL);
  assert_maps_to(WL_MAP_ACCENTS_ASCII, 0xD800, 0, NULL);
  assert_maps_to(WL_MAP_ACCENTS_ASCII, 0xBD, 2, (const uint32_t[]){'1', '2'});
}

static void no_mapping_is_longer_than_its_room(void **state) {
  (void)state;
  const unsigned map = WL_MAP_LOWER | WL_MAP_ACCENTS_UNICODE;
  size_t longest = 0;
  for (size_t i = 0; wl_unicode_version(i) != NULL; i++) {
    const wl_unicode *tables = wl_unicode_find(wl_unicode_version(i));
    for (uint32_t c = 0; c < 0x110000; c++) {
      uint32_t out[WL_MAP_MAX];
      size_t n = wl_unicode_map(tables, map, c, out);
      longest = n > longest ? n : longest;
      for (size_t k = 0; k < n; k++)
        assert_true(out[k] < 0x110000);
    }
  }
  assert_int_equal(longest, 18); /* U+FDFA */
}

static void ascii_is_only_lowered(void **state) {
  (void)state;
  const unsigned map =
      WL_MAP_LOWER | WL_MAP_ACCENTS_UNICODE | WL_MAP_ACCENTS_ASCII;
  for (uint32_t c = 0; c < 0x80; c++) {
    uint32_t lower = c >= 'A' && c <= 'Z' ? c + 32 : c;
    assert_maps_to(map, c, 1, &lower);
  }
}

static void every_code_point_survives_utf8(void **state) {
  (void)state;
  for (uint32_t c = 0; c < 0x110000; c++) {
    uint8_t bytes[4];
    size_t size = wl_utf8_encode(c, bytes);
    const uint8_t *at = bytes;
    assert_int_equal(wl_utf8_decode(&at, bytes + size), c);
    assert_ptr_equal(at, bytes + size);
  }
}

static void a_cut_character_is_not_utf8(void **state) {
  (void)state;
  for (uint32_t c = 0x80; c < 0x110000; c += 37) {
    uint8_t bytes[4];
    size_t size = wl_utf8_encode(c, bytes);
    for (size_t cut = 1; cut < size; cut++) {
      const uint8_t *at = bytes;
      assert_int_equal(wl_utf8_decode(&at, bytes + cut), UINT32_MAX);
      assert_ptr_equal(at, bytes);
    }
  }
}

static void overlong_and_large_forms_are_not_utf8(void **state) {
  (void)state;
  static const char *const broken[] = {"\x80",
                                       "\xC0\x80",
                                       "\xC1\xBF",
                                       "\xE0\x9F\xBF",
                                       "\xF0\x8F\xBF\xBF",
                                       "\xF4\x90\x80\x80",
                                       "\xF5\x80\x80\x80",
                                       "\xFF",
                                       "\xC3(",
                                       "\xE2\x82(",
                                       "\xF0\x9F\x98("};
  for (size_t i = 0; i < WL_COUNT_OF(broken); i++) {
    const uint8_t *at = (const uint8_t *)broken[i];
    assert_int_equal(wl_utf8_decode(&at, at + strlen(broken[i])), UINT32_MAX);
  }
}

static bool is_final(const char *text, size_t position) {
  const uint8_t *begin = (const uint8_t *)text;
  return wl_unicode_final_sigma(oldest(), begin, begin + position,
                                begin + strlen(text));
}

static void sigma_is_final_behind_a_cased_character_only(void **state) {
  (void)state;
  assert_true(is_final("A\xCE\xA3", 1));
  assert_true(is_final("A\xCE\xA3.", 1));
  assert_true(is_final("A\xCE\xA3 b", 1));
  assert_true(is_final("A'\xCE\xA3", 2)); /* case-ignorable in between */
  assert_false(is_final("\xCE\xA3", 0));
  assert_false(is_final(" \xCE\xA3", 1));
  assert_false(is_final("'\xCE\xA3", 1));
  assert_false(is_final("1\xCE\xA3", 1));
  assert_false(is_final("A\xCE\xA3"
                        "b",
                        1));
  assert_false(is_final("A\xCE\xA3'b", 1));
  assert_false(is_final("\xCE\xA3\xCE\xA3\xCE\xA3", 2));
  assert_true(is_final("\xCE\xA3\xCE\xA3\xCE\xA3", 4));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_version_is_found_by_its_name),
      cmocka_unit_test(unknown_versions_are_not_found),
      cmocka_unit_test(flags_are_those_of_python),
      cmocka_unit_test(lower_case_may_be_two_characters),
      cmocka_unit_test(accents_are_stripped_by_decomposition),
      cmocka_unit_test(ascii_accents_drop_what_is_left_over),
      cmocka_unit_test(no_mapping_is_longer_than_its_room),
      cmocka_unit_test(ascii_is_only_lowered),
      cmocka_unit_test(every_code_point_survives_utf8),
      cmocka_unit_test(a_cut_character_is_not_utf8),
      cmocka_unit_test(overlong_and_large_forms_are_not_utf8),
      cmocka_unit_test(sigma_is_final_behind_a_cased_character_only),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
