/*
 * test_accuracy_simulation.c: the certificate against lost accuracy on
 * populations whose true loss is known: how often it fails, and how many of the
 * oracle's early answers it keeps. Prints a line for each.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "simulation.h"
#include "stats/accuracy.h"
#include "support.h"

/* ---- populations -----------------------------------------------------------
 */

/*
 * x is uniform on [0, 1]; the confidence is 1 - x, rounded down to a grid of
 * n_levels (0: not at all). At x a row is harmed with probability harm(x) and
 * gains with probability gain(x).
 */
typedef struct population {
  const char *name;
  double (*harm)(double x), (*gain)(double x);
  int n_levels;
} population;

static double bump(double x, double centre, double width) {
  double z = (x - centre) / width;
  return exp(-z * z / 2);
}

/* Three harms to a gain. */
static double harm_fading(double x) { return .3 * x * x * x; }
static double gain_fading(double x) { return .1 * x * x * x; }
/* As many harms as gains, nearly: all may leave. */
static double harm_even(double x) { return .156 * x * x; }
static double gain_even(double x) { return .144 * x * x; }
/* Mostly harms, as where the approximate model only ever loses. */
static double harm_only(double x) { return .3 * x * x; }
static double gain_none(double x) { return .01 * x * x; }
/* Loss first, gain behind it: not monotone. */
static double harm_bump(double x) {
  return .05 * bump(x, .35, .06) + .02 * x + .25 * pow(x, 8);
}
static double gain_bump(double x) { return .02 * x + .042 * bump(x, .65, .06); }
/* Nothing before the last tenth, then every second row. */
static double harm_late(double x) { return x < .9 ? 0 : .4; }
static double gain_late(double x) { return x < .9 ? 0 : .1; }
/* The loss rises to just above 0.01 by x = 0.4 and stays there, with much
 * discordance: every further threshold is a chance to fail. */
static double harm_plateau(double x) { return x < .4 ? .0501 : .05; }
static double gain_plateau(double x) { return x < .4 ? .025 : .05; }

enum { N_GRID = 20000 };

/* losses[i] is the mean loss where rows with x < i / N_GRID leave. */
static void tabulate(const population *p, double *losses) {
  losses[0] = 0;
  for (int i = 0; i < N_GRID; i++) {
    double x = (i + .5) / N_GRID;
    losses[i + 1] = losses[i] + (p->harm(x) - p->gain(x)) / N_GRID;
  }
}

/* The share of rows that a threshold lets leave. */
static double true_share(const population *p, double threshold) {
  if (threshold < 0)
    return 1;
  if (threshold >= 1)
    return 0;
  if (p->n_levels == 0)
    return 1 - threshold;
  /* The rows above it start at the next level. */
  return 1 - (floor(threshold * p->n_levels + .5) + 1) / p->n_levels;
}

static double true_loss(const double *losses, double share) {
  double at = share * N_GRID;
  int i = at >= N_GRID ? N_GRID - 1 : (int)at;
  return losses[i] + (losses[i + 1] - losses[i]) * (at - i);
}

/* The largest share that may leave. */
static double oracle_share(const population *p, const double *losses,
                           double eps) {
  int levels = p->n_levels == 0 ? N_GRID : p->n_levels;
  for (int i = levels; i > 0; i--)
    if (true_loss(losses, (double)i / levels) <= eps)
      return (double)i / levels;
  return 0;
}

/* ---- repetitions -----------------------------------------------------------
 */

typedef struct outcome {
  double failure_rate, share_of_oracle;
} outcome;

enum { MAX_ROWS = 10000, N_THRESHOLDS = 200 };

static double draw_confidence(const population *p, double *x) {
  *x = uniform(0, 1);
  double confidence = 1 - *x;
  return p->n_levels ? floor(confidence * p->n_levels) / p->n_levels
                     : confidence;
}

/* The thresholds are quantiles of a select sample a quarter as large. */
static void draw_thresholds(const population *p, size_t n, double *thresholds) {
  static double confidence[MAX_ROWS];
  double x;
  for (size_t i = 0; i < n / 4; i++)
    confidence[i] = draw_confidence(p, &x);
  assert_int_equal(
      wl_accuracy_thresholds(confidence, n / 4, N_THRESHOLDS, thresholds, NULL),
      WL_OK);
}

static outcome simulate(const population *p, wl_accuracy_method method,
                        size_t n, double eps, double delta, int n_repeats) {
  static double confidence[MAX_ROWS], losses[N_GRID + 1];
  static int8_t loss[MAX_ROWS];
  double thresholds[N_THRESHOLDS], share = 0;
  tabulate(p, losses);
  restart_random();
  int n_failures = 0;
  for (int repeat = 0; repeat < n_repeats; repeat++) {
    draw_thresholds(p, n, thresholds);
    for (size_t i = 0; i < n; i++) {
      double x;
      confidence[i] = draw_confidence(p, &x);
      double u = uniform(0, 1), harm = p->harm(x);
      loss[i] = u < harm ? 1 : u < harm + p->gain(x) ? -1 : 0;
    }
    wl_accuracy a;
    assert_int_equal(wl_accuracy_certify_by(method, confidence, loss, NULL, n,
                                            thresholds, N_THRESHOLDS, eps,
                                            delta, &a, NULL),
                     WL_OK);
    double leaving = true_share(p, a.threshold);
    n_failures += true_loss(losses, leaving) > eps * (1 + 1e-9);
    share += leaving;
  }
  return (outcome){(double)n_failures / n_repeats,
                   share / n_repeats / oracle_share(p, losses, eps)};
}

