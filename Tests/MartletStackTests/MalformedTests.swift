import MartletStack
import MartletTCP
import MartletWire
import Testing

/// Whatever is wrong with a packet, it is dropped for a reason that is counted, and nobody is answered.
@Suite("Bad input")
struct MalformedTests {
  static let peer = Endpoint(address: v4(10, 0, 0, 9), port: 4_000)
  static let peer6 = Endpoint(address: v6(9), port: 4_000)

  /// A listening host, and a SYN to it that would be answered.
  private func listening() throws -> (host: Host, syn: Packet) {
    let host = try Host(2)
    _ = try host.stack.listen(on: LocalEndpoint(port: 80))
    return (host, tcp(from: Self.peer, to: host.endpoint(80), seq: 1, .syn))
  }

  private func expectDropped(
    _ host: Host, _ packet: Packet, _ reason: DropReason, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let before = host.drops(reason)
    let all = host.stack.counters.drops
    let answers = try host.answers(to: packet)
    #expect(answers.isEmpty, "answered", sourceLocation: sourceLocation)
    #expect(host.drops(reason) == before + 1, "not counted as \(reason)", sourceLocation: sourceLocation)
    #expect(host.stack.counters.drops == all + 1, "counted otherwise too", sourceLocation: sourceLocation)
    #expect(host.stack.held.halfOpen == 0, sourceLocation: sourceLocation)
  }

  @Test("The SYN of these tests is answered when nothing is wrong with it")
  func control() throws {
    let (host, syn) = try listening()
    #expect(try host.answers(to: syn).map(\.flags) == [[.syn, .ack]])
    #expect(host.stack.counters.drops == 0)
  }

  @Test("P1: IP headers that are cut short, lie about their length or are of no version")
  func badIP() throws {
    let (host, syn) = try listening()
    try expectDropped(host, [], .notIP)
    try expectDropped(host, [0x15] + syn.dropFirst(), .notIP)
    try expectDropped(host, Packet(syn.prefix(19)), .badIPHeader)
    var bad = syn
    bad[0] = 0x44
    try expectDropped(host, bad, .badIPHeader)
    bad = syn
    store(UInt16(syn.count + 1), in: &bad, at: 2)
    try expectDropped(host, bad, .badIPHeader)
    bad = syn
    bad[10] ^= 1
    try expectDropped(host, bad, .badIPChecksum)
    try expectDropped(host, Packet(ip(.tcp, from: v6(9), to: v6(2), []).prefix(39)), .badIPHeader)
    let id = InterfaceID(rawValue: 9)
    host.stack.receive(syn.span.bytes, on: id, now: host.now)
    #expect(host.drops(.noInterface) == 1)
  }

  @Test("Source routes and fragments that cannot be")
  func unwantedIP() throws {
    let (host, syn) = try listening()
    var routed = syn
    routed.insert(contentsOf: [131, 3, 4, 0], at: 20)
    routed[0] = 0x46
    try expectDropped(host, fixed(routed), .sourceRoute)
    var fragment = syn
    fragment[6] = 0x3f
    fragment[7] = 0xff
    try expectDropped(host, fixed(fragment), .badFragment)
    // Other options are skipped.
    var timestamped = syn
    timestamped.insert(contentsOf: [68, 4, 5, 0], at: 20)
    timestamped[0] = 0x46
    #expect(try host.answers(to: fixed(timestamped)).count == 1)
  }

  /// Total length and header checksum made right again.
  private func fixed(_ packet: Packet) -> Packet {
    var packet = packet
    store(UInt16(packet.count), in: &packet, at: 2)
    store(0, in: &packet, at: 10)
    store(plainChecksum(Packet(packet.prefix(Int(packet[0] & 15) * 4))), in: &packet, at: 10)
    return packet
  }

  @Test("P7: IPv6 extension headers are walked within bounds")
  func extensionHeaders() throws {
    let (host, _) = try listening()
    let syn = tcp(from: Self.peer6, to: Endpoint(address: v6(2), port: 80), seq: 1, .syn)
    func with(_ headers: Packet, first: UInt8) -> Packet {
      var packet = syn
      packet.insert(contentsOf: headers, at: 40)
      packet[6] = first
      store(UInt16(packet.count - 40), in: &packet, at: 4)
      return packet
    }
    let padding: Packet = [6, 0, 1, 4, 0, 0, 0, 0]
    #expect(try host.answers(to: with(padding, first: 60)).count == 1)
    _ = try host.answers(to: tcp(from: Self.peer6, to: Endpoint(address: v6(2), port: 80), seq: 2, .rst))
    try expectDroppedAny(host, with([6, 40, 1, 4, 0, 0, 0, 0], first: 60), .badExtensionHeader)
    // A fragment that is the whole packet.
    #expect(try host.answers(to: with([6, 0, 0, 0, 0, 0, 0, 1], first: 44)).count == 1)
    try expectDroppedAny(host, with([59, 0, 1, 4, 0, 0, 0, 0], first: 60), .unknownProtocol)
  }

