public import MartletWire

/// An address and a port: one end of a flow as it stands in packets.
public struct TraceEndpoint: Equatable, Sendable {
  public var address: IPAddress
  public var port: UInt16

  public init(_ address: IPAddress, _ port: UInt16) {
    self.address = address
    self.port = port
  }

  /// `10.7.0.2:40112`, `[fd00:7::2]:40112`.
  public var text: String {
    switch address {
    case .v4(let address): address.description + ":" + String(port)
    case .v6(let address): "[" + address.description + "]:" + String(port)
    }
  }
}

/// Why the octets of a packet gave no segment.
public enum TraceError: Error, Equatable, Sendable {
  /// The IP or TCP header is not what it claims to be.
  case malformed(WireError)
  /// A fragment: the TCP header, if it is there at all, describes more than the packet holds.
  case fragment
  /// Sound, but not TCP.
  case notTCP
}

/// A TCP segment with its addresses, as it crossed a link.
public struct TracedSegment: Equatable, Sendable {
  public var source: TraceEndpoint
  public var destination: TraceEndpoint
  public var header: TCPHeader
  /// Octets of text.
  public var textCount: UInt32
  /// A snap length has cut off its options, so that nobody knows which there were.
  public var lacksOptions = false

  public init(source: TraceEndpoint, destination: TraceEndpoint, header: TCPHeader, textCount: UInt32 = 0) {
    self.source = source
    self.destination = destination
    self.header = header
    self.textCount = textCount
  }

  /// Reads an IP packet of either version. Checksums are not asked about.
  public init(packet: RawSpan) throws(TraceError) {
    guard packet.byteCount > 0 else { throw .malformed(.truncated) }
    if packet.u8(0) >> 4 == 6 {
      try self.init(version6: packet)
    } else {
      try self.init(version4: packet)
    }
  }

  private init(version4 packet: RawSpan) throws(TraceError) {
    guard let ip = IPv4HeaderView(validating: packet) else {
      throw .malformed(IPv4HeaderView.defect(in: packet) ?? .truncated)
    }
    guard ip.proto == .tcp else { throw .notTCP }
    guard !ip.isFragment else { throw .fragment }
    try self.init(ip.payload, from: .v4(ip.source), to: .v4(ip.destination))
  }

  private init(version6 packet: RawSpan) throws(TraceError) {
    guard let ip = IPv6HeaderView(validating: packet) else {
      throw .malformed(IPv6HeaderView.defect(in: packet) ?? .truncated)
    }
    switch IPv6ExtensionHeaders.walk(ip) {
    case .upper(.tcp, let offset, _):
      try self.init(ip.payload(from: offset), from: .v6(ip.source), to: .v6(ip.destination))
    case .upper: throw .notTCP
    case .fragment: throw .fragment
    case .drop(let defect): throw .malformed(defect)
    case .parameterProblem: throw .notTCP
    }
  }

  private init(_ bytes: RawSpan, from source: IPAddress, to destination: IPAddress) throws(TraceError) {
    guard let tcp = TCPHeaderView(validating: bytes) else {
      throw .malformed(TCPHeaderView.defect(in: bytes) ?? .truncated)
    }
    header = tcp.header()
    textCount = UInt32(truncatingIfNeeded: tcp.textCount)
    self.source = TraceEndpoint(source, tcp.sourcePort)
    self.destination = TraceEndpoint(destination, tcp.destinationPort)
  }

  public var seq: SequenceNumber { header.seq }
  public var ack: SequenceNumber { header.ack }
  public var flags: TCPFlags { header.flags }

  /// SEG.LEN: text, and one for SYN, one for FIN (RFC 9293 §3.4).
  public var len: UInt32 { textCount &+ header.flags.sequenceLength }

  /// The first sequence number after the segment.
  public var end: SequenceNumber { header.seq.advanced(by: len) }
}
