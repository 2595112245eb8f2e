/// Slow start (RFC 5681 §3.1), the same for every algorithm that has one: octets are
/// counted (RFC 3465), and the first one ends by HyStart++ (RFC 9406).
package enum SlowStart {
  /// L of RFC 9406 §4.2: segments that one acknowledgment may add. Splitting one acknowledgment into many
  /// gains a receiver nothing, and one for many segments is not punished. Paced, it is unlimited.
  package static var limit: UInt32 { 8 }

  /// - Returns: octets left over for congestion avoidance when the window reached ssthresh.
  package static func acknowledged(
    _ ack: CongestionAck, _ window: inout CongestionWindow, _ epoch: inout CongestionEpoch
  ) -> UInt32 {
    let octets = ack.isPaced ? ack.octets : min(ack.octets, limit &* UInt32(ack.mss))
    // RFC 9406 §4.3: "only for the initial slow start (when the ssthresh is at its initial value …)":
    // later ones know where to stop.
    if window.ssthresh == .max {
      first(ack, octets, &window, &epoch)
      return 0
    }
    // A window that was not used proves nothing about the path (RFC 7661 §4.2).
    guard ack.isWindowLimited else { return 0 }
    let growth = min(octets, window.ssthresh &- window.cwnd)
    window.grow(by: growth)
    return octets &- growth
  }

  @inline(__always)
  private static func first(
    _ ack: CongestionAck, _ octets: UInt32, _ window: inout CongestionWindow,
    _ epoch: inout CongestionEpoch
  ) {
    if epoch.kind != .slowStart {
      epoch.kind = .slowStart
      // A recovery that was taken back is no reason to forget how long the path is.
      epoch.slowStart = HyStart(leastRTT: epoch.slowStart.leastRTT)
    }
    if ack.isWindowLimited { window.grow(by: epoch.slowStart.growth(octets)) }
    guard epoch.slowStart.acknowledged(ack) else { return }
    // RFC 9406 §4.2: "enter congestion avoidance by setting the ssthresh to the current cwnd".
    window.ssthresh = window.cwnd
    epoch.end()
  }
}
