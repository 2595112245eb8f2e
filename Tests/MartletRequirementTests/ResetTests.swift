import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

private let roles = ScenarioRole.both

/// S5.1 and S5.2: resets, and how an application tells ends apart.
@Suite struct ResetTests {
  // MARK: S5.1

  @Test(
    "S5.1 without ACK the RST has sequence number 0 and acknowledges the segment",
    arguments: ScenarioFamily.allCases)
  func resetWithoutACK(_ family: ScenarioFamily) throws {
    for (segment, length): (InjectedSegment, Int) in [
      (.syn(seq: 100), 1), (.syn(seq: 100, "abc"), 4), (.segment(.fin, seq: 100), 1),
      (.segment([.syn, .fin], seq: 100, "abc"), 5), (.segment(.psh, seq: 100, "abcdef"), 6),
      (.segment([], seq: 100), 0), (.segment(.urg, seq: 100, "a"), 1),
    ] {
      let s = Scenario(.closed, family: family)
      s.inject(segment)
      let reset = try #require(s.expect(.rstAck(ack: 100 + length)))
      #expect(reset.header.seq == SequenceNumber(0))
      #expect(reset.flags == [.rst, .ack])
      s.expectNothing()
    }
  }

  @Test(
    "S5.1 with ACK the RST has the sequence number that was acknowledged, and no ACK",
    arguments: ScenarioFamily.allCases)
  func resetWithACK(_ family: ScenarioFamily) throws {
    for segment: InjectedSegment in [
      .ack(seq: 100, ack: 0x1234_5678), .data(seq: 100, ack: 0x1234_5678, "abc"),
      .fin(seq: 100, ack: 0x1234_5678), .synAck(seq: 100, ack: 0x1234_5678),
    ] {
      let s = Scenario(.closed, family: family)
      s.inject(segment)
      let reset = try #require(s.expect(.rst()))
      #expect(reset.header.seq == SequenceNumber(0x1234_5678))
      #expect(reset.header.ack == SequenceNumber(0))
      #expect(reset.flags == .rst)
      s.expectNothing()
    }
  }

  @Test("S5.1 a RST is never answered, in any state", arguments: ScenarioFamily.allCases)
  func noResetForReset(_ family: ScenarioFamily) {
    for start in [ScenarioStart.closed, .listening, .synSent, .synReceived(), .timeWait(orphan: true)] {
      let s = Scenario(start, family: family)
      s.inject(.rst(seq: 1_000_000_000).to(port: 9))
      s.inject(.rstAck(seq: 1_000_000_000, ack: 77).to(port: 9))
      s.inject(.rst(seq: 1_000_000_000))
      s.inject(.rstAck(seq: 1_000_000_000, ack: 1_000_000))
      s.expectNothing()
      s.expectState(start.state)
    }
  }

  @Test("S5.1 two stacks without any connection: one segment, one RST, and silence", .bothFamilies)
  func silenceAfterOne() throws {
    let w = TwoStacks()
    try w.connect(w.a)
    try w.deliverAll()
    #expect(w.arrows == ["a S", "b R."])
    #expect(w.state(w.a) == .closed)
  }

  @Test(
    "S5.1 resets are limited: 125 a second for one peer by default, a quarter of that at once",
    arguments: ScenarioFamily.allCases)
  func limited(_ family: ScenarioFamily) {
    let s = Scenario(.closed, family: family)
    func flood(_ count: Int) -> Int {
      for i in 0..<count { s.inject(.syn(seq: i).from(port: UInt16(1_024 + i))) }
      return s.takeSegments().count
    }
    #expect(flood(400) == 31)
    #expect(s.counters.drops(.resetLimited) == 369)
    s.advance(by: .milliseconds(80))
    #expect(flood(400) == 10)
    var sum = 0
    for _ in 0..<20 {
      s.advance(by: .milliseconds(200))
      sum += flood(200)
    }
    #expect(sum == 500)
  }

