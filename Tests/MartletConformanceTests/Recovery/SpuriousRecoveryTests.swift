import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

@Suite("RFC 5682, 4015, 2883: recoveries that were not needed")
struct SpuriousRecoveryTests {
  @Test(
    "RFC 5682 §3.1: originals that go on arriving after a time-out take it back; nothing else is sent twice",
    .bothFamilies)
  func forwardRTOWithSACK() {
    let r = RecoveryScript().measured()
    r.send(30)
    r.expect(1..<21)
    let before = r.s.status?.sndCwnd ?? 0
    // The path stalls: a probe, then the time-out.
    r.advance(202)
    r.expect(21)
    r.advance(400)
    r.expect(1)
    #expect(r.s.status?.recovery == .timeout)
    #expect(r.s.status?.sndCwnd == 1_000)
    // The first flight was only late. Step 2 (b): new text, and nothing is said yet.
    r.ack(3)
    r.expect(22, 23)
    #expect(r.s.status?.recovery == .timeout)
    #expect(r.s.counters.tcp.tcpSpuriousRTOs == 0)
    // Step 3 (b).
    r.ack(5)
    #expect(r.s.status?.recovery == ConnectionStatus.Recovery.none)
    #expect(r.s.status?.sndCwnd ?? 0 >= before)
    #expect(r.s.counters.tcp.tcpSpuriousRTOs == 1)
    let sent = r.s.takeSegments().map { ($0.seq - 1) / 1_000 }
    #expect(sent.allSatisfy { $0 >= 24 } && sent.count <= 4, "\(sent)")
    r.ack(22)
    #expect(r.s.counters.tcp.retransSegs == 1)
  }

  @Test(
    "RFC 5682 §3.1 step 2 (b): a time-out for a real loss goes on as ever where there is no new text",
    .bothFamilies)
  func realLoss() {
    let r = RecoveryScript().measured()
    r.send(6)
    r.expect(1..<7)
    r.advance(202)
    r.expect(6)
    r.advance(400)
    r.expect(1)
    r.advance(100)
    r.ack(2)
    r.expect(2, 3)
    r.advance(100)
    r.ack(4)
    r.expect(4, 5, 6)
    r.ack(7)
    #expect(r.s.status?.recovery == ConnectionStatus.Recovery.none)
    #expect(r.s.counters.tcp.tcpSpuriousRTOs == 0)
  }

  @Test("RFC 5682 §3.1 step 3 (a): a report of the new text alone makes recovery conventional", .bothFamilies)
  func newTextReported() {
    let r = RecoveryScript().measured()
    r.send(30)
    r.expect(1..<21)
    r.advance(202)
    r.expect(21)
    r.advance(400)
    r.expect(1)
    r.advance(100)
    r.ack(2, 10..<12)
    r.expect(22, 23)
    r.advance(100)
    r.ack(2, 10..<12, 22..<23)
    r.expect(2)
    #expect(r.s.status?.recovery == .timeout)
    #expect(r.s.counters.tcp.tcpSpuriousRTOs == 0)
  }

  @Test(
    "RFC 5682 §2.1 step 1: while one time-out is repaired, another is repaired as ever", .bothFamilies,
    arguments: [false, true])
  func timeoutInRepair(sack: Bool) {
    let r = RecoveryScript(sack: sack).measured()
    r.send(30)
    r.s.takeSegments()
    if sack {
      r.advance(202)
      r.expect(21)
    }
    r.advance(sack ? 400 : 301)
    r.expect(1)
    r.advance(100)
    r.ack(2)
    #expect(r.s.takeSegments().count == 2)
    // A duplicate, or a report, ends F-RTO; then nothing comes any more.
    if sack { r.ack(2, 22..<23) } else { r.ack(2) }
    #expect(r.s.takeSegments().first?.seq == 2_001)
    let timeouts = r.s.counters.tcp.tcpTimeouts
    while r.s.counters.tcp.tcpTimeouts == timeouts { r.advance(50) }
    r.s.takeSegments()
    r.ack(3)
    // Old text, and none that is new.
    let next = r.s.takeSegments().filter { !$0.text.isEmpty }.map(\.seq)
    #expect(next.first == 3_001 && next.allSatisfy { $0 < 20_001 }, "\(next)")
  }

