import MartletTCP

/// From the keyed hash of a flow to a 32-bit value, usually the index of its record.
///
/// Extendible hashing: the top bits of a tag choose a segment through a directory, its low
/// bits a slot. A segment is 512 slots of 8 bytes, open-addressed in robin hood order, and
/// splits in two when seven eighths are full. So the table grows 4 KiB at a time, and no
/// operation costs more than the sorting of one segment (and, rarely, the copying of the
/// directory, 8 bytes per segment): no pause at ten million flows. Two half-empty
/// neighbours join again. A table of few flows is one small segment that doubles.
///
/// The key is not stored: of the hash, 31 bits are kept, so that a stranger's key is
/// compared only once in 2^31 / flows lookups or so. The hash must be keyed (rule E10): a
/// flood of equal hashes is refused after some 450, which with SipHash means never.
///
/// Invariants that make the unsafe lines safe: `directory` is nil or has `1 << depth`
/// entries; each points to a segment of `1 + slots` initialised entries that this table
/// owns; each segment has an empty slot, so that every search ends; slot numbers are
/// masked by `slots - 1`, directory numbers are the top `depth` bits of 32.
@safe
public struct FlowTable: ~Copyable {
  /// A slot. A segment begins with one more, its header: `value` counts the entries and
  /// `tag` is the depth, the number of tag bits that all its entries share.
  @usableFromInline
  struct Entry {
    @usableFromInline var value: UInt32
    /// Odd; 0: the slot is empty.
    @usableFromInline var tag: UInt32

    @usableFromInline
    init(value: UInt32, tag: UInt32) {
      self.value = value
      self.tag = tag
    }
  }

  private static var smallest: Int { 8 }
  private static var largest: Int { 512 }

  @usableFromInline var directory: UnsafeMutablePointer<UnsafeMutablePointer<Entry>>?
  @usableFromInline var depth: UInt32 = 0
  /// Slots in each segment: a power of two, less than 512 only while there is one segment.
  @usableFromInline var slots = 0
  private var segments = 0
  /// Segments as deep as the directory; when there is none, it can be halved.
  private var deepest = 0

  /// Entries in the table.
  public private(set) var count = 0

  /// An empty table, which holds no memory.
  public init() {}

  deinit {
    guard let directory = unsafe directory else { return }
    var i = 0
    while i < 1 << Int(depth) {
      let segment = unsafe directory[i]
      i &+= unsafe span(of: segment)
      unsafe segment.deallocate()
    }
    unsafe directory.deallocate()
  }

  private static func bytes(slots: Int) -> Int { (slots &+ 1) &* MemoryLayout<Entry>.stride }
  private static var entryBytes: Int { unsafe MemoryLayout<UnsafeRawPointer>.stride }

  /// The bytes charged to the budget.
  public var heldBytes: Int {
    segments == 0 ? 0 : segments &* Self.bytes(slots: slots) &+ Self.entryBytes << Int(depth)
  }

  // MARK: Finding

  /// Where a walk through the values under one hash stands. Good until the table changes.
  @frozen
  public struct Search {
    @usableFromInline var tag: UInt32
    @usableFromInline var slot: Int
    @usableFromInline var distance = 0

    @inlinable @inline(__always)
    init(tag: UInt32, slot: Int) {
      self.tag = tag
      self.slot = slot
    }
  }

  /// Begins a walk through the values under `hash`. A loop instead of a closure: one that captured a
  /// field of the stack would capture, and copy, the whole of it for each segment.
  @inlinable @inline(__always)
  public func search(_ hash: UInt64) -> Search {
    let tag = Self.tag(hash)
    return Search(tag: tag, slot: slots == 0 ? 0 : home(tag))
  }

  /// The next value; nil when there is none.
  @inlinable @inline(__always)
  public func next(_ search: inout Search) -> UInt32? {
    guard let directory = unsafe directory else { return nil }
    let entries = unsafe directory[segmentIndex(search.tag)] + 1
    let mask = slots &- 1
    while true {
      let entry = unsafe entries[search.slot]
      // Robin hood: beyond an entry that is nearer its home, ours cannot be.
      if entry.tag == 0 { return nil }
      if (search.slot &- home(entry.tag)) & mask < search.distance { return nil }
      search.slot = (search.slot &+ 1) & mask
      search.distance &+= 1
      if entry.tag == search.tag { return entry.value }
    }
  }

