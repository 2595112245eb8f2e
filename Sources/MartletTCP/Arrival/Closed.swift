import MartletWire

/// SEGMENT ARRIVES in CLOSED (RFC 9293 §3.10.7.1): a state without a record. The
/// answer is a reset, or nothing to a reset.
public func segmentArrivesClosed(_ seg: Segment) -> SegmentPlan? {
  guard !seg.flags.contains(.rst) else { return nil }
  // "If the ACK bit is off, sequence number zero is used, <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>.
  // If the ACK bit is on, <SEQ=SEG.ACK><CTL=RST>."
  if seg.flags.contains(.ack) {
    return SegmentPlan(seq: seg.ack, ack: SequenceNumber(0), flags: .rst, window: UnscaledWindow(0))
  }
  return SegmentPlan(
    seq: SequenceNumber(0), ack: seg.end, flags: [.rst, .ack], window: UnscaledWindow(0))
}

extension TCB {
  /// The reset that `Reaction.answerReset` asks for: as if the state were CLOSED (RFC 9293 §3.5.2,
  /// group 2). Nil for a reset.
  public static func resetAnswering(_ seg: Segment) -> SegmentPlan? {
    segmentArrivesClosed(seg)
  }
}
