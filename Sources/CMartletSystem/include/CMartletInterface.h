#ifndef CMARTLET_INTERFACE_H
#define CMARTLET_INTERFACE_H

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MARTLET_NAME_SIZE = IFNAMSIZ };

static inline int martlet_open(const char *path, int flags, int mode) {
  int fd = open(path, flags, mode);
  return fd < 0 ? -errno : fd;
}

static inline void martlet_name_request(struct ifreq *request, const char *name) {
  memset(request, 0, sizeof *request);
  strncpy(request->ifr_name, name, IFNAMSIZ - 1);
}

/// Attaches an open /dev/net/tun to the interface `name` (made if there is none; a
/// pattern such as "tun%d" or "" lets the kernel choose) and writes its name to
/// `actual`, MARTLET_NAME_SIZE octets.
static inline int martlet_tun_attach(int fd, const char *name, int flags, char *actual) {
  struct ifreq request;
  martlet_name_request(&request, name);
  request.ifr_flags = (short)flags;
  if (ioctl(fd, TUNSETIFF, &request) < 0) return -errno;
  memcpy(actual, request.ifr_name, IFNAMSIZ);
  actual[IFNAMSIZ - 1] = 0;
  return 0;
}

/// `headers`: a virtio_net_hdr stands before each packet. `queues`: the device may have several descriptors.
static inline int martlet_tun_flags(int frames, int headers, int queues) {
  return (frames ? IFF_TAP : IFF_TUN) | IFF_NO_PI | (headers ? IFF_VNET_HDR : 0) | (queues ? IFF_MULTI_QUEUE : 0);
}

// Since Linux 6.2.
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

/// Says which packets the owner of the descriptor takes, beside whole ones: those whose transport checksum is not
/// complete, TCP's of several segments, and UDP's of several datagrams. The header before each is one of ten octets.
static inline int martlet_tun_set_offload(int fd, int sums, int segments, int datagrams) {
  unsigned long offload = sums ? TUN_F_CSUM : 0;
  if (segments) offload |= TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
  if (datagrams) offload |= TUN_F_USO4 | TUN_F_USO6;
  // Numbers in the header have the lowest octet first, whatever machine this is.
  int little = 1, size = 10;
  if (ioctl(fd, TUNSETVNETLE, &little) < 0 || ioctl(fd, TUNSETVNETHDRSZ, &size) < 0) return -errno;
  return ioctl(fd, TUNSETOFFLOAD, offload) < 0 ? -errno : 0;
}

/// Whether the interface stays when its last descriptor closes.
static inline int martlet_tun_set_persistent(int fd, int persistent) {
  return ioctl(fd, TUNSETPERSIST, (unsigned long)persistent) < 0 ? -errno : 0;
}

/// Any socket serves the interface ioctls; it also pins the network namespace.
static inline int martlet_control_socket(void) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0 && errno == EAFNOSUPPORT) fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  return fd < 0 ? -errno : fd;
}

/// Brings the interface up or down.
static inline int martlet_interface_set_up(int socket, const char *name, int up) {
  struct ifreq request;
  martlet_name_request(&request, name);
  if (ioctl(socket, SIOCGIFFLAGS, &request) < 0) return -errno;
  if (up) request.ifr_flags |= IFF_UP; else request.ifr_flags &= ~IFF_UP;
  return ioctl(socket, SIOCSIFFLAGS, &request) < 0 ? -errno : 0;
}

/// 1 up, 0 down.
static inline int martlet_interface_is_up(int socket, const char *name) {
  struct ifreq request;
  martlet_name_request(&request, name);
  if (ioctl(socket, SIOCGIFFLAGS, &request) < 0) return -errno;
  return (request.ifr_flags & IFF_UP) != 0;
}

static inline int martlet_interface_mtu(int socket, const char *name) {
  struct ifreq request;
  martlet_name_request(&request, name);
  return ioctl(socket, SIOCGIFMTU, &request) < 0 ? -errno : request.ifr_mtu;
}

static inline int martlet_interface_set_mtu(int socket, const char *name, int mtu) {
  struct ifreq request;
  martlet_name_request(&request, name);
  request.ifr_mtu = mtu;
  return ioctl(socket, SIOCSIFMTU, &request) < 0 ? -errno : 0;
}

static inline int martlet_interface_index(int socket, const char *name) {
  struct ifreq request;
  martlet_name_request(&request, name);
  return ioctl(socket, SIOCGIFINDEX, &request) < 0 ? -errno : request.ifr_ifindex;
}

#endif
