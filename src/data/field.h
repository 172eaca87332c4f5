/*
 * field.h: what the text of one field means: as a number, as UTF-8, and as a
 * quotation in a message.
 */
#ifndef WL_DATA_FIELD_H
#define WL_DATA_FIELD_H

#include "base/base.h"

/*
 * The double that decimal text stands for, rounded correctly in every locale:
 * digits with a point and an exponent, "inf", "nan", "true", "false"; spaces
 * around it are allowed. false when the text is not a number; *out_of_memory
 * says whether for want of memory.
 */
bool wl_number_parse(const char *text, size_t size, double *out,
                     bool *out_of_memory);

/* The number of bytes before the first that is not UTF-8; `size` when all is.
 * Surrogates, overlong forms and code points above U+10FFFF are not. */
size_t wl_utf8_valid_size(const char *text, size_t size);

/* A field's text as a quotation for a message: cut when long. */
enum { WL_QUOTE_SIZE = 64 };
const char *wl_quote_text(char room[WL_QUOTE_SIZE], const char *text,
                          size_t size);

#endif
