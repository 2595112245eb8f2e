import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

// RFC 9293 §3.1, Checksum.

@Suite("RFC 9293: checksum")
struct ChecksumTests {
  /// Whether both sums fold to all ones, by this file's own arithmetic.
  private func isRight(_ packet: [UInt8]) -> Bool {
    let isIPv4 = packet[0] >> 4 == 4
    let headerCount = isIPv4 ? Int(packet[0] & 15) * 4 : 40
    let segment = packet[headerCount...]
    let addresses = isIPv4 ? packet[12..<20] : packet[8..<40]
    let length = UInt32(segment.count)
    let pseudo = isIPv4 ? [0, 6] + bigEndian(UInt16(length)) : bigEndian(length) + [0, 0, 0, 6]
    guard plainSum(Array(addresses) + pseudo + segment) == 0xffff else { return false }
    return !isIPv4 || plainSum(packet[..<headerCount]) == 0xffff
  }

  @Test("MUST-2 every segment sums up: SYN, text of any length, FIN, RST", arguments: ScenarioFamily.allCases)
  func generated(family: ScenarioFamily) {
    let s = Scenario(.closed, family: family)
    var packets: [[UInt8]] = []
    func keep() { packets += s.takeSegments().map(\.packet) }
    s.listen(port: 80)
    s.inject(.syn(options: ScriptOption.everything()))
    s.inject(.ack())
    keep()
    s.setOptions { $0.noDelay = true }
    var seq = 1
    for count in [1, 2, 3, 4, 5, 63, 64, 65, 127, 1_447, 1_448] {
      s.send(.count(count))
      seq += count
      keep()
      s.inject(.ack(seq: 1, ack: seq))
    }
    s.inject(.data(seq: 2, ack: seq, "beyond a hole"))
    s.shutdown()
    keep()
    s.inject(.segment(.ack, seq: 5_000, ack: 7, "nobody").to(port: 9))
    s.inject(.syn(seq: 5_000).to(port: 9))
    keep()
    #expect(packets.count >= 16)
    for packet in packets { #expect(isRight(packet), "\(packet)") }
  }

  @Test("MUST-3 a wrong checksum, by any one bit, is dropped in silence", arguments: ScenarioFamily.allCases)
  func verified(family: ScenarioFamily) {
    let s = Scenario(.established(), family: family)
    let good = s.packet(.data(seq: 1, ack: 1, "text"))
    let start = family == .ipv4 ? 20 : 40
    // Not the data offset, whose lie is found before the sum is taken.
    let bits = (start * 8..<good.count * 8).filter { $0 / 8 != start + 12 }
    for bit in bits {
      var bad = good
      bad[bit / 8] ^= 0x80 >> UInt8(bit % 8)
      s.inject(packet: bad)
    }
    s.inject(.data(seq: 1, ack: 1, "text").badChecksum())
    s.inject(
      .data(seq: 1, ack: 1, "text").edited { $0.replaceSubrange(start + 16..<start + 18, with: [0, 0]) })
    s.expectNothing(for: .seconds(1))
    #expect(s.counters.drops(.badTCPChecksum) == UInt64(bits.count) + 2)
    #expect(s.receive().error == .wouldBlock)
    s.inject(packet: good)
    #expect(s.receive().text == "text")
  }
}
