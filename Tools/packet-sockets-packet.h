#ifndef PACKET_SOCKETS_PACKET_H
#define PACKET_SOCKETS_PACKET_H

// The ways of a packet socket (AF_PACKET), as PacketLink opens it.

#include "packet-sockets.h"

static inline void open_packet(struct end *e) {
  e->fd = must(socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, 0), "socket");
  const uint8_t *a = e->address;
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 1, 4, 0),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)a[0] << 24 | a[1] << 16 | a[2] << 8 | a[3], 0, 3),
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 4),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, a[4] << 8 | a[5], 0, 1),
      BPF_STMT(BPF_RET | BPF_K, 0x40000),
      BPF_STMT(BPF_RET | BPF_K, 0),
  };
  struct sock_fprog program = {.len = 8, .filter = code};
  int one = 1, size = 4 << 20;
  must(setsockopt(e->fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program), "filter");
  must(setsockopt(e->fd, SOL_PACKET, PACKET_AUXDATA, &one, sizeof one), "auxdata");
  must(setsockopt(e->fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof one), "ignore outgoing");
  if (e->headers) must(setsockopt(e->fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof one), "headers");
  must(setsockopt(e->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size), "buffer");
  if (e->bypasses) must(setsockopt(e->fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof one), "bypass");
  if (e->has_slots) {
    int version = TPACKET_V2, from = 1;
    struct tpacket_req request = {.tp_block_size = BLOCK, .tp_block_nr = BLOCKS, .tp_frame_size = SLOT,
                                  .tp_frame_nr = BLOCK / SLOT * BLOCKS};
    must(setsockopt(e->fd, SOL_PACKET, PACKET_VERSION, &version, sizeof version), "version");
    // What is larger than a slot waits for recvmsg, whole.
    must(setsockopt(e->fd, SOL_PACKET, PACKET_COPY_THRESH, &from, sizeof from), "larger frames");
    must(setsockopt(e->fd, SOL_PACKET, PACKET_RX_RING, &request, sizeof request), "ring");
    e->base = map(e->fd, BLOCK * BLOCKS, 0);
  }
  if (e->has_ring) {
    int version = TPACKET_V3;
    struct tpacket_req3 request = {.tp_block_size = BLOCK, .tp_block_nr = BLOCKS, .tp_frame_size = 2048,
                                   .tp_frame_nr = BLOCK / 2048 * BLOCKS, .tp_retire_blk_tov = 1};
    must(setsockopt(e->fd, SOL_PACKET, PACKET_VERSION, &version, sizeof version), "version");
    must(setsockopt(e->fd, SOL_PACKET, PACKET_RX_RING, &request, sizeof request), "ring");
    e->base = map(e->fd, BLOCK * BLOCKS, 0);
  }
  // Who only sends asks for no protocol: otherwise everything that comes is queued and counted beside.
  struct sockaddr_ll place = {.sll_family = AF_PACKET, .sll_ifindex = e->index,
                              .sll_protocol = e->only_sends ? 0 : htons(ETH_P_ALL)};
  must(bind(e->fd, (struct sockaddr *)&place, sizeof place), "bind");
}

union control { struct cmsghdr header; char octets[CMSG_SPACE(sizeof(struct tpacket_auxdata))]; };

static inline unsigned take_one(struct end *e) {
  static _Thread_local uint8_t buffer[ROOM];
  union control control;
  struct iovec part = {buffer, sizeof buffer};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  ssize_t count = recvmsg(e->fd, &message, 0);
  if (count <= 0) return 0;
  touch(e, buffer, (size_t)count);
  return 1;
}

static inline unsigned take_many(struct end *e) {
  static _Thread_local uint8_t buffers[BATCH][ROOM];
  union control controls[BATCH];
  struct iovec parts[BATCH];
  struct mmsghdr messages[BATCH];
  memset(messages, 0, sizeof messages);
  for (int i = 0; i < BATCH; i++) {
    parts[i] = (struct iovec){buffers[i], ROOM};
    messages[i].msg_hdr = (struct msghdr){
        .msg_iov = parts + i, .msg_iovlen = 1, .msg_control = controls + i, .msg_controllen = sizeof *controls};
  }
  int count = recvmmsg(e->fd, messages, BATCH, 0, NULL);
  for (int i = 0; i < count; i++) touch(e, buffers[i], messages[i].msg_len);
  return count > 0 ? (unsigned)count : 0;
}

static inline unsigned take_block(struct end *e) {
  struct tpacket_block_desc *block = (struct tpacket_block_desc *)(e->base + (size_t)e->next * BLOCK);
  if (!(__atomic_load_n(&block->hdr.bh1.block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER)) return 0;
  unsigned count = block->hdr.bh1.num_pkts;
  uint8_t *at = (uint8_t *)block + block->hdr.bh1.offset_to_first_pkt;
  for (unsigned i = 0; i < count; i++) {
    struct tpacket3_hdr *frame = (struct tpacket3_hdr *)at;
    if (frame->tp_snaplen == frame->tp_len) touch(e, at + frame->tp_mac, frame->tp_snaplen);
    at += frame->tp_next_offset;
  }
  __atomic_store_n(&block->hdr.bh1.block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
  e->next = (e->next + 1) % BLOCKS;
  return count;
}

static inline unsigned take_slots(struct end *e) {
  unsigned count = 0;
  while (count < BATCH) {
    struct tpacket2_hdr *frame = (struct tpacket2_hdr *)(e->base + (size_t)e->next * SLOT);
    uint32_t status = __atomic_load_n(&frame->tp_status, __ATOMIC_ACQUIRE);
    if (!(status & TP_STATUS_USER)) break;
    if (status & TP_STATUS_COPY) {
      if (!take_one(e)) break;
    } else if (frame->tp_snaplen == frame->tp_len) {
      touch(e, (uint8_t *)frame + frame->tp_mac, frame->tp_snaplen);
    }
    __atomic_store_n(&frame->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
    e->next = (e->next + 1) % (BLOCK / SLOT * BLOCKS);
    count++;
  }
  return count;
}

static inline unsigned put_one(struct end *e, unsigned limit) {
  return limit && write(e->fd, e->frame, e->length) == (ssize_t)e->length;
}

static inline unsigned put_many(struct end *e, unsigned limit) {
  struct iovec part = {e->frame, e->length};
  struct mmsghdr messages[BATCH];
  memset(messages, 0, sizeof messages);
  for (int i = 0; i < BATCH; i++) messages[i].msg_hdr = (struct msghdr){.msg_iov = &part, .msg_iovlen = 1};
  int count = sendmmsg(e->fd, messages, limit < BATCH ? limit : BATCH, 0);
  return count > 0 ? (unsigned)count : 0;
}

#endif
