import ArgumentParser
import MartletStack
import MartletTCP
import MartletWire

/// Connections that open and close, in virtual time, and what is held meanwhile: it must not grow.
struct Churn: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "churn", abstract: "Opens and closes in virtual time: tables stay within their caps.")

  @Argument(help: "Connections in all.") var count: Int

  func validate() throws {
    guard count >= 140_000 else { throw ValidationError("COUNT must be 140000 at least") }
  }

  func run() throws {
    var pair = try ChurningPair.make()
    // After a minute and more TIME-WAIT is full on one side and steady on the other: then nothing may grow.
    let settled = 70_000
    var before = (held: 0, resident: 0)
    for n in 0..<count {
      try pair.openAndClose(n)
      if n == settled { before = (pair.held, residentOctets()) }
    }
    let after = (held: pair.held, resident: residentOctets())
    var line = ResultLine()
    line.add("connections", count)
    line.add("virtual_seconds", Int(pair.now.nanoseconds / 1_000_000_000))
    line.add("time_wait", pair.client.held.timeWait)
    line.add("time_wait_limit", Int(pair.client.configuration.timeWaitLimit))
    line.add("time_waits_evicted", Int(pair.client.counters.timeWaitsEvicted))
    line.add("held_before", before.held)
    line.add("held_after", after.held)
    line.add("high_water", pair.client.memory.highWater + pair.server.memory.highWater)
    line.add("resident_before", before.resident)
    line.add("resident_after", after.resident)
    line.print()
    guard after.held <= before.held + before.held / 50, after.resident <= before.resident + 1 << 20 else {
      throw BenchError("memory is not flat: \(before) became \(after)")
    }
  }
}

/// Two stacks and no link: what one gives, the other takes.
private struct ChurningPair: ~Copyable {
  var client: NetworkStack
  var server: NetworkStack
  private let mine: InterfaceID
  private let theirs: InterfaceID
  private let listener: ListenerID
  private(set) var now = Instant(nanoseconds: 1_000_000_000)
  private var buffer = [UInt8](repeating: 0, count: 1_500)

  static func make() throws -> ChurningPair {
    var client = NetworkStack(seed: StackSeed(1))
    var server = NetworkStack(seed: StackSeed(2))
    let addresses = (0..<8).map { IPPrefix(Wire.clientAddress($0), length: 16) }
    let mine = try client.addInterface(InterfaceConfiguration(mtu: 1_500, addresses: addresses))
    let theirs = try server.addInterface(
      InterfaceConfiguration(mtu: 1_500, addresses: [IPPrefix(Wire.serverAddress, length: 16)]))
    let listener = try server.listen(on: LocalEndpoint(port: 80))
    return ChurningPair(client: client, server: server, mine, theirs, listener)
  }

  private init(
    client: consuming NetworkStack, server: consuming NetworkStack, _ mine: InterfaceID,
    _ theirs: InterfaceID, _ listener: ListenerID
  ) {
    self.client = client
    self.server = server
    self.mine = mine
    self.theirs = theirs
    self.listener = listener
  }

  /// Octets charged to both.
  var held: Int { client.memory.held + server.memory.held }

  /// One connection, an octet, and both close; the client first, or the server every third time.
  mutating func openAndClose(_ n: Int) throws {
    now = now.advanced(by: .milliseconds(1))
    client.advance(to: now)
    server.advance(to: now)
    let a = try client.connect(
      to: Endpoint(address: Wire.serverAddress, port: 80),
      from: LocalEndpoint(address: Wire.clientAddress(n % 8)), now: now)
    carry()
    let b = try server.accept(listener)
    _ = try client.send(a, [UInt8(1)].span.bytes, now: now)
    carry()
    var room: [UInt8] = [0]
    do {
      var elements = room.mutableSpan
      var out = elements.mutableBytes
      _ = try server.receive(b, into: &out, now: now)
    }
    if n % 3 == 0 {
      try server.close(b, now: now)
      carry()
      try client.close(a, now: now)
    } else {
      try client.close(a, now: now)
      carry()
      try server.close(b, now: now)
    }
    carry()
    while client.nextEvent() != nil {}
    while server.nextEvent() != nil {}
  }

  private mutating func carry() {
    // Lent out, since the stacks beside it are changed meanwhile.
    var packet = [UInt8]()
    swap(&packet, &buffer)
    defer { swap(&packet, &buffer) }
    var hasMoved = true
    while hasMoved {
      hasMoved = false
      while let count = pull(&packet, fromClient: true) {
        server.receive(packet.span.bytes.extracting(first: count), on: theirs, now: now)
        hasMoved = true
      }
      while let count = pull(&packet, fromClient: false) {
        client.receive(packet.span.bytes.extracting(first: count), on: mine, now: now)
        hasMoved = true
      }
    }
  }

  private mutating func pull(_ packet: inout [UInt8], fromClient: Bool) -> Int? {
    var elements = packet.mutableSpan
    var out = elements.mutableBytes
    return fromClient
      ? client.nextPacket(on: mine, into: &out, now: now)?.count
      : server.nextPacket(on: theirs, into: &out, now: now)?.count
  }
}
