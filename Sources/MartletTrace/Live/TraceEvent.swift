public import MartletTCP

/// One line of a trace: what a stack sent or was handed, and what it decided, in the order of its happening.
public enum TraceEvent: Equatable, Sendable {
  /// A segment that passed one of its links.
  case segment(TracedSegment, PacketDirection, at: Instant)
  /// What it wrote down, and of which flow; nil: of none, or of one whose name is not known any more.
  case record(FlightRecorder.Record, of: TraceFlow?)
  /// So many of both came too fast to be kept, or were overwritten before anybody read them.
  case lost(UInt64)

  /// Nil: nobody knows.
  public var time: Instant? {
    switch self {
    case .segment(_, _, let time): time
    case .record(let record, _): record.time
    case .lost: nil
    }
  }

  /// The flow that it is of, as the stack sees it.
  public var flow: TraceFlow? {
    switch self {
    case .segment(let segment, .inbound, _):
      TraceFlow(local: segment.destination, remote: segment.source)
    case .segment(let segment, _, _): TraceFlow(local: segment.source, remote: segment.destination)
    case .record(_, let flow): flow
    case .lost: nil
    }
  }

  /// As one JSON object, without a newline (Documentation/Traces.md).
  public func json(_ language: Language = .english) -> String {
    switch self {
    case .segment(let segment, let direction, let time):
      var object = segment.object(at: time)
      object.add("direction", direction == .inbound ? "in" : "out")
      return object.text
    case .record(let record, let flow):
      var object = record.object(language)
      if let flow {
        object.add("local", flow.local.text)
        object.add("remote", flow.remote.text)
      }
      return object.text
    case .lost(let events):
      var object = JSONObject()
      object.add("type", "lost")
      object.add("events", events)
      return object.text
    }
  }
}
