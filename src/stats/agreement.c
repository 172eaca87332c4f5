/* agreement.c: the order-statistic certificate (see agreement.h). */
#include <math.h>

#include "base/math.h"
#include "stats/agreement.h"
#include "stats/binomial.h"
#include "stats/order.h"

uint64_t wl_agreement_rows_needed(double alpha, double delta) {
  if (!(alpha > 0 && alpha < 1 && delta > 0 && delta < 1))
    return UINT64_MAX;
  double estimate = wl_log(delta) / wl_log1p(-alpha);
  if (!(estimate < (double)WL_BINOMIAL_MAX_N - 2))
    return UINT64_MAX;
  /* The quotient is rounded: settle its neighbours by the rule itself. */
  uint64_t n = (uint64_t)estimate;
  n = n > 2 ? n - 2 : 1;
  while (wl_binomial_max_k(n, alpha, delta) < 0 && n < WL_BINOMIAL_MAX_N)
    n++;
  return n;
}

/* ---- one row of each group ------------------------------------------------
 */

/* The groups seen so far: open addressing, a power of two of slots, at most
 * half of them used. */
typedef struct group_set {
  uint64_t *ids;
  uint8_t *is_used;
  size_t mask;
} group_set;

static wl_status group_set_init(group_set *set, size_t n_rows,
                                wl_error *error) {
  size_t n_slots = 16;
  while (n_slots / 2 < n_rows)
    if (wl_mul_overflows(n_slots, 2, &n_slots))
      return wl_fail_memory(error, SIZE_MAX);
  set->mask = n_slots - 1;
  set->ids = wl_calloc(n_slots, sizeof *set->ids);
  set->is_used = wl_calloc(n_slots, 1);
  if (set->ids == NULL || set->is_used == NULL)
    return wl_fail_memory(error, n_slots * sizeof *set->ids);
  return WL_OK;
}

static void group_set_deinit(group_set *set) {
  wl_free(set->ids);
  wl_free(set->is_used);
}

/* true when the group was not there. */
static bool group_set_add(group_set *set, uint64_t id) {
  uint64_t hash = (id ^ (id >> 32)) * 0x9e3779b97f4a7c15u;
  size_t slot = (size_t)(hash >> 20) & set->mask;
  while (set->is_used[slot]) {
    if (set->ids[slot] == id)
      return false;
    slot = (slot + 1) & set->mask;
  }
  set->is_used[slot] = 1;
  set->ids[slot] = id;
  return true;
}

wl_status wl_agreement_first_rows(const uint64_t *groups, size_t n_rows,
                                  uint8_t *counts, wl_error *error) {
  group_set set = {0};
  wl_status status;
  WL_TRY_DONE(status, group_set_init(&set, n_rows, error));
  for (size_t i = 0; i < n_rows; i++)
    counts[i] = group_set_add(&set, groups[i]);
done:
  group_set_deinit(&set);
  return status;
}

/* ---- the threshold --------------------------------------------------------
 */

/* Rows that count: all of them when `counts` is NULL. */
typedef struct sample {
  const double *confidence;
  const uint8_t *differs, *counts;
  size_t n_rows;
} sample;

static bool has_row(const sample *s, size_t i) {
  return s->counts == NULL || s->counts[i];
}

/* The (k + 1)-th largest S; -infinity when fewer than k + 1 are above that. */
static wl_status find_threshold(const sample *s, uint64_t n_disagreements,
                                int64_t k, double *threshold, wl_error *error) {
  if ((uint64_t)k >= n_disagreements) {
    *threshold = -(double)INFINITY;
    return WL_OK;
  }
  wl_largest wrong;
  WL_TRY(wl_largest_init(&wrong, (size_t)k + 1, error));
  for (size_t i = 0; i < s->n_rows; i++)
    /* NaN is above no threshold: such a row's S is -infinity. */
    if (has_row(s, i) && s->differs[i] && !isnan(s->confidence[i]))
      wl_largest_push(&wrong, s->confidence[i]);
  *threshold = wrong.n == wrong.capacity ? wrong.values[0] : -(double)INFINITY;
  wl_largest_deinit(&wrong);
  return WL_OK;
}

