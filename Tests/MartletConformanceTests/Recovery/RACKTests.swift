import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

// RFC 8985, segment by segment.

@Suite("RFC 8985: RACK")
struct RACKTests {
  @Test(
    "RFC8985-1-a RFC8985-3.3.2-a RFC2018-5-a RFC2018-5.1-a three segments beyond a hole make it lost at once",
    .bothFamilies)
  func oneLoss() {
    let r = RecoveryScript().measured()
    r.send(10)
    r.expect(1..<11)
    r.advance(100)
    r.ack(1, 2..<3)
    r.expect()
    r.ack(1, 2..<4)
    r.expect()
    r.ack(1, 2..<5)
    r.expect(1)
    #expect(r.s.status?.recovery == .fastRecovery)
    #expect(r.s.status?.sndSsthresh == 5_000)
    r.ack(1, 2..<11)
    r.expect()
    r.advance(100)
    r.ack(11)
    #expect(r.s.status?.recovery == ConnectionStatus.Recovery.none)
    #expect(r.s.status?.sndCwnd == 5_000)
    r.s.expectNothing()
  }

  @Test(
    "RFC8985-3.3.2-b RFC8985-6.2-b RFC8985-8-a one segment beyond a hole is enough after a while",
    .bothFamilies
  )
  func reorderingTimer() {
    let r = RecoveryScript().measured()
    r.send(3)
    r.expect(1..<4)
    r.advance(100)
    r.ack(1, 2..<3)
    r.expect()
    #expect(r.s.status?.timer == .reordering)
    r.advance(24)
    r.expect()
    r.advance(3)
    r.expect(1)
  }

  @Test("RFC5681-4.3-g RFC2018-5-a several holes are repaired in one recovery, lowest first", .bothFamilies)
  func severalLosses() {
    let r = RecoveryScript().measured()
    r.send(20)
    r.expect(1..<21)
    r.advance(100)
    r.ack(1, 2..<4, 5..<8, 9..<21)
    // Segments 1, 4 and 8 are lost: 17 arrived, 3 are lost, so pipe is 0 and PRR lets all of them go.
    r.expect(1, 4, 8)
    r.advance(100)
    r.ack(21)
    #expect(r.s.status?.recovery == ConnectionStatus.Recovery.none)
    #expect(r.s.status?.sndSsthresh == 10_000)
    #expect(r.s.counters.tcp.retransSegs == 3)
    #expect(r.s.counters.tcp.tcpTimeouts == 0)
  }

  @Test(
    "RFC8985-4-c RFC8985-9.2-a a lost retransmission is found by what was sent after it, without a time-out",
    .bothFamilies)
  func lostRetransmission() {
    let r = RecoveryScript().measured()
    r.send(40)
    r.expect(1..<21)
    r.advance(100)
    r.ack(1, 2..<12)
    let first = r.s.takeSegments().map { ($0.seq - 1) / 1_000 }
    #expect(first.first == 1 && first.filter { $0 == 1 }.count == 1, "\(first)")
    r.advance(20)
    // More arrives of the first flight, and lets new text out.
    r.ack(1, 2..<21)
    let fresh = r.s.takeSegments().map { ($0.seq - 1) / 1_000 }
    #expect(!fresh.isEmpty && fresh.allSatisfy { $0 >= 21 }, "\(fresh)")
    r.advance(100)
    // The new text arrives; it left 20 ms after the retransmission of 1, which therefore is lost again.
    let newest = fresh.max() ?? 21
    r.ack(1, 2..<newest + 1)
    r.advance(30)
    let again = r.s.takeSegments().map { ($0.seq - 1) / 1_000 }
    #expect(again.contains(1), "\(again)")
    #expect(r.s.counters.tcp.tcpTimeouts == 0)
    #expect(r.s.counters.tcp.tcpLostRetransmit == 1)
  }

