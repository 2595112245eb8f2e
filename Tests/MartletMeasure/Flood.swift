import MartletStack
import MartletTCP
import MartletWire

/// A listener under a flood of SYNs, each from another peer, of whom some come back after their record had
/// to make room, or never had one. Others only guess.
struct Flood: ~Copyable {
  private var server: NetworkStack
  private let policy: SynCookiePolicy
  /// Records have had the time of a round trip when the next SYNs come.
  private let isSlow: Bool
  private let interface: InterfaceID
  private let listener: ListenerID
  private var now = Instant(nanoseconds: 1_000_000_000)
  private var packet = [UInt8](repeating: 0, count: 2_048)
  private var peer: UInt32 = 0

  private static let backlog = 128
  /// Connections that stay, so that tables and pages do not come and go with those that are measured.
  private static let others = 4 * backlog
  private static let address = IPv4Address(10, 0, 0, 2)

  struct NothingReturned: Error {}

  private init(
    server: consuming NetworkStack, _ policy: SynCookiePolicy, isSlow: Bool, interface: InterfaceID,
    listener: ListenerID
  ) {
    self.server = server
    self.policy = policy
    self.isSlow = isSlow
    self.interface = interface
    self.listener = listener
  }

  /// With its queue full, where the policy has one, and no more resets to give.
  static func begun(_ policy: SynCookiePolicy, isSlow: Bool = false) throws -> Flood {
    var server = NetworkStack(seed: StackSeed(2))
    let interface = try server.addInterface(
      InterfaceConfiguration(addresses: [IPPrefix(.v4(address), length: 8)]))
    var options = ListenerOptions()
    options.halfOpenLimit = UInt32(backlog)
    options.synCookies = policy
    let listener = try server.listen(on: LocalEndpoint(port: 80), options)
    var flood = Flood(server: server, policy, isSlow: isSlow, interface: interface, listener: listener)
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
      guard let size = answered(segment(.syn, seq: peer, ack: 0)) else { throw NothingReturned() }
      thirds.append(third(packet, size))
    }
    passTime()
    for _ in 0..<Self.backlog { try answer() }
    return thirds
  }

  private mutating func passTime() {
    if isSlow { now = now.advanced(by: .milliseconds(300)) }
  }

  private mutating func answered(_ syn: [UInt8]) -> Int? {
    if policy == .always { return synAnsweredWithoutRecord(syn, &packet, &server, on: interface, now) }
    return isSlow
      ? synReplacesRecord(&server, now, interface, syn, &packet)
      : synAnsweredByCookie(&server, interface, syn, &packet, now)
  }

  private mutating func guess() {
    peer += 1
    wrongCookieReturns(segment(.ack, seq: peer, ack: peer, TCPOptions()), &server, now, interface)
  }

  private mutating func answer() throws {
    peer += 1
    let syn = segment(.syn, seq: peer, ack: 0)
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
    let bytes = synAck.span.bytes.extracting(20..<count)
    guard let header = TCPHeaderView(validating: bytes)?.header() else { return [] }
    var options = TCPOptions()
    options.present = .timestamps
    options.tsval = 2
    options.tsecr = header.options.tsval
    return segment(
      .ack, seq: header.ack.rawValue, ack: header.seq.rawValue &+ 1, options, peer: header.ack.rawValue &- 1)
  }

  private func segment(
    _ flags: TCPFlags, seq: UInt32, ack: UInt32, _ options: TCPOptions? = nil, peer: UInt32? = nil
  ) -> [UInt8] {
    var tcp = TCPHeader(
      sourcePort: 4_000, destinationPort: 80, seq: SequenceNumber(seq), ack: SequenceNumber(ack),
      flags: flags,
      window: UnscaledWindow(64_240))
    if let options {
      tcp.options = options
    } else {
      tcp.options.present = [.maximumSegmentSize, .sackPermitted, .timestamps, .windowScale]
      tcp.options.maximumSegmentSize = 1_460
      tcp.options.windowScale = WindowScale(7)
      tcp.options.tsval = 1
    }
    let source = IPv4Address(bits: 0x0a10_0000 &+ (peer ?? self.peer))
    let count = 20 + tcp.encodedCount
    var octets = [UInt8](repeating: 0, count: count)
    do {
      var elements = octets.mutableSpan
      var out = elements.mutableBytes
      IPv4Header(
        totalCount: UInt16(count), timeToLive: 64, proto: .tcp, source: source, destination: Self.address
      ).write(into: &out, at: 0)
      tcp.write(into: &out, at: 20)
    }
    var sum = InternetChecksum.pseudoHeader(
      source: .v4(source), destination: .v4(Self.address), proto: .tcp, length: count - 20)
    sum.add(octets.span.bytes.extracting(20..<count))
    octets[36] = UInt8(sum.field >> 8)
    octets[37] = UInt8(truncatingIfNeeded: sum.field)
    return octets
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
