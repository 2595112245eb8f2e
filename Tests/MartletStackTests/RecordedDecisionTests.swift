import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

/// What the flight recorder of a stack says of routers, Fast Open and limits.
@Suite struct RecordedDecisionTests {
  private static func records(_ host: Host, _ rule: Rule) -> [FlightRecorder.Record] {
    (0..<host.stack.recordsWritten).compactMap { host.stack.record($0) }.filter { $0.rule == rule }
  }

  /// A router's message about the segment of a connection with sequence number `seq`.
  private func message(
    _ pair: Pair, _ id: ConnectionID, seq: UInt32, code: UInt8, mtu: UInt32 = 0
  ) throws -> Packet {
    let status = try pair.a.stack.status(id, now: pair.a.now)
    let quoted = tcp(from: status.local, to: status.remote, seq: seq, ack: 1, .ack)
    return icmp(
      from: v4(10, 0, 0, 254), to: status.local.address, type: 3, code: code, rest: mtu,
      Packet(quoted.prefix(28)))
  }

  @Test("A smaller path MTU is believed, or doubted where segments of that size have arrived")
  func pathMTU() throws {
    for hasArrived in [false, true] {
      let pair = try Pair { $0.recorderCapacity = 1_000 }
      let (client, server, _) = try pair.connect()
      if hasArrived {
        _ = try pair.transfer(Packet(repeating: 1, count: 20_000), from: pair.a, client, to: pair.b, server)
      }
      _ = try pair.a.send(client, Packet(repeating: 7, count: 4_000))
      _ = pair.a.pull()
      let una = try pair.a.stack.status(client, now: pair.a.now).tcp.sndUna.rawValue
      pair.a.inject(try message(pair, client, seq: una, code: 4, mtu: 1_000))
      let falls = Self.records(pair.a, .pathMTUFalls)
      let doubts = Self.records(pair.a, .pathMTUDoubted)
      #expect(
        hasArrived ? falls.isEmpty && doubts.map(\.a) == [960] : falls.map(\.a) == [960] && doubts.isEmpty)
    }
  }

  @Test("An ICMP error is remembered by what is open, and ends an attempt")
  func errors() throws {
    let pair = try Pair { $0.recorderCapacity = 1_000 }
    let (client, _, _) = try pair.connect()
    _ = try pair.a.send(client, [1])
    _ = pair.a.pull()
    let una = try pair.a.stack.status(client, now: pair.a.now).tcp.sndUna.rawValue
    pair.a.inject(try message(pair, client, seq: una, code: 3))
    let attempt = try pair.a.stack.connect(to: pair.b.endpoint(81), now: pair.a.now)
    _ = pair.a.pull()
    let iss = try pair.a.stack.status(attempt, now: pair.a.now).tcp.sndUna.rawValue
    pair.a.inject(try message(pair, attempt, seq: iss, code: 3))
    let errors = Self.records(pair.a, .networkError)
    #expect(errors.map(\.b) == [0, 1])
    #expect(errors.allSatisfy { $0.a == UInt32(SoftError.portUnreachable.rawValue) })
    #expect(try pair.a.state(attempt) == .closed)
  }

  @Test("Text in a SYN: what the server takes at once, what the client hears of it")
  func fastOpen() throws {
    let pair = try Pair { $0.recorderCapacity = 1_000 }
    var listening = ListenerOptions()
    listening.fastOpenLimit = 8
    let listener = try pair.b.stack.listen(on: LocalEndpoint(port: 80), listening)
    var options = ConnectionOptions()
    options.fastOpen = true
    for _ in 0..<2 {
      let client = try pair.a.stack.connect(to: pair.b.endpoint(80), options, now: pair.a.now)
      _ = try pair.a.send(client, [1, 2, 3, 4, 5])
      try pair.pump()
      try pair.run(for: .seconds(4))
      _ = try pair.b.stack.accept(listener)
    }
    // The first only asks for a cookie.
    #expect(Self.records(pair.b, .fastOpenAccepted).map(\.a) == [5])
    #expect(Self.records(pair.a, .fastOpenAnswered).map(\.a) == [5])
    #expect(Self.records(pair.b, .fastOpenAccepted).allSatisfy { $0.flow != FlightRecorder.noFlow })
  }

  @Test("An accept queue that is full, and a connection on which nothing moves")
  func limits() throws {
    let pair = try Pair { $0.recorderCapacity = 1_000 }
    var listening = ListenerOptions()
    listening.acceptLimit = 1
    listening.idleTimeout = .seconds(10)
    _ = try pair.b.stack.listen(on: LocalEndpoint(port: 80), listening)
    for _ in 0..<2 { _ = try pair.a.stack.connect(to: pair.b.endpoint(80), now: pair.a.now) }
    try pair.pump()
    #expect(Self.records(pair.b, .acceptQueueFull).first.map { [$0.a, $0.b] } == [1, 1])
    try pair.run(for: .seconds(15))
    #expect(Self.records(pair.b, .endedByStack).first?.a == UInt32(EndReason.idle.rawValue))
  }
}
