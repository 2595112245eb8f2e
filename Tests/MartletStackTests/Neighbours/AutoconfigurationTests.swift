import MartletStack
import MartletTCP
import MartletWire
import Testing

/// RFC 4861 §6, RFC 4862 §5.5, RFC 7217.
@Suite("Autoconfiguration")
struct AutoconfigurationTests {
  static let router = IPAddress.v6(IPv6Address(high: 0xfe80_0000_0000_0000, low: 0xff))
  static let far = IPAddress.v6(IPv6Address(high: 0x2001_0db8_ffff_0000, low: 1))

  struct Prefix {
    var high: UInt64 = 0x2001_0db8_0001_0000
    var length: UInt8 = 64
    var flags: UInt8 = 0xc0
    var valid: UInt32 = 86_400
    var preferred: UInt32 = 14_400

    var octets: Packet {
      func word(_ value: UInt32) -> Packet { withUnsafeBytes(of: value.bigEndian) { Packet($0) } }
      return [3, 4, length, flags] + word(valid) + word(preferred) + [0, 0, 0, 0]
        + MartletStackTests.octets(IPv6Address(high: high, low: 0))
    }
  }

  private func station(checksAddresses: Bool = true, seed: UInt64 = 7, secret: AddressSecret? = nil) throws
    -> Station
  {
    try Station(
      checksAddresses: checksAddresses, addresses: [], seed: seed, autoconfigures: true, secret: secret)
  }

  func advertisement(
    _ s: Station, _ prefixes: [Prefix] = [Prefix()], lifetime: UInt16 = 1_800, preference: UInt8 = 0,
    mtu: UInt32? = nil, from source: IPAddress = router, at hardware: MACAddress = mac(255),
    to destination: IPAddress = .v6(.allNodes), hopLimit: UInt8 = 255, code: UInt8 = 0, options: Packet? = nil
  ) -> Packet {
    let word = 64 << 24 | UInt32(preference & 3) << 19 | UInt32(lifetime)
    var body = Packet(repeating: 0, count: 8) + (options ?? [1, 1] + octets(hardware))
    if let mtu { body += [5, 1, 0, 0] + withUnsafeBytes(of: mtu.bigEndian) { Packet($0) } }
    for prefix in prefixes { body += prefix.octets }
    return s.neighbourMessage(134, code: code, word, body, from: source, to: destination, hardware, hopLimit)
  }

  private func ready(_ s: Station) -> [IPv6Address] {
    s.drain().compactMap {
      if case .addressReady(.v6(let address), _) = $0 { address } else { nil }
    }
  }

  /// Its link-local address is there, and it has asked for routers once.
  private func started(seed: UInt64 = 7, secret: AddressSecret? = nil) throws -> Station {
    let s = try station(seed: seed, secret: secret)
    s.advance(by: .seconds(4))
    #expect(ready(s).count == 1)
    _ = s.pull()
    return s
  }

  @Test("A link-local address first, then three questions for routers, four seconds apart, and silence")
  func start() throws {
    let s = try station()
    var times: [TimeAmount] = []
    let start = s.now
    for _ in 0..<400 {
      s.advance(by: .milliseconds(50))
      for frame in s.pull() where frame.ip?.payload.first == 133 {
        times.append(s.now.since(start))
        let isAsking = s.stack.awaitsAddress(for: v6(9))
        #expect(isAsking, "a router may be heard yet")
        #expect(frame.destination == MACAddress(0x33, 0x33, 0, 0, 0, 2) && frame.ip?.hopLimit == 255)
      }
    }
    let own = ready(s)
    #expect(own.count == 1 && own.allSatisfy { $0.isLinkLocal && $0.high == 0xfe80_0000_0000_0000 })
    let isAsking = s.stack.awaitsAddress(for: v6(9))
    #expect(times.count == 3 && !isAsking)
    for (later, earlier) in zip(times.dropFirst(), times) {
      #expect((3_950...4_050).contains((later.nanoseconds - earlier.nanoseconds) / 1_000_000))
    }
    #expect(s.stack.nextDeadline(now: s.now) == nil)
  }

