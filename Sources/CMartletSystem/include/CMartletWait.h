#ifndef CMARTLET_WAIT_H
#define CMARTLET_WAIT_H

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

/// A counter that wakes whoever waits for its descriptor to become readable.
static inline int martlet_eventfd(void) {
  int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  return fd < 0 ? -errno : fd;
}

/// A descriptor that becomes readable when its time has come, of CLOCK_MONOTONIC.
static inline int martlet_timer_open(void) {
  int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  return fd < 0 ? -errno : fd;
}

/// Nanoseconds from now; 0: never. It is not readable before.
static inline void martlet_timer_set(int fd, int64_t nanoseconds) {
  struct itimerspec time;
  memset(&time, 0, sizeof time);
  time.it_value.tv_sec = nanoseconds / 1000000000;
  time.it_value.tv_nsec = nanoseconds % 1000000000;
  timerfd_settime(fd, 0, &time, 0);
}

static inline int martlet_epoll_open(void) {
  int fd = epoll_create1(EPOLL_CLOEXEC);
  return fd < 0 ? -errno : fd;
}

/// Watches `target` for reading, and for writing if asked, under a tag; `change` says
/// that it is watched already.
static inline int martlet_epoll_watch(int fd, int change, int target, int writing, uint32_t tag) {
  struct epoll_event event;
  memset(&event, 0, sizeof event);
  event.events = EPOLLIN | (writing ? EPOLLOUT : 0);
  event.data.u32 = tag;
  return epoll_ctl(fd, change ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, target, &event) < 0 ? -errno : 0;
}

/// Watches `target` no longer. One that was closed is forgotten already.
static inline void martlet_epoll_forget(int fd, int target) { epoll_ctl(fd, EPOLL_CTL_DEL, target, NULL); }

/// Ends the habit of the calling thread to wake up to 50 microseconds late, so that timers can be
/// taken together.
static inline void martlet_wake_precisely(void) { prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0); }

/// What epoll found under each tag below 32: one bit for each, in both masks where the
/// descriptor has failed.
struct martlet_ready {
  uint32_t readable;
  uint32_t writable;
};

/// Waits until a watched descriptor is ready or `nanoseconds` have passed (negative:
/// for ever). Returns how many are ready. Kernels before 5.11 round up to milliseconds.
static inline int martlet_epoll_wait(int fd, struct martlet_ready *ready, int64_t nanoseconds) {
  struct epoll_event events[32];
  int count = -1;
  errno = ENOSYS;
#if defined(SYS_epoll_pwait2)
  // The kernel's 64-bit timespec, whatever this C library's is.
  struct { int64_t seconds, nanoseconds; } limit = {nanoseconds / 1000000000, nanoseconds % 1000000000};
  count = (int)syscall(SYS_epoll_pwait2, fd, events, 32, nanoseconds < 0 ? NULL : &limit, NULL, 0);
#endif
  if (count < 0 && (errno == ENOSYS || errno == EPERM)) {  // EPERM: an old sandbox
    int64_t milliseconds = nanoseconds < 0 ? -1 : nanoseconds / 1000000 + (nanoseconds % 1000000 != 0);
    count = epoll_wait(fd, events, 32, milliseconds > INT32_MAX ? INT32_MAX : (int)milliseconds);
  }
  if (count < 0) return -errno;
  ready->readable = ready->writable = 0;
  for (int i = 0; i < count; i++) {
    uint32_t bit = (uint32_t)1 << (events[i].data.u32 & 31);
    if (events[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP)) ready->readable |= bit;
    if (events[i].events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) ready->writable |= bit;
  }
  return count;
}

#endif
