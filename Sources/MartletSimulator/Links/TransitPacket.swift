public import MartletTCP
public import MartletWire

/// A packet on a link, as rules and taps see it.
public struct TransitPacket: Sendable {
  /// When it was sent.
  public var time: Instant
  /// The ends of the link. A packet that crosses routers or switches is seen on each link.
  public var source: NodeID
  public var destination: NodeID
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

/// What a tap is told of each packet on a link, when its fate is known.
public struct Observation: Sendable {
  public var packet: TransitPacket
  public var fate: PacketFate
  /// When it arrives; nil: it does not.
  public var arrival: Instant?
  /// When a second copy of it arrives.
  public var secondArrival: Instant?
  /// The queue marked it CE (RFC 3168); `packet` is as it was sent.
  public var isMarked = false
  /// Somebody off the path sent it, whatever it says.
  public var isForged = false

  init(_ packet: TransitPacket, _ passage: Passage) {
    self.packet = packet
    fate = passage.fate
    isMarked = passage.isMarked
    guard fate.arrives else { return }
    arrival = passage.arrival
    secondArrival = passage.secondArrival
  }
}
