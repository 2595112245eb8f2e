import MartletStack
import MartletTCP
import SystemPackage

/// Sees every packet that passes a link: a trace, a capture file, a counter.
public protocol PacketTap: ~Copyable {
  /// One packet, in the order in which it passed. `packet` is good for this call only.
  mutating func observe(
    _ direction: PacketDirection, _ packet: RawSpan, _ metadata: PacketMetadata, at now: Instant)
}

/// A tap made of a closure, for what is printed rather than kept.
public struct ClosureTap: PacketTap, Sendable {
  private let body: @Sendable (PacketDirection, RawSpan, Instant) -> Void

  public init(_ body: @escaping @Sendable (PacketDirection, RawSpan, Instant) -> Void) {
    self.body = body
  }

  public mutating func observe(
    _ direction: PacketDirection, _ packet: RawSpan, _ metadata: PacketMetadata, at now: Instant
  ) {
    body(direction, packet, now)
  }
}

/// A link that shows each packet to a tap on its way. What is sent is shown when it
/// is handed to the device, so a packet that waits for room is shown once.
public struct TappedLink<Base: Link & ~Copyable, Tap: PacketTap & ~Copyable>: Link, ~Copyable {
  public var base: Base
  public var tap: Tap

  public init(_ base: consuming Base, tap: consuming Tap) {
    self.base = base
    self.tap = tap
  }

  public var name: String { base.name }
  public var mtu: Int { base.mtu }
  public var largestPacket: Int { base.largestPacket }
  public var medium: Medium { base.medium }
  public var offload: InterfaceConfiguration.Offload { base.offload }
  public var readiness: FileDescriptor? { base.readiness }
  public var roomSignal: RoomSignal { base.roomSignal }
  public var counters: LinkCounters { base.counters }

  public mutating func receive(
    limit: Int, now: Instant, _ deliver: (RawSpan, PacketMetadata) -> Void
  ) throws(LinkError) -> Int {
    try Self.receive(&base, &tap, limit, now, deliver)
  }

  public mutating func send(
    limit: Int, now: Instant, _ fill: (inout MutableRawSpan) -> OutgoingPacket?
  ) throws(LinkError) -> SendOutcome {
    try Self.send(&base, &tap, limit, now, fill)
  }

  // Two `inout` arguments, because a closure that used `self` would hold all of it.

  private static func receive(
    _ base: inout Base, _ tap: inout Tap, _ limit: Int, _ now: Instant,
    _ deliver: (RawSpan, PacketMetadata) -> Void
  ) throws(LinkError) -> Int {
    try base.receive(limit: limit, now: now) { packet, metadata in
      tap.observe(.received, packet, metadata, at: now)
      deliver(packet, metadata)
    }
  }

  private static func send(
    _ base: inout Base, _ tap: inout Tap, _ limit: Int, _ now: Instant,
    _ fill: (inout MutableRawSpan) -> OutgoingPacket?
  ) throws(LinkError) -> SendOutcome {
    try base.send(limit: limit, now: now) { buffer in
      guard let packet = fill(&buffer) else { return nil }
      tap.observe(.sent, buffer.bytes.extracting(first: packet.count), packet.metadata, at: now)
      return packet
    }
  }
}

extension TappedLink: Sendable where Base: Sendable & ~Copyable, Tap: Sendable & ~Copyable {}
