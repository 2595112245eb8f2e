import MartletStack
import MartletTCP
import MartletWire
import Testing

@Suite("Datagrams that leave in fragments")
struct CuttingTests {
  /// Where a packet of either family says that its octets belong; nil: it is no fragment.
  private func place(_ packet: Packet) -> (start: Int, more: Bool, id: UInt32, count: Int)? {
    if let view = IPv4HeaderView(validating: packet.span.bytes) {
      guard view.isFragment else { return nil }
      return (Int(view.fragmentOffset), view.moreFragments, UInt32(view.identification), packet.count - 20)
    }
    guard let view = IPv6HeaderView(validating: packet.span.bytes),
      case .fragment(let header) = IPv6ExtensionHeaders.walk(view)
    else { return nil }
    return (
      Int(header.fragmentOffset), header.moreFragments, header.identification, packet.count - header.payloadAt
    )
  }

  private func send(_ host: Host, _ socket: UDPSocketID, _ count: Int, to peer: Endpoint)
    throws(DatagramError)
  {
    let text = pattern(count)
    try host.stack.send(socket, text.span.bytes, to: peer, now: host.now)
  }

  /// Host 2 with a socket, and somebody to send to.
  private func sender(_ version: Int) throws -> (Host, UDPSocketID, Endpoint) {
    let host = try Host(2)
    let socket = try host.stack.openDatagram(on: LocalEndpoint(port: 53))
    return (host, socket, Endpoint(address: version == 4 ? v4(10, 0, 0, 9) : v6(9), port: 4_000))
  }

