import MartletSimulator
import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

// RFC 3168 §6.1: explicit congestion notification, from the request to the reaction.

@Suite("RFC 3168 §6.1.1: agreeing to ECN")
struct ECNNegotiationTests {
  private let asked: TCPFlags = [.syn, .ece, .cwr]

  @Test(
    "SHLD-8 RFC 3168 §6.1.1 both bits of a SYN ask, ECE alone agrees; only whoever is willing does",
    .bothFamilies)
  func passive() {
    let requests: [(TCPFlags, Bool)] = [
      (asked, true), (asked.union(.ae), true), (.syn, false), ([.syn, .ece], false), ([.syn, .cwr], false),
      (asked.union(.psh), false), (asked.union(.urg), false), (asked.union(.fin), false),
    ]
    for policy in ECNPolicy.allCases {
      for (flags, asks) in requests {
        let s = Scenario(.listening) { $0.tcp.ecn = policy }
        s.inject(.segment(flags, seq: 0, options: [.mss(1_460)]))
        let agrees = asks && policy != .off
        s.expect(.synAck(seq: 0, ack: 1).adding(agrees ? .ece : []).ecn(.notECT))
        s.inject(.ack())
        #expect(s.status?.ecn == agrees, "\(policy) \(flags)")
      }
    }
  }

  @Test("RFC 3168 §6.1.1 a SYN with a codepoint of its own has met somebody who writes there", .bothFamilies)
  func mangled() {
    for codepoint in [ECN.ect0, .ect1, .ce] {
      let s = Scenario(.listening)
      s.inject(.segment(asked, seq: 0, options: [.mss(1_460)]).ecn(codepoint))
      s.expect(.synAck(seq: 0, ack: 1))
    }
  }

  @Test("RFC 3168 §6.1.1.2 an active open: ECE alone agrees, both bits are a reflection", .bothFamilies)
  func active() {
    for policy in ECNPolicy.allCases {
      for (answer, agrees) in [(TCPFlags.ece, true), ([], false), ([.ece, .cwr], false), (.cwr, false)] {
        let s = Scenario { $0.tcp.ecn = policy }
        s.connect()
        s.expect(.syn(seq: 0).adding(policy == .on ? [.ece, .cwr] : []).ecn(.notECT))
        s.inject(.synAck().adding(answer))
        s.expect(.ack(seq: 1, ack: 1).ecn(.notECT))
        #expect(s.status?.ecn == (policy == .on && agrees), "\(policy) \(answer)")
      }
    }
  }

  @Test("RFC 3168 §6.1.1.1 a SYN without an answer comes again without the request", .bothFamilies)
  func fallback() {
    let s = Scenario { $0.tcp.ecn = .on }
    s.connect()
    s.expect(.syn(seq: 0).adding([.ece, .cwr]))
    s.expectNext(after: .seconds(1), .syn(seq: 0))
    s.expectNext(after: .seconds(2), .syn(seq: 0))
    s.inject(.synAck())
    s.expect(.ack(seq: 1, ack: 1))
    #expect(s.status?.ecn == false)
  }

  @Test("RFC 3168 §6.1.1.1 who is asked again without the request does without", .bothFamilies)
  func fallbackOfPeer() {
    let s = Scenario(.listening)
    s.inject(.syn().adding([.ece, .cwr]))
    s.expect(.synAck(seq: 0, ack: 1).adding(.ece))
    s.expectNext(after: .seconds(1), .synAck(seq: 0, ack: 1).adding(.ece))
    s.inject(.syn())
    s.expect(.synAck(seq: 0, ack: 1))
    s.inject(.ack())
    #expect(s.status?.ecn == false)
  }

  @Test("RFC 3168 §6.1.1 a simultaneous open does without", .bothFamilies)
  func simultaneous() {
    let s = Scenario { $0.tcp.ecn = .on }
    s.connect()
    s.takeSegments()
    s.inject(.syn(seq: 0).adding([.ece, .cwr]))
    s.expect(.synAck(seq: 0, ack: 1))
    s.inject(.ack())
    #expect(s.state == .established)
    #expect(s.status?.ecn == false)
  }
}

