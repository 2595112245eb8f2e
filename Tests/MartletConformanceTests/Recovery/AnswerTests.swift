import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

// What each loss, mark and probe has as its answer when several of them meet.

@Suite("Answers to losses that meet")
struct AnswerTests {
  private func ssthresh(_ r: RecoveryScript) -> UInt32 { r.s.status?.sndSsthresh ?? 0 }
  private func cwnd(_ r: RecoveryScript) -> UInt32 { r.s.status?.sndCwnd ?? 0 }
  private func passTimeout(_ r: RecoveryScript) {
    let before = r.s.counters.tcp.tcpTimeouts
    for _ in 0..<4_000 where r.s.counters.tcp.tcpTimeouts == before { r.advance(1) }
    #expect(r.s.counters.tcp.tcpTimeouts == before + 1)
  }
  @discardableResult
  private func see(_ r: RecoveryScript) -> [SeenSegment] {
    r.s.takeSegments().filter { !$0.text.isEmpty || $0.flags.contains(.fin) }
  }
  private func stamp(_ sent: [SeenSegment]) -> UInt32 { sent.last?.timestamps?.value ?? 0 }
  private func ack(_ r: RecoveryScript, _ n: Int, _ ranges: [Range<Int>] = [], echo: UInt32) {
    let blocks = ranges.map { $0.lowerBound * 1_000 + 1..<$0.upperBound * 1_000 + 1 }
    r.s.inject(
      .ack(
        seq: 1, ack: n * 1_000 + 1,
        options: [.timestamps(1_500, echo)] + (blocks.isEmpty ? [] : [.sack(blocks)])))
  }

  /// Of the first twenty 1 is lost; at 200 ms 1' is found lost, too, and 23 of what left in the recovery. Both are out again.
  private func twoWindows(_ count: Int) -> RecoveryScript {
    let r = RecoveryScript().measured()
    r.send(count)
    see(r)
    r.advance(100)
    for n in 5...21 { r.ack(1, 2..<n) }
    see(r)
    r.advance(100)
    for n in 22...23 { r.ack(1, 2..<n) }
    for n in 25...30 { r.ack(1, 24..<n, 2..<23) }
    see(r)
    return r
  }

  /// As in `twoWindows`; that 31 was late echoes say, or duplicate reports.
  @Test(
    "RFC5681-4.3-e: that something was late takes back no answer to what the recovery before sent again",
    .bothFamilies, arguments: [false, true])
  func secondAnswer(dsack: Bool) {
    let r = dsack ? RecoveryScript().measured() : RecoveryScript(timestamps: true, handshake: 100).measured()
    func say(_ n: Int, _ ranges: [Range<Int>] = [], _ echo: UInt32) {
      if !dsack { return ack(r, n, ranges, echo: echo) }
      let blocks = ranges.map { $0.lowerBound * 1_000 + 1..<$0.upperBound * 1_000 + 1 }
      r.s.inject(.ack(seq: 1, ack: n * 1_000 + 1, options: blocks.isEmpty ? [] : [.sack(blocks)]))
    }
    r.send(60)
    let original = stamp(see(r))
    r.advance(100)
    for n in 5...21 { say(1, [2..<n], original) }
    see(r)
    r.advance(100)
    for n in 22...23 { say(1, [2..<n], original) }
    for n in 25...30 { say(1, [24..<n, 2..<23], original) }
    let again = stamp(see(r))
    r.advance(100)
    // 1'' arrives: the first recovery ends, the second begins for 23.
    say(23, [24..<30], again)
    #expect(ssthresh(r) <= 5_000)
    see(r)
    // 23' arrives: all of the second's loss is repaired.
    say(31, [], again)
    let second = ssthresh(r)
    see(r)
    // 31 is late.
    say(31, [32..<33], again)
    say(31, [32..<34], again)
    say(31, [32..<35], again)
    let late = see(r)
    #expect(late.contains { $0.seq == 31_001 })
    r.advance(1)
    say(35, [], again)
    see(r)
    if dsack {
      r.advance(99)
      say(35, [31..<32], again)
      see(r)
    }
    #expect(ssthresh(r) == second)
    #expect(r.s.counters.tcp.tcpFullUndo == 0)
  }

