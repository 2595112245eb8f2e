import MartletWire

// A tail that is lost brings no acknowledgment that could tell. After two round trips
// of silence the last segment, or a new one, asks for one (RFC 8985 §7).

/// RFC 8985 §7.1.
@frozen
package struct TailProbe: BitwiseCopyable, Sendable {
  /// TLP.end_seq; meaningful while `isOut`.
  package var end = SequenceNumber(0)
  package var isOut = false
  /// TLP.is_retrans.
  package var isRetransmission = false
  /// The retransmission timer fired while it was out, sent again.
  package var isOverdue = false
  /// TSval of the probe: when it left, in milliseconds.
  package var stamp: UInt32 = 0

  /// What it sent again, at most.
  func range(_ mss: UInt16, from una: SequenceNumber) -> SequenceRange {
    let start = SequenceNumber.latest(una, end.retreated(by: UInt32(mss)))
    return SequenceRange(start: start, end: end)
  }

  package init() {}
}

extension TCB {
  /// §7.2: whether the next timer is a probe's.
  @inline(__always)
  var wantsTailProbe: Bool {
    mode.intersection([.sack, .probed]) == .sack && recovery.phase == .open && timers.backoff == 0
      && state.isSynchronized
  }

  /// TLP_calc_PTO, in milliseconds. TLP.max_ack_delay is the margin of the retransmission time-out.
  @inline(__always)
  func tailProbeTimeout(minimumRTO: UInt32) -> UInt32 {
    guard rtt.isMeasured else { return 1_000 }
    let delay = snd.flight <= UInt32(effectiveSendMSS) ? minimumRTO : 0
    return (rtt.srtt8 / 4 &+ 999) / 1_000 &+ delay
  }

  /// The probe's time has come (§7.3).
  mutating func tailProbeTimerFires(
    _ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant, _ reaction: inout Reaction
  ) {
    if !cold.probe.isOut, !mode.contains(.probed), snd.wnd != .zero {
      pending.insert(.tailProbe)
      reaction.insert(.output)
    }
    // "regardless of whether a loss probe was sent, the sender MUST re-arm the RTO timer".
    armRetransmission(around.configuration.rto, now)
  }

  /// The probe: new text if the peer's window allows, else the last segment again.
  mutating func tailProbe(
    _ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant
  ) -> SegmentPlan? {
    pending.remove(.tailProbe)
    guard snd.flight > 0, recovery.phase == .open else { return nil }
    var plan = newTailProbe(&cold, &around, now)
    cold.probe.isRetransmission = plan == nil
    if plan == nil {
      let count = min(UInt32(lastSegmentLimit), snd.flight)
      plan = retransmission(
        of: SequenceRange(start: snd.nxt.retreated(by: count), end: snd.nxt), &cold, &around, now)
    }
    guard let plan else { return nil }
    cold.probe.isOut = true
    cold.probe.isOverdue = false
    mode.insert(.probed)
    cold.probe.end = snd.nxt
    cold.probe.stamp = timestampValue(now)
    around.counters.tcpLossProbes &+= 1
    around.recorder.note(.tailProbe, plan.seq.rawValue, cold.probe.isRetransmission ? 1 : 0, at: now)
    return plan
  }

  /// Sequence numbers that the last segment may take: a full one may have the FIN, too.
  var lastSegmentLimit: UInt16 { effectiveSendMSS &+ (mode.contains(.finSent) ? 1 : 0) }

  /// §7.4.2: TLP_process_ack.
  mutating func resolveTailProbe(
    _ seg: Segment, _ delivery: Delivery, _ cold: inout ColdBlock, _ around: inout Surroundings,
    _ now: Instant
  ) {
    guard cold.probe.isOut, seg.ack.followsOrEquals(cold.probe.end) else { return }
    let end = cold.probe.end
    if !cold.probe.isRetransmission {
      cold.probe.isOut = false
    } else if delivery.duplicated > 0, delivery.duplicatedEnd == end {
      cold.probe.isOut = false
    } else if seg.ack.follows(end) || (snd.flight == 0 && !hasUnsent(cold)) {
      // "Repaired the single loss". Where nothing else is in flight this acknowledgment decides, because
      // nothing will be remembered: it may be of the first transmission.
      cold.probe.isOut = false
      if isOfOriginal(seg, delivery, cold, now) { return }
      around.counters.tcpLossProbeRecovery &+= 1
      reactToRepairedTail(&cold, &around, now)
    } else if delivery.acknowledged == 0, seg.len == 0, !delivery.isSelective {
      cold.probe.isOut = false
    }
  }

  /// The acknowledgment came sooner than the probe can have brought it (RFC 8985 §6.2 step 2), or it echoes an older
  /// timestamp. That says something only if it is for nothing before the probe's text: a delayed acknowledgment echoes
  /// the first segment that it is for (RFC 7323 §4.3), whatever brought it about.
  private func isOfOriginal(_ seg: Segment, _ delivery: Delivery, _ cold: ColdBlock, _ now: Instant) -> Bool {
    let passed = UInt64(timestampValue(now) &- cold.probe.stamp)
    // An idle connection has forgotten its least round trip.
    let least = cold.rack.minimumRoundTrip == 0 ? rtt.srtt / 2 : cold.rack.minimumRoundTrip
    if (passed &+ 1) &* 1_000 <= UInt64(least) { return true }
    let una = seg.ack.retreated(by: delivery.acknowledged)
    let start = cold.probe.end.retreated(by: UInt32(lastSegmentLimit))
    guard una.followsOrEquals(start), mode.contains(.timestamps), seg.options.present.contains(.timestamps),
      seg.options.tsecr != 0
    else { return false }
    return Int32(bitPattern: seg.options.tsecr &- cold.probe.stamp) < 0
  }

  /// One loss, repaired without a recovery: the window shrinks once for it all the same.
  mutating func reactToRepairedTail(
    _ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant
  ) {
    guard recovery.phase == .open, !isAnswered(upTo: cold.probe.end, cold) else { return }
    cold.undo.isPossible = false
    congestion.reduce(
      CongestionEvent(
        .loss, flight: congestion.cwnd, lost: UInt32(effectiveSendMSS), mss: effectiveSendMSS,
        now: now.microseconds), &cold.congestion)
    if !congestion.ownsWindow { congestion.cwnd = min(congestion.cwnd, congestion.ssthresh) }
    windowWasReduced(&cold, &around, now)
    around.recorder.note(.tailRepaired, snd.una.rawValue, congestion.cwnd, at: now)
  }

  private mutating func newTailProbe(
    _ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant
  ) -> SegmentPlan? {
    guard hasUnsent(cold), snd.wnd.octets > snd.flight else { return nil }
    return textBeyondWindow(&cold, &around, now)
  }
}
