/// Packets that are on their way, in slots of equal size. It grows by pages, up to a limit.
struct PacketStore {
  private let slotSize: Int
  private let slotLimit: Int
  private var pages: [[UInt8]] = []
  private var free: [Int32] = []

  /// Slots that grow together.
  private static let slotsOfPage = 64

  init(largestPacket: Int, octetLimit: Int) {
    slotSize = (largestPacket + 63) & ~63
    slotLimit = max(octetLimit / slotSize, 1)
  }

  /// Keeps a copy; nil: there is no room for another packet.
  mutating func put(_ packet: RawSpan) -> Int32? {
    guard packet.byteCount <= slotSize, let slot = takeSlot() else { return nil }
    withSlot(slot) { room in packet.withUnsafeBytes { room.copyMemory(from: $0) } }
    return slot
  }

  /// Copies `count` octets of the packet to the start of `room`, and forgets it.
  mutating func take(_ slot: Int32, _ count: Int, into room: inout MutableRawSpan) -> Int {
    let count = min(count, room.byteCount)
    withSlot(slot) { octets in
      room.withUnsafeMutableBytes {
        $0.copyMemory(from: UnsafeRawBufferPointer(rebasing: octets.prefix(count)))
      }
    }
    free.append(slot)
    return count
  }

  /// Lends the slot, all of it.
  mutating func withSlot(_ slot: Int32, _ body: (UnsafeMutableRawBufferPointer) -> Void) {
    let (page, index) = Int(slot).quotientAndRemainder(dividingBy: Self.slotsOfPage)
    pages[page].withUnsafeMutableBytes { octets in
      body(UnsafeMutableRawBufferPointer(rebasing: octets[index * slotSize..<(index + 1) * slotSize]))
    }
  }

  private mutating func takeSlot() -> Int32? {
    if let slot = free.popLast() { return slot }
    let first = pages.count * Self.slotsOfPage
    guard first < slotLimit, first < 1 << 24 else { return nil }
    pages.append([UInt8](repeating: 0, count: Self.slotsOfPage * slotSize))
    free = (first..<first + Self.slotsOfPage).reversed().map { Int32($0) }
    return free.popLast()
  }
}
