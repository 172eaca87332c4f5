/* normalize.h: row norms, shared by `normalize` and `tfidf`. */
#ifndef WL_OPS_NORMALIZE_H
#define WL_OPS_NORMALIZE_H

#include "ops/common.h"
#include "text/vectorizer.h"

/* The attribute `norm`. */
wl_status wl_node_norm(const wl_node *node, const char *absent, wl_norm *out,
                       wl_error *error);
/* Divides CSR data in place, summing in the order of the entries. */
void wl_normalize_csr(const wl_value *x, double *data, wl_norm norm,
                      wl_dtype dtype);

#endif
