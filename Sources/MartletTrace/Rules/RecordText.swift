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
  let operands = OperandText(record, language, base).text
  var reason = text.reason(language)
  if record.rule == .transition, let old = TCPState(operand: record.a), let new = TCPState(operand: record.b)
  {
    reason = TransitionText(old, new).reason(language)
  }
  reason += " (" + text.citation + ")"
  return operands.isEmpty ? reason : operands + ": " + reason
}

/// The same where the reason has been given before: what happened and where it is written, unless there are no operands.
package func remind(
  _ record: FlightRecorder.Record, _ language: Language, base: RecordBase
) -> String {
  let operands = OperandText(record, language, base).text
  guard !operands.isEmpty else { return describe(record, language, base: base) }
  let text = RuleText(record.rule)
  let check = text.reason(language).firstClause
  return operands + (check.isEmpty ? "" : ": " + check) + " (" + text.citation + ")"
}

extension String {
  /// What stands before the first colon, if it is short: which check it was.
  fileprivate var firstClause: String {
    var clause = String.UnicodeScalarView()
    for scalar in unicodeScalars {
      if scalar == ":" || scalar == "\u{ff1a}" { return String(clause).columns <= 40 ? String(clause) : "" }
      clause.append(scalar)
    }
    return ""
  }
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
  private let language: Language
  private(set) var text = ""

  init(_ record: FlightRecorder.Record, _ language: Language, _ base: RecordBase) {
    self.language = language
    a = record.a
    b = record.b
    self.base = base
    text = describe(record.rule)
  }

