import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

private let roles = ScenarioRole.both

/// RFC 9293 §3.8.6.1: what a sender does at a closed window.
@Suite struct ZeroWindowProbeTests {
  @Test(
    "MUST-35 SHLD-29 SHLD-30 a closed window is probed after one time-out, then after 2, 4, … up to 60 s",
    arguments: ScenarioFamily.allCases, roles)
  func probeTimes(_ family: ScenarioFamily, _ role: ScenarioRole) throws {
    let s = Scenario(.established(role), family: family, window: 0)
    s.send(5_000)
    // Each probe is the first octet that waits.
    for (probe, wait) in role.timeouts(12).enumerated() {
      s.expectNext(after: wait, .data(seq: 1, ack: 1, 1))
      #expect(s.counters.tcp.tcpWinProbe == UInt64(probe + 1))
      s.inject(.ack(seq: 1, ack: 1, window: 0))
      s.expectNothing()
    }
  }

  @Test(
    "MUST-35 the probe carries one octet, with ACK and the window like any segment", .bothFamilies,
    arguments: roles)
  func probeContent(_ role: ScenarioRole) throws {
    let s = Scenario(.established(role), offering: ScriptOption.everything(), window: 0)
    s.send("abc")
    let probe = try #require(
      s.expectNext(after: .milliseconds(200), .data(seq: 1, ack: 1, "a").carrying(.timestamps)))
    #expect(probe.flags.subtracting(.psh) == .ack)
    #expect(probe.window == 2_048, "256 KiB at a scale of 7")
  }

  @Test(
    "MUST-35 the last octet, and a FIN that has no octet before it, are probed with too", .bothFamilies,
    arguments: roles)
  func lastOctetAndFIN(_ role: ScenarioRole) {
    let s = Scenario(.established(role), window: 0)
    s.send("z")
    s.expectNext(after: role.firstTimeout, .data(seq: 1, ack: 1, "z").adding(.psh))
    s.inject(.ack(seq: 1, ack: 2, window: 0))
    s.shutdown(.send)
    s.expectNothing()
    s.expectNext(in: .milliseconds(200)...(.seconds(4)), .fin(seq: 2, ack: 1, 0))
    s.inject(.ack(seq: 1, ack: 3, window: 0))
    s.expectNothing(for: .hours(1))
    s.expectState(.finWait2)
  }

  @Test(
    "SHLD-29 one time-out means the measured one: a round trip of 100 ms gives 300 ms, then 600",
    .bothFamilies)
  func measuredTimeout() {
    let s = Scenario(.established())
    s.send(1_460)
    s.expect(.data(seq: 1, 1_460))
    s.advance(by: .milliseconds(100))
    s.inject(.ack(seq: 1, ack: 1_461, window: 0))
    #expect(s.status?.rtt == 100_000)
    s.send(1_000)
    s.expectNext(after: .milliseconds(300), .data(seq: 1_461, 1))
    s.expectNext(after: .milliseconds(600), .data(seq: 1_461, 1))
    s.expectNext(after: .milliseconds(1_200), .data(seq: 1_461, 1))
  }

  @Test(
    "SHLD-30 a window that opens and closes again is probed as a new one", .bothFamilies, arguments: roles)
  func startsAnew(_ role: ScenarioRole) {
    let s = Scenario(.established(role), window: 0)
    s.send(2_920)
    for wait in role.timeouts(4) {
      s.expectNext(after: wait, .data(seq: 1, 1))
      s.inject(.ack(seq: 1, ack: 1, window: 0))
    }
    s.inject(.ack(seq: 1, ack: 1, window: 1_460))
    s.expect(.data(seq: 1, 1_460))
    s.advance(by: .milliseconds(10))
    s.inject(.ack(seq: 1, ack: 1_461, window: 0))
    s.expectNext(in: .milliseconds(200)...(.seconds(1)), .data(seq: 1_461, 1))
  }

  @Test(
    "MUST-35 a probe whose octet is taken is followed by the next octet, and nothing is sent twice",
    .bothFamilies)
  func octetByOctet() {
    let s = Scenario(.established(), window: 0)
    s.send("abcdef")
    for (i, octet) in ["a", "b", "c", "d"].enumerated() {
      s.expectNext(in: .milliseconds(200)...(.seconds(60)), .data(seq: 1 + i, 1))
      _ = octet
      s.inject(.ack(seq: 1, ack: 2 + i, window: 0))
    }
    s.inject(.ack(seq: 1, ack: 5, window: 1_000))
    s.expect(.data(seq: 5, "ef"))
  }

  @Test(
    "MUST-36 the update that opened the window was lost: the answer to the next probe starts the text again",
    arguments: ScenarioFamily.allCases, roles)
  func lostUpdate(_ family: ScenarioFamily, _ role: ScenarioRole) {
    for taken in [false, true] {
      let s = Scenario(.established(role), family: family, window: 0)
      let size = family.segment
      s.send(.count(3 * size))
      for wait in role.timeouts(2) {
        s.expectNext(after: wait, .data(seq: 1, 1))
        if wait == role.firstTimeout { s.inject(.ack(seq: 1, ack: 1, window: 0)) }
      }
      // The peer has read meanwhile, and said so; nobody heard it. The second probe finds out.
      let first = taken ? 2 : 1
      s.inject(.ack(seq: 1, ack: first, window: 10_000))
      s.expect(.data(seq: first, .count(size)))
      s.expect(.data(seq: first + size, .count(size)))
      if taken {
        // The rest is less than a segment, and waits for an acknowledgment (Nagle).
        s.expectNothing()
        s.inject(.ack(seq: 1, ack: 2 + 2 * size, window: 10_000))
        s.expect(.data(seq: 2 + 2 * size, .count(size - 1)))
      } else {
        s.expect(.data(seq: 1 + 2 * size, .count(size)))
      }
      s.expectNothing()
      s.inject(.ack(seq: 1, ack: 1 + 3 * size, window: 10_000))
      s.expectNothing(for: .hours(1))
    }
  }

  @Test(
    "MUST-37 the window may stay closed for days while probes are answered", .bothFamilies, arguments: roles)
  func closedForDays(_ role: ScenarioRole) {
    let s = Scenario(.established(role), window: 0)
    s.send(2_000)
    for wait in role.timeouts(9) {
      s.expectNext(after: wait, .data(seq: 1, 1))
      s.inject(.ack(seq: 1, ack: 1, window: 0))
    }
    for _ in 0..<3 * 24 * 60 {
      s.expectNext(after: .seconds(60), .data(seq: 1, 1))
      s.inject(.ack(seq: 1, ack: 1, window: 0))
    }
    #expect(s.elapsed > .hours(72))
    s.expectState(.established)
    #expect(s.takeError() == nil)
    s.inject(.ack(seq: 1, ack: 1, window: 65_535))
    s.expect(.data(seq: 1, 1_460))
  }

  @Test(
    "MUST-37 probes that nobody answers end the connection after R2, as text would", .bothFamilies,
    arguments: roles)
  func unansweredProbes(_ role: ScenarioRole) {
    let s = Scenario(.established(role), window: 0)
    s.send(2_000)
    for wait in role.timeouts(15) {
      s.expectNext(after: wait, .data(seq: 1, 1))
    }
    s.expectState(.established)
    s.expectNext(after: .seconds(60), .reset())
    s.expectState(.closed)
    #expect(s.endReason == .timedOut)
  }

  @Test("MUST-37 answers to probes are no sign of loss, in whatever state", .bothFamilies, arguments: roles)
  func answersAreNoDuplicates(_ role: ScenarioRole) {
    for closing in [false, true] {
      let s = Scenario(closing ? .established(role) : .closeWait(role), window: 0)
      let peer = closing ? 1 : 2
      s.send(5_000)
      if closing { s.shutdown(.send) }
      for wait in role.timeouts(8) {
        s.expectNext(after: wait, .data(seq: 1, ack: peer, 1))
        s.inject(.ack(seq: peer, ack: 1, window: 0))
        s.expectNothing()
      }
      #expect(s.counters.tcp.tcpFastRetrans == 0)
    }
  }

  @Test("MUST-37 a FIN, and text, that come while our sending is blocked are taken as ever", .bothFamilies)
  func receivingGoesOn() {
    let s = Scenario(.established(), window: 0)
    s.send(2_000)
    s.inject(.data(seq: 1, ack: 1, window: 0, 1_000))
    s.inject(.fin(seq: 1_001, ack: 1, window: 0))
    s.expect(.ack(seq: 1, ack: 1_002))
    #expect(s.receive().octets.count == 1_000)
    s.expectState(.closeWait)
    s.expectNext(after: .seconds(1), .data(seq: 1, ack: 1_002, 1))
  }
}

