import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

@Suite("RFC 4821, 1191, 8201, 5927: the path's MTU")
struct PathMTUTests {
  private func sizes(_ s: Scenario) -> [Int] { s.takeSegments().map(\.text.count).filter { $0 > 0 } }

  private func established(_ family: ScenarioFamily = .ipv4, sack: Bool = true) -> Scenario {
    let mss: UInt16 = family == .ipv4 ? 1_460 : 1_440
    let options: [ScriptOption] = [.mss(mss), .windowScale(4)] + (sack ? [.sackPermitted] : [])
    let s = Scenario(.established(), family: family, offering: options) {
      $0.tcp.congestionControl = .newReno
    }
    s.send(100)
    s.takeSegments()
    s.advance(by: .milliseconds(100))
    s.inject(.ack(seq: 1, ack: 101))
    return s
  }

  @Test(
    "RFC 4821 §7.7: full-size segments that vanish are sent smaller after the second time-out",
    arguments: ScenarioFamily.allCases)
  func blackHole(family: ScenarioFamily) {
    let s = established(family)
    s.send(20_000)
    let full = family == .ipv4 ? 1_460 : 1_440
    #expect(sizes(s).first == full)
    // Probe, first time-out: as large as before.
    s.advance(by: .milliseconds(600))
    #expect(sizes(s).allSatisfy { $0 == full })
    s.advance(by: .milliseconds(700))
    #expect(sizes(s).first == 1_220)
    #expect(s.status?.sndMss == 1_220)
    // It arrives. The rest follows in the same size.
    s.advance(by: .milliseconds(100))
    s.inject(.ack(seq: 1, ack: 1_321))
    let rest = sizes(s)
    #expect(!rest.isEmpty && rest.allSatisfy { $0 <= 1_220 }, "\(rest)")
    #expect(s.counters.tcp.tcpMTUPFail == 1)
  }

  @Test(
    "RFC 4821 §7.3, §7.6: then sizes in between are tried with the stream's own text; what arrives stays")
  func search() {
    let s = established()
    s.send(200_000)
    s.takeSegments()
    s.advance(by: .milliseconds(600))
    s.advance(by: .milliseconds(700))
    s.takeSegments()
    var received: [Range<Int>] = []
    var acked = 101
    var tried: Set<Int> = []
    // A path that takes 1,380 octets of text.
    for _ in 0..<400 where acked <= 200_000 {
      for segment in s.takeSegments() where !segment.text.isEmpty {
        tried.insert(segment.text.count)
        if segment.text.count <= 1_380 { received.append(segment.seq..<segment.seq + segment.text.count) }
      }
      received.sort { $0.lowerBound < $1.lowerBound }
      while let first = received.first, first.lowerBound <= acked {
        acked = max(acked, first.upperBound)
        received.removeFirst()
      }
      s.advance(by: .milliseconds(100))
      let block = received.map { $0.lowerBound }.min().map { $0..<(received.map(\.upperBound).max() ?? $0) }
      s.inject(.ack(seq: 1, ack: acked, options: block.map { [.sack([$0])] } ?? []))
    }
    #expect(tried.contains(1_340), "\(tried.sorted())")
    let found = Int(s.status?.sndMss ?? 0)
    #expect((1_360...1_380).contains(found), "found \(found), tried \(tried.sorted())")
    #expect(s.counters.tcp.tcpMTUPSuccess >= 2)
    #expect(s.stack.held.coldBlocks == 0)
  }

  @Test("RFC 4821 §7.3: an idle connection remembers no search that nobody goes on with")
  func idleWithoutSearch() {
    let s = established(sack: false)
    s.send(20_000)
    s.takeSegments()
    s.advance(by: .milliseconds(600))
    s.advance(by: .milliseconds(2_000))
    s.takeSegments()
    #expect(s.status?.sndMss ?? .max < 1_460)
    for acked in [Int](stride(from: 1_101, to: 20_101, by: 1_000)) + [19_581, 20_101] {
      s.advance(by: .milliseconds(100))
      s.inject(.ack(seq: 1, ack: acked))
      s.takeSegments()
    }
    #expect(s.stack.held.coldBlocks == 0)
  }

