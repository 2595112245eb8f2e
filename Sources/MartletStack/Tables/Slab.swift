import MartletTCP

/// A place in a slab: its index, and which of the records that were ever there it means.
/// A handle whose record is gone never finds the next one.
@frozen
public struct Handle: BitwiseCopyable, Hashable, Sendable {
  public let index: UInt32
  /// Odd while the record lives.
  public let generation: UInt32

  @inlinable @inline(__always)
  public init(index: UInt32, generation: UInt32) {
    self.index = index
    self.generation = generation
  }
}

/// Records of one kind at small dense indices, in pages that are charged to the budget.
///
/// Page 0 starts with 4 slots and doubles to 64; every other page has 64 and never moves.
/// A page whose last record goes is given back, all but one spare. One rule for callers:
/// **one subscript per step** (`slab[i].emit(…)`), because each is a bounds check and two loads.
///
/// Invariants that make the unsafe lines below safe:
/// - `pages` and `marks` hold `capacity` entries each, the first `pageCount` initialised;
/// - a page is nil or points to `slots(in:)` initialised slots that this slab owns;
/// - `address(_:)` checks the index against both before it makes a pointer;
/// - no pointer outlives the access that made it, so page 0 may move in `allocate`.
/// An index whose record was freed reads a stale record, never foreign memory; debug
/// builds trap on it.
@safe
public struct Slab<Record: BitwiseCopyable>: ~Copyable {
  @usableFromInline
  struct Slot {
    @usableFromInline var record: Record
    /// Odd: live. Grows by one at each change, so that stale handles never match.
    @usableFromInline var generation: UInt32
  }

  /// What is needed of a page only when records come and go.
  private struct Mark {
    /// One bit for each free slot.
    var free: UInt64
    /// Neighbours in the list of pages with a free slot, or the next page without memory.
    var previous: UInt32
    var next: UInt32
    /// An even number that no generation of an earlier life of this page exceeds.
    var generation: UInt32
  }

  private static var none: UInt32 { UInt32.max }
  private static var firstPageSlots: Int { 4 }
  private static var pageSlots: Int { 64 }
  private static var slotBytes: Int { MemoryLayout<Slot>.stride }
  private static var directoryBytes: Int {
    unsafe MemoryLayout<UnsafeMutablePointer<Slot>?>.stride &+ MemoryLayout<Mark>.stride
  }

  @usableFromInline var pages: UnsafeMutablePointer<UnsafeMutablePointer<Slot>?>?
  private var marks: UnsafeMutablePointer<Mark>?
  private var capacity = 0
  private var pageCount = 0
  /// Slots in page 0.
  private var firstPage = 0
  /// Indices below this lie in a page of the directory.
  @usableFromInline var slotLimit: UInt32 = 0
  /// Pages with a free slot; an empty one is at the end.
  private var openFirst = UInt32.max
  private var openLast = UInt32.max
  private var vacantFirst = UInt32.max
  private var emptyPages = 0

  /// Records that live.
  public private(set) var live = 0
  /// The bytes charged to the budget: pages and their directory.
  public private(set) var heldBytes = 0

  /// A slab that holds nothing.
  public init() {
    precondition(MemoryLayout<Record>.size > 0)
  }

  deinit {
    guard let pages = unsafe pages, let marks = unsafe marks else { return }
    for i in 0..<pageCount { unsafe pages[i]?.deallocate() }
    unsafe pages.deallocate()
    unsafe marks.deallocate()
  }

  /// One past the highest index that a live record can have.
  public var indexLimit: UInt32 { slotLimit }

  // MARK: Access

  /// The record at an index that `allocate` gave out. Traps on an index that never was.
  @inlinable
  public subscript(_ i: UInt32) -> Record {
    @inline(__always) unsafeAddress { unsafe UnsafePointer(address(i)) }
    @inline(__always) unsafeMutableAddress { unsafe address(i) }
  }

  @inlinable @inline(__always)
  func slot(_ i: UInt32) -> UnsafeMutablePointer<Slot> {
    precondition(i < slotLimit, "no such index")
    guard let pages = unsafe pages, let page = unsafe pages[Int(truncatingIfNeeded: i >> 6)]
    else { preconditionFailure("the record's page is gone") }
    return unsafe page + Int(truncatingIfNeeded: i & 63)
  }