  @Test(
    "RFC 8985 §6.2 step 2, RFC 7323 §4.3 (2): in a tail, too, a report tells of a lost retransmission, whatever it echoes",
    .bothFamilies
  )
  func lostRetransmissionInTail() throws {
    let r = RecoveryScript(timestamps: true, handshake: 100).measured()
    r.send(10)
    let stamp = try #require(r.s.takeSegments().first { !$0.text.isEmpty }?.timestamps?.value)
    func report(_ range: Range<Int>) {
      let block = range.lowerBound * 1_000 + 1..<range.upperBound * 1_000 + 1
      r.s.inject(
        .ack(seq: 1, ack: 3_001, options: [.timestamps(r.s.peerClock, stamp), .sack([block])]))
    }
    r.advance(100)
    r.ack(3)
    report(5..<11)
    r.expect(3, 4)
    // The first of the two is lost again.
    r.advance(100)
    report(4..<11)
    r.expect(3)
    r.ack(11)
    #expect(r.s.counters.tcp.tcpLostRetransmit == 1)
    #expect(r.s.counters.tcp.tcpTimeouts == 0)
  }

  @Test(
    "RFC 8985 §6.2 step 2: of retransmissions that left together, the first to arrive makes no other lost",
    .bothFamilies)
  func burstOfRetransmissions() {
    let r = RecoveryScript().measured()
    r.send(20)
    r.expect(1..<21)
    r.advance(100)
    r.ack(1, 5..<21)
    r.expect(1, 2, 3, 4)
    r.advance(100)
    r.ack(2, 5..<21)
    r.expect()
    r.ack(3, 5..<21)
    r.expect()
    r.ack(21)
    #expect(r.s.counters.tcp.retransSegs == 4)
    #expect(r.s.counters.tcp.tcpLostRetransmit == 0)
  }

  @Test("RFC 8985 §6.2 step 3: what one acknowledgment reports together shows no reordering", .bothFamilies)
  func reportedTogether() {
    let r = RecoveryScript().measured()
    r.send(10)
    r.expect(1..<11)
    r.advance(100)
    r.ack(4, 5..<6)
    #expect(r.s.status?.reorderingSeen == false)
    r.ack(4, 5..<8)
    r.expect(4)
  }

  @Test(
    "RFC 5681 §3.1: a time-out in fast recovery is of the same congestion: ssthresh stays", .bothFamilies,
    arguments: [4, 9])
  func timeoutInRecovery(_ reported: Int) {
    let r = RecoveryScript().measured()
    r.send(10)
    r.expect(1..<11)
    r.advance(100)
    r.ack(1, 2..<reported + 1)
    r.expect(1)
    let ssthresh = r.s.status?.sndSsthresh
    #expect(r.s.status?.recovery == .fastRecovery)
    // The retransmission is lost, and so is all that came after what was reported.
    r.advance(500)
    #expect(r.s.counters.tcp.tcpTimeouts == 1)
    #expect(r.s.status?.sndCwnd == 1_000)
    #expect(r.s.status?.sndSsthresh == ssthresh)
  }

  @Test(
    "RFC 8985 §6.2: a retransmission that arrives from its middle leaves the rest to be judged", .bothFamilies
  )
  func middleArrives() {
    let r = RecoveryScript().measured()
    r.send(40)
    r.expect(1..<21)
    r.advance(100)
    r.ack(1, 5..<21)
    let first = r.s.takeSegments().map { ($0.seq - 1) / 1_000 }
    #expect(Array(first.prefix(4)) == [1, 2, 3, 4], "\(first)")
    let newest = first.max() ?? 21
    r.advance(100)
    // Of the four only the second arrives, then new text that left later.
    r.ack(1, 2..<3, 5..<21)
    r.advance(30)
    r.ack(1, 2..<3, 5..<newest + 1)
    r.advance(60)
    let again = Set(r.s.takeSegments().map { ($0.seq - 1) / 1_000 })
    #expect(again.isSuperset(of: [1, 3, 4]), "\(again.sorted())")
    #expect(r.s.counters.tcp.tcpTimeouts == 0)
  }

