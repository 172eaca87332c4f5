/*
 * sink.c: writes completely or not at all. A signal that ends the program also
 * removes the temporary file.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "sink.h"

/* What a signal handler removes. Only one file is written at a time. */
static char doomed_path[4096];
static volatile sig_atomic_t is_doomed;

static void on_signal(int number) {
  if (is_doomed)
    unlink(doomed_path);
  signal(number, SIG_DFL);
  raise(number);
}

static void doom(const char *path) {
  static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
  is_doomed = 0;
  if (path == NULL || strlen(path) >= sizeof doomed_path)
    return;
  memcpy(doomed_path, path, strlen(path) + 1);
  is_doomed = 1;
  for (size_t i = 0; i < WL_COUNT_OF(signals); i++) {
    struct sigaction old, action = {.sa_handler = on_signal};
    /* What the parent ignores (nohup) stays ignored. */
    if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
      sigaction(signals[i], &action, NULL);
  }
}

static wl_status fail_path(wl_error *error, const char *what,
                           const char *path) {
  return wl_fail(error, WL_ERROR_IO, "cannot %s %s: %s", what, path,
                 strerror(errno));
}

/* The file that a symbolic link means, or the path itself; owned. */
static char *resolve(const char *path) {
  char *real = realpath(path, NULL); /* the C library's memory */
  const char *chosen = real != NULL ? real : path;
  char *copy = wl_strndup(chosen, strlen(chosen));
  free(real);
  return copy;
}

static wl_status open_temporary(cli_sink *sink, mode_t mode, wl_error *error) {
  static const char ending[] = ".XXXXXX";
  size_t size = strlen(sink->path);
  sink->temporary = wl_alloc(size + sizeof ending);
  if (sink->temporary == NULL)
    return wl_fail_memory(error, size + sizeof ending);
  memcpy(sink->temporary, sink->path, size);
  memcpy(sink->temporary + size, ending, sizeof ending);
  sink->descriptor = mkostemp(sink->temporary, O_CLOEXEC);
  if (sink->descriptor < 0) {
    wl_status status = fail_path(error, "create a file beside", sink->path);
    wl_free(sink->temporary);
    sink->temporary = NULL;
    return status;
  }
  sink->owns_descriptor = true;
  doom(sink->temporary);
  if (fchmod(sink->descriptor, mode) != 0)
    return fail_path(error, "set the mode of", sink->temporary);
  return WL_OK;
}

wl_status cli_sink_open(cli_sink *sink, const char *path, wl_error *error) {
  *sink = (cli_sink){.descriptor = STDOUT_FILENO};
  if (path == NULL || strcmp(path, "-") == 0)
    return WL_OK;
  struct stat info;
  bool exists = stat(path, &info) == 0;
  if (exists && !S_ISREG(info.st_mode)) {
    sink->descriptor = open(path, O_WRONLY | O_CLOEXEC);
    if (sink->descriptor < 0)
      return fail_path(error, "write to", path);
    sink->owns_descriptor = true;
    return WL_OK;
  }
  mode_t mask = umask(0);
  umask(mask);
  sink->path = resolve(path);
  if (sink->path == NULL)
    return wl_fail_memory(error, strlen(path));
  return open_temporary(sink, exists ? info.st_mode & 0777 : 0666 & ~mask,
                        error);
}

wl_status cli_sink_write(cli_sink *sink, const char *bytes, size_t size,
                         wl_error *error) {
  while (size > 0) {
    ssize_t n = write(sink->descriptor, bytes, size);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return wl_fail(error, WL_ERROR_IO, "cannot write the output: %s",
                     strerror(errno));
    bytes += n;
    size -= (size_t)n;
  }
  return WL_OK;
}

static wl_status close_descriptor(cli_sink *sink, wl_error *error) {
  if (!sink->owns_descriptor)
    return WL_OK;
  sink->owns_descriptor = false;
  if (close(sink->descriptor) != 0)
    return wl_fail(error, WL_ERROR_IO, "cannot write the output: %s",
                   strerror(errno));
  return WL_OK;
}

wl_status cli_sink_commit(cli_sink *sink, wl_error *error) {
  if (sink->temporary != NULL && fsync(sink->descriptor) != 0)
    return fail_path(error, "write", sink->temporary);
  WL_TRY(close_descriptor(sink, error));
  if (sink->temporary != NULL) {
    if (rename(sink->temporary, sink->path) != 0)
      return fail_path(error, "rename the output to", sink->path);
    doom(NULL);
    wl_free(sink->temporary);
    sink->temporary = NULL;
  }
  wl_free(sink->path);
  sink->path = NULL;
  return WL_OK;
}

void cli_sink_discard(cli_sink *sink) {
  close_descriptor(sink, NULL);
  if (sink->temporary != NULL) {
    unlink(sink->temporary);
    doom(NULL);
  }
  wl_free(sink->temporary);
  wl_free(sink->path);
  *sink = (cli_sink){.descriptor = -1};
}
