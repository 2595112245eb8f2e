import MartletTCP

/// Timers by dense id, one each, in a hierarchical wheel of 4 levels of 64 slots.
///
/// A tick is what the caller says it is (a millisecond in the stack). A timer sits at the
/// level of the highest six bits in which its deadline differs from the present, and in the
/// slot that those bits name: so whatever is in a lower level comes before whatever is in a
/// higher one, and bitmaps find the next slot in O(levels). What differs above 24 bits
/// (4.7 hours) waits in `later`, and a deadline beyond 2^31 ticks is cut to that: such
/// a timer is popped early, never late, and its owner arms it again.
///
/// Timers of one tick have an order: a new one goes before or behind all of its slot, as its
/// lot and its tick say, and a slot keeps its order when it sinks. So the order depends on which
/// timers were armed, and in which order, but not on when the wheel turned, which any timer
/// decides: nobody learns from the order of his own that there are others. And nobody is always
/// first, as he would be in a plain queue: connections that are paced at one rate would
/// leave in the same order for ever, and the last of them would find the path's queue full.
///
/// The links live in pages of 64 nodes of 12 bytes. Invariants that make the unsafe lines
/// safe: `pages` holds `capacity` entries, the first `pageCount` of them pages of 64
/// initialised nodes; `node(_:)` checks the id before it makes a pointer.
@safe
public struct TimerWheel: ~Copyable {
  private struct Node {
    /// The next node's id plus one, or `listMark` and the number of the list that this node is
    /// last in.
    var next: UInt32
    /// The previous node's id plus one, or `listMark` and the number of the list that this
    /// node is first in; 0: not armed.
    var previous: UInt32
    /// The low 32 bits of the deadline, which is less than 2^31 beyond the present.
    var deadline: UInt32
  }

  private static var listMark: UInt32 { 0x8000_0000 }
  /// Lists 0…255 are the slots, level by level.
  private static var due: Int { 256 }
  private static var later: Int { 257 }
  private static var farthest: UInt64 { 0x7FFF_FFFF }

  /// The first and the last node of each list: its id plus one, 0 where there is none.
  private var heads: InlineArray<258, UInt32> = InlineArray(repeating: 0)
  private var tails: InlineArray<258, UInt32> = InlineArray(repeating: 0)
  private var occupied: InlineArray<4, UInt64> = InlineArray(repeating: 0)
  /// Every timer with a deadline at or before this tick is in the list `due`.
  private var present: UInt64
  private var pages: UnsafeMutablePointer<UnsafeMutablePointer<Node>>?
  private var capacity = 0
  private var pageCount = 0

  /// Timers that are armed.
  public private(set) var armed = 0

  /// A wheel without timers at the tick `now`.
  public init(now: UInt64 = 0) {
    present = now
  }

  deinit {
    guard let pages = unsafe pages else { return }
    for i in 0..<pageCount { unsafe pages[i].deallocate() }
    unsafe pages.deallocate()
  }

  private static var pageBytes: Int { 64 &* MemoryLayout<Node>.stride }
  private static var entryBytes: Int { unsafe MemoryLayout<UnsafeRawPointer>.stride }

  /// The bytes charged to the budget: the links; the slots are part of the value.
  public var heldBytes: Int { pageCount &* Self.pageBytes &+ capacity &* Self.entryBytes }

  /// Makes ids up to and including `id` usable. False: the budget refused.
  @inline(__always)
  public mutating func reserve(upTo id: UInt32, _ budget: inout MemoryBudget) -> Bool {
    Int(truncatingIfNeeded: id >> 6) < pageCount || addPages(upTo: id, &budget)
  }

  private mutating func addPages(upTo id: UInt32, _ budget: inout MemoryBudget) -> Bool {
    guard id < Self.listMark &- 1 else { return false }
    while pageCount <= Int(truncatingIfNeeded: id >> 6) {
      guard addPage(&budget) else { return false }
    }
    return true
  }

  /// Whether the timer is armed; false for an id that was never reserved.
  public func isArmed(_ id: UInt32) -> Bool {
    guard Int(truncatingIfNeeded: id >> 6) < pageCount else { return false }
    return unsafe node(id).pointee.previous != 0
  }

