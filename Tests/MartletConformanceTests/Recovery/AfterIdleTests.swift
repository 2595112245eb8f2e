import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

// An idle connection has forgotten its flight; these are the rules that must hold all the same.

@Suite("RFC 8985: what an idle connection has forgotten")
struct AfterIdleTests {
  @Test(
    "RFC 8985 §6.2 step 2: after an idle spell, too, a probe that has just left has not arrived yet",
    .bothFamilies)
  func lateAfterIdle() {
    let r = RecoveryScript().measured()
    r.send(5)
    r.expect(1..<6)
    // The path has become twice as long, and the last segment overtakes the others.
    r.advance(202)
    r.expect(5)
    r.advance(2)
    r.ack(1, 5..<6)
    r.expect()
    r.advance(40)
    r.expect()
    r.ack(6)
    #expect(r.s.counters.tcp.retransSegs == 1)
    #expect(r.s.counters.tcp.tcpFastRetrans == 0)
  }

  @Test(
    "RFC 8985 §6.2 step 4: reports that come when all is acknowledged, too, widen the window once a round trip",
    .bothFamilies
  )
  func reportsWhileIdle() {
    let r = RecoveryScript().measured()
    r.send(10)
    r.expect(1..<11)
    r.advance(100)
    for end in 5...8 { r.ack(1, 4..<end) }
    r.s.takeSegments()
    // 1, 2 and 3 were only late: all is acknowledged, and then the second copies arrive.
    r.ack(11)
    #expect(r.s.status?.unacked == 0)
    for n in 1...3 {
      r.s.inject(.ack(seq: 1, ack: 11_001, options: [.sack([1_000 * n + 1..<1_000 * n + 1_001])]))
    }
    #expect(r.s.counters.tcp.tcpDSACKRecv == 3)
    #expect(r.s.status?.reorderingWindow == 50_000)
    // The next recovery counts again.
    r.send(5)
    r.expect(11..<16)
    r.advance(100)
    r.ack(11, 12..<16)
    r.advance(60)
    r.expect(11)
    r.ack(16)
    r.s.inject(.ack(seq: 1, ack: 16_001, options: [.sack([11_001..<12_001])]))
    #expect(r.s.status?.reorderingWindow == 75_000)
  }
}
