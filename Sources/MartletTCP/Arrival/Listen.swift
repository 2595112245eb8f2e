import MartletWire

/// What a listener does with a segment.
@frozen
public enum ListenVerdict: BitwiseCopyable, Sendable {
  /// Dropped without an answer.
  case drop
  /// Answered with a reset.
  case reset(SegmentPlan)
  /// A SYN: make an `EmbryonicTCB`.
  case open
}

/// SEGMENT ARRIVES in LISTEN (RFC 9293 §3.10.7.2), in its order: RST, ACK, SYN.
/// Whatever else stands in the header, ECN bits and reserved bits included, does
/// not make a SYN less of one (robustness rule P4).
public func segmentArrivesListen(_ seg: Segment) -> ListenVerdict {
  // "First, check for a RST: An incoming RST segment could not be valid … should be ignored."
  if seg.flags.contains(.rst) { return .drop }
  // "Second, check for an ACK: Any acknowledgment is bad if it arrives on a connection still in the
  // LISTEN state."
  if seg.flags.contains(.ack) {
    guard let reset = segmentArrivesClosed(seg) else { return .drop }
    return .reset(reset)
  }
  // "Third, check for a SYN". "Fourth, other data or control: This should not be reached. Drop the
  // segment." Text and FIN beside the SYN are left to come again.
  return seg.flags.contains(.syn) ? .open : .drop
}
