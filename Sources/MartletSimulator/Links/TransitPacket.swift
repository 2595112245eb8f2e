public import MartletTCP
public import MartletWire

/// A packet between two hosts, as rules and taps see it.
public struct TransitPacket: Sendable {
  /// When it was sent.
  public var time: Instant
  public var source: HostID
  public var destination: HostID
  /// From the IP header on.
  public var octets: [UInt8]

  /// Its TCP header; nil: it has none.
  public var header: TCPHeader? {
    var header: TCPHeader?
    withSegment { header = $0.header() }
    return header
  }

  /// Octets of TCP text.
  public var textCount: Int {
    var count = 0
    withSegment { count = $0.textCount }
    return count
  }

  /// The flags of its TCP header; empty: it has none.
  public var flags: TCPFlags { header?.flags ?? [] }

  private func withSegment(_ body: (borrowing TCPHeaderView) -> Void) {
    let bytes = octets.rawSpan
    if let ip = IPv4HeaderView(validating: bytes), ip.proto == .tcp {
      if let tcp = TCPHeaderView(validating: ip.payload) { body(tcp) }
    } else if let ip = IPv6HeaderView(validating: bytes), ip.nextHeader == .tcp {
      if let tcp = TCPHeaderView(validating: ip.payload) { body(tcp) }
    }
  }
}

/// What a tap is told of each packet that a host sends.
public struct Observation: Sendable {
  public var packet: TransitPacket
  public var fate: PacketFate
  /// When it arrives; nil: it does not.
  public var arrival: Instant?
  /// When a second copy of it arrives.
  public var secondArrival: Instant?
  /// The queue marked it CE (RFC 3168); `packet` is as it was sent.
  public var isMarked = false

  init(_ packet: TransitPacket, _ passage: Passage) {
    self.packet = packet
    fate = passage.fate
    isMarked = passage.isMarked
    guard fate.arrives else { return }
    arrival = passage.arrival
    secondArrival = passage.secondArrival
  }
}

/// What to do with the n-th packet that matches, before the link's own conditions have their turn.
public struct PacketRule {
  public enum Action {
    case pass
    case drop
    /// Later than the link would deliver it; others overtake it.
    case delay(TimeAmount)
    /// A second copy, so much later.
    case duplicate(after: TimeAmount)
    case edit((inout [UInt8]) -> Void)
  }

  public var matches: (TransitPacket) -> Bool
  /// Which of the matching packets, the first is 1.
  public var which: ClosedRange<Int>
  public var action: Action
  /// Packets that have matched so far.
  public internal(set) var matched = 0

  public init(
    _ action: Action, which: ClosedRange<Int> = 1...Int.max, matching: @escaping (TransitPacket) -> Bool
  ) {
    self.matches = matching
    self.which = which
    self.action = action
  }

  /// Drops the n-th packet that matches.
  public static func drop(_ n: Int, matching: @escaping (TransitPacket) -> Bool) -> PacketRule {
    PacketRule(.drop, which: n...n, matching: matching)
  }
}