  @Test(
    "RFC 791 §3.2, RFC 8200 §4.5: a datagram larger than the MTU is cut in multiples of eight, and arrives",
    arguments: [4, 6])
  func cuts(version: Int) throws {
    let (host, socket, peer) = try sender(version)
    try send(host, socket, 20_000, to: peer)
    let parts = host.pull().map(\.packet)
    #expect(parts.count == 14 && parts.allSatisfy { $0.count <= 1_500 })
    var end = 0
    for (i, part) in parts.enumerated() {
      let cut = try #require(place(part))
      #expect(cut.start == end && cut.more == (i < 13) && cut.id == place(parts[0])?.id)
      #expect(!cut.more || cut.count % 8 == 0)
      // It may be cut again.
      if version == 4 { #expect(part[6] & 0x40 == 0) }
      end += cut.count
    }
    #expect(end == 20_008)
    #expect(host.stack.counters.ipFragOKs == 1 && host.stack.counters.ipFragCreates == 14)
    #expect(host.stack.counters.udpOutDatagrams == 1 && host.stack.held.chunks == 0)
    // And back, as if its receiver had sent it.
    let r = try Receiver(version)
    for part in parts {
      var part = part
      let at = version == 4 ? 12 : 8
      let size = version == 4 ? 4 : 16
      let source = Packet(part[at..<at + size])
      part.replaceSubrange(at..<at + size, with: part[(at + size)..<(at + 2 * size)])
      part.replaceSubrange((at + size)..<(at + 2 * size), with: source)
      let ports = version == 4 ? 20 : 48
      if place(part)?.start == 0 { part.swapAt(ports, ports + 2) }
      if place(part)?.start == 0 { part.swapAt(ports + 1, ports + 3) }
      r.inject([part])
    }
    #expect(r.text() == pattern(20_000))
  }

  @Test("The largest datagrams go there whole; what is larger than any is refused", arguments: [4, 6])
  func largest(version: Int) throws {
    let pair = try Pair()
    let server = try pair.b.stack.openDatagram(on: LocalEndpoint(port: 53))
    let client = try pair.a.stack.openDatagram()
    let to = Endpoint(address: version == 4 ? pair.b.address : pair.b.address6, port: 53)
    let most = version == 4 ? 65_507 : 65_527
    #expect(throws: DatagramError.tooLarge) { try send(pair.a, client, most + 1, to: to) }
    try send(pair.a, client, most, to: to)
    try pair.pump()
    #expect(try pair.b.receive(server) == pattern(most))
  }

  @Test("What fits a packet is one, with DF and without an identification")
  func whole() throws {
    let (host, socket, peer) = try sender(4)
    try send(host, socket, 1_472, to: peer)
    let packets = host.pull().map(\.packet)
    #expect(packets.count == 1 && packets[0][4...7] == [0, 0, 0x40, 0])
  }

  @Test("O7, RFC 7739: identifications do not come again soon, and tell nothing", arguments: [4, 6])
  func identifications(version: Int) throws {
    func ids(seed: UInt64, to n: UInt8, _ count: Int) throws -> [UInt32] {
      let host = try Host(2, seed: seed)
      let socket = try host.stack.openDatagram(on: LocalEndpoint(port: 53))
      let peer = Endpoint(address: version == 4 ? v4(10, 0, 0, n) : v6(UInt64(n)), port: 4_000)
      return try (0..<count).map { _ in
        try send(host, socket, 2_000, to: peer)
        let first = try #require(host.pull().first)
        return try #require(place(first.packet)).id
      }
    }
    let mine = try ids(seed: 7, to: 9, 500)
    #expect(Set(mine).count == 500)
    let others = try [(7, 10), (7, 11), (8, 9), (9, 9)].map { try ids(seed: $0.0, to: $0.1, 1)[0] }
    #expect(Set(others + [mine[0]]).count == 5)
    #expect(!others.contains(1) && mine[0] != 1)
  }

  @Test("An echo of 20,000 octets is answered with as many", arguments: [4, 6])
  func echo(version: Int) throws {
    let host = try Host(2)
    let (from, to) = version == 4 ? (v4(10, 0, 0, 9), host.address) : (v6(9), host.address6)
    let request = icmp(
      from: from, to: to, type: version == 4 ? 8 : 128, rest: 0x1234_0007, pattern(20_000))
    for part in cut(request, 1_480) { host.inject(part) }
    let parts = host.pull().map(\.packet)
    let headers = version == 4 ? 20 : 48
    let whole = parts.reduce(Packet()) { $0 + $1.dropFirst(headers) }
    let reply = icmp(from: to, to: from, type: version == 4 ? 0 : 129, rest: 0x1234_0007, pattern(20_000))
    // What answers is not to depend on what the path takes: of IPv6 no packet is larger than any takes.
    #expect(
      parts.count == (version == 4 ? 14 : 17) && whole == Packet(reply.dropFirst(version == 4 ? 20 : 40)))
  }

  @Test("An MTU that falls while a datagram leaves: the rest of it fits, and it arrives", arguments: [4, 6])
  func fallingMTU(version: Int) throws {
    let (host, socket, peer) = try sender(version)
    try send(host, socket, 8_000, to: peer)
    var parts: [Packet] = []
    var buffer = Packet(repeating: 0, count: 1_500)
    for mtu in [1_500, 1_300] as [UInt16] {
      try host.stack.setMTU(mtu, of: host.interface)
      var span = buffer.mutableSpan
      var raw = span.mutableBytes
      let out = try #require(host.stack.nextPacket(on: host.interface, into: &raw, now: host.now))
      parts.append(Packet(buffer.prefix(out.count)))
      #expect(out.count <= mtu)
    }
    parts += host.pull().map(\.packet)
    #expect(parts.dropFirst().allSatisfy { $0.count <= 1_300 })
    var end = 0
    for part in parts {
      let cut = try #require(place(part))
      #expect(cut.start == end)
      end += cut.count
    }
    #expect(end == 8_008)
  }

  // MARK: The path's MTU