  @Test("S5.1 they can be switched off", .bothFamilies)
  func stealth() {
    let s = Scenario(.closed) { $0.resetsPerSecond = 0 }
    s.inject(.syn(seq: 0))
    s.expectNothing()
    #expect(s.counters.drops(.resetLimited) == 1)
  }

  // MARK: S5.2

  /// What an application sees of an end, by every way that tells.
  private func expectEnd(
    _ s: Scenario, _ reason: EndReason, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(s.endReason == reason, sourceLocation: sourceLocation)
    #expect(s.news.contains(.ended), sourceLocation: sourceLocation)
    #expect(s.trySend("x") == .failure(.ended(reason)), sourceLocation: sourceLocation)
    #expect(s.receive().error == .ended(reason), sourceLocation: sourceLocation)
    #expect(s.takeError() == .ended(reason), sourceLocation: sourceLocation)
    s.close()
    s.takeSegments()
    s.expectQuiet(sourceLocation: sourceLocation)
  }

  @Test("S5.2 MUST-12 reset by the peer", .bothFamilies, arguments: roles)
  func resetByPeer(_ role: ScenarioRole) {
    for flags: TCPFlags in [.rst, [.rst, .ack]] {
      let s = Scenario(.established(role))
      s.takeEvents()
      s.inject(.segment(flags, seq: 1, ack: flags.contains(.ack) ? 1 : 0))
      s.expectNothing()
      expectEnd(s, .reset)
    }
  }

  @Test("S5.2 refused", arguments: ScenarioFamily.allCases)
  func refused(_ family: ScenarioFamily) {
    let s = Scenario(.synSent, family: family)
    s.inject(.rstAck(seq: 0, ack: 1))
    expectEnd(s, .refused)
  }

  @Test("S5.2 timed out: no answer to the SYN; no answer to text", .bothFamilies)
  func timedOut() {
    let s = Scenario(.synSent)
    s.advance(by: .seconds(183))
    s.takeSegments()
    expectEnd(s, .timedOut)

    let e = Scenario(.established())
    e.send(10)
    e.advance(by: .seconds(700))
    #expect(e.takeSegments().last?.flags.contains(.rst) == true)
    expectEnd(e, .timedOut)
  }

  @Test(
    "S5.2 MUST-12 an orderly close is no error: the end of the stream, then `.closed`", .bothFamilies,
    arguments: roles)
  func orderly(_ role: ScenarioRole) {
    let s = Scenario(.lastAck(role))
    s.inject(.ack(seq: 2, ack: 2))
    let received = s.receive()
    #expect(received.isEndOfStream && received.error == nil)
    #expect(s.endReason == .closed)
    #expect(s.takeError() == nil)
  }

  @Test(
    "S5.2 text that came before a FIN is read before the end; text before a RST is not to be trusted",
    .bothFamilies)
  func textBeforeEnd() {
    let f = Scenario(.established())
    f.inject(.data(seq: 1, ack: 1, "text"))
    f.inject(.fin(seq: 5, ack: 1))
    let received = f.receive()
    #expect(received.text == "text" && received.isEndOfStream)

    let r = Scenario(.established())
    r.inject(.data(seq: 1, ack: 1, "text"))
    r.inject(.rst(seq: 5))
    #expect(r.receive().octets.isEmpty)
    #expect(r.receive().error == .ended(.reset))
  }

  @Test("S5.2 a RST in each synchronized state", .bothFamilies, arguments: roles)
  func resetInEachState(_ role: ScenarioRole) {
    for (start, seq, reason): (ScenarioStart, Int, EndReason) in [
      (.established(role), 1, .reset), (.finWait1(role), 1, .reset), (.finWait2(role), 1, .reset),
      (.closeWait(role), 2, .reset), (.closing(role), 2, .closed), (.lastAck(role), 2, .closed),
    ] {
      let s = Scenario(start)
      s.inject(.rst(seq: seq))
      s.expectNothing()
      #expect(s.status?.state == .closed)
      #expect(s.endReason == reason, "\(start)")
    }
  }

