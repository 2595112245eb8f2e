import MartletTCP
import MartletWire

// What ARP and NDP send. It waits among the replies: they are small, limited, and leave first.

extension NetworkStack {
  /// Asks who has an address: everybody, or the one who had it (RFC 826; RFC 4861 §7.2.2).
  mutating func solicit(_ address: IPAddress, _ hardware: MACAddress?, on interface: InterfaceID) {
    let own = interfaces[interface.index].link.hardware
    guard let source = routing.sourceAddress(for: address, on: interface) else {
      return counts.drop(.noRoute)
    }
    switch (source, address) {
    case (.v4(let source), .v4(let target)):
      queueARP(
        ARPPacket(
          operation: .request, senderHardware: own, senderProtocol: source, targetHardware: hardware ?? .zero,
          targetProtocol: target), to: hardware ?? .broadcast, on: interface)
    case (.v6(let source), .v6(let target)):
      queueNeighbourMessage(
        .neighborSolicitation, 0, target, .sourceLinkAddress(own), from: source,
        to: hardware == nil ? target.solicitedNode : target, on: interface)
    default: return
    }
    counts.neighbourSolicits &+= 1
  }

  /// RFC 5227 §2.1.1: whether anybody has an address that we would like, without claiming it; RFC 4862 §5.4.2.
  mutating func askForDuplicate(of address: IPAddress, nonce: UInt64, on interface: InterfaceID) {
    let own = interfaces[interface.index].link.hardware
    switch address {
    case .v4(let target):
      queueARP(
        ARPPacket(
          operation: .request, senderHardware: own, senderProtocol: .any, targetHardware: .zero,
          targetProtocol: target), to: .broadcast, on: interface)
    case .v6(let target):
      queueNeighbourMessage(
        .neighborSolicitation, 0, target, .nonce(nonce), from: .any, to: target.solicitedNode, on: interface)
    }
  }

  /// RFC 5227 §2.3: an address is ours, to all who may have another for it; RFC 4861 §7.2.6.
  mutating func announce(_ address: IPAddress, on interface: InterfaceID) {
    let own = interfaces[interface.index].link.hardware
    switch address {
    case .v4(let target):
      queueARP(
        ARPPacket(
          operation: .request, senderHardware: own, senderProtocol: target, targetHardware: .zero,
          targetProtocol: target), to: .broadcast, on: interface)
    case .v6(let target):
      queueNeighbourMessage(
        .neighborAdvertisement, NeighbourFlags.override, target, .targetLinkAddress(own), from: target,
        to: .allNodes, on: interface)
    }
  }

  /// Whether to answer who asks for our hardware address. Each answer costs us more than the question did, and a flood of
  /// them all packets that nobody takes in meanwhile; so strangers have a limit together, and who was proven to hear us,
  /// and asks from where we know him, has none but his own.
  mutating func mayTell(_ asking: IPAddress, _ hardware: MACAddress?, on interface: InterfaceID) -> Bool {
    var isKnown = false
    if let n = neighbours.find(asking, on: interface) {
      isKnown = neighbours[n].isProven && (hardware ?? neighbours[n].hardware) == neighbours[n].hardware
    }
    let isWithin = answerLimits.take(
      .neighbour, to: routing.source(asking, zone: interface.rawValue &+ 1), hasOwnShare: isKnown,
      draw: secrets.drawJitter(), at: clock, &around.budget)
    if !isWithin { counts.drop(.neighbourAnswerLimited) }
    return isWithin
  }

  mutating func queueARP(_ packet: ARPPacket, to target: MACAddress, on interface: InterfaceID) {
    guard let r = makeReply(on: interface.index) else { return }
    replies.records[r].octets.fill { out in
      out.store64be(target.bits << 16, at: 0)
      packet.write(into: &out, at: 6)
    }
    replies.records[r].count = UInt8(truncatingIfNeeded: 6 &+ ARPPacket.encodedCount)
    replies.records[r].kind = .arp
  }

  /// An IPv6 packet with a message that has a target and one option; to a station if one is named, else to whoever has
  /// the destination.
  mutating func queueNeighbourMessage(
    _ type: NeighborMessageType, _ flags: UInt32, _ target: IPv6Address, _ option: NeighborOption,
    from source: IPv6Address, to destination: IPv6Address, at station: MACAddress? = nil,
    on interface: InterfaceID
  ) {
    guard let r = makeReply(on: interface.index) else { return }
    let start = IPv6Header.encodedCount
    let length = ICMPv6Message.encodedCount &+ 16 &+ NeighborOption.encodedCount
    replies.records[r].octets.fill { out in
      IPv6Header(
        payloadCount: UInt16(truncatingIfNeeded: length), nextHeader: .icmpv6, hopLimit: 255, source: source,
        destination: destination
      ).write(into: &out, at: 0)
      ICMPv6Message.other(type: type.rawValue, code: 0, rest: flags).write(into: &out, at: start)
      out.store(target, at: start &+ 8)
      option.write(into: &out, at: start &+ 24)
      var sum = InternetChecksum.pseudoHeader(
        source: source, destination: destination, proto: .icmpv6, length: length)
      sum.add(out.checksum(from: start, count: length))
      out.store16be(sum.field, at: start &+ ICMPv6Message.checksumOffset)
    }
    replies.records[r].count = UInt8(truncatingIfNeeded: start &+ length)
    if let station { replies.records[r].answer(station, as: .advertisement) }
  }
}

extension NetworkStack {
  /// RFC 4861 §4.1: an IPv6 packet to all routers, with our hardware address.
  mutating func queueRouterSolicitation(from source: IPv6Address, on interface: InterfaceID) {
    guard let r = makeReply(on: interface.index) else { return }
    let start = IPv6Header.encodedCount
    let length = ICMPv6Message.encodedCount &+ NeighborOption.encodedCount
    let own = interfaces[interface.index].link.hardware
    replies.records[r].octets.fill { out in
      IPv6Header(
        payloadCount: UInt16(truncatingIfNeeded: length), nextHeader: .icmpv6, hopLimit: 255, source: source,
        destination: .allRouters
      ).write(into: &out, at: 0)
      ICMPv6Message.other(type: NeighborMessageType.routerSolicitation.rawValue, code: 0, rest: 0)
        .write(into: &out, at: start)
      NeighborOption.sourceLinkAddress(own).write(into: &out, at: start &+ ICMPv6Message.encodedCount)
      var sum = InternetChecksum.pseudoHeader(
        source: source, destination: .allRouters, proto: .icmpv6, length: length)
      sum.add(out.checksum(from: start, count: length))
      out.store16be(sum.field, at: start &+ ICMPv6Message.checksumOffset)
    }
    replies.records[r].count = UInt8(truncatingIfNeeded: start &+ length)
    counts.routerSolicits &+= 1
  }
}

/// The first octets of a neighbour advertisement (RFC 4861 §4.4).
enum NeighbourFlags {
  static var solicited: UInt32 { 1 << 30 }
  static var override: UInt32 { 1 << 29 }
}
