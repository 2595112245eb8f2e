import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

// RFC 2883 §4: text that came twice is reported in the first block. The examples
// are the RFC's, with each number one higher: its first octet is 0, ours 1.

@Suite("RFC 2883: duplicates reported")
struct DSACKTests {
  private let bare: [ScriptOption] = [.mss(1_460), .sackPermitted]

  /// 4,000 octets in eight segments, all acknowledged; less, if asked.
  private func receiver(_ octets: Int = 4_000) -> Scenario {
    let s = Scenario(.established(), offering: bare)
    for i in 0..<octets / 500 { s.inject(.data(seq: 1 + i * 500, ack: 1, 500)) }
    s.advance(by: .milliseconds(40))
    s.takeSegments()
    return s
  }

  @Test("RFC 2883 §4.1.1 a segment that came before is the first block, once", .bothFamilies)
  func example1() {
    let s = receiver()
    s.inject(.data(seq: 3_001, ack: 1, 500))
    s.expect(.ack(ack: 4_001, options: [.sack([3_001..<3_501])]))
    // "Each duplicate … is reported in at most one D-SACK block."
    s.inject(.data(seq: 4_001, ack: 1, 500))
    s.expectNext(after: .milliseconds(40), .ack(ack: 4_501).lacking(.sack))
    // "… two identical D-SACK blocks … only if the receiver receives two duplicate segments."
    for _ in 0..<2 {
      s.inject(.data(seq: 3_001, ack: 1, 500))
      s.expect(.ack(ack: 4_501, options: [.sack([3_001..<3_501])]))
    }
    #expect(s.counters.tcp.tcpDSACKOldSent == 3)
    #expect(s.counters.tcp.tcpDSACKOfoSent == 0)
  }

  @Test("RFC 2883 §4.1.2 then what waits beyond a hole", .bothFamilies)
  func example2() {
    let s = receiver()
    s.inject(.data(seq: 4_501, ack: 1, 500))
    s.expect(.ack(ack: 4_001, options: [.sack([4_501..<5_001])]))
    s.inject(.data(seq: 3_001, ack: 1, 500))
    s.expect(.ack(ack: 4_001, options: [.sack([3_001..<3_501, 4_501..<5_001])]))
  }

  @Test("RFC 2883 §4.1.3 a duplicate beyond the hole is followed by the block that holds it", .bothFamilies)
  func example3() {
    let s = receiver()
    s.inject(.data(seq: 4_501, ack: 1, 500))
    s.inject(.data(seq: 5_001, ack: 1, 500))
    s.takeSegments()
    s.inject(.data(seq: 5_001, ack: 1, 500))
    s.expect(.ack(ack: 4_001, options: [.sack([5_001..<5_501, 4_501..<5_501])]))
    #expect(s.counters.tcp.tcpDSACKOfoSent == 1)
    #expect(s.counters.tcp.tcpDSACKOldSent == 0)
  }

  @Test("RFC 2883 §4.2.1 of a segment that came in part, the part", .bothFamilies)
  func example4() {
    let s = receiver(1_000)
    s.inject(.data(seq: 2_001, ack: 1, 500))
    s.inject(.data(seq: 1_001, ack: 1, 500))
    s.expect(.ack(ack: 1_001, options: [.sack([2_001..<2_501])]))
    s.expect(.ack(ack: 1_501, options: [.sack([2_001..<2_501])]))
    s.inject(.data(seq: 1_001, ack: 1, 1_000))
    s.expect(.ack(ack: 2_501, options: [.sack([1_001..<1_501])]))
    #expect(s.receive().octets == scriptText(0..<2_500))
  }

  @Test(
    "RFC 2883 §4.2.2 of two stretches that came before, the first; both below the acknowledgment",
    .bothFamilies)
  func example5() {
    let s = receiver(1_000)
    s.inject(.data(seq: 3_001, ack: 1, 500))
    s.inject(.data(seq: 1_001, ack: 1, 500))
    s.inject(.data(seq: 2_001, ack: 1, 500))
    s.takeSegments()
    s.inject(.data(seq: 1_001, ack: 1, 1_500))
    s.expect(.ack(ack: 2_501, options: [.sack([1_001..<1_501, 3_001..<3_501])]))
  }

  @Test("RFC 2883 §4.2.3 likewise above it, and the block that it belongs to second", .bothFamilies)
  func example6() {
    let s = receiver(1_000)
    for seq in [3_501, 1_501, 2_501] { s.inject(.data(seq: seq, ack: 1, 500)) }
    s.takeSegments()
    s.inject(.data(seq: 1_501, ack: 1, 1_459))
    s.expect(.ack(ack: 1_001, options: [.sack([1_501..<2_001, 1_501..<3_001, 3_501..<4_001])]))
    #expect(s.receive().octets == scriptText(0..<1_000))
  }

  @Test(
    "RFC 2883 §4 text that fills the hole and overlaps what lay behind it: the overlap, now acknowledged",
    .bothFamilies)
  func filled() {
    let s = receiver(1_000)
    s.inject(.data(seq: 1_501, ack: 1, 500))
    s.takeSegments()
    s.inject(.data(seq: 1_001, ack: 1, 700))
    s.expect(.ack(ack: 2_001, options: [.sack([1_501..<1_701])]))
  }

