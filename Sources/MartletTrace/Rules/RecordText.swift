public import MartletTCP
internal import MartletWire

/// Describes one record: what happened with its operands, why, and where that is written.
///
///     SND.UNA → 301 (+300 octets): Fifth check: the acknowledgment is acceptable, … (RFC 9293 §3.10.7.4)
///
/// Sequence numbers are as on the wire, or relative to `base`.
public func describe(
  _ record: FlightRecorder.Record, _ language: Language = .english, base: RecordBase = RecordBase()
) -> String {
  let text = RuleText(record.rule)
  let operands = OperandText(record, base).text
  let reason = text.reason(language) + " (" + text.citation + ")"
  return operands.isEmpty ? reason : operands + ": " + reason
}

/// The initial sequence numbers that a record's operands are counted from; zero: as on the wire.
public struct RecordBase: Equatable, Sendable {
  /// ISS of the end that wrote the record.
  public var own: UInt32
  /// ISS of its peer: IRS.
  public var peer: UInt32

  public init(own: UInt32 = 0, peer: UInt32 = 0) {
    self.own = own
    self.peer = peer
  }
}

/// The two operands of a record, each by its name.
private struct OperandText {
  private let a: UInt32
  private let b: UInt32
  private let base: RecordBase
  private(set) var text = ""

  init(_ record: FlightRecorder.Record, _ base: RecordBase) {
    a = record.a
    b = record.b
    self.base = base
    text = describe(record.rule)
  }

  private func describe(_ rule: Rule) -> String {
    switch rule {
    case .none: ""
    case .transition: state(a) + " → " + state(b)
    case .closedReset: "seq " + String(a) + ", flags " + flags(b)
    case .listenSyn: "IRS " + String(a) + ", ISS " + String(b)
    case .outOfWindow: "seq " + theirs(a) + ", length " + String(b)
    case .pawsReject: "TSval " + String(a) + ", TS.Recent " + String(b)
    case .resetAccepted: "seq " + theirs(a)
    case .challengeAck: "seq " + theirs(a) + ", RCV.NXT " + theirs(b)
    case .challengeSuppressed: ""
    case .ackAdvances: "SND.UNA → " + ours(a) + " (+" + grouped(UInt64(b)) + ")"
    case .ackOfUnsent: "ack " + ours(a) + ", SND.NXT " + ours(b)
    case .duplicateAck: "ack " + ours(a) + ", number " + String(b)
    case .fastRetransmit: "SND.UNA " + ours(a) + ", recover " + ours(b)
    case .lossDetected: "up to " + ours(a) + ", " + octets(b) + " lost"
    case .reorderingSeen: "SND.UNA " + ours(a)
    case .duplicateReported: "seq " + ours(a) + ", " + octets(b)
    case .recoveryUndone, .tailRepaired: "SND.UNA " + ours(a) + ", cwnd " + grouped(UInt64(b))
    case .tailProbe: "seq " + ours(a) + (b == 0 ? ", new text" : ", sent again")
    case .pathProbe: "seq " + ours(a) + ", segments of " + octets(b)
    case .pathSizeFound: "segments of " + octets(a)
    case .blackHole: octets(a) + " → " + octets(b)
    case .partialAck: "ack " + ours(a)
    case .recoveryEnds: "ack " + ours(a) + ", cwnd " + grouped(UInt64(b))
    case .retransmissionTimeout: "SND.UNA " + ours(a) + ", RTO " + grouped(UInt64(b)) + " ms"
    case .windowProbe: "SND.UNA " + ours(a) + ", try " + String(b)
    case .keepAliveProbe: "try " + String(a)
    case .textInOrder, .textOutOfOrder, .textRefused, .duplicateText, .congestionMark:
      "seq " + theirs(a) + ", " + octets(b)
    case .receiveBufferGrows: grouped(UInt64(a)) + " octets, read " + grouped(UInt64(b))
    case .congestionEcho: "SND.UNA " + ours(a) + ", cwnd " + grouped(UInt64(b))
    case .finArrives: "seq " + theirs(a)
    case .givesUp: String(a) + " tries, " + grouped(UInt64(b)) + " ms"
    case .timestampUpdated: "TS.Recent " + String(a)
    case .roundTripSample: "sample " + grouped(UInt64(a)) + " µs, SRTT " + grouped(UInt64(b)) + " µs"
    case .timeWaitRestarts: grouped(UInt64(a)) + " ms"
    }
  }

  private func ours(_ number: UInt32) -> String { String(number &- base.own) }
  private func theirs(_ number: UInt32) -> String { String(number &- base.peer) }
  private func octets(_ count: UInt32) -> String {
    grouped(UInt64(count)) + (count == 1 ? " octet" : " octets")
  }
  private func state(_ operand: UInt32) -> String {
    TCPState(operand: operand)?.text(.rfc) ?? String(operand)
  }
  private func flags(_ operand: UInt32) -> String {
    TCPFlags(rawValue: UInt16(truncatingIfNeeded: operand)).text
  }
}
