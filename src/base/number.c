/* number.c: the C locale is created once and kept; without memory for it the
 * process's own locale serves, with its point replaced. */
#include "base/number.h"

#include <locale.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static locale_t c_locale;
static pthread_once_t c_locale_once = PTHREAD_ONCE_INIT;

static void make_c_locale(void) {
  c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

double wl_parse_double(const char *text, char **end) {
  pthread_once(&c_locale_once, make_c_locale);
  if (c_locale == (locale_t)0)
    return strtod(text, end);
  return strtod_l(text, end, c_locale);
}

size_t wl_print_double(double value, char out[WL_NUMBER_SIZE]) {
  if (value != value)
    return (size_t)snprintf(out, WL_NUMBER_SIZE, "nan");
  int n = 0;
  for (int digits = 15; digits <= 17; digits++) {
    n = snprintf(out, WL_NUMBER_SIZE, "%.*g", digits, value);
    for (int i = 0; i < n; i++)
      if (out[i] == ',') /* the only other decimal point that glibc prints */
        out[i] = '.';
    if (digits == 17 || wl_parse_double(out, NULL) == value)
      break;
  }
  return (size_t)n;
}