  @Test(
    "RFC 4821 §7.5, RFC 8985 §6.2: a trial that the reordering timer finds lost has failed, and is no congestion"
  )
  func trialLostByTimer() {
    let s = established()
    let trial = firstTrial(s)
    let cwnd = s.status?.sndCwnd ?? 0
    let failed = s.counters.tcp.tcpMTUPFail
    // One segment beyond it arrives: RACK waits for a quarter of the round trip, and the timer finds the loss.
    s.advance(by: .milliseconds(100))
    let end = trial.upperBound
    s.inject(.ack(seq: 1, ack: trial.lowerBound, options: [.sack([end..<end + 1_220])]))
    #expect(s.status?.timer == .reordering)
    s.takeSegments()
    s.advance(by: .milliseconds(60))
    #expect(s.counters.tcp.tcpMTUPFail == failed + 1)
    #expect(s.status?.sndCwnd ?? 0 >= cwnd)
    #expect(s.status?.recovery == ConnectionStatus.Recovery.none)
    // Its text leaves again in segments of the size that arrives, and their arrival proves nothing else.
    let again = s.takeSegments().filter { trial.contains($0.seq) }
    #expect(again.map(\.text.count).allSatisfy { $0 <= 1_220 } && !again.isEmpty)
    s.advance(by: .milliseconds(100))
    s.inject(.ack(seq: 1, ack: end + 1_220))
    #expect(s.status?.sndMss == 1_220)
    #expect(s.counters.tcp.tcpMTUPSuccess == 0)
  }

  @Test("RFC 4821 §7.7: a connection that was idle meanwhile goes on searching")
  func searchAfterIdle() {
    let s = established()
    s.send(8_000)
    s.takeSegments()
    s.advance(by: .milliseconds(600))
    s.advance(by: .milliseconds(700))
    s.takeSegments()
    s.inject(.ack(seq: 1, ack: 8_101))
    #expect(s.status?.unacked == 0)
    // Meanwhile it costs no more than others.
    #expect(s.stack.held.coldBlocks == 0)
    s.advance(by: .seconds(60))
    s.send(20_000)
    // Between 1,220 and 1,440, which is what an octet keeps of 1,460.
    #expect(sizes(s).contains(1_330))
  }

  /// After a black hole: the numbers of the first segment that tries a larger size again.
  private func firstTrial(_ s: Scenario) -> Range<Int> {
    s.send(200_000)
    s.takeSegments()
    s.advance(by: .milliseconds(600))
    s.advance(by: .milliseconds(700))
    for _ in 0..<20 {
      let sent = s.takeSegments().filter { !$0.text.isEmpty }
      if let trial = sent.first(where: { $0.text.count == 1_340 }) {
        return trial.seq..<trial.seq + trial.text.count
      }
      s.advance(by: .milliseconds(100))
      s.inject(.ack(seq: 1, ack: sent.map { $0.seq + $0.text.count }.max() ?? 1_321))
    }
    Issue.record("nothing larger was tried")
    return 0..<0
  }

  @Test(
    "RFC7323-5.7-a RFC 1191 §6.4: text that is too large for the path leaves again at once, in smaller pieces"
  )
  func dropInFlight() {
    let s = established()
    s.send(7_300)
    let sent = s.takeSegments()
    #expect(sent.map(\.text.count) == [1_460, 1_460, 1_460, 1_460, 1_460])
    let before = s.status?.sndCwnd ?? 0
    s.inject(packet: tooBig(1_300, about: sent[0]))
    #expect(sizes(s).prefix(5) == [1_260, 1_260, 1_260, 1_260, 1_260])
    #expect(s.status?.sndCwnd == before)
    s.inject(.ack(seq: 1, ack: 7_401))
    #expect(s.status?.unacked == 0)
  }

  @Test(
    "RFC 1191 §3, RFC 8201 §4: nothing larger is tried within ten minutes of a router's message, then it is")
  func largerAfterTold() {
    let s = established()
    s.send(100_000)
    let sent = s.takeSegments()
    s.inject(packet: tooBig(1_300, about: sent[0]))
    // Ten minutes are 3,000 rounds.
    var acked = 101
    var largest = 0
    // Never idle: four kilooctets a round of 200 ms leave, and as much is written; now and then eight, room for a trial.
    func round(window: UInt16) {
      let sent = s.takeSegments().filter { !$0.text.isEmpty }
      largest = max(largest, sent.map(\.text.count).max() ?? 0)
      s.advance(by: .milliseconds(200))
      acked = max(acked, sent.map { $0.seq + $0.text.count }.max() ?? 0)
      s.inject(.ack(seq: 1, ack: acked, window: window / 16))
      s.send(4_000)
    }
    for n in 1...2_990 { round(window: n % 500 < 3 ? 8_000 : 4_000) }
    #expect(largest == 1_260)
    for _ in 1...30 { round(window: 20_000) }
    #expect(largest > 1_260)
  }

