import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

// Mistakes that other stacks shipped: what an attacker off the path or a peer of bad faith may send, and
// what nobody may forget to end.

@Suite("Robustness: off the path")
struct OffPathTests {
  @Test(
    "O3 RFC5961-1.1-a RFC5961-3.2-a/b/c/d/e RFC9293-3.10.7.4-a/b/c only the exact reset ends a connection",
    arguments: ScenarioFamily.allCases)
  func resets(family: ScenarioFamily) {
    for seq in [2, 30_000, 65_535] {
      let s = Scenario(.established(), family: family)
      s.inject(.rst(seq: seq))
      s.expect(.ack(seq: 1, ack: 1))
      #expect(s.state == .established)
    }
    for seq in [0, -1, -70_000, 65_537, 1 << 30] {
      let s = Scenario(.established(), family: family)
      s.inject(.rst(seq: seq))
      s.inject(.rstAck(seq: seq, ack: 1))
      s.expectNothing()
      #expect(s.state == .established)
    }
    let s = Scenario(.established(), family: family)
    s.inject(.rst(seq: 1))
    s.expectNothing()
    #expect(s.endReason == .reset)
  }

  @Test(
    "O3 the peer of a challenged reset may still mean it: its answer to the challenge fits", .bothFamilies)
  func answered() {
    let s = Scenario(.established())
    s.inject(.rst(seq: 100))
    s.expect(.ack(seq: 1, ack: 1))
    // RFC 5961 §3.2: the peer, in CLOSED, takes the number from the challenge.
    s.inject(.rst(seq: 1))
    #expect(s.endReason == .reset)
  }

  @Test(
    "O3 RFC5961-4.2-a/b/c RFC9293-3.10.7.4-d/e any SYN on an established connection is challenged",
    .bothFamilies,
    arguments: [0, 1, 2, 65_536, 1 << 30, -5_000])
  func synchronize(seq: Int) {
    for segment in [InjectedSegment.syn(seq: seq), .synAck(seq: seq, ack: 1)] {
      let s = Scenario(.established())
      s.inject(segment)
      s.expect(.ack(seq: 1, ack: 1))
      s.expectNothing()
      #expect(s.state == .established)
    }
  }

  @Test("O4 RFC5961-7-b one connection's challenges use up no other's", .bothFamilies)
  func challengesApart() {
    let s = Scenario(.established())
    s.connectPeer(from: 40_001)
    s.inject(.rst(seq: 2))
    s.expect(.ack(seq: 1, ack: 1))
    for _ in 0..<1_000 { s.inject(.rst(seq: 2)) }
    s.expectNothing()
    s.inject(.rst(seq: 2).from(port: 40_001))
    s.expect(.ack(seq: 1, ack: 1).to(port: 40_001))
    s.advance(by: .milliseconds(500))
    s.inject(.rst(seq: 2))
    s.expect(.ack(seq: 1, ack: 1))
    #expect(s.counters.tcp.challengeACK == 3)
  }

  @Test(
    "RFC5961-7-c the time between challenges can be set", .bothFamilies,
    arguments: [50, 500, 5_000] as [Int64])
  func challengeInterval(milliseconds: Int64) {
    let s = Scenario(.established()) { $0.tcp.challengeInterval = .milliseconds(milliseconds) }
    s.inject(.rst(seq: 2))
    s.expect(.ack(seq: 1, ack: 1))
    s.advance(by: .milliseconds(milliseconds - 1))
    s.inject(.rst(seq: 2))
    s.expectNothing()
    s.advance(by: .milliseconds(1))
    s.inject(.rst(seq: 2))
    s.expect(.ack(seq: 1, ack: 1))
  }
}

@Suite("Robustness: misbehaving peers")
struct MisbehavingPeerTests {
  @Test(
    "R1 acknowledging what was never sent advances nothing, and is answered twice a second at most",
    .bothFamilies)
  func optimistic() {
    let s = Scenario(.established())
    s.send(1_000)
    s.expect(.data(seq: 1, 1_000))
    let before = s.status
    for _ in 0..<100 { s.inject(.ack(seq: 1, ack: 1_002)) }
    s.expect(.ack(seq: 1_001, ack: 1))
    s.expectNothing()
    s.inject(.data(seq: 1, ack: 5_000, "with text"))
    s.expectNothing()
    #expect(s.receive().error == .wouldBlock)
    #expect(s.status?.sndCwnd == before?.sndCwnd)
    #expect(s.status?.unacked == 1_000)
    s.advance(by: .milliseconds(500))
    s.inject(.ack(seq: 1, ack: 1 << 30))
    s.expect(.ack(seq: 1_001, ack: 1))
    s.inject(.ack(seq: 1, ack: 1_001))
    #expect(s.status?.unacked == 0)
  }