  @Test(
    "RFC 8985 §6.2 steps 3 and 4: reordering once seen, three segments beyond a hole are not enough",
    .bothFamilies)
  func reorderingSeen() {
    let r = RecoveryScript().measured()
    r.send(10)
    r.expect(1..<11)
    r.advance(100)
    // Segment 1 arrives late, by its first transmission.
    r.ack(1, 2..<4)
    r.ack(4)
    #expect(r.s.status?.reorderingSeen == true)
    r.s.takeSegments()
    r.ack(4, 5..<11)
    r.expect()
    #expect(r.s.status?.recovery == ConnectionStatus.Recovery.none)
    r.advance(10)
    r.ack(11)
    r.expect()
    #expect(r.s.counters.tcp.retransSegs == 0)
  }

  @Test(
    "RFC8985-3.3.2-c RFC8985-4-d each round trip with a duplicate report widens the window", .bothFamilies)
  func duplicateReportsWiden() {
    let r = RecoveryScript().measured()
    for step in 0..<3 {
      lateFirstSegment(r, 1 + step * 10)
      #expect(r.s.status?.reorderingWindow ?? 0 >= UInt32(step + 1) * 25_000, "\(step)")
    }
    #expect(r.s.counters.tcp.tcpDSACKRecv == 3)
  }

  @Test(
    "RFC 8985 §6.2 step 4: several duplicate reports in a round trip widen the window once", .bothFamilies)
  func reportsOfOneRoundTrip() {
    let r = RecoveryScript().measured()
    r.send(20)
    r.expect(1..<21)
    #expect(r.s.status?.reorderingWindow == 25_000)
    for wait in [0, 40, 59] {
      r.advance(Int64(wait))
      r.s.inject(.ack(seq: 1, ack: 1_001, options: [.sack([1..<1_001])]))
      #expect(r.s.status?.reorderingWindow == 50_000)
    }
    r.advance(1)
    r.s.inject(.ack(seq: 1, ack: 1_001, options: [.sack([1..<1_001])]))
    #expect(r.s.status?.reorderingWindow == 75_000)
  }

  @Test(
    "RFC 8985 §6.2 step 4: then nothing leaves again on a path that reorders by nearly a round trip",
    .bothFamilies)
  func reorderingByARoundTrip() {
    let r = RecoveryScript().measured()
    for step in 0..<3 { lateFirstSegment(r, 1 + step * 10) }
    let before = r.s.counters.tcp.retransSegs
    let cwnd = r.s.status?.sndCwnd ?? 0
    for next in [31, 41, 51] {
      r.send(10)
      r.expect(next..<next + 10)
      r.advance(100)
      for n in next + 2...next + 10 { r.ack(next, next + 1..<n) }
      r.advance(95)
      r.expect()
      r.ack(next + 10)
    }
    #expect(r.s.counters.tcp.retransSegs == before)
    #expect(r.s.status?.totalRetrans == UInt32(truncatingIfNeeded: before))
    #expect(r.s.status?.sndCwnd ?? 0 >= cwnd)
  }

