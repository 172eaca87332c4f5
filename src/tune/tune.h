/*
 * tune.h: chooses the first stage of a cascade and certifies it, as a job that
 * asks its caller to train and score models and makes every choice itself.
 *
 *     wl_tune_create(...)
 *     loop: wl_tune_next(job, &request)
 *       WL_TUNE_FIT      train an approximate model on request.blocks with the
 *                        fit rows, score the select rows, wl_tune_answer;
 *                        or wl_tune_skip if it cannot be trained
 *       WL_TUNE_CERTIFY  score the certify rows with that same model,
 *                        wl_tune_answer
 *       WL_TUNE_FINISHED wl_tune_result
 *
 * Three sets of rows, drawn independently of each other and of the full model:
 * *fit* trains the candidates, *select* chooses among them, *certify* is looked
 * at once, for the winner. So the certificate needs no correction for the
 * number of candidates.
 *
 * The choice minimises the expected cost of a row,
 *
 *     cost(S) + cost(model of S) + P(stay) * (cost(rest) + cost(full model)),
 *
 * where P(stay) is the share of select rows that stay under the threshold that
 * the target's certificate would set on a sample of the select rows' size. A
 * select sample too small for any certificate takes the certify sample's
 * permitted rate k / n instead, of harms alone for lost accuracy.
 *
 * Targets (target.c): agreement with the full model (stats/agreement.h);
 * outputs close to its own (stats/tolerance.h), certified as agreement is;
 * lost accuracy (stats/accuracy.h), whose answers bring the true labels as
 * well; the thresholds of its fixed sequence are quantiles of the winner's
 * confidence on the select rows. And a metric of the caller's, who computes it
 * and chooses the threshold: the job compares costs, and certifies nothing.
 *
 * Candidates: where blocks have up to 64 subsets, every one that leaves
 * something out, cheapest first. Beyond, each block alone; then the subsets of
 * the largest summed importance (agreement above that of always answering the
 * commonest label) at several limits of cost; then a greedy path that adds the
 * block with the most agreement for its cost. A subset whose blocks alone cost
 * more than the best cascade so far is never asked for. Nested blocks have one
 * candidate for each prefix.
 *
 * A block may be a *part* of another, a cheaper version of it (part_of). A
 * subset holds at most one of a block and its parts. A part is a block of its
 * own to the first stage, but spares the rest nothing: a row that stays pays
 * for the whole block.
 *
 * Candidates may be trained in several ways, *models*: number 0 is the full
 * model's own. Subsets are searched with one of them, the others tried on the
 * best subset. Any but number 0 may read all blocks, since it saves the full
 * model's cost.
 *
 * With max_gates > 1 several candidates may be the gates of one cascade, those
 * of cheaper blocks first (gates.c); a block that one gate has costs the later
 * ones nothing. WL_TUNE_CERTIFY comes once for each gate, in their order. More
 * gates than one are taken where that is cheaper on the select rows; one
 * certificate holds for all of them together. Of nested blocks all prefixes are
 * then asked for.
 *
 * With n_rows_race the candidates race on so many of the fit rows; those that
 * win are asked for once more, with all of them, before they certify.
 *
 * The same inputs and answers give the same choices. One thread at a time.
 */
#ifndef WL_TUNE_TUNE_H
#define WL_TUNE_TUNE_H

#include "base/base.h"
#include "stats/curve.h"

enum { WL_TUNE_MAX_BLOCKS = 1024, WL_TUNE_MAX_GATES = 4 };

typedef struct wl_tune wl_tune;

typedef enum wl_tune_target {
  WL_TUNE_AGREEMENT = 0, /* rows leave with the full model's label */
  WL_TUNE_ACCURACY,      /* the cascade is as often right, nearly */
  WL_TUNE_TOLERANCE,     /* rows leave with outputs close to the full model's */
  WL_TUNE_ESTIMATED,     /* a metric of the caller's falls little: its answers
                            bring the threshold, and nothing is proven */
  WL_TUNE_TARGET_COUNT
} wl_tune_target;

/* "agreement", "accuracy", "tolerance", "estimated". Static. */
const char *wl_tune_target_name(wl_tune_target target);

