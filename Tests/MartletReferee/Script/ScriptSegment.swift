/// A segment that a script sends to the stack.
package struct ScriptSegment: Equatable, Sendable {
  package struct Flags: OptionSet, Sendable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    static let fin = Flags(rawValue: 1)
    static let syn = Flags(rawValue: 2)
    static let rst = Flags(rawValue: 4)
    static let psh = Flags(rawValue: 8)
    static let ack = Flags(rawValue: 16)
    static let urg = Flags(rawValue: 32)
    static let ece = Flags(rawValue: 64)
    static let cwr = Flags(rawValue: 128)

    static let names: [(Flags, String)] = [
      (.syn, "SYN"), (.fin, "FIN"), (.rst, "RST"), (.psh, "PSH"), (.urg, "URG"), (.ece, "ECE"),
      (.cwr, "CWR"), (.ack, "ACK"),
    ]
  }

  /// How its timestamps differ from what a peer would send.
  package struct Stamp: Equatable, Sendable {
    /// To be added to the peer's clock, which ticks once a step.
    var value = 0
    /// To be added to the last TSval that the stack has sent; nil: TSecr is zero.
    var echo: Int? = 0
  }

  package enum Stamps: Equatable, Sendable {
    /// As agreed upon in the handshake.
    case agreed
    case absent
    case present(Stamp)
  }

  var flags: Flags
  var seq = ScriptNumber(.rcvNxt)
  var ack = ScriptNumber(.sndNxt)
  /// As on the wire.
  var window: UInt16 = 65_535
  var length = 0
  var urgent: UInt16 = 0
  var mss: UInt16?
  var windowScale: UInt8?
  var sackPermitted = false
  var stamps = Stamps.agreed
  var sack: [(ScriptNumber, ScriptNumber)] = []
  /// Octets that stand in the option area, after the options above.
  var raw: [UInt8] = []
  var hasBadChecksum = false
  /// The data offset in words; 0: the right one.
  var dataOffset: UInt8 = 0
  var reserved: UInt8 = 0

  init(_ flags: Flags) { self.flags = flags }

  /// What it occupies in the sequence space.
  var sequenceLength: Int { length + (flags.contains(.syn) ? 1 : 0) + (flags.contains(.fin) ? 1 : 0) }

  package static func == (a: ScriptSegment, b: ScriptSegment) -> Bool { a.description == b.description }
}

extension ScriptSegment: CustomStringConvertible {
  package var description: String {
    var words = [flags.text]
    if seq != ScriptNumber(.rcvNxt) { words.append("seq=\(seq)") }
    if flags.contains(.ack) ? ack != ScriptNumber(.sndNxt) : ack != ScriptNumber(.sndNxt) {
      words.append("ack=\(ack)")
    }
    if window != 65_535 { words.append("win=\(window)") }
    if length != 0 { words.append("len=\(length)") }
    if urgent != 0 { words.append("urg=\(urgent)") }
    if let mss { words.append("mss=\(mss)") }
    if let windowScale { words.append("ws=\(windowScale)") }
    if sackPermitted { words.append("sackok") }
    switch stamps {
    case .agreed: break
    case .absent: words.append("ts=none")
    case .present(let stamp):
      words.append("ts=\(stamp.value)")
      if let echo = stamp.echo {
        if echo != 0 { words.append("ecr=\(echo)") }
      } else {
        words.append("ecr=zero")
      }
    }
    if !sack.isEmpty { words.append("sack=" + sack.map { "\($0.0):\($0.1)" }.joined(separator: ",")) }
    if !raw.isEmpty { words.append("raw=" + raw.map(hex).joined()) }
    if hasBadChecksum { words.append("badsum") }
    if dataOffset != 0 { words.append("offset=\(dataOffset)") }
    if reserved != 0 { words.append("reserved=\(reserved)") }
    return words.joined(separator: " ")
  }
}

extension ScriptSegment.Flags {
  var text: String {
    isEmpty ? "none" : Self.names.filter { contains($0.0) }.map(\.1).joined(separator: "+")
  }

  /// Nil: no flags.
  init?(_ text: Substring) {
    self = []
    if text == "none" { return }
    for word in text.split(separator: "+", omittingEmptySubsequences: false) {
      guard let flag = Self.names.first(where: { $0.1 == word }) else { return nil }
      insert(flag.0)
    }
  }
}

private func hex(_ octet: UInt8) -> String {
  (octet < 16 ? "0" : "") + String(octet, radix: 16)
}
