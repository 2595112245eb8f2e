import MartletStack
import MartletTCP
import MartletWire

// What others on the link may say. Addresses come from small sets, most of which mean something to the stack.

extension LinkDriver {
  private func station(_ n: UInt8) -> MACAddress {
    n & 15 == 15 ? Self.hardware : MACAddress(0x02, 0, 0, 0, 1, n & 7)
  }

  /// An address of IPv4 that somebody may have: asked for, ours, lent, or any.
  private mutating func four() -> IPv4Address {
    let n = script.next()
    let known = (n & 1 == 0 ? soughtAfter : ours).compactMap { if case .v4(let a) = $0 { a } else { nil } }
    if n & 6 != 6, !known.isEmpty { return known[Int(n >> 3) % known.count] }
    let others: [IPv4Address] = [
      .any, .broadcast, IPv4Address(10, 0, 0, 77), IPv4Address(10, 0, 0, 2), IPv4Address(10, 0, 0, 9),
      IPv4Address(224, 0, 0, 1), IPv4Address(127, 0, 0, 1), IPv4Address(192, 0, 2, 1),
    ]
    return others[Int(n >> 3) & 7]
  }

  private mutating func six() -> IPv6Address {
    let n = script.next()
    let known = (n & 1 == 0 ? soughtAfter : ours).compactMap { if case .v6(let a) = $0 { a } else { nil } }
    if n & 6 != 6, !known.isEmpty { return known[Int(n >> 3) % known.count] }
    let others: [IPv6Address] = [
      .any, .allNodes, .loopback, IPv6Address(high: 0xfe80 << 48, low: 9),
      IPv6Address(high: 0xfe80 << 48, low: 0xff),
      IPv6Address(high: 0x2001_0db8_0001_0000, low: 9), IPv6Address(high: 0xfd00_0007_0000_0000, low: 9),
      IPv6Address(high: 0xff02 << 48, low: 0x1_ff00_0002),
    ]
    return others[Int(n >> 3) & 7]
  }

  /// Once in a while an octet is another.
  private mutating func damaged(_ bytes: Octets) -> Octets {
    let place = Int(script.next())
    guard place < bytes.count, place & 3 == 3 else { return bytes }
    var bytes = bytes
    bytes[place] ^= script.next()
    return bytes
  }

  mutating func injectARP(_ argument: UInt8) throws(Finding) {
    let n = script.next()
    let packet = ARPPacket(
      operation: argument & 1 == 0 ? .reply : .request, senderHardware: station(n), senderProtocol: four(),
      targetHardware: argument & 2 == 0 ? Self.hardware : .zero, targetProtocol: four())
    let bytes = octets(ARPPacket.encodedCount) { packet.write(into: &$0, at: 0) }
    try inject(
      damaged(bytes), .arp, from: argument & 4 == 0 ? station(n) : station(n >> 4),
      to: argument & 8 == 0 ? Self.hardware : .broadcast)
  }

  /// Seconds; the longest has no end.
  private mutating func lifetime(_ unit: UInt32) -> UInt32 {
    let n = UInt32(script.next())
    return n == 0xff ? .max : n * unit
  }

  /// A message of Neighbor Discovery, whose checksum is right.
  private mutating func message(
    _ type: UInt8, _ word: UInt32, _ body: Octets, from n: UInt8, _ source: IPv6Address,
    _ destination: IPv6Address,
    hopLimit: UInt8
  ) throws(Finding) {
    var bytes = octets(8) {
      $0.store32be(UInt32(type) << 24, at: 0)
      $0.store32be(word, at: 4)
    }
    bytes = damaged(bytes + body)
    let whole = packet(.icmpv6, from: .v6(source), to: .v6(destination), bytes, hopLimit: hopLimit)
    try inject(
      whole, .ipv6, from: station(n),
      to: destination.isMulticast ? MACAddress(multicast: destination) : Self.hardware)
  }

  mutating func injectNeighbour(_ argument: UInt8) throws(Finding) {
    let n = script.next()
    let isAsking = argument & 1 == 0
    let target = six()
    let source = six()
    let destination = argument & 8 == 0 ? six() : isAsking ? target.solicitedNode : .allNodes
    let option: NeighborOption =
      argument & 4 != 0
      ? .nonce(UInt64(n)) : isAsking ? .sourceLinkAddress(station(n)) : .targetLinkAddress(station(n))
    let options =
      argument & 2 == 0 ? octets(NeighborOption.encodedCount) { option.write(into: &$0, at: 0) } : []
    try message(
      isAsking ? 135 : 136, UInt32(n >> 4) << 28, octets(16) { $0.store(target, at: 0) } + options, from: n,
      source,
      destination, hopLimit: n & 8 == 0 ? 255 : 64)
  }

