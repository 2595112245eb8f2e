import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

// RFC 5681 and RFC 6582, segment by segment. Segments of 1,000 octets make the numbers easy to read.

@Suite("RFC 5681 and 6582: NewReno")
struct NewRenoTests {
  private func established() -> Scenario {
    Scenario(.established(), offering: [.mss(1_000)]) { $0.tcp.congestionControl = .newReno }
  }

  private func expectSegments(_ s: Scenario, _ seqs: [Int], sourceLocation: SourceLocation = #_sourceLocation)
  {
    for seq in seqs { s.expect(.data(seq: seq, 1_000), sourceLocation: sourceLocation) }
    s.expectNothing(sourceLocation: sourceLocation)
  }

  private func thousands(_ range: Range<Int>) -> [Int] { range.map { $0 * 1_000 + 1 } }

  @Test(
    "MUST-19 RFC5681-3.1-f RFC 6928: ten segments leave before the first acknowledgment",
    arguments: ScenarioFamily.allCases
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
    "MUST-19 RFC5681-3.1-a/j each acknowledged segment lets two leave: a round trip doubles the window",
    .bothFamilies)
  func slowStart() {
    let s = established()
    s.send(50_000)
    expectSegments(s, thousands(0..<10))
    #expect(s.status?.sndSsthresh == .max)
    for i in 1...10 {
      s.inject(.ack(seq: 1, ack: i * 1_000 + 1))
      expectSegments(s, thousands(8 + 2 * i..<10 + 2 * i))
    }
    #expect(s.status?.sndCwnd == 20_000)
  }

  @Test(
    "MUST-19 RFC6298-5.4-a RFC5681-3.1-a/m/n/r/s a time-out: one segment, slow start, avoidance",
    .bothFamilies
  )
  func timeout() {
    let s = established()
    s.send(10_000)
    s.takeSegments()
    s.expectNext(after: .seconds(1), .data(seq: 1, 1_000))
    #expect(s.status?.sndSsthresh == 5_000)
    #expect(s.status?.sndCwnd == 1_000)
    // Everything else is lost too, and nothing new waits for which F-RTO could try.
    s.inject(.ack(seq: 1, ack: 1_001))
    expectSegments(s, thousands(1..<3))
    s.inject(.ack(seq: 1, ack: 2_001))
    expectSegments(s, thousands(3..<5))
    s.inject(.ack(seq: 1, ack: 3_001))
    expectSegments(s, thousands(5..<7))
    s.inject(.ack(seq: 1, ack: 4_001))
    expectSegments(s, thousands(7..<9))
    #expect(s.status?.sndCwnd == 5_000)
    // Congestion avoidance: five acknowledgments of a segment each for one more segment.
    s.inject(.ack(seq: 1, ack: 5_001))
    expectSegments(s, thousands(9..<10))
    for i in 6...9 { s.inject(.ack(seq: 1, ack: i * 1_000 + 1)) }
    #expect(s.status?.sndCwnd == 6_000)
  }

  @Test("MUST-19 a second time-out for the same text leaves ssthresh where the first put it", .bothFamilies)
  func repeatedTimeout() {
    let s = established()
    s.send(10_000)
    s.takeSegments()
    s.advance(by: .seconds(4))
    #expect(s.takeSegments().map(\.seq) == [1, 1])
    #expect(s.status?.sndSsthresh == 5_000)
    #expect(s.status?.sndCwnd == 1_000)
  }

  @Test(
    "MUST-19 one acknowledgment of everything after a time-out does not jump past slow start", .bothFamilies)
  func spuriousTimeout() {
    let s = established()
    s.send(10_000)
    s.takeSegments()
    s.expectNext(after: .seconds(1), .data(seq: 1, 1_000))
    s.inject(.ack(seq: 1, ack: 10_001))
    s.send(50_000)
    // RFC 3465 §2.3: "L MUST be no more than 1·SMSS" after a retransmission time-out.
    expectSegments(s, thousands(10..<12))
  }

  @Test(
    "MUST-19 RFC5681-3.1-k RFC5681-3.2-c/g/l the third duplicate, and no other, brings the lost segment",
    .bothFamilies
  )
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
    #expect(s.status?.sndSsthresh == 5_000)
    #expect(s.status?.inRecovery == true)
    for _ in 4...9 {
      s.inject(.ack(seq: 1, ack: 1))
      s.expectNothing()
    }
    // Nine duplicates stand for nine segments; no more can be true (robustness rule R3).
    for _ in 1...100 { s.inject(.ack(seq: 1, ack: 1)) }
    #expect(s.status?.pipe == 1_000)
    s.inject(.ack(seq: 1, ack: 10_001))
    #expect(s.status?.sndCwnd == 5_000)
  }

  @Test(
    "RFC5681-3.2-d/e/h RFC 3042: each of the first two duplicates lets a new segment out, and cwnd stays",
    .bothFamilies)
  func limitedTransmit() {
    let s = established()
    s.send(20_000)
    expectSegments(s, thousands(0..<10))
    s.inject(.ack(seq: 1, ack: 1))
    expectSegments(s, [10_001])
    s.inject(.ack(seq: 1, ack: 1))
    expectSegments(s, [11_001])
    #expect(s.status?.sndCwnd == 10_000)
    s.inject(.ack(seq: 1, ack: 1))
    expectSegments(s, [1])
    // Half of the window, without the two that limited transmit added.
    #expect(s.status?.sndSsthresh == 5_000)
  }

