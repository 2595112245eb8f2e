import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

// RFC 7323: timestamps, and protection against wrapped sequence numbers.

@Suite("RFC 7323: timestamps")
struct TimestampTests {
  private func established() -> Scenario { Scenario(.established(), offering: ScriptOption.everything()) }

  @Test(
    "RFC7323-3.2-d agreed by both SYNs, they are on every segment but a reset",
    arguments: ScenarioFamily.allCases)
  func onEverySegment(family: ScenarioFamily) {
    let s = Scenario(.listening, family: family, offering: ScriptOption.everything())
    s.inject(.syn(options: ScriptOption.everything()))
    s.expect(.synAck().carrying(.timestamps))
    s.inject(.ack())
    s.send("text")
    s.expect(.data().carrying(.timestamps))
    s.inject(.data(seq: 100, ack: 5, "hole"))
    s.expect(.ack().carrying(.timestamps))
    s.shutdown()
    s.expect(.fin().carrying(.timestamps))

    let without = Scenario(.established(), offering: [.mss(1_460)])
    without.send("text")
    without.expect(.data().lacking(.timestamps))
  }

  @Test(
    "RFC7323-3.2-b RFC7323-4.1-a RFC7323-5.4-a/b/c the value counts milliseconds, and the echo is the peer's",
    .bothFamilies)
  func values() {
    let s = established()
    s.inject(.data(seq: 1, ack: 1, "x", options: [.timestamps(1_234, 0)]))
    s.send("a")
    let first = s.expect(.data(seq: 1, "a"))
    #expect(first?.timestamps?.echo == 1_234)
    s.advance(by: .milliseconds(150))
    s.inject(.ack(seq: 2, ack: 2, options: [.timestamps(1_384, 0)]))
    s.send("b")
    let second = s.expect(.data(seq: 2, "b"))
    #expect(second?.timestamps?.echo == 1_384)
    #expect((second?.timestamps?.value ?? 0) &- (first?.timestamps?.value ?? 0) == 150)
  }

  @Test("O10 RFC7323-5.3-a PAWS: text with an older timestamp is dropped and acknowledged", .bothFamilies)
  func wrapped() {
    let s = established()
    s.inject(.data(seq: 1, ack: 1, "old", options: [.timestamps(999, 0)]))
    s.expect(.ack(seq: 1, ack: 1))
    s.inject(.fin(seq: 1, ack: 1, options: [.timestamps(999, 0)]))
    s.expect(.ack(seq: 1, ack: 1))
    s.inject(
      .data(seq: 1, ack: 1, "older by half the circle", options: [.timestamps(1_000 &+ 0x8000_0001, 0)]))
    s.expect(.ack(seq: 1, ack: 1))
    #expect(s.receive().error == .wouldBlock)
    #expect(s.counters.tcp.pawsEstab == 3)
    s.inject(.data(seq: 1, ack: 1, "same", options: [.timestamps(1_000, 0)]))
    #expect(s.receive().text == "same")
  }

  @Test(
    "RFC7323-5.2-a RFC7323-5.3-c what fills a hole is held to TS.Recent as it was when the hole opened",
    .bothFamilies)
  func lateOriginal() {
    let s = established()
    s.inject(.data(seq: 101, ack: 1, 100, options: [.timestamps(1_010, 0)]))
    s.expect(.ack(ack: 1))
    s.inject(.data(seq: 301, ack: 1, 100, options: [.timestamps(1_030, 0)]))
    s.expect(.ack(ack: 1))
    // Sent again, and so stamped later than what is still on its way.
    s.inject(.data(seq: 1, ack: 1, 100, options: [.timestamps(1_200, 0)]))
    #expect(s.expect(.ack(ack: 201))?.timestamps?.echo == 1_200)
    // Of an earlier time around, and what is there already: dropped.
    s.inject(.data(seq: 201, ack: 1, 100, options: [.timestamps(999, 0)]))
    s.expect(.ack(ack: 201))
    s.inject(.data(seq: 301, ack: 1, 100, options: [.timestamps(1_030, 0)]))
    s.expect(.ack(ack: 201))
    #expect(s.counters.tcp.pawsEstab == 2)
    // The late original.
    s.inject(.data(seq: 201, ack: 1, 100, options: [.timestamps(1_020, 0)]))
    #expect(s.expect(.ack(ack: 401))?.timestamps?.echo == 1_200)
    // Nothing is missing any more: R1 by the letter.
    s.inject(.data(seq: 401, ack: 1, 100, options: [.timestamps(1_199, 0)]))
    s.expect(.ack(ack: 401))
    #expect(s.counters.tcp.pawsEstab == 3)
  }

  @Test("O10 RFC7323-5.2-f a reset is not held to timestamps", .bothFamilies)
  func reset() {
    for options in [[], [.timestamps(5, 0)]] as [[ScriptOption]] {
      let s = established()
      s.inject(.segment(.rst, seq: 1, options: options))
      #expect(s.endReason == .reset)
    }
  }

