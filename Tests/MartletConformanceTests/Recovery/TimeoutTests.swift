import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

@Suite("RFC 8985 §6.3, RFC 9293 §3.8.6.1: what a time-out and a shut window leave in flight")
struct TimeoutTests {
  @Test(
    "RFC 8985 §6.3: what left less than a round trip before the time-out may yet arrive, and is not lost",
    .bothFamilies)
  func sentLately() {
    let r = RecoveryScript().measured()
    r.send(3)
    r.expect(1..<4)
    r.advance(100)
    r.ack(2)
    // The probe.
    r.advance(201)
    r.expect(3)
    r.advance(249)
    r.send(1)
    r.expect(4)
    r.advance(60)
    r.expect(2)
    #expect(r.s.counters.tcp.tcpTimeouts == 1)
    #expect(r.s.status?.lost == 1_000)
    #expect(r.s.status?.pipe == 2_000)
    r.advance(10)
    r.ack(3)
    // Not 4: it fills the other half of the window.
    r.expect(3)
    #expect(r.s.status?.sndCwnd == 2_000)
  }

  @Test("RFC 9293 §3.8.6.1: what is found lost while the window is shut leaves when it opens", .bothFamilies)
  func foundLostWhileShut() {
    let r = RecoveryScript().measured()
    r.send(40)
    r.expect(1..<21)
    r.advance(100)
    r.ack(1, 2..<12)
    let first = r.s.takeSegments().map { ($0.seq - 1) / 1_000 }
    #expect(first.contains(1), "\(first)")
    r.advance(20)
    r.ack(1, 2..<21)
    let newest = r.s.takeSegments().map { ($0.seq - 1) / 1_000 }.max() ?? 0
    #expect(newest > 20)
    r.advance(100)
    // It left 20 ms after the retransmission of 1, which is lost again, and the window shuts.
    let blocks: [ScriptOption] = [.sack([2_001..<newest * 1_000 + 1_001])]
    r.s.inject(.ack(seq: 1, ack: 1_001, window: 0, options: blocks))
    r.s.expectNothing(for: .milliseconds(60))
    #expect(r.s.status?.lost == 1_000)
    r.s.inject(.ack(seq: 1, ack: 1_001, window: 4_000, options: blocks))
    #expect(r.s.takeSegments().first?.seq == 1_001)
    #expect(r.s.counters.tcp.tcpTimeouts == 0)
  }
}