  @Test("RFC 2883 §4 four blocks, three beside timestamps, the duplicate among them", .bothFamilies)
  func room() {
    for (offer, room) in [(bare, 4), (ScriptOption.everything(), 3)] {
      let s = Scenario(.established(), offering: offer)
      for seq in [1_001, 2_001, 3_001, 4_001] { s.inject(.data(seq: seq, ack: 1, 100)) }
      s.takeSegments()
      s.inject(.data(seq: 2_001, ack: 1, 50))
      let blocks = [2_001..<2_051, 2_001..<2_101, 4_001..<4_101, 3_001..<3_101]
      s.expect(.ack(ack: 1, options: [.sack(Array(blocks.prefix(room)))]))
    }
  }

  @Test("RFC 2883 §4.3 PAWS drops the segment, and the duplicate is reported all the same", .bothFamilies)
  func paws() {
    let s = Scenario(.established(), offering: ScriptOption.everything())
    let old = s.peerClock
    s.advance(by: .milliseconds(500))
    s.inject(.data(seq: 1, ack: 1, 500))
    s.inject(.data(seq: 501, ack: 1, 500))
    s.advance(by: .milliseconds(40))
    s.takeSegments()
    s.inject(.data(seq: 1, ack: 1, 500, options: [.timestamps(old, 0)]).withoutTimestamps())
    #expect(s.counters.tcp.pawsEstab == 1)
    #expect(s.takeSegments().last?.sack == [1..<501])
  }

  @Test("RFC 2883 §4 a FIN that comes again is a duplicate of its sequence number", .bothFamilies)
  func finish() {
    let s = Scenario(.established(), offering: bare)
    s.inject(.fin(seq: 1, ack: 1, 100))
    s.expect(.ack(ack: 102).lacking(.sack))
    s.inject(.fin(seq: 1, ack: 1, 100))
    s.expect(.ack(ack: 102, options: [.sack([1..<102])]))
    s.inject(.fin(seq: 101, ack: 1))
    s.expect(.ack(ack: 102, options: [.sack([101..<102])]))
  }

  @Test(
    "RFC 2883 §4 (1) duplicates that arrive together are reported each by its own acknowledgment",
    .bothFamilies)
  func together() {
    let s = receiver()
    s.injectTogether([1, 501, 1_001].map { .data(seq: $0, ack: 1, 500) })
    for seq in [1, 501, 1_001] { s.expect(.ack(ack: 4_001, options: [.sack([seq..<seq + 500])])) }
    s.expectNothing(for: .seconds(1))
  }

  @Test("RFC2018-4-a blocks do not wait until the application has nothing to send", .bothFamilies)
  func besideText() {
    let s = Scenario(.established(), offering: bare)
    s.inject(.ack(seq: 1, ack: 1, window: 0))
    s.send(100)
    s.expectNothing()
    // It opens the window and tells of a hole at once.
    s.inject(.data(seq: 501, ack: 1, 500))
    s.expect(.ack(seq: 1, ack: 1, options: [.sack([501..<1_001])]))
    s.expect(.data(seq: 1, ack: 1, 100))
  }

  @Test("RFC 2883 §4 without SACK-permitted there is no report", .bothFamilies)
  func notOffered() {
    let s = Scenario(.established())
    s.inject(.data(seq: 1, ack: 1, 500))
    s.inject(.data(seq: 1, ack: 1, 500))
    s.expect(.ack(ack: 501).lacking(.sack))
    #expect(s.counters.tcp.tcpDSACKOldSent == 0)
  }

  @Test("RFC 2883 §4 across the wrap of sequence numbers", arguments: ScenarioFamily.allCases)
  func wrap(family: ScenarioFamily) {
    let s = Scenario(.established(), family: family, offering: bare, peerISN: 0xffff_ff00)
    s.inject(.data(seq: 1, ack: 1, 500))
    s.inject(.data(seq: 101, ack: 1, 300))
    s.expect(.ack(ack: 501, options: [.sack([101..<401])]))
  }

  @Test("RFC2018-8-c what a block has named is never dropped, though nobody will read it", .bothFamilies)
  func neverReneged() {
    let s = Scenario(.established(), offering: bare)
    s.inject(.data(seq: 501, ack: 1, 500))
    s.inject(.data(seq: 1_501, ack: 1, 500))
    s.takeSegments()
    s.shutdown(.receive)
    s.inject(.data(seq: 2_501, ack: 1, 500))
    s.expect(.ack(ack: 1, options: [.sack([2_501..<3_001, 1_501..<2_001, 501..<1_001])]))
    s.inject(.data(seq: 1, ack: 1, 500))
    s.expect(.ack(ack: 1_001, options: [.sack([2_501..<3_001, 1_501..<2_001])]))
    s.inject(.data(seq: 1_001, ack: 1, 1_500))
    s.expect(.ack(ack: 3_001, options: [.sack([1_501..<2_001])]))
    // Nothing of it takes memory.
    #expect(s.status?.unread == 0)
    s.close()
    s.expect(.fin(seq: 1, ack: 3_001))
  }

  @Test("RFC 2883 §4 a report leaves nothing behind: the connection is idle again", .bothFamilies)
  func idle() {
    let s = receiver()
    #expect(s.receive().octets.count == 4_000)
    s.takeSegments()
    let held = s.stack.held
    s.inject(.data(seq: 1, ack: 1, 500))
    s.expect(.ack(ack: 4_001, options: [.sack([1..<501])]))
    #expect(s.stack.held == held)
  }
}
