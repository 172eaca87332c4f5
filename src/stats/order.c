/* order.c: the largest values seen, as a binary heap (see order.h). */
#include <math.h>

#include "stats/order.h"

wl_status wl_largest_init(wl_largest *largest, size_t capacity,
                          wl_error *error) {
  *largest = (wl_largest){.capacity = capacity};
  size_t size;
  if (wl_mul_overflows(capacity, sizeof *largest->values, &size))
    return wl_fail_memory(error, SIZE_MAX);
  largest->values = wl_alloc(size);
  if (largest->values == NULL)
    return wl_fail_memory(error, size);
  return WL_OK;
}

void wl_largest_deinit(wl_largest *largest) { wl_free(largest->values); }

void wl_largest_push(wl_largest *largest, double value) {
  double *v = largest->values;
  size_t at;
  if (largest->n < largest->capacity) {
    for (at = largest->n++; at > 0 && v[(at - 1) / 2] > value;
         at = (at - 1) / 2)
      v[at] = v[(at - 1) / 2];
  } else {
    if (!(value > v[0]))
      return;
    at = 0;
    for (size_t child = 1; child < largest->n; child = 2 * at + 1) {
      if (child + 1 < largest->n && v[child + 1] < v[child])
        child++;
      if (!(v[child] < value))
        break;
      v[at] = v[child];
      at = child;
    }
  }
  v[at] = value;
}

size_t wl_rank_from_above(size_t n, double share) {
  double j = floor(share * ((double)n + 1) * (1 + 1e-12));
  return j < (double)n ? (size_t)j : n;
}

wl_status wl_kth_smallest(const double *values, size_t n_values, size_t k,
                          double *out, wl_error *error) {
  *out = (double)INFINITY;
  /* The smaller of the two heaps that would do: of the values or, for a small
   * k, of their negatives. */
  bool is_low = k <= n_values / 2;
  wl_largest largest;
  WL_TRY(wl_largest_init(&largest, is_low ? k : n_values - k + 1, error));
  for (size_t i = 0; i < n_values; i++) {
    double value = isnan(values[i]) ? (double)INFINITY : values[i];
    wl_largest_push(&largest, is_low ? -value : value);
  }
  *out = is_low ? -largest.values[0] : largest.values[0];
  wl_largest_deinit(&largest);
  return WL_OK;
}