typedef struct wl_tune_options {
  wl_tune_target target;
  double alpha; /* permitted share of rows that leave with another label, or
                   with outputs that are not close, or loss of accuracy, or of
                   the caller's metric, in its own unit */
  double delta; /* 1 - confidence */
  uint64_t seed;
  double model_cost; /* of the full model beyond its blocks, ns a row; >= 0 */
  size_t max_fits;   /* candidates at most; 0: 16 + 2 n_blocks, at least 62 */
  bool is_nested;    /* candidates are the first 1, 2, ... blocks: those of an
                        ensemble are its trees up to some number */
  size_t max_gates;  /* 0 or 1: one; up to WL_TUNE_MAX_GATES where the target
                        is not accuracy */
  double tolerance_abs, tolerance_rel; /* of WL_TUNE_TOLERANCE, as in
                                          stats/tolerance.h */
  double stage_cost; /* of each stage behind the first beyond its blocks and
                        model, ns a row that comes there; >= 0 */
  const uint32_t *part_of; /* (n_blocks,): the whole block that each is a part
                              of, or WL_TUNE_WHOLE; copied. NULL: all whole */
  size_t n_models;     /* ways to train a candidate; 0 or 1: the full model's */
  size_t search_model; /* the one that subsets are searched with */
  size_t n_rows_race;  /* fit rows that candidates race on; 0: all of them */
} wl_tune_options;

/* Of a block that is a part of no other. */
#define WL_TUNE_WHOLE UINT32_MAX

/*
 * Shares out rows: is_select[i] = 1 for about `share` of the rows, 0 for the
 * others, by a hash of the seed and the row's group, or its position when
 * groups is NULL. Rows of one group stay together. Returns how many are 1.
 */
size_t wl_tune_split(size_t n_rows, const uint64_t *groups, double share,
                     uint64_t seed, uint8_t *is_select);

/*
 * block_costs: (n_blocks,) ns a row, finite and >= 0; copied; parts count as
 * blocks. Too few certify
 * rows are no error: the job is then finished at once, and its result says how
 * many it takes.
 *
 * out: an owned job, released by wl_tune_free; NULL on failure. Errors:
 * WL_ERROR_VALUE for sizes, costs or rates out of range and parts of parts,
 * WL_ERROR_MEMORY.
 */
wl_status wl_tune_create(size_t n_blocks, const double *block_costs,
                         size_t n_rows_fit, size_t n_rows_select,
                         size_t n_rows_certify, const wl_tune_options *options,
                         wl_tune **out, wl_error *error);
void wl_tune_free(wl_tune *job); /* NULL allowed */

typedef enum wl_tune_step {
  WL_TUNE_FIT = 0,
  WL_TUNE_CERTIFY,
  WL_TUNE_FINISHED,
  WL_TUNE_STEP_COUNT
} wl_tune_step;

typedef struct wl_tune_request {
  wl_tune_step step;
  size_t candidate;       /* its number; the winner's when certifying */
  const uint32_t *blocks; /* ascending; borrowed for the life of the job */
  size_t n_blocks;
  size_t n_rows;     /* that the answer must have */
  uint64_t seed;     /* for training this candidate */
  size_t model;      /* how: 0 as the full model */
  size_t n_rows_fit; /* of the fit rows, in a random order, the first so many */
} wl_tune_request;

/* What to do next; the same again until it is answered or skipped. Cannot
 * fail: a job takes all its memory when it is created. */
void wl_tune_next(wl_tune *job, wl_tune_request *request);

/* Borrowed during the call; all arrays have n_rows elements. */
typedef struct wl_tune_scores {
  size_t n_rows;
  const double *confidence;     /* of the approximate model; NaN: stays */
  const int64_t *approx_labels; /* any numbering of the labels, the same */
  const int64_t *full_labels;   /* for both; not for WL_TUNE_TOLERANCE */
  const uint64_t *groups; /* or NULL; rows of one group count once, the first:
                             give the rows in random order */
  double model_cost;      /* measured, of the approximate model, ns a row */
  const int64_t *true_labels; /* in the same numbering, any other number for a
                                 label that no model knows; read for
                                 WL_TUNE_ACCURACY only */
  const double *approx_outputs,
      *full_outputs; /* (n_rows, n_outputs), row-major,
                        for WL_TUNE_TOLERANCE only */
  size_t n_outputs;
  double threshold; /* that the caller chose on the select rows, for
                       WL_TUNE_ESTIMATED only; +infinity: none will do */
} wl_tune_scores;

/* After a failure (WL_ERROR_VALUE for an answer of another shape,
 * WL_ERROR_MEMORY) the request stands and may be answered again. */
wl_status wl_tune_answer(wl_tune *job, const wl_tune_scores *scores,
                         wl_error *error);

/*
 * What a row would cost by expectation if a request to fit were answered with
 * these scores. Nothing is recorded: a model with several kinds of confidence
 * is answered with the one that costs least. Errors: as wl_tune_answer.
 */
wl_status wl_tune_weigh(wl_tune *job, const wl_tune_scores *scores,
                        double *expected_cost, wl_error *error);

/* Instead of an answer to WL_TUNE_FIT: this model cannot be trained. */
wl_status wl_tune_skip(wl_tune *job, wl_error *error);

