import MartletWire

// Recoveries that were not needed, found out and taken back: by timestamps (the Eifel
// algorithm, RFC 4015), by DSACK (RFC 2883 §5, RFC 3708), after a time-out also by
// F-RTO (RFC 5682).

/// What there is to go back to.
package struct UndoState: BitwiseCopyable, Sendable {
  /// As it was before the recovery.
  package var prior: CongestionController
  /// Whatever was sent again lies in it, with `hasRetransmitted`: a duplicate report of anything else is of a packet that
  /// the network doubled, or of an earlier probe (RFC 2883 §5.1), and says nothing.
  package var resent = SequenceRange(start: SequenceNumber(0), end: SequenceNumber(0))
  /// TSval of the first retransmission.
  package var stamp: UInt32 = 0
  /// When that left, in microseconds modulo 2^32.
  package var began: UInt32 = 0
  /// Octets that were sent again and not reported to have come twice.
  package var unaccounted: UInt32 = 0
  package var hasRetransmitted = false
  /// A time-out is among what would be undone: then delay is as likely as reordering.
  package var followsTimeout = false
  package var isPossible = true
  /// The window was reduced for a congestion mark, too: that stays.
  package var answersMark = false
  /// Something that was sent again has arrived, and no echo shows that it was the original.
  package var mayHaveRepaired = false
  /// `ColdBlock.isReduced` and `reducedAt` as they were.
  package var wasReduced = false
  package var reducedBefore = SequenceNumber(0)

  /// Nothing.
  package init() {
    self.init(CongestionController(mss: 1, segments: 1, .newReno))
    isPossible = false
  }

  package init(_ prior: CongestionController) {
    self.prior = prior
  }

  package init(_ prior: CongestionController, _ cold: ColdBlock) {
    self.init(prior)
    (wasReduced, reducedBefore) = (cold.isReduced, cold.reducedAt)
  }

  /// A tail-loss probe that is out as the recovery begins is one of its retransmissions: that it came twice, too, has to be
  /// reported.
  package mutating func follow(probe: SequenceRange) {
    guard isPossible else { return }
    unaccounted = unaccounted &+ probe.count
    resent = probe
  }

  /// A retransmission leaves.
  package mutating func retransmitted(_ range: SequenceRange, stamp: UInt32, now: UInt32) {
    guard isPossible else { return }
    if !hasRetransmitted {
      self.stamp = stamp
      began = now
      if unaccounted == 0 { resent = range }
    }
    hasRetransmitted = true
    unaccounted = unaccounted &+ range.count
    resent.start = SequenceNumber.earliest(resent.start, range.start)
    resent.end = SequenceNumber.latest(resent.end, range.end)
  }

  /// The range of a duplicate report was sent again, as far as is known.
  func covers(_ end: SequenceNumber, _ octets: UInt32) -> Bool {
    resent.start.precedesOrEquals(end.retreated(by: octets)) && end.precedesOrEquals(resent.end)
  }

  /// A retransmission at `time` was another recovery's.
  package func follows(_ time: UInt32) -> Bool {
    hasRetransmitted && Int32(bitPattern: time &- began) < 0
  }
}

extension TCB {
  /// Takes the last recovery back if this acknowledgment shows that nothing was lost.
  ///
  /// Returns whether it did.
  mutating func undoIfSpurious(
    _ seg: Segment, _ delivery: Delivery, _ cold: inout ColdBlock, _ around: inout Surroundings,
    _ now: Instant
  ) -> Bool {
    let isPossible = cold.undo.isPossible
    undoBy(seg, delivery, &cold, &around, now)
    return isPossible && !cold.undo.isPossible
  }

