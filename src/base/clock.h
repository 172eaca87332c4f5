/* clock.h: a monotonic clock, for measured costs. */
#ifndef WL_BASE_CLOCK_H
#define WL_BASE_CLOCK_H

#include <stdint.h>

uint64_t wl_clock_ns(void);

#endif