/// RFC 9293 §3.8.6: a window that the peer takes back.
@Suite struct ShrunkWindowTests {
  /// 10,000 were offered and 8,760 sent; then only up to 3,461 is allowed.
  private func shrunk(_ role: ScenarioRole) -> Scenario {
    let s = Scenario(.established(role), window: 10_000)
    s.send(20_000)
    for i in 0..<6 { s.expect(.data(seq: 1 + 1_460 * i, 1_460)) }
    s.expectNothing()
    s.inject(.ack(seq: 1, ack: 1_461, window: 2_000))
    return s
  }

  @Test(
    "MUST-34 SHLD-15 RFC7323-2.4-a/d a window that shrinks does no harm, and nothing new is sent beyond it",
    .bothFamilies,
    arguments: roles)
  func nothingNew(_ role: ScenarioRole) {
    let s = shrunk(role)
    s.expectNothing()
    s.expectState(.established)
    #expect(s.status?.unacked == 7_300)
    // Whatever the peer acknowledges of it counts, beyond the new edge too.
    s.inject(.ack(seq: 1, ack: 8_761, window: 0))
    #expect(s.status?.unacked == 0)
    s.expectState(.established)
    s.inject(.ack(seq: 1, ack: 8_761, window: 1_460))
    s.expect(.data(seq: 8_761, 1_460))
    s.expectNothing()
  }

