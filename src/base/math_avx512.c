/* math_avx512.c: many numbers at once, compiled for AVX-512. */
#include "base/math_many.h"

void wl_expit_avx512(const double *x, double *out, size_t n) {
  expit_many(x, out, n);
}