  private func expectDroppedAny(_ host: Host, _ packet: Packet, _ reason: DropReason) throws {
    let before = host.drops(reason)
    #expect(try host.answers(to: packet).isEmpty)
    #expect(host.drops(reason) == before + 1)
  }

  @Test(
    "MUST-63 O9: a SYN from an address that nobody can have makes no state and no answer",
    arguments: [
      v4(0, 0, 0, 0), v4(0, 1, 2, 3), v4(127, 0, 0, 1), v4(224, 0, 0, 1), v4(255, 255, 255, 255),
      v4(240, 0, 0, 1), v4(10, 0, 0, 255), v4(10, 0, 0, 0),
    ])
  func martianSources(source: IPAddress) throws {
    let (host, _) = try listening()
    let syn = tcp(from: Endpoint(address: source, port: 4_000), to: host.endpoint(80), seq: 1, .syn)
    try expectDropped(host, syn, .martianSource)
  }

  @Test("MUST-63 O9: IPv6 sources that nobody can have")
  func martianSources6() throws {
    let (host, _) = try listening()
    let local = Endpoint(address: v6(2), port: 80)
    for source in [
      IPv6Address(high: 0, low: 0), IPv6Address(high: 0, low: 1), IPv6Address(high: 0xff02 << 48, low: 1),
      IPv6Address(high: 0, low: 0xffff_0a00_0001),
    ] {
      let from = Endpoint(address: .v6(source), port: 4_000)
      try expectDropped(host, tcp(from: from, to: local, seq: 1, .syn), .martianSource)
    }
  }

  @Test("MUST-63 O9: LAND, a packet that claims to come from us")
  func land() throws {
    let (host, _) = try listening()
    try expectDropped(host, tcp(from: host.endpoint(80), to: host.endpoint(80), seq: 1, .syn), .ownSource)
    let own = Endpoint(address: v6(2), port: 80)
    try expectDropped(host, tcp(from: own, to: own, seq: 1, .syn), .ownSource)
  }

  @Test("O9: a packet for one host in a frame for many")
  func groupFrame() throws {
    let (host, syn) = try listening()
    let syn6 = tcp(from: Self.peer6, to: Endpoint(address: v6(2), port: 80), seq: 1, .syn)
    let echo = icmp(from: Self.peer.address, to: host.address, type: 8)
    for packet in [syn, syn6, echo, udp(from: Self.peer, to: host.endpoint(53), [1])] {
      host.inject(packet, PacketMetadata(isGroupFrame: true))
      #expect(host.pull().isEmpty)
    }
    #expect(host.drops(.groupFrame) == 4)
    #expect(host.stack.held.isQuiet)
    #expect(try host.answers(to: syn).count == 1)
  }

  @Test("O11: a redirect changes no route")
  func redirects() throws {
    let (host, _) = try listening()
    let router = v4(10, 0, 0, 254)
    let quoted = Packet(tcp(from: host.endpoint(80), to: Self.peer, seq: 1, .ack).prefix(28))
    for code in UInt8(0)...3 {
      let redirect = icmp(from: router, to: host.address, type: 5, code: code, rest: 0x0a00_00fe, quoted)
      try expectDropped(host, redirect, .icmpIgnored)
    }
    // Target, destination (RFC 4861 §4.5).
    let body = Packet(repeating: 0xfd, count: 32)
    try expectDropped(host, icmp(from: v6(254), to: v6(2), type: 137, body), .icmpIgnored)
  }

