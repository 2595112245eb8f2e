import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

// New text leaves while a repair goes on: which loss is news, and which has had its answer, hangs on when each left.

@Suite("New text within a repair")
struct RepairAndNewTextTests {
  private func ssthresh(_ r: RecoveryScript) -> UInt32 { r.s.status?.sndSsthresh ?? 0 }

  /// Lets time pass until the retransmission timer fires.
  private func passTimeout(_ r: RecoveryScript) {
    for _ in 0..<2_000 where r.s.counters.tcp.tcpTimeouts == 0 { r.advance(1) }
    #expect(r.s.counters.tcp.tcpTimeouts == 1)
  }

  @Test(
    "RFC 5681 §4.3: what left before a time-out and is found lost later is no news, though what shows it left since",
    .bothFamilies)
  func oldLossShownByNewText() {
    let r = RecoveryScript().measured()
    r.send(19)
    r.expect(1..<20)
    r.advance(202)
    r.expect(19)
    // 20 leaves so shortly before the time-out that it may yet arrive.
    r.advance(250)
    r.send(1)
    r.expect(20)
    passTimeout(r)
    r.expect(1)
    #expect(r.s.status?.recovery == .timeout)
    let answered = ssthresh(r)
    #expect(answered == 10_000)
    // The first 1 was late; F-RTO sends new text.
    r.send(10)
    r.advance(3)
    r.ack(2)
    r.expect(21)
    // That arrives; 20 and all before it are lost.
    r.advance(100)
    r.ack(2, 21..<22)
    #expect(ssthresh(r) == answered && r.s.status?.recovery == .timeout)
    #expect(r.s.takeSegments().first?.seq == 2_001)
  }

  @Test(
    "RFC 5681 §4.3: what leaves in the very instant of a reduction leaves after it, and lost it is the next loss",
    .bothFamilies)
  func leavesWithReduction() {
    let r = RecoveryScript().measured()
    r.send(20)
    r.expect(1..<21)
    r.advance(100)
    // 1 to 11 are lost, and lost again: a time-out within the recovery.
    r.ack(1, 12..<21)
    passTimeout(r)
    #expect(r.s.takeSegments().last?.seq == 1_001)
    for n in 2...7 {
      r.advance(100)
      r.ack(n, 12..<21)
    }
    r.s.takeSegments()
    r.advance(100)
    r.ack(8, 12..<21)
    r.s.takeSegments()
    r.advance(100)
    // Of 8 to 11, which left together, 9 is lost.
    r.ack(9, 10..<11, 12..<21)
    r.expect(9)
    #expect(ssthresh(r) == 4_000)
    // In the same instant new text.
    r.send(2)
    r.expect(21, 22)
    r.advance(100)
    r.ack(11, 12..<21, 22..<23)
    #expect(r.s.status?.recovery == .timeout && ssthresh(r) == 2_000)
  }

  @Test(
    "RFC 3522 §3.2: the echo of what an earlier repair sent again takes the next recovery not back",
    .bothFamilies)
  func echoOfEarlierRepair() {
    let r = RecoveryScript(timestamps: true, handshake: 100).measured()
    r.s.setOptions { $0.noDelay = true }
    func ack(_ octet: Int, _ blocks: Range<Int>..., echo: UInt32) {
      r.s.inject(
        .ack(
          seq: 1, ack: octet, options: [.timestamps(1_500, echo)] + (blocks.isEmpty ? [] : [.sack(blocks)])))
    }
    func stamp() -> UInt32 { r.s.takeSegments().last { !$0.text.isEmpty }?.timestamps?.value ?? 0 }
    // The path has been seen to reorder, so that each loss has a time of its own.
    r.send(3)
    let first = stamp()
    r.advance(100)
    ack(1_001, 2_001..<3_001, echo: first)
    ack(4_001, echo: first)
    #expect(r.s.status?.reorderingSeen == true)
    r.send(20)
    let original = stamp()
    r.advance(100)
    // 4, 5 and 6 are lost, and lost again: a time-out within the recovery.
    ack(4_001, 7_001..<24_001, echo: original)
    passTimeout(r)
    let four = stamp()
    r.advance(100)
    ack(5_001, 7_001..<24_001, echo: four)
    let six = stamp()
    r.advance(100)
    ack(6_001, 7_001..<24_001, echo: six)
    r.s.expectNothing()
    // Three small segments of new text; the first two are lost.
    r.s.send(300)
    r.advance(10)
    r.s.send(300)
    r.advance(10)
    r.s.send(300)
    #expect(r.s.takeSegments().map(\.seq) == [24_001, 24_301, 24_601])
    r.advance(100)
    ack(6_001, 7_001..<24_001, 24_601..<24_901, echo: six)
    #expect(r.s.takeSegments().map(\.seq) == [6_001])
    r.advance(7)
    let resent = r.s.takeSegments()
    #expect(resent.map(\.seq) == [24_001])
    #expect(r.s.status?.recovery == .timeout)
    // The repair is over, and then the second is found lost: a recovery of its own.
    ack(24_001, 24_601..<24_901, echo: six)
    #expect(r.s.status?.recovery == ConnectionStatus.Recovery.none)
    r.advance(10)
    #expect(r.s.takeSegments().map(\.seq) == [24_301])
    #expect(r.s.status?.recovery == .fastRecovery)
    // Both arrive, and have one acknowledgment, which echoes the first of them (RFC 7323 §4.3 (2)).
    r.advance(100)
    ack(24_901, echo: resent.last?.timestamps?.value ?? 0)
    #expect(r.s.status?.recovery == ConnectionStatus.Recovery.none)
    #expect(r.s.counters.tcp.tcpFullUndo == 0)
  }
}
