/*
 * cpu.c: the instruction sets that kernels may use: what the machine has,
 * lowered by WILLUMP_CPU. Decided at the first question and then constant but
 * for wl_cpu_force; every writer would store the same answer, so no lock.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

static const char *const level_names[] = {"portable", "avx2", "avx512bw",
                                          "avx512"};
_Static_assert(sizeof level_names / sizeof level_names[0] == WL_CPU_LEVEL_COUNT,
               "a name for every level");

enum { UNKNOWN = -1 };
static _Atomic int detected = UNKNOWN;
static _Atomic int in_force = UNKNOWN;

#if defined(__x86_64__)
/* The builtin of older compilers does not know LZCNT. */
static int has_lzcnt(void) {
  unsigned a, b, c, d;
  return __get_cpuid(0x80000001u, &a, &b, &c, &d) && (c & (1u << 5));
}

static int detect(void) {
  __builtin_cpu_init();
  if (!(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
        __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("fma") &&
        __builtin_cpu_supports("popcnt") && has_lzcnt()))
    return WL_CPU_PORTABLE;
  if (!(__builtin_cpu_supports("avx512f") &&
        __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl")))
    return WL_CPU_AVX2;
  if (!(__builtin_cpu_supports("avx512cd") &&
        __builtin_cpu_supports("avx512vbmi") &&
        __builtin_cpu_supports("avx512vbmi2")))
    return WL_CPU_AVX512_BW;
  return WL_CPU_AVX512;
}
#else
static int detect(void) { return WL_CPU_PORTABLE; }
#endif

static int detected_level(void) {
  int level = atomic_load_explicit(&detected, memory_order_relaxed);
  if (level == UNKNOWN) {
    level = detect();
    atomic_store_explicit(&detected, level, memory_order_relaxed);
  }
  return level;
}

/* A value of WILLUMP_CPU that names no level counts as not set. */
static int wanted_level(void) {
  const char *wanted = getenv("WILLUMP_CPU");
  for (int level = 0; wanted != NULL && level < WL_CPU_LEVEL_COUNT; level++)
    if (strcmp(wanted, level_names[level]) == 0)
      return level;
  return WL_CPU_LEVEL_COUNT - 1;
}

wl_cpu_level wl_cpu(void) {
  int level = atomic_load_explicit(&in_force, memory_order_relaxed);
  if (level == UNKNOWN) {
    int best = detected_level(), wanted = wanted_level(), expected = UNKNOWN;
    level = wanted < best ? wanted : best;
    if (!atomic_compare_exchange_strong(&in_force, &expected, level))
      level = expected;
  }
  return (wl_cpu_level)level;
}

wl_cpu_level wl_cpu_force(wl_cpu_level level) {
  int best = detected_level();
  int forced = (int)level < best ? (int)level : best;
  atomic_store(&in_force, forced);
  return (wl_cpu_level)forced;
}

const char *wl_cpu_level_name(wl_cpu_level level) {
  if ((unsigned)level >= WL_CPU_LEVEL_COUNT)
    return "unknown";
  return level_names[level];
}
