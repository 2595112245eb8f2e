import MartletWire

// What leaves a second time: what is lost, from the lowest number on, as far as the
// windows allow.

extension TCB {
  /// The next lost text; nil when there is none, or no room for it.
  mutating func lostSegment(
    _ limit: UInt32, _ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant
  ) -> SegmentPlan? {
    let isForced = pending.contains(.retransmit)
    guard let lost = cold.scoreboard.lost.first(around.pool) else {
      pending.remove(.retransmit)
      // A FIN that is out alone.
      guard isForced, cold.send.isEmpty, snd.flight > 0 else { return nil }
      return retransmission(of: SequenceRange(start: snd.una, end: snd.nxt), &cold, &around, now)
    }
    let mss = UInt32(effectiveSendMSS)
    let wanted = wantedRepair(lost, cold, around)
    // F-RTO step 2: new text goes first.
    if cold.forwardRTO == .probing, !isForced, hasUnsent(cold) { return nil }
    // Into a shut window only the timer sends.
    guard isForced || lost.start.distance(from: snd.una) < snd.wnd.octets else { return nil }
    let inNetwork = pipe(cold)
    var allowed = congestion.cwnd > inNetwork ? congestion.cwnd &- inNetwork : 0
    if isForced { allowed = max(allowed, mss) }
    guard allowed >= min(mss, wanted) else { return nil }
    let burst = around.configuration.initialWindowSegments
    if !isForced, isPaced(cold.spreadsWindow, burst: burst) {
      allowed = min(allowed, pacedOctets(&cold, burst: burst, now))
      guard allowed > 0 else { return nil }
    }
    let most = min(max(limit, mss), allowed)
    let count = min(wanted, most >= mss ? most &- most % mss : most)
    pending.remove(.retransmit)
    return retransmission(
      of: SequenceRange(start: lost.start, count: count), &cold, &around, now)
  }

  /// Octets to send again from the first lost one on. Not a segment for each octet that a peer leaves out
  /// (robustness rule E2): holes that lie close leave together, and one alone with some of what follows it.
  private func wantedRepair(
    _ lost: SequenceRange, _ cold: borrowing ColdBlock, _ around: borrowing Surroundings
  ) -> UInt32 {
    let mss = UInt32(effectiveSendMSS)
    guard lost.count < mss else { return lost.count }
    let span = cold.scoreboard.lostSpan(within: mss, around.pool)
    return max(span, min(UInt32(around.configuration.minimumSendMSS), snd.nxt.distance(from: lost.start)))
  }

  /// RFC 6675 §4 (4), the rescue: recovery waits for acknowledgments, nothing is known to be lost and
  /// nothing new may be sent, though the window has room: the last segment may have been lost. Once a
  /// recovery, and only when it is overdue: RFC 6675 does not know the time, and would send it at once.
  mutating func rescueSegment(
    _ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant
  ) -> SegmentPlan? {
    guard recovery.phase == .fastRecovery, mode.contains(.sack), cold.scoreboard.lost.isEmpty,
      !cold.hasRescued || snd.una.follows(cold.rescued)
    else { return nil }
    let mss = UInt32(effectiveSendMSS)
    let count = min(mss, snd.flight)
    let last = SequenceRange(start: snd.nxt.retreated(by: count), end: snd.nxt)
    guard count > 0, congestion.cwnd >= pipe(cold) &+ count,
      cold.scoreboard.sacked.bytes(in: last, around.pool) == 0,
      last.start.followsOrEquals(cold.scoreboard.lostEdge), !cold.scoreboard.isResent(last, around.pool),
      isOverdue(cold, around, now)
    else { return nil }
    cold.hasRescued = true
    cold.rescued = cold.recover
    return retransmission(of: last, &cold, &around, now)
  }

  /// Even the newest text has been out for longer than RACK would wait for it.
  private func isOverdue(_ cold: ColdBlock, _ around: borrowing Surroundings, _ now: Instant) -> Bool {
    guard cold.sent.count > 0 else { return false }
    let newest = cold.sent.record(cold.sent.count &- 1, around.pool)
    return now.microseconds &- newest.sentAt > cold.rack.roundTrip &+ reorderingWindow(cold)
  }

  /// Text that was sent before, and the FIN if `range` reaches it, as far as the peer's window allows now.
  mutating func retransmission(
    of range: SequenceRange, _ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant
  ) -> SegmentPlan? {
    // RFC 9293 §3.8.6 (SHLD-16): inside the window that the peer offers now, which may have shrunk; a shut
    // one gets a probe's octet.
    let offset = range.start.distance(from: snd.una)
    let window = max(snd.wnd.octets, 1)
    guard offset < window, range.start.precedes(snd.nxt) else { return nil }
    let length = min(range.count, window &- offset)
    let text = cold.send.count > offset ? cold.send.count &- offset : 0
    let count = min(length, text)
    let carriesFin = mode.contains(.finSent) && length > text
    guard count > 0 || carriesFin else { return nil }
    var plan = segment(seq: range.start, flags: .ack, &cold, &around, now)
    plan.textOffset = offset
    plan.textCount = count
    plan.segmentSize = effectiveSendMSS
    if count == text, count > 0 { plan.flags.insert(.psh) }
    if carriesFin { plan.flags.insert(.fin) }
    plan.isRetransmission = true
    addUrgentPointer(to: &plan, cold)
    noteRetransmission(
      SequenceRange(start: range.start, count: count &+ (carriesFin ? 1 : 0)), &cold, &around, now)
    return plan
  }

  /// A segment leaves again.
  mutating func countRetransmission(_ around: inout Surroundings) {
    around.counters.retransSegs &+= 1
    retransmissions &+= 1
  }

  private mutating func noteRetransmission(
    _ range: SequenceRange, _ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant
  ) {
    let clock = now.microseconds
    // Whatever is acknowledged of it from now on may have come in smaller segments.
    if cold.search.isOut, range.start.precedes(cold.search.range.end),
      cold.search.range.start.precedes(range.end)
    {
      failPathProbe(&cold, &around, now)
    }
    cold.scoreboard.begin(snd.una)
    let inNetwork = pipe(cold)
    if inNetwork == 0 { cold.rate.restart(now: clock) }
    cold.scoreboard.resend(
      range, cold.rate, flight: inNetwork &+ range.count, now: clock, span: rtt.srtt8 >> 11, &around.pool,
      &around.budget)
    cold.undo.retransmitted(range, stamp: timestampValue(now), now: clock)
    if recovery.phase == .fastRecovery { cold.reduction.out = cold.reduction.out &+ range.count }
    let burst = around.configuration.initialWindowSegments
    if isPaced(cold.spreadsWindow, burst: burst) { notePacedDeparture(range.count, &cold, now) }
    countRetransmission(&around)
    // RFC 6298 (5.1). The timer that has just fired runs already.
    if timers.armed.isDisjoint(with: .lossTimers) { armRetransmission(around.configuration.rto, now) }
  }
}