  @Test(
    "SHLD-16 what lies inside the new edge is retransmitted, what lies beyond it is not", .bothFamilies,
    arguments: roles)
  func retransmittedInside(_ role: ScenarioRole) {
    let s = shrunk(role)
    s.expectNext(in: .milliseconds(200)...(.seconds(1)), .data(seq: 1_461, 1_460))
    s.expectNothing()
    s.inject(.ack(seq: 1, ack: 2_921, window: 540))
    s.expect(.data(seq: 2_921, 540))
    s.expectNothing()
    s.inject(.ack(seq: 1, ack: 3_461, window: 0))
    s.expectNothing()
  }

  @Test("SHLD-16 fast retransmit stays inside the new edge as well", .bothFamilies)
  func fastRetransmitInside() {
    let s = Scenario(.established(), window: 10_000)
    s.send(20_000)
    s.takeSegments()
    for _ in 0..<5 { s.inject(.ack(seq: 1, ack: 1_461, window: 700)) }
    for segment in s.takeSegments() where !segment.text.isEmpty {
      #expect(segment.seq >= 1_461 && segment.seq + segment.text.count <= 2_161, "\(segment)")
    }
  }

  @Test(
    "SHLD-17 what lies beyond the edge does not time the connection out while probes are answered",
    .bothFamilies,
    arguments: roles)
  func beyondDoesNotTimeOut(_ role: ScenarioRole) {
    let s = shrunk(role)
    s.inject(.ack(seq: 1, ack: 3_461, window: 0))
    s.expectNothing()
    // Probes, of the octet at the edge: for two days.
    let end = s.now.advanced(by: .hours(48))
    var probes = 0
    while s.now < end {
      s.expectNext(in: .milliseconds(200)...(.seconds(60)), .data(seq: 3_461, 1))
      s.inject(.ack(seq: 1, ack: 3_461, window: 0))
      s.expectNothing()
      probes += 1
    }
    #expect(probes > 2_880)
    s.expectState(.established)
    // It opens: everything from the edge on goes out (again).
    s.inject(.ack(seq: 1, ack: 3_461, window: 10_000))
    s.expect(.data(seq: 3_461, 1_460))
    var next = 4_921
    while next < 20_001 {
      s.inject(.ack(seq: 1, ack: next, window: 10_000))
      for segment in s.takeSegments() where segment.seq + segment.text.count > next {
        #expect(segment.seq <= next)
        next = segment.seq + segment.text.count
      }
      if s.now > end.advanced(by: .seconds(60)) { break }
      s.advance(by: .milliseconds(200))
    }
    #expect(next == 20_001)
  }

  @Test(
    "MUST-34 MUST-1 REC-1 a window field is unsigned, and windows beyond 16 bits are kept whole",
    .bothFamilies)
  func largeWindows() {
    let s = Scenario(.established(), window: 0xffff) { $0.tcp.initialWindowSegments = 40 }
    s.inject(.ack(seq: 1, ack: 1, window: 0x8000))
    #expect(s.status?.sndWnd == 0x8000)
    s.send(60_000)
    // All 22 full segments of 32,768 octets.
    for i in 0..<22 { s.expect(.data(seq: 1 + 1_460 * i, 1_460)) }
    s.expectNothing()
    s.inject(.ack(seq: 1, ack: 1, window: 0xffff))
    for i in 22..<40 { s.expect(.data(seq: 1 + 1_460 * i, 1_460)) }
    s.expectNothing()

    let scaled = Scenario(.established(), offering: ScriptOption.everything(windowScale: 14))
    #expect(scaled.status?.sndWnd == 0xffff << 14)
    scaled.inject(.ack(seq: 1, ack: 1, window: 0x8001))
    #expect(scaled.status?.sndWnd == 0x8001 << 14)
  }
}

/// The same from the other side: our own window.
@Suite struct OwnWindowTests {
  /// 2,048 octets of buffer, full, and the window shut.
  private func full(_ role: ScenarioRole = .passive) -> Scenario {
    let s = Scenario(.established(role)) { $0.tcp.receiveBuffer = 2_048 }
    s.inject(.data(seq: 1, ack: 1, 1_460))
    s.inject(.data(seq: 1_461, ack: 1, 588))
    s.advance(by: .milliseconds(50))
    let last = s.takeSegments().last
    #expect(last?.ack == 2_049 && last?.window == 0)
    return s
  }

