import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

@Suite("RFC 9293 §3.8.3: what counts as a try of an orphan")
struct OrphanTests {
  @Test(
    "E8 an orphan each of whose time-outs brings something forward is kept, though its back-off stands (Karn)",
    .bothFamilies)
  func comesForward() {
    let s = Scenario(.established())
    s.send(30_000)
    s.close()
    s.takeSegments()
    for segment in 1...9 {
      let next = (segment - 1) * 1_460 + 1
      for _ in 0..<700 where !s.takeSegments().contains(where: { $0.seq == next && !$0.text.isEmpty }) {
        s.advance(by: .milliseconds(100))
      }
      s.inject(.ack(seq: 1, ack: segment * 1_460 + 1))
    }
    s.takeSegments()
    #expect(s.state == .finWait1)
    // From then on nothing comes forward.
    s.advance(by: .minutes(30))
    #expect(s.takeSegments().last?.flags.contains(.rst) == true)
    s.expectQuiet()
  }
}
