import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

@Suite("RFC 8985 §6.2 step 4: how long a wider window lasts")
struct ReorderingWindowTests {
  @Test(
    "RFC 8985 §6.2 step 4: after sixteen recoveries without a duplicate the window is what it was",
    .bothFamilies)
  func sixteenRecoveries() {
    let r = RecoveryScript().measured()
    r.send(10)
    r.expect(1..<11)
    r.s.inject(.ack(seq: 1, ack: 1_001, options: [.sack([1..<1_001])]))
    r.advance(100)
    r.ack(11)
    for n in 0..<16 {
      #expect(r.s.status?.reorderingWindow ?? 0 >= 45_000, "\(n)")
      let first = 11 + n * 2
      r.send(2)
      r.expect(first, first + 1)
      r.advance(100)
      r.ack(first, first + 1..<first + 2)
      r.advance(60)
      r.expect(first)
      r.advance(100)
      r.ack(first + 2)
    }
    #expect(r.s.counters.tcp.tcpFastRetrans == 16)
    #expect(r.s.status?.reorderingWindow ?? .max <= 30_000)
  }
}
