import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

// What is lost once more, or beside what a recovery is about, and what only looks like it.

@Suite("Losses after losses")
struct NextLossTests {
  /// Twenty segments are lost; after the time-out those up to 8 are repaired in slow start, and 9 to 12 leave.
  private func afterTimeout(timestamps: Bool = false, ecn: Bool = false) -> RecoveryScript {
    let r = RecoveryScript(timestamps: timestamps, ecn: ecn).measured()
    r.send(20)
    r.expect(1..<21)
    // The probe is lost, too.
    r.advance(202)
    r.expect(20)
    r.advance(timestamps ? 100 : 400)
    r.expect(1)
    #expect(r.s.status?.sndSsthresh == 10_000)
    r.advance(100)
    r.ack(2)
    r.expect(2, 3)
    r.advance(100)
    r.ack(3)
    r.ack(4)
    r.expect(4..<8)
    r.advance(100)
    for n in 5...8 { r.ack(n) }
    r.expect(8..<16)
    return r
  }

  @Test(
    "RFC8985-9.3-c RFC5681-4.3-f RFC 3168 §6.1.2: what is lost of the repair after a time-out shrinks the window once more, and once",
    .bothFamilies, arguments: [false, true]
  )
  func lostAgain(ecn: Bool) {
    let r = afterTimeout(ecn: ecn)
    let before = r.s.status?.sndCwnd ?? 0
    r.advance(100)
    // 9 to 12 are lost again.
    r.ack(9)
    r.expect(16, 17)
    r.ack(9, 13..<14)
    r.expect(9)
    let halved = r.s.status?.sndSsthresh ?? 0
    #expect(halved >= before / 2 && halved <= before / 2 + 1_000)
    #expect(r.s.status?.sndCwnd == halved)
    #expect(r.s.counters.tcp.tcpLostRetransmit > 0)
    // RFC 6675 §5.1: no new recovery before all that was out is acknowledged.
    #expect(r.s.status?.recovery == .timeout && r.s.counters.tcp.tcpFastRetrans == 0)
    r.ack(9, 13..<16)
    r.expect(10)
    r.advance(100)
    r.ack(10, 13..<16)
    #expect(r.s.status?.sndSsthresh == halved)
    #expect(r.s.counters.tcp.tcpTimeouts == 1)
  }

  @Test(
    "RFC 5681 §4.3: a time-out is not taken back once a loss since was answered, whatever came twice",
    .bothFamilies)
  func notTakenBack() {
    let r = afterTimeout()
    r.advance(100)
    r.ack(9)
    r.ack(9, 13..<14)
    let halved = r.s.status?.sndSsthresh ?? 0
    #expect(halved < 10_000)
    r.advance(100)
    r.ack(18)
    for _ in 1...2 {
      for n in 1...17 {
        r.s.inject(
          .ack(seq: 1, ack: 18_001, options: [.sack([n * 1_000 + 1..<n * 1_000 + 1_001])]))
      }
    }
    #expect(r.s.counters.tcp.tcpDSACKRecv == 34)
    #expect(r.s.status?.sndSsthresh == halved)
  }

  @Test(
    "RFC8985-9.3-c what left before the window was reduced, and is found lost later, is answered already",
    .bothFamilies)
  func lostTogether() {
    let r = afterTimeout()
    r.send(40)
    r.advance(100)
    for n in 9...12 { r.ack(n) }
    r.expect(16..<22)
    r.advance(10)
    for n in 13...16 { r.ack(n) }
    r.expect(22..<26)
    // 16 and 17 are found lost, and soon after 22 and 23, which left ten milliseconds later.
    r.advance(90)
    r.ack(16, 18..<22)
    let halved = r.s.status?.sndSsthresh ?? 0
    #expect(halved == 5_000)
    r.s.takeSegments()
    let lost = r.s.status?.lostTotal ?? 0
    r.advance(10)
    r.ack(16, 24..<26, 18..<22)
    #expect(r.s.status?.lostTotal == lost + 2_000)
    #expect(r.s.status?.sndSsthresh == halved && r.s.status?.recovery == .timeout)
  }

