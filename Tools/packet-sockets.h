#ifndef PACKET_SOCKETS_H
#define PACKET_SOCKETS_H

// What the ways have in common.

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

// At once by one call; the largest frame; a ring of 4 MiB, in blocks or in slots.
enum { BATCH = 32, ROOM = 65226 + 32, BLOCK = 256 << 10, BLOCKS = 16, SLOT = 2048 };

// Rings of AF_XDP, and the memory where its frames are.
struct queue {
  uint32_t *producer, *consumer, *flags;
  void *entries;
};

struct end {
  int fd;
  int index;
  const uint8_t *address;
  int headers, has_ring, has_slots, bypasses, is_native, only_sends;
  // The frame to be sent, with a virtio_net_hdr if there are `headers`.
  uint8_t *frame;
  size_t length;
  // The ring's memory, or that of AF_XDP.
  uint8_t *base;
  unsigned next;
  struct queue fill, completion, arrival, departure;
  unsigned outstanding;
  unsigned long whole;
  // Keeps what was read from being left out.
  uint64_t seen;
};

static inline int must(int result, const char *what) {
  if (result >= 0) return result;
  perror(what);
  exit(1);
}

static inline uint8_t *map(int fd, size_t size, off_t offset) {
  void *base = mmap(0, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, offset);
  if (base == MAP_FAILED) must(-1, "mmap");
  return (uint8_t *)base;
}

// Whoever takes a frame that was not cut short reads it: each line of the cache once, so that memory which another processor wrote counts too.
static inline void touch(struct end *e, const uint8_t *octets, size_t count) {
  uint64_t sum = 0;
  for (size_t i = 0; i < count; i += 64) sum += octets[i];
  e->seen += sum;
  e->whole++;
}

#endif
