import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

/// S2.10: what the first two segments agree upon, and what follows from it.
@Suite struct NegotiationTests {
  /// Every set of these options.
  static let offers: [[ScriptOption]] = (0..<16).map { bits in
    let all: [ScriptOption] = [.mss(1_000), .windowScale(7), .sackPermitted, .timestamps(1_000, 0)]
    return all.enumerated().filter { bits >> $0.offset & 1 == 1 }.map(\.element)
  }

  private func kinds(_ options: [ScriptOption]) -> TCPOptions.Present {
    var present: TCPOptions.Present = []
    for option in options {
      switch option {
      case .mss: present.insert(.maximumSegmentSize)
      case .windowScale: present.insert(.windowScale)
      case .sackPermitted: present.insert(.sackPermitted)
      case .timestamps: present.insert(.timestamps)
      case .sack, .fastOpen: break
      }
    }
    return present
  }

  @Test("S2.10 RFC7323-2.2-a RFC7323-3.2-a a client offers all four", arguments: ScenarioFamily.allCases)
  func offeredByClient(_ family: ScenarioFamily) throws {
    let s = Scenario(.closed, family: family)
    s.connect()
    let mss: UInt16 = family == .ipv4 ? 1_460 : 1_440
    let syn = try #require(
      s.expect(.syn(options: [.mss(mss), .sackPermitted, .windowScale(7)]).carrying(.timestamps)))
    #expect(syn.timestamps?.echo == 0)
  }

  @Test(
    "S2.10 RFC7323-2.3-a a SYN-ACK carries what the SYN offered, and MSS, and no more", .bothFamilies,
    arguments: offers)
  func answeredByServer(_ offer: [ScriptOption]) {
    let s = Scenario(.listening, offering: offer)
    s.inject(.syn(seq: 0, options: offer))
    let wanted = kinds(offer).union(.maximumSegmentSize)
    let all: TCPOptions.Present = [.maximumSegmentSize, .windowScale, .sackPermitted, .timestamps]
    s.expect(.synAck(seq: 0, ack: 1).carrying(wanted).lacking(all.subtracting(wanted)))
  }

  @Test(
    "S2.10 RFC7323-2.2-b RFC7323-2.3-b/c/d/e/f/g RFC7323-3.2-f what both offered is used, and nothing else",
    .bothFamilies,
    arguments: offers,
    [ScenarioRole.passive, .active])
  func usedAfterwards(_ offer: [ScriptOption], _ role: ScenarioRole) throws {
    let s = Scenario(.established(role), offering: offer)
    let present = kinds(offer)
    let status = try #require(s.status)
    #expect(status.timestamps == present.contains(.timestamps))
    #expect(status.sack == present.contains(.sackPermitted))
    #expect(status.windowScaling == present.contains(.windowScale))

    // Text out: the size, the timestamps, the scaled window.
    let unsaid = ScenarioFamily.standard == .ipv4 ? 536 : 1_220
    let size = (present.contains(.maximumSegmentSize) ? 1_000 : unsaid) - (status.timestamps ? 12 : 0)
    s.send(.count(3 * size))
    let out = try #require(s.expect(.data(seq: 1, ack: 1, .count(size))))
    #expect((out.timestamps != nil) == present.contains(.timestamps))
    #expect(out.timestamps?.echo ?? 1_000 == 1_000)
    let offered = out.window << (status.windowScaling ? 7 : 0)
    #expect(offered == (status.windowScaling ? 262_144 : 65_535))
    s.takeSegments()
    s.inject(.ack(seq: 1, ack: 1 + 3 * size, window: 1_000))
    s.takeSegments()
    #expect(s.status?.sndWnd == (status.windowScaling ? 128_000 : 1_000))

    // Text in, with a hole.
    s.inject(.data(seq: 101, ack: 1 + 3 * size, 100))
    let hole = try #require(s.expect(.ack(ack: 1)))
    #expect(hole.sack == (status.sack ? [101..<201] : []))
  }

  @Test(
    "S2.10 MUST-15 without an MSS option: 536 octets on IPv4, 1,220 on IPv6",
    arguments: ScenarioFamily.allCases)
  func defaultMSS(_ family: ScenarioFamily) {
    for role in [ScenarioRole.passive, .active] {
      let s = Scenario(.established(role), family: family, offering: [])
      s.send(2_000)
      s.expect(.data(seq: 1, .count(family == .ipv4 ? 536 : 1_220)))
    }
  }

  @Test(
    "S2.10 RFC7323-2.2-d RFC7323-2.3-h/j a scale above 14 counts as 14; the window of a SYN is never scaled",
    .bothFamilies)
  func scaleLimits() {
    let s = Scenario(.listening, offering: [.mss(1_460), .windowScale(200)])
    s.inject(.syn(seq: 0, window: 1_000, options: [.mss(1_460), .windowScale(200)]))
    s.expect(.synAck(seq: 0, ack: 1, window: 65_535))
    s.inject(.ack(seq: 1, ack: 1, window: 3))
    #expect(s.status?.sndWnd == 3 << 14)

    let c = Scenario(.synSent, offering: [.mss(1_460), .windowScale(5)])
    c.inject(.synAck(seq: 0, ack: 1, window: 1_000, options: [.mss(1_460), .windowScale(5)]))
    #expect(c.status?.sndWnd == 1_000)
    c.takeSegments()
    c.inject(.ack(seq: 1, ack: 1, window: 1_000))
    #expect(c.status?.sndWnd == 32_000)
  }

  @Test("S2.10 two stacks agree on all of it", arguments: ScenarioFamily.allCases)
  func betweenStacks(_ family: ScenarioFamily) throws {
    let w = TwoStacks(family)
    try w.open()
    for end in [w.a, w.b] {
      let status = try end.stack.status(#require(end.connection), now: w.now).tcp
      #expect(status.timestamps && status.sack && status.windowScaling)
      #expect(status.sndMss == (family == .ipv4 ? 1_448 : 1_428))
      #expect(status.sndWscale == 7 && status.rcvWscale == 7)
    }
  }
}
