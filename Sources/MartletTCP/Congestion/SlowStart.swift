/// Slow start (RFC 5681 §3.1), the same for every algorithm that has one.
package enum SlowStart {
  /// At most L = 8 segments per acknowledgment, unlimited when paced (RFC 9406 §4.2 on RFC 3465): splitting
  /// one acknowledgment into many gains a receiver nothing, and one for many segments is not punished.
  package static func acknowledged(
    _ ack: CongestionAck, _ window: inout CongestionWindow, _ epoch: inout CongestionEpoch
  ) {
    // A window that was not used proves nothing about the path (RFC 7661 §4.1).
    guard ack.isWindowLimited else { return }
    let limit = ack.isPaced ? UInt32.max : 8 &* UInt32(ack.mss)
    window.grow(by: min(ack.octets, limit))
  }
}
