/// Slow start and congestion avoidance (RFC 5681 §3.1), counting octets.
@frozen
package struct NewReno: BitwiseCopyable, Sendable {
  /// Octets acknowledged towards the next growth in congestion avoidance.
  package var acknowledgedOctets: UInt32 = 0

  package init() {}

  package mutating func acknowledged(_ ack: CongestionAck, cwnd: inout UInt32, ssthresh: UInt32) {
    let mss = UInt32(ack.mss)
    if cwnd < ssthresh {
      // A window that was not even half used proves nothing about the path (RFC 7661 §4.1).
      guard ack.flight >= cwnd / 2 else { return }
      // At most L = 8 segments per acknowledgment (RFC 9406 §4.2 on RFC 3465): splitting one
      // acknowledgment into many gains a receiver nothing, and one for many segments is not punished.
      cwnd = grown(cwnd, by: min(ack.octets, 8 &* mss))
      return
    }
    guard ack.flight &+ 2 &* mss >= cwnd else { return }
    acknowledgedOctets = acknowledgedOctets &+ min(ack.octets, cwnd)
    guard acknowledgedOctets >= cwnd else { return }
    acknowledgedOctets = acknowledgedOctets &- cwnd
    cwnd = grown(cwnd, by: mss)
  }

  /// RFC 5681 equation (4).
  package func reducedThreshold(flight: UInt32, mss: UInt16) -> UInt32 {
    max(flight / 2, 2 &* UInt32(mss))
  }

  package mutating func restarted() {
    acknowledgedOctets = 0
  }

  /// Stops at 1 GiB: the largest window a peer can offer.
  private func grown(_ cwnd: UInt32, by octets: UInt32) -> UInt32 {
    min(cwnd &+ octets, 1 << 30)
  }
}
