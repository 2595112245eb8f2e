import MartletStack
import MartletTCP
import MartletWire
import Testing

@Suite("RFC 8981: temporary addresses")
struct TemporaryAddressTests {
  private typealias Prefix = AutoconfigurationTests.Prefix
  private let network = Prefix().high

  private func started(
    _ terms: TemporaryAddresses? = TemporaryAddresses(), checksAddresses: Bool = true, seed: UInt64 = 7,
    secret: AddressSecret? = nil
  ) throws -> Station {
    let s = try Station(
      checksAddresses: checksAddresses, addresses: [], seed: seed, autoconfigures: true, temporary: terms,
      secret: secret)
    s.advance(by: .seconds(4))
    _ = s.drain()
    _ = s.pull()
    return s
  }

  private func advertise(
    _ prefixes: [AutoconfigurationTests.Prefix] = [AutoconfigurationTests.Prefix()], to s: Station
  ) {
    s.inject(AutoconfigurationTests().advertisement(s, prefixes))
  }

  /// Addresses that have come, without waiting.
  private func ready(_ s: Station) -> [IPv6Address] {
    s.drain().compactMap {
      if case .addressReady(.v6(let address), _) = $0 { address } else { nil }
    }
  }

  /// What a connection to somewhere far would begin with.
  private func source(_ s: Station) throws -> IPv6Address? {
    let socket = try s.stack.openDatagram(
      connectedTo: Endpoint(address: AutoconfigurationTests.far, port: 53))
    defer { try? s.stack.close(socket) }
    guard case .v6(let address) = try s.stack.localEndpoint(socket).address else { return nil }
    return address
  }

  private func isOurs(_ address: IPv6Address, _ s: Station) -> Bool {
    _ = s.pull()
    let from = IPAddress.v6(IPv6Address(high: 0xfe80_0000_0000_0000, low: 9))
    return s.answers(to: s.solicitation(of: .v6(address), from: from, at: mac(9)))
      .contains { $0.neighbour?.type == 136 }
  }