  @inlinable @inline(__always)
  func address(_ i: UInt32) -> UnsafeMutablePointer<Record> {
    let slot = unsafe slot(i)
    assert(unsafe slot.pointee.generation & 1 == 1, "the record is free")
    // The record is the first member of its slot: same address.
    return unsafe UnsafeMutableRawPointer(slot).assumingMemoryBound(to: Record.self)
  }

  /// Whether the handle's record still lives.
  @inlinable
  public func contains(_ h: Handle) -> Bool {
    h.generation & 1 == 1 && generation(h.index) == h.generation
  }

  /// Whether a record lives at the index.
  @inlinable
  public func isLive(_ i: UInt32) -> Bool {
    generation(i) & 1 == 1
  }

  /// The handle of the record that lives at the index; nil when none does.
  @inlinable
  public func handle(at i: UInt32) -> Handle? {
    let generation = generation(i)
    return generation & 1 == 1 ? Handle(index: i, generation: generation) : nil
  }

  /// The generation at the index; 0 where there is no page.
  @inlinable @inline(__always)
  func generation(_ i: UInt32) -> UInt32 {
    guard i < slotLimit, let pages = unsafe pages,
      let page = unsafe pages[Int(truncatingIfNeeded: i >> 6)]
    else { return 0 }
    return unsafe page[Int(truncatingIfNeeded: i & 63)].generation
  }

  /// The first live index at or after `i`, to walk all records:
  /// `var i = slab.nextLive(from: 0); while let j = i { …; i = slab.nextLive(from: j + 1) }`.
  public func nextLive(from i: UInt32) -> UInt32? {
    guard i < slotLimit, let pages = unsafe pages, let marks = unsafe marks else { return nil }
    var page = Int(truncatingIfNeeded: i >> 6)
    var wanted = ~UInt64(0) << UInt64(i & 63)
    while page < pageCount {
      let used = unsafe pages[page] == nil ? 0 : ~marks[page].free & allFree(page) & wanted
      if used != 0 {
        return UInt32(truncatingIfNeeded: page &* 64 &+ used.trailingZeroBitCount)
      }
      page &+= 1
      wanted = ~0
    }
    return nil
  }

  /// Calls `body` with every live index, lowest first.
  public func forEachLive(_ body: (UInt32) -> Void) {
    var i = nextLive(from: 0)
    while let index = i {
      body(index)
      i = nextLive(from: index &+ 1)
    }
  }

  // MARK: Coming and going

  /// Stores a record at a free index. Nil: the budget refused a page, nothing changed.
  public mutating func allocate(_ record: Record, _ budget: inout MemoryBudget) -> Handle? {
    guard let handle = allocateAsItIs(&budget) else { return nil }
    unsafe address(handle.index).pointee = record
    return handle
  }

  /// Likewise, but stores nothing: the record is one that was freed, or all zeroes. For what is larger than what of
  /// it will be used.
  mutating func allocateAsItIs(_ budget: inout MemoryBudget) -> Handle? {
    if openFirst == Self.none && !addSlots(&budget) { return nil }
    guard let pages = unsafe pages, let marks = unsafe marks, openFirst != Self.none
    else { return nil }
    let page = Int(truncatingIfNeeded: openFirst)
    guard let slots = unsafe pages[page] else { return nil }
    let bit = unsafe marks[page].free.trailingZeroBitCount
    if unsafe marks[page].free == allFree(page) { emptyPages &-= 1 }
    unsafe marks[page].free &= marks[page].free &- 1
    if unsafe marks[page].free == 0 { removeFromOpen(page) }
    let generation = unsafe slots[bit].generation | 1
    unsafe slots[bit].generation = generation
    live &+= 1
    return Handle(index: UInt32(truncatingIfNeeded: page &* 64 &+ bit), generation: generation)
  }