  private func describe(_ rule: Rule) -> String {
    switch rule {
    case .none: ""
    case .transition: state(a) + " → " + state(b)
    case .closedReset: "seq " + theirs(a) + ", " + word("flags ", "标志 ") + flags(b)
    case .listenSyn: "IRS " + String(a) + ", ISS " + String(b)
    case .outOfWindow, .timeWaitAnswers: "seq " + theirs(a) + ", " + word("length ", "长度 ") + String(b)
    case .pawsReject: "TSval " + String(a) + ", TS.Recent " + String(b)
    case .resetAccepted, .finArrives, .resetIgnored, .synAgain, .ackMissing, .finOutOfOrder:
      "seq " + theirs(a)
    case .ackRepeated, .ackTooOld: "ack " + ours(a) + ", SND.UNA " + ours(b)
    case .challengeAck: "seq " + theirs(a) + ", RCV.NXT " + theirs(b)
    case .challengeSuppressed: ""
    case .ackAdvances: "SND.UNA → " + ours(a) + " (+" + grouped(UInt64(b)) + ")"
    case .ackOfUnsent: "ack " + ours(a) + ", SND.NXT " + ours(b)
    case .duplicateAck: "ack " + ours(a) + ", " + word("number ", "第 ") + String(b) + word("", " 个")
    case .fastRetransmit: "SND.UNA " + ours(a) + ", recover " + ours(b)
    case .lossDetected: word("up to ", "到 ") + ours(a) + ", " + octets(b) + word(" lost", " 丢失")
    case .reorderingSeen, .windowShut: "SND.UNA " + ours(a)
    case .duplicateReported: "seq " + ours(a) + ", " + octets(b)
    case .recoveryUndone, .tailRepaired, .congestionEcho:
      "SND.UNA " + ours(a) + ", cwnd " + grouped(UInt64(b))
    case .tailProbe:
      "seq " + ours(a) + (b == 0 ? word(", new text", ", 新数据") : word(", sent again", ", 重传"))
    case .pathProbe: "seq " + ours(a) + ", " + segments(of: b)
    case .pathSizeFound: segments(of: a)
    case .blackHole: octets(a) + " → " + octets(b)
    case .partialAck, .refused, .handshakeAcknowledged, .cookieRefused: "ack " + ours(a)
    case .recoveryEnds: "ack " + ours(a) + ", cwnd " + grouped(UInt64(b))
    case .retransmissionTimeout: "SND.UNA " + ours(a) + ", RTO " + grouped(UInt64(b)) + " ms"
    case .windowProbe: "SND.UNA " + ours(a) + ", " + count(b)
    case .keepAliveProbe, .synAckRepeated: count(a)
    case .textInOrder, .textOutOfOrder, .textRefused, .duplicateText, .congestionMark, .textToOrphan:
      "seq " + theirs(a) + ", " + octets(b)
    case .receiveBufferGrows: octets(a) + ", " + word("read ", "已读 ") + grouped(UInt64(b))
    case .givesUp: tries(a) + ", " + grouped(UInt64(b)) + " ms"
    case .roundTripSample:
      word("sample ", "样本 ") + grouped(UInt64(a)) + " µs, SRTT " + grouped(UInt64(b)) + " µs"
    case .timeWaitRestarts: grouped(UInt64(a)) + " ms"
    case .synAcknowledged: "ack " + ours(a) + ", IRS " + String(b)
    case .synCrossed: "IRS " + String(a)
    case .handshakeUnacknowledged: "ack " + ours(a) + ", " + word("expected ", "应为 ") + ours(b)
    case .halfOpenExpires: tries(a &+ 1)
    case .synDropped, .acceptQueueFull: grouped(UInt64(a)) + word(" of ", "/") + grouped(UInt64(b))
    case .cookieSent: "ISS " + String(a)
    case .cookieReturned: "ack " + ours(a) + ", MSS " + grouped(UInt64(b))
    case .timeWaitReopened: "seq " + String(a) + ", RCV.NXT " + String(b)
    case .windowOpens: "SND.WND " + grouped(UInt64(a))
    case .delayedAck: "RCV.NXT " + theirs(a)
    case .urgentText: "RCV.UP " + theirs(a)
    case .aborts: "SND.NXT " + ours(a)
    case .textUnread: "RCV.NXT " + theirs(a) + ", " + octets(b) + word(" unread", " 未读")
    case .windowReduced:
      a == .max ? "SND.UNA " + ours(b) : "ssthresh " + grouped(UInt64(a)) + ", SND.UNA " + ours(b)
    case .slowStartEnds, .windowUnused:
      "cwnd " + grouped(UInt64(a)) + (b == .max ? "" : ", ssthresh " + grouped(UInt64(b)))
    case .limitedTransmit: "SND.NXT " + ours(a)
    case .sackReneged: "SND.UNA " + ours(a)
    case .pathMTUFalls: "MSS " + grouped(UInt64(b)) + " → " + grouped(UInt64(a))
    case .pathMTUDoubted:
      "MSS " + grouped(UInt64(b)) + ", " + word("claimed ", "声称 ") + grouped(UInt64(a))
    case .networkError: softError(a)
    case .sillyWindowOverridden: "SND.NXT " + ours(a) + ", SND.WND " + grouped(UInt64(b))
    case .fastOpenAccepted, .fastOpenAnswered: octets(a)
    case .endedByStack: endReason(a)
    case .flowBegins:
      word("ports ", "端口 ") + String(a >> 16) + word(" and ", "、") + String(a & 0xffff)
    case .flowAddress: hexadecimal(UInt64(a) << 32 | UInt64(b), digits: 16)
    case .flowContinues: word("was ", "原为 ") + String(a)
    }
  }

  private func softError(_ operand: UInt32) -> String {
    UInt8(exactly: operand).flatMap(SoftError.init(rawValue:))?.text(language) ?? String(operand)
  }
  private func endReason(_ operand: UInt32) -> String {
    UInt8(exactly: operand).flatMap(EndReason.init(rawValue:))?.text(language) ?? String(operand)
  }
  private func ours(_ number: UInt32) -> String { String(number &- base.own) }
  private func theirs(_ number: UInt32) -> String { String(number &- base.peer) }
  private func octets(_ count: UInt32) -> String {
    grouped(UInt64(count)) + word(count == 1 ? " octet" : " octets", " 字节")
  }
  private func segments(of count: UInt32) -> String {
    word("segments of ", "报文段长 ") + octets(count)
  }
  /// The how-manieth.
  private func count(_ number: UInt32) -> String {
    word("try ", "第 ") + String(number) + word("", " 次")
  }
  private func tries(_ number: UInt32) -> String {
    grouped(UInt64(number)) + word(number == 1 ? " try" : " tries", " 次尝试")
  }
  private func word(_ english: String, _ chinese: String) -> String {
    language == .english ? english : chinese
  }
  private func state(_ operand: UInt32) -> String {
    TCPState(operand: operand)?.text(.rfc) ?? String(operand)
  }
  private func flags(_ operand: UInt32) -> String {
    TCPFlags(rawValue: UInt16(truncatingIfNeeded: operand)).text
  }
}
