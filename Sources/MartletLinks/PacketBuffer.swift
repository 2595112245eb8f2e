/// Room for one packet, outside of any collection, so that a system call can fill it.
///
/// Invariants: `base` is the start of `capacity` octets, all initialized, that this
/// value alone owns and frees; it gives out only spans that its own methods bound.
package struct PacketBuffer: ~Copyable, @unchecked Sendable {
  private let base: UnsafeMutableRawPointer
  package let capacity: Int

  /// `capacity` octets of zeros; at least one.
  package init(capacity: Int) {
    precondition(capacity > 0, "a packet has at least one octet")
    base = .allocate(byteCount: capacity, alignment: 16)
    base.initializeMemory(as: UInt8.self, repeating: 0, count: capacity)
    self.capacity = capacity
  }

  deinit { base.deallocate() }

  /// The octets for a system call to read or write.
  @inline(__always)
  package func withOctets<R>(_ body: (UnsafeMutableRawPointer) -> R) -> R { body(base) }

  /// Shows the first `count` octets.
  @inline(__always)
  package func show<R>(_ count: Int, _ body: (RawSpan) -> R) -> R {
    precondition(count >= 0 && count <= capacity, "more octets than the buffer has")
    return body(UnsafeRawBufferPointer(start: base, count: count).bytes)
  }

  /// Lends the first `count` octets, all of them unless given, to be written.
  @inline(__always)
  package mutating func lend<R>(_ count: Int? = nil, body: (inout MutableRawSpan) -> R) -> R {
    let count = count ?? capacity
    precondition(count >= 0 && count <= capacity, "more octets than the buffer has")
    let octets = UnsafeMutableRawBufferPointer(start: base, count: count)
    var span = octets.mutableBytes
    return body(&span)
  }
}

/// The room for a packet that segmentation offload has not cut: the largest IP packet
/// with the header that tells the device how (65,535 + 12), in round figures.
package let largePacketCapacity = 65_550
