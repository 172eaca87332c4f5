/* sources.c: borrowed inputs to tiles. */
#include "exec/sources.h"

static const char *const kind_names[] = {"text", "a column of numbers",
                                         "a matrix", "a column of categories"};
_Static_assert(WL_COUNT_OF(kind_names) == WL_INPUT_KIND_COUNT,
               "a name for each kind");

static inline int64_t read_index(const void *indices, wl_dtype dtype,
                                 uint64_t i) {
  return dtype == WL_I32 ? ((const int32_t *)indices)[i]
                         : ((const int64_t *)indices)[i];
}

/* The last bound is the number of entries: none may be above it. */
static wl_status check_csr(const wl_input *input, uint64_t n_rows,
                           wl_error *error) {
  if (input->index_dtype != WL_I32 && input->index_dtype != WL_I64)
    return wl_fail(error, WL_ERROR_TYPE, "CSR indices are i32 or i64");
  int64_t before = 0;
  for (uint64_t row = 0; row <= n_rows; row++) {
    int64_t at = read_index(input->indptr, input->index_dtype, row);
    if (at < before)
      return wl_fail(error, WL_ERROR_VALUE,
                     "CSR indptr goes back at row %llu, from %lld to %lld",
                     (unsigned long long)row, (long long)before, (long long)at);
    before = at;
  }
  return WL_OK;
}

static wl_status check_columns(const wl_input *input, wl_error *error) {
  for (uint64_t c = 0; c < input->n_columns; c++)
    if (wl_dtype_size(input->columns[c].dtype) == 0)
      return wl_fail(error, WL_ERROR_TYPE, "column %llu has no numbers",
                     (unsigned long long)c);
  return WL_OK;
}

wl_status wl_source_check(const wl_plan *plan, wl_id id, const wl_input *input,
                          uint64_t n_rows, wl_error *error) {
  const wl_plan_node *node = &plan->nodes[id];
  size_t width = node->type.n_columns;
  const char *name = "";
  if (node->op == WL_OP_INPUT) {
    const wl_plan_input *declared = &plan->inputs[node->source];
    bool is_text = input->layout == WL_LAYOUT_STRINGS;
    name = declared->name;
    if (is_text != (node->type.kind == WL_VALUE_STRINGS))
      return wl_fail(error, WL_ERROR_TYPE, "input '%s' is %s, not %s", name,
                     kind_names[declared->kind], is_text ? "text" : "numbers");
    if (is_text)
      return WL_OK;
    if (input->layout == WL_LAYOUT_CSR && declared->no_csr != NULL)
      return wl_fail(error, declared->no_csr_code, "%s", declared->no_csr);
  } else if (input->layout == WL_LAYOUT_STRINGS) {
    return wl_fail(error, WL_ERROR_TYPE, "an external step answers numbers");
  }
  if (input->n_columns != width)
    return wl_fail(error, WL_ERROR_VALUE,
                   "X has %llu features, but the model is expecting %zu "
                   "features as input%s%s",
                   (unsigned long long)input->n_columns, width,
                   name[0] ? " " : "", name);
  if (input->layout == WL_LAYOUT_COLUMNS)
    return check_columns(input, error);
  if (input->layout != WL_LAYOUT_STRIDED && input->layout != WL_LAYOUT_CSR)
    return wl_fail(error, WL_ERROR_VALUE, "an input of an unknown layout");
  if (wl_dtype_size(input->dtype) == 0)
    return wl_fail(error, WL_ERROR_TYPE, "an input of numbers has no dtype");
  return input->layout == WL_LAYOUT_CSR ? check_csr(input, n_rows, error)
                                        : WL_OK;
}