  @Test("RFC8985-3.3.2-d/e the reordering window never exceeds SRTT", .bothFamilies)
  func largestWindow() {
    let r = RecoveryScript().measured()
    r.send(20)
    r.expect(1..<21)
    for n in 2...12 {
      r.advance(100)
      r.s.inject(.ack(seq: 1, ack: n * 1_000 + 1, options: [.sack([1..<1_001])]))
      let srtt = r.s.status?.rtt ?? 0
      #expect(r.s.status.map { $0.reorderingWindow <= srtt } == true)
      if n > 4 { #expect(r.s.status?.reorderingWindow == srtt) }
    }
    #expect(r.s.counters.tcp.tcpDSACKRecv == 11)
  }

  @Test("RFC8985-4-a without SACK time alone makes nothing lost, and nothing is probed", .bothFamilies)
  func withoutSACK() {
    let r = RecoveryScript(sack: false).measured()
    r.send(10)
    r.expect(1..<11)
    #expect(r.s.status?.timer == .retransmission)
    r.advance(100)
    r.ack(1)
    r.ack(1)
    #expect(r.s.status?.timer == .retransmission)
    r.advance(199)
    r.expect()
    r.advance(2)
    r.expect(1)
    #expect(r.s.counters.tcp.tcpTimeouts == 1)
    #expect(r.s.counters.tcp.tcpLossProbes == 0)
  }

  @Test("RFC8985-4-b what one connection's peer reports says nothing of another's text", .bothFamilies)
  func scoreboardsApart() {
    let r = RecoveryScript().measured()
    r.s.connectPeer(from: 40_001)
    r.send(10)
    r.expect(1..<11)
    let report = InjectedSegment.ack(seq: 1, ack: 1, options: [.sack([2_001..<6_001])])
    r.s.inject(report.from(port: 40_001))
    #expect(r.s.status?.sacked == 0)
    r.expect()
    r.ack(1, 2..<6)
    #expect(r.s.status?.sacked == 4_000)
  }

  /// Ten segments of which the first comes a round trip late: it leaves again, the peer gets it twice, and
  /// says so.
  private func lateFirstSegment(_ r: RecoveryScript, _ next: Int) {
    r.send(10)
    r.s.takeSegments()
    r.advance(100)
    r.ack(next, next + 1..<next + 10)
    r.advance(99)
    #expect(r.s.takeSegments().map { ($0.seq - 1) / 1_000 }.contains(next))
    r.s.inject(
      .ack(
        seq: 1, ack: (next + 10) * 1_000 + 1,
        options: [.sack([next * 1_000 + 1..<(next + 1) * 1_000 + 1])]))
    r.s.takeSegments()
  }

  @Test(
    "RFC 6675 §4 (4): the last segment is rescued once, when it is overdue and nothing else may leave",
    .bothFamilies)
  func rescue() {
    let r = RecoveryScript().measured()
    r.send(10)
    r.expect(1..<11)
    r.advance(100)
    r.ack(1, 2..<10)
    r.expect(1)
    // The retransmission is lost, and so is 10. The network doubles an acknowledgment: too early, in time, again.
    r.ack(1, 2..<10)
    r.expect()
    r.advance(20)
    r.ack(1, 2..<10)
    r.expect(10)
    r.advance(20)
    r.ack(1, 2..<10)
    r.expect()
    r.advance(100)
    r.ack(1, 2..<11)
    // 10 left after the retransmission of 1, which is lost again.
    r.advance(30)
    r.expect(1)
    #expect(r.s.counters.tcp.tcpTimeouts == 0)
  }

  @Test(
    "RFC 8985 §6.2 step 4: however many duplicate reports, the window is not wider than SRTT", .bothFamilies)
  func windowAtMostSRTT() {
    let r = RecoveryScript().measured()
    for n in 1...6 {
      r.send(1)
      r.expect(n)
      r.advance(100)
      r.s.inject(.ack(seq: 1, ack: n * 1_000 + 1_001, options: [.sack([1..<1_001])]))
      #expect(r.s.status?.reorderingWindow == UInt32(min(n + 1, 4)) * 25_000)
    }
  }

  @Test("RFC 6675 §4 (4): one rescue in a recovery, though new text has followed it", .bothFamilies)
  func rescueOnce() {
    let r = RecoveryScript().measured()
    r.send(10)
    r.expect(1..<11)
    r.advance(100)
    r.ack(1, 2..<10)
    r.expect(1)
    r.advance(20)
    r.ack(1, 2..<10)
    r.expect(10)
    r.send(1)
    r.expect(11)
    // Overdue as well, with room for it, and the retransmission of 1 is not yet.
    for _ in 1...5 {
      r.advance(30)
      r.ack(1, 2..<10)
      r.expect()
    }
    #expect(r.s.status?.recovery == .fastRecovery)
    #expect(r.s.counters.tcp.retransSegs == 2)
  }
}
