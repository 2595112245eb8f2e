import MartletStack
import MartletTCP
import MartletWire

/// A listener under a flood of SYNs, each from another peer, of whom some come back after their record had
/// to make room, or never had one. Others only guess.
struct Flood: ~Copyable {
  private var server: NetworkStack
  private let scene: FloodScene
  private let peers: FloodPeers
  private let interface: InterfaceID
  private let listener: ListenerID
  private var now = Instant(nanoseconds: 1_000_000_000)
  private var packet = [UInt8](repeating: 0, count: 2_048)
  private var peer: UInt32 = 0

  private static let backlog = 128
  /// Connections that stay, so that tables and pages do not come and go with those that are measured.
  private static let others = 4 * backlog

  struct NothingReturned: Error {}

  private init(
    server: consuming NetworkStack, _ scene: FloodScene, interface: InterfaceID, listener: ListenerID
  ) {
    self.server = server
    self.scene = scene
    peers = FloodPeers(scene)
    self.interface = interface
    self.listener = listener
  }

  /// With its queue full, where the scene has one, and no more resets to give.
  static func begun(_ scene: FloodScene) throws -> Flood {
    var server = NetworkStack(configuration: scene.configuration, seed: StackSeed(2))
    let interface = try server.addInterface(InterfaceConfiguration(addresses: [scene.prefix]))
    let listener = try server.listen(
      on: LocalEndpoint(port: 80), scene.options(halfOpenLimit: UInt32(backlog)))
    var flood = Flood(server: server, scene, interface: interface, listener: listener)
    for _ in 0..<2 * backlog { try flood.answer() }
    for _ in 0..<others / backlog {
      for third in try flood.thirds() {
        flood.server.receive(third.span.bytes, on: interface, now: flood.now)
      }
      while (try? flood.server.accept(listener)) != nil {}
    }
    for _ in 0..<16 * backlog { flood.guess() }
    while pull(&flood.server, interface, &flood.packet, flood.now) {}
    return flood
  }

  /// So many SYNs answered, as many cookies returned and as many guessed; a multiple of the backlog.
  mutating func run(_ count: Int) throws {
    let returned = server.counters.syncookiesRecv
    let failed = server.counters.syncookiesFailed
    var done = 0
    while done < count {
      for third in try thirds() { cookieReturns(&server, third, now, on: interface) }
      for _ in 0..<Self.backlog { guess() }
      try abortAll()
      done += Self.backlog
    }
    guard server.counters.syncookiesRecv == returned + UInt64(done),
      server.counters.syncookiesFailed == failed + UInt64(done)
    else { throw NothingReturned() }
  }

  /// What a backlog of peers say to their SYN-ACKs, none of whom has a record, or not any more.
  private mutating func thirds() throws -> [[UInt8]] {
    var thirds: [[UInt8]] = []
    passTime()
    for _ in 0..<Self.backlog {
      peer += 1
      guard let size = answered(peers.segment(.syn, of: peer, seq: peer, ack: 0, .syn)) else {
        throw NothingReturned()
      }
      thirds.append(third(packet, size))
    }
    passTime()
    for _ in 0..<Self.backlog { try answer() }
    return thirds
  }

  private mutating func passTime() {
    if scene == .slow { now = now.advanced(by: .milliseconds(300)) }
  }

  private mutating func answered(_ syn: [UInt8]) -> Int? {
    if scene == .withoutRecords { return synAnsweredWithoutRecord(syn, &packet, &server, on: interface, now) }
    return scene == .slow
      ? synReplacesRecord(&server, now, interface, syn, &packet)
      : synAnsweredByCookie(&server, interface, syn, &packet, now)
  }

  private mutating func guess() {
    peer += 1
    wrongCookieReturns(peers.segment(.ack, of: peer, seq: peer, ack: peer, .none), &server, now, interface)
  }

  private mutating func answer() throws {
    peer += 1
    let syn = peers.segment(.syn, of: peer, seq: peer, ack: 0, .syn)
    server.receive(syn.span.bytes, on: interface, now: now)
    guard pull(&server, interface, &packet, now) else { throw NothingReturned() }
  }

  private mutating func abortAll() throws {
    while let id = try? server.accept(listener) { try server.abort(id, now: now) }
    while server.nextEvent() != nil {}
    while pull(&server, interface, &packet, now) {}
  }

  /// What the peer says to a SYN-ACK.
  private func third(_ synAck: [UInt8], _ count: Int) -> [UInt8] {
    let bytes = synAck.span.bytes.extracting(peers.ipCount..<count)
    guard let header = TCPHeaderView(validating: bytes)?.header() else { return [] }
    return peers.segment(
      .ack, of: header.ack.rawValue &- 1, seq: header.ack.rawValue, ack: header.seq.rawValue &+ 1,
      .timestamps(tsval: 2, tsecr: header.options.tsval))
  }
}

private func pull(
  _ stack: inout NetworkStack, _ interface: InterfaceID, _ packet: inout [UInt8], _ now: Instant
) -> Bool {
  var span = packet.mutableSpan
  var bytes = span.mutableBytes
  return stack.nextPacket(on: interface, into: &bytes, now: now) != nil
}

// As in Transfer.swift: never inlined, and no two alike.

@inline(never)
private func synAnsweredByCookie(
  _ stack: inout NetworkStack, _ interface: InterfaceID, _ syn: [UInt8], _ packet: inout [UInt8],
  _ now: Instant
) -> Int? {
  stack.receive(syn.span.bytes, on: interface, now: now)
  var span = packet.mutableSpan
  var bytes = span.mutableBytes
  return stack.nextPacket(on: interface, into: &bytes, now: now)?.count
}

@inline(never)
private func synReplacesRecord(
  _ stack: inout NetworkStack, _ now: Instant, _ interface: InterfaceID, _ syn: [UInt8],
  _ packet: inout [UInt8]
) -> Int? {
  stack.receive(syn.span.bytes, on: interface, now: now)
  var span = packet.mutableSpan
  var bytes = span.mutableBytes
  return stack.nextPacket(on: interface, into: &bytes, now: now)?.count
}

@inline(never)
private func cookieReturns(
  _ stack: inout NetworkStack, _ third: [UInt8], _ now: Instant, on interface: InterfaceID
) {
  stack.receive(third.span.bytes, on: interface, now: now)
}

@inline(never)
private func synAnsweredWithoutRecord(
  _ syn: [UInt8], _ packet: inout [UInt8], _ stack: inout NetworkStack, on interface: InterfaceID,
  _ now: Instant
) -> Int? {
  stack.receive(syn.span.bytes, on: interface, now: now)
  var span = packet.mutableSpan
  var bytes = span.mutableBytes
  return stack.nextPacket(on: interface, into: &bytes, now: now)?.count
}

@inline(never)
private func wrongCookieReturns(
  _ guess: [UInt8], _ stack: inout NetworkStack, _ now: Instant, _ interface: InterfaceID
) {
  stack.receive(guess.span.bytes, on: interface, now: now)
}
