/*
 * number.h: doubles to text and back to the same bits, whatever the process's
 * locale is.
 */
#ifndef WL_BASE_NUMBER_H
#define WL_BASE_NUMBER_H

#include "base/base.h"

enum { WL_NUMBER_SIZE = 32 };

/* As strtod in the C locale. */
double wl_parse_double(const char *text, char **end);
/* The shortest of %.15g, %.16g and %.17g that reads back to the same double,
 * terminated; "nan", "inf", "-inf". Returns the length. */
size_t wl_print_double(double value, char out[WL_NUMBER_SIZE]);

#endif
