/* file.c: whole files, in and out; a file is replaced at once or not at all. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "artifact/artifact.h"

static wl_status fail_io(wl_error *error, const char *what, const char *path) {
  char reason[128];
  int code = errno;
  const char *text = strerror_r(code, reason, sizeof reason);
  return wl_fail(error, WL_ERROR_IO, "[Errno %d] %s: cannot %s '%.500s'", code,
                 text, what, path);
}

static wl_status read_all(int fd, char *to, size_t size, const char *path,
                          wl_error *error) {
  size_t done = 0;
  while (done < size) {
    ssize_t n = read(fd, to + done, size - done);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return fail_io(error, "read", path);
    if (n == 0)
      return wl_fail(error, WL_ERROR_ARTIFACT,
                     "the file became shorter while it was read");
    done += (size_t)n;
  }
  return WL_OK;
}

wl_status wl_file_read(const char *path, bool use_mmap, wl_file *out,
                       wl_error *error) {
  struct stat info;
  wl_status status = WL_OK;
  *out = (wl_file){0};
  /* Not blocking: a pipe is refused below, not waited for. */
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0)
    return fail_io(error, "open", path);
  if (fstat(fd, &info) != 0) {
    status = fail_io(error, "stat", path);
    goto done;
  }
  if (!S_ISREG(info.st_mode)) {
    errno = S_ISDIR(info.st_mode) ? EISDIR : EINVAL;
    status = fail_io(error, "read", path);
    goto done;
  }
  out->size = (size_t)info.st_size;
  if (use_mmap && out->size != 0) {
    void *at = mmap(NULL, out->size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (at == MAP_FAILED)
      status = fail_io(error, "map", path);
    else
      *out = (wl_file){at, out->size, true};
    goto done;
  }
  out->bytes = wl_alloc_aligned(64, out->size ? out->size : 1);
  if (out->bytes == NULL)
    status = wl_fail_memory(error, out->size);
  else
    status = read_all(fd, out->bytes, out->size, path, error);
done:
  (void)close(fd);
  if (status != WL_OK)
    wl_file_deinit(out);
  return status;
}

void wl_file_deinit(wl_file *file) {
  if (file->is_mapped)
    (void)munmap(file->bytes, file->size);
  else
    wl_free_aligned(file->bytes);
  *file = (wl_file){0};
}

void wl_file_release_pages(const wl_file *file) {
  if (file->is_mapped) /* a hint: no harm where it is not taken */
    (void)madvise(file->bytes, file->size, MADV_DONTNEED);
}

static wl_status write_all(int fd, const char *from, size_t size,
                           const char *path, wl_error *error) {
  size_t done = 0;
  while (done < size) {
    ssize_t n = write(fd, from + done, size - done);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return fail_io(error, "write", path);
    done += (size_t)n;
  }
  return WL_OK;
}

/* The rename is durable once its folder is synced; a folder that cannot be
 * opened for that (some file systems) is not an error. */
static void sync_folder(char *path) {
  char *slash = strrchr(path, '/');
  const char *folder = slash == NULL ? "." : slash == path ? "/" : path;
  if (slash != NULL && slash != path)
    *slash = '\0';
  int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd >= 0) {
    (void)fsync(fd);
    (void)close(fd);
  }
}

/* A new file PATH.RANDOM; its name goes to `name`. Unlike mkstemp's, it has the
 * permissions that the process gives to any new file; the umask, which is the
 * whole process's, cannot be asked for without changing it. -1 and errno when
 * there is none. */
static int create_beside(const char *path, char *name, size_t name_size) {
  int fd = -1;
  for (int attempt = 0; attempt < 100; attempt++) {
    uint32_t random = (uint32_t)attempt;
    (void)!getrandom(&random, sizeof random, GRND_NONBLOCK);
    (void)snprintf(name, name_size, "%s.%08x", path, random);
    fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd >= 0 || errno != EEXIST)
      break;
  }
  return fd;
}

wl_status wl_file_replace(const char *path, const void *bytes, size_t size,
                          wl_error *error) {
  size_t name_size = strlen(path) + sizeof ".01234567";
  char *temporary = wl_alloc(name_size);
  if (temporary == NULL)
    return wl_fail_memory(error, name_size);
  wl_status status = WL_OK;
  int fd = create_beside(path, temporary, name_size);
  if (fd < 0) {
    status = fail_io(error, "create a file beside", path);
    wl_free(temporary);
    return status;
  }
  WL_TRY_DONE(status, write_all(fd, bytes, size, path, error));
  if (fsync(fd) != 0) {
    status = fail_io(error, "sync", path);
    goto done;
  }
  if (rename(temporary, path) != 0) {
    status = fail_io(error, "rename to", path);
    goto done;
  }
done:
  (void)close(fd);
  if (status != WL_OK)
    (void)unlink(temporary);
  else
    sync_folder(temporary);
  wl_free(temporary);
  return status;
}
