import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

// RFC 9293 §3.9.2: the interface to the layer below, with RFC 5927 and RFC 5961.

@Suite("RFC 9293: below TCP")
struct AddressAndICMPTests {
  /// The errors of MUST-56 on a family, and what they are called.
  static func softErrors(_ family: ScenarioFamily) -> [(ICMPError, SoftError)] {
    family == .ipv4
      ? [
        (ICMPError(type: 3, code: 0), .networkUnreachable), (ICMPError(type: 3, code: 1), .hostUnreachable),
        (ICMPError(type: 3, code: 5), .sourceRouteFailed), (ICMPError(type: 11, code: 0), .timeExceeded),
        (ICMPError(type: 11, code: 1), .timeExceeded), (ICMPError(type: 12, code: 0), .parameterProblem),
      ]
      : [
        (ICMPError(type: 1, code: 0), .networkUnreachable), (ICMPError(type: 1, code: 3), .hostUnreachable),
        (ICMPError(type: 3, code: 0), .timeExceeded), (ICMPError(type: 3, code: 1), .timeExceeded),
        (ICMPError(type: 4, code: 0), .parameterProblem), (ICMPError(type: 4, code: 2), .parameterProblem),
      ]
  }

  /// What no longer ends a synchronized connection: codes 2 to 4 of RFC 9293, and their like.
  static func hardErrors(_ family: ScenarioFamily) -> [ICMPError] {
    family == .ipv4
      ? [ICMPError(type: 3, code: 2), ICMPError(type: 3, code: 3)]
      : [ICMPError(type: 1, code: 4), ICMPError(type: 4, code: 1)]
  }

  @Test(
    "MUST-47 MUST-56 SHLD-25 RFC9293-3.9.1.8-a soft errors end nothing, and the application is told",
    arguments: ScenarioFamily.allCases)
  func soft(family: ScenarioFamily) throws {
    for (error, name) in Self.softErrors(family) {
      let s = Scenario(.established(), family: family)
      s.send("text")
      let sent = try #require(s.expect(.data(seq: 1, "text")))
      s.inject(packet: error.packet(about: sent.packet))
      #expect(s.news.contains(.error), "\(error)")
      #expect(s.takeError() == .soft(name), "\(error)")
      #expect(s.takeError() == nil)
      s.expectNothing()
      s.inject(.ack(seq: 1, ack: 5))
      #expect(s.state == .established)
      #expect(s.status?.unacked == 0)
    }
  }

  @Test("SHLD-20 who does not ask for soft errors is not troubled by them", .bothFamilies)
  func notAsked() throws {
    let s = Scenario(.established())
    s.send("text")
    let sent = try #require(s.expect(.data(seq: 1, "text")))
    s.inject(packet: ICMPError(type: 3, code: 1).packet(about: sent.packet))
    // No call fails, and nothing piles up.
    #expect(s.receive().error == .wouldBlock)
    s.inject(.ack(seq: 1, ack: 5))
    s.send("more")
    s.expect(.data(seq: 5, "more"))
    s.inject(.data(seq: 1, ack: 9, "answer"))
    #expect(s.receive().text == "answer")
    s.shutdown()
    s.expect(.fin(seq: 9, ack: 7))
    s.inject(.fin(seq: 7, ack: 10))
    s.expect(.ack(seq: 10, ack: 8))
    #expect(s.state == .timeWait)
    #expect(s.endReason == EndReason.none)
  }

  @Test("MUST-56 a soft error leaves a SYN trying", arguments: ScenarioFamily.allCases)
  func softOnSYN(family: ScenarioFamily) throws {
    for (error, name) in Self.softErrors(family) {
      let s = Scenario(.closed, family: family)
      s.connect()
      let syn = try #require(s.expect(.syn(seq: 0)))
      s.inject(packet: error.packet(about: syn.packet))
      #expect(s.state == .synSent)
      #expect(s.takeError() == .soft(name))
      s.expectNext(after: .seconds(1), .syn(seq: 0))
      s.inject(.synAck())
      s.expect(.ack(seq: 1, ack: 1))
    }
  }

