import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

@Suite("Listeners and their two queues", .bothFamilies)
struct ListenerTests {
  static func peer(_ port: UInt16) -> Endpoint { Endpoint(address: near(9), port: port) }

  /// A SYN, and the third segment that completes it.
  private func open(_ host: Host, from port: UInt16, to local: UInt16 = 80) throws {
    let synAck = try halfOpen(host, from: port, to: local)
    host.inject(tcp(from: Self.peer(port), to: host.endpoint(local), seq: 101, ack: synAck.seq &+ 1, .ack))
  }

  @discardableResult
  private func halfOpen(_ host: Host, from port: UInt16, to local: UInt16 = 80) throws -> Seen {
    let answers = try host.answers(to: tcp(from: Self.peer(port), to: host.endpoint(local), seq: 100, .syn))
    let synAck = try #require(answers.first)
    #expect(synAck.flags == [.syn, .ack] && synAck.ack == 101)
    return synAck
  }

  @Test("S3.1 S3.2: a SYN makes a half-open entry; the third segment moves it to the accept queue")
  func queues() throws {
    let host = try Host(2)
    let listener = try host.stack.listen(on: LocalEndpoint(port: 80))
    let synAck = try halfOpen(host, from: 1_000)
    try halfOpen(host, from: 1_001)
    var status = try host.stack.status(listener)
    #expect(status.halfOpen == 2 && status.acceptable == 0)
    #expect(host.stack.held.connections == 0, "S3.5: no connection before the third segment")
    host.inject(tcp(from: Self.peer(1_000), to: host.endpoint(80), seq: 101, ack: synAck.seq &+ 1, .ack))
    status = try host.stack.status(listener)
    #expect(status.halfOpen == 1 && status.acceptable == 1)
    #expect(status.halfOpenHighWater == 2 && status.acceptableHighWater == 1)
    #expect(host.drain() == [.listener(listener)])
    let connection = try host.stack.accept(listener)
    #expect(try host.stack.status(connection, now: host.now).remote == Self.peer(1_000))
    #expect(try host.stack.status(listener).acceptable == 0)
  }

