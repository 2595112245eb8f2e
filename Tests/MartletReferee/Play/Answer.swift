/// A segment that a stack has sent, without what two TCPs need not have in common: numbers are relative, PSH,
/// the exact window, its scale, TSval, and everything of IP are left out.
package struct Answer: Sendable {
  var flags: ScriptSegment.Flags
  /// Relative to the stack's initial number.
  var seq: Int
  /// RFC 9293 §3.10.7.1: "If the ACK bit is off, sequence number zero is used", not relative to anything.
  var isNumberZero: Bool
  /// Relative to the peer's; nil: no ACK.
  var ack: Int?
  var length: Int
  /// As on the wire.
  var window: UInt16
  var mss: UInt16?
  var hasScale: Bool
  var sackPermitted: Bool
  /// TSecr; the peer's clock begins at 1,000. Nil: no timestamps.
  var echo: Int?
  var sack: [(Int, Int)]
  var urgent: UInt16?
  /// Numbers near this one are shown relative to it.
  var edge: Int?
  /// Milliseconds since the step began.
  var time = 0

  /// What is compared.
  package var text: String {
    var words = [flags.subtracting([.psh]).text, isNumberZero ? "seq=zero" : "seq=\(seq)"]
    if let ack { words.append("ack=\(shown(ack))") }
    if length > 0 { words.append("len=\(length)") }
    if window == 0, !flags.contains(.rst) { words.append("win=0") }
    if let mss { words.append("mss=\(mss)") }
    if hasScale { words.append("ws") }
    if sackPermitted { words.append("sackok") }
    if let echo { words.append("ecr=\(echo)") }
    if !sack.isEmpty {
      words.append("sack=" + sack.map { "\(shown($0.0)):\(shown($0.1))" }.joined(separator: ","))
    }
    if let urgent { words.append("urg=\(urgent)") }
    return words.joined(separator: " ")
  }
}

extension Answer {
  private func shown(_ number: Int) -> String {
    guard let edge, abs(number - edge) <= 2_000, edge > 4_000 else { return String(number) }
    return "edge\(number < edge ? "" : "+")\(number - edge)"
  }
}

/// What a stack did from the beginning of one step to the beginning of the next.
package struct Outcome: Sendable {
  /// What the call gave; nil: no call.
  package var result: String?
  package var answers: [Answer] = []
  /// Of the application's socket; nil: it has none.
  package var state: String?
  /// What the kernel's scripted peer knew before.
  var view: PeerView?

  package init() {}

  /// What is compared, but for the times.
  package var text: String {
    var lines = answers.map(\.text)
    if let result { lines.insert("= " + result, at: 0) }
    return lines.joined(separator: "; ") + (state.map { " [\($0)]" } ?? "")
  }
}

/// The names that both players give to what a call came to.
enum CallResult {
  static let nothing = "nothing there"
  static let full = "no room"
  static let end = "end of stream"
  static let over = "over"
  static let shutDown = "over"
  static let notConnected = "not connected"
  static let reset = "reset"
  static let refused = "refused"
  static let timedOut = "timed out"
  static let noSocket = "no socket"
  static let done = "done"
}
