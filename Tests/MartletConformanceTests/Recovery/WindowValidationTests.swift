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
    #expect(r.s.status?.sndCwnd == 40_000)
    return r
  }

  @Test(
    "RFC 7661 §4.3, §4.4.2: after a short pause the window is what it was, spread over a round trip",
    .bothFamilies)
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
    #expect(r.s.status?.sndCwnd == 40_000)
  }

  @Test(
    "RFC 7661 §4.4.3: each five minutes of it halve the window, and ssthresh remembers three quarters",
    .bothFamilies)
  func longPause() {
    let r = grown()
    r.advance(301_000)
    r.send(1)
    r.s.takeSegments()
    #expect(r.s.status?.sndCwnd == 20_000)
    let other = RecoveryScript(initialWindow: 4).measured()
    #expect(other.s.status?.sndCwnd == 4_000)
    other.advance(3_000_000)
    other.send(1)
    other.s.takeSegments()
    #expect(other.s.status?.sndCwnd == 4_000)
  }

  @Test("RFC 7661 §4.2: an application that uses a tenth of the window does not make it grow", .bothFamilies)
  func unusedWindow() {
    let r = grown()
    for n in 0..<50 {
      r.send(2)
      r.s.takeSegments()
      r.advance(100)
      r.ack(21 + 2 * (n + 1))
    }
    #expect(r.s.status?.sndCwnd == 40_000)
  }

  @Test(
    "RFC 7661 §4.4.3: an application that never fills the window loses half of it, whether it pauses or not",
    .bothFamilies,
    arguments: [0, 1_000])
  func neverFilled(pause: Int64) {
    let r = grown()
    // Two segments each time; without a pause one of them is always out.
    var next = 21
    func use(seconds: Int64) {
      for _ in 0..<seconds * 1_000 / (100 + pause) {
        r.send(2)
        r.s.takeSegments()
        r.advance(100)
        next += 2
        r.ack(pause == 0 ? next - 1 : next)
        r.advance(pause)
      }
    }
    use(seconds: 280)
    #expect(r.s.status?.sndCwnd == 40_000)
    use(seconds: 300)
    #expect(r.s.status?.sndCwnd == 20_000)
    #expect(r.s.counters.tcp.retransSegs == 0)
  }

  @Test(
    "The send buffer grows to two windows, up to its maximum, unless the application set it", .bothFamilies)
  func sendBufferFollows() {
    for (own, expected) in [(UInt32(0), UInt32(400 << 10)), (300 << 10, 300 << 10)] {
      let r = RecoveryScript(initialWindow: 40) {
        $0.tcp.maximumSendBuffer = 400 << 10
      }.measured()
      if own != 0 { r.s.setOptions { $0.sendBuffer = own } }
      #expect(r.s.status?.sendBuffer == (own == 0 ? 256 << 10 : own))
      r.send(200)
      var next = 1
      for _ in 1...12 {
        next += r.s.takeSegments().filter { !$0.text.isEmpty }.count
        r.advance(100)
        next += r.s.takeSegments().filter { !$0.text.isEmpty }.count
        for n in stride(from: next - 8, through: next, by: 2) where n > 1 { r.ack(n) }
        r.s.send(.count(100_000))
      }
      #expect(r.s.status?.sndCwnd ?? 0 > 200 << 10)
      #expect(
        r.s.status?.sendBuffer == expected, "\(r.s.status?.sendBuffer ?? 0) \(r.s.status?.sndCwnd ?? 0)")
    }
  }

  @Test("A send buffer that grows holds two windows exactly", .bothFamilies)
  func twoWindows() {
    let r = grownTo(40)
    #expect(r.s.status?.sendBuffer == 256 << 10)
    let other = grownTo(200)
    #expect(other.s.status?.sndCwnd == 400_000)
    // In units of 256 octets.
    #expect(other.s.status?.sendBuffer == 800_000)
  }

  /// So many segments in flight at once, and all of them acknowledged in pairs: cwnd doubles.
  private func grownTo(_ segments: UInt8) -> RecoveryScript {
    let r = RecoveryScript(initialWindow: segments).measured()
    r.send(Int(segments))
    r.s.takeSegments()
    r.advance(100)
    for n in stride(from: 3, through: Int(segments) + 1, by: 2) { r.ack(n) }
    return r
  }

  @Test(
    "RFC 7661 §4.4.3: the window halves once for each five minutes of silence, not once for all",
    .bothFamilies)
  func twoPeriods() {
    let r = RecoveryScript(initialWindow: 5).measured()
    var next = 1
    for count in [5, 10, 20] {
      r.send(count)
      r.s.takeSegments()
      r.advance(100)
      for _ in 1...count {
        next += 1
        r.ack(next)
      }
    }
    let grown = r.s.status?.sndCwnd ?? 0
    #expect(grown >= 40_000)
    r.advance(11 * 60_000)
    r.send(1)
    #expect(r.s.status?.sndCwnd == grown / 4)
  }
}