  @Test("S2.5: text on the third segment is delivered")
  func textOnThird() throws {
    let host = try Host(2)
    let listener = try host.stack.listen(on: LocalEndpoint(port: 80))
    let synAck = try halfOpen(host, from: 1_000)
    host.inject(
      tcp(
        from: Self.peer(1_000), to: host.endpoint(80), seq: 101, ack: synAck.seq &+ 1, .ack, text: [1, 2, 3]))
    let connection = try host.stack.accept(listener)
    #expect(
      host.drain().contains {
        if case .connection(connection, let r) = $0 { r.contains(.readable) } else { false }
      })
    #expect(try host.read(connection) == [1, 2, 3])
  }

  @Test("S2.4: a wrong acknowledgment is answered with a reset, and the half-open entry stays")
  func wrongThird() throws {
    let host = try Host(2)
    let listener = try host.stack.listen(on: LocalEndpoint(port: 80))
    let synAck = try halfOpen(host, from: 1_000)
    let wrong = tcp(from: Self.peer(1_000), to: host.endpoint(80), seq: 101, ack: synAck.seq &+ 2, .ack)
    let answers = try host.answers(to: wrong)
    #expect(answers.map(\.flags) == [.rst] && answers[0].seq == synAck.seq &+ 2)
    #expect(try host.stack.status(listener).halfOpen == 1)
    host.inject(tcp(from: Self.peer(1_000), to: host.endpoint(80), seq: 101, ack: synAck.seq &+ 1, .ack))
    #expect(try host.stack.status(listener).acceptable == 1)
  }

  @Test("S3.2 S5.5: both queues are bounded, and what overflows is counted")
  func bounds() throws {
    let host = try Host(2)
    var options = ListenerOptions()
    options.halfOpenLimit = 3
    options.acceptLimit = 2
    options.synCookies = .off
    let listener = try host.stack.listen(on: LocalEndpoint(port: 80), options)
    for port in 1...2 { try open(host, from: UInt16(port)) }
    for port in 3...5 { try halfOpen(host, from: UInt16(port)) }
    #expect(try host.answers(to: tcp(from: Self.peer(6), to: host.endpoint(80), seq: 100, .syn)).isEmpty)
    var status = try host.stack.status(listener)
    #expect(status.halfOpen == 3 && status.halfOpenOverflows == 1)
    #expect(host.drops(.halfOpenFull) == 1 && host.stack.counters.tcpReqQFullDrop == 1)
    // The accept queue is full: a third segment changes nothing, and is welcome once there is room.
    let again = try host.answers(to: tcp(from: Self.peer(3), to: host.endpoint(80), seq: 100, .syn))
    let third = tcp(from: Self.peer(3), to: host.endpoint(80), seq: 101, ack: again[0].seq &+ 1, .ack)
    #expect(try host.answers(to: third).isEmpty)
    status = try host.stack.status(listener)
    #expect(status.halfOpen == 3 && status.acceptable == 2 && status.acceptOverflows == 1)
    #expect(host.stack.counters.listenOverflows == 1)
    _ = try host.stack.accept(listener)
    host.inject(third)
    status = try host.stack.status(listener)
    #expect(status.halfOpen == 2 && status.acceptable == 2)
  }

  @Test("S3.3: an unanswered SYN-ACK is sent again at 1, 3, 7, 15 and 31 s, and the entry is gone at 63 s")
  func resends() throws {
    let host = try Host(2)
    let listener = try host.stack.listen(on: LocalEndpoint(port: 80))
    let first = try halfOpen(host, from: 1_000)
    let start = host.now
    var times: [UInt64] = []
    while let deadline = host.stack.nextDeadline(now: host.now) {
      host.now = max(deadline, host.now)
      host.stack.advance(to: host.now)
      for seen in try host.pullSeen() {
        #expect(seen.flags == [.syn, .ack] && seen.seq == first.seq)
        times.append((host.now.milliseconds - start.milliseconds) / 1_000)
      }
    }
    #expect(times == [1, 3, 7, 15, 31])
    #expect((host.now.milliseconds - start.milliseconds) / 1_000 == 63)
    #expect(try host.stack.status(listener).halfOpen == 0)
    #expect(host.stack.counters.embryosExpired == 1)
  }

  @Test("A reset takes a half-open entry away in silence; a blind one is challenged")
  func resets() throws {
    let host = try Host(2)
    let listener = try host.stack.listen(on: LocalEndpoint(port: 80))
    try halfOpen(host, from: 1_000)
    let blind = try host.answers(to: tcp(from: Self.peer(1_000), to: host.endpoint(80), seq: 150, .rst))
    #expect(blind.map(\.flags) == [.ack])
    #expect(try host.stack.status(listener).halfOpen == 1)
    #expect(try host.answers(to: tcp(from: Self.peer(1_000), to: host.endpoint(80), seq: 101, .rst)).isEmpty)
    #expect(try host.stack.status(listener).halfOpen == 0)
  }

  @Test("MUST-41: a second passive open disturbs nothing that exists")
  func passiveOpenDisturbsNothing() throws {
    let pair = try Pair()
    let (client, server, _) = try pair.connect()
    _ = try pair.b.stack.listen(on: LocalEndpoint(port: 81))
    _ = try pair.b.stack.listen(on: LocalEndpoint(address: pair.b.address, port: 80))
    #expect(throws: ListenError.portInUse) { try pair.b.stack.listen(on: LocalEndpoint(port: 80)) }
    #expect(try pair.transfer([1, 2, 3], from: pair.a, client, to: pair.b, server) == [1, 2, 3])
  }

  @Test("MUST-42: listeners on one port for different local addresses each get their own")
  func addresses() throws {
    let host = try Host(2)
    try host.stack.addAddress(IPPrefix(v4(10, 0, 0, 3), length: 24), to: host.interface)
    let second = try host.stack.listen(on: LocalEndpoint(address: v4(10, 0, 0, 3), port: 80))
    let first = try host.stack.listen(on: LocalEndpoint(address: v4(10, 0, 0, 2), port: 80))
    let any = try host.stack.listen(on: LocalEndpoint(port: 80))
    #expect(throws: ListenError.addressNotOurs) {
      try host.stack.listen(on: LocalEndpoint(address: v4(10, 0, 0, 4), port: 80))
    }
    for address in [v4(10, 0, 0, 2), v4(10, 0, 0, 3), v4(10, 0, 0, 3), v6(2)] {
      let from = Endpoint(
        address: address.isFour ? v4(10, 0, 0, 9) : v6(9), port: UInt16(host.stack.held.halfOpen + 1))
      host.inject(tcp(from: from, to: Endpoint(address: address, port: 80), seq: 1, .syn))
    }
    #expect(try host.stack.status(first).halfOpen == 1)
    #expect(try host.stack.status(second).halfOpen == 2)
    #expect(try host.stack.status(any).halfOpen == 1)
  }

  @Test("Closing a listener forgets half-open entries, resets who was not accepted, and nobody else")
  func closing() throws {
    let host = try Host(2)
    let listener = try host.stack.listen(on: LocalEndpoint(port: 80))
    for port in 1...3 { try open(host, from: UInt16(port)) }
    try halfOpen(host, from: 4)
    let accepted = try host.stack.accept(listener)
    _ = host.drain()
    try host.stack.close(listener, now: host.now)
    let seen = try host.pullSeen()
    #expect(seen.allSatisfy { $0.flags.contains(.rst) } && seen.count == 2)
    #expect(try host.state(accepted) == .established)
    #expect(host.stack.held.halfOpen == 0 && host.stack.held.listeners == 0)
    #expect(host.stack.held.connections == 1)
    #expect(throws: HandleError.stale) { try host.stack.status(listener) }
    #expect(throws: AcceptError.stale) { try host.stack.accept(listener) }
    _ = try host.stack.listen(on: LocalEndpoint(port: 80))
  }

  @Test("A connection that its peer reset before it was accepted is accepted as what it is")
  func resetBeforeAccept() throws {
    let host = try Host(2)
    let listener = try host.stack.listen(on: LocalEndpoint(port: 80))
    try open(host, from: 1)
    host.inject(tcp(from: Self.peer(1), to: host.endpoint(80), seq: 101, .rst))
    let connection = try host.stack.accept(listener)
    #expect(throws: ReceiveError.ended(.reset)) { try host.read(connection) }
    #expect(try host.stack.readiness(connection).contains(.ended))
    try host.stack.close(connection, now: host.now)
    _ = host.drain()
    #expect(host.stack.held.isQuiet)
  }

  @Test("Port 0 listens on an ephemeral port")
  func ephemeral() throws {
    let host = try Host(2) {
      $0.firstEphemeralPort = 50_000
      $0.lastEphemeralPort = 50_003
    }
    var ports: Set<UInt16> = []
    for _ in 0..<4 {
      ports.insert(try host.stack.status(try host.stack.listen(on: LocalEndpoint())).local.port)
    }
    #expect(ports == [50_000, 50_001, 50_002, 50_003])
    #expect(throws: ListenError.noPort) { try host.stack.listen(on: LocalEndpoint()) }
  }
}

