import MartletStack
import MartletTCP
import MartletWire
import Testing

/// Routes follow from what is known at the moment, of whatever interface.
@Suite("Learned routes")
struct LearnedRouteTests {
  private typealias Prefix = AutoconfigurationTests.Prefix
  private let network = IPPrefix(.v6(IPv6Address(high: Prefix().high, low: 0)), length: 64)
  private let neighbour = IPv6Address(high: Prefix().high, low: 77)
  private let everybody = IPPrefix(.v6(.any), length: 0)

  /// A station whose two interfaces are on the same network.
  private func started() throws -> (Station, second: InterfaceID) {
    let s = try Station(addresses: [], autoconfigures: true)
    let medium = EthernetMedium(
      hardwareAddress: MACAddress(0x02, 0, 0, 0, 0, 0xbb), checksAddresses: false, autoconfigures: true)
    let second = try s.stack.addInterface(
      InterfaceConfiguration(addresses: [], medium: .ethernet(medium)))
    s.advance(by: .seconds(14))
    for interface in [s.interface, second] { tell(s, on: interface) }
    s.advance(by: .seconds(3))
    for interface in [s.interface, second] { _ = asked(s, on: interface) }
    return (s, second)
  }

  /// A router, which leads nowhere, says that a network is on the link.
  private func tell(
    _ s: Station, on interface: InterfaceID, valid: UInt32 = 86_400, lifetime: UInt16 = 0
  ) {
    let prefix = Prefix(flags: 0x80, valid: valid, preferred: 0)
    let frame = AutoconfigurationTests().advertisement(
      s, [prefix, Prefix(high: 0x2001_0db8_0002_0000, flags: 0x40)], lifetime: lifetime)
    s.stack.receive(frame.span.bytes, on: interface, now: s.now)
    s.check()
  }

  /// Neighbours that are asked for on an interface.
  private func asked(_ s: Station, on interface: InterfaceID) -> [IPv6Address] {
    var all: [IPv6Address] = []
    var buffer = Packet(repeating: 0, count: 2_000)
    while true {
      var span = buffer.mutableSpan
      var raw = span.mutableBytes
      guard let out = s.stack.nextPacket(on: interface, into: &raw, now: s.now) else { return all }
      let frame = SeenFrame(Packet(buffer.prefix(out.count)), out.metadata, vlan: nil)
      if let seen = frame?.neighbour, seen.type == 135 { all.append(seen.target) }
    }
  }

  /// The interface on which a neighbour is asked for; nil: there is no way to him.
  private func way(_ s: Station, to neighbour: IPv6Address, _ interfaces: [InterfaceID]) -> InterfaceID? {
    guard
      let id = try? s.stack.connect(to: Endpoint(address: .v6(neighbour), port: 80), now: s.now)
    else { return nil }
    defer { try? s.stack.abort(id, now: s.now) }
    return interfaces.first { asked(s, on: $0).contains(neighbour) }
  }

  private enum Loss: CaseIterable { case removal, word, time }

  @Test(
    "A network on two links is left by one of them and led to by the other", arguments: Loss.allCases, [0, 1])
  private func twoLinks(loss: Loss, lost: Int) throws {
    let (s, second) = try started()
    let interfaces = [s.interface, second]
    #expect(way(s, to: neighbour, interfaces) == s.interface, "the first that told of it")
    let left = interfaces[1 - lost]
    switch loss {
    case .removal: try s.stack.removeInterface(interfaces[lost])
    case .word: tell(s, on: interfaces[lost], valid: 0)
    case .time:
      tell(s, on: interfaces[lost], valid: 60)
      s.advance(by: .seconds(61))
    }
    s.check()
    s.advance(by: .seconds(10))
    _ = asked(s, on: left)
    var other = neighbour
    other.low += 1
    #expect(way(s, to: other, [left]) == left)
    tell(s, on: left)
    other.low += 1
    #expect(way(s, to: other, [left]) == left)
    // Then nobody.
    tell(s, on: left, valid: 0)
    other.low += 1
    #expect(way(s, to: other, [left]) == nil)
  }

  @Test(
    "A configured route hides what routers say, and leaves it behind when it goes", arguments: [false, true])
  func configured(withItsInterface: Bool) throws {
    let (s, second) = try started()
    tell(s, on: s.interface, lifetime: 1_800)
    let gateway = IPAddress.v6(IPv6Address(high: 0xfe80_0000_0000_0000, low: 1))
    for prefix in [network, everybody] {
      try s.stack.addRoute(Route(prefix: prefix, interface: second, gateway: gateway))
    }
    #expect(way(s, to: neighbour, [s.interface, second]) == nil)
    s.check()
    tell(s, on: s.interface, lifetime: 1_800)
    if withItsInterface {
      try s.stack.removeInterface(second)
    } else {
      for prefix in [network, everybody] { try s.stack.removeRoute(to: prefix) }
    }
    s.check()
    #expect(way(s, to: neighbour, [s.interface]) == s.interface)
    _ = s.pull()
    _ = try s.stack.connect(to: Endpoint(address: AutoconfigurationTests.far, port: 80), now: s.now)
    #expect(s.pull().map(\.destination) == [mac(255)])
    // What a router says is not anybody else's to take away.
    for prefix in [network, everybody] {
      #expect(throws: RouteError.noSuchRoute) { try s.stack.removeRoute(to: prefix) }
    }
  }

  @Test("The router of a lease leads to everybody again when a configured route goes")
  func lease() throws {
    let scene = try LeaseScene()
    try scene.bind()
    let s = scene.s
    let all = IPPrefix(.v4(.any), length: 0)
    func hop() throws -> IPv4Address? {
      s.advance(by: .seconds(30))
      _ = s.pull()
      let id = try s.stack.connect(to: Endpoint(address: LeaseScene.far, port: 80), now: s.now)
      defer { try? s.stack.abort(id, now: s.now) }
      return s.pull().compactMap { $0.arp?.targetProtocol }.first
    }
    let leased = try hop()
    try s.stack.addRoute(Route(prefix: all, interface: s.interface, gateway: v4(10, 0, 0, 33)))
    #expect(try hop() == IPv4Address(10, 0, 0, 33))
    try s.stack.removeRoute(to: all)
    #expect(try leased == IPv4Address(10, 0, 0, 254) && hop() == leased)
  }
}
