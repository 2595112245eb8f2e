import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

/// A stack with one interface, and everything it has said. Invariants are checked after every step.
final class Host {
  var stack: NetworkStack
  let interface: InterfaceID
  let address4: IPAddress
  let address6: IPAddress
  private(set) var events: [StackEvent] = []
  var now = Instant(nanoseconds: 1_000_000_000)
  /// A check looks at every record: who makes thousands of them may do without for a while.
  var checksEveryStep = true

  /// Host n has 10.0.0.n/24 and fd00:7::n/64.
  init(
    _ n: UInt8, seed: UInt64 = 7, offload: InterfaceConfiguration.Offload = [],
    mtu: UInt16 = ScenarioFamily.standardMTU,
    _ configure: (inout StackConfiguration) -> Void = { _ in }
  ) throws {
    var configuration = StackConfiguration()
    configure(&configuration)
    stack = NetworkStack(configuration: configuration, seed: StackSeed(seed &* 1_000 &+ UInt64(n)))
    address4 = v4(10, 0, 0, n)
    address6 = v6(UInt64(n))
    interface = try stack.addInterface(
      InterfaceConfiguration(
        mtu: mtu, addresses: [IPPrefix(address4, length: 24), IPPrefix(address6, length: 64)],
        offload: offload
      ))
  }

  /// Of the family in whose turn the test runs.
  var address: IPAddress { isIPv4 ? address4 : address6 }

  func endpoint(_ port: UInt16) -> Endpoint { Endpoint(address: address, port: port) }

  func endpoint6(_ port: UInt16) -> Endpoint { Endpoint(address: address6, port: port) }

  /// Adds a route to everywhere.
  func addDefaultRoute() throws {
    let everybody = isIPv4 ? v4(0, 0, 0, 0) : .v6(IPv6Address(high: 0, low: 0))
    try stack.addRoute(Route(prefix: IPPrefix(everybody, length: 0), interface: interface))
  }

  /// Gives the stack a packet.
  func inject(_ packet: Packet, _ metadata: PacketMetadata = PacketMetadata()) {
    stack.receive(packet.span.bytes, metadata, on: interface, now: now)
    check()
  }

  /// Pulls everything.
  func pull() -> [(packet: Packet, metadata: PacketMetadata)] {
    var all: [(packet: Packet, metadata: PacketMetadata)] = []
    var buffer = Packet(repeating: 0xa5, count: 65_536)
    while true {
      var span = buffer.mutableSpan
      var raw = span.mutableBytes
      guard let out = stack.nextPacket(on: interface, into: &raw, now: now) else { break }
      all.append((Packet(buffer.prefix(out.count)), out.metadata))
    }
    check()
    return all
  }

  /// Pulls everything, each packet verified.
  func pullSeen(sourceLocation: SourceLocation = #_sourceLocation) throws -> [Seen] {
    try pull().map { try #require(Seen($0.packet), sourceLocation: sourceLocation) }
  }

  /// Injects, and returns the answers.
  func answers(to packet: Packet, sourceLocation: SourceLocation = #_sourceLocation) throws -> [Seen] {
    inject(packet)
    return try pullSeen(sourceLocation: sourceLocation)
  }

  func drain() -> [StackEvent] {
    var new: [StackEvent] = []
    while let event = stack.nextEvent() { new.append(event) }
    events += new
    return new
  }

  func advance(by amount: TimeAmount) {
    now = now.advanced(by: amount)
    stack.advance(to: now)
    check()
  }

  func check(sourceLocation: SourceLocation = #_sourceLocation) {
    guard checksEveryStep else { return }
    if let violated = stack.checkInvariants() {
      Issue.record("violated: \(violated)", sourceLocation: sourceLocation)
    }
  }

  func drops(_ reason: DropReason) -> UInt64 { stack.counters.drops(reason) }

  // MARK: Calls with arrays

  func send(_ c: ConnectionID, _ text: Packet) throws(SendError) -> Int {
    defer { check() }
    return try stack.send(c, text.span.bytes, now: now)
  }

  /// Everything that can be read; nil at the end of the stream.
  func read(_ c: ConnectionID) throws(ReceiveError) -> Packet? {
    var text: Packet = []
    var block = Packet(repeating: 0, count: 16_384)
    while true {
      do throws(ReceiveError) {
        var span = block.mutableSpan
        var raw = span.mutableBytes
        let count = try stack.receive(c, into: &raw, now: now)
        if count == 0 { return text.isEmpty ? nil : text }
        text += block.prefix(count)
      } catch {
        guard error == .wouldBlock else { throw error }
        check()
        return text
      }
    }
  }

  func state(_ c: ConnectionID) throws -> TCPState { try stack.status(c, now: now).tcp.state }
}

/// Two hosts and a wire between them, in one virtual time.
final class Pair {
  let a: Host
  let b: Host
  /// Every packet that was put on the wire, with its sender.
  private(set) var log: [(fromA: Bool, seen: Seen)] = []
  /// Packets for which this says true are lost.
  var loses: (_ fromA: Bool, _ seen: Seen) -> Bool = { _, _ in false }

