import MartletStack
import MartletTCP
import MartletWire
import Testing

/// A socket that asks for echoes.
@Suite("Echo sockets")
struct EchoTests {
  private func octets(_ count: Int) -> Packet { Packet((0..<count).map { UInt8(truncatingIfNeeded: $0) }) }

  private func ask(
    _ host: Host, _ id: EchoSocketID, _ sequence: UInt16, _ body: Packet, fields: IPFields = IPFields()
  ) throws(DatagramError) {
    try host.stack.sendEcho(id, sequence: sequence, body.span.bytes, fields: fields, now: host.now)
    host.check()
  }

  private func hear(_ host: Host, _ id: EchoSocketID) throws(DatagramError) -> (
    answer: EchoAnswer, body: Packet
  ) {
    var block = Packet(repeating: 0, count: 65_536)
    var span = block.mutableSpan
    var raw = span.mutableBytes
    let answer = try host.stack.receiveEcho(id, into: &raw, now: host.now)
    return (answer, Packet(block.prefix(answer.count)))
  }

  @Test("A host answers what it is asked, with times, in one packet or in many", arguments: [4, 6])
  func pingAndAnswer(version: Int) throws {
    let pair = try Pair()
    let peer = version == 4 ? pair.b.address : pair.b.address6
    let socket = try pair.a.stack.openEcho(to: peer)
    #expect(pair.a.stack.held.datagramSockets == 1)
    for (sequence, count) in [(1, 0), (2, 56), (3, 60_000), (65_535, 65_507)] as [(UInt16, Int)] {
      try ask(pair.a, socket, sequence, octets(count), fields: IPFields(hopLimit: 9))
      pair.a.now = pair.a.now.advanced(by: .milliseconds(7))
      pair.b.now = pair.a.now
      try pair.pump()
      #expect(pair.a.drain() == [.echo(socket, .readable)])
      let (answer, body) = try hear(pair.a, socket)
      #expect(body == octets(count) && answer.totalCount == count)
      #expect(answer.sequence == sequence && answer.error == .none && answer.from == peer)
      #expect(answer.fields.hopLimit == 64 && answer.time == pair.a.now)
      #expect(throws: DatagramError.wouldBlock) { try hear(pair.a, socket) }
    }
    #expect(pair.log.contains { $0.fromA && $0.seen.hopLimit == 9 })
    #expect(pair.log.allSatisfy { !$0.fromA || $0.seen.hopLimit == 9 })
    #expect(pair.a.stack.counters.icmpOutEchos == 4 && pair.a.stack.counters.icmpInEchoReps == 4)
    try pair.a.stack.close(socket)
    _ = pair.a.drain()
    #expect(pair.a.stack.held.datagramSockets == 0 && pair.a.stack.held.chunks == 0)
    #expect(throws: DatagramError.stale) { try hear(pair.a, socket) }
    #expect(throws: HandleError.stale) { try pair.a.stack.close(socket) }
  }

  @Test(
    "A reply from another, to another address, or with another identifier reaches nobody", arguments: [4, 6])
  func strangers(version: Int) throws {
    let host = try Host(2)
    let (own, peer, other) =
      version == 4 ? (host.address, v4(10, 0, 0, 9), v4(10, 0, 0, 8)) : (host.address6, v6(9), v6(8))
    try host.stack.addAddress(
      IPPrefix(version == 4 ? v4(10, 0, 0, 77) : v6(77), length: 24), to: host.interface)
    let socket = try host.stack.openEcho(to: peer, from: own)
    let identifier = UInt32(try host.stack.localEndpoint(socket).port)
    let type: UInt8 = version == 4 ? 0 : 129
    host.inject(icmp(from: other, to: own, type: type, rest: identifier << 16 | 1))
    host.inject(
      icmp(from: peer, to: version == 4 ? v4(10, 0, 0, 77) : v6(77), type: type, rest: identifier << 16 | 1))
    host.inject(icmp(from: peer, to: own, type: type, rest: (identifier ^ 1) << 16 | 1))
    #expect(host.drops(.icmpIgnored) == 3)
    #expect(host.drain().isEmpty)
    #expect(host.pull().isEmpty)
    host.inject(icmp(from: peer, to: own, type: type, rest: identifier << 16 | 1))
    #expect(try hear(host, socket).answer.sequence == 1)
    // After it is closed, too.
    try host.stack.close(socket)
    host.inject(icmp(from: peer, to: own, type: type, rest: identifier << 16 | 1))
    #expect(host.drops(.icmpIgnored) == 4)
  }

