public import MartletStack
import MartletTCP
import MartletWire
public import Testing

extension Scenario {
  /// Hands a segment to the stack, as a packet from the peer.
  public func inject(_ segment: InjectedSegment, sourceLocation: SourceLocation = #_sourceLocation) {
    let flow = FlowEnds(
      stack: Ends(segment.destination ?? local, segment.destinationPort ?? localPort),
      peer: Ends(segment.source ?? peer, segment.sourcePort ?? peerPort))
    var known = numbers(of: flow)
    var segment = segment
    if wantsTimestamps(segment, known) { segment.options.append(.timestamps(peerClock, known.lastTSval)) }
    let header = self.header(segment, flow, known)
    known.peerSends(header)
    flows[flow] = known
    let packet = PacketWriting(
      source: flow.peer.address, destination: flow.stack.address, header: header, segment: segment,
      text: segment.octets
    ).packet
    transcript.add("<", segment.description, at: now)
    stack.receive(packet.span.bytes, on: interface, now: now)
    settle(sourceLocation: sourceLocation)
  }

  /// Hands any octets to the stack, as a packet that came on its interface.
  public func inject(
    packet: [UInt8], metadata: PacketMetadata = PacketMetadata(),
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    transcript.add("<", packetText(packet.span.bytes), at: now)
    stack.receive(packet.span.bytes, metadata, on: interface, now: now)
    settle(sourceLocation: sourceLocation)
  }

  /// The packet that a segment becomes, for scripts that want to change or keep it.
  public func packet(_ segment: InjectedSegment) -> [UInt8] {
    let flow = FlowEnds(
      stack: Ends(segment.destination ?? local, segment.destinationPort ?? localPort),
      peer: Ends(segment.source ?? peer, segment.sourcePort ?? peerPort))
    let header = self.header(segment, flow, numbers(of: flow))
    return PacketWriting(
      source: flow.peer.address, destination: flow.stack.address, header: header, segment: segment,
      text: segment.octets
    ).packet
  }

  /// The next segment that the stack has sent and no one has looked at must be this one.
  @discardableResult
  public func expect(
    _ expected: ExpectedSegment, sourceLocation: SourceLocation = #_sourceLocation
  ) -> SeenSegment? {
    guard !waiting.isEmpty else {
      fail("expected \(expected.name): \(expected)\n     saw nothing", sourceLocation)
      return nil
    }
    return compare(waiting.removeFirst(), with: expected, sourceLocation)
  }

  /// Everything that the stack has sent has been looked at.
  public func expectNothing(sourceLocation: SourceLocation = #_sourceLocation) {
    guard !waiting.isEmpty else { return }
    let seen = waiting.map { "\n     saw: " + text($0) }.joined()
    waiting = []
    fail("expected nothing" + seen, sourceLocation)
  }

  /// The next packet that the stack has sent, whatever it is.
  @discardableResult
  public func expectPacket(sourceLocation: SourceLocation = #_sourceLocation) -> [UInt8]? {
    guard !waiting.isEmpty else {
      fail("expected a packet, saw nothing", sourceLocation)
      return nil
    }
    return waiting.removeFirst().octets
  }

  /// The segments that wait to be looked at, and forgets them.
  @discardableResult
  public func takeSegments() -> [SeenSegment] {
    defer { waiting = [] }
    return waiting.compactMap { $0.segment }
  }

  /// How many packets wait to be looked at.
  public var waitingCount: Int { waiting.count }

  func compare(
    _ seen: SeenPacket, with expected: ExpectedSegment, _ sourceLocation: SourceLocation
  ) -> SeenSegment? {
    guard let segment = seen.segment else {
      fail("expected \(expected.name): \(expected)\n     saw: \(text(seen))", sourceLocation)
      return nil
    }
    var differences = expected.differences(from: segment)
    if expected.destinationPort == nil, expected.sourcePort == nil, segment.flow != ownFlow {
      differences.append("it belongs to another flow: \(packetText(segment.packet.span.bytes))")
    }
    guard !differences.isEmpty else { return segment }
    fail(
      "expected \(expected.name): \(expected)\n     saw: \(segment)\n     "
        + differences.joined(separator: "; "),
      sourceLocation)
    return segment
  }

  func text(_ seen: SeenPacket) -> String {
    seen.segment?.description ?? packetText(seen.octets.span.bytes)
  }

  // MARK: Numbers

  /// The peer's timestamp clock: milliseconds, from 1,000 at the start.
  public var peerClock: UInt32 {
    1_000 &+ UInt32(truncatingIfNeeded: now.since(transcript.start).nanoseconds / 1_000_000)
  }

  private func wantsTimestamps(_ segment: InjectedSegment, _ known: FlowNumbers) -> Bool {
    guard addsTimestamps, known.hasTimestamps, !segment.omitsTimestamps, segment.rawOptions == nil,
      segment.flags.isDisjoint(with: [.syn, .rst])
    else { return false }
    for case .timestamps in segment.options { return false }
    return true
  }

  private func header(_ segment: InjectedSegment, _ flow: FlowEnds, _ known: FlowNumbers) -> TCPHeader {
    let iss = known.iss ?? SequenceNumber(0)
    return TCPHeader(
      sourcePort: flow.peer.port, destinationPort: flow.stack.port,
      seq: known.irs.advanced(by: UInt32(truncatingIfNeeded: segment.seq)),
      ack: segment.flags.contains(.ack)
        ? iss.advanced(by: UInt32(truncatingIfNeeded: segment.ack))
        : SequenceNumber(UInt32(truncatingIfNeeded: segment.ack)),
      flags: segment.flags, window: UnscaledWindow(segment.window), urgentPointer: segment.urgentPointer,
      options: TCPOptions(segment.options, sackBase: iss))
  }
}