  private mutating func undoBy(
    _ seg: Segment, _ delivery: Delivery, _ cold: inout ColdBlock, _ around: inout Surroundings,
    _ now: Instant
  ) {
    guard cold.undo.isPossible, cold.undo.hasRetransmitted else { return }
    if delivery.duplicated > 0, cold.undo.covers(delivery.duplicatedEnd, delivery.duplicated) {
      let left = cold.undo.unaccounted
      cold.undo.unaccounted = left > delivery.duplicated ? left &- delivery.duplicated : 0
      if cold.undo.unaccounted == 0 {
        around.counters.tcpDSACKUndo &+= 1
        return undo(&cold, &around, now)
      }
    }
    guard recovery.phase == .fastRecovery || recovery.phase == .timeout else { return }
    // While something that was sent again may yet be what repairs a loss, nobody knows.
    if delivery.acknowledged > 0, answersOriginal(seg, cold), !cold.undo.mayHaveRepaired,
      cold.scoreboard.resentOctets(around.pool) == 0
    {
      if recovery.phase == .timeout { around.counters.tcpSpuriousRTOs &+= 1 }
      let wasRepaired = recovery.phase == .timeout && cold.probe.isOverdue && answersProbe(seg, cold)
      undo(&cold, &around, now)
      if wasRepaired { reactToRepairedTail(&cold, &around, now) }
      return
    }
    if recovery.phase == .timeout { checkForwardRTO(delivery, &cold, &around, now) }
  }

  /// RFC 3522 §3.2 (4): the echo is older than the first retransmission. Zero echoes nothing (RFC 7323 §3.2).
  private func answersOriginal(_ seg: Segment, _ cold: ColdBlock) -> Bool {
    guard mode.contains(.timestamps), seg.options.present.contains(.timestamps), seg.options.tsecr != 0
    else { return false }
    return Int32(bitPattern: seg.options.tsecr &- cold.undo.stamp) < 0
  }

  /// What was sent again has arrived. The echo is of the segment that SND.UNA waited for (RFC 7323 §4.3), so it tells of
  /// no other; and of none that an earlier recovery sent again.
  ///
  /// - Parameters:
  ///   - oldest: when it was first sent again, in microseconds.
  ///   - isOldest: SND.UNA moves over it, and waited for it.
  mutating func settleResent(since oldest: UInt32, isOldest: Bool, _ seg: Segment, _ cold: inout ColdBlock) {
    guard cold.undo.hasRetransmitted else { return }
    if isOldest, !cold.undo.follows(oldest), answersOriginal(seg, cold) { return }
    cold.undo.mayHaveRepaired = true
  }

  /// The echo is not older than a tail-loss probe that left before the time-out: that arrived first.
  private func answersProbe(_ seg: Segment, _ cold: ColdBlock) -> Bool {
    Int32(bitPattern: seg.options.tsecr &- cold.probe.stamp) >= 0
  }

  /// Congestion control as it was; what was judged lost is on its way.
  mutating func undo(_ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant) {
    if recovery.phase == .timeout {
      // The probe that left before it is answered later.
      if cold.probe.isOverdue, snd.una.precedes(cold.probe.end) { cold.probe.isOut = true }
      around.counters.tcpLossUndo &+= 1
    } else {
      around.counters.tcpFullUndo &+= 1
    }
    // What RACK took for lost was late. It may never see that by itself: with a window of no time every
    // original that comes late has been sent again before (RFC 8985 §6.2 step 3 looks at originals only).
    if mode.contains(.sack), !cold.undo.followsTimeout { noteReordering(&around, now) }
    // A window that has grown since the recovery does not shrink by being told that it was not needed.
    let least = recovery.phase == .open ? congestion.cwnd : 0
    congestion.undo(to: cold.undo.prior, &cold.congestion)
    if !cold.undo.answersMark {
      cold.isReduced = cold.undo.wasReduced
      cold.reducedAt = cold.undo.reducedBefore
      mode.remove(.owesCWR)
    } else if !congestion.ownsWindow {
      congestion.cwnd = min(congestion.cwnd, max(least, congestion.ssthresh))
    }
    // Whatever was acknowledged meanwhile has emptied the network.
    spreadWindow(over: pipe(cold), burst: around.configuration.initialWindowSegments, &cold)
    cold.undo.isPossible = false
    cold.lostBeyond = false
    cold.forwardRTO = .off
    cold.duplicateAcks = 0
    timers.backoff = 0
    recovery.phase = .open
    pending.remove(.retransmit)
    cold.scoreboard.lost.removeAll(&around.pool, &around.budget)
    cold.scoreboard.lostEdge = snd.una
    cold.endScoreboardIfIdle()
    around.recorder.note(.recoveryUndone, snd.una.rawValue, congestion.cwnd, at: now)
  }
}