  @Test("MUST-57: a segment to a broadcast or multicast address is dropped in silence")
  func notUnicast() throws {
    let (host, _) = try listening()
    func syn(to address: IPAddress) -> Packet {
      tcp(
        from: address.isFour ? Self.peer : Self.peer6, to: Endpoint(address: address, port: 80), seq: 1, .syn)
    }
    try expectDropped(host, syn(to: v4(10, 0, 0, 255)), .tcpNotUnicast)
    try expectDropped(host, syn(to: v4(255, 255, 255, 255)), .tcpNotUnicast)
    try expectDropped(host, syn(to: v4(224, 0, 0, 1)), .multicast)
    try expectDropped(host, syn(to: .v6(IPv6Address(high: 0xff02 << 48, low: 1))), .multicast)
    try expectDropped(host, syn(to: v4(10, 0, 0, 3)), .notOurs)
    try expectDropped(host, syn(to: v6(3)), .notOurs)
    try expectDropped(host, syn(to: v4(127, 0, 0, 1)), .martianDestination)
    try expectDropped(host, syn(to: .v6(IPv6Address(high: 0, low: 1))), .martianDestination)
  }

  @Test("P1 P5: TCP headers that are cut short or do not sum up")
  func badTCP() throws {
    let (host, syn) = try listening()
    try expectDropped(host, ip(.tcp, from: Self.peer.address, to: host.address, [1, 2, 3]), .badTCPHeader)
    var segment = Packet(syn.dropFirst(20))
    segment[12] = 0x40
    try expectDropped(host, ip(.tcp, from: Self.peer.address, to: host.address, segment), .badTCPHeader)
    segment[12] = 0xf0
    try expectDropped(host, ip(.tcp, from: Self.peer.address, to: host.address, segment), .badTCPHeader)
    var wrong = syn
    wrong[24] ^= 1
    try expectDropped(host, wrong, .badTCPChecksum)
    // A device that has verified it is believed.
    host.inject(wrong, PacketMetadata(checksum: .verified))
    #expect(try host.pullSeen().count == 1)
  }

  @Test("P1 P5: UDP and ICMP likewise")
  func badOthers() throws {
    let host = try Host(2)
    let peer = Self.peer
    try expectDropped(
      host, ip(.udp, from: peer.address, to: host.address, [0, 1, 0, 2, 0, 9, 0, 0]), .badUDPHeader)
    var datagram = udp(from: peer, to: host.endpoint(53), [1, 2, 3])
    datagram[29] ^= 1
    try expectDropped(host, datagram, .badUDPChecksum)
    var zero = udp(from: Self.peer6, to: Endpoint(address: v6(2), port: 53), [1])
    zero[46] = 0
    zero[47] = 0
    try expectDropped(host, zero, .badUDPChecksum)
    try expectDropped(host, ip(.icmp, from: peer.address, to: host.address, [8, 0, 0]), .badICMP)
    var ping = icmp(from: peer.address, to: host.address, type: 8)
    ping[25] ^= 1
    try expectDropped(host, ping, .badICMPChecksum)
    try expectDropped(host, icmp(from: peer.address, to: host.address, type: 13), .icmpIgnored)
    try expectDropped(host, icmp(from: peer.address, to: host.address, type: 4), .sourceQuench)
  }

  @Test("P6: random octets, and valid packets with random octets in them, never trap")
  func garbage() throws {
    var state: UInt64 = 0x5eed
    print("seed 0x5eed")
    func random() -> UInt64 {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return state
    }
    let (host, syn) = try listening()
    let samples: [Packet] = [
      syn, udp(from: Self.peer, to: host.endpoint(53), [1, 2, 3]),
      icmp(from: Self.peer.address, to: host.address, type: 3, code: 3, Packet(syn.prefix(28))),
      tcp(from: Self.peer6, to: Endpoint(address: v6(2), port: 80), seq: 5, .syn),
      icmp(from: Self.peer6.address, to: v6(2), type: 128, [1, 2, 3]),
    ]
    for round in 0..<4_000 {
      var packet = samples[Int(random() % UInt64(samples.count))]
      for _ in 0..<(random() % 6) {
        packet[Int(random() % UInt64(packet.count))] = UInt8(truncatingIfNeeded: random())
      }
      if round % 3 == 0 { packet = Packet(packet.prefix(Int(random() % UInt64(packet.count + 1)))) }
      if round % 7 == 0 { packet = (0..<Int(random() % 80)).map { _ in UInt8(truncatingIfNeeded: random()) } }
      host.stack.receive(
        packet.span.bytes, PacketMetadata(checksum: .verified), on: host.interface, now: host.now)
      if round % 64 == 0 { _ = host.pull() }
      if round % 100 == 0 { host.advance(by: .milliseconds(500)) }
    }
    host.check()
  }
}
