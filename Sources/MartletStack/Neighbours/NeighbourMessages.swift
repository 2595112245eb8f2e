import MartletTCP
import MartletWire

extension NetworkStack {
  /// Neighbor Discovery (RFC 4861 §7). The checksum is right; nothing else has been looked at.
  mutating func neighbourMessageArrives(
    _ type: NeighborMessageType, code: UInt8, flags: UInt32, _ body: RawSpan, _ arrival: Arrival
  ) {
    guard interfaces[arrival.interface.index].link.isEthernet else { return counts.drop(.icmpIgnored) }
    // A hop limit of 255 shows that no router passed it on; 0 stands for a packet that came in parts (RFC 6980).
    guard arrival.neighbourHops == 255, code == 0, case .v6(let source) = arrival.source else {
      return counts.drop(.badNeighbourMessage)
    }
    switch type {
    case .neighborSolicitation: solicitationArrives(body, source, arrival)
    case .neighborAdvertisement: advertisementArrives(flags, body, arrival)
    case .routerAdvertisement: routerAdvertisementArrives(flags, body, arrival)
    // Redirects are never believed (robustness rule O11), and we are no router.
    case .routerSolicitation, .redirect: counts.drop(.icmpIgnored)
    }
  }

  /// RFC 4861 §7.1.1, §7.2.3, §7.2.4; RFC 4862 §5.4.3.
  private mutating func solicitationArrives(_ body: RawSpan, _ source: IPv6Address, _ arrival: Arrival) {
    guard body.byteCount >= 16, let options = NeighborOptions(parsing: body.extracting(16..<body.byteCount))
    else { return counts.drop(.badNeighbourMessage) }
    let target = body.ipv6Address(0)
    guard !target.isMulticast, options.sourceLinkAddress?.isUnicast ?? true else {
      return counts.drop(.badNeighbourMessage)
    }
    let isProbe = source.isUnspecified
    if isProbe, options.sourceLinkAddress != nil || arrival.destination != .v6(target.solicitedNode) {
      return counts.drop(.badNeighbourMessage)
    }
    let interface = arrival.interface
    guard routing.isOurs(.v6(target), on: interface) else {
      if isProbe { return addressIsProbed(.v6(target), nonce: options.nonce, on: interface) }
      return counts.drop(.neighbourIgnored)
    }
    if let hardware = options.sourceLinkAddress, !isProbe {
      if hardware == interfaces[interface.index].link.hardware { return counts.drop(.badNeighbourMessage) }
      if let n = neighbours.find(.v6(source), on: interface) {
        learn(n, hardware, solicited: false, override: true)
      } else if routing.isOnLink(.v6(source), interface) {
        enter(.v6(source), hardware, on: interface)
      }
    }
    guard answersForAll, mayTell(arrival.source, options.sourceLinkAddress, on: interface) else { return }
    // As an ARP reply does, the answer goes where the question asks for it. Looking for the one who asks, or doubting
    // what he says because he is answered, would give a flood of questions all searches that there are for a second.
    let flags = isProbe ? NeighbourFlags.override : NeighbourFlags.override | NeighbourFlags.solicited
    queueNeighbourMessage(
      .neighborAdvertisement, flags, target, .targetLinkAddress(interfaces[interface.index].link.hardware),
      from: target, to: isProbe ? .allNodes : source, at: options.sourceLinkAddress,
      on: interface)
  }

  /// RFC 4861 §7.1.2, §7.2.5; RFC 4862 §5.4.4. One that nobody waits for creates nothing.
  mutating func advertisementArrives(_ flags: UInt32, _ body: RawSpan, _ arrival: Arrival) {
    guard body.byteCount >= 16, let options = NeighborOptions(parsing: body.extracting(16..<body.byteCount))
    else { return counts.drop(.badNeighbourMessage) }
    let target = body.ipv6Address(0)
    let solicited = flags & NeighbourFlags.solicited != 0
    guard !target.isMulticast, !(solicited && !arrival.isUnicast),
      options.targetLinkAddress?.isUnicast ?? true
    else { return counts.drop(.badNeighbourMessage) }
    let interface = arrival.interface
    let own = interfaces[interface.index].link.hardware
    if options.targetLinkAddress == own { return counts.drop(.badNeighbourMessage) }
    if addressIsClaimed(.v6(target), by: options.targetLinkAddress ?? .zero, on: interface) {
      return counts.drop(.addressClaimed)
    }
    guard let n = neighbours.find(.v6(target), on: interface) else { return counts.drop(.neighbourIgnored) }
    learn(
      n, options.targetLinkAddress, solicited: solicited, override: flags & NeighbourFlags.override != 0)
  }

  /// A packet from our own address, which we did not send. It is a sign of another who has the address only if it
  /// is a neighbour advertisement, which no router can have passed on: anything else anybody can have forged.
  mutating func ownSourceArrives(_ packet: borrowing IPv6HeaderView, on interface: InterfaceID) {
    counts.drop(.ownSource)
    guard interfaces[interface.index].link.isEthernet, packet.hopLimit == 255, packet.nextHeader == .icmpv6,
      let view = ICMPv6MessageView(validating: packet.payload),
      view.isChecksumValid(source: packet.source, destination: packet.destination),
      case .other(NeighborMessageType.neighborAdvertisement.rawValue, 0, let flags) = view.message
    else { return }
    let arrival = Arrival(
      interface: interface, source: .v6(packet.source), destination: .v6(packet.destination),
      isUnicast: !packet.destination.isMulticast, isVerified: true, segmentSize: 0, ecn: .notECT,
      neighbourHops: 255)
    advertisementArrives(flags, view.body, arrival)
  }

  /// Whether we listen to a group on an interface: all nodes, the solicited-node groups of our addresses and of those
  /// that we would like to have (RFC 4861 §7.2.1, RFC 4862 §5.4.2), and what sockets have joined.
  func hasJoined(_ group: IPv6Address, on interface: InterfaceID) -> Bool {
    if groups.hasSocket(.v6(group), on: interface) { return true }
    guard interfaces[interface.index].link.isEthernet else {
      return group == .allNodes && groups.isListening(on: interface, isIPv4: false)
    }
    if group == .allNodes { return true }
    for own in ownAddresses where own.interface == interface && own.isWanted {
      if case .v6(let address) = own.prefix.address, address.solicitedNode == group { return true }
    }
    return false
  }
}