static const char *const method_names[] = {"harm only", "trinomial"};

/* `floor_share`: the part of the oracle's early answers that must be kept. */
static double check_by(const population *p, wl_accuracy_method method, size_t n,
                       double eps, double floor_share) {
  enum { REPEATS = 1000 };
  const double delta = 0.05;
  outcome o = simulate(p, method, n, eps, delta, REPEATS);
  print_message("%-22s n=%-5zu eps=%-5g %s: failures %.3f, share %.3f\n",
                p->name, n, eps, method_names[method], o.failure_rate,
                o.share_of_oracle);
  assert_true(o.failure_rate <= delta + noise(delta, REPEATS));
  assert_true(o.share_of_oracle >= floor_share);
  return o.share_of_oracle;
}

static void check(const population *p, size_t n, double eps,
                  double floor_share) {
  check_by(p, wl_accuracy_choose(n, eps, 0.05), n, eps, floor_share);
}

static const population fading = {"three harms to a gain", harm_fading,
                                  gain_fading, 0};
static const population even = {"as many gains", harm_even, gain_even, 0};
static const population harmful = {"hardly any gain", harm_only, gain_none, 0};
static const population bumpy = {"loss, then gain", harm_bump, gain_bump, 0};
static const population late = {"all in the last tenth", harm_late, gain_late,
                                0};
static const population plateau = {"a plateau above eps", harm_plateau,
                                   gain_plateau, 0};
static const population tied = {"twenty levels", harm_fading, gain_fading, 20};
static const population few_levels = {"three levels", harm_fading, gain_fading,
                                      3};

static void holds_and_keeps_the_gain_at_5000_rows(void **state) {
  (void)state;
  check(&fading, 5000, .01, .85);
  check(&even, 5000, .01, .85);
  check(&harmful, 5000, .01, .85);
  check(&late, 5000, .01, .85);
}
static void holds_and_keeps_the_gain_at_2000_rows(void **state) {
  (void)state;
  check(&fading, 2000, .01, .7);
  check(&fading, 2000, .005, .7);
  check(&fading, 2000, .001, 0);
  check(&late, 2000, .01, .7);
}
static void holds_and_keeps_the_gain_at_10000_rows(void **state) {
  (void)state;
  check(&fading, 10000, .01, .85);
  check(&fading, 10000, .001, .7);
}
static void holds_where_the_loss_stays_just_above_the_limit(void **state) {
  (void)state;
  check(&plateau, 5000, .01, .6);
  check(&plateau, 1000, .01, .25);
}
static void holds_where_the_loss_is_not_monotone(void **state) {
  (void)state;
  check(&bumpy, 5000, .01, .5);
  check(&bumpy, 2000, .005, .3);
}
static void holds_for_tied_confidences(void **state) {
  (void)state;
  check(&tied, 5000, .01, .8);
  check(&few_levels, 2000, .02, .8);
}
static void holds_for_the_smallest_samples(void **state) {
  (void)state;
  check(&fading, 299, .01, .5);
  check(&fading, 1000, .01, .6);
  check(&harmful, 1000, .01, .6);
}
/* Below 1,000 rows at 0.01 harms alone leave more, above the set-off does. */
static void the_rule_takes_the_better_method(void **state) {
  (void)state;
  static const population *const all[] = {&fading, &harmful, &even};
  for (size_t i = 0; i < WL_COUNT_OF(all); i++)
    for (size_t n = 500; n <= 2000; n *= 4) {
      double alone = check_by(all[i], WL_ACCURACY_HARM_ONLY, n, .01, 0);
      double set_off = check_by(all[i], WL_ACCURACY_TRINOMIAL, n, .01, 0);
      assert_true(wl_accuracy_choose(n, .01, .05) == WL_ACCURACY_HARM_ONLY
                      ? alone > set_off
                      : set_off > alone - .03);
    }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(holds_and_keeps_the_gain_at_5000_rows),
      cmocka_unit_test(holds_and_keeps_the_gain_at_2000_rows),
      cmocka_unit_test(holds_and_keeps_the_gain_at_10000_rows),
      cmocka_unit_test(holds_where_the_loss_stays_just_above_the_limit),
      cmocka_unit_test(holds_where_the_loss_is_not_monotone),
      cmocka_unit_test(holds_for_tied_confidences),
      cmocka_unit_test(holds_for_the_smallest_samples),
      cmocka_unit_test(the_rule_takes_the_better_method),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