static void count_rows(const sample *s, wl_agreement *out) {
  for (size_t i = 0; i < s->n_rows; i++)
    if (has_row(s, i)) {
      out->n_rows++;
      out->n_disagreements += s->differs[i] != 0;
    }
}

/* With out->k chosen: the threshold and what it does to the sample. */
static wl_status apply_k(const sample *s, wl_agreement *out, wl_error *error) {
  out->threshold = (double)INFINITY;
  if (out->k < 0)
    return WL_OK;
  WL_TRY(
      find_threshold(s, out->n_disagreements, out->k, &out->threshold, error));
  for (size_t i = 0; i < s->n_rows; i++)
    if (has_row(s, i) && s->confidence[i] > out->threshold) {
      out->n_leaving++;
      out->n_wrong += s->differs[i] != 0;
    }
  if (out->n_rows != 0)
    out->share_leaving = (double)out->n_leaving / (double)out->n_rows;
  return WL_OK;
}

static wl_status sample_init(sample *s, const uint64_t *groups,
                             uint8_t **counts, wl_error *error) {
  *counts = NULL;
  if (groups == NULL)
    return WL_OK;
  *counts = wl_alloc(s->n_rows);
  if (*counts == NULL)
    return wl_fail_memory(error, s->n_rows);
  s->counts = *counts;
  return wl_agreement_first_rows(groups, s->n_rows, *counts, error);
}

wl_status wl_agreement_at_k(const double *confidence, const uint8_t *differs,
                            const uint64_t *groups, size_t n_rows, int64_t k,
                            wl_agreement *out, wl_error *error) {
  *out = (wl_agreement){.k = k < 0 ? -1 : k};
  sample s = {confidence, differs, NULL, n_rows};
  uint8_t *counts;
  wl_status status;
  WL_TRY_DONE(status, sample_init(&s, groups, &counts, error));
  count_rows(&s, out);
  status = apply_k(&s, out, error);
done:
  wl_free(counts);
  return status;
}

static wl_status check_rates(double alpha, double delta, size_t n_rows,
                             wl_error *error) {
  if (!(alpha > 0 && alpha < 1))
    return wl_fail(error, WL_ERROR_VALUE,
                   "agreement: the permitted rate of disagreement must be "
                   "above 0 and below 1, not %g",
                   alpha);
  if (!(delta > 0 && delta < 1))
    return wl_fail(error, WL_ERROR_VALUE,
                   "agreement: the confidence must be above 0 and below 1, "
                   "not %g",
                   1 - delta);
  if (n_rows > WL_BINOMIAL_MAX_N)
    return wl_fail(error, WL_ERROR_VALUE,
                   "agreement: %zu rows are more than the %llu that can be "
                   "certified on; give fewer",
                   n_rows, (unsigned long long)WL_BINOMIAL_MAX_N);
  return WL_OK;
}

wl_status wl_agreement_certify(const double *confidence, const uint8_t *differs,
                               const uint64_t *groups, size_t n_rows,
                               double alpha, double delta, wl_agreement *out,
                               wl_error *error) {
  *out = (wl_agreement){.k = -1, .threshold = (double)INFINITY};
  WL_TRY(check_rates(alpha, delta, n_rows, error));
  out->alpha = alpha;
  out->delta = delta;
  out->rows_needed = wl_agreement_rows_needed(alpha, delta);
  sample s = {confidence, differs, NULL, n_rows};
  uint8_t *counts;
  wl_status status;
  WL_TRY_DONE(status, sample_init(&s, groups, &counts, error));
  count_rows(&s, out);
  out->k = wl_binomial_max_k(out->n_rows, alpha, delta);
  status = apply_k(&s, out, error);
done:
  wl_free(counts);
  return status;
}