  @Test(
    "O10 RFC7323-4.3-a/b/c TS.Recent moves only with a segment that covers the last acknowledgment sent",
    .bothFamilies)
  func recent() {
    let s = established()
    // Beyond a hole: its timestamp is not echoed, nor does it make what fills the hole look old.
    s.inject(.data(seq: 101, ack: 1, 100, options: [.timestamps(9_000, 0)]))
    #expect(s.expect(.ack(ack: 1))?.timestamps?.echo == 1_000)
    s.inject(.data(seq: 1, ack: 1, 100, options: [.timestamps(2_000, 0)]))
    #expect(s.expect(.ack(ack: 201))?.timestamps?.echo == 2_000)
    // RFC 7323 §4.3 (A): of two segments that one acknowledgment answers, the first is echoed.
    s.inject(.data(seq: 201, ack: 1, 100, options: [.timestamps(3_000, 0)]))
    s.advance(by: .milliseconds(20))
    s.inject(.data(seq: 301, ack: 1, 100, options: [.timestamps(3_020, 0)]))
    s.advance(by: .milliseconds(20))
    #expect(s.expect(.ack(ack: 401))?.timestamps?.echo == 3_000)
  }

  @Test("O10 an unacceptable segment does not move TS.Recent either", .bothFamilies)
  func unacceptable() {
    let s = established()
    s.inject(.data(seq: 1 << 24, ack: 1, "far out", options: [.timestamps(1_000 + 0x7fff_0000, 0)]))
    #expect(s.expect(.ack(ack: 1))?.timestamps?.echo == 1_000)
    s.inject(.data(seq: 1, ack: 77, "acknowledges too much", options: [.timestamps(0x7000_0000, 0)]))
    s.takeSegments()
    s.inject(.data(seq: 1, ack: 1, "next", options: [.timestamps(1_001, 0)]))
    #expect(s.receive().text == "next")
  }

  @Test(
    "RFC7323-3.2-g/h a segment without the option, where it was agreed upon, is dropped in silence",
    .bothFamilies)
  func missing() {
    let s = established()
    s.inject(.data(seq: 1, ack: 1, "forged").withoutTimestamps())
    s.expectNothing(for: .seconds(1))
    #expect(s.receive().error == .wouldBlock)
  }

  @Test("O10 RFC7323-5.5-a after 24 days of silence any timestamp is taken, and echoed", .bothFamilies)
  func longIdle() {
    let s = established()
    s.advance(by: .hours(25 * 24))
    // The peer's clock has gone more than half round: its value looks old.
    let clock = s.peerClock
    #expect(Int32(bitPattern: clock &- 1_000) < 0)
    s.inject(.data(seq: 1, ack: 1, "hello again"))
    let answer = s.expectNext(after: .milliseconds(40), .ack(seq: 1, ack: 12))
    #expect(answer?.timestamps?.echo == clock)
    #expect(s.receive().text == "hello again")
    s.takeSegments()
    // From here on PAWS is as strict as ever.
    s.inject(.data(seq: 12, ack: 1, "old", options: [.timestamps(clock &- 1, 0)]))
    s.expect(.ack(seq: 1, ack: 12))
    #expect(s.receive().error == .wouldBlock)
  }

  @Test("RFC7323-3.2-c on a SYN without ACK the echo says nothing", .bothFamilies, arguments: [false, true])
  func echoWithoutACK(crossing: Bool) {
    var answers: Set<[UInt32]> = []
    for echo in [0, 1, 0x4000_0000, 0xc000_0000, 0xffff_ffff] as [UInt32] {
      let s = Scenario(crossing ? .synSent : .listening, offering: ScriptOption.everything())
      s.advance(by: .milliseconds(50))
      s.takeSegments()
      s.inject(.syn(options: [.mss(1_460), .sackPermitted, .windowScale(7), .timestamps(1_000, echo)]))
      let answer = s.expect(.synAck(seq: 0, ack: 1))
      #expect(answer?.timestamps?.echo == 1_000)
      s.advance(by: .milliseconds(100))
      s.inject(.ack())
      answers.insert([s.status?.rtt ?? 0, s.status?.rttvar ?? 0, s.status?.rto ?? 0])
    }
    #expect(answers.count == 1)
  }

  @Test(
    "RFC7323-3.2-i where it was not agreed upon the option is ignored, and the segment taken", .bothFamilies)
  func notAgreedUpon() {
    let s = Scenario(.established(), offering: [.mss(1_460)])
    s.inject(.data(seq: 1, ack: 1, "new", options: [.timestamps(5_000, 7)]))
    s.inject(.data(seq: 4, ack: 1, "old", options: [.timestamps(4_999, 7)]))
    #expect(s.receive().text == "newold")
    s.expectNext(after: .milliseconds(40), .ack(ack: 7).lacking(.timestamps))
    #expect(s.status?.timestamps == false)
  }

  @Test("RFC7323-5.2-g the timestamp of a reset that ends nothing changes nothing", .bothFamilies)
  func timestampOfReset() {
    let s = established()
    for seq in [2, 0, -1_000] {
      s.inject(.segment(.rst, seq: seq, options: [.timestamps(9_000, 0)]))
    }
    #expect(s.expect(.ack(seq: 1, ack: 1))?.timestamps?.echo == 1_000)
    s.inject(.data(seq: 1, ack: 1, "younger than the resets", options: [.timestamps(1_001, 0)]))
    #expect(s.receive().text == "younger than the resets")
  }

  @Test("RFC7323-5.3-b the timestamp is looked at before the sequence number", .bothFamilies)
  func beforeSequence() {
    let s = established()
    s.inject(.data(seq: 1 << 24, ack: 1, "far out, and old", options: [.timestamps(999, 0)]))
    s.expect(.ack(seq: 1, ack: 1))
    #expect(s.counters.tcp.pawsEstab == 1)
    #expect(s.counters.tcp.outOfWindow == 0)
  }
}
