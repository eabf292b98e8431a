/*
 * Preloaded into a process under test: a disk whose fsync is slow or fails.
 * SLOW_SYNC_MS: milliseconds that each fsync and fdatasync takes on top.
 * SLOW_SYNC_FILE: while this file exists, what it says goes instead: milliseconds, or "fail" for EIO.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

typedef int (*sync_call)(int);

static void wait_ms(long ms) {
  struct timespec rest = {ms / 1000, ms % 1000 * 1000000L};
  while (nanosleep(&rest, &rest) == -1 && errno == EINTR) {
  }
}

static int disk(const char *name, int fd) {
  const char *ms = getenv("SLOW_SYNC_MS");
  const char *file = getenv("SLOW_SYNC_FILE");
  char order[16] = "";
  int control = file ? open(file, O_RDONLY | O_CLOEXEC) : -1;
  if (control >= 0) {
    ssize_t length = read(control, order, sizeof order - 1);
    order[length > 0 ? length : 0] = 0;
    close(control);
    ms = order;
  }
  if (strcmp(order, "fail") == 0) {
    errno = EIO;
    return -1;
  }
  if (ms) wait_ms(atol(ms));
  return ((sync_call)dlsym(RTLD_NEXT, name))(fd);
}

int fsync(int fd) { return disk("fsync", fd); }
int fdatasync(int fd) { return disk("fdatasync", fd); }
