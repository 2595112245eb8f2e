import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

// RFC 9293 §3.8.1 to §3.8.3, with RFC 6298.

@Suite("RFC 9293: retransmission")
struct RetransmissionTests {
  @Test(
    "MUST-18 RFC6298-3-a/b what was sent twice gives no sample, and the back-off stays until one is clean",
    .bothFamilies)
  func karn() {
    let s = Scenario(.established())
    s.send(100)
    s.expect(.data(seq: 1, 100))
    s.expectNext(after: .seconds(1), .data(seq: 1, 100))
    s.advance(by: .milliseconds(50))
    s.inject(.ack(seq: 1, ack: 101))
    #expect(s.status?.rtt == 0)
    #expect(s.status?.rto == 2_000)
    s.send(100)
    s.expect(.data(seq: 101, 100))
    s.expectNext(after: .seconds(2), .data(seq: 101, 100))
    s.inject(.ack(seq: 1, ack: 201))
    #expect(s.status?.rto == 4_000)
    s.measure(roundTrip: .milliseconds(100), from: 201)
    #expect(s.status?.rtt == 100_000)
    #expect(s.status?.rto == 300)
  }

  @Test("MUST-18 with timestamps the echo tells which one arrived, and gives a sample", .bothFamilies)
  func echo() {
    // Without SACK, or a tail-loss probe would come first.
    let s = Scenario(.established(), offering: [.mss(1_460), .timestamps(1_000, 0), .windowScale(7)])
    s.send(100)
    s.expect(.data(seq: 1, 100))
    s.expectNext(after: .milliseconds(200), .data(seq: 1, 100))
    #expect(s.status?.backoff == 1)
    s.advance(by: .milliseconds(80))
    s.inject(.ack(seq: 1, ack: 101))
    #expect(s.status?.backoff == 0)
    // From the retransmission, 80 ms before; 280 ms from the first would give an eighth of that: 35.
    #expect(s.status.map { $0.rtt < 12_000 } == true)
  }

  @Test("MUST-19 RFC6298-2.2-a RFC6298-2.3-a/b/c/d RTO is SRTT + 4·RTTVAR, sample by sample", .bothFamilies)
  func estimator() {
    let s = Scenario(.established())
    s.measure(roundTrip: .milliseconds(500), from: 1)
    #expect(s.status?.rto == 1_500)
    s.measure(roundTrip: .milliseconds(500), from: 2)
    #expect(s.status?.rto == 1_250)
    s.measure(roundTrip: .milliseconds(900), from: 3)
    // RTTVAR 3/4 · 187.5 + 1/4 · 400 = 240.625; SRTT 7/8 · 500 + 1/8 · 900 = 550.
    #expect(s.status?.rtt == 550_000)
    #expect(s.status?.rttvar == 240_625)
    s.send(1)
    s.expect(.data(seq: 4, 1))
    s.expectNext(after: .milliseconds(1_513), .data(seq: 4, 1))
  }

  @Test(
    "MUST-19 RFC6298-2.1-a RFC6298-5.5-a RFC6298-5.6-a a second at first; each time-out doubles the next",
    .bothFamilies)
  func backOff() {
    let s = Scenario(.established())
    s.send(100)
    s.expect(.data(seq: 1, 100))
    for wait in [1, 2, 4, 8, 16, 32, 60, 60] as [Int64] {
      s.expectNext(after: .seconds(wait), .data(seq: 1, 100))
    }
  }

  @Test(
    "MUST-19 RFC6298-5-a/b RFC6298-5.3-a what acknowledges new text restarts the timer, nothing else does",
    .bothFamilies
  )
  func restarted() {
    let s = Scenario(.established())
    s.send(2_920)
    s.takeSegments()
    s.advance(by: .milliseconds(600))
    s.inject(.ack(seq: 1, ack: 1))
    s.advance(by: .milliseconds(300))
    s.inject(.ack(seq: 1, ack: 1_461))
    // The sample of 900 ms makes it 900 + 4 · 450.
    s.expectNext(after: .milliseconds(2_700), .data(seq: 1_461, 1_460))
  }

