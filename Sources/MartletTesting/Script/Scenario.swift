public import MartletStack
public import MartletTCP
public import MartletWire
public import Testing

/// One real stack, played to by a script that acts the peer.
///
///     let s = Scenario(.listening(port: 80))
///     s.inject(.syn(seq: 0))
///     s.expect(.synAck(seq: 0, ack: 1))
///     s.inject(.ack(seq: 1, ack: 1))
///     #expect(s.state == .established)
///
/// Segments are injected as real IP packets and the stack's answers are parsed out
/// of real packets. Each is checked on the way: both checksums, lengths, zero
/// padding and reserved bits, that an acknowledgment never goes back, that the
/// window's right edge never does, that the text is what the application sent, and
/// that it stays inside the peer's window. After everything that happens
/// `checkInvariants` of the stack is asked.
///
/// Time is virtual and stands still until the script moves it. Numbers are
/// relative: both initial sequence numbers are 0.
public final class Scenario {
  /// The stack under test; a script may look and call as it likes. Call `settle()` after own calls.
  public var stack: NetworkStack
  public internal(set) var now: Instant
  public let interface: InterfaceID
  public let family: ScenarioFamily
  /// The stack's address, and the scripted peer's.
  public let local: IPAddress
  public let peer: IPAddress
  /// The flow that numbers and defaults refer to.
  public internal(set) var localPort: UInt16
  public internal(set) var peerPort: UInt16
  public internal(set) var listener: ListenerID?
  /// The connection of the flow, as soon as there is one.
  public internal(set) var connection: ConnectionID?
  /// Everything that was accepted, in order.
  public internal(set) var accepted: [ConnectionID] = []
  /// Every event so far that no `takeEvents` has taken.
  public internal(set) var events: [StackEvent] = []

  /// Whether connections are accepted as soon as they can be.
  public var acceptsAtOnce = true
  /// Whether injected segments carry timestamps once both sides have offered them (RFC 7323 §3.2).
  public var addsTimestamps = true
  /// The right edge of an offered window may go back: for a test that makes it so.
  public var allowsShrinkingWindow = false
  /// Text beyond the peer's window is not held against the stack: for a peer that takes windows back.
  public var allowsTextBeyondWindow = false
  /// What the peer offers in its SYN or SYN-ACK.
  public let offer: [ScriptOption]
  /// The peer's initial sequence number on the wire.
  public let peerISN: SequenceNumber

  var flows: [FlowEnds: FlowNumbers] = [:]
  /// Octets that the application has given to `send`, of the script's flow.
  var sent: [UInt8] = []
  var waiting: [SeenPacket] = []
  var transcript: Transcript
  var hasEverConnected = false
  let bufferCount: Int

  /// A stack in some state of the connection's life.
  ///
  /// - Parameters:
  ///   - start: the state, and the way there.
  ///   - offering: options of the peer's SYN or SYN-ACK. What is not offered is not used.
  ///   - window: the window field of the peer's segments on the way to `start`.
  ///   - peerISN: the peer's initial sequence number on the wire, to try a wrap.
  ///   - iss: the stack's; the clock starts where the stack's generator gives it.
  ///   - configure: changes the stack's configuration before it is made.
  public init(
    _ start: ScenarioStart = .listening, family: ScenarioFamily = .standard,
    offering: [ScriptOption] = [.mss(1_460)], window: UInt16 = 65_535, peerISN: UInt32 = 0x2000_0000,
    iss: UInt32? = nil, mtu: UInt16 = ScenarioFamily.standardMTU, seed: UInt64 = 1,
    sourceLocation: SourceLocation = #_sourceLocation,
    _ configure: (inout StackConfiguration) -> Void = { _ in }
  ) {
    var configuration = StackConfiguration()
    configure(&configuration)
    stack = NetworkStack(configuration: configuration, seed: StackSeed(seed))
    self.family = family
    let isIPv4 = family == .ipv4
    local = isIPv4 ? .v4(IPv4Address(10, 0, 0, 1)) : .v6(IPv6Address(high: 0xfd00_0007_0000_0000, low: 1))
    peer = isIPv4 ? .v4(IPv4Address(10, 0, 0, 2)) : .v6(IPv6Address(high: 0xfd00_0007_0000_0000, low: 2))
    let prefix = IPPrefix(local, length: isIPv4 ? 24 : 64)
    let added = try? stack.addInterface(InterfaceConfiguration(mtu: mtu, addresses: [prefix]))
    interface = added ?? InterfaceID(rawValue: 0)
    bufferCount = Int(mtu)
    offer = offering
    self.peerISN = SequenceNumber(peerISN)
    localPort = start.role == .passive ? start.port : 49_152
    peerPort = start.role == .passive ? 40_000 : start.port
    var time = Instant(nanoseconds: 1_000_000_000_000)
    if let iss {
      let drawn = Scenario.drawnISS(
        start.role, at: time, stack.copy(), local, localPort, peer, peerPort, interface)
      // RFC 9293 §3.4.1: the generator's clock ticks every 4 microseconds.
      time.nanoseconds += UInt64(iss &- drawn) * 4_000
    }
    now = time
    transcript = Transcript(start: time)
    lead(to: start, window: window, sourceLocation)
  }
}

extension Scenario {
  /// The initial sequence number that a copy of the stack would choose at `time`.
  private static func drawnISS(
    _ role: ScenarioRole, at time: Instant, _ stack: consuming NetworkStack, _ local: IPAddress,
    _ localPort: UInt16, _ peer: IPAddress, _ peerPort: UInt16, _ interface: InterfaceID
  ) -> UInt32 {
    var stack = stack
    if role == .active {
      let ends = LocalEndpoint(address: local, port: localPort)
      _ = try? stack.connect(to: Endpoint(address: peer, port: peerPort), from: ends, now: time)
    } else {
      _ = try? stack.listen(on: LocalEndpoint(port: localPort))
      let header = TCPHeader(sourcePort: peerPort, destinationPort: localPort, flags: .syn)
      let syn = PacketWriting(
        source: peer, destination: local, header: header, segment: .syn(), text: [])
      stack.receive(syn.packet.span.bytes, on: interface, now: time)
    }
    var buffer = [UInt8](repeating: 0, count: 2_048)
    let count = writing(&buffer) { stack.nextPacket(on: interface, into: &$0, now: time)?.count ?? 0 }
    let start = local.isIPv4 ? 20 : 40
    guard count >= start + 20 else { return 0 }
    return buffer.span.bytes.be32(start + 4)
  }

  /// The flow of a segment that names nothing.
  var ownFlow: FlowEnds { FlowEnds(stack: Ends(local, localPort), peer: Ends(peer, peerPort)) }

  func numbers(of flow: FlowEnds) -> FlowNumbers {
    flows[flow] ?? FlowNumbers(irs: peerISN)
  }

  /// Says that the script and the stack disagree, with everything that happened.
  func fail(_ message: String, _ sourceLocation: SourceLocation) {
    let start = "transcript (relative numbers; < injected, > sent by the stack, · called or waited):"
    Issue.record("\(message)\n\(start)\(transcript.text)", sourceLocation: sourceLocation)
  }
}
