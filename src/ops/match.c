/*
 * match.c: the number of the row of a constant table whose key a row has, or
 * -1: the half of a join that looks; `take` fetches what stands in that row.
 * Keys are one or several numbers side by side (`encode` makes numbers of
 * strings). They are equal as doubles are, but that NaN is equal to NaN, as in
 * pandas' merge.
 *
 * Rows are probed in batches: the slots of all are asked for before the first
 * is read, since a table is larger than the caches. Single keys that are whole
 * numbers close together, as ids mostly are, need no hashing: a row's number
 * stands at its key's place.
 */
#include <math.h>

#include "ops/common.h"
#include "ops/table.h"
#include "text/string_table.h"

enum {
  BATCH = 16,
  /* Places that a table may have for each key, and besides. */
  MAX_SPREAD = 4,
  FREE_PLACES = 1024
};

static const wl_attr_def attrs[] = {
    {"keys", WL_ATTR_TENSOR, true},
};

typedef struct match_state {
  wl_slots slots;
  size_t width;
  double *keys;  /* owned; a row's lie side by side */
  double *rows;  /* owned, or NULL: by place, the key's row, or -1 */
  double lowest; /* key, at the first place */
  size_t n_places;
  double nan_row; /* of the key NaN, or -1 */
} match_state;

static wl_status infer(const wl_graph *graph, const wl_node *node,
                       wl_type *type, wl_error *error) {
  const wl_const *keys = wl_node_tensor(graph, node, "keys");
  size_t width = 0;
  WL_TRY(wl_check_dense(graph, node, error));
  for (uint32_t i = 0; i < node->n_inputs; i++)
    width += wl_input_type(graph, node, i)->n_columns;
  if (keys->dtype == WL_STRING)
    return wl_fail(error, WL_ERROR_TYPE,
                   "operator 'match': 'keys' is strings, not numbers");
  size_t own = keys->n_dims == 2 ? (size_t)keys->shape[1] : 1;
  if (keys->n_dims > 2 || own != width || width == 0)
    return wl_fail(error, WL_ERROR_VALUE,
                   "operator 'match': its keys have %zu numbers each, its "
                   "inputs %zu",
                   own, width);
  if (keys->n_elements / width >= INT32_MAX)
    return wl_fail(error, WL_ERROR_VALUE,
                   "operator 'match': a table of %zu rows is too large; fewer "
                   "than 2^31 are supported",
                   keys->n_elements / width);
  *type = (wl_type){.kind = WL_VALUE_DENSE,
                    .n_columns = 1,
                    .dtype = WL_I64,
                    .is_bit_equal = true};
  return WL_OK;
}

