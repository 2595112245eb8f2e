import MartletWire

// The timers that find a loss when no acknowledgment did.

extension TCB {
  /// The reordering window has passed (RFC 8985 §6.2): what it was kept open for is lost.
  mutating func reorderingTimerFires(
    _ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant, _ reaction: inout Reaction
  ) {
    let found = detectLosses(&cold, &around, now, &reaction)
    var lost = found.octets
    guard lost > 0 else { return }
    cold.rate.lost = cold.rate.lost &+ lost
    lost &-= resolvePathProbe(lost: lost, &cold, &around, now)
    guard lost > 0 else {
      reaction.insert(.output)
      return
    }
    let beginsRecovery = recovery.phase == .open
    answer(found, &cold, &around, now)
    if congestion.ownsWindow, !beginsRecovery {
      // No acknowledgment tells of these.
      congestion.reduce(
        CongestionEvent(.loss, flight: snd.flight, lost: lost, mss: effectiveSendMSS, now: now.microseconds),
        &cold.congestion)
    }
    if recovery.phase == .fastRecovery, !congestion.ownsWindow {
      congestion.cwnd = cold.reduction.window(
        delivered: 0, pipe: pipe(cold), ssthresh: congestion.ssthresh, mss: effectiveSendMSS,
        makesProgress: false)
    }
    reaction.insert(.output)
  }

  /// The retransmission timer fired: everything is sent again as the window allows, from one segment on
  /// (RFC 5681 §3.1), but for what has arrived, and what left so lately that it may yet (RFC 8985 §6.3).
  mutating func startOver(
    _ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant, _ reaction: inout Reaction
  ) {
    let isFirst = timers.tries == 1
    if isFirst, recovery.phase == .open {
      cold.undo = UndoState(congestion, cold)
      cold.undo.answersMark = mode.contains(.owesCWR)
    }
    if !isFirst { cold.undo.isPossible = false }
    cold.undo.followsTimeout = true
    // Where it owes the next window's answer, that is a half of what it led to, and not of what the repair has left.
    if cold.lostBeyond, recovery.phase == .fastRecovery, !congestion.ownsWindow {
      congestion.cwnd = max(congestion.cwnd, congestion.ssthresh)
    }
    let event = CongestionEvent(
      .timeout, flight: min(snd.flight, max(congestion.cwnd, UInt32(effectiveSendMSS))),
      mss: effectiveSendMSS, now: now.microseconds)
    // The loss that began a fast recovery has been answered: what is lost of its repair is no further sign of
    // congestion, and the window that recovery left behind says nothing of what the path holds.
    let isAnswered = !isFirst || recovery.phase == .fastRecovery && !congestion.ownsWindow && !cold.lostBeyond
    congestion.timedOut(event, repeated: isAnswered, &cold.congestion)
    windowWasReduced(again: isAnswered, &cold, &around, now)
    cold.lostBeyond = false
    // RFC 5682 §2.1 step 1: not if the last time-out is still being repaired.
    cold.forwardRTO = isFirst && snd.una.follows(cold.recover) ? .retransmitted : .off
    cold.duplicateAcks = 0
    // What it may have repaired is not known: its acknowledgment is on its way (RFC 8985 §7.4).
    cold.probe.isOverdue = isFirst && cold.probe.isOut && cold.probe.isRetransmission
    if cold.probe.isOverdue, recovery.phase == .open {
      cold.undo.follow(probe: cold.probe.range(lastSegmentLimit, from: snd.una))
    }
    cold.probe.isOut = false
    cold.hasRescued = false
    cold.recover = snd.nxt.retreated(by: 1)
    cold.answeredAt = now.microseconds
    recovery.phase = .timeout
    loseFlight(&cold, &around, now)
    searchBlackHole(&cold, &around, now, &reaction)
    pending.remove(.tailProbe)
    pending.insert(.retransmit)
  }

