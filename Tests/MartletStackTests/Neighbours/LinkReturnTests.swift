import MartletStack
import MartletTCP
import MartletWire
import Testing

/// What a stack does when a link was away and is back.
@Suite("A link that is back")
struct LinkReturnTests {
  private func back(_ s: Station) throws {
    try s.stack.linkIsBack(on: s.interface, now: s.now)
    s.check()
  }

  @Test("Neighbours are looked for anew: theirs may be another hardware address", arguments: [4, 6])
  func neighbours(version: Int) throws {
    let s = try Station()
    let peer = version == 4 ? v4(10, 0, 0, 9) : v6(9)
    let connection = try s.stack.connect(to: Endpoint(address: peer, port: 80), now: s.now)
    _ = s.pull()
    func answer(at hardware: MACAddress) {
      s.inject(
        version == 4
          ? s.arp(.reply, from: hardware, peer, for: s.address, at: s.hardware)
          : s.advertisement(of: peer, at: hardware))
    }
    answer(at: mac(9))
    #expect(s.pull().map(\.destination) == [mac(9)])
    try back(s)
    _ = s.pull()
    s.advance(by: .seconds(1))
    let asked = s.pull().filter { $0.arp?.senderProtocol.isUnspecified == false || $0.neighbour?.type == 135 }
    #expect(asked.contains { $0.destination != mac(9) && $0.ip?.proto != .tcp })
    #expect(!asked.contains { $0.destination == mac(9) })
    answer(at: mac(10))
    let sent = s.pull().filter { $0.ip?.proto == .tcp }
    #expect(sent.map(\.destination) == [mac(10)])
    try s.stack.abort(connection, now: s.now)
  }

  @Test("Addresses stay in use, and are announced; those of IPv6 are asked about", arguments: [false, true])
  func addresses(checks: Bool) throws {
    let s = try Station(checksAddresses: checks)
    s.advance(by: .seconds(12))
    _ = (s.pull(), s.drain())
    let listener = try s.stack.listen(on: LocalEndpoint(port: 80))
    try back(s)
    #expect(s.stack.addresses().count == 2)
    s.advance(by: .zero)
    var frames = s.pull()
    s.advance(by: .seconds(10))
    frames += s.pull()
    let arps = frames.compactMap(\.arp)
    #expect(arps.map(\.senderProtocol) == [IPv4Address(10, 0, 0, 1), IPv4Address(10, 0, 0, 1)])
    #expect(arps.allSatisfy { $0.targetProtocol == IPv4Address(10, 0, 0, 1) && $0.operation == .request })
    let messages = frames.compactMap(\.neighbour)
    #expect(messages.map(\.type) == (checks ? [135, 136] : [136]))
    #expect(messages.allSatisfy { IPAddress.v6($0.target) == s.address6 })
    #expect(s.drain().isEmpty && s.stack.nextDeadline(now: s.now) == nil)
    try s.stack.close(listener, now: s.now)
  }

  @Test("Another has the address on the new link: told, and it stays ours, as ever", arguments: [4, 6])
  func conflict(version: Int) throws {
    let s = try Station(checksAddresses: true)
    s.advance(by: .seconds(12))
    _ = (s.pull(), s.drain())
    try back(s)
    s.advance(by: .zero)
    _ = s.pull()
    let own = version == 4 ? s.address : s.address6
    s.inject(
      version == 4
        ? s.arp(.reply, from: mac(66), own, for: own, at: s.hardware)
        : s.advertisement(of: own, at: mac(66), solicited: false, to: .v6(.allNodes)))
    #expect(s.drain() == [.addressConflict(own, s.interface, mac(66))])
    #expect(s.stack.addresses().contains { $0.address == own })
  }

  @Test("An address that another had is tried again, and one that is being tried from the beginning")
  func duplicate() throws {
    let s = try Station(checksAddresses: true, addresses: [IPPrefix(v4(10, 0, 0, 1), length: 24)])
    s.advance(by: .seconds(1))
    s.inject(s.arp(.reply, from: mac(66), s.address, for: s.address, at: s.hardware))
    s.advance(by: .seconds(20))
    #expect(s.drain() == [.addressConflict(s.address, s.interface, mac(66))])
    #expect(s.stack.addresses().isEmpty)
    _ = s.pull()
    try back(s)
    s.advance(by: .milliseconds(2_500))
    #expect(s.pull().filter { $0.arp?.senderProtocol.isUnspecified == true }.count >= 1)
    try back(s)
    var probes = 0
    for _ in 0..<100 {
      s.advance(by: .milliseconds(100))
      probes += s.pull().filter { $0.arp?.senderProtocol.isUnspecified == true }.count
    }
    #expect(probes == 3)
    #expect(s.drain() == [.addressReady(s.address, s.interface)])
  }