  init(
    seed: UInt64 = 7, offload: InterfaceConfiguration.Offload = [],
    _ configure: (inout StackConfiguration) -> Void = { _ in }
  ) throws {
    a = try Host(1, seed: seed, offload: offload, configure)
    b = try Host(2, seed: seed, offload: offload, configure)
  }

  /// Carries packets until nobody has any.
  func pump(sourceLocation: SourceLocation = #_sourceLocation) throws {
    for _ in 0..<100_000 {
      let fromA = a.pull()
      let fromB = b.pull()
      if fromA.isEmpty && fromB.isEmpty { return }
      for (packet, metadata) in fromA { try carry(packet, metadata, true, to: b, sourceLocation) }
      for (packet, metadata) in fromB { try carry(packet, metadata, false, to: a, sourceLocation) }
    }
    Issue.record("the wire never falls silent", sourceLocation: sourceLocation)
  }

  private func carry(
    _ packet: Packet, _ metadata: PacketMetadata, _ fromA: Bool, to host: Host, _ location: SourceLocation
  ) throws {
    if metadata.checksum == .unverified {
      let seen = try #require(Seen(packet), "a malformed packet left", sourceLocation: location)
      log.append((fromA, seen))
      if loses(fromA, seen) { return }
    }
    host.inject(packet, metadata)
  }

  /// Lets time pass, carrying packets at every deadline on the way.
  func run(for amount: TimeAmount) throws {
    let end = a.now.advanced(by: amount)
    for _ in 0..<100_000 {
      try pump()
      let next = [a.stack.nextDeadline(now: a.now), b.stack.nextDeadline(now: b.now)].compactMap { $0 }.min()
      let step = min(max(next ?? end, a.now), end)
      a.now = step
      b.now = step
      a.advance(by: .zero)
      b.advance(by: .zero)
      if step >= end, (next ?? .init(nanoseconds: .max)) > end { break }
    }
    try pump()
  }

  /// A connection from a to b's port, accepted.
  func connect(
    port: UInt16 = 80, _ options: ListenerOptions = ListenerOptions(),
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> (client: ConnectionID, server: ConnectionID, listener: ListenerID) {
    let listener = try b.stack.listen(on: LocalEndpoint(port: port), options)
    let client = try a.stack.connect(to: b.endpoint(port), now: a.now)
    try pump(sourceLocation: sourceLocation)
    let server = try b.stack.accept(listener)
    return (client, server, listener)
  }

  /// Sends all of `text` from one end and returns what the other end reads.
  func transfer(
    _ text: Packet, from sender: Host, _ c: ConnectionID, to receiver: Host, _ d: ConnectionID
  ) throws -> Packet {
    var sent = 0
    var received: Packet = []
    for _ in 0..<100_000 where sent < text.count || received.count < text.count {
      if sent < text.count {
        do throws(SendError) {
          sent += try sender.send(c, Packet(text[sent..<min(sent + 16_384, text.count)]))
        } catch {
          guard error == .wouldBlock else {
            Issue.record("\(error)")
            return received
          }
        }
      }
      try pump()
      let count = received.count
      received += try receiver.read(d) ?? []
      if received.count == count, sent == text.count || received.count < sent {
        try run(for: .milliseconds(50))
      }
    }
    return received
  }
}
