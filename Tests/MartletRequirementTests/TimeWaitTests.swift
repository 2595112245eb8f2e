import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

private let roles = ScenarioRole.both

/// S4.7 and S4.8: what the first closer waits for.
@Suite struct TimeWaitTests {
  @Test(
    "S4.7 MUST-13 a FIN again is acknowledged again, and 2 MSL begin anew",
    arguments: ScenarioFamily.allCases, roles)
  func restarts(_ family: ScenarioFamily, _ role: ScenarioRole) {
    for offer in [[ScriptOption.mss(1_460)], ScriptOption.everything()] {
      let s = Scenario(.timeWait(role, orphan: true), family: family, offering: offer)
      for _ in 0..<3 {
        s.expectNothing(for: .seconds(59))
        s.inject(.fin(seq: 1, ack: 2))
        s.expect(.ack(seq: 2, ack: 2))
        s.expectState(.timeWait)
      }
      s.expectNothing(for: .milliseconds(59_999))
      s.expectState(.timeWait)
      s.expectNothing(for: .milliseconds(1))
      s.expectState(.closed)
      s.expectQuiet()
    }
  }

  @Test("S4.7 nothing but the FIN restarts it", .bothFamilies)
  func notRestarted() {
    let s = Scenario(.timeWait(orphan: true))
    s.expectNothing(for: .seconds(59))
    s.inject(.ack(seq: 2, ack: 2))
    s.inject(.data(seq: 1, ack: 1, "x"))
    s.inject(.data(seq: 2, ack: 2, "x"))
    s.inject(.fin(seq: 100, ack: 2))
    s.inject(.rst(seq: 2))
    s.takeSegments()
    s.advance(by: .seconds(1))
    s.expectState(.closed)
    s.takeSegments()
    s.expectQuiet()
  }

  @Test(
    "S4.7 the last ACK is lost, even more than once: both ends close all the same",
    arguments: ScenarioFamily.allCases, 1...4)
  func lastAckLost(_ family: ScenarioFamily, _ times: Int) throws {
    let w = TwoStacks(family)
    try w.open()
    try w.close(w.a)
    try w.deliverAll()
    try w.close(w.b)
    for _ in 0..<times {
      #expect(try w.deliver().flags.contains(.fin))
      #expect(w.state(w.a) == .timeWait)
      #expect(try w.lose().flags == .ack)
      #expect(w.state(w.b) == .lastAck)
      while w.inFlight.isEmpty { w.wait(.milliseconds(100)) }
    }
    let restarted = w.now
    try w.deliverAll()
    #expect(w.state(w.b) == .listen)
    #expect(w.b.stack.held.isQuiet)
    w.wait(.milliseconds(59_998))
    #expect(w.state(w.a) == .timeWait)
    w.wait(.milliseconds(2))
    #expect(w.state(w.a) == .closed)
    #expect(w.now.since(restarted) == .seconds(60))
    #expect(w.a.stack.held.isQuiet)
  }

  // MARK: S4.8: it shields

  @Test(
    "S4.8 text of the old incarnation finds TIME-WAIT: acknowledged, delivered to nobody",
    arguments: ScenarioFamily.allCases)
  func oldText(_ family: ScenarioFamily) {
    let s = Scenario(.timeWait(), family: family)
    s.inject(.data(seq: 1, ack: 1, "old"))
    s.expect(.ack(seq: 2, ack: 2))
    s.inject(.data(seq: 2, ack: 2, "new?"))
    s.expect(.ack(seq: 2, ack: 2))
    s.expectState(.timeWait)
    let received = s.receive()
    #expect(received.octets.isEmpty && received.isEndOfStream)
  }