  @Test("An error is told with who sent it, and only if it quotes what has left", arguments: [4, 6])
  func errors(version: Int) throws {
    let host = try Host(2)
    let router = version == 4 ? v4(10, 0, 0, 254) : v6(254)
    let peer = version == 4 ? v4(10, 0, 0, 9) : v6(9)
    let own = version == 4 ? host.address : host.address6
    let socket = try host.stack.openEcho(to: peer)
    try ask(host, socket, 7, octets(40), fields: IPFields(hopLimit: 1))
    let sent = try #require(host.pull().first).packet
    #expect(try #require(Seen(sent)).hopLimit == 1)
    let at = version == 4 ? 20 : 40
    func error(_ type: UInt8, _ code: UInt8, about packet: Packet) -> Packet {
      icmp(from: router, to: own, type: type, code: code, Packet(packet.prefix(at + 8)))
    }
    let exceeded: UInt8 = version == 4 ? 11 : 3
    // Another type, checksum, identifier or sequence number than what has left.
    for octet in [at, at + 2, at + 5, at + 7] {
      var forged = sent
      forged[octet] ^= 1
      host.inject(error(exceeded, 0, about: forged))
    }
    #expect(host.drops(.icmpUnmatched) == 4)
    // What we answered is not what we asked, though it has left and has the identifier.
    let identifier = UInt32(try host.stack.localEndpoint(socket).port)
    host.inject(
      icmp(from: peer, to: own, type: version == 4 ? 8 : 128, rest: identifier << 16 | 7, octets(40)))
    let answer = try #require(host.pull().first).packet
    host.inject(error(exceeded, 0, about: answer))
    #expect(host.drops(.icmpUnmatched) == 5)
    #expect(host.drain().isEmpty)
    host.now = host.now.advanced(by: .milliseconds(3))
    host.inject(error(exceeded, 0, about: sent))
    host.inject(error(version == 4 ? 3 : 1, version == 4 ? 1 : 3, about: sent))
    #expect(host.drain() == [.echo(socket, .readable)])
    let first = try hear(host, socket).answer
    #expect(first.error == .timeExceeded && first.from == router && first.sequence == 7)
    #expect(first.time == host.now && first.totalCount == 0 && first.fields.hopLimit == 64)
    #expect(try hear(host, socket).answer.error == .hostUnreachable)
    #expect(try host.stack.readiness(socket) == .writable)
  }

  @Test("An error that quotes a datagram as if it were a request is about neither", arguments: [4, 6])
  func disguised(version: Int) throws {
    let host = try Host(2)
    let peer = version == 4 ? v4(10, 0, 0, 9) : v6(9)
    let own = version == 4 ? host.address : host.address6
    let socket = try host.stack.openEcho(to: peer)
    // The length of a datagram stands where a request has its identifier.
    let identifier = Int(try host.stack.localEndpoint(socket).port)
    let sender = try host.stack.openDatagram(on: LocalEndpoint(port: 5_000))
    try host.stack.send(
      sender, octets(identifier - 8).span.bytes, to: Endpoint(address: peer, port: 9), now: host.now)
    let at = version == 4 ? 20 : 48
    let sent = try #require(host.pull().map(\.packet).first { $0.count > at + 8 })
    let quoted = ip(version == 4 ? .icmp : .icmpv6, from: own, to: peer, Packet(sent[at..<at + 8]))
    host.inject(icmp(from: peer, to: own, type: version == 4 ? 3 : 1, code: version == 4 ? 1 : 3, quoted))
    #expect(host.drops(.icmpUnmatched) == 1)
    #expect(host.drain().isEmpty)
  }

  @Test("Nobody at the next hop is told like a router's word, by the stack itself", arguments: [4, 6])
  func nobody(version: Int) throws {
    let s = try Station()
    let peer = version == 4 ? v4(10, 0, 0, 9) : v6(9)
    let socket = try s.stack.openEcho(to: peer)
    let body = octets(8)
    try s.stack.sendEcho(socket, sequence: 3, body.span.bytes, now: s.now)
    for _ in 0..<50 {
      _ = s.pull()
      s.advance(by: .milliseconds(100))
    }
    var raw = MutableRawSpan()
    let answer = try s.stack.receiveEcho(socket, into: &raw, now: s.now)
    #expect(answer.error == .hostUnreachable && answer.sequence == 3 && answer.fields.hopLimit == 0)
    let own = try s.stack.localEndpoint(socket).address
    #expect(answer.from == own)
  }

