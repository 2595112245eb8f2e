import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

@Suite("RFC 8985 §7: tail-loss probe")
struct TailLossProbeTests {
  @Test(
    "RFC8985-7.2-a/c RFC8985-7.3-e/g RFC8985-8-a after two silent round trips the last segment leaves again",
    .bothFamilies
  )
  func lastSegment() {
    let r = RecoveryScript().measured()
    r.send(4)
    r.expect(1..<5)
    #expect(r.s.status?.timer == .tailProbe)
    r.advance(199)
    r.expect()
    r.advance(2)
    r.expect(4)
    #expect(r.s.status?.timer == .retransmission)
    #expect(r.s.counters.tcp.tcpLossProbes == 1)
    #expect(r.s.status?.sndCwnd == 20_000)
  }

  @Test("RFC8985-7.3-f RFC8985-9.3-a/b the probe's acknowledgment shows what else is missing", .bothFamilies)
  func tailOfThree() {
    let r = RecoveryScript().measured()
    r.send(4)
    r.expect(1..<5)
    r.advance(100)
    // 2, 3 and 4 are lost.
    r.ack(2)
    r.advance(201)
    r.expect(4)
    r.advance(100)
    r.ack(2, 4..<5)
    // RACK: 2 and 3 left long before the probe. One was delivered, so one may leave (RFC 6937 §3, CRB).
    r.expect(2)
    r.advance(100)
    r.ack(3, 4..<5)
    r.expect(3)
    r.advance(100)
    r.ack(5)
    #expect(r.s.counters.tcp.tcpTimeouts == 0)
    #expect(r.s.status?.recovery == ConnectionStatus.Recovery.none)
  }

  @Test(
    "RFC 8985 §6.2 step 2, RFC 7323 §4.3 (2): a report's echo is of what came before the hole, and no evidence",
    .bothFamilies
  )
  func tailOfThreeWithTimestamps() throws {
    let r = RecoveryScript(timestamps: true, handshake: 100).measured()
    r.send(4)
    let first = r.s.takeSegments().filter { !$0.text.isEmpty }
    let stamp = try #require(first.first?.timestamps?.value)
    // 2, 3 and 4 are lost.
    func report(_ n: Int, echo: UInt32) {
      r.s.inject(
        .ack(
          seq: 1, ack: n * 1_000 + 1, options: [.timestamps(r.s.peerClock, echo), .sack([4_001..<5_001])]))
    }
    r.advance(100)
    r.ack(2)
    r.advance(201)
    r.expect(4)
    r.advance(100)
    report(2, echo: stamp)
    let again = r.s.takeSegments().filter { !$0.text.isEmpty }
    #expect(again.map(\.seq) == [2_001])
    r.advance(100)
    report(3, echo: again.first?.timestamps?.value ?? 0)
    r.expect(3)
    r.advance(100)
    r.ack(5)
    #expect(r.s.counters.tcp.tcpTimeouts == 0)
  }

  @Test("RFC8985-7.3-d/g new text is the better probe", .bothFamilies)
  func newText() {
    let r = RecoveryScript(initialWindow: 4).measured()
    r.send(12)
    r.expect(1..<5)
    r.advance(202)
    r.expect(5)
    #expect(r.s.counters.tcp.retransSegs == 0)
    // One probe at a time: the retransmission time-out is next.
    #expect(r.s.status?.timer == .retransmission)
  }

  @Test(
    "RFC6298-5.1-a RFC8985-7.2-a small writes do not put the timer off", .bothFamilies,
    arguments: [false, true])
  func smallWrites(sack: Bool) {
    let r = RecoveryScript(sack: sack).measured()
    r.s.setOptions { $0.noDelay = true }
    var repeated: [Int] = []
    for n in 0..<20 {
      r.s.send(10)
      let new = 1_001 + 10 * n
      for segment in r.s.takeSegments() where !segment.text.isEmpty && segment.seq < new {
        repeated.append(n)
      }
      r.advance(100)
      for segment in r.s.takeSegments() where !segment.text.isEmpty { repeated.append(n) }
    }
    #expect((repeated.first ?? 20) < 5, "\(repeated)")
  }

