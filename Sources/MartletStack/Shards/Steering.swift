import MartletTCP
import MartletWire

/// Which of several stacks a packet is for: each serves one processor, all have the same addresses, and they share nothing.
///
/// A TCP flow has one owner, by a keyed hash of its addresses and ports; errors about it are for the same. Everything else
/// (UDP, ICMP, fragments, whatever is malformed) is for the first, which puts fragments together and hands on what then
/// is another's. On an Ethernet all hear of neighbours, and the first answers.
public struct Steering: BitwiseCopyable, Sendable {
  /// Stacks, one at least.
  public let count: Int
  private let key: SipKey

  /// - Parameter seed: the same for all of them; who cannot guess it cannot choose whom he keeps busy.
  public init(among count: Int, seed: StackSeed) {
    self.count = max(count, 1)
    key = SipKey(seed.words[0] ^ seed.words[2] ^ 0x7368_6172, seed.words[1] ^ seed.words[3])
  }

  /// Who takes a packet that has arrived: IP header first. Any octets are fine.
  public func owner(of packet: RawSpan) -> Int {
    guard count > 1, let flow = Self.flow(of: packet) else { return 0 }
    return owner(of: flow)
  }

  /// Who has a flow.
  func owner(of flow: Flow) -> Int {
    guard count > 1 else { return 0 }
    let ports = UInt64(flow.localPort) << 16 | UInt64(flow.remotePort)
    let hash: UInt64
    switch (flow.local, flow.remote) {
    case (.v4(let local), .v4(let remote)):
      hash = SipHash.hash13(key, UInt64(local.bits) << 32 | UInt64(remote.bits), ports)
    case (.v6(let local), .v6(let remote)):
      var state = SipState(key)
      state.absorb(local.high, rounds: 1)
      state.absorb(local.low, rounds: 1)
      state.absorb(remote.high, rounds: 1)
      state.absorb(remote.low, rounds: 1)
      hash = state.finish(byteCount: 36, tail: ports, rounds: 1, finalRounds: 3)
    default: return 0
    }
    return Int(truncatingIfNeeded: ((hash >> 32) &* UInt64(truncatingIfNeeded: count)) >> 32)
  }

  /// Whom a packet of a medium concerns: on an Ethernet, the frame's header first. Any octets are fine.
  public func recipients(of packet: RawSpan, on medium: Medium) -> Recipients {
    guard case .ethernet = medium else { return .one(owner(of: packet)) }
    guard count > 1, let frame = EthernetHeaderView(validating: packet) else { return .one(0) }
    var (type, payload) = (frame.etherType, frame.payload)
    if type == .vlan, let tag = VLANTag(parsing: payload) {
      type = tag.etherType
      payload = payload.extracting(VLANTag.encodedCount..<payload.byteCount)
    }
    if type == .arp || type == .ipv6 && Self.isAboutNeighbours(payload) { return .all }
    return .one(owner(of: payload))
  }

  // MARK: What a packet belongs to

  /// Neighbor Discovery (RFC 4861) has no extension headers before it that matter here: with one it is for the first.
  private static func isAboutNeighbours(_ packet: RawSpan) -> Bool {
    guard let view = IPv6HeaderView(validating: packet), view.nextHeader == .icmpv6,
      packet.byteCount > IPv6Header.encodedCount
    else { return false }
    return NeighborMessageType(rawValue: packet.u8(IPv6Header.encodedCount)) != nil
  }

  /// Nil: to no flow of TCP, or it is a part of a datagram.
  private static func flow(of packet: RawSpan) -> Flow? {
    guard packet.byteCount > 0 else { return nil }
    switch packet.u8(0) >> 4 {
    case 4: return flow4(of: packet)
    case 6: return flow6(of: packet)
    default: return nil
    }
  }

