import MartletWire

// RACK: what was sent well before something that has arrived, and has not arrived
// itself, is lost (RFC 8985 §1, §6). It needs SACK (§4), and works by time: so it finds the
// loss of retransmissions (§9.2) and tails, and learns how much reordering a path has.

/// RFC 8985 §5.3, as far as it is needed only while text is in flight.
@frozen
package struct RACKState: BitwiseCopyable, Sendable {
  /// RACK.xmit_ts: when the latest transmission was made that has been delivered, in microseconds.
  package var sentAt: UInt32 = 0
  /// RACK.rtt, in microseconds; 0: nothing was delivered yet.
  package var roundTrip: UInt32 = 0
  /// RACK.min_RTT: of this busy period, in microseconds.
  package var minimumRoundTrip: UInt32 = 0
  /// RACK.end_seq.
  package var end = SequenceNumber(0)
  /// RACK.fack: the highest number reported by SACK or acknowledged; meaningful with `hasForward`.
  package var forward = SequenceNumber(0)
  /// When a duplicate report widened the window last, in microseconds; meaningful with `hasDuplicate`. It
  /// stands for RACK.dsack_round, whose number would be half a turn old one day.
  package var duplicateAt: UInt32 = 0
  package var hasForward = false
  package var hasDuplicate = false

  /// - Parameter minimumRoundTrip: what is known of the path already.
  package init(minimumRoundTrip: UInt32 = 0) {
    self.minimumRoundTrip = minimumRoundTrip
  }

  /// All that was sent has been judged: what is left is what the path is like.
  package mutating func forget() {
    let last = self
    self = RACKState(minimumRoundTrip: last.minimumRoundTrip)
    (hasDuplicate, duplicateAt) = (last.hasDuplicate, last.duplicateAt)
  }
}

/// What was found lost.
struct Losses: BitwiseCopyable {
  var octets: UInt32 = 0
  /// Within a repair: some of it left since the last loss was answered.
  var isNew = false
  /// Within a fast recovery: some of it left after that had begun.
  var isBeyond = false
}

extension TCB {
  /// Steps 1 and 2: the newest transmission that was delivered.
  mutating func updateRACK(_ delivery: Delivery, _ cold: inout ColdBlock, _ now: Instant) {
    guard let newest = delivery.newest else { return }
    let elapsed = now.microseconds &- newest.sentAt
    cold.rack.roundTrip = max(elapsed, 1)
    if cold.rack.sentAt == 0 && cold.rack.end == SequenceNumber(0)
      || newest.wasSent(after: cold.rack.sentAt, cold.rack.end)
    {
      cold.rack.sentAt = newest.sentAt
      cold.rack.end = newest.range.end
    }
  }

  /// Step 3: an original arrived after something that was sent later.
  mutating func noteReordering(_ around: inout Surroundings, _ now: Instant) {
    around.counters.tcpSACKReorder &+= 1
    if recovery.reorderingSeen { return }
    recovery.reorderingSeen = true
    around.recorder.note(.reorderingSeen, snd.una.rawValue, at: now)
  }

  /// Step 4, its first half: once in a round trip, a segment that came twice widens the window.
  mutating func widenReorderingWindow(_ cold: inout ColdBlock, _ now: Instant) {
    let clock = now.microseconds
    if cold.rack.hasDuplicate, clock &- cold.rack.duplicateAt < rtt.srtt { return }
    // Reports of the end of a flight come when an idle connection has forgotten the time: one counts until the next
    // recovery has ended.
    if snd.una == snd.max, recovery.reorderingPersists == Self.persistence { return }
    cold.rack.hasDuplicate = true
    cold.rack.duplicateAt = clock
    recovery.reorderingSteps = min(recovery.reorderingSteps &+ 1, 250)
    recovery.reorderingPersists = Self.persistence
  }

  /// Recoveries that a wider window lasts.
  private static var persistence: UInt8 { 16 }

  /// Step 4 again: a recovery without duplicates; after sixteen the window is what it was at first.
  mutating func recoveryWithoutDuplicates() {
    guard recovery.reorderingPersists > 0 else { return }
    recovery.reorderingPersists &-= 1
    if recovery.reorderingPersists == 0 { recovery.reorderingSteps = 0 }
  }

  /// RACK_update_reo_wnd: how long an earlier segment may stay away after a later one, in microseconds (RFC 8985
  /// §3.3.2).
  func reorderingWindow(_ cold: ColdBlock) -> UInt32 {
    if !recovery.reorderingSeen {
      // DupThresh = 3 segments (RFC 8985 §6.2 step 4).
      let threshold = 3 &* UInt32(effectiveSendMSS)
      if recovery.phase != .open || cold.scoreboard.sacked.totalBytes >= threshold { return 0 }
    }
    let minimum = cold.rack.minimumRoundTrip == 0 ? rtt.srtt : cold.rack.minimumRoundTrip
    let steps = UInt64(recovery.reorderingSteps) &+ 1
    return UInt32(truncatingIfNeeded: min(steps &* UInt64(minimum) / 4, UInt64(max(rtt.srtt, 1))))
  }

