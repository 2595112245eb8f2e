#ifndef CMARTLET_PACKET_H
#define CMARTLET_PACKET_H

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <unistd.h>

/// Room that `martlet_packet_receive` needs before a frame, to put a tag back into it.
enum { MARTLET_PACKET_HEADROOM = 4 };

/// Where a packet socket puts frames without being asked for each: blocks of many frames that go back and forth between the
/// kernel and us (TPACKET_V3), or slots for one each (TPACKET_V2).
struct martlet_ring {
  uint8_t *base;
  unsigned int block_size;
  unsigned int blocks;
  /// Of a power of two, not above that of blocks; 0: there are none.
  unsigned int slot_size;
};

/// Gives a packet socket a ring, before it is bound. A block is ours when it is full, or a millisecond after its first frame; a
/// slot is ours at once, and what is larger than it waits to be received beside it. Returns a negated errno.
static inline int martlet_ring_open(int fd, struct martlet_ring *ring) {
  int version = ring->slot_size ? TPACKET_V2 : TPACKET_V3, larger = 1;
  unsigned int frame = ring->slot_size ? ring->slot_size : 2048;
  struct tpacket_req3 request;
  memset(&request, 0, sizeof request);
  request.tp_block_size = ring->block_size;
  request.tp_block_nr = ring->blocks;
  request.tp_frame_size = frame;
  request.tp_frame_nr = ring->block_size / frame * ring->blocks;
  request.tp_retire_blk_tov = 1;
  socklen_t size = ring->slot_size ? sizeof(struct tpacket_req) : sizeof request;
  if (setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof version) < 0 ||
      (ring->slot_size && setsockopt(fd, SOL_PACKET, PACKET_COPY_THRESH, &larger, sizeof larger) < 0) ||
      setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &request, size) < 0)
    return -errno;
  void *base = mmap(0, (size_t)ring->block_size * ring->blocks, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (base == MAP_FAILED) return -errno;
  ring->base = (uint8_t *)base;
  return 0;
}

static inline void martlet_ring_close(const struct martlet_ring *ring) {
  munmap(ring->base, (size_t)ring->block_size * ring->blocks);
}

/// For a socket that shares with no other.
enum { MARTLET_PACKET_ALONE = -2 };

/// Joins a group of sockets among which frames are divided by a hash of their flow, or makes one if `*group` is -1.
static inline int martlet_packet_share(int fd, int *group) {
  // What we send ourselves does not come back through a group either: 0x4000, which older headers lack.
  int how = PACKET_FANOUT_HASH | 0x4000, number = *group < 0 ? 0 : *group;
  if (*group < 0) how |= PACKET_FANOUT_FLAG_UNIQUEID;
  unsigned int value = (unsigned int)how << 16 | (unsigned int)number;
  if (setsockopt(fd, SOL_PACKET, PACKET_FANOUT, &value, sizeof value) < 0) return -1;
  socklen_t size = sizeof value;
  if (getsockopt(fd, SOL_PACKET, PACKET_FANOUT, &value, &size) < 0) return -1;
  *group = value & 0xffff;
  return 0;
}

/// Receives the frames of an interface that are for `address` (six octets) or for a group, none of those that this
/// machine sends itself, and sends frames. The interface lets frames to `address` in as long as the socket is open.
/// `headers`: a virtio_net_hdr stands before each frame. `group`: of the sockets that share the frames by flow, -1 to make
/// one, whose number is then there, or MARTLET_PACKET_ALONE. `ring`: with a size, to be mapped; without, there is none.
static inline int martlet_packet_open(int index, const uint8_t *address, int headers, int *group,
                                      struct martlet_ring *ring) {
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
  // Until it shares a socket has nothing: what it had would come twice.
  struct sock_fprog nothing = {.len = 1, .filter = code + 7};
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
  int one = 1, size = 4 << 20, shares = *group != MARTLET_PACKET_ALONE;
  int failed = setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, shares ? &nothing : &program, sizeof program) < 0 ||
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
  if (!failed && ring->blocks) {
    int error = martlet_ring_open(fd, ring);
    if (error < 0) {
      close(fd);
      return error;
    }
  }
  failed = failed || bind(fd, (struct sockaddr *)&place, sizeof place) < 0;
  if (!failed && shares) {
    failed = martlet_packet_share(fd, group) < 0 ||
             setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) < 0;
  }
  if (failed) {
    int error = -errno;
    if (ring->base) martlet_ring_close(ring);
    close(fd);
    return error;
  }
  return fd;
}

