import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

// What the comparison with the kernel has found (Documentation/Verification.md), each on the wire.

@Suite("Found by the referee")
struct FoundByRefereeTests {
  @Test(
    "RFC 5681 §4.2 a FIN that comes before what is in front of it is acknowledged at once", .bothFamilies,
    arguments: [ScenarioStart.established(), .finWait1(), .finWait2()])
  func finishOutOfOrder(start: ScenarioStart) {
    let s = Scenario(start)
    let sent = start == .established() ? 1 : 2
    s.inject(.fin(seq: 11, ack: sent))
    s.expect(.ack(seq: sent, ack: 1))
    s.inject(.data(seq: 1, ack: sent, 10))
    s.expect(.ack(seq: sent, ack: 12))
    #expect(s.receive().octets == scriptText(0..<10))
  }

  @Test(
    "RFC 5961 §5.2 with small windows an acknowledgment is too old only beyond what a field can say",
    .bothFamilies)
  func oldBesideSmallWindows() {
    let s = Scenario(.established(), window: 1_000)
    s.send(4_000)
    for acked in stride(from: 1_001, through: 4_001, by: 1_000) {
      s.takeSegments()
      s.inject(.ack(seq: 1, ack: acked, window: 1_000))
    }
    s.inject(.ack(seq: 1, ack: 1, window: 1_000))
    s.expectNothing()
    #expect(s.counters.tcp.tcpACKsIgnored == 1)
  }

  @Test("Table 6 the third segment may begin before the window, if its text ends in it", .bothFamilies)
  func partlyOldThirdSegment() {
    let s = Scenario(.synReceived())
    s.inject(.data(seq: 0, ack: 1, 5))
    s.expect(.ack(seq: 1, ack: 5))
    #expect(s.state == .established)
    #expect(s.receive().octets == scriptText(0..<4))
  }

  @Test("Table 6 a third segment that ends before the window is answered, and opens nothing", .bothFamilies)
  func oldThirdSegment() {
    let s = Scenario(.synReceived())
    s.inject(.data(seq: -4, ack: 1, 5))
    s.expect(.ack(seq: 1, ack: 1))
    #expect(s.state == .synReceived)
  }

  @Test(
    "Table 6 a third segment may bring nothing but a FIN behind what is old", .bothFamilies,
    arguments: [1, 5, 100])
  func partlyOldFinish(count: Int) {
    let s = Scenario(.synReceived())
    s.inject(.fin(seq: 1 - count, ack: 1, .octets([UInt8](repeating: 7, count: count))))
    s.expect(.ack(seq: 1, ack: 2))
    #expect(s.state == .closeWait)
    #expect(s.receive().isEndOfStream)
  }

  @Test(
    "R5 of two FINs that wait the earlier one counts, in whatever order they come", .bothFamilies,
    arguments: [true, false])
  func twoFinishes(isFarFirst: Bool) {
    let s = Scenario(.established())
    let far = InjectedSegment.fin(seq: 5_000, ack: 1)
    if isFarFirst { s.inject(far) }
    s.inject(.fin(seq: 11, ack: 1, 10))
    if !isFarFirst { s.inject(far) }
    _ = s.takeSegments()
    s.inject(.data(seq: 1, ack: 1, 10))
    s.expect(.ack(seq: 1, ack: 22))
    #expect(s.state == .closeWait)
    #expect(s.receive().octets == scriptText(0..<20))
    #expect(s.receive().isEndOfStream)
  }

  @Test("R5 a FIN within text that waits is not believed", .bothFamilies)
  func finishWithinText() {
    let s = Scenario(.established())
    s.inject(.data(seq: 11, ack: 1, 20))
    s.inject(.fin(seq: 21, ack: 1))
    _ = s.takeSegments()
    s.inject(.data(seq: 1, ack: 1, 10))
    s.expect(.ack(seq: 1, ack: 31))
    s.inject(.data(seq: 31, ack: 1, 10))
    #expect(s.state == .established)
    #expect(s.receive().octets == scriptText(0..<40))
  }