  @Test("RFC5681-4.3-e: a loss of the next window is answered by a time-out that comes first", .bothFamilies)
  func nextWindowAndTimeout() {
    let r = twoWindows(60)
    #expect(ssthresh(r) == 10_000)
    // 1'' is lost, and whatever left with it.
    passTimeout(r)
    see(r)
    r.advance(100)
    r.ack(23, 24..<30)
    see(r)
    r.advance(100)
    for n in 30...60 {
      r.ack(n)
      see(r)
      r.advance(20)
      if ssthresh(r) != 10_000 { break }
    }
    #expect(ssthresh(r) < 10_000)
  }

  @Test(
    "RFC 5681 §4.3: the answer at the end of a recovery does not depend on what has left just before",
    .bothFamilies, arguments: [29, 30])
  func atTheEnd(count: Int) {
    let r = twoWindows(29)
    r.advance(99)
    if count == 30 { r.send(1) }
    see(r)
    r.advance(1)
    r.ack(30)
    see(r)
    #expect(ssthresh(r) == 5_000)
  }

  @Test("A FIN that left just before a recovery ends is not sent again", .bothFamilies)
  func finAtTheEnd() {
    let r = twoWindows(29)
    r.advance(99)
    r.s.close()
    let fin = see(r)
    #expect(fin.count == 1)
    r.advance(1)
    r.ack(30)
    let again = see(r)
    #expect(again.isEmpty)
  }

  @Test(
    "RFC 5681 §4.3, RFC 3168 §6.1.2: a loss of what left after a mark was answered is the next window's",
    .bothFamilies)
  func afterMark() {
    let r = RecoveryScript(ecn: true).measured()
    r.send(60)
    see(r)
    func echo(_ n: Int) { r.s.inject(.ack(seq: 1, ack: n * 1_000 + 1).adding(.ece)) }
    r.advance(100)
    for n in 2...15 { echo(n) }
    see(r)
    #expect(ssthresh(r) == 10_000 && r.s.counters.tcp.tcpECNReductions == 1)
    // 15 is lost.
    for n in 17...21 {
      r.s.inject(.ack(seq: 1, ack: 15_001, options: [.sack([16_001..<n * 1_000 + 1])]).adding(.ece))
    }
    see(r)
    #expect(ssthresh(r) == 10_000 && r.s.status?.recovery == .fastRecovery)
    r.advance(100)
    // 21, which has CWR, arrives; 22 is lost; 23, 24 arrive; then 15'.
    r.ack(15, 16..<22)
    r.ack(15, 23..<24, 16..<22)
    r.ack(15, 23..<25, 16..<22)
    see(r)
    r.ack(22, 23..<25)
    see(r)
    for n in 26...28 { r.ack(22, 23..<n) }
    see(r)
    r.advance(100)
    r.ack(28)
    see(r)
    r.advance(1)
    #expect(r.s.status?.recovery == ConnectionStatus.Recovery.none)
    #expect(ssthresh(r) < 10_000)
  }

  @Test(
    "RFC 3168 §6.1.2: a mark at the end of a recovery stays answered when that is taken back", .bothFamilies)
  func markAtTheEnd() {
    let r = RecoveryScript(ecn: true).measured()
    r.send(60)
    see(r)
    r.advance(100)
    for n in 5...20 { r.ack(1, 2..<n) }
    see(r)
    r.advance(1)
    // 20, which is marked, and the late 1 arrive.
    r.s.inject(.ack(seq: 1, ack: 21_001).adding(.ece))
    see(r)
    r.advance(99)
    // 21 with CWR overtakes 1'.
    r.ack(22)
    see(r)
    r.s.inject(.ack(seq: 1, ack: 22_001, options: [.sack([1_001..<2_001])]))
    see(r)
    for n in 23...26 { r.ack(n) }
    see(r)
    #expect(r.s.counters.tcp.tcpDSACKUndo == 1)
    #expect(cwnd(r) <= 11_000)
  }

