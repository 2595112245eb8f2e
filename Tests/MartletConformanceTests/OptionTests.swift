import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

// RFC 9293 §3.1 and §3.7.1: options, and the size of segments. The parser itself is tested with the wire
// format; here it is what a connection makes of it.

@Suite("RFC 9293: options")
struct OptionTests {
  @Test(
    "MUST-14 SHLD-5 the MSS option is on every SYN, and the peer's is obeyed",
    arguments: ScenarioFamily.allCases)
  func obeyed(family: ScenarioFamily) {
    let own: UInt16 = family == .ipv4 ? 1_460 : 1_440
    let s = Scenario(.listening, family: family)
    s.inject(.syn(options: [.mss(300)]))
    s.expect(.synAck(seq: 0, ack: 1, options: [.mss(own)]))
    s.inject(.ack())
    s.send(900)
    for seq in [1, 301, 601] { s.expect(.data(seq: seq, 300)) }
    s.expectNothing()

    let active = Scenario(.closed, family: family)
    active.connect()
    active.expect(.syn(seq: 0, options: [.mss(own)]))
    active.inject(.synAck(options: [.mss(300)]))
    active.expect(.ack(seq: 1, ack: 1))
    active.send(900)
    for seq in [1, 301, 601] { active.expect(.data(seq: seq, 300)) }
  }

  @Test("MUST-15 without the option the peer's MSS is 536 or 1,220", arguments: ScenarioFamily.allCases)
  func absent(family: ScenarioFamily) {
    let size = family == .ipv4 ? 536 : 1_220
    for role in [ScenarioRole.passive, .active] {
      let s = Scenario(.established(role), family: family, offering: [])
      s.send(3_000)
      s.expect(.data(seq: 1, .count(size)))
      s.expect(.data(seq: 1 + size, .count(size)))
    }
  }

  @Test("MUST-16 options that every segment carries come off the size", arguments: ScenarioFamily.allCases)
  func lessOptions(family: ScenarioFamily) {
    let size = family == .ipv4 ? 1_448 : 1_428
    let s = Scenario(.established(), family: family, offering: ScriptOption.everything(mss: 9_000))
    s.send(5_000)
    let first = s.expect(.data(seq: 1, .count(size)).carrying(.timestamps))
    #expect(first?.packet.count == 1_500)
    s.expect(.data(seq: 1 + size, .count(size)))
  }

