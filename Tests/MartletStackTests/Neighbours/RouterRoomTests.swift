import MartletStack
import MartletTCP
import MartletWire
import Testing

/// Whoever sends advertisements can fill every table, once: what is not there gives up its place.
@Suite("O11: room for routers")
struct RouterRoomTests {
  private typealias Prefix = AutoconfigurationTests.Prefix
  private let rest = LearnedWayTests()
  private let far = AutoconfigurationTests.far

  /// It has an address of 2001:db8:1::/64, of which no router told who leads anywhere.
  private func started() throws -> Station {
    let s = try Station(addresses: [], autoconfigures: true)
    s.advance(by: .seconds(14))
    tell(s, 99, [Prefix(flags: 0x40, valid: .max, preferred: .max)], lifetime: 0)
    s.advance(by: .seconds(3))
    _ = s.drain()
    _ = s.pull()
    return s
  }

  /// Router `n` speaks. True: it was heard.
  @discardableResult
  private func tell(
    _ s: Station, _ n: UInt8, _ prefixes: [AutoconfigurationTests.Prefix] = [], lifetime: UInt16 = .max,
    preference: UInt8 = 0
  ) -> Bool {
    let before = s.drops(.routerLimited)
    s.inject(
      AutoconfigurationTests().advertisement(
        s, prefixes, lifetime: lifetime, preference: preference, from: rest.router(n), at: mac(n)))
    return s.drops(.routerLimited) == before
  }

  /// Something is sent to somebody far, and nobody answers for twelve seconds.
  private func tryInVain(_ s: Station) throws {
    let id = try s.stack.connect(to: Endpoint(address: far, port: 80), now: s.now)
    for _ in 0..<12 {
      s.advance(by: .seconds(1))
      _ = s.pull()
    }
    try s.stack.abort(id, now: s.now)
    _ = s.pull()
  }

  private func networks(_ first: UInt64, _ count: UInt64 = 16) -> [AutoconfigurationTests.Prefix] {
    (first..<first + count).map {
      Prefix(high: 0x2001_0db9_0000_0000 + $0 << 16, flags: 0x80, valid: .max, preferred: 0)
    }
  }

  /// Whether somebody on the `n`th network is looked for on the link.
  private func isOnLink(_ n: UInt64, _ s: Station) -> Bool {
    let address = IPAddress.v6(IPv6Address(high: 0x2001_0db9_0000_0000 + n << 16, low: 7))
    return rest.hop(to: address, s) == 255
  }

