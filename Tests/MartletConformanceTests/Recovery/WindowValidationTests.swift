import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

@Suite("RFC 7661: a window that is not used")
struct WindowValidationTests {
  /// cwnd is 40 segments after this, proved by 40 in flight.
  private func grown() -> RecoveryScript {
    let r = RecoveryScript().measured()
    r.send(20)
    r.s.takeSegments()
    r.advance(100)
    for n in 2...21 { r.ack(n) }
    #expect(r.s.status?.cwnd == 40_000)
    return r
  }

  @Test("RFC 7661 §4.3, §4.4.2: after a short pause the window is what it was, spread over a round trip")
  func shortPause() {
    let r = grown()
    r.advance(10_000)
    r.send(60)
    let first = r.s.takeSegments().count
    #expect(first <= 3, "\(first)")
    var sent = first
    for _ in 1...100 {
      r.advance(1)
      let burst = r.s.takeSegments().count
      #expect(burst <= 3)
      sent += burst
    }
    #expect(sent == 40)
    #expect(r.s.status?.cwnd == 40_000)
  }

  @Test("RFC 7661 §4.4.3: each five minutes of it halve the window, and ssthresh remembers three quarters")
  func longPause() {
    let r = grown()
    r.advance(301_000)
    r.send(1)
    r.s.takeSegments()
    #expect(r.s.status?.cwnd == 20_000)
    let other = RecoveryScript(initialWindow: 4).measured()
    #expect(other.s.status?.cwnd == 4_000)
    other.advance(3_000_000)
    other.send(1)
    other.s.takeSegments()
    #expect(other.s.status?.cwnd == 4_000)
  }

  @Test("RFC 7661 §4.1: an application that uses a tenth of the window does not make it grow")
  func unusedWindow() {
    let r = grown()
    for n in 0..<50 {
      r.send(2)
      r.s.takeSegments()
      r.advance(100)
      r.ack(21 + 2 * (n + 1))
    }
    #expect(r.s.status?.cwnd == 40_000)
  }
}
