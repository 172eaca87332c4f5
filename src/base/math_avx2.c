/* math_avx2.c: many numbers at once, compiled for AVX2. */
#include "base/math_many.h"

void wl_expit_avx2(const double *x, double *out, size_t n) {
  expit_many(x, out, n);
}
