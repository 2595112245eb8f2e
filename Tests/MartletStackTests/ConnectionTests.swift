import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

@Suite("A connection between two stacks", .bothFamilies)
struct ConnectionTests {
  @Test("S2.1 S2.2 S2.3 S2.6: three segments open a connection, and accept hands it over")
  func opens() throws {
    let pair = try Pair()
    let (client, server, listener) = try pair.connect()
    let flags = pair.log.map(\.seen.flags)
    #expect(flags == [.syn, [.syn, .ack], .ack])
    let (syn, synAck, ack) = (pair.log[0].seen, pair.log[1].seen, pair.log[2].seen)
    #expect(syn.ack == 0 && syn.text.isEmpty)
    #expect(synAck.ack == syn.seq &+ 1)
    #expect(ack.seq == syn.seq &+ 1 && ack.ack == synAck.seq &+ 1)
    #expect(try pair.a.state(client) == .established)
    #expect(try pair.b.state(server) == .established)
    let events = pair.a.drain()
    #expect(events == [.connection(client, [.connected, .writable])])
    #expect(try pair.b.stack.status(listener).accepted == 1)
    #expect(throws: AcceptError.wouldBlock) { try pair.b.stack.accept(listener) }
  }

  @Test(
    "S6.1: octets arrive in order, once and unchanged, both ways", arguments: [1, 1_460, 100_000, 1_000_000])
  func transfers(count: Int) throws {
    let pair = try Pair()
    let (client, server, _) = try pair.connect()
    let text = Packet((0..<count).map { UInt8(truncatingIfNeeded: $0 &* 131 &+ $0 >> 8) })
    #expect(try pair.transfer(text, from: pair.a, client, to: pair.b, server) == text)
    #expect(try pair.transfer(text, from: pair.b, server, to: pair.a, client) == text)
  }

  @Test("S4.2 S4.3: four segments close it, by way of the right states, and nothing is left")
  func closes() throws {
    let pair = try Pair()
    let (client, server, listener) = try pair.connect()
    try pair.a.stack.shutdown(client, .send, now: pair.a.now)
    #expect(try pair.a.state(client) == .finWait1)
    try pair.pump()
    #expect(try pair.a.state(client) == .finWait2)
    #expect(try pair.b.state(server) == .closeWait)
    #expect(try pair.b.read(server) == nil)
    try pair.b.stack.shutdown(server, .send, now: pair.b.now)
    #expect(try pair.b.state(server) == .lastAck)
    try pair.pump()
    #expect(try pair.a.state(client) == .timeWait)
    #expect(try pair.b.state(server) == .closed)
    #expect(try pair.a.read(client) == nil)
    let tail = pair.log.suffix(4).map(\.seen.flags)
    #expect(tail == [[.fin, .ack], .ack, [.fin, .ack], .ack])

    try pair.a.stack.close(client, now: pair.a.now)
    try pair.b.stack.close(server, now: pair.b.now)
    try pair.b.stack.close(listener, now: pair.b.now)
    _ = (pair.a.drain(), pair.b.drain())
    #expect(pair.a.stack.held.timeWait == 1 && pair.a.stack.held.connections == 0)
    try pair.run(for: .seconds(61))
    #expect(pair.a.stack.held.isQuiet)
    #expect(pair.b.stack.held.isQuiet)
    #expect(pair.a.stack.nextDeadline(now: pair.a.now) == nil, "an idle stack causes no wake-ups")
  }

  @Test("S5.1: a port nobody listens on is refused with a reset")
  func refuses() throws {
    let pair = try Pair()
    let client = try pair.a.stack.connect(to: pair.b.endpoint(81), now: pair.a.now)
    try pair.pump()
    #expect(pair.log.map(\.seen.flags) == [.syn, [.rst, .ack]])
    #expect(pair.a.drain().contains { $0 == .connection(client, [.ended, .readable, .writable]) })
    #expect(try pair.a.stack.takeError(client) == .ended(.refused))
    #expect(pair.b.drops(.noConnection) == 1)
    // The handle outlives the connection.
    #expect(try pair.a.state(client) == .closed)
    try pair.a.stack.close(client, now: pair.a.now)
    #expect(pair.a.stack.held.isQuiet)
    #expect(throws: HandleError.stale) { try pair.a.stack.readiness(client) }
  }

  @Test("RFC 7323 §7.1: the timestamps that a host is sent tell nothing of those that another is")
  func timestampClocks() throws {
    let host = try Host(2)
    _ = try host.stack.listen(on: LocalEndpoint(port: 80))
    var options = TCPOptions()
    options.present = .timestamps
    options.tsval = 1
    var values: Set<UInt32> = []
    for n in 10..<14 as Range<UInt8> {
      let peer = Endpoint(address: near(n), port: 5_000)
      host.inject(tcp(from: peer, to: host.endpoint(80), seq: 1, .syn, options: options))
      let answer = try #require(try host.pullSeen().first?.header)
      #expect(answer.options.present.contains(.timestamps))
      values.insert(answer.options.tsval)
    }
    #expect(values.count == 4)
  }
}
