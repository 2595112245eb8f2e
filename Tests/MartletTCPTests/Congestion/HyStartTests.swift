import MartletTCP
import Testing

/// HyStart++, driven one acknowledgment of a full segment at a time.
@Suite("HyStart++ (RFC 9406) and ABC (RFC 3465)")
struct HyStartTests {
  private static let mss: UInt16 = 1_000

  /// A sender in slow start.
  private struct Sender {
    var controller: CongestionController
    var epoch = CongestionEpoch.fresh
    var now: UInt32 = 0
    var isPaced = false

    init(_ control: CongestionControl, ssthresh: UInt32 = .max) {
      controller = CongestionController(mss: HyStartTests.mss, segments: 10, control)
      controller.window.ssthresh = ssthresh
    }

    mutating func ack(_ octets: UInt32 = 1_000, roundTrip: UInt32 = 0, startsRound: Bool = false) {
      var ack = CongestionAck(
        octets: octets, flightBefore: controller.cwnd, flight: controller.cwnd &- octets,
        mss: HyStartTests.mss)
      now &+= 1_000
      ack.now = now
      ack.roundTrip = roundTrip
      ack.srtt = roundTrip
      ack.startsRound = startsRound
      ack.isPaced = isPaced
      controller.acknowledged(ack, &epoch)
    }

    /// A round trip of so many acknowledgments.
    mutating func round(_ roundTrip: UInt32, acks: Int = 8) {
      for index in 0..<acks { ack(roundTrip: roundTrip, startsRound: index == 0) }
    }

    var hyStart: HyStart? {
      epoch.kind == .slowStart ? epoch.slowStart : nil
    }
  }

  @Test(
    "RFC 9406 §4.2: eight samples an eighth above the last round's begin CSS",
    arguments: [
      // lastRoundMinRTT in µs; RttThresh = clamp(4 ms, lastRoundMinRTT / 8, 16 ms)
      (UInt32(10_000), UInt32(4_000)), (80_000, 10_000), (400_000, 16_000),
    ])
  func entersCSS(_ base: UInt32, _ threshold: UInt32) throws {
    var below = Sender(.cubic)
    below.round(base)
    below.round(base + threshold - 1, acks: 20)
    #expect(try #require(below.hyStart).cssRounds == 0)

    var at = Sender(.cubic)
    at.round(base)
    at.round(base + threshold, acks: 7)
    #expect(try #require(at.hyStart).cssRounds == 0, "seven samples are not N_RTT_SAMPLE")
    at.ack(roundTrip: base + threshold)
    let hyStart = try #require(at.hyStart)
    #expect(hyStart.cssRounds == 1)
    #expect(hyStart.cssBaselineMinRTT == base + threshold)
    #expect(at.controller.ssthresh == .max)
  }

  @Test(
    "RFC 9406 §4.2: in CSS the window grows by a quarter, and after five rounds slow start is over",
    arguments: [CongestionControl.newReno, .cubic])
  func leavesAfterCSS(_ control: CongestionControl) {
    var sender = Sender(control)
    sender.round(50_000)
    sender.round(60_000)
    // 10 segments and one for each of 16 acknowledgments.
    #expect(sender.controller.cwnd == 26_000)
    // The round CSS began in counts as the first: four more.
    for _ in 2...5 { sender.round(60_000) }
    #expect(sender.controller.cwnd == 26_000 + 4 * 8 * 250)
    #expect(sender.controller.inSlowStart)
    sender.ack(roundTrip: 60_000, startsRound: true)
    #expect(sender.controller.cwnd == 34_250)
    #expect(sender.controller.ssthresh == 34_250)
    #expect(!sender.controller.inSlowStart)
  }

  @Test("A queue that grows by less than the threshold in each round is seen, against the shortest of all")
  func slowGrowth() throws {
    var sender = Sender(.cubic)
    for roundTrip: UInt32 in [20_000, 22_000, 23_999] { sender.round(roundTrip) }
    #expect(try #require(sender.hyStart).cssRounds == 0)
    sender.round(24_000)
    #expect(try #require(sender.hyStart).cssRounds == 1)
  }

  @Test("A recovery that is taken back leaves slow start with what it knew of the path")
  func undone() throws {
    var sender = Sender(.cubic)
    sender.round(20_000)
    let prior = sender.controller
    sender.controller.reduce(CongestionEvent(.loss, flight: 10_000, mss: Self.mss, now: 0), &sender.epoch)
    sender.controller.undo(to: prior, &sender.epoch)
    sender.round(23_000)
    #expect(try #require(sender.hyStart).cssRounds == 0)
    sender.round(25_000)
    #expect(try #require(sender.hyStart).cssRounds == 1)
  }

  @Test("Where the shortest round trip has doubled, slow start is over at once")
  func leavesWithFullQueue() {
    var sender = Sender(.cubic)
    sender.round(50_000)
    sender.round(60_000)
    sender.round(99_999)
    #expect(sender.controller.inSlowStart)
    sender.round(100_000, acks: 7)
    #expect(sender.controller.inSlowStart)
    sender.ack(roundTrip: 100_000)
    #expect(!sender.controller.inSlowStart)
    #expect(sender.controller.ssthresh == sender.controller.cwnd)
  }