  @Test("RFC 5682 §2.1: without SACK two acknowledgments that advance say the same", .bothFamilies)
  func forwardRTOWithoutSACK() {
    let r = RecoveryScript(sack: false).measured()
    r.send(30)
    r.expect(1..<21)
    let before = r.s.status?.sndCwnd ?? 0
    r.advance(301)
    r.expect(1)
    r.ack(2)
    // Step 2 (b): new text, not old.
    r.expect(21, 22)
    r.ack(3)
    #expect(r.s.counters.tcp.tcpSpuriousRTOs == 1)
    #expect(r.s.status?.recovery == ConnectionStatus.Recovery.none)
    #expect(r.s.status?.sndCwnd ?? 0 >= before)
    #expect(r.s.counters.tcp.retransSegs == 1)
  }

  @Test(
    "RFC 5682 §2.1 step 3 (a): without SACK a duplicate after the new text makes recovery conventional",
    .bothFamilies)
  func conventional() {
    let r = RecoveryScript(sack: false).measured()
    r.send(30)
    r.expect(1..<21)
    r.advance(301)
    r.expect(1)
    r.ack(2)
    r.expect(21, 22)
    r.ack(2)
    #expect(r.s.status?.recovery == .timeout)
    r.expect(2)
    #expect(r.s.counters.tcp.tcpSpuriousRTOs == 0)
  }

  @Test(
    "RFC 5682 §2.1 step 2: where Nagle holds new text back there is none, and old text leaves", .bothFamilies,
    arguments: [false, true])
  func newTextHeldBack(sack: Bool) {
    let r = RecoveryScript(sack: sack).measured()
    r.s.send(4_100)
    r.s.takeSegments()
    if sack {
      // The probe took the hundred octets with it.
      r.advance(250)
      r.s.send(50)
      r.advance(400)
    } else {
      r.advance(301)
    }
    r.s.takeSegments()
    r.advance(100)
    r.ack(2)
    #expect(r.s.takeSegments().first { !$0.text.isEmpty }?.seq == 2_001)
  }

  @Test(
    "RFC 5682 §3.1: the late acknowledgment of a tail-loss probe is no sign that the originals arrived",
    .bothFamilies)
  func lateProbe() {
    let r = RecoveryScript().measured()
    r.send(5)
    r.expect(1..<6)
    // All are lost; the probe arrives, and its acknowledgment is late.
    r.advance(202)
    r.expect(5)
    r.advance(302)
    r.expect(1)
    r.advance(20)
    r.ack(1, 5..<6)
    #expect(r.s.counters.tcp.tcpSpuriousRTOs == 0)
    #expect(r.s.status?.recovery == .timeout)
  }

  @Test(
    "RFC 3522, RFC 4015 §3.2: an echo older than the retransmission takes a time-out back at once",
    .bothFamilies)
  func eifel() {
    let r = RecoveryScript(timestamps: true).measured()
    r.send(20)
    let sent = r.s.takeSegments()
    #expect(sent.count == 20)
    var stamp: UInt32 = 0
    for case .timestamps(let value, _) in sent.last?.options ?? [] { stamp = value }
    let before = r.s.status?.sndCwnd ?? 0
    r.advance(202)
    r.s.takeSegments()
    r.advance(100)
    #expect(r.s.takeSegments().map(\.seq) == [1_001])
    r.s.inject(.ack(seq: 1, ack: 2_001, options: [.timestamps(2_000, stamp)]))
    #expect(r.s.status?.recovery == ConnectionStatus.Recovery.none)
    #expect(r.s.status?.sndCwnd ?? 0 >= before)
    #expect(r.s.counters.tcp.tcpSpuriousRTOs == 1)
    #expect(r.s.status?.reorderingSeen == false)
  }

  @Test(
    "RFC 3522 §3.2, RFC 7323 §3.2: an acknowledgment that echoes nothing takes nothing back", .bothFamilies)
  func echoOfNothing() {
    let r = RecoveryScript(timestamps: true).measured()
    r.send(20)
    #expect(r.s.takeSegments().count == 20)
    r.advance(202)
    r.s.takeSegments()
    r.advance(100)
    #expect(r.s.takeSegments().map(\.seq) == [1_001])
    r.s.inject(.ack(seq: 1, ack: 2_001, options: [.timestamps(2_000, 0)]))
    #expect(r.s.status?.recovery == .timeout)
    #expect(r.s.counters.tcp.tcpSpuriousRTOs == 0)
  }

