import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

// RFC 5681 and RFC 6582, segment by segment. Segments of 1,000 octets make the numbers easy to read.

@Suite("RFC 5681 and 6582: NewReno")
struct NewRenoTests {
  private func established() -> Scenario { Scenario(.established(), offering: [.mss(1_000)]) }

  private func expectSegments(_ s: Scenario, _ seqs: [Int], sourceLocation: SourceLocation = #_sourceLocation)
  {
    for seq in seqs { s.expect(.data(seq: seq, 1_000), sourceLocation: sourceLocation) }
    s.expectNothing(sourceLocation: sourceLocation)
  }

  private func thousands(_ range: Range<Int>) -> [Int] { range.map { $0 * 1_000 + 1 } }

  @Test(
    "MUST-19 RFC 6928: ten segments leave before the first acknowledgment", arguments: ScenarioFamily.allCases
  )
  func initialWindow(family: ScenarioFamily) {
    let s = Scenario(.established(), family: family, offering: [.mss(1_000)])
    s.send(30_000)
    expectSegments(s, thousands(0..<10))
    let active = Scenario(.established(.active), family: family, offering: [.mss(1_000)])
    active.send(30_000)
    expectSegments(active, thousands(0..<10))
  }

  @Test(
    "MUST-19 slow start: each acknowledged segment lets two leave, so that a round trip doubles the window")
  func slowStart() {
    let s = established()
    s.send(50_000)
    expectSegments(s, thousands(0..<10))
    for i in 1...10 {
      s.inject(.ack(seq: 1, ack: i * 1_000 + 1))
      expectSegments(s, thousands(8 + 2 * i..<10 + 2 * i))
    }
    #expect(s.status?.cwnd == 20_000)
  }

  @Test("MUST-19 after a time-out: one segment, slow start to half the flight, then one segment a round trip")
  func timeout() {
    let s = established()
    s.send(60_000)
    s.takeSegments()
    s.expectNext(after: .seconds(1), .data(seq: 1, 1_000))
    #expect(s.status?.ssthresh == 5_000)
    #expect(s.status?.cwnd == 1_000)
    s.inject(.ack(seq: 1, ack: 1_001))
    expectSegments(s, thousands(1..<3))
    s.inject(.ack(seq: 1, ack: 2_001))
    expectSegments(s, thousands(3..<5))
    s.inject(.ack(seq: 1, ack: 3_001))
    expectSegments(s, thousands(5..<7))
    s.inject(.ack(seq: 1, ack: 4_001))
    expectSegments(s, thousands(7..<9))
    #expect(s.status?.cwnd == 5_000)
    // Congestion avoidance: five acknowledgments of a segment each for one more segment.
    var next = 9
    for i in 5...8 {
      s.inject(.ack(seq: 1, ack: i * 1_000 + 1))
      expectSegments(s, thousands(next..<next + 1))
      next += 1
    }
    s.inject(.ack(seq: 1, ack: 9_001))
    expectSegments(s, thousands(next..<next + 2))
    #expect(s.status?.cwnd == 6_000)
  }

  @Test("MUST-19 a second time-out for the same text leaves ssthresh where the first put it")
  func repeatedTimeout() {
    let s = established()
    s.send(10_000)
    s.takeSegments()
    s.advance(by: .seconds(4))
    #expect(s.takeSegments().map(\.seq) == [1, 1])
    #expect(s.status?.ssthresh == 5_000)
    #expect(s.status?.cwnd == 1_000)
  }

  @Test("MUST-19 one acknowledgment of everything after a time-out does not jump past slow start")
  func spuriousTimeout() {
    let s = established()
    s.send(60_000)
    s.takeSegments()
    s.expectNext(after: .seconds(1), .data(seq: 1, 1_000))
    s.inject(.ack(seq: 1, ack: 10_001))
    // RFC 3465 §2.3: "L MUST be no more than 1·SMSS" after a retransmission time-out.
    expectSegments(s, thousands(10..<12))
  }

  @Test("MUST-19 the third duplicate acknowledgment, and no other, brings the lost segment at once")
  func fastRetransmit() {
    let s = established()
    s.send(10_000)
    s.takeSegments()
    s.inject(.ack(seq: 1, ack: 1))
    s.inject(.ack(seq: 1, ack: 1))
    s.expectNothing()
    s.inject(.ack(seq: 1, ack: 1))
    s.expect(.data(seq: 1, 1_000))
    s.expectNothing()
    #expect(s.status?.ssthresh == 5_000)
    #expect(s.status?.cwnd == 8_000)
    #expect(s.status?.inRecovery == true)
    for _ in 4...9 {
      s.inject(.ack(seq: 1, ack: 1))
      s.expectNothing()
    }
    #expect(s.status?.cwnd == 14_000)
  }

  @Test(
    "RFC 6582: new segments leave for the inflated window, a partial acknowledgment brings the next lost one")
  func partialAcknowledgment() {
    let s = established()
    s.send(10_000)
    s.takeSegments()
    // Lost: the first and the fourth. Eight others arrive.
    for _ in 1...8 { s.inject(.ack(seq: 1, ack: 1)) }
    expectSegments(s, [1])
    #expect(s.status?.cwnd == 13_000)
    s.send(5_000)
    expectSegments(s, thousands(10..<13))
    s.inject(.ack(seq: 1, ack: 3_001))
    s.expect(.data(seq: 3_001, 1_000))
    // Deflated by the 3,000 that are acknowledged, plus one: 11,000, of which 10,000 are in flight.
    expectSegments(s, thousands(13..<14))
    #expect(s.status?.cwnd == 11_000)
    #expect(s.status?.inRecovery == true)
  }

  @Test("RFC 6582: the acknowledgment of all that was out ends recovery, and lets no burst out")
  func fullAcknowledgment() {
    let s = established()
    s.send(40_000)
    s.takeSegments()
    for _ in 1...9 { s.inject(.ack(seq: 1, ack: 1)) }
    let sent = s.takeSegments()
    #expect(sent.first?.seq == 1)
    #expect(sent.filter { $0.seq == 1 }.count == 1)
    let fresh = sent.filter { $0.seq > 1 }.count
    s.inject(.ack(seq: 1, ack: 10_001))
    #expect(s.status?.inRecovery == false)
    // min (ssthresh, max (FlightSize, SMSS) + SMSS)
    let flight = fresh * 1_000
    #expect(s.status?.cwnd == UInt32(min(5_000, flight + 1_000)))
    #expect(s.takeSegments().count <= 1)
    #expect(s.status?.ssthresh == 5_000)
  }

  @Test("RFC 6582 §3.2 step 2: duplicates of what recovery itself sent begin no second one")
  func noSecondRecovery() {
    let s = established()
    s.send(10_000)
    s.takeSegments()
    s.expectNext(after: .seconds(1), .data(seq: 1, 1_000))
    for _ in 1...4 { s.inject(.ack(seq: 1, ack: 1)) }
    s.expectNothing()
    #expect(s.status?.cwnd == 1_000)
  }

  @Test("RFC 5681 §2: text, another window or nothing in flight make no duplicate")
  func noDuplicates() {
    let s = established()
    for _ in 1...5 { s.inject(.ack(seq: 1, ack: 1)) }
    s.send(10_000)
    s.takeSegments()
    for i in 0..<5 { s.inject(.data(seq: 1 + i, ack: 1, 1)) }
    for i in 0..<5 { s.inject(.ack(seq: 6, ack: 1, window: UInt16(60_000 + i))) }
    s.advance(by: .milliseconds(50))
    #expect(s.takeSegments().allSatisfy { $0.text.isEmpty })
    #expect(s.status?.inRecovery == false)
  }

  @Test("RFC 5681 §4.1: after silence no more than the initial window leaves")
  func restart() {
    let s = established()
    s.send(30_000)
    s.takeSegments()
    for i in 1...30 { s.inject(.ack(seq: 1, ack: i * 1_000 + 1)) }
    s.takeSegments()
    #expect(s.status.map { $0.cwnd > 20_000 } == true)
    s.advance(by: .seconds(10))
    s.send(30_000)
    expectSegments(s, thousands(30..<40))
  }
}
