public import MartletWire

/// A segment that a script sends to the stack under test.
///
/// Numbers are relative: `seq` counts from the peer's initial sequence number,
/// `ack` from the stack's, so that a connection's SYN is 0 and its first octet
/// of text 1. Negative numbers lie before that.
public struct InjectedSegment: Sendable {
  public var flags: TCPFlags
  public var seq: Int
  public var ack: Int
  /// The window field as it goes on the wire, not scaled.
  public var window: UInt16
  public var text: ScriptText
  public var options: [ScriptOption]
  public var urgentPointer: UInt16 = 0

  /// Who sends it and which port it is for; nil: the script's own flow.
  public var sourcePort: UInt16?
  public var destinationPort: UInt16?
  public var source: IPAddress?
  public var destination: IPAddress?

  /// No timestamps are added even where they were agreed upon.
  public var omitsTimestamps = false
  /// Octets to stand in the option area in place of `options`; padded with zero to four.
  public var rawOptions: [UInt8]?
  /// The three reserved bits, which a receiver has to ignore.
  public var reservedBits: UInt8 = 0
  public var ecn: ECN = .notECT
  public var dscp: UInt8 = 0
  public var hopLimit: UInt8 = 64
  /// The data offset field in words; nil: the right one.
  public var dataOffset: UInt8?
  /// The checksum is made wrong by this one's complement difference.
  public var hasBadChecksum = false
  /// Changes the finished packet, after the checksums: for what no field above can do.
  public var edit: (@Sendable (inout [UInt8]) -> Void)?

  /// A segment with any flags.
  public static func segment(
    _ flags: TCPFlags, seq: Int, ack: Int = 0, window: UInt16 = 65_535, _ text: ScriptText = 0,
    options: [ScriptOption] = []
  ) -> InjectedSegment {
    InjectedSegment(flags: flags, seq: seq, ack: ack, window: window, text: text, options: options)
  }

  public static func syn(
    seq: Int = 0, window: UInt16 = 65_535, _ text: ScriptText = 0, options: [ScriptOption] = [.mss(1_460)]
  ) -> InjectedSegment {
    segment(.syn, seq: seq, window: window, text, options: options)
  }

  public static func synAck(
    seq: Int = 0, ack: Int = 1, window: UInt16 = 65_535, _ text: ScriptText = 0,
    options: [ScriptOption] = [.mss(1_460)]
  ) -> InjectedSegment {
    segment([.syn, .ack], seq: seq, ack: ack, window: window, text, options: options)
  }

  /// An acknowledgment without text.
  public static func ack(
    seq: Int = 1, ack: Int = 1, window: UInt16 = 65_535, options: [ScriptOption] = []
  ) -> InjectedSegment {
    segment(.ack, seq: seq, ack: ack, window: window, options: options)
  }

  /// Text, with PSH and ACK.
  public static func data(
    seq: Int = 1, ack: Int = 1, window: UInt16 = 65_535, _ text: ScriptText, options: [ScriptOption] = []
  ) -> InjectedSegment {
    segment([.psh, .ack], seq: seq, ack: ack, window: window, text, options: options)
  }

  /// FIN with ACK, with or without text before it.
  public static func fin(
    seq: Int = 1, ack: Int = 1, window: UInt16 = 65_535, _ text: ScriptText = 0, options: [ScriptOption] = []
  ) -> InjectedSegment {
    segment([.fin, .ack], seq: seq, ack: ack, window: window, text, options: options)
  }

  /// A reset without an acknowledgment.
  public static func rst(seq: Int, window: UInt16 = 0) -> InjectedSegment {
    segment(.rst, seq: seq, window: window)
  }

  public static func rstAck(seq: Int, ack: Int, window: UInt16 = 0) -> InjectedSegment {
    segment([.rst, .ack], seq: seq, ack: ack, window: window)
  }
}

// MARK: - Changes, to be chained

extension InjectedSegment {
  /// From another port of the peer: another flow.
  public func from(port: UInt16) -> InjectedSegment { with { $0.sourcePort = port } }
  /// From another host.
  public func from(_ address: IPAddress, port: UInt16? = nil) -> InjectedSegment {
    with {
      $0.source = address
      if let port { $0.sourcePort = port }
    }
  }
  /// To another port of the stack.
  public func to(port: UInt16) -> InjectedSegment { with { $0.destinationPort = port } }
  /// To another address.
  public func to(_ address: IPAddress) -> InjectedSegment { with { $0.destination = address } }
  /// URG with this pointer.
  public func urgent(_ pointer: UInt16) -> InjectedSegment {
    with {
      $0.flags.insert(.urg)
      $0.urgentPointer = pointer
    }
  }
  /// With more flags.
  public func adding(_ flags: TCPFlags) -> InjectedSegment { with { $0.flags.formUnion(flags) } }
  /// With an option area of these octets, padded with zeros to a multiple of four.
  public func rawOptions(_ octets: [UInt8]) -> InjectedSegment { with { $0.rawOptions = octets } }
  /// Without the timestamps that the script would add.
  public func withoutTimestamps() -> InjectedSegment { with { $0.omitsTimestamps = true } }
  public func badChecksum() -> InjectedSegment { with { $0.hasBadChecksum = true } }
  public func reserved(_ bits: UInt8) -> InjectedSegment { with { $0.reservedBits = bits } }
  public func dataOffset(_ words: UInt8) -> InjectedSegment { with { $0.dataOffset = words } }
  public func ecn(_ codepoint: ECN) -> InjectedSegment { with { $0.ecn = codepoint } }
  public func hopLimit(_ limit: UInt8) -> InjectedSegment { with { $0.hopLimit = limit } }
  /// With its finished octets changed; checksums are not mended.
  public func edited(_ edit: @escaping @Sendable (inout [UInt8]) -> Void) -> InjectedSegment {
    with { $0.edit = edit }
  }

  private func with(_ change: (inout InjectedSegment) -> Void) -> InjectedSegment {
    var copy = self
    change(&copy)
    return copy
  }

  /// The text's octets, by their sequence numbers.
  var octets: [UInt8] { text.octets(from: seq - 1 + (flags.contains(.syn) ? 1 : 0)) }
}