  @Test(
    "A short path's doubling is noise below RFC 9406 §4.3's four milliseconds: slow start goes on, conservatively"
  )
  func shortPath() throws {
    var sender = Sender(.cubic)
    sender.round(1_000)
    sender.round(5_000)
    sender.round(7_999)
    #expect(try #require(sender.hyStart).isConservative)
    sender.round(8_000)
    #expect(!sender.controller.inSlowStart)
  }

  @Test("RFC 9406 §4.2: a round trip below the baseline takes CSS back")
  func resumes() throws {
    var sender = Sender(.newReno)
    sender.round(50_000)
    sender.round(60_000)
    sender.round(59_999, acks: 7)
    #expect(try #require(sender.hyStart).isConservative)
    sender.ack(roundTrip: 59_999)
    let hyStart = try #require(sender.hyStart)
    #expect(!hyStart.isConservative)
    #expect(hyStart.cssBaselineMinRTT == .max)
    let before = sender.controller.cwnd
    sender.ack(roundTrip: 59_999)
    #expect(sender.controller.cwnd == before + 1_000)
  }

  @Test("RFC 9406 §4.2: CSS that was taken back stays so until the round trip grows against the last round's")
  func staysResumed() throws {
    var sender = Sender(.newReno)
    for roundTrip: UInt32 in [50_000, 60_000, 58_000] { sender.round(roundTrip) }
    #expect(try #require(sender.hyStart).cssRounds == 0)
    let before = sender.controller.cwnd
    sender.ack(roundTrip: 58_000)
    sender.ack(roundTrip: 58_000)
    #expect(sender.controller.cwnd == before + 2_000)
    sender.round(65_249)
    #expect(try #require(sender.hyStart).cssRounds == 0)
    sender.round(65_249 + 8_157)
    #expect(try #require(sender.hyStart).cssRounds == 1)
  }

  @Test("RFC 9406 §4.3: only the first slow start is left early")
  func laterSlowStartKnowsItsEnd() {
    var sender = Sender(.cubic, ssthresh: 100_000)
    for round in 0..<8 { sender.round(50_000 + UInt32(round) * 20_000) }
    #expect(sender.controller.cwnd == 74_000)
    #expect(sender.controller.ssthresh == 100_000)
    #expect(sender.hyStart == nil)
  }

  @Test(
    "R2, RFC 3465 §2.2: an acknowledgment split into many adds no more than the octets it acknowledges",
    arguments: CongestionControl.allCases)
  func ackSplitting(_ control: CongestionControl) {
    var whole = Sender(control)
    var split = Sender(control)
    whole.ack(1_000, roundTrip: 50_000, startsRound: true)
    for _ in 0..<1_000 { split.ack(1) }
    #expect(whole.controller.cwnd == 11_000)
    #expect(split.controller.cwnd <= 11_000)
  }

  @Test("R2, RFC 9406 §4.2: L is eight segments, and unlimited when paced")
  func limit() {
    var sender = Sender(.newReno)
    sender.ack(50_000)
    #expect(sender.controller.cwnd == 18_000)
    sender.isPaced = true
    sender.ack(50_000)
    #expect(sender.controller.cwnd == 68_000)
  }

  @Test("R2, RFC 3465 §2.3: after a time-out one segment at a time, as the core passes it on")
  func afterTimeout() {
    var sender = Sender(.newReno)
    sender.controller.timedOut(
      CongestionEvent(.timeout, flight: 40_000, mss: Self.mss, now: 0), repeated: false, &sender.epoch)
    #expect(sender.controller.cwnd == 1_000)
    #expect(sender.controller.ssthresh == 20_000)
    sender.ack()
    #expect(sender.controller.cwnd == 2_000)
    // A second time-out of the same octets: RFC 5681 §3.1 leaves ssthresh.
    sender.controller.timedOut(
      CongestionEvent(.timeout, flight: 1_000, mss: Self.mss, now: 0), repeated: true, &sender.epoch)
    #expect(sender.controller.cwnd == 1_000)
    #expect(sender.controller.ssthresh == 20_000)
  }

  @Test("RFC 5681 §3.1: slow start stops at ssthresh, and the rest counts for congestion avoidance")
  func stopsAtSsthresh() {
    var sender = Sender(.newReno, ssthresh: 13_000)
    // 3,000 for slow start, 5,000 towards the 13,000 of congestion avoidance.
    sender.ack(8_000)
    #expect(sender.controller.cwnd == 13_000)
    sender.ack(7_999)
    #expect(sender.controller.cwnd == 13_000)
    sender.ack(1)
    #expect(sender.controller.cwnd == 14_000)
  }

  @Test("RFC 7661 §4.2: a window that is not used does not grow, and still learns the round trip")
  func unusedWindow() throws {
    var sender = Sender(.cubic)
    var ack = CongestionAck(octets: 1_000, flightBefore: 1_000, flight: 0, mss: Self.mss)
    ack.isWindowLimited = false
    ack.roundTrip = 30_000
    sender.controller.acknowledged(ack, &sender.epoch)
    #expect(sender.controller.cwnd == 10_000)
    #expect(try #require(sender.hyStart).currentRoundMinRTT == 30_000)
  }
}
