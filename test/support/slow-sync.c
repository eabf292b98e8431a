/*
 * Preloaded into a gateway under test: a disk whose fsync is slow or fails.
 * SLOW_SYNC_MS: milliseconds that each fsync and fdatasync takes on top.
 * FAIL_SYNC_FILE: while a file of this name exists, both fail with EIO.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

typedef int (*sync_call)(int);

static int disk(const char *name, int fd) {
  const char *slow = getenv("SLOW_SYNC_MS");
  const char *fails = getenv("FAIL_SYNC_FILE");
  if (slow) {
    long ms = atol(slow);
    struct timespec rest = {ms / 1000, ms % 1000 * 1000000L};
    while (nanosleep(&rest, &rest) == -1 && errno == EINTR) {
    }
  }
  if (fails && access(fails, F_OK) == 0) {
    errno = EIO;
    return -1;
  }
  return ((sync_call)dlsym(RTLD_NEXT, name))(fd);
}

int fsync(int fd) { return disk("fsync", fd); }
int fdatasync(int fd) { return disk("fdatasync", fd); }
