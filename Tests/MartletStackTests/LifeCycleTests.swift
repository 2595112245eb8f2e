import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

@Suite("From record to record", .bothFamilies)
struct LifeCycleTests {
  /// Text and both FINs from b; a has closed its half before and reads nothing yet.
  private func lingering(_ text: Packet) throws -> (Pair, ConnectionID) {
    let pair = try Pair()
    let (client, server, _) = try pair.connect()
    try pair.a.stack.shutdown(client, .send, now: pair.a.now)
    try pair.pump()
    _ = try pair.b.send(server, text)
    try pair.b.stack.close(server, now: pair.b.now)
    try pair.pump()
    return (pair, client)
  }

  @Test("The ended phase: in TIME-WAIT, and after it, the handle still reads what came")
  func readsAfterTheEnd() throws {
    let (pair, client) = try lingering([1, 2, 3])
    #expect(try pair.a.state(client) == .timeWait)
    try pair.run(for: .seconds(61))
    #expect(pair.a.stack.held.timeWait == 0)
    #expect(try pair.a.state(client) == .closed)
    #expect(try pair.a.stack.readiness(client).isSuperset(of: [.readable, .hangUp]))
    #expect(try pair.a.read(client) == [1, 2, 3])
    #expect(try pair.a.read(client) == nil)
    #expect(try pair.a.stack.takeError(client) == nil, "an orderly close is no error")
    #expect(throws: SendError.self) { try pair.a.send(client, [1]) }
    try pair.a.stack.close(client, now: pair.a.now)
    _ = pair.a.drain()
    #expect(pair.a.stack.held.isQuiet)
  }

  @Test("A handle is stale once closed, and never means the next connection in its slot")
  func staleHandles() throws {
    let pair = try Pair()
    let (client, server, listener) = try pair.connect()
    try pair.a.stack.abort(client, now: pair.a.now)
    #expect(throws: HandleError.stale) { try pair.a.stack.close(client, now: pair.a.now) }
    #expect(throws: HandleError.stale) { try pair.a.stack.abort(client, now: pair.a.now) }
    #expect(throws: SendError.noConnection) { try pair.a.send(client, [1]) }
    #expect(throws: ReceiveError.noConnection) { try pair.a.read(client) }
    #expect(throws: ShutdownError.noConnection) { try pair.a.stack.shutdown(client, .both, now: pair.a.now) }
    #expect(throws: HandleError.stale) { try pair.a.stack.status(client, now: pair.a.now) }
    try pair.pump()
    #expect(throws: ReceiveError.ended(.reset)) { try pair.b.read(server) }
    #expect(try pair.b.stack.takeError(server) == .ended(.reset))
    _ = pair.a.drain()
    let next = try pair.a.stack.connect(to: pair.b.endpoint(80), now: pair.a.now)
    try pair.pump()
    _ = try pair.b.stack.accept(listener)
    #expect(next.handle.index == client.handle.index && next != client)
    #expect(throws: SendError.noConnection) { try pair.a.send(client, [1]) }
  }

  @Test("Closing with unread text resets; so does a linger time of zero; else the FIN is orderly")
  func lingerRules() throws {
    for (unread, linger, resets) in [
      (true, Linger.background, true), (false, .atMost(.zero), true), (false, .background, false),
      (false, .atMost(.seconds(5)), false),
    ] {
      let pair = try Pair()
      let (client, server, _) = try pair.connect()
      if unread { _ = try pair.b.send(server, [1]) }
      try pair.pump()
      var options = try pair.a.stack.options(client)
      options.linger = linger
      try pair.a.stack.setOptions(client, options, now: pair.a.now)
      #expect(try pair.a.stack.options(client).linger == linger)
      try pair.a.stack.close(client, now: pair.a.now)
      let seen = try pair.a.pullSeen()
      #expect(seen.contains { $0.flags.contains(.rst) } == resets)
      #expect(seen.contains { $0.flags.contains(.fin) } == !resets)
      _ = pair.a.drain()
      #expect(pair.a.stack.held.connections == (resets ? 0 : 1))
    }
  }