  /// Step 5: judges what was sent before the newest delivery. Arms the reordering timer where time has yet to pass.
  mutating func detectLosses(
    _ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant, _ reaction: inout Reaction
  ) -> Losses {
    guard cold.scoreboard.isInUse, cold.rack.roundTrip > 0 else { return Losses() }
    let patience = cold.rack.roundTrip &+ reorderingWindow(cold)
    let clock = now.microseconds
    let rack = cold.rack
    let answeredAt = cold.answeredAt
    var waits: UInt32 = 0
    var isNew = false

    // Retransmissions, oldest first. Their times only grow: the first that is not late ends the search.
    var lost = cold.scoreboard.loseResent(&around.pool, &around.budget) { record in
      // A record is of many segments. Of one time with RACK.segment: what lies before it (the tie of §6.2 step 2).
      let isTie = record.sentAt == rack.sentAt
      let end = isTie ? SequenceNumber.earliest(record.range.end, rack.end) : record.range.end
      guard isTie ? end.follows(record.range.start) : !record.wasSent(after: rack.sentAt, rack.end) else {
        return record.range.start
      }
      let passed = clock &- record.sentAt
      if passed >= patience {
        if Int32(bitPattern: record.sentAt &- answeredAt) >= 0 { isNew = true }
        return end
      }
      waits = max(waits, patience &- passed)
      return record.range.start
    }
    if lost > 0 { around.counters.tcpLostRetransmit &+= 1 }

    // First transmissions: how far up the text is too old.
    var sentAt = answeredAt
    let edge = overdueEdge(cold, around, patience, clock, &waits, &sentAt)
    var isBeyond = false
    if edge.follows(cold.scoreboard.lostEdge) {
      if recovery.phase == .fastRecovery {
        let next = SequenceNumber.latest(
          cold.scoreboard.lostEdge, cold.isReduced ? cold.reducedAt : cold.recover.advanced(by: 1))
        isBeyond = edge.follows(next) && hasUndelivered(SequenceRange(start: next, end: edge), cold, around)
      }
      let octets = cold.scoreboard.loseAll(upTo: edge, &around.pool, &around.budget)
      lost &+= octets
      if octets > 0, Int32(bitPattern: sentAt &- answeredAt) > 0 { isNew = true }
    }
    if lost > 0 { around.recorder.note(.lossDetected, cold.scoreboard.lostEdge.rawValue, lost, at: now) }
    if waits > 0 { armReordering(waits, around.configuration, now, &reaction) }
    return Losses(octets: lost, isNew: isNew, isBeyond: isBeyond)
  }

  /// The end of what was sent before RACK.segment and is due, and when the last of it left.
  private func overdueEdge(
    _ cold: ColdBlock, _ around: borrowing Surroundings, _ patience: UInt32, _ clock: UInt32,
    _ waits: inout UInt32, _ sentAt: inout UInt32
  ) -> SequenceNumber {
    var edge = cold.scoreboard.lostEdge
    var i = cold.sent.index(endingAfter: edge, around.pool)
    while i < cold.sent.count {
      let record = cold.sent.record(i, around.pool)
      // Of one time with RACK.segment: only what lies before it (the tie of §6.2 step 2).
      let isTie = record.sentAt == cold.rack.sentAt
      guard isTie || Int32(bitPattern: record.sentAt &- cold.rack.sentAt) < 0 else { break }
      let end = isTie ? SequenceNumber.earliest(record.range.end, cold.rack.end) : record.range.end
      guard end.follows(edge) else { break }
      let passed = clock &- record.sentAt
      guard passed >= patience else {
        if hasUndelivered(SequenceRange(start: edge, end: end), cold, around) {
          waits = max(waits, patience &- passed)
        }
        break
      }
      // What has arrived says nothing of a loss.
      if recovery.phase != .open, Int32(bitPattern: record.sentAt &- sentAt) > 0,
        hasUndelivered(SequenceRange(start: edge, end: end), cold, around)
      {
        sentAt = record.sentAt
      }
      edge = end
      i &+= 1
    }
    return edge
  }

  private func hasUndelivered(
    _ range: SequenceRange, _ cold: ColdBlock, _ around: borrowing Surroundings
  ) -> Bool {
    cold.scoreboard.sacked.firstHole(from: range.start, before: range.end, around.pool) != nil
  }
}
