import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

/// A segment on its way between two stacks.
struct WireSegment {
  var fromA: Bool
  var octets: [UInt8]
  var header: TCPHeader
  var text: [UInt8]

  init?(_ octets: [UInt8], fromA: Bool) {
    let bytes = octets.span.bytes
    if let ip = IPv4HeaderView(validating: bytes), let tcp = TCPHeaderView(validating: ip.payload) {
      (header, text) = (tcp.header(), tcp.text.array)
    } else if let ip = IPv6HeaderView(validating: bytes), let tcp = TCPHeaderView(validating: ip.payload) {
      (header, text) = (tcp.header(), tcp.text.array)
    } else {
      return nil
    }
    self.fromA = fromA
    self.octets = octets
  }

  var flags: TCPFlags { header.flags }
}

extension RawSpan {
  var array: [UInt8] { (0..<byteCount).map { unsafeLoad(fromByteOffset: $0, as: UInt8.self) } }
}

/// One of two stacks, and every state that its end of the flow was seen in.
final class End {
  var stack: NetworkStack
  let interface: InterfaceID
  let address: IPAddress
  let port: UInt16
  var listener: ListenerID?
  var connection: ConnectionID?
  /// Every connection that came through `accept`.
  var accepted: [ConnectionID] = []
  /// What is still to be sent, as fast as `send` takes it.
  var toSend: [UInt8] = []
  var received: [UInt8] = []
  var isAtEnd = false
  /// In order, each change once.
  var states: [TCPState] = []

  init(_ n: UInt8, _ family: ScenarioFamily, port: UInt16, seed: UInt64, _ configuration: StackConfiguration)
  {
    stack = NetworkStack(configuration: configuration, seed: StackSeed(seed &* 64 &+ UInt64(n)))
    let isIPv4 = family == .ipv4
    address =
      isIPv4
      ? .v4(IPv4Address(10, 0, 0, n)) : .v6(IPv6Address(high: 0xfd00_0007_0000_0000, low: UInt64(n)))
    self.port = port
    let configuration = InterfaceConfiguration(
      mtu: 1_500, addresses: [IPPrefix(address, length: isIPv4 ? 24 : 64)])
    interface = (try? stack.addInterface(configuration)) ?? InterfaceID(rawValue: 0)
  }

  var endpoint: Endpoint { Endpoint(address: address, port: port) }
}

/// Two real stacks, and between them a wire on which a test decides what arrives
/// and when. Time stands still but for `wait` and `run`.
final class TwoStacks {
  let a: End
  let b: End
  private(set) var now = Instant(nanoseconds: 1_000_000_000_000)
  /// Sent and not yet delivered, in order of sending.
  var inFlight: [WireSegment] = []
  /// Everything that was ever sent.
  private(set) var log: [WireSegment] = []
  /// Text is read as soon as it is there.
  var readsAtOnce = true

  init(
    _ family: ScenarioFamily = .standard, seed: UInt64 = 1,
    _ configure: (inout StackConfiguration) -> Void = { _ in }
  ) {
    var configuration = StackConfiguration()
    configure(&configuration)
    a = End(1, family, port: 49_152, seed: seed, configuration)
    b = End(2, family, port: 80, seed: seed, configuration)
    settle()
  }

  // MARK: Calls

  func listen(_ end: End) throws {
    end.listener = try end.stack.listen(on: LocalEndpoint(port: end.port))
    settle()
  }

  /// Active OPEN towards the other end.
  func connect(_ end: End) throws {
    let other = end === a ? b : a
    end.connection = try end.stack.connect(
      to: other.endpoint, from: LocalEndpoint(port: end.port), now: now)
    settle()
  }

  /// b listens, a connects, and everything arrives.
  func open() throws {
    if b.listener == nil { try listen(b) }
    try connect(a)
    try deliverAll()
  }

  func send(_ text: [UInt8], from end: End) {
    end.toSend += text
    settle()
  }

