import MartletCommand
import MartletLinks
import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

/// Two stacks on a wire in memory; the client's end withholds what the test says.
private struct Rig: ~Copyable {
  var client: NetworkStack
  var server: NetworkStack
  var clientEnd: WithholdingLink<MemoryLink>
  var serverEnd: MemoryLink
  let clientInterface: InterfaceID
  let serverInterface: InterfaceID
  var now = Instant(nanoseconds: 1_000_000_000)

  static var serverAddress: IPAddress { address(1) }

  private static func address(_ n: UInt8) -> IPAddress {
    switch ScenarioFamily.standard {
    case .ipv4: .v4(IPv4Address(10, 7, 0, n))
    case .ipv6: .v6(IPv6Address(high: 0xfd00_0007_0000_0000, low: UInt64(n)))
    }
  }

  init(isWithholding: Bool) throws {
    var client = NetworkStack(seed: StackSeed(1))
    var server = NetworkStack(seed: StackSeed(2))
    let left = try client.addInterface(
      InterfaceConfiguration(addresses: [IPPrefix(Self.address(2), length: 24)]))
    let right = try server.addInterface(
      InterfaceConfiguration(addresses: [IPPrefix(Self.serverAddress, length: 24)]))
    self.client = client
    self.server = server
    let wire = MemoryLink.pair()
    clientEnd = WithholdingLink(wire.left, isWithholding: isWithholding)
    serverEnd = wire.right
    (clientInterface, serverInterface) = (left, right)
  }

  /// Carries packets until neither side has any, after `amount` of time.
  mutating func pass(_ amount: TimeAmount = .zero) throws {
    now = now.advanced(by: amount)
    let (now, left, right) = (self.now, clientInterface, serverInterface)
    client.advance(to: now)
    server.advance(to: now)
    for _ in 0..<16 {
      try Self.exchange(&clientEnd, &client, left, now)
      try Self.exchange(&serverEnd, &server, right, now)
    }
  }

  private static func exchange<L: Link & ~Copyable>(
    _ link: inout L, _ stack: inout NetworkStack, _ interface: InterfaceID, _ now: Instant
  ) throws {
    _ = try link.receive(limit: 64, now: now) { stack.receive($0, $1, on: interface, now: now) }
    while stack.nextEvent() != nil {}
    _ = try link.send(limit: 64, now: now) { stack.nextPacket(on: interface, into: &$0, now: now) }
  }
}

@Suite(.bothFamilies) struct WithholdingLinkTests {
  @Test("S3.9 A client that withholds the third segment leaves the server in SYN-RECEIVED until it gives up")
  func withholds() throws {
    var rig = try Rig(isWithholding: true)
    let listener = try rig.server.listen(on: LocalEndpoint(port: 80))
    let id = try rig.client.connect(to: Endpoint(address: Rig.serverAddress, port: 80), now: rig.now)
    try rig.pass()
    #expect(try rig.client.status(id, now: rig.now).tcp.state == .established)
    #expect(try rig.server.status(listener).halfOpen == 1)
    #expect(rig.clientEnd.withheld == 1)
    // The SYN-ACK comes again and again; each acknowledgment is withheld.
    for _ in 0..<62 { try rig.pass(.seconds(1)) }
    #expect(try rig.server.status(listener).halfOpen == 1)
    #expect(rig.clientEnd.withheld == 6)
    try rig.pass(.seconds(2))
    #expect(try rig.server.status(listener).halfOpen == 0)
    #expect(try rig.server.status(listener).acceptable == 0)
  }

  @Test("A link that withholds nothing lets the third segment through")
  func passes() throws {
    var rig = try Rig(isWithholding: false)
    let listener = try rig.server.listen(on: LocalEndpoint(port: 80))
    _ = try rig.client.connect(to: Endpoint(address: Rig.serverAddress, port: 80), now: rig.now)
    try rig.pass()
    #expect(try rig.server.status(listener).acceptable == 1)
    #expect(rig.clientEnd.withheld == 0)
  }
}