  /// The path takes only smaller segments now: what is in flight is lost, unless it has arrived, and leaves
  /// again in smaller pieces. That is no congestion (RFC 1191 §6.4, RFC 8201 §5.4): the window stays. But where a
  /// repair is going on, "only one segment should be retransmitted" (RFC 1191 §6.4) until it arrives: a ladder of
  /// messages must not send the flight again for each.
  mutating func loseForPathMTU(_ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant) {
    let mss = UInt32(effectiveSendMSS)
    congestion.cwnd = recovery.phase == .open ? max(congestion.cwnd, mss) : mss
    guard snd.flight > 0 else { return }
    spreadRepair(burst: around.configuration.initialWindowSegments, &cold)
    cold.scoreboard.begin(snd.una)
    cold.scoreboard.reported = 0
    cold.undo.isPossible = false
    // Its acknowledgment tells of no congestion (RFC 8201 §5.4).
    cold.probe.isOut = false
    // What is sent again says nothing of the time-out any more, and waits for no new text.
    cold.forwardRTO = .off
    let lost = cold.scoreboard.loseResent(&around.pool, &around.budget) { $0.range.end }
    let more = cold.scoreboard.loseAll(upTo: snd.nxt, &around.pool, &around.budget)
    cold.rate.lost = cold.rate.lost &+ lost &+ more
    if recovery.phase == .open {
      recovery.phase = .pathMTU
      cold.recover = snd.nxt.retreated(by: 1)
      cold.answeredAt = now.microseconds
    }
    pending.insert(.retransmit)
  }

  private mutating func loseFlight(_ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant) {
    guard snd.flight > 0 else { return }
    if cold.scoreboard.sacked.range(containing: snd.una, around.pool) != nil {
      // RFC 2018 §8: the peer threw away what it had reported. "The data sender MUST retransmit the segment at
      // the left edge of the window after a retransmit timeout, whether or not the SACKed bit is on".
      around.counters.tcpSACKReneging &+= 1
      around.recorder.note(.sackReneged, snd.una.rawValue, at: now)
      cold.scoreboard.removeAll(&around.pool, &around.budget)
    }
    cold.scoreboard.begin(snd.una)
    cold.scoreboard.reported = 0
    cold.scoreboard.lostEdge = snd.una
    let clock = now.microseconds
    // RACK.rtt is not known when nothing was out of order lately.
    let roundTrip = cold.rack.roundTrip == 0 ? rtt.srtt : cold.rack.roundTrip
    let patience = mode.contains(.sack) ? roundTrip &+ reorderingWindow(cold) : 0
    var octets = cold.scoreboard.loseResent(&around.pool, &around.budget) { record in
      clock &- record.sentAt >= patience || record.range.start == snd.una
        ? record.range.end : record.range.start
    }
    let first = SequenceRange(start: snd.una, count: min(UInt32(effectiveSendMSS), snd.flight))
    // RFC 8985 §6.3: the first one in any case, even if a retransmission of something else is older.
    octets &+= cold.scoreboard.loseAgain(first, &around.pool, &around.budget)
    var edge = first.end
    for i in 0..<cold.sent.count {
      let record = cold.sent.record(i, around.pool)
      guard clock &- record.sentAt >= patience else { break }
      edge = SequenceNumber.latest(edge, record.range.end)
    }
    if !mode.contains(.sack) { edge = snd.nxt }
    octets &+= cold.scoreboard.loseAll(upTo: edge, &around.pool, &around.budget)
    if cold.scoreboard.lostEdge.precedes(edge) {
      // More holes than can be kept, and what is beyond them would count as on its way for ever: SACK will
      // report again what has arrived (RFC 2018 §8).
      cold.scoreboard.removeAll(&around.pool, &around.budget)
      cold.scoreboard.begin(snd.una)
      octets &+= cold.scoreboard.loseAll(upTo: edge, &around.pool, &around.budget)
    }
    cold.rate.lost = cold.rate.lost &+ octets
  }
}