  /// A router's word, of up to three networks, as of RFC 4861 and RFC 4191, or a redirect.
  mutating func injectRouter(_ argument: UInt8) throws(Finding) {
    let n = script.next()
    let source = IPv6Address(high: 0xfe80 << 48, low: 0x100 | UInt64(n & 3))
    if argument == 15 {
      let body = octets(32) {
        $0.store(IPv6Address(high: 0xfe80 << 48, low: UInt64(n)), at: 0)
        $0.store(IPv6Address(high: 0x2001_0db8_ffff_0000, low: UInt64(n)), at: 16)
      }
      return try message(137, 0, body, from: n, source, ours.isEmpty ? .allNodes : six(), hopLimit: 255)
    }
    var body = Octets(repeating: 0, count: 8)
    for _ in 0..<Int(argument & 3) {
      let kind = script.next()
      let network = UInt64(kind & 7) << 16
      let lifetime = lifetime(60)
      let isWay = kind & 0x80 != 0
      body += octets(32) {
        $0.store32be(
          isWay ? 0x1803_4000 | UInt32(kind & 0x18) : 0x0304_4000 | UInt32(kind & 0x60) << 1 | 0x80, at: 0)
        $0.store32be(lifetime, at: 4)
        let isForEver = lifetime == .max && kind & 16 == 0
        if !isWay {
          $0.store32be(isForEver ? lifetime : kind & 8 == 0 ? lifetime / 2 : lifetime &* 2, at: 8)
        }
        $0.store(IPv6Address(high: 0x2001_0db8_0000_0000 | network, low: 0), at: isWay ? 8 : 16)
      }
      // A way's option has 24 octets.
      if isWay { body.removeLast(8) }
    }
    if argument & 4 == 0 {
      body += octets(NeighborOption.encodedCount) {
        NeighborOption.sourceLinkAddress(station(n)).write(into: &$0, at: 0)
      }
    }
    if argument & 8 != 0 { body += [5, 1, 0, 0, 0, 0, script.next(), script.next()] }
    let word = UInt32(script.next()) << 24 | UInt32(n & 0x18) << 16 | UInt32(n >> 4) * 120
    try message(134, word, body, from: n, source, .allNodes, hopLimit: 255)
  }

  /// What a DHCP server answers to the last question, with some of it otherwise.
  mutating func injectDHCP(_ argument: UInt8) throws(Finding) {
    guard let asked = question else { return }
    let kinds: [DHCPMessageType] = [.offer, .ack, .nak, .ack]
    let change = script.next()
    var answer = DHCPMessage(op: .reply, xid: asked.xid, chaddr: asked.chaddr)
    answer.options.messageType = kinds[Int(argument & 3)]
    answer.options.serverIdentifier = IPv4Address(10, 0, 0, 250)
    if argument & 3 != 2 {
      answer.yiaddr = IPv4Address(10, 0, 0, 77)
      answer.ciaddr = asked.ciaddr
      answer.options.subnetMask = IPv4Address(255, 255, 255, 0)
      answer.options.routers.append(IPv4Address(10, 0, 0, 254))
      answer.options.leaseTime = change & 63 == 63 ? .max : UInt32(change & 63) * 120
    }
    switch change >> 6 {
    case 1: answer.yiaddr = four()
    case 2:
      answer.options.subnetMask = four()
      answer.options.interfaceMTU = script.next16()
    case 3:
      answer.options.renewalTime = UInt32(script.next()) * 30
      answer.options.rebindingTime = UInt32(script.next()) * 30
    default: break
    }
    if argument & 4 != 0 { answer.xid ^= UInt32(script.next() & 1) }
    let bytes = damaged(octets(answer.encodedCount) { answer.write(into: &$0, at: 0) })
    let header = UDPHeader(
      sourcePort: 67, destinationPort: 68, totalCount: UInt16(truncatingIfNeeded: 8 + bytes.count))
    let destination = argument & 8 == 0 ? IPAddress.v4(.broadcast) : .v4(answer.yiaddr)
    try inject(
      packet(
        .udp, from: .v4(IPv4Address(10, 0, 0, 250)), to: destination,
        octets(8) { header.write(into: &$0, at: 0) } + bytes), .ipv4, from: station(5))
  }

