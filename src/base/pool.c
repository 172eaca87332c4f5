/*
 * pool.c: the worker threads. One job at a time has the pool; its tasks are
 * claimed in ascending order from an atomic counter, by the caller as by the
 * workers that woke in time, so a sleeping worker never holds a job up.
 *
 * Whoever finds the pool taken, or calls from inside a task, runs its tasks
 * itself: nobody waits for another's work, so nothing can deadlock.
 *
 * Determinism: once task t has failed no task above t starts, but every one
 * below it was claimed before and is run. So the lowest task that fails is the
 * same on every run, whatever the number of threads.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "base/pool.h"

/* More threads than this help no workload of ours. */
enum { MAX_WORKERS = 255 };

/* On the caller's stack. */
typedef struct job {
  wl_task task;
  void *context;
  size_t max_workers;    /* the caller not counted */
  size_t n_joined;       /* under the pool's lock */
  _Atomic size_t next;   /* the next task to claim */
  _Atomic size_t failed; /* the lowest task that failed, or n_tasks */
  wl_status status;      /* of that task; under the pool's lock */
  wl_error *error;       /* the caller's, or NULL; under the pool's lock */
} job;

typedef struct pool {
  pthread_mutex_t lock;
  pthread_cond_t work; /* a job has come */
  pthread_cond_t idle; /* the last worker has left the job */
  job *job;            /* open for joining, or NULL */
  bool is_taken;       /* from the first to the last moment of a run */
  size_t n_workers;    /* threads started */
  size_t n_active;     /* workers inside the job */
  unsigned generation; /* grows with each fork */
} pool;

#define POOL_INITIALIZER                                                       \
  {                                                                            \
    .lock = PTHREAD_MUTEX_INITIALIZER, .work = PTHREAD_COND_INITIALIZER,       \
    .idle = PTHREAD_COND_INITIALIZER                                           \
  }

static pool the_pool = POOL_INITIALIZER;
/* This thread is inside a task of a run on several threads. */
static _Thread_local bool is_inside;

/* The child has none of the workers and may have the lock as another thread
 * held it: it starts from nothing. */
static void after_fork_in_child(void) {
  unsigned generation = the_pool.generation + 1;
  the_pool = (pool)POOL_INITIALIZER;
  the_pool.generation = generation;
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool survives_fork;
static void prepare_for_fork(void) {
  survives_fork = pthread_atfork(NULL, NULL, after_fork_in_child) == 0;
}

static void record_failure(job *j, size_t task, wl_status status,
                           const wl_error *error) {
  pthread_mutex_lock(&the_pool.lock);
  if (task < atomic_load_explicit(&j->failed, memory_order_relaxed)) {
    atomic_store_explicit(&j->failed, task, memory_order_relaxed);
    j->status = status;
    if (j->error != NULL)
      *j->error = *error;
  }
  pthread_mutex_unlock(&the_pool.lock);
}

static void run_tasks(job *j, size_t worker) {
  wl_error error = {WL_OK, -1, ""};
  for (;;) {
    /* No further than n_tasks + threads, so it cannot wrap around. */
    size_t task = atomic_fetch_add_explicit(&j->next, 1, memory_order_relaxed);
    if (task >= atomic_load_explicit(&j->failed, memory_order_relaxed))
      return;
    wl_status status = j->task(j->context, task, worker, &error);
    if (WL_UNLIKELY(status != WL_OK)) {
      error.code = status;
      record_failure(j, task, status, &error);
      return;
    }
  }
}

static void *worker_main(void *unused) {
  (void)unused;
  is_inside = true;
  pthread_mutex_lock(&the_pool.lock);
  for (;;) {
    job *j = the_pool.job;
    if (j == NULL || j->n_joined == j->max_workers) {
      pthread_cond_wait(&the_pool.work, &the_pool.lock);
      continue;
    }
    size_t worker = ++j->n_joined;
    unsigned generation = the_pool.generation;
    the_pool.n_active++;
    pthread_mutex_unlock(&the_pool.lock);
    run_tasks(j, worker);
    pthread_mutex_lock(&the_pool.lock);
    if (the_pool.generation != generation)
      break; /* a task forked here: this is a child whose pool is another */
    /* All tasks are claimed: nobody need join any more. */
    the_pool.job = NULL;
    if (--the_pool.n_active == 0)
      pthread_cond_signal(&the_pool.idle);
  }
  pthread_mutex_unlock(&the_pool.lock);
  return NULL;
}

/* Under the lock: starts threads until there are `wanted`, or no more can be
 * had. They take no signals: those are the host program's. */
static void start_workers(size_t wanted) {
  if (the_pool.n_workers >= wanted)
    return;
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0)
    return;
  sigset_t all, before;
  sigfillset(&all);
  if (pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED) == 0 &&
      pthread_sigmask(SIG_SETMASK, &all, &before) == 0) {
    pthread_t thread;
    while (the_pool.n_workers < wanted &&
           pthread_create(&thread, &attributes, worker_main, NULL) == 0)
      the_pool.n_workers++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
  }
  pthread_attr_destroy(&attributes);
}

/* Takes the pool for the job and wakes workers; false when it is taken. */
static bool open_job(job *j, unsigned *generation) {
  pthread_mutex_lock(&the_pool.lock);
  bool is_ours = !the_pool.is_taken;
  if (is_ours) {
    the_pool.is_taken = true;
    *generation = the_pool.generation;
    start_workers(j->max_workers);
    the_pool.job = j;
    for (size_t i = 0; i < j->max_workers; i++)
      pthread_cond_signal(&the_pool.work);
  }
  pthread_mutex_unlock(&the_pool.lock);
  return is_ours;
}

/* Waits until no worker is inside the job. false: this is a child that was
 * forked inside a task, and other workers' tasks are lost to it. */
static bool close_job(unsigned generation) {
  pthread_mutex_lock(&the_pool.lock);
  bool is_whole = the_pool.generation == generation;
  if (is_whole) {
    the_pool.job = NULL;
    while (the_pool.n_active != 0)
      pthread_cond_wait(&the_pool.idle, &the_pool.lock);
    the_pool.is_taken = false;
  }
  pthread_mutex_unlock(&the_pool.lock);
  return is_whole;
}

static wl_status run_here(size_t n_tasks, wl_task task, void *context,
                          wl_error *error) {
  for (size_t i = 0; i < n_tasks; i++)
    WL_TRY(task(context, i, 0, error));
  return WL_OK;
}

wl_status wl_pool_run(size_t n_threads, size_t n_tasks, wl_task task,
                      void *context, wl_error *error) {
  if (n_threads <= 1 || n_tasks <= 1 || is_inside)
    return run_here(n_tasks, task, context, error);
  pthread_once(&once, prepare_for_fork);
  if (!survives_fork)
    return run_here(n_tasks, task, context, error);

  size_t n_useful = n_threads < n_tasks ? n_threads : n_tasks;
  job j = {.task = task,
           .context = context,
           .max_workers =
               n_useful - 1 < MAX_WORKERS ? n_useful - 1 : MAX_WORKERS,
           .failed = n_tasks,
           .status = WL_OK,
           .error = error};
  unsigned generation;
  wl_status status;
  is_inside = true;
  if (open_job(&j, &generation)) {
    run_tasks(&j, 0);
    if (close_job(generation))
      status = j.status;
    else
      status = wl_fail(error, WL_ERROR_INTERNAL,
                       "the process was forked inside a task of a run on "
                       "several threads: the child cannot finish the run");
  } else {
    status = run_here(n_tasks, task, context, error);
  }
  is_inside = false;
  return status;
}
