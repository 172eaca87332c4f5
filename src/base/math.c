/*
 * math.c: exponentials and logarithms that give the same bits everywhere. Only
 * + - * / on doubles in a written order and integer operations on their bits
 * are used, which IEEE 754 fixes; the project is compiled without contraction.
 *
 * The method is the table-driven one of Tang (ACM TOMS 15:2, 1989; 16:4,
 * 1990): reduce to a short interval around an entry of a table that is stored
 * as head + tail, a Taylor polynomial there, and one last addition whose
 * rounding is nearly all of the error: 0.56 ulp at most for exp and log (0.76
 * where the result is subnormal), 0.71 for the others but expit, log_expit.
 */
#include <stdbool.h>

#include "base/cpu.h"
#include "base/math.h"
#include "base/math_exp.h"
#include "base/math_many.h"

#define INFINITE from_bits(0x7ff0000000000000u)
#define NOT_A_NUMBER from_bits(0x7ff8000000000000u)
/* head + tail, |head| >= |tail|: a value to about 100 bits. */
typedef struct pair {
  double head, tail;
} pair;

static inline pair fast_sum(double larger, double smaller) {
  double head = larger + smaller;
  return (pair){head, smaller - (head - larger)};
}

/* ---- exp ----------------------------------------------------------------- */

static inline double assembled(reduced e) {
  double y = e.head + e.rest;
  /* Near the ends of the range in two steps, so that only the last rounds. */
  if (e.exponent < -1020)
    return (y * power_of_two(e.exponent + 128)) * 0x1p-128;
  if (e.exponent > 1022)
    return (y * power_of_two(e.exponent - 128)) * 0x1p+128;
  return y * power_of_two(e.exponent);
}

/* What is too large or too small for an answer between 0 and infinity. */
static double exp_beyond(double x) {
  if (x != x)
    return x;
  return x > 0 ? INFINITE : 0.0;
}

double wl_exp(double x) {
  return x > -746.0 && x < 710.0 ? assembled(exp_reduce(x)) : exp_beyond(x);
}

double wl_exp2(double x) {
  if (!(x > -1076.0 && x < 1024.0))
    return exp_beyond(x);
  double steps = x * 64.0 + ROUNDER;
  int64_t n = rounded_to(steps);
  double r = x - (steps - ROUNDER) * (1.0 / 64); /* exact */
  return assembled(exp_near(n, r * 0x1.62e42fefa39efp-1));
}

/* exp(x) - 1, for 0 < |x| < 50. */
static pair expm1_pair(double x) {
  if (x < 0.25 && x > -0.25) {
    double p = 1.0 / 87178291200; /* 1 / 14!, then down to 1 / 3! */
    p = 1.0 / 6227020800 + x * p;
    p = 1.0 / 479001600 + x * p;
    p = 1.0 / 39916800 + x * p;
    p = 1.0 / 3628800 + x * p;
    p = 1.0 / 362880 + x * p;
    p = 1.0 / 40320 + x * p;
    p = 1.0 / 5040 + x * p;
    p = 1.0 / 720 + x * p;
    p = 1.0 / 120 + x * p;
    p = 1.0 / 24 + x * p;
    p = 1.0 / 6 + x * p;
    return fast_sum(x, x * x * (0.5 + x * p));
  }
  reduced e = exp_reduce(x);
  double scale = power_of_two(e.exponent);
  double head = e.head * scale, rest = e.rest * scale;
  pair less = head >= 1 ? fast_sum(head, -1.0) : fast_sum(-1.0, head);
  return fast_sum(less.head, less.tail + rest);
}

double wl_expm1(double x) {
  if (!(x > -50.0 && x < 50.0)) {
    if (x != x)
      return x;
    return x > 0 ? wl_exp(x) : -1.0;
  }
  return x == 0 ? x : expm1_pair(x).head;
}

/* ---- log ----------------------------------------------------------------- */

/* log(1 + f), |f| < 1/16. */
static double log_near_one(double f) {
  double p = -1.0 / 16;
  p = 1.0 / 15 + f * p;
  p = -1.0 / 14 + f * p;
  p = 1.0 / 13 + f * p;
  p = -1.0 / 12 + f * p;
  p = 1.0 / 11 + f * p;
  p = -1.0 / 10 + f * p;
  p = 1.0 / 9 + f * p;
  p = -1.0 / 8 + f * p;
  p = 1.0 / 7 + f * p;
  p = -1.0 / 6 + f * p;
  p = 1.0 / 5 + f * p;
  p = -1.0 / 4 + f * p;
  p = 1.0 / 3 + f * p;
  return f - f * f * (0.5 - f * p);
}