  @Test(
    "MUST-20 SHLD-9 SHLD-10 RFC9293-3.9.1.8-a after three retransmissions the application hears of it, once",
    .bothFamilies
  )
  func advice() {
    let s = Scenario(.established())
    s.send(100)
    s.expect(.data(seq: 1, 100))
    s.expectNext(after: .seconds(1), .data(seq: 1, 100))
    s.expectNext(after: .seconds(2), .data(seq: 1, 100))
    #expect(!s.news.contains(.error))
    s.expectNext(after: .seconds(4), .data(seq: 1, 100))
    #expect(s.news.contains(.error))
    #expect(s.takeError() == .soft(.retransmitting))
    s.takeEvents()
    s.expectNext(after: .seconds(8), .data(seq: 1, 100))
    #expect(!s.news.contains(.error))
    // The peer is back: nothing is left of it, and the next trouble is told again.
    s.inject(.ack(seq: 1, ack: 101))
    #expect(s.takeError() == nil)
    s.send(100)
    s.advance(by: .minutes(3))
    #expect(s.news.contains(.error))
  }

  @Test(
    "MUST-20 SHLD-11 after R2, which is longer than 100 s, the connection ends and says so", .bothFamilies)
  func givingUp() {
    let s = Scenario(.established())
    s.send(100)
    s.expect(.data(seq: 1, 100))
    for wait in [1, 2, 4, 8, 16, 32] + [Int64](repeating: 60, count: 9) {
      s.expectNext(after: .seconds(wait), .data(seq: 1, 100))
    }
    #expect(s.elapsed > .seconds(100))
    #expect(s.state == .established)
    s.expectNext(after: .seconds(60), .reset())
    #expect(s.endReason == .timedOut)
    #expect(s.news.contains(.ended))
    #expect(s.status?.retransmits == 15)
    s.close()
    s.expectQuiet()
  }

  @Test(
    "MUST-21 the application may have R2 earlier", .bothFamilies,
    arguments: [1_500, 5_000, 100_000] as [Int64])
  func shortLimit(milliseconds: Int64) {
    let s = Scenario(.established())
    s.setOptions { $0.userTimeout = .milliseconds(milliseconds) }
    s.advance(by: .hours(1))
    s.send(100)
    s.advance(by: .milliseconds(milliseconds - 1))
    #expect(s.state == .established)
    s.advance(by: .milliseconds(2))
    #expect(s.endReason == .timedOut)
    #expect(s.takeSegments().last?.flags.contains(.rst) == true)
  }

  @Test("MUST-21 and later: a day without an answer, if it likes", .bothFamilies)
  func longLimit() {
    let s = Scenario(.established())
    s.setOptions { $0.userTimeout = .hours(24) }
    s.send(100)
    s.advance(by: .hours(24))
    #expect(s.takeSegments().count > 1_400)
    #expect(s.state == .closed)
    let patient = Scenario(.established())
    patient.setOptions { $0.userTimeout = .hours(24) }
    patient.send(100)
    patient.advance(by: .hours(23))
    patient.takeSegments()
    patient.inject(.ack(seq: 1, ack: 101))
    #expect(patient.state == .established)
    #expect(patient.status?.unacked == 0)
  }

  @Test(
    "MUST-22 MUST-23 a SYN is tried for three minutes, by a schedule of its own",
    arguments: ScenarioFamily.allCases)
  func synRetries(family: ScenarioFamily) {
    let s = Scenario(.synSent, family: family)
    for wait in [1, 2, 4, 8, 16, 32, 60] as [Int64] { s.expectNext(after: .seconds(wait), .syn(seq: 0)) }
    s.expectNothing(for: .milliseconds(59_998))
    #expect(s.state == .synSent)
    #expect(s.elapsed > .seconds(180))
    s.advance(by: .milliseconds(3))
    s.expectNothing()
    #expect(s.endReason == .timedOut)
    #expect(s.news.contains(.ended))
    #expect(s.status?.retransmits == 7)
  }

