import MartletTCP
import MartletTrace
import MartletWire
import Testing

/// Writes a flow segment by segment, with relative numbers, as real IPv4 packets.
struct Exchange {
  static let client = TraceEndpoint(.v4(IPv4Address(10, 7, 0, 2)), 40_112)
  static let server = TraceEndpoint(.v4(IPv4Address(10, 7, 0, 1)), 80)

  var clientISS: UInt32 = 0x1000_0000
  var serverISS: UInt32 = 0x9000_0000
  var ladder = Ladder(left: client, right: server)
  /// Microseconds.
  var now: Int64 = 0
  /// Between the ends; nil: arrivals are not noted, as in a capture.
  var delay: Int64?

  /// Sends one segment `after` microseconds later.
  mutating func send(
    _ side: Side, _ flags: TCPFlags, seq: UInt32, ack: UInt32? = nil, text: Int = 0, window: UInt16? = nil,
    options: TCPOptions? = nil, after: Int64 = 10, delay: Int64? = nil, isLost: Bool = false
  ) throws {
    now += after
    let (own, peer) = side == .left ? (clientISS, serverISS) : (serverISS, clientISS)
    let (from, to) = side == .left ? (Self.client, Self.server) : (Self.server, Self.client)
    let header = TCPHeader(
      sourcePort: from.port, destinationPort: to.port, seq: SequenceNumber(own &+ seq),
      ack: SequenceNumber(ack.map { peer &+ $0 } ?? 0), flags: ack == nil ? flags : flags.union(.ack),
      window: UnscaledWindow(window ?? (flags.contains(.syn) ? 64_240 : 502)),
      options: options ?? (flags.contains(.syn) ? Self.handshake : TCPOptions()))
    let packet = Self.packet(header, from: from, to: to, text: text)
    let arrival = (delay ?? self.delay).map { Self.time(now + $0) }
    let isOurs = try ladder.observe(packet.span.bytes, at: Self.time(now), arrival: arrival, isLost: isLost)
    if !isOurs { throw TraceError.notTCP }
  }

  mutating func open() throws {
    try send(.left, .syn, seq: 0)
    try send(.right, .syn, seq: 0, ack: 1)
    try send(.left, [], seq: 1, ack: 1)
  }

  /// 100 octets one way, 300 the other.
  mutating func request() throws {
    try send(.left, .psh, seq: 1, ack: 1, text: 100)
    try send(.right, [], seq: 1, ack: 101)
    try send(.right, .psh, seq: 1, ack: 101, text: 300)
    try send(.left, [], seq: 101, ack: 301)
  }

  mutating func know(_ side: Side, _ old: TCPState, _ new: TCPState, at microseconds: Int64) {
    ladder.know(KnownTransition(side, old, new, at: Self.time(microseconds)))
  }

  static func time(_ microseconds: Int64) -> Instant {
    Instant(nanoseconds: 1_000_000_000).advanced(by: .microseconds(microseconds))
  }

  static var handshake: TCPOptions {
    var options = TCPOptions()
    options.present = [.maximumSegmentSize, .windowScale, .sackPermitted]
    options.maximumSegmentSize = 1_460
    options.windowScale = WindowScale(7)
    return options
  }

  static func packet(_ header: TCPHeader, from: TraceEndpoint, to: TraceEndpoint, text: Int) -> [UInt8] {
    guard case .v4(let source) = from.address, case .v4(let destination) = to.address else { return [] }
    let count = IPv4Header.encodedCount + header.encodedCount + text
    var bytes = [UInt8](repeating: 0, count: count)
    var all = bytes.mutableSpan
    var span = all.mutableBytes
    let ip = IPv4Header(
      totalCount: UInt16(count), proto: .tcp, source: source, destination: destination)
    ip.write(into: &span, at: 0)
    header.write(into: &span, at: IPv4Header.encodedCount)
    return bytes
  }
}

extension FlightRecorder.Record {
  /// A record as the recorder itself writes it.
  static func sample(_ rule: Rule, _ a: UInt32, _ b: UInt32, at time: Instant = .origin) throws -> Self {
    var recorder = FlightRecorder(capacity: 1)
    recorder.flow = 3
    recorder.note(rule, a, b, at: time)
    let written = recorder.record(0)
    return try #require(written)
  }
}
