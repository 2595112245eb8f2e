import MartletStack
import MartletTCP
import MartletWire
import Testing

@Suite("P7: what nobody knows is answered")
struct ParameterProblemTests {
  private static let peer = Endpoint(address: v6(9), port: 4_000)
  private static let ours = Endpoint(address: v6(2), port: 53)

  /// A datagram with extension headers before it, or another packet.
  private func packet(
    _ headers: Packet, first: UInt8, to destination: IPAddress = v6(2), _ inner: Packet? = nil
  ) -> Packet {
    var packet =
      inner ?? udp(from: Self.peer, to: Endpoint(address: destination, port: 53), [1, 2, 3])
    packet.insert(contentsOf: headers, at: 40)
    packet[6] = first
    store(UInt16(packet.count - 40), in: &packet, at: 4)
    return packet
  }

  private static let group = IPAddress.v6(IPv6Address(high: 0xff15 << 48, low: 1))

  /// What a host that is in a group answers: nil is nothing, else the code and the octet that it points at.
  private func expect(
    _ answer: (code: UInt8, pointer: UInt32)?, to packet: Packet, from source: IPAddress = v6(2),
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let host = try Host(2)
    let socket = try host.stack.openDatagram(on: LocalEndpoint(port: 9))
    try host.stack.joinGroup(socket, Self.group, on: host.interface, now: host.now)
    _ = host.pull()
    let answers = host.inject(packet, then: host.pull).map(\.packet)
    let expected = answer.map {
      icmp(from: source, to: v6(9), type: 4, code: $0.code, rest: $0.pointer, packet)
    }
    #expect(answers == (expected.map { [$0] } ?? []), sourceLocation: sourceLocation)
    #expect(host.stack.counters.icmpOutParmProbs == UInt64(answers.count), sourceLocation: sourceLocation)
  }

  @Test(
    "RFC 8200 §4.4, RFC 5095 §3: a routing header with segments left, of whatever type", arguments: [0, 2, 4])
  func routing(type: UInt8) throws {
    try expect((0, 42), to: packet([17, 0, type, 1, 0, 0, 0, 0], first: 43))
    try expect(nil, to: packet([17, 0, type, 1, 0, 0, 0, 0], first: 43, to: v6(3)))
  }

  @Test("RFC 8200 §4.2: an unknown option says itself whether its sender is told, and for groups, too")
  func options() throws {
    func option(_ kind: UInt8) -> Packet { [17, 0, kind, 0, 1, 2, 0, 0] }
    for (kind, isTold, isToldOfGroups) in [
      (UInt8(0x42), false, false), (0x82, true, true), (0xc2, true, false),
    ] {
      try expect(isTold ? (2, 42) : nil, to: packet(option(kind), first: 60))
      try expect(isToldOfGroups ? (2, 42) : nil, to: packet(option(kind), first: 60, to: Self.group))
    }
  }

  @Test("RFC 8200 §4: a header that nobody knows, and hop-by-hop options in the wrong place")
  func nextHeader() throws {
    try expect((1, 6), to: ip(IPProtocol(253), from: v6(9), to: v6(2), [1, 2, 3, 4]))
    try expect((1, 40), to: packet([253, 0, 1, 4, 0, 0, 0, 0], first: 60))
    try expect((1, 40), to: packet([0, 0, 1, 4, 0, 0, 0, 0, 17, 0, 1, 4, 0, 0, 0, 0], first: 60))
    // Behind this number there is nothing (§4.7).
    try expect(nil, to: ip(.noNextHeader, from: v6(9), to: v6(2), [1, 2, 3, 4]))
    try expect(nil, to: ip(IPProtocol(253), from: v6(9), to: Self.group, [1, 2, 3, 4]))
  }

  @Test("RFC 4443 §2.4 (e.1): nothing is said of an error, wherever it stands")
  func aboutErrors() throws {
    for (type, isAnswered) in [(UInt8(1), false), (4, false), (127, false), (128, true)] {
      let message = icmp(from: v6(9), to: v6(2), type: type, Packet(repeating: 0, count: 48))
      try expect(isAnswered ? (0, 42) : nil, to: packet([58, 0, 0, 1, 0, 0, 0, 0], first: 43, message))
      // Behind another header.
      let two: Packet = [60, 0, 0, 1, 0, 0, 0, 0, 58, 0, 1, 4, 0, 0, 0, 0]
      try expect(isAnswered ? (0, 42) : nil, to: packet(two, first: 43, message))
    }
    // It cannot be told what it is.
    try expect(
      nil, to: Packet(packet([60, 0, 0, 1, 0, 0, 0, 0], first: 43, ip(.udp, from: v6(9), to: v6(2), []))))
  }

  @Test("RFC 1122 §3.2.2.1: a protocol of IPv4 that nobody knows is unreachable, and no broadcast's is")
  func unknownProtocol() throws {
    let host = try Host(2)
    let strange = ip(IPProtocol(253), from: v4(10, 0, 0, 9), to: host.address, [1, 2, 3, 4])
    let answers = host.inject(strange, then: host.pull)
    #expect(
      answers.map(\.packet) == [icmp(from: host.address, to: v4(10, 0, 0, 9), type: 3, code: 2, strange)])
    #expect(host.drops(.unknownProtocol) == 1)
    let toAll = ip(IPProtocol(253), from: v4(10, 0, 0, 9), to: v4(10, 0, 0, 255), [1, 2, 3, 4])
    #expect(try host.answers(to: toAll).isEmpty)
    #expect(host.drops(.unknownProtocol) == 2)
    // Nothing was written either that could not leave.
    #expect(host.drops(.lostAddress) == 0 && host.stack.counters.icmpOutDestUnreachs == 1)
  }

  @Test("O8: parameter problems are errors like others, and limited with them")
  func limited() throws {
    let host = try Host(2) { $0.icmpErrorsPerSecond = 4 }
    for _ in 0..<10 { host.inject(packet([17, 0, 0, 1, 0, 0, 0, 0], first: 43)) }
    let count = UInt64(host.pull().count)
    #expect((1...4).contains(count))
    #expect(host.drops(.icmpLimited) == 10 - count)
  }
}
