#if os(Linux)
  import CMartletSystem
  import MartletStack
  import SystemPackage

  /// Where a packet socket puts each frame as it comes (TPACKET_V2): no system call for a frame, and it is seen at once. One that is
  /// larger than a slot waits in the socket, whole, and is received as without.
  ///
  /// Invariants: `ring` is mapped as long as this value is; a slot is read only between the kernel's handing it over and our
  /// giving it back, and a frame is shown only if it lies within its slot. It cannot be copied, so one thread at a time has it.
  struct PacketSlots: ~Copyable, @unchecked Sendable {
    private var ring: martlet_ring
    private var next: UInt32 = 0

    /// 4 MiB, as without, in slots for what an interface carries; nil: they would be too few.
    ///
    /// - Parameter hasHeaders: then there are none. Where the kernel has no virtio_net_hdr for a frame (a train of datagrams
    ///   before Linux 6.2, large segments of SCTP) it drops that with the slot still marked as being filled, and waits for ever
    ///   for the mark to go (`rx_owner_map` in `tpacket_rcv`): one such frame of a neighbour would leave us deaf.
    static func terms(mtu: Int, hasHeaders: Bool) -> martlet_ring? {
      // What the kernel says of a frame stands before it, and there is room for a tag.
      let room = mtu + 128
      guard !hasHeaders else { return nil }
      guard room <= 16 << 10 else { return nil }
      var size: UInt32 = 2048
      while Int(size) < room { size *= 2 }
      return martlet_ring(base: nil, block_size: 256 << 10, blocks: 16, slot_size: size)
    }

    /// Takes over a ring that was mapped.
    init(_ ring: martlet_ring) { self.ring = ring }

    deinit {
      withUnsafePointer(to: ring) { martlet_ring_close($0) }
    }

    /// Hands over up to `limit` frames by the port of the socket, which counts them.
    mutating func receive(
      limit: Int, by port: inout PacketPort, _ deliver: (RawSpan, PacketMetadata) -> Void
    ) throws(LinkError) -> Int {
      var taken = 0
      while taken < limit {
        var frame = martlet_frame()
        let count = martlet_ring_slot(&ring, next, &frame)
        if count == Int64(MARTLET_SLOT_EMPTY) { break }
        if count == Int64(MARTLET_SLOT_ELSEWHERE) {
          // What comes first may be an error of the socket, which is not to stand for the frame.
          if try port.receive(limit: 1, deliver) == 0, try port.receive(limit: 1, deliver) == 0 {
            port.arrive(nil, PacketMetadata(), deliver)
          }
        } else if count > 0, let base = ring.base {
          let start = base + Int(next) * Int(ring.slot_size) + Int(frame.start)
          port.arrive(
            UnsafeRawBufferPointer(start: start, count: Int(count)).bytes,
            PacketMetadata(checksum: frame.is_verified != 0 ? .verified : .unverified), deliver)
        } else {
          port.arrive(nil, PacketMetadata(), deliver)
        }
        martlet_ring_give_slot(&ring, next)
        next = (next + 1) % (ring.block_size / ring.slot_size * ring.blocks)
        taken += 1
      }
      if taken == 0 { try port.checkHealth() }
      return taken
    }
  }
#endif