  /// Arms the timer of a reserved id, or moves it. A tick in the past is due at once; past
  /// and far are counted from the latest tick that `popDue` was given.
  ///
  /// - Parameter lot: decides, with the tick, on which side of its slot it goes: something of the
  ///   timer's own, which an id is not, since it depends on who else has one.
  public mutating func arm(_ id: UInt32, at tick: UInt64, lot: UInt32) {
    if unsafe node(id).pointee.previous != 0 { unlink(id) } else { armed &+= 1 }
    let deadline = tick > present ? min(tick, present &+ Self.farthest) : present
    unsafe node(id).pointee.deadline = UInt32(truncatingIfNeeded: deadline)
    link(id, at: deadline, isFirst: Self.goesFirst(lot, deadline))
  }

  /// A coin for each lot and tick: the top bit of a multiplicative hash.
  private static func goesFirst(_ lot: UInt32, _ deadline: UInt64) -> Bool {
    let mixed = (UInt64(lot) ^ deadline << 20) &* 0x9E37_79B9_7F4A_7C15
    return ((mixed ^ mixed >> 29) &* 0xBF58_476D_1CE4_E5B9) >> 63 == 1
  }

  /// Disarms the timer, if it is armed.
  public mutating func cancel(_ id: UInt32) {
    guard isArmed(id) else { return }
    unlink(id)
    armed &-= 1
  }

  /// The tick at which `popDue` has something to do; nil when no timer is armed. It may be
  /// earlier than the earliest deadline (then `popDue` only re-sorts), never later.
  public var nextTick: UInt64? {
    if heads[Self.due] != 0 { return present }
    for level in 0..<4 where occupied[level] != 0 {
      return start(of: occupied[level].trailingZeroBitCount, level)
    }
    return heads[Self.later] == 0 ? nil : endOfHorizon
  }

  /// Takes one timer that is due at `now`, earliest slot first; nil: none is left. Each
  /// call costs O(levels) and the re-sorting of slots that `now` reached, however far the
  /// clock jumped. `now` never goes back; an earlier one counts as the latest seen.
  public mutating func popDue(now: UInt64) -> UInt32? {
    while heads[Self.due] == 0 {
      guard let tick = nextTick, tick <= now else {
        // No list has its turn before `now`, so all occupied slots share with `now` the bits
        // above their own: they are where they belong.
        if now > present { present = now }
        return nil
      }
      turn(to: tick, now: now)
    }
    let id = heads[Self.due] &- 1
    unlink(id)
    armed &-= 1
    return id
  }

  /// A wheel with the same timers.
  public borrowing func copy() -> TimerWheel {
    var copy = TimerWheel(now: present)
    copy.heads = heads
    copy.tails = tails
    copy.occupied = occupied
    copy.armed = armed
    guard let pages = unsafe pages else { return copy }
    let copiedPages = UnsafeMutablePointer<UnsafeMutablePointer<Node>>.allocate(capacity: capacity)
    for i in 0..<pageCount {
      let page = UnsafeMutablePointer<Node>.allocate(capacity: 64)
      unsafe page.initialize(from: pages[i], count: 64)
      unsafe (copiedPages + i).initialize(to: page)
    }
    unsafe copy.pages = copiedPages
    copy.capacity = capacity
    copy.pageCount = pageCount
    return copy
  }

  // MARK: Turning

  /// The tick at which a slot's turn comes: its earliest possible deadline.
  private func start(of slot: Int, _ level: Int) -> UInt64 {
    let shift = UInt64(level &* 6)
    return (((present >> (shift &+ 6)) << 6) | UInt64(slot)) << shift
  }

  /// The first tick that differs from the present above the wheel's 24 bits.
  private var endOfHorizon: UInt64 { ((present >> 24) &+ 1) << 24 }