  @Test("S5.2 MUST-12 our own abort sends a RST, and the handle is gone", .bothFamilies, arguments: roles)
  func abort(_ role: ScenarioRole) {
    for (start, seq): (ScenarioStart, Int?) in [
      (.established(role), 1), (.finWait1(role), 2), (.finWait2(role), 2), (.closeWait(role), 1),
      (.closing(role), nil), (.lastAck(role), nil), (.timeWait(role), nil), (.synSent, nil),
    ] {
      let s = Scenario(start)
      s.abort()
      if let seq { s.expect(.reset(seq: seq)) }
      s.expectNothing()
      if start.state == .timeWait { s.advance(by: .seconds(60)) }
      s.expectQuiet()
    }
  }
}

/// S5.3: peers that crashed or vanished.
@Suite struct BrokenPeerTests {
  @Test(
    "S5.3 MUST-26 MUST-28 MUST-29 keepalive: after two hours nine probes, 75 s apart, then the end",
    arguments: ScenarioFamily.allCases, roles)
  func keepAlive(_ family: ScenarioFamily, _ role: ScenarioRole) {
    let s = Scenario(.established(role), family: family)
    s.setOptions { $0.keepAlive = true }
    s.expectNext(after: .seconds(7_200), .ack(seq: 0, ack: 1))
    for _ in 0..<8 { s.expectNext(after: .seconds(75), .ack(seq: 0, ack: 1)) }
    s.expectState(.established)
    s.expectNext(after: .seconds(75), .reset(seq: 1))
    s.expectState(.closed)
    #expect(s.endReason == .keepAliveTimedOut)
    #expect(s.receive().error == .ended(.keepAliveTimedOut))
    #expect(s.elapsed == .seconds(7_200 + 9 * 75))
    s.close()
    s.expectQuiet()
  }

  @Test(
    "S5.3 MUST-29 one answer in time, and the next probe is two hours away", .bothFamilies, arguments: roles)
  func keepAliveAnswered(_ role: ScenarioRole) {
    let s = Scenario(.established(role))
    s.setOptions { $0.keepAlive = true }
    for _ in 0..<5 {
      s.expectNext(after: .seconds(7_200), .ack(seq: 0, ack: 1))
      for _ in 0..<8 { s.expectNext(after: .seconds(75), .ack(seq: 0, ack: 1)) }
      s.advance(by: .seconds(10))
      s.inject(.ack(seq: 1, ack: 1))
      s.expectNothing()
    }
    s.expectState(.established)
  }

  @Test(
    "S5.3 a keepalive probe meets a peer that has restarted: its RST ends the connection", .bothFamilies,
    arguments: roles)
  func keepAliveMeetsReset(_ role: ScenarioRole) {
    let s = Scenario(.established(role))
    s.setOptions { $0.keepAlive = true }
    s.expectNext(after: .seconds(7_200), .ack(seq: 0, ack: 1))
    // <SEQ=SEG.ACK>: what our probe acknowledged.
    s.inject(.rst(seq: 1))
    #expect(s.endReason == .reset)
  }

  @Test(
    "S5.3 MUST-21 the user timeout ends a connection whose text is not acknowledged", .bothFamilies,
    arguments: roles)
  func userTimeout(_ role: ScenarioRole) {
    let s = Scenario(.established(role))
    s.setOptions { $0.userTimeout = .seconds(10) }
    s.expectNothing(for: .hours(1))
    s.send(100)
    s.expect(.data(seq: 1, 100))
    let tries = role == .passive ? 3 : 5
    for wait in role.timeouts(tries) { s.expectNext(after: wait, .data(seq: 1, 100)) }
    s.expectNext(after: role == .passive ? .seconds(3) : .milliseconds(3_800), .reset(seq: 101))
    #expect(s.endReason == .timedOut)
    #expect(s.status?.gaveUpAfter == 10_000)
  }