  @Test("A linger time that runs out resets what is left")
  func lingerRunsOut() throws {
    let pair = try Pair()
    let (client, _, _) = try pair.connect()
    var options = ConnectionOptions()
    options.linger = .atMost(.seconds(2))
    try pair.a.stack.setOptions(client, options, now: pair.a.now)
    pair.loses = { fromA, seen in fromA && !seen.flags.contains(.rst) }
    _ = try pair.a.send(client, [1, 2, 3])
    try pair.a.stack.close(client, now: pair.a.now)
    try pair.run(for: .milliseconds(1_900))
    #expect(pair.a.stack.held.connections == 1)
    try pair.run(for: .milliseconds(300))
    _ = pair.a.drain()
    #expect(pair.a.stack.held.isQuiet)
    #expect(pair.log.last?.seen.flags.contains(.rst) == true)
  }

  @Test("S4.9 E8: an orphan in FIN-WAIT-2 ends after its time")
  func orphanEnds() throws {
    let pair = try Pair()
    let (client, _, _) = try pair.connect()
    try pair.a.stack.close(client, now: pair.a.now)
    try pair.pump()
    _ = pair.a.drain()
    var states: [TCPState] = []
    pair.a.stack.forEachFlow(now: pair.a.now) { states.append($0.state) }
    #expect(states == [.finWait2])
    try pair.run(for: .seconds(61))
    #expect(pair.a.stack.held.isQuiet)
  }

  @Test("S4.7: TIME-WAIT acknowledges a repeated FIN and begins anew")
  func repeatedFin() throws {
    let (pair, client) = try lingering([])
    try pair.a.stack.close(client, now: pair.a.now)
    let fin = try #require(pair.log.last { !$0.fromA && $0.seen.flags.contains(.fin) }).seen
    try pair.run(for: .seconds(50))
    let header = try #require(fin.header)
    let again = tcp(
      from: pair.b.endpoint(80), to: Endpoint(address: pair.a.address, port: header.destinationPort),
      seq: fin.seq, ack: fin.ack, [.fin, .ack], options: header.options)
    let answers = try pair.a.answers(to: again)
    #expect(answers.map(\.flags) == [.ack] && answers[0].ack == fin.seq &+ UInt32(fin.text.count) &+ 1)
    try pair.run(for: .seconds(50))
    #expect(pair.a.stack.held.timeWait == 1)
    try pair.run(for: .seconds(11))
    #expect(pair.a.stack.held.timeWait == 0)
  }

  @Test("T1 S4.8: a reset does not end TIME-WAIT")
  func assassination() throws {
    let (pair, _) = try lingering([])
    let fin = try #require(pair.log.last { !$0.fromA && $0.seen.flags.contains(.fin) }).seen
    let port = try #require(fin.header).destinationPort
    let to = Endpoint(address: pair.a.address, port: port)
    #expect(try pair.a.answers(to: tcp(from: pair.b.endpoint(80), to: to, seq: fin.seq &+ 1, .rst)).isEmpty)
    #expect(pair.a.stack.held.timeWait == 1)
    #expect(pair.a.drops(.unacceptable) == 1)
  }

