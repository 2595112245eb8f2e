import MartletWire

// Text that came before is dropped, and reported: the sender learns from it that
// a retransmission was needless, or that the network duplicates (RFC 2883).

extension TCB {
  /// A segment that is dropped whole, all or the first part of which lies before RCV.NXT.
  mutating func noteOldText(
    _ seg: Segment, _ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant
  ) {
    guard seg.len > 0, !seg.flags.contains(.syn), seg.seq.precedes(rcv.nxt) else { return }
    noteDuplicate(
      SequenceRange(start: seg.seq, end: SequenceNumber.earliest(seg.end, rcv.nxt)), &cold, &around, now)
  }

  /// Those octets of `range` that wait beyond a hole already; of several stretches the first (§4.2).
  mutating func noteTextHeld(
    _ range: SequenceRange, _ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant
  ) {
    let i = cold.outOfOrder.firstIndex(endingAfter: range.start, around.pool)
    guard i < cold.outOfOrder.count else { return }
    let held = cold.outOfOrder.range(at: i, around.pool)
    guard held.start.precedes(range.end) else { return }
    let both = SequenceRange(
      start: SequenceNumber.latest(held.start, range.start), end: SequenceNumber.earliest(held.end, range.end)
    )
    noteDuplicate(both, &cold, &around, now)
  }

  /// To be the first block of the next acknowledgment, and of that one alone, which does not wait. RFC 2883 §4
  /// (2): "Each duplicate contiguous sequence of data received is reported in at most one D-SACK block."
  private mutating func noteDuplicate(
    _ range: SequenceRange, _ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant
  ) {
    guard mode.contains(.sack), state.isSynchronized else { return }
    // Of one segment the first stretch counts: what lies before RCV.NXT is found first.
    guard cold.duplicate.isEmpty else { return }
    cold.duplicate = range
    around.recorder.note(.duplicateText, range.start.rawValue, range.count, at: now)
  }
}