  @Test("RFC 3522 §3.2: the echo of an earlier recovery's retransmission takes nothing back", .bothFamilies)
  func echoOfEarlierRecovery() {
    let r = RecoveryScript(timestamps: true, handshake: 100).measured()
    var original: UInt32 = 0
    var again: UInt32 = 0
    var other: UInt32 = 0
    func ack(_ n: Int, _ ranges: [Range<Int>], echo: UInt32) {
      let blocks = ranges.map { $0.lowerBound * 1_000 + 1..<$0.upperBound * 1_000 + 1 }
      r.s.inject(
        .ack(seq: 1, ack: n * 1_000 + 1, options: [.timestamps(1_500, echo), .sack(blocks)]))
    }
    r.send(60)
    _ = takeText(r, &original)
    r.advance(100)
    // 1 is lost.
    for n in 5...21 { ack(1, [2..<n], echo: original) }
    #expect(takeText(r, &other).contains { $0.seq == 1_001 })
    r.advance(100)
    // 1' is lost, too, and 23.
    for n in 22...23 { ack(1, [2..<n], echo: original) }
    for n in 25...30 { ack(1, [24..<n, 2..<23], echo: original) }
    let repaired = takeText(r, &again).map(\.seq)
    #expect(repaired.contains(1_001) && repaired.contains(23_001))
    r.advance(100)
    // 1 arrives, and with that all that was out when the recovery began. 31 is lost.
    ack(23, [24..<31], echo: again)
    #expect(r.s.status?.recovery == .fastRecovery)
    ack(23, [24..<31, 32..<35], echo: again)
    r.advance(50)
    #expect(takeText(r, &other).contains { $0.seq == 31_001 })
    let answered = r.s.status?.sndSsthresh
    // One acknowledgment for 23, which the recovery before sent again, and for 31.
    r.advance(50)
    ack(35, [], echo: again)
    #expect(r.s.status?.sndSsthresh == answered)
    #expect(r.s.counters.tcp.tcpFullUndo == 0)
  }

  @Test("RFC 3522: what an undo lets out is no burst", .bothFamilies)
  func noBurstAfterUndo() {
    let r = RecoveryScript(timestamps: true, initialWindow: 10).measured()
    r.send(240)
    var next = 1
    var acked = 1
    var stamp: UInt32 = 0
    /// A round trip, in which what may leave leaves.
    func round() {
      for _ in 1...100 {
        next = takeText(r, &stamp).map { ($0.seq - 1) / 1_000 + 1 }.reduce(next, max)
        r.advance(1)
      }
    }
    func ack(_ n: Int, sacked: Range<Int>? = nil, echo: UInt32) {
      let blocks = sacked.map { [ScriptOption.sack([$0.lowerBound * 1_000 + 1..<$0.upperBound * 1_000 + 1])] }
      r.s.inject(.ack(seq: 1, ack: n * 1_000 + 1, options: [.timestamps(1_500, echo)] + (blocks ?? [])))
      acked = n
    }
    while next < 60 {
      round()
      ack(next, echo: stamp)
    }
    r.send(60)
    // A loss, so that slow start is over: it would be paced in any case.
    round()
    ack(acked, sacked: acked + 1..<next, echo: stamp)
    round()
    ack(next, echo: stamp)
    round()
    #expect(r.s.status?.recovery == ConnectionStatus.Recovery.none)
    let cwnd = r.s.status?.sndCwnd ?? 0
    let last = stamp
    // The first segment of the flight is late, and then comes by its first transmission.
    ack(acked, sacked: acked + 1..<next, echo: last)
    #expect(takeText(r, &stamp).first?.seq == acked * 1_000 + 1)
    r.advance(1)
    ack(next, echo: last)
    #expect(r.s.counters.tcp.tcpFullUndo == 1)
    #expect(r.s.status?.sndCwnd ?? 0 >= cwnd && cwnd > 20_000)
    var largest = 0
    for _ in 1...100 {
      largest = max(largest, takeText(r, &stamp).count)
      r.advance(1)
    }
    #expect((1...4).contains(largest), "\(largest)")
  }

  private func takeText(_ r: RecoveryScript, _ stamp: inout UInt32) -> [SeenSegment] {
    let sent = r.s.takeSegments().filter { !$0.text.isEmpty }
    for case .timestamps(let value, _) in sent.last?.options ?? [] { stamp = value }
    return sent
  }

