/*
 * trinomial.h: tests of the mean of n independent losses in {-1, 0, +1}.
 *
 * A loss is +1 with probability p_plus and -1 with probability p_minus; its
 * mean is p_plus - p_minus, its discordant rate q = p_plus + p_minus. The null
 * hypothesis is that the mean is above eps; q is unknown (a nuisance). With T
 * the sum of the losses and F(q; t) = P(T <= t) at a mean of exactly eps, the
 * p-value is Berger's and Boos's:
 *
 *     p = beta + the largest F(q; t) over eps <= q <= q_max,  beta = delta / 20
 *
 * with q_max a 1 - beta upper bound of q (Clopper-Pearson, of the number of
 * losses that are not 0). It is valid: where q <= q_max, p is at least
 * beta + F(q; T), and F(q; T) <= delta - beta has at most that probability
 * (a mean above eps makes a small T less likely still: move mass from -1 to
 * +1); q > q_max has probability at most beta. So P(p <= delta) <= delta.
 *
 * The largest value over q needs no search: F is not falling in q, so it stands
 * at the end. Proof. Let T' be the sum of n - 1 losses with the same q. Both
 * probabilities grow by 1/2 for each unit of q, at the cost of a loss of 0, and
 * each of the n losses counts alike, so
 *
 *     dF/dq = n (P(T' <= t - 1) / 2 + P(T' <= t + 1) / 2 - P(T' <= t))
 *           = n / 2 (P(T' = t + 1) - P(T' = t)).
 *
 * Let q <= (1 + eps^2) / 2. Then (1 - q)^2 >= q^2 - eps^2 = 4 p_plus p_minus,
 * so the generating function p_plus z^2 + (1 - q) z + p_minus of 1 + a loss has
 * real roots, none positive, and T' + n - 1 is distributed like a sum of
 * 2 (n - 1) independent 0/1 variables. Such a sum has probabilities that rise
 * up to its mode and fall behind it (they are log-concave: Newton), and its
 * mode is less than 1 away from its mean (Darroch, 1964), which here is
 * (n - 1)(1 + eps). Where t + 1 <= (n - 1) eps, the mode of T' is then at t + 1
 * or above, and dF/dq >= 0. Where t is larger, 1 stands for the p-value: such a
 * T is near its mean or above, and speaks against no hypothesis here.
 *
 * Beyond q = (1 + eps^2) / 2, where F need not be monotone, Chernoff's bound
 * takes its place: P(T <= t) <= exp(x t) E(exp(-x T)) for every x >= 0, which
 * is exp(x t) (1 - q + q cosh x - eps sinh x)^n: rising in q for a fixed x, so
 * its value at q_max holds for all q below. It costs power only where every
 * second row is discordant.
 *
 * Sources: Berger, Boos, "P values maximized over a confidence set for the
 * nuisance parameter", JASA 89 (1994); Clopper, Pearson, Biometrika 26 (1934);
 * Darroch, "On the distribution of the number of successes in independent
 * trials", Ann. Math. Statist. 35 (1964); Chernoff, ibid. 23 (1952).
 *
 * Assumption: the losses are independent and identically distributed.
 */
#ifndef WL_STATS_TRINOMIAL_H
#define WL_STATS_TRINOMIAL_H

#include <stdint.h>

/* The discordant rate up to which wl_trinomial_cdf answers. */
#define WL_TRINOMIAL_MAX_RATE 0.9

/*
 * P(T <= t) rounded up: at least that probability, and above it by less than
 * 2e-8 of it plus 2e-18. NaN for negative or NaN rates, a discordant rate above
 * WL_TRINOMIAL_MAX_RATE, or n above WL_BINOMIAL_MAX_N. Time: O(sqrt(n)).
 */
double wl_trinomial_cdf(int64_t t, uint64_t n, double p_plus, double p_minus);

/*
 * The p-value of "the mean is above eps" for n losses of which n_plus are +1
 * and n_minus are -1: reject where it is at most delta. The same delta must be
 * given here, as its twentieth is the price of not knowing q. 1 for n = 0; NaN
 * for eps or delta outside (0, 1), n_plus + n_minus above n, or n above
 * WL_BINOMIAL_MAX_N.
 */
double wl_trinomial_p_value(uint64_t n_plus, uint64_t n_minus, uint64_t n,
                            double eps, double delta);

#endif
