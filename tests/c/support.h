/*
 * support.h: what test programs share: an allocator that fails on demand and
 * counts its blocks, and a random generator whose draws never change.
 */
#ifndef WL_TEST_SUPPORT_H
#define WL_TEST_SUPPORT_H

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

/* ---- memory ---------------------------------------------------------------
 */

static _Atomic long calls_left = -1; /* -1: never fails */
static _Atomic long n_live_blocks;
static _Atomic long n_live_bytes;

enum { BLOCK_HEAD = 16 }; /* before a block: its size */

static inline long size_of_block(void *block) {
  long size;
  memcpy(&size, (char *)block - BLOCK_HEAD, sizeof size);
  return size;
}
static inline void *new_block(void *raw, size_t size) {
  long n = (long)size;
  if (raw == NULL)
    return NULL;
  memcpy(raw, &n, sizeof n);
  n_live_bytes += n;
  return (char *)raw + BLOCK_HEAD;
}

static inline bool may_allocate(void) {
  if (calls_left < 0)
    return true;
  if (calls_left == 0)
    return false;
  calls_left--;
  return true;
}
static inline void *test_allocate_more(size_t size) {
  n_live_blocks++;
  return new_block(malloc(size + BLOCK_HEAD), size);
}
static inline void *test_allocate(void *context, size_t size) {
  (void)context;
  return may_allocate() ? test_allocate_more(size) : NULL;
}
static inline void *test_reallocate(void *context, void *block, size_t size) {
  (void)context;
  if (!may_allocate())
    return NULL;
  if (block == NULL)
    return test_allocate_more(size);
  n_live_bytes -= size_of_block(block);
  return new_block(realloc((char *)block - BLOCK_HEAD, size + BLOCK_HEAD),
                   size);
}
static inline void test_release(void *context, void *block) {
  (void)context;
  n_live_blocks--;
  n_live_bytes -= size_of_block(block);
  free((char *)block - BLOCK_HEAD);
}

/* cmocka setup and teardown: a test in between must free all it took. */
static inline int use_test_allocator(void **state) {
  (void)state;
  const wl_allocator allocator = {NULL, test_allocate, test_reallocate,
                                  test_release};
  calls_left = -1;
  n_live_blocks = n_live_bytes = 0;
  wl_set_allocator(&allocator);
  return 0;
}
static inline int expect_no_leak(void **state) {
  (void)state;
  wl_set_allocator(NULL);
  return n_live_blocks == 0 ? 0 : -1;
}
#define memory_test(f)                                                         \
  cmocka_unit_test_setup_teardown(f, use_test_allocator, expect_no_leak)

/* ---- random draws (splitmix64) --------------------------------------------
 */

#define RANDOM_START 0x9e3779b97f4a7c15u
static uint64_t random_state = RANDOM_START;

static inline uint64_t random_bits(void) {
  uint64_t z = (random_state += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}
/* The same draws again, whatever came before: for figures that are quoted. */
static inline void restart_random(void) { random_state = RANDOM_START; }
static inline double uniform(double low, double high) {
  return low + (high - low) * (double)(random_bits() >> 11) * 0x1p-53;
}

#endif