@Suite("RFC 3168 §6.1.3: the receiver of marks")
struct ECNReceiverTests {
  @Test("RFC 3168 §6.1.3 ECE on every acknowledgment until CWR", arguments: ScenarioFamily.allCases)
  func echo(family: ScenarioFamily) {
    let s = ecnScenario(family)
    s.inject(.data(seq: 1, ack: 1, 100).ecn(.ect0))
    s.expectNext(after: .milliseconds(40), .ack(ack: 101))
    // Told at once, not when the delay is over.
    s.inject(.data(seq: 101, ack: 1, 100).ecn(.ce))
    s.expect(.ack(ack: 201).adding(.ece).ecn(.notECT))
    s.inject(.data(seq: 201, ack: 1, 100).ecn(.ect0))
    s.expectNext(after: .milliseconds(40), .ack(ack: 301).adding(.ece))
    s.send(100)
    s.expect(.data(seq: 1, ack: 301, 100).adding(.ece).ecn(.ect0))
    s.inject(.ack(seq: 301, ack: 101))
    // CWR ends it; a mark on that very packet begins anew.
    s.inject(.data(seq: 301, ack: 101, 100).adding(.cwr).ecn(.ect0))
    s.expectNext(after: .milliseconds(40), .ack(ack: 401))
    s.inject(.data(seq: 401, ack: 101, 100).ecn(.ce))
    s.expect(.ack(ack: 501).adding(.ece))
    s.inject(.data(seq: 501, ack: 101, 100).adding(.cwr).ecn(.ce))
    s.expect(.ack(ack: 601).adding(.ece))
    #expect(s.counters.tcp.inCEPkts == 3)
    #expect(s.receive().octets == scriptText(0..<600))
  }

  @Test("RFC 3168 §6.1.3 a mark beyond a hole counts", .bothFamilies)
  func outOfOrder() {
    let s = ecnScenario()
    s.inject(.data(seq: 101, ack: 1, 100).ecn(.ce))
    s.expect(.ack(ack: 1).adding(.ece))
  }

  @Test(
    "RFC 3168 §6.1.5 §6.1.4 a mark outside the window, or on a pure acknowledgment, does not", .bothFamilies)
  func unbelieved() {
    let s = ecnScenario()
    s.inject(.data(seq: 1, ack: 1, 100).ecn(.ect0))
    s.advance(by: .milliseconds(40))
    s.takeSegments()
    s.inject(.data(seq: 1, ack: 1, 100).ecn(.ce))
    s.expect(.ack(ack: 101))
    s.inject(.data(seq: 500_000, ack: 1, 100).ecn(.ce))
    s.expect(.ack(ack: 101))
    s.inject(.ack(seq: 101, ack: 1).ecn(.ce))
    s.inject(.data(seq: 101, ack: 1, 100).ecn(.ect0))
    s.expectNext(after: .milliseconds(40), .ack(ack: 201))
    #expect(s.counters.tcp.inCEPkts == 0)
  }

  @Test("RFC 3168 §6.1.1 where nothing was agreed, marks and echoes mean nothing", .bothFamilies)
  func notAgreed() {
    let s = Scenario(.established())
    s.inject(.data(seq: 1, ack: 1, 100).ecn(.ce))
    s.expectNext(after: .milliseconds(40), .ack(ack: 101))
    s.send(1_000)
    s.expect(.data(seq: 1, 1_000).ecn(.notECT))
    let cwnd = s.status?.sndCwnd ?? 0
    s.inject(.ack(seq: 101, ack: 1_001).adding(.ece))
    #expect((s.status?.sndCwnd ?? 0) >= cwnd)
    #expect(s.counters.tcp.tcpECNReductions == 0)
  }
}

