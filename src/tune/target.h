/*
 * target.h: what a tuning job can be asked to promise. A target is one entry of
 * a table: what an answer must bring, what a row counts as, and how a sample is
 * certified. The job itself (tune.c) knows of no target; gates.c, several gates
 * at once, is for those of one event per row, agreement and tolerance.
 */
#ifndef WL_TUNE_TARGET_H
#define WL_TUNE_TARGET_H

#include "stats/agreement.h"
#include "tune/tune.h"

/* Of the fixed sequence of the accuracy certificate. */
enum { WL_TUNE_THRESHOLDS = 200 };

/* The rows of an answer that count: one for each group. */
typedef struct wl_tune_sample {
  size_t n, n_differing; /* rows of another label than the full model's, or of
                            outputs that are not close */
  double *confidence;
  int8_t *losses;   /* if the row leaves: above 0 what the target counts against
                       it, below 0 for it */
  double threshold; /* of WL_TUNE_ESTIMATED */
} wl_tune_sample;

/* Thresholds from strict to loose, from a candidate's confidences. */
typedef struct wl_tune_sequence {
  double values[WL_TUNE_THRESHOLDS];
} wl_tune_sequence;

/* What a target does to a sample. */
typedef struct wl_tune_verdict {
  bool has_enough_rows;
  double threshold; /* +infinity: no row leaves */
  wl_tune_certificate certificate;
} wl_tune_verdict;

typedef struct wl_tune_kind {
  const char *name;
  size_t max_gates;
  bool has_labels;       /* answers bring the models' labels */
  bool is_estimated;     /* nothing is certified, and alpha is no share */
  const char *rows_note; /* behind the number of rows needed */
  uint64_t (*rows_needed)(double alpha, double delta);
  /* The target as a certificate gives it, and in words. */
  double (*figure)(double alpha);
  void (*describe)(double figure, char *text, size_t size);
  /* The certificate of so many certify rows, before any is looked at; false
   * where they are too few. */
  bool (*announce)(wl_tune_certificate *c, uint64_t n_rows, double alpha,
                   double delta);
  /* What an answer lacks; NULL: nothing. */
  const char *(*lacks)(const wl_tune_scores *scores);
  /* What each row of an answer counts as, should it leave. */
  wl_status (*count)(const wl_tune_scores *scores,
                     const wl_tune_options *options, int8_t *losses,
                     wl_error *error);
  /*
   * What the certificate would do on a select sample, which promises nothing:
   * for comparing candidates. permitted is the share of rows that the certify
   * sample may count against a cascade, taken where the select sample is too
   * small. Writes the candidate's sequence where the target has one.
   */
  wl_status (*compare)(const wl_tune_sample *select,
                       const wl_tune_options *options, double permitted,
                       wl_tune_sequence *sequence, wl_tune_verdict *verdict,
                       wl_error *error);
  /* The certificate; sequence: the winner's. */
  wl_status (*certify)(const wl_tune_sample *certify,
                       const wl_tune_options *options,
                       const wl_tune_sequence *sequence,
                       wl_tune_verdict *verdict, wl_error *error);
} wl_tune_kind;

/* NULL for a number that is no target. Static. */
const wl_tune_kind *wl_tune_kind_of(wl_tune_target target);

/* Of agreement, or another event per row, by one gate or several. */
void wl_tune_verdict_agreement(const wl_agreement *a, wl_tune_verdict *verdict);

#endif
