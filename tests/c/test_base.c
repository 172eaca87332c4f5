/* test_base.c: arenas, the allocator seam, the thread pool, exp and log. */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/cpu.h"
#include "base/math.h"
#include "base/pool.h"
#include "support.h"

/* ThreadSanitizer cannot follow threads that a forked child starts. */
#if defined(__SANITIZE_THREAD__)
#define CAN_FORK 0
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define CAN_FORK 0
#endif
#endif
#ifndef CAN_FORK
#define CAN_FORK 1
#endif

static bool is_emulated(void) {
  return getenv("WILLUMP_TEST_EMULATED") != NULL;
}

/* ---- memory ---------------------------------------------------------------
 */

static void alloc_of_zero_bytes_is_a_block(void **state) {
  (void)state;
  void *block = wl_alloc(0);
  assert_non_null(block);
  wl_free(block);
  wl_free(NULL);
}

static void calloc_refuses_a_product_that_overflows(void **state) {
  (void)state;
  assert_null(wl_calloc(SIZE_MAX / 2, 3));
  unsigned char *block = wl_calloc(5, 3);
  for (int i = 0; i < 15; i++)
    assert_int_equal(block[i], 0);
  wl_free(block);
}

static void aligned_blocks_are_aligned_and_refuse_overflow(void **state) {
  (void)state;
  for (size_t alignment = 16; alignment <= 4096; alignment *= 2) {
    void *block = wl_alloc_aligned(alignment, 100);
    assert_int_equal((uintptr_t)block % alignment, 0);
    wl_free_aligned(block);
  }
  assert_null(wl_alloc_aligned(64, SIZE_MAX - 8));
  wl_free_aligned(NULL);
}

static void strndup_terminates_and_keeps_zero_bytes(void **state) {
  (void)state;
  char *copy = wl_strndup("a\0bcd", 4);
  assert_memory_equal(copy, "a\0bc", 5);
  wl_free(copy);
  copy = wl_strndup(NULL, 0);
  assert_string_equal(copy, "");
  wl_free(copy);
  assert_null(wl_strndup("", SIZE_MAX));
}

static void grow_keeps_the_array_when_it_fails(void **state) {
  (void)state;
  int *array = NULL;
  size_t capacity = 0;
  wl_error error;
  assert_int_equal(
      wl_grow((void **)&array, &capacity, 3, sizeof *array, &error), WL_OK);
  assert_true(capacity >= 3);
  array[2] = 7;
  size_t before = capacity;
  calls_left = 0;
  assert_int_equal(
      wl_grow((void **)&array, &capacity, 1000, sizeof *array, &error),
      WL_ERROR_MEMORY);
  assert_int_equal(error.code, WL_ERROR_MEMORY);
  calls_left = -1;
  assert_int_equal(
      wl_grow((void **)&array, &capacity, SIZE_MAX, sizeof *array, &error),
      WL_ERROR_MEMORY);
  assert_int_equal(
      wl_grow((void **)&array, &capacity, SIZE_MAX / 4, 16, &error),
      WL_ERROR_MEMORY);
  assert_int_equal(capacity, before);
  assert_int_equal(array[2], 7);
  wl_free(array);
}

static void arena_blocks_are_aligned_apart_and_have_slack(void **state) {
  (void)state;
  wl_arena arena;
  wl_arena_init(&arena);
  unsigned char *last = NULL;
  for (size_t size = 0; size < 3000; size += 37) {
    unsigned char *at = wl_arena_alloc(&arena, size);
    assert_non_null(at);
    assert_int_equal((uintptr_t)at % 64, 0);
    memset(at, 0xab, size + 64); /* the slack is ours to overrun */
    assert_ptr_not_equal(at, last);
    last = at;
  }
  unsigned char *zeros = wl_arena_calloc(&arena, 10, 30);
  for (int i = 0; i < 300; i++)
    assert_int_equal(zeros[i], 0);
  assert_null(wl_arena_calloc(&arena, SIZE_MAX / 2, 3));
  assert_null(wl_arena_alloc(&arena, SIZE_MAX - 100));
  assert_string_equal(wl_arena_strndup(&arena, "word", 3), "wor");
  wl_arena_deinit(&arena);
}