  @Test("RFC 8985 §6.2 (5): an answer within a repair leaves the reordering timer as it is", .bothFamilies)
  func reorderingTimer() {
    let r = RecoveryScript().measured()
    r.send(18)
    see(r)
    r.advance(100)
    r.ack(1, 3..<4)
    r.ack(1, 2..<4)
    r.ack(4)
    #expect(r.s.status?.reorderingSeen == true)
    passTimeout(r)
    see(r)
    r.advance(100)
    r.ack(13)
    see(r)
    r.advance(100)
    r.ack(14)
    see(r)
    r.advance(10)
    r.ack(15)
    see(r)
    r.advance(90)
    r.ack(16)
    see(r)
    r.advance(10)
    // 16' (T+100) and 17' (T+110) are lost; 18' (T+110) arrives.
    r.ack(16, 18..<19)
    see(r)
    var left: [Int: Int] = [:]
    for ms in 211...700 {
      r.advance(1)
      let sent = r.s.takeSegments().filter { !$0.text.isEmpty }.map { ($0.seq - 1) / 1_000 }
      for n in sent where left[n] == nil { left[n] = ms }
    }
    #expect((left[17] ?? 9_999) <= 240)
    #expect(r.s.counters.tcp.tcpTimeouts == 1)
  }

  @Test(
    "RFC 8985 §7.4.2: duplicates of the time-out's own take no answer back to a tail that the probe repaired",
    .bothFamilies)
  func probeAndDuplicate() {
    let r = RecoveryScript().measured()
    r.send(5)
    see(r)
    r.advance(100)
    r.ack(5)
    // 5 is lost.
    for _ in 0..<2_000 where r.s.counters.tcp.tcpLossProbes == 0 { r.advance(1) }
    see(r)
    passTimeout(r)
    see(r)
    r.send(20)
    r.advance(5)
    // 5' arrived.
    r.ack(6)
    see(r)
    r.advance(95)
    // 5'' too.
    r.s.inject(.ack(seq: 1, ack: 6_001, options: [.sack([5_001..<6_001])]))
    see(r)
    #expect(cwnd(r) <= 10_000 || ssthresh(r) <= 10_000)
  }

  @Test(
    "RFC 8985 §7.4.2: a tail that the probe repaired is answered when the time-out between them was none",
    .bothFamilies, arguments: [false, true])
  func probeAnsweredLater(timeout: Bool) {
    let r = RecoveryScript(timestamps: true, handshake: 100).measured()
    r.send(5)
    let original = stamp(see(r))
    r.advance(100)
    ack(r, 2, echo: original)
    for _ in 0..<2_000 where r.s.counters.tcp.tcpLossProbes == 0 { r.advance(1) }
    let probe = stamp(see(r))
    if timeout {
      passTimeout(r)
      see(r)
    } else {
      r.advance(200)
    }
    r.advance(5)
    // 2 to 4 were late; 5 is lost; 5' arrives.
    for n in 3...5 { ack(r, n, echo: original) }
    see(r)
    r.advance(5)
    ack(r, 6, echo: probe)
    see(r)
    #expect(cwnd(r) <= 11_000)
  }

  @Test("RFC 7323 §4.3: one echo tells of one segment", .bothFamilies)
  func oneEcho() {
    let r = RecoveryScript(timestamps: true, handshake: 100).measured()
    r.send(20)
    let original = stamp(see(r))
    r.advance(100)
    ack(r, 1, [3..<9], echo: original)
    see(r)
    ack(r, 1, [3..<21], echo: original)
    r.advance(100)
    ack(r, 21, [], echo: original)
    see(r)
    #expect(ssthresh(r) == 10_000 && cwnd(r) <= 11_000)
  }

