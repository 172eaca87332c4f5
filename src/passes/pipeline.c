/* pipeline.c: the passes, in order. */
#include "passes/passes.h"

static const struct {
  const char *name;
  wl_pass_function run;
} passes[] = {
    {"simplify", wl_pass_simplify},
    {"push_linear", wl_pass_push_linear},
    {"share", wl_pass_simplify},
    {"fold_encode", wl_pass_fold_encode},
    {"fold_scale", wl_pass_fold_scale},
    {"fuse_text", wl_pass_fuse_text},
    {"merge_scores", wl_pass_merge_scores},
    {"merge_lookups", wl_pass_merge_lookups},
    {"tabulate", wl_pass_tabulate},
    {"clean", wl_pass_simplify},
};
_Static_assert(WL_COUNT_OF(passes) <= WL_MAX_PASSES, "room for each result");

const char *wl_pass_name(size_t i) {
  return i < WL_COUNT_OF(passes) ? passes[i].name : NULL;
}

wl_status wl_passes_run(const wl_graph *source, const char *after,
                        wl_pass_results *results, wl_error *error) {
  bool is_all = after == NULL || strcmp(after, "all") == 0;
  bool is_known = is_all;
  for (size_t i = 0; i < WL_COUNT_OF(passes) && !is_known; i++)
    is_known = strcmp(passes[i].name, after) == 0;
  results->n = 0;
  if (!is_known)
    return wl_fail(error, WL_ERROR_VALUE, "no pass is named '%.100s'", after);
  wl_status status = WL_OK;
  const wl_graph *from = source;
  for (size_t i = 0; i < WL_COUNT_OF(passes); i++) {
    wl_graph *to = &results->graphs[results->n++];
    wl_graph_init(to);
    WL_TRY_DONE(status, passes[i].run(from, to, error));
    WL_TRY_DONE(status, wl_graph_verify(to, error));
    from = to;
    if (!is_all && strcmp(passes[i].name, after) == 0)
      break;
  }
done:
  if (status != WL_OK)
    wl_passes_deinit(results);
  return status;
}

void wl_passes_deinit(wl_pass_results *results) {
  while (results->n > 0)
    wl_graph_deinit(&results->graphs[--results->n]);
}

const wl_graph *wl_passes_last(const wl_pass_results *results) {
  return &results->graphs[results->n - 1];
}
