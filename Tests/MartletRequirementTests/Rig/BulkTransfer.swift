import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

/// One connection between two stacks and as many octets as one likes, as fast as
/// the machine goes: no log, no checks between segments, packets carried at once.
final class BulkTransfer {
  private var client: NetworkStack
  private var server: NetworkStack
  private let interfaces: (client: InterfaceID, server: InterfaceID)
  private var now = Instant(nanoseconds: 1_000_000_000_000)
  private var packet = [UInt8](repeating: 0, count: 9_000)
  /// Two periods of a pattern whose period divides no power of two: the octet at a place of the stream.
  private let pattern: [UInt8]
  private let period = 65_521

  private static let addresses = (
    client: IPAddress.v4(IPv4Address(10, 0, 0, 1)), server: IPAddress.v4(IPv4Address(10, 0, 0, 2))
  )

  init(timestamps: Bool) throws {
    var configuration = StackConfiguration()
    configuration.tcp.timestamps = timestamps
    configuration.tcp.receiveBuffer = 1 << 20
    configuration.tcp.sendBuffer = 1 << 20
    client = NetworkStack(configuration: configuration, seed: StackSeed(5))
    server = NetworkStack(configuration: configuration, seed: StackSeed(6))
    func interface(_ address: IPAddress) -> InterfaceConfiguration {
      InterfaceConfiguration(mtu: 9_000, addresses: [IPPrefix(address, length: 24)])
    }
    interfaces = (
      try client.addInterface(interface(Self.addresses.client)),
      try server.addInterface(interface(Self.addresses.server))
    )
    let once = scriptText(0..<period)
    pattern = once + once
  }

  /// Sends `total` octets from client to server and closes. Returns how many arrived as they should.
  func run(_ total: Int, from iss: UInt32) throws -> Int {
    let listener = try server.listen(on: LocalEndpoint(port: 80))
    try waitForISS(iss)
    let source = try client.connect(
      to: Endpoint(address: Self.addresses.server, port: 80), from: LocalEndpoint(port: 50_000), now: now)
    #expect(try client.status(source, now: now).tcp.sndUna.rawValue &- iss < 1_000)
    carry()
    carry()
    let sink = try server.accept(listener)
    var sent = 0
    var arrived = 0
    var idle = 0
    while arrived < total {
      sent += write(source, at: sent, of: total)
      carry()
      let count = try read(sink, at: arrived)
      arrived += count
      idle = count == 0 ? idle + 1 : 0
      guard idle < 10_000 else { break }
      now = now.advanced(by: .microseconds(100))
      client.advance(to: now)
      server.advance(to: now)
    }
    try client.close(source, now: now)
    carry()
    #expect(try server.status(sink, now: now).tcp.state == .closeWait)
    return arrived
  }

  /// Moves to the time at which the client's generator gives this number.
  private func waitForISS(_ iss: UInt32) throws {
    var copy = client.copy()
    let id = try copy.connect(
      to: Endpoint(address: Self.addresses.server, port: 80), from: LocalEndpoint(port: 50_000), now: now)
    let drawn = try copy.status(id, now: now).tcp.sndUna.rawValue
    now.nanoseconds += UInt64(iss &- drawn) * 4_000
    client.advance(to: now)
    server.advance(to: now)
  }

  private func write(_ source: ConnectionID, at place: Int, of total: Int) -> Int {
    let start = place % period
    let count = min(total - place, period)
    guard count > 0 else { return 0 }
    let pattern = pattern
    return (try? client.send(source, pattern.span.bytes.extracting(start..<start + count), now: now)) ?? 0
  }

  private func read(_ sink: ConnectionID, at place: Int) throws -> Int {
    var block = [UInt8](repeating: 0, count: period)
    var sum = 0
    while true {
      let count: Int
      do {
        var elements = block.mutableSpan
        var out = elements.mutableBytes
        count = try server.receive(sink, into: &out, now: now)
      } catch {
        return sum
      }
      let start = (place + sum) % period
      let isRight = block[..<count] == pattern[start..<start + count]
      try #require(isRight, "an octet differs between \(place + sum) and \(place + sum + count)")
      sum += count
    }
  }

  /// Carries packets both ways until nobody has any.
  private func carry() {
    while client.nextEvent() != nil {}
    while server.nextEvent() != nil {}
    var isBusy = true
    while isBusy {
      isBusy = false
      while let count = Self.pull(&client, interfaces.client, &packet, now) {
        server.receive(packet.span.bytes.extracting(first: count), on: interfaces.server, now: now)
        isBusy = true
      }
      while let count = Self.pull(&server, interfaces.server, &packet, now) {
        client.receive(packet.span.bytes.extracting(first: count), on: interfaces.client, now: now)
        isBusy = true
      }
    }
  }

  private static func pull(
    _ stack: inout NetworkStack, _ interface: InterfaceID, _ packet: inout [UInt8], _ now: Instant
  ) -> Int? {
    var elements = packet.mutableSpan
    var out = elements.mutableBytes
    return stack.nextPacket(on: interface, into: &out, now: now)?.count
  }
}
