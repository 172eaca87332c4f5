/*
 * alloc.c: the one seam through which all heap memory comes, and arenas on
 * top of it. Tests install an allocator that fails the Nth call.
 */
#include <stdlib.h>

#include <sys/mman.h>

#include "base/base.h"

static void *libc_allocate(void *context, size_t size) {
  (void)context;
  return malloc(size);
}
static void *libc_reallocate(void *context, void *block, size_t size) {
  (void)context;
  return realloc(block, size);
}
static void libc_release(void *context, void *block) {
  (void)context;
  free(block);
}

static wl_allocator the_allocator = {NULL, libc_allocate, libc_reallocate,
                                     libc_release};

void wl_set_allocator(const wl_allocator *allocator) {
  if (allocator != NULL)
    the_allocator = *allocator;
  else
    the_allocator =
        (wl_allocator){NULL, libc_allocate, libc_reallocate, libc_release};
}

void *wl_alloc(size_t size) {
  return the_allocator.allocate(the_allocator.context, size ? size : 1);
}

void *wl_calloc(size_t count, size_t size) {
  size_t total;
  if (wl_mul_overflows(count, size, &total))
    return NULL;
  void *block = wl_alloc(total);
  if (block != NULL)
    memset(block, 0, total);
  return block;
}

void *wl_realloc(void *block, size_t size) {
  return the_allocator.reallocate(the_allocator.context, block,
                                  size ? size : 1);
}

void wl_free(void *block) {
  if (block != NULL)
    the_allocator.release(the_allocator.context, block);
}

void *wl_alloc_aligned(size_t alignment, size_t size) {
  size_t total;
  if (wl_add_overflows(size, alignment + sizeof(void *), &total))
    return NULL;
  char *raw = wl_alloc(total);
  if (raw == NULL)
    return NULL;
  uintptr_t at = (uintptr_t)raw + sizeof(void *);
  at = (at + alignment - 1) & ~(uintptr_t)(alignment - 1);
  ((void **)at)[-1] = raw;
  return (void *)at;
}

void *wl_alloc_table(size_t size) {
  enum { HUGE_PAGE = 2 << 20 };
  size_t rounded;
  if (wl_add_overflows(size, HUGE_PAGE - 1, &rounded))
    return NULL;
  rounded -= rounded % HUGE_PAGE;
  /* The rest of the last huge page is paid for with memory. */
  if (rounded - size > size / 8)
    rounded = size;
  if (rounded < HUGE_PAGE)
    return wl_alloc_aligned(64, size);
  void *table = wl_alloc_aligned(HUGE_PAGE, rounded);
#ifdef MADV_HUGEPAGE
  /* Only advice: nothing depends on it. */
  if (table != NULL)
    (void)madvise(table, rounded - rounded % 4096, MADV_HUGEPAGE);
#endif
  return table;
}

void wl_free_aligned(void *block) {
  if (block != NULL)
    wl_free(((void **)block)[-1]);
}

char *wl_strndup(const char *text, size_t size) {
  char *copy = size == SIZE_MAX ? NULL : wl_alloc(size + 1);
  if (copy == NULL)
    return NULL;
  if (size != 0)
    memcpy(copy, text, size);
  copy[size] = '\0';
  return copy;
}

wl_status wl_grow(void **array, size_t *capacity, size_t needed,
                  size_t element_size, wl_error *error) {
  if (needed <= *capacity)
    return WL_OK;
  size_t wanted = *capacity < 8 ? 8 : *capacity;
  while (wanted < needed) {
    if (wl_mul_overflows(wanted, 2, &wanted))
      return wl_fail_memory(error, SIZE_MAX);
  }
  size_t size;
  if (wl_mul_overflows(wanted, element_size, &size))
    return wl_fail_memory(error, SIZE_MAX);
  void *grown = wl_realloc(*array, size);
  if (grown == NULL)
    return wl_fail_memory(error, size);
  *array = grown;
  *capacity = wanted;
  return WL_OK;
}

/* ---- arenas -------------------------------------------------------------- */

enum {
  ARENA_ALIGN = 64,
  ARENA_SLACK = 64,
  ARENA_FIRST = 16 * 1024,
  ARENA_STEP = 64 * 1024 /* blocks double up to here */
};

struct wl_arena_block {
  wl_arena_block *previous;
  size_t size; /* bytes of data */
  char *data;  /* 64-byte aligned, inside the same allocation */
};