  @Test(
    "MUST-66 MUST-35 a probe of our closed window is answered at once, and its octet is not taken",
    .bothFamilies,
    arguments: roles)
  func probeAnswered(_ role: ScenarioRole) {
    let s = full(role)
    s.inject(.data(seq: 2_049, ack: 1, 1))
    s.expect(.ack(seq: 1, ack: 2_049, window: 0))
    s.expectNothing()
    #expect(s.receive().octets == scriptText(0..<2_048))
    s.expect(.ack(seq: 1, ack: 2_049, window: 2_048))
  }

  @Test(
    "MUST-66 at a closed window ACKs still count: on bare segments and beside text", .bothFamilies,
    arguments: roles)
  func acknowledgmentsCount(_ role: ScenarioRole) {
    let s = full(role)
    s.send(100)
    s.expect(.data(seq: 1, ack: 2_049, window: 0, 100))
    s.inject(.ack(seq: 2_049, ack: 101))
    #expect(s.status?.unacked == 0)
    s.send(100)
    s.expect(.data(seq: 101, 100))
    s.inject(.data(seq: 2_049, ack: 201, 500))
    #expect(s.status?.unacked == 0)
    s.expect(.ack(seq: 201, ack: 2_049, window: 0))
    // And so does a change of the peer's window.
    s.inject(.ack(seq: 2_049, ack: 201, window: 7))
    #expect(s.status?.sndWnd == 7)
  }

  @Test("MUST-66 at a closed window URG still counts", .bothFamilies, arguments: roles)
  func urgentCounts(_ role: ScenarioRole) {
    let s = full(role)
    s.takeEvents()
    s.inject(.data(seq: 2_049, ack: 1, 10).urgent(10))
    #expect(s.news.contains(.urgent))
    #expect(s.status?.urgentPending == 2_058)
    s.expect(.ack(seq: 1, ack: 2_049, window: 0))
  }

  @Test("MUST-66 at a closed window RST still counts", .bothFamilies, arguments: roles)
  func resetCounts(_ role: ScenarioRole) {
    let s = full(role)
    s.inject(.rst(seq: 2_049))
    s.expectNothing()
    s.expectState(.closed)
    #expect(s.endReason == .reset)
  }

  @Test(
    "MAY-8 our window stays closed for as long as nobody reads, and every probe is answered", .bothFamilies,
    arguments: roles
  )
  func closedForEver(_ role: ScenarioRole) {
    let s = full(role)
    for _ in 0..<2 * 24 * 60 {
      s.advance(by: .seconds(60))
      s.inject(.data(seq: 2_049, ack: 1, 1))
      s.expect(.ack(seq: 1, ack: 2_049, window: 0))
    }
    s.expectNothing()
    s.expectState(.established)
    #expect(s.receive().octets == scriptText(0..<2_048))
    s.expect(.ack(seq: 1, ack: 2_049, window: 2_048))
  }

  @Test(
    "SHLD-14 a receive buffer made smaller takes no window back that was offered", .bothFamilies,
    arguments: roles)
  func edgeStays(_ role: ScenarioRole) {
    let s = Scenario(.established(role)) { $0.tcp.receiveBuffer = 65_536 }
    s.inject(.data(seq: 1, ack: 1, 1_460))
    s.expect(.ack(ack: 1_461, window: 64_075))
    s.setOptions { $0.receiveBuffer = 1_024 }
    // All of it may still come, and is kept.
    for i in 1..<44 {
      s.inject(.data(seq: 1 + 1_460 * i, ack: 1, 1_460))
      if let ack = s.takeSegments().last { #expect(ack.ack + ack.window == 65_536) }
    }
    s.inject(.data(seq: 64_241, ack: 1, 1_295))
    s.advance(by: .milliseconds(50))
    let last = s.takeSegments().last
    #expect(last?.ack == 65_536 && last?.window == 0)
    #expect(s.receive().octets == scriptText(0..<65_535))
    // Only now the smaller one shows.
    s.expect(.ack(ack: 65_536, window: 1_024))
  }

  @Test(
    "SHLD-14 MUST-39 a slow reader: the edge only moves right, and in steps worth a segment", .bothFamilies)
  func slowReader() {
    let s = full()
    var edge = 2_049
    for _ in 0..<16 {
      #expect(s.receive(upTo: 128).octets.count == 128)
      for update in s.takeSegments() {
        #expect(update.ack == 2_049)
        #expect(update.ack + update.window >= edge + 1_024)
        edge = update.ack + update.window
      }
    }
    #expect(edge == 2_049 + 2_048)
  }
}
