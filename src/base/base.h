/*
 * base.h: what every layer uses: status and errors, the allocator seam, arenas,
 * and small helpers. Includes nothing of the project but the public header.
 */
#ifndef WL_BASE_H
#define WL_BASE_H

#include <stdarg.h>
#include <string.h>

#include "willump/willump.h"

#define WL_LIKELY(x) __builtin_expect(!!(x), 1)
#define WL_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define WL_COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))

/* Leaves the function with the status of `call` when that is not WL_OK. */
#define WL_TRY(call)                                                           \
  do {                                                                         \
    wl_status wl_try_status_ = (call);                                         \
    if (WL_UNLIKELY(wl_try_status_ != WL_OK))                                  \
      return wl_try_status_;                                                   \
  } while (0)

/* The same in functions that own things: goes to their `done` label. */
#define WL_TRY_DONE(status, call)                                              \
  do {                                                                         \
    if (((status) = (call)) != WL_OK)                                          \
      goto done;                                                               \
  } while (0)

/* ---- errors: fill the caller's struct (NULL allowed), return the code ---- */

wl_status wl_fail(wl_error *error, wl_status code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
wl_status wl_fail_row(wl_error *error, wl_status code, int64_t row,
                      const char *format, ...)
    __attribute__((format(printf, 4, 5)));
wl_status wl_fail_memory(wl_error *error, size_t size);
/* Puts "PATH: " before the message of a failure, and returns its status. */
wl_status wl_fail_file(wl_error *error, wl_status status, const char *path);

/* ---- the allocator ------------------------------------------------------- */

/* NULL when there is no memory; size 0 is taken as 1. Released by wl_free. */
void *wl_alloc(size_t size);
void *wl_calloc(size_t count, size_t size); /* checks the product */
void *wl_realloc(void *block, size_t size);
void wl_free(void *block);
/* A block aligned to `alignment` (a power of two), released by wl_free_aligned.
 */
void *wl_alloc_aligned(size_t alignment, size_t size);
/* For tables that are read in no order: aligned to 64 bytes, and on huge pages
 * when large, where the system has them. Released by wl_free_aligned. */
void *wl_alloc_table(size_t size);
void wl_free_aligned(void *block);
/* An owned, terminated copy. */
char *wl_strndup(const char *text, size_t size);

/* true when a * b or a + b does not fit a size_t */
static inline bool wl_mul_overflows(size_t a, size_t b, size_t *product) {
  return __builtin_mul_overflow(a, b, product);
}
static inline bool wl_add_overflows(size_t a, size_t b, size_t *sum) {
  return __builtin_add_overflow(a, b, sum);
}

static inline bool wl_string_is(wl_string string, const char *text) {
  return string.size == strlen(text) &&
         memcmp(string.data, text, string.size) == 0;
}

/* ---- arenas -------------------------------------------------------------- */

/*
 * A bump allocator over a list of blocks. Memory is 64-byte aligned on request
 * and lives until reset or deinit. After a reset the arena keeps one block as
 * large as all that was in use, so a repeated workload allocates nothing.
 */
typedef struct wl_arena_block wl_arena_block;
typedef struct wl_arena {
  wl_arena_block *head; /* the block in use; older ones behind it */
  size_t used;          /* bytes used in head */
  size_t total;         /* bytes of all blocks */
  size_t limit;         /* of total, set by its owner; 0: none */
  bool is_over;         /* an allocation failed for the limit */
} wl_arena;

void wl_arena_init(wl_arena *arena);
void wl_arena_deinit(wl_arena *arena);
/* Forgets what was handed out; keeps the memory, as one block. */
void wl_arena_reset(wl_arena *arena);
/* 64-byte aligned and readable (and writable) for 64 bytes past its end, so
 * that vector loops may overrun. NULL when there is no memory. */
void *wl_arena_alloc(wl_arena *arena, size_t size);
void *wl_arena_calloc(wl_arena *arena, size_t count, size_t size);
/* One block for what will be asked for, which would else be taken in several,
 * with room to spare in each. `size`: the sum of wl_arena_padded sizes. */
wl_status wl_arena_reserve(wl_arena *arena, size_t size, wl_error *error);
size_t wl_arena_padded(size_t size); /* saturates */
char *wl_arena_strndup(wl_arena *arena, const char *text, size_t size);

/* A mark to return to: frees what was handed out since, keeps the memory. */
typedef struct wl_arena_mark {
  wl_arena_block *head;
  size_t used;
} wl_arena_mark;
wl_arena_mark wl_arena_save(const wl_arena *arena);
void wl_arena_restore(wl_arena *arena, wl_arena_mark mark);

/* ---- searches ------------------------------------------------------------ */

/* Where a value stands among n that ascend, or SIZE_MAX. */
static inline size_t wl_find_sorted(const uint32_t *sorted, size_t n,
                                    uint32_t value) {
  size_t low = 0, high = n;
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (sorted[middle] < value)
      low = middle + 1;
    else
      high = middle;
  }
  return low < n && sorted[low] == value ? low : SIZE_MAX;
}

/* ---- growable arrays ----------------------------------------------------- */

/*
 * Makes room for `needed` elements in a heap array that has *capacity of them,
 * doubling. On failure the array stays as it was.
 */
wl_status wl_grow(void **array, size_t *capacity, size_t needed,
                  size_t element_size, wl_error *error);

#endif