  @Test(
    "§3.4: a network has one beside the stable address, checked like it, and connections begin with it (RFC 6724 rule 7)"
  )
  func beside() throws {
    let secret = AddressSecret(1, 2)
    func made(seed: UInt64) throws -> (stable: IPv6Address, temporary: IPv6Address) {
      let s = try started(seed: seed, secret: secret)
      advertise(to: s)
      s.advance(by: .seconds(3))
      let asked = s.pull().filter { $0.ip?.source == .v6(.any) }.compactMap { $0.neighbour?.target }
      let addresses = ready(s)
      #expect(addresses.count == 2 && Set(asked) == Set(addresses))
      #expect(addresses.allSatisfy { $0.high == network && isOurs($0, s) })
      let temporary = try #require(try source(s))
      return (try #require(addresses.first { $0 != temporary }), temporary)
    }
    let (first, second) = (try made(seed: 1), try made(seed: 2))
    #expect(first.stable == second.stable, "of the same secret")
    #expect(first.temporary.low != second.temporary.low)
    // Nobody who did not ask for them has them.
    let s = try started(nil)
    advertise(to: s)
    s.advance(by: .seconds(3))
    #expect(ready(s).count == 1)
  }

  @Test(
    "§3.4, §3.5: the next is there before the last is deprecated, none outlives its day or its two days, whatever routers say",
    arguments: [(24, 48), (2, 5)] as [(preferred: Int64, valid: Int64)], [true, false])
  func renewed(hours: (preferred: Int64, valid: Int64), checksAddresses: Bool) throws {
    let terms = TemporaryAddresses(
      preferredLifetime: .hours(hours.preferred), validLifetime: .hours(hours.valid))
    // Twice the steps that are taken here.
    let slack = TimeAmount.minutes(10).nanoseconds
    let s = try started(terms, checksAddresses: checksAddresses)
    var began: [IPv6Address: Instant] = [:]
    var spans: [TimeAmount] = []
    var present: Set<IPv6Address> = []
    var (current, since) = (IPv6Address.any, s.now)
    for _ in 0..<(12 * 24 * hours.preferred) {
      advertise(to: s)
      s.advance(by: .minutes(5))
      _ = s.pull()
      for event in s.drain() {
        if case .addressReady(.v6(let address), _) = event {
          #expect(began.updateValue(s.now, forKey: address) == nil, "no identifier comes twice")
          present.insert(address)
        }
        if case .addressRemoved(.v6(let address), _) = event {
          let age = s.now.since(try #require(began[address])).nanoseconds
          #expect(abs(age - terms.validLifetime.nanoseconds) <= slack)
          present.remove(address)
        }
      }
      let now = try #require(try source(s))
      if now != current {
        if current != .any { spans.append(s.now.since(since)) }
        (current, since) = (now, s.now)
      }
      #expect(present.contains(now) && present.count <= 5, "the stable one, and three or, for a moment, four")
    }
    #expect(spans.count >= 20)
    let day = terms.preferredLifetime.nanoseconds
    for span in spans { #expect(day * 6 / 10 - slack...day + slack ~= span.nanoseconds) }
    #expect(Set(spans.map(\.nanoseconds)).count > 5, "each has a time of its own")
  }

  @Test("§3.5: five seconds before, to the moment; and what is over begins nothing")
  func advance() throws {
    let s = try started(TemporaryAddresses(preferredLifetime: .minutes(60), validLifetime: .minutes(90)))
    advertise(to: s)
    s.advance(by: .seconds(3))
    let old = try #require(try source(s))
    _ = s.drain()
    _ = s.pull()
    var asked: Instant?
    var changed: Instant?
    while changed == nil, s.now < Instant(nanoseconds: 3_700_000_000_000) {
      advertise(to: s)
      s.advance(by: .milliseconds(100))
      if s.pull().contains(where: { $0.ip?.source == .v6(.any) }) { asked = asked ?? s.now }
      if try source(s) != old { changed = s.now }
    }
    let lead = try #require(changed).since(try #require(asked))
    #expect(lead >= .seconds(1) && lead <= .seconds(6))
    #expect(isOurs(old, s), "connections keep it")
  }

  @Test(
    "§3.5: no other is made because a router says that the network is not preferred, and the same one comes back"
  )
  func withdrawn() throws {
    let s = try started()
    advertise(to: s)
    s.advance(by: .seconds(3))
    let temporary = try #require(try source(s))
    _ = s.drain()
    advertise([Prefix(preferred: 0)], to: s)
    s.advance(by: .minutes(30))
    advertise([Prefix(preferred: 4)], to: s)
    s.advance(by: .minutes(30))
    #expect(ready(s).isEmpty)
    advertise(to: s)
    s.advance(by: .seconds(3))
    #expect(ready(s).isEmpty)
    #expect(try source(s) == temporary)
  }

  @Test(
    "§3.4 (7): where another has the address three more are tried, and then none; the stable one is not touched"
  )
  func conflict() throws {
    let s = try started(TemporaryAddresses(preferredLifetime: .minutes(10), validLifetime: .minutes(20)))
    advertise(to: s)
    s.advance(by: .seconds(3))
    let own = ready(s)
    _ = s.pull()
    let temporary = try #require(try source(s))
    let stable = try #require(own.first { $0 != temporary })
    // Its day is over: whatever is tried next, somebody has it.
    var tried: [IPv6Address] = []
    for step in 0..<4_500 {
      if step % 100 == 0 { advertise(to: s) }
      s.advance(by: .milliseconds(200))
      for frame in s.pull() {
        guard frame.ip?.source == .v6(.any), let target = frame.neighbour?.target else { continue }
        tried.append(target)
        s.inject(s.advertisement(of: .v6(target), at: mac(9), solicited: false, to: .v6(.allNodes)))
      }
    }
    #expect(tried.count == 4 && Set(tried).count == 4)
    let conflicts = s.drain().filter { if case .addressConflict = $0 { true } else { false } }
    #expect(conflicts == [.addressConflict(.v6(try #require(tried.last)), s.interface, mac(9))])
    #expect(try source(s) == stable)
  }

  @Test("§3.4 (5): none is made instead of one that another has when routers no longer prefer the network")
  func conflictWhenWithdrawn() throws {
    let secret = AddressSecret(1, 2)
    let plain = try started(nil, secret: secret)
    advertise(to: plain)
    plain.advance(by: .seconds(3))
    let stable = try #require(ready(plain).first)
    let s = try started(secret: secret)
    advertise(to: s)
    func asked() -> [IPv6Address] {
      s.pull().filter { $0.ip?.source == .v6(.any) }.compactMap { $0.neighbour?.target }
    }
    var tried: IPv6Address?
    while tried == nil {
      s.advance(by: .milliseconds(10))
      tried = asked().first { $0 != stable }
    }
    let taken = try #require(tried)
    advertise([Prefix(preferred: 0)], to: s)
    _ = s.takeReports()
    s.inject(s.advertisement(of: .v6(taken), at: mac(9), solicited: false, to: .v6(.allNodes)))
    s.advance(by: .minutes(5))
    #expect(asked().allSatisfy { $0 == stable })
    #expect(ready(s).allSatisfy { $0 == stable })
    // Nobody listens for it any more.
    let left = s.takeReports().filter { $0.said == [.left(.v6(taken.solicitedNode))] }
    #expect(left.count == 2)
    // The network is preferred again.
    advertise(to: s)
    s.advance(by: .seconds(3))
    let next = ready(s)
    #expect(next.count == 1 && next.allSatisfy { $0 != stable && $0 != taken })
    #expect(try source(s) == next.first)
  }

  @Test("§3.7: unique local networks have them if they are asked for; link-local ones never")
  func uniqueLocal() throws {
    for includes in [false, true] {
      let s = try started(TemporaryAddresses(includesUniqueLocal: includes))
      advertise([Prefix(high: 0xfd00_0007_0000_0000)], to: s)
      s.advance(by: .seconds(3))
      #expect(ready(s).count == (includes ? 2 : 1))
    }
  }

  @Test("O11: sixteen networks leave room for stable addresses first, and for ever new ones there is a limit")
  func limit() throws {
    let s = try started()
    let prefixes = (0..<16).map { Prefix(high: network + ($0 << 8)) }
    for chunk in [prefixes[..<8], prefixes[8...]] {
      advertise(Array(chunk), to: s)
      s.advance(by: .seconds(3))
    }
    let made = ready(s)
    #expect(made.count <= 15 && Set(made.map(\.high)).count >= 8)
    for hour in 0..<72 {
      advertise(Array(prefixes[(hour % 4 * 4)...].prefix(4)), to: s)
      s.advance(by: .hours(1))
      _ = s.pull()
    }
    #expect(s.drops(.routerLimited) > 0)
  }

  @Test("Half of the places are for stable addresses, however many temporary ones are made in six days")
  func places() throws {
    let s = try started(TemporaryAddresses(preferredLifetime: .hours(24), validLifetime: .hours(168)))
    let prefixes = (0..<8).map { Prefix(high: network + ($0 << 8), valid: 800_000, preferred: 600_000) }
    for _ in 0..<144 {
      advertise(Array(prefixes[..<4]), to: s)
      s.advance(by: .hours(1))
      _ = s.pull()
    }
    _ = s.drain()
    // Sixteen places: four networks and the link have five, eight are temporary.
    advertise(Array(prefixes[4..<7]), to: s)
    s.advance(by: .seconds(3))
    #expect(Set(ready(s).map(\.high)).isSuperset(of: prefixes[4..<7].map(\.high)))
  }

  @Test(
    "Lifetimes that make no sense are refused",
    arguments: [(0, 48), (59, 3_600), (3_600, 3_600), (-1, 1)] as [(Int64, Int64)])
  func lifetimes(preferred: Int64, valid: Int64) {
    let terms = TemporaryAddresses(preferredLifetime: .seconds(preferred), validLifetime: .seconds(valid))
    #expect(throws: InterfaceError.invalidLifetime) {
      _ = try Station(addresses: [], autoconfigures: true, temporary: terms)
    }
  }
}
