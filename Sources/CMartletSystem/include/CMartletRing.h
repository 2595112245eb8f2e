#ifndef CMARTLET_RING_H
#define CMARTLET_RING_H

#include <linux/if_packet.h>
#include <stdint.h>
#include <string.h>

#include "CMartletPacket.h"

static inline struct tpacket_block_desc *martlet_ring_block(const struct martlet_ring *ring, unsigned int number) {
  return (struct tpacket_block_desc *)(ring->base + (size_t)ring->block_size * number);
}

/// Whether a block is ours; it may have nothing in it.
static inline int martlet_ring_is_ours(const struct martlet_ring *ring, unsigned int number) {
  struct tpacket_block_desc *block = martlet_ring_block(ring, number);
  return (__atomic_load_n(&block->hdr.bh1.block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER) != 0;
}

/// Frames in a block that is ours, and where the first is described.
static inline unsigned int martlet_ring_frames(const struct martlet_ring *ring, unsigned int number, unsigned int *first) {
  const struct tpacket_block_desc *block = martlet_ring_block(ring, number);
  *first = block->hdr.bh1.offset_to_first_pkt;
  return block->hdr.bh1.num_pkts;
}

/// Gives a block back.
static inline void martlet_ring_give(const struct martlet_ring *ring, unsigned int number) {
  __atomic_store_n(&martlet_ring_block(ring, number)->hdr.bh1.block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
}

/// The frame that is described at `offset` in a block: where it begins in the block, with its virtio_net_hdr if there are
/// `headers`, and its octets; `next`: where the one after it is described. A VLAN tag that the kernel took out is put back.
/// -1: it was cut short, or lies outside.
static inline int64_t martlet_ring_frame(const struct martlet_ring *ring, unsigned int number, unsigned int offset,
                                         int headers, struct martlet_frame *frame, unsigned int *next) {
  uint8_t *block = (uint8_t *)martlet_ring_block(ring, number);
  unsigned int before = headers ? 10 : 0;
  if (offset > ring->block_size - sizeof(struct tpacket3_hdr)) return -1;
  struct tpacket3_hdr *known = (struct tpacket3_hdr *)(block + offset);
  *next = offset + known->tp_next_offset;
  if (known->tp_snaplen < known->tp_len || known->tp_mac < before + 4 ||
      (uint64_t)offset + known->tp_mac + known->tp_snaplen > ring->block_size)
    return -1;
  uint8_t *start = block + offset + known->tp_mac - before;
  int64_t count = (int64_t)known->tp_snaplen + before;
  frame->is_verified = (known->tp_status & (TP_STATUS_CSUMNOTREADY | TP_STATUS_CSUM_VALID)) != 0;
  if ((known->tp_status & TP_STATUS_VLAN_VALID) && count >= before + 12) {
    uint16_t protocol = known->tp_status & TP_STATUS_VLAN_TPID_VALID ? known->hv1.tp_vlan_tpid : ETH_P_8021Q;
    memmove(start - 4, start, before + 12);
    start -= 4;
    martlet_packet_put_tag(start, before, protocol, known->hv1.tp_vlan_tci);
    count += 4;
  }
  frame->start = (int)(start - block);
  return count;
}

#endif
