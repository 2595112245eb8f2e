import MartletStack
import MartletTCP
import MartletWire
import Testing

@Suite("ICMP")
struct ICMPTests {
  static let peer = Endpoint(address: v4(10, 0, 0, 9), port: 4_000)

  @Test(
    "An echo request is answered with the same octets, from the address that was asked", arguments: [4, 6])
  func echo(version: Int) throws {
    let host = try Host(2)
    let (from, to) = version == 4 ? (v4(10, 0, 0, 9), host.address) : (v6(9), host.address6)
    let body = Packet((0..<100).map { UInt8($0) })
    let request = icmp(from: from, to: to, type: version == 4 ? 8 : 128, rest: 0x1234_0007, body)
    let answers = host.inject(request, then: host.pull)
    #expect(
      answers.map(\.packet) == [
        icmp(from: to, to: from, type: version == 4 ? 0 : 129, rest: 0x1234_0007, body)
      ])
    #expect(host.stack.counters.icmpOutEchoReps == 1)
    #expect(host.stack.held.chunks == 0)
  }

  @Test("An echo request to a broadcast is not answered, and replies have a limit")
  func echoLimits() throws {
    let host = try Host(2) { $0.echoRepliesPerSecond = 8 }
    #expect(try host.answers(to: icmp(from: Self.peer.address, to: v4(10, 0, 0, 255), type: 8)).isEmpty)
    #expect(host.drops(.icmpIgnored) == 1)
    for _ in 0..<20 { host.inject(icmp(from: Self.peer.address, to: host.address, type: 8)) }
    // Six at once are the share of one peer, and there may be fewer.
    let count = UInt64(host.pull().count)
    #expect((3...6).contains(count))
    #expect(host.drops(.icmpLimited) == 20 - count)
    host.now = host.now.advanced(by: .seconds(2))
    #expect(try host.answers(to: icmp(from: Self.peer.address, to: host.address, type: 8)).count == 1)
  }

  @Test("RFC 1122 §4.1.3.1: UDP to a port without a socket is answered with port unreachable that quotes it")
  func portUnreachable() throws {
    let host = try Host(2)
    let datagram = udp(from: Self.peer, to: host.endpoint(53), [1, 2, 3])
    let answers = host.inject(datagram, then: host.pull)
    #expect(
      answers.map(\.packet) == [icmp(from: host.address, to: Self.peer.address, type: 3, code: 3, datagram)])
    #expect(host.drops(.noSocket) == 1)
    let peer6 = Endpoint(address: v6(9), port: 4_000)
    let datagram6 = udp(from: peer6, to: Endpoint(address: v6(2), port: 53), [1, 2, 3])
    let answers6 = host.inject(datagram6, then: host.pull)
    #expect(answers6.map(\.packet) == [icmp(from: v6(2), to: v6(9), type: 1, code: 4, datagram6)])
  }

  @Test(
    "Of a packet that a device has joined the error quotes the first datagram, as it was sent",
    arguments: [4, 6])
  func portUnreachableOfJoined(version: Int) throws {
    let (own, remote) = version == 4 ? (v4(10, 0, 0, 2), v4(10, 0, 0, 9)) : (v6(2), v6(9))
    let from = Endpoint(address: remote, port: 4_000)
    let to = Endpoint(address: own, port: 53)
    let text = pattern(3_500)
    for size in [100, 1_001, 3_499, 3_500] {
      let host = try Host(2)
      host.inject(
        udp(from: from, to: to, text),
        PacketMetadata(
          checksum: .verified, segmentSize: UInt16(size), headerCount: version == 4 ? 28 : 48))
      let sent = udp(from: from, to: to, Packet(text.prefix(size)))
      let error = icmp(
        from: own, to: remote, type: version == 4 ? 3 : 1, code: version == 4 ? 3 : 4,
        Packet(sent.prefix(version == 4 ? 548 : 1_232)))
      #expect(host.pull().map(\.packet) == [error])
      #expect(host.stack.counters.icmpOutDestUnreachs == 1)
    }
    // A sender over IPv4 that makes no sums made none.
    var bare = udp(from: Self.peer, to: Endpoint(address: v4(10, 0, 0, 2), port: 53), text)
    store(0, in: &bare, at: 26)
    let host = try Host(2)
    host.inject(bare, PacketMetadata(segmentSize: 1_000, headerCount: 28))
    let quoted = try #require(host.pull().first).packet
    #expect(quoted[30..<32] == [4, 4] && Packet(quoted[52..<56]) == [3, 240, 0, 0])
  }

  @Test("RFC 1122 §3.2.2: no error about a broadcast, and no more than the limit")
  func noPortUnreachable() throws {
    let host = try Host(2) { $0.icmpErrorsPerSecond = 4 }
    let broadcast = Endpoint(address: v4(10, 0, 0, 255), port: 53)
    #expect(try host.answers(to: udp(from: Self.peer, to: broadcast, [1])).isEmpty)
    for _ in 0..<10 { host.inject(udp(from: Self.peer, to: host.endpoint(53), [1])) }
    let count = UInt64(host.pull().count)
    #expect((1...4).contains(count))
    #expect(host.drops(.icmpLimited) == 10 - count)
  }

  /// An established connection, and an ICMP message that quotes its segment with sequence number `seq`.
  private func quoting(
    _ pair: Pair, _ client: ConnectionID, seq: UInt32, type: UInt8, code: UInt8, rest: UInt32 = 0
  ) throws -> Packet {
    let status = try pair.a.stack.status(client, now: pair.a.now)
    let quoted = tcp(from: status.local, to: status.remote, seq: seq, ack: 1, .ack)
    return icmp(
      from: v4(10, 0, 0, 254), to: status.local.address, type: type, code: code, rest: rest,
      Packet(quoted.prefix(28)))
  }

  @Test("MUST-54 MUST-56: an error reaches the connection it quotes, is remembered, and ends nothing")
  func softErrors() throws {
    let pair = try Pair()
    let (client, _, _) = try pair.connect()
    _ = pair.a.drain()
    _ = try pair.a.send(client, [1, 2, 3])
    _ = pair.a.pull()
    let una = try pair.a.stack.status(client, now: pair.a.now).tcp.sndUna.rawValue
    for (type, code, error) in [
      (3, 0, SoftError.networkUnreachable), (3, 1, .hostUnreachable), (3, 5, .sourceRouteFailed),
      (3, 2, .protocolUnreachable), (3, 3, .portUnreachable), (11, 0, .timeExceeded),
      (12, 0, .parameterProblem),
    ] as [(UInt8, UInt8, SoftError)] {
      pair.a.inject(try quoting(pair, client, seq: una, type: type, code: code))
      #expect(try pair.a.state(client) == .established)
      #expect(
        pair.a.drain().contains {
          if case .connection(client, let r) = $0 { r.contains(.error) } else { false }
        })
      #expect(try pair.a.stack.takeError(client) == .soft(error))
      #expect(try pair.a.stack.takeError(client) == nil)
    }
  }

  @Test("O5: an error that quotes what is not in flight, or no connection, is ignored")
  func blindErrors() throws {
    let pair = try Pair()
    let (client, _, _) = try pair.connect()
    let nxt = try pair.a.stack.status(client, now: pair.a.now).tcp.sndNxt.rawValue
    pair.a.inject(try quoting(pair, client, seq: nxt, type: 3, code: 1))
    pair.a.inject(try quoting(pair, client, seq: nxt &- 1, type: 3, code: 1))
    #expect(try pair.a.stack.takeError(client) == nil)
    let other = tcp(from: Endpoint(address: v4(10, 0, 0, 1), port: 9), to: Self.peer, seq: 1, .syn)
    pair.a.inject(
      icmp(from: v4(10, 0, 0, 254), to: v4(10, 0, 0, 1), type: 3, code: 1, Packet(other.prefix(28))))
    #expect(pair.a.drops(.icmpUnmatched) == 1)
  }

  @Test("MUST-55: source quench changes nothing")
  func sourceQuench() throws {
    let pair = try Pair()
    let (client, _, _) = try pair.connect()
    _ = try pair.a.send(client, [1])
    _ = pair.a.pull()
    let before = try pair.a.stack.status(client, now: pair.a.now).tcp
    pair.a.inject(try quoting(pair, client, seq: before.sndUna.rawValue, type: 4, code: 0))
    let after = try pair.a.stack.status(client, now: pair.a.now).tcp
    #expect(after.sndCwnd == before.sndCwnd && after.softError == .none)
    #expect(pair.a.drops(.sourceQuench) == 1)
  }

  @Test("O6: a router's smaller MTU is believed of what is in flight, down to a floor, never up")
  func packetTooBig() throws {
    let pair = try Pair()
    let (client, server, _) = try pair.connect()
    _ = try pair.a.send(client, Packet(repeating: 7, count: 4_000))
    #expect(pair.a.pull().contains { $0.packet.count == 1_500 })
    let una = try pair.a.stack.status(client, now: pair.a.now).tcp.sndUna.rawValue
    pair.a.inject(try quoting(pair, client, seq: una &- 9, type: 3, code: 4, rest: 1_000))
    #expect(pair.a.drops(.icmpUnmatched) == 1)
    pair.a.inject(try quoting(pair, client, seq: una, type: 3, code: 4, rest: 1_000))
    let resent = pair.a.pull()
    #expect(!resent.isEmpty && resent.allSatisfy { $0.packet.count <= 1_000 })
    pair.a.inject(try quoting(pair, client, seq: una, type: 3, code: 4, rest: 1_400))
    #expect(pair.a.drops(.icmpIgnored) == 1)
    pair.a.inject(try quoting(pair, client, seq: una, type: 3, code: 4, rest: 68))
    try pair.run(for: .seconds(3))
    #expect(try pair.b.read(server)?.count == 4_000)
    #expect(try pair.a.stack.status(client, now: pair.a.now).tcp.sndMss <= 552 - 40)
    // The next connection to that destination starts with what was learned.
    let next = try pair.a.stack.connect(to: pair.b.endpoint(80), now: pair.a.now)
    try pair.pump()
    #expect(try pair.a.stack.status(next, now: pair.a.now).tcp.sndMss <= 552 - 40)
  }

  @Test("RFC 1191 §3: a second connection to a destination believes what the first was told")
  func packetTooBigTwice() throws {
    let pair = try Pair()
    let (client, _, _) = try pair.connect()
    let second = try pair.a.stack.connect(to: pair.b.endpoint(80), now: pair.a.now)
    try pair.pump()
    _ = try pair.a.send(client, Packet(repeating: 7, count: 4_000))
    _ = try pair.a.send(second, Packet(repeating: 7, count: 4_000))
    #expect(pair.a.pull().filter { $0.packet.count == 1_500 }.count >= 4)
    for id in [client, second] {
      let una = try pair.a.stack.status(id, now: pair.a.now).tcp.sndUna.rawValue
      pair.a.inject(try quoting(pair, id, seq: una, type: 3, code: 4, rest: 1_000))
      let resent = pair.a.pull()
      #expect(!resent.isEmpty && resent.allSatisfy { $0.packet.count <= 1_000 })
    }
  }

  @Test("RFC 4821 §7.7: an outage that looks like a black hole does not make other connections small")
  func outageThenNewConnection() throws {
    let pair = try Pair()
    let (client, _, _) = try pair.connect()
    _ = try pair.a.send(client, Packet(repeating: 7, count: 20_000))
    // Nothing arrives for six seconds.
    for _ in 0..<60 {
      _ = pair.a.pull()
      pair.a.advance(by: .milliseconds(100))
      pair.b.advance(by: .milliseconds(100))
    }
    #expect(try pair.a.stack.status(client, now: pair.a.now).tcp.sndMss < 1_300)
    let next = try pair.a.stack.connect(to: pair.b.endpoint(80), now: pair.a.now)
    try pair.pump()
    #expect(try pair.a.stack.status(next, now: pair.a.now).tcp.sndMss > 1_400)
  }

  @Test("A SYN that ICMP says goes nowhere ends the attempt")
  func hardErrorOnSyn() throws {
    let pair = try Pair()
    let client = try pair.a.stack.connect(to: pair.b.endpoint(80), now: pair.a.now)
    let syn = try #require(pair.a.pull().first?.packet)
    pair.a.inject(icmp(from: pair.b.address, to: pair.a.address, type: 3, code: 3, Packet(syn.prefix(28))))
    #expect(try pair.a.state(client) == .closed)
  }
}

extension Host {
  func inject<R>(_ packet: Packet, then next: () -> R) -> R {
    inject(packet)
    return next()
  }
}