static void arena_allocates_nothing_for_repeated_work(void **state) {
  (void)state;
  wl_arena arena;
  wl_arena_init(&arena);
  for (int round = 0; round < 4; round++) {
    if (round == 2)
      calls_left = 0;
    for (int i = 0; i < 100; i++)
      assert_non_null(wl_arena_alloc(&arena, 5000));
    wl_arena_reset(&arena);
  }
  wl_arena_deinit(&arena);
}

static void arena_survives_every_failed_allocation(void **state) {
  (void)state;
  bool is_done = false;
  for (long n = 0; !is_done; n++) {
    wl_arena arena;
    wl_arena_init(&arena);
    calls_left = n;
    is_done = true;
    for (int i = 0; i < 20 && is_done; i++) {
      char *at = wl_arena_alloc(&arena, 6000);
      is_done = at != NULL;
      if (at != NULL)
        memset(at, 1, 6000);
    }
    wl_arena_reset(&arena); /* may be short of memory too */
    char *at = wl_arena_alloc(&arena, 10);
    if (at != NULL)
      memset(at, 2, 10);
    is_done = is_done && at != NULL && calls_left > 0;
    wl_arena_deinit(&arena);
  }
  calls_left = -1;
}

static void arena_restore_returns_to_the_mark(void **state) {
  (void)state;
  wl_arena arena;
  wl_arena_init(&arena);
  assert_non_null(wl_arena_alloc(&arena, 10));
  wl_arena_mark mark = wl_arena_save(&arena);
  void *first = wl_arena_alloc(&arena, 100);
  wl_arena_restore(&arena, mark);
  assert_ptr_equal(wl_arena_alloc(&arena, 100), first);
  wl_arena_deinit(&arena);
}

static void long_messages_are_cut_with_dots(void **state) {
  (void)state;
  char text[3000];
  memset(text, 'x', sizeof text);
  text[sizeof text - 1] = '\0';
  wl_error error;
  assert_int_equal(wl_fail_row(&error, WL_ERROR_VALUE, 12, "%s", text),
                   WL_ERROR_VALUE);
  assert_int_equal(strlen(error.message), WL_ERROR_MESSAGE_SIZE - 1);
  assert_string_equal(error.message + WL_ERROR_MESSAGE_SIZE - 4, "...");
  assert_int_equal(error.row, 12);
  assert_int_equal(wl_fail(NULL, WL_ERROR_IO, "nobody listens"), WL_ERROR_IO);
  assert_string_equal(wl_status_name(WL_ERROR_VALUE), "WL_ERROR_VALUE");
  assert_string_equal(wl_status_name(WL_STATUS_COUNT), "WL_STATUS_UNKNOWN");
}

/* ---- clock and CPU --------------------------------------------------------
 */

static void clock_goes_forward(void **state) {
  (void)state;
  uint64_t start = wl_clock_ns();
  assert_true(start > 0);
  usleep(2000);
  assert_true(wl_clock_ns() - start >= 2000000);
}

static void cpu_level_obeys_the_environment_once(void **state) {
  (void)state;
  /* The first question of this process: see main. */
  assert_int_equal(wl_cpu(), WL_CPU_PORTABLE);
  setenv("WILLUMP_CPU", "avx512", 1);
  assert_int_equal(wl_cpu(), WL_CPU_PORTABLE);
}

static void cpu_level_can_be_forced_up_to_what_there_is(void **state) {
  (void)state;
  wl_cpu_level best = wl_cpu_force(WL_CPU_AVX512);
  assert_int_equal(wl_cpu(), best);
  for (int level = 0; level <= (int)best; level++) {
    assert_int_equal(wl_cpu_force((wl_cpu_level)level), level);
    assert_int_equal(wl_cpu(), level);
  }
  assert_string_equal(wl_cpu_level_name(WL_CPU_AVX2), "avx2");
  assert_string_equal(wl_cpu_level_name(WL_CPU_LEVEL_COUNT), "unknown");
}

/* ---- exp and log ----------------------------------------------------------
 */

