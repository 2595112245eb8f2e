#ifndef CMARTLET_PACKET_H
#define CMARTLET_PACKET_H

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <unistd.h>

/// Room that `martlet_packet_receive` needs before a frame, to put a tag back into it.
enum { MARTLET_PACKET_HEADROOM = 4 };

/// Receives the frames of an interface that are for `address` (six octets) or for a group, none of those that this
/// machine sends itself, and sends frames. The interface lets frames to `address` in as long as the socket is open.
/// `headers`: a virtio_net_hdr stands before each frame.
static inline int martlet_packet_open(int index, const uint8_t *address, int headers) {
  // Protocol 0: nothing comes before the filter is there.
  int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  uint32_t high = (uint32_t)address[0] << 24 | (uint32_t)address[1] << 16 | (uint32_t)address[2] << 8 | address[3];
  uint32_t low = (uint32_t)address[4] << 8 | address[5];
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 1, 4, 0),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, high, 0, 3),
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 4),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, low, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, 0x40000),
      BPF_STMT(BPF_RET | BPF_K, 0),
  };
  struct sock_fprog program = {.len = sizeof code / sizeof *code, .filter = code};
  struct packet_mreq unicast, groups;
  memset(&unicast, 0, sizeof unicast);
  unicast.mr_ifindex = index;
  unicast.mr_type = PACKET_MR_UNICAST;
  unicast.mr_alen = 6;
  memcpy(unicast.mr_address, address, 6);
  groups = unicast;
  groups.mr_type = PACKET_MR_ALLMULTI;
  struct sockaddr_ll place;
  memset(&place, 0, sizeof place);
  place.sll_family = AF_PACKET;
  place.sll_protocol = htons(ETH_P_ALL);
  place.sll_ifindex = index;
  int one = 1, size = 4 << 20;
  int failed = setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) < 0 ||
               setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &one, sizeof one) < 0 ||
               (headers && setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof one) < 0) ||
               setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof one) < 0 ||
               setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &groups, sizeof groups) < 0;
  if (!failed && setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &unicast, sizeof unicast) < 0) {
    unicast.mr_type = PACKET_MR_PROMISC;
    failed = setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &unicast, sizeof unicast) < 0;
  }
  // More than a process may ask for is cut to what it may have.
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  if (failed || bind(fd, (struct sockaddr *)&place, sizeof place) < 0) {
    int error = -errno;
    close(fd);
    return error;
  }
  return fd;
}

/// Whether this is Linux of a version, or a later one.
static inline int martlet_kernel_is(int major, int minor) {
  struct utsname system;
  int a = 0, b = 0;
  if (uname(&system) < 0 || sscanf(system.release, "%d.%d", &a, &b) != 2) return 0;
  return a > major || (a == major && b >= minor);
}

/// What the kernel knows of a frame.
struct martlet_frame {
  /// Where it begins in the buffer.
  int start;
  /// Its transport checksum is good, or was left for a device to fill in: nobody need look at it.
  int is_verified;
};

/// Receives a frame into `buffer`, whose first MARTLET_PACKET_HEADROOM octets may be left alone. A VLAN tag that the
/// kernel took out is put back. Returns its octets, with those of the virtio_net_hdr before it if there are `headers`.
static inline ssize_t martlet_packet_receive(int fd, uint8_t *buffer, size_t capacity, int headers,
                                             struct martlet_frame *frame) {
  int before = headers ? 10 : 0;
  union { struct cmsghdr header; char octets[CMSG_SPACE(sizeof(struct tpacket_auxdata))]; } control;
  struct iovec part = {.iov_base = buffer + MARTLET_PACKET_HEADROOM, .iov_len = capacity - MARTLET_PACKET_HEADROOM};
  struct msghdr message;
  memset(&message, 0, sizeof message);
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = &control;
  message.msg_controllen = sizeof control;
  ssize_t count = recvmsg(fd, &message, 0);
  if (count < 0) return -errno;
  frame->start = MARTLET_PACKET_HEADROOM;
  frame->is_verified = 0;
  struct cmsghdr *note = CMSG_FIRSTHDR(&message);
  if (!note || note->cmsg_level != SOL_PACKET || note->cmsg_type != PACKET_AUXDATA) return count;
  struct tpacket_auxdata known;
  memcpy(&known, CMSG_DATA(note), sizeof known);
  frame->is_verified = (known.tp_status & (TP_STATUS_CSUMNOTREADY | TP_STATUS_CSUM_VALID)) != 0;
  if ((known.tp_status & TP_STATUS_VLAN_VALID) && count >= before + 12) {
    uint16_t protocol = known.tp_status & TP_STATUS_VLAN_TPID_VALID ? known.tp_vlan_tpid : ETH_P_8021Q;
    memmove(buffer, buffer + MARTLET_PACKET_HEADROOM, before + 12);
    uint8_t *tag = buffer + before + 12;
    tag[0] = protocol >> 8;
    tag[1] = protocol & 0xff;
    tag[2] = known.tp_vlan_tci >> 8;
    tag[3] = known.tp_vlan_tci & 0xff;
    // VIRTIO_NET_HDR_F_NEEDS_CSUM: the sum is taken from four octets further on.
    if (headers && (buffer[0] & 1)) {
      uint16_t from;
      memcpy(&from, buffer + 6, sizeof from);
      from += 4;
      memcpy(buffer + 6, &from, sizeof from);
    }
    frame->start = 0;
    count += 4;
  }
  return count;
}

#endif