  func shutdown(_ end: End) throws {
    try end.stack.shutdown(#require(end.connection), .send, now: now)
    settle()
  }

  func close(_ end: End) throws {
    try end.stack.close(#require(end.connection), now: now)
    end.connection = nil
    settle()
  }

  // MARK: The wire

  /// The first segment in flight arrives.
  @discardableResult
  func deliver() throws -> WireSegment {
    try #require(!inFlight.isEmpty, "nothing is in flight")
    let segment = inFlight.removeFirst()
    inject(segment)
    return segment
  }

  /// A segment arrives, perhaps for the second time.
  func inject(_ segment: WireSegment) {
    let end = segment.fromA ? b : a
    end.stack.receive(segment.octets.span.bytes, on: end.interface, now: now)
    settle()
  }

  /// The first segment in flight is lost.
  @discardableResult
  func lose() throws -> WireSegment {
    try #require(!inFlight.isEmpty, "nothing is in flight")
    return inFlight.removeFirst()
  }

  /// Until the wire is silent.
  func deliverAll() throws {
    var count = 0
    while !inFlight.isEmpty {
      try deliver()
      count += 1
      try #require(count < 1_000_000, "the wire never falls silent")
    }
  }

  // MARK: Time

  /// Timers fire at their times; what they send stays in flight.
  func wait(_ amount: TimeAmount) { pass(amount, delivering: false) }

  /// The same, and everything is delivered at once.
  func run(_ amount: TimeAmount) { pass(amount, delivering: true) }

  private func pass(_ amount: TimeAmount, delivering: Bool) {
    let end = now.advanced(by: amount)
    while true {
      if delivering { try? deliverAll() }
      let next = [a, b].compactMap { $0.stack.nextDeadline(now: now) }.min()
      guard let next, next <= end else { break }
      tell(max(now, next))
    }
    tell(end)
    if delivering { try? deliverAll() }
  }

  /// It is that late now.
  func tell(_ time: Instant) {
    now = time
    a.stack.advance(to: now)
    b.stack.advance(to: now)
    settle()
  }

  // MARK: Looking

  /// The state of the flow at this end, from whatever record there is.
  func state(_ end: End) -> TCPState {
    let other = end === a ? b : a
    var found: TCPState?
    end.stack.forEachFlow(now: now) { flow in
      guard flow.remote == other.endpoint, flow.local.port == end.port else { return }
      if found == nil || found == .closed { found = flow.state }
    }
    if let found { return found }
    return end.listener != nil ? .listen : .closed
  }

  /// Flags of everything sent so far, from a's view: "a S", "b S.", …
  var arrows: [String] { log.map { ($0.fromA ? "a " : "b ") + $0.flags.description } }

  func forgetLog() { log = [] }

  /// Accepts, reads, writes and pulls at both ends until there is nothing left to do.
  private func settle() {
    for end in [a, b] {
      observe(end)
      var isBusy = true
      while isBusy {
        isBusy = false
        while end.stack.nextEvent() != nil {}
        if let listener = end.listener, let id = try? end.stack.accept(listener) {
          end.accepted.append(id)
          end.connection = id
          isBusy = true
        }
        if write(end) || read(end) { isBusy = true }
        while let octets = pull(end) {
          isBusy = true
          guard let segment = WireSegment(octets, fromA: end === a) else {
            Issue.record("not a segment: \(packetText(octets.span.bytes))")
            continue
          }
          inFlight.append(segment)
          log.append(segment)
        }
      }
      observe(end)
      if let broken = end.stack.checkInvariants() { Issue.record("an invariant is broken: \(broken)") }
    }
  }

  private func observe(_ end: End) {
    let state = state(end)
    if end.states.last != state { end.states.append(state) }
  }

  private func write(_ end: End) -> Bool {
    guard !end.toSend.isEmpty, let connection = end.connection else { return false }
    guard let count = try? end.stack.send(connection, end.toSend.span.bytes, now: now) else { return false }
    end.toSend.removeFirst(count)
    return count > 0
  }

  private func read(_ end: End) -> Bool {
    guard readsAtOnce, let connection = end.connection, !end.isAtEnd else { return false }
    var piece = [UInt8](repeating: 0, count: 65_536)
    var elements = piece.mutableSpan
    var out = elements.mutableBytes
    guard let count = try? end.stack.receive(connection, into: &out, now: now) else { return false }
    if count == 0 { end.isAtEnd = true }
    end.received += piece.prefix(count)
    return true
  }

  private func pull(_ end: End) -> [UInt8]? {
    var buffer = [UInt8](repeating: 0, count: 1_500)
    var elements = buffer.mutableSpan
    var out = elements.mutableBytes
    guard let packet = end.stack.nextPacket(on: end.interface, into: &out, now: now) else { return nil }
    return Array(buffer.prefix(packet.count))
  }
}
