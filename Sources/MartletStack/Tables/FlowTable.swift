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

  static var smallest: Int { 8 }
  static var largest: Int { 512 }

  @usableFromInline var directory: UnsafeMutablePointer<UnsafeMutablePointer<Entry>>?
  @usableFromInline var depth: UInt32 = 0
  /// Slots in each segment: a power of two, less than 512 only while there is one segment.
  @usableFromInline var slots = 0
  var segments = 0
  /// Segments as deep as the directory; when there is none, it can be halved.
  var deepest = 0

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

  static func bytes(slots: Int) -> Int { (slots &+ 1) &* MemoryLayout<Entry>.stride }
  static var entryBytes: Int { unsafe MemoryLayout<UnsafeRawPointer>.stride }

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
    guard let directory = unsafe directory else { return insertWithMore(tag, value, &budget) }
    let segment = unsafe directory[segmentIndex(tag)]
    guard unsafe Int(truncatingIfNeeded: segment.pointee.value) < slots &- slots >> 3 else {
      return insertWithMore(tag, value, &budget)
    }
    count &+= 1
    unsafe place(Entry(value: value, tag: tag), in: segment)
    return true
  }

  /// Likewise where a search that found nothing ended. The table has not changed since.
  public mutating func insert(
    at search: Search, _ value: UInt32, _ budget: inout MemoryBudget
  ) -> Bool {
    guard let directory = unsafe directory else { return insertWithMore(search.tag, value, &budget) }
    let segment = unsafe directory[segmentIndex(search.tag)]
    guard unsafe Int(truncatingIfNeeded: segment.pointee.value) < slots &- slots >> 3 else {
      return insertWithMore(search.tag, value, &budget)
    }
    count &+= 1
    unsafe push(Entry(value: value, tag: search.tag), to: search.slot & (slots &- 1), of: segment)
    return true
  }

  /// Likewise, after getting more slots, until there is room.
  @inline(never)
  private mutating func insertWithMore(
    _ tag: UInt32, _ value: UInt32, _ budget: inout MemoryBudget
  ) -> Bool {
    if unsafe directory == nil && !addFirstSegment(&budget) { return false }
    while let directory = unsafe directory {
      let segment = unsafe directory[segmentIndex(tag)]
      if unsafe Int(truncatingIfNeeded: segment.pointee.value) < slots &- slots >> 3 {
        count &+= 1
        unsafe place(Entry(value: value, tag: tag), in: segment)
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
  @inline(__always)
  mutating func place(_ entry: Entry, in segment: UnsafeMutablePointer<Entry>) {
    let entries = unsafe segment + 1
    let mask = slots &- 1
    var i = home(entry.tag)
    var distance = 0
    while unsafe entries[i].tag != 0, (i &- home(unsafe entries[i].tag)) & mask >= distance {
      i = (i &+ 1) & mask
      distance &+= 1
    }
    unsafe push(entry, to: i, of: segment)
  }

  /// Stores an entry in a slot. Whoever is there or behind him, up to the next empty slot, moves by one: they are in the
  /// order of their homes, and stay so.
  @inline(__always)
  private mutating func push(_ entry: Entry, to slot: Int, of segment: UnsafeMutablePointer<Entry>) {
    let entries = unsafe segment + 1
    let mask = slots &- 1
    var i = slot
    var other = unsafe entries[i]
    unsafe entries[i] = entry
    while other.tag != 0 {
      i = (i &+ 1) & mask
      let next = unsafe entries[i]
      unsafe entries[i] = other
      other = next
    }
    unsafe segment.pointee.value &+= 1
  }

  /// Empties a slot and moves back by one those behind it that are not at home.
  func removeEntry(at slot: Int, of segment: UnsafeMutablePointer<Entry>) {
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
}
