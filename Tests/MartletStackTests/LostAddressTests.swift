import MartletStack
import MartletTCP
import MartletWire
import Testing

/// RFC 2131 §4.4.5, RFC 8981 §3.5: nothing is said with an address that is ours no longer.
@Suite("Datagrams and addresses that are lost")
struct LostAddressTests {
  private let lent = IPAddress.v4(LeaseScene.lent)
  private let other = v4(10, 0, 0, 33)
  private let peer = Endpoint(address: v4(10, 0, 0, 9), port: 9)

  /// A station with a lent address and one of its own, for which everybody is known or nobody.
  private func start(knowsPeer: Bool = true) throws -> LeaseScene {
    let scene = try LeaseScene(checksAddresses: false, addresses: [IPPrefix(other, length: 24)])
    let discover = try #require(scene.question(within: .minutes(3)))
    scene.tell(.offer, to: discover)
    scene.tell(.ack, to: try #require(scene.asked().first))
    try #require(scene.lease != nil)
    scene.s.advance(by: .seconds(5))
    if knowsPeer { scene.s.inject(scene.s.arp(.request, from: mac(9), peer.address, for: lent)) }
    _ = scene.s.pull()
    _ = scene.s.drain()
    return scene
  }

  private func release(_ scene: LeaseScene) throws {
    try scene.s.stack.releaseLease(of: scene.s.interface, now: scene.s.now)
    scene.s.check()
  }

  private func send(_ s: Station, _ socket: UDPSocketID, to: Endpoint? = nil) throws(DatagramError) {
    defer { s.check() }
    try s.stack.send(socket, Packet([1, 2, 3]).span.bytes, to: to, now: s.now)
  }

  private func receive(_ s: Station, _ socket: UDPSocketID) throws(DatagramError) {
    var room = Packet(repeating: 0, count: 100)
    var span = room.mutableSpan
    var raw = span.mutableBytes
    _ = try s.stack.receive(socket, into: &raw, now: s.now)
  }

  /// Who has sent what left, but for what is said to servers.
  private func senders(_ s: Station) -> [IPAddress] {
    s.pull().filter { SeenMessage($0) == nil }.compactMap { frame in
      frame.arp.map { .v4($0.senderProtocol) } ?? frame.ip?.source
    }
  }

  @Test(
    "What is queued does not leave, calls are refused, and an event tells; with the address all is well again"
  )
  func sockets() throws {
    let scene = try start()
    let s = scene.s
    let mine = LocalEndpoint(address: lent, port: 53)
    let connected = try s.stack.openDatagram(on: LocalEndpoint(address: lent), connectedTo: peer)
    let bound = try s.stack.openDatagram(on: mine)
    let any = try s.stack.openDatagram(on: LocalEndpoint(port: 54))
    let echo = try s.stack.openEcho(to: peer.address, from: lent)
    try send(s, connected)
    try send(s, bound, to: peer)
    try s.stack.sendEcho(echo, sequence: 1, [1 as UInt8].span.bytes, now: s.now)
    try release(scene)
    let level = try s.stack.readiness(bound)
    #expect(level == [.readable, .writable, .error])
    #expect(senders(s).isEmpty)
    #expect(s.drops(.lostAddress) == 3 && s.stack.held.chunks == 0)
    let events = s.drain()
    #expect(
      events.filter {
        switch $0 {
        case .datagram, .echo: true
        default: false
        }
      } == [
        .datagram(connected, [.readable, .error]), .datagram(bound, [.readable, .error]),
        .echo(echo, [.readable, .error]),
      ])
    for socket in [connected, bound] {
      #expect(throws: DatagramError.addressNotOurs) { try receive(s, socket) }
      #expect(throws: DatagramError.wouldBlock) { try receive(s, socket) }
      for _ in 0..<2 { #expect(throws: DatagramError.addressNotOurs) { try send(s, socket, to: peer) } }
    }
    #expect(throws: DatagramError.addressNotOurs) {
      try s.stack.sendEcho(echo, sequence: 2, [1 as UInt8].span.bytes, now: s.now)
    }
    try send(s, any, to: peer)
    #expect(senders(s) == [other])
    try s.stack.addAddress(IPPrefix(lent, length: 24), to: s.interface)
    s.advance(by: .seconds(5))
    _ = s.pull()
    try send(s, bound, to: peer)
    #expect(senders(s) == [lent])
    // Nothing waits to be said of the loss.
    #expect(throws: DatagramError.wouldBlock) { try receive(s, connected) }
  }