/* Both signs, magnitudes from 2^-60 to 1. */
static double small_value(void) {
  return ldexp(uniform(-1, 1), -(int)(random_bits() % 60));
}
static double any_positive(void) {
  uint64_t bits = random_bits() % 0x7ff0000000000000u;
  double x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

#if __LDBL_MANT_DIG__ >= 64
static double ulps_off(double got, long double want) {
  if (isinf((double)want) || isinf(got) || want == 0)
    return got == (double)want ? 0 : HUGE_VAL;
  int exponent;
  (void)frexpl(want, &exponent);
  double ulp = ldexp(1.0, (exponent < -1021 ? -1021 : exponent) - 53);
  return fabs((double)(((long double)got - want) / ulp));
}

/* Where long double is 128 bits of software, emulated at that, a reference
 * takes long. */
static int n_draws(void) { return is_emulated() ? 20000 : 100000; }

#define ASSERT_WITHIN(limit, f, reference, sample)                             \
  do {                                                                         \
    for (int n_left_ = n_draws(); n_left_ > 0; n_left_--) {                    \
      double x = (sample);                                                     \
      double off = ulps_off(f(x), reference);                                  \
      if (!(off < (limit)))                                                    \
        fail_msg("%s(%a) = %a is %g ulp off", #f, x, f(x), off);               \
    }                                                                          \
  } while (0)

static long double log_expit_reference(double x) {
  return x < 0 ? x - log1pl(expl(x)) : -log1pl(expl(-(long double)x));
}

static void exp_is_within_one_ulp(void **state) {
  (void)state;
  ASSERT_WITHIN(0.77, wl_exp, expl(x), uniform(-748, 712));
  ASSERT_WITHIN(0.53, wl_exp, expl(x), uniform(-2, 2));
  ASSERT_WITHIN(0.53, wl_exp, expl(x), small_value());
  ASSERT_WITHIN(0.77, wl_exp, expl(x), uniform(-746, -707));
  ASSERT_WITHIN(0.77, wl_exp2, exp2l(x), uniform(-1076, 1024));
  ASSERT_WITHIN(0.53, wl_exp2, exp2l(x), uniform(-2, 2));
  ASSERT_WITHIN(0.53, wl_exp2, exp2l(x), small_value());
}

static void log_is_within_one_ulp(void **state) {
  (void)state;
  ASSERT_WITHIN(0.57, wl_log, logl(x), any_positive());
  ASSERT_WITHIN(0.57, wl_log, logl(x), uniform(0.4, 2.2));
  ASSERT_WITHIN(0.57, wl_log, logl(x), 1 + small_value());
  ASSERT_WITHIN(0.57, wl_log, logl(x), any_positive() * 0x1p-1000);
}

static void log1p_and_expm1_are_within_one_ulp(void **state) {
  (void)state;
  ASSERT_WITHIN(0.57, wl_log1p, log1pl(x), uniform(-1, 8));
  ASSERT_WITHIN(0.57, wl_log1p, log1pl(x), small_value());
  ASSERT_WITHIN(0.57, wl_log1p, log1pl(x), any_positive());
  ASSERT_WITHIN(0.73, wl_expm1, expm1l(x), uniform(-60, 712));
  ASSERT_WITHIN(0.73, wl_expm1, expm1l(x), uniform(-1, 1));
  ASSERT_WITHIN(0.73, wl_expm1, expm1l(x), small_value());
}

static void tanh_is_within_one_ulp(void **state) {
  (void)state;
  ASSERT_WITHIN(0.73, wl_tanh, tanhl(x), uniform(-22, 22));
  ASSERT_WITHIN(0.73, wl_tanh, tanhl(x), uniform(-1, 1));
  ASSERT_WITHIN(0.73, wl_tanh, tanhl(x), small_value());
}

static void expit_and_its_log_are_accurate_on_both_sides(void **state) {
  (void)state;
  ASSERT_WITHIN(2.5, wl_expit, 1 / (1 + expl(-(long double)x)),
                uniform(-700, 50));
  ASSERT_WITHIN(2.5, wl_log_expit, log_expit_reference(x), uniform(-9, 9));
  ASSERT_WITHIN(2.5, wl_log_expit, log_expit_reference(x), uniform(-800, 700));
}
#endif

static void expit_of_many_has_the_bits_of_one(void **state) {
  (void)state;
  static const double special[] = {0.0,
                                   -0.0,
                                   1e-320,
                                   699.9,
                                   700.0,
                                   -700.0,
                                   745.2,
                                   -800.0,
                                   (double)INFINITY,
                                   -(double)INFINITY,
                                   (double)NAN};
  enum { N = 1000 };
  double x[N], out[N];
  wl_cpu_level best = wl_cpu_force(WL_CPU_LEVEL_COUNT - 1);
  for (int round = 0; round < 20; round++) {
    for (size_t i = 0; i < N; i++)
      x[i] = uniform(-40, 40);
    for (size_t i = 0; i < WL_COUNT_OF(special) && round % 2; i++)
      x[(size_t)uniform(0, N)] = special[i];
    for (int level = 0; level <= (int)best; level++) {
      wl_cpu_force((wl_cpu_level)level);
      wl_expit_many(x, out, N);
      for (size_t i = 0; i < N; i++) {
        double one = wl_expit(x[i]);
        assert_memory_equal(&out[i], &one, sizeof one);
      }
      memcpy(out, x, sizeof x);
      wl_expit_many(out, out, (size_t)round); /* in place */
      for (size_t i = 0; i < (size_t)round; i++) {
        double one = wl_expit(x[i]);
        assert_memory_equal(&out[i], &one, sizeof one);
      }
    }
    wl_cpu_force(best);
  }
}

static void special_values_are_those_of_c99(void **state) {
  (void)state;
  double inf = HUGE_VAL, not_a_number = nan("");
  assert_true(wl_exp(-inf) == 0 && wl_exp(inf) == inf && wl_exp(-0.0) == 1);
  for (int k = -1074; k < 1024; k++)
    assert_true(wl_exp2(k) == ldexp(1.0, k));
  assert_true(wl_exp2(-inf) == 0 && wl_exp2(inf) == inf &&
              wl_exp2(1024) == inf);
  assert_true(wl_exp2(-1075) == 0 && wl_exp2(-1e300) == 0 &&
              wl_exp2(-0.0) == 1);
  assert_true(wl_exp(1e300) == inf && wl_exp(-1e300) == 0);
  assert_true(wl_exp(709.782712893384) == 0x1.fffffffffff2ap+1023);
  assert_true(wl_exp(709.7827128933841) == inf);
  assert_true(wl_exp(-745.1332191019411) == 0x1p-1074);
  assert_true(wl_exp(-745.1332191019412) == 0);
  assert_true(wl_log(0.0) == -inf && wl_log(-0.0) == -inf);
  assert_true(wl_log(inf) == inf && wl_log(1) == 0 && isnan(wl_log(-1)));
  assert_true(isnan(wl_log(-inf)));
  assert_true(wl_log1p(-1) == -inf && wl_log1p(inf) == inf);
  assert_true(isnan(wl_log1p(-1.5)) && signbit(wl_log1p(-0.0)));
  assert_true(wl_expm1(-inf) == -1 && wl_expm1(inf) == inf);
  assert_true(signbit(wl_expm1(-0.0)) && wl_expm1(1e9) == inf);
  assert_true(wl_tanh(inf) == 1 && wl_tanh(-inf) == -1);
  assert_true(signbit(wl_tanh(-0.0)) && wl_tanh(1e-300) == 1e-300);
  assert_true(wl_expit(inf) == 1 && wl_expit(-inf) == 0 && wl_expit(0) == 0.5);
  assert_true(wl_log_expit(-inf) == -inf && wl_log_expit(inf) == 0);
  assert_true(wl_log_expit(-1e5) == -1e5);
  assert_true(isnan(wl_exp(not_a_number)) && isnan(wl_exp2(not_a_number)) &&
              isnan(wl_log(not_a_number)));
  assert_true(isnan(wl_log1p(not_a_number)) && isnan(wl_expm1(not_a_number)));
  assert_true(isnan(wl_tanh(not_a_number)) && isnan(wl_expit(not_a_number)));
  assert_true(isnan(wl_log_expit(not_a_number)));
}

/* The bits themselves: another compiler, machine or flag must not move them. */
static void results_have_the_recorded_bits(void **state) {
  (void)state;
  random_state = 1;
  uint64_t digest = 0;
  for (int i = 0; i < 20000; i++) {
    double x = uniform(-40, 40), y = any_positive();
    double results[] = {wl_exp(x),   wl_log(y),  wl_log1p(y),     wl_expm1(x),
                        wl_expit(x), wl_tanh(x), wl_log_expit(x), 0};
    for (size_t j = 0; j < WL_COUNT_OF(results); j++) {
      uint64_t bits;
      memcpy(&bits, &results[j], sizeof bits);
      digest = (digest ^ bits) * 0x9e3779b97f4a7c15u;
      digest ^= digest >> 29;
    }
  }
  assert_int_equal(digest, UINT64_C(0x936968b7b28ae3bf));
}

/* ---- the pool -------------------------------------------------------------
 */

enum { N_TASKS = 2000, N_THREADS = 4 };

typedef struct work {
  _Atomic int n_runs[N_TASKS];
  _Atomic int is_busy[N_THREADS];
  _Atomic int n_overlaps;
  size_t fails_from, fails_every; /* 0: never */
  size_t n_threads;
} work;

static wl_status count_task(void *context, size_t task, size_t worker,
                            wl_error *error) {
  work *w = context;
  if (worker >= w->n_threads || atomic_exchange(&w->is_busy[worker], 1) != 0)
    w->n_overlaps++;
  w->n_runs[task]++;
  for (volatile int i = 0; i < (int)(task % 7) * 300; i++)
    continue;
  if (worker < w->n_threads)
    w->is_busy[worker] = 0;
  if (w->fails_every != 0 && task >= w->fails_from &&
      (task - w->fails_from) % w->fails_every == 0)
    return wl_fail_row(error, WL_ERROR_VALUE, (int64_t)task, "task %zu", task);
  return WL_OK;
}

static void every_task_runs_once_and_no_worker_runs_two(void **state) {
  (void)state;
  for (size_t n_threads = 0; n_threads <= N_THREADS; n_threads++)
    for (int round = 0; round < 20; round++) {
      work w = {.n_threads = n_threads ? n_threads : 1};
      size_t n_tasks = round == 0 ? 0 : round == 1 ? 1 : N_TASKS;
      assert_int_equal(wl_pool_run(n_threads, n_tasks, count_task, &w, NULL),
                       WL_OK);
      for (size_t i = 0; i < N_TASKS; i++)
        assert_int_equal(w.n_runs[i], i < n_tasks);
      assert_int_equal(w.n_overlaps, 0);
    }
}

static void the_lowest_task_that_fails_is_reported(void **state) {
  (void)state;
  for (int round = 0; round < 300; round++) {
    work w = {.n_threads = N_THREADS,
              .fails_from = (size_t)round * 5,
              .fails_every = 1 + (size_t)round % 3};
    wl_error error = {WL_OK, -1, ""};
    assert_int_equal(wl_pool_run(N_THREADS, N_TASKS, count_task, &w, &error),
                     WL_ERROR_VALUE);
    assert_int_equal(error.row, w.fails_from);
    assert_int_equal(error.code, WL_ERROR_VALUE);
    for (size_t i = 0; i <= w.fails_from; i++)
      assert_int_equal(w.n_runs[i], 1);
  }
}

static wl_status silent_failure(void *context, size_t task, size_t worker,
                                wl_error *error) {
  (void)context, (void)worker, (void)error;
  return task == 3 ? WL_ERROR_CANCELLED : WL_OK;
}

static void a_failure_needs_no_error_struct(void **state) {
  (void)state;
  assert_int_equal(wl_pool_run(N_THREADS, 9, silent_failure, NULL, NULL),
                   WL_ERROR_CANCELLED);
}

static wl_status nested_task(void *context, size_t task, size_t worker,
                             wl_error *error) {
  (void)worker;
  work *all = context;
  work inner = {.n_threads = 1}; /* worker 0 does all of it */
  WL_TRY(wl_pool_run(N_THREADS, 50, count_task, &inner, error));
  for (size_t i = 0; i < 50; i++)
    all->n_runs[task] += inner.n_runs[i];
  all->n_overlaps += inner.n_overlaps;
  return WL_OK;
}

static void nested_runs_run_inline(void **state) {
  (void)state;
  work w = {.n_threads = N_THREADS};
  assert_int_equal(wl_pool_run(N_THREADS, 40, nested_task, &w, NULL), WL_OK);
  for (size_t i = 0; i < 40; i++)
    assert_int_equal(w.n_runs[i], 50);
  assert_int_equal(w.n_overlaps, 0);
}

static void *concurrent_caller(void *context) {
  bool *is_right = context;
  *is_right = true;
  for (int round = 0; round < 100; round++) {
    work w = {.n_threads = N_THREADS};
    if (wl_pool_run(N_THREADS, 200, count_task, &w, NULL) != WL_OK)
      *is_right = false;
    for (size_t i = 0; i < 200; i++)
      *is_right = *is_right && w.n_runs[i] == 1;
    *is_right = *is_right && w.n_overlaps == 0;
  }
  return NULL;
}

static void concurrent_callers_do_not_disturb_each_other(void **state) {
  (void)state;
  pthread_t threads[3];
  bool is_right[3];
  for (int i = 0; i < 3; i++)
    assert_int_equal(
        pthread_create(&threads[i], NULL, concurrent_caller, &is_right[i]), 0);
  for (int i = 0; i < 3; i++) {
    pthread_join(threads[i], NULL);
    assert_true(is_right[i]);
  }
}

typedef struct gate {
  _Atomic bool is_open, is_waiting;
} gate;
static wl_status wait_at_gate(void *context, size_t task, size_t worker,
                              wl_error *error) {
  (void)task, (void)worker, (void)error;
  gate *g = context;
  g->is_waiting = true;
  while (!g->is_open)
    usleep(100);
  return WL_OK;
}
static void *hold_the_pool(void *context) {
  (void)wl_pool_run(2, 2, wait_at_gate, context, NULL);
  return NULL;
}

static void a_caller_never_waits_for_the_work_of_another(void **state) {
  (void)state;
  gate g = {false, false};
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, hold_the_pool, &g), 0);
  while (!g.is_waiting)
    usleep(100);
  work w = {.n_threads = 1};
  assert_int_equal(wl_pool_run(N_THREADS, N_TASKS, count_task, &w, NULL),
                   WL_OK);
  assert_int_equal(w.n_overlaps, 0);
  g.is_open = true;
  pthread_join(thread, NULL);
}

