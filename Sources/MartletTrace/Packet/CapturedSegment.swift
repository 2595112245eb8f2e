internal import MartletTCP
internal import MartletWire

extension TracedSegment {
  /// Reads an IP packet as a capture has it: it may be cut short behind its TCP header, as captures with a snap length are, and
  /// an offloading device may not have written its length yet. Options of TCP that are cut off count as absent
  /// (`lacksOptions`).
  ///
  /// - Parameter octets: from the IP header on, as many as were kept.
  /// - Parameter originalCount: octets of the packet from the IP header on.
  public init(captured octets: RawSpan, originalCount: Int) throws(TraceError) {
    guard octets.byteCount > 0 else { throw .malformed(.truncated) }
    if octets.u8(0) >> 4 == 6 {
      try self.init(capturedVersion6: octets, originalCount)
    } else {
      try self.init(capturedVersion4: octets, originalCount)
    }
  }

  private init(capturedVersion4 octets: RawSpan, _ originalCount: Int) throws(TraceError) {
    guard octets.byteCount >= 20 else { throw .malformed(.truncated) }
    guard octets.u8(0) >> 4 == 4 else { throw .malformed(.badVersion) }
    let header = Int(octets.u8(0) & 15) * 4
    guard header >= 20, header <= octets.byteCount else { throw .malformed(.badHeaderLength) }
    guard octets.u8(9) == 6 else { throw .notTCP }
    // More fragments, or an offset.
    guard octets.be16(6) & 0x3fff == 0 else { throw .fragment }
    let total = octets.be16(2) == 0 ? originalCount : Int(octets.be16(2))
    guard total >= header else { throw .malformed(.badTotalLength) }
    try self.init(
      octets.extracting(header..<min(octets.byteCount, max(header, total))), total - header,
      from: .v4(IPv4Address(bits: octets.be32(12))), to: .v4(IPv4Address(bits: octets.be32(16))))
  }

  private init(capturedVersion6 octets: RawSpan, _ originalCount: Int) throws(TraceError) {
    guard octets.byteCount >= 40 else { throw .malformed(.truncated) }
    let total = octets.be16(4) == 0 ? originalCount : 40 + Int(octets.be16(4))
    var next = octets.u8(6)
    var at = 40
    // Hop-by-hop options, routing and destination options have their length in units of eight octets.
    var headers = 0
    while [0, 43, 60].contains(next) {
      guard headers < 8, octets.byteCount >= at + 8 else { throw .malformed(.truncated) }
      next = octets.u8(at)
      at += 8 + 8 * Int(octets.u8(at + 1))
      headers += 1
    }
    guard next != 44 else { throw .fragment }
    guard next == 6 else { throw .notTCP }
    guard at <= octets.byteCount, total >= at else { throw .malformed(.truncated) }
    try self.init(
      octets.extracting(at..<min(octets.byteCount, total)), total - at,
      from: .v6(IPv6Address(high: octets.be64(8), low: octets.be64(16))),
      to: .v6(IPv6Address(high: octets.be64(24), low: octets.be64(32))))
  }

  /// - Parameter count: octets of the segment, kept or not.
  private init(
    _ octets: RawSpan, _ count: Int, from source: IPAddress, to destination: IPAddress
  ) throws(TraceError) {
    guard octets.byteCount >= 20 else { throw .malformed(.truncated) }
    let headerCount = Int(octets.u8(12) >> 4) * 4
    guard headerCount >= 20, headerCount <= count else { throw .malformed(.badHeaderLength) }
    if let view = TCPHeaderView(validating: octets) {
      self.init(
        source: TraceEndpoint(source, view.sourcePort),
        destination: TraceEndpoint(destination, view.destinationPort),
        header: view.header())
    } else {
      self.init(
        source: TraceEndpoint(source, octets.be16(0)),
        destination: TraceEndpoint(destination, octets.be16(2)),
        header: TCPHeader(
          sourcePort: octets.be16(0), destinationPort: octets.be16(2), seq: SequenceNumber(octets.be32(4)),
          ack: SequenceNumber(octets.be32(8)), flags: TCPFlags(rawValue: octets.be16(12) & 0x1ff),
          window: UnscaledWindow(octets.be16(14))))
      lacksOptions = headerCount > octets.byteCount
    }
    textCount = UInt32(truncatingIfNeeded: max(0, count - headerCount))
  }
}