/* Unaligned reads are allowed: strides are the caller's. */
static inline double read_number(const char *at, wl_dtype dtype) {
#define WL_READ(T)                                                             \
  do {                                                                         \
    T v;                                                                       \
    memcpy(&v, at, sizeof v);                                                  \
    return (double)v;                                                          \
  } while (0)
  switch (dtype) {
  case WL_BOOL:
    return *at != 0 ? 1.0 : 0.0;
  case WL_I8:
    WL_READ(int8_t);
  case WL_U8:
    WL_READ(uint8_t);
  case WL_I16:
    WL_READ(int16_t);
  case WL_U16:
    WL_READ(uint16_t);
  case WL_I32:
    WL_READ(int32_t);
  case WL_U32:
    WL_READ(uint32_t);
  case WL_I64:
    WL_READ(int64_t);
  case WL_U64:
    WL_READ(uint64_t);
  case WL_F32:
    WL_READ(float);
  case WL_F64:
    WL_READ(double);
  case WL_STRING:
  case WL_DTYPE_COUNT:
    break;
  }
#undef WL_READ
  return 0.0;
}

/* ---- one function a layout ----------------------------------------------- */

typedef struct tile_request {
  const wl_input *input;
  const wl_selection *selection;
  const uint64_t *position;
  uint64_t from;
  size_t n;
  wl_readers_take readers;
  wl_arena *arena;
} tile_request;

static inline uint64_t source_row(const tile_request *t, size_t i) {
  uint64_t row = wl_selection_row(t->selection, t->from + i);
  return t->position != NULL ? t->position[row] : row;
}

static wl_status fail_missing(size_t row, wl_error *error) {
  return wl_fail_row(error, WL_ERROR_VALUE, (int64_t)row,
                     "np.nan is an invalid document, expected byte or "
                     "unicode string.");
}

wl_status wl_source_check_text(const wl_input *input,
                               const wl_selection *selection, uint64_t from,
                               uint64_t to, wl_error *error) {
  for (uint64_t i = from; i < to; i++)
    if (input->strings[wl_selection_row(selection, i)].data == NULL)
      return fail_missing((size_t)(i - from), error);
  return WL_OK;
}

static wl_status tile_strings(const tile_request *t, wl_value *out,
                              wl_error *error) {
  *out = (wl_value){.kind = WL_VALUE_STRINGS, .n_rows = t->n, .n_columns = 1};
  const wl_string *strings = t->input->strings;
  if (t->selection->rows == NULL) {
    out->strings = strings + t->from;
  } else {
    wl_string *own = wl_arena_alloc(t->arena, t->n * sizeof *own);
    if (own == NULL)
      return wl_fail_memory(error, t->n * sizeof *own);
    for (size_t i = 0; i < t->n; i++)
      own[i] = strings[source_row(t, i)];
    out->strings = own;
  }
  for (size_t i = 0; i < t->n && !t->readers.missing; i++)
    if (out->strings[i].data == NULL)
      return fail_missing(i, error);
  return WL_OK;
}

/* Whether rows of doubles lie in the caller's memory as a tile has them. */
static bool is_tile(const tile_request *t) {
  const wl_input *input = t->input;
  return t->selection->rows == NULL && t->position == NULL &&
         input->dtype == WL_F64 && input->column_stride == sizeof(double) &&
         input->row_stride % (int64_t)sizeof(double) == 0 &&
         input->row_stride / (int64_t)sizeof(double) >=
             (int64_t)input->n_columns &&
         (uintptr_t)input->values % sizeof(double) == 0;
}

/* Whether wl_strided can stand for it. */
static bool is_strided(const tile_request *t) {
  const wl_input *input = t->input;
  if (t->selection->rows != NULL || t->position != NULL ||
      (input->dtype != WL_F64 && input->dtype != WL_F32))
    return false;
  int64_t size = (int64_t)wl_dtype_size(input->dtype);
  return input->row_stride % size == 0 && input->column_stride % size == 0 &&
         (uintptr_t)input->values % (uintptr_t)size == 0;
}

static wl_status new_tile(const tile_request *t, wl_value *out,
                          wl_error *error) {
  size_t width = (size_t)t->input->n_columns, total;
  *out = (wl_value){
      .kind = WL_VALUE_DENSE, .n_rows = t->n, .n_columns = width, .ld = width};
  if (wl_mul_overflows(t->n, width, &total) || total > SIZE_MAX / 8)
    return wl_fail_memory(error, SIZE_MAX);
  out->dense = wl_arena_alloc(t->arena, total * sizeof(double));
  if (out->dense == NULL)
    return wl_fail_memory(error, total * sizeof(double));
  return WL_OK;
}