/// What has become of the interface of a packet socket: 1: it is up, 0: it is down, -1: it is no more, or another has its number.
static inline int martlet_packet_interface(int fd) {
  struct sockaddr_ll place;
  socklen_t size = sizeof place;
  struct ifreq request;
  memset(&request, 0, sizeof request);
  if (getsockname(fd, (struct sockaddr *)&place, &size) < 0 || place.sll_ifindex <= 0) return -1;
  request.ifr_ifindex = place.sll_ifindex;
  if (ioctl(fd, SIOCGIFNAME, &request) < 0 || ioctl(fd, SIOCGIFFLAGS, &request) < 0) return -1;
  return (request.ifr_flags & IFF_UP) != 0;
}

/// Whether this is Linux of a version, or a later one.
static inline int martlet_kernel_is(int major, int minor) {
  struct utsname system;
  int a = 0, b = 0;
  if (uname(&system) < 0 || sscanf(system.release, "%d.%d", &a, &b) != 2) return 0;
  return a > major || (a == major && b >= minor);
}

/// Frames that a socket had no room for since this was last asked.
static inline unsigned int martlet_packet_missed(int fd) {
  // That of TPACKET_V3 begins alike.
  struct tpacket_stats_v3 counts;
  socklen_t size = sizeof counts;
  memset(&counts, 0, sizeof counts);
  return getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &counts, &size) < 0 ? 0 : counts.tp_drops;
}

/// What the kernel says of a frame of which nobody need look at the transport checksum: that it was left for a device to fill in,
/// or found good. Before Linux 6.2 it said the latter also of sums that it had not compared yet (b85f628aa158).
static inline uint32_t martlet_packet_verified(void) {
  static uint32_t known;
  uint32_t bits = __atomic_load_n(&known, __ATOMIC_RELAXED);
  if (bits) return bits;
  bits = TP_STATUS_CSUMNOTREADY | (martlet_kernel_is(6, 2) ? TP_STATUS_CSUM_VALID : 0);
  __atomic_store_n(&known, bits, __ATOMIC_RELAXED);
  return bits;
}

/// What the kernel knows of a frame.
struct martlet_frame {
  /// Where it begins in the buffer.
  int start;
  /// Its transport checksum is good, or was left for a device to fill in: nobody need look at it.
  int is_verified;
};

/// Writes the tag of a VLAN behind the addresses of a frame, for which room was made; `before`: octets of a virtio_net_hdr
/// before it.
static inline void martlet_packet_put_tag(uint8_t *octets, unsigned int before, uint16_t protocol, uint16_t value) {
  uint8_t *tag = octets + before + 12;
  tag[0] = protocol >> 8;
  tag[1] = protocol & 0xff;
  tag[2] = value >> 8;
  tag[3] = value & 0xff;
  // VIRTIO_NET_HDR_F_NEEDS_CSUM: the sum is taken from four octets further on.
  if (before && (octets[0] & 1)) {
    uint16_t from;
    memcpy(&from, octets + 6, sizeof from);
    from += 4;
    memcpy(octets + 6, &from, sizeof from);
  }
}

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
  frame->is_verified = (known.tp_status & martlet_packet_verified()) != 0;
  if ((known.tp_status & TP_STATUS_VLAN_VALID) && count >= before + 12) {
    uint16_t protocol = known.tp_status & TP_STATUS_VLAN_TPID_VALID ? known.tp_vlan_tpid : ETH_P_8021Q;
    memmove(buffer, buffer + MARTLET_PACKET_HEADROOM, before + 12);
    martlet_packet_put_tag(buffer, before, protocol, known.tp_vlan_tci);
    frame->start = 0;
    count += 4;
  }
  return count;
}

#endif