  @Test(
    "RFC 6675 §5.1: a loss within the repair after a time-out leaves a window that grows, however much there is to repair",
    .bothFamilies, arguments: [CongestionControl.newReno, .cubic])
  func repairGoesOn(control: CongestionControl) {
    let r = RecoveryScript(initialWindow: 250) { $0.tcp.congestionControl = control }.measured()
    r.send(240)
    _ = r.s.takeSegments()
    // All are lost, and so is the probe. After the time-out the second and third are lost once more.
    var repairs = 0
    var next = 1
    while repairs == 0 {
      r.advance(10)
      repairs = r.s.takeSegments().count { $0.seq == 1_001 && !$0.text.isEmpty }
    }
    r.advance(100)
    r.ack(2)
    r.expect(2, 3)
    r.advance(100)
    r.ack(2, 3..<4)
    r.advance(150)
    var rounds = 0
    var lost: Set<Int> = [2]
    while next < 241, rounds < 60 {
      // Whatever left in this round trip arrives; the first transmission of 2 was lost above.
      let sent = r.s.takeSegments().filter { !$0.text.isEmpty }.map { ($0.seq - 1) / 1_000 }
      r.advance(100)
      for n in sent {
        lost.remove(n)
        next = max(next, n + 1)
        r.ack(lost.min() ?? next)
      }
      rounds += 1
    }
    #expect(next == 241)
    // At two segments a round trip it would take 120.
    #expect(rounds < 30)
    #expect(r.s.counters.tcp.tcpTimeouts == 1)
  }

  @Test(
    "RFC 8985 §6.3: what left before a time-out and is found lost after it is no further sign of congestion",
    .bothFamilies)
  func lostBefore() {
    let r = RecoveryScript().measured()
    r.send(4)
    r.expect(1..<5)
    r.advance(202)
    r.expect(4)
    r.advance(295)
    r.send(4)
    r.expect(5..<9)
    r.advance(10)
    r.expect(1)
    let ssthresh = r.s.status?.sndSsthresh
    let lost = r.s.status?.lostTotal ?? 0
    // What left just before the timer fired may be on its way yet. It is not.
    r.advance(100)
    r.ack(2)
    r.advance(200)
    #expect(r.s.status?.lostTotal ?? 0 >= lost + 4_000)
    #expect(r.s.status?.recovery == .timeout && r.s.status?.sndSsthresh == ssthresh)
    #expect(r.s.counters.tcp.tcpTimeouts == 1)
  }

  @Test(
    "RFC8985-7.4.2-a a delayed acknowledgment echoes what came before the tail: the probe that repaired it counts",
    .bothFamilies,
    arguments: [true, false])
  func repairedBesideDelay(isSpurious: Bool) throws {
    let r = RecoveryScript(timestamps: true, handshake: 10)
    r.send(1)
    r.expect(0)
    r.advance(10)
    r.ack(1)
    r.send(2)
    let sent = r.s.takeSegments().filter { !$0.text.isEmpty }
    let stamp = try #require(sent.first?.timestamps?.value)
    r.advance(21)
    r.expect(2)
    let before = r.s.status?.sndCwnd ?? 0
    // The second is lost, and the probe comes before the peer's timer for the first has run out. Or both had come, and it
    // runs out just now.
    r.advance(isSpurious ? 2 : 20)
    r.s.inject(.ack(seq: 1, ack: 3_001, options: [.timestamps(r.s.peerClock, stamp)]))
    #expect(r.s.counters.tcp.tcpLossProbeRecovery == (isSpurious ? 0 : 1))
    if isSpurious {
      #expect(r.s.status?.sndCwnd ?? 0 >= before)
    } else {
      #expect(r.s.status?.sndCwnd ?? .max < before)
    }
  }

  @Test(
    "RFC8985-7.4.2-a an acknowledgment of the tail alone echoes what brought it: its first transmission, or the probe",
    .bothFamilies,
    arguments: [true, false])
  func repairedBehindOthers(isSpurious: Bool) throws {
    let r = RecoveryScript(timestamps: true, handshake: 10)
    r.send(1)
    r.expect(0)
    r.advance(10)
    r.ack(1)
    r.send(2)
    let sent = r.s.takeSegments().filter { !$0.text.isEmpty }
    let first = try #require(sent.first?.timestamps?.value)
    r.advance(21)
    let probe = try #require(r.s.takeSegments().first { !$0.text.isEmpty })
    #expect(probe.seq == 2_001)
    let before = r.s.status?.sndCwnd ?? 0
    // Both were late, or only the first.
    r.advance(2)
    r.s.inject(.ack(seq: 1, ack: 2_001, options: [.timestamps(r.s.peerClock, first)]))
    r.advance(24)
    let echo = isSpurious ? first : probe.timestamps?.value ?? 0
    r.s.inject(.ack(seq: 1, ack: 3_001, options: [.timestamps(r.s.peerClock, echo)]))
    #expect(r.s.counters.tcp.tcpLossProbeRecovery == (isSpurious ? 0 : 1))
    if isSpurious {
      #expect(r.s.status?.sndCwnd ?? 0 >= before)
    } else {
      #expect(r.s.status?.sndCwnd ?? .max < before)
    }
  }

