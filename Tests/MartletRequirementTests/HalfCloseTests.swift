import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

private let roles = ScenarioRole.both

/// S4.6, S4.9 and S4.11: what goes on when one direction has closed, and what it still costs.
@Suite struct HalfCloseTests {
  @Test("S4.6 after its FIN a side still receives", arguments: ScenarioFamily.allCases, roles)
  func receivesAfterFIN(_ family: ScenarioFamily, _ role: ScenarioRole) {
    for start in [ScenarioStart.finWait1(role), .finWait2(role)] {
      let s = Scenario(start, family: family) { $0.tcp.quickAcks = 0 }
      let acked = start.state == .finWait2 ? 2 : 1
      let size = family.segment
      for i in 0..<200 {
        s.inject(.data(seq: 1 + size * i, ack: acked, .count(size)))
        if i % 2 == 1 { s.expect(.ack(seq: 2, ack: 1 + size * (i + 1))) }
        #expect(s.receive().octets == scriptText(size * i..<size * (i + 1)))
      }
      s.takeSegments()
      s.expectState(start.state)
      s.inject(.fin(seq: 1 + size * 200, ack: 2))
      s.expect(.ack(seq: 2, ack: 2 + size * 200))
      #expect(s.receive().isEndOfStream)
      s.expectState(.timeWait)
    }
  }

  @Test("S4.6 after the peer's FIN a side still sends", arguments: ScenarioFamily.allCases, roles)
  func sendsAfterFIN(_ family: ScenarioFamily, _ role: ScenarioRole) {
    let s = Scenario(.closeWait(role), family: family)
    let size = family.segment
    for i in 0..<200 {
      s.send(.count(size))
      s.expect(.data(seq: 1 + size * i, ack: 2, .count(size)))
      s.inject(.ack(seq: 2, ack: 1 + size * (i + 1)))
    }
    s.expectState(.closeWait)
    s.shutdown(.send)
    s.expect(.fin(seq: 1 + size * 200, ack: 2, 0))
    s.expectState(.lastAck)
    s.inject(.ack(seq: 2, ack: 2 + size * 200))
    #expect(s.status?.state == .closed)
  }

  @Test(
    "S4.6 a megabyte goes through the half that is still open, either way", .bothFamilies,
    arguments: [true, false])
  func megabyte(_ clientCloses: Bool) throws {
    let w = TwoStacks()
    try w.open()
    let (closer, other) = clientCloses ? (w.a, w.b) : (w.b, w.a)
    let count = 1 << 20
    w.send(scriptText(0..<100_000), from: closer)
    w.run(.seconds(5))
    try w.shutdown(closer)
    try w.deliverAll()
    #expect(other.received == scriptText(0..<100_000) && other.isAtEnd)
    #expect(w.state(closer) == .finWait2 && w.state(other) == .closeWait)
    w.send(scriptText(0..<count), from: other)
    w.run(.seconds(60))
    #expect(other.toSend.isEmpty)
    #expect(closer.received == scriptText(0..<count))
    try w.shutdown(other)
    try w.deliverAll()
    #expect(closer.isAtEnd)
    #expect(w.state(closer) == .timeWait && w.state(other) == .closed)
  }

  @Test(
    "S4.6 what was queued before the close is delivered, repeated if lost, before the FIN is acknowledged",
    .bothFamilies,
    arguments: roles, [false, true])
  func queuedText(_ role: ScenarioRole, _ orphan: Bool) {
    let s = Scenario(.established(role))
    s.send(3_000)
    s.expect(.data(seq: 1, ack: 1, 1_460))
    s.expect(.data(seq: 1_461, ack: 1, 1_460))
    s.expectNothing()
    if orphan { s.close() } else { s.shutdown(.send) }
    s.expect(.fin(seq: 2_921, ack: 1, 80))
    s.expectState(.finWait1)
    // All of it is lost.
    s.expectNext(after: role.firstTimeout, .data(seq: 1, ack: 1, 1_460))
    s.expectNothing()
    s.inject(.ack(seq: 1, ack: 1_461))
    s.expect(.data(seq: 1_461, ack: 1, 1_460))
    s.expect(.fin(seq: 2_921, ack: 1, 80))
    // Text without the FIN.
    s.inject(.ack(seq: 1, ack: 2_921))
    s.expectState(.finWait1)
    s.inject(.ack(seq: 1, ack: 3_001))
    s.expectState(.finWait1)
    s.expectNext(in: .milliseconds(200)...(.seconds(4)), .fin(seq: 3_001, ack: 1, 0))
    s.inject(.ack(seq: 1, ack: 3_002))
    s.expectNothing()
    s.expectState(.finWait2)
  }

