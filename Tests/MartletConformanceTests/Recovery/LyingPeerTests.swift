import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

// Acknowledgments that lie: nothing grows, nothing bursts, nothing traps.

@Suite("R1–R5, E2: acknowledgments that lie")
struct LyingPeerTests {
  @Test(
    "R1 an acknowledgment of what was never sent changes nothing, and is answered once in 500 ms",
    .bothFamilies)
  func optimistic() {
    let r = RecoveryScript().measured()
    r.send(30)
    r.expect(1..<21)
    let before = r.s.status
    for _ in 1...50 { r.s.inject(.ack(seq: 1, ack: 40_001)) }
    #expect(r.s.takeSegments().filter { $0.text.isEmpty }.count == 1)
    #expect(r.s.status?.sndCwnd == before?.sndCwnd)
    #expect(r.s.status?.sndUna == before?.sndUna)
  }

  @Test(
    "R2 an acknowledgment split into a thousand gains no more than the octets that it acknowledges",
    .bothFamilies)
  func splitting() {
    let whole = RecoveryScript().measured()
    whole.send(20)
    whole.s.takeSegments()
    for n in 2...21 { whole.ack(n) }
    let split = RecoveryScript().measured()
    split.send(20)
    split.s.takeSegments()
    for octet in stride(from: 1_101, through: 21_001, by: 100) {
      split.s.inject(.ack(seq: 1, ack: octet))
    }
    #expect(split.s.status?.sndCwnd == whole.s.status?.sndCwnd)
  }

  @Test(
    "R3 RFC5681-3.2-f duplicates without SACK count for as many segments as are out; with SACK for nothing",
    .bothFamilies,
    arguments: [true, false])
  func duplicates(sack: Bool) {
    let r = RecoveryScript(sack: sack).measured()
    r.send(30)
    r.s.takeSegments()
    var text = 0
    for _ in 1...1_000 {
      r.ack(1)
      text += r.s.takeSegments().filter { !$0.text.isEmpty }.count
    }
    if sack {
      #expect(text == 0)
      #expect(r.s.status?.recovery == ConnectionStatus.Recovery.none)
    } else {
      #expect(text <= 20)
    }
  }

  @Test("E2 blocks that lie, overlap, run backwards or lie outside are ignored, and counted", .bothFamilies)
  func lyingBlocks() {
    let r = RecoveryScript().measured()
    r.send(20)
    r.expect(1..<21)
    for blocks: [Range<Int>] in [
      [30_001..<31_001], [21_001..<21_002], [1_001..<21_001], [999..<2_001], [1_000..<5_001],
    ] {
      r.s.inject(.ack(seq: 1, ack: 1_001, options: [.sack(blocks)]))
    }
    #expect(r.s.status?.sacked == 0)
    #expect(r.s.status?.recovery == ConnectionStatus.Recovery.none)
    #expect(r.s.takeSegments().filter { !$0.text.isEmpty }.isEmpty)
    // Overlapping ones of what is out count once.
    r.s.inject(
      .ack(seq: 1, ack: 1_001, options: [.sack([3_001..<5_001, 4_001..<6_001, 3_501..<4_501])]))
    #expect(r.s.status?.sacked == 3_000)
  }

  @Test("E2 more ranges than the limit are not taken in, and the connection goes on", .bothFamilies)
  func manyRanges() {
    let r = RecoveryScript {
      $0.tcp.initialWindowSegments = 255
      $0.tcp.outOfOrderRanges = 16
    }.measured()
    r.send(200)
    r.s.takeSegments()
    for n in stride(from: 3, to: 199, by: 2) { r.ack(1, n..<n + 1) }
    #expect((r.s.status?.sacked ?? 0) <= 16_000)
    for _ in 1...100 {
      r.advance(200)
      r.s.takeSegments()
      if let una = r.s.status?.unacked, una > 0 { r.ack(201) }
    }
    #expect(r.s.status?.unacked == 0)
  }

  @Test("E2 blocks that find no room still tell what was sent too long ago", .bothFamilies)
  func blocksWithoutRoom() {
    let r = RecoveryScript {
      $0.tcp.initialWindowSegments = 200
      $0.tcp.outOfOrderRanges = 16
    }.measured()
    r.send(200)
    r.s.takeSegments()
    r.advance(100)
    for n in stride(from: 3, to: 199, by: 2) { r.ack(1, n..<n + 1) }
    r.s.takeSegments()
    // Seventeen lie before the last block that had room, and what lies behind it up to the last block of all.
    #expect(r.s.status?.sacked == 16_000)
    #expect((r.s.status?.lost ?? 0) > 100_000, "\(r.s.status?.lost ?? 0)")
  }

