public import MartletWire

/// What a script expects of the next segment. Whatever is not given may be anything;
/// flags are always compared, all but PSH.
///
/// `seq` counts from the stack's initial sequence number, `ack` from the peer's.
public struct ExpectedSegment: Sendable {
  /// What is expected of the text.
  public enum Text: Equatable, Sendable {
    case anything
    case nothing
    case something
    /// This many octets; that they are the right ones is checked against what was sent anyway.
    case exactly(ScriptText)
  }

  public var name: String
  public var flags: TCPFlags
  /// Flags that may be there or not.
  public var ignoring: TCPFlags = .psh
  public var seq: Int?
  public var ack: Int?
  /// The window field, not scaled.
  public var window: Int?
  public var text: Text
  /// Options that must be there with these values; others may be there too.
  public var options: [ScriptOption] = []
  public var present: TCPOptions.Present = []
  public var absent: TCPOptions.Present = []
  public var urgentPointer: UInt16?
  public var sourcePort: UInt16?
  public var destinationPort: UInt16?
  public var dscp: UInt8?
  public var ecn: ECN?
  public var hopLimit: UInt8?

  public static func segment(
    _ flags: TCPFlags, seq: Int? = nil, ack: Int? = nil, window: Int? = nil, text: Text = .anything,
    options: [ScriptOption] = [], named name: String = "segment"
  ) -> ExpectedSegment {
    ExpectedSegment(
      name: name, flags: flags, seq: seq, ack: ack, window: window, text: text, options: options)
  }

  public static func syn(
    seq: Int? = nil, window: Int? = nil, options: [ScriptOption] = []
  ) -> ExpectedSegment {
    segment(.syn, seq: seq, window: window, text: .nothing, options: options, named: "SYN")
  }

  public static func synAck(
    seq: Int? = nil, ack: Int? = nil, window: Int? = nil, options: [ScriptOption] = []
  ) -> ExpectedSegment {
    segment(
      [.syn, .ack], seq: seq, ack: ack, window: window, text: .nothing, options: options, named: "SYN-ACK")
  }

  /// An acknowledgment without text.
  public static func ack(
    seq: Int? = nil, ack: Int? = nil, window: Int? = nil, options: [ScriptOption] = []
  ) -> ExpectedSegment {
    segment(.ack, seq: seq, ack: ack, window: window, text: .nothing, options: options, named: "ACK")
  }

  /// Text with ACK; nil: any text, but some.
  public static func data(
    seq: Int? = nil, ack: Int? = nil, window: Int? = nil, _ text: ScriptText? = nil,
    options: [ScriptOption] = []
  ) -> ExpectedSegment {
    let wanted = text.map { Text.exactly($0) } ?? .something
    return segment(.ack, seq: seq, ack: ack, window: window, text: wanted, options: options, named: "text")
  }

  /// FIN with ACK; nil: with or without text.
  public static func fin(
    seq: Int? = nil, ack: Int? = nil, window: Int? = nil, _ text: ScriptText? = nil,
    options: [ScriptOption] = []
  ) -> ExpectedSegment {
    let wanted = text.map { Text.exactly($0) } ?? .anything
    return segment(
      [.fin, .ack], seq: seq, ack: ack, window: window, text: wanted, options: options, named: "FIN")
  }

  /// A reset without ACK.
  public static func rst(seq: Int? = nil) -> ExpectedSegment {
    segment(.rst, seq: seq, text: .nothing, named: "RST")
  }

  /// A reset with ACK.
  public static func rstAck(seq: Int? = nil, ack: Int? = nil) -> ExpectedSegment {
    segment([.rst, .ack], seq: seq, ack: ack, text: .nothing, named: "RST")
  }

  /// A reset with or without ACK.
  public static func reset(seq: Int? = nil) -> ExpectedSegment {
    var expected = rst(seq: seq)
    expected.ignoring.insert(.ack)
    return expected
  }
}

// MARK: - Changes, to be chained

