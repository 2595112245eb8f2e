import MartletWire

// The receiving half of explicit congestion notification (RFC 3168 §6.1.1, §6.1.3).

extension Segment {
  /// "ECN-setup SYN": both bits (RFC 3168 §6.1.1). Not with flags that no SYN should have, and not where
  /// the path has changed the codepoint, which is always Not-ECT on a SYN.
  @inlinable
  var asksForECN: Bool {
    flags.contains([.syn, .ece, .cwr]) && flags.isDisjoint(with: [.ack, .fin, .rst, .urg, .psh])
      && ecn == .notECT
  }

  /// "ECN-setup SYN-ACK": ECE alone. Both bits are the reflection of a peer that copies reserved bits
  /// (RFC 3168 §6.1.1.2).
  @inlinable
  var agreesToECN: Bool {
    flags.contains([.syn, .ack, .ece]) && !flags.contains(.cwr) && ecn == .notECT
  }
}

extension TCB {
  /// CWR and CE of an acceptable segment; what lies outside the window is not believed (RFC 3168 §6.1.5), and
  /// neither is a mark on what carries no text (§6.1.4). "… continues to set the ECN-Echo flag in all the ACK
  /// packets it sends … until it receives a CWR packet"; a mark on that very packet begins anew.
  mutating func checkCongestionMarks(
    _ seg: Segment, _ around: inout Surroundings, _ now: Instant, _ reaction: inout Reaction
  ) {
    guard seg.textCount > 0 else { return }
    if seg.flags.contains(.cwr) { mode.remove(.echoesMark) }
    guard seg.ecn == .ce else { return }
    around.counters.inCEPkts &+= 1
    guard !mode.contains(.echoesMark) else { return }
    around.recorder.note(.congestionMark, seg.seq.rawValue, seg.textCount, at: now)
    mode.insert(.echoesMark)
    // The sooner it knows the better: not delayed.
    pending.insert(.ack)
    reaction.insert(.output)
  }
}