  @Test("Eight routers that say to be there for 18 hours, and are not, shut out nobody who is")
  func routers() throws {
    let s = try started()
    for n in 1...8 as ClosedRange<UInt8> { #expect(tell(s, n)) }
    #expect(!tell(s, 9, preference: 1), "nobody knows yet")
    try tryInVain(s)
    #expect(tell(s, 9, preference: 1))
    #expect(rest.hop(to: far, s) == 9)
    // All were asked when one found no room, not only the one that was tried.
    for n in 10...16 as ClosedRange<UInt8> { #expect(tell(s, n)) }
  }

  @Test("Routers that have answered once, and are gone, make room as well")
  func answeredOnce() throws {
    let s = try started()
    func pass(_ seconds: Int) {
      for _ in 0..<seconds {
        s.advance(by: .seconds(1))
        _ = s.pull()
      }
    }
    for n in 1...8 as ClosedRange<UInt8> { #expect(tell(s, n)) }
    #expect(!tell(s, 9, preference: 1))
    introduce(s, 1...8)
    #expect(!tell(s, 9, preference: 1), "they are there")
    pass(60)
    #expect(!tell(s, 9, preference: 1), "they are asked")
    pass(12)
    #expect(tell(s, 9, preference: 1))
  }

  @Test("Sixteen ways of a router that does not answer likewise")
  func ways() throws {
    let s = try started()
    func network(_ n: UInt64) -> IPv6Address { IPv6Address(high: 0x2001_0db9_0000_0000 + n << 16, low: 0) }
    func inside(_ n: UInt64) -> IPAddress { .v6(IPv6Address(high: network(n).high, low: 7)) }
    rest.tell(s, 1, (0..<16).map { rest.way(network($0), lifetime: .max) })
    rest.tell(s, 2, [rest.way(network(20))], lifetime: 0)
    #expect(rest.hop(to: inside(20), s) == 1, "as everybody")
    try tryInVain(s)
    rest.tell(s, 2, [rest.way(network(20)), rest.way(network(3))], lifetime: 0)
    #expect(rest.hop(to: inside(20), s) == 2 && rest.hop(to: inside(3), s) == 2)
    #expect(rest.hop(to: inside(4), s) == 255, "the silent one is looked for")
  }

  @Test(
    "Sixteen networks that are on the link for ever, of nobody who is a router, make room for those of one who is",
    arguments: [0, .max] as [UInt16])
  func networks(lifetime: UInt16) throws {
    let s = try started()
    #expect(tell(s, 1, networks(0), lifetime: lifetime))
    #expect(!tell(s, 2, networks(20, 1), lifetime: 0), "as good as the others")
    if lifetime > 0 {
      #expect(!tell(s, 2, networks(20, 1)), "nobody knows yet")
      try tryInVain(s)
    }
    #expect(tell(s, 2, networks(20, 16)))
    for n in 20..<36 as Range<UInt64> { #expect(isOnLink(n, s)) }
    #expect(!isOnLink(0, s) && !isOnLink(15, s))
    // Those of one who is there stay.
    #expect(!tell(s, 3, networks(40, 1)))
    #expect(!isOnLink(40, s))
  }

  @Test(
    "Addresses without end of networks that nobody is a router of make room for one of a router's",
    arguments: [0, .max] as [UInt16])
  func addresses(lifetime: UInt16) throws {
    let s = try started()
    // Beside the link-local one and that of the network that nobody leads out of.
    #expect(tell(s, 1, forEver(0, 8), lifetime: lifetime))
    #expect(tell(s, 1, forEver(8, 6), lifetime: lifetime))
    #expect(!tell(s, 1, forEver(14, 1), lifetime: lifetime))
    s.advance(by: .seconds(3))
    _ = s.drain()
    #expect(s.stack.addresses().count == 16)
    if lifetime > 0 {
      // Nothing is sent to him; but he is asked, because somebody finds no room.
      for _ in 0..<12 {
        s.advance(by: .seconds(1))
        _ = s.pull()
      }
    }
    #expect(!tell(s, 2, forEver(20, 1)), "nobody knows whether he is there, either")
    introduce(s, 2)
    #expect(tell(s, 2, forEver(20, 1)))
    s.advance(by: .seconds(3))
    let events = s.drain()
    let new = try #require(s.stack.addresses().first { isIn(20, $0.address) })
    #expect(events.contains(.addressReady(new.address, s.interface)))
    #expect(events.count { if case .addressRemoved = $0 { true } else { false } } == 1)
    #expect(s.stack.addresses().count == 16)
    // Those of one who is there stay, and find room as long as there are others'.
    for n in 21..<35 as Range<UInt64> {
      #expect(tell(s, 2, forEver(n, 1)))
      s.advance(by: .seconds(3))
      _ = s.drain()
    }
    #expect(!tell(s, 2, forEver(40, 1)))
    s.advance(by: .seconds(3))
    _ = s.drain()
    #expect(s.stack.addresses().contains { isIn(20, $0.address) })
    #expect(s.stack.addresses().count == 16)
  }

  /// Router `n` answers when he is asked whether he is there, as he is when he found no room.
  private func introduce(_ s: Station, _ n: UInt8) { introduce(s, n...n) }

  private func introduce(_ s: Station, _ routers: ClosedRange<UInt8>) {
    for _ in 0..<10 {
      s.advance(by: .seconds(1))
      for frame in s.pull() {
        guard let asked = frame.neighbour, asked.type == 135,
          let n = routers.first(where: { .v6(asked.target) == rest.router($0) }),
          let own = s.stack.addresses().first(where: { $0.address.isLinkLocal })?.address
        else { continue }
        s.inject(s.advertisement(of: rest.router(n), at: mac(n), router: true, to: own))
      }
    }
  }

  private func isIn(_ n: UInt64, _ address: IPAddress) -> Bool {
    guard case .v6(let address) = address else { return false }
    return address.high == 0x2001_0db9_0000_0000 + n << 16
  }

  @Test("What the application has not heard of takes no more room than there is")
  func unheard() throws {
    let s = try started()
    func one(_ n: UInt64) -> [Prefix] {
      [Prefix(high: 0x2001_0db9_0000_0000 + n << 16, flags: 0x40, valid: .max, preferred: .max)]
    }
    for n in 0..<14 as Range<UInt64> { tell(s, 1, one(n), lifetime: 0) }
    s.advance(by: .seconds(3))
    // Each is a router when he speaks, and none any more right after: what he told of makes room for the next.
    var heard = 0
    for n in 100..<120 as Range<UInt8> {
      tell(s, n, one(UInt64(n)))
      introduce(s, n)
      if tell(s, n, one(UInt64(n))) { heard += 1 }
      s.advance(by: .seconds(3))
      tell(s, n, lifetime: 0)
    }
    #expect(heard == 4)
    _ = s.drain()
    tell(s, 2, one(300))
    introduce(s, 2)
    #expect(tell(s, 2, one(300)))
    // Nor does what runs out by itself.
    for round in 0..<30 as Range<UInt64> {
      for n in 0..<15 as Range<UInt64> {
        let high = 0x2001_0dc0_0000_0000 + (round * 15 + n) << 16
        tell(s, 2, [Prefix(high: high, flags: 0x40, valid: 1, preferred: 1)])
      }
      s.advance(by: .seconds(3))
    }
    #expect(s.drain().count { if case .addressRemoved = $0 { true } else { false } } <= 20)
  }

  @Test("A router that has answered and then went is asked again")
  func gone() throws {
    let s = try started()
    tell(s, 1, forEver(0, 14))
    tell(s, 1, forEver(8, 7))
    s.advance(by: .seconds(3))
    #expect(!tell(s, 2, forEver(20, 1)))
    introduce(s, 1)
    s.advance(by: .seconds(600))
    _ = s.pull()
    tell(s, 2, forEver(20, 1))
    introduce(s, 2)
    #expect(tell(s, 2, forEver(20, 1)))
  }

  @Test("Eight routers of one link that are not there keep no router of another out")
  func links() throws {
    let s = try started()
    let medium = EthernetMedium(hardwareAddress: mac(200), checksAddresses: false, autoconfigures: true)
    let other = try s.stack.addInterface(InterfaceConfiguration(medium: .ethernet(medium)))
    for n in 1...8 as ClosedRange<UInt8> { #expect(tell(s, n)) }
    func hears() -> Bool {
      let before = s.drops(.routerLimited)
      let frame = AutoconfigurationTests().advertisement(
        s, [], lifetime: 1_800, preference: 0, from: rest.router(9), at: mac(9))
      s.stack.receive(frame.span.bytes, PacketMetadata(), on: other, now: s.now)
      s.check()
      return s.drops(.routerLimited) == before
    }
    #expect(!hears())
    introduce(s, 9)
    #expect(hears())
  }

  @Test("A live router's network has a temporary address beside those of routers that are none")
  func temporary() throws {
    let s = try Station(addresses: [], autoconfigures: true, temporary: TemporaryAddresses())
    s.advance(by: .seconds(14))
    tell(s, 1, forEver(0, 8))
    tell(s, 1, forEver(8, 7))
    s.advance(by: .seconds(3))
    for _ in 0..<3 {
      tell(s, 2, forEver(20, 1))
      introduce(s, 2)
      _ = s.drain()
    }
    #expect(s.stack.addresses().count { isIn(20, $0.address) } == 2)
  }

  @Test("What an address is used for does not end by what three say who are not there")
  func legitimate() throws {
    let s = try started()
    // That of the network of which nobody said where it leads is the oldest.
    let own = try #require(s.stack.addresses().first { !$0.address.isLinkLocal })
    for first in [0, 8, 16] as [UInt64] { tell(s, 1, forEver(first, 8)) }
    for first in [30, 38] as [UInt64] { tell(s, 3, forEver(first, 8)) }
    s.advance(by: .seconds(20))
    _ = s.drain()
    #expect(s.stack.addresses().contains(own))
  }

  private func forEver(_ first: UInt64, _ count: UInt64) -> [Prefix] {
    (first..<first + count).map {
      Prefix(high: 0x2001_0db9_0000_0000 + $0 << 16, flags: 0x40, valid: .max, preferred: .max)
    }
  }

  @Test("A network is of the router who is there, whoever told of it first or last")
  func shared() throws {
    let s = try started()
    tell(s, 1, networks(0), lifetime: 0)
    tell(s, 2, networks(5, 1))
    tell(s, 1, networks(5, 1), lifetime: 0)
    tell(s, 3, networks(20, 15))
    #expect(isOnLink(5, s) && !isOnLink(4, s) && isOnLink(34, s))
    #expect(!tell(s, 3, networks(40, 1)))
  }
}