  @Test(
    "RFC 4861 §6.3.7: whoever leads nowhere ends no search, and one question is asked whoever spoke before",
    arguments: [
      (lifetime: 0, isEarly: false, answers: true, questions: 3), (0, true, true, 3), (1_800, false, true, 1),
      (1_800, true, true, 1), (1_800, true, false, 3),
    ] as [(lifetime: UInt16, isEarly: Bool, answers: Bool, questions: Int)])
  func searchEnds(lifetime: UInt16, isEarly: Bool, answers: Bool, questions: Int) throws {
    let s = try station()
    while ready(s).isEmpty {
      let next = s.stack.nextDeadline(now: s.now)
      s.now = try #require(next)
      s.stack.advance(to: s.now)
    }
    if isEarly { s.inject(advertisement(s, lifetime: lifetime)) }
    var asked = 0
    for _ in 0..<400 {
      for frame in s.pull() where frame.ip?.payload.first == 133 {
        asked += 1
        if answers { s.inject(advertisement(s, lifetime: lifetime)) }
      }
      s.advance(by: .milliseconds(50))
    }
    #expect(asked == questions)
    let isAsking = s.stack.awaitsAddress(for: v6(9))
    #expect(!isAsking)
  }

  @Test(
    "A router tells: an address is made and checked, strangers go through it, neighbours not, the MTU is kept"
  )
  func advertised() throws {
    let s = try started()
    #expect(s.answers(to: advertisement(s, mtu: 1_400)).isEmpty)
    s.advance(by: .seconds(3))
    let own = try #require(ready(s).first)
    #expect(own.high == 0x2001_0db8_0001_0000)
    #expect(s.pull().allSatisfy { $0.neighbour?.target == own })
    let client = try s.stack.connect(to: Endpoint(address: Self.far, port: 80), now: s.now)
    let syn = s.pull()
    #expect(syn.map(\.destination) == [mac(255)])
    #expect(syn.first?.ip?.source == .v6(own))
    #expect(try s.stack.status(client, now: s.now).tcp.sndMss <= 1_340)
    let neighbour = IPAddress.v6(IPv6Address(high: own.high, low: 9))
    _ = try s.stack.connect(to: Endpoint(address: neighbour, port: 80), now: s.now)
    #expect(s.pull().compactMap { $0.neighbour?.target } == [IPv6Address(high: own.high, low: 9)])
    // It is answered for.
    let asked = s.answers(to: s.solicitation(of: .v6(own), from: neighbour, at: mac(9)))
    #expect(asked.contains { $0.neighbour?.type == 136 && $0.destination == mac(9) })
  }

