import MartletWire

// RFC 7323 §5.3 R1: protection against wrapped sequence numbers, before the
// checks of RFC 9293, for everything but a reset.

extension TCB {
  mutating func checkTimestamps(
    _ seg: Segment, _ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant,
    _ reaction: inout Reaction
  ) -> Check {
    guard mode.contains(.timestamps), !seg.flags.contains(.rst) else { return .next }
    guard seg.options.present.contains(.timestamps) else {
      // RFC 5961 §4.2: a SYN is challenged whatever it brings. A peer that has restarted may offer other options.
      if seg.flags.contains(.syn) { return .next }
      // RFC 7323 §3.2: "If a non-<RST> segment is received without a TSopt, a TCP SHOULD silently drop
      // the segment." Whoever forges segments from off the path has to guess one more number.
      around.counters.pawsEstab &+= 1
      return .done
    }
    guard isOlder(seg.options.tsval, than: timestamps.recent), !isRecentStale(now),
      !fillsHole(seg, cold, around)
    else { return .next }
    around.counters.pawsEstab &+= 1
    around.recorder.note(.pawsReject, seg.options.tsval, timestamps.recent, at: now)
    // "Send an acknowledgment in reply"; text that came twice is acknowledged every time (RFC 2883 §4.3).
    if seg.mayHaveLostItsAnswer {
      noteOldText(seg, &cold, &around, now)
      acknowledgeAtOnce(&reaction)
    } else {
      challenge(&around, now, &reaction)
    }
    return .done
  }

  /// Text that is missing behind a hole, and left after the hole was there. When a retransmission fills the
  /// first hole, TS.Recent is that of the retransmission, and what the network has delayed since before that
  /// would have to be sent again: the rule R1 by the letter answers one lost segment on a path that reorders
  /// with the loss of all that is late. A segment with the number of another time around cannot be so young:
  /// less than 2^30 octets have come since (`Deviations.md`).
  private func fillsHole(_ seg: Segment, _ cold: ColdBlock, _ around: borrowing Surroundings) -> Bool {
    guard seg.textCount > 0, !cold.outOfOrder.isEmpty,
      !isOlder(seg.options.tsval, than: cold.disorderStamp)
    else { return false }
    let end = seg.seq.advanced(by: seg.textCount)
    guard end.follows(rcv.nxt) else { return false }
    let start = SequenceNumber.latest(seg.seq, rcv.nxt)
    return cold.outOfOrder.firstHole(from: start, before: end, around.pool) != nil
  }

  /// What R1 goes by while anything is out of order.
  mutating func noteDisorder(_ cold: inout ColdBlock) {
    guard cold.outOfOrder.isEmpty || rcv.nxt.distance(from: cold.disorderStart) >= 1 << 29 else { return }
    cold.disorderStamp = timestamps.recent
    cold.disorderStart = rcv.nxt
  }

  /// RFC 7323 §5.5: after 24 days of silence TS.Recent says nothing any more.
  func isRecentStale(_ now: Instant) -> Bool {
    now.epoch &- timers.recentEpoch > 1_886
  }
}
