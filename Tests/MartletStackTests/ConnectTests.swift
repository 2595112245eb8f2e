import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

@Suite("Active opens")
struct ConnectTests {
  @Test(
    "MUST-46: an open to a broadcast, multicast or nobody's address is refused, and nothing is sent",
    arguments: [
      v4(255, 255, 255, 255), v4(224, 0, 0, 1), v4(10, 0, 0, 255), v4(0, 0, 0, 0),
      .v6(IPv6Address(high: 0xff02 << 48, low: 1)), .v6(IPv6Address(high: 0, low: 0)),
    ])
  func notUnicast(address: IPAddress) throws {
    let host = try Host(1)
    #expect(throws: ConnectError.broadcastOrMulticast) {
      try host.stack.connect(to: Endpoint(address: address, port: 80), now: host.now)
    }
    #expect(host.pull().isEmpty && host.stack.held.isQuiet)
  }

  @Test("No route, no port, an address of ours or none of ours: each has its error")
  func errors() throws {
    let host = try Host(1)
    func connect(_ address: IPAddress, _ port: UInt16 = 80, from local: LocalEndpoint? = nil)
      throws(ConnectError)
    {
      _ = try host.stack.connect(to: Endpoint(address: address, port: port), from: local, now: host.now)
    }
    #expect(throws: ConnectError.noRoute) { try connect(v4(192, 168, 0, 1)) }
    #expect(throws: ConnectError.invalidPort) { try connect(v4(10, 0, 0, 9), 0) }
    #expect(throws: ConnectError.unreachable) { try connect(host.address) }
    #expect(throws: ConnectError.unreachable) { try connect(v4(127, 0, 0, 1)) }
    #expect(throws: ConnectError.addressNotOurs) {
      try connect(v4(10, 0, 0, 9), from: LocalEndpoint(address: v4(10, 0, 0, 7)))
    }
    #expect(throws: ConnectError.addressNotOurs) {
      try connect(v4(10, 0, 0, 9), from: LocalEndpoint(address: v6(1)))
    }
    try connect(v4(10, 0, 0, 9), from: LocalEndpoint(port: 5_000))
    #expect(throws: ConnectError.portInUse) { try connect(v4(10, 0, 0, 9), from: LocalEndpoint(port: 5_000)) }
    try connect(v4(10, 0, 0, 8), from: LocalEndpoint(port: 5_000))
  }

  /// Two interfaces, 10.0.0.1/24 and 10.1.0.1/24, and a default route through the second.
  private func multihomed(_ stack: inout NetworkStack) throws -> (InterfaceID, InterfaceID) {
    let first = try stack.addInterface(
      InterfaceConfiguration(addresses: [IPPrefix(v4(10, 0, 0, 1), length: 24)]))
    let second = try stack.addInterface(
      InterfaceConfiguration(addresses: [IPPrefix(v4(10, 1, 0, 1), length: 24)]))
    try stack.addRoute(
      Route(prefix: IPPrefix(v4(0, 0, 0, 0), length: 0), interface: second, gateway: v4(10, 1, 0, 254)))
    return (first, second)
  }

  private func pull(_ stack: inout NetworkStack, _ id: InterfaceID) -> [Seen] {
    var all: [Seen] = []
    var buffer = Packet(repeating: 0, count: 1_500)
    while true {
      var span = buffer.mutableSpan
      var raw = span.mutableBytes
      guard let out = stack.nextPacket(on: id, into: &raw, now: .origin) else { return all }
      if let seen = Seen(Packet(buffer.prefix(out.count))) { all.append(seen) }
    }
  }

  @Test("MUST-43 MUST-44: the source is what the caller says, else what the route says")
  func sources() throws {
    var stack = NetworkStack(seed: StackSeed(1))
    let (first, second) = try multihomed(&stack)
    _ = try stack.connect(to: Endpoint(address: v4(10, 0, 0, 9), port: 80), now: .origin)
    _ = try stack.connect(to: Endpoint(address: v4(8, 8, 8, 8), port: 80), now: .origin)
    #expect(pull(&stack, first).map(\.source) == [v4(10, 0, 0, 1)])
    #expect(pull(&stack, second).map(\.source) == [v4(10, 1, 0, 1)])
    _ = try stack.connect(
      to: Endpoint(address: v4(8, 8, 8, 8), port: 80), from: LocalEndpoint(address: v4(10, 0, 0, 1)),
      now: .origin)
    #expect(pull(&stack, second).map(\.source) == [v4(10, 0, 0, 1)])
  }

  @Test("MUST-45: a connection keeps its address and interface when the routes change")
  func keepsAddress() throws {
    var stack = NetworkStack(seed: StackSeed(1))
    let (first, second) = try multihomed(&stack)
    let client = try stack.connect(to: Endpoint(address: v4(8, 8, 8, 8), port: 80), now: .origin)
    _ = pull(&stack, second)
    try stack.removeRoute(to: IPPrefix(v4(0, 0, 0, 0), length: 0))
    try stack.addRoute(Route(prefix: IPPrefix(v4(0, 0, 0, 0), length: 0), interface: first))
    stack.advance(to: Instant(nanoseconds: 1_500_000_000))
    #expect(pull(&stack, second).map(\.source) == [v4(10, 1, 0, 1)])
    #expect(pull(&stack, first).isEmpty)
    #expect(try stack.status(client, now: .origin).interface == second)
  }

  @Test("MUST-48 MUST-49: DSCP and hop limit are the application's to choose, from the SYN on and later")
  func headerFields() throws {
    let pair = try Pair()
    var options = ConnectionOptions()
    options.dscp = 46
    options.hopLimit = 7
    let listener = try pair.b.stack.listen(on: LocalEndpoint(port: 80))
    let client = try pair.a.stack.connect(to: pair.b.endpoint(80), options, now: pair.a.now)
    try pair.pump()
    _ = try pair.b.stack.accept(listener)
    #expect(pair.log.filter(\.fromA).allSatisfy { $0.seen.dscp == 46 && $0.seen.hopLimit == 7 })
    #expect(pair.log.filter { !$0.fromA }.allSatisfy { $0.seen.dscp == 0 && $0.seen.hopLimit == 64 })
    options.dscp = 10
    options.hopLimit = 0
    try pair.a.stack.setOptions(client, options, now: pair.a.now)
    _ = try pair.a.send(client, [1])
    let seen = try pair.a.pullSeen()
    #expect(seen.allSatisfy { $0.dscp == 10 && $0.hopLimit == 64 } && !seen.isEmpty)
  }

  @Test("O2: ephemeral ports are random, within the range, and each flow has its own")
  func ports() throws {
    let host = try Host(1) {
      $0.firstEphemeralPort = 50_000
      $0.lastEphemeralPort = 50_099
    }
    let to = Endpoint(address: v4(10, 0, 0, 9), port: 80)
    var ports: [UInt16] = []
    for _ in 0..<100 {
      let client = try host.stack.connect(to: to, now: host.now)
      ports.append(try host.stack.status(client, now: host.now).local.port)
    }
    #expect(Set(ports) == Set(50_000...50_099))
    #expect(ports != ports.sorted())
    #expect(throws: ConnectError.noPort) { try host.stack.connect(to: to, now: host.now) }
    _ = try host.stack.connect(to: Endpoint(address: v4(10, 0, 0, 8), port: 80), now: host.now)
  }

  @Test(
    "S2.9 MUST-8 O1: initial sequence numbers follow a clock, and differ between flows and seeds",
    .bothFamilies)
  func sequenceNumbers() throws {
    func iss(_ host: Host, port: UInt16, to remote: UInt8 = 9) throws -> UInt32 {
      let client = try host.stack.connect(
        to: Endpoint(address: near(remote), port: 80), from: LocalEndpoint(port: port), now: host.now)
      let seq = try #require(try host.pullSeen().first).seq
      try host.stack.abort(client, now: host.now)
      _ = host.drain()
      return seq
    }
    let host = try Host(1)
    let first = try iss(host, port: 5_000)
    #expect(try iss(host, port: 5_001) != first)
    #expect(try iss(host, port: 5_000, to: 8) != first)
    #expect(try iss(try Host(1, seed: 8), port: 5_000) != first)
    #expect(try iss(try Host(1), port: 5_000) == first, "the same seed, the same draw")
    host.now = host.now.advanced(by: .seconds(1))
    #expect(try iss(host, port: 5_000) &- first == 250_000)
  }

  @Test("IPv6 connects likewise, and link-local needs its interface")
  func six() throws {
    let pair = try Pair()
    let listener = try pair.b.stack.listen(on: LocalEndpoint(port: 80))
    let client = try pair.a.stack.connect(to: Endpoint(address: v6(2), port: 80), now: pair.a.now)
    try pair.pump()
    let server = try pair.b.stack.accept(listener)
    let text = Packet(repeating: 5, count: 30_000)
    #expect(try pair.transfer(text, from: pair.a, client, to: pair.b, server) == text)
    #expect(try pair.a.stack.status(client, now: pair.a.now).tcp.advmss == 1_440)
    for (host, n) in [(pair.a, UInt64(1)), (pair.b, 2)] {
      let local = IPPrefix(.v6(IPv6Address(high: 0xfe80 << 48, low: n)), length: 64)
      try host.stack.addAddress(local, to: host.interface)
    }
    let remote = Endpoint(address: .v6(IPv6Address(high: 0xfe80 << 48, low: 2)), port: 80)
    let own = LocalEndpoint(address: .v6(IPv6Address(high: 0xfe80 << 48, low: 1)))
    let local = try pair.a.stack.connect(to: remote, from: own, now: pair.a.now)
    try pair.pump()
    #expect(try pair.a.state(local) == .established)
    #expect(try pair.a.stack.status(local, now: pair.a.now).remote == remote)
  }

  @Test(
    "S3.4: a SYN without an answer is sent again, and the attempt times out after its tries", .bothFamilies)
  func timesOut() throws {
    let host = try Host(1)
    let client = try host.stack.connect(to: Endpoint(address: near(9), port: 80), now: host.now)
    let start = host.now
    var times: [UInt64] = []
    for _ in 0..<100 {
      for seen in try host.pullSeen() where seen.flags == .syn {
        times.append((host.now.milliseconds - start.milliseconds) / 1_000)
      }
      guard let deadline = host.stack.nextDeadline(now: host.now) else { break }
      host.now = max(deadline, host.now)
      host.advance(by: .zero)
    }
    #expect(times == [0, 1, 3, 7, 15, 31, 63, 123])
    #expect(try host.stack.takeError(client) == .ended(.timedOut))
    let status = try host.stack.status(client, now: host.now).tcp
    #expect(status.retransmits == 7 && status.gaveUpAfter == 183_000)
    #expect((host.now.milliseconds - start.milliseconds) / 1_000 == 183)
  }
}
