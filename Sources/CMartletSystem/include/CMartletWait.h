#ifndef CMARTLET_WAIT_H
#define CMARTLET_WAIT_H

#include <errno.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/// A counter that wakes whoever waits for its descriptor to become readable.
static inline int martlet_eventfd(void) {
  int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  return fd < 0 ? -errno : fd;
}

/// Waits for events on `fd` until one comes or `nanoseconds` have passed (negative:
/// for ever). Returns how many came. Kernels before 5.11 round up to milliseconds.
static inline int martlet_epoll_wait(int fd, struct epoll_event *events, int capacity, int64_t nanoseconds) {
#if defined(SYS_epoll_pwait2)
  static _Thread_local int unsupported;
  if (!unsupported) {
    // The kernel's 64-bit timespec, whatever this C library's is.
    struct { int64_t seconds, nanoseconds; } limit = {nanoseconds / 1000000000, nanoseconds % 1000000000};
    long count = syscall(SYS_epoll_pwait2, fd, events, capacity, nanoseconds < 0 ? NULL : &limit, NULL, 0);
    if (count >= 0) return (int)count;
    if (errno != ENOSYS && errno != EPERM) return -errno;  // EPERM: an old sandbox
    unsupported = 1;
  }
#endif
  int64_t milliseconds = nanoseconds < 0 ? -1 : nanoseconds / 1000000 + (nanoseconds % 1000000 != 0);
  if (milliseconds > INT32_MAX) milliseconds = INT32_MAX;
  int count = epoll_wait(fd, events, capacity, (int)milliseconds);
  return count < 0 ? -errno : count;
}

#endif
