/*
 * math.h: exp and log that give the same bits on every machine, thread and
 * instruction set (the C library's do not), and what is built on them.
 * Accurate to within 1 ulp; special values as C99 has them.
 */
#ifndef WL_BASE_MATH_H
#define WL_BASE_MATH_H

#include <stddef.h>

double wl_exp(double x);
double wl_exp2(double x);
double wl_log(double x);
double wl_log1p(double x);
double wl_expm1(double x);
/* 1 / (1 + exp(-x)), without overflow, as scipy.special.expit rounds it (1e-15)
 */
double wl_expit(double x);
/* The same of n numbers, with the same bits; out may be x. */
void wl_expit_many(const double *x, double *out, size_t n);
/* log(expit(x)), without cancellation, as scipy.special.log_expit */
double wl_log_expit(double x);
double wl_tanh(double x);

#endif