  @Test("RFC 4862 §5.5.4: an address whose time is over is used no more, not even to say goodbye")
  func over() throws {
    let s = try started()
    s.inject(advertisement(s, [Prefix(valid: 60, preferred: 60)]))
    s.advance(by: .seconds(3))
    let own = IPAddress.v6(try #require(ready(s).first))
    _ = s.pull()
    let client = try s.stack.connect(to: Endpoint(address: Self.far, port: 80), now: s.now)
    let syn = try #require(s.pull().first?.ip)
    let local = Endpoint(address: own, port: try #require(syn.header?.sourcePort))
    s.inject(
      s.frame(
        tcp(from: Endpoint(address: Self.far, port: 80), to: local, seq: 9, ack: syn.seq &+ 1, [.syn, .ack]),
        from: mac(255)))
    #expect(try s.stack.status(client, now: s.now).tcp.state == .established)
    _ = s.pull()
    s.advance(by: .seconds(60))
    #expect(s.drain().contains(.addressRemoved(own, s.interface)))
    #expect(try s.stack.status(client, now: s.now).tcp.endReason == .unreachable)
    #expect(s.pull().allSatisfy { $0.ip?.source != own })
  }

  @Test(
    "What is said to last for ever asks for no time, and nothing is due when it is all there is",
    arguments: [false, true])
  func forEver(temporary: Bool) throws {
    let s = try Station(
      addresses: [], autoconfigures: true,
      temporary: temporary ? TemporaryAddresses(preferredLifetime: .hours(1), validLifetime: .hours(2)) : nil)
    s.advance(by: .seconds(13))
    _ = s.pull()
    let way: Packet = [24, 2, 48, 0, 0xff, 0xff, 0xff, 0xff, 0x20, 1, 0x0d, 0xb8, 0, 0x77, 0, 0]
    s.inject(
      advertisement(
        s,
        [
          Prefix(valid: .max, preferred: .max), Prefix(high: 0x2001_0db8_0002_0000, flags: 0x80, valid: .max),
        ],
        lifetime: 0, options: [1, 1] + octets(mac(255)) + way))
    var own: [IPv6Address] = []
    for _ in 0..<100 {
      s.advance(by: .hours(1))
      own += ready(s)
      _ = s.pull()
      let deadline = s.stack.nextDeadline(now: s.now)
      if let deadline { #expect(temporary && deadline > s.now) } else { #expect(!temporary) }
    }
    // It is believed, all the same.
    #expect(own.contains { $0.high == Prefix().high } && (own.count > 100) == temporary)
    let neighbour = IPv6Address(high: 0x2001_0db8_0002_0000, low: 9)
    _ = try s.stack.connect(to: Endpoint(address: .v6(neighbour), port: 80), now: s.now)
    #expect(s.pull().compactMap { $0.neighbour?.target } == [neighbour])
  }

  @Test("RFC 7217: one secret makes one address of a network, and others of others")
  func stable() throws {
    func made(_ seed: UInt64, _ secret: AddressSecret?, _ high: UInt64) throws -> IPv6Address {
      let s = try started(seed: seed, secret: secret)
      s.inject(advertisement(s, [Prefix(high: high)]))
      s.advance(by: .seconds(3))
      return try #require(ready(s).first)
    }
    let secret = AddressSecret(1, 2)
    let first = try made(1, secret, 0x2001_0db8_0001_0000)
    #expect(try made(2, secret, 0x2001_0db8_0001_0000) == first)
    #expect(try made(1, secret, 0x2001_0db8_0002_0000).low != first.low)
    #expect(try made(1, AddressSecret(1, 3), 0x2001_0db8_0001_0000) != first)
    #expect(try made(1, nil, 0x2001_0db8_0001_0000) != made(2, nil, 0x2001_0db8_0001_0000))
  }

  @Test("RFC 7217 §6: where another has the address, another is made, three times at most")
  func conflict() throws {
    let s = try started()
    s.inject(advertisement(s))
    var tried: [IPv6Address] = []
    for _ in 0..<300 {
      s.advance(by: .milliseconds(50))
      for frame in s.pull() {
        guard frame.ip?.source == .v6(.any), let target = frame.neighbour?.target else { continue }
        tried.append(target)
        s.inject(
          s.advertisement(of: .v6(target), at: mac(9), solicited: false, to: .v6(.allNodes)))
      }
    }
    #expect(tried.count == 3 && Set(tried).count == 3)
    let events = s.drain()
    #expect(events.count == 1)
    if case .addressConflict(.v6(let address), _, let rival) = events.first {
      #expect(address == tried.last && rival == mac(9))
    } else {
      Issue.record("no conflict was told")
    }
    // Its router's next word changes nothing.
    s.inject(advertisement(s))
    s.advance(by: .seconds(5))
    #expect(s.pull().isEmpty && s.drain().isEmpty)
  }

  @Test("RFC 4862 §5.5.3 (e): nobody can shorten an address's life below two hours")
  func twoHours() throws {
    let s = try started()
    s.inject(advertisement(s))
    s.advance(by: .seconds(3))
    let own = try #require(ready(s).first)
    s.inject(advertisement(s, [Prefix(valid: 0, preferred: 0)]))
    s.inject(advertisement(s, [Prefix(valid: 10, preferred: 10)]))
    s.advance(by: .minutes(119))
    #expect(s.drain().isEmpty)
    // Less than two hours are left: no word shortens it any more, and none is needed.
    s.inject(advertisement(s, [Prefix(valid: 5, preferred: 0)]))
    s.advance(by: .seconds(58))
    #expect(s.drain().isEmpty)
    s.advance(by: .seconds(4))
    #expect(s.drain() == [.addressRemoved(.v6(own), s.interface)])
    let asked = s.solicitation(of: .v6(own), from: .v6(IPv6Address(high: own.high, low: 9)), at: mac(9))
    _ = s.pull()
    #expect(s.answers(to: asked).isEmpty)
    // It can come back.
    s.inject(advertisement(s))
    s.advance(by: .seconds(3))
    #expect(ready(s) == [own])
  }

  @Test("An address may come back before anybody knows that it was gone: both are told, in their order")
  func back() throws {
    let s = try started()
    s.inject(advertisement(s, [Prefix(valid: 7_300, preferred: 60)]))
    s.advance(by: .seconds(3))
    let own = try #require(ready(s).first)
    s.advance(by: .seconds(7_300))
    s.inject(advertisement(s))
    s.advance(by: .seconds(3))
    #expect(
      s.drain() == [.addressRemoved(.v6(own), s.interface), .addressReady(.v6(own), s.interface)])
    let asked = s.solicitation(of: .v6(own), from: .v6(IPv6Address(high: own.high, low: 9)), at: mac(9))
    _ = s.pull()
    #expect(s.answers(to: asked).count == 1)
  }

  @Test("An address whose preferred time is over begins nothing new where there is another")
  func deprecated() throws {
    let s = try started()
    let old = Prefix(high: 0x2001_0db8_ffff_0000, valid: 86_400, preferred: 600)
    s.inject(advertisement(s, [old, Prefix()]))
    s.advance(by: .seconds(3))
    #expect(ready(s).count == 2)
    func source() throws -> UInt64? {
      let socket = try s.stack.openDatagram(
        connectedTo: Endpoint(address: .v6(IPv6Address(high: 0x2001_0db8_ffff_1111, low: 1)), port: 53))
      guard case .v6(let address) = try s.stack.localEndpoint(socket).address else { return nil }
      return address.high
    }
    // The longer prefix in common, as long as it is preferred.
    #expect(try source() == old.high)
    s.advance(by: .seconds(600))
    #expect(try source() == Prefix().high)
    s.inject(advertisement(s, [old]))
    #expect(try source() == old.high)
  }

  @Test("Routers: the preferred one, the next one when it is silent, none when their time is over")
  func routers() throws {
    let s = try started()
    let other = IPAddress.v6(IPv6Address(high: 0xfe80_0000_0000_0000, low: 0xfe))
    s.inject(advertisement(s, preference: 3))
    s.inject(advertisement(s, [], preference: 1, from: other, at: mac(254)))
    s.advance(by: .seconds(3))
    _ = ready(s)
    _ = s.pull()
    let socket = try s.stack.openDatagram(connectedTo: Endpoint(address: Self.far, port: 53))
    func hop() throws(DatagramError) -> MACAddress? {
      let text: Packet = [1]
      try s.stack.send(socket, text.span.bytes, now: s.now)
      return s.pull().last { $0.ip?.proto == .udp }?.destination
    }
    #expect(try hop() == mac(254))
    // It does not answer: five seconds, three questions, then the other.
    for _ in 0..<10 {
      s.advance(by: .seconds(1))
      _ = s.pull()
    }
    #expect(try hop() == mac(255))
    s.inject(advertisement(s, [], preference: 1, from: other, at: mac(254)))
    #expect(try hop() == mac(254))
    s.inject(advertisement(s, [], lifetime: 0, from: other, at: mac(254)))
    #expect(try hop() == mac(255))
    s.advance(by: .seconds(1_800))
    #expect(throws: DatagramError.noRoute) { try hop() }
  }

  @Test("A route that somebody configured stays whatever routers say, and is not lost with them")
  func configured() throws {
    let s = try started()
    let all = IPPrefix(.v6(.any), length: 0)
    let gateway = IPAddress.v6(IPv6Address(high: 0xfe80_0000_0000_0000, low: 1))
    s.inject(advertisement(s))
    try s.stack.addRoute(Route(prefix: all, interface: s.interface, gateway: gateway))
    s.inject(advertisement(s))
    s.inject(advertisement(s, lifetime: 0))
    s.advance(by: .seconds(3))
    #expect(throws: RouteError.exists) {
      try s.stack.addRoute(Route(prefix: all, interface: s.interface, gateway: gateway))
    }
    try s.stack.removeRoute(to: all)
    #expect(throws: RouteError.noSuchRoute) { try s.stack.removeRoute(to: all) }
  }

  @Test("O11: advertisements that no router on the link can have sent, or that make no sense")
  func lies() throws {
    let s = try started()
    func isDropped(_ frame: Packet, _ reason: DropReason = .badNeighbourMessage) {
      let before = s.drops(reason)
      s.inject(frame)
      #expect(s.drops(reason) == before + 1)
    }
    for hops in [0, 64, 254] as [UInt8] { isDropped(advertisement(s, hopLimit: hops)) }
    isDropped(advertisement(s, code: 1))
    isDropped(advertisement(s, from: v6(9)))
    isDropped(advertisement(s, from: Self.far))
    for options in [
      [1, 0, 2, 0, 0, 0, 0, 1], [1, 9, 2, 0, 0, 0, 0, 1], [1, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
      [1, 1] + octets(s.hardware),
    ] as [Packet] {
      isDropped(advertisement(s, [], options: options))
    }
    isDropped(
      s.neighbourMessage(
        134, 1_800, Packet(repeating: 0, count: 7), from: Self.router, to: .v6(.allNodes), mac(255)))
    // Whole, but of no use.
    for prefix in [
      Prefix(length: 63), Prefix(length: 65), Prefix(length: 128), Prefix(length: 0), Prefix(length: 129),
      Prefix(valid: 10, preferred: 11), Prefix(valid: 0, preferred: 0), Prefix(high: 0xfe80_0000_0000_0000),
      Prefix(high: 0xff02_0000_0000_0000), Prefix(high: 0), Prefix(flags: 0),
    ] {
      s.inject(advertisement(s, [prefix], lifetime: 0))
    }
    for mtu in [0, 68, 1_279, 1_501, 65_536, .max] as [UInt32] {
      s.inject(advertisement(s, [], lifetime: 0, mtu: mtu))
    }
    s.advance(by: .seconds(5))
    #expect(ready(s).isEmpty && s.pull().allSatisfy { $0.neighbour == nil })
    let mtu = try s.stack.mtu(of: s.interface)
    #expect(mtu == 1_500)
    // Where nobody asked for it, nothing at all.
    let plain = try Station()
    plain.inject(advertisement(plain))
    plain.advance(by: .seconds(5))
    #expect(plain.drops(.icmpIgnored) == 1 && plain.drain().isEmpty && plain.pull().isEmpty)
  }

  @Test("A thousand routers and networks find their limits, and the first keep working")
  func flood() throws {
    let s = try Station(addresses: [], autoconfigures: true) { $0.memoryBudget = 1 << 20 }
    s.advance(by: .seconds(4))
    _ = ready(s)
    s.inject(advertisement(s))
    s.checksEachStep = false
    for n in 0..<1_000 as Range<UInt64> {
      let router = IPAddress.v6(IPv6Address(high: 0xfe80_0000_0000_0000, low: 0x1000 + n))
      s.inject(
        advertisement(
          s, (0..<4).map { Prefix(high: 0x2001_0db9_0000_0000 + (n * 4 + $0) << 16) }, from: router,
          at: mac(UInt8(n & 63))))
      if n % 50 == 0 {
        _ = s.pull()
        s.check()
      }
    }
    s.advance(by: .seconds(5))
    s.check()
    #expect(ready(s).count <= 16)
    #expect(s.drops(.routerLimited) > 990)
    #expect(s.stack.memory.highWater <= s.stack.memory.limit)
    _ = s.pull()
    _ = try s.stack.connect(to: Endpoint(address: Self.far, port: 80), now: s.now)
    #expect(s.pull().map(\.destination) == [mac(255)])
  }

  @Test("48 hours of routers that come, change and go leave nothing but what the last one said")
  func twoDays() throws {
    let s = try started()
    s.checksEachStep = false
    var random: UInt64 = 3
    func draw(_ bound: UInt64) -> UInt64 {
      random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return (random >> 33) % bound
    }
    for i in 0..<600 {
      let n = draw(6)
      let prefix = Prefix(
        high: 0x2001_0db8_0000_0000 + draw(8) << 16, valid: UInt32(600 + draw(20_000)),
        preferred: UInt32(draw(600)))
      s.inject(
        advertisement(
          s, [prefix], lifetime: UInt16(draw(2) * draw(3_000)), preference: UInt8(draw(4)),
          from: .v6(IPv6Address(high: 0xfe80_0000_0000_0000, low: 0x100 + n)), at: mac(UInt8(n))))
      s.advance(by: .milliseconds(Int64(draw(576_000))))
      _ = s.pull()
      _ = s.drain()
      if i % 20 == 0 { s.check() }
    }
    s.advance(by: .hours(8))
    _ = s.pull()
    _ = s.drain()
    s.check()
    #expect(s.stack.nextDeadline(now: s.now) == nil)
    #expect(throws: ConnectError.noRoute) {
      try s.stack.connect(to: Endpoint(address: Self.far, port: 80), now: s.now)
    }
  }
}
