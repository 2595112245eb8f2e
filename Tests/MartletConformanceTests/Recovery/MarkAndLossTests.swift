import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

// RFC 3168 §6.1.2 where marks meet losses, recoveries that were not needed, and idle spells.

@Suite("RFC 3168 §6.1.2: marks beside losses")
struct MarkAndLossTests {
  private func echo(_ r: RecoveryScript, _ n: Int, _ ranges: Range<Int>...) {
    let blocks = ranges.map { $0.lowerBound * 1_000 + 1..<$0.upperBound * 1_000 + 1 }
    r.s.inject(
      .ack(seq: 1, ack: n * 1_000 + 1, options: blocks.isEmpty ? [] : [.sack(blocks)]).adding(.ece))
  }

  @Test(
    "RFC 3168 §6.1.2 a peer that talks to an idle connection, with ECE until CWR comes, is obeyed once",
    .bothFamilies)
  func idle() throws {
    let r = RecoveryScript(ecn: true).measured()
    r.send(10)
    r.expect(1..<11)
    r.advance(100)
    echo(r, 11)
    let reduced = try #require(r.s.status)
    #expect(r.s.counters.tcp.tcpECNReductions == 1)
    // A long answer, every segment of which repeats the echo, read as it comes.
    func answer(_ n: Int, ack: Int) {
      r.s.inject(.data(seq: 1 + 500 * n, ack: ack * 1_000 + 1, 500).adding(.ece))
      r.s.receive()
      r.s.takeSegments()
    }
    for n in 0..<10 { answer(n, ack: 11) }
    #expect(r.s.counters.tcp.tcpECNReductions == 1)
    #expect(r.s.status?.sndCwnd == reduced.sndCwnd && r.s.status?.sndSsthresh == reduced.sndSsthresh)
    // CWR is on its way: what the peer said before it came is no news either.
    r.send(1)
    r.s.expect(.data(seq: 11_001, 1_000).adding(.cwr).ecn(.ect0))
    for n in 10..<15 { answer(n, ack: 11) }
    #expect(r.s.counters.tcp.tcpECNReductions == 1)
    // It has come, and the peer has seen another mark.
    answer(15, ack: 12)
    #expect(r.s.counters.tcp.tcpECNReductions == 2)
  }

  @Test(
    "RFC 3168 §6.1.2 a FIN bears no CWR: what the peer repeats until one comes is no news then either",
    .bothFamilies)
  func finish() {
    let r = RecoveryScript(ecn: true).measured()
    r.send(10)
    r.expect(1..<11)
    r.advance(100)
    echo(r, 11)
    r.s.shutdown(.send)
    r.s.expect(.fin(seq: 11_001, 0))
    let cwnd = r.s.status?.sndCwnd
    for _ in 0..<3 { echo(r, 11) }
    #expect(r.s.counters.tcp.tcpECNReductions == 1 && r.s.status?.sndCwnd == cwnd)
  }

  @Test("RFC 3168 §6.1.2 a mark and a loss of one window of data reduce the window once", .bothFamilies)
  func markThenLoss() {
    let r = RecoveryScript(ecn: true).measured()
    r.send(20)
    r.expect(1..<21)
    r.advance(100)
    echo(r, 2)
    #expect(r.s.status?.sndSsthresh == 10_000)
    for end in 4...6 { echo(r, 2, 3..<end) }
    r.expect(2)
    #expect(r.s.status?.recovery == .fastRecovery)
    #expect(r.s.status?.sndSsthresh == 10_000)
    // All of it arrives: the window is that of the one reduction.
    r.advance(100)
    echo(r, 21)
    #expect(r.s.status?.recovery == ConnectionStatus.Recovery.none)
    #expect(r.s.status?.sndCwnd == 10_000)
    // A loss in the next window is another.
    r.send(10)
    r.expect(21..<31)
    r.advance(100)
    r.ack(22, 23..<26)
    r.expect(22)
    #expect(r.s.status?.sndSsthresh == 4_500)
  }

  @Test("RFC 3168 §6.1.2 a mark and a tail that a probe repaired, likewise", .bothFamilies)
  func markThenTail() {
    let r = RecoveryScript(ecn: true).measured()
    r.send(10)
    r.expect(1..<11)
    r.advance(100)
    echo(r, 2)
    #expect(r.s.status?.sndSsthresh == 5_000)
    echo(r, 10)
    r.advance(420)
    r.expect(10)
    r.advance(100)
    r.ack(11)
    #expect(r.s.counters.tcp.tcpLossProbeRecovery == 1)
    #expect(r.s.status?.sndSsthresh == 5_000)
  }

  @Test(
    "RFC 3168 §6.1.2 a mark that comes during a recovery stays answered when the recovery is taken back",
    .bothFamilies)
  func markInUndoneRecovery() throws {
    let r = try spuriousRecovery(marked: true)
    // Segment 1 came twice: nothing was lost, but the path was congested.
    r.s.inject(.ack(seq: 1, ack: 5_001, options: [.sack([1_001..<2_001])]))
    #expect(r.s.counters.tcp.tcpDSACKUndo == 1)
    #expect(r.s.status?.recovery == ConnectionStatus.Recovery.none)
    #expect(r.s.status?.sndSsthresh == 5_000 && r.s.status?.sndCwnd == 5_000)
    // And is answered once.
    echo(r, 6)
    #expect(r.s.counters.tcp.tcpECNReductions == 0)
    #expect(r.s.status?.sndSsthresh == 5_000)
  }

  @Test(
    "RFC 3168 §6.1.2 a recovery that was taken back has answered nothing: a mark of that window counts",
    .bothFamilies)
  func markAfterUndoneRecovery() throws {
    let r = try spuriousRecovery(marked: false)
    r.s.inject(.ack(seq: 1, ack: 5_001, options: [.sack([1_001..<2_001])]))
    #expect(r.s.counters.tcp.tcpDSACKUndo == 1)
    #expect(r.s.status?.sndCwnd ?? 0 >= 20_000)
    echo(r, 6)
    #expect(r.s.counters.tcp.tcpECNReductions == 1)
    #expect(r.s.status?.sndCwnd ?? .max < 20_000)
  }

  @Test(
    "RFC 3168 §6.1.2 a mark that comes after a time-out stays answered when the time-out is taken back",
    .bothFamilies)
  func markInUndoneTimeout() {
    let r = RecoveryScript(ecn: true).measured()
    r.send(30)
    r.expect(1..<21)
    r.advance(202)
    r.expect(21)
    r.advance(400)
    r.expect(1)
    let threshold = r.s.status?.sndSsthresh ?? 0
    #expect(threshold == 10_000)
    echo(r, 1)
    // The first flight was only late.
    r.ack(3)
    r.ack(5)
    #expect(r.s.counters.tcp.tcpSpuriousRTOs == 1)
    #expect(r.s.status?.sndSsthresh == threshold)
    #expect(r.s.status?.sndCwnd ?? .max <= threshold + 2_000)
  }

  /// Segment 1 of ten is late, leaves again, and its first copy arrives.
  private func spuriousRecovery(marked: Bool) throws -> RecoveryScript {
    let r = RecoveryScript(ecn: true).measured()
    r.send(10)
    r.expect(1..<11)
    r.advance(100)
    for end in 3...5 { r.ack(1, 2..<end) }
    r.expect(1)
    #expect(r.s.status?.sndSsthresh == 5_000)
    if marked { echo(r, 1, 2..<5) }
    r.ack(5)
    #expect(r.s.status?.recovery == .fastRecovery)
    return r
  }
}