  private static func flow4(of packet: RawSpan) -> Flow? {
    guard packet.byteCount >= IPv4Header.encodedCount, packet.be16(6) & 0x3fff == 0 else { return nil }
    let start = Int(packet.u8(0) & 0xf) &* 4
    switch IPProtocol(packet.u8(9)) {
    case .tcp:
      return flow(
        from: .v4(packet.ipv4Address(12)), to: .v4(packet.ipv4Address(16)), packet, transportAt: start)
    case .icmp:
      guard packet.byteCount >= start &+ ICMPv4Message.encodedCount else { return nil }
      let message = packet.extracting(start..<packet.byteCount)
      guard let view = ICMPv4MessageView(validating: message), let quoted = view.quoted else { return nil }
      return flow(quoted: quoted)
    default: return nil
    }
  }

  private static func flow6(of packet: RawSpan) -> Flow? {
    guard let view = IPv6HeaderView(validating: packet) else { return nil }
    let (proto, start): (IPProtocol, Int)
    if view.nextHeader == .tcp {
      (proto, start) = (.tcp, IPv6Header.encodedCount)
    } else {
      switch IPv6ExtensionHeaders.walk(view) {
      case .upper(let upper, let offset, _): (proto, start) = (upper, offset)
      case .fragment(let header):
        // RFC 6946: one that is whole.
        guard header.isAtomic, let rest = IPv6ExtensionHeaders.transport(of: packet) else { return nil }
        (proto, start) = rest
      default: return nil
      }
    }
    switch proto {
    case .tcp: return flow(from: .v6(view.source), to: .v6(view.destination), packet, transportAt: start)
    case .icmpv6:
      guard packet.byteCount >= start &+ ICMPv6Message.encodedCount else { return nil }
      let message = packet.extracting(start..<packet.byteCount)
      guard let view = ICMPv6MessageView(validating: message), let quoted = view.quoted else { return nil }
      return flow(quoted: quoted)
    default: return nil
    }
  }

  private static func flow(
    from source: IPAddress, to destination: IPAddress, _ packet: RawSpan, transportAt start: Int
  ) -> Flow? {
    guard start <= packet.byteCount &- 4 else { return nil }
    return Flow(
      local: destination, remote: source, localPort: packet.be16(start &+ 2), remotePort: packet.be16(start))
  }

  /// We sent it.
  private static func flow(quoted: QuotedPacket) -> Flow? {
    guard quoted.proto == .tcp, quoted.hasTransport else { return nil }
    return Flow(
      local: quoted.source, remote: quoted.destination, localPort: quoted.sourcePort,
      remotePort: quoted.destinationPort)
  }
}

/// Whom a packet concerns, of several stacks that share the work.
@frozen
public enum Recipients: Equatable, Sendable {
  case one(Int)
  /// What is said about neighbours: each stack has to know them, and the first answers for all.
  case all
}

/// A stack's place among several.
public struct Shard: BitwiseCopyable, Sendable {
  public let steering: Steering
  /// From 0 to `steering.count`, not included.
  public let index: Int

  public init(_ index: Int, of steering: Steering) {
    self.steering = steering
    self.index = min(max(index, 0), steering.count &- 1)
  }

  func owns(_ flow: Flow) -> Bool { steering.owner(of: flow) == index }
}

extension NetworkStack {
  /// Of several stacks with the same addresses one answers who asks where they are.
  var answersForAll: Bool { configuration.shard?.index ?? 0 == 0 }
}

extension StackConfiguration {
  /// A shard's part of what all of them may hold and say together.
  public func divided(among steering: Steering, index: Int) -> StackConfiguration {
    func part(_ whole: UInt32) -> UInt32 {
      let count = UInt32(truncatingIfNeeded: steering.count)
      return whole == 0 ? 0 : max(1, (whole &+ (count &- 1)) / count)
    }
    var own = self
    own.shard = Shard(index, of: steering)
    if memoryBudget < .max { own.memoryBudget = memoryBudget / steering.count }
    own.connectionLimit = part(connectionLimit)
    own.halfOpenLimit = part(halfOpenLimit)
    own.timeWaitLimit = part(timeWaitLimit)
    own.resetsPerSecond = part(resetsPerSecond)
    own.icmpErrorsPerSecond = part(icmpErrorsPerSecond)
    return own
  }
}