  @Test(
    "RFC 1191 §6.4: a router's message leaves the window alone in congestion avoidance, too")
  func windowAfterTold() {
    let s = established()
    s.setOptions { $0.noDelay = true }
    // A loss of small segments: ssthresh is set, and no size is proven.
    var end = 101
    func write(_ count: Int) {
      for _ in 1...count {
        s.send(1_000)
        s.takeSegments()
        end += 1_000
      }
      s.advance(by: .milliseconds(100))
    }
    write(10)
    s.inject(.ack(seq: 1, ack: 101, options: [.sack([1_101..<end])]))
    s.takeSegments()
    s.advance(by: .milliseconds(100))
    s.inject(.ack(seq: 1, ack: end))
    for _ in 1...20 {
      write(8)
      for n in (0..<8).reversed() { s.inject(.ack(seq: 1, ack: end - n * 1_000)) }
    }
    let before = s.status
    #expect(before?.sndCwnd ?? 0 > before?.sndSsthresh ?? .max)
    s.send(5_840)
    let sent = s.takeSegments().filter { !$0.text.isEmpty }
    s.inject(packet: tooBig(1_300, about: sent[0]))
    s.takeSegments()
    #expect(s.status?.recovery == .pathMTU)
    s.advance(by: .milliseconds(100))
    s.inject(.ack(seq: 1, ack: end + 5_840))
    #expect(s.status?.sndCwnd ?? 0 >= before?.sndCwnd ?? .max)
  }

  @Test(
    "RFC 1191 §6.4: of a ladder of messages only the first sends the flight again, each other one a segment")
  func ladder() {
    let r = RecoveryScript()
    r.send(20)
    let first = r.s.takeSegments().filter { !$0.text.isEmpty }
    var sent: [Int] = []
    for mtu in stride(from: UInt32(1_038), to: 700, by: -4) {
      r.s.inject(packet: tooBig(mtu, about: first[0]))
      sent.append(r.s.takeSegments().count { !$0.text.isEmpty })
    }
    #expect(sent[0] > 0 && sent[0] <= 2 * first.count)
    #expect(sent.dropFirst().allSatisfy { $0 <= 1 }, "\(sent)")
  }

  @Test("RFC 1191 §6.4: of two messages for one flight, the repair goes on in slow start")
  func twoMessages() {
    let r = RecoveryScript()
    r.send(20)
    let first = r.s.takeSegments().filter { !$0.text.isEmpty }
    for mtu: UInt32 in [940, 840] { r.s.inject(packet: tooBig(mtu, about: first[0])) }
    #expect(r.s.status?.recovery == .pathMTU && r.s.status?.sndCwnd == 800)
    r.s.takeSegments()
    var sent: [Int] = []
    var end = 1
    while end < 20_001, sent.count < 30 {
      r.advance(100)
      var leaves = 0
      // Each of the round's segments has its acknowledgment.
      for _ in 0..<max(sent.last ?? 1, 1) where end < 20_001 {
        end = min(end + 800, 20_001)
        r.s.inject(.ack(seq: 1, ack: end))
        leaves += r.s.takeSegments().count { !$0.text.isEmpty }
      }
      sent.append(leaves)
    }
    #expect(sent.starts(with: [2, 4, 8]), "\(sent)")
    #expect(r.s.status?.recovery == ConnectionStatus.Recovery.none)
  }

  @Test(
    "RFC 1191 §6.4: within any repair a message sends one segment again, and not the flight",
    arguments: [false, true])
  func messageInRepair(afterTimeout: Bool) {
    let r = RecoveryScript()
    r.send(20)
    let first = r.s.takeSegments().filter { !$0.text.isEmpty }
    if afterTimeout {
      r.advance(3_000)
    } else {
      r.advance(100)
      r.ack(0, 1..<10)
    }
    r.s.takeSegments()
    #expect(r.s.status?.recovery == (afterTimeout ? .timeout : .fastRecovery))
    var sent: [Int] = []
    for mtu: UInt32 in [940, 840, 740] {
      r.s.inject(packet: tooBig(mtu, about: first[0]))
      sent.append(r.s.takeSegments().count { !$0.text.isEmpty })
    }
    #expect(sent.allSatisfy { $0 <= 1 }, "\(sent)")
  }

