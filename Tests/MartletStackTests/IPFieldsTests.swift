import MartletStack
import MartletTCP
import MartletWire
import Testing

/// Hop limit, DSCP and ECN of datagrams, out and in (RFC 1122 §4.1.4, RFC 2474, RFC 3168).
@Suite("The IP header of a datagram is the application's")
struct IPFieldsTests {
  private let fields = IPFields(hopLimit: 9, dscp: 46, ecn: .ect0)

  private func receive(_ host: Host, _ s: UDPSocketID, room: Int = 65_536) throws -> ArrivedDatagram {
    var block = Packet(repeating: 0, count: room)
    var span = block.mutableSpan
    var raw = span.mutableBytes
    return try host.stack.receive(s, into: &raw, now: host.now)
  }

  @Test(
    "It leaves with what it was given, whole, in fragments and in trains, and arrives with it",
    arguments: [4, 6])
  func datagrams(version: Int) throws {
    let pair = try Pair()
    let server = try pair.b.stack.openDatagram(on: LocalEndpoint(port: 53))
    let client = try pair.a.stack.openDatagram()
    let to = Endpoint(address: version == 4 ? pair.b.address : pair.b.address6, port: 53)
    let texts = [Packet(repeating: 1, count: 100), Packet(repeating: 2, count: 4_000)]
    for text in texts {
      try pair.a.stack.send(client, text.span.bytes, to: to, fields: fields, now: pair.a.now)
    }
    let train = Packet(repeating: 3, count: 250)
    #expect(
      try pair.a.stack.sendTrain(client, train.span.bytes, of: 100, to: to, fields: fields, now: pair.a.now)
        == 250)
    try pair.pump()
    let sent = pair.log.filter(\.fromA).map(\.seen)
    #expect(sent.count == 7)
    #expect(sent.allSatisfy { $0.hopLimit == 9 && $0.dscp == 46 && $0.ecn == .ect0 })
    for count in [100, 4_000, 100, 100, 50] {
      let datagram = try receive(pair.b, server)
      #expect(datagram.count == count && datagram.totalCount == count)
      #expect(datagram.from.address == (version == 4 ? pair.a.address : pair.a.address6))
      #expect(datagram.to == to.address && datagram.on == pair.b.interface)
      #expect(datagram.fields == fields)
    }
  }

  @Test("Without a word it is the configuration's hop limit, and no mark", arguments: [4, 6])
  func plain(version: Int) throws {
    let pair = try Pair()
    let server = try pair.b.stack.openDatagram(on: LocalEndpoint(port: 53))
    let client = try pair.a.stack.openDatagram()
    let to = Endpoint(address: version == 4 ? pair.b.address : pair.b.address6, port: 53)
    let text = Packet(repeating: 1, count: 100)
    try pair.a.stack.send(client, text.span.bytes, to: to, now: pair.a.now)
    // Six bits of class; the others are no mark.
    try pair.a.stack.send(client, text.span.bytes, to: to, fields: IPFields(dscp: 0xff), now: pair.a.now)
    try pair.pump()
    #expect(try receive(pair.b, server).fields == IPFields(hopLimit: 64))
    let short = try receive(pair.b, server, room: 10)
    #expect(short.fields == IPFields(hopLimit: 64, dscp: 63))
    #expect(short.count == 10 && short.totalCount == 100)
  }

  @Test("An echo reply is of the class of its request (RFC 1349 §5.1), and is not marked", arguments: [4, 6])
  func echoes(version: Int) throws {
    let pair = try Pair()
    let socket = try pair.a.stack.openEcho(to: version == 4 ? pair.b.address : pair.b.address6)
    for (sequence, count) in [(1, 10), (2, 4_000)] as [(UInt16, Int)] {
      let text = Packet(repeating: 5, count: count)
      try pair.a.stack.sendEcho(socket, sequence: sequence, text.span.bytes, fields: fields, now: pair.a.now)
      try pair.pump()
      var block = Packet(repeating: 0, count: 5_000)
      var span = block.mutableSpan
      var raw = span.mutableBytes
      let answer = try pair.a.stack.receiveEcho(socket, into: &raw, now: pair.a.now)
      #expect(answer.count == count && answer.fields == IPFields(hopLimit: 64, dscp: 46))
    }
    #expect(pair.log.allSatisfy { $0.seen.dscp == 46 })
    #expect(pair.log.allSatisfy { $0.seen.ecn == ($0.fromA ? .ect0 : .notECT) })
  }
}