  private func tooBig(_ packet: Packet, _ mtu: UInt32, from router: IPAddress? = nil) -> Packet {
    let isFour = packet[0] >> 4 == 4
    let source = isFour ? v4(10, 0, 0, 254) : v6(254)
    let own = isFour ? v4(10, 0, 0, 2) : v6(2)
    return icmp(
      from: router ?? source, to: own, type: isFour ? 3 : 2, code: isFour ? 4 : 0, rest: mtu,
      Packet(packet.prefix(isFour ? 28 : 48)))
  }

  @Test(
    "RFC 1191, RFC 8201: a datagram that was too big teaches the path's MTU, and the next is cut",
    arguments: [4, 6])
  func pathMTU(version: Int) throws {
    let (host, socket, peer) = try sender(version)
    try send(host, socket, 1_400, to: peer)
    let lost = try #require(host.pull().first).packet
    host.inject(tooBig(lost, 1_300))
    try send(host, socket, 1_400, to: peer)
    let parts = host.pull().map(\.packet)
    #expect(parts.count == 2 && parts.allSatisfy { $0.count <= 1_300 && place($0) != nil })
    // Others have their own paths.
    try send(host, socket, 1_400, to: Endpoint(address: version == 4 ? v4(10, 0, 0, 8) : v6(8), port: 4_000))
    #expect(host.pull().count == 1)
    // Never up, and not below the floor.
    host.inject(tooBig(lost, 1_400))
    #expect(host.drops(.icmpIgnored) == 1)
    host.inject(tooBig(lost, 68))
    try send(host, socket, 1_400, to: peer)
    // RFC 8201 §4: of IPv6 such a claim is not heard.
    let floor = version == 4 ? 552 : 1_300
    let first = try #require(host.pull().first)
    #expect(first.packet.count > floor - 8 && first.packet.count <= floor)
    // After ten minutes it is tried again.
    host.advance(by: .minutes(11))
    try send(host, socket, 1_400, to: peer)
    #expect(host.pull().count == 1)
  }

  @Test("O6: an error that quotes nothing that has left teaches nothing", arguments: [4, 6])
  func forged(version: Int) throws {
    let (host, socket, peer) = try sender(version)
    let at = version == 4 ? 20 : 40
    let own = version == 4 ? host.endpoint(53) : host.endpoint6(53)
    host.inject(tooBig(udp(from: own, to: peer, pattern(1_400)), 1_300))
    #expect(host.drops(.icmpUnmatched) == 1)
    try send(host, socket, 1_400, to: peer)
    try send(host, socket, 600, to: peer)
    let sent = host.pull().map(\.packet)
    for octet in [at + 1, at + 3, at + 5, at + 7, at - 1] {
      var forged = sent[0]
      forged[octet] ^= 1
      host.inject(tooBig(forged, 1_300))
    }
    #expect(host.drops(.icmpUnmatched) == 6)
    // It would have fitted.
    host.inject(tooBig(sent[1], 1_300))
    #expect(host.drops(.icmpUnmatched) == 7)
    try send(host, socket, 1_400, to: peer)
    #expect(host.pull().count == 1)
  }

