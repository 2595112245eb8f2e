import MartletWire

// Sixth, check the URG bit (RFC 9293 §3.10.7.4, §3.8.5).

extension TCB {
  /// Urgent text stays in the stream; the pointer only tells how far to hurry. It is never taken off a
  /// length or followed (robustness rule P3).
  mutating func checkUrgent(
    _ seg: Segment, _ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant,
    _ reaction: inout Reaction
  ) {
    guard seg.flags.contains(.urg), !mode.contains(.finReceived),
      state == .established || state == .finWait1 || state == .finWait2
    else { return }
    // "RCV.UP <- max(RCV.UP,SEG.UP), and signal the user that the remote side has urgent data if the
    // urgent pointer (RCV.UP) is in advance of the data consumed." The pointer is the octet after the
    // urgent text (MUST-62).
    let pointer = seg.seq.advanced(by: UInt32(seg.up))
    let consumed = rcv.nxt.retreated(by: cold.receive.count)
    guard pointer.follows(consumed), !cold.urgent || pointer.follows(cold.urgentPointer) else { return }
    cold.urgent = true
    cold.urgentPointer = pointer
    around.recorder.note(.urgentText, pointer.rawValue, at: now)
    reaction.insert(.urgent)
  }
}
