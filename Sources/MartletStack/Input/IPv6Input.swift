import MartletWire

extension NetworkStack {
  /// RFC 8200: validate, walk the extension headers, then deliver or drop. Forwarding is not there yet.
  mutating func ipv6Arrives(_ bytes: RawSpan, _ metadata: PacketMetadata, on interface: InterfaceID) {
    guard let packet = IPv6HeaderView(validating: bytes) else { return counts.drop(.badIPHeader) }
    let source = packet.source
    let destination = packet.destination
    // Martians go before any lookup (RFC 9293 MUST-63; robustness rule O9).
    guard source.isValidSource else { return counts.drop(.martianSource) }
    guard !destination.isUnspecified, !destination.isLoopback, !destination.isIPv4Mapped else {
      return counts.drop(.martianDestination)
    }
    guard routing.isOurs(.v6(destination)) else {
      return counts.drop(destination.isMulticast ? .multicast : .notOurs)
    }
    // RFC 1122 §3.3.6, as for IPv4.
    if metadata.isGroupFrame { return counts.drop(.groupFrame) }
    if routing.isOurs(.v6(source)) { return counts.drop(.ownSource) }
    switch IPv6ExtensionHeaders.walk(packet) {
    case .drop, .parameterProblem:
      counts.drop(.badExtensionHeader)
    case .fragment:
      counts.drop(.fragment)
    case .upper(let proto, let offset, _):
      let arrival = Arrival(
        interface: interface, source: .v6(source), destination: .v6(destination), isUnicast: true,
        isVerified: metadata.isVerified, segmentSize: metadata.segmentSize, ecn: packet.ecn)
      deliver(packet.payload(from: offset), proto, arrival, packet: packet.bytes)
    }
  }
}
