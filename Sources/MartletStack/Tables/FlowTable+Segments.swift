import MartletTCP

// How the flow table grows and shrinks: one segment doubles until it is of full size, then they split in two and join
// again, under a directory that doubles and halves.

extension FlowTable {
  /// How many directory entries point to the segment.
  func span(of segment: UnsafeMutablePointer<Entry>) -> Int {
    unsafe 1 << Int(depth &- segment.pointee.tag)
  }

  private static func emptySegment(slots: Int, depth: UInt32) -> UnsafeMutablePointer<Entry> {
    let segment = UnsafeMutablePointer<Entry>.allocate(capacity: slots &+ 1)
    unsafe segment.initialize(repeating: Entry(value: 0, tag: 0), count: slots &+ 1)
    unsafe segment.pointee.tag = depth
    return unsafe segment
  }

  mutating func addFirstSegment(_ budget: inout MemoryBudget) -> Bool {
    guard budget.take(Self.bytes(slots: Self.smallest) &+ Self.entryBytes) else { return false }
    let directory = UnsafeMutablePointer<UnsafeMutablePointer<Entry>>.allocate(capacity: 1)
    unsafe directory.initialize(to: Self.emptySegment(slots: Self.smallest, depth: 0))
    unsafe self.directory = directory
    slots = Self.smallest
    segments = 1
    deepest = 1
    return true
  }

  /// Moves the only segment to one of another size.
  mutating func resize(to size: Int, _ budget: inout MemoryBudget) -> Bool {
    guard let directory = unsafe directory, budget.take(Self.bytes(slots: size)) else { return false }
    let old = unsafe directory[0]
    let oldSlots = slots
    let new = unsafe Self.emptySegment(slots: size, depth: 0)
    slots = size
    for i in 1...oldSlots {
      if unsafe old[i].tag != 0 { unsafe place(old[i], in: new) }
    }
    unsafe directory[0] = new
    unsafe old.deallocate()
    budget.give(Self.bytes(slots: oldSlots))
    return true
  }

  /// Splits the segment of `tag` by the next bit of its entries' tags.
  mutating func split(_ tag: UInt32, _ budget: inout MemoryBudget) -> Bool {
    guard let directory = unsafe directory else { return false }
    let low = unsafe directory[segmentIndex(tag)]
    if unsafe low.pointee.tag == depth && !doubleDirectory(&budget) { return false }
    guard let directory = unsafe self.directory, budget.take(Self.bytes(slots: slots))
    else { return false }
    let bit = unsafe UInt32(0x8000_0000) >> low.pointee.tag
    let span = unsafe span(of: low)
    let first = segmentIndex(tag) & ~(span &- 1)
    unsafe low.pointee.tag &+= 1
    let high = unsafe Self.emptySegment(slots: slots, depth: low.pointee.tag)
    for i in 0..<slots {
      // A removal moves the next entry to `i`: look again.
      while unsafe low[1 &+ i].tag & bit != 0 {
        unsafe place(low[1 &+ i], in: high)
        unsafe removeEntry(at: i, of: low)
      }
    }
    unsafe (directory + first + span / 2).update(repeating: high, count: span / 2)
    segments &+= 1
    if unsafe low.pointee.tag == depth { deepest &+= 2 }
    return true
  }

  private mutating func doubleDirectory(_ budget: inout MemoryBudget) -> Bool {
    let size = 1 << Int(depth)
    // A directory much larger than its segments means that hashes are equal, not many.
    guard let old = unsafe directory, depth < 22, size < 4 &* segments,
      budget.take(Self.entryBytes &* size)
    else { return false }
    let new = UnsafeMutablePointer<UnsafeMutablePointer<Entry>>.allocate(capacity: size &* 2)
    for i in 0..<size {
      unsafe (new + 2 &* i).initialize(repeating: old[i], count: 2)
    }
    unsafe old.deallocate()
    unsafe directory = new
    depth &+= 1
    deepest = 0
    return true
  }

  /// Joins the segment of `tag` with its sibling, if both are nearly empty.
  mutating func join(_ tag: UInt32, _ budget: inout MemoryBudget) {
    guard let directory = unsafe directory else { return }
    let segment = unsafe directory[segmentIndex(tag)]
    guard unsafe segment.pointee.tag > 0 else { return }
    let bit = unsafe UInt32(0x8000_0000) >> (segment.pointee.tag &- 1)
    let sibling = unsafe directory[segmentIndex(tag ^ bit)]
    guard unsafe sibling.pointee.tag == segment.pointee.tag,
      unsafe Int(truncatingIfNeeded: segment.pointee.value &+ sibling.pointee.value) <= slots * 3 / 8
    else { return }
    for i in 1...slots {
      if unsafe sibling[i].tag != 0 { unsafe place(sibling[i], in: segment) }
    }
    let span = unsafe span(of: sibling)
    let first = segmentIndex(tag ^ bit) & ~(span &- 1)
    unsafe (directory + first).update(repeating: segment, count: span)
    if unsafe segment.pointee.tag == depth { deepest &-= 2 }
    unsafe segment.pointee.tag &-= 1
    unsafe sibling.deallocate()
    segments &-= 1
    budget.give(Self.bytes(slots: slots))
    while deepest == 0 && depth > 0 { halveDirectory(&budget) }
  }

  /// Keeps every second entry: no segment needs the last bit.
  private mutating func halveDirectory(_ budget: inout MemoryBudget) {
    guard let old = unsafe directory else { return }
    let size = 1 << (Int(depth) &- 1)
    let new = UnsafeMutablePointer<UnsafeMutablePointer<Entry>>.allocate(capacity: size)
    depth &-= 1
    for i in 0..<size {
      unsafe (new + i).initialize(to: old[2 &* i])
      if unsafe old[2 &* i].pointee.tag == depth { deepest &+= 1 }
    }
    unsafe old.deallocate()
    unsafe directory = new
    budget.give(Self.entryBytes &* size)
  }
}
