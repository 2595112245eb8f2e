import MartletWire

extension NetworkStack {
  /// RFC 8200: validate, walk the extension headers, then deliver or drop. Nothing is forwarded.
  mutating func ipv6Arrives(_ bytes: RawSpan, _ metadata: PacketMetadata, on interface: InterfaceID) {
    guard let packet = IPv6HeaderView(validating: bytes) else { return counts.drop(.badIPHeader) }
    let source = packet.source
    let destination = packet.destination
    // Martians go before any lookup (RFC 9293 MUST-63; robustness rule O9).
    guard source.isValidSource || interface == routing.loopback || isFromNobody(packet, on: interface) else {
      return counts.drop(.martianSource)
    }
    guard !destination.isUnspecified, !destination.isLoopback || interface == routing.loopback,
      !destination.isIPv4Mapped
    else {
      return counts.drop(.martianDestination)
    }
    let isUnicast = !destination.isMulticast
    guard isUnicast ? routing.isOurs(destination, from: interface) : hasJoined(destination, on: interface)
    else {
      return counts.drop(isUnicast ? .notOurs : .multicast)
    }
    // RFC 1122 §3.3.6, as for IPv4.
    if isUnicast, metadata.isGroupFrame { return counts.drop(.groupFrame) }
    if routing.isOurs(.v6(source)), interface != routing.loopback {
      return ownSourceArrives(packet, on: interface)
    }
    let arrival = Arrival(
      interface: interface, source: .v6(source), destination: .v6(destination), isUnicast: isUnicast,
      isVerified: metadata.isVerified, segmentSize: metadata.segmentSize, ecn: packet.ecn,
      neighbourHops: packet.hopLimit, hops: packet.hopLimit, dscp: packet.dscp)
    chainArrives(packet, IPv6ExtensionHeaders.walk(packet), arrival)
  }

  /// What the extension headers of a packet for us have led to.
  mutating func chainArrives(
    _ packet: borrowing IPv6HeaderView, _ chain: IPv6ExtensionHeaders.Outcome, _ arrival: Arrival
  ) {
    switch chain {
    case .drop:
      counts.drop(.badExtensionHeader)
    case .parameterProblem(let code, let pointer, let evenIfMulticast):
      counts.drop(.badExtensionHeader)
      guard arrival.isUnicast || evenIfMulticast else { return }
      answerParameterProblem(code, pointer: pointer, packet.bytes, arrival)
    case .fragment(let header):
      // What neighbours and routers say to groups fits a packet.
      guard arrival.isUnicast || groups.hasSocket(arrival.destination, on: arrival.interface) else {
        return counts.drop(.multicast)
      }
      guard header.isAtomic else { return ipv6FragmentArrives(packet, header, arrival) }
      atomicFragmentArrives(packet, header, arrival)
    case .upper(let proto, let offset, let numberAt):
      // The groups that every host is in are for ICMP, those of applications for UDP.
      guard
        arrival.isUnicast || proto == .icmpv6
          || proto == .udp && groups.hasSocket(arrival.destination, on: arrival.interface)
      else { return counts.drop(.multicast) }
      guard proto == .tcp || proto == .udp || proto == .icmpv6 else {
        counts.drop(.unknownProtocol)
        // RFC 8200 §4: code 1. Behind number 59 there is nothing, and nobody waits for an answer (§4.7).
        guard proto != .noNextHeader else { return }
        return answerParameterProblem(1, pointer: UInt32(truncatingIfNeeded: numberAt), packet.bytes, arrival)
      }
      deliver(packet.payload(from: offset), proto, arrival, packet: packet.bytes)
    }
  }

  /// RFC 4443 §3.4. Never about an error (§2.4 (e.1)), nor about what may be one; and from an address of our own, whomever
  /// the packet was for.
  @inline(never)
  private mutating func answerParameterProblem(
    _ code: UInt8, pointer: UInt32, _ packet: RawSpan, _ arrival: Arrival
  ) {
    guard let (proto, offset) = IPv6ExtensionHeaders.transport(of: packet),
      proto != .icmpv6 || offset < packet.byteCount && packet.u8(offset) >= 128
    else { return }
    var arrival = arrival
    if !arrival.isUnicast {
      guard let own = routing.sourceAddress(for: arrival.source, on: arrival.interface) else { return }
      arrival.destination = own
    }
    queueParameterProblem(code, pointer: pointer, packet, arrival)
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
