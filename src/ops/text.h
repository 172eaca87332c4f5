/* text.h: the attributes that `count`, `hash` and `text_score` have in common.
 */
#ifndef WL_OPS_TEXT_H
#define WL_OPS_TEXT_H

#include "ops/common.h"
#include "text/vectorizer.h"

/* clang-format off */
#define WL_TEXT_ATTRS                                                          \
  {"analyzer", WL_ATTR_STRING, true}, {"lowercase", WL_ATTR_BOOL, false},      \
  {"strip_accents", WL_ATTR_STRING, false},                                    \
  {"ngram_min", WL_ATTR_INT, false}, {"ngram_max", WL_ATTR_INT, false},        \
  {"token_rule", WL_ATTR_STRING, false}, {"pattern", WL_ATTR_STRING, false},   \
  {"pattern_group", WL_ATTR_BOOL, false},                                      \
  {"stop_words", WL_ATTR_TENSOR, false}, {"binary", WL_ATTR_BOOL, false},      \
  {"unicode", WL_ATTR_STRING, false}, {"dtype", WL_ATTR_STRING, false}
/* clang-format on */

/*
 * Reads the vectorizer's parameters. *strings: an owned array behind the
 * views in params (NULL when there are none), freed with wl_free after create.
 */
wl_status wl_text_params(const wl_graph *graph, const wl_node *node,
                         bool is_hash, wl_vectorizer_params *params,
                         wl_string **strings, wl_error *error);
/* The same checks without building anything; *n_features of the counts. */
wl_status wl_text_check(const wl_graph *graph, const wl_node *node,
                        bool is_hash, size_t *n_features, wl_error *error);

#endif
