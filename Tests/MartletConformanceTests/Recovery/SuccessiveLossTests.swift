import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

// Losses and marks that follow each other closely: each window of text has one answer, no less and no more.

@Suite("Losses that follow each other")
struct SuccessiveLossTests {
  private func ssthresh(_ r: RecoveryScript) -> UInt32 { r.s.status?.sndSsthresh ?? 0 }
  private func cwnd(_ r: RecoveryScript) -> UInt32 { r.s.status?.sndCwnd ?? 0 }

  /// Lets time pass until the retransmission timer has fired once more.
  private func passTimeout(_ r: RecoveryScript) {
    let before = r.s.counters.tcp.tcpTimeouts
    for _ in 0..<2_000 where r.s.counters.tcp.tcpTimeouts == before { r.advance(1) }
    #expect(r.s.counters.tcp.tcpTimeouts == before + 1)
  }

  @Test(
    "RFC5681-4.3-e: a loss of the next window, found while a recovery goes on, lowers the window once more",
    .bothFamilies, arguments: [false, true])
  func nextWindow(isRepaired: Bool) {
    let r = RecoveryScript().measured()
    r.send(isRepaired ? 29 : 60)
    r.expect(1..<21)
    r.advance(100)
    // 1 is lost.
    r.ack(1, 2..<5)
    r.expect(1)
    for n in 6...21 { r.ack(1, 2..<n) }
    r.expect(21..<30)
    #expect(ssthresh(r) == 10_000 && r.s.counters.tcp.tcpFastRetrans == 1)
    r.advance(100)
    // 1' is lost, too, and 23 of the next window.
    for n in 22...23 { r.ack(1, 2..<n) }
    for n in 25...30 { r.ack(1, 24..<n, 2..<23) }
    r.advance(100)
    if isRepaired { r.ack(30) } else { r.ack(23, 24..<30) }
    #expect(ssthresh(r) < 6_000)
    #expect(r.s.status?.recovery == (isRepaired ? ConnectionStatus.Recovery.none : .fastRecovery))
    r.ack(30)
    #expect(ssthresh(r) == 5_000 && r.s.counters.tcp.tcpTimeouts == 0)
  }

  @Test("RFC 8985 §6.2 (2), (5): a retransmission is found lost by what left with it", .bothFamilies)
  func burst() {
    let r = RecoveryScript().measured()
    r.send(20)
    r.expect(1..<21)
    r.advance(100)
    // 1 to 4 are lost, and leave again in one instant.
    r.ack(1, 5..<21)
    r.expect(1, 2, 3, 4)
    r.advance(100)
    // 1' and 4' are lost.
    r.ack(1, 2..<4, 5..<21)
    r.expect(1)
    r.advance(100)
    r.ack(4, 5..<21)
    r.advance(150)
    let sent = r.s.takeSegments().map { ($0.seq - 1) / 1_000 }
    #expect(sent.contains(4))
    r.ack(21)
    #expect(r.s.counters.tcp.tcpTimeouts == 0)
  }

  @Test(
    "A mark on the acknowledgment that takes a time-out back is answered by a half of what was", .bothFamilies
  )
  func markBesideUndo() {
    let r = RecoveryScript(timestamps: true, ecn: true, handshake: 100).measured()
    r.send(60)
    let first = r.s.takeSegments().last?.timestamps?.value ?? 0
    passTimeout(r)
    r.s.takeSegments()
    r.advance(5)
    r.s.inject(
      InjectedSegment.ack(seq: 1, ack: 3_001, options: [.timestamps(r.s.peerClock, first)]).adding(.ece))
    #expect(r.s.counters.tcp.tcpSpuriousRTOs == 1)
    #expect(cwnd(r) == 10_000)
    #expect(ssthresh(r) == 10_000)
  }