typedef struct signal_work {
  pthread_t caller;
  _Atomic int n_unblocked;
} signal_work;
static wl_status look_at_signals(void *context, size_t task, size_t worker,
                                 wl_error *error) {
  (void)task, (void)worker, (void)error;
  signal_work *w = context;
  sigset_t blocked;
  pthread_sigmask(SIG_SETMASK, NULL, &blocked);
  if (!pthread_equal(pthread_self(), w->caller) &&
      !(sigismember(&blocked, SIGINT) && sigismember(&blocked, SIGUSR1)))
    w->n_unblocked++;
  usleep(1000); /* lets the workers come */
  return WL_OK;
}

static void workers_block_signals_and_the_caller_keeps_its_mask(void **state) {
  (void)state;
  signal_work w = {.caller = pthread_self()};
  assert_int_equal(wl_pool_run(N_THREADS, 20, look_at_signals, &w, NULL),
                   WL_OK);
  assert_int_equal(w.n_unblocked, 0);
  sigset_t blocked;
  pthread_sigmask(SIG_SETMASK, NULL, &blocked);
  assert_false(sigismember(&blocked, SIGINT));
}

#if CAN_FORK
/* The user mode of qemu ends a child of a process with threads at the child's
 * first pthread_create, whatever the program. */
static void need_threads_in_a_child(void) {
  if (!is_emulated())
    return;
  print_message("the emulator starts no threads in a forked child\n");
  skip();
}

