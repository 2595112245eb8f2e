import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

private let roles = ScenarioRole.both

/// S4.1 to S4.5: the states and segments of a close, with their times.
@Suite struct CloseTests {
  @Test(
    "S4.1 either side closes first; each direction has its FIN and its ACK",
    arguments: ScenarioFamily.allCases)
  func eitherSide(_ family: ScenarioFamily) throws {
    for clientFirst in [true, false] {
      let w = TwoStacks(family)
      try w.open()
      w.forgetLog()
      let (first, second) = clientFirst ? (w.a, w.b) : (w.b, w.a)
      try w.shutdown(first)
      try w.deliverAll()
      #expect(second.isAtEnd && !first.isAtEnd)
      try w.shutdown(second)
      try w.deliverAll()
      #expect(first.isAtEnd)
      let (x, y) = clientFirst ? ("a", "b") : ("b", "a")
      #expect(w.arrows == ["\(x) F.", "\(y) .", "\(y) F.", "\(x) ."])
      // Each ACK covers the other's FIN, which took one number.
      let log = w.log.map(\.header)
      #expect(log[1].ack == log[0].seq.advanced(by: 1))
      #expect(log[3].ack == log[2].seq.advanced(by: 1))
      #expect(log[3].seq == log[0].seq.advanced(by: 1))
    }
  }

  @Test(
    "S4.2 MUST-13 FIN-WAIT-1, FIN-WAIT-2, TIME-WAIT for 60 s, CLOSED", arguments: ScenarioFamily.allCases,
    roles)
  func activeCloser(_ family: ScenarioFamily, _ role: ScenarioRole) {
    let s = Scenario(.established(role), family: family)
    s.shutdown(.send)
    s.expect(.fin(seq: 1, ack: 1, 0))
    s.expectState(.finWait1)
    s.inject(.ack(seq: 1, ack: 2))
    s.expectNothing(for: .seconds(3))
    s.expectState(.finWait2)
    s.inject(.fin(seq: 1, ack: 2))
    s.expect(.ack(seq: 2, ack: 2))
    s.expectState(.timeWait)
    #expect(s.receive().isEndOfStream)
    s.expectNothing(for: .milliseconds(59_999))
    s.expectState(.timeWait)
    #expect(s.status?.state == .timeWait)
    s.expectNothing(for: .milliseconds(1))
    #expect(s.status?.state == .closed)
    #expect(s.takeError() == nil, "an orderly close is no error")
    s.close()
    s.expectQuiet()
  }

  @Test("S4.2 the length of TIME-WAIT is configured", .bothFamilies)
  func configuredTimeWait() {
    let s = Scenario(.timeWait()) { $0.tcp.timeWait = .seconds(240) }
    s.expectNothing(for: .milliseconds(239_999))
    s.expectState(.timeWait)
    s.expectNothing(for: .milliseconds(1))
    s.expectState(.closed)
  }

  @Test(
    "S4.3 the FIN is acknowledged at once; CLOSE-WAIT until the application closes, LAST-ACK, CLOSED",
    arguments: ScenarioFamily.allCases, roles)
  func passiveCloser(_ family: ScenarioFamily, _ role: ScenarioRole) {
    let s = Scenario(.established(role), family: family)
    s.takeEvents()
    s.inject(.fin(seq: 1, ack: 1))
    s.expect(.ack(seq: 1, ack: 2))
    s.expectState(.closeWait)
    #expect(s.news == [.readable, .hangUp])
    #expect(s.receive().isEndOfStream)
    // For as long as it likes.
    s.expectNothing(for: .hours(24))
    s.expectState(.closeWait)
    s.shutdown(.send)
    s.expect(.fin(seq: 1, ack: 2, 0))
    s.expectState(.lastAck)
    s.inject(.ack(seq: 2, ack: 2))
    s.expectNothing()
    #expect(s.status?.state == .closed)
    #expect(s.endReason == .closed)
    #expect(s.takeError() == nil)
    s.close()
    s.expectQuiet()
  }

  @Test("S4.3 in LAST-ACK the FIN is repeated until it is acknowledged", .bothFamilies, arguments: roles)
  func repeatedFINInLastAck(_ role: ScenarioRole) {
    let s = Scenario(.lastAck(role, orphan: true))
    for wait in role.timeouts(3) { s.expectNext(after: wait, .fin(seq: 1, ack: 2, 0)) }
    s.inject(.ack(seq: 2, ack: 1))
    s.expectState(.lastAck)
    s.inject(.ack(seq: 2, ack: 2))
    s.expectQuiet()
  }

  @Test(
    "S4.4 FIN and ACK in one segment lead from FIN-WAIT-1 straight to TIME-WAIT",
    arguments: ScenarioFamily.allCases, roles)
  func threeSegments(_ family: ScenarioFamily, _ role: ScenarioRole) {
    let s = Scenario(.finWait1(role), family: family)
    s.inject(.fin(seq: 1, ack: 2))
    s.expect(.ack(seq: 2, ack: 2))
    s.expectState(.timeWait)
    s.expectNothing(for: .milliseconds(59_999))
    s.expectState(.timeWait)
    s.expectNothing(for: .milliseconds(1))
    #expect(s.status?.state == .closed)
  }

