import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

// What a recovery owes for losses of the next window: how much, and when it is taken back.

@Suite("Answers that are owed")
struct OwedAnswerTests {
  private func ssthresh(_ r: RecoveryScript) -> UInt32 { r.s.status?.sndSsthresh ?? 0 }
  private func cwnd(_ r: RecoveryScript) -> UInt32 { r.s.status?.sndCwnd ?? 0 }
  private func passTimeout(_ r: RecoveryScript) {
    let before = r.s.counters.tcp.tcpTimeouts
    for _ in 0..<4_000 where r.s.counters.tcp.tcpTimeouts == before { r.advance(1) }
    #expect(r.s.counters.tcp.tcpTimeouts == before + 1)
  }
  private func duplicate(_ r: RecoveryScript, of n: Int, at una: Int) {
    r.s.inject(
      .ack(seq: 1, ack: una * 1_000 + 1, options: [.sack([n * 1_000 + 1..<n * 1_000 + 1_001])]))
  }

  /// Of the first twenty 1 does not come; at 200 ms 1' has not come either, and 23 of what left in the recovery. Both are out
  /// again.
  private func twoWindows(_ count: Int) -> RecoveryScript {
    let r = RecoveryScript().measured()
    r.send(count)
    r.s.takeSegments()
    r.advance(100)
    for n in 5...21 { r.ack(1, 2..<n) }
    r.advance(100)
    for n in 22...23 { r.ack(1, 2..<n) }
    for n in 25...30 { r.ack(1, 24..<n, 2..<23) }
    r.s.takeSegments()
    return r
  }

  @Test(
    "RFC 2883 §5: both answers are taken back when all that was sent again has come twice, and not before",
    .bothFamilies,
    arguments: [false, true])
  func takenBack(isRepairedBefore: Bool) {
    let r = twoWindows(60)
    r.advance(50)
    // They were late: 1 ends the recovery before 23 has come, or after it.
    if isRepairedBefore { r.ack(1, 2..<30) }
    r.ack(isRepairedBefore ? 30 : 23, isRepairedBefore ? 31..<32 : 24..<30)
    #expect(ssthresh(r) <= 5_000)
    r.ack(32)
    let una = 32
    duplicate(r, of: 1, at: una)
    duplicate(r, of: 1, at: una)
    #expect(ssthresh(r) <= 5_000)
    duplicate(r, of: 23, at: una)
    #expect(ssthresh(r) == .max)
    #expect(cwnd(r) >= 20_000)
  }

  @Test(
    "RFC5681-4.3-e: the next window's answer does not depend on what is left of the text", .bothFamilies,
    arguments: [29, 60])
  func endOfText(count: Int) {
    let r = RecoveryScript().measured()
    r.send(count)
    r.advance(100)
    for n in 5...21 { r.ack(1, 2..<n) }
    r.advance(100)
    // 1' is lost, and 28.
    for n in 22...28 { r.ack(1, 2..<n) }
    r.ack(1, 29..<30, 2..<28)
    r.advance(100)
    r.ack(28, 29..<30)
    #expect(ssthresh(r) == 5_000)
  }

  @Test(
    "RFC 5681 §3.1 (4): a time-out that answers the next window halves what the recovery led to, not what it has left",
    .bothFamilies)
  func timeoutInsteadOfIt() {
    let r = RecoveryScript().measured()
    r.send(80)
    r.advance(100)
    for n in 5...21 { r.ack(1, 2..<n) }
    #expect(ssthresh(r) == 10_000)
    r.advance(100)
    // 1' is lost, and all of 21 to 28; then all that leaves but 30.
    r.ack(1, 29..<30, 2..<21)
    r.advance(100)
    r.ack(1, 29..<31, 2..<21)
    #expect(cwnd(r) < 5_000)
    passTimeout(r)
    #expect(ssthresh(r) == 5_000)
    #expect(cwnd(r) == 1_000)
  }

  @Test(
    "RFC 8985 §7.4.2: a tail that the probe repaired is answered after F-RTO, too", .bothFamilies,
    arguments: [5, 6])
  func probeBeforeForwardRTO(upTo: Int) {
    let r = RecoveryScript().measured()
    r.send(5)
    r.advance(100)
    r.ack(2)
    for _ in 0..<2_000 where r.s.counters.tcp.tcpLossProbes == 0 { r.advance(1) }
    passTimeout(r)
    r.send(20)
    r.advance(5)
    // 2 to 4 were late; 5 is lost; 5' arrives.
    r.ack(3)
    r.ack(upTo)
    #expect(r.s.counters.tcp.tcpSpuriousRTOs == 1)
    if upTo < 6 { r.ack(6) }
    r.advance(95)
    r.s.inject(.ack(seq: 1, ack: 8_001, options: [.sack([2_001..<3_001])]))
    r.ack(10)
    #expect(ssthresh(r) <= 10_500)
  }

  @Test(
    "RFC 4015 §3.2: a recovery that is taken back late shrinks no window that has grown since", .bothFamilies)
  func lateBesideMark() {
    let r = RecoveryScript(ecn: true).measured()
    r.send(100)
    r.advance(100)
    for n in 5...20 { r.ack(1, 2..<n) }
    r.advance(1)
    r.s.inject(.ack(seq: 1, ack: 21_001).adding(.ece))
    var n = 21
    for _ in 1...6 {
      r.advance(100)
      let end = n + Int(r.s.status?.unacked ?? 0) / 1_000
      while n < end {
        n += 1
        r.ack(n)
      }
    }
    let before = cwnd(r)
    #expect(before > ssthresh(r))
    duplicate(r, of: 1, at: n)
    #expect(cwnd(r) == before)
  }

  @Test(
    "RFC 6937 §3: an algorithm that takes over from one without ssthresh has one to recover to",
    arguments: [false, true])
  func takesOver(isMarked: Bool) {
    let r = RecoveryScript(ecn: isMarked) { $0.tcp.congestionControl = .bbr }.measured()
    r.send(200)
    r.advance(100)
    if isMarked {
      for n in 2...6 { r.s.inject(.ack(seq: 1, ack: n * 1_000 + 1).adding(.ece)) }
    } else {
      // All but the last, which only the probe brings.
      let last = Int(r.s.status?.unacked ?? 0) / 1_000
      r.ack(1, 2..<last)
    }
    r.s.setOptions { $0.congestionControl = .newReno }
    for n in 8...14 { r.ack(isMarked ? 6 : 1, (isMarked ? 7 : 2)..<n) }
    r.advance(100)
    for n in 15...60 {
      r.ack(n)
      r.advance(5)
    }
    #expect(cwnd(r) < 1_000_000)
    #expect(ssthresh(r) < 1_000_000)
  }
}