  @Test(
    "RFC 3168 §6.1.2: a mark that was answered is not answered again beside a time-out that was none",
    .bothFamilies,
    arguments: [false, true])
  func oldMark(timestamps: Bool) {
    let r = RecoveryScript(timestamps: timestamps, ecn: true, handshake: timestamps ? 100 : 0).measured()
    r.send(60)
    let first = r.s.takeSegments().last?.timestamps?.value ?? 0
    func echo(_ n: Int) {
      let options: [ScriptOption] = timestamps ? [.timestamps(r.s.peerClock, first)] : []
      r.s.inject(.ack(seq: 1, ack: n * 1_000 + 1, options: options).adding(.ece))
    }
    r.advance(100)
    for n in 2...14 { echo(n) }
    #expect(r.s.takeSegments().contains { $0.flags.contains(.cwr) })
    #expect(r.s.counters.tcp.tcpECNReductions == 1 && ssthresh(r) == 10_000)
    passTimeout(r)
    r.s.takeSegments()
    r.advance(5)
    for n in [16, 18, 20] { echo(n) }
    #expect(r.s.counters.tcp.tcpSpuriousRTOs == 1)
    #expect(r.s.counters.tcp.tcpECNReductions == 1 && ssthresh(r) == 10_000 && cwnd(r) >= 10_000)
  }

  @Test(
    "What left before a reduction is no news, though the repair that it was of has ended", .bothFamilies,
    arguments: [false, true])
  func beforeReduction(ecn: Bool) {
    let r = RecoveryScript(ecn: ecn).measured()
    r.send(20)
    r.s.takeSegments()
    r.advance(202)
    r.s.takeSegments()
    r.advance(400)
    r.s.takeSegments()
    r.advance(100)
    r.ack(2)
    r.s.takeSegments()
    r.advance(100)
    r.ack(3)
    r.ack(4)
    r.s.takeSegments()
    r.advance(100)
    for n in 5...8 { r.ack(n) }
    r.s.takeSegments()
    r.send(40)
    r.advance(100)
    for n in 9...12 { r.ack(n) }
    r.s.takeSegments()
    r.advance(10)
    for n in 13...16 { r.ack(n) }
    r.expect(22..<26)
    r.advance(90)
    r.ack(17)
    r.s.takeSegments()
    // 17' is lost: the window shrinks. 25 left before that, and is lost.
    r.ack(17, 18..<22)
    let answered = ssthresh(r)
    r.s.takeSegments()
    r.advance(10)
    r.ack(17, 18..<25)
    r.s.takeSegments()
    r.advance(100)
    r.ack(25)
    r.s.takeSegments()
    for n in 27...29 { r.ack(25, 26..<n) }
    #expect(ssthresh(r) == answered && answered > 0)
    #expect(r.s.takeSegments().contains { $0.seq == 25_001 })
  }

  @Test(
    "RFC 6675 §5 (4.3), §6: what a repair has lost again leaves at once, and no time-out answers it once more",
    .bothFamilies)
  func leavesAtOnce() {
    let r = RecoveryScript(initialWindow: 40)
    for n in 1...9 {
      r.send(1)
      r.s.takeSegments()
      r.advance(300)
      r.ack(n)
    }
    r.send(30)
    r.expect(9..<39)
    passTimeout(r)
    r.s.takeSegments()
    r.advance(300)
    r.ack(10)
    r.s.takeSegments()
    r.advance(300)
    r.ack(11)
    r.ack(12)
    r.s.takeSegments()
    r.advance(300)
    // 12' is lost.
    r.ack(12, 13..<14)
    r.ack(12, 13..<16)
    #expect(r.s.takeSegments().contains { $0.seq == 12_001 })
    let answered = ssthresh(r)
    r.advance(290)
    #expect(r.s.counters.tcp.tcpTimeouts == 1 && ssthresh(r) == answered)
  }