  @Test("R4 a window that shrinks leaves SND.NXT where it is and lets nothing new out", .bothFamilies)
  func shrinking() {
    let s = Scenario(.established(), window: 14_600)
    s.send(30_000)
    #expect(s.takeSegments().count == 10)
    s.allowsTextBeyondWindow = true
    s.inject(.ack(seq: 1, ack: 2_921, window: 1_000))
    s.expectNothing()
    #expect(s.status?.unacked == 11_680)
    #expect(s.status.map { $0.sndNxt == $0.sndMax } == true)
    s.inject(.ack(seq: 1, ack: 2_921, window: 0))
    s.expectNothing()
    s.inject(.ack(seq: 1, ack: 14_601, window: 14_600))
    let next = s.takeSegments()
    #expect(next.first?.seq == 14_601)
    #expect(next.count == 10)
  }

  @Test(
    "R4 P2 RFC7323-2.3-h/j a scale above 14 counts as 14, and no window overflows", .bothFamilies,
    arguments: [14, 15, 31, 255] as [UInt8])
  func scale(shift: UInt8) {
    let s = Scenario(.listening, iss: 0xffff_fff0)
    // The script does not look into raw options, and takes windows as they are.
    s.allowsShrinkingWindow = true
    s.inject(.syn().rawOptions([2, 4, 5, 180, 3, 3, shift, 0]))
    s.expect(.synAck(seq: 0, ack: 1))
    s.inject(.ack(window: 65_535))
    #expect(s.status?.sndWscale == 14)
    #expect(s.status?.sndWnd == 65_535 << 14)
    s.send(14_600)
    #expect(s.takeSegments().count == 10)
  }

  @Test(
    "R5 where two segments disagree the first counts, and what was acknowledged never changes", .bothFamilies)
  func overlaps() {
    let s = Scenario(.established())
    s.inject(.data(seq: 11, ack: 1, "BBBBB"))
    s.inject(.data(seq: 6, ack: 1, "xxxxxxxxxxxxxxx"))
    s.inject(.data(seq: 1, ack: 1, "aaaaayyyyyyyyyy"))
    #expect(s.takeSegments().last?.ack == 21)
    s.inject(.data(seq: 1, ack: 1, "zzzzzzzzzzzzzzzzzzzzzz"))
    #expect(s.receive().text == "aaaaaxxxxxBBBBBxxxxxzz")
    s.inject(.data(seq: 16, ack: 1, "different, longer"))
    #expect(s.receive().text == "nt, longer")
  }

  @Test(
    "E7 RFC6298-5.2-a an idle connection holds its record and no buffer, and no timer runs",
    arguments: ScenarioFamily.allCases)
  func idle(family: ScenarioFamily) {
    let s = Scenario(.established(), family: family, offering: [.mss(1_440)])
    #expect(s.stack.held.coldBlocks == 0)
    s.send(4_320)
    s.inject(.data(seq: 1, ack: 1, 5_000))
    s.inject(.data(seq: 8_901, ack: 1, 100))
    #expect(s.stack.held.coldBlocks == 1)
    #expect(s.stack.held.chunks > 0)
    s.inject(.data(seq: 5_001, ack: 4_321, 4_000))
    s.receive()
    #expect(s.stack.held.coldBlocks == 0)
    #expect(s.stack.held.chunks == 0)
    s.takeSegments()
    s.expectNothing(for: .hours(24))
    #expect(s.timeToDeadline == nil)
  }
}