  /// The value under `hash` that `matches` says is the one.
  @inlinable
  public func find(_ hash: UInt64, _ matches: (UInt32) -> Bool) -> UInt32? {
    guard let directory = unsafe directory else { return nil }
    let tag = Self.tag(hash)
    let entries = unsafe directory[segmentIndex(tag)] + 1
    let mask = slots &- 1
    var i = home(tag)
    var distance = 0
    while true {
      let entry = unsafe entries[i]
      if entry.tag == tag && matches(entry.value) { return entry.value }
      // Robin hood: beyond an entry that is nearer its home, ours cannot be.
      if entry.tag == 0 || (i &- home(entry.tag)) & mask < distance { return nil }
      i = (i &+ 1) & mask
      distance &+= 1
    }
  }

  /// How many slots a lookup of `value` under `hash` looks at; for tests of how evenly hashes spread.
  package func probes(_ hash: UInt64, _ value: UInt32) -> Int {
    var search = search(hash)
    while let found = next(&search), found != value {}
    return search.distance
  }

  /// Calls `body` with every value, in no particular order.
  public func forEachValue(_ body: (UInt32) -> Void) {
    guard let directory = unsafe directory else { return }
    var i = 0
    while i < 1 << Int(depth) {
      let segment = unsafe directory[i]
      for slot in 1...slots {
        if unsafe segment[slot].tag != 0 { unsafe body(segment[slot].value) }
      }
      i &+= unsafe span(of: segment)
    }
  }

  // MARK: Changing

  /// Adds a value under `hash`; the caller knows that it is not there yet. False: the
  /// budget refused more memory, or hundreds of equal hashes are there already.
  public mutating func insert(
    _ hash: UInt64, _ value: UInt32, _ budget: inout MemoryBudget
  ) -> Bool {
    let tag = Self.tag(hash)
    if unsafe directory == nil && !addFirstSegment(&budget) { return false }
    while let directory = unsafe directory {
      let segment = unsafe directory[segmentIndex(tag)]
      if unsafe Int(truncatingIfNeeded: segment.pointee.value) < slots &- slots >> 3 {
        unsafe place(Entry(value: value, tag: tag), in: segment)
        count &+= 1
        return true
      }
      let roomier = slots < Self.largest ? resize(to: slots &* 2, &budget) : split(tag, &budget)
      guard roomier else { return false }
    }
    return false
  }

  /// Puts `new` in the place of `old` under the same hash: a record moved. False: not there.
  public mutating func replace(_ hash: UInt64, _ old: UInt32, with new: UInt32) -> Bool {
    let tag = Self.tag(hash)
    guard let directory = unsafe directory, let i = slot(of: old, tag) else { return false }
    unsafe directory[segmentIndex(tag)][1 &+ i].value = new
    return true
  }

  /// Moves `value` to another hash. False: it is under neither any more, since there was no room for it.
  public mutating func move(
    _ value: UInt32, from old: UInt64, to new: UInt64, _ budget: inout MemoryBudget
  ) -> Bool {
    let tag = Self.tag(old)
    if let directory = unsafe directory, let i = slot(of: value, tag) {
      unsafe removeEntry(at: i, of: directory[segmentIndex(tag)])
      count &-= 1
    }
    return insert(new, value, &budget)
  }

  /// Removes `value` from under `hash`. False: not there.
  public mutating func remove(
    _ hash: UInt64, value: UInt32, _ budget: inout MemoryBudget
  ) -> Bool {
    let tag = Self.tag(hash)
    guard let directory = unsafe directory, let i = slot(of: value, tag) else { return false }
    let segment = unsafe directory[segmentIndex(tag)]
    unsafe removeEntry(at: i, of: segment)
    count &-= 1
    if depth == 0 {
      if slots > Self.smallest && count <= slots >> 2 { _ = resize(to: slots >> 1, &budget) }
    } else if unsafe segment.pointee.value <= 96 {
      join(tag, &budget)
    }
    return true
  }

