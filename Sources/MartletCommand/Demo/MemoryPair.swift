import MartletStack
import MartletTCP
import MartletTrace
import MartletWire

/// Two stacks joined by a wire in memory, in virtual time: what one sends reaches the other ten
/// milliseconds later, and nothing else takes any time. Every segment and every change of state
/// goes into a ladder.
package struct MemoryPair: ~Copyable {
  package var client: NetworkStack
  package var server: NetworkStack
  package private(set) var now = Instant(nanoseconds: 1_000_000_000)
  private let clientInterface: InterfaceID
  private let serverInterface: InterfaceID
  private var wire: [Packet] = []
  private var flow: Ladder?
  private var buffer = [UInt8](repeating: 0, count: 2048)

  private struct Packet {
    let arrival: Instant
    let isForServer: Bool
    let octets: [UInt8]
  }

  private let clientAddress: IPAddress
  package let serverAddress: IPAddress
  private static let delay = TimeAmount.milliseconds(10)

  package init(seed: UInt64, isIPv4: Bool = true) throws {
    clientAddress = isIPv4 ? .v4(IPv4Address(10, 7, 0, 2)) : .v6(IPv6Address(high: 0xfd00_0007 << 32, low: 2))
    serverAddress = isIPv4 ? .v4(IPv4Address(10, 7, 0, 1)) : .v6(IPv6Address(high: 0xfd00_0007 << 32, low: 1))
    var configuration = StackConfiguration()
    configuration.recorderCapacity = 4096
    var client = NetworkStack(configuration: configuration, seed: StackSeed(seed))
    var server = NetworkStack(configuration: configuration, seed: StackSeed(seed &+ 1))
    let clientInterface = try client.addInterface(
      InterfaceConfiguration(addresses: [IPPrefix(clientAddress, length: isIPv4 ? 24 : 64)]))
    let serverInterface = try server.addInterface(
      InterfaceConfiguration(addresses: [IPPrefix(serverAddress, length: isIPv4 ? 24 : 64)]))
    self.client = client
    self.server = server
    self.clientInterface = clientInterface
    self.serverInterface = serverInterface
  }

  /// Puts everything that either stack has to send on the wire.
  package mutating func transmit() {
    while let count = pull(fromServer: false) { carry(count, toServer: true) }
    while let count = pull(fromServer: true) { carry(count, toServer: false) }
  }

  private mutating func pull(fromServer: Bool) -> Int? {
    let now = self.now
    var packet: OutgoingPacket?
    if fromServer {
      packet = buffer.lend(buffer.count) { room in
        server.nextPacket(on: serverInterface, into: &room, now: now)
      }
    } else {
      packet = buffer.lend(buffer.count) { room in
        client.nextPacket(on: clientInterface, into: &room, now: now)
      }
    }
    return packet?.count
  }

  private mutating func carry(_ count: Int, toServer: Bool) {
    let arrival = now.advanced(by: Self.delay)
    let octets = Array(buffer[..<count])
    wire.append(Packet(arrival: arrival, isForServer: toServer, octets: octets))
    let packet = octets.span.bytes
    guard let segment = try? TracedSegment(packet: packet) else { return }
    var ladder = flow ?? Ladder(flowOf: segment)
    _ = try? ladder.observe(packet, at: now, arrival: arrival)
    flow = ladder
  }

  /// Goes on to the next arrival or deadline; false when there is none before `end`.
  package mutating func step(until end: Instant = Instant(nanoseconds: .max)) -> Bool {
    transmit()
    let arrival = wire.map(\.arrival).min()
    let deadlines = [client.nextDeadline(now: now), server.nextDeadline(now: now), arrival]
    guard let next = deadlines.compactMap({ $0 }).min(), next <= end else {
      now = max(now, min(end, now.advanced(by: .hours(1))))
      return false
    }
    now = max(now, next)
    let due = wire.filter { $0.arrival <= now }
    wire.removeAll { $0.arrival <= now }
    for packet in due {
      if packet.isForServer {
        server.receive(packet.octets.span.bytes, on: serverInterface, now: now)
      } else {
        client.receive(packet.octets.span.bytes, on: clientInterface, now: now)
      }
    }
    client.advance(to: now)
    server.advance(to: now)
    return true
  }

  /// Lets an amount of time pass, with all that happens in it.
  package mutating func pass(_ amount: TimeAmount) {
    let end = now.advanced(by: amount)
    while step(until: end) {
      while client.nextEvent() != nil {}
      while server.nextEvent() != nil {}
    }
  }

  /// What was seen, with the states that both ends reported.
  package var ladder: Ladder? {
    guard var ladder = flow else { return nil }
    for n in 0..<client.recordsWritten {
      if let record = client.record(n), let change = KnownTransition(record, of: .left) {
        ladder.know(change)
      }
    }
    for n in 0..<server.recordsWritten {
      if let record = server.record(n), let change = KnownTransition(record, of: .right) {
        ladder.know(change)
      }
    }
    return ladder
  }
}