void wl_arena_init(wl_arena *arena) { *arena = (wl_arena){.head = NULL}; }

static void free_blocks(wl_arena_block *block) {
  while (block != NULL) {
    wl_arena_block *previous = block->previous;
    wl_free_aligned(block);
    block = previous;
  }
}

void wl_arena_deinit(wl_arena *arena) {
  free_blocks(arena->head);
  wl_arena_init(arena);
}

static wl_arena_block *block_create(size_t size) {
  size_t total;
  if (wl_add_overflows(size, ARENA_ALIGN + ARENA_SLACK, &total))
    return NULL;
  char *raw = wl_alloc_aligned(ARENA_ALIGN, total);
  if (raw == NULL)
    return NULL;
  wl_arena_block *block = (wl_arena_block *)(void *)raw;
  block->previous = NULL;
  block->size = size;
  block->data = raw + ARENA_ALIGN;
  memset(block->data + size, 0, ARENA_SLACK);
  return block;
}
_Static_assert(sizeof(wl_arena_block) <= ARENA_ALIGN, "the header's room");

void wl_arena_reset(wl_arena *arena) {
  if (arena->head != NULL && arena->head->previous != NULL) {
    /* One block for all of it; without memory the pieces serve again. */
    wl_arena_block *whole = block_create(arena->total);
    if (whole != NULL) {
      free_blocks(arena->head);
      arena->head = whole;
      arena->total = whole->size;
    } else {
      wl_arena_block *head = arena->head;
      free_blocks(head->previous);
      head->previous = NULL;
      arena->total = head->size;
    }
  }
  arena->used = 0;
}

size_t wl_arena_padded(size_t size) {
  size_t padded;
  if (wl_add_overflows(size, ARENA_ALIGN - 1 + ARENA_SLACK, &padded))
    return SIZE_MAX;
  return padded & ~(size_t)(ARENA_ALIGN - 1);
}

static bool add_block(wl_arena *arena, size_t size) {
  if (arena->limit != 0 &&
      (size > arena->limit || arena->total > arena->limit - size)) {
    arena->is_over = true;
    return false;
  }
  wl_arena_block *block = block_create(size);
  if (block == NULL)
    return false;
  block->previous = arena->head;
  arena->head = block;
  arena->used = 0;
  arena->total += size;
  return true;
}

wl_status wl_arena_reserve(wl_arena *arena, size_t size, wl_error *error) {
  bool has_room =
      arena->head != NULL && arena->head->size - arena->used >= size;
  return has_room || add_block(arena, size) ? WL_OK
                                            : wl_fail_memory(error, size);
}

void *wl_arena_alloc(wl_arena *arena, size_t size) {
  size_t padded = wl_arena_padded(size);
  if (padded == SIZE_MAX)
    return NULL;
  if (arena->head == NULL || arena->head->size - arena->used < padded) {
    size_t wanted = arena->total < ARENA_FIRST  ? ARENA_FIRST
                    : arena->total < ARENA_STEP ? arena->total
                                                : ARENA_STEP;
    if (!add_block(arena, wanted < padded ? padded : wanted))
      return NULL;
  }
  void *at = arena->head->data + arena->used;
  arena->used += padded;
  return at;
}

void *wl_arena_calloc(wl_arena *arena, size_t count, size_t size) {
  size_t total;
  if (wl_mul_overflows(count, size, &total))
    return NULL;
  void *at = wl_arena_alloc(arena, total);
  if (at != NULL)
    memset(at, 0, total);
  return at;
}

char *wl_arena_strndup(wl_arena *arena, const char *text, size_t size) {
  char *copy = size == SIZE_MAX ? NULL : wl_arena_alloc(arena, size + 1);
  if (copy == NULL)
    return NULL;
  if (size != 0)
    memcpy(copy, text, size);
  copy[size] = '\0';
  return copy;
}

wl_arena_mark wl_arena_save(const wl_arena *arena) {
  return (wl_arena_mark){arena->head, arena->used};
}

/* Blocks taken since the mark stay on the list until the next reset, so that
 * the arena still learns its full size; only room in the marked block, when it
 * is still the head, is used again at once. */
void wl_arena_restore(wl_arena *arena, wl_arena_mark mark) {
  if (arena->head == mark.head)
    arena->used = mark.used;
}