/* One bit pattern for equal numbers. */
static inline uint64_t bits_of(double value) {
  uint64_t bits;
  value += 0.0; /* -0 becomes 0 */
  if (WL_UNLIKELY(value != value))
    return UINT64_C(0x7ff8000000000000);
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

static inline uint64_t hash_of(const double *key, size_t width) {
  uint64_t hash = 0x9e3779b97f4a7c15u;
  for (size_t i = 0; i < width; i++)
    hash = wl_mix_64(bits_of(key[i]) ^ hash, 0xd1b54a32d192ed03u);
  return hash;
}

static bool is_equal(const double *a, const double *b, size_t width) {
  for (size_t i = 0; i < width; i++)
    if (bits_of(a[i]) != bits_of(b[i]))
      return false;
  return true;
}

static uint32_t find_key(const match_state *s, const double *key,
                         uint64_t hash) {
  size_t at = (size_t)(hash >> s->slots.shift);
  for (;;) {
    uint32_t id = wl_slots_next(&s->slots, hash, &at);
    if (id == WL_NO_ID || is_equal(key, s->keys + id * s->width, s->width))
      return id;
  }
}

static void unbind(void *state) {
  match_state *s = state;
  if (s == NULL)
    return;
  wl_slots_deinit(&s->slots);
  wl_free(s->keys);
  wl_free(s->rows);
  wl_free(s);
}

static wl_status fill(match_state *s, const wl_const *keys, wl_error *error) {
  size_t n = keys->n_elements / s->width;
  WL_TRY(wl_copy_vector(keys, keys->n_elements, 0.0, &s->keys, error));
  WL_TRY(wl_slots_init(&s->slots, n, error));
  for (size_t id = 0; id < n; id++) {
    const double *key = s->keys + id * s->width;
    uint64_t hash = hash_of(key, s->width);
    uint32_t known = find_key(s, key, hash);
    if (known != WL_NO_ID)
      return wl_fail(error, WL_ERROR_VALUE,
                     "operator 'match': row %zu has the key of row %u", id,
                     (unsigned)known);
    wl_slots_put(&s->slots, hash, (uint32_t)id);
  }
  return WL_OK;
}

/* Are all keys but NaN whole numbers within few places? Sets these. */
static bool find_places(match_state *s, size_t n) {
  double lowest = INFINITY, highest = -INFINITY;
  for (size_t i = 0; i < n; i++) {
    double key = s->keys[i];
    if (key != key)
      continue;
    if (key != rint(key) || fabs(key) > 0x1p52)
      return false;
    lowest = key < lowest ? key : lowest;
    highest = key > highest ? key : highest;
  }
  double spread = highest - lowest + 1.0;
  if (s->width != 1 || !(spread >= 1.0) ||
      spread > (double)n * MAX_SPREAD + FREE_PLACES)
    return false;
  s->lowest = lowest;
  s->n_places = (size_t)spread;
  return true;
}

/* A row's number at its key's place. */
static wl_status fill_places(match_state *s, size_t n, wl_error *error) {
  s->nan_row = -1.0;
  if (!find_places(s, n))
    return WL_OK;
  s->rows = wl_alloc((s->n_places + 1) * sizeof *s->rows);
  if (s->rows == NULL)
    return wl_fail_memory(error, s->n_places * sizeof *s->rows);
  for (size_t i = 0; i <= s->n_places; i++)
    s->rows[i] = -1.0;
  for (size_t i = 0; i < n; i++) {
    if (s->keys[i] != s->keys[i])
      s->nan_row = (double)i;
    else
      s->rows[(size_t)(s->keys[i] - s->lowest)] = (double)i;
  }
  return WL_OK;
}

static wl_status bind(const wl_graph *graph, const wl_node *node, void **state,
                      wl_error *error) {
  const wl_const *keys = wl_node_tensor(graph, node, "keys");
  match_state *s = wl_calloc(1, sizeof *s);
  if (s == NULL)
    return wl_fail_memory(error, sizeof *s);
  s->width = keys->n_dims == 2 ? (size_t)keys->shape[1] : 1;
  wl_status status = fill(s, keys, error);
  if (status == WL_OK)
    status = fill_places(s, keys->n_elements / s->width, error);
  if (status == WL_OK)
    *state = s;
  else
    unbind(s);
  return status;
}

/* The keys of n rows from `first` on, side by side. */
static void gather(const wl_op_call *call, size_t first, size_t n, size_t width,
                   double *keys) {
  size_t at = 0;
  for (size_t i = 0; i < call->n_inputs; i++) {
    const wl_value *x = call->inputs[i];
    for (size_t r = 0; r < n; r++)
      for (size_t c = 0; c < x->n_columns; c++)
        keys[r * width + at + c] = wl_row(x, first + r)[c];
    at += x->n_columns;
  }
}

/* Whole numbers by their places; what is not at one of them, at the last. */
static void run_places(const match_state *s, const wl_value *x, size_t n,
                       double *to) {
  int64_t lowest = (int64_t)s->lowest;
  double highest = s->lowest + (double)(s->n_places - 1);
  for (size_t r = 0; r < n; r++) {
    double key = *wl_row(x, r);
    double near = key >= s->lowest && key <= highest ? key : highest + 1.0;
    int64_t whole =
        (int64_t)near; /* the place alone may be whole by rounding */
    size_t place = (size_t)(whole - lowest);
    to[r] = s->rows[(double)whole == near ? place : s->n_places];
    if (WL_UNLIKELY(key != key))
      to[r] = s->nan_row;
  }
}

static wl_status run(const void *state, const wl_op_call *call, wl_value *out,
                     wl_error *error) {
  const match_state *s = state;
  if (s->rows != NULL) {
    WL_TRY(wl_new_dense(call, 1, out, error));
    run_places(s, call->inputs[0], call->n_rows, out->dense);
    return WL_OK;
  }
  uint64_t hashes[BATCH];
  double *keys = wl_arena_alloc(call->arena, BATCH * s->width * sizeof *keys);
  if (keys == NULL)
    return wl_fail_memory(error, BATCH * s->width * sizeof *keys);
  WL_TRY(wl_new_dense(call, 1, out, error));
  for (size_t first = 0; first < call->n_rows; first += BATCH) {
    size_t n = call->n_rows - first < BATCH ? call->n_rows - first : BATCH;
    gather(call, first, n, s->width, keys);
    for (size_t r = 0; r < n; r++) {
      hashes[r] = hash_of(keys + r * s->width, s->width);
      __builtin_prefetch(&s->slots.slots[hashes[r] >> s->slots.shift]);
    }
    for (size_t r = 0; r < n; r++) {
      uint32_t id = find_key(s, keys + r * s->width, hashes[r]);
      out->dense[first + r] = id == WL_NO_ID ? -1.0 : (double)id;
    }
  }
  return WL_OK;
}

const wl_op_def wl_op_match = {
    .name = "match",
    WL_ATTRS(attrs),
    .min_inputs = 1,
    .max_inputs = 1 << 16,
    .infer = infer,
    .bind = bind,
    .unbind = unbind,
    .run = run,
};