  /// Ends the record at a live index; its handles are stale from now on. Traps when none lives there.
  public mutating func free(_ i: UInt32, _ budget: inout MemoryBudget) {
    let slot = unsafe slot(i)
    precondition(unsafe slot.pointee.generation & 1 == 1, "freed twice")
    guard let marks = unsafe marks else { return }
    let page = Int(truncatingIfNeeded: i >> 6)
    unsafe slot.pointee.generation &+= 1
    let wasFull = unsafe marks[page].free == 0
    unsafe marks[page].free |= 1 << UInt64(i & 63)
    live &-= 1
    if wasFull { pushOpenFirst(page) }
    guard unsafe marks[page].free == allFree(page) else { return }
    emptyPages &+= 1
    if emptyPages > 1 {
      dropPage(page, &budget)
    } else if Int(truncatingIfNeeded: openLast) != page {
      removeFromOpen(page)
      pushOpenLast(page)
    }
  }

  /// Gives the spare page back too. Generations stay, so stale handles stay stale.
  public mutating func trim(_ budget: inout MemoryBudget) {
    if emptyPages > 0 { dropPage(Int(truncatingIfNeeded: openLast), &budget) }
  }

  /// A slab with the same records at the same indices under the same handles.
  public borrowing func copy() -> Slab {
    var copy = Slab()
    guard let pages = unsafe pages, let marks = unsafe marks else { return copy }
    let copiedPages = UnsafeMutablePointer<UnsafeMutablePointer<Slot>?>.allocate(capacity: capacity)
    let copiedMarks = UnsafeMutablePointer<Mark>.allocate(capacity: capacity)
    unsafe copiedMarks.initialize(from: marks, count: pageCount)
    for i in 0..<pageCount {
      var copied: UnsafeMutablePointer<Slot>? = nil
      if let page = unsafe pages[i] {
        let target = UnsafeMutablePointer<Slot>.allocate(capacity: slots(in: i))
        unsafe target.initialize(from: page, count: slots(in: i))
        unsafe copied = target
      }
      unsafe (copiedPages + i).initialize(to: copied)
    }
    unsafe copy.pages = copiedPages
    unsafe copy.marks = copiedMarks
    copy.capacity = capacity
    copy.pageCount = pageCount
    copy.firstPage = firstPage
    copy.slotLimit = slotLimit
    copy.openFirst = openFirst
    copy.openLast = openLast
    copy.vacantFirst = vacantFirst
    copy.emptyPages = emptyPages
    copy.live = live
    copy.heldBytes = heldBytes
    return copy
  }

  // MARK: Pages

  @inline(__always)
  private func slots(in page: Int) -> Int { page == 0 ? firstPage : Self.pageSlots }

  @inline(__always)
  private func allFree(_ page: Int) -> UInt64 {
    let n = slots(in: page)
    return n == 64 ? ~0 : (1 << UInt64(n)) &- 1
  }

  /// Finds memory for more slots: page 0 doubles first, then a page comes.
  private mutating func addSlots(_ budget: inout MemoryBudget) -> Bool {
    if pageCount == 1 && firstPage < Self.pageSlots && vacantFirst == Self.none {
      return doubleFirstPage(&budget)
    }
    guard vacantFirst != Self.none || pageCount < capacity || growDirectory(&budget) else { return false }
    let page = vacantFirst == Self.none ? pageCount : Int(truncatingIfNeeded: vacantFirst)
    let count = page == 0 ? max(firstPage, Self.firstPageSlots) : Self.pageSlots
    guard budget.take(count &* Self.slotBytes), let pages = unsafe pages, let marks = unsafe marks
    else { return false }
    heldBytes &+= count &* Self.slotBytes
    if page == 0 { firstPage = count }
    if page == pageCount {
      unsafe (marks + page).initialize(to: Mark(free: 0, previous: 0, next: 0, generation: 0))
      unsafe (pages + page).initialize(to: nil)
      pageCount &+= 1
      slotLimit = UInt32(truncatingIfNeeded: page == 0 ? firstPage : pageCount &* 64)
    } else {
      vacantFirst = unsafe marks[page].next
    }
    unsafe pages[page] = zeroedSlots(count, generation: marks[page].generation)
    unsafe marks[page].free = allFree(page)
    emptyPages &+= 1
    pushOpenLast(page)
    return true
  }

  /// Slots of zeroes: bitwise copyable records have no invariants to break, and nobody
  /// reads a record that was not stored first.
  private func zeroedSlots(_ count: Int, generation: UInt32) -> UnsafeMutablePointer<Slot> {
    let slots = UnsafeMutablePointer<Slot>.allocate(capacity: count)
    unsafe UnsafeMutableRawPointer(slots)
      .initializeMemory(as: UInt8.self, repeating: 0, count: count &* Self.slotBytes)
    for i in 0..<count { unsafe slots[i].generation = generation }
    return unsafe slots
  }