  @Test(
    "RFC6298-5.1-a new text does not put the time-out of a lost retransmission off", .bothFamilies,
    arguments: CongestionControl.allCases)
  func lostRetransmissionWithoutSACK(control: CongestionControl) {
    let r = RecoveryScript(sack: false, initialWindow: 4) { $0.tcp.congestionControl = control }.measured()
    r.s.send(.count(200_000))
    var arrived: Set<Int> = []
    var next = 1
    var transmissions: [Int: [Instant]] = [:]
    for _ in 0..<300 where transmissions[2, default: []].count < 3 {
      let sent = r.s.takeSegments().filter { !$0.text.isEmpty }
      r.advance(100)
      for segment in sent {
        let n = (segment.seq - 1) / 1_000
        transmissions[n, default: []].append(segment.time)
        // The first flight is lost, and so is the first retransmission of segment 2.
        let count = transmissions[n, default: []].count
        if n <= 4 && count == 1 || n == 2 && count == 2 { continue }
        arrived.insert(n)
        while arrived.contains(next) { next += 1 }
        r.ack(next)
      }
    }
    let times = transmissions[2, default: []]
    #expect(times.count == 3 && times[2].since(times[1]) < .seconds(2), "\(times)")
  }

  @Test("RFC8985-7.2-c one segment alone may wait for a delayed acknowledgment", .bothFamilies)
  func delayedAcknowledgment() {
    let r = RecoveryScript().measured()
    r.send(1)
    r.expect(1)
    r.advance(202)
    r.expect()
    r.advance(200)
    #expect(r.s.counters.tcp.retransSegs == 1)
  }

  @Test("RFC8985-7.4.2-a/b a single loss that the probe repaired counts as congestion, once", .bothFamilies)
  func repaired() {
    let r = RecoveryScript().measured()
    r.send(4)
    r.expect(1..<5)
    r.advance(100)
    r.ack(4)
    r.advance(405)
    r.expect(4)
    r.send(3)
    r.expect(5..<8)
    r.advance(100)
    let before = r.s.status?.sndCwnd ?? 0
    r.ack(6)
    #expect(r.s.status?.sndCwnd ?? 0 < before)
    #expect(r.s.counters.tcp.tcpLossProbeRecovery == 1)
    r.ack(8)
    #expect(r.s.counters.tcp.tcpLossProbeRecovery == 1)
  }

  @Test(
    "RFC 8985 §7.4.2: a probe that the peer reports as a duplicate was not needed: nothing shrinks",
    .bothFamilies)
  func spurious() {
    let r = RecoveryScript().measured()
    r.send(4)
    r.expect(1..<5)
    r.advance(201)
    r.expect(4)
    r.send(1)
    r.expect(5)
    let before = r.s.status?.sndCwnd ?? 0
    r.ack(5)
    r.s.inject(.ack(seq: 1, ack: 5_001, options: [.sack([4_001..<5_001])]))
    r.advance(10)
    r.ack(6)
    #expect(r.s.status?.sndCwnd ?? 0 >= before)
    #expect(r.s.counters.tcp.tcpLossProbeRecovery == 0)
  }

  @Test(
    "RFC 8985 §7.2: where the time-out is nearer than two round trips, the probe leaves when it is due",
    .bothFamilies)
  func notAfterTheTimeout() {
    let r = RecoveryScript { $0.tcp.initialRTO = .seconds(5) }
    // A steady second, until its variance counts for less than the margin of 200 ms.
    for n in 0..<12 {
      r.send(1)
      r.expect(n)
      r.advance(999)
      r.ack(n + 1)
    }
    r.send(4)
    r.expect(12..<16)
    #expect(r.s.status?.rto == 1_199)
    r.s.expectNothing(for: .milliseconds(1_198))
    r.s.expectNext(after: .milliseconds(1), .data(seq: 15_001, 1_000))
    #expect(r.s.counters.tcp.tcpLossProbes == 1)
  }

  @Test(
    "RFC 8985 §7.3, RFC 9293 §3.8.6.1: no probe goes into a shut window; the time-out sends an octet there",
    .bothFamilies)
  func shutWindow() {
    let r = RecoveryScript().measured()
    r.send(1)
    r.expect(1)
    r.s.inject(.ack(seq: 1, ack: 1_001, window: 0))
    // The probe would be due after 300 ms, where the time-out was; now that is after as much again.
    r.s.expectNothing(for: .milliseconds(599))
    #expect(r.s.counters.tcp.tcpLossProbes == 0)
    r.s.expectNext(after: .milliseconds(1), .data(seq: 1_001, 1))
    #expect(r.s.counters.tcp.tcpTimeouts == 1)
  }