typedef enum wl_tune_outcome {
  WL_TUNE_CASCADE = 0,
  WL_TUNE_TOO_FEW_ROWS, /* certificate.rows_needed tells how many */
  WL_TUNE_NOT_CHEAPER,  /* no cascade costs less than the exact pipeline */
  WL_TUNE_ONE_BLOCK,    /* nothing to leave out */
  WL_TUNE_NO_MODEL,     /* no candidate could be trained */
  WL_TUNE_OUTCOME_COUNT
} wl_tune_outcome;

/* "cascade", "too few rows" ... Static. */
const char *wl_tune_outcome_name(wl_tune_outcome outcome);

/* The counts of what was seen stay 0 where nothing was certified. */
typedef struct wl_tune_certificate {
  wl_tune_target kind;
  const char *method;       /* static */
  const char *assumption;   /* static */
  double target;            /* per row that counts: agreement or closeness,
                               1 - alpha; or the loss of accuracy, alpha */
  double confidence;        /* 1 - delta */
  uint64_t n_rows;          /* certify rows that counted */
  uint64_t rows_needed;     /* the fewest that certify anything */
  int64_t k;                /* disagreements, or harms, permitted among those
                               that leave; -1: too few rows, or none given */
  bool has_p_value;         /* accuracy by the trinomial test, and then no k */
  double p_value;           /* of the last threshold that passed; 1: none did */
  uint64_t n_disagreements; /* seen, at any confidence: of another label, or
                               outputs that are not close */
  uint64_t n_leaving;       /* certify rows that leave */
  uint64_t n_wrong;         /* of those, disagreements; <= k; not of accuracy */
  uint64_t n_harms;     /* accuracy: of those, right by the full model only */
  uint64_t n_gains;     /* and by the approximate one only */
  double share_leaving; /* of the certify rows */
  bool is_per_group;    /* the promise is per distinct row or group */
} wl_tune_certificate;

/* A row leaves at the first gate where its confidence is above the threshold.
 */
typedef struct wl_tune_gate {
  size_t candidate;
  const uint32_t *blocks; /* borrowed for the life of the job */
  size_t n_blocks;
  double threshold;
  double share_leaving; /* of the certify rows: there, and not before */
  double cost;          /* of a row that comes there, ns */
} wl_tune_gate;

enum { WL_TUNE_POINTS = 20, WL_TUNE_BINS = 10 };

/* What the certify rows show at one strictness of all gates. */
typedef struct wl_tune_point {
  double share_leaving, share_wrong; /* of all rows */
  double bound; /* of the share wrong, at this point alone (stats/curve.h) */
  double cost;  /* of a row, ns */
} wl_tune_point;

typedef struct wl_tune_result {
  wl_tune_outcome outcome;
  char message[256]; /* the outcome with its figures, for a user */
  /* Of WL_TUNE_CASCADE: a row leaves when its confidence > threshold. These are
   * the first gate's. */
  size_t candidate;
  const uint32_t *blocks; /* borrowed for the life of the job */
  size_t n_blocks;
  double threshold; /* +infinity otherwise */
  wl_tune_gate gates[WL_TUNE_MAX_GATES];
  size_t n_gates;       /* 0 otherwise */
  double expected_cost; /* ns a row, with the certify rows' share leaving */
  double exact_cost;    /* of the pipeline without a cascade */
  wl_tune_certificate certificate;
  /* Of a cascade, for explaining it: seen on the certify rows, not certified.
   * From strict to loose; and the first gate's rows, the surest first. */
  wl_tune_point curve[WL_TUNE_POINTS];
  size_t n_curve;
  wl_curve_bin reliability[WL_TUNE_BINS];
  size_t n_reliability;
} wl_tune_result;

/* After WL_TUNE_FINISHED, else WL_ERROR_VALUE. */
wl_status wl_tune_get_result(const wl_tune *job, wl_tune_result *result,
                             wl_error *error);

/* ---- what was tried, for explaining the choice ----------------------------
 */

typedef enum wl_tune_state {
  WL_TUNE_QUEUED = 0,
  WL_TUNE_PRUNED, /* its blocks alone cost more than the best cascade */
  WL_TUNE_SKIPPED,
  WL_TUNE_ANSWERED,
  WL_TUNE_STATE_COUNT
} wl_tune_state;

typedef struct wl_tune_candidate {
  uint32_t *blocks; /* ascending; borrowed for the life of the job */
  size_t n_blocks;
  size_t model;
  bool is_trained; /* on all fit rows */
  wl_tune_state state;
  double set_cost, rest_cost; /* of the blocks in and out, ns a row */
  /* When answered, on the select rows: */
  double model_cost, agreement, share_leaving, expected_cost;
} wl_tune_candidate;

size_t wl_tune_n_candidates(const wl_tune *job);
/* Borrowed until the next call that changes the job; NULL past the end. */
const wl_tune_candidate *wl_tune_get_candidate(const wl_tune *job, size_t i);

#endif
