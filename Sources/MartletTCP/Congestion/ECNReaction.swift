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
    guard recovery.phase == .open || recovery.phase == .pathMTU else { return noteMarkInRecovery(&cold) }
    if !congestion.ownsWindow { congestion.cwnd = min(congestion.cwnd, before) }
    // Nothing new has left since the last reduction, or nothing at all is in flight: the peer goes on about what was
    // answered, on all that it sends, until it sees CWR. An idle connection remembers no more of it than that.
    guard !mode.contains(.owesCWR), flight > 0 else { return noteMarkInRecovery(&cold) }
    // What was in flight at the last reduction is not all acknowledged: the same congestion.
    let sinceReduction = cold.reducedAt.distance(from: snd.una)
    if cold.isReduced, sinceReduction <= snd.max.distance(from: snd.una) { return noteMarkInRecovery(&cold) }
    cold.undo.isPossible = false
    congestion.reduce(
      CongestionEvent(.mark, flight: min(flight, before), mss: effectiveSendMSS, now: now.microseconds),
      &cold.congestion)
    if !congestion.ownsWindow { congestion.cwnd = min(congestion.cwnd, congestion.ssthresh) }
    windowWasReduced(&cold, &around, now)
    around.counters.tcpECNReductions &+= 1
    around.recorder.note(.congestionEcho, snd.una.rawValue, congestion.cwnd, at: now)
  }

  /// "The TCP sender's congestion window should be reduced only once in response to a series of dropped and/or CE
  /// packets from a single window of data": a loss that is repaired was the reason this time. Should nothing have
  /// been lost, the mark is reason enough, and the window stays as it was reduced.
  private func noteMarkInRecovery(_ cold: inout ColdBlock) {
    guard cold.undo.isPossible, !cold.undo.answersMark, !congestion.ownsWindow else { return }
    // A mark that was answered before the recovery goes on being echoed until its window is over.
    let isOld = cold.undo.reducedBefore.distance(from: snd.una) <= snd.max.distance(from: snd.una)
    if cold.undo.wasReduced, isOld { return }
    cold.undo.answersMark = true
    cold.undo.prior = congestion
    cold.undo.prior.cwnd = congestion.ssthresh
  }

  /// What was in flight up to `end` at the last reduction has had its answer.
  func isAnswered(upTo end: SequenceNumber, _ cold: ColdBlock) -> Bool {
    cold.isReduced && !congestion.ownsWindow
      && cold.reducedAt.distance(from: end) <= snd.max.distance(from: snd.una)
  }

  /// For whatever reason: "… the TCP sender sets the CWR flag in the TCP header of the first new data packet
  /// sent after the window reduction", and echoes from before it are old news.
  @inline(__always)
  mutating func windowWasReduced(
    again: Bool = false, _ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant
  ) {
    if !again { around.recorder.note(.windowReduced, congestion.ssthresh, snd.una.rawValue, at: now) }
    if mode.contains(.ecn) { mode.insert(.owesCWR) }
    cold.isReduced = true
    cold.reducedAt = snd.max
    // What leaves in this very instant leaves after it.
    cold.answeredAt = now.microseconds &- 1
  }

  /// New text is capable of marks; what is sent again is not (RFC 3168 §6.1.5), and has no CWR either.
  @inline(__always)
  mutating func markCapable(_ plan: inout SegmentPlan, _ cold: inout ColdBlock) {
    guard mode.contains(.ecn), plan.textCount > 0, !plan.isRetransmission else { return }
    plan.ecn = .ect0
    if mode.contains(.owesCWR) {
      plan.flags.insert(.cwr)
      mode.remove(.owesCWR)
      // Before this arrives the peer does not know, whatever the connection has forgotten since.
      cold.isReduced = true
      cold.reducedAt = plan.seq
    }
  }

  /// A device that cuts segments would copy CWR to all of them, or need to be told not to: the first new
  /// text after a reduction is one segment.
  @inline(__always)
  func textLimit(_ limit: UInt32) -> UInt32 { mode.contains(.owesCWR) ? 0 : limit }
}
