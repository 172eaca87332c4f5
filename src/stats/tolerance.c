/* tolerance.c: see tolerance.h. */
#include <math.h>

#include "stats/tolerance.h"

static bool is_within(double approx, double full, double abs, double rel) {
  double distance = fabs(approx - full), allowed = abs + rel * fabs(full);
  if (WL_LIKELY(isfinite(distance) && isfinite(allowed)))
    return distance <= allowed;
  if (isnan(approx) || isnan(full))
    return isnan(approx) && isnan(full);
  if (isinf(approx) || isinf(full))
    return approx == full;
  return fabs(approx / 2 - full / 2) <= abs / 2 + rel * (fabs(full) / 2);
}

wl_status wl_tolerance_differs(const double *approx, const double *full,
                               size_t n_rows, size_t n_columns, double abs,
                               double rel, uint8_t *differs, wl_error *error) {
  if (!(abs >= 0 && isfinite(abs)))
    return wl_fail(error, WL_ERROR_VALUE,
                   "tolerance: abs must be a number from 0 on, not %g", abs);
  if (!(rel >= 0 && isfinite(rel)))
    return wl_fail(error, WL_ERROR_VALUE,
                   "tolerance: rel must be a number from 0 on, not %g", rel);
  for (size_t i = 0; i < n_rows; i++) {
    const double *a = approx + i * n_columns, *f = full + i * n_columns;
    differs[i] = 0;
    for (size_t j = 0; j < n_columns; j++)
      differs[i] |= !is_within(a[j], f[j], abs, rel);
  }
  return WL_OK;
}