static wl_status tile_strided(const tile_request *t, wl_value *out,
                              wl_error *error) {
  const wl_input *input = t->input;
  size_t width = (size_t)input->n_columns;
  *out = (wl_value){
      .kind = WL_VALUE_DENSE, .n_rows = t->n, .n_columns = width, .ld = width};
  if (is_tile(t)) {
    /* Steps write to their own result only, never to what they read. */
    uintptr_t first = (uintptr_t)input->values;
    out->dense = (double *)(first + t->from * (uint64_t)input->row_stride);
    out->ld = (size_t)input->row_stride / sizeof(double);
    return WL_OK;
  }
  if (t->readers.strided && is_strided(t)) {
    out->kind = WL_VALUE_STRIDED;
    out->strided = (wl_strided){.values = (const char *)input->values +
                                          (int64_t)t->from * input->row_stride,
                                .row_stride = input->row_stride,
                                .column_stride = input->column_stride,
                                .is_f32 = input->dtype == WL_F32};
    return WL_OK;
  }
  WL_TRY(new_tile(t, out, error));
  bool is_plain = input->dtype == WL_F64 && input->column_stride == 8;
  for (size_t i = 0; i < t->n; i++) {
    const char *row = (const char *)input->values +
                      (int64_t)source_row(t, i) * input->row_stride;
    double *to = out->dense + i * width;
    if (is_plain && width != 0)
      memcpy(to, row, width * sizeof *to);
    else
      for (size_t c = 0; c < width; c++)
        to[c] =
            read_number(row + (int64_t)c * input->column_stride, input->dtype);
  }
  return WL_OK;
}

/* Column by column: a caller's table is read in place. */
static wl_status tile_columns(const tile_request *t, wl_value *out,
                              wl_error *error) {
  WL_TRY(new_tile(t, out, error));
  size_t width = out->n_columns;
  for (size_t c = 0; c < width; c++) {
    const wl_number_column *column = &t->input->columns[c];
    for (size_t i = 0; i < t->n; i++)
      out->dense[i * width + c] =
          read_number((const char *)column->values +
                          (int64_t)source_row(t, i) * column->stride,
                      column->dtype);
  }
  return WL_OK;
}

static wl_status fail_column(const wl_input *input, uint64_t row,
                             int64_t column, wl_error *error) {
  return wl_fail_row(error, WL_ERROR_VALUE, (int64_t)row,
                     "CSR column %lld is outside 0 to %llu", (long long)column,
                     (unsigned long long)input->n_columns);
}

/* Rows one behind the other, of doubles and int32: whole, into `builder`. */
static wl_status copy_csr(const tile_request *t, wl_csr_builder *builder,
                          wl_error *error) {
  const wl_input *input = t->input;
  const int32_t *bounds = (const int32_t *)input->indptr + t->from;
  const int32_t *indices = (const int32_t *)input->indices + bounds[0];
  size_t n = (size_t)bounds[t->n] - (size_t)bounds[0];
  WL_TRY(wl_csr_reserve(builder, n, error));
  uint32_t most = 0; /* a negative column is a large one */
  for (size_t e = 0; e < n; e++)
    most = (uint32_t)indices[e] > most ? (uint32_t)indices[e] : most;
  for (size_t i = 0, e = 0; n != 0 && most >= input->n_columns; i++)
    for (; e < (size_t)(bounds[i + 1] - bounds[0]); e++)
      if ((uint32_t)indices[e] >= input->n_columns)
        return fail_column(input, i, indices[e], error);
  if (n != 0) {
    memcpy(builder->indices, indices, n * sizeof *indices);
    memcpy(builder->data, (const double *)input->values + bounds[0],
           n * sizeof(double));
  }
  for (size_t i = 0; i <= t->n; i++)
    builder->indptr[i] = bounds[i] - bounds[0];
  builder->n_entries = n;
  builder->n_rows = t->n;
  return WL_OK;
}

