import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

@Suite("RFC 6937: proportional rate reduction")
struct ProportionalReductionTests {
  @Test(
    "RFC 6937 §3: below ssthresh each acknowledgment lets out what it delivers and a segment, if no more is owed",
    .bothFamilies
  )
  func deliveredAndOne() {
    let r = RecoveryScript().measured()
    r.send(20)
    r.expect(1..<21)
    r.advance(100)
    // Seventeen are lost: pipe is 0, and three were delivered.
    r.ack(1, 18..<21)
    r.expect(1, 2, 3)
    r.advance(100)
    r.ack(2, 18..<21)
    r.expect(4, 5)
    // Five were delivered and five have left: nothing is owed.
    r.ack(3, 18..<21)
    r.expect(6, 7)
    r.ack(4, 18..<21)
    r.expect(8, 9)
  }

  @Test(
    "RFC 6937 §3: what was delivered while nothing waited to be sent may leave later, up to ssthresh",
    .bothFamilies)
  func bankedOpportunities() {
    let r = RecoveryScript().measured()
    r.send(20)
    r.expect(1..<21)
    r.advance(100)
    r.ack(1, 2..<5)
    r.expect(1)
    for n in 6...21 { r.ack(1, 2..<n) }
    r.expect()
    #expect(r.s.status?.pipe == 1_000)
    #expect(r.s.status?.sndSsthresh == 10_000)
    #expect(r.s.status?.sndCwnd == 10_000)
    r.send(30)
    r.expect(21..<30)
  }
}