@Suite("Attempts that wait for an answer", .bothFamilies)
struct AttemptTests {
  private func attempt(_ host: Host, port: UInt16 = 1_000) throws -> AttemptID {
    let from = Endpoint(address: near(9), port: port)
    #expect(try host.answers(to: tcp(from: from, to: host.endpoint(80), seq: 100, .syn)).isEmpty)
    // A repeated SYN is absorbed.
    #expect(try host.answers(to: tcp(from: from, to: host.endpoint(80), seq: 100, .syn)).isEmpty)
    let events = host.drain()
    let attempts = events.compactMap { event -> AttemptID? in
      if case .attempt(let id) = event { id } else { nil }
    }
    #expect(events.count == 1)
    let id = try #require(attempts.first)
    #expect(try host.stack.report(id).remote == from)
    return id
  }

  private func deferring() throws -> (Host, ListenerID) {
    let host = try Host(2)
    var options = ListenerOptions()
    options.defersAccept = true
    return (host, try host.stack.listen(on: LocalEndpoint(port: 80), options))
  }

  @Test("Accepted: the SYN-ACK leaves, and the connection comes through accept")
  func accept() throws {
    let (host, listener) = try deferring()
    let id = try attempt(host)
    try host.stack.answer(id, .accept, now: host.now)
    let synAck = try #require(try host.pullSeen().first)
    #expect(synAck.flags == [.syn, .ack])
    #expect(throws: HandleError.stale) { try host.stack.answer(id, .accept, now: host.now) }
    let from = Endpoint(address: near(9), port: 1_000)
    host.inject(tcp(from: from, to: host.endpoint(80), seq: 101, ack: synAck.seq &+ 1, .ack))
    _ = try host.stack.accept(listener)
  }

  @Test("Refused, unreachable and dropped leave nothing behind but their answer")
  func refuse() throws {
    let (host, listener) = try deferring()
    try host.stack.answer(try attempt(host, port: 1), .reset, now: host.now)
    let reset = try #require(try host.pullSeen().first)
    #expect(reset.flags == [.rst, .ack] && reset.ack == 101)
    try host.stack.answer(try attempt(host, port: 2), .unreachable, now: host.now)
    let error = try #require(try host.pullSeen().first)
    #expect(
      error.proto == (isIPv4 ? .icmp : .icmpv6) && error.payload.prefix(2) == (isIPv4 ? [3, 1] : [1, 3]))
    try host.stack.answer(try attempt(host, port: 3), .drop, now: host.now)
    #expect(try host.pullSeen().isEmpty)
    #expect(try host.stack.status(listener).halfOpen == 0)
    #expect(host.stack.held.isQuiet)
  }

  @Test("S5.1 O8 resets that an application asks for have the limits of all resets")
  func refuseMany() throws {
    let (host, _) = try deferring()
    var resets = 0
    for port: UInt16 in 1...400 {
      try host.stack.answer(try attempt(host, port: port), .reset, now: host.now)
      resets += try host.pullSeen().count
    }
    #expect(resets > 0 && UInt64(400 - resets) == host.drops(.resetLimited))
    #expect(resets < 100, "\(resets)")
    #expect(host.stack.held.isQuiet)
  }

  @Test("An attempt that nobody answers ends by itself")
  func expires() throws {
    let (host, listener) = try deferring()
    let id = try attempt(host)
    host.advance(by: .seconds(19))
    #expect(try host.stack.status(listener).halfOpen == 1)
    host.advance(by: .seconds(2))
    #expect(try host.stack.status(listener).halfOpen == 0)
    #expect(host.stack.counters.attemptsExpired == 1)
    #expect(throws: HandleError.stale) { try host.stack.answer(id, .accept, now: host.now) }
  }
}