static int exit_code_of(pid_t child) {
  int status;
  if (waitpid(child, &status, 0) != child || !WIFEXITED(status))
    return -1;
  return WEXITSTATUS(status);
}

static void the_pool_is_rebuilt_after_fork(void **state) {
  (void)state;
  need_threads_in_a_child();
  work before = {.n_threads = N_THREADS};
  assert_int_equal(wl_pool_run(N_THREADS, N_TASKS, count_task, &before, NULL),
                   WL_OK);
  for (int round = 0; round < 10; round++) {
    pid_t child = fork();
    if (child == 0) {
      alarm(20);
      work w = {.n_threads = N_THREADS};
      bool is_right =
          wl_pool_run(N_THREADS, N_TASKS, count_task, &w, NULL) == WL_OK;
      for (size_t i = 0; i < N_TASKS; i++)
        is_right = is_right && w.n_runs[i] == 1;
      _exit(is_right ? 0 : 1);
    }
    assert_int_equal(exit_code_of(child), 0);
  }
}

static void a_child_forked_while_the_pool_is_taken_can_use_it(void **state) {
  (void)state;
  need_threads_in_a_child();
  gate g = {false, false};
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, hold_the_pool, &g), 0);
  while (!g.is_waiting)
    usleep(100);
  pid_t child = fork();
  if (child == 0) {
    alarm(20);
    signal_work w = {.caller = pthread_self()};
    _exit(wl_pool_run(N_THREADS, 20, look_at_signals, &w, NULL) == WL_OK ? 0
                                                                         : 1);
  }
  assert_int_equal(exit_code_of(child), 0);
  g.is_open = true;
  pthread_join(thread, NULL);
}

