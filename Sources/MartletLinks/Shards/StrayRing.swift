import MartletStack
import Synchronization

/// Packets on their way from one thread to another, of whatever sizes, back to back in one block.
///
/// Invariants: `records` holds `slots` descriptions, all initialized; those from `head` to `tail` (modulo `slots`, a power of
/// two) and the octets that they name belong to the consumer, the others to the producer. Only the consumer moves `head` and
/// only the producer moves `tail`, each after its work, and `place` is the producer's alone. What the record at `head` names
/// is the oldest of what waits: nothing is written from its start on before `head` has passed it.
final class StrayRing: @unchecked Sendable {
  private struct Record: BitwiseCopyable {
    var start: Int
    var packet: OutgoingPacket
  }

  private let octets: UnsafeMutableRawPointer
  private let size: Int
  private let records: UnsafeMutablePointer<Record>
  private let mask: Int
  private let head = Atomic<Int>(0)
  private let tail = Atomic<Int>(0)
  /// Where the next packet begins, if there is room.
  private var place = 0

  /// - Parameters:
  ///   - packets: that may wait; a power of two.
  ///   - octets: of all of them together. The system gives them as they are used.
  init(packets: Int, octets: Int) {
    precondition(packets > 0 && packets & (packets - 1) == 0 && octets > 0, "no ring")
    size = octets
    self.octets = .allocate(byteCount: octets, alignment: 64)
    mask = packets - 1
    records = .allocate(capacity: packets)
    records.initialize(
      repeating: Record(start: 0, packet: OutgoingPacket(count: 0, metadata: PacketMetadata())),
      count: packets)
  }

  deinit {
    octets.deallocate()
    records.deallocate()
  }

  /// Producer: a copy of a packet. False: there is no room for it.
  func put(_ packet: RawSpan, _ metadata: PacketMetadata) -> Bool {
    let at = tail.load(ordering: .relaxed)
    let oldest = head.load(ordering: .sequentiallyConsistent)
    guard at &- oldest <= mask,
      let start = room(packet.byteCount, at == oldest ? nil : records[oldest & mask].start)
    else { return false }
    packet.withUnsafeBytes {
      UnsafeMutableRawBufferPointer(start: octets + start, count: $0.count).copyMemory(from: $0)
    }
    records[at & mask] = Record(
      start: start, packet: OutgoingPacket(count: packet.byteCount, metadata: metadata))
    place = start + packet.byteCount
    tail.store(at &+ 1, ordering: .sequentiallyConsistent)
    return true
  }

  /// Where `count` octets find room; `oldest`: where the first of what waits begins, nil: nothing does.
  private func room(_ count: Int, _ oldest: Int?) -> Int? {
    guard let oldest else { return count <= size ? 0 : nil }
    if place <= oldest { return count <= oldest - place ? place : nil }
    if count <= size - place { return place }
    return count <= oldest ? 0 : nil
  }

  /// Consumer: shows the oldest packet. False: there is none.
  func consume(_ deliver: (RawSpan, PacketMetadata) -> Void) -> Bool {
    let at = head.load(ordering: .relaxed)
    guard at != tail.load(ordering: .sequentiallyConsistent) else { return false }
    let record = records[at & mask]
    deliver(
      UnsafeRawBufferPointer(start: octets + record.start, count: record.packet.count).bytes,
      record.packet.metadata)
    head.store(at &+ 1, ordering: .sequentiallyConsistent)
    return true
  }

  var isEmpty: Bool {
    tail.load(ordering: .sequentiallyConsistent) == head.load(ordering: .sequentiallyConsistent)
  }
}