  @Test("RFC8985-7.2-b without a measured round trip the probe waits a second", .bothFamilies)
  func unmeasured() {
    let r = RecoveryScript()
    r.send(4)
    r.expect(0..<4)
    #expect(r.s.status?.timer == .tailProbe)
    r.advance(999)
    r.expect()
    r.advance(2)
    r.expect(3)
    #expect(r.s.counters.tcp.tcpLossProbes == 1)
  }

  @Test("RFC8985-7.2-c the probe waits no longer than the retransmission time-out would", .bothFamilies)
  func noLaterThanTimeout() {
    let r = RecoveryScript()
    for n in 1...40 {
      r.send(1)
      r.s.takeSegments()
      r.advance(500)
      r.ack(n)
    }
    #expect(r.s.status?.rto == 700)
    r.send(4)
    r.expect(40..<44)
    r.advance(699)
    r.expect()
    r.advance(2)
    r.expect(43)
    #expect(r.s.counters.tcp.tcpLossProbes == 1)
  }

  @Test(
    "RFC8985-7.3-a/b/c after a probe none follows until a round trip was measured: the time-out does",
    .bothFamilies)
  func noSecondProbe() {
    let r = RecoveryScript().measured()
    r.send(1)
    r.expect(1)
    r.advance(401)
    r.expect(1)
    r.advance(100)
    // Of which transmission, nobody can tell.
    r.ack(2)
    r.send(4)
    r.expect(2..<6)
    #expect(r.s.status?.timer == .retransmission)
    r.advance(299)
    r.expect()
    r.advance(3)
    r.expect(2)
    #expect(r.s.counters.tcp.tcpLossProbes == 1)
    #expect(r.s.counters.tcp.tcpTimeouts == 1)
    // Measured again, and probed again.
    r.ack(6)
    r.send(2)
    r.expect(6..<8)
    r.advance(100)
    r.ack(8)
    r.send(2)
    r.expect(8..<10)
    #expect(r.s.status?.timer == .tailProbe)
  }

  @Test("RFC8985-7.2-a with blocks reported, and in recovery, nothing is probed", .bothFamilies)
  func noProbeInRecovery() {
    let r = RecoveryScript().measured()
    r.send(10)
    r.expect(1..<11)
    #expect(r.s.status?.timer == .tailProbe)
    r.advance(100)
    r.ack(1, 2..<3)
    #expect(r.s.status?.timer == .reordering)
    r.ack(1, 2..<5)
    r.expect(1)
    #expect(r.s.status?.recovery == .fastRecovery)
    #expect(r.s.status?.timer != .tailProbe)
    r.advance(250)
    #expect(r.s.counters.tcp.tcpLossProbes == 0)
  }

  @Test("RFC 8985 §7.3: a last segment that is full and has the FIN is sent again whole", .bothFamilies)
  func fullWithFinish() throws {
    let r = RecoveryScript(initialWindow: 4).measured()
    r.send(40)
    r.s.shutdown()
    // Everything arrives until the last segment leaves, with the FIN.
    var sent = r.s.takeSegments()
    for _ in 0..<20 where sent.last?.flags.contains(.fin) == false {
      r.advance(100)
      r.ack(((sent.last?.seq ?? 1) - 1) / 1_000 + 1)
      sent = r.s.takeSegments()
    }
    let last = try #require(sent.last)
    #expect(last.seq == 40_001 && last.text.count == 1_000 && last.flags.contains(.fin))
    r.advance(100)
    r.ack(40)
    sent = []
    for _ in 0..<10 where sent.isEmpty {
      r.advance(100)
      sent = r.s.takeSegments()
    }
    let probe = try #require(sent.first)
    #expect(probe.seq == 40_001 && probe.text.count == 1_000 && probe.flags.contains(.fin))
    #expect(r.s.counters.tcp.tcpLossProbes == 1 && r.s.counters.tcp.tcpTimeouts == 0)
  }
}