  /// What repairs the loss is acknowledged after the late one, or reported before that comes.
  @Test(
    "RFC 5681 §4.3: that one segment was only late takes back no answer to another that was lost",
    .bothFamilies,
    arguments: [false, true])
  func lateBesideLost(isReported: Bool) {
    let r = RecoveryScript(timestamps: true).measured()
    func ack(_ n: Int, _ ranges: [Range<Int>], echo: UInt32) {
      let blocks = ranges.map { $0.lowerBound * 1_000 + 1..<$0.upperBound * 1_000 + 1 }
      r.s.inject(
        .ack(
          seq: 1, ack: n * 1_000 + 1,
          options: [.timestamps(1_500, echo)] + (blocks.isEmpty ? [] : [.sack(blocks)])))
    }
    r.send(20)
    let original = r.s.takeSegments().last?.timestamps?.value ?? 0
    r.advance(100)
    ack(1, isReported ? [2..<4, 5..<9] : [3..<9], echo: original)
    let again = r.s.takeSegments().filter { !$0.text.isEmpty }
    #expect(again.map(\.seq).filter { $0 < 20_000 } == (isReported ? [1_001, 4_001] : [1_001, 2_001]))
    r.advance(1)
    if isReported {
      // 4 is lost, and 4' repairs it; the first 1 comes last.
      r.advance(100)
      ack(1, [2..<21], echo: original)
      ack(21, [], echo: original)
      #expect(ssthresh(r) == 10_000 && cwnd(r) <= 11_000)
      return
    }
    // The first 1 was late; 2 is lost, and 2' repairs it.
    ack(2, [3..<9], echo: original)
    ack(2, [3..<21], echo: original)
    r.s.takeSegments()
    r.advance(99)
    ack(21, [], echo: again.last?.timestamps?.value ?? 0)
    #expect(ssthresh(r) == 10_000 && cwnd(r) <= 11_000)
  }

  @Test(
    "RFC 5682 §2.1 (3b): what was sent again after the time-out does not show that it was none", .bothFamilies
  )
  func oneNewSegment() {
    let r = RecoveryScript(sack: false).measured()
    r.send(6)
    r.s.takeSegments()
    r.advance(301)
    r.s.takeSegments()
    r.send(1)
    r.s.takeSegments()
    r.advance(100)
    r.ack(2)
    r.s.takeSegments()
    r.advance(100)
    // 7 is lost, 2' arrives.
    r.ack(3)
    #expect(r.s.counters.tcp.tcpSpuriousRTOs == 0 && r.s.status?.recovery == .timeout)
    #expect(r.s.takeSegments().contains { $0.seq == 3_001 })
  }

  @Test(
    "RFC 8985 §7.4: a tail that the probe repaired is a loss, though the timer fired before anybody said so",
    .bothFamilies,
    arguments: [false, true])
  func lateProbe(wasLost: Bool) {
    let r = RecoveryScript(timestamps: true, handshake: 100).measured()
    r.send(1)
    let original = r.s.takeSegments().last?.timestamps?.value ?? 0
    var probe: UInt32 = 0
    var count = 0
    for _ in 0..<2_000 where count < 2 {
      r.advance(1)
      for segment in r.s.takeSegments() where !segment.text.isEmpty {
        count += 1
        if count == 1 { probe = segment.timestamps?.value ?? 0 }
      }
    }
    #expect(r.s.counters.tcp.tcpTimeouts == 1 && r.s.counters.tcp.tcpLossProbes == 1)
    r.advance(5)
    r.s.inject(.ack(seq: 1, ack: 2_001, options: [.timestamps(r.s.peerClock, wasLost ? probe : original)]))
    #expect(cwnd(r) == (wasLost ? 10_000 : 20_000))
  }

  @Test("RFC 3522 §3.2: that one segment was late says nothing of another that was sent again", .bothFamilies)
  func oneWasLate() {
    let r = RecoveryScript(timestamps: true, handshake: 100).measured()
    func ack(_ n: Int, _ ranges: [Range<Int>], echo: UInt32) {
      let blocks = ranges.map { $0.lowerBound * 1_000 + 1..<$0.upperBound * 1_000 + 1 }
      r.s.inject(.ack(seq: 1, ack: n * 1_000 + 1, options: [.timestamps(1_500, echo), .sack(blocks)]))
    }
    r.send(20)
    let original = r.s.takeSegments().last?.timestamps?.value ?? 0
    r.advance(100)
    ack(1, [2..<5, 6..<21], echo: original)
    r.expect(1, 5)
    r.advance(5)
    ack(5, [6..<21], echo: original)
    #expect(r.s.status?.recovery == .fastRecovery && r.s.status?.sndSsthresh == 10_000)
    r.advance(95)
    r.s.inject(.ack(seq: 1, ack: 21_001, options: [.timestamps(1_600, original + 100)]))
    #expect(r.s.status?.sndSsthresh == 10_000)
  }
}