  @Test("What waits for a neighbour does not leave when he is found; what is from another address does")
  func waiting() throws {
    let scene = try start(knowsPeer: false)
    let s = scene.s
    let bound = try s.stack.openDatagram(on: LocalEndpoint(address: lent, port: 53))
    let mine = try s.stack.openDatagram(on: LocalEndpoint(address: other, port: 54))
    try send(s, bound, to: peer)
    _ = s.pull()
    let client = try s.stack.connect(
      to: Endpoint(address: peer.address, port: 80), from: LocalEndpoint(address: lent), now: s.now)
    _ = s.pull()
    try send(s, mine, to: peer)
    _ = s.pull()
    s.inject(s.arp(.reply, from: mac(9), peer.address, for: lent))
    try release(scene)
    #expect(try s.stack.status(client, now: s.now).tcp.endReason == .unreachable)
    #expect(senders(s) == [other])
    #expect(s.drops(.lostAddress) == 2 && s.stack.held.chunks == 0)
  }

  @Test("Answers that have not left stay unsaid, and those between them leave in their order")
  func answers() throws {
    let scene = try start()
    let s = scene.s
    _ = try s.stack.listen(on: LocalEndpoint(port: 80))
    for (n, to) in [lent, other, lent, other, lent].enumerated() {
      s.inject(
        s.frame(
          tcp(
            from: Endpoint(address: peer.address, port: UInt16(2_000 + n)),
            to: Endpoint(address: to, port: n == 3 ? 81 : 80), seq: 1, .syn), from: mac(9)))
    }
    s.inject(s.arp(.request, from: mac(9), peer.address, for: lent))
    try release(scene)
    let said = s.pull().filter { SeenMessage($0) == nil }
    #expect(said.map { $0.ip?.source } == [other, other] && said.allSatisfy { $0.arp == nil })
    #expect(said.map { $0.ip?.flags } == [[.syn, .ack], [.rst, .ack]])
    #expect(s.drops(.lostAddress) == 4)
  }

  @Test("RFC 8981 §3.5: from a temporary address that is over no datagram leaves")
  func temporary() throws {
    let rest = AutoconfigurationTests()
    let s = try Station(
      checksAddresses: false, addresses: [], autoconfigures: true,
      temporary: TemporaryAddresses(preferredLifetime: .minutes(2), validLifetime: .minutes(4)))
    s.advance(by: .seconds(4))
    let prefix = AutoconfigurationTests.Prefix(valid: 86_400, preferred: 86_400)
    s.inject(rest.advertisement(s, [prefix]))
    s.advance(by: .seconds(2))
    _ = s.pull()
    _ = s.drain()
    let socket = try s.stack.openDatagram(
      connectedTo: Endpoint(address: AutoconfigurationTests.far, port: 9))
    try send(s, socket)
    s.advance(by: .minutes(5))
    #expect(s.drain().contains(.datagram(socket, [.readable, .error])))
    #expect(throws: DatagramError.addressNotOurs) { try receive(s, socket) }
    #expect(throws: DatagramError.addressNotOurs) { try send(s, socket) }
    #expect(s.pull().allSatisfy { $0.ip?.proto != .udp } && s.drops(.lostAddress) == 1)
  }

  @Test(
    "An address that is taken away, alone or with its interface, is lost to its sockets, too",
    arguments: [false, true])
  func takenAway(withInterface: Bool) throws {
    let host = try Host(2)
    let bound = try host.stack.openDatagram(on: LocalEndpoint(address: host.address, port: 53))
    _ = try host.stack.openDatagram(on: LocalEndpoint(port: 54))
    try host.stack.send(bound, Packet([1]).span.bytes, to: peer, now: host.now)
    if withInterface {
      try host.stack.removeInterface(host.interface)
    } else {
      try host.stack.removeAddress(host.address, from: host.interface)
      #expect(host.pull().isEmpty && host.drops(.lostAddress) == 1)
    }
    host.check()
    #expect(host.drain() == [.datagram(bound, [.readable, .error])])
    #expect(throws: DatagramError.addressNotOurs) { try host.receive(bound) }
    #expect(throws: DatagramError.addressNotOurs) {
      try host.stack.send(bound, Packet([1]).span.bytes, to: peer, now: host.now)
    }
  }
}