  @Test("The queue is bounded, and what is too large, or has nowhere to go, is refused")
  func limits() throws {
    let host = try Host(2) { $0.datagramReceiveBuffer = 1_000 }
    let peer = v4(10, 0, 0, 9)
    let socket = try host.stack.openEcho(to: peer)
    let identifier = UInt32(try host.stack.localEndpoint(socket).port)
    for n in 0..<10 {
      host.inject(
        icmp(from: peer, to: host.address, type: 0, rest: identifier << 16 | UInt32(n), octets(300)))
    }
    #expect(host.drops(.receiveQueueFull) == 8)
    #expect(throws: DatagramError.tooLarge) { try ask(host, socket, 1, octets(65_508)) }
    try ask(host, socket, 1, octets(65_507))
    #expect(throws: ListenError.noRoute) { try host.stack.openEcho(to: v4(10, 9, 0, 1)) }
    #expect(throws: ListenError.noRoute) { try host.stack.openEcho(to: v4(224, 0, 0, 1)) }
    #expect(throws: ListenError.noRoute) { try host.stack.openEcho(to: v6(9), from: host.address) }
    #expect(throws: ListenError.addressNotOurs) { try host.stack.openEcho(to: peer, from: v4(10, 0, 0, 3)) }
    // An octet fewer than there is room for.
    var small = Packet(repeating: 0, count: 299)
    var span = small.mutableSpan
    var raw = span.mutableBytes
    let answer = try host.stack.receiveEcho(socket, into: &raw, now: host.now)
    #expect(answer.count == 299 && answer.totalCount == 300)
    try host.stack.close(socket)
    _ = host.pull()
    #expect(host.stack.held.chunks == 0)
  }

  @Test("A handle of the one kind is none of the other")
  func kinds() throws {
    let host = try Host(2)
    let echo = try host.stack.openEcho(to: v4(10, 0, 0, 9))
    let udp = try host.stack.openDatagram()
    #expect(throws: HandleError.stale) { try host.stack.close(UDPSocketID(handle: echo.handle)) }
    #expect(throws: HandleError.stale) { try host.stack.close(EchoSocketID(handle: udp.handle)) }
    #expect(throws: HandleError.stale) { try host.stack.readiness(EchoSocketID(handle: udp.handle)) }
  }

  @Test(
    "A datagram of UDP leaves with the hop limit that it was given, and an error tells who sent it",
    arguments: [4, 6])
  func hopLimit(version: Int) throws {
    let host = try Host(2)
    let router = version == 4 ? v4(10, 0, 0, 254) : v6(254)
    let peer = Endpoint(address: version == 4 ? v4(10, 0, 0, 9) : v6(9), port: 33_434)
    let socket = try host.stack.openDatagram(hearsErrors: true)
    let text = octets(32)
    try host.stack.send(socket, text.span.bytes, to: peer, fields: IPFields(hopLimit: 2), now: host.now)
    try host.stack.send(socket, text.span.bytes, to: peer, now: host.now)
    let sent = host.pull().map(\.packet)
    #expect(sent.compactMap { Seen($0)?.hopLimit } == [2, 64])
    let at = version == 4 ? 20 : 40
    host.inject(
      icmp(
        from: router, to: version == 4 ? host.address : host.address6, type: version == 4 ? 11 : 3,
        Packet(sent[0].prefix(at + 8))))
    let told = try #require(try host.stack.takeError(socket))
    #expect(told.error == .timeExceeded && told.destination == peer && told.reporter == router)
  }

  @Test("Of sixteen requests that leave together an error about each is believed")
  func together() throws {
    let host = try Host(2)
    let peer = v4(10, 0, 0, 9)
    let socket = try host.stack.openEcho(to: peer)
    for round in 0..<20 {
      for n in 0..<16 { try ask(host, socket, UInt16(round * 16 + n), octets(8)) }
      for packet in host.pull().map(\.packet) {
        host.inject(icmp(from: v4(10, 0, 0, 254), to: host.address, type: 11, Packet(packet.prefix(28))))
      }
      for n in 0..<16 { #expect(try hear(host, socket).answer.sequence == UInt16(round * 16 + n)) }
    }
  }
}
