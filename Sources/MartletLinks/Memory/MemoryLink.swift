import MartletStack
import MartletTCP
import MartletWire
import Synchronization
import SystemPackage

/// One end of a wire in memory: what one end sends, the other receives, in order,
/// losing nothing. Two stacks in one process, on one thread or on two.
///
/// The wire holds a bounded number of packets; a full wire makes the sender wait
/// (`SendOutcome.full`), and an end that is dropped leaves the other alone with it.
public struct MemoryLink: Link, ~Copyable, Sendable {
  public var name: String { "memory" }
  public let mtu: Int
  /// The other end takes packets as they are.
  public let offload: InterfaceConfiguration.Offload
  /// What packets are on this wire: bare, unless it is an Ethernet, where each end has a hardware address of its own. To be
  /// set at both ends before they are given to stacks.
  public var medium: Medium = .ip
  public private(set) var counters = LinkCounters()
  private let incoming: MemoryRing
  private let outgoing: MemoryRing
  private let ownSignal: Wakeup?
  private let peerSignal: Wakeup?

  public var largestPacket: Int {
    medium == .ip ? outgoing.slotSize - MemoryWire.frameHeader : outgoing.slotSize
  }
  public var readiness: FileDescriptor? { ownSignal?.descriptor }
  public var roomSignal: RoomSignal { .readable }

  /// The two ends of a wire, to be driven by one thread: neither has a descriptor to
  /// wait on. `capacity` is in packets for each direction and is rounded up to a power
  /// of two; `largestPacket` is the room of a slot, in octets: unless given `mtu`, or with segments that nobody cuts
  /// 65,535. With `offload` those pass whole, and sums are left out: no octet of them is on a wire.
  public static func pair(
    mtu: Int = 1500, capacity: Int = 256, largestPacket: Int? = nil,
    offload: InterfaceConfiguration.Offload = []
  ) -> MemoryWire {
    MemoryWire(
      mtu: mtu, capacity: capacity, largestPacket: largestPacket, offload: offload, left: nil, right: nil)
  }

  /// The two ends of a wire between two threads: each end's `readiness` wakes its owner.
  /// Throws when the process has no descriptors left.
  public static func crossThreadPair(
    mtu: Int = 1500, capacity: Int = 256, largestPacket: Int? = nil,
    offload: InterfaceConfiguration.Offload = []
  ) throws(LinkError) -> MemoryWire {
    MemoryWire(
      mtu: mtu, capacity: capacity, largestPacket: largestPacket, offload: offload, left: try Wakeup(),
      right: try Wakeup())
  }

  init(
    mtu: Int, offload: InterfaceConfiguration.Offload, incoming: MemoryRing, outgoing: MemoryRing,
    ownSignal: Wakeup?, peerSignal: Wakeup?
  ) {
    self.mtu = mtu
    self.offload = offload
    self.incoming = incoming
    self.outgoing = outgoing
    self.ownSignal = ownSignal
    self.peerSignal = peerSignal
  }

  public mutating func receive(
    limit: Int, now: Instant, _ deliver: (RawSpan, PacketMetadata) -> Void
  ) throws(LinkError) -> Int {
    ownSignal?.clear()  // before looking: what arrives while we look signals again
    var taken = 0
    while taken < limit, let octets = incoming.consume(deliver) {
      counters.countReceived(octets)
      taken += 1
    }
    if taken > 0, incoming.producerWaits.exchange(false, ordering: .sequentiallyConsistent) {
      peerSignal?.signal()
    }
    return taken
  }

  public mutating func send(
    limit: Int, now: Instant, _ fill: (inout MutableRawSpan) -> OutgoingPacket?
  ) throws(LinkError) -> SendOutcome {
    var sent = 0
    defer { if sent > 0 { peerSignal?.signal() } }
    while sent < limit {
      switch outgoing.produce(fill) {
      case .packet(let octets):
        counters.countSent(octets)
        sent += 1
      case .nothing:
        return .drained
      case .full:
        // Say that we wait, then look again: room made in between would wake nobody.
        outgoing.producerWaits.store(true, ordering: .sequentiallyConsistent)
        if outgoing.isFull {
          counters.sendStalls &+= 1
          return .full
        }
      }
    }
    return .limit
  }
}

/// Both ends of a new memory wire; each can be taken out once: `let a = wire.left`.
@frozen
public struct MemoryWire: ~Copyable, Sendable {
  public var left: MemoryLink
  public var right: MemoryLink

  /// Octets of an Ethernet's header and its tag: whether there will be any is not known when a wire is made.
  static var frameHeader: Int { EthernetHeader.encodedCount + VLANTag.encodedCount }

  init(
    mtu: Int, capacity: Int, largestPacket: Int?, offload: InterfaceConfiguration.Offload, left: Wakeup?,
    right: Wakeup?
  ) {
    precondition(mtu >= 68, "IPv4 needs an MTU of 68 at least (RFC 791 §3.2)")
    let isCut = offload.isDisjoint(with: [.segmentation, .datagramSegmentation])
    let slotSize = max(mtu, largestPacket ?? (isCut ? mtu : Int(UInt16.max))) + Self.frameHeader
    let rightward = MemoryRing(capacity: max(1, capacity), slotSize: slotSize)
    let leftward = MemoryRing(capacity: max(1, capacity), slotSize: slotSize)
    self.left = MemoryLink(
      mtu: mtu, offload: offload, incoming: leftward, outgoing: rightward, ownSignal: left, peerSignal: right)
    self.right = MemoryLink(
      mtu: mtu, offload: offload, incoming: rightward, outgoing: leftward, ownSignal: right, peerSignal: left)
  }
}
