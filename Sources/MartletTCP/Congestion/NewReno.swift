/// Congestion avoidance of RFC 5681 §3.1, counting octets (RFC 3465 §2.1).
@frozen
package struct NewReno: BitwiseCopyable, Sendable {
  /// Octets acknowledged towards the next growth in congestion avoidance.
  package var acknowledgedOctets: UInt32 = 0

  package init() {}

  package mutating func acknowledged(
    _ ack: CongestionAck, _ window: inout CongestionWindow, _ epoch: inout CongestionEpoch
  ) {
    var octets = ack.octets
    if window.inSlowStart {
      octets = SlowStart.acknowledged(ack, &window, &epoch)
      if octets == 0 { return }
    }
    guard ack.isWindowLimited else { return }
    acknowledgedOctets = acknowledgedOctets &+ min(octets, window.cwnd)
    guard acknowledgedOctets >= window.cwnd else { return }
    acknowledgedOctets = acknowledgedOctets &- window.cwnd
    window.grow(by: UInt32(ack.mss))
  }

  /// RFC 5681 equation (4).
  package mutating func reduce(
    _ event: CongestionEvent, _ window: inout CongestionWindow, _ epoch: inout CongestionEpoch
  ) {
    window.ssthresh = max(event.flight / 2, 2 &* UInt32(event.mss))
    acknowledgedOctets = 0
    epoch.end()
  }
}