  /// Moves the present to `tick`, the turn of the next occupied list, and sorts its timers
  /// anew: they become due, or sink to a lower level.
  private mutating func turn(to tick: UInt64, now: UInt64) {
    var list = Self.later
    for level in 0..<4 where occupied[level] != 0 {
      list = level &* 64 &+ occupied[level].trailingZeroBitCount
      occupied[level] &= occupied[level] &- 1
      break
    }
    var next = heads[list]
    heads[list] = 0
    tails[list] = 0
    // The wheel proper is empty when the turn of `later` comes: the present may jump all the way.
    let from = present
    present = list == Self.later ? now : tick
    while next & Self.listMark == 0 {
      let id = next &- 1
      let node = unsafe node(id).pointee
      next = node.next
      let ahead = node.deadline &- UInt32(truncatingIfNeeded: from)
      link(id, at: from &+ UInt64(ahead), isFirst: false)
    }
  }

  // MARK: Lists

  private mutating func link(_ id: UInt32, at deadline: UInt64, isFirst: Bool) {
    let list = list(of: deadline)
    let mark = Self.listMark | UInt32(truncatingIfNeeded: list)
    let (first, last) = (heads[list], tails[list])
    let node = unsafe node(id)
    if first == 0 {
      unsafe node.pointee.next = mark
      unsafe node.pointee.previous = mark
      heads[list] = id &+ 1
      tails[list] = id &+ 1
      if list < Self.due { occupied[list >> 6] |= 1 << UInt64(list & 63) }
    } else if isFirst {
      unsafe node.pointee.next = first
      unsafe node.pointee.previous = mark
      unsafe self.node(first &- 1).pointee.previous = id &+ 1
      heads[list] = id &+ 1
    } else {
      unsafe node.pointee.next = mark
      unsafe node.pointee.previous = last
      unsafe self.node(last &- 1).pointee.next = id &+ 1
      tails[list] = id &+ 1
    }
  }

  private func list(of deadline: UInt64) -> Int {
    guard deadline > present else { return Self.due }
    let level = (63 &- (deadline ^ present).leadingZeroBitCount) / 6
    guard level < 4 else { return Self.later }
    return level &* 64 &+ Int(truncatingIfNeeded: deadline >> UInt64(level &* 6) & 63)
  }

  private mutating func unlink(_ id: UInt32) {
    let node = unsafe node(id)
    let (previous, next) = unsafe (node.pointee.previous, node.pointee.next)
    unsafe node.pointee.previous = 0
    let isFirst = previous & Self.listMark != 0
    let isLast = next & Self.listMark != 0
    if !isFirst { unsafe self.node(previous &- 1).pointee.next = next }
    if !isLast { unsafe self.node(next &- 1).pointee.previous = previous }
    guard isFirst || isLast else { return }
    let list = Int(truncatingIfNeeded: (isFirst ? previous : next) & ~Self.listMark)
    if isFirst { heads[list] = isLast ? 0 : next }
    if isLast { tails[list] = isFirst ? 0 : previous }
    if isFirst && isLast && list < Self.due { occupied[list >> 6] &= ~(1 << UInt64(list & 63)) }
  }

  /// The one place where an id becomes a pointer.
  private func node(_ id: UInt32) -> UnsafeMutablePointer<Node> {
    let page = Int(truncatingIfNeeded: id >> 6)
    precondition(page < pageCount, "an id that was not reserved")
    guard let pages = unsafe pages else { preconditionFailure("no pages") }
    return unsafe pages[page] + Int(truncatingIfNeeded: id & 63)
  }

  private mutating func addPage(_ budget: inout MemoryBudget) -> Bool {
    guard pageCount < capacity || growDirectory(&budget) else { return false }
    guard budget.take(Self.pageBytes), let pages = unsafe pages else { return false }
    let page = UnsafeMutablePointer<Node>.allocate(capacity: 64)
    unsafe page.initialize(repeating: Node(next: 0, previous: 0, deadline: 0), count: 64)
    unsafe (pages + pageCount).initialize(to: page)
    pageCount &+= 1
    return true
  }

  private mutating func growDirectory(_ budget: inout MemoryBudget) -> Bool {
    let larger = max(1, capacity &* 2)
    guard budget.take((larger &- capacity) &* Self.entryBytes) else { return false }
    let newPages = UnsafeMutablePointer<UnsafeMutablePointer<Node>>.allocate(capacity: larger)
    if let pages = unsafe pages {
      unsafe newPages.moveInitialize(from: pages, count: pageCount)
      unsafe pages.deallocate()
    }
    unsafe pages = newPages
    capacity = larger
    return true
  }
}
