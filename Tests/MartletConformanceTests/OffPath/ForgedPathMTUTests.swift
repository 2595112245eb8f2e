import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

// What a forged "packet too big" can do: little, and not for long.

@Suite("O6: forged path MTUs")
struct ForgedPathMTUTests {
  private func offered(_ family: ScenarioFamily) -> UInt16 { family == .ipv4 ? 1_460 : 1_440 }

  private func tooBig(_ mtu: UInt32, about segment: SeenSegment, _ family: ScenarioFamily) -> [UInt8] {
    (family == .ipv4 ? ICMPError(type: 3, code: 4, rest: mtu) : ICMPError(type: 2, code: 0, rest: mtu))
      .packet(about: segment.packet)
  }

  /// A connection with full-size text in flight, none of which has arrived before.
  private func sending(_ family: ScenarioFamily) throws -> (Scenario, SeenSegment) {
    let s = Scenario(.established(), family: family, offering: [.mss(offered(family))])
    s.send(20_000)
    let sent = s.takeSegments()
    return (s, try #require(sent.first))
  }

  /// What the next connection to the peer may send in a segment.
  private func nextMSS(_ s: Scenario, _ family: ScenarioFamily, from port: UInt16) -> UInt16? {
    s.connect(from: port)
    s.takeSegments()
    s.inject(.synAck(options: [.mss(offered(family))]))
    let mss = s.status?.sndMss
    s.abort()
    s.takeSegments()
    return mss
  }

  @Test(
    "O6 nothing below 552 octets is believed", arguments: [0, 1, 68, 296, 551] as [UInt32])
  func floor(mtu: UInt32) throws {
    let (s, segment) = try sending(.ipv4)
    s.inject(packet: tooBig(mtu, about: segment, .ipv4))
    #expect(s.status?.sndMss == 512)
    let resent = s.takeSegments()
    #expect(!resent.isEmpty)
    #expect(resent.allSatisfy { $0.packet.count <= 552 })
  }

  @Test(
    "O6 who says less than 1,280 of IPv6 is not heard at all (RFC 8201 §4)",
    arguments: [0, 1, 68, 1_279] as [UInt32])
  func floor6(mtu: UInt32) throws {
    let (s, segment) = try sending(.ipv6)
    s.inject(packet: tooBig(mtu, about: segment, .ipv6))
    #expect(s.status?.sndMss == 1_440)
    #expect(s.takeSegments().isEmpty)
    #expect(s.counters.drops(.icmpIgnored) == 1)
  }

  @Test(
    "O6 a path MTU only falls: what is larger than what is known is ignored",
    arguments: ScenarioFamily.allCases)
  func neverUp(family: ScenarioFamily) throws {
    let (s, segment) = try sending(family)
    for mtu in [1_500, 1_501, 9_000, 65_535] as [UInt32] {
      s.inject(packet: tooBig(mtu, about: segment, family))
      #expect(s.status?.sndMss == offered(family))
    }
    s.inject(packet: tooBig(1_400, about: segment, family))
    let lower = offered(family) - 100
    #expect(s.status?.sndMss == lower)
    s.takeSegments()
    for mtu in [1_401, 1_450, 1_500] as [UInt32] {
      s.inject(packet: tooBig(mtu, about: segment, family))
      #expect(s.status?.sndMss == lower)
    }
    #expect(s.counters.drops(.icmpIgnored) == 7)
  }

  @Test(
    "O6 new connections begin with what was learned, for ten minutes", arguments: ScenarioFamily.allCases)
  func forgotten(family: ScenarioFamily) throws {
    let (s, segment) = try sending(family)
    s.inject(packet: tooBig(1_300, about: segment, family))
    s.abort()
    s.takeSegments()
    let lower = offered(family) - 200
    #expect(nextMSS(s, family, from: 50_000) == lower)
    s.advance(by: .seconds(599))
    #expect(nextMSS(s, family, from: 50_001) == lower)
    s.advance(by: .seconds(1))
    #expect(nextMSS(s, family, from: 50_002) == offered(family))
  }

  @Test(
    "O6 what one connection was told is not taken back by what another is told",
    arguments: ScenarioFamily.allCases)
  func twoConnections(family: ScenarioFamily) throws {
    let (s, first) = try sending(family)
    s.connect(from: 50_000)
    s.takeSegments()
    s.inject(.synAck(options: [.mss(offered(family))]))
    s.send(20_000)
    let second = try #require(s.takeSegments().last)
    let small: UInt32 = family == .ipv4 ? 600 : 1_290
    s.inject(packet: tooBig(small, about: first, family))
    s.inject(packet: tooBig(1_400, about: second, family))
    #expect(s.status?.sndMss == offered(family) - 100)
    s.abort()
    s.takeSegments()
    #expect(nextMSS(s, family, from: 50_001) == UInt16(small) - (family == .ipv4 ? 40 : 60))
  }

  @Test(
    "O6 O5 a quoted number that is not in flight teaches nothing", arguments: ScenarioFamily.allCases,
    [-1, 20_000, 70_000, 1 << 30, -(1 << 30)])
  func blind(family: ScenarioFamily, offset: Int) throws {
    let (s, segment) = try sending(family)
    var forged = segment
    let place = family == .ipv4 ? 24 : 44
    let seq = segment.header.seq.advanced(by: UInt32(truncatingIfNeeded: offset)).rawValue
    forged.packet.replaceSubrange(place..<place + 4, with: bigEndian(seq))
    s.inject(packet: tooBig(1_300, about: forged, family))
    s.expectNothing()
    #expect(s.status?.sndMss == offered(family))
    #expect(nextMSS(s, family, from: 50_000) == offered(family))
    #expect(s.counters.drops(.icmpUnmatched) == 1)
  }
}
