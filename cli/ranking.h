/*
 * ranking.h: by what the rows of a top-K query rank, and how many of them the
 * model's filter keeps. The choices are those of the Python package's `top_k`.
 */
#ifndef WL_CLI_RANKING_H
#define WL_CLI_RANKING_H

#include "metadata.h"
#include "tune/topk.h"

/* A column of an output. */
typedef struct cli_ranking {
  size_t output;
  wl_output_info info;
  size_t column;
  bool is_chosen; /* by a class; else the output has the one column */
  bool rounds;    /* the original's numbers are float32 */
} cli_ranking;

/* class_label: --class-label, or NULL. */
wl_status cli_ranking_choose(cli_ranking *ranking, const wl_model *model,
                             const cli_metadata *metadata,
                             const char *class_label, wl_error *error);

/* How the model's filter counts candidates, where it has one for this ranking;
 * *filter is its output's number, or -1. */
wl_status cli_ranking_filter(const cli_ranking *ranking, const wl_model *model,
                             const cli_metadata *metadata, int *filter,
                             wl_topk_bounds *bounds, wl_error *error);

#endif
