import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

// RFC 2018 §3 and §4: what a receiver says of text beyond a hole.

@Suite("RFC 2018: selective acknowledgments sent")
struct SACKTests {
  private let bare: [ScriptOption] = [.mss(1_460), .sackPermitted]

  @Test(
    "RFC2018-4-d/e/f/g/h the block that came last is first, then those before it, the latest first",
    .bothFamilies
  )
  func order() {
    let s = Scenario(.established(), offering: bare)
    let blocks = [1_001..<1_101, 2_001..<2_101, 3_001..<3_101, 4_001..<4_101, 5_001..<5_101]
    for (place, block) in blocks.enumerated() {
      s.inject(.data(seq: block.lowerBound, ack: 1, 100))
      let latest = Array(blocks[...place].reversed().prefix(4))
      s.expect(.ack(seq: 1, ack: 1, options: [.sack(latest)]))
    }
    // An older block that grows comes to the front.
    s.inject(.data(seq: 2_101, ack: 1, 100))
    s.expect(.ack(ack: 1, options: [.sack([2_001..<2_201, 5_001..<5_101, 4_001..<4_101, 3_001..<3_101])]))
  }

  @Test("RFC2018-4-g with timestamps there is room for three", arguments: ScenarioFamily.allCases)
  func withTimestamps(family: ScenarioFamily) {
    let s = Scenario(.established(), family: family, offering: ScriptOption.everything())
    for seq in [1_001, 2_001, 3_001, 4_001] { s.inject(.data(seq: seq, ack: 1, 100)) }
    let last = s.takeSegments().last
    #expect(last?.sack == [4_001..<4_101, 3_001..<3_101, 2_001..<2_101])
    #expect(last?.timestamps != nil)
  }

  @Test("RFC2018-4-h a block that grows again and again does not push the others out", .bothFamilies)
  func distinct() {
    let s = Scenario(.established(), offering: bare)
    for seq in [1_001, 2_001, 3_001] { s.inject(.data(seq: seq, ack: 1, 100)) }
    for seq in [3_101, 3_201, 3_301, 3_401, 3_501] { s.inject(.data(seq: seq, ack: 1, 100)) }
    let last = s.takeSegments().last
    #expect(last?.sack == [3_001..<3_601, 2_001..<2_101, 1_001..<1_101])
  }

  @Test("Blocks that meet become one", .bothFamilies)
  func merged() {
    let s = Scenario(.established(), offering: bare)
    for seq in [1_001, 2_001, 1_201] { s.inject(.data(seq: seq, ack: 1, 100)) }
    s.takeSegments()
    s.inject(.data(seq: 1_101, ack: 1, 100))
    s.expect(.ack(ack: 1, options: [.sack([1_001..<1_301, 2_001..<2_101])]))
  }

  @Test(
    "RFC2018-4-f what is acknowledged is no block any more, and without a hole there is no option",
    .bothFamilies)
  func filled() {
    let s = Scenario(.established(), offering: bare)
    s.inject(.data(seq: 101, ack: 1, 100))
    s.expect(.ack(ack: 1, options: [.sack([101..<201])]))
    s.inject(.data(seq: 301, ack: 1, 100))
    s.expect(.ack(ack: 1, options: [.sack([301..<401, 101..<201])]))
    s.inject(.data(seq: 1, ack: 1, 100))
    s.expect(.ack(ack: 201, options: [.sack([301..<401])]))
    s.inject(.data(seq: 201, ack: 1, 100))
    s.expect(.ack(ack: 401).lacking(.sack))
    // Nor are old blocks remembered when the next hole opens.
    s.inject(.data(seq: 501, ack: 1, 100))
    s.expect(.ack(ack: 401, options: [.sack([501..<601])]))
  }

  @Test("RFC2018-4-b without SACK-permitted from the peer there are no blocks", .bothFamilies)
  func notOffered() {
    let s = Scenario(.established(), offering: [.mss(1_460)])
    s.inject(.data(seq: 101, ack: 1, 100))
    s.expect(.ack(ack: 1).lacking(.sack))
  }

  @Test("Across the wrap of sequence numbers", .bothFamilies)
  func wrap() {
    let s = Scenario(.established(), offering: bare, peerISN: 0xffff_ff00)
    s.inject(.data(seq: 201, ack: 1, 100))
    s.expect(.ack(ack: 1, options: [.sack([201..<301])]))
    s.inject(.data(seq: 1, ack: 1, 100))
    s.expect(.ack(ack: 101, options: [.sack([201..<301])]))
    s.inject(.data(seq: 101, ack: 1, 100))
    s.expect(.ack(ack: 301).lacking(.sack))
    #expect(s.receive().octets == scriptText(0..<300))
  }

  @Test(
    "E3 at the bound the arriving range is refused, and nothing that a block has named is dropped",
    .bothFamilies)
  func bounded() {
    let s = Scenario(.established(), offering: bare) { $0.tcp.outOfOrderRanges = 8 }
    for i in 1...8 { s.inject(.data(seq: 1 + i * 1_000, ack: 1, 100)) }
    s.takeSegments()
    s.inject(.data(seq: 20_001, ack: 1, 100))
    let refused = s.expect(.ack(ack: 1))
    #expect(refused?.sack.contains(20_001..<20_101) == false)
    #expect(s.status?.outOfOrderRanges == 8)
    // The holes fill, and every block that was named is there.
    for i in 0...7 {
      s.inject(.data(seq: 1 + i * 1_000 + (i == 0 ? 0 : 100), ack: 1, .count(i == 0 ? 1_000 : 900)))
    }
    #expect(s.takeSegments().last?.ack == 8_101)
    #expect(s.receive().octets == scriptText(0..<8_100))
  }
}