@Suite("Robustness: everything ends")
struct DeadlineTests {
  @Test(
    "E8 every state whose owner has gone ends by itself, when the peer says nothing any more", .bothFamilies,
    arguments: [
      .synReceived(), .finWait1(orphan: true), .finWait2(orphan: true), .closing(orphan: true),
      .lastAck(orphan: true), .timeWait(orphan: true), .finWait1(.active, orphan: true),
      .finWait2(.active, orphan: true), .closing(.active, orphan: true), .lastAck(.active, orphan: true),
    ] as [ScenarioStart])
  func silentPeer(start: ScenarioStart) {
    let s = Scenario(start)
    s.advance(by: .minutes(5))
    let sent = s.takeSegments()
    #expect(sent.filter { !$0.flags.contains(.rst) }.count <= 8)
    s.expectQuiet()
  }

  @Test("E8 an orphan in FIN-WAIT-2 goes after a minute, in silence", arguments: ScenarioFamily.allCases)
  func finWait2(family: ScenarioFamily) {
    let s = Scenario(.finWait2(orphan: true), family: family)
    s.advance(by: .milliseconds(59_999))
    #expect(s.state == .finWait2)
    s.advance(by: .milliseconds(2))
    s.expectQuiet()
    let owned = Scenario(.finWait2(), family: family)
    owned.expectNothing(for: .hours(24))
    #expect(owned.state == .finWait2)
  }

  @Test(
    "E8 an orphan whose text is never acknowledged is given up after eight tries, with a reset", .bothFamilies
  )
  func orphanText() {
    let s = Scenario(.established())
    s.send(100)
    s.expect(.data(seq: 1, 100))
    s.close()
    s.takeSegments()
    s.advance(by: .minutes(10))
    let sent = s.takeSegments()
    #expect(sent.filter { $0.seq == 1 && !$0.text.isEmpty }.count == 8)
    #expect(sent.last?.flags.contains(.rst) == true)
    s.expectQuiet()
  }

  @Test(
    "E8 an orphan before a window that stays shut ends too, however patiently the peer answers", .bothFamilies
  )
  func orphanBeforeShutWindow() {
    let s = Scenario(.established())
    s.inject(.ack(seq: 1, ack: 1, window: 0))
    s.send(100)
    s.close()
    s.takeSegments()
    for _ in 0..<60 {
      s.advance(by: .minutes(1))
      for probe in s.takeSegments() where !probe.flags.contains(.rst) {
        s.inject(.ack(seq: 1, ack: 1, window: 0))
      }
    }
    s.takeSegments()
    s.expectQuiet()
  }

  @Test(
    "E8 an orphan whose peer repeats an acknowledgment with a shut window ends too (CVE-2015-5358)",
    .bothFamilies,
    arguments: [.finWait1(orphan: true), .closing(orphan: true), .lastAck(orphan: true)] as [ScenarioStart])
  func orphanBeforeRepeatedAcknowledgment(start: ScenarioStart) {
    let s = Scenario(start)
    let seq = start.state == .finWait1 ? 1 : 2
    for _ in 0..<60 where s.state != .closed {
      s.inject(.ack(seq: seq, ack: 1, window: 0))
      s.advance(by: .seconds(10))
    }
    s.takeSegments()
    s.expectQuiet()
  }

  @Test(
    "E8 an orphan with text in flight ends behind a window that shuts, however often the peer says so",
    .bothFamilies)
  func orphanWithTextBeforeShutWindow() {
    let s = Scenario(.established())
    s.send(3_000)
    s.close()
    for _ in 0..<100 where s.state != .closed {
      s.takeSegments()
      s.inject(.ack(seq: 1, ack: 1, window: 0))
      s.advance(by: .seconds(10))
    }
    s.takeSegments()
    s.expectQuiet()
  }

  @Test(
    "E8 an orphan whose peer shuts and opens its window for ever, and acknowledges nothing, ends too",
    .bothFamilies,
    arguments: [0, 100])
  func orphanBeforeBlinkingWindow(text: Int) {
    let s = Scenario(.established())
    if text > 0 { s.send(.count(text)) }
    s.close()
    for _ in 0..<600 where s.state != .closed {
      for window in [0, 1_000] {
        s.inject(.ack(seq: 1, ack: 1, window: UInt16(window)))
        s.advance(by: .milliseconds(1_500))
      }
    }
    s.takeSegments()
    s.expectQuiet()
  }

