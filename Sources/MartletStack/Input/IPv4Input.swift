import MartletWire

extension NetworkStack {
  /// RFC 1122 §3.2.1 and §3.2.2: validate, then deliver or drop. Forwarding is not there yet.
  mutating func ipv4Arrives(_ bytes: RawSpan, _ metadata: PacketMetadata, on interface: InterfaceID) {
    guard let packet = IPv4HeaderView(validating: bytes) else { return counts.drop(.badIPHeader) }
    guard packet.isChecksumValid else { return counts.drop(.badIPChecksum) }
    // All other options are passed over (RFC 9293 MUST-50).
    if packet.hasOptions, packet.hasSourceRoute { return counts.drop(.sourceRoute) }
    let source = packet.source
    let destination = packet.destination
    // Martians go before any lookup (RFC 9293 MUST-63; robustness rule O9).
    let standing = routing.standing(of: source, destination)
    guard source.isValidSource, !standing.sourceIsBroadcast else { return counts.drop(.martianSource) }
    guard !destination.isThisNetwork, !destination.isLoopback else { return counts.drop(.martianDestination) }
    let isUnicast = standing.destinationIsOurs
    if !isUnicast, let reason = refusal(of: destination, standing) { return counts.drop(reason) }
    // RFC 1122 §3.3.6: whoever asks everybody on a link for something of one host wants many answers.
    if isUnicast, metadata.isGroupFrame { return counts.drop(.groupFrame) }
    if standing.sourceIsOurs { return counts.drop(.ownSource) }
    if packet.isFragment { return counts.drop(.fragment) }
    if packet.proto == .tcp {
      // RFC 9293 MUST-57: silently.
      guard isUnicast else { return counts.drop(.tcpNotUnicast) }
      return tcpArrives(
        packet.payload, from: source, to: destination, packet.ecn, metadata, on: interface)
    }
    let arrival = Arrival(
      interface: interface, source: .v4(source), destination: .v4(destination), isUnicast: isUnicast,
      isVerified: metadata.isVerified, segmentSize: metadata.segmentSize, ecn: packet.ecn)
    deliver(packet.payload, packet.proto, arrival, packet: packet.bytes)
  }

  /// Nil for the broadcasts that reach us (RFC 1122 §3.2.1.3).
  @inline(__always)
  private mutating func refusal(of destination: IPv4Address, _ standing: PacketStanding) -> DropReason? {
    if destination.isMulticast { return .multicast }
    if destination.isBroadcast { return nil }
    return standing.destinationIsBroadcast ? nil : .notOurs
  }
}
