#ifndef CMARTLET_UTUN_H
#define CMARTLET_UTUN_H

#if defined(__APPLE__)
#include <TargetConditionals.h>
#endif

// The other systems of Apple lack these headers; there packets come from a packet tunnel's flow.
#if defined(__APPLE__) && TARGET_OS_OSX
#include <errno.h>
#include <net/if_utun.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/kern_control.h>
#include <sys/socket.h>
#include <sys/sys_domain.h>
#include <unistd.h>

enum { MARTLET_UTUN_NAME_SIZE = 32 };

/// A utun device: its descriptor, and its name in `name`. `unit`: its number and one; 0: the first that is free.
static inline int martlet_utun_open(uint32_t unit, char *name) {
  int fd = socket(PF_SYSTEM, SOCK_DGRAM, SYSPROTO_CONTROL);
  if (fd < 0) return -errno;
  struct ctl_info info;
  memset(&info, 0, sizeof info);
  strlcpy(info.ctl_name, UTUN_CONTROL_NAME, sizeof info.ctl_name);
  struct sockaddr_ctl place;
  memset(&place, 0, sizeof place);
  socklen_t size = MARTLET_UTUN_NAME_SIZE;
  if (ioctl(fd, CTLIOCGINFO, &info) == 0) {
    place.sc_len = sizeof place;
    place.sc_family = AF_SYSTEM;
    place.ss_sysaddr = AF_SYS_CONTROL;
    place.sc_id = info.ctl_id;
    place.sc_unit = unit;
    if (connect(fd, (struct sockaddr *)&place, sizeof place) == 0 &&
        getsockopt(fd, SYSPROTO_CONTROL, UTUN_OPT_IFNAME, name, &size) == 0)
      return fd;
  }
  int error = errno;
  close(fd);
  return -error;
}
#endif

#endif
