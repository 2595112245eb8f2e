import MartletLinks
import MartletStack
import MartletTCP
import MartletWire

/// Two stacks joined by the in-memory link, driven by one thread: what the shell
/// does for one stack, for two in turn.
struct Wire: ~Copyable {
  var client: NetworkStack
  var server: NetworkStack
  private var clientLink: MemoryLink
  private var serverLink: MemoryLink
  private let clientInterface: InterfaceID
  private let serverInterface: InterfaceID
  private(set) var now = Clock.now

  static let batch = 64
  static let serverAddress = IPAddress.v4(IPv4Address(10, 9, 0, 2))

  /// The client's addresses: several, since each has only 16,384 ephemeral ports and TIME-WAIT keeps
  /// each for a minute.
  static func clientAddress(_ n: Int) -> IPAddress {
    .v4(IPv4Address(10, 9, 1 + UInt8(n / 250 % 250), 1 + UInt8(n % 250)))
  }

  /// Two stacks with an interface each, `clientAddresses` of them on the client's.
  static func joined(
    mtu: Int, clientAddresses: Int = 1, configuration: StackConfiguration = StackConfiguration()
  ) throws -> Wire {
    var client = NetworkStack(configuration: configuration, seed: StackSeed(1))
    var server = NetworkStack(configuration: configuration, seed: StackSeed(2))
    let addresses = (0..<clientAddresses).map { IPPrefix(Wire.clientAddress($0), length: 16) }
    let mine = try client.addInterface(InterfaceConfiguration(mtu: UInt16(mtu), addresses: addresses))
    let theirs = try server.addInterface(
      InterfaceConfiguration(mtu: UInt16(mtu), addresses: [IPPrefix(Wire.serverAddress, length: 16)]))
    let wire = MemoryLink.pair(mtu: mtu)
    return Wire(client: client, server: server, clientLink: wire.left, serverLink: wire.right, mine, theirs)
  }

  private init(
    client: consuming NetworkStack, server: consuming NetworkStack, clientLink: consuming MemoryLink,
    serverLink: consuming MemoryLink, _ clientInterface: InterfaceID, _ serverInterface: InterfaceID
  ) {
    self.client = client
    self.server = server
    self.clientLink = clientLink
    self.serverLink = serverLink
    self.clientInterface = clientInterface
    self.serverInterface = serverInterface
  }

  /// A batch from the client to the server, the time, and a batch back.
  mutating func exchange() throws {
    now = Clock.now
    try pull()
    advance()
  }

  mutating func advance() {
    if let due = client.nextDeadline(now: now), due <= now { client.advance(to: now) }
    if let due = server.nextDeadline(now: now), due <= now { server.advance(to: now) }
  }

  /// What the client has goes to the server.
  mutating func clientSends() throws {
    let now = now
    _ = try clientLink.send(limit: Wire.batch, now: now) { buffer in
      client.nextPacket(on: clientInterface, into: &buffer, now: now)
    }
    _ = try serverLink.receive(limit: Wire.batch, now: now) { packet, metadata in
      server.receive(packet, metadata, on: serverInterface, now: now)
    }
  }

  mutating func serverSends() throws {
    let now = now
    _ = try serverLink.send(limit: Wire.batch, now: now) { buffer in
      server.nextPacket(on: serverInterface, into: &buffer, now: now)
    }
    _ = try clientLink.receive(limit: Wire.batch, now: now) { packet, metadata in
      client.receive(packet, metadata, on: clientInterface, now: now)
    }
  }

  private mutating func pull() throws {
    try clientSends()
    try serverSends()
  }

  /// Opens one connection and returns both ends.
  mutating func open(_ listener: ListenerID, from n: Int = 0, port: UInt16 = 80) throws -> (
    ConnectionID, ConnectionID
  ) {
    let mine = try client.connect(
      to: Endpoint(address: Wire.serverAddress, port: port),
      from: LocalEndpoint(address: Wire.clientAddress(n)), now: now)
    for _ in 0..<1_000 {
      try exchange()
      if let theirs = try? server.accept(listener) { return (mine, theirs) }
    }
    throw BenchError("no connection after 1,000 exchanges")
  }

  mutating func drainEvents() {
    while client.nextEvent() != nil {}
    while server.nextEvent() != nil {}
  }
}
