/* value.c: CSR tiles that grow inside a worker's arena. */
#include "data/value.h"

size_t wl_dtype_size(wl_dtype dtype) {
  static const uint8_t sizes[] = {1, 1, 1, 2, 2, 4, 4, 8, 8, 4, 8, 0};
  _Static_assert(WL_COUNT_OF(sizes) == WL_DTYPE_COUNT, "a size for each");
  return (unsigned)dtype < WL_DTYPE_COUNT ? sizes[dtype] : 0;
}

const char *wl_dtype_name(wl_dtype dtype) {
  static const char *const names[] = {"bool", "i8",  "u8",  "i16",
                                      "u16",  "i32", "u32", "i64",
                                      "u64",  "f32", "f64", "string"};
  _Static_assert(WL_COUNT_OF(names) == WL_DTYPE_COUNT, "a name for each");
  return (unsigned)dtype < WL_DTYPE_COUNT ? names[dtype] : "unknown";
}

wl_status wl_csr_begin(wl_csr_builder *builder, wl_arena *arena,
                       size_t max_rows, size_t entries_hint, wl_error *error) {
  *builder = (wl_csr_builder){.arena = arena, .max_rows = max_rows};
  builder->indptr = wl_arena_alloc(arena, (max_rows + 1) * sizeof(int64_t));
  if (builder->indptr == NULL)
    return wl_fail_memory(error, (max_rows + 1) * sizeof(int64_t));
  builder->indptr[0] = 0;
  return wl_csr_reserve(builder, entries_hint < 16 ? 16 : entries_hint, error);
}

wl_status wl_csr_reserve(wl_csr_builder *builder, size_t more,
                         wl_error *error) {
  if (builder->capacity - builder->n_entries >= more)
    return WL_OK;
  size_t wanted = builder->n_entries + more;
  if (wanted < 2 * builder->capacity)
    wanted = 2 * builder->capacity;
  int32_t *indices = wl_arena_alloc(builder->arena, wanted * sizeof *indices);
  double *data = wl_arena_alloc(builder->arena, wanted * sizeof *data);
  if (indices == NULL || data == NULL)
    return wl_fail_memory(error, wanted * (sizeof *indices + sizeof *data));
  if (builder->n_entries != 0) {
    memcpy(indices, builder->indices, builder->n_entries * sizeof *indices);
    memcpy(data, builder->data, builder->n_entries * sizeof *data);
  }
  builder->indices = indices;
  builder->data = data;
  builder->capacity = wanted;
  return WL_OK;
}

wl_value wl_csr_value(const wl_csr_builder *builder, size_t n_columns) {
  return (wl_value){.kind = WL_VALUE_CSR,
                    .n_rows = builder->n_rows,
                    .n_columns = n_columns,
                    .indptr = builder->indptr,
                    .indices = builder->indices,
                    .data = builder->data};
}
