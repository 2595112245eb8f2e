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

/// Gives a block back. With `headers` nothing is left in it: where the kernel has no virtio_net_hdr for a frame it leaves the place
/// as it was, and an older frame would be shown there.
static inline void martlet_ring_give(const struct martlet_ring *ring, unsigned int number, int headers) {
  if (headers) {
    struct tpacket_block_desc *block = martlet_ring_block(ring, number);
    unsigned int first = block->hdr.bh1.offset_to_first_pkt, end = block->hdr.bh1.blk_len;
    if (end > ring->block_size) end = ring->block_size;
    if (first < end) memset((uint8_t *)block + first, 0, end - first);
  }
  __atomic_store_n(&martlet_ring_block(ring, number)->hdr.bh1.block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
}

/// A frame of a ring of which the kernel says `status`, and the tag of a VLAN that it took out, which is put back: where it
/// begins behind `base`, with its virtio_net_hdr if there are `headers`. Returns its octets.
static inline int64_t martlet_ring_show(uint8_t *base, unsigned int place, unsigned int length, uint32_t status,
                                        uint16_t tag_protocol, uint16_t tag, int headers, struct martlet_frame *frame) {
  unsigned int before = headers ? 10 : 0;
  uint8_t *start = base + place - before;
  int64_t count = (int64_t)length + before;
  frame->is_verified = (status & martlet_packet_verified()) != 0;
  if ((status & TP_STATUS_VLAN_VALID) && count >= before + 12) {
    memmove(start - 4, start, before + 12);
    start -= 4;
    martlet_packet_put_tag(start, before, status & TP_STATUS_VLAN_TPID_VALID ? tag_protocol : ETH_P_8021Q, tag);
    count += 4;
  }
  frame->start = (int)(start - base);
  return count;
}

/// The frame that is described at `offset` in a block: where it begins in the block, and its octets; `next`: where the one after
/// it is described. -1: it was cut short, or lies outside.
static inline int64_t martlet_ring_frame(const struct martlet_ring *ring, unsigned int number, unsigned int offset,
                                         int headers, struct martlet_frame *frame, unsigned int *next) {
  uint8_t *block = (uint8_t *)martlet_ring_block(ring, number);
  if (offset > ring->block_size - sizeof(struct tpacket3_hdr)) return -1;
  struct tpacket3_hdr *known = (struct tpacket3_hdr *)(block + offset);
  *next = offset + known->tp_next_offset;
  if (known->tp_snaplen < known->tp_len || known->tp_mac < (headers ? 14 : 4) ||
      (uint64_t)offset + known->tp_mac + known->tp_snaplen > ring->block_size)
    return -1;
  return martlet_ring_show(block, offset + known->tp_mac, known->tp_snaplen, known->tp_status, known->hv1.tp_vlan_tpid,
                           known->hv1.tp_vlan_tci, headers, frame);
}

enum {
  /// The kernel has the slot still.
  MARTLET_SLOT_EMPTY = -2,
  /// The frame is larger than the slot, and `martlet_packet_receive` gives it.
  MARTLET_SLOT_ELSEWHERE = -3,
};

/// The frame in a slot: where it begins in it, and its octets. -1: it was cut short, or lies outside.
static inline int64_t martlet_ring_slot(const struct martlet_ring *ring, unsigned int number, struct martlet_frame *frame) {
  uint8_t *slot = ring->base + (size_t)ring->slot_size * number;
  struct tpacket2_hdr *known = (struct tpacket2_hdr *)slot;
  uint32_t status = __atomic_load_n(&known->tp_status, __ATOMIC_ACQUIRE);
  if (!(status & TP_STATUS_USER)) return MARTLET_SLOT_EMPTY;
  if (status & TP_STATUS_COPY) return MARTLET_SLOT_ELSEWHERE;
  if (known->tp_snaplen < known->tp_len || known->tp_mac < sizeof *known + 4 ||
      (uint64_t)known->tp_mac + known->tp_snaplen > ring->slot_size)
    return -1;
  return martlet_ring_show(slot, known->tp_mac, known->tp_snaplen, status, known->tp_vlan_tpid, known->tp_vlan_tci, 0, frame);
}

/// Gives a slot back.
static inline void martlet_ring_give_slot(const struct martlet_ring *ring, unsigned int number) {
  struct tpacket2_hdr *known = (struct tpacket2_hdr *)(ring->base + (size_t)ring->slot_size * number);
  __atomic_store_n(&known->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
}

#endif
