import MartletStack
import MartletTCP
import SystemPackage

/// A device that carries IP packets, or Ethernet frames with them, with a batch as the unit of work.
///
/// The link owns the buffers: it shows the packets that came in, and lends room for
/// those that go out, so a packet is copied once and nothing is allocated for it.
/// A packet may be larger than the MTU where its metadata says how a device cuts it
/// (segmentation offload): `largestPacket` says how much room every lent buffer has.
///
/// Whoever drives links is generic over them; there is no existential on the path of
/// a packet. A link is used by one thread at a time.
///
/// ```swift
/// let count = try link.receive(limit: 64, now: now) { packet, metadata in
///   stack.receive(packet, metadata, on: interface, now: now)
/// }
/// let outcome = try link.send(limit: 64, now: now) { buffer in
///   stack.nextPacket(on: interface, into: &buffer, now: now)
/// }
/// ```
public protocol Link: ~Copyable {
  /// What people call it: the device's name in its namespace.
  var name: String { get }

  /// The largest IP packet the wire carries, in octets, header included.
  var mtu: Int { get }

  /// The room in every buffer that `send` lends, in octets: at least `mtu`.
  var largestPacket: Int { get }

  /// What its packets are: bare, unless it says otherwise.
  var medium: Medium { get }

  /// What the device does in the stack's place. Whoever sends through the link may ask this of it by a packet's
  /// metadata, and nothing else.
  var offload: InterfaceConfiguration.Offload { get }

  /// What to wait on until `receive` has something; nil for a link that is only polled. It may be another after `receive` or
  /// `send`, never the same number for another device without a third between.
  var readiness: FileDescriptor? { get }

  /// How `readiness` tells that a link that was full has room again.
  var roomSignal: RoomSignal { get }

  var counters: LinkCounters { get }

  /// Hands over up to `limit` packets that have arrived and returns how many. Never
  /// waits. Fewer than `limit`: nothing is left, wait for `readiness`. A span is good
  /// for the one call that shows it. Throws when the link is gone for good.
  mutating func receive(
    limit: Int, now: Instant, _ deliver: (RawSpan, PacketMetadata) -> Void
  ) throws(LinkError) -> Int

  /// Lends buffers, one after the other, until `fill` has nothing more to send, the
  /// link is full, or `limit` packets are on their way. `fill` is called only when
  /// there is room, so what it returns is never lost to a full link. Never waits.
  mutating func send(
    limit: Int, now: Instant, _ fill: (inout MutableRawSpan) -> OutgoingPacket?
  ) throws(LinkError) -> SendOutcome
}

extension Link where Self: ~Copyable {
  public var medium: Medium { .ip }
  public var offload: InterfaceConfiguration.Offload { [] }
}

/// Why `Link.send` came back.
@frozen
public enum SendOutcome: Equatable, Sendable {
  /// There was nothing more to send.
  case drained
  /// The limit was reached; there may be more.
  case limit
  /// The device takes no more for now: wait as `Link.roomSignal` says.
  case full
}

/// How a link that was full tells that it has room.
@frozen
public enum RoomSignal: Equatable, Sendable {
  /// Its descriptor becomes writable: a device.
  case writable
  /// Its descriptor becomes readable, as for an arrival: a queue between threads.
  case readable
}

/// Which way a packet went, seen from the stack.
@frozen
public enum PacketDirection: Equatable, Sendable {
  case received
  case sent
}

/// What passed over a link since it was made.
@frozen
public struct LinkCounters: Equatable, Sendable {
  public var receivedPackets: UInt64 = 0
  public var receivedOctets: UInt64 = 0
  public var sentPackets: UInt64 = 0
  public var sentOctets: UInt64 = 0
  /// Packets of which the device said what cannot be.
  public var receiveDrops: UInt64 = 0
  /// Frames of a packet socket that the kernel had no room for, or no `virtio_net_hdr`. It is asked when others come, once a second at
  /// most.
  public var missed: UInt64 = 0
  /// Packets that the device refused: it is down, or out of memory.
  public var sendDrops: UInt64 = 0
  /// Packets that were another shard's, and were handed to it (`SteeredLink`).
  public var strays: UInt64 = 0
  /// Of these, those that it had no room for.
  public var strayDrops: UInt64 = 0
  /// How often the device had been away, or down, and was back: whoever is behind it may be another.
  public var returns: UInt64 = 0
  /// How often the device was full, and the packet in hand had to wait.
  public var sendStalls: UInt64 = 0

  public init() {}

  /// What passed over both.
  public static func + (a: LinkCounters, b: LinkCounters) -> LinkCounters {
    var sum = a
    sum.receivedPackets &+= b.receivedPackets
    sum.receivedOctets &+= b.receivedOctets
    sum.sentPackets &+= b.sentPackets
    sum.sentOctets &+= b.sentOctets
    sum.receiveDrops &+= b.receiveDrops
    sum.missed &+= b.missed
    sum.sendDrops &+= b.sendDrops
    sum.strays &+= b.strays
    sum.strayDrops &+= b.strayDrops
    sum.returns &+= b.returns
    sum.sendStalls &+= b.sendStalls
    return sum
  }

  @inlinable @inline(__always)
  mutating func countReceived(_ octets: Int) {
    receivedPackets &+= 1
    receivedOctets &+= UInt64(octets)
  }

  @inlinable @inline(__always)
  mutating func countSent(_ octets: Int) {
    sentPackets &+= 1
    sentOctets &+= UInt64(octets)
  }
}