  @Test(
    "O5 a hard error ends a SYN in flight, and no established connection", arguments: ScenarioFamily.allCases)
  func hard(family: ScenarioFamily) throws {
    for error in Self.hardErrors(family) {
      let s = Scenario(.closed, family: family)
      s.connect()
      let syn = try #require(s.expect(.syn(seq: 0)))
      s.inject(packet: error.packet(about: syn.packet))
      #expect(s.state == .closed)
      #expect(s.endReason == .refused)

      let up = Scenario(.established(), family: family)
      up.send("text")
      let sent = try #require(up.expect(.data(seq: 1, "text")))
      up.inject(packet: error.packet(about: sent.packet))
      #expect(up.state == .established)
      #expect(up.takeError() != nil)
    }
  }

  @Test("MUST-54 an error reaches the connection that it quotes and no other", .bothFamilies)
  func rightConnection() throws {
    let s = Scenario(.established())
    s.connectPeer(from: 40_001)
    s.send("text")
    let sent = try #require(s.expect(.data(seq: 1, "text")))
    s.inject(packet: ICMPError(type: 3, code: 1).packet(about: sent.packet))
    let troubled = s.events.compactMap { event in
      if case .connection(let id, let news) = event, news.contains(.error) { id } else { nil }
    }
    #expect(troubled.count == 1 && troubled.first == s.connection)
    let other = try #require(s.accepted.first { $0 != s.connection })
    #expect(try s.stack.takeError(other) == nil)
  }

  @Test(
    "MUST-48 SHLD-21 SHLD-22 the DSCP is sent as given, and may change", arguments: ScenarioFamily.allCases)
  func differentiatedServices(family: ScenarioFamily) {
    let l = Scenario(.closed, family: family)
    var options = ListenerOptions()
    options.connection.dscp = 0b101110
    l.listen(port: 80, options)
    l.inject(.syn())
    l.expect(.synAck().dscp(0b101110))
    l.inject(.ack())
    l.send("a")
    l.expect(.data(seq: 1, "a").dscp(0b101110))
    l.setOptions { $0.dscp = 0b001010 }
    l.inject(.ack(seq: 1, ack: 2))
    l.send("b")
    l.expect(.data(seq: 2, "b").dscp(0b001010))
    l.expectNext(after: .milliseconds(200), .data(seq: 2, "b").dscp(0b001010))
    l.inject(.rst(seq: 3))
    l.expect(.ack().dscp(0b001010))
    l.abort()
    l.expect(.reset().dscp(0b001010))

    let active = Scenario(.closed, family: family)
    active.connect(options.connection)
    active.expect(.syn().dscp(0b101110))
    let plain = Scenario(.closed, family: family)
    plain.connect()
    plain.expect(.syn().dscp(0))
  }

  @Test(
    "MUST-50 IP options that TCP does not know are passed over",
    arguments: [
      [1, 1, 1, 0], [7, 7, 4, 0, 0, 0, 0, 0], [68, 8, 5, 0, 0, 0, 0, 0], [0x9e, 4, 1, 2], [148, 4, 0, 0],
      [130, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], [1, 0x99, 2, 0],
    ] as [[UInt8]])
  func ipOptions(options: [UInt8]) {
    let s = Scenario(.listening)
    s.inject(packet: withIPOptions(options, s.packet(.syn())))
    s.expect(.synAck(seq: 0, ack: 1))
    s.inject(packet: withIPOptions(options, s.packet(.ack())))
    s.inject(packet: withIPOptions(options, s.packet(.data(seq: 1, ack: 1, "text"))))
    #expect(s.receive().text == "text")
  }

  @Test(
    "MAY-12 RFC5961-5.2-a/b RFC9293-3.10.7.4-f/g text whose acknowledgment is far too old is challenged",
    .bothFamilies
  )
  func distantAcknowledgment() {
    // What a field can say, or the largest window where that was scaled.
    let windows: [(UInt16, [ScriptOption], Int)] = [
      (2_000, [.mss(1_460)], 65_535), (60_000, [.mss(1_460), .windowScale(2)], 240_000),
    ]
    for (window, offer, widest) in windows {
      for (ack, isTaken) in [(1, true), (1 - widest, true), (-widest, false), (1 << 30, false), (2, false)] {
        let s = Scenario(.established(), offering: offer, window: window)
        s.inject(.data(seq: 1, ack: ack, "text"))
        if isTaken {
          #expect(s.receive().text == "text")
        } else {
          s.expect(.ack(seq: 1, ack: 1))
          #expect(s.receive().error == .wouldBlock)
        }
        #expect(s.state == .established)
      }
    }
  }
}