  @Test(
    "E8 an orphan whose peer takes an octet now and then is reset; one that takes segments is not",
    .bothFamilies)
  func orphanThatTrickles() {
    for (step, isReset) in [(1, true), (1_460, false)] {
      let s = Scenario(.established())
      s.send(100_000)
      s.close()
      var acked = 1
      var sent: [SeenSegment] = []
      for _ in 0..<40 where s.state != .closed {
        acked += step
        s.inject(.ack(seq: 1, ack: acked))
        s.advance(by: .seconds(30))
        sent += s.takeSegments()
      }
      #expect(sent.contains { $0.flags.contains(.rst) } == isReset, "\(step)")
      #expect((s.state == .closed) == isReset, "\(step)")
    }
  }

  @Test("T4 a clock that jumps fires each timer once, and one that goes back fires none", .bothFamilies)
  func jump() {
    let s = Scenario(.established())
    s.send(100)
    s.expect(.data(seq: 1, 100))
    let later = s.now.advanced(by: .minutes(5))
    s.callStack("jump 5 minutes") { stack, _ in stack.advance(to: later) }
    s.expect(.data(seq: 1, 100))
    s.expectNothing()
    #expect(s.status?.retransmits == 1)
    s.callStack("jump back") { stack, now in stack.advance(to: now) }
    s.expectNothing()
    #expect(s.status?.retransmits == 1)
  }
}

@Suite("Robustness: no storms")
struct StormTests {
  @Test(
    "E11 empty segments that do not fit are answered once in half a second", .bothFamilies,
    arguments: [
      .synReceived(), .synReceived(.active), .established(), .finWait1(), .closeWait(), .timeWait(),
    ]
      as [ScenarioStart])
  func unacceptable(start: ScenarioStart) {
    let s = Scenario(start)
    for round in 0..<3 {
      for i in 0..<50 { s.inject(.ack(seq: -5_000 - i, ack: 1)) }
      let answers = s.takeSegments()
      #expect(answers.count == 1, "round \(round)")
      #expect(answers.allSatisfy { $0.flags == .ack })
      s.advance(by: .milliseconds(500))
      _ = s.takeSegments()
    }
  }

  @Test(
    "E11 RFC 5961 §4.2 SYNs are challenged once in half a second, whatever their timestamps and what they bring",
    .bothFamilies,
    arguments: [
      .synReceived(), .synReceived(.active), .established(), .finWait2(), .closeWait(), .timeWait(),
    ] as [ScenarioStart], [900, 100_000] as [UInt32])
  func synchronize(start: ScenarioStart, stamp: UInt32) {
    let s = Scenario(start, offering: ScriptOption.everything())
    for i in 0..<50 {
      let flags: TCPFlags = i % 2 == 0 ? [.syn, .fin, .ack] : [.syn, .ack]
      let options = ScriptOption.everything().dropLast(2) + [.timestamps(stamp, 0), .windowScale(7)]
      s.inject(.segment(flags, seq: 1 << 24, ack: 1, options: Array(options)).withoutTimestamps())
    }
    let answers = s.takeSegments()
    #expect(answers.count == 1 && answers.allSatisfy { $0.flags == .ack })
  }

  @Test(
    "E11 no reset is ever answered", .bothFamilies,
    arguments: [
      .closed, .listening, .synSent, .synReceived(), .synReceived(.active), .finWait2(), .timeWait(),
    ] as [ScenarioStart])
  func resets(start: ScenarioStart) {
    for segment in [
      InjectedSegment.rst(seq: -100), .rst(seq: 1 << 24), .rstAck(seq: 0, ack: 1 << 20),
      .rstAck(seq: 1 << 24, ack: 0), .segment([.rst, .syn], seq: 1 << 24),
      .segment([.rst, .fin, .ack], seq: 1 << 24),
    ] {
      let s = Scenario(start)
      s.inject(segment)
      s.expectNothing()
    }
  }

  @Test("E11 two half-open ends that do not know each other fall silent", arguments: ScenarioFamily.allCases)
  func echo(family: ScenarioFamily) {
    // Somebody forged a SYN to each in the other's name. What one says to the other comes back as from a
    // stranger: each answer is played to the stack again, with numbers that fit nothing.
    let s = Scenario(.synReceived(), family: family)
    var said = 0
    s.inject(.synAck(seq: 1 << 20, ack: 1 << 21))
    for _ in 0..<200 {
      let answers = s.takeSegments()
      if answers.isEmpty { break }
      said += answers.count
      s.inject(.ack(seq: (1 << 20) + 1, ack: 1 << 21))
    }
    #expect(said == 1)
  }
}
