/*
 * Preloaded into a process under test: a disk that is slow, fails or becomes read-only.
 * SLOW_SYNC_MS: milliseconds that each fsync and fdatasync takes on top.
 * SLOW_SYNC_FILE: while this file exists, what it says goes instead: milliseconds, "fail" for an fsync
 * that ends with EIO, "readonly" for what a remount does to files that are open (mount(8) refuses that one).
 * READONLY_FOLDER: where "readonly" holds.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int (*open_really)(const char *, int, ...);
static int (*access_really)(const char *, int);

__attribute__((constructor)) static void find(void) {
  open_really = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open64");
  access_really = (int (*)(const char *, int))dlsym(RTLD_NEXT, "access");
}

static void order(char *text, size_t size) {
  const char *file = getenv("SLOW_SYNC_FILE");
  int control = file && open_really ? open_really(file, O_RDONLY | O_CLOEXEC) : -1;
  text[0] = 0;
  if (control < 0) return;
  ssize_t length = read(control, text, size - 1);
  text[length > 0 ? length : 0] = 0;
  close(control);
}

static int is_inside(const char *path) {
  const char *folder = getenv("READONLY_FOLDER");
  return folder && strncmp(path, folder, strlen(folder)) == 0;
}

static int is_readonly(const char *path) {
  char text[16];
  if (!is_inside(path)) return 0;
  order(text, sizeof text);
  return strcmp(text, "readonly") == 0;
}

static int is_readonly_fd(int fd) {
  char link[32], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return is_readonly(path);
}

static int refuse(void) {
  errno = EROFS;
  return -1;
}

static int disk(const char *name, int fd) {
  const char *ms = getenv("SLOW_SYNC_MS");
  char text[16];
  order(text, sizeof text);
  if (strcmp(text, "fail") == 0) {
    errno = EIO;
    return -1;
  }
  if (text[0]) ms = text;
  if (ms) {
    long total = atol(ms);
    struct timespec rest = {total / 1000, total % 1000 * 1000000L};
    while (nanosleep(&rest, &rest) == -1 && errno == EINTR) {
    }
  }
  return ((int (*)(int))dlsym(RTLD_NEXT, name))(fd);
}

int fsync(int fd) { return disk("fsync", fd); }
int fdatasync(int fd) { return disk("fdatasync", fd); }

static int open_checked(const char *path, int flags, mode_t mode) {
  if ((flags & (O_WRONLY | O_RDWR | O_CREAT)) && is_readonly(path)) return refuse();
  return open_really(path, flags, mode);
}

#define OPEN(name)                                 \
  int name(const char *path, int flags, ...) {     \
    va_list rest;                                  \
    va_start(rest, flags);                         \
    mode_t mode = va_arg(rest, mode_t);            \
    va_end(rest);                                  \
    return open_checked(path, flags, mode);        \
  }
OPEN(open)
OPEN(open64)

int access(const char *path, int mode) {
  if ((mode & W_OK) && is_readonly(path)) return refuse();
  return access_really(path, mode);
}

#define WRITE_AT(name)                                                            \
  ssize_t name(int fd, const void *bytes, size_t length, off_t at) {              \
    if (is_readonly_fd(fd)) return refuse();                                      \
    return ((ssize_t (*)(int, const void *, size_t, off_t))dlsym(RTLD_NEXT, #name))( \
        fd, bytes, length, at);                                                   \
  }
WRITE_AT(pwrite)
WRITE_AT(pwrite64)

#define TRUNCATE(name)                                                       \
  int name(int fd, off_t length) {                                           \
    if (is_readonly_fd(fd)) return refuse();                                 \
    return ((int (*)(int, off_t))dlsym(RTLD_NEXT, #name))(fd, length);       \
  }
TRUNCATE(ftruncate)
TRUNCATE(ftruncate64)
