#if os(Linux)
  import CMartletSystem
  import MartletStack
  import SystemPackage

  /// Where a packet socket puts frames by blocks (TPACKET_V3): no system call for a frame and no waking for each, but up to a
  /// millisecond more until it is seen, since a block is handed over when it is full or its time is over. `PacketSlots` has no such
  /// delay. Who is away for longer than all blocks have time loses frames, however few there are (Documentation/PacketSockets.md).
  ///
  /// Invariants: `ring` is mapped as long as this value is; a block is read only between the kernel's handing it over and our
  /// giving it back, and a frame is shown only if it lies within its block. It cannot be copied, so one thread at a time has it.
  struct PacketRing: ~Copyable, @unchecked Sendable {
    private var ring: martlet_ring
    private let hasHeaders: Bool
    /// The block that is ours or will be next, what it has left, and where the next frame is described.
    private var block: UInt32 = 0
    private var isOpen = false
    private var left: UInt32 = 0
    private var next: UInt32 = 0

    /// 4 MiB, as without.
    static var terms: martlet_ring {
      martlet_ring(base: nil, block_size: 256 << 10, blocks: 16, slot_size: 0)
    }

    /// Takes over a ring that was mapped.
    init(_ ring: martlet_ring, hasHeaders: Bool) {
      self.ring = ring
      self.hasHeaders = hasHeaders
    }

    deinit {
      withUnsafePointer(to: ring) { martlet_ring_close($0) }
    }

    /// Hands over up to `limit` frames by the port of the socket, which counts them.
    mutating func receive(
      limit: Int, by port: inout PacketPort, _ deliver: (RawSpan, PacketMetadata) -> Void
    ) throws(LinkError) -> Int {
      var taken = 0
      while taken < limit {
        let isThere = take { frame, isVerified in
          port.arrive(frame, PacketMetadata(checksum: isVerified ? .verified : .unverified), deliver)
        }
        guard isThere else { break }
        taken += 1
      }
      if taken == 0 { try port.checkHealth() }
      return taken
    }

    /// Shows the next frame: its octets, with a `VirtioHeader` before them if there are any, and whether its sum is good. Nil for
    /// one that was cut short. False: there is none.
    private mutating func take(_ body: (RawSpan?, _ isVerified: Bool) -> Void) -> Bool {
      while left == 0 {
        guard openNext() else { return false }
      }
      var frame = martlet_frame()
      var following: UInt32 = 0
      let count = martlet_ring_frame(&ring, block, next, hasHeaders ? 1 : 0, &frame, &following)
      if count >= 0, let base = ring.base {
        let start = base + Int(block) * Int(ring.block_size) + Int(frame.start)
        body(UnsafeRawBufferPointer(start: start, count: Int(count)).bytes, frame.is_verified != 0)
      } else {
        body(nil, false)
      }
      next = following
      left -= 1
      if left == 0 { giveBack() }
      return true
    }

    /// False: the kernel has it still.
    private mutating func openNext() -> Bool {
      guard martlet_ring_is_ours(&ring, block) != 0 else { return false }
      isOpen = true
      left = martlet_ring_frames(&ring, block, &next)
      if left == 0 { giveBack() }
      return true
    }

    private mutating func giveBack() {
      guard isOpen else { return }
      martlet_ring_give(&ring, block, hasHeaders ? 1 : 0)
      isOpen = false
      block = (block + 1) % ring.blocks
    }
  }
#endif