/* log(x) + small, for finite x > 0 that is not within 1/16 of 1. */
static double log_by_table(double x, double small) {
  int64_t k = 0;
  if (x < 0x1p-1022) {
    x *= 0x1p52;
    k = -52;
  }
  uint64_t bits = to_bits(x);
  unsigned j = (unsigned)(bits >> 45) & 127u;
  k += (int64_t)(bits >> 52) - 1023 + (j >= LOG_FOLD);
  uint64_t mantissa = (bits & 0x000fffffffffffffu) | 0x3ff0000000000000u;
  double m = from_bits(mantissa);
  double m_head = from_bits(mantissa & 0xfffffffff0000000u);
  double inverse = log_table[j].inverse;
  double r = (m_head * inverse - 1.0) + (m - m_head) * inverse;
  double p =
      r * r *
      (-1.0 / 2 +
       r * (1.0 / 3 +
            r * (-1.0 / 4 + r * (1.0 / 5 + r * (-1.0 / 6 + r * (1.0 / 7))))));
  double n = (double)k;
  double head = n * LN2_HEAD + log_table[j].head;
  double tail = n * LN2_TAIL + log_table[j].tail;
  return head + (r + (p + (tail + small)));
}

double wl_log(double x) {
  if (!(x > 0 && x < INFINITE)) {
    if (x == 0)
      return -INFINITE;
    return x < 0 ? NOT_A_NUMBER : x;
  }
  double f = x - 1.0;
  if (f < 0x1p-4 && f > -0x1p-4)
    return log_near_one(f);
  return log_by_table(x, 0.0);
}

double wl_log1p(double x) {
  if (!(x > -1 && x < INFINITE)) {
    if (x == -1)
      return -INFINITE;
    return x < -1 ? NOT_A_NUMBER : x;
  }
  if (x < 0x1p-4 && x > -0x1p-4)
    return x == 0 ? x : log_near_one(x);
  /* What 1 + x loses in rounding is worth lost / (1 + x) in the logarithm. */
  double sum = 1.0 + x;
  double lost = x < 1.0 ? x - (sum - 1.0) : 1.0 - (sum - x);
  return log_by_table(sum, lost / sum);
}

/* ---- what is built on them ----------------------------------------------- */

double wl_expit(double x) { return 1.0 / (1.0 + wl_exp(-x)); }

void wl_expit_many(const double *x, double *out, size_t n) {
#if defined(__x86_64__)
  if (wl_cpu() >= WL_CPU_AVX512_BW)
    wl_expit_avx512(x, out, n);
  else if (wl_cpu() >= WL_CPU_AVX2)
    wl_expit_avx2(x, out, n);
  else
#endif
    expit_many(x, out, n);
}

double wl_log_expit(double x) {
  if (x < 0)
    return x - wl_log1p(wl_exp(x));
  return -wl_log1p(wl_exp(-x));
}

/* a * b = head + tail to 2^-104 (Dekker 1971), for magnitudes far from the
 * ends of the range. */
static pair exact_product(double a, double b) {
  double a_head = from_bits(to_bits(a) & 0xfffffffff8000000u);
  double b_head = from_bits(to_bits(b) & 0xfffffffff8000000u);
  double a_tail = a - a_head, b_tail = b - b_head;
  double head = a * b;
  double tail = a_head * b_head - head;
  tail += a_head * b_tail;
  tail += a_tail * b_head;
  tail += a_tail * b_tail;
  return (pair){head, tail};
}

/* tanh(x) = e / (e + 2) with e = exp(2x) - 1, the division in two parts: a
 * plain one would lose two ulps. */
double wl_tanh(double x) {
  double size = x < 0 ? -x : x;
  if (!(size >= 0x1p-28))
    return x; /* and NaN: a comparison with it is false */
  double y = 1.0;
  if (size < 20.0) {
    pair e = expm1_pair(2.0 * size);
    pair d = e.head > 2.0 ? fast_sum(e.head, 2.0) : fast_sum(2.0, e.head);
    d = fast_sum(d.head, d.tail + e.tail);
    double q = e.head / d.head;
    pair back = exact_product(q, d.head);
    double left = ((e.head - back.head) - back.tail) + (e.tail - q * d.tail);
    y = q + left / d.head;
  }
  return x < 0 ? -y : y;
}