  @Test("S4.6 a FIN that overtakes its text ends the stream only behind it", .bothFamilies, arguments: roles)
  func overtakingFIN(_ role: ScenarioRole) {
    let s = Scenario(.established(role))
    s.inject(.fin(seq: 6, ack: 1, "world"))
    s.expect(.ack(seq: 1, ack: 1))
    s.expectState(.established)
    #expect(s.receive().error == .wouldBlock)
    s.inject(.data(seq: 1, ack: 1, "hello"))
    s.expect(.ack(seq: 1, ack: 12))
    s.expectState(.closeWait)
    let received = s.receive()
    #expect(received.text == "helloworld" && received.isEndOfStream)
  }

  // MARK: S4.9

  @Test(
    "S4.9 a connection without owner holds no receive buffer, and no send buffer once only the FIN is out",
    .bothFamilies)
  func orphanHoldsNothing() {
    let s = Scenario(.established())
    s.send(10)
    s.expect(.data(seq: 1, 10))
    s.close()
    s.expect(.fin(seq: 11, 0))
    #expect(s.stack.held.chunks > 0, "the text is not acknowledged yet")
    s.inject(.ack(seq: 1, ack: 11))
    s.expectState(.finWait1)
    #expect(s.stack.held.chunks == 0)
    #expect(s.stack.held.coldBlocks == 0)
    s.inject(.ack(seq: 1, ack: 12))
    s.expectState(.finWait2)
    #expect(s.stack.held.chunks == 0 && s.stack.held.coldBlocks == 0)
  }

  @Test(
    "S4.9 SHLD-3 text for a connection without owner is answered by a RST, and is not kept", .bothFamilies,
    arguments: [false, true])
  func textForOrphan(_ acknowledged: Bool) {
    let s = Scenario(acknowledged ? .finWait2(orphan: true) : .finWait1(orphan: true))
    s.inject(.data(seq: 1, ack: acknowledged ? 2 : 1, "more"))
    s.expect(.reset(seq: 2))
    s.expectQuiet()
  }

  @Test(
    "S4.9 FIN-WAIT-2 without owner ends after a configured time, 60 s by default", .bothFamilies,
    arguments: [60, 5])
  func finWait2OfOrphan(_ seconds: Int64) {
    let s = Scenario(.finWait2(orphan: true)) { $0.tcp.finWait2 = .seconds(seconds) }
    s.expectNothing(for: .milliseconds(seconds * 1_000 - 1))
    s.expectState(.finWait2)
    s.expectNothing(for: .milliseconds(1))
    s.expectState(.closed)
    #expect(s.counters.tcp.finWait2Timeouts == 1)
    s.expectQuiet()
  }

  @Test("S4.9 the clock of FIN-WAIT-2 starts when the owner lets go; with an owner it lasts", .bothFamilies)
  func finWait2WithOwner() {
    let s = Scenario(.finWait2())
    s.expectNothing(for: .hours(72))
    s.expectState(.finWait2)
    s.close()
    s.expectNothing(for: .milliseconds(59_999))
    s.expectState(.finWait2)
    s.expectNothing(for: .milliseconds(1))
    s.expectState(.closed)
    s.expectQuiet()
  }

  @Test(
    "S4.9 E8 an orphan whose FIN nobody acknowledges is given up, with a RST", .bothFamilies, arguments: roles
  )
  func silentPeerOfOrphan(_ role: ScenarioRole) {
    let s = Scenario(.finWait1(role, orphan: true))
    for wait in role.timeouts(8) { s.expectNext(after: wait, .fin(seq: 1, ack: 1, 0)) }
    s.expectNext(after: role.timeouts(9)[8], .reset(seq: 2))
    s.expectQuiet()
  }