@Suite("RFC 3168 §6.1.2: the sender")
struct ECNSenderTests {
  @Test(
    "RFC 3168 §6.1.2 ECT(0) on new text; §6.1.5 not on what is sent again; §6.1.4 nor without text",
    .bothFamilies)
  func capable() {
    let s = ecnScenario()
    s.send(100)
    s.expect(.data(seq: 1, 100).ecn(.ect0))
    s.expectNextAnything(seq: 1).map { #expect($0.ecn == .notECT) }
    s.inject(.ack(seq: 1, ack: 101))
    s.send(100)
    s.expect(.data(seq: 101, 100).adding(.cwr).ecn(.ect0))
    s.inject(.ack(seq: 1, ack: 201))
    s.shutdown(.send)
    s.expect(.fin(seq: 201, 0).ecn(.notECT))
  }

  @Test("RFC 3168 §6.1.6 neither ECT nor CWR on a window probe", .bothFamilies)
  func probe() {
    let s = ecnScenario()
    s.send(1_000)
    s.takeSegments()
    s.inject(.ack(seq: 1, ack: 1_001, window: 0).adding(.ece))
    s.send(1_000)
    s.expectNothing()
    s.advance(by: .seconds(2))
    let probes = s.takeSegments()
    #expect(!probes.isEmpty)
    for probe in probes {
      #expect(probe.ecn == .notECT)
      #expect(!probe.flags.contains(.cwr))
    }
  }

  @Test("RFC 3168 §6.1.5 nor on the segment that sends a probe's octet again, but on the next", .bothFamilies)
  func probedOctet() {
    let s = ecnScenario()
    s.send(1_000)
    s.takeSegments()
    s.inject(.ack(seq: 1, ack: 1_001, window: 0).adding(.ece))
    s.send(10_000)
    s.advance(by: .seconds(1))
    #expect(s.takeSegments().contains { $0.text.count == 1 })
    s.inject(.ack(seq: 1, ack: 1_001))
    let again = s.takeSegments().first { !$0.text.isEmpty }
    #expect(again?.seq == 1_001 && again?.ecn == .notECT && again?.flags.contains(.cwr) == false)
    s.inject(.ack(seq: 1, ack: 1_001 + (again?.text.count ?? 0)))
    let next = s.takeSegments().first { !$0.text.isEmpty }
    #expect(next?.ecn == .ect0 && next?.flags.contains(.cwr) == true)
  }

  @Test("RFC 3168 §6.1.2 once per window of data, whatever number of acknowledgments say so", .bothFamilies)
  func oncePerRoundTrip() throws {
    let s = ecnScenario()
    s.send(100_000)
    let first = s.takeSegments()
    #expect(first.count == 10)
    let cwnd = try #require(s.status?.sndCwnd)
    // Ten acknowledgments of one window, each with ECE: one reaction.
    for i in 1...10 { s.inject(.ack(seq: 1, ack: 1 + 1_460 * i).adding(.ece)) }
    let reduced = try #require(s.status)
    #expect(reduced.sndSsthresh < cwnd && reduced.sndSsthresh >= cwnd / 2 - 1_460)
    #expect(s.counters.tcp.tcpECNReductions == 1)
    // CWR on the first new segment and on no other.
    let second = s.takeSegments()
    #expect(second.map { $0.flags.contains(.cwr) } == second.indices.map { $0 == 0 })
    #expect(second.allSatisfy { $0.ecn == .ect0 })
    // Its acknowledgment is of the next window: an echo there is of another mark.
    let next = try #require(second.first)
    s.inject(.ack(seq: 1, ack: next.seq + 1_460).adding(.ece))
    #expect(s.counters.tcp.tcpECNReductions == 2)
    #expect(s.status.map { $0.sndSsthresh < reduced.sndSsthresh } == true)
    #expect(s.counters.tcp.retransSegs == 0)
  }

  @Test("RFC 3168 §6.1.2 an acknowledgment with ECE opens the window by nothing", .bothFamilies)
  func noGrowth() throws {
    let s = ecnScenario()
    s.send(100_000)
    s.takeSegments()
    s.inject(.ack(seq: 1, ack: 1_461).adding(.ece))
    let cwnd = try #require(s.status?.sndCwnd)
    for i in 2...5 { s.inject(.ack(seq: 1, ack: 1 + 1_460 * i).adding(.ece)) }
    #expect(s.status?.sndCwnd == cwnd)
  }

  @Test(
    "RFC 3168 §6.1.2 a repair after a smaller path MTU has reduced nothing: an echo is obeyed", .bothFamilies)
  func whilePathShrinks() throws {
    let s = ecnScenario()
    s.send(7_300)
    let sent = s.takeSegments()
    let cwnd = try #require(s.status?.sndCwnd)
    s.inject(packet: ICMPError(type: 3, code: 4, rest: 1_300).packet(about: sent[0].packet))
    s.takeSegments()
    #expect(s.status?.sndCwnd == cwnd)
    s.inject(.ack(seq: 1, ack: 1_261).adding(.ece))
    #expect(s.counters.tcp.tcpECNReductions == 1)
    #expect(s.status.map { $0.sndCwnd < cwnd } == true)
  }

  @Test("RFC 3168 §6.1.2 after a time-out too new text has CWR, what is sent again has not", .bothFamilies)
  func afterTimeout() throws {
    let s = ecnScenario()
    s.send(1_460)
    s.expect(.data(seq: 1, 1_460).ecn(.ect0))
    s.advance(by: .seconds(2))
    for again in s.takeSegments() {
      #expect(again.seq == 1)
      #expect(!again.flags.contains(.cwr) && again.ecn == .notECT)
    }
    // Its echo is old news: the window was reduced already.
    s.inject(.ack(seq: 1, ack: 1_461).adding(.ece))
    #expect(s.counters.tcp.tcpECNReductions == 0)
    s.send(1_460)
    s.expect(.data(seq: 1_461, 1_460).adding(.cwr).ecn(.ect0))
  }
}

@Suite("RFC 3168: two stacks and a queue that marks")
struct ECNPairTests {
  @Test(
    "SHLD-8 RFC 3168 §5 a queue that marks loses nothing and is obeyed", .bothFamilies,
    arguments: [false, true])
  func marked(overIPv6: Bool) {
    var conditions = LinkConditions(delay: .milliseconds(10))
    conditions.rate = 10_000_000
    conditions.queue = 200_000
    conditions.marksAbove = 15_000
    var configuration = StackConfiguration()
    configuration.tcp.ecn = .on
    let pair = Pair(conditions, client: configuration, overIPv6: overIPv6)
    pair.connect()
    let octets = 1_000_000
    var sent = 0
    while pair.receive(.server).octets.count >= 0, sent < octets {
      let piece = min(50_000, octets - sent)
      pair.send(.client, .count(piece))
      sent += piece
      pair.run(for: .milliseconds(50))
    }
    pair.run(for: .seconds(1))
    let marks = pair.observations.filter(\.isMarked).count
    #expect(marks > 0)
    #expect(pair.server.stack.counters.tcp.inCEPkts == UInt64(marks))
    let reductions = pair.client.stack.counters.tcp.tcpECNReductions
    #expect(reductions > 0 && reductions <= 50)
    #expect(pair.client.stack.counters.tcp.retransSegs == 0)
    let cwr = pair.observations.filter { $0.packet.flags.contains(.cwr) && !$0.packet.flags.contains(.syn) }
    #expect(cwr.count == Int(reductions) || cwr.count + 1 == Int(reductions))
    #expect(pair.status(.client)?.ecn == true && pair.status(.server)?.ecn == true)
  }
}

/// An established connection that has agreed to ECN, opened by the peer.
private func ecnScenario(_ family: ScenarioFamily = .standard) -> Scenario {
  let s = Scenario(.listening, family: family)
  s.inject(.syn().adding([.ece, .cwr]))
  s.expect(.synAck(seq: 0, ack: 1).adding(.ece))
  s.inject(.ack())
  return s
}

extension Scenario {
  /// The next segment, whenever it comes, which begins there.
  fileprivate func expectNextAnything(seq: Int) -> SeenSegment? {
    advance(by: .seconds(2))
    let segment = takeSegments().first
    #expect(segment?.seq == seq)
    return segment
  }
}
