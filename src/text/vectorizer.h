/*
 * vectorizer.h: from strings to term counts, or straight to scores: the text
 * engine that the operators `count` and `hash` stand on. Semantics are
 * scikit-learn's CountVectorizer and HashingVectorizer to the letter.
 *
 * Order: decode, lowercase, strip accents, tokenize, stop words, n-grams,
 * vocabulary or hash. Character n-grams are over code points.
 */
#ifndef WL_TEXT_VECTORIZER_H
#define WL_TEXT_VECTORIZER_H

#include "data/value.h"
#include "text/unicode.h"

typedef enum wl_analyzer {
  WL_ANALYZER_WORD = 0,
  WL_ANALYZER_CHAR,
  WL_ANALYZER_CHAR_WB
} wl_analyzer;

/* How `word` text is cut into tokens. */
typedef enum wl_token_rule {
  WL_TOKENS_WORD2 = 0, /* (?u)\b\w\w+\b : runs of two or more \w */
  WL_TOKENS_WORD1,     /* (?u)\b\w+\b   : runs of one or more \w */
  WL_TOKENS_PATTERN    /* `pattern`: PCRE2, non-UTF 32-bit, explicit classes */
} wl_token_rule;

typedef enum wl_norm {
  WL_NORM_NONE = 0,
  WL_NORM_L1,
  WL_NORM_L2,
  WL_NORM_MAX,
  WL_NORM_OCCURRENCES /* L2 as if each occurrence were a term of its own */
} wl_norm;

/* What a term that occurs tf times weighs before idf. */
typedef enum wl_tf {
  WL_TF_RAW = 0,  /* tf */
  WL_TF_BINARY,   /* 1 */
  WL_TF_SUBLINEAR /* 1 + log(tf) */
} wl_tf;

/* All borrowed during create. */
typedef struct wl_vectorizer_params {
  wl_analyzer analyzer;
  const wl_unicode *unicode;
  unsigned map; /* WL_MAP_* */
  uint32_t min_n, max_n;
  wl_token_rule token_rule;
  const char *pattern; /* WL_TOKENS_PATTERN: translated, see
                          python/willump/convert/pattern.py */
  size_t pattern_size;
  bool pattern_group; /* tokens are group 1 of the pattern, not the whole match
                       */
  const wl_string *stop_words;
  size_t n_stop_words;
  /* a vocabulary: term i is feature i; terms that cannot occur are allowed.
   * Terms are distinct. */
  const wl_string *terms;
  size_t n_terms;
  /* or hashing: MurmurHash3 of the term's UTF-8, seed 0 */
  bool is_hash;
  size_t n_features; /* of a hash; otherwise n_terms */
  bool alternate_sign;
} wl_vectorizer_params;

/*
 * How counts become a score, all in one traversal:
 *   score[k] = sum over distinct terms t of f(tf_t) * weights[t * n_outputs +
 * k] / norm where norm is over the values f(tf_t) * norm_values[t] (norm_values
 * NULL: all 1); WL_NORM_OCCURRENCES is the root of the sum of
 * |f(tf_t)| * norm_values[t]^2, which is linear in f and so needs no look for
 * terms that come again. Weights are the model's, with idf and scalers already
 * multiplied in; norm_values are the idf (scaled before the norm). A row whose
 * norm is 0 scores 0. For a hash, tf_t is the signed sum in feature t; binary
 * makes each stored feature 1; the weights are per feature.
 */
typedef struct wl_scoring {
  size_t n_outputs;
  const double *weights;     /* n_features x n_outputs */
  const double *norm_values; /* n_features, or NULL */
  wl_norm norm;
  wl_tf tf;
} wl_scoring;

/* Immutable, shared by threads. */
typedef struct wl_vectorizer wl_vectorizer;

/*
 * Builds the tables. scoring == NULL: for counting only; otherwise for scoring
 * only. *out is owned, NULL on failure. Errors: WL_ERROR_VALUE (a bad
 * parameter), WL_ERROR_UNSUPPORTED (a pattern that does not compile),
 * WL_ERROR_MEMORY.
 */
wl_status wl_vectorizer_create(const wl_vectorizer_params *params,
                               const wl_scoring *scoring, wl_vectorizer **out,
                               wl_error *error);
void wl_vectorizer_free(wl_vectorizer *vectorizer); /* NULL allowed */

/*
 * Scores n_rows strings (none with data == NULL) into out[r * ld + k]. All
 * scratch memory comes from the arena. A row's bits depend on that row only.
 * Errors carry the row: WL_ERROR_ENCODING, WL_ERROR_MEMORY.
 */
wl_status wl_vectorizer_score(const wl_vectorizer *vectorizer,
                              const wl_string *rows, size_t n_rows,
                              wl_arena *arena, double *out, size_t ld,
                              wl_error *error);

/*
 * Counts terms: CSR rows with sorted columns and summed duplicates, as
 * CountVectorizer.transform gives them before binary and dtype (a hash:
 * explicit zeros from cancelling signs are kept, as scikit-learn keeps them).
 */
wl_status wl_vectorizer_count(const wl_vectorizer *vectorizer,
                              const wl_string *rows, size_t n_rows,
                              wl_arena *arena, wl_csr_builder *out,
                              wl_error *error);

/* Bytes of the tables, for reports. */
size_t wl_vectorizer_size(const wl_vectorizer *vectorizer);

#endif
