public import MartletTCP

/// The two lifelines of a ladder.
public enum Side: UInt8, CaseIterable, Sendable {
  /// The client: whoever sent the first SYN.
  case left
  /// The server.
  case right

  public var other: Side { self == .left ? .right : .left }
}

/// One segment that was really sent, and what is known of its way.
public struct Observation: Equatable, Sendable {
  /// When it left its sender, or passed the point of capture.
  public var time: Instant
  /// When it reached the other end; nil when nobody knows (a capture) or it was lost.
  public var arrival: Instant?
  public var from: Side
  public var segment: TracedSegment
  /// It is known never to have arrived.
  public var isLost: Bool
  /// Which of the flow's segments it is, to be called by; 0: it has no number.
  public var number = 0
  /// Somebody else sent it in this end's name.
  public var isForged = false
  /// The network made it.
  public var isCopy = false
  /// What somebody found odd about it who watched the flow (`SegmentAnalysis`).
  public var findings: SegmentFindings = []
  /// Why it is a reset, likewise.
  public var resetCause: ResetCause?
  /// What the sender believed after sending it, where known.
  public var senderState: TCPState?
  /// What the receiver believed after taking it, where known.
  public var receiverState: TCPState?

  public init(
    _ segment: TracedSegment, from: Side, at time: Instant, arrival: Instant? = nil, isLost: Bool = false,
    senderState: TCPState? = nil, receiverState: TCPState? = nil
  ) {
    self.segment = segment
    self.from = from
    self.time = time
    self.arrival = isLost ? nil : arrival
    self.isLost = isLost
    self.senderState = senderState
    self.receiverState = receiverState
  }
}

/// A change of state that an endpoint itself reported.
public struct KnownTransition: Equatable, Sendable {
  public var time: Instant
  public var side: Side
  public var old: TCPState
  public var new: TCPState

  public init(_ side: Side, _ old: TCPState, _ new: TCPState, at time: Instant) {
    self.side = side
    self.old = old
    self.new = new
    self.time = time
  }

  /// Nil unless the record is a `.transition` between two states.
  public init?(_ record: FlightRecorder.Record, of side: Side) {
    guard record.rule == .transition, let old = TCPState(operand: record.a),
      let new = TCPState(operand: record.b)
    else { return nil }
    self.init(side, old, new, at: record.time)
  }
}

extension TCPState {
  /// The state that an operand of a flight record names.
  package init?(operand: UInt32) {
    guard operand <= UInt32(UInt8.max) else { return nil }
    self.init(rawValue: UInt8(truncatingIfNeeded: operand))
  }
}