  @Test("R5 a FIN in its turn is the end, whatever waits behind it", .bothFamilies)
  func finishBeforeText() {
    let s = Scenario(.established())
    s.inject(.data(seq: 11, ack: 1, 20))
    s.inject(.fin(seq: 2_000, ack: 1))
    _ = s.takeSegments()
    s.inject(.fin(seq: 1, ack: 1, 15))
    s.expect(.ack(seq: 1, ack: 17))
    #expect(s.state == .closeWait)
    #expect(s.receive().octets == scriptText(0..<15))
    #expect(s.receive().isEndOfStream)
  }

  @Test(
    "R5 before a FIN in its turn the first arrival of an octet counts, too; beyond it nothing is kept",
    .bothFamilies)
  func finishBeforeAndBehindText() {
    let s = Scenario(.established())
    let first = [UInt8](repeating: 200, count: 20)
    s.inject(.data(seq: 11, ack: 1, .octets(first)))
    s.inject(.data(seq: 10_000, ack: 1, 100))
    _ = s.takeSegments()
    let held = s.stack.held.chunks
    s.inject(.fin(seq: 1, ack: 1, 15))
    s.expect(.ack(seq: 1, ack: 17))
    #expect(s.stack.held.chunks < held)
    #expect(s.receive().octets == scriptText(0..<10) + first.prefix(5))
    #expect(s.receive().isEndOfStream)
    #expect(s.stack.held.chunks == 0)
  }

  @Test(
    "RFC 7323 §5.3 R1: an old timestamp is acknowledged in SYN-RECEIVED too, once per interval", .bothFamilies
  )
  func oldTimestampHalfOpen() {
    let s = Scenario(.synReceived(), offering: ScriptOption.everything())
    s.inject(.ack(options: [.timestamps(900, 0)]).withoutTimestamps())
    s.expect(.ack(seq: 1, ack: 1))
    s.inject(.ack(options: [.timestamps(900, 0)]).withoutTimestamps())
    s.expectNothing()
    #expect(s.state == .synReceived)
    s.inject(.ack())
    #expect(s.state == .established)
  }

  @Test(
    "RFC 5961 §4.2 a SYN without the timestamps that were agreed on is challenged all the same",
    .bothFamilies,
    arguments: [ScenarioStart.synReceived(), .established(), .finWait2(), .closeWait(), .lastAck()])
  func restartedWithoutTimestamps(start: ScenarioStart) {
    let s = Scenario(start, offering: [.mss(1_460), .timestamps(1_000, 0)])
    s.inject(.syn(seq: 5_000))
    s.expect(.ack())
  }

  @Test(
    "RFC 7323 §5.3 R1: an old timestamp is acknowledged in TIME-WAIT too, once per interval", .bothFamilies)
  func oldTimestampTimeWait() {
    let s = Scenario(.timeWait(), offering: ScriptOption.everything())
    s.inject(.ack(seq: 2, ack: 2, options: [.timestamps(900, 0)]).withoutTimestamps())
    s.expect(.ack(seq: 2, ack: 2))
    s.inject(.ack(seq: 2, ack: 2, options: [.timestamps(900, 0)]).withoutTimestamps())
    s.expectNothing()
    #expect(s.state == .timeWait)
  }

  @Test(
    "§3.10.7.4 a stream that has lost text to a reset does not end like one that is complete", .bothFamilies)
  func endOfLostText() {
    let s = Scenario(.established())
    s.inject(.fin(seq: 1, ack: 1, 10))
    s.expect(.ack(seq: 1, ack: 12))
    s.inject(.rst(seq: 12))
    #expect(s.receive() == ScenarioReceived(error: .ended(.reset)))
  }

  /// Found by FuzzPair.
  @Test(
    "§3.10.7.4 nor does it where a reset takes text of ours along, in CLOSING or LAST-ACK", .bothFamilies,
    arguments: [TCPState.closing, .lastAck])
  func endOfLostTextAfterShutdown(state: TCPState) {
    let s = Scenario(.established())
    if state == .lastAck { s.inject(.fin(seq: 1, ack: 1, 10)) }
    s.send(100)
    s.shutdown()
    if state == .closing { s.inject(.fin(seq: 1, ack: 1, 10)) }
    s.takeSegments()
    #expect(s.state == state)
    s.inject(.rst(seq: 12))
    #expect(s.receive() == ScenarioReceived(error: .ended(.reset)))
  }

