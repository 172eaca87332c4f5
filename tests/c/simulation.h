/*
 * simulation.h: what simulations of certificates share: repetitions with a
 * known truth, the failure rate, and what is kept of the best possible gain.
 */
#ifndef WL_TEST_SIMULATION_H
#define WL_TEST_SIMULATION_H

#include <math.h>

/* Three standard errors of a rate seen in that many repetitions. */
static inline double noise(double rate, int n_repeats) {
  return 3 * sqrt(rate * (1 - rate) / n_repeats);
}

#endif
