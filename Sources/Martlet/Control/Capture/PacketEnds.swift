import MartletWire

/// Between whom a packet goes: what a filter asks of it.
struct PacketEnds: Equatable {
  var transport: IPProtocol
  var source: IPAddress
  var destination: IPAddress
  /// 0: it has none, or they are in another fragment.
  var sourcePort: UInt16 = 0
  var destinationPort: UInt16 = 0

  /// Nil: it is no IP, or its header is not what it claims to be.
  init?(_ packet: RawSpan, isEthernet: Bool) {
    guard isEthernet else {
      self.init(ip: packet)
      return
    }
    guard let frame = EthernetHeaderView(validating: packet),
      frame.etherType == .ipv4 || frame.etherType == .ipv6
    else { return nil }
    self.init(ip: frame.payload)
  }

  private init?(ip packet: RawSpan) {
    guard packet.byteCount > 0 else { return nil }
    if packet.u8(0) >> 4 == 6 {
      self.init(version6: packet)
    } else {
      self.init(version4: packet)
    }
  }

  private init?(version4 packet: RawSpan) {
    guard let header = IPv4HeaderView(validating: packet) else { return nil }
    transport = header.proto
    source = .v4(header.source)
    destination = .v4(header.destination)
    if header.fragmentOffset == 0 { readPorts(header.payload) }
  }

  private init?(version6 packet: RawSpan) {
    guard let header = IPv6HeaderView(validating: packet) else { return nil }
    source = .v6(header.source)
    destination = .v6(header.destination)
    switch IPv6ExtensionHeaders.walk(header) {
    case .upper(let proto, let offset, _):
      transport = proto
      readPorts(header.payload(from: offset))
    case .fragment(let fragment):
      transport = fragment.nextHeader
      if fragment.fragmentOffset == 0 { readPorts(header.payload(from: fragment.payloadAt)) }
    case .drop, .parameterProblem:
      transport = header.nextHeader
    }
  }

  private mutating func readPorts(_ payload: RawSpan) {
    guard transport == .tcp || transport == .udp, payload.byteCount >= 4 else { return }
    sourcePort = payload.be16(0)
    destinationPort = payload.be16(2)
  }

  var subject: FilterSubject {
    FilterSubject(
      transport, source: source, sourcePort, destination: destination, destinationPort)
  }
}
