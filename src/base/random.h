/*
 * random.h: random bits as a pure function of a seed and a number: the same on
 * every machine, in any order of the numbers, and without a state to keep.
 */
#ifndef WL_BASE_RANDOM_H
#define WL_BASE_RANDOM_H

#include <stdint.h>

/* splitmix64's finaliser over both (Steele, Lea, Flood, OOPSLA 2014). */
static inline uint64_t wl_random_bits(uint64_t seed, uint64_t number) {
  uint64_t z = seed * 0xd1342543de82ef95u + (number + 1) * 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

#endif
