import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

// RFC 9293 §3.8.6: the peer's window as a number.

@Suite("RFC 9293: window")
struct WindowTests {
  @Test(
    "MUST-1 a window field of 0x8000 and more is large, not negative", .bothFamilies,
    arguments: [0x7fff, 0x8000, 0x8001, 0xffff] as [UInt16])
  func unsignedField(window: UInt16) {
    let s = Scenario(.established(), window: window) { $0.tcp.initialWindowSegments = 200 }
    #expect(s.status?.sndWnd == UInt32(window))
    s.send(100_000)
    let sent = s.takeSegments()
    #expect(sent.count == Int(window) / 1_460)
    #expect(sent.allSatisfy { $0.text.count == 1_460 })
  }

  @Test(
    "REC-1 a window of 2^30 octets is used beyond 64 KiB, and across the wrap of sequence numbers",
    .bothFamilies)
  func scaledWindow() {
    let offer: [ScriptOption] = [.mss(1_460), .windowScale(14)]
    let s = Scenario(.established(), offering: offer, iss: 0xffff_0000) { $0.tcp.initialWindowSegments = 200 }
    #expect(s.status?.sndWnd == 65_535 << 14)
    let count = 171 * 1_460
    s.send(.count(count))
    #expect(s.takeSegments().count == 171)
    #expect(s.status?.unacked == UInt32(count))
    s.inject(.ack(seq: 1, ack: 100_001))
    #expect(s.status?.unacked == UInt32(count - 100_000))
    #expect(s.status?.sndWnd == 65_535 << 14)
    s.inject(.ack(seq: 1, ack: count + 1))
    #expect(s.status?.unacked == 0)
  }
}
