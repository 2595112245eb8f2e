import MartletWire

/// Why a packet goes no further, as its sender is told.
enum Complaint: Equatable {
  case networkUnreachable
  case hostUnreachable
  case timeExceeded
  case tooBig(mtu: Int)

  /// The ICMP error about `packet` from a router with these addresses, to who sent it.
  func octets(about packet: [UInt8], _ routed: RoutedPacket, from router: AddressPair) -> [UInt8] {
    switch (routed.source, routed.destination) {
    case (.v4(let sender), _): version4(packet, routed.count, to: sender, from: router.v4)
    case (.v6(let sender), _): version6(packet, routed.count, to: sender, from: router.v6)
    }
  }

  /// RFC 1812 §4.3.2.3: as much of the packet as 576 octets hold.
  private func version4(
    _ packet: [UInt8], _ count: Int, to sender: IPv4Address, from router: IPv4Address
  ) -> [UInt8] {
    let quote = min(count, packet.count, 576 - 28)
    var octets = [UInt8](repeating: 0, count: 28 + quote)
    octets.replaceSubrange(28..., with: packet[..<quote])
    octets.writing { out in
      IPv4Header(
        dscp: 48, totalCount: UInt16(truncatingIfNeeded: 28 + quote), proto: .icmp, source: router,
        destination: sender
      ).write(into: &out, at: 0)
      message4.write(into: &out, at: 20)
    }
    var sum = InternetChecksum()
    sum.add(octets.rawSpan.extracting(20..<octets.count))
    octets[22] = UInt8(truncatingIfNeeded: sum.field >> 8)
    octets[23] = UInt8(truncatingIfNeeded: sum.field)
    return octets
  }

  /// RFC 4443 §2.4 (c): as much of the packet as the least MTU holds.
  private func version6(
    _ packet: [UInt8], _ count: Int, to sender: IPv6Address, from router: IPv6Address
  ) -> [UInt8] {
    let quote = min(count, packet.count, 1_280 - 48)
    var octets = [UInt8](repeating: 0, count: 48 + quote)
    octets.replaceSubrange(48..., with: packet[..<quote])
    octets.writing { out in
      IPv6Header(
        payloadCount: UInt16(truncatingIfNeeded: 8 + quote), nextHeader: .icmpv6, source: router,
        destination: sender
      ).write(into: &out, at: 0)
      message6.write(into: &out, at: 40)
    }
    var sum = InternetChecksum.pseudoHeader(
      source: router, destination: sender, proto: .icmpv6, length: 8 + quote)
    sum.add(octets.rawSpan.extracting(40..<octets.count))
    octets[42] = UInt8(truncatingIfNeeded: sum.field >> 8)
    octets[43] = UInt8(truncatingIfNeeded: sum.field)
    return octets
  }

  private var message4: ICMPv4Message {
    switch self {
    case .networkUnreachable: .destinationUnreachable(.network, nextHopMTU: 0)
    case .hostUnreachable: .destinationUnreachable(.host, nextHopMTU: 0)
    case .timeExceeded: .timeExceeded(code: 0)
    case .tooBig(let mtu):
      .destinationUnreachable(.fragmentationNeeded, nextHopMTU: UInt16(truncatingIfNeeded: mtu))
    }
  }

  private var message6: ICMPv6Message {
    switch self {
    case .networkUnreachable: .destinationUnreachable(.noRoute)
    case .hostUnreachable: .destinationUnreachable(.address)
    case .timeExceeded: .timeExceeded(code: 0)
    case .tooBig(let mtu): .packetTooBig(mtu: UInt32(truncatingIfNeeded: mtu))
    }
  }
}