  @Test(
    "E2 the least segment carries 88 octets, whatever options it has", .bothFamilies,
    arguments: [true, false])
  func leastSegment(hasTimestamps: Bool) {
    let s = Scenario(
      .established(), offering: hasTimestamps ? [.mss(1), .timestamps(1_000, 0)] : [.mss(1)])
    s.send(440)
    #expect(s.takeSegments().map(\.text.count) == [88, 88, 88, 88, 88])
  }

  @Test("E2 holes of an octet each do not make segments of an octet each, nor a burst", .bothFamilies)
  func tinyHoles() {
    let r = RecoveryScript().measured()
    r.send(20)
    r.expect(1..<21)
    r.advance(100)
    for n in 0..<62 {
      let blocks = (0..<4).map { 1_002 + 8 * n + 2 * $0 }.map { $0..<$0 + 1 }
      r.s.inject(.ack(seq: 1, ack: 1_001, options: [.sack(blocks)]))
    }
    r.s.takeSegments()
    r.s.inject(.ack(seq: 1, ack: 1_001, options: [.sack([10_001..<21_001])]))
    var sent = r.s.takeSegments().filter { !$0.text.isEmpty }
    for _ in 1...30 {
      r.advance(100)
      sent += r.s.takeSegments().filter { !$0.text.isEmpty }
    }
    #expect(sent.allSatisfy { $0.text.count >= 88 }, "\(sent.map(\.text.count))")
    #expect(sent.count < 40, "\(sent.count)")
  }

  @Test("E2 partial acknowledgments of an octet each do not make segments of an octet each", .bothFamilies)
  func tinyPartialAcknowledgments() {
    let r = RecoveryScript(sack: false).measured()
    r.send(20)
    r.expect(1..<21)
    r.advance(100)
    for _ in 1...3 { r.ack(1) }
    r.expect(1)
    var sizes: [Int] = []
    for n in 1...50 {
      r.s.inject(.ack(seq: 1, ack: 1_001 + n))
      sizes += r.s.takeSegments().map(\.text.count).filter { $0 > 0 }
    }
    #expect(sizes.allSatisfy { $0 >= 88 }, "\(sizes)")
  }

  @Test("E2 a block that joins ranges is taken in though there is room for none", .bothFamilies)
  func joiningBlockWithoutRoom() {
    let r = RecoveryScript {
      $0.tcp.initialWindowSegments = 60
      $0.tcp.outOfOrderRanges = 16
    }.measured()
    r.send(60)
    r.s.takeSegments()
    r.advance(100)
    for n in stride(from: 3, to: 50, by: 2) { r.ack(1, n..<n + 1) }
    #expect(r.s.status?.sacked == 16_000)
    // What lay between them has come: it begins before the first and ends behind the last.
    r.ack(1, 2..<55)
    #expect(r.s.status?.sacked == 53_000)
    r.s.takeSegments()
    r.ack(1, 2..<56)
    #expect(r.s.status?.sacked == 54_000)
  }

  @Test(
    "RFC2018-5-c RFC2018-8-d what a peer reported and threw away is sent again after the time-out",
    .bothFamilies)
  func reneging() {
    let r = RecoveryScript().measured()
    r.send(20)
    r.expect(1..<21)
    r.advance(100)
    r.ack(1, 2..<21)
    r.expect(1)
    // It has 1 now, and nothing else any more.
    r.advance(100)
    r.ack(2)
    r.s.takeSegments()
    var sent: [Int] = []
    for _ in 1...20 {
      r.advance(100)
      let segments = r.s.takeSegments().filter { !$0.text.isEmpty }.map { ($0.seq - 1) / 1_000 }
      sent += segments
      if let last = segments.max() { r.ack(last + 1) }
    }
    #expect(sent.first == 2 && sent.contains(20), "\(sent)")
    #expect(r.s.counters.tcp.tcpSACKReneging == 1)
    #expect(r.s.status?.unacked == 0)
  }

  @Test(
    "E2 a duplicate report of what was not sent again, or never sent, takes no reduction back", .bothFamilies)
  func duplicateReportsThatLie() {
    let r = RecoveryScript().measured()
    r.send(40)
    r.expect(1..<21)
    r.advance(100)
    r.ack(1, 2..<21)
    r.s.takeSegments()
    r.advance(100)
    r.ack(21)
    r.s.takeSegments()
    let ssthresh = r.s.status?.sndSsthresh
    #expect(ssthresh == 10_000)
    r.advance(100)
    for n in [25, 1_000] {
      r.s.inject(.ack(seq: 1, ack: 21_001, options: [.sack([n * 1_000 + 1..<(n + 20) * 1_000 + 1])]))
    }
    // New text that the network has doubled.
    r.s.inject(.ack(seq: 1, ack: 25_001))
    r.s.inject(.ack(seq: 1, ack: 25_001, options: [.sack([21_001..<22_001])]))
    #expect(r.s.status?.sndSsthresh == ssthresh)
    #expect(r.s.counters.tcp.tcpDSACKUndo == 0)
  }