  /// Who forges a request in the name of somebody else knows what is answered, and can forge a router's word of it.
  @Test(
    "O6: what is said of an answer teaches nothing, so that it fits every path, or may be cut",
    arguments: [4, 6])
  func echoTooBig(version: Int) throws {
    let (host, socket, peer) = try sender(version)
    let to = version == 4 ? host.address : host.address6
    let request = icmp(from: peer.address, to: to, type: version == 4 ? 8 : 128, rest: 7, pattern(1_400))
    for _ in 0..<2 {
      host.inject(request)
      let answer = host.pull().map(\.packet)
      if version == 4 {
        // Without DF, and so with an identification (RFC 6864 §4.1); but no fragment.
        #expect(answer.count == 1 && place(answer[0]) == nil && answer[0][6] == 0)
        #expect(answer[0][4...5] != [0, 0])
        #expect(host.stack.counters.ipFragCreates == 0 && host.stack.counters.ipFragOKs == 0)
      } else {
        #expect(answer.count == 2 && answer.allSatisfy { $0.count <= 1_280 && place($0) != nil })
      }
      host.inject(tooBig(try #require(answer.first), 1_300))
    }
    #expect(host.drops(.icmpUnmatched) == 2)
    try send(host, socket, 1_400, to: peer)
    #expect(host.pull().count == 1)
    // A small one has DF, and is in one piece.
    host.inject(icmp(from: peer.address, to: to, type: version == 4 ? 8 : 128, rest: 7, pattern(500)))
    let small = try #require(host.pull().first).packet
    #expect(version == 6 || small[6] == 0x40)
    #expect(place(small) == nil)
  }

  @Test(
    "RFC 4443 §2.4 (c): an error of ours says as much as fits the path, and is not cut", arguments: [4, 6])
  func error(version: Int) throws {
    let (host, socket, peer) = try sender(version)
    try send(host, socket, 1_400, to: peer)
    host.inject(tooBig(try #require(host.pull().first).packet, version == 4 ? 552 : 1_280))
    let closed = version == 4 ? host.endpoint(7) : host.endpoint6(7)
    host.inject(udp(from: peer, to: closed, pattern(1_400)))
    let said = host.pull().map(\.packet)
    #expect(said.count == 1 && place(said[0]) == nil && said[0].count <= (version == 4 ? 552 : 1_280))
  }

  @Test("TCP is never cut, and what is said of datagrams does not hold for it", arguments: [4, 6])
  func segments(version: Int) throws {
    let pair = try Pair()
    let socket = try pair.a.stack.openDatagram(on: LocalEndpoint(port: 53))
    let address = version == 4 ? pair.b.address : pair.b.address6
    try send(pair.a, socket, 1_400, to: Endpoint(address: address, port: 9))
    let lost = try #require(pair.a.pull().first).packet
    let isFour = version == 4
    pair.a.inject(
      icmp(
        from: isFour ? v4(10, 0, 0, 254) : v6(254), to: isFour ? pair.a.address : pair.a.address6,
        type: isFour ? 3 : 2, code: isFour ? 4 : 0, rest: 1_300, Packet(lost.prefix(isFour ? 28 : 48))))
    let listener = try pair.b.stack.listen(on: LocalEndpoint(port: 80))
    let client = try pair.a.stack.connect(to: Endpoint(address: address, port: 80), now: pair.a.now)
    try pair.pump()
    let server = try pair.b.stack.accept(listener)
    #expect(try pair.transfer(pattern(20_000), from: pair.a, client, to: pair.b, server) == pattern(20_000))
    #expect(pair.log.allSatisfy { !$0.fromA || $0.seen.isTCP })
    // Whoever can forge what is said of a datagram slows down no connection.
    #expect(pair.log.contains { $0.fromA && $0.seen.payload.count + (isFour ? 20 : 40) == 1_500 })
    #expect(pair.a.stack.counters.ipFragCreates == 0)
    try send(pair.a, socket, 1_400, to: Endpoint(address: address, port: 9))
    #expect(pair.a.pull().count == 2)
  }
}

@Suite("ICMP errors for datagram sockets")
struct DatagramErrorTests {
  private func error(
    _ host: Host, _ type: UInt8, _ code: UInt8, about packet: Packet
  ) -> Packet {
    let isFour = packet[0] >> 4 == 4
    return icmp(
      from: isFour ? v4(10, 0, 0, 254) : v6(254), to: isFour ? host.address : host.address6, type: type,
      code: code, Packet(packet.prefix(isFour ? 28 : 48)))
  }

  @Test(
    "RFC 1122 §4.1.3.3: each error about what was sent reaches the socket that is connected",
    arguments: [4, 6])
  func connected(version: Int) throws {
    let host = try Host(2)
    let peer = Endpoint(address: version == 4 ? v4(10, 0, 0, 9) : v6(9), port: 4_000)
    let socket = try host.stack.openDatagram(connectedTo: peer)
    let text = pattern(10)
    try host.stack.send(socket, text.span.bytes, now: host.now)
    let sent = try #require(host.pull().first).packet
    let four: [(UInt8, UInt8, SoftError)] = [
      (3, 0, .networkUnreachable), (3, 1, .hostUnreachable), (3, 2, .protocolUnreachable),
      (3, 3, .portUnreachable), (3, 13, .administrativelyProhibited), (11, 0, .timeExceeded),
      (12, 0, .parameterProblem),
    ]
    let six: [(UInt8, UInt8, SoftError)] = [
      (1, 0, .networkUnreachable), (1, 1, .administrativelyProhibited), (1, 3, .hostUnreachable),
      (1, 4, .portUnreachable), (3, 0, .timeExceeded), (4, 0, .parameterProblem),
      (4, 1, .protocolUnreachable),
    ]
    for (type, code, expected) in version == 4 ? four : six {
      host.inject(error(host, type, code, about: sent))
      #expect(host.drain() == [.datagram(socket, [.error, .readable])])
      #expect(throws: DatagramError.network(expected)) {
        try host.stack.send(socket, text.span.bytes, now: host.now)
      }
    }
    #expect(try host.stack.takeError(socket)?.error == nil)
  }

  @Test("Who sees none of our packets has to guess the checksum, too", arguments: [4, 6])
  func forged(version: Int) throws {
    let host = try Host(2)
    let peer = Endpoint(address: version == 4 ? v4(10, 0, 0, 9) : v6(9), port: 4_000)
    let socket = try host.stack.openDatagram(connectedTo: peer)
    let text = pattern(10)
    try host.stack.send(socket, text.span.bytes, now: host.now)
    let sent = try #require(host.pull().first).packet
    let at = version == 4 ? 20 : 40
    for octet in [at + 1, at + 3, at + 5, at + 6, at + 7] {
      var forged = sent
      forged[octet] ^= 1
      host.inject(error(host, version == 4 ? 3 : 1, version == 4 ? 3 : 4, about: forged))
    }
    #expect(host.drops(.icmpUnmatched) == 5)
    #expect(try host.stack.takeError(socket) == nil)
    // Four octets of transport tell the ports alone.
    let short = icmp(
      from: peer.address, to: version == 4 ? host.address : host.address6, type: version == 4 ? 3 : 1,
      code: version == 4 ? 3 : 4, Packet(sent.prefix(at + 4)))
    host.inject(short)
    #expect(host.drops(.icmpUnmatched) == 6)
  }

  @Test(
    "A socket that is connected to nobody hears errors if it asks for them, and of whom", arguments: [4, 6])
  func unconnected(version: Int) throws {
    let host = try Host(2)
    let peer = Endpoint(address: version == 4 ? v4(10, 0, 0, 9) : v6(9), port: 4_000)
    let text = pattern(10)
    for hears in [false, true] {
      let socket = try host.stack.openDatagram(on: LocalEndpoint(port: hears ? 54 : 53), hearsErrors: hears)
      try host.stack.send(socket, text.span.bytes, to: peer, now: host.now)
      let sent = try #require(host.pull().first).packet
      host.inject(error(host, version == 4 ? 3 : 1, version == 4 ? 3 : 4, about: sent))
      let taken = try host.stack.takeError(socket)
      #expect(taken?.error == (hears ? .portUnreachable : nil) && taken?.destination == (hears ? peer : nil))
      try host.stack.send(socket, text.span.bytes, to: peer, now: host.now)
      _ = host.pull()
    }
    #expect(host.drops(.icmpUnmatched) == 1)
  }
}

extension Host {
  /// The next datagram of a socket.
  func receive(_ s: UDPSocketID) throws(DatagramError) -> Packet {
    var block = Packet(repeating: 0, count: 65_536)
    var span = block.mutableSpan
    var raw = span.mutableBytes
    let count = try stack.receive(s, into: &raw, now: now).count
    return Packet(block.prefix(count))
  }
}
