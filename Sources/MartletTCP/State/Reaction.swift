/// What an event asks of the engine. Marks are idempotent: a batch of segments
/// ORs them together and costs one acknowledgment, one output pass, one wake-up.
@frozen
public struct Reaction: OptionSet, BitwiseCopyable, Sendable {
  public var rawValue: UInt16

  @inlinable @inline(__always)
  public init(rawValue: UInt16) {
    self.rawValue = rawValue
  }

  /// An acknowledgment must leave before the next segment is taken: duplicate
  /// acknowledgments carry information by their number and must not merge. Implies `.output`.
  @inlinable public static var ackNow: Reaction { Reaction(rawValue: 1 | 4) }
  /// The segment was refused, and nothing in it shows that its sender knows the connection: anybody can have made
  /// it up (robustness rule O8).
  @inlinable public static var stray: Reaction { Reaction(rawValue: 2) }
  /// `nextSegment` may have something: pull at the end of the batch.
  @inlinable public static var output: Reaction { Reaction(rawValue: 4) }
  /// In-order text, the peer's FIN or an end became visible to the reader.
  @inlinable public static var readable: Reaction { Reaction(rawValue: 8) }
  /// A writer that was refused may go on.
  @inlinable public static var writable: Reaction { Reaction(rawValue: 16) }
  /// `nextDeadline` may be earlier than before.
  @inlinable public static var rearmTimer: Reaction { Reaction(rawValue: 32) }
  /// A segment that reset or refused the connection has been answered as its `EndReason` says; comes with `.closed`.
  @inlinable public static var reset: Reaction { Reaction(rawValue: 64) }
  /// The state is CLOSED: take it out of the flow table. `endReason` says why.
  @inlinable public static var closed: Reaction { Reaction(rawValue: 128) }
  /// The state is TIME-WAIT: replace the record on the wire side by a `TimeWaitTCB`.
  @inlinable public static var enterTimeWait: Reaction { Reaction(rawValue: 256) }
  /// The connection became ESTABLISHED.
  @inlinable public static var established: Reaction { Reaction(rawValue: 512) }
  /// The peer's urgent pointer moved ahead of what has been read (MUST-32).
  @inlinable public static var urgent: Reaction { Reaction(rawValue: 1024) }
  /// The segment asks for a reset in answer: build it with `TCB.resetAnswering(_:)` and send it. RFC 9293 §3.5.2.
  @inlinable public static var answerReset: Reaction { Reaction(rawValue: 2048) }
  /// The connection was ended from this side while synchronized: send `TCB.abortingReset()`.
  @inlinable public static var sendReset: Reaction { Reaction(rawValue: 4096) }
  /// R1 was passed: tell IP to look for another path (MUST-20) and the user (SHLD-9).
  @inlinable public static var adviseNegatively: Reaction { Reaction(rawValue: 8192) }
  /// Full-size segments do not arrive: remember `TCB.pathMSS` for the destination (RFC 4821 §7.7).
  @inlinable public static var pathMTUFell: Reaction { Reaction(rawValue: 32768) }
  /// The segment was dropped for want of memory or room; a counter says which.
  @inlinable public static var dropped: Reaction { Reaction(rawValue: 16384) }
}
