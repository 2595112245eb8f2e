import MartletStack
import MartletTCP
import MartletWire

/// Two stacks with one established connection, back to back, and a clock that
/// this program turns. Segments carry 1,460 octets.
struct Transfer: ~Copyable {
  enum Failure: Error { case notEstablished, stalled }

  private var sender: NetworkStack
  private var receiver: NetworkStack
  private let from: InterfaceID
  private let to: InterfaceID
  private let source: ConnectionID
  private let listener: ListenerID
  private var sink: ConnectionID?
  private var now: Instant

  private var packet = [UInt8](repeating: 0, count: 2_048)
  private let text = [UInt8](repeating: 0x5a, count: 10 * 1_460)
  private var read = [UInt8](repeating: 0, count: 10 * 1_460)

  /// Segments with text that have arrived.
  private(set) var segments = 0

  private init(
    sender: consuming NetworkStack, receiver: consuming NetworkStack, from: InterfaceID, to: InterfaceID,
    source: ConnectionID, listener: ListenerID, now: Instant
  ) {
    self.sender = sender
    self.receiver = receiver
    self.from = from
    self.to = to
    self.source = source
    self.listener = listener
    self.now = now
  }

  /// Opens the connection.
  static func established() throws -> Transfer {
    // Timestamps would take 12 octets of each segment; the figures are for 1,460.
    var configuration = StackConfiguration()
    configuration.tcp.timestamps = false
    var sender = NetworkStack(configuration: configuration, seed: StackSeed(1))
    var receiver = NetworkStack(configuration: configuration, seed: StackSeed(2))

    let now = Instant(nanoseconds: 1_000_000_000)
    let here = IPAddress.v4(IPv4Address(10, 0, 0, 1))
    let there = IPAddress.v4(IPv4Address(10, 0, 0, 2))
    let from = try sender.addInterface(
      InterfaceConfiguration(mtu: 1_500, addresses: [IPPrefix(here, length: 24)]))
    let to = try receiver.addInterface(
      InterfaceConfiguration(mtu: 1_500, addresses: [IPPrefix(there, length: 24)]))
    let listener = try receiver.listen(on: LocalEndpoint(port: 7))
    let source = try sender.connect(to: Endpoint(address: there, port: 7), now: now)

    var transfer = Transfer(
      sender: sender, receiver: receiver, from: from, to: to, source: source, listener: listener, now: now)
    transfer.exchange()
    transfer.sink = try transfer.receiver.accept(listener)
    return transfer
  }

  /// Runs until `count` more segments with text have arrived.
  mutating func carry(_ count: Int) throws {
    let goal = segments + count
    while segments < goal { try round() }
  }

  /// As many segments over as ten, their acknowledgments back, and the text read.
  private mutating func round() throws {
    guard let sink else { throw Failure.notEstablished }
    let offered = offer(&sender, source, text, now)
    if offered == 0 { throw Failure.stalled }
    exchange()
    consume(&receiver, sink, &read, now)
    exchange()

    now = now.advanced(by: TimeAmount(nanoseconds: 100_000))
    sender.advance(to: now)
    receiver.advance(to: now)
    while sender.nextEvent() != nil {}
    while receiver.nextEvent() != nil {}
  }

  private mutating func exchange() {
    var moved = true
    while moved {
      moved = false
      while let count = textDeparts(&sender, from, &packet, now) {
        moved = true
        if count == 1_500 {
          segments += 1
          textArrives(&receiver, to, packet, count, now)
        } else {
          acknowledgmentArrives(&receiver, to, packet, OutgoingPacket(count: count), now)
        }
      }
      while let acknowledgment = acknowledgmentDeparts(&receiver, to, &packet, now) {
        moved = true
        acknowledgmentArrives(&sender, from, packet, acknowledgment, now)
      }
    }
  }
}

/// Sends as much of `text` as there is room for.
private func offer(
  _ stack: inout NetworkStack, _ connection: ConnectionID, _ text: [UInt8], _ now: Instant
) -> Int {
  var offered = 0
  while offered < text.count,
    let taken = try? stack.send(connection, text.span.bytes.extracting(offered...), now: now)
  {
    offered += taken
  }
  return offered
}

/// Receives all there is.
private func consume(
  _ stack: inout NetworkStack, _ connection: ConnectionID, _ buffer: inout [UInt8], _ now: Instant
) {
  var span = buffer.mutableSpan
  var bytes = span.mutableBytes
  while let count = try? stack.receive(connection, into: &bytes, now: now), count > 0 {}
}

// The ways of a packet are functions of their own, never inlined, so that
// callgrind counts what happens inside each by its name. Their signatures differ
// because the compiler merges functions that are alike.

@inline(never)
private func textDeparts(
  _ stack: inout NetworkStack, _ interface: InterfaceID, _ packet: inout [UInt8], _ now: Instant
) -> Int? {
  var span = packet.mutableSpan
  var bytes = span.mutableBytes
  return stack.nextPacket(on: interface, into: &bytes, now: now)?.count
}

@inline(never)
private func textArrives(
  _ stack: inout NetworkStack, _ interface: InterfaceID, _ packet: [UInt8], _ count: Int, _ now: Instant
) {
  stack.receive(packet.span.bytes.extracting(0..<count), on: interface, now: now)
}

@inline(never)
private func acknowledgmentDeparts(
  _ stack: inout NetworkStack, _ interface: InterfaceID, _ packet: inout [UInt8], _ now: Instant
) -> OutgoingPacket? {
  var span = packet.mutableSpan
  var bytes = span.mutableBytes
  return stack.nextPacket(on: interface, into: &bytes, now: now)
}

@inline(never)
private func acknowledgmentArrives(
  _ stack: inout NetworkStack, _ interface: InterfaceID, _ packet: [UInt8], _ outgoing: OutgoingPacket,
  _ now: Instant
) {
  let bytes = packet.span.bytes.extracting(0..<outgoing.count)
  stack.receive(bytes, outgoing.metadata, on: interface, now: now)
}