  @Test("S4.8: a new SYN reopens TIME-WAIT at a listener; the old record stays until the third segment")
  func reopens() throws {
    let host = try Host(2)
    let listener = try host.stack.listen(on: LocalEndpoint(port: 80))
    let peer = Endpoint(address: near(9), port: 1_000)
    let local = host.endpoint(80)
    func open(_ seq: UInt32) throws -> Seen {
      try #require(try host.answers(to: tcp(from: peer, to: local, seq: seq, .syn)).first)
    }
    let first = try open(100)
    host.inject(tcp(from: peer, to: local, seq: 101, ack: first.seq &+ 1, .ack))
    let connection = try host.stack.accept(listener)
    try host.stack.close(connection, now: host.now)
    _ = host.pull()
    host.inject(tcp(from: peer, to: local, seq: 101, ack: first.seq &+ 2, [.fin, .ack]))
    _ = (host.pull(), host.drain())
    #expect(host.stack.held.timeWait == 1 && host.stack.held.connections == 0)

    let old = try host.answers(to: tcp(from: peer, to: local, seq: 50, .syn))
    #expect(old.map(\.flags) == [.ack], "an old SYN is answered by TIME-WAIT")
    let second = try open(5_000)
    #expect(second.flags == [.syn, .ack] && Int32(bitPattern: second.seq &- first.seq &- 2) > 0)
    #expect(host.stack.held.timeWait == 1 && host.stack.held.halfOpen == 1)
    host.inject(tcp(from: peer, to: local, seq: 5_001, .rst))
    #expect(host.stack.held.timeWait == 1 && host.stack.held.halfOpen == 0)
    let third = try open(6_000)
    host.inject(tcp(from: peer, to: local, seq: 6_001, ack: third.seq &+ 1, .ack, text: [7]))
    #expect(host.stack.held.timeWait == 0 && host.stack.counters.timeWaitsRecycled == 1)
    #expect(try host.read(try host.stack.accept(listener)) == [7])
  }

  @Test("E9: TIME-WAIT records are bounded: the oldest makes room")
  func timeWaitLimit() throws {
    let pair = try Pair { $0.timeWaitLimit = 5 }
    let listener = try pair.b.stack.listen(on: LocalEndpoint(port: 80))
    for _ in 0..<9 {
      let client = try pair.a.stack.connect(to: pair.b.endpoint(80), now: pair.a.now)
      try pair.pump()
      let server = try pair.b.stack.accept(listener)
      try pair.a.stack.close(client, now: pair.a.now)
      try pair.pump()
      try pair.b.stack.close(server, now: pair.b.now)
      try pair.pump()
      try pair.run(for: .milliseconds(10))
    }
    _ = (pair.a.drain(), pair.b.drain())
    #expect(pair.a.stack.held.timeWait == 5 && pair.a.stack.held.connections == 0)
    #expect(pair.a.stack.counters.timeWaitsEvicted == 4)
  }

  @Test("S4.10: the table shows every state that two ends pass through, at both of them")
  func table() throws {
    let pair = try Pair()
    var seen: Set<TCPState> = []
    func look() {
      for host in [pair.a, pair.b] {
        host.stack.forEachFlow(now: host.now) { seen.insert($0.state) }
        host.stack.forEachListener { _, _ in seen.insert(.listen) }
      }
    }
    let listener = try pair.b.stack.listen(on: LocalEndpoint(port: 80))
    let client = try pair.a.stack.connect(to: pair.b.endpoint(80), now: pair.a.now)
    look()
    for (packet, _) in pair.a.pull() { pair.b.inject(packet) }
    look()
    try pair.pump()
    let server = try pair.b.stack.accept(listener)
    look()
    try pair.a.stack.shutdown(client, .send, now: pair.a.now)
    look()
    try pair.pump()
    look()
    try pair.b.stack.shutdown(server, .send, now: pair.b.now)
    look()
    try pair.pump()
    look()
    // Closing at once on both sides.
    let other = try pair.a.stack.connect(to: pair.b.endpoint(80), now: pair.a.now)
    try pair.pump()
    let otherServer = try pair.b.stack.accept(listener)
    try pair.a.stack.shutdown(other, .send, now: pair.a.now)
    try pair.b.stack.shutdown(otherServer, .send, now: pair.b.now)
    let (fromA, fromB) = (pair.a.pull(), pair.b.pull())
    for (packet, _) in fromA { pair.b.inject(packet) }
    for (packet, _) in fromB { pair.a.inject(packet) }
    look()
    #expect(seen == Set(TCPState.allCases))
  }
}
