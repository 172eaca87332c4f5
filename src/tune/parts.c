/*
 * parts.c: blocks that are cheaper versions of others, in lists behind the
 * whole ones.
 */
#include "tune/job.h"

wl_status wl_tune_parts_check(size_t n_blocks, const uint32_t *part_of,
                              wl_error *error) {
  for (size_t i = 0; part_of != NULL && i < n_blocks; i++) {
    uint32_t parent = part_of[i];
    if (parent == WL_TUNE_WHOLE)
      continue;
    if (parent >= n_blocks || part_of[parent] != WL_TUNE_WHOLE)
      return wl_fail(error, WL_ERROR_VALUE,
                     "tune: block %zu is a part of %u, which is no whole block",
                     i, (unsigned)parent);
  }
  return WL_OK;
}

void wl_tune_parts_link(wl_tune *job, const uint32_t *part_of) {
  for (size_t i = 0; i < job->n_blocks; i++) {
    job->part_of[i] = part_of != NULL ? part_of[i] : WL_TUNE_WHOLE;
    job->next_part[i] = WL_TUNE_WHOLE;
  }
  for (uint32_t i = (uint32_t)job->n_blocks; i-- > 0;)
    if (job->part_of[i] != WL_TUNE_WHOLE) {
      job->next_part[i] = job->next_part[job->part_of[i]];
      job->next_part[job->part_of[i]] = i;
    }
}