  @Test("RFC 4862 §5.4.2: the group in which others answer is joined again before an address is tried again")
  func duplicateOfSixth() throws {
    let s = try Station(checksAddresses: true, addresses: [IPPrefix(v6(1), length: 64)])
    s.advance(by: .milliseconds(500))
    s.inject(s.advertisement(of: s.address6, at: mac(66), solicited: false, to: .v6(.allNodes)))
    // The conflict is not told yet.
    try back(s)
    _ = s.takeReports()
    var said: [SeenReport.Said] = []
    for _ in 0..<60 {
      s.advance(by: .milliseconds(100))
      said += s.takeReports().flatMap(\.said)
    }
    guard case .v6(let own) = s.address6 else { return }
    #expect(said.contains(.joined(.v6(own.solicitedNode))))
    #expect(s.stack.addresses().count == 1)
    #expect(s.drain().contains(.addressReady(s.address6, s.interface)))
  }

  @Test("An address that another interface was given meanwhile is not tried again")
  func duplicateElsewhere() throws {
    let s = try Station(checksAddresses: true, addresses: [IPPrefix(v4(10, 0, 0, 1), length: 24)])
    s.advance(by: .seconds(1))
    s.inject(s.arp(.reply, from: mac(66), s.address, for: s.address, at: s.hardware))
    s.advance(by: .seconds(1))
    let other = try s.stack.addInterface(
      InterfaceConfiguration(addresses: [IPPrefix(v4(10, 0, 0, 1), length: 24)]))
    _ = s.pull()
    try back(s)
    s.advance(by: .seconds(20))
    #expect(s.stack.addresses() == [IPPrefix(s.address, length: 24)])
    #expect(s.stack.addresses(on: other).count == 1 && s.pull().isEmpty)
  }

  @Test("A router that had fallen silent has its turn again")
  func silentRouter() throws {
    let routing = AutoconfigurationTests()
    let s = try Station(checksAddresses: true, addresses: [], autoconfigures: true)
    s.advance(by: .seconds(4))
    let second = IPAddress.v6(IPv6Address(high: 0xfe80_0000_0000_0000, low: 0xfe))
    s.inject(routing.advertisement(s, preference: 1))
    s.inject(routing.advertisement(s, [], from: second, at: mac(254)))
    s.advance(by: .seconds(3))
    _ = (s.pull(), s.drain())
    let socket = try s.stack.openDatagram(
      connectedTo: Endpoint(address: AutoconfigurationTests.far, port: 53))
    func hop() throws -> MACAddress? {
      try s.stack.send(socket, ([1] as Packet).span.bytes, now: s.now)
      return s.pull().last { $0.ip?.proto == .udp }?.destination
    }
    #expect(try hop() == mac(255))
    for _ in 0..<10 {
      s.advance(by: .seconds(1))
      _ = s.pull()
    }
    #expect(try hop() == mac(254))
    try back(s)
    try s.stack.send(socket, ([1] as Packet).span.bytes, now: s.now)
    let asked = s.pull().compactMap(\.neighbour).filter { $0.type == 135 }.map { IPAddress.v6($0.target) }
    #expect(asked.contains(AutoconfigurationTests.router) && !asked.contains(second))
  }

  @Test("Routers are asked again")
  func routers() throws {
    let routing = AutoconfigurationTests()
    let s = try Station(checksAddresses: true, addresses: [], autoconfigures: true)
    s.advance(by: .seconds(4))
    s.inject(routing.advertisement(s))
    s.advance(by: .seconds(20))
    _ = (s.pull(), s.drain())
    func solicitations() -> Int {
      s.pull().filter { $0.ip?.proto == .icmpv6 && $0.ip?.payload[0] == 133 }.count
    }
    s.advance(by: .seconds(60))
    #expect(solicitations() == 0)
    try back(s)
    s.advance(by: .milliseconds(1_001))
    #expect(solicitations() == 1)
    s.inject(routing.advertisement(s))
    s.advance(by: .seconds(20))
    #expect(solicitations() == 0)
  }

