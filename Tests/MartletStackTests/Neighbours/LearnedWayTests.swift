import MartletStack
import MartletTCP
import MartletWire
import Testing

@Suite("RFC 4191: ways to networks")
struct LearnedWayTests {
  static let network = IPv6Address(high: 0x2001_0db8_0077_0000, low: 0)
  private let inside = IPAddress.v6(IPv6Address(high: 0x2001_0db8_0077_0001, low: 1))
  private let outside = IPAddress.v6(IPv6Address(high: 0x2001_0db8_0078_0000, low: 1))

  private func started() throws -> Station {
    let s = try Station(addresses: [], autoconfigures: true)
    s.advance(by: .seconds(4))
    tell(s, 1)
    s.advance(by: .seconds(3))
    _ = s.drain()
    _ = s.pull()
    return s
  }

  /// A Route Information option.
  func way(
    _ prefix: IPv6Address = network, length: UInt8 = 48, words: Int? = nil, preference: UInt8 = 0,
    lifetime: UInt32 = 600
  ) -> Packet {
    let words = words ?? (length == 0 ? 1 : length <= 64 ? 2 : 3)
    let time = withUnsafeBytes(of: lifetime.bigEndian) { Packet($0) }
    return [24, UInt8(words), length, preference << 3] + time + octets(prefix).prefix(8 * (words - 1))
  }

  /// Router `n` says that it leads to everybody, and what else there is.
  func tell(
    _ s: Station, _ n: UInt8, _ ways: [Packet] = [], lifetime: UInt16 = 1_800, preference: UInt8 = 0
  ) {
    let rest = AutoconfigurationTests()
    s.inject(
      rest.advertisement(
        s, lifetime: lifetime, preference: preference, from: router(n), at: mac(n),
        options: [1, 1] + octets(mac(n)) + ways.flatMap { $0 }))
  }

  func router(_ n: UInt8) -> IPAddress {
    .v6(IPv6Address(high: 0xfe80_0000_0000_0000, low: UInt64(n)))
  }

  /// Who is given a packet for `destination`; 0: nobody, 255: it is looked for on the link.
  func hop(to destination: IPAddress, _ s: Station) -> UInt8 {
    _ = s.pull()
    guard (try? s.stack.connect(to: Endpoint(address: destination, port: 80), now: s.now)) != nil else {
      return 0
    }
    let frames = s.pull()
    guard let syn = frames.first(where: { $0.ip?.proto == .tcp }) else { return 255 }
    return (1...9).first { mac($0) == syn.destination } ?? 0
  }

  @Test(
    "§3.1: the longest prefix wins, then the preference; a network goes back when its time is over, or with lifetime 0"
  )
  func ways() throws {
    let s = try started()
    tell(s, 2, [way(lifetime: 100)], preference: 3)
    #expect(hop(to: inside, s) == 2 && hop(to: outside, s) == 1)
    tell(s, 3, [way(preference: 1)], preference: 3)
    #expect(hop(to: inside, s) == 3)
    tell(
      s, 4, [way(IPv6Address(high: 0x2001_0db8_0077_0001, low: 0), length: 64, preference: 3)], preference: 3)
    #expect(hop(to: inside, s) == 4)
    tell(
      s, 4, [way(IPv6Address(high: 0x2001_0db8_0077_0001, low: 0), length: 64, lifetime: 0)], preference: 3)
    #expect(hop(to: inside, s) == 3)
    tell(s, 3, [way(lifetime: 0)], preference: 3)
    #expect(hop(to: inside, s) == 2)
    s.advance(by: .seconds(101))
    // Nobody has answered meanwhile.
    tell(s, 1)
    #expect(hop(to: inside, s) == 1)
  }

  @Test(
    "§3.1: a way to everybody says more than the head of the message; a router need not be one for everybody")
  func everybody() throws {
    let s = try started()
    tell(s, 2, [way(.any, length: 0, preference: 1)], preference: 3)
    #expect(hop(to: outside, s) == 2)
    tell(s, 2, [way(.any, length: 0, lifetime: 0)], preference: 1)
    #expect(hop(to: outside, s) == 1)
    tell(s, 1, lifetime: 0)
    tell(s, 3, [way()], lifetime: 0)
    #expect(hop(to: inside, s) == 3 && hop(to: outside, s) == 0)
  }

  @Test("RFC 4861 §6.3.6: of two ways to a network the one whose router answers")
  func silent() throws {
    let s = try started()
    tell(s, 2, [way(preference: 1)], preference: 3)
    tell(s, 3, [way()], preference: 3)
    #expect(hop(to: inside, s) == 2)
    for _ in 0..<12 {
      s.advance(by: .seconds(1))
      _ = s.pull()
    }
    #expect(hop(to: inside, s) == 3)
    tell(s, 2, [way(preference: 1)], preference: 3)
    #expect(hop(to: inside, s) == 2)
  }

  @Test("Who is on the link needs no router, until the network leaves it")
  func onLink() throws {
    let s = try started()
    let prefix = AutoconfigurationTests.Prefix(high: 0x2001_0db8_0077_0001, flags: 0x80)
    s.inject(AutoconfigurationTests().advertisement(s, [prefix], from: router(1), at: mac(1)))
    tell(s, 2, [way(IPv6Address(high: 0x2001_0db8_0077_0001, low: 0), length: 64)], preference: 3)
    #expect(hop(to: inside, s) == 255)
    let gone = AutoconfigurationTests.Prefix(high: 0x2001_0db8_0077_0001, flags: 0x80, valid: 0, preferred: 0)
    s.inject(AutoconfigurationTests().advertisement(s, [gone], from: router(1), at: mac(1)))
    #expect(hop(to: inside, s) == 2)
  }

  @Test(
    "O11: what is too short, too long, reserved, or leads to no network, is passed over; sixteen ways, and no more"
  )
  func lies() throws {
    let s = try started()
    let bad = [
      way(words: 1), way(length: 65, words: 2), way(length: 129), way(preference: 2), way(words: 4),
      way(IPv6Address(high: 0xfe80_0000_0000_0000, low: 0), length: 10),
      way(IPv6Address(high: 0xff00_0000_0000_0000, low: 0), length: 8), way(.any, length: 8),
    ]
    for option in bad { tell(s, 2, [option], preference: 3) }
    #expect(hop(to: inside, s) == 1)
    s.checksEachStep = false
    for n in 0..<300 as Range<UInt64> {
      tell(s, 2, [way(IPv6Address(high: 0x2001_0db9_0000_0000 + n << 16, low: 0))], preference: 3)
    }
    s.check()
    #expect(s.drops(.routerLimited) == 300 - 16)
    #expect(hop(to: outside, s) == 1)
    // The interface goes, and everything with it.
    try s.stack.removeInterface(s.interface)
    s.check()
  }
}