  @Test("RFC 2883 §5, R1 a duplicate report of what was sent long ago is not believed", .bothFamilies)
  func reportOfLongAgo() {
    let s = Scenario(.established(), offering: [.mss(1_000), .sackPermitted])
    for n in 1...131 {
      s.send(1_000)
      s.takeSegments()
      s.inject(.ack(seq: 1, ack: n * 1_000 + 1))
    }
    s.inject(.ack(seq: 1, ack: 131_001, options: [.sack([1_001..<2_001])]))
    #expect(s.counters.tcp.tcpDSACKRecv == 1)
    s.inject(.ack(seq: 1, ack: 131_001, options: [.sack([1..<1_001])]))
    #expect(s.counters.tcp.tcpSACKDiscard == 0)
    s.send(1_000)
    s.inject(.ack(seq: 1, ack: 132_001, options: [.sack([1..<1_001])]))
    #expect(s.counters.tcp.tcpSACKDiscard == 1)
    #expect(s.counters.tcp.tcpDSACKRecv == 2)
  }

  @Test(
    "R4 a window that shrinks under text in flight neither takes SND.NXT back nor sends beyond it",
    .bothFamilies)
  func shrinking() {
    let r = RecoveryScript().measured()
    r.send(30)
    r.expect(1..<21)
    let nxt = r.s.status?.sndNxt
    r.s.inject(.ack(seq: 1, ack: 2_001, window: 100))
    #expect(r.s.status?.sndNxt == nxt)
    r.advance(2_000)
    for segment in r.s.takeSegments() where !segment.text.isEmpty {
      #expect(segment.seq + segment.text.count <= 2_001 + 1_600, "\(segment)")
    }
    r.s.inject(.ack(seq: 1, ack: 2_001, window: 65_535))
    r.advance(1_000)
    #expect(!r.s.takeSegments().isEmpty)
  }

  @Test(
    "R4 a window that shuts and opens in no time sends nothing again each time", .bothFamilies,
    arguments: [false, true])
  func flappingWindow(sack: Bool) {
    let r = RecoveryScript(sack: sack).measured()
    r.send(20)
    r.expect(1..<21)
    r.advance(100)
    if sack { r.ack(1, 11..<21) } else { for _ in 1...4 { r.ack(1) } }
    r.s.takeSegments()
    var sent = 0
    for _ in 1...100 {
      for window: UInt16 in [0, 4_000] {
        r.s.inject(.ack(seq: 1, ack: 1_001, window: window))
        sent += r.s.takeSegments().count { !$0.text.isEmpty }
      }
    }
    #expect(sent <= 20)
  }

  @Test(
    "R4 a window that opens after the timer fired into it gets at once what was lost there", .bothFamilies)
  func openedAfterTimeout() {
    let r = RecoveryScript().measured()
    r.send(4)
    r.expect(1..<5)
    r.s.inject(.ack(seq: 1, ack: 1_001, window: 0))
    r.advance(1_000)
    r.s.takeSegments()
    #expect(r.s.counters.tcp.tcpTimeouts > 0)
    r.s.inject(.ack(seq: 1, ack: 1_001, window: 4_000))
    #expect(r.s.takeSegments().contains { $0.seq == 1_001 && $0.text.count == 1_000 })
  }

  @Test(
    "E2 a hole of an octet, alone or left over by a segment, is sent again with what follows it",
    .bothFamilies)
  func floorOfRepairs() {
    let r = RecoveryScript(initialWindow: 100).measured()
    r.send(100)
    for _ in 1...100 {
      r.advance(1)
      r.s.takeSegments()
    }
    var sizes: [Int] = []
    for first in stride(from: 1, to: 100, by: 4) {
      let blocks = (first..<first + 4).map { 1_000 * $0 + 2..<1_000 * ($0 + 1) + 1 }
      r.s.inject(.ack(seq: 1, ack: 1_001, options: [.sack(blocks)]))
      sizes += r.s.takeSegments().map(\.text.count)
    }
    #expect(!sizes.isEmpty && sizes.allSatisfy { $0 >= 88 }, "\(sizes)")

    let other = RecoveryScript().measured()
    other.send(20)
    other.expect(1..<21)
    other.advance(100)
    other.s.inject(.ack(seq: 1, ack: 1_001, options: [.sack([2_002..<21_001])]))
    #expect(other.s.takeSegments().map(\.text.count) == [1_000, 88])
  }
}
