import MartletTCP
import MartletWire

/// All that has happened in a script, a line each, in the style of tcpdump.
struct Transcript {
  private(set) var lines: [String] = []
  let start: Instant

  init(start: Instant) {
    self.start = start
  }

  /// `mark`: "<" injected, ">" sent by the stack, "·" anything else.
  mutating func add(_ mark: String, _ text: String, at time: Instant) {
    lines.append("\(time.since(start).seconds) \(mark) \(text)")
  }

  /// The last lines; a long script's first ones are of little use.
  var text: String {
    let shown = lines.suffix(60)
    let cut = lines.count - shown.count
    return (cut > 0 ? ["… \(cut) lines before"] : []).joined() + shown.map { "\n    " + $0 }.joined()
  }
}

extension TimeAmount {
  /// "1.200000": seconds with six digits.
  var seconds: String {
    let micros = nanoseconds.magnitude / 1_000
    let fraction = String(micros % 1_000_000)
    let zeros = String(repeating: "0", count: 6 - fraction.count)
    return (nanoseconds < 0 ? "-" : "") + String(micros / 1_000_000) + "." + zeros + fraction
  }
}

/// "Flags [S.], seq 0, ack 1, win 65535, options [mss 1460], length 0".
func line(
  _ flags: TCPFlags, seq: Int?, ack: Int?, window: Int?, options: [ScriptOption], urgent: UInt16?,
  length: String
) -> String {
  var parts = ["Flags [\(flags.letters)]"]
  if let seq { parts.append("seq \(seq)") }
  if flags.contains(.ack), let ack { parts.append("ack \(ack)") }
  if let window { parts.append("win \(window)") }
  if let urgent, flags.contains(.urg) { parts.append("urg \(urgent)") }
  if !options.isEmpty { parts.append("options [\(options.map { $0.description }.joined(separator: ", "))]") }
  parts.append("length \(length)")
  return parts.joined(separator: ", ")
}

extension SeenSegment: CustomStringConvertible {
  public var description: String {
    line(
      flags, seq: seq, ack: ack, window: window, options: options, urgent: header.urgentPointer,
      length: String(text.count))
  }
}

extension ExpectedSegment: CustomStringConvertible {
  public var description: String {
    let length =
      switch text {
      case .anything: "any"
      case .nothing: "0"
      case .something: "> 0"
      case .exactly(let text): String(text.count)
      }
    return line(
      flags, seq: seq, ack: ack, window: window, options: options, urgent: urgentPointer, length: length)
  }
}

extension InjectedSegment: CustomStringConvertible {
  public var description: String {
    var notes = ""
    if hasBadChecksum { notes += " [bad checksum]" }
    if rawOptions != nil { notes += " [raw options]" }
    if edit != nil { notes += " [edited]" }
    if let sourcePort { notes += " [from port \(sourcePort)]" }
    if let destinationPort { notes += " [to port \(destinationPort)]" }
    return line(
      flags, seq: seq, ack: ack, window: Int(window), options: options, urgent: urgentPointer,
      length: String(text.count)) + notes
  }
}
