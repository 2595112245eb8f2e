#ifndef PACKET_SOCKETS_XDP_H
#define PACKET_SOCKETS_XDP_H

// AF_XDP in copy mode: a program at the interface gives the frames that are ours to a socket, into memory that we have.

#include <linux/bpf.h>
#include <linux/if_link.h>
#include <linux/if_xdp.h>
#include <stddef.h>
#include <sys/syscall.h>

#include "packet-sockets.h"

#ifndef SOL_XDP
#define SOL_XDP 283
#endif

// 4 MiB for what comes, as the others have, and as much for what goes.
enum { CHUNK = 2048, CHUNKS = 2048 };

#define CODE(how, to, from, jump, value) \
  ((struct bpf_insn){.code = (how), .dst_reg = (to), .src_reg = (from), .off = (jump), .imm = (value)})

static inline int bpf(int what, union bpf_attr *terms) {
  return (int)syscall(SYS_bpf, what, terms, sizeof *terms);
}

// Frames to the address, and those to groups, go to the socket in the map; others on to the kernel. What goes to the socket the
// kernel does not see: there is one frame, and no copy of it.
static inline int load_program(const uint8_t *address, int sockets) {
  uint32_t high;
  uint16_t low;
  memcpy(&high, address, 4);
  memcpy(&low, address + 4, 2);
  struct bpf_insn code[] = {
      CODE(BPF_ALU64 | BPF_MOV | BPF_X, 6, 1, 0, 0),
      CODE(BPF_LDX | BPF_MEM | BPF_W, 2, 1, offsetof(struct xdp_md, data), 0),
      CODE(BPF_LDX | BPF_MEM | BPF_W, 3, 1, offsetof(struct xdp_md, data_end), 0),
      CODE(BPF_ALU64 | BPF_MOV | BPF_X, 4, 2, 0, 0),
      CODE(BPF_ALU64 | BPF_ADD | BPF_K, 4, 0, 0, 14),
      CODE(BPF_JMP | BPF_JGT | BPF_X, 4, 3, 13, 0),
      CODE(BPF_LDX | BPF_MEM | BPF_B, 5, 2, 0, 0),
      CODE(BPF_ALU64 | BPF_AND | BPF_K, 5, 0, 0, 1),
      CODE(BPF_JMP | BPF_JNE | BPF_K, 5, 0, 4, 0),
      CODE(BPF_LDX | BPF_MEM | BPF_W, 5, 2, 0, 0),
      CODE(BPF_JMP32 | BPF_JNE | BPF_K, 5, 0, 8, (int32_t)high),
      CODE(BPF_LDX | BPF_MEM | BPF_H, 5, 2, 4, 0),
      CODE(BPF_JMP32 | BPF_JNE | BPF_K, 5, 0, 6, low),
      CODE(BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_MAP_FD, 0, sockets),
      CODE(0, 0, 0, 0, 0),
      CODE(BPF_LDX | BPF_MEM | BPF_W, 2, 6, offsetof(struct xdp_md, rx_queue_index), 0),
      CODE(BPF_ALU64 | BPF_MOV | BPF_K, 3, 0, 0, XDP_PASS),
      CODE(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_redirect_map),
      CODE(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
      CODE(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, XDP_PASS),
      CODE(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
  };
  static char said[16384];
  union bpf_attr terms;
  memset(&terms, 0, sizeof terms);
  terms.prog_type = BPF_PROG_TYPE_XDP;
  terms.expected_attach_type = BPF_XDP;
  terms.insns = (uint64_t)(uintptr_t)code;
  terms.insn_cnt = sizeof code / sizeof *code;
  terms.license = (uint64_t)(uintptr_t) "Apache-2.0";
  terms.log_buf = (uint64_t)(uintptr_t)said;
  terms.log_size = sizeof said;
  terms.log_level = 1;
  int fd = bpf(BPF_PROG_LOAD, &terms);
  if (fd < 0) fputs(said, stderr);
  return must(fd, "the program");
}

static inline struct queue map_queue(int fd, size_t entry, off_t place, const struct xdp_ring_offset *offsets) {
  uint8_t *base = map(fd, offsets->desc + entry * CHUNKS, place);
  return (struct queue){.producer = (uint32_t *)(base + offsets->producer), .consumer = (uint32_t *)(base + offsets->consumer),
                        .flags = (uint32_t *)(base + offsets->flags), .entries = base + offsets->desc};
}

static inline void open_xdp(struct end *e) {
  if (e->headers) {
    fputs("AF_XDP says nothing of a frame that is to be cut\n", stderr);
    exit(1);
  }
  int size = CHUNKS;
  e->fd = must(socket(AF_XDP, SOCK_RAW, 0), "socket");
  void *base = mmap(0, 2 * CHUNKS * CHUNK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (base == MAP_FAILED) must(-1, "mmap");
  e->base = (uint8_t *)base;
  struct xdp_umem_reg memory = {.addr = (uint64_t)(uintptr_t)base, .len = 2 * CHUNKS * CHUNK, .chunk_size = CHUNK};
  must(setsockopt(e->fd, SOL_XDP, XDP_UMEM_REG, &memory, sizeof memory), "memory");
  must(setsockopt(e->fd, SOL_XDP, XDP_UMEM_FILL_RING, &size, sizeof size), "ring");
  must(setsockopt(e->fd, SOL_XDP, XDP_UMEM_COMPLETION_RING, &size, sizeof size), "ring");
  must(setsockopt(e->fd, SOL_XDP, XDP_RX_RING, &size, sizeof size), "ring");
  must(setsockopt(e->fd, SOL_XDP, XDP_TX_RING, &size, sizeof size), "ring");
  struct xdp_mmap_offsets offsets;
  socklen_t length = sizeof offsets;
  must(getsockopt(e->fd, SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &length), "offsets");
  e->fill = map_queue(e->fd, 8, XDP_UMEM_PGOFF_FILL_RING, &offsets.fr);
  e->completion = map_queue(e->fd, 8, XDP_UMEM_PGOFF_COMPLETION_RING, &offsets.cr);
  e->arrival = map_queue(e->fd, sizeof(struct xdp_desc), XDP_PGOFF_RX_RING, &offsets.rx);
  e->departure = map_queue(e->fd, sizeof(struct xdp_desc), XDP_PGOFF_TX_RING, &offsets.tx);
  for (unsigned i = 0; i < CHUNKS; i++) {
    ((uint64_t *)e->fill.entries)[i] = (uint64_t)i * CHUNK;
    memcpy(e->base + (size_t)(CHUNKS + i) * CHUNK, e->frame, e->length);
  }
  __atomic_store_n(e->fill.producer, CHUNKS, __ATOMIC_RELEASE);
  struct sockaddr_xdp place = {.sxdp_family = AF_XDP, .sxdp_flags = XDP_COPY | XDP_USE_NEED_WAKEUP, .sxdp_ifindex = (uint32_t)e->index};
  // A socket that was closed gives up its queue a moment later.
  int bound = -1;
  for (int tries = 0; bound < 0 && tries < 100; tries++) {
    bound = bind(e->fd, (struct sockaddr *)&place, sizeof place);
    if (bound < 0 && errno == EBUSY) usleep(20000);
  }
  must(bound, "bind");
  if (e->only_sends) return;
  union bpf_attr terms;
  memset(&terms, 0, sizeof terms);
  terms.map_type = BPF_MAP_TYPE_XSKMAP;
  terms.key_size = terms.value_size = 4;
  terms.max_entries = 1;
  int sockets = must(bpf(BPF_MAP_CREATE, &terms), "map"), key = 0, fd = e->fd;
  memset(&terms, 0, sizeof terms);
  terms.map_fd = (uint32_t)sockets;
  terms.key = (uint64_t)(uintptr_t)&key;
  terms.value = (uint64_t)(uintptr_t)&fd;
  must(bpf(BPF_MAP_UPDATE_ELEM, &terms), "map");
  int program = load_program(e->address, sockets);
  memset(&terms, 0, sizeof terms);
  terms.link_create.prog_fd = (uint32_t)program;
  terms.link_create.target_ifindex = (uint32_t)e->index;
  terms.link_create.attach_type = BPF_XDP;
  terms.link_create.flags = e->is_native ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
  must(bpf(BPF_LINK_CREATE, &terms), "attach");
}

static inline unsigned take_xdp(struct end *e) {
  uint32_t at = *e->arrival.consumer;
  uint32_t count = __atomic_load_n(e->arrival.producer, __ATOMIC_ACQUIRE) - at;
  if (count > BATCH) count = BATCH;
  if (!count) return 0;
  uint32_t back = *e->fill.producer;
  for (uint32_t i = 0; i < count; i++) {
    struct xdp_desc *frame = (struct xdp_desc *)e->arrival.entries + ((at + i) & (CHUNKS - 1));
    touch(e, e->base + frame->addr, frame->len);
    ((uint64_t *)e->fill.entries)[(back + i) & (CHUNKS - 1)] = frame->addr;
  }
  __atomic_store_n(e->arrival.consumer, at + count, __ATOMIC_RELEASE);
  __atomic_store_n(e->fill.producer, back + count, __ATOMIC_RELEASE);
  return count;
}

static inline unsigned put_xdp(struct end *e, unsigned limit) {
  // What was sent is there again.
  uint32_t sent = __atomic_load_n(e->completion.producer, __ATOMIC_ACQUIRE) - *e->completion.consumer;
  e->outstanding -= sent;
  __atomic_store_n(e->completion.consumer, *e->completion.consumer + sent, __ATOMIC_RELEASE);
  unsigned count = CHUNKS - e->outstanding;
  if (count > limit) count = limit;
  uint32_t at = *e->departure.producer;
  for (uint32_t i = 0; i < count; i++) {
    ((struct xdp_desc *)e->departure.entries)[(at + i) & (CHUNKS - 1)] = (struct xdp_desc){
        .addr = (uint64_t)(CHUNKS + ((at + i) & (CHUNKS - 1))) * CHUNK, .len = (uint32_t)e->length};
  }
  __atomic_store_n(e->departure.producer, at + count, __ATOMIC_RELEASE);
  e->outstanding += count;
  sendto(e->fd, NULL, 0, MSG_DONTWAIT, NULL, 0);
  return count;
}

#endif