  @Test("S4.8 the client's own port is taken while it waits", .bothFamilies)
  func portInUse() {
    let s = Scenario(.timeWait(.active, orphan: true))
    let peer = Endpoint(address: s.peer, port: 80)
    #expect(throws: ConnectError.portInUse) {
      try s.stack.connect(to: peer, from: LocalEndpoint(port: 49_152), now: s.now)
    }
    s.advance(by: .seconds(60))
    #expect(throws: Never.self) {
      try s.stack.connect(to: peer, from: LocalEndpoint(port: 49_152), now: s.now)
    }
  }

  @Test("S4.8 T1 RFC 1337: no RST ends TIME-WAIT, nor shortens it", arguments: ScenarioFamily.allCases, roles)
  func resetIgnored(_ family: ScenarioFamily, _ role: ScenarioRole) {
    let s = Scenario(.timeWait(role, orphan: true), family: family)
    for segment: InjectedSegment in [
      .rst(seq: 2), .rstAck(seq: 2, ack: 2), .rst(seq: 3), .rst(seq: 1), .rstAck(seq: 500, ack: 1),
    ] {
      s.inject(segment)
      s.expectNothing()
      s.expectState(.timeWait)
    }
    s.expectNothing(for: .milliseconds(59_999))
    s.expectState(.timeWait)
  }

  @Test(
    "S4.8 RFC 1337: old text, the ACK it earns, and the RST which that earns: TIME-WAIT survives",
    .bothFamilies)
  func assassination() throws {
    // The three hazards of RFC 1337 begin so. With two stacks: b is back in LISTEN.
    let w = TwoStacks { $0.tcp.timestamps = false }
    try w.open()
    w.send([1, 2, 3], from: w.b)
    let old = try #require(w.log.last)
    try w.deliverAll()
    w.run(.seconds(1))
    try w.close(w.a)
    try w.deliverAll()
    try w.close(w.b)
    try w.deliverAll()
    #expect(w.state(w.a) == .timeWait && w.state(w.b) == .listen)
    w.forgetLog()
    w.inject(old)
    try w.deliverAll()
    #expect(w.arrows == ["a .", "b R"])
    #expect(w.state(w.a) == .timeWait)
  }

  // MARK: S4.8: it gives way

  @Test(
    "S4.8 MAY-2 a SYN with a higher sequence number reopens it, with an ISS beyond the old numbers",
    arguments: ScenarioFamily.allCases, [3, 1_000_000])
  func reopens(_ family: ScenarioFamily, _ seq: Int) throws {
    let s = Scenario(.timeWait(orphan: true), family: family)
    let oldNext = try #require(s.callStack { _, _ in s.packet(.ack(seq: 2, ack: 2)) })
    let oldAck = SequenceNumber(oldNext.span.bytes.be32((family == .ipv4 ? 20 : 40) + 8))
    s.inject(.syn(seq: seq))
    let answer = try #require(s.expect(.synAck(ack: seq + 1)))
    #expect(answer.header.seq.follows(oldAck))
    #expect(s.stack.held.timeWait == 1, "it goes with the third segment")
    s.inject(.ack(seq: seq + 1, ack: 1))
    s.expectState(.established)
    #expect(s.stack.held.timeWait == 0)
    #expect(s.counters.timeWaitsRecycled == 1)
    #expect(s.accepted.count == 2)
    s.inject(.data(seq: seq + 1, ack: 1, "new"))
    #expect(s.receive().text == "new")
    // Text of the old incarnation is outside the new one's window.
    s.inject(.data(seq: 1, ack: 1, 1))
    s.expect(.ack(seq: 1, ack: seq + 4))
    #expect(s.receive().error == .wouldBlock)
  }

  @Test(
    "S4.8 a SYN that may be old is answered by an ACK, not by a SYN-ACK", .bothFamilies,
    arguments: [2, 1, 0, -1_000_000])
  func oldSYN(_ seq: Int) {
    let s = Scenario(.timeWait(orphan: true))
    s.inject(.syn(seq: seq))
    s.expect(.ack(seq: 2, ack: 2))
    s.expectNothing()
    s.expectState(.timeWait)
    #expect(s.stack.held.halfOpen == 0)
  }

  @Test("S4.8 a SYN-ACK never reopens", .bothFamilies)
  func synAckDoesNotReopen() {
    let s = Scenario(.timeWait(orphan: true))
    s.inject(.synAck(seq: 1_000, ack: 2))
    s.expect(.ack(seq: 2, ack: 2))
    s.expectState(.timeWait)
  }

  @Test("S4.8 a reopening SYN whose third segment never comes leaves TIME-WAIT as it was", .bothFamilies)
  func reopenedInVain() {
    let s = Scenario(.timeWait(orphan: true))
    s.inject(.syn(seq: 1_000))
    s.expect(.synAck(ack: 1_001))
    s.inject(.rst(seq: 1_001))
    s.expectNothing()
    s.expectState(.timeWait)
    s.expectNothing(for: .milliseconds(59_999))
    s.expectState(.timeWait)
    s.expectNothing(for: .milliseconds(1))
    s.expectQuiet()
  }

  /// TS.Recent is 1,000 in each of these.
  static let decisions: [(seq: Int, tsval: UInt32?, reopens: Bool)] = [
    (1_000, 1_001, true), (-1_000_000, 1_001, true), (2, 1_001, true),
    (1_000, 1_000, true), (2, 1_000, false), (-1_000_000, 1_000, false),
    (1_000, 999, false), (-1_000_000, 999, false),
    (1_000, nil, true), (-1_000_000, nil, false),
  ]

  @Test(
    "S4.8 SHLD-4 MAY-2 RFC 6191: a later timestamp reopens, an earlier one does not, else the number decides",
    .bothFamilies,
    arguments: decisions)
  func timestampsDecide(_ seq: Int, _ tsval: UInt32?, _ reopens: Bool) {
    let s = Scenario(.timeWait(orphan: true), offering: ScriptOption.everything())
    var options: [ScriptOption] = [.mss(1_460), .windowScale(7)]
    if let tsval { options.append(.timestamps(tsval, 0)) }
    s.inject(.syn(seq: seq, options: options))
    if reopens {
      s.expect(.synAck(ack: seq + 1))
      #expect(s.stack.held.halfOpen == 1)
    } else {
      s.expect(.ack(seq: 2, ack: 2))
      s.expectState(.timeWait)
    }
  }

  @Test(
    "S4.8 two stacks: the same client port connects again a moment after the server closed first",
    .bothFamilies)
  func reusedPort() throws {
    for timestamps in [true, false] {
      let w = TwoStacks { $0.tcp.timestamps = timestamps }
      try w.open()
      for round in 1...3 {
        try w.close(w.b)
        try w.deliverAll()
        try w.close(w.a)
        try w.deliverAll()
        #expect(w.state(w.b) == .timeWait && w.state(w.a) == .closed)
        w.run(.milliseconds(10))
        w.a.isAtEnd = false
        w.b.isAtEnd = false
        try w.open()
        #expect(w.state(w.a) == .established && w.state(w.b) == .established)
        #expect(w.b.accepted.count == round + 1)
        #expect(w.b.stack.held.timeWait == 0)
      }
    }
  }
}
