import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

// RFC 9293 §3.9.1.2: there is no PUSH in `send`, so the stack decides.

@Suite("RFC 9293: push")
struct PushTests {
  @Test(
    "MUST-60 an octet leaves at once when nothing is in flight, else with the next acknowledgment",
    .bothFamilies)
  func nothingIsHeldBack() {
    let s = Scenario(.established())
    s.send("a")
    s.expect(.data(seq: 1, ack: 1, "a").adding(.psh))
    s.send("b")
    s.expectNothing(for: .milliseconds(900))
    s.inject(.ack(seq: 1, ack: 2))
    s.expect(.data(seq: 2, ack: 1, "b").adding(.psh))
  }

  @Test("MUST-61 the segment that empties the queue carries PSH, no other does", .bothFamilies)
  func lastSegment() {
    let s = Scenario(.established())
    s.setOptions { $0.noDelay = true }
    s.send(4_000)
    s.expect(.data(seq: 1, 1_460).withoutPush())
    s.expect(.data(seq: 1_461, 1_460).withoutPush())
    s.expect(.data(seq: 2_921, 1_080).adding(.psh))
    s.inject(.ack(seq: 1, ack: 4_001))
    s.send(2_920)
    s.expect(.data(seq: 4_001, 1_460).withoutPush())
    s.expect(.data(seq: 5_461, 1_460).adding(.psh))
  }

  @Test("SHLD-27 three writes that share a segment share one PSH", .bothFamilies)
  func collapsed() {
    let s = Scenario(.established())
    s.send("a")
    s.expect(.data(seq: 1, "a"))
    s.send(100)
    s.send(200)
    s.send(300)
    s.expectNothing()
    s.inject(.ack(seq: 1, ack: 2))
    s.expect(.data(seq: 2, 600).adding(.psh))
    s.expectNothing()
  }

  @Test(
    "SHLD-28 a long text leaves in full segments, whatever the writes were", .bothFamilies,
    arguments: [7, 1_000, 5_000])
  func fullSegments(write: Int) {
    let s = Scenario(.established())
    for _ in 0..<(20_000 / write) { s.send(.count(write)) }
    var end = 1
    while end < 14_601 {
      let segments = s.takeSegments()
      guard let last = segments.last else { break }
      // Nothing was in flight before the first write, so that alone may be small.
      for segment in segments where segment.seq > 1 {
        #expect(segment.text.count == 1_460, "at \(segment.seq)")
      }
      end = last.seq + last.text.count
      s.inject(.ack(seq: 1, ack: end))
    }
    #expect(end >= 14_601)
  }
}