  @Test("S5.3 MUST-21 the user timeout counts for a SYN too", .bothFamilies)
  func userTimeoutOfSYN() {
    let s = Scenario(.closed)
    var options = ConnectionOptions()
    options.userTimeout = .seconds(5)
    s.connect(options)
    s.expect(.syn(seq: 0))
    s.expectNext(after: .seconds(1), .syn(seq: 0))
    s.expectNext(after: .seconds(2), .syn(seq: 0))
    s.expectNothing(for: .seconds(2))
    s.expectState(.closed)
    #expect(s.endReason == .timedOut)
  }

  @Test(
    "S5.3 MUST-20 SHLD-10 SHLD-11 without one, R1 is told after three tries and R2 ends it after fifteen",
    .bothFamilies,
    arguments: roles)
  func retransmissionLimit(_ role: ScenarioRole) {
    let s = Scenario(.established(role))
    s.takeEvents()
    s.send(100)
    s.expect(.data(seq: 1, 100))
    for (i, wait) in role.timeouts(15).enumerated() {
      #expect(s.news.contains(.error) == (i >= 3))
      s.expectNext(after: wait, .data(seq: 1, 100))
    }
    s.expectNext(after: .seconds(60), .reset(seq: 101))
    #expect(s.endReason == .timedOut)
    #expect(s.status?.retransmits == 15)
    #expect(s.status?.gaveUpAfter == (role == .passive ? 663_000 : 522_200))
  }

  @Test(
    "S5.3 text to a peer that has forgotten the connection earns a RST that ends it",
    arguments: ScenarioFamily.allCases)
  func textToDeadIncarnation(_ family: ScenarioFamily) throws {
    let w = TwoStacks(family)
    try w.open()
    // b crashes: its connection is gone, and nobody is told.
    try w.b.stack.abort(#require(w.b.connection), now: w.now)
    w.b.connection = nil
    w.wait(.zero)
    #expect(try w.lose().flags.contains(.rst))
    #expect(w.state(w.a) == .established)
    w.forgetLog()
    w.readsAtOnce = false
    w.send([1, 2, 3], from: w.a)
    try w.deliverAll()
    #expect(w.arrows == ["a P.", "b R"])
    #expect(w.state(w.a) == .closed)
    #expect(try w.a.stack.takeError(#require(w.a.connection)) == .ended(.reset))
  }

  @Test(
    "S5.3 RFC5961-4.2-d Figure 10: the peer restarts and connects anew; our ACK tells it, its RST us",
    arguments: ScenarioFamily.allCases)
  func figure10(_ family: ScenarioFamily) {
    let s = Scenario(.established(), family: family)
    s.inject(.syn(seq: 400_000))
    s.expect(.ack(seq: 1, ack: 1))
    s.expectState(.established)
    s.inject(.rst(seq: 1))
    #expect(s.endReason == .reset)
    // The SYN again finds the port free.
    s.close()
    s.inject(.syn(seq: 400_000))
    s.expect(.synAck(ack: 400_001))
    s.inject(.ack(seq: 400_001, ack: 1))
    s.expectState(.established)
  }

  @Test(
    "S5.3 a vanished peer in FIN-WAIT-1, CLOSING and LAST-ACK: the FIN is repeated, then given up",
    .bothFamilies,
    arguments: roles)
  func vanishedWhileClosing(_ role: ScenarioRole) {
    for start in [ScenarioStart.finWait1(role), .closing(role), .lastAck(role)] {
      let s = Scenario(start)
      let ack = start.state == .finWait1 ? 1 : 2
      for wait in role.timeouts(15) {
        s.expectNext(after: wait, .fin(seq: 1, ack: ack, 0))
      }
      s.advance(by: .seconds(60))
      s.takeSegments()
      #expect(s.status?.state == .closed)
      #expect(s.endReason == .timedOut)
    }
  }
}