  private mutating func doubleFirstPage(_ budget: inout MemoryBudget) -> Bool {
    guard let pages = unsafe pages, let marks = unsafe marks, let old = unsafe pages[0],
      budget.take(firstPage &* Self.slotBytes)
    else { return false }
    heldBytes &+= firstPage &* Self.slotBytes
    let larger = unsafe zeroedSlots(firstPage &* 2, generation: marks[0].generation)
    unsafe larger.update(from: old, count: firstPage)
    unsafe old.deallocate()
    unsafe pages[0] = larger
    let added = ((UInt64(1) << UInt64(firstPage)) &- 1) << UInt64(firstPage)
    firstPage &*= 2
    slotLimit = UInt32(truncatingIfNeeded: firstPage)
    unsafe marks[0].free |= added
    pushOpenFirst(0)
    return true
  }

  private mutating func growDirectory(_ budget: inout MemoryBudget) -> Bool {
    let larger = max(1, capacity &* 2)
    // Indices are 32 bits: the directory stops well before they run out.
    guard larger <= 1 << 25, budget.take((larger &- capacity) &* Self.directoryBytes) else { return false }
    heldBytes &+= (larger &- capacity) &* Self.directoryBytes
    let newPages = UnsafeMutablePointer<UnsafeMutablePointer<Slot>?>.allocate(capacity: larger)
    let newMarks = UnsafeMutablePointer<Mark>.allocate(capacity: larger)
    if let pages = unsafe pages, let marks = unsafe marks {
      unsafe newPages.moveInitialize(from: pages, count: pageCount)
      unsafe newMarks.moveInitialize(from: marks, count: pageCount)
      unsafe pages.deallocate()
      unsafe marks.deallocate()
    }
    unsafe pages = newPages
    unsafe marks = newMarks
    capacity = larger
    return true
  }

  /// Frees a page without records, and remembers how far its generations went.
  private mutating func dropPage(_ page: Int, _ budget: inout MemoryBudget) {
    guard let pages = unsafe pages, let marks = unsafe marks, let slots = unsafe pages[page]
    else { return }
    removeFromOpen(page)
    let count = self.slots(in: page)
    for i in 0..<count {
      unsafe marks[page].generation = max(marks[page].generation, slots[i].generation)
    }
    unsafe slots.deallocate()
    unsafe pages[page] = nil
    unsafe marks[page].free = 0
    unsafe marks[page].next = vacantFirst
    vacantFirst = UInt32(truncatingIfNeeded: page)
    emptyPages &-= 1
    heldBytes &-= count &* Self.slotBytes
    budget.give(count &* Self.slotBytes)
  }

  // MARK: The list of pages with a free slot

  private mutating func pushOpenFirst(_ page: Int) {
    guard let marks = unsafe marks else { return }
    let index = UInt32(truncatingIfNeeded: page)
    unsafe marks[page].previous = Self.none
    unsafe marks[page].next = openFirst
    if openFirst == Self.none {
      openLast = index
    } else {
      unsafe marks[Int(truncatingIfNeeded: openFirst)].previous = index
    }
    openFirst = index
  }

  private mutating func pushOpenLast(_ page: Int) {
    guard let marks = unsafe marks else { return }
    let index = UInt32(truncatingIfNeeded: page)
    unsafe marks[page].previous = openLast
    unsafe marks[page].next = Self.none
    if openLast == Self.none {
      openFirst = index
    } else {
      unsafe marks[Int(truncatingIfNeeded: openLast)].next = index
    }
    openLast = index
  }

  private mutating func removeFromOpen(_ page: Int) {
    guard let marks = unsafe marks else { return }
    let (previous, next) = unsafe (marks[page].previous, marks[page].next)
    if previous == Self.none {
      openFirst = next
    } else {
      unsafe marks[Int(truncatingIfNeeded: previous)].next = next
    }
    if next == Self.none {
      openLast = previous
    } else {
      unsafe marks[Int(truncatingIfNeeded: next)].previous = previous
    }
  }
}
