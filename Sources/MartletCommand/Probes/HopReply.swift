import MartletTCP
import MartletWire

/// What one query of a traceroute brought.
package struct HopReply: Equatable, Sendable {
  package var from: IPAddress
  package var time: TimeAmount
  package var error: SoftError

  package init(from: IPAddress, time: TimeAmount, error: SoftError) {
    self.from = from
    self.time = time
    self.error = error
  }

  /// The line of a hop: whoever answers is named once, as long as it is the same.
  package static func line(_ hop: Int, _ replies: [HopReply?], to destination: IPAddress) -> String {
    var line = hop < 10 ? " \(hop) " : "\(hop) "
    var last: IPAddress?
    for reply in replies {
      guard let reply else {
        line += " *"
        continue
      }
      if reply.from != last { line += " \(reply.from) (\(reply.from))" }
      last = reply.from
      line += "  \(reply.time.millisecondsText) ms"
      if let mark = reply.mark { line += " \(mark)" }
    }
    return line + "\n"
  }

  /// Nil for what is expected: time exceeded on the way, and port unreachable at its end.
  private var mark: String? {
    switch error {
    case .networkUnreachable: "!N"
    case .hostUnreachable: "!H"
    case .protocolUnreachable: "!P"
    case .sourceRouteFailed: "!S"
    case .administrativelyProhibited: "!X"
    case .parameterProblem: "!Q"
    case .unknown: "!?"
    case .none, .portUnreachable, .timeExceeded, .retransmitting: nil
    }
  }
}