  /// Where both FINs were exchanged and nothing of ours is lost, the text stays for its reader.
  @Test("§3.10.7.4 in CLOSING and LAST-ACK a reset leaves what was received", .bothFamilies)
  func textKeptAfterShutdown() {
    let s = Scenario(.established())
    s.inject(.fin(seq: 1, ack: 1, 10))
    s.shutdown()
    s.takeSegments()
    s.inject(.rst(seq: 12))
    #expect(s.receive().octets.count == 10)
    #expect(s.receive().isEndOfStream)
  }

  @Test("§3.10.7.4 a stream that was read to its end has ended, whatever comes after", .bothFamilies)
  func endOfReadText() {
    let s = Scenario(.established())
    s.inject(.fin(seq: 1, ack: 1, 10))
    #expect(s.receive().octets.count == 10)
    s.inject(.rst(seq: 12))
    #expect(s.receive().isEndOfStream)
  }

  @Test(
    "§3.10.7.4 whoever has shut the receiving half is told of a reset", .bothFamilies,
    arguments: [true, false])
  func resetAfterShutdown(shutsFirst: Bool) {
    let s = Scenario(.established())
    if shutsFirst { s.shutdown(.receive) }
    s.inject(.rst(seq: 1))
    if !shutsFirst { s.shutdown(.receive) }
    #expect(s.receive().error == .ended(.reset))
  }

  @Test(
    "§3.10.5 whoever aborts before the FIN could leave tells the peer, which would wait for it",
    .bothFamilies,
    arguments: [ScenarioStart.established(), .closeWait()])
  func abortWithHeldFinish(start: ScenarioStart) {
    let s = Scenario(start)
    let next = start == .closeWait() ? 2 : 1
    s.inject(.ack(seq: next, ack: 1, window: 0))
    s.shutdown()
    if next == 1 { s.inject(.fin(seq: 1, ack: 1, window: 0)) }
    _ = s.takeSegments()
    s.abort()
    s.expect(.rstAck(seq: 1, ack: 2))
  }

  @Test(
    "SHLD-3 close with unread text is told by a reset, also where both FINs were sent", .bothFamilies,
    arguments: [true, false])
  func closeWithUnreadText(isFirst: Bool) {
    let s = Scenario(.established())
    if isFirst { s.shutdown() }
    s.inject(.fin(seq: 1, ack: 1, 10))
    if !isFirst { s.shutdown() }
    _ = s.takeSegments()
    s.expectState(isFirst ? .closing : .lastAck)
    s.close()
    s.expect(.rstAck(seq: 2, ack: 12))
    s.expectQuiet()
  }

  @Test(
    "RFC 7323 §4.3 (2): the timestamp of the segment that ends a connection counts in TIME-WAIT",
    .bothFamilies)
  func lastTimestamp() {
    let s = Scenario(.closing(), offering: [.mss(1_460), .timestamps(1_000, 0)])
    s.inject(.ack(seq: 2, ack: 2, options: [.timestamps(2_000, 0)]).withoutTimestamps())
    s.expectState(.timeWait)
    s.inject(.syn(seq: 2, options: [.mss(1_460), .timestamps(1_999, 0)]))
    s.expect(.ack(seq: 2, ack: 2))
    s.expectState(.timeWait)
  }

  @Test(
    "§3.8.6.2.1 (3): half the largest window leaves beside what is in flight, where Nagle is off",
    .bothFamilies)
  func halfWindowWithoutNagle() {
    let s = Scenario(.established(), window: 1_000)
    s.setOptions { $0.noDelay = true }
    s.send(1)
    s.expect(.data(seq: 1, ack: 1, 1))
    s.send(2_000)
    s.expect(.data(seq: 2, ack: 1, 999))
  }
}