  @Test(
    "S4.4 a side that closes as soon as it has the FIN acknowledges it with its own: three segments",
    arguments: ScenarioFamily.allCases)
  func promptCloser(_ family: ScenarioFamily) throws {
    let s = Scenario(.established(), family: family)
    let fin = s.packet(.fin(seq: 1, ack: 1))
    let connection = try #require(s.connection)
    s.callStack("receive a FIN and close, before any packet is pulled") { stack, now in
      stack.receive(fin.span.bytes, on: s.interface, now: now)
      try stack.shutdown(connection, .send, now: now)
    }
    s.expect(.fin(seq: 1, ack: 2, 0))
    s.expectNothing()
    s.expectState(.lastAck)
    s.inject(.ack(seq: 2, ack: 2))
    s.expectNothing()
    #expect(s.status?.state == .closed)
  }

  @Test(
    "S4.5 both close at once: FIN-WAIT-1, CLOSING, TIME-WAIT", arguments: ScenarioFamily.allCases, roles)
  func simultaneousClose(_ family: ScenarioFamily, _ role: ScenarioRole) {
    let s = Scenario(.finWait1(role), family: family)
    s.inject(.fin(seq: 1, ack: 1))
    s.expect(.ack(seq: 2, ack: 2))
    s.expectState(.closing)
    s.inject(.ack(seq: 2, ack: 2))
    s.expectNothing()
    s.expectState(.timeWait)
    s.expectNothing(for: .milliseconds(59_999))
    s.expectState(.timeWait)
    s.expectNothing(for: .milliseconds(1))
    #expect(s.status?.state == .closed)
    #expect(s.takeError() == nil)
  }

  @Test(
    "S4.5 in CLOSING the FIN is repeated, and the peer's repeated FIN is acknowledged", .bothFamilies,
    arguments: roles)
  func repeatedFINInClosing(_ role: ScenarioRole) {
    let s = Scenario(.closing(role))
    s.expectNext(after: role.firstTimeout, .fin(seq: 1, ack: 2, 0))
    s.inject(.fin(seq: 1, ack: 1))
    s.expect(.ack(seq: 2, ack: 2))
    s.expectState(.closing)
    s.inject(.ack(seq: 2, ack: 2))
    s.expectState(.timeWait)
  }

  @Test(
    "S4.5 S4.10 two stacks close at once: the same states at both ends", arguments: ScenarioFamily.allCases)
  func simultaneousCloseOfBoth(_ family: ScenarioFamily) throws {
    let w = TwoStacks(family)
    try w.open()
    w.forgetLog()
    try w.shutdown(w.a)
    try w.shutdown(w.b)
    #expect(w.arrows == ["a F.", "b F."])
    try w.deliver()
    #expect(w.state(w.b) == .closing && w.state(w.a) == .finWait1)
    try w.deliver()
    #expect(w.state(w.a) == .closing)
    try w.deliverAll()
    #expect(w.arrows == ["a F.", "b F.", "b .", "a ."])
    #expect(w.state(w.a) == .timeWait && w.state(w.b) == .timeWait)
    #expect(w.a.states.suffix(4) == [.established, .finWait1, .closing, .timeWait])
    #expect(w.b.states.suffix(4) == [.established, .finWait1, .closing, .timeWait])
    try w.close(w.a)
    try w.close(w.b)
    w.wait(.seconds(60))
    #expect(w.inFlight.isEmpty)
    #expect(w.a.stack.held.isQuiet && w.b.stack.held.isQuiet)
  }

  @Test(
    "S4.10 all eleven states are seen at either end, and each has its name",
    arguments: ScenarioFamily.allCases)
  func allStates(_ family: ScenarioFamily) throws {
    for swapped in [false, true] {
      // One end opens and closes first, then listens, is connected to, and closes second; then both close.
      let w = TwoStacks(family) { $0.tcp.timeWait = .seconds(1) }
      let (x, y) = swapped ? (w.b, w.a) : (w.a, w.b)
      func open(from client: End, to server: End) throws {
        if server.listener == nil { try w.listen(server) }
        try w.connect(client)
        try w.deliverAll()
      }
      try open(from: x, to: y)
      try w.shutdown(x)
      try w.deliverAll()
      try w.close(y)
      try w.deliverAll()
      try w.close(x)
      w.run(.seconds(2))
      try y.stack.close(#require(y.listener), now: w.now)
      y.listener = nil
      (x.isAtEnd, y.isAtEnd) = (false, false)
      try open(from: y, to: x)
      try w.shutdown(y)
      try w.deliverAll()
      try w.close(x)
      try w.deliverAll()
      try w.close(y)
      w.run(.seconds(2))
      (x.isAtEnd, y.isAtEnd) = (false, false)
      try open(from: y, to: x)
      try w.close(x)
      try w.close(y)
      try w.deliverAll()
      w.run(.seconds(2))
      #expect(
        Set(x.states) == Set(TCPState.allCases), "\(TCPState.allCases.filter { !x.states.contains($0) })")
      #expect(x.stack.held.isQuiet && y.stack.held.isQuiet)
    }
    #expect(
      TCPState.allCases.map { $0.name.description } == [
        "CLOSED", "LISTEN", "SYN-SENT", "SYN-RECEIVED", "ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2",
        "CLOSE-WAIT",
        "CLOSING", "LAST-ACK", "TIME-WAIT",
      ])
  }
}