  @Test("S4.9 a TIME-WAIT record is tens of octets", arguments: ScenarioFamily.allCases)
  func timeWaitSize(_ family: ScenarioFamily) throws {
    #expect(MemoryLayout<TimeWaitTCB>.stride <= 32)
    // And with everything around it: key, links, flow table, slab.
    let s = Scenario(.timeWait(orphan: true), family: family)
    let count = 1_000
    let before = s.stack.held.budget
    for i in 0..<count { try passThroughTimeWait(s, port: UInt16(20_000 + i)) }
    #expect(s.stack.held.timeWait == count + 1)
    #expect(s.stack.held.connections == 0 && s.stack.held.chunks == 0)
    let each = (s.stack.held.budget - before) / count
    #expect(each < 100, "\(each) octets")
    s.advance(by: .seconds(61))
    s.expectQuiet()
  }

  /// A connection from this port of the peer, opened by the peer and closed by the stack first.
  private func passThroughTimeWait(_ s: Scenario, port: UInt16) throws {
    s.inject(.syn(seq: 0).from(port: port))
    s.inject(.ack(seq: 1, ack: 1).from(port: port))
    let id = try #require(s.accepted.last)
    s.callStack { stack, now in try stack.close(id, now: now) }
    s.inject(.fin(seq: 1, ack: 2).from(port: port))
    s.takeSegments()
    s.takeEvents()
  }

  @Test(
    "S4.6 MUST-60 what was queued before the close leaves first, and the FIN with the last of it",
    .bothFamilies)
  func finBehindQueue() {
    let s = Scenario(.established())
    let mss = Int(s.status?.sndMss ?? 0)
    s.send(.count(20 * mss))
    s.close()
    var sent = s.takeSegments()
    for end in stride(from: 2, to: 20, by: 2) {
      s.inject(.ack(seq: 1, ack: 1 + end * mss))
      sent += s.takeSegments()
    }
    #expect(sent.map(\.text.count) == Array(repeating: mss, count: 20))
    #expect(sent.filter { $0.flags.contains(.fin) }.map(\.seq) == [1 + 19 * mss])
  }

  // MARK: S4.11

  @Test(
    "S4.11 each direction gives back what it held when it has closed and its bytes are delivered",
    .bothFamilies)
  func resourcesByDirection() {
    let s = Scenario(.established())
    // The receiving direction: closed by the peer, read to the end.
    s.inject(.fin(seq: 1, ack: 1, 5_000))
    s.takeSegments()
    #expect(s.stack.held.chunks > 0)
    #expect(s.receive().octets.count == 5_000)
    #expect(s.stack.held.chunks == 0 && s.stack.held.coldBlocks == 0)
    s.expectState(.closeWait)
    // The sending one.
    s.send(5_000)
    s.shutdown(.send)
    s.takeSegments()
    #expect(s.stack.held.chunks > 0)
    s.inject(.ack(seq: 5_002, ack: 5_001))
    s.expectState(.lastAck)
    #expect(s.stack.held.chunks == 0 && s.stack.held.coldBlocks == 0)
    s.inject(.ack(seq: 5_002, ack: 5_002))
    s.takeSegments()
    s.close()
    s.expectQuiet()
  }

  @Test("S4.11 the other way round: our half first, then the peer's", .bothFamilies)
  func resourcesOfActiveCloser() {
    let s = Scenario(.established())
    s.send(5_000)
    s.shutdown(.send)
    s.takeSegments()
    s.inject(.ack(seq: 1, ack: 5_002))
    s.expectState(.finWait2)
    #expect(s.stack.held.chunks == 0 && s.stack.held.coldBlocks == 0)
    s.inject(.fin(seq: 1, ack: 5_002, 5_000))
    s.expect(.ack(seq: 5_002, ack: 5_002))
    s.expectState(.timeWait)
    // TIME-WAIT does not wait for the reader, and the text does not wait for TIME-WAIT.
    s.advance(by: .seconds(61))
    let received = s.receive()
    #expect(received.octets == scriptText(0..<5_000) && received.isEndOfStream)
    #expect(s.stack.held.chunks == 0 && s.stack.held.coldBlocks == 0)
    s.close()
    s.expectQuiet()
  }

  @Test("S4.11 text that nobody will read goes at once when its half is shut", .bothFamilies)
  func shutReceivingHalf() {
    let s = Scenario(.established())
    s.inject(.data(seq: 1, ack: 1, 1_000))
    s.inject(.data(seq: 2_001, ack: 1, 1_000))
    s.takeSegments()
    #expect(s.stack.held.chunks > 0)
    s.shutdown(.receive)
    #expect(s.stack.held.chunks == 0)
    s.expectState(.established)
  }
}
