import MartletStack
import MartletTCP
import MartletWire
import Testing

// An attacker who can forge any source address, and owns a thousand: addresses of IPv4, or networks of IPv6. With
// so many he reaches every limit and fills every table. What is sent to them must be the same octets at the same
// times, whatever the stack has with somebody else.

@Suite("What an attacker with a thousand addresses sees")
struct AttackerNetworkTests {
  @Test(
    "O4 O8 S5.1 whose place in a table was taken cannot be told by what is left there", arguments: [4, 6])
  func neighbours(version: Int) throws {
    try compare(version) { siege, draws in
      // As many questions as a share has, in the victim's name. Then its place is taken, and taken again.
      for _ in 0..<31 { siege.send(siege.forgedAcknowledgment(&draws)) }
      for _ in 0..<7 { siege.send(siege.forgedDatagram()) }
      for n in 0..<600 { siege.send(siege.echoRequest(n)) }
      for n in 400..<600 {
        siege.send(siege.question(n, port: 9))
        siege.send(siege.datagram(n, port: 9))
      }
      siege.wait(.seconds(2))
    }
  }

  @Test("O4 O8 S5.1 nor by how much is left of the whole", arguments: [4, 6])
  func whole(version: Int) throws {
    try compare(version) { siege, draws in
      for n in 0..<1_000 {
        siege.send(siege.question(n, port: 9))
        if n % 4 == 0 { siege.send(siege.datagram(n, port: Siege.socketPort)) }
        if n % 8 == 0 { siege.send(siege.forgedAcknowledgment(&draws)) }
        if n % 50 == 0 { siege.send(siege.forgedDatagram()) }
      }
      siege.wait(.milliseconds(Int64(draws.next(400))))
    }
  }

  @Test("O4 O8 S5.1 nor by any mixture of forged segments, datagrams and errors", arguments: [4, 6])
  func mixture(version: Int) throws {
    try compare(version) { siege, draws in
      for _ in 0..<800 {
        let n = Int(draws.next(1_000))
        switch draws.next(8) {
        case 0: siege.send(siege.forgedAcknowledgment(&draws))
        case 1, 2: siege.send(siege.forgery(&draws))
        case 3: siege.send(siege.forgedDatagram())
        case 4: siege.send(siege.forgedError(&draws))
        case 5: siege.send(siege.datagram(n, port: draws.next(2) == 0 ? 9 : Siege.socketPort))
        case 6: siege.send(siege.echoRequest(n))
        default: siege.send(siege.question(n, port: draws.next(3) == 0 ? 80 : 9))
        }
      }
      siege.wait(.milliseconds(Int64(draws.next(300))))
    }
  }

  @Test(
    "O8 S5.1 nor, at a port that has a socket for everybody, of another that is connected", arguments: [4, 6])
  func besideSocketForEverybody(version: Int) throws {
    try compare(version, hasSocketForEverybody: true) { siege, draws in
      for n in 0..<400 {
        if n % 4 == 0 { siege.send(siege.forgedDatagram()) }
        if n % 8 == 0 { siege.send(siege.datagram(n, port: 9)) }
        siege.send(siege.question(n, port: 9))
      }
      siege.wait(.milliseconds(Int64(draws.next(400))))
    }
  }

  /// Plays five rounds of the same attack to a stack that has nothing with the victim, and to others.
  private func compare(
    _ version: Int, hasSocketForEverybody: Bool = false, round: (Siege, inout Draws) -> Void,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    func view(_ victim: Siege.Victim) throws -> Siege {
      let siege = try Siege(isIPv4: version == 4, victim)
      if hasSocketForEverybody {
        _ = try siege.host.stack.openDatagram(on: LocalEndpoint(port: Siege.socketPort))
      }
      var draws = Draws(UInt64(version))
      for _ in 0..<5 { round(siege, &draws) }
      return siege
    }
    let without = try view(.none)
    let drops = without.host.stack.counters
    #expect(without.seen.count > 500, sourceLocation: sourceLocation)
    #expect(drops.drops(.resetLimited) > 0 && drops.drops(.icmpLimited) > 0, sourceLocation: sourceLocation)
    for victim in Siege.Victim.allCases where victim != .none {
      let with = try view(victim)
      let first = zip(without.seen, with.seen).enumerated().first { $0.element.0 != $0.element.1 }
      #expect(
        without.seen == with.seen,
        "\(victim): \(without.seen.count) and \(with.seen.count) packets, first difference \(first?.offset ?? -1)",
        sourceLocation: sourceLocation)
    }
  }
}

/// A stack, what it has with a victim, and all that an attacker's thousand addresses are sent.
final class Siege {
  /// What the stack has with the victim, in the four-tuple that the attacker asks about.
  enum Victim: CaseIterable {
    case none, halfOpen, established, sending, closing, timeWait, connecting, socket
  }

  struct Sighting: Equatable {
    var at: Instant
    var packet: Packet
  }

  static let socketPort: UInt16 = 5_353
  let host: Host
  let isIPv4: Bool
  private(set) var seen: [Sighting] = []
  private var unpulled = 0

  init(isIPv4: Bool, _ victim: Victim) throws {
    self.isIPv4 = isIPv4
    host = try Host(2)
    let all = [IPPrefix(v4(0, 0, 0, 0), length: 0), IPPrefix(.v6(IPv6Address(high: 0, low: 0)), length: 0)]
    for prefix in all { try host.stack.addRoute(Route(prefix: prefix, interface: host.interface)) }
    try prepare(victim)
  }