extension ExpectedSegment {
  /// Carrying these options, with whatever values.
  public func carrying(_ options: TCPOptions.Present) -> ExpectedSegment {
    with { $0.present.formUnion(options) }
  }
  /// Without these options.
  public func lacking(_ options: TCPOptions.Present) -> ExpectedSegment {
    with { $0.absent.formUnion(options) }
  }
  /// With more flags: `.adding(.psh)` makes PSH count.
  public func adding(_ flags: TCPFlags) -> ExpectedSegment {
    with {
      $0.flags.formUnion(flags)
      $0.ignoring.subtract(flags)
    }
  }
  /// Without PSH, which otherwise does not count.
  public func withoutPush() -> ExpectedSegment { with { $0.ignoring.remove(.psh) } }
  public func urgent(_ pointer: UInt16) -> ExpectedSegment {
    with {
      $0.flags.insert(.urg)
      $0.urgentPointer = pointer
    }
  }
  /// To this port of the peer; nil in the script's own flow.
  public func to(port: UInt16) -> ExpectedSegment { with { $0.destinationPort = port } }
  /// From this port of the stack.
  public func from(port: UInt16) -> ExpectedSegment { with { $0.sourcePort = port } }
  public func dscp(_ dscp: UInt8) -> ExpectedSegment { with { $0.dscp = dscp } }
  public func ecn(_ ecn: ECN) -> ExpectedSegment { with { $0.ecn = ecn } }
  public func hopLimit(_ limit: UInt8) -> ExpectedSegment { with { $0.hopLimit = limit } }

  private func with(_ change: (inout ExpectedSegment) -> Void) -> ExpectedSegment {
    var copy = self
    change(&copy)
    return copy
  }
}

// MARK: - Comparing

extension ExpectedSegment {
  /// What is wrong with a segment, in words; empty: nothing.
  func differences(from seen: SeenSegment) -> [String] {
    var list: [String] = []
    func compare<Value: Equatable>(_ name: String, _ expected: Value?, _ seen: Value) {
      guard let expected, expected != seen else { return }
      list.append("\(name) is \(seen), not \(expected)")
    }
    let wanted = flags.subtracting(ignoring)
    let got = seen.flags.subtracting(ignoring)
    if wanted != got { list.append("flags are [\(got.letters)], not [\(wanted.letters)]") }
    compare("seq", seq, seen.seq)
    compare("ack", ack, seen.ack)
    compare("win", window, seen.window)
    compare("urgent pointer", urgentPointer, seen.header.urgentPointer)
    compare("source port", sourcePort, seen.header.sourcePort)
    compare("destination port", destinationPort, seen.header.destinationPort)
    compare("DSCP", dscp, seen.dscp)
    compare("hop limit", hopLimit, seen.hopLimit)
    compare("ECN", ecn, seen.ecn)
    list += textDifferences(seen.text)
    for option in options where !seen.options.contains(option) { list.append("option \(option) is missing") }
    let missing = present.subtracting(seen.header.options.present)
    if !missing.isEmpty { list.append("options missing: \(missing.names)") }
    let surplus = absent.intersection(seen.header.options.present)
    if !surplus.isEmpty { list.append("options not wanted: \(surplus.names)") }
    return list
  }

  private func textDifferences(_ seen: [UInt8]) -> [String] {
    switch text {
    case .anything:
      return []
    case .nothing:
      return seen.isEmpty ? [] : ["it has \(seen.count) octets of text"]
    case .something:
      return seen.isEmpty ? ["it has no text"] : []
    case .exactly(let text):
      if seen.count != text.count { return ["length is \(seen.count), not \(text.count)"] }
      if case .octets(let octets) = text, octets != seen { return ["the text differs: \(show(seen))"] }
      return []
    }
  }

  private func show(_ octets: [UInt8]) -> String {
    let start = octets.prefix(32)
    let isPrintable = start.allSatisfy { (32..<127).contains($0) }
    let shown = isPrintable ? "\"\(String(decoding: start, as: UTF8.self))\"" : "\(Array(start))"
    return octets.count > 32 ? shown + "…" : shown
  }
}

extension TCPOptions.Present {
  var names: String {
    let all: [(TCPOptions.Present, String)] = [
      (.maximumSegmentSize, "mss"), (.windowScale, "wscale"), (.sackPermitted, "sackOK"), (.sack, "sack"),
      (.timestamps, "TS"), (.fastOpen, "fastopen"), (.unknown, "unknown"), (.malformed, "malformed"),
    ]
    return all.filter { contains($0.0) }.map { $0.1 }.joined(separator: ", ")
  }
}

extension TCPFlags {
  /// The letters of tcpdump: "S.", "P.", "F.", "R", ".".
  var letters: String {
    let all: [(TCPFlags, String)] = [
      (.syn, "S"), (.fin, "F"), (.rst, "R"), (.psh, "P"), (.urg, "U"), (.ece, "E"), (.cwr, "W"), (.ae, "e"),
      (.ack, "."),
    ]
    return all.filter { contains($0.0) }.map { $0.1 }.joined()
  }
}
