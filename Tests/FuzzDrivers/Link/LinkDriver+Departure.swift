import MartletStack
import MartletTCP
import MartletWire

// What leaves.

extension LinkDriver {
  /// A frame is ours, and everything in it is right.
  mutating func look(at frame: Octets) throws(Finding) {
    guard let header = EthernetHeaderView(validating: frame.span.bytes) else {
      throw Finding("what leaves is a frame")
    }
    try expect(header.source == Self.hardware, "a frame has our own address")
    let own = stack.addresses(of: interface)
    let payload = Octets(frame[EthernetHeader.encodedCount...])
    if header.etherType == .arp {
      guard let arp = ARPPacket(parsing: payload.span.bytes) else {
        throw Finding("a sent ARP packet is right")
      }
      try expect(arp.senderHardware == Self.hardware, "we speak for ourselves")
      try expect(
        arp.senderProtocol == .any || own.contains(.v4(arp.senderProtocol)), "ARP says what we have")
      if arp.operation == .request { seek(.v4(arp.targetProtocol)) }
      return
    }
    try expect(
      header.etherType == (payload[0] >> 4 == 4 ? .ipv4 : .ipv6), "a frame says what is in it")
    // Reports of groups bear a router alert, which nothing else may.
    if let view = IPv4HeaderView(validating: payload.span.bytes), view.proto == .igmp {
      try lookAtIGMP(payload, own)
    } else if let view = IPv6HeaderView(validating: payload.span.bytes), view.nextHeader == .hopByHop {
      try lookAtMLD(payload, own)
    } else {
      try look(atPacket: SentPacket(payload), own, to: header.destination)
    }
  }

  private mutating func look(
    atPacket sent: SentPacket, _ own: [IPAddress], to station: MACAddress
  ) throws(Finding) {
    let isOwn = own.contains(sent.source) || !station.isMulticast && everOurs.contains(sent.source)
    let isNobodys = sent.source.isUnspecified && mayBeNobodys(sent)
    try expect(isOwn || isNobodys || isGivenBack(sent), "we send from our own: \(sent.source)")
    if sent.isFragment { return }
    if sent.proto == .tcp { lastSegment = (sent, station) }
    if sent.proto == .icmpv6, sent.payload.count >= 24, sent.payload[0] == 135 {
      seek(.v6(sent.payload.span.bytes.ipv6Address(8)))
    }
    if sent.isForServer {
      guard let asked = DHCPMessage(parsing: sent.payload.span.bytes.extracting(8..<sent.payload.count))
      else {
        throw Finding("a sent DHCP message is right")
      }
      question = asked
    }
  }

  /// Who asks whether an address is free, or for one, has none.
  private func mayBeNobodys(_ sent: SentPacket) -> Bool {
    sent.isForServer || sent.proto == .icmpv6 && sent.payload.first == 135
  }

  /// What a server lent may be given back while it is still asked for.
  private func isGivenBack(_ sent: SentPacket) -> Bool {
    guard sent.isForServer,
      let message = DHCPMessage(parsing: sent.payload.span.bytes.extracting(8..<sent.payload.count))
    else { return false }
    return message.options.messageType == .release && .v4(message.ciaddr) == sent.source
  }

  /// RFC 3376 §4: no further than the link, of ours or nobody's.
  private func lookAtIGMP(_ bytes: Octets, _ own: [IPAddress]) throws(Finding) {
    guard let view = IPv4HeaderView(validating: bytes.span.bytes) else { return }
    var sum = InternetChecksum()
    sum.add(view.payload)
    try expect(
      view.isChecksumValid && sum.isValid && view.timeToLive == 1 && RouterAlert.isIn(view)
        && view.destination.isMulticast, "a report of IGMP is right")
    try expect(view.source == .any || own.contains(.v4(view.source)), "a report of IGMP is ours")
  }

  /// RFC 3810 §5: likewise, from a link-local address.
  private func lookAtMLD(_ bytes: Octets, _ own: [IPAddress]) throws(Finding) {
    guard let view = IPv6HeaderView(validating: bytes.span.bytes),
      case .upper(.icmpv6, let start, _) = IPv6ExtensionHeaders.walk(view), start < bytes.count
    else { throw Finding("a report of MLD is right") }
    var sum = InternetChecksum.pseudoHeader(
      source: view.source, destination: view.destination, proto: .icmpv6, length: bytes.count - start)
    sum.add(bytes.span.bytes.extracting(start..<bytes.count))
    try expect(
      sum.isValid && view.hopLimit == 1 && RouterAlert.isIn(view) && view.destination.isMulticast,
      "a report of MLD is right")
    let isOurs = view.source.isLinkLocal && own.contains(.v6(view.source))
    try expect(view.source.isUnspecified || isOurs, "a report of MLD is ours, and link-local")
  }
}

extension SentPacket {
  /// Of our DHCP client.
  fileprivate var isForServer: Bool {
    proto == .udp && !isFragment && payload.count > 8 && payload.span.bytes.be32(0) == 68 << 16 | 67
  }
}
