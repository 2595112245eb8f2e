import MartletWire

extension NetworkStack {
  /// RFC 8200: validate, walk the extension headers, then deliver or drop. Forwarding is not there yet.
  mutating func ipv6Arrives(_ bytes: RawSpan, _ metadata: PacketMetadata, on interface: InterfaceID) {
    guard let packet = IPv6HeaderView(validating: bytes) else { return counts.drop(.badIPHeader) }
    let source = packet.source
    let destination = packet.destination
    // Martians go before any lookup (RFC 9293 MUST-63; robustness rule O9).
    guard source.isValidSource || isFromNobody(packet, on: interface) else {
      return counts.drop(.martianSource)
    }
    guard !destination.isUnspecified, !destination.isLoopback, !destination.isIPv4Mapped else {
      return counts.drop(.martianDestination)
    }
    let isUnicast = !destination.isMulticast
    guard isUnicast ? routing.isOurs(.v6(destination)) : hasJoined(destination, on: interface) else {
      return counts.drop(isUnicast ? .notOurs : .multicast)
    }
    // RFC 1122 §3.3.6, as for IPv4.
    if isUnicast, metadata.isGroupFrame { return counts.drop(.groupFrame) }
    if routing.isOurs(.v6(source)) { return ownSourceArrives(packet, on: interface) }
    let arrival = Arrival(
      interface: interface, source: .v6(source), destination: .v6(destination), isUnicast: isUnicast,
      isVerified: metadata.isVerified, segmentSize: metadata.segmentSize, ecn: packet.ecn,
      neighbourHops: packet.hopLimit, hops: packet.hopLimit)
    chainArrives(packet, IPv6ExtensionHeaders.walk(packet), arrival)
  }

  /// What the extension headers of a packet for us have led to.
  mutating func chainArrives(
    _ packet: borrowing IPv6HeaderView, _ chain: IPv6ExtensionHeaders.Outcome, _ arrival: Arrival
  ) {
    switch chain {
    case .drop, .parameterProblem:
      counts.drop(.badExtensionHeader)
    case .fragment(let header):
      // What neighbours and routers say to groups fits a packet.
      guard arrival.isUnicast || groups.hasSocket(arrival.destination, on: arrival.interface) else {
        return counts.drop(.multicast)
      }
      guard header.isAtomic else { return ipv6FragmentArrives(packet, header, arrival) }
      atomicFragmentArrives(packet, header, arrival)
    case .upper(let proto, let offset, _):
      // The groups that every host is in are for ICMP, those of applications for UDP.
      guard
        arrival.isUnicast || proto == .icmpv6
          || proto == .udp && groups.hasSocket(arrival.destination, on: arrival.interface)
      else { return counts.drop(.multicast) }
      deliver(packet.payload(from: offset), proto, arrival, packet: packet.bytes)
    }
  }

  /// RFC 6946 §4: a "fragment" that is the whole packet has nothing to do with any other. Neighbor Discovery must not
  /// believe it all the same (RFC 6980 §5).
  private mutating func atomicFragmentArrives(
    _ packet: borrowing IPv6HeaderView, _ header: IPv6Fragment, _ arrival: Arrival
  ) {
    let rest = IPv6ExtensionHeaders.walk(
      packet.bytes, from: header.nextHeader, at: header.payloadAt, nextHeaderAt: header.headerAt)
    if case .fragment = rest { return counts.drop(.badExtensionHeader) }
    var arrival = arrival
    arrival.neighbourHops = 0
    arrival.isVerified = false
    arrival.segmentSize = 0
    chainArrives(packet, rest, arrival)
  }

  /// Whether this is what a host says before it has an address: whether anybody has the one it would like
  /// (RFC 4862 §5.4.2). Nothing else is taken from it.
  private func isFromNobody(_ packet: borrowing IPv6HeaderView, on interface: InterfaceID) -> Bool {
    guard packet.source.isUnspecified, packet.nextHeader == .icmpv6, packet.payload.byteCount > 0 else {
      return false
    }
    return interfaces[interface.index].link.isEthernet
      && packet.payload.u8(0) == NeighborMessageType.neighborSolicitation.rawValue
  }
}