  @Test(
    "RFC 1191 §3: nothing larger is tried for ten minutes after a claim that a time-out made credible")
  func largerAfterClaim() {
    let s = established()
    var end = 1
    func write(_ count: Int) {
      s.send(.count(count))
      let sent = s.takeSegments().filter { !$0.text.isEmpty }
      end = sent.map { $0.seq + $0.text.count }.max() ?? end
      s.advance(by: .milliseconds(100))
      s.inject(.ack(seq: 1, ack: end))
    }
    write(100)
    write(1_460)
    s.send(4_380)
    let sent = s.takeSegments()
    s.inject(packet: tooBig(1_300, about: sent[0]))
    #expect(s.status?.sndMss == 1_460)
    s.advance(by: .milliseconds(900))
    #expect(s.status?.sndMss == 1_260)
    s.takeSegments()
    end += 4_380
    s.inject(.ack(seq: 1, ack: end))
    for _ in 1...100 { write(20_000) }
    #expect(s.status?.sndMss == 1_260)
    #expect(s.counters.tcp.tcpMTUPSuccess == 0)
  }

  @Test(
    "RFC 5927 §7.2: a claim against a size that has arrived waits until a time-out makes it credible")
  func forged() {
    let s = established()
    s.send(1_460)
    s.takeSegments()
    s.advance(by: .milliseconds(100))
    s.inject(.ack(seq: 1, ack: 1_561))
    s.send(4_380)
    let sent = s.takeSegments()
    #expect(sent.map(\.text.count) == [1_460, 1_460, 1_460])
    s.inject(packet: tooBig(600, about: sent[0]))
    #expect(sizes(s).isEmpty)
    #expect(s.status?.sndMss == 1_460)
    // It was a lie: they arrive.
    s.advance(by: .milliseconds(100))
    s.inject(.ack(seq: 1, ack: 4_481))
    s.send(2_920)
    let more = s.takeSegments()
    #expect(more.first?.text.count == 1_460)
    // And one that is true: nothing arrives any more.
    if let first = more.first { s.inject(packet: tooBig(1_300, about: first)) }
    #expect(s.status?.sndMss == 1_460)
    s.advance(by: .milliseconds(900))
    #expect(s.status?.sndMss == 1_260)
  }

  private func tooBig(_ mtu: UInt32, about segment: SeenSegment) -> [UInt8] {
    ICMPError(type: 3, code: 4, rest: mtu).packet(about: segment.packet)
  }

  @Test(
    "RFC 4821 §7.4: a larger size is tried only when four full segments wait behind it, and have room",
    arguments: [-1, 0])
  func fourSegmentsBehind(missing: Int) {
    for isWindow in [false, true] {
      let s = established()
      s.send(8_000)
      s.takeSegments()
      s.advance(by: .milliseconds(600))
      s.advance(by: .milliseconds(700))
      s.takeSegments()
      s.inject(.ack(seq: 1, ack: 8_101))
      #expect(s.status?.sndMss == 1_220)
      let needed = 1_330 + 4 * 1_220 + missing
      // In units of 16 octets.
      if isWindow {
        s.inject(.ack(seq: 1, ack: 8_101, window: UInt16((needed + (missing == 0 ? 15 : 0)) / 16)))
      }
      s.send(.count(isWindow ? 20_000 : needed))
      #expect(sizes(s).contains(1_330) == (missing == 0), "window: \(isWindow)")
    }
  }

  @Test(
    "RFC 5927 §7.2: after a time-out a claim against a size that has arrived is believed at once")
  func claimAfterTimeout() {
    let s = established()
    s.send(1_460)
    s.takeSegments()
    s.advance(by: .milliseconds(100))
    s.inject(.ack(seq: 1, ack: 1_561))
    s.send(4_380)
    let sent = s.takeSegments()
    s.advance(by: .milliseconds(600))
    s.takeSegments()
    #expect(s.counters.tcp.tcpTimeouts == 1)
    #expect(s.status?.sndMss == 1_460)
    s.inject(packet: tooBig(1_300, about: sent[0]))
    #expect(s.status?.sndMss == 1_260)
    #expect(sizes(s) == [1_260])
  }
}