  @Test("RFC 8201 §5.4: a smaller path MTU beside a tail-loss probe is no congestion")
  func probeAndPathMTU() {
    let r = RecoveryScript()
    for half in 1...2 {
      r.s.send(500)
      r.s.takeSegments()
      r.advance(100)
      r.s.inject(.ack(seq: 1, ack: 500 * half + 1))
    }
    r.send(5)
    let sent = see(r)
    for _ in 0..<2_000 where r.s.counters.tcp.tcpLossProbes == 0 { r.advance(1) }
    see(r)
    let before = cwnd(r)
    r.advance(1)
    r.s.inject(packet: ICMPError(type: 3, code: 4, rest: 840).packet(about: sent[1].packet))
    #expect(r.s.status?.sndMss == 800)
    see(r)
    r.advance(100)
    r.s.inject(.ack(seq: 1, ack: 6_001))
    see(r)
    #expect(cwnd(r) >= before)
  }

  @Test(
    "RFC 3168 §6.1.2: what was sent again and is lost is a new instance of congestion, though the repair is over",
    .bothFamilies)
  func resentAndLost() {
    let r = RecoveryScript().measured()
    r.send(20)
    see(r)
    r.advance(202)
    see(r)
    r.advance(400)
    see(r)
    r.advance(100)
    r.ack(2)
    see(r)
    r.advance(100)
    r.ack(3)
    r.ack(4)
    see(r)
    r.advance(100)
    for n in 5...8 { r.ack(n) }
    see(r)
    r.send(40)
    r.advance(100)
    for n in 9...12 { r.ack(n) }
    see(r)
    r.advance(10)
    for n in 13...16 { r.ack(n) }
    see(r)
    r.advance(90)
    r.ack(17)
    see(r)
    // 17' is lost: the window shrinks.
    r.ack(17, 18..<22)
    let answered = ssthresh(r)
    see(r)
    r.advance(10)
    // 22 is lost, which left before that.
    r.ack(17, 18..<22, 23..<26)
    see(r)
    r.advance(90)
    // 17'' arrives: the repair is over. 22' is lost.
    r.ack(22, 23..<26)
    see(r)
    r.advance(1)
    r.ack(22, 23..<27)
    r.ack(22, 23..<28)
    see(r)
    #expect(ssthresh(r) < answered)
    r.advance(30)
    for n in 29...36 {
      r.ack(22, 23..<n)
      see(r)
    }
    r.advance(120)
    see(r)
    #expect(ssthresh(r) < answered)
  }

  @Test("RFC 8985 §6.2 (2): what was sent again in one instant is judged by its numbers", .bothFamilies)
  func oneInstant() {
    let r = RecoveryScript().measured()
    r.send(23)
    see(r)
    r.advance(100)
    // 1 is lost.
    for n in 3...5 { r.ack(1, 2..<n) }
    see(r)
    r.advance(1)
    // 5, 6 are.
    for n in 8...20 { r.ack(1, 7..<n, 2..<5) }
    see(r)
    r.advance(1)
    r.ack(5, 7..<20)
    see(r)
    r.advance(98)
    // 20 is lost.
    r.ack(5, 21..<22, 7..<20)
    see(r)
    // 5', 6' are.
    r.ack(5, 21..<24, 7..<20)
    see(r)
    r.advance(100)
    // 6'' arrives: 5'' is lost, which left in that instant and lies before it.
    r.ack(5, 6..<20, 21..<24)
    let sent = see(r)
    #expect(sent.map { ($0.seq - 1) / 1_000 } == [5])
  }

  @Test(
    "RFC 8985 §7.4.2: a recovery beside a tail that the probe repaired is not taken back by an echo",
    .bothFamilies)
  func probeBesideRecovery() {
    let r = RecoveryScript(timestamps: true, handshake: 100).measured()
    r.send(5)
    let original = stamp(see(r))
    r.advance(100)
    ack(r, 4, echo: original)
    for _ in 0..<2_000 where r.s.counters.tcp.tcpLossProbes == 0 { r.advance(1) }
    see(r)
    r.advance(100)
    // 5 was lost, and 5' arrives; 4 is late.
    ack(r, 4, [5..<6], echo: original)
    see(r)
    for _ in 0..<100 where r.s.counters.tcp.tcpFastRetrans == 0 { r.advance(1) }
    see(r)
    r.advance(1)
    // 4 comes.
    ack(r, 6, echo: original)
    see(r)
    #expect(cwnd(r) <= 11_000 && r.s.counters.tcp.tcpFullUndo == 0)
  }

}
