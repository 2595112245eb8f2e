import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

@Suite("Pacing")
struct PacingTests {
  @Test(
    "Paced text leaves at twice the window over a round trip in slow start, two segments or a millisecond at a time"
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
}