static bool is_copied_whole(const tile_request *t) {
  const wl_input *input = t->input;
  return t->selection->rows == NULL && t->position == NULL &&
         input->dtype == WL_F64 && input->index_dtype == WL_I32 &&
         (uintptr_t)input->values % sizeof(double) == 0 &&
         (uintptr_t)input->indices % sizeof(int32_t) == 0 &&
         (uintptr_t)input->indptr % sizeof(int32_t) == 0;
}

static wl_status tile_csr(const tile_request *t, wl_value *out,
                          wl_error *error) {
  const wl_input *input = t->input;
  size_t size = wl_dtype_size(input->dtype);
  wl_csr_builder builder;
  WL_TRY(wl_csr_begin(&builder, t->arena, t->n, 64, error));
  if (is_copied_whole(t)) {
    WL_TRY(copy_csr(t, &builder, error));
    *out = wl_csr_value(&builder, (size_t)input->n_columns);
    return WL_OK;
  }
  for (size_t i = 0; i < t->n; i++) {
    uint64_t row = source_row(t, i);
    int64_t from = read_index(input->indptr, input->index_dtype, row);
    int64_t to = read_index(input->indptr, input->index_dtype, row + 1);
    WL_TRY(wl_csr_reserve(&builder, (size_t)(to - from), error));
    for (int64_t e = from; e < to; e++) {
      int64_t column =
          read_index(input->indices, input->index_dtype, (uint64_t)e);
      if (column < 0 || (uint64_t)column >= input->n_columns)
        return fail_column(input, i, column, error);
      wl_csr_push(&builder, (int32_t)column,
                  read_number((const char *)input->values + (size_t)e * size,
                              input->dtype));
    }
    wl_csr_end_row(&builder);
  }
  *out = wl_csr_value(&builder, (size_t)input->n_columns);
  return WL_OK;
}

wl_status wl_source_tile(const wl_input *input, const wl_selection *selection,
                         const uint64_t *position, uint64_t from, uint64_t to,
                         wl_readers_take readers, wl_arena *arena,
                         wl_value *out, wl_error *error) {
  tile_request t = {.input = input,
                    .selection = selection,
                    .position = position,
                    .from = from,
                    .n = (size_t)(to - from),
                    .readers = readers,
                    .arena = arena};
  switch (input->layout) {
  case WL_LAYOUT_STRINGS:
    return tile_strings(&t, out, error);
  case WL_LAYOUT_STRIDED:
    return tile_strided(&t, out, error);
  case WL_LAYOUT_CSR:
    return tile_csr(&t, out, error);
  case WL_LAYOUT_COLUMNS:
    return tile_columns(&t, out, error);
  }
  return wl_fail(error, WL_ERROR_INTERNAL, "an input of an unknown layout");
}

void wl_source_add_sizes(const wl_input *input, const wl_selection *selection,
                         uint64_t from, size_t n, size_t *sizes) {
  switch (input->layout) {
  case WL_LAYOUT_STRINGS:
    if (selection->rows == NULL)
      for (size_t i = 0; i < n; i++)
        sizes[i] += input->strings[from + i].size;
    else
      for (size_t i = 0; i < n; i++)
        sizes[i] += input->strings[selection->rows[from + i]].size;
    break;
  case WL_LAYOUT_STRIDED:
  case WL_LAYOUT_COLUMNS:
    for (size_t i = 0; i < n; i++)
      sizes[i] += (size_t)input->n_columns * sizeof(double);
    break;
  case WL_LAYOUT_CSR:
    for (size_t i = 0; i < n; i++) {
      uint64_t row = wl_selection_row(selection, from + i);
      int64_t begin = read_index(input->indptr, input->index_dtype, row);
      int64_t end = read_index(input->indptr, input->index_dtype, row + 1);
      sizes[i] += end > begin ? (size_t)(end - begin) * 12 : 0;
    }
    break;
  }
}