static _Atomic bool has_forked;
static _Atomic int child_pid;
static wl_status fork_in_caller(void *context, size_t task, size_t worker,
                                wl_error *error) {
  (void)context, (void)task, (void)error;
  usleep(1000);
  if (worker == 0 && !atomic_exchange(&has_forked, true)) {
    pid_t child = fork();
    if (child != 0)
      child_pid = child;
    else
      alarm(20);
  }
  return WL_OK;
}

static void a_child_forked_inside_a_task_is_told_so(void **state) {
  (void)state;
  pid_t parent = getpid();
  wl_status status = wl_pool_run(N_THREADS, 20, fork_in_caller, NULL, NULL);
  if (getpid() != parent)
    _exit(status == WL_ERROR_INTERNAL ? 0 : 1);
  assert_int_equal(status, WL_OK);
  if (has_forked)
    assert_int_equal(exit_code_of(child_pid), 0);
}
#endif

int main(void) {
  setenv("WILLUMP_CPU", "portable", 1);
  if (is_emulated())
    print_message("emulated: a fifth of the draws, no threads after fork\n");
  const struct CMUnitTest tests[] = {
    memory_test(alloc_of_zero_bytes_is_a_block),
    memory_test(calloc_refuses_a_product_that_overflows),
    memory_test(aligned_blocks_are_aligned_and_refuse_overflow),
    memory_test(strndup_terminates_and_keeps_zero_bytes),
    memory_test(grow_keeps_the_array_when_it_fails),
    memory_test(arena_blocks_are_aligned_apart_and_have_slack),
    memory_test(arena_allocates_nothing_for_repeated_work),
    memory_test(arena_survives_every_failed_allocation),
    memory_test(arena_restore_returns_to_the_mark),
    cmocka_unit_test(long_messages_are_cut_with_dots),
    cmocka_unit_test(clock_goes_forward),
    cmocka_unit_test(cpu_level_obeys_the_environment_once),
    cmocka_unit_test(cpu_level_can_be_forced_up_to_what_there_is),
#if __LDBL_MANT_DIG__ >= 64
    cmocka_unit_test(exp_is_within_one_ulp),
    cmocka_unit_test(log_is_within_one_ulp),
    cmocka_unit_test(log1p_and_expm1_are_within_one_ulp),
    cmocka_unit_test(tanh_is_within_one_ulp),
    cmocka_unit_test(expit_and_its_log_are_accurate_on_both_sides),
#endif
    cmocka_unit_test(expit_of_many_has_the_bits_of_one),
    cmocka_unit_test(special_values_are_those_of_c99),
    cmocka_unit_test(results_have_the_recorded_bits),
    cmocka_unit_test(every_task_runs_once_and_no_worker_runs_two),
    cmocka_unit_test(the_lowest_task_that_fails_is_reported),
    cmocka_unit_test(a_failure_needs_no_error_struct),
    cmocka_unit_test(nested_runs_run_inline),
    cmocka_unit_test(concurrent_callers_do_not_disturb_each_other),
    cmocka_unit_test(a_caller_never_waits_for_the_work_of_another),
    cmocka_unit_test(workers_block_signals_and_the_caller_keeps_its_mask),
#if CAN_FORK
    cmocka_unit_test(the_pool_is_rebuilt_after_fork),
    cmocka_unit_test(a_child_forked_while_the_pool_is_taken_can_use_it),
    cmocka_unit_test(a_child_forked_inside_a_task_is_told_so),
#endif
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