  var peer: Endpoint { Endpoint(address: isIPv4 ? v4(10, 0, 0, 9) : v6(9), port: 4_000) }

  func local(_ port: UInt16) -> Endpoint {
    Endpoint(address: isIPv4 ? host.address : host.address6, port: port)
  }

  /// The attacker's n-th: an address, or one in a network of its own out of 2001:db8::/48.
  func own(_ n: Int) -> Endpoint {
    let address: IPAddress =
      isIPv4
      ? .v4(IPv4Address(bits: 0xac10_0100 + UInt32(n)))
      : .v6(IPv6Address(high: 0x2001_0db8_0000_0000 + UInt64(n), low: 1))
    return Endpoint(address: address, port: 5_000)
  }

  /// Brings about what the stack has with the victim; time goes on by a second.
  private func prepare(_ victim: Victim) throws {
    let end = host.now.advanced(by: .seconds(1))
    let listener = try host.stack.listen(on: LocalEndpoint(port: 80))
    switch victim {
    case .none: break
    case .connecting:
      _ = try host.stack.connect(
        to: peer, from: LocalEndpoint(address: local(0).address, port: 8_080), now: host.now)
    case .socket:
      let port = LocalEndpoint(address: local(0).address, port: Self.socketPort)
      _ = try host.stack.openDatagram(on: port, connectedTo: peer)
    case .halfOpen: host.inject(tcp(from: peer, to: local(80), seq: 1_000, .syn))
    case .established, .sending, .closing, .timeWait:
      let synAck = try host.answers(to: tcp(from: peer, to: local(80), seq: 1_000, .syn))
      let una = synAck[0].seq &+ 1
      host.inject(tcp(from: peer, to: local(80), seq: 1_001, ack: una, .ack))
      let c = try host.stack.accept(listener)
      if victim == .sending { _ = try host.send(c, Packet(repeating: 1, count: 50_000)) }
      if victim == .closing || victim == .timeWait { try host.stack.close(c, now: host.now) }
      _ = host.pull()
      if victim == .timeWait {
        host.inject(tcp(from: peer, to: local(80), seq: 1_001, ack: una &+ 1, [.fin, .ack]))
      }
    }
    _ = host.pull()
    host.advance(by: end.since(host.now))
    _ = host.pull()
  }

  /// Gives the stack a packet. Like a device's driver it pulls after each batch.
  func send(_ packet: Packet) {
    host.stack.receive(packet.span.bytes, on: host.interface, now: host.now)
    unpulled += 1
    if unpulled == 32 { look() }
  }

  func wait(_ amount: TimeAmount) {
    look()
    host.advance(by: amount)
    look()
  }

  private func look() {
    unpulled = 0
    for (packet, _) in host.pull() {
      let isOwn = isIPv4 ? packet[16] == 0xac : packet[24] == 0x20
      if isOwn { seen.append(Sighting(at: host.now, packet: packet)) }
    }
  }

  // MARK: Questions of his own

  /// A SYN; a closed port answers it with a reset.
  func question(_ n: Int, port: UInt16) -> Packet {
    tcp(from: own(n), to: local(port), seq: UInt32(n), .syn)
  }

  func datagram(_ n: Int, port: UInt16) -> Packet { udp(from: own(n), to: local(port), [1, 2, 3]) }

  func echoRequest(_ n: Int) -> Packet {
    icmp(from: own(n).address, to: local(0).address, type: isIPv4 ? 8 : 128, rest: UInt32(n))
  }

  // MARK: Questions in the victim's name

  /// Where there is no connection it is reset, and challenged where there is one.
  func forgedAcknowledgment(_ draws: inout Draws) -> Packet {
    tcp(
      from: peer, to: local(draws.next(3) == 0 ? 8_080 : 80), seq: UInt32(draws.next(1 << 32)),
      ack: UInt32(draws.next(1 << 32)), .ack)
  }

  func forgery(_ draws: inout Draws) -> Packet {
    let kinds: [TCPFlags] = [
      .syn, [.syn, .ack], .ack, .rst, [.rst, .ack], [.psh, .ack], [.fin, .ack], [], .fin,
    ]
    let kind = kinds[Int(draws.next(UInt64(kinds.count)))]
    let text = kind.contains(.psh) ? Packet(repeating: 0x66, count: Int(draws.next(1_000))) : []
    return tcp(
      from: peer, to: local(draws.next(3) == 0 ? 8_080 : 80), seq: UInt32(draws.next(1 << 32)),
      ack: kind.contains(.ack) ? UInt32(draws.next(1 << 32)) : 0, kind, text: text)
  }

  /// Where there is no socket it is answered by an ICMP error.
  func forgedDatagram() -> Packet { udp(from: peer, to: local(Self.socketPort), [1, 2, 3]) }

  func forgedError(_ draws: inout Draws) -> Packet {
    let quoted = tcp(from: local(80), to: peer, seq: UInt32(draws.next(1 << 32)), .ack)
    return icmp(
      from: peer.address, to: local(0).address, type: isIPv4 ? 3 : 1, code: UInt8(draws.next(5)),
      Packet(quoted.prefix(isIPv4 ? 28 : 48)))
  }
}