  @Test("MUST-22 the limits of SYN and text are set apart", .bothFamilies)
  func limitsApart() {
    let s = Scenario(.synSent) {
      $0.tcp.synRetries = 2
      $0.tcp.retransmissionsBeforeEnd = 4
    }
    s.expectNext(after: .seconds(1), .syn(seq: 0))
    s.expectNext(after: .seconds(2), .syn(seq: 0))
    s.advance(by: .seconds(5))
    #expect(s.endReason == .timedOut)

    let text = Scenario(.established()) {
      $0.tcp.synRetries = 2
      $0.tcp.retransmissionsBeforeEnd = 4
    }
    text.send(10)
    text.expect(.data(seq: 1, 10))
    for wait in [1, 2, 4, 8] as [Int64] { text.expectNext(after: .seconds(wait), .data(seq: 1, 10)) }
    text.expectNext(after: .seconds(16), .reset())
  }

  @Test(
    "MUST-19 RFC6298-5.7-a RFC5681-3.1-g where the SYN was lost, text begins with three seconds",
    .bothFamilies)
  func afterLostSYN() {
    let s = Scenario(.synSent)
    s.expectNext(after: .seconds(1), .syn(seq: 0))
    s.inject(.synAck())
    s.expect(.ack(seq: 1, ack: 1))
    s.send(5_000)
    // RFC 5681 §3.1: and with one segment.
    s.expect(.data(seq: 1, 1_460))
    s.expectNext(after: .seconds(3), .data(seq: 1, 1_460))
  }

  @Test(
    "MUST-19 RFC6298-5.7-a RFC5681-3.1-g and likewise where the SYN-ACK was",
    arguments: ScenarioFamily.allCases)
  func afterLostSynAck(family: ScenarioFamily) {
    let s = Scenario(.synReceived(), family: family)
    s.expectNext(after: .seconds(1), .synAck(seq: 0, ack: 1))
    s.inject(.ack())
    s.send(5_000)
    let size = family == .ipv4 ? 1_460 : 1_440
    s.expect(.data(seq: 1, .count(size)))
    s.expectNext(after: .seconds(3), .data(seq: 1, .count(size)))
  }

  @Test(
    "RFC6298-4-a where nothing varies the time-out stays above the round trip", .bothFamilies,
    arguments: [1, 200])
  func steadyPath(floor: Int64) {
    let s = Scenario(.established()) { $0.tcp.minimumRTO = .milliseconds(floor) }
    for i in 1...80 { s.measure(roundTrip: .milliseconds(100), from: i) }
    #expect(s.status.map { $0.rttvar < 250 } == true)
    #expect(s.status?.rto == UInt32(100 + floor))
    s.send(1)
    s.expect(.data(seq: 81, 1))
    s.expectNext(after: .milliseconds(100 + floor), .data(seq: 81, 1))
  }

  @Test(
    "RFC6298-3-c RFC7323-4.2-a each round trip gives one sample, however many acknowledgments it has",
    .bothFamilies,
    arguments: [false, true])
  func onePerRoundTrip(timestamps: Bool) {
    // Without SACK, or a tail-loss probe would come before the acknowledgments.
    let r = RecoveryScript(sack: false, timestamps: timestamps).measured()
    var smoothed = Int(r.s.status?.rtt ?? 0)
    for next in [1, 11, 21] {
      r.send(10)
      r.expect(next..<next + 10)
      r.advance(190)
      for n in next + 1...next + 10 { r.ack(n) }
      smoothed += (190_000 - smoothed) / 8
      #expect(r.s.status.map { abs(Int($0.rtt) - smoothed) < 10 } == true)
    }
  }

  @Test("RFC 6298 §2.2, §5.3: the first round trip shortens a time-out that runs already", .bothFamilies)
  func firstMeasurement() {
    let s = Scenario(.established())
    s.send(2_920)
    s.expect(.data(seq: 1, 1_460))
    s.expect(.data(seq: 1_461, 1_460))
    s.advance(by: .milliseconds(100))
    s.inject(.ack(seq: 1, ack: 1_461))
    s.expectNext(after: .milliseconds(300), .data(seq: 1_461, 1_460))
  }
}