  @Test(
    "RFC5681-4.3-g RFC 6582: a partial acknowledgment brings the next lost segment, in the same recovery",
    .bothFamilies)
  func partialAcknowledgment() {
    let s = established()
    s.send(10_000)
    s.takeSegments()
    // Lost: the first and the fourth. Eight others arrive.
    for _ in 1...8 { s.inject(.ack(seq: 1, ack: 1)) }
    expectSegments(s, [1])
    s.inject(.ack(seq: 1, ack: 3_001))
    expectSegments(s, [3_001])
    #expect(s.status?.inRecovery == true)
    #expect(s.counters.tcp.tcpPartialAcks == 1)
    s.inject(.ack(seq: 1, ack: 10_001))
    #expect(s.status?.inRecovery == false)
    #expect(s.status?.sndCwnd == 5_000)
    #expect(s.counters.tcp.retransSegs == 2)
  }

  @Test(
    "RFC5681-3.2-k RFC5681-4.3-a/b/c RFC8985-9.3-b a loss under repair lets out what is delivered",
    .bothFamilies
  )
  func proportionalRate() {
    let s = established()
    s.send(40_000)
    s.takeSegments()
    var sent: [Int] = []
    // Two for limited transmit, the retransmission, then PRR: of ten in flight nine arrive, twelve with
    // those two and one more.
    for _ in 1...11 {
      s.inject(.ack(seq: 1, ack: 1))
      sent += s.takeSegments().map(\.seq)
    }
    #expect(sent.prefix(3) == [10_001, 11_001, 1])
    #expect(sent.filter { $0 == 1 }.count == 1)
    // Eleven have arrived; what is in flight now is ssthresh: the retransmission and four new ones.
    #expect(sent.count == 7, "\(sent)")
    #expect(s.status?.pipe == 5_000)
    s.inject(.ack(seq: 1, ack: 12_001))
    #expect(s.status?.inRecovery == false)
    #expect(s.status?.sndCwnd == 5_000)
    #expect(s.takeSegments().count <= 5)
  }

  @Test("RFC 6582 §3.2 step 2: duplicates of what recovery itself sent begin no second one", .bothFamilies)
  func noSecondRecovery() {
    let s = established()
    s.send(10_000)
    s.takeSegments()
    s.expectNext(after: .seconds(1), .data(seq: 1, 1_000))
    for _ in 1...4 { s.inject(.ack(seq: 1, ack: 1)) }
    #expect(s.status?.inRecovery == false)
    #expect(s.status?.sndCwnd == 1_000)
    #expect(s.counters.tcp.tcpFastRetrans == 0)
  }

  @Test("RFC 5681 §2: text, another window or nothing in flight make no duplicate", .bothFamilies)
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

  @Test(
    "RFC5681-2-a RFC5681-3-b no more leaves than the smaller of the peer's window and cwnd allows",
    .bothFamilies)
  func smallerWindow() {
    for (window, count) in [(4_000, 4), (10_000, 10), (10_500, 10), (30_000, 10)] as [(UInt16, Int)] {
      let s = Scenario(.established(), offering: [.mss(1_000)], window: window) {
        $0.tcp.congestionControl = .newReno
      }
      s.send(50_000)
      expectSegments(s, thousands(0..<count))
      // cwnd is eleven segments now.
      s.inject(.ack(seq: 1, ack: 1_001, window: window))
      expectSegments(s, thousands(count..<min(Int(window) / 1_000 + 1, 12)))
    }
  }

  @Test(
    "RFC5681-3.1-m/n/o/p RFC5681-4.3-d after a recovery a round trip adds a segment, however it is acknowledged",
    .bothFamilies,
    arguments: [50, 100, 1_000, 2_500, 5_000])
  func avoidance(step: Int) {
    let s = established()
    s.send(10_000)
    s.takeSegments()
    for _ in 1...3 { s.inject(.ack(seq: 1, ack: 1)) }
    s.takeSegments()
    s.inject(.ack(seq: 1, ack: 10_001))
    #expect(s.status?.sndCwnd == 5_000)
    s.send(20_000)
    expectSegments(s, thousands(10..<15))
    for ack in stride(from: 10_001 + step, to: 15_001, by: step) {
      s.inject(.ack(seq: 1, ack: ack))
      #expect(s.status?.sndCwnd == 5_000)
    }
    s.inject(.ack(seq: 1, ack: 15_001))
    #expect(s.status?.sndCwnd == 6_000)
  }

  @Test(
    "RFC5681-4.3-e losses in two successive windows halve the window twice", .bothFamilies,
    arguments: [true, false])
  func successiveLosses(sack: Bool) {
    let r = RecoveryScript(sack: sack).measured()
    var next = 1
    for (count, ssthresh) in [(20, 10_000), (10, 5_000)] as [(Int, UInt32)] {
      r.send(count)
      r.expect(next..<next + count)
      r.advance(100)
      for n in next + 2...next + 4 { sack ? r.ack(next, next + 1..<n) : r.ack(next) }
      r.expect(next)
      #expect(r.s.status?.sndSsthresh == ssthresh)
      r.advance(100)
      r.ack(next + count)
      #expect(r.s.status?.sndCwnd == ssthresh)
      next += count
    }
  }
}
