import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

/// What a seed of the simulator found, as the script it was reduced to.
@Suite struct FoundBySeeds {
  // Seed 917: both ends opened at once, took the other's window for 128 times its size, sent beyond it, and
  // then acknowledged from numbers that the other no longer accepted, until both gave up.
  @Test("S2.10 the window of a SYN-ACK is not scaled in a simultaneous open either")
  func unscaledWindow() {
    let offer: [ScriptOption] = [.mss(1_460), .windowScale(7)]
    let s = Scenario(.synReceived(.active), offering: offer, window: 1_000)
    s.inject(.synAck(seq: 0, ack: 1, window: 1_000, options: offer))
    s.expect(.ack(seq: 1, ack: 1))
    s.expectState(.established)
    #expect(s.status?.sndWscale == 7)
    // A plain segment could not say more than 7 units of 128.
    #expect(s.status?.sndWnd == 896)
    s.send(10_000)
    #expect(s.takeSegments().map(\.text.count).reduce(0, +) <= 1_000)
  }

  @Test("RFC 7323 §2.4 an acknowledgment comes from what was sent, though the window's field rounds it away")
  func roundedWindow() {
    let s = Scenario(.established(), offering: [.mss(1_460), .windowScale(7)], window: 32)
    s.setOptions { $0.noDelay = true }
    s.send(4_096)
    #expect(s.takeSegments().map(\.text.count) == [1_460, 1_460, 1_176])
    // 100 octets fewer are left of the promise than 32 units: 31 of them, and the rest is not taken back.
    s.inject(.data(seq: 1, ack: 101, window: 31, 100))
    s.expectNext(in: .zero ... .milliseconds(40), .ack(seq: 4_097, ack: 101))
  }
}
