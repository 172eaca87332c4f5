/*
 * call.c: the memory of one call: references and blocks that live until its
 * end. A point query fits the inline room and allocates nothing here.
 */
#include "ext.h"

#include <string.h>

struct ext_block {
  ext_block *next;
};

#define BLOCK_HEADER 16 /* room for ext_block, keeping 16-byte alignment */
#define BLOCK_SIZE ((size_t)64 * 1024)

_Static_assert(sizeof(ext_block) <= BLOCK_HEADER, "the header fits its room");

void ext_call_begin(ext_call *call, ext_state *state) {
  call->state = state;
  call->specs = NULL;
  call->n_inputs = 0;
  call->objects = NULL;
  call->inputs = NULL;
  call->n_rows = 0;
  call->work = 0;
  call->refs = call->inline_refs;
  call->n_refs = 0;
  call->refs_capacity = EXT_INLINE_REFS;
  call->blocks = NULL;
  call->free_bytes = call->inline_bytes;
  call->n_free = EXT_INLINE_BYTES;
}

void ext_call_end(ext_call *call) {
  for (size_t i = call->n_refs; i-- > 0;)
    Py_DECREF(call->refs[i]);
  if (call->refs != call->inline_refs)
    PyMem_RawFree(call->refs);
  for (ext_block *block = call->blocks; block;) {
    ext_block *next = block->next;
    PyMem_RawFree(block);
    block = next;
  }
}

void *ext_call_alloc(ext_call *call, size_t count, size_t size) {
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes) ||
      bytes > (size_t)PY_SSIZE_T_MAX - BLOCK_SIZE) {
    PyErr_NoMemory();
    return NULL;
  }
  bytes = (bytes + 15) & ~(size_t)15;
  if (bytes > call->n_free) {
    size_t room = bytes > BLOCK_SIZE ? bytes : BLOCK_SIZE;
    char *memory = PyMem_RawMalloc(BLOCK_HEADER + room);
    if (!memory) {
      PyErr_NoMemory();
      return NULL;
    }
    ext_block *block = (ext_block *)(void *)memory;
    *block = (ext_block){.next = call->blocks};
    call->blocks = block;
    call->free_bytes = memory + BLOCK_HEADER;
    call->n_free = room;
  }
  void *result = call->free_bytes;
  call->free_bytes += bytes;
  call->n_free -= bytes;
  return result;
}

bool ext_call_keep(ext_call *call, PyObject *object) {
  if (!object)
    return false;
  if (call->n_refs == call->refs_capacity) {
    size_t capacity = 2 * call->refs_capacity;
    PyObject **grown = PyMem_RawMalloc(capacity * sizeof *grown);
    if (!grown) {
      Py_DECREF(object);
      PyErr_NoMemory();
      return false;
    }
    memcpy(grown, call->refs, call->n_refs * sizeof *grown);
    if (call->refs != call->inline_refs)
      PyMem_RawFree(call->refs);
    call->refs = grown;
    call->refs_capacity = capacity;
  }
  call->refs[call->n_refs++] = object;
  return true;
}
