import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

@Suite("Pacing")
struct PacingTests {
  @Test(
    "Paced text leaves at twice the window over a round trip in slow start, two segments or a millisecond at a time",
    .bothFamilies
  )
  func slowStart() {
    let r = RecoveryScript().measured()
    r.s.setOptions { $0.pacing = true }
    r.send(40)
    var sent = r.s.takeSegments().count
    #expect(sent <= 3)
    // 20 segments at 2 · 20 in 100 ms: one each 2.5 ms.
    var largest = 0
    for _ in 1...45 {
      r.advance(1)
      let burst = r.s.takeSegments().count
      largest = max(largest, burst)
      sent += burst
    }
    #expect(sent >= 18 && sent <= 20, "\(sent)")
    #expect(largest <= 2)
    #expect(r.s.status?.pacingRate == 400_000)
    r.advance(10)
    #expect(r.s.takeSegments().count + sent == 20)
  }

  @Test("RFC 6928, RFC 9406 §4.2: what slow start sends beyond an initial window is spread", .bothFamilies)
  func slowStartUnasked() {
    let r = RecoveryScript(initialWindow: 10).measured()
    r.send(100)
    r.expect(1..<11)
    r.advance(100)
    var sent = 0
    for n in 2...11 {
      r.ack(n)
      sent += r.s.takeSegments().count
    }
    // As many as arrived, so that an initial window is in flight, and two that begin what is spread.
    #expect(sent <= 12, "\(sent)")
    var largest = 0
    for _ in 1...60 {
      r.advance(1)
      let burst = r.s.takeSegments().count
      largest = max(largest, burst)
      sent += burst
    }
    #expect(largest <= 2)
    #expect(sent == 20)
  }

  @Test("R2 one acknowledgment of everything lets out no burst", .bothFamilies)
  func stretchedAcknowledgment() {
    let r = RecoveryScript(initialWindow: 10).measured()
    r.s.setOptions { $0.congestionControl = .newReno }
    r.send(400)
    var next = 1
    for _ in 1...4 {
      for _ in 1...100 {
        next += r.s.takeSegments().count
        r.advance(1)
      }
      r.ack(next)
    }
    #expect(next > 40, "\(next)")
    var largest = r.s.takeSegments().count
    for _ in 1...100 {
      r.advance(1)
      largest = max(largest, r.s.takeSegments().count)
    }
    #expect(largest <= 4, "\(largest)")
  }

  @Test("RFC 6937 §3: what a shut window held back in recovery leaves spread when it opens", .bothFamilies)
  func recoveryBehindWindow() {
    let r = RecoveryScript(initialWindow: 10).measured()
    r.send(200)
    var next = 1
    for window in [10, 20, 40] {
      for _ in 1...100 {
        next += r.s.takeSegments().count
        r.advance(1)
      }
      guard window < 40 else { break }
      for n in next - window + 1...next { r.ack(n) }
    }
    #expect(next == 71)
    // Of the last 40 one is lost; the peer's window has room for nothing beyond them.
    r.s.inject(.ack(seq: 1, ack: 31_001, window: 2_500, options: [.sack([32_001..<71_001])]))
    r.expect(31)
    r.advance(100)
    r.s.inject(.ack(seq: 1, ack: 71_001, window: 65_000))
    var largest = 0
    for _ in 1...100 {
      largest = max(largest, r.s.takeSegments().count)
      r.advance(1)
    }
    #expect(largest <= 3, "\(largest)")
    #expect(r.s.status?.unacked == 20_000)
  }
}
