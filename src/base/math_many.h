/*
 * math_many.h: the functions of math.h on arrays, in plain C that a compiler
 * turns into vectors; included by the file of each instruction set. Each number
 * goes through the operations of the function for one, so the bits are the
 * same.
 */
#ifndef WL_BASE_MATH_MANY_H
#define WL_BASE_MATH_MANY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/math.h"
#include "base/math_exp.h"

enum { WL_MATH_BLOCK = 64 };

/* exp of all these is a normal number. */
static inline bool are_moderate(const double *x, size_t n) {
  bool all = true;
  for (size_t i = 0; i < n; i++)
    all &= x[i] > -700.0 && x[i] < 700.0;
  return all;
}

static inline void expit_many(const double *x, double *out, size_t n) {
  for (size_t i = 0; i < n; i += WL_MATH_BLOCK) {
    size_t end = n - i < WL_MATH_BLOCK ? n : i + WL_MATH_BLOCK;
    if (are_moderate(x + i, end - i))
      for (size_t j = i; j < end; j++) {
        reduced e = exp_reduce(-x[j]);
        out[j] = 1.0 / (1.0 + (e.head + e.rest) * power_of_two(e.exponent));
      }
    else
      for (size_t j = i; j < end; j++)
        out[j] = wl_expit(x[j]);
  }
}

void wl_expit_avx2(const double *x, double *out, size_t n);
void wl_expit_avx512(const double *x, double *out, size_t n);

#endif
