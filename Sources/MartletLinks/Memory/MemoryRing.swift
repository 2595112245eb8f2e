import MartletStack
import Synchronization

/// One direction of a `MemoryLink`: a ring of preallocated packet buffers with one
/// producer and one consumer, which may be on two threads.
///
/// Invariants: `octets` holds `slots` buffers of `slotSize` octets and `packets` one
/// description each, all initialized, freed with the ring. Slots `head ..< tail`
/// (modulo `slots`, which is a power of two) belong to the consumer, the others to the
/// producer; only the consumer moves `head` and only the producer moves `tail`, each
/// after its work on the slot. Hence no slot is ever touched from two sides.
final class MemoryRing: @unchecked Sendable {
  let slotSize: Int
  private let mask: Int
  private let octets: UnsafeMutableRawPointer
  private let packets: UnsafeMutablePointer<OutgoingPacket>
  private let head = Atomic<Int>(0)
  private let tail = Atomic<Int>(0)

  /// Set by a producer that found no room, cleared by the consumer that made some.
  let producerWaits = Atomic<Bool>(false)

  /// Room for at least `capacity` packets of up to `slotSize` octets.
  init(capacity: Int, slotSize: Int) {
    var slots = 1
    while slots < capacity { slots *= 2 }
    mask = slots - 1
    self.slotSize = slotSize
    octets = .allocate(byteCount: slots * slotSize, alignment: 64)
    octets.initializeMemory(as: UInt8.self, repeating: 0, count: slots * slotSize)
    packets = .allocate(capacity: slots)
    packets.initialize(repeating: OutgoingPacket(count: 0, metadata: PacketMetadata()), count: slots)
  }

  deinit {
    octets.deallocate()
    packets.deallocate()
  }

  /// Producer: lets `fill` write one packet into the next free slot. Nil when there is none.
  func produce(_ fill: (inout MutableRawSpan) -> OutgoingPacket?) -> Production {
    let at = tail.load(ordering: .relaxed)
    guard at &- head.load(ordering: .sequentiallyConsistent) <= mask else { return .full }
    let slot = at & mask
    var span = UnsafeMutableRawBufferPointer(start: octets + slot * slotSize, count: slotSize).mutableBytes
    guard let packet = fill(&span) else { return .nothing }
    precondition(packet.count >= 0 && packet.count <= slotSize, "a packet longer than its buffer")
    packets[slot] = packet
    tail.store(at &+ 1, ordering: .sequentiallyConsistent)
    return .packet(packet.count)
  }

  enum Production {
    case packet(Int)
    case nothing
    case full
  }

  var isFull: Bool {
    tail.load(ordering: .sequentiallyConsistent) &- head.load(ordering: .sequentiallyConsistent) > mask
  }

  /// Consumer: shows the oldest packet and frees its slot. Its length, or nil when there is none.
  func consume(_ body: (RawSpan, PacketMetadata) -> Void) -> Int? {
    let at = head.load(ordering: .relaxed)
    guard tail.load(ordering: .sequentiallyConsistent) != at else { return nil }
    let slot = at & mask
    let packet = packets[slot]
    let bytes = UnsafeRawBufferPointer(start: octets + slot * slotSize, count: packet.count).bytes
    body(bytes, packet.metadata)
    head.store(at &+ 1, ordering: .sequentiallyConsistent)
    return packet.count
  }
}
