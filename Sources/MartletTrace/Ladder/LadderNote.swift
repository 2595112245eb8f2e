public import MartletTCP

/// Something that happened at one end besides its segments: what its application did, what it decided, and what befell it.
public struct LadderNote: Equatable, Sendable {
  public enum Happening: Equatable, Sendable {
    /// What the endpoint wrote down of itself, and so its reason.
    case record(FlightRecorder.Record)
    case event(EndEvent)
  }

  public var time: Instant
  public var side: Side
  public var happening: Happening
  /// How often it happened, at that time and on end.
  public internal(set) var count = 1

  public init(_ happening: Happening, at side: Side, time: Instant) {
    self.time = time
    self.side = side
    self.happening = happening
  }
}

/// What an application does with its connection, or what befalls its host.
public enum EndEvent: Equatable, Sendable {
  /// OPEN, passive (RFC 9293 §3.9.1.1).
  case listens
  /// OPEN, active.
  case connects
  /// SEND, of so many octets.
  case sends(UInt64)
  /// RECEIVE, of so many octets.
  case reads(UInt64)
  /// RECEIVE has nothing more to give: the peer's FIN, after all of its text.
  case readsEnd
  /// CLOSE, of its sending half; it goes on reading.
  case shutsSending
  /// CLOSE.
  case closes
  /// ABORT.
  case aborts
  /// What a call told.
  case isTold(EndReason)
  /// Its power is cut.
  case crashes
  case restarts
  /// It is told to send no third segment (S3.9).
  case withholdsAcknowledgment
  /// SYNs in the names of strangers have come: how many of the listener's places they have taken.
  case isFlooded(syns: UInt64, halfOpen: UInt64, limit: UInt64)
}

extension LadderNote {
  /// What an end wrote down of itself, which follows from what came before.
  package var isReason: Bool {
    if case .record = happening { true } else { false }
  }

  /// A decision of a transfer that goes as it should.
  package var isPlain: Bool {
    guard case .record(let record) = happening else { return false }
    return switch record.rule {
    case .ackAdvances, .textInOrder: true
    default: record.rule.isRoutine
    }
  }
}

extension Rule {
  /// What every second segment brings: it explains nothing that the numbers on the arrows do not.
  package var isRoutine: Bool {
    switch self {
    case .none, .transition, .roundTripSample: true
    default: false
    }
  }
}