  @Test(
    "MUST-16 what a router says of the path makes segments smaller still", arguments: ScenarioFamily.allCases)
  func lessPath(family: ScenarioFamily) {
    let s = Scenario(.established(), family: family, offering: ScriptOption.everything())
    s.send(6_000)
    guard let lost = s.takeSegments().first else { return }
    let isIPv4 = family == .ipv4
    let error = isIPv4 ? ICMPError(type: 3, code: 4, rest: 1_300) : ICMPError(type: 2, code: 0, rest: 1_300)
    s.inject(packet: error.packet(about: lost.packet))
    let size = 1_300 - (isIPv4 ? 40 : 60) - 12
    s.expect(.data(seq: 1, .count(size)))
    s.expect(.data(seq: 1 + size, .count(size)))
    for segment in s.takeSegments() { #expect(segment.packet.count <= 1_300) }
  }

  @Test("MUST-65 RFC2018-2-a no segment but a SYN carries the MSS option, or SACK-permitted", .bothFamilies)
  func onlyOnSYN() {
    let s = Scenario(.listening, offering: ScriptOption.everything())
    var segments: [SeenSegment] = []
    s.inject(.syn(options: ScriptOption.everything()))
    s.inject(.ack())
    s.send(3_000)
    s.inject(.data(seq: 5_000, ack: 1, 100))
    s.inject(.rst(seq: 2))
    s.shutdown()
    s.advance(by: .seconds(5))
    s.inject(.fin(seq: 1, ack: 3_002))
    segments += s.takeSegments()
    #expect(segments.count >= 6)
    for segment in segments {
      let hasMSS = segment.header.options.present.contains(.maximumSegmentSize)
      #expect(hasMSS == segment.flags.contains(.syn))
      let permitsSACK = segment.header.options.present.contains(.sackPermitted)
      #expect(permitsSACK == segment.flags.contains(.syn))
    }
  }

  @Test(
    "MUST-67 the MSS offered is the interface's MTU less 40 or 60",
    arguments: [68, 576, 1_280, 1_500, 9_000, 65_535] as [UInt16], ScenarioFamily.allCases)
  func offered(mtu: UInt16, family: ScenarioFamily) {
    guard family == .ipv4 || mtu >= 1_280 else { return }
    let mss = mtu - (family == .ipv4 ? 40 : 60)
    let s = Scenario(.listening, family: family, mtu: mtu)
    s.inject(.syn(options: [.mss(100)]))
    s.expect(.synAck(options: [.mss(mss)]))
    let active = Scenario(.closed, family: family, mtu: mtu)
    active.connect()
    active.expect(.syn(options: [.mss(mss)]))
  }

  @Test("SHLD-6 the next SYN follows an MTU that has changed")
  func changedMTU() {
    let s = Scenario(.listening)
    s.inject(.syn())
    s.expect(.synAck(options: [.mss(1_460)]))
    s.callStack("MTU 1,400") { stack, _ in try stack.setMTU(1_400, of: s.interface) }
    s.inject(.syn().from(port: 40_001))
    s.expect(.synAck(options: [.mss(1_360)]).to(port: 40_001))
    s.connect(to: 90)
    s.expect(.syn(options: [.mss(1_360)]))
  }

  @Test(
    "MUST-4 the MSS is found among NOPs, wherever it stands, and before the end of the list", .bothFamilies)
  func anyOrder() {
    let mss: [UInt8] = [2, 4, 1, 44]  // 300
    for before in 0...3 {
      for after in 0...3 {
        let nops = [UInt8](repeating: 1, count: before)
        let s = Scenario(.listening)
        s.inject(.syn().rawOptions(nops + mss + [UInt8](repeating: 1, count: after) + [0]))
        s.expect(.synAck(seq: 0, ack: 1))
        s.inject(.ack())
        s.send(300)
        s.expect(.data(seq: 1, 300))
        #expect(s.status?.sndMss == 300)
      }
    }
  }

  @Test(
    "MUST-5 MUST-6 text is delivered whatever options stand before it", .bothFamilies,
    arguments: [
      [2, 4, 5, 180], [3, 3, 7, 1], [253, 4, 0xf0, 0x0f], [254, 40] + [UInt8](repeating: 9, count: 38),
      [8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 1], [5, 10, 0, 0, 0, 1, 0, 0, 0, 9, 1, 1],
    ] as [[UInt8]])
  func inAnySegment(options: [UInt8]) {
    let s = Scenario(.established())
    s.inject(.data(seq: 1, ack: 1, "text").rawOptions(options))
    #expect(s.receive().text == "text")
    s.expectNext(after: .milliseconds(40), .ack(seq: 1, ack: 5))
  }

  @Test(
    "MUST-7 an impossible option length harms neither the handshake nor what follows", .bothFamilies,
    arguments: [
      [2, 0], [2, 1], [2, 3, 5], [2, 5, 5, 180, 0], [2, 40, 5, 180], [253, 0, 0, 0], [253, 1], [253, 255],
      [253],
      [1, 1, 1, 2], [3, 4, 1, 1], [8, 9, 0, 0, 0, 1, 0, 0, 0, 0], [5, 3, 0], [5, 2], [4, 3, 0], [4, 1],
    ] as [[UInt8]])
  func impossibleLength(options: [UInt8]) {
    let s = Scenario(.listening)
    s.inject(.syn().rawOptions(options))
    s.expect(.synAck(seq: 0, ack: 1))
    s.inject(.ack().rawOptions(options))
    #expect(s.state == .established)
    s.inject(.data(seq: 1, ack: 1, "text").rawOptions(options))
    #expect(s.receive().text == "text")
    s.send("answer")
    s.expect(.data(seq: 1, "answer"))
    s.inject(.rst(seq: 5).rawOptions(options))
    #expect(s.state == .closed)
  }
}
