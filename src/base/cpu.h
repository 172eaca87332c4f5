/*
 * cpu.h: which instruction sets the kernels may use, decided once.
 * WILLUMP_CPU=portable|avx2|avx512bw|avx512 forces a variant (one that the
 * machine lacks is lowered to the best it has).
 */
#ifndef WL_BASE_CPU_H
#define WL_BASE_CPU_H

typedef enum wl_cpu_level {
  WL_CPU_PORTABLE = 0,
  WL_CPU_AVX2, /* AVX2, BMI1, BMI2, FMA present (FMA is never used: bits) */
  WL_CPU_AVX512_BW, /* F, BW, DQ, VL */
  WL_CPU_AVX512,    /* and VBMI, VBMI2 */
  WL_CPU_LEVEL_COUNT
} wl_cpu_level;

wl_cpu_level wl_cpu(void);
/* Tests only: overrides what wl_cpu answers, also below what was detected.
 * Returns the level that is now in force. Models built earlier keep theirs. */
wl_cpu_level wl_cpu_force(wl_cpu_level level);
const char *wl_cpu_level_name(wl_cpu_level level);

#endif