  @Test("RFC 5681 §3.2 three duplicates are three only without an advance between them", .bothFamilies)
  func duplicatesBeforeProgress() {
    let r = RecoveryScript(sack: false, initialWindow: 10).measured()
    r.send(40)
    _ = r.s.takeSegments()
    // One segment overtakes two others, twice: two duplicates, and later one.
    r.ack(1)
    r.ack(1)
    r.ack(4)
    _ = r.s.takeSegments()
    r.ack(4)
    #expect(r.s.status?.recovery == ConnectionStatus.Recovery.none)
    #expect(r.s.counters.tcp.tcpFastRetrans == 0)
    // The third in a row is one.
    r.ack(4)
    r.ack(4)
    #expect(r.s.counters.tcp.tcpFastRetrans == 1)
  }

  @Test(
    "RFC 2883 §5.1: a packet that the network doubled, or an earlier probe's report, takes no recovery back",
    .bothFamilies)
  func doubled() {
    let r = RecoveryScript().measured()
    r.send(20)
    r.expect(1..<21)
    r.advance(100)
    r.ack(1, 2..<5)
    r.expect(1)
    let window = r.s.status?.sndSsthresh
    r.ack(1, 2..<9)
    r.ack(1, 8..<9, 2..<9)
    #expect(r.s.counters.tcp.tcpDSACKUndo == 0)
    #expect(r.s.status?.recovery == .fastRecovery && r.s.status?.sndSsthresh == window)
    // The original of 1 comes after all, and then what was sent again: that is what a report must be of.
    r.ack(9)
    r.s.inject(.ack(seq: 1, ack: 9_001, options: [.sack([1_001..<2_001])]))
    #expect(r.s.counters.tcp.tcpDSACKUndo == 1)
  }

  @Test(
    "RFC 4015 §3.2: a reduction within the repair after a time-out is not taken back, late as its text may be",
    .bothFamilies, arguments: [false, true])
  func lateWithinRepair(timestamps: Bool) throws {
    let r = afterTimeout(timestamps: timestamps)
    r.advance(100)
    r.ack(9)
    // What leaves from here on has a later stamp.
    let stamp = r.s.takeSegments().last?.timestamps?.value ?? 0
    r.advance(1)
    r.ack(9, 13..<14)
    r.ack(9, 13..<16)
    #expect(r.s.status?.recovery == .timeout)
    let halved = r.s.status?.sndSsthresh
    let sent = r.s.takeSegments().map { ($0.seq - 1) / 1_000 }.filter { $0 >= 9 && $0 < 13 }
    #expect(!sent.isEmpty)
    r.advance(10)
    if timestamps {
      r.s.inject(.ack(seq: 1, ack: 16_001, options: [.timestamps(r.s.peerClock, stamp)]))
    } else {
      r.ack(16)
      for n in 9..<13 {
        r.s.inject(.ack(seq: 1, ack: 16_001, options: [.sack([n * 1_000 + 1..<(n + 1) * 1_000 + 1])]))
      }
    }
    #expect(r.s.counters.tcp.tcpFullUndo == 0 && r.s.counters.tcp.tcpDSACKUndo == 0)
    #expect(r.s.status?.sndSsthresh == halved)
  }

  @Test(
    "RFC5681-3.2-c three duplicates are enough where all that is out is less than a segment", .bothFamilies,
    arguments: [100, 190, 210])
  func smallSegments(count: Int) {
    let r = RecoveryScript(sack: false).measured()
    r.s.setOptions { $0.noDelay = true }
    for _ in 0..<5 { r.s.send(.count(count)) }
    r.s.takeSegments()
    r.advance(100)
    for _ in 0..<3 { r.s.inject(.ack(seq: 1, ack: 1_001)) }
    #expect(r.s.counters.tcp.tcpFastRetrans == 1)
    #expect(r.s.takeSegments().first?.seq == 1_001)
  }
}
