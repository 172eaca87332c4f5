/*
 * math_exp.h: the inside of exp, for math.c and the variants that take many
 * numbers at once (math_many.h).
 */
#ifndef WL_BASE_MATH_EXP_H
#define WL_BASE_MATH_EXP_H

#include <stdint.h>
#include <string.h>

#include "base/math_tables.h"

static inline uint64_t to_bits(double x) {
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}
static inline double from_bits(uint64_t bits) {
  double x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

/* Adding and subtracting it rounds to the nearest integer. */
#define ROUNDER 0x1.8p52

/* 2^k, for k of a normal number. */
static inline double power_of_two(int64_t k) {
  return from_bits((uint64_t)(k + 1023) << 52);
}

/* 2^exponent * (head + rest), |rest| < 0.011. */
typedef struct reduced {
  int64_t exponent;
  double head, rest;
} reduced;

/* The fraction bits of a sum with the rounder are n plus its own, 2^51. */
static inline int64_t rounded_to(double steps) {
  return (int64_t)(to_bits(steps) & 0x000fffffffffffffu) - (INT64_C(1) << 51);
}

/* 2^(n / 64) * exp(r), |r| < 0.0055. */
static inline reduced exp_near(int64_t n, double r) {
  double r2 = r * r;
  double q = r + r2 * ((1.0 / 2 + r * (1.0 / 6)) +
                       r2 * ((1.0 / 24 + r * (1.0 / 120)) + r2 * (1.0 / 720)));
  double head = exp_table[n & 63].head;
  return (reduced){n >> 6, head, exp_table[n & 63].tail + head * q};
}

/* exp(x), for |x| < 800. */
static inline reduced exp_reduce(double x) {
  double steps = x * STEPS_PER_UNIT + ROUNDER;
  int64_t n = rounded_to(steps);
  steps -= ROUNDER;
  return exp_near(n, (x - steps * STEP_HEAD) - steps * STEP_TAIL);
}

#endif