  /// A table with the same entries.
  public borrowing func copy() -> FlowTable {
    var copy = FlowTable()
    guard let directory = unsafe directory else { return copy }
    let size = 1 << Int(depth)
    let target = UnsafeMutablePointer<UnsafeMutablePointer<Entry>>.allocate(capacity: size)
    var i = 0
    while i < size {
      let segment = UnsafeMutablePointer<Entry>.allocate(capacity: slots &+ 1)
      unsafe segment.initialize(from: directory[i], count: slots &+ 1)
      let span = unsafe span(of: segment)
      unsafe (target + i).initialize(repeating: segment, count: span)
      i &+= span
    }
    unsafe copy.directory = target
    copy.depth = depth
    copy.slots = slots
    copy.segments = segments
    copy.deepest = deepest
    copy.count = count
    return copy
  }

  // MARK: Tags

  /// 31 bits of the hash, and a low bit that tells them from an empty slot.
  @inlinable @inline(__always)
  static func tag(_ hash: UInt64) -> UInt32 {
    UInt32(truncatingIfNeeded: hash ^ hash >> 32) | 1
  }

  @inlinable @inline(__always)
  func segmentIndex(_ tag: UInt32) -> Int {
    Int(truncatingIfNeeded: UInt64(tag) &>> UInt64(32 &- depth))
  }

  @inlinable @inline(__always)
  func home(_ tag: UInt32) -> Int {
    Int(truncatingIfNeeded: tag >> 1) & (slots &- 1)
  }

  // MARK: Entries of a segment

  private func slot(of value: UInt32, _ tag: UInt32) -> Int? {
    guard let directory = unsafe directory else { return nil }
    let entries = unsafe directory[segmentIndex(tag)] + 1
    let mask = slots &- 1
    var i = home(tag)
    var distance = 0
    while true {
      let entry = unsafe entries[i]
      if entry.tag == tag && entry.value == value { return i }
      if entry.tag == 0 || (i &- home(entry.tag)) & mask < distance { return nil }
      i = (i &+ 1) & mask
      distance &+= 1
    }
  }

  /// Stores an entry in a segment that has room: whoever is farther from home stays.
  private func place(_ entry: Entry, in segment: UnsafeMutablePointer<Entry>) {
    let entries = unsafe segment + 1
    let mask = slots &- 1
    var entry = entry
    var i = home(entry.tag)
    var distance = 0
    while unsafe entries[i].tag != 0 {
      let theirs = unsafe (i &- home(entries[i].tag)) & mask
      if theirs < distance {
        let evicted = unsafe entries[i]
        unsafe entries[i] = entry
        entry = evicted
        distance = theirs
      }
      i = (i &+ 1) & mask
      distance &+= 1
    }
    unsafe entries[i] = entry
    unsafe segment.pointee.value &+= 1
  }

  /// Empties a slot and moves back by one those behind it that are not at home.
  private func removeEntry(at slot: Int, of segment: UnsafeMutablePointer<Entry>) {
    let entries = unsafe segment + 1
    let mask = slots &- 1
    var i = slot
    var next = (i &+ 1) & mask
    while unsafe entries[next].tag != 0 && home(entries[next].tag) != next {
      unsafe entries[i] = entries[next]
      i = next
      next = (i &+ 1) & mask
    }
    unsafe entries[i] = Entry(value: 0, tag: 0)
    unsafe segment.pointee.value &-= 1
  }

  // MARK: Segments

  /// How many directory entries point to the segment.
  private func span(of segment: UnsafeMutablePointer<Entry>) -> Int {
    unsafe 1 << Int(depth &- segment.pointee.tag)
  }

  private static func emptySegment(slots: Int, depth: UInt32) -> UnsafeMutablePointer<Entry> {
    let segment = UnsafeMutablePointer<Entry>.allocate(capacity: slots &+ 1)
    unsafe segment.initialize(repeating: Entry(value: 0, tag: 0), count: slots &+ 1)
    unsafe segment.pointee.tag = depth
    return unsafe segment
  }

  private mutating func addFirstSegment(_ budget: inout MemoryBudget) -> Bool {
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
  private mutating func resize(to size: Int, _ budget: inout MemoryBudget) -> Bool {
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
  private mutating func split(_ tag: UInt32, _ budget: inout MemoryBudget) -> Bool {
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
  private mutating func join(_ tag: UInt32, _ budget: inout MemoryBudget) {
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