  @Test(
    "RFC 2883 §5, RFC 3708: a recovery all of whose retransmissions came twice is taken back", .bothFamilies)
  func duplicateReports() {
    let r = RecoveryScript().measured()
    r.send(20)
    r.expect(1..<21)
    let before = r.s.status?.sndCwnd ?? 0
    r.advance(100)
    r.ack(1, 2..<6)
    #expect(r.s.takeSegments().map { ($0.seq - 1) / 1_000 } == [1])
    #expect(r.s.status?.sndCwnd ?? 0 < before)
    r.advance(5)
    // The original of 1 was late; then its copy arrives.
    r.ack(6)
    r.s.inject(.ack(seq: 1, ack: 6_001, options: [.sack([1_001..<2_001])]))
    #expect(r.s.status?.recovery == ConnectionStatus.Recovery.none)
    #expect(r.s.status?.sndCwnd ?? 0 >= before)
    #expect(r.s.counters.tcp.tcpDSACKUndo == 1)
    // The original was late, and RACK knows it from now on: a quarter of the round trip to wait, and
    // another for the report.
    #expect(r.s.status?.reorderingSeen == true)
    r.advance(100)
    r.ack(7, 8..<12)
    r.advance(49)
    r.expect(21..<21)
    r.advance(2)
    #expect(r.s.takeSegments().map { ($0.seq - 1) / 1_000 } == [7])
  }

  @Test(
    "RFC 5682 §2.1 step 1: while a time-out is being repaired, an original that arrives takes no later one back",
    .bothFamilies
  )
  func originalInRepair() {
    let r = RecoveryScript().measured()
    r.send(10)
    r.expect(1..<11)
    r.advance(202)
    r.expect(10)
    r.advance(400)
    r.expect(1)
    r.advance(100)
    r.ack(2)
    r.expect(2, 3)
    // Both are lost again.
    r.advance(700)
    r.expect(2)
    #expect(r.s.counters.tcp.tcpTimeouts == 2)
    r.advance(100)
    // 4 was never sent a second time.
    r.ack(5)
    #expect(r.s.counters.tcp.tcpSpuriousRTOs == 0)
    #expect(r.s.status?.recovery == .timeout)
    #expect(r.s.status?.sndCwnd == 2_000)
    r.expect(5, 6)
  }

  @Test(
    "RFC 1191 §6.4, RFC 5682 §2.1: where the path's MTU falls while F-RTO waits, old text waits no longer")
  func smallerPath() {
    let r = RecoveryScript()
    // No full segment has arrived yet: what a router says is believed.
    for half in 1...2 {
      r.s.send(500)
      r.s.takeSegments()
      r.advance(100)
      r.s.inject(.ack(seq: 1, ack: 500 * half + 1))
    }
    r.send(40)
    let sent = r.s.takeSegments()
    r.advance(202)
    r.expect(21)
    r.advance(400)
    r.expect(1)
    r.advance(100)
    r.ack(2)
    r.expect(22, 23)
    r.s.inject(packet: ICMPError(type: 3, code: 4, rest: 840).packet(about: sent[5].packet))
    #expect(r.s.status?.sndMss == 800)
    var leaves = r.s.takeSegments().filter { !$0.text.isEmpty }.map(\.seq)
    for n in 1...4 {
      r.advance(100)
      r.s.inject(.ack(seq: 1, ack: 2_001 + 800 * n))
      leaves += r.s.takeSegments().filter { !$0.text.isEmpty }.map(\.seq)
    }
    // All of it is repair, from the lowest number on.
    #expect(leaves == (0..<leaves.count).map { 2_001 + 800 * $0 }, "\(leaves)")
    #expect(leaves.count > 4)
  }

  @Test(
    "Of two time-outs in a row neither is taken back (our choice): what the path held is seconds old",
    .bothFamilies)
  func secondTimeout() {
    let r = RecoveryScript(timestamps: true).measured()
    var stamp: UInt32 = 0
    r.send(20)
    #expect(takeText(r, &stamp).count == 20)
    let original = stamp
    // The probe, and two time-outs.
    r.advance(1_500)
    #expect(takeText(r, &stamp).map(\.seq) == [20_001, 1_001, 1_001])
    #expect(r.s.counters.tcp.tcpTimeouts == 2)
    r.s.inject(.ack(seq: 1, ack: 2_001, options: [.timestamps(2_500, original)]))
    #expect(r.s.counters.tcp.tcpSpuriousRTOs == 0)
    #expect(r.s.status?.recovery == .timeout)
    #expect(r.s.status?.sndCwnd == 2_000)
    #expect(r.s.status?.sndSsthresh == 10_000)
  }
}