  /// A switch asks who listens to which group.
  mutating func injectQuery(_ argument: UInt8) throws(Finding) {
    let isAboutAll = argument & 2 == 0
    let response = script.next()
    if argument & 1 == 0 {
      let group = isAboutAll ? IPv4Address.any : IPv4Address(239, 1, 2, 3)
      var query = octets(argument & 4 == 0 ? 12 : 8) {
        $0.store32be(0x1100_0000 | UInt32(response) << 16, at: 0)
        $0.store32be(group.bits, at: 4)
      }
      var sum = InternetChecksum()
      sum.add(query.span.bytes)
      query = damaged(replacing(query, sum.field, at: 2))
      var header = IPv4Header(
        totalCount: 0, timeToLive: 1, proto: .igmp, source: IPv4Address(10, 0, 0, 254),
        destination: isAboutAll ? .allHosts : group)
      header.totalCount = UInt16(truncatingIfNeeded: 24 + query.count)
      var head = octets(header.encodedCount) { header.write(into: &$0, at: 0) }
      head = replacing([0x46] + head[1...] + [0x94, 4, 0, 0], 0, at: 10)
      var headSum = InternetChecksum()
      headSum.add(head.span.bytes)
      try inject(replacing(head, headSum.field, at: 10) + query, .ipv4, from: station(6))
    } else {
      let group = isAboutAll ? IPv6Address.any : IPv6Address(high: 0xff05 << 48, low: 0x1_0002_0003)
      let query = octets(argument & 4 == 0 ? 28 : 24) {
        $0.store32be(0x8200_0000, at: 0)
        $0.store32be(UInt32(response) << 20, at: 4)
        $0.store(group, at: 8)
      }
      let source = IPAddress.v6(IPv6Address(high: 0xfe80 << 48, low: 254))
      let destination = isAboutAll ? IPv6Address.allNodes : group
      let plain = packet(.icmpv6, from: source, to: .v6(destination), damaged(query), hopLimit: 1)
      // A router alert in between.
      var whole = Octets(plain[..<40]) + [58, 0, 5, 2, 0, 0, 1, 0] + plain[40...]
      whole[6] = 0
      whole = replacing(whole, UInt16(truncatingIfNeeded: whole.count - 40), at: 4)
      try inject(whole, .ipv6, from: station(6), to: MACAddress(multicast: destination))
    }
  }

  /// An answer to the last segment, or a stranger's SYN.
  mutating func injectSegment(_ argument: UInt8) throws(Finding) {
    let n = script.next()
    var header = TCPHeader(
      sourcePort: 4_000 + UInt16(n & 3), destinationPort: 80, seq: SequenceNumber(9), flags: .syn,
      window: UnscaledWindow(8_192))
    var source = argument & 1 == 0 ? IPAddress.v4(IPv4Address(10, 0, 0, 9)) : .v6(six())
    var destination = argument & 1 == 0 ? IPAddress.v4(four()) : .v6(six())
    if argument & 2 == 0, let last = lastSegment, let tcp = last.packet.tcp {
      let length = UInt32(last.packet.textCount) &+ tcp.flags.sequenceLength
      header = TCPHeader(
        sourcePort: tcp.destinationPort, destinationPort: tcp.sourcePort, seq: tcp.ack,
        ack: tcp.seq.advanced(by: length), flags: tcp.flags.contains(.ack) ? .ack : [.syn, .ack],
        window: UnscaledWindow(8_192))
      if argument & 4 != 0 { header.flags.insert(.fin) }
      if argument & 8 != 0 { header.flags = .rst }
      (source, destination) = (last.packet.destination, last.packet.source)
    }
    guard source.isIPv4 == destination.isIPv4 else { return }
    let bytes = octets(header.encodedCount) { header.write(into: &$0, at: 0) }
    try inject(
      packet(.tcp, from: source, to: destination, bytes), source.isIPv4 ? .ipv4 : .ipv6,
      from: lastSegment?.to ?? station(n))
  }

  mutating func injectOctets() throws(Finding) {
    let types: [EtherType] = [.arp, .ipv4, .ipv6, .vlan]
    let kind = script.next()
    let count = Int(script.next() & 127)
    let bytes = (0..<count).map { _ in script.next() }
    try inject(kind & 0x80 == 0 ? repaired(bytes) : bytes, types[Int(kind & 3)], from: station(kind >> 2))
  }
}