  @Test("RFC 3376 §5.1, RFC 3810 §6.1: groups are reported to who is there now", arguments: [4, 6])
  func groups(version: Int) throws {
    let s = try Station()
    let group = version == 4 ? GroupTests.group4 : GroupTests.group6
    let socket = try s.stack.openDatagram(on: LocalEndpoint(port: 5_000))
    try s.stack.joinGroup(socket, group, on: s.interface, now: s.now)
    s.advance(by: .seconds(20))
    _ = s.takeReports()
    try back(s)
    s.advance(by: .seconds(20))
    let said = s.takeReports().flatMap(\.said).filter { $0 == .joined(group) }
    #expect(said.count == 2)
    #expect(s.stack.nextDeadline(now: s.now) == nil)
  }

  @Test("No interface is an error")
  func none() throws {
    let s = try Station()
    let nowhere = InterfaceID(rawValue: 9)
    #expect(throws: InterfaceError.noSuchInterface) { try s.stack.linkIsBack(on: nowhere, now: s.now) }
  }

  // MARK: Leases

  private func bound() throws -> LeaseScene {
    let scene = try LeaseScene()
    try scene.bind()
    scene.s.advance(by: .minutes(5))
    _ = scene.asked()
    return scene
  }

  @Test("RFC 2131 §3.7: servers are asked whether a lease is still ours, which it is meanwhile; one says so")
  func leaseIsConfirmed() throws {
    let scene = try bound()
    try back(scene.s)
    let question = try #require(scene.question(within: .seconds(1)))
    #expect(question.kind == .request && question.isToAll && question.message.ciaddr == LeaseScene.lent)
    #expect(question.options.serverIdentifier == nil && question.options.requestedAddress == nil)
    #expect(scene.lease != nil)
    scene.tell(.ack, to: question)
    #expect(scene.s.drain() == [.lease(.renewed, .v4(LeaseScene.lent), scene.s.interface)])
    scene.wait(until: scene.s.now.advanced(by: .minutes(20)))
    #expect(scene.lease != nil)
  }

  @Test("A server that refuses it ends it, and another is asked for")
  func leaseIsRefused() throws {
    let scene = try bound()
    try back(scene.s)
    let question = try #require(scene.question(within: .seconds(1)))
    scene.tell(.nak, to: question)
    #expect(scene.lease == nil)
    let next = try #require(scene.question(within: .seconds(5)))
    #expect(next.kind == .discover)
  }

  @Test("Without an answer to two questions it is ours until it would be asked about anyhow")
  func leaseIsKept() throws {
    let scene = try bound()
    let start = scene.s.now
    try back(scene.s)
    for _ in 0..<2 {
      let question = try #require(scene.question(within: .seconds(10)))
      #expect(question.kind == .request && question.isToAll)
    }
    // Half of the hour, of which some minutes are over.
    scene.wait(until: start.advanced(by: .minutes(15)))
    #expect(scene.lease != nil)
    let renewal = try #require(scene.question(within: .minutes(20)))
    #expect(renewal.kind == .request && !renewal.isToAll)
    scene.tell(.ack, to: renewal)
    #expect(scene.lease != nil)
  }

  @Test("Between T1 and T2 all servers are asked, too, and twice")
  func leaseIsRenewing() throws {
    let scene = try bound()
    let renewal = try #require(scene.question(within: .minutes(30)))
    #expect(renewal.kind == .request && !renewal.isToAll)
    try back(scene.s)
    for _ in 0..<2 {
      let question = try #require(scene.question(within: .seconds(10)))
      #expect(question.kind == .request && question.isToAll)
    }
    #expect(scene.lease != nil)
  }

  @Test("A lease that is still being checked is asked for when that is over")
  func leaseIsChecked() throws {
    let scene = try LeaseScene()
    let discover = try #require(scene.question(within: .minutes(3)))
    scene.tell(.offer, to: discover)
    let request = try #require(scene.asked().first)
    scene.tell(.ack, to: request)
    scene.s.advance(by: .seconds(1))
    _ = scene.asked()
    try back(scene.s)
    let question = try #require(scene.question(within: .seconds(12)))
    #expect(question.kind == .request && question.isToAll && question.message.ciaddr == LeaseScene.lent)
    #expect(scene.lease != nil)
    scene.tell(.ack, to: question)
    scene.wait(until: scene.s.now.advanced(by: .minutes(20)))
  }

  @Test("Whoever was looking for a server begins at once")
  func leaseIsSought() throws {
    let scene = try LeaseScene()
    for _ in 0..<4 { #expect(scene.question(within: .minutes(2))?.kind == .discover) }
    scene.s.advance(by: .seconds(2))
    _ = scene.asked()
    try back(scene.s)
    let question = try #require(scene.question(within: .milliseconds(1_001)))
    #expect(question.kind == .discover)
  }
}
