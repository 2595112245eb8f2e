import MartletWire

// The sending half of explicit congestion notification (RFC 3168 §6.1.2; SHLD-8).

extension TCB {
  /// ECE on an acceptable acknowledgment, after it has done everything else: "The indication of congestion
  /// should be treated just as a congestion loss", once per window of data, and not at all where that window
  /// was reduced for a loss already.
  ///
  /// - Parameter before: cwnd before the acknowledgment: "The sending TCP SHOULD NOT increase the congestion
  ///   window in response to the receipt of an ECN-Echo ACK packet."
  /// - Parameter flight: octets in the network before it.
  mutating func congestionEchoArrives(
    cwnd before: UInt32, flight: UInt32, _ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant
  ) {
    // A repair after a smaller path MTU has reduced nothing.
    guard recovery.phase == .open || recovery.phase == .pathMTU else { return }
    if !congestion.ownsWindow { congestion.cwnd = min(congestion.cwnd, before) }
    // What was in flight at the last reduction is not all acknowledged: the same congestion.
    let sinceReduction = cold.reducedAt.distance(from: snd.una)
    if cold.isReduced, sinceReduction <= snd.max.distance(from: snd.una) { return }
    cold.undo.isPossible = false
    congestion.reduce(
      CongestionEvent(.mark, flight: min(flight, before), mss: effectiveSendMSS, now: now.microseconds),
      &cold.congestion)
    if !congestion.ownsWindow { congestion.cwnd = min(congestion.cwnd, congestion.ssthresh) }
    windowWasReduced(&cold)
    around.counters.tcpECNReductions &+= 1
    around.recorder.note(.congestionEcho, snd.una.rawValue, congestion.cwnd, at: now)
  }

  /// For whatever reason: "… the TCP sender sets the CWR flag in the TCP header of the first new data packet
  /// sent after the window reduction", and echoes from before it are old news.
  @inline(__always)
  mutating func windowWasReduced(_ cold: inout ColdBlock) {
    guard mode.contains(.ecn) else { return }
    mode.insert(.owesCWR)
    cold.isReduced = true
    cold.reducedAt = snd.max
  }

  /// New text is capable of marks; what is sent again is not (RFC 3168 §6.1.5), and has no CWR either.
  @inline(__always)
  mutating func markCapable(_ plan: inout SegmentPlan) {
    guard mode.contains(.ecn), plan.textCount > 0, !plan.isRetransmission else { return }
    plan.ecn = .ect0
    if mode.contains(.owesCWR) {
      plan.flags.insert(.cwr)
      mode.remove(.owesCWR)
    }
  }

  /// A device that cuts segments would copy CWR to all of them, or need to be told not to: the first new
  /// text after a reduction is one segment.
  @inline(__always)
  func textLimit(_ limit: UInt32) -> UInt32 { mode.contains(.owesCWR) ? 0 : limit }
}
