import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

// What the comparison with the kernel has found (Documentation/Verification.md), each on the wire.

@Suite("Found by the referee")
struct FoundByRefereeTests {
  @Test(
    "RFC 5681 §4.2 a FIN that comes before what is in front of it is acknowledged at once",
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

  @Test("Table 6 the third segment may begin before the window, if its text ends in it")
  func partlyOldThirdSegment() {
    let s = Scenario(.synReceived())
    s.inject(.data(seq: 0, ack: 1, 5))
    s.expect(.ack(seq: 1, ack: 5))
    #expect(s.state == .established)
    #expect(s.receive().octets == scriptText(0..<4))
  }

  @Test("Table 6 a third segment that ends before the window is answered, and opens nothing")
  func oldThirdSegment() {
    let s = Scenario(.synReceived())
    s.inject(.data(seq: -4, ack: 1, 5))
    s.expect(.ack(seq: 1, ack: 1))
    #expect(s.state == .synReceived)
  }

  @Test("RFC 7323 §5.3 R1: an old timestamp is acknowledged in SYN-RECEIVED too, once per interval")
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
    arguments: [ScenarioStart.synReceived(), .established(), .finWait2(), .closeWait(), .lastAck()])
  func restartedWithoutTimestamps(start: ScenarioStart) {
    let s = Scenario(start, offering: [.mss(1_460), .timestamps(1_000, 0)])
    s.inject(.syn(seq: 5_000))
    s.expect(.ack())
  }

  @Test("RFC 7323 §5.3 R1: an old timestamp is acknowledged in TIME-WAIT too, once per interval")
  func oldTimestampTimeWait() {
    let s = Scenario(.timeWait(), offering: ScriptOption.everything())
    s.inject(.ack(seq: 2, ack: 2, options: [.timestamps(900, 0)]).withoutTimestamps())
    s.expect(.ack(seq: 2, ack: 2))
    s.inject(.ack(seq: 2, ack: 2, options: [.timestamps(900, 0)]).withoutTimestamps())
    s.expectNothing()
    #expect(s.state == .timeWait)
  }
}
