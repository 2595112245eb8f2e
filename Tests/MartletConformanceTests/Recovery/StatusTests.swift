import MartletTCP
import MartletTesting
import Testing

/// What STATUS says of a transfer (RFC 9293 §3.10.6), number by number.
@Suite("STATUS of a transfer")
struct StatusTests {
  @Test("Every octet of a flight is accounted for before, within and after a recovery", .bothFamilies)
  func recovery() throws {
    let r = RecoveryScript().measured()
    r.send(10)
    r.expect(1..<11)
    var status = try #require(r.s.status)
    #expect(status.unacked == 10_000 && status.pipe == 10_000 && status.notsentBytes == 0)
    #expect(status.delivered == 0 && status.lostTotal == 0 && status.minRtt == 0)
    #expect(status.rtt == 100_000 && status.recovery == .none && !status.reorderingSeen)

    r.advance(100)
    r.ack(1, 2..<5)
    r.expect(1)
    status = try #require(r.s.status)
    // Three arrived, one is lost and in the network again.
    #expect(status.sacked == 3_000 && status.lost == 0 && status.retrans == 1_000)
    #expect(status.unacked == 10_000 && status.pipe == 7_000)
    #expect(status.delivered == 3_000 && status.lostTotal == 1_000 && status.totalRetrans == 1)
    #expect(status.minRtt == 100_000 && status.recovery == .fastRecovery && status.inRecovery)

    r.advance(50)
    r.ack(11)
    status = try #require(r.s.status)
    #expect(status.unacked == 0 && status.pipe == 0 && status.sacked == 0)
    #expect(status.lost == 0 && status.retrans == 0 && status.totalRetrans == 1)
    #expect(status.recovery == .none && !status.inRecovery)
  }

  @Test("What waits for the window is not sent, and the least round trip is the least", .bothFamilies)
  func waiting() throws {
    let r = RecoveryScript(initialWindow: 4).measured()
    r.send(6)
    r.expect(1..<5)
    var status = try #require(r.s.status)
    #expect(status.sndCwnd == 4_000 && status.unacked == 4_000 && status.notsentBytes == 2_000)
    r.advance(80)
    r.ack(2)
    r.expect(5, 6)
    r.advance(20)
    r.ack(5)
    r.expect()
    status = try #require(r.s.status)
    #expect(status.delivered == 4_000 && status.notsentBytes == 0 && status.unacked == 2_000)
    #expect(status.minRtt == 80_000 && status.lostTotal == 0)
  }

  @Test("A time-out is told as one, with its back-off", .bothFamilies)
  func timeout() throws {
    let r = RecoveryScript(sack: false).measured()
    r.send(1)
    r.expect(1)
    let first = try #require(r.s.status)
    r.advance(Int64(first.rto))
    r.expect(1)
    let status = try #require(r.s.status)
    #expect(status.recovery == .timeout && status.inTimeoutRecovery && !status.inRecovery)
    #expect(status.backoff == 1 && status.rto == first.rto * 2 && status.retransmits == 1)
    #expect(status.sndCwnd == 1_000 && status.totalRetrans == 1 && status.timer == .retransmission)
  }
}
